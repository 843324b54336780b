//! The sources of a configuration: opened before anything runs, so that a busy address is an error at start, then run
//! on a thread each.

use crate::config::{Config, Kind, Source as Wanted, Tcp};
use anyhow::{Context, Result};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};
use tallymark_ingest::{
    IngestMeters, Refusals, Sealed, StartPositions, VisitGate,
    source::{
        Claims, FileOptions, Handed, LineOptions, LogFile, SocketPlace, Stop, SyslogDatagrams, SyslogTcp,
        TcpOptions, UdpOptions, UnixOptions, Zmq,
    },
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// An open source.
pub(crate) enum OpenSource {
    Datagrams(SyslogDatagrams),
    Tcp(SyslogTcp),
    File(LogFile),
    Zmq(Zmq),
}

/// Opens every source, or takes its socket from the service manager.
pub(crate) fn open(
    config: &Config,
    meters: &IngestMeters,
    (gate, refusals): (&Arc<VisitGate>, &Arc<Refusals>),
    handed: &mut Handed,
) -> Result<Vec<OpenSource>> {
    let claims = Claims::default();
    let open = |source: &Wanted| {
        let lines = LineOptions {
            max_line: source.max_line,
            format: source.format.clone(),
            routes: config.routes_of(source),
            tick: config.tick,
            limit: config.tally_entries,
            visits: config.kept_visits,
            gate: Some(gate.clone()),
            refusals: refusals.clone(),
        };
        open_one(source, &claims, lines, meters, handed)
    };
    config.sources.iter().map(open).collect()
}

/// The files of the unix sockets that are listened on.
pub(crate) fn socket_files(config: &Config) -> Vec<PathBuf> {
    let path = |source: &Wanted| match &source.kind {
        Kind::Unix { path, .. } => Some(path.clone()),
        _ => None,
    };
    config.sources.iter().filter_map(path).collect()
}

/// That no one can reach a unix socket, because its file was removed; for `/readyz`.
pub(crate) fn missing(socket: &Path) -> Option<String> {
    let gone = socket.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    gone.then(|| {
        format!(
            "the socket file {} was removed, so its senders reach no one: restart the daemon, which makes it again",
            socket.display()
        )
    })
}

fn open_one(
    source: &Wanted,
    claims: &Claims,
    lines: LineOptions,
    meters: &IngestMeters,
    handed: &mut Handed,
) -> Result<OpenSource> {
    match &source.kind {
        Kind::Udp { listen, allow, receive_buffer } => {
            let socket = handed.claim(&SocketPlace::Udp(*listen));
            let (listen, receive_buffer, from) = (*listen, *receive_buffer, keeper_of(&socket));
            let options = UdpOptions { listen, allow: allow.clone(), receive_buffer };
            let bound = SyslogDatagrams::udp(options, socket, lines, meters.source("syslog-udp"))?;
            info!(listen = %bound.local_addr().unwrap_or(listen), from, "listening for syslog-udp");
            Ok(OpenSource::Datagrams(bound))
        }
        Kind::Unix { path, mode } => {
            let socket = handed.claim(&SocketPlace::UnixDatagrams(path.clone()));
            let from = keeper_of(&socket);
            let options = UnixOptions { path: path.clone(), mode: *mode };
            let bound = SyslogDatagrams::unix(options, socket, lines, meters.source("syslog-unix"))?;
            info!(path = %path.display(), from, "listening for syslog-unix");
            Ok(OpenSource::Datagrams(bound))
        }
        Kind::Tcp(Tcp { listen, allow, framing, connections, idle }) => {
            let socket = handed.claim(&SocketPlace::Tcp(*listen));
            let (listen, from) = (*listen, keeper_of(&socket));
            let (framing, connections, idle) = (*framing, *connections, *idle);
            let options = TcpOptions { listen, allow: allow.clone(), framing, connections, idle };
            let bound = SyslogTcp::open(options, socket, lines, meters.source("syslog-tcp"))?;
            info!(listen = %bound.local_addr().unwrap_or(listen), from, "listening for syslog-tcp");
            Ok(OpenSource::Tcp(bound))
        }
        Kind::File { path, start } => {
            let options = FileOptions { path: path.clone(), start: *start };
            Ok(OpenSource::File(LogFile::new(options, claims.clone(), lines, meters.source("file"))?))
        }
        Kind::Zmq(options) => Ok(OpenSource::Zmq(Zmq::new(options.clone(), lines, meters.source("zmq")))),
    }
}

/// Whose socket it is, if the service manager keeps it.
fn keeper_of<T>(socket: &Option<T>) -> Option<&'static str> {
    socket.as_ref().map(|_| "systemd")
}

impl OpenSource {
    fn label(&self) -> &'static str {
        match self {
            OpenSource::Datagrams(source) => source.label(),
            OpenSource::Tcp(_) => "syslog-tcp",
            OpenSource::File(_) => "file",
            OpenSource::Zmq(_) => "zmq",
        }
    }

    fn run(self, sealed: &mpsc::Sender<Sealed>, positions: &StartPositions, halt: &Stop) -> Result<()> {
        match self {
            OpenSource::Datagrams(source) => source.run(sealed, halt)?,
            OpenSource::Tcp(source) => source.run(sealed, halt)?,
            OpenSource::File(source) => source.run(sealed, positions, halt)?,
            OpenSource::Zmq(source) => source.run(sealed, halt)?,
        }
        Ok(())
    }
}

/// Each source is a thread, because it drains its socket at its own pace. If one fails, the daemon stops: a supervisor
/// then restarts it, which is better than a daemon that looks healthy and counts nothing.
pub(crate) fn start(
    sources: Vec<OpenSource>,
    sealed: &mpsc::Sender<Sealed>,
    positions: &StartPositions,
    halt: &Stop,
    stop: &CancellationToken,
) -> Result<Vec<JoinHandle<Result<()>>>> {
    let mut threads = Vec::new();
    for source in sources {
        let (sealed, halt, stop) = (sealed.clone(), halt.clone(), stop.clone());
        let positions = positions.clone();
        let label = source.label();
        let work = move || {
            let ended = source.run(&sealed, &positions, &halt).with_context(|| format!("receiving {label}"));
            if ended.is_err() {
                stop.cancel();
            }
            ended
        };
        let thread = std::thread::Builder::new().name(label.to_owned()).spawn(work);
        threads.push(thread.context("starting the thread of a source")?);
    }
    Ok(threads)
}

/// Waits for the end of every source.
pub(crate) fn join(threads: Vec<JoinHandle<Result<()>>>) -> Result<()> {
    for thread in threads {
        // A panic aborts the whole process, so there is nothing to join then.
        thread.join().unwrap_or(Ok(()))?;
    }
    Ok(())
}
