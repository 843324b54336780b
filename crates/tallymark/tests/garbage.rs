//! Whatever arrives, the daemon survives, counts what is valid, gives the reason for the rest, and writes nothing but
//! badges.

use crate::common::{PATIENCE, Place, stop, today};
use std::{collections::BTreeMap, fs, path::Path};
use tallymark_testbed::{free_udp_port, wait_until};

/// Three kinds of line: ghit.me's, one with every column there is, and one with JSON escapes.
const ROUTES: &str = r#"
[[route]]
tag = "badge"

[[route]]
tag = "full"
columns = ["time", "method", "status", "weight", "event", "name"]

[[route]]
tag = "json"
escape = "json"
"#;

/// xorshift64*: the same garbage on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// What a datagram is expected to become.
enum Fate {
    /// One hit of this name.
    Good(String),
    /// One line, rejected for this reason.
    Bad(&'static str),
    /// One line; what becomes of it is its own business, but it is none of the good names.
    Wild,
    /// A good line of this name, and something behind it.
    GoodAndMore(String),
}

struct Mutator {
    random: Random,
    today: String,
}

impl Mutator {
    fn new(seed: u64) -> Mutator {
        Mutator { random: Random(seed), today: today() }
    }

    /// Valid names and their form in a record: plain, escaped, hostile to file systems, long.
    fn good(&mut self) -> (Vec<u8>, String) {
        let at = self.random.below(8);
        let (name, record) = match at {
            0 => (
                "good/one".to_owned(),
                self.random.pick(&["good/one", "good%2Fone", "good%252Fone"]).to_owned(),
            ),
            1 => ("../../../etc/passwd".to_owned(), "..%2F..%2F..%2Fetc%2Fpasswd".to_owned()),
            2 => ("..".to_owned(), "..".to_owned()),
            3 => (
                "日本/語".to_owned(),
                self.random.pick(&["日本/語", "%E6%97%A5%E6%9C%AC%2F%E8%AA%9E"]).to_owned(),
            ),
            4 => (".tmp".to_owned(), ".tmp".to_owned()),
            5 => ("x".repeat(200), "x".repeat(200)),
            6 => ("q\"<&>'".to_owned(), "q\\x22<&>'".to_owned()),
            _ => {
                let name = format!("many/{}", self.random.below(300));
                (name.clone(), name)
            }
        };
        let head = self.random.pick(&[
            "<158>Nov 20 12:00:00 web1 badge: ",
            "<158>Nov  5 12:00:00 badge: ",
            "<158>Nov 5 12:00:00 web1 badge[17]: ",
            "<158>Nov 20 12:00:00 web1 web1 badge: ",
            "<158>1 2026-11-20T12:00:00Z web1 badge - - - ",
            "<158>1 2026-11-20T12:00:00Z web1 badge 7 id [a@1 x=\"\\]\"] \u{feff}",
            "<158>2026-11-20T12:00:00.123456+00:00 web1 badge: ",
        ]);
        let end = self.random.pick(&["", "", "", "\n", "\r\n", "\0"]);
        let line = format!("{head}\"{}\",\"{record}\"{end}", self.today);
        (line.into_bytes(), name)
    }

    fn badge(&self, name: &str) -> Vec<u8> {
        self.dated(&self.today, name)
    }

    fn dated(&self, date: &str, name: &str) -> Vec<u8> {
        format!("<158>Nov 20 12:00:00 web1 badge: \"{date}\",\"{name}\"").into_bytes()
    }

    fn full(&self, fields: &str) -> Vec<u8> {
        format!("<158>Nov 20 12:00:00 web1 full: {fields}").into_bytes()
    }

    fn next(&mut self) -> (Vec<u8>, Fate) {
        use Fate::Bad;
        match self.random.below(60) {
            0..20 => {
                let (line, name) = self.good();
                (line, Fate::Good(name))
            }
            20 => (self.random.pick(&["", "\n", "\r\n", "\0\0"]).into(), Bad("empty")),
            21 => (
                self.random
                    .pick(&[
                        "<158",
                        "<>",
                        "<1",
                        "<192>Nov 20 12:00:00 web1 badge: x",
                        "<999999999999999999999>",
                        "<-1>x",
                        "<0158>x",
                        "\"2026-11-20\",\"bare\"",
                        "Nov 20 12:00:00 web1 badge: x",
                        "{\"json\":1}",
                    ])
                    .into(),
                Bad("pri"),
            ),
            22 => {
                let length = 1 + self.random.below(600);
                let mut bytes = self.random.bytes(length);
                // No priority, no second line, and something in it.
                bytes[0] = b'!';
                bytes.retain(|b| *b != b'\n');
                (bytes, Bad("pri"))
            }
            23 => {
                // 65,507 bytes are the most that a datagram carries.
                let length = 4097 + self.random.below(65_507 - 4097);
                let length = if self.random.below(8) == 0 { length } else { 4097 + length / 16 };
                let mut line = self.badge("good/one");
                line.resize(length, b'x');
                (line, Bad("too_long"))
            }
            24 => {
                let tag = self.random.pick(&[
                    "badger",
                    "Badge",
                    "badg",
                    "nginx",
                    "badge[x]y",
                    "badge: badge ",
                    "-",
                ]);
                let line = format!("<158>Nov 20 12:00:00 web1 {tag}: \"{}\",\"good/one\"", self.today);
                // The first word with a colon is the tag, and the rest is not a record.
                let reason = if tag.starts_with("badge:") { "quote" } else { "tag" };
                (line.into_bytes(), Bad(reason))
            }
            25 => {
                let pri = self.random.pick(&["0", "157", "159", "150", "30", "191"]);
                let line = format!("<{pri}>Nov 20 12:00:00 web1 badge: \"{}\",\"good/one\"", self.today);
                (line.into_bytes(), Bad("filter"))
            }
            26 => {
                let date = self.random.pick(&[
                    "2026-02-30",
                    "0000-00-00",
                    "9999-12-31",
                    "26-1-1",
                    "2026-11-20T12:00:00Z",
                    "-2026-11-20",
                    "2026-11-2٠",
                    "",
                    "yesterday",
                ]);
                (self.dated(date, "good/one"), Bad("date"))
            }
            27 => {
                let name = self.random.pick(&["\\xZZ", "a\\x2", "a\\", "\\q", "good\\/one", "\\u002f"]);
                (self.badge(name), Bad("escape"))
            }
            28 => {
                let name = self.random.pick(&["\\u00", "\\ud800", "\\q", "a\\x22", "\\u00zz"]);
                let line = format!("<158>Nov 20 12:00:00 web1 json: \"{}\",\"{name}\"", self.today);
                (line.into_bytes(), Bad("escape"))
            }
            29 => {
                let name = self.random.pick(&["", "-"]);
                (self.badge(name), Bad("noname"))
            }
            30 => {
                let name = self.random.pick(&[
                    "a%00b",
                    "\\x00",
                    "a\0b",
                    "a\x1b[31mb",
                    "\\x1B]0;x\\x07",
                    "tab\there",
                    "%7F",
                    "a%0d%0aSET x 1",
                    "%C2%85",
                    "~all",
                    "~overflow",
                    "~",
                    "%C0%AF",
                    "%ED%A0%80",
                    "%FF%FE",
                ]);
                (self.badge(name), Bad("name"))
            }
            31 => {
                let length = [201, 300, 3000][self.random.below(3)];
                (self.badge(&"n".repeat(length)), Bad("name"))
            }
            32 => (self.badge(&"/".repeat(81)), Bad("name")),
            33 => {
                let body = self.random.pick(&[
                    "\"2026-11-20\"",
                    "\"2026-11-20\",\"good/one\",",
                    "\"2026-11-20\",\"good/one\",\"inj\"",
                    "\"2026-11-20\",\"fo\"2026-11-20\",\"bar\"",
                    "",
                    "good/one",
                    ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,",
                ]);
                (format!("<158>Nov 20 12:00:00 web1 badge: {body}").into_bytes(), Bad("columns"))
            }
            34 => {
                let name = self.random.pick(&["a\"b", "good/one\"x", "\" \""]);
                (self.badge(name), Bad("quote"))
            }
            35 => {
                let header = self.random.pick(&[
                    "<158>1 - - - - -",
                    "<158>1 2026-11-20T12:00:00Z web1 badge - - [",
                    "<158>1 2026-11-20T12:00:00Z web1 badge - - [a b=\"]\"] x",
                    "<158>1 2026-11-20T12:00:00Z web1 badge - - [ a=\"1\"] x",
                    "<158>1 2026-11-20T12:00:00Z web1 badge - - []",
                    "<158>1 2026-11-20T12:00:00Z web1 badge",
                    "<158>1  - - - - - x",
                    "<158>2 - - badge - - - x",
                ]);
                (header.into(), Bad("rfc5424"))
            }
            36 => {
                let fields = self.random.pick(&["\"soon\"", "\"\"", "\"-1\"", "\"2026-11-20\"", "\"1e9\""]);
                let rest = ",\"GET\",\"200\",\"1\",\"hit\",\"good/one\"";
                (self.full(&format!("{fields}{rest}")), Bad("time"))
            }
            37 => {
                let method = self.random.pick(&["HEAD", "POST", "get", "", "-"]);
                (self.columns(method, "200", "1", "hit"), Bad("method"))
            }
            38 => {
                let status = self.random.pick(&["404", "499", "301", "", "-", "200 "]);
                (self.columns("GET", status, "1", "hit"), Bad("status"))
            }
            39 => {
                let weight =
                    self.random.pick(&["0", "-1", "1.5", "1000001", "99999999999999999999", "", "x"]);
                (self.columns("GET", "200", weight, "hit"), Bad("weight"))
            }
            40 => {
                let event =
                    self.random.pick(&["", "Hit", "a b", "~all", "eventeventeventeventeventeventevent", "é"]);
                (self.columns("GET", "200", "1", event), Bad("event"))
            }
            41 => {
                let (mut line, name) = self.good();
                line.retain(|b| *b != b'\n' && *b != b'\r');
                line.extend(b"\n<158>Nov 20 12:00:00 web1 badge: \"2026-11-20\",\"good/one\"");
                (line, Fate::GoodAndMore(name))
            }
            42 => {
                // Cut anywhere: never a hit, because nginx's last byte is the closing quote.
                let line = self.badge("cut/line");
                let at = 1 + self.random.below(line.len() - 2);
                (line[..at].to_vec(), Fate::Wild)
            }
            43 => {
                let mut line = vec![b','; 1 + self.random.below(4000)];
                line.splice(0..0, *b"<158>Nov 20 12:00:00 web1 badge: ");
                if line.len() > 4096 {
                    line.truncate(4096);
                }
                (line, Fate::Wild)
            }
            44..50 => {
                let mut line = self.badge(&"wild/".repeat(3));
                for _ in 0..=self.random.below(6) {
                    let at = self.random.below(line.len());
                    line[at] = self.random.next() as u8;
                }
                line.retain(|b| *b != b'\n');
                (line, Fate::Wild)
            }
            50..55 => {
                let mut line = b"<158>Nov 20 12:00:00 web1 badge: ".to_vec();
                let length = self.random.below(500);
                line.extend(self.random.bytes(length));
                line.retain(|b| *b != b'\n');
                (line, Fate::Wild)
            }
            _ => {
                let mut line = b"<158>1 2026-11-20T12:00:00Z web1 badge ".to_vec();
                let alphabet = b"[]\\\"=- ab1@\xEF\xBB\xBF,";
                for _ in 0..self.random.below(60) {
                    line.push(alphabet[self.random.below(alphabet.len())]);
                }
                (line, Fate::Wild)
            }
        }
    }

    fn columns(&self, method: &str, status: &str, weight: &str, event: &str) -> Vec<u8> {
        self.full(&format!(
            "\"{}T00:00:00Z\",\"{method}\",\"{status}\",\"{weight}\",\"{event}\",\"good/one\"",
            self.today
        ))
    }
}

/// Everything below a directory.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                open.push(path.clone());
            }
            found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

/// The most memory a process ever had, in MiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn two_hundred_thousand_lines_of_garbage_change_nothing_but_the_reasons() {
    const LINES: u64 = 200_000;
    /// What the receive buffer surely holds, with its share of large ones.
    const WINDOW: u64 = 1000;
    let source = "[store]\ntick = \"20ms\"\n[[source]]\nkind = \"syslog-udp\"\nlisten = \"UDP\"\nmax-line-bytes = 4096\n";
    let place = Place::with_config(&format!("{source}{ROUTES}"));
    let mut daemon = place.serve();
    let mut syslog = place.syslog();
    let mut mutator = Mutator::new(20_261_120);
    let mut good: BTreeMap<String, u64> = BTreeMap::new();
    let mut bad: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut lines, mut wild, mut more) = (0, 0, 0);
    for at in 1..=LINES {
        let (datagram, fate) = mutator.next();
        lines += 1;
        match fate {
            Fate::Good(name) => *good.entry(name).or_default() += 1,
            Fate::Bad(reason) => *bad.entry(reason).or_default() += 1,
            Fate::Wild => wild += 1,
            Fate::GoodAndMore(name) => {
                *good.entry(name).or_default() += 1;
                more += 1;
            }
        }
        syslog.send(&datagram);
        if at % WINDOW == 0 || at == LINES {
            wait_until("the daemon keeps up", PATIENCE, || {
                let [received, _, _, drops] = place.metrics().lines("syslog-udp");
                received + drops == lines
            });
        }
    }
    let metrics = place.metrics();
    let [received, accepted, rejected, drops] = metrics.lines("syslog-udp");
    assert_eq!((received, drops), (lines, 0));
    assert_eq!(received, accepted + rejected);
    // A datagram of two lines was received once.
    assert_eq!(metrics.get("tallymark_datagram_rests_total{source=\"syslog-udp\"}"), more);

    let reasons = metrics.rejected("syslog-udp");
    let sum: u64 = good.values().sum();
    assert!((sum..=sum + wild).contains(&accepted), "{sum} {accepted} {wild}");
    // Only what is wild may add to a reason.
    for (&reason, &count) in &bad {
        let said = reasons.get(reason).copied().unwrap_or(0);
        assert!((count..=count + wild).contains(&said), "{reason}: {count} {said}");
    }
    let exact: Vec<&str> = ["empty", "too_long", "time", "method", "status", "weight", "event"].into();
    for reason in exact {
        assert_eq!(reasons.get(reason), bad.get(reason), "{reason}");
    }
    let every = [
        "columns", "date", "empty", "escape", "event", "filter", "method", "name", "noname", "pri", "quote",
        "rfc5424", "status", "tag", "time", "too_long", "weight",
    ];
    assert_eq!(reasons.keys().map(String::as_str).collect::<Vec<_>>(), every);

    let peak = peak(daemon.pid());
    assert!(peak < 150, "{peak} MiB");
    stop(&mut daemon);
    let store = |name: &str| place.total(name);
    assert_eq!(store("~all"), accepted);
    for (name, &count) in good.iter().filter(|(name, _)| !name.starts_with("many/")) {
        assert_eq!((name.as_str(), store(name)), (name.as_str(), count));
    }
    for (name, &count) in &good {
        assert_eq!((name.as_str(), published(&place, name)), (name.as_str(), Some(count)));
    }
    for name in files(place.dir()) {
        let known = [
            "data",
            "data/badges",
            "data/badges/.cursor",
            "data/badges/.lock",
            "data/badges/.tmp",
            "data/instance",
            "data/lock",
            "data/store.json",
            "data/tallymark.db",
            "tallymark.toml",
        ];
        let badge = name
            .strip_prefix("data/badges/")
            .is_some_and(|file| file.ends_with(".svg") && !file.contains('/') && file.len() <= 244);
        // What panels show while the daemon is away.
        let away = name.starts_with("data/badges/.away");
        assert!(badge || away || known.contains(&name.as_str()), "{name} was written");
    }
    let log = daemon.stderr();
    assert!(!log.contains("panicked"), "{log}");
    assert!(log.lines().count() < 100, "garbage must not fill the log:\n{log}");
}

/// The total in the comment after the picture of a name.
fn published(place: &Place, name: &str) -> Option<u64> {
    let text = fs::read_to_string(place.badge_file(name)).ok()?;
    text.split_once("<!-- tallymark total=")?.1.split_once(' ')?.0.parse().ok()
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn replay_sees_garbage_as_the_daemon_does() {
    const LINES: usize = 5000;
    let source = "[[source]]\nkind = \"syslog-udp\"\nlisten = \"UDP\"\nformat = \"auto\"\n";
    let place = Place::with_config(&format!("{source}{ROUTES}"));
    let mut daemon = place.serve();
    let mut syslog = place.syslog();
    let mut mutator = Mutator::new(7);
    let today = today();
    let mut log = Vec::new();
    let mut lines = 0;
    while lines < LINES {
        let (mut datagram, fate) = mutator.next();
        // A second line in a datagram is one in a file.
        if matches!(fate, Fate::GoodAndMore(_)) || datagram.len() > 10_000 {
            continue;
        }
        // A date in the future is wrong in a file; on the wire it is a clock that differs.
        if matches!(fate, Fate::Wild) && has(&datagram, b"badge: \"") && !has(&datagram, today.as_bytes()) {
            continue;
        }
        // Either ends a line in a file.
        datagram.retain(|b| !matches!(b, b'\n' | 0));
        syslog.send(&datagram);
        log.extend(&datagram);
        log.push(b'\n');
        lines += 1;
        if lines % 500 == 0 {
            wait_until("the daemon keeps up", PATIENCE, || {
                place.metrics().lines("syslog-udp")[0] == lines as u64
            });
        }
    }
    let file = place.dir().join("garbage.log");
    fs::write(&file, &log).unwrap();
    let config = place.config_path();
    let args = ["replay", file.to_str().unwrap(), "--json", "--config", config.to_str().unwrap()];
    let replayed = crate::common::run(&args).json();
    let metrics = place.metrics();
    let [received, accepted, ..] = metrics.lines("syslog-udp");
    assert_eq!((replayed["received"].as_u64(), received), (Some(lines as u64), lines as u64));
    assert_eq!(replayed["accepted"].as_u64(), Some(accepted));
    let reasons: BTreeMap<String, u64> = serde_json::from_value(replayed["rejected"].clone()).unwrap();
    assert_eq!(reasons, metrics.rejected("syslog-udp"));
    stop(&mut daemon);
    for name in replayed["names"].as_array().unwrap().iter().filter(|name| name["event"] == "hit") {
        let (text, count) = (name["name"].as_str().unwrap(), name["count"].as_u64());
        assert_eq!((text, published(&place, text)), (text, count));
    }
    // The same from standard input, whose chunks end anywhere.
    let args = ["replay", "-", "--json", "--config", config.to_str().unwrap()];
    assert_eq!(crate::common::run_with(&args, &[], &log).json(), replayed);
}

#[test]
fn lines_of_a_stranger_are_rejected() {
    let port = free_udp_port();
    let mut place = Place::new();
    place.udp = port;
    place.configure(&format!(
        "[[source]]\nkind = \"syslog-udp\"\nlisten = \"127.0.0.1:{port}\"\nallow = [\"10.0.0.0/8\"]\n"
    ));
    let mut daemon = place.serve();
    place.syslog().send(crate::common::line("o/r").as_bytes());
    wait_until("the line is seen", PATIENCE, || place.metrics().lines("syslog-udp") == [1, 0, 1, 0]);
    assert_eq!(place.metrics().rejected("syslog-udp"), BTreeMap::from([("sender".to_owned(), 1)]));
    stop(&mut daemon);
    assert_eq!(place.total("~all"), 0);
}
