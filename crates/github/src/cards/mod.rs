//! Cards at github-readme-stats' addresses: what an address requests, and what is shown of an account. The HTTP server
//! answers with them, and the publisher writes those that were viewed as files; both call this.
//!
//! An unknown parameter is ignored. An unknown value is an error, unless the original accepts it and no number depends
//! on it: then the card is drawn, and a note says so.

mod address;
mod languages;
mod look;
mod notes;
mod repository;
mod stats;
mod streak;
mod traffic;

pub use address::CardAddress;
pub use notes::CardNotes;

use crate::{Aged, DayZone};
use look::look;
use tallymark_badge::card::{CardLook, CardTime};
use tallymark_store::StoreRead;

/// What a card shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardKind {
    /// Numbers, and a rank.
    Stats,
    /// Days in a row.
    Streak,
    /// Languages.
    Languages,
    /// One repository.
    Repository,
    /// The visitors of one.
    Traffic,
}

impl CardKind {
    /// With the word in a file's name.
    const EVERY: [(&str, CardKind); 5] = [
        ("stats", CardKind::Stats),
        ("streak", CardKind::Streak),
        ("langs", CardKind::Languages),
        ("pin", CardKind::Repository),
        ("traffic", CardKind::Traffic),
    ];

    /// Each, with its word.
    pub fn every() -> impl Iterator<Item = (&'static str, CardKind)> {
        CardKind::EVERY.into_iter()
    }

    /// The usual size of the card, in pixels.
    #[must_use]
    pub fn size(self) -> (u32, u32) {
        match self {
            CardKind::Stats => (450, 209),
            CardKind::Streak => (495, 216),
            CardKind::Languages => (340, 284),
            CardKind::Repository => (400, 150),
            CardKind::Traffic => (420, 200),
        }
    }

    fn word(self) -> &'static str {
        CardKind::EVERY.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }

    fn from_word(text: &str) -> Option<CardKind> {
        CardKind::EVERY.iter().find(|(word, _)| *word == text).map(|(_, kind)| *kind)
    }
}

/// Why there is no card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCard {
    /// The address is wrong.
    Wrong(String),
    /// There is no such thing.
    Nothing(String),
    /// Not known yet.
    NotYet(String),
}

impl From<String> for NoCard {
    fn from(what: String) -> NoCard {
        NoCard::Wrong(what)
    }
}

/// What a card depends on, other than its address and its account.
#[derive(Clone, Copy, Debug)]
pub struct CardTerms {
    /// Where days end, unless the address says it.
    pub zone: DayZone,
    /// When it is, in seconds since 1970.
    pub now: u64,
    /// Whether there is a token. Without one, the activity of an account is not known.
    pub has_tokens: bool,
}

/// What a card is drawn from.
struct CardSource<'a> {
    address: &'a CardAddress,
    aged: &'a Aged,
    look: &'a CardLook,
    terms: CardTerms,
}

impl CardSource<'_> {
    /// When all of it was true: what the repositories add up to, and something with an age of its own.
    fn time(&self, other: Option<u64>) -> CardTime {
        let (at, is_old) = self.aged.with(other);
        CardTime { at, is_old }
    }
}

impl CardAddress {
    /// How the card looks.
    ///
    /// # Errors
    ///
    /// What is wrong with the address.
    pub fn look(&self, notes: &mut CardNotes) -> Result<CardLook, String> {
        look(self, notes)
    }

    /// Notes what the query of an address has that no card here has.
    pub fn note_unsupported(&self, notes: &mut CardNotes, is_given: impl Fn(&str) -> bool) {
        notes.unsupported(self.kind, is_given);
    }

    /// Draws the card. Only that of a repository's visitors reads the store.
    ///
    /// # Errors
    ///
    /// [`NoCard`].
    pub async fn draw(
        &self,
        store: &dyn StoreRead,
        aged: &Aged,
        look: &CardLook,
        terms: CardTerms,
        notes: &mut CardNotes,
    ) -> Result<String, NoCard> {
        let source = CardSource { address: self, aged, look, terms };
        match self.kind {
            CardKind::Stats => stats::draw(&source, notes),
            CardKind::Streak => streak::draw(&source, notes),
            CardKind::Languages => languages::draw(&source, notes),
            CardKind::Repository => repository::draw(&source, notes),
            CardKind::Traffic => traffic::draw(&source, store).await,
        }
    }
}
