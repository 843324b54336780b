//! Fuzzing on stable Rust and in one process: a mutator with a seed, a corpus, and one target per reader of bytes.
//!
//! A target checks what must hold for any input, and panics when it does not. What a target did not survive is printed
//! as a Rust byte literal, so that it becomes a row of the test beside the reader; until then it can lie in
//! `crashers/`. There is no coverage feedback: what is found is near to what the corpus knows, which is where mistakes
//! are.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]
#![allow(
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    reason = "parts of other rooms are included by path"
)]

#[path = "../../store/src/outbox/codec.rs"]
mod codec;
mod corpus;
mod mutate;
mod targets;

pub use targets::{TARGETS, Target};

use mutate::Mutator;
use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

thread_local! {
    /// The input of the moment, for the one who asks what it was.
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs one target for a while. Answers how many inputs it survived.
pub fn run(target: &Target, time: Duration, seed: u64) -> u64 {
    show_crashers(target.name);
    let mut corpus = corpus::of(target.name);
    let mut check = (target.make)();
    let mut mutator = Mutator::new(seed);
    let (mut runs, started) = (0, Instant::now());
    // Everything in the corpus as it is, and then ever further from it.
    for input in &corpus {
        try_one(&mut check, input);
        runs += 1;
    }
    while runs % 64 != 0 || started.elapsed() < time {
        let input = mutator.mutate(&corpus);
        try_one(&mut check, &input);
        runs += 1;
        // Some of the mutants are bred from: that is how distance comes about.
        if runs % 512 == 0 && corpus.len() < 4096 {
            corpus.push(input);
        }
    }
    runs
}

fn try_one(check: &mut targets::Check, input: &[u8]) {
    INPUT.with_borrow_mut(|kept| {
        kept.clear();
        kept.extend_from_slice(input);
    });
    check(input);
}

/// A panic ends the process where panics abort, so the input is printed from within.
fn show_crashers(target: &'static str) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let literal = INPUT.with_borrow(|input| input.escape_ascii().to_string());
        eprintln!("{target} does not survive this row:\n    b\"{literal}\",");
        before(info);
    }));
}
