//! The API under `/api/v1` through the router, over a real embedded store with known counts on a known day. Every
//! response is checked against `openapi.json`.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

mod corrections;
mod read;
mod schema;
mod site;
mod write;
