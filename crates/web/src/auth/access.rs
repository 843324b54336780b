//! Who can see pages, read counts and write them.
//!
//! `Authorization: Bearer TOKEN` opens everything. Pages and `/api/v1` can also be read with the token as the password
//! of HTTP Basic, or with a session cookie (`sessions`). Neither allows writing or Bootic's JSONP: a browser sends both
//! automatically, so another site could make it use them.

use super::{meters::LoginMeters, patience::Patience, sessions::Sessions};
use crate::error::Problem;
use axum::http::{HeaderMap, StatusCode, header};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ipnet::IpNet;
use subtle::ConstantTimeEq;

/// Who may see pages, lists and counts. Badges and charts are always public: that is what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Visibility {
    /// Everyone.
    #[default]
    Public,
    /// Clients with one of the tokens, or logged in with one.
    Token,
    /// No one.
    Off,
}

/// The error for a program without a token.
const ASK: &str = "send a token: Authorization: Bearer TOKEN";
/// The error for a wrong token.
const WRONG: &str = "that is not one of the tokens under [http] of this server";

/// The rules, the tokens and the sessions.
pub struct Access {
    visibility: Visibility,
    tokens: Vec<String>,
    /// The path of the base URL, without a trailing slash.
    pub(crate) base: String,
    /// Whether the site uses https.
    pub(crate) https: bool,
    pub(crate) sessions: Sessions,
    /// The proxies that are trusted to name their client.
    pub(crate) proxies: Vec<IpNet>,
    pub(crate) patience: Patience,
    pub(crate) meters: LoginMeters,
}

/// Why a request may not see pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// Pages are switched off.
    Off,
    /// It has no valid token, and no session.
    Token,
}

/// A client that may see pages.
pub(crate) struct Viewer {
    /// Whether it has logged in, and can log out.
    pub(crate) has_session: bool,
}

impl Access {
    /// The rules of a configuration. `base_url` says where the cookie of a session goes.
    #[must_use]
    pub fn new(
        visibility: Visibility,
        tokens: Vec<String>,
        base_url: &str,
        proxies: Vec<IpNet>,
        meters: LoginMeters,
    ) -> Access {
        let host_and_path = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
        let base = host_and_path.find('/').map_or("", |at| &host_and_path[at..]);
        Access {
            visibility,
            tokens,
            base: base.trim_end_matches('/').to_owned(),
            https: base_url.starts_with("https://"),
            sessions: Sessions::default(),
            proxies,
            patience: Patience::with_wrong_tokens(),
            meters,
        }
    }

    /// Whether the request may see pages.
    pub(crate) fn visitor(&self, sent: &HeaderMap) -> Result<Viewer, Hidden> {
        match self.visibility {
            Visibility::Public => Ok(Viewer { has_session: false }),
            Visibility::Off => Err(Hidden::Off),
            Visibility::Token if self.has_token(sent) || self.has_password(sent) => {
                Ok(Viewer { has_session: false })
            }
            Visibility::Token if self.sessions.knows(sent) => Ok(Viewer { has_session: true }),
            Visibility::Token => Err(Hidden::Token),
        }
    }

    /// Whether the request may read `/api/v1`.
    pub(crate) fn may_read(&self, sent: &HeaderMap) -> Result<(), Problem> {
        let by_itself = || self.has_password(sent) || self.sessions.knows(sent);
        if self.visibility == Visibility::Token && by_itself() { Ok(()) } else { self.may_list(sent) }
    }

    /// Whether the request may read other lists and counts.
    pub(crate) fn may_list(&self, sent: &HeaderMap) -> Result<(), Problem> {
        match self.visibility {
            Visibility::Public => Ok(()),
            Visibility::Token if self.has_token(sent) => Ok(()),
            Visibility::Token => Err(Problem::new(StatusCode::UNAUTHORIZED, self.ask_program(sent))),
            Visibility::Off => {
                Err(Problem::new(StatusCode::NOT_FOUND, "lists and counts are switched off here"))
            }
        }
    }

    /// The error for a program without a valid token. Basic does not allow writing, whatever its password.
    pub(crate) fn ask_program(&self, sent: &HeaderMap) -> &'static str {
        let has = |scheme| credentials(sent, scheme).is_some_and(|text| !text.is_empty());
        if has(b"bearer") || has(b"basic") && !self.has_password(sent) { WRONG } else { ASK }
    }

    /// Whether there is a token at all: without one no client writes.
    pub(crate) fn has_writers(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Whether there is a login.
    pub(crate) fn has_login(&self) -> bool {
        self.visibility == Visibility::Token
    }

    /// Whether a request has one of the tokens, and may write.
    pub(crate) fn has_token(&self, sent: &HeaderMap) -> bool {
        credentials(sent, b"bearer").is_some_and(|token| self.is_token(token))
    }

    /// The number of the token that a request has, from 1 in the order of the configuration.
    pub(crate) fn token_number(&self, sent: &HeaderMap) -> Option<usize> {
        let token = credentials(sent, b"bearer")?;
        let is_it = |known: &String| bool::from(known.as_bytes().ct_eq(token));
        let found = self.tokens.iter().map(is_it).collect::<Vec<bool>>();
        found.iter().position(|it| *it).map(|at| at + 1)
    }

    /// Whether a request has one of the tokens as a password. The user name is ignored.
    fn has_password(&self, sent: &HeaderMap) -> bool {
        let decoded = credentials(sent, b"basic").and_then(|text| BASE64.decode(text.trim_ascii_end()).ok());
        let password = decoded.as_deref().and_then(|both| both.splitn(2, |&b| b == b':').nth(1));
        password.is_some_and(|password| self.is_token(password))
    }

    /// Every token is compared, in constant time, so that the time says nothing about any of them.
    pub(crate) fn is_token(&self, sent: &[u8]) -> bool {
        self.tokens.iter().fold(0, |any, token| any | token.as_bytes().ct_eq(sent).unwrap_u8()) == 1
    }
}

/// What follows a scheme, whose name is case-insensitive.
fn credentials<'a>(sent: &'a HeaderMap, scheme: &[u8]) -> Option<&'a [u8]> {
    let value = sent.get(header::AUTHORIZATION)?.as_bytes();
    let (name, rest) = value.split_at_checked(scheme.len())?;
    rest.strip_prefix(b" ").filter(|_| name.eq_ignore_ascii_case(scheme)).map(<[u8]>::trim_ascii_start)
}

/// Not every client pads the end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-token-of-sixteen";

    fn access(base_url: &str) -> Access {
        Access::new(Visibility::Token, vec![TOKEN.to_owned()], base_url, Vec::new(), LoginMeters::default())
    }

    fn sent(value: &str) -> HeaderMap {
        [(header::AUTHORIZATION, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn password_opens_what_is_read_and_bearer_everything() {
        let access = access("http://localhost:8080");
        for (value, writes, reads) in [
            ("Bearer a-token-of-sixteen", true, true),
            ("bearer a-token-of-sixteen", true, true),
            ("Bearer a-token-of-sixteeN", false, false),
            ("Bearer ", false, false),
            ("Bearer", false, false),
            ("a-token-of-sixteen", false, false),
            ("Basic OmEtdG9rZW4tb2Ytc2l4dGVlbg==", false, true),
            ("basic OmEtdG9rZW4tb2Ytc2l4dGVlbg", false, true),
            ("Basic YS10b2tlbi1vZi1zaXh0ZWVu", false, false),
            ("Basic !", false, false),
            ("Basic OmEtdG9rZW4tb2Ytc2l4dGVl=bg=", false, false),
            ("Basic YS10b2tlbi1vZi1zaXh0ZWVuOg==", false, false),
        ] {
            let sent = sent(value);
            assert_eq!((access.has_token(&sent), access.may_read(&sent).is_ok()), (writes, reads), "{value}");
            assert_eq!(access.may_list(&sent).is_ok(), writes, "{value}");
            let wrong = value.split_whitespace().count() == 2;
            assert!(reads || access.ask_program(&sent).starts_with("that is not") == wrong, "{value}");
        }
    }

    #[test]
    fn base_url_says_where_the_cookie_goes() {
        for (url, base, https) in [
            ("http://localhost:8080", "", false),
            ("https://hits.example.org", "", true),
            ("https://example.org/hits", "/hits", true),
        ] {
            let access = access(url);
            assert_eq!((&*access.base, access.https), (base, https), "{url}");
        }
    }
}
