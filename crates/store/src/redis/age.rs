//! What is past its retention: see [`StoreAge`](crate::StoreAge). The set of a day has the names whose keys are
//! looked at.

use super::{
    SCAN, keys,
    read::Reader,
    script::{Script, as_text},
};
use crate::{Level, Result, TooOld, redis::client::Link, retention};
use redis::Value;
use std::{collections::BTreeSet, time::Duration};
use tallymark_core::{Day, Event, Minute, Name};

/// How many names a script takes at once: it may read a thousand visits of each, or delete thirty keys.
const NAMES: usize = 20;
/// How many days are asked for in one round trip.
const DAYS: usize = 5000;
const ATTEMPT: &str = "looking for what is old";

/// The store, as it is looked at for what is old.
pub(super) struct OldKeys<'a> {
    pub(super) reader: &'a Reader,
    pub(super) writes: &'a Link,
    pub(super) days: &'a Script,
    pub(super) visits: &'a Script,
}

/// The keys of a name on a day at a level, behind its escaped form.
type KeysOf = dyn Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync;

impl OldKeys<'_> {
    /// The earlier of the two clocks decides.
    async fn first_kept(&self, level: Level, keep: Duration) -> Result<Minute> {
        let (there, _): (i64, i64) = self.reader.link.query(ATTEMPT, &redis::cmd("TIME")).await?;
        let there = Minute(i32::try_from(there / 60).unwrap_or(i32::MAX));
        Ok(level.first_kept(keep, retention::now().min(there)))
    }

    pub(super) async fn aged(&self, level: Level, keep: Duration) -> Result<TooOld> {
        let first = self.first_kept(level, keep).await?;
        let mut aged = TooOld::default();
        for event in self.reader.events().await? {
            if level == Level::Visits {
                self.visits_of(event, first, false, &mut aged).await?;
                continue;
            }
            for (day, names) in self.days_until(event, last_touched(first)).await? {
                if level == Level::Days {
                    aged.add(names, day);
                    continue;
                }
                let (command, keys) = keys_of(level, event, day, first);
                let mut start = Some("0".to_owned());
                while let Some(from) = start {
                    let names;
                    (names, start) = self.members(&keys::day_set(event, day), &from).await?;
                    for answer in self.ask(command, &names, &*keys).await? {
                        aged.add(count(&answer), day);
                    }
                }
            }
        }
        Ok(aged)
    }

    pub(super) async fn clear(&self, level: Level, keep: Duration) -> Result<()> {
        let first = self.first_kept(level, keep).await?;
        for event in self.reader.events().await? {
            if level == Level::Visits {
                self.visits_of(event, first, true, &mut TooOld::default()).await?;
                continue;
            }
            for (day, _) in self.days_until(event, last_touched(first)).await? {
                let set = keys::day_set(event, day);
                let (_, keys) = keys_of(level, event, day, first);
                let mut start = Some("0".to_owned());
                while let Some(from) = start {
                    let names;
                    (names, start) = self.members(&set, &from).await?;
                    match level {
                        Level::Days => self.delete_day(event, false, day, &names).await?,
                        _ => drop(self.ask("DEL", &names, &*keys).await?),
                    }
                }
                let aggregates =
                    [Name::all(), Name::overflow()].map(|name| name.escaped().to_string().into_bytes());
                match level {
                    Level::Days => self.delete_day(event, true, day, &aggregates).await?,
                    _ => drop(self.ask("DEL", &aggregates, &*keys).await?),
                }
            }
        }
        Ok(())
    }

    /// The days up to this one on which names have the event, and how many.
    async fn days_until(&self, event: Event, last: Day) -> Result<Vec<(Day, u64)>> {
        let all: Vec<Day> = (0..=last.0).map(Day).collect();
        let mut counted = Vec::new();
        for days in all.chunks(DAYS) {
            let mut pipeline = redis::pipe();
            for &day in days {
                pipeline.cmd("SCARD").arg(keys::day_set(event, day));
            }
            let link = &self.reader.link;
            let answers = link.pipe(link.live(ATTEMPT).await?, ATTEMPT, &mut pipeline).await?;
            counted.extend(days.iter().zip(&answers).map(|(&day, answer)| (day, count(answer))));
        }
        counted.retain(|(_, names)| *names > 0);
        Ok(counted)
    }

    /// Some of the members of a set, as they are, and where the next ones begin. One may come twice.
    async fn members(&self, set: &str, from: &str) -> Result<(Vec<Vec<u8>>, Option<String>)> {
        let mut scan = redis::cmd("SSCAN");
        scan.arg(set).arg(from).arg("COUNT").arg(SCAN);
        let (next, names): (String, BTreeSet<Vec<u8>>) = self.reader.link.query(ATTEMPT, &scan).await?;
        Ok((names.into_iter().collect(), (next != "0").then_some(next)))
    }

    /// One command for each key of each name.
    async fn ask(&self, command: &str, names: &[Vec<u8>], keys: &KeysOf) -> Result<Vec<Value>> {
        let mut pipeline = redis::pipe();
        for key in names.iter().flat_map(|name| keys(name)) {
            pipeline.cmd(command).arg(key);
        }
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let link = if command == "DEL" { self.writes } else { &self.reader.link };
        link.pipe(link.live(ATTEMPT).await?, ATTEMPT, &mut pipeline).await
    }

    async fn delete_day(&self, event: Event, aggregate: bool, day: Day, names: &[Vec<u8>]) -> Result<()> {
        for names in names.chunks(NAMES) {
            let arguments = |command: &mut redis::Cmd| {
                command.arg(keys::day_prefix(event, aggregate, day)).arg(keys::track_suffix(event, day));
                command.arg(keys::visitors_prefix(event, day)).arg(names);
            };
            self.days.call(self.writes, ATTEMPT, &[&keys::day_set(event, day)], arguments).await?;
        }
        Ok(())
    }

    async fn visits_of(&self, event: Event, first: Minute, delete: bool, aged: &mut TooOld) -> Result<()> {
        let mut start = Some("0".to_owned());
        while let Some(from) = start {
            let names;
            (names, start) = self.members(&keys::set(event), &from).await?;
            for names in names.chunks(NAMES) {
                let arguments = |command: &mut redis::Cmd| {
                    command.arg(first.to_string()).arg(if delete { "delete" } else { "" });
                    command.arg(keys::visits_prefix(event)).arg(names);
                };
                let link = if delete { self.writes } else { &self.reader.link };
                let answer = self.visits.call(link, ATTEMPT, &[], arguments).await?;
                let oldest = answer.get(1).map(as_text).unwrap_or_default();
                let day = oldest.get(..10).and_then(|day| Day::parse(day.as_bytes()));
                if let (Some(old), Some(day)) = (answer.first(), day) {
                    aged.add(count(old), day);
                }
            }
        }
        Ok(())
    }
}

/// The last day of which something is too old. Of minutes, that day may be in the middle.
fn last_touched(first_kept: Minute) -> Day {
    Minute(first_kept.0.saturating_sub(1)).day()
}

/// The command that says how many counts a key has, and the keys of a name.
fn keys_of(level: Level, event: Event, day: Day, first_kept: Minute) -> (&'static str, Box<KeysOf>) {
    let suffix = keys::track_suffix(event, day);
    let joined = |parts: [&[u8]; 3]| parts.concat();
    match level {
        Level::Hours => ("HLEN", Box::new(move |name| vec![joined([b"track:", name, suffix.as_bytes()])])),
        Level::Minutes => {
            let hours = day.hours().filter(|&hour| hour.saturating_mul(60) < first_kept.0);
            let suffixes: Vec<String> =
                hours.map(|hour| format!("{suffix}:{}", hour.rem_euclid(24))).collect();
            let of = move |name: &[u8]| {
                suffixes.iter().map(|suffix| joined([b"track:", name, suffix.as_bytes()])).collect()
            };
            ("HLEN", Box::new(of))
        }
        Level::Visitors => {
            let prefix = keys::visitors_prefix(event, day);
            ("EXISTS", Box::new(move |name| vec![joined([prefix.as_bytes(), name, b""])]))
        }
        Level::Days | Level::Visits => ("EXISTS", Box::new(|_| Vec::new())),
    }
}

fn count(answer: &Value) -> u64 {
    match answer {
        Value::Int(count) => u64::try_from(*count).unwrap_or(0),
        _ => 0,
    }
}
