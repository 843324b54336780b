//! What the `tallymark` binary is made of: commands in `cli`, one file each; the configuration in `config`; and `run`,
//! which says what is started and in which order it stops.
//!
//! The library is for the binary and for tests that need a part of it without a process. It promises nothing to others.

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
mod user;

use std::process::ExitCode;
use tallymark_ingest::InstanceError;
use tallymark_store::{Class, StoreError};

/// A configuration with mistakes, or a store or directory that no further start can use as it is (sysexits' EX_CONFIG).
const EXIT_CONFIG: u8 = 78;
/// Wrong usage; clap's own.
const EXIT_USAGE: u8 = 2;

/// Does what the command line says, and answers with the exit code.
#[must_use]
pub fn main() -> ExitCode {
    secret::keep_out_of_panics();
    match cli::read_dotenv().and_then(|()| cli::Cli::read().run()) {
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
        || error.is::<home::OtherStore>()
        || error.downcast_ref().is_some_and(store)
        || matches!(error.downcast_ref(), Some(InstanceError::NotADirectory(_) | InstanceError::Damaged(_)))
}

/// Every mistake of a configuration, each in one line of text; none if `serve` would start with it.
#[must_use]
pub fn mistakes_of(configuration: &str) -> Vec<String> {
    let parsed = config::Config::parse(configuration, &config::Overrides::default());
    parsed.err().into_iter().flatten().map(|mistake| mistake.to_string()).collect()
}
