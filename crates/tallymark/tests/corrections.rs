//! Corrections with the real binary, over both stores, with a daemon running: counts, files, rankings and the log follow,
//! downwards too.

use crate::common::{Kind, PATIENCE, Place, program, stop};
use serde_json::{Value, json};
use std::{
    process::{Command, Stdio},
    thread,
    time::Duration,
};
use tallymark_testbed::{http, wait_until};

/// Waits until the file, the badge over HTTP and the API show this.
#[track_caller]
fn shows(place: &Place, name: &str, count: u64) {
    wait_until(&format!("{name} shows {count}"), PATIENCE, || {
        let shown = http::get(place.addr(), &format!("/badge.svg?repo={name}&count=false"));
        let api = http::get(place.addr(), &format!("/api/v1/counters/{name}"));
        place.published(name) == Some(count)
            && crate::common::number(shown.text()) == Some(count)
            && serde_json::from_str::<serde_json::Value>(api.text()).unwrap()["total"] == count
    });
}

/// The names in the ranking, the busiest first.
fn busiest(place: &Place) -> Vec<(String, u64)> {
    let answer = http::get(place.addr(), "/api/v1/counters?sort=count");
    let json: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
    let row =
        |row: &serde_json::Value| (row["name"].as_str().unwrap().to_owned(), row["total"].as_u64().unwrap());
    json["counters"].as_array().map(|rows| rows.iter().map(row).collect()).unwrap_or_default()
}

fn hits(place: &Place, name: &str, count: u64) {
    for _ in 0..count {
        place.hit(name);
    }
    wait_until("the hits are in the store", PATIENCE, || place.total(name) >= count);
}

fn counts_files_and_rankings_follow(kind: &Kind) {
    let mut place = kind.place();
    place.configure("[badges]\ncharts = [\"7d\"]\n");
    let mut daemon = place.serve();
    hits(&place, "o/r", 5);
    hits(&place, "o/s", 2);
    shows(&place, "o/r", 5);
    let said = place.run(&["set", "o/r", "40"]).good();
    assert!(said.starts_with("o/r: 40 hits, before 5\ncorrection "), "{said}");
    shows(&place, "o/r", 40);
    assert_eq!(place.hit("o/r"), 41);
    place.run(&["set", "o/r", "3", "--reason", "too many"]).good();
    shows(&place, "o/r", 3);
    assert_eq!(place.hit("o/r"), 4);
    wait_until("the hit is in the store", PATIENCE, || place.total("o/r") == 4);
    assert_eq!(place.run(&["show", "o/r", "--json"]).json()["today"], 4);

    // Downwards in the ranking, and out of it.
    wait_until("the ranking follows", PATIENCE, || {
        busiest(&place) == [("o/r".to_owned(), 4), ("o/s".to_owned(), 2)]
    });
    place.run(&["add", "o/r", "-3"]).good();
    wait_until("the ranking follows", PATIENCE, || {
        busiest(&place) == [("o/s".to_owned(), 2), ("o/r".to_owned(), 1)]
    });

    place
        .run(&["rename", "o/r", "o/s"])
        .refused(1, &["o/s is there already, with 2 hits: `tallymark merge` adds"]);
    place.run(&["rename", "o/r", "o/new"]).good();
    shows(&place, "o/new", 1);
    let chart = |name: &str| place.badges_dir().join(format!(".charts/7d/o%2F{name}.svg"));
    wait_until("its files are gone", PATIENCE, || !place.badge_file("o/r").exists() && !chart("r").exists());
    wait_until("it has others", PATIENCE, || chart("new").exists());
    place.run(&["merge", "o/new", "o/s"]).good();
    shows(&place, "o/s", 3);
    wait_until("its file is gone", PATIENCE, || !place.badge_file("o/new").exists());
    wait_until("the ranking follows", PATIENCE, || busiest(&place) == [("o/s".to_owned(), 3)]);

    // What was taken away comes back to what is there by now.
    assert_eq!(place.hit("o/s"), 4);
    let undone = place.run(&["undo"]).good();
    assert!(undone.contains("o/new: 1 hit, new\n") && undone.contains("o/s: 3 hits, before 4\n"), "{undone}");
    shows(&place, "o/new", 1);
    shows(&place, "o/s", 3);
    let log = place.run(&["corrections", "--json"]).json();
    let log = log.as_array().unwrap();
    assert_eq!(log.len(), 6);
    assert_eq!((&log[0]["parts"][0]["action"], &log[1]["undone_by"]), (&"undo".into(), &log[0]["id"]));
    assert_eq!(log[4]["parts"][0]["reason"], "too many");
    let merged = log[1]["id"].as_str().unwrap();
    place.run(&["undo", &merged[..8]]).refused(1, &["was undone already"]);
    place.run(&["undo", log[0]["id"].as_str().unwrap()]).refused(1, &["this one has undone another"]);

    // Resetting keeps the name, and deleting does not.
    place.run(&["reset", "o/s"]).good();
    shows(&place, "o/s", 0);
    place.run(&["delete", "o/s"]).good();
    wait_until("its file is gone", PATIENCE, || !place.badge_file("o/s").exists());
    place.run(&["delete", "o/s"]).refused(1, &["there is no name o/s"]);
    assert_eq!(place.hit("o/s"), 1);
    shows(&place, "o/s", 1);
    stop(&mut daemon);
    let again = place.run(&["show", "o/s"]);
    assert!(!again.stderr.contains("older backup"), "{again:?}");
}

#[test]
fn counts_files_and_rankings_follow_in_both_stores() {
    for kind in Kind::both() {
        counts_files_and_rankings_follow(&kind);
    }
}

/// What people see as likes is likes without those that were taken back.
#[test]
fn likes_are_corrected_with_those_that_were_taken_back() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut daemon = place.serve();
        hits(&place, "o/other", 1);
        let both = || {
            ["like", "unlike"].map(|event| {
                place.run(&["show", "o/r", "--event", event, "--json"]).json()["total"].as_u64().unwrap()
            })
        };
        place.run(&["add", "o/r", "7", "--event", "like"]).good();
        place.run(&["add", "o/r", "3", "--event", "unlike"]).good();
        let said = place.run(&["set", "o/r", "5", "--event", "like"]).good();
        assert!(
            said.contains("o/r: 5 likes, before 7\n") && said.contains("o/r: 0 unlikes, before 3\n"),
            "{said}"
        );
        assert_eq!(both(), [5, 0]);
        place.run(&["undo"]).good();
        assert_eq!(both(), [4, 3]);
        // The number is right already, and what people see is not.
        place.run(&["set", "o/r", "7", "--event", "like"]).good();
        assert_eq!(both(), [7, 0]);
        place.run(&["add", "o/r", "2", "--event", "unlike"]).good();
        place.run(&["add", "o/r", "1", "--event", "like"]).good();
        assert_eq!(both(), [6, 2]);
        let none = place.run(&["show", "o/r"]);
        assert!(none.stderr.contains("o/r has 6 likes, and no hits: add --event like"), "{none:?}");
        place.run(&["rename", "o/r", "o/new", "--event", "like"]).good();
        assert_eq!(place.run(&["show", "o/new", "--event", "unlike", "--json"]).json()["total"], 2);
        place.run(&["rename", "o/new", "o/r", "--event", "like"]).good();
        place.run(&["reset", "o/r", "--event", "like"]).good();
        assert_eq!(both(), [0, 0]);
        // Only what was given can be taken back.
        let more = ["no more can be taken back", "with --event like"];
        place.run(&["add", "o/r", "4", "--event", "unlike"]).refused(1, &more);
        place.run(&["set", "o/r", "6", "--event", "like"]).good();
        assert_eq!(both(), [6, 0]);
        place.run(&["set", "o/r", "7", "--event", "unlike"]).refused(1, &more);
        place.run(&["set", "o/r", "6", "--event", "unlike"]).good();
        assert_eq!(both(), [0, 6]);
        stop(&mut daemon);
    }
}

fn many_names_are_told_and_wait_for_a_yes(kind: &Kind) {
    let place = kind.place();
    let lines: Vec<String> = (0..450).map(|n| crate::common::line(&format!("spam%252F{n:03}"))).collect();
    let log = place.dir().join("spam.log");
    std::fs::write(&log, lines.join("\n") + "\n" + &crate::common::line("ham") + "\n").unwrap();
    place.run(&["import", "log", log.to_str().unwrap()]).good();
    place
        .run(&["delete", "spam/*"])
        .refused(2, &["spam/* matches 450 names, with 450 counted in all", "--yes"]);
    let dry = place.run(&["delete", "spam/*", "--dry-run"]).good();
    assert!(dry.contains("and 430 names more; 0 in all, before 450\nnothing was written\n"), "{dry}");
    assert_eq!(place.total("spam/007"), 1);
    let done = place.run(&["delete", "spam/*", "--yes", "--json"]).json();
    let parts = done["parts"].as_array().unwrap();
    assert_eq!(
        parts.iter().map(|part| part["changed"].as_array().unwrap().len()).collect::<Vec<_>>(),
        [200, 200, 50]
    );
    place.run(&["delete", "spam/*", "--yes"]).refused(1, &["no name matches spam/*"]);
    assert_eq!((place.total("spam/007"), place.total("~all"), place.total("ham")), (0, 1, 1));
    place.run(&["undo"]).good();
    assert_eq!((place.total("spam/007"), place.total("~all"), place.total("ham")), (1, 451, 1));
}

#[test]
fn many_names_are_told_and_wait_for_a_yes_in_both_stores() {
    for kind in Kind::both() {
        many_names_are_told_and_wait_for_a_yes(&kind);
    }
}

#[test]
fn a_mistake_is_told() {
    let place = Place::new();
    place.run(&["set", "o/r", "1"]).refused(1, &["there is no database at"]);
    for (count, says) in [
        ("-1", "a total is at least 0; `tallymark add NAME -N`"),
        (
            "99999999999999999999",
            "value '99999999999999999999' for '<COUNT>': a number has at most 19 digits",
        ),
        ("1,000", "write digits only"),
    ] {
        let said = place.run(&["set", "o/r", count]);
        assert!(said.code == Some(2) && said.stderr.contains(says), "{said:?}");
    }
    stop(&mut place.serve());
    place.run(&["add", "o/r", "-1"]).refused(1, &["o/r has 0 hits, so -1 cannot be added"]);
    place.run(&["reset", "o/r", "--to", "2026-11-20"]).refused(2, &["--from and --to: it needs a beginning"]);
    place.run(&["reset", "o/r", "--from", "today"]).refused(2, &["a time is a day, like 2026-11-20"]);
    place.run(&["undo"]).refused(1, &["there is nothing to undo"]);
    place.run(&["undo", "12"]).refused(2, &["at least 4 hexadecimal digits"]);
    place.run(&["rename", "a", "a"]).refused(1, &["there is no name a"]);
    place.run(&["rename", "a", ""]).refused(2, &["is not a name"]);
    assert_eq!(place.run(&["corrections"]).good(), "nothing was corrected\n");
    assert_eq!(place.run(&["corrections", "--json"]).good(), "[]\n");
}

/// Kept minutes and hours of a day that is over, and days.
#[test]
fn a_stretch_of_time_is_scrubbed() {
    let place = Place::new();
    let mut daemon = place.serve();
    hits(&place, "o/r", 4);
    stop(&mut daemon);
    let file = place.dir().join("old.json");
    std::fs::write(&file, "{\"total\": 10}").unwrap();
    place.run(&["import", "badge", file.to_str().unwrap(), "--name", "o/r", "--date", "2026-01-02"]).good();
    let left = |from: &str, to: &str| place.run(&["reset", "o/r", "--from", from, "--to", to]);
    left("2026-01-02T10:00", "2026-01-02T11:59")
        .refused(1, &["the hours of 2026-01-02 are not kept any more"]);
    assert_eq!(left("2025-01-01", "2026-01-01").good(), "nothing to change: it is so already\n");
    assert!(left("2026-01-01", "2026-01-02").good().starts_with("o/r: 4 hits, before 14\n"));
    let today = crate::common::today();
    place.run(&["reset", "o/r", "--from", &format!("{today}T00:00")]).good();
    assert_eq!(place.total("o/r"), 0);
}

/// Sends a correction, and returns status and body.
pub(crate) fn post(place: &Place, key: &str, body: &Value) -> (u16, Value) {
    let headers = [
        ("Authorization", "Bearer a-token-of-sixteen"),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", key),
    ];
    let body = body.to_string();
    let answer = http::request("POST", place.addr(), "/api/v1/corrections", &headers, body.as_bytes());
    (answer.status, serde_json::from_str(answer.text()).unwrap())
}

fn the_api_corrects_once_for_each_key(kind: &Kind) {
    let mut place = kind.place();
    place.configure("[http]\ntokens = [\"a-token-of-sixteen\"]\n");
    let mut daemon = place.serve();
    hits(&place, "o/r", 5);
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    let add = json!({"action": "add", "name": "o/r", "count": 3, "reason": "forgotten"});
    let (status, first) = post(&place, "one", &add);
    assert_eq!((status, &first["duplicate"]), (200, &json!(false)), "{first}");
    assert_eq!(first["parts"][0]["changed"][0]["after"], 8);
    let (status, second) = post(&place, "one", &add);
    assert_eq!((status, &second["duplicate"], &second["id"]), (200, &json!(true), &first["id"]), "{second}");
    assert_eq!(second["parts"], first["parts"]);
    // The badge over HTTP knows at once.
    assert_eq!(place.hit("o/r"), 9);
    let (status, other) = post(&place, "one", &json!({"action": "add", "name": "o/r", "count": 4}));
    assert_eq!((status, &other["error"]), (422, &json!("this idempotency key was used for another body")));
    daemon.kill9();
    let mut daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    assert_eq!(post(&place, "one", &add).1["duplicate"], true);
    let undo = json!({"action": "undo", "id": first["id"]});
    assert_eq!(post(&place, "two", &undo).0, 200);
    assert_eq!(post(&place, "three", &undo).0, 422);
    let log = place.run(&["corrections", "--json"]).json();
    assert_eq!((&log[1]["parts"][0]["by"], &log[1]["undone_by"]), (&json!("API token 1"), &log[0]["id"]));
    assert!(place.total("o/r") <= 6, "a kill -9 may lose the last hit, and brings none");
    stop(&mut daemon);
}

#[test]
fn the_api_corrects_once_for_each_key_in_both_stores() {
    for kind in Kind::both() {
        the_api_corrects_once_for_each_key(&kind);
    }
}

/// Whenever it is killed, what it has done is done whole, is in the log, and the next run does the rest.
fn a_command_that_is_killed_can_be_run_again(kind: &Kind) {
    let place = kind.place();
    let lines: Vec<String> = (0..700).map(|n| crate::common::line(&format!("spam%252F{n:04}"))).collect();
    let log = place.dir().join("spam.log");
    std::fs::write(&log, lines.join("\n") + "\n" + &crate::common::line("ham") + "\n").unwrap();
    place.run(&["import", "log", log.to_str().unwrap()]).good();
    for millis in [20, 60, 120, 200] {
        let mut killed = Command::new(program())
            .args(["delete", "spam/*", "--yes"])
            .args(place.flags())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(millis));
        killed.kill().unwrap();
        killed.wait().unwrap();
    }
    // There is something left, or nothing.
    place.run(&["delete", "spam/*", "--yes"]);
    assert_eq!((place.total("~all"), place.total("ham"), place.total("spam/0007")), (1, 1, 0));
    let past = place.run(&["corrections", "--limit", "1000", "--json"]).json();
    let parts = past.as_array().unwrap().iter().flat_map(|past| past["parts"].as_array().unwrap());
    let names: usize = parts.map(|part| part["changed"].as_array().unwrap().len()).sum();
    assert_eq!(names, 700);
    for past in past.as_array().unwrap() {
        place.run(&["undo", past["id"].as_str().unwrap()]).good();
    }
    assert_eq!((place.total("~all"), place.total("spam/0007")), (701, 1));
}

#[test]
fn a_command_that_is_killed_can_be_run_again_in_both_stores() {
    for kind in Kind::both() {
        a_command_that_is_killed_can_be_run_again(&kind);
    }
}

/// Whoever publishes after a long time finds no change log that reaches back so far. Files go down, and go, all the same.
#[test]
fn a_publisher_that_comes_late_follows_too() {
    let place = Place::new();
    let mut daemon = place.serve();
    for name in ["kept", "less", "gone"] {
        hits(&place, name, 3);
        shows(&place, name, 3);
    }
    stop(&mut daemon);
    place.run(&["set", "less", "1"]).good();
    place.run(&["delete", "gone"]).good();
    assert_eq!(place.published("gone"), Some(3), "nobody publishes now");
    std::fs::remove_file(place.badges_dir().join(".cursor")).unwrap();
    place.run(&["render"]).good();
    assert_eq!(["kept", "less", "gone"].map(|name| place.published(name)), [Some(3), Some(1), None]);
    // A file that is newer than the correction is kept, as if the store had lost its tail.
    let newer = std::fs::read_to_string(place.badge_file("kept")).unwrap();
    std::fs::write(place.badge_file("gone"), newer).unwrap();
    let later = std::time::SystemTime::now() + Duration::from_secs(3600);
    let file = std::fs::File::options().write(true).open(place.badge_file("gone")).unwrap();
    file.set_modified(later).unwrap();
    std::fs::remove_file(place.badges_dir().join(".cursor")).unwrap();
    place.run(&["render"]).good();
    assert_eq!(place.published("gone"), Some(3));
    let own = place.badges_dir().join("own.svg");
    std::fs::write(&own, "<svg/>").unwrap();
    place.run(&["render", "--all", "--allow-lower"]).good();
    assert_eq!((place.published("gone"), place.published("kept"), own.exists()), (None, Some(3), true));
}

/// A store remembers a number of corrections, and a file that is older than all of them may be of any.
#[test]
fn a_publisher_that_comes_after_a_thousand_corrections_follows_too() {
    use tallymark_core::{CorrectionAction, CorrectionRequest, Corrections as _, MAX_CORRECTIONS, Name};
    let place = Place::new();
    let mut daemon = place.serve();
    for name in ["less", "gone"] {
        hits(&place, name, 3);
        shows(&place, name, 3);
    }
    stop(&mut daemon);
    place.run(&["set", "less", "1"]).good();
    place.run(&["delete", "gone"]).good();
    let url = tallymark_store::StoreUrl::Sqlite(place.data_dir().join("tallymark.db"));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = tallymark_store::open(&url, tallymark_store::Retention::default()).await.unwrap();
        let corrector = tallymark_ingest::Corrector::new(store);
        for _ in 0..MAX_CORRECTIONS {
            let (name, asked) = (Name::new("other").unwrap(), "other".to_owned());
            let action = CorrectionAction::Add(1);
            let by = "alice".to_owned();
            let request = CorrectionRequest { action, name, asked, event: None, by, reason: None };
            corrector.correct(None, request).await.unwrap();
        }
    });
    std::fs::remove_file(place.badges_dir().join(".cursor")).unwrap();
    place.run(&["render"]).good();
    assert_eq!(["less", "gone"].map(|name| place.published(name)), [Some(1), None]);
}

/// The data directory knows what the store had, and which correction was the last.
#[test]
fn corrections_that_a_store_has_lost_are_told() {
    let redis = tallymark_testbed::Redis::start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    hits(&place, "o/r", 2);
    place.run(&["set", "o/r", "700"]).good();
    let home = || std::fs::read_to_string(place.data_dir().join("store.json")).unwrap();
    // The daemon looks with the next hit.
    wait_until("the correction is known", PATIENCE, || {
        thread::sleep(Duration::from_millis(50));
        place.hit("o/r");
        home().contains("last_correction")
    });
    let elsewhere = format!("sqlite:{}", place.data_dir().join("other.db").display());
    redis.cli(&["DEL", "tallymark:corrections"]);
    wait_until("it is said", PATIENCE, || {
        thread::sleep(Duration::from_millis(50));
        place.hit("o/r");
        daemon.stderr().contains("the store has lost corrections")
    });
    stop(&mut daemon);
    let flags =
        ["--data-dir".to_owned(), place.data_dir().display().to_string(), "--store".to_owned(), elsewhere];
    let flags: Vec<&str> = ["show", "o/r"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    let refused = crate::common::run(&flags).stderr;
    let had = refused.split_once("which had ").and_then(|(_, had)| had.split_once(" hit"));
    let had: u64 = had.unwrap_or_else(|| panic!("{refused}")).0.replace(',', "").parse().unwrap();
    assert!(had >= 700, "{refused}");
}
