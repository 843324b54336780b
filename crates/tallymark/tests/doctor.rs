//! `tallymark doctor` beside a real nginx: a set-up that is well, and one mistake at a time.

use crate::common::{PATIENCE, Place, program};
use serde_json::Value;
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, process::Command};
use tallymark_testbed::{Nginx, Redis, http, temp_dir, wait_until};

/// What doctor finds, by check, as far as it is not well.
struct Found {
    code: Option<i32>,
    wrong: BTreeMap<String, (String, String)>,
    checks: Vec<String>,
}

impl Found {
    #[track_caller]
    fn is(&self, check: &str, verdict: &str, part: &str) {
        let found = self.wrong.get(check);
        let is = found.is_some_and(|(is, text)| is == verdict && text.contains(part));
        assert!(is, "{check} should be {verdict} with {part:?}: {:?}", self.wrong);
        assert_eq!(self.code == Some(0), self.wrong.values().all(|(is, _)| is != "FAIL"), "{:?}", self.wrong);
    }
}

/// Asks nginx for the badge of a public site.
fn doctor(place: &Place, nginx: &Nginx, more: &[&str]) -> Found {
    let url = format!("http://{}", nginx.addr());
    doctor_with(place, nginx, &[&["--url", &url, "--base-url", "https://hits.example.org"], more].concat())
}

/// Runs it, with an `nginx` on the path that has this configuration.
fn doctor_with(place: &Place, nginx: &Nginx, args: &[&str]) -> Found {
    let bin = temp_dir();
    let script = bin.path().join("nginx");
    let conf = nginx.dir().join("nginx.conf");
    fs::write(&script, format!("#!/bin/sh\nexec /usr/sbin/nginx -c {} \"$@\"\n", conf.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program());
    command.args(["doctor", "--json"]).args(place.flags()).args(place.listen_flags());
    let ran = command.args(args).env_clear().env("PATH", path).output().unwrap();
    let answer: Value = serde_json::from_slice(&ran.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr)));
    let checks = answer["checks"].as_array().unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let wrong = checks.iter().filter(|finding| finding["verdict"] != "PASS");
    // What this machine's kernel grants is not ours to say.
    let wrong = wrong.filter(|finding| finding["check"] != "syslog-udp" && finding["check"] != "syslog-unix");
    Found {
        code: ran.status.code(),
        wrong: wrong.map(|it| (text(it, "check"), (text(it, "verdict"), text(it, "text")))).collect(),
        checks: checks.iter().map(|finding| text(finding, "check")).collect(),
    }
}

/// A place whose directories nginx's user can enter.
fn open(place: Place) -> Place {
    fs::set_permissions(place.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    place
}

fn edit(nginx: &mut Nginx, from: &str, to: &str) {
    let conf = nginx.dir().join("nginx.conf");
    let text = fs::read_to_string(&conf).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(&conf, text.replace(from, to)).unwrap();
    nginx.reload();
}

#[test]
fn set_up_that_is_well_passes_with_both_stores() {
    let redis = Redis::builder().appendonly().start();
    for place in [Place::new(), Place::with_store(redis.url())] {
        let place = open(place);
        let _daemon = place.serve();
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        let nginx = place.nginx(&[]);
        let found = doctor(&place, &nginx, &[]);
        assert_eq!((found.code, &found.wrong), (Some(0), &BTreeMap::new()));
        for check in [
            "data-dir", "access", "nginx", "store", "daemon", "badge", "caching", "line", "count", "file",
            "served",
        ] {
            assert!(found.checks.iter().any(|it| it == check), "{check}: {:?}", found.checks);
        }
        assert_eq!(place.total("tallymark/doctor"), 1);
        for (flag, url, says) in [
            (
                "--base-url",
                "http://localhost:8080",
                "base-url is http://localhost:8080, which is not a public address",
            ),
            (
                "--url",
                "https://public.example",
                "there is no base-url, so pages and texts to copy begin with http://localhost",
            ),
            ("--url", "https://public.example", ", and not with https://public.example"),
        ] {
            doctor_with(&place, &nginx, &["--no-probe", flag, url]).is("address", "WARN", says);
        }
        assert_eq!(place.total("tallymark/doctor"), 1, "nothing was sent");
    }
}

#[test]
fn every_mistake_of_nginx_is_found() {
    let place = open(Place::new());
    let _daemon = place.serve();
    let mut nginx = place.nginx(&[]);
    let good = fs::read_to_string(nginx.dir().join("nginx.conf")).unwrap();
    let syslog = format!("127.0.0.1:{}", place.udp);
    let log = good.lines().find(|line| line.contains("access_log syslog:")).unwrap().to_owned();
    let badges = "location ~ \"(?s)^/badge(";
    let closed = format!("location = /badge.svg {{ return 404; }}\n{badges}");
    let moved = format!("location = /badge.svg {{ return 301 https://example.org/; }}\n{badges}");
    for (from, to, check, verdict, part) in [
        (&*syslog, "127.0.0.1:9", "line", "FAIL", "no line"),
        (&*syslog, "127.0.0.1:9", "nginx", "FAIL", "logs no badge to"),
        ("no-store", "public", "nginx", "WARN", "the first: add_header Cache-Control"),
        ("\"$msec\",", "", "line", "FAIL", "rejected: columns"),
        (&log, &format!("{log}\n{log}"), "count", "FAIL", "2 more of tallymark/doctor, and only 1 sent"),
        ("no-store", "public", "caching", "FAIL", "keeps a copy"),
        (badges, &*closed, "badge", "FAIL", "404"),
        (badges, &*moved, "badge", "FAIL", "redirected"),
    ] {
        edit(&mut nginx, from, to);
        doctor(&place, &nginx, &[]).is(check, verdict, part);
        fs::write(nginx.dir().join("nginx.conf"), &good).unwrap();
    }
}

#[test]
fn closed_directory_and_stopped_daemon_are_found() {
    let place = open(Place::new());
    let mut daemon = place.serve();
    let nginx = place.nginx(&[]);
    fs::set_permissions(place.data_dir(), fs::Permissions::from_mode(0o700)).unwrap();
    let found = doctor(&place, &nginx, &["--no-probe"]);
    // The workers of this nginx may be the owner of the directory.
    if tallymark_testbed::is_root() {
        found.is("access", "FAIL", &place.data_dir().display().to_string());
    }
    crate::common::stop(&mut daemon);
    doctor(&place, &nginx, &[]).is("daemon", "FAIL", "cannot reach the daemon");
}

#[test]
fn redis_that_forgets_is_found() {
    let redis = Redis::builder().start();
    let place = open(Place::with_store(redis.url()));
    let _daemon = place.serve();
    let nginx = place.nginx(&[]);
    redis.cli(&["config", "set", "maxmemory-policy", "allkeys-lru"]);
    let found = doctor(&place, &nginx, &["--no-probe"]);
    found.is("redis", "FAIL", "deletes counts");
    found.is("appendonly", "WARN", "no append-only file");
}
