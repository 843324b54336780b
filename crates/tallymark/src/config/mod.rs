//! The configuration: as written in a file, in flags and in the environment, then resolved.
//!
//! Reading it has no side effects, and all mistakes are collected before any is shown. `tallymark check-config` runs
//! exactly this.

mod news;
mod pictures;
mod places;
mod published;
mod reader;
mod source;
pub(crate) mod units;

pub(crate) use places::shared_logs;
pub(crate) use published::without_secrets;
pub(crate) use reader::Mistake;
pub(crate) use source::{Kind, NginxServer, Source, Tcp, nginx_server};
pub(crate) use units::{
    address, base_url, duration_within, github_timeout, github_token, listen, network, path, pattern,
    publisher, rate_per_second, signing_secret, socket_path, stats_age, store_url, token, topic, written,
};

use crate::secret;
use ipnet::IpNet;
use reader::{ConfigTable, Mistakes};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tallymark_badge::{
    Color, DEFAULT_LABEL, DEFAULT_LABEL_COLOR, DEFAULT_VALUE_COLOR, Look, Template, panel::Variant,
    shields::Style,
};
use tallymark_core::calendar::Zone;
use tallymark_core::{
    CamoNetworks, Column, DenyRules, Escape, Event, Glob, KeptVisits, MAX_VISITS, NameGroup, NameRule,
    OtherCounter, OtherCounters, Route, Routes, VisitRules,
};
use tallymark_github::{AvatarPattern, DayZone, GithubToken, NotADayZone, NotAPattern, StatsAges};
use tallymark_ingest::{AskerTexts, Atlas, GeoDatabase, LineFormat, NameLimits};
use tallymark_news::NewsRule;
use tallymark_publish::ChartKind;
use tallymark_store::{
    Retention, StoreUrl,
    outbox::Keep,
    owner::{self, User},
};
use tallymark_web::{Listen, Origins, StatsPrefix, Visibility};
use toml::de::DeTable;
use url::Url;

/// The message about default routes that are off.
pub(crate) const DEFAULTS_OFF: &str = "lines with these default tags are not counted, because the configuration has a [[route]]: tallymark help syslog";

/// The resolved settings of the program.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) store: StoreUrl,
    pub(crate) tick: Duration,
    pub(crate) retention: Retention,
    pub(crate) keep: Keep,
    /// Which visits of a name are kept: without a word, those that panels show.
    pub(crate) kept_visits: KeptVisits,
    pub(crate) http: Http,
    pub(crate) sources: Vec<Source>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) badges: Badges,
    /// The other counters whose addresses are served.
    pub(crate) others: OtherCounters,
    /// Names that are summed up together.
    pub(crate) groups: Vec<NameGroup>,
    /// What is told of names.
    pub(crate) news: Vec<NewsRule>,
    pub(crate) connections: usize,
    pub(crate) body_bytes: usize,
    pub(crate) tally_entries: usize,
    pub(crate) names: NameLimits,
    pub(crate) visits: VisitRules,
    pub(crate) faces: AvatarConfig,
    pub(crate) github: GithubConfig,
    /// Networks that are not public, but can be fetched from.
    pub(crate) outgoing_allow: Vec<IpNet>,
    /// What is not counted.
    pub(crate) deny: DenyRules,
    /// What is kept of who asked.
    pub(crate) asker_texts: AskerTexts,
    pub(crate) geo_database: Option<PathBuf>,
    /// The lines of keys that name files.
    pub(crate) lines: Vec<(&'static str, usize)>,
}

/// Where the avatars of panels come from.
#[derive(Clone, Debug)]
pub(crate) struct AvatarConfig {
    pub(crate) pattern: Option<AvatarPattern>,
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) listen: Listen,
    /// As configured; the default public address depends on the port that the kernel chose.
    pub(crate) base_url: Option<String>,
    pub(crate) visibility: Visibility,
    pub(crate) tokens: Vec<String>,
    pub(crate) origins: Origins,
    pub(crate) proxies: Vec<IpNet>,
    pub(crate) hitme_zone: Zone,
    pub(crate) stats_prefix: StatsPrefix,
}

#[derive(Clone, Debug)]
pub(crate) struct Badges {
    pub(crate) dir: PathBuf,
    pub(crate) label: String,
    pub(crate) color: Color,
    pub(crate) label_color: Color,
    pub(crate) style: Option<Style>,
    pub(crate) template: Option<PathBuf>,
    /// A directory of logos.
    pub(crate) logos: Option<PathBuf>,
    /// A directory with themes of image digits.
    pub(crate) digits: Option<PathBuf>,
    pub(crate) every: Duration,
    pub(crate) charts: Vec<ChartKind>,
    pub(crate) panels: Vec<Variant>,
    /// Created banners are files, whose numbers are the last known ones after this time.
    pub(crate) banners: Option<Duration>,
    /// The same for cards that were viewed, whose days end in this zone.
    pub(crate) cards: Option<(Duration, DayZone)>,
}

/// How GitHub is asked for statistics.
#[derive(Clone, Debug)]
pub(crate) struct GithubConfig {
    /// `None`: no server is asked.
    pub(crate) api: Option<Url>,
    pub(crate) tokens: Vec<GithubToken>,
    pub(crate) ages: StatsAges,
    /// How often tracked accounts are refreshed.
    pub(crate) refresh: Duration,
    /// Where days end in streaks.
    pub(crate) zone: DayZone,
    /// Whether the daemon archives the traffic of repositories.
    pub(crate) keeps_traffic: bool,
    pub(crate) within: Duration,
    /// A client may ask once in this time; `None`: as often as it likes.
    pub(crate) each_client: Option<Duration>,
    /// What requests that create banners are signed with.
    pub(crate) secret: Option<String>,
}

/// The settings from flags and environment. They override the file.
#[derive(Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) store: Option<StoreUrl>,
    pub(crate) badges_dir: Option<PathBuf>,
    pub(crate) listen: Option<Listen>,
    pub(crate) port: Option<u16>,
    pub(crate) base_url: Option<String>,
    pub(crate) tokens: Option<Vec<String>>,
    pub(crate) origins: Option<Origins>,
    pub(crate) proxies: Option<Vec<IpNet>>,
    pub(crate) github_tokens: Option<Vec<GithubToken>>,
    pub(crate) github_timeout: Option<Duration>,
    pub(crate) github_soft: Option<Duration>,
    pub(crate) github_rate: Option<Option<Duration>>,
    pub(crate) github_secret: Option<String>,
    pub(crate) syslog_udp: Option<SocketAddr>,
    pub(crate) syslog_unix: Option<PathBuf>,
    pub(crate) syslog_tcp: Option<SocketAddr>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) format: Option<LineFormat>,
    pub(crate) zmq: Option<String>,
    pub(crate) topic: Option<String>,
    pub(crate) stats_prefix: Option<StatsPrefix>,
    pub(crate) allow: Vec<IpNet>,
}

/// The file could not be used.
#[derive(Debug)]
pub(crate) struct BadConfig {
    pub(crate) file: Option<PathBuf>,
    pub(crate) mistakes: Vec<Mistake>,
}

/// What the files have that the configuration names.
pub(crate) struct OpenedFiles {
    pub(crate) look: Look,
    pub(crate) places: Atlas,
    /// Logos and digit themes that cannot be used. A daemon starts without them, and says so.
    pub(crate) flaws: Vec<Mistake>,
}

impl std::fmt::Display for BadConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let file = self.file.as_deref().unwrap_or(Path::new("configuration")).display();
        for (at, mistake) in self.mistakes.iter().enumerate() {
            let end = if at + 1 < self.mistakes.len() { "\n" } else { "" };
            write!(f, "{file}: {mistake}{end}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BadConfig {}

impl BadConfig {
    /// A single mistake that does not belong to a line of a file.
    pub(crate) fn one(file: Option<&Path>, what: impl Into<String>) -> BadConfig {
        let mistakes = vec![Mistake { line: None, key: None, what: what.into() }];
        BadConfig { file: file.map(Path::to_owned), mistakes }
    }
}

/// The keys that name files which are read at the start.
const TEMPLATE: &str = "badges.template";
const LOGOS: &str = "badges.logos";
const DIGITS: &str = "badges.digits";
const GEO_DATABASE: &str = "visits.geo-database";
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// Of a template, in bytes; a longer one is cut, and is no template then.
const LARGEST_TEMPLATE: usize = 1024 * 1024;

impl Config {
    /// Reads a file, if there is one, and applies the overrides.
    pub(crate) fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Config, BadConfig> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| BadConfig::one(Some(path), unreadable(path, &error)))?,
        };
        let (config, mut mistakes) = Config::read_all(&text, overrides);
        if !mistakes.is_empty() {
            // None hides the mistakes of the others.
            mistakes.extend(config.open().map_or_else(|wrong| wrong, |opened| opened.flaws));
            mistakes.sort_by_key(|mistake| mistake.line);
            return Err(BadConfig { file: file.map(Path::to_owned), mistakes });
        }
        let tokens = config.http.tokens.iter().map(String::as_str);
        let github = config.github.tokens.iter().map(GithubToken::secret);
        let signing = config.github.secret.as_deref();
        let hooks = config.news.iter().filter_map(|rule| rule.hook.as_ref());
        let hooks = hooks.flat_map(|hook| [hook.secret.as_str(), news::secret_part(&hook.url)]);
        let passwords = config.store.passwords();
        secret::remember(passwords.chain(tokens).chain(github).chain(signing).chain(hooks));
        Ok(config)
    }

    /// Reads the text of a file.
    pub(crate) fn parse(text: &str, overrides: &Overrides) -> Result<Config, Vec<Mistake>> {
        let (config, mistakes) = Config::read_all(text, overrides);
        if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
    }

    /// What can be read of a text, and all its mistakes.
    fn read_all(text: &str, overrides: &Overrides) -> (Config, Vec<Mistake>) {
        let mistakes = Mistakes::of(text);
        let (table, broken) = DeTable::parse_recoverable(text);
        for error in &broken {
            mistakes.add(error.span(), said_of(error, text));
        }
        let config = read(ConfigTable::whole(table.get_ref(), &mistakes), &mistakes, overrides);
        (config, mistakes.into_vec())
    }

    /// Reads and tries every file that the configuration names, and tells what is wrong with each.
    pub(crate) fn open_files(&self, file: Option<&Path>) -> Result<OpenedFiles, BadConfig> {
        self.open().map_err(|mistakes| BadConfig { file: file.map(Path::to_owned), mistakes })
    }

    fn open(&self) -> Result<OpenedFiles, Vec<Mistake>> {
        match (self.look(), self.open_places()) {
            (Ok((look, flaws)), Ok(places)) => Ok(OpenedFiles { look, flaws, places }),
            (look, places) => {
                let (flaws, wrong) =
                    look.map_or_else(|wrong| (Vec::new(), wrong), |(_, flaws)| (flaws, Vec::new()));
                Err(flaws.into_iter().chain(wrong).chain(places.err()).collect())
            }
        }
    }

    /// Where addresses are, with the operator's database, if there is one. Reads all of it.
    fn open_places(&self) -> Result<Atlas, Mistake> {
        let places = Atlas::default();
        if let Some(path) = &self.geo_database {
            let database = GeoDatabase::open(path).map_err(|why| {
                self.mistake_in(GEO_DATABASE, format!("visits.geo-database: {}: {why}", path.display()))
            })?;
            places.use_database(Some(database));
        }
        Ok(places)
    }

    /// The look of the badges; reads and tries the template, the logos and the digit themes. Also says which of the pictures
    /// cannot be used: the look is right without them.
    pub(crate) fn look(&self) -> Result<(Look, Vec<Mistake>), Vec<Mistake>> {
        let Badges { label, color, label_color, style, template, logos, digits, .. } = &self.badges;
        let (mut wrong, mut flaws) = (Vec::new(), Vec::new());
        let template = template.as_deref().map(read_template).transpose().unwrap_or_else(|why| {
            wrong.push((TEMPLATE, why));
            None
        });
        let logos = logos.as_deref().map_or_else(|| Ok(Default::default()), pictures::read_logos);
        let (logos, no_logos) = logos.unwrap_or_else(|why| {
            wrong.push((LOGOS, why));
            Default::default()
        });
        let digits = digits.as_deref().map_or_else(|| Ok(Default::default()), pictures::read_digits);
        let (digits, no_themes) = digits.unwrap_or_else(|why| {
            wrong.push((DIGITS, why));
            Default::default()
        });
        flaws.extend(no_logos.into_iter().map(|why| (LOGOS, why)));
        flaws.extend(no_themes.into_iter().map(|why| (DIGITS, why)));
        let told = |what: Vec<(&str, String)>| {
            what.into_iter().map(|(key, why)| self.mistake_in(key, why)).collect::<Vec<Mistake>>()
        };
        if !wrong.is_empty() {
            wrong.extend(flaws);
            return Err(told(wrong));
        }
        let (label, color, label_color, style) = (label.clone(), *color, *label_color, *style);
        Ok((Look { label, color, label_color, style, logos, digits, template }, told(flaws)))
    }

    /// What is wrong with a file that a key names.
    fn mistake_in(&self, key: &str, what: String) -> Mistake {
        let line = self.lines.iter().find(|(of, _)| *of == key).map(|(_, line)| *line);
        Mistake { line, key: Some(key.to_owned()), what }
    }

    /// The tags of the default routes that are off, because the configuration has routes of its own.
    pub(crate) fn default_tags_off(&self) -> Vec<String> {
        let is_off = |route: &Route| self.routes.of_tag(route.tag.as_bytes()).is_err();
        default_routes().into_iter().filter(is_off).map(|route| route.tag).collect()
    }

    /// The routes a source uses.
    pub(crate) fn routes_of(&self, source: &Source) -> Arc<Routes> {
        match &source.route {
            None => self.routes.clone(),
            Some(tag) => Arc::new(self.routes.only(tag)),
        }
    }
}

fn read_template(path: &Path) -> Result<Template, String> {
    let unread =
        |error: &dyn std::fmt::Display| format!("reading the badge template {}: {error}", path.display());
    let source = pictures::read(path, LARGEST_TEMPLATE).map_err(|error| unread(&error))?;
    let source = String::from_utf8(source).map_err(|error| unread(&error))?;
    Template::parse(&source, &path.display().to_string()).map_err(|error| error.to_string())
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    let whose = match (User::current(), owner::hint(error, path)) {
        (Some(user), hint) if hint.is_empty() && error.kind() == std::io::ErrorKind::PermissionDenied => {
            format!(" (this runs as {user}; see the mode of the file and of its directories)")
        }
        (_, hint) => hint,
    };
    let helps = match error.kind() {
        std::io::ErrorKind::IsADirectory => "; name the file in it, like tallymark.toml",
        std::io::ErrorKind::NotFound => "; check the path, or begin with a copy of examples/tallymark.toml",
        std::io::ErrorKind::InvalidData => "; save it as UTF-8: `iconv -f latin1 -t utf-8` converts Latin-1",
        _ => "",
    };
    format!("cannot be read: {error}{whose}{helps}")
}

/// A mistake in the TOML syntax. The line is not quoted: it may contain a password.
fn said_of(error: &toml::de::Error, text: &str) -> String {
    match error.span().and_then(|span| text.get(span)) {
        Some(key) if error.message() == "duplicate key" => {
            format!("the key {} is there twice", secret::shown_key(key))
        }
        _ => error.message().to_owned(),
    }
}

fn read(mut file: ConfigTable<'_>, mistakes: &Mistakes<'_>, overrides: &Overrides) -> Config {
    let mut store = file.table("store");
    let data_dir = store.text("data-dir", units::path);
    let data_dir = overrides.data_dir.clone().or(data_dir).unwrap_or_else(|| PathBuf::from("tallymark-data"));
    let url = store.text("url", units::store_url);
    let url =
        overrides.store.clone().or(url).unwrap_or_else(|| StoreUrl::Sqlite(data_dir.join("tallymark.db")));
    let tick = store.text("tick", |text| units::duration_within(text, SECOND / 100, SECOND * 60));
    // A remote store has a cost per batch, an embedded one hardly any.
    let embedded = matches!(url, StoreUrl::Sqlite(_));
    let tick = tick.unwrap_or(if embedded { SECOND / 4 } else { SECOND });
    let usual = Keep::default();
    let applied = store.text("outbox-retention", |text| units::duration_within(text, SECOND * 10, DAY * 31));
    let bytes = store.size("outbox-max-bytes", 16 << 20..=1 << 50);
    let keep =
        Keep { applied: applied.unwrap_or(usual.applied), bytes: bytes.unwrap_or(usual.bytes), ..usual };
    store.finish();

    let http = read_http(file.table("http"), overrides);
    let routes = read_routes(file.tables("route"), mistakes);
    let sources = source::read_sources(file.tables("source"), &routes, overrides, mistakes);
    let github = read_github(file.table("github"), overrides);
    // Between two refreshes of a tracked account, nothing is amiss.
    let hard = github.ages.hard.max(github.refresh * 2);
    let badges = read_badges(file.table("badges"), &data_dir, (hard, github.zone), overrides);
    let others = read_others(file.table("compat"));
    let groups = read_groups(file.tables("group").unwrap_or_default());
    let news = news::read_rules(file.tables("notify").unwrap_or_default());
    places::check(&data_dir, &url, &badges.dir, mistakes);
    places::check_ports(&http.listen, &sources, mistakes);

    let mut section = file.table("retention");
    let usual = Retention::default();
    let years = |text: &str| units::duration_within(text, DAY, DAY * 3660);
    let hour = section.text("hour", years).unwrap_or(usual.hour);
    let retention = Retention {
        minute: section
            .text("minute", |text| units::duration_within(text, SECOND * 3600, DAY * 366))
            .unwrap_or(usual.minute),
        hour,
        visitors: section.text("visitors", years).unwrap_or(hour),
        day: section.text("day", |text| units::duration_within(text, DAY * 32, DAY * 36_600)),
        visit: section.text("visit", |text| units::duration_within(text, SECOND * 3600, DAY * 3660)),
        ..usual
    };
    if retention.day.is_some_and(|day| day < hour.max(retention.visitors).max(retention.minute)) {
        section.mistake_of("day", "days are kept at least as long as minutes, hours and visitors");
    }
    section.finish();

    let mut section = file.table("visits");
    let kept = section.number("keep", 0..MAX_VISITS as u64 + 1).map(|visits| visits as usize);
    let visits = read_visit_rules(&mut section);
    let faces = read_faces(&mut section);
    let asker_texts = read_asker_texts(&mut section);
    let geo_database = section.text("geo-database", units::path);
    section.finish();
    let mut section = file.table("outgoing");
    let outgoing_allow = section.texts("allow", units::network).unwrap_or_default();
    section.finish();
    let deny = read_deny(file.table("deny"));
    let kept_visits =
        kept.map_or(KeptVisits { last: MAX_VISITS, of_every_event: false }, KeptVisits::of_every_event);
    let (retention, keep) =
        (Retention { visits: kept_visits.last, ..retention }, Keep { visits: kept_visits.last, ..keep });

    let mut limits = file.table("limits");
    let connections = limits.number("connections", 1..1_000_001).unwrap_or(20_000);
    let body_bytes = limits.size("body-bytes", 1 << 10..=256 << 20).unwrap_or(1 << 20) as usize;
    let tally_entries = limits.number("tally-entries", 100..10_000_001).unwrap_or(100_000);
    let names = NameLimits {
        names: limits.number("names", 1..1_000_000_001).unwrap_or(NameLimits::default().names),
        new_per_minute: limits.number("new-names-per-minute", 1..1_000_000_001),
    };
    limits.finish();
    file.finish();

    let base = http.base_url.as_deref().map_or("", units::path_of);
    let routes = Arc::new(Routes::new(routes).under(base));
    let (connections, tally_entries) = (connections as usize, tally_entries as usize);
    Config {
        kept_visits,
        data_dir,
        store: url,
        tick,
        retention,
        keep,
        http,
        sources,
        routes,
        badges,
        others,
        groups,
        news,
        connections,
        body_bytes,
        tally_entries,
        names,
        visits,
        faces,
        github,
        outgoing_allow,
        deny,
        asker_texts,
        geo_database,
        lines: mistakes.lines_of(&[TEMPLATE, LOGOS, DIGITS, GEO_DATABASE]),
    }
}

fn read_http(mut section: ConfigTable<'_>, overrides: &Overrides) -> Http {
    let listen = section.text("listen", units::listen);
    let mut listen = overrides
        .listen
        .clone()
        .or(listen)
        .unwrap_or_else(|| Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 8080))));
    if let (Some(port), Listen::Tcp(addr)) = (overrides.port, &mut listen)
        && overrides.listen.is_none()
    {
        addr.set_port(port);
    }
    let base_url = section.text("base-url", units::base_url);
    let visibility = section.text("visibility", |text| match text {
        "public" => Ok(Visibility::Public),
        "token" => Ok(Visibility::Token),
        "off" => Ok(Visibility::Off),
        _ => Err(format!("{text:?} is not public, token or off")),
    });
    let visibility = visibility.unwrap_or_default();
    let tokens = section.texts("tokens", units::token);
    let tokens = overrides.tokens.clone().or(tokens).unwrap_or_default();
    if visibility == Visibility::Token && tokens.is_empty() {
        section.mistake_of("visibility", "\"token\" needs tokens = [\"...\"] beside it");
    }
    let origin = |text: &str| Origins::parse([text]).map(|_| text.to_owned()).map_err(|why| why.to_string());
    let origins = section.texts("cors-origins", origin);
    let origins = origins.and_then(|texts| Origins::parse(texts.iter().map(String::as_str)).ok());
    let origins = overrides.origins.clone().or(origins).unwrap_or(Origins::Any);
    let proxies = section.texts("trusted-proxies", units::network);
    let zone = |text: &str| Zone::parse(text).map_err(|why| why.to_string());
    let hitme_zone = section.text("hitme-zone", zone).unwrap_or_default();
    let prefix = |text: &str| StatsPrefix::parse(text).map_err(|why| why.to_string());
    let stats_prefix = section.text("stats-prefix", prefix);
    let stats_prefix = overrides.stats_prefix.clone().or(stats_prefix).unwrap_or_default();
    section.finish();
    Http {
        listen,
        base_url: overrides.base_url.clone().or(base_url),
        visibility,
        tokens,
        origins,
        proxies: overrides.proxies.clone().or(proxies).unwrap_or_else(units::loopback),
        hitme_zone,
        stats_prefix,
    }
}

/// All are off without a word: two of them take any address that ends with `.svg`.
fn read_others(mut section: ConfigTable<'_>) -> OtherCounters {
    let mut others = OtherCounters::default();
    for (counter, key) in OtherCounter::EVERY {
        if section.switch(key) == Some(true) {
            others = others.with(counter);
        }
    }
    section.finish();
    others
}

fn read_groups(tables: Vec<ConfigTable<'_>>) -> Vec<NameGroup> {
    let mut groups: Vec<NameGroup> = Vec::new();
    for mut table in tables {
        let name = table.text("name", |text| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            match text.len() {
                1..=64 if text.bytes().all(plain) => Ok(text.to_owned()),
                _ => Err(format!("{text:?} is not 1 to 64 letters, digits, - _ and .")),
            }
        });
        let members =
            table.texts("members", |text| Glob::new(text).map_err(|why| format!("{text:?}: {why}")));
        match (&name, &members) {
            (None, _) if !table.was_taken("name") => table.mistake("it has no name"),
            (_, None) if !table.was_taken("members") => table.mistake("it has no members"),
            (_, Some(members)) if members.is_empty() || members.len() > 100 => {
                table.mistake_of("members", "1 to 100 names or patterns like \"octo/*\"");
            }
            (Some(name), _) if groups.iter().any(|group| group.name == *name) => {
                table.mistake_of("name", format!("there is another group {name:?}"));
            }
            _ => {}
        }
        table.finish();
        groups.extend(name.zip(members).map(|(name, members)| NameGroup { name, members }));
    }
    groups
}

/// How many patterns and networks may be denied: each hit that was not seen before is compared with all of them.
const MOST_DENIED: usize = 1000;

fn read_deny(mut section: ConfigTable<'_>) -> DenyRules {
    let glob = |text: &str| Glob::new(text).map_err(|why| format!("{text:?}: {why}"));
    let names = section.texts("names", glob).unwrap_or_default();
    let networks = section.texts("networks", units::network).unwrap_or_default();
    let agents = section.texts("user-agents", |text| glob(&text.to_lowercase())).unwrap_or_default();
    let patterns = names.iter().filter(|glob| !glob.is_exact()).count();
    for (key, count, what) in [
        ("names", patterns, "patterns; names without * are not limited"),
        ("networks", networks.len(), "networks"),
        ("user-agents", agents.len(), "patterns"),
    ] {
        if count > MOST_DENIED {
            section.mistake_of(key, format!("at most {MOST_DENIED} {what}"));
        }
    }
    section.finish();
    DenyRules::new(names, networks, agents)
}

fn read_visit_rules(section: &mut ConfigTable<'_>) -> VisitRules {
    let usual = VisitRules::default();
    let within = |most: Duration| move |text: &str| units::duration_within(text, Duration::ZERO, most);
    VisitRules {
        cooldown: section.text("cooldown", within(DAY)).unwrap_or(usual.cooldown),
        collapse: section.text("collapse", within(SECOND * 60)).unwrap_or(usual.collapse),
        camo: section.texts("camo-networks", units::network).map_or(usual.camo, CamoNetworks::new),
    }
}

fn read_github(mut section: ConfigTable<'_>, overrides: &Overrides) -> GithubConfig {
    let api =
        section.text("api-url", |text| if text == "off" { Ok(None) } else { units::api_url(text).map(Some) });
    let tokens = section.texts("tokens", units::github_token);
    let usual = StatsAges::default();
    let soft = section.text("soft-ttl", units::stats_age);
    let ages = StatsAges {
        soft: overrides.github_soft.or(soft).unwrap_or(usual.soft),
        hard: section.text("hard-ttl", units::stats_age).unwrap_or(usual.hard),
    };
    if ages.soft > ages.hard {
        section.mistake_of("soft-ttl", "must not be more than hard-ttl");
    }
    let refresh = section.text("refresh", |text| units::duration_within(text, SECOND * 10, DAY * 30));
    let zone = section.text("zone", |text| text.parse().map_err(|why: NotADayZone| why.to_string()));
    let keeps_traffic = section.switch("traffic").unwrap_or(true);
    let within = section.text("timeout", units::github_timeout);
    let rate = section.text("rate-limit", units::rate);
    let secret = section.text("secret", units::signing_secret);
    section.finish();
    GithubConfig {
        api: api.unwrap_or_else(|| units::api_url(units::GITHUB).ok()),
        tokens: overrides.github_tokens.clone().or(tokens).unwrap_or_default(),
        ages,
        refresh: refresh.unwrap_or(SECOND * 3600),
        zone: zone.unwrap_or_default(),
        keeps_traffic,
        within: overrides.github_timeout.or(within).unwrap_or(SECOND * 10),
        each_client: overrides.github_rate.or(rate).unwrap_or(Some(SECOND / 10)),
        secret: overrides.github_secret.clone().or(secret),
    }
}

fn read_faces(section: &mut ConfigTable<'_>) -> AvatarConfig {
    let pattern = section.text("avatars", |text| match text {
        "off" => Ok(None),
        _ => text.parse().map(Some).map_err(|why: NotAPattern| format!("{why}; or write \"off\"")),
    });
    let dir = section.text("avatar-dir", |text| match units::path(text)? {
        dir if dir.is_dir() => Ok(dir),
        _ => Err(format!("{text:?} is not a directory")),
    });
    AvatarConfig { pattern: pattern.unwrap_or_else(|| Some(AvatarPattern::default())), dir }
}

/// What of a client is kept: none of it without a word.
fn read_asker_texts(section: &mut ConfigTable<'_>) -> AskerTexts {
    let mut kept = AskerTexts::default();
    for text in section.texts("store", AskerTexts::parse).unwrap_or_default() {
        kept = kept.and(text);
    }
    kept
}

/// The tag of lines that nginx writes with `tallymark nginx-conf` if visits are counted, or kept.
pub(crate) const VISITORS_TAG: &str = "tallymark_visitors";

/// The tag of lines about badges of other counters.
pub(crate) const REQUESTS_TAG: &str = "tallymark_requests";

/// The same, if visits are counted from them, or kept.
pub(crate) const REQUESTERS_TAG: &str = "tallymark_requesters";

/// ghit.me's route, and those that `tallymark nginx-conf` uses: stock nginx has no UTC date to log, but `$msec`. All
/// are there whatever is configured, so that nginx and the daemon may be changed in any order. Earlier builds printed
/// `tallymark_visits`, and no column for opting out.
fn default_routes() -> Vec<Route> {
    let stock = Route {
        tag: "tallymark".to_owned(),
        columns: vec![Column::Time, Column::Name],
        decode: 1,
        ..Route::default()
    };
    let visits = Route {
        tag: "tallymark_visits".to_owned(),
        columns: vec![Column::Time, Column::Name, Column::UserAgent],
        ..stock.clone()
    };
    let visitors = Route {
        tag: VISITORS_TAG.to_owned(),
        columns: vec![Column::Time, Column::Name, Column::Address, Column::UserAgent, Column::OptOut],
        ..stock.clone()
    };
    let requests =
        Route { tag: REQUESTS_TAG.to_owned(), columns: vec![Column::Time, Column::Request], ..stock.clone() };
    let requesters = Route {
        tag: REQUESTERS_TAG.to_owned(),
        columns: vec![Column::Time, Column::Request, Column::Address, Column::UserAgent, Column::OptOut],
        ..stock.clone()
    };
    vec![Route::default(), stock, visits, visitors, requests, requesters]
}

fn read_routes(tables: Option<Vec<ConfigTable<'_>>>, mistakes: &Mistakes<'_>) -> Vec<Route> {
    let Some(tables) = tables else { return default_routes() };
    let places: Vec<_> = tables.iter().map(|table| (table.header(), table.name().to_owned())).collect();
    let routes: Vec<Route> = tables.into_iter().map(read_route).collect();
    for (at, (route, (header, name))) in routes.iter().zip(places).enumerate() {
        let same = |other: &&Route| {
            other.tag == route.tag && other.facility == route.facility && other.severity == route.severity
        };
        if routes[..at].iter().find(same).is_some() {
            mistakes.add(
                header,
                format!("{name}: tag {:?} with this facility and severity has a route already", route.tag),
            );
        }
    }
    routes
}

fn read_route(mut table: ConfigTable<'_>) -> Route {
    let usual = Route::default();
    let tag = table.text("tag", |text| {
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b':' | b'[' | b']');
        // nginx refuses a tag of more than 32 characters; RFC 5424 has 48.
        match text.len() {
            1..=48 if text.bytes().all(plain) => Ok(text.to_owned()),
            1..=48 => Err(format!("{text:?} is not a syslog tag: no blanks, no `:[]`, and only ASCII")),
            length => Err(format!("{text:?} has {length} bytes, and a syslog tag has 1 to 48")),
        }
    });
    let facility = table.text("facility", units::facility).unwrap_or(usual.facility);
    let severity = table.text("severity", units::severity).unwrap_or(usual.severity);
    let event = table.text("event", |text| Event::new(text.as_bytes()).map_err(|error| error.to_string()));
    let columns = table.texts("columns", |text| {
        let words = || Column::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" ");
        Column::from_word(text).ok_or_else(|| format!("{text:?} is not one of {}", words()))
    });
    let columns = columns.unwrap_or(usual.columns);
    check_columns(&table, &columns);
    let escape = table.text("escape", |text| match text {
        "default" => Ok(Escape::Default),
        "json" => Ok(Escape::Json),
        "none" => Err("with escape=none a client can write columns of its own; use default".to_owned()),
        _ => Err(format!("{text:?} is not default or json")),
    });
    let decode = table.number("decode", 0..4).unwrap_or(u64::from(usual.decode));
    let names = table.text("names", |text| match text {
        "any" => Ok(NameRule::Any),
        "github" => Ok(NameRule::Github),
        _ => Err(format!("{text:?} is not any or github")),
    });
    table.finish();
    Route {
        tag: tag.unwrap_or(usual.tag),
        facility,
        severity,
        event: event.unwrap_or(usual.event),
        columns,
        escape: escape.unwrap_or(usual.escape),
        decode: decode as u8,
        names: names.unwrap_or(usual.names),
    }
}

fn check_columns(table: &ConfigTable<'_>, columns: &[Column]) {
    if columns.len() > tallymark_core::record::MAX_COLUMNS {
        table.mistake_of("columns", format!("at most {}", tallymark_core::record::MAX_COLUMNS));
    }
    let names = |column: &Column| matches!(column, Column::Name | Column::Request);
    if columns.iter().filter(|column| names(column)).count() != 1 {
        table.mistake_of("columns", "\"name\" has to be there, once; or \"request\" in its place");
    }
    for (at, column) in columns.iter().enumerate() {
        if !matches!(column, Column::Skip | Column::Name | Column::Request) && columns[..at].contains(column)
        {
            table.mistake_of("columns", "a column is listed twice");
        }
    }
}

fn read_badges(
    mut section: ConfigTable<'_>,
    data_dir: &Path,
    (hard, zone): (Duration, DayZone),
    overrides: &Overrides,
) -> Badges {
    let dir = section.text("dir", units::path);
    let color = |text: &str| Color::parse(text).map_err(|error| error.to_string());
    let kind = |text: &str| {
        let words = ChartKind::EVERY.map(|(_, word)| word).join(", ");
        ChartKind::from_word(text).ok_or_else(|| format!("{text:?} is not one of {words}"))
    };
    let style = |text: &str| {
        let words = Style::EVERY.map(Style::name).join(", ");
        Style::from_name(text).ok_or_else(|| format!("{text:?} is not one of {words}"))
    };
    let badges = Badges {
        charts: section.texts("charts", kind).unwrap_or_default(),
        panels: section.texts("panels", Variant::parse).unwrap_or_default(),
        banners: section.switch("banners").unwrap_or(false).then_some(hard),
        cards: section.switch("cards").unwrap_or(false).then_some((hard, zone)),
        dir: overrides.badges_dir.clone().or(dir).unwrap_or_else(|| data_dir.join("badges")),
        label: section.text("label", |text| Ok(text.to_owned())).unwrap_or_else(|| DEFAULT_LABEL.to_owned()),
        color: section.text("color", color).unwrap_or(DEFAULT_VALUE_COLOR),
        label_color: section.text("label-color", color).unwrap_or(DEFAULT_LABEL_COLOR),
        style: section.text("style", style),
        template: section.text("template", units::path),
        logos: section.text("logos", units::path),
        digits: section.text("digits", units::path),
        every: section
            .text("every", |text| units::duration_within(text, SECOND / 10, DAY))
            .unwrap_or(SECOND / 10),
    };
    section.finish();
    badges
}

#[cfg(test)]
mod tests;
