//! Cards with GitHub's statistics, at github-readme-stats' addresses: `/api?username=`, `/api/top-langs?username=` and
//! `/api/pin?username=&repo=`, with its parameters; and `/api/streak?username=` and `/api/traffic?username=&repo=`.
//!
//! `tallymark-github` draws them; this module answers requests. The statistics are those of banners: one request to
//! GitHub serves every theme. A card is not a badge: nothing is counted. For tracked accounts, requested cards are
//! remembered, so that the publisher can write them as files. A card that was drawn within the last second is sent
//! again.

use crate::{
    drawn_cards::DrawnCards,
    error::{only, report},
    headers,
    limited::limited,
    query::{Query, count_wanted},
    state::{App, GithubFront},
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderValue, StatusCode, Uri},
    middleware,
    response::Response,
    routing::{MethodRouter, get},
};
use std::sync::Arc;
use tallymark_badge::card::{CardLook, notice};
use tallymark_github::{AccountName, CardAddress, CardKind, CardNotes, CardTerms, NoCard, NoStats};
use tallymark_store::StoreRead;

const UNCOUNTED: &str = "not counted: a card";

/// What others have at these addresses and we do not, in English and in Chinese.
const OTHERS: [(&str, [&str; 2]); 2] = [
    (
        "/api/gist",
        [
            "Tallymark has no card of a gist. Use a link in its place.",
            "Tallymark 没有 gist 卡片，请改用链接。",
        ],
    ),
    ("/api/wakatime", ["Tallymark has no WakaTime card.", "Tallymark 没有 WakaTime 卡片。"]),
];

/// Where each card is; with a slash at the end, too.
pub(crate) const PATHS: [(&str, CardKind); 5] = [
    ("/api", CardKind::Stats),
    ("/api/streak", CardKind::Streak),
    ("/api/top-langs", CardKind::Languages),
    ("/api/pin", CardKind::Repository),
    ("/api/traffic", CardKind::Traffic),
];

/// The routes, if statistics can be fetched.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    let Some(front) = app.github.clone() else { return Router::new() };
    let mut routes = Router::new();
    let drawn = Arc::new(DrawnCards::default());
    for (path, kind) in PATHS {
        let handler = handler(kind, app.store.clone(), drawn.clone());
        routes = routes.route(path, handler.clone()).route(&format!("{path}/"), handler);
    }
    for (path, [en, zh]) in OTHERS {
        let answer = async move |uri: Uri| {
            let look = address(CardKind::Stats, Query::of(&uri)).look(&mut CardNotes::default());
            said(&NoCard::Nothing(look.lang.say(en, zh)), &look)
        };
        let answer = only("GET, HEAD", get(answer));
        routes = routes.route(path, answer.clone()).route(&format!("{path}/"), answer);
    }
    routes.layer(middleware::from_fn_with_state(app.clone(), limited)).with_state(front)
}

fn handler(kind: CardKind, store: Arc<dyn StoreRead>, drawn: Arc<DrawnCards>) -> MethodRouter<GithubFront> {
    let answer = async move |State(front): State<GithubFront>, uri: Uri| {
        let query = Query::of(&uri);
        let asked_for = uri.path_and_query().map_or("", |target| target.as_str());
        if let Some((card, why)) = drawn.find(asked_for) {
            return headers::picture_noted(StatusCode::OK, card, why);
        }
        let (address, mut notes) = (address(kind, query), CardNotes::default());
        address.note_unsupported(&mut notes, query.raw());
        // The preview of the maker must not create a file: the card may never be used.
        let card_files = front.card_files && count_wanted(query).unwrap_or(true);
        let front = GithubFront { card_files, ..front };
        match asked(&front, &*store, &address, &mut notes).await {
            Ok(svg) => {
                let (svg, why) = (Bytes::from(svg), noted(&notes));
                drawn.put(asked_for, svg.clone(), why.clone());
                headers::picture_noted(StatusCode::OK, svg, why)
            }
            Err((why, look)) => said(&why, &look),
        }
    };
    only("GET, HEAD", get(answer))
}

fn address(kind: CardKind, query: Query<'_>) -> CardAddress {
    CardAddress::read(kind, |key| raw(query, key))
}

fn raw<'a>(query: Query<'a>, key: &str) -> Option<&'a str> {
    query.raw().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// What `X-Tallymark` says of a card.
fn noted(notes: &CardNotes) -> HeaderValue {
    let mut text = UNCOUNTED.to_owned();
    notes.each().for_each(|note| text.extend(["; ", note]));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(UNCOUNTED))
}

fn said(why: &NoCard, look: &CardLook) -> Response {
    let (status, title, what) = match why {
        NoCard::Wrong(what) => {
            (StatusCode::BAD_REQUEST, look.lang.say("This address is wrong", "地址有误"), what)
        }
        NoCard::Nothing(what) => (StatusCode::NOT_FOUND, "GitHub".to_owned(), what),
        // A broken image stays in Camo; this is replaced by the next view.
        NoCard::NotYet(what) => (StatusCode::OK, "GitHub".to_owned(), what),
    };
    headers::picture(status, notice(&title, what, look), UNCOUNTED)
}

async fn asked(
    front: &GithubFront,
    store: &dyn StoreRead,
    address: &CardAddress,
    notes: &mut CardNotes,
) -> Result<String, (NoCard, CardLook)> {
    let look = address.look(notes);
    let (name, lang) = (address.name(), look.lang);
    if let Some(what) = address.lacks(lang) {
        return Err((what.into(), look));
    }
    let nobody = || {
        NoCard::Nothing(
            lang.say(&format!("GitHub has no account “{name}”"), &format!("GitHub 上没有账号“{name}”")),
        )
    };
    let Ok(login) = AccountName::new(&name) else { return Err((nobody(), look)) };
    let statistics = &front.statistics;
    let terms =
        CardTerms { zone: front.zone, now: statistics.now_in_seconds(), has_tokens: statistics.has_tokens() };
    match statistics.of(&login).await {
        Ok(aged) => {
            let svg = address.draw(store, &aged, &look, terms, notes).await.map_err(|why| (why, look))?;
            if let Some(file) = address.file().filter(|_| front.card_files) {
                remember(front, &login, file).await;
            }
            Ok(svg)
        }
        Err(NoStats::Nobody) => Err((nobody(), look)),
        Err(NoStats::NotYet) => {
            let coming = lang.say(
                &format!("Statistics of {name} are on their way"),
                &format!("{name} 的统计数据稍后显示"),
            );
            Err((NoCard::NotYet(coming), look))
        }
    }
}

/// What fails is remembered with the next view.
async fn remember(front: &GithubFront, login: &AccountName, file: String) {
    if let Err(error) = front.statistics.tracked().show_card(login, file).await {
        report::broken("a card could not be remembered as a file", login, &error);
    }
}
