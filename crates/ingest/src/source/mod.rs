//! Where lines come from: one file for each kind of source.

mod datagram;
mod file;
mod handed;
mod tcp;
mod udp;
mod unix;
mod zmq;

pub use crate::clock::now;
pub use datagram::SyslogDatagrams;
pub(crate) use file::{
    Beginning, FileRecord, Identity, ImportMark, Ladder, LastHashes, LastLines, Mark, PREFIX, Print, RUN,
    Run, Runs, Sink, TAIL, cut_lines, has_enough, imports, records, repeats_one_line,
};
pub use file::{
    Claims, FileError, FileOptions, LogFile, Start, is_of_log, is_rotated_name, open_regular, real_path,
};
pub use handed::{Handed, HandedError, SocketPlace};
pub use tcp::{SyslogTcp, TcpOptions};
pub use udp::UdpOptions;
pub use unix::UnixOptions;
pub use zmq::{Zmq, ZmqOptions};

use crate::{Intake, LineFormat, Refusals, Sealed, VisitGate, meters::SourceMeters};
use std::{
    io::{self, PipeReader, PipeWriter, Write},
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tallymark_core::{Dating, KeptVisits, Routes, Unbound};
use tallymark_store::owner;
use tokio::sync::mpsc;
use tracing::warn;

/// The settings of every syslog source.
#[derive(Clone, Debug)]
pub struct LineOptions {
    /// The longest line.
    pub max_line: usize,
    /// What lines look like.
    pub format: LineFormat,
    /// Which lines are accepted.
    pub routes: Arc<Routes>,
    /// How often the tally is sealed.
    pub tick: Duration,
    /// The maximum number of cells in the tally.
    pub limit: usize,
    /// Which visits of a name are kept.
    pub visits: KeptVisits,
    /// The gate that tells visits from hits, if there is one.
    pub gate: Option<Arc<VisitGate>>,
    /// What is not counted.
    pub refusals: Arc<Refusals>,
}

impl LineOptions {
    /// What tells formats and routes apart. It may be another one in another version.
    fn print(&self) -> u32 {
        let all = format!("{:?} {:?} {}", self.format, self.routes, self.max_line);
        (Print::of(all.as_bytes()).0 >> 96) as u32
    }

    fn intake(&self, dating: Dating, meters: SourceMeters) -> Intake {
        let intake =
            Intake::new(self.routes.clone(), self.format.clone(), dating, self.limit, self.max_line, meters);
        let intake = intake.keeping_visits(self.visits).refusing(self.refusals.clone());
        match &self.gate {
            Some(gate) => intake.telling_visits(gate.clone()),
            None => intake,
        }
    }
}

/// A socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("listening for syslog on {place}: {error}{}", hint(.place, .error))]
pub struct BindError {
    place: String,
    #[source]
    error: io::Error,
}

/// How to fix it, if known.
fn hint(place: &str, error: &io::Error) -> String {
    let (flag, look) = match place {
        _ if place.starts_with("udp ") => ("--syslog-udp", "ss -lunp"),
        _ if place.starts_with("tcp ") => ("--syslog-tcp", "ss -ltnp"),
        _ => ("--syslog-unix", "ss -lxp"),
    };
    let addr = place.split_once(' ').and_then(|(_, addr)| addr.parse::<SocketAddr>().ok());
    let ip = addr.map(|addr| addr.ip());
    let advice = Unbound { ip, flag, unit: "tallymark.socket", look }.advice(error);
    match place.strip_prefix("unix:") {
        Some(path) if error.kind() == io::ErrorKind::NotFound => {
            let dir = Path::new(path).parent().unwrap_or(Path::new("/"));
            format!(
                "{advice}; its directory {} does not exist: create it for the user of this daemon (systemd: \
                 RuntimeDirectory=)",
                dir.display()
            )
        }
        Some(path) => advice + &owner::hint(error, Path::new(path)),
        None => advice,
    }
}

impl BindError {
    fn new(place: String, error: io::Error) -> BindError {
        BindError { place, error }
    }
}

/// Sends the tally if the channel has room.
fn seal_if_room(intake: &mut Intake, out: &mpsc::Sender<Sealed>) {
    if intake.is_empty() {
        return;
    }
    if let Ok(place) = out.try_reserve() {
        place.send(Sealed::of_lines(intake.seal()));
    }
}

/// Sends the last tally of a source, and waits for room.
fn seal_last(intake: &mut Intake, out: &mpsc::Sender<Sealed>) {
    if !intake.is_empty() && out.blocking_send(Sealed::of_lines(intake.seal())).is_err() {
        warn!("the writer was gone before the last lines reached it");
    }
}

/// Tells the threads of sources to stop. They sleep in `poll`, so a pipe wakes them.
#[derive(Clone)]
pub struct Stop {
    reader: Arc<PipeReader>,
    writer: Arc<Mutex<Option<PipeWriter>>>,
}

impl Stop {
    /// A stop that has not been requested.
    ///
    /// # Errors
    ///
    /// No pipe can be created: this process has too many open files.
    pub fn new() -> io::Result<Stop> {
        let (reader, writer) = io::pipe()?;
        Ok(Stop { reader: Arc::new(reader), writer: Arc::new(Mutex::new(Some(writer))) })
    }

    /// Stops every source, for good.
    pub fn stop(&self) {
        if let Some(mut writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // If the write fails, dropping the writer still wakes the readers.
            let _ = writer.write_all(b"x");
        }
    }

    /// Whether a stop was requested.
    pub fn is_said(&self) -> bool {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Fails once a stop is requested, so that long work ends with it.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_said() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped"));
        }
        Ok(())
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
