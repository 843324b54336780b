//! Faults of log files, on real files, and any sequence of what may happen to a log.

mod any;
mod bed;
mod cases;
mod running;
