//! `import goatcounter` and `import hits-sh`: once, also after a kill, over both stores. The files are made after
//! `exportcsv.go` of GoatCounter 2.7 and `ApiController.java` of hits.sh 1.5; the parsers have tests of their own.

use crate::common::{Kind, Place, program, stop};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};
use tallymark_testbed::{FakeWeb, WebReply};

const HEAD: &str = "2Path,Title,Event,UserAgent,Browser,System,Session,Bot,Referrer,Referrer scheme,Screen size,Location,\
                    FirstVisit,Date\n";

fn row(path: &str, bot: u32, date: &str) -> String {
    format!("{path},Title,false,,Firefox 80,Linux,8f5e,{bot},,,\"1920,0,1\",ID-BA,true,{date}\n")
}

fn export(place: &Place, rows: &str) -> PathBuf {
    let path = place.dir().join("goatcounter-export-x.csv");
    std::fs::write(&path, format!("{HEAD}{rows}")).unwrap();
    path
}

fn goatcounter(place: &Place, file: &Path, more: &[&str]) -> crate::common::Ran {
    place.run(&[&["import", "goatcounter", file.to_str().unwrap()], more].concat())
}

fn an_export_counts_once(kind: &Kind) {
    let place = kind.place();
    let rows = [
        row("/a.html", 0, "2026-03-05T19:07:31Z"),
        row("/a.html", 0, "2026-03-05T23:59:59Z"),
        row("/a.html", 4, "2026-03-05T23:59:59Z"),
        row("/", 0, "2026-03-06T00:00:00Z"),
        row("/broken", 0, "yesterday"),
    ]
    .concat();
    let file = export(&place, &rows);
    let dry = goatcounter(&place, &file, &["--dry-run"]).good();
    assert!(
        dry.contains("would import 3 hits; nothing was written\n  5 rows: 3 accepted, 2 rejected\n"),
        "{dry}"
    );
    assert!(dry.contains("    bot: 1  (GoatCounter took it for a bot; --bots counts it)\n"), "{dry}");
    assert!(dry.contains("  line 6: the date is no time like"), "{dry}");
    let mut daemon = place.serve();
    let done = goatcounter(&place, &file, &["--json"]).json();
    assert_eq!((&done["state"], &done["hits"]), (&"imported".into(), &3.into()), "{done}");
    let again = goatcounter(&place, &file, &[]).good();
    assert!(again.contains("already imported (3 hits)"), "{again}");
    stop(&mut daemon);
    let shown = place.run(&["show", "/a.html", "--days", "3660", "--json"]).json();
    let days: Vec<&Value> =
        shown["days"].as_array().unwrap().iter().filter(|day| day["count"] != 0).collect();
    assert_eq!(
        (&shown["total"], days),
        (&2.into(), vec![&json!({"date": "2026-03-05", "count": 2})]),
        "{shown}"
    );
    assert_eq!((place.total("/"), place.total("~all")), (1, 3));
    // A later export has the same again.
    let file = export(&place, &(rows + &row("/new", 0, "2026-03-07T00:00:00Z")));
    goatcounter(&place, &file, &[]).refused(1, &["another export of GoatCounter", "--again", "--prefix"]);
    assert_eq!(place.total("~all"), 3);
    let other = goatcounter(&place, &file, &["--prefix", "example.org", "--json"]).json();
    assert_eq!((&other["hits"], place.total("example.org/new"), place.total("~all")), (&4.into(), 1, 7));
    let more = goatcounter(&place, &file, &["--again", "--json"]).json();
    assert_eq!((&more["state"], place.total("~all")), (&"imported".into(), 11));
}

#[test]
fn an_export_of_goatcounter_counts_once() {
    Kind::both().iter().for_each(an_export_counts_once);
}

#[test]
fn an_import_of_goatcounter_that_is_killed_goes_on() {
    let place = Place::new();
    let rows: String = (0..240_000)
        .map(|n| {
            row(
                &format!("/page/{}", n % 9000),
                0,
                &format!("2026-{:02}-{:02}T{:02}:{:02}:00Z", 1 + n % 9, 1 + n % 28, n % 24, n % 60),
            )
        })
        .collect();
    let file = export(&place, &rows);
    let mut kills = 0;
    for wait in [150, 400, 700, 1000, 1400] {
        let mut import = Command::new(program())
            .args(["import", "goatcounter", file.to_str().unwrap(), "--data-dir"])
            .arg(place.data_dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        import.kill().unwrap();
        kills += u32::from(!import.wait().unwrap().success());
    }
    let done = goatcounter(&place, &file, &["--json"]).json();
    assert!(
        ["imported", "finished", "already-imported"].contains(&done["state"].as_str().unwrap()),
        "{done}"
    );
    assert!(kills > 0, "none was killed while it worked");
    assert_eq!(place.total("~all"), 240_000);
    assert_eq!(place.total("/page/0"), 240_000u64.div_ceil(9000));
}

#[test]
fn a_broken_export_of_goatcounter_counts_nothing() {
    let place = Place::new();
    let cut = place.dir().join("cut.csv.gz");
    let file = export(&place, &row("/", 0, "2026-03-05T19:07:31Z").repeat(1000));
    let packed = Command::new("gzip").arg("-c").arg(&file).output().unwrap().stdout;
    std::fs::write(&cut, &packed[..packed.len() - 9]).unwrap();
    goatcounter(&place, &cut, &[]).refused(1, &["cut.csv.gz"]);
    let other = place.dir().join("other.csv");
    std::fs::write(&other, "7Path,Title\n").unwrap();
    goatcounter(&place, &other, &[])
        .refused(1, &["version 7 of the format", "1 and 2", "nothing was counted"]);
    goatcounter(&place, &place.dir().join("missing"), &[]).refused(1, &["missing"]);
    assert!(!place.data_dir().join("tallymark.db").exists());
}

fn answer(days: &[(&str, u64)]) -> String {
    let data: Vec<Value> = days.iter().map(|(day, value)| json!({"value": value, "day": day})).collect();
    let total: u64 = days.iter().map(|(_, value)| value).sum();
    json!({"total": total, "monthly": 0, "weekly": 0, "items": [{"from": "", "to": "", "data": data}]})
        .to_string()
}

fn days_of_hits_sh_count_once(kind: &Kind) {
    let mut place = kind.place();
    place.configure("");
    let days = Arc::new(Mutex::new(answer(&[("2024-02-29", 7), ("2024-03-01", 5)])));
    let shown = days.clone();
    let web = FakeWeb::start(move |request| match request.target.as_str() {
        "/api/urns/github.com/o/r" => WebReply::of("application/json", shown.lock().unwrap().clone()),
        _ => WebReply::status(404, "text/plain", ""),
    });
    let url = format!("{}/github.com/o/r.svg?style=flat", web.url());
    let import = |more: &[&str]| place.run(&[&["import", "hits-sh", &url], more].concat());
    let dry = import(&["--dry-run"]).good();
    assert_eq!(
        dry,
        "github.com/o/r: would count 12 hits; hits.sh has 12 from 2024-02-29 to 2024-03-01; nothing was written\n"
    );
    let first = import(&["--json"]).json();
    assert_eq!((&first["added"], &first["before"]), (&12.into(), &0.into()), "{first}");
    assert_eq!(import(&["--json"]).json()["added"], 0);
    *days.lock().unwrap() = answer(&[("2024-02-29", 7), ("2024-03-01", 6), ("2024-03-02", 1)]);
    let next = import(&["--json"]).json();
    assert_eq!((&next["added"], &next["before"]), (&2.into(), &12.into()), "{next}");
    let shown = place.run(&["show", "github.com/o/r", "--days", "3660", "--json"]).json();
    let of_days: Vec<&Value> = shown["days"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|day| day["count"] != 0)
        .map(|day| &day["count"])
        .collect();
    assert_eq!((&shown["total"], of_days), (&14.into(), vec![&json!(7), &json!(6), &json!(1)]), "{shown}");
    // Nothing that counts there was asked for.
    assert!(web.requests().iter().all(|request| request.target == "/api/urns/github.com/o/r"));
    *days.lock().unwrap() = answer(&[("2024-02-29", 1000), ("2024-03-04", 6)]);
    import(&[]).refused(1, &["another counter", "Nothing was counted"]);
    let file = place.dir().join("answer.json");
    std::fs::write(&file, answer(&[("2024-02-29", 9)])).unwrap();
    let file = file.to_str().unwrap();
    place.run(&["import", "hits-sh", file]).refused(2, &["--name"]);
    assert_eq!(place.run(&["import", "hits-sh", file, "--name", "o/r", "--json"]).json()["added"], 9);
    place.run(&["import", "hits-sh", "https://hits.sh/"]).refused(2, &["https://hits.sh/HOST/PATH.svg"]);
    let missing = format!("{}/github.com/o/none/", web.url());
    place.run(&["import", "hits-sh", &missing]).refused(1, &["404"]);
    assert_eq!(place.total("~all"), 23);

    // What is known of the counter goes where its counts go.
    *days.lock().unwrap() = answer(&[("2024-02-29", 7), ("2024-03-01", 6), ("2024-03-02", 5)]);
    place.run(&["rename", "github.com/o/r", "new"]).good();
    let into = |name: &str| import(&["--name", name, "--json"]).json()["added"].clone();
    assert_eq!((into("new"), into("new")), (4.into(), 0.into()));
    place.run(&["merge", "new", "o/r"]).good();
    let merged = "two counters of hits.sh were merged into this name";
    import(&["--name", "o/r"]).refused(1, &[merged]);
    place.run(&["import", "hits-sh", file, "--name", "o/r"]).refused(1, &[merged]);
    place.run(&["undo"]).good();
    assert_eq!(place.run(&["import", "hits-sh", file, "--name", "o/r", "--json"]).json()["added"], 0);
    assert_eq!((into("new"), place.total("new"), place.total("o/r")), (0.into(), 18, 9));
    place.run(&["delete", "new"]).good();
    place.run(&["undo"]).good();
    assert_eq!(into("new"), 0);
    for gone in ["reset", "delete"] {
        place.run(&[gone, "new"]).good();
        assert_eq!((into("new"), place.total("new")), (18.into(), 18));
    }
    assert_eq!(place.total("~all"), 27);
}

#[test]
fn days_of_hits_sh_count_once_and_later_ones_are_added() {
    Kind::both().iter().for_each(days_of_hits_sh_count_once);
}
