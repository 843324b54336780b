//! The text of a configuration file without its secrets, as a backup has it.

use crate::secret::{self, HIDDEN};
use std::ops::Range;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The keys whose values are secrets, in any table.
const SECRETS: [&str; 4] = ["tokens", "token", "secret", "password"];

/// The text with every secret replaced, whether this process uses it or not: a flag or a variable may have overridden it.
pub(crate) fn without_secrets(text: &str) -> String {
    let (table, _) = DeTable::parse_recoverable(text);
    let mut spans = Vec::new();
    find(table.get_ref(), &mut spans);
    spans.sort_unstable_by_key(|span| std::cmp::Reverse(span.start));
    let mut text = text.to_owned();
    for span in spans {
        text.replace_range(span, &format!("\"{HIDDEN}\""));
    }
    let lines = text.lines().map(|line| match is_old_secret(line) {
        true => format!("# {HIDDEN}\n"),
        false => format!("{line}\n"),
    });
    secret::cleaned(&lines.collect::<String>())
}

/// Whether it is a setting with a secret that was turned into a comment.
fn is_old_secret(line: &str) -> bool {
    let Some((key, value)) = line.trim_start().strip_prefix('#').and_then(|line| line.split_once('=')) else {
        return false;
    };
    SECRETS.contains(&key.trim()) || holds_one(value)
}

/// Whether it looks like an address with a password.
fn holds_one(value: &str) -> bool {
    value.contains("://") && value.contains('@')
}

fn find(table: &DeTable<'_>, spans: &mut Vec<Range<usize>>) {
    for (key, value) in table.iter() {
        if SECRETS.contains(&key.get_ref().as_ref()) {
            spans.push(value.span());
        } else if key.get_ref() == "notify" {
            find_webhooks(value, spans);
        } else {
            look(value, spans);
        }
    }
}

/// Many receivers know their senders by the address alone.
fn find_webhooks(rules: &Spanned<DeValue<'_>>, spans: &mut Vec<Range<usize>>) {
    for rule in rules.get_ref().as_array().into_iter().flatten().filter_map(|rule| rule.get_ref().as_table())
    {
        let secrets = rule.iter().filter(|(key, _)| matches!(key.get_ref().as_ref(), "url" | "secret"));
        spans.extend(secrets.map(|(_, value)| value.span()));
    }
}

fn look(value: &Spanned<DeValue<'_>>, spans: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => find(table, spans),
        DeValue::Array(array) => array.iter().for_each(|value| look(value, spans)),
        DeValue::String(text) if holds_one(text) => spans.push(value.span()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_everything_else_stays() {
        let text = "# ours\n#tokens = [\"old-one\"]\n[store]\nurl = 'redis://:p%40ss@host:1'\n[http]\nlisten = \"a:1\"\n\
                    tokens = [\n  \"first-one\", # mine\n  \"second-one\",\n]\n[github]\nsecret = \"s\"\n[[notify]]\nnames = [\"a\"]\nurl = \"https://chat/T0K3N\"\n[[source]]\nkind = \"udp\"\n";
        let clean = without_secrets(text);
        for gone in ["old-one", "p%40ss", "T0K3N", "first-one", "second-one", "\"s\""] {
            assert!(!clean.contains(gone), "{gone}: {clean}");
        }
        for kept in ["# ours", "[store]", "listen = \"a:1\"", "[github]", "kind = \"udp\""] {
            assert!(clean.contains(kept), "{kept}: {clean}");
        }
        assert!(toml::from_str::<toml::Table>(&clean).is_ok(), "{clean}");
    }
}
