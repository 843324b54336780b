//! `tallymark store adopt`: go on with a store that is not the expected one, or that a copy of this data directory uses.
//!
//! A daemon whose store was emptied, or exchanged for another, or whose data directory has a copy that has claimed its
//! identity, writes nothing and says so. Somebody has to decide; this is how. The daemon may be running or not: it looks
//! into its outbox for the decision.

use super::{CommonFlags, block_on, out};
use crate::user;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use tallymark_store::{StoreUrl, outbox::Outbox};

/// What to do about the store.
#[derive(Debug, Args)]
pub(super) struct StoreCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Go on with the store that is there now: the outbox sends it what it holds.
    Adopt,
}

impl StoreCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let Action::Adopt = self.action;
        let config = common.load()?;
        if matches!(config.store, StoreUrl::Sqlite(_)) {
            bail!("an embedded store needs no adopting: it is the file that --store names");
        }
        user::may_write(&config.data_dir)?;
        block_on(async {
            let store = common.existing_store(&config).await?;
            let (instance, applied) = Outbox::known(&config.data_dir)?;
            let identity = store.adopt(instance, applied).await?;
            Outbox::adopt(&config.data_dir, identity)?;
            out::print(&format!(
                "The store at {} (identity {identity}) is to be gone on with.\n\
                 A running daemon does so within seconds, another at its next start.\n",
                config.store
            ))
        })
    }
}
