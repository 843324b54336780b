//! `tallymark store adopt`: continue with a store that is not the expected one, or that a copy of this data directory
//! uses.
//!
//! A daemon writes nothing, and says so, if its store was emptied or replaced, or if a copy of its data directory has
//! claimed its identity. Nor does it start with a store other than the one it has counted into. The operator decides
//! with this command. With a remote store the daemon may be running or not: it finds the decision in its outbox.

use super::{CommonFlags, block_on, out, prune::Prune, store_copy::StoreCopy};
use crate::{
    home::{self, AdoptedStore},
    user,
};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use tallymark_store::StoreUrl;

/// What to do about the store.
#[derive(Debug, Args)]
pub(super) struct StoreCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Continue with the present store; hits waiting in the outbox are sent to it.
    Adopt,
    /// Copy every count into another, empty store.
    Copy(StoreCopy),
    /// Show what is past its retention, and delete it with --delete.
    Prune(Prune),
}

impl StoreCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        match self.action {
            Action::Adopt => adopt(common),
            Action::Copy(copy) => copy.run(common),
            Action::Prune(prune) => prune.run(common),
        }
    }
}

fn adopt(common: &CommonFlags) -> Result<()> {
    let config = common.load()?;
    user::may_write(&config.data_dir)?;
    block_on(async {
        let AdoptedStore { identity, total, other, new } = home::adopt(&config).await?;
        if common.json {
            let before = other.map(|(url, had)| json!({ "store": url, "total": had }));
            let store = config.store.to_string();
            return out::json(&json!({
                "store": store, "identity": identity, "total": total, "created": new, "before": before,
            }));
        }
        let has = match new {
            false => out::counted(total, "hit"),
            true => {
                "no hits: it did not exist, and was created. If the path is not the one you meant, delete \
                         it and run this command again with the right one"
                    .to_owned()
            }
        };
        let other = other.map(|(url, had)| {
            format!(
                "Before, this data directory counted into {url}, which had {}.\n",
                out::counted(had, "hit")
            )
        });
        let keys = match config.store {
            StoreUrl::Redis(_) => {
                "Requests that are repeated with an idempotency key from before may count again.\nLikes \
                     that this store does not have are lost: they do not wait in the outbox. Those visitors can \
                     like again.\n"
            }
            StoreUrl::Sqlite(_) => "",
        };
        out::print(&format!(
            "The store at {} (identity {identity}) is accepted. It has {has}.\n{}{keys}\
                 A running daemon that uses Redis continues within seconds; otherwise restart it.\n",
            config.store,
            other.unwrap_or_default(),
        ))
    })
}
