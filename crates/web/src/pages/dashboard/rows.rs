//! The rows of a ranking: counts, bars, and sparklines of 30 days for the first of them.

use super::query::{DashboardQuery, Order};
use crate::pages::language::fill;
use crate::{name::event_page_path, pages::bar, state::App};
use minijinja::{Value, context};
use std::fmt::Write;
use tallymark_badge::number::group;
use tallymark_core::{Event, Name, Period, Step, Window};
use tallymark_rankings::Ranking;
use tallymark_store::{Result, or_nothing};

/// How many rows have a sparkline: each needs a separate read.
const SPARKS: usize = 25;
/// The size of a sparkline, in units of its picture.
const WIDE: i64 = 116;
const HIGH: i64 = 16;

/// One name of a list with its place in it and its count.
pub(super) type Ranked<'a> = (usize, &'a Name, i64);

pub(super) async fn values(app: &App, asked: &DashboardQuery, ranking: &Ranking) -> Result<Vec<Value>> {
    let first = ranking.entries.iter().take(asked.rows).enumerate();
    let mut rows: Vec<Ranked<'_>> = first.map(|(at, (name, count))| (at + 1, name, *count)).collect();
    let most = rows.first().map_or(1, |&(_, _, count)| count.max(1));
    match (asked.order, asked.ascending) {
        (Order::Hits, false) => {}
        (Order::Hits, true) => rows.reverse(),
        (Order::Name, ascending) => {
            rows.sort_by_cached_key(|(_, name, _)| (name.as_str().to_lowercase(), (*name).clone()));
            if !ascending {
                rows.reverse();
            }
        }
    }
    let names: Vec<Name> = rows.iter().map(|&(_, name, _)| name.clone()).collect();
    let totals = match asked.period {
        Period::All => rows.iter().map(|&(_, _, count)| count).collect(),
        _ => app.store.totals(asked.event, &names).await?,
    };
    let mut shown = Vec::with_capacity(rows.len());
    for (at, (&ranked, total)) in rows.iter().zip(totals).enumerate() {
        let row = row(app, asked.event, at, ranked, most).await?;
        shown.push(context! { total, ..row });
    }
    Ok(shown)
}

/// What a row shows of a name: its place, its count, its bar relative to the largest, and its line.
pub(super) async fn row(
    app: &App,
    event: Event,
    at: usize,
    (rank, name, count): Ranked<'_>,
    most: i64,
) -> Result<Value> {
    let spark = if at < SPARKS { Some(spark(app, event, name).await?) } else { None };
    Ok(context! {
        rank,
        name => name.as_str(),
        link => event_page_path(name.as_ref(), event),
        count,
        bar => bar(count, most),
        spark,
    })
}

async fn spark(app: &App, event: Event, name: &Name) -> Result<Value> {
    let days = Window::Days30.buckets((app.now)());
    let found = or_nothing(app.store.series(event, name, Step::Day, days.first, days.last + 1).await)?;
    let counts = days.fill(found.into_iter().map(|(day, count)| (day, count.max(0))));
    let sum = counts.iter().fold(0i64, |sum, &count| sum.saturating_add(count));
    Ok(context! { path => path(&counts), said => fill("{} in the last 30 days", &[&group(sum)]) })
}

/// A line from the oldest to the newest count, two units above the bottom.
fn path(counts: &[i64]) -> String {
    let most = i128::from(counts.iter().copied().max().unwrap_or(0).max(1));
    let last = counts.len().saturating_sub(1).max(1) as i64;
    let mut path = String::new();
    for (at, &count) in counts.iter().enumerate() {
        // In tenths, so that no rounding differs between machines.
        let x = WIDE * 10 * at as i64 / last;
        let y = (HIGH + 2) * 10 - (i128::from(count) * i128::from(HIGH * 10) / most) as i64;
        // `write!` to a String cannot fail.
        let _ =
            write!(path, "{}{}.{} {}.{}", if at == 0 { 'M' } else { 'L' }, x / 10, x % 10, y / 10, y % 10);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_stays_in_its_room_whatever_the_counts() {
        assert_eq!(path(&[0, 5, 10]), "M0.0 18.0L58.0 10.0L116.0 2.0");
        assert_eq!(path(&[0, 0]), "M0.0 18.0L116.0 18.0");
        assert_eq!(path(&[i64::MAX, i64::MAX]), "M0.0 2.0L116.0 2.0");
        assert_eq!(path(&[]), "");
    }
}
