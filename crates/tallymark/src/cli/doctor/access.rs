//! Whether another user, of nginx's workers or of the daemon, can read a file: every directory on the way to it has to let it
//! through.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use tallymark_store::owner::User;

/// A user of this machine that is not the one of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct OtherUser {
    pub(in crate::cli) name: String,
    id: u32,
    groups: Vec<u32>,
}

/// Names under which distributions run it.
const USUAL: [&str; 3] = ["www-data", "nginx", "http"];

impl OtherUser {
    /// The owner of a file or directory, with the groups that this machine knows.
    pub(in crate::cli) fn owner_of(path: &Path) -> Option<OtherUser> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let group = fs::read_to_string("/etc/group").unwrap_or_default();
        OtherUser::of_passwd(&passwd, User::of_path(path)?.name()?).map(|user| user.with_groups(&group))
    }

    fn with_groups(mut self, group: &str) -> OtherUser {
        let has = |line: &str| {
            let mut fields = line.split(':').skip(2);
            let id = fields.next()?.parse().ok()?;
            fields.next()?.split(',').any(|member| member == self.name).then_some(id)
        };
        let more: Vec<u32> = group.lines().filter_map(has).collect();
        self.groups.extend(more);
        self
    }

    /// Whether this user may read a file, as far as modes say.
    pub(in crate::cli) fn may_read(&self, file: &Path) -> bool {
        let dir = file.parent().unwrap_or(file);
        self.id == 0 || self.stopped_at(dir).is_none() && self.may(file, 0o4)
    }

    /// Of a running worker; else the user of this machine that its packages make.
    pub(super) fn find() -> Option<OtherUser> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let statuses = processes.filter_map(|process| fs::read_to_string(process.path().join("status")).ok());
        let worker = statuses.filter_map(|status| OtherUser::of_status(&status, &passwd)).next();
        let usual = || USUAL.iter().find_map(|name| OtherUser::of_passwd(&passwd, name));
        worker.or_else(usual)
    }

    /// A worker's `/proc/PID/status`. The master is root, and reads no badge.
    fn of_status(status: &str, passwd: &str) -> Option<OtherUser> {
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        let numbers = |name| Some(field(name)?.split_whitespace().filter_map(|id| id.parse().ok()));
        let id: u32 = numbers("Uid")?.nth(1)?;
        if field("Name")? != "nginx" || id == 0 {
            return None;
        }
        let groups = numbers("Groups")?.chain(numbers("Gid")?.nth(1)).collect();
        let named = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == id.to_string()).then(|| name.to_owned())
        };
        let name = passwd.lines().find_map(named).unwrap_or_else(|| id.to_string());
        Some(OtherUser { name, id, groups })
    }

    fn of_passwd(passwd: &str, name: &str) -> Option<OtherUser> {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).filter_map(|id| id.parse().ok());
        Some(OtherUser { name: name.to_owned(), id: ids.next()?, groups: ids.next().into_iter().collect() })
    }

    /// The first directory on the way to this one that does not let the user through.
    pub(super) fn stopped_at(&self, dir: &Path) -> Option<PathBuf> {
        let path = fs::canonicalize(dir).ok()?;
        let mut on_the_way: Vec<&Path> = path.ancestors().collect();
        on_the_way.reverse();
        on_the_way.into_iter().find(|dir| !self.may(dir, 0o1)).map(Path::to_owned)
    }

    fn may(&self, path: &Path, bit: u32) -> bool {
        let Ok(about) = fs::metadata(path) else { return true };
        // An access list may grant what the mode does not show.
        if rustix::fs::getxattr(path, "system.posix_acl_access", &mut [0u8; 0]).is_ok_and(|length| length > 0)
        {
            return true;
        }
        let bit = match () {
            () if about.uid() == self.id => bit << 6,
            () if self.groups.contains(&about.gid()) => bit << 3,
            () => bit,
        };
        about.mode() & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:34:www:/var/www:/bin/false\n";

    #[test]
    fn worker_is_told_from_the_master_and_from_others() {
        let status = |name: &str, id: u32| {
            format!("Name:\t{name}\nUid:\t{id}\t{id}\t{id}\t{id}\nGid:\t34\t34\t34\t34\nGroups:\t5 6 \n")
        };
        let worker = OtherUser::of_status(&status("nginx", 33), PASSWD);
        assert_eq!(worker, Some(OtherUser { name: "www-data".into(), id: 33, groups: vec![5, 6, 34] }));
        assert_eq!(OtherUser::of_status(&status("nginx", 0), PASSWD), None);
        assert_eq!(OtherUser::of_status(&status("bash", 33), PASSWD), None);
        let found = OtherUser::of_passwd(PASSWD, "www-data");
        assert_eq!(found, Some(OtherUser { name: "www-data".into(), id: 33, groups: vec![34] }));
    }

    #[test]
    fn groups_of_a_user_are_those_that_name_it() {
        let user = OtherUser { name: "tallymark".into(), id: 7, groups: vec![7] };
        let user = user.with_groups("adm:x:4:syslog,tallymark\nsudo:x:27:\nwww:x:33:tallymarks\n");
        assert_eq!(user.groups, [7, 4]);
    }

    #[test]
    fn first_closed_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let closed = dir.path().join("data");
        let badges = closed.join("badges");
        fs::create_dir_all(&badges).unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(dir.path(), 0o755);
        mode(&closed, 0o750);
        let stranger = OtherUser { name: "nobody".into(), id: 65_534, groups: vec![65_534] };
        assert_eq!(stranger.stopped_at(&badges), Some(fs::canonicalize(&closed).unwrap()));
        let of_group = OtherUser { groups: vec![fs::metadata(&closed).unwrap().gid()], ..stranger.clone() };
        assert_eq!(of_group.stopped_at(&badges), None);
        mode(&closed, 0o711);
        assert_eq!(stranger.stopped_at(&badges), None);
    }
}
