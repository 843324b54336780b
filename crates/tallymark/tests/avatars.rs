//! The faces of panels, on both stores: fetched behind the answer, kept across kill -9, and never what somebody made up.

use crate::common::{Kind, PATIENCE, Place};
use std::{
    sync::{Arc, Condvar, Mutex},
    thread,
};
use tallymark_testbed::{Daemon, FakeWeb, WebReply, http, wait_until};

const OCTO: &[u8] = include_bytes!("pictures/octo.png");
const OTHER: &[u8] = include_bytes!("pictures/other.png");

fn configure(place: &mut Place, server: &FakeWeb) {
    place.configure(&format!("[visits]\navatars = \"{}/{{owner}}.png?size=96\"\n", server.url()));
}

/// A daemon that has met its store.
fn ready(place: &Place) -> Daemon {
    let daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    daemon
}

/// The `data:` URI in the panel of a name, if it has one.
#[track_caller]
fn face(place: &Place, name: &str) -> Option<String> {
    let answer = http::get(place.addr(), &format!("/v1/visit/{name}?count=false"));
    assert_eq!(answer.status, 200);
    let document = roxmltree::Document::parse(answer.text()).unwrap();
    assert!(!answer.text().contains("://127.0.0.1"), "nothing is loaded: {}", answer.text());
    let image =
        document.descendants().find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "image")))?;
    Some(image.attribute("href").unwrap().to_owned())
}

#[track_caller]
fn result(place: &Place, result: &str) -> u64 {
    let name = format!("tallymark_avatars_total{{result=\"{result}\"}}");
    let text = http::get(place.addr(), "/metrics").text().to_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

#[test]
fn a_view_never_waits_and_a_restart_asks_nobody() {
    for kind in Kind::both() {
        let mut place = kind.place();
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let opened = Arc::clone(&gate);
        let server = FakeWeb::start(move |_| {
            let (open, bell) = &*opened;
            drop(bell.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
            // The type is what the bytes are, not what is said.
            WebReply::of("text/html", OCTO)
        });
        configure(&mut place, &server);
        let mut daemon = ready(&place);
        // Many at once, while the server says nothing: all are answered, with initials.
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        assert_eq!(face(&place, "Octo/hello"), None);
                        assert_eq!(face(&place, "octo/world"), None);
                    }
                });
            }
        });
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        wait_until("the face", PATIENCE, || face(&place, "octo/hello").is_some());
        let drawn = face(&place, "octo/world").unwrap();
        assert!(drawn.starts_with("data:image/png;base64,"), "{drawn}");
        assert_eq!(face(&place, "OCTO/hello"), Some(drawn.clone()));
        let targets: Vec<String> = server.requests().into_iter().map(|request| request.target).collect();
        assert_eq!(targets, ["/octo.png?size=96"], "one flight");
        daemon.kill9();
        let _daemon = ready(&place);
        assert_eq!(face(&place, "octo/hello"), Some(drawn), "the first view after a restart");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn what_is_no_avatar_leaves_the_initials_and_is_asked_for_once() {
    for kind in Kind::both() {
        let mut place = kind.place();
        let secret = FakeWeb::start(|_| WebReply::of("image/png", OCTO));
        let private = secret.url();
        let server = FakeWeb::start(move |request| match request.target.split('.').next().unwrap() {
            "/nobody" => WebReply::status(404, "image/png", OCTO),
            "/huge" => WebReply::of("image/png", [OCTO, &vec![0; 300_000]].concat()),
            "/html" => WebReply::of("image/png", "<!doctype html><script>alert(1)</script>"),
            "/svg" => WebReply::of("image/png", "<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>"),
            "/cut" => WebReply::of("image/png", &OCTO[..OCTO.len() / 2]),
            "/empty" => WebReply::of("image/png", ""),
            "/private" => WebReply::redirect(&format!("{private}/octo.png")),
            "/metadata" => WebReply::redirect("http://169.254.169.254/latest/meta-data/"),
            "/file" => WebReply::redirect("file:///etc/passwd"),
            "/half" => WebReply::of("image/png", OCTO).header("Content-Length", "5000"),
            "/moved" => WebReply::redirect("/real.png"),
            "/real" => WebReply::of("image/png", OCTO),
            other => panic!("{other} was asked for"),
        });
        configure(&mut place, &server);
        let mut daemon = ready(&place);
        let refused = ["html", "svg", "cut", "empty"];
        let failed = ["huge", "private", "metadata", "file", "half"];
        let none = ["nobody"];
        for owner in refused.iter().chain(&failed).chain(&none) {
            assert_eq!(face(&place, &format!("{owner}/x")), None);
        }
        // No account has such a name, so nobody is asked.
        for name in ["-octo/x", "a.b/x", "a%20b/x", "%C3%A9/x", &format!("{}/x", "a".repeat(40)), "..x/x"] {
            assert_eq!(face(&place, name), None, "{name}");
        }
        wait_until("all were looked for", PATIENCE, || {
            let counts = ["refused", "failed", "none"].map(|word| result(&place, word) as usize);
            counts == [refused.len(), failed.len(), none.len()]
        });
        // One after the other, so what is asked for now comes last.
        assert_eq!(face(&place, "moved/x"), None);
        wait_until("a redirect within the server", PATIENCE, || face(&place, "moved/x").is_some());
        for owner in refused.iter().chain(&failed).chain(&none) {
            assert_eq!(face(&place, &format!("{owner}/x")), None);
        }
        assert_eq!(secret.requests().len(), 0);
        let asked = server.requests().len();
        assert_eq!(asked, refused.len() + failed.len() + none.len() + 2);
        daemon.kill9();
        let _daemon = ready(&place);
        for owner in refused.iter().chain(&none) {
            assert_eq!(face(&place, &format!("{owner}/x")), None);
        }
        assert_eq!(server.requests().len(), asked, "nobody is asked again for those who have none");
    }
}

#[test]
fn local_pictures_win_and_nothing_is_fetched_where_that_is_off() {
    let server = FakeWeb::start(|_| WebReply::of("image/png", OCTO));
    let mut place = Place::new();
    let pictures = place.dir().join("faces");
    std::fs::create_dir(&pictures).unwrap();
    std::fs::write(pictures.join("local.png"), OTHER).unwrap();
    std::fs::write(pictures.join("broken.png"), "no picture").unwrap();
    let dir = "avatar-dir = \"DIR/faces\"";
    place.configure(&format!("[visits]\navatars = \"{}/{{owner}}\"\n{dir}\n", server.url()));
    let mut daemon = ready(&place);
    for name in ["local/x", "broken/x"] {
        assert_eq!(face(&place, name), None);
    }
    wait_until("the local face", PATIENCE, || face(&place, "local/x").is_some());
    assert_eq!(face(&place, "fetched/x"), None);
    wait_until("the other face", PATIENCE, || face(&place, "fetched/x").is_some());
    assert_ne!(face(&place, "fetched/x"), face(&place, "local/x"));
    assert_eq!(face(&place, "broken/x"), None);
    let targets: Vec<String> = server.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/fetched"]);
    daemon.kill9();
    place.configure(&format!("[visits]\navatars = \"off\"\n{dir}\n"));
    let _daemon = ready(&place);
    assert_eq!(face(&place, "local/x"), None);
    wait_until("the local face", PATIENCE, || face(&place, "local/x").is_some());
    assert_eq!(face(&place, "unknown/x"), None);
    wait_until("it was looked for", PATIENCE, || result(&place, "none") == 1);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_pattern_that_is_none_is_a_mistake() {
    for (text, says) in [
        ("avatars = \"https://example.org/octo.png\"", "{owner}"),
        ("avatars = \"https://{owner}.example.org/\"", "in its path"),
        ("avatar-dir = \"DIR/nothing\"", "not a directory"),
    ] {
        let mut place = Place::new();
        place.configure(&format!("[visits]\n{text}\n"));
        let ran = place.run(&["check-config"]);
        assert_eq!(ran.code, Some(78), "{ran:?}");
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(says), "{ran:?}");
    }
}
