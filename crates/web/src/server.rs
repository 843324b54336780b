//! The HTTP listener: accepts, bounds, times out, drains.
//!
//! `axum::serve` has no header timeout, so the loop is our own on hyper. An accept error never ends it.

use crate::stall::Stall;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
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
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, UnixListener},
    sync::Semaphore,
};
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

/// What clients can make the server spend.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections: usize,
    /// How long a client may take to send the head of a request, the wait for the next one included.
    pub header_timeout: Duration,
    /// How long a client may take nothing of an answer.
    pub stall_timeout: Duration,
    /// How long requests may take after stop was said.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 20_000,
            header_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// The largest head of a request: line and headers. hyper answers 431 to more.
const MAX_HEAD: usize = 64 * 1024;

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
        match self.error.kind() {
            io::ErrorKind::AddrInUse => {
                f.write_str(" (is another tallymark running? --listen names another address)")
            }
            _ => Ok(()),
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
    pub fn open(listen: &Listen) -> Result<Bound, ListenError> {
        let bound = match listen {
            Listen::Tcp(addr) => open_tcp(*addr).map(Bound::Tcp),
            Listen::Unix(path) => open_unix(path).map(|listener| Bound::Unix(listener, path.clone())),
        };
        bound.map_err(|error| ListenError { listen: listen.clone(), error })
    }

    /// Takes a listening socket that the service manager keeps: whoever has not been accepted at the end waits for
    /// the next process.
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

/// A socket file that a killed process left behind is nobody's; one that somebody answers on is.
fn open_unix(path: &Path) -> io::Result<UnixListener> {
    if fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_socket()) {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    // nginx runs as another user, whatever our umask is.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Serves until `stop`, then lets the requests that are under way finish, for `limits.drain` at the most.
pub async fn serve(bound: Bound, router: Router, limits: Limits, stop: CancellationToken) {
    let server = Server { router, limits, stop: stop.clone(), tasks: TaskTracker::new() };
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = stop.cancelled() => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = accept(&bound) => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok(Accepted::Tcp(stream)) => server.spawn(stream, place),
            Ok(Accepted::Unix(stream)) => server.spawn(stream, place),
            Err(error) => rest(&error).await,
        }
    }
    if let Bound::Unix(_, path) = &bound {
        // Somebody may have removed it already.
        let _ = fs::remove_file(path);
    }
    drop(bound);
    server.tasks.close();
    if tokio::time::timeout(limits.drain, server.tasks.wait()).await.is_err() {
        warn!(connections = server.tasks.len(), "connections that did not end in time are cut");
    }
}

enum Accepted {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

async fn accept(bound: &Bound) -> io::Result<Accepted> {
    match bound {
        Bound::Tcp(listener) => listener.accept().await.map(|(stream, _)| Accepted::Tcp(stream)),
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
    router: Router,
    limits: Limits,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    fn spawn<S>(&self, stream: S, place: tokio::sync::OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = TowerToHyperService::new(self.router.clone());
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.limits.header_timeout).max_buf_size(MAX_HEAD);
        let stream = Stall::new(stream, self.limits.stall_timeout);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let _place = place;
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                debug!(%error, "an HTTP connection ended badly");
            }
        });
    }
}
