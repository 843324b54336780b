//! Redis loses what it had confirmed while nothing is sent, for longer than the outbox keeps safe batches: with
//! snapshots alone, over a restart of the daemon, and with an append-only file. The daemon looks by itself.

use crate::{Bed, Ledger, PATIENCE, Plan, Traffic, bed, group, say, traffic};
use std::{fs, thread};
use tallymark_testbed::{Redis, wait_until};

/// See the module.
pub fn run(plan: &Plan) {
    for _ in 0..plan.rounds(1, 10) {
        // Mostly they wait for the next look.
        thread::scope(|scope| {
            scope.spawn(|| snapshots_alone(plan));
            cut_file(plan);
        });
    }
}

/// Some hits, all of them counted.
fn hits(bed: &Bed, ledger: &mut Ledger) {
    let hits = Traffic::start(bed, traffic::names(30), 500);
    bed.wait_batches(3);
    ledger.join(&hits.finish(bed));
    wait_counted(bed, ledger);
}

#[track_caller]
fn wait_counted(bed: &Bed, ledger: &Ledger) {
    let counts = bed.counts();
    wait_until("every hit is counted", PATIENCE, || counts.try_total("~all") == Some(ledger.total()));
}

fn snapshots_alone(plan: &Plan) {
    let mut redis = Redis::start();
    let bed = Bed::remote(plan, redis.url());
    bed.forget_soon();
    let mut ledger = Ledger::default();
    let mut daemon = bed.start("ingest");
    bed.wait_ready();
    hits(&bed, &mut ledger);
    redis.cli(&["SAVE"]);
    let saved = ledger.total();
    hits(&bed, &mut ledger);
    // Gone behind the daemon's back.
    redis.kill9();
    bed.outlive_retention();
    redis.restart();
    wait_counted(&bed, &ledger);
    // Gone while the daemon is down, which has ended in the best of order.
    hits(&bed, &mut ledger);
    bed.outlive_retention();
    bed::stop(&mut daemon);
    redis.kill9();
    redis.restart();
    assert_eq!(bed.counts().total("~all"), saved, "Redis is back at its snapshot");
    let mut daemon = bed.start("ingest");
    wait_counted(&bed, &ledger);
    let lost = bed.metrics().get("batches_lost_total");
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    assert_eq!(lost, 0);
    say("snapshots", &format!("snapshots alone: {} hits, difference 0", group(ledger.total())));
}

fn cut_file(plan: &Plan) {
    let mut redis = Redis::builder().appendonly().config("appendfsync always").start();
    let bed = Bed::remote(plan, redis.url());
    bed.forget_soon();
    let mut ledger = Ledger::default();
    let mut daemon = bed.start("ingest");
    bed.wait_ready();
    hits(&bed, &mut ledger);
    let before = ledger.total();
    let file = crate::redis_tail::last_file(&redis.dir().join("appendonlydir"));
    let size = fs::metadata(&file).expect("the append-only file is there").len();
    hits(&bed, &mut ledger);
    redis.kill9();
    fs::File::options().write(true).open(&file).and_then(|file| file.set_len(size)).expect("it can be cut");
    bed.outlive_retention();
    redis.restart();
    wait_counted(&bed, &ledger);
    let metrics = bed.metrics();
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    assert_eq!(metrics.get("batches_lost_total"), 0);
    let gone = group(ledger.total() - before);
    say("snapshots", &format!("a cut file: {gone} hits gone and back without a new one, difference 0"));
}
