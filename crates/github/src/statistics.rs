//! The known statistics, and when they are fetched again.
//!
//! Until the soft age they are shown as they are. Until the hard age they are shown, and refreshed in the background.
//! After that GitHub is asked first, and if it does not answer, the last ones are shown with their age. Whatever fails,
//! they stay. They are in the store, so a restart fetches nothing, and results of other processes are seen within
//! seconds. `questions` decides who waits for a request, and how many can.

use crate::{
    AccountName, Contributions,
    ahead::rests,
    api::{GithubAccess, GithubApi},
    code, contributions,
    error::GithubError,
    evidence::GithubProof,
    kept::{self, Aged, Answered, KeptRecord, NOBODY, NoStats, StatsRecord, Work},
    missing::{DAY, MissingAccount},
    questions::{AccountQuestion, AskedQuestion, AwaitedAnswer, Questions},
    recent::RecentAccounts,
    stats::{Measured, measure},
    status,
    token::Budget,
    tracked::TrackedAccounts,
    traffic::{self, RepositoryTraffic},
    work_news::{UnreadWork, WorkNews, WorkPart, is_of_account},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::Counter, gauge::ConstGauge},
    registry::Registry,
};
use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tallymark_core::Now;
use tallymark_store::Store;
use tracing::{debug, warn};

/// How long to wait after a failure.
const FAILED: u64 = 60;
/// How many accounts are kept in memory, in addition to the store.
const REMEMBERED: usize = 1000;
/// How long what is remembered is believed without a look at the store, in seconds: another process may have asked GitHub.
const LOOKED: u64 = 2;
/// How long such a look may take. What is remembered is good enough.
const LOOK: Duration = Duration::from_millis(250);

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
    /// The soft age of statistics, shortened by up to a tenth, so that accounts that were fetched together are not
    /// fetched together again. For each account it is always the same.
    fn soft_of(self, login: &AccountName, at: u64) -> u64 {
        let soft = self.soft.as_secs();
        let mut hasher = DefaultHasher::new();
        (login, at).hash(&mut hasher);
        soft - hasher.finish() % (soft / JITTER + 1)
    }
}

/// What is remembered of an account.
#[derive(Clone, Debug, Default)]
struct KnownStats {
    record: Option<Arc<StatsRecord>>,
    /// By what the store's is known from it.
    print: Option<u64>,
    /// When the store was looked at, in seconds since 1970.
    looked: u64,
    /// No request before this time, whatever the age: the last one failed.
    rests_until: u64,
    /// Why it failed.
    why: Option<Arc<GithubError>>,
    /// It did not fail, but for this.
    unread: Vec<UnreadWork>,
}

/// The statistics of GitHub's accounts.
pub struct Statistics {
    api: GithubApi,
    tracked: TrackedAccounts,
    store: Arc<dyn Store>,
    ages: StatsAges,
    /// How long a request waits for GitHub.
    patience: Duration,
    known: Mutex<RecentAccounts<KnownStats>>,
    questions: Questions,
    proof: GithubProof,
    news: WorkNews,
    /// How often an account was not asked for, because the calls left are kept for tracked ones.
    reserved: Counter,
    me: Weak<Statistics>,
}

impl Statistics {
    /// Makes no request yet.
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
            questions: Questions::default(),
            proof: GithubProof::default(),
            news: WorkNews::default(),
            reserved: Counter::default(),
            me: me.clone(),
        })
    }

    /// Registers everything. The registry adds the prefix `tallymark_`.
    pub fn register(self: &Arc<Statistics>, registry: &mut Registry) {
        self.api.register(registry);
        self.questions.register(registry);
        let help = "Accounts that were not asked for, because the calls left are kept for tracked ones";
        registry.register("github_reserved", help, self.reserved.clone());
        registry.register_collector(Box::new(TokenGauges(Arc::downgrade(self))));
    }

    /// What is to be shown of an account.
    ///
    /// # Errors
    ///
    /// [`NoStats`]: there is nothing to show.
    pub async fn of(&self, login: &AccountName) -> Result<Aged, NoStats> {
        let known = self.known(login).await?;
        let now = self.api.seconds();
        let rests = rests(known.rests_until, FAILED, now);
        let Some(record) = &known.record else {
            return if rests { Err(NoStats::NotYet) } else { self.ask(login).await };
        };
        let is_old = record.is_old(self.ages.hard, now);
        if now < self.due(login, record) {
            return record.shown(is_old);
        }
        let asks_first = !record.is_gone() && (record.measured.is_none() || is_old);
        match (asks_first, rests) {
            (true, false) => return self.ask(login).await,
            (false, false) => self.ask_behind(login),
            (_, true) => {}
        }
        record.shown(is_old)
    }

    /// When a view asks GitHub again, in seconds since 1970.
    fn due(&self, login: &AccountName, record: &StatsRecord) -> u64 {
        match (record.missing, &record.measured) {
            _ if record.is_ahead(self.api.seconds()) => 0,
            (Some(missing), _) => missing.due(),
            (None, Some(_)) => record.at.saturating_add(self.ages.soft_of(login, record.at)),
            (None, None) => record.at.saturating_add(NOBODY),
        }
    }

    /// Asks GitHub, or waits for the question that is already asked. What is known is the answer if GitHub has none, or if too
    /// many others wait.
    ///
    /// # Errors
    ///
    /// [`NoStats`]: there is nothing to show.
    pub async fn ask(&self, login: &AccountName) -> Result<Aged, NoStats> {
        let waiting = match self.question(login, false, false) {
            None if self.is_tracked(login).await => self.question(login, true, false),
            waiting => waiting,
        };
        let Some(mut waiting) = waiting else {
            self.questions.count_full();
            return self.last(login);
        };
        let answered = waiting.wait_for(Option::is_some);
        match tokio::time::timeout(self.patience, answered).await {
            Ok(Ok(answer)) => answer.clone().unwrap_or(Err(NoStats::NotYet)),
            // If it has started it continues, and the next request has the result.
            _ => self.last(login),
        }
    }

    /// Why the last request for an account got no answer; `None` if it got one, or is still in progress.
    pub fn why_not(&self, login: &AccountName) -> Option<Arc<GithubError>> {
        self.lock_known().find(login)?.why.clone()
    }

    /// What the last request for an account did not bring, although it was answered.
    pub fn unread(&self, login: &AccountName) -> Vec<UnreadWork> {
        self.lock_known().find(login).map(|known| known.unread.clone()).unwrap_or_default()
    }

    /// Whether what users have done can be known.
    pub fn has_tokens(&self) -> bool {
        self.api.has_tokens()
    }

    /// The accounts that are refreshed by themselves.
    pub fn tracked(&self) -> &TrackedAccounts {
        &self.tracked
    }

    /// The last numbers, whatever their age, and also of an account that is gone; GitHub is not asked.
    pub async fn stored(&self, login: &AccountName) -> Option<Aged> {
        let record = self.known(login).await.ok()?.record?;
        record.aged(record.is_old(self.ages.hard, self.api.seconds()))
    }

    /// Since when GitHub says that there is no such account, if it said so last.
    pub async fn missing(&self, login: &AccountName) -> Option<MissingAccount> {
        self.known(login).await.ok()?.record?.missing
    }

    /// Whether there was such an account, and is none any more.
    pub async fn is_gone(&self, login: &AccountName) -> bool {
        self.missing(login).await.is_some_and(MissingAccount::is_gone)
    }

    /// How often a repository of an account was viewed and cloned lately. Needs a token that can push to it.
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

    /// The tokens by their last four characters, if GitHub refuses all of them; none if it takes one, or does not answer.
    pub async fn refused_tokens(&self) -> Vec<String> {
        status::all_refused(&self.api).await
    }

    /// When a tracked account is to be asked for again, in seconds since 1970, by what this process or another one has kept; 0
    /// if nothing is known.
    pub(crate) async fn next(&self, login: &AccountName, every: Duration) -> u64 {
        let here = self.lock_known().find(login).and_then(|known| known.record.clone());
        let there = kept::record(&*self.store, login, None).await.ok().flatten();
        let (there, now) = (there.map(|kept| Arc::new(kept.record)), self.api.seconds());
        let newest = here.into_iter().chain(there).reduce(|a, b| if b.beats(&a, now) { b } else { a });
        newest.map_or(0, |record| record.next(every, now))
    }

    /// The clock, in seconds since 1970.
    pub fn now_in_seconds(&self) -> u64 {
        self.api.seconds()
    }

    /// The last good ones, if there are any.
    fn last(&self, login: &AccountName) -> Answered {
        let record = self.lock_known().find(login).and_then(|known| known.record.clone());
        record.map_or(Err(NoStats::NotYet), |record| record.shown(true))
    }

    /// The one question for an account. `None`: too many are under way.
    fn question(&self, login: &AccountName, is_tracked: bool, is_owed: bool) -> Option<AwaitedAnswer> {
        let me = self.me.upgrade()?;
        match self.questions.ask(login, is_tracked, is_owed) {
            AskedQuestion::Joined(waiting) => Some(waiting),
            AskedQuestion::Begun(waiting, question) => {
                tokio::spawn(me.answer(question));
                Some(waiting)
            }
            AskedQuestion::Full => None,
        }
    }

    /// Asks GitHub behind an answer. If too many wait, the next view tries again.
    fn ask_behind(&self, login: &AccountName) {
        if self.question(login, false, true).is_none() {
            self.questions.count_full();
        }
    }

    async fn answer(self: Arc<Statistics>, question: Arc<AccountQuestion>) {
        let login = &question.login;
        let is_tracked = self.is_tracked(login).await;
        let Some(turn) = self.questions.turn(&question, is_tracked).await else { return };
        let answer = self.measure(login, is_tracked).await;
        drop(turn);
        self.questions.close(&question, answer);
    }

    async fn is_tracked(&self, login: &AccountName) -> bool {
        matches!(self.tracked.last_known(login).await, Ok(Some(_)))
    }

    async fn measure(&self, login: &AccountName, is_tracked: bool) -> Answered {
        let known = self.known(login).await?;
        let before = known.record.as_deref();
        let measured = match self.may_ask(is_tracked, Budget::Rest) {
            true => measure(&self.api, login, before.and_then(|record| record.measured.as_ref())).await,
            false => Err(GithubError::Reserved),
        };
        let mut unread = Vec::new();
        let record = match measured {
            Ok(measured) => {
                // Before what it has done is asked for, which is no older then.
                let at = self.api.seconds();
                let work = self.work(login, before, &measured, is_tracked, &mut unread).await;
                Ok(StatsRecord { measured: Some(measured), at, missing: None, work })
            }
            Err(GithubError::Nobody) => self.missed(before, is_tracked).await.ok_or(GithubError::Nobody),
            Err(why) => Err(why),
        };
        let now = self.api.seconds();
        match record {
            Ok(record) => {
                let record = Arc::new(record);
                self.keep(login, &record, kept::kept_until(&record, is_tracked, now), unread).await;
                record.shown(record.missing.is_some())
            }
            Err(why) => {
                debug!(%login, error = &why as &dyn std::error::Error, "no statistics");
                let (rests_until, why) = (now.saturating_add(FAILED), Some(Arc::new(why)));
                let known = KnownStats { rests_until, why, unread: Vec::new(), ..known };
                self.lock_known().put(login.clone(), known);
                self.last(login)
            }
        }
    }

    /// What is known now that GitHub has no such account. Of one that was known this needs a proof: without it nothing is.
    async fn missed(&self, before: Option<&StatsRecord>, is_tracked: bool) -> Option<StatsRecord> {
        let now = self.api.seconds();
        let was_known = before.is_some_and(|before| before.measured.is_some());
        if !was_known && !is_tracked {
            return Some(StatsRecord::of_nobody(now));
        }
        if !self.proof.holds(&self.api).await {
            return (!was_known).then(|| StatsRecord::of_nobody(now));
        }
        let missing = MissingAccount::again(before.and_then(|before| before.missing), now);
        let record = before.cloned().unwrap_or_else(|| StatsRecord::of_nobody(now));
        Some(StatsRecord { missing: Some(missing), ..record })
    }

    /// What the GraphQL API says, as far as it answers. What fails is as it was, with its age.
    async fn work(
        &self,
        login: &AccountName,
        before: Option<&StatsRecord>,
        measured: &Measured,
        is_tracked: bool,
        unread: &mut Vec<UnreadWork>,
    ) -> Arc<Work> {
        let last = before.map(|record| record.work.clone()).unwrap_or_default();
        if !self.api.has_tokens() || !self.may_ask(is_tracked, Budget::Graph) {
            return last;
        }
        // Answers whether the account itself is the reason.
        let mut failed = |part: WorkPart, why: GithubError| {
            self.news.failed(login, part, &why, is_tracked);
            debug!(%login, error = &why as &dyn std::error::Error, "{part} are not known");
            let is_of_account = is_of_account(&why);
            unread.push(UnreadWork { part, why: Arc::new(why) });
            is_of_account
        };
        let mut work = Work::clone(&last);
        if measured.stats.is_organization {
            // It may have been a user's before.
            (work.contributions, work.no_contributions) = (None, false);
        } else {
            match self.contributions(login).await {
                Ok(contributions) => {
                    self.news.answered(login, WorkPart::Contributions);
                    (work.contributions, work.no_contributions) = (Some(contributions), false);
                }
                Err(why) => work.no_contributions |= failed(WorkPart::Contributions, why),
            }
        }
        let now = self.api.seconds();
        // What was not measured with them may be older than they are.
        let same = |before: &StatsRecord, at: u64| {
            at >= before.at
                && before.measured.as_ref().is_some_and(|pages| measured.has_repositories_of(pages))
        };
        match &mut work.code {
            // There was no push since.
            Some(code) if before.is_some_and(|before| same(before, code.at)) => code.at = now,
            _ => match code::measure(&self.api, login, measured.stats.originals, now).await {
                Ok(code) => {
                    self.news.answered(login, WorkPart::Code);
                    (work.code, work.no_code) = (Some(code), false);
                }
                Err(why) => work.no_code |= failed(WorkPart::Code, why),
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
        let (mut years, now) = (kept.clone(), self.api.seconds());
        // A clock that was ahead may have taken others for over.
        contributions::keep_those_over(&mut years, now);
        let measured = contributions::measure(&self.api, login, &mut years, now).await;
        if years != kept {
            let stored = kept::keep_years(&*self.store, login, &years, self.api.seconds()).await;
            if let Err(error) = stored {
                warn!(%login, %error, "past years could not be stored; they will be fetched again");
            }
        }
        measured
    }

    /// Whether there are calls for this account. Strangers ask for any name, and must not use up those of tracked ones.
    fn may_ask(&self, is_tracked: bool, budget: Budget) -> bool {
        let may = is_tracked || self.api.has_plenty(budget);
        if !may {
            self.reserved.inc();
        }
        may
    }

    /// Remembers a record, here and in the store.
    async fn keep(
        &self,
        login: &AccountName,
        record: &Arc<StatsRecord>,
        until: u64,
        unread: Vec<UnreadWork>,
    ) {
        let why = record.missing.map(|_| Arc::new(GithubError::Nobody));
        let (looked, record_here) = (self.api.seconds(), Some(record.clone()));
        let known = KnownStats { record: record_here, looked, why, unread, ..KnownStats::default() };
        self.lock_known().put(login.clone(), known.clone());
        match kept::keep(&*self.store, login, record, until, looked).await {
            Ok(Some(print)) => {
                self.lock_known().put(login.clone(), KnownStats { print: Some(print), ..known });
            }
            // Another process has kept a newer one: the next look finds it.
            Ok(None) => self.lock_known().put(login.clone(), KnownStats { looked: 0, ..known }),
            Err(error) => {
                warn!(%login, %error, "statistics could not be stored; they will be fetched again after a \
                                       restart");
            }
        }
    }

    /// What memory or the store has. Without the store no request is made, or its restart would cost a call for every
    /// account.
    async fn known(&self, login: &AccountName) -> Result<KnownStats, NoStats> {
        let here = self.lock_known().find(login).cloned();
        if let Some(known) = here {
            return Ok(self.look(login, known).await);
        }
        let kept = kept::record(&*self.store, login, None).await.map_err(|error| {
            debug!(%login, %error, "the store does not say whether it keeps statistics");
            NoStats::NotYet
        })?;
        Ok(self.remember(login, KnownStats::default(), kept))
    }

    /// What is remembered, or what another process has kept since. The store is looked at every few seconds, and not waited for.
    async fn look(&self, login: &AccountName, known: KnownStats) -> KnownStats {
        let now = self.api.seconds();
        if now.abs_diff(known.looked) < LOOKED {
            return known;
        }
        // Before the look: meanwhile others take what is remembered.
        self.lock_known().put(login.clone(), KnownStats { looked: now, ..known.clone() });
        let kept = kept::record(&*self.store, login, known.print);
        match tokio::time::timeout(LOOK, kept).await {
            Ok(Ok(Some(kept))) => self.remember(login, known, Some(kept)),
            _ => known,
        }
    }

    /// Remembers what the store has, unless what is remembered is newer.
    fn remember(&self, login: &AccountName, known: KnownStats, kept: Option<KeptRecord>) -> KnownStats {
        let looked = self.api.seconds();
        let mut memory = self.lock_known();
        // Another request may have brought newer ones meanwhile.
        let here = memory.find(login).cloned().unwrap_or(known);
        let beats =
            |kept: &KeptRecord| here.record.as_ref().is_none_or(|here| kept.record.beats(here, looked));
        let there = kept.filter(beats);
        let known = match there {
            Some(KeptRecord { record, print }) => {
                let (record, print) = (Some(Arc::new(record)), Some(print));
                KnownStats { record, print, looked, ..KnownStats::default() }
            }
            None => KnownStats { looked, ..here },
        };
        memory.put(login.clone(), known.clone());
        known
    }

    fn lock_known(&self) -> MutexGuard<'_, RecentAccounts<KnownStats>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many tokens are in which state, computed on request.
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
