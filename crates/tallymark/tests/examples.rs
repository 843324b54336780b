//! Everything under examples/ works as it says.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

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
fn configuration_with_every_key_is_good() {
    let (code, out, err) = tallymark(&["check-config", "examples/tallymark.toml"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("The configuration is good."), "{out}");
}

/// The defaults that the file claims are the defaults: without the lines that say otherwise, it changes nothing.
#[test]
fn configuration_names_the_real_defaults() {
    let text = std::fs::read_to_string(root().join("examples/tallymark.toml")).unwrap();
    let own = ["base-url =", "tokens =", "allow =", "route =", "template =", "new-names-per-minute ="];
    let defaults: Vec<&str> =
        text.lines().filter(|line| !own.iter().any(|key| line.starts_with(key))).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("defaults.toml");
    std::fs::write(&file, defaults.join("\n")).unwrap();
    let (code, with_file, err) = tallymark(&["check-config", file.to_str().unwrap(), "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let (_, without, _) = tallymark(&["check-config", "--json"]);
    assert_eq!(with_file, without);
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

/// The blocks that are commented out are right, too.
#[test]
fn configuration_is_good_with_every_source_in_it() {
    let text = std::fs::read_to_string(root().join("examples/tallymark.toml")).unwrap();
    let code = |line: &str| {
        line.starts_with("#[[") || (line.starts_with('#') && line[1..].starts_with(char::is_alphabetic))
    };
    let all: Vec<&str> = text.lines().map(|line| if code(line) { &line[1..] } else { line }).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.toml");
    std::fs::write(&file, all.join("\n")).unwrap();
    let (code, out, err) = tallymark(&["check-config", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
    for source in [
        "syslog-udp 127.0.0.1:5140",
        "syslog-unix /run/tallymark/syslog",
        "syslog-tcp 127.0.0.1:5141",
        "file /var/log/nginx/badge.log",
    ] {
        assert!(out.contains(source), "{out}");
    }
}
