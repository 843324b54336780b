//! The disk fails twice in a row, at the N-th sync of a thread: what it was to hold may be there all the same, or not.
//! The outbox finds out, and every hit counts once.

use crate::{Bed, PATIENCE, Plan, Traffic, bed, group, say, sweep::terminate, traffic};
use tallymark_testbed::{Daemon, Redis, wait_until};

/// See the module.
pub fn run(plan: &Plan) {
    let redis = Redis::start();
    let (mut failed, mut hits) = (0u64, 0);
    for at in (4..=plan.rounds(10, 80)).step_by(plan.size(3, 1)) {
        redis.cli(&["FLUSHALL"]);
        let bed = Bed::remote(plan, redis.url());
        // The file is created without faults: a daemon whose start fails is not tested here.
        let mut daemon = bed.start("ingest");
        bed.wait_ready();
        bed::stop(&mut daemon);
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={at}..{}", at + 1);
        let args = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject, "--"];
        let mut daemon = Daemon::builder("strace").args(args).args(bed.command("ingest")).start();
        bed.wait_ready();
        let traffic = Traffic::start(&bed, traffic::names(20), 300);
        bed.wait_batches(20);
        let ledger = traffic.finish(&bed);
        let counts = bed.counts();
        wait_until("every hit is counted", PATIENCE, || counts.try_total("~all") >= Some(ledger.total()));
        wait_until("strace is there to be ended", PATIENCE, || terminate(&daemon));
        let _ = daemon.wait(PATIENCE);
        ledger.settle(&counts);
        failed += u64::from(daemon.stderr().contains("the outbox can be written again"));
        hits += ledger.total();
    }
    assert!(failed > 0, "no sync of a tick was met");
    say(
        "unsynced",
        &format!("two failed syncs, {failed} times at a tick: {} hits, difference 0", group(hits)),
    );
}
