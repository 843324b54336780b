//! `tallymark top`: the busiest names of a period, counted now from the whole store.
//!
//! It needs no daemon. Slices of the store are read one after the other without a rest between them, so with millions
//! of names it keeps Redis busy for a few seconds. The dashboard shows the same, slightly older, at no cost.

use super::{CommonFlags, block_on, out, show};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tallymark_core::{Event, Name, Period};
use tallymark_ingest::source::now;
use tallymark_rankings::busiest;
use tallymark_store::{NetLikes, StoreRead};
use thousands::Separable;

/// The busiest names.
#[derive(Debug, Args)]
pub(super) struct Top {
    /// Since when, in UTC: all, month, week (from Sunday), day or today; hour (the last 60 minutes) or minute (the last
    /// two, the running one included).
    #[arg(long, default_value = "all", value_parser = period)]
    period: Period,
    /// What happened to them.
    #[arg(long, default_value = "hit", value_parser = show::event)]
    event: Event,
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    names: u16,
}

fn period(text: &str) -> Result<Period, String> {
    let unknown = || format!("{text:?} is not all, month, week, day, today, hour or minute");
    // What badges call it.
    Period::read(if text == "today" { "day" } else { text }).ok_or_else(unknown)
}

#[derive(Serialize)]
struct RankedNames<'a> {
    event: &'a str,
    period: &'a str,
    counters: Vec<RankedName<'a>>,
}

#[derive(Serialize)]
struct RankedName<'a> {
    name: &'a str,
    count: i64,
}

impl Top {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        let (counts, others) = block_on(async {
            let store = NetLikes::over(common.existing_store(&config).await?);
            let counts = busiest(&store, self.event, self.period, now()).await?;
            if counts.is_empty()
                && let Some(why) = show::no_such_event(&store, self.event).await?
            {
                tracing::warn!("{why}");
            }
            let others = if common.json { None } else { others(&store, self.event).await? };
            Ok((counts, others))
        })?;
        let counts = &counts[..counts.len().min(usize::from(self.names))];
        if common.json {
            let counters =
                counts.iter().map(|(name, count)| RankedName { name: name.as_str(), count: *count });
            let counters = counters.collect();
            return out::json(&RankedNames {
                event: self.event.as_str(),
                period: self.period.word(),
                counters,
            });
        }
        out::print(&(people(counts) + &others.unwrap_or_default()))
    }
}

/// What else this store has: a line of its totals. Hits are not all that is counted.
async fn others(store: &dyn StoreRead, event: Event) -> Result<Option<String>> {
    let others = show::other_totals(store, &Name::all(), event).await?;
    Ok(others.map(|(list, most)| format!("also counted: {list} (add --event {most})\n")))
}

fn people(counts: &[(Name, i64)]) -> String {
    if counts.is_empty() {
        return "no name was counted in this period\n".to_owned();
    }
    let mut table = out::table(&["#", "name", "count"]);
    for (at, (name, count)) in counts.iter().enumerate() {
        table.add_row([(at + 1).to_string(), out::plain(name.as_str()), count.separate_with_commas()]);
    }
    out::drawn(table, out::terminal_width())
}
