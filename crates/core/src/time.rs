//! Points in time: the present, when a hit happened, and the timestamps of log lines.
//!
//! The [calendar](crate::calendar) has the days and their arithmetic. Timestamps are parsed here rather than by chrono,
//! because every line has one.

use crate::calendar::{Day, Minute, clamp};

/// When a hit happened, as precisely as its line says: the minute, or only the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum When {
    /// Counts in the total, the day, the hour and the minute.
    Minute(Minute),
    /// Counts in the total and the day.
    Day(Day),
}

/// The present, read from the clock once by the caller of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970-01-01T00:00Z.
    pub unix_ms: i64,
}

impl When {
    /// The day, which is always known.
    #[must_use]
    pub fn day(self) -> Day {
        match self {
            When::Minute(minute) => minute.day(),
            When::Day(day) => day,
        }
    }
}

impl Now {
    /// Reads a point in time as RFC 3339 writes it: `2026-11-20T03:59:49Z`, with any fraction of a second and any
    /// offset. Only times since 1970.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Now> {
        let unix_ms = parse_iso8601(text.as_bytes())?;
        (unix_ms >= 0).then_some(Now { unix_ms })
    }

    /// Writes it as RFC 3339 does, in whole seconds: `2026-11-20T03:59:49Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let time = chrono::DateTime::from_timestamp_millis(self.unix_ms).unwrap_or_default();
        time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The current minute.
    #[must_use]
    pub fn minute(self) -> Minute {
        Minute(clamp(self.unix_ms.div_euclid(60_000)))
    }

    /// The current day.
    #[must_use]
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

pub(crate) fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |n, &b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
