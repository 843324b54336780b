//! `tallymark github`: the accounts whose statistics are refreshed by themselves, and what the tokens may still do.
//!
//! It works on the store, with or without a daemon. What it asks GitHub is kept there, so the daemon need not ask again.

use super::{CommonFlags, block_on, out};
use crate::{
    config::Config,
    home,
    traffic::{self, TrafficReport},
};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::sync::Arc;
use tallymark_core::Minute;
use tallymark_github::{
    AccountName, Aged, GithubAccess, NoStats, Outgoing, Statistics, TokenStatus, TrackedAccount,
};
use tallymark_ingest::source::now;
use tallymark_store::Store;
use thousands::Separable;

/// GitHub accounts whose statistics are refreshed, and the tokens.
#[derive(Debug, Args)]
pub(super) struct GithubCommand {
    #[command(subcommand)]
    action: GithubAction,
}

#[derive(Debug, Subcommand)]
enum GithubAction {
    /// Track accounts: their statistics are refreshed by the daemon.
    Add(AccountNames),
    /// List the tracked accounts.
    List,
    /// Ask GitHub now.
    Refresh(AccountNames),
    /// Stop tracking accounts. Their created banners and the files of their cards are removed too.
    Remove(AccountNames),
    /// Archive views, visitors and clones of each day: of every tracked account, the 100 repositories with the most stars, as
    /// far as the token that is asked may push to them.
    Sync,
    /// Ask GitHub what each token may still do, and whose it is: one call each.
    Status,
}

#[derive(Debug, Args)]
struct AccountNames {
    /// Users or organisations.
    #[arg(required = true, value_parser = account_name)]
    names: Vec<AccountName>,
}

fn account_name(text: &str) -> Result<AccountName, String> {
    AccountName::new(text).map_err(|why| why.to_string())
}

/// What the commands work with.
struct GithubDesk {
    statistics: Arc<Statistics>,
    store: Arc<dyn Store>,
    json: bool,
}

/// One account, for programs.
#[derive(Serialize)]
struct ShownAccount<'a> {
    name: &'a str,
    /// Types of its created banners.
    banners: Vec<&'a str>,
    gone: bool,
    repositories: Option<u64>,
    stars: Option<u64>,
    /// When the numbers were true, in UTC.
    at: Option<String>,
}

impl GithubCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        block_on(async {
            let desk = GithubDesk::open(&config, common).await?;
            match self.action {
                GithubAction::Add(AccountNames { names }) => desk.add(&names).await,
                GithubAction::List => desk.list().await,
                GithubAction::Refresh(AccountNames { names }) => desk.refresh(&names).await,
                GithubAction::Remove(AccountNames { names }) => desk.remove(&names).await,
                GithubAction::Sync => desk.sync().await,
                GithubAction::Status => desk.status().await,
            }
        })
    }
}

impl GithubDesk {
    async fn open(config: &Config, common: &CommonFlags) -> Result<GithubDesk> {
        let store = home::open(config).await?;
        let crate::config::GithubConfig { api, tokens, ages, within, .. } = config.github.clone();
        let outgoing = Outgoing::new(config.outgoing_allow.clone());
        let api = api.context("api-url under [github] is \"off\": there are no statistics")?;
        let access = GithubAccess { api, tokens, within, outgoing };
        let statistics = Statistics::new(access, ages, store.clone(), now);
        Ok(GithubDesk { statistics, store, json: common.json })
    }

    async fn add(&self, names: &[AccountName]) -> Result<()> {
        for name in names {
            // Whoever does not exist is not tracked. Without an answer, the daemon finds out.
            if self.statistics.ask(name).await == Err(NoStats::Nobody) {
                bail!("GitHub has no account {name}");
            }
            let known = self.statistics.tracked().find(name).await?.unwrap_or_default();
            self.statistics.tracked().put(name, &TrackedAccount { gone: false, ..known }).await?;
        }
        self.show(names).await
    }

    async fn list(&self) -> Result<()> {
        self.show(&self.statistics.tracked().list().await?).await
    }

    async fn refresh(&self, names: &[AccountName]) -> Result<()> {
        for name in names {
            match self.statistics.ask(name).await {
                Ok(Aged { is_old: false, .. }) => {}
                Ok(_) => bail!(
                    "GitHub does not answer for {name}; the last numbers stay. LOG_LEVEL=debug says why"
                ),
                Err(why) => bail!("{name}: {why}; LOG_LEVEL=debug says more"),
            }
        }
        self.show(names).await
    }

    async fn remove(&self, names: &[AccountName]) -> Result<()> {
        for name in names {
            if !self.statistics.tracked().remove(name).await? {
                bail!("{name} is not tracked");
            }
        }
        let word = if names.len() == 1 { "account" } else { "accounts" };
        out::print(&format!("{} {word} removed.\n", names.len()))
    }

    async fn show(&self, names: &[AccountName]) -> Result<()> {
        let mut rows = Vec::new();
        for name in names {
            let account = self.statistics.tracked().find(name).await?.unwrap_or_default();
            let aged = self.statistics.stored(name).await;
            rows.push((name, account, aged));
        }
        let shown: Vec<ShownAccount<'_>> =
            rows.iter().map(|(name, account, aged)| shown(name, account, aged.as_ref())).collect();
        if self.json {
            return out::json(&shown);
        }
        let mut text = String::new();
        for row in &shown {
            let number =
                |number: Option<u64>| number.map_or("-".to_owned(), |number| number.separate_with_commas());
            let at = row.at.as_deref().unwrap_or("never");
            let gone = if row.gone { ", gone from GitHub" } else { "" };
            let banners = if row.banners.is_empty() {
                String::new()
            } else {
                format!(", banners: {}", row.banners.join(" "))
            };
            text += &format!(
                "{}: repositories {}, stars {}, as of {at}{banners}{gone}\n",
                row.name,
                number(row.repositories),
                number(row.stars)
            );
        }
        if text.is_empty() {
            text = "No account is tracked. `tallymark github add NAME` adds one.\n".to_owned();
        }
        out::print(&text)
    }

    async fn sync(&self) -> Result<()> {
        if !self.statistics.has_tokens() {
            bail!("GitHub tells traffic only to a token that may push: add it to tokens under [github]");
        }
        let report = traffic::sync(&self.statistics, &self.store).await?;
        if self.json {
            return out::json(&report);
        }
        let TrafficReport { repositories, days, views, uniques, clones, failed } = report;
        let repositories = match repositories {
            1 => "1 repository".to_owned(),
            many => format!("{} repositories", many.separate_with_commas()),
        };
        let failed = match failed {
            0 => String::new(),
            some => format!("; {some} failed: LOG_LEVEL=debug says why"),
        };
        let [views, uniques, clones] = [views, uniques, clones].map(|count| count.separate_with_commas());
        out::print(&format!(
            "{repositories}: {} counted, {views} views, {uniques} visitors added up over days, {clones} clones{failed}\n",
            out::counted(days, "new day")
        ))
    }

    async fn status(&self) -> Result<()> {
        let tokens = self.statistics.token_status().await;
        if self.json {
            return out::json(&tokens);
        }
        let mut text = String::new();
        for TokenStatus { token, account, state, left, limit, resets, points_left } in &tokens {
            let account = account.as_ref().map(|account| format!(" of {account}")).unwrap_or_default();
            text += &format!("{token}{account}: {state}");
            if let (Some(left), Some(limit), Some(resets)) = (left, limit, resets) {
                let at = Minute(i32::try_from(resets / 60).unwrap_or(i32::MAX)).readable();
                text += &format!(
                    ", {} of {} calls left until {at} UTC",
                    left.separate_with_commas(),
                    limit.separate_with_commas()
                );
            }
            if let Some(points) = points_left {
                text += &format!(", {} GraphQL points left", points.separate_with_commas());
            }
            text += "\n";
        }
        out::print(&text)
    }
}

fn shown<'a>(name: &'a AccountName, account: &'a TrackedAccount, aged: Option<&Aged>) -> ShownAccount<'a> {
    ShownAccount {
        name: name.as_str(),
        banners: account.banners.keys().map(String::as_str).collect(),
        gone: account.gone,
        repositories: aged.map(|aged| aged.stats.repositories()),
        stars: aged.map(|aged| aged.stats.stars),
        at: aged.map(|aged| aged.minute().readable()),
    }
}
