//! The calendar: minutes, hours, days and months as numbers counted from 1970, and the rules between them.
//!
//! Everything is UTC, except what [`Zone`] shifts. This crate has no clock: "now" is always an argument. The arithmetic
//! is our own because every log line needs a date; the tests compare it with chrono, which also formats dates for
//! people. `core::time` reads the timestamps of lines.

mod period;
mod step;
#[cfg(test)]
mod tests;
mod zone;

pub use chrono::Weekday;
pub use period::{Period, Span, Window};
pub use step::{Buckets, Step, by_month};
pub use zone::{NotAZone, Zone};

use crate::time::number;
use std::{fmt, ops::Range};

/// Minutes in a day.
const DAY_MINUTES: i32 = 1440;

/// A UTC minute, counted from 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Minute(pub i32);

/// A UTC hour, counted from 1970-01-01T00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hour(pub i32);

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i32);

/// A month of the UTC calendar, counted from January 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month(pub i32);

impl Minute {
    /// The hour that contains it.
    #[must_use]
    pub fn hour(self) -> Hour {
        Hour(self.0.div_euclid(60))
    }

    /// The day that contains it.
    #[must_use]
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(DAY_MINUTES))
    }

    /// The minute of the hour, 0 to 59.
    #[must_use]
    pub fn of_hour(self) -> u32 {
        self.0.rem_euclid(60) as u32
    }

    /// `2026-11-20 12:07`, for people.
    #[must_use]
    pub fn readable(self) -> String {
        self.format("%Y-%m-%d %H:%M")
    }

    /// `1 Jun 2026 · 05:21 UTC`
    #[must_use]
    pub fn spelled(self) -> String {
        self.format("%-d %b %Y · %H:%M UTC")
    }

    /// `01 Jun 2026 · 05:21 UTC`: each is as long as any other.
    #[must_use]
    pub fn padded(self) -> String {
        self.format("%d %b %Y · %H:%M UTC")
    }

    /// Formats with chrono's format language.
    fn format(self, format: &str) -> String {
        let time = chrono::DateTime::from_timestamp(i64::from(self.0) * 60, 0).unwrap_or_default();
        time.format(format).to_string()
    }
}

impl Hour {
    /// The hour 0 to 23 of a day.
    #[must_use]
    pub fn at(day: Day, of_day: u32) -> Hour {
        Hour(day.hours().start.saturating_add_unsigned(of_day))
    }

    /// The day that contains it.
    #[must_use]
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(24))
    }

    /// The hour of the day, 0 to 23.
    #[must_use]
    pub fn of_day(self) -> u32 {
        self.0.rem_euclid(24) as u32
    }

    /// Its first minute.
    #[must_use]
    pub fn first_minute(self) -> Minute {
        Minute(self.0.saturating_mul(60))
    }

    /// The numbers of its minutes.
    #[must_use]
    pub fn minutes(self) -> Range<i32> {
        self.first_minute().0..self.first_minute().0.saturating_add(60)
    }
}

impl Day {
    /// The day of a date, or `None` if the calendar has no such day. Years 1970 to 2199 only: anything else in a log
    /// line comes from a broken clock.
    #[must_use]
    pub fn from_date(year: i32, month: u32, day: u32) -> Option<Day> {
        let valid = (1970..=2199).contains(&year)
            && (1..=12).contains(&month)
            && (1..=month_days(year, month)).contains(&day);
        valid.then(|| civil(year.into(), month.into(), day.into()))
    }

    /// Reads exactly `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Day> {
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
        let year = number(&[y1, y2, y3, y4])?;
        Day::from_date(i32::try_from(year).ok()?, number(&[m1, m2])?, number(&[d1, d2])?)
    }

    /// Year, month 1 to 12 and day of the month.
    #[must_use]
    pub fn date(self) -> (i32, u32, u32) {
        // Howard Hinnant's civil_from_days.
        let z = i64::from(self.0) + 719_468;
        let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        ((era * 400 + yoe + i64::from(month <= 2)) as i32, month as u32, day as u32)
    }

    /// The month that contains it.
    #[must_use]
    pub fn month(self) -> Month {
        let (year, month, _) = self.date();
        Month((year - 1970) * 12 + month as i32 - 1)
    }

    /// The first day of its week, where weeks begin on `first`.
    #[must_use]
    pub fn week_begin(self, first: Weekday) -> Day {
        // 1970-01-01 was a Thursday.
        let since = (i64::from(self.0) + 3 - i64::from(first.num_days_from_monday())).rem_euclid(7);
        Day(self.0.saturating_sub(since as i32))
    }

    /// Its first minute.
    #[must_use]
    pub fn first_minute(self) -> Minute {
        Minute(self.0.saturating_mul(DAY_MINUTES))
    }

    /// The numbers of its hours.
    #[must_use]
    pub fn hours(self) -> Range<i32> {
        let first = self.0.saturating_mul(24);
        first..first.saturating_add(24)
    }
}

impl Month {
    /// The month 1 to 12 of a year; `None` for any other.
    pub fn of(year: i32, month: u32) -> Option<Month> {
        let month = i32::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
        year.checked_sub(1970)?.checked_mul(12)?.checked_add(month - 1).map(Month)
    }

    /// Year, and month 1 to 12.
    #[must_use]
    pub fn date(self) -> (i32, u32) {
        (1970 + self.0.div_euclid(12), self.0.rem_euclid(12) as u32 + 1)
    }

    /// Its first day.
    #[must_use]
    pub fn first_day(self) -> Day {
        let (year, month) = self.date();
        civil(year.into(), month.into(), 1)
    }

    /// The numbers of its days.
    #[must_use]
    pub fn days(self) -> Range<i32> {
        self.first_day().0..Month(self.0.saturating_add(1)).first_day().0
    }

    /// The numbers of the months of a year.
    #[must_use]
    pub fn of_year(year: i32) -> Range<i32> {
        let first = year.saturating_sub(1970).saturating_mul(12);
        first..first.saturating_add(12)
    }
}

/// Howard Hinnant's days_from_civil.
fn civil(year: i64, month: i64, day: i64) -> Day {
    let year = year - i64::from(month <= 2);
    let (era, yoe) = (year.div_euclid(400), year.rem_euclid(400));
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Day(clamp(era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468))
}

fn month_days(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The nearest number in the range of a unit.
pub(crate) fn clamp(n: i64) -> i32 {
    n.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{:02}:{:02}:00Z", self.day(), self.hour().of_day(), self.of_hour())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = self.date();
        write!(f, "{year:04}-{month:02}")
    }
}
