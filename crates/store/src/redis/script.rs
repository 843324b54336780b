//! The Lua scripts: their arguments and their answers.
//!
//! A batch goes as the pieces of its keys, cell by cell, and the script puts the keys together: see `apply.lua`. A set
//! member is written by the call that creates the counter, which the script sees by the sum being equal to the
//! increment. So no process has to remember which names are in which set, and after Redis has lost its tail, members
//! come back with their counters.

use super::{
    client::Link,
    explain::explain,
    gone::{unidentified, unmarked, unplaced, unreadable},
    keys,
    msgpack::{self, Texts},
};
use crate::{Class, Outcome, Result, Retention, StoreError, claim, names, retention};
use redis::{Cmd, ErrorKind, ServerErrorKind, Value};
use std::{borrow::Cow, collections::BTreeMap, fmt::Write};
use tallymark_core::{
    ALL, Batch, Day, DayVisitors, Event, Levels, MAX_STATUSES, Minute, Month, Name, Position, Status, Visits,
    When, keep_last,
};
use uuid::Uuid;

/// How long the log of changes reaches back, in seconds.
const LOG_SECONDS: u64 = 3600;

/// A script, and the hash that Redis knows it by.
#[derive(Debug)]
pub(super) struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    pub(super) fn apply() -> Script {
        Script::new(concat!(include_str!("guard.lua"), include_str!("visits.lua"), include_str!("apply.lua")))
    }

    pub(super) fn correct() -> Script {
        Script::new(concat!(
            include_str!("guard.lua"),
            include_str!("visits.lua"),
            include_str!("correct.lua")
        ))
    }

    pub(super) fn claim() -> Script {
        Script::new(include_str!("claim.lua"))
    }

    pub(super) fn adopt() -> Script {
        Script::new(include_str!("adopt.lua"))
    }

    pub(super) fn placed() -> Script {
        Script::new(include_str!("placed.lua"))
    }

    pub(super) fn forget() -> Script {
        Script::new(include_str!("forget.lua"))
    }

    pub(super) fn old_days() -> Script {
        Script::new(include_str!("age.lua"))
    }

    pub(super) fn old_visits() -> Script {
        Script::new(concat!(include_str!("visits.lua"), include_str!("age_visits.lua")))
    }

    pub(super) fn shelve() -> Script {
        Script::new(include_str!("shelve.lua"))
    }

    fn new(code: &'static str) -> Script {
        Script { code, hash: redis::Script::new(code).get_hash().to_owned() }
    }

    /// Runs it, and teaches it to a Redis that does not know it (yet, or any more).
    pub(super) async fn call(
        &self,
        link: &Link,
        attempt: &str,
        keys: &[&str],
        arguments: impl Fn(&mut Cmd),
    ) -> Result<Vec<Value>> {
        let command = |name: &str, script: &str| {
            let mut command = redis::cmd(name);
            command.arg(script).arg(keys.len()).arg(keys);
            arguments(&mut command);
            command
        };
        let live = link.live(attempt).await?;
        match link.try_query(live.clone(), &command("EVALSHA", &self.hash)).await {
            Err(err) if err.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                link.query_on(live, attempt, &command("EVAL", self.code)).await
            }
            answer => answer.map_err(|err| explain(&err, link.attempt(attempt))),
        }
    }
}

/// A batch, in the order in which the script goes through it.
pub(super) struct Plan<'a> {
    seq: u64,
    levels: Levels,
    /// Cells with the same prefixes.
    sections: Vec<Section<'a>>,
    statuses: Vec<StatusRow<'a>>,
    visits: &'a [Visits],
    visitors: &'a [DayVisitors],
    positions: &'a [Position],
    log: Vec<(Event, String)>,
    names: usize,
}

struct Section<'a> {
    event: Event,
    /// Its names are aggregates.
    aggregate: bool,
    when: When,
    cells: Vec<Cell<'a>>,
}

struct Cell<'a> {
    name: &'a Name,
    count: i64,
    /// Whose total the answer is: an index into the distinct names of the batch.
    owner: Option<usize>,
}

struct StatusRow<'a> {
    event: Event,
    name: &'a Name,
    month: Month,
    status: &'a Status,
    count: i64,
}

impl<'a> Plan<'a> {
    /// `all` is [`Name::all`], which the plan can only borrow.
    pub(super) fn new(batch: &'a Batch, all: &'a Name) -> Plan<'a> {
        let mut plan = Plan {
            seq: batch.seq,
            levels: batch.levels,
            sections: Vec::new(),
            statuses: Vec::new(),
            visits: &batch.visits,
            visitors: &batch.visitors,
            positions: &batch.positions,
            log: Vec::new(),
            names: 0,
        };
        let mut known = KnownSections::default();
        let mut sums: BTreeMap<(Event, When), i64> = BTreeMap::new();
        for entries in batch.entries.chunk_by(|a, b| a.event == b.event && a.name == b.name) {
            for entry in entries {
                let count = i64::try_from(entry.count).unwrap_or(i64::MAX);
                let cell = Cell { name: &entry.name, count, owner: Some(plan.names) };
                let section = (entry.event, entry.name.is_aggregate(), entry.when);
                known.section(&mut plan.sections, section).cells.push(cell);
            }
            // The log has it from when its totals changed.
            if let Some(entry) = entries.first().filter(|_| plan.levels.has_days()) {
                plan.log(entry.event, &entry.name);
            }
            plan.names += 1;
        }
        for section in &plan.sections {
            for cell in section.cells.iter().filter(|cell| cell.name.as_str() != ALL) {
                let sum = sums.entry((section.event, section.when)).or_default();
                *sum = sum.saturating_add(cell.count);
            }
        }
        for ((event, when), count) in sums {
            let cell = Cell { name: all, count, owner: None };
            known.section(&mut plan.sections, (event, true, when)).cells.push(cell);
        }
        plan.add_statuses(batch, all);
        plan
    }

    fn add_statuses(&mut self, batch: &'a Batch, all: &'a Name) {
        let mut sums: BTreeMap<(Event, Month, &Status), i64> = BTreeMap::new();
        for counted in &batch.statuses {
            let (event, name, month, status) = (counted.event, &counted.name, counted.month, &counted.status);
            let count = i64::try_from(counted.count).unwrap_or(i64::MAX);
            self.statuses.push(StatusRow { event, name, month, status, count });
            if name.as_str() != ALL {
                let sum = sums.entry((event, month, status)).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        for ((event, month, status), count) in sums {
            self.statuses.push(StatusRow { event, name: all, month, status, count });
        }
    }

    fn log(&mut self, event: Event, name: &Name) {
        if name.is_aggregate() {
            return;
        }
        if self.log.last().is_none_or(|(last, _)| *last != event) {
            self.log.push((event, String::new()));
        }
        if let Some((_, text)) = self.log.last_mut() {
            names::push(text, name, false);
        }
    }

    /// Appends the arguments as `apply.lua` reads them.
    pub(super) fn arguments(&self, command: &mut Cmd, claim: &crate::Claim, keep: Retention) {
        claimed_arguments(command, claim, self.seq, keep);
        command.arg(2 * self.log.len());
        for (event, names) in &self.log {
            command.arg(event.as_str()).arg(names);
        }
        command.arg(MAX_STATUSES).arg(4 * self.statuses.len());
        for counted in &self.statuses {
            let (year, month) = counted.month.date();
            command.arg(keys::year_statuses(counted.event, counted.name, year)).arg(month);
            command.arg(counted.status.as_str()).arg(counted.count);
        }
        self.visits(command, keep.visits);
        self.visitors(command);
        command.arg(2 * self.positions.len());
        for Position { source, state } in self.positions {
            command.arg(source).arg(state);
        }
        let mut escaped = String::new();
        let present = retention::present(retention::now());
        for &Section { event, aggregate, when, ref cells } in &self.sections {
            let day = when.day();
            let (total, of_day) =
                (keys::total_prefix(event, aggregate), keys::day_prefix(event, aggregate, day));
            let (set, day_set) = (keys::set(event), keys::day_set(event, day));
            match self.levels.has_days() {
                true if aggregate => command.arg(total).arg(of_day).arg("").arg(""),
                true => command.arg(total).arg(of_day).arg(set).arg(day_set),
                false => command.arg("").arg("").arg("").arg(""),
            };
            command.arg(keys::track_suffix(event, day));
            match when {
                When::Minute(at) if self.levels.has_minutes() => {
                    command.arg(at.hour().of_day()).arg(at.of_hour())
                }
                _ => command.arg("").arg(""),
            };
            command.arg(if when < When::Minute(present) { "late" } else { "" });
            let mut texts = Texts::with_capacity(cells.len() * 40);
            for cell in cells {
                escaped.clear();
                cell.name.escaped().push_to(&mut escaped);
                texts.push(&escaped);
                if cell.count == 1 {
                    texts.push("1");
                } else {
                    escaped.clear();
                    // `write!` to a String cannot fail.
                    let _ = write!(escaped, "{}", cell.count);
                    texts.push(&escaped);
                }
            }
            command.arg(texts.into_bytes());
        }
    }

    /// How many visits of a name stay, and if there are any: for each event the prefix of their keys, and the names as a
    /// MessagePack array of name, how many visits, visit, visit...
    fn visits(&self, command: &mut Cmd, keep: usize) {
        let of_events: Vec<&[Visits]> = self.visits.chunk_by(|a, b| a.event == b.event).collect();
        if keep == 0 || of_events.is_empty() {
            command.arg(0).arg(0);
            return;
        }
        command.arg(keep).arg(2 * of_events.len());
        for of_event in of_events {
            let mut texts = Texts::with_capacity(of_event.len() * 100);
            for of_name in of_event {
                // Nearly always they came in order.
                let mut last = Cow::Borrowed(&of_name.last);
                if last.len() > keep || !last.is_sorted_by_key(|visit| visit.minute) {
                    keep_last(last.to_mut(), keep);
                }
                let mut escaped = String::new();
                of_name.name.escaped().push_to(&mut escaped);
                texts.push(&escaped);
                texts.push(&last.len().to_string());
                last.iter().map(|visit| visit.to_json()).for_each(|visit| texts.push(&visit));
            }
            let event = of_event.first().map_or(Event::HIT, |of_name| of_name.event);
            command.arg(keys::visits_prefix(event)).arg(texts.into_bytes());
        }
    }

    /// For each event and day the prefix of the keys, and the names as a MessagePack array of name, how many visitors,
    /// visitor, visitor...
    fn visitors(&self, command: &mut Cmd) {
        let mut of_days: BTreeMap<(Event, Day), Vec<&DayVisitors>> = BTreeMap::new();
        for of_day in self.visitors {
            of_days.entry((of_day.event, of_day.day)).or_default().push(of_day);
        }
        command.arg(2 * of_days.len());
        for ((event, day), of_names) in of_days {
            let mut texts =
                Texts::with_capacity(of_names.iter().map(|of_name| of_name.hashes.len()).sum::<usize>() * 18);
            for of_name in of_names {
                let mut escaped = String::new();
                of_name.name.escaped().push_to(&mut escaped);
                texts.push(&escaped);
                texts.push(&of_name.hashes.len().to_string());
                of_name.hashes.iter().for_each(|hash| texts.push(&format!("{:016x}", hash.0)));
            }
            command.arg(keys::visitors_prefix(event, day)).arg(texts.into_bytes());
        }
    }

    /// Reads the script's answer.
    pub(super) fn outcome(&self, answer: &[Value], instance: Uuid, attempt: String) -> Result<Outcome> {
        let word = |at: usize| answer.get(at).map(as_text).unwrap_or_default();
        let wrong = |cause: String| Err(StoreError::new(Class::Data, &attempt, cause));
        match word(0).as_str() {
            "APPLIED" => {
                let (Some(Value::Int(quarantined)), Some(Value::BulkString(sums))) =
                    (answer.get(1), answer.get(3))
                else {
                    return wrong(format!("the script answered {answer:?}"));
                };
                let Some(sums) = msgpack::integers(sums) else {
                    return wrong(format!("the script answered totals that cannot be read: {sums:?}"));
                };
                if *quarantined > 0 {
                    tracing::warn!(
                        keys = quarantined,
                        first = word(2),
                        "some keys hold something other than a count; they were left unchanged"
                    );
                }
                Ok(Outcome::Applied { totals: self.totals(&sums), quarantined: quarantined.unsigned_abs() })
            }
            _ => refused(answer, instance, attempt),
        }
    }

    /// The totals of the distinct names. The last cell of a name has its final one.
    fn totals(&self, sums: &[i64]) -> Vec<i64> {
        if !self.levels.has_days() {
            return Vec::new();
        }
        let mut totals = vec![0; self.names];
        for (cell, &sum) in self.sections.iter().flat_map(|section| &section.cells).zip(sums) {
            if let Some(total) = cell.owner.and_then(|owner| totals.get_mut(owner)) {
                *total = sum;
            }
        }
        totals
    }
}

/// The arguments with which every script begins that applies a numbered batch.
pub(super) fn claimed_arguments(command: &mut Cmd, claim: &crate::Claim, seq: u64, keep: Retention) {
    let (minutes, hours) =
        (keep.minute.as_secs().saturating_add(60), keep.hour.as_secs().saturating_add(3600));
    let visitors = keep.visitors.as_secs().saturating_add(3600);
    // EXPIRE takes no more than this; it is 300 million years.
    let at_most = |seconds: u64| seconds.min(9_000_000_000_000_000);
    command.arg(text(claim.store)).arg(text(claim.instance)).arg(text(claim.nonce));
    command.arg(format!("{seq}{}", claim::body_suffix(claim.body)));
    command.arg(at_most(minutes)).arg(at_most(hours)).arg(at_most(visitors)).arg(LOG_SECONDS);
}

/// Why a numbered batch was not applied.
pub(super) fn refused(answer: &[Value], instance: Uuid, attempt: String) -> Result<Outcome> {
    let word = |at: usize| answer.get(at).map(as_text).unwrap_or_default();
    let wrong = |cause: String| Err(StoreError::new(Class::Data, &attempt, cause));
    match word(0).as_str() {
        "DUPLICATE" => Ok(Outcome::Duplicate),
        "GAP" => match word(1).parse() {
            Ok(marker) => Ok(Outcome::Gap { marker }),
            Err(_) => wrong(format!("its marker is {:?}", word(1))),
        },
        "FOREIGN" => Ok(Outcome::Foreign),
        "FENCED" => Ok(Outcome::Fenced),
        "DENIED" => Err(denied(attempt, &word(1))),
        "UNMARKED" => Err(unmarked(attempt)),
        "UNIDENTIFIED" => Err(unidentified(attempt)),
        "UNPLACED" => Err(unplaced(attempt)),
        "MARKER" => Err(unreadable(attempt, instance, &word(1))),
        _ => wrong(format!("the script answered {answer:?}")),
    }
}

/// Which section is where. Nearly all entries of a batch belong into the one of the entry before.
#[derive(Default)]
struct KnownSections {
    of: BTreeMap<(Event, bool, When), usize>,
    last: Option<((Event, bool, When), usize)>,
}

impl KnownSections {
    fn section<'s, 'a>(
        &mut self,
        sections: &'s mut Vec<Section<'a>>,
        key: (Event, bool, When),
    ) -> &'s mut Section<'a> {
        let at = match self.last {
            Some((last, at)) if last == key => at,
            _ => *self.of.entry(key).or_insert_with(|| {
                let (event, aggregate, when) = key;
                sections.push(Section { event, aggregate, when, cells: Vec::new() });
                sections.len() - 1
            }),
        };
        self.last = Some((key, at));
        &mut sections[at]
    }
}

/// One command per kind of key and kind of write, each of which fails without an effect if it is allowed at all; only
/// SADD, LPUSH and PFADD cannot, and are taken back. An ACL that denies one of them would else be met in the middle of a batch.
pub(super) fn probes(visits: bool) -> Vec<String> {
    let (event, day) = (Event::HIT, Day(0));
    let other = Name::all();
    let mut probes = vec!["TIME".to_owned(), format!("XADD {} MINID ~ 0-0 0-0 probe probe", keys::CHANGES)];
    for aggregate in [false, true] {
        for prefix in [keys::total_prefix(event, aggregate), keys::day_prefix(event, aggregate, day)] {
            probes.push(format!("INCRBY {prefix}~probe no-number"));
            probes.push(format!("SET {prefix}~probe 0 NO-OPTION"));
            probes.push(format!("GET {prefix}~probe"));
        }
    }
    for key in [keys::hours(event, &other, day), keys::minutes(event, &other, Minute(0).hour())] {
        let key = key.replace(ALL, "~probe");
        probes.push(format!("HINCRBY {key} 0 no-number"));
        probes.push(format!("HSET {key} 0 0 odd"));
        probes.push(format!("EXPIRE {key} no-number"));
    }
    for key in [keys::year_statuses(event, &other, 1970), keys::month_statuses(event, &other, Month(0))] {
        let key = key.replace(ALL, "~probe");
        probes.push(format!("HINCRBY {key} 0 no-number"));
        probes.push(format!("HSET {key} 0 0 odd"));
        probes.push(format!("HLEN {key}"));
        probes.push(format!("HDEL {key} 0"));
    }
    let visit = Event::new(b"visit").unwrap_or(event);
    probes.push(format!("HSET {} 0 0 odd", keys::POSITIONS));
    probes.push(format!("HDEL {} ~probe", keys::POSITIONS));
    probes.push(format!("HLEN {}", keys::POSITIONS));
    probes.extend(["SREM", "SADD", "SREM"].map(|command| format!("{command} {} ~probe", keys::EVENTS)));
    for set in [keys::set(event), keys::day_set(event, day), keys::set(visit), keys::day_set(visit, day)] {
        probes.extend(["SREM", "SADD", "SREM"].map(|command| format!("{command} {set} ~probe")));
    }
    let visitors = keys::visitors_prefix(event, day);
    probes.push(format!("EXPIRE {visitors}~probe no-number"));
    probes.push(format!("PFADD {visitors}~probe"));
    probes.push(format!("EXPIRE {visitors}~probe 0"));
    if visits {
        let prefix = keys::visits_prefix(event);
        probes.push(format!("LTRIM {prefix}~probe no-number 0"));
        probes.push(format!("LPUSH {prefix}~probe {{}}"));
        probes.push(format!("LTRIM {prefix}~probe 1 0"));
    }
    probes
}

/// An ACL is in the way.
fn denied(attempt: String, command: &str) -> StoreError {
    StoreError::new(Class::Refused, attempt, format!("Redis denies its user the command {command}"))
        .advise("Allow it, with every key of that kind, in the user's ACL")
}

/// What the claim script found wrong, or the identity of the store. `None`: another claim came in between.
pub(super) fn claimed(answer: &[Value], attempt: String) -> Result<Option<Uuid>> {
    let word = |at: usize| answer.get(at).map(as_text).unwrap_or_default();
    let wrong = |class, cause: String| Err(StoreError::new(class, attempt.clone(), cause));
    match word(0).as_str() {
        "OK" => match word(1).parse() {
            Ok(uuid) => Ok(Some(uuid)),
            Err(_) => {
                wrong(Class::Data, format!("its identity in {}, {:?}, is not a UUID", keys::STORE, word(1)))
            }
        },
        "RACE" => Ok(None),
        "DENIED" => Err(denied(attempt.clone(), &word(1))),
        "UNMARKED" => Err(unmarked(attempt)),
        "UNIDENTIFIED" => Err(unidentified(attempt)),
        "SCHEMA" => wrong(
            Class::Schema,
            format!("it was written by a newer Tallymark (schema {}; this one knows 1)", word(1)),
        )
        .map_err(|err: StoreError| err.advise("Install that version again")),
        "PARTITIONS" => {
            wrong(Class::Schema, format!("it has {} partitions, so it was made for a Redis Cluster", word(1)))
        }
        _ => wrong(Class::Data, format!("the script answered {answer:?}")),
    }
}

/// Whether the positions are all there.
pub(super) fn placed(answer: &[Value], attempt: String) -> Result<()> {
    match answer.first().map(as_text).as_deref() {
        Some("OK") => Ok(()),
        Some("UNPLACED") => Err(unplaced(attempt)),
        _ => Err(StoreError::new(Class::Data, attempt, format!("the script answered {answer:?}"))),
    }
}

/// A UUID as it is written in Redis.
pub(super) fn text(uuid: Uuid) -> String {
    uuid.to_string()
}

/// A reply as text; empty if it is none.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A reply as a count. What is no integer counts as 0, as it was not counted there either.
pub(super) fn as_count(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::BulkString(bytes) => {
            std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
                tracing::debug!(value = %String::from_utf8_lossy(bytes), "a counter holds no integer");
                0
            })
        }
        _ => 0,
    }
}
