//! Pictures of counts: badges, charts, and the count as JSON for those who draw their own.

pub(crate) mod badge;
pub(crate) mod graph;
mod shields;
