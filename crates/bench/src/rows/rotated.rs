//! What a thousand rotated files beside a log cost a restart.

use crate::{
    Bench,
    finding::Finding,
    median::median,
    ours::{Counts, Ours},
};
use anyhow::{Context, bail, ensure};
use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};
use tallymark_store::StoreUrl;
use tallymark_testbed::{TempDir, temp_dir};

/// Half of them are packed.
const FILES: u64 = 1000;
/// How many lines each file has. One line is no evidence, so such files are compared with each other where they are not
/// known by their inodes.
const LINES: [u64; 2] = [100, 1];
/// The most that they may add, in milliseconds.
const MOST: f64 = 100.0;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for lines in LINES {
        let work = "a restart until the next line of a log is counted";
        findings.push(measure(bench, lines, work, |followed| followed.restart())?);
        let work = "the same after its directory was copied";
        findings.push(measure(bench, lines, work, |followed| {
            followed.copy()?;
            followed.restart()
        })?);
    }
    Ok(findings)
}

fn measure(
    bench: &Bench,
    lines: u64,
    work: &str,
    restart: impl Fn(&Followed<'_>) -> anyhow::Result<f64>,
) -> anyhow::Result<Finding> {
    let files = bench.scaled(FILES);
    let (alone, beside) = (Followed::new(bench, 0, lines)?, Followed::new(bench, files, lines)?);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds.max(5) {
        without.push(restart(&alone)?);
        with.push(restart(&beside)?);
    }
    println!("  {work}, files of {lines}: alone {without:.1?} ms, beside {files} {with:.1?} ms");
    let (without, with) = (median(&without), median(&with));
    Ok(Finding {
        work: format!("{work}, beside {files} rotated files of {lines} lines"),
        peer: format!("{without:.0} ms without them"),
        ours: format!("{with:.0} ms"),
        ratio: format!("{:+.0} ms", with - without),
        target: format!("at most {MOST:.0} ms more"),
        met: Some(with - without <= MOST),
    })
}

/// A log that was followed before, and its files.
struct Followed<'a> {
    bench: &'a Bench,
    dir: TempDir,
    /// How many lines each of its files has.
    lines: u64,
}

impl Followed<'_> {
    fn new(bench: &Bench, files: u64, lines: u64) -> anyhow::Result<Followed<'_>> {
        let followed = Followed { bench, dir: temp_dir(), lines };
        let log = followed.log();
        fs::create_dir(followed.dir.path().join("log")).context("making the directory of the log")?;
        fs::write(followed.dir.path().join("tallymark.toml"), "[store]\ntick = \"10ms\"\n")?;
        for n in (1..=files).rev() {
            fs::write(rotated(&log, n), followed.lines(n))?;
        }
        let packed: Vec<PathBuf> = (files / 2 + 1..=files).map(|n| rotated(&log, n)).collect();
        if !packed.is_empty() {
            ensure!(Command::new("gzip").args(&packed).status()?.success(), "gzip failed");
        }
        fs::write(&log, followed.lines(0))?;
        // It remembers them all from now on.
        let mut ours = followed.launch()?;
        followed.wait(&mut ours, lines)?;
        followed.stop(ours)?;
        Ok(followed)
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log/access.log")
    }

    fn launch(&self) -> anyhow::Result<Ours> {
        let text = |path: PathBuf| path.display().to_string();
        let (config, data) =
            (text(self.dir.path().join("tallymark.toml")), text(self.dir.path().join("data")));
        let log = text(self.log());
        let command = ["ingest", "--config", &config, "--data-dir", &data, "--file", &log];
        Ours::launch(self.bench, &command, Some(&self.store()))
    }

    fn store(&self) -> StoreUrl {
        StoreUrl::Sqlite(self.dir.path().join("tallymark.db"))
    }

    /// Milliseconds from the start to the moment at which a line that was written before it is counted.
    fn restart(&self) -> anyhow::Result<f64> {
        let reader = Counts::open(&self.store())?;
        let before = reader.all()?;
        OpenOptions::new().append(true).open(self.log())?.write_all(self.lines(before).as_bytes())?;
        let begin = Instant::now();
        let ours = self.launch()?;
        while reader.all()? == before {
            if begin.elapsed() > PATIENCE {
                bail!("nothing was counted within a minute:\n{}", ours.daemon.stderr());
            }
            thread::sleep(Duration::from_millis(1));
        }
        let took = begin.elapsed().as_secs_f64() * 1e3;
        self.stop(ours)?;
        Ok(took)
    }

    /// Puts a copy of the log's directory in its place, so that no file has the inode that it had.
    fn copy(&self) -> anyhow::Result<()> {
        let (log, copy) = (self.dir.path().join("log"), self.dir.path().join("copy"));
        ensure!(Command::new("cp").arg("-a").args([&log, &copy]).status()?.success(), "cp failed");
        fs::remove_dir_all(&log)?;
        fs::rename(copy, log).context("putting the copy in its place")
    }

    /// No two files have a line in common.
    fn lines(&self, file: u64) -> String {
        (0..self.lines).fold(String::new(), |mut text, n| {
            let _ = writeln!(text, "\"2020-11-20\",\"o%2Fr{file}-{n}\"");
            text
        })
    }

    fn wait(&self, ours: &mut Ours, expect: u64) -> anyhow::Result<()> {
        let begin = Instant::now();
        // The store is made by the daemon.
        while !ours.is_ready() && begin.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        let counted = ours.wait_counted(expect)?;
        ensure!(counted == expect, "{counted} of {expect} lines were counted:\n{}", ours.daemon.stderr());
        Ok(())
    }

    fn stop(&self, mut ours: Ours) -> anyhow::Result<()> {
        ours.daemon.sigterm();
        let status = ours.daemon.wait(PATIENCE);
        ensure!(status.success(), "it ended with {status}:\n{}", ours.daemon.stderr());
        Ok(())
    }
}

fn rotated(log: &Path, n: u64) -> PathBuf {
    log.with_extension(format!("log.{n}"))
}
