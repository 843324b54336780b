//! The CSV: a row for each page view, as Go's `encoding/csv` writes it.

use super::{GoatError, GoatMapping, GoatRefusal, GoatRow};
use crate::unpack::unpacked;
use csv_core::ReadRecordResult;
use std::io::{self, BufRead, BufReader, Read};
use tallymark_core::Now;

/// The versions of the CSV that are read: the digits in front of the first column.
const VERSIONS: &str = "1 and 2";
/// The longest row.
const LONGEST: usize = 1 << 20;
/// The most columns of a row; version 2 has 14.
const MOST_COLUMNS: usize = 64;

/// The rows of a CSV, packed or not.
pub(super) struct CsvRows<'a> {
    input: BufReader<Box<dyn Read + 'a>>,
    csv: csv_core::Reader,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// How many columns of the row that was read last there are.
    has: usize,
    /// Whether the file ended in that row, without a line end.
    is_open: bool,
    columns: CsvColumns,
}

/// Where the columns are that count.
#[derive(Clone, Copy, Debug, Default)]
struct CsvColumns {
    all: usize,
    path: usize,
    event: usize,
    bot: usize,
    date: usize,
}

/// Tells how many bytes were read.
struct Looked<'a, R>(R, &'a dyn Fn(u64));

impl<R: Read> Read for Looked<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(into)?;
        (self.1)(read as u64);
        Ok(read)
    }
}

impl<'a> CsvRows<'a> {
    pub(super) fn open(file: &'a mut impl Read, looked: &'a dyn Fn(u64)) -> Result<CsvRows<'a>, GoatError> {
        let input = BufReader::with_capacity(1 << 16, unpacked(Looked(file, looked))?);
        let mut rows = CsvRows {
            input,
            csv: csv_core::Reader::new(),
            fields: vec![0; LONGEST],
            ends: vec![0; MOST_COLUMNS],
            has: 0,
            is_open: false,
            columns: CsvColumns::default(),
        };
        if rows.read()?.is_none() {
            return Err(GoatError::NoExport("it is empty".to_owned()));
        }
        rows.columns = rows.header()?;
        Ok(rows)
    }

    /// Reads the next row, and says in which line it begins.
    fn read(&mut self) -> Result<Option<u64>, GoatError> {
        self.skip_blank_lines()?;
        let (line, mut at, mut ended) = (self.csv.line(), 0, 0);
        loop {
            let chunk = self.input.fill_buf()?;
            let is_end = chunk.is_empty();
            let (result, read, written, ends) =
                self.csv.read_record(chunk, &mut self.fields[at..], &mut self.ends[ended..]);
            self.input.consume(read);
            at += written;
            ended += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => return Err(GoatError::Endless(line)),
                // What has so many columns is refused as a row.
                ReadRecordResult::OutputEndsFull => ended = MOST_COLUMNS - 1,
                ReadRecordResult::Record => {
                    (self.has, self.is_open) = (ended, is_end);
                    return Ok(Some(line));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// They are allowed, and the line of a row is that of its first field.
    fn skip_blank_lines(&mut self) -> io::Result<()> {
        while let Some(blank @ (b'\r' | b'\n')) = self.input.fill_buf()?.first().copied() {
            self.input.consume(1);
            self.csv.set_line(self.csv.line() + u64::from(blank == b'\n'));
        }
        Ok(())
    }

    fn field(&self, column: usize) -> &[u8] {
        let begin = if column == 0 { 0 } else { self.ends[column - 1] };
        self.fields.get(begin..self.ends[column]).unwrap_or_default()
    }

    /// The version and the columns, by the first line.
    fn header(&self) -> Result<CsvColumns, GoatError> {
        let words: Vec<&str> =
            (0..self.has).map(|column| std::str::from_utf8(self.field(column)).unwrap_or_default()).collect();
        let first = words.first().map_or("", |first| first.trim_start_matches('\u{feff}'));
        let digits = first.bytes().take_while(u8::is_ascii_digit).count();
        let (version, path) = first.split_at(digits);
        let foreign = || {
            let begins: String = first.chars().take(60).collect();
            GoatError::NoExport(format!("its first line begins with {begins:?}, and not with 2Path"))
        };
        match (version, path) {
            ("1" | "2", "Path") => {}
            ("", "Path") => {
                let why =
                    "it has no version, as those before GoatCounter 1.3. Export it again with a later one";
                return Err(GoatError::NoExport(why.to_owned()));
            }
            (_, "Path") => return Err(GoatError::Version(version.to_owned(), VERSIONS)),
            _ => return Err(foreign()),
        }
        let column = |name: &str| {
            let missing = || GoatError::NoExport(format!("its first line has no column {name}"));
            words.iter().position(|word| *word == name).ok_or_else(missing)
        };
        Ok(CsvColumns {
            all: words.len(),
            path: 0,
            event: column("Event")?,
            bot: column("Bot")?,
            date: column("Date")?,
        })
    }

    pub(super) fn next(&mut self, mapping: &GoatMapping, now: Now) -> Result<Option<GoatRow>, GoatError> {
        let Some(line) = self.read()? else { return Ok(None) };
        Ok(Some(match self.hit(mapping, now) {
            Ok(row) => row,
            // GoatCounter ends every line. What is counted of a cut file would count again with the whole one.
            Err(why) if self.is_open && why != GoatRefusal::Bot => return Err(GoatError::Cut(line)),
            Err(why) => GoatRow::Refused(line, why),
        }))
    }

    fn hit(&self, mapping: &GoatMapping, now: Now) -> Result<GoatRow, GoatRefusal> {
        let CsvColumns { all, path, event, bot, date } = self.columns;
        if self.has != all {
            return Err(GoatRefusal::Fields);
        }
        let text = |column| std::str::from_utf8(self.field(column)).unwrap_or("?");
        let is_event = flag(text(event)).ok_or(GoatRefusal::Flag)?;
        let bot: u32 = text(bot).parse().map_err(|_| GoatRefusal::BotNumber)?;
        let hit = mapping.hit(self.field(path), is_event, text(date), now, 1)?;
        if bot > 0 && !mapping.bots {
            return Err(GoatRefusal::Bot);
        }
        Ok(GoatRow::Hit(hit))
    }
}

/// A flag, as GoatCounter writes and reads it.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "y" => Some(true),
        "false" | "f" | "0" | "no" | "n" | "" => Some(false),
        _ => None,
    }
}
