//! The calls that each token has left, according to GitHub: for `tallymark github status`.

use crate::{
    api::{GithubAccess, GithubApi, GithubCall},
    error::GithubError,
    token::GithubToken,
    tokens::TokenChoice,
};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use tallymark_core::{Now, with_causes};

/// One token, by its last four characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenStatus {
    /// `...abcd`, or `no token`.
    pub token: String,
    /// Whose it is, if GitHub says.
    pub account: Option<String>,
    /// `ready`, `used up`, `revoked`, or `unknown` without an answer.
    pub state: &'static str,
    /// Calls left.
    pub left: Option<u64>,
    /// Calls in an hour.
    pub limit: Option<u64>,
    /// When there are as many again, in seconds since 1970.
    pub resets: Option<u64>,
    /// Points left for the GraphQL API, which are counted apart.
    pub points_left: Option<u64>,
    /// Why the state is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Deserialize)]
struct RateLimitJson {
    resources: ResourcesJson,
}

#[derive(Deserialize)]
struct ResourcesJson {
    core: BudgetJson,
    graphql: Option<BudgetJson>,
}

#[derive(Deserialize)]
struct BudgetJson {
    limit: u64,
    remaining: u64,
    reset: u64,
}

/// The calls that each token has left, and whose it is, for callers without statistics. It costs one call each.
pub async fn token_status(access: GithubAccess, now: fn() -> Now) -> Vec<TokenStatus> {
    of_each(&GithubApi::new(access, now)).await
}

/// Whether an answer says what a token may do.
pub(crate) fn tells_limits(body: &[u8]) -> bool {
    serde_json::from_slice::<RateLimitJson>(body).is_ok()
}

/// Asks for each token, in their order.
pub(crate) async fn of_each(api: &GithubApi) -> Vec<TokenStatus> {
    let mut rows = Vec::new();
    for choice in api.choices() {
        rows.push(of(api, &choice).await);
    }
    rows
}

/// The tokens, if GitHub refuses all of them. It asks what costs nothing.
pub(crate) async fn all_refused(api: &GithubApi) -> Vec<String> {
    let mut refused = Vec::new();
    for choice in api.choices() {
        match (api.call(&choice, GithubCall::rest("rate_limit")).await, choice.token) {
            (Ok(answer), Some(token)) if answer.status == StatusCode::UNAUTHORIZED => {
                refused.push(token.to_string());
            }
            _ => return Vec::new(),
        }
    }
    refused
}

async fn of(api: &GithubApi, choice: &TokenChoice) -> TokenStatus {
    let token = choice.token.as_ref().map_or_else(|| "no token".to_owned(), GithubToken::to_string);
    let unknown = TokenStatus {
        token,
        account: None,
        state: "unknown",
        left: None,
        limit: None,
        resets: None,
        points_left: None,
        error: None,
    };
    let without = |why: GithubError| TokenStatus { error: Some(with_causes(&why)), ..unknown.clone() };
    let answer = match api.call(choice, GithubCall::rest("rate_limit")).await {
        Ok(answer) => answer,
        Err(why) => return without(why),
    };
    if answer.status == StatusCode::UNAUTHORIZED {
        return TokenStatus { state: "revoked", ..unknown };
    }
    let Ok(RateLimitJson { resources: ResourcesJson { core, graphql } }) =
        serde_json::from_slice(&answer.body)
    else {
        return without(match answer.status {
            StatusCode::OK => GithubError::Absurd("what it says of calls left"),
            status => GithubError::Status(status),
        });
    };
    let account = match choice.token {
        Some(_) => api.owner_of(choice).await,
        None => None,
    };
    TokenStatus {
        account,
        state: if core.remaining > 0 { "ready" } else { "used up" },
        left: Some(core.remaining),
        limit: Some(core.limit),
        resets: Some(core.reset),
        points_left: graphql.filter(|_| choice.token.is_some()).map(|graphql| graphql.remaining),
        ..unknown
    }
}
