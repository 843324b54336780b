//! `tallymark restore FILE`: replaces the files of this installation with those of a backup.
//!
//! Everything is checked and written next to its destination first. Then the existing files are renamed, and the
//! backup's files get their names. `store.json` comes first, because a start between two of these steps must not begin
//! at 0: it says which counts must exist.

use super::{
    CommonFlags,
    backup::{self, CONFIGURATION, DATABASE},
    out,
};
use crate::{
    archive::{self, BackupManifest},
    config::Config,
    home, user,
};
use anyhow::{Context, Result, bail, ensure};
use chrono::Utc;
use clap::Args;
use serde::Serialize;
use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tallymark_ingest::{DirLock, Instance};
use tallymark_store::{StoreUrl, outbox::Outbox, sqlite};
use tempfile::TempDir;
use uuid::Uuid;

/// Puts back what `tallymark backup` has saved. The daemon must be stopped. What is there now is kept under another name;
/// the configuration in the backup is not put back.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup.
    file: PathBuf,
}

/// What was restored.
#[derive(Serialize)]
struct RestoreReport {
    #[serde(flatten)]
    manifest: BackupManifest,
    /// What was there before, under its new name.
    kept: Vec<PathBuf>,
    /// What earlier runs have kept, perhaps unfinished ones.
    kept_before: Vec<PathBuf>,
}

impl Restore {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        user::may_write(&config.data_dir)?;
        user::may_write_store(&config.store)?;
        let manifest = archive::unpack(&self.file, |_| None)?;
        fits(&manifest, &config)?;
        let _lock = DirLock::take(&config.data_dir).context("the daemon must be stopped first")?;
        sweep(&config.data_dir)?;
        let places = RestorePlaces::new(&config)?;
        let again = archive::unpack(&self.file, |name| places.beside(name))?;
        ensure!(again == manifest, "{} was replaced while it was read", self.file.display());
        places.check(&manifest)?;
        let kept_before = places.kept_before()?;
        let kept = places.exchange(&manifest)?;
        if common.json {
            return out::json(&RestoreReport { manifest, kept, kept_before });
        }
        out::print(&told(&manifest, &kept, &kept_before))
    }
}

/// Whether the backup is of the same kind of store.
fn fits(manifest: &BackupManifest, config: &Config) -> Result<()> {
    match (&manifest.counts, &config.store) {
        (Some(_), StoreUrl::Redis(_)) => bail!(
            "the backup has the counts of an embedded store ({}), and the configured one is {}: choose a file with \
             --store sqlite:PATH",
            manifest.store,
            config.store
        ),
        (None, StoreUrl::Sqlite(_)) => bail!(
            "the backup is of a daemon that counts into {}, without these counts, and the configured store is {}: \
             choose that Redis with --store",
            manifest.store,
            config.store
        ),
        _ => Ok(()),
    }
}

/// The mode of a file that was not there: counts are for the owner and the group.
const PRIVATE: u32 = 0o640;
/// What directories of unfinished runs begin with. Those of killed ones are removed by the next.
const STAGING: &str = ".restore-";
/// What is added to the names of files that are replaced, before the time.
const REPLACED: &str = ".replaced-";

/// Removes what killed runs have left in the data directory, whose lock is held.
fn sweep(dir: &Path) -> Result<()> {
    let attempt = || format!("removing what a killed restore has left in {}", dir.display());
    for entry in fs::read_dir(dir).with_context(attempt)? {
        let entry = entry.with_context(attempt)?;
        let is_left = entry.file_name().to_string_lossy().starts_with(STAGING);
        if is_left && entry.file_type().with_context(attempt)?.is_dir() {
            fs::remove_dir_all(entry.path()).with_context(attempt)?;
        }
    }
    Ok(())
}

/// Where the files belong, and where they are written before.
struct RestorePlaces {
    data_dir: PathBuf,
    staging: TempDir,
    /// The database, and a directory on the same file system.
    database: Option<(PathBuf, TempDir)>,
}

impl RestorePlaces {
    fn new(config: &Config) -> Result<RestorePlaces> {
        let staging = |beside: &Path| {
            fs::create_dir_all(beside)
                .and_then(|()| tempfile::Builder::new().prefix(STAGING).tempdir_in(beside))
                .with_context(|| format!("creating a directory in {}", beside.display()))
        };
        let database = match &config.store {
            StoreUrl::Sqlite(path) => {
                let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Some((path.clone(), staging(dir)?))
            }
            StoreUrl::Redis(_) => None,
        };
        Ok(RestorePlaces { data_dir: config.data_dir.clone(), staging: staging(&config.data_dir)?, database })
    }

    /// What runs before this one have renamed: one that was killed could not say so, and it may be the only copy.
    fn kept_before(&self) -> Result<Vec<PathBuf>> {
        let mut kept = Vec::new();
        let mut of = |place: &Path| -> Result<()> {
            let (Some(dir), Some(name)) = (place.parent(), place.file_name()) else { return Ok(()) };
            let start = format!("{}{REPLACED}", name.to_string_lossy());
            for entry in fs::read_dir(if dir.as_os_str().is_empty() { Path::new(".") } else { dir })? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with(&start) && !name.ends_with("-wal") && !name.ends_with("-shm") {
                    kept.push(entry.path());
                }
            }
            Ok(())
        };
        for name in [home::FILE, Instance::FILE, Outbox::FILE] {
            of(&self.data_dir.join(name)).context("looking for what earlier restores have kept")?;
        }
        if let Some((place, _)) = &self.database {
            of(place).context("looking for what earlier restores have kept")?;
        }
        kept.sort_unstable();
        Ok(kept)
    }

    /// Where a part is written first; `None` for what is not restored.
    fn beside(&self, name: &str) -> Option<PathBuf> {
        match (name, &self.database) {
            (DATABASE, Some((_, staging))) => Some(staging.path().join(DATABASE)),
            (Instance::FILE | home::FILE | Outbox::FILE, _) => Some(self.staging.path().join(name)),
            _ => None,
        }
    }

    /// The parts that are databases, beyond their digests.
    fn check(&self, manifest: &BackupManifest) -> Result<()> {
        for part in &manifest.parts {
            let known = self.beside(&part.name).is_some() || part.name == CONFIGURATION;
            ensure!(known, "the backup has a part {:?}, which this version does not know", part.name);
        }
        if let (Some((_, staging)), Some(counts)) = (&self.database, &manifest.counts) {
            let facts = sqlite::examine(&staging.path().join(DATABASE))?;
            ensure!(
                (facts.identity, facts.total, facts.names) == (counts.identity, counts.total, counts.names),
                "the database in the backup has a total of {}, and its manifest says {}",
                facts.total,
                counts.total
            );
        }
        home::examine(self.staging.path()).context("the backup's store.json")?;
        let instance = self.staging.path().join(Instance::FILE);
        let id = fs::read_to_string(&instance).unwrap_or_default();
        ensure!(
            !instance.exists() || id.trim().parse::<Uuid>().is_ok(),
            "the file {} in the backup does not hold an instance id: take an older backup",
            Instance::FILE
        );
        let outbox = self.staging.path().join(Outbox::FILE);
        if outbox.exists() {
            let waiting = Outbox::examine(&outbox)?;
            ensure!(
                waiting == manifest.waiting,
                "{waiting} hits wait in the outbox of the backup, and its manifest says {}",
                manifest.waiting
            );
        }
        Ok(())
    }

    /// The modes of the files that are replaced.
    fn modes(&self) -> Vec<(PathBuf, u32)> {
        let in_dir = [home::FILE, Instance::FILE, Outbox::FILE].map(|name| self.data_dir.join(name));
        let places = in_dir.into_iter().chain(self.database.iter().map(|(place, _)| place.clone()));
        let mode = |place: PathBuf| {
            let mode = fs::metadata(&place).ok()?.permissions().mode();
            Some((place, mode))
        };
        places.filter_map(mode).collect()
    }

    /// Renames the existing files, and puts the backup in their place. Returns the new names.
    fn exchange(&self, manifest: &BackupManifest) -> Result<Vec<PathBuf>> {
        let mut aside = Aside::new(&self.data_dir)?;
        let has = |name: &str| manifest.parts.iter().any(|part| part.name == name);
        let modes = self.modes();
        aside.copy(&self.data_dir.join(home::FILE))?;
        let put = |name: &str, place: &Path| -> Result<()> {
            let Some(new) = self.beside(name).filter(|_| has(name)) else { return Ok(()) };
            let mode = modes.iter().find(|(of, _)| of == place).map_or(PRIVATE, |(_, mode)| *mode);
            fs::set_permissions(&new, fs::Permissions::from_mode(mode))
                .with_context(|| format!("setting the mode of {}", new.display()))?;
            fs::rename(&new, place)
                .with_context(|| format!("moving {} to {}", new.display(), place.display()))
        };
        put(home::FILE, &self.data_dir.join(home::FILE))?;
        let counts = manifest.counts.as_ref().filter(|counts| counts.total > 0 && !has(home::FILE));
        if let (Some(counts), Some((place, _))) = (counts, &self.database) {
            // It was counted when nothing but a daemon remembered the store.
            home::remember_backup(&self.data_dir, place, counts.identity, counts.total)?;
        }
        sync(&self.data_dir)?;
        if let Some((place, _)) = &self.database {
            aside.move_database(place)?;
            put(DATABASE, place)?;
            sync(place.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        }
        let outbox = self.data_dir.join(Outbox::FILE);
        aside.move_database(&outbox)?;
        put(Outbox::FILE, &outbox)?;
        let instance = self.data_dir.join(Instance::FILE);
        aside.rename(&instance)?;
        put(Instance::FILE, &instance)?;
        if !has(home::FILE) && counts.is_none() {
            // Nothing was counted when the backup was made.
            remove(&self.data_dir.join(home::FILE))?;
        }
        sync(&self.data_dir)?;
        Ok(aside.kept)
    }
}

/// What was there before.
struct Aside {
    /// What is added to names.
    end: String,
    kept: Vec<PathBuf>,
}

impl Aside {
    /// With an ending that no file of an earlier restore has: what that one has kept stays.
    fn new(data_dir: &Path) -> Result<Aside> {
        let end = format!("{REPLACED}{}", Utc::now().format("%Y-%m-%dT%H-%M-%SZ"));
        for name in [home::FILE, Instance::FILE, Outbox::FILE, DATABASE] {
            let kept = with_end(&data_dir.join(name), &end);
            ensure!(!kept.exists(), "{} exists already: run this command again in a second", kept.display());
        }
        Ok(Aside { end, kept: Vec::new() })
    }

    /// A database and its log: a log next to another database would be applied to that one.
    fn move_database(&mut self, path: &Path) -> Result<()> {
        let end = self.end.clone();
        self.rename(path)?;
        for log in ["-wal", "-shm"] {
            move_away(&with_end(path, log), &with_end(path, &format!("{end}{log}")))?;
        }
        Ok(())
    }

    fn rename(&mut self, path: &Path) -> Result<()> {
        let to = with_end(path, &self.end);
        if move_away(path, &to)? {
            self.kept.push(to);
        }
        Ok(())
    }

    /// Keeps a file that is replaced in one step.
    fn copy(&mut self, path: &Path) -> Result<()> {
        let to = with_end(path, &self.end);
        match fs::copy(path, &to) {
            Ok(_) => {
                self.kept.push(to);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => {
                Err(error).with_context(|| format!("copying {} to {}", path.display(), to.display()))
            }
        }
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// Renames a file if there is one.
fn move_away(from: &Path, to: &Path) -> Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("moving {} to {}", from.display(), to.display())),
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Renames are on the disk when this returns.
fn sync(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).with_context(|| format!("writing {}", dir.display()))
}

fn told(manifest: &BackupManifest, kept: &[PathBuf], before: &[PathBuf]) -> String {
    let mut text = format!("The backup of {} is restored. {}", manifest.time, backup::contents(manifest));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if manifest.counts.is_none() {
        text += &format!("The counts are in {}, and were not changed.\n", manifest.store);
    }
    if !kept.is_empty() {
        text += "What was there is kept; delete it when you no longer need it:\n";
        for path in kept {
            text += &format!("    {}\n", path.display());
        }
    }
    if !before.is_empty() {
        text += "Earlier restores, finished or not, have kept:\n";
        for path in before {
            text += &format!("    {}\n", path.display());
        }
    }
    text + "Now start the daemon. It reads log files on from where the restored counts end.\n"
}
