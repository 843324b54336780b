//! Which ranking is worked on when, and for how long.
//!
//! A full ranking is made once, and again if the change log was lost, if its period has changed, and from time to time.
//! Rankings that are due take turns, a slice each, so a short one never waits for a long one; those that were never
//! made come first. In between, [`super::follow`] keeps known rankings up to date, alternating with the slices.

use super::{
    MOST_EVENTS, PeriodLabel, Rankings,
    follow::{FOLLOWED, Follower, KeptRanking, Tops, ranked},
    job::{Part, RankingJob},
    rate::Rate,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tallymark_core::{Event, Name, Now, Period, Span, Step};
use tallymark_store::{Cursor, Result, StoreRead, Written};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How much longer the rest after a call is than the call: less than 2 % of the store's time.
const REST: u32 = 50;
/// The maximum rest, so that a store that was slow once is not ignored for long.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// How often it is checked which rankings are due.
const LOOK: Duration = Duration::from_secs(2);
/// The same while there are no writes: rates change by themselves.
const QUIET_LOOK: Duration = Duration::from_secs(8);
/// After this long a full ranking is made again, in milliseconds: other programs may write to a Redis too, without an
/// entry in the change log.
const AT_THE_LATEST: i64 = 10 * 60 * 1000;
/// And after this many times as long as it took: if it takes long, following gets most of the time.
const AND_TIMES: i64 = 9;
/// How long a number of names is shown.
const NAMES_ARE_GOOD_FOR: Duration = Duration::from_secs(10);
/// And how many times longer than counting them took: with a million names, SQLite needs some time to count.
const AND_NAMES_TIMES: u32 = 1000;

/// Rankings that are made together if the store slices by name: the first has every name of the others.
const TOGETHER: [&[Period]; 5] = [
    &[Period::All, Period::Month, Period::Week],
    &[Period::Day, Period::ClockHour],
    &[Period::Hour],
    &[Period::Minute],
    &[Period::ClockMinute],
];
/// When each full ranking was last made, how long that took, and its period.
type Done = HashMap<(Event, Period), (i64, i64, Span)>;

/// The work and its progress.
#[derive(Default)]
pub(super) struct Round {
    pub(super) jobs: VecDeque<RankingJob>,
    pub(super) done: Done,
    pub(super) tops: Tops,
    pub(super) followers: [Follower; FOLLOWED.len()],
    /// Whose turn it is: a follower's, or after them the jobs'.
    turn: usize,
    /// When names were counted, how long that took, and where the log ended then.
    counted: HashMap<Event, (Instant, Duration, Cursor)>,
    /// When the last check began, and what it saw.
    pub(super) looked: Option<Instant>,
    pub(super) seen: Option<LastLook>,
    /// Nothing was written between the last two checks.
    quiet: bool,
    /// Something was written since.
    told: bool,
}

/// What a check compares: if nothing has changed, the store need not be read again.
pub(super) struct LastLook {
    /// Where the log ended, and when that was read.
    pub(super) head: Cursor,
    pub(super) asked: Now,
}

impl Round {
    /// The job whose turn it is. What was never ranked comes first, one after the other: a client may be waiting for
    /// it.
    fn next(&mut self) -> Option<RankingJob> {
        let unknown = |at: &usize| {
            let unknown = |job: &RankingJob, part: &Part| !self.tops.contains_key(&(job.event, part.period));
            self.jobs.get(*at).is_some_and(|job| job.parts.iter().any(|part| unknown(job, part)))
        };
        let first = |job: &RankingJob| job.parts.iter().map(|part| haste(part.period)).min();
        let haste = |at: &usize| self.jobs.get(*at).map(|job| (job.event != Event::HIT, first(job)));
        match (0..self.jobs.len()).filter(unknown).min_by_key(haste) {
            Some(at) => self.jobs.remove(at),
            None => self.jobs.pop_front(),
        }
    }

    /// The log no longer tells what has changed, so a full ranking is needed. The current one stays, and gets older.
    pub(super) fn lose(&mut self, which: usize) {
        self.followers[which] = Follower::default();
        let others = |period: Period| !FOLLOWED[which].contains(&period);
        self.jobs.retain(|job| job.parts.iter().all(|part| others(part.period)));
        self.done.retain(|(_, period), _| others(*period));
        self.tops.retain(|(_, period), _| others(*period));
    }
}

fn left_of_minute(now: Now) -> Duration {
    Duration::from_millis((60_000 - now.unix_ms.rem_euclid(60_000)).unsigned_abs())
}

/// The quick ones, which are made first.
fn haste(period: Period) -> u8 {
    match period {
        Period::All => 0,
        Period::Day => 1,
        Period::ClockHour => 2,
        Period::Hour => 3,
        Period::Minute => 4,
        // Known when the next one begins, in any case.
        Period::ClockMinute => 5,
        Period::Week => 6,
        Period::Month => 7,
    }
}

impl Rankings {
    /// Ranks until `stop`. A store that does not answer is asked again later; the rankings stay, and get older.
    /// The store is only read after `written` has told of a write.
    pub async fn run(self: Arc<Self>, written: Written, stop: CancellationToken) {
        stop.run_until_cancelled(self.rank(written)).await;
    }

    async fn rank(&self, mut written: Written) {
        let mut round = Round::default();
        loop {
            let begun = Instant::now();
            match self.work(&mut round).await {
                Ok(true) => tokio::time::sleep(self.rest(begun)).await,
                Ok(false) => {
                    let looked = round.looked.unwrap_or(begun);
                    if round.quiet {
                        // There is a check for a new minute, too.
                        let until = (looked + QUIET_LOOK).min(Instant::now() + left_of_minute((self.now)()));
                        round.told |= tokio::time::timeout_at(until, written.hear()).await.is_ok();
                    }
                    tokio::time::sleep_until(looked + LOOK).await;
                }
                Err(error) => {
                    tracing::debug!(%error, "ranking names");
                    round.jobs.clear();
                    tokio::time::sleep(LOOK * 5).await;
                }
            }
        }
    }

    /// One check, if it is due, or one turn. Returns whether it used the store.
    async fn work(&self, round: &mut Round) -> Result<bool> {
        if round.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            round.looked = Some(Instant::now());
            self.look(round).await?;
            if !round.quiet {
                return Ok(true);
            }
        }
        self.take_turns(round).await
    }

    /// Ranks everything once, without rests: for callers that cannot wait.
    ///
    /// # Errors
    ///
    /// The store did not answer.
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

    /// One call of the next follower or job with something to do. Returns whether there was one.
    async fn take_turns(&self, round: &mut Round) -> Result<bool> {
        for _ in 0..=FOLLOWED.len() {
            round.turn = (round.turn + 1) % (FOLLOWED.len() + 1);
            let which = round.turn;
            let worked = if which < FOLLOWED.len() {
                self.follow(round, which).await?
            } else {
                self.step(round).await?
            };
            if worked {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Finds what is due.
    pub(super) async fn look(&self, round: &mut Round) -> Result<()> {
        let now = (self.now)();
        let seen = round.seen.take().map(|seen| seen.head);
        let head = match seen.clone().filter(|_| round.quiet && !round.told) {
            Some(head) => head,
            None => self.store.head().await?,
        };
        round.told = false;
        round.quiet = seen.as_ref() == Some(&head);
        if !round.quiet {
            self.find_events().await?;
        }
        let events = self.events();
        for &event in &events {
            self.see_rate(event, now, round.quiet).await?;
            self.count_names(round, event, &head).await?;
        }
        // From here on, before any name is read: what changes in the meantime is added from the log.
        for follower in &mut round.followers {
            follower.cursor.get_or_insert_with(|| head.clone());
        }
        round.seen = Some(LastLook { head, asked: now });
        for event in events {
            for periods in TOGETHER {
                let periods: Vec<Period> = ranked(event, periods).collect();
                let spans: Vec<Span> = periods.iter().map(|period| period.span(now)).collect();
                for group in periods.chunks(self.counts.in_one_slice(&spans).max(1)) {
                    self.begin(round, event, group, now);
                }
            }
        }
        self.write().looked = Some(now.unix_ms);
        self.show_age();
        Ok(())
    }

    async fn see_rate(&self, event: Event, now: Now, quiet: bool) -> Result<()> {
        let first = self.write().rates.entry(event).or_default().first(now);
        let known = self.read().rates.get(&event).filter(|_| quiet).and_then(Rate::minutes);
        let minutes = match known {
            Some(minutes) => minutes,
            None => self.counts.series(event, &Name::all(), Step::Minute, first, now.minute().0 + 1).await?,
        };
        self.write().rates.entry(event).or_default().see(now, minutes);
        Ok(())
    }

    async fn count_names(&self, round: &mut Round, event: Event, head: &Cursor) -> Result<()> {
        let is_good = |(at, took, of): &(Instant, Duration, Cursor)| {
            of == head || at.elapsed() < NAMES_ARE_GOOD_FOR.max(*took * AND_NAMES_TIMES)
        };
        if round.counted.get(&event).is_some_and(is_good) {
            return Ok(());
        }
        let begun = Instant::now();
        let names = self.counts.name_count(event).await?;
        self.write().names.insert(event, names);
        round.counted.insert(event, (begun, begun.elapsed(), head.clone()));
        Ok(())
    }

    fn begin(&self, round: &mut Round, event: Event, group: &[Period], now: Now) {
        if let Some(at) = round.jobs.iter().position(|job| job.has(event, group)) {
            let job = &mut round.jobs[at];
            let goes_on = |part: &Part| part.period.slides() || part.span == part.period.span(now);
            if job.parts.first().is_some_and(goes_on) {
                // An hour that is over does not delay its day.
                job.parts.retain(goes_on);
                return;
            }
            // Its period is over before it was done: the rest would be useless.
            round.jobs.remove(at);
        }
        let is_due = |period: &Period| {
            // What begins while nothing is counted is known from the log: only a clock that was ahead has counted in it before.
            let is_known = |of: &Span| *of == period.span(now) || round.quiet || period.slides();
            let done = round.done.get(&(event, *period)).filter(|(_, _, of)| is_known(of));
            done.is_none_or(|(begun, took, _)| {
                now.unix_ms.saturating_sub(*begun) >= AT_THE_LATEST.max(took.saturating_mul(AND_TIMES))
            })
        };
        let mut due: Vec<Period> = group.iter().copied().filter(is_due).collect();
        // Only the first of the group has every name of the others.
        if due.len() > 1 && due.first() != group.first() {
            due = group.to_vec();
        }
        if due.is_empty() {
            return;
        }
        round.jobs.push_back(RankingJob::new(event, &due, now));
    }

    /// One call for the rankings whose turn it is. Returns whether there were any.
    pub(super) async fn step(&self, round: &mut Round) -> Result<bool> {
        let Some(mut job) = round.next() else { return Ok(false) };
        if !job.go_on(&self.counts).await? {
            round.jobs.push_back(job);
            return Ok(true);
        }
        let RankingJob { event, begun, parts, .. } = job;
        parts.into_iter().for_each(|part| self.keep(round, event, begun, part));
        Ok(true)
    }

    /// A full ranking is done.
    fn keep(&self, round: &mut Round, event: Event, begun: Now, part: Part) {
        let Part { period, span, top } = part;
        let took = (self.now)().unix_ms.saturating_sub(begun.unix_ms);
        round.done.insert((event, period), (begun.unix_ms, took, span));
        let mut kept =
            KeptRanking { span, from: span.begin(), top, as_of: begun.unix_ms, took, gapped: false };
        match round.tops.get(&(event, period)) {
            // The next period has begun in the meantime, and is already followed.
            Some(newer) if newer.span != span && newer.from > kept.from => return,
            Some(same) if same.span == span => kept.as_of = kept.as_of.max(same.as_of),
            _ => {}
        }
        self.publish(event, period, &kept);
        round.tops.insert((event, period), kept);
    }

    /// Reads which events exist.
    async fn find_events(&self) -> Result<()> {
        let mut events = self.counts.events().await?;
        // A badge's hits first, then by name.
        events.sort_by_key(|&event| (event != Event::HIT, event));
        events.truncate(MOST_EVENTS);
        self.write().events = events;
        Ok(())
    }

    fn show_age(&self) {
        // The clock's hour and minute have the words of those that slide.
        let mut oldest: HashMap<&str, i64> = HashMap::new();
        for ((_, period), ranking) in &self.read().tables {
            let as_of = oldest.entry(period.word()).or_insert(ranking.as_of);
            *as_of = ranking.as_of.min(*as_of);
        }
        for (period, as_of) in oldest {
            self.meters.timestamp.get_or_create(&PeriodLabel { period }).set(as_of as f64 / 1000.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_store::{Retention, StoreUrl};

    #[tokio::test]
    async fn a_day_that_takes_long_to_rank_goes_on_when_its_hour_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let now = || Now { unix_ms: 0 };
        let rankings = Rankings::new(store, now, Default::default());
        let (mut round, group) = (Round::default(), TOGETHER[1]);
        let mut periods_at = |time: &str| -> Vec<(Period, i64)> {
            rankings.begin(&mut round, Event::HIT, group, Now::parse_rfc3339(time).unwrap());
            assert_eq!(round.jobs.len(), 1);
            round.jobs[0].parts.iter().map(|part| (part.period, round.jobs[0].begun.unix_ms)).collect()
        };
        let begun = |time: &str| Now::parse_rfc3339(time).unwrap().unix_ms;
        let (noon, midnight) = ("2026-11-20T12:59:58Z", "2026-11-21T00:00:01Z");
        let both = |at: i64| [(Period::Day, at), (Period::ClockHour, at)];
        assert_eq!(periods_at(noon), both(begun(noon)));
        assert_eq!(periods_at("2026-11-20T12:59:59Z"), both(begun(noon)));
        assert_eq!(periods_at("2026-11-20T13:00:00Z"), both(begun(noon))[..1]);
        assert_eq!(periods_at(midnight), both(begun(midnight)));
    }
}
