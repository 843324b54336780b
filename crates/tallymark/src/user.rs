//! Which user a command has to run as, for commands run by hand while a daemon runs as its own user.
//!
//! `sudo tallymark render --all` would leave a lock file owned by root, and from then on the service could not publish.
//! So root is refused if the directory belongs to another user. It is allowed if root owns everything, as in many
//! containers, or if the owner of the directory is unknown on this machine, as when it is mounted into a container.

use anyhow::{Result, bail};
use std::{io, path::Path};
use tallymark_store::{StoreUrl, owner::User};

/// Fails when this is root and the directory, or the nearest one there is, belongs to a user of this machine.
pub(crate) fn may_write(dir: &Path) -> Result<()> {
    if !User::current().is_some_and(|user| user.is_root()) {
        return Ok(());
    }
    match nearest(dir) {
        Some((dir, owner)) if !owner.is_root() && owner.name().is_some() => bail!(
            "{dir} belongs to {owner}, and this command runs as root: files that root creates there would lock \
             {owner} out. {}",
            run_as(&owner)
        ),
        _ => Ok(()),
    }
}

/// The same for a store that is a file.
pub(crate) fn may_write_store(store: &StoreUrl) -> Result<()> {
    match store {
        StoreUrl::Sqlite(path) => may_write(path.parent().unwrap_or(path)),
        StoreUrl::Redis(_) => Ok(()),
    }
}

/// Why a file of the daemon cannot be read, and as which user it can.
pub(crate) fn cannot_look(what: &str, path: &Path, error: &io::Error) -> String {
    let advice = match nearest(path) {
        Some((_, owner)) if error.kind() == io::ErrorKind::PermissionDenied => run_as(&owner),
        _ => String::new(),
    };
    format!("{what} {} cannot be checked: {error}. {advice}", path.display()).trim_end().to_owned()
}

fn run_as(owner: &User) -> String {
    format!("Run this as the daemon's user: put \"sudo -u {owner}\" before the command")
}

/// The path, or its nearest accessible ancestor, and its owner.
fn nearest(path: &Path) -> Option<(String, User)> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find_map(|path| Some((path.display().to_string(), User::of_path(path)?)))
}
