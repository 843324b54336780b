//! How a UDP socket for syslog is opened: with a large receive buffer, because that is the one place where lines can be
//! lost.

use super::{
    BindError, LineOptions,
    datagram::{Ending, SyslogDatagrams},
};
use crate::{meters::SourceMeters, recv};
use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tracing::warn;

/// Datagrams received per system call.
const SLOTS: usize = 128;
/// Largest UDP payload over IPv4 is 65,507 bytes; nginx does not send longer lines at all.
const SLOT_BYTES: usize = 65_536 + recv::STAGGER;
/// The room that one small datagram takes in the receive buffer, as the kernel counts it (its `truesize`).
const DATAGRAM_COST: usize = 832;
/// More than one current core can send over loopback; the pause between drains is chosen so that even this rate fills
/// only three quarters of the receive buffer.
const FASTEST_PER_SECOND: usize = 800_000;
/// Each wake-up costs as much as a dozen datagrams.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// How a UDP source is set up.
#[derive(Clone, Debug)]
pub struct UdpOptions {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Allowed senders; `None` allows all.
    pub allow: Option<Vec<IpNet>>,
    /// The requested size of the receive buffer in bytes; the kernel may grant less.
    pub receive_buffer: usize,
}

impl SyslogDatagrams {
    /// Opens a UDP socket, or takes the one that the service manager handed over.
    ///
    /// # Errors
    ///
    /// The address is in use, or may not be used.
    pub fn udp(
        options: UdpOptions,
        handed: Option<Socket>,
        lines: LineOptions,
        meters: SourceMeters,
    ) -> Result<SyslogDatagrams, BindError> {
        let UdpOptions { listen, allow, receive_buffer } = options;
        let ending = if handed.is_some() { Ending::Leave } else { Ending::ConnectTo(nobody(listen.ip())) };
        let opened = handed.map_or_else(|| open(listen, receive_buffer), Ok);
        let socket = opened.map_err(|error| BindError::new(format!("udp {listen}"), error))?;
        let granted = socket.recv_buffer_size().unwrap_or(0);
        // The kernel reports twice the size that was requested.
        if granted < receive_buffer.saturating_mul(2) {
            warn!(
                %listen,
                wanted = receive_buffer,
                granted = granted / 2,
                "the receive buffer is smaller than wanted, so a burst may lose lines. Run `sysctl -w \
                 net.core.rmem_max={receive_buffer}`, write `net.core.rmem_max = {receive_buffer}` into \
                 /etc/sysctl.d/90-tallymark.conf to make it last, and restart; or set a smaller receive-buffer"
            );
        }
        let holds = granted / DATAGRAM_COST;
        let pause =
            Duration::from_secs_f64(holds as f64 * 0.75 / FASTEST_PER_SECOND as f64).min(LONGEST_PAUSE);
        let (label, slots, slot_bytes, comfortable) = ("syslog-udp", SLOTS, SLOT_BYTES, holds / 16);
        Ok(SyslogDatagrams {
            socket,
            label,
            allow,
            slots,
            slot_bytes,
            pause,
            comfortable,
            ending,
            lines,
            meters,
        })
    }
}

fn open(listen: SocketAddr, receive_buffer: usize) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    if listen.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // The kernel caps it without an error; what was granted is read back.
    socket.set_recv_buffer_size(receive_buffer)?;
    socket.bind(&listen.into())?;
    Ok(socket)
}

/// An address that never sends.
fn nobody(listen: IpAddr) -> SocketAddr {
    match listen {
        IpAddr::V4(_) => ([127, 0, 0, 1], 1).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, 1).into(),
    }
}
