//! Our own daemon under measurement, and the counts in its store.

use crate::{Bench, load::Target};
use anyhow::{Context, bail};
use std::{
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tallymark_core::{Event, Name};
use tallymark_store::{Retention, Store, StoreUrl};
use tallymark_testbed::{Daemon, free_tcp_port, free_udp_port, http};
use tokio::runtime::Runtime;

/// A running daemon.
pub(crate) struct Ours {
    pub(crate) daemon: Daemon,
    pub(crate) udp: SocketAddr,
    pub(crate) http: SocketAddr,
    counts: Option<Counts>,
    store: StoreUrl,
}

impl Ours {
    /// Starts `tallymark COMMAND...` and waits until it is ready. Without a store it gets an embedded one of its own.
    pub(crate) fn start(bench: &Bench, command: &[&str], store: Option<&StoreUrl>) -> anyhow::Result<Ours> {
        let started = Ours::launch(bench, command, store)?;
        let end = Instant::now() + Duration::from_secs(60);
        while !started.is_ready() {
            if Instant::now() > end {
                bail!("tallymark was not ready within a minute:\n{}", started.daemon.stderr());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(started)
    }

    /// Starts it and does not wait.
    pub(crate) fn launch(bench: &Bench, command: &[&str], store: Option<&StoreUrl>) -> anyhow::Result<Ours> {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (udp, http) = (local(free_udp_port()), local(free_tcp_port()));
        let mut builder = Daemon::builder(&bench.tallymark).args(command);
        builder = builder.args(["--syslog-udp", &udp.to_string(), "--listen", &http.to_string()]);
        if let Some(store) = store {
            builder = builder.args(["--store", &text_of(store)]);
        }
        let daemon = builder.start();
        let own = || StoreUrl::Sqlite(daemon.dir().join("tallymark-data/tallymark.db"));
        let store = store.cloned().unwrap_or_else(own);
        Ok(Ours { daemon, udp, http, counts: None, store })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    pub(crate) fn target(&self) -> anyhow::Result<Target> {
        Target::udp(self.udp)
    }

    pub(crate) fn is_ready(&self) -> bool {
        http::try_request("GET", self.http, "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200)
    }

    /// The sum over all labels of a metric.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let answer =
            http::try_request("GET", self.http, "/metrics", &[], b"").context("asking for metrics")?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let samples = text.lines().filter_map(|line| line.strip_prefix(name));
        let of_name = samples.filter(|rest| rest.starts_with([' ', '{']));
        Ok(of_name.filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
    }

    /// A separate reader of totals.
    pub(crate) fn counts(&self) -> anyhow::Result<Counts> {
        Counts::open(&self.store)
    }

    /// All hits in the store.
    pub(crate) fn counted(&mut self) -> anyhow::Result<u64> {
        if self.counts.is_none() {
            self.counts = Some(Counts::open(&self.store)?);
        }
        self.counts.as_ref().context("just opened")?.all()
    }

    /// Waits until `expect` hits are in the store, or until no more come. Answers how many there are.
    pub(crate) fn wait_counted(&mut self, expect: u64) -> anyhow::Result<u64> {
        let (mut last, mut still) = (0, 0);
        // Ticks may be five seconds apart.
        while still < 40 {
            let now = self.counted()?;
            if now >= expect {
                return Ok(now);
            }
            still = if now > last { 0 } else { still + 1 };
            last = now;
            thread::sleep(Duration::from_millis(250));
        }
        Ok(last)
    }
}

/// A store's URL as a flag takes it.
pub(crate) fn text_of(store: &StoreUrl) -> String {
    match store {
        StoreUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
        StoreUrl::Redis(url) => url.to_string(),
    }
}

/// Reads totals.
pub(crate) struct Counts {
    runtime: Runtime,
    store: Arc<dyn Store>,
}

impl Counts {
    pub(crate) fn open(url: &StoreUrl) -> anyhow::Result<Counts> {
        let runtime = crate::fill::runtime()?;
        let store = runtime.block_on(tallymark_store::open(url, Retention::default()))?;
        Ok(Counts { runtime, store })
    }

    pub(crate) fn all(&self) -> anyhow::Result<u64> {
        let totals = self.runtime.block_on(self.store.totals(Event::HIT, &[Name::all()]))?;
        Ok(totals.first().copied().unwrap_or(0).unsigned_abs())
    }
}
