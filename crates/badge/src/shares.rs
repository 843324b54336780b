//! Languages as parts of a whole: which ones are shown, how wide each is, and its colour.

use std::{collections::HashMap, sync::LazyLock};

/// What is left over has this colour, whatever it is called.
const OTHER_COLOR: &str = "#8b949e";

/// What GitHub paints languages in: a name, a tab and a colour in each line, from GitHub's list of languages (linguist).
const COLORS: &str = include_str!("language_colors.tsv");

/// The languages that are shown, with their counts.
pub(crate) struct Shares<'a> {
    rows: Vec<(&'a str, u64)>,
    total: u128,
    /// The last one is all the others.
    has_other: bool,
}

impl<'a> Shares<'a> {
    /// `languages` has the most frequent first; those after `most` are together, as `other`.
    pub(crate) fn of(languages: &'a [(String, u64)], most: usize, other: &'a str) -> Shares<'a> {
        let counted =
            || languages.iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.as_str(), *count));
        let mut rows: Vec<(&str, u64)> = counted().take(most).collect();
        let rest = counted().skip(most).fold(0u64, |sum, (_, count)| sum.saturating_add(count));
        let has_other = rest > 0;
        if has_other {
            rows.push((other, rest));
        }
        let total = rows.iter().map(|(_, count)| u128::from(*count)).sum();
        Shares { rows, total, has_other }
    }

    pub(crate) fn rows(&self) -> &[(&'a str, u64)] {
        &self.rows
    }

    pub(crate) fn color(&self, at: usize) -> String {
        if self.has_other && at + 1 == self.rows.len() {
            return OTHER_COLOR.to_owned();
        }
        language_color(self.rows[at].0)
    }

    /// A pixel at least for each, and all of the bar together: what the others leave is the first one's.
    pub(crate) fn widths(&self, bar: u64) -> Vec<u64> {
        let mut widths: Vec<u64> = (0..self.rows.len()).map(|at| self.part(at, bar).max(1)).collect();
        // Of a few, the others' pixels never are all; "Other" may be the largest.
        if let Some(at) = (0..widths.len()).max_by_key(|&at| (widths[at], std::cmp::Reverse(at))) {
            let others: u64 = widths.iter().sum::<u64>() - widths[at];
            widths[at] = bar.saturating_sub(others);
        }
        widths
    }

    /// Its part of something, rounded down.
    pub(crate) fn part(&self, at: usize, of: u64) -> u64 {
        (u128::from(self.rows[at].1) * u128::from(of) / self.total.max(1)) as u64
    }

    /// `12.3%`, rounded.
    pub(crate) fn percent(&self, at: usize) -> String {
        let total = self.total.max(1);
        let tenths = (u128::from(self.rows[at].1) * 2000 + total) / (2 * total);
        format!("{}.{}%", tenths / 10, tenths % 10)
    }
}

/// A language that has no colour of its own has always the same one of its name.
pub(crate) fn language_color(name: &str) -> String {
    static TABLE: LazyLock<HashMap<&str, &str>> =
        LazyLock::new(|| COLORS.lines().filter_map(|line| line.split_once('\t')).collect());
    if let Some(color) = TABLE.get(name) {
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
            for (most, bar) in [(5, 420), (20, 230), (1, 230), (6, 1000)] {
                let widths = Shares::of(&languages, most, "Other").widths(bar);
                assert_eq!(widths.iter().sum::<u64>(), bar, "{counts:?}: {widths:?}");
                assert!(widths.iter().all(|width| (1..=bar).contains(width)), "{widths:?}");
            }
        }
    }

    #[test]
    fn percents_are_rounded_to_a_tenth() {
        let languages = shares(&[2, 1]);
        let shares = Shares::of(&languages, 5, "Other");
        assert_eq!((shares.percent(0), shares.percent(1)), ("66.7%".to_owned(), "33.3%".to_owned()));
    }

    #[test]
    fn colours_are_github_s() {
        for (name, color) in [
            ("Go", "#00add8"),
            ("TypeScript", "#3178c6"),
            ("CSS", "#663399"),
            ("Jupyter Notebook", "#da5b0b"),
            ("Ren'Py", "#ff7f7f"),
        ] {
            assert_eq!(language_color(name), color, "{name}");
        }
        let rows: Vec<(&str, &str)> = COLORS.lines().map(|line| line.split_once('\t').unwrap()).collect();
        assert!(rows.len() > 600 && rows.is_sorted());
        for (name, color) in rows {
            assert!(crate::Color::parse(color).is_ok() && !name.is_empty(), "{name}: {color}");
        }
        // 5381 * 33 + 'Z', modulo 2^32 and 360.
        assert_eq!(language_color("Z"), format!("hsl({},60%,52%)", (5381 * 33 + 90) % 360));
        let languages = shares(&[2, 1]);
        assert_eq!(Shares::of(&languages, 1, "其他").color(1), OTHER_COLOR);
    }
}
