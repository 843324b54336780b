//! A panel: counts the view where the picture shows visits, and draws it.

use crate::{
    auth::Peer,
    badges::badge::{mistake, not_shown},
    error::report,
    headers,
    query::{Query, count_wanted},
    state::{App, left},
};
use axum::{
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use std::sync::Arc;
use tallymark_badge::panel::{Avatar, Locality, MOST_TRACES, Options, Panel, Picture, Tallied, Trace};
use tallymark_core::{Event, Latest, Name, NameRef, NotAName, Unavailable};

/// What the parameters of a request ask for.
struct PanelWish {
    count: bool,
    options: Options,
}

impl PanelWish {
    fn read(query: Query<'_>) -> Result<PanelWish, String> {
        let mut options = Options::default();
        // The first of several, as everywhere.
        for key in ["theme", "lang", "layout"] {
            if let Some(value) = query.text(key) {
                options.set(key, &value).map_err(|why| why.to_string())?;
            }
        }
        Ok(PanelWish { count: count_wanted(query)?, options })
    }
}

pub(super) async fn show(
    app: &App,
    picture: Picture,
    name: Option<Result<Name, NotAName>>,
    method: &Method,
    uri: &Uri,
    (peer, sent): (Peer, &HeaderMap),
) -> Response {
    let wish = match PanelWish::read(Query::of(uri)) {
        Ok(wish) => wish,
        Err(why) => return mistake(&why),
    };
    let name = match name {
        Some(Ok(name)) => name,
        Some(Err(why)) => return mistake(&why.to_string()),
        // The promo is of no name, and draws none.
        None => Name::all(),
    };
    let why = match uncounted(&wish, picture, method, sent) {
        Some(why) => why,
        None => {
            count(app, name.as_ref(), (peer, sent));
            "counted"
        }
    };
    match Shown::read(app, picture, &name).await {
        Ok(shown) => {
            let avatar = avatar(app, picture, name.as_ref()).await;
            let drawn = shown.draw(app, picture, (&name, avatar.as_deref()), wish.options);
            headers::picture(StatusCode::OK, drawn, why)
        }
        // The view is kept; only its number is not known yet.
        Err(Unavailable) => {
            report::broken("a panel could not be drawn", &name, &Unavailable);
            let look = app.look.load();
            headers::picture(StatusCode::OK, tallymark_badge::render(&look.badge("counting")), why)
        }
    }
}

/// Why a view is not counted, if it is not. The like card, the button and the promo never counted one.
fn uncounted(wish: &PanelWish, picture: Picture, method: &Method, sent: &HeaderMap) -> Option<&'static str> {
    if !matches!(picture, Picture::Both | Picture::Visits) {
        Some("ignored: this picture does not count views")
    } else {
        not_shown(wish.count, method, sent)
    }
}

/// A panel that is shown is a hit, like every picture, and so a visit of who asked.
fn count(app: &App, name: NameRef<'_>, from: (Peer, &HeaderMap)) {
    // The totals are read where the picture needs them.
    let _ = app.counter.count(&app.hit(Event::HIT, name, (app.now)(), from));
}

/// The face of the cards, if it is known already.
async fn avatar(app: &App, picture: Picture, name: NameRef<'_>) -> Option<Arc<str>> {
    let avatars = app.avatars.as_ref()?;
    match picture {
        Picture::Both | Picture::Visits | Picture::Likes => avatars.of(name).await,
        Picture::Button | Picture::Promo => None,
    }
}

/// What the picture shows of visits and of likes: the numbers, and the latest of each with the number that it made.
struct Shown {
    visits: (i64, Vec<Trace<'static>>),
    likes: (i64, Vec<Trace<'static>>),
}

impl Shown {
    async fn read(app: &App, picture: Picture, name: &Name) -> Result<Shown, Unavailable> {
        let (mut visits, mut likes) = ((0, Vec::new()), (0, Vec::new()));
        if matches!(picture, Picture::Both | Picture::Visits) {
            let latest = app.counter.latest(Event::VISIT, name.as_ref(), MOST_TRACES).await?;
            visits = (latest.total, traces(&latest));
        }
        if matches!(picture, Picture::Both | Picture::Likes | Picture::Button) {
            let most = if picture == Picture::Button { 0 } else { MOST_TRACES };
            let latest = app.counter.latest(Event::LIKE, name.as_ref(), most).await?;
            let taken_back = app.counter.total(Event::UNLIKE, name.as_ref()).get().await?;
            likes = (left(latest.total, taken_back), traces(&latest));
            likes.1.truncate(usize::try_from(likes.0).unwrap_or(usize::MAX));
        }
        Ok(Shown { visits, likes })
    }

    fn draw(
        &self,
        app: &App,
        picture: Picture,
        (name, avatar): (&Name, Option<&str>),
        options: Options,
    ) -> String {
        let panel = Panel {
            name: name.as_ref(),
            // What is none leaves the initials.
            avatar: avatar.and_then(|uri| Avatar::new(uri).ok()),
            visits: Tallied { total: self.visits.0, traces: &self.visits.1 },
            likes: Tallied { total: self.likes.0, traces: &self.likes.1 },
            now: (app.now)().minute(),
            options,
        };
        panel.render(picture)
    }
}

/// The number of each is what the counter said with it.
fn traces(latest: &Latest) -> Vec<Trace<'static>> {
    let numbered = (1..=latest.total).rev().zip(&latest.visits);
    numbered.map(|(number, &visit)| Trace { number, visit, locality: Locality::default() }).collect()
}
