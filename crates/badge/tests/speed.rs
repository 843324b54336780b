//! How many badges one core draws. Says a number, so it is not part of a usual test run:
//! `cargo test --release -p tallymark-badge --test speed -- --ignored --nocapture`

#![allow(clippy::print_stdout)] // helpers of tests, which clippy does not take for tests

use std::{hint::black_box, time::Instant};

use tallymark_badge::{Badge, number, render_into};

const BADGES: i64 = 2_000_000;

/// The promise is for a release build on a machine of 2026; half of it leaves room for a busy one.
const LEAST_PER_SECOND: f64 = 500_000.0;

fn measure(what: &str, label: &str) -> f64 {
    let mut out = String::new();
    let mut bytes = 0;
    let start = Instant::now();
    for n in 0..BADGES {
        out.clear();
        render_into(&Badge::new(black_box(label), &number::group(black_box(n * 977))), &mut out);
        bytes += black_box(&out).len();
    }
    let per_second = BADGES as f64 / start.elapsed().as_secs_f64();
    println!("{what}: {per_second:.0} badges/s, {} bytes each", bytes as i64 / BADGES);
    per_second
}

#[test]
#[ignore = "a measurement, for release builds"]
fn a_core_draws_a_million_badges_a_second() {
    let usual = measure("usual", "hits");
    measure("escaped", "R&D <hits>");
    measure("chinese", "点击次数");
    assert!(usual > LEAST_PER_SECOND, "{usual:.0} badges/s");
}
