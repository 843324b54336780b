//! Limits how often avatars are fetched, because anyone can make up owners of names.
//!
//! Known owners come first: they had a picture before, or their account is tracked, or the name was counted on an
//! earlier day. All others share a small allowance, so made-up names do not delay known ones, and cost the server
//! little.

use std::time::{Duration, Instant};
use tallymark_core::Allowance;

/// What was asked so far, until when it counts.
#[derive(Debug, Default)]
pub(super) struct AvatarTurns {
    known: Option<Instant>,
    strangers: Option<Instant>,
}

impl AvatarTurns {
    /// Takes a turn for the owner of a name; if there is none now, how long to wait.
    pub(super) fn take(&mut self, is_known: bool, now: Instant) -> Result<(), Duration> {
        let (allowance, free) = match is_known {
            true => (Allowance::new(60, Duration::from_secs(1)), &mut self.known),
            false => (Allowance::new(20, Duration::from_secs(6)), &mut self.strangers),
        };
        allowance.check(*free, now)?;
        *free = Some(allowance.done(*free, now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_take_no_turn_from_those_who_are_known() {
        let (mut turns, now) = (AvatarTurns::default(), Instant::now());
        let mut most = |is_known, at| (0..1000).take_while(|_| turns.take(is_known, at).is_ok()).count();
        assert_eq!((most(false, now), most(true, now)), (20, 60));
        let later = now + Duration::from_secs(60);
        assert_eq!((most(false, later), most(true, later)), (10, 60));
    }
}
