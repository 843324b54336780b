//! The table as bytes, so that it survives a restart: the entries that are still within their window, and the key.
//!
//! `TMCOOL1\n`, the key, how many visitors and how many of Camo's names follow, each a hash and a time, and at the end
//! a hash of all of it. Numbers are little-endian.

use super::{Cooldowns, MAX_COOLDOWNS, Times, VisitRules};
use siphasher::sip::SipHasher24;
use std::fmt;

const MAGIC: &[u8; 8] = b"TMCOOL1\n";
const HEAD: usize = MAGIC.len() + 16 + 2 * 8;
const ENTRY: usize = 16;

/// The bytes are not a table of cooldowns, or not all of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCooldowns;

impl fmt::Display for BadCooldowns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these are not the cooldowns of visitors, or not all of them")
    }
}

impl std::error::Error for BadCooldowns {}

impl Cooldowns {
    /// What has to be kept at this time; `None` if no visitor is cooling down.
    #[must_use]
    pub fn to_bytes(&self, now_ms: i64) -> Option<Vec<u8>> {
        let visitors: Vec<(u64, i64)> = self.visitors.live(now_ms, self.rules.cooldown).collect();
        let collapsed: Vec<(u64, i64)> = self.collapsed.live(now_ms, self.rules.collapse).collect();
        if visitors.is_empty() && collapsed.is_empty() {
            return None;
        }
        let mut bytes = Vec::with_capacity(HEAD + (visitors.len() + collapsed.len()) * ENTRY + 8);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&(visitors.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&(collapsed.len() as u64).to_le_bytes());
        for (hash, time) in visitors.into_iter().chain(collapsed) {
            bytes.extend_from_slice(&hash.to_le_bytes());
            bytes.extend_from_slice(&time.to_le_bytes());
        }
        let sum = SipHasher24::new_with_key(&self.key).hash(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        Some(bytes)
    }

    /// Reads what [`Cooldowns::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`BadCooldowns`] for anything else, also if a single bit is another.
    pub fn from_bytes(bytes: &[u8], rules: VisitRules) -> Result<Cooldowns, BadCooldowns> {
        let (bytes, sum) = bytes.split_last_chunk::<8>().ok_or(BadCooldowns)?;
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(BadCooldowns)?;
        let (key, rest) = rest.split_first_chunk::<16>().ok_or(BadCooldowns)?;
        if magic != MAGIC || SipHasher24::new_with_key(key).hash(bytes) != u64::from_le_bytes(*sum) {
            return Err(BadCooldowns);
        }
        let (visitors, rest) = rest.split_first_chunk::<8>().ok_or(BadCooldowns)?;
        let (collapsed, rest) = rest.split_first_chunk::<8>().ok_or(BadCooldowns)?;
        let count = |count: &[u8; 8]| {
            let count = usize::try_from(u64::from_le_bytes(*count)).ok();
            count.filter(|&count| count <= MAX_COOLDOWNS).ok_or(BadCooldowns)
        };
        let (visitors, collapsed) = (count(visitors)?, count(collapsed)?);
        let (entries, left) = rest.as_chunks::<ENTRY>();
        if !left.is_empty() || entries.len() != visitors + collapsed {
            return Err(BadCooldowns);
        }
        let mut table = Cooldowns::new(*key, rules);
        let (visitors, collapsed) = entries.split_at(visitors);
        fill(&mut table.visitors, visitors)?;
        fill(&mut table.collapsed, collapsed)?;
        Ok(table)
    }
}

fn fill(times: &mut Times, entries: &[[u8; ENTRY]]) -> Result<(), BadCooldowns> {
    for entry in entries {
        let (hash, time) = entry.split_first_chunk::<8>().ok_or(BadCooldowns)?;
        let time = time.first_chunk::<8>().ok_or(BadCooldowns)?;
        let (hash, time) = (u64::from_le_bytes(*hash), i64::from_le_bytes(*time));
        if times.is_known(hash) || !times.has_room() {
            return Err(BadCooldowns);
        }
        times.insert(hash, time);
    }
    Ok(())
}
