//! The publisher in a loop: inside `serve`, and as `render --every`.

use crate::config::Badges;
use arc_swap::ArcSwap;
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tallymark_badge::Look;
use tallymark_github::Avatars;
use tallymark_ingest::{Outage, Told, source::now};
use tallymark_publish::{Pace, Pass, PublishMeters, Publisher};
use tallymark_store::{Store, Written};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// How long to wait if nothing can be published: the store is down, or the directory is full or locked by another
/// publisher.
const ELSEWHERE: Duration = Duration::from_secs(10);

/// What a pass waits for, besides the pause after the previous one.
pub(crate) enum NextPass {
    /// Nothing: passes are `every` apart.
    Pause,
    /// A write, or a look that has found none: then only pictures that change by themselves are due.
    Written(Written),
}

impl NextPass {
    /// Returns when the next pass is due, but not before `pause` is over. `through`: there is no work left that waits
    /// for nothing but its turn. Answers whether there may have been a write.
    async fn after(&mut self, pause: Duration, through: bool) -> bool {
        let paused = tokio::time::Instant::now() + pause;
        let heard = match self {
            NextPass::Written(written) if through => written.hear_or_look().await,
            NextPass::Written(_) | NextPass::Pause => true,
        };
        tokio::time::sleep_until(paused).await;
        heard
    }
}

/// The state of publishing, and its current error.
#[derive(Clone)]
pub(crate) struct Publishing {
    badges: Badges,
    faces: Option<Arc<Avatars>>,
    meters: PublishMeters,
    /// Passes that did not complete, including those without the directory.
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
        Publishing { badges, faces: None, meters, failures, trouble }
    }

    /// The same with these faces on the panels.
    pub(crate) fn showing(self, faces: Option<Arc<Avatars>>) -> Publishing {
        Publishing { faces, ..self }
    }

    /// Why badges are not published at the moment, if they are not.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes changes in a loop until `stop`, then once more. Faults are logged and retried: they never stop
    /// anything else.
    pub(crate) async fn repeat(
        &self,
        store: Arc<dyn Store>,
        look: Arc<ArcSwap<Look>>,
        mut next: NextPass,
        stop: CancellationToken,
    ) {
        let (mut publisher, mut outage, mut failures) = (None, Outage::default(), 0u32);
        let mut held = false;
        let mut began = false;
        // Whether there may be something in the log that no pass has read.
        let mut unread = true;
        loop {
            let stopped = stop.is_cancelled();
            // This comes before the pass: if the directory is removed, the badges are restored even if nothing changes
            // any more.
            let opened = match publisher.take().filter(Publisher::is_in_place) {
                Some(publisher) => Ok(publisher),
                None => self.still_has_its_place(began).and_then(|()| self.open(&store)),
            };
            began |= opened.is_ok();
            let passed = match opened {
                Ok(open) => {
                    let which = if unread || stopped { Pass::Changed } else { Pass::Unchanged };
                    pass(publisher.insert(open), &look.load(), which, &mut held).await
                }
                Err(why) => Err(why),
            };
            unread &= passed.is_err();
            failures = if passed.is_err() { failures.saturating_add(1) } else { 0 };
            self.note(passed.unwrap_or_else(Some), &mut outage);
            if stopped {
                return;
            }
            let pause = self.badges.every.max(if failures > 3 { ELSEWHERE } else { Duration::ZERO });
            let through = publisher.as_ref().is_none_or(Publisher::is_through);
            tokio::select! {
                written = next.after(pause, through) => unread |= written,
                () = stop.cancelled() => {}
            }
        }
    }

    /// A data directory that was moved away must find its name free when it is moved back. So what is above the badges is
    /// created for the first publisher only.
    fn still_has_its_place(&self, began: bool) -> Result<(), String> {
        match self.badges.dir.parent() {
            Some(above) if began && !above.as_os_str().is_empty() && !above.is_dir() => Err(format!(
                "the directory {} is gone, with the badges in it; move it back, or create it to start again",
                above.display()
            )),
            _ => Ok(()),
        }
    }

    fn open(&self, store: &Arc<dyn Store>) -> Result<Publisher, String> {
        let Badges { dir, charts, panels, banners, cards, .. } = &self.badges;
        let opened = Publisher::open(dir, store.clone(), self.meters.clone());
        let with_pictures = |publisher: Publisher| {
            let publisher = publisher.with_charts(charts, Pace::Slices)?.with_panels(panels, Pace::Slices)?;
            let publisher = publisher.showing(self.faces.clone()).with_banners(*banners, Pace::Slices)?;
            publisher.with_cards(*cards, Pace::Slices)
        };
        match opened.and_then(|publisher| publisher.map(with_pictures).transpose()) {
            Ok(Some(publisher)) => Ok(publisher),
            Ok(None) => {
                Err(format!("another process publishes badges in {}; waiting for it to end", dir.display()))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn note(&self, failed: Option<String>, outage: &mut Outage) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match failed {
            None => {
                if let Some(Told { failures, lasting }) = outage.over(Instant::now()) {
                    info!(failures, lasting = lasting.map(debug), "badges are published again");
                }
                *trouble = None;
            }
            Some(why) => {
                self.failures.inc();
                if let Some(Told { failures, lasting }) = outage.failed(&why, Instant::now()) {
                    error!(
                        error = why,
                        failures,
                        lasting = lasting.map(debug),
                        "badges are not published; the existing ones stay, and counting continues"
                    );
                }
                *trouble = Some(format!("badges are not published: {why}"));
            }
        }
    }
}

/// Makes a pass. Returns what it could not write, which the publisher itself retries.
async fn pass(
    publisher: &mut Publisher,
    look: &Look,
    which: Pass,
    told_held: &mut bool,
) -> Result<Option<String>, String> {
    let report = publisher.pass(look, which, now(), |_| {}).await.map_err(|error| error.to_string())?;
    if report.full {
        info!(names = report.names, written = report.written, held = report.held, "checked every badge");
    }
    if report.held > 0 && !*told_held {
        *told_held = true;
        warn!(
            files = report.held,
            "pictures on disk show more than the store has, and are left as they are. If the store is right, stop this \
             daemon, run `tallymark render --all --allow-lower`, and start it again"
        );
    }
    Ok((report.failed > 0).then(|| "some of them could not be written, and are tried again".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};
    use tallymark_core::{Batch, Day, Entry, Event, Name, When};
    use tallymark_store::{Retention, StoreUrl};
    use tallymark_testbed::wait_until;
    use uuid::Uuid;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_write_that_is_told_is_published_without_a_look_at_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let badges = dir.path().join("badges");
        let overrides = Overrides { badges_dir: Some(badges.clone()), ..Overrides::default() };
        let config = Config::parse("", &overrides).unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let look = Arc::new(ArcSwap::from_pointee(config.look().unwrap().0));
        let (written, stop) = (Written::default(), CancellationToken::new());
        let running = tokio::spawn({
            let (next, store, stop) = (NextPass::Written(written.clone()), store.clone(), stop.clone());
            async move { Publishing::of(&config.badges).repeat(store, look, next, stop).await }
        });
        let cursor = badges.join(".cursor");
        wait_until("the first pass", Duration::from_secs(30), || cursor.exists());
        let claim = store.claim(Uuid::new_v4()).await.unwrap();
        for (seq, name) in [(1, "a"), (2, "b")] {
            let name = Name::new(name).unwrap();
            let file = badges.join(format!("{name}.svg"));
            let entry = Entry { event: Event::HIT, name, when: When::Day(Day(20_000)), count: 1 };
            let batch = Batch::of(claim.instance, seq, vec![entry]);
            store.apply(&claim, &[batch]).await.unwrap();
            written.tell();
            wait_until("the badge", Duration::from_secs(30), || file.exists());
        }
        stop.cancel();
        running.await.unwrap();
    }
}
