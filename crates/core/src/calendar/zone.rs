//! Zones that are whole hours from UTC.

use super::{Day, Minute};
use std::{fmt, ops::Range};

/// How many hours a zone is ahead of UTC.
///
/// The store counts by the hour, so days cannot begin in the middle of one. A zone with daylight saving time would have
/// days of 23 and 25 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Zone {
    hours: i8,
}

/// The text is not a zone in which days can be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAZone(String);

impl fmt::Display for NotAZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        write!(
            f,
            "{text:?} is not UTC or a whole number of hours from it, like +02:00 (-12:00 to +14:00): counts are kept by \
             hours, and the name of a place means two zones a year"
        )
    }
}

impl std::error::Error for NotAZone {}

impl Zone {
    /// Reads `UTC`, `Z` or `+02:00`.
    ///
    /// # Errors
    ///
    /// The text is neither.
    pub fn parse(text: &str) -> Result<Zone, NotAZone> {
        let wrong = || NotAZone(text.to_owned());
        if matches!(text, "UTC" | "Z") {
            return Ok(Zone::default());
        }
        let &[sign @ (b'+' | b'-'), h1 @ b'0'..=b'9', h2 @ b'0'..=b'9', b':', b'0', b'0'] = text.as_bytes()
        else {
            return Err(wrong());
        };
        let hours = (h1 - b'0') as i8 * 10 + (h2 - b'0') as i8;
        let hours = if sign == b'+' { hours } else { -hours };
        if (-12..=14).contains(&hours) { Ok(Zone { hours }) } else { Err(wrong()) }
    }

    /// The local day that contains a minute.
    #[must_use]
    pub fn day(self, minute: Minute) -> Day {
        Day((minute.hour().0 + i32::from(self.hours)).div_euclid(24))
    }

    /// The UTC hours that make up some of its days.
    #[must_use]
    pub fn hours(self, days: Range<i32>) -> Range<i32> {
        let utc = |day: i32| day * 24 - i32::from(self.hours);
        utc(days.start)..utc(days.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_whole_hours_from_utc() {
        for (text, hours) in
            [("UTC", 0), ("Z", 0), ("+00:00", 0), ("+02:00", 2), ("-12:00", -12), ("+14:00", 14)]
        {
            assert_eq!(Zone::parse(text), Ok(Zone { hours }), "{text}");
        }
        for text in [
            "",
            "+05:30",
            "Europe/Berlin",
            "+2",
            "02:00",
            "+15:00",
            "-13:00",
            "+02:00 ",
            "+99:00",
            "utc",
            "+0é:00",
        ] {
            let why = Zone::parse(text).unwrap_err().to_string();
            assert!(why.contains(&format!("{text:?}")) && why.contains("+02:00"), "{why}");
        }
    }

    #[test]
    fn days_begin_where_the_zone_is() {
        let (new_year, east, west) = (Minute(0), Zone { hours: 14 }, Zone { hours: -1 });
        assert_eq!([east, west].map(|zone| zone.day(new_year)), [Day(0), Day(-1)]);
        assert_eq!([east, west].map(|zone| zone.hours(0..1)), [-14..10, 1..25]);
    }
}
