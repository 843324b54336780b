//! Starts everything in order, and stops it without losing a hit.
//!
//! Stopping goes downstream: first the listeners (sources drain their sockets, HTTP finishes its requests), then the
//! last seal of the HTTP counter, then the channel closes, the writer applies what is in it, and the publisher makes a
//! last pass. The closed channel is the signal; one deadline covers all of it.

use crate::{
    config::{BadConfig, Config, DEFAULTS_OFF, OpenedFiles, Overrides},
    home::{self, Shortfall},
    publishing::{NextPass, Publishing},
    reload::Reload,
    signals::{Signals, outlive_others},
    sources::{self, OpenSource},
    supervisor,
    tailing::TailSocket,
    traffic, user,
};
use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use prometheus_client::{metrics::info::Info, registry::Registry};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tallymark_core::Name;
use tallymark_github::{AvatarMeters, AvatarSource, Avatars, GithubAccess, Outgoing, Statistics, refresh};
use tallymark_ingest::{
    Corrector, Describing, Ended, FirstLooks, HandedIn, IngestMeters, Instance, Live, PAUSES, Refusals,
    StoreCopying, Tail, VisitGate, WaitingDaemon, Writer, WriterOptions, clear_what_is_old,
    source::{Handed, SocketPlace, Stop, now},
};
use tallymark_news::{NewsMeters, NewsTeller, PageAddress, RecentNews};
use tallymark_publish::Freshness;
use tallymark_rankings::{RankingMeters, Rankings};
use tallymark_store::{NetLikes, Store, StoreUrl, current::Current, outbox::Keep};
use tallymark_web::{
    Access, App, BaseUrl, Bound, ClientLimit, GithubFront, Health, Limits, Listen, LoginMeters, PngDrawing,
    Signatures, Visibility, WebMeters, event_page_path,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// The command of the process in which a daemon's pictures are drawn.
pub(crate) const DRAW_PICTURES: &str = "draw-pictures";
/// How many sealed tallies may wait for the writer. While it is full, sources keep folding.
const WAITING_TICKS: usize = 2;
/// How long a stop may take, and the store for the last batches. Below TimeoutStopSec of the unit.
const DRAIN: Duration = Duration::from_secs(10);
/// How long stopping at once may take, which needs an answer to what is lost.
const AT_ONCE: Duration = Duration::from_secs(4);
/// How long the store may take at the end to return its totals.
const LAST_LOOK: Duration = Duration::from_secs(2);
/// How long a start waits for the keys of the days.
const FIRST_KEYS: Duration = Duration::from_secs(2);
/// How often a start looks whether a copy of the store is done.
const LOOK_FOR_COPY: Duration = Duration::from_millis(20);
/// How long a start waits until the logs that it sees for the first time are known.
const FIRST_LOOKS: Duration = Duration::from_secs(5);

/// The role of a daemon besides counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything; publishing too, unless a timer does.
    Serve {
        /// Whether badges are published here.
        render: bool,
    },
    /// Sources and health only.
    Ingest,
}

/// Everything a daemon is started with.
pub(crate) struct DaemonStart {
    pub(crate) config: Config,
    pub(crate) file: Option<PathBuf>,
    pub(crate) overrides: Overrides,
    pub(crate) role: Role,
    /// SIGHUP stops it, as when a terminal closes, and nothing is reloaded.
    pub(crate) ends_with_terminal: bool,
}

/// What is bound before anything runs, so that a busy port is an error at start.
struct Bindings {
    http: Bound,
    sources: Vec<OpenSource>,
    base_url: BaseUrl,
}

/// Runs until a signal stops it. `started` gets the public address once everything listens.
pub(crate) async fn run(start: DaemonStart, started: impl FnOnce(&str)) -> Result<()> {
    outlive_others()?;
    let config = &start.config;
    if let Some(file) = &start.file {
        info!(file = %file.display(), "configuration");
        let off = config.default_tags_off();
        if !off.is_empty() {
            info!(tags = off.join(", "), "{DEFAULTS_OFF}");
        }
    }
    let OpenedFiles { look, places, flaws } = config.open_files(start.file.as_deref())?;
    for flaw in flaws {
        warn!("badges that ask for it show this as a mistake: {}", flaw.what);
    }
    let look = Arc::new(ArcSwap::from_pointee(look));
    if let Some(warning) = home::of_snow_trace(config) {
        warn!("{warning}");
    }
    user::may_write(&config.data_dir)?;
    user::may_write_store(&config.store)?;
    if start.role == (Role::Serve { render: true }) {
        user::may_write(&config.badges.dir)?;
    }
    wait_for_copy(config).await?;
    let instance = Instance::open(&config.data_dir)?;
    let store = home::open_to_count(config).await?;
    let outbox = matches!(config.store, StoreUrl::Redis(_)).then_some(config.keep);
    let store: Arc<dyn Store> = match outbox {
        // Readers in this process see hours and minutes before they are written.
        Some(Keep { held: 1.., .. }) if start.role != Role::Ingest => Arc::new(Current::new(store)),
        _ => store,
    };
    let mut registry = Registry::with_prefix("tallymark");
    registry.register("build", "What is running", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    let meters = IngestMeters::register(&mut registry);
    let mut publishing = match start.role {
        Role::Serve { render: true } => Some(Publishing::register(&config.badges, &mut registry)),
        // A timer publishes; this process still reports the age of the badges.
        Role::Serve { render: false } => {
            Freshness::default().register(&mut registry, &config.badges.dir);
            None
        }
        Role::Ingest => None,
    };
    let web_meters = WebMeters::register(&mut registry);
    let login_meters = LoginMeters::register(&mut registry);
    let ranking_meters = RankingMeters::register(&mut registry);
    let avatar_meters = AvatarMeters::register(&mut registry);
    let news_meters = NewsMeters::register(&mut registry);
    let owner = instance.id();
    let github = github(config, &store).filter(|_| start.role != Role::Ingest);
    if let Some(github) = &github {
        github.register(&mut registry);
        let refresh = refresh(github.clone(), config.github.refresh, CancellationToken::new());
        drop(tokio::spawn(refresh));
        if config.github.keeps_traffic && github.has_tokens() {
            drop(tokio::spawn(traffic::keep(github.clone(), store.clone(), CancellationToken::new())));
        }
    }
    let places = Arc::new(places);
    let describing = Describing::new(places.clone(), config.asker_texts, config.kept_visits);
    let gate = VisitGate::open(&config.data_dir, config.visits.clone(), &meters);
    let gate = Arc::new(gate.describing(describing));
    let refusals = Arc::new(Refusals::new(config.deny.clone()));
    let bindings = bind(config, start.file.as_deref(), &meters, (&gate, &refusals))?;
    let tail = meters.tail();

    let live = Live::new(store.clone(), meters.source("http"), config.tick, config.tally_entries);
    let live = live.keeping_visits(config.kept_visits).telling_visits(gate.clone());
    let live = Arc::new(live.refusing(refusals.clone()));
    let options = WriterOptions {
        outbox,
        limits: config.names,
        adopt: home::adopt_command(config)?,
        expected: home::expected(config)?,
    };
    let writer = Writer::open(instance, store.clone(), live.clone(), meters.clone(), options)?;
    let state = writer.state();
    let shortfall = Shortfall::default();
    let first_looks = meters.first_looks();
    let health = Arc::new(Health {
        waiting: Box::new({
            let (state, first_looks) = (state.clone(), first_looks.clone());
            move || {
                let mut troubles = state.troubles();
                troubles.extend(first_looks.due_still());
                troubles
            }
        }),
        degraded: Box::new({
            let (meters, publishing, store) = (meters.clone(), publishing.clone(), store.clone());
            let state = state.clone();
            let (waiting, shortfall) = (home::waiting(config), shortfall.clone());
            let sockets = sources::socket_files(config);
            move || {
                let mut troubles = meters.file_troubles();
                troubles.extend(state.limits());
                troubles.extend(waiting.clone());
                troubles.extend(shortfall.trouble());
                troubles.extend(sockets.iter().filter_map(|socket| sources::missing(socket)));
                troubles.extend(store.warnings());
                troubles.extend(publishing.as_ref().and_then(Publishing::trouble));
                troubles
            }
        }),
        registry: Arc::new(registry),
    });
    let mut routes = tallymark_web::health_alone(health.clone());
    let mut telling = None;
    if start.role != Role::Ingest {
        let corrector = Corrector::of_daemon(store.clone(), live.clone(), state.clone(), meters.clone());
        let ledger = HandedIn::new(store.clone(), live.clone(), state.clone(), meters, config.names);
        let rankings = Arc::new(Rankings::new(store.clone(), now, ranking_meters));
        if config.http.visibility != Visibility::Off {
            drop(tokio::spawn(rankings.clone().run(live.written(), CancellationToken::new())));
        }
        let avatars = faces(config, store.clone(), avatar_meters);
        if let Some(avatars) = avatars.clone() {
            // Nothing waits for it at the end: what it has not kept it fetches again.
            drop(tokio::spawn(avatars.run(CancellationToken::new())));
        }
        let news: Arc<[_]> = config.news.clone().into();
        if !news.is_empty() {
            let base_url = bindings.base_url.as_str().to_owned();
            let page =
                move |event, name: &Name| format!("{base_url}{}", event_page_path(name.as_ref(), event));
            let outgoing = (Outgoing::new(config.outgoing_allow.clone()), Box::new(page) as PageAddress);
            let teller = NewsTeller::new(store.clone(), news.clone(), owner, outgoing, news_meters, now);
            let stop = CancellationToken::new();
            telling = Some((tokio::spawn(teller.run(live.written(), stop.clone())), stop));
        }
        publishing = publishing.map(|publishing| publishing.showing(avatars.clone()));
        let app = App {
            rankings,
            avatars,
            github: github.map(|statistics| front(config, statistics)),
            counter: live.clone(),
            ledger: Arc::new(ledger),
            corrections: Arc::new(corrector),
            store: Arc::new(NetLikes::over(store.clone())),
            look: look.clone(),
            base_url: bindings.base_url.clone(),
            access: Access::new(
                config.http.visibility,
                config.http.tokens.clone(),
                bindings.base_url.as_str(),
                config.http.proxies.clone(),
                login_meters,
            ),
            body_bytes: config.body_bytes,
            visits: config.kept_visits,
            hitme_zone: config.http.hitme_zone,
            stats_prefix: config.http.stats_prefix.clone(),
            others: config.others,
            events: events(config),
            groups: config.groups.clone(),
            news: (!news.is_empty()).then(|| RecentNews::new(store.clone(), news)),
            now,
        };
        let drawing = PngDrawing::start(&[DRAW_PICTURES]);
        routes = tallymark_web::health_router(health.clone());
        routes = routes.merge(tallymark_web::router(Arc::new(app), Some(drawing)));
        routes = tallymark_web::with_origins(routes, config.http.origins.clone());
        if bindings.base_url.is_guessed() {
            routes = tallymark_web::warn_of_foreign_host(routes, &bindings.base_url);
        }
    }
    let daemon = Daemon {
        store,
        live,
        gate: gate.clone(),
        refusals: refusals.clone(),
        look: look.clone(),
        publishing,
        telling,
        router: tallymark_web::dressed(routes, web_meters),
        limits: Limits { connections: config.connections, ..Limits::default() },
        writer,
        tail,
        health,
        shortfall,
        first_looks,
    };
    let reload = Reload {
        file: start.file.clone(),
        overrides: start.overrides.clone(),
        template: config.badges.template.clone(),
        look,
        gate: Some(gate),
        refusals: Some(refusals),
        geo_database: config.geo_database.clone(),
        places: Some(places),
    };
    if !start.ends_with_terminal {
        tokio::spawn(reload.run());
    }
    tokio::spawn(supervisor::feed_watchdog());
    daemon.run(bindings, &start, started).await
}

/// While the store is copied into the one of the configuration: until that is done. The copy sees the lock, and takes it as
/// the word that the old daemon has been stopped for good.
async fn wait_for_copy(config: &Config) -> Result<()> {
    if !home::waits_for_copy(config)? {
        return Ok(());
    }
    info!("waiting until `store copy` has copied what the previous daemon counted last");
    let _waiting = WaitingDaemon::begin(&config.data_dir)?;
    // It lets go of the data directory only after it has said that this one counts into the new store.
    while StoreCopying::is_running(&config.data_dir) {
        supervisor::takes_longer();
        tokio::time::sleep(LOOK_FOR_COPY).await;
    }
    Ok(())
}

/// What banners show.
fn github(config: &Config, store: &Arc<dyn Store>) -> Option<Arc<Statistics>> {
    let crate::config::GithubConfig { api, tokens, ages, within, .. } = config.github.clone();
    let outgoing = Outgoing::new(config.outgoing_allow.clone());
    let access = GithubAccess { api: api?, tokens, within, outgoing };
    Some(Statistics::new(access, ages, store.clone(), now))
}

/// Who may ask for them.
fn front(config: &Config, statistics: Arc<Statistics>) -> GithubFront {
    let limit = ClientLimit::new(config.github.each_client, config.visits.camo.clone());
    let signatures = config.github.secret.as_ref().map(|secret| Arc::new(Signatures::new(secret, now)));
    GithubFront {
        statistics,
        limit: Arc::new(limit),
        zone: config.github.zone,
        card_files: config.badges.cards.is_some(),
        signatures,
        origins: config.http.origins.clone(),
    }
}

/// The avatars of panels. Those that are not in the store are looked for by a task, if one runs.
pub(crate) fn faces(config: &Config, store: Arc<dyn Store>, meters: AvatarMeters) -> Option<Arc<Avatars>> {
    let crate::config::AvatarConfig { pattern, dir } = config.faces.clone();
    if pattern.is_none() && dir.is_none() {
        return None;
    }
    let outgoing = Outgoing::new(config.outgoing_allow.clone());
    Some(Arc::new(Avatars::new(AvatarSource { dir, pattern, outgoing }, store, meters, now)))
}

fn bind(
    config: &Config,
    file: Option<&Path>,
    meters: &IngestMeters,
    who_counts: (&Arc<VisitGate>, &Arc<Refusals>),
) -> Result<Bindings> {
    let mut handed = Handed::take()?;
    let place = match &config.http.listen {
        Listen::Tcp(addr) => SocketPlace::Tcp(*addr),
        Listen::Unix(path) => SocketPlace::UnixStream(path.clone()),
    };
    let http = match handed.claim_fd(&place) {
        Some(socket) => Bound::handed(&config.http.listen, socket)?,
        None => Bound::open(&config.http.listen)?,
    };
    let local = http.local().context("asking where HTTP listens")?;
    let base_url = config.http.base_url.clone().map(BaseUrl::configured);
    let base_url = base_url.unwrap_or_else(|| BaseUrl::guessed(default_base_url(&local)));
    let sources = sources::open(config, meters, who_counts, &mut handed)?;
    // Starting again would not help: the socket unit and the configuration disagree.
    handed.finish().map_err(|error| BadConfig::one(file, error.to_string()))?;
    info!(listen = %local, "listening for HTTP");
    Ok(Bindings { http, sources, base_url })
}

/// The address for a browser on this machine, where the configuration has none.
pub(crate) fn default_base_url(listen: &Listen) -> String {
    match listen {
        Listen::Unix(_) => "http://localhost".to_owned(),
        Listen::Tcp(addr) if addr.ip().is_loopback() || addr.ip().is_unspecified() => {
            format!("http://localhost:{}", addr.port())
        }
        Listen::Tcp(addr) => format!("http://{addr}"),
    }
}

struct Daemon {
    store: Arc<dyn Store>,
    live: Arc<Live>,
    gate: Arc<VisitGate>,
    refusals: Arc<Refusals>,
    look: Arc<ArcSwap<tallymark_badge::Look>>,
    publishing: Option<Publishing>,
    /// The teller of news, and what stops it.
    telling: Option<(JoinHandle<()>, CancellationToken)>,
    router: tallymark_web::Router,
    limits: Limits,
    writer: Writer,
    tail: Tail,
    health: Arc<Health>,
    shortfall: Shortfall,
    first_looks: FirstLooks,
}

impl Daemon {
    async fn run(self, bindings: Bindings, start: &DaemonStart, started: impl FnOnce(&str)) -> Result<()> {
        // This comes before any hit is accepted: a signal without a handler ends the process at once.
        let signals = Signals::listen(start.ends_with_terminal)?;
        let stop = CancellationToken::new();
        let (sealed, ticks) = mpsc::channel(WAITING_TICKS);
        let (deadline, heard) = watch::channel(None);
        let positions = self.writer.start_positions();
        let home_stop = CancellationToken::new();
        let home = tokio::spawn(home::keep(
            start.config.clone(),
            self.store.clone(),
            self.writer.state(),
            self.live.written(),
            self.shortfall,
            home_stop.clone(),
        ));
        let writer = tokio::spawn(self.writer.run(ticks, heard));

        let halt = Stop::new().context("making the pipe that stops sources")?;
        // Hits of the first moment have visitors too. A store that does not answer now is asked again later.
        let _ = tokio::time::timeout(FIRST_KEYS, self.gate.fetch_keys(&*self.store)).await;
        // Nor is what is paused counted in it.
        let _ = tokio::time::timeout(FIRST_KEYS, self.refusals.fetch_pauses(&*self.store)).await;
        let threads = sources::start(bindings.sources, &sealed, &positions, &halt, &stop)?;
        let live_stop = CancellationToken::new();
        let live = tokio::spawn({
            let (live, sealed, live_stop) = (self.live.clone(), sealed.clone(), live_stop.clone());
            async move { live.run(sealed, live_stop.cancelled()).await }
        });
        drop(sealed);
        let gate_stop = CancellationToken::new();
        let gate = tokio::spawn({
            let (gate, refusals, store) = (self.gate, self.refusals.clone(), self.store.clone());
            let (stop, written, retention) = (gate_stop.clone(), self.live.written(), start.config.retention);
            async move {
                let follow = async {
                    tokio::join!(
                        written.look_for_others(&*store, PAUSES),
                        refusals.keep_pauses(&*store, written.clone()),
                    );
                };
                tokio::join!(
                    gate.keep(stop.cancelled()),
                    gate.keep_keys(&*store, stop.cancelled()),
                    stop.run_until_cancelled(follow),
                    clear_what_is_old(&*store, retention, written.clone(), stop.cancelled()),
                );
            }
        });
        let local = bindings.http.local().ok();
        match TailSocket::open(&start.config.data_dir) {
            Ok(socket) => {
                let sources = start.config.sources.iter().map(|source| source.kind.to_string());
                let listens = sources.chain(local.map(|http| format!("HTTP {http}"))).collect();
                let refusals = self.refusals.clone();
                drop(tokio::spawn(socket.offer(self.tail, refusals, listens, stop.clone())));
            }
            // A path that is too long, for example; counting works without it.
            Err(error) => {
                warn!(%error, "`tallymark tail` will not work: its socket cannot be opened in the data directory")
            }
        }
        let http = tokio::spawn(tallymark_web::serve(bindings.http, self.router, self.limits, stop.clone()));
        let publish_stop = CancellationToken::new();
        let publisher = self.publishing.map(|publishing| {
            let (store, look, stop) = (self.store, self.look, publish_stop.clone());
            let next = NextPass::Written(self.live.written());
            tokio::spawn(async move { publishing.repeat(store, look, next, stop).await })
        });

        let (health, base_url) = (self.health, bindings.base_url.clone());
        let status = supervisor::keep_status(move || status(&health, base_url.as_str()));
        drop(tokio::spawn(stop.clone().run_until_cancelled_owned(status)));
        let ready = async {
            // A store that is down must not fail the start: the service manager would end what keeps the hits.
            let _ = tokio::time::timeout(FIRST_LOOKS, self.first_looks.none_due()).await;
            supervisor::ready();
            started(bindings.base_url.as_str());
        };
        let told = async {
            ready.await;
            std::future::pending().await
        };
        let hurry = tokio::select! {
            hurry = signals.wait(&stop) => hurry,
            never = told => never,
        };
        supervisor::stopping();
        info!("stopping: counting what has already arrived");

        stop.cancel();
        halt.stop();
        let end = Instant::now() + DRAIN;
        deadline.send_replace(Some(end));
        drop(tokio::spawn(leave_at_once(hurry.clone(), deadline)));
        let sources = tokio::task::spawn_blocking(move || sources::join(threads)).await?;
        if let Some(served) = hurry.run_until_cancelled(http).await {
            served?;
        }
        live_stop.cancel();
        live.await?;
        gate_stop.cancel();
        gate.await?;
        let ended = writer.await?;
        home_stop.cancel();
        // The hits are safe; a store that does not answer now must not delay the end.
        let last = async {
            if let Some((telling, stop)) = self.telling {
                stop.cancel();
                // News that it has not sent are sent by another daemon, or by this one after its next start.
                let _ = telling.await;
            }
            home.await
        };
        let last_look = tokio::time::timeout_at(end.min(Instant::now() + LAST_LOOK).into(), last);
        let _ = hurry.run_until_cancelled(last_look).await;
        publish_stop.cancel();
        if let Some(publisher) = publisher {
            let published = tokio::time::timeout_at(end.into(), publisher);
            match hurry.run_until_cancelled(published).await {
                Some(Ok(published)) => published?,
                Some(Err(_)) | None => {
                    warn!("the badges of the last hits are not published; the next start does that");
                }
            }
        }
        sources?;
        account(ended, hurry.is_cancelled())
    }
}

/// After a second signal, waits for nothing but the number of hits that are lost by it, and not long for that.
async fn leave_at_once(hurry: CancellationToken, deadline: watch::Sender<Option<Instant>>) {
    hurry.cancelled().await;
    deadline.send_replace(Some(Instant::now()));
    tokio::time::sleep(AT_ONCE).await;
    error!("stopping at once: how many hits are lost is not known, because counting did not end");
    std::process::exit(1);
}

/// The account at the end. What is lost, or may be, is an error. So is a stop that was cut short.
fn account(Ended { lost, waiting }: Ended, at_once: bool) -> Result<()> {
    let lost = (lost > 0).then(|| match at_once {
        true => format!("stopping at once: the last {lost} hits are lost"),
        false => format!(
            "the last {lost} hits could not be written within about {} seconds: they are lost",
            DRAIN.as_secs()
        ),
    });
    match (waiting, lost) {
        (Ok(0), None) if at_once => bail!("stopping at once: no hit is lost"),
        (Ok(hits), None) if at_once => {
            bail!("stopping at once: no hit is lost; {hits} wait in the outbox for the next start")
        }
        (Ok(_), Some(lost)) => bail!(lost),
        (Err(error), lost) => {
            let lost = lost.map(|lost| lost + "; and ").unwrap_or_default();
            let unknown =
                "how many hits wait in the outbox for the store is not known, because it cannot be read";
            Err(error).context(format!("{lost}{unknown}"))
        }
        (Ok(0), None) => {
            info!("stopped; every hit is in the store");
            Ok(())
        }
        (Ok(hits), None) => {
            info!(
                hits,
                "stopped; hits that are not in the store yet are safe in the outbox, and are sent after the \
                 next start"
            );
            Ok(())
        }
    }
}

/// What `systemctl status` says: the same as `/readyz`.
fn status(health: &Health, base_url: &str) -> String {
    match ((health.waiting)().first(), (health.degraded)().first()) {
        (None, None) => format!("counting; badges at {base_url}"),
        (Some(why), _) => format!("hits wait: {why}"),
        (None, Some(why)) => format!("counting, but: {why}"),
    }
}

/// The events that may be counted here one day.
fn events(config: &Config) -> Vec<tallymark_core::Event> {
    let traffic = tallymark_core::TRAFFIC_EVENTS.iter().filter(|_| config.github.keeps_traffic);
    let traffic = traffic.filter_map(|word| tallymark_core::Event::new(word.as_bytes()).ok());
    config.routes.events().into_iter().chain(traffic).collect()
}
