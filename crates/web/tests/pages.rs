//! Every page and every response with its own body, as a golden file: drawn from a real embedded store with known
//! counts, on a known day.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

mod chinese;
mod site;

use axum::http::StatusCode;
use site::Site;
use std::sync::Arc;
use tallymark_web::{Health, StatsPrefix, Visibility, health_router};

#[tokio::test]
async fn pages_are_as_drawn() {
    let site = Site::new(Visibility::Public).await;
    for (golden, path, status) in [
        ("dashboard", "/", 200),
        ("dashboard_by_name", "/?period=week&sort=name", 200),
        ("dashboard_of_another_event", "/index.html?event=like&period=day", 200),
        ("dashboard_of_an_empty_period", "/?event=like&period=minute", 200),
        ("dashboard_search", "/?search=%22%3Cb%3E", 200),
        ("dashboard_search_in_vain", "/?search=nothing", 200),
        ("dashboard_problem", "/?sort=colour", 400),
        ("compare", "/compare?name=you%2Frepo&name=new&period=7d", 200),
        ("compare_nothing", "/compare", 200),
        (
            "compare_too_many",
            "/compare?period=7d&name=1&name=2&name=3&name=4&name=5&name=6&name=%3Cb%3E",
            400,
        ),
        ("name_of_another_event", "/repo/you/repo?event=like", 200),
        ("name_counted", "/repo/you/repo", 200),
        ("name_never_counted", "/name/new", 200),
        ("name_with_markup_in_it", "/name/%E6%97%A5%E6%9C%AC/%3Cb%3E&%22'", 200),
        ("name_from_the_form", "/name?name=a+b%2Bc", 200),
        (
            "name_compared",
            "/repo/you/repo?period=7d&compare=new&compare=%E6%97%A5%E6%9C%AC/%3Cb%3E%26%22%27",
            200,
        ),
        ("name_in_the_query", "/name?name=..&compare=you%2Frepo&period=12mo", 200),
        ("problem", "/name/~all", 400),
        ("problem_period", "/repo/you/repo?period=31d", 400),
        ("json", "/badge/you/repo.json", 200),
        ("shields", "/badge/you/repo.shields.json", 200),
        ("shields_dressed", "/badge/you/repo.shields.json?label=%22views%22&color=red&format=short", 200),
        ("shields_mistake", "/badge/~all.shields.json", 400),
        ("shields_color", "/badge/a.shields.json?color=red;x", 400),
        ("json_mistake", "/badge/~all.json", 400),
        ("mistake_badge", "/badge.svg?repo=", 400),
        ("mistake_color", "/badge.svg?repo=a&color=red;x", 400),
    ] {
        let (code, headers, body) = site.get(path, None).await;
        assert_eq!(code, status, "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        insta::assert_snapshot!(golden, body);
    }
}

#[tokio::test]
async fn pages_are_as_drawn_in_chinese() {
    let site = Site::new(Visibility::Public).await;
    for (golden, path, status) in [
        ("zh_dashboard", "/", 200),
        ("zh_dashboard_of_likes", "/?event=like&period=day", 200),
        ("zh_search", "/?search=you", 200),
        ("zh_compare", "/compare?name=you%2Frepo&name=new&period=7d", 200),
        ("zh_compare_nothing", "/compare", 200),
        ("zh_name", "/repo/you/repo", 200),
        ("zh_name_never_counted", "/name/new", 200),
        ("zh_problem", "/name/~all", 400),
        ("zh_nothing_here", "/no/such/page", 404),
    ] {
        let sent = [("accept-language", "de,zh-CN;q=0.9,en;q=0.8"), ("accept", "text/html")];
        let (code, headers, body) = site.get_with_all(path, &sent).await;
        assert_eq!(code, status, "{path}");
        assert!(headers.get_all("vary").iter().any(|vary| vary == "Accept-Language, Cookie"), "{headers:?}");
        assert!(body.contains("<html lang=\"zh-Hans\">") && !body.contains("[["), "{body}");
        insta::assert_snapshot!(golden, body);
    }
    let asks = Site::keeping_visits().await.get_with("/repo/you/repo", "accept-language", "zh").await;
    insta::assert_snapshot!("zh_who_asks", asks.2);
    let empty = Site::empty().await.get_with("/", "accept-language", "zh").await;
    insta::assert_snapshot!("zh_empty", empty.2);
    let sent = [("accept-language", "zh"), ("accept", "text/html")];
    let login = Site::new(Visibility::Token).await.get_with_all("/", &sent).await;
    insta::assert_snapshot!("zh_login", login.2);
}

#[tokio::test]
async fn a_chosen_language_stays_without_a_script() {
    let site = Site::below(Visibility::Public, "/hits").await;
    let english = site.get("/repo/you/repo?period=7d&lang=xx", None).await;
    assert!(english.2.contains("<html lang=\"en\">"), "another language is not ours: {}", english.2);
    assert!(english.1.get("set-cookie").is_none());
    // The way to the other language is a link to the same page.
    assert!(
        english.2.contains("href=\"&#x2f;hits&#x2f;repo&#x2f;you&#x2f;repo?period=7d&amp;lang=zh\""),
        "{}",
        english.2
    );
    let chosen = site.get("/repo/you/repo?lang=zh", None).await;
    assert!(chosen.2.contains("<html lang=\"zh-Hans\">"), "{}", chosen.2);
    let cookie = chosen.1["set-cookie"].to_str().unwrap();
    assert_eq!(cookie, "tallymark_lang=zh; Path=/hits; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure");
    let sent = [("cookie", "a=b; tallymark_lang=zh"), ("accept-language", "en")];
    assert!(site.get_with_all("/compare", &sent).await.2.contains("<html lang=\"zh-Hans\">"));
    let sent = [("cookie", "tallymark_lang=<b>"), ("accept-language", "zh")];
    assert!(site.get_with_all("/compare", &sent).await.2.contains("<html lang=\"zh-Hans\">"));
    // A choice for one page is stronger than the cookie.
    let back = site.get_with("/compare?lang=en", "cookie", "tallymark_lang=zh").await;
    assert!(back.2.contains("<html lang=\"en\">"));
    // Pictures and counts have no language, and set no cookie.
    let badge = site.get("/badge/you/repo.svg?lang=zh&count=false", None).await;
    assert!(badge.1.get("set-cookie").is_none() && badge.1.get("vary").is_none());
    // The page of a like has a language of its own.
    let like = site.get("/v1/like/you/repo/add?lang=zh", None).await;
    assert!(like.1.get("set-cookie").is_none(), "{like:?}");
}

#[tokio::test]
async fn another_event_shows_its_own_count_under_its_own_name() {
    let site = Site::new(Visibility::Public).await;
    let of = async |path: &str| {
        let (status, headers, body) = site.get(path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        (headers.get("x-tallymark").cloned(), body)
    };
    let (counted, svg) = of("/badge/you/repo.svg?event=like").await;
    assert!(svg.contains("<title>likes: 3</title>"), "{svg}");
    assert_eq!(counted.unwrap(), "ignored: another event than hit");
    assert!(of("/badge/you/repo.svg?event=like&label=a+b").await.1.contains("<title>a b: 3</title>"));
    assert!(of("/badge.svg?repo=you/repo&event=like").await.1.contains("likes: 3"));
    let json = of("/badge/you/repo.json?event=like").await.1;
    assert!(json.contains(r#""event":"like","total":3,"today":3"#), "{json}");
    let shields = of("/badge/you/repo.shields.json?event=like").await.1;
    assert!(shields.contains(r#""label":"likes","message":"3""#), "{shields}");
    for path in [
        "/repo/you/repo?event=like",
        "/index.html?event=like",
        "/graph/you/repo.svg?event=like",
        "/graph/you/repo.svg?event=like&style=spark",
        "/graph/you/repo.svg?event=like&period=24h",
        "/compare?name=a&name=b&event=like",
    ] {
        let body = of(path).await.1;
        // The ways to the pages of hits are called so, and a new badge is one of hits.
        let body = body.split("<h2 id=\"make\">Make a badge").next().unwrap();
        let rest =
            body.replace("hits.example.org", "").replace(">Hits <", "><").replace(">Hits</a>", "></a>");
        assert!(!rest.contains("hits") && !rest.contains("Hits"), "{path}: {body}");
    }
    for end in ["svg", "json", "shields.json"] {
        let (status, _, body) = site.get(&format!("/badge/you/repo.{end}?event=L!"), None).await;
        assert_eq!(status, 400, "{end}");
        assert!(body.contains("an event is 1 to 32 of a-z"), "{body}");
    }
}

#[tokio::test]
async fn search_finds_what_many_names_stand_before() {
    // More than one look of the store.
    let many = (0..60_000).map(|n| format!("bulk/{n:06}"));
    let site = Site::crowded(many.chain(["you/needle".to_owned(), "zeta".to_owned()])).await;
    for (text, link) in [
        ("needle", "/repo/you/needle"),
        ("zeta", "/name/zeta"),
        ("bulk/059999", "/repo/bulk/059999"),
        ("59999", "/repo/bulk/059999"),
    ] {
        let link = format!("href=\"{}\"", link.replace('/', "&#x2f;"));
        let mut path = format!("/?search={text}");
        // A slow machine examines fewer names for a page.
        loop {
            let (code, _, body) = site.get(&path, None).await;
            assert_eq!(code, 200);
            if body.contains(&link) {
                break;
            }
            let further = body.split("\">Search further</a>").next().filter(|before| *before != body);
            let further = further.and_then(|before| before.rsplit("href=\"").next());
            path = further
                .unwrap_or_else(|| panic!("{text}: {body}"))
                .replace("&#x2f;", "/")
                .replace("&amp;", "&");
        }
    }
}

/// The link of a page to CSV, and what is behind it.
async fn download(site: &Site, page: &str) -> Option<(String, Vec<Vec<String>>)> {
    let (_, _, body) = site.get(page, None).await;
    let before = body.split("\" download>").next().filter(|before| *before != body)?;
    let link = before.rsplit("href=\"").next()?.replace("&#x2f;", "/").replace("&amp;", "&");
    let (code, headers, csv) = site.get(&link, None).await;
    assert_eq!(
        (code, headers["content-disposition"].to_str().unwrap().split(';').next()),
        (StatusCode::OK, Some("attachment"))
    );
    let lines = csv.lines().map(|line| line.split(',').map(str::to_owned).collect());
    Some((link, lines.collect()))
}

#[tokio::test]
async fn the_numbers_of_a_page_can_be_downloaded() {
    let site = Site::new(Visibility::Public).await;
    for (page, buckets, sum) in [
        ("/repo/you/repo?period=24h", 24, 1234),
        ("/repo/you/repo?period=7d&compare=new", 7, 1334),
        ("/repo/you/repo", 30, 51_334),
        ("/repo/you/repo?period=all", 132, 1_051_334),
        ("/repo/you/repo?event=like&period=12mo", 12, 3),
        ("/name/%E6%97%A5%E6%9C%AC/%3Cb%3E&%22'?period=90d", 90, 1),
    ] {
        let (link, lines) = download(&site, page).await.unwrap();
        let counts: Vec<i64> = lines[1..].iter().map(|line| line.last().unwrap().parse().unwrap()).collect();
        assert_eq!((counts.len(), counts.iter().sum::<i64>()), (buckets, sum), "{page}: {link}");
    }
    let (_, lines) = download(&site, "/").await.unwrap();
    assert_eq!((&*lines[0][0], lines.len(), &*lines[1][0]), ("name", 5, "you/repo"));
    let (_, lines) = download(&site, "/?event=like&period=day").await.unwrap();
    assert_eq!((lines.len(), &*lines[1][0]), (2, "you/repo"));
    let (link, lines) = download(&site, "/compare?name=new&name=you%2Frepo&period=7d").await.unwrap();
    assert_eq!(link, "/compare/series.csv?name=new&name=you/repo&period=7d");
    assert_eq!((lines.len(), lines[0].join(" ")), (8, "time new you/repo".to_owned()));
    let sum = |at: usize| lines[1..].iter().map(|line| line[at].parse::<i64>().unwrap()).sum::<i64>();
    assert_eq!((sum(1), sum(2)), (0, 1334));
    for (path, says) in
        [("/compare/series.csv", "?name=NAME"), ("/compare/series.csv?name=~all", "a name to compare with")]
    {
        let (code, _, body) = site.get(path, None).await;
        assert!(code == 400 && body.contains(says), "{path}: {body}");
    }
    // A proxy would make another path of these.
    for page in ["/name?name=..", "/name?name=https://a.b/c&event=url"] {
        assert!(download(&site, page).await.is_none(), "{page}");
    }
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_run_nothing() {
    let site = Site::new(Visibility::Public).await;
    for path in [
        "/",
        "/?search=%3Cscript%3E",
        "/compare?name=%3Cscript%3E",
        "/repo/you/repo",
        "/repo/you/repo?compare=a/b&compare=%22%3E",
        "/name/~all",
    ] {
        let (_, headers, body) = site.get(path, None).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'")
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        // The scripts are files of ours, and nothing in the page is one.
        let scripts = body.matches("<script").count();
        assert_eq!(scripts, body.matches("<script src=\"/assets/").count(), "{path}");
        assert!(body.contains("<script src=\"/assets/live.js\" defer>"), "{path}");
        assert!(!body.contains("javascript:") && !body.contains(" style="), "{path}");
        let handlers = body.split_whitespace().filter(|word| word.starts_with("on") && word.contains("=\""));
        assert_eq!(handlers.count(), 0, "{path}");
        let outside = body.split('"').filter(|word| word.starts_with("http") || word.starts_with("//"));
        assert_eq!(outside.count(), 0, "{path}: {body}");
    }
}

#[tokio::test]
async fn every_link_of_a_page_lies_below_the_path_of_the_base_url() {
    let token = Some("a-token-of-sixteen");
    let site = Site::below(Visibility::Token, "/sub").await;
    let compared = "/repo/you/repo?period=7d&compare=new";
    for (path, token, links) in [
        ("/", token, 20),
        ("/?event=like&period=day&sort=name", token, 15),
        ("/?search=o", token, 10),
        ("/compare?name=a&name=b", token, 15),
        (compared, token, 15),
        ("/name?name=..", token, 5),
        ("/name/~all", token, 5),
        ("/nothing", token, 5),
        ("/login", None, 5),
        (compared, None, 5),
    ] {
        let token = token.map(|token| format!("Bearer {token}")).unwrap_or_default();
        let headers = [("accept", "text/html"), ("authorization", &*token)];
        let (_, _, body) = site.get_with_all(path, &headers).await;
        let body = body.replace("&#x2f;", "/");
        let attributes = ["href=\"", "src=\"", "srcset=\"", "action=\""];
        let all: Vec<&str> = attributes.iter().flat_map(|start| body.split(start).skip(1)).collect();
        assert!(all.len() >= links, "{path}: {} links", all.len());
        for link in all {
            let link = link.split('"').next().unwrap_or_default();
            assert!(link.starts_with("/sub/") || link.starts_with('#'), "{path}: {link}");
        }
        // What is to be copied has the whole address.
        assert!(!body.contains("example.org/badge") && !body.contains("/sub/sub"), "{body}");
    }
}

#[tokio::test]
async fn pages_are_for_whom_the_operator_says_and_badges_for_everybody() {
    let token = Some("a-token-of-sixteen");
    let site = Site::new(Visibility::Token).await;
    for path in
        ["/", "/index.html", "/?search=a", "/compare?name=a", "/compare/series.csv?name=a", "/name?name=a"]
    {
        assert_eq!(site.get(path, None).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(site.get("/repo/you/repo", Some("another-token-here")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(site.get("/repo/you/repo", token).await.0, StatusCode::OK);
    assert_eq!(site.get("/badge.svg?repo=you/repo", None).await.0, StatusCode::OK);
    let site = Site::new(Visibility::Off).await;
    for path in ["/", "/index.html", "/compare?name=a", "/compare/series.csv?name=a", "/repo/you/repo"] {
        assert_eq!(site.get(path, token).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(site.get("/badge.svg?repo=you/repo", None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn browser_without_a_token_is_asked_for_one_and_a_program_is_told() {
    let site = Site::new(Visibility::Token).await;
    let page = "/name/%22%3E%3Cb%3E?period=7d&compare=a%26b";
    let (code, headers, body) = site.get_with(page, "accept", "text/html,*/*;q=0.8").await;
    assert_eq!((code, headers["www-authenticate"].to_str().unwrap()), (StatusCode::UNAUTHORIZED, "Bearer"));
    insta::assert_snapshot!("login", body);
    let (code, _, body) = site.get_with(page, "accept", "*/*").await;
    assert_eq!((code, &*body), (StatusCode::UNAUTHORIZED, "send a token: Authorization: Bearer TOKEN\n"));
    // The same form on its own page; without a login there is none.
    let (code, _, body) = site.get("/login", None).await;
    assert_eq!(code, StatusCode::OK);
    assert!(body.contains("name=\"next\" value=\"&#x2f;\""), "{body}");
    for visibility in [Visibility::Public, Visibility::Off] {
        assert_eq!(Site::new(visibility).await.get("/login", None).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn page_of_a_name_shows_who_asked_where_visits_are_kept() {
    let site = Site::keeping_visits().await;
    let (code, _, body) = site.get("/repo/you/repo", None).await;
    assert_eq!(code, StatusCode::OK);
    let start = body.find("<section aria-labelledby=\"who\">").unwrap();
    insta::assert_snapshot!("who_asks", body[start..body[start..].find("</section>").unwrap() + start]);
    for path in ["/name/new", "/repo/you/repo?event=like"] {
        assert!(!site.get(path, None).await.2.contains("Who asks"), "{path}");
    }
}

#[tokio::test]
async fn a_page_leads_to_a_logarithmic_scale_where_something_is_hidden() {
    let site = Site::new(Visibility::Public).await;
    // A day with 50,000 hits beside others with a hundred, and names with a thousand and with one.
    for (page, log, back) in [
        ("/repo/you/repo", "/repo/you/repo?period=30d&scale=log", "/repo/you/repo?period=30d"),
        (
            "/compare?name=you/repo&name=%E6%97%A5%E6%9C%AC/%3Cb%3E%26%22%27&period=7d",
            "/compare?name=you/repo&name=%E6%97%A5%E6%9C%AC/%3Cb%3E%26%22%27&period=7d&scale=log",
            "/compare?name=you/repo&name=%E6%97%A5%E6%9C%AC/%3Cb%3E%26%22%27&period=7d",
        ),
    ] {
        let href = |link: &str| {
            format!(
                "href=\"{}\"",
                link.replace('/', "&#x2f;").replace('&', "&amp;").replace("&amp;#x2f;", "&#x2f;")
            )
        };
        let (_, _, body) = site.get(page, None).await;
        assert!(body.contains(&format!("{}>Show on a logarithmic scale</a>", href(log))), "{page}: {body}");
        let (code, _, body) = site.get(log, None).await;
        assert_eq!(code, StatusCode::OK);
        assert!(body.contains(&format!("{}>Show on the usual scale</a>", href(back))), "{log}: {body}");
        assert!(body.contains("The scale is logarithmic."), "{log}");
        // The picture, the periods and what is copied stay with it.
        assert!(body.matches("scale=log").count() >= 8, "{log}: {body}");
    }
    for page in ["/repo/you/repo?event=like", "/name/new", "/compare?name=you/repo&period=24h"] {
        assert!(!site.get(page, None).await.2.contains("logarithmic scale"), "{page}");
    }
    let (code, _, body) = site.get("/repo/you/repo?scale=sqrt", None).await;
    assert!(code == StatusCode::BAD_REQUEST && body.contains("scale is linear or log"), "{body}");
}

#[tokio::test]
async fn pages_without_a_store_say_so() {
    let site = Site::without_store().await;
    for path in ["/", "/?period=day", "/repo/you/repo", "/compare?name=a"] {
        let (code, _, body) = site.get(path, None).await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(body.contains("The store is not responding."), "{body}");
    }
}

#[tokio::test]
async fn empty_store_shows_the_badge_builder() {
    let (code, _, body) = Site::empty().await.get("/", None).await;
    assert_eq!(code, StatusCode::OK);
    insta::assert_snapshot!("empty", body);
}

#[tokio::test]
async fn store_without_hits_shows_what_it_has() {
    let site = Site::without_hits().await;
    let (code, _, body) = site.get("/index.html", None).await;
    assert_eq!(code, StatusCode::OK);
    assert!(body.contains("<h1>Pageviews</h1>") && body.contains(">acme<"), "{body}");
    // Every other event is an address away, hits too, and the search stays with what is shown.
    for (path, heading) in
        [("/?event=hit", "Hits"), ("/?event=url", "Url"), ("/?event=pageview", "Pageviews")]
    {
        let (_, _, body) = site.get(path, None).await;
        assert!(body.contains(&format!("<h1>{heading}</h1>")), "{path}: {body}");
    }
    let (_, _, body) = site.get("/?event=hit&search=a", None).await;
    assert!(body.contains("<input type=\"hidden\" name=\"event\" value=\"hit\">"), "{body}");
}

#[tokio::test]
async fn page_of_a_name_that_only_github_knows_opens_at_its_badge() {
    let site = Site::without_hits().await;
    for event in ["gh-views", "gh-clones"] {
        site.count(event, "octo/forked", 40).await;
    }
    let (code, _, page) = site.get("/repo/octo/forked", None).await;
    assert_eq!(code, StatusCode::OK);
    assert!(page.contains("[![hits](") && !page.contains("does not count anything"), "{page}");
    // Anything else is a reason to open there, even if there is less of it.
    site.count("like", "octo/forked", 1).await;
    let (code, headers, _) = site.get("/repo/octo/forked", None).await;
    assert_eq!(code, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(headers["location"], "/repo/octo/forked?event=like");
}

#[tokio::test]
async fn page_of_a_name_without_hits_opens_at_what_it_has() {
    let site = Site::without_hits().await;
    // The event that it has most of.
    for path in ["/name/acme", "/name?name=acme"] {
        let (code, headers, _) = site.get(path, None).await;
        assert_eq!(code, StatusCode::TEMPORARY_REDIRECT, "{path}");
        assert_eq!(headers["location"], "/name/acme?event=pageview", "{path}");
    }
    // Whoever asks for hits, or for more than the name, gets what was asked for.
    for path in ["/name/acme?event=hit", "/name/acme?period=7d", "/name/never"] {
        let (code, _, body) = site.get(path, None).await;
        assert!(code == StatusCode::OK && body.contains("No hits yet"), "{path}: {code}");
    }
    // The way to its hits does not lead back.
    let (_, _, body) = site.get("/name/acme?event=like", None).await;
    let body = body.replace("&#x2f;", "/");
    assert!(body.contains("href=\"/name/acme?event=hit\""), "{body}");
    // A name with hits opens at them.
    assert_eq!(Site::new(Visibility::Public).await.get("/repo/you/repo", None).await.0, StatusCode::OK);
}

/// A name whose like button would lead nowhere is offered no panel, and no snippet with one.
#[tokio::test]
async fn names_with_odd_parts_have_no_panel() {
    let site = Site::new(Visibility::Public).await;
    for (name, has) in [("octo%2Fhello", true), ("a%2F%2Fb", false), ("a%2F..", false), ("..%2Fx", false)] {
        let (_, _, body) = site.get(&format!("/name?event=visit&name={name}"), None).await;
        assert_eq!(body.contains("data-set=\"style=panel.badge\""), has, "{name}: {body}");
        let (_, _, body) = site.get(&format!("/name?style=panel.badge&name={name}"), None).await;
        assert_eq!(body.replace("&#x2f;", "/").contains("v1/like"), has, "{name}: {body}");
        assert_eq!(body.contains("<p class=\"preview\">"), has, "{name}: {body}");
        assert_eq!(body.contains("style: a panel needs a name of two parts"), !has, "{name}: {body}");
    }
}

#[tokio::test]
async fn page_of_a_name_leads_to_its_other_events_and_shows_what_they_ended_with() {
    let site = Site::without_hits().await;
    let (_, _, body) = site.get("/name/acme?event=order", None).await;
    insta::assert_snapshot!("name_of_orders", body);
    let (_, _, body) = site.get("/name/acme?event=like", None).await;
    let body = body.replace("&#x2f;", "/");
    for link in
        ["/name/acme?event=order\"", "/name/acme?event=pageview\"", "/name/acme?event=like\" aria-current"]
    {
        assert!(body.contains(&format!("<li><a href=\"{link}")), "{link}: {body}");
    }
    assert!(!body.contains("Final statuses"), "{body}");
    // It was only ever one thing.
    let (_, _, body) = site.get("/name?name=https://www.example.com/&event=url", None).await;
    assert!(!body.contains("What is counted of this name"), "{body}");
}

#[tokio::test]
async fn nothing_here_is_a_page_for_a_person_and_a_line_for_a_program() {
    let site = Site::new(Visibility::Public).await;
    for path in ["/nothing", "/badge/x", "/graph/x.gif", "/repo/a"] {
        let (code, headers, body) = site.get_with(path, "accept", "text/html,*/*;q=0.8").await;
        assert_eq!((code, headers["vary"].to_str().unwrap()), (StatusCode::NOT_FOUND, "Accept"), "{path}");
        assert!(body.contains("<html lang=\"en\">") && body.contains("<h1>Not found</h1>"), "{body}");
        let (code, _, body) = site.get_with(path, "accept", "*/*").await;
        assert!(code == StatusCode::NOT_FOUND && body.starts_with("nothing here. "), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_slash_at_the_end_leads_to_the_page_without_it() {
    let site = Site::below(Visibility::Public, "/sub").await;
    let (code, headers, _) = site.get("/repo/you/a%2Fb/?period=7d", None).await;
    assert_eq!(code, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(headers["location"], "/sub/repo/you/a%2Fb?period=7d");
    for path in ["/api/v1", "/api/v1/", "/api/v1/x"] {
        let (code, headers, _) = site.get_with(path, "accept", "text/html").await;
        assert_eq!(
            (code, &headers["content-type"]),
            (StatusCode::NOT_FOUND, &"application/json".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn what_is_not_known_yet_is_not_said() {
    let site = Site::new(Visibility::Public).await;
    // It was looked whether there is such an event, and there is none.
    let (code, _, body) = site.get("/?event=nope", None).await;
    assert_eq!(code, 400);
    assert!(body.contains("event=nope was never counted: use hit"), "{body}");
    let (_, _, body) = site.get("/api/v1/summary?event=nope", None).await;
    assert!(body.contains(r#""total":0,"names":0,"#), "{body}");
    // It was added since. Its names were not counted yet, but there is one.
    site.count("odd", "a", 3).await;
    let (_, _, body) = site.get("/?event=odd", None).await;
    assert!(body.contains("<dt>Names</dt><dd>…</dd>"), "{body}");
    let (_, _, body) = site.get("/api/v1/summary?event=odd", None).await;
    assert!(body.contains(r#""total":3,"names":null,"#), "{body}");
}

#[tokio::test]
async fn all_names_have_a_chart_for_those_who_may_see_pages() {
    let site = Site::new(Visibility::Token).await;
    let (code, _, _) = site.get("/graph/~all.svg", None).await;
    assert_eq!(code, 401);
    let token = [("authorization", "Bearer a-token-of-sixteen")];
    let (code, _, svg) = site.get_with_all("/graph/~all.svg?period=month&width=520", &token).await;
    assert!(code == 200 && svg.contains("All names") && svg.contains("so far"), "{svg}");
    let (_, _, svg) = site.get_with_all("/graph/~all.svg?period=30d", &token).await;
    assert!(svg.contains("period is all, month, week, day, hour or minute"), "{svg}");
    // No other name has got through.
    let (_, _, svg) = site.get_with_all("/graph/~overflow.svg", &token).await;
    assert!(!svg.contains("hits"), "{svg}");
}

#[tokio::test]
async fn first_hit_turns_the_page_of_a_name_into_a_live_one() {
    let site = Site::new(Visibility::Public).await;
    let live = |body: &str| body.contains(r#"<div id="begun" data-live>"#);
    let (_, _, before) = site.get("/name/fresh", None).await;
    assert!(live(&before) && before.contains("No hits yet") && !before.contains(r#"id="curve""#));
    site.count("hit", "fresh", 3).await;
    let (_, _, after) = site.get("/name/fresh?period=all", None).await;
    assert!(!live(&after) && after.contains(r#"<div id="curve" data-live>"#), "{after}");
    // A young name is told by days, from a week on.
    assert!(
        after.contains("Hits per day") && after.matches("<tr><th scope=\"row\">").count() == 8,
        "{after}"
    );
}

#[tokio::test]
async fn script_and_style_are_asked_for_again_and_not_sent_again() {
    let site = Site::new(Visibility::Off).await;
    for (path, kind) in [("/assets/style.css", "text/css"), ("/assets/live.js", "text/javascript")] {
        let (code, headers, body) = site.get(path, None).await;
        assert_eq!((code, headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-cache"));
        assert!(headers["content-type"].to_str().unwrap().starts_with(kind));
        assert!(body.len() < 8 * 1024 || path.ends_with("css"), "{path} is no small file: {}", body.len());
        let again = site.get_with(path, "if-none-match", headers["etag"].to_str().unwrap()).await;
        assert_eq!((again.0, again.2.as_str()), (StatusCode::NOT_MODIFIED, ""));
        let other = site.get_with(path, "if-none-match", "\"0123456789abcdef\"").await;
        assert_eq!(other.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn bootic_s_api_lies_over_no_other_route() {
    let site = Site::new(Visibility::Public).await;
    let health = Health {
        waiting: Box::new(Vec::new),
        degraded: Box::new(Vec::new),
        registry: Arc::new(Default::default()),
    };
    let mut taken = site.first_segments(health_router(Arc::new(health)));
    for known in
        ["", "api", "assets", "badge", "compare", "hit", "login", "logout", "metrics", "repo", "stats"]
    {
        assert!(taken.contains(known), "{known} of {taken:?}");
    }
    // Its own, and the front page, which is not a segment.
    taken.retain(|segment| !["", "stats"].contains(&segment.as_str()));
    for segment in taken {
        let prefix = StatsPrefix::parse(&format!("/{segment}"));
        assert!(prefix.is_err(), "/{segment} is taken");
    }
}

#[tokio::test]
async fn a_picture_in_a_page_has_the_colours_of_the_page() {
    let site = Site::new(Visibility::Public).await;
    let base = "https://hits.example.org";
    let html = async |query: &str| {
        let (_, _, page) = site.get(&format!("/repo/you/repo?{query}"), None).await;
        let text = page.split_once("<textarea id=\"html\"").unwrap().1.split_once('>').unwrap().1;
        let text = text.split_once("</textarea>").unwrap().0.replace("&#x2f;", "/").replace("&quot;", "\"");
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    };
    let dark = "(prefers-color-scheme: dark)";
    let phone = "(max-width: 600px)";
    assert_eq!(
        html("style=chart&words=zh&period=7d").await,
        format!(
            "<a href=\"{base}/repo/you/repo\"><picture>\
             <source media=\"{phone} and {dark}\" srcset=\"{base}/graph/you/repo.svg?period=7d&amp;lang=zh&amp;width=400&amp;theme=dark\">\
             <source media=\"{phone}\" srcset=\"{base}/graph/you/repo.svg?period=7d&amp;lang=zh&amp;width=400&amp;theme=light\">\
             <source media=\"{dark}\" srcset=\"{base}/graph/you/repo.svg?period=7d&amp;lang=zh&amp;theme=dark\">\
             <img src=\"{base}/graph/you/repo.svg?period=7d&amp;lang=zh&amp;theme=light\" alt=\"hits over time\"></picture></a>"
        )
    );
    // One theme for every page, and still narrow on a phone.
    let chosen = html("style=chart&theme=dark").await;
    assert!(!chosen.contains(dark) && chosen.contains(&format!("media=\"{phone}\"")), "{chosen}");
    let panel = html("style=panel.like&words=en").await;
    assert!(
        panel.starts_with(&format!("<a href=\"{base}/v1/like/you/repo/add?lang=en\"><picture>")),
        "{panel}"
    );
    assert!(panel.contains(dark) && !panel.contains(phone), "{panel}");
    let png = html("style=chart&file=png").await;
    assert!(png.contains("/graph/you/repo.png?period=30d&amp;scale=2&amp;theme=dark"), "{png}");
    assert!(png.contains("width=\"720\"") && !png.contains(phone), "{png}");
    assert!(html("style=flat").await.contains("style=flat\" alt=\"hits\"></a>"));
}
