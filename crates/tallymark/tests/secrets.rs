//! The program never prints a password or a token, wherever it was put.

use crate::common::{PATIENCE, Place, run_with};
use tallymark_testbed::{http, wait_until};

const CANARY: &str = "c4n4ry";

/// Addresses with a password in them that no store takes, or that none answers at.
const ADDRESSES: [&str; 14] = [
    "redis://:c4n4ry/c@127.0.0.1:1",
    "redis://u:x@c4n4ry@127.0.0.1:1",
    "redis://:x:c4n4ry@127.0.0.1:1",
    "redis://:x#c4n4ry@127.0.0.1:1",
    "redis://u:c4n4ry x@127.0.0.1:1",
    "redis://c4n4ry@127.0.0.1:1",
    "redis://:c4n4ry@127.0.0.1:port",
    "redis://:c4n4ry@127.0.0.1:1/x",
    "rediss://:c4n4ry@127.0.0.1",
    "reddis://:c4n4ry@127.0.0.1",
    "redis//:c4n4ry@127.0.0.1",
    "redis:/:c4n4ry@127.0.0.1",
    "c4n4ry",
    "u:c4n4ry@h",
];

#[track_caller]
fn says_nothing(args: &[&str], env: &[(&str, &str)]) {
    let ran = run_with(args, env, b"");
    assert_ne!(ran.code, Some(0), "{args:?} {env:?}");
    for said in [&ran.stdout, &ran.stderr] {
        assert!(!said.contains(CANARY), "{args:?} {env:?}: {said}");
    }
    assert!(!ran.stderr.trim().is_empty() || !ran.stdout.trim().is_empty(), "it says why");
}

#[test]
fn a_wrong_address_of_a_store_is_not_repeated() {
    for address in ADDRESSES {
        let joined = format!("--store={address}");
        says_nothing(&["show", "a", "--store", address], &[]);
        says_nothing(&["show", "a", &joined], &[]);
        says_nothing(&["store", "adopt", "--log-format", "json", &joined], &[]);
        says_nothing(&["show", "a"], &[("TALLYMARK_STORE", address)]);
        let place = Place::with_config(&format!("[store]\nurl = {address:?}\n[http]\nlisten = 1\n"));
        let file = place.config_path().display().to_string();
        says_nothing(&["check-config", &file], &[]);
        says_nothing(&["check-config", "--json", &file], &[]);
    }
}

#[test]
fn an_address_in_the_wrong_place_is_not_repeated() {
    for address in ADDRESSES.into_iter().filter(|address| address.contains('@')) {
        for flag in
            ["--listen", "--syslog-udp", "--base-url", "--allow", "--stor", "--log-level", "--log-format"]
        {
            says_nothing(&["check-config", flag, address], &[]);
            says_nothing(&["check-config", &format!("{flag}={address}")], &[]);
        }
        says_nothing(&["show", "a", address], &[]);
        says_nothing(&[address], &[]);
        for variable in
            ["TALLYMARK_LISTEN", "TALLYMARK_LOG_LEVEL", "PORT", "BASE_URL", "CORS_ORIGINS", "TRUSTED_PROXIES"]
        {
            says_nothing(&["check-config"], &[(variable, address)]);
        }
        for line in [
            format!("[store]\nurl = \"{address}\nx"),
            format!("[store]\nurl = {address}"),
            format!("[store]\nurl {address:?}"),
            format!("[store]\ntick = {address:?}"),
            format!("[http]\nlisten = {address:?}"),
            format!("[http]\nbase-url = {address:?}"),
            format!("[http]\ncors-origins = [{address:?}, 1]"),
            format!("[http]\nvisibility = {address:?}"),
        ] {
            let place = Place::with_config(&line);
            says_nothing(&["check-config", &place.config_path().display().to_string()], &[]);
        }
    }
}

/// Secrets that look like no address.
const WORDS: [&str; 6] = ["c4n4ry", "u:c4n4ry", ":c4n4ry", "c4n4ry c4n4ry", "c4n4ry,x", "aGV5=c4n4ry"];

#[test]
fn a_password_in_a_flag_that_is_no_address_is_not_repeated() {
    for word in WORDS {
        for flag in [
            "--listen",
            "--syslog-udp",
            "--syslog-tcp",
            "--base-url",
            "--allow",
            "--zmq",
            "--log-level",
            "--log-format",
            "--no-such-flag",
            "--store",
        ] {
            says_nothing(&["check-config", flag, word], &[]);
            says_nothing(&["check-config", &format!("{flag}={word}")], &[]);
        }
        says_nothing(&["show", "a", word], &[]);
        says_nothing(&["top", "--limit", word], &[]);
        says_nothing(&["health", word], &[]);
        says_nothing(&["store", word], &[]);
        says_nothing(&[word], &[]);
        for variable in [
            "TALLYMARK_LISTEN",
            "TALLYMARK_SYSLOG_UDP",
            "TALLYMARK_ALLOW",
            "TALLYMARK_BASE_URL",
            "TALLYMARK_LOG_LEVEL",
            "TALLYMARK_LOG_FORMAT",
            "TALLYMARK_STORE",
            "LOG_LEVEL",
            "LOG_FORMAT",
            "PORT",
            "BASE_URL",
            "CORS_ORIGINS",
            "TRUSTED_PROXIES",
            "CACHE_TTL",
            "RATE_LIMIT_RPS",
            "SERVICES_SECRET_KEY",
        ] {
            says_nothing(&["check-config"], &[(variable, word)]);
        }
    }
}

#[test]
fn a_password_under_any_key_is_not_repeated() {
    let keys = [
        ("store", "url"),
        ("store", "tick"),
        ("store", "outbox-max-bytes"),
        ("http", "listen"),
        ("http", "base-url"),
        ("http", "visibility"),
        ("http", "cors-origins"),
        ("http", "trusted-proxies"),
        ("http", "tokens"),
        ("badges", "color"),
        ("badges", "charts"),
        ("retention", "hour"),
        ("visits", "keep"),
        ("limits", "names"),
    ];
    let tables = |value: &str| -> String {
        let mut text = String::new();
        for (at, (table, key)) in keys.iter().enumerate() {
            if at == 0 || keys[at - 1].0 != *table {
                text += &format!("[{table}]\n");
            }
            text += &format!("{key} = {value}\n");
        }
        text
    };
    for word in WORDS {
        // All mistakes of a file are listed, so most keys go into one.
        let mut texts = vec![(tables(&format!("{word:?}")), keys.len() - 1)];
        texts.push((tables(&format!("[{word:?}]")), keys.len() - 3));
        for table in ["source", "route"] {
            let keys =
                ["kind", "tag", "listen", "facility", "severity", "columns", "format", "allow", "names"];
            let text: String = keys.iter().map(|key| format!("{key} = {word:?}\n")).collect();
            texts.push((format!("[[{table}]]\n{text}"), 5));
        }
        texts.push((format!("[store]\nurl = {word}\n"), 1));
        texts.push((format!("{word:?} = 1\n{word:?} = 1\n"), 1));
        texts.push((format!("[{word:?}]\n[http]\n{word:?} = 1\n"), 2));
        for (text, least) in texts {
            let place = Place::with_config(&text);
            let file = place.config_path().display().to_string();
            for args in [&["check-config", &file][..], &["check-config", "--json", &file]] {
                let ran = run_with(args, &[], b"");
                assert_ne!(ran.code, Some(0), "{text}");
                assert!(!ran.stdout.contains(CANARY) && !ran.stderr.contains(CANARY), "{text}\n{ran:?}");
                assert!(ran.stderr.lines().count() >= least, "{text}\n{ran:?}");
            }
        }
    }
}

#[test]
fn a_short_token_is_not_repeated() {
    says_nothing(&["check-config"], &[("TALLYMARK_TOKENS", CANARY)]);
    let place = Place::with_config(&format!("[http]\ntokens = [\"{CANARY}\"]\nvisibility = \"no\"\n"));
    says_nothing(&["check-config", &place.config_path().display().to_string()], &[]);
}

#[test]
fn a_daemon_repeats_neither_the_password_of_its_store_nor_a_token() {
    let token = format!("{CANARY}-of-sixteen-or-more");
    let mut place = Place::with_config(&format!("[http]\ntokens = [{token:?}]\nvisibility = \"token\"\n"));
    place.store_at("redis://u:c4n4ry@127.0.0.1:1");
    let mut daemon = place.start("serve", &["--log-level", "trace"]);
    let says = |path: &str, header: &str| {
        let answer = http::request("GET", place.addr(), path, &[("Authorization", header)], b"");
        answer.text().to_owned()
    };
    wait_until("the store is missed", PATIENCE, || says("/readyz", "").contains("127.0.0.1:1"));
    let right = format!("Bearer {token}");
    for header in [right.as_str(), "Bearer c4n4ry", "c4n4ry", "Basic c4n4ry"] {
        for path in ["/readyz", "/metrics", "/", "/api/v1/top", "/hits", "/badge/a.svg", "/nothing"] {
            let said = says(path, header);
            assert!(!said.contains(CANARY), "{path}: {said}");
            says(&format!("{path}?token={token}"), header);
        }
    }
    for command in [&["show", "a"][..], &["store", "adopt"], &["top"], &["check-config"], &["nginx-conf"]] {
        let ran = place.run(command);
        assert!(!ran.stdout.contains(CANARY) && !ran.stderr.contains(CANARY), "{ran:?}");
    }
    daemon.sigterm();
    daemon.wait(PATIENCE);
    for said in [daemon.stdout(), daemon.stderr()] {
        let line = said.lines().find(|line| line.contains(CANARY));
        assert_eq!(line, None);
    }
}
