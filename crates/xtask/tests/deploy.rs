//! The systemd files in deploy/ are accepted by systemd itself, and hardened as promised.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tallymark_testbed::{TempDir, is_root, temp_dir};

const SOCKETS: [&str; 2] = ["tallymark.socket", "tallymark-http.socket"];
const SERVICES: [&str; 3] = ["tallymark.service", "tallymark-render.service", "tallymark-backup.service"];
const TIMERS: [&str; 2] = ["tallymark-render.timer", "tallymark-backup.timer"];

fn systemd() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd")
}

/// The units in a directory where `verify` finds them, with a program that exists in place of ours.
fn units() -> TempDir {
    let dir = temp_dir();
    for name in SERVICES.iter().chain(&SOCKETS).chain(&TIMERS) {
        let text = fs::read_to_string(systemd().join(name)).unwrap();
        fs::write(dir.path().join(name), text.replace("/usr/bin/tallymark ", "/bin/true ")).unwrap();
    }
    dir
}

/// Runs one of systemd's tools.
fn tool(program: &str, args: &[&str], dir: &Path) -> Output {
    let mut command = Command::new(program);
    let run = command.args(args).current_dir(dir).stdin(Stdio::null()).output();
    run.unwrap_or_else(|err| {
        panic!(
            "{program}: {err}. `cargo xtask test` installs what the tests need, or: apt-get install systemd"
        )
    })
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn units_verify_without_a_warning() {
    let dir = units();
    let args = [
        "verify",
        "--man=no",
        "./tallymark.service",
        "./tallymark-render.service",
        "./tallymark-render.timer",
        "./tallymark-backup.service",
        "./tallymark-backup.timer",
        "./tallymark.socket",
        "./tallymark-http.socket",
    ];
    let output = tool("systemd-analyze", &args, dir.path());
    // Other units of the machine are loaded too (nginx.service...); only what is said of ours counts.
    let said = said(&output);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("tallymark")).collect();
    assert!(output.status.success() && ours.is_empty(), "{}: {said}", output.status);
}

#[test]
fn a_mistake_in_a_unit_is_seen() {
    let dir = units();
    let file = dir.path().join("tallymark.service");
    let text = fs::read_to_string(&file).unwrap().replace("WatchdogSec=30s", "WatchdogSec=often");
    fs::write(&file, text).unwrap();
    let output = tool("systemd-analyze", &["verify", "--man=no", "./tallymark.service"], dir.path());
    assert!(
        said(&output).contains("tallymark.service"),
        "the test above would not notice: {}",
        said(&output)
    );
}

#[test]
fn exposure_is_at_most_one_and_a_half() {
    let dir = units();
    for service in SERVICES {
        // The threshold is in tenths; above it the exit code is 1.
        let unit = format!("./{service}");
        let args = ["security", "--offline=true", "--threshold=15", "--no-pager", &unit];
        let output = tool("systemd-analyze", &args, dir.path());
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("Overall exposure level"), "{}", said(&output));
    }
}

#[test]
fn stop_timeout_is_longer_than_the_drain() {
    let text = fs::read_to_string(systemd().join("tallymark.service")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    let seconds: u64 = line.trim_end_matches('s').parse().unwrap();
    assert!(seconds > 10, "the daemon takes up to 10 s to apply what it has counted");
}

/// The permission bits and the owner of a path.
fn mode(path: &Path) -> (u32, u32) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.permissions().mode() & 0o7777, metadata.uid())
}

#[test]
fn user_and_directories_are_made_and_the_database_is_private() {
    let root = temp_dir();
    fs::create_dir(root.path().join("etc")).unwrap();
    let option = format!("--root={}", root.path().display());
    let conf = |kind: &str| fs::canonicalize(systemd().join(kind).join("tallymark.conf")).unwrap();

    let users = tool("systemd-sysusers", &[&option, conf("sysusers.d").to_str().unwrap()], root.path());
    assert!(users.status.success(), "{}", said(&users));
    let passwd = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    let fields: Vec<&str> =
        passwd.lines().find(|line| line.starts_with("tallymark:")).unwrap().split(':').collect();
    assert_eq!(fields[5..], ["/var/lib/tallymark", "/usr/sbin/nologin"]);

    let files =
        tool("systemd-tmpfiles", &[&option, "--create", conf("tmpfiles.d").to_str().unwrap()], root.path());
    // Without root, directories cannot be given away, and that is the only message.
    let mut complaints = said(&files);
    complaints = complaints.lines().filter(|line| is_root() || !line.contains("fchownat()")).collect();
    assert_eq!(complaints, "");
    let user: u32 = if is_root() { fields[2].parse().unwrap() } else { mode(root.path()).1 };
    let made = |path: &str| mode(&root.path().join("var/lib/tallymark").join(path));
    assert_eq!(made(""), (0o755, mode(root.path()).1), "nginx passes through");
    assert_eq!(made("data"), (0o700, user), "the database is for nobody else");
    assert_eq!(made("badges"), (0o755, user), "nginx reads the badges");
    assert_eq!(made("backups"), (0o700, user), "a backup has what the database has");
}

#[test]
fn services_and_tmpfiles_agree_on_the_directories() {
    let tmpfiles = fs::read_to_string(systemd().join("tmpfiles.d/tallymark.conf")).unwrap();
    for (service, dir) in SERVICES.iter().zip(["data", "badges", "backups"]) {
        let unit = fs::read_to_string(systemd().join(service)).unwrap();
        let mode = unit.lines().find_map(|line| line.strip_prefix("StateDirectoryMode=")).unwrap();
        assert!(unit.lines().any(|line| line == format!("StateDirectory=tallymark/{dir}")));
        let row = tmpfiles.lines().find(|line| line.contains(&format!("/var/lib/tallymark/{dir} "))).unwrap();
        assert_eq!(row.split_whitespace().nth(2), Some(mode), "{row}");
    }
}

/// What every command reads by itself, so that those by hand mean the same directories as the units.
#[test]
fn configuration_and_units_agree_on_the_directories() {
    let text = fs::read_to_string(systemd().join("../tallymark.toml")).unwrap();
    for (service, line) in
        SERVICES.iter().zip(["data-dir = \"/var/lib/tallymark/data\"", "dir = \"/var/lib/tallymark/badges\""])
    {
        assert!(text.lines().any(|written| written == line), "{line}");
        let dir = line.split('"').nth(1).unwrap();
        assert_eq!(values(service, "WorkingDirectory"), [dir]);
        assert!(values(service, "ExecStart")[0].contains("--config /etc/tallymark/tallymark.toml"));
    }
}

/// The values of a key in a unit, without those that are commented out.
fn values(unit: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(systemd().join(unit)).unwrap();
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned).collect()
}

/// A socket whose address no source has is refused by the daemon.
#[test]
fn sockets_are_where_the_daemon_listens_by_default() {
    let defaults = fs::read_to_string(systemd().join("../../examples/tallymark.toml")).unwrap();
    for (unit, key, section) in [
        ("tallymark.socket", "ListenDatagram", "\n[[source]]\n"),
        ("tallymark-http.socket", "ListenStream", "\n[http]\n"),
    ] {
        let written = defaults.split(section).nth(1).unwrap();
        let listen = written.lines().find_map(|line| line.strip_prefix("listen = ")).unwrap();
        assert_eq!(values(unit, key), [listen.trim_matches('"')], "{unit}");
    }
    assert_eq!(values("tallymark-http.socket", "Service"), ["tallymark.service"]);
    assert_eq!(values("tallymark.service", "Requires"), ["tallymark.socket"]);
    assert!(values("tallymark.service", "After")[0].contains("tallymark.socket"));
}

#[test]
fn sysctls_exist_and_are_enough() {
    let text = fs::read_to_string(systemd().join("../sysctl.d/tallymark.conf")).unwrap();
    let set = |key: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = ")).unwrap();
        line.parse().unwrap()
    };
    assert!(set("net.unix.max_dgram_qlen") >= 512, "below it the daemon warns");
    assert!(set("net.core.rmem_max") >= 8 << 20, "the default receive-buffer");
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let key = line.split(' ').next().unwrap();
        let file = Path::new("/proc/sys").join(key.replace('.', "/"));
        // A container may hide what belongs to the whole machine.
        assert!(file.exists() || key == "net.core.rmem_max", "{key} is not a setting of this kernel");
    }
}
