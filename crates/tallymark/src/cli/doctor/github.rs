//! GitHub's tokens: one call each, which GitHub does not count.

use super::finding::Findings;
use crate::config::{Config, GithubConfig};
use anyhow::Result;
use tallymark_github::{GithubAccess, Outgoing, TokenStatus, token_status};
use tallymark_ingest::source::now;

/// Asks GitHub what each token may still do, if there are any.
pub(super) async fn check(config: &Config, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "github";
    let GithubConfig { api, tokens, within, .. } = config.github.clone();
    let (Some(api), false) = (api, tokens.is_empty()) else { return Ok(()) };
    let outgoing = Outgoing::new(config.outgoing_allow.clone());
    let fix = format!("can this machine reach {api}, which is api-url under [github]?");
    for TokenStatus { token, account, state, error, .. } in
        token_status(GithubAccess { api, tokens, within, outgoing }, now).await
    {
        let of = account.map(|account| format!(" of {account}")).unwrap_or_default();
        let text = format!("the token {token}{of} is {state}");
        match state {
            "ready" => findings.pass(CHECK, text)?,
            "revoked" => {
                let fix = "write a new one into tokens under [github]; until then, what users have done stays as it was";
                findings.warn(CHECK, format!("GitHub refuses the token {token} (401)"), fix)?;
            }
            "unknown" => {
                let why = error.unwrap_or_default();
                findings.warn(CHECK, format!("the token {token} could not be checked: {why}"), &fix)?;
            }
            _ => findings.warn(CHECK, text, "tallymark github status says until when")?,
        }
    }
    Ok(())
}
