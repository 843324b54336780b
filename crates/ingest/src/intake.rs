//! From one line to the tally, the same for every source of lines: header, route, record, tally, and the counters that
//! make `received = accepted + rejected` true.

use crate::{
    VisitGate,
    clock::now,
    format::{HeaderInFront, LineFormat, UNDERSTOOD},
    meters::{Delta, SourceMeters},
    refusals::Refusals,
    visiting::ToldApart,
    watch::{Likely, Watch, is_tag},
};
use std::{path::Path, sync::Arc};
use tallymark_core::{
    Added, Asker, Counts, Dating, Hit, KeptVisits, Now, Probes, Recall, Recalled, Reject, Route, Routes,
    Tally, VisitorHash, access, record, syslog, wrapped,
    zmq::{self, Clock},
};

/// Where the tag of a syslog header is looked for.
const LONGEST_HEADER: usize = 256;

/// What became of one line.
pub type Parsed<'a> = Result<Hit<'a>, Reject>;

/// What reads lines, with the buffers that are used again.
struct LineReaders {
    record: record::RecordReader,
    access: access::AccessReader,
    /// What the journal says was logged.
    journal: Vec<u8>,
    /// What a container has written.
    wrapped: Vec<u8>,
}

/// The fold of one source.
pub struct Intake {
    routes: Arc<Routes>,
    format: LineFormat,
    dating: Dating,
    readers: LineReaders,
    recall: Recall,
    /// What is known of the datagrams in hand.
    found: Vec<Option<Recalled>>,
    probes: Probes,
    tally: Tally,
    max_line: usize,
    delta: Delta,
    watch: Watch,
    meters: SourceMeters,
    clock: Clock,
    gate: Option<Arc<VisitGate>>,
    refusals: Arc<Refusals>,
    /// Which of their changes is known here.
    refusals_at: u64,
}

impl Intake {
    /// An empty fold for a source. `limit` bounds its tally, `max_line` the bytes of a line.
    #[must_use]
    pub fn new(
        routes: Arc<Routes>,
        format: LineFormat,
        dating: Dating,
        limit: usize,
        max_line: usize,
        meters: SourceMeters,
    ) -> Intake {
        let (record, access) = (record::RecordReader::new(dating), access::AccessReader::new(dating));
        let readers = LineReaders { record, access, journal: Vec::new(), wrapped: Vec::new() };
        let tally = Tally::new(limit);
        let watch = Watch::new(meters.source(), meters.tail().clone(), routes.clone());
        let (recall, found, probes) = (Recall::default(), Vec::new(), Probes::default());
        let delta = Delta::default();
        Intake {
            routes,
            format,
            dating,
            readers,
            recall,
            found,
            probes,
            tally,
            max_line,
            delta,
            watch,
            meters,
            clock: Clock::Arrival,
            gate: None,
            refusals: Arc::default(),
            refusals_at: 0,
        }
    }

    /// Counts nothing that is refused.
    #[must_use]
    pub fn refusing(self, refusals: Arc<Refusals>) -> Intake {
        Intake { refusals_at: refusals.changes(), refusals, ..self }
    }

    /// Keeps the last visits of each name, as far as they are to be kept; none, as it is without this, costs nothing.
    #[must_use]
    pub fn keeping_visits(self, kept: KeptVisits) -> Intake {
        let LineReaders { record, access, .. } = self.readers;
        let (record, access) = (record.with_visits(kept.last > 0), access.with_visits(kept.last > 0));
        let readers = LineReaders { record, access, ..self.readers };
        Intake { readers, tally: self.tally.keeping_visits(kept), ..self }
    }

    /// Counts the visits too, where lines say who asked: by the time of the lines.
    #[must_use]
    pub fn telling_visits(self, gate: Arc<VisitGate>) -> Intake {
        let record = self.readers.record.with_visitors(true);
        let readers = LineReaders { record, ..self.readers };
        Intake { readers, gate: Some(gate), ..self }
    }

    /// Lines of a file: warnings name it, and say what its lines look like.
    #[must_use]
    pub fn of_file(self, path: &Path) -> Intake {
        Intake { watch: self.watch.of_file(path), ..self }
    }

    /// Takes many datagrams, as one system call brings them: each its bytes and whether it was cut, or why it is not
    /// heard. The same as [`Intake::datagram`] for one after the other, and faster.
    pub fn datagrams<'a>(
        &mut self,
        datagrams: impl Iterator<Item = Result<(&'a [u8], bool), Reject>> + Clone,
        now: Now,
    ) {
        let mut found = std::mem::take(&mut self.found);
        self.refresh(now);
        let bytes = datagrams.clone().map(|datagram| datagram.map_or(&[][..], |(bytes, _)| bytes));
        self.recall.find_all(bytes, &mut found, &mut self.probes);
        let generation = self.recall.generation();
        // While there is a live view, each line is read, so that it can be shown.
        let mut good = !self.watch.is_watched();
        for (datagram, &known) in datagrams.zip(&found) {
            match (datagram, known) {
                (Ok((_, false)), Some(known)) if good => self.count(known),
                (Ok((bytes, truncated)), _) => {
                    self.datagram(bytes, truncated, now);
                    // A line that was read may have moved the slots.
                    self.recall.refresh(&self.tally, now);
                    good &= self.recall.generation() == generation;
                }
                (Err(reject), _) => self.reject_line(reject, b"", now),
            }
        }
        self.found = found;
    }

    /// An empty fold for messages of a bus, which have no routes.
    #[must_use]
    pub fn of_messages(clock: Clock, limit: usize, max_line: usize, meters: SourceMeters) -> Intake {
        let intake = Intake::new(Arc::default(), LineFormat::Record, Dating::Live, limit, max_line, meters);
        Intake { clock, ..intake }
    }

    /// Takes one message of a bus. What it is counted as may be more than one hit.
    pub fn message(&mut self, message: &[u8], now: Now) {
        if message.len() > self.max_line {
            return self.reject_line(Reject::TooLong, message, now);
        }
        let (tally, watch, delta) = (&mut self.tally, &mut self.watch, &mut self.delta);
        delta.received += 1;
        let (mut overflowed, mut redated, mut refused) = (0, false, None);
        let read = zmq::read(message, self.clock, now, |hit| {
            // All that one message counts is of one name.
            refused = self.refusals.refusal(hit, now);
            if refused.is_some() {
                return;
            }
            watch.accepted(hit, now);
            redated |= hit.redated;
            if tally.add(hit) == Added::Overflow {
                overflowed += u64::from(hit.weight);
            }
        });
        delta.overflowed += overflowed;
        match read.and(refused.map_or(Ok(()), Err)) {
            Ok(()) => {
                delta.accepted += 1;
                delta.redated += u64::from(redated);
            }
            Err(reject) => {
                delta.reject(reject);
                watch.rejected(reject, message, now);
            }
        }
    }

    /// Takes one datagram: one line received, and never part of one. What follows its first LF is noted and not read.
    pub fn datagram(&mut self, bytes: &[u8], truncated: bool, now: Now) {
        if truncated {
            return self.reject_line(Reject::Truncated, bytes, now);
        }
        if self.recalled(bytes, now) {
            return;
        }
        let (line, rest) = syslog::first_line(bytes);
        // What follows a line is no part of what is learned; how it ends is.
        let learned_by = if rest.is_empty() { bytes } else { line };
        // What became of it is in the counters.
        let _ = self.read(line, learned_by, now);
        if !rest.is_empty() {
            // Not received: the sender sent one datagram.
            self.delta.rests += 1;
            self.watch.rejected(Reject::Multiline, rest, now);
        }
    }

    /// Takes one line without its line end.
    pub fn line(&mut self, line: &[u8], now: Now) {
        // What became of it is in the counters.
        let _ = self.take(line, now);
    }

    /// Takes one line, and tells whether it was counted.
    ///
    /// # Errors
    ///
    /// Why it was not counted.
    pub fn take(&mut self, line: &[u8], now: Now) -> Result<(), Reject> {
        if self.recalled(line, now) { Ok(()) } else { self.see(line, now).map(|_| ()) }
    }

    /// Takes one line, and tells what it became. Reads each line the whole way.
    ///
    /// # Errors
    ///
    /// Why it was not counted.
    pub fn see<'a>(&'a mut self, line: &'a [u8], now: Now) -> Parsed<'a> {
        self.read(line, line, now)
    }

    /// Forgets what earlier lines meant, if that may be wrong now.
    #[inline]
    fn refresh(&mut self, now: Now) {
        let changes = self.refusals.changes();
        if changes != self.refusals_at {
            self.refusals_at = changes;
            self.recall.forget();
        }
        self.recall.refresh(&self.tally, now);
    }

    /// Counts a line that means what an earlier one did, without reading it. Not while there is a live view, which
    /// shows each line as it was read.
    #[inline]
    fn recalled(&mut self, line: &[u8], now: Now) -> bool {
        self.refresh(now);
        let Some(known) = self.recall.find(line) else { return false };
        if self.watch.is_watched() {
            return false;
        }
        self.count(known);
        true
    }

    #[inline]
    fn count(&mut self, known: Recalled) {
        let Recalled { slot, when, weight } = known;
        self.delta.received += 1;
        self.delta.accepted += 1;
        if self.tally.add_at(slot, when, weight) == Added::Overflow {
            self.delta.overflowed += u64::from(weight);
        }
    }

    fn read<'a>(&'a mut self, line: &'a [u8], learned_by: &[u8], now: Now) -> Parsed<'a> {
        self.delta.received += 1;
        let read = read(&self.routes, &self.format, self.max_line, &mut self.readers, line, now);
        let read = read.and_then(|(hit, known_by)| match self.refusals.refusal(&hit, now) {
            None => Ok((hit, known_by)),
            Some(refusal) => Err(refusal),
        });
        let (hit, known_by) = match read {
            Ok(read) => read,
            Err(reject) => {
                self.delta.reject(reject);
                let likely = || likely(&self.routes, &self.format, line);
                self.watch.rejected_of_file(reject, line, now, &self.format, likely);
                return Err(reject);
            }
        };
        self.delta.accepted += 1;
        self.watch.accepted(&hit, now);
        self.delta.redated += u64::from(hit.redated);
        let counted = match &self.gate {
            Some(gate) => gate.tell(&hit),
            None => ToldApart::unknown(hit),
        };
        let added = counted.hit.map(|hit| {
            add(
                &mut self.tally,
                &mut self.delta,
                self.gate.as_deref(),
                &hit,
                (counted.visitor, &counted.asker),
                now,
            )
        });
        if let (Some(Added::In(slot)), Some((route, body_at))) = (added, known_by) {
            self.recall.refresh(&self.tally, now);
            self.recall.learn(learned_by, body_at, route, self.dating, &hit, slot);
        }
        if let Some(visit) = counted.visit {
            add(
                &mut self.tally,
                &mut self.delta,
                self.gate.as_deref(),
                &visit,
                (counted.visitor, &counted.asker),
                now,
            );
        }
        Ok(hit)
    }

    /// Why a line of a file was refused, and what helps.
    pub(crate) fn advice(&self, reject: Reject, line: &[u8]) -> String {
        let likely = likely(&self.routes, &self.format, line);
        format!("its lines do not fit its format ({reject}): {}", self.watch.advice(likely, &self.format))
    }

    /// Counts a line that did not even become one, with what there is of its text.
    pub fn reject_line(&mut self, reject: Reject, text: &[u8], now: Now) {
        self.delta.received += 1;
        self.delta.reject(reject);
        self.watch.rejected(reject, text, now);
    }

    /// How many cells the tally has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tally.len()
    }

    /// Whether nothing waits to be sealed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tally.is_empty()
    }

    /// Adds up the counters. Every tick, also when there is nothing to seal.
    pub fn report(&mut self) {
        self.meters.add(&mut self.delta);
        self.meters.tally_entries.set(i64::try_from(self.tally.len()).unwrap_or(i64::MAX));
    }

    /// Takes the tally out.
    pub fn seal(&mut self) -> Counts {
        let counts = self.tally.seal();
        self.meters.hits(&counts.entries);
        counts
    }
}

/// Counts a hit, under its name or under `~overflow`.
fn add(
    tally: &mut Tally,
    delta: &mut Delta,
    gate: Option<&VisitGate>,
    hit: &Hit<'_>,
    (visitor, asker): (Option<VisitorHash>, &Asker),
    now: Now,
) -> Added {
    let added = tally.add_read(hit, asker, now.minute());
    if let Some(gate) = gate {
        gate.note(tally, added, hit, visitor);
    }
    if added == Added::Overflow {
        delta.overflowed += u64::from(hit.weight);
    }
    added
}

/// A hit; and its route and where its record starts, if the same bytes mean the same again.
type Read<'a, 'r> = (Hit<'a>, Option<(&'r Route, usize)>);

/// Reads a record without a header by the first route that it fits. If it fits none, the reason is of the route that
/// took it furthest.
fn read_bare<'a, 'r>(
    routes: &'r Routes,
    reader: &'a mut record::RecordReader,
    line: &'a [u8],
    now: Now,
) -> Result<Read<'a, 'r>, Reject> {
    let (first, others) = routes.as_slice().split_first().ok_or(Reject::Tag)?;
    let mut route = first;
    if !others.is_empty() {
        let mut furthest = 0;
        for other in routes.as_slice() {
            let steps = match reader.read(other, line, now) {
                Ok(_) => {
                    route = other;
                    break;
                }
                Err(reject) => steps(reject),
            };
            if steps > furthest {
                (route, furthest) = (other, steps);
            }
        }
    }
    Ok((reader.read(route, line, now)?, Some((route, 0))))
}

/// What a refused line is, if that is known.
fn likely(routes: &Routes, format: &LineFormat, line: &[u8]) -> Option<Likely> {
    let (other, name) = match format {
        LineFormat::Combined | LineFormat::Pattern(_) => (LineFormat::Auto, "auto"),
        _ => (LineFormat::Combined, "combined"),
    };
    if fits(routes, &other, line) {
        return Some(Likely::Format(name));
    }
    // A tag that a route has is not what is missing.
    let unknown = |header: &HeaderInFront| routes.of_tag(header.tag.as_bytes()).is_err();
    header_in_front(line).filter(unknown).map(Likely::Tag)
}

/// Whether a line is understood in a format, whatever its time.
fn fits(routes: &Routes, format: &LineFormat, line: &[u8]) -> bool {
    let dating = Dating::Own;
    let (record, access) = (record::RecordReader::new(dating), access::AccessReader::new(dating));
    let mut readers = LineReaders { record, access, journal: Vec::new(), wrapped: Vec::new() };
    match read(routes, format, line.len(), &mut readers, line, now()) {
        Ok(_) => true,
        Err(reject) => UNDERSTOOD.contains(&reject),
    }
}

/// The syslog header in front of a record or of a line of an access log.
#[must_use]
pub fn header_in_front(line: &[u8]) -> Option<HeaderInFront> {
    let routes = Routes::default();
    let formats = [(LineFormat::Record, "auto"), (LineFormat::Combined, "combined")];
    let found = |tag: &[u8], body: &[u8]| {
        let tag = std::str::from_utf8(tag).ok().filter(|tag| is_tag(tag))?;
        let (_, format) = formats.iter().find(|(format, _)| fits(&routes, format, body))?;
        Some(HeaderInFront { tag: tag.to_owned(), format, priority: syslog::priority_of(line) })
    };
    let header = &line[..line.len().min(LONGEST_HEADER)];
    let behind_colon = || {
        memchr::memmem::find_iter(header, b": ").find_map(|at| {
            let word = line[..at].rsplit(|&byte| byte == b' ').next()?;
            found(word.split(|&byte| byte == b'[').next()?, &line[at + 2..])
        })
    };
    syslog::program_of(line).and_then(|(tag, body)| found(tag, body)).or_else(behind_colon)
}

/// How far a record was read before it was refused.
fn steps(reject: Reject) -> u8 {
    match reject {
        Reject::Columns | Reject::Quote => 0,
        Reject::Date | Reject::Time | Reject::Weight | Reject::Event => 1,
        _ => 2,
    }
}

/// The route and the message of a line.
type Addressed<'a, 'r> = Result<(&'r Route, syslog::Message<'a>), Reject>;

/// Of a line as it was sent.
fn sent<'a, 'r>(routes: &'r Routes, line: &'a [u8]) -> Addressed<'a, 'r> {
    syslog::parse(line, routes).and_then(|message| Ok((routes.find(&message)?, message)))
}

/// Of a line with a header: as it was sent, or as a syslog daemon wrote it to a file.
fn addressed<'a, 'r>(routes: &'r Routes, line: &'a [u8]) -> Option<Addressed<'a, 'r>> {
    if line[0] == b'<' {
        return Some(sent(routes, line));
    }
    let message = syslog::parse_logged(line, routes)?;
    Some(message.and_then(|message| Ok((routes.of_tag(message.tag)?, message))))
}

/// Reads a line the whole way.
fn read<'a, 'r>(
    routes: &'r Routes,
    format: &LineFormat,
    max_line: usize,
    readers: &'a mut LineReaders,
    line: &'a [u8],
    now: Now,
) -> Result<Read<'a, 'r>, Reject> {
    if line.is_empty() {
        return Err(Reject::Empty);
    }
    if line.len() > max_line {
        return Err(Reject::TooLong);
    }
    let LineReaders { record, access, journal, wrapped } = readers;
    let first = || routes.as_slice().first().ok_or(Reject::Tag);
    let says_all = matches!(format, LineFormat::Record | LineFormat::Syslog);
    let inner = if says_all { None } else { wrapped::unwrap(line, wrapped) };
    let (line, mut is_another) = (inner.unwrap_or(line), inner.is_some());
    if line.is_empty() {
        return Err(Reject::Empty);
    }
    let (line, found) = match format {
        LineFormat::Record => return Ok((record.read(first()?, line, now)?, Some((first()?, 0)))),
        LineFormat::Syslog => (line, Some(sent(routes, line))),
        _ => match syslog::parse_journal(line, routes, journal) {
            Some((message, logged)) => {
                is_another = true;
                let route = |message: syslog::Message<'a>| Ok((routes.of_tag(message.tag)?, message));
                (logged, message.map(route))
            }
            None => (line, addressed(routes, line)),
        },
    };
    let pattern = match format {
        LineFormat::Combined => None,
        LineFormat::Pattern(pattern) => Some(&**pattern),
        LineFormat::Syslog | LineFormat::Auto | LineFormat::Record => {
            let (hit, known_by) = match found {
                Some(Ok((route, message))) => {
                    let body_at = message.body.as_ptr().addr() - line.as_ptr().addr();
                    let hit = record.read(route, message.body, now);
                    let hit = hit.map_err(|reject| message.refused(reject))?.times(message.times)?;
                    (hit, Some((route, body_at)))
                }
                // A record may begin with a time, too.
                Some(Err(reject)) if line[0] != b'<' && format == &LineFormat::Auto => {
                    read_bare(routes, record, line, now).map_err(|_| reject)?
                }
                Some(Err(reject)) => return Err(reject),
                None => read_bare(routes, record, line, now)?,
            };
            // Each line of a journal, or of a container, is another.
            return Ok((hit, known_by.filter(|_| !is_another)));
        }
    };
    let found = match found {
        Some(Err(Reject::Tag)) if line[0] != b'<' && access::begins_with_its_time(pattern, line) => None,
        found => found.transpose()?,
    };
    let (route, line, times) = match found {
        Some((route, message)) => (route, message.body, message.times),
        None => (first()?, line, 1),
    };
    let refused = |reject| found.map_or(reject, |(_, message)| message.refused(reject));
    // Each line of an access log has a time and an address of its own.
    let hit = access.read(pattern, (route, routes.base()), line, now).map_err(refused)?.times(times)?;
    Ok((hit, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IngestMeters;
    use proptest::prelude::*;

    const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

    fn intake(format: LineFormat) -> (Intake, SourceMeters) {
        let meters = IngestMeters::default().source("test");
        (Intake::new(Arc::default(), format, Dating::Live, 100, 1000, meters.clone()), meters)
    }

    #[test]
    fn every_line_is_accepted_or_rejected_with_a_reason() {
        let (mut intake, meters) = intake(LineFormat::Syslog);
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
        assert_eq!(meters.lines(), (10, 3, 7));
        assert_eq!(meters.rests(), 1);
        let sealed = intake.seal().entries;
        assert_eq!(sealed.len(), 1);
        assert_eq!((sealed[0].name.as_str(), sealed[0].count), ("a/b", 3));
    }

    /// The same lines again and again, as nginx sends them: counted as if each were read.
    #[test]
    fn lines_seen_before_are_counted_and_followed_by_whatever_follows_them() {
        let (mut intake, meters) = intake(LineFormat::Syslog);
        for end in ["", "\n", "\r\n", "\nrest"] {
            for name in ["a", "b", "a"] {
                let line = format!("<158>Nov 20 12:00:00 vm badge: \"2026-11-20\",\"{name}\"{end}");
                intake.datagram(line.as_bytes(), false, NOW);
                intake.datagram(line.as_bytes(), false, NOW);
            }
        }
        intake.report();
        assert_eq!((meters.lines(), meters.rests()), ((24, 24, 0), 6));
        let counts: Vec<u64> = intake.seal().entries.into_iter().map(|entry| entry.count).collect();
        assert_eq!(counts, [16, 8]);
    }

    proptest! {
        /// The oracle: taken together, datagrams have the fate that they have one after the other. The tally is small,
        /// so that slots move while datagrams are in hand.
        #[test]
        fn datagrams_taken_together_count_as_one_after_the_other(
            groups in prop::collection::vec(
                (0i64..3, prop::collection::vec((0usize..4, "[a-f]{1,2}", 0usize..5, 0u8..20), 0..40)), 1..8),
        ) {
            let ((mut one, of_one), (mut all, of_all)) = (intake(LineFormat::Syslog), intake(LineFormat::Syslog));
            (one.tally, all.tally) = (Tally::new(12), Tally::new(12));
            let mut now = NOW;
            for (minutes, group) in groups {
                now.unix_ms += minutes * 60_000;
                let arrived = group.iter().map(|(head, name, end, oddity)| {
                    let head = ["<158>Nov 20 12:00:00 vm badge: ", "<158>Nov 20 12:00:01 vm badge: ", "<157>", ""][*head];
                    let end = ["", "", "\n", "\r\n", "\nrest"][*end];
                    (format!("{head}\"2026-11-20\",\"{name}\"{end}"), *oddity)
                });
                let arrived: Vec<(String, u8)> = arrived.collect();
                fn datagram((text, oddity): &(String, u8)) -> Result<(&[u8], bool), Reject> {
                    if *oddity == 0 { Err(Reject::Sender) } else { Ok((text.as_bytes(), *oddity == 1)) }
                }
                for datagram in arrived.iter().map(datagram) {
                    match datagram {
                        Ok((bytes, truncated)) => one.datagram(bytes, truncated, now),
                        Err(reject) => one.reject_line(reject, b"", now),
                    }
                }
                all.datagrams(arrived.iter().map(datagram), now);
                prop_assert_eq!(&one.delta, &all.delta);
                one.report();
                all.report();
                if minutes == 1 {
                    prop_assert_eq!(one.seal(), all.seal());
                }
            }
            prop_assert_eq!(one.seal(), all.seal());
            prop_assert_eq!(of_one.lines(), of_all.lines());
        }
    }

    #[test]
    fn repeats_whose_end_is_cut_off_are_rejected_as_such() {
        let (mut intake, _) = intake(LineFormat::Syslog);
        for body in [
            "Last message '\"1795962367.4556789\"' repeated 9 times, suppressed by syslog-ng on vm"
                .to_owned(),
            format!("message repeated 4 times: [ {:y<798}\"]", "\"1795962367.455\",\"a\",\""),
        ] {
            let line = format!("<158>Nov 29 14:01:53 vm badge: {body}");
            assert_eq!(intake.take(line.as_bytes(), NOW), Err(Reject::Repeated), "{line}");
        }
        let (mut auto, _) = self::intake(LineFormat::Auto);
        let line = b"Last message '<158>Nov 29 14:01:53' repeated 9 times, suppressed by syslog-ng on vm";
        assert_eq!(auto.take(line, NOW), Err(Reject::Repeated));
    }

    #[test]
    fn no_visit_is_still_to_come_when_its_line_is_read() {
        let (intake, _) = intake(LineFormat::Combined);
        let mut intake = intake.keeping_visits(KeptVisits::of_every_event(9));
        let now = NOW.minute();
        for time in ["11:58:00", "14:00:00"] {
            let line = format!(
                r#"192.0.2.1 - - [20/Nov/2026:{time} +0000] "GET /badge.svg?repo=o/r HTTP/1.1" 200 9 "-" "Gecko""#
            );
            assert_eq!(intake.take(line.as_bytes(), NOW), Ok(()));
        }
        let visits = intake.seal().visits.remove(0).last;
        let ages: Vec<i32> = visits.iter().map(|visit| now.0 - visit.minute.0).collect();
        assert_eq!(ages, [2, 0]);
    }

    #[test]
    fn lines_that_a_container_runtime_has_wrapped_are_read_as_what_they_were() {
        let combined =
            r#"192.0.2.1 - - [20/Nov/2026:11:58:00 +0000] "GET /badge.svg?repo=o/r HTTP/1.1" 200 9 "-" "x""#;
        let json = r#"{"request":"GET /badge.svg?repo=o/r HTTP/1.1","status":200}"#;
        let docker =
            |line: &str| serde_json::json!({ "log": format!("{line}\n"), "stream": "stdout" }).to_string();
        for (format, line) in [
            (LineFormat::Auto, r#""2026-11-20","o/r""#),
            (LineFormat::Auto, r#"Nov 20 12:00:00 vm badge: "2026-11-20","o/r""#),
            (LineFormat::Combined, combined),
            (LineFormat::Combined, json),
        ] {
            let (mut intake, meters) = intake(format);
            for wrapped in [
                docker(line),
                format!("2026-11-20T12:00:00.123456789Z stdout F {line}"),
                format!("web-1  | {line}"),
            ] {
                assert_eq!(intake.take(line.as_bytes(), NOW), Ok(()), "{line}");
                assert_eq!(intake.take(wrapped.as_bytes(), NOW), Ok(()), "{wrapped}");
            }
            intake.report();
            assert_eq!(meters.lines(), (6, 6, 0));
        }
    }

    /// A time in front may be of the line itself, or of a header whose tag no route has.
    #[test]
    fn time_in_front_of_an_access_log_is_no_header() {
        let pattern = |text: &str| LineFormat::Pattern(Arc::new(access::Pattern::parse(text).unwrap()));
        let iso = r#"$time_iso8601 $remote_addr "$request" $status"#;
        let time = "2026-11-20T11:58:00+00:00";
        let own = format!(r#"{time} 1.2.3.4 "GET /badge/o/r.svg HTTP/1.1" 200"#);
        let combined =
            r#"1.2.3.4 - - [20/Nov/2026:11:58:00 +0000] "GET /badge/o/r.svg HTTP/1.1" 200 9 "-" "x""#;
        for (format, line, expect) in [
            (pattern(iso), own.clone(), Ok(())),
            (pattern(r#"$own_time $host "$request" $status"#), own.clone(), Ok(())),
            (pattern(iso), format!("{time} vm badge: {own}"), Ok(())),
            (pattern(iso), format!("{time} vm other: {own}"), Err(Reject::Tag)),
            (pattern(iso), own.replace("/badge", "/other"), Err(Reject::NotABadge)),
            (LineFormat::Combined, format!("{time} {combined}"), Ok(())),
            (LineFormat::Combined, format!("{time} vm badge: {combined}"), Ok(())),
            (LineFormat::Combined, format!("{time} vm other: {combined}"), Err(Reject::Tag)),
            (LineFormat::Combined, format!("{time} 10.0.0.1 other: {combined}"), Err(Reject::Tag)),
            (LineFormat::Combined, format!("{time} 10.0.0.1 other 12 - - {combined}"), Err(Reject::Tag)),
        ] {
            let (mut intake, _) = intake(format);
            assert_eq!(intake.take(line.as_bytes(), NOW), expect, "{line}");
        }
    }

    #[test]
    fn auto_format_takes_both() {
        let (mut intake, meters) = intake(LineFormat::Auto);
        assert_eq!(intake.take(br#""2026-11-20","a""#, NOW), Ok(()));
        assert_eq!(intake.take(br#"<158>Nov 20 12:00:00 vm badge: "2026-11-20","a""#, NOW), Ok(()));
        intake.report();
        assert_eq!(meters.lines(), (2, 2, 0));
    }
}
