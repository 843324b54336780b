//! A TCP proxy with faults: the network between a client and its server on a bad day.
//!
//! Threads and blocking sockets; it knows no protocol, only that a server speaks when it has been spoken to.
//! That is enough to count answers: an answer is what the server sends between one piece of client data and
//! the next. (With pipelining, several replies may count as one.)

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What the proxy does with the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Everything passes.
    Pass,
    /// Requests reach the server; after N more answers, answers are dropped. The client waits.
    DropReplies {
        /// How many answers still pass, over all connections.
        after: u64,
    },
    /// Requests reach the server; after N more answers, an answer is dropped and its connection is cut: the server has
    /// done the work and the client cannot know.
    CutReplies {
        /// How many answers still pass, over all connections.
        after: u64,
    },
    /// The next answer to a request that contains this word is dropped and its connection is cut; then everything
    /// passes.
    CutAnswerTo(&'static str),
    /// Nothing moves in either direction and no connection ends. What the client sent is held back and passes when
    /// the fault is over, as with a network that was only slow.
    BlackHole,
    /// Every answer is delayed by this much.
    Delay(Duration),
    /// New connections are closed at once; see [`FaultProxy::cut`] for open ones.
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
    open: HashMap<u64, Connection>,
}

/// The two ends of a connection. The server's is exchanged by [`FaultProxy::fail_over`].
#[derive(Debug)]
struct Connection {
    client: TcpStream,
    server: Arc<TcpStream>,
}

/// What a connection waits for: nothing, any answer, or the answer that [`Fault::CutAnswerTo`] means.
const NOTHING: u8 = 0;
const ANY: u8 = 1;
const WANTED: u8 = 2;

/// What to do with a piece of an answer.
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

    /// Changes what happens from now on, on open connections too. A count of answers restarts.
    pub fn set(&self, fault: Fault) {
        self.shared.lock().fault = fault;
        self.shared.changed.notify_all();
    }

    /// Sends new connections to another server: a failover. Standing ones stay.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.lock().upstream = upstream;
    }

    /// Sends new connections to another server and joins the standing ones with it too, without their clients seeing
    /// anything: a failover behind a load balancer. What was on its way to or from the old server is lost.
    ///
    /// # Panics
    /// When the new server cannot be reached.
    pub fn fail_over(&self, upstream: SocketAddr) {
        let mut state = self.shared.lock();
        state.upstream = upstream;
        for connection in state.open.values_mut() {
            let server = TcpStream::connect(upstream).expect("the new server listens");
            server.set_nodelay(true).expect("a socket can be told not to wait");
            let old = std::mem::replace(&mut connection.server, Arc::new(server));
            let _ = old.shutdown(Shutdown::Both);
        }
    }

    /// Cuts all standing connections, in both directions.
    pub fn cut(&self) {
        for Connection { client, server } in self.shared.lock().open.values() {
            shut(client, server);
        }
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.shared.lock().open.len()
    }

    /// How many answers have reached a client.
    pub fn answers(&self) -> u64 {
        self.shared.answers.load(SeqCst)
    }

    /// How many answers have been dropped.
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

    /// Waits while the network is frozen.
    fn wait_out_black_hole(&self) {
        let state = self.lock();
        let blocked = |state: &mut State| state.fault == Fault::BlackHole && !state.stopped;
        drop(self.changed.wait_while(state, blocked).expect("no holder of the proxy's state panics"));
    }

    /// The server's end of a connection as it is now.
    fn server(&self, id: u64) -> Option<Arc<TcpStream>> {
        self.lock().open.get(&id).map(|connection| connection.server.clone())
    }

    /// What the request means for the current fault.
    fn wants(&self, request: &[u8]) -> u8 {
        match self.lock().fault {
            Fault::CutAnswerTo(word) if request.windows(word.len()).any(|part| part == word.as_bytes()) => {
                WANTED
            }
            _ => ANY,
        }
    }

    /// Decides over an answer that begins now, to a request that meant `asked`.
    fn judge(&self, asked: u8) -> Verdict {
        let mut state = self.lock();
        let verdict = match &mut state.fault {
            fault @ Fault::CutAnswerTo(_) if asked == WANTED => {
                *fault = Fault::Pass;
                Verdict::Cut
            }
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
    let connection = Connection { client: client.try_clone()?, server: Arc::new(server) };
    let id = {
        let mut state = shared.lock();
        state.next += 1;
        let id = state.next;
        state.open.insert(id, connection);
        id
    };
    // Not NOTHING from a piece of client data until the answer to it begins.
    let asked = Arc::new(AtomicU8::new(NOTHING));
    let from_client = client.try_clone()?;
    let (up, up_asked) = (shared.clone(), asked.clone());
    thread::spawn(move || {
        pump_requests(from_client, id, &up, &up_asked);
    });
    let down = shared.clone();
    thread::spawn(move || {
        pump_answers(&client, id, &down, &asked);
        if let Some(Connection { client, server }) = down.lock().open.remove(&id) {
            shut(&client, &server);
        }
    });
    Ok(())
}

fn pump_requests(mut client: TcpStream, id: u64, shared: &Shared, asked: &AtomicU8) {
    let mut buf = [0; 16 * 1024];
    while let Ok(n @ 1..) = client.read(&mut buf) {
        shared.wait_out_black_hole();
        asked.fetch_max(shared.wants(&buf[..n]), SeqCst);
        let Some(server) = shared.server(id) else { return };
        // A server that is gone ends the connection from the other pump, unless another has taken its place.
        let _ = (&*server).write_all(&buf[..n]);
    }
    // The client has said all: the server may still have something to answer.
    if let Some(server) = shared.server(id) {
        let _ = server.shutdown(Shutdown::Write);
    }
}

fn pump_answers(client: &TcpStream, id: u64, shared: &Shared, asked: &AtomicU8) {
    while let Some(server) = shared.server(id) {
        let exchanged = || shared.server(id).is_some_and(|now| !Arc::ptr_eq(&now, &server));
        if pump_from(&server, client, shared, asked).is_break() || !exchanged() {
            return;
        }
    }
}

/// Hands on answers until the server ends; `Break` when the client's connection is to end with it.
fn pump_from(
    mut server: &TcpStream,
    mut client: &TcpStream,
    shared: &Shared,
    asked: &AtomicU8,
) -> ControlFlow<()> {
    let mut buf = [0; 16 * 1024];
    let mut verdict = Verdict::Pass;
    while let Ok(n @ 1..) = server.read(&mut buf) {
        shared.wait_out_black_hole();
        let request = asked.swap(NOTHING, SeqCst);
        if request != NOTHING {
            verdict = shared.judge(request);
        }
        match verdict {
            Verdict::Pass if client.write_all(&buf[..n]).is_err() => return ControlFlow::Break(()),
            Verdict::Pass | Verdict::Drop => {}
            Verdict::Cut => return ControlFlow::Break(()),
        }
    }
    ControlFlow::Continue(())
}

fn shut(client: &TcpStream, server: &TcpStream) {
    for stream in [client, server] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
