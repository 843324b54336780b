//! `tallymark set`, `add`, `reset`, `delete`, `rename` and `merge`: an operator corrects counts.
//!
//! The rules are in `tallymark-ingest`. This module has the flags, the confirmation before many names change, and the
//! output.

use super::{CommonFlags, Misuse, block_on, corrections, import_badge::ImportBadge, out, show};
use crate::{home, progress, user};
use anyhow::{Result, anyhow, bail};
use clap::Args;
use std::{
    collections::BTreeSet,
    env,
    io::{self, IsTerminal, Write},
};
use tallymark_core::{CorrectionAction, CorrectionRequest, Event, Glob, Name, NotCorrected, TimeStretch};
use tallymark_ingest::Corrector;
use tallymark_store::{Filter, Store, owner::User};
use thousands::Separable;

/// How many names are listed at once.
const PAGE: usize = 1000;

/// Flags of every correction.
#[derive(Debug, Args)]
pub(super) struct CorrectionFlags {
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
    /// Why, for the log of corrections.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

/// Set the total of a name. What is added is of today (UTC); what is taken away is taken from the latest minutes, hours and
/// days first. See `tallymark help correct`.
#[derive(Debug, Args)]
pub(super) struct Set {
    /// The name, decoded: owner/repo.
    name: String,
    /// The new total.
    #[arg(allow_negative_numbers = true, value_parser = total)]
    count: i64,
    /// What happened to it.
    #[arg(long, default_value = "hit", value_parser = show::event_to_write)]
    event: Event,
    /// This many were counted before Tallymark: they are added to the total once, on a day that no recent period shows, and a
    /// larger number later adds the difference. The same as `tallymark import badge`.
    #[arg(long)]
    base: bool,
    #[command(flatten)]
    flags: CorrectionFlags,
}

/// Add to the total of a name, today (UTC). A negative number takes away, the latest first.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// The name, decoded: owner/repo.
    name: String,
    /// How many to add.
    #[arg(allow_negative_numbers = true, value_parser = count)]
    count: i64,
    /// What happened to it.
    #[arg(long, default_value = "hit", value_parser = show::event_to_write)]
    event: Event,
    #[command(flatten)]
    flags: CorrectionFlags,
}

/// Set everything of a name to 0, or what was counted in a stretch of time. The name stays.
#[derive(Debug, Args)]
pub(super) struct Reset {
    /// The name, decoded, or a pattern of names: spam/*
    #[arg(value_name = "NAME|GLOB")]
    name: String,
    /// What happened to it.
    #[arg(long, default_value = "hit", value_parser = show::event)]
    event: Event,
    /// Only what was counted from then on: a day, like 2026-11-20, or a minute, like 2026-11-20T13:07 (UTC).
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// And up to then, this day or minute included.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Do not ask before many names are reset.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    flags: CorrectionFlags,
}

/// Delete a name and everything that was counted of it.
#[derive(Debug, Args)]
pub(super) struct Delete {
    /// The name, decoded, or a pattern of names: spam/*
    #[arg(value_name = "NAME|GLOB")]
    name: String,
    /// Only what was counted of this event [default: every event].
    #[arg(long, value_parser = show::event)]
    event: Option<Event>,
    /// Do not ask before many names are deleted.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    flags: CorrectionFlags,
}

/// Give a name, with everything that was counted of it, another name, which must not be there yet.
#[derive(Debug, Args)]
pub(super) struct Rename {
    /// The name, decoded: owner/repo.
    name: String,
    /// The new name.
    to: String,
    /// Only what was counted of this event [default: every event].
    #[arg(long, value_parser = show::event)]
    event: Option<Event>,
    #[command(flatten)]
    flags: CorrectionFlags,
}

/// Add everything that was counted of a name to another name; the first one goes.
#[derive(Debug, Args)]
pub(super) struct Merge {
    /// The name that goes, decoded: owner/repo.
    name: String,
    /// The name that gets its counts.
    to: String,
    /// Only what was counted of this event [default: every event].
    #[arg(long, value_parser = show::event)]
    event: Option<Event>,
    #[command(flatten)]
    flags: CorrectionFlags,
}

/// A number of hits.
fn count(text: &str) -> Result<i64, String> {
    let digits = text.trim_start_matches(['-', '+']);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    text.parse().map_err(|_| match is_number {
        true => format!("a number has at most 19 digits, up to {}", i64::MAX.separate_with_commas()),
        false => "it is not a number: write digits only, without separators".to_owned(),
    })
}

/// A total.
fn total(text: &str) -> Result<i64, String> {
    let below = "a total is at least 0; `tallymark add NAME -N` takes N away";
    count(text).and_then(|count| if count < 0 { Err(below.to_owned()) } else { Ok(count) })
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say why in a few words, or leave it out".to_owned()),
        text if text.len() > 500 || text.chars().any(char::is_control) => {
            Err("a reason is one line of at most 500 bytes".to_owned())
        }
        text => Ok(text.to_owned()),
    }
}

impl Set {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        if self.base {
            let old = ImportBadge {
                from: self.count.to_string(),
                name: Some(name(&self.name, Some(self.event))?),
                event: self.event,
                date: None,
                dry_run: self.flags.dry_run,
                reason: self.flags.reason,
            };
            return old.run(common);
        }
        one(common, CorrectionAction::Set(self.count), &self.name, Some(self.event), self.flags)
    }
}

impl Add {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        one(common, CorrectionAction::Add(self.count), &self.name, Some(self.event), self.flags)
    }
}

impl Rename {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let to = name(&self.to, self.event)?;
        one(common, CorrectionAction::Rename(to), &self.name, self.event, self.flags)
    }
}

impl Merge {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let to = name(&self.to, self.event)?;
        one(common, CorrectionAction::Merge(to), &self.name, self.event, self.flags)
    }
}

impl Delete {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        many(common, CorrectionAction::Delete, &self.name, self.event, self.yes, self.flags)
    }
}

impl Reset {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let stretch = match (&self.from, &self.to) {
            (None, None) => None,
            (from, to) => {
                let stretch = TimeStretch::read(from.as_deref(), to.as_deref());
                Some(stretch.map_err(|error| Misuse::because(format!("--from and --to: {error}")))?)
            }
        };
        many(common, CorrectionAction::Reset(stretch), &self.name, Some(self.event), self.yes, self.flags)
    }
}

fn name(text: &str, event: Option<Event>) -> Result<Name> {
    let name = Name::of(event.unwrap_or(Event::HIT), text);
    name.map_err(|error| Misuse::because(format!("{} is not a name: {error}", out::plain(text))))
}

/// Who runs this command.
pub(super) fn by() -> String {
    let user = User::current().map_or_else(|| "somebody".to_owned(), |user| user.to_string());
    match env::var("SUDO_USER") {
        Ok(person) if !person.is_empty() && person != user => format!("{person} as {user}"),
        _ => user,
    }
}

fn one(
    common: &CommonFlags,
    action: CorrectionAction,
    of: &str,
    event: Option<Event>,
    flags: CorrectionFlags,
) -> Result<()> {
    let name = name(of, event)?;
    let config = common.load()?;
    if !flags.dry_run {
        user::may_write_store(&config.store)?;
    }
    block_on(async {
        let store = common.existing_store(&config).await?;
        let names = [name.clone()];
        let request = request(action, name, of, event, flags.reason);
        let work = correct(common, Corrector::new(store.clone()), &request, &names, flags.dry_run);
        home::remembering(&config, (!flags.dry_run).then_some(&store), work).await
    })
}

/// A name, or a pattern, if there is no name that is spelled like it.
fn many(
    common: &CommonFlags,
    action: CorrectionAction,
    of: &str,
    event: Option<Event>,
    yes: bool,
    flags: CorrectionFlags,
) -> Result<()> {
    let Some(glob) = Glob::new(of).ok().filter(|glob| !glob.is_exact()) else {
        return one(common, action, of, event, flags);
    };
    let config = common.load()?;
    if !flags.dry_run {
        user::may_write_store(&config.store)?;
    }
    block_on(async {
        let store = common.existing_store(&config).await?;
        let events = match event {
            Some(event) => vec![event],
            None => store.events().await?,
        };
        let mut found = MatchingNames::default();
        if let Ok(exact) = Name::of(event.unwrap_or(Event::HIT), of)
            && is_there(&*store, &events, &exact).await?
        {
            found.names.insert(exact);
        } else {
            for &event in &events {
                found.find(&*store, event, &glob).await?;
            }
            if found.names.is_empty() {
                bail!("no name matches {}: each * matches any text", out::plain(of));
            }
            if !flags.dry_run {
                confirm(&action, of, &found, yes)?;
            }
        }
        let names: Vec<Name> = found.names.into_iter().collect();
        let request = request(action, names[0].clone(), of, event, flags.reason);
        let work = correct(common, Corrector::new(store.clone()), &request, &names, flags.dry_run);
        home::remembering(&config, (!flags.dry_run).then_some(&store), work).await
    })
}

async fn is_there(store: &dyn Store, events: &[Event], name: &Name) -> Result<bool> {
    for &event in events {
        if store.has(event, std::slice::from_ref(name)).await?.contains(&true) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The names that match a pattern.
#[derive(Default)]
struct MatchingNames {
    names: BTreeSet<Name>,
    /// Over all their events.
    total: i64,
}

impl MatchingNames {
    async fn find(&mut self, store: &dyn Store, event: Event, glob: &Glob) -> Result<()> {
        let filter = Filter { prefix: glob.prefix().to_owned(), contains: String::new() };
        let mut start = None;
        loop {
            let page = store.find(event, &filter, start.as_deref(), PAGE).await?;
            let names: BTreeSet<Name> =
                page.names.into_iter().filter(|name| glob.matches(name.as_str())).collect();
            let names: Vec<Name> = names.into_iter().collect();
            let totals = store.totals(event, &names).await?;
            self.total = totals.into_iter().fold(self.total, i64::saturating_add);
            self.names.extend(names);
            start = page.next;
            if start.is_none() {
                return Ok(());
            }
        }
    }
}

/// Asks before many names change. Without a terminal, the flag answers.
fn confirm(action: &CorrectionAction, of: &str, found: &MatchingNames, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    let names = out::counted(found.names.len() as u64, "name");
    let what = format!(
        "{} matches {names}, with {} counted in all",
        out::plain(of),
        found.total.separate_with_commas()
    );
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        bail!(Misuse::because(format!(
            "{what}: add --yes to {} them, or --dry-run to see them",
            action.word()
        )));
    }
    let mut asked = io::stderr().lock();
    write!(asked, "{what}. {} them? [y/N] ", capitalized(action.word()))?;
    asked.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was changed");
    }
    Ok(())
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

async fn correct(
    common: &CommonFlags,
    corrector: Corrector,
    request: &CorrectionRequest,
    names: &[Name],
    dry_run: bool,
) -> Result<()> {
    let records = match dry_run {
        true => corrector.plan(request, names).await,
        false => {
            let bar = progress::bar(request.action.word(), names.len() as u64);
            let done = corrector.correct_all(request, names, |names| bar.inc(names as u64)).await;
            bar.finish_and_clear();
            done
        }
    };
    let records = records.map_err(why)?;
    corrections::report(common, &records, dry_run, &[])
}

/// The error, as a command says it.
pub(super) fn why(error: NotCorrected) -> anyhow::Error {
    match error {
        NotCorrected::Unknown(_) | NotCorrected::InPart(..) => {
            anyhow!("{error}. `tallymark corrections` lists what was done")
        }
        error => anyhow!(error),
    }
}

fn request(
    action: CorrectionAction,
    name: Name,
    asked: &str,
    event: Option<Event>,
    reason: Option<String>,
) -> CorrectionRequest {
    CorrectionRequest { action, name, asked: asked.to_owned(), event, by: by(), reason }
}
