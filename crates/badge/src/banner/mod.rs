//! GitHub Banners' picture: a GitHub account's statistics on 460 x 215 pixels, light or dark.
//!
//! Sizes, places and colours are the original's where they can be read; its light colours could not, and are darker. Its
//! boxes ended before the right edge of everything else, and are wider.
//! All animation is in the style sheet, and is off for readers who prefer reduced motion. The HTTP server calls this
//! with the statistics that it has, whatever their age.

mod languages;
mod notice;
#[cfg(test)]
mod tests;

pub use notice::{away, coming, not_created, notice};

use crate::{
    number::group,
    text::{XmlText, clean},
};
use std::fmt::{self, Formatter};
use tallymark_core::calendar::Minute;

/// The width of a letter of a typewriter's font, in tenths of the font's size.
const LETTER: u32 = 6;
/// GitHub has no longer names.
const LONGEST_NAME: usize = 39;
/// What the name may need, in pixels.
const NAME_ROOM: u32 = 330;
/// What a number may need in its box.
const NUMBER_ROOM: u32 = 112;

/// The two themes of the original, which are a part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BannerType {
    /// Light.
    Default,
    /// Dark.
    Dark,
}

impl BannerType {
    /// Both.
    pub const EVERY: [BannerType; 2] = [BannerType::Default, BannerType::Dark];

    /// Its word in an address.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            BannerType::Default => "default",
            BannerType::Dark => "dark",
        }
    }

    /// The type with this word, exactly.
    #[must_use]
    pub fn from_word(word: &str) -> Option<BannerType> {
        BannerType::EVERY.into_iter().find(|one| one.word() == word)
    }

    fn palette(self) -> &'static BannerPalette {
        match self {
            BannerType::Default => &LIGHT,
            BannerType::Dark => &DARK,
        }
    }
}

struct BannerPalette {
    background: [&'static str; 2],
    text: &'static str,
    muted: &'static str,
    /// Of repositories, stars and forks.
    accents: [&'static str; 3],
    /// Of the shadows of the name.
    shadows: [&'static str; 2],
}

const DARK: BannerPalette = BannerPalette {
    background: ["#0d1117", "#161b22"],
    text: "#e6edf3",
    muted: "#8b949e",
    accents: ["#00ffb4", "#00c8ff", "#ff5cff"],
    shadows: ["#ff003c", "#00fff0"],
};

const LIGHT: BannerPalette = BannerPalette {
    background: ["#f6f8fa", "#ffffff"],
    text: "#24292f",
    muted: "#57606a",
    accents: ["#00694a", "#005c94", "#990099"],
    shadows: ["#ff003c", "#00b8ae"],
};

/// What a banner shows.
#[derive(Clone, Copy, Debug)]
pub struct Banner<'a> {
    /// The name of the account, as its owner writes it.
    pub login: &'a str,
    /// Whether it is an organisation.
    pub is_organization: bool,
    /// Repositories that are no forks.
    pub originals: u64,
    /// Forks of others' repositories.
    pub forked: u64,
    /// Stars of the originals.
    pub stars: u64,
    /// Forks of the originals.
    pub forks: u64,
    /// Followers.
    pub followers: u64,
    /// Languages and how many repositories have each, the most first.
    pub languages: &'a [(String, u64)],
    /// When this was true.
    pub at: Minute,
    /// It may have changed since.
    pub is_old: bool,
}

impl Banner<'_> {
    /// Draws it.
    #[must_use]
    pub fn render(&self, theme: BannerType) -> String {
        BannerDrawing { banner: self, palette: theme.palette() }.to_string()
    }
}

struct BannerDrawing<'a> {
    banner: &'a Banner<'a>,
    palette: &'static BannerPalette,
}

impl fmt::Display for BannerDrawing<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.open(f)?;
        self.name(f)?;
        self.boxes(f)?;
        self.split(f)?;
        let repositories = self.banner.originals.saturating_add(self.banner.forked);
        languages::draw(f, self.banner.languages, self.palette, repositories)?;
        self.foot(f)?;
        f.write_str("</svg>\n")
    }
}

impl BannerDrawing<'_> {
    fn open(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let BannerPalette { background: [from, to], text, muted, accents: [accent, ..], .. } = self.palette;
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"460\" height=\"215\" viewBox=\"0 0 460 215\" role=\"img\" \
             font-family=\"'Courier New',Courier,monospace\">\n<title>{}</title>",
            XmlText(&self.title())
        )?;
        writeln!(
            f,
            "<style>.t{{fill:{text}}}.m{{fill:{muted}}}.e{{stroke:{text};stroke-opacity:.4}}.s{{opacity:0}}\
             @media (prefers-reduced-motion:no-preference){{.s{{opacity:.35;animation:s 3s linear infinite}}\
             .g{{animation:g 4s steps(1) infinite}}}}\
             @keyframes s{{from{{transform:translateY(-20px)}}to{{transform:translateY(215px)}}}}\
             @keyframes g{{0%,92%{{transform:none}}94%{{transform:translateX(2px)}}97%{{transform:translateX(-2px)}}}}</style>"
        )?;
        writeln!(
            f,
            "<defs><linearGradient id=\"tb-bg\" x2=\"1\" y2=\"1\"><stop stop-color=\"{from}\"/><stop offset=\"1\" \
             stop-color=\"{to}\"/></linearGradient><pattern id=\"tb-lines\" width=\"4\" height=\"4\" \
             patternUnits=\"userSpaceOnUse\"><path d=\"M0 .5h4\" stroke=\"{text}\" stroke-opacity=\".05\"/></pattern>\
             <clipPath id=\"tb-all\"><rect width=\"460\" height=\"215\" rx=\"14\"/></clipPath>\
             <clipPath id=\"tb-bar\"><rect x=\"20\" y=\"134\" width=\"420\" height=\"10\" rx=\"5\"/></clipPath></defs>"
        )?;
        writeln!(
            f,
            "<g clip-path=\"url(#tb-all)\"><rect width=\"460\" height=\"215\" fill=\"url(#tb-bg)\"/>\
             <rect width=\"460\" height=\"215\" fill=\"url(#tb-lines)\"/>\
             <rect class=\"s\" width=\"460\" height=\"2\" fill=\"{accent}\"/></g>\n\
             <rect x=\".5\" y=\".5\" width=\"459\" height=\"214\" rx=\"13.5\" fill=\"none\" stroke=\"{muted}\" stroke-opacity=\".4\"/>\n\
             <path d=\"M4 20v-6q0-10 10-10h6M440 4h6q10 0 10 10v6M456 195v6q0 10-10 10h-4M18 211h-4q-10 0-10-10v-6\" fill=\"none\" \
             stroke=\"{accent}\" stroke-opacity=\".7\"/>"
        )
    }

    fn title(&self) -> String {
        let Banner { login, originals, forked, stars, forks, followers, .. } = *self.banner;
        let at = self.banner.at.spelled();
        let age = if self.banner.is_old { "last known on" } else { "as of" };
        format!(
            "{login} on GitHub: {} ({} original, {} forked), {}, {}, {}; {age} {at}",
            counted(originals.saturating_add(forked), "repository", "repositories"),
            number(originals),
            number(forked),
            counted(stars, "star", "stars"),
            counted(forks, "fork", "forks"),
            counted(followers, "follower", "followers")
        )
    }

    fn name(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name: String = clean(self.banner.login).take(LONGEST_NAME).collect();
        let letters = u32::try_from(name.chars().count()).unwrap_or(0).max(1);
        // The original's letters are 3 pixels apart; longer names are closer, then smaller.
        let spacing = if letters * (18 * LETTER + 30) <= NAME_ROOM * 10 { 3 } else { 0 };
        let size = fitting(18, letters, NAME_ROOM);
        let BannerPalette { text, shadows, accents: [accent, ..], .. } = self.palette;
        for (shift, color, opacity) in [(-1, shadows[0], ".45"), (1, shadows[1], ".45"), (0, *text, "1")] {
            let class = if shift == 0 { "t" } else { "g" };
            writeln!(
                f,
                "<text class=\"{class}\" x=\"{x}\" y=\"29\" font-size=\"{size}\" font-weight=\"900\" \
                 letter-spacing=\"{spacing}\" fill=\"{color}\" opacity=\"{opacity}\"{hidden}>{name}</text>",
                x = 28 + shift,
                hidden = if shift == 0 { "" } else { " aria-hidden=\"true\"" },
                name = XmlText(&name)
            )?;
        }
        let kind = if self.banner.is_organization { "ORGANIZATION" } else { "USER" };
        let state = if self.banner.is_old { "LAST KNOWN" } else { "ONLINE" };
        writeln!(
            f,
            "<rect x=\"28\" y=\"34\" width=\"80\" height=\"12\" rx=\"2\" fill=\"none\" stroke=\"{accent}\" stroke-opacity=\".6\"/>\
             <text x=\"32\" y=\"43\" font-size=\"8\" fill=\"{accent}\">{kind}</text>\n\
             <text class=\"m\" x=\"440\" y=\"20\" font-size=\"8\" text-anchor=\"end\">SYS_ID::4F2A</text>\
             <text x=\"440\" y=\"30\" font-size=\"8\" text-anchor=\"end\" fill=\"{accent}\">{state}</text>"
        )
    }

    fn boxes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Banner { originals, forked, stars, forks, .. } = *self.banner;
        let repositories = originals.saturating_add(forked);
        let rows = [("REPOS", repositories, 20), ("STARS", stars, 164), ("FORKS", forks, 308)];
        for ((label, count, x), accent) in rows.into_iter().zip(self.palette.accents) {
            let number = number(count);
            let size = fitting(20, u32::try_from(number.len()).unwrap_or(1), NUMBER_ROOM);
            writeln!(
                f,
                "<rect x=\"{x}\" y=\"62\" width=\"132\" height=\"42\" rx=\"4\" fill=\"{accent}\" fill-opacity=\".06\" \
                 stroke=\"{accent}\" stroke-opacity=\".5\"/><text x=\"{at}\" y=\"75\" font-size=\"8\" fill=\"{accent}\">{label}</text>\
                 <text class=\"t\" x=\"{at}\" y=\"96\" font-size=\"{size}\" font-weight=\"900\">{number}</text>",
                at = x + 10
            )?;
        }
        Ok(())
    }

    /// What the original fetched and did not show, in the line of the type.
    fn split(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Banner { originals, forked, followers, .. } = *self.banner;
        let line = format!(
            "ORIGINAL {} / FORKED {} / FOLLOWERS {}",
            number(originals),
            number(forked),
            number(followers)
        );
        let size = fitting(8, u32::try_from(line.len()).unwrap_or(1), 320);
        writeln!(
            f,
            "<text class=\"m\" x=\"440\" y=\"43\" font-size=\"{size}\" text-anchor=\"end\">{line}</text>"
        )
    }

    fn foot(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let accent = self.palette.accents[0];
        writeln!(
            f,
            "<path d=\"M20 202l5 3-5 3z\" fill=\"{accent}\"/><text class=\"m\" x=\"29\" y=\"208\" font-size=\"8\">GENERATED</text>\
             <text class=\"m\" x=\"440\" y=\"208\" font-size=\"8\" text-anchor=\"end\">{}</text>",
            self.banner.at.padded()
        )
    }
}

/// The largest size up to `size` in which so many letters fit.
fn fitting(size: u32, letters: u32, room: u32) -> u32 {
    (room * 10 / (letters.max(1) * LETTER)).clamp(1, size)
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

fn number(count: u64) -> String {
    group(i64::try_from(count).unwrap_or(i64::MAX)).as_str().to_owned()
}
