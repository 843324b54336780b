//! syslog in datagrams, over UDP or a unix socket: what nginx sends.
//!
//! One thread with a non-blocking socket. A UDP socket holds much, so the thread does not wake for each datagram: it
//! drains the socket, then sleeps for as long as the receive buffer surely lasts, and blocks only when nothing came. A
//! unix socket holds eleven datagrams by default and its senders drop the twelfth, so there it wakes at once. How a
//! socket is opened, and how it is closed to newcomers, is `udp`'s and `unix`' business.

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
use tallymark_core::{Dating, Reject};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// An open source, not yet running: whoever starts it opens it first, so that a busy address is an error at start.
pub struct SyslogDatagrams {
    pub(super) socket: Socket,
    pub(super) label: &'static str,
    /// Senders that are heard; `None` hears all.
    pub(super) allow: Option<Vec<IpNet>>,
    pub(super) slots: usize,
    pub(super) slot_bytes: usize,
    /// How long it may sleep while datagrams come; zero wakes for each.
    pub(super) pause: Duration,
    pub(super) ending: Ending,
    pub(super) lines: LineOptions,
    pub(super) meters: SourceMeters,
}

/// How the socket is closed to newcomers before the last drain: a datagram that the kernel accepts after the last look
/// would be lost silently.
#[derive(Debug)]
pub(super) enum Ending {
    /// Connected to an address nobody sends from, a UDP socket takes no more, and what it has stays readable.
    ConnectTo(SocketAddr),
    /// Shut for reading, a unix socket refuses its senders, and what it has stays readable. Its file goes.
    Shut(super::unix::SocketFile),
    /// The service manager keeps the socket: what is unread stays in it for the successor.
    Leave,
}

impl SyslogDatagrams {
    /// `syslog-udp` or `syslog-unix`.
    pub fn label(&self) -> &'static str {
        self.label
    }

    /// Where it listens, with the port that the kernel chose for port 0. `None` for a unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// Receives until stop is said, then drains what the kernel has accepted and returns.
    pub fn run(self, out: &mpsc::Sender<Sealed>, stop: &Stop) -> io::Result<()> {
        let lines = &self.lines;
        let intake = lines.intake(Dating::Live, self.meters.clone());
        let datagrams = recv::Datagrams::new(self.slots, self.slot_bytes, self.allow.is_some());
        let mut running = Running { source: &self, intake, datagrams, drops: 0 };
        if matches!(self.ending, Ending::Leave) {
            // What was dropped before this process began is not this process' to report.
            running.drops = recv::drops(self.socket.as_fd()).unwrap_or(0);
        }
        let mut next_tick = Instant::now() + lines.tick;
        let mut quiet = true;
        while !stop.is_said() {
            let received = running.drain()?;
            let current = Instant::now();
            if current >= next_tick || running.intake.len() >= lines.limit / 2 {
                running.tick(out);
                next_tick = next_tick.max(current) + lines.tick;
            }
            if self.pause.is_zero() || (received == 0 && quiet) {
                recv::wait(self.socket.as_fd(), stop.fd(), next_tick.saturating_duration_since(current))?;
            } else {
                // One more pause before blocking: at a steady rate this saves a wake-up per datagram.
                quiet = received == 0;
                std::thread::sleep(self.pause);
            }
        }
        running.finish(out)
    }
}

struct Running<'a> {
    source: &'a SyslogDatagrams,
    intake: Intake,
    datagrams: recv::Datagrams,
    drops: u32,
}

impl Running<'_> {
    /// Takes everything that is in the socket, but lets the tick be checked now and then under a flood.
    fn drain(&mut self) -> io::Result<usize> {
        const CALLS: usize = 64;
        let mut total = 0;
        let time = now();
        for _ in 0..CALLS {
            let received = self.datagrams.receive(self.source.socket.as_fd())?;
            let (datagrams, allow) = (&self.datagrams, self.source.allow.as_deref());
            self.intake.datagrams((0..received).map(|at| heard(allow, &datagrams.get(at))), time);
            total += received;
            // A unix socket is empty again sooner than it is full: another look costs less than a lost line.
            let perhaps_more =
                if self.source.pause.is_zero() { received > 0 } else { received == self.source.slots };
            if !perhaps_more {
                break;
            }
        }
        Ok(total)
    }

    /// Reports the counters, and sends the tally on if there is room for it. Else it goes on folding: names, not
    /// hits, are what an outage costs.
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
            // What is unread is the successor's.
            Ending::Leave => Ok(()),
        };
        match (closed, &self.source.ending) {
            (Ok(()), Ending::Leave) => {}
            (Ok(()), _) => while self.drain()? > 0 {},
            (Err(error), _) => {
                warn!(%error, "closing the syslog socket to new datagrams before the last drain");
                // Under a flood, more than one look would have no end.
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

/// What a datagram brings, if its sender is heard.
fn heard<'a>(allow: Option<&[IpNet]>, datagram: &recv::Datagram<'a>) -> Result<(&'a [u8], bool), Reject> {
    let heard =
        allow.is_none_or(|nets| datagram.sender.is_some_and(|ip| nets.iter().any(|net| net.contains(&ip))));
    if heard { Ok((datagram.bytes, datagram.truncated)) } else { Err(Reject::Sender) }
}

/// Reads a number of /proc/sys; `None` where it cannot be read.
pub(super) fn sysctl(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
