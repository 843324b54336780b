//! Millions of invented names: memory stays bounded, every hit is in the total, existing names stay exact, and after a
//! restart none of them is taken for new.

use crate::{
    Bed, Ledger, PATIENCE, Plan, bed, group, say,
    traffic::{self, Stream},
};
use std::{fs, time::Duration};
use tallymark_testbed::{Daemon, wait_until};

/// What the daemon may take, in KiB.
const MOST_MEMORY: u64 = 256 << 10;

/// See the module.
pub fn run(plan: &Plan) {
    let made_up = plan.rounds(300_000, 10_000_000);
    let cap = plan.size(20_000, 1_000_000);
    let bed = Bed::embedded(plan);
    bed.configure("tick = \"250ms\"", "", &format!("[limits]\nnames = {cap}\n"));
    let mut daemon = bed.start("ingest");
    bed.wait_ready();
    let existing = traffic::names(100);
    let mut ledger = Ledger::default();
    count(&bed, &mut ledger, existing.iter().cycle().take(500).cloned());
    wait_until("they are in the store", PATIENCE, || bed.counts().total("~all") == 500);

    // The real names continue among the invented ones.
    let all = (0..made_up).map(|at| match at % 100 {
        0 => existing[(at / 100 % 100) as usize].clone(),
        _ => format!("made/up-{at}-{:x}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
    });
    let mut sent = Ledger::default();
    count(&bed, &mut sent, all);
    let memory = most_memory(&daemon);
    let lines = bed.metrics().lines("syslog-tcp").check();
    assert_eq!((lines.received, lines.rejected), (500 + made_up, 0));
    bed::stop(&mut daemon);
    for name in &existing {
        ledger.add(name, sent.of(name));
    }
    let counts = bed.counts();
    check(&bed, &ledger, 500 + made_up);
    assert!(counts.names() <= cap, "{} names, {cap} allowed", counts.names());
    assert!(memory <= MOST_MEMORY, "{memory} KiB of memory");

    // The store says who is new, not the memory of a process.
    let overflow = counts.total("~overflow");
    let mut daemon = bed.start("ingest");
    let mut again = Ledger::default();
    count(&bed, &mut again, existing.iter().cloned().chain(["brand/new".to_owned()]));
    bed::stop(&mut daemon);
    for name in &existing {
        ledger.add(name, 1);
    }
    check(&bed, &ledger, 500 + made_up + 101);
    assert_eq!(bed.counts().total("~overflow"), overflow + 1, "only the new one is over");
    let [made_up, names, overflow] = [made_up, counts.names(), overflow].map(group);
    say(
        "names",
        &format!(
            "{made_up} lines, {names} names kept, {overflow} hits under ~overflow, {} MiB at the most, difference 0",
            memory >> 10
        ),
    );
}

/// Sends lines and waits until they are read.
fn count(bed: &Bed, ledger: &mut Ledger, names: impl Iterator<Item = String>) {
    let before = bed.metrics().lines("syslog-tcp").received;
    let mut stream = Stream::open(bed);
    let (mut sent, line) = (0, traffic::line("X"));
    for name in names {
        stream.send(&line.replace('X', &name.replace('/', "%2F")));
        if !name.starts_with("made/up") {
            ledger.add(&name, 1);
        }
        sent += 1;
    }
    stream.finish();
    wait_until("every line is read", Duration::from_secs(600), || {
        bed.metrics().lines("syslog-tcp").received == before + sent
    });
}

/// Names that were there before are exact, and so is the sum over all.
#[track_caller]
fn check(bed: &Bed, ledger: &Ledger, total: u64) {
    let counts = bed.counts();
    let names: Vec<&str> = ledger.names().collect();
    for (name, counted) in names.iter().zip(counts.totals(&names)) {
        assert_eq!(counted, ledger.of(name), "{name}");
    }
    assert_eq!(counts.total("~all"), total);
}

/// The most memory that the process has had, in KiB.
#[track_caller]
pub(crate) fn most_memory(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM is there");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
