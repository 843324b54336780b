//! Made-up names by the hundred thousand. A small soak: `cargo xtask soak names` runs the same in full size.

use tallymark_soak::{Plan, names};

fn plan() -> Plan {
    Plan::small(env!("CARGO_BIN_EXE_tallymark"))
}

#[test]
fn made_up_names_cost_bounded_memory_and_no_hit() {
    names::run(&plan());
}
