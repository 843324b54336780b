//! Cards at github-readme-stats' addresses, over a fake GitHub.

use crate::common::{PATIENCE, Place, pictures::picture};
use tallymark_testbed::{Daemon, FakeGithub, FakeRepository, WebReply, http, wait_until};

fn repository(id: u64, language: &str, stars: u64, fork: bool) -> FakeRepository {
    FakeRepository { id, fork, stars, forks: 1, language: Some(language.to_owned()) }
}

fn start(github: &FakeGithub) -> (Place, Daemon) {
    let mut place = Place::new();
    place.configure(&format!(
        "[visits]\navatars = \"off\"\n[github]\napi-url = \"{}\"\nrate-limit = \"off\"\n",
        github.url()
    ));
    let daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    (place, daemon)
}

#[test]
fn a_readme_changes_the_host_and_nothing_else() {
    let github = FakeGithub::start();
    let all = vec![
        repository(1, "Rust", 1200, false),
        repository(2, "C++", 34, false),
        repository(3, "Rust", 5, false),
        repository(4, "C", 900, true),
    ];
    github.add("Octo-Cat", all);
    let (place, _daemon) = start(&github);
    let get = |path: &str| {
        let answer = http::get(place.addr(), path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.header("x-tallymark").unwrap().starts_with("ignored"));
        picture(&answer).to_owned()
    };
    for (path, says) in [
        ("/api?username=octo-cat", "GitHub Stats;1,239;4;3;7;3 original, 1 forked"),
        ("/api/?username=octo-cat&show_icons=true&theme=dracula&hide_rank=true", "1,239;#282a36"),
        ("/api?username=octo-cat&number_format=short&locale=cn", "1.2k;获得的星标总数"),
        ("/api?username=octo-cat&custom_title=My+work&hide=stars,prs&show=reviews", "My work;Followers"),
        ("/api?username=octo-cat&exclude_repo=R1,nothing", "39;2 original, 1 forked"),
        ("/api?username=octo-cat&count_private=true&include_all_commits=true&cache_seconds=9", "1,239"),
        ("/api/top-langs/?username=octo-cat", "Most Used Languages;Rust;66.7%;C++;33.3%"),
        ("/api/top-langs?username=octo-cat&layout=compact&hide=rust&langs_count=8", "C++ 100.0%"),
        (
            "/api/top-langs?username=octo-cat&layout=donut&card_width=400&hide_border=true",
            "66.7%;stroke:none",
        ),
        (
            "/api/top-langs?username=octo-cat&layout=pie&title_color=f00&bg_color=00000000",
            "fill:#f00;#00000000",
        ),
        ("/api/top-langs?username=octo-cat&langs_count=1", "Other;33.3%"),
        ("/api/pin/?username=octo-cat&repo=R4", "r4;what r4 is;Fork;900"),
        ("/api/pin?username=octo-cat&repo=r1&show_owner=true", "Octo-Cat/r1;1,200;Rust"),
        ("/api?username=octo-cat&unheard_of=1&theme=", "1,239"),
    ] {
        let svg = get(path);
        for part in says.split(';') {
            assert!(svg.contains(part), "{path}: {part} is missing in {svg}");
        }
    }
    assert!(!get("/api?username=octo-cat&hide=stars").contains("Total Stars"));
    assert_eq!(github.calls().len(), 2, "one question serves every card and theme");
    // The original's cards are GETs; a cache asks with HEAD.
    assert_eq!(http::request("HEAD", place.addr(), "/api?username=octo-cat", &[], b"").status, 200);
    assert_eq!(http::request("POST", place.addr(), "/api?username=octo-cat", &[], b"").status, 405);
}

#[test]
fn what_is_wrong_is_said_in_a_picture() {
    let github = FakeGithub::start();
    github.add("octo", vec![repository(1, "Rust", 7, false)]);
    let (place, _daemon) = start(&github);
    for (path, status, says) in [
        ("/api", 400, "username is missing"),
        ("/api?username=octo&theme=dracla", 400, "theme=dracla: did you mean dracula?"),
        ("/api?username=octo&locale=klingon", 400, "locale is one of"),
        ("/api?username=octo&hide=star", 400, "hide=star: did you mean stars?"),
        ("/api?username=octo&hide=stars,repos,forks,followers", 400, "one row has to be left"),
        ("/api?username=octo&show=everything", 400, "show is one of"),
        ("/api?username=octo&title_color=url(%23x)", 400, "title_color"),
        ("/api?username=octo&bg_color=1,2", 400, "bg_color"),
        ("/api?username=octo&card_width=wide", 400, "card_width is a number"),
        ("/api?username=octo&hide_border=perhaps", 400, "hide_border is true or false"),
        ("/api?username=octo&number_format=roman", 400, "number_format"),
        ("/api/top-langs?username=octo&layout=cube", 400, "layout is one of"),
        ("/api/top-langs?username=octo&langs_count=21", 400, "langs_count is a number from 1 to 20"),
        ("/api/pin?username=octo", 400, "repo is missing"),
        ("/api/pin?username=octo&repo=nothing", 404, "octo has no public repository nothing"),
        ("/api?username=nobody", 404, "GitHub has no account nobody"),
        ("/api?username=a%2Fb%3Cscript%3E", 404, "GitHub has no account a/b"),
    ] {
        let answer = http::get(place.addr(), path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.header("content-type").unwrap().starts_with("image/svg+xml"));
        assert!(answer.header("cache-control").unwrap().contains("no-store"));
        let document = roxmltree::Document::parse(answer.text()).unwrap();
        let words = document.descendants().filter_map(|node| node.text()).collect::<Vec<_>>().join(" ");
        assert!(words.contains(says), "{path}: {words}");
    }
    let calls = github.calls().len();
    github.answer_instead(|_| Some(WebReply::status(500, "text/plain", "")));
    let answer = http::get(place.addr(), "/api?username=new&theme=dark");
    assert!(picture(&answer).contains("statistics of new are on their way"));
    assert!(picture(&http::get(place.addr(), "/api?username=octo")).contains(">7<"), "what is known stays");
    assert_eq!(github.calls().len(), calls + 1);
}
