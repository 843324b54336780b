//! Rows of text -> configuration or mistakes (reliability.md case 59).

use super::*;

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
    assert_eq!(config.sources[0].listen.to_string(), "127.0.0.1:5140");
    assert_eq!(config.tick, Duration::from_millis(250));
    let tags: Vec<_> = config.routes.as_slice().iter().map(|route| route.tag.as_str()).collect();
    assert_eq!(tags, ["badge", "tallymark"]);
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
    assert_eq!(twice.expect_err("twice")[0].line, Some(3));
}

#[test]
fn values_out_of_range_are_refused() {
    for (text, part) in [
        ("[store]\ntick = \"0s\"", "must be"),
        ("[store]\ntick = \"-1s\"", "duration"),
        ("[limits]\nconnections = 0", "must be 1 to"),
        ("[limits]\nconnections = -5", "must be 1 to"),
        ("[http]\nbase-url = \"javascript:alert(1)\"", "site"),
        ("[http]\nvisibility = \"secret\"", "public, token or off"),
        ("[http]\ntokens = [\"short\"]", "at least 16"),
        ("[badges]\nevery = \"10ms\"", "must be"),
        ("[retention]\nminute = \"1s\"", "must be"),
    ] {
        bad(text, &[(Some(2), part)]);
    }
    bad("[http]\nvisibility = \"token\"", &[(None, "needs tokens")]);
}

#[test]
fn routes_are_checked() {
    let route = |keys: &str| format!("[[route]]\n{keys}\n");
    assert_eq!(good(&route("tag = \"x\"")).routes.as_slice().len(), 1);
    bad(&route("columns = [\"date\"]"), &[(None, "\"name\" has to be there")]);
    bad(&route("columns = [\"name\", \"name\"]"), &[(None, "once")]);
    bad(&route("columns = [\"name\", \"date\", \"date\"]"), &[(None, "twice")]);
    bad(&route("columns = [\"name\", \"nam\"]"), &[(Some(2), "\"nam\" is not one of")]);
    bad(&route("escape = \"none\""), &[(Some(2), "columns of its own")]);
    bad(&route("decode = 9"), &[(Some(2), "must be 0 to 3")]);
    bad(&route("event = \"Hit\""), &[(Some(2), "1 to 32")]);
    bad(&route("facility = \"local9\""), &[(Some(2), "facility")]);
    bad(&format!("{0}{0}", route("tag = \"x\"")), &[(None, "already")]);
}

#[test]
fn syslog_beyond_loopback_needs_an_allow_list() {
    let source = |keys: &str| format!("[[source]]\nkind = \"syslog-udp\"\n{keys}\n");
    bad(&source("listen = \"0.0.0.0:514\""), &[(None, "needs allow")]);
    let config = good(&source("listen = \"0.0.0.0:514\"\nallow = [\"10.0.0.0/8\"]"));
    assert_eq!(config.sources[0].allow.as_deref().map(<[_]>::len), Some(1));
    bad("[[source]]\nlisten = \"127.0.0.1:1\"", &[(Some(2), "kind")]);
    bad(&source("route = \"nope\""), &[(Some(3), "no [[route]]")]);
    bad(&format!("{0}{0}", source("listen = \"127.0.0.1:1\"")), &[(None, "already")]);
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
    assert_eq!(config.sources[0].listen.to_string(), "127.0.0.1:7");
}
