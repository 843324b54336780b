//! Counts on their way from one store to another, or to a file and back: one record for each name of each event.
//!
//! A record has every count of a name, so the other store gets the same counts, cell by cell, including aggregates.
//! Data that only its own store can read is not in it: the visitors of a day are keyed hashes or a sketch. Exports and their
//! imports call this. `store copy` compares two stores name by name instead ([`StoreSync`]), and copies what is beside the
//! counts too.

mod arrivals;
mod beside;
mod file;
mod record;
mod source;
mod sync;

pub use arrivals::Arrivals;
pub use beside::{BesideCounts, copy_beside};
pub use file::{BadExport, ExportFooter, ExportHeader, ExportReader, ExportWriter};
pub use record::{ArrivingName, BadRecord, NameRecord};
pub use source::{NameRecords, every_event};
pub use sync::{StoreSync, SyncError};
