//! `tallymark tail`: what the running daemon currently accepts and rejects.

use super::{CommonFlags, out};
use crate::{tailing::SOCKET, user};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, ErrorKind, Write},
    os::unix::net::UnixStream,
};

/// A live view of the lines that the daemon on this --data-dir accepts and rejects. Ctrl-C ends it.
#[derive(Debug, Args)]
pub(super) struct Tail {
    /// Only what is rejected.
    #[arg(long)]
    rejected: bool,
    /// End after so many lines.
    #[arg(long, value_name = "N")]
    lines: Option<usize>,
}

impl Tail {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let path = common.load()?.data_dir.join(SOCKET);
        let mut stream = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                bail!(user::cannot_look("the daemon's live view", &path, &error))
            }
            Err(error) => bail!(
                "no running daemon found at {} ({error}); is `tallymark serve` running on this --data-dir?",
                path.display()
            ),
        };
        let wish: &[u8] = if self.rejected { b"rejected\n" } else { b"all\n" };
        stream.write_all(wish).context("asking the daemon")?;
        let mut lines = BufReader::new(stream).lines();
        let greeting = lines.next().transpose().context("reading from the daemon")?;
        let greeting =
            greeting.context("the daemon's live view has no room for another reader; end one of them")?;
        tracing::info!(socket = %path.display(), "{}", watching(&greeting));
        for line in lines.take(self.lines.unwrap_or(usize::MAX)) {
            let line = line.context("reading from the daemon")?;
            let text = if common.json { format!("{line}\n") } else { people(&line)? };
            if !out::print_more(&text)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Where lines may come from, and whether any arrived: the only output while there are none.
fn watching(greeting: &str) -> String {
    let greeting: Value = serde_json::from_str(greeting).unwrap_or_default();
    let places: Vec<String> = greeting["listens"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(out::plain)
        .collect();
    let last = match greeting["last_line"].as_str() {
        Some(time) => format!("the last line came at {}", out::plain(time)),
        None => "no line has come since the daemon started".to_owned(),
    };
    format!("watching {}; {last}", places.join(", "))
}

fn people(line: &str) -> Result<String> {
    let value: Value =
        serde_json::from_str(line).context("the daemon answered something that is not JSON")?;
    let text = |key: &str| value[key].as_str().map(out::plain);
    let time = text("time").unwrap_or_default();
    let clock = time.get(11..23).unwrap_or_default();
    let source = text("source").unwrap_or_default();
    Ok(match (text("accepted"), text("rejected"), value["skipped"].as_u64().or(value["missed"].as_u64())) {
        (Some(name), ..) if value["opted_out"] == true => {
            format!("{clock} {source} accepted {name} (opted out: counts, no record is kept)\n")
        }
        (Some(name), ..) => format!("{clock} {source} accepted {name}\n"),
        (_, Some(reason), _) => {
            let tag = text("tag").map(|tag| format!("(no route has the tag \"{tag}\") "));
            // The most special of what is known.
            let why =
                || text("priority").or(text("why")).map(|why| format!("({}) ", why.trim_end_matches('.')));
            let found = tag.or_else(why).unwrap_or_default();
            format!("{clock} {source} rejected {reason} {found}{}\n", text("line").unwrap_or_default())
        }
        (.., Some(count)) => format!("... {count} more that are not shown\n"),
        _ => format!("{}\n", out::plain(line)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_people_tell_time_source_and_outcome() {
        for (line, expect) in [
            (
                r#"{"time":"2026-11-20T12:00:00.123Z","source":"syslog-udp","accepted":"a/b","event":"hit"}"#,
                "12:00:00.123 syslog-udp accepted a/b\n",
            ),
            (
                r#"{"time":"2026-11-20T12:00:00.123Z","source":"http","accepted":"a/b","event":"hit","opted_out":true}"#,
                "12:00:00.123 http accepted a/b (opted out: counts, no record is kept)\n",
            ),
            (
                r#"{"time":"2026-11-20T12:00:00.123Z","source":"syslog-udp","rejected":"tag","line":"<1>x"}"#,
                "12:00:00.123 syslog-udp rejected tag <1>x\n",
            ),
            (
                r#"{"time":"2026-11-20T12:00:00.123Z","source":"syslog-udp","rejected":"tag","tag":"cron","line":"<1>x"}"#,
                "12:00:00.123 syslog-udp rejected tag (no route has the tag \"cron\") <1>x\n",
            ),
            (
                r#"{"time":"2026-11-20T12:00:00.123Z","source":"syslog-udp","rejected":"filter","priority":"user.notice, not local3.info","line":"<13>x"}"#,
                "12:00:00.123 syslog-udp rejected filter (user.notice, not local3.info) <13>x\n",
            ),
            (
                r#"{"time":"2026-11-20T12:00:00.123Z","source":"syslog-udp","rejected":"time","why":"No time.","line":"<158>x"}"#,
                "12:00:00.123 syslog-udp rejected time (No time) <158>x\n",
            ),
            (r#"{"missed":7}"#, "... 7 more that are not shown\n"),
        ] {
            assert_eq!(people(line).unwrap(), expect);
        }
        assert!(people("x").is_err());
    }
}
