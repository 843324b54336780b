//! `[retention]` of days and of last visits, and `store prune`: what is old is told before it is deleted, and no total changes.

use crate::common::{Kind, PATIENCE, Place, stop};
use serde_json::Value;
use std::fs;
use tallymark_core::Day;
use tallymark_testbed::wait_until;

fn ago(days: i32) -> Day {
    Day(Day::parse(crate::common::today().as_bytes()).unwrap().0 - days)
}

/// What is older, by level.
fn older(place: &Place, more: &[&str]) -> Vec<(String, u64)> {
    let told = place.run(&[&["store", "prune", "--json"], more].concat()).json();
    let levels = told["levels"].as_array().unwrap().iter();
    let level =
        |level: &Value| (level["level"].as_str().unwrap().to_owned(), level["older"].as_u64().unwrap());
    levels.map(level).filter(|(_, older)| *older > 0).collect()
}

fn days(place: &Place, name: &str) -> usize {
    let said = place.run(&["export", "jsonl", "-"]).good();
    let mut records = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let record = records.find(|record| record["name"] == name && record["event"] == "hit").unwrap();
    record["days"].as_object().unwrap().len()
}

#[test]
fn what_is_old_is_told_then_deleted_and_no_total_changes() {
    for kind in Kind::both() {
        let mut place = kind.place();
        let log = place.dir().join("old.log");
        let lines: String = [400, 50, 20]
            .map(|days| format!("\"{}\",\"o/r\"\n\"{}\",\"o/s\"\n", ago(days), ago(days)))
            .concat();
        fs::write(&log, lines).unwrap();
        place.run(&["import", "log", log.to_str().unwrap()]).good();
        let totals = || (place.total("o/r"), place.total("o/s"), place.total("~all"));
        assert_eq!((totals(), days(&place, "o/r")), ((3, 3, 6), 3));

        // Days are kept forever, unless the operator asks what a bound would mean.
        assert_eq!(older(&place, &[]), []);
        assert_eq!(older(&place, &["--day", "40d"]), [("days".to_owned(), 4)]);
        let said = place.run(&["store", "prune", "--day", "40d"]).good();
        for part in ["days", "40d", "Nothing was deleted", &ago(400).to_string()] {
            assert!(said.contains(part), "{part:?} is missing in {said}");
        }
        assert_eq!(days(&place, "o/r"), 3);
        let said = place.run(&["store", "prune", "--day", "100d", "--delete"]).good();
        assert!(said.contains("It was deleted. Totals are unchanged."), "{said}");
        assert_eq!((totals(), days(&place, "o/r"), days(&place, "o/s")), ((3, 3, 6), 2, 2));
        assert!(
            place.run(&["store", "prune", "--day", "100d"]).good().contains("Nothing is past its retention")
        );

        // A bound in the configuration: the daemon deletes.
        place.configure("[retention]\nminute = \"26h\"\nhour = \"30d\"\nday = \"40d\"\n");
        assert_eq!(older(&place, &[]), [("days".to_owned(), 2)]);
        let mut daemon = place.serve();
        place.hit("o/r");
        wait_until("the daemon has deleted", PATIENCE, || older(&place, &[]).is_empty());
        wait_until("and said so", PATIENCE, || daemon.stderr().contains("[retention] keeps it"));
        stop(&mut daemon);
        let totals = (place.total("o/r"), place.total("o/s"), place.total("~all"));
        assert_eq!((totals, days(&place, "o/r"), days(&place, "o/s")), ((4, 3, 7), 2, 1));
    }
}
