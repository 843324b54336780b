//! Pictures of counts: badges and charts, and the count as JSON.

pub(crate) mod badge;
pub(crate) mod graph;
mod shields;
