//! `cargo xtask`: what developers and the CI run. A list of commands, one file each.
//!
//! Everything a command does is a program that could be typed by hand, and is shown before it runs.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

mod api_check;
mod bench;
mod browser;
mod ci;
mod dist;
mod edges;
mod packages;
mod run;
mod shape;
mod soak;
mod test;
mod unpacked;

use std::process::ExitCode;

/// A command: its name, what it does in one line, and the function that gets the remaining arguments.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> anyhow::Result<()>,
}

const COMMANDS: &[Command] = &[
    Command { name: "test", about: "install what the tests need, then run all of them", run: test::run },
    Command {
        name: "ci",
        about: "format, clippy, doc, edges and test: what must pass before a merge",
        run: ci::run,
    },
    Command {
        name: "dist",
        about: "build what is installed: a static program, an archive, a Debian package",
        run: dist::run,
    },
    Command { name: "bench", about: "measure ours beside what people would use instead", run: bench::run },
    Command { name: "soak", about: "run a scenario of faults in full size, with a ledger", run: soak::soak },
    Command { name: "fuzz", about: "feed mutated bytes to every reader of bytes", run: soak::fuzz },
    Command {
        name: "api-check",
        about: "let schemathesis ask the daemon what /openapi.json says",
        run: api_check::run,
    },
    Command { name: "edges", about: "check which crate may depend on which", run: edges::run },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = args.split_first().map_or(("help", &[][..]), |(name, rest)| (name.as_str(), rest));
    if matches!(name, "help" | "--help" | "-h") {
        println!("{}", usage());
        // On request it is output; without any command it is an error.
        return if args.is_empty() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("cargo xtask: there is no command {name:?}\n\n{}", usage());
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("cargo xtask {name}: {err:#}");
            ExitCode::from(if err.is::<run::Usage>() { 2 } else { 1 })
        }
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND [ARGS]\n");
    for Command { name, about, .. } in COMMANDS {
        text += &format!("\n    {name:<10}{about}");
    }
    text + "\n\n`cargo xtask test ARGS` passes ARGS on to `cargo test`: cargo xtask test -p tallymark-core -- syslog"
}
