//! How often a repository was viewed and cloned. GitHub reveals only the last 14 days, and only to accounts that can
//! push to the repository. The binary decides what is kept.

use crate::{AccountName, api::GithubApi, error::GithubError, stats::MOST};
use hyper::StatusCode;
use serde::Deserialize;
use tallymark_core::Day;

/// GitHub tells of 14 days; two more, because its clock and ours may differ.
const DAYS: i32 = 16;

/// One day of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficDay {
    /// Which one, in UTC.
    pub day: Day,
    /// How often.
    pub count: u64,
    /// By how many people.
    pub uniques: u64,
}

/// The last days of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryTraffic {
    /// Looks at its pages.
    pub views: Vec<TrafficDay>,
    /// Clones.
    pub clones: Vec<TrafficDay>,
}

#[derive(Deserialize)]
struct ViewsJson {
    views: Vec<TrafficDayJson>,
}

#[derive(Deserialize)]
struct ClonesJson {
    clones: Vec<TrafficDayJson>,
}

#[derive(Deserialize)]
struct TrafficDayJson {
    timestamp: String,
    count: u64,
    uniques: u64,
}

/// Asks GitHub.
pub(crate) async fn measure(
    api: &GithubApi,
    owner: &AccountName,
    repository: &str,
) -> Result<RepositoryTraffic, GithubError> {
    // It becomes part of an address.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if matches!(repository, "" | "." | "..") || !repository.bytes().all(plain) {
        return Err(GithubError::Absurd("the name of a repository"));
    }
    let today = Day(i32::try_from(api.seconds() / 86_400).unwrap_or(i32::MAX));
    let path = |what: &str| format!("repos/{owner}/{repository}/traffic/{what}");
    // Without permission to push, GitHub answers as if there were nothing.
    let right = |why| match why {
        GithubError::Nobody | GithubError::Status(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) => {
            GithubError::NoRight
        }
        other => other,
    };
    let views = api.get(owner, &path("views"), None).await.map_err(right)?.body;
    let clones = api.get(owner, &path("clones"), None).await.map_err(right)?.body;
    let ViewsJson { views } = serde_json::from_slice(&views.unwrap_or_default())?;
    let ClonesJson { clones } = serde_json::from_slice(&clones.unwrap_or_default())?;
    Ok(RepositoryTraffic { views: read(views, today)?, clones: read(clones, today)? })
}

/// The days in their order, each once.
fn read(rows: Vec<TrafficDayJson>, today: Day) -> Result<Vec<TrafficDay>, GithubError> {
    let absurd = || GithubError::Absurd("a day of a repository's traffic");
    let mut days = Vec::new();
    for TrafficDayJson { timestamp, count, uniques } in rows {
        let day = timestamp.split_once('T').and_then(|(day, _)| Day::parse(day.as_bytes()));
        let day = day.filter(|day| (today.0 - DAYS..=today.0).contains(&day.0)).ok_or_else(absurd)?;
        if count > MOST || uniques > count {
            return Err(absurd());
        }
        days.push(TrafficDay { day, count, uniques });
    }
    days.sort_by_key(|row| row.day);
    let is_twice = days.windows(2).any(|two| two[0].day == two[1].day);
    if is_twice { Err(absurd()) } else { Ok(days) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(timestamp: &str, count: u64, uniques: u64) -> TrafficDayJson {
        TrafficDayJson { timestamp: timestamp.to_owned(), count, uniques }
    }

    #[test]
    fn days_that_cannot_be_true_are_refused() {
        let today = Day::from_date(2026, 11, 20).unwrap();
        let days =
            read(vec![row("2026-11-19T00:00:00Z", 9, 2), row("2026-11-07T00:00:00Z", 0, 0)], today).unwrap();
        assert_eq!((days[0].day.to_string(), days[1].count), ("2026-11-07".to_owned(), 9));
        for wrong in [
            row("2026-11-21T00:00:00Z", 1, 1),
            row("2026-10-01T00:00:00Z", 1, 1),
            row("2026-11-19", 1, 1),
            row("yesterday", 1, 1),
            row("2026-11-19T00:00:00Z", 1, 2),
            row("2026-11-19T00:00:00Z", MOST + 1, 1),
        ] {
            assert!(read(vec![wrong], today).is_err());
        }
        let same = || row("2026-11-19T00:00:00Z", 1, 1);
        assert!(read(vec![same(), same()], today).is_err());
    }
}
