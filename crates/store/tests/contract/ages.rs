//! What is past its retention.

use crate::bed::{Bed, Desk, at, named, noon, on};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tallymark_core::{
    Batch, ClientClass, Day, DayVisitors, Entry, Event, Minute, Name, Visit, VisitorHash, Visits,
};
use tallymark_store::{Level, Step, TooOld};

const DAY: Duration = Duration::from_secs(86_400);

/// This minute by the real clock, which the stores go by.
fn now() -> Minute {
    Minute((SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 60) as i32)
}

/// Noon so many days ago.
fn ago(days: i32) -> Minute {
    Minute(now().day().first_minute().0 - days * 1440 + 720)
}

fn aged(entries: u64, days: i32) -> TooOld {
    TooOld { entries, oldest: Some(ago(days).day()) }
}

impl Desk {
    async fn aged(&self, level: Level, days: u32) -> TooOld {
        self.store.aged(level, DAY * days).await.unwrap()
    }

    /// How many buckets of a name are there in the last 99 days, at each step.
    async fn buckets(&self, name: &Name) -> [usize; 3] {
        let (first, last) = (ago(99), Minute(now().0 + 1));
        let series = |step, from, to| self.store.series(Event::HIT, name, step, from, to);
        let days = series(Step::Day, first.day().0, last.day().0 + 1).await.unwrap();
        let hours = series(Step::Hour, first.hour().0, last.hour().0 + 1).await.unwrap();
        let minutes = series(Step::Minute, first.0, last.0).await.unwrap();
        [days.len(), hours.len(), minutes.len()]
    }
}

pub(crate) async fn what_is_old_is_told_and_deleted_level_by_level_and_no_total_changes(mut bed: Bed) {
    bed.retention.minute = DAY * 100;
    bed.retention.hour = DAY * 100;
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", now(), 1), at("b", now(), 1)]).await;
    for days in [3, 40, 80] {
        desk.count(&[at("a", ago(days), 2), at("a", Minute(ago(days).0 + 61), 1)]).await;
    }
    desk.count(&[on("b", ago(80).day(), 5), Entry { name: Name::overflow(), ..on("b", ago(80).day(), 1) }])
        .await;
    let (a, b, all) = (named("a"), named("b"), Name::all());
    let names = [&a, &b, &all];
    let totals = || async { desk.store.totals(Event::HIT, &names.map(Name::clone)).await.unwrap() };
    let before = totals().await;
    assert_eq!(before, [10, 6, 17]);
    assert_eq!(desk.buckets(&a).await, [4, 7, 7]);
    for (level, days, is) in [
        (Level::Minutes, 2, aged(6, 80)),
        (Level::Minutes, 50, aged(2, 80)),
        (Level::Hours, 39, aged(4, 80)),
        (Level::Hours, 90, TooOld::default()),
        (Level::Days, 39, aged(3, 80)),
        (Level::Days, 90, TooOld::default()),
    ] {
        assert_eq!(desk.aged(level, days).await, is, "{level} {days}");
    }
    // Each level by itself, twice; and a day with all that is finer.
    for (level, days, left) in
        [(Level::Minutes, 60, [4, 7, 5]), (Level::Hours, 60, [4, 5, 5]), (Level::Days, 39, [2, 3, 3])]
    {
        for _ in 0..2 {
            desk.store.clear_aged(level, DAY * days).await.unwrap();
            assert_eq!(desk.buckets(&a).await, left, "{level}");
            assert_eq!(desk.aged(level, days).await, TooOld::default());
        }
    }
    assert_eq!((desk.buckets(&b).await, desk.buckets(&all).await), ([1, 1, 1], [2, 3, 3]));
    assert_eq!(totals().await, before);
    assert_eq!(desk.store.name_count(Event::HIT).await.unwrap(), 2);
    // What comes later for such a day counts there.
    desk.count(&[on("b", ago(80).day(), 2)]).await;
    assert_eq!((desk.total("b").await, desk.buckets(&b).await[0]), (8, 2));
    assert_eq!(desk.aged(Level::Days, 39).await, aged(1, 80));
}

pub(crate) async fn old_visits_go_and_the_others_stay_in_their_order(mut bed: Bed) {
    bed.retention.visits = 100;
    let desk = Desk::new(&bed).await;
    let visits = |name: &str, days: &[i32]| {
        let visit = |&days: &i32| Visit::new(ago(days), ClientClass::Browser);
        Visits { event: Event::HIT, name: named(name), last: days.iter().map(visit).collect() }
    };
    let lists = vec![visits("old", &[50, 41]), visits("both", &[60, 50, 39, 2]), visits("young", &[3])];
    let entries = ["old", "both", "young"].map(|name| at(name, now(), 4));
    desk.apply(&[Batch { visits: lists, ..desk.batch(1, &entries) }]).await;
    assert_eq!(desk.aged(Level::Visits, 40).await, aged(4, 60));
    assert_eq!(desk.aged(Level::Visits, 70).await, TooOld::default());
    desk.store.clear_aged(Level::Visits, DAY * 40).await.unwrap();
    assert_eq!(desk.aged(Level::Visits, 40).await, TooOld::default());
    for (name, left) in [("old", &[][..]), ("both", &[2, 39]), ("young", &[3])] {
        let read = desk.store.visits(Event::HIT, &named(name), 9).await.unwrap();
        let minutes: Vec<Minute> = read.into_iter().map(|visit| visit.minute).collect();
        assert_eq!(minutes, left.iter().map(|&days| ago(days)).collect::<Vec<_>>(), "{name}");
    }
    // The lists go on.
    let next = Batch { visits: vec![visits("old", &[1])], ..desk.batch(2, &[at("old", now(), 1)]) };
    desk.apply(&[next]).await;
    assert_eq!(desk.store.visits(Event::HIT, &named("old"), 9).await.unwrap().len(), 1);
    assert_eq!(desk.total("old").await, 5);
}

pub(crate) async fn visitors_have_a_retention_of_their_own(mut bed: Bed) {
    bed.retention.visitors = DAY * 60;
    let desk = Desk::new(&bed).await;
    let of = |days: i32| DayVisitors {
        event: Event::VISIT,
        name: named("a"),
        day: ago(days).day(),
        hashes: vec![VisitorHash(1), VisitorHash(2)],
    };
    let entry = |days| Entry { event: Event::VISIT, ..at("a", ago(days), 2) };
    let days = [50, 30, 0];
    let entries = days.map(entry);
    desk.apply(&[Batch { visitors: days.map(of).to_vec(), ..desk.batch(1, &entries) }]).await;
    if bed.redis.is_some() {
        let key = format!("TTL uniques:visit:{}:a", noon().day());
        let key = key.replace(&noon().day().to_string(), &ago(0).day().to_string());
        let left: u64 = bed.cli(&key).trim().parse().unwrap();
        assert!((59 * 86_400..61 * 86_400).contains(&left), "{left}");
    }
    assert_eq!(desk.aged(Level::Visitors, 40).await, aged(1, 50));
    desk.store.clear_aged(Level::Visitors, DAY * 40).await.unwrap();
    let (from, to) = (Day(ago(90).day().0), Day(now().day().0 + 1));
    let left = desk.store.visitors(Event::VISIT, &named("a"), from, to).await.unwrap();
    assert_eq!(left, [(ago(30).day(), 2), (ago(0).day(), 2)]);
    // The visits of that day are still counted.
    assert_eq!(desk.store.totals(Event::VISIT, &[named("a")]).await.unwrap(), [6]);
}
