//! The command line: one file a command.

#![allow(rustdoc::bare_urls, rustdoc::invalid_html_tags)] // doc comments are the help texts here

mod check_config;
mod import;
mod ingest;
mod nginx_conf;
mod out;
mod render;
mod replay;
mod serve;
mod show;
mod store;
mod tail;

use crate::{
    config::{self, BadConfig, Config, Overrides},
    log::{self, LogFormat},
};
use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tallymark_store::{Store, StoreUrl};
use tallymark_web::Listen;

/// A self-hosted hit counter whose badges are static files.
#[derive(Debug, Parser)]
#[command(
    name = "tallymark",
    version,
    max_term_width = 110,
    after_help = "Start with: tallymark serve\nExit codes: 0 good, 1 failed, 2 wrong usage, 78 wrong configuration"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Every flag is also an environment variable; a flag wins over the environment, and that over the file.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Configuration file (TOML).
    #[arg(long, global = true, env = "TALLYMARK_CONFIG", value_name = "FILE", help_heading = "Everywhere")]
    config: Option<PathBuf>,
    /// Where counts live: sqlite:PATH or redis://HOST [default: sqlite:<data-dir>/tallymark.db].
    #[arg(
        long,
        global = true,
        env = "TALLYMARK_STORE",
        value_name = "URL",
        hide_env_values = true,
        help_heading = "Everywhere"
    )]
    store: Option<StoreUrl>,
    /// State of this daemon, and the embedded store [default: tallymark-data].
    #[arg(long, global = true, env = "TALLYMARK_DATA_DIR", value_name = "DIR", help_heading = "Everywhere")]
    data_dir: Option<PathBuf>,
    /// Where badges are published [default: <data-dir>/badges].
    #[arg(
        long,
        global = true,
        env = "TALLYMARK_BADGES_DIR",
        value_name = "DIR",
        help_heading = "Everywhere"
    )]
    badges_dir: Option<PathBuf>,
    /// Where HTTP listens: HOST:PORT or unix:PATH [default: 127.0.0.1:8080].
    #[arg(long, global = true, env = "TALLYMARK_LISTEN", value_name = "ADDR", value_parser = config::listen, help_heading = "Everywhere")]
    listen: Option<Listen>,
    /// The address people see, like https://hits.example.org.
    #[arg(long, global = true, env = "TALLYMARK_BASE_URL", value_name = "URL", value_parser = config::base_url, help_heading = "Everywhere")]
    base_url: Option<String>,
    /// Where syslog arrives [default: 127.0.0.1:5140].
    #[arg(long, global = true, env = "TALLYMARK_SYSLOG_UDP", value_name = "ADDR", value_parser = config::address, help_heading = "Everywhere")]
    syslog_udp: Option<SocketAddr>,
    /// A unix socket at which syslog arrives as datagrams.
    #[arg(long, global = true, env = "TALLYMARK_SYSLOG_UNIX", value_name = "PATH", value_parser = config::socket_path, help_heading = "Everywhere")]
    syslog_unix: Option<PathBuf>,
    /// Where relays bring syslog over TCP.
    #[arg(long, global = true, env = "TALLYMARK_SYSLOG_TCP", value_name = "ADDR", value_parser = config::address, help_heading = "Everywhere")]
    syslog_tcp: Option<SocketAddr>,
    /// A log file that is read as it grows.
    #[arg(
        id = "log_file",
        long = "file",
        global = true,
        env = "TALLYMARK_FILE",
        value_name = "PATH",
        help_heading = "Everywhere"
    )]
    // Commands have a FILE of their own.
    log_file: Option<PathBuf>,
    /// Who may send syslog; needed when it listens beyond loopback. May be repeated.
    #[arg(long, global = true, env = "TALLYMARK_ALLOW", value_name = "NETWORK", value_parser = config::network, value_delimiter = ',', help_heading = "Everywhere")]
    allow: Vec<IpNet>,
    /// How the log is written.
    #[arg(
        long,
        global = true,
        env = "TALLYMARK_LOG_FORMAT",
        value_enum,
        value_name = "FORMAT",
        help_heading = "Everywhere"
    )]
    log_format: Option<LogFormat>,
    /// What is logged: error, warn, info, debug or trace.
    #[arg(
        long,
        global = true,
        env = "TALLYMARK_LOG_LEVEL",
        value_name = "LEVEL",
        value_parser = log::level,
        help_heading = "Everywhere"
    )]
    log_level: Option<String>,
    /// Answer in JSON.
    #[arg(long, global = true, env = "TALLYMARK_JSON", help_heading = "Everywhere")]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything in one process: HTTP, syslog, counts and badges.
    Serve(serve::Serve),
    /// Count only: syslog into the store, with /healthz, /readyz and /metrics.
    Ingest(ingest::Ingest),
    /// Publish badges: what changed since the last time.
    Render(render::Render),
    /// Show the counts of one name.
    Show(show::Show),
    /// Watch what the running daemon accepts and rejects.
    Tail(tail::Tail),
    /// Accept a store that is not the expected one.
    Store(store::StoreCommand),
    /// Count what is already in files, once.
    Import(import::ImportCommand),
    /// Dry run: what these log lines would count.
    Replay(replay::Replay),
    /// Check a configuration, and show every mistake in it.
    CheckConfig(check_config::CheckConfig),
    /// Print the nginx configuration for this set-up.
    NginxConf(nginx_conf::NginxConf),
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<()> {
        let common = self.common.with_plain_environment()?;
        let (format, level) = (common.log_format.unwrap_or(LogFormat::Text), common.log_level.as_deref());
        log::start(format, level.unwrap_or("info"));
        match self.command {
            Command::Serve(serve) => serve.run(common),
            Command::Ingest(ingest) => ingest.run(common),
            Command::Render(render) => render.run(&common),
            Command::Show(show) => show.run(&common),
            Command::Tail(tail) => tail.run(&common),
            Command::Store(store) => store.run(&common),
            Command::Import(import) => import.run(&common),
            Command::Replay(replay) => replay.run(&common),
            Command::CheckConfig(check) => check.run(&common),
            Command::NginxConf(conf) => conf.run(&common),
        }
    }
}

impl Common {
    /// The names that platforms and other counters use work too, where ours say nothing.
    fn with_plain_environment(mut self) -> Result<Common> {
        let plain = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if self.data_dir.is_none() {
            self.data_dir = plain("DATA_DIR").map(PathBuf::from);
        }
        if self.base_url.is_none() {
            let url = plain("BASE_URL").map(|url| config::base_url(&url)).transpose();
            self.base_url = url.map_err(|why| BadConfig::one(None, format!("BASE_URL: {why}")))?;
        }
        if self.log_level.is_none() {
            let level = plain("LOG_LEVEL").map(|level| log::level(&level)).transpose();
            self.log_level = level.map_err(|why| BadConfig::one(None, format!("LOG_LEVEL: {why}")))?;
        }
        if let (None, Some(format)) = (self.log_format, plain("LOG_FORMAT")) {
            let read = <LogFormat as clap::ValueEnum>::from_str(&format, true);
            self.log_format = Some(
                read.map_err(|_| BadConfig::one(None, format!("LOG_FORMAT={format} is not text or json")))?,
            );
        }
        Ok(self)
    }

    fn overrides(&self) -> Result<Overrides> {
        let port = match std::env::var("PORT") {
            Ok(port) if !port.is_empty() => Some(port.parse().map_err(|_| {
                BadConfig::one(None, format!("PORT={port:?} is not a port number: write 0 to 65535"))
            })?),
            _ => None,
        };
        Ok(Overrides {
            data_dir: self.data_dir.clone(),
            store: self.store.clone(),
            badges_dir: self.badges_dir.clone(),
            listen: self.listen.clone(),
            port,
            base_url: self.base_url.clone(),
            syslog_udp: self.syslog_udp,
            syslog_unix: self.syslog_unix.clone(),
            syslog_tcp: self.syslog_tcp,
            file: self.log_file.clone(),
            allow: self.allow.clone(),
        })
    }

    fn load(&self) -> Result<Config> {
        Ok(Config::load(self.config.as_deref(), &self.overrides()?)?)
    }

    /// The store, for commands that only look: they do not make one where there is none.
    async fn existing_store(&self, config: &Config) -> Result<Arc<dyn Store>> {
        if let StoreUrl::Sqlite(path) = &config.store
            && !path.exists()
        {
            anyhow::bail!(
                "there is no database at {}; has `tallymark serve` run with this --data-dir or --store?",
                path.display()
            );
        }
        Ok(tallymark_store::open(&config.store, config.retention).await?)
    }
}

/// A runtime for commands that do one thing.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(work)
}

/// The runtime of a daemon.
fn daemon(start: crate::run::Start, started: impl FnOnce(&str)) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(crate::run::run(start, started))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
