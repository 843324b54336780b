//! Answers as CSV. No cell is one that a spreadsheet would run as a formula.

use crate::headers;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

/// Whether a request asks for CSV by its `Accept`.
pub(super) fn is_wanted(sent: &HeaderMap) -> bool {
    let accept = sent.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds.into_iter().any(|kind| kind.eq_ignore_ascii_case("text/csv"))
}

/// A table on its way.
pub(super) struct Table {
    file: &'static str,
    text: String,
}

impl Table {
    /// Begins with its line of titles. `file` is what a browser saves it as.
    pub(super) fn new(file: &'static str, titles: &str) -> Table {
        Table { file, text: format!("{titles}\r\n") }
    }

    /// Adds a line of texts and numbers; one that is not known is empty.
    pub(super) fn row<const N: usize>(&mut self, texts: [&str; N], numbers: &[Option<i64>]) {
        for (at, text) in texts.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            push(&mut self.text, text);
        }
        for number in numbers {
            self.text.push(',');
            self.text.extend(number.map(|number| number.to_string()));
        }
        self.text.push_str("\r\n");
    }

    /// The answer, and where the next page is.
    pub(super) fn answer(self, next: Option<String>) -> Response {
        let mut answer = headers::json(StatusCode::OK, self.text);
        let headers = answer.headers_mut();
        let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
        headers.insert(header::CONTENT_TYPE, kind);
        let file = format!("attachment; filename=\"{}\"", self.file);
        headers.extend(HeaderValue::from_str(&file).map(|file| (header::CONTENT_DISPOSITION, file)));
        let next = next.and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok());
        headers.extend(next.map(|next| (header::LINK, next)));
        answer
    }
}

/// Appends a cell. What a spreadsheet would run gets a `'` before it; what the format needs quoted is quoted.
fn push(row: &mut String, cell: &str) {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = cell.contains(['"', ',', '\r', '\n', ';']);
    if quoted {
        row.push('"');
    }
    if formula {
        row.push('\'');
    }
    for c in cell.chars() {
        if c == '"' {
            row.push('"');
        }
        row.push(c);
    }
    if quoted {
        row.push('"');
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn cells_are_text_to_every_spreadsheet() {
        for (cell, expect) in [
            ("o/r", "o/r"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=\"a\",1", "\"'=\"\"a\"\",1\""),
        ] {
            let mut row = String::new();
            super::push(&mut row, cell);
            assert_eq!(row, expect, "{cell:?}");
        }
    }
}
