//! `tallymark doctor`: looks at everything a hit passes, then sends one and follows it.
//!
//! It changes nothing, except that its hit counts, under a name of its own. The parts: [`machine`] (directories, disk,
//! kernel), [`stores`], [`servers`] (the daemon and nginx's configuration), [`probe`] (the hit).

mod access;
mod finding;
mod machine;
mod probe;
mod servers;
mod stores;

use super::{AlreadySaid, CommonFlags, block_on, out};
use anyhow::{Result, bail};
use clap::Args;
use finding::{Findings, Grade};
use serde_json::json;
use url::Url;

/// Check the whole way of a hit: directories, kernel, store, daemon, nginx; then ask nginx for a badge, and see it logged,
/// counted and published. Exit code 0 says that nothing failed.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Where the public asks for badges [default: base-url, else the daemon itself].
    #[arg(long, value_name = "URL", value_parser = public)]
    url: Option<Url>,
    /// Only look; send no hit.
    #[arg(long)]
    no_probe: bool,
}

fn public(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|why| format!("{why}: write it like https://hits.example.org"))?;
    match url.scheme() {
        "http" | "https" if url.query().is_none() && url.fragment().is_none() => Ok(url),
        _ => Err("write it like https://hits.example.org".to_owned()),
    }
}

impl Doctor {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        let mut findings = Findings::new(common.json);
        machine::check(&config, &mut findings)?;
        servers::check_nginx(&config, &mut findings)?;
        block_on(async {
            let store = stores::check(common, &config, &mut findings).await?;
            let listens = servers::check_daemon(&config, &mut findings).await?;
            let (Some(store), true) = (store, listens && !self.no_probe) else { return Ok(()) };
            probe::check(&config, self.url.as_ref(), &*store, &mut findings).await
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
