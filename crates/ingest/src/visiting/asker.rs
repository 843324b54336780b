//! The data that is kept about a client: the location of its address, and anything else the operator wants.

use super::VisitGate;
use crate::geo::Atlas;
use std::sync::Arc;
use tallymark_core::{Asker, AskerDetails, Event, Hit, KeptVisits, kept_text};

/// Which texts of a client are kept. None without a word from the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskerTexts {
    /// Its address.
    pub address: bool,
    /// `User-Agent`.
    pub user_agent: bool,
    /// `Referer`.
    pub referer: bool,
}

impl AskerTexts {
    /// Reads the word for one of them.
    ///
    /// # Errors
    ///
    /// It is no such word.
    pub fn parse(word: &str) -> Result<AskerTexts, String> {
        let none = AskerTexts::default();
        match word {
            "address" => Ok(AskerTexts { address: true, ..none }),
            "user-agent" => Ok(AskerTexts { user_agent: true, ..none }),
            "referer" => Ok(AskerTexts { referer: true, ..none }),
            _ => Err(format!("{word:?} is neither address nor user-agent nor referer")),
        }
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: AskerTexts) -> AskerTexts {
        AskerTexts {
            address: self.address || other.address,
            user_agent: self.user_agent || other.user_agent,
            referer: self.referer || other.referer,
        }
    }
}

/// What is kept, and of which visits.
#[derive(Clone, Debug, Default)]
pub struct Describing {
    atlas: Arc<Atlas>,
    texts: AskerTexts,
    kept: KeptVisits,
}

impl Describing {
    /// Where these places say, with these texts, of the visits that are kept.
    #[must_use]
    pub fn new(atlas: Arc<Atlas>, texts: AskerTexts, kept: KeptVisits) -> Describing {
        Describing { atlas, texts, kept }
    }

    pub(super) fn keeps(&self, event: Event) -> bool {
        self.kept.of(event) > 0
    }
}

impl VisitGate {
    /// What is kept of who asked, if anything is kept of such a hit.
    pub(crate) fn asker(&self, hit: &Hit<'_>) -> Asker {
        if hit.client.is_some() && self.describing.keeps(hit.event) {
            self.described(hit)
        } else {
            Asker::default()
        }
    }

    /// Behind GitHub's proxy the address says nothing of who asked.
    pub(super) fn described(&self, hit: &Hit<'_>) -> Asker {
        if hit.requester.opts_out {
            return Asker::default();
        }
        let texts = self.describing.texts;
        let asks = hit.visitor.filter(|visitor| !self.is_camo(visitor));
        let (country, details) =
            asks.map(|asks| self.describing.atlas.of(asks.address())).unwrap_or_default();
        let address =
            hit.visitor.filter(|_| texts.address).map(|visitor| visitor.address().to_string().into());
        let text = |wanted: bool, text: &[u8]| if wanted { kept_text(text) } else { None };
        let user_agent = text(texts.user_agent, hit.words.user_agent);
        let referer = text(texts.referer, hit.words.referer);
        Asker::new(country, AskerDetails { address, user_agent, referer, ..details })
    }

    fn is_camo(&self, visitor: &tallymark_core::Visitor) -> bool {
        self.lock().table.rules().camo.has(visitor)
    }
}
