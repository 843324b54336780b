//! Requests that are nearly right: addresses, parameters and headers with pieces of each other in them.

use crate::{Bed, Random};
use tallymark_testbed::http::Client;

const PATHS: &[&str] = &[
    "/",
    "/index.html",
    "/compare",
    "/name",
    "/name/a/b",
    "/repo/a/b",
    "/badge.svg",
    "/badge/a/b.svg",
    "/badge/a/b.json",
    "/graph.svg",
    "/graph/a/b.svg",
    "/api/v1/counters",
    "/api/v1/counters/a/b",
    "/api/v1/counters/a/b/series",
    "/api/v1/counters/a/b/series.csv",
    "/api/v1/summary",
    "/api/v1/hits",
    "/hit",
    "/hits",
    "/openapi.json",
    "/assets/live.js",
    "/assets/style.css",
    "/healthz",
    "/readyz",
    "/metrics",
    "/favicon.ico",
];
const KEYS: &[&str] = &[
    "repo",
    "name",
    "compare",
    "event",
    "period",
    "sort",
    "dir",
    "rows",
    "search",
    "after",
    "limit",
    "prefix",
    "from",
    "to",
    "step",
    "style",
    "label",
    "color",
    "labelColor",
    "logo",
    "format",
    "base",
    "show",
    "theme",
    "count",
    "width",
    "url",
    "timestamp",
    "link",
];
const VALUES: &[&str] = &[
    "",
    "a/b",
    "hit",
    "like",
    "all",
    "day",
    "minute",
    "30d",
    "24h",
    "12mo",
    "count",
    "hits",
    "name",
    "asc",
    "desc",
    "1",
    "0",
    "-1",
    "25",
    "1000",
    "99999999999999999999",
    "1e9",
    "2026-11-20",
    "2026-11-20T00:00:00Z",
    "1970-01-01",
    "9999-12-31",
    "month",
    "hour",
    "spark",
    "flat",
    "red",
    "%23fff",
    "%00",
    "%ff",
    "%",
    "%2F..%2F",
    "~all",
    "~overflow",
    "%3Cscript%3E",
    "%E2%80%AE",
    "%F0%9F%98%80",
    "%22%27%3E",
    "%0D%0A",
    "data:image/png;base64,AAAA",
    "true",
    "no",
    "+",
    "a+b",
    "31",
    "2a",
    "zz",
];
const METHODS: &[&str] = &["GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
const HEADERS: &[&str] = &[
    "Accept: text/csv",
    "Accept: */*;q=x",
    "Authorization: Bearer x",
    "Authorization: Basic \u{ff}",
    "If-None-Match: \"0\"",
    "Range: bytes=0-0,5-",
    "Content-Type: application/json",
    "Content-Type: multipart/x",
    "X-Forwarded-For: 1.2.3.4, , [::1]:9",
    "Origin: null",
    "Sec-Purpose: prefetch",
    "Accept-Encoding: gzip",
    "User-Agent: github-camo (876de43e)",
    "Idempotency-Key: a",
    "Expect: 100-continue",
];
const BODIES: &[&str] =
    &["", "[]", "[{}]", "{", "url=a&timestamp=0", "[{\"name\":\"x\",\"count\":-1}]", "\u{0}\u{ff}"];

/// Sends N requests. Returns how many were answered, and how many connections ended instead.
pub(super) fn run(bed: &Bed, requests: u64, mut random: Random) -> (u64, u64) {
    let (mut client, mut answers, mut cut) = (Client::connect(bed.addr()), 0, 0);
    for _ in 0..requests {
        let (head, bytes) = request(&mut random);
        let answer = client.send_raw(&bytes).and_then(|()| client.read_response(head));
        match answer {
            Ok(answer) => {
                let asked = String::from_utf8_lossy(&bytes);
                assert!(answer.status < 500, "{}: {asked}\n{}", answer.status, answer.text());
                answers += 1;
                if answer.header("Connection").is_some_and(|it| it.eq_ignore_ascii_case("close")) {
                    client = Client::connect(bed.addr());
                }
            }
            Err(_) => {
                cut += 1;
                client = Client::connect(bed.addr());
            }
        }
    }
    (answers, cut)
}

/// One request, and whether it is a HEAD.
fn request(random: &mut Random) -> (bool, Vec<u8>) {
    let method = pick(random, METHODS);
    let mut target = pick(random, PATHS).to_owned();
    if random.within(0, 4) == 0 {
        target += pick(random, VALUES);
    }
    for at in 0..random.within(0, 5) {
        let (key, value) = (pick(random, KEYS), pick(random, VALUES));
        target += &format!("{}{key}={value}", if at == 0 { '?' } else { '&' });
    }
    // A byte somewhere is another one.
    let mut target = target.into_bytes();
    if random.within(0, 3) == 0 {
        let at = random.within(0, target.len() as u64) as usize;
        let byte = random.within(0, 256) as u8;
        // A line end would make two requests of one, whose answers would be taken for each other's.
        if !matches!(byte, b'\r' | b'\n' | b' ') {
            target[at] = byte;
        }
    }
    let body = if matches!(method, "POST" | "PUT" | "PATCH") { pick(random, BODIES) } else { "" };
    let mut head = format!(" HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n", body.len());
    for _ in 0..random.within(0, 3) {
        head += pick(random, HEADERS);
        head += "\r\n";
    }
    let bytes = [method.as_bytes(), b" ", &target, head.as_bytes(), b"\r\n", body.as_bytes()].concat();
    (method == "HEAD", bytes)
}

fn pick(random: &mut Random, from: &[&'static str]) -> &'static str {
    from[random.within(0, from.len() as u64) as usize]
}
