//! `[[notify]]`: of which names milestones and spikes are told, and where to.

use super::{reader::ConfigTable, units};
use tallymark_core::Glob;
use tallymark_news::{NewsRule, Occasion, Webhook};
use url::{Position, Url};

/// How many rules there may be: each name that has changed is compared with all of them.
const MOST: usize = 100;

pub(super) fn read_rules(tables: Vec<ConfigTable<'_>>) -> Vec<NewsRule> {
    let mut rules = Vec::new();
    for (at, mut table) in tables.into_iter().enumerate() {
        if at == MOST {
            table.mistake(format!("there are more than {MOST}"));
        }
        let names = table.texts("names", |text| Glob::new(text).map_err(|why| format!("{text:?}: {why}")));
        let on = table.texts("on", |text| Occasion::parse(text).map_err(|why| why.to_string()));
        let url = table.text("url", webhook);
        let secret = table.text("secret", units::signing_secret);
        match &names {
            None if !table.was_taken("names") => {
                table.mistake("it has no names, like names = [\"octo/*\"]");
            }
            Some(names) if names.is_empty() || names.len() > MOST => {
                table.mistake_of("names", "1 to 100 names or patterns like \"octo/*\"");
            }
            _ => {}
        }
        if on.as_ref().is_some_and(Vec::is_empty) {
            table.mistake_of("on", "say what to tell, or leave it out: [\"milestones\", \"spikes\"]");
        }
        match (table.was_taken("url"), table.was_taken("secret")) {
            (true, false) => {
                table.mistake_of("url", "needs a secret beside it, with which messages are signed")
            }
            (false, true) => {
                table.mistake_of("secret", "needs a url beside it; without one there is only the feed")
            }
            _ => {}
        }
        table.finish();
        let hook = url.zip(secret).map(|(url, secret)| Webhook { url, secret });
        let on = on.unwrap_or_else(|| Occasion::USUAL.to_vec());
        rules.extend(names.map(|names| NewsRule { names, on, hook }));
    }
    rules
}

/// The address of a webhook. It is not quoted: it may be a secret.
fn webhook(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    });
    let url = url.filter(|url| url.has_host() && url.fragment().is_none());
    url.ok_or_else(|| {
        "is not the address of a webhook: http:// or https://, with a host and without a password".to_owned()
    })
}

/// What of its address only its owner knows.
pub(super) fn secret_part(url: &Url) -> &str {
    url[Position::BeforePath..].trim_start_matches('/')
}
