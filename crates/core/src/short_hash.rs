//! Half of a hash, for tables that store the hash in each entry: matches are compared in full anyway.
//!
//! The tally, its recall and the embedded store keep a hash per name. With 32 bits, their entries are a half or two
//! thirds of the size, so more of them fit in the processor's caches.

use std::hash::{BuildHasher, Hash};

/// 32 bits of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortHash(u32);

impl ShortHash {
    /// Both halves of the hash of `value` in one.
    #[inline]
    pub fn of(hasher: &impl BuildHasher, value: impl Hash) -> ShortHash {
        let hash = hasher.hash_one(value);
        ShortHash((hash ^ hash >> 32) as u32)
    }

    /// Widened for a hash table, which uses both the upper and the lower bits.
    #[inline]
    #[must_use]
    pub fn wide(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashbrown::DefaultHashBuilder;
    use std::collections::HashSet;

    #[test]
    fn hashes_of_a_million_names_differ_but_for_a_hundred() {
        let hasher = DefaultHashBuilder::default();
        let hashes: HashSet<u32> =
            (0..1_000_000).map(|n| ShortHash::of(&hasher, format!("name {n}")).0).collect();
        // 10^12 / 2 pairs and 2^32 values: 116 collisions are expected.
        assert!(hashes.len() > 1_000_000 - 250, "{}", hashes.len());
    }
}
