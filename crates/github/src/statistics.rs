//! The statistics that are known, and when they are asked for again.
//!
//! Until the soft age they are shown as they are; until the hard age they are shown and refreshed behind; after that
//! GitHub is asked first, and if it does not answer, the last ones are shown with their age. Whatever fails, they stay.
//! They are in the store, so a restart asks nobody. For one account there is one question at a time, whoever waits for
//! it, and whoever goes away ends none.

use crate::{
    AccountName, Contributions,
    api::{GithubAccess, GithubApi},
    code, contributions,
    error::GithubError,
    kept::{self, Aged, NOBODY, SHELF, StatsRecord, Work},
    recent::RecentAccounts,
    stats::{Measured, measure},
    status::{self, TokenStatus},
    token::Budget,
    tracked::TrackedAccounts,
    traffic::{self, RepositoryTraffic},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::Counter, gauge::ConstGauge},
    registry::Registry,
};
use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tallymark_core::Now;
use tallymark_store::Store;
use tokio::sync::{Semaphore, watch};
use tracing::{debug, warn};

const DAY: u64 = 86_400;
/// How long nobody asks again after a failure.
const FAILED: u64 = 60;
/// How many accounts are remembered beside the store.
const REMEMBERED: usize = 1000;
/// How many accounts are asked for at a time.
const AT_ONCE: usize = 4;

/// The soft age differs by one part in so many.
const JITTER: u64 = 10;

/// When statistics are asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatsAges {
    /// Younger ones are shown as they are.
    pub soft: Duration,
    /// Older ones are shown only if GitHub does not answer.
    pub hard: Duration,
}

impl Default for StatsAges {
    fn default() -> StatsAges {
        StatsAges { soft: Duration::from_secs(600), hard: Duration::from_secs(DAY) }
    }
}

impl StatsAges {
    /// The soft age of statistics, up to a tenth shorter: accounts that were asked for together are not asked for together
    /// again. The same of each whenever somebody looks.
    fn soft_of(self, login: &AccountName, at: u64) -> u64 {
        let soft = self.soft.as_secs();
        let mut hasher = DefaultHasher::new();
        (login, at).hash(&mut hasher);
        soft - hasher.finish() % (soft / JITTER + 1)
    }
}

/// Why there are no statistics to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStats {
    /// GitHub has no such account.
    #[error("GitHub has no such account")]
    Nobody,
    /// There are none yet, and GitHub does not answer, or not in time.
    #[error("there are none yet")]
    NotYet,
}

/// What is remembered of an account.
#[derive(Clone, Debug)]
struct KnownStats {
    record: Option<Arc<StatsRecord>>,
    /// Nobody asks before, whatever the age: the last question failed.
    rests_until: u64,
    /// Why it failed.
    why: Option<Arc<GithubError>>,
}

/// The result of a question, for all who wait for it.
type Answered = Result<Aged, NoStats>;

/// The statistics of GitHub's accounts.
pub struct Statistics {
    api: GithubApi,
    tracked: TrackedAccounts,
    store: Arc<dyn Store>,
    ages: StatsAges,
    /// How long a request waits for GitHub.
    patience: Duration,
    known: Mutex<RecentAccounts<KnownStats>>,
    flights: Mutex<HashMap<AccountName, watch::Receiver<Option<Answered>>>>,
    turns: Semaphore,
    /// How often an account was not asked for, because the calls left are kept for tracked ones.
    reserved: Counter,
    me: Weak<Statistics>,
}

impl Statistics {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(
        access: GithubAccess,
        ages: StatsAges,
        store: Arc<dyn Store>,
        now: fn() -> Now,
    ) -> Arc<Statistics> {
        // Two calls at least, and a turn.
        let patience = access.within * 2;
        Arc::new_cyclic(|me| Statistics {
            api: GithubApi::new(access, now),
            tracked: TrackedAccounts::new(store.clone()),
            store,
            ages,
            patience,
            known: Mutex::new(RecentAccounts::new(REMEMBERED)),
            flights: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
            reserved: Counter::default(),
            me: me.clone(),
        })
    }

    /// Registers everything. The registry adds the prefix `tallymark_`.
    pub fn register(self: &Arc<Statistics>, registry: &mut Registry) {
        self.api.register(registry);
        let help = "Accounts that were not asked for, because the calls left are kept for tracked ones";
        registry.register("github_reserved", help, self.reserved.clone());
        registry.register_collector(Box::new(TokenGauges(Arc::downgrade(self))));
    }

    /// What is to be shown of an account.
    ///
    /// # Errors
    ///
    /// [`NoStats`]: there is nothing to show.
    pub async fn of(&self, login: &AccountName) -> Answered {
        let known = self.known(login).await?;
        let now = self.api.seconds();
        let Some(record) = &known.record else {
            return if now < known.rests_until { Err(NoStats::NotYet) } else { self.ask(login).await };
        };
        let age = now.saturating_sub(record.at);
        match record.aged(false) {
            Err(_) if age < NOBODY => Err(NoStats::Nobody),
            Ok(shown) if age < self.ages.soft_of(login, record.at) => Ok(shown),
            Ok(shown) if age < self.ages.hard.as_secs() => {
                if now >= known.rests_until {
                    drop(self.flight(login));
                }
                Ok(shown)
            }
            _ if now < known.rests_until => record.aged(true),
            _ => self.ask(login).await,
        }
    }

    /// Asks GitHub, or waits for the question that is already asked. What is known is the answer if GitHub has none.
    ///
    /// # Errors
    ///
    /// [`NoStats`]: there is nothing to show.
    pub async fn ask(&self, login: &AccountName) -> Answered {
        let mut flight = self.flight(login);
        let answered = flight.wait_for(Option::is_some);
        match tokio::time::timeout(self.patience, answered).await {
            Ok(Ok(answer)) => answer.clone().unwrap_or(Err(NoStats::NotYet)),
            // It goes on, and the next request has it.
            _ => self.last(login),
        }
    }

    /// Why the last question for an account got no answer, for whoever asked it; `None` if it got one, or is still under way.
    pub fn why_not(&self, login: &AccountName) -> Option<Arc<GithubError>> {
        self.lock_known().find(login)?.why.clone()
    }

    /// Whether what users have done can be known.
    pub fn has_tokens(&self) -> bool {
        self.api.has_tokens()
    }

    /// The accounts that are refreshed by themselves.
    pub fn tracked(&self) -> &TrackedAccounts {
        &self.tracked
    }

    /// What the store has, whatever its age; nobody is asked.
    pub async fn stored(&self, login: &AccountName) -> Option<Aged> {
        let record = self.known(login).await.ok()?.record?;
        let age = self.api.seconds().saturating_sub(record.at);
        record.aged(age >= self.ages.hard.as_secs()).ok()
    }

    /// How often a repository of an account was looked at and cloned lately, for whoever may push to it.
    ///
    /// # Errors
    ///
    /// GitHub does not tell.
    pub async fn traffic(
        &self,
        owner: &AccountName,
        repository: &str,
    ) -> Result<RepositoryTraffic, GithubError> {
        traffic::measure(&self.api, owner, repository).await
    }

    /// What each token may still do, and whose it is, which costs one call each.
    pub async fn token_status(&self) -> Vec<TokenStatus> {
        status::of_each(&self.api).await
    }

    /// When an account was measured last, in seconds since 1970, here or in another process; 0 if never.
    pub(crate) async fn measured_at(&self, login: &AccountName) -> u64 {
        let here =
            self.lock_known().find(login).and_then(|known| known.record.as_ref().map(|record| record.at));
        let there = self.store.kept(SHELF, login.as_str()).await.ok().flatten().map(|kept| kept.at);
        here.max(there).unwrap_or(0)
    }

    /// The clock, in seconds since 1970.
    pub fn now_in_seconds(&self) -> u64 {
        self.api.seconds()
    }

    /// The last good ones, if there are any.
    fn last(&self, login: &AccountName) -> Answered {
        let record = self.lock_known().find(login).and_then(|known| known.record.clone());
        record.map_or(Err(NoStats::NotYet), |record| record.aged(true))
    }

    /// The one question for an account that is under way, or a new one.
    fn flight(&self, login: &AccountName) -> watch::Receiver<Option<Answered>> {
        let mut flights = self.lock_flights();
        if let Some(flight) = flights.get(login) {
            return flight.clone();
        }
        let (land, flight) = watch::channel(None);
        if let Some(me) = self.me.upgrade() {
            flights.insert(login.clone(), flight.clone());
            let login = login.clone();
            tokio::spawn(async move {
                let answer = me.measure(&login).await;
                // In this order: whoever has the answer and asks again gets another one.
                me.lock_flights().remove(&login);
                land.send_replace(Some(answer));
            });
        }
        flight
    }

    async fn measure(&self, login: &AccountName) -> Answered {
        let known = self.known(login).await?;
        let before = known.record.as_ref().and_then(|record| record.measured.as_ref());
        let measured = match self.turns.acquire().await {
            Ok(_) if !self.may_ask(login, Budget::Rest).await => Err(GithubError::Reserved),
            Ok(_turn) => measure(&self.api, login, before).await,
            Err(_) => Err(GithubError::Ends),
        };
        let now = self.api.seconds();
        let measured = match measured {
            Ok(measured) => Some(measured),
            Err(GithubError::Nobody) => None,
            Err(why) => {
                debug!(%login, error = &why as &dyn std::error::Error, "no statistics");
                let (rests_until, why) = (now + FAILED, Some(Arc::new(why)));
                self.lock_known().put(login.clone(), KnownStats { record: known.record, rests_until, why });
                return self.last(login);
            }
        };
        let work = match &measured {
            Some(measured) => self.work(login, known.record.as_deref(), measured).await,
            None => Arc::default(),
        };
        let record = Arc::new(StatsRecord { measured, at: now, work });
        self.lock_known()
            .put(login.clone(), KnownStats { record: Some(record.clone()), rests_until: 0, why: None });
        self.keep(login, &record).await;
        record.aged(false)
    }

    /// What the GraphQL API says, as far as it answers. What fails is as it was, with its age.
    async fn work(
        &self,
        login: &AccountName,
        before: Option<&StatsRecord>,
        measured: &Measured,
    ) -> Arc<Work> {
        let last = before.map(|record| record.work.clone()).unwrap_or_default();
        if !self.api.has_tokens() || !self.may_ask(login, Budget::Graph).await {
            return last;
        }
        let failed = |what: &'static str, why: GithubError| {
            debug!(%login, error = &why as &dyn std::error::Error, "{what} are not known");
        };
        let mut work = Work::clone(&last);
        if measured.stats.is_organization {
            // It may have been a user's before.
            work.contributions = None;
        } else {
            match self.contributions(login).await {
                Ok(contributions) => work.contributions = Some(contributions),
                Err(why) => failed("contributions", why),
            }
        }
        let now = self.api.seconds();
        // What was not measured with them may be older than they are.
        let same = |before: &StatsRecord, at: u64| {
            at >= before.at
                && before.measured.as_ref().is_some_and(|pages| measured.has_repositories_of(pages))
        };
        match &mut work.code {
            // Nobody has pushed since.
            Some(code) if before.is_some_and(|before| same(before, code.at)) => code.at = now,
            _ => match code::measure(&self.api, login, measured.stats.originals, now).await {
                Ok(code) => work.code = Some(code),
                Err(why) => failed("the sizes of languages", why),
            },
        }
        Arc::new(work)
    }

    /// Whatever was learnt of years that are over is kept, also if the rest fails.
    async fn contributions(&self, login: &AccountName) -> Result<Contributions, GithubError> {
        let kept = kept::years(&*self.store, login).await.map_err(|error| {
            debug!(%login, %error, "the store does not say which years are known");
            GithubError::Store
        })?;
        let mut years = kept.clone();
        let measured = contributions::measure(&self.api, login, &mut years, self.api.seconds()).await;
        if years != kept {
            let stored = kept::keep_years(&*self.store, login, &years, self.api.seconds()).await;
            if let Err(error) = stored {
                warn!(%login, %error, "past years were not kept; they are asked for again");
            }
        }
        measured
    }

    /// Whether there are calls for this account. Strangers ask for any name, and must not use up those of tracked ones.
    async fn may_ask(&self, login: &AccountName, budget: Budget) -> bool {
        let may = self.api.has_plenty(budget) || matches!(self.tracked.find(login).await, Ok(Some(_)));
        if !may {
            self.reserved.inc();
        }
        may
    }

    async fn keep(&self, login: &AccountName, record: &StatsRecord) {
        if let Err(error) = kept::keep(&*self.store, login, record, record.at).await {
            warn!(%login, %error, "statistics were not kept; they are asked for again after a restart");
        }
    }

    /// What memory or the store has. Without the store nobody is asked, or its restart would cost a call for everyone.
    async fn known(&self, login: &AccountName) -> Result<KnownStats, NoStats> {
        if let Some(known) = self.lock_known().find(login) {
            return Ok(known.clone());
        }
        let record = kept::record(&*self.store, login).await.map_err(|error| {
            debug!(%login, %error, "the store does not say whether it keeps statistics");
            NoStats::NotYet
        })?;
        let known = KnownStats { record: record.map(Arc::new), rests_until: 0, why: None };
        self.lock_known().put(login.clone(), known.clone());
        Ok(known)
    }

    fn lock_known(&self) -> MutexGuard<'_, RecentAccounts<KnownStats>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_flights(&self) -> MutexGuard<'_, HashMap<AccountName, watch::Receiver<Option<Answered>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many tokens are in which state, when somebody looks.
struct TokenGauges(Weak<Statistics>);

impl fmt::Debug for TokenGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenGauges")
    }
}

impl Collector for TokenGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(statistics) = self.0.upgrade() else { return Ok(()) };
        let states = statistics.api.token_states();
        let rows = [("ready", states.ready), ("resting", states.resting), ("revoked", states.revoked)];
        let gauge = ConstGauge::new(0i64);
        let mut metric = encoder.encode_descriptor(
            "github_tokens",
            "Tokens for GitHub, by state",
            None,
            gauge.metric_type(),
        )?;
        for (state, count) in rows {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(metric.encode_family(&[("state", state)])?)?;
        }
        Ok(())
    }
}
