//! Sets of colours for cards, by name.
//!
//! The names are github-readme-stats', and the colours are chosen anew, from what the makers of those palettes publish,
//! or, if a palette has no owner, to fit its name. Every text has a contrast of at least 4.5 on its card. The default
//! follows the reader: light or dark. So do the themes without a background.

use super::theme::{CardGround, CardPaint};
use crate::Color;
use tallymark_core::nearest;

/// The colours of one card, in one light.
#[derive(Clone, Copy, Debug)]
pub(super) struct CardPalette {
    pub(super) title: Color,
    pub(super) text: Color,
    pub(super) icon: Color,
    /// What the texts are meant for, also where it is not painted.
    pub(super) ground: Color,
    pub(super) border: Color,
}

impl CardPalette {
    /// The colours of what is read.
    pub(super) fn texts(&self) -> [Color; 3] {
        [self.title, self.text, self.icon]
    }
}

const fn palette(title: u32, text: u32, icon: u32, ground: u32, border: u32) -> CardPalette {
    CardPalette {
        title: Color::from_u32(title),
        text: Color::from_u32(text),
        icon: Color::from_u32(icon),
        ground: Color::from_u32(ground),
        border: Color::from_u32(border),
    }
}

const LIGHT: CardPalette = palette(0x0550ae, 0x1f2328, 0x8250df, 0xffffff, 0xd0d7de);
const DARK: CardPalette = palette(0x79c0ff, 0xe6edf3, 0xd2a8ff, 0x0d1117, 0x30363d);

/// A set of colours.
#[derive(Clone, Copy, Debug)]
pub struct CardTheme {
    name: &'static str,
    pub(super) light: CardPalette,
    /// For a reader in the dark, if it is another.
    pub(super) dark: Option<CardPalette>,
    /// The page is seen behind it.
    pub(super) is_clear: bool,
    /// A ground of several colours, in place of the palette's.
    gradient: &'static [u32],
}

/// How far such a ground is turned, in degrees.
const TURNED: u16 = 35;

const fn fixed(name: &'static str, palette: CardPalette) -> CardTheme {
    CardTheme { name, light: palette, dark: None, is_clear: false, gradient: &[] }
}

const fn clear(name: &'static str, light: CardPalette, dark: CardPalette) -> CardTheme {
    CardTheme { name, light, dark: Some(dark), is_clear: true, gradient: &[] }
}

/// The first one is the default.
const THEMES: [CardTheme; 92] = [
    CardTheme { name: "default", light: LIGHT, dark: Some(DARK), is_clear: false, gradient: &[] },
    fixed("light", LIGHT),
    fixed("dark", DARK),
    clear("transparent", LIGHT, DARK),
    clear(
        "shadow_red",
        palette(0xa40e26, 0x6b2b2b, 0x8f1d22, 0xffffff, 0x8f1d22),
        palette(0xff8f8a, 0xf0cfcf, 0xff7b72, 0x0d1117, 0xff7b72),
    ),
    clear(
        "shadow_green",
        palette(0x116329, 0x2f4a38, 0x1a7f37, 0xffffff, 0x1a7f37),
        palette(0x7ee787, 0xd2ead8, 0x56d364, 0x0d1117, 0x56d364),
    ),
    clear(
        "shadow_blue",
        palette(0x0550ae, 0x2f4257, 0x0969da, 0xffffff, 0x0969da),
        palette(0x79c0ff, 0xcfe0f2, 0x58a6ff, 0x0d1117, 0x58a6ff),
    ),
    clear(
        "shadow_orange",
        palette(0x953800, 0x5a3a24, 0xa04100, 0xffffff, 0xa04100),
        palette(0xffa657, 0xf0dcc8, 0xf0883e, 0x0d1117, 0xf0883e),
    ),
    clear(
        "shadow_purple",
        palette(0x6639ba, 0x453a5c, 0x8250df, 0xffffff, 0x8250df),
        palette(0xd2a8ff, 0xe2d6f2, 0xbc8cff, 0x0d1117, 0xbc8cff),
    ),
    fixed("algolia", palette(0x5c8bff, 0xffffff, 0x36c7d0, 0x050f2c, 0x23326b)),
    CardTheme {
        gradient: &[0x3145a8, 0x8e2f8a, 0x96501f],
        ..fixed("ambient_gradient", palette(0xffffff, 0xffffff, 0xffffff, 0x8e2f8a, 0xb06bb0))
    },
    fixed("apprentice", palette(0xffffaf, 0xbcbcbc, 0x87afaf, 0x262626, 0x444444)),
    fixed("aura", palette(0xa277ff, 0xedecee, 0xffca85, 0x15141b, 0x3d375e)),
    fixed("aura_dark", palette(0xff8383, 0xdbdbdb, 0x61ffca, 0x252334, 0x45405e)),
    fixed("ayu-mirage", palette(0xffcc66, 0xcccac2, 0x73d0ff, 0x1f2430, 0x3b4252)),
    fixed("bear", palette(0xee5f9e, 0xc9c1a6, 0x3fb2f0, 0x1f2023, 0x3a3c42)),
    fixed("blue-green", palette(0x3fa9d6, 0x7df0a8, 0xf5b700, 0x07130f, 0x1d3a35)),
    fixed("blue_navy", palette(0x6fb8ff, 0xd6e6f5, 0x6fb8ff, 0x061a33, 0x1f4470)),
    fixed("blueberry", palette(0x82aaff, 0x7fe8c0, 0x89ddff, 0x242938, 0x444c66)),
    fixed("bluerizch", palette(0x1f5cb0, 0x555555, 0x1a1a1a, 0xf7f7f7, 0x8bb4e0)),
    fixed("brown_mountain", palette(0xfff0be, 0xc2a79e, 0xb3b9c1, 0x10100f, 0x3b3626)),
    fixed("buefy", palette(0x7957d5, 0x363636, 0xc2203f, 0xffffff, 0xdbdbdb)),
    fixed("calm", palette(0xf0957c, 0xefdcc6, 0xf2bd66, 0x373f51, 0x55607a)),
    fixed("calm_pink", palette(0xf5a9c3, 0xf0dde5, 0xe88fb0, 0x2b2530, 0x57495c)),
    fixed("caribbean", palette(0x6cb8f0, 0x6fe0e8, 0xff7e69, 0x350335, 0x6b2a6b)),
    fixed("catppuccin_latte", palette(0x7a30db, 0x4c4f69, 0x1a56e8, 0xeff1f5, 0xccd0da)),
    fixed("catppuccin_mocha", palette(0xcba6f7, 0xcdd6f4, 0x94e2d5, 0x1e1e2e, 0x45475a)),
    fixed("chartreuse-dark", palette(0x7fff00, 0xffffff, 0x3fb2f0, 0x000000, 0x33402a)),
    fixed("city_lights", palette(0x68a1f0, 0xb7c5d3, 0x5ec4ff, 0x1d252c, 0x41505e)),
    fixed("cobalt", palette(0xffc600, 0xe1efff, 0xff9d00, 0x193549, 0x35597a)),
    fixed("cobalt2", palette(0xffc600, 0x9fd0ff, 0xffffff, 0x193549, 0x35597a)),
    fixed("codestackr", palette(0xff7d50, 0xffffff, 0xffe033, 0x09131b, 0x24384a)),
    fixed("darcula", palette(0xd9893f, 0xb3c0ce, 0xb596c7, 0x2b2b2b, 0x4b4b4b)),
    fixed("date_night", palette(0xe48f9a, 0xe8c4b8, 0xd69f8b, 0x170f0c, 0x46332c)),
    fixed("default_repocard", palette(0x0a5fc4, 0x434d58, 0x586069, 0xfffefe, 0xe4e2e2)),
    fixed("discord_old_blurple", palette(0x9bb0f5, 0xffffff, 0x9bb0f5, 0x2c2f33, 0x4f545c)),
    fixed("dracula", palette(0xff79c6, 0xf8f8f2, 0x8be9fd, 0x282a36, 0x6272a4)),
    fixed("flag-india", palette(0xb45309, 0x1f6b2e, 0x1a2a80, 0xffffff, 0xe5e0d6)),
    fixed("github_dark", palette(0x58a6ff, 0xc9d1d9, 0x79c0ff, 0x0d1117, 0x30363d)),
    fixed("github_dark_dimmed", palette(0x539bf5, 0xadbac7, 0x6cb6ff, 0x22272e, 0x444c56)),
    fixed("glow_worm", palette(0x91f2ff, 0xffffff, 0x4fe8e0, 0x1f4a4f, 0x3f7a80)),
    fixed("gotham", palette(0x2aa889, 0x99d1ce, 0x6fb3bf, 0x0c1014, 0x1a3640)),
    fixed("graywhite", palette(0x24292f, 0x24292f, 0x24292f, 0xffffff, 0xd0d7de)),
    fixed("great-gatsby", palette(0xe8b04a, 0xf3e3b3, 0xd9a441, 0x0b0a08, 0x4a3c1c)),
    fixed("gruvbox", palette(0xfabd2f, 0xebdbb2, 0xfe8019, 0x282828, 0x504945)),
    fixed("gruvbox_light", palette(0x8f5902, 0x3c3836, 0xaf3a03, 0xfbf1c7, 0xd5c4a1)),
    fixed("haha_light", palette(0x241625, 0x6f5738, 0x6b5c0c, 0xf7f7f1, 0xe0d8bd)),
    fixed("highcontrast", palette(0xffff00, 0xffffff, 0x00ffff, 0x000000, 0xffffff)),
    fixed("holi", palette(0x74b8f2, 0xd6e7ff, 0x74b8f2, 0x030314, 0x2a3a63)),
    fixed("humoris", palette(0x191419, 0x2b2525, 0x4f2716, 0xdfaf77, 0xb98a55)),
    fixed("jolly", palette(0xff7be0, 0xffffff, 0xbb8cff, 0x291b3e, 0x4d3a68)),
    fixed("kacho_ga", palette(0xf09a86, 0xe6d8bd, 0xeda58f, 0x402b23, 0x6a4a3d)),
    fixed("langitmalam", palette(0xff7a4d, 0xa9b85a, 0xa89bf2, 0x02243f, 0x1d4d78)),
    fixed("lava_dark", palette(0xff6a62, 0xfed078, 0xff6a62, 0x090b0c, 0x5e2a2f)),
    fixed("lava_light", palette(0xc4140f, 0x66590f, 0xc4140f, 0xfffff0, 0xd9b3a6)),
    fixed("maroongold", palette(0xffe680, 0xe8bb5a, 0xffe680, 0x2b0505, 0x5c2020)),
    fixed("material-palenight", palette(0xc792ea, 0xa6accd, 0x89ddff, 0x292d3e, 0x444267)),
    fixed("merko", palette(0xb8d93b, 0x86c9a4, 0xd0e58f, 0x0b120d, 0x28402e)),
    fixed("midnight-purple", palette(0xb57bff, 0xffffff, 0xa96bff, 0x05010d, 0x3b2a5c)),
    fixed("moltack", palette(0x86092c, 0x574038, 0x86092c, 0xf5e1c0, 0xd9c096)),
    fixed("monokai", palette(0xff6a9c, 0xf8f8f2, 0xfd971f, 0x272822, 0x49483e)),
    fixed("neon", palette(0x00ead3, 0xff7cc0, 0x00ead3, 0x000000, 0xff449f)),
    fixed("nightowl", palette(0xc792ea, 0xd6deeb, 0xecc48d, 0x011627, 0x1d3b53)),
    fixed("noctis_minimus", palette(0xd3b692, 0xc5cdd3, 0x72b7c0, 0x1b2932, 0x3a4b57)),
    fixed("nord", palette(0x88c0d0, 0xd8dee9, 0x81a1c1, 0x2e3440, 0x4c566a)),
    fixed("ocean_dark", palette(0xb58be0, 0xa5dc5c, 0xe8f1f5, 0x151a28, 0x333c57)),
    fixed("omni", palette(0xff79c6, 0xe1e1e6, 0xe7de79, 0x191622, 0x41414d)),
    fixed("one_dark_pro", palette(0x61afef, 0xd7c28a, 0xc678dd, 0x23272e, 0x3e4452)),
    fixed("onedark", palette(0x61afef, 0xc5cbd6, 0x98c379, 0x282c34, 0x4b5263)),
    fixed("outrun", palette(0xffd319, 0xb0b4ff, 0xff5cd6, 0x150f3c, 0x453a8c)),
    fixed("panda", palette(0x19f9d8, 0xffa9d2, 0xffb86c, 0x292a2b, 0x4a4b4d)),
    fixed("prussian", palette(0xa9d1ff, 0x9db8d4, 0x5cb0ff, 0x003153, 0x1f5480)),
    fixed("radical", palette(0xff6ba8, 0xb7f0e6, 0xffd866, 0x17142b, 0x3b3560)),
    fixed("react", palette(0x61dafb, 0xffffff, 0x61dafb, 0x20232a, 0x40444f)),
    fixed("rose", palette(0x8d192b, 0x7a2730, 0xa81a30, 0xf0e2df, 0xd9bcb8)),
    fixed("rose_pine", palette(0xc4a7e7, 0xe0def4, 0xebbcba, 0x191724, 0x403d52)),
    fixed("sandbar", palette(0xf2f2f0, 0xffdb7a, 0x3fb0e0, 0x081825, 0x274257)),
    fixed("shades-of-purple", palette(0xfad000, 0xd6d1ff, 0xb9a5ff, 0x2d2b55, 0x4d4a82)),
    fixed("slateorange", palette(0xfaa84a, 0xffffff, 0xfaa84a, 0x36393f, 0x55585f)),
    fixed("solarized-dark", palette(0x3b9fe6, 0x93a1a1, 0xb58900, 0x002b36, 0x2a5661)),
    fixed("solarized-light", palette(0x1f6fa8, 0x586e75, 0x8a6800, 0xfdf6e3, 0xe0d8bf)),
    fixed("swift", palette(0x1d1d1f, 0x1d1d1f, 0xc2401f, 0xf7f7f7, 0xd9d9d9)),
    fixed("synthwave", palette(0xff7edb, 0xf0eff1, 0xfede5d, 0x262335, 0x495495)),
    fixed("tacao", palette(0x3f6259, 0x9c2f2a, 0x2f6f45, 0xffffff, 0x9ed4da)),
    fixed("tokyonight", palette(0x7aa2f7, 0xc0caf5, 0xbb9af7, 0x1a1b26, 0x3b4261)),
    fixed("unguplusdark", palette(0xb48dff, 0xc9aef5, 0xd08cff, 0x230038, 0x4f2a75)),
    fixed("vision-friendly-dark", palette(0xffb000, 0xffffff, 0x9a86ff, 0x000000, 0x4a4a4a)),
    fixed("vue", palette(0x24805a, 0x35495e, 0x24805a, 0xffffff, 0xdfe5ea)),
    fixed("vue-dark", palette(0x42b883, 0xf3f6f8, 0x42b883, 0x273849, 0x3d5368)),
    fixed("whatsapp_dark", palette(0x8fa3ae, 0x25d366, 0xb8cfc9, 0x111b21, 0x2f3b43)),
    fixed("whatsapp_light", palette(0x007a5e, 0x54656f, 0x0d483c, 0xffffff, 0xd1d7db)),
    fixed("yeblu", palette(0xffee33, 0xffffff, 0xffee33, 0x002046, 0x1f4a80)),
];

/// What panels and charts call the theme that follows the reader.
const AUTO: &str = "auto";

impl CardTheme {
    /// Every theme; the first one is the default, which follows the reader.
    #[must_use]
    pub fn every() -> &'static [CardTheme] {
        &THEMES
    }

    /// The theme with this name, in any case and with `-` or `_` in it. Other pictures call the default `auto`.
    #[must_use]
    pub fn named(text: &str) -> Option<CardTheme> {
        if text.eq_ignore_ascii_case(AUTO) {
            return Some(CardTheme::default());
        }
        let plain = |b: u8| if b == b'_' { b'-' } else { b.to_ascii_lowercase() };
        let same = |theme: &&CardTheme| theme.name.bytes().map(plain).eq(text.bytes().map(plain));
        THEMES.iter().find(same).copied()
    }

    /// The name that was probably meant.
    #[must_use]
    pub fn nearest_name(text: &str) -> Option<&'static str> {
        nearest(&text.to_ascii_lowercase(), &THEMES.map(|theme| theme.name))
    }

    /// Its name in an address.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// A ground that the palette's one colour cannot say.
    #[must_use]
    pub fn gradient(self) -> Option<CardGround> {
        let paints = || self.gradient.iter().map(|&color| Color::from_u32(color).into()).collect();
        (!self.gradient.is_empty()).then(|| CardGround::Gradient(TURNED, paints()))
    }

    /// The paint of its background.
    pub(super) fn ground(&self, palette: &CardPalette) -> CardPaint {
        match self.is_clear {
            true => CardPaint::seen_through(palette.ground),
            false => palette.ground.into(),
        }
    }
}

impl Default for CardTheme {
    fn default() -> CardTheme {
        THEMES[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::contrast;

    #[test]
    fn every_text_can_be_read_in_every_theme() {
        for theme in THEMES {
            for palette in [Some(theme.light), theme.dark].into_iter().flatten() {
                let grounds = theme.gradient.iter().map(|&color| Color::from_u32(color));
                for ground in grounds.chain([palette.ground]) {
                    for color in palette.texts() {
                        let reached = contrast(color, ground);
                        assert!(reached >= 4.5, "{}: {color} on {ground}: {reached:.2}", theme.name);
                    }
                }
            }
        }
    }

    #[test]
    fn names_are_found_however_they_are_written_and_each_once() {
        assert_eq!(CardTheme::named("Auto").unwrap().name, CardTheme::default().name);
        for theme in THEMES {
            assert_eq!(CardTheme::named(theme.name).unwrap().name, theme.name);
        }
        for (written, name) in
            [("codeSTACKr", "codestackr"), ("shadow-red", "shadow_red"), ("VUE_DARK", "vue-dark")]
        {
            assert_eq!(CardTheme::named(written).unwrap().name, name);
        }
        assert!(CardTheme::named("").is_none() && CardTheme::named("nothing").is_none());
        assert_eq!(CardTheme::nearest_name("dracla"), Some("dracula"));
    }
}
