//! The address that pages hand out, when nobody has said what it is: behind a proxy the guess is wrong, and nothing but the
//! requests themselves shows it. The binary lays this over the routes where `base-url` is not set.

use axum::{
    Router,
    extract::{Request, State},
    http::header,
    middleware::{self, Next},
    response::Response,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tracing::warn;

/// Says once in the log that somebody knows this server by another name than its pages do.
pub fn warn_of_foreign_host(routes: Router, base_url: &str) -> Router {
    let guess = Arc::new(Guess { base_url: base_url.to_owned(), warned: AtomicBool::new(false) });
    routes.layer(middleware::from_fn_with_state(guess, look))
}

struct Guess {
    base_url: String,
    warned: AtomicBool,
}

async fn look(State(guess): State<Arc<Guess>>, request: Request, next: Next) -> Response {
    if !guess.warned.load(Ordering::Relaxed)
        && let Some(host) = request.headers().get(header::HOST).and_then(|host| host.to_str().ok())
        && is_public_name(host)
        && !guess.warned.swap(true, Ordering::Relaxed)
    {
        let base_url = &guess.base_url;
        warn!(
            "people come here as {host}, but pages hand out links to {base_url}: set base-url under [http], or --base-url"
        );
    }
    next.run(request).await
}

/// Whether it is the name of a site, and not of this machine. A request may claim any name, and this one goes to the log.
fn is_public_name(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let letters = name
        .rsplit('.')
        .next()
        .is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_alphabetic()));
    name.contains('.')
        && name.len() <= 253
        && letters
        && name.bytes().all(plain)
        && port.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_sites_are_told_of() {
        for name in ["hits.example.org", "hits.example.org:8443"] {
            assert!(is_public_name(name), "{name}");
        }
        for none in [
            "localhost",
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:80",
            "web1",
            "a.b c",
            "x.y\u{1b}",
            "a.b:c",
            "a.",
        ] {
            assert!(!is_public_name(none), "{none}");
        }
    }
}
