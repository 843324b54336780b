//! A connection to Redis that is reopened when it breaks.
//!
//! It never sends anything twice: a call without an answer is an error, and its connection is dropped, so that a late
//! answer cannot be mistaken for that of another call. (The client's own managed connection keeps a connection that
//! only times out.) The store decides what may be repeated.

use super::{
    dialer::{Dialer, NamedMaster},
    explain::{explain, has_word, message},
    keys,
};
use crate::{Class, Result, StoreError, address};
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, Value,
    aio::MultiplexedConnection,
};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};
use uuid::Uuid;

/// Name resolution, TCP, AUTH and SELECT together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// One command. A batch takes 5 ms; a fork for a snapshot of many gigabytes takes longer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was idle for this long is checked before use. Otherwise, a server that has restarted, or that
/// closes idle connections, would only be noticed when a call fails.
const IDLE: Duration = Duration::from_millis(250);
/// How long that check may take before a new connection is opened.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// A server that lets an attempt wait for this long hangs. For a while no other call waits for it: a page that reads
/// three times would wait for three attempts.
const SLOW: Duration = Duration::from_millis(500);
const HANGS: Duration = Duration::from_secs(1);
/// The oldest version with all the commands that we use (XADD MINID).
const OLDEST: (u32, u32) = (6, 2);

/// While a connection is open, the Sentinels are asked again after this time: they may have promoted another server.
const NAMED: Duration = Duration::from_secs(3);

/// One connection to one server.
pub(super) struct Link {
    dialer: Dialer,
    shown: String,
    state: Mutex<LinkState>,
    belonging: RwLock<Belonging>,
}

/// Whose store is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belonging {
    /// Not known yet, and not asked.
    Unknown,
    /// It is the one with this identity; each answer is believed only of that one.
    Ours(Uuid),
    /// It is another one, or was emptied: calls are refused.
    Foreign,
}

#[derive(Default)]
struct LinkState {
    live: Option<LiveLink>,
    used: Option<Instant>,
    /// When the Sentinels were last asked.
    named: Option<Instant>,
    made: u64,
    /// When the last failed attempt was, until when its error is reused, and the error.
    failed: Option<(Instant, Instant, StoreError)>,
}

/// A connection that is open, as far as is known.
#[derive(Clone)]
pub(super) struct LiveLink {
    connection: MultiplexedConnection,
    number: u64,
    /// Which run of the server it is connected to.
    pub(super) run: Arc<str>,
    /// What the Sentinels called it; `None` without Sentinels.
    named: Option<NamedMaster>,
}

impl LiveLink {
    async fn stands(&self) -> bool {
        let (ping, mut connection) = (redis::cmd("PING"), self.connection.clone());
        tokio::time::timeout(PING_TIMEOUT, ping.exec_async(&mut connection))
            .await
            .is_ok_and(|pong| pong.is_ok())
    }
}

impl Link {
    /// Reads the address. Does not connect yet.
    pub(super) fn new(url: &str) -> Result<Link> {
        let shown = address::redacted(url);
        Ok(Link {
            dialer: Dialer::new(url, RESPONSE_TIMEOUT)?,
            shown,
            state: Mutex::default(),
            belonging: RwLock::new(Belonging::Unknown),
        })
    }

    /// Our store, if it is there; `None`: the one that is there is not ours, and calls are refused until it is.
    pub(super) fn set_ours(&self, store: Option<Uuid>) {
        let belonging = store.map_or(Belonging::Foreign, Belonging::Ours);
        *self.belonging.write().unwrap_or_else(PoisonError::into_inner) = belonging;
    }

    fn belonging(&self) -> Belonging {
        *self.belonging.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a call to a server that is known not to be ours.
    pub(super) fn check_ours(&self, attempt: &str) -> Result<()> {
        match self.belonging() {
            Belonging::Foreign => Err(self.not_ours(attempt)),
            Belonging::Unknown | Belonging::Ours(_) => Ok(()),
        }
    }

    /// What is answered, if it is our store that has answered: it may be emptied, or replaced, between two looks of the
    /// writer, and would have a 0 for every name. The identity is asked for behind the call, in the same round trip.
    async fn answered_by_ours<T>(
        &self,
        live: &LiveLink,
        attempt: &str,
        answer: impl Future<Output = T>,
    ) -> Result<T> {
        let Belonging::Ours(store) = self.belonging() else { return Ok(answer.await) };
        let mut connection = live.connection.clone();
        let mut command = redis::cmd("HGET");
        command.arg(keys::STORE).arg("uuid");
        let (answer, identity) = tokio::join!(answer, command.query_async::<Option<String>>(&mut connection));
        match identity {
            Ok(identity) if identity.as_deref() != Some(&store.to_string()) => {
                self.set_ours(None);
                Err(self.not_ours(attempt))
            }
            // If that failed, so did the call.
            Ok(_) | Err(_) => Ok(answer),
        }
    }

    fn not_ours(&self, attempt: &str) -> StoreError {
        let cause = "it is not the store that the counts of this daemon belong to: it was emptied, or another server now \
                     has its address";
        StoreError::new(Class::Unavailable, self.attempt(attempt), cause)
            .advise("Put the right store back, or run `tallymark store adopt` to continue with this one")
    }

    /// The open connection without a check, for what may fail and is asked for again soon; or a new one.
    pub(super) async fn unchecked(&self, attempt: &str) -> Result<LiveLink> {
        self.check_ours(attempt)?;
        let open = self.state.lock().await.live.clone();
        match open {
            Some(live) => Ok(live),
            None => self.live(attempt).await,
        }
    }

    /// The open connection, or a new one.
    pub(super) async fn live(&self, attempt: &str) -> Result<LiveLink> {
        self.check_ours(attempt)?;
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        let idle = state.used.replace(asked).is_none_or(|used| asked.duration_since(used) > IDLE);
        if let Some(live) = state.live.take()
            && (!idle || live.stands().await)
            && self.is_still_named(&live, &mut state.named, attempt).await
        {
            state.live = Some(live.clone());
            return Ok(live);
        }
        // A call that waited while another one failed to connect does not try again: otherwise, each queued call would
        // wait for all those before it.
        let good = |(at, until, _): &&(Instant, Instant, StoreError)| *at > asked || *until > asked;
        if let Some((_, _, err)) = state.failed.as_ref().filter(good) {
            return Err(err.clone());
        }
        let begun = Instant::now();
        match self.connect(state.made + 1, &self.attempt(attempt)).await {
            Ok(live) => {
                state.made += 1;
                state.live = Some(live.clone());
                state.named = Some(Instant::now());
                Ok(live)
            }
            Err(err) => {
                let now = Instant::now();
                let until = if now.duration_since(begun) > SLOW { now + HANGS } else { now };
                state.failed = Some((now, until, err.clone()));
                Err(err)
            }
        }
    }

    /// Whether Sentinels name no other server. Where none of them answers, the open connection is kept.
    async fn is_still_named(&self, live: &LiveLink, named: &mut Option<Instant>, attempt: &str) -> bool {
        if !self.dialer.is_named() || named.is_some_and(|named| named.elapsed() < NAMED) {
            return true;
        }
        *named = Some(Instant::now());
        match self.dialer.named(attempt).await {
            Ok(now) if now != live.named => {
                let now = now.map(|now| now.to_string());
                tracing::info!(store = self.shown, master = now, "the Sentinels name another master");
                false
            }
            Ok(_) | Err(_) => true,
        }
    }

    async fn connect(&self, number: u64, attempt: &str) -> Result<LiveLink> {
        let (client, named) = self.dialer.client(attempt).await?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let open = async {
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            let mut infos = redis::pipe();
            infos.cmd("INFO").arg("server").cmd("INFO").arg("replication");
            let (server, replication): (String, String) = infos.query_async(&mut connection).await?;
            Ok((connection, Arc::from(check_server(&server)?), replication))
        };
        let (connection, run, replication) =
            open.await.map_err(|err: RedisError| self.explain_connecting(&err, attempt))?;
        if let Some(named) = &named
            && field(&replication, "role") != "master"
        {
            let cause = format!(
                "the Sentinels name {named} as the master, but it is a replica: a failover is under way"
            );
            return Err(StoreError::new(Class::Unavailable, attempt, cause));
        }
        tracing::debug!(server = self.shown, run = &*run, "connected to Redis");
        Ok(LiveLink { connection, number, run, named })
    }

    /// A server that is spoken to in the wrong language waits for more, or hangs up.
    fn explain_connecting(&self, err: &RedisError, attempt: &str) -> StoreError {
        let explained = explain(err, attempt.to_owned());
        match self.dialer.is_secure() {
            true if err.is_timeout() => explained
                .advise("Redis is overloaded or stopped, or this port does not speak TLS: rediss:// needs the server's tls-port"),
            false if err.is_connection_dropped() && !err.is_connection_refusal() => {
                explained.advise("If this port speaks TLS, write rediss:// in place of redis://")
            }
            _ => explained,
        }
    }

    /// Sends one command.
    pub(super) async fn query<T: FromRedisValue>(&self, attempt: &str, command: &Cmd) -> Result<T> {
        let live = self.live(attempt).await?;
        self.query_on(live, attempt, command).await
    }

    /// Sends one command over a connection from [`Link::live`].
    pub(super) async fn query_on<T: FromRedisValue>(
        &self,
        live: LiveLink,
        attempt: &str,
        command: &Cmd,
    ) -> Result<T> {
        let answer = self.answered_by_ours(&live, attempt, self.try_query(live.clone(), command)).await?;
        answer.map_err(|err| explain(&err, self.attempt(attempt)))
    }

    /// Sends one command and returns Redis' own error, for the one error that is not a failure.
    pub(super) async fn try_query<T: FromRedisValue>(
        &self,
        live: LiveLink,
        command: &Cmd,
    ) -> std::result::Result<T, RedisError> {
        let LiveLink { mut connection, number, .. } = live;
        let answer = command.query_async(&mut connection).await;
        if let Err(err) = &answer {
            self.drop_broken(number, err).await;
        }
        answer
    }

    /// Sends several commands at once; each answer may be an error of its own.
    pub(super) async fn pipe(
        &self,
        live: LiveLink,
        attempt: &str,
        pipeline: &mut Pipeline,
    ) -> Result<Vec<Value>> {
        let LiveLink { mut connection, number, .. } = live.clone();
        let answer = pipeline.ignore_errors().query_async::<Vec<Value>>(&mut connection);
        match self.answered_by_ours(&live, attempt, answer).await? {
            Ok(answers) => Ok(answers),
            Err(err) => {
                self.drop_broken(number, &err).await;
                Err(explain(&err, self.attempt(attempt)))
            }
        }
    }

    /// A context for errors: what was attempted on which server.
    pub(super) fn attempt(&self, attempt: &str) -> String {
        format!("{attempt} in the store {}", self.shown)
    }

    async fn drop_broken(&self, number: u64, err: &RedisError) {
        // READONLY: after a failover the same name may lead to the new master.
        let broken = err.is_io_error()
            || err.is_timeout()
            || err.is_unrecoverable_error()
            || matches!(err.kind(), ErrorKind::Parse)
            || has_word(&message(err), &["READONLY", "NOAUTH"]);
        if broken {
            let mut state = self.state.lock().await;
            state.live.take_if(|live| live.number == number);
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("server", &self.shown).finish_non_exhaustive()
    }
}

/// A field of INFO.
fn field<'a>(info: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':').map(str::trim);
    info.lines().find_map(value).unwrap_or_default()
}

fn unusable(why: String) -> RedisError {
    RedisError::from((ErrorKind::Client, "this server cannot be used", why))
}

/// Checks with INFO that we can use the server, and finds its run id.
fn check_server(info: &str) -> std::result::Result<&str, RedisError> {
    let version = field(info, "redis_version");
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST {
        return Err(unusable(format!(
            "it is Redis {version}, and {}.{} is the oldest that Tallymark can use",
            OLDEST.0, OLDEST.1
        )));
    }
    match field(info, "redis_mode") {
        "sentinel" => Err(unusable(
            "it is a Sentinel: write redis+sentinel://HOST:PORT/MASTER, with what it calls the master"
                .to_owned(),
        )),
        "cluster" => {
            Err(unusable("it is a node of a Redis Cluster, which redis:// does not serve".to_owned()))
        }
        _ => Ok(field(info, "run_id")),
    }
}
