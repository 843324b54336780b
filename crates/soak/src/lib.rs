//! Long runs with faults: hits flow, faults are injected at random, and in the end a ledger outside of the daemon shows
//! whether the store has every hit once.
//!
//! A scenario is one function of a [`Plan`]. `cargo xtask soak NAME` runs it at full size, and the process tests of the
//! binary run the same function at a small size. It panics if a check fails, and prints one line per result. It uses
//! only what an operator has: flags, a configuration, signals, metrics and the store.

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
pub mod sentinels;
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

/// Long, because a loaded machine is not a defect; in the good case it is not used up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The size of a run, and the program under test.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The binary under test.
    pub program: PathBuf,
    /// Whether to use the small size, for `cargo xtask test`.
    pub small: bool,
    /// How many rounds, if not the scenario's own number.
    pub rounds: Option<u64>,
    /// The random seed; the same seed gives the same faults.
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

    /// The number of rounds.
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
    Scenario { name: "sentinels", about: "Sentinels promote a replica", run: sentinels::run },
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

/// Prints a result.
fn say(scenario: &str, result: &str) {
    println!("soak {scenario}: {result}");
}

/// A number for people.
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
