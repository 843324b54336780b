//! The zone of HitMe's calendar: whole hours from UTC.

use std::fmt;

/// How many hours a zone is ahead of UTC. HitMe's servers used their own; ours is configured, and UTC if it is not.
///
/// Hours are what the store counts by, so a zone that is not a whole number of them away has no days here; and one that
/// changes with the season would have days of 23 and 25 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Zone {
    hours: i8,
}

/// The text is no zone that days can be counted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAZone(String);

impl fmt::Display for NotAZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        write!(
            f,
            "{text:?} is not UTC or a whole number of hours from it, like +02:00 (-12:00 to +14:00): counts are kept by \
             hours, and names of places stand for two zones a year"
        )
    }
}

impl std::error::Error for NotAZone {}

impl Zone {
    /// Reads `UTC`, `Z` or `+02:00`.
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

    /// Hours ahead of UTC.
    pub(super) fn hours(self) -> i32 {
        i32::from(self.hours)
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
            assert_eq!(Zone::parse(text).map(Zone::hours), Ok(hours), "{text}");
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
}
