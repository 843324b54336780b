//! `tallymark draw-pictures`: the process that draws PNG pictures for a daemon. The daemon starts it.

use crate::signals::{self, Signals};
use anyhow::{Context, Result};
use clap::Args;
use std::{fs, io};

/// Draw what a daemon asks for. Daemons start this themselves.
#[derive(Debug, Args)]
pub(super) struct DrawPictures {}

impl DrawPictures {
    pub(super) fn run(&self) -> Result<()> {
        // A signal to the daemon's whole group is for the daemon: this process ends with its pipe.
        super::block_on(async {
            signals::outlive_others()?;
            Signals::listen(true).map(drop)
        })?;
        // If memory is short, this is what may go. Without /proc, the kernel decides.
        let _ = fs::write("/proc/self/oom_score_adj", "1000");
        let (orders, answers) = (io::stdin().lock(), io::stdout().lock());
        tallymark_web::draw_pictures(orders, answers).context("drawing for a daemon")
    }
}
