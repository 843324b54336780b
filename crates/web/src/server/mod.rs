//! The HTTP listener: accepts connections, limits their number and their time, and lets requests finish at shutdown.
//!
//! hyper does most of the work: the timeout and the size of a request's head, keep-alive, graceful shutdown. Each file
//! here adds one thing that hyper and `axum::serve` lack, and names the test that fails without it. An accept error
//! never ends the loop.

mod activity;
mod connection;
mod crowd;
mod stall;

use crate::{auth::Peer, head::MAX_HEAD};
use axum::Router;
use connection::{ClientStream, Serving};
use crowd::{Crowd, Seat};
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use std::{
    fmt, fs, io,
    net::SocketAddr,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tallymark_core::Unbound;
use tallymark_store::owner;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

/// Where to listen: an address, or the path of a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix stream socket.
    Unix(PathBuf),
}

/// The limits on clients.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections: usize,
    /// How long a client must be silent before its connection may be closed at the limit.
    pub silence: Duration,
    /// This many may keep their buffers while they are idle. Allocating them again costs a microsecond per request.
    pub buffered: usize,
    /// How long a client may take to send the head of a request, including the wait for the next one.
    pub header_timeout: Duration,
    /// How long a client may read nothing of a response.
    pub stall_timeout: Duration,
    /// How long requests may take after a stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 20_000,
            silence: Duration::from_secs(5),
            buffered: 512,
            header_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// A bound listener.
pub enum Bound {
    /// TCP.
    Tcp(TcpListener),
    /// A unix stream socket.
    Unix(UnixListener, PathBuf),
    /// The same, kept by the service manager: its file stays.
    HandedUnix(UnixListener, PathBuf),
}

/// The listener could not be opened.
#[derive(Debug)]
pub struct ListenError {
    listen: Listen,
    error: io::Error,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(addr) => addr.fmt(f),
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "listening for HTTP on {}: {}", self.listen, self.error)?;
        let (ip, look) = match &self.listen {
            Listen::Tcp(addr) => (Some(addr.ip()), "ss -ltnp"),
            Listen::Unix(_) => (None, "ss -lxp"),
        };
        let unbound = Unbound { ip, flag: "--listen", unit: "tallymark-http.socket", look };
        f.write_str(&unbound.advice(&self.error))?;
        match &self.listen {
            Listen::Tcp(_) => Ok(()),
            Listen::Unix(path) => f.write_str(&owner::hint(&self.error, path)),
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl Bound {
    /// Binds the listener.
    ///
    /// # Errors
    ///
    /// The address is in use, or may not be used.
    pub fn open(listen: &Listen) -> Result<Bound, ListenError> {
        let bound = match listen {
            Listen::Tcp(addr) => open_tcp(*addr).map(Bound::Tcp),
            Listen::Unix(path) => open_unix(path).map(|listener| Bound::Unix(listener, path.clone())),
        };
        bound.map_err(|error| ListenError { listen: listen.clone(), error })
    }

    /// Takes a listening socket that the service manager keeps: clients that were not accepted at the end wait for the
    /// next process.
    ///
    /// # Errors
    ///
    /// The socket is not one that can be listened on.
    pub fn handed(listen: &Listen, socket: OwnedFd) -> Result<Bound, ListenError> {
        let bound = match listen {
            Listen::Tcp(_) => from_std(std::net::TcpListener::from(socket)).map(Bound::Tcp),
            Listen::Unix(path) => {
                let listener = std::os::unix::net::UnixListener::from(socket);
                let listener = listener.set_nonblocking(true).and_then(|()| UnixListener::from_std(listener));
                listener.map(|listener| Bound::HandedUnix(listener, path.clone()))
            }
        };
        bound.map_err(|error| ListenError { listen: listen.clone(), error })
    }

    /// Where it listens, with the port that the kernel chose for port 0.
    ///
    /// # Errors
    ///
    /// The kernel does not tell.
    pub fn local(&self) -> io::Result<Listen> {
        match self {
            Bound::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            Bound::Unix(_, path) | Bound::HandedUnix(_, path) => Ok(Listen::Unix(path.clone())),
        }
    }
}

fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn open_tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    // Thousands of clients that connect at once wait here; the kernel caps it at net.core.somaxconn.
    socket.listen(16_384)
}

/// A socket file left behind by a killed process has no owner; one on which a process answers does.
fn open_unix(path: &Path) -> io::Result<UnixListener> {
    if let Ok(about) = fs::symlink_metadata(path) {
        if !about.file_type().is_socket() {
            let why = "that path exists and is not a socket; it was left unchanged";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    // nginx runs as another user, so our umask must not matter.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Serves until `stop`, then lets current requests finish, for at most `limits.drain`.
pub async fn serve(bound: Bound, router: Router, limits: Limits, stop: CancellationToken) {
    let server = Server::new(router, &limits, stop.clone());
    let crowd = Arc::new(Crowd::new(limits.connections, limits.silence));
    loop {
        // Accepted before there is a slot: only then is another connection closed for it.
        let accepted = tokio::select! {
            accepted = accept(&bound) => accepted,
            () = stop.cancelled() => break,
        };
        let place = tokio::select! {
            place = crowd.place() => place,
            () = stop.cancelled() => break,
        };
        let Some(place) = place else { break };
        match accepted {
            Ok(Accepted::Tcp(stream, from)) => server.spawn(stream, Peer(Some(from.ip())), place),
            Ok(Accepted::Unix(stream)) => server.spawn(stream, Peer(None), place),
            Err(error) => rest(&error).await,
        }
    }
    if let Bound::Unix(_, path) = &bound {
        // It may already have been removed.
        let _ = fs::remove_file(path);
    }
    drop(bound);
    let connections = &server.serving.connections;
    connections.close();
    if tokio::time::timeout(limits.drain, connections.wait()).await.is_err() {
        warn!(connections = connections.len(), "connections that did not end in time were closed");
    }
}

enum Accepted {
    Tcp(tokio::net::TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

async fn accept(bound: &Bound) -> io::Result<Accepted> {
    match bound {
        Bound::Tcp(listener) => listener.accept().await.map(|(stream, from)| Accepted::Tcp(stream, from)),
        Bound::Unix(listener, _) | Bound::HandedUnix(listener, _) => {
            listener.accept().await.map(|(stream, _)| Accepted::Unix(stream))
        }
    }
}

/// A connection that was gone before it was accepted costs nothing; out of descriptors, some have to close first.
async fn rest(error: &io::Error) {
    if error.kind() != io::ErrorKind::ConnectionAborted {
        warn!(%error, "accepting an HTTP connection");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

struct Server {
    serving: Arc<Serving>,
    stop: CancellationToken,
}

impl Server {
    fn new(router: Router, limits: &Limits, stop: CancellationToken) -> Server {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(MAX_HEAD);
        let serving = Serving {
            http,
            router,
            patience: limits.header_timeout,
            stall: limits.stall_timeout,
            connections: TaskTracker::new(),
            buffered: limits.buffered,
        };
        Server { serving: Arc::new(serving), stop }
    }

    fn spawn<S: ClientStream>(&self, stream: S, peer: Peer, place: Seat) {
        let (serving, stop) = (self.serving.clone(), self.stop.clone());
        self.serving.connections.spawn(async move {
            if let Err(error) = connection::serve(stream, peer, &serving, &place.activity, &stop).await {
                debug!(%error, "an HTTP connection ended badly");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    /// A server on which every idle connection frees its buffers, and a connection to it.
    async fn connected(stop: &CancellationToken) -> (TcpStream, tokio::task::JoinHandle<()>) {
        let bound = Bound::open(&Listen::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let Ok(Listen::Tcp(address)) = bound.local() else { panic!("it listens on TCP") };
        let router = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/echo", post(|body: String| async move { body }));
        let limits = Limits { buffered: 0, ..Limits::default() };
        let server = tokio::spawn(serve(bound, router, limits, stop.clone()));
        (TcpStream::connect(address).await.unwrap(), server)
    }

    /// A server with N slots, and its address. `/wait` is answered when `gate` opens.
    async fn crowded(places: usize, gate: Arc<tokio::sync::Notify>) -> (SocketAddr, CancellationToken) {
        let bound = Bound::open(&Listen::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let Ok(Listen::Tcp(address)) = bound.local() else { panic!("it listens on TCP") };
        let wait = move || {
            let gate = gate.clone();
            async move {
                gate.notified().await;
                "waited"
            }
        };
        let router = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/wait", get(wait))
            .route("/large", get(|| async { "x".repeat(64 << 20) }))
            .route("/echo", post(|body: String| async move { body }))
            .route("/refuse", post(|| async { "no" }));
        let hour = Duration::from_secs(3600);
        let limits = Limits {
            connections: places,
            silence: Duration::from_millis(20),
            header_timeout: hour,
            stall_timeout: hour,
            ..Limits::default()
        };
        let stop = CancellationToken::new();
        tokio::spawn(serve(bound, router, limits, stop.clone()));
        (address, stop)
    }

    #[tokio::test]
    async fn silent_clients_keep_nobody_out_and_who_waits_for_us_stays() {
        let gate = Arc::new(tokio::sync::Notify::new());
        let (address, stop) = crowded(6, gate.clone()).await;
        let mut clients = Vec::new();
        for said in [
            "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n",
            "",
            "GET / HTTP/1.1\r\nHo",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
            "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(said.as_bytes()).await.unwrap();
            clients.push(client);
        }
        // Each of these keeps its slot and is then silent; the five others are closed one after the other.
        for _ in 0..12 {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            assert_eq!(answers(&mut client, 1, 5).await, ["hello"]);
            clients.push(client);
        }
        gate.notify_one();
        assert_eq!(answers(&mut clients[0], 1, 6).await, ["waited"]);
        stop.cancel();
    }

    #[tokio::test]
    async fn connection_that_ends_with_its_answer_says_so() {
        let (address, stop) = crowded(9, Arc::default()).await;
        for (path, length, sent, closes) in [
            ("/refuse", 5000, 5000, false),
            ("/refuse", 70_000, 70_000, true),
            ("/refuse", 5000, 100, true),
            ("/echo", 5, 5, false),
            ("/refuse", 0, 0, false),
            ("/none", 9, 3, true),
        ] {
            let mut client = TcpStream::connect(address).await.unwrap();
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
            client.write_all(format!("{head}{}", "x".repeat(sent)).as_bytes()).await.unwrap();
            let mut text = String::new();
            while !text.contains("\r\n\r\n") {
                let mut buffer = [0; 1024];
                let read = client.read(&mut buffer).await.unwrap();
                assert!(read > 0, "{text:?}");
                text += std::str::from_utf8(&buffer[..read]).unwrap();
            }
            assert_eq!(text.contains("\r\nconnection: close\r\n"), closes, "{path}: {text}");
        }
        stop.cancel();
    }

    /// Reads N responses and returns their bodies.
    async fn answers(stream: &mut TcpStream, count: usize, length: usize) -> Vec<String> {
        let (mut text, mut bodies) = (String::new(), Vec::new());
        while bodies.len() < count {
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "closed after {bodies:?} and {text:?}");
            text += std::str::from_utf8(&buffer[..read]).unwrap();
            while let Some(at) = text.find("\r\n\r\n").filter(|at| text.len() >= at + 4 + length) {
                assert!(text.starts_with("HTTP/1.1 200"), "{text}");
                bodies.push(text[at + 4..at + 4 + length].to_owned());
                text.drain(..at + 4 + length);
            }
        }
        assert_eq!(text, "");
        bodies
    }

    #[tokio::test]
    async fn connection_that_says_nothing_is_not_read() {
        let bound = Bound::open(&Listen::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let Bound::Tcp(listener) = bound else { panic!("it listens on TCP") };
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut readable = Box::pin(std::future::poll_fn(|cx| stream.poll_readable(cx)));
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, &mut readable).await.is_err());
        client.write_all(b"x").await.unwrap();
        readable.await.unwrap();
    }

    /// However requests are split into pieces, and whatever happens between the pieces.
    #[tokio::test]
    async fn connection_that_gave_its_buffers_back_goes_on_where_it_was() {
        let stop = CancellationToken::new();
        let (mut stream, server) = connected(&stop).await;
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let pause = || tokio::time::sleep(Duration::from_millis(20));
        for _ in 0..3 {
            stream.write_all(get.as_bytes()).await.unwrap();
            assert_eq!(answers(&mut stream, 1, 5).await, ["hello"]);
            pause().await;
        }
        // One and a half, and the other half after a while.
        let (half, rest) = get.split_at(20);
        stream.write_all(format!("{get}{half}").as_bytes()).await.unwrap();
        assert_eq!(answers(&mut stream, 1, 5).await, ["hello"]);
        pause().await;
        stream.write_all(rest.as_bytes()).await.unwrap();
        assert_eq!(answers(&mut stream, 1, 5).await, ["hello"]);
        stream.write_all(get.repeat(3).as_bytes()).await.unwrap();
        assert_eq!(answers(&mut stream, 3, 5).await, ["hello"; 3]);
        // A body that arrives later than its head, and a request after it.
        stream.write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nwo").await.unwrap();
        pause().await;
        stream.write_all(format!("rld{get}").as_bytes()).await.unwrap();
        assert_eq!(answers(&mut stream, 2, 5).await, ["world", "hello"]);
        pause().await;
        // An idle connection does not delay the shutdown.
        stop.cancel();
        server.await.unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    }
}
