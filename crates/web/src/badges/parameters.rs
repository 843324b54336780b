//! Which parameters each picture of a count takes, and which it refuses: misspelt ones, repeated ones, and those that
//! were meant to change the number or a chart and would not. `stlye=flat` is a mistake that the badge explains, and
//! `?v=2`, which makes a new address for a cache, is not. The values are interpreted elsewhere.

use crate::query::{Query, count_wanted, decoded};
use tallymark_core::misspelt;

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// A badge, and what shields.io draws one of.
    Badge,
    /// A badge of many names.
    Sum,
    /// Counts over time, or `style=spark`, a badge with a line.
    Chart,
    /// The counts for programs.
    Json,
}

/// Of a badge's look and number. shields.io's that change nothing here are in it, too.
const OF_BADGES: [&str; 24] = [
    "abbreviated",
    "base",
    "cacheSeconds",
    "color",
    "colorA",
    "colorB",
    "count",
    "digits",
    "event",
    "format",
    "label",
    "labelColor",
    "link",
    "locale",
    "logo",
    "logoColor",
    "logoSize",
    "logoWidth",
    "number_format",
    "period",
    "scale",
    "short_numbers",
    "show",
    "style",
];

/// They have an effect only together with `digits`.
const OF_DIGITS: [&str; 7] = ["align", "darkmode", "offset", "padding", "pixelated", "prefix", "size"];

const OF_SUMS: [&str; 1] = ["group"];

const OF_CHARTS: [&str; 4] = ["lang", "legend", "theme", "width"];

/// They mean something on a chart that is a badge with a line alone.
const OF_SPARKS: [&str; 11] = [
    "abbreviated",
    "base",
    "color",
    "colorB",
    "format",
    "label",
    "labelColor",
    "locale",
    "number_format",
    "short_numbers",
    "show",
];

/// They say what is counted. nginx answers from a file what it does not take for a slip of the hand, so a slip of these
/// begins as its configuration says.
const COUNTED_BY: [&str; 2] = ["count", "event"];
const BEGINNINGS: [&str; 7] = ["cn", "co", "cu", "en", "ev", "oc", "ve"];

/// The first of several is taken, as nginx does, which puts a `count=false` of its own in front.
const FIRST_WINS: &str = "count";

/// Refuses the first parameter that would be ignored although it was meant to change the answer.
pub(crate) fn check(query: Query<'_>, answer: AnswerKind) -> Result<(), String> {
    let known = known(query, answer);
    let mut seen: Vec<&str> = Vec::new();
    for (key, _) in query.raw() {
        if let Some(why) = escaped(key, &known).or_else(|| escaped(key, repeatable(answer))) {
            return Err(why);
        }
        let is_word = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if let Some(meant) = Some(key).filter(|_| is_word).and_then(|key| slip(key, &known)) {
            return Err(format!("{key}: did you mean {meant}?"));
        }
        let Some(&key) = known.iter().find(|known| known.eq_ignore_ascii_case(key)) else { continue };
        if seen.contains(&key) {
            return Err(format!("{key} is given twice: leave one out"));
        }
        if key != FIRST_WINS {
            seen.push(key);
        }
    }
    count_wanted(query)?;
    let misplaced = seen.iter().find_map(|key| Some((key, misplaced(key, query, answer)?)));
    // Forms send their empty fields, too.
    match misplaced.filter(|(key, _)| query.get(key).is_some_and(|value| !value.is_empty())) {
        Some((_, why)) => Err(why),
        None => Ok(()),
    }
}

/// Why a parameter's name means nothing as it is written. nginx, which reads the same address, decodes none, and `&amp;` is for
/// HTML alone.
pub(crate) fn escaped(key: &str, known: &[&str]) -> Option<String> {
    let find = |key: &[u8]| known.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(key));
    if let Some(meant) = key.strip_prefix("amp;").and_then(|key| find(key.as_bytes())) {
        return Some(format!("write &{meant} in place of &amp;{meant}"));
    }
    let decoded = key.contains('%').then(|| decoded(key))?;
    find(&decoded).map(|meant| format!("{key}: write {meant} without escapes"))
}

/// What may be given several times: each is another name.
fn repeatable(answer: AnswerKind) -> &'static [&'static str] {
    match answer {
        AnswerKind::Sum => &["of"],
        AnswerKind::Chart => &["name"],
        AnswerKind::Badge | AnswerKind::Json => &[],
    }
}

fn slip<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let beginning = key.get(..2).unwrap_or_default().to_ascii_lowercase();
    let begins = BEGINNINGS.contains(&beginning.as_str());
    misspelt(key, known).filter(|meant| begins || !COUNTED_BY.contains(meant))
}

fn known(query: Query<'_>, answer: AnswerKind) -> Vec<&'static str> {
    let mut known = OF_BADGES.to_vec();
    known.extend(match answer {
        AnswerKind::Badge | AnswerKind::Json => &[][..],
        AnswerKind::Sum => &OF_SUMS,
        AnswerKind::Chart => &OF_CHARTS,
    });
    // Elsewhere, `site` is no slip of `size`.
    let has_digits = query.get("digits").is_some_and(|theme| !theme.is_empty());
    let written = |key: &&&str| has_digits || query.get(key).is_some();
    known.extend(OF_DIGITS.iter().filter(written));
    known
}

/// Why a parameter changes nothing in this answer.
fn misplaced(key: &str, query: Query<'_>, answer: AnswerKind) -> Option<String> {
    let is_spark = query.text("style").is_some_and(|style| style.eq_ignore_ascii_case("spark"));
    let has_digits = query.get("digits").is_some_and(|theme| !theme.is_empty());
    match (answer, key) {
        (AnswerKind::Sum, "period" | "show") => Some(format!("a sum shows totals only: leave out {key}")),
        (AnswerKind::Json, "period" | "show") => {
            Some(format!("this JSON always has the total and today: leave out {key}"))
        }
        (AnswerKind::Json, "base") => Some("this JSON has only what was counted: leave out base".to_owned()),
        (AnswerKind::Chart, "legend" | "theme" | "width") if is_spark => {
            Some(format!("a sparkline badge has no {key}: leave it out"))
        }
        (AnswerKind::Chart, _) if !is_spark && OF_SPARKS.contains(&key) => {
            Some(format!("a chart has no {key}: add style=spark"))
        }
        (AnswerKind::Chart, "digits" | "logo") => Some(format!("a chart has no {key}: leave it out")),
        (AnswerKind::Chart, _) if OF_DIGITS.contains(&key) => {
            Some(format!("a chart has no {key}: leave it out"))
        }
        (AnswerKind::Badge | AnswerKind::Sum, _) if OF_DIGITS.contains(&key) && !has_digits => {
            Some(format!("{key} is for image digits: add digits=THEME"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_explained_and_other_parameters_are_not() {
        for (key, meant) in [
            ("stlye", "style"),
            ("styl", "style"),
            ("lable", "label"),
            ("colour", "color"),
            ("clor", "color"),
            ("label_color", "labelColor"),
            ("label-color", "labelColor"),
            ("digit", "digits"),
            ("diigts", "digits"),
            ("shwo", "show"),
            ("fromat", "format"),
            ("perod", "period"),
            ("bases", "base"),
            ("local", "locale"),
            ("evnt", "event"),
            ("evnet", "event"),
            ("events", "event"),
            ("cuont", "count"),
            ("cont", "count"),
            ("counts", "count"),
        ] {
            let said = check(Query::in_form(&format!("repo=a&{key}=1")), AnswerKind::Badge).unwrap_err();
            assert_eq!(said, format!("{key}: did you mean {meant}?"));
        }
        for key in [
            "t",
            "v",
            "_",
            "ts",
            "cb",
            "cache",
            "nocache",
            "cachebust",
            "cacheBuster",
            "r",
            "rand",
            "random",
            "time",
            "timestamp",
            "date",
            "hash",
            "ver",
            "version",
            "id",
            "ref",
            "utm_source",
            "type",
            "site",
            "name",
            "repo",
            "STYLE",
            "colorA",
            "refresh",
            "token",
            "page",
            "user",
            "xcount",
            "mount",
            "",
            "%73tlye",
        ] {
            let query = format!("{key}=1");
            assert_eq!(check(Query::in_form(&query), AnswerKind::Badge), Ok(()), "{key}");
        }
    }

    #[test]
    fn what_would_change_nothing_is_refused() {
        use AnswerKind::{Badge, Chart, Json, Sum};
        for (answer, query, says) in [
            (Badge, "show=a&show=b", "show is given twice: leave one out"),
            (Badge, "%73tyle=flat", "%73tyle: write style without escapes"),
            (Chart, "v=1&EV%45NT=like", "EV%45NT: write event without escapes"),
            (Badge, "v=1&amp;base=1000", "write &base in place of &amp;base"),
            (Sum, "of=a&count=maybe", "count is true or false"),
            (Badge, "format=short&Format=short", "format is given twice: leave one out"),
            (Badge, "event=hit&event=like", "event is given twice: leave one out"),
            (Badge, "prefix=4", "prefix is for image digits: add digits=THEME"),
            (Badge, "digits=&size=2", "size is for image digits: add digits=THEME"),
            (Badge, "digits=nixie&paddig=3", "paddig: did you mean padding?"),
            (Sum, "period=7d", "a sum shows totals only: leave out period"),
            (Sum, "show=today", "a sum shows totals only: leave out show"),
            (Sum, "groups=site", "groups: did you mean group?"),
            (Chart, "style=spark&legend=false", "a sparkline badge has no legend: leave it out"),
            (Chart, "padding=3", "a chart has no padding: leave it out"),
            (Json, "period=today", "this JSON always has the total and today: leave out period"),
            (Json, "base=4", "this JSON has only what was counted: leave out base"),
            (Json, "preiod=7d", "preiod: did you mean period?"),
            (Chart, "show=likes", "a chart has no show: add style=spark"),
            (Chart, "format=short", "a chart has no format: add style=spark"),
            (Chart, "styel=spark", "styel: did you mean style?"),
            (Chart, "widht=400", "widht: did you mean width?"),
            (Chart, "style=spark&width=400", "a sparkline badge has no width: leave it out"),
            (Chart, "digits=nixie", "a chart has no digits: leave it out"),
        ] {
            assert_eq!(check(Query::in_form(query), answer), Err(says.to_owned()), "{query}");
        }
        for (answer, query) in [
            (Badge, "count=false&count=true"),
            (Badge, "v=1&v=2&size=&label=&padding="),
            (Badge, "digits=nixie&size=2&padding=4"),
            (Sum, "of=a&of=b&base=4"),
            (Json, "format=short&locale=de&count=false"),
            (Chart, "name=a&name=b&theme=dark&width=400&color=&count=false"),
            (Chart, "style=spark&show=today&base=4&color=red&period=7d"),
        ] {
            assert_eq!(check(Query::in_form(query), answer), Ok(()), "{query}");
        }
    }
}
