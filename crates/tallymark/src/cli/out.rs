//! Standard output, where commands print their results. A reader that stops early (`| head`) is not an error.

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
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
pub(crate) fn plain(name: &str) -> String {
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

/// A name as one word of a command that can be copied into a shell.
pub(super) fn word(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_./@:%+,-".contains(c);
    let name = plain(name);
    match name.chars().all(is_plain) && !name.starts_with('-') && !name.is_empty() {
        true => name,
        false => format!("'{}'", name.replace('\'', r"'\''")),
    }
}

/// `1 badge`, `1,234 badges`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    let many = match what.strip_suffix("ry") {
        Some(stem) => format!("{stem}ries"),
        None if what.ends_with('s') => what.to_owned(),
        None => format!("{what}s"),
    };
    format!("{} {}", count.separate_with_commas(), if count == 1 { what } else { &many })
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

/// How many columns the terminal has; `None` if standard output is not one.
pub(super) fn terminal_width() -> Option<u16> {
    rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col).filter(|&columns| columns > 0)
}

/// The heads of columns with numbers, whose last digits are below each other.
const NUMBERS: [&str; 3] = ["#", "count", "visitors"];

/// A table for people.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_header(header);
    for (column, head) in table.column_iter_mut().zip(header) {
        if NUMBERS.contains(head) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The lines of a table. On a terminal, each row is one line, and what does not fit is cut.
pub(super) fn drawn(mut table: Table, terminal: Option<u16>) -> String {
    if let Some(width) = terminal {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        for row in table.row_iter_mut() {
            row.max_height(1);
        }
    }
    format!("{}\n", table.trim_fmt())
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_are_one_line_each_on_a_terminal_and_whole_elsewhere() {
        let table = |name: &str| {
            let mut table = super::table(&["#", "name", "count"]);
            table.add_row(["1", name, "1,234"]).add_row(["2", "b", "5"]);
            table
        };
        let name = format!("a/{}", "日本語x".repeat(30));
        let cut = super::drawn(table(&name), Some(40));
        assert_eq!(cut.lines().count(), 4, "{cut}");
        let short = super::drawn(table("a"), None);
        let end = |number: &str| short.lines().find_map(|line| Some(line.find(number)? + number.len()));
        assert_eq!(end("1,234"), end(" 5"), "{short}");
        assert!(cut.contains("1,234") && cut.contains('…'), "{cut}");
        assert!(super::drawn(table(&name), None).contains(&name));
        assert!(!super::drawn(table("a"), Some(40)).contains('…'));
    }

    #[test]
    fn names_cannot_steer_a_terminal() {
        assert_eq!(super::plain("a/b 日"), "a/b 日");
        assert_eq!(super::plain("a\u{1b}[31m\u{202e}b"), "a\\u{1b}[31m\\u{202e}b");
    }
}
