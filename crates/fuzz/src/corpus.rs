//! What the mutator starts from: the examples, what the readers' formats look like, and what once crashed one of them.

use std::path::Path;

const LINES: &[&[u8]] = &[
    br#"<158>Nov 20 03:59:49 vm badge: "2026-11-20","a%2Fb""#,
    br#"<158>Nov  5 03:59:49 badge: "2026-11-05","x""#,
    br#"<158>1 2026-11-20T03:59:49+00:00 vm vm - - [meta sequenceId="1" a="\]"] badge: "2026-11-20","a%252Fb""#,
    br#"<158>Nov 20 12:00:00 web1 tallymark: "1795176030.123","owner/repo""#,
    br#"<158>Nov 20 03:59:49 vm badge[42]: "2026-11-20","\xE2\x98\x83","-""#,
    br#""2026-11-20","a""b",7"#,
    b"",
];

const STREAMS: &[&[u8]] = &[
    b"<158>Nov 20 03:59:49 vm badge: \"2026-11-20\",\"a\"\n<158>x\r\n\n",
    b"12 <158>Nov 20 \n5 hello0 3 abc",
    b"0005 hello99999999999 x",
];

const ACCESS: &[&[u8]] = &[
    br#"203.0.113.9 - - [20/Nov/2026:12:00:00 +0100] "GET /badge.svg?repo=a/b HTTP/1.1" 200 1234 "-" "camo""#,
    br#"2001:db8::1 - bob [01/Jan/2027:00:00:00 -1130] "GET /badge/o%2Fr.svg?x=1&count=false HTTP/2.0" 304 0"#,
    br#"::1 - - [20/Nov/2026:12:00:00 +0000] "\x16\x03\x01" 400 150 "-" "-""#,
];

const NAMES: &[&[u8]] =
    &[b"a/b", b"..%2F..%2Fetc", b"%", b"a%25252Fb", "\u{65e5}\u{672c}/~x".as_bytes(), b"~all", b"-"];

const CONFIGS: &[&[u8]] = &[
    include_bytes!("../../../examples/tallymark.toml"),
    b"[store]\nurl = \"redis://127.0.0.1\"\ntick = \"10ms\"\noutbox-max-bytes = \"1GiB\"\n",
    b"[[source]]\nkind = \"syslog-tcp\"\nlisten = \"[::1]:1\"\nallow = [\"10.0.0.0/8\"]\nframing = \"counted\"\n",
    b"[[route]]\ntag = \"x\"\ncolumns = [\"name\", \"time\"]\ndecode = 3\nnames = \"github\"\n",
];

const REQUESTS: &[&[u8]] = &[
    b"GET /badge.svg?repo=a/b&style=flat&color=%23fff&label=%3Cscript%3E",
    b"GET /badge/a%2Fb.svg?count=false",
    b"GET /badge/a/b.json",
    b"GET /name/o/r",
    b"GET /repo/o/r?x=1",
    b"HEAD /",
    b"POST /badge.svg?repo=a",
    b"GET /badge.svg?repo=..%2f..%2fetc&repo=b&format=short",
    b"POST /hit\nurl=http%3A%2F%2Fwww.olark.com%2F&timestamp=0",
    b"POST /hit?url=a+b&timestamp=1709210096789\n",
    b"POST /hit\n{\"url\":\"http:\\/\\/x/?a=1\\u0026b\",\"timestamp\":\"1709210096789\"}",
    b"GET /hit?url=http%3A%2F%2Fx%2F%3Cscript%3E&timestamp=1795176000000",
    b"GET /hits?timestamp=1709210096789&limit=10",
    b"GET /stats?callback=a.b",
    b"GET /stats/track/all/pageview/2013/02/09/7",
    b"GET /api/stats/funnels/%3Cscript%3E/order/2013/9?callback=f",
    b"GET /stats/track/a%2Fb",
];

const BLOCKS: &[&[u8]] = &[
    b"",
    b"\x01\x03hit\x01\x03a/b\x01\x00\x01\x05",
    b"\x03hit\x03a/b\x02\x00\x01\x02\x05\x85order\x03a/b\x01\x00\x05\x02\x08\x06closed\x04\x08\x09~overflow\x01",
];

const MESSAGES: &[&[u8]] = &[
    br#"pageview {"type":"pageview","time":"2026-11-20T12:00:00.789-03:00","data":{"account":"acme","unq":"1"}}"#,
    br#"order {"type":"order","data":{"account":"a/b","status":"closed","browser":{"name":["x"]}}}"#,
    br#" {"type":"apievent","data":{"account":7,"status":null}}"#,
];

/// A greeting, a handshake, and messages short, long and in parts.
const PUBLISHERS: &[&[u8]] = &[
    b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
      \x04\x26\x05READY\x0bSocket-Type\0\0\0\x03PUB\x08Identity\0\0\0\0\0\x03t a\x01\x01a\0\x01b\x02\0\0\0\0\0\0\0\x02hi\x04\x07\x04PING\0\0",
];

/// The inputs of a target.
pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    let rows = match target {
        "stream" => [STREAMS, LINES].concat(),
        "combined" => ACCESS.to_vec(),
        "name" => NAMES.to_vec(),
        "config" => CONFIGS.to_vec(),
        "http" => REQUESTS.to_vec(),
        "outbox" => BLOCKS.to_vec(),
        "zmq" => MESSAGES.to_vec(),
        "zmtp" => PUBLISHERS.to_vec(),
        _ => LINES.to_vec(),
    };
    let mut corpus: Vec<Vec<u8>> = rows.into_iter().map(<[u8]>::to_vec).collect();
    if matches!(target, "datagram" | "record") {
        let log = include_bytes!("../../../examples/badge.log");
        corpus.extend(log.split(|&byte| byte == b'\n').map(<[u8]>::to_vec));
    }
    corpus.extend(crashers(target));
    corpus
}

/// Files of `crashers/TARGET`, raw.
fn crashers(target: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("crashers").join(target);
    let files = std::fs::read_dir(dir).into_iter().flatten();
    files.filter_map(|file| std::fs::read(file.ok()?.path()).ok()).collect()
}
