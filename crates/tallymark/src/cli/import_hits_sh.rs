//! `tallymark import hits-sh`: what hits.sh has counted, day by day.

use super::{CommonFlags, Misuse, block_on, import, import_badge, out, show};
use crate::{home, user};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde::Serialize;
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tallymark_core::{Day, Event, Name, hits_sh_page, read_other_badge};
use tallymark_ingest::{
    Errand,
    import::hits_sh::{HitsShDays, hits_sh_instance, hits_sh_known},
    source::now,
};
use tallymark_store::Store;
use thousands::Separable;
use url::Url;

/// The largest answer: a counter that is a hundred years old.
const LARGEST: usize = 4 << 20;
/// Where hits.sh tells what it has counted.
const API: &str = "/api/urns/";

/// Counts what hits.sh has counted on each day, once: run it again and it adds what has come since. It asks
/// /api/urns/HOST/PATH of that server, which does not count. hits.sh has nothing finer than days, and no export of several
/// counters; a number that was moved there from another counter (`extraCount`) is not in it. See `tallymark help moving`.
#[derive(Debug, Args)]
pub(super) struct ImportHitsSh {
    /// The address of the badge or of its page, or a file with the answer of /api/urns/HOST/PATH.
    #[arg(value_name = "URL|FILE")]
    from: String,
    /// The name to count for. Without it, HOST/PATH of the address.
    #[arg(long, value_parser = import_badge::name)]
    name: Option<Name>,
    /// What happened to it.
    #[arg(long, default_value = "hit", value_parser = show::event)]
    event: Event,
    /// Only show what would be added.
    #[arg(long)]
    dry_run: bool,
}

/// What was done.
#[derive(Serialize)]
struct HitsShReport {
    name: String,
    event: String,
    /// What hits.sh has counted.
    number: u64,
    /// Of it, what came here before.
    before: u64,
    added: u64,
    first: Option<String>,
    last: Option<String>,
    dry_run: bool,
}

impl ImportHitsSh {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        let url = Url::parse(&self.from).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let page = url.as_ref().map(|url| urn(url).ok_or_else(no_counter)).transpose()?;
        let name = match (&self.name, &page) {
            (Some(name), _) => name.clone(),
            (None, Some(page)) => Name::of(self.event, page).map_err(|error| anyhow!("{page:?}: {error}"))?,
            (None, None) => return Err(Misuse::because("add --name NAME: the name to count for")),
        };
        if !self.dry_run {
            user::may_write_store(&config.store)?;
        }
        block_on(async {
            let text = match (&url, &page) {
                (Some(url), Some(page)) => import_badge::fetch(api(url, page), LARGEST, &config).await,
                _ => import_badge::read(Path::new(&self.from), LARGEST),
            };
            let days = text.and_then(|text| Ok(HitsShDays::read(text.as_bytes(), now().day())?));
            let days = days.with_context(|| {
                format!(
                    "reading what hits.sh has counted from {}; nothing was counted",
                    out::plain(&self.from)
                )
            })?;
            let none = self.dry_run && common.existing_store(&config).await.is_err();
            let (before, since) = match none {
                true => (0, days.since(None)?),
                false => {
                    let store = import::open_store(&config, self.dry_run).await?;
                    let count = self.count(&days, &name, &store);
                    home::remembering(&config, (!self.dry_run).then_some(&store), count).await?
                }
            };
            let (first, last) =
                days.span().map(|(first, last)| (first.to_string(), last.to_string())).unzip();
            let report = HitsShReport {
                name: name.as_str().to_owned(),
                event: self.event.as_str().to_owned(),
                number: days.total(),
                before,
                added: since.values().sum(),
                first,
                last,
                dry_run: self.dry_run,
            };
            if common.json { out::json(&report) } else { out::print(&people(&report)) }
        })
    }

    /// What came from there before, and what is added now.
    async fn count(
        &self,
        days: &HitsShDays,
        name: &Name,
        store: &Arc<dyn Store>,
    ) -> Result<(u64, BTreeMap<Day, u64>)> {
        let instance = hits_sh_instance(self.event, name);
        let mut errand = Errand::new(store.clone(), instance);
        // Read under the claim: whoever else brings this counter is refused from then on.
        let seq = if self.dry_run { 0 } else { errand.claim().await.map_err(import::why)?.marker + 1 };
        let known = hits_sh_known(self.event, name, &store.positions(Some(instance)).await?)?;
        let since = days.since(known)?;
        if !self.dry_run && !since.is_empty() {
            let batch = days.batch((self.event, name), (instance, seq), &since, now().day());
            errand.apply(&[batch]).await.map_err(import::why)?;
            import::warn_of_quarantined(&errand);
        }
        Ok((known.map_or(0, |known| known.total()), since))
    }
}

fn no_counter() -> anyhow::Error {
    Misuse::because(
        "the address is not that of a counter at hits.sh. Those are https://hits.sh/HOST/PATH.svg, its page \
         https://hits.sh/HOST/PATH/ and https://hits.sh/api/urns/HOST/PATH",
    )
}

/// HOST/PATH, from the address of a badge, of its page, or of the answer itself.
fn urn(url: &Url) -> Option<String> {
    let path = match url.path().strip_prefix(API) {
        Some(urn) => format!("/{}/", urn.trim_end_matches('/')),
        None => url.path().to_owned(),
    };
    let mut badge = Vec::new();
    let page = match path.ends_with(".svg") {
        true => read_other_badge(path.as_bytes(), &mut badge).ok().map(|_| badge),
        false => hits_sh_page(path.as_bytes()).or_else(|| hits_sh_page(format!("{path}/").as_bytes())),
    };
    page.and_then(|page| String::from_utf8(page).ok())
}

fn api(url: &Url, urn: &str) -> Url {
    let mut api = url.clone();
    api.set_query(None);
    api.set_fragment(None);
    if let Ok(mut path) = api.path_segments_mut() {
        path.clear().extend(["api", "urns"]).extend(urn.split('/'));
    }
    api
}

fn people(report: &HitsShReport) -> String {
    let HitsShReport { name, event, number, before, added, dry_run, .. } = report;
    let (name, number) = (out::plain(name), number.separate_with_commas());
    let hits = out::counted(*added, event);
    let span = match (&report.first, &report.last) {
        (Some(first), Some(last)) => format!(" from {first} to {last}"),
        _ => String::new(),
    };
    let before = before.separate_with_commas();
    match (added, dry_run) {
        (0, _) => {
            format!("{name}: nothing to add: hits.sh has {number}{span}, and {before} came here before\n")
        }
        (_, true) => format!("{name}: would count {hits}; hits.sh has {number}{span}; nothing was written\n"),
        (_, false) => format!("{name}: counted {hits}; hits.sh has {number}{span}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_counter_lead_to_its_days() {
        for address in [
            "https://hits.sh/github.com/o/r.svg?style=flat",
            "https://hits.sh/github.com/o/r/",
            "https://hits.sh/github.com/o/r",
            "https://hits.sh/api/urns/github.com/o/r",
        ] {
            let url = Url::parse(address).unwrap();
            let urn = urn(&url).unwrap();
            assert_eq!(urn, "github.com/o/r", "{address}");
            assert_eq!(api(&url, &urn).as_str(), "https://hits.sh/api/urns/github.com/o/r", "{address}");
        }
        let url = Url::parse("http://127.0.0.1:8080/example.org/caf%C3%A9%20x.svg").unwrap();
        assert_eq!(urn(&url).as_deref(), Some("example.org/café x"));
        assert_eq!(
            api(&url, "example.org/café x").as_str(),
            "http://127.0.0.1:8080/api/urns/example.org/caf%C3%A9%20x"
        );
        for address in ["https://hits.sh/", "https://hits.sh/api/urns/", "https://hits.sh/o/r.svg/x/"] {
            assert_eq!(urn(&Url::parse(address).unwrap()), None, "{address}");
        }
    }
}
