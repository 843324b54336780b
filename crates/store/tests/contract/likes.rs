//! Likes as people see them: one number for one span, at whatever level it is read.

use crate::bed::{Bed, Desk, at, noon, on};
use tallymark_core::{Entry, Event, Hour, Minute, Name};
use tallymark_store::{Filter, NetLikes, Span, Step, StoreRead};

fn of(event: Event, name: &str, minute: Minute, count: u64) -> Entry {
    Entry { event, ..at(name, minute, count) }
}

pub(crate) async fn likes_are_the_same_number_at_every_level(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let (first, day) = (noon(), noon().day());
    // Each unlike is in the minute of its like. In the next hour somebody else liked, who must not be taken for it.
    let later = Minute(first.0 + 60);
    desk.count(&[
        of(Event::LIKE, "a/b", first, 2),
        of(Event::LIKE, "a/b", Minute(first.0 + 1), 1),
        of(Event::UNLIKE, "a/b", Minute(first.0 + 1), 1),
        of(Event::LIKE, "a/b", later, 3),
        of(Event::UNLIKE, "a/b", first, 2),
        of(Event::LIKE, "gone", first, 1),
        of(Event::UNLIKE, "gone", first, 1),
        of(Event::LIKE, "stays", first, 1),
        Entry { event: Event::LIKE, ..on("stays", day, 4) },
    ])
    .await;
    let likes = NetLikes::over(desk.store.clone());
    let name = |text: &str| Name::new(text).unwrap();
    let names = [name("a/b"), name("gone"), name("stays")];
    assert_eq!(likes.totals(Event::LIKE, &names).await.unwrap(), [3, 0, 5]);
    for (step, bucket) in [
        (Step::Minute, later.0),
        (Step::Hour, later.hour().0),
        (Step::Day, day.0),
        (Step::Month, day.month().0),
    ] {
        let wide = if step == Step::Minute { 70 } else { 2 };
        let series = likes.series(Event::LIKE, &names[0], step, bucket - wide, bucket + wide).await.unwrap();
        assert_eq!(series, [(bucket, 3)], "{step:?}");
        let gone = likes.series(Event::LIKE, &names[1], step, bucket - wide, bucket + wide).await.unwrap();
        assert_eq!(gone, [], "{step:?}");
    }
    let spans = [
        (Span::All, [3, 0, 5]),
        (Span::Days(day, day), [3, 0, 5]),
        (Span::Hour(first.hour()), [0, 0, 1]),
        (Span::Hour(Hour(first.hour().0 + 1)), [3, 0, 0]),
        (Span::last_minutes(later, 1), [3, 0, 0]),
    ];
    for (span, expect) in spans {
        let rows = likes.counts(Event::LIKE, &names, &[(span, 0)]).await.unwrap();
        assert_eq!(rows.concat(), expect, "{span:?}");
        let mut start = None;
        let mut listed = Vec::new();
        loop {
            let slice = likes.slice(Event::LIKE, span, 0, start.as_deref()).await.unwrap();
            listed.extend(slice.counts);
            start = slice.next;
            if start.is_none() {
                break;
            }
        }
        listed.sort();
        let expect = names.iter().cloned().zip(expect).filter(|(_, likes)| *likes > 0);
        // The log of a minute goes by the clock of the store, so that of a past one may be gone.
        if !matches!(span, Span::Minutes(..)) {
            assert_eq!(listed, expect.collect::<Vec<_>>(), "{span:?}");
        }
    }
}

pub(crate) async fn names_without_a_like_that_stands_are_not_among_the_liked(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let pairs = (0..1500).flat_map(|n| {
        let name = format!("gone/{n:04}");
        [of(Event::LIKE, &name, noon(), 1), of(Event::UNLIKE, &name, noon(), 1)]
    });
    let stay = ["a/b", "c/d"].map(|name| of(Event::LIKE, name, noon(), 2));
    let again = of(Event::UNLIKE, "c/d", noon(), 1);
    desk.count(&pairs.chain(stay).chain([again]).collect::<Vec<_>>()).await;
    let likes = NetLikes::over(desk.store.clone());
    assert_eq!(likes.name_count(Event::LIKE).await.unwrap(), 2);
    assert_eq!(desk.store.name_count(Event::LIKE).await.unwrap(), 1502);
    let filters = [None, Some(Filter { contains: "/".into(), ..Filter::default() })];
    for filter in filters {
        let (mut names, mut start) = (Vec::new(), None);
        loop {
            let page = match &filter {
                None => likes.names(Event::LIKE, start.as_deref(), 400).await.unwrap(),
                Some(filter) => likes.find(Event::LIKE, filter, start.as_deref(), 400).await.unwrap(),
            };
            names.extend(page.names.iter().map(Name::to_string));
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        names.sort();
        names.dedup();
        assert_eq!(names, ["a/b", "c/d"], "{filter:?}");
    }
}
