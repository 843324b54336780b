//! Data kept in addition to the counts: see [`StoreShelf`](crate::StoreShelf). An item is a string, which expires by
//! itself, and its key is a member of the shelf's sorted set, with the time when it expires as the score.

use super::{client::Link, keys, script::Script};
use crate::{Class, Result, Shelf, Shelved, StoreError, shelf::ShelfPlace};
use redis::{FromRedisValue, Pipeline, Value};

/// The bytes of the time before a thing.
const TIME: usize = 8;

/// Puts a thing in its place; whether that was as it is said to be.
pub(super) async fn put(
    (link, script): (&Link, &Script),
    shelf: Shelf,
    key: &str,
    place: ShelfPlace,
    thing: &Shelved,
    until: Option<u64>,
) -> Result<bool> {
    let attempt = "keeping what was fetched";
    let (set, at) = (keys::shelf(shelf.name), keys::kept(shelf.name, key));
    let (word, before) = match &place {
        ShelfPlace::Any => ("any", Vec::new()),
        ShelfPlace::Empty => ("none", Vec::new()),
        ShelfPlace::Holding(before) => ("same", bytes(before)),
    };
    let lasts = until.map_or_else(String::new, |until| until.saturating_sub(thing.at).max(1).to_string());
    let score = until.map_or_else(|| "+inf".to_owned(), |until| until.to_string());
    let answers = script
        .call(link, attempt, &[&at, &set], |command| {
            command.arg(word).arg(&before).arg(bytes(thing)).arg(&lasts).arg(&score).arg(key).arg(thing.at);
        })
        .await?;
    // -1 if it was not.
    let Ok(count) = u64::try_from(number::<i64>(answers.first(), link, attempt)?) else { return Ok(false) };
    match count.saturating_sub(shelf.most.into()) {
        0 => {}
        // One more than those over the limit, because the new one may be among them, and stays.
        over => trim(link, shelf, key, over).await?,
    }
    Ok(true)
}

/// A thing as it is in Redis.
fn bytes(thing: &Shelved) -> Vec<u8> {
    [&thing.at.to_be_bytes()[..], &thing.value].concat()
}

/// Removes those that expire first.
async fn trim(link: &Link, shelf: Shelf, new: &str, over: u64) -> Result<()> {
    let attempt = "making room for what was fetched";
    let set = keys::shelf(shelf.name);
    let mut range = redis::cmd("ZRANGE");
    let first: Vec<String> = link.query(attempt, range.arg(&set).arg(0).arg(over)).await?;
    let mut pipeline = redis::pipe();
    for key in first.iter().filter(|key| *key != new).take(usize::try_from(over).unwrap_or(usize::MAX)) {
        pipeline.cmd("DEL").arg(keys::kept(shelf.name, key));
        pipeline.cmd("ZREM").arg(&set).arg(key);
    }
    all(link, attempt, &mut pipeline).await?;
    Ok(())
}

pub(super) async fn kept(link: &Link, shelf: Shelf, key: &str) -> Result<Option<Shelved>> {
    let attempt = "reading what was fetched";
    let mut get = redis::cmd("GET");
    let bytes: Option<Vec<u8>> = link.query(attempt, get.arg(keys::kept(shelf.name, key))).await?;
    let Some(mut value) = bytes else { return Ok(None) };
    let Some(at) = value.first_chunk::<TIME>().copied().map(u64::from_be_bytes) else {
        let cause = format!("{} is not a thing that was kept", keys::kept(shelf.name, key));
        return Err(StoreError::new(Class::Data, link.attempt(attempt), cause));
    };
    value.drain(..TIME);
    Ok(Some(Shelved { at, value }))
}

pub(super) async fn keys_of(link: &Link, shelf: Shelf) -> Result<Vec<String>> {
    let mut range = redis::cmd("ZRANGE");
    link.query("listing what is kept", range.arg(keys::shelf(shelf.name)).arg(0).arg(-1)).await
}

pub(super) async fn count(link: &Link, shelf: Shelf) -> Result<u64> {
    let mut count = redis::cmd("ZCARD");
    link.query("counting what is kept", count.arg(keys::shelf(shelf.name))).await
}

pub(super) async fn discard(link: &Link, shelf: Shelf, key: &str) -> Result<bool> {
    let attempt = "removing what was kept";
    let mut pipeline = redis::pipe();
    pipeline.cmd("ZREM").arg(keys::shelf(shelf.name)).arg(key);
    pipeline.cmd("DEL").arg(keys::kept(shelf.name, key));
    let answers = all(link, attempt, &mut pipeline).await?;
    Ok(number::<u64>(answers.last(), link, attempt)? > 0)
}

/// All or nothing; the answers of the commands.
async fn all(link: &Link, attempt: &str, pipeline: &mut Pipeline) -> Result<Vec<Value>> {
    let live = link.live(attempt).await?;
    let answers = link.pipe(live, attempt, pipeline.atomic()).await?;
    for answer in &answers {
        if let Value::ServerError(error) = answer {
            return Err(super::explain::explain(&error.clone().into(), link.attempt(attempt)));
        }
    }
    Ok(answers)
}

fn number<T: FromRedisValue>(answer: Option<&Value>, link: &Link, attempt: &str) -> Result<T> {
    let number = answer.cloned().map(T::from_redis_value);
    match number {
        Some(Ok(number)) => Ok(number),
        _ => Err(StoreError::new(Class::Data, link.attempt(attempt), "not a number")),
    }
}
