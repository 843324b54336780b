//! The shared store: one Redis server, or the master that Sentinels name, with the keys of ghit.me and Bootic.
//!
//! Batches go over one connection and reads over another, so that a long list does not delay a tick. Nothing is retried
//! here: an error goes to the caller, which can try again, because batches are numbered. [`crate::open`] makes one.
//! Redis Cluster is not supported yet.

mod age;
mod aof;
mod client;
mod correct;
mod dialer;
mod eviction;
mod explain;
mod facts;
mod gone;
mod keys;
mod log;
mod moves;
mod msgpack;
mod owed;
mod read;
mod script;
mod shelf;
mod slice;
mod standing;

pub use facts::ServerFacts;

use crate::{
    Changes, Claim, Class, Cursor, InstanceMark, KnownCorrection, Level, MarkPage, NamePage, Outcome, Result,
    Retention, Shelf, Shelved, Slice, Span, Standing, Step, StoreAge, StoreCorrections, StoreError, StoreLog,
    StoreMoves, StoreRead, StoreShelf, StoreSight, StoreWrite, TooOld, claim, retention, shelf::ShelfPlace,
};
use async_trait::async_trait;
use client::Link;
use correct::CorrectionPlan;
use read::Reader;
use script::{Plan, Script};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tallymark_core::{
    Batch, Correction, CorrectionRecord, Day, DayKeys, Difference, Event, KEY_DAYS, Levels, Month, Name,
    Position, Visit, VisitorHash,
};
use uuid::Uuid;

/// How often a claim is tried when others claim the same instance at the same time.
const CLAIM_ATTEMPTS: u32 = 5;

/// How many fields of a hash are looked at in one call.
const SCAN: usize = 1000;

/// The shared store.
#[derive(Debug)]
pub struct Redis {
    writes: Link,
    reader: Reader,
    retention: Retention,
    apply: Script,
    correct: Script,
    claim: Script,
    adopt: Script,
    placed: Script,
    forget: Script,
    old_days: Script,
    old_visits: Script,
    shelve: Script,
    eviction: eviction::Eviction,
    aof: aof::Aof,
    saves: standing::Saves,
    whole: owed::Whole,
}

impl Redis {
    /// Reads the address. The first call connects, so a Redis that is down does not prevent a start.
    ///
    /// # Errors
    ///
    /// The address cannot be read.
    pub fn new(url: &str, retention: Retention) -> Result<Redis> {
        let (writes, reader) = (Link::new(url)?, Reader::new(Link::new(url)?));
        let (apply, correct, claim) = (Script::apply(), Script::correct(), Script::claim());
        let (adopt, placed, forget) = (Script::adopt(), Script::placed(), Script::forget());
        let (eviction, aof, saves, whole) = Default::default();
        Ok(Redis {
            writes,
            reader,
            retention,
            apply,
            correct,
            claim,
            adopt,
            placed,
            forget,
            old_days: Script::old_days(),
            old_visits: Script::old_visits(),
            shelve: Script::shelve(),
            eviction,
            aof,
            saves,
            whole,
        })
    }

    /// The connection that writes, for callers without a claim: refused like readers while the store is not ours.
    fn writes_ours(&self, attempt: &str) -> Result<&Link> {
        self.reader.link.check_ours(attempt)?;
        Ok(&self.writes)
    }

    async fn apply_one(&self, claim: &Claim, batch: &Batch) -> Result<Outcome> {
        if let Some(correction) = &batch.correction {
            return self.correct_one(claim, batch, correction).await;
        }
        let all = Name::all();
        let plan = Plan::new(batch, &all);
        let attempt = applying(batch);
        let mut keys = vec![keys::STORE, keys::APPLIED, keys::CHANGES, keys::POSITIONS, keys::EVENTS];
        if batch.levels == Levels::Days {
            keys.push(keys::OWED);
        }
        let arguments = |command: &mut redis::Cmd| plan.arguments(command, claim, self.retention);
        let answer = self.apply.call(&self.writes, &attempt, &keys, arguments).await?;
        if let Some(redis::Value::Int(left)) = answer.get(4) {
            self.whole.hear(left.unsigned_abs());
        }
        plan.outcome(&answer, batch.instance, self.writes.attempt(&attempt))
    }

    async fn correct_one(&self, claim: &Claim, batch: &Batch, correction: &Correction) -> Result<Outcome> {
        let plan = CorrectionPlan::new(batch, correction)?;
        let attempt = applying(batch);
        let keys = [
            keys::STORE,
            keys::APPLIED,
            keys::CHANGES,
            keys::EVENTS,
            keys::CORRECTIONS,
            keys::UNDO,
            keys::OWED,
            keys::POSITIONS,
        ];
        let arguments = |command: &mut redis::Cmd| plan.arguments(command, claim, self.retention);
        let answer = self.correct.call(&self.writes, &attempt, &keys, arguments).await?;
        plan.outcome(&answer, batch.instance, self.writes.attempt(&attempt))
    }

    /// The marker of an instance in the store, and its text.
    async fn marker(&self, instance: Uuid, attempt: &str) -> Result<(Option<claim::Marker>, String)> {
        let text = self.marker_text(instance, attempt).await?;
        Ok((self.parse(&text, instance, attempt)?, text))
    }

    /// The same, for callers without a claim.
    async fn known(&self, instance: Uuid) -> Result<(Option<claim::Marker>, String)> {
        let attempt = "reading the marker of an instance";
        self.reader.link.check_ours(attempt)?;
        self.marker(instance, attempt).await
    }

    async fn marker_text(&self, instance: Uuid, attempt: &str) -> Result<String> {
        let mut command = redis::cmd("HGET");
        command.arg(keys::APPLIED).arg(script::text(instance));
        Ok(self.writes.query::<Option<String>>(attempt, &command).await?.unwrap_or_default())
    }

    /// Refuses a store some of whose positions were deleted.
    async fn placed(&self, attempt: &str) -> Result<()> {
        let keys = [keys::STORE, keys::POSITIONS];
        let answer = self.placed.call(&self.writes, attempt, &keys, |_| ()).await?;
        script::placed(&answer, self.writes.attempt(attempt))
    }

    /// `None` for an empty text: an instance that the store does not know.
    fn parse(&self, text: &str, instance: Uuid, attempt: &str) -> Result<Option<claim::Marker>> {
        match text.parse() {
            Ok(marker) => Ok(Some(marker)),
            Err(()) if text.is_empty() => Ok(None),
            Err(()) => Err(gone::unreadable(self.writes.attempt(attempt), instance, text)),
        }
    }
}

/// How long the key of a day is kept, by our clock.
fn key_seconds(day: Day) -> i64 {
    let end = (i64::from(day.0) + i64::from(KEY_DAYS) + 1) * 86_400;
    (end - i64::from(retention::now().0) * 60).clamp(60, i64::from(KEY_DAYS + 3) * 86_400)
}

fn applying(batch: &Batch) -> String {
    format!("applying batch {} of instance {}", batch.seq, batch.instance)
}

#[async_trait]
impl StoreWrite for Redis {
    async fn identity(&self) -> Result<Uuid> {
        read::identity(&self.writes, &self.claim).await
    }

    async fn claim_from(&self, instance: Uuid, least: u64) -> Result<Claim> {
        let attempt = format!("claiming instance {instance}");
        let memory: String = self.writes.query(&attempt, redis::cmd("INFO").arg("memory")).await?;
        self.eviction.look(&memory);
        self.aof.make_whole(&self.writes, &attempt).await?;
        let [all, events] = &keys::of_counts();
        for _ in 0..CLAIM_ATTEMPTS {
            let (marker, before) = self.marker(instance, &attempt).await?;
            let (nonce, body) = (claim::next_nonce(marker), marker.and_then(|marker| marker.body));
            let seq = marker.map_or(0, |marker| marker.seq).max(least);
            let claimed = claim::Marker { nonce, seq, body };
            let arguments = |command: &mut redis::Cmd| {
                command.arg(script::text(Uuid::new_v4())).arg(script::text(instance)).arg(&before);
                command.arg(claimed.to_string()).arg(script::probes(self.retention.visits > 0));
            };
            let answer = self
                .claim
                .call(&self.writes, &attempt, &[keys::STORE, keys::APPLIED, all, events], arguments)
                .await?;
            if let Some(store) = script::claimed(&answer, self.writes.attempt(&attempt))? {
                return Ok(Claim { instance, nonce, store, marker: seq, body });
            }
        }
        let cause =
            "other processes keep claiming it; two daemons have the same state directory, or copies of one";
        Err(StoreError::new(Class::Unavailable, self.writes.attempt(&attempt), cause))
    }

    async fn adopt(&self, applied: Option<(Uuid, u64)>) -> Result<Uuid> {
        let attempt = "adopting the counts";
        let mut unreadable = String::new();
        if let Some((instance, _)) = applied {
            let text = self.marker_text(instance, attempt).await?;
            if self.parse(&text, instance, attempt).is_err() {
                unreadable = text;
            }
        }
        let arguments = |command: &mut redis::Cmd| {
            command.arg(script::text(Uuid::new_v4()));
            if let Some((instance, seq)) = applied {
                command.arg(script::text(instance)).arg(seq).arg(&unreadable);
            }
        };
        let [all, events] = &keys::of_counts();
        let keys = [keys::STORE, keys::APPLIED, keys::POSITIONS, all, events];
        let answer = self.adopt.call(&self.writes, attempt, &keys, arguments).await?;
        let missing = || StoreError::new(Class::Data, self.writes.attempt(attempt), "it has no identity");
        script::claimed(&answer, self.writes.attempt(attempt))?.ok_or_else(missing)
    }

    fn set_ours(&self, store: Option<Uuid>) {
        self.reader.link.set_ours(store);
    }

    fn warnings(&self) -> Vec<String> {
        self.eviction.warning().into_iter().collect()
    }

    async fn apply(&self, claim: &Claim, batches: &[Batch]) -> Result<Vec<Outcome>> {
        claim::check(claim, batches)?;
        let Some(first) = batches.first() else { return Ok(Vec::new()) };
        self.aof.make_whole(&self.writes, &applying(first)).await?;
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            let outcome = self.apply_one(claim, batch).await?;
            let go_on = matches!(outcome, Outcome::Applied { .. } | Outcome::Duplicate);
            outcomes.push(outcome);
            if !go_on {
                break;
            }
        }
        Ok(outcomes)
    }

    async fn applied(&self, instance: Uuid) -> Result<u64> {
        let (marker, _) = self.known(instance).await?;
        Ok(marker.map_or(0, |marker| marker.seq))
    }

    async fn body_of(&self, instance: Uuid) -> Result<Option<Uuid>> {
        let (marker, _) = self.known(instance).await?;
        Ok(marker.and_then(|marker| marker.body))
    }

    async fn forget_passing(&self, now: u64, age: u64, start: Option<&str>) -> Result<Option<String>> {
        let attempt = "forgetting old keys";
        let start = start.unwrap_or("0");
        if start.parse::<u64>().is_err() {
            return Err(StoreError::new(Class::Request, self.writes.attempt(attempt), "no such slice"));
        }
        let (there, _): (u64, u64) = self.writes.query(attempt, &redis::cmd("TIME")).await?;
        let before = now.min(there).saturating_sub(age);
        let mut scan = redis::cmd("HSCAN");
        scan.arg(keys::APPLIED).arg(start).arg("COUNT").arg(SCAN);
        let (next, markers): (String, Vec<(String, String)>) = self.writes.query(attempt, &scan).await?;
        let is_old = |(instance, marker): &&(String, String)| {
            instance.parse().is_ok_and(claim::is_passing)
                && marker.parse().is_ok_and(|marker: claim::Marker| claim::claimed_at(marker.nonce) < before)
        };
        let old: Vec<&(String, String)> = markers.iter().filter(is_old).collect();
        if !old.is_empty() {
            let arguments = |command: &mut redis::Cmd| {
                for (instance, marker) in &old {
                    command.arg(instance).arg(marker);
                }
            };
            self.forget.call(&self.writes, attempt, &[keys::APPLIED], arguments).await?;
        }
        Ok((next != "0").then_some(next))
    }

    async fn day_keys(&self, today: Day) -> Result<DayKeys> {
        let attempt = "making the keys of days";
        let names: Vec<(Day, String)> =
            DayKeys::days(today).map(|day| (day, format!("{}{day}", keys::DAY_KEY))).collect();
        let mut pipeline = redis::pipe();
        for (day, name) in &names {
            let key = script::text(Uuid::new_v4());
            pipeline.cmd("SET").arg(name).arg(key).arg("NX").arg("EX").arg(key_seconds(*day));
        }
        for (_, name) in &names {
            pipeline.cmd("GET").arg(name);
        }
        let writes = self.writes_ours(attempt)?;
        let live = writes.live(attempt).await?;
        let answers = writes.pipe(live, attempt, &mut pipeline).await?;
        // Whether it was made now or before, the stored value is the key.
        let there = answers.iter().skip(names.len());
        let key = |((day, name), answer): (&(Day, String), &redis::Value)| {
            let text = script::as_text(answer);
            let cause = |_| format!("{name} holds {text:?}, which is no key: {answer:?}");
            Ok((*day, text.parse().map_err(cause)?))
        };
        let keys: std::result::Result<Vec<(Day, Uuid)>, String> = names.iter().zip(there).map(key).collect();
        let wrong = |cause| StoreError::new(Class::Data, self.writes.attempt(attempt), cause);
        keys.map(DayKeys::new).map_err(wrong)
    }

    async fn positions(&self, of: Option<Uuid>) -> Result<Vec<(Uuid, Position)>> {
        let attempt = "reading positions";
        self.placed(attempt).await?;
        let pattern = of.map_or_else(|| "*".to_owned(), |instance| format!("{instance} *"));
        let (mut found, mut next) = (BTreeMap::new(), "0".to_owned());
        loop {
            let mut scan = redis::cmd("HSCAN");
            scan.arg(keys::POSITIONS).arg(&next).arg("MATCH").arg(&pattern).arg("COUNT").arg(SCAN);
            let (cursor, fields): (String, Vec<(String, String)>) = self.writes.query(attempt, &scan).await?;
            // A scan may bring a field twice.
            found.extend(fields);
            if cursor == "0" {
                break;
            }
            next = cursor;
        }
        let position = |(field, state): (String, String)| {
            let (instance, source) = field.split_once(' ')?;
            Some((instance.parse().ok()?, Position { source: source.to_owned(), state }))
        };
        Ok(found.into_iter().filter_map(position).collect())
    }

    async fn standing(&self, claim: &Claim) -> Result<Standing> {
        let attempt = format!("looking at instance {}", claim.instance);
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGET").arg(keys::STORE).arg("uuid");
        pipeline.cmd("HGET").arg(keys::APPLIED).arg(script::text(claim.instance));
        pipeline.cmd("HGET").arg(keys::STORE).arg(format!("claimed:{}", script::text(claim.instance)));
        for section in ["server", "persistence", "memory"] {
            pipeline.cmd("INFO").arg(section);
        }
        let live = self.writes.live(&attempt).await?;
        let answers = self.writes.pipe(live, &attempt, &mut pipeline).await?;
        self.eviction.look(&answers.last().map(script::as_text).unwrap_or_default());
        let parse = |text: &str| self.parse(text, claim.instance, &attempt);
        let standing = standing::read(&answers, claim, &self.saves, self.writes.attempt(&attempt), parse)?;
        // Readers may have found another store, which was there for a moment.
        match standing {
            Standing::Claimed { .. } => self.set_ours(Some(claim.store)),
            Standing::Foreign => self.set_ours(None),
            _ => {}
        }
        if matches!(standing, Standing::Claimed { .. }) {
            // In one round trip: this is asked every few seconds, also while nothing is counted.
            let (placed, looked) =
                tokio::join!(self.placed(&attempt), self.whole.look(&self.writes, &attempt));
            placed.and(looked)?;
        }
        Ok(standing)
    }

    fn wants_whole(&self) -> Option<Instant> {
        self.whole.until()
    }

    async fn owes_nothing(&self, instance: Uuid) -> Result<()> {
        owed::forget(&self.writes, &[instance]).await
    }
}

#[async_trait]
impl StoreRead for Redis {
    async fn totals(&self, event: Event, names: &[Name]) -> Result<Vec<i64>> {
        self.reader.totals(event, names).await
    }

    async fn total(&self, event: Event, name: &Name) -> Result<i64> {
        self.reader.total(event, name).await
    }

    async fn series(
        &self,
        event: Event,
        name: &Name,
        step: Step,
        from: i32,
        to: i32,
    ) -> Result<Vec<(i32, i64)>> {
        self.reader.series(event, name, step, from, to).await
    }

    async fn statuses(
        &self,
        event: Event,
        name: &Name,
        year: i32,
        month: Option<u32>,
    ) -> Result<Vec<(String, i64)>> {
        self.reader.statuses(event, name, year, month).await
    }

    async fn status_months(&self, event: Event, name: &Name) -> Result<Vec<Month>> {
        self.reader.status_months(event, name).await
    }

    async fn visits(&self, event: Event, name: &Name, limit: usize) -> Result<Vec<Visit>> {
        self.reader.visits(event, name, limit).await
    }

    async fn visitors(&self, event: Event, name: &Name, from: Day, to: Day) -> Result<Vec<(Day, i64)>> {
        self.reader.visitors(event, name, from, to).await
    }

    async fn names(&self, event: Event, start: Option<&str>, limit: usize) -> Result<NamePage> {
        self.reader.names(event, start, limit).await
    }

    async fn name_count(&self, event: Event) -> Result<u64> {
        self.reader.name_count(event).await
    }

    async fn events(&self) -> Result<Vec<Event>> {
        self.reader.events().await
    }

    async fn slice(&self, event: Event, span: Span, floor: i64, start: Option<&str>) -> Result<Slice> {
        self.reader.slice(event, span, floor, start).await
    }

    fn in_one_slice(&self, spans: &[Span]) -> usize {
        // A slice is a set of names, whose counts of every span are asked for.
        spans.len()
    }

    async fn counts(&self, event: Event, names: &[Name], spans: &[(Span, i64)]) -> Result<Vec<Vec<i64>>> {
        self.reader.counts_in(event, names, spans).await
    }
}

#[async_trait]
impl StoreLog for Redis {
    async fn head(&self) -> Result<Cursor> {
        self.reader.head(&self.claim).await
    }

    async fn sight(&self, shelf: Shelf) -> Result<StoreSight> {
        self.reader.sight(shelf).await
    }

    async fn changes(&self, after: &Cursor, limit: usize) -> Result<Changes> {
        self.reader.changes(after, limit).await
    }
}

#[async_trait]
impl StoreCorrections for Redis {
    async fn corrections(&self, most: usize) -> Result<Vec<CorrectionRecord>> {
        self.reader.corrections(most).await
    }

    async fn differences(&self, id: Uuid, part: u64) -> Result<Option<Vec<Difference>>> {
        self.reader.differences(id, part).await
    }

    async fn corrected(&self, event: Event) -> Result<i64> {
        self.reader.corrected(event).await
    }

    async fn ask_for_whole(&self) -> Result<Vec<Uuid>> {
        self.whole.ask(&self.writes).await
    }

    async fn wait_no_more(&self, instances: &[Uuid]) -> Result<()> {
        owed::forget(&self.writes, instances).await
    }

    async fn has(&self, event: Event, names: &[Name]) -> Result<Vec<bool>> {
        self.reader.has(event, names).await
    }
}

#[async_trait]
impl StoreShelf for Redis {
    async fn keep(&self, shelf: Shelf, key: &str, thing: Shelved, until: Option<u64>) -> Result<()> {
        let link = self.writes_ours("keeping what was fetched")?;
        shelf::put((link, &self.shelve), shelf, key, ShelfPlace::Any, &thing, until).await.map(|_| ())
    }

    async fn exchange(
        &self,
        shelf: Shelf,
        key: &str,
        before: Option<&Shelved>,
        thing: Shelved,
        until: Option<u64>,
    ) -> Result<bool> {
        let link = self.writes_ours("changing what is kept")?;
        shelf::put((link, &self.shelve), shelf, key, ShelfPlace::of(before), &thing, until).await
    }

    async fn kept(&self, shelf: Shelf, key: &str) -> Result<Option<Shelved>> {
        shelf::kept(&self.reader.link, shelf, key).await
    }

    async fn kept_keys(&self, shelf: Shelf) -> Result<Vec<String>> {
        shelf::keys_of(&self.reader.link, shelf).await
    }

    async fn kept_count(&self, shelf: Shelf) -> Result<u64> {
        shelf::count(&self.reader.link, shelf).await
    }

    async fn discard(&self, shelf: Shelf, key: &str) -> Result<bool> {
        shelf::discard(self.writes_ours("discarding what was fetched")?, shelf, key).await
    }
}

impl Redis {
    fn old_keys(&self) -> age::OldKeys<'_> {
        let (days, visits) = (&self.old_days, &self.old_visits);
        age::OldKeys { reader: &self.reader, writes: &self.writes, days, visits }
    }
}

#[async_trait]
impl StoreAge for Redis {
    async fn aged(&self, level: Level, keep: Duration) -> Result<TooOld> {
        self.old_keys().aged(level, keep).await
    }

    async fn clear_aged(&self, level: Level, keep: Duration) -> Result<()> {
        self.writes_ours("deleting what is old")?;
        self.old_keys().clear(level, keep).await
    }
}

#[async_trait]
impl StoreMoves for Redis {
    async fn marks(&self, start: Option<&str>) -> Result<MarkPage> {
        moves::marks(&self.reader.link, start).await
    }

    async fn put_marks(&self, marks: Vec<InstanceMark>) -> Result<()> {
        moves::put_marks(self.writes_ours("taking over instances")?, &marks).await
    }

    async fn put_corrections(&self, log: Vec<KnownCorrection>, corrected: Vec<(Event, i64)>) -> Result<()> {
        moves::put_corrections(self.writes_ours("taking over corrections")?, &log, &corrected).await
    }

    async fn put_day_keys(&self, keys: DayKeys) -> Result<()> {
        moves::put_day_keys(self.writes_ours("taking over the keys of days")?, &keys).await
    }

    async fn visitor_hashes(&self, _: Event, _: &Name, _: Day) -> Result<Vec<VisitorHash>> {
        Ok(Vec::new())
    }
}
