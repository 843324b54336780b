//! Which logs no source follows any more, so that `import log` can count the rest of their files.
//!
//! A daemon that runs on the data directory says what it follows; else the configuration does. Of logs that were
//! followed from another data directory nothing is known, and they are left to their daemon.

use crate::{
    config::{Config, Kind},
    tailing::SOCKET,
};
use anyhow::Result;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};
use tallymark_ingest::{Instance, import::Evidence};
use tallymark_store::Store;
use uuid::Uuid;

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What positions say that was counted, and who counts what is left.
pub(super) async fn evidence(config: &Config, store: &dyn Store) -> Result<Evidence> {
    let positions = store.positions(None).await?;
    let known = own_instance(config).zip(followed(config));
    Ok(Evidence::with_left(&positions, |instance, log| {
        known.as_ref().is_some_and(|(own, followed)| *own == instance && !followed.contains(&shown(log)))
    }))
}

fn own_instance(config: &Config) -> Option<Uuid> {
    fs::read_to_string(config.data_dir.join(Instance::FILE)).ok()?.trim().parse().ok()
}

/// A path as positions and the daemon write it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The logs that are followed. `None` if that cannot be told.
fn followed(config: &Config) -> Option<BTreeSet<String>> {
    let of_source = config.sources.iter().filter_map(|source| match &source.kind {
        Kind::File { path, .. } => Some(path.clone()),
        _ => None,
    });
    let of_daemon = by_daemon(&config.data_dir)?;
    // Relative to what, only the daemon knows.
    if of_daemon.iter().any(|path| path.is_relative()) {
        return None;
    }
    of_source.chain(of_daemon).map(|path| Some(shown(&std::path::absolute(path).ok()?))).collect()
}

/// What the daemon that runs on a data directory says.
fn by_daemon(data_dir: &Path) -> Option<Vec<PathBuf>> {
    let mut stream = match UnixStream::connect(data_dir.join(SOCKET)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return is_unused(data_dir).then(Vec::new);
        }
        Err(_) => return None,
    };
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"rejected\n").ok()?;
    let greeting = BufReader::new(stream).lines().next()?.ok()?;
    let greeting: Value = serde_json::from_str(&greeting).ok()?;
    let listens = greeting["listens"].as_array()?.iter().filter_map(Value::as_str);
    Some(listens.filter_map(|place| place.strip_prefix("file ")).map(PathBuf::from).collect())
}

/// Whether no daemon has the data directory. One that just starts has no socket yet.
fn is_unused(data_dir: &Path) -> bool {
    match fs::File::open(data_dir.join("lock")) {
        Ok(lock) => lock.try_lock_shared().is_ok(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}
