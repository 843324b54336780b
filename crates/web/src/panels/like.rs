//! The like: the action behind a click on a panel.
//!
//! A visitor can like a name once a day, and can take the like back. The store enforces that, with idempotency keys
//! made of the day, the name and a keyed hash of the visitor. So an answered like is committed, and no address is kept.
//! A program that follows the link gets the page with a button instead; the button posts to the same address.

use super::{
    address::{self, NoPanel},
    back, person,
    speech::Speech,
};
use crate::{
    auth::Peer,
    body,
    error::{Problem, report},
    name::page_path,
    pages::{self, page},
    query::{Query, count_wanted},
    state::{App, user_agent},
};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use hmac::{Hmac, KeyInit, Mac};
use minijinja::{Value, context};
use sha2::Sha256;
use tallymark_core::{
    ClientClass, Committed, CorrectedName, CorrectionRecord, Counts, Day, Entry, Event, MAX_CORRECTIONS,
    Minute, Name, NotCommitted, Now, Once, Visit, Visits, When, network_of,
};

/// How often a visitor may change their mind on one day.
const CHANGES: u32 = 10;
/// How many seconds the page stays after a like, before it leads back.
const STAYS: u32 = 4;
/// How far the clocks of two machines may be apart.
const CLOCKS_MS: i64 = 60_000;
/// The largest form.
const MOST_BODY: usize = 4096;

/// What a button asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Click {
    Like,
    Unlike,
}

/// What the page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LikeState {
    /// Counted now.
    Liked,
    /// It was counted before.
    Already,
    /// And the likes were corrected since, so it can neither be taken back nor given again today.
    AlreadyCorrected,
    /// Taken back.
    TakenBack,
    /// There is no like of this visitor and day to take back.
    NoneToTakeBack,
    /// The likes were corrected since, so whether this visitor's is among them cannot be told.
    Corrected,
    /// Nothing has happened yet.
    Asked,
    /// The visitor has changed their mind too often.
    Enough,
}

/// Why a click was refused. The page has the words, in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClickRefusal {
    /// Loaded, where only a button posts.
    NotPosted,
    /// From another site, or from nowhere.
    OtherSite,
    /// From this site, under another address than its own.
    OtherAddress,
    /// From a program.
    Program,
    /// The operator does not want to count it.
    NotWanted,
    /// There is no room for another name.
    NoRoom,
    /// The store does not answer.
    NoStore,
}

impl ClickRefusal {
    fn status(self) -> StatusCode {
        match self {
            ClickRefusal::NotPosted => StatusCode::METHOD_NOT_ALLOWED,
            ClickRefusal::OtherSite
            | ClickRefusal::OtherAddress
            | ClickRefusal::Program
            | ClickRefusal::NotWanted => StatusCode::FORBIDDEN,
            ClickRefusal::NoRoom | ClickRefusal::NoStore => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn word(self) -> &'static str {
        match self {
            ClickRefusal::NotPosted => "not-posted",
            ClickRefusal::OtherSite => "other-site",
            ClickRefusal::OtherAddress => "other-address",
            ClickRefusal::Program => "program",
            ClickRefusal::NotWanted => "not-wanted",
            ClickRefusal::NoRoom => "no-room",
            ClickRefusal::NoStore => "no-store",
        }
    }
}

/// Whom the page is for.
struct LikeReader<'a> {
    sent: &'a HeaderMap,
    speech: Speech,
    /// What was asked for.
    wish: Click,
    /// Where the page before this one would have led back to, as its form says.
    back: Option<String>,
}

/// `GET .../add`: counts a person's click, and shows a button to all others.
pub(super) async fn asked(app: &App, name: Result<Name, NoPanel>, peer: Peer, head: &Parts) -> Response {
    let name = match name {
        Ok(name) => name,
        Err(why) => return not_a_name(app, why),
    };
    let speech = match Speech::of(head) {
        Ok(speech) => speech,
        Err(why) => return pages::problem(app, &Problem::bad_request(why), None),
    };
    let count = match count_wanted(Query::of(&head.uri)) {
        Ok(count) => count,
        Err(why) => return pages::problem(app, &Problem::bad_request(why), None),
    };
    let reader = LikeReader { sent: &head.headers, speech, wish: Click::Like, back: None };
    if head.method != axum::http::Method::GET || !count || !person::clicked(&head.headers) {
        return show(app, &name, &reader, LikeState::Asked).await;
    }
    change(app, &name, peer, &reader).await
}

/// A button of the page.
pub(super) async fn posted(
    app: &App,
    name: Result<Name, NoPanel>,
    wish: Click,
    peer: Peer,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let form = match body::read(&head.headers, body, MOST_BODY, None).await {
        Ok(form) => form,
        Err(problem) => return pages::problem(app, &problem, None),
    };
    let name = match name {
        Ok(name) => name,
        Err(why) => return not_a_name(app, why),
    };
    let speech = match Speech::of(&head) {
        Ok(speech) => speech,
        Err(why) => return pages::problem(app, &Problem::bad_request(why), None),
    };
    let form = String::from_utf8_lossy(&form);
    let back = Query::in_form(&form).form_text("back");
    let reader = LikeReader { sent: &head.headers, speech, wish, back };
    let base = app.base_url.as_asked(&head.headers);
    let refusal = match person::is_from_here(&head.headers, &base) {
        false if person::other_address(&head.headers, &base).is_some() => ClickRefusal::OtherAddress,
        false => ClickRefusal::OtherSite,
        true if !person::may_press(&head.headers) => ClickRefusal::Program,
        true => return change(app, &name, peer, &reader).await,
    };
    refuse(app, &name, &reader, refusal)
}

/// `GET .../remove`: a person gets here by reloading the page.
pub(super) fn not_posted(app: &App, name: &Name, head: &Parts) -> Response {
    match Speech::of(head) {
        Ok(speech) => {
            let reader = LikeReader { sent: &head.headers, speech, wish: Click::Unlike, back: None };
            refuse(app, name, &reader, ClickRefusal::NotPosted)
        }
        Err(why) => pages::problem(app, &Problem::bad_request(why), None),
    }
}

pub(super) fn not_a_name(app: &App, why: NoPanel) -> Response {
    pages::problem(app, &Problem::bad_request(format!("This cannot be counted: {why}.")), None)
}

async fn change(app: &App, name: &Name, peer: Peer, to: &LikeReader<'_>) -> Response {
    let peer = peer.behind(to.sent, &app.access.proxies);
    let hit = app.hit(Event::LIKE, name.as_ref(), (app.now)(), (peer, to.sent));
    if let Some(refusal) = app.counter.refusal(&hit) {
        app.ledger.tell(&[Err(refusal)]);
        return refuse(app, name, to, ClickRefusal::NotWanted);
    }
    match commit(app, name, to.wish, peer, to.sent).await {
        Ok(state) => show(app, name, to, state).await,
        Err(error) => {
            report::broken("a like was not counted", &name, &error);
            let refusal = match error {
                NotCommitted::NoRoom => ClickRefusal::NoRoom,
                _ => ClickRefusal::NoStore,
            };
            refuse(app, name, to, refusal)
        }
    }
}

/// Brings a visitor's mind into the store. The first of their likes of the day that was not taken back, or not made yet,
/// says what they think now.
async fn commit(
    app: &App,
    name: &Name,
    wish: Click,
    peer: Peer,
    sent: &HeaderMap,
) -> Result<LikeState, NotCommitted> {
    let now = (app.now)();
    let visitor = visitor_of_day(app, now.day(), name, peer).await?;
    for round in 0..CHANGES {
        let key = |word: &str| format!("{word} {} {visitor} {round}", now.day());
        let (like, unlike) = (key("like"), key("unlike"));
        let liked = app.ledger.is_committed(&like).await?;
        if liked && app.ledger.is_committed(&unlike).await? {
            continue;
        }
        let (event, key, minute) = match (wish, liked) {
            (Click::Unlike, false) => return Ok(LikeState::NoneToTakeBack),
            (Click::Like, false) => (Event::LIKE, like, now.minute()),
            (_, true) => {
                let given = given_at(app, name, &like, now.day()).await?;
                // A correction may have removed it since; subtracting it again would remove someone else's like.
                let is_corrected = is_corrected(app, name, given.unwrap_or(now.day().first_minute())).await?;
                match (wish, is_corrected) {
                    (Click::Like, true) => return Ok(LikeState::AlreadyCorrected),
                    (Click::Like, false) => return Ok(LikeState::Already),
                    (Click::Unlike, true) => return Ok(LikeState::Corrected),
                    // Counted in the minute of its like. So the difference is right in every minute, hour and day.
                    (Click::Unlike, false) => (Event::UNLIKE, unlike, given.unwrap_or(now.minute())),
                }
            }
        };
        let hit = app.hit(event, name.as_ref(), now, (peer, sent));
        let class = ClientClass::of(user_agent(sent));
        let visit = Visit { minute, class, asker: app.counter.asker(&hit) };
        let counts = one(event, name, minute, Some(visit).filter(|_| !hit.requester.opts_out));
        let once = Once { key: &key, body: &body_of(name, minute) };
        return match (wish, app.ledger.commit(Some(once), counts).await) {
            (Click::Unlike, Ok(_)) => Ok(LikeState::TakenBack),
            (Click::Like, Ok(Committed::Now)) => Ok(LikeState::Liked),
            // Another click of this visitor was first, in the minute before.
            (Click::Like, Ok(Committed::Before) | Err(NotCommitted::OtherBody)) => Ok(LikeState::Already),
            (Click::Unlike, Err(error)) | (Click::Like, Err(error)) => Err(error),
        };
    }
    Ok(LikeState::Enough)
}

/// What the store remembers of a like or an unlike: for which name it was, and in which minute it counts.
fn body_of(name: &Name, minute: Minute) -> Vec<u8> {
    format!("{minute} {name}").into_bytes()
}

/// The minute in which a like of this day was given. The store knows a digest of it.
async fn given_at(app: &App, name: &Name, like: &str, day: Day) -> Result<Option<Minute>, NotCommitted> {
    // None of today is later than now.
    let last = Day(day.0 + 1).first_minute().0.min((app.now)().minute().0 + 1);
    let minutes: Vec<Minute> = (day.first_minute().0..last).map(Minute).collect();
    let bodies: Vec<Vec<u8>> = minutes.iter().map(|&minute| body_of(name, minute)).collect();
    let known = app.ledger.body_of(like, &bodies).await?;
    Ok(known.and_then(|at| minutes.get(at).copied()))
}

/// Whether an operator may have corrected the likes of a name since one was given, or there are none left.
async fn is_corrected(app: &App, name: &Name, given: Minute) -> Result<bool, NotCommitted> {
    let unknown = |error: String| NotCommitted::Unavailable(error);
    let total = app.shown_total(Event::LIKE, name.as_ref()).await;
    if total.map_err(|error| unknown(error.to_string()))? == 0 {
        return Ok(true);
    }
    let corrections =
        app.corrections.list(MAX_CORRECTIONS).await.map_err(|error| unknown(error.to_string()))?;
    let mut since = corrections.iter().filter(|record| !was_before(&record.at, given));
    let is_its = |record: &CorrectionRecord| {
        let likes = |one: &CorrectedName| one.event == Event::LIKE.as_str() && one.name == name.as_str();
        record.changed.iter().any(likes)
    };
    Ok(since.any(is_its))
}

/// Whether a correction was made before a like was given. Its time is from when it was proposed, perhaps on another machine.
fn was_before(at: &str, given: Minute) -> bool {
    let at = Now::parse_rfc3339(at).map(|at| at.unix_ms.saturating_add(CLOCKS_MS));
    at.is_some_and(|at| at <= i64::from(given.0) * 60_000)
}

fn one(event: Event, name: &Name, minute: Minute, visit: Option<Visit>) -> Counts {
    let entry = Entry { event, name: name.clone(), when: When::Minute(minute), count: 1 };
    let of_name = |visit| Visits { event, name: name.clone(), last: vec![visit] };
    let visits = visit.into_iter().map(of_name).collect();
    Counts { visits, ..Counts::folded(vec![entry], Vec::new()) }
}

/// A keyed hash of who asks and of the name: the same for this day, and of no use afterwards, when its key is gone. Those
/// whose address is not known are one.
async fn visitor_of_day(app: &App, day: Day, name: &Name, peer: Peer) -> Result<String, NotCommitted> {
    let key = app.ledger.day_key(day).await?;
    // Any length of key will do.
    let hash = Hmac::<Sha256>::new_from_slice(key.as_bytes());
    let mut hash = hash.map_err(|error| NotCommitted::Unavailable(error.to_string()))?;
    let address = peer.0.map_or_else(String::new, |address| network_of(address).to_string());
    hash.update(format!("like\0{address}\0{name}").as_bytes());
    Ok(hash.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn show(app: &App, name: &Name, to: &LikeReader<'_>, state: LikeState) -> Response {
    let total = app.shown_total(Event::LIKE, name.as_ref()).await.ok();
    let values = context! {
        state => match state {
            LikeState::Liked => "liked",
            LikeState::Already => "already",
            LikeState::AlreadyCorrected => "already-corrected",
            LikeState::TakenBack => "taken-back",
            LikeState::NoneToTakeBack => "none",
            LikeState::Corrected => "corrected",
            LikeState::Asked => "asked",
            LikeState::Enough => "enough",
        },
        total,
        leads_on => state == LikeState::Liked,
        why => "",
    };
    draw(app, StatusCode::OK, name, to, values)
}

/// A page that says why a click does not count, with the same ways out.
fn refuse(app: &App, name: &Name, to: &LikeReader<'_>, refusal: ClickRefusal) -> Response {
    draw(
        app,
        refusal.status(),
        name,
        to,
        context! { state => "refused", why => refusal.word(), total => None::<i64>, leads_on => false },
    )
}

fn draw(app: &App, status: StatusCode, name: &Name, to: &LikeReader<'_>, values: Value) -> Response {
    let LikeReader { sent, speech, wish, back } = to;
    let base = app.base_url.as_asked(sent);
    let values = context! {
        name => name.as_str(),
        back => match back {
            Some(said) => back::as_said(said, &base, name),
            None => back::after_a_like(sent, &base, name),
        },
        wish => if *wish == Click::Unlike { "unlike" } else { "like" },
        opened => person::other_address(sent, &base),
        own => format!("{base}{}", page_path(name.as_ref())),
        site => &*base,
        stays => STAYS,
        add => address::of_like(name, "add"),
        remove => address::of_like(name, "remove"),
        speech => speech.lang.word(),
        query => if speech.is_asked { format!("?lang={}", speech.lang.word()) } else { String::new() },
        ..values
    };
    let mut answer = page(&app.access, status, "like.html", values);
    let set = answer.headers_mut();
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    set.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    set.insert(header::EXPIRES, HeaderValue::from_static("0"));
    // Its form says where it comes from.
    set.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_concerns_likes_that_were_given_before_it_and_a_minute_after() {
        let given = Now::parse_rfc3339("2026-11-20T12:05:00Z").unwrap().minute();
        for (at, was_before) in [
            ("2026-11-20T12:03:59Z", true),
            ("2026-11-20T12:04:00Z", true),
            ("2026-11-20T12:04:01Z", false),
            ("2026-11-20T12:05:30Z", false),
            ("2026-11-21T00:00:00Z", false),
            ("yesterday", false),
        ] {
            assert_eq!(super::was_before(at, given), was_before, "{at}");
        }
    }
}
