//! Disks that are full, missing or not writable: counting continues where it can, the reason is reported, and
//! everything recovers by itself once the disk works again.

use crate::{Bed, PATIENCE, Plan, Traffic, badges::wait_shown, bed, group, say, tmpfs::Tmpfs, traffic};
use std::{fs, os::unix::fs::PermissionsExt};
use tallymark_testbed::{Redis, wait_until};

/// See the module.
pub fn run(plan: &Plan) {
    for _ in 0..plan.rounds(1, 5) {
        let redis = Redis::start();
        full(plan, Bed::embedded(plan), "the database", "full");
        full(plan, Bed::remote(plan, redis.url()), "the outbox", "full");
        badges(plan);
    }
}

/// The state directory is on a disk that fills up.
fn full(plan: &Plan, bed: Bed, what: &str, says: &str) {
    let Some(tmpfs) = Tmpfs::mount(&bed.data(), "16m") else {
        println!("    no right to mount: without {what} on a full disk");
        return;
    };
    let mut daemon = bed.start("ingest");
    bed.wait_ready();
    let hits = Traffic::start(&bed, traffic::names(200), 1000);
    for _ in 0..plan.size(2, 10) {
        bed.wait_batches(3);
        tmpfs.fill();
        let reason = bed.wait_trouble(says);
        assert!(reason.contains("tallymark.db") || reason.contains("outbox.db"), "{reason}");
        let accepted = || bed.metrics().lines("syslog-udp").accepted;
        let before = accepted();
        wait_until("counting goes on", PATIENCE, || accepted() > before);
        tmpfs.free();
        bed.wait_ready();
    }
    bed.wait_batches(2);
    let ledger = hits.finish(&bed);
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    drop(tmpfs);
    say("disk", &format!("{what} on a full disk: {} hits, difference 0", group(ledger.total())));
}

/// The directory of badges is full, is gone, and is in the way: counting does not notice.
fn badges(plan: &Plan) {
    let bed = Bed::embedded(plan);
    let tmpfs = Tmpfs::mount(&bed.badges(), "1m");
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    let hits = Traffic::start(&bed, traffic::names(20), 500).with_http(&bed, "over/http");
    wait_shown(&bed, "over/http", 1);
    let failed = || bed.metrics().get("badges_failed_total");
    if let Some(tmpfs) = &tmpfs {
        tmpfs.fill();
        let before = failed();
        wait_until("badges cannot be written", PATIENCE, || failed() > before);
        bed.wait_batches(3);
        tmpfs.free();
        wait_well(&bed);
    }
    drop(tmpfs);
    // A file where the directory should be.
    fs::remove_dir_all(bed.badges()).expect("it is ours");
    fs::write(bed.badges(), "in the way").expect("it is ours");
    let mut said = false;
    wait_until("the trouble is said", PATIENCE, || {
        said = said || daemon.stderr().contains("badges are not published");
        said
    });
    bed.wait_batches(3);
    assert_eq!(bed.ready().map(|(status, _)| status), Some(200), "counting does not notice");
    fs::remove_file(bed.badges()).expect("it is ours");
    wait_well(&bed);
    // No user may write there. Root still can.
    fs::set_permissions(bed.badges(), fs::Permissions::from_mode(0o555)).expect("it is ours");
    bed.wait_batches(3);
    fs::set_permissions(bed.badges(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    wait_well(&bed);
    let ledger = hits.finish(&bed);
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    wait_shown(&bed, "over/http", ledger.of("over/http"));
    say("disk", &format!("badges on a disk with troubles: {} hits, difference 0", group(ledger.total())));
}

/// Every badge shows what is counted, within a pass or two.
#[track_caller]
fn wait_well(bed: &Bed) {
    let counts = bed.counts();
    wait_shown(bed, "over/http", counts.total("over/http"));
    wait_shown(bed, "owner0/repo-0", counts.total("owner0/repo-0"));
}
