//! The largest thousand of any number of counts, in the memory of a thousand.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};
use tallymark_core::Name;

/// How many names a ranking has.
pub(crate) const MOST: usize = 1000;

/// Names with the largest counts that were offered so far. Of equal counts the smaller name is the better one.
#[derive(Default)]
pub(crate) struct Top {
    ranks: BTreeSet<(Reverse<i64>, Name)>,
    counts: HashMap<Name, i64>,
}

impl Top {
    /// Takes a name in, if it is among the largest. A name that comes again has its new count.
    pub(crate) fn offer(&mut self, name: Name, count: i64) {
        if let Some(before) = self.counts.insert(name.clone(), count) {
            self.ranks.remove(&(Reverse(before), name.clone()));
        }
        self.ranks.insert((Reverse(count), name));
        if self.ranks.len() > MOST
            && let Some((_, name)) = self.ranks.pop_last()
        {
            self.counts.remove(&name);
        }
    }

    /// What is smaller than this cannot get in any more. (The same count may, with a smaller name.)
    pub(crate) fn floor(&self) -> i64 {
        let last = self.ranks.last().filter(|_| self.ranks.len() >= MOST);
        last.map_or(0, |(Reverse(count), _)| count - 1)
    }

    pub(crate) fn into_entries(self) -> Vec<(Name, i64)> {
        self.ranks.into_iter().map(|(Reverse(count), name)| (name, count)).collect()
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
        /// Whatever comes in whatever order, with repetitions: the same as sorting everything. A repeated name may have
        /// grown meanwhile.
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
            prop_assert_eq!(top.into_entries(), sorted);
        }
    }
}
