use super::*;
use crate::shields::NotALogo;
use roxmltree::Document;

const SVG: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"20\"><script>alert(1)</script><path d=\"M0 0h9z\"/></svg>";
const GIF: &[u8] = b"GIF89a\x05\0\x08\0\0\0\0;";

fn files(extension: &str, content: &[u8]) -> Vec<(String, Vec<u8>)> {
    (0..10).map(|digit| (format!("{digit}.{extension}"), content.to_vec())).collect()
}

#[test]
fn own_themes_are_themes() {
    let themes = DigitThemes::default();
    assert_eq!(themes.names().collect::<Vec<_>>(), ["nixie", "odometer"]);
    for name in ["nixie", "Odometer", DEFAULT_THEME] {
        let theme = themes.find(name).unwrap();
        assert!(theme.start.is_some() && theme.end.is_some() && theme.is_vector(), "{name}");
    }
}

#[test]
fn themes_of_a_directory_win_and_are_cleaned() {
    let mut themes = DigitThemes::default();
    let mut own = files("svg", SVG);
    own.push(("_end.gif".to_owned(), GIF.to_vec()));
    own.push(("README.md".to_owned(), b"ours".to_vec()));
    themes.add("Nixie", own).unwrap();
    themes.add("pixels", files("GIF", GIF)).unwrap();
    assert_eq!(themes.names().collect::<Vec<_>>(), ["odometer", "nixie", "pixels"]);
    let theme = themes.find("NIXIE").unwrap();
    assert!(theme.start.is_none() && theme.end.is_some());
    assert!(!themes.find("pixels").unwrap().is_vector() && themes.find("other").is_none());
    let svg = DigitPicture::new(&theme, 70_707, "hits: <&\"'").render();
    assert!(!svg.contains("script"));
    let document = Document::parse(&svg).unwrap();
    let root = document.root_element();
    assert_eq!((root.attribute("width"), root.attribute("height")), (Some("55"), Some("20")));
    assert_eq!(root.attribute("aria-label"), Some("hits: <&\"'"));
    // Each image is there once, and every digit is one.
    let count = |tag: &str| document.descendants().filter(|node| node.tag_name().name() == tag).count();
    assert_eq!((count("image"), count("use")), (3, 6));
}

#[test]
fn what_is_no_theme_is_refused() {
    let without = |digit: &str| files("svg", SVG).into_iter().filter(|(file, _)| file != digit).collect();
    let with = |file: &str, content: &[u8]| {
        let mut all: Vec<_> = without(file);
        all.push((file.to_owned(), content.to_vec()));
        all
    };
    let wide =
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1000\" height=\"20\"><path d=\"M0 0h9z\"/></svg>";
    let none = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0h9z\"/></svg>";
    let empty = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><defs/></svg>";
    let text = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><text>5</text></svg>";
    let bomb = b"<!DOCTYPE svg [<!ENTITY a \"aa\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&a;</svg>";
    let tall = b"GIF89a\x05\0\xff\xff\0\0\0;";
    for (files, why) in [
        (Vec::new(), NotATheme::Missing("0")),
        (without("7.svg"), NotATheme::Missing("7")),
        (with("3.png", SVG), NotATheme::Double("3")),
        (with("5.svg", b"<html/>"), NotATheme::Svg("5.svg".to_owned())),
        (with("5.svg", bomb), NotATheme::Svg("5.svg".to_owned())),
        (with("5.svg", b"text"), NotATheme::Image("5.svg".to_owned())),
        (with("5.svg", &[b' '; MOST_IMAGE + 1]), NotATheme::Image("5.svg".to_owned())),
        (with("5.svg", wide), NotATheme::Side("5.svg".to_owned())),
        (with("5.svg", none), NotATheme::Side("5.svg".to_owned())),
        (with("5.svg", empty), NotATheme::Drawn("5.svg".to_owned(), NotALogo::Empty)),
        (with("5.svg", text), NotATheme::Drawn("5.svg".to_owned(), NotALogo::LeftOut("text"))),
        (with("_start.svg", tall), NotATheme::Side("_start.svg".to_owned())),
        (files("svg", &[b' '; MOST_IMAGE]), NotATheme::Image("0.svg".to_owned())),
    ] {
        assert_eq!(DigitThemes::default().add("a", files), Err(why));
    }
    let large: Vec<u8> = [GIF, &[0; MOST_IMAGE - 14]].concat();
    assert_eq!(DigitThemes::default().add("a", files("gif", &large)), Err(NotATheme::Large));
    let mut themes = DigitThemes::default();
    for name in ["", "a b", "../a", &"a".repeat(65)] {
        assert_eq!(themes.add(name, files("svg", SVG)), Err(NotATheme::Name));
    }
    themes.add("a", files("svg", SVG)).unwrap();
    assert_eq!(themes.add("A", files("svg", SVG)), Err(NotATheme::Twice));
}

#[test]
fn numbers_are_filled_up_aligned_sized_and_dimmed() {
    let mut themes = DigitThemes::default();
    let mut mixed = files("svg", SVG);
    mixed[1] = ("1.gif".to_owned(), GIF.to_vec());
    themes.add("mixed", mixed).unwrap();
    let theme = themes.find("mixed").unwrap();
    let plain = DigitPicture::new(&theme, 1, "");
    for (picture, expected) in [
        (DigitPicture { padding: 3, ..plain }, ("25", "20", 3)),
        (DigitPicture { prefix: Some(42), padding: 2, size: 2.0, ..plain }, ("70", "40", 4)),
        (DigitPicture { number: -5, ..plain }, ("10", "20", 1)),
        (DigitPicture { number: i64::MAX, ..plain }, ("190", "20", 19)),
        (DigitPicture { padding: 16, offset: -500.0, ..plain }, ("1", "20", 16)),
    ] {
        let svg = picture.render();
        let root = Document::parse(&svg).unwrap();
        let root = root.root_element();
        let side = |name| root.attribute(name).unwrap();
        assert_eq!((side("width"), side("height"), svg.matches("<use").count()), expected, "{svg}");
    }
    for (align, y) in [(Align::Top, "0"), (Align::Center, "6"), (Align::Bottom, "12")] {
        let svg = DigitPicture { padding: 2, align, ..plain }.render();
        assert!(svg.contains(&format!("x=\"10\" y=\"{y}\"")), "{svg}");
    }
    let svg = DigitPicture { pixelated: true, dimming: Dimming::Auto, ..plain }.render();
    assert!(svg.contains("<style>svg{image-rendering:pixelated}@media(prefers-color-scheme:dark)"), "{svg}");
    assert!(DigitPicture { dimming: Dimming::On, ..plain }.render().contains("<style>svg{filter:"));
    assert!(!plain.render().contains("style"));
}
