//! The bar of languages and its legend.

use super::BannerPalette;
use crate::text::{XmlText, clean, width};
use std::fmt::{self, Formatter};

/// So many languages have their own colour; the others are together.
const SHOWN: usize = 5;
const OTHER: &str = "Other";
/// The width of the bar.
const BAR: u64 = 420;
/// The columns of the legend, and what a name may need in one, in letters.
const COLUMNS: usize = 3;
const LETTERS: usize = 18;

/// What GitHub paints them in, as far as the original knew.
const COLORS: [(&str, &str); 28] = [
    ("Go", "#00ADD8"),
    ("Python", "#3572A5"),
    ("JavaScript", "#f1e05a"),
    ("TypeScript", "#2b7489"),
    ("Java", "#b07219"),
    ("C++", "#f34b7d"),
    ("C", "#555555"),
    ("C#", "#178600"),
    ("Rust", "#dea584"),
    ("Shell", "#89e051"),
    ("Ruby", "#701516"),
    ("PHP", "#4F5D95"),
    ("Swift", "#F05138"),
    ("Kotlin", "#A97BFF"),
    ("Scala", "#c22d40"),
    ("Dart", "#00B4AB"),
    ("Elixir", "#6e4a7e"),
    ("Haskell", "#5e5086"),
    ("Lua", "#000080"),
    ("R", "#198CE7"),
    ("MATLAB", "#e16737"),
    ("HTML", "#e34c26"),
    ("CSS", "#563d7c"),
    ("Vue", "#41b883"),
    ("Dockerfile", "#384d54"),
    ("Makefile", "#427819"),
    ("Brainfuck", "#59491c"),
    (OTHER, "#8b949e"),
];

/// The languages that are shown, with their counts.
pub(super) struct Shares<'a> {
    rows: Vec<(&'a str, u64)>,
    total: u128,
}

impl<'a> Shares<'a> {
    /// `languages` has the most frequent first.
    pub(super) fn of(languages: &'a [(String, u64)]) -> Shares<'a> {
        let counted =
            || languages.iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.as_str(), *count));
        let mut rows: Vec<(&str, u64)> = counted().take(SHOWN).collect();
        let rest = counted().skip(SHOWN).fold(0u64, |sum, (_, count)| sum.saturating_add(count));
        if rest > 0 {
            rows.push((OTHER, rest));
        }
        let total = rows.iter().map(|(_, count)| u128::from(*count)).sum();
        Shares { rows, total }
    }

    pub(super) fn draw(
        &self,
        f: &mut Formatter<'_>,
        palette: &BannerPalette,
        repositories: u64,
    ) -> fmt::Result {
        writeln!(
            f,
            "<text class=\"m\" x=\"20\" y=\"128\" font-size=\"8\">LANG_DISTRIBUTION</text>\
             <path d=\"M108 125.5h332\" stroke=\"{muted}\" stroke-opacity=\".4\"/>\n\
             <rect x=\"20\" y=\"134\" width=\"420\" height=\"10\" rx=\"5\" fill=\"{muted}\" fill-opacity=\".2\"/>",
            muted = palette.muted
        )?;
        if self.rows.is_empty() {
            let why = if repositories == 0 { "NO PUBLIC REPOSITORIES" } else { "NO LANGUAGE IS KNOWN" };
            return writeln!(f, "<text class=\"t\" x=\"20\" y=\"174\" font-size=\"10\">{why}</text>");
        }
        f.write_str("<g clip-path=\"url(#tb-bar)\">")?;
        let mut x = 20;
        for ((name, _), width) in self.rows.iter().zip(self.widths()) {
            write!(
                f,
                "<rect x=\"{x}\" y=\"134\" width=\"{width}\" height=\"10\" fill=\"{}\"/>",
                color(name)
            )?;
            x += width;
        }
        f.write_str("</g>\n")?;
        for (at, (name, count)) in self.rows.iter().enumerate() {
            let (x, y) = (24 + 145 * (at % COLUMNS), 170 + 15 * (at / COLUMNS));
            let tenths = self.tenths(*count);
            writeln!(
                f,
                "<rect x=\"{x}\" y=\"{top}\" width=\"8\" height=\"8\" rx=\"2\" fill=\"{color}\"/>\
                 <text class=\"t\" x=\"{text}\" y=\"{base}\" font-size=\"8\">{name} {}.{}%</text>",
                tenths / 10,
                tenths % 10,
                top = y - 4,
                color = color(name),
                text = x + 12,
                base = y + 3,
                name = XmlText(&cut(name)),
            )?;
        }
        Ok(())
    }

    /// A pixel at least for each, and all of the bar together: what the others leave is the first one's.
    fn widths(&self) -> Vec<u64> {
        let share = |count: u64| (u128::from(count) * u128::from(BAR) / self.total.max(1)) as u64;
        let mut widths: Vec<u64> = self.rows.iter().map(|(_, count)| share(*count).max(1)).collect();
        // Of six, the others' pixels never are all; "Other" may be the largest.
        if let Some(at) = (0..widths.len()).max_by_key(|&at| (widths[at], std::cmp::Reverse(at))) {
            let others: u64 = widths.iter().sum::<u64>() - widths[at];
            widths[at] = BAR.saturating_sub(others);
        }
        widths
    }

    /// Tenths of a percent, rounded.
    fn tenths(&self, count: u64) -> u64 {
        let total = self.total.max(1);
        ((u128::from(count) * 2000 + total) / (2 * total)) as u64
    }
}

/// A name that fits into its column. A letter that is wider than a typewriter's takes the room of two.
fn cut(name: &str) -> String {
    let room = |c: char| if c.is_ascii() || width(c.encode_utf8(&mut [0; 4]), 10.0) < 7.5 { 1 } else { 2 };
    let all: Vec<char> = clean(name).collect();
    if all.iter().map(|&c| room(c)).sum::<usize>() <= LETTERS {
        return all.into_iter().collect();
    }
    let mut used = 1;
    let begin = all.into_iter().take_while(|&c| {
        used += room(c);
        used <= LETTERS
    });
    begin.chain(['…']).collect()
}

/// A language that has no colour of its own has always the same one of its name.
fn color(name: &str) -> String {
    if let Some((_, color)) = COLORS.iter().find(|(known, _)| *known == name) {
        return (*color).to_owned();
    }
    let hash = name.chars().fold(5381u32, |hash, c| hash.wrapping_mul(33).wrapping_add(c.into()));
    format!("hsl({},60%,52%)", hash % 360)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(counts: &[u64]) -> Vec<(String, u64)> {
        counts.iter().enumerate().map(|(at, count)| (format!("L{at}"), *count)).collect()
    }

    #[test]
    fn the_bar_is_always_full() {
        for counts in [
            &[1][..],
            &[1, 1],
            &[1, 1, 1],
            &[7, 7, 7, 7, 7, 7, 7],
            &[1_000_000, 1, 1, 1, 1, 1, 1],
            &[5, 4, 3, 2, 1],
            &[2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            &[u64::MAX, u64::MAX, 3],
        ] {
            let languages = shares(counts);
            let widths = Shares::of(&languages).widths();
            assert_eq!(widths.iter().sum::<u64>(), BAR, "{counts:?}: {widths:?}");
            assert!(widths.iter().all(|width| (1..=BAR).contains(width)), "{widths:?}");
        }
    }

    #[test]
    fn percents_are_rounded_to_a_tenth() {
        let languages = shares(&[2, 1]);
        let shares = Shares::of(&languages);
        assert_eq!((shares.tenths(2), shares.tenths(1)), (667, 333));
    }

    #[test]
    fn colours_are_the_originals() {
        assert_eq!(color("Go"), "#00ADD8");
        // 5381 * 33 + 'Z', modulo 2^32 and 360.
        assert_eq!(color("Z"), format!("hsl({},60%,52%)", (5381 * 33 + 90) % 360));
        assert_eq!(COLORS.len(), 28);
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(cut("C++"), "C++");
        assert_eq!(cut("Vim Help File and so on"), "Vim Help File and…");
        assert_eq!(cut("易语言易语言易语言易语言"), "易语言易语言易语…");
    }
}
