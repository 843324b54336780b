//! A panel: counts the view where the picture shows visits, and draws it.

use super::address::NoPanel;
use crate::{
    auth::Peer,
    badges::badge::{BAD_REQUEST, not_shown, why_uncounted},
    error::report,
    headers,
    pages::reasons::in_chinese,
    query::{Query, count_wanted},
    state::App,
};
use axum::{
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use std::sync::Arc;
use tallymark_badge::panel::{Avatar, MOST_TRACES, Options, Panel, Picture, Shown, notice};
use tallymark_core::{CountedHit, Event, Latest, MOST_TAKEN_BACK, Name, NameRef, Unavailable, Uncounted};

/// What the parameters of a request ask for.
struct PanelWish {
    count: bool,
    options: Options,
}

/// What is wrong with an address.
struct PanelMistake(String);

impl PanelMistake {
    fn show(&self, picture: Picture, options: Options) -> Response {
        let texts = [&*in_chinese(&self.0), &*self.0];
        headers::picture(StatusCode::BAD_REQUEST, notice(picture, options, texts), BAD_REQUEST)
    }
}

/// The look that a request asks for, and whether it counts. What is right shows what is wrong.
fn read_wish(query: Query<'_>) -> (Options, Result<bool, PanelMistake>) {
    let (mut options, mut mistake) = (Options::default(), None);
    // The first of several, as everywhere.
    for key in ["theme", "lang", "layout"] {
        let set = query.text(key).map_or(Ok(true), |value| options.set(key, &value));
        if let Err(why) = set {
            mistake = mistake.or(Some(PanelMistake(why.to_string())));
        }
    }
    let count = count_wanted(query).map_err(|why| PanelMistake(why.to_owned()));
    (options, mistake.map_or(count, Err))
}

pub(super) async fn show(
    app: &App,
    picture: Picture,
    name: Option<Result<Name, NoPanel>>,
    method: &Method,
    uri: &Uri,
    (peer, sent): (Peer, &HeaderMap),
) -> Response {
    let (options, count_wanted) = read_wish(Query::of(uri));
    let wish = match count_wanted {
        Ok(count) => PanelWish { count, options },
        Err(mistake) => return mistake.show(picture, options),
    };
    let name = match name {
        Some(Ok(name)) => name,
        Some(Err(why)) => {
            return PanelMistake(why.to_string()).show(picture, options);
        }
        // The promo is of no name, and draws none.
        None => Name::all(),
    };
    let why = match uncounted(&wish, picture, method, sent) {
        Some(why) => why,
        None => count(app, name.as_ref(), (peer, sent)).await,
    };
    match read(app, picture, &name).await {
        Ok(shown) => {
            let avatar = avatar(app, picture, name.as_ref()).await;
            // What is none leaves the initials.
            let avatar = avatar.as_deref().and_then(|uri| Avatar::new(uri).ok());
            let rows = shown.rows();
            let panel = rows.panel(name.as_ref(), (app.now)().minute(), wish.options);
            headers::picture(StatusCode::OK, Panel { avatar, ..panel }.render(picture), why)
        }
        // The view is kept; only its number is not known yet.
        Err(Unavailable) => {
            report::broken("a panel could not be drawn", &name, &Unavailable);
            let panel = Panel::away(name.as_ref(), wish.options);
            headers::picture(StatusCode::OK, panel.render(picture), why)
        }
    }
}

/// Why a view is not counted, if it is not. The like card, the button and the promo never counted one.
fn uncounted(wish: &PanelWish, picture: Picture, method: &Method, sent: &HeaderMap) -> Option<&'static str> {
    if !matches!(picture, Picture::Both | Picture::Visits) {
        Some("not counted: views of this picture are not hits")
    } else {
        not_shown(wish.count, method, sent)
    }
}

/// A panel that is shown is a hit, like every picture, and so a visit of who asked.
/// Answers what `X-Tallymark` says.
async fn count(app: &App, name: NameRef<'_>, from: (Peer, &HeaderMap)) -> &'static str {
    // The totals are read where the picture needs them.
    let CountedHit { total, uncounted, is_crowded } =
        app.counter.count(&app.hit(Event::HIT, name, (app.now)(), from));
    if let Some(uncounted) = uncounted {
        return why_uncounted(uncounted);
    }
    if !is_crowded {
        return "counted";
    }
    // Whether a name is new is known with its total.
    let _ = total.get().await;
    if app.counter.is_over(Event::HIT, name) { why_uncounted(Uncounted::Overflow) } else { "counted" }
}

/// The face of the cards, if it is known already.
async fn avatar(app: &App, picture: Picture, name: NameRef<'_>) -> Option<Arc<str>> {
    let avatars = app.avatars.as_ref().filter(|_| picture.has_face())?;
    avatars.of(name).await
}

/// Reads what the picture shows, with what is not in the store yet.
async fn read(app: &App, picture: Picture, name: &Name) -> Result<Shown, Unavailable> {
    let (mut visits, mut likes, mut taken_back) = (Latest::default(), Latest::default(), Latest::default());
    if matches!(picture, Picture::Both | Picture::Visits) {
        visits = app.counter.latest(Event::VISIT, name.as_ref(), MOST_TRACES).await?;
    }
    if matches!(picture, Picture::Both | Picture::Likes | Picture::Button) {
        let (no_list, name) = (picture == Picture::Button, name.as_ref());
        let most = |most| if no_list { 0 } else { most };
        likes = app.counter.latest(Event::LIKE, name, most(MOST_TRACES)).await?;
        if likes.total > 0 {
            taken_back = app.counter.latest(Event::UNLIKE, name, most(MOST_TAKEN_BACK)).await?;
        }
        if !taken_back.visits.is_empty() {
            likes = app.counter.latest(Event::LIKE, name, Shown::likes_needed(&taken_back)).await?;
        }
    }
    Ok(Shown::new(&visits, &likes, &taken_back))
}
