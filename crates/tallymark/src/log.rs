//! The log: on standard error, as text, as JSON lines, or in the journal's format; and the final message of a failed
//! command, in the same form.

#![expect(clippy::print_stderr, reason = "standard error is where the last words of a command go")]

use crate::{cli::out, secret};
use clap::ValueEnum;
use std::{fmt, fs::File, io, os::fd::AsFd, os::unix::fs::MetadataExt, sync::OnceLock};
use tallymark_store::StoreError;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    filter::{EnvFilter, LevelFilter},
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// plain text
    Text,
    /// one JSON object per line
    Json,
}

/// The reader of standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LogForm {
    #[default]
    People,
    Json,
    /// systemd's journal: it adds the time itself, and takes the priority from `<3>` at the start of a line.
    Journal,
}

static FORM: OnceLock<LogForm> = OnceLock::new();

/// Reads a level or filter. A word that is not a level would be read as the name of a module, and nothing would be
/// logged at all.
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
    let level = format!("{}{level}", quiet(level));
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(level);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let form = match format {
        LogFormat::Json => LogForm::Json,
        LogFormat::Text if is_journal() => LogForm::Journal,
        LogFormat::Text => LogForm::People,
    };
    match form {
        LogForm::People => log.with_target(false).with_ansi(false).init(),
        LogForm::Json => log.json().flatten_event(true).init(),
        LogForm::Journal => log.with_ansi(false).event_format(ForJournal).init(),
    }
    // This is called once.
    let _ = FORM.set(form);
}

/// What is not logged, unless the level names it.
fn quiet(level: &str) -> String {
    // The rasterizer warns of each style that is for browsers only; there is nothing to do about it. The watcher of files
    // tells at `trace` of each event in a directory: with the log in it, each line would cause the next one.
    let modules =
        [("usvg", "usvg=error,resvg=error,simplecss=error,"), ("notify", "notify=info,")].into_iter();
    modules.filter(|(name, _)| !level.contains(name)).map(|(_, filter)| filter).collect()
}

/// Whether standard error is connected to the journal: systemd passes the device and inode of that stream. It may have
/// been redirected since.
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let about = io::stderr().as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    about.is_ok_and(|about| named == format!("{}:{}", about.dev(), about.ino()))
}

/// A line without a time, with the priority in front for `journalctl -p`.
struct ForJournal;

impl<S, N> FormatEvent<S, N> for ForJournal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        context.format_fields(Writer::new(&mut text), event)?;
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        // There, each line of a text is a separate entry.
        text.lines().try_for_each(|line| writeln!(writer, "<{priority}>{line}"))
    }
}

/// The final message of a panic.
pub(crate) fn say_panic(text: &str) {
    eprintln!("{text}");
}

/// Says why a command failed: what was attempted, and every cause that adds something.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut text = error.to_string();
    // A store's error already contains the text of its cause.
    let store = error.chain().position(|cause| cause.is::<StoreError>());
    for cause in error.chain().take(store.map_or(usize::MAX, |at| at + 1)).skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    // An error may quote a damaged file, for example.
    let text: Vec<String> = secret::cleaned(&text).lines().map(out::plain).collect();
    let text = text.join("\n");
    match FORM.get().copied().unwrap_or_default() {
        LogForm::People => text.lines().for_each(|line| eprintln!("tallymark: {line}")),
        LogForm::Journal => text.lines().for_each(|line| eprintln!("<3>tallymark: {line}")),
        LogForm::Json => {
            let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            eprintln!("{}", serde_json::json!({"timestamp": time, "level": "ERROR", "message": text}));
        }
    }
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
