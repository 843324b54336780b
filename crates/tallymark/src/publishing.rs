//! The publisher, run again and again: inside `serve`, and as `render --every`.

use crate::config::Badges;
use arc_swap::ArcSwap;
use std::{path::Path, sync::Arc, time::Duration};
use tallymark_badge::Look;
use tallymark_ingest::source::now;
use tallymark_publish::{ChartKind, Pace, Pass, PublishMeters, Publisher};
use tallymark_store::Store;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// How long to wait for another publisher to leave the directory.
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Publishes what changed every `every`, until `stop`; then once more. Faults are logged and tried again: they never
/// stop anything else.
pub(crate) async fn repeat(
    Badges { dir, charts, every, .. }: &Badges,
    store: Arc<dyn Store>,
    look: Arc<ArcSwap<Look>>,
    meters: PublishMeters,
    stop: CancellationToken,
) {
    let mut publisher = None;
    let mut failures = 0u32;
    loop {
        let stopped = stop.is_cancelled();
        if publisher.is_none() {
            publisher = open(dir, charts, &store, &meters, failures);
        }
        let failed = match publisher.as_mut() {
            None => true,
            Some(publisher) => !pass(publisher, &look.load(), failures).await,
        };
        if failed {
            failures = failures.saturating_add(1);
            // The directory may have been replaced under the lock; take it anew.
            publisher = None;
        } else {
            if failures > 0 {
                info!(failures, "badges are published again");
            }
            failures = 0;
        }
        if stopped {
            return;
        }
        let wait = if publisher.is_none() && failures > 3 { (*every).max(ELSEWHERE) } else { *every };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn open(
    dir: &Path,
    charts: &[ChartKind],
    store: &Arc<dyn Store>,
    meters: &PublishMeters,
    failures: u32,
) -> Option<Publisher> {
    // The first time, then ever more rarely.
    let speak = failures == 0 || failures.is_power_of_two();
    let opened = Publisher::open(dir, store.clone(), meters.clone());
    let with_charts = |publisher: Publisher| publisher.with_charts(charts, Pace::Slices);
    match opened.and_then(|publisher| publisher.map(with_charts).transpose()) {
        Ok(Some(publisher)) => Some(publisher),
        Ok(None) => {
            if speak {
                warn!(dir = %dir.display(), "another publisher is at work in this directory; waiting for it to leave");
            }
            None
        }
        Err(error) => {
            if speak {
                error!(%error, "badges are not published; counting goes on");
            }
            None
        }
    }
}

async fn pass(publisher: &mut Publisher, look: &Look, failures: u32) -> bool {
    match publisher.pass(look, Pass::Changed, now(), |_| {}).await {
        Ok(report) => {
            if report.full {
                info!(
                    names = report.names,
                    written = report.written,
                    held = report.held,
                    "looked at every badge"
                );
            }
            report.failed == 0
        }
        Err(error) => {
            if failures == 0 || failures.is_power_of_two() {
                error!(%error, failures, "badges are not published; what is there stays, and counting goes on");
            }
            false
        }
    }
}
