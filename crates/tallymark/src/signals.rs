//! The signals that end a daemon, and those that must not.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// `timeout` and some supervisors send the same signal twice at once; only a person means more by a second one.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// Signals that mean nothing to a daemon, and that would end it: one sent by mistake must not cost what it holds.
const MEANINGLESS: [libc::c_int; 9] = [
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGPIPE,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSTKFLT,
];

/// From here on the process outlives them, and SIGHUP, for which it may listen as well. Every command that runs until it is
/// stopped says so before it begins.
pub(crate) fn outlive_others() -> Result<()> {
    for number in MEANINGLESS.into_iter().chain([libc::SIGHUP]) {
        // Once somebody has listened, the signal ends the process no more, also when nobody listens any longer.
        drop(signal(SignalKind::from_raw(number)).with_context(|| format!("listening for signal {number}"))?);
    }
    Ok(())
}

/// SIGTERM and SIGINT, and SIGHUP where that reloads nothing.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// Listens from here on; what comes before `wait` is not missed.
    pub(crate) fn listen(with_hangup: bool) -> Result<Signals> {
        let hangup = with_hangup.then(|| signal(SignalKind::hangup())).transpose();
        Ok(Signals {
            hangup: hangup.context("listening for SIGHUP")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listening for SIGINT")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            Some(()) = async { self.hangup.as_mut()?.recv().await } => {}
        }
    }

    /// Waits for one of them, or for a source that failed. A second signal leaves at once.
    pub(crate) async fn wait(mut self, stop: &CancellationToken) {
        tokio::select! {
            () = self.next() => {}
            () = stop.cancelled() => {}
        }
        tokio::spawn(async move {
            let first = Instant::now();
            while first.elapsed() < SAME_SIGNAL {
                self.next().await;
            }
            warn!("a second signal: leaving at once");
            std::process::exit(1);
        });
    }
}
