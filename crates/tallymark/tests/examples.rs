//! Everything under examples/ works as it says.

use std::{path::Path, process::Command};

const BIN: &str = env!("CARGO_BIN_EXE_tallymark");

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn tallymark(args: &[&str]) -> (Option<i32>, String, String) {
    let out = Command::new(BIN).args(args).current_dir(root()).env_clear().output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

#[test]
fn configuration_as_it_stands_is_good() {
    let (code, out, err) = tallymark(&["check-config", "examples/tallymark.toml"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("The configuration is good."), "{out}");
}

#[test]
fn configuration_of_the_service_is_good_and_has_its_directories() {
    let (code, out, err) = tallymark(&["check-config", "deploy/tallymark.toml"]);
    assert_eq!(code, Some(0), "{err}");
    for part in
        ["/var/lib/tallymark/data\n", "/var/lib/tallymark/badges\n", "sqlite:/var/lib/tallymark/data/"]
    {
        assert!(out.contains(part), "{out}");
    }
}

#[test]
fn sample_log_counts_what_it_should_and_rejects_the_rest_with_reasons() {
    let (code, out, err) = tallymark(&["replay", "examples/badge.log", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        out.trim_end(),
        concat!(
            r#"{"received":14,"accepted":8,"rejected":{"columns":1,"date":1,"escape":1,"filter":1,"noname":1,"tag":1},"#,
            r#""names":[{"event":"hit","name":"benwilber/bashids","count":3},"#,
            r#"{"event":"hit","name":"SheetJS/js-xlsx","count":2},"#,
            r#"{"event":"hit","name":"nusmodifications/nusmods","count":2},"#,
            r#"{"event":"hit","name":"日本/語","count":1}]}"#,
        )
    );
}

/// What is commented out is right, too, with a token, a template and faces of one's own.
#[test]
fn configuration_is_good_with_everything_in_it() {
    let text = std::fs::read_to_string(root().join("examples/tallymark.toml")).unwrap();
    let code = |line: &str| {
        line.starts_with("#[[") || (line.starts_with('#') && line[1..].starts_with(char::is_alphabetic))
    };
    let all: Vec<&str> = text.lines().map(|line| if code(line) { &line[1..] } else { line }).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.toml");
    let (all, template) = (all.join("\n"), root().join("examples/badge-template.svg"));
    let all = all.replace("/etc/tallymark/badge.svg", template.to_str().unwrap());
    let all = all.replace("/etc/tallymark/faces", dir.path().to_str().unwrap());
    let logos = dir.path().join("logos");
    std::fs::create_dir(&logos).unwrap();
    let all = all.replace("/etc/tallymark/logos", logos.to_str().unwrap());
    let all = all.replace("/etc/tallymark/digits", logos.to_str().unwrap());
    // There is no database here; tests of their own make one.
    let all = all.replace("geo-database = \"/var/lib/tallymark/city.mmdb\"\n", "");
    std::fs::write(&file, &all).unwrap();
    let (code, _, err) = tallymark(&["check-config", file.to_str().unwrap()]);
    assert_eq!((code, err.contains("write your own")), (Some(78), true), "{err}");
    std::fs::write(&file, all.replace("write-your-own-here-", "one-of-our-own-")).unwrap();
    let (code, out, err) = tallymark(&["check-config", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
    for source in [
        "syslog-udp 127.0.0.1:5140",
        "syslog-unix /run/tallymark/syslog",
        "syslog-tcp 127.0.0.1:5141",
        "file /var/log/nginx/badge.log",
        "zmq 127.0.0.1:6000",
    ] {
        assert!(out.contains(source), "{out}");
    }
}
