//! `tallymark pause`: names that are not counted for a while.

use super::{CommonFlags, block_on, correct, out};
use crate::{config::duration_within, home, user};
use anyhow::Result;
use clap::Args;
use std::{path::Path, time::Duration};
use tallymark_core::{Glob, Now};
use tallymark_ingest::{Corrector, source::now};
use tallymark_store::owner::shell_word;

/// Do not count a name for a while. Its badge is still shown. Every daemon that uses the store follows within seconds,
/// and a restart does not end the pause. See `tallymark help deny`.
#[derive(Debug, Args)]
pub(super) struct Pause {
    /// The name, decoded, or a pattern of names: spam/*
    #[arg(value_name = "NAME|GLOB", value_parser = names)]
    names: Glob,
    /// For how long from now: 30m, 12h, 7d. Another pause of the same names takes its place.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, required_unless_present = "end")]
    length: Option<Duration>,
    /// Resume counting.
    #[arg(long, conflicts_with = "length")]
    end: bool,
    /// Why, for the log of corrections.
    #[arg(long, value_name = "TEXT", value_parser = correct::reason)]
    reason: Option<String>,
}

fn names(text: &str) -> Result<Glob, String> {
    Glob::new(text).map_err(|why| why.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_secs(1), Duration::from_secs(366 * 86_400))
}

impl Pause {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        user::may_write_store(&config.store)?;
        let until = self.length.map(|length| {
            let ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
            Now { unix_ms: now().unix_ms.saturating_add(ms) }
        });
        block_on(async {
            let store = common.existing_store(&config).await?;
            let corrector = Corrector::new(store.clone());
            let pause = async {
                corrector.pause(&self.names, until, correct::by(), self.reason).await.map_err(correct::why)
            };
            let record = home::remembering(&config, Some(&store), pause).await?;
            if common.json {
                return out::json(&record);
            }
            let shown = out::plain(self.names.as_str());
            out::print(&match record.until {
                Some(until) => format!(
                    "{shown} is not counted until {until}\nto end that: tallymark pause {} --end\n",
                    shell_word(Path::new(self.names.as_str()))
                ),
                None => format!("{shown} is counted again\n"),
            })
        })
    }
}
