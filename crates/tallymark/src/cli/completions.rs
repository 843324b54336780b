//! `tallymark completions SHELL`: the completion script for a shell.

use super::{Cli, out};
use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a script that completes commands and flags. For bash: tallymark completions bash >
/// /etc/bash_completion.d/tallymark
#[derive(Debug, Args)]
pub(super) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "tallymark", &mut script);
        out::print(&String::from_utf8(script).context("completions are text")?)
    }
}
