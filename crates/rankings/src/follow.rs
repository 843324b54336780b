//! Keeps known rankings up to date with the change log: only names that have changed are read again.
//!
//! A [`Follower`] reads the log in waves, a few seconds apart. For each name of a wave it reads the current counts, as
//! far as they may be above the lowest ranked one. A period that has just begun needs no other names: whatever is
//! counted in it is in the log from then on. (What was counted in it earlier, by a clock ahead of ours, is added with
//! the names of the previous wave, or else with the next full ranking in the background.)
//!
//! The last hour and the last minutes move on with every minute. Then only the names in their rankings may have less, so
//! these are read again; each ranking holds some more names than it shows, to take the places of those that shrink.
//! [`super::round`] calls it.

use super::{Ranking, Rankings, round::Round, top::Top};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tallymark_core::{Event, Minute, Name, Now, Period, Span};
use tallymark_store::{Changes, Cursor, Result, StoreRead};
use tokio::time::Instant;

/// Which follower handles which periods. Sums over many days or minutes cost many times more than one count, so separate
/// followers make them, which may be slower: the longer a wave is, the fewer names it has per hit.
pub(super) const FOLLOWED: [&[Period]; 3] = [
    &[Period::All, Period::Day, Period::ClockHour, Period::ClockMinute],
    &[Period::Month, Period::Week],
    &[Period::Hour, Period::Minute],
];
/// About how many changes are read at once.
const CHANGES: usize = 5000;
/// How many names are read at once.
const NAMES: usize = 500;
/// The maximum number of names in a wave. If more change, a full ranking is as quick.
const MOST_NAMES: usize = 200_000;

/// Those of some periods that an event is ranked over. HitMe's lists are of addresses alone.
pub(super) fn ranked(event: Event, periods: &[Period]) -> impl Iterator<Item = Period> {
    let of_hitme = |period: Period| matches!(period, Period::ClockHour | Period::ClockMinute);
    periods.iter().copied().filter(move |&period| event == Event::URL || !of_hitme(period))
}

/// A ranking that is kept up to date.
pub(super) struct KeptRanking {
    pub(super) span: Span,
    /// Where the span begins.
    pub(super) from: Option<Minute>,
    pub(super) top: Top,
    /// Nothing counted before this is missing.
    pub(super) as_of: i64,
    /// How long the last full ranking took.
    pub(super) took: i64,
    /// Names may be missing, because others fell below those that it does not hold. It gets older until it is computed
    /// again.
    pub(super) gapped: bool,
}

/// All rankings that are kept up to date.
pub(super) type Tops = HashMap<(Event, Period), KeptRanking>;

/// The progress of a follower.
#[derive(Default)]
pub(super) struct Follower {
    /// How far the log was read; `None` if a full ranking has to come first.
    pub(super) cursor: Option<Cursor>,
    /// Since when no change of an event was missed.
    since: HashMap<Event, i64>,
    wave: Option<Wave>,
    /// The names of the previous wave.
    before: HashMap<Event, Vec<Name>>,
    begun: Option<(Instant, Now)>,
}

/// What has changed since the previous wave.
struct Wave {
    now: Now,
    /// Everything counted up to then is in it; `None` while it is being read.
    as_of: Option<i64>,
    changed: HashMap<Event, HashSet<Name>>,
    /// The same once it is complete, and how many names of each were read.
    todo: HashMap<Event, Vec<Name>>,
    asked: HashMap<Event, usize>,
}

impl Follower {
    /// A wave begins after every check.
    fn is_due(&self, looked: Option<Instant>) -> bool {
        self.cursor.is_some() && self.begun.is_none_or(|(at, _)| Some(at) < looked)
    }
}

impl Round {
    /// If nothing is after the cursor, the log of a wave that has just begun ends where the last check saw its end.
    fn knows_the_log(&mut self, which: usize) -> bool {
        let Some(seen) = &self.seen else { return false };
        let Some(follower) = self.followers.get_mut(which) else { return false };
        let Some(wave) = &mut follower.wave else { return false };
        let none = wave.changed.values().all(HashSet::is_empty);
        let through = none && follower.cursor.as_ref() == Some(&seen.head);
        wave.as_of = through.then_some(seen.asked.unix_ms);
        through
    }
}

impl Rankings {
    /// One step of one follower: a short call of the store. Returns whether there was any.
    pub(super) async fn follow(&self, round: &mut Round, which: usize) -> Result<bool> {
        let Some(follower) = round.followers.get(which) else { return Ok(false) };
        match &follower.wave {
            None if !follower.is_due(round.looked) => return Ok(false),
            None => {
                self.begin_wave(round, which);
                if round.knows_the_log(which) {
                    self.end_wave(round, which);
                    return Ok(false);
                }
            }
            Some(Wave { as_of: None, .. }) => {}
            Some(wave) => {
                let left = |(event, names): (&Event, &Vec<Name>)| {
                    let asked = wave.asked.get(event).copied().unwrap_or(0);
                    (asked < names.len()).then_some((*event, asked))
                };
                match wave.todo.iter().find_map(left) {
                    Some((event, asked)) => self.ask(round, which, event, asked).await?,
                    None => self.end_wave(round, which),
                }
                return Ok(true);
            }
        }
        self.read_log(round, which).await.map(|()| true)
    }

    /// Every change from here on is checked, whatever its name.
    fn begin_wave(&self, round: &mut Round, which: usize) {
        let now = (self.now)();
        let events = self.events();
        let Round { followers, tops, jobs, done, .. } = round;
        let Some(follower) = followers.get_mut(which) else { return };
        let before = follower.begun.replace((Instant::now(), now)).map(|(_, before)| before);
        // Otherwise periods would begin that others have already followed.
        if before.is_some_and(|before| before.unix_ms > now.unix_ms) {
            follower.since.clear();
        }
        follower.since.retain(|event, _| events.contains(event));
        let mut changed: HashMap<Event, HashSet<Name>> = HashMap::new();
        for event in events {
            let since = *follower.since.entry(event).or_insert(now.unix_ms);
            for period in ranked(event, FOLLOWED[which]) {
                let span = period.span(now);
                let from = span.begin();
                if before.is_some_and(|before| period.span(before) != span) {
                    // What a clock ahead of ours has counted in it, and what a job may not have seen.
                    let before = follower.before.remove(&event).unwrap_or_default();
                    changed.entry(event).or_default().extend(before);
                }
                if period.slides() {
                    // The clock was set back: names that are not in it may have more in an earlier window.
                    let is_later = |of: Span| of.begin() > from;
                    if tops.get(&(event, period)).is_some_and(|kept| is_later(kept.span)) {
                        tops.remove(&(event, period));
                        done.remove(&(event, period));
                    }
                    jobs.retain(|job| !job.span(event, period).is_some_and(is_later));
                    let again = changed.entry(event).or_default();
                    jobs.iter_mut().for_each(|job| again.extend(job.slide(event, period, span)));
                    if let Some(kept) = tops.get_mut(&(event, period)).filter(|kept| kept.span != span) {
                        (kept.span, kept.from) = (span, from);
                        again.extend(kept.top.names());
                    }
                    continue;
                }
                if tops.get(&(event, period)).is_some_and(|kept| kept.span == span) {
                    continue;
                }
                tops.remove(&(event, period));
                if from.is_some_and(|from| since <= i64::from(from.0) * 60_000) {
                    let kept =
                        KeptRanking { span, from, top: Top::default(), as_of: 0, took: 0, gapped: false };
                    tops.insert((event, period), kept);
                }
            }
        }
        follower.wave = Some(Wave { now, as_of: None, changed, todo: HashMap::new(), asked: HashMap::new() });
    }

    async fn read_log(&self, round: &mut Round, which: usize) -> Result<()> {
        let asked = (self.now)().unix_ms;
        let Some(follower) = round.followers.get_mut(which) else { return Ok(()) };
        let (Some(cursor), Some(wave)) = (follower.cursor.as_ref(), follower.wave.as_mut()) else {
            return Ok(());
        };
        let Changes::Since { names, cursor, more } = self.store.changes(cursor, CHANGES).await? else {
            round.lose(which);
            return Ok(());
        };
        follower.cursor = Some(cursor);
        for change in names {
            // It changes the number of likes.
            let event = if change.event == Event::UNLIKE { Event::LIKE } else { change.event };
            wave.changed.entry(event).or_default().insert(change.name);
        }
        if wave.changed.values().map(HashSet::len).sum::<usize>() > MOST_NAMES {
            round.lose(which);
            return Ok(());
        }
        if !more {
            let sorted = |names: HashSet<Name>| names.into_iter().collect();
            let changed = std::mem::take(&mut wave.changed);
            wave.todo = changed.into_iter().map(|(event, names)| (event, sorted(names))).collect();
            wave.as_of = Some(asked);
        }
        Ok(())
    }

    /// Reads the counts of the next names, for kept rankings and for those being computed.
    async fn ask(&self, round: &mut Round, which: usize, event: Event, asked: usize) -> Result<()> {
        let Round { followers, tops, jobs, done, .. } = round;
        let Some(wave) = followers.get_mut(which).and_then(|follower| follower.wave.as_mut()) else {
            return Ok(());
        };
        let Some(todo) = wave.todo.get(&event) else { return Ok(()) };
        let names = &todo[asked..todo.len().min(asked + NAMES)];
        let mut spans = Vec::new();
        for period in ranked(event, FOLLOWED[which]) {
            let span = period.span(wave.now);
            let kept = tops.get(&(event, period)).filter(|kept| kept.span == span).map(|kept| &kept.top);
            let made = jobs.iter().filter_map(|job| job.top(event, period, span));
            if let Some(floor) = made.chain(kept).map(Top::floor).min() {
                spans.push((period, span, floor));
            }
        }
        let wanted: Vec<(Span, i64)> = spans.iter().map(|&(_, span, floor)| (span, floor)).collect();
        if !wanted.is_empty() {
            let rows = self.counts.counts(event, names, &wanted).await?;
            for (column, &(period, span, _)) in spans.iter().enumerate() {
                let update = |top: &mut Top| {
                    for (name, row) in names.iter().zip(&rows) {
                        top.update(name, row.get(column).copied().unwrap_or(0));
                    }
                    top.is_whole()
                };
                jobs.retain_mut(|job| job.top_mut(event, period, span).is_none_or(update));
                let kept = tops.get_mut(&(event, period)).filter(|kept| kept.span == span);
                if let Some(kept) = kept
                    && !update(&mut kept.top)
                    && !kept.gapped
                {
                    kept.gapped = true;
                    done.remove(&(event, period));
                }
            }
        }
        wave.asked.insert(event, asked + names.len());
        Ok(())
    }

    fn end_wave(&self, round: &mut Round, which: usize) {
        let Round { followers, tops, .. } = round;
        let Some(follower) = followers.get_mut(which) else { return };
        let Some(Wave { now, as_of: Some(as_of), todo, .. }) = follower.wave.take() else { return };
        follower.before = todo;
        for (&(event, period), kept) in tops.iter_mut() {
            if FOLLOWED[which].contains(&period) && kept.span == period.span(now) && !kept.gapped {
                kept.as_of = kept.as_of.max(as_of);
                self.publish(event, period, kept);
            }
        }
    }

    pub(super) fn publish(&self, event: Event, period: Period, kept: &KeptRanking) {
        let KeptRanking { from, as_of, took, .. } = *kept;
        let ranking = Ranking { as_of, took, from, entries: kept.top.entries() };
        self.write().tables.insert((event, period), Arc::new(ranking));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};
    use tallymark_core::{Batch, Entry, When};
    use tallymark_store::{Retention, StoreUrl};
    use uuid::Uuid;

    /// Half a minute after one has begun.
    static CLOCK: AtomicI64 = AtomicI64::new(1_780_000_050_000);

    fn now() -> Now {
        Now { unix_ms: CLOCK.load(Ordering::Relaxed) }
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_costs_a_ranking_only_if_its_window_was_earlier() {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let claim = store.claim(Uuid::new_v4()).await.unwrap();
        let (event, name, when) = (Event::HIT, Name::new("a").unwrap(), When::Minute(now().minute()));
        let batch = Batch::of(claim.instance, 1, vec![Entry { event, name, when, count: 1 }]);
        store.apply(&claim, &[batch]).await.unwrap();
        let rankings = Rankings::new(store, now, Default::default());
        let mut round = Round::default();
        rankings.look(&mut round).await.unwrap();
        while rankings.step(&mut round).await.unwrap() {}
        let mut is_kept_after = |by: i64| {
            CLOCK.fetch_add(by, Ordering::Relaxed);
            rankings.begin_wave(&mut round, 2);
            let is_kept = |&period: &Period| {
                let key = (event, period);
                (round.tops.contains_key(&key), round.done.contains_key(&key))
            };
            FOLLOWED[2].iter().map(is_kept).collect::<Vec<_>>()
        };
        for by in [0, -20_000, 60_000] {
            assert_eq!(is_kept_after(by), [(true, true); 2], "{by}");
        }
        assert_eq!(is_kept_after(-60_000), [(false, false); 2]);
    }
}
