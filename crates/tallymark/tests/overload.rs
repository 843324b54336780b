//! More datagrams than can be read: every one is accounted for. A small soak: `cargo xtask soak overload` runs the
//! same in full size.

use tallymark_soak::{Plan, overload};

fn plan() -> Plan {
    Plan::small(env!("CARGO_BIN_EXE_tallymark"))
}

#[test]
fn sent_is_counted_plus_rejected_plus_dropped_to_the_unit() {
    overload::run(&plan());
}
