//! Log files of everyday life, as `replay` and `import log` read them: who wrote them, how they are packed, and what is
//! said of a file that is something else.

use crate::common::{PATIENCE, Place, Ran, Syslog, program, run_with, stop};
use std::{fs, path::Path, process::Command};
use tallymark_testbed::{Daemon, wait_until};

const NGINX: &str = r#""1605844789.123","o%2Fr""#;
const GHIT_ME: &str = r#""2020-11-20","o%252Fr""#;

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// How many lines of this text count, read with these flags.
fn counted(text: &[u8], flags: &[&str]) -> u64 {
    let place = Place::new();
    let log = place.dir().join("x.log");
    fs::write(&log, text).unwrap();
    let replayed = accepted(&place, &[&["replay", "--json", path(&log)], flags].concat());
    let imported = place.run(&[&["import", "log", "--json", path(&log)], flags].concat());
    let imported: serde_json::Value = serde_json::from_str(&imported.stdout).unwrap();
    assert_eq!(imported["files"][0]["accepted"], replayed, "import and replay agree on {flags:?}");
    replayed
}

fn accepted(place: &Place, args: &[&str]) -> u64 {
    let ran = place.run(args);
    let report: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    report["accepted"].as_u64().unwrap()
}

#[test]
fn record_counts_alone_and_as_a_syslog_daemon_writes_it() {
    for (tag, record) in [("tallymark", NGINX), ("badge", GHIT_ME)] {
        for head in [
            String::new(),
            format!("<158>Nov 20 12:00:00 vm {tag}: "),
            format!("Nov 20 12:00:00 vm {tag}: "),
            format!("2020-11-20T12:00:00.123456+00:00 vm {tag}: "),
            format!("Nov 20 12:00:00 vm local3.info {tag}: "),
            format!("Nov 20 12:00:00.123456 vm {tag}[7]: "),
            format!("Fri 2020-11-20 12:00:00 UTC vm {tag}[7]: "),
        ] {
            let line = format!("{head}{record}\n");
            assert_eq!(counted(line.repeat(3).as_bytes(), &[]), 3, "{line}");
            assert_eq!(counted(line.as_bytes(), &["--route", tag]), 1, "{line}");
        }
    }
}

/// As `journalctl -o json` prints it: from nginx's syslog, with a host in front or not, and from standard output.
#[test]
fn record_and_access_log_count_as_the_journal_has_them() {
    let entry = |tag: &str, message: serde_json::Value| {
        let entry = serde_json::json!({"PRIORITY": "6", "SYSLOG_IDENTIFIER": tag, "MESSAGE": message});
        format!("{entry}\n")
    };
    let bytes: Vec<u8> = NGINX.bytes().collect();
    let records = [
        entry("tallymark", NGINX.into()),
        entry("badge", GHIT_ME.into()),
        entry("vm", format!("badge: {GHIT_ME}").into()),
        entry("nginx", GHIT_ME.into()),
        entry("tallymark", bytes.into()),
    ];
    assert_eq!(counted(records.concat().as_bytes(), &[]), 5);
    let access =
        r#"192.0.2.7 - - [20/Nov/2020:03:59:49 +0000] "GET /badge.svg?repo=o/r HTTP/1.1" 200 512 "-" "curl""#;
    let access = [entry("tallymark", access.into()), entry("nginx", access.into())].concat();
    assert_eq!(counted(access.as_bytes(), &["--format", "combined"]), 2);
    let others = [entry("sshd", "hello".into()), entry("nginx", serde_json::Value::Null)];
    assert_eq!(counted([others.concat(), records.concat()].concat().as_bytes(), &[]), 5);
}

#[test]
fn zeros_and_marks_cost_no_line() {
    let text = format!("\u{FEFF}{GHIT_ME}\n\0\0\0\0\0\0{GHIT_ME}\r\n{GHIT_ME}\0{GHIT_ME}\n\0{GHIT_ME}");
    assert_eq!(counted(text.as_bytes(), &[]), 5);
}

#[test]
fn packed_files_are_read_and_others_are_named() {
    let place = Place::new();
    let log = place.dir().join("badge.log");
    fs::write(&log, format!("{GHIT_ME}\n").repeat(1000)).unwrap();
    for (program, end) in [("gzip", "gz"), ("xz", "xz"), ("bzip2", "bz2"), ("zstd", "zst")] {
        assert!(Command::new(program).args(["-q", "-k"]).arg(&log).status().unwrap().success(), "{program}");
        let packed = place.dir().join(format!("badge.log.{end}"));
        assert_eq!(accepted(&place, &["replay", "--json", path(&packed)]), 1000, "{program}");
    }
    let zip = place.dir().join("badge.zip");
    fs::write(&zip, b"PK\x03\x04...").unwrap();
    place.run(&["replay", path(&zip)]).refused(1, &["badge.zip", "compressed as zip"]);
    place.run(&["import", "log", path(&zip)]).refused(1, &["badge.zip", "compressed as zip"]);
}

/// With this code, and these words on standard error. The report is on standard output all the same.
#[track_caller]
fn ends(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {ran:?}");
    }
}

#[test]
fn access_log_of_any_form_is_read() {
    let request = r#"[20/Nov/2020:03:59:49 +0000] "GET /hits/badge.svg?repo=o/r HTTP/1.1" 200"#;
    let place = Place::new();
    let config = place.dir().join("t.toml");
    fs::write(&config, "[http]\nbase-url = \"https://example.org/hits\"\n").unwrap();
    let under_path = ["--config", path(&config)];
    let common = format!("192.0.2.7 - - {request} 512\n");
    assert_eq!(counted(common.as_bytes(), &[&under_path[..], &["--format", "combined"]].concat()), 1);
    let own = format!("192.0.2.7 {request}\n");
    let format = r#"$remote_addr [$time_local] "$request" $status"#;
    assert_eq!(counted(own.as_bytes(), &[&under_path[..], &["--log-format-string", format]].concat()), 1);
    ends(&place.run(&["replay", "--log-format-string", "$status", "x"]), 2, &["needs $request"]);
    let both = ["replay", "--format", "combined", "--log-format-string", "$request", "x"];
    ends(&place.run(&both), 2, &["leave --format out"]);
    for command in [&["replay"][..], &["import", "log"], &["serve"]] {
        let help = place.run(&[command, &["--help"]].concat()).good();
        assert!(help.contains("--log-format-string <TEXT>"), "{command:?}: {help}");
    }
}

/// The flag is for the file; without one, for what comes over syslog.
#[test]
fn daemon_reads_access_log_by_its_format_string() {
    let format = r#"$remote_addr [$time_local] "$request" $status"#;
    let line = r#"192.0.2.7 [20/Nov/2020:03:59:49 +0000] "GET /badge.svg?repo=o/r HTTP/1.1" 200"#;
    let place = Place::new();
    let log = place.dir().join("access.log");
    fs::write(&log, format!("{line}\n")).unwrap();
    let mut daemon = place.start("ingest", &["--file", path(&log), "--log-format-string", format]);
    wait_until("the file is counted", PATIENCE, || place.total("o/r") == 1);
    stop(&mut daemon);
    let mut daemon = place.start("ingest", &["--log-format-string", format]);
    let sent = format!("<158>Nov 20 03:59:49 vm tallymark: {line}");
    Syslog::to(place.udp).send(sent.as_bytes());
    wait_until("the datagram is counted", PATIENCE, || place.total("o/r") == 2);
    stop(&mut daemon);
}

#[test]
fn advice_names_the_format_that_fits() {
    let place = Place::new();
    let file = |name: &str, text: &str| {
        let log = place.dir().join(name);
        fs::write(&log, text).unwrap();
        path(&log).to_owned()
    };
    let json = file("a.log", "{\"request\":\"GET / HTTP/1.1\",\"status\":200}\n");
    ends(
        &place.run(&["replay", &json]),
        1,
        &["a.log has the expected format", "looks like an access log", "with --format combined"],
    );
    let ran = place.run(&["replay", &json, "--format", "combined"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("no request in it is for a badge"), "{ran:?}");
    let record = file("b.log", &format!("{NGINX}\n"));
    ends(
        &place.run(&["replay", &record, "--format", "combined"]),
        1,
        &["b.log has the expected format", "with --format auto"],
    );
    let blank = file("b 'c.log", &format!("{NGINX}\n"));
    let ran = place.run(&["replay", &blank, "--format", "combined"]);
    // The same command with what it advises.
    let advised =
        ran.stderr.trim().rsplit_once("Repeat the command with ").map(|(_, words)| words.to_owned());
    let advised = advised.unwrap_or_else(|| panic!("{ran:?}"));
    let words: Vec<&str> = ["replay", &blank].into_iter().chain(advised.split(' ')).collect();
    assert!(place.run(&words).good().contains("1 line: 1 accepted"), "{words:?}");
    let prose = file("c.log", "he said \"hello\" and \"bye\"\n");
    let ran = place.run(&["replay", &prose]);
    ends(&ran, 1, &["--log-format-string"]);
    let ran = place.run(&["replay", &prose]);
    assert!(!ran.stderr.contains("--format combined") && !ran.stderr.contains("WARN"), "{ran:?}");
    let ran = place.run(&["replay", &prose, "--format", "combined"]);
    assert_eq!(ran.code, Some(1), "prose is no access log: {ran:?}");
    let utf16: Vec<u8> = format!("\u{FEFF}{GHIT_ME}\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let log = place.dir().join("d.log");
    fs::write(&log, utf16).unwrap();
    ends(&place.run(&["replay", path(&log)]), 1, &["UTF-16", "iconv"]);
}

const COMBINED: &str =
    r#"192.0.2.7 - - [20/Nov/2020:03:59:49 +0000] "GET /badge.svg?repo=o%2Fr HTTP/1.1" 200 5 "-" "x""#;

/// nginx and Apache know some formats by name, without a statement.
#[test]
fn format_string_may_be_the_name_of_a_format() {
    for name in ["combined", "common"] {
        assert_eq!(counted(format!("{COMBINED}\n").as_bytes(), &["--log-format-string", name]), 1);
    }
    let place = Place::new();
    ends(&place.run(&["replay", "--log-format-string", "main", "x"]), 2, &["no variable"]);
}

#[test]
fn what_docker_prints_with_times_is_read() {
    let time = "2026-11-29T19:00:00.123456789Z";
    for (head, line, flags) in [
        (format!("{time} "), COMBINED, &["--format", "combined"][..]),
        (format!("web-1  | {time} "), COMBINED, &["--format", "combined"]),
        (format!("{time} "), NGINX, &[]),
        (format!("{time} vm tallymark: "), NGINX, &[]),
    ] {
        assert_eq!(counted(format!("{head}{line}\n").as_bytes(), flags), 1, "{head}{line}");
    }
}

/// Somebody's syslog daemon has written an access log, under a tag that no route has.
#[test]
fn advice_names_the_tag_that_needs_a_route_and_following_it_helps() {
    for head in ["Nov 29 22:00:00 web nginx: ", "<158>Nov 29 22:00:00 web nginx[7]: "] {
        let mut place = Place::new();
        let log = place.dir().join("x.log");
        fs::write(&log, format!("{head}{COMBINED}\n").repeat(3)).unwrap();
        let advice = ["[[route]]", "nginx", "--format combined", "turns the default routes off"];
        for args in [&["replay"][..], &["replay", "--format", "combined"], &["import", "log"]] {
            ends(&place.run(&[args, &[path(&log)]].concat()), 1, &advice);
        }
        let mut daemon = place.start("ingest", &["--file", path(&log)]);
        let is_said = || {
            let said = daemon.stderr();
            said.contains("tag = \"nginx\"") && said.contains("format = \"combined\"")
        };
        wait_until("the daemon says the same", PATIENCE, is_said);
        stop(&mut daemon);
        place.configure("[[route]]\ntag = \"nginx\"\n");
        assert_eq!(accepted(&place, &["replay", "--json", "--format", "combined", path(&log)]), 3, "{head}");
    }
}

/// The advice says which keys the route needs, and is the same for standard input.
#[test]
fn advice_for_lines_that_no_route_takes_has_their_facility() {
    let mut place = Place::new();
    for (head, keys) in [
        ("<190>Nov 29 22:00:00 web nginx: ", "tag = \"nginx\", facility = \"local7\""),
        ("<158>1 2026-11-29T22:00:00Z web nginx 7 - - ", "tag = \"nginx\" to"),
        ("<189>1 2026-11-29T22:00:00Z web nginx 7 - - ", "facility = \"local7\", severity = \"notice\""),
        ("2026-11-29T22:00:00Z web nginx 7 - - ", "tag = \"nginx\" to"),
    ] {
        let text = format!("{head}{COMBINED}\n");
        let config = place.config_path();
        let replay = ["replay", "-", "--format", "combined"];
        ends(&run_with(&replay, &[], text.as_bytes()), 1, &["standard input", keys]);
        place.configure("[[route]]\ntag = \"nginx\"\n");
        let ran = run_with(&[&replay[..], &["--config", path(&config)]].concat(), &[], text.as_bytes());
        if keys.contains("facility") {
            ends(&ran, 1, &["its lines are local7.", "takes local3.info"]);
        } else {
            assert_eq!(ran.code, Some(0), "{ran:?}");
        }
    }
}

#[test]
fn lines_that_say_nothing_of_a_request_are_not_for_another_page() {
    let json = b"{\"level\":\"info\",\"msg\":\"serving\"}\n{\"status\":200}\n";
    let ran = run_with(&["replay", "-", "--format", "combined"], &[], json);
    ends(&ran, 1, &["JSON objects without a key", "request_uri"]);
    assert!(ran.stdout.contains("no_request: 2"), "{ran:?}");
    let lines = [COMBINED.replace(" 200 ", " 404 "), COMBINED.replace("/badge", "/other")].join("\n");
    let ran = run_with(&["replay", "-", "--format", "combined"], &[], lines.as_bytes());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("besides requests for no badge, lines were rejected for status"), "{ran:?}");
    assert!(!ran.stdout.contains("no request in it"), "{ran:?}");
}

/// A file of which most lines do not fit counts what fits, and says what the others are.
#[test]
fn most_lines_that_do_not_fit_are_advised_of() {
    let mut place = Place::new();
    let log = |name: &str, text: String| {
        let log = place.dir().join(name);
        fs::write(&log, text).unwrap();
        path(&log).to_owned()
    };
    let mixed = log("mixed.log", format!("{NGINX}\n") + &format!("{COMBINED}\n").repeat(9));
    let other = log("other.log", format!("{COMBINED}\n"));
    let advice = "9 of 10 lines of";
    let ran = place.run(&["replay", &mixed]);
    assert!(
        ran.code == Some(0) && ran.stderr.contains(advice) && ran.stderr.contains("--format combined"),
        "{ran:?}"
    );
    let json = place.run(&["replay", "--json", &mixed]).json();
    assert!(json["advice"][0].as_str().unwrap().contains(advice), "{json}");
    let ran = place.run(&["import", "log", "--json", &mixed, &other]);
    ends(&ran, 1, &["other.log has the expected format", "--format combined", advice]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["advice"].as_array().map(Vec::len), Some(2), "{json}");
    ends(&place.run(&["replay", &other, &other]), 1, &["2 of 2 files", "looks like an access log"]);
    // Requests below a path that base-url does not have.
    let below = log("below.log", format!("{}\n", COMBINED.replace("/badge", "/hits/badge")));
    place.configure("[http]\nbase-url = \"https://example.org/stats\"\n");
    let ran = place.run(&["replay", "--format", "combined", &below]);
    let hint = "below /hits, and base-url has the path /stats";
    assert!(ran.code == Some(0) && ran.stderr.contains(hint), "{ran:?}");
}

#[test]
fn what_is_not_unpacked_is_told_with_the_command_that_does() {
    let place = Place::new();
    let log = place.dir().join("a b.lz4");
    fs::write(&log, b"\x04\x22\x4D\x18 and more").unwrap();
    for (command, piped) in [(&["replay"][..], "replay"), (&["import", "log"], "import log --id TEXT")] {
        let ran = place.run(&[command, &["--format", "combined", path(&log)]].concat());
        let pipe = format!("lz4 -dc '{}' | tallymark {piped} --format combined -", path(&log));
        ends(&ran, 1, &["compressed as lz4, which is not supported", &pipe]);
    }
}

/// A log of another format is no matter of single lines.
#[test]
fn log_of_which_no_line_fits_degrades_the_daemon_until_one_does() {
    let mut place = Place::new();
    let listen = place.addr().to_string();
    place.configure(&format!("[http]\nlisten = {listen:?}\n"));
    let log = place.dir().join("x.log");
    fs::write(&log, format!("{COMBINED}\n")).unwrap();
    let mut daemon = place.start("serve", &["--file", path(&log)]);
    let health = || place.run(&["health"]).stdout;
    wait_until("it is degraded", PATIENCE, || {
        let said = health();
        said.starts_with("degraded")
            && said.contains("do not fit its format")
            && said.contains("--format combined")
    });
    let explained = place.run(&["explain", "o/r"]);
    assert!(
        explained.stdout.contains("the daemon says: ") && explained.stdout.contains("--format combined"),
        "{explained:?}"
    );
    let mut file = fs::OpenOptions::new().append(true).open(&log).unwrap();
    std::io::Write::write_all(&mut file, format!("{NGINX}\n").as_bytes()).unwrap();
    wait_until("it is well", PATIENCE, || !health().contains("do not fit"));
    stop(&mut daemon);
}

#[test]
fn replay_of_several_files_says_what_became_of_each() {
    let place = Place::new();
    let file = |name: &str, bytes: &[u8]| {
        let log = place.dir().join(name);
        fs::write(&log, bytes).unwrap();
        path(&log).to_owned()
    };
    let good = file("good.log", format!("{COMBINED}\n").repeat(2).as_bytes());
    let no = file("no.log", b"nothing\n");
    let wide: Vec<u8> = COMBINED.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let wide = file("wide.log", &wide);
    let args = ["replay", "--format", "combined", &good, &no, &wide];
    let ran = place.run(&args);
    ends(&ran, 1, &["no.log has the expected format", "iconv -f UTF-16BE -t UTF-8", "2 of 3 files"]);
    for part in
        ["good.log: 2 lines: 2 accepted, 0 rejected", "no.log: 1 line: 0 accepted, 1 rejected", "all: "]
    {
        assert!(ran.stdout.contains(part), "{part}: {ran:?}");
    }
    let json = place.run(&["replay", "--format", "combined", "--json", &good, &good]).json();
    assert_eq!((&json["accepted"], &json["files"][1]["accepted"]), (&4.into(), &2.into()), "{json}");
    let empty_zip = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    ends(&place.run(&["replay", &file("a.zip", &empty_zip)]), 1, &["compressed as zip"]);
    let pipe = place.dir().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut waiting = Daemon::start(program(), &["replay", path(&pipe), "--format", "combined"]);
    waiting.wait_for_line(|line| line.contains("waiting until something writes to it"), PATIENCE);
    fs::write(&pipe, COMBINED).unwrap();
    assert!(waiting.wait(PATIENCE).success(), "{}", waiting.stderr());
}

/// It is read twice, and what is in a pipe is there once.
#[test]
fn pipe_is_not_imported_under_its_path() {
    let place = Place::new();
    let pipe = place.dir().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    ends(&place.run(&["import", "log", path(&pipe)]), 1, &["not a regular file", "- < "]);
}
