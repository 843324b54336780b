//! Redis loses what it had answered, fails over, is emptied, lies; state directories are copied. Small soaks:
//! `cargo xtask soak NAME` runs the same in full size.

use tallymark_soak::{Plan, behind, failover, flushall, poison, redis_tail, restore, sentinels, snapshots};

fn plan() -> Plan {
    Plan::small(env!("CARGO_BIN_EXE_tallymark"))
}

#[test]
fn redis_that_loses_its_tail_gets_it_again() {
    redis_tail::run(&plan());
}

#[test]
fn late_replica_that_is_promoted_gets_the_rest() {
    failover::run(&plan());
}

#[test]
fn masters_that_sentinels_replace_lose_nothing() {
    sentinels::run(&plan());
}

#[test]
fn tail_that_is_lost_while_nobody_sends_is_noticed_in_time() {
    snapshots::run(&plan());
}

#[test]
fn replica_that_is_behind_there_and_back_counts_nothing_twice() {
    behind::run(&plan());
}

#[test]
fn emptied_or_exchanged_redis_halts_and_adopting_goes_on() {
    flushall::run(&plan());
}

#[test]
fn cloned_and_restored_state_directories_count_nothing_twice() {
    restore::run(&plan());
}

#[test]
fn poisoned_keys_harm_only_themselves_and_every_error_is_got_over() {
    poison::run(&plan());
}
