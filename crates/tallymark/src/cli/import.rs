//! `tallymark import`: counts what is in existing files, once, however often it runs.

use super::{
    CommonFlags, Misuse, block_on,
    import_badge::ImportBadge,
    import_github_banners::ImportGithubBanners,
    import_goatcounter::ImportGoatcounter,
    import_hits_sh::ImportHitsSh,
    import_jsonl::ImportJsonl,
    import_snow_trace::ImportSnowTrace,
    left_logs,
    lines::{self, Advice, FileReading, Reading, Sampled, is_stdin},
    out,
};
use crate::{config::Config, home, progress, user};
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tallymark_ingest::{
    Errand, ErrandError, Instance, LineFormat,
    import::{BySource, Content, Course, Evidence, Import, Imported, Undecided, named_instance},
    source::now,
    unpacked,
};
use tallymark_store::{Store, StoreError, StoreUrl};
use thousands::Separable;
use tokio::time::Instant;
use tracing::error;
use tracing::warn;
use uuid::Uuid;

/// How long an import waits for a daemon that reads the logs, and how often it looks.
const DAEMON_READS: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Count what is in files. A daemon may run meanwhile.
#[derive(Debug, Args)]
pub(super) struct ImportCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Log files, as a web server or a syslog daemon writes them.
    Log(ImportLog),
    /// A data directory of snow-trace.
    SnowTrace(ImportSnowTrace),
    /// The number of an old badge.
    Badge(ImportBadge),
    /// What `export jsonl` wrote.
    Jsonl(ImportJsonl),
    /// The tables of GitHub Banners.
    GithubBanners(ImportGithubBanners),
    /// An export of GoatCounter.
    Goatcounter(ImportGoatcounter),
    /// The days of a counter of hits.sh.
    HitsSh(ImportHitsSh),
}

/// Counts each file once. Files are recognised by content, even if renamed or compressed. An import that was
/// interrupted, or whose file has grown, continues where it was. What a daemon has counted, or follows, is left out.
#[derive(Debug, Args)]
struct ImportLog {
    /// Log files, plain or compressed (gzip, xz, bzip2, zstd); `-` is standard input and needs --id.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// A label for standard input: the same text is never imported twice under it.
    #[arg(long, value_name = "TEXT")]
    id: Option<String>,
    /// Only show what would be counted, and whether it is in the store already.
    #[arg(long)]
    dry_run: bool,
    /// Count it once more, even if it was imported before.
    #[arg(long, conflicts_with = "id")]
    again: bool,
}

impl ImportCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        match self.what {
            What::Log(import) => import.run(common),
            What::SnowTrace(import) => import.run(common),
            What::Badge(import) => import.run(common),
            What::Jsonl(import) => import.run(common),
            What::GithubBanners(import) => import.run(common),
            What::Goatcounter(import) => import.run(common),
            What::HitsSh(import) => import.run(common),
        }
    }
}

/// What was done with one file.
#[derive(Serialize)]
struct Report {
    file: PathBuf,
    id: String,
    received: u64,
    accepted: u64,
    rejected: BTreeMap<&'static str, u64>,
    hits: u64,
    /// Those of them that were not counted in another way.
    fresh: u64,
    batches: u64,
    /// How many of them were in the store before.
    before: u64,
    /// How many of them this run has written.
    applied: u64,
    /// Under which other path the same content was imported.
    #[serde(skip)]
    earlier: Option<PathBuf>,
    /// How many hits it had when it was imported.
    #[serde(skip)]
    earlier_hits: Option<u64>,
    /// How standard input began.
    #[serde(skip)]
    beginning: Option<Vec<u8>>,
    #[serde(skip)]
    read_as: LineFormat,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Imported,
    /// An earlier run had been interrupted.
    Finished,
    AlreadyImported,
    /// A source has counted all of it, or is going to.
    AlreadyCounted,
    /// A source has refused every line of it, and reads it again once its format is mended.
    RefusedBySource,
    NothingToCount,
    DryRun,
}

impl ImportLog {
    fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        let readings = self.files.iter().map(|file| self.reading.of_file(file, &config, common));
        let readings = readings.collect::<Result<Vec<_>>>()?;
        if self.files.iter().any(|file| is_stdin(file)) {
            if self.files.len() > 1 {
                return Err(Misuse::because("standard input is imported alone: leave the other files out"));
            }
            if self.id.is_none() && !self.again && !self.dry_run {
                return Err(Misuse::because(
                    "standard input can be read only once, so give it an --id that says what it is",
                ));
            }
        } else if self.id.is_some() {
            return Err(Misuse::because("--id is for standard input; a file is known by its content"));
        }
        if !self.dry_run {
            user::may_write_store(&config.store)?;
        }
        block_on(async {
            // A dry run leaves no trace, not even an empty database; nor do files none of which can be opened.
            // Opening a named pipe would wait for a writer.
            let can_open = |file: &PathBuf| is_stdin(file) || (file.is_file() && File::open(file).is_ok());
            let idle = self.dry_run || !self.files.iter().any(can_open);
            let none = idle && common.existing_store(&config).await.is_err();
            let store = match none {
                true => None,
                false => Some(open_store(&config, idle).await?),
            };
            let work = self.import_all(readings, store.as_ref(), &config, common);
            home::remembering(&config, store.as_ref().filter(|_| !idle), work).await
        })
    }

    async fn import_all(
        &self,
        readings: Vec<FileReading>,
        store: Option<&Arc<dyn Store>>,
        config: &Config,
        common: &CommonFlags,
    ) -> Result<()> {
        if let Some(store) = store.filter(|_| !self.again) {
            wait_for_daemon(&config.data_dir, store).await?;
        }
        let (mut reports, mut failed, mut refused) = (Vec::new(), Vec::new(), 0);
        for (file, reading) in self.files.iter().zip(readings) {
            match self.import(file, reading, store, config).await {
                Ok(report) => {
                    if !common.json {
                        out::print(&people(&report))?;
                    }
                    reports.push(report);
                }
                // A store that fails would fail with every file.
                Err(error)
                    if self.files.len() == 1 || error.chain().any(|cause| cause.is::<StoreError>()) =>
                {
                    return Err(error);
                }
                Err(error) => {
                    error!("{error:#}");
                    refused += usize::from(error.chain().any(|cause| cause.is::<Undecided>()));
                    failed.push(file);
                }
            }
        }
        let advise = |it: &Report| {
            // What was a file can be read again.
            let again = || lines::open_again(&it.file).ok().and_then(|file| lines::beginning(file).ok());
            let beginning = it.beginning.clone().or_else(again);
            let counts = (it.accepted, &it.rejected);
            self.reading.advise(&it.file, config, &it.read_as, counts, beginning.as_deref())
        };
        let advice: Vec<Advice> = reports.iter().filter_map(advise).collect();
        if common.json {
            let mut answer = serde_json::json!({ "files": reports, "failed": failed });
            if !advice.is_empty() {
                answer["advice"] = advice.iter().map(|advice| advice.text.clone()).collect();
            }
            out::json(&answer)?;
        }
        if !failed.is_empty() {
            let names: Vec<String> = failed.iter().map(|file| file.display().to_string()).collect();
            // Another run would refuse them again.
            let again = match refused == failed.len() {
                true => "the reasons are above",
                false => "fix what is reported above, then run the same command again",
            };
            bail!(
                "{} of {} files could not be imported completely: {}; {again}",
                failed.len(),
                self.files.len(),
                names.join(" ")
            );
        }
        lines::conclude(advice, self.files.len(), 0)
    }

    async fn import(
        &self,
        file: &Path,
        FileReading { routes, format }: FileReading,
        store: Option<&Arc<dyn Store>>,
        config: &Config,
    ) -> Result<Report> {
        let attempt = || format!("reading {}", file.display());
        let told = |error: io::Error| self.reading.unreadable(error, file, "import log --id TEXT");
        let read_as = format.clone();
        let evidence = match store.filter(|_| !self.again) {
            Some(store) => left_logs::evidence(config, &**store).await?,
            None => Evidence::default(),
        };
        let source = ImportedFile::of(file, &evidence).map_err(told)?;
        let course = match (&self.id, &source.content) {
            (_, Some((content, _))) if self.again => Course::whole(Uuid::new_v4(), content.bytes),
            (_, None) if self.again => Course::whole(Uuid::new_v4(), u64::MAX),
            (_, Some((_, course))) => course.clone().with_context(|| undecided(file))?,
            (Some(id), None) => evidence.course_of_named(named_instance(id)),
            (None, None) => Course::whole(Uuid::nil(), u64::MAX),
        };
        let before = match store {
            Some(store) => store.applied(course.instance).await?,
            None => 0,
        };
        let path = match is_stdin(file) {
            true => PathBuf::from("standard input"),
            false => std::path::absolute(file).with_context(attempt)?,
        };
        let import = Import::new(&course, &path, source.file.as_ref(), routes, format);
        let mut import = import.leaving_out(config.deny.clone());
        let mut into =
            store.filter(|_| !self.dry_run).map(|store| Errand::new(store.clone(), course.instance));
        let (input, bar) = open(file, "counting").map_err(told)?;
        let mut input = Sampled::new(input);
        for stretch in &course.stretches {
            loop {
                let complete = import.read(&mut input, stretch, now()).with_context(attempt)?;
                // With the first batch, so that a file without batches leaves nothing behind.
                if let (Some(into), Some(store), false) = (&mut into, store, complete.batches.is_empty()) {
                    self.check_followed(file, source.file.as_ref(), &evidence, (store, config)).await?;
                    into.apply(&complete.batches).await.map_err(why)?;
                }
                if complete.is_end {
                    break;
                }
            }
        }
        bar.finish_and_clear();
        if source.content.is_some_and(|(content, _)| content.bytes != import.bytes()) {
            bail!("{} became shorter while it was imported: only part of it is counted", file.display());
        }
        let report = report(file, &course, import.imported(), into.as_ref(), before)?;
        Ok(Report { beginning: is_stdin(file).then(|| input.beginning()), read_as, ..report })
    }

    /// Reading takes time, and a daemon that was started meanwhile begins behind what the import had committed then.
    async fn check_followed(
        &self,
        file: &Path,
        of: Option<&Metadata>,
        evidence: &Evidence,
        (store, config): (&Arc<dyn Store>, &Config),
    ) -> Result<()> {
        let Some(of) = of.filter(|of| !self.again && !evidence.is_followed(of)) else { return Ok(()) };
        if left_logs::evidence(config, &**store).await?.is_followed(of) {
            return Err(Undecided::FollowedMeanwhile).with_context(|| undecided(file));
        }
        Ok(())
    }
}

/// Until a daemon that runs has read its logs as far as they go now: what it has read, and not committed yet, may be what is
/// imported, and nothing would tell.
async fn wait_for_daemon(data_dir: &Path, store: &Arc<dyn Store>) -> Result<()> {
    let (logs, begun) = (Evidence::of(&store.positions(None).await?).logs(), Instant::now());
    while Instance::is_running(data_dir) {
        let evidence = Evidence::of(&store.positions(None).await?);
        let Some((log, _)) = logs.iter().find(|(path, file)| !evidence.has_read(path, file)) else { break };
        if begun.elapsed() >= DAEMON_READS {
            bail!(
                "the daemon has not read {} to its end yet, and what it reads may be what you import; nothing was imported. \
                 Run this again when it has (`tallymark health`)",
                log.display()
            );
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// A file, and the part of it to count. Standard input can be read only once.
struct ImportedFile {
    /// The file itself, if it is not compressed.
    file: Option<Metadata>,
    content: Option<(Content, Result<Course, Undecided>)>,
}

impl ImportedFile {
    fn of(file: &Path, evidence: &Evidence) -> io::Result<ImportedFile> {
        if is_stdin(file) {
            return Ok(ImportedFile { file: None, content: None });
        }
        let metadata = fs::metadata(file)?;
        let (input, bar) = open(file, "recognising")?;
        let path = std::path::absolute(file)?;
        let content = Content::of(input, Some((&path, &metadata)), evidence)?;
        bar.finish_and_clear();
        Ok(ImportedFile { file: Some(metadata), content: Some(content) })
    }
}

fn undecided(file: &Path) -> String {
    format!("{} was not imported, because it might count twice (--again counts it once more)", file.display())
}

/// Opens the store of an import. One that only looks makes nothing.
pub(super) async fn open_store(config: &Config, only_looks: bool) -> Result<Arc<dyn Store>> {
    if only_looks {
        return home::open(config).await;
    }
    tell_of_new_store(&config.store);
    home::open_to_bring(config).await
}

/// A store is easily created in the wrong place, so its place is printed.
fn tell_of_new_store(store: &StoreUrl) {
    if let StoreUrl::Sqlite(path) = store
        && matches!(path.try_exists(), Ok(false))
    {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        warn!(
            "there is no store at {} yet: creating one (choose another with --store or --data-dir)",
            path.display()
        );
    }
}

/// Opens a file with a progress bar, in bytes on disk.
fn open(file: &Path, what: &'static str) -> io::Result<(Box<dyn Read>, ProgressBar)> {
    if is_stdin(file) {
        return Ok((unpacked(io::stdin())?, progress::bar(what, 0)));
    }
    let input = lines::open_again(file)?;
    let bar = progress::bar(what, input.metadata()?.len());
    Ok((unpacked(bar.wrap_read(input))?, bar))
}

/// What is added to an error of the store.
pub(super) fn why(error: ErrandError) -> anyhow::Error {
    const AGAIN: &str = "what was imported up to here stays; run the same command again to continue";
    match error {
        ErrandError::Fenced => anyhow!("another process is importing the same content: let it finish"),
        error => anyhow::Error::new(error).context(AGAIN),
    }
}

/// Without an errand it was a dry run, which found this many batches `before`.
fn report(
    file: &Path,
    course: &Course,
    imported: &Imported,
    into: Option<&Errand>,
    before: u64,
) -> Result<Report> {
    let Imported { received, accepted, rejected, hits, fresh, batches } = imported.clone();
    let applied = into.map_or(0, Errand::applied);
    let before = into.and_then(Errand::claimed).map_or(before, |claim| claim.marker);
    if before > batches {
        bail!(
            "{} was imported before, into more batches than it has now: its format or the routes were different then. \
             Nothing was counted (--again counts it once more)",
            file.display()
        );
    }
    if let Some(into) = into {
        warn_of_quarantined(into);
    }
    let is_there = fresh == 0 || before == batches;
    let state = match into {
        _ if hits > 0 && is_there && course.by_source == BySource::Refused => State::RefusedBySource,
        _ if hits > 0 && is_there && course.by_source == BySource::Counted => State::AlreadyCounted,
        _ if hits > 0 && is_there => State::AlreadyImported,
        None => State::DryRun,
        Some(_) if hits == 0 => State::NothingToCount,
        Some(_) if before > 0 || fresh < hits => State::Finished,
        Some(_) => State::Imported,
    };
    Ok(Report {
        file: file.to_owned(),
        id: course.instance.to_string(),
        received,
        accepted,
        rejected,
        hits,
        fresh,
        batches,
        before,
        applied,
        beginning: None,
        read_as: LineFormat::Auto,
        earlier: course
            .earlier
            .clone()
            .filter(|earlier| std::path::absolute(file).is_ok_and(|file| file != *earlier)),
        earlier_hits: course.earlier_hits,
        state,
    })
}

/// Says that some of an import is not in the store.
pub(super) fn warn_of_quarantined(into: &Errand) {
    if into.quarantined() > 0 {
        warn!(
            keys = into.quarantined(),
            "some keys hold something other than a count; they were left unchanged, and their hits are not \
             counted"
        );
    }
}

fn already_imported(report: &Report) -> String {
    let before = report.earlier_hits.unwrap_or(report.hits);
    let hits = out::counted(before, "hit");
    let said = match &report.earlier {
        None => format!("already imported ({hits}); nothing was counted now"),
        Some(path) => {
            let path = out::plain(&path.display().to_string());
            format!("already imported as {path} ({hits}); nothing was counted now")
        }
    };
    if before != report.hits {
        let now = out::counted(report.hits, "hit");
        return format!(
            "{said}. As it is read now it has {now}: its format, the routes or the deny list were different then. --again \
             counts all of these, also what was imported before"
        );
    }
    match &report.earlier {
        None => format!("{said} (--again counts it once more)"),
        Some(_) => format!("{said}. If it is another log that has the same lines, --again counts it"),
    }
}

fn people(report: &Report) -> String {
    let Report { received, accepted, .. } = report;
    let file = out::plain(&report.file.display().to_string());
    let rejected: u64 = report.rejected.values().sum();
    let hits = out::counted(report.hits, "hit");
    let said = match report.state {
        State::Imported => format!("imported {hits}"),
        State::Finished if report.before == 0 => {
            format!(
                "imported {} of {hits}; the others were counted before",
                report.fresh.separate_with_commas()
            )
        }
        State::Finished => format!("imported the rest; {hits} in all, each counted once"),
        State::AlreadyImported => already_imported(report),
        State::RefusedBySource => {
            "a source follows it and has rejected every line of it; nothing was counted here. Set the format of its \
             [[source]] and restart the daemon: it then reads the file from the beginning"
                .to_owned()
        }
        State::AlreadyCounted => {
            "the daemon follows this log and counts it itself, as soon as it runs; nothing was imported".to_owned()
        }
        State::NothingToCount if *received == 0 => "it is empty".to_owned(),
        State::NothingToCount => "nothing in it counts".to_owned(),
        State::DryRun if report.before > 0 || report.fresh < report.hits => {
            format!(
                "would import the rest of {hits}, because some of it is counted already; nothing was written"
            )
        }
        State::DryRun if *received == 0 => "it is empty".to_owned(),
        State::DryRun => format!("would import {hits}; nothing was written"),
    };
    let mut text = format!(
        "{file}: {said}\n  {}: {} accepted, {} rejected\n",
        out::counted(*received, "line"),
        accepted.separate_with_commas(),
        rejected.separate_with_commas(),
    );
    text += &out::reasons(&report.rejected);
    text += &lines::no_badge(report.accepted, &report.rejected);
    text
}
