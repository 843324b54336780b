//! The front page: the totals of one event, a chart of all names, the busiest names, and a search. Totals, chart and
//! ranking share one of six periods. With an empty store the page is the badge builder.
//!
//! Every choice is a link, so it works without a script. Names come from the rankings, so the page costs the same with
//! a million names as with ten.

mod change;
mod query;
mod rows;
mod search;
mod totals;

use crate::{
    badges::dress::echo,
    error::Problem,
    event, feed, headers,
    history::History,
    name::{graph_path, page_path, push},
    pages::{
        Back, chart,
        language::{self, fill, tr},
        login, maker,
        name_page::redirect,
        no_store, page_for, problem,
    },
    query::Query,
    state::App,
};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use minijinja::{Value, context};
use query::{DashboardQuery, Order};
use std::sync::Arc;
use tallymark_badge::chart::{AxisScale, MOST_SERIES};
use tallymark_core::{Event, Minute, Name, Now, Period};
use tallymark_github::{AccountName, NotAnAccountName};
use tallymark_rankings::Ranking;
use tallymark_store::StoreError;

/// `/` and `/index.html`.
pub(crate) async fn show(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let visitor = match login::visitor(&app.access, &sent, &uri) {
        Ok(visitor) => visitor,
        Err(answer) => return *answer,
    };
    match of_account(&app, &uri, headers::wants_picture(&sent)) {
        Some(Ok(place)) => {
            let mut answer = redirect(StatusCode::TEMPORARY_REDIRECT, &place);
            answer.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
            return answer;
        }
        Some(Err(why)) => {
            return problem(&app, &Problem::bad_request(format!("This cannot be shown: {why}.")), None);
        }
        None => {}
    }
    let asked = match DashboardQuery::read(Query::of(&uri)) {
        Ok(asked) => asked,
        Err(why) => {
            return problem(&app, &Problem::bad_request(format!("This cannot be shown: {why}.")), None);
        }
    };
    if let Err(why) = event::asked(&app, Query::of(&uri)).await {
        let back = Back { link: "/".to_owned(), to: tr("the front page").to_owned(), is_ahead: false };
        return problem(&app, &Problem::bad_request(format!("This cannot be shown: {why}.")), Some(back));
    }
    match values(&app, asked, Query::of(&uri)).await {
        Ok(Some(values)) => page_for(&app, &visitor, StatusCode::OK, "dashboard.html", values),
        Ok(None) => {
            let values =
                context! { title => "Tallymark", maker => maker::front(&app, Query::of(&uri), None) };
            page_for(&app, &visitor, StatusCode::OK, "empty.html", values)
        }
        Err(error) => no_store(&app, &error),
    }
}

/// `/?user=NAME`, as sites with cards have it, and as the form for accounts sends it: the maker with the card of the
/// account. Its address on GitHub names it, too. A client that shows only pictures gets the streak, which is
/// github-readme-streak-stats' picture at this address.
fn of_account(app: &App, uri: &Uri, shows_pictures: bool) -> Option<Result<String, String>> {
    app.github.as_ref()?;
    let asked = Query::of(uri).form_text("user")?;
    let asked = asked.trim();
    let account = ["https://", "http://", "www.", "github.com/", "@"]
        .into_iter()
        .fold(asked, |text, begin| match text.split_at_checked(begin.len()) {
            Some((first, rest)) if first.eq_ignore_ascii_case(begin) => rest,
            _ => text,
        })
        .trim_end_matches('/');
    if account.is_empty() {
        return None;
    }
    let login = AccountName::new(account).ok().and_then(|login| Name::new(login.as_str()).ok());
    let Some(name) = login else { return Some(Err(format!("user={}: {NotAnAccountName}", echo(asked)))) };
    if shows_pictures {
        let card = format!("{}/api/streak?user={name}", app.access.base);
        return Some(Ok(maker::with_choices(card, Query::of(uri), &["user"])));
    }
    let mut place = format!("{}{}", app.access.base, page_path(name.as_ref()));
    push(&mut place, "style", maker::CARD);
    Some(Ok(language::with_chosen(place, uri) + "#make"))
}

/// What the page shows; nothing if nothing was ever counted.
async fn values(app: &App, asked: DashboardQuery, query: Query<'_>) -> Result<Option<Value>, StoreError> {
    let Some(usual) = usual(app).await? else { return Ok(None) };
    let (asked, events) = (&asked.where_usual_is(usual), app.rankings.events());
    let totals = totals::read(app, asked.event, asked.period).await?;
    let found = match &asked.search {
        Some(_) => Some(search::values(app, asked).await?),
        None => None,
    };
    let ranking = app.rankings.top(asked.event, asked.period).filter(|_| found.is_none());
    let shown = match &ranking {
        Some(ranking) => rows::values(app, asked, ranking).await?,
        None => Vec::new(),
    };
    let busiest = ranking.as_ref().and_then(|ranking| ranking.entries.first());
    let now = (app.now)();
    let chart = match found {
        Some(_) => None,
        None => Some(curve(app, asked, now).await?),
    };
    Ok(Some(context! {
        title => "Tallymark",
        feed => feed::path_of_all(app),
        event => asked.event.as_str(),
        // A form drops the query of its address, so it sends the parameters itself.
        usual => asked.usual.as_str(),
        kept => asked.kept.iter().map(|(key, value)| context! { key => *key, value }).collect::<Vec<_>>(),
        events => event_links(app, asked, &events).await?,
        totals,
        chart,
        periods => Period::EVERY.map(|period| context! {
            label => label(period),
            link => asked.with_period(period),
            current => period == asked.period,
        }).to_vec(),
        ranking => ranking.as_ref().map(|ranking| about(ranking, asked.period, now)),
        sizes => ranking.as_ref().map(|ranking| sizes(asked, ranking)).unwrap_or_default(),
        rows => shown,
        csv => asked.as_csv(),
        maker => maker::front(app, query, busiest.map(|(name, _)| name)),
        by_name => column(asked, Order::Name),
        by_hits => column(asked, Order::Hits),
        all_time => asked.period == Period::All,
        most => MOST_SERIES,
        search => found,
    }))
}

/// The chart of all names.
async fn curve(app: &App, asked: &DashboardQuery, now: Now) -> Result<Value, StoreError> {
    let history = History::of_all(&*app.store, asked.event, asked.period, now).await?;
    let path = graph_path(&[Name::all()], asked.event, asked.period.word());
    Ok(chart::values(&history, AxisScale::Linear, &path, &chart::WIDE))
}

/// The default event: `hit`, or the most frequent one if no badge was ever shown. `None` on an empty store.
async fn usual(app: &App) -> Result<Option<Event>, StoreError> {
    let all = [Name::all()];
    let mut most = (0, None);
    for event in [Event::HIT].into_iter().chain(app.store.events().await?) {
        let total = app.store.totals(event, &all).await?.first().copied().unwrap_or(0);
        if total > most.0 {
            most = (total, Some(event));
        }
        if most.1 == Some(Event::HIT) {
            break;
        }
    }
    Ok(most.1)
}

fn label(period: Period) -> &'static str {
    match period {
        Period::All => "All time",
        Period::Month => "This month",
        Period::Week => "This week",
        Period::Day => "Today",
        Period::Hour | Period::ClockHour => "Last 60 minutes",
        Period::Minute | Period::ClockMinute => "Last 2 minutes",
    }
}

/// The events to choose from with their totals, including the current one.
async fn event_links(app: &App, asked: &DashboardQuery, events: &[Event]) -> Result<Vec<Value>, StoreError> {
    let mut events = events.to_vec();
    if !events.contains(&asked.event) {
        events.push(asked.event);
    }
    let mut links = Vec::new();
    for event in events {
        let total = app.store.totals(event, &[Name::all()]).await?.first().copied().unwrap_or(0);
        let (word, current) = (event.to_string(), event == asked.event);
        links.push(context! { word, link => asked.with_event(event), total, current });
    }
    Ok(links)
}

fn about(ranking: &Ranking, period: Period, now: Now) -> Value {
    let from = ranking.from.map(Minute::readable);
    let only = match period {
        Period::Hour => Some("Card, chart and ranking are of the last 60 minutes, the running one included."),
        Period::Minute => Some(
            "The ranking is of the running minute and the one before; the card shows the last 60 seconds, and the chart the last 60 minutes.",
        ),
        Period::Week => Some("Weeks begin on Sunday."),
        _ => None,
    };
    context! { from, only, age => ago(ranking.age(now)), late => ranking.is_late(now) }
}

/// An age for people.
fn ago(seconds: u64) -> String {
    match seconds {
        0..5 => tr("just now").to_owned(),
        5..120 => fill("{} seconds ago", &[&seconds.to_string()]),
        120..7200 => fill("{} minutes ago", &[&(seconds / 60).to_string()]),
        _ => fill("{} hours ago", &[&(seconds / 3600).to_string()]),
    }
}

fn sizes(asked: &DashboardQuery, ranking: &Ranking) -> Vec<Value> {
    let others = query::SIZES.iter().enumerate().filter(|&(at, &size)| {
        let smaller = at.checked_sub(1).map_or(0, |at| query::SIZES[at]);
        size != asked.rows && ranking.entries.len() > smaller
    });
    let sizes: Vec<Value> =
        others.map(|(_, &size)| context! { rows => size, link => asked.with_rows(size) }).collect();
    if ranking.entries.len() > query::SIZES[0] { sizes } else { Vec::new() }
}

fn column(asked: &DashboardQuery, order: Order) -> Value {
    let sorted = (asked.order == order).then_some(if asked.ascending { "ascending" } else { "descending" });
    let arrow = if asked.ascending { "▲" } else { "▼" };
    context! { link => asked.sorted_by(order), sorted, arrow }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        for (seconds, text) in [
            (0, "just now"),
            (5, "5 seconds ago"),
            (119, "119 seconds ago"),
            (120, "2 minutes ago"),
            (3600, "60 minutes ago"),
            (7200, "2 hours ago"),
        ] {
            assert_eq!(ago(seconds), text);
        }
    }
}
