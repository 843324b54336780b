//! Rotations without a pause, while the log is read.

use super::{super::follow::Progress, bed::Bed};
use flate2::{Compression, write::GzEncoder};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
    thread,
    time::Duration,
};

const ROTATIONS: u64 = 40;
const LINES: u64 = 5;

/// What a rotation does with what was rotated before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packs {
    Never,
    AtOnce,
    Later,
}

fn pack(path: &Path) {
    let packed = format!("{}.gz", path.display());
    let mtime = fs::metadata(path).unwrap().modified().unwrap();
    let mut out = GzEncoder::new(File::create(packed).unwrap(), Compression::fast());
    out.write_all(&fs::read(path).unwrap()).unwrap();
    out.finish().unwrap().set_modified(mtime).unwrap();
    fs::remove_file(path).unwrap();
}

/// Writes and rotates; every line of a rotation is in its copy.
fn rotate(dir: &Path, copies: bool, packs: Packs, alike: bool, pace: u64, mut dice: u64) {
    let mut rest = || {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        thread::sleep(Duration::from_micros(dice % (pace + 1)));
    };
    let log = dir.join("access.log");
    let name = |n: u64, end: &str| dir.join(format!("access.log.{n}{end}"));
    for round in 0..ROTATIONS {
        let mut file = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        for n in 0..LINES {
            let line = if alike { "alike\n".to_owned() } else { format!("line {:05}\n", round * LINES + n) };
            file.write_all(line.as_bytes()).unwrap();
        }
        rest();
        for n in (1..=round).rev() {
            for end in ["", ".gz"] {
                if name(n, end).exists() {
                    fs::rename(name(n, end), name(n + 1, end)).unwrap();
                }
            }
        }
        rest();
        if packs == Packs::Later && name(2, "").exists() {
            pack(&name(2, ""));
        }
        if copies {
            fs::copy(&log, name(1, "")).unwrap();
            rest();
            file.set_len(0).unwrap();
        } else {
            fs::rename(&log, name(1, "")).unwrap();
        }
        rest();
        if packs == Packs::AtOnce {
            pack(&name(1, ""));
        }
    }
}

/// What was counted, and how often it was said that lines may be missing.
fn counted(copies: bool, packs: Packs, alike: bool, pause: u64, pace: u64, seed: u64) -> (u64, u64) {
    let mut bed = Bed::new();
    bed.append("access.log", "");
    bed.begin();
    bed.commit();
    let dir = bed.dir.path().to_owned();
    let writer = thread::spawn(move || rotate(&dir, copies, packs, alike, pace, seed));
    while !writer.is_finished() {
        if bed.step(0) == Progress::Idle {
            thread::sleep(Duration::from_millis(pause));
        }
    }
    writer.join().unwrap();
    // Times of files are as fine as the kernel's tick.
    thread::sleep(Duration::from_millis(40));
    bed.append("access.log", "last\n");
    for _ in 0..2 {
        bed.read();
        bed.restart();
    }
    assert_eq!(bed.seen.lines.remove("last"), Some(1));
    (bed.seen.lines.values().sum(), bed.told)
}

/// A log that is copied and truncated again and again is seen in every state in between. Each line is in a copy, so none
/// is lost, and where all are alike none is lost without a word. `TALLYMARK_HISTORIES` says how many of each are tried, by
/// hand.
#[test]
fn rotations_without_a_pause_lose_nothing() {
    let tries = std::env::var("TALLYMARK_HISTORIES").ok().and_then(|n| n.parse().ok());
    let all = ROTATIONS * LINES;
    for seed in 1..=tries.unwrap_or(1) {
        for (copies, alike) in [(true, false), (true, true), (false, false), (false, true)] {
            for packs in [Packs::Never, Packs::AtOnce, Packs::Later] {
                for (pause, pace) in [(0, 1000), (2, 100), (2, 1000), (20, 100), (20, 1000), (20, 5000)] {
                    let (counted, told) = counted(copies, packs, alike, pause, pace, seed);
                    let is_right = match alike {
                        true => counted <= all && counted + told * LINES >= all,
                        false => (counted, told) == (all, 0),
                    };
                    let case = format!("{copies} {packs:?} {alike} {pause} {pace} {seed}");
                    assert!(is_right, "{case}: {counted} of {all}, told {told} times");
                }
            }
        }
    }
}
