//! `/api/v1/counters?sort=count`: the busiest names of a period, from the rankings.

use super::answer::{Answer, Api, exact, json, text};
use crate::{csv, error::Problem, query::Query};
use axum::http::StatusCode;
use serde::Serialize;
use std::{collections::HashMap, sync::Arc};
use tallymark_core::{Event, Name, Now, Period};
use tallymark_rankings::Ranking;

#[derive(Serialize)]
struct BusiestPage<'a> {
    counters: Vec<BusiestRow<'a>>,
    /// Always null: there is one page.
    next: Option<String>,
    ranking: About,
}

#[derive(Serialize)]
struct BusiestRow<'a> {
    name: &'a str,
    event: &'a str,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_text: Option<String>,
    count: i64,
    today: Option<i64>,
}

#[derive(Serialize)]
struct About {
    period: &'static str,
    from: Option<String>,
    age_seconds: u64,
}

/// The requested period. It is checked whatever the order, so that a wrong one is never ignored.
pub(super) fn period(query: Query<'_>) -> Result<Period, Problem> {
    let word = text(query, "period")?.unwrap_or_else(|| "all".to_owned());
    let mistake = || Problem::bad_request("period is all, month, week, day, hour or minute");
    Period::read(&word).ok_or_else(mistake)
}

pub(super) async fn list(
    api: &Api,
    event: Event,
    query: Query<'_>,
    period: Period,
    limit: usize,
    csv: bool,
) -> Answer {
    if let Some(other) = ["after", "prefix", "search"].into_iter().find(|name| query.get(name).is_some()) {
        return Err(Problem::bad_request(format!("{other} goes with sort=name only")));
    }
    let app = &api.app;
    let not_yet = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "names are not ranked yet; try again");
    let ranking = app.rankings.top(event, period).ok_or_else(not_yet)?;
    let now = (app.now)();
    let entries = &ranking.entries[..ranking.entries.len().min(limit)];
    let names: Vec<Name> = entries.iter().map(|(name, _)| name.clone()).collect();
    let totals = app.store.totals(event, &names).await?;
    let day = app.rankings.top(event, Period::Day);
    let today = Today::of(day.as_ref(), now);
    let rows = entries.iter().zip(totals).map(|((name, count), total)| {
        let (today, event) = (today.as_ref().and_then(|today| today.count(name)), event.as_str());
        let total_text = exact(total);
        BusiestRow { name: name.as_str(), event, total, total_text, count: *count, today }
    });
    if csv {
        let mut table = csv::Table::new("counters.csv", ["name", "event", "total", "count", "today"]);
        for row in rows {
            table.row([row.name, row.event], &[Some(row.total), Some(row.count), row.today]);
        }
        return Ok(table.answer(None));
    }
    let ranking = About {
        period: period.word(),
        from: ranking.from.map(|from| from.to_string()),
        age_seconds: ranking.age(now),
    };
    Ok(json(StatusCode::OK, &BusiestPage { counters: rows.collect(), next: None, ranking }))
}

/// What today's ranking says about names.
struct Today<'a> {
    counts: HashMap<&'a Name, i64>,
    /// Every name that was hit today is in it.
    complete: bool,
}

impl Today<'_> {
    fn of(ranking: Option<&Arc<Ranking>>, now: Now) -> Option<Today<'_>> {
        let ranking = ranking.filter(|ranking| ranking.from == Period::Day.span(now).begin())?;
        let counts = ranking.entries.iter().map(|(name, count)| (name, *count)).collect();
        Some(Today { counts, complete: !ranking.is_full() })
    }

    fn count(&self, name: &Name) -> Option<i64> {
        let known = self.counts.get(name).copied();
        known.or_else(|| self.complete.then_some(0))
    }
}
