//! Streaks by rules other than every day: by weeks, with days off, or of some years only. They are computed from
//! GitHub's calendar of each year, for the streak card.

use crate::contributions::{Contributions, DayRun, WorkYear};
use std::collections::BTreeMap;
use tallymark_core::{Day, calendar::Weekday};

/// How days are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreakRule {
    /// By weeks, from Sunday to Saturday.
    pub(crate) is_weekly: bool,
    /// Days of the week that do not end a streak, and are part of one that continues; 0 is Sunday.
    pub(crate) days_off: Vec<u8>,
    /// Nothing before this year counts.
    pub(crate) since: Option<i32>,
}

/// What the days add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreakSums {
    pub(crate) total: u64,
    pub(crate) first: Option<Day>,
    pub(crate) current: Option<DayRun>,
    pub(crate) longest: Option<DayRun>,
}

impl StreakRule {
    /// What an account's days add up to; `None` if only their sums are known yet, as an earlier build kept them.
    pub(crate) fn sums(&self, done: &Contributions, today: Day) -> Option<StreakSums> {
        if *self == StreakRule::default() {
            return Some(StreakSums {
                total: done.total,
                first: done.days.first(),
                current: done.days.current(today),
                longest: done.days.longest(),
            });
        }
        let years = &done.years;
        if years.is_empty() {
            return None;
        }
        let first_year = self.since.unwrap_or(i32::MIN);
        let counted = || years.range(first_year..);
        let days = days(years, first_year);
        let (latest, longest) = if self.is_weekly { weeks(&days) } else { self.runs(&days, today) };
        // Neither this day nor this week is over.
        let oldest = if self.is_weekly { week_of(today).0 - 1 } else { today.0 - 1 };
        Some(StreakSums {
            total: counted().fold(0, |sum, (_, year)| sum.saturating_add(year.contributions)),
            first: days.first().copied(),
            current: latest.filter(|run| run.last().0 >= oldest),
            longest,
        })
    }

    /// The latest run and the longest one.
    fn runs(&self, days: &[Day], today: Day) -> (Option<DayRun>, Option<DayRun>) {
        let is_off =
            |day: &Day| u8::try_from(day.0 - week_of(*day).0).is_ok_and(|at| self.days_off.contains(&at));
        let (mut latest, mut longest) = (None::<DayRun>, None::<DayRun>);
        let mut days = days.iter().peekable();
        while let Some(first) = days.next() {
            let mut last = *first;
            loop {
                let next = Day(last.0 + 1);
                if days.next_if_eq(&&next).is_none() && (next > today || !is_off(&next)) {
                    break;
                }
                last = next;
            }
            let run = DayRun::of(*first, last);
            latest = Some(run);
            if longest.is_none_or(|longest| run.length() >= longest.length()) {
                longest = latest;
            }
        }
        (latest, longest)
    }
}

/// The same by weeks, each of which is as long as its last one is.
fn weeks(days: &[Day]) -> (Option<DayRun>, Option<DayRun>) {
    let (mut latest, mut longest) = (None::<DayRun>, None::<DayRun>);
    for day in days {
        let week = week_of(*day);
        let run = match latest {
            Some(run) if run.last() >= Day(week.0 - 1) => DayRun::of(run.first(), Day(week.0 + 6)),
            _ => DayRun::of(week, Day(week.0 + 6)),
        };
        latest = Some(run);
        if longest.is_none_or(|longest| run.length() >= longest.length()) {
            longest = latest;
        }
    }
    (latest, longest)
}

/// Its Sunday.
fn week_of(day: Day) -> Day {
    day.week_begin(Weekday::Sun)
}

/// The days with contributions from a year on.
fn days(years: &BTreeMap<i32, WorkYear>, from: i32) -> Vec<Day> {
    years.range(from..).flat_map(|(number, year)| year.days(*number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026 begins on a Thursday.
    fn done(days: &[(i32, u32, u32)]) -> Contributions {
        let mut years: BTreeMap<i32, WorkYear> = BTreeMap::new();
        for (year, month, day) in days {
            let (first, day) = (date(*year, 1, 1), date(*year, *month, *day));
            years.entry(*year).or_default().mark((day.0 - first.0) as usize, 2);
        }
        Contributions { years, ..Contributions::default() }
    }

    fn date(year: i32, month: u32, day: u32) -> Day {
        Day::from_date(year, month, day).unwrap()
    }

    fn length(run: Option<DayRun>) -> u64 {
        run.map_or(0, DayRun::length)
    }

    #[test]
    fn days_off_end_no_streak_and_begin_none() {
        let rule = StreakRule { days_off: vec![0, 6], ..StreakRule::default() };
        // Friday, Monday and Tuesday; a Saturday alone.
        let done = done(&[(2026, 1, 9), (2026, 1, 12), (2026, 1, 13), (2026, 1, 31)]);
        let sums = |today| rule.sums(&done, today).unwrap();
        let at_end = sums(date(2026, 1, 31));
        assert_eq!((at_end.total, length(at_end.longest), length(at_end.current)), (8, 5, 1));
        let longest = at_end.longest.unwrap();
        assert_eq!((longest.first(), longest.last()), (date(2026, 1, 9), date(2026, 1, 13)));
        // Sunday and Monday after that Saturday: alive, since Sunday is off and Monday is not over.
        assert_eq!(length(sums(date(2026, 2, 1)).current), 2);
        assert_eq!(length(sums(date(2026, 2, 2)).current), 2);
        assert_eq!(length(sums(date(2026, 2, 3)).current), 0);
    }

    #[test]
    fn weeks_go_from_sunday_and_over_new_year() {
        let rule = StreakRule { is_weekly: true, ..StreakRule::default() };
        // A Saturday, the Sunday after it, and one of the week in which the year changes.
        let done = done(&[(2025, 12, 20), (2025, 12, 21), (2025, 12, 31), (2026, 1, 2), (2026, 1, 20)]);
        let sums = |today| rule.sums(&done, today).unwrap();
        let now = sums(date(2026, 1, 31));
        assert_eq!((length(now.longest), length(now.current)), (21, 7));
        assert_eq!(now.longest.unwrap().first(), date(2025, 12, 14));
        assert_eq!(length(sums(date(2026, 2, 1)).current), 0, "a whole week without");
    }

    #[test]
    fn years_before_the_first_one_do_not_count() {
        let done = done(&[(2025, 12, 30), (2025, 12, 31), (2026, 1, 1)]);
        let rule = StreakRule { since: Some(2026), ..StreakRule::default() };
        let sums = rule.sums(&done, date(2026, 1, 2)).unwrap();
        assert_eq!((sums.total, length(sums.longest), sums.first), (2, 1, Some(date(2026, 1, 1))));
        let none = StreakRule { since: Some(2030), ..StreakRule::default() };
        assert_eq!(none.sums(&done, date(2026, 1, 2)), Some(StreakSums::default()));
        assert_eq!(
            none.sums(&Contributions::default(), date(2026, 1, 2)),
            None,
            "an earlier build kept no years"
        );
    }
}
