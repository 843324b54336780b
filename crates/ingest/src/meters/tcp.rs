//! What the TCP source counts besides lines: its connections, and why they ended.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// The connections of all TCP sources.
#[derive(Clone, Default)]
pub struct TcpMeters {
    open: Gauge,
    closed: Family<ReasonLabel, Counter>,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The peer ended it.
    Peer,
    /// It broke.
    Error,
    /// Its stream could not be split into messages.
    Framing,
    /// A counted message over the limit.
    TooLong,
    /// Silent for too long.
    Idle,
    /// Closed to make room for another one.
    Evicted,
    /// The peer is not allowed to send.
    Sender,
    /// The daemon stopped.
    Stop,
}

impl Closed {
    fn label(self) -> &'static str {
        match self {
            Closed::Peer => "peer",
            Closed::Error => "error",
            Closed::Framing => "framing",
            Closed::TooLong => "too_long",
            Closed::Idle => "idle",
            Closed::Evicted => "evicted",
            Closed::Sender => "sender",
            Closed::Stop => "stop",
        }
    }
}

impl TcpMeters {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("tcp_connections", "Open connections of syslog-tcp", self.open.clone());
        registry.register(
            "tcp_connections_closed",
            "Connections of syslog-tcp that ended, by reason",
            self.closed.clone(),
        );
    }

    pub(crate) fn open(&self, count: usize) {
        self.open.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn closed(&self, why: Closed) {
        self.closed.get_or_create(&ReasonLabel { reason: why.label() }).inc();
    }
}
