//! `cargo xtask soak NAME`: runs scenarios in full size.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

use std::{path::PathBuf, process::ExitCode, time::Instant};
use tallymark_soak::{Plan, SCENARIOS, Scenario};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (names, plan) = match read(&args) {
        Ok(read) => read,
        Err(why) => {
            eprintln!("soak: {why}\n\n{}", usage());
            return ExitCode::from(2);
        }
    };
    let all = names.iter().any(|name| name == "all");
    let chosen = SCENARIOS.iter().filter(|it| all || names.iter().any(|name| name == it.name));
    for Scenario { name, run, .. } in chosen {
        let started = Instant::now();
        // A scenario that fails ends the process: its message is the last thing on the terminal.
        run(&plan);
        println!("soak {name}: ok, {:.0} s", started.elapsed().as_secs_f64());
    }
    ExitCode::SUCCESS
}

fn read(args: &[String]) -> Result<(Vec<String>, Plan), String> {
    let (mut names, mut program) = (Vec::new(), beside_us());
    let (mut small, mut rounds, mut seed) = (false, None, 1);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || {
            let text = args.next().ok_or(format!("{arg} needs a number"))?;
            text.parse::<u64>().map_err(|_| format!("{text:?} is not a number"))
        };
        match arg.as_str() {
            "--rounds" => rounds = Some(number()?),
            "--seed" => seed = number()?,
            "--small" => small = true,
            "--program" => program = args.next().map(PathBuf::from),
            name if name == "all" || SCENARIOS.iter().any(|it| it.name == name) => names.push(arg.clone()),
            _ => return Err(format!("there is no scenario {arg:?}")),
        }
    }
    if names.is_empty() {
        return Err("which scenario?".to_owned());
    }
    let program = program.filter(|it| it.is_file()).ok_or("where is the binary? Say --program PATH")?;
    Ok((names, Plan { program, small, rounds, seed }))
}

/// The binary that was built together with this one.
fn beside_us() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.with_file_name("tallymark"))
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask soak NAME... [--rounds N] [--seed N] [--small]\n");
    for Scenario { name, about, .. } in SCENARIOS {
        text += &format!("\n    {name:<14}{about}");
    }
    text + "\n    all           every one of them"
}
