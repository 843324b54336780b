//! What panels look like, byte for byte; that no text makes anything else of them; and that nothing covers anything.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

use proptest::prelude::*;
use roxmltree::{Document, Node};
use tallymark_badge::panel::{
    Arrangement, Avatar, Lang, Locality, MOST_TRACES, Options, Panel, Picture, Tallied, Theme, Trace,
};
use tallymark_badge::text;
use tallymark_core::{ClientClass, Minute, Name, NameRef};

/// 2026-11-20T12:00Z.
const NOW: Minute = Minute(29_919_600);

/// One red pixel.
const AVATAR: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

const WIDE: Options = Options { theme: Theme::Auto, lang: Lang::Both, arrangement: Arrangement::Wide };
const STACKED: Options = Options { arrangement: Arrangement::Stacked, ..WIDE };

/// Age in minutes, city, country, client: newest first.
const LATEST: [(i32, &str, &str, ClientClass); MOST_TRACES] = [
    (0, "Berlin", "DE", ClientClass::Browser),
    (1, "", "", ClientClass::GithubCamo),
    (5, "San Francisco", "US", ClientClass::Browser),
    (59, "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogoch", "GB", ClientClass::Browser),
    (60, "上海", "CN", ClientClass::Browser),
    (300, "localhost", "LOCAL", ClientClass::Program),
    (1439, "圣地亚哥德孔波斯特拉大都会区第十七街道办事处", "ES", ClientClass::Browser),
    (1440, "", "JP", ClientClass::Browser),
    (9000, "", "", ClientClass::Bot),
    (20_000, "Krung Thep Maha Nakhon", "TH", ClientClass::Unknown),
];

fn traces(total: i64, shown: usize) -> Vec<Trace<'static>> {
    let trace =
        |(i, (age, city, country, class)): (usize, (i32, &'static str, &'static str, ClientClass))| Trace {
            number: Some(total - i as i64),
            minute: Minute(NOW.0 - age),
            class,
            locality: Locality { city, country },
        };
    LATEST.into_iter().take(shown).enumerate().map(trace).collect()
}

/// A panel with N visits and likes, and M traces of each.
fn with<T>(
    visits: (i64, usize),
    likes: (i64, usize),
    options: Options,
    show: impl FnOnce(Panel<'_>) -> T,
) -> T {
    let [visit_traces, like_traces] = [visits, likes].map(|(total, shown)| traces(total, shown));
    show(Panel {
        name: NameRef::new(b"octo-cat/hello").unwrap(),
        avatar: None,
        visits: Tallied { total: visits.0, traces: &visit_traces },
        likes: Tallied { total: likes.0, traces: &like_traces },
        now: NOW,
        options,
        is_away: false,
    })
}

#[track_caller]
fn check(golden: &str, panel: &Panel<'_>, picture: Picture) {
    let svg = well_made(panel, picture);
    insta::assert_snapshot!(golden, svg);
}

#[test]
fn five_traces_are_the_usual_picture() {
    with((12_345, 5), (678, 3), WIDE, |panel| check("both", &panel, Picture::Both));
    let avatar = Some(Avatar::new(AVATAR).unwrap());
    with((12_345, 5), (678, 3), WIDE, |panel| check("avatar", &Panel { avatar, ..panel }, Picture::Both));
}

#[test]
fn no_trace_is_said_in_words() {
    with((0, 0), (0, 0), WIDE, |panel| {
        check("both_empty", &panel, Picture::Both);
        check("visits_empty", &panel, Picture::Visits);
    });
}

#[test]
fn ten_traces_are_the_highest_picture() {
    with((1_234_567, 10), (98_765, 10), WIDE, |panel| check("both_ten", &panel, Picture::Both));
}

#[test]
fn one_is_singular() {
    let english = Options { lang: Lang::En, theme: Theme::Light, ..WIDE };
    with((1, 1), (1, 1), english, |panel| {
        check("visits_english", &panel, Picture::Visits);
        check("likes_english", &panel, Picture::Likes);
    });
}

#[test]
fn bars_are_drawn_alone() {
    with((0, 0), (678, 0), WIDE, |panel| {
        check("button", &panel, Picture::Button);
        check("promo", &panel, Picture::Promo);
    });
    with((0, 0), (678, 0), STACKED, |panel| {
        check("button_stacked", &panel, Picture::Button);
        check("promo_stacked", &panel, Picture::Promo);
    });
}

#[test]
fn phone_has_one_card_below_the_other() {
    let dark = Options { theme: Theme::Dark, lang: Lang::Zh, ..STACKED };
    with((12_345, 5), (678, 3), dark, |panel| check("both_stacked", &panel, Picture::Both));
}

#[test]
fn largest_counts_have_room() {
    let most = i64::MAX;
    with((most, 10), (most, 10), WIDE, |panel| check("both_largest", &panel, Picture::Both));
}

#[test]
fn sizes_are_those_of_snow_trace() {
    for n in 0..=MOST_TRACES {
        let high = 24 * n as u32;
        with((10, n), (10, n), WIDE, |panel| {
            assert_eq!(panel.size(Picture::Visits), (380, 120 + high));
            assert_eq!(panel.size(Picture::Likes), (380, 120 + high));
            assert_eq!(panel.size(Picture::Both), (780, 200 + high.max(120)));
            assert_eq!([Picture::Button, Picture::Promo].map(|bar| panel.size(bar)), [(780, 60); 2]);
        });
        with((10, n), (10, 0), STACKED, |panel| {
            assert_eq!(panel.size(Picture::Both), (380, 120 + high + 10 + 120 + 10 + 70));
            assert_eq!([Picture::Button, Picture::Promo].map(|bar| panel.size(bar)), [(380, 60); 2]);
        });
    }
}

#[test]
fn texts_are_those_of_snow_trace() {
    let all =
        with((1234, 5), (56, 5), WIDE, |panel| Picture::EVERY.map(|picture| panel.render(picture)).concat());
    for text in [
        "路过打卡 · Traces",
        "心动点赞 · Heartfelt",
        "1,234 次访问 · 1,234 visits",
        "56 次点赞 · 56 likes",
        "最近记录 · Recent records",
        "给我点赞 · Give a Like",
        "已有 56 人点赞 · 56 likes",
        "点击 · Click →",
        "轻量级访客统计徽章 · Lightweight visitor tracking",
        "查看项目 · View →",
        "Berlin, DE",
    ] {
        assert!(all.contains(&format!(">{text}</text>")), "{text}");
    }
    assert!(all.contains("Powered by Visitor Badge"));
}

#[test]
fn picture_is_due_when_its_first_time_reads_otherwise() {
    let due = |ages: &[i32], picture: Picture| {
        let traces: Vec<_> =
            ages.iter().map(|age| Trace { minute: Minute(NOW.0 - age), ..traces(9, 1)[0] }).collect();
        let visits = Tallied { total: 9, traces: &traces };
        with((0, 0), (0, 0), WIDE, |panel| Panel { visits, ..panel }.due(picture)).map(|due| due.0 - NOW.0)
    };
    assert_eq!(due(&[5, 70, 20_000], Picture::Both), Some(1));
    assert_eq!(due(&[70, 1500, 20_000], Picture::Visits), Some(50));
    assert_eq!(due(&[1500, 20_000], Picture::Visits), Some(1380));
    assert_eq!(due(&[10_080], Picture::Visits), None);
    assert_eq!(due(&[], Picture::Visits), None);
    // What a picture does not show does not make it due.
    assert_eq!(due(&[5], Picture::Likes), None);
    assert_eq!(due(&[5], Picture::Button), None);
    assert_eq!(due(&[[20_000; MOST_TRACES].as_slice(), &[5]].concat(), Picture::Both), None);
}

#[test]
fn picture_that_is_not_due_is_the_same_bytes() {
    with((50, 10), (50, 10), WIDE, |panel| {
        let shown: Vec<_> = panel.visits.traces[4..6].to_vec();
        let panel = Panel { visits: Tallied { total: 50, traces: &shown }, ..panel };
        let due = panel.due(Picture::Visits).unwrap();
        let drawn = |now| Panel { now, ..panel }.render(Picture::Visits);
        assert!(due.0 > NOW.0 + 1);
        assert_eq!(drawn(Minute(due.0 - 1)), drawn(NOW));
        assert_ne!(drawn(due), drawn(NOW));
    });
}

#[test]
fn words_in_an_address_name_the_pictures() {
    for picture in Picture::EVERY {
        assert_eq!(Picture::from_word(picture.word()), Some(picture));
    }
    assert_eq!(Picture::from_word("Badge"), None);
}

/// All that a panel consists of. Anything else got in through a text.
const KNOWN: [(&str, &[&str]); 14] = [
    ("svg", &["width", "height", "viewBox", "class", "lang", "role", "aria-label"]),
    ("title", &[]),
    ("style", &[]),
    ("defs", &[]),
    ("linearGradient", &["id", "x2", "y2"]),
    ("stop", &["offset", "stop-color"]),
    ("clipPath", &["id"]),
    ("image", &["id", "width", "height", "preserveAspectRatio", "clip-path", "href"]),
    ("use", &["href", "x", "y"]),
    ("g", &["class", "aria-hidden", "font-family", "font-size", "text-rendering"]),
    ("rect", &["class", "x", "y", "width", "height", "rx", "fill", "stroke", "stroke-width"]),
    ("path", &["class", "d", "fill", "opacity", "stroke", "stroke-opacity", "stroke-dasharray", "transform"]),
    ("circle", &["class", "cx", "cy", "r", "fill"]),
    ("text", &["class", "x", "y", "font-size", "font-weight", "fill", "text-anchor"]),
];

/// Draws a picture and checks it against the list above; nothing is loaded, and nothing covers anything.
fn well_made(panel: &Panel<'_>, picture: Picture) -> String {
    let svg = panel.render(picture);
    assert!(svg.len() < 64 * 1024 + panel.avatar.map_or(0, |_| AVATAR.len()), "{} bytes", svg.len());
    assert!(svg.ends_with("</svg>\n"));
    let document = Document::parse(&svg).unwrap();
    let (width, height) = panel.size(picture);
    let root = document.root_element();
    assert_eq!(root.attribute("viewBox").unwrap(), format!("0 0 {width} {height}"));
    let title = root.first_element_child().unwrap();
    assert_eq!((title.tag_name().name(), title.text()), ("title", root.attribute("aria-label")));
    let ids: Vec<&str> = document.descendants().filter_map(|node| node.attribute("id")).collect();
    for element in document.descendants().filter(Node::is_element) {
        let tag = element.tag_name();
        assert_eq!(tag.namespace(), Some("http://www.w3.org/2000/svg"));
        let (_, attributes) = KNOWN.iter().find(|(known, _)| *known == tag.name()).unwrap();
        for attribute in element.attributes() {
            assert!(attributes.contains(&attribute.name()), "{} {}", tag.name(), attribute.name());
            assert!(attribute.namespace().is_none());
            refers_inside(attribute.name(), attribute.value(), &ids, panel.avatar);
        }
    }
    let sheet = document.descendants().find(|node| node.has_tag_name("style")).unwrap().text().unwrap();
    assert!(!sheet.contains("url") && !sheet.contains("import") && sheet.matches('@').count() <= 1);
    nothing_is_covered(&document, [f64::from(width), f64::from(height)]);
    svg
}

fn refers_inside(name: &str, value: &str, ids: &[&str], avatar: Option<Avatar<'_>>) {
    if name == "href" {
        let inside = value.strip_prefix('#').is_some_and(|id| ids.contains(&id));
        assert!(inside || avatar.is_some() && value == AVATAR, "{value}");
    } else if let Some(id) = value.strip_prefix("url(#").and_then(|id| id.strip_suffix(')')) {
        assert!(ids.contains(&id), "{value}");
    } else if name != "aria-label" {
        assert!(!value.contains("url("), "{value}");
    }
}

/// The room that something takes.
struct Bounds {
    what: String,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl std::fmt::Debug for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Bounds { what, left, right, top, bottom } = self;
        write!(f, "{what:?} from {left:.1} {top:.1} to {right:.1} {bottom:.1}")
    }
}

impl Bounds {
    fn meets(&self, other: &Bounds) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn is_within(&self, other: &Bounds, margin: f64) -> bool {
        self.left >= other.left + margin
            && self.right <= other.right - margin
            && self.top >= other.top
            && self.bottom <= other.bottom
    }
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

/// The measured room of a text. Bold is a fifth wider.
fn text_bounds(node: Node<'_, '_>) -> Bounds {
    let inherited = |name| node.ancestors().find_map(|node| node.attribute(name));
    let size: f64 = inherited("font-size").unwrap().parse().unwrap();
    let bold = if inherited("font-weight").is_some() { 1.2 } else { 1.0 };
    let what = node.text().unwrap_or_default().to_owned();
    let (long, x, y) = (text::width(&what, size) * bold, number(node, "x"), number(node, "y"));
    let left = match inherited("text-anchor") {
        Some("end") => x - long,
        Some("middle") => x - long / 2.0,
        _ => x,
    };
    Bounds { what, left, right: left + long, top: y - 0.8 * size, bottom: y + 0.2 * size }
}

/// Texts stay in their card, with a margin, and neither they nor dots and faces cover each other.
fn nothing_is_covered(document: &Document<'_>, [width, height]: [f64; 2]) {
    let of = |tag: &'static str| {
        let drawn = |node: &Node<'_, '_>| !node.ancestors().any(|node| node.has_tag_name("defs"));
        document.descendants().filter(move |node| node.has_tag_name(tag)).filter(drawn).collect::<Vec<_>>()
    };
    let rect = |node: &Node<'_, '_>| {
        let [left, top] = ["x", "y"].map(|name| number(*node, name));
        let (right, bottom) = (left + number(*node, "width"), top + number(*node, "height"));
        Bounds { what: "card".into(), left, right, top, bottom }
    };
    let circle = |node: &Node<'_, '_>| {
        let [x, y, r] = ["cx", "cy", "r"].map(|name| number(*node, name));
        Bounds { what: "circle".into(), left: x - r, right: x + r, top: y - r, bottom: y + r }
    };
    let face = |node: &Node<'_, '_>| {
        let [left, top] = ["x", "y"].map(|name| number(*node, name));
        Bounds { what: "face".into(), left, right: left + 40.0, top, bottom: top + 40.0 }
    };
    let grounds = of("rect").into_iter().filter(|node| node.attribute("class") == Some("tp-ground"));
    let cards: Vec<Bounds> = grounds.map(|node| rect(&node)).collect();
    for (i, card) in cards.iter().enumerate() {
        assert!(card.left == 1.0 || card.right == width - 1.0, "{card:?}");
        assert!(card.right <= width - 1.0 && card.bottom <= height - 1.0, "{card:?}");
        assert!(cards[..i].iter().all(|other| !card.meets(other)), "{card:?}");
    }
    let texts: Vec<Bounds> = of("text").into_iter().map(text_bounds).collect();
    let mut others: Vec<Bounds> = of("circle").iter().map(circle).collect();
    others.extend(of("use").iter().map(face));
    for (i, text) in texts.iter().enumerate() {
        assert!(cards.iter().any(|card| text.is_within(card, 12.0)), "{text:?} leaves its card");
        for other in &texts[..i] {
            assert!(!text.meets(other), "{text:?} covers {other:?}");
        }
        for other in &others {
            assert!(!text.meets(other) || text.is_within(other, 0.0), "{text:?} covers {other:?}");
        }
    }
}

fn every_option() -> impl Iterator<Item = Options> {
    [Theme::Auto, Theme::Light, Theme::Dark].into_iter().flat_map(|theme| {
        [Lang::Both, Lang::Zh, Lang::En].into_iter().flat_map(move |lang| {
            [Arrangement::Wide, Arrangement::Stacked].map(|arrangement| Options { theme, lang, arrangement })
        })
    })
}

#[test]
fn every_picture_in_every_dress_is_well_made() {
    for options in every_option() {
        for total in [0, 1, 12, 999_999, 123_456_789_012, i64::MAX, i64::MIN, -1] {
            for shown in [0, 1, 5, 10] {
                // The numbers of the oldest traces of small totals are below zero: nonsense, but drawn.
                with(
                    (total.max(i64::MIN + 10), shown),
                    (total.max(i64::MIN + 10), 10 - shown),
                    options,
                    |panel| {
                        Picture::EVERY.into_iter().for_each(|picture| drop(well_made(&panel, picture)));
                    },
                );
            }
        }
    }
}

#[test]
fn traces_whose_numbers_are_not_known_have_none() {
    for options in every_option() {
        let unknown: Vec<_> =
            traces(12, 5).into_iter().map(|trace| Trace { number: None, ..trace }).collect();
        with((12, 5), (3, 3), options, |panel| {
            let visits = Tallied { total: 12, traces: &unknown };
            let svg = well_made(&Panel { visits, ..panel }, Picture::Visits);
            assert!(!svg.contains(">#"), "{svg}");
            assert!(well_made(&panel, Picture::Visits).contains(">#12<"));
        });
    }
}

/// About two hundred bytes of hostile text.
const HOSTILE: [&str; 14] = [
    "</text><script>alert(1)</script>",
    "\"/><image href=\"https://example.org/x.png\"/>",
    "]]><![CDATA[&#x0;&amp;",
    "\u{202e}evil\u{202c}\u{2066}x\u{2069}\u{200f}",
    "\u{200b}\u{200d}\u{feff}\u{ad}",
    "العربية المملكة العربية السعودية",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}",
    "👨\u{200d}👩\u{200d}👧\u{200d}👦🇩🇪👍🏽",
    "用户名很长的组织机构",
    "ﷺ﷽",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
    "\0\u{1}\u{7f}\u{85}\r\n\t",
    "url(#x) url(https://example.org)",
    "\u{fffe}\u{1fffe}\u{10ffff}",
];

#[test]
fn hostile_texts_are_only_texts() {
    for options in every_option() {
        for (i, text) in HOSTILE.into_iter().enumerate() {
            let long = text.repeat(200 / text.len());
            let name = NameRef::new(long.as_bytes()).or_else(|_| NameRef::new(text.as_bytes()));
            let traces: Vec<_> = traces(i64::MAX - i as i64, 10)
                .into_iter()
                .map(|trace| Trace { locality: Locality { city: &long, country: text }, ..trace })
                .collect();
            let tallied = Tallied { total: i64::MAX, traces: &traces };
            with((0, 0), (0, 0), options, |panel| {
                let panel =
                    Panel { name: name.unwrap_or(panel.name), visits: tallied, likes: tallied, ..panel };
                Picture::EVERY.into_iter().for_each(|picture| drop(well_made(&panel, picture)));
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_texts_and_numbers_make_a_panel(
        name in "\\PC{1,66}",
        city in prop_oneof!["\\PC{0,200}", "[\u{300}-\u{36f}\u{200b}-\u{200f}\u{4e00}-\u{4fff}\u{1f300}-\u{1f6ff}<>&\"']{1,60}"],
        country in "\\PC{0,20}",
        numbers in prop::collection::vec((any::<i64>(), any::<i32>()), 0..12),
        total: i64,
        now: i32,
        options in prop::sample::select(every_option().collect::<Vec<_>>()),
    ) {
        let class = ClientClass::Bot;
        let traces: Vec<_> = numbers
            .into_iter()
            .map(|(number, minute)| Trace {
                number: Some(number),
                minute: Minute(minute),
                class,
                locality: Locality { city: &city, country: &country },
            })
            .collect();
        let (visits, likes) = (Tallied { total, traces: &traces }, Tallied { total, traces: &[] });
        if let Ok(name) = NameRef::new(name.as_bytes()) {
            let panel = Panel { name, avatar: None, visits, likes, now: Minute(now), options, is_away: false };
            for picture in Picture::EVERY {
                well_made(&panel, picture);
                assert!(panel.due(picture).is_none_or(|due| due.0 > now));
            }
        }
    }
}

#[test]
fn inlined_panels_do_not_share_what_differs() {
    let other = AVATAR.replace("iVBO", "iVBP");
    let drawn = [None, Some(AVATAR), Some(&other)].map(|uri| {
        let avatar = uri.map(|uri| Avatar::new(uri).unwrap());
        with((1, 1), (1, 1), WIDE, |panel| Panel { avatar, ..panel }.render(Picture::Both))
    });
    let ids = drawn.each_ref().map(|svg| {
        let document = Document::parse(svg).unwrap();
        document.descendants().filter_map(|node| node.attribute("id").map(str::to_owned)).collect::<Vec<_>>()
    });
    assert!(ids[0].iter().all(|id| !ids[1].contains(id) && !ids[2].contains(id)));
    assert!(ids[1].iter().all(|id| !ids[2].contains(id)));
    // The avatar is large, so it is there once.
    assert_eq!(drawn[1].matches("data:").count(), 1);
}

#[test]
fn a_panel_without_numbers_has_its_size_and_says_so() {
    for picture in Picture::EVERY.into_iter().filter(|picture| *picture != Picture::Promo) {
        for arrangement in [Arrangement::Wide, Arrangement::Stacked] {
            for lang in [Lang::Both, Lang::Zh, Lang::En] {
                let options = Options { lang, arrangement, ..WIDE };
                for name in [Name::new("octo-cat/hello").unwrap(), Name::all()] {
                    let away = Panel::away(name.as_ref(), options);
                    let svg = away.render(picture);
                    Document::parse(&svg).unwrap();
                    let size = with((0, 0), (0, 0), options, |panel| panel.size(picture));
                    assert_eq!(away.size(picture), size, "{picture:?}");
                    assert_eq!(svg.contains("暂无数据"), lang != Lang::En, "{svg}");
                    assert_eq!(svg.contains("No numbers now"), lang != Lang::Zh, "{svg}");
                    assert_eq!(svg.contains("octo-cat"), !name.is_aggregate(), "{svg}");
                    assert!(!svg.contains("~all") && !svg.contains(">0 "), "{svg}");
                }
            }
        }
    }
}
