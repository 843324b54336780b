//! `tallymark serve` from a user's view: what it prints, what a badge shows, what counts and what does not.

use crate::common::{Kind, PATIENCE, Place, line, number, program, stop, today};
use std::{collections::BTreeMap, time::Duration};
use tallymark_testbed::{Daemon, Nginx, Redis, free_tcp_port, free_udp_port, http, temp_dir, wait_until};

/// As long as a badge on disk may lag behind: a tick, a pass, and a slow machine.
const PUBLISHED: Duration = Duration::from_secs(2);

#[test]
fn start_prints_badge_page_panel_card_and_markdown() {
    let place = Place::new();
    let daemon = place.serve();
    let lines = wait_until("five lines", PATIENCE, || {
        let text = daemon.stdout();
        (text.lines().count() >= 5).then_some(text)
    });
    let base = format!("http://localhost:{}", place.http);
    let (badge, page) = (format!("{base}/badge.svg?repo=you/repo"), format!("{base}/repo/you/repo"));
    let panel = format!("{base}/v1/badge/you/repo");
    let expect = format!(
        "Badge     {badge}\nPage      {page}\nPanel     {panel}\nCard      {base}/api?username=you\n\
         Markdown  [![hits]({badge})]({page})\n"
    );
    assert_eq!(lines, expect);
    assert_eq!(http::get(place.addr(), "/v1/badge/you/repo?count=false").status, 200);
}

#[test]
fn third_get_says_three_and_so_does_the_file() {
    let place = Place::new();
    let mut daemon = place.serve();
    let numbers: Vec<u64> = (0..3).map(|_| place.hit("you/repo")).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(place.badge_file("you/repo").ends_with("badges/you%2Frepo.svg"));
    wait_until("the file says 3", PUBLISHED, || place.published("you/repo") == Some(3));
    stop(&mut daemon);
    assert_eq!(place.total("you/repo"), 3);
}

#[test]
fn every_spelling_of_a_slash_is_one_counter() {
    let place = Place::new();
    let mut daemon = place.serve();
    let spellings = [
        "/badge.svg?repo=o/r",
        "/badge.svg?repo=o%2Fr",
        "/badge.svg?repo=o%2fr",
        "/badge.svg?REPO=o/r&repo=x/y",
        "/badge.svg?t=1&repo=o/r&z=2",
        "/badge/o/r.svg",
        "/badge/o%2Fr.svg",
    ];
    for (at, path) in (1..).zip(spellings) {
        assert_eq!(number(http::get(place.addr(), path).text()), Some(at), "{path}");
    }
    // nginx with set-misc escapes what the client sent once more; stock nginx sends it as it is.
    let mut syslog = place.syslog();
    let stock = format!("<158>Nov 20 12:00:00 web1 tallymark: \"{}.000\",\"o%2Fr\"", unix_now());
    for line in [line("o%2Fr"), line("o%252Fr"), line("o/r"), stock] {
        syslog.send(line.as_bytes());
    }
    wait_until("lines and requests are one counter", PUBLISHED, || place.published("o/r") == Some(11));
    assert_eq!(badges(&place), ["o%2Fr.svg"]);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 11);
}

fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn badges(place: &Place) -> Vec<String> {
    let names = std::fs::read_dir(place.badges_dir()).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

#[test]
fn only_a_get_that_shows_a_picture_counts() {
    let place = Place::new();
    let _daemon = place.serve();
    let addr = place.addr();
    let ask = |method, path: &str, headers: &[(&str, &str)]| {
        let answer = http::request(method, addr, path, headers, b"");
        (answer.status, answer.header("X-Tallymark").unwrap_or("-").to_owned())
    };
    let badge = "/badge.svg?repo=o/r";
    assert_eq!(ask("GET", badge, &[]), (200, "counted".into()));
    assert_eq!(ask("HEAD", badge, &[]), (200, "ignored: not a GET".into()));
    for switch in ["count=false", "count=0", "COUNT=off", "count=no"] {
        let path = format!("{badge}&{switch}");
        assert_eq!(ask("GET", &path, &[]), (200, "ignored: count=false".into()), "{path}");
    }
    for header in [
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("Purpose", "preview"),
        ("X-Moz", "prefetch"),
    ] {
        assert_eq!(ask("GET", badge, &[header]), (200, "ignored: prefetch".into()), "{header:?}");
    }
    for path in [
        "/badge.svg",
        "/badge.svg?repo=",
        "/badge.svg?repo=~all",
        "/badge.svg?repo=a%00b",
        "/badge.svg?repo=%FF",
        "/badge.svg?repo=o/r&color=nosuch",
        "/badge.svg?repo=o/r&count=perhaps",
    ] {
        assert_eq!(ask("GET", path, &[]), (400, "ignored: bad request".into()), "{path}");
    }
    let long = format!("/badge.svg?repo={}", "x".repeat(201));
    assert_eq!(ask("GET", &long, &[]), (400, "ignored: bad request".into()));
    for path in ["/badge/o/r.json", "/repo/o/r", "/name/o/r", "/name?name=o%2Fr", "/"] {
        assert_eq!(ask("GET", path, &[]), (200, "-".into()), "{path}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(ask(method, badge, &[]).0, 405, "{method}");
    }
    for path in ["/badge/o/r.gif", "/nothing", "/badge.svgx?repo=o/r", "/badge"] {
        assert_eq!(ask("GET", path, &[]).0, 404, "{path}");
    }
    assert_eq!(place.hit("o/r"), 2);
    wait_until("http lines are reported", PATIENCE, || place.metrics().lines("http") == [2, 2, 0, 0]);
    wait_until("only one name is published", PUBLISHED, || badges(&place) == ["o%2Fr.svg"]);
}

#[test]
fn every_picture_has_the_headers_that_keep_it_fresh_and_harmless() {
    let place = Place::new();
    let _daemon = place.serve();
    for (path, status) in
        [("/badge.svg?repo=o/r", 200), ("/badge/o/r.svg?count=false", 200), ("/badge.svg", 400)]
    {
        for method in ["GET", "HEAD"] {
            let answer = http::request(method, place.addr(), path, &[], b"");
            assert_eq!(answer.status, status, "{method} {path}");
            for (name, value) in [
                ("Content-Type", "image/svg+xml; charset=utf-8"),
                ("Cache-Control", "private, no-cache, no-store, must-revalidate, max-age=0, s-maxage=0"),
                ("Pragma", "no-cache"),
                ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
                ("X-Content-Type-Options", "nosniff"),
                (
                    "Content-Security-Policy",
                    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
                ),
            ] {
                assert_eq!(answer.header(name), Some(value), "{method} {path}: {name}");
            }
            assert_eq!(answer.header("Set-Cookie"), None);
            assert_eq!(answer.header("ETag"), None);
        }
        let answer = http::get(place.addr(), path);
        assert!(answer.text().starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{}", answer.text());
    }
}

#[test]
fn json_has_exactly_these_fields() {
    let place = Place::new();
    let mut daemon = place.serve();
    let json = |path: &str| {
        let answer = http::get(place.addr(), path);
        assert_eq!(answer.header("Content-Type"), Some("application/json"), "{path}");
        (answer.status, answer.text().to_owned())
    };
    for _ in 0..4 {
        place.hit("o/r");
    }
    assert!(json("/badge/o/r.json").1.contains("\"total\":4"), "pending hits are part of the total");
    let exact = r#"{"name":"o/r","event":"hit","total":4,"today":4,"formatted":"4"}"#;
    wait_until("the store has them", PATIENCE, || json("/badge/o/r.json") == (200, exact.to_owned()));
    assert_eq!(json("/badge/o%2Fr.json"), (200, exact.to_owned()));
    let never = r#"{"name":"no/one","event":"hit","total":0,"today":0,"formatted":"0"}"#;
    assert_eq!(json("/badge/no/one.json"), (200, never.to_owned()));
    let (status, mistake) = json("/badge/~all.json");
    assert_eq!(status, 400);
    assert!(mistake.starts_with(r#"{"error":""#), "{mistake}");
    for _ in 0..1230 {
        place.syslog().send(line("o/r").as_bytes());
    }
    wait_until("a thousand is grouped", PATIENCE, || {
        json("/badge/o/r.json").1.contains(r#""total":1234,"today":1234,"formatted":"1,234""#)
    });
    stop(&mut daemon);
}

#[test]
fn pages_show_the_name_and_what_to_copy() {
    let place = Place::new();
    let _daemon = place.serve();
    place.hit("you/repo");
    let base = format!("http://localhost:{}", place.http);
    let markdown = format!("[![hits]({base}/badge.svg?repo=you/repo)]({base}/repo/you/repo)");
    for path in ["/repo/you/repo", "/name/you/repo", "/name/you%2Frepo", "/name?name=you%2Frepo"] {
        let page = http::get(place.addr(), path);
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("X-Content-Type-Options"), Some("nosniff"));
        assert!(
            page.header("Content-Security-Policy").is_some_and(|it| it.starts_with("default-src 'none'"))
        );
        let text = unescaped(page.text());
        assert!(text.contains(&markdown), "{path}: {text}");
        assert!(text.contains("/badge.svg?repo=you/repo&count=false"), "{path}: {text}");
    }
    // Text of a name is never markup.
    let page = http::get(place.addr(), "/name/%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("<script>"), "{}", page.text());
    assert_eq!(http::get(place.addr(), "/name/~all").status, 400);
    let home = http::get(place.addr(), "/");
    assert_eq!((home.status, home.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(http::get(place.addr(), "/assets/style.css").status, 200);
    assert_eq!(http::get(place.addr(), "/favicon.ico").status, 204);
}

fn unescaped(html: &str) -> String {
    let text = html.replace("&#x2f;", "/").replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&amp;", "&")
}

#[test]
fn health_is_snow_traces_body_and_readiness_has_a_reason() {
    let place = Place::new();
    let _daemon = place.serve();
    for path in ["/health", "/healthz"] {
        let answer = http::get(place.addr(), path);
        assert_eq!((answer.status, answer.text()), (200, r#"{"status":"ok"}"#), "{path}");
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
    }
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    assert_eq!(http::get(place.addr(), "/readyz").text(), r#"{"status":"ready","reasons":[]}"#);
}

#[test]
fn metrics_have_the_names_that_dashboards_know() {
    let place = Place::new();
    let _daemon = place.serve();
    place.hit("o/r");
    place.syslog().send(line("o/r").as_bytes());
    place.syslog().send(b"nonsense");
    wait_until("everything is counted", PATIENCE, || {
        let metrics = place.metrics();
        metrics.lines("syslog-udp") == [2, 1, 1, 0]
            && metrics.lines("http") == [1, 1, 0, 0]
            && metrics.get("tallymark_hits_total{event=\"hit\"}") == 2
            && metrics.get("tallymark_badges_written_total") > 0
    });
    let answer = http::get(place.addr(), "/metrics");
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("Content-Type"), Some(kind));
    assert!(answer.text().ends_with("# EOF\n"));
    let doubled = answer.text().lines().find(|line| line.starts_with("# HELP") && line.ends_with(".."));
    assert_eq!(doubled, None);
    let metrics = place.metrics();
    let names = metrics.names();
    for name in [
        "lines_received_total",
        "lines_accepted_total",
        "lines_rejected_total",
        "hits_total",
        "socket_drops_total",
        "names",
        "tally_entries",
        "batches_applied_total",
        "batch_apply_seconds_count",
        "outbox_batches",
        "outbox_bytes",
        "store_up",
        "store_rollbacks_total",
        "changed_names",
        "badges_written_total",
        "publish_lag_seconds",
        "last_publish_timestamp_seconds",
        "http_requests_total",
        "build_info",
    ] {
        assert!(names.contains(&format!("tallymark_{name}").as_str()), "{name} is missing in {names:#?}");
    }
    assert_eq!(metrics.rejected("syslog-udp"), BTreeMap::from([("pri".to_owned(), 1)]));
    assert_eq!(metrics.get("tallymark_store_up"), 1);
    assert!(metrics.get("tallymark_http_requests_total{route=\"/badge.svg\",status=\"200\"}") == 1);
}

#[test]
fn ingest_counts_and_has_neither_badges_nor_pages() {
    let place = Place::new();
    let mut daemon = place.start("ingest", &[]);
    assert_eq!(daemon.stdout(), "");
    place.syslog().send(line("o/r").as_bytes());
    wait_until("it is counted", PATIENCE, || place.total("o/r") == 1);
    for path in ["/badge.svg?repo=o/r", "/", "/repo/o/r"] {
        assert_eq!(http::get(place.addr(), path).status, 404, "{path}");
    }
    for path in ["/health", "/healthz", "/readyz", "/metrics"] {
        assert_eq!(http::get(place.addr(), path).status, 200, "{path}");
    }
    assert!(!place.badges_dir().exists());
    stop(&mut daemon);
}

#[test]
fn without_render_no_file_is_written() {
    let place = Place::new();
    let mut daemon = place.start("serve", &["--no-render"]);
    assert_eq!(place.hit("o/r"), 1);
    stop(&mut daemon);
    assert!(!place.badges_dir().exists());
    assert_eq!(place.total("o/r"), 1);
}

const THREADS: usize = 8;
const GETS: usize = 500;
const NAMES: [&str; 5] = ["a/a", "b/b", "c/c", "d/d", "e/e"];

#[test]
fn concurrent_gets_show_every_number_once() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut daemon = place.serve();
        let addr = place.addr();
        let mut seen: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        std::thread::scope(|scope| {
            let work = |offset: usize| {
                let mut client = http::Client::connect(addr);
                let mut seen = Vec::new();
                for at in 0..GETS {
                    let name = NAMES[(at + offset) % NAMES.len()];
                    let answer = client.get(&format!("/badge.svg?repo={name}"));
                    seen.push((name, number(answer.text()).unwrap()));
                }
                for name in NAMES {
                    let own: Vec<u64> = seen.iter().filter(|(n, _)| *n == name).map(|&(_, n)| n).collect();
                    assert!(own.is_sorted_by(|a, b| a < b), "{name}: {own:?}");
                }
                seen
            };
            let threads: Vec<_> = (0..THREADS).map(|at| scope.spawn(move || work(at))).collect();
            for thread in threads {
                for (name, number) in thread.join().unwrap() {
                    seen.entry(name).or_default().push(number);
                }
            }
        });
        let each = (THREADS * GETS / NAMES.len()) as u64;
        for name in NAMES {
            let numbers = seen.get_mut(name).unwrap();
            numbers.sort_unstable();
            assert!(numbers.iter().copied().eq(1..=each), "{kind:?} {name}: {numbers:?}");
        }
        wait_until("the files agree", PATIENCE, || {
            NAMES.iter().all(|name| place.published(name) == Some(each))
        });
        stop(&mut daemon);
        for name in NAMES {
            assert_eq!(place.total(name), each, "{kind:?} {name}");
        }
        assert_eq!(place.total("~all"), (THREADS * GETS) as u64);
    }
}

#[test]
fn two_daemons_on_one_redis_add_up_and_both_publish() {
    let redis = Redis::start();
    let places = [Place::with_store(redis.url()), Place::with_store(redis.url())];
    let mut daemons = [places[0].serve(), places[1].serve()];
    for _ in 0..100 {
        for place in &places {
            place.syslog().send(line("o/r").as_bytes());
            place.hit("o/r");
        }
    }
    for place in &places {
        wait_until("both have everything on disk", PATIENCE, || place.published("o/r") == Some(400));
        wait_until("both show everything", PATIENCE, || {
            let answer = http::get(place.addr(), "/badge.svg?repo=o/r&count=false");
            number(answer.text()) == Some(400)
        });
    }
    // What ghit.me's own programs would read.
    assert_eq!(redis.cli(&["GET", "repo:o%2Fr"]), "400");
    assert_eq!(redis.cli(&["GET", &format!("repo:{}:o%2Fr", today())]), "400");
    assert_eq!(redis.cli(&["SMEMBERS", "repos"]), "o%2Fr");
    assert_eq!(redis.cli(&["SMEMBERS", &format!("repos:{}", today())]), "o%2Fr");
    for daemon in &mut daemons {
        stop(daemon);
    }
    assert_eq!(places[0].total("o/r"), 400);
}

#[test]
fn pages_are_for_whom_the_configuration_says() {
    let off = Place::with_config("[http]\nvisibility = \"off\"\n");
    let _off = off.serve();
    for path in ["/", "/repo/o/r", "/name/o", "/name?name=o"] {
        assert_eq!(http::get(off.addr(), path).status, 404, "{path}");
    }
    assert_eq!(off.hit("o/r"), 1);

    let token = Place::with_config(
        "[http]\nvisibility = \"token\"\ntokens = [\"0123456789abcdef\", \"fedcba9876543210\"]\n",
    );
    let daemon = token.serve();
    for path in ["/", "/repo/o/r", "/name/o", "/name?name=o"] {
        let with =
            |value: &str| http::request("GET", token.addr(), path, &[("Authorization", value)], b"").status;
        let without = http::get(token.addr(), path);
        assert_eq!((without.status, without.header("WWW-Authenticate")), (401, Some("Bearer")), "{path}");
        for wrong in ["Bearer 0123456789abcdeX", "Bearer ", "Basic 0123456789abcdef", "0123456789abcdef"] {
            assert_eq!(with(wrong), 401, "{path} {wrong}");
        }
        assert_eq!(with("Bearer 0123456789abcdef"), 200, "{path}");
        assert_eq!(with("Bearer fedcba9876543210"), 200, "{path}");
    }
    assert_eq!(token.hit("o/r"), 1);
    assert!(!daemon.stderr().contains("0123456789abcdef"), "a token stands in the log");
}

/// The location that `tallymark help nginx` prints, in a server that has a location for static files of its own: nginx
/// takes the path off, and every link of a page begins with it.
#[test]
fn pages_work_below_a_path_that_nginx_takes_off() {
    let place = Place::with_config("[http]\nbase-url = \"https://example.org/hits\"\n");
    let _daemon = place.serve();
    let nginx = Nginx::start(|site| {
        let (port, daemon) = (site.port, place.addr());
        let help = include_str!("../src/help/nginx.md");
        let from = help.find("    location ^~ /hits/ {").expect("the help has it");
        let length = help[from..].find("\n    }\n").expect("it ends") + "\n    }\n".len();
        let location = help[from..from + length].replace("127.0.0.1:8080", &daemon.to_string());
        format!(
            "server {{ listen 127.0.0.1:{port}; location ~* \\.(svg|png|css|js)$ {{ root /nonexistent; }}\n{location} }}"
        )
    });
    let get = |path: &str| http::get(format!("127.0.0.1:{}", nginx.port()), path);
    assert_eq!(get("/hits/badge.svg?repo=o/r").status, 200);
    assert_eq!(get("/hits/badge/o/r.svg").status, 200);
    for ours in ["metrics", "healthz", "readyz", "%6detrics", "/metrics", "./metrics"] {
        assert_eq!(get(&format!("/hits/{ours}")).status, 404, "{ours}");
    }
    let mut seen = std::collections::BTreeSet::new();
    for page in
        ["/hits/", "/hits/repo/o/r", "/hits/name/new", "/hits/compare?name=a&name=b", "/hits/?search=o"]
    {
        let answer = get(page);
        assert_eq!(answer.status, 200, "{page}");
        let body = answer.text().replace("&#x2f;", "/").replace("&amp;", "&");
        let links = ["href=\"", "src=\"", "srcset=\"", "action=\""].map(|kind| body.split(kind).skip(1));
        seen.extend(
            links.into_iter().flatten().map(|link| link.split('"').next().unwrap_or_default().to_owned()),
        );
    }
    // Forms without what somebody writes into them ask for it.
    for bare in ["/hits/name", "/hits/compare"] {
        seen.retain(|link| link.split('#').next() != Some(bare));
    }
    assert!(seen.len() > 20, "{seen:?}");
    // Some lead to a part of their own page.
    for link in seen.iter().filter(|link| !link.starts_with('#')) {
        let path = link.split('#').next().unwrap_or_default();
        assert!(path.starts_with("/hits/"), "{link}");
        assert_eq!(get(path).status, 200, "{link}");
    }
}

#[test]
fn plain_variables_say_port_address_and_directory() {
    let (port, dir) = (free_tcp_port(), temp_dir());
    let syslog = format!("127.0.0.1:{}", free_udp_port());
    let mut daemon = Daemon::builder(program())
        .arg("serve")
        .env("PORT", port.to_string())
        .env("BASE_URL", "https://hits.example.org/sub/")
        .env("DATA_DIR", dir.path().join("state"))
        .env("TALLYMARK_SYSLOG_UDP", syslog)
        .start();
    let line = daemon.wait_for_line(|line| line.starts_with("Badge"), PATIENCE);
    assert_eq!(line, "Badge     https://hits.example.org/sub/badge.svg?repo=you/repo");
    let answer = http::get(("127.0.0.1", port).0.to_owned() + &format!(":{port}"), "/badge.svg?repo=o/r");
    assert_eq!(number(answer.text()), Some(1));
    assert!(dir.path().join("state/tallymark.db").exists());
    stop(&mut daemon);
}

#[test]
fn flag_wins_over_environment_and_that_over_the_file() {
    let dir = temp_dir();
    let file = dir.path().join("tallymark.toml");
    std::fs::write(&file, "[store]\ndata-dir = \"of-file\"\n[http]\nlisten = \"127.0.0.1:1001\"\n").unwrap();
    let file = file.to_str().unwrap();
    let shown = |args: &[&str], env: &[(&str, &str)]| {
        let all = [&["check-config", "--json", "--config", file], args].concat();
        let json = crate::common::run_with(&all, env, b"").json();
        let text = |key: &str| json[key].as_str().unwrap().to_owned();
        (text("listen"), text("data-dir"))
    };
    let is = |listen: &str, dir: &str| (listen.to_owned(), dir.to_owned());
    assert_eq!(shown(&[], &[]), is("127.0.0.1:1001", "of-file"));
    let plain = [("PORT", "1002"), ("DATA_DIR", "of-plain")];
    assert_eq!(shown(&[], &plain), is("127.0.0.1:1002", "of-plain"));
    let ours =
        [&plain[..], &[("TALLYMARK_LISTEN", "127.0.0.1:1003"), ("TALLYMARK_DATA_DIR", "ours")]].concat();
    assert_eq!(shown(&[], &ours), is("127.0.0.1:1003", "ours"));
    let flags = ["--listen", "127.0.0.1:1004", "--data-dir", "of-flag"];
    assert_eq!(shown(&flags, &ours), is("127.0.0.1:1004", "of-flag"));
}
