//! Counts on their way: through a file from one store to another and back, byte for byte; and from store to store with
//! the positions of a log that is followed.

use crate::common::{self, PATIENCE, Place, run_with, stop};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use tallymark_testbed::{Redis, http, wait_until};

const TOKEN: &str = "0123456789abcdef";

/// Hits of every kind: old and new, with statuses, visits and likes, and a name that was set to 0.
fn counted() -> Place {
    let mut place = Place::new();
    place.configure(&format!("[http]\ntokens = [\"{TOKEN}\"]\n[visits]\nkeep = 5\n"));
    let mut daemon = place.serve();
    for name in ["o/r", "o/r", "o/zero", "日本/語", "a \"b\"\\c"] {
        let name = name.replace(' ', "%20").replace('"', "%22");
        assert_eq!(http::get(place.addr(), &format!("/badge.svg?repo={name}")).status, 200);
    }
    let mut items = vec![
        json!({"name": "o/r", "time": "2019-02-28T23:59:59Z", "count": 7}),
        json!({"name": "shop", "event": "order", "status": "closed", "time": "2026-10-31T12:00:00Z", "count": 2}),
        json!({"name": "shop", "event": "order", "status": "it's \"odd\"", "user_agent": "Mozilla/5.0"}),
    ];
    items.extend((0..450).map(|n| json!({"name": format!("many/{n}"), "count": n + 1})));
    let headers =
        [("Authorization", format!("Bearer {TOKEN}")), ("Content-Type", "application/json".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let body = serde_json::to_vec(&items).unwrap();
    let answer = http::try_request("POST", place.addr(), "/api/v1/hits", &headers, &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    wait_until("all is in the store", PATIENCE, || place.total("o/r") == 9 && place.total("o/zero") == 1);
    place.run(&["reset", "o/zero"]).good();
    stop(&mut daemon);
    place
}

fn exported(place: &Place, file: &str) -> (PathBuf, Vec<String>) {
    let path = place.dir().join(file);
    let said = place.run(&["export", "jsonl", path.to_str().unwrap()]).good();
    assert!(said.contains("exported "), "{said}");
    let text = fs::read_to_string(&path).unwrap();
    (path, text.lines().map(str::to_owned).collect())
}

fn import(place: &Place, file: &Path, more: &[&str]) -> common::Ran {
    place.run(&[&["import", "jsonl", file.to_str().unwrap()], more].concat())
}

/// Every line has the keys that the schema says, and those that it requires.
fn check_schema(lines: &[String]) {
    let schema = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/export.schema.json"));
    let schema: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let kinds = schema["oneOf"].as_array().unwrap();
    let last = lines.len() - 1;
    let mut seen = BTreeSet::new();
    for (at, line) in lines.iter().enumerate() {
        let kind = &kinds[usize::from(at > 0) + usize::from(at == last)];
        let line: Value = serde_json::from_str(line).unwrap();
        let line = line.as_object().unwrap();
        for key in line.keys() {
            assert!(kind["properties"].get(key).is_some(), "{key} is not in the schema");
            seen.insert(key.clone());
        }
        for key in kind["required"].as_array().unwrap() {
            assert!(line.contains_key(key.as_str().unwrap()), "{key} is missing");
        }
    }
    let known: BTreeSet<String> =
        kinds.iter().flat_map(|kind| kind["properties"].as_object().unwrap().keys().cloned()).collect();
    assert_eq!(seen, known, "every key of the schema occurs");
}

#[test]
fn an_export_goes_through_both_stores_and_comes_back_byte_for_byte() {
    let place = counted();
    let (first, lines) = exported(&place, "a.jsonl");
    check_schema(&lines);
    let redis = Redis::builder().appendonly().start();
    let middle = Place::with_store(redis.url());
    // Hits of four names and 450 more, orders of one, and visits of those four.
    let dry = import(&middle, &first, &["--dry-run"]).good();
    assert!(
        dry.contains("is complete; would import 459 counters with 101,4")
            && dry.contains("nothing was written"),
        "{dry}"
    );
    let said = import(&middle, &first, &[]).good();
    assert!(said.contains("a.jsonl: imported 459 counters with 101,4"), "{said}");
    assert_eq!(middle.total("many/449"), 450);
    let (second, through) = exported(&middle, "b.jsonl");
    assert_eq!(through[1..], lines[1..], "only the first line differs");
    let last = Place::new();
    let said = run_with(
        &["import", "jsonl", "-", "--data-dir", last.data_dir().to_str().unwrap()],
        &[],
        &fs::read(&second).unwrap(),
    );
    assert!(said.good().contains("imported 459 counters"));
    assert_eq!(exported(&last, "c.jsonl").1[1..], lines[1..]);

    // Once, and nothing of another export of the same store, of this store itself, or of a file that was cut.
    assert!(import(&middle, &first, &[]).good().contains("already imported (459 counters"));
    import(&place, &first, &[]).refused(1, &["an export of this very store", "--again"]);
    place.run(&["add", "o/r", "1"]).good();
    let (later, _) = exported(&place, "d.jsonl");
    import(&middle, &later, &[]).refused(1, &["another export of the same store", "was imported here"]);
    let text = fs::read_to_string(&first).unwrap();
    fs::write(&later, &text[..text.len() / 2]).unwrap();
    import(&middle, &later, &["--again"]).refused(1, &["nothing was imported", "it was cut off"]);
    fs::write(&later, text.replace("\"name\":\"many/7\",\"total\":8", "\"name\":\"many/7\",\"total\":9"))
        .unwrap();
    import(&middle, &later, &[]).refused(1, &["nothing was imported", "another checksum"]);
    assert_eq!(exported(&middle, "e.jsonl").1[1..], lines[1..]);
    place.run(&["export", "jsonl", first.to_str().unwrap()]).refused(1, &["exists already", "--force"]);
    assert!(import(&middle, &first, &["--again"]).good().contains("imported 459 counters"));
    assert_eq!(middle.total("many/449"), 900);
    assert_eq!(middle.run(&["corrections"]).good(), "nothing was corrected\n");

    let table = place.run(&["export", "csv", "-", "--steps", "total,status"]).good();
    assert!(
        table.starts_with("event,name,step,time,status,count\nhit,\"a \"\"b\"\"\\c\",total,,,1\n"),
        "{table}"
    );
    assert!(table.contains("\norder,shop,status,2026-10,closed,2\n") && !table.contains("~all"), "{table}");
    let days = place.run(&["export", "csv", "-"]).good();
    assert!(days.contains("\nhit,o/r,day,2019-02-28,,7\n"), "{days}");
}

#[test]
fn a_store_is_copied_with_the_positions_of_a_log() {
    let mut place = Place::new();
    let log = place.dir().join("badge.log");
    let line = |name: &str| format!("\"{}\",\"{name}\"\n", common::today());
    fs::write(&log, line("o/r") + &line("o/r") + &line("o/s")).unwrap();
    let more =
        |name: &str| fs::File::options().append(true).open(&log).unwrap().write_all(line(name).as_bytes());
    let follow = ["--file", log.to_str().unwrap()];
    let mut daemon = place.start("serve", &follow);
    wait_until("the log is counted", PATIENCE, || place.total("o/r") == 2 && place.total("o/s") == 1);
    let redis = Redis::builder().appendonly().start();
    let sqlite = format!("sqlite:{}", place.data_dir().join("tallymark.db").display());
    let copy = |place: &Place, from: &str, to: &str| {
        common::run(&["store", "copy", from, to, "--data-dir", place.data_dir().to_str().unwrap()])
    };
    stop(&mut daemon);
    place.store_at(&redis.url());
    place.run(&["serve"]).refused(78, &["3 hits", "tallymark store copy sqlite:", "tallymark store adopt"]);
    more("o/r").unwrap();
    let said = copy(&place, &sqlite, &redis.url()).good();
    assert!(
        said.contains("copied 2 counters with 3 in all from ")
            && said.contains("  2 positions of logs and imports\n"),
        "{said}"
    );
    assert!(said.contains("counts into the new store from now on"), "{said}");
    copy(&place, &sqlite, &redis.url()).refused(1, &["already; nothing was written"]);

    let mut daemon = place.start("serve", &follow);
    more("o/s").unwrap();
    wait_until("the log is read on", PATIENCE, || place.total("o/r") == 3 && place.total("o/s") == 2);
    assert_eq!(place.hit("o/r"), 4);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 4);

    // And back, into another file. A view over HTTP is a visit, too.
    let other = format!("sqlite:{}", place.dir().join("other.db").display());
    copy(&place, &redis.url(), &sqlite).refused(1, &["has 2 names already", "copy into an empty store"]);
    let said = copy(&place, &redis.url(), &other).good();
    assert!(said.contains("copied 3 counters with 7 in all"), "{said}");
    place.store_at(&other);
    more("o/s").unwrap();
    let mut daemon = place.start("serve", &follow);
    wait_until("the log is read on", PATIENCE, || place.total("o/s") == 3);
    assert_eq!((place.total("o/r"), place.hit("o/r")), (4, 5));
    stop(&mut daemon);
    assert_eq!((place.total("o/r"), place.total("o/s")), (5, 3));
}
