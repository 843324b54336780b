//! `[[source]]`: where lines come from, one block for each.

use super::{
    Overrides,
    places::{is_one_file, is_one_log, overlap},
    reader::{ConfigTable, Mistakes},
    units,
};
use ipnet::IpNet;
use std::{
    fmt,
    net::SocketAddr,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};
use tallymark_core::{Framing, Route, zmq::Clock};
use tallymark_ingest::{
    LineFormat,
    source::{Start, ZmqOptions},
};

/// Where Bootic's collector publishes, which is also the default of its aggregator.
const BOOTIC_PUBLISHER: &str = "127.0.0.1:6000";

/// One source.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) kind: Kind,
    pub(crate) max_line: usize,
    pub(crate) format: LineFormat,
    /// Only the route with this tag, if given.
    pub(crate) route: Option<String>,
}

/// The settings of a kind of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Udp { listen: SocketAddr, allow: Option<Vec<IpNet>>, receive_buffer: usize },
    Unix { path: PathBuf, mode: u32 },
    Tcp(Tcp),
    File { path: PathBuf, start: Start },
    Zmq(ZmqOptions),
}

/// The limits and the allowed peers of a TCP source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tcp {
    pub(crate) listen: SocketAddr,
    pub(crate) allow: Option<Vec<IpNet>>,
    pub(crate) framing: Framing,
    pub(crate) connections: usize,
    pub(crate) idle: Duration,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Udp { listen, .. } => write!(f, "syslog-udp {listen}"),
            Kind::Unix { path, .. } => write!(f, "syslog-unix {}", path.display()),
            Kind::Tcp(tcp) => write!(f, "syslog-tcp {}", tcp.listen),
            Kind::File { path, .. } => write!(f, "file {}", path.display()),
            Kind::Zmq(zmq) => write!(f, "zmq {} {:?}", zmq.connect, zmq.topic),
        }
    }
}

/// One datagram, one line: 64 KiB over UDP, and over a unix socket or in a file whatever nginx can write for a request.
const MAX_LINE: u64 = 65_536;
const MAX_LINE_UNIX: u64 = 262_144;
const SECOND: Duration = Duration::from_secs(1);

impl Kind {
    fn udp(listen: SocketAddr) -> Kind {
        Kind::Udp { listen, allow: None, receive_buffer: 8 << 20 }
    }

    fn unix(path: PathBuf) -> Kind {
        // nginx's workers run as another user, and may only connect and send.
        Kind::Unix { path, mode: 0o666 }
    }

    fn tcp(listen: SocketAddr) -> Kind {
        let (framing, idle) = (Framing::Auto, SECOND * 3600);
        Kind::Tcp(Tcp { listen, allow: None, framing, connections: 256, idle })
    }

    fn file(path: PathBuf) -> Kind {
        Kind::File { path, start: Start::Beginning }
    }

    fn zmq(connect: String) -> Kind {
        Kind::Zmq(ZmqOptions { connect, topic: String::new(), clock: Clock::Arrival })
    }

    fn format(&self) -> LineFormat {
        match self {
            // A log may have been written by nginx itself or by a syslog daemon.
            Kind::File { .. } => LineFormat::Auto,
            _ => LineFormat::Syslog,
        }
    }

    fn max_line(&self) -> u64 {
        match self {
            Kind::Unix { .. } | Kind::File { .. } => MAX_LINE_UNIX,
            _ => MAX_LINE,
        }
    }

    /// The same with the address from a flag.
    fn at(mut self, address: SocketAddr, of_flag: &[IpNet]) -> Kind {
        if let Kind::Udp { listen, allow, .. } | Kind::Tcp(Tcp { listen, allow, .. }) = &mut self {
            *listen = address;
            if !of_flag.is_empty() {
                *allow = Some(of_flag.to_vec());
            }
        }
        self
    }

    fn of_same_kind(&self, other: &Kind) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Whether both use the same socket, or the same lines.
    fn clashes(&self, other: &Kind) -> bool {
        match (self, other) {
            (Kind::Udp { listen: a, .. }, Kind::Udp { listen: b, .. }) => overlap(*a, *b),
            (Kind::Tcp(a), Kind::Tcp(b)) => overlap(a.listen, b.listen),
            (Kind::Unix { path: a, .. }, Kind::Unix { path: b, .. }) => is_one_file(a, b),
            (Kind::File { path: a, .. }, Kind::File { path: b, .. }) => is_one_log(a, b),
            // A message that matches both would count twice.
            (Kind::Zmq(a), Kind::Zmq(b)) => {
                a.connect == b.connect && (a.topic.starts_with(&b.topic) || b.topic.starts_with(&a.topic))
            }
            _ => false,
        }
    }

    /// The address, if anyone on the network could send to it and `allow` is missing.
    fn open_to_all(&self) -> Option<SocketAddr> {
        match self {
            Kind::Udp { listen, allow: None, .. } | Kind::Tcp(Tcp { listen, allow: None, .. }) => {
                Some(*listen).filter(|listen| !listen.ip().is_loopback())
            }
            _ => None,
        }
    }
}

impl Source {
    /// A source of this kind with default settings.
    fn usual(kind: Kind) -> Source {
        let (max_line, format) = (kind.max_line() as usize, kind.format());
        Source { kind, max_line, format, route: None }
    }
}

/// Every source of the file and of the flags. A flag replaces all sources of its kind in the file. The default is
/// nginx's: syslog over UDP on loopback.
pub(super) fn read_sources(
    tables: Option<Vec<ConfigTable<'_>>>,
    routes: &[Route],
    overrides: &Overrides,
    mistakes: &Mistakes<'_>,
) -> Vec<Source> {
    let read = |table: ConfigTable<'_>| {
        let origin = SourceOrigin { header: table.header(), name: table.name().to_owned() };
        (read_source(table, routes), origin)
    };
    let mut sources: Option<Vec<(Source, SourceOrigin)>> =
        tables.map(|tables| tables.into_iter().map(read).collect());
    let mut of_flag = |flag: &str, kind: Kind, change: &dyn Fn(Kind) -> Kind| {
        let sources = sources.get_or_insert_default();
        let first = sources.iter().find(|(source, _)| source.kind.of_same_kind(&kind)).cloned();
        sources.retain(|(source, _)| !source.kind.of_same_kind(&kind));
        let mut source = first.map_or_else(|| Source::usual(kind), |(source, _)| source);
        source.kind = change(source.kind);
        sources.push((source, SourceOrigin { header: None, name: flag.to_owned() }));
    };
    if let Some(listen) = overrides.syslog_udp {
        of_flag("--syslog-udp", Kind::udp(listen), &|kind| kind.at(listen, &overrides.allow));
    }
    if let Some(new) = &overrides.syslog_unix {
        of_flag("--syslog-unix", Kind::unix(new.clone()), &|kind| match kind {
            Kind::Unix { mode, .. } => Kind::Unix { path: new.clone(), mode },
            other => other,
        });
    }
    if let Some(listen) = overrides.syslog_tcp {
        of_flag("--syslog-tcp", Kind::tcp(listen), &|kind| kind.at(listen, &overrides.allow));
    }
    if let Some(new) = &overrides.file {
        of_flag("--file", Kind::file(new.clone()), &|kind| match kind {
            Kind::File { start, .. } => Kind::File { path: new.clone(), start },
            other => other,
        });
    }
    if let Some(connect) = &overrides.zmq {
        of_flag("--zmqsocket", Kind::zmq(connect.clone()), &|kind| match kind {
            Kind::Zmq(zmq) => {
                let topic = overrides.topic.clone().unwrap_or(zmq.topic);
                Kind::Zmq(ZmqOptions { connect: connect.clone(), topic, ..zmq })
            }
            other => other,
        });
    } else if let Some(topic) = &overrides.topic {
        of_flag("--topic", Kind::zmq(BOOTIC_PUBLISHER.to_owned()), &|kind| match kind {
            Kind::Zmq(zmq) => Kind::Zmq(ZmqOptions { topic: topic.clone(), ..zmq }),
            other => other,
        });
    }
    let mut sources = sources.unwrap_or_else(|| {
        let origin = SourceOrigin { header: None, name: "the default".to_owned() };
        vec![(Source::usual(Kind::udp(([127, 0, 0, 1], 5140).into())), origin)]
    });
    if let Some(format) = &overrides.format {
        let of_flag = |source: &Source| match overrides.file {
            Some(_) => matches!(source.kind, Kind::File { .. }),
            None => !matches!(source.kind, Kind::Zmq(_)),
        };
        for (source, _) in sources.iter_mut().filter(|(source, _)| of_flag(source)) {
            source.format = format.clone();
        }
    }
    check(&sources, mistakes);
    sources.into_iter().map(|(source, _)| source).collect()
}

/// Where a source was configured.
#[derive(Clone)]
struct SourceOrigin {
    header: Option<Range<usize>>,
    name: String,
}

fn check(sources: &[(Source, SourceOrigin)], mistakes: &Mistakes<'_>) {
    for (at, (source, SourceOrigin { header, name })) in sources.iter().enumerate() {
        if let Some(listen) = source.kind.open_to_all() {
            let what = format!(
                "{name}: syslog has no authentication: to listen on {listen}, list the networks that can send, \
                 with allow = [\"10.0.0.0/8\"] or --allow"
            );
            mistakes.add(header.clone(), what);
        }
        let other = sources[..at].iter().find(|(other, _)| other.kind.clashes(&source.kind));
        if let Some((Source { kind, .. }, _)) = other {
            let what = format!("{name}: there is already a source {kind}");
            // One file may have several names.
            let by_another_name = kind.to_string() != source.kind.to_string();
            let which =
                if by_another_name { format!(", which clashes with {}", source.kind) } else { String::new() };
            mistakes.add(header.clone(), what + &which);
        }
    }
}

fn read_source(mut table: ConfigTable<'_>, routes: &[Route]) -> Source {
    if !table.has("kind") {
        table.mistake("kind is missing; for example kind = \"syslog-udp\"");
    }
    let kind = table.text("kind", |text| match text {
        "syslog-udp" => Ok(read_udp as fn(&mut ConfigTable<'_>) -> Kind),
        "syslog-unix" => Ok(read_unix as fn(&mut ConfigTable<'_>) -> Kind),
        "syslog-tcp" => Ok(read_tcp as fn(&mut ConfigTable<'_>) -> Kind),
        "file" => Ok(read_file as fn(&mut ConfigTable<'_>) -> Kind),
        "zmq" => Ok(read_zmq as fn(&mut ConfigTable<'_>) -> Kind),
        _ => Err(format!(
            "{text:?} is not a kind of source; known: syslog-udp, syslog-unix, syslog-tcp, file, zmq"
        )),
    });
    let kind = kind.unwrap_or(read_udp)(&mut table);
    let max_line = table.number("max-line-bytes", 64..kind.max_line() + 1);
    if let Kind::Zmq(_) = kind {
        // Its messages are of one form, and name their events themselves.
        let usual = Source::usual(kind);
        table.finish();
        return Source { max_line: max_line.map_or(usual.max_line, |size| size as usize), ..usual };
    }
    let format = table.text("format", |text| match text {
        "syslog" => Ok(LineFormat::Syslog),
        "record" => Ok(LineFormat::Record),
        "auto" => Ok(LineFormat::Auto),
        "combined" => Ok(LineFormat::Combined),
        _ => Err(format!("{text:?} is not auto, syslog, record or combined")),
    });
    let pattern = table.text("log-format-string", units::pattern);
    if format.is_some() && pattern.is_some() {
        table.mistake_of("log-format-string", "says what lines look like, so leave format out");
    }
    let route = table.text("route", |text| match routes.iter().any(|route| route.tag == text) {
        true => Ok(text.to_owned()),
        false => Err(format!("no [[route]] has the tag {text:?}")),
    });
    let usual = Source::usual(kind);
    let source = Source {
        max_line: max_line.map_or(usual.max_line, |size| size as usize),
        format: pattern.or(format).unwrap_or(usual.format),
        route,
        kind: usual.kind,
    };
    if let Kind::Tcp(Tcp { framing: Framing::Auto, .. }) = source.kind
        && source.format != LineFormat::Syslog
    {
        table.mistake(
            "a record can begin with a digit, and so does an octet count: set framing = \"lines\" or \"counted\"",
        );
    }
    table.finish();
    source
}

fn read_udp(table: &mut ConfigTable<'_>) -> Kind {
    let listen = table.text("listen", units::address).unwrap_or(([127, 0, 0, 1], 5140).into());
    let allow = table.texts("allow", units::network);
    let receive_buffer = table.size("receive-buffer", 4 << 10..=1 << 30).unwrap_or(8 << 20) as usize;
    Kind::Udp { listen, allow, receive_buffer }
}

fn read_unix(table: &mut ConfigTable<'_>) -> Kind {
    if !table.has("path") {
        table.mistake("path is missing; for example path = \"/run/tallymark/syslog\"");
    }
    let path = table.text("path", units::socket_path);
    let mode = table.text("mode", |text| match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err(format!("{text:?} is not a mode: write it like \"0660\"")),
    });
    let usual = Kind::unix(path.unwrap_or_default());
    match (usual, mode) {
        (Kind::Unix { path, .. }, Some(mode)) => Kind::Unix { path, mode },
        (usual, _) => usual,
    }
}

fn read_file(table: &mut ConfigTable<'_>) -> Kind {
    if !table.has("path") {
        table.mistake("path is missing; for example path = \"/var/log/nginx/badge.log\"");
    }
    let path = table.text("path", units::path);
    let start = table.text("start", |text| match text {
        "beginning" => Ok(Start::Beginning),
        "end" => Ok(Start::End),
        _ => Err(format!("{text:?} is not beginning or end")),
    });
    Kind::File { path: path.unwrap_or_default(), start: start.unwrap_or(Start::Beginning) }
}

fn read_zmq(table: &mut ConfigTable<'_>) -> Kind {
    if !table.has("connect") {
        table.mistake("connect is missing; for example connect = \"tcp://127.0.0.1:6000\"");
    }
    let connect = table.text("connect", units::publisher).unwrap_or_default();
    let topic = table.text("topic", units::topic).unwrap_or_default();
    let clock = table.text("time", |text| match text {
        "arrival" => Ok(Clock::Arrival),
        "message" => Ok(Clock::Message),
        _ => Err(format!("{text:?} is not arrival or message")),
    });
    Kind::Zmq(ZmqOptions { connect, topic, clock: clock.unwrap_or(Clock::Arrival) })
}

fn read_tcp(table: &mut ConfigTable<'_>) -> Kind {
    let listen = table.text("listen", units::address).unwrap_or(([127, 0, 0, 1], 5140).into());
    let allow = table.texts("allow", units::network);
    let framing = table.text("framing", |text| match text {
        "auto" => Ok(Framing::Auto),
        "lines" => Ok(Framing::Lines),
        "counted" => Ok(Framing::Counted),
        _ => Err(format!("{text:?} is not auto, lines or counted")),
    });
    let connections = table.number("connections", 1..10_001).unwrap_or(256) as usize;
    let day = SECOND * 86_400;
    let idle = table.text("idle-timeout", |text| units::duration_within(text, SECOND, day * 366));
    Kind::Tcp(Tcp {
        listen,
        allow,
        framing: framing.unwrap_or(Framing::Auto),
        connections,
        idle: idle.unwrap_or(SECOND * 3600),
    })
}

/// Where nginx on this machine can log to, in the form of its `syslog:server=`.
pub(crate) fn nginx_server(sources: &[Source]) -> Option<NginxServer<'_>> {
    sources.iter().find_map(|source| match &source.kind {
        Kind::Udp { listen, .. } => Some(NginxServer::Udp(*listen)),
        Kind::Unix { path, .. } => Some(NginxServer::Unix(path)),
        Kind::Tcp(_) | Kind::File { .. } | Kind::Zmq(_) => None,
    })
}

/// The two kinds that nginx supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NginxServer<'a> {
    Udp(SocketAddr),
    Unix(&'a Path),
}
