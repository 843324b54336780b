//! Days, minutes and the arithmetic between them. All time is UTC, and "now" is always an argument.

use std::fmt;

/// Minutes in a day.
const DAY_MINUTES: i32 = 1440;

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i32);

/// A UTC minute, counted from 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Minute(pub i32);

/// A month of the UTC calendar, counted from January 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month(pub i32);

/// When a hit happened, as exactly as its line said: to the minute, or only the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum When {
    /// Counts in the total, the day, the hour and the minute.
    Minute(Minute),
    /// Counts in the total and the day.
    Day(Day),
}

/// The present, read from the clock once by whoever calls this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970-01-01T00:00Z.
    pub unix_ms: i64,
}

impl Day {
    /// The day of a date, or `None` if the calendar has no such day. Years 1970 to 2199 only: anything else in a log
    /// line is a broken clock, not a date.
    pub fn from_date(year: i32, month: u32, day: u32) -> Option<Day> {
        if !(1970..=2199).contains(&year)
            || !(1..=12).contains(&month)
            || day < 1
            || day > month_days(year, month)
        {
            return None;
        }
        // Howard Hinnant's days_from_civil, for years whose era arithmetic stays positive.
        let y = if month <= 2 { year - 1 } else { year };
        let (era, yoe) = (y / 400, y % 400);
        let shifted = (month as i32 + 9) % 12;
        let doy = (153 * shifted + 2) / 5 + day as i32 - 1;
        Some(Day(era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468))
    }

    /// Reads exactly `YYYY-MM-DD`.
    pub fn parse(text: &[u8]) -> Option<Day> {
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
        let year = number(&[y1, y2, y3, y4])?;
        Day::from_date(i32::try_from(year).ok()?, number(&[m1, m2])?, number(&[d1, d2])?)
    }

    /// Year, month 1 to 12 and day of the month.
    pub fn date(self) -> (i32, u32, u32) {
        let z = self.0 + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        (era * 400 + yoe + i32::from(month <= 2), month as u32, day as u32)
    }

    /// The month it lies in.
    pub fn month(self) -> Month {
        let (year, month, _) = self.date();
        Month((year - 1970) * 12 + month as i32 - 1)
    }

    /// The first minute of the day.
    pub fn first_minute(self) -> Minute {
        Minute(self.0.saturating_mul(DAY_MINUTES))
    }
}

impl Month {
    /// The month 1 to 12 of a year; `None` for any other.
    pub fn of(year: i32, month: u32) -> Option<Month> {
        let month = i32::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
        year.checked_sub(1970)?.checked_mul(12)?.checked_add(month - 1).map(Month)
    }

    /// Year, and month 1 to 12.
    pub fn date(self) -> (i32, u32) {
        (1970 + self.0.div_euclid(12), self.0.rem_euclid(12) as u32 + 1)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{:02}:{:02}:00Z", self.day(), self.hour_of_day(), self.minute_of_hour())
    }
}

impl Minute {
    /// The day this minute lies in.
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(DAY_MINUTES))
    }

    /// Hours since 1970-01-01T00Z.
    pub fn hour(self) -> i32 {
        self.0.div_euclid(60)
    }

    /// The hour of the day, 0 to 23.
    pub fn hour_of_day(self) -> u32 {
        (self.0.rem_euclid(DAY_MINUTES) / 60) as u32
    }

    /// The minute of the hour, 0 to 59.
    pub fn minute_of_hour(self) -> u32 {
        self.0.rem_euclid(60) as u32
    }
}

impl When {
    /// The day, which is always known.
    pub fn day(self) -> Day {
        match self {
            When::Minute(minute) => minute.day(),
            When::Day(day) => day,
        }
    }
}

impl Now {
    /// Reads a point in time as RFC 3339 writes it: `2026-11-20T03:59:49Z`, with any fraction of a second and any offset.
    /// From 1970 on only.
    pub fn parse_rfc3339(text: &str) -> Option<Now> {
        let unix_ms = parse_iso8601(text.as_bytes())?;
        (unix_ms >= 0).then_some(Now { unix_ms })
    }

    /// The current minute.
    pub fn minute(self) -> Minute {
        Minute(clamp(self.unix_ms.div_euclid(60_000)))
    }

    /// The current day.
    pub fn day(self) -> Day {
        Day(clamp(self.unix_ms.div_euclid(86_400_000)))
    }
}

/// Milliseconds since 1970 from a time column: nginx's `$msec` (`1763610000.123`) or `$time_iso8601`
/// (`2026-11-20T03:59:49+00:00`, also `Z`, also with a fraction).
pub(crate) fn parse_time(text: &[u8]) -> Option<i64> {
    if text.get(4) == Some(&b'-') { parse_iso8601(text) } else { parse_msec(text) }
}

fn parse_msec(text: &[u8]) -> Option<i64> {
    let (seconds, fraction) = match text.iter().position(|&b| b == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &b"000"[..]),
    };
    if !(1..=11).contains(&seconds.len()) || fraction.len() != 3 {
        return None;
    }
    let seconds =
        seconds.iter().try_fold(0i64, |n, &b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))?;
    Some(seconds * 1000 + i64::from(number(fraction)?))
}

fn parse_iso8601(text: &[u8]) -> Option<i64> {
    let (head, rest) = text.split_at_checked(19)?;
    let day = Day::parse(&head[..10])?;
    let &[b'T' | b't' | b' ', h1, h2, b':', m1, m2, b':', s1, s2] = &head[10..] else { return None };
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    // A leap second is second 60 of its minute; it counts in that minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone = match rest.first() {
        Some(b'.') if rest.get(1).is_some_and(u8::is_ascii_digit) => {
            &rest[1 + rest[1..].iter().take_while(|b| b.is_ascii_digit()).count()..]
        }
        _ => rest,
    };
    let offset = match *zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let minutes = i64::from(hours) * 60 + i64::from(minutes);
            if sign == b'+' { minutes } else { -minutes }
        }
        _ => return None,
    };
    let minutes = i64::from(day.0) * 1440 + i64::from(hour) * 60 + i64::from(minute) - offset;
    Some(minutes * 60_000 + i64::from(second.min(59)) * 1000)
}

/// Milliseconds since 1970 from the time of an access log: exactly `20/Nov/2026:03:59:49 +0000`.
pub(crate) fn parse_clf_time(text: &[u8]) -> Option<i64> {
    let &[d1, d2, b'/', n1, n2, n3, b'/', y1, y2, y3, y4, b':', ref clock @ .., b' ', sign, z1, z2, z3, z4] =
        text
    else {
        return None;
    };
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = clock else { return None };
    let month = b"JanFebMarAprMayJunJulAugSepOctNovDec".chunks_exact(3).position(|m| m == [n1, n2, n3])?;
    let year = i32::try_from(number(&[y1, y2, y3, y4])?).ok()?;
    let day = Day::from_date(year, month as u32 + 1, number(&[d1, d2])?)?;
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    let (zone_hours, zone_minutes) = (number(&[z1, z2])?, number(&[z3, z4])?);
    // A leap second is second 60 of its minute; zones reach from -12:00 to +14:00.
    if hour > 23 || minute > 59 || second > 60 || zone_hours > 14 || zone_minutes > 59 {
        return None;
    }
    let zone = i64::from(zone_hours) * 60 + i64::from(zone_minutes);
    let zone = match sign {
        b'+' => zone,
        b'-' => -zone,
        _ => return None,
    };
    let minutes = i64::from(day.0) * 1440 + i64::from(hour) * 60 + i64::from(minute) - zone;
    Some(minutes * 60_000 + i64::from(second.min(59)) * 1000)
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |n, &b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
}

fn month_days(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn clamp(n: i64) -> i32 {
    n.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, NaiveDate};

    #[test]
    fn access_log_times_are_read_exactly() {
        let at = 1_795_147_189_000;
        assert_eq!(parse_clf_time(b"20/Nov/2026:03:59:49 +0000"), Some(at));
        assert_eq!(parse_clf_time(b"20/Nov/2026:05:59:49 +0200"), Some(at));
        assert_eq!(parse_clf_time(b"19/Nov/2026:22:29:49 -0530"), Some(at));
        for text in [
            "20/nov/2026:03:59:49 +0000",
            "31/Nov/2026:03:59:49 +0000",
            "20/Nov/2026:24:59:49 +0000",
            "20/Nov/2026:03:60:49 +0000",
            "20/Nov/2026:03:59:61 +0000",
            "20/Nov/2026:03:59:49 0000",
            "20/Nov/2026:03:59:49 +1500",
            "20/Nov/2026:03:59:49",
            "20/Nov/2026:03:59:4x +0000",
            "",
        ] {
            assert_eq!(parse_clf_time(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_230_years_agrees_with_chrono() {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        let mut date = epoch;
        while date.year() < 2200 {
            let day = Day::from_date(date.year(), date.month(), date.day()).unwrap();
            assert_eq!(i64::from(day.0), (date - epoch).num_days());
            assert_eq!(day.date(), (date.year(), date.month(), date.day()));
            assert_eq!(Day::parse(date.to_string().as_bytes()), Some(day));
            assert_eq!(day.to_string(), date.to_string());
            date = date.succ_opt().unwrap();
        }
    }

    #[test]
    fn what_the_calendar_lacks_is_no_date() {
        for text in [
            "2026-02-30",
            "0000-00-00",
            "9999-12-31",
            "26-1-1",
            "2026-11-20T00:00:00Z",
            "-026-01-01",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "2026-1-01",
            "",
            "-",
            "2026-11-2\u{0661}",
            "2100-02-29",
            "2026/11/20",
        ] {
            assert_eq!(Day::parse(text.as_bytes()), None, "{text:?}");
        }
        assert!(Day::parse(b"2024-02-29").is_some());
        assert!(Day::parse(b"2000-02-29").is_some());
    }

    #[test]
    fn days_before_1970_keep_their_date() {
        assert_eq!(Day(-1).date(), (1969, 12, 31));
        assert_eq!(Minute(-1).day(), Day(-1));
        assert_eq!(Minute(-1).hour_of_day(), 23);
        assert_eq!(Minute(-1).minute_of_hour(), 59);
    }

    #[test]
    fn both_time_formats_of_nginx_are_read() {
        let at = 1_795_147_189_000;
        assert_eq!(parse_time(b"2026-11-20T03:59:49+00:00"), Some(at));
        assert_eq!(parse_time(b"2026-11-20T05:59:49+02:00"), Some(at));
        assert_eq!(parse_time(b"2026-11-19T22:29:49-05:30"), Some(at));
        assert_eq!(parse_time(b"2026-11-20T03:59:49.123456Z"), Some(at));
        assert_eq!(parse_time(b"1795147189.000"), Some(at));
        assert_eq!(parse_time(b"1795147189"), Some(at));
    }

    #[test]
    fn points_in_time_are_read_from_1970_on() {
        assert_eq!(Now::parse_rfc3339("1970-01-01T00:00:00Z"), Some(Now { unix_ms: 0 }));
        assert_eq!(Now::parse_rfc3339("1970-01-01T00:00:00+00:01"), None);
        assert_eq!(Now::parse_rfc3339("2026-11-20T00:00:00+99:00"), None);
        assert_eq!(Now::parse_rfc3339("1795147189"), None);
    }

    #[test]
    fn what_is_neither_time_format_is_none() {
        for text in [
            "",
            "-",
            "1795147189.1",
            "1795147189.1234",
            "1e9",
            "-5.000",
            "999999999999.000",
            "2026-11-20",
            "2026-11-20T03:59:49",
            "2026-11-20T24:00:00Z",
            "2026-11-20T03:60:00Z",
            "2026-02-30T00:00:00Z",
            "2026-11-20T03:59:49+0000",
            "20/Nov/2026:03:59:49 +0000",
            "2026-11-20T03:59:49é",
        ] {
            assert_eq!(parse_time(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        for number in (-40_000..90_000).step_by(13) {
            let (day, date) = (Day(number), NaiveDate::from_epoch_days(number).unwrap());
            assert_eq!(day.month().date(), (date.year(), date.month()));
            assert_eq!(Month::of(date.year(), date.month()), Some(day.month()));
        }
        assert_eq!((Month::of(2026, 0), Month::of(2026, 13), Month::of(i32::MAX, 1)), (None, None, None));
    }
}
