//! `tallymark help proxies`, tried with the real servers: its configurations are taken from the page as a reader copies them.

use crate::common::{PATIENCE, Place};
use std::{net::SocketAddr, process::Command};
use tallymark_testbed::{Front, Nginx, http, wait_until};

/// The indented block of the manual's page that has this text in its first line.
fn block(first: &str) -> String {
    let page = include_str!("../src/help/proxies.md");
    let lines = page.lines().skip_while(|line| !line.contains(first));
    let block = lines.map_while(|line| line.strip_prefix("    "));
    block.map(|line| format!("{line}\n")).collect()
}

/// One badge is one hit, names arrive as they were sent, two visitors are two, and what is private stays so.
fn counts_as_the_page_says(front: SocketAddr, place: &Place) {
    let ask = |method, path: &str| http::request(method, front, path, &[("Host", "hits.example.org")], b"");
    for count in 1..=3 {
        let answer = ask("GET", "/badge.svg?repo=a/b");
        assert!(answer.text().contains(&format!("<title>hits: {count}</title>")), "{}", answer.text());
        assert!(answer.header("cache-control").unwrap().contains("no-store"));
    }
    assert!(ask("GET", "/badge.svg?repo=a%2Fb&count=false").text().contains("<title>hits: 3</title>"));
    for (path, name) in [("/name/a%2Fb", "a/b"), ("/name/50%25%20off", "50% off"), ("/name/x%3Fy", "x?y")] {
        let page = ask("GET", path);
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        // minijinja escapes the slash, too.
        let text = page.text().replace("&#x2f;", "/");
        assert!(text.contains(&format!("<h1><bdi>{name}</bdi>")), "{path}: {text}");
    }
    let file = ask("GET", "/badge/a%2Fb.svg?count=false");
    assert!(file.text().contains("<title>hits: 3</title>"), "{}", file.text());
    for private in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(ask("GET", private).status, 404, "{private}");
    }
    wait_until("the store has the three", PATIENCE, || place.total("a/b") == 3);
}

/// Whom a proxy tells of, the daemon believes: not an address that a client made up in front of it. The client comes from
/// 127.0.0.2, because 127.0.0.1 is the proxy.
fn believes_the_proxy_only(front: SocketAddr, place: &Place) {
    for made_up in ["192.0.2.1", "192.0.2.2"] {
        let mut curl = Command::new("curl");
        curl.args(["-sf", "--interface", "127.0.0.2", "-H", "Host: hits.example.org"]);
        curl.args([
            "-H",
            &format!("X-Forwarded-For: {made_up}"),
            &format!("http://{front}/badge.svg?repo=v/v"),
        ]);
        assert!(curl.output().unwrap().status.success());
    }
    wait_until("both hits are counted, as one visit", PATIENCE, || {
        let of = |event| place.run(&["show", "v/v", "--event", event, "--json"]).json()["total"].clone();
        of("hit") == 2 && of("visit") == 1
    });
}

/// A daemon that trusts a proxy on this machine.
fn place() -> Place {
    Place::with_config("[http]\ntrusted-proxies = [\"127.0.0.1\"]\n")
}

#[test]
fn apache() {
    let place = place();
    let _daemon = place.serve();
    let front = Front::apache(|site| {
        let conf = block("<VirtualHost *:80>").replace("*:80", &format!("127.0.0.1:{}", site.port));
        conf.replace("127.0.0.1:8080", &place.addr().to_string())
    });
    counts_as_the_page_says(front.addr(), &place);
    believes_the_proxy_only(front.addr(), &place);
}

#[test]
fn caddy() {
    let place = place();
    let _daemon = place.serve();
    let front = Front::caddy(|site| {
        let conf = block("hits.example.org {");
        let conf = conf.replace("hits.example.org", &format!("http://hits.example.org:{}", site.port));
        conf.replace("127.0.0.1:8080", &place.addr().to_string())
    });
    counts_as_the_page_says(front.addr(), &place);
    believes_the_proxy_only(front.addr(), &place);
}

/// nginx as a CDN: it keeps whatever the origin lets it keep.
#[test]
fn cdn_that_obeys_the_origin_keeps_no_count() {
    let place = Place::new();
    let _daemon = place.serve();
    let cdn = Nginx::start(|site| {
        format!(
            "proxy_cache_path {} keys_zone=cdn:1m;\nserver {{ listen 127.0.0.1:{}; proxy_cache cdn; \
             proxy_cache_lock on; location / {{ proxy_pass http://{}; }} \
             location ~ ^/(?:metrics|healthz|readyz)$ {{ return 404; }} }}",
            site.path("cache"),
            site.port,
            place.addr()
        )
    });
    counts_as_the_page_says(cdn.addr(), &place);
}

/// Behind a CDN, nginx logs the address that the CDN tells of, and only from the CDN's networks.
#[test]
fn nginx_behind_a_cdn_counts_its_visitors() {
    let place = Place::new();
    let _daemon = place.serve();
    let real_ip = block("set_real_ip_from").replace("203.0.113.0/24", "127.0.0.1");
    let nginx = place.nginx_with(&["--visits"], &real_ip);
    for visitor in ["198.51.100.7", "198.51.100.8", "198.51.100.8"] {
        let headers = [("CF-Connecting-IP", visitor)];
        assert_eq!(http::request("GET", nginx.addr(), "/badge.svg?repo=a/b", &headers, b"").status, 200);
    }
    wait_until("three hits of two visitors", PATIENCE, || {
        let of = |event| place.run(&["show", "a/b", "--event", event, "--json"]).json()["total"].clone();
        of("hit") == 3 && of("visit") == 2
    });
}
