//! The flags of Bootic's aggregator, so that its start command keeps working after `tallymark serve`.
//!
//! Each is an alias of one of our flags or keys, and has no effect if it is not given. A topic needs a publisher, which
//! is Bootic's default unless another is given.

use super::{Cli, CommonFlags};
use crate::config;
use clap::{Args, CommandFactory, error::ErrorKind};
use std::ffi::OsString;
use tallymark_store::StoreUrl;
use tallymark_web::{Listen, StatsPrefix};

/// The names of the Go flags, which take one dash or two.
const NAMES: [&str; 6] = ["zmqsocket", "zmsocket", "topic", "redishost", "httphost", "pathprefix"];

#[derive(Debug, Args)]
#[command(next_help_heading = "Bootic's")]
pub(super) struct Bootic {
    /// The ZeroMQ publisher of events, like tcp://127.0.0.1:6000.
    #[arg(long, visible_alias = "zmsocket", env = "TALLYMARK_ZMQSOCKET", value_name = "ADDR", value_parser = config::publisher)]
    zmqsocket: Option<String>,
    /// Only messages with this prefix [default: every message]. Without --zmqsocket: subscribe to tcp://127.0.0.1:6000.
    #[arg(long, env = "TALLYMARK_TOPIC", value_name = "TEXT", value_parser = config::topic)]
    topic: Option<String>,
    /// The same as --store redis://HOST:PORT.
    #[arg(long, env = "TALLYMARK_REDISHOST", value_name = "HOST:PORT", value_parser = redis)]
    redishost: Option<StoreUrl>,
    /// The same as --listen.
    #[arg(long, env = "TALLYMARK_HTTPHOST", value_name = "HOST:PORT", value_parser = config::listen)]
    httphost: Option<Listen>,
    /// The path of Bootic's API [default: /stats].
    #[arg(long, env = "TALLYMARK_PATHPREFIX", value_name = "PATH", value_parser = prefix)]
    pathprefix: Option<StatsPrefix>,
}

fn prefix(text: &str) -> Result<StatsPrefix, String> {
    StatsPrefix::parse(text).map_err(|why| why.to_string())
}

/// Bootic's value is a host and a port; a URL is accepted too.
fn redis(text: &str) -> Result<StoreUrl, String> {
    let url = if text.contains("://") { text.to_owned() } else { format!("redis://{text}") };
    let parsed = url.parse::<StoreUrl>().ok().filter(|url| matches!(url, StoreUrl::Redis(_)));
    parsed.ok_or_else(|| format!("{text:?} is not a Redis address: write HOST:PORT, like localhost:6379"))
}

impl Bootic {
    /// Translates them to our own flags. Ends the program with status 2 if those are given too.
    pub(super) fn translate(self, common: CommonFlags) -> CommonFlags {
        let twice = |theirs: &str, ours: &str| {
            let what = format!("{theirs} is another word for {ours}: say one of the two");
            Cli::command().error(ErrorKind::ArgumentConflict, what).exit()
        };
        if self.redishost.is_some() && common.store.is_some() {
            twice("--redishost", "--store");
        }
        if self.httphost.is_some() && common.listen.is_some() {
            twice("--httphost", "--listen");
        }
        CommonFlags {
            store: common.store.or(self.redishost),
            listen: common.listen.or(self.httphost),
            zmq: self.zmqsocket,
            topic: self.topic,
            stats_prefix: self.pathprefix,
            ..common
        }
    }
}

/// Go's flags may have one dash; here one dash is followed by single letters. Only Bootic's own get a second.
pub(super) fn with_two_dashes(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let is_bootic = |argument: &str| {
        let name = argument.strip_prefix('-').map(|rest| rest.split('=').next().unwrap_or_default());
        name.is_some_and(|name| NAMES.contains(&name))
    };
    arguments.map(move |argument| match argument.to_str() {
        Some(text) if is_bootic(text) => format!("-{text}").into(),
        _ => argument,
    })
}
