//! Merges the blocks of the pool by name, level by level, so that the cost of an outage grows with names, not with
//! ticks.
//!
//! [`Desk::push`](super::desk::Desk::push) calls it when there are many blocks, which is at every tick of a long
//! outage.

use super::{
    codec,
    desk::{Desk, LINES, LIVE, MINUTES},
};
use crate::Result;
use rusqlite::{TransactionBehavior, params};

/// So many blocks of one level are merged into one of the next: 64 ticks, then 64 times 64.
pub(super) const FAN_IN: usize = 64;
/// The highest level. 64^3 ticks of a second are three days.
const TOP_LEVEL: i64 = 3;
/// Fewer are merged if they are larger than this together, which bounds the memory of a merge.
const MERGE_BYTES: i64 = 48 << 20;

impl Desk {
    /// Merges the blocks of every level that has enough of them. The block that is being cut stays out.
    pub(super) fn merge(&mut self) -> Result<()> {
        for level in 0..TOP_LEVEL {
            for sort in [LINES, LIVE, MINUTES] {
                while self.merge_level(level, sort)? {}
            }
        }
        Ok(())
    }

    fn merge_level(&mut self, level: i64, sort: i64) -> Result<bool> {
        let Some((ids, hits)) = self.mergeable(level, sort)? else { return Ok(false) };
        let blocks = self.with("reading", |_, db| {
            let mut statement = db.prepare_cached("SELECT block FROM pool WHERE id = ?1")?;
            ids.iter().map(|id| statement.query_row([id], |row| row.get(0))).collect()
        })?;
        let blocks: Vec<Vec<u8>> = blocks;
        let merged = codec::merge(&blocks, self.keep.visits).map_err(|damaged| self.damaged(damaged))?;
        drop(blocks);
        self.with("merging", |desk, db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for id in &ids {
                transaction.prepare_cached("DELETE FROM pool WHERE id = ?1")?.execute([id])?;
            }
            transaction
                .prepare_cached(
                    "INSERT INTO pool (id, level, live, hits, block) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![ids.first(), level + 1, sort, hits, merged])?;
            transaction.commit()?;
            let blocks = desk.blocks(sort);
            *blocks = blocks.saturating_sub(ids.len() as u64 - 1);
            Ok(true)
        })
    }

    /// Blocks to be merged, and the hits in them: of a level that has enough, the first that are together not too large.
    /// Only their sizes are looked at: this runs at every tick of an outage.
    fn mergeable(&mut self, level: i64, sort: i64) -> Result<Option<(Vec<i64>, i64)>> {
        let cutting = self.cutting.as_ref().map(|cutting| cutting.id);
        let blocks = self.with("reading", |desk, db| {
            let mut statement = db.prepare_cached(
                "SELECT id, hits, length(block) FROM pool
                 WHERE level = ?1 AND live = ?2 AND at = 0 AND id IS NOT ?3 AND id > ?5 ORDER BY id LIMIT ?4",
            )?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let rows =
                statement.query_map(params![level, sort, cutting, FAN_IN as i64, desk.inherited], row)?;
            rows.collect::<rusqlite::Result<Vec<(i64, i64, i64)>>>()
        })?;
        if blocks.len() < FAN_IN {
            return Ok(None);
        }
        let fitting = |from: usize| {
            let mut room = MERGE_BYTES;
            let fits = |(_, _, bytes): &&(i64, i64, i64)| {
                room -= bytes;
                room >= 0
            };
            blocks[from..].iter().take_while(fits).collect::<Vec<_>>()
        };
        let found = (0..blocks.len()).map(fitting).find(|fitting| fitting.len() > 1);
        Ok(found.map(|blocks| {
            let hits = blocks.iter().fold(0i64, |sum, (_, hits, _)| sum.saturating_add(*hits));
            (blocks.iter().map(|(id, _, _)| *id).collect(), hits)
        }))
    }
}
