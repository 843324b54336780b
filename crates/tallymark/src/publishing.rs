//! The publisher, run again and again: inside `serve`, and as `render --every`.

use crate::config::Badges;
use arc_swap::ArcSwap;
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tallymark_badge::Look;
use tallymark_ingest::{Outage, Told, source::now};
use tallymark_publish::{Pace, Pass, PublishMeters, Publisher};
use tallymark_store::Store;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// How long to wait for another publisher to leave the directory.
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Publishing that goes on, and what is wrong with it.
#[derive(Clone)]
pub(crate) struct Publishing {
    badges: Badges,
    meters: PublishMeters,
    /// Passes that did not go through, also because the directory could not be had.
    failures: Counter,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Publishing {
    pub(crate) fn of(badges: &Badges) -> Publishing {
        Publishing::new(badges, PublishMeters::default())
    }

    /// The same with counters behind `/metrics`.
    pub(crate) fn register(badges: &Badges, registry: &mut Registry) -> Publishing {
        let publishing = Publishing::new(badges, PublishMeters::register(registry, &badges.dir));
        let failures = publishing.failures.clone();
        registry.register("publish_failures", "Passes that did not go through", failures);
        publishing
    }

    fn new(badges: &Badges, meters: PublishMeters) -> Publishing {
        let (badges, failures, trouble) = (badges.clone(), Counter::default(), Arc::default());
        Publishing { badges, meters, failures, trouble }
    }

    /// Why badges are not published at the moment, if they are not.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes what changed again and again, until `stop`; then once more. Faults are logged and tried again: they
    /// never stop anything else.
    pub(crate) async fn repeat(
        &self,
        store: Arc<dyn Store>,
        look: Arc<ArcSwap<Look>>,
        stop: CancellationToken,
    ) {
        let (mut publisher, mut outage, mut failures) = (None, Outage::default(), 0u32);
        loop {
            let stopped = stop.is_cancelled();
            let passed = match publisher.take() {
                Some(publisher) => Ok(publisher),
                None => self.open(&store),
            };
            let passed = match passed {
                Ok(mut open) => match pass(&mut open, &look.load()).await {
                    Ok(failed) => {
                        publisher = Some(open).filter(|open| failed.is_none() || open.is_in_place());
                        failed
                    }
                    Err(why) => Some(why),
                },
                Err(why) => Some(why),
            };
            failures = if passed.is_none() { 0 } else { failures.saturating_add(1) };
            self.note(passed, &mut outage);
            if stopped {
                return;
            }
            let wait = if publisher.is_none() && failures > 3 {
                self.badges.every.max(ELSEWHERE)
            } else {
                self.badges.every
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    fn open(&self, store: &Arc<dyn Store>) -> Result<Publisher, String> {
        let Badges { dir, charts, .. } = &self.badges;
        let opened = Publisher::open(dir, store.clone(), self.meters.clone());
        let with_charts = |publisher: Publisher| publisher.with_charts(charts, Pace::Slices);
        match opened.and_then(|publisher| publisher.map(with_charts).transpose()) {
            Ok(Some(publisher)) => Ok(publisher),
            Ok(None) => {
                Err(format!("another publisher is at work in {}; waiting for it to leave", dir.display()))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn note(&self, failed: Option<String>, outage: &mut Outage) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match failed {
            None => {
                if let Some(Told { failures, lasting }) = outage.over(Instant::now()) {
                    info!(failures, ?lasting, "badges are published again");
                }
                *trouble = None;
            }
            Some(why) => {
                self.failures.inc();
                if let Some(Told { failures, lasting }) = outage.failed(&why, Instant::now()) {
                    error!(
                        error = why,
                        failures,
                        ?lasting,
                        "badges are not published; what is there stays, and counting goes on"
                    );
                }
                *trouble = Some(format!("badges are not published: {why}"));
            }
        }
    }
}

/// Makes a pass. Answers what it could not write, which the publisher itself tries again.
async fn pass(publisher: &mut Publisher, look: &Look) -> Result<Option<String>, String> {
    let report =
        publisher.pass(look, Pass::Changed, now(), |_| {}).await.map_err(|error| error.to_string())?;
    if report.full {
        info!(names = report.names, written = report.written, held = report.held, "looked at every badge");
    }
    Ok((report.failed > 0).then(|| "some of them could not be written, and are tried again".to_owned()))
}
