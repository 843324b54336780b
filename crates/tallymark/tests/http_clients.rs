//! Odd, slow and too many HTTP clients. A small soak: `cargo xtask soak http` runs the same in full size.

use tallymark_soak::{Plan, http};

#[test]
fn no_client_brings_the_daemon_down_or_starves_the_others() {
    http::run(&Plan::small(env!("CARGO_BIN_EXE_tallymark")));
}
