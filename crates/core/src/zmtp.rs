//! The subscriber's side of ZMTP 3, the protocol of ZeroMQ: greeting, handshake and frames, without a socket.
//!
//! Only what a SUB socket needs, with a limit on everything that a peer may send: a frame starts with its length in 64
//! bits, and code that trusts it can be made to allocate any amount of memory. No authentication: only the mechanism
//! NULL. The source `zmq` in `tallymark-ingest` feeds it.

use crate::Reject;
use std::fmt;

/// Signature, version 3.0, mechanism NULL, not a server: the same 64 bytes every time.
const GREETING: [u8; 64] = {
    let mut greeting = [0; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    let (null, mut at) = (b"NULL", 0);
    while at < null.len() {
        greeting[12 + at] = null[at];
        at += 1;
    }
    greeting
};
const READY: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";
/// Commands are small; anything larger is not a command.
const MAX_COMMAND: u64 = 4096;
const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// The result of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// The handshake is done: messages follow.
    Ready,
    /// A message of one part.
    Message(&'a [u8]),
    /// A message that cannot be for us.
    Rejected(Reject),
    /// These bytes are to be sent to the peer.
    Answer(&'a [u8]),
}

/// Why a peer cannot be used as a publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPublisher {
    /// It does not speak ZMTP, or only a version before 3.
    Protocol,
    /// It requires a password or a key.
    Mechanism,
    /// Its socket is not PUB or XPUB.
    SocketType,
    /// It refuses us, or breaks the protocol.
    Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Greeting,
    Handshake,
    Messages,
}

/// A subscription to one peer.
#[derive(Debug)]
pub struct Subscription {
    state: Phase,
    subscribe: Vec<u8>,
    max_message: usize,
    /// The beginning of a greeting or frame.
    held: Vec<u8>,
    /// The rest of a message that is too long.
    skip: u64,
    /// The current message has already had a part.
    multipart: bool,
}

impl Subscription {
    /// Subscribes to messages that begin with `topic` and have at most `max_message` bytes.
    #[must_use]
    pub fn new(topic: &str, max_message: usize) -> Subscription {
        let mut body = vec![1];
        body.extend_from_slice(topic.as_bytes());
        let subscribe = frame(0, &body);
        Subscription {
            state: Phase::Greeting,
            subscribe,
            max_message,
            held: Vec::new(),
            skip: 0,
            multipart: false,
        }
    }

    /// What a subscriber says first.
    #[must_use]
    pub fn greeting(&self) -> &'static [u8] {
        &GREETING
    }

    /// Takes some bytes from the peer.
    ///
    /// # Errors
    ///
    /// The peer does not speak ZMTP 3, or is not a publisher. The connection is no longer usable.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Received<'_>)) -> Result<(), NotAPublisher> {
        if self.held.is_empty() {
            let used = self.take(bytes, &mut each)?;
            self.held.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let used = self.take(&held, &mut each)?;
        held.drain(..used);
        self.held = held;
        Ok(())
    }

    /// Whether a message was left incomplete, now that the peer is gone.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.state == Phase::Messages && (!self.held.is_empty() || self.skip > 0 || self.multipart)
    }

    /// Takes what is complete. Returns how many bytes that was.
    fn take(&mut self, bytes: &[u8], each: &mut impl FnMut(Received<'_>)) -> Result<usize, NotAPublisher> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            if self.skip > 0 {
                let skipped = rest.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                self.skip -= skipped as u64;
                at += skipped;
                if self.skip > 0 {
                    return Ok(at);
                }
                continue;
            }
            at += match self.state {
                Phase::Greeting => match greeting(rest)? {
                    None => return Ok(at),
                    Some(length) => {
                        self.state = Phase::Handshake;
                        each(Received::Answer(READY));
                        length
                    }
                },
                Phase::Handshake | Phase::Messages => match FrameHead::read(rest) {
                    None => return Ok(at),
                    Some(head) => match self.frame(head, rest, each)? {
                        None => return Ok(at),
                        Some(used) => used,
                    },
                },
            };
        }
    }

    /// Takes one frame, if it is complete or too long. Returns how many bytes it has consumed so far.
    fn frame(
        &mut self,
        head: FrameHead,
        bytes: &[u8],
        each: &mut impl FnMut(Received<'_>),
    ) -> Result<Option<usize>, NotAPublisher> {
        if head.flags & COMMAND != 0 && head.length > MAX_COMMAND {
            return Err(NotAPublisher::Command);
        }
        let max_message = self.max_message as u64;
        if head.flags & COMMAND == 0
            && (head.length > max_message || self.multipart || head.flags & MORE != 0)
        {
            if self.state == Phase::Handshake {
                return Err(NotAPublisher::Protocol);
            }
            // None of this is used, so none of it is kept.
            self.skip = head.length;
            let (last, was_multipart) = (head.flags & MORE == 0, self.multipart);
            self.multipart = !last;
            if last {
                let reject = if was_multipart { Reject::Multipart } else { Reject::TooLong };
                each(Received::Rejected(reject));
            }
            return Ok(Some(head.size));
        }
        let whole = head.size + head.length as usize;
        let Some(body) = bytes.get(head.size..whole) else { return Ok(None) };
        match (head.flags & COMMAND != 0, self.state) {
            (true, _) => self.command(body, each)?,
            (false, Phase::Messages) => each(Received::Message(body)),
            (false, _) => return Err(NotAPublisher::Protocol),
        }
        Ok(Some(whole))
    }

    fn command(&mut self, body: &[u8], each: &mut impl FnMut(Received<'_>)) -> Result<(), NotAPublisher> {
        let (length, rest) = body.split_first().ok_or(NotAPublisher::Command)?;
        let (name, body) = rest.split_at_checked(usize::from(*length)).ok_or(NotAPublisher::Command)?;
        match name {
            b"READY" if self.state == Phase::Handshake => {
                if !matches!(property(body, b"Socket-Type"), Some(b"PUB" | b"XPUB")) {
                    return Err(NotAPublisher::SocketType);
                }
                self.state = Phase::Messages;
                each(Received::Answer(&self.subscribe));
                each(Received::Ready);
            }
            // A two-byte time to live, then a context that must be sent back.
            b"PING" => {
                let mut pong = b"\x04PONG".to_vec();
                pong.extend_from_slice(body.get(2..).unwrap_or_default());
                each(Received::Answer(&frame(COMMAND, &pong)));
            }
            b"ERROR" => return Err(NotAPublisher::Command),
            _ => {}
        }
        Ok(())
    }
}

/// The head of a frame.
#[derive(Clone, Copy)]
struct FrameHead {
    flags: u8,
    length: u64,
    /// The length of the head itself.
    size: usize,
}

impl FrameHead {
    fn read(bytes: &[u8]) -> Option<FrameHead> {
        let (&flags, rest) = bytes.split_first()?;
        if flags & LONG == 0 {
            return Some(FrameHead { flags, length: u64::from(*rest.first()?), size: 2 });
        }
        let (length, _) = rest.split_first_chunk()?;
        Some(FrameHead { flags, length: u64::from_be_bytes(*length), size: 9 })
    }
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 9);
    match u8::try_from(body.len()) {
        Ok(length) => out.extend_from_slice(&[flags, length]),
        Err(_) => {
            out.push(flags | LONG);
            out.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(body);
    out
}

/// Reads the peer's greeting, of which nothing but version and mechanism matters. It is refused as soon as it is
/// clearly not a greeting: a peer that speaks another protocol may never send 64 bytes.
fn greeting(bytes: &[u8]) -> Result<Option<usize>, NotAPublisher> {
    let wrong = |at: usize, right: fn(u8) -> bool| bytes.get(at).is_some_and(|&b| !right(b));
    if wrong(0, |b| b == 0xff) || wrong(9, |b| b & 1 == 1) || wrong(10, |b| b >= 3) {
        return Err(NotAPublisher::Protocol);
    }
    let Some(greeting) = bytes.get(..GREETING.len()) else { return Ok(None) };
    if greeting[12..32] != GREETING[12..32] {
        return Err(NotAPublisher::Mechanism);
    }
    Ok(Some(greeting.len()))
}

/// A property of a READY command. Names are compared without case.
fn property<'a>(mut body: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    loop {
        let (length, rest) = body.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (length, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        body = rest;
    }
}

impl fmt::Display for NotAPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAPublisher::Protocol => "it does not speak ZMTP 3 (libzmq 4.0 or newer)",
            NotAPublisher::Mechanism => "it wants authentication, which is not there",
            NotAPublisher::SocketType => "its socket is not PUB or XPUB",
            NotAPublisher::Command => "it refused, or sent a command that makes no sense",
        })
    }
}

impl std::error::Error for NotAPublisher {}

#[cfg(test)]
mod tests;
