//! Everything that Tallymark fetches from other servers: the avatars of the owners of names, and the statistics of
//! GitHub accounts.
//!
//! One [client](Outgoing) talks to other servers, with a limit on everything. Its results are kept in the store with
//! their age, so a restart fetches nothing again, and no request waits for a fetch. This crate draws no pictures and
//! counts nothing; web and the publisher read from it, and the binary starts it.

mod account_name;
mod ahead;
mod api;
mod avatars;
mod cards;
mod code;
mod contributions;
mod error;
mod evidence;
mod graph;
mod kept;
mod missing;
mod outgoing;
mod questions;
mod rank;
mod recent;
mod refresh;
mod shown;
mod statistics;
mod stats;
mod status;
mod streaks;
mod token;
mod token_news;
mod tokens;
mod tracked;
mod traffic;
mod work_news;
mod zone;

pub use account_name::{AccountName, NotAnAccountName};
pub use api::GithubAccess;
pub use avatars::{AvatarMeters, AvatarPattern, AvatarSource, Avatars, NotAPattern};
pub use cards::{CardAddress, CardKind, CardNotes, CardTerms, NoCard};
pub use code::CodeLanguages;
pub use contributions::{Contributions, DayRun, StreakDays};
pub use error::GithubError;
pub use kept::{Aged, NoStats, Work, kept_statistics, take_over};
pub use missing::MissingAccount;
pub use outgoing::{Ask, FetchError, Fetched, Outgoing, Redirects, is_public_site};
pub use rank::{AccountRank, LEVELS as RANK_LEVELS, RankPart};
pub use refresh::refresh;
pub use statistics::{Statistics, StatsAges};
pub use stats::{KnownRepository, RepositorySums, Stats};
pub use status::{TokenStatus, token_status};
pub use token::{GithubToken, NotAGithubToken};
pub use tracked::{MOST_TRACKED, NotTracked, TrackedAccount, TrackedAccounts, UnknownAccount};
pub use traffic::{RepositoryTraffic, TrafficDay};
pub use work_news::{UnreadWork, WorkPart};
pub use zone::{DayZone, NotADayZone};

/// What this crate keeps in a store, for whoever takes all of it to another one.
pub const SHELVES: [tallymark_store::Shelf; 4] = [kept::SHELF, kept::YEARS, avatars::SHELF, tracked::SHELF];
