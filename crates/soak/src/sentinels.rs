//! Sentinels promote a replica: after kill -9, after a hang, because they are told to, and because they alone can no
//! longer reach a master that goes on answering the daemon.

use crate::{Bed, PATIENCE, Plan, Traffic, bed, group, say, traffic};
use tallymark_testbed::{Sentinels, wait_until};

/// What happens to the master.
#[derive(Clone, Copy)]
enum Fate {
    /// It dies with what it had not written, and comes back as a replica.
    Killed,
    /// It hangs, and goes on as if nothing had happened.
    Frozen,
    /// It is told to hand over.
    Relieved,
    /// Only the daemon's own user still gets in: neither Sentinels nor replicas do.
    CutOff,
}

const FATES: [Fate; 4] = [Fate::Killed, Fate::CutOff, Fate::Relieved, Fate::Frozen];

/// One master after the other.
fn strike(set: &mut Sentinels, fate: Fate) {
    let old = set.master();
    match fate {
        Fate::Killed => set.servers[old].kill9(),
        Fate::Frozen => set.servers[old].freeze(),
        Fate::Relieved => {
            set.sentinels[0].cli(&["SENTINEL", "FAILOVER", "main"]);
        }
        Fate::CutOff => {
            let master = &set.servers[old];
            master.cli(&["ACL", "SETUSER", "default", "resetpass", ">nobody-knows"]);
            for kind in ["replica", "normal"] {
                // The connection of this very command is one of the normal ones.
                let _ = master.try_cli(&["-a", "nobody-knows", "CLIENT", "KILL", "TYPE", kind]);
            }
        }
    }
    let new = set.wait_other(old);
    // A daemon that ends before it has left the old master sends what that one forgets when it starts again.
    let applied = || set.servers[new].cli(&["HVALS", "tallymark:applied"]);
    let before = applied();
    wait_until("the daemon writes to the new master", PATIENCE, || applied() != before);
    match fate {
        Fate::Killed => set.servers[old].restart(),
        Fate::Frozen => set.servers[old].thaw(),
        Fate::Relieved => {}
        Fate::CutOff => {
            set.servers[old].cli(&["-a", "nobody-knows", "ACL", "SETUSER", "default", "nopass"]);
        }
    }
}

/// See the module.
pub fn run(plan: &Plan) {
    let rounds = plan.rounds(2, 20);
    let mut set = Sentinels::start(2, &["user tally on >pass ~* &* +@all"]);
    let bed = Bed::remote(plan, set.url().replace("//", "//tally:pass@"));
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    let hits = Traffic::start(&bed, traffic::names(200), 2000).with_http(&bed, "over/http");
    for fate in FATES.into_iter().cycle().take(rounds as usize) {
        bed.wait_batches(5);
        strike(&mut set, fate);
        bed.wait_batches(5);
        bed.wait_ready();
        set.wait_known(2);
    }
    let ledger = hits.finish(&bed);
    let metrics = bed.metrics();
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    let rollbacks = metrics.get("store_rollbacks_total");
    assert_eq!(metrics.get("batches_lost_total"), 0);
    let total = group(ledger.total());
    say("sentinels", &format!("{rounds} promotions, {rollbacks} rollbacks, {total} hits, difference 0"));
}
