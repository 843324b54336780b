use super::*;
use roxmltree::Document;

fn languages() -> Vec<(String, u64)> {
    [
        ("Rust", 12),
        ("Go", 7),
        ("C++", 7),
        ("Vim Script and <friends>", 3),
        ("易语言易语言易语言易语言易语言", 2),
        ("Shell", 1),
        ("R", 1),
    ]
    .map(|(name, count)| (name.to_owned(), count))
    .to_vec()
}

fn banner<'a>(languages: &'a [(String, u64)]) -> Banner<'a> {
    Banner {
        login: "octo-cat",
        is_organization: false,
        originals: 33,
        forked: 4,
        stars: 12_345,
        forks: 678,
        followers: 90,
        languages,
        at: Minute(29_700_321),
        is_old: false,
    }
}

/// Well-formed, with nothing that loads, runs or leaves the picture.
#[track_caller]
fn checked(svg: &str) -> Document<'_> {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        assert!(
            !["script", "image", "use", "a", "foreignObject", "animate"].contains(&node.tag_name().name())
        );
        for attribute in node.attributes() {
            assert!(
                !attribute.name().starts_with("on") && !attribute.name().ends_with("href"),
                "{attribute:?}"
            );
        }
    }
    assert!(!svg.replace("http://www.w3.org/2000/svg", "").contains("://"));
    document
}

/// Every text lies within the picture, if a letter is as wide as a typewriter's.
#[track_caller]
fn all_fits(svg: &str) {
    let document = checked(svg);
    for text in
        document.descendants().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")))
    {
        let number = |name: &str| text.attribute(name).map_or(0.0, |value| value.parse::<f64>().unwrap());
        let letters: f64 = text
            .text()
            .unwrap()
            .chars()
            .map(|c| if c.is_ascii() || "·…".contains(c) { 1.0 } else { 1.67 })
            .sum();
        let wide = letters * (number("font-size") * 0.6 + number("letter-spacing"));
        let (from, to) = match text.attribute("text-anchor") {
            Some("end") => (number("x") - wide, number("x")),
            Some("middle") => (number("x") - wide / 2.0, number("x") + wide / 2.0),
            _ => (number("x"), number("x") + wide),
        };
        assert!(from >= 16.0 && to <= 446.0, "{from} to {to}: {:?}", text.text());
    }
}

#[test]
fn a_banner_says_what_is_known() {
    let languages = languages();
    for theme in BannerType::EVERY {
        let svg = banner(&languages).render(theme);
        let document = checked(&svg);
        let root = document.root_element();
        assert_eq!((root.attribute("width"), root.attribute("height")), (Some("460"), Some("215")));
        let title = document.descendants().find(|node| node.tag_name().name() == "title").unwrap();
        assert_eq!(
            title.text(),
            Some(
                "octo-cat on GitHub: 37 repositories (33 original, 4 forked), 12,345 stars, 678 forks, 90 followers; \
                  as of 21 Jun 2026 · 05:21 UTC"
            )
        );
        for part in [
            ">37<",
            ">12,345<",
            ">678<",
            "ORIGINAL 33 / FORKED 4 / FOLLOWERS 90",
            "Rust 36.4%",
            "C++ 21.2%",
            "Other 6.1%",
        ] {
            assert!(svg.contains(part), "{part} is missing in {svg}");
        }
        assert!(svg.contains("prefers-reduced-motion:no-preference"));
        assert_eq!(svg, banner(&languages).render(theme), "the same input is the same picture");
        all_fits(&svg);
    }
    let old = Banner { is_old: true, ..banner(&languages) }.render(BannerType::Dark);
    assert!(old.contains("LAST KNOWN") && old.contains("last known on") && !old.contains("ONLINE"));
}

#[test]
fn whatever_is_drawn_fits_and_is_harmless() {
    let none: &[(String, u64)] = &[];
    let weird: Vec<(String, u64)> =
        (0..40).map(|n| (format!("<script>alert({n})</script>&\"'"), 40 - n)).collect();
    let long = "W".repeat(39);
    for theme in BannerType::EVERY {
        for banner in [
            Banner { login: &long, ..banner(none) },
            Banner { login: "a", originals: 0, forked: 0, ..banner(none) },
            Banner { is_organization: true, is_old: true, ..banner(&weird) },
            Banner {
                stars: 9_999_999_999,
                forks: u64::MAX,
                originals: u64::MAX,
                followers: 9_999_999_999,
                ..banner(none)
            },
            Banner { login: "</title><script>", ..banner(&weird) },
        ] {
            all_fits(&banner.render(theme));
        }
        all_fits(&coming(&long, theme));
        checked(&coming("<b>\0", theme));
    }
    checked(&not_created());
    let empty = Banner { originals: 0, forked: 0, ..banner(none) }.render(BannerType::Default);
    assert!(empty.contains("NO PUBLIC REPOSITORIES"));
    assert!(banner(none).render(BannerType::Default).contains("NO LANGUAGE IS KNOWN"));
}

/// WCAG's contrast of two colours.
fn contrast(one: &str, other: &str) -> f64 {
    let light = |color: &str| {
        let channel = |at: usize| {
            let c = f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
            if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    };
    let (a, b) = (light(one), light(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn every_text_can_be_read() {
    for palette in [&DARK, &LIGHT] {
        for color in palette.accents.iter().chain([&palette.text, &palette.muted]) {
            for background in palette.background {
                let contrast = contrast(color, background);
                assert!(contrast >= 4.5, "{color} on {background}: {contrast}");
            }
        }
    }
}
