//! One connection of the TCP source: its framing, the messages it cannot pass on yet, and how it ends.

use super::open;
use crate::{Intake, meters::Closed};
use std::{
    io::{self, Read},
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};
use tallymark_core::{Frame, Frames, Framing, Now, Reject};

/// Chunks read from one connection before the others have their turn.
const CHUNKS_AT_ONCE: usize = 16;

pub(super) struct Connection {
    stream: TcpStream,
    frames: Frames,
    /// Read, but not yet parsed, because the tally was full. At most one chunk.
    held: Vec<u8>,
    last_read: Instant,
    /// Its last message is accounted for.
    ended: bool,
}

/// The state of a connection after reading.
pub(super) enum Fed {
    Open,
    Closed(Closed),
}

/// How far a chunk went.
enum Took {
    All,
    /// The tally is full; this many bytes were taken.
    Full(usize),
    Broken(Reject),
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        (framing, max_line): (Framing, usize),
        current: Instant,
    ) -> Connection {
        let frames = Frames::new(framing, max_line);
        Connection { stream, frames, held: Vec::new(), last_read: current, ended: false }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether something was read that is not counted yet.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// How long nothing has arrived.
    pub(super) fn silent(&self, current: Instant) -> Duration {
        current.saturating_duration_since(self.last_read)
    }

    /// Treats it as not silent.
    pub(super) fn touch(&mut self, current: Instant) {
        self.last_read = current;
    }

    /// Reads some of what is available, while the tally has room.
    pub(super) fn read(
        &mut self,
        chunk: &mut [u8],
        intake: &mut Intake,
        limit: usize,
        time: Now,
        current: Instant,
    ) -> Fed {
        for _ in 0..CHUNKS_AT_ONCE {
            match self.step(chunk, intake, limit, time) {
                TcpRead::Read => self.last_read = current,
                TcpRead::Full | TcpRead::Empty => return Fed::Open,
                TcpRead::End(why) => {
                    self.end(intake, time);
                    return Fed::Closed(why);
                }
            }
        }
        Fed::Open
    }

    /// Reads everything that is available. True if the tally is full and there is more.
    pub(super) fn read_to_the_end(
        &mut self,
        chunk: &mut [u8],
        intake: &mut Intake,
        limit: usize,
        time: Now,
        until: Instant,
    ) -> bool {
        loop {
            match self.step(chunk, intake, limit, time) {
                TcpRead::Read if Instant::now() > until => return false,
                TcpRead::Read => {}
                TcpRead::Full => return true,
                TcpRead::Empty | TcpRead::End(_) => return false,
            }
        }
    }

    /// One chunk: what was held first.
    fn step(&mut self, chunk: &mut [u8], intake: &mut Intake, limit: usize, time: Now) -> TcpRead {
        if self.holds() {
            let held = std::mem::take(&mut self.held);
            return self.take(&held, intake, limit, time);
        }
        if intake.len() >= limit {
            return TcpRead::Full;
        }
        loop {
            match self.stream.read(chunk) {
                Ok(0) => return TcpRead::End(Closed::Peer),
                Ok(length) => return self.take(&chunk[..length], intake, limit, time),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return TcpRead::Empty,
                // Reset, or given up by keepalive.
                Err(_) => return TcpRead::End(Closed::Error),
            }
        }
    }

    fn take(&mut self, bytes: &[u8], intake: &mut Intake, limit: usize, time: Now) -> TcpRead {
        match feed(&mut self.frames, bytes, intake, limit, time) {
            Took::All => TcpRead::Read,
            Took::Full(taken) => {
                self.held = bytes[taken..].to_vec();
                TcpRead::Full
            }
            Took::Broken(reject) => {
                intake.reject_line(reject, bytes, time);
                TcpRead::End(if reject == Reject::TooLong { Closed::TooLong } else { Closed::Framing })
            }
        }
    }

    /// Accounts for a message whose end never came. The connection is to be dropped.
    pub(super) fn end(&mut self, intake: &mut Intake, time: Now) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if let Some(beginning) = self.frames.partial() {
            intake.reject_line(Reject::Partial, beginning, time);
        }
    }

    /// The peer reads an end of file, and may still send.
    pub(super) fn say_goodbye(&self) {
        if let Err(error) = self.stream.shutdown(std::net::Shutdown::Write) {
            tracing::debug!(%error, "telling a syslog peer of the end");
        }
    }

    /// Receives nothing from here on; dropping it tells the peer.
    pub(super) fn deafen(&self) {
        open::deafen(&self.stream);
        open::reset_on_close(&self.stream);
    }
}

enum TcpRead {
    Read,
    /// Nothing there at the moment.
    Empty,
    /// The tally has no room for another name.
    Full,
    End(Closed),
}

fn feed(frames: &mut Frames, bytes: &[u8], intake: &mut Intake, limit: usize, time: Now) -> Took {
    let mut at = 0;
    while at < bytes.len() {
        // Checked before every message, so that none of them goes to `~overflow`.
        if intake.len() >= limit {
            return Took::Full(at);
        }
        let (taken, frame) = frames.next(&bytes[at..]);
        at += taken;
        match frame {
            None => {}
            Some(Frame::Message(message)) => intake.datagram(message, false, time),
            Some(Frame::Bad(reject)) => intake.reject_line(reject, b"", time),
            Some(Frame::Broken(reject)) => return Took::Broken(reject),
        }
    }
    Took::All
}
