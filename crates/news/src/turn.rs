//! Which of several daemons on one store finds and tells news: the one that has said so last, for as long as it keeps
//! saying it. Its place in the change log is kept with it, so the next one continues there.
//!
//! Two may believe that it is their turn for a moment, if their clocks differ or a store is very slow. Then news may be
//! sent twice, with the same id.

use crate::{NotTold, TURN};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tallymark_core::Now;
use tallymark_store::{Cursor, Shelved, Store};
use uuid::Uuid;

const KEY: &str = "teller";
/// How long a turn lasts without a word, in seconds.
const LASTS: u64 = 90;
/// How often it is renewed, in seconds.
const RENEWED: u64 = 30;
/// How long another daemon gets to take the same turn at the same moment.
const AT_ONCE: Duration = Duration::from_secs(1);

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
    /// When it was renewed last, in seconds since 1970.
    renewed: u64,
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
        let at = kept.as_ref().map_or(0, |kept| kept.at);
        let kept: Option<KeptTurn> = kept.and_then(|kept| serde_json::from_slice(&kept.value).ok());
        let was_ours = kept.as_ref().is_some_and(|kept| kept.owner == owner);
        if kept.is_some() && !was_ours && at.saturating_add(LASTS) > seconds(now()) {
            return Ok(None);
        }
        let cursor = kept.and_then(|kept| kept.cursor.parse().ok());
        let mut turn = Turn { store: store.clone(), owner, now, renewed: 0, cursor };
        turn.keep().await?;
        if !was_ours {
            tokio::time::sleep(AT_ONCE).await;
            if !turn.is_ours().await? {
                return Ok(None);
            }
        }
        Ok(Some(turn))
    }

    /// Renews it now and then; an error if another daemon has taken it.
    pub(crate) async fn hold(&mut self) -> Result<(), NotTold> {
        if seconds((self.now)()).abs_diff(self.renewed) < RENEWED {
            return Ok(());
        }
        if !self.is_ours().await? {
            return Err(NotTold::AnotherTells);
        }
        self.keep().await
    }

    /// Lets go of it, so that another daemon need not wait until it is silent for too long.
    pub(crate) async fn leave(mut self) -> Result<(), NotTold> {
        if self.is_ours().await? {
            self.keep_as_of(0).await?;
        }
        Ok(())
    }

    async fn is_ours(&self) -> Result<bool, NotTold> {
        let kept = self.store.kept(TURN, KEY).await?;
        let kept: Option<KeptTurn> = kept.and_then(|kept| serde_json::from_slice(&kept.value).ok());
        Ok(kept.is_some_and(|kept| kept.owner == self.owner))
    }

    async fn keep(&mut self) -> Result<(), NotTold> {
        self.keep_as_of(seconds((self.now)())).await
    }

    async fn keep_as_of(&mut self, at: u64) -> Result<(), NotTold> {
        let cursor = self.cursor.as_ref().map_or_else(String::new, Cursor::to_string);
        let value = serde_json::to_vec(&KeptTurn { owner: self.owner, cursor }).unwrap_or_default();
        self.store.keep(TURN, KEY, Shelved { at, value }, None).await?;
        self.renewed = at;
        Ok(())
    }
}

pub(crate) fn seconds(now: Now) -> u64 {
    u64::try_from(now.unix_ms / 1000).unwrap_or(0)
}
