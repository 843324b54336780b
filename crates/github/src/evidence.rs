//! Whether a server is GitHub's API, so that its 404 says something about an account. With a wrong address every
//! account gets this answer, even from GitHub itself: its API says "Not Found" for any path that it does not have.
//!
//! The proof is the API's answer about its rate limits, which costs no call. `statistics` requests it when a known
//! account is answered with 404.

use crate::{
    api::{GithubApi, GithubCall, says},
    status::tells_limits,
};
use hyper::StatusCode;
use std::sync::{Mutex, PoisonError};
use tracing::warn;

/// How long the answer holds, in seconds.
const PROVEN: u64 = 600;
/// With so many tokens it is tried.
const TRIES: usize = 3;
/// What an Enterprise Server answers that counts no calls.
const NO_LIMITS: &str = "Rate limiting is not enabled.";

/// What was found out last, and when.
#[derive(Debug, Default)]
pub(crate) struct GithubProof(Mutex<Option<(u64, bool)>>);

impl GithubProof {
    /// Whether this is GitHub's API.
    pub(crate) async fn holds(&self, api: &GithubApi) -> bool {
        let now = api.seconds();
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some((at, holds)) if now.abs_diff(at) < PROVEN => holds,
            _ => {
                let holds = is_github(api).await;
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, holds));
                if !holds && last.is_none_or(|(_, held)| held) {
                    warn!(
                        "api-url under [github] answers that an account does not exist, and does not answer /rate_limit as \
                         GitHub's API does: all last numbers stay. Is the address right? `tallymark github status` asks there"
                    );
                }
                holds
            }
        }
    }
}

async fn is_github(api: &GithubApi) -> bool {
    for choice in api.choices().iter().take(TRIES) {
        let Ok(answer) = api.call(choice, GithubCall::rest("rate_limit")).await else { continue };
        let tells = match answer.status {
            StatusCode::OK => tells_limits(&answer.body),
            StatusCode::NOT_FOUND => says(&answer.body, NO_LIMITS),
            _ => false,
        };
        if tells {
            return true;
        }
    }
    false
}
