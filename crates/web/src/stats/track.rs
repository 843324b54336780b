//! `track`: how often an account had an event, by month of a year, day of a month, hour of a day, minute of an hour.
//!
//! Days are kept for ever, hours and minutes for as long as `[retention]` says; Bootic had hours for ever and no minutes.

use super::{
    MOST_LINKS, Problem,
    path::{Asked, Period},
    shown::Found,
};
use crate::app::App;
use std::{collections::BTreeMap, ops::Range};
use tallymark_core::{Day, Event, Name};
use tallymark_store::Step;

/// How many years back links lead: Redis looks into every day of them.
const YEARS: i32 = 20;

pub(super) async fn read(app: &App, asked: &Asked) -> Result<Found, Problem> {
    let Some((_, account)) = &asked.account else { return accounts(app).await };
    let Some(event) = asked.event else { return events(app, account).await };
    let series = async |step, range: Range<i32>| {
        app.store.series(event, account, step, range.start, range.end).await.map_err(Problem::from)
    };
    Ok(match asked.period {
        Period::None => {
            let (this, ..) = (app.now)().day().date();
            let days = series(Step::Day, days_of(this - YEARS + 1, 1).start..days_of(this, 12).end).await?;
            let years = sums(days, |day| Day(day).date().0);
            Found::links(years.keys().map(i32::to_string))
        }
        Period::Year(year) => {
            let days = series(Step::Day, days_of(year, 1).start..days_of(year, 12).end).await?;
            linked(sums(days, |day| Day(day).date().1))
        }
        Period::Month(year, month) => {
            linked(sums(series(Step::Day, days_of(year, month)).await?, |day| Day(day).date().2))
        }
        Period::Day(day) => {
            let hours = series(Step::Hour, day.0 * 24..day.0 * 24 + 24).await?;
            linked(sums(hours, |hour| hour.rem_euclid(24)))
        }
        Period::Hour(day, hour) => {
            let first = day.first_minute().0 + hour as i32 * 60;
            let minutes = series(Step::Minute, first..first + 60).await?;
            Found::counts(sums(minutes, |minute| minute.rem_euclid(60)), [""; 0])
        }
    })
}

fn linked<K: ToString + Copy>(counts: BTreeMap<K, i64>) -> Found {
    let keys: Vec<K> = counts.keys().copied().collect();
    Found::counts(counts, keys)
}

fn sums<K: Ord>(series: Vec<(i32, i64)>, key: impl Fn(i32) -> K) -> BTreeMap<K, i64> {
    let mut sums = BTreeMap::new();
    for (bucket, count) in series {
        let sum: &mut i64 = sums.entry(key(bucket)).or_default();
        *sum = sum.saturating_add(count);
    }
    sums
}

/// The days of a month.
fn days_of(year: i32, month: u32) -> Range<i32> {
    let first = |year, month| Day::from_date(year, month, 1).map(|day| day.0);
    let next = if month == 12 { first(year + 1, 1) } else { first(year, month + 1) };
    let last = || Day::from_date(2199, 12, 31).map_or(i32::MAX, |day| day.0 + 1);
    first(year, month).unwrap_or(0)..next.unwrap_or_else(last)
}

/// `all`, and the first accounts of every event.
async fn accounts(app: &App) -> Result<Found, Problem> {
    let events = app.store.events(&app.rankings.candidates()).await?;
    accounts_of(app, &events).await
}

/// `all`, and the first accounts of some events.
pub(super) async fn accounts_of(app: &App, events: &[Event]) -> Result<Found, Problem> {
    let mut names: Vec<Name> = Vec::new();
    for &event in events {
        names.extend(app.store.names(event, None, MOST_LINKS).await?.names);
    }
    names.sort_unstable();
    names.dedup();
    let all = (!events.is_empty()).then(|| "all".to_owned());
    let names = names.into_iter().map(|name| name.as_str().to_owned());
    Ok(Found::links(all.into_iter().chain(names.filter(|name| name != "all")).take(MOST_LINKS)))
}

/// The events that an account had.
async fn events(app: &App, account: &Name) -> Result<Found, Problem> {
    let mut links = Vec::new();
    for event in app.store.events(&app.rankings.candidates()).await? {
        if app
            .store
            .totals(event, std::slice::from_ref(account))
            .await?
            .first()
            .is_some_and(|&total| total != 0)
        {
            links.push(event.as_str().to_owned());
        }
    }
    links.sort_unstable();
    Ok(Found::links(links))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_have_the_days_of_the_calendar() {
        for (year, month, days) in
            [(2024, 2, 29), (2023, 2, 28), (2023, 12, 31), (2199, 12, 31), (1970, 1, 31)]
        {
            assert_eq!(days_of(year, month).len(), days, "{year}-{month}");
        }
        assert_eq!(days_of(2198, 12).end, days_of(2199, 1).start);
    }
}
