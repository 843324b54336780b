//! What ghit.me's own programs find in a Redis that Tallymark writes, and the other way round: literal keys, spelled
//! out as its syslog-ng, its cron job and Bootic spell them.

use crate::bed::{Bed, Desk, at, ended, event, named, noon, on, present};
use tallymark_core::{Day, Entry, Event, Minute, Month, Name};
use tallymark_store::{Class, Outcome, Step};
use tallymark_testbed::Redis;

#[tokio::test]
async fn keys_are_those_that_ghit_me_writes() {
    let ours = Bed::redis();
    Desk::new(&ours).await.count(&[at("benwilber/bashids", noon(), 1), at("a b/c:d", noon(), 1)]).await;
    let theirs = Redis::start();
    for name in ["benwilber%2Fbashids", "a%20b%2Fc%3Ad"] {
        theirs.cli(&["SADD", "repos", name]);
        theirs.cli(&["SADD", "repos:2026-11-20", name]);
        theirs.cli(&["INCR", &format!("repo:{name}")]);
        theirs.cli(&["INCR", &format!("repo:2026-11-20:{name}")]);
    }
    assert_eq!(sorted(&ours.cli("KEYS repo*")), sorted(&theirs.cli(&["KEYS", "*"])));
    for key in theirs.cli(&["KEYS", "repo:*"]).lines() {
        assert_eq!(
            (ours.server().cli(&["GET", key]), ours.server().cli(&["TTL", key])),
            ("1".into(), "-1".into())
        );
    }
    for set in ["repos", "repos:2026-11-20"] {
        assert_eq!(sorted(&ours.server().cli(&["SMEMBERS", set])), sorted(&theirs.cli(&["SMEMBERS", set])));
    }
}

#[tokio::test]
async fn the_cron_job_of_ghit_me_reads_what_is_counted() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[
        at("x/y", noon(), 3),
        on("z", noon().day(), 2),
        Entry { name: Name::overflow(), ..at("x", noon(), 1) },
    ])
    .await;
    let members = bed.cli("SMEMBERS repos");
    assert_eq!(sorted(&members), ["x%2Fy", "z"]);
    let keys: Vec<String> = sorted(&members).iter().map(|name| format!("repo:{name}")).collect();
    assert_eq!(bed.cli(&format!("MGET {}", keys.join(" "))), "3\n2");
}

#[tokio::test]
async fn what_ghit_me_has_counted_goes_on() {
    let bed = Bed::redis();
    for command in
        ["SET repo:x%2Fy 41", "SADD repos x%2Fy a%252Fb x/y ~probe", "SET repo:a%252Fb 7", "SADD repos %zz"]
    {
        bed.cli(command);
    }
    let mut desk = Desk::new(&bed).await;
    assert_eq!(desk.names(Event::HIT).await, ["a%2Fb", "x/y"]);
    assert_eq!((desk.total("x/y").await, desk.total("a%2Fb").await), (41, 7));
    assert_eq!(desk.count(&[at("x/y", noon(), 1)]).await.0, [42]);
    assert_eq!(bed.cli("SMEMBERS repos:2026-11-20"), "x%2Fy");
    assert_eq!(bed.cli("HGET tallymark:store uuid"), desk.claim.store.to_string());
}

#[tokio::test]
async fn other_events_and_aggregates_have_keys_of_their_own() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    let five_past_three = Minute(noon().day().first_minute().0 + 3 * 60 + 5);
    desk.count(&[Entry { event: event("pageview"), ..at("acme", five_past_three, 2) }]).await;
    let keys = [
        "changes",
        "count:pageview:2026-11-20:acme",
        "count:pageview:2026-11-20:~all",
        "count:pageview:acme",
        "count:pageview:~all",
        "names:pageview",
        "names:pageview:2026-11-20",
        "tallymark:applied",
        "tallymark:events",
        "tallymark:store",
        "track:acme:pageview:2026:11:20",
        "track:acme:pageview:2026:11:20:3",
        "track:~all:pageview:2026:11:20",
        "track:~all:pageview:2026:11:20:3",
    ];
    assert_eq!(sorted(&bed.cli("KEYS *")), keys);
    assert_eq!(bed.cli("HGETALL track:acme:pageview:2026:11:20"), "3\n2");
    assert_eq!(bed.cli("HGETALL track:acme:pageview:2026:11:20:3"), "5\n2");
    assert_eq!(
        bed.cli("HGETALL tallymark:applied"),
        format!("{}\n{}:1", desk.claim.instance, desk.claim.nonce)
    );
    assert_eq!(bed.cli("HMGET tallymark:store schema partitions"), "1\n1");
    assert!(bed.cli("XRANGE changes - +").ends_with("pageview\nacme"));
}

#[tokio::test]
async fn statuses_have_the_keys_of_bootic() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    let name = named("o/r");
    let january = Month::of(2027, 1).unwrap();
    // Bootic's counts continue, in whatever form it wrote them.
    bed.cli("HSET funnels:o%2Fr:order:2027 closed 4 draft 1");
    bed.server().cli(&["HSET", "funnels:o%2Fr:order:2027:1", "closed", "4", "", "2"]);
    desk.count_with(&[], &[ended(&name, january, "closed", 3), ended(&name, january, "in transit", 1)]).await;
    let mut keys = sorted(&bed.cli("KEYS funnels:*"));
    keys.retain(|key| key.starts_with("funnels:"));
    let expected = ["o%2Fr:order:2027", "o%2Fr:order:2027:1", "~all:order:2027", "~all:order:2027:1"];
    assert_eq!(keys, expected.map(|key| format!("funnels:{key}")));
    assert_eq!(bed.cli("HGETALL funnels:~all:order:2027:1"), "closed\n3\nin transit\n1");
    assert_eq!(bed.cli("HGET funnels:o%2Fr:order:2027 draft"), "1");
    let read = desk.store.statuses(event("order"), &name, 2027, Some(1)).await.unwrap();
    let read: Vec<_> = read.iter().map(|(status, count)| (status.as_str(), *count)).collect();
    assert_eq!(read, [("", 2), ("closed", 7), ("in transit", 1)]);
    assert_eq!(desk.store.status_months(event("order"), &name).await.unwrap(), [january]);
}

#[tokio::test]
async fn poisoned_statuses_harm_only_their_own_hash() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    for command in [
        "SET funnels:list:order:2026 x",
        "HSET funnels:text:order:2026:11 closed x",
        "HSET funnels:full:order:2026:11 closed 9223372036854775806",
    ] {
        bed.cli(command);
    }
    let entries = ["full", "good", "list", "text"].map(|name| at(name, noon(), 5));
    let month = noon().day().month();
    let statuses = ["full", "good", "list", "text"].map(|name| ended(&named(name), month, "closed", 5));
    assert_eq!(desk.count_with(&entries, &statuses).await, (vec![5; 4], 2));
    for (name, year, month) in [("full", 5, i64::MAX), ("good", 5, 5), ("list", 0, 5), ("text", 5, 0)] {
        for (of_month, count) in [(None, year), (Some(11), month)] {
            let read = desk.store.statuses(event("order"), &named(name), 2026, of_month).await;
            if count == 0 {
                assert!(read.is_err_and(|err| err.class() == Class::Key), "{name} {of_month:?}");
                continue;
            }
            assert_eq!(read.unwrap(), [("closed".to_owned(), count)], "{name} {of_month:?}");
        }
    }
    assert_eq!(bed.cli("GET funnels:list:order:2026"), "x");
}

#[tokio::test]
async fn hours_and_minutes_expire_after_their_last_write() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    let ttl = |key: &str| bed.cli(&format!("TTL {key}")).parse::<i64>().unwrap();
    let near = |ttl: i64, seconds: i64| (seconds - 60..=seconds).contains(&ttl);
    // In an hour to come, so that nothing of it is late however long this takes.
    let soon = Minute((present().0 / 60 + 2) * 60);
    let ((year, month, day), hour) = (soon.day().date(), soon.hour().of_day());
    let hours = format!("track:a:hit:{year}:{month}:{day}");
    let minutes = format!("{hours}:{hour}");
    let (whole_hours, whole_minutes) = (90 * 86_400 + 3600, 26 * 3600 + 60);
    let mut entry = [at("a", soon, 1)];
    desk.count(&entry).await;
    assert!(near(ttl(&hours), whole_hours), "{}", ttl(&hours));
    assert!(near(ttl(&minutes), whole_minutes), "{}", ttl(&minutes));
    // A new field restarts the time; a known one does not.
    bed.cli(&format!("EXPIRE {hours} 50"));
    bed.cli(&format!("EXPIRE {minutes} 50"));
    desk.count(&entry).await;
    assert!(ttl(&hours) <= 50 && ttl(&minutes) <= 50);
    entry[0] = at("a", Minute(soon.0 + 1), 1);
    desk.count(&entry).await;
    assert!(ttl(&hours) <= 50 && near(ttl(&minutes), whole_minutes));

    // A late bucket restarts it with every write.
    let (hours, minutes) = ("track:a:hit:2020:5:17", "track:a:hit:2020:5:17:13");
    let past = [at("a", Minute(Day::from_date(2020, 5, 17).unwrap().first_minute().0 + 13 * 60), 1)];
    desk.count(&past).await;
    bed.cli(&format!("EXPIRE {hours} 50"));
    bed.cli(&format!("EXPIRE {minutes} 50"));
    desk.count(&past).await;
    assert!(near(ttl(hours), whole_hours) && near(ttl(minutes), whole_minutes));
}

#[tokio::test]
async fn a_poisoned_key_harms_only_its_own_count() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    for command in [
        "LPUSH repo:list x",
        "SET repo:text abc",
        "SET repo:2026-11-20:day 1.5",
        "SET repo:full 9223372036854775806",
        "SET track:hours:hit:2026:11:20 x",
        "HSET track:minutes:hit:2026:11:20:13 7 x",
        "HSET track:full:hit:2026:11:20 13 9223372036854775807",
        "SADD count:hit:~all x",
    ] {
        bed.cli(command);
    }
    let names = ["day", "full", "good", "hours", "list", "minutes", "text"];
    let entries = names.map(|name| at(name, noon(), 5));
    let (totals, left) = desk.count(&entries).await;
    assert_eq!(totals, [5, i64::MAX, 5, 5, 0, 5, 0]);
    assert_eq!(left, 6, "list, text, the day, the hours, the minutes and ~all; what is full is no poison");
    assert_eq!(bed.cli("LRANGE repo:list 0 -1"), "x");
    assert_eq!(bed.cli("GET repo:text"), "abc");
    assert_eq!(bed.cli("HGET track:full:hit:2026:11:20 13"), i64::MAX.to_string());
    assert_eq!(bed.cli("GET repo:2026-11-20:list"), "5");
    assert_eq!((desk.total("good").await, desk.total("list").await, desk.total("text").await), (5, 0, 0));
    let day = noon().day().0;
    // A query for one of them gets an error; "no hits" would be wrong.
    for name in names.map(named) {
        let series = |step, from, to| desk.store.series(Event::HIT, &name, step, from, to);
        for (answer, poisoned) in [
            (series(Step::Day, day, day + 1).await, "day"),
            (series(Step::Hour, day * 24, day * 24 + 24).await, "hours"),
            (series(Step::Minute, noon().0, noon().0 + 1).await, "minutes"),
        ] {
            let err = answer.as_ref().err();
            assert_eq!(err.is_some(), name.as_str() == poisoned, "{name}: {answer:?}");
            assert!(err.is_none_or(|err| err.class() == Class::Key && err.to_string().contains(poisoned)));
        }
        let total = desk.store.total(Event::HIT, &name).await;
        assert_eq!(total.is_err(), ["list", "text"].contains(&name.as_str()), "{total:?}");
        assert!(total.err().is_none_or(|err| err.to_string().contains("repo:")));
    }
}

#[tokio::test]
async fn poisoned_sets_and_log_harm_no_count() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    for command in ["SET repos x", "SET repos:2026-11-20 x", "SET changes x"] {
        bed.cli(command);
    }
    let (totals, left) = desk.count(&[at("a", noon(), 1), at("b", noon(), 1)]).await;
    assert_eq!((totals, left), (vec![1, 1], 3));
    let err = desk.store.head().await.unwrap_err();
    assert!(err.to_string().contains("WRONGTYPE"), "{err}");
}

#[tokio::test]
async fn members_come_back_with_their_counters_after_a_lost_tail() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    let batch = desk.batch(1, &[at("a", noon(), 1)]);
    desk.apply(std::slice::from_ref(&batch)).await;
    // As after a restart with an older file: marker, counters and members went back together.
    bed.cli(&format!("HSET tallymark:applied {} {}:0", desk.claim.instance, desk.claim.nonce));
    bed.cli("DEL repo:a repo:2026-11-20:a repos repos:2026-11-20");
    assert!(matches!(desk.apply(&[desk.batch(2, &[])]).await[..], [Outcome::Gap { marker: 0 }]));
    desk.seq = 0;
    desk.count(&batch.entries).await;
    assert_eq!((bed.cli("SMEMBERS repos"), bed.cli("SMEMBERS repos:2026-11-20")), ("a".into(), "a".into()));
}

fn sorted(lines: &str) -> Vec<String> {
    let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
