//! `tallymark corrections` and `tallymark undo`: lists what was corrected, by whom and why, and reverses it.

use super::{CommonFlags, Misuse, block_on, correct, out};
use crate::{home, user};
use anyhow::{Result, anyhow, bail};
use clap::Args;
use tallymark_core::{
    CorrectedName, CorrectionRecord, CorrectionReport, Corrections as _, Event, MAX_CORRECTIONS,
    PastCorrection, past_corrections,
};
use tallymark_ingest::Corrector;
use thousands::Separable;
use uuid::Uuid;

/// How many names of a correction are shown.
const SHOWN: usize = 20;

/// List the corrections and pauses that the store remembers, the latest first: the last 1,000 parts, of at most 200 names each.
#[derive(Debug, Args)]
pub(super) struct CorrectionList {
    /// How many corrections.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// Undo a correction: what it has changed is changed back, and hits since then are kept.
#[derive(Debug, Args)]
pub(super) struct Undo {
    /// Which one, by the beginning of its id [default: the last one that is not undone].
    id: Option<String>,
    /// Why, for the log of corrections.
    #[arg(long, value_name = "TEXT", value_parser = correct::reason)]
    reason: Option<String>,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
}

impl CorrectionList {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        block_on(async {
            let store = common.existing_store(&config).await?;
            let mut past = past_corrections(store.corrections(MAX_CORRECTIONS).await?);
            past.truncate(self.limit);
            if common.json {
                return out::json(&past);
            }
            if past.is_empty() {
                return out::print("nothing was corrected\n");
            }
            out::print(&past.iter().map(listed).collect::<String>())
        })
    }
}

impl Undo {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        if !self.dry_run {
            user::may_write_store(&config.store)?;
        }
        block_on(async {
            let store = common.existing_store(&config).await?;
            let past = past_corrections(store.corrections(MAX_CORRECTIONS).await?);
            let id = match &self.id {
                Some(id) => named(&past, id)?,
                None => last(&past)?,
            };
            let corrector = Corrector::new(store.clone());
            let done = async {
                let done = match self.dry_run {
                    true => corrector.plan_undo(id, &correct::by(), self.reason.as_deref()).await,
                    false => corrector.undo(id, correct::by(), self.reason).await,
                };
                done.map_err(correct::why)
            };
            let done = home::remembering(&config, (!self.dry_run).then_some(&store), done).await?;
            report(common, &done.records, self.dry_run, &done.notes)
        })
    }
}

fn last(past: &[PastCorrection]) -> Result<Uuid> {
    let open = |past: &&PastCorrection| {
        let first = &past.parts[0];
        past.undone_by.is_none() && first.undoes.is_none() && !first.is_of_pause()
    };
    let last = past.iter().find(open).ok_or_else(|| anyhow!("there is nothing to undo"))?;
    Ok(last.parts[0].id)
}

/// The correction whose id begins like this.
fn named(past: &[PastCorrection], begins: &str) -> Result<Uuid> {
    let begins = begins.replace('-', "").to_ascii_lowercase();
    if begins.len() < 4 || !begins.bytes().all(|b| b.is_ascii_hexdigit()) {
        bail!(Misuse::because("an id is at least 4 hexadecimal digits: `tallymark corrections` lists them"));
    }
    let ids = past.iter().map(|past| past.parts[0].id);
    let mut found = ids.filter(|id| id.simple().to_string().starts_with(&begins));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => bail!("several corrections begin with {begins}: write more of the id"),
        (None, _) => bail!("no correction begins with {begins}: `tallymark corrections` lists them"),
    }
}

/// Says what was done.
pub(super) fn report(
    common: &CommonFlags,
    parts: &[CorrectionRecord],
    dry_run: bool,
    notes: &[String],
) -> Result<()> {
    let id = parts.first().map(|part| part.id).filter(|_| !dry_run);
    if common.json {
        return out::json(&CorrectionReport {
            id,
            dry_run,
            duplicate: false,
            parts: parts.to_vec(),
            notes: notes.to_vec(),
        });
    }
    let mut text = changes(parts);
    match (id, dry_run) {
        _ if parts.is_empty() => text += "nothing to change: it is so already\n",
        (_, true) => text += "nothing was written\n",
        (Some(id), _) if parts[0].undoes.is_none() => text += &way_back(id),
        _ => {}
    }
    text.extend(notes.iter().map(|note| format!("note: {note}\n")));
    out::print(&text)
}

/// The last line of the report about a correction.
pub(super) fn way_back(id: Uuid) -> String {
    let id = short(id);
    format!("correction {id}; to take it back: tallymark undo {id}\n")
}

fn changes(parts: &[CorrectionRecord]) -> String {
    let changed: Vec<&CorrectedName> = parts.iter().flat_map(|part| &part.changed).collect();
    let mut text: String = changed.iter().take(SHOWN).map(|changed| line(changed)).collect();
    if changed.len() > SHOWN {
        let before = changed.iter().filter_map(|changed| changed.before).fold(0, i64::saturating_add);
        let after = changed.iter().filter_map(|changed| changed.after).fold(0, i64::saturating_add);
        text += &format!(
            "and {} more; {} in all, before {}\n",
            out::counted((changed.len() - SHOWN) as u64, "name"),
            after.separate_with_commas(),
            before.separate_with_commas()
        );
    }
    text
}

fn line(changed: &CorrectedName) -> String {
    let CorrectedName { event, name, before, after, .. } = changed;
    let noun = |count: i64| {
        let event =
            Event::new(event.as_bytes()).map_or_else(|_| event.clone(), |it| it.noun(count).to_owned());
        format!("{} {event}", count.separate_with_commas())
    };
    let name = out::plain(name);
    match (before, after) {
        (Some(before), Some(after)) => {
            format!("{name}: {}, before {}\n", noun(*after), before.separate_with_commas())
        }
        (None, Some(after)) => format!("{name}: {}, new\n", noun(*after)),
        (Some(before), None) => format!("{name}: gone, before {}\n", noun(*before)),
        (None, None) => format!("{name}: gone\n"),
    }
}

/// One correction, for people.
fn listed(past: &PastCorrection) -> String {
    let first = &past.parts[0];
    let CorrectionRecord {
        id, at, by, action, name, event, to, count, stretch, until, reason, undoes, ..
    } = first;
    let mut text = format!("{} {at} {} {action} {}", short(*id), out::plain(by), out::plain(name));
    if let Some(to) = to {
        text += &format!(" {}", out::plain(to));
    }
    if let Some(count) = count {
        text += &format!(" {count}");
    }
    if let Some(event) = event.as_ref().filter(|event| *event != Event::HIT.as_str()) {
        text += &format!(" --event {event}");
    }
    if let Some(stretch) = stretch {
        text += &format!(" ({stretch})");
    }
    if let Some(until) = until {
        text += &format!(" (until {until})");
    }
    if let Some(undoes) = undoes {
        text += &format!(" (undoes {})", short(*undoes));
    }
    if let Some(undone_by) = past.undone_by {
        text += &format!(" (undone by {})", short(undone_by));
    }
    if past.undone_in_part_by.is_some() {
        let id = short(*id);
        text += &format!(" (undone in part: `tallymark undo {id}` does the rest)");
    }
    text.push('\n');
    if let Some(reason) = reason {
        text += &format!("    {}\n", out::plain(reason));
    }
    changes(&past.parts).lines().fold(text, |text, line| text + "    " + line + "\n")
}

/// The beginning of an id, as it is accepted.
fn short(id: Uuid) -> String {
    id.simple().to_string().chars().take(8).collect()
}
