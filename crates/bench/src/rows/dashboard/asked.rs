//! The requests: every route of `/api/v1` that reads, the six tabs, searches, and the pages of names.

use crate::{
    load::{self, Load, Spread},
    median::percentile,
    ours::Ours,
};
use anyhow::Context;
use std::{collections::BTreeMap, time::Instant};
use tallymark_core::Day;
use tallymark_testbed::http::Client;

/// The periods of a ranking.
pub(super) const PERIODS: [&str; 6] = ["all", "month", "week", "day", "hour", "minute"];

/// `NAME` and `OTHER` are other names every time, `AFTER` is a page in the middle, and dates are days before today. The
/// series are the longest that are answered, and the usual ones.
const PATHS: [&str; 40] = [
    "/",
    "/?period=month",
    "/?period=week",
    "/?period=day",
    "/?period=hour",
    "/?period=minute",
    "/?period=day&sort=name&rows=1000",
    "/?search=repo-77",
    "/?search=no-name-has-this",
    "/compare?name=NAME&name=OTHER",
    "/compare?name=NAME&name=OTHER&period=24h",
    "/compare?name=NAME&name=OTHER&period=all",
    "/repo/NAME",
    "/repo/NAME?period=24h",
    "/repo/NAME?period=12mo",
    "/repo/NAME?period=all",
    "/graph/NAME.svg?period=90d",
    "/api/v1/summary",
    "/api/v1/counters",
    "/api/v1/counters?limit=1000",
    "/api/v1/counters?limit=1000&after=AFTER",
    "/api/v1/counters?limit=1000&prefix=owner5",
    "/api/v1/counters?limit=1000&search=repo-77",
    "/api/v1/counters?search=no-name-has-this",
    "/api/v1/counters?sort=count&limit=1000",
    "/api/v1/counters?sort=count&limit=1000&period=month",
    "/api/v1/counters?sort=count&limit=1000&period=week",
    "/api/v1/counters?sort=count&limit=1000&period=day",
    "/api/v1/counters?sort=count&limit=1000&period=hour",
    "/api/v1/counters?sort=count&limit=1000&period=minute",
    "/api/v1/counters/NAME",
    "/api/v1/counters/NAME/series?step=minute",
    "/api/v1/counters/NAME/series?step=hour",
    "/api/v1/counters/NAME/series?step=day",
    "/api/v1/counters/NAME/series?step=month",
    "/api/v1/counters/NAME/series?step=minute&from=2-DAYS-AGO",
    "/api/v1/counters/NAME/series?step=hour&from=200-DAYS-AGO",
    "/api/v1/counters/NAME/series?step=day&from=4900-DAYS-AGO",
    "/api/v1/counters/NAME/series?step=month&from=1970-01-01",
    "/api/v1/counters/NAME/series.csv?step=hour&from=200-DAYS-AGO",
];

/// Milliseconds of every answer, path by path, and the ages of rankings in seconds.
#[derive(Default)]
pub(super) struct Times {
    by_path: Vec<(&'static str, Vec<f64>)>,
    ages: BTreeMap<&'static str, Vec<f64>>,
}

/// One reader, who asks for the next as soon as one is answered.
pub(super) fn ask(
    ours: &Ours,
    names: u32,
    going: &dyn Fn() -> bool,
    times: &mut Times,
) -> anyhow::Result<()> {
    let mut client = Client::connect(ours.http);
    let after = middle(&mut client)?;
    let picks = Load { names, spread: Spread::LogUniform, count: 100_000, rate: None, seed: 3 };
    let mut picks = load::picks(&picks).into_iter().cycle().map(load::name);
    let mut next = || picks.next().unwrap_or_default();
    times.by_path = PATHS.map(|path| (path, Vec::new())).to_vec();
    while going() {
        for (pattern, times_of) in &mut times.by_path {
            let path = with_dates(pattern).replace("NAME", &next()).replace("OTHER", &next());
            let path = path.replace("AFTER", &after);
            let begun = Instant::now();
            let answer = client.get(&path);
            times_of.push(begun.elapsed().as_secs_f64() * 1e3);
            anyhow::ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.text());
            if let Some((_, period)) = pattern.split_once("sort=count&limit=1000") {
                let period = period.split_once("period=").map_or("all", |(_, period)| period);
                let age = answer
                    .text()
                    .split_once("\"age_seconds\":")
                    .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
                times.ages.entry(period).or_default().push(age.context("a ranking without an age")?);
            }
        }
    }
    Ok(())
}

/// Where a page in the middle of the list begins.
fn middle(client: &mut Client) -> anyhow::Result<String> {
    let mut path = "/api/v1/counters?limit=1000&prefix=owner5".to_owned();
    for _ in 0..3 {
        let answer = client.get(&path);
        let next = answer.text().rsplit_once("\"next\":\"").and_then(|(_, rest)| rest.split('"').next());
        path = format!("/api/v1/counters?limit=1000&after={}", next.context("a list without a next page")?);
    }
    Ok(path.rsplit_once('=').map(|(_, after)| after.to_owned()).unwrap_or_default())
}

fn with_dates(pattern: &str) -> String {
    let Some((before, rest)) = pattern.split_once("from=") else { return pattern.to_owned() };
    let Some(days) = rest.strip_suffix("-DAYS-AGO").and_then(|days| days.parse::<i32>().ok()) else {
        return pattern.to_owned();
    };
    format!("{before}from={}", Day(tallymark_ingest::source::now().day().0 - days))
}

impl Times {
    pub(super) fn paths(&self) -> usize {
        self.by_path.len()
    }

    pub(super) fn ages(&self, period: &str) -> &[f64] {
        self.ages.get(period).map_or(&[], Vec::as_slice)
    }

    /// Every time, and the p99 of the slowest path with that path.
    pub(super) fn summary(&self) -> (Vec<f64>, f64, &'static str) {
        let of_path = self.by_path.iter().map(|(path, times)| (percentile(times, 0.99), *path));
        let (worst, path) = of_path.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default();
        (self.by_path.iter().flat_map(|(_, times)| times).copied().collect(), worst, path)
    }

    pub(super) fn print(&self, kind: &str) {
        for (path, times) in &self.by_path {
            let of = |share| percentile(times, share);
            println!(
                "  {kind} {path}: p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms of {}",
                of(0.5),
                of(0.99),
                of(1.0),
                times.len()
            );
        }
    }
}
