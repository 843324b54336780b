//! The badge addresses of other counters, as their READMEs show them: over HTTP and behind a real nginx, each counted
//! exactly once, under the name that the other counter had.

use crate::common::{PATIENCE, Place, stop};
use std::collections::BTreeMap;
use tallymark_testbed::{http, wait_until};

const ALL: &str = "[compat]\nkomarev = true\nseeyoufarm = true\nhits-sh = true\nvisitor-badge = true\ndwyl = true\nmoe-counter = true\n";

/// An address, what its picture says, and the name that it counts.
const SHOWN: [(&str, &str, Option<&str>); 31] = [
    // https://github.com/antonkomarev/github-profile-views-counter
    ("/ghpvc/?username=your-github-username", "Profile views: 1", Some("your-github-username")),
    ("/ghpvc/?username=your-github-username&color=green", "Profile views: 2", Some("your-github-username")),
    (
        "/ghpvc/?username=Your-GitHub-Username&style=flat-square",
        "Profile views: 3",
        Some("your-github-username"),
    ),
    (
        "/ghpvc/?username=your-github-username&label=PROFILE+VIEWS",
        "PROFILE VIEWS: 4",
        Some("your-github-username"),
    ),
    ("/ghpvc/?username=your-github-username&base=1000", "Profile views: 1,005", Some("your-github-username")),
    (
        "/ghpvc/?username=your-github-username&base=12345&abbreviated=true",
        "Profile views: 12k",
        Some("your-github-username"),
    ),
    (
        "/ghpvc/?username=your-github-username&style=none&color=nocolor",
        "Profile views: 7",
        Some("your-github-username"),
    ),
    // https://github.com/gjbae1212/hit-counter
    (
        "/api/count/incr/badge.svg?url=https%3A%2F%2Fgithub.com%2Fgjbae1212%2Fhit-counter",
        "hits: 1 today, 1 in total",
        Some("github.com/gjbae1212/hit-counter"),
    ),
    (
        "/api/count/incr/badge.svg?url=https%3A%2F%2Fgithub.com%2Fgjbae1212%2Fhit-counter&count_bg=%2379C83D&title_bg=%23555555&icon=github.svg&icon_color=%23E7E7E7&title=views+%5Btoday%2Ftotal%5D&edge_flat=true",
        "views [today/total]: 2 today, 2 in total",
        Some("github.com/gjbae1212/hit-counter"),
    ),
    (
        "/api/count/keep/badge.svg?url=https%3A%2F%2Fgithub.com%2Fgjbae1212%2Fhit-counter",
        "hits: 2 today, 2 in total",
        None,
    ),
    // https://github.com/silentsoft/hits
    ("/github.com/silentsoft/hits.svg", "hits: 1", Some("github.com/silentsoft/hits")),
    (
        "/github.com/silentsoft/hits.svg?view=today-total&style=for-the-badge&label=%E6%97%A5&color=fe7d37&labelColor=gray&logo=github",
        "日: 2 today, 2 in total",
        Some("github.com/silentsoft/hits"),
    ),
    ("/github.com/silentsoft/hits.svg?extraCount=1000", "hits: 1,003", Some("github.com/silentsoft/hits")),
    ("/github.com/o/r/README.md.svg?logo=nobody", "hits: 1", Some("github.com/o/r/README.md")),
    // https://github.com/hehuapei/visitor-badge
    ("/badge?page_id=jwenjian.visitor-badge", "visitors: 1", Some("jwenjian.visitor-badge")),
    (
        "/badge?page_id=jwenjian.visitor-badge&left_color=red&right_color=green",
        "visitors: 2",
        Some("jwenjian.visitor-badge"),
    ),
    ("/badge?page_id=jwenjian.visitor-badge&left_text=Views", "Views: 3", Some("jwenjian.visitor-badge")),
    ("/badge?page_id=jwenjian.visitor-badge&query_only=true", "visitors: 3", None),
    (
        "/badge?page_id=jwenjian.visitor-badge&left_text=Views&left_color=%23595959&right_color=%231283c3&format=true",
        "Views: 4",
        Some("jwenjian.visitor-badge"),
    ),
    // https://github.com/dwyl/hits
    ("/dwyl/hits.svg", "hits: 1", Some("dwyl/hits")),
    ("/dwyl/hits.svg?style=flat-square", "hits: 2", Some("dwyl/hits")),
    ("/dwyl/dwyl/hits.svg", "hits: 3", Some("dwyl/hits")),
    ("/dwyl/hits.svg?count=false", "hits: 3", None),
    ("/ghpvc/?count=0&username=octocat", "Profile views: 0", None),
    // https://github.com/journey-ad/Moe-Counter
    (
        "/@index?name=index&theme=gelbooru&padding=7&offset=0&scale=1&align=top&pixelated=1&darkmode=auto",
        "hits: 1",
        Some("index"),
    ),
    ("/get/@index?theme=nixie", "hits: 2", Some("index")),
    ("/@index.svg?theme=odometer&prefix=1", "hits: 3", Some("index")),
    ("/@index?num=1234", "1,234", None),
    ("/@demo", "123,456,789", None),
    ("/badge.svg?repo=dwyl/hits", "hits: 4", Some("dwyl/hits")),
    ("/badge/dwyl/hits.svg", "hits: 5", Some("dwyl/hits")),
];

fn title(svg: &str) -> &str {
    svg.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0
}

fn expected() -> BTreeMap<&'static str, u64> {
    let mut expected = BTreeMap::new();
    for name in SHOWN.iter().filter_map(|(_, _, name)| *name) {
        *expected.entry(name).or_insert(0) += 1;
    }
    expected
}

#[test]
fn each_address_counts_once_over_http() {
    let mut place = Place::new();
    place.configure(ALL);
    let mut daemon = place.serve();
    for (target, says, _) in SHOWN {
        let answer = http::get(place.addr(), target);
        assert_eq!((answer.status, title(answer.text())), (200, says), "{target}");
        assert_eq!(answer.header("Content-Type"), Some("image/svg+xml; charset=utf-8"), "{target}");
    }
    for (target, says) in [
        ("/ghpvc/", "add ?username="),
        ("/ghpvc/?username=a--b", "add ?username="),
        ("/api/count/incr/badge.svg?url=ftp://a/b", "add ?url="),
        ("/badge", "add ?page_id="),
        ("/badge?page_id=~all", "a name cannot begin with ~"),
        ("/@", "the address is /@NAME"),
        ("/@index?padding=17", "padding is 0 to 16"),
        ("/a/b%20c.svg", "the address is /OWNER/REPO.svg"),
        ("/github.com/o/r.svg?extraCount=many", "extraCount is a whole number"),
        ("/ghpvc/?username=a&base=-1", "base is a whole number"),
    ] {
        let answer = http::get(place.addr(), target);
        assert_eq!(answer.status, 400, "{target}");
        assert!(answer.text().contains(says), "{target}: {}", answer.text());
    }
    for (method, target, status) in [
        ("GET", "/a/b/c/d.svg", 404),
        ("GET", "/a.svg", 404),
        ("POST", "/a/b.svg", 404),
        ("HEAD", "/a/b.svg", 200),
    ] {
        assert_eq!(http::request(method, place.addr(), target, &[], b"").status, status, "{method} {target}");
    }
    assert_eq!(http::get(place.addr(), "/repo/dwyl/hits").status, 200);
    stop(&mut daemon);
    for (name, count) in expected() {
        assert_eq!(place.total(name), count, "{name}");
    }
}

#[test]
fn an_address_is_served_only_where_it_is_on() {
    let mut place = Place::new();
    place.configure("[compat]\nkomarev = true\n");
    let mut daemon = place.serve();
    assert_eq!(http::get(place.addr(), "/ghpvc/?username=octocat").status, 200);
    for target in
        ["/badge?page_id=a", "/dwyl/hits.svg", "/github.com/a.svg", "/api/count/incr/badge.svg?url=a.b/c"]
    {
        let answer = http::get(place.addr(), target);
        assert_eq!(answer.status, 404, "{target}");
        assert!(answer.text().contains("= true under [compat]"), "{}", answer.text());
        // Where only pictures are shown, a picture says so.
        let answer = http::request("GET", place.addr(), target, &[("Accept", "image/*")], b"");
        assert_eq!((answer.status, answer.header("x-tallymark-status")), (200, Some("404")), "{target}");
        assert!(answer.text().contains("are off here: set "), "{}", answer.text());
    }
    stop(&mut daemon);
    place.configure("[compat]\nkomarev = \"yes\"\nhits = true\n");
    let said = place.run(&["check-config", &place.config_path().display().to_string()]);
    assert_eq!(said.code, Some(78), "{said:?}");
    for part in ["compat.komarev: must be true or false", "unknown key \"hits\" in compat"] {
        assert!(said.stderr.contains(part) || said.stdout.contains(part), "{part}: {said:?}");
    }
}

#[test]
fn each_address_counts_once_behind_nginx() {
    let mut place = Place::new();
    place.configure(ALL);
    let mut daemon = place.serve();
    let nginx = place.nginx(&[]);
    let ask = |method, target: &str| http::request(method, nginx.addr(), target, &[], b"");
    let settle = |sentinel: &str| {
        assert_eq!(ask("GET", &format!("/{sentinel}.example/x.svg")).status, 200);
        let name = format!("{sentinel}.example/x");
        wait_until("the last request is in the store", PATIENCE, || place.total(&name) == 1);
    };
    for (target, _, _) in SHOWN {
        let answer = ask("GET", target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        title(answer.text());
        assert_eq!(ask("HEAD", target).status, 200, "{target}");
        let ahead = http::request("GET", nginx.addr(), target, &[("Purpose", "prefetch")], b"");
        assert_eq!(ahead.status, 200, "{target}");
    }
    for target in ["/ghpvc/", "/badge?page_id=~all", "/badge", "/a/b%20c.svg", "/dwyl/hits.svg?count=perhaps"]
    {
        assert_eq!(ask("GET", target).status, 400, "{target}");
    }
    // Tallymark's own addresses end like those of others.
    for target in ["/name/hits.svg", "/repo/dwyl/hits.svg"] {
        assert_eq!(ask("GET", target).status, 200, "{target}");
    }
    ask("GET", "/stats/acct/ev.svg");
    settle("first");
    for (name, count) in expected() {
        assert_eq!(place.total(name), count, "{name}");
    }
    assert_eq!(place.total("hits.svg") + place.total("name/hits") + place.total("repo/dwyl"), 0);
    assert_eq!(place.total("acct/ev") + place.total("stats/acct") + place.total("stats/acct/ev"), 0);
    let metrics = place.metrics();
    assert_eq!(metrics.lines("http"), [0; 4], "the log is the only counter");
    assert_eq!(
        metrics.rejected("syslog-udp"),
        BTreeMap::from([("not_a_badge".to_owned(), 3)]),
        "one query_only, one num and one demo"
    );

    // It warns of a socket that is gone.
    let log = nginx.error_log();
    assert!(!log.contains("[emerg]") && !log.contains("[warn]"), "{log}");
    // While the daemon is away, nginx shows a picture and counts it for later: the lines of a socket are gone, so only
    // the picture is looked at here.
    stop(&mut daemon);
    for target in ["/ghpvc/?username=octocat", "/@a%2Fb", "/get/@a%2Fb"] {
        let answer = ask("GET", target);
        assert_eq!(answer.status, 200, "{target}");
        assert!(answer.text().contains(">counting<"), "{target}: {}", answer.text());
    }
}

/// nginx logs to files, each kind of line to its own.
#[test]
fn log_files_count_as_syslog_does() {
    let mut place = Place::new();
    let source = |file: &str, route: &str| {
        format!("[[source]]\nkind = \"file\"\npath = \"DIR/{file}\"\nroute = \"{route}\"\n")
    };
    let badges = source("badges.log", "tallymark");
    place.configure(&format!("{ALL}{badges}"));
    place.run(&["nginx-conf"]).refused(1, &["route = \"tallymark_requests\"", "a file of its own"]);
    place.configure(&format!("{ALL}{badges}{}", source("others.log", "tallymark_requests")));
    let nginx = place.nginx(&[]);
    let mut daemon = place.serve();
    for (target, _, _) in SHOWN {
        assert_eq!(http::get(nginx.addr(), target).status, 200, "{target}");
    }
    // Not a badge of an owner.
    assert_ne!(http::get(nginx.addr(), "/stats/acct/ev.svg").status, 500);
    assert_eq!(http::get(nginx.addr(), "/last.example/x.svg").status, 200);
    wait_until("all lines are counted", PATIENCE, || {
        place.total("last.example/x") == 1
            && expected().into_iter().all(|(name, count)| place.total(name) >= count)
    });
    for (name, count) in expected() {
        assert_eq!(place.total(name), count, "{name}");
    }
    assert_eq!(place.total("acct/ev") + place.total("stats/acct"), 0);
    stop(&mut daemon);

    // One file for badges alone needs no route.
    place.configure("[[source]]\nkind = \"file\"\npath = \"DIR/plain.log\"\n");
    let nginx = place.nginx(&[]);
    let mut daemon = place.serve();
    assert_eq!(http::get(nginx.addr(), "/badge/plain/r.svg").status, 200);
    wait_until("it is counted", PATIENCE, || place.total("plain/r") == 1);
    stop(&mut daemon);
}

#[test]
fn visits_are_told_apart_behind_nginx() {
    let mut place = Place::new();
    place.configure(&format!("{ALL}[visits]\nkeep = 5\n"));
    let mut daemon = place.serve();
    let nginx = place.nginx(&["--panels"]);
    for _ in 0..3 {
        assert_eq!(http::get(nginx.addr(), "/dwyl/hits.svg").status, 200);
    }
    wait_until("three hits are in the store", PATIENCE, || place.total("dwyl/hits") == 3);
    let visits = place.run(&["show", "dwyl/hits", "--event", "visit", "--json"]).json();
    assert_eq!(visits["total"], 1, "{visits}");
    stop(&mut daemon);
}

/// What would show another number than was meant is told, and counts nothing.
#[test]
fn values_that_would_change_the_number_are_not_ignored() {
    let place = Place::with_config(ALL);
    let mut daemon = place.serve();
    let nginx = place.nginx(&[]);
    for (path, says) in [
        ("/octo/r.svg?show=bogus", "show is unique, or left out"),
        ("/octo/r.svg?period=today", "this address has no period"),
        ("/github.com/octo/r.svg?view=bogus", "view is today-total or total, or left out"),
        ("/github.com/octo/r.svg?extraCount=5&extraCount=6", "extraCount is given twice"),
        ("/ghpvc/?username=octo&base=5&base=7", "base is given twice"),
        ("/ghpvc/?username=octo&username=other", "username is given twice"),
        ("/ghpvc/?username=octo&bsae=5", "bsae: did you mean base?"),
        ("/ghpvc/?username=octo&amp;base=5", "write &amp;base in place of &amp;amp;base"),
        ("/ghpvc/?username=octo&abbreviated=maybe", "abbreviated=maybe: it is true or false"),
        ("/github.com/octo/r.svg?extraCount=many", "extraCount is a whole number"),
        ("/@octo?scale=9", "scale is 0.1 to 2"),
        ("/@octo?padding=3&padding=4", "padding is given twice"),
        ("/@octo?base=5", "this address has no base"),
        ("/badge?page_id=octo&event=like", "this address has no event"),
    ] {
        for server in [place.addr().to_string(), nginx.addr().to_string()] {
            let answer = http::get(&server, path);
            assert!(answer.status == 400 && answer.text().contains(says), "{path}: {}", answer.text());
        }
    }
    stop(&mut daemon);
    for name in ["octo", "octo/r", "github.com/octo/r"] {
        assert_eq!(place.total(name), 0, "{name}");
    }
}
