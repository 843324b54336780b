//! The counters behind `/metrics` that belong to news.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SentLabel {
    result: &'static str,
}

/// The counters behind `/metrics` that belong to news.
#[derive(Clone, Default)]
pub struct NewsMeters {
    found: Family<KindLabel, Counter>,
    sent: Family<SentLabel, Counter>,
    pub(crate) waiting: Gauge,
    /// Names that were not looked at for a spike.
    pub(crate) skipped: Counter,
}

impl NewsMeters {
    /// Registers everything. The registry adds the prefix `tallymark_`.
    pub fn register(registry: &mut Registry) -> NewsMeters {
        let meters = NewsMeters::default();
        registry.register("news", "Milestones and spikes found", meters.found.clone());
        registry.register("webhooks", "Attempts to send news to a webhook, by result", meters.sent.clone());
        let help = "News that webhooks have not received yet";
        registry.register("webhooks_waiting", help, meters.waiting.clone());
        let help = "Changed names that were not looked at for a spike, because too many changed at once";
        registry.register("news_names_skipped", help, meters.skipped.clone());
        meters
    }

    pub(crate) fn found(&self, kind: &'static str) {
        self.found.get_or_create(&KindLabel { kind }).inc();
    }

    pub(crate) fn sent(&self, result: &'static str, count: u64) {
        self.sent.get_or_create(&SentLabel { result }).inc_by(count);
    }
}
