//! Corrections: applied once or not at all, exactly as they say, and remembered.

use crate::bed::{Bed, Desk, at, ended, event, named, noon, on};
use std::collections::BTreeMap;
use tallymark_core::{
    Batch, ClientClass, CorrectedName, Correction, CorrectionRecord, CountCell, DayVisitors, Difference,
    Event, ListMove, MAX_CORRECTIONS, Minute, Name, Position, PositionChange, Visit, VisitorHash, Visits,
};
use tallymark_store::{Changes, Outcome, Retention, Step};
use uuid::Uuid;

fn by(name: &Name, cell: CountCell, by: i64) -> Difference {
    Difference { event: Event::HIT, name: name.clone(), cell, by }
}

fn record(id: Uuid, part: u64) -> CorrectionRecord {
    CorrectionRecord {
        id,
        part,
        at: "2026-11-20T13:07:00Z".to_owned(),
        by: "alice".to_owned(),
        action: "set".to_owned(),
        name: "a".to_owned(),
        event: Some("hit".to_owned()),
        to: None,
        count: Some(5),
        stretch: None,
        until: None,
        reason: Some("because".to_owned()),
        undoes: None,
        changed: vec![CorrectedName {
            event: "hit".to_owned(),
            name: "a".to_owned(),
            before: Some(10),
            after: Some(5),
            base: 0,
        }],
        remembered: Vec::new(),
    }
}

fn correction(differences: Vec<Difference>) -> Correction {
    Correction { record: Some(record(Uuid::new_v4(), 1)), ..Correction::arriving(differences) }
}

/// Applies it under an instance of its own.
async fn correct(bed: &Bed, correction: Correction) -> Outcome {
    let desk = Desk::new(bed).await;
    let batch = Batch::correcting(desk.claim.instance, 1, correction);
    desk.apply(&[batch]).await.remove(0)
}

fn done() -> Outcome {
    Outcome::Applied { totals: Vec::new(), quarantined: 0 }
}

/// Every count around noon.
async fn counts(desk: &Desk, name: &Name) -> Vec<(Step, i32, i64)> {
    let mut found = vec![(Step::Month, 0, desk.store.total(Event::HIT, name).await.unwrap())];
    for step in [Step::Day, Step::Hour, Step::Minute] {
        let bucket = step.bucket(noon());
        let series = desk.store.series(Event::HIT, name, step, bucket - 9, bucket + 9).await.unwrap();
        found.extend(series.into_iter().map(|(at, count)| (step, at, count)));
    }
    found
}

pub(crate) async fn a_correction_changes_what_it_names_and_is_in_the_log_of_changes(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let now = noon();
    desk.count(&[at("a", now, 10), at("b", now, 1)]).await;
    let head = desk.store.head().await.unwrap();
    let (a, new) = (named("a"), named("new"));
    let cells =
        [CountCell::Total, CountCell::Day(now.day()), CountCell::Hour(now.hour()), CountCell::Minute(now)];
    let mut differences: Vec<Difference> = cells.iter().map(|cell| by(&a, cell.clone(), -4)).collect();
    differences.extend(cells.iter().map(|cell| by(&new, cell.clone(), 7)));
    differences.extend(cells.iter().map(|cell| by(&Name::all(), cell.clone(), 3)));
    assert_eq!(correct(&bed, correction(differences)).await, done());
    for (name, count) in [(a.clone(), 6), (new, 7), (named("b"), 1), (Name::all(), 14)] {
        let (day, hour) = (now.day().0, now.hour().0);
        let all = [(Step::Month, 0), (Step::Day, day), (Step::Hour, hour), (Step::Minute, now.0)];
        assert_eq!(counts(&desk, &name).await, all.map(|(step, at)| (step, at, count)), "{name}");
    }
    assert_eq!(desk.names(Event::HIT).await, ["a", "b", "new"]);
    let Changes::Since { names, .. } = desk.store.changes(&head, 10).await.unwrap() else { panic!("lost") };
    let changed: BTreeMap<_, _> =
        names.into_iter().map(|change| (change.name.to_string(), change.corrected)).collect();
    assert_eq!(changed, BTreeMap::from([("a".to_owned(), true), ("new".to_owned(), true)]));
    assert_eq!(desk.store.corrected(Event::HIT).await.unwrap(), 3);
    assert_eq!(desk.store.corrected(event("visit")).await.unwrap(), 0);
    // Hits go on from there.
    let (totals, _) = desk.count(&[at("a", now, 1), at("new", now, 1)]).await;
    assert_eq!(totals, [7, 8]);
    assert_eq!(desk.names(Event::HIT).await, ["a", "b", "new"]);
}

pub(crate) async fn a_correction_that_takes_too_much_changes_nothing(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let now = noon();
    desk.count(&[at("a", now, 10)]).await;
    let (a, head) = (named("a"), desk.store.head().await.unwrap());
    let before = counts(&desk, &a).await;
    for (cell, take) in [
        (CountCell::Total, 11),
        (CountCell::Day(now.day()), 11),
        (CountCell::Hour(now.hour()), 11),
        (CountCell::Minute(now), 11),
        (CountCell::Minute(Minute(now.0 + 1)), 1),
        (CountCell::Status(now.day().month(), "closed".to_owned()), 1),
    ] {
        let short = correction(vec![
            by(&a, CountCell::Total, -1),
            by(&named("z"), CountCell::Total, 5),
            by(&a, cell.clone(), -take),
        ]);
        let Outcome::Short { what } = correct(&bed, short).await else { panic!("{cell:?}") };
        assert!(what.contains(&format!("{take} to subtract")) && what.contains(" a "), "{what}");
    }
    let much = correction(vec![by(&a, CountCell::Total, i64::MAX)]);
    assert!(matches!(correct(&bed, much).await, Outcome::Short { .. }));
    assert_eq!(counts(&desk, &a).await, before);
    assert_eq!(desk.names(Event::HIT).await, ["a"]);
    assert_eq!(desk.store.head().await.unwrap(), head);
    assert_eq!(desk.store.corrections(9).await.unwrap(), []);
    // Its number was not used up.
    let desk = Desk::new(&bed).await;
    let batch = |take: i64| {
        Batch::correcting(desk.claim.instance, 1, correction(vec![by(&a, CountCell::Total, -take)]))
    };
    assert!(matches!(desk.apply(&[batch(99)]).await[..], [Outcome::Short { .. }]));
    assert_eq!(desk.apply(&[batch(9)]).await, [done()]);
    assert_eq!(desk.apply(&[batch(1)]).await, [Outcome::Duplicate]);
    assert_eq!(desk.total("a").await, 1);
}

pub(crate) async fn positions_travel_with_a_correction_or_not_at_all(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let batch = |seq: u64, by_how_much: i64, state: &str| {
        let change = correction(vec![by(&named("a"), CountCell::Total, by_how_much)]);
        let position = Position { source: "badge:hit:a".to_owned(), state: state.to_owned() };
        Batch { positions: vec![position], ..Batch::correcting(desk.claim.instance, seq, change) }
    };
    let states = async || -> Vec<String> {
        let found = desk.store.positions(Some(desk.claim.instance)).await.unwrap();
        found.into_iter().map(|(_, position)| position.state).collect()
    };
    assert_eq!(desk.apply(&[batch(1, 5, "5")]).await, [done()]);
    assert_eq!(states().await, ["5"]);
    assert!(matches!(desk.apply(&[batch(2, -6, "9")]).await[..], [Outcome::Short { .. }]));
    assert_eq!(states().await, ["5"]);
    assert_eq!(desk.apply(&[batch(2, -5, "")]).await, [done()]);
    assert_eq!((states().await, desk.total("a").await), (Vec::new(), 0));
}

pub(crate) async fn a_name_goes_when_nothing_is_left(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let now = noon();
    desk.count(&[at("a", now, 10), at("b", now, 10), on("c", now.day(), 10)]).await;
    let cells =
        [CountCell::Total, CountCell::Day(now.day()), CountCell::Hour(now.hour()), CountCell::Minute(now)];
    let all = |name: &str| -> Vec<Difference> {
        cells.iter().map(|cell| by(&named(name), cell.clone(), -10)).collect()
    };
    // To b, another hit comes before.
    desk.count(&[at("b", now, 1)]).await;
    for name in ["a", "b"] {
        let gone = vec![(Event::HIT, named(name))];
        assert_eq!(correct(&bed, Correction { gone, ..correction(all(name)) }).await, done());
    }
    // Without being gone, a name stays with 0.
    let zero = correction(vec![
        by(&named("c"), CountCell::Total, -10),
        by(&named("c"), CountCell::Day(now.day()), -10),
    ]);
    assert_eq!(correct(&bed, zero).await, done());
    assert_eq!(desk.names(Event::HIT).await, ["b", "c"]);
    let names = ["a", "b", "c"].map(named);
    assert_eq!(desk.store.has(Event::HIT, &names).await.unwrap(), [false, true, true]);
    assert_eq!(desk.store.totals(Event::HIT, &names).await.unwrap(), [0, 1, 0]);
    assert_eq!(counts(&desk, &names[0]).await, [(Step::Month, 0, 0)]);
    if bed.redis.is_some() {
        for keys in ["repo*:a", "track:a:*"] {
            assert_eq!(bed.cli(&format!("KEYS {keys}")), "", "nothing of it is left");
        }
        assert_eq!(bed.cli(&format!("SMEMBERS repos:{}", now.day())), "b");
    }
    // It comes back as a new one.
    let (totals, _) = desk.count(&[at("a", now, 2)]).await;
    assert_eq!((totals, desk.names(Event::HIT).await.len()), (vec![2], 3));
}

pub(crate) async fn statuses_are_corrected_by_month_and_year(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let (a, month) = (named("a"), noon().day().month());
    desk.count_with(&[], &[ended(&a, month, "open", 5), ended(&a, month, "closed", 2)]).await;
    let of = |status: &str, by| Difference {
        event: event("order"),
        name: a.clone(),
        cell: CountCell::Status(month, status.to_owned()),
        by,
    };
    let change = correction(vec![of("open", -5), of("closed", -1), of("new", 4)]);
    assert_eq!(correct(&bed, change).await, done());
    let (year, of_year) = month.date();
    for of_month in [None, Some(of_year)] {
        let found = desk.store.statuses(event("order"), &a, year, of_month).await.unwrap();
        assert_eq!(found, [("closed".to_owned(), 1), ("new".to_owned(), 4)]);
    }
}

pub(crate) async fn lists_move_merge_and_go(mut bed: Bed) {
    bed.retention = Retention { visits: 3, ..Retention::default() };
    let desk = Desk::new(&bed).await;
    let (now, a, b) = (noon(), named("a"), named("b"));
    let visits = |name: &Name, minutes: &[i32]| Visits {
        event: Event::HIT,
        name: name.clone(),
        last: minutes.iter().map(|m| Visit::new(Minute(now.0 + m), ClientClass::Bot)).collect(),
    };
    let visitors = |name: &Name, hashes: &[u64]| DayVisitors {
        event: Event::HIT,
        name: name.clone(),
        day: now.day(),
        hashes: hashes.iter().copied().map(VisitorHash).collect(),
    };
    let batch = Batch {
        visits: vec![visits(&a, &[1, 4]), visits(&b, &[2, 3])],
        visitors: vec![visitors(&a, &[1, 2]), visitors(&b, &[2, 3, 4])],
        ..desk.batch(1, &[at("a", now, 2), at("b", now, 2)])
    };
    desk.apply(&[batch]).await;
    let minutes = async |name: &Name| -> Vec<i32> {
        let visits = desk.store.visits(Event::HIT, name, 9).await.unwrap();
        visits.into_iter().map(|visit| visit.minute.0 - now.0).collect()
    };
    let days = (now.day(), tallymark_core::Day(now.day().0 + 1));
    let of_day = async |name: &Name| desk.store.visitors(Event::HIT, name, days.0, days.1).await.unwrap();
    let moved = |from: &Name, to: Option<&Name>| {
        let list = ListMove { event: Event::HIT, from: from.clone(), to: to.cloned(), days: vec![now.day()] };
        Correction { lists: vec![list], ..correction(Vec::new()) }
    };
    // Into an empty one, and back; then into one that has some.
    let new = named("new");
    assert_eq!(correct(&bed, moved(&a, Some(&new))).await, done());
    assert_eq!((minutes(&a).await, minutes(&new).await), (vec![], vec![4, 1]));
    assert_eq!((of_day(&a).await, of_day(&new).await), (vec![], vec![(now.day(), 2)]));
    assert_eq!(correct(&bed, moved(&new, Some(&a))).await, done());
    assert_eq!(correct(&bed, moved(&a, Some(&b))).await, done());
    assert_eq!((minutes(&a).await, minutes(&b).await), (vec![], vec![4, 3, 2]));
    assert_eq!((of_day(&a).await, of_day(&b).await), (vec![], vec![(now.day(), 4)]));
    assert_eq!(correct(&bed, moved(&b, None)).await, done());
    assert_eq!((minutes(&b).await, of_day(&b).await), (vec![], vec![]));
}

/// Cell by cell, also where the cells of a name do not add up, and a name that has nothing.
pub(crate) async fn counts_that_arrive_are_all_there_and_correct_nothing(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let (a, nothing) = (named("a"), named("nothing"));
    let (hour, day) = (noon().hour(), noon().day());
    let cells = [
        (CountCell::Total, 9),
        (CountCell::Day(day), 5),
        (CountCell::Hour(hour), 4),
        (CountCell::Minute(noon()), 1),
        (CountCell::Status(day.month(), "closed".to_owned()), 2),
    ];
    let mut differences: Vec<Difference> =
        cells.into_iter().map(|(cell, count)| by(&a, cell, count)).collect();
    differences.push(by(&nothing, CountCell::Total, 0));
    differences.push(by(&Name::all(), CountCell::Total, 7));
    let before = desk.store.head().await.unwrap();
    assert_eq!(correct(&bed, Correction::arriving(differences)).await, done());
    assert_eq!(
        counts(&desk, &a).await,
        [(Step::Month, 0, 9), (Step::Day, day.0, 5), (Step::Hour, hour.0, 4), (Step::Minute, noon().0, 1)]
    );
    let (year, month) = day.month().date();
    let statuses = desk.store.statuses(Event::HIT, &a, year, Some(month)).await.unwrap();
    assert_eq!(statuses, [("closed".to_owned(), 2)]);
    assert_eq!(desk.store.total(Event::HIT, &Name::all()).await.unwrap(), 7);
    let mut names = desk.store.names(Event::HIT, None, 9).await.unwrap().names;
    names.sort();
    assert_eq!(names, [a.clone(), nothing]);
    // It is counted, so the store may not lose it.
    assert_eq!(desk.store.corrected(Event::HIT).await.unwrap(), 0);
    assert_eq!(desk.store.corrections(9).await.unwrap(), []);
    match desk.store.changes(&before, 9).await.unwrap() {
        Changes::Since { names, .. } => {
            assert!(names.iter().any(|change| change.name == a && !change.corrected), "{names:?}");
        }
        Changes::Lost => panic!("the log of changes was lost"),
    }
}

/// What is remembered of a name changes with its counts, and only as it was read.
pub(crate) async fn positions_of_others_change_with_the_counts_or_nothing_does(bed: Bed) {
    let (mut desk, other, a) = (Desk::new(&bed).await, Uuid::new_v4(), named("a"));
    desk.count(&[at("a", noon(), 3)]).await;
    let change = |from: &str, to: &str| Correction {
        positions: vec![PositionChange {
            instance: other,
            source: "badge:hit:a b".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        }],
        ..correction(vec![by(&a, CountCell::Total, 1)])
    };
    let known = async || {
        let known = desk.store.positions(Some(other)).await.unwrap();
        known.into_iter().map(|(_, position)| position.state).collect::<Vec<_>>()
    };
    assert_eq!(correct(&bed, change("", "7")).await, done());
    assert_eq!(known().await, ["7"]);
    for wrong in ["", "8"] {
        let Outcome::Short { what } = correct(&bed, change(wrong, "9")).await else { panic!("{wrong}") };
        assert!(what.contains("badge:hit:a b"), "{what}");
    }
    assert_eq!((known().await, desk.total("a").await), (vec!["7".to_owned()], 4));
    assert_eq!(correct(&bed, change("7", "")).await, done());
    assert_eq!((known().await.is_empty(), desk.total("a").await), (true, 5));
}

pub(crate) async fn corrections_are_remembered_and_the_oldest_forgotten(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let (a, id) = (named("a"), Uuid::new_v4());
    let parts = MAX_CORRECTIONS as u64 + 2;
    let part =
        |part| Correction { record: Some(record(id, part)), ..correction(vec![by(&a, CountCell::Total, 1)]) };
    let batches: Vec<Batch> =
        (1..=parts).map(|n| Batch::correcting(desk.claim.instance, n, part(n))).collect();
    for some in batches.chunks(50) {
        assert!(desk.apply(some).await.iter().all(|outcome| *outcome == done()));
    }
    let log = desk.store.corrections(usize::MAX).await.unwrap();
    assert_eq!((log.len(), log[0].clone()), (MAX_CORRECTIONS, record(id, parts)));
    assert_eq!(desk.store.corrections(2).await.unwrap(), log[..2]);
    let differences = async |part| desk.store.differences(id, part).await.unwrap();
    assert_eq!(differences(parts).await, Some(vec![by(&a, CountCell::Total, 1)]));
    assert_eq!((differences(2).await, differences(3).await.is_some()), (None, true));
    assert_eq!(desk.store.differences(Uuid::nil(), 1).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_from_before_corrections_gets_their_table() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 3)]).await;
    drop(desk);
    bed.sql().execute_batch("DROP TABLE correction; PRAGMA user_version = 3").unwrap();
    let take = correction(vec![by(&named("a"), CountCell::Total, -1)]);
    assert_eq!(correct(&bed, take).await, done());
    let desk = Desk::new(&bed).await;
    assert_eq!((desk.total("a").await, desk.store.corrections(9).await.unwrap().len()), (2, 1));
}

/// A key of another program is told, and nothing is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_type_is_told_and_an_acl_that_denies_leaves_all_as_it_was() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 3)]).await;
    bed.cli("LPUSH repo:bad x");
    let desk = Desk::new(&bed).await;
    let both =
        correction(vec![by(&named("a"), CountCell::Total, -1), by(&named("bad"), CountCell::Total, -1)]);
    let batch = Batch::correcting(desk.claim.instance, 1, both);
    let error = desk.store.apply(&desk.claim, &[batch]).await.unwrap_err();
    assert_eq!(error.class(), tallymark_store::Class::Key);
    assert!(error.to_string().contains("repo:bad"), "{error}");
    bed.cli("ACL SETUSER default -del");
    let take =
        Batch::correcting(desk.claim.instance, 1, correction(vec![by(&named("a"), CountCell::Total, -1)]));
    let error = desk.store.apply(&desk.claim, std::slice::from_ref(&take)).await.unwrap_err();
    assert!(error.to_string().contains("denies its user the command DEL repo:a"), "{error}");
    assert_eq!(desk.total("a").await, 3);
    bed.cli("ACL SETUSER default +del");
    assert_eq!(desk.apply(&[take]).await, [done()]);
    assert_eq!(desk.total("a").await, 2);
}
