//! The format of a source's lines. Sources are configured with it, and `intake` uses it to read them.

use std::sync::Arc;
use tallymark_core::{Reject, access::Pattern, syslog::Priority};

/// What a line looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// A syslog header, then a record. What nginx sends.
    Syslog,
    /// A record alone, read by the first route.
    Record,
    /// A record behind a syslog header, as it was sent or as a syslog daemon writes it to a file; or a record alone,
    /// read by the first route that fits.
    Auto,
    /// An access log: `combined` and its relatives, or JSON. Without a header, the first route says what is counted.
    Combined,
    /// An access log of the form that a format string says.
    Pattern(Arc<Pattern>),
}

/// A syslog header in front of a record or of a line of an access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderInFront {
    /// Its tag, whether a route has it or not.
    pub tag: String,
    /// The format of what follows it.
    pub format: &'static str,
    pub(crate) priority: Option<Priority>,
}

impl HeaderInFront {
    /// The keys of the `[[route]]` that takes its lines.
    #[must_use]
    pub fn keys(&self) -> String {
        let more = self.priority.map(|priority| priority.keys()).unwrap_or_default();
        format!("tag = \"{}\"{more}", self.tag)
    }
}

/// The outcome of a line that was read and does not count.
pub const UNDERSTOOD: [Reject; 8] = [
    Reject::NotABadge,
    Reject::Method,
    Reject::Status,
    Reject::NoName,
    Reject::DeniedName,
    Reject::DeniedNetwork,
    Reject::DeniedAgent,
    Reject::Paused,
];
