//! What the buckets of a chart are called: hours, days and months, all UTC.
//!
//! Every text comes from the number of a bucket, so a chart says the same at any time it is drawn.

use std::ops::RangeInclusive;
use tallymark_core::Day;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Two and a half thousand years, in each direction. No count is older or younger.
const MOST_DAYS: i32 = 1_000_000;

/// The width of the buckets of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Hours since 1970-01-01T00Z.
    Hour,
    /// UTC days since 1970-01-01.
    Day,
    /// Months since January 1970.
    Month,
}

/// A bucket, taken apart.
struct Parts {
    year: i32,
    /// 0 to 11.
    month: usize,
    day: u32,
    hour: i32,
}

impl Parts {
    fn month(&self) -> &'static str {
        MONTHS[self.month]
    }

    fn short_month(&self) -> &'static str {
        &MONTHS[self.month][..3]
    }
}

impl Step {
    /// The month that a day lies in, as [`Step::Month`] counts them.
    #[must_use]
    pub fn month_of(day: Day) -> i32 {
        let (year, month, _) = Day(day.0.clamp(-MOST_DAYS, MOST_DAYS)).date();
        (year - 1970) * 12 + month as i32 - 1
    }

    /// `hour`, `day` or `month`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Step::Hour => "hour",
            Step::Day => "day",
            Step::Month => "month",
        }
    }

    /// `20 Nov 2026, 13:00`, `20 Nov 2026` or `November 2026`.
    #[must_use]
    pub fn name(self, bucket: i32) -> String {
        let parts = self.parts(bucket);
        let Parts { year, day, hour, .. } = parts;
        match self {
            Step::Hour => format!("{day} {} {year}, {hour:02}:00", parts.short_month()),
            Step::Day => format!("{day} {} {year}", parts.short_month()),
            Step::Month => format!("{} {year}", parts.month()),
        }
    }

    /// `20 Nov, 13:00`, `20 Nov` or `Nov 2026`: where the rest is known, or not important.
    pub(super) fn short_name(self, bucket: i32) -> String {
        let parts = self.parts(bucket);
        match self {
            Step::Hour => format!("{} {}, {:02}:00", parts.day, parts.short_month(), parts.hour),
            Step::Day => format!("{} {}", parts.day, parts.short_month()),
            Step::Month => format!("{} {}", parts.short_month(), parts.year),
        }
    }

    /// `22 Oct to 20 Nov 2026`: from the first bucket to the last.
    #[must_use]
    pub fn range(self, buckets: RangeInclusive<i32>) -> String {
        let (first, last) = (*buckets.start(), *buckets.end());
        if first >= last {
            return self.name(last);
        }
        let parts = self.parts(first);
        if parts.year != self.parts(last).year {
            return format!("{} to {}", self.name(first), self.name(last));
        }
        let first = match self {
            Step::Month => parts.month().to_owned(),
            Step::Hour | Step::Day => self.short_name(first),
        };
        format!("{first} to {}", self.name(last))
    }

    /// The shortest useful text under the axis: `20 Nov`, `06:00`, `Nov`, and `2026` for a January.
    pub(super) fn tick(self, bucket: i32) -> String {
        let parts = self.parts(bucket);
        match self {
            Step::Hour if parts.hour != 0 => format!("{:02}:00", parts.hour),
            Step::Month if parts.month == 0 => parts.year.to_string(),
            Step::Month => parts.short_month().to_owned(),
            Step::Hour | Step::Day => format!("{} {}", parts.day, parts.short_month()),
        }
    }

    /// Whether a bucket has a text under it, when every `stride`th has one. Hours and months stand on round ones; days
    /// count back from the last, which is what one looks for.
    pub(super) fn is_labelled(self, bucket: i32, last: i32, stride: i32) -> bool {
        match self {
            Step::Hour | Step::Month => bucket.rem_euclid(stride) == 0,
            Step::Day => last.saturating_sub(bucket).rem_euclid(stride) == 0,
        }
    }

    /// Distances between texts, from the smallest. The last one is more than any chart is wide.
    pub(super) fn strides(self) -> &'static [i32] {
        match self {
            Step::Hour => &[1, 2, 3, 6, 12, 24, 48, 96, 240, 480],
            Step::Day => &[1, 2, 7, 14, 28, 56, 112, 224, 448],
            Step::Month => &[1, 2, 3, 6, 12, 24, 60, 120, 240, 480],
        }
    }

    fn parts(self, bucket: i32) -> Parts {
        if self == Step::Month {
            let bucket = bucket.clamp(-MOST_DAYS / 31, MOST_DAYS / 31);
            return Parts {
                year: 1970 + bucket.div_euclid(12),
                month: bucket.rem_euclid(12) as usize,
                day: 1,
                hour: 0,
            };
        }
        let (day, hour) = match self {
            Step::Hour => (bucket.div_euclid(24), bucket.rem_euclid(24)),
            _ => (bucket, 0),
        };
        let (year, month, day) = Day(day.clamp(-MOST_DAYS, MOST_DAYS)).date();
        Parts { year, month: month as usize - 1, day, hour }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> i32 {
        Day::parse(text.as_bytes()).unwrap().0
    }

    #[test]
    fn buckets_are_called_as_people_call_them() {
        let noon = day("2026-11-20") * 24 + 12;
        assert_eq!(Step::Hour.name(noon), "20 Nov 2026, 12:00");
        assert_eq!(Step::Day.name(day("2024-02-29")), "29 Feb 2024");
        assert_eq!(Step::Month.name(Step::month_of(Day(day("2026-11-20")))), "November 2026");
        assert_eq!(Step::Month.name(0), "January 1970");
        assert_eq!(Step::Day.name(-1), "31 Dec 1969");
    }

    #[test]
    fn range_names_the_year_once() {
        assert_eq!(Step::Day.range(day("2026-10-22")..=day("2026-11-20")), "22 Oct to 20 Nov 2026");
        assert_eq!(Step::Day.range(day("2025-12-30")..=day("2026-01-02")), "30 Dec 2025 to 2 Jan 2026");
        assert_eq!(Step::Month.range(0..=3), "January to April 1970");
        assert_eq!(Step::Hour.range(0..=25), "1 Jan, 00:00 to 2 Jan 1970, 01:00");
        assert_eq!(Step::Day.range(5..=5), "6 Jan 1970");
    }

    #[test]
    fn texts_under_the_axis_are_short() {
        assert_eq!([0, 1, 23, 24].map(|hour| Step::Hour.tick(hour)), ["1 Jan", "01:00", "23:00", "2 Jan"]);
        assert_eq!([0, 1, 12].map(|month| Step::Month.tick(month)), ["1970", "Feb", "1971"]);
        assert_eq!(Step::Day.tick(day("2026-11-20")), "20 Nov");
    }

    #[test]
    fn buckets_at_the_end_of_the_numbers_have_a_name() {
        for step in [Step::Hour, Step::Day, Step::Month] {
            for bucket in [i32::MIN, i32::MAX] {
                assert!(!step.name(bucket).is_empty() && !step.tick(bucket).is_empty());
            }
        }
    }
}
