//! The signals that end a daemon, and those that must not.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// `timeout` and some supervisors send the same signal twice at once; only from a person does a second one mean more.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// Signals without a meaning for a daemon that would end it by default: one sent by mistake must not lose hits.
/// SIGXFSZ says that a file has reached its limit; without it, the write fails as on a full disk. SIGXCPU comes once a
/// second from a soft limit on CPU time; only the hard limit ends a process. What reports a fault of the process itself
/// (SIGABRT, SIGSEGV, SIGTRAP and the like) ends it as everywhere.
const MEANINGLESS: [libc::c_int; 11] = [
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGPIPE,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSTKFLT,
    libc::SIGXFSZ,
    libc::SIGXCPU,
];

/// From here on the process survives them, and SIGHUP, which it may also handle. Every command that runs until it is
/// stopped calls this first.
pub(crate) fn outlive_others() -> Result<()> {
    for number in MEANINGLESS.into_iter().chain([libc::SIGHUP]).chain(libc::SIGRTMIN()..=libc::SIGRTMAX()) {
        // Once a handler was installed, the signal no longer ends the process, even after the handler is dropped.
        drop(signal(SignalKind::from_raw(number)).with_context(|| format!("listening for signal {number}"))?);
    }
    Ok(())
}

/// SIGTERM, SIGINT and SIGQUIT (the clean stop of nginx), and SIGHUP if it does not reload.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// Listens from here on; signals before `wait` are not missed.
    pub(crate) fn listen(with_hangup: bool) -> Result<Signals> {
        let hangup = with_hangup.then(|| signal(SignalKind::hangup())).transpose();
        Ok(Signals {
            hangup: hangup.context("listening for SIGHUP")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listening for SIGINT")?,
            quit: signal(SignalKind::quit()).context("listening for SIGQUIT")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
            Some(()) = async { self.hangup.as_mut()?.recv().await } => {}
        }
    }

    /// Waits for one of them, or for a source that failed. Returns a token that a second signal cancels: its sender
    /// does not want to wait.
    pub(crate) async fn wait(mut self, stop: &CancellationToken) -> CancellationToken {
        tokio::select! {
            () = self.next() => {}
            () = stop.cancelled() => {}
        }
        let hurry = CancellationToken::new();
        let second = hurry.clone();
        tokio::spawn(async move {
            let first = Instant::now();
            while first.elapsed() < SAME_SIGNAL {
                self.next().await;
            }
            warn!("a second signal: stopping at once");
            second.cancel();
        });
        hurry
    }
}
