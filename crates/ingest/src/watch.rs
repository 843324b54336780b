//! What a source reveals of its lines: samples for the live view, and the first reject of each reason and minute for
//! the log.
//!
//! Both are limited, and what a peer sent is escaped and cut before it is shown. The text of a line is only for the
//! live view: any line may contain a visitor's address, most of all an unexpected one, and no address is ever logged.

use crate::{
    format::{HeaderInFront, LineFormat, UNDERSTOOD},
    tail::{Sample, SampleKind, Tail},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tallymark_core::{Hit, Now, Reject, Routes, syslog};
use tallymark_store::owner::shell_word;
use tracing::warn;

/// Samples of each kind that a source shows in a second. A person reads fewer, and a program gets a fair picture.
const PER_SECOND: u32 = 500;
/// The longest text in a sample or in the log.
const MAX_TEXT: usize = 256;

/// What a line of a file seems to be that was refused.
pub(crate) enum Likely {
    /// A line of this format, as the configuration names it.
    Format(&'static str),
    /// A line with a syslog header whose tag no route has.
    Tag(HeaderInFront),
}

pub(crate) struct Watch {
    source: &'static str,
    file: Option<PathBuf>,
    tail: Tail,
    routes: Arc<Routes>,
    second: i64,
    accepted: u32,
    rejected: u32,
    skipped: u64,
    minute: i64,
    /// The reasons that were logged in this minute, as bits.
    logged: u64,
    /// Some lines were of requests.
    has_requests: bool,
}

impl Watch {
    /// The routes are to tell what a line with another facility or severity should have had.
    pub(crate) fn new(source: &'static str, tail: Tail, routes: Arc<Routes>) -> Watch {
        Watch {
            source,
            file: None,
            tail,
            routes,
            second: i64::MIN,
            accepted: 0,
            rejected: 0,
            skipped: 0,
            minute: i64::MIN,
            logged: 0,
            has_requests: false,
        }
    }

    pub(crate) fn of_file(self, path: &Path) -> Watch {
        Watch { file: Some(path.to_owned()), ..self }
    }

    /// Whether accepted lines have a listener.
    pub(crate) fn is_watched(&self) -> bool {
        self.tail.is_heard()
    }

    pub(crate) fn accepted(&mut self, hit: &Hit<'_>, now: Now) {
        self.has_requests = true;
        if !self.tail.is_heard() {
            return;
        }
        self.turn(now);
        if self.accepted >= PER_SECOND {
            self.skipped += 1;
            return;
        }
        self.accepted += 1;
        let (event, name) = (hit.event.to_string(), cut(hit.name.as_str()));
        let what = SampleKind::Accepted { event, name, opted_out: hit.requester.opts_out };
        self.tell(what, now);
    }

    pub(crate) fn rejected(&mut self, reject: Reject, line: &[u8], now: Now) {
        self.rejected_of_file(reject, line, now, &LineFormat::Auto, || None);
    }

    /// The same of a line that may come from a file. `likely` is what it seems to be.
    pub(crate) fn rejected_of_file(
        &mut self,
        reject: Reject,
        line: &[u8],
        now: Now,
        format: &LineFormat,
        likely: impl FnOnce() -> Option<Likely>,
    ) {
        let minute = now.unix_ms.div_euclid(60_000);
        if minute != self.minute {
            (self.minute, self.logged) = (minute, 0);
        }
        let bit = 1 << reject as u8;
        // A page that is no badge is the commonest line of an access log, and nothing to warn of.
        self.has_requests |= UNDERSTOOD.contains(&reject);
        // Messages of a server about itself, between its requests, are not more than this.
        let common = UNDERSTOOD.contains(&reject) || reject == Reject::NoRequest && self.has_requests;
        let ordinary = reject.is_by_order() || self.file.is_some() && common;
        if self.logged & bit == 0 && !ordinary && self.tail.may_log(now.unix_ms.div_euclid(1000)) {
            self.logged |= bit;
            let priority = self.filtered_out(reject, line);
            let help = self.advice(likely(), format);
            warn!(
                source = self.source,
                file = self.file.as_ref().map(|file| file.display().to_string()),
                reason = %reject,
                bytes = line.len(),
                tag = tag(line),
                priority,
                "rejected a line, the first for this reason in this minute ({}); {help}",
                reject.explained()
            );
        }
        if !self.tail.is_heard() {
            return;
        }
        self.turn(now);
        if self.rejected >= PER_SECOND {
            self.skipped += 1;
            return;
        }
        self.rejected += 1;
        let tag = syslog::tag_of(line).filter(|_| reject == Reject::Tag);
        let what = SampleKind::Rejected {
            reason: reject,
            tag: tag.map(escaped),
            priority: self.filtered_out(reject, line),
            line: escaped(line),
        };
        self.tell(what, now);
    }

    /// What helps if lines are not understood.
    pub(crate) fn advice(&self, likely: Option<Likely>, format: &LineFormat) -> String {
        match &self.file {
            Some(file) => advice(file, likely, format),
            None => "`tallymark tail --rejected` shows all of them".to_owned(),
        }
    }

    /// `user.notice, not local3.info`: what a line that was filtered out had, and what its route wants.
    fn filtered_out(&self, reject: Reject, line: &[u8]) -> Option<String> {
        if reject != Reject::Filter {
            return None;
        }
        let (has, wants) = syslog::filtered_out(line, &self.routes)?;
        Some(format!("{has}, not {wants}"))
    }

    /// At a new second, reports how many samples were skipped in the previous one, and resets the count.
    fn turn(&mut self, now: Now) {
        let second = now.unix_ms.div_euclid(1000);
        if second == self.second {
            return;
        }
        (self.second, self.accepted, self.rejected) = (second, 0, 0);
        let skipped = std::mem::take(&mut self.skipped);
        if skipped > 0 {
            self.tell(SampleKind::Skipped(skipped), now);
        }
    }

    fn tell(&self, what: SampleKind, now: Now) {
        self.tail.tell(Sample { unix_ms: now.unix_ms, source: self.source, what });
    }
}

/// What helps if the lines of a file are not understood.
fn advice(file: &Path, likely: Option<Likely>, format: &LineFormat) -> String {
    let word = shell_word(file);
    let as_read = match format {
        LineFormat::Auto => "",
        LineFormat::Syslog => " --format syslog",
        LineFormat::Record => " --format record",
        LineFormat::Combined => " --format combined",
        LineFormat::Pattern(_) => " --log-format-string '...'",
    };
    match likely {
        Some(Likely::Tag(header)) => format!(
            "it has the syslog tag {}, and no [[route]] has that: add a [[route]] with {} to the configuration, and set \
             format = \"{}\" in the [[source]] of this file. A [[route]] turns the default ones off: tallymark help syslog",
            header.tag,
            header.keys(),
            header.format
        ),
        Some(Likely::Format("combined")) => format!(
            "it is a line of an access log, and a record was expected, as in \"2026-11-20\",\"NAME\": try `tallymark \
             replay {word} --format combined`, and set format = \"combined\" in the [[source]] of this file (`serve --file`: \
             --format combined)"
        ),
        Some(Likely::Format(format)) => format!(
            "it is a record, and a line of an access log was expected: try `tallymark replay {word} --format {format}`, \
             and set format = \"{format}\" in the [[source]] of this file (`serve --file`: --format {format})"
        ),
        None => format!(
            "`tallymark replay {word}{as_read}` shows how many are, and `tallymark tail --rejected` shows them as they come"
        ),
    }
}

/// The syslog tag of a line, if it is a word and not an address.
fn tag(line: &[u8]) -> Option<&str> {
    std::str::from_utf8(syslog::tag_of(line)?).ok().filter(|tag| is_tag(tag))
}

/// Whether a word may be shown as a tag.
pub(crate) fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    // An all-hexadecimal word may be the beginning of an address.
    let address = tag.bytes().all(|b| b.is_ascii_hexdigit());
    tag.len() <= 48 && !address && tag.bytes().all(word)
}

/// Bytes as printable ASCII, cut.
fn escaped(bytes: &[u8]) -> String {
    const MORE: &str = "...";
    let mut out = String::new();
    for &byte in bytes {
        // Quotes are in every line, and are harmless.
        let text = if byte == b'"' { "\"".to_owned() } else { byte.escape_ascii().to_string() };
        if out.len() + text.len() > MAX_TEXT - MORE.len() {
            return out + MORE;
        }
        out.push_str(&text);
    }
    out
}

/// A text, cut at a character.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Heard, IngestMeters, Intake, LineFormat};
    use std::sync::Arc;
    use tallymark_core::Dating;

    const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

    #[test]
    fn text_is_escaped_and_cut() {
        assert_eq!(escaped(b"\"a\"\x1b[0m\n\xff"), "\"a\"\\x1b[0m\\n\\xff");
        let long = escaped(&[0xFF; 5000]);
        assert!(long.len() <= MAX_TEXT && long.ends_with("\\xff..."), "{long}");
        assert_eq!(cut(&"\u{e9}".repeat(200)).len(), MAX_TEXT);
    }

    #[test]
    fn tag_is_a_word_or_nothing() {
        for (line, expect) in [
            ("<158>Nov 20 12:00:00 vm badger: x", Some("badger")),
            ("<158>Nov 20 12:00:00 vm 192.0.2.7: x", None),
            ("<158>Nov 20 12:00:00 vm fe80::7: x", None),
            ("<158>Nov 20 12:00:00 vm 2001:db8::7 x", None),
            ("<158>Nov 20 12:00:00 vm \x1b[2J: x", None),
            ("192.0.2.7 - - [20/Nov/2026:12:00:00 +0000]", None),
        ] {
            assert_eq!(tag(line.as_bytes()), expect, "{line}");
        }
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    #[test]
    fn samples_tell_what_became_of_lines_and_are_bounded() {
        let meters = IngestMeters::default();
        let mut intake =
            Intake::new(Arc::default(), LineFormat::Syslog, Dating::Live, 100, 1000, meters.source("test"));
        let good = br#"<158>Nov 20 12:00:00 vm badge: "2026-11-20","a%2Fb""#;
        intake.line(good, NOW);
        let mut listener = meters.tail().listen();
        intake.line(good, NOW);
        intake.line(b"<158>vm badger: x", NOW);
        for _ in 0..1000 {
            intake.line(good, NOW);
        }
        intake.line(good, Now { unix_ms: NOW.unix_ms + 1000 });
        drop(intake);
        let mut heard = Vec::new();
        for _ in 0..PER_SECOND + 3 {
            match block_on(listener.next()) {
                Some(Heard::Sample(sample)) => heard.push(sample.what.clone()),
                other => panic!("{other:?}"),
            }
        }
        let accepted =
            SampleKind::Accepted { event: "hit".to_owned(), name: "a/b".to_owned(), opted_out: false };
        assert_eq!(heard[0], accepted);
        let tag = Some("badger".to_owned());
        assert_eq!(
            heard[1],
            SampleKind::Rejected {
                reason: Reject::Tag,
                tag,
                priority: None,
                line: "<158>vm badger: x".to_owned()
            }
        );
        assert_eq!(heard[PER_SECOND as usize + 1], SampleKind::Skipped(501));
        assert_eq!(heard[PER_SECOND as usize + 2], accepted);
        drop(listener);
        assert!(!meters.tail().is_heard());
    }

    #[test]
    fn few_rejects_a_second_may_be_logged() {
        let tail = Tail::default();
        let logged = |second| (0..100).filter(|_| tail.may_log(second)).count();
        assert_eq!((logged(1), logged(2), logged(2), logged(1)), (10, 10, 0, 10));
    }

    #[test]
    fn every_reason_has_a_bit() {
        assert!(Reject::ALL.iter().all(|&reject| (reject as u8) < 64));
    }
}
