//! HitMe's ranges: the month, the week from Sunday on, the day, the hour and the minute that contain a time.
//!
//! They are those of the calendar in the configured zone, read from what the store counts by UTC day, hour and minute.
//! In UTC a month is a sum of days; in another zone its first and last day are sums of hours, which the store keeps for
//! `[retention] hour`: in a range that is older than that, the hours at its edges are missing. Minutes are kept for
//! `[retention] minute`.

use std::{collections::BTreeMap, ops::Range};
use tallymark_core::{
    Day, Event, Hour, Minute, Name, Span, Step, When,
    calendar::{Weekday, Zone},
};
use tallymark_store::{Result, StoreRead};

/// The ranges that hold one minute, in hours since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ranges {
    month: Range<i32>,
    week: Range<i32>,
    day: Range<i32>,
    minute: Minute,
}

/// What was counted in each range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RangeCounts {
    pub(super) all: i64,
    pub(super) month: i64,
    pub(super) week: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
}

impl Ranges {
    pub(super) fn of(minute: Minute, zone: Zone) -> Ranges {
        let today = zone.day(minute);
        let sunday = today.week_begin(Weekday::Sun).0;
        Ranges {
            month: zone.hours(today.month().days()),
            week: zone.hours(sunday..sunday + 7),
            day: zone.hours(today.0..today.0 + 1),
            minute,
        }
    }

    /// What the store has for an address.
    pub(super) async fn read(&self, store: &dyn StoreRead, name: &Name) -> Result<RangeCounts> {
        let event = Event::URL;
        let all = store.total(event, name).await?;
        let (hour, minute) = (self.minute.hour().0, self.minute.0);
        let ranges = [&self.month, &self.week, &self.day];
        let first = ranges.iter().map(|range| whole_days(range).start).min().unwrap_or(0);
        let end = ranges.iter().map(|range| whole_days(range).end).max().unwrap_or(0);
        let days: BTreeMap<i32, i64> =
            store.series(event, name, Step::Day, first, end).await?.into_iter().collect();
        let mut hours = BTreeMap::new();
        for day in self.cut_days() {
            let of_day = day.hours();
            hours.extend(store.series(event, name, Step::Hour, of_day.start, of_day.end).await?);
        }
        let sum = |range: &Range<i32>| {
            let whole = whole_days(range);
            let edges = hours.range(range.clone()).filter(|(hour, _)| !whole.contains(&Hour(**hour).day().0));
            let days = if whole.is_empty() { days.range(0..0) } else { days.range(whole.clone()) };
            days.chain(edges).fold(0i64, |sum, (_, &count)| sum.saturating_add(count))
        };
        let one = |series: Vec<(i32, i64)>| series.first().map_or(0, |&(_, count)| count);
        Ok(RangeCounts {
            all,
            month: sum(&self.month),
            week: sum(&self.week),
            day: sum(&self.day),
            hour: one(store.series(event, name, Step::Hour, hour, hour + 1).await?),
            minute: one(store.series(event, name, Step::Minute, minute, minute + 1).await?),
        })
    }

    /// The same ranges as spans for the store, all time first. The shortest are one span each, the others are split at
    /// UTC days.
    pub(super) fn spans(&self) -> [Vec<Span>; 6] {
        let cut = |range: &Range<i32>| {
            let whole = whole_days(range);
            let mut spans = Vec::new();
            if !whole.is_empty() {
                spans.push(Span::Days(Day(whole.start), Day(whole.end - 1)));
            }
            let edges = range.clone().filter(|hour| !whole.contains(&Hour(*hour).day().0));
            spans.extend(edges.map(|hour| Span::Hour(Hour(hour))));
            spans
        };
        let (hour, minute) = (Span::Hour(self.minute.hour()), Span::last_minutes(self.minute, 1));
        [vec![Span::All], cut(&self.month), cut(&self.week), cut(&self.day), vec![hour], vec![minute]]
    }

    /// The UTC days in the middle of which the ranges end.
    fn cut_days(&self) -> Vec<Day> {
        let ends =
            [&self.month, &self.week, &self.day].into_iter().flat_map(|range| [range.start, range.end]);
        let mut days: Vec<Day> = ends.filter(|end| end % 24 != 0).map(|end| Hour(end).day()).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// Adds what the store does not have yet.
    pub(super) fn add(&self, counts: &mut RangeCounts, when: When, count: u64) {
        let minute = match when {
            When::Minute(minute) => minute,
            When::Day(day) => day.first_minute(),
        };
        let hour = minute.hour().0;
        let exact = matches!(when, When::Minute(_));
        for (sum, holds) in [
            (&mut counts.all, true),
            (&mut counts.month, self.month.contains(&hour)),
            (&mut counts.week, self.week.contains(&hour)),
            (&mut counts.day, self.day.contains(&hour)),
            (&mut counts.hour, exact && minute.hour() == self.minute.hour()),
            (&mut counts.minute, exact && minute == self.minute),
        ] {
            if holds {
                *sum = sum.saturating_add_unsigned(count);
            }
        }
    }
}

/// The UTC days that are entirely in a range of hours.
fn whole_days(range: &Range<i32>) -> Range<i32> {
    let first = Hour(range.start).day().0 + i32::from(range.start % 24 != 0);
    first..Hour(range.end).day().0
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::Now;

    /// The starts in milliseconds, as HitMe wrote them into its keys, and the length of the month in days.
    fn starts(ms: i64, zone: &str) -> ([i64; 3], i32) {
        let buckets = Ranges::of(Now { unix_ms: ms }.minute(), Zone::parse(zone).unwrap());
        assert_eq!((buckets.week.len(), buckets.day.len()), (168, 24));
        let ms = |range: &Range<i32>| i64::from(range.start) * 3_600_000;
        ([ms(&buckets.month), ms(&buckets.week), ms(&buckets.day)], buckets.month.len() as i32 / 24)
    }

    #[test]
    fn ranges_are_those_of_hitme() {
        const H: i64 = 3_600_000;
        // 2024-02-29T12:34:56.789Z, a Thursday.
        let (month, week, day) = (1_706_745_600_000, 1_708_819_200_000, 1_709_164_800_000);
        let at = 1_709_210_096_789;
        assert_eq!(starts(at, "UTC"), ([month, week, day], 29));
        assert_eq!(starts(at, "+02:00"), ([month - 2 * H, week - 2 * H, day - 2 * H], 29));
        assert_eq!(starts(at, "-05:00"), ([month + 5 * H, week + 5 * H, day + 5 * H], 29));
        // There it is already the first of March.
        assert_eq!(starts(at, "+14:00"), ([day + 10 * H, week - 14 * H, day + 10 * H], 31));
        // A Sunday begins a week, and the second before it ends one.
        assert_eq!(starts(week, "UTC"), ([month, week, week], 29));
        assert_eq!(starts(week - 1000, "UTC"), ([month, week - 168 * H, week - 24 * H], 29));
        // The month before 1970, where it is still that.
        assert_eq!(starts(0, "-01:00"), ([-743 * H + 12 * H - 12 * H, -95 * H, -23 * H], 31));
    }
}
