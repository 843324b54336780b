//! From changed names to pictures on disk.
//!
//! The publisher reads what changed since its cursor, reads the totals, draws, and replaces files; nginx serves them.
//! It counts nothing and does not know the sources. It runs inside `serve`, as `render --every`, or once as `render`
//! from a timer; a lock file prevents two publishers in one directory.

mod accounts;
mod away;
mod charts;
mod corrected;
mod cursor;
mod files;
mod freshness;
mod gallery;
mod meters;
mod panels;
mod publisher;

pub use charts::ChartKind;
pub use files::{DirError, Lock};
pub use freshness::Freshness;
pub use gallery::Pace;
pub use meters::PublishMeters;
pub use publisher::{Pass, PassReport, PublishError, Publisher};
