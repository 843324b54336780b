//! Whether this process may send to a remote store: the claim at the start, and what follows if the store shows that
//! this state directory is a restored backup, a copy, or belongs to another store, or that the store itself has lost
//! its tail.
//!
//! [`FromOutbox`] calls it; nothing is sent from here.

use super::{FromOutbox, Trouble};
use std::collections::HashSet;
use tallymark_store::{Claim, StoreError, StoreWrite, outbox::OutboxState};
use tracing::{error, warn};
use uuid::Uuid;

impl FromOutbox {
    /// Why nothing is written while another copy of this state directory is in use.
    fn fenced(&self) -> Trouble {
        format!(
            "another tallymark has claimed this data directory's identity: one of the two data directories is a \
             copy of the other. This daemon stops writing and keeps the hits that arrive. Stop one of the two, \
             and delete its data directory if it is to start again from nothing. To continue with this one, {}. \
             It then gets its own identity and sends the hits that wait in it; only those that already waited \
             when the copy was made count twice",
            self.common.adopt
        )
        .into()
    }

    pub(super) async fn take_claim(&mut self, store: &dyn StoreWrite) -> Result<Claim, Trouble> {
        // What the store has confirmed must be recorded as applied. Otherwise a rollback would go unnoticed, and the
        // HTTP counter would be notified twice.
        self.note().await?;
        let mut identity = self.file().identity().await?;
        if identity.fenced {
            identity = self.leave_the_fence(store, identity).await?;
        }
        let mut claim = store.claim(identity.instance).await?;
        // The outbox does not know about an embedded store that was used before.
        let before = [self.common.state.claimed().or(self.common.expected), identity.store];
        let adopted = before.into_iter().flatten().any(|before| before != claim.store);
        if adopted && identity.adopt != Some(claim.store) {
            return Err(self.common.refuse_foreign().into());
        }
        if claim.marker > identity.last && self.positions_told {
            // It was the right one when we began, so a copy of it has been in use in between.
            return self.halt().await;
        }
        if claim.marker > identity.last {
            // The claim has fenced any process that continued from that backup, so these match the counts.
            let positions = store.positions(Some(identity.instance)).await?;
            let positions = positions.into_iter().map(|(_, position)| position).collect();
            let hits;
            (identity, hits) = self.file().forget(positions).await?;
            (self.acked, self.noted) = (None, 0);
            warn!(
                hits,
                "the data directory is older than the store: the hits that waited in it are assumed to be \
                 counted since, and are dropped"
            );
            claim = store.claim(identity.instance).await?;
        }
        if claim.marker < identity.last {
            claim = self.go_back(store, claim, adopted).await?;
        }
        if identity.store != Some(claim.store) {
            self.file().belong_to(claim.store).await?;
        }
        self.put_back_positions(store, claim.instance).await?;
        self.common.claimed(&claim);
        // What was sent and not answered is sent again, so that the HTTP counter is notified; otherwise it never would
        // be.
        self.acked = Some(self.acked.map_or(claim.marker, |acked| acked.min(claim.marker)));
        self.noted = 0;
        self.note().await?;
        self.claim = Some(claim);
        Ok(claim)
    }

    /// Continues if the operator has adopted the store: under a new instance, because a claim of the old one would halt
    /// the other copy.
    async fn leave_the_fence(
        &mut self,
        store: &dyn StoreWrite,
        identity: OutboxState,
    ) -> Result<OutboxState, Trouble> {
        let here = store.identity().await?;
        if identity.adopt != Some(here) {
            return Err(self.fenced());
        }
        // A store other than ours has none of what was applied.
        let applied = if identity.store == Some(here) { identity.applied } else { 0 };
        let identity = self.file().start_over(applied).await?;
        // These numbers belong to the previous instance.
        (self.acked, self.noted) = (None, 0);
        self.file().belong_to(here).await?;
        warn!(batches = identity.last, "continuing as a separate instance; sending the hits that wait");
        Ok(self.file().identity().await?)
    }

    /// The store has only the batches up to its marker: it has lost its tail, or was just adopted. Later batches that
    /// are in the outbox are sent (again). Those that are no longer there are stepped over, and counted as lost.
    /// Batches keep their numbers, so a server that had them after all, or a store that is adopted again, counts none
    /// twice.
    async fn go_back(
        &mut self,
        store: &dyn StoreWrite,
        claim: Claim,
        adopted: bool,
    ) -> Result<Claim, Trouble> {
        let marker = claim.marker;
        let rolled = self.file().roll_back(marker).await?;
        let lost = rolled.first.saturating_sub(marker + 1);
        let claim = match lost {
            0 => claim,
            _ => store.claim_from(claim.instance, rolled.first - 1).await?,
        };
        if adopted {
            let first = rolled.first;
            warn!(store = %claim.store, first, "adopted this store; sending it what is missing there from the \
                                                outbox");
            return Ok(claim);
        }
        if rolled.undone > 0 || lost > 0 {
            self.common.books.meters.rollbacks.inc();
            warn!(
                batches = rolled.undone,
                marker, "the store has lost batches that it had applied; sending them again"
            );
        }
        if lost > 0 {
            self.common.books.meters.lost_batches.inc_by(lost);
            error!(
                batches = lost,
                marker, "the store has lost batches that are no longer in the outbox: their hits are lost"
            );
        }
        Ok(claim)
    }

    /// Another copy continues. Unanswered batches are kept, even across restarts.
    pub(super) async fn halt<T>(&mut self) -> Result<T, Trouble> {
        self.note().await?;
        self.file().fence().await?;
        self.claim = None;
        Err(self.fenced())
    }

    /// Positions that a store lacks and this directory has were deleted there, and the store was adopted. They are
    /// written back, or they would be missing if this directory is lost. (Or they are still in flight, and are written
    /// twice.)
    async fn put_back_positions(&self, store: &dyn StoreWrite, instance: Uuid) -> Result<(), StoreError> {
        let own = self.file().positions().await?;
        if own.is_empty() {
            return Ok(());
        }
        let there = store.positions(Some(instance)).await?;
        let there: HashSet<&str> = there.iter().map(|(_, position)| position.source.as_str()).collect();
        if own.iter().any(|position| !there.contains(position.source.as_str())) {
            self.file().send_positions().await?;
        }
        Ok(())
    }

    /// Only a claim shows that the state directory was restored, so files are not read before it: they are their own
    /// buffer.
    pub(super) async fn tell_positions(&mut self, instance: Uuid) -> Result<(), StoreError> {
        let own = self.file().positions().await?;
        self.common.tell_positions(instance, Some(own)).await?;
        self.positions_told = true;
        Ok(())
    }
}
