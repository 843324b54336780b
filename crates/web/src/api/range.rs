//! Which buckets a series has: `from`, `to` and `step` of a request.

use super::{Problem, text, windows::time};
use crate::query::Query;
use tallymark_core::{Day, Minute, Now};

/// How many buckets one answer has at the most.
const MOST: i32 = 5000;

/// The width of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Minute,
    Hour,
    Day,
    Month,
}

/// Buckets from `first` to `last`, both included, counted from 1970; months from the year 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) width: Width,
    pub(super) first: i32,
    pub(super) last: i32,
}

/// A time as it was written: a minute, or a whole day.
#[derive(Clone, Copy)]
enum Point {
    Minute(Minute),
    Day(Day),
}

impl Width {
    fn parse(word: &str) -> Option<Width> {
        Some(match word {
            "minute" => Width::Minute,
            "hour" => Width::Hour,
            "day" => Width::Day,
            "month" => Width::Month,
            _ => return None,
        })
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Width::Minute => "minute",
            Width::Hour => "hour",
            Width::Day => "day",
            Width::Month => "month",
        }
    }

    /// How many buckets are shown when nobody says from when.
    fn usual(self) -> i32 {
        match self {
            Width::Minute => 60,
            Width::Hour => 24,
            Width::Day => 30,
            Width::Month => 12,
        }
    }

    /// The bucket of a minute.
    fn bucket(self, minute: Minute) -> i32 {
        match self {
            Width::Minute => minute.0,
            Width::Hour => minute.hour(),
            Width::Day => minute.day().0,
            Width::Month => month(minute.day()),
        }
    }

    /// A bucket as text: RFC 3339, or as much of a date as it is wide.
    pub(super) fn label(self, bucket: i32) -> String {
        match self {
            Width::Minute => time(Minute(bucket)),
            Width::Hour => time(Minute(bucket * 60)),
            Width::Day => Day(bucket).to_string(),
            Width::Month => format!("{:04}-{:02}", bucket / 12, bucket % 12 + 1),
        }
    }
}

/// The month of a day, counted from the year 0.
pub(super) fn month(day: Day) -> i32 {
    let (year, month, _) = day.date();
    year * 12 + month as i32 - 1
}

/// The first day of a month; that of 2200 is the end of time.
pub(super) fn first_day(month: i32) -> Day {
    let end = Day::from_date(2199, 12, 31).map_or(Day(i32::MAX), |last| Day(last.0 + 1));
    Day::from_date(month / 12, month as u32 % 12 + 1, 1).unwrap_or(end)
}

impl Point {
    fn parse(name: &str, text: &str) -> Result<Point, Problem> {
        let day = Day::parse(text.as_bytes()).map(Point::Day);
        day.or_else(|| Now::parse_rfc3339(text).map(|now| Point::Minute(now.minute()))).ok_or_else(|| {
            Problem::mistake(format!(
                "{name} is a date (2026-11-20) or a time (2026-11-20T12:00:00Z) from 1970 on"
            ))
        })
    }

    fn first(self) -> Minute {
        match self {
            Point::Minute(minute) => minute,
            Point::Day(day) => day.first_minute(),
        }
    }

    fn last(self) -> Minute {
        match self {
            Point::Minute(minute) => minute,
            Point::Day(day) => Minute(day.first_minute().0 + 1439),
        }
    }
}

impl Range {
    /// Reads a request. Without `to` the series ends now.
    pub(super) fn read(query: Query<'_>, now: Now) -> Result<Range, Problem> {
        let word = text(query, "step")?;
        let width = word.as_deref().map_or(Some(Width::Day), Width::parse);
        let width = width.ok_or_else(|| Problem::mistake("step is minute, hour, day or month"))?;
        let point = |name| text(query, name)?.map(|text| Point::parse(name, &text)).transpose();
        let (from, to) = (point("from")?, point("to")?);
        let last = width.bucket(to.map_or(now.minute(), Point::last));
        let earliest = width.bucket(Minute(0));
        let first = match from {
            Some(from) => width.bucket(from.first()),
            None => (last - width.usual() + 1).max(earliest),
        };
        if first > last {
            return Err(Problem::mistake("from lies behind to"));
        }
        let points = last - first + 1;
        if points > MOST {
            let step = width.word();
            return Err(Problem::mistake(format!(
                "that is {points} points with step={step}; at most {MOST}: ask for less at a time, or with a wider step"
            )));
        }
        Ok(Range { width, first, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<(String, String), String> {
        let uri = format!("/x?{query}").parse().unwrap();
        let now = Now { unix_ms: 1_795_176_030_000 };
        let range = Range::read(Query::of(&uri), now).map_err(|problem| problem.error)?;
        Ok((range.width.label(range.first), range.width.label(range.last)))
    }

    #[test]
    fn both_ends_are_the_buckets_that_hold_them() {
        for (query, first, last) in [
            ("", "2026-10-22", "2026-11-20"),
            ("step=minute", "2026-11-20T11:01:00Z", "2026-11-20T12:00:00Z"),
            ("step=hour", "2026-11-19T13:00:00Z", "2026-11-20T12:00:00Z"),
            ("step=month", "2025-12", "2026-11"),
            ("step=hour&from=2026-11-01&to=2026-11-01", "2026-11-01T00:00:00Z", "2026-11-01T23:00:00Z"),
            ("from=2026-11-01T23:59:59Z&to=2026-11-02T00:00:00%2b01:00", "2026-11-01", "2026-11-01"),
            ("from=1970-01-01&to=1970-01-01&step=month", "1970-01", "1970-01"),
            ("to=1970-01-03", "1970-01-01", "1970-01-03"),
            ("step=month&from=1970-01-01&to=2199-12-31", "1970-01", "2199-12"),
        ] {
            assert_eq!(read(query), Ok((first.to_owned(), last.to_owned())), "{query}");
        }
    }

    #[test]
    fn mistakes_say_what_is_wrong() {
        for (query, part) in [
            ("step=week", "step is"),
            ("from=yesterday", "from is a date"),
            ("to=", "to is a date"),
            ("from=1969-12-31", "from is a date"),
            ("to=%ff", "not UTF-8"),
            ("from=2026-11-20&to=2026-11-19", "behind"),
            ("step=minute&from=2026-11-01", "at most 5000"),
            ("from=1970-01-01&to=2199-12-31", "84006 points"),
        ] {
            assert!(read(query).is_err_and(|why| why.contains(part)), "{query}");
        }
    }

    #[test]
    fn months_begin_with_their_first_day() {
        assert_eq!(first_day(month(Day(20_000))).date().2, 1);
        assert_eq!(first_day(2200 * 12), Day(84_006));
    }
}
