//! The path of a line from the receive buffer into the tally, on a small fixed workload, for callgrind: no socket, no
//! thread, the same instructions every time.

use crate::load;
use std::sync::Arc;
use tallymark_core::{Dating, Now};
use tallymark_ingest::{IngestMeters, Intake, LineFormat};

/// Known names: what is measured is a line on one of them.
const NAMES: u32 = 1000;
/// As many as a drain finds at 20,000 a second.
const TOGETHER: usize = 100;
/// 2026-11-20, 12:00:30 UTC: the date in the lines.
const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

/// Takes in N lines, after every name has been seen once.
pub(crate) fn run(lines: u64) -> anyhow::Result<()> {
    let meters = IngestMeters::default().source("bench");
    let mut intake =
        Intake::new(Arc::default(), LineFormat::Syslog, Dating::Live, 2 * NAMES as usize, 65_536, meters);
    let texts: Vec<String> = (0..NAMES).map(|at| load::datagram(at, "2026-11-20")).collect();
    for text in &texts {
        intake.datagram(text.as_bytes(), false, NOW);
    }
    // Not in the order in which they came in; the step has no divisor in common with the names.
    let pick = |at: u64| texts[(at * 7919 % u64::from(NAMES)) as usize].as_bytes();
    for first in (0..lines).step_by(TOGETHER) {
        let drained = first..lines.min(first + TOGETHER as u64);
        intake.datagrams(drained.map(|at| Ok((pick(at), false))), NOW);
    }
    anyhow::ensure!(intake.seal().hits() == lines + u64::from(NAMES));
    Ok(())
}
