//! Created banners as files: written by the publisher, served by a real nginx; over both stores.

use crate::common::{Kind, PATIENCE, Place, missing_for_days, pictures::picture, stop};
use std::{fs, path::PathBuf};
use tallymark_testbed::{Daemon, FakeGithub, FakeRepository, Nginx, http, wait_until};

/// The end of a file, which no picture of the daemon has.
const FROM_DISK: &str = "<!-- tallymark total=";
const NOT_CREATED: &str = "No such banner";

fn repositories(stars: u64) -> Vec<FakeRepository> {
    vec![FakeRepository { id: 1, fork: false, stars, forks: 1, language: Some("Rust".to_owned()) }]
}

/// nginx in front of a daemon.
struct Site {
    place: Place,
    github: FakeGithub,
    daemon: Daemon,
    nginx: Nginx,
}

fn ready(place: &Place, flags: &[&str]) -> Daemon {
    let daemon = place.start("serve", flags);
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    daemon
}

impl Site {
    fn start(kind: &Kind, flags: &[&str]) -> Site {
        let github = FakeGithub::start();
        let mut place = kind.place();
        place.configure(&format!(
            "[badges]\nbanners = true\n[visits]\navatars = \"off\"\n[github]\napi-url = \"{}\"\nrate-limit = \"off\"\n",
            github.url()
        ));
        let daemon = ready(&place, flags);
        let nginx = place.nginx(&["--banners"]);
        Site { place, github, daemon, nginx }
    }

    fn create(&self, name: &str, kind: &str) {
        let body = format!("{{\"username\":\"{name}\",\"type\":\"{kind}\"}}");
        let answer = http::request("POST", self.place.addr(), "/banners", &[], body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    fn get(&self, path: &str) -> http::Response {
        http::get(self.nginx.addr(), path)
    }

    fn file(&self, banner: &str) -> PathBuf {
        self.place.badges_dir().join(format!(".banners/{banner}.svg"))
    }

    #[track_caller]
    fn shows(&self, banner: &str, what: &str) {
        wait_until(&format!("{banner} shows {what}"), PATIENCE, || {
            fs::read_to_string(self.file(banner)).is_ok_and(|svg| svg.contains(what))
        });
    }
}

#[test]
fn created_banners_come_from_disk_and_follow_the_store() {
    for kind in Kind::both() {
        let mut site = Site::start(&kind, &[]);
        site.github.add("octo", repositories(7));
        site.create("Octo", "dark");
        // No file yet: the daemon draws.
        assert!(picture(&site.get("/banners/Octo-dark?a=sgt0m9")).contains(">Octo</text>"));
        site.shows("Octo-dark", ">7</text>");
        for path in ["/banners/Octo-dark", "/banners/Octo-dark?a=sgt0m9"] {
            let answer = site.get(path);
            assert!(picture(&answer).contains(FROM_DISK), "{path}");
            assert_eq!(answer.header("etag"), None);
        }
        for condition in [("If-None-Match", "*"), ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")] {
            picture(&http::request("GET", site.nginx.addr(), "/banners/Octo-dark", &[condition], b""));
        }
        for unknown in ["octo-dark", "Octo-default", "Octo-dark.svg", "", "a/b/c", "%2e%2e-dark", "default"] {
            let answer = site.get(&format!("/banners/{unknown}"));
            assert!(picture(&answer).contains(NOT_CREATED), "{unknown}");
        }
        // The preview is the daemon's.
        assert_eq!(site.get("/banners/preview?username=octo&type=x").status, 400);
        // New numbers, another type, and none any more; from another process.
        site.github.add("octo", repositories(99));
        site.place.run(&["github", "refresh", "octo"]).good();
        site.shows("Octo-dark", ">99</text>");
        site.create("octo", "default");
        site.shows("octo-default", ">99</text>");
        // The daemon is away: what is on disk stays, and all else is a picture too.
        stop(&mut site.daemon);
        assert!(picture(&site.get("/banners/Octo-dark")).contains(">99</text>"));
        assert!(picture(&site.get("/banners/nobody-dark")).contains(NOT_CREATED));
        for kind in ["dark", "default"] {
            let answer = site.get(&format!("/banners/preview?username=octo&type={kind}"));
            assert_eq!(answer.status, 200);
            assert!(picture(&answer).contains("statistics are on their way"), "{kind}");
        }
        let condition = [("If-None-Match", "*")];
        picture(&http::request("GET", site.nginx.addr(), "/banners/preview?type=dark", &condition, b""));
        let answer = http::request("GET", site.nginx.addr(), "/banners/Octo-dark", &condition, b"");
        assert!(picture(&answer).contains(">99</text>"));
        // A file of an account that is removed meanwhile goes with the next start.
        site.place.run(&["github", "remove", "octo"]).good();
        site.daemon = ready(&site.place, &[]);
        wait_until("they are gone", PATIENCE, || {
            !site.file("Octo-dark").exists() && !site.file("octo-default").exists()
        });
        wait_until("nginx has seen it", PATIENCE, || {
            picture(&site.get("/banners/Octo-dark")).contains(NOT_CREATED)
        });
        stop(&mut site.daemon);
    }
}

#[test]
fn a_timer_writes_them_and_a_switch_removes_them() {
    let mut site = Site::start(&Kind::Sqlite, &["--no-render"]);
    for (name, kind) in [("octo", "dark"), ("acme", "default"), ("lost", "dark")] {
        site.github.add(name, repositories(7));
        site.create(name, kind);
    }
    site.place.run(&["render"]).good();
    assert!(fs::read_to_string(site.file("acme-default")).unwrap().contains(FROM_DISK));
    assert!(site.file("default").exists());
    let about = || fs::metadata(site.file("octo-dark")).unwrap().modified().unwrap();
    let before = about();
    site.place.run(&["render"]).good();
    assert_eq!(about(), before, "what is right is not written again");
    // One that GitHub no longer knows keeps its banner until that is believed.
    site.github.remove("lost");
    let refresh = || {
        let ran = site.place.run(&["github", "refresh", "lost"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        ran.stderr
    };
    assert!(refresh().contains("lost: GitHub has no such account; the last numbers stay"));
    site.place.run(&["render"]).good();
    assert!(site.file("lost-dark").exists());
    missing_for_days(&site.place, "lost");
    assert!(refresh().contains("lost: GitHub has no such account\n"));
    site.place.run(&["render"]).good();
    assert!(!site.file("lost-dark").exists());
    fs::write(site.file("stray-dark"), "<svg/>").unwrap();
    site.place.run(&["github", "remove", "acme"]).good();
    site.place.run(&["render"]).good();
    assert!(!site.file("acme-default").exists() && !site.file("stray-dark").exists());
    assert!(site.file("octo-dark").exists());
    stop(&mut site.daemon);
    site.place.configure("[badges]\nbanners = false\n");
    site.place.run(&["render"]).good();
    assert!(!site.place.badges_dir().join(".banners").exists());
}
