//! What happens to logs in daily life, on real files: case by case, and in any sequence.

mod any;
mod backups;
mod bed;
mod cases;
mod edits;
mod known;
mod rapid;
mod running;
mod shared;
