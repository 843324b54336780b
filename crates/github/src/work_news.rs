//! What the GraphQL API did not say when an account was asked for last, and the log messages about it: one when it begins
//! to fail, and one when it works again. `statistics` asks; a token that is refused or used up is `token_news`.

use crate::{AccountName, GithubError};
use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tracing::{info, warn};

/// Of more accounts nothing is remembered, so each failure is logged.
const MOST: usize = 10_000;

/// A part of what an account has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkPart {
    /// Contributions, and what is made of them.
    Contributions,
    /// Languages by the size of their code.
    Code,
}

impl fmt::Display for WorkPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WorkPart::Contributions => "commits, streaks and the rank",
            WorkPart::Code => "the sizes of languages",
        })
    }
}

/// A part that is as it was, because GitHub did not say it.
#[derive(Clone, Debug)]
pub struct UnreadWork {
    /// Which.
    pub part: WorkPart,
    /// Why.
    pub why: Arc<GithubError>,
}

/// What has been logged.
#[derive(Debug, Default)]
pub(crate) struct WorkNews(Mutex<LoggedWork>);

#[derive(Debug, Default)]
struct LoggedWork {
    /// GitHub does not answer, whatever it is asked for.
    is_down: bool,
    /// Its answer for these accounts is of no use.
    of: HashSet<(AccountName, WorkPart)>,
}

impl WorkNews {
    /// Takes in a failure. Accounts of strangers are not logged one by one.
    pub(crate) fn failed(&self, login: &AccountName, part: WorkPart, why: &GithubError, is_tracked: bool) {
        let error = why as &dyn std::error::Error;
        if is_of_account(why) {
            let mut logged = self.lock();
            logged.hear();
            if is_tracked && logged.is_new_of(login, part) {
                warn!(%login, error, "{part} cannot be fetched; the last ones stay");
            }
        } else if is_outage(why) && !std::mem::replace(&mut self.lock().is_down, true) {
            warn!(%login, error, "{part} cannot be fetched from GitHub's GraphQL API; the last ones stay");
        }
    }

    /// Takes in an answer.
    pub(crate) fn answered(&self, login: &AccountName, part: WorkPart) {
        let mut logged = self.lock();
        logged.hear();
        if logged.of.remove(&(login.clone(), part)) {
            info!(%login, "{part} can be fetched again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, LoggedWork> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoggedWork {
    /// GitHub has answered, whatever it said.
    fn hear(&mut self) {
        if std::mem::take(&mut self.is_down) {
            info!("GitHub's GraphQL API answers again");
        }
    }

    fn is_new_of(&mut self, login: &AccountName, part: WorkPart) -> bool {
        let key = (login.clone(), part);
        !self.of.contains(&key) && (self.of.len() >= MOST || self.of.insert(key))
    }
}

/// Whether an answer came, and is of no use for this account.
pub(crate) fn is_of_account(why: &GithubError) -> bool {
    matches!(
        why,
        GithubError::Absurd(_) | GithubError::Query(_) | GithubError::Unreadable(_) | GithubError::Nobody
    )
}

/// Whether none came. What a token lacks, and a store that does not answer, are logged where they are found.
fn is_outage(why: &GithubError) -> bool {
    matches!(why, GithubError::NotFetched(_) | GithubError::Status(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::StatusCode;

    #[test]
    fn each_failure_is_new_once() {
        let news = WorkNews::default();
        let login = AccountName::new("octo").unwrap();
        let is_new = || news.lock().is_new_of(&login, WorkPart::Contributions);
        assert_eq!([is_new(), is_new()], [true, false]);
        news.answered(&login, WorkPart::Contributions);
        assert!(is_new());
        let outage = GithubError::Status(StatusCode::BAD_GATEWAY);
        news.failed(&login, WorkPart::Code, &outage, false);
        assert!(news.lock().is_down && is_outage(&outage) && !is_of_account(&outage));
        news.answered(&login, WorkPart::Code);
        assert!(!news.lock().is_down);
        // An answer of no use is one too: the next outage is logged.
        news.failed(&login, WorkPart::Code, &outage, false);
        news.failed(&login, WorkPart::Code, &GithubError::Nobody, false);
        assert!(!news.lock().is_down);
        for silent in [GithubError::Reserved, GithubError::Store, GithubError::Exhausted { until: 1 }] {
            assert!(!is_outage(&silent) && !is_of_account(&silent));
        }
    }
}
