//! Names that contain a text, page by page, the most frequent of a page first. The store examines a bounded number of names for each page.

use super::{query::DashboardQuery, rows};
use crate::{name::page_path, state::App};
use minijinja::{Value, context};
use std::{
    cmp::Reverse,
    time::{Duration, Instant},
};
use tallymark_core::{Event, Name};
use tallymark_store::{Class, Filter, NamePage, Result};
use tokio::sync::Semaphore;

/// How many names a page has.
const MOST: usize = 50;
/// How many names that begin with the text are always on the first page.
const FIRST: usize = 10;
/// How long a search continues without a result, so that its page is ready within a tenth of a second, and how many
/// searches may do so at a time.
const PATIENCE: Duration = Duration::from_millis(40);
static PATIENT: Semaphore = Semaphore::const_new(1);

/// The next page of names that contain the text. One call examines some ten thousand names, so with a million names
/// nearly all calls would find nothing.
async fn look(app: &App, asked: &DashboardQuery, filter: &Filter) -> Result<NamePage> {
    let begun = Instant::now();
    let mut page = app.store.find(asked.event, filter, asked.after.as_deref(), MOST).await?;
    // The next call will take as long as this one.
    let mut call = begun.elapsed();
    let Ok(_turn) = PATIENT.try_acquire() else { return Ok(page) };
    while page.names.is_empty() && page.next.is_some() && begun.elapsed() + call < PATIENCE {
        let at = Instant::now();
        page = app.store.find(asked.event, filter, page.next.as_deref(), MOST).await?;
        call = at.elapsed();
    }
    Ok(page)
}

/// The name that equals the text, and those that begin with it, as far as one call finds them.
async fn begins_with(app: &App, asked: &DashboardQuery, text: &str) -> Result<Vec<Name>> {
    let filter = Filter { prefix: text.to_owned(), contains: String::new() };
    let mut names = app.store.find(asked.event, &filter, None, FIRST).await?.names;
    if let Ok(name) = Name::of(asked.event, text)
        && !names.contains(&name)
        && app.store.totals(asked.event, std::slice::from_ref(&name)).await? != [0]
    {
        names.insert(0, name);
    }
    Ok(names)
}

pub(super) async fn values(app: &App, asked: &DashboardQuery) -> Result<Value> {
    let text = asked.search.clone().unwrap_or_default();
    let filter = Filter { prefix: String::new(), contains: text.clone() };
    let mut found = match look(app, asked, &filter).await {
        // The address was made up.
        Err(error) if error.class() == Class::Request => NamePage { names: Vec::new(), next: None },
        found => found?,
    };
    if asked.after.is_none() {
        let first = begins_with(app, asked, &text).await?;
        found.names.retain(|name| !first.contains(name));
        found.names.extend(first);
    }
    let totals = app.store.totals(asked.event, &found.names).await?;
    let mut ranked: Vec<(&Name, i64)> = found.names.iter().zip(totals).collect();
    ranked.sort_by_key(|&(_, total)| Reverse(total));
    let most = ranked.first().map_or(1, |&(_, total)| total);
    let mut rows = Vec::with_capacity(ranked.len());
    for (at, (name, total)) in ranked.into_iter().enumerate() {
        rows.push(rows::row(app, asked.event, at, (at + 1, name, total), most).await?);
    }
    // Someone who searches for a name without counts may want to create it.
    let begin =
        Name::of(Event::HIT, &text).ok().filter(|_| found.next.is_none() && asked.event == Event::HIT);
    Ok(context! {
        text,
        rows,
        begin => begin.map(|name| page_path(name.as_ref())),
        next => found.next.map(|next| asked.looking_from(&next)),
        back => asked.with_period(asked.period),
    })
}
