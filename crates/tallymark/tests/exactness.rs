//! Kills at any instant, lost replies, a long outage: every hit once. Small soaks: `cargo xtask soak NAME` runs the
//! same in full size.

use tallymark_soak::{Plan, file, lost_replies, outage, sweep, unsynced};

fn plan() -> Plan {
    Plan::small(env!("CARGO_BIN_EXE_tallymark"))
}

#[test]
fn lost_replies_count_nothing_twice() {
    lost_replies::run(&plan());
}

#[test]
fn outage_costs_names_and_not_hits() {
    outage::run(&plan());
}

#[test]
fn rotated_log_is_counted_once_whatever_is_killed() {
    file::run(&plan());
}

#[test]
fn kill_at_any_system_call_leaves_nothing_half_counted() {
    sweep::run(&plan());
}

#[test]
fn sync_that_fails_twice_counts_nothing_twice() {
    unsynced::run(&plan());
}
