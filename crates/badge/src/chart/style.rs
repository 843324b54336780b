//! The colours of charts, light and dark, and the style sheet that chooses between them.
//!
//! The sheet is the same in every chart, and its classes carry a prefix: several charts inlined into one page do not
//! disturb each other, nor the page. Lines do not differ only in colour: the last three are dashed.

use crate::Color;
use std::fmt;

/// How many series one chart shows; there are as many colours.
pub(super) const SERIES: usize = 6;

struct Scheme {
    ground: Color,
    frame: Color,
    text: Color,
    soft: Color,
    grid: Color,
    axis: Color,
    bar: Color,
    lines: [Color; SERIES],
}

const LIGHT: Scheme = Scheme {
    ground: Color::from_u32(0xffffff),
    frame: Color::from_u32(0xd5dae0),
    text: Color::from_u32(0x1c2127),
    soft: Color::from_u32(0x59636e),
    grid: Color::from_u32(0xebeef1),
    axis: Color::from_u32(0xb8c0c8),
    bar: Color::from_u32(0x0f9b78),
    // Found by a search for the greatest distance between any two, for all kinds of colour vision: see the tests.
    lines: [
        Color::from_u32(0x0f9b78),
        Color::from_u32(0x740ac9),
        Color::from_u32(0xbc4c03),
        Color::from_u32(0x1d3273),
        Color::from_u32(0xbf78c6),
        Color::from_u32(0x4f1d22),
    ],
};

/// GitHub's dark background.
const DARK: Scheme = Scheme {
    ground: Color::from_u32(0x0d1117),
    frame: Color::from_u32(0x303841),
    text: Color::from_u32(0xe7ebef),
    soft: Color::from_u32(0x9aa5b1),
    grid: Color::from_u32(0x1d242c),
    axis: Color::from_u32(0x46505b),
    bar: Color::from_u32(0x2fc79b),
    lines: [
        Color::from_u32(0x2fc79b),
        Color::from_u32(0x9055ff),
        Color::from_u32(0xeebc49),
        Color::from_u32(0x3c89d3),
        Color::from_u32(0xffd4ed),
        Color::from_u32(0xbcbeff),
    ],
};

/// Which colours a chart has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChartTheme {
    /// Those of its reader's system.
    #[default]
    Auto,
    /// For a light page.
    Light,
    /// For a dark page.
    Dark,
}

impl ChartTheme {
    /// With the word in addresses.
    pub const EVERY: [(&'static str, ChartTheme); 3] =
        [("auto", ChartTheme::Auto), ("light", ChartTheme::Light), ("dark", ChartTheme::Dark)];
}

/// The style sheet, in one line.
pub(super) struct Sheet(pub(super) ChartTheme);

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            ".tm-grid{stroke-width:1}\
             .tm-line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\
             .tm-3{stroke-dasharray:6 4}.tm-4{stroke-dasharray:1 4}.tm-5{stroke-dasharray:8 4 1 4}\
             .tm-area{fill-opacity:.14}\
             .tm-bar.tm-part{fill-opacity:.25;stroke-dasharray:3 2}\
             .tm-line.tm-part{stroke-dasharray:2 5}\
             .tm-halo{paint-order:stroke;stroke-width:4;stroke-linejoin:round}\
             .tm-spot{fill:none;pointer-events:all}\
             g:hover>.tm-spot{fill:#8a949e;fill-opacity:.12}",
        )?;
        match self.0 {
            ChartTheme::Auto => write!(f, "{LIGHT}@media(prefers-color-scheme:dark){{{DARK}}}"),
            ChartTheme::Light => LIGHT.fmt(f),
            ChartTheme::Dark => DARK.fmt(f),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scheme { ground, frame, text, soft, grid, axis, bar, lines } = self;
        write!(
            f,
            ".tm-ground{{fill:{ground};stroke:{frame}}}.tm-text{{fill:{text}}}.tm-soft{{fill:{soft}}}\
             .tm-grid{{stroke:{grid}}}.tm-axis{{stroke:{axis}}}.tm-bar{{fill:{bar}}}.tm-part{{stroke:{bar}}}\
             .tm-break{{fill:{ground}}}.tm-halo{{stroke:{ground}}}",
        )?;
        for (i, color) in lines.iter().enumerate() {
            write!(f, ".tm-line.tm-{i}{{stroke:{color}}}.tm-dot.tm-{i}{{fill:{color}}}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::{contrast, linear};

    fn multiply(matrix: [[f64; 3]; 3], by: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(by).map(|(a, b)| a * b).sum())
    }

    /// CIE 1976 L*a*b* of linear sRGB.
    fn lab(rgb: [f64; 3]) -> [f64; 3] {
        const XYZ: [[f64; 3]; 3] =
            [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1095, 0.8728]];
        let [x, y, z] = multiply(XYZ, rgb.map(|part| part.clamp(0.0, 1.0)))
            .map(|t| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// Machado, Oliveira and Fernandes 2009, severity 1: normal vision, protanopia, deuteranopia, tritanopia.
    const EYES: [[[f64; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ];

    #[test]
    fn texts_and_lines_stand_out_from_their_ground() {
        for scheme in [LIGHT, DARK] {
            for text in [scheme.text, scheme.soft] {
                assert!(contrast(text, scheme.ground) >= 4.5, "{text}");
            }
            for line in scheme.lines.into_iter().chain([scheme.bar]) {
                assert!(contrast(line, scheme.ground) >= 3.0, "{line} {}", contrast(line, scheme.ground));
            }
        }
    }

    #[test]
    fn a_theme_has_its_own_colours_alone() {
        let sheet = |theme| Sheet(theme).to_string();
        let (auto, light, dark) =
            (sheet(ChartTheme::Auto), sheet(ChartTheme::Light), sheet(ChartTheme::Dark));
        assert!(
            auto.contains("fill:#fff;")
                && auto.contains("prefers-color-scheme")
                && auto.contains("fill:#0d1117")
        );
        assert!(light.contains("fill:#fff;") && !light.contains("fill:#0d1117") && !light.contains("@media"));
        assert!(!dark.contains("fill:#fff;") && dark.contains("fill:#0d1117") && !dark.contains("@media"));
    }

    #[test]
    fn lines_are_told_apart_by_every_eye() {
        for scheme in [LIGHT, DARK] {
            for (eye, matrix) in EYES.iter().enumerate() {
                let seen = scheme.lines.map(|color| lab(multiply(*matrix, linear(color))));
                for i in 0..SERIES {
                    for j in 0..i {
                        let apart: f64 =
                            (0..3).map(|k| (seen[i][k] - seen[j][k]).powi(2)).sum::<f64>().sqrt();
                        let (a, b) = (scheme.lines[i], scheme.lines[j]);
                        // 2.3 is just noticeable side by side; thin lines far apart need several times that.
                        assert!(apart >= 20.0, "eye {eye}: {a} and {b} are {apart:.1} apart");
                    }
                }
            }
        }
    }
}
