//! For a while the address of Redis leads to a replica that lags by more than the outbox keeps: first to a read-only
//! one, then to one that was promoted by mistake. Back at the master, every hit is counted once.

use crate::{Bed, PATIENCE, Plan, Traffic, bed, group, say, traffic};
use tallymark_testbed::{FaultProxy, Redis, wait_until};

/// See the module.
pub fn run(plan: &Plan) {
    for _ in 0..plan.rounds(1, 10) {
        there_and_back(plan);
    }
}

fn there_and_back(plan: &Plan) {
    let (master, replica) = (Redis::builder().appendonly().start(), Redis::start());
    let balancer = FaultProxy::start(master.addr());
    let bed = Bed::remote(plan, format!("redis://127.0.0.1:{}", balancer.port()));
    bed.forget_soon();
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    let hits = Traffic::start(&bed, traffic::names(50), 500).with_http(&bed, "over/http");
    bed.wait_batches(3);
    replica.cli(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    wait_until("the replica has caught up", PATIENCE, || {
        replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
    });
    // From here on it receives nothing, and serves what it has.
    replica.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    bed.wait_batches(3);
    let mut ledger = hits.finish(&bed);
    let counts = bed.counts();
    wait_until("they are in the store", PATIENCE, || counts.try_total("~all") == Some(ledger.total()));
    bed.outlive_retention();
    wait_until("the outbox has let go of them", PATIENCE, || bed.held() == 0);

    // These it still holds when it comes to the replica.
    let hits = Traffic::start(&bed, traffic::names(50), 500).with_http(&bed, "over/http");
    bed.wait_batches(5);
    balancer.fail_over(replica.addr());
    bed.wait_trouble("READONLY");
    balancer.fail_over(master.addr());
    bed.wait_ready();
    bed.wait_batches(3);
    let metrics = bed.metrics();
    assert_eq!((metrics.get("store_rollbacks_total"), metrics.get("batches_lost_total")), (0, 0));

    balancer.fail_over(replica.addr());
    bed.wait_trouble("READONLY");
    replica.cli(&["REPLICAOF", "NO", "ONE"]);
    bed.wait_ready();
    bed.wait_batches(3);
    let metrics = bed.metrics();
    assert!(metrics.get("store_rollbacks_total") == 1 && metrics.get("batches_lost_total") > 0);
    balancer.fail_over(master.addr());
    bed.wait_batches(3);
    ledger.join(&hits.finish(&bed));
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    say("behind", &format!("a replica there and back, twice: {} hits, difference 0", group(ledger.total())));
}
