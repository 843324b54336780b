//! Which of several daemons on one store finds and tells news: the one that has said so last, for as long as it keeps
//! saying it. Its place in the change log is kept with it, so the next one continues there.
//!
//! The store decides who takes or renews it, if several want to at the same moment. Two may still believe that it is their
//! turn until the next renewal, if their clocks differ. Then news may be sent twice, with the same id.

use crate::{NotTold, TURN};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tallymark_core::Now;
use tallymark_store::{Cursor, Shelved, Store};
use tracing::debug;
use uuid::Uuid;

const KEY: &str = "teller";
/// How long a turn lasts without a word, in seconds.
const LASTS: u64 = 90;
/// How often it is renewed, in seconds.
const RENEWED: u64 = 30;

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct KeptTurn {
    owner: Uuid,
    /// As a cursor is written; empty if the log was not followed yet.
    cursor: String,
}

/// The turn of this daemon.
pub(crate) struct Turn {
    store: Arc<dyn Store>,
    owner: Uuid,
    now: fn() -> Now,
    /// As it is in the store, since it was renewed last.
    kept: Option<Shelved>,
    /// How far the log was followed. `None`: every name has to be looked at.
    pub(crate) cursor: Option<Cursor>,
}

impl Turn {
    /// Takes the turn, if no other daemon has it.
    pub(crate) async fn take(
        store: &Arc<dyn Store>,
        owner: Uuid,
        now: fn() -> Now,
    ) -> Result<Option<Turn>, NotTold> {
        let kept = store.kept(TURN, KEY).await?;
        let said: Option<KeptTurn> = kept.as_ref().and_then(|kept| serde_json::from_slice(&kept.value).ok());
        // One from the future is from a clock that was ahead, and would last until then.
        let lasts = kept.as_ref().is_some_and(|kept| kept.at.abs_diff(seconds(now())) < LASTS);
        if said.as_ref().is_some_and(|said| said.owner != owner) && lasts {
            return Ok(None);
        }
        let cursor = said.and_then(|said| said.cursor.parse().ok());
        let mut turn = Turn { store: store.clone(), owner, now, kept, cursor };
        Ok(turn.keep().await?.then_some(turn))
    }

    /// Renews it now and then; an error if another daemon has taken it.
    pub(crate) async fn hold(&mut self) -> Result<(), NotTold> {
        let renewed = self.kept.as_ref().map_or(0, |kept| kept.at);
        if seconds((self.now)()).abs_diff(renewed) < RENEWED {
            return Ok(());
        }
        self.keep().await?.then_some(()).ok_or(NotTold::AnotherTells)
    }

    /// Lets go of it, so that another daemon need not wait until it is silent for too long.
    pub(crate) async fn leave(mut self) -> Result<(), NotTold> {
        if !self.keep_as_of(0).await? {
            debug!("another daemon has taken over the news already");
        }
        Ok(())
    }

    async fn keep(&mut self) -> Result<bool, NotTold> {
        self.keep_as_of(seconds((self.now)())).await
    }

    /// Takes or renews it; whether no other daemon was faster.
    async fn keep_as_of(&mut self, at: u64) -> Result<bool, NotTold> {
        let cursor = self.cursor.as_ref().map_or_else(String::new, Cursor::to_string);
        let value = serde_json::to_vec(&KeptTurn { owner: self.owner, cursor }).unwrap_or_default();
        let turn = Shelved { at, value };
        let is_ours = self.store.exchange(TURN, KEY, self.kept.as_ref(), turn.clone(), None).await?;
        if is_ours {
            self.kept = Some(turn);
        }
        Ok(is_ours)
    }
}

pub(crate) fn seconds(now: Now) -> u64 {
    u64::try_from(now.unix_ms / 1000).unwrap_or(0)
}
