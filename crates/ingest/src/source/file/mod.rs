//! A log file, tailed: each line counted exactly once, over kill -9, rotation and any outage of the store.
//!
//! The file is its own buffer. Counts go to the writer together with the position up to which the file was read, and
//! both are committed in one transaction; anything that was not committed is read again. While the store is down,
//! reading waits. [`book`] remembers every file of the log and how far it was read, [`names`] and [`strays`] find its
//! files, [`survey`] finds out which file is which, [`follow`] decides what to read, [`former`] reads on in files that
//! were replaced, [`cut`] cuts lines, and this module has the thread.

mod book;
mod claims;
mod cut;
mod family;
mod fit;
mod follow;
mod former;
mod imported;
mod input;
mod ladder;
mod names;
mod record;
mod refilled;
mod runs;
mod shared;
mod strays;
mod survey;
mod wake;

#[cfg(test)]
mod tests;

pub use claims::Claims;
pub(crate) use cut::{Sink, lines as cut_lines};
pub(crate) use imported::{ImportMark, imports, records};
pub(crate) use ladder::{Ladder, LastLines};
pub use names::{is_of_log, is_rotated_name, open_regular, real_path};
pub(crate) use record::{
    Beginning, FileRecord, Identity, Mark, PREFIX, Print, TAIL, has_enough, repeats_one_line,
};
pub(crate) use runs::{LastHashes, RUN, Run, Runs};

use super::{LineOptions, Stop, now};
use crate::{
    Intake, Sealed, UNDERSTOOD,
    meters::SourceMeters,
    places::{Places, StartPositions},
    recv,
};
use book::{Book, NotUnderstood};
use fit::Fit;
use follow::{Following, LogFollower, Progress};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tallymark_core::{Dating, Now, Position, Reject};
use tokio::sync::mpsc;
use tracing::{info, warn};
use uuid::Uuid;
use wake::Wake;

/// How often the files are looked at when no event tells of them.
const POLL: Duration = Duration::from_secs(1);
/// How long to let lines gather before the next look, when everything is read and more comes.
const PAUSE: Duration = Duration::from_millis(20);
/// Where a log is begun that was never looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is in the file.
    Beginning,
    /// With what comes next.
    End,
}

/// How a log is read.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The file. Its rotated files are searched for next to it.
    pub path: PathBuf,
    /// Where to begin when there is no position.
    pub start: Start,
}

/// The log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The position in the store is of another version, or damaged.
    #[error(
        "the position of {path} in the store is not understood: {state:?}. It was written by a newer tallymark, or is \
         damaged; continuing without it would count lines twice"
    )]
    Position {
        /// The log.
        path: PathBuf,
        /// The text of the position.
        state: String,
    },
    /// The path cannot be made absolute, or a pipe not be made.
    #[error("{attempt} {path}: {error}")]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// A source that reads a log file.
pub struct LogFile {
    options: FileOptions,
    claims: Claims,
    lines: LineOptions,
    meters: SourceMeters,
}

impl LogFile {
    /// A source that has not looked at its file yet; there may be none. All sources of a process share the claims, and are
    /// made before the first of them runs.
    ///
    /// # Errors
    ///
    /// The path names no file that could be followed.
    pub fn new(
        options: FileOptions,
        claims: Claims,
        lines: LineOptions,
        meters: SourceMeters,
    ) -> Result<LogFile, FileError> {
        let path = std::path::absolute(&options.path)
            .map_err(|error| io_error("finding the directory of", &options.path, error))?;
        claims.register(&path);
        // From now on: who asks before the thread runs must not hear that all is well.
        meters.first_looks().expect(&path);
        meters.file_trouble(&path, Some("its files have not been looked at yet"));
        Ok(LogFile { options: FileOptions { path, ..options }, claims, lines, meters })
    }

    /// Reads until it is told to stop. Lines that are not read then stay in the file for the next time.
    ///
    /// # Errors
    ///
    /// The directory of the log cannot be watched, or the positions are not ones that this version reads.
    pub fn run(
        self,
        out: &mpsc::Sender<Sealed>,
        positions: &StartPositions,
        stop: &Stop,
    ) -> Result<(), FileError> {
        let path = &self.options.path;
        let mut wake = Wake::new(path).map_err(|error| io_error("watching", path, error))?;
        let Some(mut running) = self.begin(out, positions, stop)? else { return Ok(()) };
        let mut next_tick = Instant::now() + self.lines.tick;
        while !stop.is_said() {
            wake.clear();
            let step = running.step();
            let current = Instant::now();
            if running.is_new() && !running.send(out, true) {
                break;
            }
            let full = running.intake.len() >= running.half;
            if (full || current >= next_tick) && !running.send(out, full) {
                break;
            }
            if current >= next_tick {
                next_tick = current + self.lines.tick;
                wake.watch();
            }
            if step == Progress::Idle {
                std::thread::sleep(PAUSE);
                let timeout =
                    if running.is_clean() { POLL } else { next_tick.saturating_duration_since(current) };
                if let Err(error) = recv::wait(wake.fd(), stop.fd(), timeout.min(POLL)) {
                    warn!(%error, "waiting for events of a log file");
                    std::thread::sleep(POLL);
                }
            }
        }
        // The store may be away; then the lines are still in the file.
        running.send(out, false);
        info!(source = "file", path = %path.display(), "stopped");
        Ok(())
    }

    /// Waits until it is known where to go on. A log that has no position yet gets its first one at once: it is
    /// committed before a line is read, so that a rotation does not take lines away from under a daemon that is killed,
    /// or waits for its store. `None` if stop was said before.
    fn begin(
        &self,
        out: &mpsc::Sender<Sealed>,
        positions: &StartPositions,
        stop: &Stop,
    ) -> Result<Option<Running<'_>>, FileError> {
        let mut new: Option<Running<'_>> = None;
        loop {
            let places = positions.borrow().clone();
            if let Places::Kept(own) | Places::Good { own, .. } = &places {
                self.claims.learn(own);
            }
            if let Places::Good { others, .. } = &places {
                self.claims.learn_from_others(others, stop);
            }
            match places {
                Places::Unknown => {}
                Places::Good { own, others } => {
                    let all = own.clone();
                    let own = self.own(&own)?;
                    let sent = new.as_ref().map(|new| self.own(&new.sent)).transpose()?.flatten();
                    // The state directory is lost, but not what it brought into the store.
                    if own.is_none() || own == sent {
                        let adopted = Book::adopted(&self.options.path, &others, sent.as_ref(), stop);
                        // Then it may not have been found.
                        if stop.is_said() {
                            return Ok(None);
                        }
                        // What is known of this place is handed over, if no source has it.
                        let is_shared = || self.claims.is_shared(&self.options.path);
                        let moved = || self.moved(&all, sent.as_ref(), stop);
                        let adopted = adopted.or_else(|| if is_shared() { None } else { moved() });
                        return Ok(Some(match (adopted, new) {
                            (None, Some(new)) => new.behind(&others),
                            (adopted, _) => self.running(adopted, stop).behind(&others),
                        }));
                    }
                    // Or it was restored, and knew less of this log than the store.
                    return Ok(Some(self.running(own, stop).behind(&others)));
                }
                // Which of several sources owns a place is known once it is certain what each has read.
                Places::Kept(positions)
                    if self.own(&positions)?.is_none() && !self.claims.is_shared(&self.options.path) =>
                {
                    let running = new.get_or_insert_with(|| self.running(None, stop));
                    if !running.follower.is_started() {
                        running.step();
                    }
                    if running.is_new() && !running.send(out, true) {
                        return Ok(None);
                    }
                }
                // It may turn out to be a restored backup, but then the store knows this log.
                Places::Kept(positions) => {
                    if self.own(&positions)?.is_some() {
                        self.meters.first_looks().over(&self.options.path);
                    }
                }
            }
            if stop.is_said() || positions.has_changed().is_err() {
                return Ok(None);
            }
            let pause = Duration::from_millis(50);
            if recv::wait(stop.fd(), stop.fd(), pause).is_err() {
                std::thread::sleep(pause);
            }
        }
    }

    /// A log that was counted under another path.
    fn moved(&self, own: &[Position], sent: Option<&Book>, stop: &Stop) -> Option<Book> {
        let (book, before) = Book::moved(&self.options.path, own, sent, stop)?;
        info!(
            path = %self.options.path.display(),
            before = %before.display(),
            "this log was counted under another path; reading continues where that ended"
        );
        Some(book)
    }

    fn running(&self, book: Option<Book>, stop: &Stop) -> Running<'_> {
        if book.is_some() {
            self.meters.first_looks().over(&self.options.path);
        }
        let said = Arc::new(AtomicBool::new(true));
        let progress = {
            let (path, meters, said) = (self.options.path.clone(), self.meters.clone(), said.clone());
            move |text: &str| {
                meters.file_trouble(&path, Some(text));
                said.store(true, Ordering::Relaxed);
            }
        };
        let following = Following {
            progress: Arc::new(progress),
            path: self.options.path.clone(),
            claims: self.claims.clone(),
            start: self.options.start,
            max_line: self.lines.max_line,
            format: self.lines.print(),
            stop: stop.clone(),
        };
        Running {
            new: book.is_none(),
            sent: Vec::new(),
            fit: Fit::of(book.as_ref()),
            follower: LogFollower::new(following, book),
            intake: self.lines.intake(Dating::Own, self.meters.clone()).of_file(&self.options.path),
            // So that a chunk can never fill it: a full tally would count lines together.
            half: (self.lines.limit / 2).max(1),
            path: &self.options.path,
            trouble: None,
            said,
            meters: &self.meters,
        }
    }

    fn own(&self, positions: &[Position]) -> Result<Option<Book>, FileError> {
        let path = self.options.path.clone();
        Book::read(&self.options.path, positions)
            .map_err(|NotUnderstood(state)| FileError::Position { path, state })
    }
}

fn io_error(attempt: &'static str, path: &Path, error: io::Error) -> FileError {
    FileError::Io { attempt, path: path.to_owned(), error }
}

struct Running<'a> {
    /// Nothing of it has been sent yet.
    new: bool,
    /// What was sent first.
    sent: Vec<Position>,
    follower: LogFollower,
    intake: Intake,
    half: usize,
    path: &'a Path,
    /// What was said last about why it cannot go on, or is behind.
    trouble: Option<String>,
    fit: Fit,
    /// How far it is was said since.
    said: Arc<AtomicBool>,
    meters: &'a SourceMeters,
}

impl Running<'_> {
    /// Goes on behind what imports have counted.
    fn behind(mut self, others: &[(Uuid, Position)]) -> Self {
        self.follower.imports = imports(others).into_iter().map(|(_, import)| import).collect();
        self
    }

    fn step(&mut self) -> Progress {
        let (intake, fit) = (&mut self.intake, &mut self.fit);
        let mut into = Fold { intake, fit, half: self.half, now: now(), counted: 0 };
        let step = self.follower.step(&mut into);
        let trouble = self.follower.trouble().or_else(|| self.fit.trouble());
        if self.said.swap(false, Ordering::Relaxed) || self.trouble.as_deref() != trouble {
            self.trouble = trouble.map(str::to_owned);
            self.meters.file_trouble(self.path, self.trouble.as_deref());
        }
        if self.follower.trouble().is_some() && !self.follower.is_started() {
            self.meters.first_looks().over(self.path);
        }
        step
    }

    /// Whether it is known where the log begins, and this has not been reported yet.
    fn is_new(&self) -> bool {
        self.new && self.follower.is_started()
    }

    /// Whether everything that is known has been sent.
    fn is_clean(&mut self) -> bool {
        self.intake.is_empty() && self.follower.book().is_none_or(|book| book.is_committed())
    }

    /// Sends the tally on with its positions. If there is no room it continues folding, or waits if it `must`. Returns
    /// whether there is still a receiver.
    fn send(&mut self, out: &mpsc::Sender<Sealed>, must: bool) -> bool {
        self.intake.report();
        self.meters.files(std::mem::take(&mut self.follower.events));
        if self.is_clean() {
            return true;
        }
        let sealed = |running: &mut Self| {
            let positions = running.follower.book().map(Book::take_changes).unwrap_or_default();
            if std::mem::take(&mut running.new) {
                running.meters.first_looks().sent(running.path, &positions);
                running.sent.clone_from(&positions);
            }
            Sealed::of_replayable(running.intake.seal(), positions)
        };
        match out.try_reserve() {
            Ok(place) => {
                place.send(sealed(self));
                true
            }
            Err(mpsc::error::TrySendError::Full(())) if !must => true,
            Err(mpsc::error::TrySendError::Full(())) => out.blocking_send(sealed(self)).is_ok(),
            Err(mpsc::error::TrySendError::Closed(())) => false,
        }
    }
}

/// Lines into the tally, until it is half full.
struct Fold<'a> {
    intake: &'a mut Intake,
    fit: &'a mut Fit,
    half: usize,
    now: Now,
    counted: u64,
}

impl Sink for Fold<'_> {
    fn line(&mut self, line: &[u8]) {
        match self.intake.take(line, self.now) {
            Ok(()) => {
                self.counted += 1;
                self.fit.understood();
            }
            Err(reject) if UNDERSTOOD.contains(&reject) => self.fit.understood(),
            Err(Reject::Empty) => {}
            Err(reject) => self.fit.refused(|| self.intake.advice(reject, line)),
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.intake.reject_line(reject, b"", self.now);
    }

    fn counted(&self) -> u64 {
        self.counted
    }

    fn is_full(&self) -> bool {
        self.intake.len() >= self.half
    }
}
