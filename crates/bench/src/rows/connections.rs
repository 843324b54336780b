//! Many thousands of clients at once.

use crate::{Bench, finding::Finding, ours::Ours, peers, usage};
use anyhow::{Context, ensure};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::Duration,
};

const REQUEST: &[u8] = b"GET /badge.svg?repo=owner/repo HTTP/1.1\r\nHost: localhost\r\n\r\n";

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let wanted = bench.scaled(10_000);
    // Both ends are on this machine. The daemon inherits our limit, as it gets LimitNOFILE from its unit.
    let allowed = crate::wire::allow_many_descriptors()?;
    ensure!(allowed > wanted + 100, "the hard limit on open files is {allowed}: ulimit -Hn");
    let ours = Ours::start(bench, &["serve"], None)?;
    let idle = usage::memory(ours.pid())?.0;
    let (good, refused) = at_once(ours.http, wanted)?;
    let full = usage::memory(ours.pid())?.1;
    let mut findings = vec![Finding {
        work: format!("{wanted} keep-alive clients at once, three requests each, all in flight together"),
        peer: "-".to_owned(),
        ours: format!("{good} answered, {refused} refused or failed; RSS {idle:.0} -> {full:.0} MiB"),
        ratio: "-".to_owned(),
        target: "none refused, none failed, RSS bounded (128 MiB)".to_owned(),
        met: Some(good == 3 * wanted && refused == 0 && full < 128.0),
    }];
    findings.push(ab(bench, &ours, "a counted badge", "/badge.svg?repo=owner/repo", &[])?);
    let dir = tallymark_testbed::temp_dir();
    let form = dir.path().join("form");
    fs::write(&form, "url=http%3A%2F%2Fwww.olark.com%2F&timestamp=0")?;
    let post = ["-p", &form.to_string_lossy(), "-T", "application/x-www-form-urlencoded"];
    findings.push(ab(bench, &ours, "POST /hit", "/hit", &post)?);
    Ok(findings)
}

/// How many answers came, and how many did not.
fn at_once(server: SocketAddr, wanted: u64) -> anyhow::Result<(u64, u64)> {
    let (mut clients, mut refused) = (Vec::new(), 0);
    for _ in 0..wanted {
        match TcpStream::connect(server) {
            Ok(client) => {
                client.set_read_timeout(Some(Duration::from_secs(30)))?;
                clients.push(client);
            }
            Err(_) => refused += 1,
        }
    }
    let mut good = 0;
    for _ in 0..3 {
        let sent: Vec<bool> = clients.iter_mut().map(|client| client.write_all(REQUEST).is_ok()).collect();
        for (client, sent) in clients.iter_mut().zip(sent) {
            if sent && answered(client) {
                good += 1;
            } else {
                refused += 1;
            }
        }
    }
    Ok((good, refused))
}

/// A badge has some thousand bytes, which come as one piece and end with its closing comment or tag.
fn answered(client: &mut TcpStream) -> bool {
    let (mut buffer, mut length) = ([0; 8192], 0);
    while let Ok(more @ 1..) = client.read(&mut buffer[length..]) {
        length += more;
        if String::from_utf8_lossy(&buffer[..length]).trim_end().ends_with("</svg>") {
            return buffer.starts_with(b"HTTP/1.1 200");
        }
    }
    false
}

/// A new connection for every request, thousands open at a time.
fn ab(bench: &Bench, ours: &Ours, what: &str, path: &str, more: &[&str]) -> anyhow::Result<Finding> {
    let (requests, clients) = (bench.scaled(100_000).to_string(), bench.scaled(5000).to_string());
    let url = format!("http://{}{path}", ours.http);
    // -l: a growing count makes the response longer, which is not a failure.
    let mut ab = Command::new("ab");
    ab.args(["-r", "-l", "-q", "-n", &requests, "-c", &clients]).args(more).arg(&url);
    let text = peers::output(&mut ab)?;
    let number = |name: &str| -> anyhow::Result<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).context("ab tells it")?;
        Ok(line.split_whitespace().next().context("a number")?.parse()?)
    };
    let (complete, failed) = (number("Complete requests:")?, number("Failed requests:")?);
    // Told only where there were some.
    let failed = failed + number("Non-2xx responses:").unwrap_or(0);
    let highest = usage::memory(ours.pid())?.1;
    Ok(Finding {
        work: format!("ab -r -n {requests} -c {clients} on {what}"),
        peer: "-".to_owned(),
        ours: format!("{complete} complete, {failed} failed; highest RSS {highest:.0} MiB"),
        ratio: "-".to_owned(),
        target: "none failed".to_owned(),
        met: Some(failed == 0 && complete.to_string() == requests),
    })
}
