//! Reads the number that a badge shows from its SVG, for badges of Tallymark and of other counters.
//! `tallymark import badge` calls it for users who move from another counter.
//!
//! The number is in the text for screen readers, or else in the last text that is drawn. A shortened one (12k) is
//! refused, because the exact number is not known.

use roxmltree::{Document, Node};

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

/// Texts that pictures show in place of a number. One with a code in it would be mistaken for a count.
const MISTAKES: [&str; 14] = [
    "error",
    "not found",
    "invalid",
    "unavailable",
    "unknown",
    "limit",
    "gateway",
    "timeout",
    "timed out",
    "inaccessible",
    "forbidden",
    "failed",
    "denied",
    "unreachable",
];
/// How labels of this program say that a number is of a part of all time, or of something else than hits.
const PARTS: [&str; 8] = [
    " today",
    " in 24h",
    " in 7d",
    " in 30d",
    " in the last ",
    " this month",
    " this year",
    "visitors today",
];
/// How the style sheets of this program's other pictures name their classes.
const PICTURES: [(&str, &str); 3] = [("tm-", "a chart"), ("tp-", "a panel"), ("tc-", "a card")];

/// The number on a badge; of two, like `12 / 3,456`, the larger.
///
/// # Errors
///
/// See [`NotRead`].
pub fn number_on_svg(svg: &str) -> Result<u64, NotRead> {
    if svg.len() > LARGEST_SVG {
        return Err(NotRead::NotSvg);
    }
    let document =
        Document::parse(svg.trim_start_matches('\u{feff}').trim_start()).map_err(|_| NotRead::NotSvg)?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" {
        return Err(NotRead::NotSvg);
    }
    let named = |node: &Node<'_, '_>, name: &str| node.is_element() && node.tag_name().name() == name;
    let title = root.children().find(|node| named(node, "title")).and_then(|title| title.text());
    // Newest text last, as it is drawn; shadows repeat it.
    let mut drawn: Vec<&str> =
        document.descendants().filter(|node| named(node, "text")).filter_map(|node| node.text()).collect();
    drawn.reverse();
    let all = || root.attribute("aria-label").into_iter().chain(title).chain(drawn.iter().copied());
    for text in all() {
        if MISTAKES.iter().any(|word| text.to_lowercase().contains(word)) {
            return Err(NotRead::Mistake(short(text)));
        }
    }
    let classes = document.descendants().filter_map(|node| node.attribute("class"));
    let picture = |class: &str| PICTURES.iter().find(|(begins, _)| class.starts_with(begins));
    if let Some((_, what)) = classes.filter_map(picture).next() {
        return Err(NotRead::Picture(what));
    }
    all().try_for_each(is_total)?;
    let mut why = NotRead::NoNumber;
    for text in root.attribute("aria-label").into_iter().chain(title).chain(drawn) {
        match number_in(text) {
            Ok(number) => return Ok(number),
            Err(shortened @ NotRead::Shortened(_)) => why = shortened,
            Err(_) => {}
        }
    }
    Err(why)
}

/// The label of a badge, if it has one.
#[must_use]
pub fn label_on_svg(svg: &str) -> Option<String> {
    let document = Document::parse(svg.trim_start_matches('\u{feff}').trim_start()).ok()?;
    let said = document.root_element().attribute("aria-label")?;
    said.rsplit_once(':').map(|(label, _)| label.trim().to_owned())
}

/// Whether nothing in a text of this program says that its number is a part of the total.
///
/// # Errors
///
/// [`NotRead::Part`].
pub fn is_total(text: &str) -> Result<(), NotRead> {
    let lower = text.to_lowercase();
    // A title of two numbers has the total in it.
    let is_part = PARTS.iter().any(|part| lower.contains(part)) && !lower.contains(" in total");
    if is_part { Err(NotRead::Part(short(text))) } else { Ok(()) }
}

fn short(text: &str) -> String {
    text.trim().chars().take(60).collect()
}

/// The number in a text like `hits: 1,234`, `12 / 3,456` or `1 234`: the larger of two, with any mark between its groups.
///
/// # Errors
///
/// See [`NotRead`].
pub fn number_in(text: &str) -> Result<u64, NotRead> {
    let text = text.rsplit_once(':').map_or(text, |(_, value)| value);
    if let Some((one, other)) = text.rsplit_once('/') {
        // A part is never more than the total.
        return match (number_in(one), number_in(other)) {
            (Ok(one), Ok(other)) => Ok(one.max(other)),
            (_, other) => other,
        };
    }
    let text = text.trim();
    let start = text.find(|c: char| c.is_ascii_digit()).ok_or(NotRead::NoNumber)?;
    let end = text.rfind(|c: char| c.is_ascii_digit()).unwrap_or(start) + 1;
    let (number, rest) = (&text[start..end], text[end..].trim_start());
    let unit = rest.chars().next().filter(|c| c.is_alphabetic());
    if unit.is_some_and(|c| "kmgtbKMGTB".contains(c)) && !rest.chars().nth(1).is_some_and(char::is_alphabetic)
    {
        return Err(NotRead::Shortened(text.chars().take(20).collect()));
    }
    if text[..start].ends_with('-') {
        return Err(NotRead::NoNumber);
    }
    let groups: Vec<&str> = number.split(is_mark).collect();
    let is_grouped = groups.iter().skip(1).all(|group| matches!(group.len(), 2 | 3))
        && groups.last().is_none_or(|last| groups.len() == 1 || last.len() == 3)
        && groups.first().is_some_and(|first| groups.len() == 1 || (1..=3).contains(&first.len()));
    let digits: String = groups.concat();
    if !is_grouped || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotRead::NoNumber);
    }
    digits.parse().ok().filter(|&number| number <= i64::MAX as u64).ok_or(NotRead::NoNumber)
}

fn is_mark(c: char) -> bool {
    matches!(c, ',' | '.' | '\'' | '’' | '_' | ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Badge, Format, Locale, render};

    #[test]
    fn texts_of_badges_are_read() {
        for (text, number) in [
            ("hits: 1,234", 1234),
            ("1234", 1234),
            ("0001234", 1234),
            ("12 / 3,456", 3456),
            (" 5 / 10 ", 10),
            ("1,234,570 / 3", 1_234_570),
            ("1.234.567", 1_234_567),
            ("1\u{202f}234", 1234),
            ("12,34,567", 1_234_567),
            ("Visitors 77", 77),
            ("0", 0),
        ] {
            assert_eq!(number_in(text), Ok(number), "{text}");
        }
        for text in [
            "",
            "hits",
            "-5",
            "1.5",
            "1,2345",
            "12:34:5x6",
            "99999999999999999999",
            "1,23",
            "hits: 2 today, 1,004 in total",
        ] {
            assert_eq!(number_in(text), Err(NotRead::NoNumber), "{text}");
        }
        for text in ["hits: 12k", "1.2M", "3 K"] {
            assert!(matches!(number_in(text), Err(NotRead::Shortened(_))), "{text}");
        }
    }

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
        let bomb = "<!DOCTYPE svg [<!ENTITY a \"1\">]><svg>&a;</svg>";
        assert_eq!(number_on_svg(bomb), Err(NotRead::NotSvg));
    }
}
