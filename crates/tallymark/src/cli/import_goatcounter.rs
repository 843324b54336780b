//! `tallymark import goatcounter`: the page views of an export of GoatCounter, once.

use super::{CommonFlags, block_on, import, import_jsonl::Fate, lines, out, show};
use crate::{home, progress, user};
use anyhow::{Result, anyhow, bail};
use clap::Args;
use serde::Serialize;
use std::{fs::File, path::PathBuf, sync::Arc};
use tallymark_core::Event;
use tallymark_ingest::{
    Errand,
    import::{
        ContentCourse,
        goatcounter::{GoatError, GoatExport, GoatFindings, GoatMapping},
    },
    source::now,
};
use tallymark_store::Store;
use thousands::Separable;

/// Counts the page views of an export: its CSV (versions 1 and 2), packed or not, or the zip file of its JSON export. The
/// name is the path as GoatCounter has it, such as `/a.html`. The same export counts once, also after an import that was
/// interrupted. Referrers, browsers, places and sessions are not taken over. See `tallymark help moving`.
#[derive(Debug, Args)]
pub(super) struct ImportGoatcounter {
    /// The file that GoatCounter made: goatcounter-export-*.csv.gz or .zip.
    file: PathBuf,
    /// What a page view counts as.
    #[arg(long, default_value = "hit", value_parser = show::event)]
    event: Event,
    /// What an event of GoatCounter counts as; its name is the name here.
    #[arg(long, default_value = "click", value_parser = show::event)]
    clicks: Event,
    /// What is put in front of every path: `example.org` makes example.org/a.html of /a.html.
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,
    /// Count the page views of bots, too. (The JSON export has none.)
    #[arg(long)]
    bots: bool,
    /// Only check the file, and show what would be counted.
    #[arg(long)]
    dry_run: bool,
    /// Add all of it to what was imported from GoatCounter before.
    #[arg(long)]
    again: bool,
}

/// What was done.
#[derive(Serialize)]
struct GoatReport<'a> {
    file: &'a PathBuf,
    id: Option<String>,
    state: Fate,
    #[serde(flatten)]
    findings: &'a GoatFindings,
    /// The number of the last batch.
    batches: u64,
    /// How many of them were in the store before.
    before: u64,
    /// And how many this run has brought there.
    applied: u64,
}

impl ImportGoatcounter {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        if !self.dry_run {
            user::may_write_store(&config.store)?;
        }
        let mapping = GoatMapping {
            pages: self.event,
            clicks: self.clicks,
            prefix: self.prefix.clone(),
            bots: self.bots,
        };
        let mut file = lines::open_again(&self.file).map_err(|error| lines::unreadable(error, &self.file))?;
        let bar = progress::bar("checking", file.metadata()?.len());
        let export = GoatExport::read(&mut file, mapping, now(), &|read| bar.inc(read));
        bar.finish_and_clear();
        let export = export.map_err(|error| self.advised(error))?;
        block_on(async {
            let none = self.dry_run && common.existing_store(&config).await.is_err();
            let report = match none {
                true => self.report(&export, Fate::DryRun),
                false => {
                    let store = import::open_store(&config, self.dry_run).await?;
                    let count = self.count(&export, &mut file, &store);
                    home::remembering(&config, (!self.dry_run).then_some(&store), count).await?
                }
            };
            if common.json { out::json(&report) } else { out::print(&people(&report)) }
        })
    }

    async fn count<'a>(
        &'a self,
        export: &'a GoatExport,
        file: &mut File,
        store: &Arc<dyn Store>,
    ) -> Result<GoatReport<'a>> {
        let positions = store.positions(None).await?;
        let course = export.course(&positions, self.again).map_err(|error| self.advised(error))?;
        let instance = match course {
            ContentCourse::Counted(instance) => {
                let counted = self.report(export, Fate::AlreadyImported);
                return Ok(GoatReport { id: Some(instance.to_string()), ..counted });
            }
            ContentCourse::Count(instance) => instance,
        };
        let before = store.applied(instance).await?;
        let id = Some(instance.to_string());
        if self.dry_run || export.findings().hits == 0 {
            let state = if self.dry_run { Fate::DryRun } else { Fate::NothingToCount };
            return Ok(GoatReport { id, before, ..self.report(export, state) });
        }
        let mut into = Errand::new(store.clone(), instance);
        let bar = progress::bar("counting", file.metadata()?.len());
        let looked = |read| bar.inc(read);
        let mut pouring = export.pour(file, instance, &looked).map_err(|error| self.advised(error))?;
        loop {
            let batches = pouring.next_batches().map_err(|error| self.advised(error))?;
            if batches.is_empty() {
                break;
            }
            into.apply(&batches).await.map_err(import::why)?;
        }
        bar.finish_and_clear();
        import::warn_of_quarantined(&into);
        let before = into.claimed().map_or(before, |claim| claim.marker);
        let (batches, applied) = (pouring.batches(), into.applied());
        if before > batches {
            bail!(
                "the store has more batches of this import than it makes: an earlier version cut it in another way"
            );
        }
        let state = if before > 0 { Fate::Finished } else { Fate::Imported };
        Ok(GoatReport { id, batches, before, applied, ..self.report(export, state) })
    }

    fn report<'a>(&'a self, export: &'a GoatExport, state: Fate) -> GoatReport<'a> {
        let findings = export.findings();
        GoatReport { file: &self.file, id: None, state, findings, batches: 0, before: 0, applied: 0 }
    }

    /// The error with what helps.
    fn advised(&self, error: GoatError) -> anyhow::Error {
        let file = self.file.display();
        match error {
            GoatError::Io(error) => lines::unreadable(error, &self.file)
                .context("the file cannot be read; nothing more was counted"),
            GoatError::OtherContent => anyhow!(
                "{error} (--again adds all of this one; if it is of another site, --prefix keeps the names apart)"
            ),
            GoatError::Changed => anyhow!("{file}: {error}; import a copy of it with --again"),
            error => anyhow!("{file}: {error}; nothing was counted"),
        }
    }
}

fn people(report: &GoatReport<'_>) -> String {
    let file = out::plain(&report.file.display().to_string());
    let findings = report.findings;
    let hits = out::counted(findings.hits, "hit");
    let said = match report.state {
        Fate::Imported => format!("imported {hits}"),
        Fate::Finished => format!("imported the rest; {hits} in all, each counted once"),
        Fate::AlreadyImported => {
            format!("already imported ({hits}); nothing was counted (--again adds it once more)")
        }
        Fate::NothingToCount => "nothing in it counts".to_owned(),
        Fate::DryRun if report.before > 0 => format!(
            "would import the rest of {hits}, because an earlier import was interrupted; nothing was written"
        ),
        Fate::DryRun => format!("would import {hits}; nothing was written"),
    };
    let refused: u64 = findings.rejected.values().sum();
    let mut text = format!(
        "{file}: {said}\n  {}: {} accepted, {} rejected\n",
        out::counted(findings.received, "row"),
        findings.accepted.separate_with_commas(),
        refused.separate_with_commas(),
    );
    for (label, count) in &findings.rejected {
        let explained = findings.explained.get(label).copied().unwrap_or_default();
        text += &format!("    {label}: {}  ({explained})\n", count.separate_with_commas());
    }
    for (line, why) in &findings.told {
        text += &format!("  line {line}: {why}\n");
    }
    let bots = findings.rejected.get("bot").copied().unwrap_or(0);
    let more = refused.saturating_sub(bots).saturating_sub(findings.told.len() as u64);
    if more > 0 {
        text += &format!("  and {} more rows that could not be read\n", more.separate_with_commas());
    }
    text
}
