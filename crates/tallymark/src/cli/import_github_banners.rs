//! `tallymark import github-banners`: the accounts and banners of GitHub Banners' database.
//!
//! They come as CSV, because that is what its PostgreSQL writes without a driver of ours. Nothing is counted:
//! statistics and the list of tracked accounts are written where the daemon keeps them, so running it again changes
//! nothing.

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

/// What to do where there is nothing to take over.
const NEEDED: &str = "users.csv, repositories.csv and banners.csv are needed, or the banners themselves as NAME-TYPE.svg. Export \
                      them there: psql -c 'COPY github_data.users TO STDOUT CSV' > users.csv; \
                      psql -c 'COPY github_data.repositories TO STDOUT CSV' > repositories.csv; \
                      psql -c 'COPY public.banners TO STDOUT CSV' > banners.csv";
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
    /// What was skipped and why, and what does not agree: one line each, of which not all are kept.
    remarks: Vec<String>,
}

/// So many remarks are kept.
const MOST_REMARKS: usize = 20;

/// The tables, read.
#[derive(Default)]
struct BannerTables {
    accounts: BTreeMap<AccountName, (Stats, u64)>,
    banners: Vec<(AccountName, BannerType, String)>,
    inactive: u64,
    skipped: u64,
    are_files: bool,
    remarks: Vec<String>,
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
            remarks: tables.remarks,
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
                    // A banner that was created here before keeps its spelling.
                    tracked.add_banner(&name, kind.word(), &spelt).await?;
                    taken.banners += 1;
                }
                Ok(())
            })?;
        }
        if common.json {
            return out::json(&taken);
        }
        let remarks: String = taken.remarks.iter().map(|remark| format!("  {remark}\n")).collect();
        out::print(&(people(&taken) + &remarks))
    }
}

fn people(taken: &TakenOver) -> String {
    let TakenOver { accounts, statistics, banners, inactive, skipped, dry_run, from_files, .. } = taken;
    if *from_files {
        return people_of_files(taken);
    }
    let (accounts, row) = (out::counted(*accounts, "account"), out::counted(*skipped, "row"));
    let skipped =
        if *skipped > 0 { format!("; {row} could not be read as one, and skipped") } else { String::new() };
    let banners = out::counted(*banners, "banner");
    if *dry_run {
        return format!(
            "{accounts} and {banners} in the tables, {inactive} switched off there{skipped}; nothing is written\n"
        );
    }
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
        let missing: Vec<&str> = TABLES.into_iter().filter(|table| !has_table(table)).collect();
        if !missing.is_empty() {
            bail!("{} has no {}, and {NEEDED}", dir.display(), missing.join(", no "));
        }
        let [users, repositories, banners] = TABLES;
        each(&dir.join(repositories), &REPOSITORIES, |row| {
            let added = repository(row, &mut sums);
            added.unwrap_or_else(|why| tables.skip(repositories, row, &why));
        })?;
        each(&dir.join(users), &USERS, |row| match account(row, &mut sums) {
            Ok((name, stats, at)) => {
                let (said, found) = (row.number("public_repos_count").unwrap_or(0), stats.repositories());
                if said != found {
                    let what = format!(
                        "{name} has {said} repositories, and {found} in {repositories}: taken as they are"
                    );
                    tables.remark(users, row, &what);
                }
                tables.accounts.insert(name, (stats, at));
            }
            Err(why) => tables.skip(users, row, &why),
        })?;
        each(&dir.join(banners), &BANNERS, |row| match banner(row) {
            Ok((_, false)) => tables.inactive += 1,
            Ok((banner, true)) => tables.banners.push(banner),
            Err(why) => tables.skip(banners, row, &why),
        })?;
        Ok(tables)
    }

    fn skip(&mut self, table: &str, row: &TableRow<'_>, why: &str) {
        self.skipped += 1;
        self.remark(table, row, &format!("{why}: skipped"));
    }

    fn remark(&mut self, table: &str, row: &TableRow<'_>, what: &str) {
        let line = row.record.position().map_or(0, csv::Position::line);
        match self.remarks.len() {
            few if few < MOST_REMARKS => self.remarks.push(format!("{table}, line {line}: {what}")),
            MOST_REMARKS => self.remarks.push("and more".to_owned()),
            _ => {}
        }
    }

    /// Imports banners by the names of their files. Returns whether there are any. Their numbers are fetched again.
    fn read_files(&mut self, dir: &Path) -> Result<bool> {
        let reading = || format!("reading {}", dir.display());
        for entry in fs::read_dir(dir).with_context(reading)? {
            let file = entry.with_context(reading)?.file_name();
            let Some(stem) = file.to_str().and_then(|file| file.strip_suffix(".svg")) else { continue };
            // The picture for addresses that were not created.
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

/// A value of a row, as it may be shown.
fn shown(row: &TableRow<'_>, column: &str) -> String {
    let text: String = row.text(column).chars().take(60).collect();
    format!("{column} {:?}", out::plain(&text))
}

fn name(row: &TableRow<'_>, column: &str) -> Result<AccountName, String> {
    AccountName::new(row.text(column)).map_err(|why| format!("{}: {why}", shown(row, column)))
}

fn number(row: &TableRow<'_>, column: &str) -> Result<u64, String> {
    row.number(column).ok_or_else(|| format!("{} is no number", shown(row, column)))
}

fn flag(row: &TableRow<'_>, column: &str) -> Result<bool, String> {
    row.flag(column).ok_or_else(|| format!("{} is neither t nor f", shown(row, column)))
}

fn repository(
    row: &TableRow<'_>,
    sums: &mut BTreeMap<AccountName, (RepositorySums, HashSet<u64>)>,
) -> Result<(), String> {
    let owner = name(row, "owner_username_normalized")?;
    let (stars, forks) = (number(row, "stars_count")?, number(row, "forks_count")?);
    let (id, is_fork) = (number(row, "github_id")?, flag(row, "is_fork")?);
    let language = Some(row.text("language")).filter(|language| !language.is_empty());
    let (sums, seen) = sums.entry(owner).or_default();
    if seen.insert(id) {
        let absurd =
            || format!("{} or {} cannot be true", shown(row, "stars_count"), shown(row, "forks_count"));
        sums.add(is_fork, stars, forks, language).ok_or_else(absurd)?;
    }
    Ok(())
}

fn account(
    row: &TableRow<'_>,
    sums: &mut BTreeMap<AccountName, (RepositorySums, HashSet<u64>)>,
) -> Result<(AccountName, Stats, u64), String> {
    let name = name(row, "username_normalized")?;
    let login = AccountName::new(row.text("username")).ok().filter(|login| *login == name);
    let login = login.map_or(name.as_str(), |_| row.text("username")).to_owned();
    // Without a zone; its daemon ran in UTC, as containers do.
    let at = NaiveDateTime::parse_from_str(row.text("fetched_at"), "%Y-%m-%d %H:%M:%S%.f").ok();
    let at = at.and_then(|at| u64::try_from(at.and_utc().timestamp()).ok());
    let at = at.ok_or_else(|| format!("{} is no time", shown(row, "fetched_at")))?;
    let said = number(row, "public_repos_count")?;
    let (sums, _) = sums.remove(&name).unwrap_or_default();
    // Repositories that are in no row would be shown as none.
    if said > 0 && sums.is_empty() {
        return Err(format!("{name} has {said} repositories, and none in repositories.csv"));
    }
    Ok((name, sums.of(login, row.number("followers_count").unwrap_or(0)), at))
}

/// A banner, and whether it is active.
fn banner(row: &TableRow<'_>) -> Result<((AccountName, BannerType, String), bool), String> {
    let name = name(row, "github_username_normalized")?;
    let kind = BannerType::from_word(row.text("banner_type"));
    let kind = kind.ok_or_else(|| format!("{} is neither default nor dark", shown(row, "banner_type")))?;
    let spelt = row.text("storage_path").strip_suffix(kind.word()).and_then(|path| path.strip_suffix('-'));
    let is_its_own = |spelt: &&str| AccountName::new(spelt).is_ok_and(|spelt| spelt == name);
    let spelt = spelt.filter(is_its_own).ok_or_else(|| {
        format!("{} is not {name}-{}, in any case", shown(row, "storage_path"), kind.word())
    })?;
    Ok(((name, kind, spelt.to_owned()), flag(row, "is_active")?))
}
