//! The thousand largest of any number of counts, using the memory of a thousand.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};
use tallymark_core::Name;

/// How many names a ranking has.
pub const MOST: usize = 1000;

/// The names with the largest counts so far. If counts are equal, the smaller name ranks higher.
#[derive(Default)]
pub struct Top {
    ranks: BTreeSet<(Reverse<i64>, Name)>,
    counts: HashMap<Name, i64>,
    /// The maximum of what was left out so far; `None` while there was room for everything.
    floor: Option<i64>,
}

impl Top {
    /// Adds a name, if it is among the largest. A repeated name gets its new count.
    pub fn offer(&mut self, name: Name, count: i64) {
        if let Some(before) = self.counts.insert(name.clone(), count) {
            self.ranks.remove(&(Reverse(before), name.clone()));
        }
        self.ranks.insert((Reverse(count), name));
        if self.ranks.len() > MOST
            && let Some((_, name)) = self.ranks.pop_last()
        {
            self.counts.remove(&name);
        }
        if self.ranks.len() >= MOST
            && let Some((Reverse(count), _)) = self.ranks.last()
        {
            self.floor = self.floor.max(Some(count - 1));
        }
    }

    /// Updates the count of a name; names that were left out may have anything up to the floor. Returns whether the top
    /// is still right: if one of its names has shrunk, one that was left out may have more.
    pub fn update(&mut self, name: &Name, count: i64) -> bool {
        let floor = self.floor();
        match self.counts.get(name).copied() {
            Some(before) if before == count => true,
            Some(before) if count > before => {
                self.offer(name.clone(), count);
                true
            }
            Some(before) => {
                self.counts.remove(name);
                self.ranks.remove(&(Reverse(before), name.clone()));
                if count > floor {
                    self.offer(name.clone(), count);
                }
                self.floor.is_none_or(|floor| count > floor + 1)
            }
            None => {
                if count > floor {
                    self.offer(name.clone(), count);
                }
                true
            }
        }
    }

    /// A smaller count than this can no longer get in. (The same count may, with a smaller name.)
    #[must_use]
    pub fn floor(&self) -> i64 {
        self.floor.unwrap_or(0).max(0)
    }

    /// The names with their counts, the largest first.
    #[must_use]
    pub fn entries(&self) -> Vec<(Name, i64)> {
        self.ranks.iter().map(|(Reverse(count), name)| (name.clone(), *count)).collect()
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
    fn a_count_that_shrinks_is_known_to_be_a_gap_only_where_something_was_left_out() {
        let mut top = Top::default();
        top.offer(name(0), 9);
        top.offer(name(1), 5);
        assert!(top.update(&name(0), 3) && top.update(&name(1), 0) && top.update(&name(2), 0));
        assert_eq!(top.entries(), [(name(0), 3)]);
        for n in 0..=MOST as u32 {
            assert!(top.update(&name(n), 10 + i64::from(n)));
        }
        assert_eq!((top.floor(), top.entries().len()), (10, MOST), "the one with 10 was left out");
        assert!(top.update(&name(MOST as u32), 12), "more than any that was left out");
        assert!(!top.update(&name(500), 11), "one that was left out may have as much");
        assert!(!top.update(&name(501), 0));
        assert!(top.update(&name(0), 13));
        assert_eq!((top.floor(), top.entries().len()), (10, MOST));
    }
}
