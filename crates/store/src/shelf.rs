//! Data that a store keeps in addition to the counts: things that were fetched from other servers, with the time of the
//! fetch, and short lists of the operator's. None of it is part of a batch, and a store that loses its tail may lose
//! the newest of it. The code that fetches calls this.

use crate::{Class, Result, StoreError};
use async_trait::async_trait;

/// A kind of things that are kept, and how many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// Part of a key, so a word.
    pub name: &'static str,
    /// Over this number, what expires first is removed first, and what never expires last.
    pub most: u32,
}

/// One thing on a shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelved {
    /// When it was made, in seconds since 1970, as its writer said.
    pub at: u64,
    /// The thing itself.
    pub value: Vec<u8>,
}

/// The interface of a store for things that are kept with their age.
#[async_trait]
pub trait StoreShelf: Send + Sync {
    /// Puts a thing in the place of an earlier one. It may be removed at `until`, in seconds since 1970; without it,
    /// it is kept.
    async fn keep(&self, shelf: Shelf, key: &str, thing: Shelved, until: Option<u64>) -> Result<()>;

    /// Puts a thing in the place of the one that was read, or where nothing was; whether it did. If it did not, another
    /// process was faster, and nothing has changed.
    async fn exchange(
        &self,
        shelf: Shelf,
        key: &str,
        before: Option<&Shelved>,
        thing: Shelved,
        until: Option<u64>,
    ) -> Result<bool>;

    /// The thing with this key. It may be older than its `until`.
    async fn kept(&self, shelf: Shelf, key: &str) -> Result<Option<Shelved>>;

    /// Every key of a shelf, in no order.
    async fn kept_keys(&self, shelf: Shelf) -> Result<Vec<String>>;

    /// How many keys a shelf has, without reading them.
    async fn kept_count(&self, shelf: Shelf) -> Result<u64>;

    /// Removes a thing; whether it was there.
    async fn discard(&self, shelf: Shelf, key: &str) -> Result<bool>;
}

/// What a thing may be put in the place of.
#[derive(Clone, Debug)]
pub(crate) enum ShelfPlace {
    Any,
    Empty,
    Holding(Shelved),
}

impl ShelfPlace {
    pub(crate) fn of(before: Option<&Shelved>) -> ShelfPlace {
        before.map_or(ShelfPlace::Empty, |before| ShelfPlace::Holding(before.clone()))
    }
}

/// How often a change is tried again because another process was faster.
const TRIES: usize = 1000;

/// Changes a thing that other processes may change at the same time: what `change` makes of it is put in its place, unless
/// another process was faster; then `change` is asked again. It answers the thing and its `until`, or `None` if nothing is to
/// be put. Answers whether anything was.
///
/// # Errors
///
/// The store does not answer.
pub async fn change_kept(
    store: &(impl StoreShelf + ?Sized),
    shelf: Shelf,
    key: &str,
    mut change: impl FnMut(Option<&Shelved>) -> Option<(Shelved, Option<u64>)> + Send,
) -> Result<bool> {
    for _ in 0..TRIES {
        let before = store.kept(shelf, key).await?;
        let Some((thing, until)) = change(before.as_ref()) else { return Ok(false) };
        if before.as_ref() == Some(&thing)
            || store.exchange(shelf, key, before.as_ref(), thing, until).await?
        {
            return Ok(true);
        }
    }
    Err(StoreError::new(
        Class::Unavailable,
        "changing what is kept",
        "other processes change it all the time",
    ))
}
