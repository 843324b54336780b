//! Cells of CSV that no spreadsheet takes for a formula.

/// Appends a cell. What a spreadsheet would run gets a `'` before it; what the format needs quoted is quoted.
pub(super) fn push(row: &mut String, cell: &str) {
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
