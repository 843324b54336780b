//! What Tallymark counts, and how one log line becomes one hit.
//!
//! This crate does no I/O, starts no task and reads no clock: bytes and the time are arguments, and the result is a
//! decision. The sources in `tallymark-ingest` call it for every line, the stores take its [`Batch`]es, and the HTTP
//! server builds [`Hit`]s of its own.
//!
//! The path of a line through this crate: [`syslog::parse`] finds the message, [`Routes::find`] the route,
//! [`record::RecordReader::read`] the hit, and [`Tally::add`] counts it. A line that does not count is a [`Reject`].
//!
//! ```
//! use tallymark_core::{Dating, Now, Reject, Routes, Tally, record::RecordReader, syslog};
//!
//! // The default route is ghit.me's: local3.info, the tag `badge`, and a name that was escaped twice.
//! let line = br#"<158>Nov 28 14:01:53 web badge: "2026-11-28","octo%252Fhello""#;
//! let now = Now { unix_ms: 1_795_874_513_250 };
//!
//! let (routes, mut reader, mut tally) = (Routes::default(), RecordReader::new(Dating::Live), Tally::new(1000));
//! let message = syslog::parse(line, &routes)?;
//! let route = routes.find(&message)?;
//! tally.add(&reader.read(route, message.body, now)?);
//!
//! let counts = tally.seal();
//! assert_eq!((counts.entries[0].name.as_str(), counts.entries[0].count), ("octo/hello", 1));
//! # Ok::<(), Reject>(())
//! ```

pub mod access;
mod allowance;
mod asker;
mod batch;
pub mod calendar;
mod causes;
mod choice;
mod client;
mod cooldown;
mod correction;
mod counter;
mod day_visitors;
mod deny;
mod event;
mod framing;
mod group;
mod hit;
mod ledger;
mod lines;
mod name;
mod nearest;
mod other_counters;
mod recall;
pub mod record;
mod reject;
mod route;
mod short_hash;
mod standing;
mod status;
pub mod syslog;
mod tally;
mod time;
mod unbound;
mod visit;
mod visitor;
pub mod wrapped;
pub mod zmq;
pub mod zmtp;

pub use allowance::Allowance;
pub use asker::{Asker, AskerDetails, Country, is_local, kept_text};
pub use batch::{
    Batch, Counts, Entry, Levels, MAX_BATCH_NAMES, MAX_BATCH_POSITIONS, MAX_BATCH_STATUSES,
    MAX_BATCH_VISITORS, MAX_BATCH_VISITS, Position, batches,
};
pub use calendar::{Buckets, Day, Hour, Minute, Month, Period, Span, Step, Window};
pub use causes::with_causes;
pub use choice::{choice, find_choice, switch};
pub use client::ClientClass;
pub use cooldown::{BadCooldowns, Cooldowns, MAX_COOLDOWNS, VisitRules, Visiting};
pub use correction::{
    Asking, BASE, Corrected, CorrectedName, Correcting, Correction, CorrectionAction, CorrectionRecord,
    CorrectionReport, CorrectionRequest, Corrections, CountCell, Difference, ListMove, MAX_CORRECTED_NAMES,
    MAX_CORRECTIONS, MAX_DIFFERENCES, NotAStretch, NotCorrected, PAUSE, PastCorrection, PositionChange,
    RESUME, TimeStretch, past_corrections,
};
pub use counter::{CountedHit, Counter, Latest, LatestAnswer, Total, Unavailable, Uncounted, Waiting, left};
pub use day_visitors::{DayKeys, DayVisitors, KEY_DAYS, VisitorHash};
pub use deny::DenyRules;
pub use event::{Event, NotAnEvent, TRAFFIC_EVENTS};
pub use framing::{Frame, Frames, Framing};
pub use group::{Glob, NameGroup, NotAGlob};
pub use hit::{ClientWords, Hit, Requester, opts_out};
pub use ledger::{Asked, Commit, Committed, Ledger, NotCommitted, Once};
pub use lines::{Cutter, Line, Lines};
pub use name::{
    ALL, Escaped, MAX_ESCAPED, MAX_LONG_NAME, MAX_NAME, Name, NameRef, NotAName, OVERFLOW, decode_percent,
    is_github,
};
pub use nearest::{misspelt, nearest};
pub use other_counters::{
    NotOtherBadge, OWN_SEGMENTS, OtherBadge, OtherCounter, OtherCounters, hits_sh_page, read_other_badge,
};
pub use recall::{Probes, Recall, Recalled};
pub use reject::Reject;
pub use route::{Column, Dating, Escape, NameRule, Route, Routes};
pub use short_hash::ShortHash;
pub use standing::{MOST_TAKEN_BACK, standing};
pub use status::{MAX_STATUS, MAX_STATUSES, NotAStatus, Status, StatusCount, StatusRef};
pub use tally::{Added, Slot, Tally};
pub use time::{Now, When};
pub use unbound::Unbound;
pub use visit::{KeptVisits, MAX_VISITS, Visit, Visits, keep_last};
pub use visitor::{CamoNetworks, Visitor, network_of, parse_address};
