//! `cargo xtask edges`: the dependencies between the crates, from `cargo metadata`, and the [shape] of their source.
//!
//! The table below is the design. A new crate needs a row, and a new dependency a change here, where a reviewer sees
//! it.

use crate::{run, shape};
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A crate and the crates it may depend on, including dev-dependencies.
const ROOMS: &[(&str, May)] = &[
    ("tallymark-core", May::See(&[])),
    ("tallymark-badge", May::See(&["core"])),
    ("tallymark-testbed", May::See(&[])),
    ("tallymark-store", May::See(&["core"])),
    ("tallymark-rankings", May::See(&["core", "store"])),
    ("tallymark-github", May::See(&["core", "store", "badge"])),
    ("tallymark-news", May::See(&["core", "store", "badge", "github"])),
    ("tallymark-ingest", May::See(&["core", "store"])),
    ("tallymark-publish", May::See(&["core", "store", "badge", "github"])),
    ("tallymark-web", May::See(&["core", "store", "badge", "rankings", "github", "news"])),
    ("tallymark", May::SeeAll),
    ("tallymark-bench", May::SeeAll),
    ("tallymark-fuzz", May::SeeAll),
    // Scenarios see a daemon from outside; of ours they need names and a look into the store.
    ("tallymark-soak", May::See(&["core", "store"])),
    ("xtask", May::See(&[])),
];

enum May {
    See(&'static [&'static str]),
    SeeAll,
}

/// Crates without I/O and async, and what they must not depend on, not even through another library.
const PURE: &[&str] = &["tallymark-core", "tallymark-badge"];
const IMPURE: &[&str] = &["tokio", "redis", "rusqlite", "notify", "hyper", "socket2"];

/// Crates that exist only for tests: a shipped crate has them as a dev-dependency or not at all.
const FOR_TESTS: &[&str] = &["tallymark-testbed", "tallymark-soak"];
/// Programs built on them.
const NOT_SHIPPED: &[&str] = &["tallymark-bench", "tallymark-soak"];

/// Checks the edges and the reasons in the top Cargo.toml.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    run::no_arguments(args)?;
    let output =
        run::cargo(&["metadata", "--format-version", "1"])?.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is JSON")?;
    let manifest =
        std::fs::read_to_string(run::root()?.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let rooms = rooms(&metadata);
    let wrong = [
        wrong_edges(&rooms),
        impurities(&metadata),
        unexplained(&manifest),
        shape::wrong(&run::root()?)?,
        unsafe_files()?,
    ]
    .concat();
    if wrong.is_empty() {
        println!("{} rooms: no wrong edge, no new import circle, no new name for two types", rooms.len());
        return Ok(());
    }
    bail!("{}", wrong.join("\n"));
}

/// The files that may allow unsafe code, which the workspace denies. The last two do not ship.
const UNSAFE: [&str; 3] =
    ["crates/ingest/src/recv.rs", "crates/bench/src/wire.rs", "crates/ingest/tests/allocations.rs"];

/// Every other file that allows it.
fn unsafe_files() -> anyhow::Result<Vec<String>> {
    // In two parts, or this file would be one of them.
    let lint = concat!("unsafe", "_code");
    let output = std::process::Command::new("git")
        .args(["grep", "--untracked", "-l", lint, "--", "*.rs"])
        .current_dir(run::root()?)
        .output()
        .context("cannot start git")?;
    let files = String::from_utf8_lossy(&output.stdout);
    if !UNSAFE.iter().all(|file| files.contains(file)) {
        bail!("git grep does not find {UNSAFE:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let others = files.lines().filter(|file| !UNSAFE.contains(file));
    Ok(others.map(|file| format!("{file}: unsafe code has its place in ingest::recv")).collect())
}

/// One dependency of a crate on another crate of the workspace.
struct Edge {
    to: String,
    dev: bool,
}

/// Every crate of the workspace with its dependencies.
fn rooms(metadata: &Value) -> BTreeMap<String, Vec<Edge>> {
    let packages = items(&metadata["packages"]).filter(|package| package["source"].is_null());
    let edges = |package: &Value| {
        let own = items(&package["dependencies"]).filter(|dependency| !dependency["path"].is_null());
        own.map(|dep| Edge { to: text(&dep["name"]).to_owned(), dev: dep["kind"] == "dev" }).collect()
    };
    packages.map(|package| (text(&package["name"]).to_owned(), edges(package))).collect()
}

fn wrong_edges(rooms: &BTreeMap<String, Vec<Edge>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (room, edges) in rooms {
        let Some((_, may)) = ROOMS.iter().find(|(name, _)| name == room) else {
            wrong.push(format!("{room}: the table in xtask/src/edges.rs has no such room"));
            continue;
        };
        for Edge { to, dev } in edges {
            if FOR_TESTS.contains(&to.as_str()) {
                // What the bench and the soak start are the same real servers, and they are not shipped either.
                if !dev && !NOT_SHIPPED.contains(&room.as_str()) {
                    wrong.push(format!("{room} -> {to}: only as a dev-dependency"));
                }
            } else if !allowed(may, to) {
                wrong.push(format!("{room} -> {to}: no edge that ROOMS in xtask/src/edges.rs allows"));
            }
        }
    }
    wrong
}

fn allowed(may: &May, to: &str) -> bool {
    match may {
        May::SeeAll => true,
        May::See(rooms) => to.strip_prefix("tallymark-").is_some_and(|to| rooms.contains(&to)),
    }
}

/// What reaches the pure crates through any chain of libraries; tests and build scripts do not matter.
fn impurities(metadata: &Value) -> Vec<String> {
    let nodes: BTreeMap<&str, &Value> =
        items(&metadata["resolve"]["nodes"]).map(|node| (text(&node["id"]), node)).collect();
    let names: BTreeMap<&str, &str> =
        items(&metadata["packages"]).map(|it| (text(&it["id"]), text(&it["name"]))).collect();
    let mut wrong = Vec::new();
    for (id, room) in names.iter().filter(|(_, name)| PURE.contains(name)) {
        let mut seen = BTreeSet::new();
        let mut open = vec![*id];
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let deps = items(&nodes.get(id).unwrap_or(&&Value::Null)["deps"]);
            let normal = deps.filter(|dep| items(&dep["dep_kinds"]).any(|kind| kind["kind"].is_null()));
            open.extend(normal.map(|dep| text(&dep["pkg"])));
        }
        let reached: BTreeSet<&str> = seen.iter().filter_map(|id| names.get(id).copied()).collect();
        let impure = IMPURE.iter().filter(|name| reached.contains(*name));
        wrong.extend(impure.map(|name| format!("{room} -> {name}: it does no I/O and no async")));
    }
    wrong
}

/// Dependencies of the workspace without a reason in a comment on their line. Our own crates need none.
fn unexplained(manifest: &str) -> Vec<String> {
    let table = manifest.lines().skip_while(|line| line.trim() != "[workspace.dependencies]").skip(1);
    let lines = table.take_while(|line| !line.starts_with('[')).map(str::trim);
    let dependencies = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let bare = dependencies.filter(|line| !line.contains("path = ") && reason(line).is_empty());
    bare.map(|line| format!("Cargo.toml: no reason (`# why`) on this line: {line}")).collect()
}

/// The comment of a TOML line: what follows the first `#` outside quotes.
fn reason(line: &str) -> &str {
    let mut quoted = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'#' if !quoted => return line[at + 1..].trim(),
            _ => {}
        }
    }
    ""
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The complaints about one crate with one dependency.
    #[track_caller]
    fn check(room: &str, to: &str, kind: Value, expect: &str) {
        let dependency = json!({"name": to, "kind": kind, "path": "/x"});
        let metadata = json!({"packages": [{"name": room, "source": null, "dependencies": [dependency]}]});
        let wrong = wrong_edges(&rooms(&metadata)).join("\n");
        assert!(if expect.is_empty() { wrong.is_empty() } else { wrong.contains(expect) }, "{wrong:?}");
    }

    #[test]
    fn store_sees_core() {
        check("tallymark-store", "tallymark-core", Value::Null, "");
    }

    #[test]
    fn core_sees_nothing() {
        check("tallymark-core", "tallymark-store", Value::Null, "tallymark-core -> tallymark-store: no edge");
    }

    #[test]
    fn web_and_publish_do_not_see_each_other_not_even_in_tests() {
        check("tallymark-web", "tallymark-publish", json!("dev"), "no edge");
        check("tallymark-publish", "tallymark-web", Value::Null, "no edge");
    }

    #[test]
    fn nothing_points_back_to_the_binary() {
        check("tallymark-web", "tallymark", Value::Null, "no edge");
    }

    #[test]
    fn testbed_is_for_tests() {
        let testbed = "tallymark-testbed";
        check("tallymark-store", testbed, json!("dev"), "");
        check("tallymark", testbed, Value::Null, "only as a dev-dependency");
        check("tallymark", "tallymark-soak", Value::Null, "only as a dev-dependency");
        check("tallymark-bench", testbed, Value::Null, "");
        check("tallymark-soak", testbed, Value::Null, "");
    }

    #[test]
    fn new_room_needs_a_row() {
        check("tallymark-attic", "tallymark-core", Value::Null, "no such room");
    }

    #[test]
    fn impurity_is_found_behind_another_library() {
        let node = |id: &str, to: &str, kind: Value| json!({"id": id, "deps": [{"pkg": to, "dep_kinds": [{"kind": kind}]}]});
        let package = |name: &str| json!({"id": name, "name": name});
        let packages = json!([package("tallymark-core"), package("mid"), package("tokio")]);
        let metadata = |kind: Value| {
            let nodes = json!([node("tallymark-core", "mid", Value::Null), node("mid", "tokio", kind)]);
            json!({"packages": packages, "resolve": {"nodes": nodes}})
        };
        assert_eq!(
            impurities(&metadata(Value::Null)),
            ["tallymark-core -> tokio: it does no I/O and no async"]
        );
        assert_eq!(impurities(&metadata(json!("dev"))), [""; 0]);
    }

    #[test]
    fn every_dependency_says_why() {
        let manifest = "[workspace]\nx = 1\n[workspace.dependencies]\n# ours\nown = { path = \"own\" }\n\
                        a = \"1\" # because\nb = { version = \"1\", features = [\"x#y\"] }\nc = \"1\" #\n\n\
                        [workspace.lints]\nd = \"2\"\n";
        let wrong = unexplained(manifest);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].contains("b = {") && wrong[1].contains("c = "));
    }
}
