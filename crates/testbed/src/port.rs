//! Ports for servers that cannot be asked to choose one themselves (port 0).
//!
//! A port handed out here stays reserved until the test process ends, so a server may be stopped and started
//! again on it, and test processes that run at the same time never get the same one.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Mutex;

/// Below the kernel's ephemeral range (from 32768), on purpose: a client that keeps calling a stopped server on
/// an ephemeral port sooner or later is given that very port as its own and then talks to itself. And at most
/// 19,999, because a Redis Cluster node also takes its port + 10,000.
const FIRST: u16 = 10_000;
const COUNT: u16 = 10_000;

/// The reservations of this process and the place where the search continues.
struct Reserved {
    next: Option<u16>,
    // An abstract unix socket is the lock: it lives in the network namespace, as ports do, has no file to clean up, and
    // the kernel releases it when the process dies.
    locks: Vec<UnixListener>,
}

static RESERVED: Mutex<Reserved> = Mutex::new(Reserved { next: None, locks: Vec::new() });

/// A TCP port on 127.0.0.1 that nothing listens on, reserved for this process.
///
/// # Panics
/// When no port is left.
pub fn free_tcp_port() -> u16 {
    free_port()
}

/// A UDP port on 127.0.0.1 that nothing has bound, reserved for this process.
///
/// # Panics
/// When no port is left.
pub fn free_udp_port() -> u16 {
    free_port()
}

/// One search serves both: a port is taken only when it is free for TCP and for UDP.
fn free_port() -> u16 {
    let mut reserved = RESERVED.lock().expect("no holder of the port list panics");
    for _ in 0..COUNT {
        // Processes begin far apart (37 is coprime to COUNT), so they rarely even try the same port.
        let start = || u16::try_from(u64::from(std::process::id()) * 37 % u64::from(COUNT)).unwrap_or(0);
        let offset = reserved.next.unwrap_or_else(start);
        reserved.next = Some((offset + 1) % COUNT);
        let port = FIRST + offset;
        if let Some(lock) = lock(port).filter(|_| unused(port)) {
            reserved.locks.push(lock);
            return port;
        }
    }
    panic!("no free port in {FIRST}..{}", FIRST + COUNT);
}

fn lock(port: u16) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("tallymark-testbed-port-{port}")).ok()?;
    UnixListener::bind_addr(&name).ok()
}

fn unused(port: u16) -> bool {
    // All addresses, not only loopback: some server may listen on 0.0.0.0.
    TcpListener::bind(("0.0.0.0", port)).is_ok() && UdpSocket::bind(("0.0.0.0", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_port_is_given_once() {
        let ports: HashSet<u16> = (0..50).map(|_| free_tcp_port()).chain([free_udp_port()]).collect();
        assert_eq!(ports.len(), 51);
        assert!(ports.iter().all(|port| lock(*port).is_none()), "other processes cannot reserve it either");
    }
}
