//! How a count compares with the period before. Only finished buckets are compared, with as many of the period before:
//! a morning compared with a whole day would always be a decline.

use crate::pages::language::{fill, tr};
use minijinja::{Value, context};
use std::ops::Range;
use tallymark_core::{Month, Now, Period, Step};

/// Above this, a percentage says no more than "many times".
const MOST: i128 = 999;
/// Below this, a percentage of the period before is chance.
const LEAST: i64 = 10;

/// What is compared: buckets of now, and those before.
pub(super) struct Compared {
    now: Range<i32>,
    before: Range<i32>,
    /// For people: the period before.
    with: &'static str,
}

impl Compared {
    /// For a month, a week (days), a day (hours) and an hour (minutes). Nothing comes before all time.
    pub(super) fn of(period: Period, now: Now) -> Option<Compared> {
        let today = now.day();
        let (now, back, with) = match period {
            Period::Month => {
                let (month, first) = (today.month(), today.month().first_day().0);
                let before = Month(month.0 - 1).days();
                // A short month has no day for the last ones of a long month.
                let end = today.0.min(first + before.len() as i32);
                (first..end, before.len() as i32, "the same days of last month")
            }
            Period::Week => (period.buckets(now)?.first..today.0, 7, "the same days of last week"),
            Period::Day => {
                (today.hours().start..Step::Hour.bucket(now.minute()), 24, "the same hours of yesterday")
            }
            // A part of a minute in an hour is a negligible error compared with the alternative.
            Period::Hour => (now.minute().0 - 59..now.minute().0 + 1, 60, "the 60 minutes before"),
            Period::All | Period::Minute | Period::ClockHour | Period::ClockMinute => return None,
        };
        let before = now.start - back..now.end - back;
        Some(Compared { now, before, with })
    }

    /// The first bucket that is needed.
    pub(super) fn first(&self) -> i32 {
        self.before.start
    }

    /// The change, unless there is nothing to compare.
    pub(super) fn change(&self, counts: &[(i32, i64)]) -> Option<Value> {
        let sum = |range: &Range<i32>| super::totals::within(counts, range.start, range.end);
        change(sum(&self.now), sum(&self.before), self.with)
    }
}

/// What the page shows of a change: a text with an arrow, and a sentence for a screen reader.
fn change(now: i64, before: i64, with: &str) -> Option<Value> {
    let with = tr(with);
    if (before > 0 && before < LEAST) || (before <= 0 && now < LEAST) {
        return None;
    }
    if before <= 0 {
        return Some(
            context! { way => "up", shown => tr("new"), said => fill("new: there were none in {}", &[with]) },
        );
    }
    let difference = i128::from(now) - i128::from(before);
    let percent = (difference.abs() * 200 + i128::from(before)) / (i128::from(before) * 2);
    let number = if percent > MOST {
        fill("over {}", &[&format!("{MOST}{}", tr(" %"))])
    } else {
        format!("{percent}{}", tr(" %"))
    };
    let (way, arrow, said) = match difference {
        _ if percent == 0 => ("same", "=", fill("as many as in {}", &[with])),
        1.. => ("up", "▲", fill("{} more than in {}", &[&number, with])),
        _ => ("down", "▼", fill("{} less than in {}", &[&number, with])),
    };
    let shown = if percent == 0 { arrow.to_owned() } else { format!("{arrow} {number}") };
    Some(context! { way, shown, said })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::Day;

    fn said(now: i64, before: i64) -> String {
        change(now, before, "x").map_or_else(String::new, |it| it.get_attr("said").unwrap().to_string())
    }

    #[test]
    fn nothing_is_divided_by_nothing_and_nothing_overflows() {
        for (now, before, expect) in [
            (0, 0, ""),
            (9, 0, ""),
            (10, 0, "new: there were none in x"),
            (0, 9, ""),
            (5000, 9, ""),
            (0, 10, "100 % less than in x"),
            (112, 100, "12 % more than in x"),
            (97, 100, "3 % less than in x"),
            (1001, 1000, "as many as in x"),
            (i64::MAX, 10, "over 999 % more than in x"),
            (1, i64::MAX, "100 % less than in x"),
            (-3, -2, ""),
        ] {
            assert_eq!(said(now, before), expect, "{now} {before}");
        }
    }

    #[test]
    fn only_finished_buckets_are_compared_with_as_many_before() {
        let compared = |period, now: &str| {
            let now = Now::parse_rfc3339(now).unwrap();
            Compared::of(period, now).map(|it| (it.now, it.before))
        };
        let day = |text: &str| Day::parse(text.as_bytes()).unwrap().0;
        assert_eq!(
            compared(Period::Month, "2026-03-31T12:00:00Z"),
            Some((day("2026-03-01")..day("2026-03-29"), day("2026-02-01")..day("2026-03-01")))
        );
        assert_eq!(
            compared(Period::Week, "2026-11-20T12:00:00Z"),
            Some((day("2026-11-15")..day("2026-11-20"), day("2026-11-08")..day("2026-11-13")))
        );
        let (now, before) = compared(Period::Day, "2026-11-20T00:30:00Z").unwrap();
        assert!(now.is_empty() && before.is_empty());
        assert_eq!(compared(Period::All, "2026-11-20T00:30:00Z"), None);
    }
}
