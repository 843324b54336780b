//! Standard output, where commands print their results. A reader that stops early (`| head`) is not an error.

use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    io::{self, Write},
};
use tallymark_core::Reject;
use thousands::Separable;

/// Writes text to standard output.
pub(super) fn print(text: &str) -> Result<()> {
    print_more(text).map(drop)
}

/// The same for a command that keeps running: false if there is no reader any more.
pub(super) fn print_more(text: &str) -> Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("writing to standard output"),
    }
}

/// Writes a value as one line of JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string(value).context("writing JSON")?;
    text.push('\n');
    print(&text)
}

/// A name as it may be printed on a terminal: control characters are escaped.
pub(super) fn plain(name: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if steers(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// `1 badge`, `1,234 badges`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count.separate_with_commas())
}

/// Why lines were rejected: one line for each reason, with its meaning.
pub(super) fn reasons(rejected: &BTreeMap<&'static str, u64>) -> String {
    let explained = |label: &str| {
        Reject::ALL.iter().find(|reject| reject.label() == label).map_or("", |reject| reject.explained())
    };
    rejected
        .iter()
        .map(|(label, count)| {
            format!("    {label}: {}  ({})\n", count.separate_with_commas(), explained(label))
        })
        .collect()
}

/// A table for people.
pub(super) fn table(header: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_cannot_steer_a_terminal() {
        assert_eq!(super::plain("a/b 日"), "a/b 日");
        assert_eq!(super::plain("a\u{1b}[31m\u{202e}b"), "a\\u{1b}[31m\\u{202e}b");
    }
}
