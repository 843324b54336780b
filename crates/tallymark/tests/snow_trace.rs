//! `tallymark import snow-trace` and `export snow-trace`: totals, history, broken files, interruptions, and the way back.

use crate::common::{Kind, PATIENCE, Place, Ran, program, stop};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};
use tallymark_testbed::{http, wait_until};

const CANARY: &str = "203.0.113.77";
const AGENT: &str = "Mozilla/5.0 Gecko/2010 Firefox/128.0 canary-agent";

/// A data directory of snow-trace below a place.
struct Traces(PathBuf);

impl Traces {
    fn new(place: &Place) -> Traces {
        let traces = Traces(place.dir().join("traces"));
        traces.write("counters.json", "{}");
        traces.write("likes.json", "{}");
        traces
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn totals(&self, file: &str, totals: &Value) {
        self.write(file, &serde_json::to_string_pretty(totals).unwrap());
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

fn record(event: &str, (namespace, key): (&str, &str), time: &str, count: u32) -> String {
    let record = json!({
        "timestamp": time, "namespace": namespace, "key": key, "count": count, "type": event, "userAgent": AGENT,
        "referer": "https://canary.example/", "ip": CANARY, "country": "DE", "region": "", "city": "Canaria",
        "timezone": "Europe/Berlin",
    });
    format!("{record}\n")
}

fn import(place: &Place, dir: &str, more: &[&str]) -> Ran {
    place.run(&[&["import", "snow-trace", dir], more].concat())
}

#[track_caller]
fn imported(place: &Place, dir: &str, more: &[&str]) -> Value {
    import(place, dir, &[more, &["--json"]].concat()).json()
}

#[track_caller]
fn shown(place: &Place, name: &str, event: &str) -> Value {
    place.run(&["show", name, "--event", event, "--days", "3660", "--json"]).json()
}

#[track_caller]
fn total(place: &Place, name: &str, event: &str) -> u64 {
    shown(place, name, event)["total"].as_u64().unwrap()
}

/// What a real directory may have, and some of what it should not.
fn mixed(place: &Place) -> Traces {
    let traces = Traces::new(place);
    traces.totals(
        "counters.json",
        &json!({"octo/x": 1, "octo:hello": 5, "octo:none": 7, "a:b:c": 2, "u:v:w": 1, "re:set": 2, "..:up": 2, ".:here": 1,
                "~n:k": 3, "zero:zero": 0}),
    );
    traces.totals("likes.json", &json!({"octo:hello": 3, "..:up": 1}));
    let hello = ("octo", "hello");
    let torn = record("visit", hello, "2025-12-30T10:02:00.000Z", 4);
    let text = [
        record("visit", hello, "2025-12-29T16:51:36.407Z", 2),
        record("visit", hello, "2025-12-30T10:00:00.000Z", 3),
        format!("{}{}", torn.trim_end(), record("visit", hello, "2025-12-30T10:03:00.000Z", 5)),
        "\n".to_owned(),
        record("visit", hello, "2025-12-30T10:04:00.000Z", 6).replace("\"count\":6,", ""),
        record("visit", hello, "never", 7),
        "garbage\n".to_owned(),
    ];
    traces.write("visits/octo/hello.jsonl", &text.concat());
    traces.write("likes_visits/octo/hello.jsonl", &record("like", hello, "2025-12-29T16:51:36.407Z", 2));
    traces.write("visits/a:b/c.jsonl", &record("visit", ("a:b", "c"), "2026-01-02T00:00:00.000Z", 1));
    let reset = ("re", "set");
    let reset = |time: &str, count| record("visit", reset, time, count);
    let text = [
        reset("2025-12-27T00:00:00.000Z", 1),
        reset("2025-12-28T00:00:00.000Z", 2),
        reset("2026-01-03T00:00:00.000Z", 1),
        reset("2026-01-04T00:00:00.000Z", 2),
    ];
    traces.write("visits/re/set.jsonl", &text.concat());
    let up = record("visit", ("..", "up"), "2026-01-05T00:00:00.000Z", 1);
    traces
        .write("up.jsonl", &(up + &record("like", ("..", "up"), "2026-01-06T00:00:00.000Z", 1) + "broken\n"));
    traces.write("visits/here.jsonl", &record("visit", (".", "here"), "2026-01-07T00:00:00.000Z", 1));
    traces.write("visits/lost/log.jsonl", &record("visit", ("lost", "log"), "2026-01-08T00:00:00.000Z", 1));
    traces.write("counters.json.tmp", "{");
    traces
}

#[test]
fn totals_of_0_are_told() {
    let place = Place::new();
    let traces = Traces::new(&place);
    traces.totals("counters.json", &json!({"octo:none": 0, "octo:hello": 2}));
    let done = import(&place, traces.path(), &[]).good();
    assert!(
        done.contains("visits: 2 of 1 name, 0 records read\n")
            && done.contains("1 total is 0 and counts nothing\n"),
        "{done}"
    );
    assert_eq!(imported(&place, traces.path(), &["--dry-run"])["visits"]["zeros"], 1);
}

#[test]
fn totals_come_from_the_totals_and_history_from_the_logs_in_both_stores() {
    for kind in Kind::both() {
        let place = kind.place();
        let traces = mixed(&place);
        let dry = imported(&place, traces.path(), &["--dry-run"]);
        assert_eq!(dry["state"], "dry-run");
        if matches!(kind, Kind::Sqlite) {
            assert!(!place.data_dir().exists(), "a dry run leaves nothing");
        }
        let done = imported(&place, traces.path(), &[]);
        assert_eq!(done["state"], "imported");
        for part in ["visits", "likes", "problems"] {
            assert_eq!(done[part], dry[part], "{part}");
        }
        assert_eq!(
            done["visits"],
            json!({"names": 6, "total": 19, "rest": 12, "records": 10, "surplus": 3, "broken": 4, "zeros": 1, "refused": 3, "refused_total": 5})
        );
        assert_eq!(
            done["likes"],
            json!({"names": 2, "total": 4, "rest": 2, "records": 2, "surplus": 0, "broken": 1, "zeros": 0, "refused": 0, "refused_total": 0})
        );
        for (name, event, count) in [
            ("octo/hello", "visit", 5),
            ("octo/hello", "like", 3),
            ("octo/none", "visit", 7),
            ("a:b/c", "visit", 2),
            ("re/set", "visit", 2),
            ("../up", "visit", 2),
            ("../up", "like", 1),
            ("./here", "visit", 1),
            ("lost/log", "visit", 0),
            ("~all", "visit", 19),
            ("~all", "like", 4),
            ("~all", "hit", 0),
        ] {
            assert_eq!(total(&place, name, event), count, "{name} {event}");
        }
        // Three of five have no record that can be read, and count on the day of the oldest.
        let days = |name: &str| shown(&place, name, "visit")["days"].clone();
        assert_eq!(
            days("octo/hello"),
            json!([{"date": "2025-12-29", "count": 4}, {"date": "2025-12-30", "count": 1}])
        );
        // The counter began anew, and has counted the newest.
        assert_eq!(
            days("re/set"),
            json!([{"date": "2026-01-03", "count": 1}, {"date": "2026-01-04", "count": 1}])
        );
        // Without any record: the day of the oldest of all.
        assert_eq!(days("octo/none"), json!([{"date": "2025-12-27", "count": 7}]));
        assert_eq!(done["day_without_records"], "2025-12-27");
        assert_eq!(imported(&place, traces.path(), &[])["state"], "already-imported");
        assert_eq!(imported(&place, traces.path(), &["--dry-run"])["state"], "already-imported");
        assert_eq!(total(&place, "~all", "visit"), 19);
        last_visits(&place);
        no_canary(&place, &kind);
    }
}

/// The last visits are in the API, the newest first, with the class of client and the place.
fn last_visits(place: &Place) {
    let mut daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    let answer = http::get(place.addr(), "/api/v1/counters/re/set/visits?event=visit");
    let visits: Value = serde_json::from_str(answer.text()).unwrap();
    let row = |day| {
        let time = format!("2026-01-{day}T00:00:00Z");
        json!({"time": time, "class": "browser", "country": "DE", "city": "Canaria"})
    };
    assert_eq!(visits["visits"], json!([row("04"), row("03")]));
    stop(&mut daemon);
}

fn no_canary(place: &Place, kind: &Kind) {
    for canary in [CANARY, "canary-agent", "canary.example"] {
        let found = Command::new("grep").args(["-rlaF", canary]).arg(place.data_dir()).output().unwrap();
        assert_eq!(String::from_utf8(found.stdout).unwrap(), "", "{canary}");
        if let Kind::Redis(redis) = kind {
            assert!(!redis.cli(&["LRANGE", "recent:visit:octo%2Fhello", "0", "-1"]).contains(canary));
        }
    }
}

#[test]
fn people_are_told_of_everything_that_was_not_taken_as_it_is() {
    let place = Place::new();
    let traces = mixed(&place);
    let said = import(&place, traces.path(), &[]).good();
    for part in [
        "imported 19 visits and 4 likes\n",
        "  visits: 19 of 6 names, 10 records read\n",
        "    12 have no record, and count on the day of their name's oldest one\n",
        "    3 records are more than the totals say, and count nothing\n",
        "    3 totals with 5 in all have no name here\n",
        "  names without a record count on 2025-12-27\n",
        "not taken over: addresses",
        "counters.json: \"octo/x\": its total of 1 is not counted: it is not NAMESPACE:KEY\n",
        "counters.json: \"u:v:w\": its total of 1 is not counted: it has several colons",
        "counters.json: \"~n:k\": its total of 3 is not counted: no name here",
        "  up.jsonl: it is a log of the namespace \"..\"",
        "  up.jsonl:3: not JSON\n",
        "  visits/here.jsonl: it is a log of the namespace \".\"",
        "  visits/lost/log.jsonl: counters.json has no total for it",
        "  counters.json.tmp: it is not a file of snow-trace",
        "  visits/octo/hello.jsonl:3: several records are glued together",
        "  visits/octo/hello.jsonl:5: count is missing",
        "  visits/octo/hello.jsonl:6: timestamp is missing, or is not a time",
        "  visits/octo/hello.jsonl:7: not JSON\n",
    ] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
    // However much is broken, the output has an end.
    traces.write("visits/octo/hello.jsonl", &"garbage\n".repeat(5000));
    let dry = import(&place, traces.path(), &["--dry-run", "--again"]).good();
    assert!(dry.lines().count() < 60 && dry.contains(" more: --json lists them\n"), "{dry}");
    // Each of them is told all the same.
    let json = import(&place, traces.path(), &["--dry-run", "--again", "--json"]).json();
    let problems = json["problems"].as_array().unwrap();
    let told: Vec<u64> = problems
        .iter()
        .filter(|problem| problem["file"] == "visits/octo/hello.jsonl")
        .filter_map(|problem| problem["line"].as_u64())
        .collect();
    assert_eq!(told, (1..=5000).collect::<Vec<_>>());
}

#[test]
fn broken_totals_refuse_everything() {
    let place = Place::new();
    let traces = mixed(&place);
    for file in ["counters.json", "likes.json"] {
        let good = fs::read(traces.0.join(file)).unwrap();
        for (text, why) in [
            ("", "EOF"),
            ("{\"a:b\": 1", "EOF"),
            ("null", "expected an object"),
            ("[]", "expected an object"),
            ("5", "expected an object"),
            ("\"x\"", "expected an object"),
            ("{\"a:b\": \"1000\"}", "\"a:b\""),
            ("{\"a:b\": 1.5}", "1.5"),
            ("{\"a:b\": -1}", "-1"),
            ("{\"a:b\": 9223372036854775808}", "9223372036854775808"),
            ("{\"a:b\": 1e400}", "out of range"),
            ("{\"a:b\": null}", "null"),
            ("{\"a:b\": 1, \"a:b\": 2}", "two totals"),
        ] {
            traces.write(file, text);
            import(&place, traces.path(), &[]).refused(1, &[file, why, "nothing was imported"]);
        }
        fs::remove_file(traces.0.join(file)).unwrap();
        import(&place, traces.path(), &[]).refused(1, &[file, "is missing"]);
        fs::write(traces.0.join(file), good).unwrap();
    }
    let parent = place.dir().join("outer");
    fs::create_dir_all(parent.join("data")).unwrap();
    fs::write(parent.join("data/counters.json"), "{}").unwrap();
    import(&place, parent.to_str().unwrap(), &[]).refused(1, &["did you mean", "outer/data"]);
    import(&place, "/nonexistent", &[]).refused(1, &["neither counters.json nor likes.json"]);
    assert!(!place.data_dir().exists(), "nothing was written");
}

#[test]
fn directory_that_has_changed_is_refused_unless_it_is_to_be_added() {
    for kind in Kind::both() {
        let place = kind.place();
        let traces = Traces::new(&place);
        traces.totals("counters.json", &json!({"o:r": 5}));
        assert_eq!(imported(&place, traces.path(), &[])["state"], "imported");
        traces.totals("counters.json", &json!({"o:r": 6}));
        for more in [&[][..], &["--dry-run"]] {
            import(&place, traces.path(), more).refused(1, &["another content", "--again"]);
        }
        assert_eq!(total(&place, "o/r", "visit"), 5);
        assert_eq!(imported(&place, traces.path(), &["--again"])["state"], "imported");
        assert_eq!(total(&place, "o/r", "visit"), 11);
        assert_eq!(imported(&place, traces.path(), &[])["state"], "already-imported");
        assert_eq!(imported(&place, traces.path(), &["--again"])["state"], "imported");
        assert_eq!(total(&place, "o/r", "visit"), 17);
    }
}

/// Killed again and again, it comes to its end, and every total is right.
#[test]
fn killed_import_goes_on() {
    const NAMES: usize = 5_000;
    for kind in Kind::both() {
        let place = kind.place();
        let traces = Traces::new(&place);
        let of = |file: &str, each: usize| {
            let totals = (0..NAMES).map(|n| (format!("o:r{n}"), json!(each + n % 7)));
            traces.totals(file, &Value::Object(totals.collect()));
        };
        of("counters.json", 3);
        of("likes.json", 1);
        for n in 0..50 {
            let name = format!("r{n}");
            let text = record("visit", ("o", &name), "2026-01-01T00:00:00.000Z", 1).repeat(300);
            traces.write(&format!("visits/o/{name}.jsonl"), &text);
        }
        let (mut killed, mut ended) = (0, false);
        for wait in (0..200).map(|n| Duration::from_millis(50 + 150 * n)) {
            let mut child = Command::new(program())
                .args(["import", "snow-trace", traces.path()])
                .args(place.flags())
                .env_clear()
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(wait);
            child.kill().unwrap();
            if child.wait().unwrap().success() {
                ended = true;
                break;
            }
            killed += 1;
        }
        assert!(ended && killed > 0, "killed {killed} times");
        assert_eq!(imported(&place, traces.path(), &[])["state"], "already-imported");
        let expected = |each: usize| (0..NAMES).map(|n| (each + n % 7) as u64).sum::<u64>();
        assert_eq!(total(&place, "~all", "visit"), expected(3));
        assert_eq!(total(&place, "~all", "like"), expected(1));
        for n in [0, 49, 50, NAMES - 1] {
            assert_eq!(total(&place, &format!("o/r{n}"), "visit"), (3 + n % 7) as u64);
        }
    }
}

#[test]
fn what_is_exported_is_imported_with_the_same_totals() {
    for (kind, other) in Kind::both().into_iter().zip(Kind::both()) {
        let (place, empty) = (kind.place(), other.place());
        let traces = mixed(&place);
        import(&place, traces.path(), &[]).good();
        let to = place.dir().join("exported");
        let report = place.run(&["export", "snow-trace", to.to_str().unwrap(), "--json"]).json();
        assert_eq!(
            (report["visits"]["names"].as_u64(), report["visits"]["total"].as_u64()),
            (Some(6), Some(19))
        );
        // Their logs would be beside those of the event, or in the place of the totals.
        for (event, name, records) in [("like", "../up", 1), ("visit", "../up", 1), ("visit", "./here", 1)] {
            let told = json!({"event": event, "name": name, "records": records});
            let list = report["without_log"].as_array().unwrap();
            assert!(list.contains(&told), "{told} is not in {list:?}");
        }
        assert_eq!(report["visits"]["records_left_out"], 2);
        let text = fs::read_to_string(to.join("likes.json")).unwrap();
        assert_eq!(text, "{\n  \"..:up\": 1,\n  \"octo:hello\": 3\n}");
        let log = fs::read_to_string(to.join("visits/re/set.jsonl")).unwrap();
        let line = |day: u32, count: u32| {
            format!(
                "{{\"timestamp\":\"2026-01-0{day}T00:00:00.000Z\",\"namespace\":\"re\",\"key\":\"set\",\"count\":{count},\"type\":\"visit\",\"country\":\"DE\",\"city\":\"Canaria\"}}\n"
            )
        };
        assert_eq!(log, line(3, 1) + &line(4, 2));
        let done = imported(&empty, to.to_str().unwrap(), &[]);
        assert_eq!(done["problems"], json!([]));
        for (name, event) in [
            ("octo/hello", "visit"),
            ("octo/hello", "like"),
            ("octo/none", "visit"),
            ("a:b/c", "visit"),
            ("re/set", "visit"),
            ("../up", "visit"),
            ("../up", "like"),
            ("./here", "visit"),
            ("~all", "visit"),
            ("~all", "like"),
        ] {
            assert_eq!(total(&empty, name, event), total(&place, name, event), "{name} {event}");
        }
        assert_eq!(shown(&empty, "re/set", "visit"), shown(&place, "re/set", "visit"));
        place.run(&["export", "snow-trace", to.to_str().unwrap()]).refused(1, &["is not empty"]);
    }
}

fn hits(place: &Place, body: &Value) {
    let headers = [("Authorization", "Bearer a-token-of-sixteen"), ("Content-Type", "application/json")];
    let answer = http::request("POST", place.addr(), "/api/v1/hits", &headers, body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn export_says_what_snow_trace_cannot_have_and_leaves_out_likes_taken_back() {
    for kind in Kind::both() {
        let mut place = kind.place();
        place.configure("[http]\ntokens = [\"a-token-of-sixteen\"]\n");
        let mut daemon = place.serve();
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        hits(
            &place,
            &json!([
                {"name": "plain", "event": "visit", "count": 2}, {"name": "a/b/c", "event": "visit", "count": 3},
                {"name": "x:y/z", "event": "visit"}, {"name": "x/y:z", "event": "visit"}, {"name": "o/r", "event": "visit", "count": 9, "user_agent": "curl/8"},
                {"name": "o/r", "event": "like", "count": 5}, {"name": "o/r", "event": "unlike", "count": 2},
            ]),
        );
        stop(&mut daemon);
        let to = place.dir().join("exported");
        let said = place.run(&["export", "snow-trace", to.to_str().unwrap()]).good();
        for part in [
            "exported 9 visits and 3 likes\n",
            "4 names with 7 in all left out",
            "visit plain: left out, because snow-trace's names are NAMESPACE/KEY",
            "visit a/b/c: left out, because",
            "visit x:y/z: left out, because another name has the same key",
            "visit x/y:z: left out, because another name has the same key",
        ] {
            assert!(said.contains(part), "{part:?} is missing in\n{said}");
        }
        assert_eq!(fs::read_to_string(to.join("counters.json")).unwrap(), "{\n  \"o:r\": 9\n}");
        assert_eq!(fs::read_to_string(to.join("likes.json")).unwrap(), "{\n  \"o:r\": 3\n}");
        // An imported visit is in its place in the list, behind newer ones.
        let newer = total(&place, "o/r", "visit");
        let traces = Traces::new(&place);
        traces.totals("counters.json", &json!({"o:r": 1}));
        traces.write("visits/o/r.jsonl", &record("visit", ("o", "r"), "2025-12-29T16:51:36.407Z", 1));
        let before = times(&place);
        imported(&place, traces.path(), &[]);
        assert_eq!(total(&place, "o/r", "visit"), newer + 1);
        assert_eq!(times(&place), [before, vec!["2025-12-29T16:51:00Z".to_owned()]].concat());
    }
}

/// The last visits of o/r, the latest first.
fn times(place: &Place) -> Vec<String> {
    let mut daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    let answer = http::get(place.addr(), "/api/v1/counters/o/r/visits?event=visit");
    let read: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
    stop(&mut daemon);
    let visits = read["visits"].as_array().unwrap();
    visits.iter().map(|visit| visit["time"].as_str().unwrap().to_owned()).collect()
}

/// Nothing that is read leads out of the directory, and nothing in it holds the import up.
#[test]
fn odd_entries_are_named() {
    let place = Place::new();
    let traces = Traces::new(&place);
    traces.totals("counters.json", &json!({"o:r": 1}));
    traces.write("visits/o/r.jsonl", "");
    traces.write("visits/o/.jsonl", "");
    traces.write("visits/o/deep/er.jsonl", "");
    traces.write("visits/notes.txt", "");
    std::os::unix::fs::symlink("nowhere", traces.0.join("visits/dangling")).unwrap();
    assert!(Command::new("mkfifo").arg(traces.0.join("visits/o/pipe.jsonl")).status().unwrap().success());
    let said = import(&place, traces.path(), &[]).good();
    for part in [
        "visits/o/.jsonl: it is not a file of snow-trace",
        "visits/o/deep: it is not a file of snow-trace",
        "visits/notes.txt: it is not a file of snow-trace",
        "visits/dangling: it is a link that leads nowhere",
        "visits/o/pipe.jsonl: it is neither a file nor a directory",
    ] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
    assert_eq!(total(&place, "o/r", "visit"), 1);
    assert!(Path::new(traces.path()).join("counters.json").exists());
}

/// snow-trace's own variable names our directory too.
#[test]
fn a_data_directory_of_snow_trace_is_told_with_what_helps() {
    let place = Place::new();
    let said = || place.run(&["check-config"]).good();
    assert!(!said().contains("snow-trace"), "{}", said());
    fs::create_dir_all(place.data_dir()).unwrap();
    fs::write(place.data_dir().join("likes.json"), "{}").unwrap();
    let helps = format!("tallymark import snow-trace {}", place.data_dir().display());
    assert!(said().contains(&helps) && said().contains("has a likes.json"), "{}", said());
    // Its files would be put among that data.
    let dir = place.data_dir().display().to_string();
    let refused = place.run(&["import", "snow-trace", &dir]);
    refused.refused(78, &["snow-trace's own directory", "--data-dir NEW import snow-trace"]);
    assert_eq!(fs::read_dir(place.data_dir()).unwrap().count(), 1, "nothing was written");
    let mut daemon = place.serve();
    assert!(daemon.stderr().contains(&helps), "{}", daemon.stderr());
    stop(&mut daemon);
}
