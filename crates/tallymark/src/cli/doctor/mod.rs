//! `tallymark doctor`: checks everything on the path of a hit, then sends one and follows it.
//!
//! It changes nothing, except that its hit counts, under a name of its own. The parts: [`machine`] (directories, disk,
//! kernel), [`address`] (the public one), [`backups`], [`stores`], [`servers`] (the daemon and nginx's configuration), [`github`] (tokens), [`probe`] (the hit),
//! [`webhooks`].

mod access;
mod address;
mod backups;
mod finding;
mod github;
mod machine;
mod probe;
mod servers;
mod stores;
mod webhooks;

use super::{AlreadySaid, CommonFlags, block_on, out};
use crate::config;
pub(super) use access::OtherUser;
use anyhow::{Result, bail};
use clap::Args;
use finding::{Findings, Grade};
use serde_json::json;

/// Send a hit through nginx and check each step. First checks directories, kernel, store, daemon and nginx; then
/// requests a badge from nginx and follows the hit until it is logged, counted and published. Exit code 0 means that
/// nothing failed.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Public address of the badges [default: base-url, else the daemon itself].
    #[arg(long, value_name = "URL", value_parser = config::base_url)]
    url: Option<String>,
    /// Only look; send no hit, and no test messages to webhooks.
    #[arg(long)]
    no_probe: bool,
}

impl Doctor {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        let mut findings = Findings::new(common.json);
        let uses_nginx = servers::check_nginx(&config, &mut findings)?;
        machine::check(&config, uses_nginx, &mut findings)?;
        address::check(&config, self.url.as_deref(), &mut findings)?;
        backups::check(&config, &mut findings)?;
        block_on(async {
            let store = stores::check(common, &config, &mut findings).await?;
            let listens = servers::check_daemon(&config, &mut findings).await?;
            github::check(&config, &mut findings).await?;
            if !self.no_probe {
                webhooks::check(&config, &mut findings).await?;
            }
            let (Some(store), true) = (store, listens && !self.no_probe) else { return Ok(()) };
            let probed = probe::check(&config, self.url.as_deref(), &*store, &mut findings).await;
            // Earlier findings are still printed.
            probed.or_else(|error| findings.fail("probe", format!("{error:#}"), "tallymark health --ready"))
        })?;
        let (failed, warned) = (findings.count(Grade::Fail), findings.count(Grade::Warn));
        if common.json {
            out::json(&json!({ "failed": failed, "warned": warned, "checks": findings.all() }))?;
            return if failed > 0 { Err(AlreadySaid.into()) } else { Ok(()) };
        }
        let checks = findings.all().len() as u64;
        let told = format!("{}: {failed} failed, {warned} to look at", out::counted(checks, "check"));
        if failed > 0 {
            bail!("{told}")
        }
        out::print(&format!("{told}\n"))
    }
}
