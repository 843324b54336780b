//! What a daemon costs while nothing is counted.

use crate::common::{Kind, PATIENCE};
use std::{
    fs,
    time::{Duration, Instant},
};
use tallymark_testbed::wait_until;

/// How often threads of a process went to sleep so far: as often as they were woken.
fn sleeps(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_thread = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.map_or(0, |count| count.trim().parse::<u64>().unwrap())
    };
    // A thread may end in between.
    let statuses =
        threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).ok());
    statuses.map(of_thread).sum()
}

/// A daemon at rest wakes up 3 to 5 times a second; one loop that asks every 100 ms would add 10. The limit is between
/// the two, because reads that wait for a busy disk are counted too.
#[test]
fn idle_daemon_asks_in_no_loop() {
    for kind in Kind::both() {
        let place = kind.place();
        let daemon = place.serve();
        assert_eq!(place.hit("a/b"), 1);
        wait_until("the badge", PATIENCE, || place.published("a/b") == Some(1));
        // What follows from the hit, and from the start, ends some time. Work of every ten seconds is in some of the windows.
        wait_until("five quiet seconds", 3 * PATIENCE, || {
            let (before, begun) = (sleeps(daemon.pid()), Instant::now());
            std::thread::sleep(Duration::from_secs(5));
            // Fewer than before where a thread has ended.
            let woken = sleeps(daemon.pid()).saturating_sub(before);
            woken as f64 <= 10.0 * begun.elapsed().as_secs_f64()
        });
    }
}
