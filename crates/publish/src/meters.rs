//! The counters behind `/metrics` that belong to publishing. The publisher keeps them; the binary shows them.

use crate::freshness::Freshness;
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use std::path::Path;

/// The counters behind `/metrics` that belong to publishing.
#[derive(Clone, Default)]
pub struct PublishMeters {
    pub(crate) written: Counter,
    pub(crate) charts: Counter,
    pub(crate) panels: Counter,
    pub(crate) banners: Counter,
    pub(crate) cards: Counter,
    pub(crate) held: Counter,
    pub(crate) failed: Counter,
    pub(crate) plain: Counter,
    pub(crate) full_passes: Counter,
    pub(crate) changed: Gauge,
    pub(crate) pass: Gauge<f64, std::sync::atomic::AtomicU64>,
    pub(crate) freshness: Freshness,
}

impl PublishMeters {
    /// Registers everything. The registry adds the prefix `tallymark_`.
    pub fn register(registry: &mut Registry, dir: &Path) -> PublishMeters {
        let meters = PublishMeters::default();
        registry.register("badges_written", "Badge files written", meters.written.clone());
        registry.register("charts_written", "Chart files written", meters.charts.clone());
        registry.register("panels_written", "Panel files written", meters.panels.clone());
        registry.register("banners_written", "Files of banners written", meters.banners.clone());
        registry.register("cards_written", "Files of cards written", meters.cards.clone());
        registry.register(
            "badges_held",
            "Files of badges, charts, panels, banners and cards kept because the store has less than they show",
            meters.held.clone(),
        );
        registry.register("badges_failed", "Badge files that could not be written", meters.failed.clone());
        registry.register(
            "badges_without_template",
            "Badges in the built-in look, because the template failed on their names",
            meters.plain.clone(),
        );
        registry.register("publish_full_passes", "Passes over every name", meters.full_passes.clone());
        registry.register("changed_names", "Names that the last pass looked at", meters.changed.clone());
        registry.register("publish_pass_seconds", "How long the last pass took", meters.pass.clone());
        meters.freshness.register(registry, dir);
        meters
    }
}
