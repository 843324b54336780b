//! Finds news among names that have changed.
//!
//! A milestone was reached if the total is above it now and was below it before yesterday began. So nothing has to be
//! remembered of any name, a restart misses nothing, and numbers that were brought along from other days (an import, a
//! correction) are no news. That it was told is kept in the store.

use crate::{
    DAY, NotTold, TOLD,
    item::{NewsItem, NewsKind},
    meters::NewsMeters,
    rule::{NewsRule, OccasionKind},
    turn::{Turn, seconds},
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tallymark_core::{Day, Event, Minute, Name, Now};
use tallymark_store::{Change, NetLikes, Shelved, Span, Step, Store, StoreRead};
use tracing::warn;
use uuid::Uuid;

/// How many names are read at once.
const NAMES: usize = 500;
/// How much longer the rest after a read is than the read: less than 2 % of the store's time, as for rankings.
const REST: u32 = 50;
const LONGEST_REST: Duration = Duration::from_secs(10);
/// A spike has at least as many in 60 minutes.
const SPIKE: i64 = 100;
/// And as many times the usual number.
const TIMES: i64 = 10;
/// The days that say what is usual.
const USUAL_DAYS: i32 = 7;
/// How long it is remembered that something was told, in seconds.
const REMEMBERED: u64 = 400 * DAY;
/// How many ids are remembered without asking the store.
const KNOWN: usize = 50_000;

/// How many names are looked at for a spike in a minute, and how many may wait for the next one.
const LOOKED_AT: usize = 10_000;

/// Names of an event, and whether each was corrected.
type Changed = HashMap<Name, bool>;

/// What was looked at lately.
pub(crate) struct Finder {
    store: Arc<dyn Store>,
    counts: NetLikes,
    rules: Arc<[NewsRule]>,
    now: fn() -> Now,
    /// What is known to be told.
    known: HashSet<Uuid>,
    /// Names that were looked at for a spike in this minute.
    looked: (Minute, HashSet<(Event, Name)>),
    /// Those that have changed since, and are looked at in the next one.
    again: BTreeSet<(Event, Name)>,
    meters: NewsMeters,
    /// The day on which it was said that there are too many of them.
    said: Option<Day>,
}

impl Finder {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        rules: Arc<[NewsRule]>,
        meters: NewsMeters,
        now: fn() -> Now,
    ) -> Finder {
        Finder {
            counts: NetLikes::over(store.clone()),
            store,
            rules,
            now,
            known: HashSet::new(),
            looked: (Minute(0), HashSet::new()),
            again: BTreeSet::new(),
            meters,
            said: None,
        }
    }

    /// The events that any rule is about.
    pub(crate) fn events(&self) -> BTreeSet<Event> {
        self.rules.iter().flat_map(|rule| &rule.on).map(|occasion| occasion.event).collect()
    }

    /// The news of changed names.
    pub(crate) async fn among(
        &mut self,
        changes: Vec<Change>,
        turn: &mut Turn,
    ) -> Result<Vec<NewsItem>, NotTold> {
        let events = self.events();
        let mut changed: HashMap<Event, Changed> = HashMap::new();
        for Change { event, name, corrected } in changes {
            // It changes the number of likes.
            let event = if event == Event::UNLIKE { Event::LIKE } else { event };
            if events.contains(&event) && self.rules.iter().any(|rule| rule.covers(name.as_str())) {
                *changed.entry(event).or_default().entry(name).or_default() |= corrected;
            }
        }
        let mut found = Vec::new();
        for (event, names) in changed {
            found.extend(self.of_names(event, &names, turn).await?);
        }
        Ok(found)
    }

    /// The news of all names of an event, a page at a time: `start` as in [`StoreRead::names`].
    pub(crate) async fn on_page(
        &mut self,
        event: Event,
        start: Option<&str>,
        turn: &mut Turn,
    ) -> Result<(Vec<NewsItem>, Option<String>), NotTold> {
        let began = Instant::now();
        let page = self.store.names(event, start, NAMES).await?;
        rest(began).await;
        let covered = |name: &Name| self.rules.iter().any(|rule| rule.covers(name.as_str()));
        let names = page.names.into_iter().filter(covered).map(|name| (name, false)).collect();
        Ok((self.of_names(event, &names, turn).await?, page.next))
    }

    async fn of_names(
        &mut self,
        event: Event,
        names: &Changed,
        turn: &mut Turn,
    ) -> Result<Vec<NewsItem>, NotTold> {
        let (mut found, all): (Vec<NewsItem>, Vec<&Name>) = (Vec::new(), names.keys().collect());
        for some in all.chunks(NAMES) {
            turn.hold().await?;
            let (began, today) = (Instant::now(), (self.now)().day());
            let some: Vec<Name> = some.iter().copied().cloned().collect();
            let spans = [(Span::All, 0), (Span::Days(Day(today.0 - 1), today), 0)];
            let rows = self.counts.counts(event, &some, &spans).await?;
            rest(began).await;
            for (name, row) in some.into_iter().zip(rows) {
                let (Some(&total), Some(&lately)) = (row.first(), row.get(1)) else { continue };
                let corrected = names.get(&name).copied().unwrap_or(false);
                found.extend(self.milestones(event, &name, (total, lately), corrected).await?);
                if lately >= SPIKE && !corrected && self.wants_spikes(event, &name) {
                    self.look_again(event, name, today);
                }
            }
        }
        Ok(found)
    }

    /// If there is room. A name that is left out comes again with its next hit.
    pub(crate) fn look_again(&mut self, event: Event, name: Name, today: Day) {
        let which = (event, name);
        if self.again.len() < LOOKED_AT || self.again.contains(&which) {
            self.again.insert(which);
            return;
        }
        self.meters.skipped.inc();
        if self.said.replace(today) != Some(today) {
            warn!(
                most = LOOKED_AT,
                "more names than can be looked at for spikes changed within a minute; the others are looked at \
                 after their next hit. Name fewer of them in [[notify]]: tallymark help notify"
            );
        }
    }

    async fn milestones(
        &mut self,
        event: Event,
        name: &Name,
        (total, lately): (i64, i64),
        corrected: bool,
    ) -> Result<Vec<NewsItem>, NotTold> {
        let rules = self.rules.iter().filter(|rule| rule.covers(name.as_str()));
        let occasions = rules.flat_map(|rule| &rule.on).filter(|occasion| occasion.event == event);
        let reached: BTreeSet<i64> = occasions.filter_map(|occasion| occasion.reached(total)).collect();
        let mut found = Vec::new();
        for count in reached.into_iter().filter(|count| *count > total.saturating_sub(lately)) {
            let id = NewsItem::id_of_milestone(event, name, count);
            if self.was_told(id).await? {
                continue;
            }
            // What an operator has set a count to is no news, not even at the next hit.
            if corrected {
                self.note(id).await?;
                continue;
            }
            let (at, name) = (seconds((self.now)()), name.clone());
            found.push(NewsItem { id, at, event, name, kind: NewsKind::Milestone(count), total });
        }
        Ok(found)
    }

    fn wants_spikes(&self, event: Event, name: &Name) -> bool {
        let spikes = |rule: &&NewsRule| {
            rule.on.iter().any(|occasion| occasion.what == OccasionKind::Spikes && occasion.event == event)
        };
        self.rules.iter().filter(spikes).any(|rule| rule.covers(name.as_str()))
    }

    /// The spikes of names that have changed, each looked at once a minute.
    pub(crate) async fn spikes(&mut self, turn: &mut Turn) -> Result<Vec<NewsItem>, NotTold> {
        let minute = (self.now)().minute();
        if self.looked.0 != minute {
            self.looked = (minute, HashSet::new());
        }
        let left = LOOKED_AT.saturating_sub(self.looked.1.len());
        let due = self.again.iter().filter(|which| !self.looked.1.contains(*which));
        let due: Vec<_> = due.take(left).cloned().collect();
        let mut found = Vec::new();
        for (event, name) in due {
            turn.hold().await?;
            found.extend(self.spike(event, &name).await?);
            self.again.remove(&(event, name.clone()));
            self.looked.1.insert((event, name));
        }
        Ok(found)
    }

    async fn spike(&mut self, event: Event, name: &Name) -> Result<Option<NewsItem>, NotTold> {
        let (began, now) = (Instant::now(), (self.now)());
        let today = now.day();
        let [id, before] = [today, Day(today.0 - 1)].map(|day| NewsItem::id_of_spike(event, name, day));
        if self.was_told(id).await? {
            return Ok(None);
        }
        // One that began before midnight goes on.
        if self.store.kept(TOLD, &before.to_string()).await?.is_some_and(|kept| kept.at + DAY > seconds(now))
        {
            return Ok(None);
        }
        let minute = now.minute().0;
        let minutes = self.counts.series(event, name, Step::Minute, minute - 59, minute + 1).await?;
        let hour: i64 = minutes.iter().map(|(_, count)| count).sum();
        if hour < SPIKE {
            rest(began).await;
            return Ok(None);
        }
        let days = self.counts.series(event, name, Step::Day, today.0 - USUAL_DAYS, today.0).await?;
        let total = self.counts.total(event, name).await?;
        rest(began).await;
        let usual: i64 = days.iter().map(|(_, count)| count).sum();
        let hours = i64::from(USUAL_DAYS) * 24;
        if hour.saturating_mul(hours) < usual.saturating_mul(TIMES) {
            return Ok(None);
        }
        let kind = NewsKind::Spike { hour, usual_tenths: usual.saturating_mul(10) / hours };
        Ok(Some(NewsItem { id, at: seconds(now), event, name: name.clone(), kind, total }))
    }

    async fn was_told(&mut self, id: Uuid) -> Result<bool, NotTold> {
        let was_told = self.known.contains(&id) || self.store.kept(TOLD, &id.to_string()).await?.is_some();
        if was_told {
            self.remember(id);
        }
        Ok(was_told)
    }

    /// Notes that something was told.
    pub(crate) async fn note(&mut self, id: Uuid) -> Result<(), NotTold> {
        let at = seconds((self.now)());
        let thing = Shelved { at, value: Vec::new() };
        self.store.keep(TOLD, &id.to_string(), thing, Some(at + REMEMBERED)).await?;
        self.remember(id);
        Ok(())
    }

    fn remember(&mut self, id: Uuid) {
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        self.known.insert(id);
    }
}

/// So that the store has most of its time for others.
pub(crate) async fn rest(began: Instant) {
    tokio::time::sleep((began.elapsed() * REST).min(LONGEST_REST)).await;
}
