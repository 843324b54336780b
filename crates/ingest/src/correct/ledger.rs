//! All counts of one name, as read from the store before it is corrected.

use std::{collections::BTreeMap, ops::Range};
use tallymark_core::{CountCell, Day, Event, Hour, Minute, Month, Name, Step};
use tallymark_store::{Result, StoreRead};

/// How many days are read at first, the latest first, and how many at once after that: nearly every name is complete after
/// the second time.
const LATEST: i32 = 32;
const DAYS: i32 = 400;
/// How often it is read until nothing of it has changed meanwhile. A source writes a few times a second at the most.
const READINGS: u32 = 10;
/// Clocks of others may be ahead.
const AHEAD: i32 = 2;

/// The counts of one event on one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameLedger {
    pub(crate) total: i64,
    pub(crate) days: BTreeMap<Day, i64>,
    pub(crate) hours: BTreeMap<Hour, i64>,
    pub(crate) minutes: BTreeMap<Minute, i64>,
    pub(crate) statuses: BTreeMap<(Month, String), i64>,
}

impl NameLedger {
    /// Reads all of it, with no hit in one count that is not in the others. `None` if there is always one.
    pub(crate) async fn at_one_moment(
        store: &(impl StoreRead + ?Sized),
        event: Event,
        name: &Name,
        today: Day,
    ) -> Result<Option<NameLedger>> {
        for _ in 0..READINGS {
            let ledger = NameLedger::read(store, event, name, today).await?;
            if store.total(event, name).await? == ledger.total {
                return Ok(Some(ledger));
            }
        }
        Ok(None)
    }

    /// Reads all of it, one count after the other.
    pub(crate) async fn read(
        store: &(impl StoreRead + ?Sized),
        event: Event,
        name: &Name,
        today: Day,
    ) -> Result<NameLedger> {
        let mut ledger = NameLedger { total: store.total(event, name).await?, ..NameLedger::default() };
        ledger.read_days(store, event, name, today).await?;
        // Hits that came a moment ago may be in an hour already and not in the day that was read.
        let days = ledger.days.keys().map(|day| day.0).chain([today.0 - 1, today.0]);
        for Range { start, end } in ranges(days, 0) {
            let (from, to) = (Hour::at(Day(start), 0), Hour::at(Day(end), 0));
            let hours = store.series(event, name, Step::Hour, from.0, to.0).await?;
            ledger.hours.extend(hours.into_iter().map(|(hour, count)| (Hour(hour), count)));
        }
        for Range { start, end } in ranges(ledger.hours.keys().map(|hour| hour.0), 0) {
            let (from, to) = (Hour(start).first_minute(), Hour(end).first_minute());
            let minutes = store.series(event, name, Step::Minute, from.0, to.0).await?;
            ledger.minutes.extend(minutes.into_iter().map(|(minute, count)| (Minute(minute), count)));
        }
        for month in store.status_months(event, name).await? {
            let (year, of_year) = month.date();
            for (status, count) in store.statuses(event, name, year, Some(of_year)).await? {
                ledger.statuses.insert((month, status), count);
            }
        }
        Ok(ledger)
    }

    /// Goes back in time until every hit has its day, or there is no earlier one.
    async fn read_days(
        &mut self,
        store: &(impl StoreRead + ?Sized),
        event: Event,
        name: &Name,
        today: Day,
    ) -> Result<()> {
        let (mut end, mut sum) = (today.0 + 1 + AHEAD, 0i64);
        let mut days = LATEST;
        while end > 0 && sum < self.total {
            let from = (end - days).max(0);
            days = DAYS;
            for (day, count) in store.series(event, name, Step::Day, from, end).await? {
                self.days.insert(Day(day), count);
                sum = sum.saturating_add(count);
            }
            end = from;
        }
        Ok(())
    }

    /// Every count that is not 0.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (CountCell, i64)> {
        let total = [(CountCell::Total, self.total)].into_iter();
        let days = self.days.iter().map(|(day, count)| (CountCell::Day(*day), *count));
        let hours = self.hours.iter().map(|(hour, count)| (CountCell::Hour(*hour), *count));
        let minutes = self.minutes.iter().map(|(minute, count)| (CountCell::Minute(*minute), *count));
        let statuses = self.statuses.iter();
        let statuses =
            statuses.map(|((month, status), count)| (CountCell::Status(*month, status.clone()), *count));
        total.chain(days).chain(hours).chain(minutes).chain(statuses).filter(|(_, count)| *count != 0)
    }

    pub(super) fn hours_of(&self, day: Day) -> impl DoubleEndedIterator<Item = (Hour, i64)> {
        let hours = Hour::at(day, 0)..Hour::at(Day(day.0 + 1), 0);
        self.hours.range(hours).map(|(hour, count)| (*hour, *count))
    }

    pub(super) fn minutes_of(&self, hour: Hour) -> impl DoubleEndedIterator<Item = (Minute, i64)> {
        let minutes = hour.first_minute()..Minute(hour.minutes().end);
        self.minutes.range(minutes).map(|(minute, count)| (*minute, *count))
    }
}

/// The current values of some counts of a name.
pub(crate) async fn values(
    store: &(impl StoreRead + ?Sized),
    event: Event,
    name: &Name,
    cells: impl Iterator<Item = &CountCell> + Clone,
) -> Result<BTreeMap<CountCell, i64>> {
    let mut values = BTreeMap::new();
    if cells.clone().any(|cell| *cell == CountCell::Total) {
        values.insert(CountCell::Total, store.total(event, name).await?);
    }
    for step in [Step::Day, Step::Hour, Step::Minute] {
        let of_step = cells.clone().filter_map(|cell| match (cell, step) {
            (CountCell::Day(day), Step::Day) => Some(day.0),
            (CountCell::Hour(hour), Step::Hour) => Some(hour.0),
            (CountCell::Minute(minute), Step::Minute) => Some(minute.0),
            _ => None,
        });
        for Range { start, end } in ranges(of_step, 60) {
            for (bucket, count) in store.series(event, name, step, start, end).await? {
                let cell = match step {
                    Step::Hour => CountCell::Hour(Hour(bucket)),
                    Step::Minute => CountCell::Minute(Minute(bucket)),
                    _ => CountCell::Day(Day(bucket)),
                };
                values.insert(cell, count);
            }
        }
    }
    let mut months: Vec<Month> = cells
        .filter_map(|cell| match cell {
            CountCell::Status(month, _) => Some(*month),
            _ => None,
        })
        .collect();
    months.sort_unstable();
    months.dedup();
    for month in months {
        let (year, of_year) = month.date();
        for (status, count) in store.statuses(event, name, year, Some(of_year)).await? {
            values.insert(CountCell::Status(month, status), count);
        }
    }
    Ok(values)
}

/// Ascending ranges that have all of these numbers, and few others: gaps of at most so many are read along.
fn ranges(numbers: impl Iterator<Item = i32>, gap: i32) -> Vec<Range<i32>> {
    let mut numbers: Vec<i32> = numbers.collect();
    numbers.sort_unstable();
    let mut ranges: Vec<Range<i32>> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if number <= last.end.saturating_add(gap) => last.end = last.end.max(number + 1),
            _ => ranges.push(number..number + 1),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_every_number_and_bridge_small_gaps() {
        assert_eq!(ranges([5, 1, 2, 2, 9].into_iter(), 0), [1..3, 5..6, 9..10]);
        assert_eq!(ranges([5, 1, 2, 9].into_iter(), 2), [1..6, 9..10]);
        assert_eq!(ranges([].into_iter(), 2), []);
    }
}
