//! Bytes that are no request, or one at the edge: what is answered, byte by byte as it goes over the wire.

use crate::Bed;
use tallymark_testbed::http::{self, Client};

/// What becomes of it.
enum Fate {
    /// It is answered, with one of these, and the next request on the connection too.
    Answered(&'static [u16]),
    /// It is answered with one of these or with nothing, and the connection ends.
    Cut(&'static [u16]),
}

use Fate::{Answered, Cut};

fn rows() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let get = |target: &str, headers: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes()
    };
    let post = |headers: &str, body: &str| {
        let token = "Authorization: Bearer a-token-of-sixteen\r\nContent-Type: application/json\r\n";
        format!("POST /api/v1/hits HTTP/1.1\r\nHost: x\r\n{token}{headers}\r\n{body}").into_bytes()
    };
    let hit = "[{\"name\":\"w\"}]";
    let json = "/badge/a/b.json";
    vec![
        ("a request", get(json, ""), Answered(&[200])),
        ("a head of 300 KiB", get(json, &format!("X: {}\r\n", "x".repeat(300_000))), Cut(&[431])),
        ("10,000 headers", get(json, &"X: y\r\n".repeat(10_000)), Cut(&[431])),
        ("no host", format!("GET {json} HTTP/1.1\r\n\r\n").into_bytes(), Answered(&[400])),
        ("two hosts", get(json, "Host: y\r\n"), Answered(&[400])),
        ("150 headers", get(json, &"X: y\r\n".repeat(150)), Cut(&[431])),
        ("a header of 30 KiB", get(json, &format!("X: {}\r\n", "x".repeat(30_000))), Answered(&[200])),
        ("an address of 300 KiB", get(&format!("/name/{}", "x".repeat(300_000)), ""), Cut(&[414, 431])),
        ("an address of 60 KiB", get(&format!("/name/{}", "x".repeat(60_000)), ""), Answered(&[400])),
        ("1,000 parameters", get(&format!("/?{}", "a=b&".repeat(1000)), ""), Answered(&[200])),
        ("an escaped slash", get("/badge/a%2Fb.json", ""), Answered(&[200])),
        ("a semicolon", get("/badge/a;b.json;c", ""), Answered(&[404])),
        ("two slashes", get("//badge//a//b.json", ""), Answered(&[404])),
        ("a path upwards", get("/badge/../../etc/passwd.json", ""), Answered(&[200, 400])),
        ("an escaped path upwards", get("/assets/..%2f..%2fCargo.toml", ""), Answered(&[404])),
        ("escaped line ends", get("/badge/x%0d%0aSet-Cookie:a=b.json", ""), Answered(&[400])),
        ("an escaped NUL", get("/badge/x%00y.json", ""), Answered(&[400])),
        ("a malformed escape", get("/badge/%zz%.json", ""), Answered(&[200])),
        ("bytes that are no UTF-8", get("/badge/%ff%fe.json", ""), Answered(&[400])),
        ("a whole URL", get("http://elsewhere.example/badge/a/b.json", ""), Answered(&[200])),
        ("an asterisk", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), Answered(&[400, 404, 405])),
        ("a tunnel", b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), Answered(&[400, 404, 405])),
        ("a method of its own", b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), Answered(&[405])),
        ("HTTP/1.0", format!("GET {json} HTTP/1.0\r\n\r\n").into_bytes(), Cut(&[200])),
        ("HTTP/0.9", format!("GET {json}\r\n\r\n").into_bytes(), Cut(&[400])),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Cut(&[400])),
        (
            "an upgrade to HTTP/2",
            get(
                json,
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            ),
            Answered(&[200]),
        ),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(9), Cut(&[400])),
        ("zeros", vec![0; 4096], Cut(&[400])),
        ("line ends alone", b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), Answered(&[200])),
        ("a folded header", get(json, "X: a\r\n b\r\n"), Cut(&[400])),
        ("a NUL in a header", get(json, "X: a\0b\r\n"), Cut(&[400])),
        (
            "chunks on a GET",
            get(json, "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n").to_vec(),
            Answered(&[200]),
        ),
        (
            "a length on a GET",
            [get(json, "Content-Length: 3\r\n"), b"abc".to_vec()].concat(),
            Answered(&[200]),
        ),
        ("two lengths", post("Content-Length: 14\r\nContent-Length: 3\r\n", hit), Cut(&[400])),
        (
            "a length and chunks",
            post("Content-Length: 14\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            Cut(&[400]),
        ),
        ("a length that is none", post("Content-Length: -1\r\n", hit), Cut(&[400])),
        ("a chunk that is none", post("Transfer-Encoding: chunked\r\n", "zz\r\n\r\n"), Cut(&[400, 413])),
        ("a body in time", post("Content-Length: 14\r\n", hit), Answered(&[200])),
        (
            "a body that waits to be asked for",
            post("Content-Length: 14\r\nExpect: 100-continue\r\n", hit),
            Answered(&[200]),
        ),
        ("a body that is too large", post("Content-Length: 70000\r\n", &" ".repeat(70_000)), Cut(&[413])),
        ("a body of a gigabyte", post("Content-Length: 1073741824\r\n", hit), Cut(&[413])),
    ]
}

/// Sends every row, each followed by a request that has to be answered on the same connection or on another. Answers
/// how many rows there are.
pub(super) fn run(bed: &Bed) -> usize {
    let rows = rows();
    for (name, bytes, fate) in &rows {
        let mut client = Client::connect(bed.addr());
        // A client that is refused early may not be able to send the rest.
        let sent = client.send_raw(bytes);
        let answer = client.read_response(false);
        let status = answer.as_ref().ok().map(|answer| answer.status);
        match fate {
            Answered(statuses) => {
                assert!(
                    sent.is_ok() && status.is_some_and(|it| statuses.contains(&it)),
                    "{name}: {answer:?}"
                );
                let next = client.get("/healthz");
                assert_eq!((next.status, next.text()), (200, "{\"status\":\"ok\"}"), "{name}");
            }
            Cut(statuses) => {
                assert!(status.is_none_or(|it| statuses.contains(&it)), "{name}: {answer:?}");
                let more = client.send_raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
                assert!(more.and_then(|()| client.read_response(false)).is_err(), "{name}: it goes on");
            }
        }
        if let Ok(answer) = answer {
            assert!(answer.header("Set-Cookie").is_none(), "{name}");
        }
        assert_eq!(http::get(bed.addr(), "/healthz").status, 200, "{name}");
    }
    rows.len()
}
