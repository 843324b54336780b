//! A fake GitHub, a store, and what a process makes of them.

use std::{sync::Arc, time::Duration};
use tallymark_core::Now;
use tallymark_github::{GithubAccess, GithubToken, Outgoing, Statistics, StatsAges};
use tallymark_store::{Retention, Store, StoreUrl};
use tallymark_testbed::{FakeGithub, Redis, TempDir, temp_dir};

pub(crate) const TOKEN: &str = "canary-token-0001";

/// A test's own.
pub(crate) struct Site {
    pub(crate) github: FakeGithub,
    pub(crate) store: Arc<dyn Store>,
    _dir: TempDir,
    _redis: Option<Redis>,
}

impl Site {
    pub(crate) async fn new() -> Site {
        let dir = temp_dir();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        Site { github: FakeGithub::start(), store, _dir: dir, _redis: None }
    }

    pub(crate) async fn on_redis() -> Site {
        let redis = Redis::start();
        let store = tallymark_store::open(&StoreUrl::Redis(redis.url()), Retention::default()).await.unwrap();
        Site { store, _redis: Some(redis), ..Site::new().await }
    }

    /// What a process has.
    pub(crate) fn statistics(&self, tokens: &[&str], now: fn() -> Now) -> Arc<Statistics> {
        self.statistics_at("", tokens, now)
    }

    /// The same with a path behind the address of the API.
    pub(crate) fn statistics_at(&self, path: &str, tokens: &[&str], now: fn() -> Now) -> Arc<Statistics> {
        let access = GithubAccess {
            api: format!("{}{path}", self.github.url()).parse().unwrap(),
            tokens: tokens.iter().map(|token| GithubToken::new(token).unwrap()).collect(),
            within: Duration::from_secs(20),
            outgoing: Outgoing::default(),
        };
        Statistics::new(access, StatsAges::default(), self.store.clone(), now)
    }
}
