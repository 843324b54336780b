//! A TCP proxy with faults: what lies between a client and its server on a bad day.
//!
//! Threads and blocking sockets; it knows no protocol, only that a server speaks when it has been spoken to.
//! That is enough to count answers: an answer is what the server sends between one piece of client data and
//! the next. (With pipelining, several replies may count as one.)

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What the proxy does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Everything passes.
    Pass,
    /// Requests reach the server; after that many more answers, answers are thrown away. The client waits.
    DropReplies {
        /// How many answers still pass, over all connections.
        after: u64,
    },
    /// Requests reach the server; after that many more answers, an answer is thrown away and its connection is cut:
    /// the server has done the work and the client cannot know.
    CutReplies {
        /// How many answers still pass, over all connections.
        after: u64,
    },
    /// Nothing moves in either direction and no connection ends. What the client sent is held back and passes when
    /// the fault is over, as with a network that was only slow.
    BlackHole,
    /// Every answer is held back that long.
    Delay(Duration),
    /// New connections are closed at once; see [`FaultProxy::cut`] for those that stand.
    Refuse,
}

/// A running proxy on a port of 127.0.0.1. Connections are cut when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    answers: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct State {
    upstream: SocketAddr,
    fault: Fault,
    stopped: bool,
    next: u64,
    open: HashMap<u64, [TcpStream; 2]>,
}

/// What is to be done with a piece of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    Drop,
    Cut,
}

impl FaultProxy {
    /// Starts a proxy to `upstream` that lets everything pass.
    pub fn start(upstream: SocketAddr) -> FaultProxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let state = State { upstream, fault: Fault::Pass, stopped: false, next: 0, open: HashMap::new() };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            answers: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        let accepting = shared.clone();
        thread::spawn(move || accept(&listener, &accepting));
        FaultProxy { addr, shared }
    }

    /// The address clients are to use instead of the server's.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The port of [`FaultProxy::addr`].
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Changes what happens from now on, on standing connections too. A count of answers begins anew.
    pub fn set(&self, fault: Fault) {
        self.shared.lock().fault = fault;
        self.shared.changed.notify_all();
    }

    /// Sends new connections to another server: a failover. Standing ones stay.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.lock().upstream = upstream;
    }

    /// Cuts all standing connections, in both directions.
    pub fn cut(&self) {
        for streams in self.shared.lock().open.values() {
            shut(streams);
        }
    }

    /// How many connections stand.
    pub fn connections(&self) -> usize {
        self.shared.lock().open.len()
    }

    /// How many answers have reached a client.
    pub fn answers(&self) -> u64 {
        self.shared.answers.load(SeqCst)
    }

    /// How many answers have been thrown away.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        self.cut();
        // Wakes the thread in `accept`, which then sees that it is over.
        let _ = TcpStream::connect(self.addr);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the proxy's state panics")
    }

    /// Waits while nothing may move.
    fn wait_out_black_hole(&self) {
        let state = self.lock();
        let blocked = |state: &mut State| state.fault == Fault::BlackHole && !state.stopped;
        drop(self.changed.wait_while(state, blocked).expect("no holder of the proxy's state panics"));
    }

    /// Decides over an answer that begins now.
    fn judge(&self) -> Verdict {
        let mut state = self.lock();
        let verdict = match &mut state.fault {
            Fault::DropReplies { after: 0 } => Verdict::Drop,
            Fault::CutReplies { after: 0 } => Verdict::Cut,
            Fault::DropReplies { after } | Fault::CutReplies { after } => {
                *after -= 1;
                Verdict::Pass
            }
            _ => Verdict::Pass,
        };
        let delay = if let Fault::Delay(delay) = state.fault { Some(delay) } else { None };
        drop(state);
        if let Some(delay) = delay {
            thread::sleep(delay); // the fault itself, not a wait for something
        }
        let counter = if verdict == Verdict::Pass { &self.answers } else { &self.dropped };
        counter.fetch_add(1, SeqCst);
        verdict
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.lock().stopped {
            return;
        }
        if let Ok(client) = client {
            // An upstream that is away looks to the client like a connection closed at once.
            let _ = join(client, shared);
        }
    }
}

/// Connects a client with the server and starts the two pumps.
fn join(client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let (upstream, fault) = {
        let state = shared.lock();
        (state.upstream, state.fault)
    };
    if fault == Fault::Refuse {
        return Ok(());
    }
    let server = TcpStream::connect(upstream)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let pair = [client.try_clone()?, server.try_clone()?];
    let id = {
        let mut state = shared.lock();
        state.next += 1;
        let id = state.next;
        state.open.insert(id, pair);
        id
    };
    // True from a piece of client data until the answer to it begins.
    let asked = Arc::new(AtomicBool::new(false));
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let (up, up_asked) = (shared.clone(), asked.clone());
    thread::spawn(move || {
        pump_requests(from_client, to_server, &up, &up_asked);
    });
    let down = shared.clone();
    thread::spawn(move || {
        pump_answers(&server, &client, &down, &asked);
        shut(&[client, server]);
        down.lock().open.remove(&id);
    });
    Ok(())
}

fn pump_requests(mut client: TcpStream, mut server: TcpStream, shared: &Shared, asked: &AtomicBool) {
    let mut buf = [0; 16 * 1024];
    while let Ok(n @ 1..) = client.read(&mut buf) {
        shared.wait_out_black_hole();
        asked.store(true, SeqCst);
        if server.write_all(&buf[..n]).is_err() {
            break;
        }
    }
    // The client has said all: the server may still have something to answer.
    let _ = server.shutdown(Shutdown::Write);
}

fn pump_answers(mut server: &TcpStream, mut client: &TcpStream, shared: &Shared, asked: &AtomicBool) {
    let mut buf = [0; 16 * 1024];
    let mut verdict = Verdict::Pass;
    while let Ok(n @ 1..) = server.read(&mut buf) {
        shared.wait_out_black_hole();
        if asked.swap(false, SeqCst) {
            verdict = shared.judge();
        }
        match verdict {
            Verdict::Pass if client.write_all(&buf[..n]).is_err() => return,
            Verdict::Pass | Verdict::Drop => {}
            Verdict::Cut => return,
        }
    }
}

fn shut(streams: &[TcpStream; 2]) {
    for stream in streams {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
