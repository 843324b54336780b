//! A ZeroMQ publisher that is subscribed to: what Bootic's collector sends.
//!
//! One thread with one connection, which is made again whenever it ends, for ever and ever more rarely. A publisher drops
//! what its subscriber does not take in time, so nothing here waits for the store: while the channel is full the tally
//! folds on, and its bound is the bound of memory. What was published while there was no connection is gone, as ZeroMQ
//! has it; how often that was is counted. The protocol itself is `core::zmtp`, which has a limit on everything: the crate
//! `zeromq` believes any length that a frame announces, and asks for that much memory.

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
/// A publisher whose machine went down without a word is noticed within a minute.
const KEEPALIVE: Duration = Duration::from_secs(20);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMES: u32 = 4;
const CHUNK: usize = 64 * 1024;
/// Chunks before the tick is looked at again; and at the most after stop was said, should the publisher never pause.
const CHUNKS_AT_ONCE: usize = 64;
const LAST_CHUNKS: usize = 4096;

/// What is particular to this source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZmqOptions {
    /// The publisher, as `HOST:PORT`.
    pub connect: String,
    /// What a message has to begin with; empty for every message.
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
    /// Connects to nobody yet: a publisher that is away keeps nobody from starting.
    #[must_use]
    pub fn new(options: ZmqOptions, lines: LineOptions, meters: SourceMeters) -> Zmq {
        Zmq { options, lines, meters }
    }

    /// Receives until stop is said, then takes what has arrived and returns.
    ///
    /// # Errors
    ///
    /// A thread cannot wait: the system has nothing left to wait with. A publisher that is away is no error.
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
                    // Who hangs up on every subscriber is no reason to spin.
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

/// An open connection and what is known of it.
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

/// What came of one read.
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

    /// Takes what comes until the connection ends or stop is said.
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
            // Stop was said: what the kernel has acknowledged is not sent again.
            end = self.read(&mut connection, LAST_CHUNKS);
        }
        if connection.subscription.is_partial() {
            self.intake.reject(Reject::Partial);
        }
        if connection.ready {
            self.source.meters.zmq_connected(false);
        }
        let why = end.unwrap_or_else(|| "told to stop".to_owned());
        Ok(ConnectionEnd { was_ready: connection.ready, why })
    }

    /// Reads until nothing is there, at most so many chunks. Answers why the connection has ended, if it has.
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
            Received::Rejected(reject) => intake.reject(reject),
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
                self.intake.reject(Reject::Framing);
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

    /// Waits before the next attempt; ticks go on meanwhile.
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

    /// The first failure, then ever more rarely.
    fn report(&self, why: &str, failures: u32) {
        if !self.stop.is_said() && (failures <= 1 || failures.is_power_of_two()) {
            let connect = &self.source.options.connect;
            warn!(
                source = "zmq",
                connect, why, failures, "no publisher; what it publishes meanwhile is lost"
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

/// Some bytes, into a socket that has sent hardly any: it takes all of them, or its peer reads nothing at all.
fn send(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)
}
