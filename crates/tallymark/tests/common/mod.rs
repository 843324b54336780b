//! Shared by the process tests: a place to run the binary in, its output as numbers, and lines as nginx sends them.

pub(crate) mod pictures;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tallymark_core::{Name, Now};
use tallymark_testbed::{
    Daemon, Nginx, Redis, TempDir, free_tcp_port, free_udp_port, http, temp_dir, wait_until,
};

pub(crate) use tallymark_testbed::PATIENCE;

/// The binary under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tallymark"))
}

/// Runs one command to its end, with only PATH from this environment.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Ran {
    run_with(args, &[], b"")
}

/// [`run`] with environment variables and standard input.
#[track_caller]
pub(crate) fn run_with(args: &[&str], env: &[(&str, &str)], stdin: &[u8]) -> Ran {
    let dir = temp_dir();
    let input = dir.path().join("stdin");
    std::fs::write(&input, stdin).expect("the temporary directory is writable");
    let input = std::fs::File::open(&input).expect("it was just written");
    // A daemon that was to refuse its start would run for ever. What `timeout` has ended has the code 124.
    let mut command = Command::new("timeout");
    command.args(["-k", "20", "120"]).arg(program());
    command.args(args).env_clear().envs(env.iter().copied()).current_dir(dir.path()).stdin(input);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    Ran::from(command.output().expect("the binary starts"))
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the binary writes UTF-8");
        assert_eq!(output.status.signal(), None, "it died of a signal");
        assert_ne!(output.status.code(), Some(124), "it did not end: {output:?}");
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// The output of a successful command.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The same as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.good()).expect("the answer is JSON")
    }

    /// One message on standard error that contains all of `parts`, nothing on standard output, and this exit code.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing in {}", self.stderr);
        }
        let said: Vec<&str> = self.stderr.lines().filter(|line| !is_log(line)).collect();
        assert_eq!(said.len(), 1, "one message, not {said:#?}");
        assert!(said[0].starts_with("tallymark: "), "{}", said[0]);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// Whether a line belongs to the log, which may precede the failure.
fn is_log(line: &str) -> bool {
    [" INFO ", " WARN ", " ERROR "].iter().any(|level| line.contains(level))
}

/// The place of a daemon: directories and ports that stay the same across restarts.
#[derive(Debug)]
pub(crate) struct Place {
    dir: TempDir,
    pub(crate) http: u16,
    pub(crate) udp: u16,
    store: Option<String>,
    config: Option<String>,
}

impl Place {
    /// With the embedded store.
    pub(crate) fn new() -> Place {
        Place { dir: temp_dir(), http: free_tcp_port(), udp: free_udp_port(), store: None, config: None }
    }

    /// With another store.
    pub(crate) fn with_store(url: impl Into<String>) -> Place {
        Place { store: Some(url.into()), ..Place::new() }
    }

    /// Uses another store from the next start on.
    pub(crate) fn store_at(&mut self, url: &str) {
        self.store = Some(url.to_owned());
    }

    /// With the text of a configuration file, in which `UDP` stands for the syslog address and `DIR` for the
    /// directory of this place. The flags for what it says are then not given.
    pub(crate) fn with_config(text: &str) -> Place {
        let mut place = Place::new();
        let udp = format!("127.0.0.1:{}", place.udp);
        place.configure(&text.replace("UDP", &udp));
        place
    }

    /// Rewrites the configuration file.
    pub(crate) fn configure(&mut self, text: &str) {
        let text = text.replace("DIR", &self.dir.path().display().to_string());
        std::fs::write(self.config_path(), &text).expect("the temporary directory is writable");
        self.config = Some(text);
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.dir.path().join("tallymark.toml")
    }

    /// The directory that holds everything.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn badges_dir(&self) -> PathBuf {
        self.data_dir().join("badges")
    }

    /// The file of a name's badge.
    pub(crate) fn badge_file(&self, name: &str) -> PathBuf {
        let name = Name::new(name).expect("a name");
        self.badges_dir().join(format!("{}.svg", name.escaped()))
    }

    /// What the badge on disk says; `None` while there is none.
    pub(crate) fn published(&self, name: &str) -> Option<u64> {
        number(&std::fs::read_to_string(self.badge_file(name)).ok()?)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.http).into()
    }

    /// The flags that every command of this place is given.
    pub(crate) fn flags(&self) -> Vec<String> {
        let mut flags = vec!["--data-dir".to_owned(), self.data_dir().display().to_string()];
        if let Some(store) = &self.store {
            flags.extend(["--store".to_owned(), store.clone()]);
        }
        if self.config.is_some() {
            flags.extend(["--config".to_owned(), self.config_path().display().to_string()]);
        }
        flags
    }

    /// The flags of a daemon: where it listens, too.
    pub(crate) fn listen_flags(&self) -> Vec<String> {
        let mut flags = vec!["--listen".to_owned(), self.addr().to_string()];
        if !self.config.as_ref().is_some_and(|text| text.contains("[[source]]")) {
            flags.extend(["--syslog-udp".to_owned(), format!("127.0.0.1:{}", self.udp)]);
        }
        flags
    }

    /// A real nginx in front of this place, with the configuration that `nginx-conf` prints for it.
    #[track_caller]
    pub(crate) fn nginx(&self, more: &[&str]) -> Nginx {
        self.nginx_with(more, "")
    }

    /// The same, with lines of the operator's own before it.
    #[track_caller]
    pub(crate) fn nginx_with(&self, more: &[&str], own: &str) -> Nginx {
        Nginx::start(|site| {
            let listen = format!("127.0.0.1:{}", site.port);
            let mut command = Command::new(program());
            command.args(["nginx-conf", "--nginx-listen", &listen]).args(more);
            let ran = Ran::from(
                command.args(self.flags()).args(self.listen_flags()).env_clear().output().expect("it starts"),
            );
            own.to_owned() + &ran.good()
        })
    }

    /// Runs one command on this place.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let flags = self.flags();
        let all: Vec<&str> = args.iter().copied().chain(flags.iter().map(String::as_str)).collect();
        run(&all)
    }

    /// Starts `serve` and waits until it listens.
    #[track_caller]
    pub(crate) fn serve(&self) -> Daemon {
        self.start("serve", &[])
    }

    /// Starts a daemon with further flags and waits until it listens.
    #[track_caller]
    pub(crate) fn start(&self, command: &str, more: &[&str]) -> Daemon {
        let mut daemon = Daemon::builder(program())
            .arg(command)
            .args(self.flags())
            .args(self.listen_flags())
            .args(more)
            .start();
        wait_until("the daemon listens", PATIENCE, || {
            assert!(daemon.is_running(), "it ended:\n{}{}", daemon.stdout(), daemon.stderr());
            http::try_request("GET", self.addr(), "/healthz", &[], b"").is_ok()
        });
        daemon
    }

    /// Fetches a badge, and returns its number.
    #[track_caller]
    pub(crate) fn hit(&self, name: &str) -> u64 {
        let answer = http::get(self.addr(), &format!("/badge.svg?repo={name}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        number(answer.text()).unwrap_or_else(|| panic!("no number in {}", answer.text()))
    }

    /// The output of `show` for a name: the counts in the store, without the daemon.
    #[track_caller]
    pub(crate) fn total(&self, name: &str) -> u64 {
        let shown = self.run(&["show", name, "--json"]).json();
        shown["total"].as_u64().expect("a total")
    }

    /// Every metric of the daemon, by name and labels as they stand in the text.
    #[track_caller]
    pub(crate) fn metrics(&self) -> Metrics {
        let answer = http::get(self.addr(), "/metrics");
        assert_eq!(answer.status, 200);
        Metrics::parse(answer.text())
    }

    /// A sender of syslog to this place.
    pub(crate) fn syslog(&self) -> Syslog {
        Syslog::to(self.udp)
    }
}

/// The number a badge shows.
pub(crate) fn number(svg: &str) -> Option<u64> {
    let label = svg.split_once("aria-label=\"hits: ")?.1.split_once('"')?.0;
    label.replace(',', "").parse().ok()
}

/// The text of `/metrics`.
#[derive(Debug)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn parse(text: &str) -> Metrics {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pair = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        };
        Metrics(lines.map(pair).collect())
    }

    /// The names without labels.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.0.keys().map(|key| key.split('{').next().unwrap_or_default()).collect();
        names.dedup();
        names
    }

    /// One value, 0 if it is not there.
    pub(crate) fn get(&self, key: &str) -> u64 {
        self.0.get(key).copied().unwrap_or(0.0) as u64
    }

    /// Lines that a source received, accepted and rejected, and datagrams that the kernel dropped before it.
    pub(crate) fn lines(&self, source: &str) -> [u64; 4] {
        let of = |what: &str| self.get(&format!("tallymark_{what}_total{{source=\"{source}\"}}"));
        let rejected: u64 = self.rejected(source).values().sum();
        [of("lines_received"), of("lines_accepted"), rejected, of("socket_drops")]
    }

    /// Rejected lines by reason, without reasons that did not occur.
    pub(crate) fn rejected(&self, source: &str) -> BTreeMap<String, u64> {
        let start = format!("tallymark_lines_rejected_total{{source=\"{source}\",reason=\"");
        let reason = |(key, &count): (&String, &f64)| {
            let reason = key.strip_prefix(&start)?.strip_suffix("\"}")?;
            (count > 0.0).then(|| (reason.to_owned(), count as u64))
        };
        self.0.iter().filter_map(reason).collect()
    }
}

/// As if GitHub had said twice, days ago, that an account does not exist: the next time it is gone. The store is SQLite.
pub(crate) fn missing_for_days(place: &Place, account: &str) {
    let store =
        rusqlite::Connection::open(place.data_dir().join("tallymark.db")).expect("the store is there");
    let changed = store.execute(
        "UPDATE shelf SET value = CAST(json_set(CAST(value AS TEXT), '$.missing.times', 2,
         '$.missing.since', json_extract(CAST(value AS TEXT), '$.missing.since') - 259200) AS BLOB)
         WHERE shelf = 'github' AND key = ?1",
        [account],
    );
    assert_eq!(changed.expect("the store is there"), 1);
}

/// The day as nginx writes it into a line.
pub(crate) fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    Now { unix_ms: since.as_millis() as i64 }.day().to_string()
}

/// The line that nginx with set-misc sends for a hit; `name` as it stands in the record.
pub(crate) fn line(name: &str) -> String {
    format!("<158>Nov 20 12:00:00 web1 badge: \"{}\",\"{name}\"", today())
}

/// A sender of datagrams that knows how many of them the kernel took.
#[derive(Debug)]
pub(crate) struct Syslog {
    socket: UdpSocket,
    taken: u64,
}

impl Syslog {
    pub(crate) fn to(port: u16) -> Syslog {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        socket.connect((Ipv4Addr::LOCALHOST, port)).expect("loopback is there");
        Syslog { socket, taken: 0 }
    }

    /// Sends a datagram to an existing socket.
    #[track_caller]
    pub(crate) fn send(&mut self, datagram: &[u8]) {
        assert!(self.try_send(datagram), "nobody listens for syslog");
    }

    /// Sends a datagram. False when the one before it was not taken: over loopback the refusal is there before `send`
    /// returns, and the next call reports it instead of sending.
    pub(crate) fn try_send(&mut self, datagram: &[u8]) -> bool {
        match self.socket.send(datagram) {
            Ok(_) => {
                self.taken += 1;
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                self.taken -= 1;
                false
            }
            Err(error) => panic!("sending a datagram: {error}"),
        }
    }

    /// How many datagrams sit in a socket's buffer, were read from it, or were dropped because it was full.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }
}

/// Datagrams that a daemon says the kernel dropped, for when it is too late to ask `/metrics`.
pub(crate) fn dropped(log: &str) -> u64 {
    let count = |line: &str| line.split_once("dropped=")?.1.split_whitespace().next()?.parse::<u64>().ok();
    log.lines().filter(|line| line.contains("kernel dropped")).filter_map(count).sum()
}

/// Either store, for facts that hold for both.
#[derive(Debug)]
pub(crate) enum Kind {
    Sqlite,
    Redis(Box<Redis>),
}

impl Kind {
    /// One of each; the Redis keeps an append-only file.
    pub(crate) fn both() -> [Kind; 2] {
        [Kind::Sqlite, Kind::Redis(Box::new(Redis::builder().appendonly().start()))]
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Kind::Sqlite => Place::new(),
            Kind::Redis(redis) => Place::with_store(redis.url()),
        }
    }
}

/// SIGTERM, and the end: within 15 seconds and with exit code 0.
#[track_caller]
pub(crate) fn stop(daemon: &mut Daemon) {
    daemon.sigterm();
    let status = daemon.wait(Duration::from_secs(15));
    assert!(status.success(), "ended with {status}\n{}", daemon.stderr());
}
