//! GitHub's two APIs: makes one call, with the token that has the most calls left, and interprets the answer.

use crate::{
    AccountName, Ask, FetchError, Fetched, GithubToken, Outgoing, Redirects,
    error::GithubError,
    graph::{self, GraphQuery},
    token::Budget,
    tokens::{TokenChoice, TokenStates, Tokens},
};
use hyper::{
    HeaderMap, StatusCode,
    body::Bytes,
    header::{self, HeaderName, HeaderValue},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;
use tallymark_core::Now;
use url::Url;

/// A page has 100 repositories of at most 7 KB each.
const LARGEST: usize = 4 << 20;
/// A user who was renamed; GitHub sends on within its API.
const REDIRECTS: Redirects = Redirects::Here(2);
const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));
const KIND: (HeaderName, HeaderValue) =
    (header::ACCEPT, HeaderValue::from_static("application/vnd.github+json"));

/// What GitHub's API says with a 404. What says anything else is some other server.
const NOT_FOUND: &str = "Not Found";

/// What is needed to ask GitHub.
#[derive(Debug)]
pub struct GithubAccess {
    /// Where its API is: `https://api.github.com`, or that of an Enterprise Server.
    pub api: Url,
    /// With these; without any, 60 calls an hour.
    pub tokens: Vec<GithubToken>,
    /// The time for one call.
    pub within: Duration,
    /// The client.
    pub outgoing: Outgoing,
}

/// What is asked of GitHub.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GithubCall<'a> {
    /// A path of the REST API, and by what its last answer is recognised.
    Rest { path: &'a str, etag: Option<&'a str> },
    /// Of the GraphQL API.
    Graph(&'a GraphQuery),
}

impl<'a> GithubCall<'a> {
    pub(crate) fn rest(path: &'a str) -> GithubCall<'a> {
        GithubCall::Rest { path, etag: None }
    }

    fn budget(&self) -> Budget {
        match self {
            GithubCall::Rest { .. } => Budget::Rest,
            GithubCall::Graph(_) => Budget::Graph,
        }
    }

    fn url(&self, api: &Url) -> Result<Url, FetchError> {
        let base = api.as_str().trim_end_matches('/');
        let url = match self {
            GithubCall::Rest { path, .. } => format!("{base}/{path}"),
            // An Enterprise Server's is next to the REST API, not below it.
            GithubCall::Graph(_) => format!("{}/graphql", base.strip_suffix("/v3").unwrap_or(base)),
        };
        Url::parse(&url).map_err(|_| FetchError::Address)
    }

    /// What the answer means for the token: the GraphQL API says with status 200 that nothing is left.
    fn status_of(&self, answer: &Fetched) -> StatusCode {
        match self {
            GithubCall::Graph(_) if graph::says_limited(&answer.body) => StatusCode::FORBIDDEN,
            // A right is missing, of this repository alone; the token is as good as before.
            GithubCall::Rest { path, .. } if path.starts_with("repos/") && is_no_right(answer) => {
                StatusCode::NOT_FOUND
            }
            _ => answer.status,
        }
    }
}

/// Whether it says that a right is missing, and not that there were too many calls.
fn is_no_right(answer: &Fetched) -> bool {
    let left = answer.headers.get("x-ratelimit-remaining").map(HeaderValue::as_bytes);
    let says_limit = String::from_utf8_lossy(&answer.body).to_ascii_lowercase().contains("rate limit");
    answer.status == StatusCode::FORBIDDEN
        && !answer.headers.contains_key(header::RETRY_AFTER)
        && left != Some(b"0")
        && !says_limit
}

#[derive(Deserialize)]
struct MessageJson {
    message: String,
}

/// Whether an answer is this message of GitHub's API.
pub(crate) fn says(body: &[u8], message: &str) -> bool {
    serde_json::from_slice::<MessageJson>(body).is_ok_and(|said| said.message == message)
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct GithubReply {
    /// `None`: the same as before.
    pub(crate) body: Option<Bytes>,
    pub(crate) etag: Option<String>,
    /// Whether the list continues.
    pub(crate) has_next: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Deserialize)]
struct TokenOwner {
    login: String,
}

/// The API.
#[derive(Debug)]
pub(crate) struct GithubApi {
    access: GithubAccess,
    tokens: Tokens,
    /// By status; 0 is no answer.
    requests: Family<StatusLabel, Counter>,
    now: fn() -> Now,
}

impl GithubApi {
    pub(crate) fn new(mut access: GithubAccess, now: fn() -> Now) -> GithubApi {
        let tokens = Tokens::new(std::mem::take(&mut access.tokens));
        GithubApi { access, tokens, requests: Family::default(), now }
    }

    pub(crate) fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        registry.register(
            "github_requests",
            "Calls to GitHub, by status (0: no answer)",
            self.requests.clone(),
        );
    }

    pub(crate) fn token_states(&self) -> TokenStates {
        self.tokens.states(self.seconds())
    }

    /// Whether there are calls for accounts that are not tracked.
    pub(crate) fn has_plenty(&self, budget: Budget) -> bool {
        self.tokens.has_plenty(budget, self.seconds())
    }

    /// Whether the GraphQL API can be asked.
    pub(crate) fn has_tokens(&self) -> bool {
        self.tokens.has_any()
    }

    pub(crate) fn seconds(&self) -> u64 {
        u64::try_from((self.now)().unix_ms / 1000).unwrap_or(0)
    }

    /// Asks for something of a user.
    pub(crate) async fn get(
        &self,
        login: &AccountName,
        path: &str,
        etag: Option<&str>,
    ) -> Result<GithubReply, GithubError> {
        let answer = self.ask(login, GithubCall::Rest { path, etag }).await?;
        match answer.status {
            StatusCode::OK => Ok(GithubReply::of(&answer.headers, Some(answer.body))),
            StatusCode::NOT_MODIFIED if etag.is_some() => Ok(GithubReply::of(&answer.headers, None)),
            StatusCode::NOT_FOUND | StatusCode::GONE if says(&answer.body, NOT_FOUND) => {
                Err(GithubError::Nobody)
            }
            status => Err(GithubError::Status(status)),
        }
    }

    /// Asks the GraphQL API for something of a user: what is below `data`.
    pub(crate) async fn query<T: DeserializeOwned>(
        &self,
        login: &AccountName,
        query: &GraphQuery,
    ) -> Result<T, GithubError> {
        let answer = self.ask(login, GithubCall::Graph(query)).await?;
        match answer.status {
            StatusCode::OK => graph::read(&answer.body),
            status => Err(GithubError::Status(status)),
        }
    }

    /// One call. A token that is refused gives way to the next.
    async fn ask(&self, login: &AccountName, call: GithubCall<'_>) -> Result<Fetched, GithubError> {
        let mut refused: Option<GithubError> = None;
        for _ in 0..self.tokens.len() {
            let chosen = self.tokens.choose(login, call.budget(), self.seconds());
            let choice = match (chosen, refused.take()) {
                (Ok(choice), _) => choice,
                (Err(_), Some(refused)) => return Err(refused),
                (Err(until), None) => return Err(self.none_may_ask(until)),
            };
            if choice.is_anybodys && !self.identify(&choice).await {
                refused = Some(choice.refused(StatusCode::UNAUTHORIZED));
                continue;
            }
            let answer = self.call(&choice, call).await?;
            let status = call.status_of(&answer);
            if self.tokens.learn(&choice, status, &answer.headers, self.seconds()) {
                refused = Some(choice.refused(status));
                continue;
            }
            return Ok(answer);
        }
        Err(refused.unwrap_or_else(|| self.none_may_ask(self.seconds())))
    }

    /// Why GitHub may not be asked.
    fn none_may_ask(&self, until: u64) -> GithubError {
        match self.tokens.revoked() {
            Some(token) => GithubError::Refused { token: token.to_string(), status: 401 },
            None => GithubError::Exhausted { until },
        }
    }

    /// Whose token it is.
    pub(crate) async fn owner_of(&self, choice: &TokenChoice) -> Option<String> {
        let answer = self.call(choice, GithubCall::rest("user")).await.ok()?;
        serde_json::from_slice::<TokenOwner>(&answer.body).ok().map(|owner| owner.login)
    }

    /// Finds out whose token it is, once. Returns whether it has an owner.
    async fn identify(&self, choice: &TokenChoice) -> bool {
        // An answer that does not come is no reason not to try what is wanted.
        let Ok(answer) = self.call(choice, GithubCall::rest("user")).await else { return true };
        if answer.status == StatusCode::UNAUTHORIZED {
            self.tokens.learn(choice, answer.status, &answer.headers, self.seconds());
            return false;
        }
        let account = serde_json::from_slice::<TokenOwner>(&answer.body).ok().map(|account| account.login);
        self.tokens.belongs(choice, account.as_deref());
        true
    }

    /// Each token, whatever it may do.
    pub(crate) fn choices(&self) -> Vec<TokenChoice> {
        self.tokens.choices()
    }

    pub(crate) async fn call(
        &self,
        choice: &TokenChoice,
        call: GithubCall<'_>,
    ) -> Result<Fetched, GithubError> {
        let url = call.url(&self.access.api)?;
        let mut headers = vec![VERSION, KIND];
        headers.extend(
            choice.token.as_ref().and_then(GithubToken::header).map(|token| (header::AUTHORIZATION, token)),
        );
        let (post, redirects) = match call {
            GithubCall::Rest { etag, .. } => {
                let etag = etag.and_then(|etag| HeaderValue::from_str(etag).ok());
                headers.extend(etag.map(|etag| (header::IF_NONE_MATCH, etag)));
                (None, REDIRECTS)
            }
            GithubCall::Graph(query) => {
                headers.push((header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
                (Some(query.body()), Redirects::Here(0))
            }
        };
        let ask = Ask { url, headers, post, most: LARGEST, within: self.access.within, redirects };
        let answer = self.access.outgoing.fetch(&ask).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status.as_u16());
        self.requests.get_or_create(&StatusLabel { status }).inc();
        Ok(answer?)
    }
}

impl TokenChoice {
    fn refused(&self, status: StatusCode) -> GithubError {
        let token = self.token.as_ref().map_or_else(|| "(none)".to_owned(), GithubToken::to_string);
        GithubError::Refused { token, status: status.as_u16() }
    }
}

impl GithubReply {
    fn of(headers: &HeaderMap, body: Option<Bytes>) -> GithubReply {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let etag = text(header::ETAG).filter(|etag| etag.len() <= 200).map(str::to_owned);
        // Where it leads is known already; whatever address it has is not followed.
        let has_next = text(header::LINK).is_some_and(|link| link.contains("rel=\"next\""));
        GithubReply { body, etag, has_next }
    }
}
