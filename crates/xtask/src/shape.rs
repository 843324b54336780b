//! Rules of the source that the compiler does not check, enforced by `cargo xtask edges`: a type name means one thing
//! in all shipped crates, and no two modules import each other.
//!
//! Only `use crate::` counts as an import: a child uses its parent through `super::` when a module is split into files.
//! Both lists below say what is still wrong. An entry that is no longer needed is an error too.

use anyhow::Context;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Crates that are not shipped.
const NOT_SHIPPED: [&str; 5] = ["bench", "fuzz", "soak", "testbed", "xtask"];

/// A command of the binary has the name that is typed.
const COMMAND: &str = "the command and what it shows";

/// Names that several types have, and why.
const SHARED: &[(&str, &str)] = &[("Health", COMMAND), ("Tail", COMMAND), ("Top", COMMAND)];

/// Crates that have cycles, and why.
const CIRCULAR: &[(&str, &str)] = &[];

/// One file of a crate.
struct Module {
    /// `web` of `crates/web`.
    room: String,
    /// Without `crate::`; empty for the root.
    path: String,
    /// Without its tests.
    text: String,
}

/// What is wrong in the workspace at `root`.
pub(crate) fn wrong(root: &Path) -> anyhow::Result<Vec<String>> {
    let modules = modules(root)?;
    Ok([shared(&modules, SHARED), circular(&modules, CIRCULAR)].concat())
}

fn modules(root: &Path) -> anyhow::Result<Vec<Module>> {
    let mut modules = Vec::new();
    for room in entries(&root.join("crates"))? {
        let name = room.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let source = room.join("src");
        if NOT_SHIPPED.contains(&name.as_str()) || !source.is_dir() {
            continue;
        }
        let mut open = vec![source.clone()];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(entries(&path)?);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let inside =
                    path.strip_prefix(&source)?.with_extension("").to_string_lossy().replace('/', "::");
                let inside = inside.strip_suffix("::mod").unwrap_or(&inside);
                let inside = if matches!(inside, "lib" | "main" | "mod") { "" } else { inside };
                if inside.split("::").any(|part| part == "tests") {
                    continue;
                }
                let text =
                    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
                modules.push(Module { room: name.clone(), path: inside.to_owned(), text });
            }
        }
    }
    Ok(modules)
}

fn entries(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Types with a name that another has.
fn shared(modules: &[Module], allowed: &[(&str, &str)]) -> Vec<String> {
    let mut types: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for Module { room, path, text } in modules {
        for name in text.lines().filter_map(type_name) {
            types.entry(name).or_default().push(format!("{room}::{path}"));
        }
    }
    let shared: BTreeMap<&str, Vec<String>> = types.into_iter().filter(|(_, at)| at.len() > 1).collect();
    let found = shared.iter().filter(|(name, _)| allowed.iter().all(|(known, _)| known != *name));
    let mut wrong: Vec<String> =
        found.map(|(name, at)| format!("{name} is the name of several types: {}", at.join(", "))).collect();
    let gone = allowed.iter().filter(|(known, _)| !shared.contains_key(known));
    wrong.extend(gone.map(|(name, _)| {
        format!("{name} is the name of one type: take it off SHARED in xtask/src/shape.rs")
    }));
    wrong
}

/// The name of the type that a line at the top level defines.
fn type_name(line: &str) -> Option<&str> {
    let item = match line.strip_prefix("pub") {
        Some(rest) => rest.split_once(' ').filter(|(scope, _)| scope.is_empty() || scope.ends_with(')'))?.1,
        None => line,
    };
    let (kind, rest) = item.split_once(' ')?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    ["struct", "enum", "trait", "type", "union"].contains(&kind).then(|| &rest[..end])
}

/// The shortest cycle of each module that is in one, each cycle once.
fn circular(modules: &[Module], allowed: &[(&str, &str)]) -> Vec<String> {
    let mut circles: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let rooms: BTreeSet<&str> = modules.iter().map(|module| module.room.as_str()).collect();
    for room in rooms {
        let inside = || modules.iter().filter(|module| module.room == room);
        let paths: BTreeSet<&str> = inside().map(|module| module.path.as_str()).collect();
        let imports = |module: &Module| {
            let found = imports(&module.text).into_iter().map(|import| module_of(&import, &paths).to_owned());
            found.filter(|path| *path != module.path).collect()
        };
        let graph: BTreeMap<&str, BTreeSet<String>> =
            inside().map(|module| (module.path.as_str(), imports(module))).collect();
        for start in paths {
            if let Some(circle) = circle(&graph, start) {
                circles.entry(room).or_default().insert(circle);
            }
        }
    }
    let gone = allowed.iter().filter(|(room, _)| !circles.contains_key(room));
    let mut wrong: Vec<String> = gone
        .map(|(room, _)| format!("{room} has no circle: take it off CIRCULAR in xtask/src/shape.rs"))
        .collect();
    for (room, circles) in circles.iter().filter(|(room, _)| allowed.iter().all(|(known, _)| known != *room))
    {
        wrong.extend(circles.iter().map(|circle| format!("{room}: import circle {circle}")));
    }
    wrong
}

/// What `use crate::...;` names, each without `crate::`.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let starts = text.match_indices("use crate::").filter(|(at, _)| {
        let line = text[..*at].rsplit('\n').next().unwrap_or_default().trim_start();
        line.is_empty() || line.starts_with("pub")
    });
    for (at, start) in starts {
        let tree: String =
            text[at + start.len()..].split(';').next().unwrap_or_default().split_whitespace().collect();
        expand("", &tree, &mut found);
    }
    found
}

/// `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(before: &str, tree: &str, found: &mut Vec<String>) {
    let Some(open) = tree.find('{') else {
        found.push(format!("{before}{tree}"));
        return;
    };
    let before = format!("{before}{}", &tree[..open]);
    let inner = tree[open + 1..].strip_suffix('}').unwrap_or(&tree[open + 1..]);
    let (mut depth, mut start) = (0usize, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                if start < at {
                    expand(&before, &inner[start..at], found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The module that an import comes from: the longest beginning of its path that is one.
fn module_of<'a>(import: &'a str, paths: &BTreeSet<&str>) -> &'a str {
    let mut path = import;
    while !paths.contains(path) {
        path = path.rfind("::").map_or("", |at| &path[..at]);
        if path.is_empty() {
            break;
        }
    }
    path
}

/// The shortest way from a module back to itself, from its first module in the order of letters.
fn circle(graph: &BTreeMap<&str, BTreeSet<String>>, start: &str) -> Option<String> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way.last().and_then(|last| graph.get(last.as_str())).into_iter().flatten() {
                if next == start {
                    return Some(in_order(&way));
                }
                if seen.insert(next.clone()) {
                    longer.push([way.as_slice(), std::slice::from_ref(next)].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

fn in_order(circle: &[String]) -> String {
    let first = (0..circle.len()).min_by_key(|&at| &circle[at]).unwrap_or(0);
    let names = circle.iter().cycle().skip(first).take(circle.len() + 1);
    let names: Vec<&str> = names.map(|name| if name.is_empty() { "crate" } else { name }).collect();
    names.join(" -> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(room: &str, path: &str, text: &str) -> Module {
        Module { room: room.to_owned(), path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn one_name_is_one_type() {
        let modules = [
            module("a", "x", "pub(crate) struct One<'a> {\nimpl One {\n    struct Two;"),
            module("b", "", "enum One {\ntype Two = u8;\npublic struct Three"),
        ];
        assert_eq!(shared(&modules, &[]), ["One is the name of several types: a::x, b::"]);
        assert_eq!(shared(&modules, &[("One", "")]), [""; 0]);
        assert!(shared(&modules, &[("One", ""), ("Two", "")])[0].contains("take it off"));
    }

    #[test]
    fn circles_are_found_and_told_once() {
        let modules = [
            module("a", "", "pub use crate::x::X;"),
            module("a", "x", "use crate::{\n    y::{deep::Z, Y},\n    Unknown,\n};"),
            module("a", "y", "fn f() {\n    use crate::z::f;\n}"),
            module("a", "y::deep", "// use crate::x::X;"),
            module("a", "z", "use crate::x::X;"),
            module("b", "x", "use crate::y;\nuse super::z;"),
            module("b", "y", ""),
        ];
        assert_eq!(
            circular(&modules, &[]),
            ["a: import circle crate -> x -> crate", "a: import circle x -> y -> z -> x"]
        );
        assert_eq!(circular(&modules, &[("a", "")]), [""; 0]);
        assert!(circular(&modules, &[("a", ""), ("b", "")])[0].contains("take it off"));
    }
}
