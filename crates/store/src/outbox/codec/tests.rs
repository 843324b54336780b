use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tallymark_core::{AskerDetails, Country, kept_text};

type Plain = BTreeMap<(Event, Name, When), u64>;
type PlainStatuses = BTreeMap<(Event, Name, Month, Status), u64>;
type PlainVisits = BTreeMap<(Event, Name), Vec<Visit>>;
type PlainVisitors = BTreeMap<(Event, Name, Day), BTreeSet<u64>>;

fn event() -> impl Strategy<Value = Event> {
    "[ab]{1,2}".prop_map(|text| Event::new(text.as_bytes()).unwrap())
}

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        "[a-e]/[a-e]".prop_map(|text| Name::new(&text).unwrap()),
        Just(Name::overflow()),
        Just(Name::new("日本/語").unwrap()),
    ]
}

fn plain() -> impl Strategy<Value = Plain> {
    let when = prop_oneof![
        any::<i32>().prop_map(|n| When::Minute(Minute(n))),
        (0i32..3).prop_map(|n| When::Minute(Minute(n))),
        (-2i32..3).prop_map(|n| When::Day(Day(n))),
    ];
    let long = "[a-c/]{1,2}".prop_map(|text| Name::of(Event::URL, &text.repeat(1000)).unwrap());
    let key = prop_oneof![(event(), name()), long.prop_map(|name| (Event::URL, name))];
    let key = (key, when).prop_map(|((event, name), when)| (event, name, when));
    prop::collection::btree_map(key, 1..u64::MAX, 0..40)
}

fn statuses() -> impl Strategy<Value = PlainStatuses> {
    let status = prop_oneof![
        "[a-c]{1,2}".prop_map(|text| Status::new(&text).unwrap()),
        Just(Status::new(&"é".repeat(32)).unwrap()),
        Just(Status::overflow()),
    ];
    let key = (event(), name(), any::<i32>().prop_map(Month), status);
    prop_oneof![Just(PlainStatuses::new()), prop::collection::btree_map(key, 1..u64::MAX, 0..20)]
}

fn visits() -> impl Strategy<Value = PlainVisits> {
    let class = prop::sample::select(CLASSES.to_vec());
    let asker = prop_oneof![
        Just(Asker::default()),
        ("[A-Z]{2}", "[a-zé\"]{0,3}").prop_map(|(country, city)| {
            let details = AskerDetails { city: kept_text(city.as_bytes()), ..AskerDetails::default() };
            Asker::new(Country::parse(&country), details)
        }),
    ];
    let visit = (any::<i32>(), class, asker).prop_map(|(minute, class, asker)| Visit {
        minute: Minute(minute),
        class,
        asker,
    });
    let last = prop::collection::vec(visit, 1..4);
    prop_oneof![Just(PlainVisits::new()), prop::collection::btree_map((event(), name()), last, 0..20)]
}

fn visitors() -> impl Strategy<Value = PlainVisitors> {
    let key = (event(), name(), (-2i32..3).prop_map(Day));
    let hashes = prop::collection::btree_set(prop_oneof![0u64..3, any::<u64>()], 1..4);
    prop_oneof![Just(PlainVisitors::new()), prop::collection::btree_map(key, hashes, 0..20)]
}

/// Entries, statuses, visits and visitors.
type PlainCounts = (Plain, PlainStatuses, PlainVisits, PlainVisitors);

fn plain_counts() -> impl Strategy<Value = PlainCounts> {
    (plain(), statuses(), visits(), visitors())
}

fn counts((plain, statuses, visits, visitors): &PlainCounts) -> Counts {
    let entry = |(&(event, ref name, when), &count): (&(Event, Name, When), &u64)| Entry {
        event,
        name: name.clone(),
        when,
        count,
    };
    let status = |((event, name, month, status), &count): (&(Event, Name, Month, Status), &u64)| {
        StatusCount { event: *event, name: name.clone(), month: *month, status: status.clone(), count }
    };
    let (entries, statuses) = (plain.iter().map(entry).collect(), statuses.iter().map(status).collect());
    let of_name = |((event, name), last): (&(Event, Name), &Vec<Visit>)| Visits {
        event: *event,
        name: name.clone(),
        last: last.clone(),
    };
    let of_day = |((event, name, day), hashes): (&(Event, Name, Day), &BTreeSet<u64>)| DayVisitors {
        event: *event,
        name: name.clone(),
        day: *day,
        hashes: hashes.iter().copied().map(VisitorHash).collect(),
    };
    let visits = visits.iter().map(of_name).collect();
    Counts { entries, statuses, visits, visitors: visitors.iter().map(of_day).collect(), ..Counts::default() }
}

fn encoded(counts: &Counts) -> Vec<u8> {
    encode(&counts.entries, &counts.statuses, &counts.visits, &counts.visitors)
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_in_any_portions(
        plain in plain_counts(), names in 1usize..5, cells in 1usize..9,
    ) {
        let counts = counts(&plain);
        let block = encoded(&counts);
        let (mut read, mut at) = (Counts::default(), 0);
        while at < block.len() {
            let (portion, next) = decode(&block, at, names, cells).unwrap();
            prop_assert!(next > at && !portion.is_empty());
            read.entries.extend(portion.entries);
            read.statuses.extend(portion.statuses);
            read.visits.extend(portion.visits);
            read.visitors.extend(portion.visitors);
            at = next;
        }
        prop_assert_eq!(read, counts);
    }

    #[test]
    fn merge_equals_a_plain_sum(
        parts in prop::collection::vec(plain_counts(), 0..5), keep in 0usize..6,
    ) {
        let blocks: Vec<Vec<u8>> = parts.iter().map(|part| encoded(&counts(part))).collect();
        let (mut sum, mut statused, mut visited, mut noted) = PlainCounts::default();
        for (part, statuses, visits, visitors) in parts {
            for (key, count) in part {
                let total = sum.entry(key).or_insert(0u64);
                *total = total.saturating_add(count);
            }
            for (key, count) in statuses {
                let total = statused.entry(key).or_insert(0u64);
                *total = total.saturating_add(count);
            }
            for (key, last) in visits {
                visited.entry(key).or_default().extend(last);
            }
            for (key, hashes) in visitors {
                noted.entry(key).or_default().extend(hashes);
            }
        }
        visited.values_mut().for_each(|last| keep_last(last, keep));
        visited.retain(|_, last| !last.is_empty());
        let merged = merge(&blocks, keep).unwrap();
        prop_assert_eq!(decode(&merged, 0, usize::MAX, usize::MAX).unwrap().0, counts(&(sum, statused, visited, noted)));
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_a_panic(
        plain in plain_counts(), at in any::<prop::sample::Index>(), byte: u8,
    ) {
        let mut block = encoded(&counts(&plain));
        if !block.is_empty() {
            let at = at.index(block.len());
            block[at] = byte;
            let _ = decode(&block, 0, usize::MAX, usize::MAX);
            let _ = merge(&[block.clone(), block[..at].to_vec()], 2);
        }
    }
}

/// The bytes of the version before there were statuses, as it wrote them.
#[test]
fn block_without_statuses_is_what_it_always_was() {
    let entry =
        |name: &str, when, count| Entry { event: Event::HIT, name: Name::new(name).unwrap(), when, count };
    let entries = [
        entry("a/b", When::Minute(Minute(29_919_600)), 300),
        entry("a/b", When::Day(Day(20_777)), 1),
        Entry { name: Name::overflow(), ..entry("x", When::Day(Day(0)), 7) },
    ];
    let block = b"\x03hit\x03a/b\x02\xc0\xcb\x88\x39\xac\x02\xa6\x89\x05\x01\x03hit\x09~overflow\x01\x02\x07";
    assert_eq!(encode(&entries, &[], &[], &[]), block);
    assert_eq!(decode(block, 0, usize::MAX, usize::MAX).unwrap().0, Counts::from(entries.to_vec()));
}

/// A day of an outage with very many visitors does not become one batch.
#[test]
fn very_many_visitors_of_a_name_come_in_portions_and_are_merged_again() {
    let most = MAX_BATCH_VISITORS as u64;
    let block = |hashes: std::ops::Range<u64>| {
        let hashes = hashes.map(VisitorHash).collect();
        let (event, name) = (Event::VISIT, Name::new("a").unwrap());
        encode(&[], &[], &[], &[DayVisitors { event, name, day: Day(1), hashes }])
    };
    let blocks = [block(0..most * 2), block(most..most * 3 - 1)];
    let merged = merge(&[merge(&blocks, 9).unwrap(), blocks[0].clone()], 9).unwrap();
    let (mut at, mut read, mut portions) = (0, Vec::new(), 0);
    while at < merged.len() {
        let (portion, next) = decode(&merged, at, 1000, 1000).unwrap();
        assert!(
            portion.visitors.iter().map(|of_day| of_day.hashes.len()).sum::<usize>() <= MAX_BATCH_VISITORS
        );
        read.extend(portion.visitors.into_iter().flat_map(|of_day| of_day.hashes));
        (at, portions) = (next, portions + 1);
    }
    assert_eq!((portions, read), (3, (0..most * 3 - 1).map(VisitorHash).collect()));
    assert!(merge_minutes(&blocks).unwrap().is_empty());
}

#[test]
fn a_merge_keeps_no_more_statuses_of_a_month_than_a_store_does() {
    let block = |from: usize| {
        let status = |n: usize| StatusCount {
            event: Event::HIT,
            name: Name::new("a").unwrap(),
            month: Month(n as i32 % 2),
            status: Status::new(&format!("s{n:05}")).unwrap(),
            count: 1,
        };
        let mut statuses: Vec<StatusCount> = (from..from + 900).map(status).collect();
        statuses.sort();
        encode(&[], &statuses, &[], &[])
    };
    let merged = merge(&[block(0), block(900), block(1800), block(0)], 2).unwrap();
    let (counts, end) = decode(&merged, 0, usize::MAX, usize::MAX).unwrap();
    assert_eq!((counts.statuses.len(), end), (2 * MAX_STATUSES + 2, merged.len()));
    assert_eq!(counts.statuses.iter().map(|status| status.count).sum::<u64>(), 3600);
    let over: Vec<u64> =
        counts.statuses.iter().filter(|s| s.status.as_str() == OVERFLOW).map(|s| s.count).collect();
    assert_eq!(over, [350, 350]);
}
