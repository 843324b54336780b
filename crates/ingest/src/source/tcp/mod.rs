//! syslog over TCP: what relays send, in RFC 6587's framings.
//!
//! One thread waits for the listener and all connections with `poll(2)` and folds into one tally: relays are few, and
//! one of them saturates the parser before the cost of poll is noticeable. Nothing is dropped here on purpose: while
//! the tally is full because the store is down, connections are not read, and TCP makes their senders wait. What a peer
//! can use is limited: connections, message length, time without data.

mod connection;
mod open;

use super::{BindError, LineOptions, Stop, now, seal_if_room, seal_last};
use crate::{
    Intake, Sealed,
    meters::{Closed, SourceMeters},
    recv,
};
use connection::{Connection, Fed};
use ipnet::IpNet;
use socket2::Socket;
use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::AsFd,
    time::{Duration, Instant},
};
use tallymark_core::{Dating, Framing};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// How a TCP source is set up.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Allowed peers; `None` allows all.
    pub allow: Option<Vec<IpNet>>,
    /// How messages are separated.
    pub framing: Framing,
    /// Connections at once. More wait in the kernel's queue, or replace the one that has been silent longest.
    pub connections: usize,
    /// How long a connection may be silent.
    pub idle: Duration,
}

/// How often silent connections are checked.
const LOOK_AROUND: Duration = Duration::from_secs(1);
/// How long a connection must have been silent before a new one may replace it.
const SILENT: Duration = Duration::from_secs(5);
/// How long the listener pauses when no connection can be accepted for lack of descriptors or memory.
const REST: Duration = Duration::from_millis(100);
/// How soon a full tally is offered to the channel again.
const RETRY: Duration = Duration::from_millis(20);
/// Connections accepted before the others are read again.
const ACCEPTED_AT_ONCE: usize = 64;
/// How long peers have to finish after the end of file. A relay checks before it sends, and then reconnects.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long the last reads may take. What the kernel has received is read in a moment; they would never end only if the
/// kernel could not be stopped from receiving more.
const LAST_READS: Duration = Duration::from_secs(3);
/// Bytes read at once.
const CHUNK: usize = 65_536;

/// A bound listener, not yet running.
pub struct SyslogTcp {
    listener: TcpListener,
    /// The service manager keeps it: connections that were not accepted wait for the next process.
    handed: bool,
    options: TcpOptions,
    lines: LineOptions,
    meters: SourceMeters,
}

impl SyslogTcp {
    /// How many cells the tally may have before senders wait. The last quarter is left free: a tally drops the names of
    /// earlier ticks only while that frees as much, and after that counts new names under `~overflow`.
    fn most(&self) -> usize {
        self.lines.limit - self.lines.limit / 4
    }

    /// Opens the listener, or takes the one that the service manager handed over.
    ///
    /// # Errors
    ///
    /// The address is in use, or may not be used.
    pub fn open(
        options: TcpOptions,
        handed: Option<Socket>,
        lines: LineOptions,
        meters: SourceMeters,
    ) -> Result<SyslogTcp, BindError> {
        let is_handed = handed.is_some();
        let listen = options.listen;
        let opened = handed.map_or_else(|| open::listener(listen), Ok);
        let socket = opened.map_err(|error| BindError::new(format!("tcp {listen}"), error))?;
        Ok(SyslogTcp { listener: socket.into(), handed: is_handed, options, lines, meters })
    }

    /// Where it listens, with the port that the kernel chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Receives until it is told to stop, then reads the data that the kernel has received and returns.
    ///
    /// # Errors
    ///
    /// The listener is broken.
    pub fn run(self, out: &mpsc::Sender<Sealed>, stop: &Stop) -> io::Result<()> {
        let start = Instant::now();
        let mut running = TcpLoop {
            intake: self.lines.intake(Dating::Live, self.meters.clone()),
            source: &self,
            connections: Vec::new(),
            chunk: vec![0; CHUNK].into_boxed_slice(),
            poll: recv::Poll::default(),
            rests_until: start,
            next_tick: start + self.lines.tick,
            next_look: start + LOOK_AROUND,
            accept_errors: 0,
        };
        while !stop.is_said() {
            let ready = running.wait(stop)?;
            let current = Instant::now();
            running.read(&ready, current);
            running.seal(current, out);
            running.accept(ready.listener, current);
            running.look_around(current);
        }
        running.finish(out);
        Ok(())
    }
}

struct TcpLoop<'a> {
    source: &'a SyslogTcp,
    intake: Intake,
    connections: Vec<Connection>,
    chunk: Box<[u8]>,
    poll: recv::Poll,
    rests_until: Instant,
    next_tick: Instant,
    next_look: Instant,
    accept_errors: u64,
}

/// The result of a wait.
struct Ready {
    listener: bool,
    connections: Vec<bool>,
}

impl TcpLoop<'_> {
    fn is_full(&self) -> bool {
        self.intake.len() >= self.source.most()
    }

    fn wait(&mut self, stop: &Stop) -> io::Result<Ready> {
        let current = Instant::now();
        let accepts = current >= self.rests_until && self.has_place(current);
        let reads = !self.is_full();
        self.poll.clear();
        self.poll.add(stop.fd());
        let listener = accepts.then(|| self.poll.add(self.source.listener.as_fd()));
        // While nothing is read, TCP makes the senders wait.
        let listened_to = if reads { self.connections.as_slice() } else { &[] };
        let places: Vec<usize> =
            listened_to.iter().map(|connection| self.poll.add(connection.as_fd())).collect();
        let mut until = self.next_tick.min(self.next_look);
        if !accepts && self.rests_until > current {
            until = until.min(self.rests_until);
        }
        if !reads {
            until = until.min(current + RETRY);
        } else if self.connections.iter().any(Connection::holds) {
            until = current;
        }
        self.poll.wait(until.saturating_duration_since(current))?;
        Ok(Ready {
            listener: listener.is_some_and(|at| self.poll.is_ready(at)),
            connections: places.into_iter().map(|at| self.poll.is_ready(at)).collect(),
        })
    }

    /// Reads from every connection that has something, a bounded amount each, so that none starves the others.
    fn read(&mut self, ready: &Ready, current: Instant) {
        let (limit, time) = (self.source.most(), now());
        let mut ready = ready.connections.iter();
        let intake = &mut self.intake;
        self.connections.retain_mut(|connection| {
            let is_ready = ready.next().is_some_and(|&ready| ready);
            if !is_ready && !connection.holds() {
                return true;
            }
            match connection.read(&mut self.chunk, intake, limit, time, current) {
                Fed::Open => true,
                Fed::Closed(why) => {
                    self.source.meters.tcp().closed(why);
                    false
                }
            }
        });
    }

    /// On the tick, or when the tally is half full.
    fn seal(&mut self, current: Instant, out: &mpsc::Sender<Sealed>) {
        if current >= self.next_tick {
            self.intake.report();
            self.source.meters.tcp().open(self.connections.len());
            self.next_tick = current + self.source.lines.tick;
        } else if self.intake.len() < self.source.lines.limit / 2 {
            return;
        }
        seal_if_room(&mut self.intake, out);
    }

    /// Whether a new connection could be accepted: below the limit, or in place of a silent one.
    fn has_place(&self, current: Instant) -> bool {
        self.connections.len() < self.source.options.connections
            || self.connections.iter().any(|connection| connection.silent(current) >= SILENT)
    }

    fn accept(&mut self, ready: bool, current: Instant) {
        if !ready {
            return;
        }
        for _ in 0..ACCEPTED_AT_ONCE {
            if !self.has_place(current) {
                return;
            }
            match self.source.listener.accept() {
                Ok((stream, peer)) => {
                    if self.connections.len() >= self.source.options.connections {
                        self.evict(current);
                    }
                    self.welcome(stream, peer, current);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    self.rest(&error, current);
                    return;
                }
            }
        }
    }

    /// No accept error ends the listener. If there are no descriptors left, some connections have to close first.
    fn rest(&mut self, error: &io::Error, current: Instant) {
        self.accept_errors += 1;
        self.rests_until = current + REST;
        if self.accept_errors.is_power_of_two() {
            warn!(%error, times = self.accept_errors, "accepting a syslog connection");
        }
    }

    fn welcome(&mut self, stream: std::net::TcpStream, peer: SocketAddr, current: Instant) {
        let options = &self.source.options;
        let ip = peer.ip().to_canonical();
        let heard = options.allow.as_ref().is_none_or(|nets| nets.iter().any(|net| net.contains(&ip)));
        if !heard {
            return self.source.meters.tcp().closed(Closed::Sender);
        }
        let opened = open::connection(&stream);
        match opened {
            Ok(()) => {
                let frames = (options.framing, self.source.lines.max_line);
                self.connections.push(Connection::new(stream, frames, current));
                self.source.meters.tcp().open(self.connections.len());
            }
            Err(error) => {
                tracing::debug!(%error, "setting up a syslog connection");
                self.source.meters.tcp().closed(Closed::Error);
            }
        }
    }

    /// Closes the connection that has been silent longest.
    fn evict(&mut self, current: Instant) {
        let silent = |(_, connection): &(usize, &Connection)| connection.silent(current);
        if let Some((at, _)) = self.connections.iter().enumerate().max_by_key(silent) {
            self.connections.swap_remove(at).end(&mut self.intake, now());
            self.source.meters.tcp().closed(Closed::Evicted);
        }
    }

    /// Closes connections that have been silent for too long.
    fn look_around(&mut self, current: Instant) {
        if current < self.next_look {
            return;
        }
        self.next_look = current + LOOK_AROUND;
        let (idle, full) = (self.source.options.idle, self.is_full());
        let intake = &mut self.intake;
        self.connections.retain_mut(|connection| {
            if full {
                // It is silent because we do not read.
                connection.touch(current);
            }
            let stays = connection.silent(current) < idle;
            if !stays {
                connection.end(intake, now());
                self.source.meters.tcp().closed(Closed::Idle);
            }
            stays
        });
    }

    /// Sends every peer an end of file, and reads on until it has closed its side: a relay that checks for the end
    /// loses nothing then, not even what was in flight. Not for long, because many do not check.
    fn say_goodbye(&mut self, out: &mpsc::Sender<Sealed>) {
        for connection in &self.connections {
            connection.say_goodbye();
        }
        let until = Instant::now() + GOODBYE;
        while !self.connections.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            self.poll.clear();
            let places: Vec<usize> =
                self.connections.iter().map(|connection| self.poll.add(connection.as_fd())).collect();
            if left.is_zero() || self.poll.wait(left).is_err() {
                return;
            }
            let connections = places.into_iter().map(|at| self.poll.is_ready(at)).collect();
            self.read(&Ready { listener: false, connections }, Instant::now());
            if self.is_full() {
                seal_last(&mut self.intake, out);
            }
        }
    }

    /// What the kernel has received is counted, and from here on it receives no more: a filter that drops everything is
    /// attached to the listener and each connection before its last read, so whatever is not counted stays
    /// unacknowledged with the peer.
    fn finish(&mut self, out: &mpsc::Sender<Sealed>) {
        if !self.source.handed {
            open::deafen(&self.source.listener);
            self.accept_the_rest();
        }
        self.say_goodbye(out);
        let (limit, time, until) = (self.source.most(), now(), Instant::now() + LAST_READS);
        // All of them first: what is left to read does not grow from here on.
        self.connections.iter().for_each(Connection::deafen);
        for mut connection in std::mem::take(&mut self.connections) {
            // The writer works on what was read before.
            seal_if_room(&mut self.intake, out);
            loop {
                let more = connection.read_to_the_end(&mut self.chunk, &mut self.intake, limit, time, until);
                if !more {
                    break;
                }
                // The tally is full: there is no later for these lines.
                seal_last(&mut self.intake, out);
            }
            connection.end(&mut self.intake, time);
            self.source.meters.tcp().closed(Closed::Stop);
        }
        self.source.meters.tcp().open(0);
        self.intake.report();
        seal_last(&mut self.intake, out);
        info!(source = "syslog-tcp", "stopped");
    }

    /// Peers that have connected, and perhaps sent data, but were not accepted yet.
    fn accept_the_rest(&mut self) {
        let current = Instant::now();
        while let Ok((stream, peer)) = self.source.listener.accept() {
            self.welcome(stream, peer, current);
        }
    }
}

#[cfg(test)]
mod tests;
