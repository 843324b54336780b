//! The real servers that tests need: Redis, nginx, syslog-ng, rsyslog, a ZeroMQ publisher, our own binary, a web
//! server that answers what a test wants, and a network that misbehaves.
//!
//! Every server gets its own temporary directory and port, is ready when `start` returns, and is gone when its value is
//! dropped or when the test process ends in any way (see `janitor`). Waiting is always for a condition
//! ([`wait_until`]), never for a time. A failure is a panic that says what was expected and shows what the server
//! wrote, because the caller is always a test.
//!
//! This crate knows nothing about Tallymark: it depends on no other crate of the workspace, and the others use it only
//! as a dev-dependency. It blocks, so tests of async code call it from outside the runtime, or accept the blocking.

#![allow(clippy::must_use_candidate, clippy::missing_errors_doc, reason = "every caller is a test")]

mod certificates;
mod daemon;
mod fake_github;
mod fake_web;
mod front;
pub mod http;
mod janitor;
mod nginx;
mod port;
mod process;
mod proxy;
mod publisher;
mod redis;
mod rsyslog;
mod sentinels;
mod syslog_ng;
mod wait;

pub use certificates::Certificates;
pub use daemon::{Daemon, DaemonBuilder};
pub use fake_github::{FakeGithub, FakeRepository, FakeWork};
pub use fake_web::{FakeWeb, WebReply, WebRequest};
pub use front::Front;
pub use nginx::{Nginx, NginxBuilder, SET_MISC, nginx_test};
pub use port::{free_tcp_port, free_udp_port};
pub use proxy::{Fault, FaultProxy};
pub use publisher::Publisher;
pub use redis::{Redis, RedisBuilder};
pub use rsyslog::{Rsyslog, rsyslog_cache};
pub use sentinels::Sentinels;
pub use syslog_ng::SyslogNg;
pub use tempfile::TempDir;
pub use wait::{Condition, wait_until};

use std::path::Path;
use std::time::Duration;

/// How long a server may take to start or to stop before a test fails: long, because a loaded two-core machine is not a
/// defect of the code under test, and in the good case the time is not used up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where a server under test lives: what a configuration text has to mention.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The server's own directory; it goes away with the server.
    pub dir: &'a Path,
    /// The port that is reserved for the server, free for TCP and for UDP on 127.0.0.1.
    pub port: u16,
}

impl Site<'_> {
    /// The path of a file in the server's directory, as text for a configuration.
    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }
}

/// A new temporary directory, removed when the value is dropped.
///
/// # Panics
/// When it cannot be created: no test can continue without it.
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new().prefix("tallymark-").tempdir().expect("a temporary directory can be made")
}

/// Whether the tests run as root: nginx and systemd's tools then need other options.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // /proc/self belongs to the effective user; std has no geteuid and this crate no unsafe code.
    std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}
