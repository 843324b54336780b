//! Cards with GitHub's statistics, at github-readme-stats' addresses: `/api?username=`, `/api/top-langs?username=` and
//! `/api/pin?username=&repo=`, with its parameters.
//!
//! A parameter that nobody knows is ignored, and a value that nobody knows is answered by a picture that says so. The
//! statistics are those of banners: one question to GitHub serves every theme. A card is no badge: nothing is counted.

mod look;

use crate::{error::only, headers, limited::limited, query::Query, state::App};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri},
    middleware,
    response::Response,
    routing::{MethodRouter, get},
};
use look::{flag, list, look, number, words};
use std::sync::Arc;
use tallymark_badge::card::{
    CardLook, CardTime, LanguageCard, LanguageLayout, RepositoryCard, StatsCard, StatsRow, notice,
};
use tallymark_github::{AccountName, Aged, NoStats, Statistics, Stats};

const UNCOUNTED: &str = "ignored: a card counts nothing";
const UNCOUNTED_PRIVATE: &str =
    "ignored: a card counts nothing; count_private is ignored, because only public work is known";

/// What `hide` may name: rows of this card, and those of the original that REST does not know, which are hidden anyway.
const ROWS: [(&str, Option<StatsRow>); 9] = [
    ("stars", Some(StatsRow::Stars)),
    ("repos", Some(StatsRow::Repositories)),
    ("forks", Some(StatsRow::Forks)),
    ("followers", Some(StatsRow::Followers)),
    ("commits", None),
    ("prs", None),
    ("issues", None),
    ("contribs", None),
    ("rank", None),
];
/// What `show` may name. None of it is known, so nothing is shown.
const MORE: [(&str, ()); 5] = [
    ("reviews", ()),
    ("discussions_started", ()),
    ("discussions_answered", ()),
    ("prs_merged", ()),
    ("prs_merged_percentage", ()),
];
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
    let both = |router: Router<Arc<Statistics>>, path: &str, card: Draw| {
        let handler = handler(card);
        router.route(path, handler.clone()).route(&format!("{path}/"), handler)
    };
    let routes = both(Router::new(), "/api", stats);
    let routes = both(both(routes, "/api/top-langs", languages), "/api/pin", repository);
    routes.layer(middleware::from_fn_with_state(app.clone(), limited)).with_state(front.statistics)
}

/// Draws one card of an account.
type Draw = fn(Query<'_>, &Aged, &CardLook) -> Result<String, NoCard>;

fn handler(card: Draw) -> MethodRouter<Arc<Statistics>> {
    let answer = async move |State(statistics): State<Arc<Statistics>>, uri: Uri| {
        let query = Query::of(&uri);
        let why = if query.get("count_private").is_some() { UNCOUNTED_PRIVATE } else { UNCOUNTED };
        match asked(&statistics, query, card).await {
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

async fn asked(statistics: &Statistics, query: Query<'_>, card: Draw) -> Result<String, (NoCard, CardLook)> {
    let look = look(query).map_err(|what| (what.into(), CardLook::default()))?;
    let name = query.form_text("username").unwrap_or_default();
    if name.is_empty() {
        return Err(("username is missing".to_owned().into(), look));
    }
    let nobody = || NoCard(StatusCode::NOT_FOUND, format!("GitHub has no account {name}"));
    let Ok(login) = AccountName::new(&name) else { return Err((nobody(), look)) };
    match statistics.of(&login).await {
        Ok(aged) => card(query, &aged, &look).map_err(|why| (why, look)),
        Err(NoStats::Nobody) => Err((nobody(), look)),
        // A broken image stays in Camo; this is replaced by the next view.
        Err(NoStats::NotYet) => {
            let coming = format!("statistics of {name} are on their way");
            Err((NoCard(StatusCode::OK, coming), look))
        }
    }
}

fn time(aged: &Aged) -> CardTime {
    CardTime { at: aged.minute(), is_old: aged.is_old }
}

/// The statistics without some repositories.
fn counted(query: Query<'_>, aged: &Aged) -> Stats {
    aged.stats.without(&list(query, "exclude_repo"))
}

fn stats(query: Query<'_>, aged: &Aged, look: &CardLook) -> Result<String, NoCard> {
    let (hidden, _) = (words(query, "hide", &ROWS)?, words(query, "show", &MORE)?);
    for key in ["hide_rank", "include_all_commits"] {
        flag(query, key)?;
    }
    let stats = counted(query, aged);
    let every = [
        (StatsRow::Stars, stats.stars),
        (StatsRow::Repositories, stats.repositories()),
        (StatsRow::Forks, stats.forks),
        (StatsRow::Followers, stats.followers),
    ];
    let rows: Vec<(StatsRow, u64)> =
        every.into_iter().filter(|(row, _)| !hidden.contains(&Some(*row))).collect();
    if rows.is_empty() {
        return Err("hide: one row has to be left".to_owned().into());
    }
    let split = (stats.originals, stats.forked);
    Ok(StatsCard { login: &stats.login, rows: &rows, split, time: time(aged) }.render(look))
}

fn languages(query: Query<'_>, aged: &Aged, look: &CardLook) -> Result<String, NoCard> {
    let layout = words(query, "layout", &LanguageLayout::EVERY)?.first().copied();
    // The original's has neither percents nor bars.
    let hide_values = flag(query, "hide_progress")?;
    let layout = layout.unwrap_or(if hide_values { LanguageLayout::Compact } else { LanguageLayout::Bars });
    let count = number(query, "langs_count", 1..=MOST_LANGUAGES)?;
    let mut stats = counted(query, aged);
    let hidden = list(query, "hide");
    stats.languages.retain(|(name, _)| !hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(name)));
    let card = LanguageCard {
        login: &stats.login,
        languages: &stats.languages,
        has_repositories: stats.repositories() > 0,
        count: count.map_or(layout.usual_count(), |count| count as usize),
        layout,
        hide_values: hide_values || flag(query, "hide_values")?,
        time: time(aged),
    };
    Ok(card.render(look))
}

fn repository(query: Query<'_>, aged: &Aged, look: &CardLook) -> Result<String, NoCard> {
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
        time: time(aged),
    };
    Ok(card.render(look))
}
