//! Settings that conflict with each other: nested directories, one port for two listeners, and one file under two
//! names.

use super::{
    reader::Mistakes,
    source::{Kind, Source},
};
use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};
use tallymark_ingest::source::{is_rotated_name, real_path};
use tallymark_store::StoreUrl;
use tallymark_web::Listen;

/// Checks where data and badges are. nginx serves everything in the directory of badges.
pub(super) fn check(data_dir: &Path, store: &StoreUrl, badges_dir: &Path, mistakes: &Mistakes<'_>) {
    let wrong = |what: String| mistakes.add(None, what);
    let database = match store {
        StoreUrl::Sqlite(path) => Some(path),
        StoreUrl::Redis(_) => None,
    };
    let (badges, data) = (real(badges_dir), real(data_dir));
    if data.starts_with(&badges) {
        let beside = data_dir.join("badges");
        let (data_dir, served) = (data_dir.display(), badges_dir.display());
        let what = match data == badges {
            true => {
                format!("{served} is also the data directory, and its files are all served to the public")
            }
            false => format!(
                "the data directory {data_dir} is inside {served}, whose files are all served to the public"
            ),
        };
        wrong(format!("badges-dir: {what}: choose another directory, like {}", beside.display()));
    } else if database.is_some_and(|path| real(path).starts_with(&badges)) {
        wrong(format!(
            "badges-dir: the database is inside {}, whose files are all served to the public",
            badges_dir.display()
        ));
    }
}

/// Checks that HTTP and syslog do not use the same port, or the same path.
pub(super) fn check_ports(http: &Listen, sources: &[Source], mistakes: &Mistakes<'_>) {
    for source in sources {
        let (clash, what) = match (&source.kind, http) {
            (Kind::Tcp(tcp), Listen::Tcp(http)) => (overlap(tcp.listen, *http), "port"),
            (Kind::Unix { path, .. }, Listen::Unix(http)) => (is_one_file(path, http), "path"),
            _ => continue,
        };
        if clash {
            let what =
                format!("{}: HTTP listens on {http} already; give one of them another {what}", source.kind);
            mistakes.add(None, what);
        }
    }
}

/// Whether the second of them would find its port in use.
pub(super) fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    // `[::]` is every address of IPv4 too: no source and no server asks for IPv6 alone.
    let every =
        |one: SocketAddr, other: SocketAddr| one.ip().is_unspecified() && (one.is_ipv6() || other.is_ipv4());
    a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || every(a, b) || every(b, a))
}

/// Whether two paths lead to the same file, including by links of either kind. If it does not exist yet, its directory
/// decides.
pub(super) fn is_one_file(a: &Path, b: &Path) -> bool {
    let inode = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    real(a) == real(b) || inode(a).is_some_and(|a| Some(a) == inode(b))
}

/// Whether two sources are surely of one log: the paths are the same as they are written, or one is a rotated file of the
/// other, which is read with its log. Where links lead is not asked: a link may be switched while the daemon runs, and
/// what ran then must start again. Each line counts once in any case, because a file has one source.
pub(super) fn is_one_log(a: &Path, b: &Path) -> bool {
    let (a, b) = (plain(a), plain(b));
    let is_rotated = || is_rotated_name(&a, &b) || is_rotated_name(&b, &a);
    a == b || a.parent() == b.parent() && is_rotated()
}

/// The logs that are one file at the moment: both names.
pub(crate) fn shared_logs(sources: &[Source]) -> Vec<(&Path, &Path)> {
    let logs = sources.iter().filter_map(|source| match &source.kind {
        Kind::File { path, .. } => Some(path.as_path()),
        _ => None,
    });
    let logs: Vec<&Path> = logs.collect();
    let pairs = logs.iter().enumerate().filter_map(|(at, &log)| {
        let other = logs[..at].iter().copied().find(|other| is_one_file(other, log))?;
        Some((other, log))
    });
    pairs.collect()
}

/// The path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    plain(&real_path(path))
}

/// The path without `.` and `..`, from the root. Symbolic links are not resolved: the directories may not exist yet.
fn plain(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
        plain
    })
}
