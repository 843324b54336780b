//! `track`: how often an account had an event, by month of a year, day of a month, hour of a day, minute of an hour.
//!
//! Days are kept forever, hours and minutes for as long as `[retention]` says; Bootic kept hours forever and had no
//! minutes.

use super::{
    path::{Date, StatsPath},
    shown::StatsFound,
};
use crate::state::App;
use std::{collections::BTreeMap, ops::Range};
use tallymark_core::{Day, Event, Hour, Minute, Month, Name, Step};
use tallymark_store::StoreError;

/// How many years back links lead: Redis reads every day of them.
const YEARS: i32 = 20;
/// The maximum number of links in one response.
const MOST_LINKS: usize = 1000;

pub(super) async fn read(app: &App, asked: &StatsPath) -> Result<StatsFound, StoreError> {
    let Some((_, account)) = &asked.account else { return accounts(app).await };
    let Some(event) = asked.event else { return events(app, account).await };
    let series =
        async |step, range: Range<i32>| app.store.series(event, account, step, range.start, range.end).await;
    Ok(match asked.date {
        Date::None => {
            let (this, ..) = (app.now)().day().date();
            let months = Month::of_year(this - YEARS + 1).start..Month::of_year(this).end;
            let years = sums(series(Step::Month, months).await?, |month| Month(month).date().0);
            StatsFound::links(years.keys().map(i32::to_string))
        }
        Date::Year(year) => {
            let months = series(Step::Month, Month::of_year(year)).await?;
            linked(sums(months, |month| Month(month).date().1))
        }
        Date::Month(month) => linked(sums(series(Step::Day, month.days()).await?, |day| Day(day).date().2)),
        Date::Day(day) => linked(sums(series(Step::Hour, day.hours()).await?, |hour| Hour(hour).of_day())),
        Date::Hour(hour) => {
            let minutes = series(Step::Minute, hour.minutes()).await?;
            StatsFound::counts(sums(minutes, |minute| Minute(minute).of_hour()), [""; 0])
        }
    })
}

fn linked<K: ToString + Copy>(counts: BTreeMap<K, i64>) -> StatsFound {
    let keys: Vec<K> = counts.keys().copied().collect();
    StatsFound::counts(counts, keys)
}

fn sums<K: Ord>(series: Vec<(i32, i64)>, key: impl Fn(i32) -> K) -> BTreeMap<K, i64> {
    let mut sums = BTreeMap::new();
    for (bucket, count) in series {
        let sum: &mut i64 = sums.entry(key(bucket)).or_default();
        *sum = sum.saturating_add(count);
    }
    sums
}

/// `all`, and the first accounts of every event.
async fn accounts(app: &App) -> Result<StatsFound, StoreError> {
    let events = app.store.events().await?;
    accounts_of(app, &events).await
}

/// `all`, and the first accounts of some events.
pub(super) async fn accounts_of(app: &App, events: &[Event]) -> Result<StatsFound, StoreError> {
    let mut names: Vec<Name> = Vec::new();
    for &event in events {
        names.extend(app.store.names(event, None, MOST_LINKS).await?.names);
    }
    names.sort_unstable();
    names.dedup();
    let all = (!events.is_empty()).then(|| "all".to_owned());
    let names = names.into_iter().map(|name| name.as_str().to_owned());
    Ok(StatsFound::links(all.into_iter().chain(names.filter(|name| name != "all")).take(MOST_LINKS)))
}

/// The events that an account had.
async fn events(app: &App, account: &Name) -> Result<StatsFound, StoreError> {
    let mut links = Vec::new();
    for event in app.store.events().await? {
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
    Ok(StatsFound::links(links))
}
