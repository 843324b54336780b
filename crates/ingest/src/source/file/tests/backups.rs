//! Logs that were edited or restored next to a copy of their earlier content.

use super::bed::Bed;
use std::fs::{self, File};
use std::io::Write;

/// Makes a copy of the log, and leaves this of it.
type Edit = fn(&mut Bed, &str);
type PutBack = fn(&Bed);

fn numbered(from: u32, to: u32) -> String {
    (from..to).map(|n| format!("a line as a web server writes it {n}\n")).collect()
}

/// As `cp log copy` and `cp copy log` write: in place.
fn copy(bed: &Bed, from: &str, to: &str) {
    let text = fs::read(bed.path(from)).unwrap();
    File::create(bed.path(to)).unwrap().write_all(&text).unwrap();
}

fn replace(bed: &Bed, text: &str) {
    fs::write(bed.path("sedXXXX"), text).unwrap();
    bed.rename("sedXXXX", "access.log");
}

/// Restarts it, and checks that each line has counted once.
fn each_once(bed: &mut Bed, lines: usize, case: &str) {
    bed.read();
    bed.restart();
    bed.read();
    let twice: Vec<_> = bed.seen.lines.iter().filter(|(_, n)| **n != 1).take(3).collect();
    assert!(twice.is_empty(), "{case}: {twice:?}");
    assert_eq!(bed.seen.lines.len(), lines, "{case}");
}

#[test]
fn log_that_lost_its_last_lines_beside_its_copy_is_known() {
    let ways: &[(&str, Edit)] = &[
        ("moved away and written anew", |bed, left| {
            bed.rename("access.log", "access.log.bak");
            replace(bed, left);
        }),
        ("copied and written anew", |bed, left| {
            copy(bed, "access.log", "access.log.bak");
            bed.read();
            replace(bed, left);
        }),
        ("copied and written anew at once", |bed, left| {
            copy(bed, "access.log", "access.log.bak");
            replace(bed, left);
        }),
        ("copied and edited in place", |bed, left| {
            copy(bed, "access.log", "access.log.bak");
            bed.read();
            fs::write(bed.log(), left).unwrap();
        }),
        ("copied, emptied and filled", |bed, left| {
            copy(bed, "access.log", "access.log.orig");
            File::create(bed.log()).unwrap();
            bed.read();
            fs::write(bed.log(), left).unwrap();
        }),
    ];
    for size in [8, 100] {
        for (way, edit) in ways {
            // Put back as it was, and without its last lines.
            for left in [size, size - 1, size - 3] {
                for is_down in [false, true] {
                    let case = format!("{way}, {left} of {size}, down: {is_down}");
                    let mut bed = Bed::new();
                    bed.append("access.log", &numbered(0, size));
                    bed.read();
                    if is_down {
                        bed.restart();
                    }
                    edit(&mut bed, &numbered(0, left));
                    bed.read();
                    bed.append("access.log", &numbered(size, size + 5));
                    each_once(&mut bed, size as usize + 5, &case);
                    assert_eq!(bed.told, 0, "{case}");
                    // And once more, from what is known now.
                    edit(&mut bed, &numbered(0, left));
                    bed.read();
                    bed.append("access.log", &numbered(size + 5, size + 8));
                    each_once(&mut bed, size as usize + 8, &case);
                }
            }
        }
    }
}

#[test]
fn log_that_was_put_back_from_its_copy_is_read_on() {
    let ways: &[(&str, PutBack)] = &[
        ("copied back", |bed| copy(bed, "access.log.bak", "access.log")),
        ("replaced by a copy of it", |bed| {
            copy(bed, "access.log.bak", "new");
            bed.rename("new", "access.log");
        }),
        ("moved back", |bed| bed.rename("access.log.bak", "access.log")),
    ];
    for (way, put_back) in ways {
        for (is_down, at_once) in [(false, false), (false, true), (true, false), (true, true)] {
            for again in [false, true] {
                let case = format!("{way}, down: {is_down}, at once: {at_once}, copied again: {again}");
                let mut bed = Bed::new();
                bed.append("access.log", &numbered(0, 25));
                bed.read();
                copy(&bed, "access.log", "access.log.bak");
                bed.read();
                if again {
                    bed.append("access.log", &numbered(25, 27));
                    bed.read();
                    copy(&bed, "access.log", "access.log.bak");
                    bed.read();
                }
                bed.append("access.log", &numbered(27, 31));
                bed.read();
                if is_down {
                    bed.restart();
                }
                put_back(&bed);
                if !at_once {
                    bed.read();
                }
                bed.append("access.log", &numbered(40, 50));
                bed.read();
                bed.restart();
                bed.append("access.log", &numbered(50, 55));
                each_once(&mut bed, 25 + if again { 2 } else { 0 } + 19, &case);
            }
        }
    }
}

/// What was written right before the edit is in the copy and in what was left.
#[test]
fn lines_that_were_not_read_before_a_log_was_edited_beside_its_copy_count_once() {
    let ways: &[(&str, Edit)] = &[
        ("moved away and written anew", |bed, left| {
            bed.rename("access.log", "access.log.bak");
            replace(bed, left);
        }),
        ("copied and written anew", |bed, left| {
            copy(bed, "access.log", "access.log.bak");
            replace(bed, left);
        }),
        ("copied and edited in place", |bed, left| {
            copy(bed, "access.log", "access.log.bak");
            fs::write(bed.log(), left).unwrap();
        }),
        ("written anew", |bed, left| replace(bed, left)),
        ("edited in place", |bed, left| fs::write(bed.log(), left).unwrap()),
    ];
    for (way, edit) in ways {
        for (is_down, more) in [(false, 0), (true, 0), (false, 5), (true, 5)] {
            for first in [0, 3] {
                let case = format!("{way}, first {first} removed, down: {is_down}, {more} more");
                let mut bed = Bed::new();
                bed.append("access.log", &numbered(0, 20));
                bed.read();
                if is_down {
                    bed.restart();
                }
                for round in 0..2 {
                    let at = 20 + 30 * round;
                    bed.append("access.log", &numbered(at, at + 10));
                    edit(&mut bed, &numbered(first, at + 10));
                    bed.append("access.log", &numbered(at + 10, at + 10 + more));
                    bed.read();
                    bed.append("access.log", &numbered(at + 10 + more, at + 30));
                    let case = format!("{case}, round {round}");
                    each_once(&mut bed, 20 + 30 * (round as usize + 1), &case);
                }
            }
        }
    }
}

/// Between two looks, or while the daemon is down.
#[test]
fn log_that_was_edited_and_then_rotated_counts_once() {
    let ways: &[(&str, Edit)] = &[
        ("moved away and written anew", |bed, left| {
            bed.rename("access.log", "access.log.bak");
            replace(bed, left);
        }),
        ("copied and written anew", |bed, left| {
            copy(bed, "access.log", "access.log.bak");
            replace(bed, left);
        }),
        ("copied and edited in place", |bed, left| {
            copy(bed, "access.log", "access.log.bak");
            fs::write(bed.log(), left).unwrap();
        }),
        ("written anew", |bed, left| replace(bed, left)),
        ("edited in place", |bed, left| fs::write(bed.log(), left).unwrap()),
    ];
    for (way, edit) in ways {
        for (is_down, is_packed) in [(false, false), (true, false), (false, true), (true, true)] {
            for (all, unread, more) in [(20, 0, 10), (20, 5, 5), (11, 0, 0), (20, 10, 0)] {
                let case = format!("{way}, down: {is_down}, packed: {is_packed}, {unread} of {all} not read");
                let mut bed = Bed::new();
                bed.append("access.log", &numbered(0, all));
                bed.read();
                if is_down {
                    bed.restart();
                }
                bed.append("access.log", &numbered(all, all + unread));
                edit(&mut bed, &numbered(3, all + unread));
                bed.append("access.log", &numbered(all + unread, all + unread + more));
                bed.rename("access.log", "access.log.1");
                bed.append("access.log", &numbered(30, 35));
                if is_packed {
                    bed.gzip("access.log.1");
                }
                each_once(&mut bed, (all + unread + more) as usize + 5, &case);
                assert_eq!(bed.told, 0, "{case}");
            }
        }
    }
}
