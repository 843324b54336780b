//! Why a line does not count. A reject is data, not an error: it costs no allocation and carries no text of the line.

use std::fmt;

macro_rules! rejects {
    ($(#[doc = $doc:literal] $variant:ident = $label:literal,)+) => {
        /// The reason a line does not count. Each is one value of the metric label `reason`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reject {
            $(#[doc = $doc] $variant,)+
        }

        impl Reject {
            /// Every reason, in the order of the enum.
            pub const ALL: &'static [Reject] = &[$(Reject::$variant,)+];

            /// The metric label.
            pub const fn label(self) -> &'static str {
                match self { $(Reject::$variant => $label,)+ }
            }

            /// The label in words, for people: the doc comment of the variant.
            pub const fn explained(self) -> &'static str {
                match self { $(Reject::$variant => $doc.trim_ascii(),)+ }
            }
        }
    };
}

rejects! {
    /// Nothing in it: an empty datagram or line.
    Empty = "empty",
    /// The datagram did not fit the receive buffer and was cut by the kernel.
    Truncated = "truncated",
    /// Longer than `max-line-bytes`.
    TooLong = "too_long",
    /// What followed the first line of a datagram. It is shown, but not received and not counted as a line.
    Multiline = "multiline",
    /// The line was cut off: its connection or file ended first.
    Partial = "partial",
    /// The octet count is not a number (RFC 6587), so what follows it cannot be read.
    Framing = "framing",
    /// The sender is not in the source's `allow` list.
    Sender = "sender",
    /// No `<PRI>` of 0 to 191 at the start.
    Pri = "pri",
    /// An RFC 5424 header that is cut short or whose structured data is malformed.
    Rfc5424 = "rfc5424",
    /// There is no tag, or no route has it.
    Tag = "tag",
    /// A relay says that a message was repeated, but not which, or more than 1,000,000 times.
    Repeated = "repeated",
    /// The tag matches a route, but the facility or severity does not.
    Filter = "filter",
    /// Not as many fields as the route has columns.
    Columns = "columns",
    /// A quote is missing, or one is in the wrong place.
    Quote = "quote",
    /// A backslash sequence that nginx does not write.
    Escape = "escape",
    /// No name: empty, or the `-` that nginx writes for an absent variable.
    NoName = "noname",
    /// The name is too long, not UTF-8, has control characters, is reserved, or breaks the route's rule.
    Name = "name",
    /// Not a date, or one in the future where the line's own date is kept.
    Date = "date",
    /// The time column is neither `$msec` nor ISO 8601.
    Time = "time",
    /// The request was not a GET.
    Method = "method",
    /// The answer was not 200, 206 or 304, so no picture was shown; or the final status of an event is not valid.
    Status = "status",
    /// A weight that is not 1 to 1,000,000.
    Weight = "weight",
    /// The event column is not `[a-z0-9_-]{1,32}`.
    Event = "event",
    /// The request of an access log is for no badge, or for one that asked not to be counted.
    NotABadge = "not_a_badge",
    /// A JSON object that does not say what was requested.
    NoRequest = "no_request",
    /// A message of a bus that has no topic and blank in front.
    Topic = "topic",
    /// A message of a bus that has several parts.
    Multipart = "multipart",
    /// Not the JSON it should be: malformed, a field twice, or an object missing.
    Json = "json",
    /// Handed in before under the same idempotency key, and counted then.
    Duplicate = "duplicate",
    /// Submitted over the API and not committed: the answer said why.
    Uncommitted = "uncommitted",
    /// A run of NUL bytes, as a crash of the machine leaves it in a file. Counted once a run.
    Nul = "nul",
    /// Text in UTF-16, which no log is written in: `iconv -f UTF-16 -t UTF-8` makes it readable.
    Utf16 = "utf16",
    /// Its name is in `[deny] names`.
    DeniedName = "denied_name",
    /// It came from a network in `[deny] networks`.
    DeniedNetwork = "denied_network",
    /// Its user agent is in `[deny] user-agents`.
    DeniedAgent = "denied_agent",
    /// Its name is paused: `tallymark pause` said that it is not counted now.
    Paused = "paused",
}

impl Reject {
    /// Whether the operator has asked for it, so that there is nothing to warn of.
    #[must_use]
    pub fn is_by_order(self) -> bool {
        matches!(self, Reject::DeniedName | Reject::DeniedNetwork | Reject::DeniedAgent | Reject::Paused)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct_and_fit_prometheus() {
        let mut labels: Vec<_> = Reject::ALL.iter().map(|r| r.label()).collect();
        assert!(
            labels
                .iter()
                .all(|l| l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
        );
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Reject::ALL.len());
    }
}
