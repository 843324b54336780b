//! `tallymark check-config`: reads a configuration exactly as a daemon would, and starts nothing.

use super::{Common, out};
use crate::config::{BadConfig, Config};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

/// Check a configuration. Exits with 78 and shows every mistake, with its line, if there is one.
#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// The file; the same as --config.
    file: Option<PathBuf>,
}

impl CheckConfig {
    pub(super) fn run(self, common: &Common) -> Result<()> {
        let file = self.file.as_ref().or(common.config.as_ref());
        let config = Config::load(file.map(PathBuf::as_path), &common.overrides()?)?;
        config.look().map_err(|what| BadConfig::one(file.map(PathBuf::as_path), what))?;
        if common.json { out::json(&json(&config)) } else { out::print(&people(&config)) }
    }
}

fn json(config: &Config) -> serde_json::Value {
    serde_json::json!({
        "store": config.store.to_string(),
        "data-dir": config.data_dir,
        "badges-dir": config.badges.dir,
        "listen": config.http.listen.to_string(),
        "sources": config.sources.iter().map(|source| source.kind.to_string()).collect::<Vec<_>>(),
        "routes": config.routes.as_slice().iter().map(|route| route.tag.clone()).collect::<Vec<_>>(),
    })
}

fn people(config: &Config) -> String {
    let sources: Vec<String> = config.sources.iter().map(|source| source.kind.to_string()).collect();
    let routes: Vec<&str> = config.routes.as_slice().iter().map(|route| route.tag.as_str()).collect();
    let or_none = |list: String| if list.is_empty() { "none".to_owned() } else { list };
    format!(
        "The configuration is good.\n  store     {}\n  data      {}\n  badges    {}\n  HTTP      {}\n  sources   {}\n  tags      {}\n",
        config.store,
        config.data_dir.display(),
        config.badges.dir.display(),
        config.http.listen,
        or_none(sources.join(", ")),
        or_none(routes.join(", ")),
    )
}
