//! Cards of GitHub accounts: from disk through nginx with the printed configuration, and over HTTP, each beside nginx with
//! the same picture as a plain file; and what ten thousand tracked accounts cost in memory and in calls.

use super::http_badge::wrk;
use crate::{
    Bench,
    finding::Finding,
    median::{Pair, by_turns},
    ours::Ours,
    peers, usage,
};
use anyhow::Context;
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};
use tallymark_testbed::{FakeGithub, FakeRepository, Nginx, http, temp_dir};

const TOKEN: &str = "ghp_0123456789";
const CARD: &str = "/api?username=u0&theme=dark";
const FROM_DISK: &str = "GET of a card from disk, nginx with the printed configuration, wrk -t1 -c64";
/// Calls for each account are counted over so many.
const SAMPLE: u32 = 100;
/// Clients that look at accounts at the same time.
const CLIENTS: usize = 8;

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let accounts = bench.scaled(10_000) as u32;
    let dir = temp_dir();
    let github = FakeGithub::start();
    github.token(TOKEN, "u0", 1_000_000_000);
    github.points(TOKEN, 1_000_000_000);
    for account in 0..accounts {
        github.add(&format!("u{account}"), repositories(account));
    }
    let config = dir.path().join("tallymark.toml");
    let text = format!(
        "[badges]\ncards = true\n[visits]\navatars = \"off\"\n\
         [github]\napi-url = \"{}\"\ntokens = [\"{TOKEN}\"]\nrate-limit = \"off\"\ntraffic = false\n",
        github.url()
    );
    fs::write(&config, text)?;
    let flags = [
        "--config".to_owned(),
        config.display().to_string(),
        "--data-dir".to_owned(),
        dir.path().join("data").display().to_string(),
        "--badges-dir".to_owned(),
        dir.path().join("badges").display().to_string(),
    ];
    let run = |args: &[&str]| peers::output(Command::new(&bench.tallymark).args(args).args(&flags));
    let serve: Vec<&str> = ["serve"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    let ours = Ours::start(bench, &serve, None)?;
    let names: Vec<String> = (0..accounts).map(|account| format!("u{account}")).collect();
    for some in names.chunks(1000) {
        run(&[&["github", "add"][..], &some.iter().map(String::as_str).collect::<Vec<_>>()].concat())?;
    }
    look_at_all(ours.http, accounts)?;
    let mut findings = rates(bench, &ours, &dir.path().join("badges"), &run)?;
    findings.push(memory(&ours, accounts)?);
    findings.push(calls(&github, &names, &run)?);
    Ok(findings)
}

fn repositories(account: u32) -> Vec<FakeRepository> {
    let languages = ["Rust", "C", "Python", "Go", "Shell"];
    let one = |at: u32| FakeRepository {
        id: u64::from(10 * account + at),
        fork: at == 0,
        stars: u64::from(account % 97),
        forks: 1,
        language: Some(languages[(account + at) as usize % languages.len()].to_owned()),
    };
    (0..5).map(one).collect()
}

/// Every account is looked at once, so that its statistics are known.
fn look_at_all(server: SocketAddr, accounts: u32) -> anyhow::Result<()> {
    let next = AtomicU32::new(0);
    thread::scope(|scope| {
        let looks = (0..CLIENTS).map(|_| {
            scope.spawn(|| -> anyhow::Result<()> {
                let mut client = http::Client::try_connect(server)?;
                loop {
                    let account = next.fetch_add(1, Ordering::Relaxed);
                    if account >= accounts {
                        return Ok(());
                    }
                    let card = client.get(&format!("/api?username=u{account}&theme=dark"));
                    anyhow::ensure!(card.text().contains("GitHub Stats"), "u{account}: {}", card.text());
                }
            })
        });
        let looks: Vec<_> = looks.collect();
        looks
            .into_iter()
            .try_for_each(|look| look.join().unwrap_or_else(|_| anyhow::bail!("a client panicked")))
    })
}

/// The card that both sides serve is the same file.
fn rates(
    bench: &Bench,
    ours: &Ours,
    badges: &Path,
    run: &dyn Fn(&[&str]) -> anyhow::Result<String>,
) -> anyhow::Result<Vec<Finding>> {
    let (mut conf, listen) = (Ok(String::new()), ours.http.to_string());
    let nginx = Nginx::builder().workers(1).start(|site| {
        let nginx_listen = format!("127.0.0.1:{}", site.port);
        conf = run(&["nginx-conf", "--cards", "--nginx-listen", &nginx_listen, "--listen", &listen]);
        format!("keepalive_requests 1000000;\n{}", conf.as_deref().unwrap_or_default())
    });
    let headers = headers(&conf?);
    let end = Instant::now() + Duration::from_secs(600);
    let card = loop {
        let card = http::get(nginx.addr(), CARD);
        if card.text().contains("<!-- tallymark total=") {
            break card.body;
        }
        anyhow::ensure!(Instant::now() < end, "the card is no file in {}", badges.display());
        thread::sleep(Duration::from_millis(200));
    };
    let plain = Nginx::builder().workers(1).start(|site| {
        // A failure shows as a 404 at once.
        let _ = fs::write(site.dir.join("card.svg"), &card);
        format!(
            "sendfile on; keepalive_requests 1000000; access_log off;\n\
             server {{ listen 127.0.0.1:{}; root {};\n\
             location = /card.svg {{ types {{ }} default_type image/svg+xml; }}\n\
             location = /same.svg {{ alias {}/card.svg; types {{ }} default_type image/svg+xml;\n{headers}\n}} }}",
            site.port,
            site.dir.display(),
            site.dir.display()
        )
    });
    let seconds = if bench.quick { 1 } else { 10 };
    let measured = |server: String| {
        let rate = wrk(seconds, std::slice::from_ref(&server))?;
        println!("  {server}: {rate:.0}/s");
        Ok(1.0 / rate)
    };
    let file = || measured(format!("http://{}/card.svg", plain.addr()));
    let same = || measured(format!("http://{}/same.svg", plain.addr()));
    let from_disk = || measured(format!("http://{}{CARD}", nginx.addr()));
    let disk = by_turns(bench.rounds, file, from_disk)?;
    let dressed = by_turns(bench.rounds, same, from_disk)?;
    let cached = by_turns(bench.rounds, file, || measured(format!("http://{}{CARD}", ours.http)))?;
    Ok(vec![
        beside_nginx(FROM_DISK, "nginx, plain file without a log", &disk),
        beside_nginx(FROM_DISK, "nginx, plain file with the same headers", &dressed),
        beside_nginx(
            "GET of a card that the daemon draws, wrk -t1 -c64",
            "nginx, plain file without a log",
            &cached,
        ),
    ])
}

/// The headers of cards in our configuration.
fn headers(conf: &str) -> String {
    let of_cards = conf.lines().skip_while(|line| !line.contains("location ~ \"^/api"));
    let of_cards = of_cards.take_while(|line| line.trim() != "}");
    of_cards.filter(|line| line.trim().starts_with("add_header")).collect::<Vec<_>>().join("\n")
}

fn beside_nginx(work: &str, peer: &str, pair: &Pair) -> Finding {
    Finding {
        work: work.to_owned(),
        peer: format!("{peer}: {:.0}/s", 1.0 / pair.peer),
        ours: format!("{:.0}/s", 1.0 / pair.ours),
        ratio: format!("{:.2} times", pair.ratio),
        target: "at least 0.8 times".to_owned(),
        met: Some(pair.ratio >= 0.8),
    }
}

fn memory(ours: &Ours, accounts: u32) -> anyhow::Result<Finding> {
    let (now, highest) = usage::memory(ours.pid())?;
    Ok(Finding {
        work: format!("peak RSS of `serve`, {accounts} tracked accounts with 5 repositories, all looked at"),
        peer: "-".to_owned(),
        ours: format!("{now:.0} MiB, highest {highest:.0}"),
        ratio: "-".to_owned(),
        target: "at most 64 MiB".to_owned(),
        met: Some(highest <= 64.0),
    })
}

fn calls(
    github: &FakeGithub,
    names: &[String],
    run: &dyn Fn(&[&str]) -> anyhow::Result<String>,
) -> anyhow::Result<Finding> {
    let some: Vec<&str> = names.iter().take(SAMPLE as usize).map(String::as_str).collect();
    let before = (github.calls().len(), github.queries().len());
    run(&[&["github", "refresh"][..], &some].concat()).context("refreshing some accounts")?;
    let each = |after: usize, before: usize| (after - before) as f64 / some.len() as f64;
    let (calls, queries) = (each(github.calls().len(), before.0), each(github.queries().len(), before.1));
    Ok(Finding {
        work: "calls for an account and hour, refreshed once, unchanged since".to_owned(),
        peer: "-".to_owned(),
        ours: format!("{calls:.1} of 5,000 over REST, {queries:.1} queries over GraphQL"),
        ratio: "-".to_owned(),
        target: "-".to_owned(),
        met: None,
    })
}
