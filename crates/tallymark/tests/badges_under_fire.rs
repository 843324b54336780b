//! Badges are read while publishers are killed and disks fill up. Small soaks: `cargo xtask soak NAME` runs the
//! same in full size.

use tallymark_soak::{Plan, badges, disk};

fn plan() -> Plan {
    Plan::small(env!("CARGO_BIN_EXE_tallymark"))
}

#[test]
fn no_badge_is_ever_incomplete_or_lower() {
    badges::run(&plan());
}

#[test]
fn full_disks_and_missing_directories_heal_by_themselves() {
    disk::run(&plan());
}
