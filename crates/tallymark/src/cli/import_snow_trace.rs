//! `tallymark import snow-trace`: the totals and the history of a snow-trace data directory, once.

use super::{CommonFlags, block_on, import, out};
use crate::{
    config::{BadConfig, Config},
    home, progress, user,
};
use anyhow::{Result, anyhow, bail};
use clap::Args;
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tallymark_ingest::{
    Errand,
    import::{
        ContentCourse,
        snow_trace::{SnowTrace, SnowTraceError, TraceFindings, TraceSums},
    },
    source::now,
};
use tallymark_store::Store;
use thousands::Separable;

/// Counts the totals of counters.json and likes.json as visits and likes, on the days and minutes from the logs. The
/// same content is counted once, also after an interrupted import. Stop snow-trace first.
#[derive(Debug, Args)]
pub(super) struct ImportSnowTrace {
    /// snow-trace's data directory itself, with counters.json and visits/ in it.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only show what would be counted, and whether it is in the store already.
    #[arg(long)]
    dry_run: bool,
    /// Add all of it to what was imported from snow-trace before.
    #[arg(long)]
    again: bool,
}

/// What was done.
#[derive(Serialize)]
struct TraceReport<'a> {
    dir: &'a Path,
    id: Option<String>,
    state: TraceState,
    #[serde(flatten)]
    findings: &'a TraceFindings,
    /// The number of the last batch.
    batches: u64,
    /// How many of them were in the store before.
    before: u64,
    /// And how many this run has brought there.
    applied: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum TraceState {
    Imported,
    /// An earlier run had been interrupted.
    Finished,
    AlreadyImported,
    NothingToCount,
    DryRun,
}

impl ImportSnowTrace {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        if !self.dry_run {
            if let Some(why) = home::would_mix(&config, &self.dir)? {
                return Err(BadConfig::one(None, why).into());
            }
            user::may_write_store(&config.store)?;
        }
        let bar = progress::bar("reading", 0);
        let trace = SnowTrace::read(&self.dir, now(), |length| bar.inc(length)).map_err(advised);
        bar.finish_and_clear();
        let trace = trace?;
        block_on(async {
            let none = self.dry_run && common.existing_store(&config).await.is_err();
            let report = match none {
                true => report(&self.dir, &trace, TraceState::DryRun),
                false => {
                    let store = import::open_store(&config, self.dry_run).await?;
                    let count = self.count(&trace, &store, &config);
                    home::remembering(&config, (!self.dry_run).then_some(&store), count).await?
                }
            };
            if common.json { out::json(&report) } else { out::print(&people(&report)) }
        })
    }

    async fn count<'a>(
        &'a self,
        trace: &'a SnowTrace,
        store: &Arc<dyn Store>,
        config: &Config,
    ) -> Result<TraceReport<'a>> {
        let course = trace.course(&store.positions(None).await?, self.again).map_err(advised)?;
        let instance = match course {
            ContentCourse::Counted(instance) => {
                let counted = report(&self.dir, trace, TraceState::AlreadyImported);
                return Ok(TraceReport { id: Some(instance.to_string()), ..counted });
            }
            ContentCourse::Count(instance) => instance,
        };
        let before = store.applied(instance).await?;
        let id = Some(instance.to_string());
        if self.dry_run {
            return Ok(TraceReport { id, before, ..report(&self.dir, trace, TraceState::DryRun) });
        }
        if trace.names() == 0 {
            return Ok(report(&self.dir, trace, TraceState::NothingToCount));
        }
        let mut into = Errand::new(store.clone(), instance);
        let mut pouring = trace.pour(instance, config.retention.visits);
        let bar = progress::bar("counting", trace.names() as u64);
        loop {
            let batches = pouring.next_batches().map_err(advised)?;
            if batches.is_empty() {
                break;
            }
            into.apply(&batches).await.map_err(import::why)?;
            bar.set_position((trace.names() - pouring.left()) as u64);
        }
        bar.finish_and_clear();
        import::warn_of_quarantined(&into);
        let before = into.claimed().map_or(before, |claim| claim.marker);
        if before > pouring.batches() {
            bail!(
                "the store has more batches of this import than it makes: an earlier version cut it in another way"
            );
        }
        let state = if before > 0 { TraceState::Finished } else { TraceState::Imported };
        let (batches, applied) = (pouring.batches(), into.applied());
        let done = report(&self.dir, trace, state);
        Ok(TraceReport { id, batches, before, applied, ..done })
    }
}

/// The error with its cause, or with what helps.
fn advised(error: SnowTraceError) -> anyhow::Error {
    match &error {
        SnowTraceError::OtherContent => anyhow!("{error} (--again adds all of it to what was imported)"),
        SnowTraceError::NotADataDir(dir) if dir.join("data/counters.json").exists() => {
            anyhow!("{error}; did you mean {}?", dir.join("data").display())
        }
        // A file of it was named.
        SnowTraceError::NotADataDir(path) | SnowTraceError::Io { path, .. } => match data_dir_of(path) {
            Some(dir) => anyhow!("{} is a file; did you mean {}?", path.display(), dir.display()),
            None => error.into(),
        },
        _ => error.into(),
    }
}

/// The directory of the file of totals that is, or should have been, a directory itself.
fn data_dir_of(path: &Path) -> Option<&Path> {
    let is_totals = |path: &&Path| {
        path.is_file() && ["counters.json", "likes.json"].iter().any(|totals| path.ends_with(totals))
    };
    let dir = path.ancestors().take(2).find(is_totals)?.parent()?;
    Some(if dir.as_os_str().is_empty() { Path::new(".") } else { dir })
}

fn report<'a>(dir: &'a Path, trace: &'a SnowTrace, state: TraceState) -> TraceReport<'a> {
    let findings = trace.findings();
    TraceReport { dir, id: None, state, findings, batches: 0, before: 0, applied: 0 }
}

fn people(report: &TraceReport<'_>) -> String {
    let dir = out::plain(&report.dir.display().to_string());
    let TraceFindings { visits, likes, .. } = report.findings;
    let sum = format!("{} and {}", out::counted(visits.total, "visit"), out::counted(likes.total, "like"));
    let said = match report.state {
        TraceState::Imported => format!("imported {sum}"),
        TraceState::Finished => format!("imported the rest; {sum} in all, each counted once"),
        TraceState::AlreadyImported => {
            "already imported; nothing was counted (--again adds it once more)".to_owned()
        }
        TraceState::NothingToCount => "nothing in it counts".to_owned(),
        TraceState::DryRun if report.before > 0 => {
            format!(
                "would import the rest of {sum}, because an earlier import was interrupted; nothing was written"
            )
        }
        TraceState::DryRun => format!("would import {sum}; nothing was written"),
    };
    let mut text = format!("{dir}: {said}\n");
    text += &sums("visits", visits);
    text += &sums("likes", likes);
    if let Some(day) = &report.findings.day_without_records {
        text += &format!("  names without a record count on {day}\n");
    }
    text += "  not taken over: addresses, user agents and referers\n";
    text + &problems(report.findings)
}

fn sums(what: &str, sums: &TraceSums) -> String {
    if *sums == TraceSums::default() {
        return String::new();
    }
    let mut text = format!(
        "  {what}: {} of {}, {} read\n",
        sums.total.separate_with_commas(),
        out::counted(sums.names, "name"),
        out::counted(sums.records, "record"),
    );
    let mut line = |count: u64, what: &str| {
        if count > 0 {
            text += &format!("    {} {what}\n", count.separate_with_commas());
        }
    };
    line(sums.rest, "have no record, and count on the day of their name's oldest one");
    let broken = if sums.broken == 1 { "broken line counts" } else { "broken lines count" };
    line(sums.broken, &format!("{broken} nothing in the history; the totals have what was in it"));
    if sums.surplus > 0 {
        let more = if sums.surplus == 1 {
            "is more than the totals say, and counts"
        } else {
            "are more than the totals say, and count"
        };
        text += &format!("    {} {more} nothing\n", out::counted(sums.surplus, "record"));
    }
    if sums.zeros > 0 {
        let count = if sums.zeros == 1 { "is 0 and counts" } else { "are 0 and count" };
        text += &format!("    {} {count} nothing\n", out::counted(sums.zeros, "total"));
    }
    if sums.refused > 0 {
        let totals = out::counted(sums.refused, "total");
        text += &format!(
            "    {totals} with {} in all have no name here\n",
            sums.refused_total.separate_with_commas()
        );
    }
    text
}

/// As many as a terminal shows at once.
const PROBLEMS_SHOWN: usize = 40;

fn problems(findings: &TraceFindings) -> String {
    let mut text = String::new();
    for problem in findings.problems.iter().take(PROBLEMS_SHOWN) {
        let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
        text += &format!("  {}{line}: {}\n", out::plain(&problem.file), out::plain(&problem.what));
    }
    let more = findings.problems.len().saturating_sub(PROBLEMS_SHOWN) as u64 + findings.problems_left_out;
    if more > 0 {
        text += &format!("  and {} more: --json lists them\n", more.separate_with_commas());
    }
    text
}
