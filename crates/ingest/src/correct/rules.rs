//! The changes of a correction to one name: pure rules over the counts that were read.
//!
//! A number that is subtracted is taken from the total, and from days, hours and minutes as far as they have it. So the
//! days of a name never add up to more than its total, nor hours to more than their day, nor minutes to more than their
//! hour. The same is true of statuses, which are stored only by month: they are reduced when too few hits are left for
//! them.

use super::ledger::NameLedger;
use std::{cmp::Reverse, collections::BTreeMap, ops::Range};
use tallymark_core::{CountCell, Day, Hour, Minute, Month};

/// Differences of one name.
pub(super) type CellChanges = Vec<(CountCell, i64)>;

/// Counts that are no longer known as finely as a stretch of time asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooCoarse {
    Day(Day),
    Hour(Hour),
}

/// More: it is of today, and of no hour.
pub(super) fn up(today: Day, by: i64) -> CellChanges {
    vec![(CountCell::Total, by), (CountCell::Day(today), by)]
}

/// Less: the latest minutes, hours and days give first, and what has no day gives last.
pub(super) fn down(ledger: &NameLedger, by: i64) -> CellChanges {
    let (mut cells, mut left) = (vec![(CountCell::Total, -by)], by);
    for (&day, &count) in ledger.days.iter().rev() {
        let taken = left.min(count);
        if taken > 0 {
            take_day(ledger, day, taken, &mut cells);
        }
        left -= taken;
        if left == 0 {
            break;
        }
    }
    take_statuses(ledger, &mut cells);
    cells
}

/// A month keeps no more statuses than hits, and all months no more than the total: the most frequent give first. Of more
/// that there were before, as many go as hits.
fn take_statuses(ledger: &NameLedger, cells: &mut CellChanges) {
    let mut less: BTreeMap<Option<Month>, i64> = BTreeMap::new();
    for (cell, by) in cells.iter() {
        let of = match cell {
            CountCell::Total => None,
            CountCell::Day(day) => Some(day.month()),
            CountCell::Hour(_) | CountCell::Minute(_) | CountCell::Status(..) => continue,
        };
        let sum = less.entry(of).or_default();
        *sum = sum.saturating_sub(*by);
    }
    let (mut left, mut given) = (ledger.statuses.clone(), 0i64);
    // The latest month first, and all of them last.
    for (of, less) in less.into_iter().rev() {
        let sum = |counts: &mut dyn Iterator<Item = &i64>| {
            counts.fold(0i64, |sum, count| sum.saturating_add(*count))
        };
        let is_of = |month: Month| of.is_none_or(|of| of == month);
        let statuses =
            sum(&mut ledger.statuses.iter().filter(|((month, _), _)| is_of(*month)).map(|(_, count)| count));
        let (hits, before) = match of {
            Some(_) => (
                sum(&mut ledger.days.iter().filter(|(day, _)| is_of(day.month())).map(|(_, count)| count)),
                0,
            ),
            None => (ledger.total, given),
        };
        let mut by = statuses.min(hits).saturating_sub(hits.saturating_sub(less)).saturating_sub(before);
        let mut counts: Vec<&mut i64> =
            left.iter_mut().filter(|((month, _), _)| is_of(*month)).map(|(_, count)| count).collect();
        counts.sort_by_key(|count| Reverse(**count));
        for count in counts {
            let taken = by.min(*count).max(0);
            (*count, by, given) = (*count - taken, by - taken, given + taken);
        }
    }
    for (((month, status), before), after) in ledger.statuses.iter().zip(left.into_values()) {
        if after != *before {
            cells.push((CountCell::Status(*month, status.clone()), after - before));
        }
    }
}

fn take_day(ledger: &NameLedger, day: Day, by: i64, cells: &mut CellChanges) {
    cells.push((CountCell::Day(day), -by));
    let mut left = by;
    for (hour, count) in ledger.hours_of(day).rev() {
        let taken = left.min(count);
        if taken > 0 {
            take_hour(ledger, hour, taken, cells);
        }
        left -= taken;
    }
}

fn take_hour(ledger: &NameLedger, hour: Hour, by: i64, cells: &mut CellChanges) {
    cells.push((CountCell::Hour(hour), -by));
    let mut left = by;
    for (minute, count) in ledger.minutes_of(hour).rev() {
        let taken = left.min(count);
        if taken > 0 {
            cells.push((CountCell::Minute(minute), -taken));
        }
        left -= taken;
    }
}

/// Nothing is left.
pub(super) fn all(ledger: &NameLedger) -> CellChanges {
    ledger.cells().map(|(cell, count)| (cell, -count)).collect()
}

/// The first day or hour that would have less than its hours or minutes. One that has so already is left alone.
pub(super) fn overdrawn(ledger: &NameLedger, cells: &CellChanges) -> Option<CountCell> {
    let by: BTreeMap<&CountCell, i64> = cells.iter().map(|(cell, by)| (cell, *by)).collect();
    let changed = |cell: &CountCell| by.get(cell).copied().unwrap_or(0);
    let too_little = |(cell, by): &&(CountCell, i64)| {
        let (count, parts): (i64, Vec<(CountCell, i64)>) = match cell {
            CountCell::Day(day) => (
                ledger.days.get(day).copied().unwrap_or(0),
                ledger.hours_of(*day).map(|(hour, count)| (CountCell::Hour(hour), count)).collect(),
            ),
            CountCell::Hour(hour) => (
                ledger.hours.get(hour).copied().unwrap_or(0),
                ledger.minutes_of(*hour).map(|(minute, count)| (CountCell::Minute(minute), count)).collect(),
            ),
            CountCell::Total | CountCell::Minute(_) | CountCell::Status(..) => return false,
        };
        let before: i64 = parts.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count));
        let after = parts
            .iter()
            .fold(0i64, |sum, (cell, count)| sum.saturating_add(count.saturating_add(changed(cell))));
        before <= count && after > count.saturating_add(*by)
    };
    cells.iter().find(too_little).map(|(cell, _)| cell.clone())
}

/// Nothing of these minutes is left. Days that are covered go whole; of others, those hours that are covered; of these,
/// their minutes.
pub(super) fn stretch(ledger: &NameLedger, minutes: &Range<i32>) -> Result<CellChanges, TooCoarse> {
    let (mut cells, mut sum) = (Vec::new(), 0i64);
    let covers = |bucket: Range<i32>| minutes.start <= bucket.start && bucket.end <= minutes.end;
    let meets = |bucket: &Range<i32>| minutes.start < bucket.end && bucket.start < minutes.end;
    for (&day, &count) in ledger.days.iter().filter(|(_, count)| **count > 0) {
        let of_day = day.first_minute().0..Day(day.0 + 1).first_minute().0;
        if !meets(&of_day) {
            continue;
        }
        if covers(of_day) {
            take_day(ledger, day, count, &mut cells);
            sum = sum.saturating_add(count);
            continue;
        }
        if ledger.hours_of(day).all(|(_, count)| count == 0) {
            return Err(TooCoarse::Day(day));
        }
        let mut of_hours = 0i64;
        for (hour, count) in ledger.hours_of(day).filter(|(hour, count)| meets(&hour.minutes()) && *count > 0)
        {
            let taken = match covers(hour.minutes()) {
                true => {
                    take_hour(ledger, hour, count, &mut cells);
                    count
                }
                false => some_minutes(ledger, hour, minutes, &mut cells)?,
            };
            of_hours = of_hours.saturating_add(taken);
        }
        // Hours that come from elsewhere may have more than their day.
        let of_hours = of_hours.min(count);
        if of_hours > 0 {
            cells.push((CountCell::Day(day), -of_hours));
            sum = sum.saturating_add(of_hours);
        }
    }
    let sum = sum.min(ledger.total);
    if sum > 0 {
        cells.push((CountCell::Total, -sum));
    }
    take_statuses(ledger, &mut cells);
    Ok(cells)
}

/// Takes some minutes out of an hour. Answers how many hits that were.
fn some_minutes(
    ledger: &NameLedger,
    hour: Hour,
    minutes: &Range<i32>,
    cells: &mut CellChanges,
) -> Result<i64, TooCoarse> {
    if ledger.minutes_of(hour).all(|(_, count)| count == 0) {
        return Err(TooCoarse::Hour(hour));
    }
    let mut sum = 0i64;
    for (Minute(minute), count) in ledger.minutes_of(hour) {
        if minutes.contains(&minute) && count > 0 {
            cells.push((CountCell::Minute(Minute(minute)), -count));
            sum = sum.saturating_add(count);
        }
    }
    let sum = sum.min(ledger.hours.get(&hour).copied().unwrap_or(0));
    if sum > 0 {
        cells.push((CountCell::Hour(hour), -sum));
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hits in minutes, on days without an hour, and of no day at all.
    fn ledger(hits: &[(i32, i64)], dayless: &[(i32, i64)], base: i64) -> NameLedger {
        let mut ledger = NameLedger { total: base, ..NameLedger::default() };
        for &(minute, count) in hits {
            let minute = Minute(minute);
            *ledger.minutes.entry(minute).or_default() += count;
            *ledger.hours.entry(minute.hour()).or_default() += count;
            *ledger.days.entry(minute.day()).or_default() += count;
            ledger.total += count;
        }
        for &(day, count) in dayless {
            *ledger.days.entry(Day(day)).or_default() += count;
            ledger.total += count;
        }
        ledger
    }

    /// No month has more statuses than hits, and all months no more than the total.
    fn has_its_statuses(counts: &BTreeMap<CountCell, i64>) -> bool {
        let (mut months, mut all): (BTreeMap<Month, i64>, i64) = Default::default();
        for (cell, count) in counts {
            match cell {
                CountCell::Day(day) => *months.entry(day.month()).or_default() += count,
                CountCell::Status(month, _) => *months.entry(*month).or_default() -= count,
                CountCell::Total => all += count,
                CountCell::Hour(_) | CountCell::Minute(_) => {}
            }
            if let CountCell::Status(..) = cell {
                all -= count;
            }
        }
        all >= 0 && months.values().all(|left| *left >= 0)
    }

    fn after(ledger: &NameLedger, cells: &CellChanges) -> BTreeMap<CountCell, i64> {
        let mut counts: BTreeMap<CountCell, i64> = ledger.cells().collect();
        for (cell, by) in cells {
            let count = counts.entry(cell.clone()).or_default();
            *count += by;
            assert!(*count >= 0, "{cell:?} of {ledger:?}");
        }
        counts.retain(|_, count| *count != 0);
        counts
    }

    /// Days have no more than the total, hours no more than their day, minutes no more than their hour.
    fn is_sound(counts: &BTreeMap<CountCell, i64>) -> bool {
        let mut sums: BTreeMap<CountCell, i64> = BTreeMap::new();
        for (cell, count) in counts {
            let wider = match cell {
                CountCell::Day(_) => CountCell::Total,
                CountCell::Hour(hour) => CountCell::Day(hour.day()),
                CountCell::Minute(minute) => CountCell::Hour(minute.hour()),
                CountCell::Total | CountCell::Status(..) => continue,
            };
            *sums.entry(wider).or_default() += count;
        }
        sums.iter().all(|(cell, sum)| *sum <= counts.get(cell).copied().unwrap_or(0))
    }

    proptest! {
        #[test]
        fn no_rule_makes_a_part_larger_than_the_whole(
            hits in prop::collection::vec((0i32..90_000, 1i64..20), 0..40),
            paid in prop::collection::vec((0usize..40, 0i64..20, 0usize..3), 0..10),
            dayless in prop::collection::vec((0i32..5, 1i64..20), 0..4),
            base in 0i64..50,
            share in 0i64..=100,
            (from, length) in (0i32..90_000, 1i32..60_000),
        ) {
            let mut ledger = ledger(&hits, &dayless, base);
            for (at, count, status) in paid {
                let Some(&(minute, hits)) = hits.get(at) else { continue };
                let of = (Minute(minute).day().month(), ["paid", "open", "lost"][status].to_owned());
                let statuses = ledger.statuses.entry(of).or_default();
                *statuses = count.min(hits);
            }
            prop_assume!(has_its_statuses(&ledger.cells().collect()));
            let by = ledger.total * share / 100;
            let less = after(&ledger, &down(&ledger, by));
            prop_assert!(is_sound(&less) && has_its_statuses(&less), "{:?}", less);
            prop_assert_eq!(less.get(&CountCell::Total).copied().unwrap_or(0), ledger.total - by);
            prop_assert!(after(&ledger, &all(&ledger)).is_empty());
            if let Ok(cells) = stretch(&ledger, &(from..from + length)) {
                let scrubbed = after(&ledger, &cells);
                prop_assert!(is_sound(&scrubbed) && has_its_statuses(&scrubbed), "{:?}", scrubbed);
                let inside = |cell: &CountCell| matches!(cell, CountCell::Minute(m) if (from..from + length).contains(&m.0));
                prop_assert!(!scrubbed.keys().any(inside));
                let kept = |counts: &BTreeMap<CountCell, i64>| -> Vec<(CountCell, i64)> {
                    let minutes = counts.iter().filter(|(cell, _)| matches!(cell, CountCell::Minute(_)) && !inside(cell));
                    minutes.map(|(cell, count)| (cell.clone(), *count)).collect()
                };
                let before: BTreeMap<CountCell, i64> = ledger.cells().collect();
                prop_assert_eq!(kept(&scrubbed), kept(&before));
            }
        }
    }

    #[test]
    fn the_latest_give_first() {
        let (first, second) = (Day(10).first_minute().0, Day(11).first_minute().0);
        let ledger = ledger(&[(first, 5), (second, 3), (second + 70, 2)], &[(11, 4)], 6);
        assert_eq!(ledger.total, 20);
        let of = |by| after(&ledger, &down(&ledger, by));
        let day = |counts: &BTreeMap<CountCell, i64>, day| {
            counts.get(&CountCell::Day(Day(day))).copied().unwrap_or(0)
        };
        let three = of(3);
        assert_eq!((day(&three, 10), day(&three, 11)), (5, 6));
        assert!(!three.contains_key(&CountCell::Minute(Minute(second + 70))), "the last minute gave both");
        assert_eq!(three[&CountCell::Minute(Minute(second))], 2);
        let fifteen = of(15);
        assert_eq!(
            fifteen.into_iter().collect::<Vec<_>>(),
            [(CountCell::Total, 5)],
            "what has no day is left"
        );
    }

    #[test]
    fn statuses_go_with_their_hits() {
        let mut ledger = ledger(&[(0, 3), (40 * 1440, 3)], &[], 0);
        let (first, second) = (Day(0).month(), Day(40).month());
        let statuses = [((first, "paid"), 3), ((second, "paid"), 1), ((second, "open"), 1)];
        ledger.statuses = statuses.map(|((month, status), count)| ((month, status.to_owned()), count)).into();
        let left = |by| -> Vec<(Month, String, i64)> {
            let counts = after(&ledger, &down(&ledger, by)).into_iter();
            let status = |(cell, count)| match cell {
                CountCell::Status(month, status) => Some((month, status, count)),
                _ => None,
            };
            counts.filter_map(status).collect()
        };
        let paid = |month, count| (month, "paid".to_owned(), count);
        assert_eq!(left(1).len(), 3, "one hit had no status");
        assert_eq!(left(3), [paid(first, 3)]);
        assert_eq!(left(5), [paid(first, 1)]);
    }

    #[test]
    fn a_stretch_needs_counts_as_fine_as_its_ends() {
        let day = Day(10).first_minute().0;
        let coarse = ledger(&[], &[(10, 4)], 0);
        assert_eq!(stretch(&coarse, &(day..day + 60)), Err(TooCoarse::Day(Day(10))));
        assert!(stretch(&coarse, &(day..day + 1440)).is_ok());
        assert_eq!(stretch(&coarse, &(day + 1440..day + 1500)), Ok(vec![]));
        let mut hours = ledger(&[(day, 4)], &[], 0);
        hours.minutes.clear();
        assert_eq!(stretch(&hours, &(day..day + 30)), Err(TooCoarse::Hour(Hour::at(Day(10), 0))));
        assert_eq!(after(&hours, &stretch(&hours, &(day..day + 60)).unwrap()), BTreeMap::new());
    }
}
