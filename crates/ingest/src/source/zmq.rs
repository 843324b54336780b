//! A subscription to a ZeroMQ publisher: what Bootic's collector sends.
//!
//! One thread with one connection, which is reopened whenever it ends, at growing intervals. A publisher drops what its
//! subscriber does not read in time, so nothing here waits for the store: while the channel is full the tally keeps
//! folding, and its limit bounds the memory. As usual with ZeroMQ, what was published without a connection is lost; the
//! number of connections is counted. The protocol itself is `core::zmtp`, which has a limit on everything: the crate
//! `zeromq` trusts any length that a frame announces, and allocates that much memory.

use super::{LineOptions, Stop, now, seal_if_room, seal_last};
use crate::{Intake, Sealed, meters::SourceMeters, recv};
use socket2::{SockRef, TcpKeepalive};
use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::fd::AsFd,
    time::{Duration, Instant},
};
use tallymark_core::{
    Reject,
    zmq::Clock,
    zmtp::{NotAPublisher, Received, Subscription},
};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// How long one attempt to connect may take, and then the handshake.
const PATIENCE: Duration = Duration::from_secs(2);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The first wait before another attempt, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A publisher whose machine crashed is noticed within a minute.
const KEEPALIVE: Duration = Duration::from_secs(20);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMES: u32 = 4;
const CHUNK: usize = 64 * 1024;
/// Chunks read before the tick is checked again; also the maximum after a stop, in case the publisher never pauses.
const CHUNKS_AT_ONCE: usize = 64;
const LAST_CHUNKS: usize = 4096;

/// The settings of this source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZmqOptions {
    /// The publisher, as `HOST:PORT`.
    pub connect: String,
    /// The prefix of messages to receive; empty for every message.
    pub topic: String,
    /// Whose clock counts.
    pub clock: Clock,
}

/// A subscription, not yet running.
pub struct Zmq {
    options: ZmqOptions,
    lines: LineOptions,
    meters: SourceMeters,
}

impl Zmq {
    /// Does not connect yet: a publisher that is down must not prevent a start.
    #[must_use]
    pub fn new(options: ZmqOptions, lines: LineOptions, meters: SourceMeters) -> Zmq {
        Zmq { options, lines, meters }
    }

    /// Receives until it is told to stop, then takes what has arrived and returns.
    ///
    /// # Errors
    ///
    /// The thread cannot wait, because the system is out of resources. A publisher that is down is not an error.
    pub fn run(self, out: &mpsc::Sender<Sealed>, stop: &Stop) -> io::Result<()> {
        let intake = Intake::of_messages(
            self.options.clock,
            self.lines.limit,
            self.lines.max_line,
            self.meters.clone(),
        );
        let next_tick = Instant::now() + self.lines.tick;
        let mut running = ZmqLoop { source: &self, intake, out, stop, next_tick, chunk: vec![0; CHUNK] };
        let mut failures = 0;
        while !stop.is_said() {
            match running.connect() {
                Ok(connection) => {
                    let ended = running.listen(connection)?;
                    // A publisher that hangs up on every subscriber must not cause a busy loop.
                    failures = if ended.was_ready { 0 } else { failures + 1 };
                    running.report(&ended.why, failures);
                }
                Err(why) => {
                    failures += 1;
                    running.report(&why, failures);
                }
            }
            running.rest(failures)?;
        }
        running.intake.report();
        seal_last(&mut running.intake, out);
        info!(source = "zmq", connect = self.options.connect, "stopped");
        Ok(())
    }
}

/// An open connection and its state.
struct PeerConnection {
    stream: TcpStream,
    subscription: Subscription,
    since: Instant,
    ready: bool,
}

struct ConnectionEnd {
    was_ready: bool,
    why: String,
}

/// The result of one read.
enum ZmqRead {
    Read,
    Empty,
    End(String),
}

struct ZmqLoop<'a> {
    source: &'a Zmq,
    intake: Intake,
    out: &'a mpsc::Sender<Sealed>,
    stop: &'a Stop,
    next_tick: Instant,
    chunk: Vec<u8>,
}

impl ZmqLoop<'_> {
    /// Tries every address of the name.
    fn connect(&self) -> Result<PeerConnection, String> {
        let ZmqOptions { connect, topic, .. } = &self.source.options;
        let addresses = connect.to_socket_addrs().map_err(|error| error.to_string())?;
        let mut why = "the name has no address".to_owned();
        for address in addresses {
            match open(&address) {
                Ok(stream) => {
                    let subscription = Subscription::new(topic, self.source.lines.max_line);
                    return Ok(PeerConnection { stream, subscription, since: Instant::now(), ready: false });
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    /// Receives until the connection ends or a stop is requested.
    fn listen(&mut self, mut connection: PeerConnection) -> io::Result<ConnectionEnd> {
        let greeting = connection.subscription.greeting();
        let mut end = send(&connection.stream, greeting).err().map(|error| error.to_string());
        while end.is_none() && !self.stop.is_said() {
            end = self.read(&mut connection, CHUNKS_AT_ONCE);
            if !connection.ready && connection.since.elapsed() > HANDSHAKE {
                end.get_or_insert_with(|| "it does not answer as a publisher does".to_owned());
            }
            self.tick();
            if end.is_none() {
                let timeout = self.next_tick.saturating_duration_since(Instant::now());
                recv::wait(connection.stream.as_fd(), self.stop.fd(), timeout)?;
            }
        }
        if end.is_none() {
            // A stop was requested: what the kernel has acknowledged is not sent again.
            end = self.read(&mut connection, LAST_CHUNKS);
        }
        if connection.subscription.is_partial() {
            self.intake.reject_line(Reject::Partial, b"", now());
        }
        if connection.ready {
            self.source.meters.zmq_connected(false);
        }
        let why = end.unwrap_or_else(|| "told to stop".to_owned());
        Ok(ConnectionEnd { was_ready: connection.ready, why })
    }

    /// Reads until nothing is left, at most N chunks. Returns why the connection has ended, if it has.
    fn read(&mut self, connection: &mut PeerConnection, chunks: usize) -> Option<String> {
        for _ in 0..chunks {
            match self.step(connection) {
                ZmqRead::Read => {}
                ZmqRead::Empty => return None,
                ZmqRead::End(why) => return Some(why),
            }
        }
        None
    }

    fn step(&mut self, connection: &mut PeerConnection) -> ZmqRead {
        let length = match (&connection.stream).read(&mut self.chunk) {
            Ok(0) => return ZmqRead::End("it hung up".to_owned()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return ZmqRead::Read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return ZmqRead::Empty,
            Err(error) => return ZmqRead::End(error.to_string()),
        };
        let (intake, stream, time) = (&mut self.intake, &connection.stream, now());
        let (mut became_ready, mut unsent) = (false, None);
        let fed = connection.subscription.push(&self.chunk[..length], |received| match received {
            Received::Message(message) => intake.message(message, time),
            Received::Rejected(reject) => intake.reject_line(reject, b"", time),
            Received::Answer(answer) => unsent = unsent.take().or(send(stream, answer).err()),
            Received::Ready => became_ready = true,
        });
        if became_ready {
            connection.ready = true;
            self.source.meters.zmq_connected(true);
            let ZmqOptions { connect, topic, .. } = &self.source.options;
            info!(source = "zmq", connect, topic, "subscribed");
        }
        match (fed, unsent) {
            (Err(why @ NotAPublisher::Command), _) if connection.ready => {
                self.intake.reject_line(Reject::Framing, b"", time);
                ZmqRead::End(why.to_string())
            }
            (Err(why), _) => ZmqRead::End(why.to_string()),
            (_, Some(error)) => ZmqRead::End(error.to_string()),
            (Ok(()), None) => ZmqRead::Read,
        }
    }

    fn tick(&mut self) {
        let current = Instant::now();
        if current >= self.next_tick || self.intake.len() >= self.source.lines.limit / 2 {
            self.intake.report();
            seal_if_room(&mut self.intake, self.out);
            self.next_tick = current + self.source.lines.tick;
        }
    }

    /// Waits before the next attempt; ticks continue in the meantime.
    fn rest(&mut self, failures: u32) -> io::Result<()> {
        let wait = FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(LONGEST_WAIT);
        let until = Instant::now() + wait;
        while !self.stop.is_said() {
            self.tick();
            let current = Instant::now();
            if current >= until {
                break;
            }
            let timeout = until.min(self.next_tick).saturating_duration_since(current);
            recv::wait(self.stop.fd(), self.stop.fd(), timeout)?;
        }
        Ok(())
    }

    /// Logs the first failure, then at growing intervals.
    fn report(&self, why: &str, failures: u32) {
        if !self.stop.is_said() && (failures <= 1 || failures.is_power_of_two()) {
            let connect = &self.source.options.connect;
            warn!(
                source = "zmq",
                connect,
                why,
                failures,
                "not connected to the publisher; messages that it sends meanwhile are lost"
            );
        }
    }
}

fn open(address: &std::net::SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, PATIENCE)?;
    stream.set_nonblocking(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_EVERY);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive.with_retries(KEEPALIVE_TIMES))?;
    Ok(stream)
}

/// Sends a few bytes on a socket that has sent hardly any: it accepts all of them, or its peer reads nothing at all.
fn send(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)
}
