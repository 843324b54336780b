//! `tallymark show NAME`: what the store has counted for one name.

use super::{CommonFlags, block_on, out};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tallymark_core::{Day, Event, Name};
use tallymark_ingest::source::now;
use tallymark_store::Step;
use thousands::Separable;

/// The counts of one name: in total, today, and day by day.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The name, decoded: owner/repo.
    #[arg(value_parser = name)]
    name: Name,
    /// What happened to it.
    #[arg(long, default_value = "hit", value_parser = event)]
    event: Event,
    /// How many days back.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3660))]
    days: u16,
}

fn name(text: &str) -> Result<Name, String> {
    // The aggregate over all names is allowed as well.
    if text == tallymark_core::ALL {
        return Ok(Name::all());
    }
    Name::new(text).map_err(|error| error.to_string())
}

pub(super) fn event(text: &str) -> Result<Event, String> {
    Event::new(text.as_bytes()).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct NameCounts<'a> {
    name: &'a str,
    event: &'a str,
    total: i64,
    today: i64,
    days: Vec<DayCount>,
}

#[derive(Serialize)]
struct DayCount {
    date: String,
    count: i64,
}

impl Show {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        block_on(async {
            let store = common.existing_store(&config).await?;
            let today = now().day().0;
            let total = store.total(self.event, &self.name).await?;
            let from = today - i32::from(self.days) + 1;
            let days = store.series(self.event, &self.name, Step::Day, from, today + 1).await?;
            let of_today = days.iter().find(|&&(day, _)| day == today).map_or(0, |&(_, count)| count);
            let days =
                days.into_iter().map(|(day, count)| DayCount { date: Day(day).to_string(), count }).collect();
            let (name, event) = (self.name.as_str(), self.event.as_str());
            let counts = NameCounts { name, event, total, today: of_today, days };
            if common.json { out::json(&counts) } else { people(&counts) }
        })
    }
}

fn people(counts: &NameCounts<'_>) -> Result<()> {
    let NameCounts { name, event, total, today, days } = counts;
    let plural = if *total == 1 { "" } else { "s" };
    let mut text = format!("{}: {} {event}{plural}", out::plain(name), total.separate_with_commas());
    text += &format!(", {} today (UTC)\n", today.separate_with_commas());
    if !days.is_empty() {
        let mut table = out::table(&["day", "count"]);
        for day in days {
            table.add_row([day.date.clone(), day.count.separate_with_commas()]);
        }
        text += &format!("{table}\n");
    }
    out::print(&text)
}
