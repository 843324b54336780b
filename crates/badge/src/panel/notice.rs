//! What is shown in place of a panel whose address is wrong: as large as the panel, with all that is to be said.

use super::{
    Lang, Options, Panel, Picture,
    card::ground,
    draw::{self, Ids, opening},
    palette::Tone,
};
use crate::text::{Font, XmlText};
use std::fmt::{self, Display, Formatter};
use tallymark_core::{Event, Name};

const MARGIN: u32 = 20;
/// More lines are not drawn; no text has as many.
const MOST_LINES: usize = 12;

/// Its texts, each in the language of the panel, or one below the other in both.
struct Notice {
    options: Options,
    size: (u32, u32),
    heading: Option<String>,
    text: String,
    lines: Vec<String>,
    font: Font,
}

/// Draws it. The texts are the same thing in Chinese and in English.
#[must_use]
pub fn notice(picture: Picture, options: Options, [zh, en]: [&str; 2]) -> String {
    let name = Name::all();
    let (width, height) = Panel::away(name.as_ref(), options).size(picture);
    // A bar has no room for a heading.
    let has_heading = picture.has_face();
    let font = Font::regular(if has_heading { 14 } else { 12 });
    let texts = match options.lang {
        Lang::Both => vec![zh, en],
        Lang::Zh => vec![zh],
        Lang::En => vec![en],
    };
    let wrapped = |text: &&str| font.wrap(text, width - 2 * MARGIN, MOST_LINES);
    let lines: Vec<String> = texts.iter().flat_map(wrapped).collect();
    let heading = has_heading.then(|| options.lang.say("地址有误", "This address is wrong"));
    let needed = first_line(heading.is_some(), font) + (lines.len() as u32 - 1) * step(font) + MARGIN;
    let size = (width, height.max(needed));
    Notice { options, size, heading, text: options.lang.say(zh, en), lines, font }.to_string()
}

/// From the top to the foot of the first line.
fn first_line(has_heading: bool, font: Font) -> u32 {
    if has_heading { 64 } else { MARGIN / 2 + font.size }
}

fn step(font: Font) -> u32 {
    font.size * 3 / 2
}

impl Display for Notice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Notice { options, size: (width, height), heading, text, lines, font } = self;
        let (ids, tone) = (Ids::plain(), Tone::of(Event::LIKE));
        draw::head(f, *options, self.size, text)?;
        f.write_str("<defs>\n")?;
        draw::gradient(f, &ids.tint(tone), tone.tint)?;
        writeln!(f, "</defs>\n{}", opening())?;
        ground(f, [0, 0, *width, *height], "tp-card", tone, &ids)?;
        if let Some(heading) = heading {
            writeln!(
                f,
                "<text class=\"tp-like\" x=\"{MARGIN}\" y=\"36\" font-size=\"16\" font-weight=\"bold\">{}</text>",
                XmlText(heading)
            )?;
        }
        let mut y = first_line(heading.is_some(), *font);
        for line in lines {
            writeln!(
                f,
                "<text class=\"tp-text\" x=\"{MARGIN}\" y=\"{y}\" font-size=\"{}\">{}</text>",
                font.size,
                XmlText(line)
            )?;
            y += step(*font);
        }
        f.write_str("</g>\n</svg>\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::{Arrangement, Theme};

    #[test]
    fn a_notice_is_as_large_as_its_panel_and_cuts_nothing() {
        let (zh, en) = (
            "名称转义后过长：1,234 字节，最多 255 字节",
            "the name is too long: it has 1,234 bytes in escaped form (%XX for each byte that is not plain ASCII), and 255 are allowed",
        );
        for picture in Picture::EVERY {
            for arrangement in [Arrangement::Wide, Arrangement::Stacked] {
                for lang in [Lang::Both, Lang::Zh, Lang::En] {
                    let options = Options { theme: Theme::Auto, lang, arrangement };
                    let svg = notice(picture, options, [zh, en]);
                    let document = roxmltree::Document::parse(&svg).unwrap();
                    let (width, height) = Panel::away(Name::all().as_ref(), options).size(picture);
                    let root = document.root_element();
                    let side = |name: &str| root.attribute(name).unwrap().parse::<u32>().unwrap();
                    assert_eq!(side("width"), width);
                    assert!(
                        side("height") >= height && side("height") <= height + 60,
                        "{picture:?} {options:?}"
                    );
                    let texts = document.descendants().filter(|node| node.has_tag_name((SVG, "text")));
                    let mut all = String::new();
                    for text in texts {
                        let y: u32 = text.attribute("y").unwrap().parse().unwrap();
                        assert!(y + 4 <= side("height"));
                        all += text.text().unwrap();
                    }
                    let has = |text: &str| all.replace(' ', "").contains(&text.replace(' ', ""));
                    assert_eq!((has(zh), has(en)), (lang != Lang::En, lang != Lang::Zh), "{all}");
                }
            }
        }
    }

    const SVG: &str = "http://www.w3.org/2000/svg";
}
