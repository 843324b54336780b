//! Long runs with faults: hits flow, things break at random, and in the end a ledger outside of the daemon says whether
//! the store has every hit once.
//!
//! A scenario is one function of a [`Plan`]. `cargo xtask soak NAME` runs it in full size, and the process tests of the
//! binary run the same function in a small one. It panics when something does not hold, and says one line per result.
//! What it knows of the daemon is what an operator knows: flags, a configuration, signals, metrics and the store.

#![allow(clippy::print_stdout, reason = "results go to the terminal of whoever runs the scenario")]

mod bed;
mod counts;
mod ledger;
mod metrics;
mod outbox;
mod random;
mod tmpfs;
mod traffic;

pub mod badges;
pub mod behind;
pub mod disk;
pub mod failover;
pub mod file;
pub mod flushall;
pub mod http;
pub mod lost_replies;
pub mod names;
pub mod outage;
pub mod overload;
pub mod poison;
pub mod redis_tail;
pub mod restore;
pub mod snapshots;
pub mod sweep;
pub mod unsynced;

use bed::Bed;
use counts::Counts;
use ledger::Ledger;
use metrics::Metrics;
use random::Random;
use std::{path::PathBuf, time::Duration};
use traffic::Traffic;

/// Long, because a loaded machine is no defect; nobody waits for it in the good case.
const PATIENCE: Duration = Duration::from_secs(60);

/// How large a run is, and of which program.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The binary under test.
    pub program: PathBuf,
    /// The size that `cargo xtask test` has time for.
    pub small: bool,
    /// How many rounds, if not the scenario's own number.
    pub rounds: Option<u64>,
    /// Where the dice start; the same number throws the same faults.
    pub seed: u64,
}

impl Plan {
    /// The small size, for the process tests.
    pub fn small(program: impl Into<PathBuf>) -> Plan {
        Plan { program: program.into(), small: true, rounds: None, seed: 1 }
    }

    /// A number for the small size, or for the full one.
    fn size<T>(&self, small: T, full: T) -> T {
        if self.small { small } else { full }
    }

    /// How often the scenario does what it does.
    fn rounds(&self, small: u64, full: u64) -> u64 {
        self.rounds.unwrap_or(self.size(small, full))
    }

    fn random(&self) -> Random {
        Random::new(self.seed)
    }
}

/// One scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows, in one line.
    pub about: &'static str,
    /// Runs it.
    pub run: fn(&Plan),
}

/// Every scenario.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "file", about: "a log is rotated while the daemon is killed", run: file::run },
    Scenario { name: "sweep", about: "the daemon is killed at its N-th system call", run: sweep::run },
    Scenario { name: "unsynced", about: "the disk fails at the N-th sync", run: unsynced::run },
    Scenario {
        name: "redis-tail",
        about: "Redis is killed and loses the end of its log",
        run: redis_tail::run,
    },
    Scenario {
        name: "lost-replies",
        about: "the store applies and the reply is lost",
        run: lost_replies::run,
    },
    Scenario { name: "failover", about: "a replica that is behind takes over", run: failover::run },
    Scenario {
        name: "snapshots",
        about: "Redis loses its tail while nobody sends anything",
        run: snapshots::run,
    },
    Scenario { name: "behind", about: "a replica that is behind, there and back", run: behind::run },
    Scenario { name: "flushall", about: "Redis is emptied, or is another one", run: flushall::run },
    Scenario {
        name: "poison",
        about: "keys that hold no counter, and every error of Redis",
        run: poison::run,
    },
    Scenario { name: "restore", about: "state directories are cloned and restored", run: restore::run },
    Scenario { name: "badges", about: "badges are read while publishers are killed", run: badges::run },
    Scenario { name: "overload", about: "more datagrams than the daemon can read", run: overload::run },
    Scenario { name: "names", about: "made-up names by the million", run: names::run },
    Scenario { name: "outage", about: "a day without Redis", run: outage::run },
    Scenario { name: "http", about: "odd, slow and too many HTTP clients", run: http::run },
    Scenario { name: "disk", about: "full disks and missing directories", run: disk::run },
];

/// Says a result.
fn say(scenario: &str, result: &str) {
    println!("soak {scenario}: {result}");
}

/// A number as people read it.
fn group(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_stand_in_groups() {
        assert_eq!([0, 999, 1000, 1_234_567].map(super::group), ["0", "999", "1,000", "1,234,567"]);
    }
}
