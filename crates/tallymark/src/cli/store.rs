//! `tallymark store adopt`: continue with a store that is not the expected one, or that a copy of this data directory
//! uses.
//!
//! A daemon writes nothing, and says so, if its store was emptied or replaced, or if a copy of its data directory has
//! claimed its identity. Nor does it start with a store other than the one it has counted into. The operator decides
//! with this command. With a remote store the daemon may be running or not: it finds the decision in its outbox.

use super::{CommonFlags, block_on, out};
use crate::{home, user};
use anyhow::Result;
use clap::{Args, Subcommand};

/// What to do about the store.
#[derive(Debug, Args)]
pub(super) struct StoreCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Go on with the store that is there now: an outbox sends it what it holds.
    Adopt,
}

impl StoreCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let Action::Adopt = self.action;
        let config = common.load()?;
        user::may_write(&config.data_dir)?;
        block_on(async {
            let identity = home::adopt(&config).await?;
            out::print(&format!(
                "The store at {} (identity {identity}) is accepted.\n\
                 A running daemon with a Redis goes on within seconds; any other at its next start.\n",
                config.store
            ))
        })
    }
}
