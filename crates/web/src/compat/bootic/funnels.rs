//! `funnels`: the final statuses of an account's orders, by year and month. A day has none.

use super::{
    path::{Date, StatsPath},
    shown::StatsFound,
    track::accounts_of,
};
use crate::state::App;
use tallymark_core::{Event, Month, Name};
use tallymark_store::StoreError;

pub(super) async fn read(app: &App, asked: &StatsPath) -> Result<StatsFound, StoreError> {
    let Some((_, account)) = &asked.account else {
        return accounts_of(app, &events(app, &Name::all()).await?).await;
    };
    let Some(event) = asked.event else {
        let events = events(app, account).await?;
        return Ok(StatsFound::links(events.iter().map(|event| event.as_str().to_owned())));
    };
    let store = &app.store;
    Ok(match asked.date {
        Date::None => {
            let mut years: Vec<i32> =
                dates(store.status_months(event, account).await?).map(|(year, _)| year).collect();
            years.dedup();
            StatsFound::links(years.iter().map(i32::to_string))
        }
        Date::Year(year) => {
            let statuses = store.statuses(event, account, year, None).await?;
            let months = dates(store.status_months(event, account).await?);
            StatsFound::counts(statuses, months.filter(|&(of, _)| of == year).map(|(_, month)| month))
        }
        Date::Month(month) => {
            let (year, month) = month.date();
            StatsFound::counts(store.statuses(event, account, year, Some(month)).await?, [""; 0])
        }
        Date::Day(_) | Date::Hour(_) => StatsFound::nothing(asked),
    })
}

fn dates(months: Vec<Month>) -> impl Iterator<Item = (i32, u32)> {
    months.into_iter().map(Month::date)
}

/// The events with statuses that an account had.
async fn events(app: &App, account: &Name) -> Result<Vec<Event>, StoreError> {
    let mut found = Vec::new();
    for event in app.store.events().await? {
        if !app.store.status_months(event, account).await?.is_empty() {
            found.push(event);
        }
    }
    found.sort_unstable();
    Ok(found)
}
