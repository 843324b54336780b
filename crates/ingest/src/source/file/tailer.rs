//! What to read next: the state machine of a log that grows, is rotated, copied, truncated, packed and removed.
//!
//! It has no clock and no thread: [`Tailer::step`] is called again and again with the time, and looks at the files
//! itself. Events of the file system only make that happen earlier. Several files may be open at once: a log that was
//! renamed gets late lines until the web server has opened the new one, so it stays open until it was idle for a while.

use super::{
    cut::Sink,
    input::{Found, Input},
    locate::{Plan, is_damage},
    mark::{Identity, Mark, Marks},
};
use crate::meters::FileEvents;
use std::{
    collections::VecDeque,
    fs, io,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};
use tracing::{info, warn};

/// How many files are open beside the newest. More of them means rotations every few seconds.
const MOST_OLD: usize = 8;

/// Where a log is begun for which there is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is in the file.
    Beginning,
    /// With what comes next.
    End,
}

/// How a log is followed.
#[derive(Clone, Debug)]
pub(super) struct Following {
    pub(super) path: PathBuf,
    pub(super) start: Start,
    pub(super) max_line: usize,
    /// How long a file must be idle after it was rotated away.
    pub(super) grace: Duration,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to do at once.
    More,
    /// Everything is read.
    Idle,
}

/// A file that is open, and since when nothing came out of it.
struct Open {
    input: Input,
    idle_since: Instant,
}

/// One log.
pub(super) struct Tailer {
    following: Following,
    /// The position to go on from, until its files are found.
    resume: Option<Marks>,
    /// No position, and no look at the path yet.
    fresh: bool,
    /// There was no file yet: files that were made later are all to be read.
    absent: Option<Mark>,
    open: Vec<Open>,
    /// What comes after the open ones.
    unread: VecDeque<Input>,
    pub(super) events: FileEvents,
    trouble: Option<String>,
}

impl Tailer {
    /// A log that goes on from its position, if it has one.
    pub(super) fn new(following: Following, position: Option<Marks>) -> Tailer {
        Tailer {
            following,
            fresh: position.is_none(),
            absent: None,
            resume: position,
            open: Vec::new(),
            unread: VecDeque::new(),
            events: FileEvents::default(),
            trouble: None,
        }
    }

    /// How far it is. What this says is what has been handed out, exactly.
    pub(super) fn position(&self) -> Marks {
        match &self.resume {
            Some(marks) => marks.clone(),
            None => {
                let open = self.open.iter().map(|open| open.input.mark());
                // What comes after an open file and is not begun is found again without a mark.
                let begun = self.unread.iter().map(Input::mark).filter(|mark| mark.offset > 0);
                let marks: Vec<Mark> = open.chain(begun).collect();
                Marks(if marks.is_empty() { self.absent.iter().cloned().collect() } else { marks })
            }
        }
    }

    /// Why it cannot go on at the moment.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether a position says anything yet.
    pub(super) fn is_started(&self) -> bool {
        !self.fresh
    }

    /// Reads some of what there is. A trouble is reported once, and tried again with every step.
    pub(super) fn step(&mut self, sink: &mut impl Sink, now: Instant) -> Step {
        match self.try_step(sink, now) {
            Ok(step) => {
                if let Some(trouble) = self.trouble.take() {
                    info!(file = %self.following.path.display(), was = trouble, "reading again");
                }
                step
            }
            Err(trouble) => {
                if self.trouble.as_ref() != Some(&trouble) {
                    warn!(file = %self.following.path.display(), "cannot go on, trying again: {trouble}");
                    self.trouble = Some(trouble);
                }
                Step::Idle
            }
        }
    }

    fn try_step(&mut self, sink: &mut impl Sink, now: Instant) -> Result<Step, String> {
        self.resume(now)?;
        let mut more = false;
        for at in 0..self.open.len() {
            if sink.is_full() {
                return Ok(Step::More);
            }
            more |= self.read(at, sink, now)?;
        }
        if more {
            return Ok(Step::More);
        }
        if self.unread.is_empty() {
            self.follow()?;
        }
        let went_on = self.go_on(now);
        self.retire(sink, now);
        Ok(if went_on { Step::More } else { Step::Idle })
    }

    /// Finds the files of the position.
    fn resume(&mut self, now: Instant) -> Result<(), String> {
        let Some(marks) = &self.resume else { return Ok(()) };
        let path = &self.following.path;
        let plan =
            Plan::resume(path, &marks.0).map_err(|error| format!("finding where it stood: {error}"))?;
        for note in plan.notes {
            warn!(file = %path.display(), "passed over: {note}");
        }
        if plan.lost {
            self.events.lost += 1;
            warn!(
                file = %path.display(),
                "the file that was being read is gone (removed, or packed by something else than gzip): \
                 what it had after the last count is lost"
            );
        }
        self.events.truncations += u64::from(plan.truncated);
        self.absent = marks.0.iter().find(|mark| mark.is_absent()).cloned();
        if self.absent.is_none() && !marks.0.is_empty() && !plan.truncated {
            self.events.rotations += plan.unread.len() as u64;
        }
        for input in plan.resumed {
            let mark = input.mark();
            info!(file = %input.path().display(), offset = mark.offset, "going on");
            self.open.push(Open { input, idle_since: now });
        }
        self.unread = plan.unread;
        self.resume = None;
        self.go_on(now);
        Ok(())
    }

    /// Reads a chunk of an open file. Answers whether there may be more.
    fn read(&mut self, at: usize, sink: &mut impl Sink, now: Instant) -> Result<bool, String> {
        let open = &mut self.open[at];
        match open.input.read(self.following.max_line, sink) {
            Ok(Found::Some) => {
                open.idle_since = now;
                Ok(true)
            }
            Ok(Found::End) => Ok(false),
            Ok(Found::Truncated) => {
                self.truncated(at)?;
                Ok(true)
            }
            Err(error) if open.input.is_gzip() && is_damage(&error) => {
                // Nobody will mend it. What came out of it is counted.
                warn!(file = %open.input.path().display(), %error, "the rest of a damaged gzip is lost");
                self.events.lost += 1;
                open.input.give_up();
                Ok(false)
            }
            Err(error) => Err(format!("reading {}: {error}", open.input.path().display())),
        }
    }

    /// An open file does not have any more what was read of it.
    fn truncated(&mut self, at: usize) -> Result<(), String> {
        let path = &self.following.path;
        let known: Vec<Identity> = self.open.iter().map(|open| open.input.identity()).collect();
        let open = &mut self.open[at];
        let unread = open.input.mark().offset == 0;
        let found = Plan::after_truncation(path, &open.input.had(), &known)
            .map_err(|error| format!("looking for the copy of a truncated file: {error}"))?;
        self.events.truncations += 1;
        let copied = found.is_some();
        info!(file = %path.display(), offset = open.input.mark().offset, copied, "truncated");
        let Some((mut copy, newer)) = found else {
            open.input.restart();
            return Ok(());
        };
        if unread {
            copy.restart();
        }
        // The copy has what was not read yet; then come newer copies, then the file itself from its beginning.
        let mut file = std::mem::replace(&mut open.input, copy);
        file.restart();
        for input in [file].into_iter().chain(newer.into_iter().rev()) {
            self.unread.push_front(input);
        }
        Ok(())
    }

    /// Looks whether there is a new file at the path.
    fn follow(&mut self) -> Result<(), String> {
        let path = &self.following.path;
        let there = match fs::metadata(path) {
            Ok(metadata) => Identity::of(&metadata),
            // Between two files, or not there yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if std::mem::take(&mut self.fresh) {
                    self.absent = Some(Mark::absent(SystemTime::now()));
                }
                return self.missing();
            }
            Err(error) => return Err(format!("looking at it: {error}")),
        };
        let last = self.open.last().map(|open| open.input.identity());
        if last.is_some_and(|last| last.is(&there)) {
            return Ok(());
        }
        let open: Vec<&Input> = self.open.iter().map(|open| &open.input).collect();
        let found = Plan::after_rotation(path, &open, self.absent.as_ref());
        let Some(mut unread) = found.map_err(|error| error.to_string())? else { return Ok(()) };
        if last.is_some() {
            self.events.rotations += unread.len() as u64;
            info!(file = %path.display(), files = unread.len(), "rotated");
        }
        if self.fresh && self.following.start == Start::End {
            for input in &mut unread {
                input.skip_to_end().map_err(|error| format!("finding its last line: {error}"))?;
            }
        }
        self.fresh = false;
        self.unread = unread;
        Ok(())
    }

    /// Between two files all is well. A log that was never there may have another name, and one without a directory
    /// will not come by itself.
    fn missing(&self) -> Result<(), String> {
        let dir = self.following.path.parent();
        if dir.is_some_and(|dir| !dir.is_dir()) {
            return Err("its directory is missing".to_owned());
        }
        if self.open.is_empty() { Err("it is not there yet".to_owned()) } else { Ok(()) }
    }

    /// Opens the next unread file.
    fn go_on(&mut self, now: Instant) -> bool {
        let Some(input) = self.unread.pop_front() else { return false };
        self.open.push(Open { input, idle_since: now });
        true
    }

    /// Lets go of files that were rotated away and get no more lines. The newest stays in any case.
    fn retire(&mut self, sink: &mut impl Sink, now: Instant) {
        let newest = self.open.len().saturating_sub(1);
        let too_many = newest.saturating_sub(MOST_OLD);
        let grace = self.following.grace;
        let mut at = 0;
        self.open.retain_mut(|open| {
            let old = at < newest;
            let over = open.input.is_gzip() || now.duration_since(open.idle_since) >= grace || at < too_many;
            at += 1;
            let retire = old && over && !open.input.has_line();
            if retire {
                open.input.finish(sink);
            }
            !retire
        });
    }
}
