//! Whatever happens to the directory of badges under a running daemon, counting continues, and once the cause is gone
//! every badge is restored automatically.

use crate::common::{PATIENCE, Place};
use std::{fs, path::Path};
use tallymark_testbed::{Daemon, wait_until};

fn shows(file: &Path, total: u64) -> bool {
    fs::read_to_string(file).is_ok_and(|svg| svg.contains(&format!("tallymark total={total} ")))
}

struct Site {
    place: Place,
    daemon: Daemon,
}

impl Site {
    fn start() -> Site {
        let place = Place::new();
        let daemon = place.serve();
        Site { place, daemon }
    }

    fn badge(&self, name: &str) -> std::path::PathBuf {
        self.place.badge_file(name)
    }

    #[track_caller]
    fn count_and_see(&self, name: &str, total: u64) {
        assert_eq!(self.place.hit(name), total);
        self.see(name, total);
    }

    #[track_caller]
    fn see(&self, name: &str, total: u64) {
        wait_until("the badge is there", PATIENCE, || shows(&self.badge(name), total));
        wait_until("/readyz has no complaint", PATIENCE, || {
            let answer = tallymark_testbed::http::get(self.place.addr(), "/readyz");
            answer.status == 200 && !answer.text().contains("badges")
        });
    }
}

#[test]
fn a_directory_that_is_removed_comes_back_with_its_badges() {
    let site = Site::start();
    site.count_and_see("a", 1);
    let tmp = site.place.badges_dir().join(".tmp");
    fs::remove_dir_all(&tmp).expect("it is there");
    site.count_and_see("a", 2);
    fs::remove_dir_all(&tmp).expect("it is there again");
    fs::write(&tmp, "in the way").expect("it is free");
    assert_eq!(site.place.hit("a"), 3);
    wait_until("it is said", PATIENCE, || {
        tallymark_testbed::http::get(site.place.addr(), "/readyz").text().contains("not a directory")
    });
    fs::remove_file(&tmp).expect("it is ours");
    site.see("a", 3);
    // Without another hit, too.
    fs::remove_dir_all(site.place.badges_dir()).expect("it is there");
    site.see("a", 3);
}

/// Nothing is created where the data directory was, or it could not be moved back.
#[test]
fn a_data_directory_that_is_moved_away_finds_its_place_free() {
    let site = Site::start();
    site.count_and_see("a", 1);
    let (data, away) = (site.place.data_dir(), site.place.dir().join("away"));
    fs::rename(&data, &away).expect("the name is free");
    wait_until("it is said", PATIENCE, || {
        let answer = tallymark_testbed::http::get(site.place.addr(), "/readyz");
        answer.text().contains("is gone, with the badges in it; move it back")
    });
    assert!(!data.exists());
    fs::rename(&away, &data).expect("the name is free again");
    site.see("a", 1);
    site.count_and_see("a", 2);
}

#[test]
fn what_is_in_the_place_of_badges_holds_up_no_other_and_is_told_once() {
    let site = Site::start();
    site.count_and_see("a", 1);
    let in_the_way: Vec<String> = (0..60).map(|n| format!("d{n:02}")).collect();
    for name in &in_the_way {
        fs::create_dir(site.badge(name)).expect("it is free");
        assert_eq!(site.place.hit(name), 1);
    }
    // More than fifty in a row, and those after them are still written.
    assert_eq!(site.place.hit("z"), 1);
    wait_until("the others are written", PATIENCE, || shows(&site.badge("z"), 1));
    for total in 2..5 {
        assert_eq!(site.place.hit("a"), total);
        wait_until("the others are written", PATIENCE, || shows(&site.badge("a"), total));
    }
    let told = site.daemon.stderr().matches("a badge could not be written").count();
    assert!((1..=10).contains(&told), "told {told} times");
    for name in &in_the_way {
        fs::remove_dir(site.badge(name)).expect("it is empty");
    }
    for name in &in_the_way {
        site.see(name, 1);
    }
}
