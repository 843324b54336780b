//! The languages of an account's own repositories by the size of their code. Only the GraphQL API provides them at an
//! acceptable price: one point for a hundred repositories.

use crate::{
    AccountName,
    api::GithubApi,
    error::GithubError,
    graph::GraphQuery,
    stats::{LANGUAGE, NAME, PAGES, cut, sort_languages},
};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// No repository has more code in one language, in bytes.
const MOST: u64 = 1 << 50;
/// Of so many repositories the languages are kept one by one, so that they can be left out.
const KNOWN: usize = 100;

/// Of each page; the ten largest languages of a repository, as github-readme-stats asks.
const FIELDS: &str = "repositoryOwner(login:$login){repositories(first:100,after:$after,ownerAffiliations:OWNER,\
                      isFork:false,privacy:PUBLIC,orderBy:{field:STARGAZERS,direction:DESC})\
                      {nodes{name languages(first:10,orderBy:{field:SIZE,direction:DESC}){edges{size node{name}}}}\
                      pageInfo{hasNextPage endCursor}}}";

/// Languages by the size of code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeLanguages {
    /// When GitHub said so, in seconds since 1970.
    pub at: u64,
    /// The most code first.
    languages: Vec<CodeLanguage>,
    /// Of the repositories with the most stars: which language, and how much of it.
    known: BTreeMap<String, Vec<(usize, u64)>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct CodeLanguage {
    name: String,
    bytes: u64,
    repositories: u64,
}

impl CodeLanguages {
    /// Languages with their weights, the heaviest first: bytes to the one power times repositories to the other, as
    /// github-readme-stats weighs them. `(1.0, 0.0)` is bytes. Repositories with these names, in any case, do not count.
    #[must_use]
    pub fn weighed(&self, without: &[String], (size, count): (f64, f64)) -> Vec<(String, u64)> {
        let mut languages = self.languages.clone();
        let is_named = |name: &str| without.iter().any(|other| other.eq_ignore_ascii_case(name));
        for (at, bytes) in self.known.iter().filter(|(name, _)| is_named(name)).flat_map(|(_, of)| of) {
            if let Some(language) = languages.get_mut(*at) {
                language.bytes = language.bytes.saturating_sub(*bytes);
                language.repositories = language.repositories.saturating_sub(1);
            }
        }
        languages.retain(|language| language.bytes > 0 && language.repositories > 0);
        let weight = |language: &CodeLanguage| match (size, count) {
            (1.0, 0.0) => language.bytes,
            (0.0, 1.0) => language.repositories,
            // Only the proportions matter. A thousandth is kept of each.
            _ => {
                (1000.0 * (language.bytes as f64).powf(size) * (language.repositories as f64).powf(count))
                    as u64
            }
        };
        let mut weighed: Vec<(String, u64)> =
            languages.iter().map(|language| (language.name.clone(), weight(language))).collect();
        sort_languages(&mut weighed);
        weighed
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerJson {
    repository_owner: Option<RepositoriesJson>,
}

#[derive(Deserialize)]
struct RepositoriesJson {
    repositories: PageJson,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageJson {
    nodes: Vec<CodeJson>,
    page_info: PageInfoJson,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfoJson {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
struct CodeJson {
    name: String,
    languages: Option<EdgesJson>,
}

#[derive(Deserialize)]
struct EdgesJson {
    edges: Vec<EdgeJson>,
}

#[derive(Deserialize)]
struct EdgeJson {
    size: u64,
    node: LanguageJson,
}

#[derive(Deserialize)]
struct LanguageJson {
    name: String,
}

/// Asks GitHub. `originals` is how many repositories there are, as far as is known.
pub(crate) async fn measure(
    api: &GithubApi,
    login: &AccountName,
    originals: u64,
    now: u64,
) -> Result<CodeLanguages, GithubError> {
    let (mut sums, mut count, mut after) = (CodeSums::default(), 0, None);
    for _ in 0..PAGES {
        let query = GraphQuery::of(login.as_str(), FIELDS, after.take());
        let answer: OwnerJson = api.query(login, &query).await?;
        // The account is there, so this is a failure and no news.
        let owner = answer.repository_owner.ok_or(GithubError::Status(StatusCode::NOT_FOUND))?;
        let PageJson { nodes, page_info } = owner.repositories;
        count += nodes.len() as u64;
        for repository in nodes {
            sums.add(repository)?;
        }
        after = page_info.end_cursor.filter(|_| page_info.has_next_page);
        if after.is_none() {
            break;
        }
    }
    if count == 0 && originals > 1 {
        return Err(GithubError::Absurd("no repository has code"));
    }
    Ok(sums.into_languages(now))
}

/// What repositories add up to.
#[derive(Default)]
struct CodeSums {
    languages: BTreeMap<String, (u64, u64)>,
    known: Vec<(String, Vec<(String, u64)>)>,
}

impl CodeSums {
    fn add(&mut self, repository: CodeJson) -> Result<(), GithubError> {
        let mut of = Vec::new();
        for EdgeJson { size, node: LanguageJson { name } } in
            repository.languages.into_iter().flat_map(|languages| languages.edges)
        {
            if size > MOST {
                return Err(GithubError::Absurd("the size of a repository's code"));
            }
            if name.is_empty() || name.len() > LANGUAGE {
                continue;
            }
            let (bytes, repositories) = self.languages.entry(name.clone()).or_default();
            (*bytes, *repositories) = (bytes.saturating_add(size), *repositories + 1);
            of.push((name, size));
        }
        // They come with the most stars first.
        if self.known.len() < KNOWN {
            self.known.push((cut(repository.name, NAME), of));
        }
        Ok(())
    }

    fn into_languages(self, at: u64) -> CodeLanguages {
        let mut languages: Vec<CodeLanguage> = self
            .languages
            .into_iter()
            .map(|(name, (bytes, repositories))| CodeLanguage { name, bytes, repositories })
            .collect();
        languages.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.name.cmp(&other.name)));
        let places: BTreeMap<&str, usize> =
            languages.iter().enumerate().map(|(at, language)| (language.name.as_str(), at)).collect();
        let placed = |of: Vec<(String, u64)>| {
            of.into_iter().filter_map(|(name, bytes)| Some((*places.get(name.as_str())?, bytes))).collect()
        };
        let known = self.known.into_iter().map(|(name, of)| (name, placed(of))).collect();
        CodeLanguages { at, languages, known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(name: &str, languages: &[(&str, u64)]) -> CodeJson {
        let edges = languages
            .iter()
            .map(|&(name, size)| EdgeJson { size, node: LanguageJson { name: name.to_owned() } })
            .collect();
        CodeJson { name: name.to_owned(), languages: Some(EdgesJson { edges }) }
    }

    fn shown(languages: &[(String, u64)]) -> String {
        languages.iter().map(|(name, weight)| format!("{name} {weight} ")).collect()
    }

    #[test]
    fn languages_are_weighed_and_repositories_left_out() {
        let mut sums = CodeSums::default();
        sums.add(repository("one", &[("C", 900), ("Rust", 100)])).unwrap();
        sums.add(repository("two", &[("Rust", 300)])).unwrap();
        sums.add(CodeJson { name: "empty".to_owned(), languages: None }).unwrap();
        let code = sums.into_languages(7);
        assert_eq!(shown(&code.weighed(&[], (1.0, 0.0))), "C 900 Rust 400 ");
        assert_eq!(shown(&code.weighed(&[], (0.0, 1.0))), "Rust 2 C 1 ");
        assert_eq!(shown(&code.weighed(&[], (0.5, 0.5))), "C 30000 Rust 28284 ");
        assert_eq!(shown(&code.weighed(&["ONE".to_owned()], (1.0, 0.0))), "Rust 300 ");
        assert!(CodeSums::default().add(repository("x", &[("C", MOST + 1)])).is_err());
    }
}
