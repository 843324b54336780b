//! Steps, which are widths of buckets, and rows of buckets. Also how a bucket is written in an address, a response and
//! a chart.

use super::{Day, Hour, Minute, Month};
use crate::Now;
use std::ops::RangeInclusive;

/// The width of a bucket. Buckets are numbered from 1970, as [`Minute`], [`Hour`], [`Day`] and [`Month`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Months.
    Month,
}

/// Buckets in a row, from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// The width of each.
    pub step: Step,
    /// The number of the first.
    pub first: i32,
    /// The number of the last.
    pub last: i32,
}

impl Step {
    /// All of them, the shortest first.
    pub const EVERY: [Step; 4] = [Step::Minute, Step::Hour, Step::Day, Step::Month];

    /// `minute`, `hour`, `day` or `month`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Step::Minute => "minute",
            Step::Hour => "hour",
            Step::Day => "day",
            Step::Month => "month",
        }
    }

    /// Reads that word.
    #[must_use]
    pub fn read(word: &str) -> Option<Step> {
        Step::EVERY.into_iter().find(|step| step.word() == word)
    }

    /// The bucket that holds a minute.
    #[must_use]
    pub fn bucket(self, minute: Minute) -> i32 {
        match self {
            Step::Minute => minute.0,
            Step::Hour => minute.hour().0,
            Step::Day => minute.day().0,
            Step::Month => minute.day().month().0,
        }
    }

    /// The first minute of a bucket.
    #[must_use]
    pub fn begin(self, bucket: i32) -> Minute {
        match self {
            Step::Minute => Minute(bucket),
            Step::Hour => Hour(bucket).first_minute(),
            Step::Day => Day(bucket).first_minute(),
            Step::Month => Month(bucket).first_day().first_minute(),
        }
    }

    /// A bucket for programs: `2026-11-20T13:00:00Z`, `2026-11-20` or `2026-11`.
    #[must_use]
    pub fn label(self, bucket: i32) -> String {
        match self {
            Step::Minute | Step::Hour => self.begin(bucket).to_string(),
            Step::Day => Day(bucket).to_string(),
            Step::Month => Month(bucket).to_string(),
        }
    }

    /// A bucket for people: `20 Nov 2026, 13:00`, `20 Nov 2026` or `November 2026`.
    #[must_use]
    pub fn name(self, bucket: i32) -> String {
        self.begin(bucket).format(match self {
            Step::Minute | Step::Hour => "%-d %b %Y, %H:%M",
            Step::Day => "%-d %b %Y",
            Step::Month => "%B %Y",
        })
    }

    /// `20 Nov, 13:00`, `20 Nov` or `Nov 2026`: where the rest is known or unimportant.
    #[must_use]
    pub fn short_name(self, bucket: i32) -> String {
        self.begin(bucket).format(match self {
            Step::Minute | Step::Hour => "%-d %b, %H:%M",
            Step::Day => "%-d %b",
            Step::Month => "%b %Y",
        })
    }

    /// The shortest useful name, for an axis: `20 Nov`, `06:00`, `Nov`, and `2026` for a January.
    #[must_use]
    pub fn axis_name(self, bucket: i32) -> String {
        self.begin(bucket).format(match self {
            Step::Minute => "%H:%M",
            Step::Hour if Hour(bucket).of_day() != 0 => "%H:%M",
            Step::Hour | Step::Day => "%-d %b",
            Step::Month if Month(bucket).date().1 == 1 => "%Y",
            Step::Month => "%b",
        })
    }
}

impl Buckets {
    /// N buckets, of which the last is in progress.
    #[must_use]
    pub fn until(now: Now, step: Step, count: i32) -> Buckets {
        let last = step.bucket(now.minute());
        Buckets { step, first: last - count + 1, last }
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        self.numbers().count()
    }

    /// The number of each.
    #[must_use]
    pub fn numbers(self) -> RangeInclusive<i32> {
        self.first..=self.last
    }

    /// One count for each bucket, from those that are not empty. Counts outside are ignored.
    #[must_use]
    pub fn fill(self, found: impl IntoIterator<Item = (i32, i64)>) -> Vec<i64> {
        let mut counts = vec![0i64; self.count()];
        for (bucket, count) in found {
            let at = bucket.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
            if let Some(of_bucket) = at.and_then(|at| counts.get_mut(at)) {
                *of_bucket = of_bucket.saturating_add(count);
            }
        }
        counts
    }

    /// For people, from the first bucket to the last: `22 Oct to 20 Nov 2026`.
    #[must_use]
    pub fn name(self) -> String {
        let Buckets { step, first, last } = self;
        if first >= last {
            return step.name(last);
        }
        let year = |bucket| step.begin(bucket).day().date().0;
        let first = match step {
            _ if year(first) != year(last) => step.name(first),
            Step::Month => step.begin(first).format("%B"),
            _ => step.short_name(first),
        };
        format!("{first} to {}", step.name(last))
    }
}

/// The sums of days by month; days must be in order.
#[must_use]
pub fn by_month(days: impl IntoIterator<Item = (i32, i64)>) -> Vec<(i32, i64)> {
    let mut months: Vec<(i32, i64)> = Vec::new();
    for (day, count) in days {
        let month = Day(day).month().0;
        match months.last_mut() {
            Some((last, sum)) if *last == month => *sum = sum.saturating_add(count),
            _ => months.push((month, count)),
        }
    }
    months
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> i32 {
        Day::parse(text.as_bytes()).unwrap().0
    }

    fn range(step: Step, numbers: RangeInclusive<i32>) -> String {
        Buckets { step, first: *numbers.start(), last: *numbers.end() }.name()
    }

    #[test]
    fn every_minute_is_in_the_bucket_that_begins_with_it() {
        for step in Step::EVERY {
            assert_eq!(Step::read(step.word()), Some(step));
            for bucket in [-13, -1, 0, 1, 682, 20_777] {
                assert_eq!(step.bucket(step.begin(bucket)), bucket, "{step:?}");
                assert_eq!(step.bucket(Minute(step.begin(bucket + 1).0 - 1)), bucket, "{step:?}");
            }
        }
        assert_eq!(Step::read("week"), None);
    }

    #[test]
    fn buckets_are_called_as_people_call_them() {
        let noon = day("2026-11-20") * 24 + 12;
        assert_eq!(Step::Hour.name(noon), "20 Nov 2026, 12:00");
        assert_eq!(Step::Day.name(day("2024-02-29")), "29 Feb 2024");
        assert_eq!(Step::Month.name(Day(day("2026-11-20")).month().0), "November 2026");
        assert_eq!(Step::Month.name(0), "January 1970");
        assert_eq!(Step::Day.name(-1), "31 Dec 1969");
    }

    #[test]
    fn range_names_the_year_once() {
        assert_eq!(range(Step::Day, day("2026-10-22")..=day("2026-11-20")), "22 Oct to 20 Nov 2026");
        assert_eq!(range(Step::Day, day("2025-12-30")..=day("2026-01-02")), "30 Dec 2025 to 2 Jan 2026");
        assert_eq!(range(Step::Month, 0..=3), "January to April 1970");
        assert_eq!(range(Step::Hour, 0..=25), "1 Jan, 00:00 to 2 Jan 1970, 01:00");
        assert_eq!(range(Step::Day, 5..=5), "6 Jan 1970");
    }

    #[test]
    fn texts_under_the_axis_are_short() {
        let hours = [0, 1, 23, 24].map(|hour| Step::Hour.axis_name(hour));
        assert_eq!(hours, ["1 Jan", "01:00", "23:00", "2 Jan"]);
        assert_eq!([0, 1, 12].map(|month| Step::Month.axis_name(month)), ["1970", "Feb", "1971"]);
        assert_eq!(Step::Day.axis_name(day("2026-11-20")), "20 Nov");
    }

    #[test]
    fn buckets_at_the_end_of_the_numbers_have_a_name() {
        for step in Step::EVERY {
            for bucket in [i32::MIN, i32::MAX] {
                assert!(!step.name(bucket).is_empty() && !step.axis_name(bucket).is_empty());
                assert!(!step.label(bucket).is_empty() && !range(step, bucket..=bucket).is_empty());
            }
        }
    }

    #[test]
    fn counts_outside_of_the_row_are_left_out() {
        let row = Buckets { step: Step::Day, first: 5, last: 7 };
        assert_eq!(
            row.fill([(4, 1), (5, 2), (7, i64::MAX), (7, 1), (8, 9), (i32::MIN, 1)]),
            [2, 0, i64::MAX]
        );
        assert_eq!(by_month([(0, 1), (30, 2), (31, 4), (400, 8)]), [(0, 3), (1, 4), (13, 8)]);
    }
}
