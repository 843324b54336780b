//! The public address: the texts to copy begin with it, and GitHub's image proxy has to reach it. Sends nothing.

use super::finding::Findings;
use crate::{config::Config, run::default_base_url};
use anyhow::Result;
use tallymark_github::is_public_site;

const CHECK: &str = "address";

/// `url` is what `--url` names.
pub(super) fn check(config: &Config, url: Option<&str>, findings: &mut Findings) -> Result<()> {
    let shown = config.http.base_url.clone().unwrap_or_else(|| default_base_url(&config.http.listen));
    let public = url.filter(|url| is_public_site(url)).unwrap_or("https://hits.example.org");
    let fix = format!("base-url = \"{public}\" under [http]: the address under which readers see the badges");
    match (&config.http.base_url, url) {
        (Some(_), _) if is_public_site(&shown) => {
            findings.pass(CHECK, format!("pages and texts to copy begin with {shown}"))
        }
        (Some(_), _) => {
            let what = format!(
                "base-url is {shown}, which is not a public address: GitHub cannot fetch badges from it"
            );
            findings.warn(CHECK, what, fix)
        }
        (None, url) => {
            let not = url.map_or_else(String::new, |url| format!(", and not with {url}"));
            let what = format!("there is no base-url, so pages and texts to copy begin with {shown}{not}");
            findings.warn(CHECK, what, fix)
        }
    }
}
