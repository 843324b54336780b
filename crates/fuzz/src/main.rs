//! `cargo xtask fuzz [--seconds N] [--seed N] [TARGET...]`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

use std::{process::ExitCode, time::Duration};
use tallymark_fuzz::{TARGETS, Target, run};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match read(&args) {
        Ok((targets, seconds, seed)) => {
            for target in targets {
                let runs = run(target, Duration::from_secs(seconds), seed);
                println!("fuzz {}: {runs} inputs in {seconds} s, all survived", target.name);
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!(
                "fuzz: {why}\nusage: cargo xtask fuzz [--seconds N] [--seed N] [{}]...",
                names.join("|")
            );
            ExitCode::from(2)
        }
    }
}

fn read(args: &[String]) -> Result<(Vec<&'static Target>, u64, u64), String> {
    let (mut targets, mut seconds, mut seed) = (Vec::new(), 10, 1);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || {
            let text = args.next().ok_or(format!("{arg} needs a number"))?;
            text.parse().map_err(|_| format!("{text:?} is not a number"))
        };
        match arg.as_str() {
            "--seconds" => seconds = number()?,
            "--seed" => seed = number()?,
            name => match TARGETS.iter().find(|target| target.name == name) {
                Some(target) => targets.push(target),
                None => return Err(format!("there is no target {name:?}")),
            },
        }
    }
    if targets.is_empty() {
        targets = TARGETS.iter().collect();
    }
    Ok((targets, seconds, seed))
}
