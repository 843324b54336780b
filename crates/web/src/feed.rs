//! Milestones and spikes as Atom feeds (RFC 4287): of all names, of names and patterns, and of one name.
//!
//! They show what [`tallymark_news`] has found, to whoever may see pages. Ids are made of the identity of the store, so
//! a feed and its entries stay the same when the site moves.

use crate::{
    error::{Problem, report},
    headers,
    name::{encoded, event_page_path, from_path, has_odd_segment, push},
    pages::{
        self, assets,
        language::{self, chosen},
        login, seen,
    },
    query::Query,
    state::App,
};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use std::{fmt::Write, sync::Arc};
use tallymark_badge::{chart::ChartWords, number::group, panel::Lang, text::XmlText};
use tallymark_core::{Event, Glob, Name, NameRef};
use tallymark_news::{NewsItem, NewsKind, RecentNews};
use uuid::{Builder, Uuid};

/// How many entries a feed has.
const ENTRIES: usize = 50;
/// How many names or patterns one may ask for.
const MOST_NAMES: usize = 20;

/// Whose news a feed has.
struct FeedNames {
    names: Vec<Glob>,
    event: Option<Event>,
}

/// `/feed.atom`, with `names` and `event`.
pub(crate) async fn of_all(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let globs: Result<Vec<Glob>, String> = Query::of(&uri)
        .all("names")
        .map(|text| {
            let text = String::from_utf8(text).map_err(|_| "names is not UTF-8".to_owned())?;
            Glob::new(&text).map_err(|why| format!("names: {why}"))
        })
        .collect();
    match globs {
        Ok(names) if names.len() > MOST_NAMES => {
            headers::text(StatusCode::BAD_REQUEST, &format!("names: at most {MOST_NAMES} in one address"))
        }
        Ok(names) => show(&app, names, &uri, &sent).await,
        Err(why) => headers::text(StatusCode::BAD_REQUEST, &why),
    }
}

/// `/feed/NAME.atom`.
pub(crate) async fn of_path(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let raw = uri.path().strip_prefix("/feed/").unwrap_or_default();
    let Some(raw) = raw.strip_suffix(".atom") else {
        return pages::nothing_here(&app, &sent, "Feeds are at `/feed.atom` and `/feed/NAME.atom`");
    };
    match from_path(raw).map(|name| Glob::new(name.as_str())) {
        Ok(Ok(name)) => show(&app, vec![name], &uri, &sent).await,
        // No name is longer than a pattern may be, so it is one that begins with many stars.
        Ok(Err(why)) => headers::text(StatusCode::BAD_REQUEST, &format!("this name has no feed: {why}")),
        Err(why) => headers::text(StatusCode::BAD_REQUEST, &format!("this cannot be counted: {why}")),
    }
}

/// The address of the feed of a name, if there is one.
pub(crate) fn path_of(app: &App, name: NameRef<'_>) -> Option<String> {
    let has_news = app.news.as_ref().is_some_and(|news| news.covers(name.as_str()));
    let path = match has_odd_segment(name.as_str()) {
        true => format!("/feed.atom?names={}", encoded(name, false)),
        false => format!("/feed/{}.atom", encoded(name, true)),
    };
    has_news.then(|| in_language_of_page(path))
}

/// The address of the feed of all names, if there is one.
pub(crate) fn path_of_all(app: &App) -> Option<String> {
    app.news.as_ref().map(|_| in_language_of_page("/feed.atom".to_owned()))
}

fn in_language_of_page(mut path: String) -> String {
    let lang = language::of_request();
    if lang == Lang::Zh {
        push(&mut path, "lang", lang.word());
    }
    path
}

async fn show(app: &App, names: Vec<Glob>, uri: &Uri, sent: &HeaderMap) -> Response {
    if let Err(mut answer) = login::visitor(&app.access, sent, uri) {
        if answer.status() == StatusCode::UNAUTHORIZED && !headers::wants_page(sent) {
            // Feed readers ask for a password only if they are asked so.
            let basic = HeaderValue::from_static("Basic realm=\"Tallymark\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
        }
        return *answer;
    }
    let Some(news) = &app.news else {
        let how = "Milestones and spikes are not looked for here: `[[notify]]` in the configuration turns that on, \
                   `tallymark help notify`";
        return pages::nothing_here(app, sent, how);
    };
    if let [name] = &names[..]
        && name.is_exact()
        && !news.covers(name.as_str())
    {
        let how = "No `[[notify]]` of the configuration is about this name: `tallymark help notify`";
        return pages::nothing_here(app, sent, how);
    }
    let event = match Query::of(uri).get("event").map(|text| Event::new(&text)) {
        None => None,
        Some(Ok(event)) => Some(event),
        Some(Err(why)) => return headers::text(StatusCode::BAD_REQUEST, &why.to_string()),
    };
    match feed(app, news, &FeedNames { names, event }, uri).await {
        Ok(text) => answer(text, sent),
        Err(error) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, report::store("reading news", &error))
            .json(|status, _| headers::text(status, "the store does not answer; try again")),
    }
}

/// A reader that has the same feed gets nothing.
fn answer(text: String, sent: &HeaderMap) -> Response {
    let mut answer =
        assets::tagged(sent, text, HeaderValue::from_static("application/atom+xml; charset=utf-8"));
    let private = HeaderValue::from_static("private, no-cache");
    answer.headers_mut().insert(header::CACHE_CONTROL, private);
    answer
}

async fn feed(
    app: &App,
    news: &RecentNews,
    wanted: &FeedNames,
    uri: &Uri,
) -> Result<String, tallymark_store::StoreError> {
    let base = app.base_url.as_str();
    let store = news.store_id().await?;
    let items = news.list(ENTRIES, |item| wanted.has(item)).await?;
    let target = uri.path_and_query().map_or("/feed.atom", |target| target.as_str());
    let lang = chosen(uri).unwrap_or(Lang::En);
    let what = wanted.title(lang);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{tag}\">\n\
         <id>urn:uuid:{id}</id>\n<title>{title}</title>\n<updated>{updated}</updated>\n\
         <author><name>Tallymark</name></author>\n<link rel=\"self\" type=\"application/atom+xml\" href=\"{own}\"/>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n<generator version=\"{version}\">Tallymark</generator>\n",
        id = id_of(store, &wanted.key()),
        tag = language::tag(lang),
        title = XmlText(&match lang {
            Lang::Zh => format!("Tallymark：{}的动态", seen::seen(&what)),
            _ => format!("Tallymark: news of {}", seen::seen(&what)),
        }),
        updated = items.first().map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), NewsItem::time),
        own = XmlText(&format!("{base}{target}")),
        page = XmlText(&format!("{base}{}", wanted.page())),
        version = env!("CARGO_PKG_VERSION"),
    );
    for item in &items {
        push_entry(&mut out, base, store, item, lang);
    }
    out.push_str("</feed>\n");
    Ok(out)
}

fn push_entry(out: &mut String, base: &str, store: Uuid, item: &NewsItem, lang: Lang) {
    let page = format!("{base}{}", event_page_path(item.name.as_ref(), item.event));
    let (noun, all) = (ChartWords(lang).noun(item.event, item.total), group(item.total));
    let total = match lang {
        Lang::Zh => format!("总计：{noun} {all}。"),
        _ => format!("In total: {all} {noun}."),
    };
    // `write!` to a String cannot fail.
    let _ = write!(
        out,
        "<entry>\n<id>urn:uuid:{id}</id>\n<title>{title}</title>\n<updated>{at}</updated>\n<published>{at}</published>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n<category term=\"{word}\"/>\n\
         <content type=\"text\">{total}</content>\n</entry>\n",
        id = id_of(store, &item.id.to_string()),
        title = XmlText(&seen::seen(&said(item, lang))),
        at = item.time(),
        page = XmlText(&page),
        word = item.word(),
        total = XmlText(&total),
    );
}

/// What happened, in the language of the feed.
fn said(item: &NewsItem, lang: Lang) -> String {
    if lang != Lang::Zh {
        return item.text();
    }
    let (name, noun) = (&item.name, ChartWords(lang).noun(item.event, item.total));
    match item.kind {
        NewsKind::Milestone(count) => format!("{name} 的{noun}达到 {}", group(count)),
        NewsKind::Spike { hour, usual_tenths } => {
            let usual = match (usual_tenths + 5) / 10 {
                0 => "平时几乎没有".to_owned(),
                usual => format!("平时约为 {}", group(usual)),
            };
            format!("{name} 一小时内的{noun}为 {}；{usual}", group(hour))
        }
    }
}

impl FeedNames {
    fn has(&self, item: &NewsItem) -> bool {
        let named = self.names.is_empty() || self.names.iter().any(|glob| glob.matches(item.name.as_str()));
        named && self.event.is_none_or(|event| event == item.event)
    }

    /// In words.
    fn title(&self, lang: Lang) -> String {
        match &self.names[..] {
            [] if lang == Lang::Zh => "全部名称".to_owned(),
            [] => "all names".to_owned(),
            names => names.iter().map(Glob::as_str).collect::<Vec<_>>().join(", "),
        }
    }

    /// Others are other feeds.
    fn key(&self) -> String {
        let names: Vec<&str> = self.names.iter().map(Glob::as_str).collect();
        let event = self.event.map(|event| event.to_string()).unwrap_or_default();
        format!("feed\0{event}\0{}", names.join("\0"))
    }

    /// The page that is about the same.
    fn page(&self) -> String {
        match &self.names[..] {
            [name] if name.is_exact() => Name::new(name.as_str()).map_or_else(
                |_| "/".to_owned(),
                |name| event_page_path(name.as_ref(), self.event.unwrap_or(Event::HIT)),
            ),
            _ => "/".to_owned(),
        }
    }
}

/// An id that no other store gives.
fn id_of(store: Uuid, key: &str) -> Uuid {
    use sha2::{Digest, Sha256};
    let digest: [u8; 32] = Sha256::new().chain_update(store.as_bytes()).chain_update(key).finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(half).into_uuid()
}
