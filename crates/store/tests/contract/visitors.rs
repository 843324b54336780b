//! The distinct visitors of a day, and the keys with which they are told apart.

use crate::bed::{Bed, Desk, at, event, named, noon, present};
use tallymark_core::{Batch, Counts, Day, DayVisitors, Entry, Event, MAX_BATCH_VISITORS, VisitorHash};
use tallymark_store::{Class, Outcome};
use uuid::Uuid;

/// Hashes spread as a keyed hash spreads them.
fn hash(n: u64) -> VisitorHash {
    VisitorHash(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn of_day(name: &str, day: Day, visitors: std::ops::Range<u64>) -> DayVisitors {
    let mut hashes: Vec<VisitorHash> = visitors.map(hash).collect();
    hashes.sort();
    DayVisitors { event: Event::VISIT, name: named(name), day, hashes }
}

fn visit(name: &str, day: Day) -> Entry {
    Entry { event: Event::VISIT, ..at(name, day.first_minute(), 1) }
}

impl Desk {
    fn visited(&self, seq: u64, visitors: Vec<DayVisitors>) -> Batch {
        let mut entries: Vec<Entry> = visitors.iter().map(|v| visit(v.name.as_str(), v.day)).collect();
        entries.dedup();
        Batch { visitors, ..self.batch(seq, &entries) }
    }

    async fn visitors(&self, name: &str, from: Day, to: Day) -> Vec<(i32, i64)> {
        let found = self.store.visitors(Event::VISIT, &named(name), from, to).await.unwrap();
        found.into_iter().map(|(day, visitors)| (day.0 - noon().day().0, visitors)).collect()
    }

    async fn week(&self, name: &str) -> Vec<(i32, i64)> {
        let day = noon().day();
        self.visitors(name, Day(day.0 - 3), Day(day.0 + 4)).await
    }
}

pub(crate) async fn a_visitor_counts_once_a_day_whatever_comes_again(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let today = noon().day();
    let first = desk.visited(1, vec![of_day("a", today, 0..5)]);
    desk.apply(std::slice::from_ref(&first)).await;
    assert_eq!(desk.week("a").await, [(0, 5)]);
    assert_eq!(desk.apply(&[first]).await, [Outcome::Duplicate]);
    // The same visitors under another number, as what a source reads again after a kill: counts twice, and not these.
    let again = [
        desk.visited(2, vec![of_day("a", today, 0..5)]),
        desk.visited(3, vec![of_day("a", today, 3..7), of_day("a", today, 6..8)]),
    ];
    desk.apply(&again).await;
    assert_eq!(desk.week("a").await, [(0, 8)]);
    // A refused batch brings none.
    assert_eq!(
        desk.apply(&[desk.visited(9, vec![of_day("a", today, 20..30)])]).await,
        [Outcome::Gap { marker: 3 }]
    );
    assert_eq!(desk.week("a").await, [(0, 8)]);
    assert_eq!(desk.store.totals(Event::VISIT, &[named("a")]).await.unwrap(), [3]);
}

pub(crate) async fn a_name_has_visitors_of_its_own_and_days_of_its_own(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let (today, tomorrow) = (noon().day(), Day(noon().day().0 + 1));
    let weird = "a:b/*?[x]\"";
    let visitors = vec![of_day("a", today, 0..3), of_day("a", tomorrow, 0..2), of_day(weird, today, 0..1)];
    desk.apply(&[desk.visited(1, visitors)]).await;
    assert_eq!(desk.week("a").await, [(0, 3), (1, 2)]);
    assert_eq!(desk.week(weird).await, [(0, 1)]);
    assert_eq!(desk.week("never").await, []);
    assert_eq!(desk.visitors("a", tomorrow, Day(tomorrow.0 + 1)).await, [(1, 2)]);
    assert_eq!(desk.visitors("a", today, tomorrow).await, [(0, 3)]);
    assert_eq!(desk.visitors("a", Day(i32::MIN), Day(0)).await, []);
    let of_hits = desk.store.visitors(Event::HIT, &named("a"), today, tomorrow).await.unwrap();
    assert_eq!(of_hits, []);
}

pub(crate) async fn very_many_visitors_come_in_many_batches(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let (today, most) = (noon().day(), MAX_BATCH_VISITORS as u64);
    let visitors = (0..3).map(|part| of_day("a", today, part * most..(part + 1) * most)).collect();
    let counts = Counts { visitors, ..Counts::from(vec![visit("a", today)]) };
    let batches = tallymark_core::batches(desk.claim.instance, 1, counts);
    assert_eq!(batches.len(), 3);
    for outcome in desk.apply(&batches).await {
        assert!(matches!(outcome, Outcome::Applied { quarantined: 0, .. }), "{outcome:?}");
    }
    let [(0, found)] = desk.week("a").await[..] else { panic!() };
    let (exact, found) = (3 * most as i64, found);
    let off = if bed.redis.is_some() { exact / 33 } else { 0 };
    assert!((found - exact).abs() <= off, "{found} of {exact}");
}

/// Their number stays when the key of their day goes, and with it what could be tried against it.
pub(crate) async fn keys_of_days_gone_by_go_without_their_counts(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let today = present().day();
    let keys = desk.store.day_keys(today).await.unwrap();
    let visitors = (0..3).map(|ago| of_day("a", Day(today.0 - ago), 0..4)).collect();
    desk.apply(&[desk.visited(1, visitors)]).await;
    let counts = || async {
        let found = desk.store.visitors(Event::VISIT, &named("a"), Day(today.0 - 9), Day(today.0 + 1)).await;
        found.unwrap().into_iter().map(|(_, visitors)| visitors).collect::<Vec<_>>()
    };
    assert_eq!(counts().await, [4, 4, 4]);
    // Two days later.
    desk.store.day_keys(Day(today.0 + 2)).await.unwrap();
    assert_eq!(counts().await, [4, 4, 4]);
    if bed.redis.is_some() {
        for (day, key) in keys.iter() {
            let left = format!("TTL tallymark:day-key:{day}");
            let left: i32 = bed.cli(&left).parse().unwrap();
            let end = (day.0 - today.0 + 3) * 86_400;
            assert!((end - 86_400 - 60..=end + 60).contains(&left), "{day}: {left}");
            assert_eq!(bed.cli(&format!("GET tallymark:day-key:{day}")), key.to_string());
        }
        return;
    }
    let gone: Vec<String> =
        keys.iter().filter(|(day, _)| day.0 < today.0).map(|(_, key)| key.to_string()).collect();
    assert_eq!(gone.len(), 2);
    let hashes: i64 = bed.sql().query_row("SELECT count(*) FROM visitor", [], |row| row.get(0)).unwrap();
    assert_eq!(hashes, 4, "those of today, whose key is still there");
    for file in ["tallymark.db", "tallymark.db-wal"] {
        let bytes = std::fs::read(bed.path().with_file_name(file)).unwrap_or_default();
        for key in &gone {
            assert!(!bytes.windows(key.len()).any(|part| part == key.as_bytes()), "{file} still has a key");
        }
    }
}

pub(crate) async fn visitors_are_kept_for_their_retention(mut bed: Bed) {
    bed.retention.visitors = std::time::Duration::from_secs(2 * 86_400);
    let desk = Desk::new(&bed).await;
    let (first, today) = (noon().day(), Day(noon().day().0 + 3));
    desk.apply(&[desk.visited(1, vec![of_day("a", first, 0..3)])]).await;
    if bed.redis.is_some() {
        let left: i64 = bed.cli(&format!("TTL uniques:visit:{first}:a")).parse().unwrap();
        assert!((2 * 86_400..=2 * 86_400 + 3600).contains(&left), "{left}");
        return;
    }
    // A day at a time: one jump would not be believed.
    for (seq, day) in (2..).zip(first.0 + 1..=today.0) {
        desk.apply(&[desk.visited(seq, vec![of_day("a", Day(day), 0..1)])]).await;
    }
    assert_eq!(desk.week("a").await, [(1, 1), (2, 1), (3, 1)]);
}

/// Redis only: what stands under the key, and what an ACL denies.
#[tokio::test]
async fn a_key_that_holds_no_visitors_is_left_alone_and_counted() {
    let bed = Bed::redis();
    let desk = Desk::new(&bed).await;
    let today = noon().day();
    bed.cli(&format!("RPUSH uniques:visit:{today}:a text"));
    let one = desk.visited(1, vec![of_day("a", today, 0..2), of_day("b", today, 0..2)]);
    assert_eq!(desk.apply(&[one]).await, [Outcome::Applied { totals: vec![1, 1], quarantined: 1 }]);
    let err = desk.store.visitors(Event::VISIT, &named("a"), today, Day(today.0 + 1)).await.unwrap_err();
    assert!(err.class() == Class::Key && err.to_string().contains("uniques:visit"), "{err}");
    assert_eq!(desk.week("b").await, [(0, 2)]);
    assert_eq!(bed.cli("KEYS *~probe*"), "");
}

#[tokio::test]
async fn an_acl_that_denies_visitors_shows_at_the_claim() {
    let bed = Bed::redis();
    let redis = bed.server();
    let user = |name: &str, rules: &[&str]| {
        redis.cli(&[&["ACL", "SETUSER", name, "on", ">pass", "+@all"], rules].concat());
        redis.url().replace("redis://", &format!("redis://{name}:pass@"))
    };
    let others = ["repo*", "tallymark*", "changes", "count*", "track*", "names*", "funnels*", "recent*"];
    let others = others.map(|pattern| format!("~{pattern}"));
    let nokeys = user("nokeys", &others.each_ref().map(String::as_str));
    let noadd = user("noadd", &["~*", "-pfadd"]);
    for (url, says) in [(nokeys, "EXPIRE uniques:"), (noadd, "PFADD uniques:")] {
        let store = tallymark_store::open(&url.parse().unwrap(), bed.retention).await.unwrap();
        let err = store.claim(Uuid::new_v4()).await.unwrap_err();
        assert!(err.to_string().contains(says), "{err}");
    }
    assert_eq!(bed.cli("KEYS uniques*"), "");
}

/// SQLite only: what a version without visitors has left.
#[tokio::test]
async fn a_file_from_before_visitors_gets_them_and_keeps_its_counts() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 7)]).await;
    drop(desk);
    let file = bed.sql();
    file.execute_batch("DROP TABLE visitor; DROP TABLE visitors; DROP TABLE shelf; DROP TABLE correction")
        .unwrap();
    file.execute("INSERT INTO meta (key, value) VALUES ('day-keys', '2026-11-20=nonsense 2026-11-19')", [])
        .unwrap();
    file.pragma_update(None, "user_version", 1).unwrap();
    drop(file);
    let desk = Desk::new(&bed).await;
    assert_eq!((desk.total("a").await, desk.week("a").await), (7, vec![]));
    let one = desk.visited(1, vec![DayVisitors { event: event("visit"), ..of_day("a", noon().day(), 0..2) }]);
    desk.apply(&[one]).await;
    assert_eq!(desk.week("a").await, [(0, 2)]);
    let keys = desk.store.day_keys(noon().day()).await.unwrap();
    assert_eq!(keys.iter().count(), 4);
}
