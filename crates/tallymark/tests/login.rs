//! Logging in at the running binary, as a browser does it: form, cookie, pages, and out again.

use crate::common::Place;
use std::fmt::Write;
use tallymark_testbed::http::{self, Response};

const TOKEN: &str = "a-token-of-sixteen";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn place(more: &str) -> Place {
    Place::with_config(&format!("[http]\nvisibility = \"token\"\ntokens = [\"{TOKEN}\"]\n{more}"))
}

fn log_in(place: &Place, token: &str, next: &str, headers: &[(&str, &str)]) -> Response {
    let next = next.bytes().fold(String::new(), |mut text, b| {
        let _ = write!(text, "%{b:02x}");
        text
    });
    let body = format!("next={next}&token={token}");
    http::request("POST", place.addr(), "/login", &[&[FORM], headers].concat(), body.as_bytes())
}

fn get(place: &Place, path: &str, header: (&str, &str)) -> Response {
    http::request("GET", place.addr(), path, &[("Accept", "text/html"), header], b"")
}

/// The text of a page, with its slashes as they are meant.
fn page_of(answer: &Response) -> String {
    answer.text().replace("&#x2f;", "/")
}

/// The cookie as a browser sends it back.
#[track_caller]
fn cookie(answer: &Response) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("a cookie: {:?}", answer.headers));
    set.split(';').next().unwrap_or_default().to_owned()
}

#[test]
fn browser_logs_in_reads_and_logs_out() {
    let place = place("");
    let _daemon = place.serve();
    let page = "/repo/you/repo?period=7d";
    let asked = get(&place, page, ("Cookie", "a=b"));
    assert_eq!(asked.status, 401);
    assert!(page_of(&asked).contains("value=\"/repo/you/repo?period=7d\""), "{}", asked.text());
    assert!(
        asked.header("content-security-policy").is_some_and(|policy| policy.contains("form-action 'self'"))
    );

    let answer = log_in(&place, TOKEN, page, &[]);
    assert_eq!(answer.header("location"), Some(page));
    let set = answer.header("set-cookie").unwrap_or_default();
    assert!(set.ends_with("; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"), "{set}");
    assert!(!set.contains(TOKEN), "{set}");
    let cookie = cookie(&answer);
    for path in [page, "/", "/compare?name=a", "/api/v1/summary", "/api/v1/counters/you/repo/series.csv"] {
        assert_eq!(get(&place, path, ("Cookie", &cookie)).status, 200, "{path}");
    }
    let shown = get(&place, page, ("Cookie", &cookie));
    assert!(page_of(&shown).contains("action=\"/logout\""), "{}", shown.text());
    // A browser sends cookies along without being asked, so they open nothing that another site could use.
    for path in ["/hits", "/stats/series"] {
        assert_eq!(get(&place, path, ("Cookie", &cookie)).status, 401, "{path}");
    }
    let json = ("Content-Type", "application/json");
    let hits =
        |by| http::request("POST", place.addr(), "/api/v1/hits", &[json, by], br#"[{"name":"a"}]"#).status;
    let basic = "Basic eW91OmEtdG9rZW4tb2Ytc2l4dGVlbg==";
    assert_eq!(hits(("Cookie", &cookie)), 401);
    assert_eq!(hits(("Authorization", basic)), 401);
    assert_eq!(hits(("Authorization", "Bearer a-token-of-sixteen")), 200);
    assert_eq!(get(&place, "/api/v1/summary", ("Authorization", basic)).status, 200);
    assert_eq!(get(&place, page, ("Authorization", basic)).status, 200);

    // Another site's page cannot log a user out, because its request has no cookie.
    let nobody = http::request("POST", place.addr(), "/logout", &[], b"");
    assert_eq!((nobody.status, nobody.header("set-cookie")), (303, None));
    let out = http::request("POST", place.addr(), "/logout", &[("Cookie", &cookie)], b"");
    assert_eq!((out.status, out.header("location")), (303, Some("/login")));
    assert!(
        out.header("set-cookie").is_some_and(|set| set.starts_with("tallymark_session=; Path=/; Max-Age=0;"))
    );
    assert_eq!(get(&place, page, ("Cookie", &cookie)).status, 401, "a copy of the cookie is worth nothing");
}

#[test]
fn wrong_tokens_are_refused_counted_and_at_last_not_looked_at() {
    let place = place("");
    let _daemon = place.serve();
    for token in
        ["", "a-token-of-sixteeN", "a-token-of-sixteen%00", "%ff", "a-token-of-sixteen&token=x&next=//b"]
    {
        let answer = log_in(&place, token, "//evil.example/", &[]);
        let good = token.starts_with("a-token-of-sixteen&");
        assert_eq!(answer.status, if good { 303 } else { 401 }, "{token}");
        assert_eq!(answer.header("location"), good.then_some("/"), "{token}");
        assert!(good || answer.text().contains("That is not one of the tokens."), "{}", answer.text());
    }
    for _ in 0..6 {
        assert_eq!(log_in(&place, "wrong", "/", &[]).status, 401);
    }
    let limited = log_in(&place, TOKEN, "/", &[]);
    assert_eq!(limited.status, 429);
    assert!(limited.header("retry-after").is_some_and(|wait| wait.parse().is_ok_and(|n: u64| n <= 7)));
    // Another client behind the same proxy is not affected; a direct client could claim any address.
    assert_eq!(log_in(&place, TOKEN, "/", &[("X-Forwarded-For", "192.0.2.1")]).status, 303);
    let long = "x".repeat(40_000);
    assert_eq!(log_in(&place, &long, "/", &[]).status, 413);
    let metrics = place.metrics();
    for (outcome, count) in [("accepted", 2), ("refused", 10), ("limited", 1)] {
        let key = format!("tallymark_logins_total{{outcome=\"{outcome}\"}}");
        assert_eq!(metrics.get(&key), count, "{outcome}");
    }
}

#[test]
fn cookie_belongs_to_the_path_of_the_base_url_and_to_https() {
    let place = place("base-url = \"https://example.org/hits\"\n");
    let _daemon = place.serve();
    let asked = get(&place, "/name/a", ("Cookie", "a=b"));
    assert!(page_of(&asked).contains("<form action=\"/hits/login\""), "{}", asked.text());
    let answer = log_in(&place, TOKEN, "/name/a", &[]);
    assert_eq!(answer.header("location"), Some("/hits/name/a"));
    let set = answer.header("set-cookie").unwrap_or_default();
    assert!(set.ends_with("; Path=/hits; Max-Age=604800; HttpOnly; SameSite=Strict; Secure"), "{set}");
    assert_eq!(get(&place, "/name/a", ("Cookie", &cookie(&answer))).status, 200);
}
