//! `tallymark backup FILE`: everything of this installation in one file, while the daemon runs.
//!
//! Consistent copies of the parts are made in a directory next to FILE, and packed. The file is read once more and
//! compared before it gets its name. Counts in Redis are not in it: Redis has backups of its own.

use super::{CommonFlags, Misuse, must_exist, out};
use crate::{
    archive::{self, BackupCounts, BackupManifest},
    config::{self, Config},
    home, progress, user,
};
use anyhow::{Context, Result, bail, ensure};
use chrono::{NaiveDateTime, Utc};
use clap::Args;
use serde::Serialize;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};
use tallymark_ingest::Instance;
use tallymark_store::{StoreUrl, outbox::Outbox, sqlite};
use tempfile::NamedTempFile;
use thousands::Separable;

/// The names of parts. The outbox's and the instance's are those of their files.
pub(super) const DATABASE: &str = "tallymark.db";
pub(super) const CONFIGURATION: &str = "tallymark.toml";
/// What names in a directory begin and end with; the time is between them.
const NAME: (&str, &str) = ("tallymark-", ".tar");
const TIME: &str = "%Y-%m-%dT%H-%M-%SZ";

/// Saves the counts, the outbox, the state of this daemon and its configuration (without secrets) in one tar file. The
/// daemon may run.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to write, or a directory: there it is called tallymark-TIME.tar.
    file: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
    /// Of the backups in the directory, keep only the newest N.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
}

/// What was saved.
#[derive(Serialize)]
struct BackupReport<'a> {
    file: &'a Path,
    bytes: u64,
    #[serde(flatten)]
    manifest: &'a BackupManifest,
    removed: &'a [PathBuf],
}

impl Backup {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        user::may_write(&config.data_dir)?;
        user::may_write_store(&config.store)?;
        let now = Utc::now();
        let is_dir = self.file.is_dir() || self.file.to_string_lossy().ends_with('/');
        if self.keep.is_some() && !is_dir {
            return Err(Misuse::because(format!(
                "--keep needs a directory for the backups, and {} is not one (make it with mkdir)",
                self.file.display()
            )));
        }
        let file = match is_dir {
            true => self.file.join(format!("{}{}{}", NAME.0, now.format(TIME), NAME.1)),
            false => self.file.clone(),
        };
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.check(&file, dir, &config)?;
        let staging = Staging::new(dir)?;
        let time = now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let manifest = gather(&config, common.config.as_deref(), &staging.dir, time)?;
        let mtime = now.timestamp().unsigned_abs();
        let bytes = self.write(&manifest, &staging.dir, mtime, &file)?;
        drop(staging);
        let removed = match self.keep {
            Some(keep) => rotate(dir, keep as usize).with_context(|| {
                format!("{} is written, but older backups are not removed", file.display())
            })?,
            None => Vec::new(),
        };
        if common.json {
            return out::json(&BackupReport { file: &file, bytes, manifest: &manifest, removed: &removed });
        }
        out::print(&told(&file, bytes, &manifest, &removed))
    }

    fn check(&self, file: &Path, dir: &Path, config: &Config) -> Result<()> {
        let real = fs::canonicalize(dir).with_context(|| {
            format!("looking at the directory for the backup, {} (mkdir makes it)", dir.display())
        })?;
        let served = fs::canonicalize(&config.badges.dir).is_ok_and(|badges| real.starts_with(badges));
        ensure!(
            !served,
            "{} is inside {}, whose files are all served to the public: choose another directory",
            dir.display(),
            config.badges.dir.display()
        );
        ensure!(
            self.force || !file.try_exists().unwrap_or(true),
            "{} exists already, and was left as it is: choose another name, or replace it with --force",
            file.display()
        );
        Ok(())
    }

    /// Writes the file under a temporary name, reads it again, and gives it its name. Returns its length.
    fn write(&self, manifest: &BackupManifest, staging: &Path, mtime: u64, file: &Path) -> Result<u64> {
        let attempt = || format!("writing the backup {}", file.display());
        let mut packed = NamedTempFile::new_in(staging).with_context(attempt)?;
        {
            let mut buffered = io::BufWriter::new(packed.as_file_mut());
            archive::pack(manifest, staging, mtime, &mut buffered).with_context(attempt)?;
            buffered.flush().with_context(attempt)?;
        }
        packed.as_file().sync_all().with_context(attempt)?;
        let bytes = packed.as_file().metadata().with_context(attempt)?.len();
        let read = archive::unpack(packed.path(), |_| None).context("checking what was written")?;
        ensure!(
            read == *manifest,
            "{}: reading it back gives something other than what was written",
            attempt()
        );
        match self.force {
            true => packed.persist(file),
            false => packed.persist_noclobber(file),
        }
        .with_context(attempt)?;
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir).and_then(|dir| dir.sync_all()).with_context(attempt)?;
        Ok(bytes)
    }
}

/// The directory of an unfinished backup. What a killed run left in it is removed by the next one.
struct Staging {
    dir: PathBuf,
    _lock: File,
}

impl Staging {
    fn new(beside: &Path) -> Result<Staging> {
        let dir = beside.join(".tallymark-backup");
        let make = || {
            if let Err(error) = fs::create_dir(&dir)
                && error.kind() != io::ErrorKind::AlreadyExists
            {
                return Err(error);
            }
            File::open(&dir)
        };
        let lock = make().with_context(|| format!("creating {} for the parts", dir.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                bail!("another backup is being written into {}: wait for it", beside.display())
            }
            Err(fs::TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", dir.display()));
            }
        }
        let staging = Staging { dir, _lock: lock };
        for left in fs::read_dir(&staging.dir)? {
            fs::remove_file(left?.path())
                .with_context(|| format!("removing what is left in {}", staging.dir.display()))?;
        }
        Ok(staging)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next backup.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Copies everything into `staging`, and describes it.
fn gather(config: &Config, file: Option<&Path>, staging: &Path, time: String) -> Result<BackupManifest> {
    let (data_dir, mut names) = (&config.data_dir, Vec::new());
    // Before the counts: the total in store.json must not be more than what the copy has.
    for name in [Instance::FILE, home::FILE] {
        let path = data_dir.join(name);
        match fs::read(&path) {
            Ok(bytes) => {
                write_part(staging, name, &bytes)?;
                names.push(name);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => bail!(user::cannot_look("the file", &path, &error)),
        }
    }
    let mut waiting = 0;
    if Outbox::exists(data_dir) {
        waiting = Outbox::copy(data_dir, &staging.join(Outbox::FILE))?;
        names.push(Outbox::FILE);
    }
    let counts = match &config.store {
        StoreUrl::Sqlite(path) => Some(copy_store(path, staging)?),
        StoreUrl::Redis(_) if names.is_empty() => bail!(
            "there is nothing to save in {}; has a daemon run with this --data-dir?",
            data_dir.display()
        ),
        StoreUrl::Redis(_) => None,
    };
    names.extend(counts.is_some().then_some(DATABASE));
    if let Some(file) = file {
        let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        write_part(staging, CONFIGURATION, config::without_secrets(&text).as_bytes())?;
        names.push(CONFIGURATION);
    }
    let parts = names.iter().map(|name| archive::part(staging, name)).collect::<Result<_>>()?;
    Ok(BackupManifest {
        format: archive::FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time,
        store: home::shown(&config.store),
        counts,
        waiting,
        parts,
    })
}

fn write_part(staging: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = staging.join(name);
    fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))
}

fn copy_store(path: &Path, staging: &Path) -> Result<BackupCounts> {
    must_exist(path)?;
    let bar = progress::bar("copying", fs::metadata(path).map_or(0, |about| about.len()));
    let copied = sqlite::copy(path, &staging.join(DATABASE), |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let facts = copied?;
    Ok(BackupCounts {
        identity: facts.identity,
        schema: facts.schema,
        total: facts.total,
        names: facts.names,
    })
}

/// The backups in a directory and the time of each, the oldest first. Only files with a name that is given here are
/// backups.
pub(super) fn backups_in(dir: &Path) -> io::Result<Vec<(String, NaiveDateTime)>> {
    let mut backups = Vec::new();
    for file in fs::read_dir(dir)? {
        let name = file?.file_name().to_string_lossy().into_owned();
        let time = name.strip_prefix(NAME.0).and_then(|name| name.strip_suffix(NAME.1));
        if let Some(time) = time.and_then(|time| NaiveDateTime::parse_from_str(time, TIME).ok()) {
            backups.push((name, time));
        }
    }
    backups.sort_unstable();
    Ok(backups)
}

/// Removes the oldest backups in a directory.
fn rotate(dir: &Path, keep: usize) -> Result<Vec<PathBuf>> {
    let backups = backups_in(dir)?;
    let old = backups.len().saturating_sub(keep);
    let remove = |name: String| {
        let path = dir.join(name);
        fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        Ok(path)
    };
    backups.into_iter().take(old).map(|(name, _)| remove(name)).collect()
}

fn told(file: &Path, bytes: u64, manifest: &BackupManifest, removed: &[PathBuf]) -> String {
    let mut text =
        format!("{}: {} bytes, read again and compared.\n", file.display(), bytes.separate_with_commas());
    text += &contents(manifest);
    if manifest.counts.is_none() {
        text += &format!(
            "The counts are in {} and not in this file: `redis-cli BGSAVE` makes Redis save them.\n",
            manifest.store
        );
    }
    if !removed.is_empty() {
        text += &format!("{} removed.\n", out::counted(removed.len() as u64, "older backup"));
    }
    text
}

/// What a backup has, for people.
pub(super) fn contents(manifest: &BackupManifest) -> String {
    let counts = manifest
        .counts
        .as_ref()
        .map(|counts| format!("It has a total of {} over all events. ", counts.total.separate_with_commas()));
    let waiting = (manifest.waiting > 0)
        .then(|| format!("{} wait in its outbox.", out::counted(manifest.waiting, "hit")));
    let text = format!("{}{}", counts.unwrap_or_default(), waiting.unwrap_or_default());
    if text.is_empty() { text } else { format!("{}\n", text.trim_end()) }
}
