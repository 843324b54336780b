//! `tallymark explain NAME`: why hits of a name do not count, from what the configuration, the store and the running daemon
//! know.

use super::{CommonFlags, block_on, health, out, show};
use crate::{
    config::Config,
    tailing::{EXPLAIN, SOCKET},
};
use anyhow::{Context, Result};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};
use tallymark_core::{Event, Hit, Name, When};
use tallymark_ingest::{Refusals, source::now};
use tallymark_store::owner::shell_word;
use thousands::Separable;

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Say why hits of a name are not counted: the deny list, pauses, the limit on names, and what the running daemon has
/// refused of the name, by reason and time.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The name, decoded: owner/repo.
    name: String,
    /// What happened to it.
    #[arg(long, default_value = "hit", value_parser = show::event)]
    event: Event,
}

/// What was refused for one reason since the daemon started.
#[derive(Debug, Serialize, Deserialize)]
struct RefusedFor {
    reason: String,
    why: String,
    count: u64,
    first: String,
    last: String,
}

#[derive(Serialize)]
struct Explanation {
    name: String,
    event: String,
    total: i64,
    /// Why the configuration does not count it.
    denied: bool,
    paused_until: Option<String>,
    /// The name or pattern that was paused.
    paused_as: Option<String>,
    /// It is new, and there are as many names as there may be.
    no_room: bool,
    /// None if no daemon was found.
    refused: Option<Vec<RefusedFor>>,
    /// What the daemon says is wrong, such as a log whose lines it cannot read.
    degraded: Vec<String>,
}

impl Explain {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        let name = Name::of(self.event, &self.name).map_err(|why| {
            super::Misuse::because(format!(
                "{} is not a name, so no hit of it can count: {why} (`tallymark help names`)",
                out::plain(&self.name)
            ))
        })?;
        let refused = ask(&config, &name)?;
        block_on(async {
            let store = common.existing_store(&config).await?;
            let total = store.total(self.event, &name).await?;
            let known =
                total > 0 || store.has(self.event, std::slice::from_ref(&name)).await?.contains(&true);
            let no_room = !known && store.name_count(self.event).await? >= config.names.names;
            let refusals = Refusals::default();
            refusals.fetch_pauses(&*store).await?;
            let hit = Hit::one(self.event, name.as_ref(), When::Day(now().day()));
            let pause = refusals.pause_of(name.as_str(), now());
            let explanation = Explanation {
                name: self.name,
                event: self.event.to_string(),
                total,
                denied: config.deny.refusal(&hit).is_some(),
                paused_until: pause.as_ref().map(|pause| pause.until.to_rfc3339()),
                paused_as: pause.map(|pause| pause.names.as_str().to_owned()),
                no_room,
                degraded: match refused {
                    Some(_) => health::readiness(&config.http.listen)
                        .await
                        .map_or_else(|_| Vec::new(), |(_, it, _)| it.reasons),
                    None => Vec::new(),
                },
                refused,
            };
            if common.json {
                return out::json(&explanation);
            }
            out::print(&people(&explanation, self.event, config.names.names))
        })
    }
}

/// What the daemon on this data directory has refused; `None` if none runs.
fn ask(config: &Config, name: &Name) -> Result<Option<Vec<RefusedFor>>> {
    let Ok(mut stream) = UnixStream::connect(config.data_dir.join(SOCKET)) else { return Ok(None) };
    let mut answer = String::new();
    let mut asked = || {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{EXPLAIN}{}\n", name.as_str()).as_bytes())?;
        BufReader::new(&stream).read_line(&mut answer)
    };
    asked().context("asking the daemon what it has refused")?;
    Ok(Some(serde_json::from_str(&answer).context("the daemon gave an unexpected answer")?))
}

fn people(explanation: &Explanation, event: Event, most: u64) -> String {
    let Explanation { name, total, denied, paused_until, paused_as, no_room, refused, degraded, .. } =
        explanation;
    let mut text =
        format!("{}: {} {} counted\n", out::plain(name), total.separate_with_commas(), event.noun(*total));
    if *denied {
        text += "not counted now: its name is in [deny] names (`tallymark help deny`)\n";
    }
    if let (Some(until), Some(names)) = (paused_until, paused_as) {
        text += &format!(
            "not counted until {until}: it is paused; to end that: tallymark pause {} --end\n",
            shell_word(Path::new(names))
        );
    }
    if *no_room {
        text += &format!(
            "not counted under its name: it is new, and there are {} names, as many as [limits] names allows\n",
            most.separate_with_commas()
        );
    }
    match refused.as_deref() {
        None => text += "no daemon was found on this data directory, so what it has refused is not known\n",
        Some([]) if *total == 0 && !denied && !no_room && paused_until.is_none() => {
            text += "the daemon has refused nothing of it since it started, so no request of it has come: compare the name with \
                     the address of the badge, and see with `tallymark doctor` whether hits arrive at all\n";
        }
        Some([]) => text += "the daemon has refused nothing of it since it started\n",
        Some(refused) => {
            let mut table = out::table(&["refused", "times", "first", "last"]);
            for RefusedFor { reason, count, first, last, .. } in refused {
                table.add_row([reason.clone(), count.separate_with_commas(), first.clone(), last.clone()]);
            }
            text += &out::drawn(table, out::terminal_width());
        }
    }
    for reason in degraded {
        text += &format!("the daemon says: {}\n", out::plain(reason));
    }
    text + "Lines in which no name could be read are not here: `tallymark tail --rejected` shows them. Nor is what nginx does not \
            log: errors, HEAD, prefetches, and addresses with count=false.\n"
}
