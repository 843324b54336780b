//! The `tallymark` binary. What it can do is in `cli`, one file a command; what it starts, and in which order it stops,
//! is in `run`.

mod cli;
mod config;
mod log;
mod progress;
mod publishing;
mod reload;
mod run;
mod signals;
mod sources;
mod supervisor;
mod tailing;
mod user;

use std::process::ExitCode;
use tallymark_ingest::InstanceError;
use tallymark_store::{Class, StoreError};

/// A configuration with mistakes, or a store or directory that no further start can use as it is (sysexits' EX_CONFIG).
const EXIT_CONFIG: u8 = 78;
/// Wrong usage; clap's own.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    match cli::Cli::read().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::complain(&error);
            ExitCode::from(match () {
                () if error.is::<cli::Misuse>() => EXIT_USAGE,
                () if is_lasting(&error) => EXIT_CONFIG,
                () => 1,
            })
        }
    }
}

/// Whether somebody has to change something before another start can go better.
fn is_lasting(error: &anyhow::Error) -> bool {
    let store = |error: &StoreError| matches!(error.class(), Class::Data | Class::Schema);
    error.is::<config::BadConfig>()
        || error.downcast_ref().is_some_and(store)
        || matches!(error.downcast_ref(), Some(InstanceError::NotADirectory(_) | InstanceError::Damaged(_)))
}
