//! Lost replies and a long outage: every hit once. Small soaks: `cargo xtask soak NAME` runs the same in full
//! size.

use tallymark_soak::{Plan, lost_replies, outage};

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
