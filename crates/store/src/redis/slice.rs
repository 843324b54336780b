//! The counts of a span of time in slices, for rankings: the sets of names, piece by piece, with the counters of each.
//!
//! Redis keeps no set of the names of an hour or a minute. Those of an hour are among the names of its day, and those of
//! many minutes among the names of their days. Those of a few minutes are found in the change log, whose entries are
//! numbered by time, so the cost depends only on what was written since; if the log does not go back that far, they are
//! among the names of their day, too. Every command is short, so that
//! other clients of the same Redis get their turn.

use super::{
    keys,
    read::{CHUNK, Reader},
    script::{as_count, as_text},
};
use crate::{Class, Result, Slice, Span, StoreError, names, narrow::Narrow};
use redis::Value;
use std::{collections::BTreeSet, ops::RangeInclusive};
use tallymark_core::{Day, Event, Hour, Minute, Name};

/// How many names a slice of several days examines; each has a counter for each day.
const NAMES_OF_DAYS: usize = 200;
/// How many entries of the log a slice of a minute reads; each has up to 1,000 names.
const ENTRIES: usize = 2;
/// How many minutes are looked for in the log. In that of an hour every name would be many times.
const MINUTES_OF_LOG: i32 = 5;
/// How long before a minute its hits may have been counted: a client's time may be this far ahead. The clock of Redis
/// may also differ from ours.
const AHEAD_MS: i64 = 11 * 60_000;
const ATTEMPT: &str = "ranking names";

/// Where a slice of several days begins.
struct At {
    /// The day whose names are scanned; none if all names of the event are.
    day: Option<i32>,
    cursor: String,
}

impl Reader {
    /// The events that have a name. Those in ghit.me's keys may be older.
    pub(super) async fn events(&self) -> Result<Vec<Event>> {
        const ATTEMPT: &str = "listing events";
        let mut members = redis::cmd("SMEMBERS");
        members.arg(keys::EVENTS);
        let words: Vec<Vec<u8>> = self.link.query(ATTEMPT, &members).await?;
        let mut events: BTreeSet<Event> = words.iter().filter_map(|word| Event::new(word).ok()).collect();
        events.insert(Event::HIT);
        let mut pipeline = redis::pipe();
        for &event in &events {
            pipeline.cmd("EXISTS").arg(keys::set(event));
        }
        let live = self.link.live(ATTEMPT).await?;
        let there = self.link.pipe(live, ATTEMPT, &mut pipeline).await?;
        Ok(events
            .iter()
            .zip(there)
            .filter(|(_, there)| as_count(there) > 0)
            .map(|(&event, _)| event)
            .collect())
    }

    pub(super) async fn slice(
        &self,
        event: Event,
        span: Span,
        floor: i64,
        start: Option<&str>,
    ) -> Result<Slice> {
        let floor = floor.max(0);
        match span {
            Span::All => {
                let (next, names) = self.members(event, keys::set(event), start, CHUNK).await?;
                let totals = self.totals(event, &names).await?;
                Ok(Slice { counts: above(floor, names, totals), next })
            }
            Span::Days(day, to) if day == to => {
                let (counts, next) = self.of_day(event, day, floor, start).await?;
                Ok(Slice { counts, next })
            }
            Span::Days(from, to) => self.of_days(event, from.0..=to.0, floor, start).await,
            Span::Hour(hour) => self.of_hour(event, hour, floor, start).await,
            Span::Minutes(from, to) => self.of_minutes(event, (from, to), floor, start).await,
        }
    }

    /// A piece of a set of names, and where the next begins.
    async fn members(
        &self,
        event: Event,
        set: String,
        start: Option<&str>,
        count: usize,
    ) -> Result<(Option<String>, Vec<Name>)> {
        let start = start.unwrap_or("0");
        if start.parse::<u64>().is_err() {
            return Err(StoreError::new(Class::Request, self.link.attempt(ATTEMPT), "no such slice"));
        }
        let mut command = redis::cmd("SSCAN");
        command.arg(set).arg(start).arg("COUNT").arg(count);
        let (next, members): (String, Vec<Vec<u8>>) = self.link.query(ATTEMPT, &command).await?;
        let names = members.iter().filter_map(|member| self.name(event, member)).collect();
        Ok(((next != "0").then_some(next), names))
    }

    async fn of_day(
        &self,
        event: Event,
        day: Day,
        floor: i64,
        start: Option<&str>,
    ) -> Result<(Vec<(Name, i64)>, Option<String>)> {
        let (next, names) = self.members(event, keys::day_set(event, day), start, CHUNK).await?;
        let mut counts = Vec::with_capacity(names.len());
        for names in names.chunks(CHUNK) {
            let keys: Vec<String> = names.iter().map(|name| keys::day(event, name, day)).collect();
            counts.extend(self.counts(ATTEMPT, &keys).await?);
        }
        Ok((above(floor, names, counts), next))
    }

    /// Scans all names of the event, or those of each day, whichever are fewer. A name that is in the sets of several
    /// days occurs once for each of them, with the same sum.
    async fn of_days(
        &self,
        event: Event,
        days: RangeInclusive<i32>,
        floor: i64,
        start: Option<&str>,
    ) -> Result<Slice> {
        let at = match start {
            Some(start) => read_start(start).ok_or_else(|| {
                StoreError::new(Class::Request, self.link.attempt(ATTEMPT), "no such slice")
            })?,
            None => self.first_of_days(event, &days).await?,
        };
        let set = at.day.map_or_else(|| keys::set(event), |day| keys::day_set(event, Day(day)));
        let (next, names) = self.members(event, set, Some(&at.cursor), NAMES_OF_DAYS).await?;
        // No sum over days is above the total, so one read is enough for most names once the floor has risen.
        let totals = self.totals(event, &names).await?;
        let names: Vec<Name> = above(floor, names, totals).into_iter().map(|(name, _)| name).collect();
        let sums = self.sums(event, names.iter(), days.clone()).await?;
        let next = match (next, at.day) {
            (Some(cursor), None) => Some(format!("* {cursor}")),
            (Some(cursor), Some(day)) => Some(format!("{day} {cursor}")),
            (None, Some(day)) if day < *days.end() => Some(format!("{} 0", day + 1)),
            (None, _) => None,
        };
        Ok(Slice { counts: above(floor, names, sums), next })
    }

    async fn first_of_days(&self, event: Event, days: &RangeInclusive<i32>) -> Result<At> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("SCARD").arg(keys::set(event));
        for day in days.clone() {
            pipeline.cmd("SCARD").arg(keys::day_set(event, Day(day)));
        }
        let live = self.link.live(ATTEMPT).await?;
        let sizes = self.link.pipe(live, ATTEMPT, &mut pipeline).await?;
        let mut sizes = sizes.iter().map(as_count);
        let all = sizes.next().unwrap_or(0);
        let of_days = sizes.fold(0i64, i64::saturating_add);
        let day = (of_days < all).then_some(*days.start());
        Ok(At { day, cursor: "0".to_owned() })
    }

    /// Reads the names of the day, and the hour of those that may be above the floor.
    async fn of_hour(&self, event: Event, hour: Hour, floor: i64, start: Option<&str>) -> Result<Slice> {
        let day = hour.day();
        let (counts, next) = self.of_day(event, day, floor, start).await?;
        let names: Vec<Name> = counts.into_iter().map(|(name, _)| name).collect();
        let fields = names.iter().map(|name| (keys::hours(event, name, day), hour.of_day()));
        let counts = self.fields_of(fields.collect()).await?;
        Ok(Slice { counts: above(floor, names, counts), next })
    }

    /// The same for minutes, of one day or two. A name of both days occurs twice, with the same count.
    async fn of_days_of_minutes(
        &self,
        event: Event,
        (from, to): (Minute, Minute),
        floor: i64,
        start: Option<&str>,
    ) -> Result<Slice> {
        let at = match start {
            Some(start) => read_start(start).ok_or_else(|| {
                StoreError::new(Class::Request, self.link.attempt(ATTEMPT), "no such slice")
            })?,
            None => At { day: None, cursor: "0".to_owned() },
        };
        // The first day may be over since the slice before.
        let day = at.day.unwrap_or(from.day().0);
        // A name's count on one day does not limit its count over two.
        let of_day = if from.day() == to.day() { floor } else { 0 };
        let (counts, next) = self.of_day(event, Day(day), of_day, Some(&at.cursor)).await?;
        let names: Vec<Name> = counts.into_iter().map(|(name, _)| name).collect();
        let counts = self.minutes_of(event, &names, (from, to), floor).await?;
        let next = match next {
            Some(cursor) => Some(format!("day {day} {cursor}")),
            None => (day < to.day().0).then(|| format!("day {} 0", day + 1)),
        };
        Ok(Slice { counts: above(floor, names, counts), next })
    }

    /// Whether the log has everything since a time.
    async fn log_reaches(&self, ms: i64) -> Result<bool> {
        let mut command = redis::cmd("XRANGE");
        command.arg(keys::CHANGES).arg("-").arg("+").arg("COUNT").arg(1);
        let first: Vec<(String, Value)> = self.link.query(ATTEMPT, &command).await?;
        let first = first.first().and_then(|(id, _)| id.split_once('-')?.0.parse::<i64>().ok());
        Ok(first.is_some_and(|first| first <= ms))
    }

    /// The names in the log since the first of the minutes.
    async fn of_minutes(
        &self,
        event: Event,
        (from, to): (Minute, Minute),
        floor: i64,
        start: Option<&str>,
    ) -> Result<Slice> {
        let minutes = (from, to);
        let begin = i64::from(from.0) * 60_000 - AHEAD_MS;
        let in_log = to.0 - from.0 < MINUTES_OF_LOG;
        let from = match start {
            Some(start) => match start.strip_prefix("day ") {
                Some(start) => return self.of_days_of_minutes(event, minutes, floor, Some(start)).await,
                None => start.to_owned(),
            },
            None if !in_log || !self.log_reaches(begin).await? => {
                return self.of_days_of_minutes(event, minutes, floor, None).await;
            }
            None => format!("{}-0", begin.max(0)),
        };
        let mut command = redis::cmd("XRANGE");
        command.arg(keys::CHANGES).arg(&from).arg("+").arg("COUNT").arg(ENTRIES);
        let entries: Vec<(String, Vec<(String, Value)>)> = self.link.query(ATTEMPT, &command).await?;
        let texts = entries.iter().flat_map(|(_, fields)| fields);
        let texts = texts.filter(|(field, _)| field == event.as_str()).map(|(_, text)| as_text(text));
        let names: BTreeSet<Name> = texts
            .flat_map(|text| names::parse(event, &text).map(|change| change.name).collect::<Vec<_>>())
            .collect();
        let names: Vec<Name> = names.into_iter().collect();
        let counts = self.minutes_of(event, &names, minutes, floor).await?;
        let last = entries.last().filter(|_| entries.len() == ENTRIES);
        let next = last.and_then(|(id, _)| behind(id));
        Ok(Slice { counts: above(floor, names, counts), next })
    }

    /// The counts of some names; names that cannot be above their floor are not read.
    pub(super) async fn counts_in(
        &self,
        event: Event,
        names: &[Name],
        spans: &[(Span, i64)],
    ) -> Result<Vec<Vec<i64>>> {
        let totals = self.totals(event, names).await?;
        let mut narrow = Narrow::new(&totals, spans.len());
        for (column, &(span, floor)) in spans.iter().enumerate() {
            let above = narrow.above(span, floor);
            let some = above.iter().map(|&at| &names[at]);
            let counts = match span {
                Span::All => above.iter().map(|&at| totals[at]).collect(),
                Span::Days(from, to) => self.sums(event, some, from.0..=to.0).await?,
                Span::Hour(hour) => {
                    let key = |name| (keys::hours(event, name, hour.day()), hour.of_day());
                    self.fields_of(some.map(key).collect()).await?
                }
                Span::Minutes(from, to) => {
                    let some: Vec<Name> = some.cloned().collect();
                    self.minutes_of(event, &some, (from, to), floor.max(0)).await?
                }
            };
            for (at, count) in above.into_iter().zip(counts) {
                narrow.read(at, column, span, count);
            }
        }
        Ok(narrow.into_rows())
    }

    /// The sums of some names over some days.
    async fn sums<'a>(
        &self,
        event: Event,
        names: impl Iterator<Item = &'a Name>,
        days: RangeInclusive<i32>,
    ) -> Result<Vec<i64>> {
        let keys = names.flat_map(|name| days.clone().map(|day| keys::day(event, name, Day(day))));
        let keys: Vec<String> = keys.collect();
        let mut counts = Vec::with_capacity(keys.len());
        for keys in keys.chunks(CHUNK) {
            counts.extend(self.counts(ATTEMPT, keys).await?);
        }
        Ok(counts.chunks(days.count().max(1)).map(sum).collect())
    }

    /// The sums of some names over minutes; 0 for those whose hours do not have more than the floor.
    async fn minutes_of(
        &self,
        event: Event,
        names: &[Name],
        (from, to): (Minute, Minute),
        floor: i64,
    ) -> Result<Vec<i64>> {
        let hours: Vec<Hour> = (from.hour().0..=to.hour().0).map(Hour).collect();
        let mut sums = vec![0i64; names.len()];
        let mut read: Vec<usize> = (0..names.len()).collect();
        if floor > 0 && from < to {
            let field = |(name, hour): (&Name, &Hour)| (keys::hours(event, name, hour.day()), hour.of_day());
            let fields = names.iter().flat_map(|name| hours.iter().map(move |hour| field((name, hour))));
            let most = self.fields_of(fields.collect()).await?;
            let most: Vec<i64> = most.chunks(hours.len()).map(sum).collect();
            read.retain(|&at| most[at] > floor);
        }
        for read in read.chunks(CHUNK) {
            let mut pipeline = redis::pipe();
            for &at in read {
                for hour in &hours {
                    let command = pipeline.cmd("HMGET").arg(keys::minutes(event, &names[at], *hour));
                    for minute in hour.minutes().filter(|minute| (from.0..=to.0).contains(minute)) {
                        command.arg(Minute(minute).of_hour());
                    }
                }
            }
            let live = self.link.live(ATTEMPT).await?;
            let found = self.link.pipe(live, ATTEMPT, &mut pipeline).await?;
            for (&at, of_hours) in read.iter().zip(found.chunks(hours.len())) {
                let counts: Vec<i64> = of_hours.iter().flat_map(as_counts).collect();
                sums[at] = sum(&counts);
            }
        }
        Ok(sums)
    }

    /// One field of each hash.
    async fn fields_of(&self, fields: Vec<(String, u32)>) -> Result<Vec<i64>> {
        let mut counts = Vec::with_capacity(fields.len());
        for fields in fields.chunks(CHUNK) {
            let mut pipeline = redis::pipe();
            for (key, field) in fields {
                pipeline.cmd("HGET").arg(key).arg(field);
            }
            let live = self.link.live(ATTEMPT).await?;
            counts.extend(self.link.pipe(live, ATTEMPT, &mut pipeline).await?.iter().map(as_count));
        }
        Ok(counts)
    }
}

fn sum(counts: &[i64]) -> i64 {
    counts.iter().fold(0i64, |sum, &count| sum.saturating_add(count))
}

/// The fields of a hash. One that another program made something else of has none.
fn as_counts(fields: &Value) -> Vec<i64> {
    let Value::Array(fields) = fields else { return Vec::new() };
    fields.iter().map(as_count).collect()
}

fn above(floor: i64, names: Vec<Name>, counts: Vec<i64>) -> Vec<(Name, i64)> {
    names.into_iter().zip(counts).filter(|&(_, count)| count > floor).collect()
}

fn read_start(start: &str) -> Option<At> {
    let (day, cursor) = start.split_once(' ')?;
    let day = if day == "*" { None } else { Some(day.parse().ok()?) };
    Some(At { day, cursor: cursor.to_owned() })
}

/// The smallest number of an entry after this one.
fn behind(id: &str) -> Option<String> {
    let (ms, n) = id.split_once('-')?;
    Some(format!("{ms}-{}", n.parse::<u64>().ok()?.checked_add(1)?))
}
