//! Receiving many datagrams with one system call, what the kernel dropped, and inherited sockets.
//!
//! This is the only module with `unsafe` code: `recvmmsg(2)`, `poll(2)` and `getsockopt(SO_MEMINFO)` have no safe
//! wrapper that fits (nix's reuse of message headers loses control data, rustix has no recvmmsg), and no type can say
//! that a number in an environment variable is an open descriptor. Sources call it; it interprets nothing.

#![allow(unsafe_code)]

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Slots a power of two apart would start in the same few cache sets, and evict each other.
pub(crate) const STAGGER: usize = 3 * 64;

/// Buffers for up to `slots` datagrams a call, reused for every call.
pub(crate) struct Datagrams {
    buffer: Box<[u8]>,
    names: Box<[libc::sockaddr_storage]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    slot_bytes: usize,
    with_sender: bool,
}

// SAFETY: the raw pointers in `vectors` and `headers` point only into heap blocks that the same value owns and never
// reallocates, so they stay valid and unshared when it moves to another thread.
unsafe impl Send for Datagrams {}

/// One received datagram.
pub(crate) struct Datagram<'a> {
    /// What arrived, at most as much as a slot holds.
    pub(crate) bytes: &'a [u8],
    /// It was larger than the slot, and the kernel discarded the rest.
    pub(crate) truncated: bool,
    /// The sender, if it was requested and is an IP address.
    pub(crate) sender: Option<IpAddr>,
}

impl Datagrams {
    /// Room for `slots` datagrams of up to `slot_bytes` each. Only pages that a datagram touches become resident.
    pub(crate) fn new(slots: usize, slot_bytes: usize, with_sender: bool) -> Datagrams {
        // SAFETY: all-zero bytes are a valid value of these C structures.
        let (name, header): (libc::sockaddr_storage, libc::mmsghdr) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let mut buffer = vec![0u8; slots * slot_bytes].into_boxed_slice();
        let mut names = vec![name; if with_sender { slots } else { 0 }].into_boxed_slice();
        let mut vectors: Box<[libc::iovec]> = buffer
            .chunks_exact_mut(slot_bytes)
            .map(|slot| libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() })
            .collect();
        let mut headers = vec![header; slots].into_boxed_slice();
        for (at, header) in headers.iter_mut().enumerate() {
            header.msg_hdr.msg_iov = &raw mut vectors[at];
            header.msg_hdr.msg_iovlen = 1;
            if let Some(name) = names.get_mut(at) {
                header.msg_hdr.msg_name = (&raw mut *name).cast();
            }
        }
        Datagrams { buffer, names, vectors, headers, slot_bytes, with_sender }
    }

    /// Receives what is available, without waiting. 0 means that the socket is empty.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        if self.with_sender {
            // The kernel shortens it to what it wrote, so it has to be set again before each call.
            for header in &mut self.headers {
                header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            }
        }
        debug_assert_eq!(self.vectors.len(), self.headers.len());
        // SAFETY: every header points to one iovec and (or null) one name of this value, sized as they say; the
        // kernel writes only inside them, and nothing else borrows them during the call.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                // c_int for glibc, c_uint for musl.
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        if received >= 0 {
            return Ok(received as usize);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
            // A leftover ICMP error of a socket that once sent something; it says nothing about what was received.
            io::ErrorKind::ConnectionRefused => Ok(0),
            _ => Err(error),
        }
    }

    /// The `at`-th datagram of the last call.
    pub(crate) fn get(&self, at: usize) -> Datagram<'_> {
        let header = &self.headers[at];
        let start = at * self.slot_bytes;
        let length = (header.msg_len as usize).min(self.slot_bytes);
        Datagram {
            bytes: &self.buffer[start..start + length],
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            sender: self.names.get(at).and_then(ip_of),
        }
    }
}

fn ip_of(name: &libc::sockaddr_storage) -> Option<IpAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the kernel wrote a sockaddr_in, and a sockaddr_storage is large enough
            // and aligned for it.
            let name = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in>() };
            Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above, for sockaddr_in6.
            let name = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in6>() };
            Some(Ipv6Addr::from(name.sin6_addr.s6_addr).to_canonical())
        }
        _ => None,
    }
}

/// How many datagrams the kernel has dropped at this socket since it was made, modulo 2^32, because its receive
/// buffer was full.
///
/// This is the counter behind `SO_RXQ_OVFL`, which would come with each datagram; read here it costs nothing per
/// datagram, and drops after the last datagram show too.
pub(crate) fn drops(socket: BorrowedFd<'_>) -> io::Result<u32> {
    const SO_MEMINFO: libc::c_int = 55;
    const SK_MEMINFO_DROPS: usize = 8;
    let mut info = [0u32; 9];
    let mut length = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into `info`, which is that large.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(info[SK_MEMINFO_DROPS]) } else { Err(io::Error::last_os_error()) }
}

/// Waits until `socket` can be read, `stop` can be read, or `timeout` is over.
pub(crate) fn wait(socket: BorrowedFd<'_>, stop: BorrowedFd<'_>, timeout: Duration) -> io::Result<()> {
    let mut poll = Poll::default();
    poll.add(socket);
    poll.add(stop);
    poll.wait(timeout)
}

/// A reusable set of descriptors to wait for.
#[derive(Default)]
pub(crate) struct Poll(Vec<libc::pollfd>);

impl Poll {
    /// Empties the set.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a descriptor, to wait until it is readable or at its end. Returns its index.
    ///
    /// If it is closed before the wait, the kernel reports that, or the state of another descriptor: at worst a
    /// needless read of a non-blocking socket.
    pub(crate) fn add(&mut self, fd: BorrowedFd<'_>) -> usize {
        self.0.push(libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 });
        self.0.len() - 1
    }

    /// Waits for the first of them, or until `timeout` is over.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        // Rounded up, so that a tick that is due in 0.4 ms does not become a busy loop.
        let timeout = i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        // SAFETY: the vector is a valid array of as many pollfd as it is long.
        let result = unsafe { libc::poll(self.0.as_mut_ptr(), self.0.len() as libc::nfds_t, timeout) };
        if result >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
    }

    /// Whether the descriptor at this index has data, an end or an error.
    pub(crate) fn is_ready(&self, at: usize) -> bool {
        self.0.get(at).is_some_and(|entry| entry.revents != 0)
    }
}

/// Takes the descriptors that the service manager passed to this process, with their names. Works once: later calls
/// return none, so that no descriptor gets two owners.
pub(crate) fn handed_over() -> io::Result<Vec<(OwnedFd, String)>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Ok(Vec::new());
    }
    // The variables are for this process id alone, and what they name is closed on exec from here on.
    sd_notify::listen_fds_with_names()?.map(|(fd, name)| Ok((own(fd)?, name))).collect()
}

fn own(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: asking for the flags of any number is harmless; a number that is not open answers an error.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and sd_listen_fds(3)'s protocol gives it to this process for good: the service manager put
    // it there before the program began, nothing else in the program knows of it, and the caller runs once.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::UdpSocket, os::fd::AsFd};

    fn pair() -> (UdpSocket, UdpSocket) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        (sender, receiver)
    }

    #[test]
    fn datagrams_keep_their_borders_and_their_order() {
        let (sender, receiver) = pair();
        for text in ["one", "", "three"] {
            sender.send(text.as_bytes()).unwrap();
        }
        let mut datagrams = Datagrams::new(8, 100, true);
        assert_eq!(datagrams.receive(receiver.as_fd()).unwrap(), 3);
        let got: Vec<_> = (0..3).map(|at| datagrams.get(at).bytes.to_vec()).collect();
        assert_eq!(got, [&b"one"[..], b"", b"three"]);
        assert_eq!(datagrams.get(0).sender, Some("127.0.0.1".parse().unwrap()));
        assert_eq!(datagrams.receive(receiver.as_fd()).unwrap(), 0);
    }

    #[test]
    fn datagram_larger_than_its_slot_says_so() {
        let (sender, receiver) = pair();
        sender.send(&[b'x'; 101]).unwrap();
        sender.send(&[b'y'; 100]).unwrap();
        let mut datagrams = Datagrams::new(8, 100, false);
        assert_eq!(datagrams.receive(receiver.as_fd()).unwrap(), 2);
        assert!(datagrams.get(0).truncated && !datagrams.get(1).truncated);
        assert_eq!(datagrams.get(1).bytes, &[b'y'; 100]);
        assert_eq!(datagrams.get(0).sender, None);
    }

    #[test]
    fn what_the_kernel_drops_is_counted_to_the_unit() {
        let (sender, receiver) = pair();
        // Regardless of the machine's default.
        socket2::SockRef::from(&receiver).set_recv_buffer_size(64 << 10).unwrap();
        for _ in 0..5000 {
            sender.send(&[b'x'; 100]).unwrap();
        }
        let mut datagrams = Datagrams::new(64, 200, false);
        let mut received = 0;
        loop {
            match datagrams.receive(receiver.as_fd()).unwrap() {
                0 => break,
                n => received += n as u32,
            }
        }
        let dropped = drops(receiver.as_fd()).unwrap();
        assert!(dropped > 0, "a small receive buffer does not hold 5,000 datagrams");
        assert_eq!(received + dropped, 5000);
    }
}
