//! A bar: an icon, two lines, and a call to action at the right.

use super::{Lang, Panel, card::ground, draw::Ids, palette::Tone};
use crate::{
    icon::Icon,
    px::Px,
    text::{Font, XmlText},
};
use std::fmt::{self, Formatter};
use tallymark_core::Event;

/// As in a card: the icon is in the place of the face, and the texts are aligned with the card's.
const MARGIN: u32 = 20;
const ICON: u32 = 40;
const TEXTS: u32 = 70;
const BETWEEN: u32 = 12;
/// Below this width there is no room for text at the right.
const WORDY: u32 = 600;

/// A bar in its place, its texts cut to their room.
pub(super) struct Bar {
    pub(super) event: Event,
    pub(super) y: u32,
    pub(super) height: u32,
    width: u32,
    icon: Icon,
    icon_size: u32,
    /// Text and size of each.
    first: (String, u32),
    second: (String, u32),
    call: (String, u32),
}

impl Bar {
    /// The like button below the cards.
    pub(super) fn below_cards(panel: &Panel<'_>, width: u32, y: u32) -> Bar {
        Bar { y, height: 70, ..Bar::like(panel, width, 28, [15, 11, 13]) }
    }

    /// The like button alone.
    pub(super) fn button(panel: &Panel<'_>, width: u32) -> Bar {
        Bar::like(panel, width, 32, [16, 12, 14])
    }

    fn like(panel: &Panel<'_>, width: u32, icon_size: u32, [first, second, call]: [u32; 3]) -> Bar {
        let lang = panel.options.lang;
        let call = self::call(lang.click(), call, width);
        let room = room(width, &call);
        let likers = match panel.is_away {
            true => lang.counting(),
            false => lang.likers(panel.likes.total, Font::regular(second), room),
        };
        Bar {
            event: Event::LIKE,
            y: 0,
            height: 60,
            width,
            icon: Icon::Heart,
            icon_size,
            first: (Font::bold(first).fit(&lang.like(), room), first),
            second: (likers, second),
            call,
        }
    }

    /// The credits of the original.
    pub(super) fn promo(panel: &Panel<'_>, width: u32) -> Bar {
        let lang = panel.options.lang;
        let call = self::call(lang.view(), 14, width);
        let room = room(width, &call);
        let (powered_by, size) = powered_by(lang, room);
        Bar {
            event: Event::VISIT,
            y: 0,
            height: 60,
            width,
            icon: Icon::Star,
            icon_size: 32,
            first: (powered_by, size),
            second: (lang.tagline(Font::regular(12), room), 12),
            call,
        }
    }

    pub(super) fn draw(&self, f: &mut Formatter<'_>, ids: &Ids) -> fmt::Result {
        let Bar { y, height, width, .. } = *self;
        let tone = Tone::of(self.event);
        let class = format!("tp-{}", tone.word);
        // In tenths of a pixel, as the baselines below.
        let middle = (2 * y + height) * 5;
        ground(f, [0, y, width, height], "tp-bar", tone, ids)?;
        let icon = self.icon.at(ICON * 10, middle, self.icon_size * 10);
        icon.draw(f, &format!("class=\"{class}\""))?;
        // Capitals are 0.72 em high; two lines of them with a gap are centred.
        let ((first, first_size), (second, second_size)) = (&self.first, &self.second);
        let both = 72 * (first_size + second_size) / 10 + 100;
        let (first_y, second_y) = (middle + 72 * first_size / 10 - both / 2, middle + both / 2);
        write!(
            f,
            "<text class=\"{class}\" x=\"{TEXTS}\" y=\"{}\" font-size=\"{first_size}\" font-weight=\"bold\">{}</text>\n\
             <text class=\"tp-soft\" x=\"{TEXTS}\" y=\"{}\" font-size=\"{second_size}\">{}</text>\n",
            Px(first_y),
            XmlText(first),
            Px(second_y),
            XmlText(second),
        )?;
        let (call, size) = &self.call;
        writeln!(
            f,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" font-size=\"{size}\" text-anchor=\"end\">{call}</text>",
            width - MARGIN,
            Px(middle + size * 36 / 10),
        )
    }
}

/// What to do: in words, or the arrow alone.
fn call(words: String, size: u32, width: u32) -> (String, u32) {
    if width < WORDY { ("→".to_owned(), 18) } else { (words, size) }
}

/// The width left for the two lines next to the call to action.
fn room(width: u32, (call, size): &(String, u32)) -> u32 {
    width.saturating_sub(TEXTS + BETWEEN + Font::regular(*size).width(call) + MARGIN)
}

/// Smaller where there is less room.
fn powered_by(lang: Lang, room: u32) -> (String, u32) {
    let whole = lang.powered_by();
    let fits = |size: &u32| Font::bold(*size).width(whole) <= room;
    let size = [16, 14, 12, 11].into_iter().find(fits).unwrap_or(10);
    (Font::bold(size).fit(whole, room), size)
}
