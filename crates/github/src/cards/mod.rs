//! Cards at github-readme-stats' addresses: what an address requests, and what is shown of an account. The HTTP server
//! answers with them, and the publisher writes those that were viewed as files; both call this.
//!
//! An unknown parameter is ignored. So is a value that the original ignores, and a note says so; one on which a number
//! depends is an error (`values`).

mod address;
mod languages;
mod look;
mod notes;
mod repository;
mod stats;
mod streak;
mod traffic;
mod values;

pub use address::CardAddress;
pub use notes::CardNotes;

use crate::{Aged, DayZone, stats::KNOWN};
use address::KEYS;
use look::look;
use tallymark_badge::card::{CardLook, CardTime};
use tallymark_store::StoreRead;
use values::list;

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

/// Why there is no card, in the language of the card.
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
    /// In the language of the card.
    fn say(&self, en: &str, zh: &str) -> String {
        self.look.lang.say(en, zh)
    }

    /// The repositories that are left out. Of those that are not known one by one, nothing can be taken off.
    fn excluded(&self, notes: &mut CardNotes) -> Vec<String> {
        let (named, stats) = (list(self.address, "exclude_repo"), &self.aged.stats);
        let is_known = |name: &String| stats.known.iter().any(|known| known.name.eq_ignore_ascii_case(name));
        let why = match stats.knows_all() {
            true => "is no repository of this account".to_owned(),
            false => format!("is not among the {KNOWN} repositories with the most stars, so it is counted"),
        };
        named
            .iter()
            .filter(|name| !is_known(name))
            .for_each(|name| notes.instead("exclude_repo", name, &why));
        named
    }

    /// When all of it was true: what the repositories add up to, and something with an age of its own.
    fn time(&self, other: Option<u64>) -> CardTime {
        let (at, is_old) = self.aged.with(other);
        CardTime { at, is_old }
    }
}

impl CardAddress {
    /// How the card looks.
    #[must_use]
    pub fn look(&self, notes: &mut CardNotes) -> CardLook {
        look(self, notes)
    }

    /// Notes what the query of an address has that no card here has, or has twice.
    pub fn note_unsupported<'a>(
        &self,
        notes: &mut CardNotes,
        given: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) {
        let is_it = |key: &str, known: &str| key.eq_ignore_ascii_case(known);
        notes.unsupported(self.kind, |known| given.clone().any(|(key, _)| is_it(key, known)));
        for known in ["username", "user"].into_iter().chain(KEYS) {
            let mut values = given.clone().filter(|(key, _)| is_it(key, known)).map(|(_, value)| value);
            let first = values.next();
            if values.any(|other| Some(other) != first) {
                notes.add(&format!("{known} is given twice: the first is taken"));
            }
        }
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
