//! Created banners and tracked accounts: over HTTP, on the command line, and by themselves.

use crate::common::{Kind, PATIENCE, Place, missing_for_days, run_with};
use hmac::{Hmac, KeyInit, Mac};
use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tallymark_core::Minute;
use tallymark_testbed::{Daemon, FakeGithub, FakeRepository, WebReply, http, wait_until};

const TOKEN: &str = "ghp_c4n4ry0123456789";
const SECRET: &str = "s1gning-c4n4ry-0123456789";
const REVOKED: &str = "ghp_c4n4ry9876543210";

fn repositories(stars: u64) -> Vec<FakeRepository> {
    vec![FakeRepository { id: 1, fork: false, stars, forks: 1, language: Some("Rust".to_owned()) }]
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

fn post(place: &Place, body: &str) -> (u16, String) {
    let answer = http::request("POST", place.addr(), "/banners", &[], body.as_bytes());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.text());
    assert_eq!(answer.header("vary"), Some("Origin"));
    (answer.status, answer.text().to_owned())
}

fn banner(place: &Place, path: &str) -> String {
    let answer = http::get(place.addr(), &format!("/banners/{path}"));
    assert_eq!(answer.status, 200, "{path}");
    assert!(answer.header("cache-control").unwrap().contains("no-store"));
    roxmltree::Document::parse(answer.text()).unwrap();
    answer.text().to_owned()
}

/// What was shown stays, and what is not known is not said to be none.
#[test]
fn banners_stay_while_the_store_does_not_answer() {
    let github = FakeGithub::start();
    github.add("octo", repositories(7));
    let mut redis = tallymark_testbed::Redis::builder().appendonly().start();
    let mut place = Place::with_store(redis.url());
    configure(&mut place, &github, "");
    let mut daemon = ready(&place);
    assert_eq!(post(&place, "{\"username\":\"octo\",\"type\":\"dark\"}").0, 200);
    let shown = banner(&place, "octo-dark");
    redis.freeze();
    assert_eq!(banner(&place, "octo-dark"), shown);
    assert!(banner(&place, "octo-default").contains("No such banner"), "the account has none");
    redis.thaw();
    redis.stop();
    daemon.kill9();
    let _daemon = place.serve();
    let coming = banner(&place, "octo-dark");
    assert!(coming.contains("on their way") && !coming.contains("No such banner"), "{coming}");
    assert!(banner(&place, "octo").contains("No such banner"));
    redis.restart();
    wait_until("the banner is back", PATIENCE, || banner(&place, "octo-dark") == shown);
}

#[test]
fn a_banner_is_created_once_and_stays() {
    for kind in Kind::both() {
        let github = FakeGithub::start();
        github.add("octo", repositories(7));
        let mut place = kind.place();
        configure(&mut place, &github, "rate-limit = \"off\"\n");
        let mut daemon = ready(&place);
        let said = |what: &str| format!("{{\"error\":\"{what}\"}}");
        for (body, status, answer) in [
            ("", 400, said("invalid json")),
            ("[]", 400, said("invalid json")),
            ("{\"username\":5,\"type\":\"dark\"}", 400, said("invalid json")),
            ("null", 400, said("invalid banner type")),
            ("{}", 400, said("invalid banner type")),
            ("{\"username\":\"octo\"}", 400, said("invalid banner type")),
            ("{\"username\":\"octo\",\"type\":\"Dark\"}", 400, said("invalid banner type")),
            ("{\"username\":\"nobody\",\"type\":\"dark\"}", 404, said("user doesn't exist")),
            ("{\"username\":\"a/b\",\"type\":\"dark\"}", 404, said("user doesn't exist")),
            ("{\"type\":\"dark\"}", 404, said("user doesn't exist")),
            (
                "{\"USERNAME\":\"Octo\",\"type\":\"dark\",\"more\":1} and more",
                200,
                "{\"url\":\"/banners/Octo-dark\"}\n".to_owned(),
            ),
            (
                "{\"username\":\"octo\",\"type\":\"dark\"}",
                200,
                "{\"url\":\"/banners/Octo-dark\"}\n".to_owned(),
            ),
            (
                "{\"username\":\"octo\",\"type\":\"default\"}",
                200,
                "{\"url\":\"/banners/octo-default\"}\n".to_owned(),
            ),
        ] {
            assert_eq!(post(&place, body), (status, answer), "{body}");
        }
        let body = b"{\"username\":\"octo\",\"type\":\"dark\"}";
        for (header, instead) in [
            (("X-Forwarded-For", "203.0.113.5"), "set a secret"),
            (("Forwarded", "for=127.0.0.1"), "set a secret"),
            (("Origin", "https://evil.example"), "name the site in cors-origins"),
            (("Sec-Fetch-Site", "cross-site"), "name the site in cors-origins"),
        ] {
            let answer = http::request("POST", place.addr(), "/banners", &[header], body);
            assert_eq!(answer.status, 403);
            assert!(answer.text().contains("from this machine"), "{}", answer.text());
            assert!(answer.text().contains(instead), "{}", answer.text());
        }
        // A page under a name that its owner makes lead to this machine.
        let mut rebound = http::Client::connect(place.addr());
        let head =
            format!("POST /banners HTTP/1.1\r\nHost: evil.example\r\nContent-Length: {}\r\n\r\n", body.len());
        rebound.send_raw(&[head.as_bytes(), body].concat()).unwrap();
        let answer = rebound.read_response(false).unwrap();
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("set base-url under [http]"), "{}", answer.text());
        for method in ["GET", "HEAD", "PUT"] {
            assert_eq!(http::request(method, place.addr(), "/banners", &[], b"").status, 405);
        }
        assert_eq!(http::request("POST", place.addr(), "/banners/Octo-dark", &[], b"").status, 405);
        daemon.kill9();
        let _daemon = ready(&place);
        assert!(banner(&place, "Octo-dark?a=sgt0m9").contains(">Octo</text>"));
        assert!(banner(&place, "octo-default").contains(">octo</text>"));
        for none in [
            "",
            "octo-dark",
            "OCTO-dark",
            "Octo-dark.svg",
            "Octo",
            "a/b/c",
            "preview-dark",
            "..-dark",
            "%2e%2e-dark",
        ] {
            assert!(banner(&place, none).contains("No such banner"), "{none}");
        }
        let targets: Vec<String> = github.calls().into_iter().map(|call| call.target).collect();
        assert_eq!(
            targets.iter().filter(|target| target.starts_with("/users/octo")).count(),
            2,
            "{targets:?}"
        );
    }
}

/// The HMAC-SHA256 of a text, as a program that signs computes it.
fn signed(text: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn with_a_secret_only_signed_requests_create_banners_and_each_once() {
    let github = FakeGithub::start();
    github.add("octo", repositories(7));
    let mut place = Place::new();
    configure(&mut place, &github, &format!("secret = \"{SECRET}\"\nrate-limit = \"off\"\n"));
    let mut daemon = ready(&place);
    let body = "{\"username\":\"octo\",\"type\":\"dark\"}";
    let unsigned = post(&place, body);
    assert_eq!(unsigned.0, 403);
    assert!(unsigned.1.contains("X-Signature"), "{unsigned:?}");
    let ask = |at: u64, signature: &str| {
        let at = at.to_string();
        let headers = [
            ("X-Forwarded-For", "203.0.113.5"),
            ("X-Signature", signature),
            ("X-Timestamp", &at),
            ("X-Service", "api"),
        ];
        let answer = http::request("POST", place.addr(), "/banners", &headers, body.as_bytes());
        (answer.status, answer.text().to_owned())
    };
    let of = |at: u64| signed(&format!("POST\n/banners\n{at}\napi"));
    let seconds = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(ask(seconds(), &signed("POST\n/preview\n1\napi")).0, 403);
    let ahead = seconds() + 60;
    let refused = ask(ahead, &of(ahead));
    assert!(refused.0 == 403 && refused.1.contains("ahead of this server's clock"), "{refused:?}");
    // In the first seconds it is not known what an earlier process has accepted.
    let mut at = 0;
    wait_until("it is accepted", PATIENCE, || {
        at = seconds();
        let answer = ask(at, &of(at));
        assert!(answer.0 == 200 || answer.1.contains("sign it again in a few seconds"), "{answer:?}");
        answer == (200, "{\"url\":\"/banners/octo-dark\"}\n".to_owned())
    });
    let used = ask(at, &of(at));
    assert!(used.0 == 403 && used.1.contains("this signature was used already"), "{used:?}");
    daemon.kill9();
    let mut daemon = ready(&place);
    let again = ask(at, &of(at));
    assert!(again.0 == 403 && again.1.contains("before this server started"), "{again:?}");
    daemon.sigterm();
    daemon.wait(PATIENCE);
    assert!(!daemon.stderr().contains(SECRET) && !daemon.stdout().contains(SECRET));
}

#[test]
fn tracked_accounts_are_refreshed_by_themselves_until_they_are_gone() {
    let github = FakeGithub::start();
    for name in ["octo", "acme", "viewed"] {
        github.add(name, repositories(7));
    }
    let mut place = Place::new();
    configure(&mut place, &github, "refresh = \"10s\"\nsoft-ttl = \"1h\"\nrate-limit = \"off\"\n");
    let mut daemon = ready(&place);
    assert_eq!(post(&place, "{\"username\":\"octo\",\"type\":\"dark\"}").0, 200);
    place.run(&["github", "add", "acme"]).good();
    let viewed = http::get(place.addr(), "/banners/preview?username=viewed&type=dark");
    assert_eq!(viewed.status, 200);
    for name in ["octo", "acme", "viewed"] {
        github.add(name, repositories(99));
    }
    wait_until("octo is refreshed", PATIENCE * 2, || banner(&place, "octo-dark").contains(">99</text>"));
    let of = |name: &str| {
        let target = format!("/users/{name}");
        github.calls().iter().filter(|call| call.target == target).count()
    };
    wait_until("acme is refreshed", PATIENCE * 2, || of("acme") >= 2);
    assert_eq!(of("viewed"), 1, "a view alone tracks nobody");
    github.remove("octo");
    let list = || place.run(&["github", "list"]).good();
    let says = "octo: repositories 1, stars 99, as of 20";
    wait_until("octo is missed", PATIENCE * 2, || list().contains(", not found on GitHub since 20"));
    assert!(list().contains(says), "{}", list());
    assert!(banner(&place, "octo-dark").contains(">99</text>"), "one answer takes nothing away");
    daemon.kill9();
    missing_for_days(&place, "octo");
    let mut daemon = ready(&place);
    wait_until("octo is gone", PATIENCE * 2, || banner(&place, "octo-dark").contains("No such banner"));
    assert!(list().contains(says) && list().contains(", gone from GitHub"), "the numbers stay: {}", list());
    let (asked, seen) = (of("octo"), of("acme"));
    wait_until("another round", PATIENCE * 2, || of("acme") > seen);
    assert_eq!(of("octo"), asked, "who is gone is asked for once a day");
    // It is there again.
    github.add("octo", repositories(5));
    place.run(&["github", "refresh", "octo"]).good();
    wait_until("octo is back", PATIENCE, || banner(&place, "octo-dark").contains(">5</text>"));
    assert!(!list().contains("gone"), "{}", list());
    daemon.sigterm();
    daemon.wait(PATIENCE);
    assert!(daemon.stderr().contains("gone; it is looked for once a day"), "{}", daemon.stderr());
}

/// A running daemon has what the command line asked.
#[test]
fn what_a_command_asked_is_shown_by_the_daemon() {
    for kind in Kind::both() {
        let github = FakeGithub::start();
        let mut place = kind.place();
        configure(&mut place, &github, "soft-ttl = \"1h\"\nrefresh = \"1h\"\nrate-limit = \"off\"\n");
        let _daemon = ready(&place);
        let card = || http::get(place.addr(), "/api?username=octo");
        let stars = |count: &str| card().text().contains(&format!(">{count}</text>"));
        assert_eq!(card().status, 404);
        github.add("octo", repositories(7));
        place.run(&["github", "add", "octo"]).good();
        wait_until("the account is there", PATIENCE, || card().status == 200 && stars("7"));
        github.add("octo", repositories(99));
        place.run(&["github", "refresh", "octo"]).good();
        wait_until("its numbers are new", PATIENCE, || stars("99"));
    }
}

/// Clients ask for made-up names, and leave while GitHub does not answer.
#[test]
fn nobody_is_asked_for_whose_clients_have_left() {
    let github = FakeGithub::start();
    github.add("octo", repositories(7));
    let mut place = Place::new();
    configure(&mut place, &github, "rate-limit = \"off\"\n");
    let _daemon = ready(&place);
    let (open, opened) = std::sync::mpsc::channel::<()>();
    let (opened, held) = (Mutex::new(opened), Arc::new(AtomicUsize::new(0)));
    let holding = held.clone();
    github.answer_instead(move |request| {
        if request.target.contains("made-up") {
            holding.fetch_add(1, Ordering::Relaxed);
            // The first holds the lock, until all may go on.
            let _ = opened.lock().unwrap().recv();
        }
        None
    });
    let clients: Vec<std::net::TcpStream> = (0..50)
        .map(|n| {
            let mut client = std::net::TcpStream::connect(place.addr()).unwrap();
            write!(client, "GET /api?username=made-up-{n} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            client
        })
        .collect();
    wait_until("four are asked for", PATIENCE, || held.load(Ordering::Relaxed) == 4);
    drop(clients);
    let left = "tallymark_github_unasked_total{reason=\"left\"}";
    wait_until("others are forgotten", PATIENCE, || place.metrics().get(left) > 0);
    drop(open);
    let answer = http::get(place.addr(), "/api?username=octo");
    assert!(answer.status == 200 && answer.text().contains(">7</text>"), "{}", answer.text());
    let count = github.calls().iter().filter(|call| call.target.contains("made-up")).count();
    assert!(count <= 10, "{count}");
}

#[test]
fn the_command_line_tracks_and_tells() {
    for kind in Kind::both() {
        let github = FakeGithub::start();
        github.token(TOKEN, "owner", 4321);
        github.token(REVOKED, "other", 5);
        github.revoke(REVOKED);
        github.add("Octo-Cat", repositories(1234));
        github.add("acme", repositories(1));
        let mut place = kind.place();
        configure(&mut place, &github, &format!("tokens = [\"{TOKEN}\", \"{REVOKED}\"]\n"));
        ready(&place).kill9();
        assert!(place.run(&["github", "list"]).good().contains("No account is tracked"));
        place
            .run(&["github", "add", "nobody"])
            .refused(1, &["nobody: GitHub has no such account; it is not tracked"]);
        assert_eq!(place.run(&["github", "add", "a/b"]).code, Some(2));
        let listed = |list: &[u8]| {
            let flags = place.flags();
            let flags = flags.iter().map(String::as_str);
            run_with(
                &["github", "add", "-", "Octo-cat"].into_iter().chain(flags).collect::<Vec<_>>(),
                &[],
                list,
            )
        };
        listed(b"octo-cat\na/b\n").refused(2, &["standard input, line 2: a/b: "]);
        listed(b"\n").refused(2, &["standard input has no names"]);
        let both = listed(b"Octo-Cat\n\n  acme nobody\n");
        assert!(both.stdout.contains("\n2 of 3 accounts tracked\n"), "{both:?}");
        assert_eq!((both.code, both.stderr.contains("nobody: GitHub has no such account")), (Some(1), true));
        assert_eq!(place.run(&["github", "remove", "acme", "octo-cat"]).good(), "2 accounts removed.\n");
        let added = place.run(&["github", "add", "OCTO-cat"]).good();
        assert!(added.starts_with("octo-cat: repositories 1, stars 1,234, as of 20"), "{added}");
        let list = place.run(&["github", "list", "--json"]).json();
        assert_eq!((list[0]["name"].as_str(), list[0]["stars"].as_u64()), (Some("octo-cat"), Some(1234)));
        github.add("Octo-Cat", repositories(5));
        assert!(place.run(&["github", "refresh", "octo-cat"]).good().contains("stars 5,"));
        let calls = github.calls().len();
        let status = place.run(&["github", "status"]).good();
        assert!(status.contains("...6789 of owner: ready, 4,3"), "{status}");
        assert!(status.contains(", 4,999 GraphQL points left\n"), "{status}");
        assert!(status.contains("...3210: revoked"), "{status}");
        assert!(!status.contains("c4n4ry"));
        assert!(github.calls()[calls..].iter().all(|call| !call.target.starts_with("/users/")));
        assert_eq!(place.run(&["github", "remove", "octo-cat"]).good(), "1 account removed.\n");
        place.run(&["github", "remove", "octo-cat"]).refused(1, &["octo-cat: it is not tracked"]);
        let ran = place.run(&["github", "remove", "octo-cat", "--json"]);
        assert_eq!(
            (ran.code, serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap()),
            (Some(1), serde_json::json!({"removed": 0, "errors": {"octo-cat": "it is not tracked"}}))
        );
        // One that is not tracked keeps none of the others.
        place.run(&["github", "add", "octo-cat"]).good();
        let some = place.run(&["github", "remove", "nobody", "octo-cat"]);
        assert_eq!((some.code, &*some.stdout), (Some(1), "1 account removed.\n"));
        assert!(
            some.stderr.contains("nobody: it is not tracked") && !some.stderr.contains("octo-cat"),
            "{some:?}"
        );
    }
}

/// The totals of repositories are new, and what the account has done is not.
#[test]
fn what_could_not_be_fetched_is_said_and_logged_once() {
    let github = FakeGithub::start();
    github.token(TOKEN, "owner", 5000);
    github.add("octo", repositories(7));
    let mut place = Place::new();
    configure(
        &mut place,
        &github,
        &format!("tokens = [\"{TOKEN}\"]\nsoft-ttl = \"10s\"\nrefresh = \"10s\"\n"),
    );
    place.run(&["github", "add", "octo"]).good();
    github.add("octo", repositories(9));
    github.answer_instead(|request| {
        request.target.contains("graphql").then(|| WebReply::status(502, "text/plain", ""))
    });
    let ran = place.run(&["github", "refresh", "octo"]);
    assert_eq!((ran.code, ran.stdout.contains("stars 9,")), (Some(1), true), "{ran:?}");
    let said = "octo: commits, streaks and the rank could not be fetched: GitHub answers 502 Bad Gateway; the last ones stay";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let mut daemon = place.serve();
    let fails = "cannot be fetched from GitHub's GraphQL API";
    wait_until("the daemon says that it fails", PATIENCE * 2, || daemon.stderr().contains(fails));
    github.answer_well();
    wait_until("it says that it works", PATIENCE * 2, || {
        daemon.stderr().contains("GraphQL API answers again")
    });
    daemon.sigterm();
    daemon.wait(PATIENCE);
    let log = daemon.stderr();
    assert_eq!(log.matches(fails).count(), 1, "{log}");
}

/// It asks GitHub alone.
#[test]
fn status_needs_no_store() {
    let github = FakeGithub::start();
    github.token(TOKEN, "owner", 5000);
    let mut place = Place::new();
    place.configure(&format!("[github]\napi-url = \"{}\"\ntokens = [\"{TOKEN}\"]\n", github.url()));
    assert!(place.run(&["github", "status"]).good().contains("...6789 of owner: ready"));
    place.run(&["github", "list"]).refused(1, &[]);
}

#[test]
fn commands_say_what_went_wrong_with_which_account() {
    let github = FakeGithub::start();
    github.token(TOKEN, "owner", 5000);
    github.add("octo", repositories(7));
    github.add("acme", repositories(8));
    let mut place = Place::new();
    let configured = |place: &mut Place, url: &str| {
        place.configure(&format!("[http]\nbase-url = \"https://hits.example.org\"\n[github]\napi-url = \"{url}\"\ntokens = [\"{TOKEN}\"]\n"));
    };
    configured(&mut place, &github.url());
    let ran = place.run(&["github", "add", "octo", "nobody", "acme"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in [
        "octo: repositories 1, stars 7, as of ",
        "acme: repositories 1, stars 8, as of ",
        "    ![](https://hits.example.org/api?username=octo)\n",
        "    ![](https://hits.example.org/api/streak?username=octo)\n",
    ] {
        assert!(ran.stdout.contains(part), "{part} is missing in {}", ran.stdout);
    }
    assert!(
        ran.stderr.contains("tallymark: nobody: GitHub has no such account; it is not tracked\n"),
        "{}",
        ran.stderr
    );
    let list = place.run(&["github", "list"]).good();
    assert!(list.contains("octo") && list.contains("acme") && !list.contains("nobody"), "{list}");
    // The token is none any more.
    github.revoke(TOKEN);
    let refused = "GitHub refuses the token ...6789 (401): write a new one into tokens under [github]";
    let ran = place.run(&["github", "refresh", "octo", "acme"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for name in ["octo", "acme"] {
        assert!(ran.stderr.contains(&format!("{name}: {refused}; the last numbers stay")), "{}", ran.stderr);
    }
    assert_eq!(
        ran.stderr.matches("GitHub refuses a token (401)").count(),
        1,
        "the log says it once: {}",
        ran.stderr
    );
    let ran = place.run(&["github", "add", "later", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &rows[0]["tracked"]), (Some(1), &true.into()), "{rows}");
    assert!(
        rows[0]["error"].as_str().unwrap().contains("; it is tracked, and the daemon asks again"),
        "{rows}"
    );
    assert!(!ran.stderr.contains("c4n4ry") && !ran.stdout.contains("c4n4ry"));
    // Nobody is there.
    configured(&mut place, "http://127.0.0.1:1");
    let ran = place.run(&["github", "refresh", "octo"]);
    for part in ["octo: GitHub does not answer: cannot connect to", "refused", "; the last numbers stay"] {
        assert!(ran.stderr.contains(part), "{part} is missing in {}", ran.stderr);
    }
    // Nothing is left.
    let github = FakeGithub::start();
    github.token(TOKEN, "owner", 0);
    configured(&mut place, &github.url());
    let ran = place.run(&["github", "refresh", "octo"]);
    assert!(
        ran.stderr.contains("octo: GitHub refuses the token ...6789 (403) for now; the last"),
        "{}",
        ran.stderr
    );
}

/// Between two refreshes nothing is amiss, however short the hard age is.
#[test]
fn files_are_no_older_than_the_refresh_says() {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (minutes, state) in [(50, ">ONLINE<"), (200, ">LAST KNOWN<")] {
        let mut place = Place::new();
        place.configure("[github]\nsoft-ttl = \"10s\"\nhard-ttl = \"10s\"\n[badges]\nbanners = true\n");
        let dir = place.dir().join("tables");
        std::fs::create_dir(&dir).unwrap();
        let at = Minute(i32::try_from(seconds / 60).unwrap() - minutes).readable();
        std::fs::write(dir.join("users.csv"), format!("octo,,,,,0,0,0,{at}:00,octo\n")).unwrap();
        std::fs::write(dir.join("repositories.csv"), "").unwrap();
        std::fs::write(dir.join("banners.csv"), "dark,octo-dark,t,a,b,octo\n").unwrap();
        place.run(&["import", "github-banners", dir.to_str().unwrap()]).good();
        place.run(&["render"]).good();
        let banner = std::fs::read_to_string(place.badges_dir().join(".banners/octo-dark.svg")).unwrap();
        assert!(banner.contains(state), "{minutes} minutes: {banner}");
    }
}
