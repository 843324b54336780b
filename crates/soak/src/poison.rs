//! Keys that are not counters affect only themselves, and the daemon recovers from every error that Redis can return:
//! the batch is sent again until it is applied.

use crate::{Bed, Ledger, PATIENCE, Plan, Traffic, bed, group, say, traffic};
use std::{
    fs, thread,
    time::{Duration, Instant},
};
use tallymark_testbed::{Redis, wait_until};

/// See the module.
pub fn run(plan: &Plan) {
    keys(plan);
    errors(plan);
}

/// A text, a list and the largest number where counters should be; a text where a set and a hash should be.
fn keys(plan: &Plan) {
    let redis = Redis::start();
    let bed = Bed::remote(plan, redis.url());
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    redis.cli(&["SET", "repo:poison%2Ftext", "text"]);
    redis.cli(&["RPUSH", "repo:poison%2Flist", "x"]);
    redis.cli(&["SET", "repo:poison%2Fmost", &(i64::MAX - 5).to_string()]);
    let today = traffic::now().day().to_string();
    redis.cli(&["SET", &format!("repo:{today}:owner0%2Frepo-0"), "text"]);
    redis.cli(&["SET", "repos", "text"]);
    let mut names = traffic::names(20);
    names.extend(["poison/text", "poison/list", "poison/most"].map(str::to_owned));
    let hits = Traffic::start(&bed, names, 2000).with_http(&bed, "over/http");
    bed.wait_batches(20);
    let mut ledger = hits.finish(&bed);
    let metrics = bed.metrics();
    bed::stop(&mut daemon);
    let sent = ledger.total();
    let counts = bed.counts();
    assert_eq!(counts.total("~all"), sent, "the sum over all names is exact");
    assert_eq!(redis.cli(&["GET", "repo:poison%2Ftext"]), "text");
    assert_eq!(redis.cli(&["LRANGE", "repo:poison%2Flist", "0", "-1"]), "x");
    assert_eq!(redis.cli(&["GET", "repo:poison%2Fmost"]), i64::MAX.to_string());
    assert_eq!(redis.cli(&["GET", "repos"]), "text");
    assert_eq!(counts.total("owner0/repo-0"), ledger.of("owner0/repo-0"), "only that day is harmed");
    for name in ["poison/text", "poison/list", "poison/most", "owner0/repo-0"] {
        ledger.forget(name);
    }
    let others: Vec<String> = ledger.names().map(str::to_owned).collect();
    for name in &others {
        assert_eq!((counts.total(name), counts.days(name)), (ledger.of(name), ledger.of(name)), "{name}");
    }
    assert!(metrics.get("keys_quarantined_total") > 0);
    let quarantined = group(metrics.get("keys_quarantined_total"));
    say(
        "poison",
        &format!("5 keys, {} hits, {quarantined} increments refused, all others exact", group(sent)),
    );
}

/// An error that Redis can be made to answer with: how, and how it ends.
struct Trouble {
    name: &'static str,
    /// What `/readyz` then says; empty where it is over too soon to be seen.
    says: &'static str,
    begin: fn(&mut Redis),
    end: fn(&mut Redis),
}

fn nothing(_: &mut Redis) {}

const TROUBLES: &[Trouble] = &[
    Trouble {
        name: "READONLY",
        says: "READONLY",
        begin: |redis| drop(redis.cli(&["REPLICAOF", "127.0.0.1", "1"])),
        end: |redis| drop(redis.cli(&["REPLICAOF", "NO", "ONE"])),
    },
    Trouble {
        name: "OOM",
        says: "maxmemory",
        begin: |redis| drop(redis.cli(&["CONFIG", "SET", "maxmemory", "1"])),
        end: |redis| drop(redis.cli(&["CONFIG", "SET", "maxmemory", "0"])),
    },
    Trouble { name: "MISCONF", says: "MISCONF", begin: no_snapshot, end: snapshot_again },
    Trouble { name: "NOAUTH", says: "password", begin: lock, end: unlock },
    Trouble {
        name: "NOPERM on a command",
        says: "denies its user the command HINCRBY",
        begin: |redis| drop(redis.cli(&["ACL", "SETUSER", "default", "-hincrby"])),
        end: |redis| drop(redis.cli(&["ACL", "SETUSER", "default", "+hincrby"])),
    },
    Trouble {
        name: "NOPERM on keys",
        says: "denies its user the command INCRBY repo:",
        begin: |redis| {
            let keys = ["~tallymark:*", "~changes", "~count:*", "~repos*", "~names:*", "~track:*"];
            drop(redis.cli(&[&["ACL", "SETUSER", "default", "resetkeys"], keys.as_slice()].concat()));
        },
        end: |redis| drop(redis.cli(&["ACL", "SETUSER", "default", "allkeys"])),
    },
    Trouble {
        name: "NOSCRIPT",
        says: "",
        begin: |redis| drop(redis.cli(&["SCRIPT", "FLUSH"])),
        end: nothing,
    },
    Trouble { name: "BUSY", says: "BUSY", begin: busy, end: |redis| drop(redis.cli(&["SCRIPT", "KILL"])) },
    Trouble {
        name: "silence",
        says: "no answer in time",
        begin: |redis| redis.freeze(),
        end: |redis| redis.thaw(),
    },
    Trouble {
        name: "CLIENT KILL",
        says: "",
        begin: |redis| drop(redis.cli(&["CLIENT", "KILL", "TYPE", "normal"])),
        end: nothing,
    },
    Trouble { name: "LOADING", says: "", begin: load_slowly, end: nothing },
];

/// The file of the snapshot is a directory.
fn no_snapshot(redis: &mut Redis) {
    let file = redis.dir().join("dump.rdb");
    let _ = fs::remove_file(&file);
    fs::create_dir_all(file.join("in-the-way")).expect("the directory of Redis is writable");
    redis.cli(&["CONFIG", "SET", "save", "3600 1"]);
    redis.cli(&["BGSAVE"]);
    let failed = |redis: &Redis| redis.cli(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:err");
    wait_until("the snapshot fails", PATIENCE, || failed(redis));
}

fn snapshot_again(redis: &mut Redis) {
    fs::remove_dir_all(redis.dir().join("dump.rdb")).expect("it is ours");
    redis.cli(&["BGSAVE"]);
    let good = |redis: &Redis| redis.cli(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:ok");
    wait_until("the snapshot is written", PATIENCE, || good(redis));
    redis.cli(&["CONFIG", "SET", "save", ""]);
}

fn lock(redis: &mut Redis) {
    redis.cli(&["CONFIG", "SET", "requirepass", "secret"]);
    redis.cli(&["-a", "secret", "--no-auth-warning", "CLIENT", "KILL", "TYPE", "normal"]);
}

fn unlock(redis: &mut Redis) {
    redis.cli(&["-a", "secret", "--no-auth-warning", "CONFIG", "SET", "requirepass", ""]);
}

/// A script without end, by a client that does not wait for it.
fn busy(redis: &mut Redis) {
    redis.cli(&["CONFIG", "SET", "lua-time-limit", "50"]);
    let mut stream = std::net::TcpStream::connect(redis.addr()).expect("Redis listens");
    std::io::Write::write_all(&mut stream, b"EVAL 'while true do end' 0\r\n").expect("Redis reads");
    wait_until("Redis is busy", PATIENCE, || redis.try_cli(&["PING"]).is_err_and(|err| err.contains("BUSY")));
}

/// Redis comes back so slowly that it answers LOADING for a while.
fn load_slowly(redis: &mut Redis) {
    redis.cli(&["CONFIG", "SET", "key-load-delay", "50"]);
    redis.cli(&["CONFIG", "SET", "loading-process-events-interval-bytes", "1024"]);
    redis.cli(&["CONFIG", "REWRITE"]);
    redis.kill9();
    redis.restart();
    redis.cli(&["CONFIG", "SET", "key-load-delay", "0"]);
    redis.cli(&["CONFIG", "REWRITE"]);
}

fn errors(plan: &Plan) {
    let config = ["appendfsync always", "aof-use-rdb-preamble yes"];
    let mut redis = Redis::builder().appendonly().config(config[0]).config(config[1]).start();
    let bed = Bed::remote(plan, redis.url());
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    let mut ledger = Ledger::default();
    let started = Instant::now();
    for _ in 0..plan.rounds(1, 10) {
        for trouble in TROUBLES {
            let hits = Traffic::start(&bed, traffic::names(200), 1000).with_http(&bed, "over/http");
            bed.wait_batches(3);
            (trouble.begin)(&mut redis);
            if trouble.says.is_empty() {
                thread::sleep(Duration::from_millis(200)); // hits flow meanwhile
            } else {
                bed.wait_trouble(trouble.says);
            }
            (trouble.end)(&mut redis);
            bed.wait_ready();
            bed.wait_batches(3);
            let (udp, http) = hits.stop();
            ledger.join(&udp);
            ledger.join(&http);
            println!("    {} got over after {:.1} s", trouble.name, started.elapsed().as_secs_f64());
        }
    }
    wait_until("everything is read", PATIENCE, || {
        let metrics = bed.metrics();
        let (udp, http) = (metrics.lines("syslog-udp"), metrics.lines("http"));
        udp.received + udp.dropped + http.accepted == ledger.total()
    });
    let metrics = bed.metrics();
    assert_eq!(metrics.lines("syslog-udp").check().dropped, 0);
    assert_eq!(metrics.get("keys_quarantined_total"), 0);
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    let names: Vec<&str> = TROUBLES.iter().map(|trouble| trouble.name).collect();
    say("poison", &format!("{}: {} hits, difference 0", names.join(", "), group(ledger.total())));
}
