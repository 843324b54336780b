//! The `tallymark` binary. What it can do is in `cli`, one file a command; what it starts, and in which order it stops,
//! is in `run`.

mod cli;
mod config;
mod log;
mod progress;
mod publishing;
mod reload;
mod run;
mod sources;
mod supervisor;
mod tailing;

use clap::Parser;
use std::process::ExitCode;

/// A configuration with mistakes (sysexits' EX_CONFIG). 2 is clap's for wrong usage.
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::complain(&error);
            ExitCode::from(if error.is::<config::BadConfig>() { EXIT_CONFIG } else { 1 })
        }
    }
}
