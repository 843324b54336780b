//! Alert rules and the dashboard in deploy/: Prometheus' own tool reads them, they name only metrics that there are, and
//! the manual explains every alert.

use crate::common::{PATIENCE, Place};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tallymark_testbed::{http, temp_dir, wait_until};

fn deploy(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy")).join(path)
}

fn rules() -> String {
    fs::read_to_string(deploy("prometheus/tallymark.rules.yml")).unwrap()
}

#[track_caller]
fn promtool(args: &[&str]) {
    let ran = Command::new("promtool").args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ran.status.success(), "promtool {args:?}: {}{}", text(&ran.stdout), text(&ran.stderr));
}

/// Names of our metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = text.split(|c: char| !is_word(c)).filter(|word| word.starts_with("tallymark_"));
    words.map(str::to_owned).collect()
}

/// What the dashboard asks Prometheus for.
fn queries() -> Vec<String> {
    fn collect(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                found.extend(fields.get("expr").map(|expr| expr.as_str().unwrap().to_owned()));
                fields.values().for_each(|value| collect(value, found));
            }
            serde_json::Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let dashboard = fs::read(deploy("grafana/tallymark.json")).unwrap();
    let mut found = Vec::new();
    collect(&serde_json::from_slice(&dashboard).unwrap(), &mut found);
    assert!(found.len() > 10, "{found:?}");
    found
}

#[test]
fn rules_fire_when_they_should_and_only_then() {
    promtool(&["check", "rules", deploy("prometheus/tallymark.rules.yml").to_str().unwrap()]);
    let dir = temp_dir();
    let tests = dir.path().join("tests.yml");
    let text = include_str!("alerts.yml")
        .replace("RULES", deploy("prometheus/tallymark.rules.yml").to_str().unwrap());
    fs::write(&tests, &text).unwrap();
    promtool(&["test", "rules", tests.to_str().unwrap()]);
    for alert in alerts() {
        assert!(text.contains(&format!("alertname=\"{alert}\"")), "no test makes {alert} fire");
    }
}

fn alerts() -> Vec<String> {
    let rules = rules();
    let alerts: Vec<String> =
        rules.lines().filter_map(|line| Some(line.trim().strip_prefix("- alert: ")?.to_owned())).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    alerts
}

#[test]
fn manual_says_what_to_do_at_each_alert() {
    let page = include_str!("../src/help/alerts.md");
    let explained = page.lines().filter_map(|line| line.strip_prefix("## ").map(str::to_owned));
    assert_eq!(explained.collect::<Vec<_>>(), alerts(), "in the order of the rules");
}

#[test]
fn every_metric_that_is_asked_for_is_there() {
    let place = Place::new();
    let _daemon = place.serve();
    // A histogram and the counters of a source appear with the first of them.
    assert_eq!(place.hit("a/b"), 1);
    wait_until("the badge is published", PATIENCE, || place.published("a/b") == Some(1));
    let answer = http::get(place.addr(), "/metrics");
    let types = answer.text().lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let there: BTreeSet<String> = types
        .flat_map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let ends: &[&str] = match kind {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                "info" => &["_info"],
                _ => &[""],
            };
            ends.iter().map(move |end| format!("{name}{end}"))
        })
        .collect();
    let page = include_str!("../src/help/alerts.md");
    let asked = metrics_in(&(rules() + &queries().concat() + page));
    let missing: Vec<&String> = asked.difference(&there).collect();
    assert!(asked.len() > 20 && missing.is_empty(), "{missing:?}");
}

#[test]
fn queries_of_the_dashboard_are_well_formed() {
    let dir = temp_dir();
    let file = dir.path().join("queries.yml");
    let rule = |(at, query): (usize, &String)| {
        let query =
            query.replace("$__rate_interval", "5m").replace("$__range", "24h").replace("$instance", ".*");
        format!("      - record: query:{at}\n        expr: {}\n", serde_json::to_string(&query).unwrap())
    };
    let all: String = queries().iter().enumerate().map(rule).collect();
    fs::write(&file, format!("groups:\n  - name: queries\n    rules:\n{all}")).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()]);
}
