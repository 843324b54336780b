//! What is wrong with the address of a picture is shown to whoever shows pictures alone, as GitHub's image proxy does, and
//! counts nothing; everyone else gets its status. From the daemon, and through a real nginx.

use crate::common::{PATIENCE, Place, pictures::picture, stop};
use std::net::SocketAddr;
use tallymark_testbed::{FakeGithub, http, wait_until};

/// As image proxies and images in pages ask.
const IMAGES: [&str; 3] =
    ["image/*", "image/webp,*/*;q=0.8", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"];
/// As programs do, and a browser that opens the address itself.
const OTHERS: [&str; 3] = [
    "*/*",
    "application/json",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
];

const WRONG: [(&str, u16); 18] = [
    ("/badge.svg", 400),
    ("/badge.svg?repo=o/r&style=flt", 400),
    ("/badge/o/r.svg?stlye=flat", 400),
    ("/badge/o/r.svg?count=perhaps", 400),
    ("/badge/o/r.svg?event=no%20event", 400),
    ("/badge/o/r.png?scale=9", 400),
    ("/graph/o/r.svg?period=never", 400),
    ("/graph/o/r.png?period=never", 400),
    ("/sum.svg?of=o/*&show=today", 400),
    ("/v1/badge/o/r?lang=klingon", 400),
    ("/ghpvc/", 400),
    ("/dwyl/hits.svg?count=perhaps", 400),
    ("/api/pin?username=octo", 400),
    ("/api/streak?username=nobody", 404),
    ("/api/pin.png?username=nobody&repo=r", 404),
    ("/api/gist?id=1", 404),
    ("/banners/preview?username=nobody&type=dark", 404),
    ("/banners/preview?username=octo&type=x", 400),
];

fn ask(at: SocketAddr, method: &str, target: &str, accept: &str) -> http::Response {
    http::request(method, at, target, &[("Accept", accept)], b"")
}

fn start(github: &FakeGithub) -> Place {
    github.add("octo", Vec::new());
    let mut place = Place::new();
    place.configure(&format!(
        "[compat]\nkomarev = true\ndwyl = true\n[visits]\navatars = \"off\"\n[github]\napi-url = \"{}\"\nrate-limit = \"off\"\n",
        github.url()
    ));
    place
}

#[test]
fn whoever_shows_pictures_alone_is_shown_what_is_wrong() {
    let github = FakeGithub::start();
    let place = start(&github);
    let mut daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    let cache = place.dir().join("cache");
    let cache = cache.to_str().unwrap();
    let all = ["--panels", "--cards", "--banners", "--cache", cache];
    for (last, flags) in [("last/one", &all[..3]), ("last/two", &all[..])] {
        let nginx = place.nginx(flags);
        for at in [place.addr(), nginx.addr()] {
            for (target, status) in WRONG {
                // Twice: what nginx keeps is for no other client.
                for accept in IMAGES.into_iter().chain(OTHERS).chain([IMAGES[0], OTHERS[0]]) {
                    let answer = ask(at, "GET", target, accept);
                    let shows = IMAGES.contains(&accept);
                    assert_eq!(
                        answer.status,
                        if shows { 200 } else { status },
                        "{target} of {at} for {accept}"
                    );
                    assert!(answer.header("cache-control").unwrap().contains("no-store"), "{target}");
                    let kind = answer.header("content-type").unwrap();
                    assert!(!shows || kind.starts_with("image/"), "{target}: {kind}");
                    if kind.starts_with("image/svg") {
                        picture(&answer);
                    }
                }
            }
        }
        assert_eq!(http::get(nginx.addr(), &format!("/badge.svg?repo={last}")).status, 200);
        wait_until("the last one is counted", PATIENCE, || place.total(last) == 1);
        assert_eq!(place.total("o/r") + place.total("dwyl/hits"), 0);
    }
    let metrics = http::get(place.addr(), "/metrics").text().to_owned();
    assert!(
        metrics.contains("tallymark_http_requests_total{route=\"/sum.svg\",status=\"400\"}"),
        "{metrics}"
    );
    stop(&mut daemon);
}

/// The log of another proxy counts by status, and knows no header.
#[test]
fn what_another_log_counts_keeps_its_status() {
    let github = FakeGithub::start();
    let place = start(&github);
    let _daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    let target = "/badge.svg?count=false&repo=o/r&style=flt";
    assert_eq!(ask(place.addr(), "GET", target, IMAGES[0]).status, 400);
    let told = [("Accept", IMAGES[0]), ("X-Tallymark-Knows-Status", "1")];
    let answer = http::request("GET", place.addr(), target, &told, b"");
    assert_eq!((answer.status, answer.header("x-tallymark-status")), (200, Some("400")));
    assert!(answer.header("x-tallymark").unwrap().starts_with("ignored"));
    let head = ask(place.addr(), "HEAD", "/badge.svg?repo=o/r&style=flt", IMAGES[0]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    // A page that is not there is none.
    assert_eq!(ask(place.addr(), "GET", "/nothing/here", IMAGES[0]).status, 404);
}
