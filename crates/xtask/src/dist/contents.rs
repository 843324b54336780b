//! The table of what is packed: each file with its place in the archive, and where the package installs it.
//!
//! The archive has the directories of a checkout, so that the commands of `tallymark help service` are right in both.

use super::program::SHELLS;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};

/// A file that is packed.
pub(super) struct Item {
    /// Where it is now.
    pub(super) source: PathBuf,
    /// Its path below the archive's top directory.
    pub(super) archive: String,
    /// Its path below `/`, if the package has it.
    pub(super) installed: Option<String>,
    pub(super) mode: u32,
}

/// Files and whole directories of the checkout. A directory of the package ends with a slash, and the name follows.
const CHECKOUT: &[(&str, Option<&str>)] = &[
    ("LICENSE", None),
    ("README.md", Some("usr/share/doc/tallymark/")),
    ("CHANGELOG.md", Some("usr/share/doc/tallymark/")),
    ("deploy/tallymark.toml", Some("etc/tallymark/")),
    ("deploy/grafana", Some("usr/share/doc/tallymark/grafana/")),
    ("deploy/prometheus", Some("usr/share/doc/tallymark/prometheus/")),
    ("deploy/sysctl.d", Some("usr/lib/sysctl.d/")),
    ("deploy/systemd", Some("usr/lib/systemd/system/")),
    ("deploy/systemd/sysusers.d", Some("usr/lib/sysusers.d/")),
    ("deploy/systemd/tmpfiles.d", Some("usr/lib/tmpfiles.d/")),
    ("nginx/tallymark.conf", Some("usr/share/tallymark/nginx/")),
    ("nginx/tallymark-set-misc.conf", Some("usr/share/tallymark/nginx/")),
    ("examples/badge.log", Some("usr/share/doc/tallymark/examples/")),
    ("examples/badge-template.svg", Some("usr/share/doc/tallymark/examples/")),
    ("examples/rsyslog.conf", Some("usr/share/doc/tallymark/examples/")),
    ("examples/syslog-ng.conf", Some("usr/share/doc/tallymark/examples/")),
    ("examples/tallymark.toml", Some("usr/share/doc/tallymark/examples/")),
    ("examples/zmq.toml", Some("usr/share/doc/tallymark/examples/")),
    // The pictures of the README.
    ("examples/badge.svg", None),
    ("examples/dashboard.png", None),
];

/// Everything, in the order of the archive's paths.
pub(super) fn all(root: &Path, made: &Path) -> anyhow::Result<Vec<Item>> {
    let mut items = vec![Item { mode: 0o755, ..item(made, "tallymark", Some("usr/bin/")) }];
    for &(path, installed) in CHECKOUT {
        items.extend(below(root, path, installed)?);
    }
    let places = [
        "usr/share/bash-completion/completions/tallymark",
        "usr/share/zsh/vendor-completions/",
        "usr/share/fish/vendor_completions.d/",
    ];
    for ((_, file), place) in SHELLS.iter().zip(places) {
        items.push(item(made, &format!("completions/{file}"), Some(place)));
    }
    for page in below(made, "man", None)? {
        let section = if page.archive.ends_with(".1.gz") { 1 } else { 7 };
        items.push(item(made, &page.archive, Some(&format!("usr/share/man/man{section}/"))));
    }
    items.sort_by(|a, b| a.archive.cmp(&b.archive));
    Ok(items)
}

/// A file, or the files of a directory.
fn below(root: &Path, path: &str, installed: Option<&str>) -> anyhow::Result<Vec<Item>> {
    let source = root.join(path);
    if !source.is_dir() {
        return Ok(vec![item(root, path, installed)]);
    }
    let mut items = Vec::new();
    for entry in fs::read_dir(&source).with_context(|| format!("cannot list {}", source.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            items.push(item(root, &format!("{path}/{}", entry.file_name().display()), installed));
        }
    }
    Ok(items)
}

fn item(root: &Path, path: &str, installed: Option<&str>) -> Item {
    let name = path.rsplit('/').next().unwrap_or(path);
    let installed =
        installed.map(|place| if place.ends_with('/') { format!("{place}{name}") } else { place.to_owned() });
    Item { source: root.join(path), archive: path.to_owned(), installed, mode: 0o644 }
}

/// Copies an item to its place below `top`, with its mode whatever the umask and the checkout say.
pub(super) fn place(item: &Item, top: &Path, path: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let to = top.join(path);
    let dir = to.parent().context("a file is in a directory")?;
    fs::create_dir_all(dir)?;
    fs::copy(&item.source, &to).with_context(|| format!("cannot copy {}", item.source.display()))?;
    fs::set_permissions(&to, fs::Permissions::from_mode(item.mode))?;
    Ok(())
}
