//! Where lines come from, one file a kind.

mod udp;

pub use udp::{BindError, SyslogUdp, UdpOptions};

use std::{
    io::{self, PipeReader, PipeWriter, Write},
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tallymark_core::Now;

/// Tells the threads of sources to stop: they sleep in `poll`, so they are woken by a pipe.
#[derive(Clone)]
pub struct Stop {
    reader: Arc<PipeReader>,
    writer: Arc<Mutex<Option<PipeWriter>>>,
}

impl Stop {
    /// A stop that has not been said.
    pub fn new() -> io::Result<Stop> {
        let (reader, writer) = io::pipe()?;
        Ok(Stop { reader: Arc::new(reader), writer: Arc::new(Mutex::new(Some(writer))) })
    }

    /// Says stop, to every source, once and for all.
    pub fn stop(&self) {
        if let Some(mut writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Should the write fail, dropping the writer wakes the readers as well.
            let _ = writer.write_all(b"x");
        }
    }

    /// Whether stop was said.
    pub fn is_said(&self) -> bool {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// The present. The one place in ingest where the clock is read.
pub fn now() -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Now { unix_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX) }
}
