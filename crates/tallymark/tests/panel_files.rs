//! Panels as files: drawn by the publisher, served by a real nginx, counted from its log; over both stores.

use crate::common::{
    Kind, PATIENCE, Place,
    pictures::{hostile_names, picture},
    stop,
};
use std::{fs, path::PathBuf, time::Duration};
use tallymark_core::Name;
use tallymark_testbed::{Daemon, FakeWeb, Nginx, WebReply, http, wait_until};

const VARIANTS: &str =
    r#"panels = ["badge", "visit", "like", "button", "promo", "badge?theme=dark&layout=stacked"]"#;
const PERSON: (&str, &str) =
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
/// The end of a file, which no picture of the daemon has.
const FROM_DISK: &str = "<!-- tallymark total=";

/// nginx in front of a daemon. Without a cooldown, so that each view is a visit.
struct Site {
    place: Place,
    daemon: Daemon,
    nginx: Nginx,
}

impl Site {
    fn start(kind: &Kind) -> Site {
        Site::start_with(kind, "avatars = \"off\"\n")
    }

    fn start_with(kind: &Kind, visits: &str) -> Site {
        let mut place = kind.place();
        place.configure(&format!("[badges]\n{VARIANTS}\n[visits]\ncooldown = \"0s\"\n{visits}"));
        let daemon = place.serve();
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        let nginx = place.nginx(&["--panels"]);
        Site { place, daemon, nginx }
    }

    fn ask(&self, method: &str, path: &str, more: &[(&str, &str)]) -> http::Response {
        let headers = [&[PERSON], more].concat();
        http::request(method, self.nginx.addr(), path, &headers, b"")
    }

    fn get(&self, path: &str) -> http::Response {
        self.ask("GET", path, &[])
    }

    fn file(&self, variant: &str, name: &str) -> PathBuf {
        let file = format!("{}.svg", Name::new(name).unwrap().escaped());
        self.place.badges_dir().join(".panels").join(variant).join(file)
    }

    /// Waits until a file shows that.
    #[track_caller]
    fn shows(&self, variant: &str, name: &str, what: &str) {
        wait_until(&format!("{variant} of {name} shows {what}"), PATIENCE, || {
            fs::read_to_string(self.file(variant, name)).is_ok_and(|svg| svg.contains(what))
        });
    }

    fn total(&self, name: &str, event: &str) -> u64 {
        let shown = self.place.run(&["show", name, "--event", event, "--json"]).json();
        shown["total"].as_u64().unwrap()
    }

    /// Waits until everything that was asked so far is in the store: nginx logs one request after the other.
    #[track_caller]
    fn settle(&self, sentinel: &str) {
        assert_eq!(self.get(&format!("/badge/{sentinel}.svg")).status, 200);
        wait_until("the last request is in the store", PATIENCE, || self.total(sentinel, "hit") == 1);
    }
}

#[test]
fn panels_come_from_disk_and_are_counted_from_the_log() {
    for kind in Kind::both() {
        let mut site = Site::start(&kind);
        // No file yet: the daemon draws, and the log counts.
        let first = site.get("/v1/octo/hello");
        assert!(picture(&first).contains("octo/hello") && !first.text().contains(FROM_DISK));
        // The variant that is written last.
        site.shows("badge-dark-stacked", "octo/hello", "1 visit<");
        for (at, path) in [
            "/v1/octo/hello",
            "/v1/badge/octo/hello?t=123",
            "/v1/visit/octo/hello",
            "/v1/octo/hello/and/more",
            "/v1/octo/hello?layout=stacked&theme=dark",
            "/v1/octo/hello?theme=light",
        ]
        .iter()
        .enumerate()
        {
            let answer = site.get(path);
            assert_eq!((answer.status, at < 5), (200, picture(&answer).contains(FROM_DISK)), "{path}");
        }
        // Files are SVG: the daemon draws a PNG, and the log counts it.
        let png = site.get("/v1/visit/octo/hello/card.png?lang=en&scale=1");
        assert_eq!((png.status, png.header("Content-Type")), (200, Some("image/png")));
        // As for badges, a condition is not met: there is nothing to compare with.
        for condition in [("If-None-Match", "*"), ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")] {
            picture(&site.ask("GET", "/v1/octo/hello", &[condition]));
        }
        for path in ["/v1/like/octo/hello", "/v1/button/octo/hello?x=1", "/v1/promo"] {
            assert!(picture(&site.get(path)).contains(FROM_DISK), "{path}");
        }
        for (path, header) in [
            ("/v1/octo/hello?count=false", ("X", "x")),
            ("/v1/visit/octo/hello?COUNT=0&t=1", ("X", "x")),
            ("/v1/octo/hello", ("Sec-Purpose", "prefetch")),
        ] {
            assert!(picture(&site.ask("GET", path, &[header])).contains(FROM_DISK), "{path}");
        }
        assert_eq!(site.ask("HEAD", "/v1/octo/hello", &[]).status, 200);
        for path in ["/v1/octo/hello?theme=blue", "/v1/octo/hello?theme=", "/v1/octo/hello?count=nope"] {
            assert_eq!(site.get(path).status, 400, "{path}");
        }
        for path in ["/v1/", "/v1/octo", "/v1//octo", "/v1/promo/"] {
            assert_eq!((site.get(path).status, site.get(path).text()), (404, "Not found"), "{path}");
        }
        // A name whose like button would lead nowhere has no panel, and none of them counts.
        for path in [
            "/v1/a/%2Fb",
            "/v1/visit/a%2F/b",
            "/v1/button/a%2F..%2Fb/c",
            "/v1/badge/octo//hello",
            "/v1/like/octo//b/add",
        ] {
            let answer = site.get(path);
            assert_eq!(answer.status, 400, "{path}");
            assert!(picture(&answer).contains("a name with an empty part, . or .. has no panel"), "{path}");
        }
        for path in ["/v1/like/a/%2Fb/add", "/v1/like/a%2F..%2Fb/c/add"] {
            let answer = site.get(path);
            assert!(answer.status == 400 && answer.text().contains("has no panel"), "{path}");
        }
        // A name of a word, and a badge of the same name.
        picture(&site.get("/v1/visit/foo"));
        picture(&site.get("/v1/badge/visit/foo"));
        assert_eq!(site.get("/badge/octo/hello.svg").status, 200);
        // The click is the daemon's.
        let navigates =
            [("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-User", "?1")];
        let liked = site.ask("GET", "/v1/like/octo/hello/add", &navigates);
        assert!(liked.status == 200 && liked.text().contains("点赞成功！"), "{}", liked.text());

        site.settle("sentinel");
        assert_eq!(["hit", "visit", "like"].map(|event| site.total("octo/hello", event)), [11, 11, 1]);
        assert_eq!(site.total("visit/foo", "visit"), 2);
        let metrics = site.place.metrics();
        assert_eq!(metrics.lines("http")[0], 0, "the log is the only counter of views");
        assert_eq!(metrics.lines("syslog-udp"), [14, 14, 0, 0]);
        for variant in ["badge", "badge-dark-stacked", "visit"] {
            site.shows(variant, "octo/hello", "11 visits<");
        }
        for variant in ["badge", "like", "button"] {
            site.shows(variant, "octo/hello", "1 like<");
        }
        site.shows("visit", "visit/foo", "2 visits<");
        assert!(metrics.get("tallymark_panels_written_total") > 0);

        let log = site.nginx.error_log();
        let is_bad =
            |line: &&str| ["[warn]", "[error]", "[crit]", "[alert]"].iter().any(|level| line.contains(level));
        assert_eq!(log.lines().filter(is_bad).collect::<Vec<_>>(), [""; 0]);

        // With the daemon away, files are served as before, and all else is a picture too.
        stop(&mut site.daemon);
        for (path, variant) in [
            ("/v1/octo/hello", "badge"),
            ("/v1/badge/octo/hello?theme=dark&layout=stacked", "badge-dark-stacked"),
            ("/v1/visit/octo/hello", "visit"),
            ("/v1/like/octo/hello", "like"),
            ("/v1/button/octo/hello", "button"),
        ] {
            let answer = site.get(path);
            let file = fs::read_to_string(site.file(variant, "octo/hello")).unwrap();
            assert_eq!((answer.status, answer.text()), (200, file.as_str()), "{path}");
            picture(&answer);
            let answer = http::request("GET", site.nginx.addr(), path, &[("If-None-Match", "*")], b"");
            assert_eq!((answer.status, answer.text()), (200, file.as_str()), "{path}, with a condition");
        }
        for (path, size) in [
            ("/v1/promo", (780, 60)),
            ("/v1/never/seen", (780, 320)),
            ("/v1/octo/hello?theme=light", (780, 320)),
            ("/v1/never/seen?layout=stacked", (380, 330)),
            ("/v1/visit/never/seen", (380, 120)),
            ("/v1/like/a/%E6%97%A5?layout=stacked", (380, 120)),
            ("/v1/button/never/seen", (780, 60)),
            ("/v1/button/never/seen?layout=stacked", (380, 60)),
        ] {
            for condition in [&[][..], &[("If-None-Match", "*")]] {
                let answer = site.ask("GET", path, condition);
                assert_eq!(answer.status, 200, "{path}");
                let svg = picture(&answer);
                let (width, height) = size;
                assert!(svg.contains(&format!(" width=\"{width}\" height=\"{height}\" ")), "{path}: {svg}");
                assert!(path == "/v1/promo" || svg.contains("暂无数据 · No numbers now"), "{path}: {svg}");
            }
        }
        for (query, class, says) in [
            ("lang=en", "tp-auto", ">No numbers now<"),
            ("theme=dark&lang=zh", "tp-dark", ">暂无数据<"),
            ("LANG=zh&layout=stacked&theme=light", "tp-light", ">暂无数据<"),
            ("theme=auto&lang=both", "tp-auto", ">暂无数据 · No numbers now<"),
            // What is none is drawn all the same: nobody is there to explain.
            ("theme=blue", "tp-auto", ">暂无数据 · No numbers now<"),
        ] {
            for word in ["badge", "visit", "like", "button"] {
                let path = format!("/v1/{word}/never/seen?{query}");
                let svg = picture(&site.get(&path));
                assert!(svg.contains(&format!("class=\"{class}\"")) && svg.contains(says), "{path}: {svg}");
            }
        }
        for path in ["/v1/like/octo/hello/add", "/v1/like/octo/hello/remove?x=1", "/v1/", "/v1/octo"] {
            for method in ["GET", "POST"] {
                let answer = site.ask(method, path, &[]);
                assert_eq!((answer.status, answer.header("retry-after")), (503, Some("30")), "{path}");
                assert!(answer.text().contains(">Try again<"), "{}", answer.text());
            }
        }
    }
}

#[test]
fn hostile_names_reach_no_file_that_is_not_theirs() {
    const SECRET: &str = "not for the public";
    let site = Site::start(&Kind::Sqlite);
    site.get("/v1/a/b");
    site.shows("badge", "a/b", "1 visit<");
    let panels = site.place.badges_dir().join(".panels");
    for plant in ["../secret.svg", "badge/secret.svg", "secret.svg", ".ages/secret.svg", "badge/~all%2Fx.svg"]
    {
        fs::write(panels.join(plant), SECRET).unwrap();
    }
    std::os::unix::fs::symlink(panels.join("secret.svg"), panels.join("badge/li%2Fnk.svg")).unwrap();
    let leads = [
        "..%2f../secret",
        "../secret",
        "../../secret",
        ".ages/secret",
        "..%2F.ages/secret",
        "~all/x",
        "li/nk",
        "secret/.",
        "./secret",
        "a/b%00",
        "a/b/../../secret",
    ];
    let (mut expect, before) = (0, site.place.metrics().lines("syslog-udp")[1]);
    for name in hostile_names().into_iter().chain(leads) {
        for word in ["", "badge/", "visit/", "like/", "button/"] {
            let path = format!("/v1/{word}{name}");
            let answer = site.get(&path);
            assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET), "{path} leaks");
            assert!([200, 400, 404].contains(&answer.status), "{path}: {}", answer.status);
            if answer.header("content-type") == Some("image/svg+xml; charset=utf-8") {
                picture(&answer);
            }
            // What nginx itself refuses, as %00, has no type of ours.
            let has_two_parts = path.split('?').next().unwrap().matches('/').count() > 3;
            let counts = answer.status == 200 && !(["like/", "button/"].contains(&word) && has_two_parts);
            expect += u64::from(counts);
        }
    }
    // The daemon counts none of them, whatever nginx makes of a name.
    site.settle("sentinel");
    let metrics = site.place.metrics();
    assert_eq!(metrics.lines("http")[0], 0);
    assert_eq!(metrics.lines("syslog-udp")[1] - before, expect + 1);
}

/// Times age without anybody looking: under `serve`, and where a timer runs `render`. It takes until the minute is over.
#[test]
fn a_time_on_disk_is_right_a_moment_after_it_changed() {
    let configured = |kind: &Kind| {
        let mut place = kind.place();
        place.configure(&format!("[badges]\n{VARIANTS}\n"));
        place
    };
    let kinds = Kind::both();
    let places = [configured(&kinds[0]), configured(&kinds[1])];
    let daemons = [places[0].serve(), places[1].start("serve", &["--no-render"])];
    for place in &places {
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        assert_eq!(http::request("GET", place.addr(), "/v1/octo/hello", &[PERSON], b"").status, 200);
    }
    let file = |place: &Place| place.badges_dir().join(".panels/badge/octo%2Fhello.svg");
    let shows =
        |place: &Place, what: &str| fs::read_to_string(file(place)).is_ok_and(|svg| svg.contains(what));
    let is_through = |place: &Place, what: &str| {
        if !shows(&places[1], what) {
            assert_eq!(places[1].run(&["render"]).code, Some(0));
        }
        shows(place, what)
    };
    for place in &places {
        wait_until("the visit is on disk", PATIENCE, || is_through(place, "1 visit<"));
    }
    for place in &places {
        wait_until("a minute is over", Duration::from_secs(60) + PATIENCE, || is_through(place, "1m ago"));
    }
    for mut daemon in daemons {
        stop(&mut daemon);
    }
}

#[test]
fn face_of_the_owner_is_in_the_file() {
    for kind in Kind::both() {
        let server = FakeWeb::start(|_| WebReply::of("image/png", include_bytes!("pictures/octo.png")));
        let site = Site::start_with(&kind, &format!("avatars = \"{}/{{owner}}.png\"\n", server.url()));
        let panel = site.file("badge", "octo/hello");
        // Each view is a visit, and so draws the panel again.
        wait_until("the face is on disk", PATIENCE, || {
            assert_eq!(site.get("/v1/octo/hello").status, 200);
            fs::read_to_string(&panel).is_ok_and(|svg| svg.contains("href=\"data:image/png;base64,"))
        });
        assert_eq!(server.requests().len(), 1);
    }
}
