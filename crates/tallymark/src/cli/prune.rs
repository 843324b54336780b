//! `tallymark store prune`: shows by level what is past its retention, and deletes it if --delete is given.

use super::{CommonFlags, block_on, out};
use crate::{config::units, home, user};
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;
use tallymark_store::{Level, Retention, TooOld};
use thousands::Separable;

/// Show what is past its retention: that of the configuration, or that of these flags, to see what a shorter one would delete. Nothing is deleted without --delete. Totals always stay as they are.
#[derive(Debug, Args)]
pub(super) struct Prune {
    /// How long counts per minute are kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    minute: Option<Duration>,
    /// How long counts per hour are kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    hour: Option<Duration>,
    /// How long counts per day are kept. With a day go its hours, minutes and visitors.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    day: Option<Duration>,
    /// How long the numbers of visitors of a day are kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    visitors: Option<Duration>,
    /// How long last visits are kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    visit: Option<Duration>,
    /// Delete it. This cannot be undone.
    #[arg(long)]
    delete: bool,
}

/// A level, how long it is kept, and what is older.
type PrunedLevel = (Level, Option<Duration>, TooOld);

impl Prune {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        if self.delete {
            user::may_write_store(&config.store)?;
        }
        let retention = self.retention(config.retention);
        block_on(async {
            let store = common.existing_store(&config).await?;
            let mut rows: Vec<PrunedLevel> = Vec::new();
            for level in Level::EVERY {
                let aged = match retention.of(level) {
                    Some(keep) => store.aged(level, keep).await?,
                    None => TooOld::default(),
                };
                rows.push((level, retention.of(level), aged));
            }
            if self.delete {
                let delete = async {
                    for (level, keep, aged) in &rows {
                        if let (Some(keep), true) = (keep, aged.entries > 0) {
                            store.clear_aged(*level, *keep).await?;
                        }
                    }
                    Ok(())
                };
                home::remembering(&config, Some(&store), delete).await?;
            }
            if common.json {
                return out::json(&self.json(&rows));
            }
            out::print(&self.people(&rows))
        })
    }

    fn retention(&self, configured: Retention) -> Retention {
        Retention {
            minute: self.minute.unwrap_or(configured.minute),
            hour: self.hour.unwrap_or(configured.hour),
            visitors: self.visitors.unwrap_or(configured.visitors),
            day: self.day.or(configured.day),
            visit: self.visit.or(configured.visit),
            ..configured
        }
    }

    fn json(&self, rows: &[PrunedLevel]) -> Value {
        let level = |(level, keep, aged): &PrunedLevel| {
            json!({
                "level": level.to_string(),
                "kept_seconds": keep.map(|keep| keep.as_secs()),
                "older": aged.entries,
                "oldest": aged.oldest.map(|day| day.to_string()),
            })
        };
        json!({"deleted": self.delete, "levels": rows.iter().map(level).collect::<Vec<_>>()})
    }

    fn people(&self, rows: &[PrunedLevel]) -> String {
        let mut table = out::table(&["level", "kept for", "older than that", "the oldest"]);
        for (level, keep, aged) in rows {
            let keep = keep.map_or_else(|| "no limit".to_owned(), units::written);
            let oldest = aged.oldest.map_or_else(|| "-".to_owned(), |day| day.to_string());
            table.add_row([level.to_string(), keep, aged.entries.separate_with_commas(), oldest]);
        }
        let is_any = rows.iter().any(|(_, _, aged)| aged.entries > 0);
        let said = match (is_any, self.delete) {
            (false, _) => "Nothing is past its retention.\n",
            (true, true) => "It was deleted. Totals are unchanged.\n",
            (true, false) => {
                "Nothing was deleted. With --delete, this command deletes it now; `[retention]` in the configuration \
                 bounds what is kept from then on (`tallymark help privacy`). Totals stay as they are.\n"
            }
        };
        out::drawn(table, out::terminal_width()) + said
    }
}
