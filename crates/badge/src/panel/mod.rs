//! Panels: how often a project was visited and liked, and the latest of each.
//!
//! [`Panel`] goes in, SVG text comes out, as one of five [`Picture`]s. They have the sizes, texts and gradients of
//! snow-trace's, so that a README keeps its look. Every text is cut to its room, light or dark is the viewer's choice
//! unless the caller makes it, and nothing is loaded from elsewhere: an avatar comes as a `data:` URI.
//!
//! A panel shows how long ago things were, so it ages: [`Panel::due`] says when it must be drawn again. Counting, looking
//! up places and fetching avatars are left to the callers: the publisher and the HTTP server.

mod ago;
mod avatar;
mod bar;
mod card;
mod draw;
mod icon;
mod options;
mod palette;
mod snippet;
mod words;

pub use avatar::{Avatar, MAX_AVATAR, NotAnAvatar};
pub use options::{Arrangement, Lang, NotAnOption, Options, Theme};
pub use snippet::snippet;

use draw::Composition;
use tallymark_core::{Event, Minute, NameRef, Visit};

/// How many traces one card shows: the newest.
pub const MOST_TRACES: usize = 10;

/// One of the five pictures of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Picture {
    /// Both cards and the like button: the badge for a README. 780 wide, 320 to 440 high.
    Both,
    /// The card of the visits, 380 wide.
    Visits,
    /// The card of the likes, 380 wide.
    Likes,
    /// The like button: a bar of 780 by 60.
    Button,
    /// Who draws the panels: a bar of 780 by 60. It shows nothing of the name.
    Promo,
}

impl Picture {
    /// All of them.
    pub const EVERY: [Picture; 5] =
        [Picture::Both, Picture::Visits, Picture::Likes, Picture::Button, Picture::Promo];

    /// The word that addresses have for it: `/v1/visit/octo/hello`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Picture::Both => "badge",
            Picture::Visits => "visit",
            Picture::Likes => "like",
            Picture::Button => "button",
            Picture::Promo => "promo",
        }
    }

    /// The picture with a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Picture> {
        Picture::EVERY.into_iter().find(|picture| picture.word() == word)
    }

    /// What it shows traces of, and therefore needs them for.
    #[must_use]
    pub fn traces(self) -> &'static [Event] {
        match self {
            Picture::Both => &[Event::VISIT, Event::LIKE],
            Picture::Visits => &[Event::VISIT],
            Picture::Likes => &[Event::LIKE],
            Picture::Button | Picture::Promo => &[],
        }
    }
}

/// Where a visit came from, as far as that is known; what is not is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Locality<'a> {
    /// The name of a city.
    pub city: &'a str,
    /// Two letters, or `LOCAL`.
    pub country: &'a str,
}

/// One line of a card: a visit, or the visit that brought a like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace<'a> {
    /// What the counter said with it.
    pub number: i64,
    /// When it was, and what kind of client came.
    pub visit: Visit,
    /// Where from. The kind of client is shown where this is empty.
    pub locality: Locality<'a>,
}

/// A counter and the latest that it counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tallied<'a> {
    /// The count.
    pub total: i64,
    /// The newest first; at most [`MOST_TRACES`] are shown.
    pub traces: &'a [Trace<'a>],
}

impl<'a> Tallied<'a> {
    fn shown(&self) -> &'a [Trace<'a>] {
        &self.traces[..self.traces.len().min(MOST_TRACES)]
    }
}

/// All that the pictures of a name show.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    /// Whose. Its part before the first `/` is the owner, who has the avatar.
    pub name: NameRef<'a>,
    /// The owner's; without it, the initials are drawn.
    pub avatar: Option<Avatar<'a>>,
    /// The visits. The [button](Picture::Button) does not show them.
    pub visits: Tallied<'a>,
    /// The likes.
    pub likes: Tallied<'a>,
    /// The present, which times are told from.
    pub now: Minute,
    /// What a viewer may choose.
    pub options: Options,
}

impl<'a> Panel<'a> {
    /// Draws a picture. Less than 64 KiB beside the avatar, whatever the texts are.
    #[must_use]
    pub fn render(&self, picture: Picture) -> String {
        Composition::of(self, picture).to_string()
    }

    /// Width and height of a picture, in pixels.
    #[must_use]
    pub fn size(&self, picture: Picture) -> (u32, u32) {
        Composition::of(self, picture).size()
    }

    /// The first minute in which a time on the picture reads otherwise, so that it must be drawn again; `None` if none ever will.
    #[must_use]
    pub fn due(&self, picture: Picture) -> Option<Minute> {
        let shown = picture.traces().iter().flat_map(|&event| self.tallied(event).shown());
        shown.filter_map(|trace| ago::changes(trace.visit.minute, self.now)).min()
    }

    /// What a picture is of, in one line: `octo/hello: 1,234 visits, 56 likes`. Not escaped.
    #[must_use]
    pub fn title(&self, picture: Picture) -> String {
        words::title(self, picture)
    }

    fn tallied(&self, event: Event) -> Tallied<'a> {
        if event == Event::LIKE { self.likes } else { self.visits }
    }
}
