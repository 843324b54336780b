//! The archive of GitHub's traffic: views, visitors and clones of each day, which GitHub itself forgets after two
//! weeks.
//!
//! They are counts of the same name as the repository's badge, with separate events. A day is counted once, two days
//! later, when its numbers do not change any more. How far a repository was counted is a position of its own, by GitHub's
//! number of it, in the same transaction as the counts: GitHub can give its name to another repository at any time, and a
//! correction can move its counts. `github sync` and the daemon call this.

use anyhow::{Context, Result};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tallymark_core::{Batch, Counts, Day, Entry, Event, Name, Position, TRAFFIC_EVENTS, When};
use tallymark_github::{AccountName, KnownRepository, Statistics, TrafficDay};
use tallymark_ingest::{Errand, ErrandError, import::named_instance};
use tallymark_store::Store;
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
    /// Why, of each that failed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) failures: BTreeMap<String, String>,
    /// Tokens that GitHub refuses, if it refuses all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused_tokens: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The positions of a repository: how far views, with their visitors, and clones were counted.
const SOURCES: [&str; 2] = ["traffic:views", "traffic:clones"];

/// One repository, and how far it was counted.
struct Archive<'a> {
    store: &'a Arc<dyn Store>,
    name: Name,
    instance: Uuid,
    errand: Errand,
    /// The last day of views, and of clones.
    counted: [Option<Day>; 2],
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
                    report.failures.insert(spelt.clone(), format!("{error:#}"));
                    debug!(repository = spelt, error = &*error as &dyn std::error::Error, "no traffic");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    for why in report.failures.values() {
        *report.reasons.entry(why.clone()).or_default() += 1;
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
    // Numbers that an earlier build kept are fetched again within the hour.
    let Some(id) = repository.id else { return Ok(false) };
    let name = Name::new(spelt).context("the repository's name cannot be counted")?;
    let last = Day(i32::try_from(statistics.now_in_seconds() / 86_400)?.saturating_sub(FINAL));
    let mut archive = Archive::open(store, name, named_instance(&format!("traffic:{id}"))).await?;
    if archive.counted.iter().all(|day| day.is_some_and(|day| day >= last)) {
        return Ok(false);
    }
    let traffic = statistics.traffic(owner, &repository.name).await?;
    archive.add([&traffic.views, &traffic.clones], last, report).await?;
    Ok(true)
}

impl Archive<'_> {
    async fn open(store: &Arc<dyn Store>, name: Name, instance: Uuid) -> Result<Archive<'_>> {
        let counted = counted(store, instance).await?;
        Ok(Archive { store, name, instance, errand: Errand::new(store.clone(), instance), counted })
    }

    /// Counts the days after those that are counted, up to `last`.
    async fn add(
        &mut self,
        rows: [&Vec<TrafficDay>; 2],
        last: Day,
        report: &mut TrafficReport,
    ) -> Result<()> {
        let is_new = |at: usize, row: &&TrafficDay| {
            row.day <= last && self.counted[at].is_none_or(|counted| row.day > counted)
        };
        let new: [Vec<TrafficDay>; 2] =
            [0, 1].map(|at| rows[at].iter().filter(|row| is_new(at, row)).copied().collect());
        if new.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let marker = self.errand.claim().await?.marker;
        // Asked again under the claim: another process may have been faster.
        if counted(self.store, self.instance).await? != self.counted {
            return Ok(());
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
            let day = new[at].last()?.day;
            Some(Position { source: SOURCES[at].to_owned(), state: day.to_string() })
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
        Ok(())
    }
}

/// The last days of views and of clones that were counted.
async fn counted(store: &Arc<dyn Store>, instance: Uuid) -> Result<[Option<Day>; 2]> {
    let positions = store.positions(Some(instance)).await?;
    Ok(SOURCES.map(|source| {
        let found = positions.iter().find(|(_, position)| position.source == source)?;
        Day::parse(found.1.state.as_bytes())
    }))
}
