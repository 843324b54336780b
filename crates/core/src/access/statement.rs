//! A whole statement of a web server's configuration, pasted in place of the format string in it.

use std::borrow::Cow;

/// The format string of `log_format NAME [escape=...] '...' '...';` or `LogFormat "..." NAME`. Any other text is one.
pub(super) fn format_string(text: &str) -> Cow<'_, str> {
    let statement = text.trim();
    let rest = |word: &str| {
        let rest = statement.strip_prefix(word)?;
        rest.starts_with(char::is_whitespace).then_some(rest)
    };
    if let Some(rest) = rest("log_format") {
        // nginx takes the backslash away before a quote, and joins what stands in several.
        return quoted(rest, true).map_or(Cow::Borrowed(text), |parts| Cow::Owned(parts.concat()));
    }
    match rest("LogFormat").and_then(|rest| quoted(rest, false)).map(|parts| parts.into_iter().next()) {
        Some(Some(format)) => Cow::Owned(format),
        _ => Cow::Borrowed(text),
    }
}

/// The texts in quotes. `None` if there is none, or one has no end.
fn quoted(text: &str, unescape: bool) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut chars = text.chars();
    while let Some(quote) = chars.by_ref().find(|c| matches!(c, '\'' | '"')) {
        let mut part = String::new();
        loop {
            match chars.next()? {
                end if end == quote => break,
                '\\' => match chars.next()? {
                    escaped if unescape && matches!(escaped, '\'' | '"' | '\\') => part.push(escaped),
                    escaped => part.extend(['\\', escaped]),
                },
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
            (r#"LogFormat "%h \"%r\" %>s" common"#, r#"%h \"%r\" %>s"#),
            ("$remote_addr \"$request\"", "$remote_addr \"$request\""),
            ("log_formatted $request", "log_formatted $request"),
            ("log_format main $request", "log_format main $request"),
        ] {
            assert_eq!(format_string(text), expect, "{text}");
        }
    }
}
