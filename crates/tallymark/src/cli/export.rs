//! `tallymark export`: writes the contents of the store. This file has the formats of other counters.

use super::{
    CommonFlags, block_on,
    export_records::{ExportCsv, ExportJsonl},
    out,
};
use crate::progress;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};
use tallymark_core::{Event, MAX_VISITS, Name};
use tallymark_ingest::import::snow_trace::{
    TRACED, log_path, logs_dir, record_line, totals_file, totals_text, trace_spelling,
};
use tallymark_store::{NetLikes, StoreRead, durable};
use thousands::Separable;

/// How many names are asked for at once.
const PAGE: usize = 1000;
/// How many names that were left out are shown.
const SHOWN: usize = 20;

/// Write what the store has. A daemon may run meanwhile.
#[derive(Debug, Args)]
pub(super) struct ExportCommand {
    #[command(subcommand)]
    what: ExportKind,
}

#[derive(Debug, Subcommand)]
enum ExportKind {
    /// Every count of every name, as JSON lines.
    Jsonl(ExportJsonl),
    /// Every count of every name, as a table.
    Csv(ExportCsv),
    /// A data directory of snow-trace.
    SnowTrace(ExportSnowTrace),
}

/// Writes visits and likes as a data directory that snow-trace reads: the totals, and the last visits that are kept, to
/// the minute. A like that was taken back is not in the total.
#[derive(Debug, Args)]
struct ExportSnowTrace {
    /// A directory that is new or empty.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl ExportCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        match self.what {
            ExportKind::Jsonl(export) => export.run(common),
            ExportKind::Csv(export) => export.run(common),
            ExportKind::SnowTrace(export) => export.run(common),
        }
    }
}

#[derive(Default, Serialize)]
struct ExportedSums {
    names: u64,
    total: u64,
    records: u64,
    records_left_out: u64,
    left_out: u64,
    left_out_total: u64,
}

#[derive(Serialize)]
struct ExportReport<'a> {
    dir: &'a Path,
    visits: ExportedSums,
    likes: ExportedSums,
    left_out: Vec<LeftOut>,
    left_out_more: u64,
    /// Their totals are exported.
    without_log: Vec<WithoutLog>,
    without_log_more: u64,
}

/// A name whose records are not exported, and how many they are.
#[derive(Serialize)]
struct WithoutLog {
    event: String,
    name: String,
    records: u64,
}

#[derive(Serialize)]
struct LeftOut {
    event: String,
    name: String,
    why: &'static str,
}

impl ExportSnowTrace {
    fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        block_on(async {
            let store = NetLikes::over(common.existing_store(&config).await?);
            prepare(&self.dir)?;
            let (visits, likes) = (ExportedSums::default(), ExportedSums::default());
            let mut report = ExportReport {
                dir: &self.dir,
                visits,
                likes,
                left_out: Vec::new(),
                left_out_more: 0,
                without_log: Vec::new(),
                without_log_more: 0,
            };
            let mut files = Vec::new();
            for event in TRACED {
                let totals = export(event, &self.dir, &store, &mut report).await?;
                files.push((self.dir.join(totals_file(event)), totals_text(&totals)));
            }
            // Last, so that a directory with totals has everything.
            for (path, text) in files {
                durable::replace(&path, &text).with_context(|| format!("writing {}", path.display()))?;
            }
            if common.json { out::json(&report) } else { out::print(&people(&report)) }
        })
    }
}

/// Nothing of another data directory is mixed with ours or replaced.
fn prepare(dir: &Path) -> Result<()> {
    let attempt = || format!("writing to {}", dir.display());
    fs::create_dir_all(dir).with_context(attempt)?;
    if fs::read_dir(dir).with_context(attempt)?.next().is_some() {
        bail!("{} is not empty: name a new directory", dir.display());
    }
    Ok(())
}

impl ExportReport<'_> {
    fn of(&mut self, event: Event) -> &mut ExportedSums {
        if event == Event::LIKE { &mut self.likes } else { &mut self.visits }
    }

    fn leave_out(&mut self, event: Event, name: &str, total: i64, why: &'static str) {
        let exported = self.of(event);
        exported.left_out += 1;
        exported.left_out_total = exported.left_out_total.saturating_add(total.unsigned_abs());
        if self.left_out.len() == SHOWN {
            self.left_out_more += 1;
        } else {
            self.left_out.push(LeftOut { event: event.to_string(), name: name.to_owned(), why });
        }
    }

    fn leave_out_log(&mut self, event: Event, name: &Name, records: u64) {
        if records == 0 {
            return;
        }
        self.of(event).records_left_out += records;
        if self.without_log.len() == SHOWN {
            self.without_log_more += 1;
        } else {
            self.without_log.push(WithoutLog { event: event.to_string(), name: name.to_string(), records });
        }
    }
}

/// Writes the logs of an event. Answers its totals.
async fn export(
    event: Event,
    dir: &Path,
    store: &(impl StoreRead + ?Sized),
    report: &mut ExportReport<'_>,
) -> Result<BTreeMap<String, i64>> {
    let mut keyed: BTreeMap<String, BTreeMap<Name, i64>> = BTreeMap::new();
    for (name, total) in totals(event, store).await? {
        match trace_spelling(name.as_str()).map(|(namespace, key)| format!("{namespace}:{key}")) {
            Some(key) => _ = keyed.entry(key).or_default().insert(name, total),
            None if name.is_aggregate() => {
                report.leave_out(event, name.as_str(), total, "hits over a limit have no name")
            }
            None => report.leave_out(
                event,
                name.as_str(),
                total,
                "snow-trace's names are NAMESPACE/KEY, with one slash",
            ),
        }
    }
    let bar = progress::bar("exporting", keyed.len() as u64);
    let mut written = BTreeMap::new();
    for (key, names) in keyed {
        bar.inc(1);
        if names.len() > 1 {
            for (name, total) in &names {
                report.leave_out(
                    event,
                    name.as_str(),
                    *total,
                    "another name has the same key in snow-trace's totals",
                );
            }
            continue;
        }
        for (name, total) in names {
            let (records, is_written) = export_log(event, &name, total, dir, store).await?;
            let exported = report.of(event);
            exported.names += 1;
            exported.total = exported.total.saturating_add(total.unsigned_abs());
            match is_written {
                true => exported.records += records,
                false => report.leave_out_log(event, &name, records),
            }
            written.insert(key.clone(), total);
        }
    }
    bar.finish_and_clear();
    Ok(written)
}

/// The total of each name, and that of what has no name.
async fn totals(event: Event, store: &(impl StoreRead + ?Sized)) -> Result<BTreeMap<Name, i64>> {
    let mut all = BTreeMap::new();
    let mut start = None;
    loop {
        let page = store.names(event, start.as_deref(), PAGE).await?;
        let totals = store.totals(event, &page.names).await?;
        all.extend(page.names.into_iter().zip(totals));
        start = page.next;
        if start.is_none() {
            break;
        }
    }
    let overflow = Name::overflow();
    let over = store.total(event, &overflow).await?;
    if over > 0 {
        all.insert(overflow, over);
    }
    Ok(all)
}

/// Writes the last visits of a name, the oldest first. Answers how many there are, and whether they could be written.
async fn export_log(
    event: Event,
    name: &Name,
    total: i64,
    dir: &Path,
    store: &(impl StoreRead + ?Sized),
) -> Result<(u64, bool)> {
    let (namespace, key) = trace_spelling(name.as_str()).unwrap_or_default();
    let (namespace, key) = (namespace.as_str(), key.as_str());
    let latest = store.visits(event, name, MAX_VISITS).await?;
    let mut lines: Vec<String> = (0..total)
        .zip(latest)
        .map(|(later, visit)| record_line(event, (namespace, key), &visit, total - later))
        .collect();
    let records = lines.len() as u64;
    // Its log would be outside of its directory.
    if matches!(namespace, "." | "..") {
        return Ok((records, false));
    }
    // Where there are colons, only a log says where the namespace ends.
    if lines.is_empty() && !name.as_str().contains(':') {
        return Ok((0, true));
    }
    lines.reverse();
    let path = dir.join(log_path(event, namespace, key));
    let write = || -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(&path, lines.concat())
    };
    write().with_context(|| format!("writing {}", path.display()))?;
    Ok((records, true))
}

fn people(report: &ExportReport<'_>) -> String {
    let ExportReport { dir, visits, likes, left_out, left_out_more, without_log, without_log_more } = report;
    let mut text = format!("{}: exported ", out::plain(&dir.display().to_string()));
    text += &format!("{} and {}\n", out::counted(visits.total, "visit"), out::counted(likes.total, "like"));
    for (event, exported) in TRACED.into_iter().zip([likes, visits]) {
        text += &format!(
            "  {}: {}, {} in {}\n",
            totals_file(event),
            out::counted(exported.names, "name"),
            out::counted(exported.records, "record"),
            logs_dir(event)
        );
        if exported.records_left_out > 0 {
            let records = out::counted(exported.records_left_out, "record");
            text += &format!("    {records} left out, whose totals are there\n");
        }
        if exported.left_out > 0 {
            let names = out::counted(exported.left_out, "name");
            text += &format!(
                "    {names} with {} in all left out\n",
                exported.left_out_total.separate_with_commas()
            );
        }
    }
    for LeftOut { event, name, why } in left_out {
        text += &format!("  {event} {}: left out, because {why}\n", out::plain(name));
    }
    if *left_out_more > 0 {
        text += &format!("  and {} more like these\n", left_out_more.separate_with_commas());
    }
    for WithoutLog { event, name, records } in without_log {
        let (name, records) = (out::plain(name), out::counted(*records, "record"));
        text += &format!(
            "  {event} {name}: {records} left out, because the log would be outside of its directory\n"
        );
    }
    if *without_log_more > 0 {
        text += &format!("  and logs of {} more names\n", without_log_more.separate_with_commas());
    }
    text
}
