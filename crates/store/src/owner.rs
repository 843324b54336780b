//! Who owns a file, in words that an operator can act on. They are added to errors about missing permissions.
//!
//! It only looks and changes nothing. The stores, the publisher and the ingest side use it where they open files for
//! writing; the binary uses it to keep root from creating files that would lock out a service. Without /proc or
//! /etc/passwd, it shows numbers instead of names.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    id: u32,
    name: Option<String>,
}

impl User {
    /// The user that this process runs as.
    pub fn current() -> Option<User> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        // Uid: real, effective, saved, of the file system.
        let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        ids.split_whitespace().nth(1)?.parse().ok().map(User::of_id)
    }

    /// The owner of a file or directory; `None` if it cannot be examined.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<User> {
        fs::symlink_metadata(path).ok().map(|about| User::of_id(about.uid()))
    }

    fn of_id(id: u32) -> User {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        User { id, name: name_in(&users, id) }
    }

    /// Whether this is the superuser.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.id == 0
    }

    /// Its name. A file from another machine, as in a container, may have an owner that is unknown here.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "user {}", self.id),
        }
    }
}

fn name_in(passwd: &str, id: u32) -> Option<String> {
    let id = id.to_string();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    })
}

/// What to add to an error about a file if permission is missing: who owns it and what helps.
#[must_use]
pub fn hint(error: &io::Error, path: &Path) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => foreign(path),
        _ => String::new(),
    }
}

/// What to add to an error about a file that is only to be read, like the log of a web server: who may read it, and how
/// this user is let in without changing whose it is.
#[must_use]
pub fn reading_hint(error: &io::Error, path: &Path) -> String {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return String::new();
    }
    // The name alone has no directory.
    let path = &*std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (Some(me), Some((closed, about))) = (User::current(), closed(path)) else { return String::new() };
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let group = name_in(&groups, about.gid());
    let (owner, to_open) = (User::of_id(about.uid()), to_open(closed, path));
    // Searching a directory needs a different permission bit than reading a file.
    let wanted = if about.is_dir() { 0o010 } else { 0o040 };
    let group = group.filter(|group| group != "root" && about.mode() & wanted != 0);
    format!(
        " ({} belongs to {owner}, and this runs as {me}; {})",
        closed.display(),
        way_in(&me, group, &to_open)
    )
}

/// The file, or the first directory above it into which this user may not look.
fn closed(path: &Path) -> Option<(&Path, fs::Metadata)> {
    path.ancestors().find_map(|path| Some((path, fs::metadata(path).ok()?)))
}

/// What setfacl has to open: the directory of the log with everything in it, or only the path to it.
fn to_open(closed: &Path, path: &Path) -> (bool, PathBuf) {
    let dir = path.parent().unwrap_or(path);
    let is_way = dir.starts_with(closed) && dir != closed;
    (is_way, if is_way { closed } else { dir }.to_owned())
}

fn way_in(me: &User, group: Option<String>, (is_way, dir): &(bool, PathBuf)) -> String {
    let heir = me.name.clone().unwrap_or_else(|| me.id.to_string());
    match group {
        Some(group) => format!(
            "as root: usermod -aG {group} {heir}, or under systemd SupplementaryGroups={group} in a drop-in (systemctl \
             edit tallymark); then restart it"
        ),
        None if *is_way => format!("as root: setfacl -m u:{heir}:x {}", shell_word(dir)),
        // New files take it over from the directory.
        None => format!("as root: setfacl -R -m u:{heir}:rX,d:u:{heir}:rX {}", shell_word(dir)),
    }
}

/// Says that a file, or the directory it would be in, belongs to another user; empty if it does not.
pub(crate) fn foreign(path: &Path) -> String {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Some(me), Some(owner)) = (User::current(), User::of_path(path).or_else(|| User::of_path(parent)))
    else {
        return String::new();
    };
    if owner == me {
        return String::new();
    }
    let heir = me.name.clone().unwrap_or_else(|| me.id.to_string());
    let dir = if path.is_dir() { path } else { parent };
    let chown = format!("as root: chown -R {heir}: {}", shell_word(dir));
    match User::of_path(parent) {
        // Another user has created files in our directory.
        Some(theirs) if theirs == me => format!(" (it belongs to {owner}; {chown})"),
        // Usually root has made the directory for us.
        _ if owner.is_root() && !is_shared(dir) => {
            format!(
                " (it belongs to {owner}, and this runs as {me}: run it as {owner}, or, if {me} is the user of the daemon, {chown})"
            )
        }
        _ => format!(" (it belongs to {owner}, and this runs as {me})"),
    }
}

/// Whether a directory is the system's, or one in which every user may create files: it must not change its owner.
fn is_shared(dir: &Path) -> bool {
    const WHOLE: [&str; 8] = ["/bin", "/boot", "/dev", "/lib", "/proc", "/sbin", "/sys", "/usr"];
    // What is directly in them may be ours, like /etc/tallymark.
    const TOP: [&str; 16] = [
        "/",
        "/etc",
        "/home",
        "/media",
        "/mnt",
        "/opt",
        "/root",
        "/run",
        "/srv",
        "/tmp",
        "/var",
        "/var/cache",
        "/var/lib",
        "/var/log",
        "/var/spool",
        "/var/www",
    ];
    let Ok(dir) = fs::canonicalize(dir) else { return true };
    let is_sticky = fs::metadata(&dir).is_ok_and(|about| about.mode() & 0o1000 != 0);
    is_sticky
        || TOP.iter().any(|top| dir == Path::new(top))
        || WHOLE.iter().any(|whole| dir.starts_with(whole))
}

/// A path as it may be typed into a shell.
pub fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    // A leading dash would make it a flag.
    let text = if text.starts_with('-') { format!("./{text}") } else { text.into_owned() };
    shlex::try_quote(&text).map(String::from).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_passwd_and_numbers_do_without() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\nbroken\n:\ntallymark:x:993:993::/var/lib/tallymark:/x\n";
        assert_eq!(name_in(passwd, 993).as_deref(), Some("tallymark"));
        assert_eq!(name_in(passwd, 99), None);
        assert_eq!(User { id: 99, name: None }.to_string(), "user 99");
        assert_eq!(User { id: 993, name: name_in(passwd, 993) }.to_string(), "tallymark");
    }

    #[test]
    fn path_is_one_word_for_a_shell() {
        for (path, word) in [("/var/a.log", "/var/a.log"), ("a b.log", "'a b.log'"), ("-x", "./-x")] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
        let odd = "a'b $c;\"d\"\n";
        assert_eq!(shlex::split(&shell_word(Path::new(odd))).unwrap(), [odd]);
    }

    #[test]
    fn way_to_read_a_log_is_its_group_or_an_entry_for_the_user() {
        let me = User { id: 993, name: Some("tallymark".to_owned()) };
        let (dir, log) = (Path::new("/var/log/nginx"), Path::new("/var/log/nginx/a.log"));
        let by_group = way_in(&me, Some("adm".to_owned()), &to_open(log, log));
        assert!(
            by_group.contains("usermod -aG adm tallymark") && by_group.contains("SupplementaryGroups=adm")
        );
        let alone = way_in(&me, None, &to_open(dir, log));
        assert!(alone.ends_with("setfacl -R -m u:tallymark:rX,d:u:tallymark:rX /var/log/nginx"), "{alone}");
        assert_eq!(to_open(log, log), to_open(dir, log));
        // Nothing else in a directory above is given away.
        let way = way_in(&me, None, &to_open(Path::new("/var/log"), log));
        assert!(way.ends_with("setfacl -m u:tallymark:x /var/log"), "{way}");
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        let named = tempfile::NamedTempFile::new_in(".").unwrap();
        let hint = reading_hint(&refused, Path::new(named.path().file_name().unwrap()));
        let here = std::env::current_dir().unwrap();
        assert!(!hint.contains("setfacl") || hint.contains(&shell_word(&here)), "{hint}");
        assert!(hint.contains(here.to_str().unwrap()), "{hint}");
        let other = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(reading_hint(&other, Path::new("/")), "");
    }

    #[test]
    fn no_advice_gives_away_what_others_use() {
        for dir in ["/", "/tmp", "/var/lib", "/etc", "/usr/lib", "/no/such/directory"] {
            assert!(is_shared(Path::new(dir)), "{dir}");
        }
        assert!(!is_shared(tempfile::tempdir().unwrap().path()));
    }

    #[test]
    fn own_files_need_no_hint() {
        let dir = tempfile::tempdir().unwrap();
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(User::of_path(dir.path()), User::current());
        assert_eq!(hint(&denied, &dir.path().join("file")), "");
        assert_eq!(hint(&io::Error::from(io::ErrorKind::NotFound), Path::new("/")), "");
    }
}
