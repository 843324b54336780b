//! Cards with GitHub's statistics, at github-readme-stats' addresses: `/api?username=`, `/api/top-langs?username=` and
//! `/api/pin?username=&repo=`, with its parameters; and `/api/streak?username=`.
//!
//! A parameter that nobody knows is ignored, and a value that nobody knows is answered by a picture that says so. The
//! statistics are those of banners: one question to GitHub serves every theme. A card is no badge: nothing is counted.

mod look;
mod stats;
mod streak;

use crate::{
    error::only,
    headers,
    limited::limited,
    query::Query,
    state::{App, GithubFront},
};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri},
    middleware,
    response::Response,
    routing::{MethodRouter, get},
};
use look::{flag, given, list, look, number, words};
use std::sync::Arc;
use tallymark_badge::card::{
    CardLook, CardTime, LanguageCard, LanguageLayout, LanguageMeasure, RepositoryCard, notice,
};
use tallymark_github::{AccountName, Aged, DayZone, NoStats};

const UNCOUNTED: &str = "ignored: a card counts nothing";
const UNCOUNTED_PRIVATE: &str =
    "ignored: a card counts nothing; count_private is ignored, because only public work is known";
const UNCOUNTED_WORK: &str = "ignored: a card counts nothing; commits, pull requests, issues and the rank need a token, so they are left out";

const MOST_LANGUAGES: u32 = 20;

/// Why there is no card: the status, and what the picture says.
struct NoCard(StatusCode, String);

impl From<String> for NoCard {
    fn from(what: String) -> NoCard {
        NoCard(StatusCode::BAD_REQUEST, what)
    }
}

/// The routes, if there is anybody to ask.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    let Some(front) = app.github.clone() else { return Router::new() };
    let both = |router: Router<GithubFront>, path: &str, card: Draw| {
        let handler = handler(card);
        router.route(path, handler.clone()).route(&format!("{path}/"), handler)
    };
    let routes = both(both(Router::new(), "/api", stats::draw), "/api/streak", streak::draw);
    let routes = both(both(routes, "/api/top-langs", languages), "/api/pin", repository);
    routes.layer(middleware::from_fn_with_state(app.clone(), limited)).with_state(front)
}

/// What a card is drawn from.
struct CardAsked<'a> {
    query: Query<'a>,
    aged: Aged,
    look: CardLook,
    /// Whether there is a token, without which nobody knows what an account has done.
    has_tokens: bool,
    /// Where days end, and when it is, in seconds since 1970.
    zone: DayZone,
    now: u64,
}

/// Draws one card of an account.
type Draw = fn(&CardAsked<'_>) -> Result<String, NoCard>;

fn handler(card: Draw) -> MethodRouter<GithubFront> {
    let answer = async move |State(front): State<GithubFront>, uri: Uri| {
        let query = Query::of(&uri);
        let why = match query.get("count_private") {
            Some(_) => UNCOUNTED_PRIVATE,
            None if front.statistics.has_tokens() => UNCOUNTED,
            None => UNCOUNTED_WORK,
        };
        match asked(&front, query, card).await {
            Ok(svg) => headers::picture(StatusCode::OK, svg, why),
            Err((NoCard(status, what), look)) => said(status, &what, &look),
        }
    };
    only("GET, HEAD", get(answer))
}

fn said(status: StatusCode, what: &str, look: &CardLook) -> Response {
    let title = if status == StatusCode::BAD_REQUEST { "This address is wrong" } else { "GitHub" };
    headers::picture(status, notice(title, what, look), UNCOUNTED)
}

async fn asked(front: &GithubFront, query: Query<'_>, card: Draw) -> Result<String, (NoCard, CardLook)> {
    let look = look(query).map_err(|what| (what.into(), CardLook::default()))?;
    // Streak cards elsewhere call it so.
    let name = query.form_text("username").or_else(|| query.form_text("user")).unwrap_or_default();
    if name.is_empty() {
        return Err(("username is missing".to_owned().into(), look));
    }
    let nobody = || NoCard(StatusCode::NOT_FOUND, format!("GitHub has no account {name}"));
    let Ok(login) = AccountName::new(&name) else { return Err((nobody(), look)) };
    match front.statistics.of(&login).await {
        Ok(aged) => {
            let (has_tokens, now) = (front.statistics.has_tokens(), front.statistics.now_in_seconds());
            let asked = CardAsked { query, aged, look, has_tokens, zone: front.zone, now };
            card(&asked).map_err(|why| (why, asked.look))
        }
        Err(NoStats::Nobody) => Err((nobody(), look)),
        // A broken image stays in Camo; this is replaced by the next view.
        Err(NoStats::NotYet) => {
            let coming = format!("statistics of {name} are on their way");
            Err((NoCard(StatusCode::OK, coming), look))
        }
    }
}

impl CardAsked<'_> {
    /// When all of it was true: what the repositories add up to, and something with an age of its own.
    fn time(&self, other: Option<u64>) -> CardTime {
        let (at, is_old) = self.aged.with(other);
        CardTime { at, is_old }
    }
}

/// By which powers bytes and repositories count. Without a word it is bytes, as far as they are known.
fn weights(query: Query<'_>) -> Result<Option<(f64, f64)>, String> {
    let weight = |key: &str| {
        let wrong = || format!("{key} is a number from 0 to 10");
        let read = |text: String| text.parse::<f64>().ok().filter(|weight| (0.0..=10.0).contains(weight));
        given(query, key).map(|text| read(text).ok_or_else(wrong)).transpose()
    };
    let (size, count) = (weight("size_weight")?, weight("count_weight")?);
    Ok(size.or(count).map(|_| (size.unwrap_or(1.0), count.unwrap_or(0.0))))
}

fn languages(asked: &CardAsked<'_>) -> Result<String, NoCard> {
    let CardAsked { query, aged, look, .. } = asked;
    let query = *query;
    let layout = words(query, "layout", &LanguageLayout::EVERY)?.first().copied();
    // The original's has neither percents nor bars.
    let hide_values = flag(query, "hide_progress")?;
    let layout = layout.unwrap_or(if hide_values { LanguageLayout::Compact } else { LanguageLayout::Bars });
    let count = number(query, "langs_count", 1..=MOST_LANGUAGES)?;
    let excluded = list(query, "exclude_repo");
    let stats = aged.stats.without(&excluded);
    let by_code = aged.work.code.as_ref();
    let (mut languages, measure) = match (weights(query)?, by_code) {
        (Some((0.0, 1.0)), _) | (None, None) => (stats.languages.clone(), LanguageMeasure::Repositories),
        (None | Some((1.0, 0.0)), Some(code)) => {
            (code.weighed(&excluded, (1.0, 0.0)), LanguageMeasure::Bytes)
        }
        (Some(weights), Some(code)) => (code.weighed(&excluded, weights), LanguageMeasure::Both),
        (Some(_), None) => {
            let what =
                "size_weight and count_weight need a token: without one, nobody knows how much code there is";
            return Err(what.to_owned().into());
        }
    };
    let hidden = list(query, "hide");
    languages.retain(|(name, _)| !hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(name)));
    let code_at = by_code.filter(|_| measure != LanguageMeasure::Repositories).map(|code| code.at);
    let card = LanguageCard {
        login: &stats.login,
        languages: &languages,
        measure,
        has_repositories: stats.repositories() > 0,
        count: count.map_or(layout.usual_count(), |count| count as usize),
        layout,
        hide_values: hide_values || flag(query, "hide_values")?,
        time: asked.time(code_at),
    };
    Ok(card.render(look))
}

fn repository(asked: &CardAsked<'_>) -> Result<String, NoCard> {
    let CardAsked { query, aged, look, .. } = asked;
    let query = *query;
    let name = query.form_text("repo").unwrap_or_default();
    if name.is_empty() {
        return Err("repo is missing".to_owned().into());
    }
    let (shows_owner, lines) = (flag(query, "show_owner")?, number(query, "description_lines_count", 1..=3)?);
    let stats = &*aged.stats;
    let Some(found) = stats.known.iter().find(|known| known.name.eq_ignore_ascii_case(&name)) else {
        let what = match stats.knows_all() {
            true => format!("{} has no public repository {name}", stats.login),
            false => format!("{name} is not among the repositories of {} with the most stars", stats.login),
        };
        return Err(NoCard(StatusCode::NOT_FOUND, what));
    };
    let card = RepositoryCard {
        owner: shows_owner.then_some(stats.login.as_str()),
        name: &found.name,
        description: found.description.as_deref(),
        language: found.language.as_deref(),
        stars: found.stars,
        forks: found.forks,
        is_fork: found.is_fork,
        is_archived: found.is_archived,
        lines: lines.map(|lines| lines as usize),
        time: asked.time(None),
    };
    Ok(card.render(look))
}
