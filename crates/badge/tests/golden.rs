//! What badges look like, byte for byte.
//!
//! A change of a picture must be reviewed and accepted (`cargo insta review`); a missing snapshot fails.

use tallymark_badge::{
    Badge, Color, Format,
    digits::{DigitPicture, DigitThemes},
    number, render,
};

#[track_caller]
fn check(name: &str, badge: &Badge<'_>) {
    insta::assert_snapshot!(name, render(badge));
}

#[test]
fn zero_has_a_badge() {
    check("zero", &Badge::hits(&number::group(0)));
}

#[test]
fn one_has_a_badge() {
    check("one", &Badge::hits(&number::group(1)));
}

#[test]
fn thousand_of_ghit_me_is_95_pixels_wide() {
    check("ghit_me", &Badge::new("ghit.me", &number::group(1000)));
}

#[test]
fn million_does_not_overflow() {
    check("million", &Badge::hits(&number::group(1_234_567)));
}

#[test]
fn largest_count_does_not_overflow() {
    check("largest", &Badge::hits(&number::group(i64::MAX)));
}

#[test]
fn short_form_is_short() {
    check("short", &Badge::hits(&Format::Short.apply(999_950)));
}

#[test]
fn long_label_ends_in_an_ellipsis() {
    let label =
        "an-organisation-with-a-long-name/a-repository-whose-name-nobody-would-ever-type-by-hand-twice";
    check("long_label", &Badge::new(label, "1,234"));
}

#[test]
fn empty_label_has_no_box() {
    check("no_label", &Badge::new("", "1,234"));
}

#[test]
fn chinese_label_has_room() {
    check("chinese", &Badge::new("点击次数", "1,234"));
}

#[test]
fn arabic_label_keeps_its_letters_joined() {
    check("arabic", &Badge::new("زيارات", "1,234"));
}

#[test]
fn emoji_has_room() {
    check("emoji", &Badge::new("🎉 hits", "1,234"));
}

#[test]
fn markup_in_a_label_is_text() {
    check("markup", &Badge::new("</text><script>alert('1')</script>", "\"&\"]]>"));
}

#[test]
fn error_is_red_and_says_what_is_wrong() {
    check("error", &Badge::error("name too long"));
}

#[test]
fn title_of_the_caller_replaces_ours() {
    check("title", &Badge { title: Some("owner/repo: 1,234 hits, 5 today"), ..Badge::hits("1,234") });
}

#[test]
fn text_on_bright_boxes_is_dark() {
    let badge =
        Badge { color: Color::parse("gold").unwrap(), label_color: Color::WHITE, ..Badge::hits("1,234") };
    check("bright", &badge);
}

#[test]
fn every_kind_of_colour_is_drawn() {
    let drawn: Vec<String> =
        ["brightgreen", "critical", "lightgrey", "rebeccapurple", "f0a", "#13B28A", "white"]
            .iter()
            .map(|name| {
                let badge = Badge { color: Color::parse(name).unwrap(), ..Badge::hits("1,234") };
                let svg = render(&badge);
                let lines: Vec<&str> = svg.lines().filter(|line| line.contains("fill=\"#")).collect();
                format!("{name}\n{}\n", lines[1..].join("\n"))
            })
            .collect();
    insta::assert_snapshot!("colours", drawn.concat());
}

/// The picture in the README is a real one.
#[test]
fn example_is_what_the_renderer_draws() {
    let drawn = render(&Badge::hits("1,234,567"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/badge.svg");
    if std::env::var_os("TALLYMARK_WRITE_EXAMPLE").is_some() {
        std::fs::write(path, &drawn).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == drawn,
        "examples/badge.svg is not what the renderer draws. To write it anew:\n  \
         TALLYMARK_WRITE_EXAMPLE=1 cargo test -p tallymark-badge --test golden"
    );
}

#[test]
fn image_digits_stand_in_a_row() {
    let themes = DigitThemes::default();
    for name in ["odometer", "nixie"] {
        let theme = themes.find(name).unwrap();
        let picture = DigitPicture { padding: 3, ..DigitPicture::new(&theme, 7, "hits: 7") };
        insta::assert_snapshot!(format!("digits_{name}"), picture.render());
    }
}
