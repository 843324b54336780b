//! GitHub's APIs as far as statistics need them: accounts, repositories in pages, ETags that belong to a token, a number
//! of calls and one of points for each token, and what accounts have done. A test may put any other answer in its place.

mod graph;

use crate::{FakeWeb, WebReply, WebRequest};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// One repository.
#[derive(Debug, Clone)]
pub struct FakeRepository {
    /// By which GitHub knows it.
    pub id: u64,
    /// Whether it is a fork.
    pub fork: bool,
    /// Its stars.
    pub stars: u64,
    /// Its forks.
    pub forks: u64,
    /// Its main language.
    pub language: Option<String>,
}

/// What a user has done.
#[derive(Debug, Clone, Default)]
pub struct FakeWork {
    /// Commits on each day, as `YYYY-MM-DD`.
    pub days: Vec<(String, u32)>,
    /// Commits of the last year.
    pub recent_commits: u64,
    /// Reviews, of the last year and of each one.
    pub reviews: u64,
    /// Pull requests.
    pub pull_requests: u64,
    /// Merged ones.
    pub merged: u64,
    /// Issues.
    pub issues: u64,
    /// Discussions.
    pub discussions: u64,
    /// Accepted answers.
    pub answers: u64,
    /// Repositories of others.
    pub contributed_to: u64,
}

#[derive(Debug)]
struct FakeAccount {
    login: String,
    kind: &'static str,
    repositories: Vec<FakeRepository>,
    work: FakeWork,
}

#[derive(Debug)]
struct FakeToken {
    account: String,
    most: u64,
    left: u64,
    points: u64,
    revoked: bool,
}

/// The path of the GraphQL API.
const GRAPH: &str = "/graphql";

type Instead = Arc<dyn Fn(&WebRequest) -> Option<WebReply> + Send + Sync>;

#[derive(Default)]
struct GithubState {
    accounts: HashMap<String, FakeAccount>,
    tokens: HashMap<String, FakeToken>,
    instead: Option<Instead>,
    /// Of `owner/repository`, in lower case: views and clones as JSON.
    traffic: HashMap<String, [String; 2]>,
    /// The new names of repositories, by what they are called otherwise: `owner/r1`, in lower case.
    renamed: HashMap<String, String>,
}

/// The server.
pub struct FakeGithub {
    web: FakeWeb,
    state: Arc<Mutex<GithubState>>,
}

impl FakeGithub {
    /// Starts one without accounts, which accepts calls without a token.
    pub fn start() -> FakeGithub {
        let state = Arc::new(Mutex::new(GithubState::default()));
        let answering = Arc::clone(&state);
        let script = move |request: &WebRequest| {
            // Not under the lock: a test may let one request wait, and answer others.
            let instead = lock(&answering).instead.clone();
            let reply = instead.and_then(|instead| instead(request));
            reply.unwrap_or_else(|| lock(&answering).answer(request))
        };
        FakeGithub { web: FakeWeb::start(script), state }
    }

    /// Its API, for a configuration.
    pub fn url(&self) -> String {
        self.web.url()
    }

    /// Adds a user, or replaces one.
    pub fn add(&self, login: &str, repositories: Vec<FakeRepository>) {
        self.put(login, "User", repositories);
    }

    /// Adds an organisation.
    pub fn add_organization(&self, login: &str, repositories: Vec<FakeRepository>) {
        self.put(login, "Organization", repositories);
    }

    fn put(&self, login: &str, kind: &'static str, repositories: Vec<FakeRepository>) {
        let work = FakeWork::default();
        let account = FakeAccount { login: login.to_owned(), kind, repositories, work };
        lock(&self.state).accounts.insert(login.to_lowercase(), account);
    }

    /// What an account that was added has done.
    ///
    /// # Panics
    /// When it was not added.
    pub fn work(&self, login: &str, work: FakeWork) {
        lock(&self.state).accounts.get_mut(&login.to_lowercase()).expect("it was added").work = work;
    }

    /// Gives a repository another name: `octo/r1` is the one with id 1.
    pub fn rename(&self, repository: &str, to: &str) {
        lock(&self.state).renamed.insert(repository.to_lowercase(), to.to_owned());
    }

    /// Every token can push to this repository, and sees its views and clones: days as `YYYY-MM-DD`, counts and
    /// uniques.
    pub fn traffic(&self, repository: &str, views: &[(String, u64, u64)], clones: &[(String, u64, u64)]) {
        let list = |days: &[(String, u64, u64)]| {
            let row = |(day, count, uniques): &(String, u64, u64)| {
                format!("{{\"timestamp\":\"{day}T00:00:00Z\",\"count\":{count},\"uniques\":{uniques}}}")
            };
            days.iter().map(row).collect::<Vec<_>>().join(",")
        };
        let both = [
            format!("{{\"count\":1,\"uniques\":1,\"views\":[{}]}}", list(views)),
            format!("{{\"count\":1,\"uniques\":1,\"clones\":[{}]}}", list(clones)),
        ];
        lock(&self.state).traffic.insert(repository.to_lowercase(), both);
    }

    /// The account is gone.
    pub fn remove(&self, login: &str) {
        lock(&self.state).accounts.remove(&login.to_lowercase());
    }

    /// A token of an account, with so many calls. As soon as there is one, another one is refused.
    pub fn token(&self, token: &str, account: &str, left: u64) {
        let token_of =
            FakeToken { account: account.to_owned(), most: left, left, points: 5000, revoked: false };
        lock(&self.state).tokens.insert(token.to_owned(), token_of);
    }

    /// So many points are left for queries.
    ///
    /// # Panics
    /// When there is no such token.
    pub fn points(&self, token: &str, points: u64) {
        lock(&self.state).tokens.get_mut(token).expect("it was added").points = points;
    }

    /// From now on the token is refused.
    pub fn revoke(&self, token: &str) {
        if let Some(token) = lock(&self.state).tokens.get_mut(token) {
            token.revoked = true;
        }
    }

    /// Other answers, where the function has one.
    pub fn answer_instead(&self, instead: impl Fn(&WebRequest) -> Option<WebReply> + Send + Sync + 'static) {
        lock(&self.state).instead = Some(Arc::new(instead));
    }

    /// Its own answers again.
    pub fn answer_well(&self) {
        lock(&self.state).instead = None;
    }

    /// What was asked of the REST API so far.
    pub fn calls(&self) -> Vec<WebRequest> {
        let mut calls = self.web.requests();
        calls.retain(|call| call.target != GRAPH);
        calls
    }

    /// What was asked of the GraphQL API so far.
    pub fn queries(&self) -> Vec<WebRequest> {
        let mut queries = self.web.requests();
        queries.retain(|query| query.target == GRAPH);
        queries
    }
}

fn lock(state: &Mutex<GithubState>) -> MutexGuard<'_, GithubState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GithubState {
    fn answer(&mut self, request: &WebRequest) -> WebReply {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let quota = match token {
            None => None,
            Some(token) => match self.tokens.get_mut(token).filter(|token| !token.revoked) {
                None => return json(401, "{\"message\":\"Bad credentials\"}"),
                Some(token) => Some(token),
            },
        };
        if request.target == GRAPH {
            let Some(token) = quota else {
                return json(401, "{\"message\":\"This endpoint requires you to be authenticated.\"}");
            };
            if token.points == 0 {
                let body =
                    "{\"errors\":[{\"type\":\"RATE_LIMITED\",\"message\":\"API rate limit exceeded\"}]}";
                return limited(json(200, body), 5000, 0);
            }
            token.points -= 1;
            return limited(json(200, &graph::answer(&self.accounts, &request.body)), 5000, token.points);
        }
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        if let (Some(FakeToken { account, .. }), "/user") = (&quota, path) {
            return json(200, &format!("{{\"login\":\"{account}\"}}"));
        }
        if path == "/rate_limit" {
            let left = quota.as_ref().map_or(60, |token| token.left);
            let core = format!("{{\"limit\":5000,\"remaining\":{left},\"reset\":1800000000,\"used\":1}}");
            let graphql = core.replace(&format!("\"remaining\":{left}"), "\"remaining\":4999");
            return json(
                200,
                &format!("{{\"resources\":{{\"core\":{core},\"graphql\":{graphql}}},\"rate\":{core}}}"),
            );
        }
        let (most, left) = quota.as_ref().map_or((60, 60), |token| (token.most, token.left));
        if left == 0 {
            return limited(json(403, "{\"message\":\"API rate limit exceeded\"}"), most, 0);
        }
        let reply = limited(
            answer_of(&self.accounts, &self.traffic, &self.renamed, path, query, token.is_some()),
            most,
            left - 1,
        );
        let mut hasher = DefaultHasher::new();
        (&reply.body, token).hash(&mut hasher);
        let etag = format!("W/\"{:x}\"", hasher.finish());
        if reply.status == 200 && request.header("if-none-match") == Some(&etag) {
            // It costs nothing.
            return WebReply { status: 304, body: Vec::new(), ..limited(reply, most, left) }
                .header("ETag", &etag);
        }
        if let Some(quota) = quota {
            quota.left -= 1;
        }
        reply.header("ETag", &etag)
    }
}

fn answer_of(
    accounts: &HashMap<String, FakeAccount>,
    traffic: &HashMap<String, [String; 2]>,
    renamed: &HashMap<String, String>,
    path: &str,
    query: &str,
    has_token: bool,
) -> WebReply {
    let nobody = || json(404, "{\"message\":\"Not Found\"}");
    if let Some((repository, what)) =
        path.strip_prefix("/repos/").and_then(|rest| rest.split_once("/traffic/"))
    {
        return match traffic.get(&repository.to_lowercase()).filter(|_| has_token) {
            Some([views, clones]) => json(200, if what == "views" { views } else { clones }),
            None => json(403, "{\"message\":\"Must have push access to repository\"}"),
        };
    }
    let Some(rest) = path.strip_prefix("/users/") else { return nobody() };
    let (login, list) = rest.split_once('/').unwrap_or((rest, ""));
    let Some(account) = accounts.get(&login.to_lowercase()) else { return nobody() };
    if list != "repos" {
        let FakeAccount { login, kind, repositories, .. } = account;
        let count = repositories.len();
        return json(
            200,
            &format!(
                "{{\"login\":\"{login}\",\"id\":1,\"type\":\"{kind}\",\"public_repos\":{count},\"followers\":7,\"name\":null}}"
            ),
        );
    }
    let number = |key: &str, usual: usize| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        value.and_then(|value| value.parse().ok()).unwrap_or(usual)
    };
    let (size, page) = (number("per_page", 30), number("page", 1));
    let shown: Vec<String> = account
        .repositories
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .map(|one| {
            let (owner, usual) = (account.login.to_lowercase(), format!("r{}", one.id));
            let name = renamed.get(&format!("{owner}/{usual}")).unwrap_or(&usual);
            let can_push = has_token && traffic.contains_key(&format!("{owner}/{}", name.to_lowercase()));
            written(one, name, can_push)
        })
        .collect();
    let reply = json(200, &format!("[{}]", shown.join(",")));
    if page * size < account.repositories.len() {
        return reply.header("Link", &format!("<http://elsewhere.invalid/?page={}>; rel=\"next\"", page + 1));
    }
    reply
}

fn written(repository: &FakeRepository, name: &str, can_push: bool) -> String {
    let FakeRepository { id, fork, stars, forks, language } = repository;
    let language = language.as_ref().map_or("null".to_owned(), |language| format!("{language:?}"));
    format!(
        "{{\"id\":{id},\"name\":\"{name}\",\"description\":\"what r{id} is\",\"fork\":{fork},\"stargazers_count\":{stars},\"forks_count\":{forks},\"language\":{language},\"permissions\":{{\"admin\":{can_push},\"push\":{can_push},\"pull\":true}}}}"
    )
}

fn json(status: u16, body: &str) -> WebReply {
    WebReply::status(status, "application/json; charset=utf-8", body)
}

fn limited(mut reply: WebReply, most: u64, left: u64) -> WebReply {
    reply.headers.retain(|(name, _)| !name.starts_with("X-RateLimit"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    reply
        .header("X-RateLimit-Limit", &most.to_string())
        .header("X-RateLimit-Remaining", &left.to_string())
        .header("X-RateLimit-Reset", &(now + 1800).to_string())
}
