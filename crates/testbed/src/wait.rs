//! Waiting for a condition. Used by every server here and by tests; nothing else in the crate sleeps.

use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

/// What a closure given to [`wait_until`] may return: `bool`, or `Option<T>` to keep what was found.
pub trait Condition {
    /// What is returned once the condition holds.
    type Output;
    /// The output if the condition holds, else `None`: try again.
    fn met(self) -> Option<Self::Output>;
}

impl Condition for bool {
    type Output = ();
    fn met(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Condition for Option<T> {
    type Output = T;
    fn met(self) -> Option<T> {
        self
    }
}

/// Calls `check` until the condition holds, first at once, then every few milliseconds.
///
/// # Panics
/// When `timeout` has passed, naming `what` and the line that waited.
#[track_caller]
pub fn wait_until<C: Condition>(what: &str, timeout: Duration, check: impl FnMut() -> C) -> C::Output {
    let caller = Location::caller();
    poll(timeout, check).unwrap_or_else(|| panic!("{caller}: waited {timeout:?} in vain for: {what}"))
}

/// [`wait_until`] for callers with a better message: `None` when the time is up.
pub(crate) fn poll<C: Condition>(timeout: Duration, mut check: impl FnMut() -> C) -> Option<C::Output> {
    let end = Instant::now() + timeout;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(found) = check().met() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(pause);
        // Short first, for what is nearly there; then up to 20 ms, so that waiting costs no core.
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_back_what_was_found() {
        let mut asked = 0;
        let found = wait_until("the third question", Duration::from_secs(5), || {
            asked += 1;
            (asked == 3).then_some("yes")
        });
        assert_eq!(found, "yes");
    }

    #[test]
    #[should_panic(expected = "in vain for: a miracle")]
    fn time_up_names_what_was_awaited() {
        wait_until("a miracle", Duration::from_millis(5), || false);
    }
}
