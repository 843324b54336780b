//! The numbered cases of reliability.md 3.8 on real files, and any sequence of what may happen to a log.

mod any;
mod bed;
mod cases;
mod running;
