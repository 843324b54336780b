//! Which ranking is worked on when, and for how long.
//!
//! Rankings that are due take turns, a slice each, so a short one is never behind a long one; those that were never made
//! come first. One is due again when
//! something has changed since it was begun, or its period is another one now.

use super::{MOST_EVENTS, PeriodLabel, RankPeriod, Ranking, Rankings, top::Top};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tallymark_core::{Event, Name, Now};
use tallymark_store::{Changes, Cursor, Result, Span};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How much longer the rest after a slice is than the slice: 2 % of the store's time.
const REST: u32 = 49;
/// How long a rest is at the most, so that a store that was slow once is not forgotten for long.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// How often it is looked whether anything has changed.
const LOOK: Duration = Duration::from_secs(2);
/// After that long a ranking is made anew even if the log of changes says that there is nothing new: other programs
/// write to a Redis too.
const AT_THE_LATEST: i64 = 10 * 60 * 1000;
/// How long a number of names is shown: with a million of them, SQLite counts for some time.
const NAMES_ARE_GOOD_FOR: Duration = Duration::from_secs(10);
/// How much of the log of changes is looked through for events that nobody knew of.
const NEW_EVENTS: usize = 1000;

/// One ranking on its way.
struct Job {
    event: Event,
    period: RankPeriod,
    /// When it was begun.
    begun: Now,
    head: Option<Cursor>,
    span: Span,
    top: Top,
    next: Option<String>,
}

/// What is known of the rankings that are done: where the log of changes ended when they were begun, and when that was.
type Done = HashMap<(Event, RankPeriod), (Option<Cursor>, i64, Span)>;

/// The work, and what was done.
#[derive(Default)]
struct Round {
    jobs: VecDeque<Job>,
    done: Done,
    /// When names were counted, and where the log ended then.
    counted: HashMap<Event, (Instant, Cursor)>,
    head: Option<Cursor>,
}

impl Round {
    /// The job whose turn it is. What was never ranked comes first, one after the other: somebody may be waiting for it.
    fn next(&mut self) -> Option<Job> {
        let unknown = |at: &usize| {
            self.jobs.get(*at).is_some_and(|job| !self.done.contains_key(&(job.event, job.period)))
        };
        let haste = |at: &usize| self.jobs.get(*at).map(|job| (job.event != Event::HIT, haste(job.period)));
        match (0..self.jobs.len()).filter(unknown).min_by_key(haste) {
            Some(at) => self.jobs.remove(at),
            None => self.jobs.pop_front(),
        }
    }
}

/// What is quick, and what is looked at first, before what takes long.
fn haste(period: RankPeriod) -> u8 {
    match period {
        RankPeriod::Minute => 0,
        RankPeriod::All => 1,
        RankPeriod::Day => 2,
        RankPeriod::Hour => 3,
        RankPeriod::Week => 4,
        RankPeriod::Month => 5,
    }
}

impl Rankings {
    /// Ranks until `stop`. A store that does not answer is asked again later; what was ranked stays, and grows older.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut round = Round::default();
        let mut looked: Option<Instant> = None;
        loop {
            let begun = Instant::now();
            let due = looked.is_none_or(|looked| begun.duration_since(looked) >= LOOK);
            let worked = if due {
                looked = Some(begun);
                self.look(&mut round).await.map(|()| true)
            } else {
                self.step(&mut round).await
            };
            let rest = match worked {
                Ok(true) => self.rest(begun),
                Ok(false) => LOOK.saturating_sub(looked.map_or(LOOK, |looked| looked.elapsed())),
                Err(error) => {
                    tracing::debug!(%error, "ranking names");
                    round.jobs.clear();
                    LOOK * 5
                }
            };
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Ranks everything once, without a rest: for whoever cannot wait.
    pub async fn refresh(&self) -> Result<()> {
        let mut round = Round::default();
        self.look(&mut round).await?;
        while self.step(&mut round).await? {}
        Ok(())
    }

    fn rest(&self, begun: Instant) -> Duration {
        let took = begun.elapsed();
        self.meters.busy.inc_by(took.as_secs_f64());
        (took * REST).min(LONGEST_REST)
    }

    /// Finds out what there is to do.
    async fn look(&self, round: &mut Round) -> Result<()> {
        let now = (self.now)();
        let head = self.store.head().await?;
        if round.head.as_ref() != Some(&head) {
            self.find_events(round.head.as_ref()).await?;
        }
        let events = self.events();
        for &event in &events {
            let total = self.store.totals(event, &[Name::all()]).await?.first().copied().unwrap_or(0);
            self.write().rates.entry(event).or_default().see(now, total);
            let counted = round.counted.get(&event);
            if counted.is_none_or(|(at, of)| *of != head && at.elapsed() >= NAMES_ARE_GOOD_FOR) {
                let names = self.store.name_count(event).await?;
                self.write().names.insert(event, names);
                round.counted.insert(event, (Instant::now(), head.clone()));
            }
        }
        for event in events {
            // The shortest first: where everything is due, it is known first.
            for period in RankPeriod::EVERY.into_iter().rev() {
                self.begin(round, event, period, &head, now);
            }
        }
        round.head = Some(head);
        self.write().looked = Some(now.unix_ms);
        self.show_age();
        Ok(())
    }

    fn begin(&self, round: &mut Round, event: Event, period: RankPeriod, head: &Cursor, now: Now) {
        let span = period.span(now);
        if let Some(at) = round.jobs.iter().position(|job| (job.event, job.period) == (event, period)) {
            // Its time is over before it was done: the rest of it would be of no use.
            if round.jobs[at].span == span {
                return;
            }
            round.jobs.remove(at);
        }
        if let Some((done, at, of)) = round.done.get(&(event, period)) {
            let same = done.as_ref() == Some(head) && *of == span;
            if same && now.unix_ms.saturating_sub(*at) < AT_THE_LATEST {
                self.still_true(event, period, now);
                return;
            }
        }
        let head = Some(head.clone());
        round.jobs.push_back(Job { event, period, begun: now, head, span, top: Top::default(), next: None });
    }

    /// One slice of the ranking whose turn it is. Answers whether there was any.
    async fn step(&self, round: &mut Round) -> Result<bool> {
        let Some(mut job) = round.next() else { return Ok(false) };
        let floor = job.top.floor();
        let slice = self.store.slice(job.event, job.span, floor, job.next.as_deref()).await?;
        for (name, count) in slice.counts {
            job.top.offer(name, count);
        }
        job.next = slice.next;
        if job.next.is_some() {
            round.jobs.push_back(job);
        } else {
            let Job { event, period, begun, head, span, top, .. } = job;
            round.done.insert((event, period), (head, begun.unix_ms, span));
            let from = period.begin(begun);
            let took = (self.now)().unix_ms.saturating_sub(begun.unix_ms);
            let ranking = Ranking { as_of: begun.unix_ms, took, from, entries: top.into_entries() };
            self.write().tables.insert((event, period), Arc::new(ranking));
        }
        Ok(true)
    }

    /// Nothing has changed, so what was true is.
    fn still_true(&self, event: Event, period: RankPeriod, now: Now) {
        if let Some(ranking) = self.write().tables.get_mut(&(event, period)) {
            Arc::make_mut(ranking).as_of = now.unix_ms;
        }
    }

    /// Learns of events that have come since the log was looked at.
    async fn find_events(&self, since: Option<&Cursor>) -> Result<()> {
        let mut candidates = self.read().candidates.clone();
        if let Some(since) = since
            && let Changes::Since { names, .. } = self.store.changes(since, NEW_EVENTS).await?
        {
            for change in names {
                if candidates.len() < 4 * MOST_EVENTS && !candidates.contains(&change.event) {
                    candidates.push(change.event);
                }
            }
        }
        let mut events = self.store.events(&candidates).await?;
        // A badge's hits first, then by name.
        events.sort_by_key(|&event| (event != Event::HIT, event));
        events.truncate(MOST_EVENTS);
        let mut known = self.write();
        (known.candidates, known.events) = (candidates, events);
        Ok(())
    }

    fn show_age(&self) {
        let known = self.read();
        for period in RankPeriod::EVERY {
            let of_period = known.tables.iter().filter(|((_, of), _)| *of == period);
            if let Some(oldest) = of_period.map(|(_, ranking)| ranking.as_of).min() {
                let label = PeriodLabel { period: period.word() };
                self.meters.timestamp.get_or_create(&label).set(oldest as f64 / 1000.0);
            }
        }
    }
}
