//! From one line to the tally, the same for every source of lines: header, route, record, tally, and the counters that
//! make `received = accepted + rejected` true.

use crate::{
    meters::{Delta, SourceMeters},
    watch::Watch,
};
use std::sync::Arc;
use tallymark_core::{
    Added, Column, Dating, Entry, Hit, Now, Reject, Routes, Tally, combined, record, syslog,
};

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A syslog header, then a record. What nginx sends.
    Syslog,
    /// A record alone, read by the first route.
    Record,
    /// A syslog header if the line starts with `<`, else a record alone.
    Auto,
    /// nginx's and Apache's access log; the first route says what is counted.
    Combined,
}

/// What became of one line.
pub type Seen<'a> = Result<Hit<'a>, Reject>;

/// What reads lines, with the buffers that are used again.
struct Readers {
    record: record::Reader,
    combined: combined::Reader,
}

/// The fold of one source.
pub struct Intake {
    routes: Arc<Routes>,
    format: Format,
    readers: Readers,
    tally: Tally,
    max_line: usize,
    delta: Delta,
    watch: Watch,
    meters: SourceMeters,
}

impl Intake {
    /// An empty fold for a source. `limit` bounds its tally, `max_line` the bytes of a line.
    pub fn new(
        routes: Arc<Routes>,
        format: Format,
        dating: Dating,
        limit: usize,
        max_line: usize,
        meters: SourceMeters,
    ) -> Intake {
        let readers =
            Readers { record: record::Reader::new(dating), combined: combined::Reader::new(dating) };
        let tally = Tally::new(limit);
        // Every line of an access log begins with an address.
        let private = format == Format::Combined
            || routes.as_slice().iter().any(|route| route.columns.contains(&Column::Address));
        let watch = Watch::new(meters.source(), meters.tail().clone(), private);
        Intake { routes, format, readers, tally, max_line, delta: Delta::default(), watch, meters }
    }

    /// Takes one datagram: one line, and never part of one. What follows its first LF is one reject.
    pub fn datagram(&mut self, bytes: &[u8], truncated: bool, now: Now) {
        if truncated {
            return self.reject_line(Reject::Truncated, bytes, now);
        }
        let (line, more) = syslog::first_line(bytes);
        self.line(line, now);
        if more {
            self.reject_line(Reject::Multiline, bytes, now);
        }
    }

    /// Takes one line without its line end.
    pub fn line(&mut self, line: &[u8], now: Now) {
        // What became of it is in the counters.
        let _ = self.see(line, now);
    }

    /// Takes one line, and tells what became of it.
    pub fn see<'a>(&'a mut self, line: &'a [u8], now: Now) -> Seen<'a> {
        self.delta.received += 1;
        let seen = read(&self.routes, self.format, self.max_line, &mut self.readers, line, now);
        match &seen {
            Ok(hit) => {
                self.delta.accepted += 1;
                self.watch.accepted(hit, now);
                self.delta.redated += u64::from(hit.redated);
                if self.tally.add(hit) == Added::Overflow {
                    self.delta.overflowed += u64::from(hit.weight);
                }
            }
            Err(reject) => {
                self.delta.reject(*reject);
                self.watch.rejected(*reject, line, now);
            }
        }
        seen
    }

    /// Counts a line that did not even become one.
    pub fn reject(&mut self, reject: Reject) {
        self.delta.received += 1;
        self.delta.reject(reject);
    }

    /// The same where some of its text is there to show.
    pub(crate) fn reject_line(&mut self, reject: Reject, text: &[u8], now: Now) {
        self.reject(reject);
        self.watch.rejected(reject, text, now);
    }

    /// How many cells the tally has.
    pub fn len(&self) -> usize {
        self.tally.len()
    }

    /// Whether nothing waits to be sealed.
    pub fn is_empty(&self) -> bool {
        self.tally.is_empty()
    }

    /// Adds up the counters. Every tick, also when there is nothing to seal.
    pub fn report(&mut self) {
        self.meters.add(&mut self.delta);
        self.meters.tally_entries.set(i64::try_from(self.tally.len()).unwrap_or(i64::MAX));
    }

    /// Takes the tally out.
    pub fn seal(&mut self) -> Vec<Entry> {
        let entries = self.tally.seal();
        self.meters.hits(&entries);
        entries
    }
}

fn read<'a>(
    routes: &Routes,
    format: Format,
    max_line: usize,
    readers: &'a mut Readers,
    line: &'a [u8],
    now: Now,
) -> Seen<'a> {
    if line.is_empty() {
        return Err(Reject::Empty);
    }
    if line.len() > max_line {
        return Err(Reject::TooLong);
    }
    let first = || routes.as_slice().first().ok_or(Reject::Tag);
    match format {
        Format::Combined => readers.combined.read(first()?, line, now),
        Format::Record => readers.record.read(first()?, line, now),
        Format::Auto if line[0] != b'<' => readers.record.read(first()?, line, now),
        Format::Auto | Format::Syslog => {
            let message = syslog::parse(line)?;
            let route = routes.find(&message)?;
            readers.record.read(route, message.body, now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IngestMeters;

    const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

    fn intake(format: Format) -> (Intake, SourceMeters) {
        let meters = IngestMeters::default().source("test");
        (Intake::new(Arc::default(), format, Dating::Live, 100, 1000, meters.clone()), meters)
    }

    #[test]
    fn every_line_is_accepted_or_rejected_with_a_reason() {
        let (mut intake, meters) = intake(Format::Syslog);
        let good = r#"<158>Nov 20 12:00:00 vm badge: "2026-11-20","a%2Fb""#;
        intake.datagram(good.as_bytes(), false, NOW);
        intake.datagram(format!("{good}\n").as_bytes(), false, NOW);
        intake.datagram(format!("{good}\n{good}").as_bytes(), false, NOW);
        intake.datagram(good.as_bytes(), true, NOW);
        intake.datagram(b"", false, NOW);
        intake.datagram(b"\n", false, NOW);
        intake.datagram(&b"x".repeat(1001), false, NOW);
        intake.datagram(br#"<158>Nov 20 12:00:00 vm badger: "2026-11-20","a""#, false, NOW);
        intake.datagram(br#"<157>Nov 20 12:00:00 vm badge: "2026-11-20","a""#, false, NOW);
        intake.datagram(br#""2026-11-20","a""#, false, NOW);
        intake.report();
        assert_eq!(meters.lines(), (11, 3, 8));
        let sealed = intake.seal();
        assert_eq!(sealed.len(), 1);
        assert_eq!((sealed[0].name.as_str(), sealed[0].count), ("a/b", 3));
    }

    #[test]
    fn auto_format_takes_both() {
        let (mut intake, meters) = intake(Format::Auto);
        intake.line(br#""2026-11-20","a""#, NOW);
        intake.line(br#"<158>Nov 20 12:00:00 vm badge: "2026-11-20","a""#, NOW);
        intake.report();
        assert_eq!(meters.lines(), (2, 2, 0));
    }
}
