//! Sockets that the service manager opened and handed over (`LISTEN_FDS`, sd_listen_fds(3)).
//!
//! systemd keeps such a socket while the daemon restarts, so what arrives in between waits in it. Each belongs to the
//! source, or to the HTTP listener, with its address in the configuration. A socket without an owner is an error,
//! because lines sent there would pile up unread.

use crate::recv;
use socket2::{Socket, Type};
use std::{fmt, io, net::SocketAddr, os::fd::OwnedFd, path::PathBuf};

/// The kind and address of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketPlace {
    /// UDP.
    Udp(SocketAddr),
    /// TCP, listening.
    Tcp(SocketAddr),
    /// Unix datagrams.
    UnixDatagrams(PathBuf),
    /// A listening unix stream socket.
    UnixStream(PathBuf),
}

/// The sockets that are not claimed yet.
#[derive(Debug, Default)]
pub struct Handed(Vec<(SocketPlace, String, Socket)>);

/// The service manager handed over something unusable.
#[derive(Debug, thiserror::Error)]
pub enum HandedError {
    /// The variables are invalid, or a descriptor is not open.
    #[error("taking the sockets of the service manager (LISTEN_FDS): {0}")]
    Taking(#[from] io::Error),
    /// Not a usable kind of socket.
    #[error(
        "the service manager handed over descriptor {name:?}, which is not a UDP, TCP or unix socket to listen \
         on"
    )]
    Unfit {
        /// Its name.
        name: String,
    },
    /// Nothing in the configuration has its address.
    #[error(
        "the service manager handed over {place} (named {name:?}), and nothing in the configuration listens there: add a \
         [[source]] or [http] listen with this address, or take it out of the socket unit"
    )]
    Unclaimed {
        /// Where it listens.
        place: SocketPlace,
        /// Its name.
        name: String,
    },
}

impl fmt::Display for SocketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocketPlace::Udp(addr) => write!(f, "udp {addr}"),
            SocketPlace::Tcp(addr) => write!(f, "tcp {addr}"),
            SocketPlace::UnixDatagrams(path) => write!(f, "unix datagrams {}", path.display()),
            SocketPlace::UnixStream(path) => write!(f, "unix stream {}", path.display()),
        }
    }
}

impl Handed {
    /// Takes the sockets that were passed to this process. Works once: later calls find nothing.
    ///
    /// # Errors
    ///
    /// The environment names sockets that do not exist.
    pub fn take() -> Result<Handed, HandedError> {
        let mut handed = Vec::new();
        for (fd, name) in recv::handed_over()? {
            let socket = Socket::from(fd);
            let Some(place) = place_of(&socket) else { return Err(HandedError::Unfit { name }) };
            socket.set_nonblocking(true)?;
            handed.push((place, name, socket));
        }
        Ok(Handed(handed))
    }

    /// The socket for this place, if it was handed over.
    pub fn claim(&mut self, place: &SocketPlace) -> Option<Socket> {
        let at = self.0.iter().position(|(there, ..)| there == place)?;
        Some(self.0.swap_remove(at).2)
    }

    /// An empty set, for callers without such sockets.
    pub fn claim_fd(&mut self, place: &SocketPlace) -> Option<OwnedFd> {
        self.claim(place).map(OwnedFd::from)
    }

    /// Checks that every socket has been claimed.
    ///
    /// # Errors
    ///
    /// The first socket that the configuration does not mention.
    pub fn finish(self) -> Result<(), HandedError> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((place, name, _)) => Err(HandedError::Unclaimed { place, name }),
        }
    }
}

fn place_of(socket: &Socket) -> Option<SocketPlace> {
    let (address, kind) = (socket.local_addr().ok()?, socket.r#type().ok()?);
    let listens = || socket.is_listener().is_ok_and(|listens| listens);
    match (kind, address.as_socket(), address.as_pathname()) {
        (Type::DGRAM, Some(addr), _) => Some(SocketPlace::Udp(addr)),
        (Type::STREAM, Some(addr), _) if listens() => Some(SocketPlace::Tcp(addr)),
        (Type::DGRAM, _, Some(path)) => Some(SocketPlace::UnixDatagrams(path.to_owned())),
        (Type::STREAM, _, Some(path)) if listens() => Some(SocketPlace::UnixStream(path.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    #[test]
    fn socket_is_claimed_by_kind_and_address() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = udp.local_addr().unwrap();
        let unix = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        let sockets = [Socket::from(udp), Socket::from(unix)];
        let all = sockets.into_iter().map(|socket| (place_of(&socket).unwrap(), "n".to_owned(), socket));
        let mut handed = Handed(all.collect());
        assert!(handed.claim(&SocketPlace::Tcp(addr)).is_none());
        assert!(handed.claim(&SocketPlace::Udp(addr)).is_some());
        assert!(handed.claim(&SocketPlace::Udp(addr)).is_none());
        assert!(handed.claim(&SocketPlace::UnixStream(path.clone())).is_none());
        let left = handed.finish().unwrap_err().to_string();
        assert!(left.contains("unix datagrams") && left.contains(path.to_str().unwrap()), "{left}");
    }

    #[test]
    fn only_listening_streams_are_of_use() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(place_of(&Socket::from(stream)).is_none());
        assert!(matches!(place_of(&Socket::from(listener)), Some(SocketPlace::Tcp(_))));
    }
}
