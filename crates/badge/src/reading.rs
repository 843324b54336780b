//! Reads the number that a badge shows from its SVG, for badges of Tallymark and of other counters.
//! `tallymark import badge` calls it for users who move from another counter.
//!
//! The number is in the text for screen readers, or else in the one drawn text that is a number. A shortened one (12k) is
//! refused, because the exact number is not known, and so is whatever leaves a choice.

mod text;

use roxmltree::{Document, Node, ParsingOptions};
pub use text::{is_no_mistake, is_total, number_in};

/// Larger than any badge.
pub const LARGEST_SVG: usize = 256 * 1024;

/// Why a number cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// The text is no SVG.
    #[error("it is neither an SVG nor JSON: give the picture of the badge, or the number itself")]
    NotSvg,
    /// Nothing in it is a number.
    #[error("there is no number in it")]
    NoNumber,
    /// None is more likely than the other.
    #[error("it shows several numbers ({0}, {1}), and it is not clear which one is the count")]
    Several(u64, u64),
    /// It says that something is wrong.
    #[error("it says {0:?}, which is an error message, not a count")]
    Mistake(String),
    /// It is a part.
    #[error("it says {0:?}, which is not a total: use the address of the badge with the total")]
    Part(String),
    /// It is another picture of this program.
    #[error("it is {0}, whose numbers are no total: ask for the badge of the total (/badge/NAME.svg)")]
    Picture(&'static str),
    /// It is not exact.
    #[error(
        "it shows {0}, which is shortened: use an address that shows the whole number (format=plain, \
         abbreviated=false)"
    )]
    Shortened(String),
}

/// How the style sheets of this program's other pictures name their classes.
const PICTURES: [(&str, &str); 3] = [("tm-", "a chart"), ("tp-", "a panel"), ("tc-", "a card")];

/// The number on a badge; of two, like `12 / 3,456`, the larger.
///
/// # Errors
///
/// See [`NotRead`].
pub fn number_on_svg(svg: &str) -> Result<u64, NotRead> {
    let document = parse(svg)?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" {
        return Err(NotRead::NotSvg);
    }
    let title = root.children().find(|node| named(node, "title")).and_then(|title| title.text());
    let spoken: Vec<&str> = root.attribute("aria-label").into_iter().chain(title).collect();
    let drawn = drawn(root);
    let all = || spoken.iter().copied().chain(drawn.iter().map(|drawn| &*drawn.text));
    all().try_for_each(is_no_mistake)?;
    let classes = document.descendants().filter_map(|node| node.attribute("class"));
    let picture = |class: &str| PICTURES.iter().find(|(begins, _)| class.starts_with(begins));
    if let Some((_, what)) = classes.filter_map(picture).next() {
        return Err(NotRead::Picture(what));
    }
    all().try_for_each(is_total)?;
    let numbers: Vec<DrawnNumber<'_>> = drawn.iter().filter_map(DrawnNumber::of).collect();
    if let Some(said) = spoken.iter().find_map(|text| number_in(text).ok()) {
        return match numbers.first() {
            Some(other) if numbers.iter().all(|shown| shown.number != said) => {
                Err(NotRead::Several(said, other.number))
            }
            _ => Ok(said),
        };
    }
    // `404: slow` has its number in the label.
    let is_label = |shown: u64| spoken.iter().any(|text| labelled(text) == Some(shown));
    if let Some(shown) = only(&numbers)?.filter(|shown| !is_label(*shown)) {
        return Ok(shown);
    }
    let shortened = |text| number_in(text).err().filter(|why| matches!(why, NotRead::Shortened(_)));
    Err(all().find_map(shortened).unwrap_or(NotRead::NoNumber))
}

/// A type declaration without entities is harmless.
fn parse(svg: &str) -> Result<Document<'_>, NotRead> {
    if svg.len() > LARGEST_SVG {
        return Err(NotRead::NotSvg);
    }
    let options = ParsingOptions { allow_dtd: !svg.contains("<!ENTITY"), ..ParsingOptions::default() };
    let text = svg.trim_start_matches('\u{feff}').trim_start();
    Document::parse_with_options(text, options).map_err(|_| NotRead::NotSvg)
}

fn named(node: &Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

/// A text that is drawn, and where it is, as far as it says that itself.
struct DrawnText<'a> {
    text: String,
    x: Option<&'a str>,
}

/// A part of a text with a place of its own is a text of its own.
fn drawn<'a>(root: Node<'a, '_>) -> Vec<DrawnText<'a>> {
    let at = |node: Node<'a, '_>| DrawnText { text: String::new(), x: node.attribute("x") };
    let mut texts = Vec::new();
    for text in root.descendants().filter(|node| named(node, "text")) {
        texts.push(at(text));
        for node in text.descendants().skip(1) {
            if named(&node, "tspan") && ["x", "y", "dy"].iter().any(|place| node.has_attribute(*place)) {
                texts.push(at(node));
            } else if node.is_text()
                && let Some(drawn) = texts.last_mut()
            {
                drawn.text.push_str(node.text().unwrap_or_default());
            }
        }
    }
    texts.retain(|drawn| !drawn.text.trim().is_empty());
    texts
}

struct DrawnNumber<'a> {
    number: u64,
    /// Digits can be texts of their own.
    is_digit: bool,
    x: Option<&'a str>,
}

impl<'a> DrawnNumber<'a> {
    fn of(drawn: &DrawnText<'a>) -> Option<DrawnNumber<'a>> {
        let number = number_in(&drawn.text).ok()?;
        Some(DrawnNumber { number, is_digit: drawn.text.trim().len() == 1, x: drawn.x })
    }
}

/// The one number that is drawn: twice at most, because a shadow repeats it.
fn only(numbers: &[DrawnNumber<'_>]) -> Result<Option<u64>, NotRead> {
    let Some(first) = numbers.first() else { return Ok(None) };
    let other = numbers.iter().find(|other| other.number != first.number);
    let is_repeated = match numbers {
        [_] => true,
        [one, two] => !one.is_digit || (one.x.is_some() && one.x == two.x),
        _ => false,
    };
    if other.is_some() || !is_repeated {
        let other = other.unwrap_or(first);
        return Err(NotRead::Several(first.number, other.number));
    }
    Ok(Some(first.number))
}

/// The number in the label of a spoken text.
fn labelled(text: &str) -> Option<u64> {
    let (label, _) = text.rsplit_once(':')?;
    number_in(label).ok()
}

/// The label of a badge, if it has one.
#[must_use]
pub fn label_on_svg(svg: &str) -> Option<String> {
    let document = parse(svg).ok()?;
    let said = document.root_element().attribute("aria-label")?;
    said.rsplit_once(':').map(|(label, _)| label.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Badge, Format, Locale, render};

    #[test]
    fn what_is_drawn_is_read_back() {
        for number in [0, 7, 999, 1000, 1_234_567, i64::MAX] {
            for format in [Format::Comma, Format::Plain, Format::Padded] {
                for tag in ["en", "de", "fr", "hi", "ru", "es", "de-CH"] {
                    let value = Locale::parse(tag).unwrap().write(format, number);
                    let svg = render(&Badge::new("hits", &value));
                    assert_eq!(number_on_svg(&svg), Ok(number as u64), "{value}");
                }
            }
        }
        let both = Badge { title: Some("hits: 2 today, 1,004 in total"), ..Badge::new("hits", "2 / 1,004") };
        assert_eq!(number_on_svg(&render(&both)), Ok(1004));
    }

    #[test]
    fn mistakes_and_parts_are_no_totals() {
        for (label, value) in [
            ("404", "badge not found"),
            ("hits", "502 bad gateway"),
            ("error", "404"),
            ("hits", "rate limited: 60"),
        ] {
            let svg = render(&Badge::new(label, value));
            assert!(matches!(number_on_svg(&svg), Err(NotRead::Mistake(_))), "{label} {value}");
        }
        for label in ["hits today", "hits in 7d", "visitors today", "orders this year"] {
            let svg = render(&Badge::new(label, "3"));
            assert!(matches!(number_on_svg(&svg), Err(NotRead::Part(_))), "{label}");
        }
        let both = Badge { title: Some("hits: 1,004 in total, 2 today"), ..Badge::new("hits", "1,004 / 2") };
        assert_eq!(number_on_svg(&render(&both)), Ok(1004));
        let title = "hits: 2 in the last 7 days, 9 in the last 30 days";
        let parts = render(&Badge { title: Some(title), ..Badge::new("hits", "2 / 9") });
        assert_eq!(number_on_svg(&parts), Err(NotRead::Part(title.to_owned())));
        assert_eq!(label_on_svg(&render(&Badge::new("visits", "9"))).as_deref(), Some("visits"));
    }

    #[test]
    fn pictures_with_several_numbers_are_no_badge() {
        for (what, drawn) in [
            ("a chart", include_str!("../tests/snapshots/charts__days.snap")),
            ("a panel", include_str!("../tests/snapshots/panels__both.snap")),
            ("a card", include_str!("../tests/snapshots/cards__card_stats.snap")),
        ] {
            let picture = &drawn[drawn.find("<svg").unwrap()..];
            assert_eq!(number_on_svg(picture), Err(NotRead::Picture(what)));
        }
    }

    #[test]
    fn badges_of_other_counters_are_read() {
        let dwyl = "<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"86\"><g><text>hits\n </text>\
                    <text>hits</text><text x=\"575\">4321\n   </text><text>4321</text></g></svg>";
        assert_eq!(number_on_svg(dwyl), Ok(4321));
        let moe = "<svg xmlns=\"http://www.w3.org/2000/svg\"><title>Moe Counter!</title></svg>";
        assert_eq!(number_on_svg(moe), Err(NotRead::NoNumber));
        assert_eq!(number_on_svg("<html><title>4</title></html>"), Err(NotRead::NotSvg));
        assert_eq!(number_on_svg("not at all"), Err(NotRead::NotSvg));
        let typed = "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"svg11.dtd\">\
                     <svg><text><tspan>1234</tspan></text></svg>";
        assert_eq!(number_on_svg(typed), Ok(1234));
        let bomb = "<!DOCTYPE svg [<!ENTITY a \"1\">]><svg>&a;</svg>";
        assert_eq!(number_on_svg(bomb), Err(NotRead::NotSvg));
    }

    #[test]
    fn what_leaves_a_choice_is_refused() {
        let text = |texts: &[&str]| {
            let texts: String = texts.iter().map(|text| format!("<text>{text}</text>")).collect();
            number_on_svg(&format!("<svg>{texts}</svg>"))
        };
        assert_eq!(text(&["hits", "77", "powered by v2"]), Ok(77));
        assert_eq!(text(&["hits", "77", "powered by 2"]), Err(NotRead::Several(77, 2)));
        for digits in [&["0", "0", "1", "2", "7"][..], &["1", "1", "1"], &["1", "1"]] {
            assert!(matches!(text(digits), Err(NotRead::Several(..))), "{digits:?}");
        }
        assert_eq!(number_on_svg("<svg><text x=\"5\">7</text><text x=\"5\" y=\"1\">7</text></svg>"), Ok(7));
        assert_eq!(
            number_on_svg("<svg><text><tspan x=\"1\">hits</tspan><tspan x=\"9\">77</tspan></text></svg>"),
            Ok(77)
        );
        let label = "<svg aria-label=\"404: slow\"><text>404</text><text>slow</text></svg>";
        assert_eq!(number_on_svg(label), Err(NotRead::NoNumber));
        let other = "<svg><title>Counter 2</title><text>77</text></svg>";
        assert_eq!(number_on_svg(other), Err(NotRead::Several(2, 77)));
        for (label, value) in
            [("429", "too many requests"), ("503 service down", "1"), ("quota 1000 exceeded", "2")]
        {
            assert!(matches!(text(&[label, value]), Err(NotRead::Mistake(_))), "{label} {value}");
        }
        assert_eq!(text(&["limitless hits", "77"]), Ok(77));
        assert!(matches!(text(&["hits/month", "4"]), Err(NotRead::Part(_))));
    }
}
