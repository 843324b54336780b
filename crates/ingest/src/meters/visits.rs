//! The counters of hits that are not visits, and of those of which nothing is kept.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// What became of hits that were no visit, or leave no record.
#[derive(Clone, Debug, Default)]
pub(crate) struct VisitMeters {
    pub(crate) cooled: Counter,
    pub(crate) collapsed: Counter,
    pub(crate) forgotten: Counter,
    pub(crate) unnoted: Counter,
    pub(crate) opted_out: Counter,
}

impl VisitMeters {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "visits_cooled",
            "Hits that were no visit: one of the same visitor had counted a moment before",
            self.cooled.clone(),
        );
        registry.register(
            "visits_collapsed",
            "Hits that were no visit: GitHub's image proxy had asked for the name a moment before",
            self.collapsed.clone(),
        );
        registry.register(
            "visits_forgotten",
            "Visitors forgotten before they had cooled down: the table was full",
            self.forgotten.clone(),
        );
        registry.register(
            "visitors_unnoted",
            "Visits that are not in the number of visitors: no key for their day, or too many at once",
            self.unnoted.clone(),
        );
        registry.register(
            "hits_opted_out",
            "Hits of clients that opt out (Sec-GPC: 1 or DNT: 1): counted, without a visitor and without a record",
            self.opted_out.clone(),
        );
    }
}
