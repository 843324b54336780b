//! Explains invalid JSON to its sender; the parser's own messages are written for Rust programmers.

use serde_json::error::Category;

/// Says where text stops being JSON. `line` is the number of its first line; `shape` is used if it is JSON of another
/// form.
pub(crate) fn of(why: &serde_json::Error, line: usize, shape: &str) -> String {
    let (line, column) = (line + why.line().saturating_sub(1), why.column());
    match why.classify() {
        Category::Eof => format!("it ends in the middle, in line {line}"),
        Category::Syntax | Category::Io => format!("line {line} is not JSON at column {column}"),
        Category::Data => shape.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_said_and_nothing_of_rust() {
        for (json, expect) in [
            ("[1,\n2", "it ends in the middle, in line 6"),
            ("", "it ends in the middle, in line 5"),
            ("[1,\n x]", "line 6 is not JSON at column 2"),
            ("[1e400]", "line 5 is not JSON at column 6"),
            ("{}", "a list is wanted"),
        ] {
            let why = serde_json::from_str::<Vec<serde_json::Value>>(json).unwrap_err();
            assert_eq!(of(&why, 5, "a list is wanted"), expect, "{why}");
        }
    }
}
