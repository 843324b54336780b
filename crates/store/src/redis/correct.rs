//! Corrections in Redis: the arguments and answers of `correct.lua`, and the log of corrections.

use super::{
    keys,
    msgpack::Texts,
    read::Reader,
    script::{as_text, claimed_arguments, refused},
};
use crate::{Claim, Class, Outcome, Result, Retention, StoreError, names};
use redis::{Cmd, Value};
use std::collections::BTreeMap;
use tallymark_core::{
    Batch, Correction, CorrectionRecord, CountCell, Difference, Event, ListMove, MAX_CORRECTIONS, MAX_VISITS,
    Name, Position, PositionChange,
};
use uuid::Uuid;

/// One part, as the script reads it.
pub(super) struct CorrectionPlan<'a> {
    seq: u64,
    correction: &'a Correction,
    positions: &'a [Position],
    rows: Texts,
    /// Which difference each row is of.
    owners: Vec<usize>,
    record: String,
}

impl<'a> CorrectionPlan<'a> {
    pub(super) fn new(batch: &'a Batch, correction: &'a Correction) -> Result<CorrectionPlan<'a>> {
        let (seq, positions) = (batch.seq, &*batch.positions);
        let record = correction.record.as_ref().map(serde_json::to_string).transpose();
        let record = record.map_err(|err| StoreError::new(Class::Request, "writing a correction", err))?;
        let record = record.unwrap_or_default();
        let (rows, owners) = (Texts::with_capacity(correction.differences.len() * 60), Vec::new());
        let mut plan = CorrectionPlan { seq, correction, positions, rows, owners, record };
        for (at, difference) in correction.differences.iter().enumerate() {
            plan.add(at, difference);
        }
        Ok(plan)
    }

    fn add(&mut self, at: usize, difference: &Difference) {
        let Difference { event, name, cell, by } = difference;
        let by = by.to_string();
        let set = |set: String| if name.is_aggregate() { String::new() } else { set };
        let escaped = name.escaped().to_string();
        let mut row = |kind: &str, key: String, field: &str, set: String| {
            for text in [kind, &key, field, &by, &set, &escaped] {
                self.rows.push(text);
            }
            self.owners.push(at);
        };
        match cell {
            CountCell::Total => row("t", keys::total(*event, name), "", set(keys::set(*event))),
            CountCell::Day(day) => {
                row("d", keys::day(*event, name, *day), "", set(keys::day_set(*event, *day)));
            }
            CountCell::Hour(hour) => {
                let of_day = hour.of_day().to_string();
                row("h", keys::hours(*event, name, hour.day()), &of_day, String::new());
            }
            CountCell::Minute(minute) => {
                let of_hour = minute.of_hour().to_string();
                row("m", keys::minutes(*event, name, minute.hour()), &of_hour, String::new());
            }
            CountCell::Status(month, status) => {
                row("s", keys::month_statuses(*event, name, *month), status, String::new());
                row("y", keys::year_statuses(*event, name, month.date().0), status, String::new());
            }
        }
    }

    pub(super) fn arguments(&self, command: &mut Cmd, claim: &Claim, keep: Retention) {
        claimed_arguments(command, claim, self.seq, keep);
        // A process that keeps none, like a command without the configuration, throws none away.
        command.arg(if keep.visits > 0 { keep.visits } else { MAX_VISITS }).arg(MAX_CORRECTIONS);
        match &self.correction.record {
            Some(record) => command.arg(part(record.id, record.part)).arg(&self.record),
            None => command.arg("").arg(""),
        };
        command.arg(if self.correction.is_remembered() { self.correction.body() } else { String::new() });
        command.arg(self.rows.clone().into_bytes()).arg(lists(&self.correction.lists));
        command.arg(gone(&self.correction.gone)).arg(log(self.correction));
        let mut sums = Texts::with_capacity(64);
        for (event, by) in self.correction.of_all().filter(|_| self.correction.is_remembered()) {
            sums.push(event.as_str());
            sums.push(&by.to_string());
        }
        let mut positions = Texts::with_capacity(100 * self.positions.len());
        for Position { source, state } in self.positions {
            positions.push(source);
            positions.push(state);
        }
        command.arg(sums.into_bytes()).arg(positions.into_bytes()).arg(changes(&self.correction.positions));
    }

    pub(super) fn outcome(&self, answer: &[Value], instance: Uuid, attempt: String) -> Result<Outcome> {
        let word = |at: usize| answer.get(at).map(as_text).unwrap_or_default();
        match word(0).as_str() {
            "APPLIED" => Ok(Outcome::Applied { totals: Vec::new(), quarantined: 0 }),
            "SHORT" => {
                let owner = word(1).parse::<usize>().ok().and_then(|row| self.owners.get(row));
                let difference = owner.and_then(|&owner| self.correction.differences.get(owner));
                let what = match (difference, word(2).parse()) {
                    (Some(difference), Ok(there)) => difference.lack(there),
                    (Some(difference), Err(_)) => {
                        let key = keys::total(difference.event, &difference.name);
                        let cause = format!("{} ({key}) holds {:?}", difference.cell, word(2));
                        return Err(StoreError::new(Class::Key, attempt, cause));
                    }
                    (None, _) => "a count is too small".to_owned(),
                };
                Ok(Outcome::Short { what })
            }
            "MOVED" => {
                let change = word(1).parse::<usize>().ok().and_then(|at| self.correction.positions.get(at));
                let what =
                    change.map_or_else(|| "what is remembered has changed".to_owned(), PositionChange::lack);
                Ok(Outcome::Short { what })
            }
            "OWED" => {
                Ok(Outcome::Short { what: "hours and minutes of hits are still to be written".to_owned() })
            }
            "WRONG" => {
                let cause = format!("the key {} holds something else than it should: {}", word(1), word(2));
                Err(StoreError::new(Class::Key, attempt, cause)
                    .advise("Another program has written it: look with TYPE, and delete or rename it"))
            }
            _ => refused(answer, instance, attempt),
        }
    }
}

/// The name of a part.
pub(super) fn part(id: Uuid, part: u64) -> String {
    format!("{id}:{part}")
}

fn lists(lists: &[ListMove]) -> Vec<u8> {
    let mut texts = Texts::with_capacity(lists.len() * 100);
    for ListMove { event, from, to, days } in lists {
        texts.push(&keys::visits(*event, from));
        texts.push(&to.as_ref().map(|to| keys::visits(*event, to)).unwrap_or_default());
        texts.push(&days.len().to_string());
        for day in days {
            texts.push(&keys::visitors(*event, from, *day));
            texts.push(&to.as_ref().map(|to| keys::visitors(*event, to, *day)).unwrap_or_default());
        }
    }
    texts.into_bytes()
}

fn gone(gone: &[(Event, Name)]) -> Vec<u8> {
    let mut texts = Texts::with_capacity(gone.len() * 60);
    for (event, name) in gone {
        texts.push(&keys::total(*event, name));
        texts.push(&keys::set(*event));
        texts.push(&name.escaped().to_string());
    }
    texts.into_bytes()
}

fn changes(positions: &[PositionChange]) -> Vec<u8> {
    let mut texts = Texts::with_capacity(positions.len() * 150);
    for PositionChange { instance, source, from, to } in positions {
        for text in [&format!("{instance} {source}"), from, to] {
            texts.push(text);
        }
    }
    texts.into_bytes()
}

fn log(correction: &Correction) -> Vec<u8> {
    let mut log: BTreeMap<Event, String> = BTreeMap::new();
    for (event, name) in correction.changed() {
        names::push(log.entry(event).or_default(), name, correction.is_remembered());
    }
    let mut texts = Texts::with_capacity(log.values().map(String::len).sum::<usize>() + 64);
    for (event, names) in &log {
        texts.push(event.as_str());
        texts.push(names);
    }
    texts.into_bytes()
}

impl Reader {
    pub(super) async fn corrections(&self, most: usize) -> Result<Vec<CorrectionRecord>> {
        let attempt = "reading the log of corrections";
        let Some(last) = most.min(MAX_CORRECTIONS).checked_sub(1) else { return Ok(Vec::new()) };
        let mut command = redis::cmd("LRANGE");
        command.arg(keys::CORRECTIONS).arg(0).arg(last);
        let texts: Vec<String> = self.link.query(attempt, &command).await?;
        let record = |text: String| {
            let json = text.split_once(' ').map_or("", |(_, json)| json);
            serde_json::from_str(json).map_err(|err| {
                let cause = format!("{} has an element that is no correction: {err}", keys::CORRECTIONS);
                StoreError::new(Class::Data, self.link.attempt(attempt), cause)
            })
        };
        texts.into_iter().map(record).collect()
    }

    pub(super) async fn differences(&self, id: Uuid, number: u64) -> Result<Option<Vec<Difference>>> {
        let mut command = redis::cmd("HGET");
        command.arg(keys::UNDO).arg(part(id, number));
        let body: Option<String> = self.link.query("reading a correction", &command).await?;
        Ok(body.and_then(|body| Correction::read_body(&body)))
    }

    pub(super) async fn corrected(&self, event: Event) -> Result<i64> {
        let mut command = redis::cmd("HGET");
        command.arg(keys::STORE).arg(format!("corrected:{event}"));
        let sum: Option<i64> = self.link.query("reading what was corrected", &command).await?;
        Ok(sum.unwrap_or(0))
    }

    pub(super) async fn has(&self, event: Event, names: &[Name]) -> Result<Vec<bool>> {
        let attempt = "looking for names";
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for name in names {
            pipeline.cmd("EXISTS").arg(keys::total(event, name));
        }
        let answers = self.link.pipe(self.link.live(attempt).await?, attempt, &mut pipeline).await?;
        Ok(answers.iter().map(|answer| matches!(answer, Value::Int(1))).collect())
    }
}
