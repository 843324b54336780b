//! Cards as files: of what somebody has looked at, written by the publisher, served by a real nginx; over both stores.

use crate::common::{Kind, PATIENCE, Place, pictures::picture, stop};
use std::{fs, path::PathBuf};
use tallymark_testbed::{Daemon, FakeGithub, FakeRepository, Nginx, http, wait_until};

/// The end of a file, which no picture of the daemon has.
const FROM_DISK: &str = "<!-- tallymark total=";

fn repositories(stars: u64) -> Vec<FakeRepository> {
    vec![FakeRepository { id: 1, fork: false, stars, forks: 1, language: Some("Rust".to_owned()) }]
}

fn ready(place: &Place) -> Daemon {
    let daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    daemon
}

fn files(place: &Place) -> Vec<String> {
    let dir: PathBuf = place.badges_dir().join(".cards");
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.filter(|name| name.ends_with(".svg")).collect();
    files.sort();
    files
}

fn start(kind: &Kind, github: &FakeGithub) -> (Place, Daemon, Nginx) {
    let mut place = kind.place();
    place.configure(&format!(
        "[badges]\ncards = true\n[visits]\navatars = \"off\"\n[github]\napi-url = \"{}\"\nrate-limit = \"off\"\n",
        github.url()
    ));
    let daemon = ready(&place);
    let nginx = place.nginx(&["--cards"]);
    (place, daemon, nginx)
}

#[test]
fn what_was_looked_at_comes_from_disk_in_any_order_of_its_parameters() {
    for kind in Kind::both() {
        let github = FakeGithub::start();
        github.add("Octo-Cat", repositories(7));
        github.add("viewed", repositories(8));
        let (place, mut daemon, nginx) = start(&kind, &github);
        place.run(&["github", "add", "octo-cat"]).good();
        let get = |path: &str| http::get(nginx.addr(), path);
        let shows = |path: &str, what: &str| {
            wait_until(&format!("{path} shows {what} from disk"), PATIENCE, || {
                let answer = get(path);
                let svg = picture(&answer);
                svg.contains(FROM_DISK) && svg.contains(what)
            });
        };
        let first = get("/api?username=Octo-Cat&theme=dark&hide=repos,forks");
        assert!(picture(&first).contains(">7<") && !first.text().contains(FROM_DISK), "the daemon draws");
        assert_eq!(get("/api?username=viewed").status, 200);
        for path in
            ["/api/top-langs/?username=octo-cat", "/api/pin?username=octo-cat&repo=r1&title_color=f00"]
        {
            assert_eq!(get(path).status, 200);
        }
        // In any order, with what nobody knows, and with what counts nothing.
        for path in [
            "/api?username=Octo-Cat&theme=dark&hide=repos,forks",
            "/api/?hide=repos,forks&unheard_of=1&THEME=dark&count_private=true&username=Octo-Cat&theme=light",
        ] {
            shows(path, ">7<");
            assert!(get(path).header("cache-control").unwrap().contains("no-store"));
        }
        shows("/api/top-langs?username=octo-cat", "Rust");
        shows("/api/top-langs?user=octo-cat", "Rust");
        shows("/api/pin/?title_color=f00&username=octo-cat&repo=r1", "fill:#f00");
        let condition = [("If-None-Match", "*")];
        picture(&http::request("GET", nginx.addr(), "/api/top-langs?username=octo-cat", &condition, b""));
        assert!(!picture(&get("/api?username=viewed")).contains(FROM_DISK), "a view alone makes no file");
        assert_eq!(github.calls().len(), 2 + 2, "each account was asked for once, whatever is shown");
        for (path, status) in [
            ("/api?username=Octo-Cat&theme=../../badges", 200),
            ("/api?username=Octo-Cat&layout=../../badges&hide=..%2f", 200),
            ("/api?username=..%2f..%2fetc", 404),
            ("/api?username=../x&theme=dark", 404),
            ("/api", 400),
            ("/api/pin?username=octo-cat&repo=../x", 404),
        ] {
            assert_eq!(get(path).status, status, "{path}");
        }
        github.add("Octo-Cat", repositories(99));
        place.run(&["github", "refresh", "octo-cat"]).good();
        shows("/api?username=Octo-Cat&theme=dark&hide=repos,forks", ">99<");
        assert_eq!(files(&place).len(), 3, "{:?}", files(&place));
        // Anybody can make up addresses.
        for n in 0..40 {
            assert_eq!(get(&format!("/api?username=octo-cat&card_width={}", 500 + n)).status, 200);
        }
        wait_until("there are many files", PATIENCE, || files(&place).len() == 20);
        stop(&mut daemon);
        assert!(picture(&get("/api/top-langs?username=octo-cat")).contains(FROM_DISK), "the daemon is away");
        // Others are as large as they will be.
        for (path, size, says) in [
            ("/api?username=new", "width=\"450\" height=\"209\"", "on their way"),
            ("/api/streak/?user=new&theme=dark", "width=\"495\" height=\"216\"", "on their way"),
            ("/api/top-langs?username=new&locale=cn", "width=\"340\"", "稍后"),
            ("/api/pin?username=octo-cat&repo=r1&locale=zh-tw", "width=\"400\"", "稍后"),
            ("/api/traffic?username=new&repo=r", "width=\"420\"", "on their way"),
            ("/api.png?username=new", "width=\"450\"", "on their way"),
        ] {
            for condition in [&[][..], &[("If-None-Match", "*")]] {
                let answer = http::request("GET", nginx.addr(), path, condition, b"");
                let svg = picture(&answer);
                assert_eq!(answer.status, 200, "{path}");
                assert!(svg.contains(size) && svg.contains(says), "{path}: {svg}");
            }
        }
        place.run(&["github", "remove", "octo-cat"]).good();
        daemon = ready(&place);
        wait_until("they are gone", PATIENCE, || files(&place).is_empty());
        wait_until("nginx has seen it", PATIENCE, || {
            !picture(&get("/api/top-langs?username=octo-cat")).contains(FROM_DISK)
        });
        stop(&mut daemon);
    }
}

#[test]
fn a_timer_draws_them_and_a_switch_removes_them() {
    let github = FakeGithub::start();
    github.add("octo", repositories(7));
    let (mut place, mut daemon, _nginx) = start(&Kind::Sqlite, &github);
    place.run(&["github", "add", "octo"]).good();
    assert_eq!(http::get(place.addr(), "/api?username=octo").status, 200);
    assert_eq!(http::get(place.addr(), "/api/pin?username=octo&repo=r1").status, 200);
    wait_until("they are files", PATIENCE, || files(&place).len() == 2);
    stop(&mut daemon);
    // The repository has another name now, so the daemon says that there is none.
    github.add("octo", vec![FakeRepository { id: 2, ..repositories(7).remove(0) }]);
    place.run(&["github", "refresh", "octo"]).good();
    place.run(&["render"]).good();
    let left = files(&place);
    assert!(left.len() == 1 && left[0].starts_with("stats~octo~"), "{left:?}");
    place.configure("[badges]\ncards = false\n");
    place.run(&["render"]).good();
    assert!(!place.badges_dir().join(".cards").exists());
}
