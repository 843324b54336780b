//! `tallymark export jsonl` and `export csv`: every count of every name, for people, programs and other stores.

use super::{CommonFlags, Misuse, block_on, out};
use crate::progress;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use tallymark_ingest::{
    moving::{ExportFooter, ExportWriter, NameRecord, NameRecords, every_event},
    source::now,
};
use tallymark_store::{Class, Store};
use tempfile::NamedTempFile;
use tracing::warn;

/// How many names that were left out are named.
const SHOWN: u64 = 20;
/// The steps of a CSV, in the order of its rows.
const STEPS: [&str; 5] = ["total", "day", "hour", "minute", "status"];

/// Writes one line of JSON for each name: its total, days, hours, minutes, statuses and last visits. `import jsonl` brings
/// them into another store. See `tallymark help transfer`.
#[derive(Debug, Args)]
pub(super) struct ExportJsonl {
    /// A new file; `-` is standard output.
    file: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
}

/// Writes a table with the columns event, name, step, time, status and count.
#[derive(Debug, Args)]
pub(super) struct ExportCsv {
    /// A new file; `-` is standard output.
    file: PathBuf,
    /// Which counts: total, day, hour, minute, status.
    #[arg(long, value_delimiter = ',', default_value = "total,day", value_parser = STEPS)]
    steps: Vec<String>,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
}

/// What was written.
#[derive(Serialize)]
struct RecordsReport {
    file: PathBuf,
    names: u64,
    total: i64,
    left_out: u64,
}

impl ExportJsonl {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        block_on(async {
            let store = common.existing_store(&config).await?;
            let target = Target::new(&self.file, self.force, common.json)?;
            let mut writer = ExportWriter::begin(target.open()?, store.identity().await?, now())?;
            let left_out = walk(&store, |record| Ok(writer.name(record)?)).await?;
            writer.leave_out(left_out);
            let (written, footer) = writer.finish().with_context(|| target.attempt())?;
            let ExportFooter { names, total, left_out, .. } = footer;
            target.finish(written, RecordsReport { file: self.file.clone(), names, total, left_out }, common)
        })
    }
}

impl ExportCsv {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        let steps: BTreeSet<&str> = self.steps.iter().map(String::as_str).collect();
        block_on(async {
            let store = common.existing_store(&config).await?;
            let target = Target::new(&self.file, self.force, common.json)?;
            let mut writer = csv::Writer::from_writer(target.open()?);
            writer.write_record(["event", "name", "step", "time", "status", "count"])?;
            let (mut names, mut total) = (0, 0i64);
            let left_out = walk(&store, |record| {
                // The sum over all names would be there twice.
                if record.name == tallymark_core::ALL {
                    return Ok(());
                }
                names += 1;
                total = total.saturating_add(record.total);
                for (step, time, status, count) in record.rows().filter(|row| steps.contains(row.0)) {
                    let count = count.to_string();
                    writer.write_record([&record.event, &record.name, step, time, status, &count])?;
                }
                Ok(())
            });
            let left_out = left_out.await?;
            let written = writer.into_inner().map_err(|error| error.into_error());
            let written = written.with_context(|| target.attempt())?;
            target.finish(written, RecordsReport { file: self.file.clone(), names, total, left_out }, common)
        })
    }
}

/// Every record of a store in order. Answers how many names could not be read, because another program uses their keys for something else.
async fn walk(store: &Arc<dyn Store>, mut each: impl FnMut(&NameRecord) -> Result<()>) -> Result<u64> {
    let (mut left_out, events) = (0, every_event(&**store).await?);
    let mut all = 0u64;
    for &event in &events {
        all = all.saturating_add(store.name_count(event).await?);
    }
    let bar = progress::bar("exporting", all);
    for event in events {
        let mut records = NameRecords::of(store.clone(), event).await?;
        while let Some((name, record)) = records.next().await {
            match record {
                Ok(Some(record)) => each(&record)?,
                Ok(None) => {}
                Err(error) if error.class() == Class::Key => {
                    left_out += 1;
                    if left_out <= SHOWN {
                        warn!(%event, name = name.as_str(), %error, "left out");
                    }
                }
                Err(error) => return Err(error.into()),
            }
            bar.inc(u64::from(!name.is_aggregate()));
        }
    }
    bar.finish_and_clear();
    Ok(left_out)
}

/// Where an export goes: a file that is complete or not there, or standard output.
struct Target {
    path: Option<PathBuf>,
    force: bool,
}

/// What is written meanwhile.
enum Writing {
    File(Box<BufWriter<NamedTempFile>>),
    Output(BufWriter<io::Stdout>),
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Writing::File(file) => file.write(bytes),
            Writing::Output(output) => or_end(output.write(bytes)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Writing::File(file) => file.flush(),
            Writing::Output(output) => or_end(output.flush()),
        }
    }
}

/// The reader of standard output stopped early: that is not a failure.
fn or_end<T>(written: io::Result<T>) -> io::Result<T> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => written,
    }
}

impl Target {
    fn new(file: &Path, force: bool, json: bool) -> Result<Target> {
        if file == Path::new("-") {
            if json {
                return Err(Misuse::because(
                    "--json is for the summary of a file, and - writes the export there",
                ));
            }
            return Ok(Target { path: None, force });
        }
        ensure!(
            force || !file.try_exists().unwrap_or(true),
            "{} exists already, and was left as it is: choose another name, or replace it with --force",
            file.display()
        );
        Ok(Target { path: Some(file.to_owned()), force })
    }

    fn attempt(&self) -> String {
        self.path
            .as_ref()
            .map_or("writing to standard output".to_owned(), |path| format!("writing {}", path.display()))
    }

    fn dir(path: &Path) -> &Path {
        path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn open(&self) -> Result<Writing> {
        let Some(path) = &self.path else { return Ok(Writing::Output(BufWriter::new(io::stdout()))) };
        // Only its owner may read it: last visits may have addresses.
        let file = NamedTempFile::new_in(Target::dir(path)).with_context(|| self.attempt())?;
        Ok(Writing::File(Box::new(BufWriter::new(file))))
    }

    /// Gives the file its name, and says what is in it.
    fn finish(&self, mut written: Writing, report: RecordsReport, common: &CommonFlags) -> Result<()> {
        written.flush().with_context(|| self.attempt())?;
        if let (Writing::File(file), Some(path)) = (written, &self.path) {
            let file =
                file.into_inner().map_err(|error| error.into_error()).with_context(|| self.attempt())?;
            file.as_file().sync_all().with_context(|| self.attempt())?;
            match self.force {
                true => file.persist(path),
                false => file.persist_noclobber(path),
            }
            .with_context(|| self.attempt())?;
            File::open(Target::dir(path)).and_then(|dir| dir.sync_all()).with_context(|| self.attempt())?;
            if common.json {
                out::json(&report)?;
            } else {
                out::print(&people(&report))?;
            }
        }
        ensure!(
            report.left_out == 0,
            "{} could not be read and are not in it: another program uses their keys for something else",
            out::counted(report.left_out, "name")
        );
        Ok(())
    }
}

fn people(report: &RecordsReport) -> String {
    format!(
        "{}: exported {} with {} in all\n",
        out::plain(&report.file.display().to_string()),
        out::counted(report.names, "counter"),
        thousands::Separable::separate_with_commas(&report.total)
    )
}
