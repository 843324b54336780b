//! `tallymark github`: the accounts whose statistics are refreshed automatically, and the calls that the tokens have
//! left.
//!
//! It works on the store, with or without a daemon. GitHub's answers are kept there, so the daemon need not ask again.

use super::{CommonFlags, Misuse, block_on, import, out};
use crate::{
    config::Config,
    home, progress,
    run::default_base_url,
    traffic::{self, TrafficReport},
};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{self, Read},
    sync::Arc,
};
use tallymark_core::{Minute, with_causes};
use tallymark_github::{
    AccountName, Aged, GithubAccess, MissingAccount, NoStats, Outgoing, Statistics, TokenStatus,
    TrackedAccount, UnreadWork, Work, WorkPart, token_status,
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
    #[command(flatten)]
    OfAccounts(AccountAction),
    /// Ask GitHub whose each token is and how many calls it has left. Takes one call for each.
    Status,
}

/// What works on the store.
#[derive(Debug, Subcommand)]
enum AccountAction {
    /// Track accounts: their statistics are refreshed by the daemon.
    Add(AccountNames),
    /// List the tracked accounts.
    List,
    /// Ask GitHub now.
    Refresh(AccountNames),
    /// Stop tracking accounts. Their created banners and the files of their cards are removed too.
    Remove(AccountNames),
    /// Archive views, visitors and clones of each day: of every tracked account, those of the 100 repositories with the
    /// most stars that a token can push to.
    Sync,
}

#[derive(Debug, Args)]
struct AccountNames {
    /// Users or organisations; `-` reads them from standard input, with spaces or lines between them.
    #[arg(required = true, value_parser = given_account)]
    names: Vec<GivenAccount>,
}

#[derive(Clone, Debug)]
enum GivenAccount {
    Named(AccountName),
    /// Those on standard input.
    Listed,
}

fn given_account(text: &str) -> Result<GivenAccount, String> {
    match text {
        "-" => Ok(GivenAccount::Listed),
        _ => AccountName::new(text).map(GivenAccount::Named).map_err(|why| why.to_string()),
    }
}

/// More than the names of all accounts that may be tracked.
const LONGEST_LIST: u64 = 1 << 20;
/// How many repositories with one trouble are named.
const NAMED: usize = 3;

impl AccountNames {
    /// Each of them once, in their order.
    fn read(self) -> Result<Vec<AccountName>> {
        let (mut names, mut seen) = (Vec::new(), HashSet::new());
        for given in self.names {
            match given {
                GivenAccount::Named(name) => names.push(name),
                GivenAccount::Listed => names.extend(listed(io::stdin().lock())?),
            }
        }
        names.retain(|name| seen.insert(name.clone()));
        Ok(names)
    }
}

/// The names on a list. Nothing is done if one of them is no name.
fn listed(list: impl Read) -> Result<Vec<AccountName>> {
    let mut text = String::new();
    let length = list.take(LONGEST_LIST + 1).read_to_string(&mut text).context("reading standard input")?;
    if length as u64 > LONGEST_LIST {
        return Err(Misuse::because("standard input is larger than 1 MiB, which is no list of accounts"));
    }
    let words =
        text.lines().zip(1..).flat_map(|(line, at)| line.split_whitespace().map(move |word| (at, word)));
    let names = words.map(|(at, word): (u32, &str)| {
        AccountName::new(word)
            .map_err(|why| Misuse::because(format!("standard input, line {at}: {}: {why}", out::plain(word))))
    });
    let names: Vec<AccountName> = names.collect::<Result<_>>()?;
    match names.is_empty() {
        true => Err(Misuse::because("standard input has no names")),
        false => Ok(names),
    }
}

/// What the commands work with.
struct GithubDesk {
    statistics: Arc<Statistics>,
    store: Arc<dyn Store>,
    json: bool,
    /// Where the public asks.
    base_url: String,
}

/// One account, for programs.
#[derive(Serialize)]
struct ShownAccount<'a> {
    name: &'a str,
    tracked: bool,
    /// Types of its created banners.
    banners: Vec<&'a str>,
    gone: bool,
    /// Since when GitHub says that there is no such account, in UTC.
    missing_since: Option<String>,
    repositories: Option<u64>,
    stars: Option<u64>,
    /// When the numbers were true, in UTC.
    at: Option<String>,
    /// What went wrong now.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// What went wrong with accounts, in the order of the command.
type AccountTroubles<'a> = Vec<(&'a AccountName, String)>;

impl GithubCommand {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        block_on(async {
            match self.action {
                GithubAction::Status => status(&config, common.json).await,
                GithubAction::OfAccounts(action) => action.run(&config, common).await,
            }
        })
    }
}

impl AccountAction {
    async fn run(self, config: &Config, common: &CommonFlags) -> Result<()> {
        let makes_a_store = matches!(self, AccountAction::Add(_) | AccountAction::Sync);
        let desk = GithubDesk::open(config, common, makes_a_store).await?;
        match self {
            AccountAction::Add(names) => desk.add(&names.read()?).await,
            AccountAction::List => desk.list().await,
            AccountAction::Refresh(names) => desk.refresh(&names.read()?).await,
            AccountAction::Remove(names) => desk.remove(&names.read()?).await,
            AccountAction::Sync => {
                let store = desk.store.clone();
                home::remembering(config, Some(&store), desk.sync()).await
            }
        }
    }
}

impl GithubDesk {
    async fn open(config: &Config, common: &CommonFlags, makes_a_store: bool) -> Result<GithubDesk> {
        let (access, ages) = (access(config)?, config.github.ages);
        let store = match makes_a_store {
            true => import::open_store(config, false).await?,
            false => common.existing_store(config).await?,
        };
        let statistics = Statistics::new(access, ages, store.clone(), now);
        let base_url = config.http.base_url.clone().unwrap_or_else(|| default_base_url(&config.http.listen));
        Ok(GithubDesk { statistics, store, json: common.json, base_url })
    }

    async fn add(&self, names: &[AccountName]) -> Result<()> {
        let (mut tracked, mut troubles) = (Vec::new(), AccountTroubles::new());
        let bar = progress::bar("asking GitHub", names.len() as u64);
        for name in bar.wrap_iter(names.iter()) {
            match self.add_one(name).await {
                Ok(trouble) => {
                    tracked.push(name.clone());
                    troubles.extend(trouble.map(|why| (name, why)));
                }
                Err(error) => troubles.push((name, format!("{error:#}; it is not tracked"))),
            }
        }
        bar.finish_and_clear();
        self.show(names, &troubles).await?;
        if let (Some(name), false) = (tracked.first(), self.json) {
            if names.len() > 1 {
                let all = out::counted(names.len() as u64, "account");
                out::print(&format!("{} of {all} tracked\n", tracked.len().separate_with_commas()))?;
            }
            out::print(&self.addresses(name))?;
        }
        told(&troubles)
    }

    /// Tracks an account. One that does not exist is not tracked; without an answer, the daemon finds out.
    async fn add_one(&self, name: &AccountName) -> Result<Option<String>> {
        let asked = self.statistics.ask(name).await;
        if asked == Err(NoStats::Nobody) {
            bail!("GitHub has no such account");
        }
        self.statistics.tracked().add(name).await?;
        Ok(self
            .unanswered(name, &asked)
            .map(|why| format!("{why}; it is tracked, and the daemon asks again")))
    }

    /// What can be pasted into a README.
    fn addresses(&self, name: &AccountName) -> String {
        let base = &self.base_url;
        let mut text = format!("\nCards of {name} for a README (tallymark help cards):\n");
        text += &format!(
            "    ![]({base}/api?username={name})\n    ![]({base}/api/top-langs?username={name}&layout=compact)\n"
        );
        if self.statistics.has_tokens() {
            text += &format!("    ![]({base}/api/streak?username={name})\n");
        }
        text
    }

    async fn list(&self) -> Result<()> {
        self.show(&self.statistics.tracked().list().await?, &AccountTroubles::new()).await
    }

    async fn refresh(&self, names: &[AccountName]) -> Result<()> {
        let mut troubles = AccountTroubles::new();
        let bar = progress::bar("asking GitHub", names.len() as u64);
        for name in bar.wrap_iter(names.iter()) {
            let asked = self.statistics.ask(name).await;
            troubles.extend(self.unanswered(name, &asked).map(|why| (name, why)));
        }
        bar.finish_and_clear();
        self.show(names, &troubles).await?;
        told(&troubles)
    }

    /// Why an account has no new numbers, or not all of them.
    fn unanswered(&self, name: &AccountName, asked: &Result<Aged, NoStats>) -> Option<String> {
        let stay = match asked {
            Ok(Aged { is_old: false, work, .. }) => return self.unread(name, work),
            Ok(_) => "; the last numbers stay",
            Err(NoStats::Nobody) => return Some("GitHub has no such account".to_owned()),
            Err(NoStats::NotYet) => "",
        };
        let why = self.statistics.why_not(name);
        let why = why.map_or_else(|| "GitHub does not answer in time".to_owned(), |why| with_causes(&*why));
        Some(format!("{why}{stay}"))
    }

    /// What GitHub did not say of an account whose other numbers are new: all of it failed alike, or each in its way.
    fn unread(&self, name: &AccountName, work: &Work) -> Option<String> {
        let said = self.statistics.unread(name).into_iter().map(|UnreadWork { part, why }| {
            let is_known = match part {
                WorkPart::Contributions => work.contributions.is_some(),
                WorkPart::Code => work.code.is_some(),
            };
            let stay = if is_known { "; the last ones stay" } else { "" };
            format!("{part} could not be fetched: {}{stay}", with_causes(&*why))
        });
        let said: Vec<String> = said.collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    async fn remove(&self, names: &[AccountName]) -> Result<()> {
        let mut troubles = AccountTroubles::new();
        for name in names {
            match self.statistics.tracked().remove(name).await {
                Ok(true) => {}
                Ok(false) => troubles.push((name, "it is not tracked".to_owned())),
                Err(error) => {
                    troubles.push((name, format!("{}; it may still be tracked", with_causes(&error))))
                }
            }
        }
        let removed = names.len() - troubles.len();
        if self.json {
            let errors: HashMap<_, _> = troubles.iter().map(|(name, why)| (name.to_string(), why)).collect();
            out::json(&serde_json::json!({ "removed": removed, "errors": errors }))?;
        } else if removed > 0 {
            out::print(&format!("{} removed.\n", out::counted(removed as u64, "account")))?;
        }
        told(&troubles)
    }

    async fn show(&self, names: &[AccountName], troubles: &AccountTroubles<'_>) -> Result<()> {
        let mut rows = Vec::new();
        for name in names {
            let account = self.statistics.tracked().find(name).await?;
            let (aged, missing) = (self.statistics.stored(name).await, self.statistics.missing(name).await);
            rows.push((name, account.is_some(), account.unwrap_or_default(), aged, missing));
        }
        let errors: HashMap<_, _> = troubles.iter().map(|(of, why)| (*of, why.as_str())).collect();
        let error = |name: &AccountName| errors.get(name).copied();
        let shown: Vec<ShownAccount<'_>> = rows
            .iter()
            .map(|(name, tracked, account, aged, missing)| ShownAccount {
                tracked: *tracked,
                error: error(name),
                ..shown(name, account, aged.as_ref(), *missing)
            })
            .collect();
        if self.json {
            return out::json(&shown);
        }
        let mut text = String::new();
        for row in shown.iter().filter(|row| row.tracked || row.error.is_none() || row.at.is_some()) {
            let number =
                |number: Option<u64>| number.map_or("-".to_owned(), |number| number.separate_with_commas());
            let at = row.at.as_deref().unwrap_or("never");
            let gone = match (row.gone, &row.missing_since) {
                (true, _) => ", gone from GitHub".to_owned(),
                (false, Some(since)) => format!(", not found on GitHub since {since}"),
                (false, None) => String::new(),
            };
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
        if text.is_empty() && troubles.is_empty() {
            text = "No account is tracked. `tallymark github add NAME` adds one.\n".to_owned();
        }
        out::print(&text)
    }

    async fn sync(&self) -> Result<()> {
        if !self.statistics.has_tokens() {
            bail!("GitHub shows traffic only to a token that can push: add one to tokens under [github]");
        }
        let mut report = traffic::sync(&self.statistics, &self.store).await?;
        // Where all is up to date, or no account has numbers, no token was tried.
        if report.days == 0 {
            report.refused_tokens = self.statistics.refused_tokens().await;
        }
        match self.json {
            true => out::json(&report)?,
            false => out::print(&people(&report))?,
        }
        let TrafficReport { repositories, failed, failures, refused_tokens, .. } = report;
        told_of(&refused_tokens)?;
        if failed == 0 {
            return Ok(());
        }
        let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        failures.iter().for_each(|(repository, why)| of.entry(why).or_default().push(repository));
        let each = of.iter().map(|(why, repositories)| {
            let (named, others) = repositories.split_at(repositories.len().min(NAMED));
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            format!("{}{more}: {why}", named.join(", "))
        });
        let each = each.collect::<Vec<_>>().join("; ");
        bail!("{failed} of {} failed; {each}", out::counted(repositories, "repository"))
    }
}

/// What is needed to ask GitHub.
fn access(config: &Config) -> Result<GithubAccess> {
    let crate::config::GithubConfig { api, tokens, within, .. } = config.github.clone();
    let api = api.context("api-url under [github] is \"off\": there are no statistics")?;
    Ok(GithubAccess { api, tokens, within, outgoing: Outgoing::new(config.outgoing_allow.clone()) })
}

/// Asks GitHub alone, so it works without a store.
async fn status(config: &Config, json: bool) -> Result<()> {
    let access = access(config)?;
    let api = access.api.clone();
    let tokens = token_status(access, now).await;
    let mut text = String::new();
    for TokenStatus { token, account, state, left, limit, resets, points_left, error } in &tokens {
        let account = account.as_ref().map(|account| format!(" of {account}")).unwrap_or_default();
        text += &format!("{token}{account}: {state}");
        if let Some(error) = error {
            text += &format!(" ({error})");
        }
        if let (Some(left), Some(limit), Some(resets)) = (left, limit, resets) {
            let at = minute(*resets).readable();
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
    if json {
        out::json(&tokens)?
    } else {
        out::print(&text)?
    }
    told_of(&refused(&tokens))?;
    if !tokens.is_empty() && tokens.iter().all(|status| status.error.is_some()) {
        bail!("no token could be checked with GitHub's API at {api}")
    }
    Ok(())
}

/// The tokens, if GitHub refuses all of them.
fn refused(tokens: &[TokenStatus]) -> Vec<String> {
    let is_refused = |status: &TokenStatus| status.state == "revoked";
    match tokens.iter().all(is_refused) {
        true => tokens.iter().map(|status| status.token.clone()).collect(),
        false => Vec::new(),
    }
}

/// Fails if every token is refused.
fn told_of(refused: &[String]) -> Result<()> {
    if refused.is_empty() {
        return Ok(());
    }
    bail!("GitHub refuses every token ({}): write a new one into tokens under [github]", refused.join(", "))
}

/// What was archived.
fn people(report: &TrafficReport) -> String {
    let TrafficReport { repositories, days, views, uniques, clones, elsewhere, .. } = report;
    let elsewhere = match elsewhere {
        0 => String::new(),
        _ => format!("; another process counts {} at this moment", out::counted(*elsewhere, "repository")),
    };
    let [views, uniques, clones] = [views, uniques, clones].map(|count| count.separate_with_commas());
    format!(
        "{}: {} counted, {views} views, {uniques} visitors added up over days, {clones} clones{elsewhere}\n",
        out::counted(*repositories, "repository"),
        out::counted(*days, "new day")
    )
}

/// Fails if any account failed: the reason is printed for each.
fn told(troubles: &AccountTroubles<'_>) -> Result<()> {
    let lines: Vec<String> = troubles.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    if lines.is_empty() { Ok(()) } else { bail!("{}", lines.join("; ")) }
}

fn minute(seconds: u64) -> Minute {
    Minute(i32::try_from(seconds / 60).unwrap_or(i32::MAX))
}

fn shown<'a>(
    name: &'a AccountName,
    account: &'a TrackedAccount,
    aged: Option<&Aged>,
    missing: Option<MissingAccount>,
) -> ShownAccount<'a> {
    ShownAccount {
        name: name.as_str(),
        tracked: true,
        error: None,
        banners: account.banners.keys().map(String::as_str).collect(),
        gone: missing.is_some_and(MissingAccount::is_gone),
        missing_since: missing.map(|missing| minute(missing.since()).readable()),
        repositories: aged.map(|aged| aged.stats.repositories()),
        stars: aged.map(|aged| aged.stats.stars),
        at: aged.map(|aged| aged.minute().readable()),
    }
}
