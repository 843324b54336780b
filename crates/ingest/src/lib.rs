//! From the wire to the store: sources, their tallies, and the writer.
//!
//! A source reads lines and folds them into its own tally. On the tick the tally is sealed and goes through one bounded
//! channel to the [`Writer`], which applies it to the store exactly once. This crate draws and serves nothing, and
//! clients of the HTTP API cannot slow down a source. The binary starts everything.

mod admission;
mod ageing;
mod apply;
mod books;
mod clock;
mod copying;
mod correct;
mod errand;
mod first_looks;
mod format;
mod gather;
mod geo;
mod handed_in;
pub mod import;
mod instance;
mod intake;
mod live;
mod meters;
pub mod moving;
mod on_the_way;
mod outage;
mod pauses;
mod places;
mod queue;
mod recv;
mod refusals;
mod sealed;
pub mod source;
mod tail;
mod unpack;
mod unzip;
mod visiting;
mod watch;
mod writer;

pub use admission::NameLimits;
pub use ageing::clear_what_is_old;
pub use books::WriterState;
pub use copying::{StoreCopying, WaitingDaemon};
pub use correct::{Corrector, OldBadgeBrought, OldBadgeNumber};
pub use errand::{Errand, ErrandError};
pub use first_looks::FirstLooks;
pub use format::{HeaderInFront, LineFormat, UNDERSTOOD};
pub use gather::gather_held_back;
pub use geo::{Atlas, BadDatabase, GeoDatabase};
pub use handed_in::HandedIn;
pub use instance::{DirLock, Instance, InstanceError};
pub use intake::{Intake, Parsed, header_in_front};
pub use live::Live;
pub use meters::{IngestMeters, SourceMeters, TcpMeters};
pub use outage::{Outage, Told};
pub use pauses::PAUSES;
pub use places::{Places, StartPositions};
pub use refusals::{PausedNames, Refusals, RefusedHits};
pub use sealed::Sealed;
pub use tail::{Heard, Listener, Sample, SampleKind, Tail};
pub use unpack::{NotUnpacked, unpacked};
pub use visiting::{AskerTexts, Describing, VisitGate};
pub use writer::{Ended, Writer, WriterOptions};
