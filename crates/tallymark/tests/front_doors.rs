//! Both front doors count the same requests: the nginx configuration that `nginx-conf` prints, and the daemon's own
//! HTTP server. One table of requests goes through both, to badges that are files already and to badges that are not.

use crate::common::{PATIENCE, Place, stop};
use std::net::{Ipv6Addr, SocketAddr};
use tallymark_testbed::{Nginx, free_tcp_port, http, wait_until};

#[derive(Clone)]
struct Row {
    method: &'static str,
    query: String,
    headers: Vec<(&'static str, &'static str)>,
    counts: bool,
}

/// What the daemon alone judges: looks that it refuses, slips of the hand, and what disagrees.
fn is_for_the_daemon(row: &Row) -> bool {
    const REFUSED: [&str; 15] = [
        "%63ount=false",
        "color=nosuchcolor",
        "labelColor=zz!",
        "format=bogus",
        "style=flat&style=social",
        "padding=3",
        "period=today&show=total",
        "countx=1",
        "counts=no",
        "events=like",
        "evnt=like",
        "vent=like",
        "cuont=false",
        "cont=false",
        "cnout=false",
    ];
    REFUSED.contains(&row.query.as_str())
}

fn get(query: &str, counts: bool) -> Row {
    Row { method: "GET", query: query.to_owned(), headers: Vec::new(), counts }
}

/// Every case in which a word may be written.
fn cases(words: &[&str]) -> Vec<String> {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    words.iter().flat_map(|word| [(*word).to_owned(), word.to_uppercase(), capital(word)]).collect()
}

/// Requests, and whether one adds to the count.
fn table() -> Vec<Row> {
    let mut rows = vec![get("", true), get("v=1", true)];
    for value in cases(&["false", "0", "off", "no"]) {
        rows.push(get(&format!("count={value}"), false));
    }
    for value in cases(&["true", "1", "on", "yes"]) {
        rows.push(get(&format!("count={value}"), true));
    }
    // What is neither is refused, and no picture of the number is shown.
    for value in [
        "nope",
        "",
        "2",
        "00",
        "-1",
        "-",
        "null",
        "falsee",
        "fals",
        "flase",
        "no+",
        "+no",
        "false%20",
        "%20false",
        "true%00",
        "%22no%22",
        "%",
        "%zz",
        "%2566alse",
        "false;",
        "no,yes",
        "n%C3%B6",
        "yes%0A",
        "0.0",
    ] {
        rows.push(get(&format!("count={value}"), false));
    }
    for value in ["%66alse", "%46ALSE", "fals%65", "%30", "n%6f", "N%6F", "o%66%66", "%66%61%6c%73%65"] {
        rows.push(get(&format!("count={value}"), false));
    }
    for value in ["%74rue", "%54RUE", "%31", "y%65s", "O%4e", "%6F%6e", "%59%45%53", "%74%72%75%65"] {
        rows.push(get(&format!("count={value}"), true));
    }
    for (query, counts) in [
        ("COUNT=false", false),
        ("Count=no", false),
        ("count", false),
        ("count=false&count=true", false),
        ("count=true&count=false", true),
        ("count=nope&count=true", false),
        ("count=true&count=nope", true),
        ("count=%66alse&count=true", false),
        ("count=true&count=%66alse", true),
        ("count=%74rue&count=false", true),
        ("v=1&COUNT=%74RUE", true),
        ("count=%74rue&label=x", true),
        ("count=%74rue&event=hit", true),
        ("count=%74rue&event=like", false),
        ("event=%68%69%74&count=%6Eo", false),
        ("event=%48it", false),
        ("EVENT=hit", true),
        ("countx=1&count=no", false),
        ("countx=1", false),
        ("x&count", false),
        ("count&count=true", false),
        ("count=&count=true", false),
        ("Count=no&count=yes", false),
        ("v=1&count=off&w=2", false),
        ("&&count=0", false),
        ("count=true&", true),
        // Other parameters, whatever they look like.
        ("xcount=false", true),
        ("count[]=false", true),
        ("counts=no", false),
        ("x=count=false", true),
        ("x=%26count=false", true),
        ("%63ount=false", false),
        // Looks: right ones are drawn and count, wrong ones are refused.
        ("label=x", true),
        ("label=x&count=no", false),
        // Another event is shown, and is not made by looking at it.
        ("event=hit", true),
        ("event=%68it", true),
        ("Event=hit&count=no", false),
        ("event=like", false),
        ("v=1&event=visit", false),
        ("event=like&event=hit", false),
        ("event=hit&event=like", false),
        ("event=hit&v=1&EVENT=hit", false),
        ("event=hit&xevent=hit", true),
        ("event=Hit", false),
        ("event=", false),
        ("event", false),
        ("events=like", false),
        ("evnt=like", false),
        ("vent=like", false),
        ("env=like", true),
        ("cuont=false", false),
        ("cont=false", false),
        ("cnout=false", false),
        ("continent=x", true),
        ("color=red&count=%6Eo", false),
        ("color=nosuchcolor", false),
        ("labelColor=zz!", false),
        ("format=short", true),
        ("format=bogus", false),
        ("style=flat", true),
        ("style=flat&style=social", false),
        ("padding=3", false),
        ("size=", true),
        ("event=like&show=visits", false),
        ("period=today&show=total", false),
    ] {
        rows.push(get(query, counts));
    }
    rows.push(get(&("v=1&".repeat(150) + "count=false"), false));
    for (method, counts) in [
        ("HEAD", false),
        ("POST", false),
        ("PUT", false),
        ("DELETE", false),
        ("OPTIONS", false),
        ("get", false),
    ] {
        rows.push(Row { method, ..get("", counts) });
    }
    for (header, value, counts) in [
        ("Purpose", "prefetch", false),
        ("Purpose", "Prefetch", false),
        ("Purpose", "preview", false),
        ("Purpose", "other", true),
        ("Sec-Purpose", "prefetch", false),
        ("Sec-Purpose", "prefetch;prerender", false),
        ("Sec-Purpose", "preview", false),
        ("X-Moz", "prefetch", false),
        ("X-Moz", "PREVIEW", false),
        ("X-Purpose", "prefetch", false),
        ("X-Purpose", "preview", false),
        // There is nothing to compare with, so every one of them gets its picture.
        ("If-None-Match", "*", true),
        ("If-None-Match", "\"x\"", true),
        ("If-None-Match", "W/\"x\", *", true),
        ("If-Match", "*", true),
        ("If-Match", "\"x\"", true),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT", true),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", true),
        ("If-Modified-Since", "nonsense", true),
        ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", true),
        ("If-Unmodified-Since", "Fri, 01 Jan 2100 00:00:00 GMT", true),
        ("If-Range", "\"x\"", true),
        ("Range", "bytes=0-9", true),
        ("Range", "bytes=999999-", true),
        ("Range", "bytes=5-1", true),
        ("Accept-Encoding", "gzip", true),
    ] {
        rows.push(Row { headers: vec![(header, value)], ..get("", counts) });
    }
    let both = vec![("If-None-Match", "*"), ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")];
    rows.push(Row { headers: both, ..get("", true) });
    rows.push(Row { headers: vec![("If-None-Match", "*")], ..get("count=false", false) });
    rows
}

/// One address of a name's badge.
fn target(name: &str, by_path: bool, query: &str) -> String {
    match (by_path, query) {
        (true, "") => format!("/badge/{name}.svg"),
        (true, query) => format!("/badge/{name}.svg?{query}"),
        (false, "") => format!("/badge.svg?repo={name}"),
        (false, query) => format!("/badge.svg?repo={name}&{query}"),
    }
}

/// Sends the table through a door; returns what it counted for each row, for a badge without a file and for one with a
/// file.
fn counted(place: &Place, door: SocketAddr, rows: &[Row]) -> Vec<[u64; 2]> {
    let name = |kind: &str, at: usize| format!("{kind}/r{at}");
    for at in 0..rows.len() {
        http::get(door, &target(&name("file", at), false, ""));
    }
    wait_until("every badge of the second kind is a file", PATIENCE, || {
        (0..rows.len()).all(|at| place.published(&name("file", at)) == Some(1))
    });
    for (at, row) in rows.iter().enumerate() {
        for kind in ["fresh", "file"] {
            let target = target(&name(kind, at), at % 2 == 0, &row.query);
            let answer = http::request(row.method, door, &target, &row.headers, b"");
            if row.counts {
                let what = format!("{} {target} {:?}", row.method, row.headers);
                assert_eq!(answer.status, 200, "{what}");
                assert!(answer.text().contains("</svg>"), "{what}");
            }
        }
    }
    // nginx has one worker, and loopback keeps datagrams in order.
    http::get(door, "/badge.svg?repo=last");
    wait_until("the last request is counted", PATIENCE, || total(place, "last") == 1);
    (0..rows.len())
        .map(|at| [total(place, &name("fresh", at)), total(place, &name("file", at)) - 1])
        .collect()
}

/// What the daemon has counted of a name.
fn total(place: &Place, name: &str) -> u64 {
    let answer = http::get(place.addr(), &format!("/badge/{name}.json"));
    serde_json::from_str::<serde_json::Value>(answer.text()).unwrap()["total"].as_u64().unwrap()
}

#[test]
fn nginx_and_the_daemon_count_the_same_requests() {
    let rows = table();
    let place = Place::new();
    let mut daemon = place.serve();
    let by_daemon = counted(&place, place.addr(), &rows);
    stop(&mut daemon);

    let place = Place::new();
    let mut daemon = place.serve();
    let nginx = Nginx::start(|site| {
        let (listen, flags) = (format!("127.0.0.1:{}", site.port), place.listen_flags());
        let args =
            ["nginx-conf", "--nginx-listen", &listen].into_iter().chain(flags.iter().map(String::as_str));
        place.run(&args.collect::<Vec<_>>()).good()
    });
    let by_nginx = counted(&place, nginx.addr(), &rows);
    stop(&mut daemon);

    let mut wrong = Vec::new();
    for ((row, daemon), nginx) in rows.iter().zip(by_daemon).zip(by_nginx) {
        let right = [u64::from(row.counts); 2];
        if daemon != right || nginx != right {
            let Row { method, query, headers, .. } = row;
            wrong.push(format!(
                "{method} {query:?} {headers:?}: right {right:?}, daemon {daemon:?}, nginx {nginx:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "[without a file, with one] of {} rows:\n{}", rows.len(), wrong.join("\n"));
}

/// What nginx shows in place of the daemon counts as the picture would have, for the reader of the log: a file if there
/// is one, and a picture without a number if not. `serves` makes it the server that is printed for another way to listen.
fn nginx_alone_counts(serves: impl Fn(String) -> String, ask: impl Fn(&Nginx, &Row, &str) -> http::Response) {
    let rows: Vec<Row> = table().into_iter().filter(|row| !is_for_the_daemon(row)).collect();
    let place = Place::new();
    let mut daemon = place.serve();
    for at in 0..rows.len() {
        http::get(place.addr(), &target(&format!("file/r{at}"), false, ""));
    }
    wait_until("every badge of the second kind is a file", PATIENCE, || {
        (0..rows.len()).all(|at| place.published(&format!("file/r{at}")) == Some(1))
    });
    let nobody = format!("127.0.0.1:{}", free_tcp_port());
    let nginx = Nginx::start(|site| {
        let listen = format!("127.0.0.1:{}", site.port);
        let udp = format!("127.0.0.1:{}", place.udp);
        let badges = place.badges_dir().display().to_string();
        let args = ["nginx-conf", "--nginx-listen", &listen, "--listen", &nobody, "--syslog-udp", &udp];
        let args = args.into_iter().chain(["--badges-dir", &badges]);
        serves(place.run(&args.collect::<Vec<_>>()).good())
    });
    for (at, row) in rows.iter().enumerate() {
        for (kind, shows) in [("fresh", "counting"), ("file", "")] {
            let target = target(&format!("{kind}/r{at}"), at % 2 == 0, &row.query);
            let answer = ask(&nginx, row, &target);
            let what = format!("{} {target} {:?}: {}", row.method, row.headers, answer.status);
            if row.counts {
                assert_eq!(answer.status, 200, "{what}");
                let text = answer.text();
                assert!(text.starts_with("<svg") && text.contains("</svg>"), "{what} {text}");
                assert!(text.contains(shows), "{what} {text}");
            }
            // With a look, only the daemon draws.
            let plain = row.query.is_empty() || row.query.starts_with("v=1");
            assert!(
                !row.counts || kind == "fresh" || !plain || !answer.text().contains("counting"),
                "{what}"
            );
        }
    }
    ask(&nginx, &get("", true), "/badge.svg?repo=last");
    wait_until("the last request is counted", PATIENCE, || total(&place, "last") == 1);
    let counted =
        |at: usize| [total(&place, &format!("fresh/r{at}")), total(&place, &format!("file/r{at}")) - 1];
    let wrong: Vec<String> = (0..rows.len())
        .filter(|&at| counted(at) != [u64::from(rows[at].counts); 2])
        .map(|at| {
            format!("{} {:?} {:?}: {:?}", rows[at].method, rows[at].query, rows[at].headers, counted(at))
        })
        .collect();
    assert!(wrong.is_empty(), "[without a file, with one]\n{wrong:#?}");
    stop(&mut daemon);
}

#[test]
fn nginx_alone_counts_what_the_daemon_would_have_counted() {
    nginx_alone_counts(
        |conf| conf,
        |nginx, row, target| http::request(row.method, nginx.addr(), target, &row.headers, b""),
    );
}

/// nginx asks itself by the address that a request has reached, which is written differently with IPv6.
#[test]
fn nginx_alone_counts_the_same_over_ipv6() {
    let port = free_tcp_port();
    nginx_alone_counts(
        |conf| conf.replacen("    #listen [::]:80;", &format!("    listen [::1]:{port};"), 1),
        |_, row, target| {
            http::request(
                row.method,
                SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
                target,
                &row.headers,
                b"",
            )
        },
    );
}

/// What only begins like a badge's address shows no number that nothing counts.
#[test]
fn what_only_begins_like_a_badge_is_not_found_at_either_door() {
    let place = Place::new();
    let mut daemon = place.serve();
    assert_eq!(place.hit("z/z"), 1);
    let nginx = place.nginx(&[]);
    for path in ["/badge.svg/?repo=z/z", "/badge.svgx?repo=z/z", "/badge.svg/x?repo=z/z"] {
        for door in [place.addr(), nginx.addr()] {
            assert_eq!(http::get(door, path).status, 404, "{path} at {door}");
        }
    }
    stop(&mut daemon);
    assert_eq!(place.total("z/z"), 1);
}
