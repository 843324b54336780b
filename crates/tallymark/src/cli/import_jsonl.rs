//! `tallymark import jsonl`: adds a file of `export jsonl` to a store, once.
//!
//! The file is read twice: first all of it is checked, then it is counted. So a file that was cut or changed is never
//! counted, not even partly.

use super::{CommonFlags, block_on, import, out};
use crate::{home, progress, user};
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
};
use tallymark_core::Position;
use tallymark_ingest::{
    import::named_instance,
    moving::{Arrivals, BadExport, ExportFooter, ExportHeader, ExportReader},
    unpacked,
};
use tallymark_store::Store;
use thousands::Separable;
use uuid::Uuid;

/// Adds every count of an export to those of the store. The same file counts once, however often it is imported, and an
/// interrupted import continues where it was. See `tallymark help transfer`.
#[derive(Debug, Args)]
pub(super) struct ImportJsonl {
    /// A file of `export jsonl`, plain or compressed (gzip, xz, bzip2, zstd); `-` is standard input.
    file: PathBuf,
    /// Only check the file, and show what would be added.
    #[arg(long)]
    dry_run: bool,
    /// Add it once more, even if it was imported before or comes from this store.
    #[arg(long)]
    again: bool,
}

/// What the store remembers of an import.
#[derive(Serialize, Deserialize)]
struct ExportMark {
    sha256: String,
    at: String,
    done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fate {
    Imported,
    /// An earlier run had been interrupted.
    Finished,
    AlreadyImported,
    NothingToCount,
    DryRun,
}

/// What was done.
#[derive(Serialize)]
struct JsonlReport {
    file: PathBuf,
    store: Uuid,
    at: String,
    names: u64,
    total: i64,
    left_out: u64,
    state: Fate,
}

impl ImportJsonl {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        if !self.dry_run {
            user::may_write_store(&config.store)?;
        }
        let attempt = || format!("reading {}; nothing was imported", self.file.display());
        let mut input = self.open().with_context(attempt)?;
        let (header, footer) = check(&mut input).with_context(attempt)?;
        block_on(async {
            let none = self.dry_run && common.existing_store(&config).await.is_err();
            let store = if none { None } else { Some(import::open_store(&config, self.dry_run).await?) };
            let bring = self.bring(&mut input, &header, &footer, store.clone());
            let state = home::remembering(&config, store.as_ref().filter(|_| !self.dry_run), bring).await?;
            let report = JsonlReport {
                file: self.file.clone(),
                store: header.store,
                at: header.at,
                names: footer.names,
                total: footer.total,
                left_out: footer.left_out,
                state,
            };
            if common.json { out::json(&report) } else { out::print(&people(&report)) }
        })
    }

    /// The file; standard input goes into a temporary one, because it is read twice.
    fn open(&self) -> io::Result<File> {
        if self.file != Path::new("-") {
            return File::open(&self.file);
        }
        let mut kept = tempfile::tempfile()?;
        io::copy(&mut io::stdin().lock(), &mut kept)?;
        kept.rewind()?;
        Ok(kept)
    }

    async fn bring(
        &self,
        input: &mut File,
        header: &ExportHeader,
        footer: &ExportFooter,
        store: Option<Arc<dyn Store>>,
    ) -> Result<Fate> {
        let Some(store) = store else { return Ok(Fate::DryRun) };
        let source = format!("jsonl:{}", header.store);
        let instance = match self.again {
            true => Uuid::new_v4(),
            false => named_instance(&format!("{source} {}", footer.sha256)),
        };
        if !self.again {
            ensure!(
                store.identity().await? != header.store,
                "this is an export of this very store, so all of it would count twice (--again adds it anyway). \
                 To restore a store, use `tallymark restore`"
            );
            if let Some(before) = earlier(&*store, &source, footer).await? {
                match before.done {
                    true => return Ok(Fate::AlreadyImported),
                    false if self.dry_run => return Ok(Fate::DryRun),
                    false => {}
                }
            }
        }
        if self.dry_run {
            return Ok(Fate::DryRun);
        }
        let mark = |done| {
            let mark = ExportMark { sha256: footer.sha256.clone(), at: header.at.clone(), done };
            let state = serde_json::to_string(&mark).unwrap_or_default();
            Position { source: source.clone(), state }
        };
        let mut arrivals = Arrivals::new(store, instance);
        let before = arrivals.begin(mark(false)).await.map_err(import::why)?;
        input.rewind()?;
        let bar = progress::bar("importing", footer.names);
        let mut reader = reader(input)?;
        while let Some(name) = reader.next_name()? {
            bar.inc(1);
            arrivals.bring(name).await.map_err(import::why)?;
        }
        if reader.footer() != Some(footer) {
            bail!("{} was changed while it was imported: only part of it is counted", self.file.display());
        }
        arrivals.finish(mark(true)).await.map_err(import::why)?;
        bar.finish_and_clear();
        Ok(if before > 0 { Fate::Finished } else { Fate::Imported })
    }
}

/// What is known of an earlier import of this export. Another export of the same store would count what both have twice.
async fn earlier(store: &dyn Store, source: &str, footer: &ExportFooter) -> Result<Option<ExportMark>> {
    let mut same = None;
    for (_, position) in store.positions(None).await?.into_iter().filter(|(_, it)| it.source == source) {
        let mark: ExportMark = serde_json::from_str(&position.state)
            .map_err(|error| anyhow!("the position {source} cannot be read: {error}"))?;
        ensure!(
            mark.sha256 == footer.sha256,
            "another export of the same store, of {}, {} here: what both have would count twice (--again adds \
             all of this one anyway)",
            mark.at,
            if mark.done { "was imported" } else { "was imported in part" }
        );
        same = Some(mark);
    }
    Ok(same)
}

fn reader(input: &mut File) -> Result<ExportReader<impl io::BufRead>, BadExport> {
    ExportReader::open(BufReader::with_capacity(1 << 16, unpacked(input.by_ref())?))
}

/// Reads all of it.
fn check(input: &mut File) -> Result<(ExportHeader, ExportFooter), BadExport> {
    let bar = progress::bar("checking", 0);
    let mut reader = reader(input)?;
    while reader.next_name()?.is_some() {
        bar.inc(1);
    }
    bar.finish_and_clear();
    let footer = reader.footer().cloned().ok_or(BadExport::Cut(0))?;
    Ok((reader.header().clone(), footer))
}

fn people(report: &JsonlReport) -> String {
    let file = out::plain(&report.file.display().to_string());
    let has = format!(
        "{} with {} in all",
        out::counted(report.names, "counter"),
        report.total.separate_with_commas()
    );
    let said = match report.state {
        Fate::Imported => format!("imported {has}"),
        Fate::Finished => format!("imported the rest; {has}, each counted once"),
        Fate::AlreadyImported => {
            format!("already imported ({has}); nothing was added now (--again adds it once more)")
        }
        Fate::NothingToCount => "has no counters".to_owned(),
        Fate::DryRun => format!("is complete; would import {has}; nothing was written"),
    };
    let mut text = format!("{file}: {said}\n  exported {} from the store {}\n", report.at, report.store);
    if report.left_out > 0 {
        text +=
            &format!("  {} could not be exported and are not in it\n", out::counted(report.left_out, "name"));
    }
    text
}
