//! Converts statistics to the form that pictures take. It draws nothing; the HTTP server and the publisher do.

use crate::Aged;
use tallymark_badge::banner::Banner;
use tallymark_core::Minute;

impl Aged {
    /// For GitHub Banners' picture, with the name as it was written.
    #[must_use]
    pub fn banner<'a>(&'a self, login: &'a str) -> Banner<'a> {
        let stats = &*self.stats;
        Banner {
            login,
            is_organization: stats.is_organization,
            originals: stats.originals,
            forked: stats.forked,
            stars: stats.stars,
            forks: stats.forks,
            followers: stats.followers,
            languages: &stats.languages,
            at: self.minute(),
            is_old: self.is_old,
        }
    }

    /// When GitHub gave or confirmed them.
    #[must_use]
    pub fn minute(&self) -> Minute {
        minute(self.at)
    }

    /// When all of it was true, combined with a part that has its own age; and whether it may have changed since,
    /// because the last request failed.
    #[must_use]
    pub fn with(&self, other: Option<u64>) -> (Minute, bool) {
        let at = other.unwrap_or(self.at).min(self.at);
        (minute(at), self.is_old || at < self.at)
    }
}

fn minute(at: u64) -> Minute {
    Minute(i32::try_from(at / 60).unwrap_or(i32::MAX))
}
