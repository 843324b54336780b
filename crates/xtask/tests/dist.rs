//! What `cargo xtask dist` packs is the same each time, and a stranger's machine can live with it: installed, started,
//! upgraded, removed and purged, with the counts kept.
//!
//! It packs the program that the tests have built. The one that is released is built by the command itself.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

mod common;

use common::{program, said};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tallymark_testbed::{
    Daemon, PATIENCE, free_tcp_port, free_udp_port, http, is_root, temp_dir, wait_until,
};

fn pack(out: &Path) {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["dist", "--program"]).arg(program()).arg("--out").arg(out);
    // Fixed, so that a checkout without history will do; and not packed, to save time.
    xtask.env("SOURCE_DATE_EPOCH", "1780000000").env("DPKG_DEB_COMPRESSOR_TYPE", "none");
    said(&mut xtask);
}

/// The files of a directory whose names have an ending.
fn ending(dir: &Path, ending: &str) -> PathBuf {
    let mut found = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    found.find(|path| path.to_str().unwrap().ends_with(ending)).unwrap()
}

#[test]
fn packages_are_the_same_each_time_and_the_counts_outlive_them() {
    let (first, again) = (temp_dir(), temp_dir());
    pack(first.path());
    pack(again.path());
    let sums = |dir: &Path| fs::read_to_string(dir.join("SHA256SUMS")).unwrap();
    assert_eq!(sums(first.path()), sums(again.path()), "the same program, but other files");
    said(Command::new("sha256sum").args(["--strict", "--check", "SHA256SUMS"]).current_dir(first.path()));
    let archive = said(Command::new("tar").arg("-tzf").arg(ending(first.path(), ".tar.gz")));
    for file in
        ["tallymark", "deploy/systemd/tallymark.service", "deploy/tallymark.toml", "man/tallymark.1.gz"]
    {
        assert!(archive.lines().any(|line| line.ends_with(&format!("-linux/{file}"))), "{file}:\n{archive}");
    }
    let deb = ending(first.path(), ".deb");
    if is_root() {
        Machine::new(deb).lives_with_it();
    } else {
        eprintln!("not root: packed, but not installed");
    }
}

/// A directory into which dpkg installs as into a machine of its own, where nothing else is.
struct Machine {
    root: tallymark_testbed::TempDir,
    deb: PathBuf,
}

impl Machine {
    fn new(deb: PathBuf) -> Machine {
        let root = temp_dir();
        for dir in ["etc", "var/lib/dpkg/updates", "var/lib/dpkg/info"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        for file in ["status", "available"] {
            fs::write(root.path().join("var/lib/dpkg").join(file), "").unwrap();
        }
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Machine { root, deb }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// The scripts run outside, with the systemd of this machine: the other one has not even a shell.
    fn dpkg(&self, args: &[&str]) -> String {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.root.path().display()));
        said(dpkg.args(["--force-script-chrootless", "--force-depends", "--force-confold"]).args(args))
    }

    fn lives_with_it(&self) {
        let deb = self.deb.to_str().unwrap();
        let told = self.dpkg(&["--install", deb]);
        assert!(told.contains("systemctl enable --now tallymark.service tallymark-render.timer"), "{told}");
        let settings = self.path("etc/tallymark/tallymark.toml");
        let ours = fs::read_to_string(&settings).unwrap() + "base-url = \"https://hits.example.org\"\n";
        fs::write(&settings, &ours).unwrap();
        self.count_a_hit();
        assert_eq!(self.total(), 1);

        // An upgrade, as far as dpkg can tell.
        let told = self.dpkg(&["--install", deb]);
        assert!(!told.contains("systemctl enable"), "{told}");
        assert_eq!((fs::read_to_string(&settings).unwrap(), self.total()), (ours, 1));
        self.count_a_hit();

        self.dpkg(&["--remove", "tallymark"]);
        assert!(!self.path("usr/bin/tallymark").exists() && settings.exists());
        assert_eq!(self.total(), 2);
        let told = self.dpkg(&["--purge", "tallymark"]);
        assert!(told.contains("stay in /var/lib/tallymark"), "{told}");
        assert!(!self.path("etc/tallymark").exists() && !self.path("usr/share/tallymark").exists());
        assert_eq!(self.total(), 2);
    }

    /// Runs the installed program in there as the user that the package has made, and nothing else but it.
    fn count_a_hit(&self) {
        self.copy_libraries();
        let passwd = fs::read_to_string(self.path("etc/passwd")).unwrap();
        let user = passwd.lines().find_map(|line| line.strip_prefix("tallymark:")).unwrap();
        let ids: Vec<&str> = user.split(':').skip(1).take(2).collect();
        let address = format!("127.0.0.1:{}", free_tcp_port());
        let mut daemon = Daemon::builder("chroot")
            .arg(format!("--userspec={}", ids.join(":")))
            .arg(self.root.path())
            .args(["/usr/bin/tallymark", "serve", "--no-render", "--config", "/etc/tallymark/tallymark.toml"])
            .args(["--listen", &address, "--syslog-udp", &format!("127.0.0.1:{}", free_udp_port())])
            .start();
        wait_until("it answers", PATIENCE, || {
            assert!(daemon.is_running(), "it ended:\n{}", daemon.stderr());
            http::try_request("GET", &address, "/readyz", &[], b"").is_ok()
        });
        assert_eq!(http::get(&address, "/badge.svg?repo=you/repo").status, 200);
        daemon.sigterm();
        assert!(daemon.wait(PATIENCE).success(), "{}", daemon.stderr());
    }

    /// The released program needs none; that of the tests does.
    fn copy_libraries(&self) {
        let needed = said(Command::new("ldd").arg(program()));
        let words = needed.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':'));
        for library in words {
            let to = self.path(library.trim_start_matches('/'));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(library, to).unwrap();
        }
    }

    /// What the store says, asked from outside, with a program that stays.
    fn total(&self) -> u64 {
        let data = self.path("var/lib/tallymark/data");
        let mut show = Command::new(program());
        show.args(["show", "you/repo", "--json", "--config", "/dev/null", "--data-dir"]).arg(data);
        let shown: serde_json::Value = serde_json::from_str(&said(&mut show)).unwrap();
        shown["total"].as_u64().unwrap_or_else(|| panic!("{shown}"))
    }
}
