//! The whole chain with a real nginx in front: both configurations of `nginx/`, each over both stores.
//!
//! A ledger of what must count is made before the first request is sent, by rules that are written down here a second
//! time and share no code with nginx's or the daemon's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use tallymark_core::Name;
use tallymark_testbed::http::{self, Client, Response};
use tallymark_testbed::{
    Daemon, Nginx, PATIENCE, Redis, SET_MISC, TempDir, free_tcp_port, free_udp_port, is_root, nginx_test,
    temp_dir, wait_until,
};

const BIN: &str = env!("CARGO_BIN_EXE_tallymark");
const STOCK: &str = include_str!("../../../nginx/tallymark.conf");
const WITH_SET_MISC: &str = include_str!("../../../nginx/tallymark-set-misc.conf");
/// What an operator has to change, in either file.
const DEFAULTS: [&str; 5] =
    ["listen 80;", "hits.example.org", "127.0.0.1:5140", "127.0.0.1:8080", "/var/lib/tallymark/badges"];
/// The headers of every picture, from nginx or the daemon, besides Server, Date, Connection and Content-Length.
const DRESS: [(&str, &str); 7] = [
    ("access-control-allow-origin", "*"),
    ("cache-control", "private, no-cache, no-store, must-revalidate, max-age=0, s-maxage=0"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"),
    ("content-type", "image/svg+xml; charset=utf-8"),
    ("expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("pragma", "no-cache"),
    ("x-content-type-options", "nosniff"),
];

/// Names whose badge a stock nginx finds on disk, when they are spelled without escapes but `%2F`.
const PLAIN: [&str; 31] = [
    "benwilber/bashids",
    "rust-lang/rust.vim",
    "a/b",
    "A/B",
    "a.b/c..d",
    "o-1/_x_",
    "0/...",
    "x/y~z",
    "octo_corp/tool",
    "torvalds/linux",
    "nginx/nginx",
    "redis/redis",
    "tokio-rs/axum",
    "sqlite/sqlite",
    "o/r1",
    "o/r2",
    "o/r3",
    "o/r4",
    "o/r5",
    "o/r6",
    "blog",
    "Blog",
    "my.site.example",
    "a-b_c",
    "100",
    "...",
    ".cursor",
    ".tmp",
    "badge.svg",
    "svg",
    "metrics",
];

/// Names that a stock nginx leaves to the daemon.
const ODD: [&str; 19] = [
    "a+b/c",
    "c++",
    "日/本",
    "é",
    "🦀/crab",
    "100%",
    "%zz/50%",
    "a%2Fb",
    "a b/c",
    "a/b/c",
    "a//b",
    "q?x=1&y=2#z",
    "\"quoted\"/back\\slash",
    "it's/(fine)!",
    "<script>",
    "a:b;c",
    "[x]^{y}|`z`",
    "x,y@z$",
    "https://example.org/",
];

#[derive(Clone, Copy, PartialEq)]
enum Conf {
    Stock,
    SetMisc,
}

/// nginx in front of a daemon, and the directory between them.
struct Site {
    conf: Conf,
    nginx: Nginx,
    daemon: Daemon,
    http: SocketAddr,
    store: String,
    home: TempDir,
}

impl Site {
    fn start(conf: Conf, redis: Option<&Redis>) -> Site {
        Site::configured(conf, redis, "")
    }

    fn configured(conf: Conf, redis: Option<&Redis>, config: &str) -> Site {
        let home = temp_dir();
        let file = home.path().join("tallymark.toml");
        std::fs::write(&file, config).expect("the temporary directory is writable");
        let (http, syslog) = (local(free_tcp_port()), local(free_udp_port()));
        let store = redis.map_or_else(|| format!("sqlite:{}/counts.db", home.path().display()), Redis::url);
        let flags = [
            ("--listen", http.to_string()),
            ("--syslog-udp", syslog.to_string()),
            ("--store", store.clone()),
            ("--data-dir", home.path().join("data").display().to_string()),
            ("--badges-dir", home.path().join("badges").display().to_string()),
            ("--config", file.display().to_string()),
        ];
        let flags = flags.iter().flat_map(|(flag, value)| [*flag, value.as_str()]);
        let daemon = Daemon::builder(BIN).arg("serve").args(flags.clone()).start();
        wait_until("the daemon is ready", PATIENCE, || {
            http::try_request("GET", http, "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200)
        });
        let nginx = match conf {
            Conf::Stock => Nginx::start(|site| {
                let listen = local(site.port).to_string();
                run(Command::new(BIN).arg("nginx-conf").args(["--nginx-listen", &listen]).args(flags))
            }),
            Conf::SetMisc => Nginx::builder().main(SET_MISC).start(|site| {
                let badges = home.path().join("badges").display().to_string();
                let values = [
                    format!("listen {};", local(site.port)),
                    "localhost".to_owned(),
                    syslog.to_string(),
                    http.to_string(),
                    badges,
                ];
                let fill = |text: String, (from, to): (&&str, &String)| text.replace(*from, to);
                DEFAULTS.iter().zip(&values).fold(WITH_SET_MISC.to_owned(), fill)
            }),
        };
        Site { conf, nginx, daemon, http, store, home }
    }

    fn get(&self, target: &str) -> Response {
        http::get(self.nginx.addr(), target)
    }

    fn badges(&self) -> PathBuf {
        self.home.path().join("badges")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.badges().join(format!("{}.svg", escaped(name)))
    }

    /// What is committed to the store, asked of another process.
    fn total_in_store(&self, name: &str) -> i64 {
        let data = self.home.path().join("data");
        let mut show = Command::new(BIN);
        show.args(["show", name, "--json", "--store", &self.store]).arg("--data-dir").arg(data);
        let text = run(&mut show);
        let shown: serde_json::Value = serde_json::from_str(&text).expect("show --json prints JSON");
        shown["total"].as_i64().expect("there is a total")
    }

    /// One number of the daemon's metrics, requested without nginx.
    fn metric(&self, line: &str) -> u64 {
        let metrics = http::get(self.http, "/metrics");
        let sum = metrics.text().lines().filter_map(|it| it.strip_prefix(line)?.rsplit_once(' '));
        sum.map(|(_, value)| value.parse::<u64>().expect("a counter is an integer")).sum()
    }

    /// Waits until everything that was asked so far is in the store.
    ///
    /// nginx has one worker here, which logs a request before it looks at the next one; loopback keeps datagrams in
    /// order; and all of a tick is one batch. So once a last request is counted, all that went before is.
    fn settle(&self, sentinel: &str) {
        assert_picture(&self.get(&format!("/badge.svg?repo={sentinel}")), "sentinel");
        wait_until("the last request is in the store", PATIENCE, || self.total_in_store(sentinel) == 1);
    }

    fn stop_daemon(&mut self) {
        self.daemon.sigterm();
        assert!(self.daemon.wait(PATIENCE).success(), "{}", self.daemon.stderr());
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.env_clear().output().expect("our own binary starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("our own binary prints UTF-8")
}

fn escaped(name: &str) -> String {
    Name::new(name).expect("a canonical name").escaped().to_string()
}

/// The headers without those that every answer has.
fn dress(answer: &Response) -> Vec<(String, &str)> {
    let mut headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str())).collect();
    headers.retain(|(name, _)| !matches!(name.as_str(), "server" | "date" | "connection" | "content-length"));
    headers.sort();
    headers
}

#[track_caller]
fn assert_dressed(answer: &Response, what: &str) {
    assert_eq!(dress(answer), DRESS.map(|(name, value)| (name.to_owned(), value)), "{what}");
}

#[track_caller]
fn assert_picture(answer: &Response, what: &str) {
    assert_eq!(answer.status, 200, "{what}: {:?}", String::from_utf8_lossy(&answer.body));
    assert_dressed(answer, what);
    let text = answer.text();
    assert!(text.starts_with("<svg ") && text.contains("</svg>\n"), "{what}: {text}");
}

/// The number on a badge.
#[track_caller]
fn number(svg: &str) -> i64 {
    let value = svg.split_once("aria-label=\"hits: ").and_then(|(_, rest)| rest.split_once('"'));
    let (digits, _) = value.unwrap_or_else(|| panic!("not a badge with a count: {svg}"));
    digits.replace(',', "").parse().unwrap_or_else(|_| panic!("not a number: {digits}"))
}

/// SplitMix64: the same requests in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % n as u64).expect("below n")
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A name as some client would write it into a URL: what must be escaped is, the rest now and then.
    fn spell(&mut self, name: &str, in_query: bool) -> String {
        let mut out = String::new();
        for (at, b) in name.bytes().enumerate() {
            let may_be_raw = match b {
                // One that starts no escape may stay; in a path nginx takes offence.
                b'%' => in_query && !name.as_bytes()[at + 1..].iter().take(2).any(u8::is_ascii_hexdigit),
                _ => b.is_ascii_alphanumeric() || b"-._~/+:@,;!$'()*=".contains(&b),
            };
            let rarely_escaped = b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            if may_be_raw && self.below(if rarely_escaped { 40 } else { 3 }) != 0 {
                out.push(char::from(b));
            } else if self.below(2) == 0 {
                out += &format!("%{b:02X}");
            } else {
                out += &format!("%{b:02x}");
            }
        }
        out
    }

    /// The address of a name's badge, with a `?` in it.
    fn address(&mut self, name: &str) -> String {
        // A path cannot contain lone dots or adjacent slashes: clients and servers resolve them.
        let for_query_only = name.split('/').any(|part| matches!(part, "" | "." | ".."));
        match self.below(4) {
            0 | 1 if !for_query_only => {
                format!("/badge/{}.svg?v={}", self.spell(name, false), self.below(1000))
            }
            2 => format!("/badge.svg?t=1&REPO={}&repo=other/name", self.spell(name, true)),
            _ => format!("/badge.svg?repo={}", self.spell(name, true)),
        }
    }
}

#[derive(Clone)]
struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, &'static str)>,
    expect: Expect,
    /// The name that one is added to.
    counts: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Picture,
    Head,
    Json,
    Status(u16),
}

/// How often each name must be counted.
fn ledger(requests: &[Request]) -> BTreeMap<&'static str, i64> {
    let mut ledger = BTreeMap::new();
    for name in requests.iter().filter_map(|request| request.counts) {
        *ledger.entry(name).or_insert(0) += 1;
    }
    ledger
}

/// 1,000 requests over all names.
fn plan(seed: u64) -> Vec<Request> {
    let names: Vec<&str> = PLAIN.iter().chain(&ODD).copied().collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 50);
    let mut dice = Dice(seed);
    let mut requests = Vec::new();
    let get =
        |target: String, expect| Request { method: "GET", target, headers: Vec::new(), expect, counts: None };
    for i in 0..1000 {
        let name = if i < names.len() { names[i] } else { dice.pick(&names) };
        let at = dice.address(name);
        let mut counted = false;
        let request = match dice.below(100) {
            0..6 => Request { method: "HEAD", ..get(at, Expect::Head) },
            6..10 => Request { method: "POST", ..get(at, Expect::Status(405)) },
            10..12 => Request { method: "DELETE", ..get(at, Expect::Status(405)) },
            12..18 => {
                let (key, value) = (dice.pick(&["count", "Count"]), dice.pick(&["false", "0", "off", "No"]));
                let (path, query) = at.split_once('?').expect("an address has a query");
                let both = [format!("{path}?{key}={value}&{query}"), format!("{at}&{key}={value}")];
                get(both[dice.below(2)].clone(), Expect::Picture)
            }
            18..23 => {
                let header = dice.pick(&[
                    ("Purpose", "prefetch"),
                    ("Sec-Purpose", "prefetch;prerender"),
                    ("X-Moz", "prefetch"),
                    ("X-Purpose-Is-None", "x"),
                ]);
                counted = header.1 == "x";
                Request { headers: vec![header], ..get(at, Expect::Picture) }
            }
            23..26 => {
                let wrong = dice.pick(&["", "~all", "%7Eall", "a%00b", "%FF", "a%0Ab", "%C2%85"]);
                get(format!("/badge.svg?repo={wrong}"), Expect::Status(400))
            }
            26..28 => {
                get(format!("/badge.svg?repo={}", "k".repeat(201 + dice.below(2000))), Expect::Status(400))
            }
            28..32 => {
                let unknown = dice.pick(&[
                    "/nothing",
                    "/badge",
                    "/badge/x",
                    "/badge/x.gif",
                    "/x/badge.svg",
                    "/metrics",
                ]);
                get(unknown.to_owned(), Expect::Status(404))
            }
            32..35 => {
                let spelled = dice.pick(&["o%2Fr1", "o/r1", "blog"]);
                get(format!("/badge/{spelled}.json"), Expect::Json)
            }
            35..45 => {
                counted = true;
                let extra = dice.pick(&[
                    "label=x",
                    "style=flat",
                    "Color=red",
                    "format=short",
                    "count=true",
                    "count=1",
                    "x=count=false",
                ]);
                get(format!("{at}&{extra}"), Expect::Picture)
            }
            45..50 => {
                counted = true;
                // Nothing is ever "not modified": there is nothing to compare with.
                let header = dice.pick(&[
                    ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
                    ("If-None-Match", "\"x\""),
                    ("Range", "bytes=0-9"),
                ]);
                Request { headers: vec![header], ..get(at, Expect::Picture) }
            }
            _ => {
                counted = true;
                get(at, Expect::Picture)
            }
        };
        requests.push(Request { counts: counted.then_some(name), ..request });
    }
    requests
}

#[track_caller]
fn send(client: &mut Client, request: &Request) {
    let answer = client.request(request.method, &request.target, &request.headers, b"");
    let what = format!("{} {} {:?}", request.method, request.target, request.headers);
    match request.expect {
        Expect::Picture => {
            assert_picture(&answer, &what);
            // A file has no parameters, so this came from the daemon.
            let labelled = answer.text().contains("aria-label=\"x: ");
            assert_eq!(labelled, request.target.ends_with("&label=x"), "{what}");
        }
        Expect::Head => {
            assert_eq!((answer.status, answer.body.len()), (200, 0), "{what}");
            assert_dressed(&answer, &what);
        }
        Expect::Json => {
            assert_eq!(answer.status, 200, "{what}");
            assert_eq!(answer.header("Content-Type"), Some("application/json"), "{what}");
        }
        Expect::Status(status) => {
            assert_eq!(answer.status, status, "{what}: {}", String::from_utf8_lossy(&answer.body));
        }
    }
}

/// Sends everything from four clients at once.
fn send_all(site: &Site, requests: &[Request]) {
    thread::scope(|scope| {
        for first in 0..4 {
            scope.spawn(move || {
                let mut client = Client::connect(site.nginx.addr());
                for request in requests.iter().skip(first).step_by(4) {
                    send(&mut client, request);
                }
            });
        }
    });
}

fn each_shown_badge_is_counted_once(conf: Conf, redis: Option<&Redis>) {
    let mut site = Site::start(conf, redis);
    let requests = plan(0x7A11);
    let (first_views, later_views) = requests.split_at(requests.len() / 3);
    send_all(&site, first_views);
    site.settle("sentinel-1");
    // From here on nearly every name has a file, so that both ways to a picture are gone.
    wait_until("badges are published", PATIENCE, || {
        ledger(first_views).keys().all(|name| site.file(name).exists())
    });
    let drawn = site.metric("tallymark_http_requests_total{route=\"/badge");
    send_all(&site, later_views);
    site.settle("sentinel-2");
    let drawn = site.metric("tallymark_http_requests_total{route=\"/badge") - drawn;
    let most = later_views.len() as u64 * 2 / 3;
    assert!(drawn < most, "the daemon was asked {drawn} times: badges do not come from disk");
    let mut ledger = ledger(&requests);
    ledger.extend([("sentinel-1", 1), ("sentinel-2", 1)]);

    match redis {
        Some(redis) => assert_redis(redis, &ledger),
        None => assert_json(&site, &ledger),
    }
    let lines = u64::try_from(ledger.values().sum::<i64>()).expect("a sum of counts");
    assert_eq!(site.metric("tallymark_lines_received_total{source=\"syslog-udp\"}"), lines);
    assert_eq!(site.metric("tallymark_lines_rejected_total{"), 0, "nginx sends what counts and nothing else");
    assert_eq!(
        site.metric("tallymark_lines_received_total{source=\"http\"}"),
        0,
        "the log is the only counter"
    );

    assert_on_disk(&site, &ledger);
    assert_not_mistaken(&site, &ledger);
    let log = site.nginx.error_log();
    let bad =
        |line: &&str| ["[warn]", "[error]", "[crit]", "[alert]"].iter().any(|level| line.contains(level));
    assert_eq!(log.lines().filter(bad).collect::<Vec<_>>(), [""; 0]);

    site.stop_daemon();
    assert_served_alone(&site, &ledger);
}

/// ghit.me's four families, as redis-cli shows them.
fn assert_redis(redis: &Redis, ledger: &BTreeMap<&str, i64>) {
    let names: BTreeSet<String> = ledger.keys().map(|name| escaped(name)).collect();
    assert_eq!(redis.cli(&["SMEMBERS", "repos"]).lines().map(str::to_owned).collect::<BTreeSet<_>>(), names);
    for (name, count) in ledger {
        let name = escaped(name);
        assert_eq!(redis.cli(&["GET", &format!("repo:{name}")]), count.to_string(), "{name}");
    }
    // The days too: two, if midnight has just passed.
    let days = redis.cli(&["KEYS", "repo:????-??-??:*"]);
    let keys: Vec<&str> = ["MGET"].into_iter().chain(days.lines()).collect();
    let sum: i64 = redis.cli(&keys).lines().map(|count| count.parse::<i64>().expect("a count")).sum();
    assert_eq!(sum, ledger.values().sum::<i64>());
}

fn assert_json(site: &Site, ledger: &BTreeMap<&str, i64>) {
    for (name, count) in ledger {
        let every_byte: String = name.bytes().map(|b| format!("%{b:02X}")).collect();
        let answer = http::get(site.http, &format!("/badge/{every_byte}.json"));
        let json: serde_json::Value = serde_json::from_str(answer.text()).expect("JSON");
        assert_eq!((json["name"].as_str(), json["total"].as_i64()), (Some(*name), Some(*count)));
    }
}

/// The file of every name shows its count, and so does what nginx serves, however it is spelled.
fn assert_on_disk(site: &Site, ledger: &BTreeMap<&str, i64>) {
    let mut dice = Dice(0xD15C);
    for (name, &count) in ledger {
        let file = wait_until(&format!("the file of {name} shows {count}"), PATIENCE, || {
            fs::read_to_string(site.file(name)).ok().filter(|svg| number(svg) == count)
        });
        let every_byte: String = name.bytes().map(|b| format!("%{b:02x}")).collect();
        let answer = site.get(&format!("/badge.svg?repo={every_byte}&count=false"));
        assert_picture(&answer, name);
        assert_eq!(number(answer.text()), count, "{name}");
        for _ in 0..3 {
            let address = dice.address(name) + "&count=no";
            assert_eq!(number(site.get(&address).text()), count, "{address}");
        }
        if PLAIN.contains(name) {
            for slash in ["/", "%2F", "%2f"] {
                let spelled = name.replace('/', slash);
                let answer = site.get(&format!("/badge.svg?repo={spelled}&count=off"));
                assert_eq!(answer.text(), file, "{spelled} comes from disk");
                let answer = site.get(&format!("/badge/{spelled}.svg?count=off"));
                assert_eq!(answer.text(), file, "{spelled} comes from disk");
            }
        }
    }
}

/// Spellings that nginx's own decoders would take for another name's, which is in the ledger too.
fn assert_not_mistaken(site: &Site, ledger: &BTreeMap<&str, i64>) {
    for (name, neighbour, target) in [
        ("100%", "100", "/badge.svg?repo=100%"),
        ("a+b/c", "a b/c", "/badge.svg?repo=a+b/c"),
        ("a+b/c", "a b/c", "/badge/a+b/c.svg?"),
        ("a b/c", "a+b/c", "/badge/a%20b%2fc.svg?"),
        ("a%2Fb", "a/b", "/badge.svg?repo=a%252Fb"),
        ("a//b", "a/b", "/badge/a//b.svg?"),
        ("A/B", "a/b", "/badge/A/B.svg?"),
        ("a/b", "...", "/badge/a/b.svg?repo=..."),
    ] {
        assert_ne!(ledger[name], ledger[neighbour], "another seed would tell these two apart");
        assert_eq!(number(site.get(&format!("{target}&count=0")).text()), ledger[name], "{target}");
    }
}

/// With the daemon gone, what is on disk is served as before, and the rest is still a picture.
fn assert_served_alone(site: &Site, ledger: &BTreeMap<&str, i64>) {
    for (name, &count) in ledger {
        let spelled: String = name.bytes().fold(String::new(), |mut out, b| {
            let raw = b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
            out += &if raw { char::from(b).to_string() } else { format!("%{b:02X}") };
            out
        });
        let answer = site.get(&format!("/badge.svg?repo={spelled}"));
        assert_picture(&answer, name);
        if PLAIN.contains(name) || site.conf == Conf::SetMisc {
            assert_eq!(number(answer.text()), count, "{name}");
        }
    }
    for target in
        ["/badge.svg?repo=never/seen", "/badge/never.svg", "/badge/a/b.svg?style=flat", "/badge.svg"]
    {
        let answer = site.get(target);
        assert_picture(&answer, target);
        assert!(answer.text().contains(">counting<"), "{}", answer.text());
    }
    let head = http::request("HEAD", site.nginx.addr(), "/badge/never.svg", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn each_shown_badge_is_counted_once_by_stock_nginx_in_sqlite() {
    each_shown_badge_is_counted_once(Conf::Stock, None);
}

#[test]
fn each_shown_badge_is_counted_once_by_stock_nginx_in_redis() {
    each_shown_badge_is_counted_once(Conf::Stock, Some(&Redis::start()));
}

#[test]
fn each_shown_badge_is_counted_once_by_ghit_mes_nginx_in_sqlite() {
    each_shown_badge_is_counted_once(Conf::SetMisc, None);
}

#[test]
fn each_shown_badge_is_counted_once_by_ghit_mes_nginx_in_redis() {
    each_shown_badge_is_counted_once(Conf::SetMisc, Some(&Redis::start()));
}

#[test]
fn nginx_accepts_both_configurations_as_they_stand() {
    // Only root may listen on port 80.
    let text = |conf: &str, port: u16| {
        if is_root() { conf.to_owned() } else { conf.replace("listen 80;", &format!("listen {port};")) }
    };
    assert_eq!(nginx_test(|site| text(STOCK, site.port)), Ok(()));
    let set_misc = Nginx::builder().main(SET_MISC).test(|site| text(WITH_SET_MISC, site.port));
    assert_eq!(set_misc, Ok(()));
}

#[test]
fn every_default_stands_in_one_place() {
    for conf in [STOCK, WITH_SET_MISC] {
        for default in DEFAULTS {
            assert_eq!(conf.matches(default).count(), 1, "{default}");
        }
    }
}

#[test]
fn both_configurations_differ_only_in_names_and_in_what_is_logged() {
    let serving = |conf: &str| {
        let (_, server) = conf.split_once("\n    proxy_http_version").expect("there is a server");
        server.to_owned()
    };
    assert_eq!(serving(STOCK), serving(WITH_SET_MISC));
}

/// No request leaves the badge directory, or reaches a file in it that is not a badge.
fn no_request_leaves_the_badge_directory(conf: Conf) {
    const SECRET: &str = "not for the public";
    let site = Site::start(conf, None);
    let badges = site.badges();
    let plant = |path: &Path| fs::write(path, SECRET).expect("the test's own directory");
    plant(&site.home.path().join("secret.svg"));
    fs::create_dir(badges.join("dir")).expect("the test's own directory");
    for inside in ["dir/secret.svg", ".tmp/secret.svg", ".secret", ".svg", "~all.svg", "secret.txt"] {
        plant(&badges.join(inside));
    }
    symlink(site.home.path().join("secret.svg"), badges.join("link.svg")).expect("a symlink");
    symlink(site.home.path(), badges.join("up")).expect("a symlink");

    let names = [
        "../secret",
        "..%2fsecret",
        "..%2Fsecret",
        "%2e%2e/secret",
        "%2e%2e%2fsecret",
        "..%252fsecret",
        "..%5csecret",
        "x/../../secret",
        "x%2f..%2f..%2fsecret",
        "./../secret",
        "....//secret",
        "/secret",
        "%2fsecret",
        "dir/secret",
        "dir%2fsecret",
        "dir%2Fsecret",
        ".tmp/secret",
        ".tmp%2fsecret",
        "link",
        "%6cink",
        "up/secret",
        "up%2Fsecret",
        "~all",
        "%7eall",
        "",
        "secret.txt%00",
        "secret.txt%3f",
        "..;/secret",
        "secret%00",
    ];
    let mut targets: Vec<String> = Vec::new();
    for name in names {
        targets.extend([
            format!("/badge.svg?repo={name}"),
            format!("/badge/{name}.svg"),
            format!("/{name}.svg"),
        ]);
    }
    for other in [
        "/badge/.secret",
        "/badge/secret.txt",
        "/badge/",
        "/badge/.tmp/",
        "/badge/dir",
        "/badge/up/badges/.secret",
    ] {
        targets.push(other.to_owned());
    }
    for target in &targets {
        let answer = site.get(target);
        assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET), "{target} leaks");
        assert!(matches!(answer.status, 200 | 400 | 404), "{target}: {}", answer.status);
        // A 200 is the badge of a strange name, drawn by the daemon.
        if answer.status == 200 {
            assert_picture(&answer, target);
        }
    }
}

#[test]
fn no_request_leaves_the_badge_directory_of_stock_nginx() {
    no_request_leaves_the_badge_directory(Conf::Stock);
}

#[test]
fn no_request_leaves_the_badge_directory_of_ghit_mes_nginx() {
    no_request_leaves_the_badge_directory(Conf::SetMisc);
}

fn pages_are_public_and_the_machine_room_is_not(conf: Conf) {
    let mut site = Site::start(conf, None);
    for page in ["/", "/repo/a/b", "/name/blog", "/assets/style.css"] {
        assert_eq!(site.get(page).status, 200, "{page}");
    }
    for chart in ["/graph/a/b.svg?period=7d", "/graph/a%2Fb.svg", "/graph.svg?name=a/b&name=blog"] {
        assert_picture(&site.get(chart), chart);
    }
    for hidden in [
        "/metrics",
        "/healthz",
        "/readyz",
        "//metrics",
        "/%6detrics",
        "/x/../readyz",
        "/./healthz?x",
        "/metrics#x",
    ] {
        let answer = site.get(hidden);
        assert_eq!(answer.status, 404, "{hidden}");
        assert!(!answer.text().contains("tallymark"), "{hidden} is nginx's own answer");
    }
    site.stop_daemon();
    // A page may fail, in plain words; only pictures are kept by proxies.
    for page in ["/", "/repo/a/b", "/v1/like/a/b/add", "/api/v1/summary"] {
        let answer = site.get(page);
        assert_eq!(
            (answer.status, answer.header("retry-after"), answer.header("cache-control")),
            (503, Some("30"), Some("no-store")),
            "{page}"
        );
        let text = answer.text();
        assert!(text.contains(">Try again<") && text.contains(">重试<"), "{text}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    }
}

#[test]
fn pages_are_public_and_the_machine_room_is_not_behind_stock_nginx() {
    pages_are_public_and_the_machine_room_is_not(Conf::Stock);
}

#[test]
fn pages_are_public_and_the_machine_room_is_not_behind_ghit_mes_nginx() {
    pages_are_public_and_the_machine_room_is_not(Conf::SetMisc);
}

const OLD_DATE: &str = "Mon, 01 Jan 2001 00:00:00 GMT";

fn charts_on_disk_outlive_the_daemon(conf: Conf) {
    let mut site = Site::configured(conf, None, "[badges]\ncharts = [\"30d\", \"sparkline\"]\n");
    assert_eq!(site.get("/badge/a/b.svg").status, 200);
    let charts = site.home.path().join("badges/.charts");
    let on_disk = |kind: &str| std::fs::read_to_string(charts.join(kind).join("a%2Fb.svg")).ok();
    wait_until("the charts are on disk", PATIENCE, || {
        on_disk("30d").is_some() && on_disk("sparkline").is_some()
    });
    // They are the daemon's own pictures, with the number in a comment behind them.
    for (kind, query) in [("30d", "period=30d"), ("sparkline", "style=spark")] {
        let drawn = http::get(site.http, &format!("/graph/a/b.svg?{query}"));
        let file = on_disk(kind).expect("it was there a moment ago");
        assert!(file.starts_with(drawn.text()), "{file}\n{}", drawn.text());
    }
    assert_picture(&site.get("/graph/a/b.svg?period=7d"), "one that is not on disk");
    site.daemon.sigterm();
    assert!(site.daemon.wait(PATIENCE).success());
    for (target, kind) in [
        ("/graph/a/b.svg", "30d"),
        ("/graph/a%2fb.svg?period=30d", "30d"),
        ("/graph/a/b.svg?style=spark", "sparkline"),
    ] {
        let answer = site.get(target);
        assert_picture(&answer, target);
        assert_eq!(Some(answer.text()), on_disk(kind).as_deref(), "{target}");
        for condition in [("If-None-Match", "*"), ("If-Match", "\"x\""), ("If-Unmodified-Since", OLD_DATE)] {
            let answer = http::request("GET", site.nginx.addr(), target, &[condition], b"");
            assert_picture(&answer, target);
            assert_eq!(Some(answer.text()), on_disk(kind).as_deref(), "{target} {condition:?}");
        }
    }
    for gone in
        ["/graph/a/b.svg?period=7d", "/graph/a/b.svg?width=400", "/graph/other.svg", "/.charts/30d/a%2Fb.svg"]
    {
        for condition in [&[][..], &[("If-None-Match", "*")]] {
            let answer = http::request("GET", site.nginx.addr(), gone, condition, b"");
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("30")), "{gone}");
        }
    }
}

#[test]
fn charts_on_disk_outlive_the_daemon_behind_stock_nginx() {
    charts_on_disk_outlive_the_daemon(Conf::Stock);
}

#[test]
fn charts_on_disk_outlive_the_daemon_behind_ghit_mes_nginx() {
    charts_on_disk_outlive_the_daemon(Conf::SetMisc);
}

#[test]
fn stock_nginx_tells_the_class_of_each_client_where_visits_are_kept() {
    let site = Site::configured(Conf::Stock, None, "[visits]\nkeep = 9\n");
    let agents = ["curl/8.5.0", "github-camo (876de43e)", "\"quoted\",\\ Mozilla/5.0 Gecko/1", ""];
    for agent in agents {
        let answer =
            http::request("GET", site.nginx.addr(), "/badge.svg?repo=o/r", &[("User-Agent", agent)], b"");
        assert_eq!(answer.status, 200);
    }
    let visits = || -> Vec<String> {
        let answer = http::get(site.http, "/api/v1/counters/o/r/visits");
        let read: serde_json::Value = serde_json::from_str(answer.text()).expect("JSON");
        let classes =
            read["visits"].as_array().into_iter().flatten().filter_map(|visit| visit["class"].as_str());
        classes.map(str::to_owned).collect()
    };
    wait_until("every view is a visit", PATIENCE, || visits().len() == agents.len());
    assert_eq!(visits(), ["unknown", "browser", "github-camo", "program"]);
    assert_eq!(site.total_in_store("o/r"), agents.len() as i64);
}

/// The daemon draws them, and the log counts them; both configurations.
#[test]
fn pictures_as_png_count_once() {
    for conf in [Conf::Stock, Conf::SetMisc] {
        let mut site = Site::start(conf, None);
        let name = "octo/png";
        for target in ["/badge.svg?repo=octo/png", "/badge/octo/png.svg"] {
            assert_picture(&site.get(target), target);
        }
        for target in [
            "/badge.png?repo=octo/png",
            "/badge/octo%2Fpng.png?scale=4&style=social",
            "/badge/octo/png.png?count=false",
        ] {
            let answer = site.get(target);
            assert_eq!(answer.status, 200, "{target}");
            let dressed = DRESS.map(|(name, value)| match name {
                "content-type" => (name.to_owned(), "image/png"),
                _ => (name.to_owned(), value),
            });
            assert_eq!(dress(&answer), dressed, "{target}");
            assert!(answer.body.starts_with(b"\x89PNG\r\n\x1a\n"), "{target}");
        }
        assert_eq!(site.get("/badge/octo/png.png?scale=9").status, 400);
        assert_eq!(site.get("/graph/octo/png.png").header("content-type"), Some("image/png"));
        site.settle("sentinel");
        assert_eq!(site.total_in_store(name), 4);
        assert_eq!(site.metric("tallymark_lines_accepted_total{source=\"http\""), 0, "only the log counts");
        site.stop_daemon();
        // A picture all the same.
        assert_picture(&site.get("/badge/octo/png.png"), "away");
    }
}
