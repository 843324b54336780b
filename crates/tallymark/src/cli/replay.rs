//! `tallymark replay FILE`: runs lines through the real path, up to the tally, without a store. For trying a
//! configuration on a log, and for tests.

use super::{
    CommonFlags,
    lines::{self, Advice, FileReading, Reading, Sampled},
    out,
};
use crate::progress;
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};
use tallymark_core::{Dating, Entry, Line, Lines, Now};
use tallymark_ingest::{IngestMeters, Intake, LineFormat, Refusals, source::now, unpacked};
use thousands::Separable;
use tracing::{error, warn};

/// How much of a file is read at a time.
const CHUNK: usize = 256 * 1024;
/// How long opening a pipe can take before a message says that it waits.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest line, the same as for followed and imported files.
const MAX_LINE: usize = 262_144;

/// What the lines of a log file would count. Nothing is written anywhere.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Log files, plain or compressed (gzip, xz, bzip2, zstd); `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print every name as CSV: event, name, count.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    reading: Reading,
    /// How many names the table shows.
    #[arg(long, default_value_t = 20)]
    top: usize,
}

#[derive(Serialize)]
struct NameCount {
    event: String,
    name: String,
    count: u64,
}

/// What became of lines.
#[derive(Default, Serialize)]
struct Fates {
    received: u64,
    accepted: u64,
    rejected: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct ReplayedFile {
    file: PathBuf,
    #[serde(flatten)]
    fates: Fates,
    #[serde(skip)]
    beginning: Vec<u8>,
    #[serde(skip)]
    read_as: LineFormat,
}

#[derive(Serialize)]
struct Replayed {
    #[serde(flatten)]
    all: Fates,
    /// If there is more than one.
    #[serde(skip_serializing_if = "is_one")]
    files: Vec<ReplayedFile>,
    names: Vec<NameCount>,
    /// What helps where lines are not understood.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advice: Vec<String>,
}

fn is_one(files: &[ReplayedFile]) -> bool {
    files.len() == 1
}

impl Replay {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        let readings = self.files.iter().map(|file| self.reading.of_file(file, &config, common));
        let readings = readings.collect::<Result<Vec<_>>>()?;
        let (mut replayed, mut entries, mut unread) = (Vec::new(), Vec::new(), 0);
        let refusals = Arc::new(Refusals::new(config.deny.clone()));
        // Files that are read in the same way share a tally.
        let together = |(_, a): &(_, FileReading), (_, b): &(_, FileReading)| a == b;
        let files: Vec<(&PathBuf, FileReading)> = self.files.iter().zip(readings).collect();
        for files in files.chunk_by(together) {
            let Some((_, FileReading { routes, format })) = files.first().cloned() else { continue };
            let meters = IngestMeters::quiet().source("replay");
            let intake = Intake::new(routes, format.clone(), Dating::Own, usize::MAX, MAX_LINE, meters);
            let mut intake = intake.refusing(refusals.clone());
            for (file, _) in files {
                let mut fates = Fates::default();
                let beginning = match self.read(file, |line, now| fates.take(&mut intake, line, now)) {
                    Err(error) if self.files.len() == 1 => return Err(error),
                    Err(error) => {
                        error!("{error:#}");
                        unread += 1;
                        // What was read of it is in the table.
                        Vec::new()
                    }
                    Ok(beginning) => beginning,
                };
                let (file, read_as) = ((*file).clone(), format.clone());
                replayed.push(ReplayedFile { file, fates, beginning, read_as });
            }
            entries.extend(intake.seal().entries);
        }
        entries.sort_by(|a, b| (a.event, &a.name).cmp(&(b.event, &b.name)));
        let all = replayed.iter().fold(Fates::default(), |all, file| all.and(&file.fates));
        let advise = |ReplayedFile { file, fates, beginning, read_as }: &ReplayedFile| {
            let counts = (fates.accepted, &fates.rejected);
            self.reading.advise(file, &config, read_as, counts, Some(beginning))
        };
        let advice: Vec<Advice> = replayed.iter().filter_map(advise).collect();
        let said = advice.iter().map(|advice| advice.text.clone()).collect();
        let replayed = Replayed { all, files: replayed, names: by_count(entries), advice: said };
        if common.json {
            out::json(&replayed)?;
        } else if self.csv {
            csv(&replayed.names)?;
        } else {
            people(&replayed, self.top)?;
        }
        lines::conclude(advice, self.files.len(), unread)
    }

    /// Reads a file, and answers how it begins.
    fn read(&self, path: &Path, mut each: impl FnMut(Line<'_>, Now)) -> Result<Vec<u8>> {
        let attempt = || format!("reading {}", lines::shown(path));
        let (input, size): (Box<dyn Read>, u64) = if lines::is_stdin(path) {
            (Box::new(io::stdin()), 0)
        } else {
            let file = open(path).map_err(|error| self.reading.unreadable(error, path, "replay"))?;
            let size = file.metadata().with_context(attempt)?.len();
            (Box::new(file), size)
        };
        let bar = progress::bar("bytes", size);
        let told = |error| self.reading.unreadable(error, path, "replay");
        let mut input = Sampled::new(unpacked(bar.wrap_read(input)).map_err(told)?);
        let mut lines = Lines::new(MAX_LINE);
        let mut chunk = vec![0; CHUNK];
        loop {
            match input.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => {
                    let time = now();
                    lines.push(&chunk[..length], |line| each(line, time));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).with_context(attempt),
            }
        }
        bar.finish_and_clear();
        lines.finish(|line| each(line, now()));
        Ok(input.beginning())
    }
}

impl Fates {
    fn take(&mut self, intake: &mut Intake, line: Line<'_>, now: Now) {
        self.received += 1;
        let seen = match line {
            Line::Whole(line) => intake.take(line, now),
            Line::Bad(reject) => Err(reject),
        };
        match seen {
            Ok(()) => self.accepted += 1,
            Err(reject) => *self.rejected.entry(reject.label()).or_default() += 1,
        }
    }

    fn and(mut self, other: &Fates) -> Fates {
        self.received += other.received;
        self.accepted += other.accepted;
        for (label, count) in &other.rejected {
            *self.rejected.entry(label).or_default() += count;
        }
        self
    }

    fn told(&self) -> String {
        format!(
            "{}: {} accepted, {} rejected\n",
            out::counted(self.received, "line"),
            self.accepted.separate_with_commas(),
            self.rejected.values().sum::<u64>().separate_with_commas(),
        )
    }
}

/// Opens a file. If nothing writes to a pipe, it waits, and says so.
fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.file_type().is_fifo() {
        return File::open(path);
    }
    let (opened, waits) = mpsc::channel::<()>();
    let shown = path.display().to_string();
    let telling = std::thread::spawn(move || {
        if waits.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            warn!("{shown} is a pipe: waiting until something writes to it");
        }
    });
    let file = File::open(path);
    drop(opened);
    // It ends at once.
    let _ = telling.join();
    file
}

/// All times of a name together, the busiest first.
fn by_count(entries: Vec<Entry>) -> Vec<NameCount> {
    let mut names: Vec<NameCount> = entries
        .chunk_by(|a, b| a.event == b.event && a.name == b.name)
        .map(|of_name| NameCount {
            event: of_name[0].event.to_string(),
            name: of_name[0].name.to_string(),
            count: of_name.iter().fold(0, |sum, entry| entry.count.saturating_add(sum)),
        })
        .collect();
    names.sort_by(|a, b| {
        b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)).then_with(|| a.event.cmp(&b.event))
    });
    names
}

fn csv(names: &[NameCount]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for name in names {
        writer.serialize(name).context("writing CSV")?;
    }
    let text = writer.into_inner().context("writing CSV")?;
    out::print(&String::from_utf8_lossy(&text))
}

fn people(replayed: &Replayed, top: usize) -> Result<()> {
    let mut text = String::new();
    if !replayed.names.is_empty() {
        let mut table = out::table(&["event", "name", "count"]);
        for name in replayed.names.iter().take(top) {
            table.add_row([name.event.clone(), out::plain(&name.name), name.count.separate_with_commas()]);
        }
        text += &out::drawn(table, out::terminal_width());
        if replayed.names.len() > top {
            let more = (replayed.names.len() - top) as u64;
            text += &format!("and {}\n", out::counted(more, "more name"));
        }
    }
    if let files @ [_, _, ..] = &*replayed.files {
        for ReplayedFile { file, fates, .. } in files {
            text += &format!("{}: {}", out::plain(&lines::shown(file)), fates.told());
        }
        text += "all: ";
    }
    text += &replayed.all.told();
    text += &out::reasons(&replayed.all.rejected);
    text += &lines::no_badge(replayed.all.accepted, &replayed.all.rejected);
    out::print(&text)
}
