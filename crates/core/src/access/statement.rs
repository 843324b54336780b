//! Finds the format string in a whole statement of a web server's configuration, which operators paste in its place.

use std::borrow::Cow;

/// The format string of `log_format NAME [escape=...] '...' '...';` or `LogFormat "..." NAME`. Any other text is one, with
/// the escapes of the configuration that it was taken from.
pub(super) fn format_string(text: &str) -> Cow<'_, str> {
    let statement = text.trim();
    let rest = |word: &str| {
        let rest = statement.strip_prefix(word)?;
        rest.starts_with(char::is_whitespace).then_some(rest)
    };
    if let Some(parts) = rest("log_format").and_then(quoted) {
        // nginx joins several quoted parts.
        return Cow::Owned(unescaped(&parts.concat()));
    }
    match rest("LogFormat").and_then(quoted).map(|parts| parts.into_iter().next()) {
        Some(Some(format)) => Cow::Owned(format),
        _ if text.contains('$') && text.contains('\\') => Cow::Owned(unescaped(text)),
        _ => Cow::Borrowed(text),
    }
}

/// What nginx makes of backslashes in its configuration. Others stay as they are: `\x22` in a `log_format` is written to the
/// log as these four characters.
fn unescaped(text: &str) -> String {
    let (mut unescaped, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once('\\') {
        unescaped += before;
        let character = match behind.chars().next() {
            Some(quote @ ('\'' | '"' | '\\')) => Some(quote),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('n') => Some('\n'),
            _ => None,
        };
        unescaped.push(character.unwrap_or('\\'));
        rest = &behind[usize::from(character.is_some())..];
    }
    unescaped + rest
}

/// The texts in quotes, as they are written. `None` if there is none, or one has no end.
fn quoted(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut chars = text.chars();
    while let Some(quote) = chars.by_ref().find(|c| matches!(c, '\'' | '"')) {
        let mut part = String::new();
        loop {
            match chars.next()? {
                end if end == quote => break,
                '\\' => part.extend(['\\', chars.next()?]),
                other => part.push(other),
            }
        }
        parts.push(part);
    }
    (!parts.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_unwrapped_and_format_strings_left_alone() {
        for (text, expect) in [
            (
                "log_format main '$remote_addr [$time_local] '\n    '\"$request\" $status';",
                "$remote_addr [$time_local] \"$request\" $status",
            ),
            ("  log_format j escape=json '{\"uri\":\"$uri\"}';\n", "{\"uri\":\"$uri\"}"),
            ("log_format q \"\\\"$request\\\" $status\";", "\"$request\" $status"),
            (r"log_format t '$remote_addr\t$request\r\n';", "$remote_addr\t$request\r\n"),
            (r"log_format x '\x22$request\x22 \'$status\' \q';", r"\x22$request\x22 '$status' \q"),
            (r#"LogFormat "%h \"%r\" %>s" common"#, r#"%h \"%r\" %>s"#),
            (r"$remote_addr\t$request \x22", "$remote_addr\t$request \\x22"),
            (r#"%h\t\"%r\""#, r#"%h\t\"%r\""#),
            ("$remote_addr \"$request\"", "$remote_addr \"$request\""),
            ("log_formatted $request", "log_formatted $request"),
            ("log_format main $request", "log_format main $request"),
        ] {
            assert_eq!(format_string(text), expect, "{text}");
        }
    }
}
