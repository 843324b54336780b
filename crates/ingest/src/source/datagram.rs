//! syslog in datagrams, over UDP or a unix socket: what nginx sends.
//!
//! One thread with a non-blocking socket. A UDP socket has a large buffer, so the thread does not wake for each
//! datagram. It drains the socket, then sleeps: the more arrived, the shorter, so that the receive buffer does not
//! overflow. It blocks only when nothing arrived. A unix socket holds eleven datagrams by default and its senders drop
//! the twelfth, so there the thread wakes at once. `udp` and `unix` open the sockets and decide how they stop
//! accepting.

use super::{LineOptions, Stop, now, seal_if_room, seal_last};
use crate::{Intake, Sealed, meters::SourceMeters, recv};
use ipnet::IpNet;
use socket2::Socket;
use std::{
    fs, io,
    net::{Shutdown, SocketAddr},
    os::fd::AsFd,
    time::{Duration, Instant},
};
use tallymark_core::{Dating, MAX_BATCH_NAMES, Reject};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// More names than a short tick is meant for: at 16,000 a second, their badges could not be drawn either.
const MANY_NAMES: usize = 4 * MAX_BATCH_NAMES;
/// Above this, most names are new, and waiting would cost memory and save nothing.
const TOO_MANY_NAMES: usize = 4 * MANY_NAMES;
/// Waking up more often would cost more than it makes safe.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// The maximum length of a tick with that many names, unless it is configured longer.
const LONGEST_DRAWN_OUT: Duration = Duration::from_secs(1);

/// An open source, not yet running. It is opened first, so that a busy address is an error at start.
pub struct SyslogDatagrams {
    pub(super) socket: Socket,
    pub(super) label: &'static str,
    /// Allowed senders; `None` allows all.
    pub(super) allow: Option<Vec<IpNet>>,
    pub(super) slots: usize,
    pub(super) slot_bytes: usize,
    /// How long it may sleep while datagrams arrive; zero wakes for each.
    pub(super) pause: Duration,
    /// If more than this are in the socket after a pause, the next pause is shorter.
    pub(super) comfortable: usize,
    pub(super) ending: Ending,
    pub(super) lines: LineOptions,
    pub(super) meters: SourceMeters,
}

/// How the socket stops accepting before the last drain: a datagram that the kernel accepts after the last read would
/// be lost silently.
#[derive(Debug)]
pub(super) enum Ending {
    /// A UDP socket that is connected to an address that never sends accepts no more, and what it has stays readable.
    ConnectTo(SocketAddr),
    /// A unix socket that is shut down for reading refuses its senders, and what it has stays readable. Its file is
    /// removed.
    Shut(super::unix::SocketFile),
    /// The service manager keeps the socket: what is unread stays in it for the next process.
    Leave,
}

impl SyslogDatagrams {
    /// `syslog-udp` or `syslog-unix`.
    #[must_use]
    pub fn label(&self) -> &'static str {
        self.label
    }

    /// Where it listens, with the port that the kernel chose for port 0. `None` for a unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// Receives until it is told to stop, then drains what the kernel has accepted and returns.
    ///
    /// # Errors
    ///
    /// The socket is broken. What was received before is in `out`.
    pub fn run(self, out: &mpsc::Sender<Sealed>, stop: &Stop) -> io::Result<()> {
        let lines = &self.lines;
        let intake = lines.intake(Dating::Live, self.meters.clone());
        let datagrams = recv::Datagrams::new(self.slots, self.slot_bytes, self.allow.is_some());
        let mut running = DatagramLoop { source: &self, intake, datagrams, drops: 0 };
        if matches!(self.ending, Ending::Leave) {
            // This process does not report what was dropped before it began.
            running.drops = recv::drops(self.socket.as_fd()).unwrap_or(0);
        }
        let mut next_tick = Instant::now() + lines.tick;
        let (mut quiet, mut pause) = (true, self.pause);
        // Idle after a tick without datagrams: until one arrives there is nothing to seal or report.
        let (mut idle, mut since_tick) = (false, 0);
        while !stop.is_said() {
            let received = running.drain()?;
            since_tick += received;
            idle &= received == 0;
            let current = Instant::now();
            let mut due = next_tick + drawn_out(lines.tick, running.intake.len());
            if current >= due || running.intake.len() >= lines.limit / 2 {
                running.tick(out);
                next_tick = current + lines.tick;
                due = next_tick;
                idle = since_tick == 0 && running.intake.is_empty();
                since_tick = 0;
            }
            if self.pause.is_zero() || (received == 0 && quiet) {
                let patience = if idle { Duration::MAX } else { due.saturating_duration_since(current) };
                recv::wait(self.socket.as_fd(), stop.fd(), patience)?;
            } else {
                // One more pause before blocking: at a steady rate this saves a wake-up per datagram.
                quiet = received == 0;
                pause = pause_after(pause, received, self.comfortable).min(self.pause);
                std::thread::sleep(pause);
            }
        }
        running.finish(out)
    }
}

/// How long to sleep after a pause in which this many arrived. In a flood the buffer also fills while this thread waits
/// for a processor, so most of it is kept free for that.
fn pause_after(pause: Duration, received: usize, comfortable: usize) -> Duration {
    pause.mul_f64(comfortable as f64 / received.max(1) as f64).max(SHORTEST_PAUSE)
}

/// How much longer a tick with this many names is. If ticks are short, most names of one are also in the next, and a
/// store that needs four transactions for them would spend its time writing the same names again.
fn drawn_out(tick: Duration, names: usize) -> Duration {
    let many = names > MANY_NAMES && names < TOO_MANY_NAMES;
    if many { LONGEST_DRAWN_OUT.saturating_sub(tick) } else { Duration::ZERO }
}

struct DatagramLoop<'a> {
    source: &'a SyslogDatagrams,
    intake: Intake,
    datagrams: recv::Datagrams,
    drops: u32,
}

impl DatagramLoop<'_> {
    /// Reads everything in the socket, but returns now and then in a flood so that the tick can be checked.
    fn drain(&mut self) -> io::Result<usize> {
        const CALLS: usize = 64;
        let mut total = 0;
        let time = now();
        for _ in 0..CALLS {
            let received = self.datagrams.receive(self.source.socket.as_fd())?;
            let (datagrams, allow) = (&self.datagrams, self.source.allow.as_deref());
            self.intake.datagrams((0..received).map(|at| heard(allow, &datagrams.get(at))), time);
            total += received;
            // A unix socket is emptied faster than it fills: another read costs less than a lost line.
            let perhaps_more =
                if self.source.pause.is_zero() { received > 0 } else { received == self.source.slots };
            if !perhaps_more {
                break;
            }
        }
        Ok(total)
    }

    /// Reports the counters, and sends the tally if the channel has room. Otherwise it keeps folding: an outage costs
    /// memory per name, not per hit.
    fn tick(&mut self, out: &mpsc::Sender<Sealed>) {
        self.report_drops();
        self.intake.report();
        seal_if_room(&mut self.intake, out);
    }

    fn report_drops(&mut self) {
        match recv::drops(self.source.socket.as_fd()) {
            Ok(drops) => {
                let more = drops.wrapping_sub(self.drops);
                self.drops = drops;
                if more > 0 {
                    self.source.meters.dropped(u64::from(more));
                    warn!(dropped = more, "the kernel dropped datagrams: the receive buffer was full");
                }
            }
            Err(error) => warn!(%error, "reading the socket's drop counter"),
        }
    }

    fn finish(mut self, out: &mpsc::Sender<Sealed>) -> io::Result<()> {
        let socket = &self.source.socket;
        let closed = match &self.source.ending {
            Ending::ConnectTo(nobody) => socket.connect(&(*nobody).into()),
            Ending::Shut(file) => {
                file.remove();
                socket.shutdown(Shutdown::Read)
            }
            // What is unread is left for the next process.
            Ending::Leave => Ok(()),
        };
        match (closed, &self.source.ending) {
            (Ok(()), Ending::Leave) => {}
            (Ok(()), _) => while self.drain()? > 0 {},
            (Err(error), _) => {
                warn!(%error, "closing the syslog socket to new datagrams before the last drain");
                // In a flood, more than one pass would never end.
                self.drain()?;
            }
        }
        self.report_drops();
        self.intake.report();
        seal_last(&mut self.intake, out);
        info!(source = self.source.label, "stopped");
        Ok(())
    }
}

/// Takes in a datagram, if its sender is allowed.
fn heard<'a>(allow: Option<&[IpNet]>, datagram: &recv::Datagram<'a>) -> Result<(&'a [u8], bool), Reject> {
    let heard =
        allow.is_none_or(|nets| datagram.sender.is_some_and(|ip| nets.iter().any(|net| net.contains(&ip))));
    if heard { Ok((datagram.bytes, datagram.truncated)) } else { Err(Reject::Sender) }
}

/// Reads a number of /proc/sys; `None` where it cannot be read.
pub(super) fn sysctl(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_become_short_in_a_flood_and_long_again_after_it() {
        let (longest, comfortable) = (Duration::from_millis(10), 630);
        let mut pause = longest;
        let mut settle = |per_ms: f64| {
            for _ in 0..5 {
                let received = (pause.as_secs_f64() * 1000.0 * per_ms) as usize;
                pause = pause_after(pause, received, comfortable).min(longest);
            }
            pause.as_micros() as u64
        };
        assert_eq!(settle(20.0), 10_000);
        assert!((1700..1800).contains(&settle(360.0)));
        assert_eq!(settle(5000.0), 1000);
        assert_eq!(settle(0.0), 10_000);
        // A small buffer already has a shorter pause.
        let small = Duration::from_micros(480);
        assert_eq!(pause_after(small, 500, 32).min(small), small);
    }

    #[test]
    fn only_a_short_tick_with_many_names_is_drawn_out() {
        let ms = Duration::from_millis;
        for (tick, names, longer) in [
            (250, 4000, 0),
            (250, 4001, 750),
            (10, 15_999, 990),
            (250, 16_000, 0),
            (1000, 9000, 0),
            (5000, 9000, 0),
        ] {
            assert_eq!(drawn_out(ms(tick), names), ms(longer), "{tick} ms, {names} names");
        }
    }
}
