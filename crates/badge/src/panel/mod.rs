//! Panels: how often a project was visited and liked, and the latest visits and likes.
//!
//! A [`Panel`] becomes SVG text, as one of five [`Picture`]s. They have the sizes, texts and gradients of snow-trace's,
//! so that a README keeps its look. Every text is cut to fit, the viewer chooses light or dark unless the caller does,
//! and nothing is loaded from other addresses: an avatar is a `data:` URI.
//!
//! A panel shows how long ago things were, so it ages: [`Panel::due`] says when it must be redrawn. The callers, the
//! publisher and the HTTP server, count, look up places and fetch avatars.

mod ago;
mod avatar;
mod bar;
mod card;
mod draw;
mod notice;
mod options;
mod palette;
mod shown;
mod variant;
mod words;

pub use avatar::{Avatar, MAX_AVATAR, NotAnAvatar};
pub use notice::notice;
pub use options::{Arrangement, Lang, NotAnOption, Options, Theme};
pub use shown::{PanelRows, Shown};
pub use variant::Variant;

use draw::Composition;
use std::fmt::Write;
use tallymark_core::{ClientClass, Event, Minute, NameRef};

/// How many traces one card shows: the newest.
pub const MOST_TRACES: usize = 10;

/// Most pictures without an avatar are smaller.
const USUAL_SIZE: usize = 8 << 10;

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
    /// The credits: a bar of 780 by 60. It does not depend on the name.
    Promo,
}

impl Picture {
    /// All of them.
    pub const EVERY: [Picture; 5] =
        [Picture::Both, Picture::Visits, Picture::Likes, Picture::Button, Picture::Promo];

    /// Its word in addresses: `/v1/visit/octo/hello`.
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

    /// Whether there is a card on it, and on the card the face of the name's owner.
    #[must_use]
    pub fn has_face(self) -> bool {
        !self.traces().is_empty()
    }

    /// The counters whose traces it shows, and therefore needs.
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

/// Where a visit came from, as far as known; unknown parts are empty.
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
    /// The value of the counter at that hit, if it is known.
    pub number: Option<i64>,
    /// When.
    pub minute: Minute,
    /// The class of client.
    pub class: ClientClass,
    /// The place. If it is empty, the class of client is shown.
    pub locality: Locality<'a>,
}

/// A counter and its latest traces.
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

/// Everything that the pictures of a name show.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    /// The name. The part before the first `/` is the owner, who has the avatar.
    pub name: NameRef<'a>,
    /// The owner's; without it, the initials are drawn.
    pub avatar: Option<Avatar<'a>>,
    /// The visits. The [button](Picture::Button) does not show them.
    pub visits: Tallied<'a>,
    /// The likes.
    pub likes: Tallied<'a>,
    /// The current time, from which ages are computed.
    pub now: Minute,
    /// The viewer's choices.
    pub options: Options,
    /// Nothing can be read at the moment, and the picture says so: see [`Panel::away`].
    pub is_away: bool,
}

impl<'a> Panel<'a> {
    /// The panel while nothing can be read: in its size, without numbers. Of an aggregate, no name is drawn.
    #[must_use]
    pub fn away(name: NameRef<'a>, options: Options) -> Panel<'a> {
        let (visits, likes) = (Tallied::default(), Tallied::default());
        Panel { name, avatar: None, visits, likes, now: Minute(0), options, is_away: true }
    }

    /// Draws a picture. Less than 64 KiB without the avatar, whatever the texts are.
    #[must_use]
    pub fn render(&self, picture: Picture) -> String {
        let mut svg = String::with_capacity(USUAL_SIZE);
        // A String does not fail to grow in a way that could be reported.
        let _ = write!(svg, "{}", Composition::of(self, picture));
        svg
    }

    /// Width and height of a picture, in pixels.
    #[must_use]
    pub fn size(&self, picture: Picture) -> (u32, u32) {
        Composition::of(self, picture).size()
    }

    /// The first minute in which a time on the picture changes, so that it must be redrawn; `None` if none ever will.
    #[must_use]
    pub fn due(&self, picture: Picture) -> Option<Minute> {
        let shown = picture.traces().iter().flat_map(|&event| self.tallied(event).shown());
        shown.filter_map(|trace| ago::changes(trace.minute, self.now)).min()
    }

    /// The title of a picture, in one line: `octo/hello: 1,234 visits, 56 likes`. Not escaped.
    #[must_use]
    pub fn title(&self, picture: Picture) -> String {
        words::title(self, picture)
    }

    fn tallied(&self, event: Event) -> Tallied<'a> {
        if event == Event::LIKE { self.likes } else { self.visits }
    }
}
