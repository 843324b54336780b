//! What one store transaction carries: up to 1,000 names of a sealed tally, with a number.
//!
//! A batch is frozen when it is first sent. Its number is `(instance, seq)`, and a store applies each number once.

use crate::{Correction, DayVisitors, Event, Name, StatusCount, Visits, When};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// How many distinct names one batch carries at the most. One Lua call blocks Redis for as long as its names take
/// (about 4 us a name), so this bounds the pause that other clients of that Redis see.
pub const MAX_BATCH_NAMES: usize = 1000;
/// How many statuses one batch carries at the most, for the same reason.
pub const MAX_BATCH_STATUSES: usize = 2000;
/// How many visits one batch carries, but for those of its last name.
pub const MAX_BATCH_VISITS: usize = 10_000;
/// How many visitors one batch carries, but for those of its last name and day.
pub const MAX_BATCH_VISITORS: usize = 20_000;
/// How many positions one batch carries at the most.
pub const MAX_BATCH_POSITIONS: usize = 2000;

/// One cell of a tally: so many occurrences of an event on a name at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// What it happened to.
    pub name: Name,
    /// When.
    pub when: When,
    /// How often. Never 0.
    pub count: u64,
}

/// How far a source that can be read again has been read, in a text of its own. A store commits it together with the
/// counts that came from there, so that neither is ever ahead of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which source, for example `file:/var/log/nginx/badge.log`. Stays the same over restarts.
    pub source: String,
    /// How far; only the source understands it. An empty one deletes what was known of this source.
    pub state: String,
}

/// The counts: the cells, the statuses that some of their occurrences came with, and the last visits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sorted by event, name and time; no two alike.
    pub entries: Vec<Entry>,
    /// Sorted by event, name, month and status; no two alike.
    pub statuses: Vec<StatusCount>,
    /// Sorted by event and name; no two alike. None unless visits are kept.
    pub visits: Vec<Visits>,
    /// Sorted by event, name and day. Of those whose visitors are known.
    pub visitors: Vec<DayVisitors>,
    /// How far all of this brings the sources that can be read again. No two of one source.
    pub positions: Vec<Position>,
}

impl Counts {
    /// Sorts, and adds up what is alike.
    #[must_use]
    pub fn folded(mut entries: Vec<Entry>, mut statuses: Vec<StatusCount>) -> Counts {
        sort(&mut entries);
        entries.dedup_by(|next, kept| {
            let same = (next.event, next.when) == (kept.event, kept.when) && next.name == kept.name;
            if same {
                kept.count = kept.count.saturating_add(next.count);
            }
            same
        });
        statuses.sort_unstable();
        statuses.dedup_by(|next, kept| {
            let same = (next.event, next.month) == (kept.event, kept.month)
                && next.name == kept.name
                && next.status == kept.status;
            if same {
                kept.count = kept.count.saturating_add(next.count);
            }
            same
        });
        Counts { entries, statuses, ..Counts::default() }
    }

    /// Whether there is nothing to be told to a store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.statuses.is_empty()
            && self.visits.is_empty()
            && self.visitors.is_empty()
            && self.positions.is_empty()
    }

    /// How many occurrences. A visit that came with a hit is the same occurrence, so of the visits of a name only those
    /// count that outnumber its hits.
    #[must_use]
    pub fn hits(&self) -> u64 {
        hits(&self.entries)
    }
}

fn hits(entries: &[Entry]) -> u64 {
    fn sum(entries: &[Entry]) -> u64 {
        entries.iter().fold(0, |sum, entry| entry.count.saturating_add(sum))
    }
    let of_event = |event: Event| {
        let from = entries.partition_point(|entry| entry.event < event);
        let to = entries.partition_point(|entry| entry.event <= event);
        from..to
    };
    let visits = &entries[of_event(Event::VISIT)];
    if visits.is_empty() {
        return sum(entries);
    }
    let mut hits = entries[of_event(Event::HIT)].chunk_by(|a, b| a.name == b.name).peekable();
    let with_hits = visits.chunk_by(|a, b| a.name == b.name).map(|visits| {
        while hits.next_if(|hits| hits[0].name < visits[0].name).is_some() {}
        let same = hits.next_if(|hits| hits[0].name == visits[0].name);
        sum(visits).min(same.map_or(0, sum))
    });
    let with_hits = with_hits.fold(0, u64::saturating_add);
    sum(entries).saturating_sub(with_hits)
}

/// Sorts as [`Entry`] is ordered. A name lies somewhere else than its entry, so most comparisons are made with its first
/// bytes, which are fetched once.
fn sort(entries: &mut [Entry]) {
    fn head(entry: &Entry) -> u128 {
        let mut head = [0; 16];
        let name = entry.name.as_str().as_bytes();
        let length = name.len().min(head.len());
        head[..length].copy_from_slice(&name[..length]);
        u128::from_be_bytes(head)
    }
    entries.sort_unstable_by_key(|entry| entry.event);
    for of_event in entries.chunk_by_mut(|a, b| a.event == b.event) {
        of_event.sort_by_cached_key(head);
        for alike in of_event.chunk_by_mut(|a, b| head(a) == head(b)) {
            alike.sort_unstable();
        }
    }
}

impl From<Vec<Entry>> for Counts {
    fn from(entries: Vec<Entry>) -> Counts {
        Counts { entries, ..Counts::default() }
    }
}

/// Which of its counts a batch writes. A remote store pays for each, and other processes do not need a minute before it
/// is over. So they can be split into two batches, each with its own number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Levels {
    /// All of them.
    #[default]
    All,
    /// Totals and days, and whatever else travels with counts. Hours and minutes come later.
    Days,
    /// Hours and minutes alone, of what came before as [`Levels::Days`].
    Minutes,
}

impl Levels {
    /// Whether totals and days are written.
    #[must_use]
    pub fn has_days(self) -> bool {
        self != Levels::Minutes
    }

    /// Whether hours and minutes are written.
    #[must_use]
    pub fn has_minutes(self) -> bool {
        self != Levels::Days
    }
}

/// The unit that a store applies exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Who made it: one daemon's state directory.
    pub instance: Uuid,
    /// Its number: 1, 2, 3, ... per instance, without a gap.
    pub seq: u64,
    /// Sorted by event, name and time; no two alike. Shared: a clone for another thread copies none of them.
    pub entries: Arc<Vec<Entry>>,
    /// Sorted by event, name, month and status; no two alike. Nearly always none.
    pub statuses: Vec<StatusCount>,
    /// Sorted by event and name; no two alike. None unless visits are kept.
    pub visits: Vec<Visits>,
    /// Sorted by event, name and day. Of those whose visitors are known.
    pub visitors: Vec<DayVisitors>,
    /// How far this batch, with those before it, brings the sources that can be read again. Nearly always none.
    pub positions: Vec<Position>,
    /// Which counts of the entries it writes.
    pub levels: Levels,
    /// A batch either counts or corrects. Positions may travel with both.
    pub correction: Option<Arc<Correction>>,
}

impl Batch {
    /// A batch of counts that are to stay together, on all levels.
    pub fn of(instance: Uuid, seq: u64, counts: impl Into<Counts>) -> Batch {
        let Counts { entries, statuses, visits, visitors, positions } = counts.into();
        let (entries, levels) = (Arc::new(entries), Levels::All);
        Batch { instance, seq, entries, statuses, visits, visitors, positions, levels, correction: None }
    }

    /// A batch that counts nothing, and corrects what was counted.
    #[must_use]
    pub fn correcting(instance: Uuid, seq: u64, correction: Correction) -> Batch {
        Batch { correction: Some(Arc::new(correction)), ..Batch::of(instance, seq, Counts::default()) }
    }

    /// The same on other levels.
    #[must_use]
    pub fn on(self, levels: Levels) -> Batch {
        Batch { levels, ..self }
    }

    /// How many occurrences it brings, as [`Counts::hits`] counts them. Hours and minutes alone bring none: they have been counted before.
    #[must_use]
    pub fn hits(&self) -> u64 {
        if self.levels.has_days() { hits(&self.entries) } else { 0 }
    }

    /// The same for one of the batches that counts were cut into, when there are `left` occurrences in it and those
    /// behind it: the hits of a name and its visits may be in different batches.
    #[must_use]
    pub fn hits_of(&self, left: &mut u64) -> u64 {
        let hits = self.hits().min(*left);
        *left -= hits;
        hits
    }
}

/// Cuts what a tally held into batches of at most [`MAX_BATCH_NAMES`] names, numbered from `first_seq`. The entries of
/// one name are never split, unless they alone outnumber a batch; its statuses, visits and visitors go with them, unless
/// they are too many. Positions come last, so they are never ahead of the counts; without counts they are a batch of their own.
pub fn batches(instance: Uuid, first_seq: u64, counts: impl Into<Counts>) -> Vec<Batch> {
    let Counts { entries, statuses, visits, visitors, positions } = counts.into();
    let mut batches = cut(entries);
    let mut at = 0;
    for status in statuses {
        at = place(&batches, at, status.event, &status.name);
        // What does not fit goes into batches of its own, behind those of the entries.
        if batches.get(at).is_none_or(|batch| batch.statuses.len() >= MAX_BATCH_STATUSES) {
            batches.push(Counts::default());
            at = batches.len() - 1;
        }
        batches[at].statuses.push(status);
    }
    let (mut at, mut held) = (0, 0);
    for of_name in visits {
        let next = place(&batches, at, of_name.event, &of_name.name);
        held = if next == at { held } else { 0 };
        at = next;
        if batches.is_empty() || held >= MAX_BATCH_VISITS {
            batches.push(Counts::default());
            (at, held) = (batches.len() - 1, 0);
        }
        held += of_name.last.len();
        batches[at].visits.push(of_name);
    }
    let (mut at, mut held) = (0, 0);
    for of_day in visitors {
        let next = place(&batches, at, of_day.event, &of_day.name);
        held = if next == at { held } else { 0 };
        at = next;
        if batches.is_empty() || held >= MAX_BATCH_VISITORS {
            batches.push(Counts::default());
            (at, held) = (batches.len() - 1, 0);
        }
        held += of_day.hashes.len();
        batches[at].visitors.push(of_day);
    }
    for position in positions {
        if batches.last().is_none_or(|batch| batch.positions.len() >= MAX_BATCH_POSITIONS) {
            batches.push(Counts::default());
        }
        if let Some(last) = batches.last_mut() {
            last.positions.push(position);
        }
    }
    (first_seq..).zip(batches).map(|(seq, counts)| Batch::of(instance, seq, counts)).collect()
}

fn cut(entries: Vec<Entry>) -> Vec<Counts> {
    let mut batches: Vec<Counts> = Vec::with_capacity(entries.len() / MAX_BATCH_NAMES + 1);
    let (mut names, mut left) = (0, entries.len());
    for entry in entries {
        let last = batches.last().and_then(|batch| batch.entries.last());
        let same_name = last.is_some_and(|last| last.event == entry.event && last.name == entry.name);
        let open = batches.last().is_some_and(|batch| batch.entries.len() < 4 * MAX_BATCH_NAMES);
        if !same_name {
            names += 1;
        }
        if !open || (!same_name && names > MAX_BATCH_NAMES) {
            names = 1;
            let entries = Vec::with_capacity(left.min(MAX_BATCH_NAMES));
            batches.push(Counts { entries, ..Counts::default() });
        }
        left -= 1;
        if let Some(batch) = batches.last_mut() {
            batch.entries.push(entry);
        }
    }
    batches
}

/// What batches were cut from: the way back, for when their numbers were not given after all.
impl From<Vec<Batch>> for Counts {
    fn from(batches: Vec<Batch>) -> Counts {
        let mut counts = Counts::default();
        for batch in batches {
            counts.entries.append(&mut Arc::unwrap_or_clone(batch.entries));
            counts.statuses.extend(batch.statuses);
            counts.visits.extend(batch.visits);
            counts.visitors.extend(batch.visitors);
            counts.positions.extend(batch.positions);
        }
        // Those that did not fit beside their names came last.
        counts.statuses.sort_unstable();
        counts.visits.sort_unstable_by(|a, b| (a.event, &a.name).cmp(&(b.event, &b.name)));
        counts.visitors.sort_unstable();
        counts
    }
}

/// The batch, from `at` on, that has the entries of a name.
fn place(batches: &[Counts], mut at: usize, event: Event, name: &Name) -> usize {
    let behind = |last: &Entry| (last.event, &last.name) < (event, name);
    while at + 1 < batches.len() && batches[at].entries.last().is_some_and(behind) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientClass, Day, MAX_VISITS, Minute, Month, Status, Visit};
    use proptest::prelude::*;

    fn entry(name: &str, minute: i32) -> Entry {
        let when = When::Minute(Minute(minute));
        Entry { event: Event::HIT, name: Name::new(name).unwrap(), when, count: 1 }
    }

    proptest! {
        #[test]
        fn sorting_by_heads_is_sorting(
            entries in prop::collection::vec(("[a-c]", "(a{15}|a{16}|)[a-c]{1,2}(é|/)?", 0i32..3, 1u64..9), 0..60),
        ) {
            let entry = |(event, name, minute, count): (String, String, i32, u64)| {
                Entry { event: Event::new(event.as_bytes()).unwrap(), count, ..entry(&name, minute) }
            };
            let mut plain: Vec<Entry> = entries.into_iter().map(entry).collect();
            let mut sorted = plain.clone();
            sort(&mut sorted);
            plain.sort();
            prop_assert_eq!(sorted, plain);
        }
    }

    #[test]
    fn no_entries_are_no_batch() {
        assert!(batches(Uuid::nil(), 1, Counts::default()).is_empty());
    }

    #[test]
    fn batches_keep_every_entry_in_order_and_number_without_gap() {
        let entries: Vec<Entry> =
            (0..2500).flat_map(|n| [entry(&format!("n{n:05}"), 1), entry(&format!("n{n:05}"), 2)]).collect();
        let cut = batches(Uuid::nil(), 7, entries.clone());
        assert_eq!(cut.iter().map(|b| b.seq).collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(cut.iter().map(|b| b.entries.len()).collect::<Vec<_>>(), [2000, 2000, 1000]);
        assert_eq!(Counts::from(cut).entries, entries);
    }

    #[test]
    fn one_name_with_very_many_days_is_cut_too() {
        let entries: Vec<Entry> =
            (0..9000).map(|day| Entry { when: When::Day(Day(day)), ..entry("a", 0) }).collect();
        let cut = batches(Uuid::nil(), 1, entries.clone());
        assert_eq!(cut.iter().map(|b| b.entries.len()).collect::<Vec<_>>(), [4000, 4000, 1000]);
        assert_eq!(Counts::from(cut).entries, entries);
    }

    #[test]
    fn statuses_go_with_their_names_or_behind_them_all() {
        let name = |n: usize| Name::new(&format!("n{n:05}")).unwrap();
        let entries: Vec<Entry> = (0..1500).map(|n| Entry { name: name(n), ..entry("a", 1) }).collect();
        let status = |n: usize, status: usize| StatusCount {
            event: Event::HIT,
            name: name(n),
            month: Month(1),
            status: Status::new(&format!("s{status:04}")).unwrap(),
            count: 1,
        };
        let statuses: Vec<StatusCount> =
            (0..3).map(|n| status(n, 0)).chain((0..4500).map(|s| status(1400, s))).collect();
        let cut = batches(
            Uuid::nil(),
            3,
            Counts { entries: entries.clone(), statuses: statuses.clone(), ..Counts::default() },
        );
        let sizes: Vec<_> = cut.iter().map(|b| (b.seq, b.entries.len(), b.statuses.len())).collect();
        assert_eq!(sizes, [(3, 1000, 3), (4, 500, 2000), (5, 0, 2000), (6, 0, 500)]);
        assert_eq!(cut.iter().flat_map(|b| b.statuses.clone()).collect::<Vec<_>>(), statuses);
        let all = Counts { entries, statuses: statuses.clone(), ..Counts::default() };
        assert_eq!(Counts::from(cut), all);
        let alone = batches(Uuid::nil(), 1, Counts { statuses: statuses[..1].to_vec(), ..Counts::default() });
        assert_eq!(alone.len(), 1);
    }

    #[test]
    fn visits_go_with_their_names_or_behind_them_all() {
        let name = |n: usize| Name::new(&format!("n{n:05}")).unwrap();
        let entries: Vec<Entry> = (0..1500).map(|n| Entry { name: name(n), ..entry("a", 1) }).collect();
        let last = vec![Visit::new(Minute(1), ClientClass::Bot); 9];
        let of_name = |n: usize| Visits { event: Event::HIT, name: name(n), last: last.clone() };
        let visits: Vec<Visits> =
            [0, 999].into_iter().map(of_name).chain((1000..1500).map(of_name)).collect();
        let many = vec![last[0].clone(); MAX_VISITS];
        let visits: Vec<Visits> = visits
            .into_iter()
            .map(
                |visits| {
                    if visits.name > name(1010) { visits } else { Visits { last: many.clone(), ..visits } }
                },
            )
            .collect();
        let counts = Counts { entries: entries.clone(), visits: visits.clone(), ..Counts::default() };
        let cut = batches(Uuid::nil(), 3, counts);
        let sizes: Vec<_> = cut.iter().map(|b| (b.seq, b.entries.len(), b.visits.len())).collect();
        assert_eq!(sizes, [(3, 1000, 2), (4, 500, 10), (5, 0, 490)]);
        assert_eq!(Counts::from(cut), Counts { entries, visits, ..Counts::default() });
    }

    #[test]
    fn visitors_go_with_their_names_or_behind_them_all() {
        let name = |n: usize| Name::new(&format!("n{n:05}")).unwrap();
        let entries: Vec<Entry> = (0..1500).map(|n| Entry { name: name(n), ..entry("a", 1) }).collect();
        let hashes = |many: u64| (0..many).map(crate::VisitorHash).collect();
        let of_name = |n: usize, many| DayVisitors {
            event: Event::HIT,
            name: name(n),
            day: crate::Day(1),
            hashes: hashes(many),
        };
        let most = MAX_BATCH_VISITORS as u64;
        let visitors = vec![of_name(0, 1), of_name(1200, most), of_name(1201, 1), of_name(1300, 1)];
        let counts = Counts { visitors, ..Counts::from(entries) };
        let cut = batches(Uuid::nil(), 3, counts.clone());
        let sizes: Vec<_> = cut.iter().map(|b| (b.seq, b.entries.len(), b.visitors.len())).collect();
        assert_eq!(sizes, [(3, 1000, 1), (4, 500, 1), (5, 0, 2)]);
        assert_eq!(Counts::from(cut), counts);
    }

    #[test]
    fn positions_come_last() {
        let position = |n: usize| Position { source: format!("file:{n}"), state: n.to_string() };
        let entries: Vec<Entry> = (0..1500).map(|n| entry(&format!("n{n:05}"), 1)).collect();
        for (entries, many, sizes) in [
            (entries, 3000, &[(1000, 0), (500, 2000), (0, 1000)][..]),
            (vec![entry("a", 1)], 1, &[(1, 1)]),
            (Vec::new(), 1, &[(0, 1)]),
        ] {
            let positions = (0..many).map(position).collect();
            let counts = Counts { positions, ..Counts::from(entries) };
            assert!(!counts.is_empty());
            let cut = batches(Uuid::nil(), 1, counts.clone());
            assert_eq!(cut.iter().map(|b| (b.entries.len(), b.positions.len())).collect::<Vec<_>>(), sizes);
            assert_eq!(Counts::from(cut), counts);
        }
    }

    #[test]
    fn visit_that_comes_with_a_hit_is_the_same_occurrence() {
        let of = |event, name, count| Entry { event, count, ..entry(name, 1) };
        for (entries, hits) in [
            (vec![of(Event::HIT, "a", 3), of(Event::VISIT, "a", 2)], 3),
            (vec![of(Event::HIT, "a", 1), of(Event::HIT, "c", 1), of(Event::VISIT, "b", 2)], 4),
            (vec![of(Event::HIT, "a", 1), of(Event::LIKE, "a", 1), of(Event::VISIT, "a", 5)], 6),
            (
                vec![of(Event::HIT, "b", u64::MAX), of(Event::VISIT, "a", 1), of(Event::VISIT, "b", 1)],
                u64::MAX - 1,
            ),
            (vec![of(Event::VISIT, "a", 2)], 2),
        ] {
            assert_eq!(Counts::from(entries.clone()).hits(), hits, "{entries:?}");
        }
        let names: Vec<String> = (0..1500).map(|n| format!("n{n:05}")).collect();
        let all = |event| names.iter().map(move |name| of(event, name, 2));
        let counts = Counts::from(all(Event::HIT).chain(all(Event::VISIT)).collect::<Vec<_>>());
        let mut left = counts.hits();
        assert_eq!(left, 3000);
        let cut = batches(Uuid::nil(), 1, counts);
        let hits: Vec<u64> = cut.iter().map(|batch| batch.hits_of(&mut left)).collect();
        assert_eq!((hits.iter().sum::<u64>(), left), (3000, 0), "{hits:?}");
    }

    #[test]
    fn folding_sorts_and_adds_up() {
        let statused = |status: &str, count| StatusCount {
            event: Event::HIT,
            name: Name::new("a").unwrap(),
            month: Month(0),
            status: Status::new(status).unwrap(),
            count,
        };
        let counts = Counts::folded(
            vec![entry("b", 1), entry("a", 1), entry("b", 1)],
            vec![statused("y", 1), statused("x", 2), statused("y", u64::MAX)],
        );
        assert_eq!(counts.entries, [entry("a", 1), Entry { count: 2, ..entry("b", 1) }]);
        assert_eq!(counts.statuses, [statused("x", 2), statused("y", u64::MAX)]);
        assert_eq!(counts.hits(), 3);
    }
}
