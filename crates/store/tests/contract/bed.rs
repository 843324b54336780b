//! A store for tests, and short helpers for them.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tallymark_core::{
    Batch, Counts, Day, Entry, Event, Levels, MAX_BATCH_NAMES, Minute, Month, Name, Status, StatusCount, When,
};
use tallymark_store::{Claim, Outcome, Retention, Store, StoreUrl, current::Current};
use tallymark_testbed::{Certificates, Redis, Sentinels, free_tcp_port};
use tempfile::TempDir;
use uuid::Uuid;

/// A store of a test, which goes away with it.
pub(crate) struct Bed {
    url: StoreUrl,
    pub(crate) retention: Retention,
    pub(crate) redis: Option<Redis>,
    sentinels: Option<Sentinels>,
    #[expect(dead_code, reason = "the files go away with it")]
    certificates: Option<Certificates>,
    /// Hours and minutes are not written, only shown.
    held: bool,
    dir: TempDir,
}

impl Bed {
    pub(crate) fn sqlite() -> Bed {
        let dir = TempDir::new().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("new/directory/tallymark.db"));
        Bed::new(url, dir)
    }

    fn new(url: StoreUrl, dir: TempDir) -> Bed {
        let retention = Retention::default();
        Bed { url, retention, redis: None, sentinels: None, certificates: None, held: false, dir }
    }

    /// The master that three Sentinels name.
    pub(crate) fn sentinels() -> Bed {
        let sentinels = Sentinels::start(1, &[]);
        let url = StoreUrl::Redis(sentinels.url());
        Bed { sentinels: Some(sentinels), ..Bed::new(url, TempDir::new().unwrap()) }
    }

    /// A Redis that asks for TLS, and for a certificate of ours.
    pub(crate) fn secure() -> Bed {
        let (made, port) = (Certificates::make(), free_tcp_port());
        let file = |name: &str| made.file(name).display().to_string();
        let redis = Redis::builder()
            .config("bind 127.0.0.1 127.0.0.2")
            .config(&format!("tls-port {port}"))
            .config(&format!("tls-cert-file {}", file("server.pem")))
            .config(&format!("tls-key-file {}", file("server.key")))
            .config(&format!("tls-ca-cert-file {}", file("ca.pem")))
            .start();
        let (ca, cert, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
        let url = StoreUrl::Redis(format!("rediss://localhost:{port}/0?ca={ca}&cert={cert}&key={key}"));
        let dir = TempDir::new().unwrap();
        Bed { redis: Some(redis), certificates: Some(made), ..Bed::new(url, dir) }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        let StoreUrl::Redis(url) = &self.url else { panic!("not a Redis: {}", self.url) };
        url.clone()
    }

    pub(crate) fn redis() -> Bed {
        Bed::on(Redis::start())
    }

    /// A Redis as its writer sees it that holds hours and minutes back.
    pub(crate) fn held() -> Bed {
        Bed { held: true, ..Bed::redis() }
    }

    pub(crate) fn on(redis: Redis) -> Bed {
        let (url, dir) = (StoreUrl::Redis(redis.url()), TempDir::new().unwrap());
        Bed { redis: Some(redis), ..Bed::new(url, dir) }
    }

    /// Another handle on the same store, as another process would have one.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        let store = tallymark_store::open(&self.url, self.retention).await.unwrap();
        if self.held { Arc::new(Current::new(store)) } else { store }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("new/directory/tallymark.db")
    }

    #[track_caller]
    pub(crate) fn server(&self) -> &Redis {
        self.redis.as_ref().unwrap()
    }

    #[track_caller]
    pub(crate) fn set(&self) -> &Sentinels {
        self.sentinels.as_ref().unwrap()
    }

    #[track_caller]
    pub(crate) fn cli(&self, command: &str) -> String {
        self.server().cli(&command.split(' ').collect::<Vec<_>>())
    }

    /// The file of a SQLite store, as another program sees it.
    pub(crate) fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

/// A store with a claim, which numbers its batches.
pub(crate) struct Desk {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) claim: Claim,
    pub(crate) seq: u64,
    levels: Levels,
}

impl Desk {
    pub(crate) async fn new(bed: &Bed) -> Desk {
        Desk::of(bed, Uuid::new_v4()).await
    }

    pub(crate) async fn of(bed: &Bed, instance: Uuid) -> Desk {
        let store = bed.open().await;
        let claim = store.claim(instance).await.unwrap();
        let levels = if bed.held { Levels::Days } else { Levels::All };
        Desk { store, claim, seq: claim.marker, levels }
    }

    /// The batch with this number.
    pub(crate) fn batch(&self, seq: u64, entries: &[Entry]) -> Batch {
        let mut entries = entries.to_vec();
        entries.sort();
        Batch::of(self.claim.instance, seq, entries)
    }

    pub(crate) async fn apply(&self, batches: &[Batch]) -> Vec<Outcome> {
        self.store.apply(&self.claim, batches).await.unwrap()
    }

    /// Counts entries in as many batches as they need. Returns the totals and how many keys were skipped.
    pub(crate) async fn count(&mut self, entries: &[Entry]) -> (Vec<i64>, u64) {
        self.count_with(entries, &[]).await
    }

    /// The same with statuses beside the entries.
    pub(crate) async fn count_with(
        &mut self,
        entries: &[Entry],
        statuses: &[StatusCount],
    ) -> (Vec<i64>, u64) {
        self.count_on(self.levels, entries, statuses).await
    }

    /// The same in batches that write only some counts.
    pub(crate) async fn count_on(
        &mut self,
        levels: Levels,
        entries: &[Entry],
        statuses: &[StatusCount],
    ) -> (Vec<i64>, u64) {
        assert!(entries.len() <= MAX_BATCH_NAMES * 10);
        let counts = Counts::folded(entries.to_vec(), statuses.to_vec());
        let batches = tallymark_core::batches(self.claim.instance, self.seq + 1, counts);
        let batches: Vec<Batch> = batches.into_iter().map(|batch| batch.on(levels)).collect();
        self.seq += batches.len() as u64;
        let (mut all, mut left) = (Vec::new(), 0);
        for outcome in self.apply(&batches).await {
            let Outcome::Applied { totals, quarantined } = outcome else { panic!("{outcome:?}") };
            all.extend(totals);
            left += quarantined;
        }
        (all, left)
    }

    pub(crate) async fn total(&self, name: &str) -> i64 {
        let name = if name == tallymark_core::ALL { Name::all() } else { named(name) };
        self.store.totals(Event::HIT, &[name]).await.unwrap()[0]
    }

    /// Every name of an event, sorted.
    pub(crate) async fn names(&self, event: Event) -> Vec<String> {
        let (mut names, mut start) = (Vec::new(), None::<String>);
        loop {
            let page = self.store.names(event, start.as_deref(), 1000).await.unwrap();
            names.extend(page.names.iter().map(Name::to_string));
            start = page.next;
            if start.is_none() {
                names.sort();
                names.dedup();
                return names;
            }
        }
    }
}

pub(crate) fn named(name: &str) -> Name {
    Name::new(name).unwrap()
}

pub(crate) fn event(text: &str) -> Event {
    Event::new(text.as_bytes()).unwrap()
}

/// N hits of a name in a minute.
pub(crate) fn at(name: &str, minute: Minute, count: u64) -> Entry {
    Entry { event: Event::HIT, name: named(name), when: When::Minute(minute), count }
}

/// N hits of a name on a day.
pub(crate) fn on(name: &str, day: Day, count: u64) -> Entry {
    Entry { when: When::Day(day), ..at(name, Minute(0), count) }
}

/// N orders of a name with this status, in a month.
pub(crate) fn ended(name: &Name, month: Month, status: &str, count: u64) -> StatusCount {
    let status =
        if status == tallymark_core::OVERFLOW { Status::overflow() } else { Status::new(status).unwrap() };
    StatusCount { event: event("order"), name: name.clone(), month, status, count }
}

/// 2026-11-20T13:07Z.
pub(crate) fn noon() -> Minute {
    Minute(Day::from_date(2026, 11, 20).unwrap().first_minute().0 + 13 * 60 + 7)
}

/// This minute.
pub(crate) fn present() -> Minute {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Minute((now.as_secs() / 60) as i32)
}

pub(crate) fn applied(totals: &[i64]) -> Outcome {
    Outcome::Applied { totals: totals.to_vec(), quarantined: 0 }
}
