//! `tallymark nginx-conf`: the configuration for stock nginx, filled in.
//!
//! It is nginx/tallymark.conf, which also works unchanged, with the addresses and paths of this installation.

use super::{CommonFlags, out};
use crate::config::{
    Config, Kind, NginxServer, REQUESTERS_TAG, REQUESTS_TAG, VISITORS_TAG, nginx_server, units,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tallymark_core::{Column, OWN_SEGMENTS, OtherCounter};
use tallymark_ingest::LineFormat;
use tallymark_web::Listen;

/// Where the template logs to.
const SYSLOG: &str = "127.0.0.1:5140";
const TALLYMARK_TAG: &str = "tallymark";
const TEMPLATE: &str = include_str!("../../../../nginx/tallymark.conf");

/// What changes where visits are counted or kept: the daemon finds out who it is and what class of client, and forgets
/// both texts.
const WITH_VISITS: [(&str, &str); 2] = [
    (r#""$msec","$tallymark_name"'"#, r#""$msec","$tallymark_name","$remote_addr","$http_user_agent"'"#),
    ("tag=tallymark,", "tag=tallymark_visitors,"),
];

/// What changes where the route of these lines has a column for it: who asks not to be recorded.
const WITH_OPT_OUTS: [(&str, &str); 2] = [
    (r#""$remote_addr","$http_user_agent"'"#, r#""$remote_addr","$http_user_agent","$tallymark_opts_out"'"#),
    (
        "log_format tallymark ",
        concat!(include_str!("../../../../nginx/opt-outs.conf"), "log_format tallymark "),
    ),
];

/// What changes where panels are served: they share the location of badges, with maps of their own.
const WITH_PANELS: [(&str, &str); 7] = [
    (
        "map $request_uri $tallymark_name {\n    default \"\";",
        "map $request_uri $tallymark_name {\n    default $tallymark_panel_counted;",
    ),
    (
        "map \"$tallymark_png$tallymark_odd$tallymark_conditional$tallymark_drawn$tallymark_name\" $tallymark_file {\n    default \"\";",
        "map \"$tallymark_panel$tallymark_png$tallymark_odd$tallymark_conditional$tallymark_drawn$tallymark_name\" $tallymark_file {\n    \
         default $tallymark_panel_file;",
    ),
    ("$tallymark_pass {\n    default $request_uri;", "$tallymark_pass {\n    default $tallymark_panel_pass;"),
    (
        "$tallymark_instead {\n    default @tallymark_away;",
        "$tallymark_instead {\n    default $tallymark_panel_instead;",
    ),
    (
        "    # Charts: those that are on disk",
        concat!(
            include_str!("../../../../nginx/panels-locations.conf"),
            "    # Charts: those that are on disk"
        ),
    ),
    (
        r#"location ~ "(?s)^/badge(?:\.(?:svg|png)|/.+\.(?:svg|png))$" {"#,
        r#"location ~ "(?s)^/(?:badge(?:\.(?:svg|png)|/.+\.(?:svg|png))$|v1/(?!like/[^/]+/.+/(?:add|remove)$))" {"#,
    ),
    (
        "log_format tallymark ",
        concat!(include_str!("../../../../nginx/panels.conf"), "log_format tallymark "),
    ),
];

/// What changes where created banners are served from disk.
const WITH_BANNERS: [(&str, &str); 2] = [
    (
        "# A chart that the publisher has drawn",
        concat!(include_str!("../../../../nginx/banners.conf"), "# A chart that the publisher has drawn"),
    ),
    (
        "    # Charts: those that are on disk",
        concat!(
            include_str!("../../../../nginx/banners-locations.conf"),
            "    # Charts: those that are on disk"
        ),
    ),
];

/// What changes where cards are served from disk.
const WITH_CARDS: [(&str, &str); 2] = [
    (
        "# A chart that the publisher has drawn",
        concat!(include_str!("../../../../nginx/cards.conf"), "# A chart that the publisher has drawn"),
    ),
    (
        "    # Charts: those that are on disk",
        concat!(
            include_str!("../../../../nginx/cards-locations.conf"),
            "    # Charts: those that are on disk"
        ),
    ),
];

/// What changes where nginx keeps what the daemon has drawn.
const WITH_CACHE: [(&str, &str); 3] = [
    (
        "# This server, as the request has reached it.",
        concat!(
            include_str!("../../../../nginx/cache.conf"),
            "# This server, as the request has reached it."
        ),
    ),
    (
        "    # Charts: those that are on disk",
        concat!(
            include_str!("../../../../nginx/cache-locations.conf"),
            "    # Charts: those that are on disk"
        ),
    ),
    ("try_files $tallymark_chart_file @tallymark_asks;", "try_files $tallymark_chart_file $tallymark_asks;"),
];
const CACHE_DIR: &str = "/run/tallymark-pictures";
/// Also in what is added to the file.
const DRAWS: [(&str, &str); 2] = [
    ("try_files $tallymark_file @tallymark_draws;", "try_files $tallymark_file $tallymark_draws;"),
    ("try_files /.none @tallymark_draws;", "try_files /.none $tallymark_draws;"),
];

/// What changes if badges of other counters are served. OTHER_PATHS is the placeholder for their addresses, and
/// OTHER_LOCATIONS for the same decoded.
const WITH_OTHERS: [(&str, &str); 4] = [
    (
        "log_format tallymark ",
        concat!(include_str!("../../../../nginx/counters.conf"), "log_format tallymark "),
    ),
    (
        "tallymark if=$tallymark_countable;\n",
        "tallymark if=$tallymark_countable;\n    \
         access_log syslog:server=127.0.0.1:5140,facility=local3,tag=tallymark_requests,severity=info tallymark_requests if=$tallymark_other_countable;\n",
    ),
    (
        r#"    "~^(?<tallymark_path>/badge(?:\.svg|\.png|"#,
        concat!(
            r#"    "~^(?<tallymark_other_path>OTHER_PATHS)(?:[?#]|$)" $tallymark_other_path?count=false&$args;"#,
            "\n",
            r#"    "~^(?<tallymark_path>/badge(?:\.svg|\.png|"#
        ),
    ),
    (
        "    # Internal only; ask the daemon directly",
        "    # Badges of other counters. None of them is a file.\n    \
         location ~ \"(?s)^(?:OTHER_LOCATIONS|/api/count/keep/badge\\.svg)$\" {\n        \
         try_files /.none @tallymark_draws;\n    \
         }\n\n    \
         # Internal only; ask the daemon directly",
    ),
];

/// The same where visits are counted or kept.
const OTHERS_WITH_VISITS: [(&str, &str); 2] = [
    (r#""$msec","$request_uri"'"#, r#""$msec","$request_uri","$remote_addr","$http_user_agent"'"#),
    ("tag=tallymark_requests,", "tag=tallymark_requesters,"),
];

/// Print the nginx configuration for this set-up. It needs no extra module.
#[derive(Debug, Args)]
pub(super) struct NginxConf {
    /// The host name that nginx answers to. The default is the one of base-url, or else hits.example.org.
    #[arg(long, value_name = "HOST", value_parser = host)]
    server_name: Option<String>,
    /// Where nginx listens.
    #[arg(long, default_value = "80", value_name = "[ADDR:]PORT", value_parser = nginx_listen)]
    nginx_listen: String,
    /// Let nginx tell who asks, so that badges that are files count visits too, and not only hits. Where visits are
    /// kept, it does anyway.
    #[arg(long)]
    visits: bool,
    /// Serve panels too, from disk as far as `[badges] panels` names them, and count their views. Implies --visits.
    #[arg(long)]
    panels: bool,
    /// Serve created banners of GitHub accounts from disk, where `[badges] banners` lets the publisher write them.
    #[arg(long)]
    banners: bool,
    /// Serve cards of tracked GitHub accounts from disk, where `[badges] cards` lets the publisher write them.
    #[arg(long)]
    cards: bool,
    /// Let nginx cache pictures that the daemon has drawn in this directory, for a second, and while the daemon is
    /// down. Use a tmpfs, like /run/tallymark-pictures: if nginx cannot write there, it shows nothing.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

fn host(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._*".contains(&b);
    let right = !text.is_empty() && text.bytes().all(plain);
    if right { Ok(text.to_owned()) } else { Err("a host name has letters, digits, - and .".to_owned()) }
}

fn nginx_listen(text: &str) -> Result<String, String> {
    let right = text.parse::<u16>().is_ok_and(|port| port > 0) || text.parse::<SocketAddr>().is_ok();
    if right { Ok(text.to_owned()) } else { Err("write a port, or ADDRESS:PORT".to_owned()) }
}

/// What would be printed now for an nginx that has this configuration: with the parts that it has.
pub(super) fn as_printed(config: &Config, installed: &str) -> Result<String> {
    let conf = NginxConf {
        server_name: None,
        nginx_listen: "80".to_owned(),
        visits: installed.contains(&format!("tag={VISITORS_TAG},")),
        panels: installed.contains("$tallymark_panel_file"),
        banners: installed.contains("$tallymark_banner"),
        cards: installed.contains("$tallymark_card"),
        cache: cache_of(installed),
    };
    conf.fill(config)
}

/// Logs who asks not to be recorded, if the routes of these lines have a column for it. The lines of routes without one
/// would have a column too many, and be rejected.
fn with_opt_outs(config: &Config, text: String) -> String {
    let routes = config.routes.as_slice().iter();
    let of_tag = routes.filter(|route| text.contains(&format!("tag={},", route.tag)));
    let told = of_tag.filter(|route| route.columns.contains(&Column::Address));
    if let Some(route) = told.clone().find(|route| route.columns.last() != Some(&Column::OptOut)) {
        tracing::warn!(
            "clients that opt out (Sec-GPC or DNT) are recorded like others, because the [[route]] with the tag {} has \
             no column for it: add \"opt-out\" at the end of its columns and print this again",
            route.tag
        );
        return text;
    }
    WITH_OPT_OUTS.iter().fold(text, |text, (default, value)| text.replace(default, value))
}

/// The directory in which an nginx with this configuration keeps pictures.
fn cache_of(installed: &str) -> Option<PathBuf> {
    let dirs = installed.lines().filter_map(|line| line.trim().strip_prefix("proxy_cache_path "));
    let ours = dirs.filter(|dir| dir.contains("keys_zone=tallymark:"));
    ours.filter_map(|dir| dir.split_whitespace().next()).map(PathBuf::from).next()
}

impl NginxConf {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        for (flag, is_given, key, has_files) in [
            ("--panels", self.panels, "panels", !config.badges.panels.is_empty()),
            ("--banners", self.banners, "banners", config.badges.banners.is_some()),
            ("--cards", self.cards, "cards", config.badges.cards.is_some()),
        ] {
            if has_files && !is_given {
                tracing::warn!(
                    "[badges] {key} makes files that this configuration does not serve: print it with {flag}"
                );
            }
        }
        if self.panels && config.badges.panels.is_empty() {
            tracing::warn!(
                "no panel is a file, so the daemon draws them all: list panels to write as files in [badges] \
                 panels"
            );
        }
        if self.banners && config.badges.banners.is_none() {
            tracing::warn!(
                "no banner is a file, so the daemon draws them all: [badges] banners = true makes them files"
            );
        }
        if self.cards && config.badges.cards.is_none() {
            tracing::warn!(
                "no card is a file, so the daemon draws them all: [badges] cards = true makes them files"
            );
        }
        if !config.badges.dir.is_dir() {
            tracing::warn!(
                "the badge directory {} does not exist yet: `tallymark serve` creates it, for its own user",
                config.badges.dir.display()
            );
        }
        let path = config.http.base_url.as_deref().map_or("", units::path_of);
        if !path.is_empty() {
            tracing::warn!(
                "base-url has the path {path}, and this configuration serves the root of the host: `tallymark help nginx` \
                 shows a location for a path"
            );
        }
        out::print(&self.fill(&config)?)
    }

    fn server_name<'a>(&'a self, config: &'a Config) -> &'a str {
        let public = config.http.base_url.as_deref().map(units::host_of).filter(|name| host(name).is_ok());
        self.server_name.as_deref().or(public).unwrap_or("hits.example.org")
    }

    fn fill(&self, config: &Config) -> Result<String> {
        let files = LogFiles::of(config);
        let server = match nginx_server(&config.sources) {
            Some(NginxServer::Udp(addr)) => addr.to_string(),
            Some(NginxServer::Unix(path)) => format!("unix:{}", log_word(&std::path::absolute(path)?)?),
            // The files come into its place.
            None if !files.0.is_empty() => SYSLOG.to_owned(),
            None => bail!("{}", no_syslog(config)),
        };
        let is_in_files = nginx_server(&config.sources).is_none();
        let badges = std::path::absolute(&config.badges.dir).context("finding the badge directory")?;
        let http = match &config.http.listen {
            Listen::Tcp(addr) => addr.to_string(),
            Listen::Unix(path) => format!("unix:{}", word(&std::path::absolute(path)?)?),
        };
        let mut text = TEMPLATE.to_owned();
        let others: Vec<String> = config.others.iter().map(|other| addresses(other, config)).collect();
        if !others.is_empty() {
            let has_route = |tag: &str| config.routes.as_slice().iter().any(|route| route.tag == tag);
            if !has_route(REQUESTS_TAG) || !has_route(REQUESTERS_TAG) {
                bail!(
                    "[compat] needs a [[route]] with the tag {REQUESTS_TAG} and one with {REQUESTERS_TAG}: \
                     examples/tallymark.toml has them"
                );
            }
            text = WITH_OTHERS.iter().fold(text, |text, (default, value)| text.replace(default, value));
            text = text.replace("OTHER_PATHS", &others.join("|"));
            let decoded: Vec<String> = config.others.iter().map(|other| location(other, config)).collect();
            text = text.replace("OTHER_LOCATIONS", &decoded.join("|"));
        }
        for (default, value) in [
            ("listen 80;", format!("listen {};", self.nginx_listen)),
            ("server_name hits.example.org;", format!("server_name {};", self.server_name(config))),
            (SYSLOG, server),
            ("127.0.0.1:8080", http),
            ("/var/lib/tallymark/badges", word(&badges)?),
        ] {
            text = text.replace(default, &value);
        }
        let has_route = config.routes.as_slice().iter().any(|route| route.tag == VISITORS_TAG);
        let (asked, flag) = (self.visits || self.panels, if self.panels { "--panels" } else { "--visits" });
        if asked && !has_route {
            bail!("{flag} needs a [[route]] with the tag {VISITORS_TAG}: examples/tallymark.toml has it");
        }
        let told = config.kept_visits.of(tallymark_core::Event::HIT) > 0 || config.deny.looks_at_requesters();
        if (asked || told) && has_route {
            for (default, value) in WITH_VISITS.into_iter().chain(OTHERS_WITH_VISITS) {
                text = text.replace(default, value);
            }
            text = with_opt_outs(config, text);
        }
        if is_in_files {
            text = files.written(text)?;
        }
        if self.panels {
            for (default, value) in WITH_PANELS {
                text = text.replace(default, value);
            }
        }
        if self.banners {
            for (default, value) in WITH_BANNERS {
                text = text.replace(default, value);
            }
        }
        if self.cards {
            for (default, value) in WITH_CARDS {
                text = text.replace(default, value);
            }
        }
        if let Some(dir) = &self.cache {
            for (default, value) in WITH_CACHE.into_iter().chain(DRAWS) {
                text = text.replace(default, value);
            }
            text =
                text.replace(CACHE_DIR, &word(&std::path::absolute(dir).context("finding the directory")?)?);
        }
        Ok(text)
    }
}

/// The addresses of another counter, without their query: what `tallymark_core::read_other_badge` reads.
fn addresses(counter: OtherCounter, config: &Config) -> String {
    match counter {
        OtherCounter::Komarev => "/ghpvc/?".to_owned(),
        OtherCounter::Seeyoufarm => r"/api/count/incr/badge\.svg".to_owned(),
        OtherCounter::VisitorBadge => "/badge".to_owned(),
        OtherCounter::HitsSh => r"/[^/?#.]*\.[^/?#]*(?:/[^?#]*)?\.svg".to_owned(),
        OtherCounter::Dwyl => {
            let stats = config.http.stats_prefix.as_str().trim_start_matches('/');
            let own = OWN_SEGMENTS.into_iter().chain([stats]).map(|own| own.replace('.', r"\."));
            let own = own.collect::<Vec<_>>().join("|");
            format!(r"/(?!(?:{own})/)[^/?#.]*/[^/?#]*(?:/[^/?#]*)?\.svg")
        }
        OtherCounter::MoeCounter => "(?:/get)?/@[^/?#]+".to_owned(),
    }
}

/// The same as nginx's locations see it: without escapes, so a name has its slashes.
fn location(counter: OtherCounter, config: &Config) -> String {
    match counter {
        OtherCounter::MoeCounter => "(?:/get)?/@.+".to_owned(),
        other => addresses(other, config),
    }
}

/// What to do without a source that nginx can write to.
fn no_syslog(config: &Config) -> String {
    let needs = "nginx needs a syslog-udp, syslog-unix or file source to log to; there is none";
    let reads_others = config.sources.iter().any(|source| matches!(source.kind, Kind::File { .. }));
    if reads_others {
        return format!(
            "{needs} that reads records (format auto or record). For its access logs in another format, the \
             printed configuration is not needed"
        );
    }
    format!(
        "{needs}. For a relay between nginx and Tallymark, print it with --syslog-udp and the address at which the \
         relay listens (`tallymark help syslog`)"
    )
}

/// The files that sources read records from, each with the tag of its route.
struct LogFiles<'a>(Vec<(&'a Path, Option<&'a str>)>);

impl<'a> LogFiles<'a> {
    fn of(config: &'a Config) -> LogFiles<'a> {
        let files = config.sources.iter().filter_map(|source| match &source.kind {
            Kind::File { path, .. } if matches!(source.format, LineFormat::Auto | LineFormat::Record) => {
                Some((&**path, source.route.as_deref()))
            }
            _ => None,
        });
        LogFiles(files.collect())
    }

    /// The configuration with a file in the place of each syslog server. A line in a file has no tag, so each tag has a
    /// file of its own, whose source names the route.
    fn written(&self, mut text: String) -> Result<String> {
        let tags = [TALLYMARK_TAG, VISITORS_TAG, REQUESTS_TAG, REQUESTERS_TAG];
        let syslog = |tag: &str| format!("syslog:server={SYSLOG},facility=local3,tag={tag},severity=info");
        let used: Vec<&str> = tags.into_iter().filter(|tag| text.contains(&syslog(tag))).collect();
        let needs_routes = used.len() > 1;
        let mut missing = Vec::new();
        for tag in &used {
            let named = self.0.iter().find(|(_, route)| *route == Some(*tag));
            // Alone, the first route that fits reads the lines.
            let any = self.0.iter().find(|(_, route)| route.is_none() && !needs_routes);
            match named.or(any) {
                Some((path, _)) => text = text.replace(&syslog(tag), &word(&std::path::absolute(path)?)?),
                None => missing.push(*tag),
            }
        }
        if missing.is_empty() {
            return Ok(text);
        }
        let sources = missing
            .iter()
            .map(|tag| format!("kind = \"file\", path = \"/var/log/nginx/{tag}.log\" and route = \"{tag}\""));
        bail!(
            "nginx writes lines of {} for this configuration, and a line in a file does not say which it is. Give each a \
             file of its own; missing is a [[source]] with {} (`tallymark help files`)",
            used.join(" and of "),
            sources.collect::<Vec<_>>().join(", and one with ")
        )
    }
}

/// A path that nginx reads as one word.
fn word(path: &Path) -> Result<String> {
    let text = path
        .to_str()
        .filter(|text| text.bytes().all(|b| b.is_ascii_graphic() && !b"\"'\\;{}$#".contains(&b)));
    match text {
        Some(text) => Ok(text.to_owned()),
        None => bail!(
            "{} cannot be written in an nginx configuration: use a path without blanks, quotes and ; {{ }} $ #",
            path.display()
        ),
    }
}

/// A path within an `access_log syslog:` parameter, whose parts are separated by commas.
fn log_word(path: &Path) -> Result<String> {
    let text = word(path)?;
    if text.contains(',') {
        bail!("{text} cannot be written in nginx's access_log: use a path without commas");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn every_default_of_the_file_is_replaced() {
        let overrides = Overrides {
            badges_dir: Some("/srv/pictures".into()),
            listen: Some(Listen::Unix("/run/t.sock".into())),
            syslog_udp: Some("127.0.0.1:777".parse().unwrap()),
            ..Overrides::default()
        };
        let config = Config::parse("", &overrides).unwrap();
        let conf = NginxConf {
            server_name: Some("h.example".into()),
            nginx_listen: "81".into(),
            visits: false,
            panels: false,
            banners: false,
            cards: false,
            cache: None,
        }
        .fill(&config)
        .unwrap();
        for gone in [
            "listen 80;",
            "hits.example.org",
            "127.0.0.1:5140",
            "127.0.0.1:8080",
            "/var/lib/tallymark/badges",
        ] {
            assert!(TEMPLATE.contains(gone), "{gone} is not in the template");
            assert!(!conf.contains(gone), "{gone} is left");
        }
        for there in
            ["listen 81;", "server_name h.example;", "127.0.0.1:777", "unix:/run/t.sock", "/srv/pictures"]
        {
            assert!(conf.contains(there), "{there} is missing");
        }
    }

    #[test]
    fn who_asks_is_logged_only_where_visits_are_wanted_and_a_route_reads_it() {
        let filled = |text: &str, visits| {
            let config = Config::parse(text, &Overrides::default()).unwrap();
            NginxConf {
                server_name: Some("h.example".into()),
                nginx_listen: "81".into(),
                visits,
                panels: false,
                banners: false,
                cards: false,
                cache: None,
            }
            .fill(&config)
        };
        let of = |text: &str| filled(text, false).unwrap();
        let has = |conf: &str| {
            (conf.contains("\"$remote_addr\",\"$http_user_agent\""), conf.contains("tag=tallymark_visitors,"))
        };
        assert_eq!(has(&of("")), (false, false));
        assert_eq!(has(&of("[visits]\nkeep = 9\n")), (true, true));
        assert_eq!(has(&filled("", true).unwrap()), (true, true));
        assert_eq!(has(&of("[deny]\nnames = [\"spam/*\"]\n")), (false, false));
        assert_eq!(has(&of("[deny]\nnetworks = [\"192.0.2.0/24\"]\n")), (true, true));
        assert!(filled("[[route]]\ntag = \"badge\"\n", true).is_err());
        assert_eq!(has(&of("[visits]\nkeep = 9\n[[route]]\ntag = \"badge\"\n")), (false, false));
        let opt_outs = |conf: &str| conf.matches("$tallymark_opts_out").count();
        assert_eq!(opt_outs(&of("")), 0);
        assert_eq!(opt_outs(&filled("", true).unwrap()), 2);
        assert_eq!(opt_outs(&filled("[compat]\ndwyl = true\n", true).unwrap()), 3);
        // Lines of a route of before would have a column too many.
        let before = "[[route]]\ntag = \"tallymark_visitors\"\ncolumns = [\"time\", \"name\", \"address\", \"user-agent\"]\n";
        let conf = filled(before, true).unwrap();
        assert_eq!((has(&conf), opt_outs(&conf)), ((true, true), 0));
        let all = WITH_VISITS
            .iter()
            .chain(&WITH_OPT_OUTS[1..])
            .chain(&WITH_PANELS)
            .chain(&WITH_BANNERS)
            .chain(&WITH_CARDS)
            .chain(&WITH_CACHE)
            .chain(&WITH_OTHERS);
        for (default, _) in all {
            assert_eq!(TEMPLATE.matches(default).count(), 1, "{default}");
        }
    }

    #[test]
    fn panels_are_served_only_where_they_are_wanted_and_bring_visits() {
        let printed = |text: &str, panels, accounts| {
            let config = Config::parse(text, &Overrides::default()).unwrap();
            NginxConf {
                server_name: Some("h.example".into()),
                nginx_listen: "81".into(),
                visits: false,
                panels,
                banners: accounts,
                cards: accounts,
                cache: None,
            }
            .fill(&config)
        };
        let filled = |text: &str, panels| printed(text, panels, panels);
        assert!(!filled("", false).unwrap().contains("/v1/"));
        let conf = filled("", true).unwrap();
        for part in [
            "|v1/(?!like/",
            "/.banners/$tallymark_banner.svg",
            "/.cards/stats~$tallymark_card_stats.svg",
            "/.panels$tallymark_kind/",
            "tag=tallymark_visitors,",
            "\"$remote_addr\"",
        ] {
            assert!(conf.contains(part), "{part} is missing");
        }
        // Banners and cards have their locations in between.
        let conf = printed("", true, false).unwrap();
        for (default, value) in WITH_PANELS {
            assert!(
                conf.contains(value) && (value.contains(default) || !conf.contains(default)),
                "{default}"
            );
        }
        assert!(filled("[[route]]\ntag = \"badge\"\n", true).unwrap_err().to_string().contains("--panels"));
    }

    #[test]
    fn addresses_of_other_counters_are_served_only_where_they_are_on() {
        let filled = |text: &str, panels| {
            let config = Config::parse(text, &Overrides::default()).unwrap();
            NginxConf {
                server_name: Some("h.example".into()),
                nginx_listen: "81".into(),
                visits: false,
                panels,
                banners: false,
                cards: false,
                cache: None,
            }
            .fill(&config)
        };
        let without = filled("[compat]\nkomarev = false\n", false).unwrap();
        assert!(!without.contains("tallymark_requests") && !without.contains("ghpvc"), "{without}");
        let conf = filled("[compat]\nkomarev = true\ndwyl = true\n", false).unwrap();
        for part in ["|/(?!(?:api|", "tag=tallymark_requests,", "/ghpvc/?|", "'\"$msec\",\"$request_uri\"'"] {
            assert!(conf.contains(part), "{part} is missing");
        }
        assert!(
            !conf.contains("OTHER_")
                && !conf.contains("127.0.0.1:5140,facility=local3,tag=tallymark_requesters")
        );
        let conf = filled("[compat]\nhits-sh = true\n", true).unwrap();
        for part in [
            "tag=tallymark_requesters,",
            "\"$request_uri\",\"$remote_addr\",\"$http_user_agent\",\"$tallymark_opts_out\"'",
            "|v1/(?!like/",
        ] {
            assert!(conf.contains(part), "{part} is missing");
        }
        let own = "[compat]\ndwyl = true\n[[route]]\ntag = \"badge\"\n";
        assert!(filled(own, false).unwrap_err().to_string().contains("tallymark_requests"));
    }

    #[test]
    fn what_nginx_would_misread_is_refused() {
        assert!(
            word(Path::new("/a b")).is_err()
                && word(Path::new("/a;b")).is_err()
                && word(Path::new("/a$b")).is_err()
        );
        assert!(host("a b;").is_err() && nginx_listen("80;").is_err() && nginx_listen("0").is_err());
    }
}
