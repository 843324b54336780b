//! The calendar, with chrono as its oracle.

use super::*;
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike};
use proptest::prelude::*;

/// As far as chrono's dates reach.
fn chronos() -> impl Strategy<Value = (Day, NaiveDate)> {
    (-90_000_000i32..90_000_000).prop_map(|day| (Day(day), NaiveDate::from_epoch_days(day).unwrap()))
}

proptest! {
    #[test]
    fn days_months_and_weeks_are_those_of_chrono((day, date) in chronos(), first in 0u8..7) {
        prop_assert_eq!(day.date(), (date.year(), date.month(), date.day()));
        prop_assert_eq!(day.month().date(), (date.year(), date.month()));
        prop_assert_eq!(Month::of(date.year(), date.month()), Some(day.month()));
        prop_assert!(Month::of_year(date.year()).contains(&day.month().0));
        prop_assert_eq!(day.month().first_day().0, date.with_day(1).unwrap().to_epoch_days());
        let days = day.month().days();
        prop_assert!(days.contains(&day.0));
        prop_assert_eq!(days.len(), usize::from(date.num_days_in_month()));
        let first = Weekday::try_from(first).unwrap();
        prop_assert_eq!(day.week_begin(first).0, date.week(first).first_day().to_epoch_days());
        if (0..10_000).contains(&date.year()) {
            prop_assert_eq!(day.to_string(), date.to_string());
        }
    }

    #[test]
    fn minutes_and_hours_are_those_of_chrono(minute: i32) {
        let (minute, time) = (Minute(minute), DateTime::from_timestamp(i64::from(minute) * 60, 0).unwrap());
        prop_assert_eq!(minute.day().0, time.date_naive().to_epoch_days());
        prop_assert_eq!((minute.hour().of_day(), minute.of_hour()), (time.hour(), time.minute()));
        prop_assert_eq!(minute.hour().day(), minute.day());
        prop_assert_eq!(Hour::at(minute.day(), time.hour()), minute.hour());
        if (0..10_000).contains(&time.year()) {
            let hour = time.with_time(NaiveTime::from_hms_opt(time.hour(), 0, 0).unwrap()).unwrap();
            prop_assert_eq!(minute.hour().first_minute().to_string(), hour.format("%FT%TZ").to_string());
            prop_assert_eq!(minute.to_string(), time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        }
    }

    /// A damaged file may hold any number.
    #[test]
    fn no_number_panics(number: i32) {
        let (minute, hour, day, month) = (Minute(number), Hour(number), Day(number), Month(number));
        let _ = (minute.readable(), minute.day().week_begin(Weekday::Mon), hour.first_minute(), hour.minutes());
        let _ = (day.to_string(), day.month().days(), day.hours(), day.first_minute(), Hour::at(day, 23));
        let _ = (month.to_string(), month.days(), Month::of_year(number), day.week_begin(Weekday::Sun));
    }
}

#[test]
fn what_is_no_month_of_a_year_is_none() {
    assert_eq!((Month::of(2026, 0), Month::of(2026, 13), Month::of(i32::MAX, 1)), (None, None, None));
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
    assert_eq!(Minute(-1).hour(), Hour(-1));
    assert_eq!((Hour(-1).of_day(), Minute(-1).of_hour()), (23, 59));
}
