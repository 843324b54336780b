//! What an order ended with, counted by month and year.

use crate::bed::{Bed, Desk, at, ended, event, named, noon};
use tallymark_core::{Entry, Event, MAX_STATUSES, Month, Name, OVERFLOW};
use tallymark_store::Outcome;

fn order(name: &str, count: u64) -> Entry {
    Entry { event: event("order"), ..at(name, noon(), count) }
}

fn november() -> Month {
    noon().day().month()
}

impl Desk {
    async fn statuses(&self, name: &Name, year: i32, month: Option<u32>) -> Vec<(String, i64)> {
        self.store.statuses(event("order"), name, year, month).await.unwrap()
    }
}

fn texts(statuses: &[(&str, i64)]) -> Vec<(String, i64)> {
    statuses.iter().map(|&(status, count)| (status.to_owned(), count)).collect()
}

pub(crate) async fn statuses_are_counted_by_month_and_year_and_over_every_name(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let (a, b, month) = (named("acme"), named("o/b"), november());
    let (december, next) = (Month(month.0 + 1), Month(month.0 + 2));
    let statuses =
        [ended(&a, month, "closed", 2), ended(&a, month, "draft", 3), ended(&b, month, "closed", 1)];
    assert_eq!(desk.count_with(&[order("acme", 5), order("o/b", 1)], &statuses).await, (vec![5, 1], 0));
    let statuses = [ended(&a, december, "closed", 1), ended(&a, next, "closed", 7)];
    desk.count_with(&[order("acme", 8)], &statuses).await;
    // An order without a status counts in the series alone.
    desk.count(&[order("acme", 1)]).await;

    let both = texts(&[("closed", 2), ("draft", 3)]);
    assert_eq!(desk.statuses(&a, 2026, Some(11)).await, both);
    assert_eq!(desk.statuses(&a, 2026, Some(12)).await, texts(&[("closed", 1)]));
    assert_eq!(desk.statuses(&a, 2026, None).await, texts(&[("closed", 3), ("draft", 3)]));
    assert_eq!(desk.statuses(&a, 2027, None).await, texts(&[("closed", 7)]));
    assert_eq!(desk.statuses(&Name::all(), 2026, None).await, texts(&[("closed", 4), ("draft", 3)]));
    assert_eq!(desk.statuses(&Name::all(), 2026, Some(11)).await, texts(&[("closed", 3), ("draft", 3)]));
    for (year, month) in
        [(2025, None), (2026, Some(10)), (2026, Some(0)), (2026, Some(13)), (i32::MAX, Some(1))]
    {
        assert_eq!(desk.statuses(&a, year, month).await, []);
    }
    assert_eq!(desk.store.statuses(Event::HIT, &a, 2026, None).await.unwrap(), []);
    assert_eq!(desk.statuses(&named("never"), 2026, None).await, []);

    let months = |name: Name| {
        let store = desk.store.clone();
        async move { store.status_months(event("order"), &name).await.unwrap() }
    };
    assert_eq!(months(a).await, [month, december, next]);
    assert_eq!((months(b).await, months(Name::all()).await), (vec![month], vec![month, december, next]));
    assert_eq!(months(named("never")).await, []);
    assert_eq!(desk.store.totals(event("order"), &[named("acme"), Name::all()]).await.unwrap(), [14, 15]);
}

pub(crate) async fn weird_statuses_come_back_as_they_were(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let name = named("a:b/*?[x]");
    let mut texts: Vec<String> =
        (b' '..0x7f).filter(|&b| b != b'~').map(|b| char::from(b).to_string()).collect();
    texts.extend(["a:b", " in transit ", "日本", "\u{202e}x", "__proto__", "</script>"].map(str::to_owned));
    texts.push("é".repeat(32));
    texts.sort();
    let statuses: Vec<_> = texts.iter().map(|text| ended(&name, november(), text, 1)).collect();
    desk.count_with(&[order(name.as_str(), texts.len() as u64)], &statuses).await;
    let expected: Vec<(String, i64)> = texts.into_iter().map(|text| (text, 1)).collect();
    assert_eq!(desk.statuses(&name, 2026, None).await, expected);
    assert_eq!(desk.statuses(&name, 2026, Some(11)).await, expected);
}

pub(crate) async fn a_batch_with_statuses_that_comes_again_counts_nothing(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let mut batch = desk.batch(1, &[order("a", 2)]);
    batch.statuses = vec![ended(&named("a"), november(), "closed", 2)];
    for expected in [Outcome::Applied { totals: vec![2], quarantined: 0 }, Outcome::Duplicate] {
        assert_eq!(desk.apply(std::slice::from_ref(&batch)).await, [expected]);
        assert_eq!(desk.statuses(&named("a"), 2026, None).await, texts(&[("closed", 2)]));
    }
}

pub(crate) async fn made_up_statuses_have_an_end_and_their_sum_is_exact(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let name = named("a");
    for round in 0..2 {
        let made_up = |n: usize| ended(&name, november(), &format!("s{:05}", round * 900 + n), 1);
        let statuses: Vec<_> = (0..900).map(made_up).collect();
        assert_eq!(desk.count_with(&[order("a", 900)], &statuses).await.1, 0);
    }
    for (of, month) in [(&name, Some(11)), (&name, None), (&Name::all(), None)] {
        let read = desk.statuses(of, 2026, month).await;
        assert_eq!(read.len(), MAX_STATUSES + 1);
        assert_eq!(read.iter().map(|(_, count)| count).sum::<i64>(), 1800);
        assert!(read.contains(&(OVERFLOW.to_owned(), 800)) && read.contains(&("s00999".to_owned(), 1)));
    }
    // What is known still counts as itself.
    desk.count_with(&[order("a", 5)], &[ended(&name, november(), "s00000", 5)]).await;
    assert!(desk.statuses(&name, 2026, None).await.contains(&("s00000".to_owned(), 6)));
}

pub(crate) async fn statuses_stop_at_the_largest_number(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    for count in [i64::MAX as u64 - 1, 5, u64::MAX] {
        let (name, other) = (named("a"), named("b"));
        let statuses = [ended(&name, november(), "x", count), ended(&other, november(), "x", 1)];
        assert_eq!(desk.count_with(&[order("a", count), order("b", 1)], &statuses).await.1, 0);
    }
    let most = texts(&[("x", i64::MAX)]);
    assert_eq!(desk.statuses(&named("a"), 2026, Some(11)).await, most);
    assert_eq!(desk.statuses(&named("a"), 2026, None).await, most);
    assert_eq!(desk.statuses(&Name::all(), 2026, None).await, most);
    assert_eq!(desk.statuses(&named("b"), 2026, None).await, texts(&[("x", 3)]));
}
