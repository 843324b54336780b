//! Where a day ends: a place of the IANA time zone database, which is compiled in. Only streaks need one; counts have days
//! of whole hours (`core::calendar::Zone`).

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use std::{fmt, str::FromStr};
use tallymark_core::Day;

const DAY: i64 = 86_400;

/// A place such as `Europe/Berlin`, or `UTC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayZone(Tz);

/// There is no such place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no zone {0}: write a name like Europe/Berlin, or UTC")]
pub struct NotADayZone(String);

impl Default for DayZone {
    fn default() -> DayZone {
        DayZone(Tz::UTC)
    }
}

impl FromStr for DayZone {
    type Err = NotADayZone;

    fn from_str(text: &str) -> Result<DayZone, NotADayZone> {
        text.parse().map(DayZone).map_err(|_| NotADayZone(text.chars().take(40).collect()))
    }
}

impl DayZone {
    /// The name of the place.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Which day it is there, at a time in seconds since 1970.
    #[must_use]
    pub fn today(self, seconds: u64) -> Day {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let ahead = offset(self.0, seconds).unwrap_or(0);
        Day(i32::try_from(seconds.saturating_add(ahead).div_euclid(DAY)).unwrap_or(i32::MAX))
    }
}

/// How many seconds a place is ahead of UTC.
fn offset(zone: Tz, seconds: i64) -> Option<i64> {
    let utc = DateTime::from_timestamp(seconds, 0)?.naive_utc();
    Some(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc().into())
}

impl fmt::Display for DayZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_where_the_place_is() {
        // 2026-11-20T23:30Z, and 2026-06-20T22:30Z, when there is summer time in Berlin.
        for (zone, seconds, day) in [
            ("UTC", 1_795_217_400, "2026-11-20"),
            ("Europe/Berlin", 1_795_217_400, "2026-11-21"),
            ("America/Los_Angeles", 1_795_217_400, "2026-11-20"),
            ("Asia/Kolkata", 1_795_217_400, "2026-11-21"),
            ("Europe/Berlin", 1_781_994_600, "2026-06-21"),
            ("Europe/London", 1_781_994_600, "2026-06-20"),
        ] {
            assert_eq!(zone.parse::<DayZone>().unwrap().today(seconds).to_string(), day, "{zone}");
        }
        let why = "Europe/Berlim".parse::<DayZone>().unwrap_err().to_string();
        assert!(why.contains("Europe/Berlim") && why.contains("UTC"), "{why}");
        assert!("+02:00".parse::<DayZone>().is_err());
    }
}
