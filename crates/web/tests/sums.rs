//! Sums of many names over HTTP.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

mod site;

use site::Site;
use tallymark_web::Visibility;

fn title(svg: &str) -> &str {
    svg.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0
}

#[tokio::test]
async fn names_are_summed_up_by_pattern_and_by_group() {
    let site = Site::with_others().await;
    const GREY: &str = "#939393";
    for (query, expect) in [
        ("of=you/*", "hits: 1,051,334"),
        ("of=y*o&of=you/repo&of=*/repo", "hits: 1,051,334"),
        ("of=you/repo&of=%E6%97%A5*", "hits: 1,051,335"),
        ("of=you/*&event=like", "likes: 3"),
        ("of=you/*&format=short&label=all&base=1000000&locale=de", "all: 2,1M"),
        ("group=site", "hits: 1,051,335"),
    ] {
        let (code, headers, svg) = site.get(&format!("/sum.svg?{query}"), None).await;
        assert_eq!((code.as_u16(), title(&svg)), (200, expect), "{query}");
        assert_eq!(headers["x-tallymark"], "not counted: a sum");
        assert!(!svg.contains(GREY), "{query}: {svg}");
    }
    // A slip of the hand is no 0.
    for query in ["of=nobody/*", "of=nobody", "of=nobody&of=n*y&color=blue", "of=you/*&event=visit"] {
        let (code, headers, svg) = site.get(&format!("/sum.svg?{query}"), None).await;
        assert_eq!(
            (code.as_u16(), headers["x-tallymark"].to_str().unwrap()),
            (200, "not counted: a sum; nothing is counted under these names"),
            "{query}"
        );
        assert!(title(&svg).ends_with(": 0") && svg.contains(GREY), "{query}: {svg}");
    }
    for (query, expect) in [
        ("", "add ?of=OWNER/*"),
        ("of=*", "of: a pattern needs something besides *"),
        ("of=a*b*c*d*e*", "of: a pattern has at most 4 *"),
        ("of=you/repo,blog", "nothing is called you/repo,blog: write of=you/repo&amp;of=blog"),
        ("of=you/*,%20blog", "nothing is called you/*, blog: write of=you/*&amp;of=blog"),
        ("of=~all", "of: no name begins with ~ or is -, so nothing matches"),
        ("of=~*", "of: no name begins with ~"),
        ("of=-", "of: no name begins with ~ or is -"),
        ("of=%FF*", "of: its bytes are not UTF-8"),
        ("of=you/repo&of=%FF", "of: its bytes are not UTF-8"),
        ("of=%E6%97%A5%01", "of: a pattern has no control characters"),
        ("group=none", "there is no such [[group]]"),
        ("of=you/*&show=today", "a sum shows totals only: leave out show"),
        ("of=you/*&period=7d", "a sum shows totals only: leave out period"),
        ("group=site&of=you/*", "a sum is of a group or of names"),
        ("of=you/*&stlye=flat", "stlye: did you mean style?"),
        (
            "of=1&of=2&of=3&of=4&of=5&of=6&of=7&of=8&of=9&of=10&of=11",
            "of is given 11 times, and 10 are the most",
        ),
    ] {
        let (code, _, svg) = site.get(&format!("/sum.svg?{query}"), None).await;
        assert_eq!(code, 400, "{query}");
        assert!(title(&svg).starts_with(&format!("tallymark: {expect}")), "{query}: {svg}");
    }
}

#[tokio::test]
async fn more_than_a_thousand_names_are_not_summed_up() {
    // Nothing is ranked here, so the store is searched.
    let names = (0..1500).map(|at| format!("{}/{at}", if at < 1000 { "most" } else { "more" }));
    let site = Site::crowded(names).await;
    for (query, code, expect) in [
        ("of=most/*", 200, "hits: 1,000"),
        ("of=more/*&of=most/1*", 200, "hits: 611"),
        ("of=mo*", 400, "tallymark: more than 1000 names match mo*"),
        ("of=most/*&of=more/1000", 400, "tallymark: more than 1000 names match more/1000"),
        ("of=*9", 200, "hits: 150"),
    ] {
        // The second answer is from what was remembered.
        for _ in 0..2 {
            let (found, _, svg) = site.get(&format!("/sum.svg?{query}"), None).await;
            assert_eq!((found.as_u16(), title(&svg)), (code, expect), "{query}");
        }
    }
}

#[tokio::test]
async fn who_may_see_no_list_asks_for_no_pattern() {
    let site = Site::new(Visibility::Token).await;
    assert_eq!(site.get("/sum.svg?of=you/*", None).await.0, 401);
    assert_eq!(site.get("/sum.svg?of=you/*", Some("a-token-of-sixteen")).await.0, 200);
    assert_eq!(Site::new(Visibility::Off).await.get("/sum.svg?of=you/*", None).await.0, 404);
}

#[tokio::test]
async fn store_that_does_not_answer_is_said() {
    let site = Site::without_store().await;
    let (code, _, svg) = site.get("/sum.svg?of=you/*", None).await;
    assert!(code == 503 || code == 400, "{code} {svg}");
}
