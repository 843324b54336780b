//! What a store has beside its counts, as another store takes it over.

use crate::bed::{Bed, Desk, at, named, noon};
use std::collections::BTreeSet;
use tallymark_core::{
    Batch, CorrectionRecord, CountCell, Day, DayKeys, DayVisitors, Difference, Event, VisitorHash,
};
use tallymark_store::{Class, InstanceMark, KnownCorrection, Store};
use uuid::Uuid;

fn mark(n: u128, seq: u64) -> InstanceMark {
    let body = n.is_multiple_of(2).then(|| Uuid::from_u128(n + 7));
    InstanceMark { instance: Uuid::from_u128(n), nonce: Uuid::from_u128(1000 + n), seq, body }
}

type Known = (Uuid, Uuid, u64, Option<Uuid>);

fn known(mark: &InstanceMark) -> Known {
    (mark.instance, mark.nonce, mark.seq, mark.body)
}

async fn marks(store: &dyn Store) -> BTreeSet<Known> {
    let (mut all, mut start) = (BTreeSet::new(), None);
    loop {
        let page = store.marks(start.as_deref()).await.unwrap();
        all.extend(page.marks.iter().map(known));
        start = page.next;
        if start.is_none() {
            return all;
        }
    }
}

fn correction(n: u128, part: u64, by: i64) -> KnownCorrection {
    let record = CorrectionRecord {
        id: Uuid::from_u128(n),
        part,
        at: "2026-11-20T12:00:00Z".to_owned(),
        by: "a test".to_owned(),
        action: "add".to_owned(),
        name: "o/r".to_owned(),
        event: None,
        to: None,
        count: Some(by),
        stretch: None,
        until: None,
        reason: Some("because \"x\"".to_owned()),
        undoes: None,
        changed: Vec::new(),
        remembered: Vec::new(),
    };
    let difference =
        Difference { event: Event::HIT, name: named("o/r"), cell: CountCell::Day(noon().day()), by };
    KnownCorrection { record, differences: vec![difference] }
}

pub(crate) async fn what_is_beside_the_counts_is_taken_over_as_it_is(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let store = &*desk.store;
    let own = marks(store).await;
    assert_eq!(own.len(), 1, "the desk has claimed");

    // Marks come page by page, each once or more; what is known better here stays.
    let many: Vec<InstanceMark> = (1..=12_000).map(|n| mark(n, 5)).collect();
    store.put_marks(many.clone()).await.unwrap();
    store.put_marks(vec![mark(1, 4), mark(2, 9)]).await.unwrap();
    let expected: BTreeSet<Known> = many
        .iter()
        .map(known)
        .filter(|mark| mark.0 != Uuid::from_u128(2))
        .chain([known(&mark(2, 9))])
        .collect();
    assert!(marks(store).await == &own | &expected);
    assert_eq!(store.applied(Uuid::from_u128(2)).await.unwrap(), 9);
    assert_eq!(store.body_of(Uuid::from_u128(2)).await.unwrap(), mark(2, 9).body);
    assert_eq!(store.body_of(Uuid::from_u128(3)).await.unwrap(), None);
    assert_eq!(store.marks(Some("no page")).await.unwrap_err().class(), Class::Request);
    // Its owner continues behind it.
    assert_eq!(store.claim(Uuid::from_u128(2)).await.unwrap().marker, 9);

    // A log of corrections replaces what is there.
    store.put_corrections(vec![correction(9, 1, 1)], vec![(Event::HIT, 1)]).await.unwrap();
    let log = vec![correction(8, 2, -3), correction(8, 1, 2), correction(7, 1, 5)];
    store.put_corrections(log.clone(), vec![(Event::HIT, 4), (Event::VISIT, -2)]).await.unwrap();
    let records: Vec<CorrectionRecord> = log.iter().map(|known| known.record.clone()).collect();
    assert_eq!(store.corrections(10).await.unwrap(), records);
    for known in &log {
        let there = store.differences(known.record.id, known.record.part).await.unwrap();
        assert_eq!(there.as_ref(), Some(&known.differences));
    }
    assert_eq!(store.differences(Uuid::from_u128(9), 1).await.unwrap(), None);
    for (event, by) in [(Event::HIT, 4), (Event::VISIT, -2), (Event::LIKE, 0)] {
        assert_eq!(store.corrected(event).await.unwrap(), by, "{event}");
    }

    // So do keys of days. What was counted with the key of before is not touched.
    let today = crate::bed::present().day();
    let before = store.day_keys(today).await.unwrap();
    let keys =
        DayKeys::new(DayKeys::days(today).map(|day| (day, Uuid::from_u128(day.0.unsigned_abs().into()))));
    assert_ne!(before.of(today), keys.of(today));
    store.put_day_keys(keys.clone()).await.unwrap();
    let there = store.day_keys(today).await.unwrap();
    assert!(there.iter().eq(keys.iter()));

    // Hashes can be read where they are kept.
    let visitors = DayVisitors {
        event: Event::VISIT,
        name: named("o/r"),
        day: today,
        hashes: vec![VisitorHash(3), VisitorHash(u64::MAX)],
    };
    let visit = tallymark_core::Entry { event: Event::VISIT, ..at("o/r", today.first_minute(), 2) };
    desk.apply(&[Batch { visitors: vec![visitors.clone()], ..desk.batch(1, &[visit]) }]).await;
    let read = |name: &'static str, day: Day| async move {
        store.visitor_hashes(Event::VISIT, &named(name), day).await.unwrap()
    };
    let hashes = if bed.redis.is_some() { Vec::new() } else { visitors.hashes };
    assert_eq!(read("o/r", today).await, hashes);
    assert_eq!((read("o/r", Day(today.0 - 1)).await, read("other", today).await), (vec![], vec![]));
}
