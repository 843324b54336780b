//! Commands run by hand on a machine where the service has its own user: root and other users are told what to do.
//!
//! Only root can switch to another user, so outside CI these tests may have nothing to test.

use crate::common::{Place, Ran, program, stop};
use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};
use tallymark_testbed::is_root;

/// A user that every machine has, and no file belongs to.
const NOBODY: u32 = 65_534;

/// A place with a database and a badge, which root made and gave away with everything in it.
fn of_nobody() -> Place {
    let place = Place::new();
    let mut daemon = place.serve();
    place.hit("o/r");
    stop(&mut daemon);
    give_away(place.dir());
    fs::set_permissions(place.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.data_dir(), fs::Permissions::from_mode(0o700)).unwrap();
    place
}

fn give_away(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_away(&entry.unwrap().path()));
    }
}

/// Runs a command as a user. The program is copied where that user can reach it, by another process: a copy that this
/// one had open for writing could be inherited by what another test starts meanwhile, and would not run then ("text
/// file busy").
fn run_as(user: u32, place: &Place, args: &[&str]) -> Ran {
    let copy = place.dir().join("tallymark");
    if !copy.exists() {
        assert!(Command::new("cp").arg(program()).arg(&copy).status().unwrap().success());
    }
    let mut command = Command::new(copy);
    command.args(args).args(place.flags()).env_clear().current_dir(place.dir()).uid(user).gid(user);
    Ran::from(command.output().unwrap())
}

#[test]
fn root_makes_no_file_in_a_directory_of_somebody_else() {
    if !is_root() {
        return;
    }
    let place = of_nobody();
    let log = place.dir().join("a.log");
    fs::write(&log, crate::common::line("a/a")).unwrap();
    fs::remove_file(place.badges_dir().join(".lock")).unwrap();
    let log = log.display().to_string();
    for args in [&["render", "--all"][..], &["import", "log", &log], &["serve"], &["store", "adopt"]] {
        let store = if args == ["store", "adopt"] { &["--store", "redis://127.0.0.1:1"][..] } else { &[] };
        place.run(&[args, store].concat()).refused(1, &["belongs to nobody", "sudo -u nobody"]);
    }
    assert!(!place.badges_dir().join(".lock").exists(), "it was made all the same");
    // Where nothing is yet, what is above it counts.
    let place = Place::new();
    give_away(place.dir());
    place.run(&["import", "log", &log]).refused(1, &["belongs to nobody", "sudo -u nobody"]);
    assert!(!place.data_dir().exists());
    // Looking changes nothing, so root may look.
    place.run(&["import", "log", &log, "--dry-run"]).good();
}

#[test]
fn files_that_root_left_behind_are_named_with_what_helps() {
    if !is_root() {
        return;
    }
    let place = of_nobody();
    let badges = place.badges_dir().display().to_string();
    let lock = place.badges_dir().join(".lock");
    chown(&lock, Some(0), Some(0)).unwrap();
    let chown_line = format!("it belongs to root; as root: chown -R nobody: {badges}");
    run_as(NOBODY, &place, &["render"]).refused(1, &["opening the lock file", &chown_line]);
    give_away(&lock);
    let database = place.data_dir().join("tallymark.db");
    chown(&database, Some(0), Some(0)).unwrap();
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).unwrap();
    let data = place.data_dir().display().to_string();
    let chown_line = format!("it belongs to root; as root: chown -R nobody: {data}");
    run_as(NOBODY, &place, &["render"]).refused(1, &["opening the store", &chown_line]);
    give_away(&database);
    run_as(NOBODY, &place, &["render"]).good();
    // A directory that root has made and not given away.
    fs::set_permissions(place.data_dir(), fs::Permissions::from_mode(0o755)).unwrap();
    for file in [place.data_dir(), database] {
        chown(&file, Some(0), Some(0)).unwrap();
    }
    let chown_line = format!(
        "it belongs to root, and this runs as nobody: run it as root, or, if nobody is the user of the daemon, as root: \
         chown -R nobody: {data}"
    );
    run_as(NOBODY, &place, &["render"]).refused(1, &["opening the store", &chown_line]);
}

#[test]
fn stranger_hears_whose_the_data_is_and_not_that_there_is_none() {
    if !is_root() {
        return;
    }
    let place = of_nobody();
    for args in [&["show", "o/r"][..], &["tail"], &["render"]] {
        run_as(12_345, &place, args)
            .refused(1, &["cannot be checked: Permission denied", "put \"sudo -u nobody\""]);
    }
}
