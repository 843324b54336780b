//! Any sequence of what may happen to a log.

use super::bed::Bed;
use proptest::prelude::*;
use std::{collections::BTreeMap, path::Path, time::Duration};

/// What may happen to a log.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Append(u8),
    /// Part of a line; its end comes with the next line.
    Half,
    Read,
    ReadSome,
    Commit,
    Kill,
    Rename,
    /// After everything was read: what is not read between the copy and the truncation, no reader can save.
    CopyTruncate,
    Gzip,
    Wait,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => (1u8..40).prop_map(Happens::Append),
        1 => Just(Happens::Half),
        3 => Just(Happens::Read),
        2 => Just(Happens::ReadSome),
        3 => Just(Happens::Commit),
        2 => Just(Happens::Kill),
        2 => Just(Happens::Rename),
        1 => Just(Happens::CopyTruncate),
        1 => Just(Happens::Gzip),
        1 => Just(Happens::Wait),
    ]
}

struct World {
    bed: Bed,
    written: BTreeMap<String, u64>,
    next: u64,
    half: bool,
}

impl World {
    /// Lines that are unique, or all alike.
    fn line(&mut self, alike: bool) -> String {
        self.next += 1;
        let line = if alike { "\"2026-11-20\",\"o%2Fr\"".to_owned() } else { format!("line {}", self.next) };
        let whole = if self.half { format!("half{line}") } else { line.clone() };
        self.half = false;
        *self.written.entry(whole).or_default() += 1;
        line
    }

    fn shift(&mut self) {
        for n in (1..60).rev() {
            for end in ["", ".gz"] {
                let from = format!("access.log.{n}{end}");
                if self.bed.path(&from).exists() {
                    self.bed.rename(&from, &format!("access.log.{}{end}", n + 1));
                }
            }
        }
    }

    fn happen(&mut self, what: Happens, alike: bool) {
        match what {
            Happens::Append(lines) => {
                let text: String = (0..lines).map(|_| self.line(alike) + "\n").collect();
                self.bed.append("access.log", &text);
            }
            Happens::Half if !self.half => {
                self.half = true;
                self.bed.append("access.log", "half");
            }
            Happens::Half => {}
            Happens::Read => self.bed.read(),
            Happens::ReadSome => {
                let now = self.bed.now;
                let mut seen = std::mem::take(&mut self.bed.seen);
                (seen.room, seen.taken) = (5, 0);
                self.bed.tailer().step(&mut seen, now);
                seen.room = 0;
                self.bed.seen = seen;
            }
            Happens::Commit => self.bed.commit(),
            Happens::Kill => self.bed.kill(),
            Happens::Rename if Path::exists(&self.bed.log()) && !self.half => {
                self.shift();
                self.bed.rename("access.log", "access.log.1");
                self.bed.append("access.log", "");
            }
            // The copy of an empty log looks for two seconds as if it were being made.
            Happens::CopyTruncate
                if !self.half && std::fs::metadata(self.bed.log()).is_ok_and(|log| log.len() > 0) =>
            {
                self.bed.read();
                self.bed.commit();
                self.shift();
                // Times of files are as fine as the kernel's tick, and two copies are never that close.
                std::thread::sleep(Duration::from_millis(10));
                self.bed.copytruncate("access.log.1");
                std::thread::sleep(Duration::from_millis(10));
                // Once it is seen to be empty, whatever comes is told from what was.
                self.bed.read();
                self.bed.commit();
            }
            Happens::Gzip => {
                // logrotate's delaycompress: never the newest.
                let name =
                    (2..60).map(|n| format!("access.log.{n}")).find(|name| self.bed.path(name).exists());
                if let Some(name) = name {
                    self.bed.gzip(&name);
                }
            }
            Happens::Wait => self.bed.wait(),
            Happens::Rename | Happens::CopyTruncate => {}
        }
    }
}

fn survives(what: Vec<Happens>, alike: bool) {
    let mut world = World { bed: Bed::new(), written: BTreeMap::new(), next: 0, half: false };
    // What was rotated away before anybody looked for the first time is not counted.
    world.bed.begin();
    world.bed.commit();
    for what in what {
        world.happen(what, alike);
    }
    if world.half {
        let text = world.line(alike) + "\n";
        world.bed.append("access.log", &text);
    }
    world.bed.read();
    world.bed.restart();
    world.bed.read();
    assert_eq!(world.bed.seen.lines, world.written);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_events_counts_what_was_written(what in prop::collection::vec(happens(), 1..40)) {
        survives(what, false);
    }

    /// Identical lines look alike to every fingerprint; names and times have to tell them apart.
    #[test]
    fn identical_lines_are_counted_as_often_as_they_were_written(
        what in prop::collection::vec(happens(), 1..40),
    ) {
        let what = what.into_iter().filter(|what| !matches!(what, Happens::Gzip));
        survives(what.collect(), true);
    }
}
