//! Counts on their way from one store to another, or to a file and back: one record for each name of each event.
//!
//! A record has every count of a name, so a store that gets it has the same, cell by cell, aggregates included. What only
//! its own store can read stays there: who visited on a day is a keyed hash or a sketch. Exports, their imports and `store
//! copy` call this.

mod arrivals;
mod file;
mod record;
mod source;

pub use arrivals::Arrivals;
pub use file::{BadExport, ExportFooter, ExportHeader, ExportReader, ExportWriter};
pub use record::{ArrivingName, BadRecord, NameRecord};
pub use source::{NameRecords, every_event};
