//! Notifications to systemd: ready, reloading, stopping, still alive. Without systemd these calls do nothing.

use sd_notify::NotifyState;
use std::time::Duration;

/// How soon the status is updated after a change, and without one. Only people read it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_secs(5);

/// What a start that takes longer asks for, again and again.
const LONGER: Duration = Duration::from_secs(30);

/// The sockets are bound and hits are accepted.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The start takes longer than usual, but goes on.
pub(crate) fn takes_longer() {
    tell(&[NotifyState::ExtendTimeoutUsec(LONGER.as_micros().try_into().unwrap_or(u32::MAX))]);
}

/// No more hits are accepted; the last ones are being written.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Keeps the line of `systemctl status` up to date, as long as it is polled.
pub(crate) async fn keep_status(line: impl Fn() -> String) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let mut told = String::new();
    loop {
        let line = line();
        let changed = line != told;
        if changed {
            tell(&[NotifyState::Status(&line)]);
            told = line;
        }
        tokio::time::sleep(if changed { LOOK_AGAIN } else { LOOK }).await;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "telling systemd");
    }
}

/// Feeds the watchdog, if there is one, as long as the runtime makes progress.
pub(crate) async fn feed_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut beat = tokio::time::interval((limit / 3).max(Duration::from_millis(100)));
    loop {
        beat.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}
