//! Which picture or action a path under `/v1` is.
//!
//! The forms are snow-trace's, tried in its order: `visit`, `badge`, `like` and `button` are words where a namespace
//! and a key follow, and names like any other where only one part does. Anything after the key is ignored, as it was
//! there. snow-trace's bugs are not kept: a query is never part of a name, parts are decoded, and only
//! `/like/NAMESPACE/KEY/add` is a like. A name with a part that browsers and proxies resolve (`a/..`, `a//b`) has no
//! address here: its like button would lead nowhere.

use crate::name::{encoded_text, from_path, has_odd_segment};
use tallymark_badge::panel::Picture;
use tallymark_core::{Name, NotAName};

/// Why a path has no panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPanel {
    /// It has no name.
    #[error(transparent)]
    NotAName(#[from] NotAName),
    /// A part of the name is empty, `.` or `..`.
    #[error("a name with an empty part, . or .. has no panel: use /badge.svg?repo=NAME")]
    OddPart,
}

/// A path under `/v1`. A name that is none is an error that the picture says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A picture to show; the promo is of no name.
    Picture(Picture, Option<Result<Name, NoPanel>>),
    /// `.../add`: a like.
    Like(Result<Name, NoPanel>),
    /// `.../remove`: it is taken back.
    Unlike(Result<Name, NoPanel>),
}

impl Address {
    /// Reads a path as it was sent. `None` where snow-trace had nothing.
    pub(super) fn of(path: &str) -> Option<Address> {
        let parts: Vec<&str> = path.strip_prefix("/v1/")?.split('/').collect();
        let name = |namespace: &str, key: &str| match from_path(&format!("{namespace}/{key}"))? {
            name if has_odd_segment(name.as_str()) => Err(NoPanel::OddPart),
            name => Ok(name),
        };
        // `/v1/badge/a//b` is not `badge/a`.
        let is_word = matches!(parts[0], "visit" | "badge" | "like" | "button");
        let of_name = if is_word { 3 } else { 2 };
        let gap = parts.iter().take(of_name).position(|part| part.is_empty());
        if gap.is_some_and(|gap| gap > 0 && parts[gap..].iter().any(|part| !part.is_empty())) {
            let picture = Picture::from_word(parts[0]).unwrap_or(Picture::Both);
            return Some(Address::Picture(picture, Some(Err(NoPanel::OddPart))));
        }
        match parts[..] {
            ["promo"] => Some(Address::Picture(Picture::Promo, None)),
            ["like", namespace, key, "add"] if is_name(namespace, key) => {
                Some(Address::Like(name(namespace, key)))
            }
            ["like", namespace, key, "remove"] if is_name(namespace, key) => {
                Some(Address::Unlike(name(namespace, key)))
            }
            [word @ ("visit" | "badge" | "like" | "button"), namespace, key, ..]
                if is_name(namespace, key) =>
            {
                Picture::from_word(word).map(|picture| Address::Picture(picture, Some(name(namespace, key))))
            }
            [namespace, key, ..] if is_name(namespace, key) => {
                Some(Address::Picture(Picture::Both, Some(name(namespace, key))))
            }
            _ => None,
        }
    }
}

fn is_name(namespace: &str, key: &str) -> bool {
    !namespace.is_empty() && !key.is_empty()
}

/// The path of an action on a name: `/v1/like/octo/hello/add`. The key has what follows the first slash.
pub(crate) fn of_like(name: &Name, action: &str) -> String {
    let (namespace, key) = name.as_str().split_once('/').unwrap_or((name.as_str(), ""));
    format!("/v1/like/{}/{}/{action}", encoded_text(namespace, false), encoded_text(key, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(picture: Picture, name: &str) -> Option<Address> {
        Some(Address::Picture(picture, Some(Ok(Name::new(name).unwrap()))))
    }

    #[test]
    fn empty_part_before_another_is_no_name() {
        for path in ["/v1/badge/a//b", "/v1/like/a//b/add", "/v1/badge//b", "/v1/a//b", "/v1/visit//"] {
            let odd = matches!(Address::of(path), Some(Address::Picture(_, Some(Err(NoPanel::OddPart)))));
            assert_eq!(odd, path != "/v1/visit//", "{path}");
        }
    }

    #[test]
    fn paths_are_what_they_were_and_names_are_decoded() {
        for (path, address) in [
            ("/v1/octo/hello", picture(Picture::Both, "octo/hello")),
            ("/v1/badge/octo/hello", picture(Picture::Both, "octo/hello")),
            ("/v1/visit/octo/hello", picture(Picture::Visits, "octo/hello")),
            ("/v1/like/octo/hello", picture(Picture::Likes, "octo/hello")),
            ("/v1/button/octo/hello", picture(Picture::Button, "octo/hello")),
            ("/v1/promo", Some(Address::Picture(Picture::Promo, None))),
            // What follows is ignored.
            ("/v1/octo/hello/x/y", picture(Picture::Both, "octo/hello")),
            ("/v1/octo/hello/", picture(Picture::Both, "octo/hello")),
            ("/v1/visit/octo/hello/x/y/z", picture(Picture::Visits, "octo/hello")),
            // Only one path is a like.
            ("/v1/like/octo/hello/add/", picture(Picture::Likes, "octo/hello")),
            ("/v1/like/octo/hello/addx/add", picture(Picture::Likes, "octo/hello")),
            ("/v1/like/octo/hello/add/z/add", picture(Picture::Likes, "octo/hello")),
            ("/v1/like/octo/hello/ADD", picture(Picture::Likes, "octo/hello")),
            // Words are names where one part follows, and behind another word.
            ("/v1/visit/foo", picture(Picture::Both, "visit/foo")),
            ("/v1/visit/foo/", picture(Picture::Both, "visit/foo")),
            ("/v1/badge/visit/x", picture(Picture::Both, "visit/x")),
            ("/v1/visit/promo/like", picture(Picture::Visits, "promo/like")),
            ("/v1/promo/x", picture(Picture::Both, "promo/x")),
            ("/v1/promo/x/y", picture(Picture::Both, "promo/x")),
            // Decoded once.
            ("/v1/%E7%94%A8%E6%88%B7/%e9%a1%b9%e7%9b%ae", picture(Picture::Both, "用户/项目")),
            ("/v1/visit/a%252Fb/c%3Ft=1", picture(Picture::Visits, "a%2Fb/c?t=1")),
            ("/v1/a%2Fb/c", picture(Picture::Both, "a/b/c")),
        ] {
            assert_eq!(Address::of(path), address, "{path}");
        }
        let like = Address::Like(Ok(Name::new("octo/hello").unwrap()));
        assert_eq!(Address::of("/v1/like/octo/hello/add"), Some(like));
        let unlike = Address::Unlike(Ok(Name::new("octo/hello").unwrap()));
        assert_eq!(Address::of("/v1/like/octo/hello/remove"), Some(unlike));
        for name in ["octo/hello", "a/b/c", "用户/项目", "a b/c?d"] {
            let name = Name::new(name).unwrap();
            assert_eq!(Address::of(&of_like(&name, "add")), Some(Address::Like(Ok(name.clone()))));
            assert_eq!(Address::of(&of_like(&name, "remove")), Some(Address::Unlike(Ok(name))));
        }
        for odd in ["../pwn", "a/%2e%2E", "a/%2Fb", "%2Fa/b", "a%2F/b", "a/b%2F", "./b", "a%2F..%2Fb/c"] {
            for (path, address) in [
                (format!("/v1/{odd}"), Address::Picture(Picture::Both, Some(Err(NoPanel::OddPart)))),
                (format!("/v1/button/{odd}"), Address::Picture(Picture::Button, Some(Err(NoPanel::OddPart)))),
                (format!("/v1/like/{odd}/add"), Address::Like(Err(NoPanel::OddPart))),
                (format!("/v1/like/{odd}/remove"), Address::Unlike(Err(NoPanel::OddPart))),
            ] {
                assert_eq!(Address::of(&path), Some(address), "{path}");
            }
        }
        for none in ["/v1/", "/v1/a", "/v1/a/", "/v1//a", "/v1/promo/", "/v1///", "/v1/visit//", "/v2/a/b"] {
            assert_eq!(Address::of(none), None, "{none}");
        }
        let long = format!("/v1/{}/b", "a".repeat(250));
        assert!(matches!(Address::of(&long), Some(Address::Picture(Picture::Both, Some(Err(_))))));
        assert!(matches!(Address::of("/v1/~all/%00"), Some(Address::Picture(Picture::Both, Some(Err(_))))));
    }
}
