//! The archive of GitHub's traffic: views, visitors and clones of each day, which GitHub itself forgets after two
//! weeks.
//!
//! They are counts of the same name as the repository's badge, with separate events. A day is counted once, two days
//! later, when its numbers do not change any more. How far a repository was counted is a position of its name, in the same
//! transaction as the counts. Under which name that was is kept by GitHub's number of it, so a repository that is renamed
//! there is counted on from there. `github sync` and the daemon call this.

use anyhow::{Context, Result};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tallymark_core::{Batch, Counts, Day, Entry, Event, Name, Position, TRAFFIC_EVENTS, When};
use tallymark_github::{AccountName, KnownRepository, Statistics, TrafficDay};
use tallymark_ingest::{Errand, ErrandError, TRAFFIC_SOURCES, traffic_instance};
use tallymark_store::{Shelf, Shelved, Store};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use uuid::Uuid;

/// A day is final after so many.
const FINAL: i32 = 2;
/// How often the daemon looks. A repository that is up to date costs no call; one without traffic on the last final day,
/// two.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// The first time after its start.
const FIRST: Duration = Duration::from_secs(60);
/// Between two repositories.
const PAUSE: Duration = Duration::from_millis(200);

/// What was done.
#[derive(Debug, Default, Serialize)]
pub(crate) struct TrafficReport {
    /// Repositories to which a token may push.
    pub(crate) repositories: u64,
    /// Days that were counted now.
    pub(crate) days: u64,
    /// What they add up to.
    pub(crate) views: u64,
    /// People who looked, added up over days.
    pub(crate) uniques: u64,
    pub(crate) clones: u64,
    /// Repositories that failed.
    pub(crate) failed: u64,
    /// Repositories that another process counts at this moment.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) elsewhere: u64,
    /// Why, and how many for each reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) reasons: BTreeMap<String, u64>,
    /// Tokens that GitHub refuses, if it refuses all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused_tokens: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Under which name a repository was counted last, by GitHub's number of it.
pub(crate) const COUNTED_AS: Shelf = Shelf { name: "github-traffic", most: 1_000_000 };

/// One repository, and how far it was counted.
struct Archive<'a> {
    store: &'a Arc<dyn Store>,
    name: Name,
    instance: Uuid,
    errand: Errand,
    /// The last day of views, and of clones.
    counted: [Option<Day>; 2],
    /// Whether this name was counted as far as the one before.
    has_own: bool,
}

/// Counts what is new of every tracked account's repositories.
pub(crate) async fn sync(statistics: &Statistics, store: &Arc<dyn Store>) -> Result<TrafficReport> {
    let mut report = TrafficReport::default();
    for owner in statistics.tracked().list().await? {
        let Some(aged) = statistics.stored(&owner).await else { continue };
        if statistics.is_gone(&owner).await {
            continue;
        }
        for repository in aged.stats.known.iter().filter(|known| known.can_push) {
            report.repositories += 1;
            let spelt = format!("{}/{}", aged.stats.login, repository.name);
            match one(statistics, store, &owner, repository, &spelt, &mut report).await {
                Ok(false) => continue,
                Ok(true) => {}
                // It is the later one of two, and finds what the other has not counted.
                Err(error) if matches!(error.downcast_ref(), Some(ErrandError::Fenced)) => {
                    report.elsewhere += 1
                }
                Err(error) => {
                    report.failed += 1;
                    *report.reasons.entry(format!("{error:#}")).or_default() += 1;
                    debug!(repository = spelt, error = &*error as &dyn std::error::Error, "no traffic");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(report)
}

/// The same again and again, until `stop`.
pub(crate) async fn keep(statistics: Arc<Statistics>, store: Arc<dyn Store>, stop: CancellationToken) {
    let rounds = async {
        tokio::time::sleep(FIRST).await;
        loop {
            match sync(&statistics, &store).await {
                Ok(TrafficReport { days: 0, .. }) => {}
                Ok(TrafficReport { repositories, days, .. }) => info!(repositories, days, "traffic archived"),
                Err(error) => debug!(error = &*error as &dyn std::error::Error, "traffic was not archived"),
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    stop.run_until_cancelled(rounds).await;
}

/// Answers whether GitHub was asked.
async fn one(
    statistics: &Statistics,
    store: &Arc<dyn Store>,
    owner: &AccountName,
    repository: &KnownRepository,
    spelt: &str,
    report: &mut TrafficReport,
) -> Result<bool> {
    let name = Name::new(spelt).context("the repository's name cannot be counted")?;
    let last = Day(i32::try_from(statistics.now_in_seconds() / 86_400)?.saturating_sub(FINAL));
    let before = counted_as(store, repository).await?;
    let mut archive = Archive::open(store, name.clone(), before.as_ref()).await?;
    if archive.has_own && before.as_ref() != Some(&name) {
        count_as(store, repository, &name).await?;
    }
    if archive.counted.iter().all(|day| day.is_some_and(|day| day >= last)) {
        return Ok(false);
    }
    let traffic = statistics.traffic(owner, &repository.name).await?;
    if archive.add([&traffic.views, &traffic.clones], last, before.as_ref(), report).await? {
        // If this fails, it is done the next time.
        count_as(store, repository, &name).await?;
    }
    Ok(true)
}

async fn counted_as(store: &Arc<dyn Store>, repository: &KnownRepository) -> Result<Option<Name>> {
    let Some(id) = repository.id else { return Ok(None) };
    let kept = store.kept(COUNTED_AS, &id.to_string()).await?;
    Ok(kept.and_then(|kept| Name::new(&String::from_utf8(kept.value).ok()?).ok()))
}

async fn count_as(store: &Arc<dyn Store>, repository: &KnownRepository, name: &Name) -> Result<()> {
    let Some(id) = repository.id else { return Ok(()) };
    let thing = Shelved { at: 0, value: name.as_str().as_bytes().to_vec() };
    Ok(store.keep(COUNTED_AS, &id.to_string(), thing, None).await?)
}

impl Archive<'_> {
    /// The name before counts as much as this one: a repository may be renamed back, and then this one is behind.
    async fn open<'a>(store: &'a Arc<dyn Store>, name: Name, before: Option<&Name>) -> Result<Archive<'a>> {
        let own = counted(store, &name).await?;
        let earlier = match before {
            Some(before) => counted(store, before).await?,
            None => [None, None],
        };
        let counted = [own[0].max(earlier[0]), own[1].max(earlier[1])];
        // Only a name that is as far as the one before takes its place on the shelf.
        let has_own = own != [None, None] && own == counted;
        let instance = traffic_instance(&name);
        Ok(Archive { store, name, instance, errand: Errand::new(store.clone(), instance), counted, has_own })
    }

    /// Counts the days after those that are counted, up to `last`; whether there were any.
    async fn add(
        &mut self,
        rows: [&Vec<TrafficDay>; 2],
        last: Day,
        before: Option<&Name>,
        report: &mut TrafficReport,
    ) -> Result<bool> {
        let is_new = |at: usize, row: &&TrafficDay| {
            row.day <= last && self.counted[at].is_none_or(|counted| row.day > counted)
        };
        let new: [Vec<TrafficDay>; 2] =
            [0, 1].map(|at| rows[at].iter().filter(|row| is_new(at, row)).copied().collect());
        if new.iter().all(Vec::is_empty) {
            return Ok(false);
        }
        let marker = self.errand.claim().await?.marker;
        // Asked again under the claim: another process may have been faster.
        let again = Archive::open(self.store, self.name.clone(), before).await?;
        if again.counted != self.counted {
            return Ok(false);
        }
        let [views, clones] = &new;
        let mut entries = Vec::new();
        for (event, rows, of) in [
            (TRAFFIC_EVENTS[0], views, (|row| row.count) as fn(&TrafficDay) -> u64),
            (TRAFFIC_EVENTS[1], views, |row| row.uniques),
            (TRAFFIC_EVENTS[2], clones, |row| row.count),
        ] {
            let event = Event::new(event.as_bytes())?;
            entries.extend(rows.iter().filter(|row| of(row) > 0).map(|row| Entry {
                event,
                name: self.name.clone(),
                when: When::Day(row.day),
                count: of(row),
            }));
        }
        let positions = (0..2).filter_map(|at| {
            // Also of those that were counted under another name.
            let day = new[at].last().map(|row| row.day).or(self.counted[at])?;
            Some(Position { source: TRAFFIC_SOURCES[at].to_owned(), state: day.to_string() })
        });
        let positions: Vec<Position> = positions.collect();
        let counts = Counts { positions, ..Counts::folded(entries, Vec::new()) };
        self.errand.apply(&[Batch::of(self.instance, marker + 1, counts)]).await?;
        let sum = |rows: &[TrafficDay], of: fn(&TrafficDay) -> u64| rows.iter().map(of).sum::<u64>();
        let days: BTreeSet<Day> = views.iter().chain(clones).map(|row| row.day).collect();
        report.days += days.len() as u64;
        report.views += sum(views, |row| row.count);
        report.uniques += sum(views, |row| row.uniques);
        report.clones += sum(clones, |row| row.count);
        Ok(true)
    }
}

/// The last days of views and of clones that were counted under a name.
async fn counted(store: &Arc<dyn Store>, name: &Name) -> Result<[Option<Day>; 2]> {
    let positions = store.positions(Some(traffic_instance(name))).await?;
    Ok(TRAFFIC_SOURCES.map(|source| {
        let found = positions.iter().find(|(_, position)| position.source == source)?;
        Day::parse(found.1.state.as_bytes())
    }))
}
