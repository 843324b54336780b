//! What rankings are made of: the counts of a span, slice by slice.

use crate::bed::{Bed, Desk, at, event, noon, on};
use std::collections::BTreeMap;
use tallymark_core::{Day, Entry, Event, Minute, Name};
use tallymark_store::{Class, Span};

/// Every count of a span, and in how many slices it came.
async fn all(desk: &Desk, event: Event, span: Span, floor: i64) -> (BTreeMap<String, i64>, usize) {
    let (mut counts, mut start, mut slices) = (BTreeMap::new(), None::<String>, 0);
    loop {
        let slice = desk.store.slice(event, span, floor, start.as_deref()).await.unwrap();
        for (name, count) in slice.counts {
            let before = counts.insert(name.to_string(), count);
            assert!(before.is_none_or(|before| before == count), "{name}");
        }
        (start, slices) = (slice.next, slices + 1);
        if start.is_none() {
            return (counts, slices);
        }
    }
}

/// The log of a minute goes by the clock of the store, so this minute is a real one.
fn this_minute() -> Minute {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Minute((now.as_secs() / 60) as i32)
}

pub(crate) async fn slices_hold_what_was_counted_in_the_span(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let now = this_minute();
    let today = now.day();
    let like = event("like");
    desk.count(&[
        at("now", now, 3),
        at("early", Minute(today.first_minute().0), 5),
        on("today", today, 7),
        on("both", today, 1),
        on("both", Day(today.0 - 1), 20),
        on("yesterday", Day(today.0 - 1), 40),
        on("old", Day(today.0 - 400), 1000),
        Entry { event: like, ..at("now", now, 2) },
        Entry { name: Name::overflow(), ..at("x", now, 9) },
    ])
    .await;
    let yesterday = Day(today.0 - 1);
    for (span, expect) in [
        (Span::last_minutes(now, 1), vec![("now", 3)]),
        (Span::last_minutes(now, 2), vec![("now", 3)]),
        (Span::last_minutes(now, 60), vec![("now", 3)]),
        (Span::Days(today, today), vec![("now", 3), ("early", 5), ("today", 7), ("both", 1)]),
        (Span::Days(yesterday, yesterday), vec![("both", 20), ("yesterday", 40)]),
        (
            Span::Days(Day(today.0 - 30), today),
            vec![("now", 3), ("early", 5), ("today", 7), ("both", 21), ("yesterday", 40)],
        ),
        (
            Span::All,
            vec![("now", 3), ("early", 5), ("today", 7), ("both", 21), ("yesterday", 40), ("old", 1000)],
        ),
    ] {
        let mut expect: BTreeMap<String, i64> =
            expect.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        let is_early = matches!(span, Span::Minutes(from, _) if from <= today.first_minute());
        if is_early {
            expect.insert("early".to_owned(), 5);
        }
        assert_eq!(all(&desk, Event::HIT, span, 0).await.0, expect, "{span:?}");
        // Counts at or below the floor may be missing; those above must be there.
        let (above, _) = all(&desk, Event::HIT, span, 7).await;
        expect.retain(|_, count| *count > 7);
        assert_eq!(above.into_iter().filter(|(_, count)| *count > 7).collect::<BTreeMap<_, _>>(), expect);
    }
    let (hour, _) = all(&desk, Event::HIT, Span::Hour(now.hour()), 0).await;
    assert_eq!(hour.get("now"), Some(&3));
    assert!(!hour.contains_key("today"), "what has only a day has no hour");
    assert_eq!(all(&desk, like, Span::All, 0).await.0, BTreeMap::from([("now".to_owned(), 2)]));
    assert_eq!(
        all(&desk, like, Span::last_minutes(now, 1), 0).await.0,
        BTreeMap::from([("now".to_owned(), 2)])
    );
    assert_eq!(desk.store.events().await.unwrap(), [Event::HIT, like]);
}

pub(crate) async fn counts_of_names_are_those_of_the_slices(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let now = this_minute();
    let (today, hour) = (now.day(), now.hour());
    desk.count(&[
        at("now", now, 3),
        at("hour", Minute(now.0 + 1), 5),
        at("early", Minute(today.first_minute().0), 8),
        on("today", today, 7),
        at("both", now, 2),
        at("both", Minute(now.0 - 40), 4),
        on("both", Day(today.0 - 1), 20),
        on("old", Day(today.0 - 400), 1000),
        Entry { event: event("like"), ..at("now", now, 2) },
        Entry { event: event("like"), ..at("other", now, 2) },
    ])
    .await;
    let names = ["now", "hour", "early", "today", "both", "old", "other", "nobody", "now"];
    let names = names.map(|name| Name::new(name).unwrap());
    let spans = [
        Span::All,
        Span::Days(Day(today.0 - 19), today),
        Span::Days(today, today),
        Span::Hour(hour),
        Span::last_minutes(now, 1),
        Span::last_minutes(now, 60),
    ];
    for floor in [0, 4] {
        let rows = desk.store.counts(Event::HIT, &names, &spans.map(|span| (span, floor))).await.unwrap();
        assert_eq!(rows.len(), names.len());
        for (column, span) in spans.into_iter().enumerate() {
            let (counts, _) = all(&desk, Event::HIT, span, 0).await;
            for (name, row) in names.iter().zip(&rows) {
                let expect = counts.get(name.as_str()).copied().unwrap_or(0);
                let fits = row[column] == expect || (expect <= floor && row[column] == 0);
                assert!(fits, "{name} {span:?} above {floor}: {row:?}, and not {expect}");
            }
        }
    }
    assert_eq!(desk.store.counts(Event::HIT, &[], &[(Span::All, 0)]).await.unwrap(), [[0; 0]; 0]);
}

pub(crate) async fn many_names_come_in_many_slices(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let today = noon().day();
    let mut sums = BTreeMap::new();
    for day in 0..3 {
        let entries: Vec<_> = (0..5500).filter(|n| n % (day + 1) == 0).collect();
        let entries: Vec<_> = entries
            .iter()
            .map(|n| {
                *sums.entry(format!("o/n{n:05}")).or_insert(0) += i64::from(*n + 1);
                on(&format!("o/n{n:05}"), Day(today.0 - day), (*n + 1) as u64)
            })
            .collect();
        desk.count(&entries).await;
    }
    for span in [Span::All, Span::Days(Day(today.0 - 2), today), Span::Days(Day(today.0 - 13), today)] {
        let (counts, _) = all(&desk, Event::HIT, span, 0).await;
        assert_eq!(counts, sums, "{span:?}");
    }
    let (_, slices) = all(&desk, Event::HIT, Span::Days(Day(today.0 - 30), today), 0).await;
    assert!(slices > 1, "{slices}");
}

pub(crate) async fn an_event_of_few_names_is_done_at_once(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let (now, like) = (this_minute(), event("like"));
    let many: Vec<_> = (0..3000).map(|n| at(&format!("n{n:04}"), now, 2)).collect();
    desk.count(&many).await;
    desk.count(&[Entry { event: like, ..at("last", now, 1) }, Entry { event: like, ..at("n0001", now, 7) }])
        .await;
    let week = Span::Days(Day(now.day().0 - 20), now.day());
    for span in
        [Span::All, week, Span::Hour(now.hour()), Span::last_minutes(now, 1), Span::last_minutes(now, 60)]
    {
        let (mut counts, slices) = all(&desk, like, span, 3).await;
        counts.retain(|_, count| *count > 3);
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("n0001".to_owned(), 7)]);
        assert_eq!(all(&desk, event("none"), span, 0).await.0, BTreeMap::new());
        // Redis goes through a set for each day.
        assert!(slices <= if bed.redis.is_some() { 21 } else { 1 }, "{slices}");
    }
}

pub(crate) async fn a_slice_that_is_none_is_refused_or_empty(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    let today = noon().day();
    for span in [Span::All, Span::Days(today, today), Span::Days(Day(today.0 - 6), today)] {
        match desk.store.slice(Event::HIT, span, 0, Some("nonsense")).await {
            Ok(slice) => assert_eq!((slice.counts, slice.next), (vec![], None)),
            Err(error) => assert_eq!(error.class(), Class::Request),
        }
    }
}

/// An hour of minutes that begins on one day and ends on the next.
pub(crate) async fn minutes_over_midnight_are_of_both_days(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let midnight = this_minute().day().first_minute().0;
    let minute = |after: i32| Minute(midnight + after);
    desk.count(&[
        at("before", minute(-31), 100),
        at("both", minute(-30), 3),
        at("both", minute(29), 4),
        at("first", minute(-1), 5),
        at("second", minute(0), 6),
        at("after", minute(30), 100),
    ])
    .await;
    let span = Span::last_minutes(minute(29), 60);
    let expect = [("both", 7), ("first", 5), ("second", 6)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(all(&desk, Event::HIT, span, 0).await.0, BTreeMap::from(expect.clone()));
    let (mut above, _) = all(&desk, Event::HIT, span, 6).await;
    above.retain(|_, count| *count > 6);
    assert_eq!(above, BTreeMap::from([expect[0].clone()]), "no day alone has so many");
}

#[tokio::test]
async fn a_minute_is_found_in_the_log_or_among_the_names_of_its_day() {
    for old_log in [false, true] {
        let bed = Bed::redis();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        if old_log {
            bed.cli(&format!("XADD changes {}-0 hit %zz", now.as_millis() - 30 * 60_000));
        }
        let mut desk = Desk::new(&bed).await;
        let now = Minute((now.as_secs() / 60) as i32);
        let before = Minute(now.0 - 125);
        desk.count(&[at("now", now, 3), at("then", before, 4), at("both", now, 1), at("both", before, 2)])
            .await;
        for (minute, expect) in [(now, [("both", 1), ("now", 3)]), (before, [("both", 2), ("then", 4)])] {
            let expect = expect.map(|(name, count)| (name.to_owned(), count));
            assert_eq!(
                all(&desk, Event::HIT, Span::last_minutes(minute, 1), 0).await.0,
                BTreeMap::from(expect)
            );
        }
    }
}
