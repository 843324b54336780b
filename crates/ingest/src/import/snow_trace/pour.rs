//! What was found in a data directory, as numbered batches: always the same ones for the same content.
//!
//! Records never add to a total. They only say on which day and minute it was counted. The part of a total without
//! records counts on the day of the oldest one, the first day on which the counter is known to have existed. If there
//! are more records than the total, the oldest are left out, because a counter that was restarted has counted the
//! newest.

use super::{NamedTotal, SnowTrace, SnowTraceError, record::Whose, scan::scan};
use std::collections::{BTreeMap, btree_map};
use tallymark_core::{
    Batch, Counts, Entry, Event, MAX_BATCH_NAMES, MAX_BATCH_VISITS, MAX_VISITS, Minute, Name, Visit, Visits,
    When, batches, keep_last,
};
use uuid::Uuid;

/// How many entries are gathered before they are cut into batches, but for those of the last name.
const ENTRIES: usize = 4000;

/// The batches of one import, a few at a time.
pub struct Pouring<'a> {
    trace: &'a SnowTrace,
    instance: Uuid,
    left: btree_map::Iter<'a, (Event, Name), NamedTotal>,
    keep: usize,
    /// The number of the last batch.
    last: u64,
    is_done: bool,
}

/// What goes together into batches. Its bounds do not depend on how many visits are kept.
#[derive(Default)]
struct GatheredCounts {
    entries: Vec<Entry>,
    visits: Vec<Visits>,
    names: usize,
    records: usize,
}

impl GatheredCounts {
    fn is_full(&self) -> bool {
        self.names >= MAX_BATCH_NAMES || self.entries.len() >= ENTRIES || self.records >= MAX_BATCH_VISITS
    }
}

impl<'a> Pouring<'a> {
    pub(super) fn new(trace: &'a SnowTrace, instance: Uuid, keep: usize) -> Pouring<'a> {
        let left = trace.names.iter();
        Pouring { trace, instance, left, keep, last: 0, is_done: trace.names.is_empty() }
    }

    /// How many names are still to come.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// The number of the last batch that was handed out.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.last
    }

    /// The next batches; none at the end.
    ///
    /// # Errors
    ///
    /// A log cannot be read, or has changed since it was read first.
    pub fn next_batches(&mut self) -> Result<Vec<Batch>, SnowTraceError> {
        let mut gathered = GatheredCounts::default();
        while !gathered.is_full()
            && let Some((of, total)) = self.left.next()
        {
            self.gather(of, total, &mut gathered)?;
        }
        let GatheredCounts { entries, visits, names, .. } = gathered;
        let mut counts = Counts { visits, ..Counts::folded(entries, Vec::new()) };
        if names == 0 {
            if std::mem::replace(&mut self.is_done, true) {
                return Ok(Vec::new());
            }
            counts.positions.push(super::position(self.trace.content, true));
        }
        let mut complete = batches(self.instance, self.last + 1, counts);
        if let Some(first) = complete.first_mut().filter(|first| first.seq == 1) {
            first.positions.push(super::position(self.trace.content, false));
        }
        self.last += complete.len() as u64;
        Ok(complete)
    }

    fn gather(
        &self,
        (event, name): &(Event, Name),
        total: &NamedTotal,
        into: &mut GatheredCounts,
    ) -> Result<(), SnowTraceError> {
        let TraceHistory { minutes, last } = self.history(*event, total)?;
        let entry = |when, count| Entry { event: *event, name: name.clone(), when, count };
        let counted: u64 = minutes.values().sum();
        into.entries.extend(minutes.into_iter().map(|(minute, count)| entry(When::Minute(minute), count)));
        if total.total > counted {
            into.entries.push(entry(When::Day(total.day), total.total - counted));
        }
        if !last.is_empty() {
            into.visits.push(Visits { event: *event, name: name.clone(), last });
        }
        into.names += 1;
        into.records += (total.records() as usize).min(MAX_VISITS);
        Ok(())
    }

    fn history(&self, event: Event, total: &NamedTotal) -> Result<TraceHistory, SnowTraceError> {
        let mut history = TraceHistory::default();
        for log in &total.logs {
            let whose = Whose { event, namespace: &log.namespace, key: &log.key };
            let path = self.trace.dir.join(whose.path());
            let print = scan(&path, log.length, whose, self.trace.now, |_, read| {
                if let Ok(visit) = read {
                    history.add(visit);
                }
            });
            match print {
                Ok(print) if print == log.print => {}
                Ok(_) => return Err(SnowTraceError::Changed { path }),
                Err(source) => return Err(SnowTraceError::Io { path, source }),
            }
        }
        history.drop_oldest(total.records().saturating_sub(total.total));
        keep_last(&mut history.last, self.keep.min(usize::try_from(total.total).unwrap_or(usize::MAX)));
        Ok(history)
    }
}

/// What the records of one name say.
#[derive(Default)]
struct TraceHistory {
    minutes: BTreeMap<Minute, u64>,
    last: Vec<Visit>,
}

impl TraceHistory {
    fn add(&mut self, visit: Visit) {
        *self.minutes.entry(visit.minute).or_default() += 1;
        self.last.push(visit);
        if self.last.len() >= 2 * MAX_VISITS {
            // Each log begins with its oldest.
            keep_last(&mut self.last, MAX_VISITS);
        }
    }

    fn drop_oldest(&mut self, mut surplus: u64) {
        while surplus > 0
            && let Some(mut oldest) = self.minutes.first_entry()
        {
            let dropped = surplus.min(*oldest.get());
            surplus -= dropped;
            *oldest.get_mut() -= dropped;
            if *oldest.get() == 0 {
                oldest.remove();
            }
        }
    }
}
