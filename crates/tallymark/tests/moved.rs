//! `store copy`: everything goes along, in both directions, also while the daemon counts, and whatever is killed on the way.
//! Every hit is in a ledger outside.

use crate::common::{self, PATIENCE, Place, program, stop};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tallymark_testbed::{Daemon, Redis, http, wait_until};

const TOKEN: &str = "0123456789abcdef";
const BROWSER: &str = "Mozilla/5.0 Gecko/2010 Firefox/128.0";

fn place() -> Place {
    let mut place = Place::new();
    place.configure(&format!(
        "[http]\ntokens = [\"{TOKEN}\"]\n[visits]\nkeep = 5\ncooldown = \"1s\"\n[deny]\nnames = []\n"
    ));
    place
}

/// Posts once, under a key; whether it was answered that it is counted.
fn post(place: &Place, key: &str, items: &Value) -> Option<String> {
    let headers = [
        ("Authorization", format!("Bearer {TOKEN}")),
        ("Content-Type", "application/json".to_owned()),
        ("Idempotency-Key", key.to_owned()),
    ];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = http::try_request(
        "POST",
        place.addr(),
        "/api/v1/hits",
        &headers,
        &serde_json::to_vec(items).unwrap(),
    )
    .ok()?;
    (answer.status == 200).then(|| answer.text().to_owned())
}

fn sqlite(place: &Place, file: &str) -> String {
    format!("sqlite:{}", place.dir().join(file).display())
}

fn copy_args(place: &Place, from: &str, to: &str) -> Vec<String> {
    let mut args: Vec<String> = ["store", "copy", from, to].map(str::to_owned).to_vec();
    args.extend(["--data-dir".to_owned(), place.data_dir().display().to_string()]);
    args.extend(["--config".to_owned(), place.config_path().display().to_string()]);
    args
}

fn copy(place: &Place, from: &str, to: &str) -> common::Ran {
    let args = copy_args(place, from, to);
    common::run(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The records of an export, without the lines that say of which store they are.
fn records(place: &Place) -> Vec<String> {
    let said = place.run(&["export", "jsonl", "-"]).good();
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    lines[1..lines.len() - 1].to_vec()
}

fn view(place: &Place, name: &str, address: &str) {
    let headers = [("X-Forwarded-For", address), ("User-Agent", BROWSER)];
    let answer = http::request("GET", place.addr(), &format!("/badge.svg?repo={name}"), &headers, b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn visitors(place: &Place, name: &str) -> u64 {
    let answer = http::get(place.addr(), &format!("/api/v1/counters/{name}/visitors?event=visit"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json: Value = serde_json::from_str(answer.text()).unwrap();
    json["sum_of_daily_visitors"].as_u64().unwrap()
}

#[test]
fn everything_beside_the_counts_goes_along() {
    let mut place = place();
    let first = sqlite(&place, "data/tallymark.db");
    let mut daemon = place.serve();
    for n in 0..7 {
        view(&place, "o/r", &format!("203.0.113.{n}"));
    }
    let body = json!([{"name": "o/s", "count": 5}, {"name": "shop", "event": "order", "status": "closed"}]);
    let counted = post(&place, "key-1", &body).unwrap();
    wait_until("all is in the store", PATIENCE, || place.total("o/r") == 7 && place.total("o/s") == 5);
    place.run(&["pause", "paused/*", "--for", "1h"]).good();
    place.run(&["set", "o/s", "9", "--reason", "for the test"]).good();
    wait_until("visitors are there", PATIENCE, || visitors(&place, "o/r") == 7);
    stop(&mut daemon);
    let (before, log) = (records(&place), place.run(&["corrections", "--json"]).good());
    assert!(before.iter().any(|record| record.contains("\"visits\":[")), "{before:#?}");

    let redis = Redis::builder().appendonly().start();
    let said = copy(&place, &first, &redis.url()).good();
    assert!(said.contains("counts into the new store from now on"), "{said}");
    copy(&place, &first, &redis.url()).refused(1, &["already; nothing was written"]);
    place.store_at(&redis.url());
    assert_eq!((records(&place), place.run(&["corrections", "--json"]).good()), (before, log));
    let mut daemon = place.serve();
    // Redis estimates it: of a thousand times, once two of seven look like one.
    assert!((6..=7).contains(&visitors(&place, "o/r")));
    // A key that was answered before counts nothing.
    assert!(post(&place, "key-1", &body).is_some() && !counted.is_empty());
    assert_eq!(place.total("o/s"), 9);
    // It is paused still.
    view(&place, "paused/x", "203.0.113.1");
    // Who was here today is known again.
    view(&place, "o/r", "203.0.113.3");
    view(&place, "o/r", "203.0.113.200");
    wait_until("one more visitor", PATIENCE, || visitors(&place, "o/r") == 8 && place.total("o/r") == 9);
    stop(&mut daemon);
    assert!(!records(&place).iter().any(|record| record.contains("paused/x")));
    place.run(&["undo"]).good();
    assert_eq!(place.total("o/s"), 5);
}

#[test]
fn a_redis_is_copied_back_with_everything() {
    let mut place = place();
    let redis = Redis::builder().appendonly().start();
    place.store_at(&redis.url());
    let mut daemon = place.serve();
    for n in 0..40 {
        view(&place, "o/r", &format!("203.0.113.{n}"));
    }
    let body = json!([{"name": "o/s", "count": 5}, {"name": "shop", "event": "order", "status": "closed"}]);
    post(&place, "key-1", &body).unwrap();
    wait_until("visitors are there", PATIENCE, || place.total("o/r") == 40 && visitors(&place, "o/r") >= 39);
    let number = visitors(&place, "o/r");
    stop(&mut daemon);
    place.run(&["set", "o/s", "2"]).good();
    let (before, log) = (records(&place), place.run(&["corrections", "--json"]).good());
    let other = sqlite(&place, "other.db");
    copy(&place, &redis.url(), &other).good();
    place.store_at(&other);
    assert_eq!((records(&place), place.run(&["corrections", "--json"]).good()), (before, log));
    let mut daemon = place.serve();
    assert_eq!(visitors(&place, "o/r"), number);
    post(&place, "key-1", &body).unwrap();
    stop(&mut daemon);
    assert_eq!(place.total("o/s"), 2);
    place.run(&["undo"]).good();
    assert_eq!(place.total("o/s"), 5);
}

/// What was counted, by name.
type HitLedger = BTreeMap<String, u64>;

/// Clients of the API, each request under a key and repeated until it is answered, and a log that is written.
struct Traffic {
    ended: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<thread::JoinHandle<HitLedger>>,
}

impl Traffic {
    fn start(place: &Place, log: PathBuf) -> Traffic {
        let (ended, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut clients = Vec::new();
        for client in 0..2u64 {
            let (ended, answered, addr) = (ended.clone(), answered.clone(), place.addr());
            clients.push(thread::spawn(move || {
                let mut ledger = HitLedger::new();
                for round in 0u64.. {
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut items = Vec::new();
                    for item in 0..3 {
                        let name = format!("api/{}", (round * 7 + client * 3 + item * 11) % 60);
                        items.push(json!({"name": name, "count": 1 + item}));
                        *ledger.entry(name).or_default() += 1 + item;
                    }
                    let body = serde_json::to_vec(&items).unwrap();
                    let key = format!("{client}-{round}");
                    let headers = [
                        ("Authorization", format!("Bearer {TOKEN}")),
                        ("Content-Type", "application/json".to_owned()),
                        ("Idempotency-Key", key),
                    ];
                    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
                    let answer = || http::try_request("POST", addr, "/api/v1/hits", &headers, &body);
                    let begun = Instant::now();
                    while !answer().is_ok_and(|answer| answer.status == 200) {
                        assert!(begun.elapsed() < 4 * PATIENCE, "it is not answered");
                        thread::sleep(Duration::from_millis(20));
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                ledger
            }));
        }
        let stop = ended.clone();
        clients.push(thread::spawn(move || {
            let mut ledger = HitLedger::new();
            let mut file = fs::File::options().append(true).create(true).open(log).unwrap();
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("log/{}", n % 40);
                file.write_all(format!("\"{}\",\"{name}\"\n", common::today()).as_bytes()).unwrap();
                *ledger.entry(name).or_default() += 1;
                thread::sleep(Duration::from_millis(2));
            }
            ledger
        }));
        Traffic { ended, answered, clients }
    }

    fn wait(&self, more: u64) {
        let goal = self.answered.load(Ordering::Relaxed) + more;
        wait_until("requests are answered", 4 * PATIENCE, || self.answered.load(Ordering::Relaxed) >= goal);
    }

    fn end(self) -> HitLedger {
        self.ended.store(true, Ordering::Relaxed);
        let mut all = HitLedger::new();
        for client in self.clients {
            for (name, count) in client.join().unwrap() {
                *all.entry(name).or_default() += count;
            }
        }
        all
    }
}

fn start_copy(place: &Place, from: &str, to: &str) -> Daemon {
    Daemon::builder(program()).args(copy_args(place, from, to)).start()
}

/// The daemon counts, is killed and goes on; the copy is killed, and runs again; then it is restarted with the new store.
fn move_under_fire(place: &mut Place, from: &str, to: &str, follow: &[&str], traffic: &Traffic) -> Daemon {
    let mut daemon = place.start("serve", follow);
    traffic.wait(20);
    for kill in [120, 350, 700] {
        let mut copy = start_copy(place, from, to);
        thread::sleep(Duration::from_millis(kill));
        copy.kill9();
        traffic.wait(5);
    }
    let mut copy = start_copy(place, from, to);
    copy.wait_for_line(|line| line.contains("caught up"), 4 * PATIENCE);
    // The daemon dies, and goes on with the old store: the copy follows it.
    daemon.kill9();
    let mut daemon = place.start("serve", follow);
    traffic.wait(20);
    assert!(copy.is_running(), "{}", copy.stderr());
    place.store_at(to);
    stop(&mut daemon);
    let mut daemon = place.start("serve", follow);
    let status = copy.wait(PATIENCE);
    assert!(status.success(), "{}{}", copy.stdout(), copy.stderr());
    assert!(copy.stdout().contains("counts into the new store from now on"), "{}", copy.stdout());
    traffic.wait(20);
    assert!(daemon.is_running(), "{}", daemon.stderr());
    daemon
}

fn check(place: &Place, ledger: &HitLedger) {
    wait_until("the log is read", PATIENCE, || {
        ledger
            .iter()
            .filter(|(name, _)| name.starts_with("log/"))
            .all(|(name, count)| place.total(name) >= *count)
    });
    let mut found = HitLedger::new();
    for record in records(place) {
        let record: Value = serde_json::from_str(&record).unwrap();
        if record["event"] != "hit" {
            continue;
        }
        let total = record["total"].as_u64().unwrap();
        // Nothing is older than minutes are kept; lines of the log have only a day.
        let has_times = record["name"].as_str().unwrap().starts_with("api/");
        for step in if has_times { &["days", "hours", "minutes"][..] } else { &["days"] } {
            let sum: u64 = record[step].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
            assert_eq!(sum, total, "{step} of {record}");
        }
        found.insert(record["name"].as_str().unwrap().to_owned(), total);
    }
    assert_eq!(found.remove("~all"), Some(ledger.values().sum()));
    assert_eq!(found, *ledger);
}

#[test]
fn a_store_is_moved_while_it_counts_and_back() {
    let mut place = place();
    let log = place.dir().join("badge.log");
    fs::write(&log, "").unwrap();
    let follow = ["--file", log.to_str().unwrap()];
    let redis = Redis::builder().appendonly().start();
    let (first, last) = (sqlite(&place, "data/tallymark.db"), sqlite(&place, "last.db"));
    let traffic = Traffic::start(&place, log.clone());
    let mut daemon = move_under_fire(&mut place, &first, &redis.url(), &follow, &traffic);
    stop(&mut daemon);
    let mut daemon = move_under_fire(&mut place, &redis.url(), &last, &follow, &traffic);
    let ledger = traffic.end();
    wait_until("the log is read", PATIENCE, || place.metrics().get("tallymark_outbox_batches") == 0);
    check(&place, &ledger);
    stop(&mut daemon);
    check(&place, &ledger);
}

#[test]
fn a_daemon_that_waits_for_a_copy_that_dies_is_refused_and_a_repeat_helps() {
    let mut place = place();
    let first = sqlite(&place, "data/tallymark.db");
    let redis = Redis::builder().appendonly().start();
    let mut daemon = place.serve();
    for n in 0..20 {
        place.hit(&format!("o/{n}"));
    }
    wait_until("all is in the store", PATIENCE, || place.total("~all") == 20);
    let mut copy = start_copy(&place, &first, &redis.url());
    copy.wait_for_line(|line| line.contains("caught up"), PATIENCE);
    // A second copy is refused, and so is one whose store the daemon does not use.
    copy_refused(&place, &first, &redis.url(), "another `tallymark store copy`");
    copy.signal("STOP");
    let (from, to) = (first.clone(), redis.url());
    place.store_at(&to);
    let mut waiting =
        Daemon::builder(program()).arg("serve").args(place.flags()).args(place.listen_flags()).start();
    waiting.wait_for_line(|line| line.contains("waiting until `store copy`"), PATIENCE);
    copy.signal("CONT");
    thread::sleep(Duration::from_millis(200));
    // The old daemon runs still, so the copy goes on.
    assert!(copy.is_running() && waiting.is_running());
    copy.kill9();
    let status = waiting.wait(PATIENCE);
    assert_eq!(status.code(), Some(1), "the old daemon has the directory: {}", waiting.stderr());
    place.store_at(&from);
    stop(&mut daemon);
    assert_eq!(place.total("~all"), 20);
    let said = self::copy(&place, &from, &to).good();
    assert!(said.contains("copied ") && said.contains("40 in all"), "{said}");
    place.store_at(&to);
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/3"), 2);
    stop(&mut daemon);
    assert_eq!((place.total("o/3"), place.total("~all")), (2, 21));
}

/// A copy makes the new store equal to the old one, so it must not go on where something else has counted.
#[test]
fn an_interrupted_copy_does_not_take_away_what_was_counted_since() {
    let (other, stranger) = (place(), place());
    let mut place = place();
    let first = sqlite(&place, "data/tallymark.db");
    let (last, taken) = (sqlite(&place, "last.db"), sqlite(&place, "taken.db"));
    let mut daemon = place.serve();
    for n in 0..20 {
        place.hit(&format!("o/{n}"));
    }
    wait_until("all is in the store", PATIENCE, || place.total("~all") == 20);
    let interrupted = |to: &str| {
        let mut copy = start_copy(&place, &first, to);
        copy.wait_for_line(|line| line.contains("caught up"), PATIENCE);
        copy.signal("KILL");
    };
    interrupted(&last);
    interrupted(&taken);
    stop(&mut daemon);

    // Another store is not copied there.
    other.run(&["import", "badge", "7", "--name", "other/1"]).good();
    let others = sqlite(&other, "data/tallymark.db");
    copy_refused(&other, &others, &last, "40 names already");
    // Somebody corrects a count there.
    stranger.run(&["add", "o/1", "500", "--store", &taken]).good();
    copy_refused(&place, &first, &taken, "something else has counted into");
    // The data directory counts there.
    place.run(&["store", "adopt", "--store", &last]).good();
    place.store_at(&last);
    let mut daemon = place.serve();
    place.hit("new/1");
    wait_until("it is in the store", PATIENCE, || place.total("new/1") == 1);
    stop(&mut daemon);
    copy_refused(&place, &first, &last, "already, and a copy of");
    assert_eq!(place.total("new/1"), 1);
    // A log of corrections alone is not taken away either.
    let corrected = sqlite(&other, "corrected.db");
    let emptied = Place::new();
    emptied.run(&["import", "badge", "7", "--name", "other/1", "--store", &corrected]).good();
    emptied.run(&["delete", "other/1", "--yes", "--store", &corrected]).good();
    copy_refused(&place, &first, &corrected, "corrections or pauses");
}

fn copy_refused(place: &Place, from: &str, to: &str, why: &str) {
    copy(place, from, to).refused(1, &[why]);
}
