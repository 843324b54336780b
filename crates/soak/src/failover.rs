//! A replica that has not heard from its master for some seconds is promoted, behind a balancer that never drops the
//! clients' connections: only the marker tells that anything happened.

use crate::{Bed, PATIENCE, Plan, Traffic, bed, group, say, traffic};
use std::{thread, time::Duration};
use tallymark_testbed::{Fault, FaultProxy, Redis, wait_until};

/// A pair, and the wire between.
struct Pair {
    master: Redis,
    replica: Redis,
    wire: FaultProxy,
}

impl Pair {
    fn start() -> Pair {
        let (master, replica) = (Redis::start(), Redis::start());
        let wire = FaultProxy::start(master.addr());
        let pair = Pair { master, replica, wire };
        pair.follow();
        pair
    }

    /// The replica follows, and has caught up.
    fn follow(&self) {
        self.replica.cli(&["REPLICAOF", "127.0.0.1", &self.wire.port().to_string()]);
        wait_until("the replica has caught up", PATIENCE, || {
            self.replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
        });
    }

    /// The replica hears nothing for a while, then the master dies and the replica takes its place.
    fn fail(mut self, silence: Duration, balancer: &FaultProxy) -> Pair {
        self.wire.set(Fault::BlackHole);
        thread::sleep(silence); // how far behind the replica is
        self.master.kill9();
        self.replica.cli(&["REPLICAOF", "NO", "ONE"]);
        balancer.fail_over(self.replica.addr());
        // What died comes back empty, as the replica of what was its replica.
        self.master.restart();
        let wire = FaultProxy::start(self.replica.addr());
        Pair { master: self.replica, replica: self.master, wire }
    }
}

/// See the module.
pub fn run(plan: &Plan) {
    let rounds = plan.rounds(1, 10);
    let silence = Duration::from_millis(plan.size(1000, 5000));
    let mut pair = Pair::start();
    let balancer = FaultProxy::start(pair.master.addr());
    let bed = Bed::remote(plan, format!("redis://127.0.0.1:{}", balancer.port()));
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    let hits = Traffic::start(&bed, traffic::names(200), 2000).with_http(&bed, "over/http");
    for _ in 0..rounds {
        bed.wait_batches(5);
        pair = pair.fail(silence, &balancer);
        bed.wait_batches(3);
        bed.wait_ready();
        pair.follow();
    }
    let ledger = hits.finish(&bed);
    let metrics = bed.metrics();
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    let rollbacks = metrics.get("store_rollbacks_total");
    assert!(rollbacks >= rounds, "{rollbacks} rollbacks in {rounds} rounds");
    assert_eq!(metrics.get("batches_lost_total"), 0);
    say(
        "failover",
        &format!(
            "{rounds} promotions of a replica {} ms behind, {rollbacks} rollbacks, {} hits, difference 0",
            silence.as_millis(),
            group(ledger.total())
        ),
    );
}
