//! Cards at github-readme-stats' addresses, over a fake GitHub.

use crate::common::{PATIENCE, Place, pictures::picture};
use std::time::{SystemTime, UNIX_EPOCH};
use tallymark_core::Day;
use tallymark_testbed::{Daemon, FakeGithub, FakeRepository, FakeWork, WebReply, http, wait_until};

const TOKEN: &str = "ghp_c4n4ry0123456789";

fn repository(id: u64, language: &str, stars: u64, fork: bool) -> FakeRepository {
    FakeRepository { id, fork, stars, forks: 1, language: Some(language.to_owned()) }
}

fn start(github: &FakeGithub) -> (Place, Daemon) {
    start_with(github, "")
}

fn start_with(github: &FakeGithub, more: &str) -> (Place, Daemon) {
    let mut place = Place::new();
    place.configure(&format!(
        "[visits]\navatars = \"off\"\n[github]\napi-url = \"{}\"\nrate-limit = \"off\"\n{more}",
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
        assert!(answer.header("x-tallymark").unwrap().starts_with("not counted: a card"));
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
            "fill:#f00;fill:#0000",
        ),
        ("/api/top-langs?username=octo-cat&langs_count=1", "Other;33.3%"),
        ("/api/pin/?username=octo-cat&repo=R4", "r4;what r4 is;Fork;900"),
        ("/api/pin?username=octo-cat&repo=r1&show_owner=true", "Octo-Cat/r1;1,200;Rust"),
        ("/api?username=octo-cat&unheard_of=1&theme=", "1,239"),
        ("/api?username=octo-cat&theme=auto", "1,239;prefers-color-scheme:dark"),
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
fn pages_lead_to_the_cards() {
    let (place, _daemon) = start(&FakeGithub::start());
    // As a browser reads it: the template escapes slashes.
    let page = |path: &str| http::get(place.addr(), path).text().replace("&#x2f;", "/");
    let base = format!("http://localhost:{}", place.http);
    for (path, says) in [
        ("/repo/octo/hello", "data-set=\"style=card.pin\""),
        ("/name/octo", "data-set=\"style=card.stats\""),
        ("/", "<input id=\"user\" name=\"user\""),
        (
            "/repo/octo/hello?style=card.pin&theme=dracula",
            "src=\"/api/pin?username=octo&amp;repo=hello&amp;theme=dracula&amp;count=false\"",
        ),
        (
            "/repo/octo/hello?style=card.stats",
            &format!(
                "&lt;a href=&quot;{base}/name/octo&quot;&gt;&lt;picture&gt;&lt;source media=&quot;(prefers-color-scheme: dark)&quot; \
                 srcset=&quot;{base}/api?username=octo&amp;amp;theme=dark&quot;&gt;&lt;img src=&quot;{base}/api?username=octo&amp;amp;theme=light"
            ),
        ),
        ("/repo/octo/hello?style=card.pin&words=zh", "repo=hello&amp;amp;locale=zh&amp;amp;theme=dark&quot;"),
        (
            "/repo/octo/hello?style=card.traffic",
            "/api/traffic?username=octo&amp;amp;repo=hello&amp;amp;theme=dark&quot;",
        ),
        ("/name/octo?style=card.streak", "/api/streak?username=octo&amp;amp;theme=dark&quot;"),
        ("/name/octo?style=card.langs", "/api/top-langs?username=octo&amp;amp;theme=dark&quot;"),
        ("/name/octo?style=card.banner", "/banners/preview?username=octo&amp;amp;type=dark&quot;"),
        (
            "/name/octo?style=card.stats",
            &format!("[![GitHub statistics of octo]({base}/api?username=octo)]({base}/name/octo)"),
        ),
        (
            "/name/octo?style=card.langs&words=zh&file=png",
            &format!("{base}/api/top-langs.png?username=octo&amp;locale=zh&amp;scale=1"),
        ),
        ("/name/octo?style=card.banner&theme=dark", "/banners/preview?username=octo&amp;type=dark"),
        ("/name/octo?style=card.traffic", "style: this card needs the name of a repository on GitHub"),
        (
            "/repo/octo/hello?style=panel.badge&words=zh",
            &format!(
                "srcset=&quot;{base}/v1/badge/octo/hello?lang=zh&amp;amp;layout=stacked&amp;amp;theme=dark&quot;"
            ),
        ),
    ] {
        let text = page(path);
        assert!(text.contains(says), "{path}: {says} is missing in {text}");
    }
    for path in ["/name/octo%2Fa%2Fb", "/name/a%20b"] {
        assert!(!page(path).contains("data-set=\"style=card"), "{path}");
    }
    for (user, place_of) in [
        ("Octo", "/name/octo?style=card.stats#make"),
        ("https%3A%2F%2Fgithub.com%2FOcto%2F&lang=zh", "/name/octo?style=card.stats&lang=zh#make"),
    ] {
        let answer = http::get(place.addr(), &format!("/?user={user}"));
        assert_eq!((answer.status, answer.header("location")), (307, Some(place_of)), "{user}");
    }
    let seen = http::request("GET", place.addr(), "/?user=octo&theme=dark", &[("Accept", "image/*")], b"");
    let place_of_streak = seen.header("location").unwrap();
    assert!(place_of_streak.ends_with("/api/streak?user=octo&theme=dark"), "{place_of_streak}");
    let wrong = http::get(place.addr(), "/?user=a/b");
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().replace("&#x2f;", "/").contains("user=a/b"), "{}", wrong.text());
    assert_eq!(http::get(place.addr(), "/?user=").status, 200);
}

#[test]
fn no_page_leads_to_cards_that_are_off() {
    let mut place = Place::new();
    place.configure("[github]\napi-url = \"off\"\n");
    let daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    assert!(!daemon.stdout().contains("Card"));
    for path in ["/", "/name/octo", "/repo/octo/hello"] {
        let page = http::get(place.addr(), path);
        assert!(!page.text().contains("card.stats") && !page.text().contains("id=\"user\""), "{path}");
    }
    let wrong = http::get(place.addr(), "/name/octo?style=card.stats");
    assert!(wrong.text().contains("style: cards are off on this server"), "{}", wrong.text());
    assert_eq!(http::get(place.addr(), "/?user=octo").status, 200);
}

#[test]
fn what_is_wrong_is_said_in_a_picture() {
    let github = FakeGithub::start();
    github.add("octo", vec![repository(1, "Rust", 7, false)]);
    let (place, _daemon) = start(&github);
    for (path, status, says) in [
        ("/api", 400, "username is missing"),
        ("/api?username=octo&hide=stars,repos,forks,followers", 400, "hide leaves nothing to show"),
        ("/api?username=octo&include_all_commits=perhaps", 400, "include_all_commits is true or false"),
        (
            "/api?username=octo&commits_year=last&locale=zh",
            400,
            "地址有误 commits_year 是 2005 年至 2199 年之间的年份",
        ),
        ("/api/gist?id=1", 404, "Tallymark has no card of a gist"),
        ("/api/wakatime/?username=octo", 404, "Tallymark has no WakaTime card"),
        ("/api/gist?id=1&locale=cn", 404, "Tallymark 没有 gist 卡片"),
        ("/api/pin?username=octo", 400, "repo is missing: add &repo=REPOSITORY"),
        // Whoever it is.
        ("/api/pin?username=not-known-yet", 400, "repo is missing"),
        ("/api/pin?username=octo&locale=zh", 400, "缺少 repo"),
        ("/api/pin?username=octo&repo=nothing&locale=cn", 404, "octo 没有名为“nothing”的公开仓库"),
        ("/api/streak?username=octo&locale=cn", 404, "只有设置了 GitHub 令牌"),
        ("/api?username=nobody&locale=zh", 404, "GitHub 上没有账号“nobody”"),
        ("/api/pin?username=octo&repo=nothing", 404, "octo has no public repository “nothing”"),
        ("/api?username=nobody", 404, "GitHub has no account “nobody”"),
        ("/api?username=a%2Fb%3Cscript%3E", 404, "GitHub has no account “a/b"),
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
    assert!(picture(&answer).contains("Statistics of new are on their way"));
    assert!(picture(&http::get(place.addr(), "/api?username=octo")).contains(">7<"), "what is known stays");
    assert_eq!(github.calls().len(), calls + 1);
}

/// What the originals take is taken here, and what is not as they have it is said in a header.
#[test]
fn what_the_originals_take_draws_a_card_and_is_said() {
    let github = FakeGithub::start();
    github.add("octo", vec![repository(1, "Rust", 7, false)]);
    let (place, _daemon) = start(&github);
    let seen = |path: &str, says: &str, noted: &str| {
        let answer = http::get(place.addr(), path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(picture(&answer).contains(says), "{path}: {says} is missing in {}", answer.text());
        let why = answer.header("x-tallymark").unwrap();
        let notes = why.strip_prefix("not counted: a card").unwrap();
        let is_noted = if noted.is_empty() { !notes.contains('=') } else { notes.contains(noted) };
        assert!(is_noted, "{path}: {why}");
    };
    let follows = "prefers-color-scheme";
    for (path, says, noted) in [
        (
            "/api?username=octo&theme=dracla",
            follows,
            "; theme=dracla is unknown (did you mean dracula?): default is shown",
        ),
        ("/api?username=octo&theme=a%0d%0ab", follows, "; theme is unknown: default is shown"),
        ("/api?username=octo&theme=vue_dark", "fill:#273849", ""),
        ("/api?username=octo&username=other", ">7<", "; username is given twice: the first is taken"),
        (
            "/api?username=octo&exclude_repo=nope",
            ">7<",
            "; exclude_repo=nope is no repository of this account",
        ),
        ("/api?username=octo&theme=codeSTACKr", "fill:#09131b", ""),
        ("/api?username=octo&theme=transparent", "fill:#fff0", ""),
        ("/api?username=octo&locale=es", "Total Stars Earned", "; locale=es is unknown: en is shown"),
        ("/api?username=octo&locale=zh-tw", "获得的星标总数", ""),
        (
            "/api/top-langs?username=octo&langs_count=99",
            "Rust",
            "; langs_count=99 is out of range: 20 is taken",
        ),
        (
            "/api/pin?username=octo&repo=r1&description_lines_count=9",
            "what r1 is",
            "; description_lines_count=9 is out of range: 3 is taken",
        ),
        ("/api?username=octo&border_radius=4.5&card_width=450.5", "rx=\"5\"", ""),
        (
            "/api?username=octo&hide=star",
            "Total Stars",
            "; hide=star is unknown (did you mean stars?), so it is",
        ),
        ("/api?username=octo&hide=[%22contribs%22]", ">7<", "; hide is unknown, so it is ignored"),
        ("/api?username=octo&show=all,followers", "Followers", "; show=all is unknown, so it is ignored"),
        ("/api?username=octo&rank_icon=octopus", ">7<", "; rank_icon=octopus is unknown"),
        ("/api?username=octo&number_format=roman", ">7<", "; number_format=roman is unknown"),
        (
            "/api?username=octo&title_color=ffff1",
            follows,
            "; title_color=ffff1 is no color, so it is ignored",
        ),
        ("/api?username=octo&title_color=url(%23x)", follows, "; title_color is no color, so it is ignored"),
        ("/api?username=octo&bg_color=30,fff", follows, "; bg_color is neither a color nor a gradient"),
        ("/api?username=octo&hide_border=perhaps", ">7<", "; hide_border=perhaps is neither true nor false"),
        (
            "/api?username=octo&card_width=495px",
            "width=\"495\"",
            "; card_width=495px is no number: 495 is taken",
        ),
        (
            "/api?username=octo&card_width=wide",
            "width=\"450\"",
            "; card_width=wide is no number, so it is ignored",
        ),
        ("/api?username=octo&border_radius=abc", "rx=\"5\"", "; border_radius=abc is no number"),
        ("/api/top-langs?username=octo&layout=cube", "height=\"8\"", "; layout=cube is unknown"),
        ("/api/top-langs?username=octo&langs_count=six", "Rust", "; langs_count=six is no number"),
        ("/api/top-langs?username=octo&hide_progress=0.5", "100.0%", "; hide_progress=0.5 is neither"),
        ("/api/top-langs?username=octo&stats_format=b", "100.0%", "; stats_format=b is unknown"),
        ("/api/top-langs?username=octo&hide=rust", "All languages are hidden", ""),
        ("/api/pin?username=octo&repo=r1&show_owner=x", ">r1<", "; show_owner=x is neither"),
        ("/api?username=octo&number_precision=2", ">7<", "; number_precision is ignored"),
        ("/api?username=octo&count_private=true", ">7<", "; count_private is ignored"),
        ("/api/pin?username=octo&repo=r1&count_private=true", "r1", ""),
        (
            "/api/top-langs?username=octo&count_weight=0.5",
            "by repositories",
            "; size_weight and count_weight need a token",
        ),
        ("/api/top-langs?username=octo&stats_format=bytes", "100.0%", "; stats_format=bytes is for"),
    ] {
        seen(path, says, noted);
        // Also of one that was drawn within the last second.
        seen(path, says, noted);
    }
}

/// Colours that are written out are the same for everyone, and the others are read on them.
#[test]
fn cards_with_a_ground_of_their_own_do_not_follow_the_reader() {
    let github = FakeGithub::start();
    github.token(TOKEN, "owner", 5000);
    github.add("octo", vec![repository(1, "Rust", 7, false)]);
    github.work("octo", work());
    let (place, _daemon) = start_with(&github, &format!("tokens = [\"{TOKEN}\"]\n"));
    for card in [
        "/api?username=octo",
        "/api/streak?user=octo",
        "/api/top-langs?username=octo",
        "/api/pin?username=octo&repo=r1",
    ] {
        for (colors, text) in [
            ("bg_color=fff", Some("#1f2328")),
            ("bg_color=151515", Some("#e6edf3")),
            ("background=151515", Some("#e6edf3")),
            ("bg_color=30,000,336", Some("#e6edf3")),
            ("title_color=fe428e", Some("#1f2328")),
            ("border_color=f00", None),
            ("theme=default", None),
        ] {
            let svg = picture(&http::get(place.addr(), &format!("{card}&{colors}"))).to_owned();
            let follows = svg.contains("prefers-color-scheme");
            assert_eq!(follows, text.is_none(), "{card}&{colors}");
            assert!(
                text.is_none_or(|text| svg.contains(&format!(".tc-text{{fill:{text}}}"))),
                "{card}&{colors}: {svg}"
            );
        }
    }
}

fn today() -> Day {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Day(i32::try_from(seconds / 86_400).unwrap())
}

/// Three days in a row that go on, and one in the year before last.
fn work() -> FakeWork {
    let today = today();
    let mut days: Vec<(String, u32)> = (0..3).map(|ago| (Day(today.0 - ago).to_string(), 2)).collect();
    days.push((format!("{}-05-01", today.date().0 - 2), 8));
    FakeWork {
        days,
        recent_commits: 250,
        reviews: 2,
        pull_requests: 50,
        merged: 40,
        issues: 25,
        discussions: 3,
        answers: 1,
        contributed_to: 4,
    }
}

/// On the pages of two accounts whose cards have been shown, and of one that is not known.
fn the_rank_is_explained(place: &Place) {
    for (path, says) in [
        (
            "/name/octo-cat",
            "Rank on GitHub: B;<bdi>Octo-Cat</bdi> shows the rank <strong>B</strong>;earn 5.91 of 12 points;% of the points are missing;\
             <td>250</td><td>250</td><td>1.00 / 2</td>;<strong>B 62.5</strong>;are as of",
        ),
        ("/name/octo-cat?lang=zh", "GitHub 等级：B;共得 5.91 分;PR 总数;数字截至"),
        ("/name/acme", "organisations have no rank;median is 1,000"),
        (
            "/name/somebody",
            "how the rank on its card is computed;Its numbers are not known yet;<td>250</td><td>2</td>",
        ),
        ("/name/somebody?lang=zh", "卡片上的等级是怎样计算的;其数字尚不可知"),
    ] {
        let answer = http::get(place.addr(), path);
        let page = answer.text();
        for part in says.split(';') {
            assert!(page.contains(part), "{path}: {part} is missing in {page}");
        }
    }
    assert!(!http::get(place.addr(), "/name/octo-cat?event=like").text().contains("id=\"rank\""));
}

#[test]
fn with_a_token_cards_know_what_an_account_has_done() {
    let github = FakeGithub::start();
    github.token(TOKEN, "owner", 5000);
    github.add("Octo-Cat", vec![repository(1, "Rust", 50, false), repository(2, "C", 900, true)]);
    github.work("octo-cat", work());
    github.add_organization("acme", vec![repository(3, "Go", 5, false)]);
    let (place, mut daemon) =
        start_with(&github, &format!("tokens = [\"{TOKEN}\"]\nzone = \"Pacific/Kiritimati\"\n"));
    let year = today().date().0 - 2;
    for (path, says, not) in [
        // Followers are seven, of a median of ten; all else is at its median.
        (
            "/api?username=octo-cat".to_owned(),
            "Total Stars Earned;>50<;Total Commits (last year);>250<;Total PRs;Total Issues;>25<;\
             Contributed to (last year);>4<;>B<;Rank: B (top 50.7%), made of Total Commits (last year) 250 (median 250)",
            "Times Forked",
        ),
        ("/api?username=octo-cat&include_all_commits=true&hide_rank=true".to_owned(), "Total Commits<;>14<", "Rank"),
        (format!("/api?username=octo-cat&commits_year={year}&rank_icon=percentile"), ">8<;Top;50.7%", ">B<"),
        (
            "/api?username=octo-cat&hide=commits,issues&show=prs_merged,prs_merged_percentage,reviews,discussions_started,\
             discussions_answered,repos,forks,followers"
                .to_owned(),
            "Total PRs Merged;>40<;80.00%;Total PRs Reviewed;>4<;>3<;>1<;1 original, 1 forked;Followers",
            ">Total Issues<",
        ),
        ("/api?username=acme".to_owned(), ">5<;Followers", "Commits"),
        ("/api/streak?username=octo-cat".to_owned(), "Total Contributions: 14;Current Streak: 3 days;Pacific/Kiritimati", ">0<"),
        ("/api/streak/?user=octo-cat&timezone=America/Lima&theme=dark&ring=f00".to_owned(), "America/Lima;stroke:#f00", ""),
        ("/api/top-langs?username=octo-cat".to_owned(), "by size of code;Rust;95.2%;Shell;4.8%", ">C<"),
        ("/api/top-langs?username=octo-cat&size_weight=0&count_weight=1".to_owned(), "by repositories;Rust;100.0%", "Shell"),
        ("/api/top-langs?username=octo-cat&size_weight=0.5&count_weight=0.5".to_owned(), "by code and repositories;81.7%", ""),
        ("/api/top-langs?username=octo-cat&exclude_repo=R1".to_owned(), "No language is known", "Rust"),
        ("/api/top-langs?username=octo-cat&stats_format=bytes&layout=compact".to_owned(), "Rust 1.0 kB;Shell 50 B", "%</text"),
        (
            format!("/api/streak?user=octo-cat&starting_year={}", today().date().0 - 1),
            "Total Contributions: 6;Longest Streak: 3 days",
            ": 14",
        ),
        ("/api/streak?user=octo-cat&mode=weekly".to_owned(), "Total Contributions: 14;Week Streak: ; week;>Longest Week Streak<", "Current"),
        ("/api/streak?user=octo-cat&exclude_days=Sun,saturday".to_owned(), "days off: Sun, Sat", ""),
        (
            "/api/streak?user=octo-cat&background=fff&border=0f0&fire=f80&sideNums=00f&hide_longest_streak=true&short_numbers=true"
                .to_owned(),
            ".tc-ground{fill:#fff;stroke:#0f0};.tc-icon{fill:#f80};.tc-sides{fill:#00f}",
            "Longest",
        ),
    ] {
        let answer = http::get(place.addr(), &path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let svg = picture(&answer);
        for part in says.split(';') {
            assert!(svg.contains(part), "{path}: {part} is missing in {svg}");
        }
        assert!(not.is_empty() || !svg.contains(not), "{path}: {not} is in {svg}");
    }
    the_rank_is_explained(&place);
    for (path, status, says) in [
        ("/api/streak?username=octo-cat&timezone=Mars", 400, "there is no zone Mars"),
        ("/api/streak?username=octo-cat&mode=monthly", 400, "mode is one of daily, weekly"),
        ("/api/streak?username=octo-cat&mode=monthly&locale=zh", 400, "mode 只能是 daily、weekly"),
        ("/api/streak?username=octo-cat&exclude_days=Someday", 400, "exclude_days is one of Sun, Mon"),
        (
            "/api/streak?username=octo-cat&exclude_days=Sun,Mon,Tue,Wed,Thu,Fri,Sat",
            400,
            "exclude_days leaves no day of the week",
        ),
        ("/api/streak?username=octo-cat&starting_year=99", 400, "starting_year is a year from 2005 to 2199"),
        ("/api/streak?username=acme", 404, "acme is an organization"),
        ("/api?username=octo-cat&commits_year=1999", 400, "commits_year is a year from 2005 to 2199"),
        ("/api/top-langs?username=octo-cat&size_weight=many", 400, "size_weight is a number from 0 to 10"),
    ] {
        let answer = http::get(place.addr(), path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(says), "{path}: {}", answer.text());
    }
    // Two questions of octo-cat's repositories, one of what it has done, one of a past year, one of its code; acme's.
    assert_eq!((github.calls().len(), github.queries().len()), (4, 4), "whatever card and theme");
    assert!(!http::get(place.addr(), "/metrics").text().contains(TOKEN));
    daemon.sigterm();
    daemon.wait(PATIENCE);
    assert!(!daemon.stderr().contains(TOKEN) && !daemon.stdout().contains(TOKEN));
}

#[test]
fn without_a_token_what_is_not_known_is_left_out_and_said() {
    let github = FakeGithub::start();
    github.add("octo", vec![repository(1, "Rust", 7, false)]);
    let (place, _daemon) = start(&github);
    let answer = http::get(place.addr(), "/api?username=octo&show=reviews");
    assert!(answer.header("x-tallymark").unwrap().contains("need a token"));
    assert!(picture(&answer).contains("Followers") && !answer.text().contains("Commits"));
    for path in ["/api/top-langs?username=octo", "/api/pin?username=octo&repo=r1"] {
        let answer = http::get(place.addr(), path);
        assert_eq!(answer.header("x-tallymark"), Some("not counted: a card"), "{path}");
    }
    for (path, status, says) in [
        ("/api/streak?username=octo", 404, "known only with a token for GitHub"),
        ("/api/top-langs?username=octo&size_weight=0.5", 200, "by repositories"),
        ("/api/top-langs?username=octo&stats_format=bytes", 200, "100.0%"),
        ("/api/top-langs?username=octo", 200, "by repositories"),
        ("/api/top-langs?username=octo&size_weight=0&count_weight=1", 200, "by repositories"),
    ] {
        let answer = http::get(place.addr(), path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(says), "{path}: {}", answer.text());
    }
}
