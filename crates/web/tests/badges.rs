//! Badges over HTTP: which number their parameters show, and how mistakes are answered.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

mod site;

use roxmltree::{Document, Node};
use site::Site;
use tallymark_web::Visibility;

/// A red square as an SVG that also wants to run a script.
const SQUARE: &str = "data:image/svg%2Bxml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAyIDIiPjxzY3JpcHQ%2BYWxlcnQoMSk8L3NjcmlwdD48cGF0aCBmaWxsPSJyZWQiIGQ9Ik0wIDBoMnYySDB6Ii8%2BPC9zdmc%2B";

fn title(svg: &str) -> &str {
    svg.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0
}

#[tokio::test]
async fn each_period_shows_its_number() {
    let site = Site::new(Visibility::Public).await;
    for (query, expect) in [
        ("", "hits: 1,051,334"),
        ("period=total", "hits: 1,051,334"),
        ("show=total&format=short", "hits: 1.1M"),
        ("period=today", "hits today: 1,234"),
        ("show=24h", "hits in 24h: 1,234"),
        ("period=7d&format=padded", "hits in 7d: 0001334"),
        ("show=today,total&base=1000000", "hits: 1,234 today, 2,051,334 in total"),
        ("show=likes", "likes: 3"),
        ("show=hits,likes", "hits / likes: 1,051,334 hits in total, 3 likes in total"),
        ("event=like&period=month", "likes this month: 3"),
        ("locale=de", "hits: 1.051.334"),
        ("locale=fr", "hits: 1 051 334"),
        ("locale=hi", "hits: 10,51,334"),
        ("locale=ru&format=short", "hits: 1,1M"),
        ("locale=es&period=today", "hits today: 1234"),
        ("locale=pt_BR&show=today,total", "hits: 1.234 today, 1.051.334 in total"),
        ("locale=&v=2&cache=x&utm_source=y", "hits: 1,051,334"),
    ] {
        let (code, _, svg) = site.get(&format!("/badge/you/repo.svg?{query}"), None).await;
        assert_eq!((code.as_u16(), title(&svg)), (200, expect), "{query}");
    }
    let shields = site.get("/badge/you/repo.shields.json?show=today,total", None).await.2;
    assert!(shields.contains(r#""label":"hits","message":"1,234 / 1,051,334""#), "{shields}");
}

#[tokio::test]
async fn styles_and_logos_are_drawn() {
    let site = Site::new(Visibility::Public).await;
    for (golden, query) in [
        ("badge_flat_logo", "style=flat&logo=github"),
        ("badge_social", "style=social&logo=github&label=Stars&show=likes"),
        (
            "badge_for_the_badge",
            "style=for-the-badge&show=today,total&color=ff69b4&logo=javascript&labelColor=white",
        ),
        ("badge_own_logo", &format!("logo={SQUARE}&logoSize=auto&label=")),
    ] {
        let (code, _, svg) = site.get(&format!("/badge/you/repo.svg?{query}"), None).await;
        assert_eq!(code, 200, "{query}");
        insta::assert_snapshot!(golden, svg);
    }
}

#[tokio::test]
async fn every_mistake_says_what_to_change() {
    let site = Site::new(Visibility::Public).await;
    for (query, expect) in [
        ("style=flt", "style=flt: did you mean flat?"),
        ("style=Spark", "style=spark: that is a chart: /graph/NAME.svg?style=spark"),
        ("style=chart", "style=chart: that is a chart: /graph/NAME.svg"),
        ("style=round", "style is one of flat, flat-square, plastic, for-the-badge, social"),
        ("show=hit", "show=hit: did you mean hits?"),
        ("period=week", "period=week: did you mean 7d?"),
        ("period=quarter", "period is one of total, today, 24h, 7d, 30d, month, year"),
        ("show=today,7d,30d", "show has at most 2 numbers"),
        ("base=many", "base is a whole number from 0 to 1,000,000,000,000,000"),
        ("format=shrt", "format=shrt: did you mean short?"),
        ("logo=gthub", "logo=gthub: did you mean github?"),
        ("logo=nodejs", "logo=nodejs: did you mean nodedotjs?"),
        ("logo=vscode", "logo=vscode: removed by its owner: use vscodium or a data: URI"),
        ("logo=https://a.b/c.png", "logo=https://a.b/…: addresses are not fetched: use a data: URI"),
        ("color=bleu", "color=bleu: did you mean blue?"),
        ("color=banana-split-with-cream", "color=banana-split…: no such colour; use blue, 07c or #0077cc"),
        ("period=1d", "period=1d: did you mean 24h?"),
        ("period=all", "period=all: did you mean total?"),
        (
            "logo=data:image/png;base64,AAAA",
            "logo: use a data: URI of an SVG, PNG, JPEG, GIF or WebP of at most 32 KiB, in base64",
        ),
        ("logo=github&logoColor=blu", "logoColor=blu: did you mean blue?"),
        ("event=Hit!", "event=Hit!: did you mean hit?"),
        ("event=A+B+C!", "an event is 1 to 32 of a-z"),
        ("event=likes", "event=likes: did you mean like?"),
        ("event=LIKE", "event=LIKE: did you mean like?"),
        ("event=signup", "event=signup was never counted: use hit, like"),
        ("evnt=like", "evnt: did you mean event?"),
        ("cuont=false", "cuont: did you mean count?"),
        ("show=today&show=total", "show is given twice: leave one out"),
        ("event=like&show=visits", "event=like and show=visits disagree"),
        ("padding=3", "padding is for image digits"),
        ("format=short&number_format=plain", "format and number_format disagree"),
        ("format=short&abbreviated=no", "format and abbreviated disagree"),
        ("stlye=flat", "stlye: did you mean style?"),
        ("lable=views", "lable: did you mean label?"),
        ("digits=nixi", "digits=nixi: did you mean nixie?"),
        ("digits=roman", "digits is one of nixie, odometer"),
        ("digits=nixie&padding=17", "padding is 0 to 16"),
        ("digits=nixie&size=nan", "size is 0.1 to 2"),
        ("digits=nixie&align=middle", "align is one of top, center, bottom"),
        ("digits=nixie&format=short", "image digits show the whole number: leave out format or digits"),
        ("digits=nixie&show=today,total", "image digits show one number, and show has two"),
        ("show=hits,likes&base=5", "base is added to one total, and two are shown: leave one out"),
        ("locale=klingon", "locale: use a language like en, de, fr, es, pt, ru, zh, ja or hi"),
    ] {
        let (code, headers, svg) = site.get(&format!("/badge/you/repo.svg?{query}"), None).await;
        assert_eq!(code, 400, "{query}");
        assert_eq!(headers["x-tallymark"], "ignored: bad request");
        let text = title(&svg).strip_prefix("tallymark: ").unwrap();
        assert!(text.starts_with(expect), "{query}: {text}");
        // Not only the title: the box has all of it.
        assert!(svg.contains(&format!(">{text}</text>")), "{svg}");
    }
    for (path, says) in [
        ("/badge/you/repo.json?period=today", "leave out period"),
        ("/badge/you/repo.json?base=1", "leave out base"),
        ("/badge/you/repo.json?event=visits", "event=visits: did you mean visit?"),
        ("/badge/you/repo.json?fromat=short", "fromat: did you mean format?"),
        ("/badge/you/repo.shields.json?event=likes", "event=likes: did you mean like?"),
        ("/graph/you/repo.svg?show=likes", "a chart has no show: add style=spark"),
        ("/graph/you/repo.svg?event=likes", "event=likes: did you mean like?"),
        ("/graph/you/repo.svg?preiod=7d", "preiod: did you mean period?"),
        ("/graph/you/repo.svg?style=spark&show=likes", "a line is of one event: use event=like"),
        ("/graph/~all.svg?event=likes", "event=likes: did you mean like?"),
        ("/graph.svg?name=you/repo&event=hits", "event=hits: did you mean hit?"),
        ("/sum.svg?of=you/*&event=likes", "event=likes: did you mean like?"),
        ("/graph/you/repo.svg?period=1d", "period=1d: did you mean 24h?"),
        ("/graph/you/repo.svg?theme=drak", "theme=drak: did you mean dark?"),
        ("/graph/you/repo.svg?style=spark&theme=dark", "a sparkline badge has no theme"),
        ("/?event=likes", "event=likes: did you mean like?"),
        ("/name/you/repo?event=likes", "event=likes: did you mean like?"),
        ("/compare?name=a&event=likes", "event=likes: did you mean like?"),
    ] {
        let (code, _, body) = site.get(path, None).await;
        assert_eq!(code, 400, "{path}");
        assert!(body.contains(says), "{path}: {body}");
    }
    let json = site.get("/badge/you/repo.json?format=short", None).await.2;
    assert!(json.contains(r#""formatted":"1.1M""#), "{json}");
    let spark = site.get("/graph/you/repo.svg?style=spark&show=today,total&base=1000000", None).await.2;
    assert!(title(&spark).starts_with("hits: 1,234 today, 2,051,334 in total. "), "{spark}");
}

#[tokio::test]
async fn an_event_is_known_from_its_first_count_on() {
    let site = Site::new(Visibility::Public).await;
    let path = "/badge/you/repo.svg?event=signup";
    assert_eq!(site.get(path, None).await.0, 400);
    site.count("signup", "you/repo", 3).await;
    let (code, _, svg) = site.get(path, None).await;
    assert_eq!((code.as_u16(), title(&svg)), (200, "signup: 3"));
    let (_, _, svg) = site.get("/badge/you/repo.svg?event=signups", None).await;
    assert!(title(&svg).ends_with("event=signups: did you mean signup?"), "{svg}");
}

#[tokio::test]
async fn image_digits_show_the_number_of_the_badge() {
    let site = Site::with_others().await;
    for (address, says, images) in [
        ("/badge/you/repo.svg?digits=odometer", "hits: 1,051,334", 9),
        ("/badge/you/repo.svg?digits=Nixie&period=today&padding=7&label=seen", "seen: 1,234", 9),
        ("/badge/you/repo.svg?digits=nixie&base=1000000&prefix=42", "hits: 2,051,334", 11),
        ("/badge/you/repo.svg?digits=nixie&show=likes", "likes: 3", 3),
        ("/sum.svg?of=you/repo&digits=odometer&base=5", "hits: 1,051,339", 9),
        ("/@you%2Frepo", "hits: 1,051,334", 9),
        ("/get/@you%2Frepo.svg?theme=nixie&padding=9&count=false", "hits: 1,051,334", 11),
        ("/@nobody?theme=moebooru&pixelated=0&darkmode=1", "hits: 0", 9),
        ("/@nobody?num=12345", "12,345", 9),
        ("/@demo", "123,456,789", 12),
    ] {
        let (code, headers, svg) = site.get(address, None).await;
        assert_eq!((code.as_u16(), title(&svg)), (200, says), "{address}");
        // Each but the last is also below the next, where the page would show through.
        assert_eq!(svg.matches("<use ").count(), 2 * images - 1, "{address}");
        assert_eq!(headers["content-type"], "image/svg+xml; charset=utf-8");
    }
    for (address, says) in [
        ("/@", "the address is /@NAME"),
        ("/@a?num=many", "num is a whole number"),
        ("/@a?padding=99", "padding is 0 to 16"),
        ("/@a?scale=3", "scale is 0.1 to 2"),
    ] {
        let (code, _, svg) = site.get(address, None).await;
        assert_eq!(code, 400, "{address}");
        assert!(title(&svg).contains(says), "{address}: {svg}");
    }
}

/// Ways out of a text, an attribute, a style and an address.
const HOSTILE: [&str; 25] = [
    "<script>alert(1)</script>",
    "</text><script>alert(1)</script>",
    "\"/><image href=\"https://example.org/x.png\"/>",
    "' onload='alert(1)",
    "\" onload=\"alert(1)",
    "]]><script>alert(1)</script><![CDATA[",
    "--><script>alert(1)</script><!--",
    "<?xml-stylesheet href=\"https://example.org/x.css\"?>",
    "<!DOCTYPE svg [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>&x;",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "javascript:alert(1)",
    "data:text/html;base64,PHNjcmlwdD4=",
    "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "url(https://example.org/x)",
    "red;background:url(//example.org)",
    "expression(alert(1))",
    "https://example.org/logo.png",
    "//example.org/logo.png",
    "\u{202e}gnp.exe",
    "\u{0}\u{1}\u{b}\u{ffff}",
    "\u{fffd}\u{feff}\u{200b}",
    "../../../etc/passwd",
    "{{7*7}}${7*7}#{7*7}",
];

const PARAMETERS: [&str; 17] = [
    "digits",
    "align",
    "locale",
    "colorA",
    "colorB",
    "stlye",
    "label",
    "color",
    "labelColor",
    "style",
    "logo",
    "logoColor",
    "logoSize",
    "format",
    "show",
    "period",
    "base",
];

/// What is put around each of them: where a text ends, and how it hides what it is.
const WRAPS: [(&str, &str); 20] = [
    ("", ""),
    ("hits", "hits"),
    (" ", "\t\n"),
    ("\"", "\""),
    ("'", "'"),
    ("\">", "<\""),
    ("'>", "<'"),
    ("</title>", "<title>"),
    ("</text></g></svg>", "<svg>"),
    ("<![CDATA[", "]]>"),
    ("<!--", "-->"),
    ("&", ";"),
    ("&amp;", "&lt;"),
    ("%", "%25"),
    ("\\", "\\u003c"),
    ("\u{0}", "\u{0}"),
    ("\u{2028}", "\u{85}"),
    ("\u{feff}", "\u{fffe}"),
    ("\u{202e}", "\u{2066}"),
    ("é\u{301}\u{301}", "🦀\u{200d}"),
];

#[tokio::test]
async fn no_text_gets_out_of_its_place() {
    let site = Site::with_others().await;
    let texts: std::collections::BTreeSet<String> = WRAPS
        .iter()
        .flat_map(|(before, after)| HOSTILE.map(|hostile| format!("{before}{hostile}{after}")))
        .collect();
    assert_eq!(texts.len(), 500);
    for (at, text) in texts.iter().enumerate() {
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let look =
            ["", "&style=social", "&style=for-the-badge&logo=github", "&digits=nixie", "&format=short"]
                [at % 5];
        for path in [
            format!("/badge/you/repo.svg?label={escaped}{look}"),
            format!("/badge/you/repo.svg?style={escaped}"),
            format!("/@x?theme={escaped}&align={escaped}"),
        ] {
            let (code, _, svg) = site.get(&path, None).await;
            assert!([200, 400].contains(&code.as_u16()), "{path}: {code}");
            is_harmless(&svg, &path);
        }
    }
}

#[tokio::test]
async fn no_parameter_puts_anything_into_the_picture() {
    let site = Site::new(Visibility::Public).await;
    let mut tried = 0;
    for parameter in PARAMETERS {
        for hostile in HOSTILE {
            let escaped: String = hostile.bytes().map(|byte| format!("%{byte:02x}")).collect();
            for rest in ["", "&style=for-the-badge&logo=github", "&digits=nixie"] {
                let path = format!("/badge/you/repo.svg?{parameter}={escaped}{rest}");
                let (code, _, svg) = site.get(&path, None).await;
                assert!([200, 400].contains(&code.as_u16()), "{path}: {code}");
                is_harmless(&svg, &path);
                tried += 1;
            }
        }
    }
    assert!(tried >= 500);
}

/// The addresses of other counters, and of sums, with the parameters that each of them has.
const OTHERS: [(&str, &[&str]); 7] = [
    ("/ghpvc/?username=octocat", &["username", "style", "label", "color", "base", "abbreviated"]),
    (
        "/api/count/incr/badge.svg?url=https://you.example/repo",
        &["url", "title", "title_bg", "count_bg", "icon", "icon_color", "edge_flat"],
    ),
    (
        "/you.example/repo.svg?v=1",
        &["view", "style", "label", "color", "labelColor", "logo", "extraCount", "link"],
    ),
    (
        "/badge?page_id=you.repo",
        &["page_id", "left_text", "title", "left_color", "right_color", "format", "radius", "height"],
    ),
    ("/you/repo.svg?v=1", &["style", "color", "show"]),
    ("/@repo?v=1", &["theme", "num", "padding", "scale", "align", "darkmode"]),
    ("/sum.svg?of=you/*", &["of", "group", "label", "logo", "locale", "event", "stlye"]),
];

#[tokio::test]
async fn no_parameter_of_another_counter_puts_anything_into_the_picture() {
    let site = Site::with_others().await;
    let mut tried = 0;
    for (address, parameters) in OTHERS {
        let (path, query) = address.split_once('?').unwrap();
        for parameter in parameters {
            for hostile in HOSTILE {
                let escaped: String = hostile.bytes().map(|byte| format!("%{byte:02x}")).collect();
                let path = format!("{path}?{parameter}={escaped}&{query}");
                let (code, _, svg) = site.get(&path, None).await;
                assert!([200, 400].contains(&code.as_u16()), "{path}: {code}");
                is_harmless(&svg, &path);
                tried += 1;
            }
        }
    }
    assert!(tried >= 700, "{tried}");
}

fn is_harmless(svg: &str, path: &str) {
    let elements = [
        "svg",
        "title",
        "filter",
        "feGaussianBlur",
        "linearGradient",
        "stop",
        "clipPath",
        "rect",
        "path",
        "image",
        "g",
        "text",
        "defs",
        "use",
    ];
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{path}: {error}\n{svg}"));
    for element in document.descendants().filter(Node::is_element) {
        assert!(elements.contains(&element.tag_name().name()), "{path}: {svg}");
        for attribute in element.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "style", "{path}: {svg}");
            let inner = if element.has_tag_name(("http://www.w3.org/2000/svg", "use")) {
                "#d"
            } else {
                "data:image/"
            };
            assert!(name != "href" || value.starts_with(inner), "{path}: {svg}");
            assert!(
                name == "aria-label" || !value.contains("url(") || value.starts_with("url(#"),
                "{path}: {svg}"
            );
        }
    }
}
