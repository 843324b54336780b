//! The JSON export: a zip file with a directory of tables, of which the paths and the visits by hour are read.

use super::{GoatError, GoatMapping, GoatRefusal, GoatRow};
use crate::unzip::{ZipMember, zip_members};
use serde::Deserialize;
use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read, Seek},
};
use tallymark_core::Now;

/// The versions that are read. A larger minor number is compatible.
const VERSIONS: &str = "1.x";
/// The longest line, and the longest `info.json`.
const LONGEST: u64 = 1 << 20;
/// The most paths: as many as there may be names.
const MOST_PATHS: usize = 1_000_000;

#[derive(Deserialize)]
struct GoatInfo {
    export_version: serde_json::Value,
}

#[derive(Deserialize)]
struct GoatPath {
    id: i64,
    path: String,
    #[serde(default)]
    event: Flag,
}

/// GoatCounter leaves out what is false; its databases know 0 and 1.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(untagged)]
enum Flag {
    Word(bool),
    Number(u8),
    #[default]
    None,
}

#[derive(Deserialize)]
struct GoatHour {
    hour: String,
    path_id: i64,
    count: serde_json::Number,
}

/// The rows of `hit_stats.jsonl`.
pub(super) struct JsonRows<'a> {
    paths: HashMap<i64, (String, bool)>,
    hours: BufReader<Box<dyn Read + 'a>>,
    looked: &'a dyn Fn(u64),
    line: Vec<u8>,
    number: u64,
}

impl<'a> JsonRows<'a> {
    pub(super) fn open<F: Read + Seek>(
        file: &'a mut F,
        looked: &'a dyn Fn(u64),
    ) -> Result<JsonRows<'a>, GoatError> {
        let members = zip_members(file)?;
        let find = |name: &str| -> Result<ZipMember, GoatError> {
            let is_it = |member: &&ZipMember| member.name.rsplit(['/', '\\']).next() == Some(name);
            let mut found = members.iter().filter(is_it);
            match (found.next(), found.next()) {
                (Some(member), None) => Ok(member.clone()),
                (None, _) => Err(GoatError::NoExport(format!("the zip file has no {name}"))),
                _ => Err(GoatError::NoExport(format!("the zip file has {name} more than once"))),
            }
        };
        let (info, paths, hours) = (find("info.json")?, find("paths.jsonl")?, find("hit_stats.jsonl")?);
        check_version(info.open(file)?)?;
        let paths = read_paths(BufReader::new(paths.open(file)?))?;
        let hours: Box<dyn Read + 'a> = Box::new(hours.open(file)?);
        Ok(JsonRows {
            paths,
            hours: BufReader::with_capacity(1 << 16, hours),
            looked,
            line: Vec::new(),
            number: 0,
        })
    }

    pub(super) fn next(&mut self, mapping: &GoatMapping, now: Now) -> Result<Option<GoatRow>, GoatError> {
        loop {
            self.number += 1;
            if !read_line(&mut self.hours, &mut self.line, self.number)? {
                return Ok(None);
            }
            (self.looked)(self.line.len() as u64);
            if self.line.trim_ascii().is_empty() {
                continue;
            }
            return Ok(Some(match self.hit(mapping, now) {
                Ok(row) => row,
                Err(why) => GoatRow::Refused(self.number, why),
            }));
        }
    }

    fn hit(&self, mapping: &GoatMapping, now: Now) -> Result<GoatRow, GoatRefusal> {
        let hour: GoatHour = serde_json::from_slice(&self.line).map_err(|_| GoatRefusal::Json)?;
        let (path, is_event) = self.paths.get(&hour.path_id).ok_or(GoatRefusal::Path)?;
        let count = hour.count.as_u64().filter(|&count| count > 0 && i64::try_from(count).is_ok());
        let count = count.ok_or(GoatRefusal::Count)?;
        Ok(GoatRow::Hit(mapping.hit(path.as_bytes(), *is_event, &hour.hour, now, count)?))
    }
}

fn check_version(info: impl Read) -> Result<(), GoatError> {
    let mut text = Vec::new();
    info.take(LONGEST).read_to_end(&mut text)?;
    let info: GoatInfo = serde_json::from_slice(&text)
        .map_err(|error| GoatError::NoExport(format!("info.json says no version: {error}")))?;
    // Documented as a text, and written as a number.
    let version = match info.export_version {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    match version.split('.').next() {
        Some("1") => Ok(()),
        _ => Err(GoatError::Version(version.chars().take(20).collect(), VERSIONS)),
    }
}

fn read_paths(mut input: impl BufRead) -> Result<HashMap<i64, (String, bool)>, GoatError> {
    let (mut paths, mut line, mut number) = (HashMap::new(), Vec::new(), 0);
    loop {
        number += 1;
        if !read_line(&mut input, &mut line, number)? {
            return Ok(paths);
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let path: GoatPath = serde_json::from_slice(&line)
            .map_err(|error| GoatError::NoExport(format!("paths.jsonl, line {number}: {error}")))?;
        let is_event = matches!(path.event, Flag::Word(true) | Flag::Number(1..));
        if paths.insert(path.id, (path.path, is_event)).is_some() {
            return Err(GoatError::NoExport(format!("paths.jsonl, line {number}: this id was there before")));
        }
        if paths.len() > MOST_PATHS {
            return Err(GoatError::NoExport(format!("it has more than {MOST_PATHS} paths")));
        }
    }
}

/// Reads a line without its end; whether there was one.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>, number: u64) -> Result<bool, GoatError> {
    line.clear();
    let read = input.by_ref().take(LONGEST).read_until(b'\n', line)?;
    if read as u64 == LONGEST && !line.ends_with(b"\n") {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("line {number} of a table has more than 1 MiB"),
        )
        .into());
    }
    Ok(read > 0)
}
