//! Remembers what lines meant, so that a line seen before is counted without being read again.
//!
//! nginx writes the same bytes for the same badge all day: the same header within a second, and the same record after
//! it. So a line is first compared with the last header. If that matches, its record is looked up by its bytes, and the
//! result is the slot of the tally in which it counts. A line that is not found takes the full path, and is learned.
//! The full path is the oracle: a property test compares the two.
//!
//! Only lines whose meaning depends on nothing but their bytes and the day are learned: their route has no column that
//! changes from line to line. The sources' intake uses it.

use crate::{Column, Dating, Day, Hit, Now, Route, ShortHash, Slot, Tally, When, syslog::is_bsd_header};
use hashbrown::{DefaultHashBuilder, HashTable};

/// The most bytes of records that are remembered.
const MAX_BYTES: usize = 16 << 20;
/// Longer records are parsed each time.
const MAX_RECORD: usize = 400;
/// How many pairs of day and weight there may be at a time.
const MAX_MEANINGS: usize = 256;

/// Lines and their slots.
#[derive(Debug)]
pub struct Recall {
    /// Changes whenever anything is forgotten.
    generation: u64,
    header: Vec<u8>,
    /// Whether there is a header to compare with. That of bare records is empty.
    learned: bool,
    records: HashTable<CachedLine>,
    bytes: Vec<u8>,
    meanings: Vec<Meaning>,
    hasher: DefaultHashBuilder,
    epoch: u64,
    now: Now,
    arrival: When,
}

/// The meaning of a line that was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// Where it counts.
    pub slot: Slot,
    /// When.
    pub when: When,
    /// How often.
    pub weight: u32,
}

/// The working state of [`Recall::find_all`]; its memory is reused for every call.
#[derive(Debug, Default)]
pub struct Probes {
    hashes: Vec<ShortHash>,
    known: Vec<Option<CachedLine>>,
}

/// Four of them are a cache line.
#[derive(Clone, Copy, Debug)]
struct CachedLine {
    hash: ShortHash,
    at: u32,
    slot: Slot,
    length: u16,
    /// Its index in the meanings.
    meaning: u16,
}

/// What many records have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Meaning {
    weight: u32,
    /// Their own day; `None` for the minute in which the line arrives.
    day: Option<Day>,
}

impl Default for Recall {
    fn default() -> Recall {
        let now = Now { unix_ms: i64::MIN };
        Recall {
            generation: 0,
            header: Vec::new(),
            learned: false,
            records: HashTable::new(),
            bytes: Vec::new(),
            meanings: Vec::new(),
            hasher: DefaultHashBuilder::default(),
            epoch: 0,
            now,
            arrival: When::Minute(now.minute()),
        }
    }
}

impl Recall {
    /// Forgets what is no longer true: on another day, or after the tally has reassigned its slots. After reading the
    /// clock or adding to the tally, callers must call this before the next line.
    #[inline]
    pub fn refresh(&mut self, tally: &Tally, now: Now) {
        if self.now != now || self.epoch != tally.epoch() {
            self.turn(tally, now);
        }
    }

    /// Forgets every line, because some of them may mean something else now.
    pub fn forget(&mut self) {
        self.learned = false;
        self.forget_records();
    }

    fn turn(&mut self, tally: &Tally, now: Now) {
        if self.now.day() != now.day() || self.epoch != tally.epoch() {
            self.forget();
            self.epoch = tally.epoch();
        }
        self.now = now;
        self.arrival = When::Minute(now.minute());
    }

    fn forget_records(&mut self) {
        self.generation += 1;
        self.records.clear();
        self.bytes.clear();
        self.meanings.clear();
    }

    fn hash(&self, record: &[u8]) -> ShortHash {
        ShortHash::of(&self.hasher, record)
    }

    /// What a line means, if an earlier one meant the same.
    #[inline]
    #[must_use]
    pub fn find(&self, line: &[u8]) -> Option<Recalled> {
        if !self.learned {
            return None;
        }
        let record = line.strip_prefix(&self.header[..])?;
        self.find_record(self.hash(record), record).map(|known| self.recalled(known))
    }

    #[inline]
    fn find_record(&self, hash: ShortHash, record: &[u8]) -> Option<&CachedLine> {
        self.records.find(hash.wide(), |known| known.hash == hash && self.record(known) == record)
    }

    /// The same for many lines at once: `found` gets what [`Recall::find`] returns for each, or `None`. The entries of
    /// ten thousand names are spread over memory, so each line would wait for several cache misses in turn. Here each
    /// step is done for all lines before the next step, so the processor waits for many misses at once.
    ///
    /// The results stay valid until [`Recall::generation`] changes, or the next refresh.
    pub fn find_all<'a>(
        &self,
        lines: impl Iterator<Item = &'a [u8]> + Clone,
        found: &mut Vec<Option<Recalled>>,
        probes: &mut Probes,
    ) {
        found.clear();
        if !self.learned {
            found.extend(lines.map(|_| None));
            return;
        }
        let record_of = |line: &'a [u8]| line.strip_prefix(&self.header[..]);
        probes.hashes.clear();
        probes.hashes.extend(lines.clone().map(|line| self.hash(record_of(line).unwrap_or_default())));
        probes.known.clear();
        let look = |&hash: &ShortHash| self.records.find(hash.wide(), |known| known.hash == hash).copied();
        probes.known.extend(probes.hashes.iter().map(look));
        found.extend(lines.zip(&probes.known).map(|(line, known)| {
            // Another record with the same hash is left to `find`.
            let known = known.as_ref().filter(|known| record_of(line) == Some(self.record(known)))?;
            Some(self.recalled(known))
        }));
    }

    /// Changes whenever earlier results may no longer be valid.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    fn recalled(&self, known: &CachedLine) -> Recalled {
        let Meaning { weight, day } = self.meanings[usize::from(known.meaning)];
        Recalled { slot: known.slot, when: day.map_or(self.arrival, When::Day), weight }
    }

    fn record(&self, known: &CachedLine) -> &[u8] {
        &self.bytes[known.at as usize..][..usize::from(known.length)]
    }

    /// Learns what a line meant: its record starts at byte `body_at`, and it was counted in `slot`. `hit` is what the
    /// line became at the time of the last refresh.
    pub fn learn(
        &mut self,
        line: &[u8],
        body_at: usize,
        route: &Route,
        dating: Dating,
        hit: &Hit<'_>,
        slot: Slot,
    ) {
        let Some(day) = self.lasting(route, dating, hit) else { return };
        let (header, record) = line.split_at(body_at.min(line.len()));
        if record.len() > MAX_RECORD {
            return;
        }
        if !self.learned || self.header != header {
            // The meaning of any other header might depend on what follows it.
            let complete = header.is_empty() || is_bsd_header(header);
            if !complete {
                return;
            }
            // Another header may belong to another route, in which the same record means something else. From second to
            // second, only its time changes.
            if !same_but_time(&self.header, header) {
                self.forget_records();
            }
            self.header.clear();
            self.header.extend_from_slice(header);
            self.learned = true;
        }
        let hash = self.hash(record);
        if self.find_record(hash, record).is_some() {
            return;
        }
        if self.bytes.len() + record.len() > MAX_BYTES {
            self.forget_records();
        }
        let meaning = self.meaning(Meaning { weight: hit.weight, day });
        let (at, length) = (self.bytes.len() as u32, record.len() as u16);
        self.bytes.extend_from_slice(record);
        let known = CachedLine { hash, at, slot, length, meaning };
        self.records.insert_unique(hash.wide(), known, |known| known.hash.wide());
    }

    fn meaning(&mut self, meaning: Meaning) -> u16 {
        if let Some(at) = self.meanings.iter().position(|&known| known == meaning) {
            return at as u16;
        }
        if self.meanings.len() >= MAX_MEANINGS {
            self.forget_records();
        }
        self.meanings.push(meaning);
        (self.meanings.len() - 1) as u16
    }

    /// When the next line of these bytes will count: `Some(None)` for the minute it arrives in; `None` if its bytes do
    /// not say.
    fn lasting(&self, route: &Route, dating: Dating, hit: &Hit<'_>) -> Option<Option<Day>> {
        // A slot has no statuses and visits.
        if hit.redated
            || hit.status.is_some()
            || hit.client.is_some()
            || hit.visitor.is_some()
            || !depends_on_bytes_alone(route)
        {
            return None;
        }
        match hit.when {
            when if when == self.arrival => Some(None),
            // The past day of a live line leaves the window at some point; the day in a file stays.
            When::Day(day) if dating == Dating::Own => Some(Some(day)),
            _ => None,
        }
    }
}

/// Whether a record of this route means the same every time on one day.
fn depends_on_bytes_alone(route: &Route) -> bool {
    let stable = |column: &Column| {
        matches!(
            column,
            Column::Date | Column::Name | Column::Method | Column::Status | Column::Weight | Column::Event
        )
    };
    route.columns.iter().all(stable)
}

/// Whether two headers differ only in the 15 bytes of the time after `<PRI>`.
fn same_but_time(a: &[u8], b: &[u8]) -> bool {
    const TIME: usize = "Nov 20 03:59:49".len();
    let split = |header: &[u8]| header.iter().position(|&b| b == b'>').map(|at| at + 1);
    let (Some(at), Some(bt)) = (split(a), split(b)) else { return false };
    a[..at] == b[..bt] && a.len() == b.len() && a.len() > at + TIME && a[at + TIME..] == b[bt + TIME..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Added, Dating, Entry, Reject, Routes, record::RecordReader, syslog};
    use proptest::prelude::*;

    /// Reads lines as a source does, by the full path or with recall.
    struct Fold {
        routes: Routes,
        reader: RecordReader,
        tally: Tally,
        recall: Option<Recall>,
        recalled: usize,
        dating: Dating,
    }

    impl Fold {
        fn new(limit: usize, dating: Dating, recall: bool) -> Fold {
            let recall = recall.then(Recall::default);
            let (reader, tally) = (RecordReader::new(dating), Tally::new(limit));
            Fold { routes: routes(), reader, tally, recall, recalled: 0, dating }
        }

        fn line(&mut self, line: &[u8], now: Now) -> Result<(), Reject> {
            if let Some(recall) = &mut self.recall {
                recall.refresh(&self.tally, now);
                if let Some(Recalled { slot, when, weight }) = recall.find(line) {
                    self.tally.add_at(slot, when, weight);
                    self.recalled += 1;
                    return Ok(());
                }
            }
            let message = syslog::parse(line, &self.routes)?;
            let route = self.routes.find(&message)?;
            let hit = self.reader.read(route, message.body, now)?.times(message.times)?;
            let added = self.tally.add(&hit);
            if let (Some(recall), Added::In(slot)) = (&mut self.recall, added) {
                recall.refresh(&self.tally, now);
                let body_at = message.body.as_ptr().addr() - line.as_ptr().addr();
                recall.learn(line, body_at, route, self.dating, &hit, slot);
            }
            Ok(())
        }
    }

    const NOON: i64 = 1_795_176_030_000;

    fn routes() -> Routes {
        let weighted = Route {
            tag: "weighted".to_owned(),
            columns: vec![Column::Name, Column::Weight],
            decode: 1,
            ..Route::default()
        };
        let timed =
            Route { tag: "timed".to_owned(), columns: vec![Column::Time, Column::Name], ..Route::default() };
        // The same record means another event here.
        let likes =
            Route { tag: "likes".to_owned(), event: crate::Event::new(b"like").unwrap(), ..Route::default() };
        Routes::new(vec![Route::default(), weighted, timed, likes])
    }

    #[test]
    fn line_seen_before_is_recalled_and_counts_in_the_minute_it_arrives() {
        let mut fold = Fold::new(100, Dating::Live, true);
        for second in 0..120 {
            let now = Now { unix_ms: NOON + second * 1000 };
            let header = format!("<158>Nov 20 12:{:02}:{:02} vm badge: ", second / 60, second % 60);
            fold.line(format!("{header}\"2026-11-20\",\"a%2Fb\"").as_bytes(), now).unwrap();
            fold.line(format!("{header}\"2026-11-20\",\"a%2Fb\"").as_bytes(), now).unwrap();
        }
        assert_eq!(fold.recalled, 120);
        let counts: Vec<u64> = fold.tally.seal().entries.into_iter().map(|entry| entry.count).collect();
        assert_eq!(counts, [60, 120, 60]);
    }

    #[test]
    fn nothing_is_recalled_on_another_day() {
        let mut fold = Fold::new(100, Dating::Live, true);
        let line = br#"<158>Nov 20 12:00:00 vm badge: "2026-11-20","a""#;
        for day in 0..3 {
            let now = Now { unix_ms: NOON + day * 86_400_000 };
            fold.line(line, now).unwrap();
        }
        assert_eq!(fold.recalled, 0);
        let days: Vec<When> = fold.tally.seal().entries.into_iter().map(|entry| entry.when).collect();
        // Today with its minute; yesterday and the day before only as days.
        assert_eq!(days.len(), 2);
    }

    fn sealed(fold: &mut Fold) -> Vec<Entry> {
        fold.tally.seal().entries
    }

    proptest! {
        /// The oracle: with and without recall, every line has the same result and every tick the same counts.
        #[test]
        fn recall_changes_nothing_but_the_time_it_takes(
            lines in prop::collection::vec(
                (0usize..5, 0usize..4, "[ab]{1,2}(%252F|/|%)?[c-d]?", 0i64..4, 0usize..4, any::<bool>()), 1..200),
            limit in 2usize..20, own: bool,
        ) {
            let dating = if own { Dating::Own } else { Dating::Live };
            let (mut with, mut without) = (Fold::new(limit, dating, true), Fold::new(limit, dating, false));
            let mut now = Now { unix_ms: NOON };
            for (tag, host, name, step, form, seal) in lines {
                now.unix_ms += [0, 500, 30_000, 40_000_000][step as usize];
                let tag = ["badge", "weighted", "timed", "likes", "other"][tag];
                let host = ["", "vm ", "vm vm ", "badge "][host];
                let second = now.unix_ms / 1000 % 60;
                let today = now.day();
                let record = match (tag, form) {
                    ("weighted", _) => format!("\"{name}\",\"{form}\""),
                    ("timed", _) => format!("\"{}.000\",\"{name}\"", now.unix_ms / 1000),
                    (_, 0) => format!("\"2026-11-20\",\"{name}\""),
                    (_, 1) => format!("{today},{name}"),
                    _ => format!("\"{today}\",\"{name}\""),
                };
                let line = match form {
                    3 if seal => format!("<158>Nov 20 12:00:{second:02} {host}{tag}: message repeated 3 times: [ {record}]"),
                    3 => format!("<158>Nov 20 12:00:{second:02} {host}{tag} {record}"),
                    _ => format!("<158>Nov 20 12:00:{second:02} {host}{tag}: {record}"),
                };
                prop_assert_eq!(with.line(line.as_bytes(), now), without.line(line.as_bytes(), now), "{}", line);
                if seal {
                    prop_assert_eq!(sealed(&mut with), sealed(&mut without));
                }
            }
            prop_assert_eq!(sealed(&mut with), sealed(&mut without));
        }
    }
}
