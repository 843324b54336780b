//! Logs that an editor, `sed -i`, `head` or a truncation has left with other lines.

use super::{
    any::histories,
    bed::{Bed, numbered},
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
};

/// An editor, or `sed -i`: it has fewer lines, and perhaps more were written behind them.
#[test]
fn log_that_was_edited_counts_only_what_was_written_behind_it() {
    // As records, and as the lines of an access log, of which one is as long as many of them.
    edited(7);
    edited(230);
}

fn edited(width: usize) {
    let lines = |from: u32, to: u32| (from..to).map(|n| format!("line {n:<width$}\n")).collect::<String>();
    // What is left of it, and how: in place, under another inode, or first empty.
    for left in [lines(0, 70) + &lines(80, 500), lines(1, 500), lines(0, 499), lines(0, 300)] {
        for how in ["in place", "anew", "empty first", "empty for a moment"] {
            for is_down in [false, true] {
                let mut bed = Bed::new();
                bed.append("access.log", &lines(0, 500));
                bed.read();
                if is_down {
                    bed.restart();
                }
                if how == "anew" {
                    fs::write(bed.path("sedXXXX"), &left).unwrap();
                    bed.rename("sedXXXX", "access.log");
                } else {
                    bed.truncate();
                    match how {
                        "empty first" => bed.read(),
                        // It is seen empty, and not read before it is filled.
                        "empty for a moment" => bed.step_without_room(),
                        _ => {}
                    }
                    bed.append("access.log", &left);
                }
                // Where too many of the last lines are gone, nothing tells these from them.
                let is_known = left != lines(0, 300);
                let before = if is_known { 503 } else { 500 };
                bed.append("access.log", &lines(500, before));
                bed.read();
                bed.append("access.log", &lines(before, 503));
                bed.read();
                // They may be changed ones, and then they count twice; of a file that is still open all lines are known.
                let is_doubtful = left == lines(0, 499) || !is_known && (how != "anew" || is_down);
                let told = u64::from(is_doubtful);
                let told_before = bed.events().lost;
                bed.restart();
                bed.read();
                let case = format!("{how} {is_down} {}", left.len());
                assert!(bed.seen.lines.values().all(|&n| n == 1), "{case}");
                assert_eq!(bed.seen.lines.len(), 503, "{case}");
                // What may have been written before it was empty is told of, too.
                let is_empty_first = how.starts_with("empty");
                assert!(told_before == told || is_empty_first && told_before > told, "{case}");
            }
        }
    }
}

/// As vim does it: the log is moved away, and what is left of it is written to a new one.
#[test]
fn log_that_was_edited_beside_a_backup_counts_only_what_was_written_behind_it() {
    let lines = |from: u32, to: u32| (from..to).map(|n| format!("line {n:<230}\n")).collect::<String>();
    for (is_down, kept) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut bed = Bed::new();
        bed.append("access.log", &lines(0, 100));
        bed.read();
        if is_down {
            bed.restart();
        }
        bed.rename("access.log", "access.log~");
        bed.append("access.log", &(lines(0, 2) + &lines(3, 100) + &lines(100, 103)));
        if !kept {
            fs::remove_file(bed.path("access.log~")).unwrap();
        }
        bed.read();
        bed.append("access.log", &lines(103, 106));
        bed.read();
        bed.restart();
        bed.read();
        assert!(bed.seen.lines.values().all(|&n| n == 1), "{is_down} {kept}");
        assert_eq!(bed.seen.lines.len(), 106, "{is_down} {kept}");
    }
}

/// Of less than 1 KiB.
#[test]
fn small_log_whose_last_lines_were_removed_is_not_counted_again() {
    for down in [false, true] {
        let mut bed = Bed::new();
        bed.append("access.log", &numbered(0, 8));
        bed.read();
        if down {
            bed.restart();
        }
        // The last four that were read are gone, and others came.
        fs::write(bed.path("sedXXXX"), numbered(0, 5) + &numbered(20, 21)).unwrap();
        bed.rename("sedXXXX", "access.log");
        bed.read();
        bed.append("access.log", &numbered(30, 33));
        bed.read();
        bed.restart();
        bed.read();
        assert_eq!((bed.seen.lines.len(), bed.seen.lines.values().max()), (12, Some(&1)), "down: {down}");
        assert!(bed.told > 0, "they may have been changed only");
    }
}

/// Puts another text in the place of the log: under the same inode, or another one.
fn put(bed: &Bed, text: &str, in_place: bool) {
    if in_place {
        fs::write(bed.log(), text).unwrap();
    } else {
        fs::write(bed.path("sedXXXX"), text).unwrap();
        bed.rename("sedXXXX", "access.log");
    }
}

/// What comes between the edit and the next look counts once, and so does what was there before. A line that the editor
/// changed may count again, and then that is said.
#[test]
fn lines_behind_an_edit_count_whatever_was_edited() {
    let old = numbered(0, 100);
    let all: Vec<&str> = old.split_inclusive('\n').collect();
    let without = |from: usize, to: usize| all[..from].concat() + &all[to..].concat();
    for (edit, left, changed) in [
        ("sed $d", without(99, 100), 0),
        ("sed 3d", without(2, 3), 0),
        ("sed 98d", without(97, 98), 0),
        ("head -n -20", without(80, 100), 0),
        ("sed 1i", format!("first\n{old}"), 0),
        ("sed $i", all[..99].concat() + "inserted\n" + all[99], 0),
        ("sed 50s", all[..49].concat() + "changed\n" + &all[50..].concat(), 0),
        ("sed 98s", all[..97].concat() + "changed\n" + &all[98..].concat(), 0),
        ("sed $s", all[..99].concat() + "changed\n", 1),
        ("truncate -s -4", old[..old.len() - 4].to_owned(), 1),
    ] {
        for (in_place, is_down, before) in [0, 1, 3]
            .into_iter()
            .flat_map(|n| [(false, false, n), (true, false, n), (false, true, n), (true, true, n)])
        {
            let mut bed = Bed::new();
            bed.append("access.log", &old);
            bed.read();
            if is_down {
                bed.restart();
            }
            put(&bed, &left, in_place);
            follow_edit(&mut bed, before);
            let case = format!("{edit} {in_place} {is_down} {before}: {} told", bed.told);
            assert!(bed.seen.lines.values().all(|&n| n == 1), "{case}");
            // The first line behind a torn one is joined to it.
            let joined = u64::from(edit.starts_with("truncate") && changed > 0);
            let counted = bed.seen.lines.len() as u64;
            assert!(
                (100 + before + 3 - joined..=100 + before + 3 + changed).contains(&counted),
                "{case} {counted}"
            );
            let may_be_told = changed > 0 || before > 0 && (edit == "sed $d" || edit == "head -n -20");
            assert_eq!(bed.told > 0, may_be_told, "{case}");
        }
    }
}

/// Some lines follow an edit before the next look, three follow it afterwards, and then the daemon starts again.
fn follow_edit(bed: &mut Bed, before: u64) {
    bed.append("access.log", &numbered(200, 200 + before));
    bed.read();
    bed.append("access.log", &numbered(300, 303));
    bed.read();
    bed.restart();
    bed.read();
}

/// Of a file that was replaced and is still open all lines are known.
#[test]
fn few_lines_and_lines_that_come_again_are_known_in_a_file_that_is_open() {
    let alike = "\"2026-11-20\",\"a\"\n\"2026-11-20\",\"b\"\n".repeat(6);
    for (old, left, before) in [
        (numbered(0, 3), numbered(0, 2), 0),
        (numbered(0, 3), numbered(0, 2), 2),
        (numbered(0, 2), numbered(1, 2), 2),
        (alike.clone(), alike[..11 * 17].to_owned(), 0),
        (alike.clone(), alike[..11 * 17].to_owned(), 2),
        (alike.clone(), alike[17..].to_owned(), 2),
        (alike.clone(), alike[..2 * 17].to_owned() + &alike[3 * 17..], 2),
    ] {
        let mut bed = Bed::new();
        bed.append("access.log", &old);
        bed.read();
        put(&bed, &left, false);
        follow_edit(&mut bed, before);
        let counted: u64 = bed.seen.lines.values().sum();
        assert_eq!(counted, old.lines().count() as u64 + before + 3, "{old} {left}");
        assert!(bed.told > 0, "it could be a new log");
    }
}

/// What an editor leaves of a log: what was done, the text, and how many lines it has that were counted in another form.
fn edits_of(all: &[&str]) -> Vec<(&'static str, String, u64)> {
    let (old, last) = (all.concat(), all.len() - 1);
    let mut edits = vec![
        ("nothing", old.clone(), 0),
        ("sed 1i", format!("first\n{old}"), 0),
        ("sed $s", all[..last].concat() + "changed\n", 1),
        ("truncate -s -4", old[..old.len() - 4].to_owned(), 0),
    ];
    if last > 0 {
        edits.push(("sed $d", all[..last].concat(), 0));
        edits.push(("sed 1d", all[1..].concat(), 0));
        edits.push(("sed 1s", "changed\n".to_owned() + &all[1..].concat(), 0));
        edits.push(("sed $i", all[..last].concat() + "inserted\n" + all[last], 0));
    }
    if last > 1 {
        edits.push(("sed 2s", all[0].to_owned() + "changed\n" + &all[2..].concat(), 0));
        edits.push(("sed 2d", all[0].to_owned() + &all[2..].concat(), 0));
        edits.push(("sed 1s;2d", "changed\n".to_owned() + &all[2..].concat(), 0));
    }
    edits
}

/// There are no four lines in a row that could be found again. Where the lines have a time of day, they are known all the
/// same. Others are taken for those that were counted, which is said, but not if the log was seen empty.
#[test]
fn log_of_few_lines_that_was_edited_is_not_counted_again() {
    let timed = |n: u64| (0..n).map(|n| format!("\"1732999999.{n:03}\",\"a\"\n")).collect::<String>();
    let again = |n: u64| (0..n).map(|n| format!("\"2026-11-20\",\"{}\"\n", n % 2)).collect::<String>();
    for (n, old, is_timed) in [1, 2, 3, 6]
        .into_iter()
        .flat_map(|n| [(n, numbered(0, n), false), (n, again(n), false), (n, timed(n), true)])
    {
        let all: Vec<&str> = old.split_inclusive('\n').collect();
        for (edit, left, changed) in edits_of(&all) {
            for (round, how) in
                ["anew", "in place", "empty for a moment"].into_iter().cycle().take(6).enumerate()
            {
                let mut bed = Bed::new();
                bed.append("access.log", &old);
                bed.read();
                if round >= 3 {
                    bed.restart();
                }
                if how == "empty for a moment" {
                    put(&bed, "", true);
                    bed.step_without_room();
                }
                put(&bed, &left, how != "anew");
                let before = 2 * (round as u64 % 2);
                follow_edit(&mut bed, before);
                let case = format!("{n} {is_timed} {edit} {how} {round}: {} told", bed.told);
                let (counted, written) = (bed.seen.lines.values().sum::<u64>(), n + before + 3);
                // A log with nothing of the former one is a new one.
                let is_new = n == 1 && changed > 0;
                if how == "empty for a moment" && !is_timed {
                    assert!(counted == written || bed.told > 0 || is_new, "{case} {counted}");
                    continue;
                }
                assert!((written..=written + changed).contains(&counted), "{case} {counted}");
                // Of a single line nothing else is left.
                let is_known = is_timed && (changed == 0 && before == 0 || edit == "nothing" && n > 1);
                assert!(counted == written || bed.told > 0 || is_new, "{case} {counted}");
                assert!(!is_known || bed.told == 0 || n == 1 || edit.starts_with("truncate"), "{case}");
            }
        }
    }
}

/// An editor that keeps the former text under another name.
#[test]
fn log_of_few_lines_that_was_edited_beside_a_backup_is_not_counted_again() {
    for (is_down, is_timed) in [(false, false), (false, true), (true, false), (true, true)] {
        let line = |n: u64| if is_timed { format!("10:00:{n:02} a\n") } else { format!("line {n}\n") };
        let mut bed = Bed::new();
        bed.append("access.log", &(line(0) + &line(1) + &line(2)));
        bed.read();
        if is_down {
            bed.restart();
        }
        bed.rename("access.log", "access.log.bak");
        bed.append("access.log", &(line(0) + &line(2) + &line(3)));
        bed.read();
        bed.append("access.log", &line(4));
        bed.read();
        bed.restart();
        bed.read();
        let case = format!("{is_down} {is_timed}");
        assert!(bed.seen.lines.values().all(|&n| n == 1), "{case}");
        assert_eq!((bed.seen.lines.len(), bed.told > 0), (5, !is_timed), "{case}");
    }
}

/// What happens to a log that is edited.
#[derive(Clone, Copy, Debug)]
enum Edits {
    Append(u8),
    Read,
    Commit,
    Kill,
    Restart,
    /// So many lines are removed, the last of them so far from the end.
    Delete {
        lines: u8,
        from_end: u8,
        in_place: bool,
    },
    Insert {
        from_end: u8,
        in_place: bool,
    },
}

fn edits() -> impl Strategy<Value = Edits> {
    let delete = (1u8..6, prop_oneof![Just(0), 0u8..9], any::<bool>());
    prop_oneof![
        6 => (1u8..20).prop_map(Edits::Append),
        4 => Just(Edits::Read),
        2 => Just(Edits::Commit),
        2 => Just(Edits::Kill),
        1 => Just(Edits::Restart),
        4 => delete.prop_map(|(lines, from_end, in_place)| Edits::Delete { lines, from_end, in_place }),
        1 => (0u8..9, any::<bool>()).prop_map(|(from_end, in_place)| Edits::Insert { from_end, in_place }),
    ]
}

fn survives_edits(what: Vec<Edits>) -> Result<(), TestCaseError> {
    let (mut bed, mut next, mut removed, mut inserted) = (Bed::new(), 20, BTreeSet::new(), BTreeSet::new());
    bed.append("access.log", "");
    bed.begin();
    bed.append("access.log", &numbered(0, 20));
    bed.read();
    bed.commit();
    for what in what {
        let mut lines = bed.lines("access.log");
        let last = |from_end: u8| lines.len().saturating_sub(usize::from(from_end));
        match what {
            Edits::Append(lines) => {
                bed.append("access.log", &numbered(next, next + u64::from(lines)));
                next += u64::from(lines);
            }
            Edits::Read => bed.read(),
            Edits::Commit => bed.commit(),
            Edits::Kill => bed.kill(),
            Edits::Restart => bed.restart(),
            Edits::Delete { lines: count, from_end, in_place } => {
                let end = last(from_end);
                let start = end.saturating_sub(usize::from(count));
                if lines.len() < 20 {
                    continue;
                }
                removed.extend(lines.drain(start..end));
                put(&bed, &(lines.join("\n") + "\n"), in_place);
            }
            Edits::Insert { from_end, in_place } => {
                let line = format!("inserted {}", inserted.len());
                inserted.insert(line.clone());
                lines.insert(last(from_end), line);
                put(&bed, &(lines.join("\n") + "\n"), in_place);
            }
        }
    }
    bed.read();
    bed.restart();
    bed.read();
    bed.restart();
    let counted: &BTreeMap<String, u64> = &bed.seen.lines;
    for line in numbered(0, next).lines() {
        let seen = counted.get(line).copied().unwrap_or(0);
        prop_assert!(seen <= 1, "{} is counted {} times", line, seen);
        prop_assert!(seen == 1 || removed.contains(line) || bed.told > 0, "{} is missing", line);
    }
    prop_assert!(inserted.iter().all(|line| counted.get(line).is_none_or(|&seen| seen == 1)));
    Ok(())
}

proptest! {
    #![proptest_config(histories(500))]

    #[test]
    fn any_edits_count_each_line_once(what in prop::collection::vec(edits(), 1..30)) {
        survives_edits(what)?;
    }
}

/// A writer keeps a file open in whose place another was put. Where all lines are identical, those that were written before
/// that was seen may be the ones that are in another file.
#[test]
fn what_is_written_to_a_file_that_was_replaced_counts() {
    for (how, alike, missing) in [
        ("sed $d", false, 0),
        ("cp and mv", false, 0),
        ("gzip", false, 0),
        ("sed $d", true, 2),
        ("cp and mv", true, 2),
        ("gzip", true, 2),
    ] {
        let mut bed = Bed::new();
        let lines = |from: u64, to: u64| {
            if alike { "line\n".repeat((to - from) as usize) } else { numbered(from, to) }
        };
        bed.append("access.log", &lines(0, 60));
        bed.read();
        let mut writer = fs::File::options().append(true).open(bed.log()).unwrap();
        match how {
            "sed $d" => put(&bed, &lines(0, 59), false),
            "gzip" => {
                bed.rename("access.log", "access.log.1");
                bed.append("access.log", "");
                bed.read();
                bed.gzip("access.log.1");
            }
            _ => put(&bed, &lines(0, 60), false),
        }
        for (from, to) in [(60, 62), (62, 63), (63, 65)] {
            writer.write_all(lines(from, to).as_bytes()).unwrap();
            bed.read();
        }
        bed.append("access.log", &lines(65, 66));
        bed.read();
        bed.restart();
        bed.read();
        let counted: u64 = bed.seen.lines.values().sum();
        assert_eq!((counted, bed.told > 0), (66 - missing, missing > 0), "{how} {alike}");
        assert!(alike || bed.seen.lines.len() == 66, "{how}");
    }
}

/// Nothing tells what an editor has left of identical lines from a new log, so they do not count twice.
#[test]
fn log_of_identical_lines_that_was_edited_is_not_counted_again() {
    for is_down in [false, true] {
        let mut bed = Bed::new();
        bed.append("access.log", &"line\n".repeat(60));
        bed.read();
        if is_down {
            bed.restart();
        }
        put(&bed, &"line\n".repeat(59), false);
        bed.read();
        bed.append("access.log", &"line\n".repeat(2));
        bed.read();
        bed.restart();
        bed.expect(&[("line", 62)]);
        assert!(bed.told > 0, "it may be a new log");
    }
}
