//! `tallymark import badge`: the number of an old badge, from its address or a file, as hits of a name here.
//! `tallymark set --base` comes here with the number.
//!
//! The import is a correction, and in the log of corrections: `tallymark undo` reverses it. The store remembers how
//! much of a name came from an old badge, so the same number counts once, and a larger one later adds the difference.

use super::{
    CommonFlags, Misuse, block_on, correct, corrections, import,
    old_number::{event_of, number_of, whole},
    out, show,
};
use crate::{config::Config, home, user};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};
use tallymark_badge::reading::{LARGEST_SVG, NotRead, number_in};
use tallymark_core::{Day, Event, Name, read_other_badge};
use tallymark_github::{Ask, Fetched, Outgoing, Redirects};
use tallymark_ingest::{Corrector, OldBadgeBrought, OldBadgeNumber, source::now};
use tallymark_web::{ICON, Listen};
use thousands::Separable;
use url::{Host, Url};
use uuid::Uuid;

/// How many days back hits count without `--date`: out of every period that a badge shows.
const USUAL_DAYS: i32 = 400;
/// As much as the parameter `base` may add. Far more would leave no room in the sum over all names.
const LARGEST_BASE: u64 = 1_000_000_000_000_000;
/// For fetching a badge. Some counters take long.
const WITHIN: Duration = Duration::from_secs(30);
/// Counts the number of an old badge as hits of a name, once: the same number again adds nothing, and a larger one adds
/// the difference. Reads an SVG, JSON for shields.io, or other JSON with the number in it. Fetching an old badge may
/// add one to the old counter.
#[derive(Debug, Args)]
pub(super) struct ImportBadge {
    /// The address of the old badge, a file with its SVG or JSON, or its number.
    #[arg(value_name = "URL|FILE|NUMBER")]
    pub(super) from: String,
    /// The name to count for. Without it, the name in the address, if Tallymark knows that counter.
    #[arg(long, value_parser = name)]
    pub(super) name: Option<Name>,
    /// What happened to it.
    #[arg(long, default_value = "hit", value_parser = show::event_to_write)]
    pub(super) event: Event,
    /// The day on which the hits count. By default 400 days ago, so that they are in the total and in no recent period.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(super) date: Option<Day>,
    /// Only show the number, and what would be added.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Why, for the log of corrections.
    #[arg(long, value_name = "TEXT", value_parser = correct::reason)]
    pub(super) reason: Option<String>,
}

/// A name that is none of the aggregates.
pub(super) fn name(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|error| error.to_string())
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text.as_bytes())
        .filter(|day| *day <= now().day())
        .ok_or_else(|| "write a day that is not in the future, like 2020-12-31".to_owned())
}

/// What was done.
#[derive(Serialize)]
struct BadgeReport {
    name: String,
    event: String,
    number: u64,
    /// What came from an old badge before.
    before: u64,
    added: u64,
    /// Of the name, with what was added.
    total: i64,
    date: String,
    dry_run: bool,
    /// The correction; none if nothing was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
}

impl ImportBadge {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        if self.from.trim().is_empty() {
            return Err(Misuse::because(
                "the first argument is empty: give the address of the old badge, a file with its SVG or JSON, or its number",
            ));
        }
        let config = common.load()?;
        let url = Url::parse(&self.from).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let name = match (&self.name, &url) {
            (Some(name), _) => name.clone(),
            (None, Some(url)) => name_in(url)
                .ok_or_else(|| Misuse::because("the address does not say for which name: add --name NAME"))?,
            (None, None) => {
                let usual = || "add --name NAME: the name to count for".to_owned();
                return Err(Misuse::because(address_like(&self.from).unwrap_or_else(usual)));
            }
        };
        if let (None, Some(what)) = (&url, address_like(&self.from)) {
            return Err(Misuse::because(what));
        }
        if let Some(why) = url.as_ref().and_then(|url| other_number(url, self.event)) {
            return Err(Misuse::because(format!("{why}; nothing was counted")));
        }
        if !self.dry_run {
            user::may_write_store(&config.store)?;
        }
        block_on(async {
            let number = self.number(url, &name, &config).await?;
            let asked = OldBadgeNumber {
                name,
                event: self.event,
                number,
                day: self.date.unwrap_or(Day(now().day().0 - USUAL_DAYS)),
                by: correct::by(),
                reason: self.reason,
            };
            let none = self.dry_run && common.existing_store(&config).await.is_err();
            let brought = if none {
                let total = i64::try_from(number).unwrap_or(i64::MAX);
                OldBadgeBrought { before: 0, added: number, total, record: None }
            } else {
                let store = import::open_store(&config, self.dry_run).await?;
                let corrector = Corrector::new(store.clone());
                let bring = async { corrector.bring(&asked, self.dry_run).await.map_err(correct::why) };
                home::remembering(&config, (!self.dry_run).then_some(&store), bring).await?
            };
            let report = BadgeReport {
                name: asked.name.as_str().to_owned(),
                event: self.event.as_str().to_owned(),
                number,
                before: brought.before,
                added: brought.added,
                total: brought.total,
                date: asked.day.to_string(),
                dry_run: self.dry_run,
                id: brought.record.map(|record| record.id).filter(|_| !self.dry_run),
            };
            if common.json { out::json(&report) } else { out::print(&people(&report)) }
        })
    }

    async fn number(&self, url: Option<Url>, name: &Name, config: &Config) -> Result<u64> {
        let by_hand =
            |number: &str| format!("`tallymark import badge {number} --name {}`", out::word(name.as_str()));
        let is_number = !self.from.is_empty() && self.from.bytes().all(|b| b.is_ascii_digit());
        // 1,234 is not a file, and 12k is no count.
        if url.is_none() && !is_number && !Path::new(&self.from).exists() {
            let is_number = self.from.starts_with(|c: char| c.is_ascii_digit());
            match number_in(&self.from) {
                _ if !is_number => {}
                Ok(number) => {
                    let why = format!("write the number in digits alone: {}", by_hand(&number.to_string()));
                    return Err(Misuse::because(why));
                }
                Err(NotRead::Shortened(short)) => {
                    let why = format!(
                        "{} is shortened: write the whole number, as in {}",
                        out::plain(&short),
                        by_hand("1234")
                    );
                    return Err(Misuse::because(why));
                }
                Err(_) => {}
            }
        }
        let text = match url {
            Some(url) => fetch_badge(url, config).await,
            None if is_number => Ok(self.from.clone()),
            None if !Path::new(&self.from).exists() => Err(anyhow!("there is no such file")),
            None => read(Path::new(&self.from), LARGEST_SVG),
        };
        let from = out::plain(&self.from);
        let number = text.and_then(|text| {
            let number = if is_number { whole(&text) } else { number_of(&text) };
            if let (Ok(number), Some(shown)) = (&number, event_of(&text).filter(|shown| *shown != self.event)) {
                let as_asked = by_hand(&number.to_string());
                bail!(
                    "it shows {}, and {} are asked for: add --event {shown}, or ask for the badge of the total. If \
                     they are the same to you, give the number itself: {as_asked}",
                    out::counted(*number, shown.as_str()),
                    self.event.noun(0)
                );
            }
            number.map_err(|error| {
                match error.downcast_ref::<NotRead>() {
                    // The digits of some are pictures, and a name can look like an error message.
                    Some(
                        NotRead::NoNumber | NotRead::Shortened(_) | NotRead::Several(..) | NotRead::Mistake(_),
                    ) => {
                        anyhow!("{error}. Look at it, and give the number itself: {}", by_hand("1234"))
                    }
                    _ => error,
                }
            })
        });
        let number = number.with_context(|| format!("reading the number of {from}; nothing was counted"))?;
        if number > LARGEST_BASE {
            // A typed number may have more digits than fit: it is shown as it was typed.
            let shown = if is_number { out::plain(&self.from) } else { number.separate_with_commas() };
            bail!(
                "{shown} is more than {}, the most that an old badge can have: nothing was counted",
                LARGEST_BASE.separate_with_commas()
            );
        }
        Ok(number)
    }
}

/// What to do about a text that is no file, and looks like an address that is not fetched.
fn address_like(from: &str) -> Option<String> {
    if Path::new(from).exists() {
        return None;
    }
    if let Some((scheme, _)) = from.split_once("://") {
        let is_fetched = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        return Some(match Url::parse(from) {
            Err(why) if is_fetched => format!("{} is not an address: {why}", out::plain(from)),
            _ => "only addresses that begin with https:// or http:// are fetched".to_owned(),
        });
    }
    let (host, _) = from.split_once('/')?;
    let is_host =
        host.contains('.') && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b));
    (is_host && !host.starts_with('.'))
        .then(|| "there is no such file; if it is an address, write https:// before it".to_owned())
}

/// The name that the address of a counter contains, or the badge of a site that runs Tallymark or ghit.me.
fn name_in(url: &Url) -> Option<Name> {
    let ends = [".shields.json", ".json", ".svg", ".png"];
    // What shields.io draws from such an address is a text, not a count.
    let is_shields = url.host_str().is_some_and(|host| host.ends_with("shields.io"));
    let badge = url.path().split_once("/badge/").map(|(_, rest)| rest).filter(|_| !is_shields);
    if let Some(raw) = badge.and_then(|rest| ends.iter().find_map(|end| rest.strip_suffix(end))) {
        return Name::new(&percent_decode_str(raw).decode_utf8().ok()?).ok();
    }
    if url.path().ends_with("/badge.svg")
        && let Some((_, repo)) = url.query_pairs().find(|(key, _)| key == "repo")
    {
        return Name::new(&repo).ok();
    }
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut bytes = Vec::new();
    read_other_badge(target.as_bytes(), &mut bytes).ok()?;
    Name::new(std::str::from_utf8(&bytes).ok()?).ok()
}

/// Where our icon would be, if an address leads to the daemon of this configuration: by its public address, or by its socket
/// on this machine.
fn own_icon(url: &Url, config: &Config) -> Option<Url> {
    const PATH: &str = "/assets/icon.svg";
    let site = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    let base = config.http.base_url.as_deref().unwrap_or_default();
    if Url::parse(base).is_ok_and(|public| site(&public) == site(url)) {
        return Url::parse(&format!("{}{PATH}", base.trim_end_matches('/'))).ok();
    }
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let port = match config.http.listen {
        Listen::Tcp(address) => Some(address.port()),
        _ => None,
    };
    (is_here && port == url.port_or_known_default()).then(|| url.join(PATH).ok()).flatten()
}

/// What an address asks for that is not the total of the event, and what to change in it.
fn other_number(url: &Url, event: Event) -> Option<String> {
    let path = url.path();
    if let Some(why) = added(url) {
        return Some(why);
    }
    let is_chart = path.contains("/graph/") || path.ends_with("/graph.svg");
    let is_badge = path.contains("/badge/") || path.ends_with("/badge.svg");
    if is_chart {
        return Some(
            "that is the address of a chart: the badge of the total is at /badge/NAME.svg".to_owned(),
        );
    }
    let given = |key: &str| {
        let mut pairs = url.query_pairs().filter(|(known, _)| known.eq_ignore_ascii_case(key));
        pairs.next().map(|(_, value)| value.into_owned()).filter(|value| is_badge && !value.is_empty())
    };
    if let Some(period) = given("period").filter(|period| period != "total") {
        return Some(format!("period={} is a part of the total: leave it out", out::plain(&period)));
    }
    if let Some(other) = given("event").filter(|other| other != event.as_str()) {
        return Some(format!(
            "event={0} is another number: add --event {0}, or leave it out",
            out::plain(&other)
        ));
    }
    let shown = given("show")?;
    let of_event = |word: &str| word == event.noun(0) || given("event").is_none() && word == event.as_str();
    let is_total = |word: &str| word == "total" || of_event(word);
    let words: Vec<&str> = shown.split(',').map(str::trim).collect();
    let parts = ["today", "24h", "7d", "30d", "month", "year"];
    match words.as_slice() {
        [word] if is_total(word) => None,
        // The larger one is the total.
        [one, other] if is_total(one) && parts.contains(other) || is_total(other) && parts.contains(one) => {
            None
        }
        _ => {
            let shown = out::plain(&shown);
            Some(format!("show={shown} does not show the total of {}: leave it out", event.noun(0)))
        }
    }
}

/// What an address of any counter shows in place of a count, or adds to it.
fn added(url: &Url) -> Option<String> {
    let path = url.path();
    if path.ends_with("/@demo") {
        return Some("@demo shows every digit, and counts nothing".to_owned());
    }
    // One name is asked for, and this is the sum of many.
    if path.ends_with("/sum.svg") || path.ends_with("/sum.png") {
        return Some("that is the sum of several names: import the badge of each".to_owned());
    }
    let is_moe = path.contains("/@");
    let is_it = |key: &str| {
        ["base", "extraCount"].iter().any(|known| known.eq_ignore_ascii_case(key))
            || is_moe && key.eq_ignore_ascii_case("num")
    };
    let has_number = |text: &str| text.trim().bytes().any(|b| b != b'0');
    let (key, number) = url.query_pairs().find(|(key, number)| is_it(key) && has_number(number))?;
    let (key, number) = (out::plain(&key), out::plain(&number));
    Some(match is_moe && key.eq_ignore_ascii_case("num") {
        true => format!("{key}={number} is shown in place of the count: leave it out"),
        false => format!("{key}={number} is added to what was counted: leave it out"),
    })
}

/// The text of an old badge. An old counter may have had our address, so the answer says whether it is ours.
async fn fetch_badge(url: Url, config: &Config) -> Result<String> {
    // Nothing in a badge says who drew it, but pages of Tallymark have an icon. The badge itself would count its fetching.
    if let Some(icon) = own_icon(&url, config)
        && answer(icon, LARGEST_SVG, config)
            .await
            .is_ok_and(|answer| answer.status.is_success() && answer.body == ICON)
    {
        bail!(
            "the badge is drawn by this Tallymark, so its hits are counted already. If an old counter had this address, \
             give the number that it showed"
        );
    }
    fetch(url, LARGEST_SVG, config).await
}

/// The text at an address, if it has no more than so many bytes.
pub(super) async fn fetch(url: Url, most: usize, config: &Config) -> Result<String> {
    text_of(&answer(url, most, config).await?)
}

async fn answer(url: Url, most: usize, config: &Config) -> Result<Fetched> {
    let ask =
        Ask { url, headers: Vec::new(), post: None, most, within: WITHIN, redirects: Redirects::Anywhere(3) };
    Ok(Outgoing::new(config.outgoing_allow.clone()).fetch(&ask).await?)
}

fn text_of(answer: &Fetched) -> Result<String> {
    if !answer.status.is_success() {
        bail!("the answer is {}", answer.status);
    }
    let text = String::from_utf8(answer.body.to_vec()).map_err(|_| anyhow!("the answer is not text"))?;
    some(text, "the answer")
}

/// The text of a file, if it has no more than so many bytes.
pub(super) fn read(file: &Path, most: usize) -> Result<String> {
    if file.is_dir() {
        bail!("it is a directory: name a file in it");
    }
    let mut text = String::new();
    let read = File::open(file)?.take(most as u64 + 1).read_to_string(&mut text);
    let length = read.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => anyhow!("it is not text"),
        _ => error.into(),
    })?;
    if length > most {
        bail!("it is larger than what is expected there ({} bytes)", most.separate_with_commas());
    }
    some(text, "the file")
}

fn some(text: String, what: &str) -> Result<String> {
    if text.trim().is_empty() {
        bail!("{what} is empty");
    }
    Ok(text)
}

fn people(report: &BadgeReport) -> String {
    let BadgeReport { number, before, added, total, date, .. } = report;
    let (name, number) = (out::plain(&report.name), number.separate_with_commas());
    let hits = out::counted(*added, &report.event);
    let in_all = match before {
        0 => String::new(),
        _ => format!(", {number} from the old badge in all"),
    };
    let mut text = match (added, report.dry_run) {
        (0, _) if report.number == 0 => format!("{name}: nothing to add: the number of the old badge is 0\n"),
        (0, _) => format!("{name}: nothing to add: {number} from the old badge were counted before\n"),
        (_, true) => format!("{name}: would count {hits} on {date}{in_all}; nothing was written\n"),
        (_, false) => format!("{name}: counted {hits} on {date}{in_all}\n"),
    };
    let brought = before.saturating_add(*added);
    if let Ok(total) = u64::try_from(*total)
        && total < brought
    {
        text += &format!(
            "note: the total is only {}, because it was lowered since then: `tallymark corrections` says by what\n",
            total.separate_with_commas()
        );
    }
    if let Some(id) = report.id {
        text += &corrections::way_back(id);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_that_asks_for_another_number_is_refused() {
        let why = |address: &str, event| {
            other_number(&Url::parse(&format!("https://hits.example.org{address}")).unwrap(), event)
        };
        for (address, event) in [
            ("/badge/o/r.svg", Event::HIT),
            ("/badge.svg?repo=o/r&show=total&period=total", Event::HIT),
            ("/badge/o/r.svg?show=today,total", Event::HIT),
            ("/badge/o/r.svg?show=hits", Event::HIT),
            ("/badge/o/r.svg?show=visits", Event::VISIT),
            ("/badge/o/r.svg?event=like&show=total,7d", Event::LIKE),
            ("/o/r.svg?show=unique&period=30d", Event::HIT),
            ("/@o?num=0&theme=rule34", Event::HIT),
            ("/ghpvc/?username=o&base=0&num=3", Event::HIT),
        ] {
            assert_eq!(why(address, event), None, "{address}");
        }
        for (address, says) in [
            ("/badge/o/r.svg?period=30d", "period=30d is a part of the total"),
            ("/badge/o/r.svg?show=visits", "does not show the total of hits"),
            ("/badge/o/r.svg?show=hits,visits", "does not show the total of hits"),
            ("/badge/o/r.svg?show=30d", "does not show the total of hits"),
            ("/badge.svg?repo=o/r&SHOW=today,7d", "does not show the total of hits"),
            ("/badge/o/r.svg?event=like", "add --event like"),
            ("/base/graph/o/r.svg", "address of a chart"),
            ("/graph.svg?name=a", "address of a chart"),
            ("/@demo", "counts nothing"),
            ("/get/@demo?theme=x", "counts nothing"),
            ("/@w16?num=55", "num=55 is shown in place of the count"),
            ("/ghpvc/?username=x-y&base=7", "base=7 is added to what was counted"),
            ("/github.com/o/r.svg?extraCount=10", "extraCount=10 is added to what was counted"),
            ("/badge/o/r.svg?base=7", "base=7 is added to what was counted"),
            ("/sum.svg?of=octo/*", "the sum of several names"),
        ] {
            assert!(why(address, Event::HIT).is_some_and(|why| why.contains(says)), "{address}");
        }
    }

    #[test]
    fn address_of_a_counter_says_the_name() {
        for (url, name) in [
            ("https://komarev.com/ghpvc/?username=Octocat&color=red", Some("octocat")),
            ("https://hits.sh/github.com/o/r.svg", Some("github.com/o/r")),
            ("https://visitor-badge.laobi.icu/badge?page_id=a.b", Some("a.b")),
            ("https://hits.dwyl.com/o/r.svg", Some("o/r")),
            ("https://img.shields.io/badge/x.svg", None),
            ("https://example.org/c/badge/o%2Fr.shields.json?style=flat", Some("o/r")),
            ("https://ghit.me/badge.svg?repo=o/r", Some("o/r")),
        ] {
            let found = name_in(&Url::parse(url).unwrap());
            assert_eq!(found.as_ref().map(Name::as_str), name, "{url}");
        }
    }
}
