//! The daemon's side of `tallymark tail`: a unix socket in the data directory, only for the daemon's own user.
//!
//! A client sends `all` or `rejected`, then reads one JSON object per line for as long as it likes. It cannot slow down
//! the daemon: a reader that does not keep up misses lines, and learns how many. Or it sends `explain NAME` and reads
//! one line: the refused hits of that name.

use serde_json::{Value, json};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tallymark_core::Reject;
use tallymark_ingest::{Heard, Refusals, RefusedHits, Sample, SampleKind, Tail};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// The socket's name within the data directory.
pub(crate) const SOCKET: &str = "tail.sock";
/// What is asked for with a name behind it.
pub(crate) const EXPLAIN: &str = "explain ";
/// Readers at once.
const READERS: usize = 8;
/// The longest request: a name and the word before it.
const REQUEST: u64 = 4096;
/// How long a reader may take to send its request, or to read a line.
const PATIENCE: Duration = Duration::from_secs(5);

/// The socket, removed when dropped.
pub(crate) struct TailSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl TailSocket {
    /// Opens it. The data directory is locked by now, so an existing socket was left behind.
    pub(crate) fn open(data_dir: &Path) -> io::Result<TailSocket> {
        let path = data_dir.join(SOCKET);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(TailSocket { listener, path })
    }

    /// Serves readers until `stop`. First they get the addresses on which the daemon `listens`.
    pub(crate) async fn offer(
        self,
        tail: Tail,
        refusals: Arc<Refusals>,
        listens: Vec<String>,
        stop: CancellationToken,
    ) {
        let listens: Arc<[String]> = listens.into();
        let places = Arc::new(Semaphore::new(READERS));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "accepting a reader of the live view");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            // A connection over the limit is closed.
            let Ok(place) = places.clone().try_acquire_owned() else { continue };
            let (tail, listens, stop) = (tail.clone(), listens.clone(), stop.clone());
            let refusals = refusals.clone();
            tokio::spawn(async move {
                let _place = place;
                tokio::select! {
                    ended = serve(stream, &tail, &refusals, &listens) => if let Err(error) = ended {
                        debug!(%error, "a reader of the live view is gone");
                    },
                    () = stop.cancelled() => {}
                }
            });
        }
    }
}

impl Drop for TailSocket {
    fn drop(&mut self) {
        // It may already have been removed.
        let _ = fs::remove_file(&self.path);
    }
}

async fn serve(stream: UnixStream, tail: &Tail, refusals: &Refusals, listens: &[String]) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read.take(REQUEST));
    let mut wish = String::new();
    tokio::time::timeout(PATIENCE, read.read_line(&mut wish)).await??;
    let wish = wish.trim_end_matches('\n');
    if let Some(name) = wish.strip_prefix(EXPLAIN) {
        return put(&mut write, &refused(refusals, name)).await;
    }
    let rejected_only = wish == "rejected";
    let mut listener = tail.listen();
    // From here on nothing is missed.
    let last_line = tail.last_line().map(readable);
    let greeting = json!({"watching": env!("CARGO_PKG_VERSION"), "listens": listens, "last_line": last_line});
    put(&mut write, &greeting).await?;
    let mut end = [0u8; 1];
    loop {
        let heard = tokio::select! {
            heard = listener.next() => heard,
            // The reader sends nothing more, so anything that arrives means its end.
            _ = read.read(&mut end) => return Ok(()),
        };
        let line = match heard {
            None => return Ok(()),
            Some(Heard::Missed(missed)) => json!({"missed": missed}),
            Some(Heard::Sample(sample))
                if rejected_only && matches!(sample.what, SampleKind::Accepted { .. }) =>
            {
                continue;
            }
            Some(Heard::Sample(sample)) => of(&sample),
        };
        put(&mut write, &line).await?;
    }
}

/// What was refused of a name.
fn refused(refusals: &Refusals, name: &str) -> Value {
    let of_reason = |(reason, hits): (Reject, RefusedHits)| {
        json!({
            "reason": reason.label(),
            "why": reason.explained(),
            "count": hits.count,
            "first": readable(hits.first.unix_ms),
            "last": readable(hits.last.unix_ms),
        })
    };
    refusals.refused(name).into_iter().map(of_reason).collect()
}

fn of(sample: &Sample) -> Value {
    let Sample { unix_ms, source, what } = sample;
    let time = readable(*unix_ms);
    match what {
        SampleKind::Accepted { event, name, opted_out } => {
            let mut object = json!({"time": time, "source": source, "accepted": name, "event": event});
            if *opted_out {
                object["opted_out"] = true.into();
            }
            object
        }
        SampleKind::Rejected { reason, tag, priority, line } => {
            let why = reason.explained();
            let mut object = json!({"time": time, "source": source, "rejected": reason.label(), "why": why});
            for (key, value) in [("tag", tag), ("priority", priority), ("line", &Some(line.clone()))] {
                if let Some(value) = value {
                    object[key] = value.as_str().into();
                }
            }
            object
        }
        SampleKind::Skipped(count) => json!({"time": time, "source": source, "skipped": count}),
    }
}

fn readable(unix_ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

async fn put(write: &mut (impl tokio::io::AsyncWrite + Unpin), value: &Value) -> io::Result<()> {
    let line = format!("{value}\n");
    tokio::time::timeout(PATIENCE, write.write_all(line.as_bytes())).await?
}
