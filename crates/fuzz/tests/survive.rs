//! A second of fuzzing per target with every test run. Minutes: `cargo xtask fuzz --seconds 600`.

use std::time::Duration;
use tallymark_fuzz::{TARGETS, run};

#[test]
fn fuzz_targets_survive_a_second_each() {
    for target in TARGETS {
        let runs = run(target, Duration::from_secs(1), 1);
        assert!(runs > 0, "{}", target.name);
    }
}
