//! The thousand largest of any number of counts, using the memory of a thousand.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};
use tallymark_core::Name;

/// How many names a ranking has.
pub const MOST: usize = 1000;

/// A name's place: the largest count first, and of equal ones the smaller name.
type TopPlace = (Reverse<i64>, Name);

/// The names with the largest counts so far. If counts are equal, the smaller name ranks higher.
pub struct Top {
    /// Every name that ranks before `bound`.
    ranks: BTreeSet<TopPlace>,
    counts: HashMap<Name, i64>,
    /// The best place that was left out so far: no name that is not here has a better one. `None` while there was room
    /// for everything.
    bound: Option<TopPlace>,
    /// How many names are held.
    room: usize,
}

impl Default for Top {
    fn default() -> Top {
        Top::with_room(MOST)
    }
}

impl Top {
    /// Holds so many names. With more than are shown, a ranking stays right although names in it shrink.
    pub(crate) fn with_room(room: usize) -> Top {
        Top { ranks: BTreeSet::new(), counts: HashMap::new(), bound: None, room }
    }

    /// Adds a name, if it is among the largest. A repeated name gets its new count.
    pub fn offer(&mut self, name: Name, count: i64) {
        self.remove(&name);
        let place = (Reverse(count), name);
        if self.bound.as_ref().is_some_and(|bound| place >= *bound) {
            return;
        }
        self.counts.insert(place.1.clone(), count);
        self.ranks.insert(place);
        if self.ranks.len() > self.room
            && let Some(last) = self.ranks.pop_last()
        {
            self.counts.remove(&last.1);
            self.bound = Some(last);
        }
    }

    /// Updates the count of a name; names that were left out may have anything up to the floor.
    pub fn update(&mut self, name: &Name, count: i64) {
        if self.counts.get(name) == Some(&count) {
            return;
        }
        if count > self.floor() {
            self.offer(name.clone(), count);
        } else {
            self.remove(name);
        }
    }

    fn remove(&mut self, name: &Name) {
        if let Some(before) = self.counts.remove(name) {
            self.ranks.remove(&(Reverse(before), name.clone()));
        }
    }

    /// What is not above it does not get in.
    #[must_use]
    pub fn floor(&self) -> i64 {
        self.bound.as_ref().map_or(0, |(Reverse(count), _)| (count - 1).max(0))
    }

    /// Whether nothing is missing. If too many names have shrunk, one that was left out may have more.
    pub(crate) fn is_whole(&self) -> bool {
        self.bound.is_none() || self.ranks.len() >= MOST
    }

    /// The names with their counts, the largest first.
    #[must_use]
    pub fn entries(&self) -> Vec<(Name, i64)> {
        self.ranks.iter().take(MOST).map(|(Reverse(count), name)| (name.clone(), *count)).collect()
    }

    /// Every name that is held.
    pub(crate) fn names(&self) -> impl Iterator<Item = Name> {
        self.counts.keys().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(n: u32) -> Name {
        Name::new(&format!("n{n:04}")).unwrap()
    }

    proptest! {
        /// Any input in any order, with repetitions, gives the same result as sorting everything. A repeated name may
        /// have grown in the meantime.
        #[test]
        fn the_top_is_the_beginning_of_everything_sorted(
            mut counts in proptest::collection::vec((0u32..2500, 1i64..50), 0..3000)
        ) {
            let mut all = HashMap::new();
            for (n, count) in &mut counts {
                let sum = all.entry(*n).or_insert(0);
                *sum += *count;
                *count = *sum;
            }
            let mut top = Top::default();
            for &(n, count) in &counts {
                if count > top.floor() {
                    top.offer(name(n), count);
                }
            }
            let mut sorted: Vec<_> = all.into_iter().map(|(n, count)| (name(n), count)).collect();
            sorted.sort_by_key(|(name, count)| (Reverse(*count), name.clone()));
            sorted.truncate(MOST);
            prop_assert_eq!(top.entries(), sorted);
        }
    }

    #[test]
    fn a_count_that_shrinks_leaves_a_gap_only_where_one_that_was_left_out_may_have_more() {
        let mut top = Top::default();
        top.offer(name(0), 9);
        top.offer(name(1), 5);
        for (at, count) in [(0, 3), (1, 0), (2, 0)] {
            top.update(&name(at), count);
        }
        assert!(top.is_whole());
        assert_eq!(top.entries(), [(name(0), 3)]);
        for n in 0..=MOST as u32 {
            top.update(&name(n), 10 + i64::from(n));
        }
        assert_eq!((top.floor(), top.entries().len()), (9, MOST), "the one with 10 was left out");
        top.update(&name(MOST as u32), 12);
        assert!(top.is_whole(), "more than any that was left out");
        top.update(&name(500), 11);
        assert!(top.is_whole(), "it still has more");
        top.update(&name(500), 10);
        assert!(!top.is_whole(), "one that was left out has as much, and the smaller name");
        top.update(&name(500), 11);
        top.update(&name(0), 13);
        assert!(top.is_whole());
        top.update(&name(501), 0);
        assert!(!top.is_whole());
    }

    proptest! {
        /// Counts that grow and shrink: what is whole is right, and where there is room enough it always is.
        #[test]
        fn a_whole_top_is_right_whatever_shrinks(
            changes in proptest::collection::vec((0u32..1400, 0i64..6), 0..4000)
        ) {
            let (mut all, mut narrow, mut wide) = (HashMap::new(), Top::default(), Top::with_room(1400));
            for (n, count) in changes {
                all.insert(n, count);
                narrow.update(&name(n), count);
                wide.update(&name(n), count);
            }
            let mut sorted: Vec<_> = all.into_iter().map(|(n, count)| (name(n), count)).collect();
            sorted.retain(|&(_, count)| count > 0);
            sorted.sort_by_key(|(name, count)| (Reverse(*count), name.clone()));
            sorted.truncate(MOST);
            prop_assert!(wide.is_whole());
            prop_assert_eq!(wide.entries(), &sorted[..]);
            if narrow.is_whole() {
                prop_assert_eq!(narrow.entries(), sorted);
            }
        }
    }
}
