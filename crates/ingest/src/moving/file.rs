//! The file of an export: a header line, one line for each name in order, and a footer line with the totals.
//!
//! The last line has a checksum, so a file that was cut or changed is noticed before any of it is counted.

use super::{ArrivingName, BadRecord, NameRecord};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, Read, Write};
use tallymark_core::Now;
use uuid::Uuid;

/// The word by which an export is known.
const KIND: &str = "export";
/// The version of the records.
const VERSION: u32 = 1;
/// The longest line: a name with all of its minutes, hours, days and visits has a tenth of it.
const MAX_LINE: u64 = 16 << 20;
/// How the last line begins.
const END: &[u8] = b"{\"end\":";

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportHeader {
    /// `export`.
    tallymark: String,
    version: u32,
    /// The identity of the store.
    pub store: Uuid,
    /// When the export began, as RFC 3339 writes it.
    pub at: String,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFooter {
    end: bool,
    /// How many names, of all events.
    pub names: u64,
    /// The sum of their totals.
    pub total: i64,
    /// How many names could not be read.
    pub left_out: u64,
    /// The SHA-256 of all lines between the first and this one.
    pub sha256: String,
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum BadExport {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The first line is not that of an export.
    #[error("it is not an export: the first line is not that of `tallymark export jsonl`")]
    Other,
    /// A newer version has written it.
    #[error("it was written by a newer Tallymark (version {0} of the records; this one reads {VERSION})")]
    Version(u32),
    /// A line is no record.
    #[error("line {line}: {why}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        why: BadRecord,
    },
    /// A name comes twice, or too late.
    #[error(
        "line {0}: its name does not come after that of the line before: names must be sorted, and each may be \
         there only once"
    )]
    Order(u64),
    /// A line is longer than any record.
    #[error("line {0}: it is longer than any record")]
    TooLong(u64),
    /// The last line is missing.
    #[error("it ends after line {0}, without its last line: it was cut off")]
    Cut(u64),
    /// The last line does not fit the others.
    #[error(
        "line {line}: the lines before it are not those that were written ({what}): the file was changed"
    )]
    Changed {
        /// The number of the last line.
        line: u64,
        /// What differs.
        what: &'static str,
    },
    /// Something follows the last line.
    #[error("line {0}: nothing may follow the line with the checksum")]
    After(u64),
}

/// Writes an export.
pub struct ExportWriter<W> {
    out: W,
    digest: Sha256,
    footer: ExportFooter,
}

impl<W: Write> ExportWriter<W> {
    /// Begins with the first line.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn begin(mut out: W, store: Uuid, now: Now) -> io::Result<ExportWriter<W>> {
        let header =
            ExportHeader { tallymark: KIND.to_owned(), version: VERSION, store, at: now.to_rfc3339() };
        writeln!(out, "{}", serde_json::to_string(&header)?)?;
        let footer = ExportFooter { end: true, names: 0, total: 0, left_out: 0, sha256: String::new() };
        Ok(ExportWriter { out, digest: Sha256::new(), footer })
    }

    /// Writes a name. Names come in the order of their events and then of their bytes.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn name(&mut self, record: &NameRecord) -> io::Result<()> {
        let line = record.line();
        self.digest.update(&line);
        if !record.name.starts_with('~') {
            self.footer.names += 1;
            self.footer.total = self.footer.total.saturating_add(record.total);
        }
        self.out.write_all(line.as_bytes())
    }

    /// Notes how many names could not be read.
    pub fn leave_out(&mut self, names: u64) {
        self.footer.left_out = names;
    }

    /// Writes the last line.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn finish(mut self) -> io::Result<(W, ExportFooter)> {
        self.footer.sha256 = hex(self.digest);
        writeln!(self.out, "{}", serde_json::to_string(&self.footer)?)?;
        self.out.flush()?;
        Ok((self.out, self.footer))
    }
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads an export.
pub struct ExportReader<R> {
    input: R,
    header: ExportHeader,
    line: u64,
    text: Vec<u8>,
    digest: Sha256,
    last: (String, String),
    names: u64,
    total: i64,
    footer: Option<ExportFooter>,
}

impl<R: BufRead> ExportReader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    ///
    /// See [`BadExport`].
    pub fn open(input: R) -> Result<ExportReader<R>, BadExport> {
        let header =
            ExportHeader { tallymark: String::new(), version: 0, store: Uuid::nil(), at: String::new() };
        let (digest, last, text) = (Sha256::new(), Default::default(), Vec::new());
        let mut reader =
            ExportReader { input, header, line: 0, text, digest, last, names: 0, total: 0, footer: None };
        #[derive(Deserialize)]
        struct Said {
            tallymark: String,
            version: u32,
        }
        if !reader.next_line()? {
            return Err(BadExport::Other);
        }
        let said: Said = serde_json::from_slice(&reader.text).map_err(|_| BadExport::Other)?;
        if said.tallymark != KIND {
            return Err(BadExport::Other);
        }
        if said.version != VERSION {
            return Err(BadExport::Version(said.version));
        }
        reader.header = serde_json::from_slice(&reader.text).map_err(|_| BadExport::Other)?;
        Ok(reader)
    }

    /// The first line.
    #[must_use]
    pub fn header(&self) -> &ExportHeader {
        &self.header
    }

    /// The last line, once it was reached and found right.
    #[must_use]
    pub fn footer(&self) -> Option<&ExportFooter> {
        self.footer.as_ref()
    }

    /// The next name; `None` at the end, if all is there and as it was written.
    ///
    /// # Errors
    ///
    /// See [`BadExport`].
    pub fn next_name(&mut self) -> Result<Option<ArrivingName>, BadExport> {
        if !self.next_line()? {
            return Err(BadExport::Cut(self.line));
        }
        if self.text.starts_with(END) {
            self.end()?;
            return Ok(None);
        }
        self.digest.update(&self.text);
        let line = self.line;
        let name = NameRecord::read(&self.text).map_err(|why| BadExport::Line { line, why })?;
        let (event, text) = name.key();
        if (event, text) <= (self.last.0.as_str(), self.last.1.as_str()) {
            return Err(BadExport::Order(line));
        }
        self.last = (event.to_owned(), text.to_owned());
        if !text.starts_with('~') {
            self.names += 1;
            self.total = self.total.saturating_add(name.own_total());
        }
        Ok(Some(name))
    }

    fn end(&mut self) -> Result<(), BadExport> {
        let line = self.line;
        let json = |why| BadExport::Line { line, why: BadRecord::Json(why) };
        let footer: ExportFooter = serde_json::from_slice(&self.text).map_err(json)?;
        let changed = |what| Err(BadExport::Changed { line, what });
        if footer.names != self.names {
            return changed("another number of names");
        }
        if footer.total != self.total || footer.sha256 != hex(self.digest.clone()) {
            return changed("another checksum");
        }
        if self.next_line()? {
            return Err(BadExport::After(self.line));
        }
        self.footer = Some(footer);
        Ok(())
    }

    /// Reads a line with its line feed. Answers whether there is one.
    fn next_line(&mut self) -> Result<bool, BadExport> {
        self.text.clear();
        self.input.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.text)?;
        if self.text.is_empty() {
            return Ok(false);
        }
        self.line += 1;
        match self.text.last() {
            Some(b'\n') => Ok(true),
            _ if self.text.len() as u64 == MAX_LINE => Err(BadExport::TooLong(self.line)),
            _ => Err(BadExport::Cut(self.line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(names: &[(&str, i64)]) -> String {
        let mut writer = ExportWriter::begin(Vec::new(), Uuid::nil(), Now { unix_ms: 0 }).unwrap();
        for (name, total) in names {
            let (event, name) = ("hit".to_owned(), (*name).to_owned());
            writer.name(&NameRecord { event, name, total: *total, ..NameRecord::default() }).unwrap();
        }
        String::from_utf8(writer.finish().unwrap().0).unwrap()
    }

    fn read(text: &str) -> Result<Vec<i64>, BadExport> {
        let mut reader = ExportReader::open(text.as_bytes())?;
        let mut totals = Vec::new();
        while let Some(name) = reader.next_name()? {
            totals.push(name.total);
        }
        assert!(reader.footer().is_some());
        Ok(totals)
    }

    #[test]
    fn a_whole_file_is_read_and_every_cut_and_change_is_noticed() {
        let text = written(&[("a", 1), ("b", 2), ("~all", 3)]);
        assert_eq!(read(&text).unwrap(), [1, 2, 3]);
        assert!(text.contains("\"names\":2,\"total\":3,"), "{text}");
        for at in 0..text.len() {
            assert!(read(&text[..at]).is_err(), "{at}");
        }
        let told = |text: &str| read(text).unwrap_err().to_string();
        let second = text.split_inclusive('\n').nth(1).unwrap();
        assert!(
            told(&text.replace(second, "")).contains("line 4: ")
                && told(&text.replace(second, "")).contains("names")
        );
        assert!(
            told(&text.replace("\"name\":\"b\",\"total\":2", "\"name\":\"b\",\"total\":3"))
                .contains("another checksum")
        );
        assert!(
            told(&text.replace(second, &second.repeat(2)))
                .starts_with("line 3: its name does not come after")
        );
        assert!(told(&text.replace("\"total\":2", "\"total\":\"2\"")).starts_with("line 3: it is no record"));
        assert!(told(&(text.clone() + "\n")).starts_with("line 6: nothing may follow"));
        assert!(told(&text.replace("\"version\":1", "\"version\":2")).contains("newer Tallymark"));
        assert!(told("{}\n").contains("not an export"));
    }
}
