//! The log: on standard error, as text or JSON lines; and the last words of a command that failed.

#![expect(clippy::print_stderr, reason = "standard error is where the last words of a command go")]

use clap::ValueEnum;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Reads a level or filter. A word that is no level would be taken for a module's name, and nothing be logged at all.
pub(crate) fn level(text: &str) -> Result<String, String> {
    let level = |part: &str| part.contains(['=', '[']) || part.trim().parse::<LevelFilter>().is_ok();
    let right = text.split(',').all(level) && EnvFilter::try_new(text).is_ok();
    if right {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not error, warn, info, debug or trace"))
    }
}

/// Starts the log. `level` is `error`, `warn`, `info`, `debug`, `trace`, or a filter like `info,tallymark_store=debug`.
pub(crate) fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(level);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_target(false).with_ansi(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Says why a command failed: what was attempted, and every cause that adds something.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    eprintln!("tallymark: {text}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn level_that_is_none_is_refused() {
        for good in ["info", "WARN", "off", "info,tallymark_store=debug", "tallymark_web=trace"] {
            assert_eq!(super::level(good).as_deref(), Ok(good));
        }
        for bad in ["warning", "nonsense", "info,nonsense", "x=y=z", "tallymark_web=loud"] {
            assert!(super::level(bad).is_err(), "{bad}");
        }
    }
}
