//! syslog over UDP: what nginx sends.
//!
//! One thread with a non-blocking socket. It does not wake for each datagram: it drains the socket, then sleeps for as
//! long as the receive buffer surely lasts, and blocks only when nothing came. Loss is possible in one place, the
//! socket's buffer, and the kernel's counter of it is read on every tick.

use super::{Stop, now};
use crate::{Format, Intake, Sealed, meters::SourceMeters, recv};
use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};
use tallymark_core::{Dating, Now, Reject, Routes};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Datagrams received per system call.
const SLOTS: usize = 128;
/// Largest UDP payload over IPv4 is 65,507 bytes; nginx sends longer lines not at all (reliability.md 0).
const SLOT_BYTES: usize = 65_536;
/// What one small datagram takes of the receive buffer, as the kernel accounts it (its `truesize`).
const DATAGRAM_COST: usize = 832;
/// More than one core of this decade sends over loopback; the pause between drains is chosen so that even this rate
/// fills only half of the receive buffer.
const FASTEST_PER_SECOND: usize = 800_000;
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// How a source is set up.
pub struct UdpOptions {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Senders that are heard; `None` hears all.
    pub allow: Option<Vec<IpNet>>,
    /// Wanted size of the receive buffer in bytes; the kernel may grant less.
    pub receive_buffer: usize,
    /// The longest line.
    pub max_line: usize,
    /// What lines look like.
    pub format: Format,
    /// Which lines are taken.
    pub routes: Arc<Routes>,
    /// How often the tally is sealed.
    pub tick: Duration,
    /// How many cells the tally may have.
    pub limit: usize,
}

/// The socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("listening for syslog on udp {listen}: {error}")]
pub struct BindError {
    listen: SocketAddr,
    #[source]
    error: io::Error,
}

/// A bound source, not yet running: whoever starts it binds first, so that a busy port is an error at start.
pub struct SyslogUdp {
    socket: UdpSocket,
    options: UdpOptions,
    meters: SourceMeters,
    pause: Duration,
}

impl SyslogUdp {
    /// Binds the socket.
    pub fn bind(options: UdpOptions, meters: SourceMeters) -> Result<SyslogUdp, BindError> {
        let listen = options.listen;
        let socket = open(listen, options.receive_buffer).map_err(|error| BindError { listen, error })?;
        let granted = socket.recv_buffer_size().unwrap_or(0);
        // The kernel answers twice what it counts as wanted.
        if granted < options.receive_buffer.saturating_mul(2) {
            warn!(
                %listen,
                wanted = options.receive_buffer,
                granted = granted / 2,
                "the receive buffer is smaller than wanted: raise net.core.rmem_max to lose fewer lines in a burst"
            );
        }
        let holds = granted / DATAGRAM_COST;
        let pause =
            Duration::from_secs_f64(holds as f64 / 2.0 / FASTEST_PER_SECOND as f64).min(LONGEST_PAUSE);
        Ok(SyslogUdp { socket: socket.into(), options, meters, pause })
    }

    /// Where it listens, with the port that the kernel chose for port 0.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Receives until stop is said, then drains what the kernel has accepted and returns.
    pub fn run(self, out: &mpsc::Sender<Sealed>, stop: &Stop) -> io::Result<()> {
        let options = &self.options;
        let intake = Intake::new(
            options.routes.clone(),
            options.format,
            Dating::Live,
            options.limit,
            options.max_line,
            self.meters.clone(),
        );
        let datagrams = recv::Datagrams::new(SLOTS, SLOT_BYTES, options.allow.is_some());
        let mut running = Running { source: &self, intake, datagrams, drops: 0 };
        let mut next_tick = Instant::now() + options.tick;
        let mut quiet = true;
        while !stop.is_said() {
            let received = running.drain()?;
            let current = Instant::now();
            if current >= next_tick || running.intake.len() >= options.limit / 2 {
                running.tick(out);
                next_tick = next_tick.max(current) + options.tick;
            }
            if received > 0 {
                quiet = false;
                std::thread::sleep(self.pause);
            } else if quiet {
                recv::wait(self.socket.as_fd(), stop.fd(), next_tick.saturating_duration_since(current))?;
            } else {
                // One more pause before blocking: at a steady rate this saves a wake-up per datagram.
                quiet = true;
                std::thread::sleep(self.pause);
            }
        }
        running.finish(out)
    }
}

fn open(listen: SocketAddr, receive_buffer: usize) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    if listen.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // The kernel caps it without an error; what was granted is read back.
    socket.set_recv_buffer_size(receive_buffer)?;
    socket.bind(&listen.into())?;
    Ok(socket)
}

struct Running<'a> {
    source: &'a SyslogUdp,
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
            for at in 0..received {
                let datagram = self.datagrams.get(at);
                take(&mut self.intake, self.source.options.allow.as_deref(), &datagram, time);
            }
            total += received;
            if received < SLOTS {
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
        if self.intake.is_empty() {
            return;
        }
        if let Ok(place) = out.try_reserve() {
            place.send(Sealed::of_lines(self.intake.seal()));
        }
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

    /// Nothing new may come in while the rest is drained: a datagram accepted after the last look would be lost
    /// silently. Connected to an address nobody sends from, the socket takes no more, and what it has stays readable.
    fn finish(mut self, out: &mpsc::Sender<Sealed>) -> io::Result<()> {
        let nobody: SocketAddr = match self.source.options.listen.ip() {
            IpAddr::V4(_) => ([127, 0, 0, 1], 1).into(),
            IpAddr::V6(_) => (std::net::Ipv6Addr::LOCALHOST, 1).into(),
        };
        if let Err(error) = self.source.socket.connect(nobody) {
            warn!(%error, "closing the syslog socket to new datagrams before the last drain");
        }
        while self.drain()? > 0 {}
        self.report_drops();
        self.intake.report();
        if !self.intake.is_empty() && out.blocking_send(Sealed::of_lines(self.intake.seal())).is_err() {
            warn!("the flusher was gone before the last lines reached it");
        }
        info!(source = "syslog-udp", "stopped");
        Ok(())
    }
}

fn take(intake: &mut Intake, allow: Option<&[IpNet]>, datagram: &recv::Datagram<'_>, now: Now) {
    let heard =
        allow.is_none_or(|nets| datagram.sender.is_some_and(|ip| nets.iter().any(|net| net.contains(&ip))));
    if heard {
        intake.datagram(datagram.bytes, datagram.truncated, now);
    } else {
        intake.reject(Reject::Sender);
    }
}
