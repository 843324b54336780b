//! The statistics of an account: the totals of its repositories, over REST.
//!
//! An answer that is empty, cut, or cannot be true is an error, never a zero.

use crate::{
    AccountName,
    api::{GithubApi, GithubReply},
    error::GithubError,
};
use hyper::StatusCode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// How many repositories a page has, as GitHub allows.
const PAGE: usize = 100;
/// More pages are not read.
pub(crate) const PAGES: usize = 100;
/// No repository has more stars, and no account more followers.
pub(crate) const MOST: u64 = 1_000_000_000;
/// The longest name of a language.
pub(crate) const LANGUAGE: usize = 60;
/// How many repositories are kept one by one.
pub(crate) const KNOWN: usize = 100;
/// How much of their texts is kept: GitHub's names have at most so many bytes, and descriptions so many characters.
pub(crate) const NAME: usize = 100;
const DESCRIPTION: usize = 350;
/// While pages are read, one repository in so many may come or go, and never as many as a page has: a lost page is not
/// mistaken for deleted repositories.
const COME_AND_GO: usize = 50;
/// Of few repositories this many may, and always less than half.
const FEW_COME_AND_GO: usize = 2;

/// What is shown of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Its name as its owner writes it.
    pub login: String,
    /// Whether it is an organisation.
    pub is_organization: bool,
    /// Its own repositories that are no forks.
    pub originals: u64,
    /// Its forks of others' repositories. They count nowhere else.
    pub forked: u64,
    /// Stars of the originals.
    pub stars: u64,
    /// Forks of the originals.
    pub forks: u64,
    /// Followers of the account.
    pub followers: u64,
    /// How many originals are mainly in each language: the most first, and by name where they are alike.
    pub languages: Vec<(String, u64)>,
    /// The repositories with the most stars, at most 100.
    pub known: Vec<KnownRepository>,
}

/// One repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRepository {
    /// GitHub's number of it, which stays when it is renamed; none in what an earlier build kept.
    #[serde(default)]
    pub id: Option<u64>,
    /// Its name, without its owner.
    pub name: String,
    /// What its owner says of it, shortened.
    pub description: Option<String>,
    /// Its main language.
    pub language: Option<String>,
    /// Its stars.
    pub stars: u64,
    /// Its forks.
    pub forks: u64,
    /// It is a fork of another one.
    pub is_fork: bool,
    /// Its owner has ended work on it.
    pub is_archived: bool,
    /// The token may push to it, so GitHub tells who looks at it.
    #[serde(default)]
    pub can_push: bool,
}

impl Stats {
    /// Every repository.
    #[must_use]
    pub fn repositories(&self) -> u64 {
        self.originals.saturating_add(self.forked)
    }

    /// Whether every repository is [known](Stats::known).
    #[must_use]
    pub fn knows_all(&self) -> bool {
        self.repositories() <= self.known.len() as u64
    }

    /// The statistics as if the known repositories with these names, in any case, were not there.
    #[must_use]
    pub fn without(&self, names: &[String]) -> Stats {
        let mut rest = self.clone();
        let is_named =
            |known: &KnownRepository| names.iter().any(|name| name.eq_ignore_ascii_case(&known.name));
        for gone in self.known.iter().filter(|known| is_named(known)) {
            if gone.is_fork {
                rest.forked = rest.forked.saturating_sub(1);
                continue;
            }
            rest.originals = rest.originals.saturating_sub(1);
            rest.stars = rest.stars.saturating_sub(gone.stars);
            rest.forks = rest.forks.saturating_sub(gone.forks);
            for (language, count) in &mut rest.languages {
                *count -= u64::from(Some(&*language) == gone.language.as_ref()).min(*count);
            }
        }
        rest.known.retain(|known| !is_named(known));
        rest.languages.retain(|(_, count)| *count > 0);
        sort_languages(&mut rest.languages);
        rest
    }
}

/// The most first. By name where they are alike.
pub(crate) fn sort_languages(languages: &mut [(String, u64)]) {
    languages.sort_by(|(name, count), (other, others)| others.cmp(count).then_with(|| name.cmp(other)));
}

/// The statistics, and by what GitHub recognises what they were made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Measured {
    #[serde(with = "shared")]
    pub(crate) stats: Arc<Stats>,
    /// Of the account, and of each page of repositories; empty if GitHub gave none.
    etags: Vec<String>,
    /// How many repositories GitHub says there are.
    said: u64,
}

impl Measured {
    /// Without anything to recognise them by, so all of it is read when they are asked for again.
    pub(crate) fn of(stats: Stats) -> Measured {
        Measured { stats: Arc::new(stats), ..Measured::default() }
    }

    /// Whether no repository has changed since, as far as GitHub says: a push changes the page of its repository.
    pub(crate) fn has_repositories_of(&self, before: &Measured) -> bool {
        let pages = |of: &Measured| of.etags.get(1..).unwrap_or_default().to_vec();
        let now = pages(self);
        !now.is_empty() && now.iter().all(|etag| !etag.is_empty()) && now == pages(before)
    }
}

/// As if it were not shared.
mod shared {
    use super::Stats;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(stats: &Arc<Stats>, to: S) -> Result<S::Ok, S::Error> {
        Stats::serialize(stats, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Stats>, D::Error> {
        Stats::deserialize(from).map(Arc::new)
    }
}

#[derive(Deserialize)]
struct AccountJson {
    login: String,
    #[serde(rename = "type")]
    kind: String,
    public_repos: u64,
    followers: u64,
}

#[derive(Deserialize)]
struct RepositoryJson {
    id: u64,
    name: String,
    description: Option<String>,
    fork: bool,
    #[serde(default)]
    archived: bool,
    stargazers_count: u64,
    forks_count: u64,
    language: Option<String>,
    /// The permissions of the token's owner.
    permissions: Option<PermissionsJson>,
}

#[derive(Deserialize)]
struct PermissionsJson {
    #[serde(default)]
    push: bool,
}

/// Asks GitHub. What did not change since `before` is taken from there.
pub(crate) async fn measure(
    api: &GithubApi,
    login: &AccountName,
    before: Option<&Measured>,
) -> Result<Measured, GithubError> {
    let can_be_kept = |before: &&Measured| {
        // Earlier builds kept neither ids nor whole descriptions.
        before.etags.iter().all(|etag| !etag.is_empty())
            && before.stats.known.iter().all(|repository| repository.id.is_some())
    };
    let known = before.filter(can_be_kept);
    let etag = |at: usize| known.and_then(|known| known.etags.get(at)).map(String::as_str);
    let reply = api.get(login, &format!("users/{login}"), etag(0)).await?;
    let mut etags = vec![reply.etag.unwrap_or_default()];
    let (stats, said) = match (reply.body, known) {
        (None, Some(known)) => {
            etags[0].clone_from(&known.etags[0]);
            (of_account(&known.stats), known.said)
        }
        (body, _) => stats_of(login, read(body.as_deref().unwrap_or_default())?)?,
    };
    let first = match known {
        None => None,
        // GitHub may say of every page that it is as it was, also if there is one more.
        Some(known) if known.said != said => None,
        Some(known) => match changed(api, login, known).await? {
            Pages::Changed(first) => first,
            Pages::Same => {
                let Stats { login, is_organization, followers, .. } = stats;
                let stats = Stats { login, is_organization, followers, ..Stats::clone(&known.stats) };
                etags.extend(known.etags.iter().skip(1).cloned());
                return Ok(Measured { stats: Arc::new(stats), said, etags });
            }
        },
    };
    let mut pages = RepositoryPages { stats, said, etags };
    pages.read(api, login, first).await?;
    let RepositoryPages { stats, said, etags } = pages;
    Ok(Measured { stats: Arc::new(stats), said, etags })
}

/// What the account says of itself, without its repositories.
fn of_account(stats: &Stats) -> Stats {
    let Stats { login, is_organization, followers, .. } = stats;
    Stats {
        login: login.clone(),
        is_organization: *is_organization,
        followers: *followers,
        ..Stats::default()
    }
}

/// Whether the pages of repositories are as they were.
enum Pages {
    Same,
    /// The first one, if that is what changed.
    Changed(Option<GithubReply>),
}

/// Asks for every page, until one has changed. That costs nothing with a token while none has.
async fn changed(api: &GithubApi, login: &AccountName, known: &Measured) -> Result<Pages, GithubError> {
    if known.etags.len() < 2 {
        return Ok(Pages::Changed(None));
    }
    let mut goes_on = false;
    for (at, etag) in known.etags.iter().enumerate().skip(1) {
        let reply = page(api, login, at, Some(etag)).await?;
        if reply.body.is_some() {
            return Ok(Pages::Changed(Some(reply).filter(|_| at == 1)));
        }
        goes_on = reply.has_next && at < PAGES;
    }
    Ok(if goes_on { Pages::Changed(None) } else { Pages::Same })
}

async fn page(
    api: &GithubApi,
    login: &AccountName,
    at: usize,
    etag: Option<&str>,
) -> Result<GithubReply, GithubError> {
    // In an order that a push does not change, so that none moves to another page meanwhile.
    let path = format!("users/{login}/repos?type=owner&sort=full_name&per_page={PAGE}&page={at}");
    match api.get(login, &path, etag).await {
        // The account is there, so this is a failure and no news.
        Err(GithubError::Nobody) => Err(GithubError::Status(StatusCode::NOT_FOUND)),
        reply => reply,
    }
}

/// What the pages of repositories add up to.
struct RepositoryPages {
    stats: Stats,
    said: u64,
    etags: Vec<String>,
}

impl RepositoryPages {
    async fn read(
        &mut self,
        api: &GithubApi,
        login: &AccountName,
        mut first: Option<GithubReply>,
    ) -> Result<(), GithubError> {
        let (mut seen, mut sums) = (HashSet::new(), RepositorySums::default());
        for at in 1..=PAGES {
            let reply = match first.take() {
                Some(first) => first,
                None => page(api, login, at, None).await?,
            };
            let list: Vec<RepositoryJson> = read(reply.body.as_deref().unwrap_or_default())?;
            if list.len() > PAGE {
                return Err(GithubError::Absurd("more repositories than were asked for"));
            }
            if list.len() < PAGE && reply.has_next {
                return Err(GithubError::Absurd("a page that is not full, and another one after it"));
            }
            self.etags.push(reply.etag.unwrap_or_default());
            for repository in list {
                if seen.insert(repository.id) {
                    add(&mut sums, repository)?;
                }
            }
            if !reply.has_next {
                break;
            }
        }
        let said = usize::try_from(self.said).unwrap_or(usize::MAX).min(PAGE * PAGES);
        if seen.len() + come_and_go(said) < said {
            return Err(GithubError::Absurd("fewer repositories than the account has"));
        }
        self.stats = sums.into_stats(std::mem::take(&mut self.stats));
        Ok(())
    }
}

/// How many of the repositories that an account has may be missing on its pages.
fn come_and_go(said: usize) -> usize {
    (said / 3).min(FEW_COME_AND_GO).max(said / COME_AND_GO).min(PAGE / 2)
}

fn stats_of(login: &AccountName, account: AccountJson) -> Result<(Stats, u64), GithubError> {
    // For a renamed account, GitHub answers with the new name.
    let spelt =
        AccountName::new(&account.login).map_err(|_| GithubError::Absurd("the name of the account"))?;
    let written = if spelt == *login { account.login } else { spelt.to_string() };
    if account.followers > MOST || account.public_repos > MOST {
        return Err(GithubError::Absurd("a number of the account"));
    }
    let is_organization = account.kind == "Organization";
    let stats = Stats { login: written, is_organization, followers: account.followers, ..Stats::default() };
    Ok((stats, account.public_repos))
}

/// What repositories add up to.
#[derive(Debug, Default)]
pub struct RepositorySums {
    stats: Stats,
    languages: BTreeMap<String, u64>,
}

impl RepositorySums {
    /// Adds one, which was not added before. `None`: a number cannot be true.
    pub fn add(&mut self, is_fork: bool, stars: u64, forks: u64, language: Option<&str>) -> Option<()> {
        if stars > MOST || forks > MOST {
            return None;
        }
        if is_fork {
            self.stats.forked += 1;
            return Some(());
        }
        self.stats.originals += 1;
        self.stats.stars += stars;
        self.stats.forks += forks;
        if let Some(language) = language {
            *self.languages.entry(language.to_owned()).or_default() += 1;
        }
        Some(())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stats.repositories() == 0
    }

    /// The statistics of a user who has them.
    #[must_use]
    pub fn of(self, login: String, followers: u64) -> Stats {
        self.into_stats(Stats { login, followers, ..Stats::default() })
    }

    /// With what an account says of itself.
    fn into_stats(self, account: Stats) -> Stats {
        let Stats { login, is_organization, followers, .. } = account;
        let mut stats = Stats { login, is_organization, followers, ..self.stats };
        stats.languages = self.languages.into_iter().collect();
        sort_languages(&mut stats.languages);
        stats
    }
}

fn add(sums: &mut RepositorySums, repository: RepositoryJson) -> Result<(), GithubError> {
    let RepositoryJson { id, name, description, fork, archived, stargazers_count, forks_count, .. } =
        repository;
    let language = repository.language.filter(|name| !name.is_empty() && name.len() <= LANGUAGE);
    sums.add(fork, stargazers_count, forks_count, language.as_deref())
        .ok_or(GithubError::Absurd("a number of a repository"))?;
    let known = KnownRepository {
        id: Some(id),
        name: cut(name, NAME),
        description: description.map(|text| shortened(text, DESCRIPTION)).filter(|text| !text.is_empty()),
        language,
        stars: stargazers_count,
        forks: forks_count,
        is_fork: fork,
        is_archived: archived,
        can_push: repository.permissions.is_some_and(|permissions| permissions.push),
    };
    keep(&mut sums.stats.known, known);
    Ok(())
}

/// Keeps those with the most stars; the list is in that order.
fn keep(known: &mut Vec<KnownRepository>, one: KnownRepository) {
    let at = known.partition_point(|other| other.stars >= one.stars);
    known.insert(at, one);
    known.truncate(KNOWN);
}

/// The beginning of a text, in whole characters.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

/// A text of so many characters at most; one that was longer ends in an ellipsis.
fn shortened(text: String, most: usize) -> String {
    match text.chars().count() <= most {
        true => text,
        false => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

/// JSON of a known form; serde's own bound on depth holds.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, GithubError> {
    Ok(serde_json::from_slice(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, stars: u64, language: &str, fork: bool) -> RepositoryJson {
        RepositoryJson {
            id: 0,
            name: name.to_owned(),
            description: Some(String::new()),
            fork,
            archived: false,
            stargazers_count: stars,
            forks_count: 1,
            language: Some(language.to_owned()),
            permissions: None,
        }
    }

    #[test]
    fn repositories_with_the_most_stars_are_known_and_may_be_left_out() {
        let mut sums = RepositorySums::default();
        for (at, stars) in [(0, 5), (1, 70), (2, 5)].into_iter().chain((3..150).map(|at| (at, 1))) {
            add(&mut sums, one(&format!("r{at}"), stars, if at < 2 { "Rust" } else { "C" }, at == 2))
                .unwrap();
        }
        let stats = sums.of("octo".to_owned(), 0);
        let first: Vec<&str> = stats.known[..4].iter().map(|known| known.name.as_str()).collect();
        assert_eq!(
            (stats.known.len(), first, stats.knows_all()),
            (KNOWN, vec!["r1", "r0", "r2", "r3"], false)
        );
        assert_eq!((stats.originals, stats.forked, stats.stars), (149, 1, 222));
        let names = ["R1", "r2", "r149"].map(str::to_owned);
        let rest = stats.without(&names);
        assert_eq!((rest.originals, rest.forked, rest.stars, rest.forks), (148, 0, 152, 148));
        assert_eq!(rest.languages, [("C".to_owned(), 147), ("Rust".to_owned(), 1)]);
        assert_eq!(stats.without(&[]), stats);
    }

    #[test]
    fn a_lost_page_is_no_repository_that_went() {
        let tolerated = [0, 1, 2, 3, 5, 6, 99, 100, 150, 1000, 10_000].map(come_and_go);
        assert_eq!(tolerated, [0, 0, 0, 1, 1, 2, 2, 2, 3, 20, 50]);
        assert!((0..=PAGE * PAGES).all(|said| come_and_go(said) < PAGE && 2 * come_and_go(said) <= said));
    }

    #[test]
    fn texts_are_cut_in_whole_characters() {
        assert_eq!(cut("易语言".to_owned(), 4), "易");
        assert_eq!(shortened("易语言".to_owned(), 3), "易语言");
        assert_eq!(shortened("易语言包".to_owned(), 3), "易语…");
        assert!(add(&mut RepositorySums::default(), one("r", MOST + 1, "C", true)).is_err());
    }
}
