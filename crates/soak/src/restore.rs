//! Copies of a state directory: a clone that runs beside the original, and a restored backup. Neither counts anything
//! twice, and what arrives until it is resolved is not lost.

use crate::{Bed, Ledger, PATIENCE, Plan, Traffic, bed, file::Log, group, say, traffic};
use std::{fs, path::Path};
use tallymark_testbed::{Redis, wait_until};

/// See the module.
pub fn run(plan: &Plan) {
    for _ in 0..plan.rounds(1, 10) {
        cloned(plan);
        restored(plan);
        restored_with_a_log(plan);
    }
}

/// Two daemons with one identity: the second to claim goes on, the first halts, and stays so over a restart. Every hit
/// is counted by one of them or waits in the outbox of the one that halted, until an operator lets that one go on too.
fn cloned(plan: &Plan) {
    let redis = Redis::start();
    let original = Bed::remote(plan, redis.url());
    let mut first = original.start("ingest");
    original.wait_ready();
    let hits = Traffic::start(&original, traffic::names(50), 1000);
    original.wait_batches(5);
    let mut ledger = hits.finish(&original);
    let counts = original.counts();
    wait_until("they are in the store", PATIENCE, || counts.try_total("~all") == Some(ledger.total()));

    let clone = Bed::remote(plan, redis.url());
    copy(&original.data(), &clone.data());
    let mut second = clone.start("ingest");
    clone.wait_ready();
    let (more, lost) = {
        let hits = (
            Traffic::start(&clone, traffic::names(50), 500),
            Traffic::start(&original, traffic::names(50), 500),
        );
        original.wait_trouble("another tallymark has claimed");
        assert_eq!(original.metrics().get("store_up"), 0);
        clone.wait_batches(5);
        (hits.0.finish(&clone), hits.1.finish(&original))
    };
    ledger.join(&more);
    wait_until("the rest waits in the outbox", PATIENCE, || {
        original.metrics().get("outbox_hits") == lost.total()
    });
    ledger.settle(&counts);
    bed::stop(&mut first);
    let mut first = original.start("ingest");
    original.wait_trouble("another tallymark has claimed");
    let hits = Traffic::start(&clone, traffic::names(50), 500);
    clone.wait_batches(3);
    ledger.join(&hits.finish(&clone));
    assert_eq!(clone.ready().map(|(status, _)| status), Some(200), "the fenced one has claimed nothing");
    bed::stop(&mut second);
    ledger.settle(&counts);
    assert_eq!(original.metrics().get("outbox_hits"), lost.total());

    let (good, text) = original.run(&["store", "adopt"]);
    assert!(good, "{text}");
    original.wait_ready();
    ledger.join(&lost);
    wait_until("what waited is in the store", PATIENCE, || counts.try_total("~all") == Some(ledger.total()));
    let hits = Traffic::start(&original, traffic::names(50), 500);
    original.wait_batches(3);
    ledger.join(&hits.finish(&original));
    bed::stop(&mut first);
    ledger.settle(&counts);
    let [counted, waiting] = [ledger.total(), lost.total()].map(group);
    say(
        "restore",
        &format!("cloned: {counted} hits counted, {waiting} of them kept by the fenced one, difference 0"),
    );
}

/// A backup of yesterday in place of the state directory, while Redis is away: what the backup held is in Redis
/// already, what comes in now is not.
fn restored(plan: &Plan) {
    let mut redis = Redis::builder().appendonly().config("appendfsync always").start();
    let bed = Bed::remote(plan, redis.url());
    let mut ledger = Ledger::default();
    let mut daemon = bed.start("ingest");
    bed.wait_ready();
    let hits = Traffic::start(&bed, traffic::names(50), 1000);
    bed.wait_batches(5);
    // Some of what the backup holds waits in it: Redis is away when it is made.
    redis.stop();
    bed.wait_trouble("refused");
    let accepted = || bed.metrics().lines("syslog-udp").accepted;
    let before = accepted();
    wait_until("hits wait", PATIENCE, || accepted() > before + 200);
    daemon.signal("STOP");
    let backup = bed.dir().join("backup");
    copy(&bed.data(), &backup);
    daemon.signal("CONT");
    redis.restart();
    bed.wait_batches(5);
    ledger.join(&hits.finish(&bed));
    bed::stop(&mut daemon);

    fs::remove_dir_all(bed.data()).expect("it is ours");
    fs::rename(&backup, bed.data()).expect("it is ours");
    redis.stop();
    let mut daemon = bed.start("ingest");
    let hits = Traffic::start(&bed, traffic::names(50), 1000);
    wait_until("hits wait", PATIENCE, || bed.metrics().lines("syslog-udp").accepted > 200);
    redis.restart();
    bed.wait_ready();
    bed.wait_batches(3);
    ledger.join(&hits.finish(&bed));
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    say("restore", &format!("a backup put back: {} hits, difference 0", group(ledger.total())));
}

/// The same with a log file: nothing of it is read before the store has said that the directory is an old one, also
/// while Redis is away; then it goes on from where the counts in the store are, whatever the backup says.
fn restored_with_a_log(plan: &Plan) {
    let mut redis = Redis::builder().appendonly().config("appendfsync always").start();
    let bed = Bed::remote(plan, redis.url());
    bed.configure("", "", "[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\n");
    let (mut log, mut random) = (Log::new(&bed, u64::MAX), plan.random());
    let mut more = |log: &mut Log| {
        log.write(100, &mut random);
        log.end();
    };
    let counts = bed.counts();
    let mut ledger = Ledger::default();
    more(&mut log);
    let mut daemon = bed.start("ingest");
    wait_until("the log is counted", PATIENCE, || counts.try_total("~all") == Some(100));
    bed::stop(&mut daemon);
    let backup = bed.dir().join("backup");
    copy(&bed.data(), &backup);
    // The backup grows old, by hits from elsewhere and by lines.
    let mut daemon = bed.start("ingest");
    let hits = Traffic::start(&bed, traffic::names(50), 1000);
    more(&mut log);
    bed.wait_batches(5);
    ledger.join(&hits.finish(&bed));
    let sent = |ledger: &Ledger, log: &Log| ledger.total() + log.ledger.total();
    wait_until("the log is counted", PATIENCE, || counts.try_total("~all") == Some(sent(&ledger, &log)));
    bed::stop(&mut daemon);

    fs::remove_dir_all(bed.data()).expect("it is ours");
    fs::rename(&backup, bed.data()).expect("it is ours");
    redis.stop();
    more(&mut log);
    let mut daemon = bed.start("ingest");
    let hits = Traffic::start(&bed, traffic::names(50), 1000);
    wait_until("hits wait", PATIENCE, || bed.metrics().lines("syslog-udp").accepted > 500);
    assert_eq!(bed.metrics().lines("file").received, 0, "the log waits for the store");
    redis.restart();
    bed.wait_ready();
    more(&mut log);
    ledger.join(&hits.finish(&bed));
    wait_until("the log is counted", PATIENCE, || counts.try_total("~all") >= Some(sent(&ledger, &log)));
    bed::stop(&mut daemon);
    // Once more, and with the flag that was needed here once.
    more(&mut log);
    let mut daemon = bed.start_with("ingest", &["--accept-positions"]);
    wait_until("the log is counted", PATIENCE, || counts.try_total("~all") >= Some(sent(&ledger, &log)));
    bed::stop(&mut daemon);
    ledger.join(&log.ledger);
    ledger.settle(&counts);
    let [lines, hits] = [log.ledger.total(), ledger.total()].map(group);
    say("restore", &format!("a backup put back beside a log: {lines} lines in {hits} hits, difference 0"));
}

/// As `cp -a` does it.
#[track_caller]
fn copy(from: &Path, to: &Path) {
    let mut cp = std::process::Command::new("cp");
    let status = cp.arg("-a").arg(from).arg(to).status().expect("cp starts");
    assert!(status.success(), "{status}");
}
