//! `tallymark ingest`: sources into the store, and nothing else.

use super::{Common, daemon};
use crate::run::{Role, Start};
use anyhow::Result;
use clap::Args;

/// Sources into the store alone. HTTP has only /healthz, /readyz and /metrics.
#[derive(Debug, Args)]
pub(super) struct Ingest {
    /// Read files on from the positions of a data directory that was restored from a backup.
    #[arg(long)]
    accept_positions: bool,
}

impl Ingest {
    pub(super) fn run(self, common: Common) -> Result<()> {
        let start = Start {
            config: common.load()?,
            file: common.config.clone(),
            overrides: common.overrides()?,
            role: Role::Ingest,
            ends_with_terminal: false,
            accept_positions: self.accept_positions,
        };
        daemon(start, |_| {})
    }
}
