//! Milestones and spikes of the running daemon, on both stores: told once over failures, restarts and several daemons, and
//! shown as a feed.

use crate::common::{Kind, PATIENCE, Place};
use hmac::{Hmac, KeyInit, Mac};
use roxmltree::{Document, Node};
use serde_json::{Value, json};
use sha2::Sha256;
use std::{sync::atomic::AtomicUsize, sync::atomic::Ordering, time::Duration};
use tallymark_testbed::{Daemon, FakeWeb, WebReply, WebRequest, free_tcp_port, http, wait_until};

const SECRET: &str = "a secret of these tests";
const ATOM: &str = "http://www.w3.org/2005/Atom";

fn configure(place: &mut Place, notify: &str, url: &str) {
    let hook = if url.is_empty() {
        String::new()
    } else {
        format!("url = \"{url}/T0K3N\"\nsecret = \"{SECRET}\"\n")
    };
    place.configure(&format!(
        "[http]\ntokens = [\"a-token-of-sixteen\"]\n[[notify]]\nnames = [\"octo/*\"]\n{notify}\n{hook}"
    ));
}

fn ready(place: &Place) -> Daemon {
    let daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    daemon
}

fn count(place: &Place, name: &str, count: u32) {
    let headers = [("Authorization", "Bearer a-token-of-sixteen"), ("Content-Type", "application/json")];
    let items = json!([{"name": name, "count": count}]).to_string();
    let answer = http::request("POST", place.addr(), "/api/v1/hits", &headers, items.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The message, if its signature is right.
#[track_caller]
fn message(request: &WebRequest) -> Value {
    let signature = request.header("x-tallymark-signature").unwrap();
    let (at, hex) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(&request.body);
    let expect: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expect);
    assert_eq!((&*request.method, &*request.target), ("POST", "/T0K3N"));
    let message: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(message["id"], request.header("x-tallymark-id").unwrap());
    message
}

/// The words of all messages.
fn told(server: &FakeWeb) -> Vec<String> {
    server.requests().iter().map(|request| message(request)["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_milestone_is_told_until_it_is_taken_and_then_never_again() {
    for kind in Kind::both() {
        let mut place = kind.place();
        // Fails, is slow, fails in the middle, and takes it at last.
        let asked = AtomicUsize::new(0);
        let slow = matches!(kind, Kind::Sqlite);
        let server = FakeWeb::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => WebReply::status(500, "text/plain", "no"),
            1 if slow => WebReply::of("text/plain", "").after(Duration::from_secs(11)),
            2 => WebReply::of("text/plain", "half").header("Content-Length", "8"),
            _ => WebReply::status(204, "text/plain", ""),
        });
        configure(&mut place, "on = [\"milestones\"]", &server.url());
        let mut daemon = ready(&place);
        count(&place, "octo/a", 99);
        count(&place, "other", 100);
        count(&place, "octo/a", 2);
        let tries = if slow { 4 } else { 2 };
        wait_until("it is taken", PATIENCE, || {
            place.metrics().get("tallymark_webhooks_total{result=\"delivered\"}") == 1
        });
        assert_eq!(told(&server), vec!["octo/a has reached 100 hits"; tries]);
        let requests = server.requests();
        let ids: Vec<_> = requests.iter().map(|request| request.header("x-tallymark-id")).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        let first = message(&requests[0]);
        assert_eq!((&first["milestone"], &first["total"]), (&json!(100), &json!(101)));
        assert_eq!(first["page"], format!("http://localhost:{}/repo/octo/a", place.http));
        daemon.kill9();
        let daemon = ready(&place);
        count(&place, "octo/a", 50);
        count(&place, "octo/b", 100);
        wait_until("the next one", PATIENCE, || told(&server).len() > tries);
        assert_eq!(told(&server)[tries..], ["octo/b has reached 100 hits"]);
        let log = daemon.stderr();
        assert!(!log.contains("T0K3N") && !log.contains(SECRET), "{log}");
    }
}

#[test]
fn a_receiver_that_was_dead_gets_after_a_restart_what_it_has_missed() {
    for kind in Kind::both() {
        let mut place = kind.place();
        let port = free_tcp_port();
        configure(&mut place, "", &format!("http://127.0.0.1:{port}"));
        let mut daemon = ready(&place);
        count(&place, "octo/a", 150);
        wait_until("it has failed", PATIENCE, || {
            place.metrics().get("tallymark_webhooks_total{result=\"failed\"}") > 0
        });
        wait_until("both wait", PATIENCE, || place.metrics().get("tallymark_webhooks_waiting") == 2);
        assert_eq!(place.metrics().get("tallymark_news_total{kind=\"milestone\"}"), 1);
        daemon.kill9();
        let server = FakeWeb::start_at(port, |_| WebReply::of("text/plain", ""));
        let _daemon = ready(&place);
        // A daemon that has just started does not know yet that they wait.
        let mut told =
            wait_until("both are taken", PATIENCE, || Some(told(&server)).filter(|told| told.len() > 1));
        told.sort();
        let spike = "octo/a had 150 hits within an hour; usually there is hardly any";
        assert_eq!(told, [spike, "octo/a has reached 100 hits"]);
    }
}

#[test]
fn of_several_daemons_on_a_store_one_tells() {
    let [_, redis] = Kind::both();
    let server = FakeWeb::start(|_| WebReply::of("text/plain", ""));
    let mut places = [redis.place(), redis.place()];
    let daemons: Vec<Daemon> = places
        .iter_mut()
        .map(|place| {
            configure(place, "on = [\"every 10\"]", &server.url());
            ready(place)
        })
        .collect();
    for round in 1..=4 {
        count(&places[round % 2], "octo/a", 10);
        let expect: Vec<String> =
            (1..=round).map(|round| format!("octo/a has reached {round}0 hits")).collect();
        wait_until("it is told", PATIENCE, || told(&server).len() >= round);
        assert_eq!(told(&server), expect);
    }
    // What one has found is in the feed of both.
    for place in &places {
        assert_eq!(entries(http::get(place.addr(), "/feed.atom").text()).len(), 4);
    }
    drop(daemons);
}

/// The titles of a valid feed.
#[track_caller]
fn entries(text: &str) -> Vec<String> {
    let document = Document::parse(text).unwrap();
    let feed = document.root_element();
    assert!(feed.has_tag_name((ATOM, "feed")));
    let one = |node: Node<'_, '_>, name: &str| {
        let found: Vec<_> = node.children().filter(|child| child.has_tag_name((ATOM, name))).collect();
        assert_eq!(found.len(), 1, "one {name} in {text}");
        found[0].text().unwrap_or_default().to_owned()
    };
    let is_time = |text: &str| tallymark_core::Now::parse_rfc3339(text).is_some();
    let (id, updated, title) = (one(feed, "id"), one(feed, "updated"), one(feed, "title"));
    assert!(id.starts_with("urn:uuid:") && is_time(&updated) && title.starts_with("Tallymark: news of"));
    assert!(feed.children().any(|node| node.has_tag_name((ATOM, "author"))));
    let link = |node: Node<'_, '_>, rel: &str| {
        let is_it =
            |child: &Node<'_, '_>| child.has_tag_name((ATOM, "link")) && child.attribute("rel") == Some(rel);
        let found = node.children().find(is_it).unwrap();
        assert!(found.attribute("href").unwrap().starts_with("http://"));
    };
    link(feed, "self");
    link(feed, "alternate");
    let mut ids = vec![id];
    let titles = feed.children().filter(|child| child.has_tag_name((ATOM, "entry"))).map(|entry| {
        ids.push(one(entry, "id"));
        assert!(is_time(&one(entry, "updated")) && is_time(&one(entry, "published")));
        assert!(!one(entry, "content").is_empty());
        link(entry, "alternate");
        one(entry, "title")
    });
    let titles: Vec<String> = titles.collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    titles
}

#[test]
fn feeds_are_atom_and_as_visible_as_pages() {
    let mut place = Place::new();
    configure(&mut place, "on = [\"milestones\"]", "");
    let mut daemon = ready(&place);
    let get = |path: &str| http::get(place.addr(), path);
    assert_eq!(entries(get("/feed.atom").text()), [""; 0]);
    count(&place, "octo/<a>&b", 100);
    count(&place, "octo/c", 1000);
    wait_until("both are there", PATIENCE, || entries(get("/feed.atom").text()).len() == 2);
    let feed = get("/feed/octo%2Fc.atom");
    assert_eq!(entries(feed.text()), ["octo/c has reached 1,000 hits"]);
    assert_eq!(feed.header("content-type"), Some("application/atom+xml; charset=utf-8"));
    assert_eq!(entries(get("/feed/octo/%3Ca%3E%26b.atom").text()), ["octo/<a>&b has reached 100 hits"]);
    assert_eq!(entries(get("/feed.atom?names=*/c&names=x").text()).len(), 1);
    assert_eq!(entries(get("/feed.atom?event=like").text()).len(), 0);
    for (path, status) in [
        ("/feed/other.atom", 404),
        ("/feed/octo/c", 404),
        ("/feed.atom?names=*", 400),
        ("/feed.atom?event=A", 400),
    ] {
        assert_eq!(get(path).status, status, "{path}");
    }
    // A reader that has it gets nothing, and it is the same after a restart.
    let tag = feed.header("etag").unwrap().to_owned();
    let again = || http::request("GET", place.addr(), "/feed/octo%2Fc.atom", &[("If-None-Match", &tag)], b"");
    assert_eq!((again().status, again().text()), (304, ""));
    let page = get("/repo/octo/c");
    assert!(page.text().contains("type=\"application/atom+xml\""), "{}", page.text());
    assert!(page.text().contains("&#x2f;feed&#x2f;octo&#x2f;c.atom"), "{}", page.text());
    assert!(!get("/repo/other/name").text().contains("atom"));
    daemon.kill9();
    let hidden = "[http]\nvisibility = \"token\"\ntokens = [\"a-token-of-sixteen\"]\n[[notify]]\nnames = [\"octo/*\"]\n";
    place.configure(hidden);
    let _daemon = ready(&place);
    let refused = http::get(place.addr(), "/feed.atom");
    assert_eq!(
        (refused.status, refused.header("www-authenticate")),
        (401, Some("Basic realm=\"Tallymark\""))
    );
    let password = [("Authorization", "Basic OmEtdG9rZW4tb2Ytc2l4dGVlbg==")];
    let feed = http::request("GET", place.addr(), "/feed.atom", &password, b"");
    assert_eq!(entries(feed.text()).len(), 2);
}

#[test]
fn without_a_rule_nothing_is_looked_for_and_mistakes_are_named() {
    let place = Place::with_config("[http]\n");
    let daemon = ready(&place);
    let feed = http::get(place.addr(), "/feed.atom");
    assert_eq!(feed.status, 404);
    assert!(feed.text().contains("[[notify]]"), "{}", feed.text());
    drop(daemon);
    let config = "[[notify]]\non = [\"milestone\"]\nurl = \"ftp://octo:s3cr3tw0rd@host/\"\n\
                  [[notify]]\nnames = [\"a\"]\nsecret = \"short\"\n[[notify]]\nnames = [\"*\"]\nurl = \"https://x/a\"\n";
    let place = Place::with_config(config);
    let checked = place.run(&["check-config"]);
    assert_eq!(checked.code, Some(78), "{checked:?}");
    let said = checked.stderr;
    for part in [
        "the 1st [[notify]]: it has no names",
        "the 1st [[notify]]: on: ",
        "the 1st [[notify]]: url: is not the address of a webhook",
        "the 2nd [[notify]]: secret: ",
        "the 3rd [[notify]]: names: ",
        "the 3rd [[notify]]: url: needs a secret beside it",
    ] {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
    assert!(!said.contains("s3cr3tw0rd"), "{said}");
}

#[test]
fn doctor_sends_a_test_message() {
    let mut place = Place::new();
    let server = FakeWeb::start(|_| WebReply::of("text/plain", ""));
    configure(&mut place, "", &server.url());
    let good = place.run(&["check-config"]).good();
    let host = server.url().trim_start_matches("http://").to_owned();
    assert!(good.contains(&format!("octo/* to the feed and {host}")), "{good}");
    assert!(!good.contains("T0K3N"), "{good}");
    let _daemon = ready(&place);
    let said = place.run(&["doctor"]).stdout;
    assert!(said.contains(&format!("{host} has taken a test message")), "{said}");
    assert_eq!(message(&server.requests()[0])["kind"], "test");
}
