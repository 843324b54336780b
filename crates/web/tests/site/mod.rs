//! The routes over a real embedded store with known counts, on a known day: shared by the tests of this crate.

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use std::sync::Arc;
use tallymark_badge::Look;
use tallymark_core::{
    Asked, Asker, Asking, Batch, ClientClass, Commit, Correcting, CorrectionRequest, Corrections, CountedHit,
    Counter, Country, Counts, Day, Entry, Event, Glob, Hit, KeptVisits, Latest, LatestAnswer, Ledger, Minute,
    Name, NameGroup, NameRef, NotCommitted, NotCorrected, Now, Once, OtherCounter, OtherCounters, Reject,
    Status, StatusCount, Total, Unavailable, Visit, Visits, Waiting, When, batches,
};
use tallymark_rankings::Rankings;
use tallymark_store::{Retention, Store, StoreUrl};
use tallymark_web::{Access, App, BaseUrl, Visibility, router};
use tower::ServiceExt;
use uuid::Uuid;

/// 2026-11-20T12:00:30Z.
const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

/// Knows what the store knows; counting is not tested here.
struct Stored(Arc<dyn Store>);

impl Counter for Stored {
    fn count<'a>(&'a self, hit: &Hit<'_>) -> CountedHit<'a> {
        self.total(hit.event, hit.name).into()
    }

    fn note(&self, _hit: &Hit<'_>) {}

    fn waiting(&self, _name: NameRef<'_>) -> Option<Waiting> {
        Some(Waiting { epoch: 0, cells: Vec::new() })
    }

    fn latest<'a>(&'a self, event: Event, name: NameRef<'_>, most: usize) -> LatestAnswer<'a> {
        let name = Name::from(name);
        Box::pin(async move {
            let total = self.0.total(event, &name).await.map_err(|_| Unavailable)?;
            let visits = self.0.visits(event, &name, most).await.map_err(|_| Unavailable)?;
            Ok(Latest { total, visits })
        })
    }

    fn total<'a>(&'a self, event: Event, name: NameRef<'_>) -> Total<'a> {
        let name = Name::from(name);
        Total::Asked(Box::pin(async move {
            let totals = self.0.totals(event, &[name]).await.map_err(|_| Unavailable)?;
            totals.first().copied().ok_or(Unavailable)
        }))
    }
}

/// Nothing is sent here.
struct Closed;

impl Ledger for Closed {
    fn commit<'a>(&'a self, _once: Option<Once<'a>>, _counts: Counts) -> Commit<'a> {
        Box::pin(async { Err(NotCommitted::NoRoom) })
    }

    fn is_committed<'a>(&'a self, _key: &'a str) -> Asked<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn body_of<'a>(&'a self, _key: &'a str, _bodies: &'a [Vec<u8>]) -> Asked<'a, Option<usize>> {
        Box::pin(async { Ok(None) })
    }

    fn day_key(&self, _day: Day) -> Asked<'_, Uuid> {
        Box::pin(async { Ok(Uuid::nil()) })
    }

    fn tell(&self, _items: &[Result<(), Reject>]) {}
}

impl Corrections for Closed {
    fn correct<'a>(&'a self, _: Option<Once<'a>>, _: CorrectionRequest) -> Correcting<'a> {
        Box::pin(async { Err(NotCorrected::Refused(String::new())) })
    }

    fn undo(&self, _: Uuid, _: String, _: Option<String>) -> Correcting<'_> {
        Box::pin(async { Err(NotCorrected::Refused(String::new())) })
    }

    fn list(&self, _: usize) -> Asking<'_> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

pub(crate) struct Site {
    _dir: tempfile::TempDir,
    store: Arc<dyn Store>,
    rankings: Arc<Rankings>,
    routes: Router,
}

impl Site {
    pub(crate) async fn new(visibility: Visibility) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        fill(&*store).await;
        let site = Site::over(store, visibility, dir, 0);
        site.rankings.refresh().await.unwrap();
        site
    }

    #[allow(dead_code)] // of the tests that share this, only that of the pages needs it
    /// The same, where people find it below a path.
    pub(crate) async fn below(visibility: Visibility, path: &str) -> Site {
        let mut site = Site::new(visibility).await;
        let base_url = format!("https://hits.example.org{path}");
        site.routes = routes(&site.store, &site.rankings, visibility, &base_url, 0);
        site
    }

    #[allow(dead_code)] // of the tests that share this, only that of the badges needs it
    /// The same, with the addresses of other counters.
    pub(crate) async fn with_others() -> Site {
        let mut site = Site::new(Visibility::Public).await;
        let others =
            OtherCounter::EVERY.into_iter().fold(OtherCounters::default(), |all, (one, _)| all.with(one));
        let app = app(&site.store, &site.rankings, Visibility::Public, "https://hits.example.org", 0);
        let glob = |text: &str| Glob::new(text).unwrap();
        let groups =
            vec![NameGroup { name: "site".to_owned(), members: vec![glob("you/*"), glob("日本/<b>&\"'")] }];
        site.routes = router(Arc::new(App { others, groups, ..app }), None);
        site
    }

    #[allow(dead_code)] // of the tests that share this, only that of the pages needs it
    /// A site that keeps visits.
    pub(crate) async fn keeping_visits() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let retention = Retention { visits: 20, ..Retention::default() };
        let store = tallymark_store::open(&url, retention).await.unwrap();
        fill(&*store).await;
        Site::over(store, Visibility::Public, dir, 20)
    }

    #[allow(dead_code)] // of the tests that share this, only that of the pages needs it
    /// A site on which nothing was ever counted.
    pub(crate) async fn empty() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let site = Site::over(store, Visibility::Public, dir, 0);
        site.rankings.refresh().await.unwrap();
        site
    }

    #[allow(dead_code)] // of the tests that share this, only that of the pages needs it
    /// A site without a badge: addresses were counted, and orders with what they ended with.
    pub(crate) async fn without_hits() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let claim = store.claim(Uuid::new_v4()).await.unwrap();
        let event = |text: &str| Event::new(text.as_bytes()).unwrap();
        let entry = |of, name, count| Entry {
            event: event(of),
            name: Name::new(name).unwrap(),
            when: When::Day(NOW.day()),
            count,
        };
        let entries = vec![
            entry("like", "acme", 2),
            entry("order", "acme", 5),
            entry("pageview", "acme", 9),
            entry("url", "https://www.example.com/", 7),
        ];
        let status = |status, count| StatusCount {
            event: event("order"),
            name: Name::new("acme").unwrap(),
            month: NOW.day().month(),
            status: Status::new(status).unwrap(),
            count,
        };
        let statuses = vec![status("closed", 3), status("<b>", 1)];
        let batch = Batch::of(claim.instance, 1, Counts { entries, statuses, ..Counts::default() });
        store.apply(&claim, &[batch]).await.unwrap();
        let site = Site::over(store, Visibility::Public, dir, 0);
        site.rankings.refresh().await.unwrap();
        site
    }

    #[allow(dead_code)] // the same
    /// A site with one hit of each of many names.
    pub(crate) async fn crowded(names: impl Iterator<Item = String>) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let when = When::Day(NOW.day());
        let entry =
            |name: String| Entry { event: Event::HIT, name: Name::new(&name).unwrap(), when, count: 1 };
        let claim = store.claim(Uuid::new_v4()).await.unwrap();
        let counts = Counts::folded(names.map(entry).collect(), Vec::new());
        store.apply(&claim, &batches(claim.instance, 1, counts)).await.unwrap();
        Site::over(store, Visibility::Public, dir, 0)
    }

    /// A site whose store never answers.
    #[allow(dead_code)] // of the tests that share this, not each needs it
    pub(crate) async fn without_store() -> Site {
        // Nothing listens there: port 1 is not a port that is given away.
        let url = "redis://127.0.0.1:1".parse().unwrap();
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        Site::over(store, Visibility::Public, tempfile::tempdir().unwrap(), 0)
    }

    fn over(store: Arc<dyn Store>, visibility: Visibility, dir: tempfile::TempDir, visits: usize) -> Site {
        let rankings = Arc::new(Rankings::new(store.clone(), || NOW, Default::default()));
        let routes = routes(&store, &rankings, visibility, "https://hits.example.org", visits);
        Site { _dir: dir, store, rankings, routes }
    }

    #[allow(dead_code)] // of the tests that share this, only that of the pages needs it
    /// Counts something that the rankings have not seen yet.
    pub(crate) async fn count(&self, event: &str, name: &str, count: u64) {
        let claim = self.store.claim(Uuid::new_v4()).await.unwrap();
        let (event, name) = (Event::new(event.as_bytes()).unwrap(), Name::new(name).unwrap());
        let entries = vec![Entry { event, name, when: When::Minute(NOW.minute()), count }];
        let batch = Batch::of(claim.instance, 1, entries);
        self.store.apply(&claim, &[batch]).await.unwrap();
    }

    #[allow(dead_code)] // of the tests that share this, only that of the pages needs it
    /// The first segment of every route, of these and of more.
    pub(crate) fn first_segments(&self, more: Router) -> std::collections::BTreeSet<String> {
        // axum tells its routes to nobody but a debugger.
        let routes = format!("{:?}", self.routes.clone().merge(more));
        let paths = routes.split('"').filter_map(|text| text.strip_prefix('/'));
        paths.map(|path| path.split('/').next().unwrap_or_default().to_owned()).collect()
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> (StatusCode, HeaderMap, String) {
        let token = token.map(|token| format!("Bearer {token}")).unwrap_or_default();
        self.get_with(path, "authorization", &token).await
    }

    pub(crate) async fn get_with(
        &self,
        path: &str,
        header: &str,
        value: &str,
    ) -> (StatusCode, HeaderMap, String) {
        self.get_with_all(path, &[(header, value)]).await
    }

    pub(crate) async fn get_with_all(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, HeaderMap, String) {
        let request = headers.iter().fold(Request::get(path), |all, (key, value)| all.header(*key, *value));
        let answer = self.routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }
}

fn routes(
    store: &Arc<dyn Store>,
    rankings: &Arc<Rankings>,
    visibility: Visibility,
    base_url: &str,
    visits: usize,
) -> Router {
    router(Arc::new(app(store, rankings, visibility, base_url, visits)), None)
}

fn app(
    store: &Arc<dyn Store>,
    rankings: &Arc<Rankings>,
    visibility: Visibility,
    base_url: &str,
    visits: usize,
) -> App {
    let tokens = vec!["a-token-of-sixteen".to_owned()];
    App {
        rankings: rankings.clone(),
        counter: Arc::new(Stored(store.clone())),
        ledger: Arc::new(Closed),
        corrections: Arc::new(Closed),
        store: store.clone(),
        look: Arc::new(ArcSwap::from_pointee(Look::default())),
        base_url: BaseUrl::configured(base_url),
        access: Access::new(visibility, tokens, base_url, Vec::new(), Default::default()),
        body_bytes: 1 << 20,
        visits: KeptVisits::of_every_event(visits),
        avatars: None,
        github: None,
        hitme_zone: Default::default(),
        stats_prefix: Default::default(),
        others: Default::default(),
        events: Vec::new(),
        groups: Vec::new(),
        news: None,
        now: || NOW,
    }
}

/// 1,234 today, 100 three days ago, 50,000 twenty days ago, and a million in 2015.
async fn fill(store: &dyn Store) {
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    let today = NOW.day().0;
    let name = Name::new("you/repo").unwrap();
    let entry = |when, count| Entry { event: Event::HIT, name: name.clone(), when, count };
    let mut entries = vec![
        entry(When::Minute(Minute(today * 1440 + 600)), 1234),
        entry(When::Day(Day(today - 3)), 100),
        entry(When::Day(Day(today - 20)), 50_000),
        entry(When::Day(Day::parse(b"2015-12-25").unwrap()), 1_000_000),
        Entry { name: Name::new("日本/<b>&\"'").unwrap(), ..entry(When::Day(Day(today)), 1) },
        Entry { name: Name::new("عربي/مستودع").unwrap(), ..entry(When::Day(Day(today)), 2) },
        Entry { name: Name::new(&"wide".repeat(50)).unwrap(), ..entry(When::Day(Day(today - 2)), 9) },
        Entry { event: Event::new(b"like").unwrap(), ..entry(When::Minute(Minute(today * 1440 + 717)), 3) },
    ];
    entries.sort();
    // GitHub's proxy has no country.
    let visit = |at: i32| {
        let class = ClientClass::EVERY[(at * at) as usize % 5];
        let country = Country::parse(["DE", "ZZ", "LOCAL", "-"][at as usize % 4]);
        let asker = Asker { country: country.filter(|_| class != ClientClass::GithubCamo), details: None };
        Visit { asker, ..Visit::new(Minute(today * 1440 + 600 + at * 7), class) }
    };
    let visits = vec![Visits { event: Event::HIT, name, last: (0..17).map(visit).collect() }];
    let batch = Batch { visits, ..Batch::of(claim.instance, 1, entries) };
    store.apply(&claim, &[batch]).await.unwrap();
}
