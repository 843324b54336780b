//! One hit, followed from nginx to the file: requested, logged, counted, published, and not cached.

use super::finding::Findings;
use crate::{cli::health, config::Config, tailing::SOCKET};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, ErrorKind, Write},
    os::unix::{fs::MetadataExt, net::UnixStream},
    path::Path,
    time::{Duration, Instant, SystemTime},
};
use tallymark_core::{Event, Name};
use tallymark_github::{Ask, FetchError, Fetched, Outgoing, Redirects};
use tallymark_store::Store;
use tallymark_web::Listen;
use url::Url;

/// The name that counts these hits. It has an owner and a repository, because some set-ups take no other names.
const NAME: &str = "tallymark/doctor";
/// How long a line, its count, and its file may take each.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the line may take before a second hit is sent.
const FIRST: Duration = Duration::from_secs(3);
/// How often to look.
const AGAIN: Duration = Duration::from_millis(50);
/// No badge is larger.
const MOST: usize = 1 << 20;

pub(super) async fn check(
    config: &Config,
    url: Option<&str>,
    store: &dyn Store,
    findings: &mut Findings,
) -> Result<()> {
    let Some(public) = public(config, url, findings)? else { return Ok(()) };
    let name = Name::new(NAME)?;
    let outgoing = Outgoing::new(["0.0.0.0/0", "::/0"].iter().filter_map(|net| net.parse().ok()).collect());
    let before = store.total(Event::HIT, &name).await?;
    let file = config.badges.dir.join(format!("{}.svg", name.escaped()));
    let on_disk = look(&file);
    let mut lines = LiveView::listen(&config.data_dir)?;
    let Some(badge) = fetch(&outgoing, &public, &format!("badge.svg?repo={NAME}"), findings).await? else {
        return Ok(());
    };
    check_headers(&badge, findings)?;
    let mut seen = lines.wait(FIRST)?;
    if seen.is_none() {
        // The line after a restart is often lost: nginx's socket still has the refusal of the one before.
        get(&outgoing, &public.join(&format!("badge.svg?repo={NAME}"))?).await?;
        seen = lines.wait(PATIENCE)?.map(|seen| Arrival { again: true, ..seen });
    }
    let sent = if seen.as_ref().is_none_or(|seen| seen.again) { 2 } else { 1 };
    let source = tell_line(seen, findings)?;
    if !is_counted(store, &name, (before, sent), config.tick, findings).await? {
        return Ok(());
    }
    check_file((&file, on_disk), &outgoing, &public, source.as_deref(), findings).await?;
    check_private(&outgoing, &public, findings).await
}

/// Where to ask: as told, as the public does, or the daemon itself.
fn public(config: &Config, url: Option<&str>, findings: &mut Findings) -> Result<Option<Url>> {
    if let Some(url) = url.or(config.http.base_url.as_deref()) {
        return Ok(Some(Url::parse(&format!("{url}/"))?));
    }
    match &config.http.listen {
        Listen::Tcp(addr) => Ok(Some(Url::parse(&format!("http://{}/", health::reachable(*addr)[0]))?)),
        Listen::Unix(_) => {
            let fix = "set base-url under [http], or name nginx: tallymark doctor --url http://localhost";
            findings.fail(
                "badge",
                "there is no base-url, so it is not known where to ask for a badge",
                fix,
            )?;
            Ok(None)
        }
    }
}

async fn fetch(
    outgoing: &Outgoing,
    public: &Url,
    path: &str,
    findings: &mut Findings,
) -> Result<Option<Fetched>> {
    const CHECK: &str = "badge";
    let url = public.join(path).context("the address of a badge")?;
    let answer = get(outgoing, &url).await;
    match answer {
        Ok(answer) if answer.status.is_success() => {
            let server =
                answer.headers.get("server").and_then(|server| server.to_str().ok()).unwrap_or("a server");
            findings.pass(CHECK, format!("{url} is answered by {server}"))?;
            Ok(Some(answer))
        }
        Err(FetchError::Redirected(to)) => {
            let fix = "name the address that answers with --url, and put it into base-url";
            findings.fail(
                CHECK,
                format!("{url} is redirected {to}: some image proxies do not follow"),
                fix,
            )?;
            Ok(None)
        }
        Ok(answer) => {
            let fix = "does nginx use the configuration of tallymark nginx-conf, under this host name? nginx -T shows it";
            findings.fail(CHECK, format!("{url}: HTTP status {}", answer.status.as_u16()), fix)?;
            Ok(None)
        }
        Err(error) => {
            let fix = "name nginx's address with --url; is it running, and does a firewall let you through?";
            findings.fail(CHECK, format!("{url}: {error}"), fix)?;
            Ok(None)
        }
    }
}

async fn get(outgoing: &Outgoing, url: &Url) -> Result<Fetched, FetchError> {
    let ask = Ask {
        url: url.clone(),
        headers: Vec::new(),
        post: None,
        most: MOST,
        within: PATIENCE,
        redirects: Redirects::Here(0),
    };
    outgoing.fetch(&ask).await
}

/// Whether a cache may keep the picture. GitHub's does, unless it is told not to store it.
fn check_headers(badge: &Fetched, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "caching";
    let header =
        |name: &str| badge.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (kind, caching) = (header("content-type"), header("cache-control"));
    if !kind.starts_with("image/svg+xml") {
        let fix = "something in front answers in our place: compare with tallymark nginx-conf";
        return findings.fail("badge", format!("it is not a picture, but {kind:?}"), fix);
    }
    match caching.contains("no-store") {
        true => findings.pass(CHECK, "no-store: GitHub's image proxy and CDNs keep no copy"),
        false => findings.fail(
            CHECK,
            format!("Cache-Control is {caching:?}: GitHub's image proxy keeps a copy, so hits are missing and numbers old"),
            "remove what changes Cache-Control in front (expires, a CDN's rule)",
        ),
    }
}

/// What the daemon sees, as `tallymark tail` shows it.
struct LiveView {
    lines: BufReader<UnixStream>,
    /// What has come of the next line.
    begun: Vec<u8>,
}

impl LiveView {
    fn listen(data_dir: &Path) -> Result<LiveView> {
        let path = data_dir.join(SOCKET);
        let mut stream = UnixStream::connect(&path).map_err(|error| {
            anyhow::anyhow!(crate::user::cannot_look("the daemon's live view", &path, &error))
        })?;
        stream.write_all(b"all\n").context("asking the daemon")?;
        stream.set_read_timeout(Some(AGAIN))?;
        let mut lines = LiveView { lines: BufReader::new(stream), begun: Vec::new() };
        // The greeting: from here on no line is missed.
        let deadline = Instant::now() + PATIENCE;
        while lines.next()?.is_none() {
            ensure!(Instant::now() < deadline, "the daemon does not show what it sees within {PATIENCE:?}");
        }
        Ok(lines)
    }

    /// The next line, if one comes within a moment.
    fn next(&mut self) -> Result<Option<Value>> {
        match self.lines.read_until(b'\n', &mut self.begun) {
            Ok(0) => bail!(
                "the daemon's live view has no room for another reader; end one of them (tallymark tail)"
            ),
            Ok(_) => Ok(serde_json::from_slice(&std::mem::take(&mut self.begun)).ok()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(error).context("reading from the daemon"),
        }
    }

    /// Waits until the hit is seen.
    fn wait(&mut self, patience: Duration) -> Result<Option<Arrival>> {
        let asked = Instant::now();
        while asked.elapsed() < patience {
            let Some(line) = self.next()? else { continue };
            let source = line["source"].as_str().unwrap_or("?").to_owned();
            let took = asked.elapsed();
            if line["accepted"] == NAME && line["event"] == "hit" {
                return Ok(Some(Arrival { source, took, rejected: None, again: false }));
            }
            let is_ours = line["line"].as_str().is_some_and(|text| text.contains("doctor"));
            if let Some(reason) = line["rejected"].as_str().filter(|_| is_ours) {
                return Ok(Some(Arrival { source, took, rejected: Some(reason.to_owned()), again: false }));
            }
        }
        Ok(None)
    }
}

/// How the hit reached the daemon.
struct Arrival {
    source: String,
    took: Duration,
    /// Why it was rejected, if it was.
    rejected: Option<String>,
    /// The first one was lost.
    again: bool,
}

/// Tells how the hit came, and by which source if it was accepted.
fn tell_line(seen: Option<Arrival>, findings: &mut Findings) -> Result<Option<String>> {
    const CHECK: &str = "line";
    let Some(Arrival { source, took, rejected, again }) = seen else {
        findings.fail(
            CHECK,
            format!("no line of two hits has reached the daemon within {PATIENCE:?}"),
            "compare nginx's access_log with where the daemon listens (tallymark tail prints it); nginx's error log shows send() failed",
        )?;
        return Ok(None);
    };
    if let Some(reason) = rejected {
        let fix = "tallymark tail --rejected while you ask for a badge; tallymark help troubleshooting";
        findings.fail(CHECK, format!("the hit came by {source} and was rejected: {reason}"), fix)?;
        return Ok(None);
    }
    match again {
        true => findings.warn(
            CHECK,
            format!("the first hit did not arrive, the second came by {source}"),
            "the first line after a restart of the daemon is often lost; sockets held by systemd prevent it (tallymark help service)",
        )?,
        false => findings.pass(CHECK, format!("the hit came by {source}, {} ms after the answer", took.as_millis()))?,
    }
    Ok(Some(source))
}

/// Waits until the store has a hit, and not more than were sent.
async fn is_counted(
    store: &dyn Store,
    name: &Name,
    (before, sent): (i64, i64),
    tick: Duration,
    findings: &mut Findings,
) -> Result<bool> {
    const CHECK: &str = "count";
    let asked = Instant::now();
    let counted = async || Ok::<i64, anyhow::Error>(store.total(Event::HIT, name).await? - before);
    while counted().await? == 0 && asked.elapsed() < PATIENCE {
        tokio::time::sleep(AGAIN).await;
    }
    // One too many would follow with the next tick.
    tokio::time::sleep(tick + 2 * AGAIN).await;
    let counted = counted().await?;
    match counted {
        0 => findings.fail(CHECK, "the store does not have the hit", "tallymark health --ready")?,
        _ if counted <= sent => findings.pass(CHECK, format!("the store has {counted} more of {NAME}"))?,
        _ => findings.fail(
            CHECK,
            format!("the store has {counted} more of {NAME}, and only {sent} sent"),
            "if no other doctor runs: nginx logs each request twice (two access_log), or two sources read it",
        )?,
    }
    Ok(counted > 0)
}

/// When a file was written, and its inode: the publisher makes a new one each time.
fn look(file: &Path) -> Option<(SystemTime, u64)> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.ino()))
}

/// Waits for the file, and sees whether it is what the public gets.
async fn check_file(
    (file, before): (&Path, Option<(SystemTime, u64)>),
    outgoing: &Outgoing,
    public: &Url,
    source: Option<&str>,
    findings: &mut Findings,
) -> Result<()> {
    const CHECK: &str = "file";
    let (asked, shown) = (Instant::now(), file.display());
    while look(file) == before {
        if asked.elapsed() > PATIENCE {
            let fix = "if a timer publishes, it does so later: systemctl list-timers tallymark-render. Else: tallymark render";
            return findings.warn(CHECK, format!("{shown} was not written within {PATIENCE:?}"), fix);
        }
        tokio::time::sleep(AGAIN).await;
    }
    findings.pass(CHECK, format!("{shown} is written"))?;
    if source == Some("http") {
        return findings.pass("served", "the daemon answers by itself; nginx would serve the file faster");
    }
    let url = public.join(&format!("badge.svg?repo={NAME}&count=false"))?;
    let on_disk = std::fs::read(file).unwrap_or_default();
    let is_file = get(outgoing, &url).await.is_ok_and(|answer| answer.body == on_disk);
    match is_file {
        true => findings.pass("served", "the public gets that file"),
        false => findings.warn(
            "served",
            format!(
                "what the public gets is not {shown}: a cache in front, or another badges-dir in nginx's root"
            ),
            "compare nginx's root with badges-dir: tallymark nginx-conf",
        ),
    }
}

/// Metrics and health are not for the public.
async fn check_private(outgoing: &Outgoing, public: &Url, findings: &mut Findings) -> Result<()> {
    let url = public.join("metrics")?;
    // The daemon itself answers on this machine; that is what it is for.
    let is_here = matches!(public.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match get(outgoing, &url).await {
        Ok(answer) if answer.status.is_success() && !is_here => {
            let fix = "forward everything but /metrics, /healthz and /readyz: tallymark help proxies";
            findings.warn("private", format!("{url} is open to everybody"), fix)
        }
        _ => Ok(()),
    }
}
