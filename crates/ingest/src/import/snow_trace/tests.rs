//! A whole directory, read and poured: every total is exact, and the same content makes the same batches.

use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;
use tallymark_core::{Batch, When};
use tempfile::TempDir;

const NOW: Now = Now { unix_ms: 1_795_147_189_000 };

/// A directory with the visits of some names: their totals, and how many records each has.
fn directory(names: &[(u64, u32)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let totals: BTreeMap<String, i64> =
        (0..).zip(names).map(|(n, (total, _))| (format!("o:r{n}"), *total as i64)).collect();
    fs::write(dir.path().join("counters.json"), totals_text(&totals)).unwrap();
    fs::create_dir_all(dir.path().join("visits/o")).unwrap();
    for (n, (_, records)) in (0..).zip(names) {
        let mut text = String::new();
        for m in 0..*records {
            let (day, minute) = (1 + m % 28, m / 28 % 60);
            writeln!(
                text,
                r#"{{"timestamp":"2026-01-{day:02}T00:{minute:02}:00.000Z","namespace":"o","key":"r{n}","count":{},"type":"visit"}}"#,
                m + 1
            )
            .unwrap();
        }
        fs::write(dir.path().join(log_path(Event::VISIT, "o", &format!("r{n}"))), text).unwrap();
    }
    dir
}

fn read(dir: &TempDir) -> SnowTrace {
    SnowTrace::read(dir.path(), NOW, |_| {}).unwrap()
}

fn poured(trace: &SnowTrace, keep: usize) -> Vec<Batch> {
    let mut pouring = trace.pour(Uuid::nil(), keep);
    let mut all = Vec::new();
    loop {
        let batches = pouring.next_batches().unwrap();
        if batches.is_empty() {
            assert_eq!((pouring.left(), pouring.batches()), (0, all.len() as u64));
            return all;
        }
        all.extend(batches);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_total_is_exact_whatever_the_logs_have(names in prop::collection::vec((0u64..200, 0u32..200), 0..12)) {
        let dir = directory(&names);
        let trace = read(&dir);
        let batches = poured(&trace, 3);
        for (n, (total, records)) in (0..).zip(&names) {
            let name = Name::new(&format!("o/r{n}")).unwrap();
            let entries = || batches.iter().flat_map(|batch| batch.entries.iter()).filter(|entry| entry.name == name);
            prop_assert_eq!(entries().map(|entry| entry.count).sum::<u64>(), *total);
            let rest: u64 =
                entries().filter(|entry| matches!(entry.when, When::Day(_))).map(|entry| entry.count).sum();
            prop_assert_eq!(rest, total.saturating_sub(u64::from(*records)));
            let kept = batches.iter().flat_map(|batch| &batch.visits).find(|visits| visits.name == name);
            prop_assert_eq!(kept.map_or(0, |visits| visits.last.len()) as u64, (*total).min(u64::from(*records)).min(3));
        }
        prop_assert_eq!(trace.findings().visits.total, names.iter().map(|(total, _)| total).sum::<u64>());
    }
}

#[test]
fn batches_are_the_same_each_time_and_numbered_whatever_is_kept() {
    let names: Vec<(u64, u32)> = (0..2300).map(|n| (1 + n % 5, u32::from(n % 7 == 0) * 9)).collect();
    let dir = directory(&names);
    let (trace, again) = (read(&dir), read(&dir));
    assert_eq!(trace.content, again.content);
    let batches = poured(&trace, 1000);
    assert_eq!(batches, poured(&again, 1000));
    let entries = |batches: Vec<Batch>| batches.into_iter().map(|batch| batch.entries).collect::<Vec<_>>();
    assert_eq!(entries(batches.clone()), entries(poured(&trace, 0)));
    assert!(batches.len() > 3 && (1..).zip(&batches).all(|(seq, batch)| batch.seq == seq));
    assert_eq!(batches[0].positions, [position(trace.content, false)]);
    assert_eq!(batches[batches.len() - 1].positions, [position(trace.content, true)]);
}

#[test]
fn what_is_appended_meanwhile_is_left_and_what_changes_is_refused() {
    let dir = directory(&[(5, 5)]);
    let trace = read(&dir);
    let log = dir.path().join("visits/o/r0.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let before = poured(&trace, 10);
    fs::write(&log, format!("{text}{text}")).unwrap();
    assert_eq!(poured(&trace, 10), before);
    assert_ne!(read(&dir).content, trace.content);
    for other in [text[..text.len() - 1].to_owned(), text.replace("2026-01-03", "2026-01-04")] {
        fs::write(&log, other).unwrap();
        let changed = trace.pour(Uuid::nil(), 10).next_batches();
        assert!(matches!(changed, Err(SnowTraceError::Changed { .. })));
    }
}

#[test]
fn future_records_make_another_content_tomorrow() {
    let dir = directory(&[(5, 5)]);
    let early = Now { unix_ms: 1_767_400_000_000 };
    let then = SnowTrace::read(dir.path(), early, |_| {}).unwrap();
    assert_eq!((then.findings().visits.records, then.findings().visits.broken), (3, 2));
    assert_ne!(then.content, read(&dir).content);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_totals() {
    let dir = directory(&[(5, 0)]);
    let path = dir.path().join("counters.json");
    let text = fs::read(&path).unwrap();
    let before = poured(&read(&dir), 1)[0].entries.len();
    fs::write(&path, [b"\xef\xbb\xbf", &*text].concat()).unwrap();
    assert_eq!(poured(&read(&dir), 1)[0].entries.len(), before);
}

#[test]
fn without_any_record_totals_count_on_the_day_they_were_written() {
    let dir = directory(&[(5, 0)]);
    let file = fs::File::options().write(true).open(dir.path().join("counters.json")).unwrap();
    file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(86_400 * 20_000)).unwrap();
    let trace = read(&dir);
    assert_eq!(poured(&trace, 1)[0].entries[0].when, When::Day(Day(20_000)));
    // A clock that was ahead makes no day of the future.
    file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(86_400 * 40_000)).unwrap();
    assert_eq!(poured(&read(&dir), 1)[0].entries[0].when, When::Day(NOW.day()));
}

#[test]
fn logs_of_several_spellings_are_one_history() {
    let dir = directory(&[(4, 0)]);
    fs::write(dir.path().join("counters.json"), r#"{"o:r0":3,"o:r0?t=1":4,"o:%72%30":1}"#).unwrap();
    let record = |key: &str, times: &[&str]| {
        let lines: String = times
            .iter()
            .map(|time| {
                format!(
                    "{{\"timestamp\":\"2026-01-{time}:00.000Z\",\"namespace\":\"o\",\"key\":\"{key}\",\"count\":1,\"type\":\"visit\"}}\n"
                )
            })
            .collect();
        fs::write(dir.path().join(log_path(Event::VISIT, "o", key)), lines).unwrap();
    };
    record("r0", &["02T00:00", "05T00:00"]);
    record("r0?t=1", &["01T00:00", "03T00:00", "09T00:00"]);
    let trace = read(&dir);
    let told = &trace.findings().problems;
    assert!(
        told.iter().any(|told| told.what.contains("\"o/r0\" too, and its 3 records count there")),
        "{told:?}"
    );
    assert_eq!((trace.findings().visits.total, trace.findings().visits.rest), (8, 3));
    let batches = poured(&trace, 4);
    let days: BTreeMap<String, u64> = batches
        .iter()
        .flat_map(|batch| batch.entries.iter())
        .map(|entry| (entry.when.day().to_string(), entry.count))
        .fold(BTreeMap::new(), |mut days, (day, count)| {
            *days.entry(day).or_default() += count;
            days
        });
    let expect =
        [("2026-01-01", 4), ("2026-01-02", 1), ("2026-01-03", 1), ("2026-01-05", 1), ("2026-01-09", 1)];
    assert_eq!(days, expect.map(|(day, count)| (day.to_owned(), count)).into());
    let last: Vec<String> =
        batches[0].visits[0].last.iter().map(|visit| visit.minute.day().to_string()).collect();
    assert_eq!(last, ["2026-01-02", "2026-01-03", "2026-01-05", "2026-01-09"]);
}
