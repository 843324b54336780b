//! Draws an SVG picture as PNG: a pure function, except for the fonts of the system. There is no limit on its time, and
//! the renderer panics on some pictures, so it runs in a separate process.

use super::{fonts, scripts};
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{ImageHrefResolver, ImageKind, Options, Tree},
};
use std::{borrow::Cow, sync::Arc};

/// More pixels are not drawn: a larger picture becomes a smaller one.
pub(super) const MOST_PIXELS: f32 = 4_000_000.0;
/// The largest picture within a picture, in pixels of a side.
const LONGEST_SIDE: usize = 2048;

/// What asks for letters that are narrower than ours.
const HELVETICA: &str = "font-family=\"Helvetica";

/// Why a picture cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotDrawn {
    /// An operator's template can be such.
    #[error("it is not an SVG that can be drawn")]
    Svg(#[from] resvg::usvg::Error),
    #[error("it has no size")]
    Size,
    #[error("it cannot be written as PNG: {0}")]
    Png(String),
}

/// Draws a picture, `scale` pixels for each of its own.
pub(super) fn draw(svg: &str, scale: f32) -> Result<Vec<u8>, NotDrawn> {
    let options = Options {
        font_family: "DejaVu Sans".to_owned(),
        font_resolver: fonts::resolver(),
        fontdb: fonts::SHIPPED.clone(),
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(inner_picture),
            // Nothing is read from a path or an address.
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_str(&prepared(svg), &options)?;
    let size = tree.size();
    let scale = scale.min((MOST_PIXELS / (size.width() * size.height())).sqrt());
    let side = |length: f32| (length * scale).round().max(1.0);
    let (width, height) = (side(size.width()), side(size.height()));
    let mut pixels = Pixmap::new(width as u32, height as u32).ok_or(NotDrawn::Size)?;
    let fit = Transform::from_scale(width / size.width(), height / size.height());
    resvg::render(&tree, fit, &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| NotDrawn::Png(error.to_string()))
}

/// Our bold letters are a quarter wider than those that shields.io's `social` is measured for. With less room between
/// them they would run into each other, so they become narrower themselves. In any other picture, letters of other
/// fonts leave ours as they are.
fn prepared(svg: &str) -> Cow<'_, str> {
    let apart = scripts::apart(svg);
    if !svg.contains(HELVETICA) {
        return apart;
    }
    Cow::Owned(apart.replace(" textLength=", " lengthAdjust=\"spacingAndGlyphs\" textLength="))
}

/// A logo, an avatar or a digit. Somebody else may have made it, so its size is looked at before it is decoded, and an SVG
/// with dashes is left out: a short text can ask for millions of them.
fn inner_picture(kind: &str, content: Arc<Vec<u8>>, options: &Options<'_>) -> Option<ImageKind> {
    if kind == "image/svg+xml" {
        let has_dashes = content.windows(b"dasharray".len()).any(|part| part == b"dasharray");
        let read = ImageHrefResolver::default_data_resolver();
        return if has_dashes { None } else { read(kind, content, options) };
    }
    let size = imagesize::blob_size(&content).ok()?;
    if size.width > LONGEST_SIDE || size.height > LONGEST_SIDE {
        return None;
    }
    ImageHrefResolver::default_data_resolver()(kind, content, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\">";

    fn pixels(svg: &str, scale: f32) -> Pixmap {
        Pixmap::decode_png(&draw(svg, scale).unwrap()).unwrap()
    }

    fn dark(picture: &Pixmap) -> usize {
        picture.pixels().iter().filter(|pixel| pixel.alpha() > 128).count()
    }

    #[test]
    fn pictures_are_as_large_as_asked_and_bounded() {
        let svg = format!("{HEAD}<path d=\"M0 0h40v20H0z\"/></svg>");
        for (scale, size) in [(1.0, (40, 20)), (2.0, (80, 40)), (4.0, (160, 80))] {
            let picture = pixels(&svg, scale);
            assert_eq!((picture.width(), picture.height()), size);
            assert_eq!(dark(&picture), (size.0 * size.1) as usize);
        }
        let wide = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"90000\" height=\"9000\"/>";
        let picture = pixels(wide, 4.0);
        assert!(picture.width() as f32 * picture.height() as f32 <= MOST_PIXELS * 1.01);
        for wrong in ["", "<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"0\" height=\"0\"/>"] {
            assert!(draw(wrong, 1.0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn texts_are_drawn_whatever_font_they_name() {
        let text = |font: &str, text: &str| {
            dark(&pixels(&format!("{HEAD}<text y=\"15\" font-family=\"{font}\">{text}</text></svg>"), 1.0))
        };
        assert!(text("Verdana,sans-serif", "123") > 20);
        assert_eq!(text("Verdana", "123"), text("No Such Font", "123"));
    }

    /// shields.io's `social` is measured for narrower letters.
    #[test]
    fn letters_of_social_do_not_run_into_each_other() {
        use tallymark_badge::shields::{Shield, Style};
        let text = "000000";
        let svg = Shield::new(Style::Social, text, "").render();
        let picture = pixels(&svg, 4.0);
        // A row through their middle.
        let (width, row) = (picture.width() as usize, 4 * 10);
        let is_ink = |at: usize| picture.pixels()[row * width + at].red() < 150;
        // Two strokes of each letter, and paper between any two.
        let strokes = (1..width).filter(|&at| is_ink(at) && !is_ink(at - 1)).count();
        assert_eq!(strokes, 2 * text.len());
    }

    #[test]
    fn letters_of_other_scripts_are_drawn_in_social_too() {
        use tallymark_badge::shields::{Shield, Style};
        let svg = Shield::new(Style::Social, "访问", "1,234").render();
        let prepared = prepared(&svg);
        // Without a family that names the letter, no font of this machine is used for it.
        assert!(
            prepared.contains(&format!("<tspan font-family=\"{}\">", fonts::family_of('访'))),
            "{prepared}"
        );
        assert!(prepared.contains("lengthAdjust"), "the number keeps its width: {prepared}");
    }

    /// As in a browser: the strokes of the bold face are wider.
    #[test]
    fn chinese_text_is_bold_where_a_bold_font_is_installed() {
        let text = |weight: &str| {
            let svg = format!("{HEAD}<text y=\"15\" font-weight=\"{weight}\">访问记录</text></svg>");
            pixels(&svg, 4.0).pixels().iter().map(|pixel| u64::from(pixel.alpha())).sum::<u64>()
        };
        let (regular, bold) = (text("normal"), text("bold"));
        if fonts::has_bold('访') {
            assert!(bold * 10 > regular * 11, "{bold} and {regular}");
        } else {
            assert_eq!(bold, regular);
        }
    }

    #[test]
    fn nothing_is_read_from_elsewhere_and_bombs_are_left_out() {
        let image = |href: &str| {
            dark(&pixels(&format!("{HEAD}<image width=\"9\" height=\"9\" href=\"{href}\"/></svg>"), 1.0))
        };
        let file = std::env::temp_dir().join(format!("tallymark-{}.svg", std::process::id()));
        std::fs::write(&file, format!("{HEAD}<path d=\"M0 0h40v20H0z\"/></svg>")).unwrap();
        assert_eq!(image(file.to_str().unwrap()), 0);
        std::fs::remove_file(file).unwrap();
        // A GIF that says it is 65,535 pixels wide and high, and then one of a pixel.
        assert_eq!(image("data:image/gif;base64,R0lGODlh/////wAAADs="), 0);
        let inner = |inside: &str| {
            use base64::{Engine, engine::general_purpose::STANDARD};
            format!("data:image/svg+xml;base64,{}", STANDARD.encode(format!("{HEAD}{inside}</svg>")))
        };
        assert!(image(&inner("<path d=\"M0 0h40v20H0z\"/>")) > 20);
        let dashes = "<path stroke=\"red\" stroke-width=\"9\" stroke-dasharray=\"1e-6\" d=\"M0 0h9e9\"/>";
        assert_eq!(image(&inner(dashes)), 0);
    }
}
