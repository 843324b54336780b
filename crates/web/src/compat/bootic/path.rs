//! The path below the prefix: `/{chart}/{account}/{event}/{year}/{month}/{day}/{hour}`, of any depth.

use crate::{error::Problem, query::decoded};
use tallymark_core::{Day, Event, Hour, Month, Name};

/// The account that means all accounts.
const ALL: &str = "all";

/// What is requested.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// Statistics.
    Stats(StatsPath),
    /// Browsers request it by themselves.
    Favicon,
    /// Deeper than anything is.
    Nothing,
}

/// The parts of a path that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StatsPath {
    /// `track`, `funnels`, or another word.
    pub(super) chart: Option<String>,
    /// As it was sent, decoded once, and as what is counted.
    pub(super) account: Option<(String, Name)>,
    pub(super) event: Option<Event>,
    pub(super) date: Date,
}

/// As much of a date as is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Date {
    #[default]
    None,
    Year(i32),
    Month(Month),
    Day(Day),
    Hour(Hour),
}

impl Path {
    /// Reads the path after the prefix. Segments are split first and then decoded, once.
    pub(super) fn read(path: &str) -> Result<Path, Problem> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        if path == "favicon.ico" {
            return Ok(Path::Favicon);
        }
        let mut parts = path.split('/').map(|part| String::from_utf8(decoded(part)));
        let mut next = |what: &str| {
            let part = parts.next().transpose();
            part.map_err(|_| Problem::bad_request(format!("{what} is not UTF-8")))
        };
        let mut asked = StatsPath::default();
        if path.is_empty() {
            return Ok(Path::Stats(asked));
        }
        asked.chart = next("the chart")?;
        let (account, event) = (next("the account")?, next("the event")?);
        asked.event = event.as_deref().map(read_event).transpose()?;
        asked.account = account.map(|account| read_account(account, asked.event)).transpose()?;
        let (year, month) = (next("year")?, next("month")?);
        let (day, hour) = (next("day")?, next("hour")?);
        if next("the rest")?.is_some() {
            return Ok(Path::Nothing);
        }
        asked.date = Date::read([year, month, day, hour].each_ref().map(Option::as_deref))?;
        Ok(Path::Stats(asked))
    }
}

fn read_event(text: &str) -> Result<Event, Problem> {
    Event::new(text.as_bytes()).map_err(|why| Problem::bad_request(format!("event: {why}")))
}

/// The event determines how long a name may be; without an event, any length is allowed.
fn read_account(text: String, event: Option<Event>) -> Result<(String, Name), Problem> {
    let name = match &*text {
        ALL => Ok(Name::all()),
        text => Name::of(event.unwrap_or(Event::URL), text),
    };
    let name = name.map_err(|why| Problem::bad_request(format!("account: {why}")))?;
    Ok((text, name))
}

impl Date {
    /// Reads numbers with or without leading zeros.
    fn read([year, month, day, hour]: [Option<&str>; 4]) -> Result<Date, Problem> {
        let Some(year) = year else { return Ok(Date::None) };
        let year = number(year, 4).filter(|year| (1970..=2199).contains(year));
        let year = year.ok_or_else(|| Problem::bad_request("year is a number from 1970 to 2199"))?;
        let Some(month) = month else { return Ok(Date::Year(year as i32)) };
        let month = number(month, 2).and_then(|month| Month::of(year as i32, month));
        let month = month.ok_or_else(|| Problem::bad_request("month is a number from 1 to 12"))?;
        let Some(day) = day else { return Ok(Date::Month(month)) };
        let day = number(day, 2).and_then(|day| Day::from_date(year as i32, month.date().1, day));
        let day = day.ok_or_else(|| Problem::bad_request("day is a day of that month"))?;
        let Some(hour) = hour else { return Ok(Date::Day(day)) };
        let hour = number(hour, 2).filter(|hour| *hour < 24);
        let hour = hour.ok_or_else(|| Problem::bad_request("hour is a number from 0 to 23"))?;
        Ok(Date::Hour(Hour::at(day, hour)))
    }

    /// Year, month, day and hour as Bootic's keys have them, without zeros; empty where there is none.
    pub(super) fn texts(self) -> [String; 4] {
        let of_day = |day: Day| {
            let (year, month, day) = day.date();
            (Some(year), Some(month), Some(day))
        };
        let ((year, month, day), hour) = match self {
            Date::None => ((None, None, None), None),
            Date::Year(year) => ((Some(year), None, None), None),
            Date::Month(month) => ((Some(month.date().0), Some(month.date().1), None), None),
            Date::Day(day) => (of_day(day), None),
            Date::Hour(hour) => (of_day(hour.day()), Some(hour.of_day())),
        };
        let text = |part: Option<u32>| part.map(|part| part.to_string()).unwrap_or_default();
        [year.map(|year| year.to_string()).unwrap_or_default(), text(month), text(day), text(hour)]
    }
}

/// Digits, up to a maximum number.
fn number(text: &str, digits: usize) -> Option<u32> {
    let right = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(path: &str) -> Result<[String; 4], String> {
        match Path::read(&format!("/track/a/b/{path}")) {
            Ok(Path::Stats(asked)) => Ok(asked.date.texts()),
            Ok(other) => panic!("{other:?}"),
            Err(problem) => Err(problem.what),
        }
    }

    #[test]
    fn dates_are_read_with_and_without_zeros_and_written_without() {
        for (path, expect) in [
            ("2013", ["2013", "", "", ""]),
            ("2013/2", ["2013", "2", "", ""]),
            ("2013/02", ["2013", "2", "", ""]),
            ("2013/02/", ["2013", "2", "", ""]),
            ("2013/02/09", ["2013", "2", "9", ""]),
            ("2013/2/9/7", ["2013", "2", "9", "7"]),
            ("2013/2/9/07", ["2013", "2", "9", "7"]),
            ("2024/2/29/0", ["2024", "2", "29", "0"]),
            ("2013/%32", ["2013", "2", "", ""]),
        ] {
            assert_eq!(period(path), Ok(expect.map(str::to_owned)), "{path}");
        }
    }

    #[test]
    fn what_is_no_date_says_which_part() {
        for (path, part) in [
            ("13", "year"),
            ("02013", "year"),
            ("1969", "year"),
            ("2200", "year"),
            ("+201", "year"),
            ("2013/0", "month"),
            ("2013/13", "month"),
            ("2013/feb", "month"),
            ("2013/002", "month"),
            ("2013//2", "month"),
            ("2013/2/30", "day"),
            ("2013/2/29", "day"),
            ("2013/2/0", "day"),
            ("2013/2/1*", "day"),
            ("2013/2/1/24", "hour"),
            ("2013/2/1/-1", "hour"),
            ("2013/2/1/%ff", "hour is not UTF-8"),
        ] {
            assert!(period(path).is_err_and(|why| why.starts_with(part)), "{path}");
        }
    }

    #[test]
    fn segments_are_cut_before_they_are_decoded() {
        let asked = |path: &str| match Path::read(path) {
            Ok(Path::Stats(asked)) => asked,
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(asked("/track/o%2Fr").account.unwrap().1.as_str(), "o/r");
        assert_eq!(asked("/track/o%252Fr").account.unwrap().1.as_str(), "o%2Fr");
        assert_eq!(asked("/track/*").account.unwrap().1.as_str(), "*");
        assert_eq!(asked("/track/all").account.unwrap().1, Name::all());
        assert_eq!(asked("/").chart, None);
        assert_eq!(asked("").chart, None);
        assert_eq!((asked("/track/").chart.as_deref(), asked("/track/").account), (Some("track"), None));
        assert_eq!(Path::read("/favicon.ico").unwrap(), Path::Favicon);
        assert_eq!(Path::read("/a/b/c/2013/1/1/1/1").unwrap(), Path::Nothing);
        for (path, part) in [
            ("/track/~all", "account: "),
            ("/track/a%00b", "account: "),
            ("/track//pageview", "account: "),
            ("/track/%ff", "the account is not UTF-8"),
            ("/track/a/Page", "event: "),
            ("/track/a/", ""),
        ] {
            match Path::read(path) {
                Ok(_) => assert_eq!(part, "", "{path}"),
                Err(problem) => {
                    assert!(problem.what.starts_with(part) && !part.is_empty(), "{}", problem.what)
                }
            }
        }
        let long = format!("/track/{}", "a".repeat(2048));
        assert!(Path::read(&long).is_ok() && Path::read(&format!("{long}/url/2013")).is_ok());
        assert!(Path::read(&format!("{long}/pageview")).is_err());
    }
}
