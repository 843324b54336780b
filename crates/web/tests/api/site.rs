//! A router with a store behind it, and requests to it whose responses are checked.

use crate::schema::Document;
use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tallymark_badge::Look;
use tallymark_core::{
    Asked, Asking, Batch, ClientClass, Commit, Committed, Corrected, CorrectedName, Correcting,
    CorrectionRecord, CorrectionRequest, Corrections, CountedHit, Counter, Counts, Day, Entry, Event, Glob,
    Hit, KeptVisits, LatestAnswer, Ledger, Minute, Name, NameRef, NotCommitted, NotCorrected, Now, Once,
    Reject, StatusCount, Total, Unavailable, Visit, Visits, Waiting, When,
};
use tallymark_news::{NewsRule, Occasion, RecentNews};
use tallymark_rankings::Rankings;
use tallymark_store::{Retention, Store, StoreUrl};
use tallymark_web::{Access, App, BaseUrl, Visibility, router};
use tower::ServiceExt;
use uuid::Uuid;

/// 2026-11-20T12:00:30Z.
pub(crate) const NOW: Now = Now { unix_ms: 1_795_176_030_000 };
pub(crate) const TOKEN: &str = "a-token-of-sixteen";

/// Knows what the store knows, and one hit more of `pending`.
struct Stored(Arc<dyn Store>);

impl Counter for Stored {
    fn count<'a>(&'a self, hit: &Hit<'_>) -> CountedHit<'a> {
        self.total(hit.event, hit.name).into()
    }

    fn note(&self, _hit: &Hit<'_>) {}

    fn waiting(&self, _name: NameRef<'_>) -> Option<Waiting> {
        Some(Waiting { epoch: 0, cells: Vec::new() })
    }

    fn latest<'a>(&'a self, _: Event, _: NameRef<'_>, _: usize) -> LatestAnswer<'a> {
        Box::pin(async { Err(Unavailable) })
    }

    fn total<'a>(&'a self, event: Event, name: NameRef<'_>) -> Total<'a> {
        let name = Name::from(name);
        Total::Asked(Box::pin(async move {
            let pending = i64::from(name.as_str() == "pending");
            let totals = self.0.totals(event, &[name]).await.map_err(|_| Unavailable)?;
            totals.first().map(|total| total + pending).ok_or(Unavailable)
        }))
    }
}

/// What one request sent: its key and its entries, as text.
pub(crate) type Handed = (Option<String>, Vec<String>);

/// Records what is sent, and returns what a test configures.
pub(crate) struct Book {
    pub(crate) handed: Mutex<Vec<Handed>>,
    pub(crate) answer: Mutex<Result<Committed, NotCommitted>>,
    pub(crate) told: Mutex<Vec<&'static str>>,
}

impl Ledger for Book {
    fn commit<'a>(&'a self, once: Option<Once<'a>>, counts: Counts) -> Commit<'a> {
        let text = |entry: &Entry| {
            let When::Minute(minute) = entry.when else { panic!("every time is a minute") };
            let (minute, day) = (minute.hour().of_day() * 60 + minute.of_hour(), minute.day());
            format!("{} {} {day} {minute} {}", entry.event, entry.name, entry.count)
        };
        let statused = |s: &StatusCount| {
            let (year, month) = s.month.date();
            format!("{} {} {year}-{month} {:?} {}", s.event, s.name, s.status.as_str(), s.count)
        };
        let visited = counts.visits;
        let counts = counts.entries.iter().map(text).chain(counts.statuses.iter().map(statused));
        let visit = |v: &Visits| {
            let last: Vec<String> =
                v.last.iter().map(|one| format!("{} {}", one.minute, one.class)).collect();
            format!("{} {} {last:?}", v.event, v.name)
        };
        let counts = counts.collect::<Vec<_>>().into_iter().chain(visited.iter().map(visit));
        let handed = (once.map(|once| once.key.to_owned()), counts.collect());
        self.handed.lock().unwrap().push(handed);
        let answer = self.answer.lock().unwrap().clone();
        Box::pin(async { answer })
    }

    fn is_committed<'a>(&'a self, _: &'a str) -> Asked<'a, bool> {
        Box::pin(async { Err(NotCommitted::NoRoom) })
    }

    fn body_of<'a>(&'a self, _: &'a str, _: &'a [Vec<u8>]) -> Asked<'a, Option<usize>> {
        Box::pin(async { Ok(None) })
    }

    fn day_key(&self, _: Day) -> Asked<'_, Uuid> {
        Box::pin(async { Err(NotCommitted::NoRoom) })
    }

    fn tell(&self, items: &[Result<(), Reject>]) {
        let label = |item: &Result<(), Reject>| item.map_or_else(Reject::label, |()| "accepted");
        self.told.lock().unwrap().extend(items.iter().map(label));
    }
}

/// Answers as if a correction was done, and remembers none.
struct Corrects;

impl Corrections for Corrects {
    fn correct<'a>(&'a self, once: Option<Once<'a>>, request: CorrectionRequest) -> Correcting<'a> {
        let before = once.is_some_and(|once| once.key == "before");
        Box::pin(async move {
            match request.name.as_str() {
                "none" => Err(NotCorrected::Missing("there is no such name".to_owned())),
                _ => Ok(Corrected { records: vec![record(&request)], before, notes: Vec::new() }),
            }
        })
    }

    fn undo(&self, _: Uuid, _: String, _: Option<String>) -> Correcting<'_> {
        Box::pin(async { Err(NotCorrected::Refused("it was undone already".to_owned())) })
    }

    fn list(&self, _: usize) -> Asking<'_> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn record(request: &CorrectionRequest) -> CorrectionRecord {
    let text = format!("{:?}", request.action);
    CorrectionRecord {
        id: Uuid::nil(),
        part: 1,
        at: "2026-11-20T12:00:30Z".to_owned(),
        by: request.by.clone(),
        action: text,
        name: request.asked.clone(),
        event: request.event.map(|event| event.to_string()),
        to: None,
        count: None,
        stretch: None,
        until: None,
        reason: request.reason.clone(),
        undoes: None,
        changed: vec![CorrectedName {
            event: "hit".to_owned(),
            name: request.name.to_string(),
            before: None,
            after: Some(5),
            base: 0,
        }],
        remembered: Vec::new(),
    }
}

pub(crate) struct Site {
    pub(crate) book: Arc<Book>,
    _dir: tempfile::TempDir,
    routes: Router,
    document: Document,
}

/// An answer.
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The reason of a refusal.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

impl Site {
    pub(crate) async fn new() -> Site {
        Site::with(Visibility::Public, &[TOKEN]).await
    }

    pub(crate) async fn with(visibility: Visibility, tokens: &[&str]) -> Site {
        Site::build(visibility, tokens, 0).await
    }

    /// A site that keeps N visits of a name.
    pub(crate) async fn keeping_visits(visits: usize) -> Site {
        Site::build(Visibility::Public, &[TOKEN], visits).await
    }

    async fn build(visibility: Visibility, tokens: &[&str], visits: usize) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention { visits, ..Retention::default() }).await.unwrap();
        fill(&*store).await;
        let book = Arc::new(Book {
            handed: Mutex::default(),
            answer: Mutex::new(Ok(Committed::Now)),
            told: Mutex::default(),
        });
        let rankings = Arc::new(Rankings::new(store.clone(), || NOW, Default::default()));
        rankings.refresh().await.unwrap();
        let names = vec![Glob::new("you/*").unwrap()];
        let rule = NewsRule { names, on: Occasion::USUAL.to_vec(), hook: None };
        let news = Some(RecentNews::new(store.clone(), [rule].into()));
        let app = App {
            rankings,
            ledger: book.clone(),
            corrections: Arc::new(Corrects),
            counter: Arc::new(Stored(store.clone())),
            store,
            look: Arc::new(ArcSwap::from_pointee(Look::default())),
            base_url: BaseUrl::configured("https://hits.example.org"),
            access: Access::new(
                visibility,
                tokens.iter().map(|&token| token.to_owned()).collect(),
                "https://hits.example.org",
                Vec::new(),
                Default::default(),
            ),
            body_bytes: 4096,
            visits: KeptVisits::of_every_event(visits),
            avatars: None,
            github: None,
            hitme_zone: Default::default(),
            stats_prefix: Default::default(),
            others: Default::default(),
            events: Vec::new(),
            groups: Vec::new(),
            news,
            now: || NOW,
        };
        Site { book, _dir: dir, routes: router(Arc::new(app), None), document: Document::read() }
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// One request. Responses under `/api/` must match `openapi.json`.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Got {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let got = Got { status: head.status, headers: head.headers, body };
        assert_eq!(got.headers["x-content-type-options"], "nosniff", "{path}");
        // A feed has a tag by which a reader asks for it again.
        let kept = if path.starts_with("/feed") { "private, no-cache" } else { "no-store" };
        assert!(got.headers["cache-control"].to_str().unwrap().contains(kept), "{path}");
        if method != Method::HEAD {
            self.document.check(&method, &path, &got);
        }
        got
    }
}

/// you/repo: 1,234 today at 10:00, 7 at 11:30, 5 at 12:00, 100 on a day a week ago without an hour, 50 that day at
/// 11:00 and 60 at 13:00, 50,000 twenty days ago, a million in 2015. Others have one hit each.
async fn fill(store: &dyn Store) {
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    let today = NOW.day().0;
    let name = Name::new("you/repo").unwrap();
    let entry = |when, count| Entry { event: Event::HIT, name: name.clone(), when, count };
    let at = |day: i32, minute: i32| When::Minute(Minute(day * 1440 + minute));
    let mut entries = vec![
        entry(at(today, 600), 1234),
        entry(at(today, 690), 7),
        entry(at(today, 720), 5),
        entry(at(today - 7, 660), 50),
        entry(at(today - 7, 780), 60),
        entry(When::Day(Day(today - 7)), 100),
        entry(When::Day(Day(today - 20)), 50_000),
        entry(When::Day(Day::parse(b"2015-12-25").unwrap()), 1_000_000),
    ];
    for other in
        ["a", "a/series", "A/b", "=cmd|' /C calc'!A0", "</script><script>\u{2028}", "日本/é", "pending"]
    {
        entries.push(Entry { name: Name::new(other).unwrap(), ..entry(at(today, 719), 1) });
    }
    entries.push(Entry { event: Event::new(b"like").unwrap(), ..entry(at(today, 719), 3) });
    let huge = Name::new("huge").unwrap();
    let long_ago = When::Day(Day::parse(b"2015-12-25").unwrap());
    let many = Event::new(b"many").unwrap();
    entries.push(Entry { event: many, name: huge, when: long_ago, count: i64::MAX as u64 });
    entries.sort();
    let classes = [ClientClass::GithubCamo, ClientClass::Bot, ClientClass::GithubCamo];
    let minute = |at: usize| Minute(today * 1440 + 717 + at as i32);
    let visit = |(at, &class): (usize, &ClientClass)| Visit::new(minute(at), class);
    let last = classes.iter().enumerate().map(visit).collect();
    let visits = vec![Visits { event: Event::HIT, name, last }];
    let visitors = |ago: i32, hashes: std::ops::Range<u64>| tallymark_core::DayVisitors {
        event: Event::VISIT,
        name: Name::new("you/repo").unwrap(),
        day: Day(today - ago),
        hashes: hashes.map(tallymark_core::VisitorHash).collect(),
    };
    let visitors = vec![visitors(2, 0..4), visitors(0, 0..3)];
    let batch = Batch { visits, visitors, ..Batch::of(claim.instance, 1, entries) };
    store.apply(&claim, &[batch]).await.unwrap();
}
