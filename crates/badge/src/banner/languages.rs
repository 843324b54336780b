//! The bar of languages and its legend.

use super::BannerPalette;
use crate::{
    shares::Shares,
    text::{BEFORE_ELLIPSIS, BeforeNumber, clean, width},
};
use std::fmt::{self, Formatter};

/// So many languages have their own colour; the others are together.
const SHOWN: usize = 5;
const OTHER: &str = "Other";
/// The width of the bar.
const BAR: u64 = 420;
/// The columns of the legend, and what a name may need in one, in letters.
const COLUMNS: usize = 3;
const LETTERS: usize = 18;

/// Draws them. `repositories` says why there is none.
pub(super) fn draw(
    f: &mut Formatter<'_>,
    languages: &[(String, u64)],
    palette: &BannerPalette,
    repositories: u64,
) -> fmt::Result {
    let shares = Shares::of(languages, SHOWN, OTHER);
    writeln!(
        f,
        "<text class=\"m\" x=\"20\" y=\"128\" font-size=\"8\">LANG_DISTRIBUTION</text>\
             <path d=\"M108 125.5h332\" stroke=\"{muted}\" stroke-opacity=\".4\"/>\n\
             <rect x=\"20\" y=\"134\" width=\"420\" height=\"10\" rx=\"5\" fill=\"{muted}\" fill-opacity=\".2\"/>",
        muted = palette.muted
    )?;
    if shares.rows().is_empty() {
        let why = if repositories == 0 { "NO PUBLIC REPOSITORIES" } else { "NO LANGUAGE IS KNOWN" };
        return writeln!(f, "<text class=\"t\" x=\"20\" y=\"174\" font-size=\"10\">{why}</text>");
    }
    f.write_str("<g clip-path=\"url(#tb-bar)\">")?;
    let mut x = 20;
    for (at, width) in shares.widths(BAR).into_iter().enumerate() {
        write!(
            f,
            "<rect x=\"{x}\" y=\"134\" width=\"{width}\" height=\"10\" fill=\"{}\"/>",
            shares.color(at)
        )?;
        x += width;
    }
    // Colours of languages do not change, so an edge shows them on both backgrounds.
    f.write_str(
        "</g><rect class=\"e\" x=\"20\" y=\"134\" width=\"420\" height=\"10\" rx=\"5\" fill=\"none\"/>\n",
    )?;
    for (at, (name, _)) in shares.rows().iter().enumerate() {
        let (x, y) = (24 + 145 * (at % COLUMNS), 170 + 15 * (at / COLUMNS));
        writeln!(
            f,
            "<rect class=\"e\" x=\"{x}\" y=\"{top}\" width=\"8\" height=\"8\" rx=\"2\" fill=\"{color}\"/>\
                 <text class=\"t\" x=\"{text}\" y=\"{base}\" font-size=\"8\">{name} {}</text>",
            shares.percent(at),
            top = y - 4,
            color = shares.color(at),
            text = x + 12,
            base = y + 3,
            name = BeforeNumber(&cut(name)),
        )?;
    }
    Ok(())
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
    let begin: String = begin.collect();
    format!("{}…", begin.trim_end_matches(BEFORE_ELLIPSIS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut() {
        assert_eq!(cut("C++"), "C++");
        assert_eq!(cut("Vim Help File and so on"), "Vim Help File and…");
        assert_eq!(cut("易语言易语言易语言易语言"), "易语言易语言易语…");
        assert_eq!(cut("Visual Basic 6.0 .NET"), "Visual Basic 6.0…");
    }
}
