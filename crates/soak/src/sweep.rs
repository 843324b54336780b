//! The daemon is killed at its N-th system call that changes a disk, for one N after the other: whatever was half done
//! is finished by the next start, and every line of the log is counted once.

use crate::{Bed, PATIENCE, Plan, bed, file, file::Log, group, say};
use std::process::Command;
use tallymark_testbed::{Daemon, Redis, http, wait_until};

const CALLS: &str = "write,pwrite64,fdatasync,fsync,rename,openat,unlink,ftruncate";
const LINES: u64 = 400;

/// See the module.
pub fn run(plan: &Plan) {
    sweep(plan, None);
    sweep(plan, Some(&Redis::start()));
}

fn sweep(plan: &Plan, redis: Option<&Redis>) {
    let last = plan.rounds(60, 500);
    // The small size takes some of the same steps.
    let step = plan.size(12, 1);
    let (mut kills, mut hits) = (0u64, 0);
    for at in (1..=last).step_by(step) {
        if let Some(redis) = redis {
            redis.cli(&["FLUSHALL"]);
        }
        let bed = redis.map_or_else(|| Bed::embedded(plan), |redis| Bed::remote(plan, redis.url()));
        let (killed, counted) = killed_at(plan, &bed, at);
        kills += u64::from(killed);
        hits += counted;
    }
    let store = if redis.is_some() { "Redis" } else { "SQLite" };
    let runs = last.div_ceil(step as u64);
    say(
        "sweep",
        &format!(
            "{store}: {runs} runs up to call {last}, {kills} killed, {} hits, difference 0",
            group(hits)
        ),
    );
}

/// One run to the kill, or to a polite end if there are not so many calls; and one that finishes.
fn killed_at(plan: &Plan, bed: &Bed, at: u64) -> (bool, u64) {
    file::configure(bed);
    let (mut log, mut random) = (Log::new(bed, LINES + 50), plan.random());
    // In portions, each of which waits until the store has the one before: so there are as many commits.
    let portions = plan.size(4, 25);
    let mut portion = |log: &mut Log| {
        log.write(LINES / portions, &mut random);
        log.end();
    };
    portion(&mut log);
    let inject = format!("inject={CALLS}:signal=KILL:when={at}");
    let args = ["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={CALLS}"), "-e", &inject, "--"];
    let mut daemon = Daemon::builder("strace").args(args).args(bed.command("ingest")).start();
    let mut asked = false;
    wait_until("the kill, or the end", PATIENCE, || {
        let sent = log.ledger.total();
        let in_store = |(read, batches)| read == sent && batches >= sent / (LINES / portions);
        if !asked && applied(bed).is_some_and(in_store) {
            if sent < LINES {
                portion(&mut log);
            } else {
                asked = terminate(&daemon);
            }
        }
        !daemon.is_running()
    });
    while log.ledger.total() < LINES {
        portion(&mut log);
    }
    let killed = !daemon.wait(PATIENCE).success();
    let mut daemon = bed.start("ingest");
    let counts = bed.counts();
    for more in [0, 100] {
        // The second time over a rotation: the positions that were left are good for that, too.
        log.write(more, &mut random);
        log.end();
        let sent = log.ledger.total();
        wait_until("every line is counted", PATIENCE, || counts.try_total("~all") >= Some(sent));
    }
    bed::stop(&mut daemon);
    log.ledger.settle(&counts);
    (killed, log.ledger.total())
}

/// How many lines of the file have been read, and how many batches are in the store, if it answers.
fn applied(bed: &Bed) -> Option<(u64, u64)> {
    let answer = http::try_request("GET", bed.addr(), "/metrics", &[], b"").ok()?;
    let metrics = crate::Metrics::parse(answer.text());
    Some((metrics.lines("file").received, metrics.get("batches_applied_total")))
}

/// SIGTERM to what strace runs: strace itself would let go of it.
pub(crate) fn terminate(strace: &Daemon) -> bool {
    let pid = strace.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let Some(child) = children.split_whitespace().next() else { return false };
    Command::new("kill").args(["-TERM", child]).status().is_ok_and(|status| status.success())
}
