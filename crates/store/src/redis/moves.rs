//! What is beside the counts, on its way to or from another store: see [`StoreMoves`](crate::StoreMoves).

use super::{SCAN, client::Link, correct, keys, script};
use crate::{
    Class, InstanceMark, KnownCorrection, MarkPage, Result, StoreError,
    claim::{self, Marker},
};
use redis::{Pipeline, Value};
use std::collections::BTreeMap;
use tallymark_core::{DayKeys, Event};
use uuid::Uuid;

/// How many things go in one round trip.
const AT_ONCE: usize = 500;

pub(super) async fn marks(link: &Link, start: Option<&str>) -> Result<MarkPage> {
    let attempt = "listing instances";
    let start = start.unwrap_or("0");
    if start.parse::<u64>().is_err() {
        return Err(StoreError::new(Class::Request, link.attempt(attempt), "no such page"));
    }
    let mut scan = redis::cmd("HSCAN");
    scan.arg(keys::APPLIED).arg(start).arg("COUNT").arg(SCAN);
    let (next, fields): (String, Vec<(String, String)>) = link.query(attempt, &scan).await?;
    let mark = |(instance, marker): &(String, String)| -> Option<InstanceMark> {
        let (instance, marker): (Uuid, Marker) = (instance.parse().ok()?, marker.parse().ok()?);
        Some(InstanceMark { instance, nonce: marker.nonce, seq: marker.seq, body: marker.body })
    };
    let marks = fields.iter().filter_map(mark).collect();
    Ok(MarkPage { marks, next: (next != "0").then_some(next) })
}

pub(super) async fn put_marks(link: &Link, marks: &[InstanceMark]) -> Result<()> {
    let attempt = "taking over instances";
    for marks in marks.chunks(AT_ONCE) {
        let mut read = redis::pipe();
        for mark in marks {
            read.cmd("HGET").arg(keys::APPLIED).arg(script::text(mark.instance));
        }
        let known = link.pipe(link.live(attempt).await?, attempt, &mut read).await?;
        let mut write = redis::pipe();
        let mut is_any = false;
        for (mark, known) in marks.iter().zip(&known) {
            let known = script::as_text(known).parse::<Marker>().ok();
            if known.is_some_and(|known| known.seq >= mark.seq) {
                continue;
            }
            is_any = true;
            let InstanceMark { instance, nonce, seq, body } = *mark;
            let marker = Marker { nonce, seq, body };
            write.cmd("HSET").arg(keys::APPLIED).arg(script::text(instance)).arg(marker.to_string());
            // As a claim does it: see claim.lua.
            if !claim::is_passing(instance) {
                let claimed = format!("claimed:{}", script::text(instance));
                write.cmd("HSET").arg(keys::STORE).arg(claimed).arg("1");
            }
        }
        if is_any {
            all(link, attempt, &mut write).await?;
        }
    }
    Ok(())
}

pub(super) async fn put_corrections(
    link: &Link,
    log: &[KnownCorrection],
    corrected: &[(Event, i64)],
) -> Result<()> {
    let attempt = "taking over the log of corrections";
    let mut write = redis::pipe();
    write.cmd("DEL").arg(keys::CORRECTIONS).arg(keys::UNDO);
    for (event, by) in corrected {
        write.cmd("HSET").arg(keys::STORE).arg(format!("corrected:{event}")).arg(by);
    }
    all(link, attempt, &mut write).await?;
    // One at a time, because one may be large.
    for KnownCorrection { record, differences } in log {
        let text = serde_json::to_string(record)
            .map_err(|err| StoreError::new(Class::Request, link.attempt(attempt), err))?;
        let part = correct::part(record.id, record.part);
        let mut write = redis::pipe();
        write
            .cmd("HSET")
            .arg(keys::UNDO)
            .arg(&part)
            .arg(tallymark_core::Correction::arriving(differences.clone()).body());
        write.cmd("RPUSH").arg(keys::CORRECTIONS).arg(format!("{part} {text}"));
        all(link, attempt, &mut write).await?;
    }
    Ok(())
}

pub(super) async fn put_day_keys(link: &Link, keys: &DayKeys) -> Result<()> {
    let mut write = redis::pipe();
    let of_days: BTreeMap<_, _> = keys.iter().collect();
    for (day, key) in of_days {
        let name = format!("{}{day}", keys::DAY_KEY);
        write.cmd("SET").arg(name).arg(script::text(key)).arg("EX").arg(super::key_seconds(day));
    }
    all(link, "taking over the keys of days", &mut write).await
}

/// All or nothing.
async fn all(link: &Link, attempt: &str, pipeline: &mut Pipeline) -> Result<()> {
    let answers = link.pipe(link.live(attempt).await?, attempt, pipeline.atomic()).await?;
    for answer in &answers {
        if let Value::ServerError(error) = answer {
            return Err(super::explain::explain(&error.clone().into(), link.attempt(attempt)));
        }
    }
    Ok(())
}
