//! Browser sessions: a bounded number of random secrets. They end with this process, or after a week.
//!
//! A cookie computed from the token would survive a restart, but it could not be revoked, and a thief could test tokens
//! against it offline. A token allows more than a session does.

use crate::headers::cookies;
use axum::http::HeaderMap;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The name of the cookie.
pub(crate) const COOKIE: &str = "tallymark_session";
/// How long a session lasts.
pub(crate) const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// The maximum number of sessions. A new one replaces the oldest.
const MOST: usize = 1000;

/// Two random UUIDs in hexadecimal digits: 244 random bits.
type Secret = [u8; 64];

struct Session {
    secret: Secret,
    ends: Instant,
}

/// The sessions, the oldest first.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<VecDeque<Session>>);

impl Sessions {
    /// Creates a session. Returns the value of its cookie.
    pub(crate) fn begin(&self) -> String {
        let text = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut secret = [0; 64];
        secret.copy_from_slice(text.as_bytes());
        let mut sessions = self.lock();
        let now = Instant::now();
        sessions.retain(|session| session.ends > now);
        if sessions.len() >= MOST {
            sessions.pop_front();
        }
        sessions.push_back(Session { secret, ends: now + LIFETIME });
        text
    }

    /// Whether a request has the cookie of a session.
    pub(crate) fn knows(&self, sent: &HeaderMap) -> bool {
        secrets(sent).any(|secret| self.find(&mut self.lock(), secret).is_some())
    }

    /// Ends the session of a request. Returns whether there was one.
    pub(crate) fn end(&self, sent: &HeaderMap) -> bool {
        let mut ended = false;
        for secret in secrets(sent) {
            let mut sessions = self.lock();
            if let Some(at) = self.find(&mut sessions, secret) {
                sessions.remove(at);
                ended = true;
            }
        }
        ended
    }

    /// Every session is compared, in constant time.
    fn find(&self, sessions: &mut VecDeque<Session>, secret: &[u8]) -> Option<usize> {
        let now = Instant::now();
        let mut found = None;
        for (at, session) in sessions.iter().enumerate() {
            let same = session.secret[..].ct_eq(secret).unwrap_u8() == 1;
            if same && session.ends > now {
                found = Some(at);
            }
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The values of the cookies with our name that can be secrets.
fn secrets(sent: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    cookies(sent, COOKIE).filter(|value| value.len() == size_of::<Secret>()).take(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header;

    fn with(cookie: &str) -> HeaderMap {
        [(header::COOKIE, cookie.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn session_is_known_among_other_cookies_until_it_ends() {
        let sessions = Sessions::default();
        let (one, other) = (sessions.begin(), sessions.begin());
        assert_ne!(one, other);
        let sent = with(&format!("a=b; {COOKIE}=x;{COOKIE}={one}; c"));
        assert!(sessions.knows(&sent));
        for none in [
            "",
            "a=b",
            &format!("{COOKIE}="),
            &format!("x{COOKIE}={one}"),
            &format!("{COOKIE}={}", "0".repeat(64)),
        ] {
            assert!(!sessions.knows(&with(none)) && !sessions.end(&with(none)), "{none}");
        }
        assert!(sessions.end(&sent) && !sessions.knows(&sent) && !sessions.end(&sent));
        assert!(sessions.knows(&with(&format!("{COOKIE}={other}"))));
    }

    #[test]
    fn sessions_are_bounded_and_the_oldest_goes() {
        let sessions = Sessions::default();
        let first = sessions.begin();
        let second = sessions.begin();
        for _ in 0..MOST - 1 {
            sessions.begin();
        }
        assert_eq!(sessions.lock().len(), MOST);
        let knows = |secret: &str| sessions.knows(&with(&format!("{COOKIE}={secret}")));
        assert!(!knows(&first) && knows(&second));
    }

    #[test]
    fn session_that_is_over_opens_nothing_and_makes_room() {
        let sessions = Sessions::default();
        let old = sessions.begin();
        sessions.lock()[0].ends = Instant::now();
        assert!(!sessions.knows(&with(&format!("{COOKIE}={old}"))));
        sessions.begin();
        assert_eq!(sessions.lock().len(), 1);
    }
}
