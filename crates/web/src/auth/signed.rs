//! Requests that are signed with a secret, as GitHub Banners' services signed theirs (it never checked them), and in a
//! form of our own, which covers the body too.
//!
//! `X-Signature` is the HMAC-SHA256 of the lines method, path, `X-Timestamp` and `X-Service`, in hexadecimal digits.
//! With `X-Nonce` it is that of `tallymark-2`, those lines, the nonce, and the SHA-256 of the body. A signature is
//! valid once, and for five minutes. Used signatures are remembered in memory, so requests that were signed before this
//! process started are refused. The signer's clock may be a little ahead, so requests signed in its first seconds are
//! refused too.

use axum::http::{HeaderMap, Method, StatusCode, request::Parts};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};
use tallymark_core::Now;

use crate::error::Problem;

/// How long a signature is valid, in seconds. The signer's clock can be behind ours by as much.
const WINDOW: u64 = 300;
/// How far that clock may be ahead, in seconds.
const AHEAD: u64 = 5;
/// How many signatures are remembered at a time.
const MOST: usize = 10_000;
/// The first line of our own form.
const OURS: &str = "tallymark-2";

type Signature = [u8; 32];

/// Checks signatures.
pub struct Signatures {
    secret: Vec<u8>,
    /// In seconds since 1970.
    began: u64,
    now: fn() -> Now,
    /// Those that were used, with their times.
    used: Mutex<BTreeSet<(u64, Signature)>>,
}

impl Signatures {
    /// Those that were made with this secret, from now on.
    #[must_use]
    pub fn new(secret: &str, now: fn() -> Now) -> Signatures {
        let used = Mutex::default();
        Signatures { secret: secret.as_bytes().to_vec(), began: seconds(now()), now, used }
    }

    /// Accepts a request, once.
    pub(crate) fn check(&self, head: &Parts, body: &[u8]) -> Result<(), Problem> {
        let refused = |why: &str| Err(Problem::new(StatusCode::FORBIDDEN, why));
        let header = |name| word(&head.headers, name);
        let [Some(signature), Some(timestamp), Some(service)] =
            ["x-signature", "x-timestamp", "x-service"].map(header)
        else {
            return refused(
                "this server accepts only signed requests: X-Signature, X-Timestamp and X-Service are needed",
            );
        };
        let lines = lines(&head.method, head.uri.path(), timestamp, service);
        let text = match header("x-nonce") {
            None => lines,
            Some(nonce) => format!("{OURS}\n{lines}\n{nonce}\n{}", hex(&Sha256::digest(body))),
        };
        let Some(signature) = self.verified(&text, signature) else {
            return refused("the signature is wrong");
        };
        let Some(at) = timestamp.parse::<u64>().ok() else { return refused("X-Timestamp is not a time") };
        let now = seconds((self.now)());
        if now.saturating_sub(at) > WINDOW {
            return refused("the signature is older than five minutes, or the clocks differ");
        }
        if at > now.saturating_add(AHEAD) {
            return refused("X-Timestamp is ahead of this server's clock: set the clock that signs");
        }
        // An earlier process may have accepted it, and that is not recorded anywhere.
        if at <= self.began.saturating_add(AHEAD) {
            return refused(
                "it was signed before this server started, or just then: sign it again in a few seconds",
            );
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.split_off(&(now.saturating_sub(WINDOW), Signature::default()));
        if used.contains(&(at, signature)) {
            return refused(match header("x-nonce") {
                Some(_) => "this signature was used already: sign each request with another X-Nonce",
                // It covers the second, and not the body.
                None => {
                    "this signature was used already, perhaps by another request of the same second: \
                     X-Nonce tells them apart (tallymark help banners)"
                }
            });
        }
        if used.len() >= MOST {
            let what = "too many signed requests: try again in five minutes";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, what));
        }
        used.insert((at, signature));
        Ok(())
    }

    /// The bytes of a signature, if it is that of the text.
    fn verified(&self, text: &str, signature: &str) -> Option<Signature> {
        let signature = unhex(signature)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        mac.update(text.as_bytes());
        mac.verify_slice(&signature).ok().map(|()| signature)
    }
}

/// What the original signed.
fn lines(method: &Method, path: &str, timestamp: &str, service: &str) -> String {
    format!("{method}\n{path}\n{timestamp}\n{service}")
}

/// A header that is there once, and fits into a line.
fn word<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().filter(|text| (1..=128).contains(&text.len()))
}

fn seconds(now: Now) -> u64 {
    u64::try_from(now.unix_ms / 1000).unwrap_or(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Signature> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut signature = Signature::default();
    for (at, byte) in signature.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use std::sync::atomic::{AtomicI64, Ordering};

    const SECRET: &str = "0123456789abcdef";
    const BEGAN: u64 = 1_700_000_000;
    static LATER: AtomicI64 = AtomicI64::new(0);

    fn now() -> Now {
        Now { unix_ms: (BEGAN as i64 + LATER.load(Ordering::Relaxed)) * 1000 }
    }

    fn signed(secret: &str, text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    fn head(headers: &[(&str, &str)]) -> Parts {
        let request = Request::builder().method("POST").uri("/banners");
        let all = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        all.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_originals_vectors_are_verified() {
        let signatures = Signatures::new("1234", now);
        for (path, service, signature) in [
            ("/preview", "api", "542a4918d7a44c4a4e15c648366866907902fbce3f622d8b242ac8f020824333"),
            ("/banners", "renderer-ms", "a70f30993326a4fe403f5e6ba7b02e285bca5f4e2bddb7b82866dc047265c194"),
        ] {
            let text = lines(&Method::POST, path, "1700000000", service);
            assert!(signatures.verified(&text, signature).is_some(), "{path}");
            assert!(signatures.verified(&text, &signature.to_uppercase()).is_some());
            assert!(signatures.verified(&text, &signature.replace("33", "34").replace("94", "95")).is_none());
            assert!(Signatures::new("12345", now).verified(&text, signature).is_none());
        }
        for wrong in ["", "54", &"g".repeat(64), &"ü".repeat(32), &"0".repeat(66)] {
            assert!(signatures.verified("", wrong).is_none());
        }
    }

    #[test]
    fn a_signature_is_good_once_for_five_minutes_and_for_one_body() {
        let signatures = Signatures::new(SECRET, now);
        let of = |secret: &str, at: u64| signed(secret, &format!("POST\n/banners\n{at}\napi"));
        let ask = |at: u64, signature: &str, more: &[(&str, &str)], body: &[u8]| {
            let at = at.to_string();
            let given = [("x-signature", signature), ("x-timestamp", &at), ("x-service", "api")];
            signatures.check(&head(&[&given, more].concat()), body).map_err(|problem| problem.what)
        };
        let says = |answer: Result<(), String>, what: &str| {
            assert!(answer.as_ref().is_err_and(|why| why.contains(what)), "{answer:?}")
        };
        says(signatures.check(&head(&[]), b"").map_err(|problem| problem.what), "are needed");
        let soon = BEGAN + 10;
        LATER.store(10, Ordering::Relaxed);
        says(ask(soon, &of("another secret of 16", soon), &[], b""), "is wrong");
        says(ask(soon, &of(SECRET, soon + 1), &[], b""), "is wrong");
        for early in [BEGAN, BEGAN + AHEAD] {
            says(ask(early, &of(SECRET, early), &[], b""), "before this server started");
        }
        for ahead in [soon + AHEAD + 1, soon + WINDOW, u64::MAX] {
            says(ask(ahead, &of(SECRET, ahead), &[], b""), "ahead of this server's clock");
        }
        // What a process accepts, no process accepts that begins while it is good.
        let latest = soon + AHEAD;
        assert_eq!(ask(latest, &of(SECRET, latest), &[], b""), Ok(()));
        let restarted = Signatures::new(SECRET, now);
        let stamp = latest.to_string();
        let given = [("x-signature", &*of(SECRET, latest)), ("x-timestamp", &stamp), ("x-service", "api")];
        for later in [10, 10 + AHEAD, 10 + WINDOW] {
            LATER.store(i64::try_from(later).unwrap(), Ordering::Relaxed);
            says(
                restarted.check(&head(&given), b"").map_err(|problem| problem.what),
                "before this server started",
            );
        }
        LATER.store(10, Ordering::Relaxed);
        assert_eq!(ask(soon, &of(SECRET, soon), &[], b"x"), Ok(()));
        says(ask(soon, &of(SECRET, soon), &[], b"y"), "X-Nonce tells them apart");
        // Our form: another nonce is another signature, and the body is part of it.
        let ours = |nonce: &str, body: &[u8]| {
            let digest = hex(&Sha256::digest(body));
            signed(SECRET, &format!("tallymark-2\nPOST\n/banners\n{soon}\napi\n{nonce}\n{digest}"))
        };
        for nonce in ["a", "b"] {
            says(ask(soon, &ours(nonce, b"{}"), &[("x-nonce", nonce)], b"[]"), "is wrong");
            says(ask(soon, &ours(nonce, b"{}"), &[], b"{}"), "is wrong");
            assert_eq!(ask(soon, &ours(nonce, b"{}"), &[("x-nonce", nonce)], b"{}"), Ok(()));
            says(ask(soon, &ours(nonce, b"{}"), &[("x-nonce", nonce)], b"{}"), "used already");
        }
        LATER.store(400, Ordering::Relaxed);
        says(ask(soon, &of(SECRET, soon), &[], b"x"), "five minutes");
        let later = BEGAN + 400;
        assert_eq!(ask(later, &of(SECRET, later), &[], b"x"), Ok(()));
        assert_eq!(signatures.used.lock().unwrap().len(), 1, "what no clock accepts is forgotten");
    }
}
