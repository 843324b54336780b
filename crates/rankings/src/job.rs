//! Full rankings, computed from slices of the store. [`super::round`] decides which one is worked on, and when.

use super::top::{MOST, Top};
use tallymark_core::{Event, Name, Now, Period, Span};
use tallymark_store::{Result, StoreRead};

/// How many names of a slice are read at once.
const NAMES: usize = 500;

/// How many names a ranking holds beyond those that it shows, if its names shrink all the time.
const SPARE: usize = 1000;

/// How many names the ranking of a period holds.
pub(super) fn room(period: Period) -> usize {
    if period.slides() { MOST + SPARE } else { MOST }
}

/// Full rankings in progress. Slices are of the first; the counts of the others are read by name.
pub(super) struct RankingJob {
    pub(super) event: Event,
    /// When it began.
    pub(super) begun: Now,
    pub(super) parts: Vec<Part>,
    /// Names of the last slice with their counts there, for which the other rankings were not read yet.
    names: Vec<(Name, i64)>,
    next: Option<String>,
    /// There are no more slices.
    sliced: bool,
}

/// One of these rankings.
pub(super) struct Part {
    pub(super) period: Period,
    pub(super) span: Span,
    pub(super) top: Top,
}

impl RankingJob {
    /// The periods; every name of one is among those of the first.
    pub(super) fn new(event: Event, periods: &[Period], begun: Now) -> RankingJob {
        let part =
            |&period: &Period| Part { period, span: period.span(begun), top: Top::with_room(room(period)) };
        let parts = periods.iter().map(part).collect();
        RankingJob { event, begun, parts, names: Vec::new(), next: None, sliced: false }
    }

    /// One call. Returns whether everything is done.
    pub(super) async fn go_on(&mut self, store: &dyn StoreRead) -> Result<bool> {
        if self.names.is_empty() {
            self.slice(store).await?;
        } else {
            self.ask(store).await?;
        }
        Ok(self.sliced && self.names.is_empty())
    }

    /// The ranking of a period in it, as far as it has come.
    pub(super) fn top(&self, event: Event, period: Period, span: Span) -> Option<&Top> {
        let part = self.parts.iter().find(|part| (part.period, part.span) == (period, span));
        part.filter(|_| self.event == event).map(|part| &part.top)
    }

    pub(super) fn top_mut(&mut self, event: Event, period: Period, span: Span) -> Option<&mut Top> {
        let part = self.parts.iter_mut().find(|part| (part.period, part.span) == (period, span));
        part.filter(|_| self.event == event).map(|part| &mut part.top)
    }

    /// The window of a period has moved on. Returns the names whose counts have to be read again.
    pub(super) fn slide(&mut self, event: Event, period: Period, span: Span) -> Vec<Name> {
        let moves = |part: &&mut Part| part.period == period && part.span != span;
        match self.parts.iter_mut().find(moves).filter(|_| self.event == event) {
            Some(part) => {
                part.span = span;
                part.top.names().collect()
            }
            None => Vec::new(),
        }
    }

    /// What it ranks for a period, as far as it does.
    pub(super) fn span(&self, event: Event, period: Period) -> Option<Span> {
        let part = self.parts.iter().find(|part| part.period == period);
        part.filter(|_| self.event == event).map(|part| part.span)
    }

    pub(super) fn has(&self, event: Event, group: &[Period]) -> bool {
        self.event == event && self.parts.iter().any(|part| group.contains(&part.period))
    }

    /// A name with at most this count is in no ranking but the first.
    fn floor_of_others(&self) -> Option<i64> {
        self.parts.iter().skip(1).map(|part| part.top.floor()).min()
    }

    /// The next slice.
    async fn slice(&mut self, store: &dyn StoreRead) -> Result<()> {
        let others = self.floor_of_others();
        let Some(first) = self.parts.first_mut() else { return Ok(()) };
        let floor = others.unwrap_or(i64::MAX).min(first.top.floor());
        let slice = store.slice(self.event, first.span, floor, self.next.as_deref()).await?;
        for (name, count) in slice.counts {
            if others.is_some_and(|floor| count > floor) {
                self.names.push((name.clone(), count));
            }
            if count > first.top.floor() {
                first.top.offer(name, count);
            }
        }
        (self.sliced, self.next) = (slice.next.is_none(), slice.next);
        Ok(())
    }

    /// The other counts of some names of the last slice.
    async fn ask(&mut self, store: &dyn StoreRead) -> Result<()> {
        let from = self.names.len().saturating_sub(NAMES);
        let names: Vec<Name> = self.names[from..].iter().map(|(name, _)| name.clone()).collect();
        let spans: Vec<_> = self.parts.iter().skip(1).map(|part| (part.span, part.top.floor())).collect();
        let rows = store.counts(self.event, &names, &spans).await?;
        for (column, part) in self.parts.iter_mut().skip(1).enumerate() {
            for (name, row) in names.iter().zip(&rows) {
                if let Some(&count) = row.get(column).filter(|count| **count > part.top.floor()) {
                    part.top.offer(name.clone(), count);
                }
            }
        }
        self.names.truncate(from);
        let floor = self.floor_of_others().unwrap_or(i64::MAX);
        self.names.retain(|&(_, count)| count > floor);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minutes_have_names_to_spare_for_those_that_shrink() {
        let now = Now { unix_ms: 1_780_000_000_000 };
        let span = Period::Minute.span(now);
        let mut job = RankingJob::new(Event::HIT, &[Period::Minute], now);
        let top = job.top_mut(Event::HIT, Period::Minute, span).unwrap();
        let name = |n: i64| Name::new(&format!("n{n}")).unwrap();
        (1..=2500).for_each(|n| top.offer(name(n), n));
        // Those that are shown have nothing in these minutes any more.
        (1501..=2500).for_each(|n| top.update(&name(n), 0));
        let expect: Vec<_> = (501..=1500).rev().map(|n| (name(n), n)).collect();
        assert!(top.is_whole());
        assert_eq!(top.entries(), expect);
        top.update(&name(1500), 0);
        assert!(!top.is_whole(), "one that was left out would be shown");
    }
}
