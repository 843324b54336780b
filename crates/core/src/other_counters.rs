//! The badge addresses of other counters, which an operator can switch on (`[compat]`): from the target of a request to
//! the name that it counts, as that counter would have named it.
//!
//! The HTTP server and the record reader both use this, so a request counts under the same name whichever of them sees
//! it. How such a badge looks is up to the HTTP server.

use crate::{access::is_no, decode_percent};
use memchr::memchr;

/// The first segments of Tallymark's own addresses, besides those of a configured prefix. None of them is an owner at
/// dwyl's address.
pub const OWN_SEGMENTS: [&str; 31] = [
    "api",
    "assets",
    "badge",
    "badge.svg",
    "banners",
    "compare",
    "favicon.ico",
    "feed",
    "feed.atom",
    "graph",
    "graph.svg",
    "health",
    "healthz",
    "hit",
    "hits",
    "images",
    "index.html",
    "login",
    "logout",
    "metrics",
    "name",
    "openapi.json",
    "r",
    "readyz",
    "repo",
    "scripts",
    "style.css",
    "styles",
    "sum.svg",
    "v1",
    "ws",
];

/// A counter whose addresses Tallymark can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherCounter {
    /// `/ghpvc/?username=ACCOUNT`.
    Komarev,
    /// `/api/count/incr/badge.svg?url=URL`, and `keep` in place of `incr`.
    Seeyoufarm,
    /// `/HOST/PATH.svg`.
    HitsSh,
    /// `/badge?page_id=NAME`.
    VisitorBadge,
    /// `/OWNER/REPO.svg`.
    Dwyl,
    /// `/@NAME`, and `/get/@NAME`.
    MoeCounter,
}

/// Those whose addresses are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherCounters([bool; OtherCounter::EVERY.len()]);

/// What the target of a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherBadge {
    /// Whose address it is.
    pub counter: OtherCounter,
    /// Whether it counts, as far as the address says.
    pub counts: bool,
}

/// The target is no badge of another counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOtherBadge {
    /// It is no such address.
    Elsewhere,
    /// It is one, and the name is missing or none of that counter.
    Unnamed(OtherCounter),
}

impl OtherCounter {
    /// Each with its key in the configuration.
    pub const EVERY: [(OtherCounter, &'static str); 6] = [
        (OtherCounter::Komarev, "komarev"),
        (OtherCounter::Seeyoufarm, "seeyoufarm"),
        (OtherCounter::HitsSh, "hits-sh"),
        (OtherCounter::VisitorBadge, "visitor-badge"),
        (OtherCounter::Dwyl, "dwyl"),
        (OtherCounter::MoeCounter, "moe-counter"),
    ];

    /// What people call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            OtherCounter::Komarev => "komarev",
            OtherCounter::Seeyoufarm => "hits.seeyoufarm.com",
            OtherCounter::HitsSh => "hits.sh",
            OtherCounter::VisitorBadge => "visitor-badge",
            OtherCounter::Dwyl => "dwyl/hits",
            OtherCounter::MoeCounter => "Moe-Counter",
        }
    }

    /// What its address has to contain.
    #[must_use]
    pub fn wants(self) -> &'static str {
        match self {
            OtherCounter::Komarev => {
                "add ?username=ACCOUNT to the address, a name of 1 to 39 letters, digits, - and _"
            }
            OtherCounter::Seeyoufarm => "add ?url=URL to the address, like https://github.com/OWNER/REPO",
            OtherCounter::HitsSh => "the address is /HOST/PATH.svg",
            OtherCounter::VisitorBadge => "add ?page_id=NAME to the address",
            OtherCounter::Dwyl => "the address is /OWNER/REPO.svg, of letters, digits, - _ and .",
            OtherCounter::MoeCounter => "the address is /@NAME",
        }
    }

    /// Whose address a path is, as it was sent.
    fn of_path(path: &[u8]) -> Option<OtherCounter> {
        match path {
            b"/ghpvc" | b"/ghpvc/" => return Some(OtherCounter::Komarev),
            b"/api/count/incr/badge.svg" | b"/api/count/keep/badge.svg" => {
                return Some(OtherCounter::Seeyoufarm);
            }
            b"/badge" => return Some(OtherCounter::VisitorBadge),
            _ => {}
        }
        if at_name(path).is_some() {
            return Some(OtherCounter::MoeCounter);
        }
        let inner = path.strip_prefix(b"/")?.strip_suffix(b".svg")?;
        let first = &inner[..memchr(b'/', inner).unwrap_or(inner.len())];
        if first.contains(&b'.') {
            return Some(OtherCounter::HitsSh);
        }
        if first.len() == inner.len() {
            return None;
        }
        let is_own = OWN_SEGMENTS.iter().any(|own| own.as_bytes() == first);
        let slashes = inner.iter().filter(|&&b| b == b'/').count();
        (!is_own && slashes <= 2).then_some(OtherCounter::Dwyl)
    }
}

impl OtherCounters {
    /// The same with this one.
    #[must_use]
    pub fn with(mut self, counter: OtherCounter) -> OtherCounters {
        self.0[counter as usize] = true;
        self
    }

    /// Whether the addresses of this one are served.
    #[must_use]
    pub fn has(self, counter: OtherCounter) -> bool {
        self.0[counter as usize]
    }

    /// Those that are served.
    pub fn iter(self) -> impl Iterator<Item = OtherCounter> {
        OtherCounter::EVERY.into_iter().map(|(counter, _)| counter).filter(move |&counter| self.has(counter))
    }
}

/// Reads the target of a request, `/path?query` as it was sent, and writes the name to `name`, decoded and not checked
/// further.
///
/// # Errors
///
/// See [`NotOtherBadge`].
pub fn read_other_badge(target: &[u8], name: &mut Vec<u8>) -> Result<OtherBadge, NotOtherBadge> {
    let target = &target[..memchr(b'#', target).unwrap_or(target.len())];
    let (path, query) = match memchr(b'?', target) {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &b""[..]),
    };
    let counter = OtherCounter::of_path(path).ok_or(NotOtherBadge::Elsewhere)?;
    name.clear();
    let is_name = match counter {
        OtherCounter::Komarev => account(value(query, b"username"), name),
        OtherCounter::Seeyoufarm => page(value(query, b"url"), name),
        OtherCounter::VisitorBadge => push_decoded(value(query, b"page_id"), name),
        OtherCounter::HitsSh => {
            let inner = &path[1..path.len() - ".svg".len()];
            // No host begins with a dot, and a path of dots is another path elsewhere.
            host_and_path(inner, name).filter(|()| !inner.starts_with(b"."))
        }
        OtherCounter::Dwyl => owner_and_repo(&path[1..path.len() - ".svg".len()], name),
        OtherCounter::MoeCounter => {
            push_decoded(at_name(path).map(|raw| decode_percent(raw, 1, &mut Vec::new()).to_vec()), name)
        }
    };
    if is_name.is_none() || name.is_empty() {
        return Err(NotOtherBadge::Unnamed(counter));
    }
    let counts = match counter {
        OtherCounter::Seeyoufarm => path == b"/api/count/incr/badge.svg",
        OtherCounter::VisitorBadge => raw_value(query, b"query_only").is_none(),
        // A number of the address is shown as it is.
        OtherCounter::MoeCounter => name != b"demo" && value(query, b"num").is_none_or(|num| is_zero(&num)),
        OtherCounter::Komarev | OtherCounter::HitsSh | OtherCounter::Dwyl => true,
    };
    let counts = counts && !value(query, b"count").is_some_and(|count| is_no(&count));
    Ok(OtherBadge { counter, counts })
}

/// The name whose page hits.sh has at `/HOST/PATH/`, as its snippets link to it, decoded and not checked further.
#[must_use]
pub fn hits_sh_page(path: &[u8]) -> Option<Vec<u8>> {
    let inner = path.strip_prefix(b"/")?.strip_suffix(b"/")?;
    let first = &inner[..memchr(b'/', inner).unwrap_or(inner.len())];
    let mut name = Vec::new();
    let is_host = first.contains(&b'.') && !first.starts_with(b".");
    (is_host && host_and_path(inner, &mut name).is_some() && !name.is_empty()).then_some(name)
}

/// The name in `/@NAME` and `/get/@NAME`, as it was sent, without the `.svg` or `.png` that it may end with.
fn at_name(path: &[u8]) -> Option<&[u8]> {
    let name = path.strip_prefix(b"/get").unwrap_or(path).strip_prefix(b"/@")?;
    let name = name.strip_suffix(b".svg").or_else(|| name.strip_suffix(b".png")).unwrap_or(name);
    (!name.contains(&b'/')).then_some(name)
}

/// Whether a number is 0, or no number at all.
fn is_zero(text: &[u8]) -> bool {
    text.trim_ascii().iter().all(|&b| b == b'0')
}

/// The first parameter of this name, as it was sent.
fn raw_value<'a>(query: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    query.split(|&b| b == b'&').find_map(|pair| {
        let (name, value) = pair.split_at(memchr(b'=', pair).unwrap_or(pair.len()));
        name.eq_ignore_ascii_case(key).then(|| value.strip_prefix(b"=").unwrap_or_default())
    })
}

/// The same, decoded as all of these counters did: as a form.
fn value(query: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let spaced: Vec<u8> = raw_value(query, key)?.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    Some(decode_percent(&spaced, 1, &mut Vec::new()).to_vec())
}

fn push_decoded(value: Option<Vec<u8>>, name: &mut Vec<u8>) -> Option<()> {
    name.extend(value?);
    Some(())
}

/// An account of GitHub, in lower case: there, case does not matter.
fn account(value: Option<Vec<u8>>, name: &mut Vec<u8>) -> Option<()> {
    let value = value?;
    let account = value.trim_ascii();
    // Accounts that a company manages have its short name behind a `_`.
    let plain = account.iter().all(|&b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let hyphens = account.first() == Some(&b'-') || account.ends_with(b"-");
    if !plain || hyphens || account.len() > 39 || account.windows(2).any(|two| two == b"--") {
        return None;
    }
    name.extend(account.to_ascii_lowercase());
    Some(())
}

/// Host and path of a URL: the path has escapes of its own. Without a scheme, the text is host and path.
fn page(value: Option<Vec<u8>>, name: &mut Vec<u8>) -> Option<()> {
    let value = value?;
    let url = value.trim_ascii();
    let scheme = |scheme: &[u8]| {
        let head = url.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
    };
    let rest = scheme(b"https://").or_else(|| scheme(b"http://")).unwrap_or(url);
    let end = rest.iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(rest.len());
    let (host, path) = rest[..end].split_at(memchr(b'/', &rest[..end]).unwrap_or(end));
    if host.is_empty() || host.contains(&b':') && rest.len() == url.len() {
        // Another scheme, or none and a port.
        return None;
    }
    name.extend(host);
    name.extend(decode_percent(path, 1, &mut Vec::new()));
    Some(())
}

/// As hits.sh normalises it: without slashes and question marks at the ends, and with `/` for `\`.
fn host_and_path(raw: &[u8], name: &mut Vec<u8>) -> Option<()> {
    let mut scratch = Vec::new();
    let text = decode_percent(raw, 1, &mut scratch).trim_ascii();
    let text = &text[..memchr(b'#', text).unwrap_or(text.len())];
    name.extend(text.iter().map(|&b| if b == b'\\' { b'/' } else { b }));
    while name.last().is_some_and(|b| matches!(b, b'/' | b'?')) {
        name.pop();
    }
    let slashes = name.iter().take_while(|&&b| b == b'/').count();
    name.drain(..slashes);
    Some(())
}

/// The last two segments: a third in front was ignored.
fn owner_and_repo(raw: &[u8], name: &mut Vec<u8>) -> Option<()> {
    let mut segments = raw.rsplit(|&b| b == b'/');
    let (repo, owner) = (segments.next()?, segments.next()?);
    let is_owner = !owner.is_empty()
        && owner
            .split(|&b| b == b'-')
            .all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_alphanumeric));
    let is_repo = !repo.is_empty() && repo.iter().all(|&b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !is_owner || !is_repo {
        return None;
    }
    name.extend(owner);
    name.push(b'/');
    name.extend(repo);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &str) -> Result<(String, OtherCounter, bool), NotOtherBadge> {
        let mut name = b"left over".to_vec();
        let OtherBadge { counter, counts } = read_other_badge(target.as_bytes(), &mut name)?;
        Ok((String::from_utf8(name).unwrap(), counter, counts))
    }

    #[test]
    fn addresses_as_they_stand_in_readmes_give_the_names_of_their_counters() {
        use OtherCounter::{Dwyl, HitsSh, Komarev, MoeCounter, Seeyoufarm, VisitorBadge};
        for (target, name, counter, counts) in [
            ("/ghpvc/?username=your-github-username", "your-github-username", Komarev, true),
            ("/ghpvc/?username=Octocat&label=PROFILE+VIEWS", "octocat", Komarev, true),
            ("/ghpvc?color=red&USERNAME=+octocat", "octocat", Komarev, true),
            (
                "/api/count/incr/badge.svg?url=https%3A%2F%2Fgithub.com%2Fgjbae1212%2Fhit-counter&edge_flat=false",
                "github.com/gjbae1212/hit-counter",
                Seeyoufarm,
                true,
            ),
            ("/api/count/keep/badge.svg?url=https://a.example/x", "a.example/x", Seeyoufarm, false),
            (
                "/api/count/incr/badge.svg?url=https%3A%2F%2Fpypi.org%2Fproject%2Fnaverscrap%2F&title=x",
                "pypi.org/project/naverscrap/",
                Seeyoufarm,
                true,
            ),
            (
                "/api/count/incr/badge.svg?url=https%3A%2F%2Fgithub.com%2Fa%2FSQL%2520Injection%3Fx%3D1%23y",
                "github.com/a/SQL Injection",
                Seeyoufarm,
                true,
            ),
            (
                "/api/count/incr/badge.svg?url=nfaiz/ci4-debug-toolbar",
                "nfaiz/ci4-debug-toolbar",
                Seeyoufarm,
                true,
            ),
            ("/api/count/incr/badge.svg?url=HTTPS://a.example:8080", "a.example:8080", Seeyoufarm, true),
            ("/github.com/silentsoft/hits.svg", "github.com/silentsoft/hits", HitsSh, true),
            ("/example.com.svg", "example.com", HitsSh, true),
            ("/my.site.svg?view=today-total", "my.site", HitsSh, true),
            ("/ghpvc/?username=octo_corp", "octo_corp", Komarev, true),
            ("/github.com/o/r/README.md.svg?label=hits", "github.com/o/r/README.md", HitsSh, true),
            (
                "/zahlman.github.io/posts/2025/12/31/oxidation/.svg",
                "zahlman.github.io/posts/2025/12/31/oxidation",
                HitsSh,
                true,
            ),
            ("/a.example/%E6%97%A5.svg?view=today-total", "a.example/日", HitsSh, true),
            ("/badge?page_id=jwenjian.visitor-badge", "jwenjian.visitor-badge", VisitorBadge, true),
            ("/badge?page_id=enesdoruk/ssd.mamba&left_color=red", "enesdoruk/ssd.mamba", VisitorBadge, true),
            ("/badge?page_id=a%20b&query_only=true", "a b", VisitorBadge, false),
            ("/badge?query_only&page_id=a", "a", VisitorBadge, false),
            ("/dwyl/hits.svg", "dwyl/hits", Dwyl, true),
            ("/balaji-atoa/puppe-pdf.svg?style=flat-square&show=unique", "balaji-atoa/puppe-pdf", Dwyl, true),
            ("/fdzul/fdzul/rgeomex.svg", "fdzul/rgeomex", Dwyl, true),
            ("/o/r.s.svg", "o/r.s", Dwyl, true),
            ("/o/r.svg?count=f%61lse", "o/r", Dwyl, false),
            ("/@index?name=index&theme=gelbooru&padding=7", "index", MoeCounter, true),
            ("/get/@index?theme=rule34", "index", MoeCounter, true),
            ("/@%E6%97%A5.svg", "日", MoeCounter, true),
            ("/@o%2Fr.png?num=0", "o/r", MoeCounter, true),
            ("/@a+b?num=", "a+b", MoeCounter, true),
            ("/@index?num=1234", "index", MoeCounter, false),
            ("/@index?count=no", "index", MoeCounter, false),
            ("/@demo", "demo", MoeCounter, false),
        ] {
            assert_eq!(read(target), Ok((name.to_owned(), counter, counts)), "{target}");
        }
    }

    #[test]
    fn what_names_nothing_says_so() {
        for (target, counter) in [
            ("/ghpvc/", OtherCounter::Komarev),
            ("/ghpvc/?username=", OtherCounter::Komarev),
            ("/ghpvc/?username=-a", OtherCounter::Komarev),
            ("/ghpvc/?username=a--b", OtherCounter::Komarev),
            ("/ghpvc/?username=a/b", OtherCounter::Komarev),
            ("/ghpvc/?username=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", OtherCounter::Komarev),
            ("/api/count/incr/badge.svg?url=", OtherCounter::Seeyoufarm),
            ("/api/count/incr/badge.svg?url=ftp://a/b", OtherCounter::Seeyoufarm),
            ("/api/count/incr/badge.svg?url=https:///b", OtherCounter::Seeyoufarm),
            ("/badge", OtherCounter::VisitorBadge),
            ("/@", OtherCounter::MoeCounter),
            ("/@.svg", OtherCounter::MoeCounter),
            ("/badge?page_id=", OtherCounter::VisitorBadge),
            ("/-a/b.svg", OtherCounter::Dwyl),
            ("/./o/r.svg", OtherCounter::HitsSh),
            ("/a/b%20c.svg", OtherCounter::Dwyl),
        ] {
            assert_eq!(read(target), Err(NotOtherBadge::Unnamed(counter)), "{target}");
        }
        for target in [
            "",
            "/",
            "/x.svg",
            "/badge/a.svg",
            "/name/x.svg",
            "/repo/a/b.svg",
            "/a/b/c/d.svg",
            "/a/b.png",
            "/@a/b",
            "/get/a",
            "/record/@a",
            "ghpvc/?username=a",
            "/badge.svg?repo=a",
        ] {
            assert_eq!(read(target), Err(NotOtherBadge::Elsewhere), "{target}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        let mut seed = 7u64;
        let pieces: [&[u8]; 12] = [
            b"/",
            b"?",
            b"#",
            b"%",
            b"%2F",
            b".svg",
            b"/ghpvc/?username=",
            b"/badge?page_id=",
            b"a.b",
            b"\xff",
            b"/api/count/incr/badge.svg?url=",
            b"&",
        ];
        for _ in 0..20_000 {
            let mut target = Vec::new();
            for _ in 0..8 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                target.extend(pieces[(seed >> 33) as usize % pieces.len()]);
            }
            let mut name = Vec::new();
            if read_other_badge(&target, &mut name).is_ok() {
                assert!(!name.is_empty(), "{target:?}");
            }
        }
    }
}
