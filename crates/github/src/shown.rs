//! Statistics as the pictures take them. It draws nothing; the HTTP server and the publisher do.

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
        Minute(i32::try_from(self.at / 60).unwrap_or(i32::MAX))
    }
}
