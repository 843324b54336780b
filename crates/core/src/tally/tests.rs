use super::*;
use crate::{ClientClass, Day, Minute, NameRef, StatusRef, Visits};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn hit(name: &str, when: When, weight: u32) -> Hit<'_> {
    Hit { weight, ..Hit::one(Event::HIT, NameRef::new(name.as_bytes()).unwrap(), when) }
}

fn sealed(tally: &mut Tally) -> Vec<(String, When, u64)> {
    tally.seal().entries.into_iter().map(|e| (e.name.to_string(), e.when, e.count)).collect()
}

#[test]
fn seal_empties_and_sorts() {
    let mut tally = Tally::new(10);
    let minute = When::Minute(Minute(5));
    for (name, when, weight) in
        [("b", minute, 1), ("a", minute, 2), ("b", minute, 3), ("b", When::Day(Day(0)), 1)]
    {
        assert!(matches!(tally.add(&hit(name, when, weight)), Added::In(_)));
    }
    let expect = [("a".into(), minute, 2), ("b".into(), minute, 4), ("b".into(), When::Day(Day(0)), 1)];
    let mut cells = tally.cells_of(Event::HIT, "b");
    cells.sort_unstable();
    assert_eq!(cells, [(minute, 4), (When::Day(Day(0)), 1)]);
    assert!(tally.cells_of(Event::HIT, "c").is_empty() && tally.cells_of(Event::URL, "b").is_empty());
    assert_eq!(sealed(&mut tally), expect);
    assert!(tally.is_empty() && tally.seal().is_empty() && tally.cells_of(Event::HIT, "b").is_empty());
}

#[test]
fn slots_stay_good_over_seals_and_minutes() {
    let mut tally = Tally::new(10);
    let Added::In(slot) = tally.add(&hit("a", When::Minute(Minute(1)), 1)) else { panic!("there is room") };
    tally.seal();
    for minute in 1..=200 {
        tally.add_at(slot, When::Minute(Minute(minute / 100)), 2);
    }
    let expect = [0, 1, 2].map(|minute| ("a".to_owned(), When::Minute(Minute(minute))));
    let sealed = sealed(&mut tally);
    assert_eq!(sealed.iter().map(|(name, when, _)| (name.clone(), *when)).collect::<Vec<_>>(), expect);
    assert_eq!(sealed.iter().map(|(_, _, count)| *count).collect::<Vec<_>>(), [198, 200, 2]);
    assert_eq!(tally.epoch(), 0);
}

#[test]
fn full_tally_counts_new_names_under_overflow_and_known_ones_exactly() {
    let mut tally = Tally::new(2);
    let when = When::Day(Day(1));
    for name in ["a", "b", "c", "d", "a", "c"] {
        tally.add(&hit(name, when, 1));
    }
    let expect = [("a".into(), when, 2), ("b".into(), when, 1), ("~overflow".into(), when, 3)];
    assert_eq!(sealed(&mut tally), expect);
}

#[test]
fn names_of_earlier_ticks_make_room_for_new_ones() {
    let mut tally = Tally::new(8);
    let when = When::Day(Day(1));
    for n in 0..100 {
        let name = format!("n{n}");
        assert!(matches!(tally.add(&hit(&name, when, 1)), Added::In(_)), "{name}");
        if n % 4 == 3 {
            assert_eq!(tally.seal().entries.len(), 4);
        }
    }
    assert!(tally.epoch() > 0, "slots were given to others");
}

#[test]
fn long_names_take_the_room_of_several() {
    let mut tally = Tally::new(100);
    let count = |tally: &mut Tally, n: u32, event| {
        let name = format!("{n:02048}");
        let name = NameRef::of(Event::URL, name.as_bytes()).unwrap();
        tally.add(&Hit::one(event, name, When::Day(Day(1))))
    };
    for round in 0..3 {
        let counted = (0..50).map(|n| count(&mut tally, 50 * round + n, Event::URL));
        let fit = counted.filter(|added| matches!(added, Added::In(_))).count();
        assert!((5..=10).contains(&fit), "{fit}");
        let sealed = tally.seal();
        assert_eq!(sealed.hits(), 50);
        assert_eq!(sealed.entries.len(), fit + 1);
    }
    // An event that was folded into `overflow` has no long names.
    assert_eq!(count(&mut tally, 1, Event::OVERFLOW), Added::Overflow);
}

#[test]
fn made_up_events_are_bounded_and_still_counted() {
    let mut tally = Tally::new(10_000);
    for n in 0..1000 {
        let event = Event::new(format!("e{n}").as_bytes()).unwrap();
        tally.add(&Hit { event, ..hit("a", When::Day(Day(1)), 1) });
    }
    let sealed = tally.seal().entries;
    assert_eq!(sealed.len(), MAX_EVENTS + 1);
    assert_eq!(sealed.iter().map(|e| e.count).sum::<u64>(), 1000);
    assert!(sealed.iter().any(|e| e.event == Event::OVERFLOW && e.count == 1000 - MAX_EVENTS as u64));
}

#[test]
fn counts_saturate() {
    let mut tally = Tally::new(2);
    let entry =
        |count| Entry { event: Event::HIT, name: Name::new("a").unwrap(), when: When::Day(Day(1)), count };
    tally.merge(vec![entry(u64::MAX - 1)].into());
    tally.merge(vec![entry(5)].into());
    assert_eq!(tally.seal().entries[0].count, u64::MAX);
}

#[test]
fn statuses_are_counted_beside_their_hits() {
    let mut tally = Tally::new(10);
    let november = When::Day(Day::from_date(2026, 11, 30).unwrap());
    let december = When::Minute(Day::from_date(2026, 12, 1).unwrap().first_minute());
    for (when, status) in
        [(november, Some("b")), (november, None), (november, Some("a")), (december, Some("b"))]
    {
        let status = status.map(|status| StatusRef::new(status.as_bytes()).unwrap());
        tally.add(&Hit { status, ..hit("x", when, 2) });
    }
    let sealed = tally.seal();
    assert_eq!(sealed.hits(), 8);
    let statuses: Vec<_> =
        sealed.statuses.iter().map(|s| (s.month.date(), s.status.as_str(), s.count)).collect();
    assert_eq!(statuses, [((2026, 11), "a", 2), ((2026, 11), "b", 2), ((2026, 12), "b", 2)]);
    assert!(tally.seal().is_empty());
}

#[test]
fn made_up_statuses_are_bounded_and_their_sum_is_exact() {
    let mut tally = Tally::new(100_000);
    let made_up = |tally: &mut Tally, name: &str, n: u32| {
        let text = format!("s{n}");
        let status = Some(StatusRef::new(text.as_bytes()).unwrap());
        tally.add(&Hit { status, ..hit(name, When::Day(Day(1)), 1) });
    };
    (0..10_000).for_each(|n| made_up(&mut tally, "a", n));
    let sealed = tally.seal();
    assert_eq!(sealed.statuses.len(), 4096);
    assert_eq!(sealed.statuses.iter().map(|s| s.count).sum::<u64>(), 10_000);
    // Later ticks have room for other names again, but the number of names stays limited.
    for name in 0..100 {
        (0..1000).for_each(|n| made_up(&mut tally, &format!("n{name}"), n));
    }
    let sealed = tally.seal();
    assert!(sealed.statuses.iter().any(|s| s.status.as_str() == "s0"));
    assert_eq!(sealed.statuses.len(), 65_536 + 35);
    assert_eq!(sealed.statuses.iter().map(|s| s.count).sum::<u64>(), 100_000);
}

proptest! {
    /// Any order of adds, seals and merges gives the same result as a plain map. Even if names or times do not fit, the
    /// sums of each event and time are the same.
    #[test]
    fn fold_equals_a_plain_map(
        hits in prop::collection::vec((0u8..3, 0u8..30, 0i32..3, 1u32..5, 0u8..20, 0u8..6), 0..400),
        limit in 4usize..400,
    ) {
        let mut tally = Tally::new(limit);
        let (mut plain, mut sum) = (Sums::default(), Sums::default());
        for (event, name, when, weight, what, status) in hits {
            let event = Event::new(&[b'a' + event]).unwrap();
            let name = format!("n{name}");
            let when = if when == 0 { When::Day(Day(40)) } else { When::Minute(Minute(when)) };
            let text = [b's', b'0' + status];
            let status = (status < 2).then(|| StatusRef::new(&text).unwrap());
            tally.add(&Hit { event, status, ..hit(&name, when, weight) });
            if let Some(status) = status {
                let key = (event, name.clone(), when.day().month(), status.as_str().to_owned());
                *plain.statuses.entry(key).or_default() += u64::from(weight);
            }
            *plain.entries.entry((event, name, when)).or_default() += u64::from(weight);
            match what {
                0 => {
                    let sealed = tally.seal();
                    tally.merge(sealed);
                }
                1 => sum.add(tally.seal()),
                _ => {}
            }
        }
        sum.add(tally.seal());
        prop_assert_eq!(sum.by_time(), plain.by_time());
        prop_assert_eq!(sum.by_month(), plain.by_month());
        // 3 events, 30 names, 3 times, 2 months and statuses: here everything fits.
        if limit >= 360 {
            prop_assert_eq!(sum, plain);
        }
    }
}

#[derive(Debug, Default, PartialEq)]
struct Sums {
    entries: BTreeMap<(Event, String, When), u64>,
    statuses: BTreeMap<(Event, String, Month, String), u64>,
}

impl Sums {
    fn add(&mut self, counts: Counts) {
        for entry in counts.entries {
            *self.entries.entry((entry.event, entry.name.to_string(), entry.when)).or_default() +=
                entry.count;
        }
        for status in counts.statuses {
            let key = (status.event, status.name.to_string(), status.month, status.status.to_string());
            *self.statuses.entry(key).or_default() += status.count;
        }
    }

    /// The sums of each event and time.
    fn by_time(&self) -> BTreeMap<(Event, When), u64> {
        let mut times = BTreeMap::new();
        for ((event, _, when), count) in &self.entries {
            *times.entry((*event, *when)).or_default() += count;
        }
        times
    }

    /// The sums of the statuses of each event and month.
    fn by_month(&self) -> BTreeMap<(Event, Month), u64> {
        let mut months = BTreeMap::new();
        for ((event, _, month, _), count) in &self.statuses {
            *months.entry((*event, *month)).or_default() += count;
        }
        months
    }
}

fn visit(name: &str, minute: i32, class: ClientClass) -> Hit<'_> {
    Hit { client: Some(class), ..hit(name, When::Minute(Minute(minute)), 1) }
}

fn visits_of(counts: &Counts) -> Vec<(String, Vec<(i32, ClientClass)>)> {
    let last = |of_name: &Visits| of_name.last.iter().map(|visit| (visit.minute.0, visit.class)).collect();
    counts.visits.iter().map(|of_name| (of_name.name.to_string(), last(of_name))).collect()
}

#[test]
fn last_visits_of_each_name_are_sealed_in_their_order() {
    use ClientClass::{Bot, Browser, GithubCamo};
    let mut tally = Tally::new(100).keeping_visits(KeptVisits::of_every_event(2));
    for (name, minute, class) in [("b", 1, Bot), ("a", 1, Browser), ("b", 2, Browser), ("b", 1, GithubCamo)] {
        tally.add(&visit(name, minute, class));
    }
    tally.add(&Hit { client: Some(Bot), ..hit("a", When::Day(Day(1)), 1) });
    tally.add(&hit("a", When::Minute(Minute(9)), 5));
    tally.add(&visit("c", 3, Bot));
    let sealed = tally.seal();
    let expect = [
        ("a".to_owned(), vec![(1, Browser)]),
        ("b".to_owned(), vec![(2, Browser), (1, GithubCamo)]),
        ("c".to_owned(), vec![(3, Bot)]),
    ];
    assert_eq!(visits_of(&sealed), expect);
    assert!(tally.seal().visits.is_empty());
    // What is merged back is older than what comes next.
    tally.merge(sealed);
    tally.add(&visit("b", 7, Bot));
    let expect = [expect[0].clone(), ("b".to_owned(), vec![(1, GithubCamo), (7, Bot)]), expect[2].clone()];
    assert_eq!(visits_of(&tally.seal()), expect);
}

#[test]
fn hit_without_room_for_its_name_is_a_visit_of_nobody() {
    let mut tally = Tally::new(1).keeping_visits(KeptVisits::of_every_event(2));
    tally.add(&visit("a", 1, ClientClass::Bot));
    assert_eq!(tally.add(&visit("b", 1, ClientClass::Bot)), Added::Overflow);
    assert_eq!(visits_of(&tally.seal()), [("a".to_owned(), vec![(1, ClientClass::Bot)])]);
}

#[test]
fn visits_are_not_kept_unless_somebody_wants_them() {
    let mut tally = Tally::new(10);
    tally.add(&visit("a", 1, ClientClass::Bot));
    assert!(tally.seal().visits.is_empty());
}

#[test]
fn very_many_visits_keep_the_last_of_each_name_and_then_the_latest() {
    let mut tally = Tally::new(200_000).keeping_visits(KeptVisits::of_every_event(3));
    tally.add(&visit("quiet", 1, ClientClass::Bot));
    for n in 0..250_000 {
        tally.add(&visit("loud", n % 1000, ClientClass::Browser));
    }
    let sealed = visits_of(&tally.seal());
    assert_eq!(sealed.len(), 2);
    assert_eq!(sealed[0].1.iter().map(|(minute, _)| *minute).collect::<Vec<_>>(), [997, 998, 999]);
    assert_eq!(sealed[1].0, "quiet");
    let names: Vec<String> = (0..150_000).map(|n| format!("n{n}")).collect();
    for name in &names {
        tally.add(&visit(name, 5, ClientClass::Bot));
    }
    let sealed = tally.seal();
    assert!((50_000..=100_000).contains(&sealed.visits.len()), "{}", sealed.visits.len());
    assert!(sealed.visits.iter().any(|of_name| of_name.name.as_str() == "n149999"));
}

#[test]
fn visitors_are_noted_once_by_name_and_day_and_those_of_overflow_are_not() {
    use crate::{DayVisitors, VisitorHash};
    let mut tally = Tally::new(2);
    let hit = |name: &'static str| {
        Hit::one(Event::VISIT, NameRef::new(name.as_bytes()).unwrap(), When::Minute(Minute(0)))
    };
    for (name, day, hash) in [("b", 1, 7), ("a", 2, 7), ("a", 1, 9), ("a", 1, 7), ("a", 1, 9), ("full", 1, 1)]
    {
        let added = tally.add(&hit(name));
        assert!(tally.note_visitor(added, Day(day), VisitorHash(hash)));
    }
    let of_day = |name: &str, day, hashes: &[u64]| DayVisitors {
        event: Event::VISIT,
        name: Name::new(name).unwrap(),
        day: Day(day),
        hashes: hashes.iter().copied().map(VisitorHash).collect(),
    };
    let expect = [of_day("a", 1, &[7, 9]), of_day("a", 2, &[7]), of_day("b", 1, &[7])];
    let counts = tally.seal();
    assert_eq!(counts.visitors, expect);
    // What was sealed comes again with what is counted next.
    let added = tally.add(&hit("a"));
    tally.note_visitor(added, Day(1), VisitorHash(9));
    tally.merge(counts);
    assert_eq!(tally.seal().visitors, expect);
    assert!(tally.seal().visitors.is_empty());
}
