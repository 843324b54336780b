//! How a unix datagram socket for syslog is opened, and who owns its file.
//!
//! The kernel queues `net.unix.max_dgram_qlen` datagrams at such a socket and one more, whatever its receive buffer. A
//! sender that finds the queue full drops its line, and neither the kernel nor we can count that: only the sender
//! knows.

use super::{
    BindError, LineOptions,
    datagram::{Ending, SyslogDatagrams, sysctl},
};
use crate::{meters::SourceMeters, recv};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixDatagram,
    },
    path::{Path, PathBuf},
    time::Duration,
};
use tracing::warn;

/// More than the queue holds on most machines.
const SLOTS: usize = 64;
/// nginx sends lines as long as the request makes them: 200 KB have arrived whole.
const SLOT_BYTES: usize = 262_144 + recv::STAGGER;
/// Below this many datagrams, a burst of requests loses lines before this process is even scheduled.
const ENOUGH_QUEUE: u64 = 512;
const QUEUE: &str = "/proc/sys/net/unix/max_dgram_qlen";

/// How a unix source is set up.
#[derive(Clone, Debug)]
pub struct UnixOptions {
    /// The path of the socket.
    pub path: PathBuf,
    /// Its permissions: those who may write may send.
    pub mode: u32,
}

impl SyslogDatagrams {
    /// Opens a unix socket, or takes the one that the service manager handed over.
    ///
    /// # Errors
    ///
    /// The path is in use, or may not be used.
    pub fn unix(
        options: UnixOptions,
        handed: Option<Socket>,
        lines: LineOptions,
        meters: SourceMeters,
    ) -> Result<SyslogDatagrams, BindError> {
        let UnixOptions { path, mode } = options;
        let (socket, ending) = match handed {
            Some(socket) => (socket, Ending::Leave),
            None => {
                let (socket, file) = open(&path, mode)
                    .map_err(|error| BindError::new(format!("unix:{}", path.display()), error))?;
                (socket, Ending::Shut(file))
            }
        };
        if let Some(queue) = sysctl(QUEUE).filter(|&queue| queue < ENOUGH_QUEUE) {
            warn!(
                path = %path.display(),
                queue,
                wanted = ENOUGH_QUEUE,
                "in a burst, lines beyond this number are lost and not counted: raise net.unix.max_dgram_qlen, \
                 then restart"
            );
        }
        Ok(SyslogDatagrams {
            socket,
            label: "syslog-unix",
            allow: None,
            slots: SLOTS,
            slot_bytes: SLOT_BYTES,
            pause: Duration::ZERO,
            comfortable: 0,
            ending,
            lines,
            meters,
        })
    }
}

fn open(path: &Path, mode: u32) -> io::Result<(Socket, SocketFile)> {
    clear_the_way(path)?;
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Regardless of our umask.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    let about = fs::symlink_metadata(path)?;
    Ok((socket, SocketFile { path: path.to_owned(), id: (about.dev(), about.ino()) }))
}

/// A socket file left behind by a killed process is removed; one that a process still receives on stays.
fn clear_the_way(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.file_type().is_socket() => {}
        Ok(_) => return Err(in_use("that path exists and is not a socket; it was left unchanged")),
        Err(_) => return Ok(()), // bind reports what is wrong with the path.
    }
    match UnixDatagram::unbound()?.connect(path) {
        Ok(()) => Err(in_use("another process receives there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // EPROTOTYPE: it accepts connections, so it is in use, and not for datagrams.
        Err(error) => Err(in_use(&format!("another socket is there: {error}"))),
    }
}

fn in_use(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, what.to_owned())
}

/// The file of a socket that this process bound.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl SocketFile {
    /// Removes it, unless it was replaced by another one.
    pub(super) fn remove(&self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|about| (about.dev(), about.ino()) == self.id);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            warn!(path = %self.path.display(), %error, "removing the syslog socket");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let (socket, file) = open(&path, 0o622).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o622);
        assert!(open(&path, 0o666).unwrap_err().to_string().contains("another process"));
        // Another process removed the path and bound it again.
        fs::remove_file(&path).unwrap();
        let (second, _) = open(&path, 0o666).unwrap();
        file.remove();
        assert!(path.exists(), "it is the second one's now");
        drop((socket, second));
        let (_third, file) = open(&path, 0o666).expect("a killed process left it behind");
        file.remove();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_datagram_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "x").unwrap();
        assert!(open(&path, 0o666).unwrap_err().to_string().contains("not a socket"));
        let path = dir.path().join("stream");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(open(&path, 0o666).unwrap_err().to_string().contains("another socket"));
        assert!(open(&dir.path().join("no/such/dir"), 0o666).is_err());
    }
}
