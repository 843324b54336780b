//! The command line: one file for each command.

#![allow(rustdoc::bare_urls, rustdoc::invalid_html_tags)] // doc comments are the help texts here

mod backup;
mod bootic;
mod check_config;
mod completions;
mod correct;
mod corrections;
mod demo;
mod doctor;
mod draw_pictures;
mod environment;
mod explain;
mod export;
mod export_records;
mod github;
mod health;
mod help;
mod import;
mod import_badge;
mod import_github_banners;
mod import_goatcounter;
mod import_hits_sh;
mod import_jsonl;
mod import_snow_trace;
mod ingest;
mod left_logs;
mod lines;
mod logs;
mod nginx_conf;
mod old_number;
pub(crate) mod out;
mod pause;
mod prune;
mod render;
mod replay;
mod restore;
mod serve;
mod show;
mod store;
mod store_copy;
mod tail;
mod top;

use crate::{
    config::{self, BadConfig, Config},
    home,
    log::{self, LogFormat},
    run::DRAW_PICTURES,
    user,
};
use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, builder::FalseyValueParser};
pub(crate) use environment::read_dotenv;
use ipnet::IpNet;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tallymark_ingest::LineFormat;
use tallymark_store::{Store, StoreUrl};
use tallymark_web::{Listen, StatsPrefix};
use tracing::debug;

/// A self-hosted hit counter whose badges are static files.
#[derive(Debug, Parser)]
#[command(
    name = "tallymark",
    version,
    max_term_width = 110,
    disable_help_subcommand = true,
    after_help = "Start with: tallymark serve\nManual: tallymark help TOPIC (tallymark help lists them)\n\
                  Exit codes: 0 success, 1 failure, 2 wrong usage, 78 wrong configuration"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    common: CommonFlags,
    #[command(subcommand)]
    command: Command,
}

/// Flags of earlier versions that do nothing any more, so that a unit file that has them still starts.
#[derive(Debug, Args)]
struct Retired {
    /// No longer needed: a data directory that was restored from a backup reads its files on from where the store is.
    #[arg(long, hide = true)]
    accept_positions: bool,
}

/// Every flag is also an environment variable; a flag wins over the environment, and that over the file.
#[derive(Debug, Args)]
pub(crate) struct CommonFlags {
    /// Configuration file (TOML) [default: /etc/tallymark/tallymark.toml, if there is one].
    #[arg(long, global = true, env = "TALLYMARK_CONFIG", value_name = "FILE", value_parser = config::path, help_heading = "Everywhere")]
    config: Option<PathBuf>,
    /// Where counts live: sqlite:PATH, redis://HOST, rediss:// or redis+sentinel:// [default: sqlite:<data-dir>/tallymark.db].
    #[arg(
        long,
        global = true,
        env = "TALLYMARK_STORE",
        value_name = "URL",
        value_parser = config::store_url,
        hide_env_values = true,
        help_heading = "Everywhere"
    )]
    store: Option<StoreUrl>,
    /// State of this daemon, and the embedded store [default: tallymark-data].
    #[arg(long, global = true, env = "TALLYMARK_DATA_DIR", value_name = "DIR", value_parser = config::path, help_heading = "Everywhere")]
    data_dir: Option<PathBuf>,
    /// Where badges are published [default: <data-dir>/badges].
    #[arg(
        long,
        global = true,
        env = "TALLYMARK_BADGES_DIR",
        value_name = "DIR",
        value_parser = config::path,
        help_heading = "Everywhere"
    )]
    badges_dir: Option<PathBuf>,
    /// Where HTTP listens: HOST:PORT or unix:PATH [default: 127.0.0.1:8080].
    #[arg(long, global = true, env = "TALLYMARK_LISTEN", value_name = "ADDR", value_parser = config::listen, help_heading = "Listening")]
    listen: Option<Listen>,
    /// The address people see, like https://hits.example.org.
    #[arg(long, global = true, env = "TALLYMARK_BASE_URL", value_name = "URL", value_parser = config::base_url, help_heading = "Listening")]
    base_url: Option<String>,
    /// Receive syslog over UDP here [default: 127.0.0.1:5140, unless another source is given].
    #[arg(long, global = true, env = "TALLYMARK_SYSLOG_UDP", value_name = "ADDR", value_parser = config::address, help_heading = "Listening")]
    syslog_udp: Option<SocketAddr>,
    /// Receive syslog datagrams on this unix socket.
    #[arg(long, global = true, env = "TALLYMARK_SYSLOG_UNIX", value_name = "PATH", value_parser = config::socket_path, help_heading = "Listening")]
    syslog_unix: Option<PathBuf>,
    /// Receive syslog over TCP here.
    #[arg(long, global = true, env = "TALLYMARK_SYSLOG_TCP", value_name = "ADDR", value_parser = config::address, help_heading = "Listening")]
    syslog_tcp: Option<SocketAddr>,
    /// A log file to read as it grows.
    #[arg(
        id = "log_file",
        long = "file",
        global = true,
        env = "TALLYMARK_FILE",
        value_name = "PATH",
        value_parser = config::path,
        help_heading = "Listening"
    )]
    // Some commands have their own FILE.
    log_file: Option<PathBuf>,
    /// The format of an access log, written as in nginx's log_format or Apache's LogFormat. It applies to --file, or
    /// without one to every source; import and replay use it too. (--log-format is the format of Tallymark's own
    /// messages.)
    #[arg(long, global = true, env = "TALLYMARK_LOG_FORMAT_STRING", value_name = "TEXT", value_parser = config::pattern, help_heading = "Listening")]
    log_format_string: Option<LineFormat>,
    /// Networks that can send syslog; needed to listen beyond loopback. Can be repeated.
    #[arg(long, global = true, env = "TALLYMARK_ALLOW", value_name = "NETWORK", value_parser = config::network, value_delimiter = ',', help_heading = "Listening")]
    allow: Vec<IpNet>,
    /// How the log is written.
    #[arg(
        long,
        global = true,
        env = "TALLYMARK_LOG_FORMAT",
        value_enum,
        ignore_case = true,
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
    #[arg(long, global = true, env = "TALLYMARK_JSON", value_parser = FalseyValueParser::new(), help_heading = "Everywhere")]
    json: bool,
    /// What Bootic's flags say; see [`bootic`].
    #[arg(skip)]
    zmq: Option<String>,
    #[arg(skip)]
    topic: Option<String>,
    #[arg(skip)]
    stats_prefix: Option<StatsPrefix>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process: HTTP, syslog, counts and badges.
    Serve(serve::Serve),
    /// Try it out: everything, with simulated traffic, in a temporary directory.
    Demo(demo::Demo),
    /// Count only: syslog into the store, with /healthz, /readyz and /metrics.
    Ingest(ingest::Ingest),
    /// Publish the badges that have changed since the last time.
    Render(render::Render),
    /// Show the counts of one name.
    Show(show::Show),
    /// List the busiest names.
    Top(top::Top),
    /// Explain why hits of a name are not counted.
    Explain(explain::Explain),
    /// Watch what the running daemon accepts and rejects.
    Tail(tail::Tail),
    /// Ask the running daemon whether it is well.
    Health(health::Health),
    /// Send a hit through nginx and check each step.
    Doctor(doctor::Doctor),
    /// Copy a store, or accept one other than the expected one.
    Store(store::StoreCommand),
    /// Track GitHub accounts for banners and cards, and check tokens.
    Github(github::GithubCommand),
    /// Count what is in existing files, once.
    Import(import::ImportCommand),
    /// Export the counts: as JSON lines, as CSV, or in another counter's format.
    Export(export::ExportCommand),
    /// Save everything in one file, while the daemon runs.
    Backup(backup::Backup),
    /// Restore a backup.
    Restore(restore::Restore),
    /// Dry run: what these log lines would count.
    Replay(replay::Replay),
    /// Check a configuration and list all mistakes in it.
    CheckConfig(check_config::CheckConfig),
    /// Set the total of a name.
    Set(correct::Set),
    /// Add to the total of a name.
    Add(correct::Add),
    /// Set a name to 0, or remove what it counted in a period of time.
    Reset(correct::Reset),
    /// Delete a name and its counts.
    Delete(correct::Delete),
    /// Rename a name.
    Rename(correct::Rename),
    /// Add the counts of a name to another.
    Merge(correct::Merge),
    /// Do not count a name for a while.
    Pause(pause::Pause),
    /// Undo a correction.
    Undo(corrections::Undo),
    /// List corrections.
    Corrections(corrections::CorrectionList),
    /// Print the nginx configuration for this installation.
    NginxConf(nginx_conf::NginxConf),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
    /// Read the manual: a topic, or a command's flags.
    Help(help::Help),
    #[command(name = DRAW_PICTURES, hide = true)]
    DrawPictures(draw_pictures::DrawPictures),
}

impl Cli {
    /// The parsed command line and environment.
    pub(crate) fn read() -> Cli {
        environment::parse()
    }

    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let mut common = self.common.with_plain_environment()?;
        let (format, level) = (common.log_format.unwrap_or(LogFormat::Text), common.log_level.as_deref());
        log::start(format, level.unwrap_or("info"));
        environment::warn_of_unknown();
        environment::warn_of_github_banners();
        let reads_one = !matches!(
            self.command,
            Command::Demo(_) | Command::Completions(_) | Command::Help(_) | Command::DrawPictures(_)
        );
        if common.config.is_none() && reads_one {
            common.config = usual_file(Path::new(USUAL_FILE))?;
        }
        match self.command {
            Command::Serve(serve) => serve.run(common),
            Command::Demo(demo) => demo.run(&common),
            Command::Ingest(ingest) => ingest.run(common),
            Command::Render(render) => render.run(&common),
            Command::Show(show) => show.run(&common),
            Command::Top(top) => top.run(&common),
            Command::Explain(explain) => explain.run(&common),
            Command::Tail(tail) => tail.run(&common),
            Command::Health(health) => health.run(&common),
            Command::Doctor(doctor) => doctor.run(&common),
            Command::Store(store) => store.run(&common),
            Command::Github(github) => github.run(&common),
            Command::Import(import) => import.run(&common),
            Command::Export(export) => export.run(&common),
            Command::Backup(backup) => backup.run(&common),
            Command::Restore(restore) => restore.run(&common),
            Command::Replay(replay) => replay.run(&common),
            Command::CheckConfig(check) => check.run(&common),
            Command::Set(set) => set.run(&common),
            Command::Add(add) => add.run(&common),
            Command::Reset(reset) => reset.run(&common),
            Command::Delete(delete) => delete.run(&common),
            Command::Rename(rename) => rename.run(&common),
            Command::Merge(merge) => merge.run(&common),
            Command::Pause(pause) => pause.run(&common),
            Command::Undo(undo) => undo.run(&common),
            Command::Corrections(corrections) => corrections.run(&common),
            Command::NginxConf(conf) => conf.run(&common),
            Command::Completions(completions) => completions.run(),
            Command::Help(help) => help.run(),
            Command::DrawPictures(draw) => draw.run(),
        }
    }
}

/// Where the service's configuration is, so that commands run by hand use the same store and directories.
const USUAL_FILE: &str = "/etc/tallymark/tallymark.toml";

/// The file, if it exists. An unreadable one is an error, not a reason to use the defaults.
fn usual_file(file: &Path) -> Result<Option<PathBuf>> {
    match file.try_exists() {
        Ok(there) => {
            debug!(file = %file.display(), there, "no --config was given, so this is the configuration");
            Ok(there.then(|| file.to_owned()))
        }
        Err(error) => Err(BadConfig::one(None, user::cannot_look("the configuration", file, &error)).into()),
    }
}

impl CommonFlags {
    fn load(&self) -> Result<Config> {
        Ok(Config::load(self.config.as_deref(), &self.overrides()?)?)
    }

    /// Opens the store for read-only commands, which do not create one.
    async fn existing_store(&self, config: &Config) -> Result<Arc<dyn Store>> {
        if let StoreUrl::Sqlite(path) = &config.store
            && !home::remembers(config)
        {
            must_exist(path)?;
        }
        home::open(config).await
    }
}

/// Fails if there is no database yet.
fn must_exist(database: &Path) -> Result<()> {
    match database.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => bail!(
            "there is no database at {}; has `tallymark serve` run with this --data-dir or --store?",
            database.display()
        ),
        Err(error) => bail!(user::cannot_look("the database", database, &error)),
    }
}

/// A failure that standard output already tells in full.
#[derive(Debug)]
pub(crate) struct AlreadySaid;

impl std::fmt::Display for AlreadySaid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("standard output says what failed")
    }
}

impl std::error::Error for AlreadySaid {}

/// Wrong usage that only the command itself can detect.
#[derive(Debug)]
pub(crate) struct Misuse(String);

impl Misuse {
    fn because(what: impl Into<String>) -> anyhow::Error {
        Misuse(what.into()).into()
    }
}

impl std::fmt::Display for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// A runtime for commands that do one thing.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(work)
}

/// The runtime of a daemon.
fn daemon(start: crate::run::DaemonStart, started: impl FnOnce(&str)) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(crate::run::run(start, started))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usual_file_counts_only_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tallymark.toml");
        assert_eq!(usual_file(&file).unwrap(), None);
        std::fs::write(&file, "").unwrap();
        assert_eq!(usual_file(&file).unwrap(), Some(file.clone()));
        let beneath_a_file = file.join("tallymark.toml");
        assert!(usual_file(&beneath_a_file).is_err());
    }
}
