//! Reading from Redis: totals, series and names. The change log is in `log.rs`.
//!
//! Long lists are read in pieces, so that other clients of the same Redis get their turn.

use super::{
    client::Link,
    explain::explain,
    keys,
    script::{Script, as_count, as_text, claimed},
};
use crate::{Class, NamePage, Result, Step, StoreError};
use redis::{ServerError, Value};
use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};
use tallymark_core::{Day, Event, Hour, Month, Name, Visit, calendar};
use uuid::Uuid;

/// How many keys are read at once.
pub(super) const CHUNK: usize = 1000;
/// The days that a log line may have: 1970-01-01 to 2199-12-31. No series goes beyond them.
const DAYS: Range<i32> = 0..84_006;
/// Their years.
const YEARS: Range<i32> = 1970..2200;
/// An attempt, as messages name it.
const STATUSES: &str = "looking for statuses";

/// The identity of the store; a store without one gets it now.
pub(super) async fn identity(link: &Link, script: &Script) -> Result<Uuid> {
    let attempt = "reading the identity";
    let [all, events] = &keys::of_counts();
    let keys = [keys::STORE, keys::APPLIED, all, events];
    let fresh = Uuid::new_v4().to_string();
    let argument = |command: &mut redis::Cmd| {
        command.arg(&fresh);
    };
    let answer = script.call(link, attempt, &keys, argument).await?;
    let missing = || StoreError::new(Class::Data, link.attempt(attempt), "there is none");
    claimed(&answer, link.attempt(attempt))?.ok_or_else(missing)
}

/// The connection that reads.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) link: Link,
    foreign_seen: AtomicBool,
}

impl Reader {
    pub(super) fn new(link: Link) -> Reader {
        Reader { link, foreign_seen: AtomicBool::new(false) }
    }

    pub(super) async fn totals(&self, event: Event, names: &[Name]) -> Result<Vec<i64>> {
        let mut totals = Vec::with_capacity(names.len());
        for names in names.chunks(CHUNK) {
            let keys: Vec<String> = names.iter().map(|name| keys::total(event, name)).collect();
            totals.extend(self.counts("reading totals", &keys).await?);
        }
        Ok(totals)
    }

    pub(super) async fn counts(&self, attempt: &str, keys: &[String]) -> Result<Vec<i64>> {
        let mut command = redis::cmd("MGET");
        let values: Vec<Value> = self.link.query(attempt, command.arg(keys)).await?;
        Ok(values.iter().map(as_count).collect())
    }

    pub(super) async fn series(
        &self,
        event: Event,
        name: &Name,
        step: Step,
        from: i32,
        to: i32,
    ) -> Result<Vec<(i32, i64)>> {
        // A day is a key; the hours of a day and the minutes of an hour are the fields of one.
        match step {
            Step::Month => {
                let days = Month(from).first_day().0..Month(to).first_day().0;
                self.days(event, name, days).await.map(calendar::by_month)
            }
            Step::Day => self.days(event, name, from..to).await,
            Step::Hour => self.fields(from..to, 24, DAYS, |day| keys::hours(event, name, Day(day))).await,
            Step::Minute => {
                let hours = DAYS.start * 24..DAYS.end * 24;
                self.fields(from..to, 60, hours, |hour| keys::minutes(event, name, Hour(hour))).await
            }
        }
    }

    pub(super) async fn total(&self, event: Event, name: &Name) -> Result<i64> {
        let total = self.exact_counts("reading a total", &[keys::total(event, name)]).await?;
        Ok(total.first().copied().unwrap_or(0))
    }

    async fn days(&self, event: Event, name: &Name, range: Range<i32>) -> Result<Vec<(i32, i64)>> {
        let days: Vec<i32> = (range.start.max(DAYS.start)..range.end.min(DAYS.end)).collect();
        let mut found = Vec::new();
        for days in days.chunks(CHUNK) {
            let keys: Vec<String> = days.iter().map(|&day| keys::day(event, name, Day(day))).collect();
            let counts = self.exact_counts("reading a series", &keys).await?;
            found.extend(days.iter().copied().zip(counts).filter(|(_, count)| *count != 0));
        }
        Ok(found)
    }

    /// Counters, all of which must have the right type. (MGET does not report a list.)
    async fn exact_counts(&self, attempt: &str, keys: &[String]) -> Result<Vec<i64>> {
        let mut pipeline = redis::pipe();
        for key in keys {
            pipeline.cmd("GET").arg(key);
        }
        let live = self.link.live(attempt).await?;
        let answers = self.link.pipe(live, attempt, &mut pipeline).await?;
        keys.iter().zip(&answers).map(|(key, answer)| self.exact(attempt, key, answer)).collect()
    }

    /// A count, or what is wrong with its key.
    fn exact(&self, attempt: &str, key: &str, answer: &Value) -> Result<i64> {
        match answer {
            Value::Nil => Ok(0),
            Value::ServerError(err) => Err(self.wrong(attempt, key, err)),
            answer => {
                let text = as_text(answer);
                text.parse().map_err(|_| {
                    let text: String = text.chars().take(50).collect();
                    self.no_count(attempt, key, &format!("it holds {text:?}"))
                })
            }
        }
    }

    /// The fields of a hash, or what is wrong with its key.
    fn exact_fields(&self, attempt: &str, key: &str, answer: &Value) -> Result<Vec<(String, i64)>> {
        let words = match answer {
            Value::Array(words) => words,
            Value::ServerError(err) => return Err(self.wrong(attempt, key, err)),
            other => return Err(self.no_count(attempt, key, &format!("it answers {other:?}"))),
        };
        let fields = words.chunks_exact(2).filter_map(|pair| match pair {
            [field, count] => Some(self.exact(attempt, key, count).map(|count| (as_text(field), count))),
            _ => None,
        });
        fields.collect()
    }

    fn wrong(&self, attempt: &str, key: &str, err: &ServerError) -> StoreError {
        if err.code() == "WRONGTYPE" {
            return self.no_count(attempt, key, "it is of another type");
        }
        explain(&err.clone().into(), self.link.attempt(attempt))
    }

    fn no_count(&self, attempt: &str, key: &str, why: &str) -> StoreError {
        let cause = format!("the key {key} holds something else than it should: {why}");
        StoreError::new(Class::Key, self.link.attempt(attempt), cause)
            .advise("Another program has written it: look with TYPE, and delete or rename it")
    }

    /// Buckets that are fields of hashes, `width` to a hash; hashes are counted from 1970 like buckets.
    async fn fields(
        &self,
        range: Range<i32>,
        width: i32,
        hashes: Range<i32>,
        key: impl Fn(i32) -> String,
    ) -> Result<Vec<(i32, i64)>> {
        let first = range.start.div_euclid(width).max(hashes.start);
        let end = range.end.saturating_sub(1).div_euclid(width).saturating_add(1).min(hashes.end);
        let hashes: Vec<i32> = (first..end).collect();
        let mut found = Vec::new();
        for hashes in hashes.chunks(CHUNK) {
            let mut pipeline = redis::pipe();
            for &hash in hashes {
                pipeline.cmd("HGETALL").arg(key(hash));
            }
            let live = self.link.live("reading a series").await?;
            let answers = self.link.pipe(live, "reading a series", &mut pipeline).await?;
            for (&hash, answer) in hashes.iter().zip(&answers) {
                let fields = self.exact_fields("reading a series", &key(hash), answer)?.into_iter();
                let fields = fields.filter_map(|(field, count)| Some((field.parse::<i32>().ok()?, count)));
                let buckets = fields.filter(|(field, _)| (0..width).contains(field));
                let mut buckets: Vec<_> =
                    buckets.map(|(field, count)| (hash * width + field, count)).collect();
                buckets.sort_unstable();
                found.extend(buckets.into_iter().filter(|(at, count)| range.contains(at) && *count != 0));
            }
        }
        Ok(found)
    }

    /// Another program's statuses are returned as they are.
    pub(super) async fn statuses(
        &self,
        event: Event,
        name: &Name,
        year: i32,
        month: Option<u32>,
    ) -> Result<Vec<(String, i64)>> {
        let key = match month {
            None => keys::year_statuses(event, name, year),
            Some(month) => match Month::of(year, month) {
                Some(month) => keys::month_statuses(event, name, month),
                None => return Ok(Vec::new()),
            },
        };
        let attempt = "reading statuses";
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGETALL").arg(&key);
        let live = self.link.live(attempt).await?;
        let answers = self.link.pipe(live, attempt, &mut pipeline).await?;
        let Some(answer) = answers.first() else { return Ok(Vec::new()) };
        let mut found = self.exact_fields(attempt, &key, answer)?;
        found.retain(|(_, count)| *count != 0);
        found.sort_unstable();
        Ok(found)
    }

    /// Elements written by another program are skipped if they are not visits.
    pub(super) async fn visits(&self, event: Event, name: &Name, limit: usize) -> Result<Vec<Visit>> {
        let Some(last) = limit.checked_sub(1) else { return Ok(Vec::new()) };
        let mut pipeline = redis::pipe();
        pipeline.cmd("LRANGE").arg(keys::visits(event, name)).arg(0).arg(last);
        let live = self.link.live("reading visits").await?;
        let answers = self.link.pipe(live, "reading visits", &mut pipeline).await?;
        let visits = match answers.first() {
            Some(Value::Array(visits)) => visits,
            Some(Value::ServerError(err)) => {
                return Err(self.wrong("reading visits", &keys::visits(event, name), err));
            }
            _ => return Ok(Vec::new()),
        };
        Ok(visits.iter().filter_map(|visit| Visit::from_json(as_text(visit).as_bytes())).collect())
    }

    pub(super) async fn visitors(
        &self,
        event: Event,
        name: &Name,
        from: Day,
        to: Day,
    ) -> Result<Vec<(Day, i64)>> {
        let attempt = "reading visitors";
        let days: Vec<Day> = (from.0.max(DAYS.start)..to.0.min(DAYS.end)).map(Day).collect();
        let mut found = Vec::new();
        for days in days.chunks(CHUNK) {
            let keys: Vec<String> = days.iter().map(|&day| keys::visitors(event, name, day)).collect();
            let mut pipeline = redis::pipe();
            for key in &keys {
                pipeline.cmd("PFCOUNT").arg(key);
            }
            let live = self.link.live(attempt).await?;
            let answers = self.link.pipe(live, attempt, &mut pipeline).await?;
            for ((&day, key), answer) in days.iter().zip(&keys).zip(&answers) {
                match self.exact(attempt, key, answer)? {
                    0 => {}
                    visitors => found.push((day, visitors)),
                }
            }
        }
        Ok(found)
    }

    /// Checks the hash of every year, then those of the months of the existing years, instead of searching all keys.
    pub(super) async fn status_months(&self, event: Event, name: &Name) -> Result<Vec<Month>> {
        let years: Vec<String> = YEARS.map(|year| keys::year_statuses(event, name, year)).collect();
        // Most names have none of them, and one answer for all keys is cheap.
        let live = self.link.live(STATUSES).await?;
        let any = self.link.pipe(live, STATUSES, redis::pipe().cmd("EXISTS").arg(&years)).await?;
        if matches!(any[..], [Value::Int(0)]) {
            return Ok(Vec::new());
        }
        let years = self.existing(YEARS.zip(years)).await?;
        let months = years.into_iter().flat_map(|year| (1..=12).filter_map(move |m| Month::of(year, m)));
        let months = months.map(|month| (month, keys::month_statuses(event, name, month)));
        self.existing(months).await
    }

    /// Those whose key exists.
    async fn existing<T>(&self, keys: impl Iterator<Item = (T, String)>) -> Result<Vec<T>> {
        let mut pipeline = redis::pipe();
        let mut all = Vec::new();
        for (of_key, key) in keys {
            pipeline.cmd("EXISTS").arg(key);
            all.push(of_key);
        }
        if all.is_empty() {
            return Ok(all);
        }
        let live = self.link.live(STATUSES).await?;
        let answers = self.link.pipe(live, STATUSES, &mut pipeline).await?;
        let there = |answer: &Value| matches!(answer, Value::Int(1));
        Ok(all
            .into_iter()
            .zip(&answers)
            .filter(|(_, answer)| there(answer))
            .map(|(of_key, _)| of_key)
            .collect())
    }

    pub(super) async fn names(&self, event: Event, start: Option<&str>, limit: usize) -> Result<NamePage> {
        let attempt = format!("listing the names of {event}");
        let start = start.unwrap_or("0");
        if start.parse::<u64>().is_err() {
            return Err(StoreError::new(Class::Request, self.link.attempt(&attempt), "no such page"));
        }
        let mut command = redis::cmd("SSCAN");
        command.arg(keys::set(event)).arg(start).arg("COUNT").arg(limit.clamp(1, 10_000));
        let (next, members): (String, Vec<Vec<u8>>) = self.link.query(&attempt, &command).await?;
        let names = members.iter().filter_map(|member| self.name(event, member)).collect();
        Ok(NamePage { names, next: (next != "0").then_some(next) })
    }

    /// Reads a member of a set. Other programs write there too; a member that is not a name has no file and no page.
    pub(super) fn name(&self, event: Event, member: &[u8]) -> Option<Name> {
        let name = std::str::from_utf8(member).ok().and_then(|text| Name::from_escaped_of(event, text));
        if name.is_none() && !self.foreign_seen.swap(true, Ordering::Relaxed) {
            let member = String::from_utf8_lossy(member);
            tracing::warn!(set = keys::set(event), %member, "a member of this set is not an escaped name; such \
                                                             members are left out");
        }
        name.filter(|name| !name.is_aggregate())
    }

    pub(super) async fn name_count(&self, event: Event) -> Result<u64> {
        let mut command = redis::cmd("SCARD");
        self.link.query(&format!("counting the names of {event}"), command.arg(keys::set(event))).await
    }
}
