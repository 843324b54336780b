//! Many datagrams with one system call, and the limit on open descriptors.
//!
//! The only module of this crate with `unsafe` code: the standard library has neither `sendmmsg(2)` nor
//! `setrlimit(2)`, and with one `send` a datagram the generator would be the limit of what it measures.

#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

/// How many datagrams one call sends.
pub(crate) const BURST: usize = 64;

/// Sends bursts; its memory is used again for each.
#[derive(Default)]
pub(crate) struct Burst {
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

impl Burst {
    /// Sends each line as a datagram of its own to where `socket` is connected; waits for room as `send(2)` does.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>, lines: &[&[u8]]) -> io::Result<()> {
        self.point_at(lines);
        let mut sent = 0;
        while sent < self.headers.len() {
            let rest = &mut self.headers[sent..];
            // SAFETY: every header of `rest` points to one iovec of `self.vectors`, which was filled for exactly
            // these lines and is not touched before the next call; the kernel only reads the lines, which are
            // borrowed until we return.
            let result = unsafe {
                libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as libc::c_uint, 0)
            };
            if result >= 0 {
                sent += result as usize;
                continue;
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                // ECONNREFUSED reports an earlier datagram that was not received; this one was not sent yet.
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionRefused => {}
                _ if error.raw_os_error() == Some(libc::ENOBUFS) => std::thread::yield_now(),
                _ => return Err(error),
            }
        }
        Ok(())
    }

    fn point_at(&mut self, lines: &[&[u8]]) {
        self.vectors.clear();
        self.vectors.extend(
            lines
                .iter()
                .map(|line| libc::iovec { iov_base: line.as_ptr().cast_mut().cast(), iov_len: line.len() }),
        );
        // SAFETY: all-zero bytes are a valid value of this C structure.
        let empty: libc::mmsghdr = unsafe { std::mem::zeroed() };
        self.headers.clear();
        self.headers.resize(lines.len(), empty);
        for (header, vector) in self.headers.iter_mut().zip(&mut self.vectors) {
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
        }
    }
}

/// Raises our own limit on open descriptors to the highest that is allowed; children inherit it.
pub(crate) fn allow_many_descriptors() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls only read or write the structure given to them.
    let result = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)
    };
    if result == 0 { Ok(limit.rlim_cur) } else { Err(io::Error::last_os_error()) }
}
