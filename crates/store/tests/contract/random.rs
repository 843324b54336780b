//! Long random histories of one store, compared with a plain map.

use crate::bed::{Bed, Desk, event, named, noon};
use proptest::{prelude::*, test_runner::TestRunner};
use std::collections::BTreeMap;
use tallymark_core::{Day, Entry, Event, Levels, Minute, Month, Name, Status, StatusCount, When};
use tallymark_store::{Outcome, Step};
use uuid::Uuid;

/// One thing that happens to the store.
#[derive(Clone, Debug)]
enum Act {
    /// The next batch.
    Next(Vec<(u8, u8, i32, u64)>),
    /// The same, with hours and minutes in one of their own.
    Split(Vec<(u8, u8, i32, u64)>),
    /// A batch again: the last one, the one before...
    Again(u64),
    /// A batch that is not yet due.
    Ahead(u64),
    /// The daemon starts again.
    Restart,
}

/// Counts by (event, name, step, bucket). The total has the step `None`.
type Plain = BTreeMap<(Event, Name, Option<u8>, i32), i64>;
type PlainStatuses = BTreeMap<(Event, Name, Month, Status), i64>;

fn act() -> impl Strategy<Value = Act> {
    let count =
        prop_oneof![8 => 1u64..5, 1 => Just(1 << 53), 1 => Just(i64::MAX as u64), 1 => Just(u64::MAX)];
    let entries = prop::collection::vec((0u8..3, 0u8..6, -3i32..1500, count), 1..12);
    prop_oneof![3 => entries.clone().prop_map(Act::Next), 3 => entries.prop_map(Act::Split), 1 => (0u64..4).prop_map(Act::Again), 1 => (2u64..4).prop_map(Act::Ahead),
        1 => Just(Act::Restart)]
}

pub(crate) async fn any_history_is_the_same_as_a_plain_map(bed: Bed) {
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() });
    let history = prop::collection::vec(act(), 1..30);
    let case = std::cell::Cell::new(0);
    let run = |history: Vec<Act>| {
        case.set(case.get() + 1);
        let check = check(&bed, case.get(), history);
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(check))
    };
    runner.run(&history, run).unwrap();
}

async fn check(bed: &Bed, case: u32, history: Vec<Act>) -> Result<(), TestCaseError> {
    let mut desk = Desk::of(bed, Uuid::new_v4()).await;
    let (mut plain, mut plain_statuses) = (Plain::new(), PlainStatuses::new());
    for act in history {
        match act {
            Act::Restart => desk = Desk::of(bed, desk.claim.instance).await,
            Act::Ahead(by) => {
                let outcomes = desk.apply(&[desk.batch(desk.seq + by, &[])]).await;
                prop_assert_eq!(outcomes, [Outcome::Gap { marker: desk.seq }]);
            }
            Act::Again(back) if desk.seq > back => {
                let outcomes = desk.apply(&[desk.batch(desk.seq - back, &[])]).await;
                prop_assert_eq!(outcomes, [Outcome::Duplicate]);
            }
            Act::Again(_) => {}
            Act::Next(ref cells) | Act::Split(ref cells) => {
                let entries = entries(case, cells);
                entries.iter().for_each(|entry| count(&mut plain, entry));
                let mut names: Vec<_> =
                    entries.iter().map(|entry| (entry.event, entry.name.clone())).collect();
                names.dedup();
                let expected: Vec<i64> =
                    names.into_iter().map(|(event, name)| plain[&(event, name, None, 0)]).collect();
                let statuses = statuses(&entries);
                statuses.iter().for_each(|status| count_status(&mut plain_statuses, status));
                let split = matches!(act, Act::Split(_));
                let levels = if split { Levels::Days } else { Levels::All };
                prop_assert_eq!(desk.count_on(levels, &entries, &statuses).await, (expected, 0));
                if split {
                    prop_assert_eq!(desk.count_on(Levels::Minutes, &entries, &[]).await, (vec![], 0));
                }
            }
        }
    }
    compare(&desk, &plain).await?;
    compare_statuses(&desk, &plain_statuses).await
}

/// Every other entry had a status.
fn statuses(entries: &[Entry]) -> Vec<StatusCount> {
    let statused = entries.iter().filter(|entry| entry.when.day().0 % 2 == 0 && entry.event != Event::HIT);
    let status = |entry: &Entry| StatusCount {
        event: entry.event,
        name: entry.name.clone(),
        month: entry.when.day().month(),
        status: Status::new(["closed", "draft", "é:"][(entry.count % 3) as usize]).unwrap(),
        count: entry.count,
    };
    statused.map(status).collect()
}

fn count_status(plain: &mut PlainStatuses, counted: &StatusCount) {
    for name in [counted.name.clone(), Name::all()] {
        let key = (counted.event, name, counted.month, counted.status.clone());
        let sum = plain.entry(key).or_default();
        *sum = sum.saturating_add(i64::try_from(counted.count).unwrap_or(i64::MAX));
    }
}

async fn compare_statuses(desk: &Desk, plain: &PlainStatuses) -> Result<(), TestCaseError> {
    let mut names: Vec<_> = plain.keys().map(|(event, name, ..)| (*event, name.clone())).collect();
    names.dedup();
    for (event, name) in names {
        let of_name = plain.iter().filter(|((e, n, ..), _)| (e, n) == (&event, &name));
        let (mut months, mut year) = (BTreeMap::new(), BTreeMap::new());
        for ((_, _, month, status), &count) in of_name {
            months.entry(*month).or_insert_with(BTreeMap::new).insert(status.to_string(), count);
            let sum: &mut i64 = year.entry(status.to_string()).or_default();
            *sum = sum.saturating_add(count);
        }
        let found = desk.store.status_months(event, &name).await.unwrap();
        prop_assert_eq!(found, months.keys().copied().collect::<Vec<_>>());
        for (month, statuses) in months {
            let (year, month) = month.date();
            let read = desk.store.statuses(event, &name, year, Some(month)).await.unwrap();
            prop_assert_eq!(read, Vec::from_iter(statuses));
        }
        let read = desk.store.statuses(event, &name, 2026, None).await.unwrap();
        prop_assert_eq!(read, Vec::from_iter(year));
    }
    Ok(())
}

/// Cells as entries, sorted and without two alike. Every case has names and events of its own, for the store is one.
fn entries(case: u32, cells: &[(u8, u8, i32, u64)]) -> Vec<Entry> {
    let mut folded: BTreeMap<(Event, Name, When), u64> = BTreeMap::new();
    for &(which, name, offset, n) in cells {
        let event = if which == 0 { Event::HIT } else { event(&format!("e{which}-{case}")) };
        let name = if name == 0 && which > 0 { Name::overflow() } else { named(&format!("o{case}/{name}:")) };
        let minute = Minute(noon().0 + offset);
        let when = if offset < 0 { When::Day(Day(minute.day().0 + offset)) } else { When::Minute(minute) };
        let sum = folded.entry((event, name, when)).or_default();
        *sum = sum.saturating_add(n);
    }
    folded.into_iter().map(|((event, name, when), count)| Entry { event, name, when, count }).collect()
}

fn count(plain: &mut Plain, entry: &Entry) {
    let mut buckets = vec![(None, 0), (Some(0), entry.when.day().0)];
    if let When::Minute(minute) = entry.when {
        buckets.extend([(Some(1), minute.hour().0), (Some(2), minute.0)]);
    }
    for (step, bucket) in buckets {
        for name in [entry.name.clone(), Name::all()] {
            let sum = plain.entry((entry.event, name, step, bucket)).or_default();
            *sum = sum.saturating_add(i64::try_from(entry.count).unwrap_or(i64::MAX));
        }
    }
}

async fn compare(desk: &Desk, plain: &Plain) -> Result<(), TestCaseError> {
    // What every case has in common is not compared.
    let own = |event: Event, name: &Name| event != Event::HIT || !name.is_aggregate();
    let mut names: Vec<_> = plain.keys().map(|(event, name, ..)| (*event, name.clone())).collect();
    names.dedup();
    for (event, name) in names.into_iter().filter(|(event, name)| own(*event, name)) {
        let total = desk.store.totals(event, std::slice::from_ref(&name)).await.unwrap();
        prop_assert_eq!(&total, &[plain[&(event, name.clone(), None, 0)]], "{} {}", event, name);
        for (step, number, from, to) in [
            (Step::Day, 0, 20_000, 22_000),
            (Step::Hour, 1, 498_500, 499_000),
            (Step::Minute, 2, noon().0 - 10, noon().0 + 2000),
        ] {
            let read = desk.store.series(event, &name, step, from, to).await.unwrap();
            let cells = plain
                .range((event, name.clone(), Some(number), from)..(event, name.clone(), Some(number), to));
            let expected: Vec<(i32, i64)> = cells.map(|((.., bucket), count)| (*bucket, *count)).collect();
            prop_assert_eq!(read, expected, "{} {} {:?}", event, name, step);
        }
    }
    Ok(())
}
