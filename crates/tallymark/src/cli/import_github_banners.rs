//! `tallymark import github-banners`: the accounts and banners of GitHub Banners' database.
//!
//! They come as CSV, because that is what its PostgreSQL writes without a driver of ours. Nothing is counted: statistics
//! and the list of tracked accounts are put where the daemon keeps them, so running it again changes nothing.

use super::{CommonFlags, block_on, out};
use crate::{home, user};
use anyhow::{Context, Result, bail};
use chrono::NaiveDateTime;
use clap::Args;
use csv::{ReaderBuilder, StringRecord};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
};
use tallymark_badge::banner::BannerType;
use tallymark_github::{AccountName, RepositorySums, Stats, TrackedAccounts, take_over};
use tallymark_ingest::source::now;

const TABLES: [&str; 3] = ["users.csv", "repositories.csv", "banners.csv"];
const USERS: [&str; 10] = [
    "username",
    "name",
    "company",
    "location",
    "bio",
    "public_repos_count",
    "followers_count",
    "following_count",
    "fetched_at",
    "username_normalized",
];
const REPOSITORIES: [&str; 8] = [
    "github_id",
    "pushed_at",
    "updated_at",
    "language",
    "stars_count",
    "forks_count",
    "is_fork",
    "owner_username_normalized",
];
const BANNERS: [&str; 6] =
    ["banner_type", "storage_path", "is_active", "created_at", "updated_at", "github_username_normalized"];

/// Takes over the accounts and banners of GitHub Banners. Export its tables first, with or without a header:
/// psql -c "COPY github_data.users TO STDOUT CSV" > users.csv, and so repositories.csv and banners.csv.
#[derive(Debug, Args)]
pub(super) struct ImportGithubBanners {
    /// A directory with users.csv, repositories.csv and banners.csv; or, where the database is lost, one with the banners
    /// themselves, NAME-TYPE.svg.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only show what would be taken over.
    #[arg(long)]
    dry_run: bool,
}

/// What was done.
#[derive(Debug, Default, Serialize)]
struct TakenOver {
    /// Accounts with statistics in the tables.
    accounts: u64,
    /// Of which the store had nothing as new.
    statistics: u64,
    /// Banners that are there now.
    banners: u64,
    /// Banners that were switched off there.
    inactive: u64,
    /// Rows that are no account, repository or banner.
    skipped: u64,
    dry_run: bool,
    /// There were no tables, only the banners themselves.
    from_files: bool,
}

/// The tables, read.
#[derive(Default)]
struct BannerTables {
    accounts: BTreeMap<AccountName, (Stats, u64)>,
    banners: Vec<(AccountName, BannerType, String)>,
    inactive: u64,
    skipped: u64,
    are_files: bool,
}

impl ImportGithubBanners {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        let tables = BannerTables::read(&self.dir)?;
        let mut taken = TakenOver {
            accounts: tables.accounts.len() as u64,
            inactive: tables.inactive,
            skipped: tables.skipped,
            dry_run: self.dry_run,
            from_files: tables.are_files,
            banners: if self.dry_run { tables.banners.len() as u64 } else { 0 },
            ..TakenOver::default()
        };
        if !self.dry_run {
            user::may_write_store(&config.store)?;
            block_on(async {
                let store = home::open(&config).await?;
                let seconds = u64::try_from(now().unix_ms / 1000).unwrap_or(0);
                for (name, (stats, at)) in tables.accounts {
                    taken.statistics += u64::from(take_over(&*store, &name, stats, at, seconds).await?);
                }
                let tracked = TrackedAccounts::new(store);
                for (name, kind, spelt) in tables.banners {
                    let mut account = tracked.find(&name).await?.unwrap_or_default();
                    // Whoever created it here first has its spelling.
                    account.banners.entry(kind.word().to_owned()).or_insert(spelt);
                    tracked.put(&name, &account).await?;
                    taken.banners += 1;
                }
                Ok(())
            })?;
        }
        if common.json { out::json(&taken) } else { out::print(&people(&taken)) }
    }
}

fn people(taken: &TakenOver) -> String {
    let TakenOver { accounts, statistics, banners, inactive, skipped, dry_run, from_files } = taken;
    if *from_files {
        return people_of_files(taken);
    }
    let (accounts, row) = (out::counted(*accounts, "account"), out::counted(*skipped, "row"));
    let skipped =
        if *skipped > 0 { format!("; {row} could not be read as one, and skipped") } else { String::new() };
    if *dry_run {
        return format!("{accounts} in the tables{skipped}; nothing is written\n");
    }
    let banners = out::counted(*banners, "banner");
    format!(
        "{accounts}: statistics of {statistics} taken over, {banners} tracked, {inactive} switched off there{skipped}\n"
    )
}

fn people_of_files(taken: &TakenOver) -> String {
    let (banners, file) = (out::counted(taken.banners, "banner"), out::counted(taken.skipped, "file"));
    let skipped =
        if taken.skipped > 0 { format!("; {file} skipped, not called NAME-TYPE.svg") } else { String::new() };
    match taken.dry_run {
        true => format!("{banners} found as files{skipped}; nothing is written\n"),
        false => format!("{banners} tracked{skipped}; the daemon asks GitHub for their numbers\n"),
    }
}

impl BannerTables {
    fn read(dir: &Path) -> Result<BannerTables> {
        let mut tables = BannerTables::default();
        let has_table = |table: &str| dir.join(table).exists();
        if !TABLES.into_iter().any(has_table) && tables.read_files(dir)? {
            return Ok(tables);
        }
        let mut sums: BTreeMap<AccountName, (RepositorySums, HashSet<u64>)> = BTreeMap::new();
        let [users, repositories, banners] = TABLES;
        each(&dir.join(repositories), &REPOSITORIES, |row| {
            let added = repository(row, &mut sums);
            tables.skipped += u64::from(added.is_none());
        })?;
        each(&dir.join(users), &USERS, |row| match account(row, &mut sums) {
            Some((name, stats, at)) => drop(tables.accounts.insert(name, (stats, at))),
            None => tables.skipped += 1,
        })?;
        each(&dir.join(banners), &BANNERS, |row| match banner(row) {
            Some((_, false)) => tables.inactive += 1,
            Some((banner, true)) => tables.banners.push(banner),
            None => tables.skipped += 1,
        })?;
        Ok(tables)
    }

    /// Takes banners by the names of their files; whether there are any. What they show is asked for anew.
    fn read_files(&mut self, dir: &Path) -> Result<bool> {
        let reading = || format!("reading {}", dir.display());
        for entry in fs::read_dir(dir).with_context(reading)? {
            let file = entry.with_context(reading)?.file_name();
            let Some(stem) = file.to_str().and_then(|file| file.strip_suffix(".svg")) else { continue };
            // The picture of the addresses that nobody created.
            if stem == "default" {
                continue;
            }
            match banner_of_file(stem) {
                Some(banner) => self.banners.push(banner),
                None => self.skipped += 1,
            }
        }
        self.banners.sort_by(|one, other| one.2.cmp(&other.2));
        self.are_files = !self.banners.is_empty();
        Ok(self.are_files)
    }
}

/// `NAME-TYPE`.
fn banner_of_file(stem: &str) -> Option<(AccountName, BannerType, String)> {
    let (spelt, kind) = stem.rsplit_once('-')?;
    Some((AccountName::new(spelt).ok()?, BannerType::from_word(kind)?, spelt.to_owned()))
}

/// One row, by the names of its columns.
struct TableRow<'a> {
    record: &'a StringRecord,
    order: &'a [usize],
    columns: &'a [&'static str],
}

impl TableRow<'_> {
    /// Empty if it is NULL.
    fn text(&self, column: &str) -> &str {
        let at = self.columns.iter().position(|known| *known == column);
        at.and_then(|at| self.record.get(*self.order.get(at)?)).unwrap_or_default()
    }

    fn number(&self, column: &str) -> Option<u64> {
        self.text(column).parse().ok()
    }

    fn flag(&self, column: &str) -> Option<bool> {
        match self.text(column) {
            "t" | "true" => Some(true),
            "f" | "false" => Some(false),
            _ => None,
        }
    }
}

/// Reads a table. A header is recognised by its words, and may have another order.
fn each(path: &Path, columns: &[&'static str], mut take: impl FnMut(&TableRow<'_>)) -> Result<()> {
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_path(path);
    let mut reader = reader.with_context(|| format!("opening {}", path.display()))?;
    let mut order: Vec<usize> = (0..columns.len()).collect();
    for (at, record) in reader.records().enumerate() {
        let record = record.with_context(|| format!("reading {}", path.display()))?;
        if record.len() != columns.len() {
            let line = record.position().map_or(0, csv::Position::line);
            let (has, wants) = (record.len(), columns.len());
            bail!(
                "{}, line {line}: {has} columns, and this table has {wants}: {}",
                path.display(),
                columns.join(",")
            );
        }
        let header: Option<Vec<usize>> =
            columns.iter().map(|column| record.iter().position(|word| word == *column)).collect();
        match header {
            Some(header) if at == 0 => order = header,
            _ => take(&TableRow { record: &record, order: &order, columns }),
        }
    }
    Ok(())
}

fn repository(
    row: &TableRow<'_>,
    sums: &mut BTreeMap<AccountName, (RepositorySums, HashSet<u64>)>,
) -> Option<()> {
    let owner = AccountName::new(row.text("owner_username_normalized")).ok()?;
    let (stars, forks) = (row.number("stars_count")?, row.number("forks_count")?);
    let (id, is_fork) = (row.number("github_id")?, row.flag("is_fork")?);
    let language = Some(row.text("language")).filter(|language| !language.is_empty());
    let (sums, seen) = sums.entry(owner).or_default();
    if seen.insert(id) {
        sums.add(is_fork, stars, forks, language)?;
    }
    Some(())
}

fn account(
    row: &TableRow<'_>,
    sums: &mut BTreeMap<AccountName, (RepositorySums, HashSet<u64>)>,
) -> Option<(AccountName, Stats, u64)> {
    let name = AccountName::new(row.text("username_normalized")).ok()?;
    let login = AccountName::new(row.text("username")).ok().filter(|login| *login == name);
    let login = login.map_or(name.as_str(), |_| row.text("username")).to_owned();
    // Without a zone; its daemon ran in UTC, as containers do.
    let at = NaiveDateTime::parse_from_str(row.text("fetched_at"), "%Y-%m-%d %H:%M:%S%.f").ok()?;
    let at = u64::try_from(at.and_utc().timestamp()).ok()?;
    let (sums, _) = sums.remove(&name).unwrap_or_default();
    // Repositories that are in no row would be shown as none.
    if row.number("public_repos_count")? > 0 && sums.is_empty() {
        return None;
    }
    Some((name, sums.of(login, row.number("followers_count").unwrap_or(0)), at))
}

/// A banner, and whether it is active.
fn banner(row: &TableRow<'_>) -> Option<((AccountName, BannerType, String), bool)> {
    let name = AccountName::new(row.text("github_username_normalized")).ok()?;
    let kind = BannerType::from_word(row.text("banner_type"))?;
    let spelt = row.text("storage_path").strip_suffix(kind.word())?.strip_suffix('-')?;
    let is_its_own = AccountName::new(spelt).ok()? == name;
    let active = row.flag("is_active")?;
    is_its_own.then(|| ((name, kind, spelt.to_owned()), active))
}
