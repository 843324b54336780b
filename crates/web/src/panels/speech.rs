//! The language of the page after a like: that of its panel (`lang=zh|en|both`), or else the reader's.

use crate::{headers::language, query::Query};
use axum::http::request::Parts;
use tallymark_badge::panel::{Lang, Options};

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Speech {
    pub(super) lang: Lang,
    /// The address says it, so the buttons of the page say it too.
    pub(super) is_asked: bool,
}

impl Speech {
    /// What a request asks for. A language that is none is an error.
    pub(super) fn of(head: &Parts) -> Result<Speech, String> {
        let Some(word) = Query::of(&head.uri).text("lang") else {
            return Ok(Speech { lang: language(&head.headers).unwrap_or(Lang::Both), is_asked: false });
        };
        let mut options = Options::default();
        options.set("lang", &word).map_err(|why| why.to_string())?;
        Ok(Speech { lang: options.lang, is_asked: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_speaks_as_its_panel_or_as_its_reader() {
        let speech = |uri: &str, said: &str| {
            let mut request = axum::http::Request::builder().uri(uri);
            if !said.is_empty() {
                request = request.header("accept-language", said);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            Speech::of(&head).map(|speech| (speech.lang, speech.is_asked))
        };
        for (said, lang) in [
            ("", Lang::Both),
            ("zh-CN,zh;q=0.9,en;q=0.8", Lang::Zh),
            ("en-US,en;q=0.9", Lang::En),
            ("EN", Lang::En),
            ("de-DE,de;q=0.9,en;q=0.5,zh;q=0.7", Lang::Zh),
            ("de, fr;q=0.5", Lang::Both),
            ("en;q=0, *", Lang::Both),
            ("en;q=x, zh ; q=0.1", Lang::Zh),
            ("zh,en", Lang::Zh),
            (",;;=,en-", Lang::En),
        ] {
            assert_eq!(speech("/v1/like/a/b/add", said), Ok((lang, false)), "{said}");
            assert_eq!(speech("/v1/like/a/b/add?x=1&lang=both", said), Ok((Lang::Both, true)), "{said}");
            assert_eq!(speech("/v1/like/a/b/add?lang=zh", said), Ok((Lang::Zh, true)), "{said}");
        }
        assert_eq!(speech("/v1/like/a/b/add?lang=fr", "en"), Err("lang is zh, en or both".to_owned()));
    }
}
