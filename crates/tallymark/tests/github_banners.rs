//! GitHub Banners' preview, as its users know it, over a fake GitHub: statuses, bodies, and what survives a failure.

use crate::common::{Kind, PATIENCE, Place};
use std::path::Path;
use tallymark_testbed::{Daemon, FakeGithub, FakeRepository, FakeWeb, WebReply, http, wait_until};

const TOKEN: &str = "ghp_c4n4ry0123456789";
const SECRET: &str = "s3cr3t-of-sixteen-characters";

fn repositories(stars: u64) -> Vec<FakeRepository> {
    let one = |id, language: &str| FakeRepository {
        id,
        fork: false,
        stars,
        forks: 1,
        language: Some(language.to_owned()),
    };
    vec![one(1, "Rust"), one(2, "C++"), FakeRepository { fork: true, ..one(3, "C") }]
}

/// A daemon that has met its store.
fn ready(place: &Place) -> Daemon {
    let daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    daemon
}

fn configure(place: &mut Place, github: &FakeGithub, more: &str) {
    place
        .configure(&format!("[visits]\navatars = \"off\"\n[github]\napi-url = \"{}\"\n{more}", github.url()));
}

fn preview(place: &Place, query: &str) -> http::Response {
    http::get(place.addr(), &format!("/banners/preview?{query}"))
}

#[test]
fn statuses_and_bodies_are_the_originals() {
    let github = FakeGithub::start();
    github.add("Octo-Cat", repositories(1234));
    let mut place = Place::new();
    configure(&mut place, &github, "");
    let _daemon = ready(&place);
    for (query, status, body) in [
        ("username=octo-cat", 400, "{\"error\":\"invalid banner type\"}"),
        ("username=octo-cat&type=Dark", 400, "{\"error\":\"invalid banner type\"}"),
        ("type=light", 400, "{\"error\":\"invalid banner type\"}"),
        ("type=dark", 404, "{\"error\":\"user not found on github\"}"),
        ("type=dark&username=", 404, "{\"error\":\"user not found on github\"}"),
        ("type=dark&username=nobody", 404, "{\"error\":\"user not found on github\"}"),
        ("type=dark&username=..", 404, "{\"error\":\"user not found on github\"}"),
        ("type=dark&username=a%2Fb", 404, "{\"error\":\"user not found on github\"}"),
        ("type=dark&username=a+b", 404, "{\"error\":\"user not found on github\"}"),
    ] {
        let answer = preview(&place, query);
        assert_eq!((answer.status, answer.text()), (status, body), "{query}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    let targets: Vec<String> = github.calls().into_iter().map(|call| call.target).collect();
    assert_eq!(targets, ["/users/nobody"], "who cannot be anybody is not asked for");
    for kind in ["default", "dark"] {
        let answer = preview(&place, &format!("type={kind}&username=octo-CAT"));
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").unwrap().starts_with("image/svg+xml"));
        assert!(answer.header("cache-control").unwrap().contains("no-store"));
        assert_eq!(answer.header("vary"), Some("Origin"));
        let document = roxmltree::Document::parse(answer.text()).unwrap();
        let title = document.descendants().find(|node| node.tag_name().name() == "title").unwrap();
        let says = "octo-CAT on GitHub: 3 repositories (2 original, 1 forked), 2,468 stars, 2 forks, 7 followers; as of ";
        assert!(title.text().unwrap().starts_with(says), "{title:?}");
        assert!(answer.text().contains("C++ 50.0%"));
    }
    // One caller's spelling is not another's, and one question serves both themes.
    for name in ["OCTO-CAT", "octo-cat"] {
        assert!(
            preview(&place, &format!("type=dark&username={name}"))
                .text()
                .contains(&format!(">{name}</text>"))
        );
    }
    assert_eq!(github.calls().len(), 3);
    for method in ["HEAD", "POST", "PUT", "DELETE"] {
        let answer =
            http::request(method, place.addr(), "/banners/preview?username=octo-cat&type=dark", &[], b"");
        assert_eq!((answer.status, answer.body.len()), (405, 0), "{method}");
    }
    let origin = [("Origin", "https://example.org"), ("Access-Control-Request-Method", "GET")];
    let preflight = http::request("OPTIONS", place.addr(), "/banners/preview", &origin, b"");
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization, content-type, *"));
}

#[test]
fn a_picture_stays_whatever_github_does_and_a_kill_costs_no_call() {
    for kind in Kind::both() {
        let github = FakeGithub::start();
        github.token(TOKEN, "owner", 5000);
        github.add("octo", repositories(7));
        let mut place = kind.place();
        configure(&mut place, &github, &format!("tokens = [\"{TOKEN}\"]\n"));
        let mut daemon = ready(&place);
        assert!(preview(&place, "type=dark&username=octo").text().contains(">14</text>"));
        let calls = github.calls().len();
        assert_eq!(calls, 2);
        github.answer_instead(|_| Some(WebReply::status(500, "text/plain", "")));
        daemon.kill9();
        let mut daemon = ready(&place);
        assert!(preview(&place, "type=default&username=octo").text().contains(">14</text>"));
        assert_eq!(github.calls().len(), calls, "the store had it");
        // Somebody new, while GitHub is down: an image for whoever takes one, and the original's answer for others.
        let img = [("Accept", "image/avif,image/webp,*/*;q=0.8")];
        let answer = http::request("GET", place.addr(), "/banners/preview?type=dark&username=new", &img, b"");
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains("statistics of new are on their way"));
        let answer = preview(&place, "type=dark&username=new");
        assert_eq!((answer.status, answer.text()), (500, "{\"error\":\"can't get preview\"}"));
        // The token is revoked: it is told by state, and nothing else of it anywhere.
        github.answer_well();
        github.revoke(TOKEN);
        let answer = preview(&place, "type=dark&username=other");
        assert_eq!(answer.status, 500);
        let metrics = http::get(place.addr(), "/metrics").text().to_owned();
        assert!(metrics.contains("tallymark_github_tokens{state=\"revoked\"} 1"), "{metrics}");
        assert!(metrics.contains("tallymark_github_requests_total{status=\"401\"}"), "{metrics}");
        assert!(!metrics.contains("c4n4ry"));
        assert_eq!(preview(&place, "type=dark&username=another").status, 500);
        assert_eq!(daemon.stderr().matches("GitHub refuses a token (401)").count(), 1, "{}", daemon.stderr());
        assert!(daemon.stderr().contains("...6789"), "{}", daemon.stderr());
        daemon.sigterm();
        daemon.wait(PATIENCE);
        assert!(!daemon.stdout().contains("c4n4ry") && !daemon.stderr().contains("c4n4ry"));
        let config = place.config_path();
        assert_eq!(files_with(place.dir(), b"c4n4ry"), [config], "it is in no file but the configuration");
    }
}

#[test]
fn one_client_may_not_ask_as_often_as_it_likes() {
    let github = FakeGithub::start();
    github.add("octo", repositories(7));
    let mut place = Place::new();
    configure(&mut place, &github, "rate-limit = \"1/h\"\n");
    let _daemon = ready(&place);
    let ask = |path: &str, client: &str, more: &[(&str, &str)]| {
        let headers = [&[("X-Forwarded-For", client)], more].concat();
        http::request("GET", place.addr(), path, &headers, b"")
    };
    let path = "/banners/preview?username=octo&type=dark";
    for (path, _) in [(path, 0), (path, 1), (path, 2), ("/banners/octo-dark", 3), ("/banners/x-dark", 4)] {
        assert_eq!(ask(path, "203.0.113.1", &[]).status, 200, "five at once");
    }
    let answer = ask(path, "203.0.113.1", &[]);
    assert_eq!((answer.status, answer.text()), (429, "{\"error\":\"too many requests\"}"));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3601).contains(&wait), "{wait}");
    let answer = ask(path, "203.0.113.1", &[("Accept", "image/*")]);
    assert_eq!((answer.status, answer.text().contains("too many requests")), (429, true));
    assert_eq!(
        http::request("POST", place.addr(), "/banners", &[("X-Forwarded-For", "203.0.113.1")], b"").status,
        429
    );
    assert_eq!(ask(path, "203.0.113.2", &[]).status, 200, "another client");
    assert_eq!(http::get(place.addr(), "/badge/a.svg").status, 200, "badges are not limited");
    let camo = [("User-Agent", "github-camo (876de43e)")];
    assert!((0..20).all(|_| ask(path, "140.82.115.7", &camo).status == 200), "Camo asks for everybody");
    let metrics = http::get(place.addr(), "/metrics").text().to_owned();
    let counted = "tallymark_http_requests_total{route=\"/banners/preview\",status=\"429\"} 2";
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn the_originals_variables_are_read_and_those_without_a_meaning_told_once() {
    let github = FakeGithub::start();
    let mut place = Place::new();
    configure(&mut place, &github, "");
    let config = place.config_path();
    let check = |env: &[(&str, &str)]| {
        crate::common::run_with(&["check-config", "--config", config.to_str().unwrap()], env, b"")
    };
    let ran = check(&[
        ("CACHE_TTL", "5m"),
        ("RATE_LIMIT_RPS", "2.5"),
        ("SERVICES_SECRET_KEY", "0123456789abcdef"),
        ("CORS_ORIGINS", "example.com, https://example.org"),
        ("REQUEST_TIMEOUT", "10s"),
        ("GITHUB_TOKENS", "*"),
        ("KAFKA_BROKERS_ADDRS", "kafka:9092"),
        ("POSTGRES_USER", "c4n4ry"),
        ("PGPORT", "5432"),
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let of = |name: &str| ran.stderr.matches(name).count();
    assert_eq!(
        ["KAFKA_BROKERS_ADDRS", "POSTGRES_USER", "PGPORT", "CACHE_TTL", "c4n4ry"].map(of),
        [1, 1, 1, 0, 0]
    );
    let ran = check(&[("PGPORT", "5432")]);
    assert_eq!((ran.code, ran.stderr.contains("PGPORT")), (Some(0), false), "any PostgreSQL has it");
    for (name, value, says) in [
        ("CACHE_TTL", "5", "duration"),
        ("CACHE_TTL", "2d", "hard-ttl"),
        ("RATE_LIMIT_RPS", "many", "requests in a second"),
        ("SERVICES_SECRET_KEY", "1234", "16 characters"),
        ("CORS_ORIGINS", "example.com/", "origin"),
    ] {
        let ran = check(&[(name, value)]);
        assert_eq!(ran.code, Some(78), "{name}={value}: {ran:?}");
        assert!(ran.stderr.contains(says), "{name}={value}: {ran:?}");
    }
    let many = [("BASE_URL", "x"), ("SERVICES_SECRET_KEY", "1234"), ("CACHE_TTL", "x"), ("PORT", "many")];
    let ran = check(&many);
    for (name, _) in many {
        assert!(ran.code == Some(78) && ran.stderr.contains(&format!("{name}: ")), "{name}: {ran:?}");
    }
}

#[test]
fn every_mistake_of_the_environment_is_told_at_once() {
    let mut place = Place::new();
    place.configure("[github]\nzone = \"Mars\"\n");
    let vars = [("CACHE_TTL", "x"), ("REQUEST_TIMEOUT", "5"), ("RATE_LIMIT_RPS", "abc"), ("PORT", "http")];
    let config = place.config_path();
    let ran = crate::common::run_with(&["check-config", "--config", config.to_str().unwrap()], &vars, b"");
    assert_eq!(ran.code, Some(78), "{ran:?}");
    for part in ["CACHE_TTL: ", "REQUEST_TIMEOUT: ", "RATE_LIMIT_RPS: ", "PORT: ", "Mars"] {
        assert!(ran.stderr.contains(part), "{part} is missing in {}", ran.stderr);
    }
}

/// Whatever goes wrong with GitHub, and with everything in the log.
#[test]
fn a_token_is_nowhere_but_where_it_was_written() {
    for kind in Kind::both() {
        let elsewhere = FakeWeb::start(|_| WebReply::of("application/json", "{}"));
        let github = FakeGithub::start();
        github.token(TOKEN, "owner", 5000);
        github.add("octo", repositories(7));
        let mut place = kind.place();
        configure(
            &mut place,
            &github,
            &format!("tokens = [\"{TOKEN}\"]\nrate-limit = \"off\"\nsecret = \"{SECRET}\"\n"),
        );
        let mut daemon = place.start("serve", &["--log-level", "trace"]);
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        let mut said = vec![preview(&place, "type=dark&username=octo").text().to_owned()];
        let json = |status| WebReply::status(status, "application/json", "{\"message\": \"no\"}");
        let away = elsewhere.url();
        for (at, reply) in [
            json(403),
            json(403).header("Retry-After", "1"),
            json(404),
            json(429),
            json(500),
            json(502),
            WebReply::of("application/json", "[{\"id\": 1"),
            WebReply::of("application/json", "x").header("Content-Length", "100"),
            WebReply::of("application/json", ""),
            WebReply::redirect(&away),
            json(401),
        ]
        .into_iter()
        .enumerate()
        {
            github.answer_instead(move |_| Some(reply.clone()));
            let name = format!("fault-{at}");
            for path in
                [format!("/banners/preview?type=dark&username={name}"), format!("/api?username={name}")]
            {
                let answer = http::get(place.addr(), &path);
                said.push(format!("{:?} {}", answer.headers, answer.text()));
            }
            for args in
                [&["github", "refresh", &name][..], &["github", "sync"], &["github", "status", "--json"]]
            {
                let ran = place.run(&[args, &["--log-level", "trace"][..]].concat());
                said.push(format!("{ran:?}"));
            }
        }
        assert!(elsewhere.requests().iter().all(|request| request.header("authorization").is_none()));
        said.push(http::get(place.addr(), "/metrics").text().to_owned());
        let exported = place.run(&["export", "jsonl"]);
        said.push(format!("{exported:?}"));
        daemon.sigterm();
        daemon.wait(PATIENCE);
        said.extend([daemon.stdout().to_owned(), daemon.stderr().to_owned()]);
        assert!(said.iter().any(|text| text.contains("...6789")), "it is told by its end");
        for text in &said {
            for canary in ["c4n4ry", SECRET] {
                assert!(!text.contains(canary), "{text}");
            }
        }
        if let Kind::Redis(redis) = &kind {
            assert_eq!(files_with(redis.dir(), b"c4n4ry"), Vec::<std::path::PathBuf>::new());
        }
        let config = place.config_path();
        assert_eq!(files_with(place.dir(), b"c4n4ry"), [config], "it is in no file but the configuration");
    }
}

/// Every file below a directory that has these bytes.
fn files_with(dir: &Path, bytes: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if std::fs::read(&path).unwrap_or_default().windows(bytes.len()).any(|window| window == bytes)
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn it_can_be_off_and_a_wrong_setting_is_told() {
    let mut place = Place::new();
    place.configure("[github]\napi-url = \"off\"\n");
    let _daemon = ready(&place);
    assert_eq!(preview(&place, "type=dark&username=octo").status, 404);
    for (text, says) in [
        ("api-url = \"github.com\"", "https://api.github.com"),
        ("api-url = \"https://octo:c4n4ry@example.org\"", "https://api.github.com"),
        ("tokens = [\"c4n4ry with blanks\"]", "8 to 255"),
        ("soft-ttl = \"0s\"", "must be"),
        ("soft-ttl = \"2h\"\nhard-ttl = \"1h\"", "soft-ttl"),
    ] {
        let mut place = Place::new();
        place.configure(&format!("[github]\n{text}\n"));
        let ran = place.run(&["check-config"]);
        assert_eq!(ran.code, Some(78), "{ran:?}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains(says) && !said.contains("c4n4ry"), "{said}");
    }
    let env = [("GITHUB_TOKENS", "c4n4ry with blanks")];
    let ran = crate::common::run_with(&["check-config"], &env, b"");
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(ran.stderr.contains("GITHUB_TOKENS") && !ran.stderr.contains("c4n4ry"), "{ran:?}");
}
