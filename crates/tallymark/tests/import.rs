//! `tallymark import log`: whole files, each counted once, however often and under whatever name it is imported.

use crate::common::{Kind, PATIENCE, Place, program, run_with, stop};
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};
use tallymark_testbed::{http, wait_until};

/// Lines of `names` names, `each` of every name, all of them years ago.
fn lines(names: u32, each: u32) -> String {
    let mut text = String::new();
    for n in 0..names * each {
        writeln!(text, "\"2020-01-{:02}\",\"o%2Fr{}\"", 1 + n % 28, n % names).unwrap();
    }
    text
}

fn import(place: &Place, args: &[&str]) -> serde_json::Value {
    let all: Vec<&str> = ["import", "log", "--json"].iter().chain(args).copied().collect();
    place.run(&all).json()["files"][0].clone()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn same_content_is_counted_once_under_any_name_packed_or_not_in_both_stores() {
    for kind in Kind::both() {
        let place = kind.place();
        let (log, copy) = (place.dir().join("a.log"), place.dir().join("copy.log"));
        fs::write(&log, lines(50, 7) + "garbage\n").unwrap();
        let mut daemon = place.serve();
        let dry = import(&place, &[path(&log), "--dry-run"]);
        assert_eq!((dry["state"].as_str(), dry["hits"].as_u64()), (Some("dry-run"), Some(350)));
        assert_eq!(place.total("~all"), 0);
        let first = import(&place, &[path(&log)]);
        assert_eq!(first["state"], "imported");
        assert_eq!((first["received"].as_u64(), first["rejected"]["columns"].as_u64()), (Some(351), Some(1)));
        assert_eq!((place.total("~all"), place.total("o/r7")), (350, 7));
        fs::copy(&log, &copy).unwrap();
        assert!(Command::new("gzip").arg(&copy).status().unwrap().success());
        for again in [path(&log), path(&copy.with_extension("log.gz"))] {
            let second = import(&place, &[again]);
            assert_eq!(
                (second["state"].as_str(), second["id"].as_str()),
                (Some("already-imported"), first["id"].as_str())
            );
        }
        let dry = import(&place, &[path(&log), "--dry-run"]);
        assert_eq!((dry["state"].as_str(), dry["before"].as_u64()), (Some("already-imported"), Some(1)));
        assert_eq!(import(&place, &[path(&log), "--dry-run", "--again"])["state"], "dry-run");
        assert_eq!(place.total("~all"), 350);
        assert_eq!(import(&place, &[path(&log), "--again"])["state"], "imported");
        stop(&mut daemon);
        assert_eq!((place.total("~all"), place.total("o/r7")), (700, 14));
    }
}

#[test]
fn people_are_told_what_was_done() {
    let place = Place::new();
    let log = place.dir().join("a.log");
    fs::write(&log, lines(3, 400) + "x\n").unwrap();
    let told = |args: &[&str]| place.run(args).good();
    let log = path(&log);
    let rest = "  1,201 lines: 1,200 accepted, 1 rejected\n    columns: 1  (Not as many fields as the route has columns.)\n";
    assert_eq!(
        told(&["import", "log", log, "--dry-run"]),
        format!("{log}: would import 1,200 hits; nothing was written\n{rest}")
    );
    let first = place.run(&["import", "log", log]);
    let made = format!("there is no store at {}/tallymark.db yet", place.data_dir().display());
    assert!(first.stderr.contains(&made), "{first:?}");
    assert_eq!(first.good(), format!("{log}: imported 1,200 hits\n{rest}"));
    let again = "already imported (1,200 hits); nothing was counted now (--again counts it once more)";
    assert_eq!(told(&["import", "log", log]), format!("{log}: {again}\n{rest}"));
    let empty = place.dir().join("empty.log");
    fs::write(&empty, "").unwrap();
    assert!(told(&["import", "log", path(&empty)]).contains("it is empty"));
    assert!(told(&["import", "log", path(&empty), "--dry-run"]).contains("it is empty"));
}

#[test]
fn standard_input_is_known_by_what_it_is_called() {
    let place = Place::new();
    let flags = place.flags();
    let run = |id: &str, text: &str| {
        let args = ["import", "log", "-", "--json", "--id", id];
        let all: Vec<&str> = args.iter().copied().chain(flags.iter().map(String::as_str)).collect();
        run_with(&all, &[], text.as_bytes())
    };
    let text = lines(2, 2);
    let import =
        |id: &str, text: &str| run(id, text).json()["files"][0]["state"].as_str().unwrap().to_owned();
    assert_eq!(
        [import("monday", &text), import("monday", &text), import("tuesday", &text)],
        ["imported", "already-imported", "imported"]
    );
    assert_eq!(place.total("~all"), 8);
    // What came behind it is counted, and another text is told from it.
    let more = text.clone() + &distinct(10, 13);
    assert_eq!([import("monday", &more), import("monday", &more)], ["finished", "already-imported"]);
    assert_eq!((place.total("~all"), place.total("o/r11")), (11, 1));
    for other in [&text, &distinct(20, 30), &(distinct(20, 30) + &more), &String::new()] {
        run("monday", other).refused(1, &["another text", "--id"]);
    }
    let torn = more + "\"2020-01-01\",\"o%2Fr14\"";
    assert_eq!(import("monday", &torn), "finished");
    assert_eq!(import("monday", &(torn + "\n" + &distinct(30, 31))), "finished");
    assert_eq!(place.total("~all"), 13);
    place.run(&["import", "log", "-"]).refused(2, &["--id"]);
    place.run(&["import", "log", "-", "x"]).refused(2, &["alone"]);
    place.run(&["import", "log", "x", "--id", "y"]).refused(2, &["known by its content"]);
    place
        .run(&["import", "log", "-", "--dry-run", "--route", "nosuch"])
        .refused(2, &["there are: badge, tallymark"]);
    place.run(&["import", "log", "missing.log"]).refused(1, &["missing.log", "No such file"]);
}

#[test]
fn access_log_and_damaged_gzip() {
    let place = Place::new();
    let log = place.dir().join("access.log");
    let line =
        "192.0.2.7 - - [20/Nov/2020:03:59:49 +0000] \"GET /badge.svg?repo=o/r HTTP/1.1\" 200 5 \"-\" \"-\"\n";
    fs::write(&log, line.repeat(1000)).unwrap();
    for command in [&["import", "log"][..], &["import", "log", "--dry-run"], &["replay"]] {
        let ran = place.run(&[command, &[path(&log)]].concat());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let file = path(&log);
        let said = format!(
            "{file} has the expected format. It looks like an access log: repeat the command with --format combined\n"
        );
        assert!(ran.stderr.contains(&said), "{ran:?}");
        assert!(ran.stdout.contains("1,000 lines: 0 accepted, 1,000 rejected"), "{ran:?}");
    }
    // Followed, the advice counts only where the command itself would have.
    for command in [&["import", "log", "--dry-run"][..], &["replay"]] {
        place.run(&[command, &[path(&log), "--format", "combined"]].concat()).good();
        assert_eq!(place.total("o/r"), 0);
    }
    let other = place.dir().join("other.log");
    fs::write(&other, line.replace("/badge.svg?repo=o/r", "/index.html")).unwrap();
    place.run(&["replay", "--format", "combined", path(&other)]).good();
    assert_eq!(import(&place, &[path(&log), "--format", "combined"])["hits"], 1000);
    assert_eq!(place.total("o/r"), 1000);
    assert!(Command::new("gzip").arg("-k").arg(&log).status().unwrap().success());
    let packed = place.dir().join("access.log.gz");
    let length = fs::metadata(&packed).unwrap().len();
    fs::File::options().write(true).open(&packed).unwrap().set_len(length - 9).unwrap();
    place.run(&["import", "log", path(&packed), "--format", "combined"]).refused(1, &["access.log.gz"]);
    assert_eq!(place.total("o/r"), 1000, "a file that is not whole counts nothing");
}

fn append(log: &Path, text: &str) {
    fs::OpenOptions::new().append(true).open(log).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Lines of names that are all different.
fn distinct(from: u32, to: u32) -> String {
    (from..to).map(|n| format!("\"2020-01-{:02}\",\"o%2Fr{n}\"\n", 1 + n % 28)).collect()
}

#[test]
fn file_that_has_grown_goes_on_behind_what_was_imported() {
    for kind in Kind::both() {
        let place = kind.place();
        let log = place.dir().join("access.log");
        let counted = |args: &[&str]| {
            let report = import(&place, args);
            (report["state"].as_str().unwrap().to_owned(), place.total("~all"))
        };
        fs::write(&log, distinct(0, 3)).unwrap();
        assert_eq!(counted(&[path(&log)]), ("imported".to_owned(), 3));
        append(&log, &distinct(3, 5));
        assert_eq!(counted(&[path(&log), "--dry-run"]), ("dry-run".to_owned(), 3));
        assert_eq!(counted(&[path(&log)]), ("finished".to_owned(), 5));
        assert_eq!(counted(&[path(&log)]), ("already-imported".to_owned(), 5));
        // The last line has no end yet, and counts as it is.
        append(&log, "\"2020-01-01\",\"o%2Fr6\"");
        assert_eq!(counted(&[path(&log)]), ("finished".to_owned(), 6));
        append(&log, "\n\"2020-01-01\",\"o%2Fr7\"\n");
        assert_eq!(counted(&[path(&log)]), ("finished".to_owned(), 7));
        // A copy under another name, packed; and one that has more.
        let copy = place.dir().join("copy.log");
        fs::copy(&log, &copy).unwrap();
        append(&copy, &distinct(7, 9));
        assert!(Command::new("gzip").arg(&copy).status().unwrap().success());
        let packed = copy.with_extension("log.gz");
        assert_eq!(counted(&[path(&packed)]), ("finished".to_owned(), 9));
        assert_eq!(counted(&[path(&log)]), ("already-imported".to_owned(), 9));
        append(&log, &distinct(9, 12));
        assert_eq!(counted(&[path(&log)]), ("finished".to_owned(), 12));
        assert_eq!((place.total("o/r1"), place.total("o/r11")), (1, 1));
        assert_eq!(counted(&[path(&log), "--again"]), ("imported".to_owned(), 22));
    }
}

#[test]
fn what_cannot_be_told_apart_is_refused_with_the_flag_that_helps() {
    let place = Place::new();
    let (log, other) = (place.dir().join("a.log"), place.dir().join("b.log"));
    let line = "\"2020-01-01\",\"o%2Fr\"\n";
    fs::write(&log, line.repeat(3)).unwrap();
    fs::write(&other, line.repeat(4)).unwrap();
    import(&place, &[path(&log)]);
    place.run(&["import", "log", path(&other)]).refused(1, &["b.log", "identical", "--again"]);
    append(&log, line);
    assert_eq!((import(&place, &[path(&log)])["hits"].as_u64(), place.total("~all")), (Some(4), 4));
    // An older copy of what was counted.
    let (long, short) = (place.dir().join("long.log"), place.dir().join("short.log"));
    fs::write(&long, distinct(0, 900)).unwrap();
    fs::write(&short, distinct(0, 800)).unwrap();
    import(&place, &[path(&long)]);
    place.run(&["import", "log", path(&short)]).refused(1, &["short.log", "older copy", "--again"]);
    assert_eq!(place.total("~all"), 904);
}

/// Of less than 1 KiB too, and whatever lies between.
#[test]
fn older_copies_of_what_was_counted_are_refused_however_small_they_are() {
    for kind in Kind::both() {
        let place = kind.place();
        let (long, short) = (place.dir().join("d.log"), place.dir().join("h.log"));
        let refused = |short: &Path| {
            place.run(&["import", "log", path(short)]).refused(1, &["h.log", "older copy", "--again"]);
        };
        fs::write(&long, distinct(0, 12)).unwrap();
        import(&place, &[path(&long)]);
        append(&long, &distinct(12, 60));
        import(&place, &[path(&long)]);
        for lines in [1, 2, 10, 13, 59] {
            fs::write(&short, distinct(0, lines)).unwrap();
            refused(&short);
        }
        // The middle of the last line is missing.
        fs::write(&short, &distinct(0, 10)[..200]).unwrap();
        refused(&short);
        assert_eq!(import(&place, &[path(&long)])["state"], "already-imported");
        // Another file that begins like it.
        fs::write(&short, distinct(0, 10) + &distinct(900, 902)).unwrap();
        place.run(&["import", "log", path(&short)]).refused(1, &["h.log", "counted as", "d.log", "--again"]);
        fs::write(&short, distinct(0, 3)).unwrap();
        refused(&short);
        assert_eq!(import(&place, &[path(&short), "--again"])["state"], "imported");
        assert_eq!(place.total("~all"), 63);
        // All lines alike, and fewer of them.
        let (alike, fewer) = (place.dir().join("alike.log"), place.dir().join("fewer.log"));
        fs::write(&alike, "\"2020-01-01\",\"o%2Fr\"\n".repeat(5)).unwrap();
        fs::write(&fewer, "\"2020-01-01\",\"o%2Fr\"\n".repeat(4)).unwrap();
        import(&place, &[path(&alike)]);
        place.run(&["import", "log", path(&fewer)]).refused(1, &["fewer.log", "--again"]);
    }
}

#[test]
fn older_copy_of_what_a_daemon_has_read_is_refused_and_one_of_what_was_imported_is_not_read_again() {
    let mut place = Place::new();
    let (log, copy) = (place.dir().join("badge.log"), place.dir().join("copy.log"));
    place.configure("[store]\ntick = \"20ms\"\n[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\n");
    let whole = place.dir().join("whole.log");
    fs::write(&whole, distinct(0, 12)).unwrap();
    import(&place, &[path(&whole)]);
    fs::write(&log, distinct(0, 7)).unwrap();
    let mut daemon = place.serve();
    let told = || place.metrics().get("tallymark_file_rests_lost_total") == 1;
    wait_until("its lines are treated as counted", PATIENCE, told);
    append(&log, &distinct(100, 103));
    wait_until("the new lines are counted", PATIENCE, || place.total("~all") == 15);
    fs::write(&copy, distinct(0, 7) + &distinct(100, 102)).unwrap();
    place.run(&["import", "log", path(&copy)]).refused(1, &["copy.log", "--again"]);
    stop(&mut daemon);
    assert_eq!(place.total("~all"), 15);
}

#[test]
fn file_that_was_appended_to_itself_is_refused_and_lines_that_do_not_count_are_no_evidence() {
    let place = Place::new();
    let (all, log, other) =
        (place.dir().join("all.log"), place.dir().join("a.log"), place.dir().join("b.log"));
    for lines in [10, 500] {
        let text = distinct(lines * 100, lines * 101);
        fs::write(&all, &text).unwrap();
        assert_eq!(import(&place, &[path(&all)])["state"], "imported");
        append(&all, &text);
        place.run(&["import", "log", path(&all)]).refused(1, &["all.log", "repeats lines", "--again"]);
    }
    assert_eq!(place.total("~all"), 510);
    let header: String = (0..20).map(|n| format!("# header {n}\n")).collect();
    for (file, from) in [(&log, 0), (&other, 50)] {
        fs::write(file, format!("{header}{}", distinct(from, from + 9))).unwrap();
        assert_eq!(import(&place, &[path(file)])["hits"], 9);
    }
    assert_eq!(place.total("~all"), 528);
    fs::copy(&log, &other).unwrap();
    let said = place.run(&["import", "log", path(&other)]).good();
    for part in ["already imported as", "a.log", "--again"] {
        assert!(said.contains(part), "{said}");
    }
    // What was refused is refused again.
    let both = place.run(&["import", "log", path(&all), path(&log)]);
    assert_eq!(both.code, Some(1), "{both:?}");
    assert!(
        both.stderr.contains("1 of 2 files") && both.stderr.contains("the reasons are above"),
        "{both:?}"
    );
}

/// Nothing says how much of such a file is counted, but its lines are known.
#[test]
fn file_of_few_lines_that_was_edited_is_refused_and_a_new_one_of_its_name_is_not() {
    for kind in Kind::both() {
        let place = kind.place();
        let edits = [(1, "1iother"), (2, "1d"), (3, "2d"), (3, "1s/r/x/"), (6, "2d"), (6, "3s/r/x/")];
        let mut counted = 0;
        for (from, (count, edit)) in (0..).step_by(100).zip(edits) {
            let log = place.dir().join("access.log");
            fs::write(&log, distinct(from, from + count)).unwrap();
            assert_eq!(import(&place, &[path(&log)])["hits"], count);
            assert!(Command::new("sed").arg("-i").arg(edit).arg(&log).status().unwrap().success());
            place.run(&["import", "log", path(&log)]).refused(1, &["--again", "counted"]);
            counted += u64::from(count);
            assert_eq!(place.total("~all"), counted, "{count} {edit}");
            // The next one of this name.
            fs::remove_file(&log).unwrap();
            fs::write(&log, distinct(from + 50, from + 52)).unwrap();
            assert_eq!(import(&place, &[path(&log)])["hits"], 2);
            counted += 2;
        }
    }
}

#[test]
fn parts_and_other_forms_of_what_was_counted_are_refused_with_the_line_and_the_file() {
    for kind in Kind::both() {
        let mut place = kind.place();
        place.configure("[store]\ntick = \"20ms\"\n[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\n");
        let (first, second) = (place.dir().join("first.log"), place.dir().join("second.log"));
        let (log, other) = (place.dir().join("badge.log"), place.dir().join("other.log"));
        fs::write(&log, distinct(5_000, 6_000)).unwrap();
        let mut daemon = place.serve();
        wait_until("the log is counted", PATIENCE, || place.total("~all") == 1_000);
        stop(&mut daemon);
        let small = place.dir().join("small.log");
        for (file, text) in [
            (&first, distinct(0, 1_000)),
            (&second, distinct(2_000, 2_600)),
            (&small, distinct(3_000, 3_002)),
        ] {
            fs::write(file, text).unwrap();
            assert_eq!(import(&place, &[path(file)])["state"], "imported");
        }
        let counted = 2_602;
        let crlf = |text: String| text.replace('\n', "\r\n");
        for (what, text, said) in [
            ("the end", distinct(500, 1_000), "of it were counted as"),
            ("the middle", distinct(300, 600), "first.log"),
            ("joined", distinct(0, 1_000) + &distinct(2_000, 2_600), "second.log"),
            ("joined the other way", distinct(2_000, 2_600) + &distinct(0, 1_000), "first.log"),
            ("behind new lines", distinct(7_000, 7_010) + &distinct(400, 1_000), "first.log"),
            ("other line ends", crlf(distinct(0, 1_000)), "of it were counted as"),
            (
                "turned around",
                distinct(0, 1_000).lines().rev().map(|line| format!("{line}\n")).collect(),
                "first.log",
            ),
            ("a mark of the byte order", "\u{feff}".to_owned() + &distinct(0, 1_000), "first.log"),
            ("few lines with other line ends", crlf(distinct(3_000, 3_002)), "small.log"),
            ("lines behind few", distinct(3_000, 3_002) + &distinct(8_000, 8_009), "the same few lines"),
            ("the end of a followed log", distinct(5_600, 6_000), "badge.log"),
            ("a followed log with other line ends", crlf(distinct(5_000, 6_000)), "badge.log"),
        ] {
            fs::write(&other, text).unwrap();
            for args in [&["import", "log", path(&other)][..], &["import", "log", path(&other), "--dry-run"]]
            {
                place.run(args).refused(1, &["other.log", said, "--again"]);
            }
            assert_eq!(place.total("~all"), counted, "{what}");
        }
        // What has lines of its own only is counted, and so is what has more of them.
        fs::write(&other, distinct(9_000, 9_500)).unwrap();
        assert_eq!(import(&place, &[path(&other)])["state"], "imported");
        append(&first, &distinct(1_000, 1_100));
        assert_eq!(import(&place, &[path(&first)])["state"], "finished");
        fs::write(&other, distinct(500, 1_000)).unwrap();
        assert_eq!(import(&place, &[path(&other), "--again"])["state"], "imported");
        assert_eq!(place.total("~all"), counted + 500 + 100 + 500);
    }
}

#[test]
fn format_of_the_source_that_follows_a_file_is_taken_for_it_and_its_rotated_ones() {
    let mut place = Place::new();
    place.configure(
        "[[source]]\nkind = \"file\"\npath = \"DIR/access.log\"\nformat = \"combined\"\n\
         [[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\nroute = \"badge\"\n",
    );
    let access = |name: &str| {
        format!(
            "192.0.2.7 - - [20/Nov/2020:03:59:49 +0000] \"GET /badge.svg?repo={name} HTTP/1.1\" 200 5 \"-\" \"-\"\n"
        )
    };
    for (file, text) in [
        ("access.log", access("a")),
        ("access.log.1", access("b")),
        ("badge.log", distinct(0, 3)),
        ("x.log", access("c")),
    ] {
        fs::write(place.dir().join(file), text).unwrap();
    }
    for (file, hits) in [("access.log", 1), ("access.log.1", 1), ("badge.log", 3)] {
        let file = place.dir().join(file);
        let replayed = place.run(&["replay", "--json", path(&file)]).json();
        assert_eq!(replayed["accepted"], hits, "{}", file.display());
        assert_eq!(import(&place, &[path(&file)])["hits"], hits, "{}", file.display());
    }
    let all = ["access.log", "access.log.1", "badge.log"].map(|file| place.dir().join(file));
    let replayed = place.run(&["replay", "--json", path(&all[0]), path(&all[2]), path(&all[1])]).json();
    assert_eq!((replayed["accepted"].as_u64(), replayed["names"].as_array().unwrap().len()), (Some(5), 5));
    // A flag goes before it, and a file of no source is read as before.
    for args in
        [&["replay", "--format", "record", path(&all[0])][..], &["replay", path(&place.dir().join("x.log"))]]
    {
        let ran = place.run(args);
        assert!(ran.code == Some(1) && ran.stderr.contains("--format combined"), "{ran:?}");
    }
}

#[test]
fn format_of_the_followed_file_can_be_a_flag() {
    let place = Place::new();
    let log = place.dir().join("access.log");
    let line =
        "192.0.2.7 - - [20/Nov/2020:03:59:49 +0000] \"GET /badge.svg?repo=o/r HTTP/1.1\" 200 5 \"-\" \"-\"\n";
    fs::write(&log, line.repeat(3)).unwrap();
    place.run(&["serve", "--format", "combined"]).refused(2, &["--file"]);
    let mut daemon = place.start("serve", &["--file", path(&log), "--format", "combined"]);
    wait_until("the log is counted", PATIENCE, || place.total("o/r") == 3);
    stop(&mut daemon);
}

/// By a daemon and an import, in any order.
#[test]
fn log_that_a_daemon_follows_is_counted_once() {
    for kind in Kind::both() {
        let mut place = kind.place();
        let (log, old) = (place.dir().join("badge.log"), place.dir().join("badge.log.1"));
        place.configure("[store]\ntick = \"20ms\"\n[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\n");
        fs::write(&old, distinct(0, 10)).unwrap();
        fs::write(&log, distinct(100, 200)).unwrap();
        assert_eq!(import(&place, &[path(&log)])["state"], "imported");
        append(&log, &distinct(200, 300));
        let mut daemon = place.serve();
        wait_until("the lines are counted", PATIENCE, || place.total("~all") == 200);
        // What was there before the daemon is imported; what it follows is not.
        assert_eq!(import(&place, &[path(&old)])["state"], "imported");
        for _ in 0..2 {
            assert_eq!(import(&place, &[path(&log)])["state"], "already-counted");
        }
        stop(&mut daemon);
        append(&log, &distinct(300, 310));
        assert_eq!(import(&place, &[path(&log)])["state"], "already-counted");
        let mut daemon = place.serve();
        wait_until("the lines are counted", PATIENCE, || place.total("~all") == 220);
        let copy = place.dir().join("moved.log");
        fs::copy(&log, &copy).unwrap();
        assert!(Command::new("gzip").arg(&copy).status().unwrap().success());
        assert_eq!(import(&place, &[path(&copy.with_extension("log.gz"))])["state"], "already-counted");
        append(&log, &distinct(310, 320));
        wait_until("the lines are counted", PATIENCE, || place.total("~all") == 230);
        stop(&mut daemon);
        assert_eq!((place.total("~all"), place.total("o/r150")), (230, 1));
    }
}

#[test]
fn replay_goes_on_after_a_file_that_cannot_be_read() {
    let place = Place::new();
    let [one, none, two] = ["one.log", "none.log", "two.log"].map(|name| place.dir().join(name));
    fs::write(&one, distinct(0, 2)).unwrap();
    fs::write(&two, distinct(2, 5)).unwrap();
    let ran = place.run(&["replay", path(&one), path(&none), path(&two)]);
    assert!(ran.code == Some(1) && ran.stdout.contains("5 accepted"), "{ran:?}");
    assert!(ran.stderr.contains("none.log") && ran.stderr.contains("1 of 3 files"), "{ran:?}");
}

#[test]
fn import_in_another_format_says_what_was_imported() {
    let place = Place::new();
    let log = place.dir().join("mixed.log");
    let line =
        "192.0.2.7 - - [20/Nov/2020:03:59:49 +0000] \"GET /badge.svg?repo=o/r HTTP/1.1\" 200 5 \"-\" \"-\"\n";
    fs::write(&log, distinct(0, 1) + &line.repeat(30)).unwrap();
    assert_eq!(import(&place, &[path(&log)])["hits"], 1);
    let again = place.run(&["import", "log", path(&log), "--format", "combined"]).good();
    for part in ["already imported (1 hit)", "it has 30 hits", "format", "--again"] {
        assert!(again.contains(part), "{again}");
    }
    assert_eq!(place.total("~all"), 1);
}

/// Its daemon has another configuration now.
#[test]
fn rest_of_a_log_that_no_source_follows_any_more_is_imported_once() {
    for moved in [false, true] {
        for kind in Kind::both() {
            let place = kind.place();
            let (log, away) = (place.dir().join("site.log"), place.dir().join("away.log"));
            fs::write(&log, distinct(0, 10)).unwrap();
            let mut daemon = place.start("serve", &["--file", path(&log)]);
            wait_until("the log is counted", PATIENCE, || place.total("~all") == 10);
            // A daemon that follows it counts it, whatever the command is told.
            append(&log, &distinct(10, 12));
            assert_eq!(import(&place, &[path(&log)])["state"], "already-counted");
            wait_until("the log is counted", PATIENCE, || place.total("~all") == 12);
            stop(&mut daemon);
            append(&log, &distinct(12, 15));
            let mut daemon = place.serve();
            if moved {
                fs::rename(&log, &away).unwrap();
            }
            let file = if moved { &away } else { &log };
            assert_eq!(import(&place, &[path(file)])["fresh"], 3);
            assert_eq!(import(&place, &[path(file)])["state"], "already-imported");
            assert_eq!(place.total("~all"), 15);
            append(file, &distinct(15, 17));
            assert_eq!(import(&place, &[path(file)])["fresh"], 2);
            stop(&mut daemon);
            // And it is followed again.
            fs::rename(file, &log).unwrap();
            append(&log, &distinct(17, 20));
            let mut daemon = place.start("serve", &["--file", path(&log)]);
            wait_until("the log is read on", PATIENCE, || place.total("~all") >= 20);
            append(&log, &distinct(20, 21));
            wait_until("the log is read on", PATIENCE, || place.total("~all") >= 21);
            stop(&mut daemon);
            assert_eq!(place.total("~all"), 21, "{}", daemon.stderr());
        }
    }
}

/// They were there before the log was followed: no daemon reads them, packed or not.
#[test]
fn older_files_beside_a_log_are_imported_whatever_they_are_packed_with() {
    for kind in Kind::both() {
        let mut place = kind.place();
        let log = place.dir().join("badge.log");
        place.configure("[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\n");
        let rotated: Vec<_> = (1..=4).map(|at| place.dir().join(format!("badge.log.{at}"))).collect();
        for (at, file) in (0u32..).zip(&rotated) {
            fs::write(file, distinct(10 * at, 10 * at + 10)).unwrap();
        }
        for (packer, file) in [("gzip", &rotated[1]), ("xz", &rotated[2]), ("bzip2", &rotated[3])] {
            assert!(Command::new(packer).arg(file).status().unwrap().success());
        }
        let files: Vec<_> = ["1", "2.gz", "3.xz", "4.bz2"]
            .iter()
            .map(|end| place.dir().join(format!("badge.log.{end}")))
            .collect();
        fs::write(&log, distinct(100, 105)).unwrap();
        let mut daemon = place.serve();
        wait_until("the log is counted", PATIENCE, || place.total("~all") == 5);
        for file in &files {
            assert_eq!(import(&place, &[path(file)])["state"], "imported", "{}", file.display());
            assert_eq!(import(&place, &[path(file)])["state"], "already-imported", "{}", file.display());
        }
        stop(&mut daemon);
        let mut daemon = place.serve();
        append(&log, &distinct(105, 110));
        wait_until("the log is read on", PATIENCE, || place.total("~all") >= 50);
        stop(&mut daemon);
        assert_eq!(place.total("~all"), 50);
    }
}

/// What a daemon has read and not committed yet may be what is imported.
#[test]
fn copy_is_imported_after_the_daemon_has_read_its_log() {
    for kind in Kind::both() {
        let mut place = kind.place();
        let (log, older) = (place.dir().join("badge.log"), place.dir().join("badge.log.1"));
        place.configure("[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\n");
        fs::write(&log, distinct(0, 500)).unwrap();
        let mut daemon = place.serve();
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        // At once, behind the start, and behind two rotations that it has not seen.
        let copy = place.dir().join("copy");
        fs::copy(&log, &copy).unwrap();
        assert_ne!(import(&place, &[path(&copy)])["state"], "imported");
        assert_eq!(place.total("~all"), 500);
        fs::rename(&log, place.dir().join("badge.log.2")).unwrap();
        fs::write(&log, distinct(500, 700)).unwrap();
        fs::rename(&log, &older).unwrap();
        fs::write(&log, distinct(700, 900)).unwrap();
        place.run(&["import", "log", path(&older)]);
        fs::copy(&log, &copy).unwrap();
        place.run(&["import", "log", path(&copy)]);
        wait_until("all is counted", PATIENCE, || place.total("~all") >= 900);
        stop(&mut daemon);
        assert_eq!(place.total("~all"), 900);
    }
}

/// A daemon that is started while an import reads counts the file; the import then counts nothing of it.
#[test]
fn daemon_that_is_started_during_an_import_counts_the_file_alone() {
    for kind in Kind::both() {
        let mut place = kind.place();
        let log = place.dir().join("badge.log");
        place.configure("[store]\ntick = \"20ms\"\n[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\n");
        fs::write(&log, lines(100, 3_000)).unwrap();
        let import = Command::new(program())
            .args(["import", "log", path(&log)])
            .args(place.flags())
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let signal = |name: &str| {
            let pid = import.id().to_string();
            assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
        };
        // It knows by then what was counted before.
        wait_until("the import reads the log", PATIENCE, || {
            let open = fs::read_dir(format!("/proc/{}/fd", import.id())).unwrap();
            open.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|file| file == log))
        });
        signal("STOP");
        let mut daemon = place.serve();
        wait_until("the daemon has counted the log", PATIENCE, || place.total("~all") == 300_000);
        signal("CONT");
        let output = import.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("begun to follow it meanwhile") && said.contains("--again"), "{said}");
        stop(&mut daemon);
        assert_eq!(place.total("~all"), 300_000);
    }
}

/// Killed again and again, it comes to its end, and every line is counted once.
#[test]
fn killed_import_goes_on_behind_what_is_counted() {
    let [sqlite, _] = Kind::both();
    let place = sqlite.place();
    let log = place.dir().join("big.log");
    fs::write(&log, lines(10_000, 3)).unwrap();
    let mut killed = 0;
    let mut written = 30_000;
    for wait in (0..).map(|n| Duration::from_millis(150 + 60 * n)) {
        let mut child = Command::new(program())
            .args(["import", "log", path(&log)])
            .args(place.flags())
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(wait);
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            break;
        }
        killed += 1;
        append(&log, &lines(5, 1));
        written += 5;
        assert!(killed < 200, "it never comes to its end");
    }
    assert!(killed > 2, "it was hardly ever killed: {killed}");
    let last = import(&place, &[path(&log)]);
    assert_eq!(last["state"], "already-imported", "{last}");
    assert_eq!((place.total("~all"), place.total("o/r9999")), (written, 3));
}
