//! The parts of the `tallymark` binary: commands in `cli`, one file each; the configuration in `config`; and `run`,
//! which starts everything and stops it in order.
//!
//! The library exists for the binary, and for tests that need a part of it without a process. Its API is not stable.

mod archive;
mod cli;
mod config;
mod home;
mod log;
mod progress;
mod publishing;
mod reload;
mod run;
mod secret;
mod signals;
mod sources;
mod supervisor;
mod tailing;
mod traffic;
mod user;

use std::process::ExitCode;
use tallymark_ingest::InstanceError;
use tallymark_store::{Class, StoreError};

/// A configuration with mistakes, or a store or directory that no further start can use as it is (sysexits' EX_CONFIG).
const EXIT_CONFIG: u8 = 78;
/// Wrong usage; clap's own.
const EXIT_USAGE: u8 = 2;

/// Runs the command line, and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    secret::keep_out_of_panics();
    secret::keep_out_of_cores();
    match cli::read_dotenv().and_then(|()| cli::Cli::read().run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<cli::AlreadySaid>() => ExitCode::FAILURE,
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

/// Whether another start is useless until something is changed.
fn is_lasting(error: &anyhow::Error) -> bool {
    let store = |error: &StoreError| matches!(error.class(), Class::Data | Class::Schema);
    error.is::<config::BadConfig>()
        || error.is::<home::OtherStore>()
        || error.is::<home::DamagedHome>()
        || error.downcast_ref().is_some_and(store)
        || matches!(error.downcast_ref(), Some(InstanceError::NotADirectory(_) | InstanceError::Damaged(_)))
}

/// All mistakes of a configuration, one line of text each; none if `serve` would start with it.
#[must_use]
pub fn mistakes_of(configuration: &str) -> Vec<String> {
    let parsed = config::Config::parse(configuration, &config::Overrides::default());
    parsed.err().into_iter().flatten().map(|mistake| mistake.to_string()).collect()
}
