//! The Dockerfile and the compose files in deploy/: they name what exists, and the commands in them count and publish.
//!
//! No container engine runs here. The commands run as they are written, with the image's environment; only addresses and
//! directories are the test's own.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

mod common;

use common::{program, said};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tallymark_testbed::{Daemon, PATIENCE, Redis, free_tcp_port, free_udp_port, http, temp_dir, wait_until};

const COMPOSE: [&str; 2] = ["compose.yaml", "compose-nginx.yaml"];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// A compose file as JSON.
fn compose(file: &str) -> Value {
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let read = said(Command::new("python3").args(["-c", script]).arg(deploy().join(file)));
    serde_json::from_str(&read).unwrap()
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// The instructions of the Dockerfile, a word and the rest, with continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string(deploy().join("Dockerfile")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let split =
        |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()));
    joined.lines().filter_map(split).collect()
}

/// What the last stage says with an instruction.
fn image(word: &str) -> String {
    let all = instructions();
    let last = all.iter().rposition(|(word, _)| word == "FROM").unwrap();
    all[last..].iter().find(|(named, _)| named == word).unwrap_or_else(|| panic!("no {word}")).1.clone()
}

fn json(text: &str) -> Vec<String> {
    words(&serde_json::from_str(text).unwrap())
}

#[test]
fn image_is_empty_but_for_the_program_and_runs_as_nobody_special() {
    assert_eq!(image("FROM"), "scratch");
    let user = image("USER");
    assert!(user.split(':').all(|id| id.parse::<u32>().unwrap() > 1000), "{user}");
    assert_eq!(json(&image("ENTRYPOINT")), ["/usr/bin/tallymark"]);
    let probe = image("HEALTHCHECK");
    assert_eq!(json(probe.split("CMD ").nth(1).unwrap()), ["/usr/bin/tallymark", "health"]);
    // Where an ordinary user may write, and nowhere else.
    let owned = instructions().into_iter().find(|(_, rest)| rest.contains("--chown")).unwrap().1;
    assert!(owned.contains(&format!("--chown={user} ")) && owned.ends_with(" /var/lib/tallymark"), "{owned}");
    for dir in json(&image("VOLUME")) {
        assert!(environment(&Value::Null).values().any(|set| *set == dir), "{dir} is not where the state is");
    }
}

#[test]
fn image_is_built_with_our_toolchain_and_the_target_of_dist() {
    let all = instructions();
    let toolchain = fs::read_to_string(deploy().join("../rust-toolchain.toml")).unwrap();
    let channel = toolchain.split('"').nth(1).unwrap();
    assert!(all[0].1.starts_with(&format!("rust:{channel}-")), "{} and {channel}", all[0].1);
    let dist = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dist/mod.rs")).unwrap();
    let target = dist.split("target: \"").nth(1).unwrap().split('"').next().unwrap();
    let build = all.iter().find(|(_, rest)| rest.starts_with("cargo build")).unwrap();
    assert!(
        build.1.contains(&format!("--target {target} ")) && build.1.contains("--profile dist"),
        "{build:?}"
    );
}

#[test]
fn compose_files_name_what_exists_and_give_no_rights_away() {
    for file in COMPOSE {
        let all = compose(file);
        let mut used = Vec::new();
        for (name, service) in all["services"].as_object().unwrap() {
            if let Some(build) = service.get("build") {
                let context = deploy().join(build["context"].as_str().unwrap());
                assert!(context.join(build["dockerfile"].as_str().unwrap()).is_file(), "{file}: {name}");
            }
            for volume in words(service.get("volumes").unwrap_or(&Value::Array(Vec::new()))) {
                let (from, _) = volume.split_once(':').unwrap();
                if from.starts_with('.') {
                    assert!(deploy().join(from).is_file(), "{file}: {from}");
                } else {
                    used.push(from.to_owned());
                }
            }
            if service["image"] == "tallymark" {
                assert_eq!(service["read_only"], true, "{file}: {name}");
                assert_eq!(words(&service["cap_drop"]), ["ALL"], "{file}: {name}");
            }
        }
        used.sort();
        used.dedup();
        let mut made: Vec<String> = all["volumes"].as_object().unwrap().keys().cloned().collect();
        made.sort();
        assert_eq!(used, made, "{file}");
    }
}

/// What a service runs with: the image's environment, and its own.
fn environment(service: &Value) -> BTreeMap<String, String> {
    let image = image("ENV");
    let mut all: BTreeMap<String, String> = image
        .split_whitespace()
        .filter_map(|set| set.split_once('='))
        .map(|(a, b)| (a.into(), b.into()))
        .collect();
    for (name, value) in service.get("environment").and_then(Value::as_object).into_iter().flatten() {
        all.insert(name.clone(), value.as_str().unwrap().to_owned());
    }
    all.remove("PATH");
    all
}

/// The places of one test, in place of those of the containers.
struct Place {
    dir: tallymark_testbed::TempDir,
    port: u16,
    syslog: u16,
    redis: Option<Redis>,
}

impl Place {
    fn new(redis: Option<Redis>) -> Place {
        Place { dir: temp_dir(), port: free_tcp_port(), syslog: free_udp_port(), redis }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts a service of a compose file as it is written.
    fn start(&self, service: &Value) -> Daemon {
        let mut command = service.get("command").map_or_else(|| json(&image("CMD")), words);
        // Only sooner.
        command.iter_mut().filter(|word| *word == "10s").for_each(|word| "1s".clone_into(word));
        let mut daemon = Daemon::builder(program()).args(command);
        for (name, value) in self.variables(service) {
            daemon = daemon.env(name, value);
        }
        daemon.env("TALLYMARK_SYSLOG_UDP", format!("127.0.0.1:{}", self.syslog)).start()
    }

    fn variables(&self, service: &Value) -> BTreeMap<String, String> {
        let mut all = environment(service);
        for value in all.values_mut() {
            *value = value.replace("/var/lib/tallymark", self.dir.path().to_str().unwrap());
            *value = value.replace(":8080", &format!(":{}", self.port));
            if let Some(redis) = &self.redis {
                *value = value.replace("redis://redis:6379", &redis.url());
            }
        }
        all
    }

    /// The probe of the image says yes, and a view is counted and published.
    fn works(&self, service: &Value, daemon: &mut Daemon) {
        wait_until("the probe says that it is well", PATIENCE, || {
            assert!(daemon.is_running(), "it ended:\n{}", daemon.stderr());
            let mut probe = Command::new(program());
            probe.arg("health").envs(self.variables(service)).output().unwrap().status.success()
        });
        assert_eq!(http::get(self.address(), "/badge.svg?repo=you/repo").status, 200);
        let badge = self.dir.path().join("badges/you%2Frepo.svg");
        wait_until("the badge to be on disk", PATIENCE, || badge.exists());
    }
}

#[test]
fn one_process_counts_and_publishes() {
    let service = &compose(COMPOSE[0])["services"]["tallymark"];
    let place = Place::new(None);
    let mut daemon = place.start(service);
    place.works(service, &mut daemon);
}

#[test]
fn daemon_and_publisher_share_what_nginx_serves() {
    let services = &compose(COMPOSE[1])["services"];
    let place = Place::new(Some(Redis::start()));
    let mut daemon = place.start(&services["tallymark"]);
    let _publisher = place.start(&services["publisher"]);
    place.works(&services["tallymark"], &mut daemon);
    // nginx runs on the configuration as it is in the repository: its addresses are those of the daemon.
    let conf = fs::read_to_string(deploy().join("../nginx/tallymark.conf")).unwrap();
    let set = environment(&services["tallymark"]);
    assert!(conf.contains(&format!("server {};", set["TALLYMARK_LISTEN"])));
    assert!(conf.contains(&format!("root {};", set["TALLYMARK_BADGES_DIR"])));
    assert_eq!(services["nginx"]["network_mode"], "service:tallymark");
}
