//! Socket options of the TCP source.

use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, TcpKeepalive, Type};
use std::{
    io,
    net::{SocketAddr, TcpStream},
    os::fd::AsFd,
    time::Duration,
};
use tracing::warn;

/// Connections that wait in the kernel at the limit.
const BACKLOG: i32 = 1024;
/// A relay whose machine crashed is noticed after a minute and six more probes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMES: u32 = 6;

/// A non-blocking listener.
pub(super) fn listener(listen: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(listen), Type::STREAM, Some(Protocol::TCP))?;
    if listen.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Connections of the previous process may be in TIME_WAIT; that must not prevent a start.
    socket.set_reuse_address(true)?;
    socket.bind(&listen.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// What an accepted connection needs.
pub(super) fn connection(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_EVERY);
    SockRef::from(stream).set_tcp_keepalive(&keepalive.with_retries(KEEPALIVE_TIMES))
}

/// Lets the kernel drop every segment that arrives from now on, before it is acknowledged: what a socket has received
/// stays readable, and what it has not stays with the sender.
pub(super) fn deafen(socket: &impl AsFd) {
    // One instruction of classic BPF: BPF_RET | BPF_K, keep 0 bytes.
    const DROP: SockFilter = SockFilter::new(0x06, 0, 0, 0);
    if let Err(error) = SockRef::from(socket).attach_filter(&[DROP]) {
        warn!(%error, "closing a syslog connection to new data before the last read");
    }
}

/// Closing answers uncounted data with a reset, so that the sender learns of it now and not after minutes of
/// retransmission.
pub(super) fn reset_on_close(stream: &TcpStream) {
    if let Err(error) = SockRef::from(stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "closing a syslog connection at once");
    }
}
