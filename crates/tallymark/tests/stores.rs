//! The store fails under a daemon, or is a different one at its next start: nothing is counted twice, restarted at zero
//! or lost silently.

use crate::common::{PATIENCE, Place, line, stop};
use std::io::Write as _;
use tallymark_testbed::{Redis, http, wait_until};

fn readyz(place: &Place) -> (u16, String) {
    let answer = http::get(place.addr(), "/readyz");
    (answer.status, answer.text().to_owned())
}

#[track_caller]
fn wait_ready(place: &Place) {
    wait_until("it is ready", PATIENCE, || readyz(place).0 == 200);
}

#[track_caller]
fn wait_says(place: &Place, words: &[&str]) {
    wait_until(&format!("readyz says {words:?}"), PATIENCE, || {
        let (_, text) = readyz(place);
        words.iter().all(|word| text.contains(word))
    });
}

/// Sends hits, and waits until they are accepted.
fn send(place: &Place, hits: u64) {
    let before = place.metrics().lines("syslog-udp")[1];
    let mut syslog = place.syslog();
    for _ in 0..hits {
        syslog.send(line("a%2Fa").as_bytes());
    }
    wait_until("they are accepted", PATIENCE, || place.metrics().lines("syslog-udp")[1] >= before + hits);
}

#[track_caller]
fn wait_total(place: &Place, total: u64) {
    wait_until("they are in the store", PATIENCE, || place.total("a/a") >= total);
    assert_eq!(place.total("a/a"), total);
}

#[test]
fn deleted_keys_of_ours_halt_the_daemon_and_adopting_counts_each_hit_once() {
    let redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    wait_ready(&place);
    let mut sent = 0;
    let single = [(&["applied"][..], false), (&["store"], false), (&["applied"], true), (&["store"], true)];
    // All of ours but the counts, as an eviction may choose them.
    let several = [
        (&["store", "applied"][..], false),
        (&["store", "applied"], true),
        (&["store", "applied", "positions"], false),
        (&["store", "applied", "events"], true),
    ];
    for (gone, restart) in single.into_iter().chain(several) {
        send(&place, 500);
        sent += 500;
        wait_total(&place, sent);
        let keys: Vec<String> = gone.iter().map(|key| format!("tallymark:{key}")).collect();
        redis.cli(&[&["DEL"], &keys.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
        let said = match gone {
            [key] => format!("tallymark:{key} was deleted or evicted"),
            _ => "tallymark store adopt".to_owned(),
        };
        wait_says(&place, &[&said, "tallymark store adopt"]);
        send(&place, 7);
        sent += 7;
        if restart {
            stop(&mut daemon);
            daemon = place.serve();
            wait_says(&place, &[&said]);
        }
        assert_eq!(redis.cli(&["GET", "repo:a%2Fa"]), (sent - 7).to_string());
        place.run(&["store", "adopt"]).good();
        wait_ready(&place);
        wait_total(&place, sent);
    }
    stop(&mut daemon);
    assert_eq!(place.total("~all"), sent);
}

#[test]
fn a_marker_that_was_overwritten_halts_the_daemon_and_adopting_counts_each_hit_once() {
    let redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    wait_ready(&place);
    let mut sent = 0;
    for garbage in ["xx", "00000000-0000-0000-0000-000000000000:-1"] {
        send(&place, 20);
        sent += 20;
        wait_total(&place, sent);
        let fields = redis.cli(&["HKEYS", "tallymark:applied"]);
        redis.cli(&["HSET", "tallymark:applied", fields.trim(), garbage]);
        wait_says(&place, &["tallymark:applied holds", garbage, "tallymark store adopt"]);
        send(&place, 7);
        sent += 7;
        wait_until("hits wait", PATIENCE, || readyz(&place).0 == 503);
        place.run(&["store", "adopt"]).good();
        wait_ready(&place);
        wait_total(&place, sent);
    }
    stop(&mut daemon);
    assert_eq!(place.total("~all"), sent);
}

/// Each content once, whichever process was to count it: deleted positions would cause it to be counted again.
#[test]
fn deleted_positions_are_missed_where_they_would_be_used() {
    let redis = Redis::builder().appendonly().start();
    let mut place =
        Place::with_config("[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\nroute = \"tallymark\"\n");
    place.store_at(&redis.url());
    let (log, other) = (place.dir().join("badge.log"), place.dir().join("other.log"));
    let append = |file: &std::path::Path, lines: std::ops::Range<u64>| {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        for at in lines {
            writeln!(file, "\"17000000{at:02}.000\",\"a%2Fa\"").unwrap();
        }
    };
    let import = |file: &std::path::Path| {
        place.run(&["import", "log", &file.display().to_string(), "--route", "tallymark"])
    };
    let says = ["tallymark:positions was deleted or evicted", "tallymark store adopt"];
    let positions = || redis.cli(&["HLEN", "tallymark:positions"]);
    append(&log, 0..5);
    append(&other, 50..53);
    let mut daemon = place.serve();
    wait_total(&place, 5);
    import(&other).good();
    wait_total(&place, 8);
    // A running daemon notices, and so does an import.
    redis.cli(&["DEL", "tallymark:positions"]);
    wait_says(&place, &says);
    for file in [&log, &other] {
        import(file).refused(78, &says);
    }
    append(&log, 5..7);
    place.run(&["store", "adopt"]).good();
    wait_ready(&place);
    wait_total(&place, 10);
    stop(&mut daemon);
    // The daemon's own two are there again, and what was imported is known by its marker.
    import(&other).good();
    import(&log).good();
    assert_eq!((place.total("a/a"), positions()), (10, "2".to_owned()));
    // With the data directory they are gone for good: nothing is read until the operator has decided.
    redis.cli(&["DEL", "tallymark:positions"]);
    std::fs::remove_dir_all(place.data_dir()).unwrap();
    let mut daemon = place.serve();
    wait_says(&place, &says);
    append(&log, 7..9);
    assert_eq!(redis.cli(&["GET", "repo:a%2Fa"]), "10");
    // Beside or below it, it would be found as a rotated file.
    let away = place.dir().join("far/away");
    std::fs::create_dir_all(&away).unwrap();
    std::fs::rename(&log, away.join("badge.log")).unwrap();
    place.run(&["store", "adopt"]).good();
    wait_ready(&place);
    append(&log, 9..10);
    wait_total(&place, 11);
    stop(&mut daemon);
}

/// With the user that the manual makes, everything goes that touches the store, and Redis denies nothing.
#[test]
fn the_manuals_user_of_redis_may_do_all_that_is_needed() {
    let redis = Redis::builder().appendonly().start();
    let manual = include_str!("../src/help/redis.md");
    let rule = manual.lines().map(str::trim).find(|line| line.starts_with("ACL SETUSER")).unwrap();
    let rule: Vec<&str> = rule.split_whitespace().collect();
    assert_eq!(redis.cli(&rule), "OK");
    let mut place = Place::with_config(
        "[http]\ntokens = [\"a-token-of-sixteen\"]\n[visits]\nkeep = 4\n[[source]]\nkind = \"syslog-udp\"\nlisten = \"UDP\"\n\
         [[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\nroute = \"tallymark\"\n",
    );
    place.store_at(&redis.url().replace("redis://", "redis://tallymark:PASSWORD@"));
    let write = |name: &str| {
        let file = place.dir().join(name);
        std::fs::write(&file, "\"1700000000.000\",\"a%2Fa\"\n\"1700000001.000\",\"a%2Fa\"\n").unwrap();
        file.display().to_string()
    };
    write("badge.log");
    let mut daemon = place.serve();
    wait_ready(&place);
    send(&place, 3);
    let post = |key: &str| {
        let headers = [
            ("Authorization", "Bearer a-token-of-sixteen"),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", key),
        ];
        let body = br#"[{"name": "a/a"}, {"name": "a/b", "event": "like"}]"#;
        http::request("POST", place.addr(), "/api/v1/hits", &headers, body).status
    };
    assert_eq!([post("k"), post("k"), post("other")], [200; 3]);
    assert_eq!(http::get(place.addr(), "/badge.svg?repo=a/a").status, 200);
    wait_total(&place, 8);
    for path in ["/", "/api/v1/counters", "/api/v1/counters/a/a/visits", "/api/v1/summary"] {
        assert_eq!(http::get(place.addr(), path).status, 200, "{path}");
    }
    wait_until("the badge is published", PATIENCE, || place.published("a/a") == Some(8));
    stop(&mut daemon);
    let more = write("more.log");
    std::fs::write(&more, "\"1700000002.000\",\"a%2Fa\"\n").unwrap();
    for command in
        [&["import", "log", &more, "--route", "tallymark"][..], &["top"], &["render"], &["store", "adopt"]]
    {
        place.run(command).good();
    }
    let mut daemon = place.serve();
    wait_ready(&place);
    wait_total(&place, 9);
    stop(&mut daemon);
    assert_eq!(redis.cli(&["ACL", "LOG"]), "", "{}", daemon.stderr());
}

/// What waits in an outbox that was removed while it was open is not said to be safe: it is.
#[test]
fn hits_wait_in_an_outbox_that_was_removed_while_redis_was_down() {
    let mut redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    wait_ready(&place);
    send(&place, 5);
    wait_total(&place, 5);
    redis.stop();
    send(&place, 7);
    wait_until("hits wait", PATIENCE, || readyz(&place).0 == 503);
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(place.data_dir().join(format!("outbox.db{end}"))).unwrap();
    }
    send(&place, 3);
    stop(&mut daemon);
    let log = daemon.stderr();
    assert!(log.contains("it was written again") && log.contains("hits=10"), "{log}");
    redis.restart();
    let mut daemon = place.serve();
    wait_ready(&place);
    wait_total(&place, 15);
    stop(&mut daemon);
}

#[test]
fn eviction_that_is_switched_on_under_a_daemon_is_told_with_what_helps() {
    let redis = Redis::start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    wait_ready(&place);
    let helps = "redis-cli config set maxmemory-policy noeviction";
    for (policy, lost) in [("allkeys-lru", "deletes counts"), ("volatile-lru", "deletes hours, minutes")] {
        redis.cli(&["CONFIG", "SET", "maxmemory-policy", policy]);
        wait_says(&place, &["degraded", policy, lost, helps]);
    }
    assert_eq!(readyz(&place).0, 200, "it counts all the same");
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    wait_until("it is well again", PATIENCE, || !readyz(&place).1.contains("maxmemory"));
    stop(&mut daemon);
    assert!(daemon.stderr().contains(helps), "{}", daemon.stderr());
}

#[test]
fn hits_of_a_key_of_another_type_are_told_by_number() {
    let redis = Redis::start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    wait_ready(&place);
    redis.cli(&["RPUSH", "repo:p%2Fp", "x"]);
    let mut syslog = place.syslog();
    for name in ["p%2Fp", "p%2Fp", "a%2Fa", "p%2Fp"] {
        syslog.send(line(name).as_bytes());
    }
    wait_until("the others are counted", PATIENCE, || place.total("a/a") == 1);
    wait_until("they are told", PATIENCE, || place.metrics().get("tallymark_hits_quarantined_total") == 3);
    stop(&mut daemon);
    let log = daemon.stderr();
    assert!(log.contains("keys=1 hits=") && log.contains("their hits are not counted"), "{log}");
}

#[test]
fn sqlite_that_is_removed_or_replaced_under_a_daemon_halts_it_and_heals() {
    let place = Place::new();
    let mut daemon = place.serve();
    wait_ready(&place);
    send(&place, 60);
    wait_total(&place, 60);
    let database = place.data_dir().join("tallymark.db");
    let (away, old) = (database.with_extension("away"), database.with_extension("backup"));
    std::fs::copy(&database, &old).unwrap();
    let mut sent = 60;
    for trouble in ["was removed", "was replaced"] {
        std::fs::rename(&database, &away).unwrap();
        if trouble == "was replaced" {
            std::fs::rename(&old, &database).unwrap();
        }
        wait_says(&place, &[trouble, "Move the right file back"]);
        send(&place, 7);
        sent += 7;
        wait_until("hits wait", PATIENCE, || readyz(&place).0 == 503);
        // The publisher of badges is stopped by the same.
        let said = readyz(&place).1;
        assert_eq!(said.matches(trouble).count(), 1, "{said}");
        std::fs::rename(&away, &database).unwrap();
        wait_ready(&place);
        wait_total(&place, sent);
    }
    let remembered = || std::fs::read_to_string(place.data_dir().join("store.json")).unwrap_or_default();
    wait_until("the total is remembered", PATIENCE, || remembered().contains("\"total\": 74"));
    // What waits when it stops is reported.
    std::fs::rename(&database, &away).unwrap();
    send(&place, 3);
    wait_until("hits wait", PATIENCE, || readyz(&place).0 == 503);
    daemon.sigterm();
    assert_eq!(daemon.wait(PATIENCE).code(), Some(1));
    assert!(daemon.stderr().contains("the last 3 hits could not be written"), "{}", daemon.stderr());
    // And the next start does not begin again at 0.
    let helps = [
        "counts into the store sqlite:",
        "which had 74",
        "there is nothing at",
        "tallymark store adopt --store sqlite:",
    ];
    for command in [&["serve"][..], &["ingest"], &["render"], &["show", "a/a"], &["top"]] {
        place.run(command).refused(78, &helps);
    }
    assert!(!database.exists());
    std::fs::rename(&away, &database).unwrap();
    let mut daemon = place.serve();
    assert_eq!(place.hit("a/a"), 75);
    stop(&mut daemon);
    std::fs::remove_file(&database).unwrap();
    let said = place.run(&["store", "adopt"]).good();
    assert!(said.contains("It has no hits: it did not exist, and was created"), "{said}");
    assert!(!place.run(&["store", "adopt"]).good().contains("created"));
    let mut daemon = place.serve();
    assert_eq!(place.hit("a/a"), 1);
    stop(&mut daemon);
}

/// A copy of the data directory numbers its own batches like this one: its marker says nothing about ours.
#[test]
fn hits_of_a_daemon_that_a_copy_has_halted_are_told_as_lost() {
    let database = tallymark_testbed::temp_dir();
    let url = format!("sqlite:{}", database.path().join("t.db").display());
    let (first, copy) = (Place::with_store(url.as_str()), Place::with_store(url));
    let mut daemon = first.serve();
    send(&first, 5);
    wait_total(&first, 5);
    stop(&mut daemon);
    std::fs::create_dir(copy.data_dir()).unwrap();
    for file in ["instance", "store.json"] {
        std::fs::copy(first.data_dir().join(file), copy.data_dir().join(file)).unwrap();
    }
    let mut daemon = first.serve();
    wait_ready(&first);
    let mut other = copy.serve();
    for sent in 1..=5 {
        send(&copy, 1);
        wait_total(&copy, 5 + sent);
    }
    send(&first, 9);
    wait_says(&first, &["another tallymark has claimed"]);
    daemon.sigterm();
    assert_eq!(daemon.wait(PATIENCE).code(), Some(1));
    assert!(daemon.stderr().contains("the last 9 hits"), "{}", daemon.stderr());
    stop(&mut other);
    assert_eq!(first.total("~all"), 10);
}

#[test]
fn start_on_a_store_that_lacks_what_was_counted_is_refused_until_it_is_adopted() {
    let (one, other) = (Redis::start(), Redis::start());
    let another_file = tallymark_testbed::temp_dir();
    let file = format!("sqlite:{}", another_file.path().join("b.db").display());
    let mut place = Place::new();
    let mut counted = 0;
    let own = format!("sqlite:{}", place.data_dir().join("tallymark.db").display());
    for (at, url) in [own, file, one.url(), other.url()].into_iter().enumerate() {
        place.store_at(&url);
        if at > 0 {
            let has = format!("which had {counted} hit");
            let what = if at == 1 { "there is nothing at" } else { "is a different store and has 0" };
            let helps = ["tallymark store adopt --store", has.as_str(), what];
            for command in [&["serve"][..], &["ingest"], &["render"], &["show", "a/a"]] {
                place.run(command).refused(78, &helps);
            }
            place.run(&["store", "adopt"]).good();
        }
        let mut daemon = place.serve();
        wait_ready(&place);
        let hits = 5 + at as u64;
        send(&place, hits);
        // The outbox still holds what the first Redis has taken.
        counted = if url == other.url() { counted + hits } else { hits };
        wait_total(&place, counted);
        stop(&mut daemon);
    }
    // Back on the first Redis, which has its own counts; and a fresh data directory takes it as it is.
    place.store_at(&one.url());
    place.run(&["serve"]).refused(78, &["which had 15 hits; ", "is a different store and has 7."]);
    let fresh = Place::with_store(one.url());
    let mut daemon = fresh.serve();
    wait_ready(&fresh);
    assert_eq!(fresh.hit("a/a"), 8);
    stop(&mut daemon);
}

/// Counts that commands brought while no daemon ran are missed like those of a daemon.
#[test]
fn a_store_that_has_lost_what_commands_brought_is_refused_too() {
    let place = Place::new();
    let database = place.data_dir().join("tallymark.db");
    let lost = |place: &Place, had: &str| {
        for command in [&["serve"][..], &["show", "a/b"]] {
            let ran = place.run(command);
            ran.refused(78, &[had, "it was deleted, or moved", "tallymark restore", "tallymark store adopt"]);
            assert!(!ran.stderr.contains("store copy"), "{}", ran.stderr);
        }
    };
    place.run(&["import", "badge", "5000", "--name", "a/b"]).good();
    let jsonl = place.dir().join("e.jsonl").display().to_string();
    place.run(&["export", "jsonl", &jsonl]).good();
    let away = database.with_extension("away");
    std::fs::rename(&database, &away).unwrap();
    lost(&place, "which had 5,000 hits");
    std::fs::rename(&away, &database).unwrap();
    let mut daemon = place.serve();
    assert_eq!(place.hit("a/b"), 5001);
    stop(&mut daemon);
    place.run(&["add", "a/b", "7"]).good();
    place.run(&["add", "a/b", "2", "--event", "order"]).good();
    place.run(&["add", "a/b", "9", "--dry-run"]).good();
    std::fs::rename(&database, &away).unwrap();
    lost(&place, "which had 5,011 hits");
    // A hit over HTTP is a visit too. An export, an access log, a copy of a store:
    let imported = Place::new();
    imported.run(&["import", "jsonl", &jsonl]).good();
    std::fs::remove_file(imported.data_dir().join("tallymark.db")).unwrap();
    lost(&imported, "which had 5,000 hits");
    let logged = Place::new();
    let log = logged.dir().join("badge.log");
    std::fs::write(&log, "2026-11-20,o%252Fr\n".repeat(3)).unwrap();
    logged.run(&["import", "log", log.to_str().unwrap()]).good();
    std::fs::remove_file(logged.data_dir().join("tallymark.db")).unwrap();
    lost(&logged, "which had 3 hits");
    let copied = Place::new();
    let [from, to] = [&away, &copied.dir().join("copy.db")].map(|path| format!("sqlite:{}", path.display()));
    copied.run(&["store", "copy", &from, &to]).good();
    copied.run(&["serve"]).refused(78, &["copy.db, which had 5,011 hits"]);
}

#[test]
fn a_redis_that_has_lost_what_commands_brought_is_told_from_the_right_one() {
    let redis = Redis::start();
    let mut place = Place::with_store(format!("{}/1", redis.url()));
    place.run(&["import", "badge", "5000", "--name", "a/b"]).good();
    place.store_at(&format!("{}/2", redis.url()));
    place
        .run(&["serve"])
        .refused(78, &["/1, which had 5,000 hits", "is a different store and has 0", "store copy"]);
    place.store_at(&format!("{}/1", redis.url()));
    redis.cli(&["FLUSHALL"]);
    let mut daemon = place.serve();
    wait_says(&place, &["not the one these counts belong to", "it was emptied"]);
    stop(&mut daemon);
    let ran = place.run(&["show", "a/b"]);
    ran.refused(78, &["which had 5,000 hits; it was emptied", "tallymark store adopt"]);
    assert!(!ran.stderr.contains("store copy"), "{}", ran.stderr);
}

#[test]
fn another_redis_that_was_away_at_the_start_is_not_counted_into_either() {
    let mut redis = Redis::start();
    let mut place = Place::new();
    let mut daemon = place.serve();
    send(&place, 5);
    wait_total(&place, 5);
    stop(&mut daemon);
    redis.stop();
    place.store_at(&redis.url());
    let mut daemon = place.serve();
    send(&place, 2);
    redis.restart();
    wait_says(&place, &["not the one these counts belong to", "tallymark store adopt"]);
    assert_eq!(redis.cli(&["EXISTS", "repo:a%2Fa"]), "0");
    stop(&mut daemon);
    // Back on the first, what waits is reported.
    place.store_at(&format!("sqlite:{}", place.data_dir().join("tallymark.db").display()));
    let mut daemon = place.serve();
    wait_says(&place, &["degraded", "2 hits wait in the outbox"]);
    assert!(
        place
            .run(&["health", "--ready", "--listen", &place.addr().to_string()])
            .good()
            .contains("2 hits wait in the outbox")
    );
    assert!(place.run(&["show", "a/a"]).stderr.contains("2 hits wait in the outbox"));
    stop(&mut daemon);
    place.store_at(&redis.url());
    place.run(&["store", "adopt"]).good();
    let mut daemon = place.serve();
    wait_ready(&place);
    wait_total(&place, 2);
    stop(&mut daemon);
}

#[test]
fn a_damaged_memory_of_the_store_is_a_mistake_that_lasts() {
    let place = Place::new();
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/r"), 1);
    stop(&mut daemon);
    std::fs::write(place.data_dir().join("store.json"), "{").unwrap();
    place.run(&["serve"]).refused(78, &["store.json is damaged", "tallymark store adopt"]);
}

/// What another store is still owed cannot be read: that is not the same as nothing.
#[test]
fn an_outbox_that_cannot_be_read_is_said_and_is_not_an_empty_one() {
    let mut place = Place::new();
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/r"), 1);
    stop(&mut daemon);
    std::fs::write(place.data_dir().join("outbox.db"), "damaged ".repeat(1000)).unwrap();
    let mut daemon = place.serve();
    let ready = http::get(place.addr(), "/readyz");
    assert!(ready.text().contains("whether hits wait in the outbox"), "{}", ready.text());
    stop(&mut daemon);
    place.store_at(&format!("sqlite:{}", place.dir().join("other.db").display()));
    place.run(&["serve"]).refused(78, &["How many hits wait in its outbox for a store is not known: "]);
}

#[test]
fn older_copy_of_the_database_is_said_until_it_is_accepted() {
    let place = Place::new();
    let (database, copy) = (place.data_dir().join("tallymark.db"), place.dir().join("older.db"));
    let mut daemon = place.serve();
    send(&place, 5);
    wait_total(&place, 5);
    stop(&mut daemon);
    std::fs::copy(&database, &copy).unwrap();
    let mut daemon = place.serve();
    send(&place, 10);
    wait_total(&place, 15);
    assert!(!readyz(&place).1.contains("an older copy"), "{}", readyz(&place).1);
    stop(&mut daemon);
    std::fs::copy(&copy, &database).unwrap();
    let mut daemon = place.serve();
    wait_says(&place, &["degraded", "the store has", "is it an older copy?", "tallymark store adopt"]);
    stop(&mut daemon);
    place.run(&["store", "adopt"]).good();
    let mut daemon = place.serve();
    send(&place, 1);
    wait_total(&place, 6);
    assert!(!readyz(&place).1.contains("an older copy"), "{}", readyz(&place).1);
    stop(&mut daemon);
}
