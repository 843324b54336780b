//! A whole picture: its size, what it defines for itself, and its parts in their places.

use super::{
    Arrangement, Avatar, Options, Panel, Picture,
    bar::Bar,
    card::Card,
    palette::{Rules, Tone},
};
use crate::{id, text::XmlText};
use std::fmt::{self, Display, Formatter};
use tallymark_core::Event;

/// Width of a card, of a picture of two, and the gap between its parts.
const NARROW: u32 = 380;
const WIDE: u32 = 780;
const GAP: u32 = 10;

/// Lines that both cards of a wide picture have room for at least.
const LEAST_LINES: usize = 5;

/// GitHub's own fonts, so that a panel looks at home in a README.
const FONTS: &str = "-apple-system,BlinkMacSystemFont,Segoe UI,Noto Sans,Helvetica,Arial,PingFang SC,Microsoft YaHei,\
                     Noto Sans CJK SC,sans-serif";

/// A picture of a panel with everything in its place.
pub(super) struct Composition<'a> {
    panel: &'a Panel<'a>,
    picture: Picture,
    cards: Vec<Card<'a>>,
    bar: Option<Bar>,
    width: u32,
    height: u32,
}

impl<'a> Composition<'a> {
    pub(super) fn of(panel: &'a Panel<'a>, picture: Picture) -> Composition<'a> {
        let stacked = panel.options.arrangement == Arrangement::Stacked;
        let cards = match picture {
            Picture::Both if !stacked => {
                let lines = [panel.visits, panel.likes].map(|tallied| tallied.shown().len());
                let lines = lines.into_iter().fold(LEAST_LINES, usize::max);
                let width = (WIDE - GAP) / 2;
                vec![
                    Card { panel, event: Event::VISIT, x: 0, y: 0, width, lines },
                    Card { panel, event: Event::LIKE, x: width + GAP, y: 0, width, lines },
                ]
            }
            _ => column(panel, picture.traces()),
        };
        let below = cards.last().map_or(0, |card| card.y + card.height() + GAP);
        let width = if cards.len() == 1 || stacked { NARROW } else { WIDE };
        let bar = match picture {
            Picture::Both => Some(Bar::below_cards(panel, width, below)),
            Picture::Button => Some(Bar::button(panel, width)),
            Picture::Promo => Some(Bar::promo(panel, width)),
            Picture::Visits | Picture::Likes => None,
        };
        let height = bar.as_ref().map_or(below.saturating_sub(GAP), |bar| bar.y + bar.height);
        Composition { panel, picture, cards, bar, width, height }
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn define(&self, f: &mut Formatter<'_>, ids: &Ids) -> fmt::Result {
        f.write_str("<defs>\n")?;
        for event in [Event::VISIT, Event::LIKE] {
            let tone = Tone::of(event);
            let has_card = self.cards.iter().any(|card| card.event == event);
            if has_card || self.bar.as_ref().is_some_and(|bar| bar.event == event) {
                gradient(f, &ids.tint(tone), tone.tint)?;
            }
            if has_card && self.panel.avatar.is_none() {
                gradient(f, &ids.face(tone), tone.face)?;
            }
        }
        if let (Some(avatar), false) = (self.panel.avatar, self.cards.is_empty()) {
            define_avatar(f, avatar, ids)?;
        }
        f.write_str("</defs>\n")
    }
}

/// The picture and its title, which is not escaped yet.
pub(super) fn head(
    f: &mut Formatter<'_>,
    options: Options,
    (width, height): (u32, u32),
    title: &str,
) -> fmt::Result {
    let title = XmlText(title);
    write!(
        f,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" class=\"{}\" lang=\"{}\" role=\"img\" aria-label=\"{title}\">\n\
         <title>{title}</title>\n<style>{}</style>\n",
        options.theme.class(),
        options.lang.tag(),
        Rules(options.theme),
    )
}

/// Around everything that is drawn. It is hidden from screen readers, which have the aria-label and would read each
/// text twice.
pub(super) fn opening() -> impl Display {
    format!("<g aria-hidden=\"true\" font-family=\"{FONTS}\" text-rendering=\"geometricPrecision\">")
}

/// Cards one below the other, each as high as its own lines.
fn column<'a>(panel: &'a Panel<'a>, events: &[Event]) -> Vec<Card<'a>> {
    let mut y = 0;
    let card = |&event| {
        let lines = panel.tallied(event).shown().len();
        let card = Card { panel, event, x: 0, y, width: NARROW, lines };
        y += card.height() + GAP;
        card
    };
    events.iter().map(card).collect()
}

pub(super) fn gradient(f: &mut Formatter<'_>, id: &str, [from, to]: [crate::Color; 2]) -> fmt::Result {
    writeln!(
        f,
        "<linearGradient id=\"{id}\" x2=\"1\" y2=\"1\"><stop stop-color=\"{from}\"/>\
         <stop offset=\"1\" stop-color=\"{to}\"/></linearGradient>"
    )
}

/// Once, however often it is shown.
fn define_avatar(f: &mut Formatter<'_>, avatar: Avatar<'_>, ids: &Ids) -> fmt::Result {
    writeln!(
        f,
        "<clipPath id=\"{clip}\"><circle cx=\"20\" cy=\"20\" r=\"20\"/></clipPath>\n\
         <image id=\"{id}\" width=\"40\" height=\"40\" preserveAspectRatio=\"xMidYMid slice\" \
         clip-path=\"url(#{clip})\" href=\"{uri}\"/>",
        clip = ids.clip(),
        id = ids.avatar(),
        uri = avatar.uri(),
    )
}

/// The names of what a picture defines. They end in a hash of what they depend on.
pub(super) struct Ids(String);

impl Ids {
    fn of(panel: &Panel<'_>) -> Ids {
        let avatar = panel.avatar.map_or("", Avatar::uri);
        Ids(id::suffix(avatar.bytes()).map(char::from).iter().collect())
    }

    /// Of a picture without a face.
    pub(super) fn plain() -> Ids {
        Ids(id::suffix([].into_iter()).map(char::from).iter().collect())
    }

    pub(super) fn tint(&self, tone: &Tone) -> String {
        format!("tp-{}-tint-{}", tone.word, self.0)
    }

    pub(super) fn face(&self, tone: &Tone) -> String {
        format!("tp-{}-face-{}", tone.word, self.0)
    }

    pub(super) fn avatar(&self) -> String {
        format!("tp-avatar-{}", self.0)
    }

    fn clip(&self) -> String {
        format!("tp-clip-{}", self.0)
    }
}

impl Display for Composition<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ids = Ids::of(self.panel);
        head(f, self.panel.options, self.size(), &self.panel.title(self.picture))?;
        self.define(f, &ids)?;
        writeln!(f, "{}", opening())?;
        self.cards.iter().try_for_each(|card| card.draw(f, &ids))?;
        self.bar.iter().try_for_each(|bar| bar.draw(f, &ids))?;
        f.write_str("</g>\n</svg>\n")
    }
}
