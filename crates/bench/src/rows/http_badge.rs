//! A counted badge over HTTP, beside nginx with a file and a log line for each request.

use crate::{Bench, finding::Finding, median::by_turns, ours::Ours, peers};
use anyhow::Context;
use std::{fs, net::UdpSocket, process::Command};
use tallymark_testbed::{Nginx, http};

pub(super) const PATH: &str = "/badge.svg?repo=owner/repo";

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let seconds = if bench.quick { 1 } else { 10 };
    // Bound and never read: the kernel drops the lines, which is the cheapest receiver there is.
    let sink = UdpSocket::bind("127.0.0.1:0")?;
    let ours = Ours::start(bench, &["serve"], None)?;
    let picture = http::get(ours.http, PATH).body;
    let nginx = nginx(&picture, sink.local_addr()?.port());
    // In the sense of the table: seconds a request, so that a ratio above 1 is ours being faster.
    let wrk = |server: &dyn std::fmt::Display| {
        let rate = wrk(seconds, &[format!("http://{server}{PATH}")])?;
        println!("  {server}: {rate:.0}/s");
        Ok(1.0 / rate)
    };
    let pair = by_turns(bench.rounds, || wrk(&nginx.addr()), || wrk(&ours.http))?;
    Ok(vec![Finding {
        work: "GET of a counted badge, wrk -t1 -c64".to_owned(),
        peer: format!("nginx, static file and syslog: {:.0}/s", 1.0 / pair.peer),
        ours: format!("{:.0}/s", 1.0 / pair.ours),
        ratio: format!("{:.2} times", pair.ratio),
        target: "at least 1.0 times".to_owned(),
        met: Some(pair.ratio >= 1.0),
    }])
}

pub(super) fn nginx(picture: &[u8], syslog: u16) -> Nginx {
    Nginx::builder().workers(1).start(|site| {
        // A failure shows as a 404 at once.
        let _ = fs::write(site.dir.join("badge.svg"), picture);
        format!(
            "sendfile on; tcp_nopush on; keepalive_requests 1000000;\n\
             log_format badge '\"$time_iso8601\",\"$arg_repo\"';\n\
             server {{ listen 127.0.0.1:{}; root {};\n\
             access_log syslog:server=127.0.0.1:{syslog},facility=local3,tag=badge,severity=info badge;\n\
             location = /badge.svg {{ types {{ }} default_type image/svg+xml; }} }}",
            site.port,
            site.dir.display()
        )
    })
}

/// Requests a second that wrk gets answered.
pub(super) fn wrk(seconds: u32, args: &[String]) -> anyhow::Result<f64> {
    let mut command = Command::new("wrk");
    let text = peers::output(command.args(["-t1", "-c64", &format!("-d{seconds}s")]).args(args))?;
    anyhow::ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
    let rate = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    rate.context("wrk tells a rate")?.trim().parse().context("a number")
}
