//! Counts on their way from one store to another, or to a file and back: one record for each name of each event.
//!
//! A record has every count of a name, so the other store gets the same counts, cell by cell, including aggregates.
//! Data that only its own store can read is not moved: the visitors of a day are keyed hashes or a sketch. Exports,
//! their imports and `store copy` call this.

mod arrivals;
mod file;
mod record;
mod source;

pub use arrivals::Arrivals;
pub use file::{BadExport, ExportFooter, ExportHeader, ExportReader, ExportWriter};
pub use record::{ArrivingName, BadRecord, NameRecord};
pub use source::{NameRecords, every_event};
