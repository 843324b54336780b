//! What to write instead of a logo that does not exist: the name that was probably meant, or why there is none. Called
//! for errors about the parameter `logo`; draws nothing.

use super::logo_file::slug;

/// More letters are not looked at: every one costs 74 searches.
const LONGEST: usize = 24;

/// What people call them, and what simple-icons does.
const OTHERWISE: [(&str, &str); 19] = [
    ("bash", "gnubash"),
    ("cpp", "cplusplus"),
    ("cs", "dotnet"),
    ("gcp", "googlecloud"),
    ("golang", "go"),
    ("js", "javascript"),
    ("k8s", "kubernetes"),
    ("mastadon", "mastodon"),
    ("next", "nextdotjs"),
    ("node", "nodedotjs"),
    ("nuxtjs", "nuxt"),
    ("postgres", "postgresql"),
    ("psql", "postgresql"),
    ("py", "python"),
    ("reactjs", "react"),
    ("tailwind", "tailwindcss"),
    ("tf", "terraform"),
    ("ts", "typescript"),
    ("vue", "vuedotjs"),
];

/// simple-icons had them, and their owners asked it to take them out. With what comes near, if anything does.
const REMOVED: [(&str, Option<&str>); 20] = [
    ("adobe", None),
    ("amazon", None),
    ("amazonaws", None),
    ("aws", None),
    ("azure", None),
    ("csharp", Some("dotnet")),
    ("heroku", None),
    ("java", Some("openjdk")),
    ("linkedin", None),
    ("microsoft", None),
    ("microsoftazure", None),
    ("openai", None),
    ("oracle", None),
    ("playwright", None),
    ("skype", None),
    ("slack", None),
    ("twitter", Some("x")),
    ("visualstudiocode", Some("vscodium")),
    ("vscode", Some("vscodium")),
    ("windows", None),
];

/// The end of a message about `logo=TEXT`, which is no logo.
#[must_use]
pub fn logo_hint(text: &str) -> String {
    let name = slug(text);
    if text.contains("://") || text.starts_with("//") {
        return "addresses are not fetched: use a data: URI".to_owned();
    }
    if let Some((_, near)) = REMOVED.iter().find(|(removed, _)| *removed == name) {
        return match near {
            Some(near) => format!("removed by its owner: use {near} or a data: URI"),
            None => "removed by its owner: use a data: URI".to_owned(),
        };
    }
    match meant(&name) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "unknown icon; names are at simpleicons.org".to_owned(),
    }
}

fn meant(name: &str) -> Option<String> {
    if let Some((_, known)) = OTHERWISE.iter().find(|(other, _)| *other == name) {
        return Some((*known).to_owned());
    }
    if !(3..=LONGEST).contains(&name.len()) {
        return None;
    }
    // `nodejs` is Node.js there.
    let ends = ["js", "io", "net", "ai", "dev", "org", "com", "app"];
    let dotted = ends.iter().filter_map(|end| Some(format!("{}dot{end}", name.strip_suffix(end)?)));
    let whole = ends.iter().map(|end| format!("{name}dot{end}"));
    dotted.chain(one_edit(name)).chain(whole).find(|slug| simpleicons_rs::slug(slug).is_some())
}

/// Every word that is one edit away, or two swapped letters. The names themselves cannot be listed.
fn one_edit(name: &str) -> Vec<String> {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
    let mut words = Vec::new();
    // A slug is ASCII.
    for at in 0..=name.len() {
        let (before, behind) = name.split_at(at);
        let rest = behind.get(1..);
        words.extend(LETTERS.chars().map(|letter| format!("{before}{letter}{behind}")));
        words.extend(rest.map(|rest| format!("{before}{rest}")));
        words.extend(
            rest.iter().flat_map(|rest| LETTERS.chars().map(move |letter| format!("{before}{letter}{rest}"))),
        );
        if let (Some(two), Some(rest)) = (behind.get(..2), behind.get(2..)) {
            words.push(format!("{before}{}{}{rest}", &two[1..], &two[..1]));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_lead_to_icons() {
        for (text, hint) in [
            ("nodejs", "did you mean nodedotjs?"),
            ("Next", "did you mean nextdotjs?"),
            ("gihub", "did you mean github?"),
            ("gthub", "did you mean github?"),
            ("dokcer", "did you mean docker?"),
            ("golang", "did you mean go?"),
            ("vscode", "removed by its owner: use vscodium or a data: URI"),
            ("Twitter", "removed by its owner: use x or a data: URI"),
            ("linkedin", "removed by its owner: use a data: URI"),
            ("https://example.org/a.png", "addresses are not fetched: use a data: URI"),
            ("zzzzzz", "unknown icon; names are at simpleicons.org"),
            ("", "unknown icon; names are at simpleicons.org"),
            ("点", "unknown icon; names are at simpleicons.org"),
        ] {
            assert_eq!(logo_hint(text), hint, "{text}");
        }
        let known = |slug: &str| simpleicons_rs::slug(slug).is_some();
        for (other, slug) in OTHERWISE {
            assert!(known(slug), "{other}: {slug}");
        }
        for (removed, near) in REMOVED {
            assert!(!known(removed) && near.is_none_or(known), "{removed}");
        }
    }
}
