//! Rows of text -> configuration or mistakes.

use super::*;
use tallymark_ingest::{LineFormat, source::Start};

#[track_caller]
fn good(text: &str) -> Config {
    Config::parse(text, &Overrides::default()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

#[track_caller]
fn bad(text: &str, expect: &[(Option<usize>, &str)]) {
    let mistakes =
        Config::parse(text, &Overrides::default()).expect_err("the configuration should be refused");
    let shown: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(mistakes.len(), expect.len(), "{shown:#?}");
    for (mistake, (line, part)) in mistakes.iter().zip(expect) {
        assert_eq!(mistake.line, *line, "{mistake}");
        assert!(mistake.what.contains(part), "{mistake} should say {part:?}");
    }
}

#[test]
fn nothing_written_means_the_defaults() {
    let config = good("");
    assert_eq!(config.store.to_string(), "sqlite:tallymark-data/tallymark.db");
    assert_eq!(config.badges.dir, Path::new("tallymark-data/badges"));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.sources.len(), 1);
    assert_eq!(config.sources[0].kind.to_string(), "syslog-udp 127.0.0.1:5140");
    assert_eq!(config.tick, Duration::from_millis(250));
    let tags: Vec<_> = config.routes.as_slice().iter().map(|route| route.tag.as_str()).collect();
    assert_eq!(
        tags,
        [
            "badge",
            "tallymark",
            "tallymark_visits",
            "tallymark_visitors",
            "tallymark_requests",
            "tallymark_requesters"
        ]
    );
}

/// The defaults in the example are the real ones, and the unmodified file changes nothing.
#[test]
fn example_is_the_defaults() {
    let example = good(include_str!("../../../../examples/tallymark.toml"));
    assert_eq!(format!("{example:#?}"), format!("{:#?}", good("")));
}

#[test]
fn token_of_the_example_is_refused() {
    let tokens = |token: &str| format!("[http]\ntokens = [\"{token}\"]");
    bad(&tokens(units::PUBLIC_TOKEN), &[(Some(2), "write your own")]);
    assert!(include_str!("../../../../examples/tallymark.toml").contains(units::PUBLIC_TOKEN));
    good(&tokens("0123456789abcdef"));
}

#[test]
fn redis_ticks_once_a_second() {
    assert_eq!(good("[store]\nurl = \"redis://localhost\"\n").tick, Duration::from_secs(1));
}

#[test]
fn every_mistake_is_shown_at_once_with_its_line() {
    bad(
        "[store]\nurl = \"mysql://x\"\ntick = 5\n[htpt]\nlisten = \"x\"\n[http]\nlisten = \"127.0.0.1:70000\"\nlisen = \"x\"\n[badges]\ncolor = \"red;x\"\n",
        &[
            (Some(2), "store.url"),
            (Some(3), "store.tick: must be a text"),
            (Some(4), "did you mean http"),
            (Some(7), "127.0.0.1:70000"),
            (Some(8), "did you mean listen"),
            (Some(10), "badges.color"),
        ],
    );
}

#[test]
fn broken_toml_and_duplicate_keys_are_mistakes() {
    assert!(Config::parse("[store\n", &Overrides::default()).is_err());
    let twice = Config::parse("[store]\nurl = \"sqlite:a\"\nurl = \"sqlite:b\"\n", &Overrides::default());
    let twice = twice.expect_err("twice");
    assert_eq!((twice[0].line, &*twice[0].what), (Some(3), "the key url is there twice"));
    let twice = Config::parse("[store]\n[http]\n[store]\n", &Overrides::default()).expect_err("twice");
    assert_eq!((twice[0].line, &*twice[0].what), (Some(3), "the key store is there twice"));
}

#[test]
fn what_is_wrong_only_beside_something_else_is_refused() {
    for (text, part) in [
        ("[store]\ndata-dir = \"/d\"\n[badges]\ndir = \"/d\"", "files are all served to the public"),
        (
            "[store]\ndata-dir = \"/d/b/state\"\n[badges]\ndir = \"/d/./x/../b/\"",
            "files are all served to the public",
        ),
        ("[store]\nurl = \"sqlite:/b/t.db\"\n[badges]\ndir = \"/b\"", "the database is inside /b"),
        (
            "[store]\ndata-dir = \"~/data\"\n[badges]\ndir = \"/b\"\n[http]\n[[source]]\nkind=\"zmq\"\nconnect=\"a:1\"",
            "only a shell expands ~",
        ),
        ("[store]\ndata-dir = \"\"", "a path is not empty"),
        ("[badges]\ndir = \"redis://:x@h\"", "this is an address"),
        ("[badges]\ndir = \"~/b\"", "badges.dir: ~/b: only a shell expands ~"),
        ("[badges]\ntemplate = \"~/b\"", "template: ~/b: only a shell expands ~"),
        ("[badges]\ndir = \"$HOME/b\"", "$HOME/b: only a shell expands variables"),
        ("[store]\nurl = \"sqlite:~/t.db\"", "url: ~/t.db: only a shell expands ~"),
        ("[visits]\ngeo-database = \"~/g\"", "~/g: only a shell expands ~"),
        ("[visits]\navatar-dir = \"~/g\"", "~/g: only a shell expands ~"),
        ("[http]\nlisten = \"unix:~/s\"", "~/s: only a shell expands ~"),
        ("[[source]]\nkind = \"file\"\npath = \"~/l\"", "~/l: only a shell expands ~"),
        ("[[source]]\nkind = \"syslog-unix\"\npath = \"~/l\"", "~/l: only a shell expands ~"),
        (
            "[http]\nlisten = \"127.0.0.1:99\"\n[[source]]\nkind = \"syslog-tcp\"\nlisten = \"127.0.0.1:99\"",
            "HTTP listens on 127.0.0.1:99 already",
        ),
        (
            "[http]\nlisten = \"[::]:99\"\n[[source]]\nkind = \"syslog-tcp\"\nlisten = \"127.0.0.1:99\"",
            "HTTP listens on [::]:99 already",
        ),
        (
            "[http]\nlisten = \"unix:/run/./t.sock\"\n[[source]]\nkind = \"syslog-unix\"\npath = \"/run/t.sock\"",
            "already; give one of them another path",
        ),
        (
            "[[source]]\nkind = \"syslog-udp\"\nlisten = \"127.0.0.1:99\"\n[[source]]\nkind = \"syslog-udp\"\nlisten = \"0.0.0.0:99\"\nallow = [\"10.0.0.0/8\"]",
            "there is already a source",
        ),
    ] {
        let mistakes = Config::parse(text, &Overrides::default()).expect_err(text);
        assert!(mistakes.iter().any(|mistake| mistake.what.contains(part)), "{text}: {mistakes:?}");
    }
    good("[store]\ndata-dir = \"/d\"\n[badges]\ndir = \"/d/badges\"");
    good("[store]\ndata-dir = \"/badges-data\"\n[badges]\ndir = \"/badges\"");
    good("[http]\nlisten = \"127.0.0.1:99\"\n[[source]]\nkind = \"syslog-udp\"\nlisten = \"127.0.0.1:99\"");
}

#[test]
fn values_out_of_range_are_refused() {
    for (text, part) in [
        ("[store]\ntick = \"0s\"", "must be"),
        ("[store]\ntick = \"-1s\"", "duration"),
        ("[limits]\nconnections = 0", "must be 1 to"),
        ("[limits]\nconnections = -5", "must be 1 to"),
        ("[limits]\nbody-bytes = \"1\"", "must be 1KiB to 256MiB"),
        ("[limits]\nbody-bytes = 1023", "must be 1KiB to 256MiB"),
        ("[limits]\nbody-bytes = -1", "must be 1KiB to 256MiB"),
        ("[limits]\nbody-bytes = 1.5", "must be a size"),
        ("[limits]\nbody-bytes = \"99999999999999999999\"", "not a size"),
        ("[store]\noutbox-max-bytes = 16777215", "must be 16MiB to"),
        ("[http]\ntrusted-proxies = [\"10.0.0.0/33\"]", "not a network"),
        ("[http]\ntrusted-proxies = \"10.0.0.0/8\"", "must be a list"),
        ("[http]\nbase-url = \"javascript:alert(1)\"", "site"),
        ("[http]\nvisibility = \"secret\"", "public, token or off"),
        ("[http]\ncors-origins = [\"https://a/b\"]", "no origin"),
        ("[http]\ntokens = [\"short\"]", "at least 16"),
        ("[badges]\nevery = \"10ms\"", "must be"),
        ("[retention]\nminute = \"1s\"", "must be"),
        ("[retention]\nday = \"31d\"", "must be"),
        ("[retention]\nday = \"60d\"", "at least as long"),
        ("[retention]\nvisit = \"5min\"", "must be"),
        ("[visits]\nkeep = 1001", "must be 0 to 1000"),
        ("[visits]\nkeep = -1", "must be 0 to 1000"),
        ("[visits]\ncooldown = \"25h\"", "must be 0s to 1d"),
        ("[visits]\ncooldown = 30", "must be a text"),
        ("[visits]\ncollapse = \"61s\"", "must be 0s to 1min"),
        ("[visits]\ncamo-networks = [\"github\"]", "not a network"),
        ("[visits]\ncamo-networks = \"10.0.0.0/8\"", "must be a list"),
        ("[visits]\naddresses = true", "addresses"),
        ("[visits]\nstore = [\"address\", \"name\"]", "neither address nor"),
        ("[visits]\ngeo-database = 1", "must be a text"),
    ] {
        bad(text, &[(Some(2), part)]);
    }
    bad("[http]\nvisibility = \"token\"", &[(Some(2), "needs tokens")]);
}

#[test]
fn routes_are_checked() {
    let route = |keys: &str| format!("[[route]]\n{keys}\n");
    assert_eq!(good(&route("tag = \"x\"")).routes.as_slice().len(), 1);
    assert_eq!(good(&route(&format!("tag = {:?}", "x".repeat(48)))).routes.as_slice().len(), 1);
    bad(
        &route(&format!("tag = {:?}", "x".repeat(49))),
        &[(Some(2), "has 49 bytes, and a syslog tag has 1 to 48")],
    );
    bad(&route("tag = \"\""), &[(Some(2), "has 0 bytes, and a syslog tag has 1 to 48")]);
    bad(&route("tag = \"a b\""), &[(Some(2), "no blanks")]);
    bad(&route("columns = [\"date\"]"), &[(Some(2), "\"name\" has to be there")]);
    bad(&route("columns = [\"name\", \"name\"]"), &[(Some(2), "once")]);
    bad(&route("columns = [\"name\", \"date\", \"date\"]"), &[(Some(2), "twice")]);
    bad(&route("columns = [\"name\", \"nam\"]"), &[(Some(2), "\"nam\" is not one of")]);
    bad(&route("escape = \"none\""), &[(Some(2), "columns of its own")]);
    bad(&route("decode = 9"), &[(Some(2), "must be 0 to 3")]);
    bad(&route("event = \"Hit\""), &[(Some(2), "1 to 32")]);
    bad(&route("facility = \"local9\""), &[(Some(2), "facility")]);
    bad(&format!("{0}{0}", route("tag = \"x\"")), &[(Some(3), "the 2nd [[route]]: tag \"x\"")]);
}

#[test]
fn syslog_beyond_loopback_needs_an_allow_list() {
    let source = |keys: &str| format!("[[source]]\nkind = \"syslog-udp\"\n{keys}\n");
    bad(
        &source("listen = \"0.0.0.0:514\""),
        &[(Some(1), "the 1st [[source]]: syslog has no authentication")],
    );
    let config = good(&source("listen = \"0.0.0.0:514\"\nallow = [\"10.0.0.0/8\"]"));
    let Kind::Udp { allow, .. } = &config.sources[0].kind else { panic!("not UDP") };
    assert_eq!(allow.as_deref().map(<[_]>::len), Some(1));
    bad("\n[[source]]\nlisten = \"127.0.0.1:1\"", &[(Some(2), "kind is missing")]);
    bad("[[source]]\nkind = \"syslog\"", &[(Some(2), "\"syslog\" is not a kind of source")]);
    bad(&source("route = \"nope\""), &[(Some(3), "no [[route]]")]);
    bad(&format!("{0}{0}", source("listen = \"127.0.0.1:1\"")), &[(Some(4), "already")]);
    bad("[source]\nkind = \"syslog-udp\"", &[(Some(1), "write [[source]]")]);
}

#[test]
fn overrides_win_over_the_file() {
    let overrides = Overrides {
        data_dir: Some("d".into()),
        store: Some("redis://h".parse().unwrap()),
        port: Some(9),
        syslog_udp: Some("127.0.0.1:7".parse().unwrap()),
        ..Overrides::default()
    };
    let config = Config::parse("[store]\nurl = \"sqlite:x\"\ndata-dir = \"e\"\n", &overrides).unwrap();
    assert_eq!(config.store.to_string(), "redis://h");
    assert_eq!(config.badges.dir, Path::new("d/badges"));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:9");
    assert_eq!(config.sources[0].kind.to_string(), "syslog-udp 127.0.0.1:7");
}

#[test]
fn sources_of_every_kind_are_read_with_the_keys_of_their_kind() {
    let source = |kind: &str, keys: &str| format!("[[source]]\nkind = \"{kind}\"\n{keys}\n");
    let config =
        good(&(source("syslog-unix", "path = \"/run/t/s\"") + &source("syslog-tcp", "listen = \":601\"")));
    let kinds: Vec<String> = config.sources.iter().map(|source| source.kind.to_string()).collect();
    assert_eq!(kinds, ["syslog-unix /run/t/s", "syslog-tcp 127.0.0.1:601"]);
    assert_eq!(config.sources[0].max_line, 262_144);
    assert_eq!(config.sources[0].kind, Kind::Unix { path: "/run/t/s".into(), mode: 0o666 });
    let mode = good(&source("syslog-unix", "path = \"/s\"\nmode = \"0660\""));
    assert_eq!(mode.sources[0].kind, Kind::Unix { path: "/s".into(), mode: 0o660 });
    bad(&source("syslog-unix", "mode = \"0888\""), &[(Some(1), "path"), (Some(3), "not a mode")]);
    bad(&source("syslog-unix", "path = \"/s\"\nmode = \"1777\""), &[(Some(4), "not a mode")]);
    let long = format!("path = \"/{}\"", "x".repeat(107));
    bad(&source("syslog-unix", &long), &[(Some(3), "107 bytes")]);
    bad(&source("syslog-unix", "path = \"/s\"\nlisten = \":1\""), &[(Some(4), "unknown key")]);
    bad(&source("syslog-tcp", "listen = \"0.0.0.0:601\""), &[(Some(1), "list the networks that can send")]);
    bad(
        &source("syslog-tcp", "connections = 0\nidle-timeout = \"1ms\"\nframing = \"x\""),
        &[(Some(3), "must be 1 to"), (Some(4), "must be"), (Some(5), "auto, lines or counted")],
    );
    bad(&source("syslog-tcp", "format = \"record\""), &[(Some(1), "framing")]);
    good(&source("syslog-tcp", "format = \"record\"\nframing = \"lines\""));
    bad(&(source("syslog-unix", "path = \"/s\"").repeat(2)), &[(Some(4), "already")]);
    bad(&source("syslog-tcp", "max-line-bytes = 65537"), &[(Some(3), "must be 64 to 65536")]);
}

#[test]
fn publishers_have_an_address_and_no_format() {
    let source = |keys: &str| format!("[[source]]\nkind = \"zmq\"\n{keys}\n");
    let config =
        good(&source("connect = \"tcp://events.example.org:6000\"\ntopic = \"order\"\ntime = \"message\""));
    assert_eq!(config.sources[0].kind.to_string(), "zmq events.example.org:6000 \"order\"");
    good(&source("connect = \"[::1]:6000\"\nmax-line-bytes = 64"));
    bad(&source(""), &[(Some(1), "connect = ")]);
    for address in
        ["6000", "tcp://:6000", "tcp://h", "tcp://h:0", "tcp://h:70000", "ipc:///tmp/x", "tcp://*:1", "h h:1"]
    {
        bad(&source(&format!("connect = \"{address}\"")), &[(Some(3), "tcp://HOST:PORT")]);
    }
    bad(
        &source("connect = \"h:1\"\ntime = \"x\"\nformat = \"syslog\"\nroute = \"badge\""),
        &[(Some(4), "arrival or message"), (Some(5), "unknown key"), (Some(6), "unknown key")],
    );
    // Two topics of one publisher are allowed, unless a message could match both.
    let topic = |topic: &str| source(&format!("connect = \"h:1\"\ntopic = \"{topic}\""));
    good(&(topic("order ") + &topic("pageview ")));
    bad(&(topic("order") + &topic("")), &[(Some(5), "already")]);
    let overrides =
        Overrides { zmq: Some("b:2".to_owned()), topic: Some("t".to_owned()), ..Overrides::default() };
    let config = Config::parse(&topic("order"), &overrides).unwrap();
    let kinds: Vec<String> = config.sources.iter().map(|source| source.kind.to_string()).collect();
    assert_eq!(kinds, ["zmq b:2 \"t\""]);
    // A topic alone is that of the publisher in the file, or else of Bootic's own.
    let alone = Overrides { topic: Some("t".to_owned()), ..Overrides::default() };
    for (file, kind) in [(topic("order"), "zmq h:1 \"t\""), (String::new(), "zmq 127.0.0.1:6000 \"t\"")] {
        let config = Config::parse(&file, &alone).unwrap();
        let kinds: Vec<String> = config.sources.iter().map(|source| source.kind.to_string()).collect();
        assert_eq!(kinds, [kind]);
    }
}

#[test]
fn flag_stands_for_the_sources_of_its_kind() {
    let file = "[[source]]\nkind = \"syslog-unix\"\npath = \"/a\"\nmode = \"0600\"\n";
    let kinds = |file: &str, overrides: &Overrides| -> Vec<String> {
        let config = Config::parse(file, overrides).unwrap();
        config.sources.iter().map(|source| source.kind.to_string()).collect()
    };
    let unix = Overrides { syslog_unix: Some("/b".into()), ..Overrides::default() };
    assert_eq!(kinds("", &unix), ["syslog-unix /b"]);
    assert_eq!(kinds(file, &unix), ["syslog-unix /b"]);
    let kept = Config::parse(file, &unix).unwrap();
    assert_eq!(kept.sources[0].kind, Kind::Unix { path: "/b".into(), mode: 0o600 });
    let tcp = Overrides { syslog_tcp: Some("127.0.0.1:7".parse().unwrap()), ..Overrides::default() };
    assert_eq!(kinds(file, &tcp), ["syslog-unix /a", "syslog-tcp 127.0.0.1:7"]);
    let open = Overrides { syslog_tcp: Some("0.0.0.0:7".parse().unwrap()), ..Overrides::default() };
    assert!(Config::parse("", &open).is_err());
    let allowed = Overrides { allow: vec!["10.0.0.0/8".parse().unwrap()], ..open };
    assert!(Config::parse("", &allowed).is_ok());
}

#[test]
fn files_have_a_path_and_may_be_access_logs() {
    let source = |keys: &str| format!("[[source]]\nkind = \"file\"\n{keys}\n");
    let config = good(&source("path = \"/var/log/a\"\nformat = \"combined\"\nstart = \"end\""));
    assert_eq!(config.sources[0].kind, Kind::File { path: "/var/log/a".into(), start: Start::End });
    assert_eq!(config.sources[0].format, LineFormat::Combined);
    assert_eq!(good(&source("path = \"a\"")).sources[0].format, LineFormat::Auto);
    bad(&source(""), &[(Some(1), "path = ")]);
    bad(&source("path = \"a\"\nstart = \"middle\""), &[(Some(4), "beginning or end")]);
    bad(&format!("{0}{0}", source("path = \"a\"")), &[(Some(4), "already")]);
    // One file may have many names. Where links lead may change while a daemon runs, so it is not asked.
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(path("a.log"), "").unwrap();
    std::fs::hard_link(path("a.log"), path("hard.log")).unwrap();
    std::os::unix::fs::symlink(path("a.log"), path("soft.log")).unwrap();
    std::os::unix::fs::symlink(dir.path(), path("link")).unwrap();
    let name = dir.path().file_name().unwrap().to_str().unwrap();
    for other in ["hard.log", "soft.log", "link/a.log"] {
        let shared = good(&["a.log", other].map(|name| source(&format!("path = {:?}", path(name)))).concat());
        assert_eq!(shared_logs(&shared.sources), [(Path::new(&path("a.log")), Path::new(&path(other)))]);
    }
    for (one, other) in [
        ("a.log", format!("../{name}/a.log")),
        // A rotated file is read with its log.
        ("a.log", "a.log.1".to_owned()),
        ("b.log-20261129", "b.log".to_owned()),
    ] {
        let text = [one, &other].map(|name| source(&format!("path = {:?}", path(name)))).concat();
        let both = format!("already a source file {}, which clashes with file {}", path(one), path(&other));
        bad(&text, &[(Some(4), both.as_str())]);
    }
    let apart = good(&["a.log", "b.log"].map(|name| source(&format!("path = {:?}", path(name)))).concat());
    assert!(shared_logs(&apart.sources).is_empty());
    good("[[source]]\nkind = \"syslog-udp\"\nformat = \"combined\"");
    good(&source("path = \"a\"\nlog-format-string = '$remote_addr \"$request\" $status'"));
    bad(&source("path = \"a\"\nlog-format-string = '$status'"), &[(Some(4), "needs $request")]);
    bad(
        &source("path = \"a\"\nformat = \"auto\"\nlog-format-string = '$request'"),
        &[(Some(5), "leave format out")],
    );
    let overrides = Overrides { file: Some("b".into()), ..Overrides::default() };
    let config = Config::parse("", &overrides).unwrap();
    assert_eq!(config.sources.len(), 1, "a flag replaces the default");
}

#[test]
fn groups_have_a_name_and_members() {
    let parse = |text: &str| Config::parse(text, &Overrides::default());
    let config = parse("[[group]]\nname = \"site\"\nmembers = [\"octo/*\", \"blog\"]\n").unwrap();
    let [group] = config.groups.as_slice() else { panic!("{:?}", config.groups) };
    assert_eq!((group.name.as_str(), group.members.len()), ("site", 2));
    assert!(group.members[0].matches("octo/a"));
    for (text, says) in [
        ("[[group]]\nmembers = [\"a\"]\n", "it has no name"),
        ("[[group]]\nname = \"a\"\n", "it has no members"),
        ("[[group]]\nname = \"a\"\nmembers = []\n", "1 to 100 names"),
        ("[[group]]\nname = \"a b\"\nmembers = [\"a\"]\n", "is not 1 to 64 letters"),
        ("[[group]]\nname = \"a\"\nmembers = [\"*\"]\n", "something besides *"),
        ("[[group]]\nname = \"a\"\nmember = [\"a\"]\n", "did you mean members?"),
        (
            "[[group]]\nname = \"a\"\nnames = [\"a\"]\n",
            "unknown key \"names\" in the 1st [[group]]; use members",
        ),
        (
            "[[group]]\nname = \"a\"\nmembers = [\"a\"]\n[[group]]\nname = \"a\"\nmembers = [\"b\"]\n",
            "there is another group",
        ),
    ] {
        let mistakes = parse(text).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.what.contains(says)), "{text}: {mistakes:?}");
    }
}

#[test]
fn a_key_of_another_table_is_sent_there() {
    for (text, says) in [
        ("data-dir = \"/d\"", "unknown key \"data-dir\"; it belongs under [store]"),
        ("base-url = \"https://h\"", "it belongs under [http]"),
        ("badges-dir = \"/b\"", "it belongs under [badges], as dir"),
        ("[badges]\nbase-url = \"https://h\"", "it belongs under [http]"),
        ("nonsense = 1", "known here: "),
        ("[http]\nlistn = \":1\"", "did you mean listen?"),
    ] {
        let line = text.lines().count();
        bad(text, &[(Some(line), says)]);
    }
}

#[test]
fn default_routes_that_are_off_are_known() {
    assert!(good("").default_tags_off().is_empty());
    let off = good("[[route]]\ntag = \"mine\"\n\n[[route]]\ntag = \"badge\"\n").default_tags_off();
    assert_eq!((off.len(), off.first().map(String::as_str)), (5, Some("tallymark")));
}

#[test]
fn files_that_keys_name_are_mistakes_among_the_others_each_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.toml");
    let text = "[http]\nlisten = \"nowhere\"\n[badges]\ntemplate = \"/no/t.svg\"\nlogos = \"/no/logos\"\n\
                digits = \"/no/digits\"\n[visits]\ngeo-database = \"/no/geo.mmdb\"\n";
    let lines = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let load = Config::load(Some(&file), &Overrides::default());
        let bad = load.and_then(|config| config.open_files(Some(&file)).map(drop)).unwrap_err();
        bad.mistakes.iter().map(|mistake| mistake.line).collect::<Vec<_>>()
    };
    assert_eq!(lines(text), [2, 4, 5, 6, 8].map(Some));
    assert_eq!(lines(&text.replace("listen = \"nowhere\"", "")), [4, 5, 6, 8].map(Some));
}

#[test]
fn keys_that_are_expected_elsewhere_are_answered_with_ours() {
    for (text, told) in [
        ("[badges]\nvariants = []", "use charts and panels"),
        ("[[route]]\ncooldown = \"1s\"", "use cooldown under [visits]"),
        ("[visits]\nlanguages = []", "use lang="),
    ] {
        let mistakes = crate::mistakes_of(text);
        assert!(mistakes.iter().any(|mistake| mistake.contains(told)), "{mistakes:?}");
    }
}
