//! `tallymark ingest`: sources into the store, and nothing else.

use super::{CommonFlags, Retired, daemon, lines::FollowedFormat};
use crate::run::{DaemonStart, Role};
use anyhow::Result;
use clap::Args;

/// Sources into the store alone. HTTP has only /healthz, /readyz and /metrics.
#[derive(Debug, Args)]
pub(super) struct Ingest {
    #[command(flatten)]
    followed: FollowedFormat,
    #[command(flatten)]
    retired: Retired,
}

impl Ingest {
    pub(super) fn run(self, common: CommonFlags) -> Result<()> {
        let common = self.followed.translate(common)?;
        let start = DaemonStart {
            config: common.load()?,
            file: common.config.clone(),
            overrides: common.overrides()?,
            role: Role::Ingest,
            ends_with_terminal: false,
        };
        daemon(start, |_| {})
    }
}
