//! What the lines of a source look like. Sources are configured with it, and `intake` reads by it.

use std::sync::Arc;
use tallymark_core::{Reject, access::Pattern};

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
