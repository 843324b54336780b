//! Responses as CSV, of the API and of the comparison. No cell can be run as a formula by a spreadsheet.

use crate::headers;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use csv::{Terminator, Writer, WriterBuilder};
use std::borrow::Cow;

/// Whether a request asks for CSV by its `Accept`.
pub(crate) fn is_wanted(sent: &HeaderMap) -> bool {
    let accept = sent.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds.into_iter().any(|kind| kind.eq_ignore_ascii_case("text/csv"))
}

/// A table under construction.
pub(crate) struct Table {
    file: &'static str,
    lines: Writer<Vec<u8>>,
}

impl Table {
    /// Begins with its line of titles. `file` is what a browser saves it as.
    pub(crate) fn new<'a>(file: &'static str, titles: impl IntoIterator<Item = &'a str>) -> Table {
        let lines = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
        let mut table = Table { file, lines };
        table.row(titles, &[]);
        table
    }

    /// Adds a line of texts and numbers; an unknown number is empty.
    pub(crate) fn row<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>, numbers: &[Option<i64>]) {
        let numbers =
            numbers.iter().map(|number| number.map(|number| number.to_string()).unwrap_or_default());
        let cells = texts.into_iter().map(no_formula).chain(numbers.map(Cow::Owned));
        self.lines
            .write_record(cells.map(|cell| cell.into_owned()))
            .expect("memory takes lines of one length");
    }

    /// The answer, and where the next page is.
    pub(crate) fn answer(self, next: Option<String>) -> Response {
        let bytes = self.lines.into_inner().expect("writing to memory does not fail");
        let text = String::from_utf8(bytes).expect("all cells are text");
        let mut answer = headers::json(StatusCode::OK, text);
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

/// A cell that a spreadsheet would run gets a `'` in front.
fn no_formula(cell: &str) -> Cow<'_, str> {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{cell}").into() } else { cell.into() }
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
            let mut table = super::Table::new("x.csv", ["name", "count"]);
            table.row([cell], &[Some(-1)]);
            let text = String::from_utf8(table.lines.into_inner().unwrap()).unwrap();
            assert_eq!(text, format!("name,count\r\n{expect},-1\r\n"), "{cell:?}");
        }
    }
}
