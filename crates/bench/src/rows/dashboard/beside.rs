//! Hits that come in while something else goes on: what they cost, and how long they are on their way.

use crate::{
    Bench,
    load::{Load, Ready, Spread},
    median::percentile,
    ours::{Counts, Ours},
    usage,
};
use std::{
    fmt,
    path::Path,
    thread,
    time::{Duration, Instant},
};
use tallymark_store::StoreUrl;

const BUSY: &str = "tallymark_ranking_busy_seconds_total";
const APPLY_TOOK: &str = "tallymark_batch_apply_seconds_sum";
const APPLIES: &str = "tallymark_batch_apply_seconds_count";
/// How often the store is read.
const LOOK: Duration = Duration::from_millis(10);

/// Hits a second.
pub(super) const RATE: u64 = 5_000;

/// A store with names in it, and how it is served.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) bench: &'a Bench,
    pub(super) store: &'a StoreUrl,
    /// The process of the store, if it is not the daemon's.
    pub(super) server: Option<u32>,
    pub(super) names: u32,
    /// Says whether there are pages; without them there are no rankings either.
    pub(super) config: &'a Path,
}

/// What became of the hits.
pub(super) struct Hits {
    /// Microseconds of CPU a hit, daemon and store.
    pub(super) cpu: f64,
    lag_p50: f64,
    /// Seconds from the wire into the store.
    pub(super) lag_p99: f64,
    /// Milliseconds that the store took for a batch.
    apply: f64,
}

impl fmt::Display for Hits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hits { cpu, lag_p50, lag_p99, apply } = self;
        write!(
            f,
            "lag p50 {lag_p50:.2} s, p99 {lag_p99:.2} s, {apply:.1} ms a batch, {cpu:.1} us of CPU a hit"
        )
    }
}

/// A daemon that is ready for hits.
pub(super) struct Served<'a> {
    beside: Beside<'a>,
    pub(super) ours: Ours,
}

impl<'a> Beside<'a> {
    /// Starts the daemon.
    pub(super) fn serve(self) -> anyhow::Result<Served<'a>> {
        let flags = ["serve", "--no-render", "--config", &self.config.display().to_string()];
        let ours = Ours::start(self.bench, &flags, Some(self.store))?;
        Ok(Served { beside: self, ours })
    }
}

impl Served<'_> {
    /// Sends hits; `doing` goes on for as long as the function that it is given says so. Answers what became of the
    /// hits, and the share of the time that rankings took.
    pub(super) fn hits(
        &mut self,
        doing: impl FnOnce(&Ours, &dyn Fn() -> bool) -> anyhow::Result<()>,
    ) -> anyhow::Result<(Hits, f64)> {
        let Beside { bench, server, names, .. } = self.beside;
        let ours = &mut self.ours;
        let seconds = if bench.quick { 6 } else { 60 };
        let load =
            Load { names, spread: Spread::LogUniform, count: RATE * seconds, rate: Some(RATE), seed: 1 };
        let (lines, target) = (Ready::new(&load), ours.target()?);
        let there = ours.counted()?;
        let daemon = ours.pid();
        let used = || Ok::<_, anyhow::Error>(usage::cpu(daemon)? + server.map_or(Ok(0.0), usage::cpu)?);
        let (before, busy) = (used()?, ours.metric(BUSY)?);
        let (took, batches) = (ours.metric(APPLY_TOOK)?, ours.metric(APPLIES)?);
        let lags = lags(ours.counts()?, there, load.count);
        let begun = Instant::now();
        let sender = thread::spawn(move || lines.send(&target, |_| {}).map(|_| ()));
        doing(ours, &|| !sender.is_finished())?;
        sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
        let counted = ours.wait_counted(there + load.count)? - there;
        let drops = ours.metric("tallymark_socket_drops_total")?;
        anyhow::ensure!(
            counted == load.count,
            "{counted} of {} hits were counted, and {drops} dropped by the kernel",
            load.count
        );
        let elapsed = begun.elapsed().as_secs_f64();
        let lags = lags.join().map_err(|_| anyhow::anyhow!("whoever looks at the store panicked"))??;
        let hits = Hits {
            cpu: (used()? - before) * 1e6 / load.count as f64,
            lag_p50: percentile(&lags, 0.5),
            lag_p99: percentile(&lags, 0.99),
            apply: (ours.metric(APPLY_TOOK)? - took) * 1e3 / (ours.metric(APPLIES)? - batches).max(1.0),
        };
        Ok((hits, (ours.metric(BUSY)? - busy) / elapsed))
    }
}

/// Looks at the store again and again while hits are sent: how many seconds ago what is in it was sent.
fn lags(counts: Counts, there: u64, count: u64) -> thread::JoinHandle<anyhow::Result<Vec<f64>>> {
    thread::spawn(move || {
        let (begun, mut lags) = (Instant::now(), Vec::new());
        let sent_in = count as f64 / RATE as f64;
        while begun.elapsed().as_secs_f64() < sent_in {
            let counted = (counts.all()? - there) as f64;
            lags.push(begun.elapsed().as_secs_f64() - counted / RATE as f64);
            thread::sleep(LOOK);
        }
        Ok(lags)
    })
}
