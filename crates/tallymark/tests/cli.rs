//! The command line: exit codes, one clear message for every mistake, and the output of each command.

use crate::common::{PATIENCE, Place, Ran, line, program, run, run_with, stop, today};
use std::{
    fs,
    net::{TcpListener, UdpSocket},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};
use tallymark_testbed::{Daemon, http, temp_dir, wait_until};

const COMMANDS: [&str; 12] = [
    "serve",
    "demo",
    "ingest",
    "render",
    "show",
    "top",
    "health",
    "replay",
    "check-config",
    "nginx-conf",
    "completions",
    "export",
];

fn write(path: &Path, text: &str) -> String {
    fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn every_command_has_a_help() {
    let all = run(&["--help"]).good();
    for command in COMMANDS {
        assert!(all.contains(command), "{command} is missing in {all}");
        let help = run(&[command, "--help"]).good();
        assert!(help.contains(&format!("Usage: tallymark {command}")), "{help}");
        assert_eq!(run(&["help", command]).good(), help);
    }
    assert!(run(&["--version"]).good().starts_with("tallymark "));
}

#[test]
fn help_has_only_the_flags_that_change_something() {
    for (command, listens) in [("serve", true), ("nginx-conf", true), ("show", false), ("render", false)] {
        let help = run(&[command, "--help"]).good();
        assert_eq!(help.contains("--syslog-udp"), listens, "{help}");
        assert!(help.contains("--data-dir"), "{help}");
    }
    let help = run(&["import", "log", "--help"]).good();
    assert!(!help.contains("--listen"), "{help}");
}

#[test]
fn help_shows_no_secret_of_the_environment() {
    let help = run_with(&["serve", "--help"], &[("TALLYMARK_STORE", "redis://:secret@h")], b"").good();
    assert!(!help.contains("secret"), "{help}");
}

#[test]
fn wrong_usage_is_2_and_says_what_is_possible() {
    let cases: [(&[&str], &str); 16] = [
        (&[], "Usage: tallymark"),
        (&["nope"], "unrecognized subcommand 'nope'"),
        (&["serve", "--nosuch"], "unexpected argument '--nosuch'"),
        (&["serve", "--listen", "8080"], "write an IP address and a port, like 127.0.0.1:8080"),
        (&["serve", "--syslog-udp", "5140"], "write an IP address and a port, like 127.0.0.1:5140"),
        (&["serve", "--listen", "127.0.0.1:70000"], "--listen"),
        (&["serve", "--store", "mysql://h"], "Possible are sqlite:PATH"),
        (&["serve", "--base-url", "javascript:alert(1)"], "https://hits.example.org"),
        (&["serve", "--log-level", "warning"], "is not error, warn, info, debug or trace"),
        (&["show"], "<NAME>"),
        (&["show", "~x"], "a name cannot begin with ~"),
        (&["render", "--every", "10ms"], "1s"),
        (&["render", "--allow-lower"], "--all"),
        (&["render", "--all", "--every", "1s"], "cannot be used with"),
        (&["replay"], "<FILES>"),
        (&["nginx-conf", "--server-name", "a;b"], "a host name has letters"),
    ];
    for (args, part) in cases {
        let ran = run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?} {ran:?}");
        assert!(ran.stderr.contains(part), "{args:?}: {part:?} is missing in {}", ran.stderr);
    }
}

#[test]
fn every_mistake_of_a_configuration_is_shown_with_its_line() {
    let dir = temp_dir();
    let file = write(
        &dir.path().join("bad.toml"),
        "[store]\nurl = \"mysql://x\"\ntick = 5\n[htpt]\nlisten = \"x\"\n[http]\nlisten = \"127.0.0.1:70000\"\n\
         lisen = \"x\"\n[badges]\ncolor = \"red;x\"\n",
    );
    for args in [&["serve", "--config", &file][..], &["check-config", &file], &["render", "--config", &file]]
    {
        let ran = run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(78), ""), "{args:?} {ran:?}");
        let lines: Vec<&str> = ran.stderr.lines().collect();
        assert_eq!(lines.len(), 6, "{lines:#?}");
        for (said, part) in lines.iter().zip([
            "line 2: store.url: ",
            "line 3: store.tick: must be a text in quotes",
            "line 4: unknown key \"htpt\"; did you mean http?",
            "line 7: http.listen: ",
            "line 8: unknown key \"lisen\" in http; did you mean listen?",
            "line 10: badges.color: ",
        ]) {
            let part = format!("tallymark: {file}: {part}");
            assert!(said.starts_with(&part), "{said} should say {part:?}");
        }
    }
    let ran = run(&["check-config", &file, "--json"]);
    assert_eq!(ran.code, Some(78));
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&json["ok"], json["mistakes"].as_array().unwrap().len()), (&false.into(), 6));
    let second = &json["mistakes"][1];
    assert_eq!((&second["line"], &second["key"]), (&3.into(), &"store.tick".into()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was made");
    let missing = dir.path().join("missing.toml").display().to_string();
    run(&["serve", "--config", &missing]).refused(78, &["missing.toml: cannot be read: No such file"]);
    run(&["serve", "--syslog-udp", "0.0.0.0:5140"])
        .refused(78, &["to listen on 0.0.0.0:5140, list the networks"]);
    let broken = write(&dir.path().join("broken.toml"), "[store\nurl = 1");
    let ran = run(&["check-config", &broken]);
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(ran.stderr.contains("broken.toml: line 1: "), "{}", ran.stderr);
}

#[test]
fn wrong_plain_variable_is_a_wrong_configuration() {
    for (name, value, says) in [
        ("PORT", "abc", "\"abc\" is not a port number"),
        ("PORT", "70000", "\"70000\" is not a port number"),
        ("BASE_URL", "nowhere", "is not an address of a site"),
        ("LOG_LEVEL", "warning", "is not error, warn, info"),
    ] {
        run_with(&["check-config"], &[(name, value)], b"").refused(78, &[name, says]);
    }
    // An empty one counts as unset.
    run_with(&["check-config"], &[("PORT", ""), ("BASE_URL", "")], b"").good();
}

#[test]
fn variable_of_a_flag_is_named_where_it_is_wrong_and_empty_is_none() {
    let ran = run_with(&["serve"], &[("TALLYMARK_LISTEN", "x")], b"");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("invalid value 'x' for 'TALLYMARK_LISTEN (--listen)'"), "{}", ran.stderr);
    // The flag wins, so it has the mistake.
    let ran = run_with(&["serve", "--listen=y"], &[("TALLYMARK_LISTEN", "x")], b"");
    assert!(ran.stderr.contains("invalid value 'y' for '--listen <ADDR>'"), "{}", ran.stderr);
    let empty =
        ["LISTEN", "STORE", "NO_RENDER", "JSON", "LOG_FORMAT", "ALLOW", "CONFIG", "TOKENS", "DATA_DIR"];
    let empty: Vec<String> = empty.iter().map(|name| format!("TALLYMARK_{name}")).collect();
    let empty: Vec<(&str, &str)> = empty.iter().map(|name| (name.as_str(), "")).collect();
    let shown = run_with(&["check-config"], &empty, b"");
    assert_eq!(shown.stderr, "");
    assert!(shown.good().contains("127.0.0.1:8080"));
}

#[test]
fn switches_and_words_of_the_environment_are_read_as_people_write_them() {
    for (value, json) in [("1", true), ("yes", true), ("true", true), ("0", false), ("false", false)] {
        let shown = run_with(&["check-config"], &[("TALLYMARK_JSON", value)], b"").good();
        assert_eq!(shown.starts_with('{'), json, "{value}");
        run_with(&["serve", "--help"], &[("TALLYMARK_NO_RENDER", value)], b"").good();
    }
    for name in ["TALLYMARK_LOG_FORMAT", "LOG_FORMAT"] {
        run_with(&["check-config"], &[(name, "JSON")], b"").good();
    }
}

#[test]
fn unknown_variable_of_our_name_is_warned_of() {
    let env =
        [("TALLYMARK_DATADIR", "/x"), ("TALLYMARK_PORT", "tcp://10.0.0.1:80"), ("TALLYMARK_TOKENS", "")];
    let ran = run_with(&["check-config"], &env, b"");
    let said: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("TALLYMARK_DATADIR is not a variable that Tallymark knows"), "{said:?}");
    assert!(said[0].contains("did you mean TALLYMARK_DATA_DIR?"), "{said:?}");
}

#[test]
fn tokens_come_from_the_environment_too() {
    let set = |tokens: &'static str| run_with(&["check-config"], &[("TALLYMARK_TOKENS", tokens)], b"");
    set("0123456789abcdef,fedcba9876543210").good();
    let short = set("0123456789abcdef,short");
    short.refused(78, &["TALLYMARK_TOKENS: a token has at least 16 characters"]);
    assert!(!short.stderr.contains("0123456789abcdef"), "{}", short.stderr);
}

#[test]
fn good_configuration_is_shown_as_understood() {
    let dir = temp_dir();
    let file = write(&dir.path().join("good.toml"), "[http]\nlisten = \"127.0.0.1:81\"\n");
    let shown = run(&["check-config", &file]).good();
    assert!(shown.starts_with("The configuration is good.\n"), "{shown}");
    assert!(shown.contains("127.0.0.1:81") && shown.contains("127.0.0.1:5140"), "{shown}");
    let json = run(&["check-config", "--config", &file, "--json", "--store", "redis://u:secret@h/1"]).json();
    assert_eq!(json["listen"], "127.0.0.1:81");
    assert_eq!(json["store"], "redis://***@h/1");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was made");
}

/// `serve` on this place, which should not come up.
fn serve(place: &Place) -> Ran {
    let flags = place.listen_flags();
    let args: Vec<&str> = ["serve"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    place.run(&args)
}

#[test]
fn busy_port_is_an_error_at_start() {
    let place = Place::new();
    let _tcp = TcpListener::bind(place.addr()).unwrap();
    let at = place.addr().to_string();
    serve(&place).refused(
        1,
        &["listening for HTTP on ", &at, "in use", "`ss -ltnp`", "Choose another address with --listen"],
    );

    let place = Place::new();
    let at = format!("127.0.0.1:{}", place.udp);
    let _udp = UdpSocket::bind(&at).unwrap();
    serve(&place)
        .refused(1, &["listening for syslog on udp ", &at, "in use", "`ss -lunp`", "tallymark.socket"]);
    let _tcp = TcpListener::bind(&at).unwrap();
    let place = Place::new();
    place
        .run(&["serve", "--listen", "127.0.0.1:0", "--syslog-tcp", &at])
        .refused(1, &["listening for syslog on tcp ", &at, "Choose another address with --syslog-tcp"]);
    let file = write(&place.dir().join("file"), "x");
    for (args, what) in [
        (["--syslog-udp", "127.0.0.1:0", "--listen", &format!("unix:{file}")], "HTTP"),
        (["--listen", "127.0.0.1:0", "--syslog-unix", &file], "syslog"),
    ] {
        let said = format!("listening for {what} on unix:{file}: that path exists and is not a socket");
        place.run(&[&["serve"], &args[..]].concat()).refused(1, &[&said]);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "x");

    let text = format!("[[source]]\nkind = \"syslog-udp\"\nlisten = \"{at}\"\n");
    let place = Place::with_config(&text.repeat(2));
    let flags = place.flags();
    let args: Vec<&str> = ["serve"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    run(&args).refused(78, &[&at, "already"]);
}

#[test]
fn data_directory_that_cannot_be_is_an_error_at_start() {
    let dir = temp_dir();
    let file = write(&dir.path().join("file"), "x");
    // No further start can go better as long as the file is there; the other may.
    let in_the_way = format!("the data directory {file} is a file, not a directory");
    for (path, code, said) in [
        (file.clone(), 78, in_the_way.as_str()),
        (format!("{file}/sub"), 78, &in_the_way),
        ("/proc/sub".to_owned(), 1, "creating the data directory /proc/sub"),
    ] {
        let ran =
            run(&["ingest", "--data-dir", &path, "--listen", "127.0.0.1:0", "--syslog-udp", "127.0.0.1:0"]);
        ran.refused(code, &[said]);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "x");
}

#[test]
fn missing_parents_of_the_data_directory_are_made() {
    let dir = temp_dir();
    let path = dir.path().join("a/b/c");
    let mut daemon = Daemon::builder(program())
        .args(["serve", "--listen", "127.0.0.1:0", "--syslog-udp", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(&path)
        .start();
    daemon.wait_for_line(|line| line.starts_with("Markdown"), PATIENCE);
    stop(&mut daemon);
    assert!(path.join("tallymark.db").exists() && path.join("badges").is_dir());
}

#[test]
fn second_daemon_on_a_data_directory_is_refused() {
    let place = Place::new();
    let _daemon = place.serve();
    let other = Place::new();
    let data = place.data_dir().display().to_string();
    let flags = other.listen_flags();
    let args: Vec<&str> =
        ["serve", "--data-dir", &data].into_iter().chain(flags.iter().map(String::as_str)).collect();
    run(&args).refused(1, &[&data, "is in use by another tallymark", "--data-dir"]);
    assert_eq!(place.hit("o/r"), 1);
}

/// A place whose database was made and closed.
fn used() -> Place {
    let place = Place::new();
    let mut daemon = place.serve();
    place.hit("o/r");
    stop(&mut daemon);
    place
}

fn patch(path: &Path, at: usize, bytes: &[u8]) {
    let mut database = fs::read(path).unwrap();
    database[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(path, database).unwrap();
}

type Damage = fn(&Path);

#[test]
fn database_that_is_not_ours_is_refused_and_left_alone() {
    let cases: [(&str, i32, Damage); 4] = [
        ("written by a newer Tallymark (schema 99", 78, |path| patch(path, 60, &99u32.to_be_bytes())),
        ("not Tallymark's", 78, |path| patch(path, 68, &7u32.to_be_bytes())),
        ("not a database", 78, |path| fs::write(path, "garbage\n".repeat(100)).unwrap()),
        ("this is a directory, and the store is a file", 78, |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (part, code, damage) in cases {
        let place = used();
        let database = place.data_dir().join("tallymark.db");
        damage(&database);
        let before = fs::read(&database).ok();
        serve(&place).refused(code, &["opening the store ", database.to_str().unwrap(), part]);
        for args in [&["render"][..], &["show", "o/r"]] {
            place.run(args).refused(code, &["opening the store ", database.to_str().unwrap(), part]);
        }
        assert_eq!(fs::read(&database).ok(), before, "{part}: it was changed");
    }
}

#[test]
fn commands_that_look_make_no_database() {
    let place = Place::new();
    for args in [&["render"][..], &["render", "--all"], &["render", "--every", "1s"], &["show", "o/r"]] {
        let database = place.data_dir().join("tallymark.db");
        place.run(args).refused(1, &["there is no database at ", database.to_str().unwrap()]);
    }
    assert!(!place.data_dir().exists());
    let away = ["--store", "redis://u:secret@127.0.0.1:1"];
    for args in [[&["show", "o/r"], &away[..]].concat(), [&["render"], &away[..]].concat()] {
        let ran = place.run(&args);
        ran.refused(1, &["redis://***@127.0.0.1:1", "Connection refused", "Is Redis running"]);
        assert!(!ran.stderr.contains("secret"), "{ran:?}");
    }
}

#[test]
fn redis_that_is_none_or_has_no_such_database_is_told_apart() {
    let place = Place::new();
    let mut daemon = place.serve();
    let web = format!("redis://{}", place.addr());
    place.run(&["show", "o/r", "--store", &web]).refused(1, &["does not speak the Redis protocol"]);
    stop(&mut daemon);
    let redis = tallymark_testbed::Redis::start();
    let away = format!("{}/99", redis.url().trim_end_matches('/'));
    place.run(&["show", "o/r", "--store", &away]).refused(1, &["a database that this Redis does not have"]);
}

#[test]
fn show_tells_total_today_and_days() {
    let place = Place::new();
    let mut daemon = place.serve();
    let mut syslog = place.syslog();
    for _ in 0..1234 {
        syslog.send(line("o/r").as_bytes());
    }
    wait_until("they are counted", PATIENCE, || place.total("o/r") == 1234);
    // Another process may look while the daemon writes.
    let text = place.run(&["show", "o/r"]).good();
    assert!(text.starts_with("o/r: 1,234 hits, 1,234 today (UTC)\n"), "{text}");
    assert!(text.contains(&today()), "{text}");
    let json = place.run(&["show", "o/r", "--json"]).good();
    let days = format!(r#"[{{"date":"{}","count":1234}}]"#, today());
    assert_eq!(
        json,
        format!(r#"{{"name":"o/r","event":"hit","total":1234,"today":1234,"days":{days}}}"#) + "\n"
    );
    assert_eq!(place.run(&["show", "no/one"]).good(), "no/one: 0 hits, 0 today (UTC)\n");
    let unknown = r#"{"name":"no/one","event":"hit","total":0,"today":0,"days":[]}"#;
    assert_eq!(place.run(&["show", "no/one", "--json"]).good(), unknown.to_owned() + "\n");
    assert_eq!(place.total("~all"), 1234);
    assert_eq!(place.run(&["show", "o/r", "--event", "like", "--json"]).json()["total"], 0);
    stop(&mut daemon);
}

#[test]
fn nginx_conf_is_filled_in() {
    let place = Place::new();
    let flags = place.listen_flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let conf = place.run(&[&["nginx-conf", "--server-name", "hits.example.com"], &flags[..]].concat()).good();
    let badges = place.badges_dir().display().to_string();
    for part in ["server_name hits.example.com;", &place.addr().to_string(), &badges] {
        assert!(conf.contains(part), "{part} is missing");
    }
    assert!(conf.contains(&format!("127.0.0.1:{}", place.udp)));
    assert!(!place.data_dir().exists(), "nothing was made");
}

fn log_lines() -> String {
    let mut log = String::new();
    for name in ["b/b", "a/a", "b%2Fb", "c,\\x22c"] {
        log += &(line(name) + "\n");
    }
    log += "nonsense\n\n";
    log + &line("a/a")
}

#[test]
fn replay_answers_as_table_json_and_csv() {
    let dir = temp_dir();
    let file = write(&dir.path().join("a.log"), &log_lines());
    let table = run(&["replay", &file]).good();
    assert!(table.contains("7 lines: 5 accepted, 2 rejected"), "{table}");
    assert!(table.contains("empty: 1"), "{table}");
    for (name, count) in [("a/a", "2"), ("b/b", "2"), ("c,\"c", "1")] {
        let row = table.lines().find(|line| line.contains(name)).unwrap();
        assert!(row.split_whitespace().any(|word| word == count), "{row}");
    }
    let json = run(&["replay", &file, "--json"]).json();
    assert_eq!((json["received"].as_u64(), json["accepted"].as_u64()), (Some(7), Some(5)));
    assert_eq!(json["rejected"]["empty"], 1);
    let first = serde_json::json!({"event": "hit", "name": "a/a", "count": 2});
    assert_eq!(json["names"][0], first);
    assert_eq!(json["names"].as_array().unwrap().len(), 3);
    let csv = run(&["replay", &file, "--csv"]).good();
    assert_eq!(csv, "event,name,count\nhit,a/a,2\nhit,b/b,2\nhit,\"c,\"\"c\",1\n");
    // Files add up, and `-` is standard input.
    let twice = run_with(&["replay", &file, "-", "--json"], &[], log_lines().as_bytes()).json();
    assert_eq!((twice["received"].as_u64(), twice["names"][0]["count"].as_u64()), (Some(14), Some(4)));
    let one = run(&["replay", &file, "--top", "1"]).good();
    assert!(one.contains("and 2 more names"), "{one}");
    let empty = run_with(&["replay", "-"], &[], b"").good();
    assert_eq!(empty, "0 lines: 0 accepted, 0 rejected\n");
    let missing = format!("{file}.not");
    run(&["replay", &missing]).refused(1, &["reading ", &missing, "No such file"]);
    run(&["replay", dir.path().to_str().unwrap()]).refused(1, &["reading ", "Is a directory"]);
    assert_eq!(run(&["replay", &file, "--csv", "--json"]).code, Some(2));
}

#[test]
fn replayed_names_cannot_steer_a_terminal() {
    let table = run_with(&["replay", "-"], &[], line("a\u{202e}b").as_bytes()).good();
    assert!(table.contains("a\\u{202e}b") && !table.contains('\u{202e}'), "{table}");
}

/// mtime to the nanosecond, and the inode, which a rename changes.
fn version(path: &Path) -> (i64, i64, u64) {
    let about = fs::metadata(path).unwrap();
    (about.mtime(), about.mtime_nsec(), about.ino())
}

#[test]
fn render_writes_what_changed_and_only_that() {
    let place = Place::new();
    let mut daemon = place.start("serve", &["--no-render"]);
    for name in ["a/a", "a/a", "b/b"] {
        place.hit(name);
    }
    let total = |name: &str, count: u64| {
        wait_until("the hits are in the store", PATIENCE, || place.total(name) == count);
    };
    total("b/b", 1);
    // The daemon tells of publishing only what it knows: when it was last done, wherever.
    let published = || {
        let (metrics, mut found) = (place.metrics(), Vec::new());
        for name in ["badges_written_total", "last_publish_timestamp_seconds", "publish_lag_seconds"] {
            found.extend(metrics.names().contains(&format!("tallymark_{name}").as_str()).then_some(name));
        }
        found
    };
    assert_eq!(published(), [""; 0]);
    assert_eq!(place.run(&["render"]).good(), "looked at all 2 names: 2 badges written, 0 right already\n");
    assert_eq!((place.published("a/a"), place.published("b/b")), (Some(2), Some(1)));
    assert_eq!(published(), ["last_publish_timestamp_seconds", "publish_lag_seconds"]);
    for name in ["a/a", "b/b"] {
        assert_eq!(fs::metadata(place.badge_file(name)).unwrap().permissions().mode() & 0o7777, 0o644);
    }
    assert_eq!(fs::metadata(place.badges_dir()).unwrap().permissions().mode() & 0o7777, 0o755);
    let before = version(&place.badge_file("b/b"));
    place.hit("a/a");
    total("a/a", 3);
    assert_eq!(place.run(&["render"]).good(), "1 changed name: 1 badge written, 0 right already\n");
    assert_eq!(place.published("a/a"), Some(3));
    assert_eq!(place.run(&["render"]).good(), "", "a timer's journal is not filled with nothing");
    let json = place.run(&["render", "--all", "--json"]).json();
    let expect = serde_json::json!(
        {"names": 2, "written": 0, "unchanged": 2, "held": 0, "failed": 0, "plain": 0, "full": true});
    assert_eq!(json, expect);
    assert_eq!(version(&place.badge_file("b/b")), before, "an unchanged badge was written");
    // A missing or damaged badge is restored by --all.
    fs::remove_file(place.badge_file("a/a")).unwrap();
    fs::write(place.badge_file("b/b"), "half").unwrap();
    assert!(place.run(&["render", "--all"]).good().contains("2 badges written"));
    assert_eq!((place.published("a/a"), place.published("b/b")), (Some(3), Some(1)));
    stop(&mut daemon);
}

#[test]
fn render_in_a_directory_of_somebody_else_says_so_and_is_no_failure() {
    let place = Place::new();
    let mut daemon = place.serve();
    place.hit("o/r");
    wait_until("it publishes", PATIENCE, || place.published("o/r") == Some(1));
    let text = place.run(&["render"]).good();
    assert_eq!(
        text,
        format!(
            "another publisher is at work in {}, a daemon or a timer; to draw them with this command, stop it first\n",
            place.badges_dir().display()
        )
    );
    stop(&mut daemon);
    assert_eq!(place.run(&["render"]).code, Some(0));
}

/// It has the key of the day, and hashes of visitors.
#[test]
fn database_is_not_for_everybody() {
    let place = Place::new();
    let mut daemon = place.start("serve", &["--no-render"]);
    wait_until("a hit is in the store", PATIENCE, || place.hit("o/r") > 0 && place.total("o/r") > 0);
    for made in ["tallymark.db", "tallymark.db-wal", "tallymark.db-shm"] {
        let mode = fs::metadata(place.data_dir().join(made)).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{made}: {mode:o}");
    }
    stop(&mut daemon);
}

#[test]
fn render_every_second_follows_until_sigterm() {
    let place = Place::new();
    let mut daemon = place.start("serve", &["--no-render"]);
    let database = place.data_dir().join("tallymark.db");
    wait_until("there is a database", PATIENCE, || database.exists());
    let flags = place.flags();
    let mut render = Daemon::builder(program()).args(["render", "--every", "1s"]).args(flags).start();
    for count in 1..=2 {
        place.hit("o/r");
        wait_until("it follows", PATIENCE, || place.published("o/r") == Some(count));
    }
    stop(&mut render);
    stop(&mut daemon);
}

#[test]
fn leftovers_of_a_killed_publisher_are_swept() {
    let place = used();
    let leftover = place.badges_dir().join(".tmp/badge");
    fs::write(&leftover, "half a badge").unwrap();
    place.run(&["render"]).good();
    assert!(!leftover.exists());
}

#[test]
fn lower_totals_of_another_store_are_held_until_they_are_allowed() {
    let place = Place::new();
    let mut daemon = place.serve();
    for _ in 0..5 {
        place.hit("o/r");
    }
    place.hit("x/x");
    stop(&mut daemon);
    assert_eq!(place.published("o/r"), Some(5));

    let badges = place.badges_dir().display().to_string();
    let other = Place::new();
    let mut daemon = other.start("serve", &["--badges-dir", &badges]);
    assert_eq!(other.hit("o/r"), 1);
    assert_eq!(other.hit("new/one"), 1);
    wait_until("it publishes", PATIENCE, || place.published("new/one") == Some(1));
    wait_until("it says so", PATIENCE, || other.metrics().get("tallymark_badges_held_total") > 0);
    assert_eq!((place.published("o/r"), place.published("x/x")), (Some(5), Some(1)));
    stop(&mut daemon);

    let text = other.run(&["render", "--all", "--badges-dir", &badges]).good();
    assert!(text.contains("1 kept because the store has less (--all --allow-lower writes them)"), "{text}");
    assert_eq!(place.published("o/r"), Some(5));
    other.run(&["render", "--all", "--allow-lower", "--badges-dir", &badges]).good();
    assert_eq!((place.published("o/r"), place.published("x/x")), (Some(1), Some(1)));
}

#[test]
fn badges_directory_that_cannot_be_stops_no_counting() {
    let place = Place::new();
    let file = write(&place.dir().join("file"), "x");
    let mut daemon = place.start("serve", &["--badges-dir", &file]);
    assert_eq!(place.hit("o/r"), 1);
    let said = daemon.wait_for_line(|line| line.contains("badges are not published"), PATIENCE);
    let why = format!("{file}: it is a file, not a directory");
    assert!(said.contains(&why), "{said}");
    wait_until("only badges are in trouble", PATIENCE, || {
        let ready = http::get(place.addr(), "/readyz");
        ready.status == 200
            && ready.text().contains("degraded")
            && ready.text().contains("badges are not published: ")
    });
    assert!(place.metrics().get("tallymark_publish_failures_total") > 0);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 1);
    place.run(&["render", "--badges-dir", &file]).refused(1, &[&why]);
}

fn template(word: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{{{{ width }}}}\" height=\"20\" \
         aria-label=\"hits: {{{{ count }}}}\">\n<title>{word} {{{{ name }}}} {{{{ total }}}}</title>\n</svg>\n"
    )
}

#[test]
fn template_of_the_operator_is_used_for_files_and_answers_and_reloaded() {
    let mut place = Place::new();
    let svg = place.dir().join("badge.svg");
    fs::write(&svg, template("first")).unwrap();
    place.configure("[badges]\ntemplate = \"DIR/badge.svg\"\n");
    let mut daemon = place.serve();
    let says = |text: &str| {
        let answer = http::get(place.addr(), "/badge/one.svg?count=false");
        answer.text().contains(text)
    };
    let file_says =
        |text: &str| fs::read_to_string(place.badge_file("one")).is_ok_and(|it| it.contains(text));
    assert_eq!(place.hit("one"), 1);
    assert!(says("<title>first one 1</title>"));
    wait_until("files have it too", PATIENCE, || file_says("<title>first one 1</title>"));

    // Written in place, and replaced by renaming: editors do either.
    fs::write(&svg, template("second")).unwrap();
    wait_until("answers follow the file", PATIENCE, || says("<title>second one 1</title>"));
    wait_until("files follow the file", PATIENCE, || file_says("<title>second one 1</title>"));
    let aside = place.dir().join("aside");
    fs::write(&aside, template("third")).unwrap();
    fs::rename(&aside, &svg).unwrap();
    wait_until("answers follow a renamed file", PATIENCE, || says("<title>third one 1</title>"));

    // Two lines, the mistake in the second.
    fs::write(&svg, "<svg xmlns=\"http://www.w3.org/2000/svg\">\n{{ nosuch }}</svg>\n").unwrap();
    let said = daemon.wait_for_line(|line| line.contains("not reloaded"), PATIENCE);
    assert!(said.contains(&format!("{}:2", svg.display())), "{said}");
    assert!(said.contains("the old configuration stays"), "{said}");
    assert!(says("<title>third one 1</title>"));
    assert_eq!(place.hit("one"), 2);
    wait_until("files keep it too", PATIENCE, || file_says("<title>third one 2</title>"));
    stop(&mut daemon);

    // At start there is no old one.
    let said = format!("{}:2", svg.display());
    serve(&place).refused(78, &[&said]);
    place.run(&["render"]).refused(78, &[&said]);
    place.run(&["check-config"]).refused(78, &[&said]);
}

#[test]
fn label_and_colour_are_reloaded_on_sighup() {
    let mut place = Place::new();
    place.configure("[badges]\nlabel = \"views\"\n");
    let mut daemon = place.serve();
    let badge = || http::get(place.addr(), "/badge/o/r.svg?count=false").text().to_owned();
    assert!(badge().contains("views"));
    let text = place.config_path();
    let other = place.dir().join("other.toml");
    fs::write(&other, "[badges]\nlabel = \"seen\"\ncolor = \"#123456\"\n").unwrap();
    fs::rename(&other, &text).unwrap();
    daemon.signal("HUP");
    wait_until("the new look is there", PATIENCE, || {
        let badge = badge();
        badge.contains("seen") && badge.contains("#123456")
    });
    fs::write(&text, "[badges]\nlabl = \"x\"\n").unwrap();
    daemon.signal("HUP");
    let said = daemon.wait_for_line(|line| line.contains("not reloaded"), PATIENCE);
    assert!(said.contains("line 2: unknown key \"labl\" in badges; did you mean label?"), "{said}");
    assert!(badge().contains("seen"));
    stop(&mut daemon);
}

/// Each line would be an event in the directory that is watched, and each event a line.
#[test]
fn log_beside_the_configuration_does_not_tell_of_itself() {
    let mut place = Place::new();
    place.configure("[badges]\nlabel = \"views\"\n");
    let log = place.dir().join("daemon.log");
    let script = format!("exec \"$0\" \"$@\" 2>>{}", log.display());
    let _daemon = Daemon::builder("sh")
        .args(["-c", &script])
        .arg(program())
        .args(["serve", "--log-level", "trace"])
        .args(place.flags())
        .args(place.listen_flags())
        .start();
    let said = || fs::read_to_string(&log).unwrap_or_default();
    let path = place.config_path();
    wait_until("the file is watched", PATIENCE, || {
        fs::write(&path, "[badges]\nlabel = \"seen\"\n").unwrap();
        said().contains("reloaded: ")
    });
    let said = said();
    let of_itself = said.lines().find(|line| line.contains("inotify event"));
    assert_eq!(of_itself, None, "{} lines", said.lines().count());
}

#[test]
fn log_is_json_when_asked_for() {
    let place = Place::new();
    let mut daemon = place.start("serve", &["--log-format", "json"]);
    stop(&mut daemon);
    let log = daemon.stderr();
    assert!(log.lines().count() > 2, "{log}");
    // The final message, too.
    let words = place.run(&["--log-format", "json", "show", "o/r", "--store", "sqlite:/nowhere/x.db"]);
    for line in log.lines().chain(words.stderr.lines()) {
        let entry: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|err| panic!("{line}: {err}"));
        assert!(entry["message"].is_string() && entry["level"].is_string(), "{line}");
    }
}

/// So that `journalctl -p warning` finds them.
#[test]
fn journal_gets_priorities_and_no_time() {
    let place = Place::new();
    let said = |journal: bool| {
        let file = fs::File::create(place.dir().join("said")).unwrap();
        let about = file.metadata().unwrap();
        let stream = if journal { format!("{}:{}", about.dev(), about.ino()) } else { "8:1".to_owned() };
        let status = std::process::Command::new(program())
            .args(["check-config", "--store", "sqlite:x.db", "/nowhere.toml"])
            .env_clear()
            .envs([("JOURNAL_STREAM", stream.as_str()), ("TALLYMARK_NOSUCH", "1")])
            .stderr(file)
            .status();
        assert_eq!(status.unwrap().code(), Some(78));
        fs::read_to_string(place.dir().join("said")).unwrap()
    };
    let (lines, redirected) = (said(true), said(false));
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines[0].starts_with("<4>TALLYMARK_NOSUCH is not a variable"), "{lines:?}");
    assert!(lines[1].starts_with("<3>tallymark: /nowhere.toml: cannot be read"), "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(!redirected.contains("<3>") && redirected.contains("\ntallymark: "), "{redirected}");
}

#[test]
fn output_into_a_closed_pipe_is_no_error() {
    let text = "set -o pipefail; \"$0\" --help | true; \"$0\" nginx-conf | head -1 >/dev/null";
    let output = std::process::Command::new("bash").args(["-c", text]).arg(program()).output().unwrap();
    let ran = Ran::from(output);
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn files_and_directories_in_each_others_place_are_said_before_a_start() {
    let place = Place::new();
    let file = place.dir().join("file");
    std::fs::write(&file, "").unwrap();
    let config = place.dir().join("t.toml");
    let text = format!(
        "[store]\ndata-dir = {0:?}\nurl = \"sqlite:{1}\"\n[badges]\ntemplate = \"/nowhere.svg\"\n",
        file.display().to_string(),
        place.dir().display()
    );
    std::fs::write(&config, text).unwrap();
    let ran = run(&["check-config", &config.display().to_string()]);
    assert_eq!(ran.code, Some(78), "{ran:?}");
    for part in ["is not a directory", "is a directory, and the store is a file", "/nowhere.svg"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn a_directory_in_the_place_of_a_log_is_said_before_a_start() {
    let dir = temp_dir();
    let config = dir.path().join("t.toml");
    let log = format!("[[source]]\nkind = \"file\"\npath = {:?}\n", dir.path());
    std::fs::write(&config, log).unwrap();
    let checked = run(&["check-config", &config.display().to_string()]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked.stdout.contains("is a directory, and a log is a file: name the file in it"),
        "{checked:?}"
    );
}

#[test]
fn what_is_no_log_or_cannot_be_read_is_said_before_a_start() {
    let dir = temp_dir();
    let path = |name: &str| dir.path().join(name);
    let check = |log: &std::path::Path| {
        let config = path("t.toml");
        let text =
            format!("[store]\ndata-dir = {:?}\n[[source]]\nkind = \"file\"\npath = {log:?}\n", path("data"));
        std::fs::write(&config, text).unwrap();
        run(&["check-config", &config.display().to_string()]).good()
    };
    mkfifo(&path("pipe"));
    let _socket = std::os::unix::net::UnixDatagram::bind(path("socket")).unwrap();
    std::fs::write(path("log"), "").unwrap();
    std::fs::set_permissions(path("log"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(!check(&path("log")).contains("warning"), "{}", check(&path("log")));
    assert!(check(&path("pipe")).contains("pipe is a named pipe, and a log is a file"));
    assert!(check(&path("socket")).contains("socket is a socket, and a log is a file"));
    assert!(check("/dev/null".as_ref()).contains("/dev/null is a device"));
    // Only root may give a directory away.
    std::fs::create_dir(path("data")).unwrap();
    if std::os::unix::fs::chown(path("data"), Some(65_534), Some(65_534)).is_ok() {
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let said = check(&path("log"));
        assert!(said.contains("log cannot be read by nobody"), "{said}");
        std::fs::set_permissions(path("log"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        assert!(!check(&path("log")).contains("warning"), "{}", check(&path("log")));
    }
}

fn mkfifo(path: &std::path::Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_directory_of_badges_with_other_files_in_it_is_said_before_a_start() {
    let dir = temp_dir();
    let check = || run(&["check-config", "--badges-dir", &dir.path().display().to_string()]).good();
    for ours in ["a%2Fb.svg", ".tmp", ".gitkeep"] {
        std::fs::write(dir.path().join(ours), "").unwrap();
        assert!(!check().contains("warning"), "{ours}");
    }
    for foreign in ["passwd", "adduser.conf"] {
        std::fs::write(dir.path().join(foreign), "").unwrap();
        let said = format!("also has files that are not badges, like {foreign}: everything in it is public");
        assert!(check().contains(&said), "{}", check());
    }
}

#[test]
fn a_link_to_the_data_directory_is_no_directory_of_badges() {
    let dir = temp_dir();
    let (data, link) = (dir.path().join("data"), dir.path().join("link"));
    let check = || {
        let [data, link] = [&data, &link].map(|path| path.display().to_string());
        run(&["check-config", "--data-dir", &data, "--badges-dir", &link])
    };
    std::os::unix::fs::symlink(&data, &link).unwrap();
    std::fs::create_dir(&data).unwrap();
    check().refused(78, &["is also the data directory, and its files are all served to the public"]);
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    check().refused(78, &["is inside", "whose files are all served to the public"]);
}

#[test]
fn a_configuration_that_cannot_be_read_is_refused_with_what_helps() {
    let dir = tallymark_testbed::temp_dir();
    let latin = dir.path().join("latin.toml");
    std::fs::write(&latin, b"# caf\xe9\n").unwrap();
    let rows = [
        (dir.path().to_owned(), "name the file in it"),
        (dir.path().join("missing.toml"), "check the path"),
        (latin, "save it as UTF-8"),
    ];
    for (path, helps) in rows {
        run(&["check-config", path.to_str().unwrap()]).refused(78, &["cannot be read", helps]);
    }
}

/// A command that only looks makes nothing, and says where it has looked.
#[test]
fn looking_in_the_wrong_place_makes_no_database() {
    let mut place = Place::new();
    for command in [&["github", "list"][..], &["github", "remove", "octocat"]] {
        place.run(command).refused(1, &["there is no database at"]);
    }
    place.run(&["import", "log", "/no/such/log"]).refused(1, &["/no/such/log"]);
    place.configure("[github]\napi-url = \"off\"\n");
    place.run(&["github", "add", "octocat"]).refused(1, &["api-url under [github] is \"off\""]);
    assert!(!place.data_dir().join("tallymark.db").exists());
}

#[test]
fn help_knows_commands_of_commands_and_their_topics() {
    assert!(run(&["help", "import", "log"]).good().contains("--dry-run"));
    assert!(run(&["help", "backup"]).good().contains("tallymark help backups"));
    run(&["help", "nope"]).refused(2, &["no topic and no command \"nope\"", "`tallymark help` lists them"]);
    run(&["help", "import", "nope"]).refused(2, &["no command `tallymark import nope`"]);
}

#[test]
fn scheme_alone_is_not_hidden_where_the_forms_are_listed() {
    let said = run(&["show", "o/r", "--store", "redis://"]).stderr;
    assert!(!said.contains("may hold a password)[user") && said.contains("redis://"), "{said}");
}
