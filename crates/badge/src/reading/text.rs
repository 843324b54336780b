//! The number in one text: what it must look like to be the whole count, and what says that it is something else.
//!
//! A text is read only if all of it is understood. What is left over might change the number: a unit, a sign, a code.

use super::NotRead;

/// Words that pictures show in place of a number. One with a code in it would be mistaken for a count.
const MISTAKES: [&str; 27] = [
    "error",
    "errors",
    "invalid",
    "unavailable",
    "unknown",
    "limit",
    "limited",
    "gateway",
    "timeout",
    "inaccessible",
    "forbidden",
    "failed",
    "failure",
    "denied",
    "unreachable",
    "unauthorized",
    "exceeded",
    "quota",
    "internal",
    "exception",
    "down",
    "offline",
    "maintenance",
    "missing",
    "throttled",
    "blocked",
    "retry",
];
/// The same as several words.
const MISTAKEN_PHRASES: [&str; 5] = ["not found", "timed out", "too many", "bad request", "no such"];
/// How labels say that a number is of a part of all time, or of something else than hits.
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
const PERIODIC: [&str; 7] = ["hourly", "daily", "weekly", "monthly", "yearly", "annual", "today"];
const PERIODS: [&str; 9] = ["minute", "hour", "day", "week", "month", "mo", "quarter", "year", "yr"];
/// Thousands, millions and more, as several languages write them behind a number.
const UNITS: [&str; 37] = [
    "k",
    "m",
    "g",
    "t",
    "b",
    "p",
    "e",
    "l",
    "mn",
    "bn",
    "tn",
    "cr",
    "mil",
    "tsd",
    "mio",
    "mrd",
    "mld",
    "md",
    "thousand",
    "thousands",
    "million",
    "millions",
    "millón",
    "millones",
    "billion",
    "billions",
    "lakh",
    "crore",
    "тыс",
    "млн",
    "млрд",
    "milhão",
    "milhões",
    "milioni",
    "miljoen",
    "tys",
    "tis",
];
const LARGE_CHARACTERS: &str = "十百千万萬亿億兆천만억조";
/// What may follow a number: what it counts.
const COUNTED: [&str; 14] = [
    "hit", "hits", "view", "views", "visit", "visits", "visitor", "visitors", "like", "likes", "time",
    "times", "total", "in total",
];
/// What makes the number in front of which it is a rough one.
const ROUGH: [&str; 8] = ["over", "about", "almost", "than", "ca.", "approx", "approx.", "nearly"];

fn short(text: &str) -> String {
    text.trim().chars().take(60).collect()
}

/// The words of a text. `failed-project` is one, and not `failed`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || "-_./@".contains(c))).filter(|word| !word.is_empty())
}

/// Whether nothing in a text says that it is an error message.
///
/// # Errors
///
/// [`NotRead::Mistake`].
pub fn is_no_mistake(text: &str) -> Result<(), NotRead> {
    let lower = text.to_lowercase();
    let is_mistake = words(&lower).any(|word| MISTAKES.contains(&word.trim_end_matches('.')))
        || MISTAKEN_PHRASES.iter().any(|phrase| lower.contains(phrase));
    if is_mistake { Err(NotRead::Mistake(short(text))) } else { Ok(()) }
}

/// Whether nothing in a text says that its number is a part of the total.
///
/// # Errors
///
/// [`NotRead::Part`].
pub fn is_total(text: &str) -> Result<(), NotRead> {
    let lower = text.to_lowercase();
    // A title of two numbers has the total in it.
    let has_part = PARTS.iter().any(|part| lower.contains(part)) && !lower.contains(" in total");
    let each = |word: &str| word.split('/').skip(1).any(|of| PERIODS.contains(&of));
    let per = lower.split_once("per ").is_some_and(|(before, of)| {
        let of = words(of).next().unwrap_or_default();
        (before.is_empty() || before.ends_with(' ')) && PERIODS.contains(&of)
    });
    let spaced = lower.replace(" / ", "/").replace("/ ", "/");
    let is_rate = per || words(&spaced).any(|word| PERIODIC.contains(&word) || each(word));
    let is_part = has_part || is_rate && !lower.contains("total");
    if is_part { Err(NotRead::Part(short(text))) } else { Ok(()) }
}

/// The number in a text like `hits: 1,234`, `12 / 3,456` or `1 234`: the larger of two, with one mark between its groups.
///
/// # Errors
///
/// See [`NotRead`].
pub fn number_in(text: &str) -> Result<u64, NotRead> {
    let text = match text.rsplit_once(':') {
        // A time of day.
        Some((before, after))
            if before.ends_with(char::is_numeric) && after.starts_with(char::is_numeric) =>
        {
            return Err(NotRead::NoNumber);
        }
        Some((_, value)) => value,
        None => text,
    };
    if let Some((one, other)) = text.rsplit_once('/') {
        // A part is never more than the total.
        return match (number_in(one), number_in(other)) {
            (Ok(one), Ok(other)) => Ok(one.max(other)),
            (_, Err(why)) | (Err(why), _) => Err(why),
        };
    }
    let text = text.trim();
    let start = text.find(|c: char| c.is_ascii_digit()).ok_or(NotRead::NoNumber)?;
    let end = text.rfind(|c: char| c.is_ascii_digit()).unwrap_or(start) + 1;
    let (before, number, after) = (&text[..start], &text[start..end], text[end..].trim());
    let is_rough = before.trim_end().ends_with(['~', '>', '<', '≈', '≥', '≤', '±'])
        || before.to_lowercase().split_whitespace().next_back().is_some_and(|word| ROUGH.contains(&word));
    if is_rough || is_shortened(after) {
        return Err(NotRead::Shortened(text.chars().take(20).collect()));
    }
    let is_alone = before.is_empty() || before.ends_with(|c: char| c.is_whitespace() || "([".contains(c));
    // A sign, or a sign and a space, is no label.
    let is_label = before.is_empty() || before.contains(|c: char| c.is_alphabetic() || "([".contains(c));
    let is_whole =
        after.is_empty() || COUNTED.contains(&after.to_lowercase().trim_matches([')', ']', '.', '!']).trim());
    if !is_alone || !is_label || !(is_whole || after.chars().all(|c| ")].!".contains(c))) {
        return Err(NotRead::NoNumber);
    }
    let digits = ungrouped(number).ok_or(NotRead::NoNumber)?;
    digits.parse().ok().filter(|&number| number <= i64::MAX as u64).ok_or(NotRead::NoNumber)
}

/// Whether what follows a number says that it is not the whole one.
fn is_shortened(after: &str) -> bool {
    let lower = after.to_lowercase();
    let word: String = lower.chars().take_while(|c| c.is_alphabetic()).collect();
    let large = word.chars().next().is_some_and(|c| LARGE_CHARACTERS.contains(c));
    after.starts_with('+') || large || UNITS.contains(&word.as_str())
}

/// The digits of a number, if it has no fraction.
fn ungrouped(number: &str) -> Option<String> {
    let mut marks = number.chars().filter(|c| !c.is_ascii_digit());
    let Some(mark) = marks.next() else { return Some(number.to_owned()) };
    if !is_mark(mark) || marks.any(|other| other != mark) {
        return None;
    }
    let groups: Vec<&str> = number.split(mark).collect();
    let (first, last) = (groups.first()?, groups.last()?);
    let is_grouped = groups.iter().skip(1).all(|group| matches!(group.len(), 2 | 3))
        && last.len() == 3
        && (1..=3).contains(&first.len())
        && !first.starts_with('0');
    is_grouped.then(|| groups.concat())
}

fn is_mark(c: char) -> bool {
    matches!(c, ',' | '.' | '\'' | '’' | '_' | ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("web2: 77", 77),
            ("1,234 views", 1234),
            ("(77)", 77),
            ("0", 0),
        ] {
            assert_eq!(number_in(text), Ok(number), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_read() {
        for text in [
            "",
            "hits",
            "-5",
            "−5",
            "– 5",
            "- 5",
            "1.5",
            "0.123",
            "1,2345",
            "1,234.567",
            "12:34",
            "12:34:5x6",
            "99999999999999999999",
            "1,23",
            "87%",
            "v2",
            "powered by v2",
            "old-badge2.svg",
            "2024.svg",
            "$5",
            "5€",
            "4/month",
            "3 / x",
            "12 Besucher heute",
            "1²",
            "١٢٣",
            "hits: 2 today, 1,004 in total",
            "429 too many requests",
            "quota 1000 exceeded",
            "500 internal",
        ] {
            assert_eq!(number_in(text), Err(NotRead::NoNumber), "{text}");
        }
        for text in [
            "hits: 12k",
            "1.2M",
            "3 K",
            "1P",
            "12万",
            "3億",
            "12 mil",
            "12 Tsd.",
            "3 Mio.",
            "3 million",
            "1,2 млн",
            "5만",
            "2 lakh",
            "100+",
            "~1000",
            ">1000",
            "> 1000",
            "over 1000",
            "more than 1,000",
            "12k / 3k",
        ] {
            assert!(matches!(number_in(text), Err(NotRead::Shortened(_))), "{text}");
        }
    }

    #[test]
    fn rates_and_error_messages_are_told_from_names() {
        for part in [
            "hits/month: 4",
            "weekly hits: 4",
            "hits / day",
            "downloads per month: 4",
            "today: 3",
            "hits in 7d",
        ] {
            assert!(is_total(part).is_err(), "{part}");
        }
        for total in [
            "views [today/total]",
            "daily-standup: 4",
            "o/r: 4",
            "hits: 2 today, 9 in total",
            "super days: 4",
        ] {
            assert_eq!(is_total(total), Ok(()), "{total}");
        }
        for mistake in
            ["429 too many requests", "500 internal", "503 service down", "quota 1000 exceeded", "Error."]
        {
            assert!(is_no_mistake(mistake).is_err(), "{mistake}");
        }
        for fine in ["limitless hits: 77", "failed-project: 77", "downloads: 7", "errors.rs: 4"] {
            assert_eq!(is_no_mistake(fine), Ok(()), "{fine}");
        }
    }
}
