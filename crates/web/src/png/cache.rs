//! The PNG pictures that were drawn last. Each picture of a badge that counts is new; most others, and those of a badge
//! that is viewed many times within a tick, are the same.

use axum::body::Bytes;
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// So many are kept, and only small ones.
const MOST: usize = 64;
const LARGEST: usize = 128 * 1024;

pub(super) static CACHE: PngCache = PngCache(Mutex::new(VecDeque::new()));

/// Pictures by all that they are made of.
pub(super) struct PngCache(Mutex<VecDeque<CachedPng>>);

struct CachedPng {
    svg: Bytes,
    scale: u8,
    picture: Bytes,
}

impl PngCache {
    pub(super) fn find(&self, svg: &Bytes, scale: u8) -> Option<Bytes> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|one| one.scale == scale && one.svg == svg).map(|one| one.picture.clone())
    }

    /// The oldest makes room.
    pub(super) fn put(&self, svg: Bytes, scale: u8, picture: Bytes) {
        if svg.len() + picture.len() > LARGEST {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|one| one.scale == scale && one.svg == svg) {
            return;
        }
        if known.len() >= MOST {
            known.pop_front();
        }
        known.push_back(CachedPng { svg, scale, picture });
    }
}
