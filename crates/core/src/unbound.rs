//! Advice for a socket that cannot be bound, as the end of the error message. The sources and the HTTP server use it;
//! they add what applies only to unix sockets.

use std::{io, net::IpAddr};

/// The listener that could not be bound.
#[derive(Clone, Copy, Debug)]
pub struct Unbound<'a> {
    /// The address; `None` for a unix socket.
    pub ip: Option<IpAddr>,
    /// The flag that chooses another one.
    pub flag: &'a str,
    /// The systemd unit that may have it.
    pub unit: &'a str,
    /// The command that shows who has it.
    pub look: &'a str,
}

impl Unbound<'_> {
    /// What helps against this error, with a full stop in front; empty if nothing is known.
    #[must_use]
    pub fn advice(&self, error: &io::Error) -> String {
        let Unbound { ip, flag, unit, look } = self;
        match (error.kind(), ip) {
            // An error of our own says more than the kernel's.
            (io::ErrorKind::AddrInUse, _) if error.raw_os_error().is_some() => format!(
                ". Another program uses it, or systemd holds it for {unit}: `{look}` shows which. Choose another address \
                 with {flag}"
            ),
            (io::ErrorKind::AddrNotAvailable, Some(ip)) => {
                format!(". This machine does not have the address {ip}; `ip address` lists those it has")
            }
            (io::ErrorKind::PermissionDenied, Some(_)) => {
                ". A port below 1024 needs CAP_NET_BIND_SERVICE; tallymark.service shows how".to_owned()
            }
            _ => String::new(),
        }
    }
}
