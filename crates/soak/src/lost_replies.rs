//! The store applies a batch and the reply is lost: the daemon cannot know, asks again, and counts once.

use crate::{Bed, PATIENCE, Plan, Traffic, bed, group, say, traffic};
use tallymark_testbed::{Fault, FaultProxy, Redis, wait_until};

/// See the module.
pub fn run(plan: &Plan) {
    let rounds = plan.rounds(100, 2000);
    let mut random = plan.random();
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.addr());
    let bed = Bed::remote(plan, format!("redis://127.0.0.1:{}", proxy.port()));
    bed.configure("tick = \"10ms\"", "", "");
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    let hits = Traffic::start(&bed, traffic::names(50), 2000).with_http(&bed, "over/http");
    for round in 0..rounds {
        let before = proxy.dropped();
        // Mostly the reply to a batch; now and then that to anything else.
        proxy.set(match random.within(0, 20) {
            0 => Fault::CutReplies { after: random.within(0, 4) },
            _ => Fault::CutAnswerTo("EVALSHA"),
        });
        wait_until("a reply is lost", PATIENCE, || proxy.dropped() > before);
        proxy.set(Fault::Pass);
        let in_store = || {
            let metrics = bed.metrics();
            metrics.get("batches_duplicate_total") + metrics.get("batches_applied_total")
        };
        let then = in_store();
        wait_until("batches get through again", PATIENCE, || in_store() > then);
        if round % 500 == 250 {
            // Silently, as when a router dies: the connection stays open and nothing arrives.
            proxy.set(Fault::DropReplies { after: 0 });
            wait_until("a reply is dropped", PATIENCE, || proxy.dropped() > before + 1);
            bed.wait_trouble("no answer in time");
            proxy.set(Fault::Pass);
            bed.wait_ready();
        }
    }
    bed.wait_ready();
    let ledger = hits.finish(&bed);
    let metrics = bed.metrics();
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    let twice = metrics.get("batches_duplicate_total");
    assert!(twice > rounds / 2, "{twice} batches were sent twice");
    let result = format!(
        "{} replies lost, {} batches sent twice, {} hits, difference 0",
        group(proxy.dropped()),
        group(twice),
        group(ledger.total())
    );
    say("lost-replies", &result);
}
