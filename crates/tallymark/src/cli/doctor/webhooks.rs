//! Webhooks: a signed test message to each.

use super::finding::Findings;
use crate::{config::Config, run::default_base_url};
use anyhow::Result;
use tallymark_github::Outgoing;
use tallymark_ingest::source::now;
use tallymark_news::{HookError, send_test};

/// Sends each webhook a message that says that it is a test.
pub(super) async fn check(config: &Config, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "webhook";
    let outgoing = Outgoing::new(config.outgoing_allow.clone());
    let base = config.http.base_url.clone().unwrap_or_else(|| default_base_url(&config.http.listen));
    let mut seen = Vec::new();
    for hook in config.news.iter().filter_map(|rule| rule.hook.as_ref()) {
        if seen.contains(&hook) {
            continue;
        }
        seen.push(hook);
        let host = hook.host();
        match send_test(&outgoing, hook, &base, now).await {
            Ok(()) => findings.pass(CHECK, format!("{host} has taken a test message"))?,
            Err(why @ HookError::Refused(_)) => {
                let fix = "a receiver answers 200 to 299, also to \"kind\": \"test\": tallymark help notify";
                findings.warn(CHECK, format!("{host}: {why}"), fix)?;
            }
            Err(why) => {
                let why = format!("{:#}", anyhow::Error::from(why));
                let fix =
                    "check url under [[notify]], and whether this machine reaches it: tallymark help notify";
                findings.warn(CHECK, format!("{host}: {why}"), fix)?;
            }
        }
    }
    Ok(())
}
