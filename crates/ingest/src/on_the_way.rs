//! Counts of the event `url` that the HTTP counter has sealed and the store does not have yet, by address and time.
//!
//! A client that counts an address and reads it at once sees the hit in every range. `live` calls this. It keeps the
//! total, which a badge shows, itself.

use std::collections::{BTreeMap, btree_map};
use tallymark_core::{Day, Entry, Event, Minute, Name, NameRef, When};

/// The maximum number of cells. In an outage of the store more may wait, but then counts cannot be read either.
const MOST: usize = 100_000;

/// Ordered, because times can be invented as easily as names: no address is slow, however many it has.
#[derive(Debug, Default)]
pub(crate) struct OnTheWay(BTreeMap<(Name, When), u64>);

impl OnTheWay {
    /// A tally has been sealed.
    pub(crate) fn sealed(&mut self, entries: &[Entry]) {
        for entry in entries.iter().filter(|entry| entry.event == Event::URL) {
            let full = self.0.len() >= MOST;
            match self.0.entry((entry.name.clone(), entry.when)) {
                btree_map::Entry::Occupied(held) => {
                    let count = held.into_mut();
                    *count = count.saturating_add(entry.count);
                }
                btree_map::Entry::Vacant(_) if full => {}
                btree_map::Entry::Vacant(place) => _ = place.insert(entry.count),
            }
        }
    }

    /// This much of it is in the store, or counted under `~overflow`.
    pub(crate) fn arrived(&mut self, entries: &[Entry]) {
        for entry in entries.iter().filter(|entry| entry.event == Event::URL) {
            let btree_map::Entry::Occupied(mut held) = self.0.entry((entry.name.clone(), entry.when)) else {
                continue;
            };
            match held.get().saturating_sub(entry.count) {
                0 => _ = held.remove(),
                left => _ = held.insert(left),
            }
        }
    }

    /// The pending counts of an address.
    pub(crate) fn of(&self, name: NameRef<'_>) -> impl Iterator<Item = (When, u64)> {
        let name = Name::from(name);
        // Minutes are before days.
        let (first, last) = (When::Minute(Minute(i32::MIN)), When::Day(Day(i32::MAX)));
        self.0.range((name.clone(), first)..=(name, last)).map(|(&(_, when), &count)| (when, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, minute: i32, count: u64) -> Entry {
        let when = When::Minute(Minute(minute));
        Entry { event: Event::URL, name: Name::new(name).unwrap(), when, count }
    }

    fn of(on_the_way: &OnTheWay, name: &str) -> Vec<(When, u64)> {
        on_the_way.of(Name::new(name).unwrap().as_ref()).collect()
    }

    #[test]
    fn what_was_sealed_is_held_until_it_arrives() {
        let mut on_the_way = OnTheWay::default();
        on_the_way.sealed(&[
            entry("a", 1, 2),
            entry("a", 2, 3),
            Entry { event: Event::HIT, ..entry("b", 1, 1) },
        ]);
        on_the_way.sealed(&[entry("a", 1, 5)]);
        let minute = |minute| When::Minute(Minute(minute));
        assert_eq!(of(&on_the_way, "a"), [(minute(1), 7), (minute(2), 3)]);
        assert_eq!(of(&on_the_way, "b"), []);
        on_the_way.arrived(&[entry("a", 1, 2), entry("a", 2, 3), entry("c", 1, 1)]);
        assert_eq!(of(&on_the_way, "a"), [(minute(1), 5)]);
        // An outbox may contain what an earlier process counted.
        on_the_way.arrived(&[entry("a", 1, 6)]);
        assert_eq!(on_the_way.0.len(), 0);
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let mut on_the_way = OnTheWay::default();
        let minutes = MOST as i32 + 10;
        for minute in 0..minutes {
            on_the_way.sealed(&[entry(&format!("n{}", minute / 10), minute, 1)]);
        }
        assert_eq!(on_the_way.0.len(), MOST);
        for minute in 0..minutes {
            on_the_way.arrived(&[entry(&format!("n{}", minute / 10), minute, 1)]);
        }
        assert!(on_the_way.0.is_empty());
    }
}
