//! `tallymark demo`: the whole program with simulated traffic, in a temporary directory.
//!
//! Only the readers are simulated: the past four months are a log file that is read like any other, and the present
//! consists of datagrams as nginx sends them. They go over a unix socket in that directory, because a port that is free
//! now may be taken before the daemon binds it.

use super::{
    CommonFlags, Misuse, daemon,
    environment::{LOG_FORMAT_STRING, is_on_command_line},
    out,
};
use crate::{
    config::{BadConfig, Config, Overrides},
    run::{DaemonStart, Role},
};
use anyhow::{Context, Result};
use clap::Args;
use std::{fmt::Write, fs, os::unix::net::UnixDatagram, path::Path, thread, time::Duration};
use tallymark_core::{Day, Hour, Name, Now, calendar::Weekday};
use tallymark_ingest::source::now;
use tallymark_web::{badge_path, page_path};

/// How many past days are simulated.
const DAYS: i32 = 120;
/// For how many of them there are hours.
const DAYS_BY_HOUR: i32 = 3;

const OWNERS: [&str; 6] = ["ada", "grace", "margaret", "barbara", "donald", "edsger"];
const REPOS: [&str; 7] = ["engine", "compiler", "guidance", "abstractions", "typesetter", "paths", "notes"];
/// One of each has every combination, because 6 and 7 have no common divisor.
const NAMES: usize = OWNERS.len() * REPOS.len();

/// The clients: GitHub's image proxy, browsers, a bot, a program.
const AGENTS: [&str; 8] = [
    "github-camo (876de43e)",
    "github-camo (876de43e)",
    "github-camo (876de43e)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.15.0",
];

/// Flags of a real set-up: where counts are stored, and where they come from.
pub(super) const OF_A_REAL_ONE: [&str; 10] = [
    "--config",
    "--store",
    "--data-dir",
    "--badges-dir",
    "--syslog-udp",
    "--syslog-unix",
    "--syslog-tcp",
    "--file",
    LOG_FORMAT_STRING,
    "--allow",
];

/// See it with made-up traffic. The store is in a temporary directory, and goes with the demo.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Hits a second.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rate: u16,
}

impl Demo {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        // Environment variables of a real set-up do not apply here.
        if let Some(flag) = OF_A_REAL_ONE.into_iter().find(|flag| is_on_command_line(flag)) {
            return Err(Misuse::because(format!(
                "a demo has sources and a store of its own: leave {flag} out"
            )));
        }
        let dir = tempfile::Builder::new().prefix("tallymark-demo-").tempdir();
        let dir = dir.context("making a temporary directory")?;
        let log = dir.path().join("history.log");
        fs::write(&log, history(now())).with_context(|| format!("writing {}", log.display()))?;
        let socket = dir.path().join("syslog");
        let given = common.overrides()?;
        let overrides = Overrides {
            data_dir: Some(dir.path().join("data")),
            listen: given.listen,
            port: given.port,
            base_url: given.base_url.filter(|_| is_on_command_line("--base-url")),
            ..Overrides::default()
        };
        let config = Config::parse(&configuration(&log, &socket), &overrides)
            .map_err(|mistakes| BadConfig { file: None, mistakes })?;
        let role = Role::Serve { render: true };
        let start = DaemonStart { config, file: None, overrides, role, ends_with_terminal: true };
        let nginx = UnixDatagram::unbound().context("making a unix socket")?;
        // It ends with the process.
        drop(thread::spawn(move || traffic(&nginx, &socket, self.rate)));
        daemon(start, |base_url| {
            // If standard output is closed, no one wants to read this.
            let _ = greet(base_url, dir.path());
        })
    }
}

fn configuration(log: &Path, socket: &Path) -> String {
    let [log, socket] = [log, socket].map(|path| toml::Value::String(path.to_string_lossy().into_owned()));
    format!(
        r#"
        [[source]]
        kind = "file"
        path = {log}
        route = "history"
        format = "record"
        start = "beginning"
        [[source]]
        kind = "syslog-unix"
        path = {socket}
        route = "tallymark_visits"
        [[route]]
        tag = "history"
        columns = ["time", "name", "weight"]
        decode = 0
        [[route]]
        tag = "tallymark_visits"
        columns = ["time", "name", "user-agent"]
        decode = 0
        [visits]
        keep = 100
        "#
    )
}

fn greet(base_url: &str, dir: &Path) -> Result<()> {
    let busiest = Name::new(&name(0))?;
    let (badge, page) = (badge_path(busiest.as_ref()), page_path(busiest.as_ref()));
    let (dir, owner) = (dir.display(), OWNERS[0]);
    out::print(&format!(
        "Dashboard {base_url}/\nPage      {base_url}{page}\nBadge     {base_url}{badge}\nPanel     {base_url}/v1/badge/{busiest}\n\
         Card      {base_url}/api?username={owner}\n\
         The data is simulated. It is in {dir} and is deleted when you press Ctrl-C.\n"
    ))
}

fn name(rank: usize) -> String {
    format!("{}/{}", OWNERS[rank % OWNERS.len()], REPOS[rank % REPOS.len()])
}

/// The share of the traffic that a name has.
fn weight(rank: usize) -> f64 {
    1.0 / (rank as f64 + 2.0)
}

/// The past as a log: more from month to month, less at weekends and at night.
fn history(now: Now) -> String {
    let (today, this_hour) = (now.day(), now.minute().hour());
    let mut random = fastrand::Rng::with_seed(1);
    let mut log = String::new();
    for back in (0..DAYS).rev() {
        let day = Day(today.0 - back);
        // A week that starts on Saturday has its weekend first.
        let weekend = day.0 - day.week_begin(Weekday::Sat).0 < 2;
        let growth = 1.5 - f64::from(back) / f64::from(DAYS);
        for rank in 0..NAMES {
            let luck = 0.6 + 0.8 * random.f64();
            let hits = 900.0 * weight(rank) * growth * luck * if weekend { 0.6 } else { 1.0 };
            let mut line = |time: &str, hits: f64| {
                if hits >= 1.0 {
                    // Writing to a String cannot fail.
                    let _ = writeln!(log, "\"{day}T{time}:00Z\",\"{}\",\"{hits:.0}\"", name(rank));
                }
            };
            if back >= DAYS_BY_HOUR {
                line("12:00", hits);
                continue;
            }
            let past = |hour: &u32| Hour::at(day, *hour) < this_hour;
            for hour in (0..24).filter(past) {
                let night = if (6..22).contains(&hour) { 1.3 } else { 0.4 };
                line(&format!("{hour:02}:30"), hits / 24.0 * night);
            }
        }
    }
    log
}

/// The present: datagrams as nginx sends them, forever.
fn traffic(nginx: &UnixDatagram, daemon: &Path, rate: u16) -> ! {
    let mut random = fastrand::Rng::new();
    let all: f64 = (0..NAMES).map(weight).sum();
    loop {
        let mut left = random.f64() * all;
        let rank = (0..NAMES).find(|&rank| {
            left -= weight(rank);
            left <= 0.0
        });
        let (time, agent) = (now().unix_ms, AGENTS[random.usize(..AGENTS.len())]);
        let (seconds, thousandths) = (time / 1000, time % 1000);
        let name = name(rank.unwrap_or(0));
        let record = format!("\"{seconds}.{thousandths:03}\",\"{name}\",\"{agent}\"");
        // The time of the header is ignored. Before the daemon listens the datagram is dropped, which is fine.
        let _ =
            nginx.send_to(format!("<158>Jan  1 00:00:00 demo tallymark_visits: {record}").as_bytes(), daemon);
        // Irregular, as people are.
        thread::sleep(Duration::from_secs_f64(2.0 * random.f64() / f64::from(rate)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_past_has_every_name_ends_before_this_hour_and_is_the_same_each_time() {
        let now = Now::parse_rfc3339("2026-11-20T12:34:56Z").unwrap();
        let log = history(now);
        assert_eq!(log, history(now));
        assert_eq!((0..NAMES).map(name).collect::<BTreeSet<_>>().len(), NAMES);
        for name in (0..NAMES).map(name) {
            assert!(log.contains(&format!("\"{name}\"")), "{name}");
        }
        let first = log.lines().next().unwrap();
        assert!(first.starts_with("\"2026-07-24T12:00:00Z\""), "{first}");
        let time = |line: &str| Now::parse_rfc3339(line.split('"').nth(1).unwrap()).unwrap().unix_ms;
        let last = log.lines().map(time).max().unwrap();
        assert!(last < now.unix_ms && last > now.unix_ms - 2 * 3_600_000, "{last}");
    }

    #[test]
    fn its_configuration_has_no_mistake() {
        let text = configuration(Path::new("/tmp/a \"b\\c/history.log"), Path::new("/tmp/a \"b\\c/syslog"));
        let config = Config::parse(&text, &Overrides::default()).unwrap();
        assert_eq!(
            (config.sources.len(), config.routes.as_slice().len(), config.retention.visits),
            (2, 2, 100)
        );
    }
}
