//! `tallymark help privacy` names everything that is kept: each table, each family of keys, and each file.

use crate::common::{Kind, PATIENCE, run, stop};
use std::{collections::BTreeSet, fs};
use tallymark_testbed::{http, wait_until};

const STORE: &str = include_str!("../../store/src/sqlite/file.rs");
const OUTBOX: &str = include_str!("../../store/src/outbox/file.rs");
const KEYS: &str = include_str!("../../store/src/redis/keys.rs");

fn privacy() -> String {
    run(&["help", "privacy"]).good()
}

fn words_after<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    text.split(before).skip(1).filter_map(|rest| rest.split(ends).next()).collect()
}

#[test]
fn every_table_is_named() {
    let privacy = privacy();
    for (file, source, least) in [("tallymark.db", STORE, 14), ("outbox.db", OUTBOX, 5)] {
        let tables = words_after(source, "CREATE TABLE ");
        assert!(tables.len() >= least, "{tables:?}");
        for table in tables {
            assert!(
                privacy.contains(&format!("`{table}`")),
                "the table {table} of {file} is not in `help privacy`"
            );
        }
    }
}

/// The text of every key is in one file of the code. What is no key there is a field of one.
#[test]
fn every_family_of_keys_is_named() {
    let privacy = privacy();
    let code = KEYS.split("#[cfg(test)]").next().unwrap();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let texts = code.split('"').skip(1).step_by(2).map(|text| text.split('{').next().unwrap());
    let families: BTreeSet<&str> = texts
        .filter(|text| text.starts_with(|c: char| c.is_ascii_lowercase()) && *text != "whole-until")
        .collect();
    assert!(families.len() >= 18, "{families:?}");
    for family in families {
        assert!(
            privacy.contains(&format!("`{family}")),
            "keys that begin with {family} are not in `help privacy`"
        );
    }
}

#[test]
fn every_key_and_every_file_of_a_daemon_is_named() {
    let privacy = privacy();
    for kind in Kind::both() {
        let mut place = kind.place();
        place.configure("[visits]\nkeep = 9\navatars = \"off\"\n");
        let mut daemon = place.serve();
        let person = [
            ("User-Agent", "Mozilla/5.0 Gecko/2010 Firefox/128.0"),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Dest", "document"),
            ("Sec-Fetch-User", "?1"),
        ];
        place.hit("o/r");
        let get = |path: &str| http::request("GET", place.addr(), path, &person, b"").status;
        assert_eq!(get("/v1/o/r"), 200);
        wait_until("a like is taken", PATIENCE, || get("/v1/like/o/r/add") == 200);
        wait_until("the hit is in the store", PATIENCE, || place.total("o/r") > 0);
        place.run(&["pause", "x/*", "--for", "1h"]).good();
        place.run(&["add", "o/r", "1"]).good();
        let mut files: BTreeSet<String> = BTreeSet::new();
        let mut look = || {
            let entries = fs::read_dir(place.data_dir()).unwrap();
            files.extend(entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
        };
        look();
        stop(&mut daemon);
        look();
        for file in &files {
            assert!(privacy.contains(&format!("`{file}`")), "the file {file} is not in `help privacy`");
        }
        if let Kind::Redis(redis) = &kind {
            for key in redis.cli(&["KEYS", "*"]).lines() {
                let family = match key.split(':').collect::<Vec<_>>()[..] {
                    ["tallymark", family, ..] => format!("`tallymark:{family}"),
                    [one] => format!("`{one}`"),
                    [family, ..] => format!("`{family}:"),
                    [] => continue,
                };
                assert!(privacy.contains(&family), "{key}: {family} is not in `help privacy`");
            }
        }
    }
}
