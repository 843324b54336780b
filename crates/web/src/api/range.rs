//! The buckets of a series: `from`, `to` and `step` of a request.

use super::answer::text;
use crate::{error::Problem, query::Query};
use tallymark_core::{Buckets, Day, Minute, Now, Step};

/// The maximum number of buckets in one response.
const MOST: i32 = 5000;

/// A time as it was written: a minute, or a whole day.
#[derive(Clone, Copy)]
enum WrittenTime {
    Minute(Minute),
    Day(Day),
}

impl WrittenTime {
    fn parse(name: &str, text: &str) -> Result<WrittenTime, Problem> {
        let day = Day::parse(text.as_bytes()).map(WrittenTime::Day);
        day.or_else(|| Now::parse_rfc3339(text).map(|now| WrittenTime::Minute(now.minute()))).ok_or_else(
            || {
                Problem::bad_request(format!(
                    "{name} is a date (2026-11-20) or a time (2026-11-20T12:00:00Z) from 1970 on"
                ))
            },
        )
    }

    fn first(self) -> Minute {
        match self {
            WrittenTime::Minute(minute) => minute,
            WrittenTime::Day(day) => day.first_minute(),
        }
    }

    fn last(self) -> Minute {
        match self {
            WrittenTime::Minute(minute) => minute,
            WrittenTime::Day(day) => Minute(Day(day.0 + 1).first_minute().0 - 1),
        }
    }
}

/// Reads a request. Without `to` the series ends now.
pub(super) fn read(query: Query<'_>, now: Now) -> Result<Buckets, Problem> {
    let word = text(query, "step")?;
    let step = word.as_deref().map_or(Some(Step::Day), Step::read);
    let step = step.ok_or_else(|| Problem::bad_request("step is minute, hour, day or month"))?;
    let point = |name| text(query, name)?.map(|text| WrittenTime::parse(name, &text)).transpose();
    let (from, to) = (point("from")?, point("to")?);
    let last = step.bucket(to.map_or(now.minute(), WrittenTime::last));
    let first = match from {
        Some(from) => step.bucket(from.first()),
        None => (last - usual(step) + 1).max(step.bucket(Minute(0))),
    };
    if first > last {
        return Err(Problem::bad_request("from lies behind to"));
    }
    let points = last - first + 1;
    if points > MOST {
        let step = step.word();
        return Err(Problem::bad_request(format!(
            "that is {points} points with step={step}; at most {MOST}: ask for less at a time, or with a wider step"
        )));
    }
    Ok(Buckets { step, first, last })
}

/// How many buckets are shown without `from`.
fn usual(step: Step) -> i32 {
    match step {
        Step::Minute => 60,
        Step::Hour => 24,
        Step::Day => 30,
        Step::Month => 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<(String, String), String> {
        let uri = format!("/x?{query}").parse().unwrap();
        let now = Now { unix_ms: 1_795_176_030_000 };
        let Buckets { step, first, last } =
            super::read(Query::of(&uri), now).map_err(|problem| problem.what)?;
        Ok((step.label(first), step.label(last)))
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
}
