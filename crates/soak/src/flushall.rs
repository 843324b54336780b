//! Redis is emptied, or replaced by another one at its address: the daemon halts and says so, keeps every hit, and
//! continues when an operator adopts the store. Then everything in the outbox is in the new store.

use crate::{Bed, PATIENCE, Plan, Traffic, bed, group, say, traffic};
use tallymark_testbed::{FaultProxy, Redis, wait_until};

const ALARM: &str = "not the one these counts belong to";

/// See the module.
pub fn run(plan: &Plan) {
    for round in 0..plan.rounds(1, 5) {
        emptied(plan, round);
        exchanged(plan, round);
        there_and_back(plan, round);
    }
}

fn emptied(plan: &Plan, round: u64) {
    let redis = Redis::start();
    let bed = Bed::remote(plan, redis.url());
    let hits = halted_and_adopted(&bed, &redis, || drop(redis.cli(&["FLUSHALL"])));
    say("flushall", &format!("round {round}: emptied and adopted, {} hits, difference 0", group(hits)));
}

fn exchanged(plan: &Plan, round: u64) {
    let (one, other) = (Redis::start(), Redis::start());
    // The other one has already counted for another daemon.
    other.cli(&["HSET", "tallymark:store", "uuid", "6f1c3b52-51e4-4d41-8f5f-6f54e2a34b10", "schema", "1"]);
    let proxy = FaultProxy::start(one.addr());
    let bed = Bed::remote(plan, format!("redis://127.0.0.1:{}", proxy.port()));
    let hits = halted_and_adopted(&bed, &other, || proxy.fail_over(other.addr()));
    say("flushall", &format!("round {round}: exchanged and adopted, {} hits, difference 0", group(hits)));
}

fn halted_and_adopted(bed: &Bed, after: &Redis, trouble: impl FnOnce()) -> u64 {
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    let hits = Traffic::start(bed, traffic::names(100), 1000).with_http(bed, "over/http");
    bed.wait_batches(10);
    trouble();
    bed.wait_trouble(ALARM);
    assert_eq!(bed.metrics().get("store_up"), 0);
    // With the command that helps, as it has to be typed.
    let helps = "tallymark store adopt --store redis://127.0.0.1:";
    assert!(daemon.stderr().contains(ALARM) && daemon.stderr().contains(helps), "{}", daemon.stderr());
    let accepted = || bed.metrics().lines("syslog-udp").accepted;
    let before = accepted();
    wait_until("counting goes on", PATIENCE, || accepted() > before + 100);
    assert_eq!(after.cli(&["KEYS", "repo*"]), "", "nothing is written to it");
    assert_eq!(after.cli(&["EXISTS", "count:hit:~all"]), "0");
    let (good, text) = bed.run(&["store", "adopt"]);
    assert!(good, "{text}");
    bed.wait_ready();
    let ledger = hits.finish(bed);
    bed::stop(&mut daemon);
    // Within the retention of the outbox nothing was let go of, so the new store has everything.
    ledger.settle(&bed.counts());
    ledger.total()
}

/// The address was wrong for a while, and the operator adopts first the one store and then the other: each of them has
/// every hit once that was still held when it was adopted.
fn there_and_back(plan: &Plan, round: u64) {
    let (one, other) = (Redis::start(), Redis::start());
    let proxy = FaultProxy::start(one.addr());
    let bed = Bed::remote(plan, format!("redis://127.0.0.1:{}", proxy.port()));
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    let hits = Traffic::start(&bed, traffic::names(50), 500).with_http(&bed, "over/http");
    bed.wait_batches(5);
    for store in [&other, &one, &other] {
        proxy.fail_over(store.addr());
        bed.wait_trouble(ALARM);
        let (good, text) = bed.run(&["store", "adopt"]);
        assert!(good, "{text}");
        bed.wait_ready();
        bed.wait_batches(3);
    }
    let ledger = hits.finish(&bed);
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    proxy.fail_over(one.addr());
    let counted = bed.counts().total("~all");
    assert!(counted < ledger.total(), "{counted} of {}: nothing came after it was left", ledger.total());
    let (good, text) = bed.run(&["show", "a/a"]);
    assert!(!good && text.contains("tallymark store adopt"), "{text}");
    let mut daemon = bed.start("serve");
    bed.wait_trouble(ALARM);
    let (good, text) = bed.run(&["store", "adopt"]);
    assert!(good, "{text}");
    bed.wait_ready();
    let counts = bed.counts();
    wait_until("the rest is counted too", PATIENCE, || counts.try_total("~all") >= Some(ledger.total()));
    bed::stop(&mut daemon);
    ledger.settle(&counts);
    say("flushall", &format!("round {round}: there and back, {} hits, difference 0", group(ledger.total())));
}
