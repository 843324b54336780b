//! The signals that end a daemon.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// `timeout` and some supervisors send the same signal twice at once; only a person means more by a second one.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

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
