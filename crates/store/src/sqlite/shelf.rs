//! The table of data that is kept in addition to the counts: see [`StoreShelf`](crate::StoreShelf).

use crate::{Shelf, Shelved, shelf::ShelfPlace};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// Written by the one thread that writes.
#[derive(Debug)]
pub(super) enum ShelfWrite {
    Put { shelf: Shelf, key: String, place: ShelfPlace, thing: Shelved, until: Option<u64> },
    Discard { shelf: Shelf, key: String },
}

impl ShelfWrite {
    /// Whether it did anything.
    pub(super) fn run(self, db: &mut Connection) -> rusqlite::Result<bool> {
        match self {
            ShelfWrite::Put { shelf, key, place, thing, until } => {
                put(db, shelf, &key, &place, &thing, until)
            }
            ShelfWrite::Discard { shelf, key } => {
                let mut delete = db.prepare_cached("DELETE FROM shelf WHERE shelf = ?1 AND key = ?2")?;
                Ok(delete.execute((shelf.name, key))? > 0)
            }
        }
    }
}

fn put(
    db: &mut Connection,
    shelf: Shelf,
    key: &str,
    place: &ShelfPlace,
    thing: &Shelved,
    until: Option<u64>,
) -> rusqlite::Result<bool> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_free = match place {
        ShelfPlace::Any => true,
        ShelfPlace::Empty => kept(&transaction, shelf, key)?.is_none(),
        ShelfPlace::Holding(before) => kept(&transaction, shelf, key)?.as_ref() == Some(before),
    };
    if !is_free {
        return Ok(false);
    }
    let number = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    let (at, until) = (number(thing.at), until.map_or(i64::MAX, number));
    let mut put = transaction.prepare_cached(
        "INSERT INTO shelf (shelf, key, at, until, value) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE
         SET at = excluded.at, until = excluded.until, value = excluded.value",
    )?;
    put.execute((shelf.name, key, at, until, &thing.value))?;
    drop(put);
    let mut expire = transaction.prepare_cached("DELETE FROM shelf WHERE shelf = ?1 AND until < ?2")?;
    expire.execute((shelf.name, at))?;
    drop(expire);
    let mut trim = transaction.prepare_cached(
        "DELETE FROM shelf WHERE shelf = ?1 AND key IN
         (SELECT key FROM shelf WHERE shelf = ?1 AND key <> ?3 ORDER BY until DESC LIMIT -1 OFFSET ?2)",
    )?;
    trim.execute((shelf.name, shelf.most.saturating_sub(1), key))?;
    drop(trim);
    transaction.commit()?;
    Ok(true)
}

pub(super) fn kept(db: &Connection, shelf: Shelf, key: &str) -> rusqlite::Result<Option<Shelved>> {
    let mut find = db.prepare_cached("SELECT at, value FROM shelf WHERE shelf = ?1 AND key = ?2")?;
    find.query_row((shelf.name, key), |row| {
        let at: i64 = row.get(0)?;
        Ok(Shelved { at: at.unsigned_abs(), value: row.get(1)? })
    })
    .optional()
}

pub(super) fn keys(db: &Connection, shelf: Shelf) -> rusqlite::Result<Vec<String>> {
    let mut list = db.prepare_cached("SELECT key FROM shelf WHERE shelf = ?1")?;
    list.query_map([shelf.name], |row| row.get(0))?.collect()
}

pub(super) fn count(db: &Connection, shelf: Shelf) -> rusqlite::Result<u64> {
    // The index has no values in it.
    let mut count =
        db.prepare_cached("SELECT COUNT(*) FROM shelf INDEXED BY shelf_until WHERE shelf = ?1")?;
    count.query_row([shelf.name], |row| row.get(0)).map(i64::unsigned_abs)
}

/// The keys, and until when each thing is kept.
pub(super) fn ends(db: &Connection, shelf: Shelf) -> rusqlite::Result<Vec<(String, Option<u64>)>> {
    let mut list = db.prepare_cached("SELECT key, until FROM shelf WHERE shelf = ?1 ORDER BY key")?;
    let end = |until: i64| u64::try_from(until).ok().filter(|_| until < i64::MAX);
    list.query_map([shelf.name], |row| Ok((row.get(0)?, end(row.get(1)?))))?.collect()
}
