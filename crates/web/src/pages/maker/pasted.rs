//! Text that people paste in place of a name: the address of a repository, the badge of another counter or of this
//! site, or a whole snippet. It is a name like any other and is counted unchanged; the page suggests the name that was
//! probably meant.

use crate::{name::from_bytes, query::decoded};
use tallymark_core::{Name, OtherBadge, OtherCounter, hits_sh_page, read_other_badge};

/// An address may be in a parameter of another, and in a snippet.
const DEPTH: u32 = 3;
/// How many addresses of a snippet are looked at, and how long a text may be: each may have others in it.
const MOST_ADDRESSES: usize = 4;
const LONGEST: usize = 8192;

/// Sites with repositories at `/OWNER/REPO`.
const FORGES: [&str; 9] = [
    "github.com",
    "gitlab.com",
    "codeberg.org",
    "bitbucket.org",
    "gitea.com",
    "gitee.com",
    "git.sr.ht",
    "sr.ht",
    "raw.githubusercontent.com",
];

/// What shields.io and badgen.net show of a repository, before its owner.
const SHOWN_OF_REPOSITORIES: [&str; 34] = [
    "actions",
    "checks-status",
    "code-size",
    "commit-activity",
    "commits-since",
    "contributors",
    "contributors-anon",
    "count",
    "created-at",
    "discussions",
    "downloads",
    "forks",
    "issues",
    "issues-closed",
    "issues-pr",
    "issues-pr-closed",
    "issues-raw",
    "languages",
    "last-commit",
    "license",
    "m",
    "release",
    "release-date",
    "repo-size",
    "size",
    "stars",
    "status",
    "tag",
    "top",
    "v",
    "w",
    "watchers",
    "workflow",
    "y",
];

/// The name that is usually counted where this was pasted; none if it is that name, or nothing that is known. `base` is
/// the address of this site.
pub(in crate::pages) fn usual_name(pasted: &str, base: &str) -> Option<Name> {
    let pasted = pasted.trim();
    let found = Some(pasted).filter(|text| text.len() <= LONGEST)?;
    let found = Pasted { base, depth: 0 }.name(found)?;
    from_bytes(found.as_bytes()).ok().filter(|name| name.as_str() != pasted)
}

#[derive(Clone, Copy)]
struct Pasted<'a> {
    base: &'a str,
    depth: u32,
}

/// `https://host/path?query` or `host/path?query`.
struct PastedAddress<'a> {
    has_scheme: bool,
    host: String,
    /// With the query.
    target: &'a str,
}

impl<'a> PastedAddress<'a> {
    fn read(text: &'a str) -> Option<PastedAddress<'a>> {
        let schemes = ["https://", "http://", "git+https://", "git://", "ssh://"];
        let rest = schemes.iter().find_map(|scheme| {
            text.get(..scheme.len())
                .filter(|head| head.eq_ignore_ascii_case(scheme))
                .map(|_| &text[scheme.len()..])
        });
        let (has_scheme, rest) = (rest.is_some(), rest.unwrap_or(text));
        let (host, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let host = host.strip_prefix("www.").unwrap_or(&host).to_owned();
        let is_host =
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
        is_host.then_some(PastedAddress { has_scheme, host, target })
    }

    fn path(&self) -> &'a str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    fn segments(&self) -> impl Iterator<Item = &'a str> {
        self.path().split('/').filter(|segment| !segment.is_empty())
    }

    fn parameter(&self, key: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1.split('#').next()?;
        let value = query.split('&').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.eq_ignore_ascii_case(key).then_some(value)
        })?;
        Some(String::from_utf8_lossy(&decoded(value)).into_owned())
    }
}

impl Pasted<'_> {
    fn name(self, text: &str) -> Option<String> {
        if self.depth >= DEPTH {
            return None;
        }
        let inner = Pasted { depth: self.depth + 1, ..self };
        of_ssh(text).or_else(|| self.address(text)).or_else(|| inner.snippet(text)).or_else(|| of_path(text))
    }

    fn address(self, text: &str) -> Option<String> {
        if text.contains(char::is_whitespace) {
            return None;
        }
        let address = PastedAddress::read(text)?;
        let inner = Pasted { depth: self.depth + 1, ..self };
        self.ours(text, &address)
            .or_else(|| of_forge(&address))
            .or_else(|| of_shields(&address))
            // As the addresses of `[compat]` and `import badge` count it, so that what is moved stays in one place.
            .or_else(|| of_counter(&address))
            .or_else(|| {
                // shields.io's endpoint, and counters that take the address of a page.
                let url = address.parameter("url").filter(|_| address.has_scheme)?;
                inner.name(&url)
            })
    }

    /// An address of this site; or the badge of another that runs Tallymark or ghit.me.
    fn ours(self, text: &str, address: &PastedAddress<'_>) -> Option<String> {
        let without_scheme = |text: &str| text.split_once("://").map_or(text, |(_, rest)| rest).to_owned();
        let own = without_scheme(text).strip_prefix(&without_scheme(self.base)).map(str::to_owned);
        let own = own.filter(|rest| rest.starts_with('/'));
        let (is_own, path) = match &own {
            Some(rest) => (true, rest.split(['?', '#']).next().unwrap_or_default()),
            None if address.has_scheme => (false, address.path()),
            None => return None,
        };
        let of_path = |raw: &str| String::from_utf8(decoded(raw)).ok().filter(|name| !name.is_empty());
        match path {
            "/badge.svg" | "/badge.png" => return address.parameter("repo"),
            "/graph.svg" | "/graph.png" | "/name" if is_own => return address.parameter("name"),
            _ => {}
        }
        let badge = path.strip_prefix("/badge/").and_then(|rest| {
            let ends = [".shields.json", ".json", ".svg", ".png"];
            ends.iter().find_map(|end| rest.strip_suffix(end))
        });
        if let Some(raw) = badge {
            return of_path(raw);
        }
        let beginnings = ["/repo/", "/name/", "/graph/", "/v1/badge/", "/v1/like/"];
        let raw = beginnings.iter().find_map(|begin| path.strip_prefix(begin)).filter(|_| is_own)?;
        let ends = [".svg", ".png", "/add", "/"];
        of_path(ends.iter().find_map(|end| raw.strip_suffix(end)).unwrap_or(raw))
    }

    /// The first address in a text that says a name: of Markdown, HTML and the like.
    fn snippet(self, text: &str) -> Option<String> {
        let starts = text.match_indices("http").map(|(at, _)| &text[at..]);
        let urls = starts.filter(|rest| rest.starts_with("http://") || rest.starts_with("https://"));
        let ends = |c: char| c.is_whitespace() || "()[]<>\"'`{}|".contains(c);
        urls.take(MOST_ADDRESSES)
            .filter_map(|rest| {
                let url = rest.split(ends).next()?.split("++").next()?;
                self.address(&url.replace("&amp;", "&"))
            })
            .next()
    }
}

/// `git@host:owner/repo.git`.
fn of_ssh(text: &str) -> Option<String> {
    let url = text.strip_prefix("ssh://");
    let (user, rest) = url.unwrap_or(text).split_once('@')?;
    let (host, path) = if url.is_some() { rest.split_once([':', '/'])? } else { rest.split_once(':')? };
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    if !is_word(user) || !is_word(host) {
        return None;
    }
    // A port comes before the path.
    let path = path.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('/');
    of_path(path).or_else(|| (path.split('/').count() == 2).then(|| path.to_owned()))
}

/// `owner/repo.git`, and `/owner/repo/`.
fn of_path(text: &str) -> Option<String> {
    let path = text.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let parts: Vec<&str> = path.split('/').collect();
    let is_repository =
        parts.len() == 2 && parts.iter().all(|part| !part.is_empty() && !part.contains([' ', ':']));
    (is_repository && path != text).then(|| path.to_owned())
}

fn of_forge(address: &PastedAddress<'_>) -> Option<String> {
    let is_known = FORGES.contains(&address.host.as_str());
    let is_clone = address.has_scheme && address.path().ends_with(".git");
    if !(is_known || is_clone) {
        return None;
    }
    let segments = address.segments();
    // Groups of GitLab have groups, and what belongs to a repository follows a dash.
    let segments: Vec<&str> = match address.host.as_str() {
        "gitlab.com" => segments.take_while(|segment| *segment != "-").collect(),
        _ => segments.take(2).collect(),
    };
    if segments.len() < 2 {
        return None;
    }
    let name = segments.join("/");
    Some(name.strip_suffix(".git").unwrap_or(&name).to_owned())
}

/// `/github/stars/OWNER/REPO`.
fn of_shields(address: &PastedAddress<'_>) -> Option<String> {
    if !matches!(address.host.as_str(), "img.shields.io" | "shields.io" | "badgen.net" | "flat.badgen.net") {
        return None;
    }
    let mut segments = address.segments().skip_while(|segment| !matches!(*segment, "github" | "gitlab"));
    segments.next()?;
    let mut rest = segments.skip_while(|segment| SHOWN_OF_REPOSITORIES.contains(segment));
    let (owner, repo) = (rest.next()?, rest.next()?);
    let repo = repo.strip_suffix(".svg").unwrap_or(repo);
    Some(format!("{owner}/{repo}"))
}

/// The name that another counter reads in its address. Of two of them the address could be anything, and a third looks
/// like an account of many sites, so their hosts have to be known.
fn of_counter(address: &PastedAddress<'_>) -> Option<String> {
    let host = address.host.as_str();
    if !address.has_scheme && !matches!(host, "hits.sh" | "komarev.com") {
        return None;
    }
    if host == "hits.sh"
        && let Some(name) = hits_sh_page(address.path().as_bytes())
    {
        return String::from_utf8(name).ok();
    }
    let mut name = Vec::new();
    let OtherBadge { counter, .. } = read_other_badge(address.target.as_bytes(), &mut name).ok()?;
    let is_known = match counter {
        OtherCounter::HitsSh => host == "hits.sh",
        OtherCounter::Dwyl => host.starts_with("hits.dwyl."),
        OtherCounter::MoeCounter => {
            address.path().starts_with("/get/@") || host.contains("getloli") || host.contains("moe")
        }
        OtherCounter::Komarev | OtherCounter::Seeyoufarm | OtherCounter::VisitorBadge => true,
    };
    is_known.then(|| String::from_utf8(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn anything_may_be_pasted(
            parts in prop::collection::vec(
                prop_oneof![
                    any::<String>(),
                    "(https://|http://|ssh://|git@|github.com|hits.sh|/|@|:|\\?url=|%2F|.git|.svg|h|\\[|\\)|é)",
                ],
                0..12,
            ),
        ) {
            let pasted = parts.concat();
            let found = usual_name(&pasted, "https://h");
            prop_assert!(found.is_none_or(|name| name.as_str() != pasted.trim()));
        }
    }

    /// Each of thousands of addresses has all that follow in it.
    #[test]
    fn addresses_in_addresses_end() {
        assert_eq!(usual_name(&"http://a?url=".repeat(LONGEST / 13), ""), None);
        assert_eq!(usual_name(&"http://a?url=".repeat(LONGEST), ""), None);
    }

    #[test]
    fn what_is_pasted_means_a_name() {
        let base = "https://hits.example.org/c";
        for (pasted, expect) in [
            ("https://github.com/octo/hello", Some("octo/hello")),
            ("http://www.github.com/octo/hello.git", Some("octo/hello")),
            ("github.com/octo/hello/tree/main?x#y", Some("octo/hello")),
            ("github.com/octo/hello/", Some("octo/hello")),
            ("https://github.com/octo", None),
            ("https://gitlab.com/group/sub/hello/-/tree/main", Some("group/sub/hello")),
            ("https://codeberg.org/octo/hello/src/branch/main", Some("octo/hello")),
            ("https://git.example.org/octo/hello.git", Some("octo/hello")),
            ("https://raw.githubusercontent.com/octo/hello/main/README.md", Some("octo/hello")),
            ("git@github.com:octo/hello.git", Some("octo/hello")),
            ("git@gitlab.example.org:octo/hello", Some("octo/hello")),
            ("ssh://git@git.example.org:2222/octo/hello.git", Some("octo/hello")),
            ("git+https://github.com/octo/hello.git", Some("octo/hello")),
            ("octo/hello.git", Some("octo/hello")),
            ("/octo/hello/", Some("octo/hello")),
            // Other counters.
            ("https://hits.sh/github.com/octo/hello.svg", Some("github.com/octo/hello")),
            ("https://hits.sh/github.com/octo/hello/", Some("github.com/octo/hello")),
            ("hits.sh/example.org/blog.svg?style=flat", Some("example.org/blog")),
            ("https://komarev.com/ghpvc/?username=Octo&color=red", Some("octo")),
            (
                "https://hits.seeyoufarm.com/api/count/incr/badge.svg?url=https%3A%2F%2Fgithub.com%2Focto%2Fhello&x=1",
                Some("github.com/octo/hello"),
            ),
            ("https://visitor-badge.laobi.icu/badge?page_id=octo.hello", Some("octo.hello")),
            ("https://count.getloli.com/@octo?theme=rule34", Some("octo")),
            ("https://count.example.org/get/@octo", Some("octo")),
            ("https://hits.dwyl.com/octo/hello.svg", Some("octo/hello")),
            ("https://hits.dwyl.io/octo/hello.svg", Some("octo/hello")),
            ("https://img.shields.io/github/stars/octo/hello?style=flat", Some("octo/hello")),
            ("https://img.shields.io/github/actions/workflow/status/octo/hello/ci.yml", Some("octo/hello")),
            (
                "https://img.shields.io/endpoint?url=https%3A%2F%2Fhits.example.org%2Fc%2Fbadge%2Focto%2Fhello.shields.json",
                Some("octo/hello"),
            ),
            // This site, and another like it.
            ("https://hits.example.org/c/badge.svg?repo=octo/hello&style=flat", Some("octo/hello")),
            ("https://hits.example.org/c/badge/octo%2Fhello.png", Some("octo/hello")),
            ("hits.example.org/c/repo/octo/hello?period=7d", Some("octo/hello")),
            ("https://hits.example.org/c/name?name=a%20b", Some("a b")),
            ("https://hits.example.org/c/graph/octo/hello.svg?period=7d", Some("octo/hello")),
            ("https://hits.example.org/c/v1/badge/octo/hello", Some("octo/hello")),
            ("https://ghit.me/badge.svg?repo=octo/hello", Some("octo/hello")),
            // Snippets.
            (
                "[![hits](https://hits.sh/github.com/octo/hello.svg)](https://hits.sh/github.com/octo/hello/)",
                Some("github.com/octo/hello"),
            ),
            (
                "<a href=\"https://example.org\"><img src=\"https://komarev.com/ghpvc/?x=1&amp;username=octo\"></a>",
                Some("octo"),
            ),
            ("image:++https://ghit.me/badge.svg?repo=octo/my--hello++[hits]", Some("octo/my--hello")),
            ("[url=https://example.org][img]https://ghit.me/badge.svg?repo=a/b[/img][/url]", Some("a/b")),
            // Names.
            ("octo/hello", None),
            ("octo", None),
            ("octo@example.org", None),
            ("a/b/c", None),
            ("github.com", None),
            ("https://medium.com/@octo", None),
            ("https://example.org/img/logo.svg", None),
            ("https://example.org/repo/octo/hello", None),
            ("https://www.example.com/some/path?x=1&y=2", None),
            ("@octo", None),
            ("", None),
        ] {
            let found = usual_name(pasted, base);
            assert_eq!(found.as_ref().map(Name::as_str), expect, "{pasted}");
        }
    }
}
