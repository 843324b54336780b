//! The alternatives, and the bare loops that nothing can beat by much. They are installed from Debian or npm when a row
//! runs, or compiled from `peers/`.

use anyhow::{Context, ensure};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tallymark_testbed::{Daemon, Redis, SyslogNg, TempDir};

const RECV: &str = include_str!("../peers/recv.c");
const FOLD: &str = include_str!("../peers/fold.c");
const WRITE: &str = include_str!("../peers/write.c");
const CRON: &str = include_str!("../peers/cron.py");
const BADGE_MAKER: &str = include_str!("../peers/badge-maker.js");
const HITME: &str = include_str!("../peers/hitme.js");
const SNOW_TRACE: &str = include_str!("../peers/snow-trace.js");
/// Scripts for wrk.
pub(crate) const VIEWS: &str = include_str!("../peers/views.lua");
pub(crate) const HIT: &str = include_str!("../peers/hit.lua");

/// Runs a program to its end and hands back what it wrote.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {shown}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(output.status.success(), "{shown}: {}\n{}", output.status, text(&output.stderr));
    Ok(text(&output.stdout))
}

/// A program compiled from C as Debian would.
fn compiled(dir: &Path, name: &str, source: &str) -> anyhow::Result<PathBuf> {
    let (text, program) = (dir.join(format!("{name}.c")), dir.join(name));
    fs::write(&text, source)?;
    output(Command::new("gcc").args(["-O2", "-o"]).arg(&program).arg(&text))?;
    Ok(program)
}

/// ghit.me's syslog-ng: the published configuration with the `persist-name()` that today's version demands, and with
/// as large a receive buffer as ours asks for.
pub(crate) fn syslog_ng(redis: &Redis) -> SyslogNg {
    let write = |name: &str, command: &str| {
        format!(
            "    redis(host(\"127.0.0.1\") port({}) persist-name(\"{name}\") command({command}));\n",
            redis.port()
        )
    };
    let repo = "\"${BADGE.REPO}\"";
    let writes = [
        write("repos", &format!("\"SADD\", \"repos\", {repo}")),
        write("day", &format!("\"SADD\", \"repos:${{BADGE.DATE}}\", {repo}")),
        write("total", "\"INCR\", \"repo:${BADGE.REPO}\""),
        write("today", "\"INCR\", \"repo:${BADGE.DATE}:${BADGE.REPO}\""),
    ]
    .concat();
    SyslogNg::start(|site| {
        format!(
            "source s_badge {{ network(transport(\"udp\") ip(\"127.0.0.1\") port({}) so-rcvbuf(8388608)); }};\n\
             parser p_badge {{ csv-parser(columns(\"BADGE.DATE\", \"BADGE.REPO\") \
             flags(escape-double-char, strip-whitespace) delimiters(\",\") quote-pairs('\"\"[]')); }};\n\
             filter f_badge {{ facility(local3) and level(info) and program(\"badge\"); }};\n\
             destination d_badge {{\n{writes}}};\n\
             log {{ source(s_badge); filter(f_badge); parser(p_badge); destination(d_badge); }};\n",
            site.port
        )
    })
}

/// The hits that ghit.me's counters have.
pub(crate) fn redis_counts(redis: &Redis) -> anyhow::Result<u64> {
    let sum = "local sum = 0 for _, name in ipairs(redis.call('SMEMBERS', 'repos')) do \
               sum = sum + (redis.call('GET', 'repo:' .. name) or 0) end return sum";
    Ok(redis.cli(&["EVAL", sum, "0"]).parse()?)
}

/// How many commands a Redis has carried out.
pub(crate) fn redis_commands(redis: &Redis) -> anyhow::Result<u64> {
    let info = redis.cli(&["INFO", "stats"]);
    let line = info.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
    Ok(line.context("Redis counts its commands")?.trim().parse()?)
}

/// The least that counts: no checks, no retries, no numbers, no expiry.
pub(crate) struct LeastCounter {
    daemon: Daemon,
    port: u16,
    _dir: TempDir,
}

impl LeastCounter {
    pub(crate) fn start(redis: &Redis) -> anyhow::Result<LeastCounter> {
        let (dir, port) = (tallymark_testbed::temp_dir(), tallymark_testbed::free_udp_port());
        let program = compiled(dir.path(), "fold", FOLD)?;
        let ports = [port.to_string(), redis.port().to_string()];
        let mut daemon = Daemon::start(&program, &[&ports[0], &ports[1], &crate::machine::today()]);
        daemon.wait_for_line(|line| line == "ready", tallymark_testbed::PATIENCE);
        Ok(LeastCounter { daemon, port, _dir: dir })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// A loop that receives datagrams and discards them.
pub(crate) struct BareReceiver {
    daemon: Daemon,
    _dir: TempDir,
}

impl BareReceiver {
    pub(crate) fn start(port: u16) -> anyhow::Result<BareReceiver> {
        let dir = tallymark_testbed::temp_dir();
        let program = compiled(dir.path(), "recv", RECV)?;
        let mut daemon = Daemon::start(&program, &[&port.to_string()]);
        daemon.wait_for_line(|line| line == "ready", tallymark_testbed::PATIENCE);
        Ok(BareReceiver { daemon, _dir: dir })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// Ends it. How many datagrams it received.
    pub(crate) fn stop(mut self) -> anyhow::Result<u64> {
        self.daemon.sigterm();
        self.daemon.wait(tallymark_testbed::PATIENCE);
        let text = self.daemon.stdout();
        text.lines().nth(1).context("the receiver says how many came")?.parse().context("a number")
    }
}

/// A loop that replaces files: open, write, close, rename.
pub(crate) struct BareWriter {
    program: PathBuf,
    dir: TempDir,
}

impl BareWriter {
    pub(crate) fn compile() -> anyhow::Result<BareWriter> {
        let dir = tallymark_testbed::temp_dir();
        Ok(BareWriter { program: compiled(dir.path(), "write", WRITE)?, dir })
    }

    /// Replaces these files of a directory; seconds.
    pub(crate) fn replace(&self, badges: &Path, files: &[String]) -> anyhow::Result<f64> {
        let list = self.dir.path().join("list");
        fs::write(&list, files.join("\n") + "\n")?;
        Ok(output(Command::new(&self.program).arg(badges).arg(&list))?.trim().parse()?)
    }
}

/// One run of ghit.me's cron; seconds.
pub(crate) fn cron(redis: &Redis, badges: &Path) -> anyhow::Result<f64> {
    // Debian's Python, which has Debian's redis module.
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", CRON, &redis.port().to_string()]).arg(badges);
    Ok(output(&mut python)?.trim().parse()?)
}

/// badge-maker from npm; badges a second.
pub(crate) struct BadgeMaker(TempDir);

impl BadgeMaker {
    pub(crate) fn install() -> anyhow::Result<BadgeMaker> {
        Ok(BadgeMaker(from_npm(&["badge-maker"], "draw.js", BADGE_MAKER)?))
    }

    pub(crate) fn draw(&self, count: u64, style: &str) -> anyhow::Result<f64> {
        let mut node = Command::new("node");
        node.args(["draw.js", &count.to_string(), style]).current_dir(self.0.path());
        Ok(output(&mut node)?.trim().parse()?)
    }
}

/// A directory with packages of npm and a program that uses them.
fn from_npm(packages: &[&str], file: &str, program: &str) -> anyhow::Result<TempDir> {
    let dir = tallymark_testbed::temp_dir();
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--silent"]).args(packages);
    output(npm.arg("--prefix").arg(dir.path())).with_context(|| format!("{packages:?} come from npm"))?;
    fs::write(dir.path().join(file), program)?;
    Ok(dir)
}

/// What snow-trace does with a counted view, over as many counters and records.
pub(crate) struct SnowTrace {
    daemon: Daemon,
    port: u16,
    _dir: TempDir,
}

impl SnowTrace {
    pub(crate) fn start(counters: u32, records: u32) -> anyhow::Result<SnowTrace> {
        let (dir, port) = (tallymark_testbed::temp_dir(), tallymark_testbed::free_tcp_port());
        let script = dir.path().join("snow-trace.js");
        fs::write(&script, SNOW_TRACE)?;
        let numbers = [port.to_string(), counters.to_string(), records.to_string()];
        let dir_text = dir.path().to_string_lossy();
        let args = ["node", &script.to_string_lossy(), &numbers[0], &dir_text, &numbers[1], &numbers[2]];
        let mut daemon = Daemon::start(Path::new("/usr/bin/env"), &args);
        daemon.wait_for_line(|line| line == "ready", Duration::from_secs(300));
        Ok(SnowTrace { daemon, port, _dir: dir })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.pid()
    }
}

/// What hitme-node does with a hit, on express and redis as they were when callbacks were.
pub(crate) struct HitMe {
    _daemon: Daemon,
    port: u16,
    _dir: TempDir,
}

impl HitMe {
    pub(crate) fn start(redis: &Redis) -> anyhow::Result<HitMe> {
        let dir = from_npm(&["express@4", "redis@3"], "hitme.js", HITME)?;
        let (port, script) = (tallymark_testbed::free_tcp_port(), dir.path().join("hitme.js"));
        let args = [&script.to_string_lossy(), &*port.to_string(), &redis.port().to_string()];
        let mut daemon = Daemon::start(Path::new("/usr/bin/env"), &[&["node"], &args[..]].concat());
        daemon.wait_for_line(|line| line == "ready", tallymark_testbed::PATIENCE);
        Ok(HitMe { _daemon: daemon, port, _dir: dir })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }
}
