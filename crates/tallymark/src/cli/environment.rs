//! The environment: every flag's variable, the names that platforms and other counters use, and variables that have no
//! flag.
//!
//! An empty variable counts as unset, as in a file of variables whose values were removed. Errors name the variable.

use super::{Cli, CommonFlags, bootic::with_two_dashes, demo::OF_A_REAL_ONE, help::with_topic};
use crate::{
    config::{self, BadConfig, Mistake, Overrides},
    log::{self, LogFormat},
    secret::{self, HIDDEN},
};
use anyhow::Result;
use clap::{
    Arg, Command, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use tallymark_store::owner::User;
use tallymark_web::Origins;
use tracing::warn;

const PREFIX: &str = "TALLYMARK_";
/// Tokens have no flag: every user of the machine can read a command line.
const TOKENS: &str = "TALLYMARK_TOKENS";

/// The commands that listen, or need the addresses.
const LISTENERS: [&str; 5] = ["serve", "ingest", "check-config", "nginx-conf", "health"];
/// The commands that read files once.
const READERS: [&str; 2] = ["import", "replay"];
/// The flag for both.
pub(super) const LOG_FORMAT_STRING: &str = "--log-format-string";

/// The command line as shown in help: each command with the flags that affect it.
pub(super) fn command() -> Command {
    let mut command = without_empty(Cli::command());
    // Only then do subcommands have the global flags.
    command.build();
    command = command.mut_subcommands(with_topic);
    command.mut_subcommands(|command| match command.get_name() {
        "demo" => command.mut_args(|arg| if is_of_a_real_one(&arg) { arg.hide(true) } else { arg }),
        name if LISTENERS.contains(&name) => command,
        name => {
            let is_reader = READERS.contains(&name);
            without_listening(command, is_reader)
        }
    })
}

/// Sets the variables of `.env` in the working directory that are not set yet. Called before anything else runs. A file
/// of another user, in a world-writable directory, is not read.
pub(crate) fn read_dotenv() -> Result<()> {
    let path = Path::new(".env");
    let Some(owner) = User::of_path(path).filter(|_| path.is_file()) else { return Ok(()) };
    if !owner.is_root() && User::current().as_ref() != Some(&owner) {
        log::complain(&anyhow::anyhow!(".env is not read, because it belongs to {owner}"));
        return Ok(());
    }
    let why = match dotenvy::from_path(path) {
        Ok(()) => return Ok(()),
        // The line may have a secret, so it is not shown.
        Err(dotenvy::Error::LineParse(text, _)) => {
            let lines = fs::read_to_string(path).unwrap_or_default();
            let at = lines.lines().position(|line| !text.trim().is_empty() && line.trim() == text.trim());
            let which = at.map_or_else(|| "a line".to_owned(), |at| format!("line {}", at + 1));
            format!("{which} is not NAME=VALUE; quote a value with blanks")
        }
        Err(error) => error.to_string(),
    };
    Err(BadConfig::one(Some(path), why).into())
}

/// Reads command line and environment, or ends the program with an error.
pub(super) fn parse() -> Cli {
    let command = command();
    let matches = command.clone().try_get_matches_from(with_two_dashes(env::args_os()));
    let mut matches = matches.unwrap_or_else(|error| refuse(named(error, command)));
    Cli::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.exit())
}

/// Hides flags without effect from a command's help.
fn without_listening(command: Command, is_reader: bool) -> Command {
    let of_reader = |arg: &Arg| is_reader && arg.get_long() == LOG_FORMAT_STRING.strip_prefix("--");
    let listening = |arg: &Arg| arg.get_help_heading() == Some("Listening") && !of_reader(arg);
    command.mut_args(|arg| if listening(&arg) { arg.hide(true) } else { arg }).mut_subcommands(|command| {
        let reads_lines = is_reader && command.get_name() != "snow-trace";
        without_listening(command, reads_lines)
    })
}

fn without_empty(command: Command) -> Command {
    let is_empty = |arg: &Arg| arg.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(None::<&str>) } else { arg })
        .mut_subcommands(without_empty)
}

/// Ends the program with clap's message, without passwords.
fn refuse(mut error: clap::Error) -> ! {
    // Any value given for the store may be one. Elsewhere, only a value that looks like an address.
    if let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg)
        && arg.contains("--store")
    {
        error.insert(ContextKind::InvalidValue, ContextValue::String(HIDDEN.to_owned()));
    }
    let given: Vec<String> = env::args_os()
        .skip(1)
        .chain(
            env::vars_os()
                .filter(|(name, _)| name.to_string_lossy().starts_with(PREFIX))
                .map(|(_, value)| value),
        )
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    let values =
        given.iter().flat_map(|given| [Some(given.as_str()), given.split_once('=').map(|pair| pair.1)]);
    let (said, values) = (error.render().to_string(), values.flatten());
    let shown = secret::without_refused(&secret::without(&said, values), refused(&error));
    if shown == said {
        error.exit();
    }
    // As `exit` prints it, though without colours.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), shown.as_bytes());
    std::process::exit(error.exit_code());
}

/// The values that clap refused, as it quotes them. A misspelled command is not one of them, and a count is no password.
fn refused(error: &clap::Error) -> Vec<&str> {
    let text = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let near = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let is_count = text(ContextKind::InvalidArg) == Some("<COUNT>");
    if is_count || near.into_iter().any(|kind| error.get(kind).is_some()) {
        return Vec::new();
    }
    let argument = text(ContextKind::InvalidArg).filter(|_| error.kind() == ErrorKind::UnknownArgument);
    let argument = argument.filter(|argument| !argument.starts_with("--"));
    let kinds = [ContextKind::InvalidValue, ContextKind::InvalidSubcommand];
    kinds.into_iter().filter_map(text).chain(argument).collect()
}

/// clap names the flag, even if the variable was wrong.
fn named(mut error: clap::Error, mut command: Command) -> clap::Error {
    // Only then does an argument know how it is displayed.
    command.build();
    let wrong = matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
    if let (true, Some(ContextValue::String(shown))) = (wrong, error.get(ContextKind::InvalidArg))
        && let Some(arg) = all_args(&command).into_iter().find(|arg| arg.to_string() == *shown)
        && let (Some(flag), Some(variable)) = (arg.get_long(), arg.get_env())
        && !is_on_command_line(&format!("--{flag}"))
    {
        let shown = format!("{} (--{flag})", variable.display());
        error.insert(ContextKind::InvalidArg, ContextValue::String(shown));
    }
    error
}

/// Whether a flag was given on the command line, and not by its variable.
pub(super) fn is_on_command_line(flag: &str) -> bool {
    with_two_dashes(env::args_os()).any(|given| given.to_string_lossy().split('=').next() == Some(flag))
}

fn is_of_a_real_one(arg: &Arg) -> bool {
    arg.get_long().is_some_and(|long| OF_A_REAL_ONE.iter().any(|flag| flag.strip_prefix("--") == Some(long)))
}

fn all_args(command: &Command) -> Vec<&Arg> {
    command.get_arguments().chain(command.get_subcommands().flat_map(all_args)).collect()
}

/// Reports variables that look like ours but are not. A Kubernetes service of this name sets some of its own.
pub(super) fn warn_of_unknown() {
    let command = Cli::command();
    let known: Vec<&str> =
        all_args(&command).into_iter().filter_map(|arg| arg.get_env()?.to_str()).chain([TOKENS]).collect();
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let of_kubernetes = name.starts_with("TALLYMARK_SERVICE_") || name.starts_with("TALLYMARK_PORT");
        if known.contains(&name) || of_kubernetes {
            continue;
        }
        match tallymark_core::nearest(name, &known) {
            Some(near) => warn!(
                "{name} is not a variable that Tallymark knows, and has no effect; did you mean {near}?"
            ),
            None => warn!("{name} is not a variable that Tallymark knows, and has no effect"),
        }
    }
}

/// Variables of GitHub Banners that have no effect here, and what to use instead. Those of its PostgreSQL group, whose
/// names other programs use too, are mentioned only together with one that is its own.
const OF_GITHUB_BANNERS: [(&str, &str); 10] = [
    ("RENDERER_BASE_URL", "banners are drawn in this process"),
    ("STORAGE_BASE_URL", "banners are files of this process: see [badges] banners"),
    ("BANNERS_STORAGE_PATH", "banners are files below the directory of badges: see [badges] banners"),
    ("KAFKA_BROKERS_ADDRS", "no Kafka is needed"),
    ("API_INTERNAL_SERVER_PORT", "there is one port: see PORT"),
    ("POSTGRES_USER", NO_POSTGRES),
    ("POSTGRES_PASSWORD", NO_POSTGRES),
    ("POSTGRES_DB", NO_POSTGRES),
    ("DB_HOST", NO_POSTGRES),
    ("PGPORT", NO_POSTGRES),
];
const NO_POSTGRES: &str = "no PostgreSQL is needed: see --store";

/// Reports variables that GitHub Banners had, once each.
pub(super) fn warn_of_github_banners() {
    let is_its_own = |(name, what): &&(&str, &str)| *what != NO_POSTGRES && plain(name).is_some();
    if !OF_GITHUB_BANNERS.iter().any(|row| is_its_own(&row)) {
        return;
    }
    for (name, what) in OF_GITHUB_BANNERS.iter().filter(|(name, _)| plain(name).is_some()) {
        warn!("{name} is a variable of GitHub Banners, and has no effect: {what}");
    }
}

/// A variable that is set and not empty.
fn plain(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Reads variables without a flag that could read them, and collects what is wrong with any of them.
#[derive(Default)]
struct PlainVariables(Vec<Mistake>);

impl PlainVariables {
    fn read<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = plain(name)?;
        let wrong = |why: String| {
            let hidden = secret::without_refused(&why, value.split(',').map(str::trim));
            Mistake { line: None, key: None, what: format!("environment variable {name}: {hidden}") }
        };
        read(&value).map_err(|why| self.0.push(wrong(why))).ok()
    }

    fn done<T>(self, value: T) -> Result<T, BadConfig> {
        if self.0.is_empty() { Ok(value) } else { Err(BadConfig { file: None, mistakes: self.0 }) }
    }
}

impl CommonFlags {
    /// The names that platforms and other counters use work too, if ours are not set.
    pub(super) fn with_plain_environment(mut self) -> Result<CommonFlags, BadConfig> {
        let mut variables = PlainVariables::default();
        if self.data_dir.is_none() {
            self.data_dir = plain("DATA_DIR").map(PathBuf::from);
        }
        if self.base_url.is_none() {
            self.base_url = variables.read("BASE_URL", config::base_url);
        }
        if self.log_level.is_none() {
            self.log_level = variables.read("LOG_LEVEL", log::level);
        }
        if self.log_format.is_none() {
            self.log_format = variables.read("LOG_FORMAT", |format| {
                <LogFormat as clap::ValueEnum>::from_str(format, true)
                    .map_err(|_| format!("{format:?} is not text or json"))
            });
        }
        // Those of the other variables are told with them.
        if let (false, Err(others)) = (variables.0.is_empty(), self.overrides()) {
            variables.0.extend(others.mistakes);
        }
        variables.done(self)
    }

    pub(super) fn overrides(&self) -> Result<Overrides, BadConfig> {
        let mut variables = PlainVariables::default();
        let port = variables.read("PORT", |port| {
            port.parse().map_err(|_| format!("{port:?} is not a port number: write 0 to 65535"))
        });
        let tokens = variables.read(TOKENS, |tokens| tokens.split(',').map(config::token).collect());
        let origins = variables.read("CORS_ORIGINS", |origins| {
            Origins::parse(origins.split(',').map(str::trim)).map_err(|why| why.to_string())
        });
        let proxies = variables
            .read("TRUSTED_PROXIES", |nets| nets.split(',').map(|net| config::network(net.trim())).collect());
        // GitHub Banners sent a star as a token where there was none.
        let words = |tokens: &str| tokens.split(',').map(str::trim).map(str::to_owned).collect::<Vec<_>>();
        let github_tokens = variables.read("GITHUB_TOKENS", |tokens| {
            let given = words(tokens).into_iter().filter(|token| !token.is_empty() && token != "*");
            given.map(|token| config::github_token(&token)).collect()
        });
        let github_timeout = variables.read("REQUEST_TIMEOUT", config::github_timeout);
        let github_soft = variables.read("CACHE_TTL", config::stats_age);
        let github_rate = variables.read("RATE_LIMIT_RPS", config::rate_per_second);
        let github_secret = variables.read("SERVICES_SECRET_KEY", config::signing_secret);
        variables.done(Overrides {
            data_dir: self.data_dir.clone(),
            store: self.store.clone(),
            badges_dir: self.badges_dir.clone(),
            listen: self.listen.clone(),
            port,
            base_url: self.base_url.clone(),
            tokens,
            origins,
            proxies,
            github_tokens,
            github_timeout,
            github_soft,
            github_rate,
            github_secret,
            syslog_udp: self.syslog_udp,
            syslog_unix: self.syslog_unix.clone(),
            syslog_tcp: self.syslog_tcp,
            file: self.log_file.clone(),
            format: self.log_format_string.clone(),
            zmq: self.zmq.clone(),
            topic: self.topic.clone(),
            stats_prefix: self.stats_prefix.clone(),
            allow: self.allow.clone(),
        })
    }
}
