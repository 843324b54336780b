//! The counters behind `/metrics` that belong to ingest.
//!
//! Sources count in plain integers and add them here once per tick, so that a line costs no atomic operation.

mod tcp;
mod visits;

pub(crate) use tcp::Closed;
pub use tcp::TcpMeters;
pub(crate) use visits::VisitMeters;

use crate::{clock::now, first_looks::FirstLooks, tail::Tail};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tallymark_core::{Entry, Reject};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SourceLabel {
    source: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RejectLabel {
    source: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EventLabel {
    event: String,
}

/// Everything that ingest counts about itself.
#[derive(Clone, Default)]
pub struct IngestMeters {
    received: Family<SourceLabel, Counter>,
    accepted: Family<SourceLabel, Counter>,
    rejected: Family<RejectLabel, Counter>,
    redated: Family<SourceLabel, Counter>,
    datagram_rests: Family<SourceLabel, Counter>,
    drops: Family<SourceLabel, Counter>,
    hits: Family<EventLabel, Counter>,
    /// How many events have their own label.
    events: Arc<AtomicUsize>,
    tally_entries: Family<SourceLabel, Gauge>,
    pub(crate) overflowed: Counter,
    pub(crate) names: Gauge,
    rotations: Counter,
    truncations: Counter,
    rests_lost: Counter,
    /// Why log files cannot be read at the moment, by their paths.
    file_troubles: Arc<Mutex<BTreeMap<PathBuf, String>>>,
    files_in_trouble: Gauge,
    pub(crate) first_looks: FirstLooks,
    pub(crate) batches: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) quarantined: Counter,
    pub(crate) hits_quarantined: Counter,
    pub(crate) rollbacks: Counter,
    pub(crate) lost_batches: Counter,
    pub(crate) store_up: Gauge,
    pub(crate) outbox_batches: Gauge,
    pub(crate) outbox_hits: Gauge,
    pub(crate) outbox_bytes: Gauge,
    pub(crate) outbox_retention: Gauge,
    pub(crate) apply_seconds: Option<Histogram>,
    tcp: TcpMeters,
    pub(crate) visits: VisitMeters,
    zmq_connected: Gauge,
    zmq_connections: Counter,
    tail: Tail,
}

/// One source's counters.
#[derive(Clone)]
pub struct SourceMeters {
    source: &'static str,
    received: Counter,
    accepted: Counter,
    rejected: Arc<[Counter]>,
    redated: Counter,
    rests: Counter,
    drops: Counter,
    pub(crate) tally_entries: Gauge,
    all: IngestMeters,
}

/// What a source counted since its last [`SourceMeters::add`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) received: u64,
    pub(crate) accepted: u64,
    pub(crate) rejected: [u64; Reject::ALL.len()],
    pub(crate) redated: u64,
    /// Datagrams with more than one line.
    pub(crate) rests: u64,
    pub(crate) overflowed: u64,
}

impl Default for Delta {
    fn default() -> Delta {
        let rejected = [0; Reject::ALL.len()];
        Delta { received: 0, accepted: 0, rejected, redated: 0, rests: 0, overflowed: 0 }
    }
}

/// What happened to a log file since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileEvents {
    /// New files at its path.
    pub(crate) rotations: u64,
    pub(crate) truncations: u64,
    /// How often the rest of a file could not be found or read.
    pub(crate) lost: u64,
}

impl IngestMeters {
    /// Registers everything. The registry adds the prefix `tallymark_`.
    pub fn register(registry: &mut Registry) -> IngestMeters {
        let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
        let apply_seconds = Histogram::new(seconds);
        let meters = IngestMeters { apply_seconds: Some(apply_seconds.clone()), ..IngestMeters::default() };
        registry.register("lines_received", "Lines and requests that arrived", meters.received.clone());
        registry.register("lines_accepted", "Lines and requests that were counted", meters.accepted.clone());
        registry.register(
            "lines_rejected",
            "Lines that were not counted, by reason",
            meters.rejected.clone(),
        );
        registry.register(
            "lines_redated",
            "Accepted lines whose date lay outside the window, counted on the arrival day",
            meters.redated.clone(),
        );
        registry.register(
            "datagram_rests",
            "Datagrams with more than one line: the first was read, the rest was not",
            meters.datagram_rests.clone(),
        );
        registry.register(
            "socket_drops",
            "Datagrams the kernel dropped: the receive buffer was full",
            meters.drops.clone(),
        );
        registry.register("hits", "Occurrences counted, by event", meters.hits.clone());
        registry.register(
            "tally_entries",
            "Cells of the tally at the last tick",
            meters.tally_entries.clone(),
        );
        registry.register(
            "hits_overflowed",
            "Hits counted under ~overflow: the tally was full, or [limits] had no room for another name",
            meters.overflowed.clone(),
        );
        registry.register(
            "file_rotations",
            "New files that took the place of a log",
            meters.rotations.clone(),
        );
        registry.register("file_truncations", "Logs that were truncated", meters.truncations.clone());
        registry.register(
            "file_rests_lost",
            "Logs of which lines may be missing in the counts, or counted twice; the log says which and why",
            meters.rests_lost.clone(),
        );
        registry.register(
            "files_in_trouble",
            "Logs that are missing, cannot be read, are read by another source, or are far behind at the moment; /readyz says which",
            meters.files_in_trouble.clone(),
        );
        registry.register("batches_applied", "Batches that the store has applied", meters.batches.clone());
        registry.register(
            "batches_duplicate",
            "Batches that the store had already applied",
            meters.duplicates.clone(),
        );
        registry.register(
            "keys_quarantined",
            "Increments refused because a key holds no counter",
            meters.quarantined.clone(),
        );
        registry.register(
            "hits_quarantined",
            "Hits that were not counted because the key of their total holds no counter",
            meters.hits_quarantined.clone(),
        );
        registry.register(
            "store_rollbacks",
            "Times the store had lost batches it had applied",
            meters.rollbacks.clone(),
        );
        registry.register(
            "batches_lost",
            "Applied batches that a rollback took and nothing could replay",
            meters.lost_batches.clone(),
        );
        registry.register(
            "outbox_batches",
            "Batches and blocks in the outbox that the store has not",
            meters.outbox_batches.clone(),
        );
        registry.register("outbox_hits", "Occurrences in them", meters.outbox_hits.clone());
        registry.register("outbox_bytes", "Bytes of the outbox in use", meters.outbox_bytes.clone());
        registry.register(
            "outbox_retention_seconds",
            "How far back applied batches are kept",
            meters.outbox_retention.clone(),
        );
        registry.register("names", "Names with the event hit, as last counted", meters.names.clone());
        registry.register("store_up", "1 while the store takes batches", meters.store_up.clone());
        registry.register(
            "batch_apply_seconds",
            "How long the store took for the batches of a tick",
            apply_seconds,
        );
        registry.register(
            "zmq_connected",
            "Publishers that are subscribed to at the moment",
            meters.zmq_connected.clone(),
        );
        registry.register(
            "zmq_connections",
            "Subscriptions so far; what was published between two of one source is lost",
            meters.zmq_connections.clone(),
        );
        meters.tcp.register(registry);
        meters.visits.register(registry);
        meters
    }

    /// Which logs cannot be read at the moment, and why.
    pub fn file_troubles(&self) -> Vec<String> {
        let troubles = self.file_troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.iter().map(|(path, trouble)| format!("{}: {trouble}", path.display())).collect()
    }

    /// Which logs are not known yet.
    #[must_use]
    pub fn first_looks(&self) -> FirstLooks {
        self.first_looks.clone()
    }

    /// For a command that reads files and reports their rejects itself: none is logged as it occurs.
    #[must_use]
    pub fn quiet() -> IngestMeters {
        IngestMeters { tail: Tail::quiet(), ..IngestMeters::default() }
    }

    /// The live view over every source.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.tail.clone()
    }

    /// The counters of one source. Every reason is shown from the start, as 0.
    #[must_use]
    pub fn source(&self, source: &'static str) -> SourceMeters {
        let label = SourceLabel { source };
        let rejected = |reject: &Reject| {
            self.rejected.get_or_create(&RejectLabel { source, reason: reject.label() }).clone()
        };
        SourceMeters {
            source,
            received: self.received.get_or_create(&label).clone(),
            accepted: self.accepted.get_or_create(&label).clone(),
            rejected: Reject::ALL.iter().map(rejected).collect(),
            redated: self.redated.get_or_create(&label).clone(),
            rests: self.datagram_rests.get_or_create(&label).clone(),
            drops: self.drops.get_or_create(&label).clone(),
            tally_entries: self.tally_entries.get_or_create(&label).clone(),
            all: self.clone(),
        }
    }

    /// Counts the hits of a sealed tally by event. Senders choose events, so after 100 different ones the rest share
    /// one label.
    pub(crate) fn hits(&self, entries: &[Entry]) {
        const MAX_LABELS: usize = 100;
        for of_event in entries.chunk_by(|a, b| a.event == b.event) {
            let Some(first) = of_event.first() else { continue };
            let count = of_event.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.count));
            let mut label = EventLabel { event: first.event.to_string() };
            if self.hits.get(&label).is_none() && self.events.fetch_add(1, Ordering::Relaxed) >= MAX_LABELS {
                label.event = "~other".to_owned();
            }
            self.hits.get_or_create(&label).inc_by(count);
        }
    }
}

impl SourceMeters {
    /// Adds up what was counted since the last call, and clears it.
    pub(crate) fn add(&self, delta: &mut Delta) {
        if delta.received > 0 {
            self.all.tail.came(now().unix_ms);
        }
        self.received.inc_by(delta.received);
        self.accepted.inc_by(delta.accepted);
        for (counter, &count) in self.rejected.iter().zip(&delta.rejected) {
            counter.inc_by(count);
        }
        self.redated.inc_by(delta.redated);
        self.rests.inc_by(delta.rests);
        self.all.overflowed.inc_by(delta.overflowed);
        *delta = Delta::default();
    }

    /// Adds what the kernel dropped.
    pub(crate) fn dropped(&self, count: u64) {
        self.drops.inc_by(count);
    }

    /// Adds what happened to a log file.
    pub(crate) fn files(&self, events: FileEvents) {
        self.all.rotations.inc_by(events.rotations);
        self.all.truncations.inc_by(events.truncations);
        self.all.rests_lost.inc_by(events.lost);
    }

    /// Says why a log cannot be read, or that it can.
    pub(crate) fn file_trouble(&self, path: &Path, trouble: Option<&str>) {
        let mut troubles = self.all.file_troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => drop(troubles.insert(path.to_owned(), trouble.to_owned())),
            None => drop(troubles.remove(path)),
        }
        self.all.files_in_trouble.set(i64::try_from(troubles.len()).unwrap_or(i64::MAX));
    }

    pub(crate) fn first_looks(&self) -> &FirstLooks {
        &self.all.first_looks
    }

    /// Counts the hits of a sealed tally.
    pub(crate) fn hits(&self, entries: &[Entry]) {
        self.all.hits(entries);
    }

    /// The source's name: its label in every metric.
    pub(crate) fn source(&self) -> &'static str {
        self.source
    }

    /// A publisher has accepted our subscription, or the connection has ended.
    pub(crate) fn zmq_connected(&self, is: bool) {
        if is {
            self.all.zmq_connections.inc();
            self.all.zmq_connected.inc();
        } else {
            self.all.zmq_connected.dec();
        }
    }

    pub(crate) fn tcp(&self) -> &TcpMeters {
        &self.all.tcp
    }

    pub(crate) fn tail(&self) -> &Tail {
        &self.all.tail
    }

    /// Datagrams with more than one line so far.
    #[cfg(test)]
    pub(crate) fn rests(&self) -> u64 {
        self.rests.get()
    }

    /// Lines received, accepted and rejected so far.
    pub fn lines(&self) -> (u64, u64, u64) {
        let rejected = self.rejected.iter().map(Counter::get).sum();
        (self.received.get(), self.accepted.get(), rejected)
    }
}

impl Delta {
    pub(crate) fn reject(&mut self, reject: Reject) {
        self.rejected[reject as usize] += 1;
    }
}
