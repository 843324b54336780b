//! What holds for every store.

use crate::bed::{Bed, Desk, applied, at, event, named, noon, on, present};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tallymark_core::{ALL, Batch, Day, Entry, Event, Levels, Minute, Name, OVERFLOW, When};
use tallymark_store::{Claim, Class, Filter, Outcome, Standing, Step, Store, passing_instance};
use uuid::Uuid;

pub(crate) async fn a_hit_counts_in_total_day_hour_minute_and_aggregate(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let now = noon();
    let (totals, left) = desk.count(&[at("o/r", now, 3), at("o/s", now, 1)]).await;
    assert_eq!((totals, left), (vec![3, 1], 0));
    let (totals, _) = desk.count(&[at("o/r", Minute(now.0 + 1), 2)]).await;
    assert_eq!(totals, [5]);
    assert_eq!(desk.total("never").await, 0);
    for (name, total, first) in [(named("o/r"), 5, 3), (named("o/s"), 1, 1), (Name::all(), 6, 4)] {
        let store = &desk.store;
        assert_eq!(store.totals(Event::HIT, &[name.clone(), name.clone()]).await.unwrap(), [total, total]);
        let series = |step, at: i32| store.series(Event::HIT, &name, step, at - 2, at + 3);
        assert_eq!(series(Step::Day, now.day().0).await.unwrap(), [(now.day().0, total)]);
        assert_eq!(series(Step::Hour, now.hour().0).await.unwrap(), [(now.hour().0, total)]);
        let mut minutes = vec![(now.0, first), (now.0 + 1, total - first)];
        minutes.retain(|(_, count)| *count > 0);
        assert_eq!(series(Step::Minute, now.0).await.unwrap(), minutes);
    }
}

pub(crate) async fn hours_and_minutes_may_come_in_a_batch_of_their_own(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let (now, other) = (noon(), event("visit"));
    let entries = [
        at("a", now, 3),
        at("a", Minute(now.0 + 1), 1),
        Entry { event: other, ..at("a", now, 2) },
        on("b", now.day(), 5),
    ];
    assert_eq!(desk.count_on(Levels::Days, &entries, &[]).await, (vec![4, 5, 2], 0));
    let series = |store: Arc<dyn Store>, event, name: Name| async move {
        let series = |step, at| store.series(event, &name, step, at - 2, at + 3);
        let day = series(Step::Day, now.day().0).await.unwrap();
        let hour = series(Step::Hour, now.hour().0).await.unwrap();
        (day, hour, series(Step::Minute, now.0).await.unwrap())
    };
    let (day, hour, minute) = (now.day().0, now.hour().0, now.0);
    for (name, count) in [(named("a"), 4), (named("b"), 5), (Name::all(), 9)] {
        let expected = (vec![(day, count)], vec![], vec![]);
        assert_eq!(series(desk.store.clone(), Event::HIT, name).await, expected);
    }
    let head = desk.store.head().await.unwrap();
    assert_eq!(desk.count_on(Levels::Minutes, &entries, &[]).await, (vec![], 0));
    let again = desk.batch(desk.seq, &entries).on(Levels::Minutes);
    assert_eq!(desk.apply(&[again]).await, [Outcome::Duplicate]);
    assert_eq!(desk.store.head().await.unwrap(), head, "no total has changed");
    for (name, count) in [(named("a"), 4), (Name::all(), 9)] {
        let expected = (vec![(day, count)], vec![(hour, 4)], vec![(minute, 3), (minute + 1, 1)]);
        assert_eq!(series(desk.store.clone(), Event::HIT, name.clone()).await, expected);
        let expected = (vec![(day, 2)], vec![(hour, 2)], vec![(minute, 2)]);
        assert_eq!(series(desk.store.clone(), other, name).await, expected);
    }
    assert_eq!(series(desk.store.clone(), Event::HIT, named("b")).await, (vec![(day, 5)], vec![], vec![]));
    assert_eq!((desk.total("a").await, desk.total(ALL).await), (4, 9));
}

pub(crate) async fn a_hit_with_only_a_day_has_no_hour(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let day = noon().day();
    desk.count(&[on("a", day, 2)]).await;
    for name in [named("a"), Name::all()] {
        let series = |step, from, to| desk.store.series(Event::HIT, &name, step, from, to);
        assert_eq!(series(Step::Day, day.0, day.0 + 1).await.unwrap(), [(day.0, 2)]);
        let month = day.month().0;
        assert_eq!(series(Step::Month, month - 1, month + 1).await.unwrap(), [(month, 2)]);
        assert_eq!(series(Step::Month, month + 1, month + 3).await.unwrap(), []);
        assert_eq!(series(Step::Hour, day.hours().start, day.hours().end).await.unwrap(), []);
        let midnight = day.first_minute().0;
        assert_eq!(series(Step::Minute, midnight, midnight + 1440).await.unwrap(), []);
    }
}

pub(crate) async fn hours_and_minutes_that_are_written_late_are_kept(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    // 2024-02-29T05:28Z, and a minute that would go in an hour.
    let times = [Minute(28_486_888), Minute(present().0 - 25 * 60)];
    for late in times {
        desk.count(&[at("a", late, 1)]).await;
    }
    // Three times, and once by a process that has just started.
    for _ in 0..2 {
        desk.count(&[at("b", present(), 1)]).await;
    }
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("b", present(), 1), at("a", times[0], 1)]).await;
    desk.count(&[at("b", Minute(present().0 + 120), 1)]).await;
    for (late, count) in times.into_iter().zip([2, 1]) {
        for name in [named("a"), Name::all()] {
            let series = |step, at| desk.store.series(Event::HIT, &name, step, at, at + 1);
            assert_eq!(series(Step::Hour, late.hour().0).await.unwrap(), [(late.hour().0, count)]);
            assert_eq!(series(Step::Minute, late.0).await.unwrap(), [(late.0, count)]);
        }
    }
}

pub(crate) async fn a_batch_that_comes_again_counts_nothing(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let batch = desk.batch(1, &[at("a", noon(), 1)]);
    assert_eq!(desk.apply(std::slice::from_ref(&batch)).await, [applied(&[1])]);
    assert_eq!(desk.apply(std::slice::from_ref(&batch)).await, [Outcome::Duplicate]);
    // Even with other contents: the number decides.
    assert_eq!(desk.apply(&[desk.batch(1, &[at("b", noon(), 1)])]).await, [Outcome::Duplicate]);
    assert_eq!((desk.total("a").await, desk.total("b").await, desk.total(ALL).await), (1, 0, 1));
}

pub(crate) async fn a_missing_batch_is_reported_with_the_marker(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let entry = [at("a", noon(), 1)];
    assert_eq!(desk.apply(&[desk.batch(2, &entry)]).await, [Outcome::Gap { marker: 0 }]);
    desk.count(&entry).await;
    desk.count(&entry).await;
    let list = [desk.batch(2, &entry), desk.batch(4, &entry), desk.batch(5, &entry)];
    assert_eq!(desk.apply(&list).await, [Outcome::Duplicate, Outcome::Gap { marker: 2 }]);
    assert_eq!(desk.total("a").await, 2);
}

pub(crate) async fn one_batch_from_two_tasks_is_applied_once(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let other = bed.open().await;
    for seq in 1..=20 {
        let batch = [desk.batch(seq, &[at("a", noon(), 1), at("b", noon(), 1)])];
        let (one, two) =
            tokio::join!(desk.store.apply(&desk.claim, &batch), other.apply(&desk.claim, &batch));
        let outcomes = [one.unwrap(), two.unwrap()].concat();
        assert_eq!(
            outcomes.iter().filter(|outcome| **outcome == Outcome::Duplicate).count(),
            1,
            "{outcomes:?}"
        );
    }
    assert_eq!((desk.total("a").await, desk.total(ALL).await), (20, 40));
}

pub(crate) async fn a_second_claim_fences_the_first(bed: Bed) {
    let mut old = Desk::new(&bed).await;
    old.count(&[at("a", noon(), 1)]).await;
    let mut new = Desk::of(&bed, old.claim.instance).await;
    assert_eq!((new.claim.marker, new.claim.store), (1, old.claim.store));
    let batch = old.batch(2, &[at("a", noon(), 1)]);
    assert_eq!(old.apply(&[batch.clone(), batch]).await, [Outcome::Fenced]);
    assert_eq!(old.apply(&[old.batch(1, &[])]).await, [Outcome::Fenced]);
    assert_eq!(new.count(&[at("a", noon(), 1)]).await.0, [2]);
}

pub(crate) async fn a_claim_can_step_over_what_nobody_has(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    let stepped = desk.store.claim_from(desk.claim.instance, 4).await.unwrap();
    assert_eq!(stepped.marker, 4);
    assert_eq!(desk.apply(&[desk.batch(2, &[])]).await, [Outcome::Fenced]);
    desk.claim = desk.store.claim_from(desk.claim.instance, 3).await.unwrap();
    assert_eq!(desk.claim.marker, 4, "never back");
    let batches = [desk.batch(4, &[at("a", noon(), 1)]), desk.batch(5, &[at("a", noon(), 1)])];
    assert_eq!(desk.apply(&batches).await, [Outcome::Duplicate, applied(&[2])]);
}

pub(crate) async fn the_standing_of_a_claim_is_told(bed: Bed) {
    let mut old = Desk::new(&bed).await;
    let marker = |standing| match standing {
        Standing::Claimed { marker, .. } => marker,
        other => panic!("{other:?}"),
    };
    assert_eq!(marker(old.store.standing(&old.claim).await.unwrap()), 0);
    old.count(&[at("a", noon(), 1)]).await;
    assert_eq!(marker(old.store.standing(&old.claim).await.unwrap()), 1);
    let new = Desk::of(&bed, old.claim.instance).await;
    assert_eq!(old.store.standing(&old.claim).await.unwrap(), Standing::Fenced);
    assert_eq!(marker(new.store.standing(&new.claim).await.unwrap()), 1);
    let other = Claim { store: Uuid::new_v4(), ..new.claim };
    assert_eq!(new.store.standing(&other).await.unwrap(), Standing::Foreign);
}

pub(crate) async fn the_body_of_a_request_is_kept_with_its_batches(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let claim = async |desk: &Desk| desk.store.claim(desk.claim.instance).await.unwrap();
    let body = Uuid::new_v4();
    desk.claim.body = Some(body);
    assert_eq!(claim(&desk).await.body, None, "nothing was applied");
    assert_eq!(desk.store.body_of(desk.claim.instance).await.unwrap(), None);
    desk.claim = Claim { body: Some(body), ..claim(&desk).await };
    desk.count(&[at("a", noon(), 1)]).await;
    let again = claim(&desk).await;
    assert_eq!((again.marker, again.body), (1, Some(body)));
    assert!(matches!(desk.store.standing(&again).await.unwrap(), Standing::Claimed { marker: 1, .. }));
    assert_eq!(desk.store.applied(again.instance).await.unwrap(), 1);
    assert_eq!(desk.store.body_of(again.instance).await.unwrap(), Some(body));
    assert_eq!(desk.store.body_of(Uuid::new_v4()).await.unwrap(), None);
    // A claim, a gap and a duplicate change nothing of it.
    desk.claim = again;
    let batches = [desk.batch(1, &[]), desk.batch(2, &[]), desk.batch(4, &[])];
    assert_eq!(desk.apply(&batches).await, [Outcome::Duplicate, applied(&[]), Outcome::Gap { marker: 2 }]);
    assert_eq!(claim(&desk).await.body, Some(body));
}

pub(crate) async fn a_claim_of_another_store_is_foreign(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    desk.claim.store = Uuid::new_v4();
    let batch = desk.batch(1, &[at("a", noon(), 1)]);
    assert_eq!(desk.apply(&[batch.clone(), batch]).await, [Outcome::Foreign]);
    assert_eq!(desk.total("a").await, 0);
}

pub(crate) async fn a_claim_is_good_for_its_own_instance_alone(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let mut batch = desk.batch(1, &[at("a", noon(), 1)]);
    batch.instance = Uuid::new_v4();
    let err = desk.store.apply(&desk.claim, &[batch]).await.unwrap_err();
    assert_eq!(err.class(), Class::Request, "{err}");
}

pub(crate) async fn a_list_that_was_applied_in_part_is_finished(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let list: Vec<_> = (1..=5).map(|seq| desk.batch(seq, &[at("a", noon(), seq)])).collect();
    desk.apply(&list[..2]).await;
    let outcomes = desk.apply(&list).await;
    assert_eq!(
        outcomes,
        [Outcome::Duplicate, Outcome::Duplicate, applied(&[6]), applied(&[10]), applied(&[15])]
    );
    assert_eq!(Desk::of(&bed, desk.claim.instance).await.claim.marker, 5);
}

pub(crate) async fn instances_are_numbered_apart(bed: Bed) {
    let (mut one, mut two) = (Desk::new(&bed).await, Desk::new(&bed).await);
    assert_eq!(one.count(&[at("a", noon(), 1)]).await.0, [1]);
    assert_eq!(two.count(&[at("a", noon(), 1)]).await.0, [2]);
    assert_eq!(one.count(&[at("a", noon(), 1)]).await.0, [3]);
    assert_eq!(one.store.identity().await.unwrap(), two.store.identity().await.unwrap());
}

pub(crate) async fn a_thousand_names_fit_into_a_batch(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let entries: Vec<_> = (0..1000).map(|n| at(&format!("owner/repo{n:04}"), noon(), n + 1)).collect();
    let (totals, _) = desk.count(&entries).await;
    assert_eq!((desk.seq, &totals), (1, &(1..=1000).collect()));
    let names: Vec<_> = entries.iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(desk.store.totals(Event::HIT, &names).await.unwrap(), totals);
    assert_eq!(desk.total(ALL).await, 500_500);
    assert_eq!(desk.store.name_count(Event::HIT).await.unwrap(), 1000);
}

pub(crate) async fn totals_come_in_the_order_of_the_batch(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let (now, yesterday) = (noon(), Day(noon().day().0 - 1));
    let entries = [
        at("b", now, 1),
        on("b", yesterday, 10),
        at("b", Minute(now.0 - 1), 100),
        at("a", now, 2),
        Entry { name: Name::overflow(), ..at("x", now, 7) },
        Entry { event: event("like"), ..at("a", now, 3) },
        on("c", yesterday, 4),
    ];
    // Sorted by event and name: hit a, b, c, ~overflow, then like a.
    assert_eq!(desk.count(&entries).await.0, [2, 111, 4, 7, 3]);
    assert_eq!(desk.count(&entries).await.0, [4, 222, 8, 14, 6]);
    let days =
        desk.store.series(Event::HIT, &named("b"), Step::Day, yesterday.0, yesterday.0 + 2).await.unwrap();
    assert_eq!(days, [(yesterday.0, 20), (yesterday.0 + 1, 202)]);
}

pub(crate) async fn totals_are_exact_beyond_two_to_the_53(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let big = (1u64 << 53) - 1;
    let mut total = 0;
    for count in [big, 1, 1, 1, big + 2, 3] {
        total += count as i64;
        assert_eq!(desk.count(&[at("a", noon(), count), at("b", noon(), 1)]).await.0[0], total);
    }
    let now = noon();
    let read = desk.store.series(Event::HIT, &named("a"), Step::Minute, now.0, now.0 + 1).await.unwrap();
    assert_eq!(
        (desk.total("a").await, desk.total(ALL).await, read),
        (total, total + 6, vec![(now.0, total)])
    );
    assert_eq!(desk.names(Event::HIT).await, ["a", "b"]);
    assert_eq!(desk.count(&[at("huge", noon(), 1 << 60)]).await.0, [1 << 60]);
    assert_eq!(desk.names(Event::HIT).await, ["a", "b", "huge"]);
}

pub(crate) async fn counts_stop_at_the_largest_number(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let now = noon();
    assert_eq!(desk.count(&[at("a", now, i64::MAX as u64 - 1)]).await, (vec![i64::MAX - 1], 0));
    for count in [1, 1, 1000, u64::MAX] {
        assert_eq!(desk.count(&[at("a", now, count), at("b", now, 1)]).await.0[0], i64::MAX);
    }
    assert_eq!((desk.total("b").await, desk.total(ALL).await), (4, i64::MAX));
    for (step, bucket) in [(Step::Day, now.day().0), (Step::Hour, now.hour().0), (Step::Minute, now.0)] {
        let read = desk.store.series(Event::HIT, &named("a"), step, bucket, bucket + 1).await.unwrap();
        assert_eq!(read, [(bucket, i64::MAX)]);
    }
}

pub(crate) async fn aggregates_are_counted_and_never_listed(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let overflow = Entry { name: Name::overflow(), ..at("x", noon(), 5) };
    desk.count(&[overflow, at("a", noon(), 1)]).await;
    let aggregates = [Name::overflow(), Name::all()];
    assert_eq!(desk.store.totals(Event::HIT, &aggregates).await.unwrap(), [5, 6]);
    assert_eq!(desk.names(Event::HIT).await, ["a"]);
    assert_eq!(desk.store.name_count(Event::HIT).await.unwrap(), 1);
    // Counting the aggregate by hand does not count it twice.
    assert_eq!(desk.count(&[Entry { name: Name::all(), ..at("x", noon(), 2) }]).await.0, [8]);
    let hour = desk
        .store
        .series(Event::HIT, &Name::all(), Step::Hour, noon().hour().0, noon().hour().0 + 1)
        .await
        .unwrap();
    assert_eq!((OVERFLOW, hour), ("~overflow", vec![(noon().hour().0, 8)]));
}

pub(crate) async fn events_are_counted_apart(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let visit = event("visit");
    desk.count(&[at("a", noon(), 1), Entry { event: visit, ..at("a", noon(), 2) }]).await;
    desk.count(&[Entry { event: visit, ..at("b", noon(), 4) }]).await;
    let names = [named("a"), named("b"), Name::all()];
    assert_eq!(desk.store.totals(Event::HIT, &names).await.unwrap(), [1, 0, 1]);
    assert_eq!(desk.store.totals(visit, &names).await.unwrap(), [2, 4, 6]);
    assert_eq!(
        (desk.names(Event::HIT).await, desk.names(visit).await),
        (vec!["a".into()], vec!["a".into(), "b".into()])
    );
    assert_eq!(desk.store.totals(event("other"), &names).await.unwrap(), [0, 0, 0]);
    assert_eq!(desk.store.name_count(event("other")).await.unwrap(), 0);
}

pub(crate) async fn weird_names_come_back_as_they_were(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let mut names: Vec<String> =
        (b' '..0x7f).filter(|&b| b != b'~' && b != b'-').map(|b| char::from(b).to_string()).collect();
    let more = [
        "a~",
        "..",
        "a/../b",
        "{p000}:x",
        "repo:2026-11-20:x",
        "2026-11-20",
        "a%2Fb",
        "a%252Fb",
        "é/日本",
        "🦀",
        "!x",
        "!!x",
        "=x",
        "a b",
        "' OR 1=1 --",
        "%s%n",
        "\\0",
        "*",
        "[a-z]",
        "e\u{301}",
        "\u{e9}",
        "\u{202e}rtl",
        "no\u{a0}space",
        "A",
        "a",
    ];
    names.extend(more.map(str::to_owned));
    names.push("n".repeat(200));
    names.sort();
    names.dedup();
    let entries: Vec<_> = names.iter().zip(1..).map(|(name, count)| at(name, noon(), count)).collect();
    desk.count(&entries).await;
    assert_eq!(desk.names(Event::HIT).await, names);
    for (name, total) in names.iter().zip(1..) {
        assert_eq!(desk.total(name).await, total, "{name}");
        let minute =
            desk.store.series(Event::HIT, &named(name), Step::Minute, noon().0, noon().0 + 1).await.unwrap();
        assert_eq!(minute, [(noon().0, total)], "{name}");
    }
}

pub(crate) async fn names_come_page_by_page(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let all: Vec<String> = (0..5500).map(|n| format!("o/n{n:05}")).collect();
    let entries: Vec<_> = all.iter().map(|name| on(name, noon().day(), 1)).collect();
    desk.count(&entries).await;
    assert_eq!(desk.names(Event::HIT).await, all);
    let page = desk.store.names(Event::HIT, None, 100).await.unwrap();
    assert!((50..500).contains(&page.names.len()) && page.next.is_some(), "{}", page.names.len());
    assert_eq!(desk.store.name_count(Event::HIT).await.unwrap(), 5500);
}

pub(crate) async fn names_are_found_by_their_beginning_and_by_what_is_in_them(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let mut entries: Vec<_> = (0..1500).map(|n| at(&format!("mass/{n:04}"), noon(), 1)).collect();
    let odd = ["a", "a/B", "a/b", "a/c*?", "a/\u{10ffff}", "b/a", "é/x"];
    entries.extend(odd.map(|name| at(name, noon(), 1)));
    desk.count(&entries).await;
    for (prefix, contains, expect) in [
        ("a", "", &["a", "a/B", "a/b", "a/c*?", "a/\u{10ffff}"][..]),
        ("a/", "", &["a/B", "a/b", "a/c*?", "a/\u{10ffff}"]),
        ("", "/b", &["a/B", "a/b"]),
        ("a", "*", &["a/c*?"]),
        ("é", "X", &["é/x"]),
        (
            "mass/149",
            "9",
            &[
                "mass/1490",
                "mass/1491",
                "mass/1492",
                "mass/1493",
                "mass/1494",
                "mass/1495",
                "mass/1496",
                "mass/1497",
                "mass/1498",
                "mass/1499",
            ],
        ),
        ("zz", "", &[]),
        ("~", "", &[]),
        ("", "nothing", &[]),
    ] {
        let filter = Filter { prefix: prefix.to_owned(), contains: contains.to_owned() };
        for limit in [1, 3, 1000] {
            let (mut found, mut start) = (Vec::new(), None::<String>);
            loop {
                let page = desk.store.find(Event::HIT, &filter, start.as_deref(), limit).await.unwrap();
                assert!(page.names.len() <= limit, "{} of {limit}", page.names.len());
                assert!(page.names.is_sorted());
                found.extend(page.names.iter().map(Name::to_string));
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
            found.sort();
            assert_eq!(found, expect, "{prefix:?} {contains:?} {limit}");
        }
    }
}

pub(crate) async fn every_name_is_on_one_page_and_pages_are_no_longer_than_asked_for(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let entries: Vec<_> = (0..5000).map(|n| at(&format!("n{n}"), noon(), 1)).collect();
    desk.count(&entries).await;
    for limit in [1, 3, 700, 5000] {
        let (mut found, mut start) = (Vec::new(), None::<String>);
        // The first 20 pages of one name say as much as all.
        for _ in 0..20 {
            let page =
                desk.store.find(Event::HIT, &Filter::default(), start.as_deref(), limit).await.unwrap();
            assert!(page.names.len() <= limit && page.names.is_sorted(), "{} of {limit}", page.names.len());
            found.extend(page.names);
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        let names: BTreeSet<_> = found.iter().collect();
        assert_eq!(names.len(), found.len(), "twice with {limit}");
        assert!(found.is_sorted(), "out of order with {limit}");
        assert_eq!(start.is_none(), limit >= 700);
        assert!(start.is_some() || names.len() == 5000);
    }
}

/// More of them than Redis' are put into order.
pub(crate) async fn very_many_names_are_on_one_page_each(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let entries: Vec<_> = (0..12_000).map(|n| at(&format!("n{n}"), noon(), 1)).collect();
    desk.count(&entries[..9_999]).await;
    let find = |start: Option<String>, limit| {
        let store = &desk.store;
        async move { store.find(Event::HIT, &Filter::default(), start.as_deref(), limit).await.unwrap() }
    };
    let begun = find(None, 4_000).await;
    desk.count(&entries[9_999..]).await;
    let find = |start: Option<String>, limit| {
        let store = &desk.store;
        async move { store.find(Event::HIT, &Filter::default(), start.as_deref(), limit).await.unwrap() }
    };
    for (start, limit) in [(begun.next, 4_000), (None, 700), (None, 5_000)] {
        let mut found = if start.is_some() { begun.names.clone() } else { Vec::new() };
        let mut page = find(start, limit).await;
        loop {
            assert!(page.names.len() <= limit && page.names.is_sorted(), "{} of {limit}", page.names.len());
            found.append(&mut page.names);
            let Some(next) = page.next else { break };
            page = find(Some(next), limit).await;
        }
        found.sort();
        // Those that have come before the first page was left behind may be missed, and no others.
        found.dedup();
        assert!((9_999..=12_000).contains(&found.len()), "{} by {limit}", found.len());
        assert!(limit == 4_000 || found.len() == 12_000, "{} by {limit}", found.len());
    }
}

pub(crate) async fn a_series_has_only_what_lies_in_its_range(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    // Across a midnight, and with hours and minutes of one and of two digits.
    let midnight = noon().day().first_minute().0;
    let minutes: Vec<i32> = (-3..3).chain(598..602).chain([1439, 1440]).map(|n| midnight + n).collect();
    let entries: Vec<_> = minutes.iter().map(|&minute| at("a", Minute(minute), 1)).collect();
    desk.count(&entries).await;
    let series = |step, from, to| {
        let (store, name) = (&desk.store, named("a"));
        async move { store.series(Event::HIT, &name, step, from, to).await.unwrap() }
    };
    let expected = |from: i32, to: i32| -> Vec<(i32, i64)> {
        minutes.iter().filter(|&&at| (from..to).contains(&at)).map(|&at| (at, 1)).collect()
    };
    for (from, to) in [
        (midnight - 9, midnight + 2000),
        (midnight, midnight + 600),
        (midnight - 2, midnight - 1),
        (5, 5),
        (9, 3),
    ] {
        assert_eq!(series(Step::Minute, from, to).await, expected(from, to));
    }
    let hour = midnight / 60;
    assert_eq!(series(Step::Hour, hour - 1, hour + 10).await, [(hour - 1, 3), (hour, 3), (hour + 9, 2)]);
    assert_eq!(series(Step::Hour, hour, hour + 1).await, [(hour, 3)]);
    let day = hour / 24;
    assert_eq!(series(Step::Day, i32::MIN, i32::MAX).await, [(day - 1, 3), (day, 8), (day + 1, 1)]);
}

pub(crate) async fn a_store_that_was_closed_goes_on(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    let (instance, store) = (desk.claim.instance, desk.claim.store);
    drop(desk);
    let mut desk = Desk::of(&bed, instance).await;
    assert_eq!((desk.claim.marker, desk.claim.store), (1, store));
    assert_eq!(desk.count(&[at("a", noon(), 1)]).await.0, [2]);
}

pub(crate) async fn a_day_has_one_key_and_old_keys_are_gone(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let today = present().day();
    let keys = |day| {
        let store = desk.store.clone();
        tokio::spawn(async move { store.day_keys(day).await.unwrap() })
    };
    // Many ask at once, as daemons of one store do at midnight.
    let asked: Vec<_> = (0..20).map(|_| keys(today)).collect();
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.unwrap());
    }
    answers.dedup();
    let [of_today] = &answers[..] else { panic!("{answers:?}") };
    let days: Vec<i32> = of_today.iter().map(|(day, _)| day.0 - today.0).collect();
    assert_eq!(days, [-2, -1, 0, 1]);
    let different: std::collections::BTreeSet<Uuid> = of_today.iter().map(|(_, key)| key).collect();
    assert_eq!(different.len(), 4);
    // Another process, and the next day: what was made for it before is its key.
    let other = bed.open().await;
    assert_eq!(other.day_keys(today).await.unwrap(), *of_today);
    let tomorrow = Day(today.0 + 1);
    let of_tomorrow = other.day_keys(tomorrow).await.unwrap();
    for day in [today.0 - 1, today.0, today.0 + 1].map(Day) {
        assert_eq!(of_tomorrow.of(day), of_today.of(day));
    }
    assert_eq!((of_tomorrow.of(Day(today.0 - 2)), of_today.of(Day(today.0 + 2))), (None, None));
    // The clock is set back: the same keys, as far as they are still there.
    let again = other.day_keys(today).await.unwrap();
    assert_eq!((again.of(today), again.of(tomorrow)), (of_today.of(today), of_today.of(tomorrow)));
}

pub(crate) async fn only_passing_instances_are_forgotten_and_only_old_ones(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let (passing, other) = (passing_instance([7; 16]), uuid::Builder::from_custom_bytes([7; 16]).into_uuid());
    for instance in [passing, other] {
        let claim = desk.store.claim(instance).await.unwrap();
        let batch = Batch { instance, ..desk.batch(1, &[at("a", present(), 1)]) };
        desk.store.apply(&claim, &[batch]).await.unwrap();
        assert_eq!(desk.store.applied(instance).await.unwrap(), 1);
    }
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let began = seconds();
    // One wrong clock forgets nothing.
    for (now, age, left) in
        [(began, 3600, 1), (began + 7200, 3600, 1), (began - 7200, 0, 1), (began + 7200, 0, 0)]
    {
        if left == 0 {
            // Claims are dated in seconds.
            while seconds() <= began {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let mut start = None;
        loop {
            start = desk.store.forget_passing(now, age, start.as_deref()).await.unwrap();
            if start.is_none() {
                break;
            }
        }
        assert_eq!(desk.store.applied(passing).await.unwrap(), left);
        assert_eq!(desk.store.applied(other).await.unwrap(), 1);
    }
    assert_eq!(desk.total("a").await, 2);
    let refused = desk.store.forget_passing(0, 0, Some("x")).await.unwrap_err();
    assert_eq!(refused.class(), Class::Request);
}

pub(crate) async fn nothing_is_applied_of_no_batches(bed: Bed) {
    let desk = Desk::new(&bed).await;
    assert_eq!(desk.apply(&[]).await, []);
    assert_eq!(desk.apply(&[desk.batch(1, &[])]).await, [applied(&[])]);
    assert_eq!(
        desk.apply(&[desk.batch(2, &[Entry { when: When::Day(Day(0)), ..at("a", noon(), 1) }])]).await,
        [applied(&[1])]
    );
}
