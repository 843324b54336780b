//! A directory of badges beside a store, for the rows about publishing.

use crate::{
    Bench,
    fill::Fill,
    load,
    ours::text_of,
    peers::{self, BareWriter},
};
use anyhow::{Context, ensure};
use std::{ops::Range, path::PathBuf, process::Command, time::Instant};
use tallymark_store::StoreUrl;
use tallymark_testbed::{TempDir, temp_dir};

/// What every name has in the beginning.
pub(crate) const FIRST_TOTAL: i64 = 1000;

/// A store whose names are all on disk.
pub(crate) struct Published {
    dir: TempDir,
    store: StoreUrl,
    fill: Fill,
    writer: BareWriter,
}

impl Published {
    /// `names` names in an embedded store, or in this one, each with its badge.
    pub(crate) fn new(bench: &Bench, names: u32, store: Option<StoreUrl>) -> anyhow::Result<Published> {
        let dir = temp_dir();
        let store = store.unwrap_or_else(|| StoreUrl::Sqlite(dir.path().join("tallymark.db")));
        let mut fill = Fill::open(&store)?;
        fill.add(0..names, FIRST_TOTAL.unsigned_abs())?;
        let published = Published { dir, store, fill, writer: BareWriter::compile()? };
        let (written, seconds) = published.render(bench)?;
        ensure!(written == u64::from(names), "{written} of {names} badges were written");
        println!("  the first {names} badges: {seconds:.1} s");
        Ok(published)
    }

    pub(crate) fn store(&self) -> &StoreUrl {
        &self.store
    }

    pub(crate) fn badges(&self) -> PathBuf {
        self.dir.path().join("badges")
    }

    /// One `tallymark render`: how many badges it wrote, and the seconds from its start to its end.
    pub(crate) fn render(&self, bench: &Bench) -> anyhow::Result<(u64, f64)> {
        let mut command = Command::new(&bench.tallymark);
        command.args(["render", "--json", "--store", &text_of(&self.store), "--badges-dir"]);
        command.arg(self.badges()).arg("--data-dir").arg(self.dir.path());
        let begin = Instant::now();
        let text = peers::output(&mut command)?;
        let seconds = begin.elapsed().as_secs_f64();
        let report: serde_json::Value = serde_json::from_str(&text)?;
        Ok((report["written"].as_u64().context("a report has what was written")?, seconds))
    }

    /// Hits on these names, then a render: its seconds.
    pub(crate) fn change_and_render(&mut self, bench: &Bench, names: Range<u32>) -> anyhow::Result<f64> {
        let count = u64::from(names.end - names.start);
        self.fill.add(names, 1)?;
        let (written, seconds) = self.render(bench)?;
        ensure!(written == count, "{written} of {count} changed badges were written");
        println!("  ours: {count} badges in {seconds:.3} s");
        Ok(seconds)
    }

    /// The bare loop over the badges of the same names: its seconds.
    pub(crate) fn bare(&self, names: Range<u32>) -> anyhow::Result<f64> {
        let files: Vec<String> = names.map(|at| load::name(at).replace('/', "%2F") + ".svg").collect();
        let seconds = self.writer.replace(&self.badges(), &files)?;
        println!("  bare: {} files in {seconds:.3} s", files.len());
        Ok(seconds)
    }
}
