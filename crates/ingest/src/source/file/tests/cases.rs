//! The numbered cases.

use super::{
    super::{Start, follow::Progress, record::Identity},
    bed::{Bed, numbered},
};
use crate::source::Stop;
use flate2::{Compression, write::GzEncoder};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::PermissionsExt,
    process::Command,
    time::Duration,
};
use tallymark_core::Reject;

#[test]
fn case_65_rename_rotation_reads_the_old_file_until_it_was_idle() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.expect(&[("a", 1)]);
    bed.rename("access.log", "access.log.1");
    bed.append("access.log.1", "b\n");
    bed.expect(&[("a", 1), ("b", 1)]);
    bed.append("access.log", "c\n");
    bed.append("access.log.1", "d\n");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    // A late line of a worker that still has the old file open, and a restart in between.
    bed.restart();
    bed.append("access.log.1", "e\n");
    bed.append("access.log", "f\n");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1), ("f", 1)]);
    bed.read();
    bed.append("access.log", "g\n");
    bed.read();
    assert_eq!(bed.seen.lines.len(), 7);
    assert_eq!(bed.events().truncations, 0);
}

#[test]
fn case_65_several_rotations_between_two_looks_lose_no_generation() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    for generation in ["b\n", "c\n", "d\n"] {
        for n in (1..4).rev() {
            if bed.path(&format!("access.log.{n}")).exists() {
                bed.rename(&format!("access.log.{n}"), &format!("access.log.{}", n + 1));
            }
        }
        bed.rename("access.log", "access.log.1");
        bed.append("access.log", generation);
    }
    bed.expect(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    assert_eq!(bed.events().rotations, 3);
}

#[test]
fn case_66_truncated_file_starts_again_also_when_it_has_grown_past_the_offset() {
    let mut bed = Bed::new();
    bed.append("access.log", "first line\n");
    bed.read();
    bed.truncate();
    bed.append("access.log", "x\n");
    bed.expect(&[("first line", 1), ("x", 1)]);
    assert_eq!(bed.events().truncations, 1);
    bed.truncate();
    bed.append("access.log", "regrown past the offset\nand more\n");
    bed.expect(&[("first line", 1), ("x", 1), ("regrown past the offset", 1), ("and more", 1)]);
    assert_eq!(bed.events().truncations, 2);
    // And between two looks.
    bed.restart();
    bed.truncate();
    bed.append("access.log", "longer than everything that was in the file before\n");
    bed.read();
    assert_eq!(bed.seen.lines.len(), 5);
    assert_eq!(bed.events().truncations, 1);
}

/// `: > log`, as people do it: all that it had was read.
#[test]
fn case_66_truncation_in_place_of_a_log_that_was_read_has_lost_nothing() {
    for (is_down, more) in [(false, ""), (true, ""), (false, "x\n"), (true, "x\n")] {
        let mut bed = Bed::new();
        bed.append("access.log", &numbered(0, 10));
        bed.read();
        if is_down {
            bed.restart();
        }
        bed.truncate();
        bed.append("access.log", more);
        bed.read();
        assert_eq!((bed.events().truncations, bed.events().lost), (1, 0), "{is_down} {more:?}");
        // With a rest that is known, it has.
        bed.append("access.log", &numbered(10, 2000));
        bed.step(5);
        bed.step(5);
        bed.truncate();
        bed.read();
        assert_eq!((bed.events().truncations, bed.events().lost), (2, 1), "{is_down} {more:?}");
    }
}

#[test]
fn case_66_torn_line_of_a_truncated_file_is_not_joined_to_the_next() {
    let mut bed = Bed::new();
    bed.append("access.log", "tor");
    bed.expect(&[]);
    bed.truncate();
    bed.append("access.log", "whole\n");
    bed.expect(&[("whole", 1)]);
}

#[test]
fn case_67_copy_of_a_copytruncate_gives_its_unread_rest_and_nothing_twice() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\nb\n");
    bed.read();
    // Written between the last look and the copy.
    bed.append("access.log", "c\n");
    bed.copytruncate("access.log.1");
    bed.append("access.log", "d\n");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    bed.read();
    // The same twice between two looks.
    bed.restart();
    bed.append("access.log", "e\n");
    bed.rename("access.log.1", "access.log.2");
    bed.copytruncate("access.log.1");
    bed.append("access.log", "f\n");
    bed.rename("access.log.2", "access.log.3");
    bed.rename("access.log.1", "access.log.2");
    bed.copytruncate("access.log.1");
    bed.append("access.log", "g\n");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1), ("f", 1), ("g", 1)]);
    bed.restart();
    bed.read();
    assert!(bed.seen.lines.values().all(|&n| n == 1));
}

#[test]
fn case_67_copytruncate_of_a_log_that_waits_to_be_read_loses_nothing() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    bed.restart();
    bed.append("access.log", &"old\n".repeat(1000));
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "b\n");
    // Both are found, and the old one is read first.
    bed.step(10);
    std::thread::sleep(Duration::from_millis(10));
    bed.rename("access.log.1", "access.log.2");
    bed.copytruncate("access.log.1");
    bed.append("access.log", "c, and more than there was before\n");
    bed.expect(&[("a", 1), ("old", 1000), ("b", 1), ("c, and more than there was before", 1)]);
}

#[test]
fn case_67_log_that_is_just_being_copied_is_not_read_twice() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    bed.restart();
    bed.rename("access.log", "access.log.2");
    bed.append("access.log", "b\nc\n");
    // Times of files are as fine as the kernel's tick.
    std::thread::sleep(Duration::from_millis(10));
    bed.append("access.log.1", "b\n");
    bed.read();
    bed.append("access.log.1", "c\n");
    bed.read();
    bed.truncate();
    bed.append("access.log", "d\n");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
}

/// Between the copy and the truncation lines were written, and read.
#[test]
fn case_67_copy_that_lacks_what_was_read_last_is_not_read_again() {
    let line = |n: usize| format!("a line of forty bytes, and no two are alike {n:05}\n");
    let lines = |from: usize, to: usize| (from..to).map(line).collect::<String>();
    let ways = [(false, false), (false, true), (true, false), (true, true)];
    for (before, (packed, down)) in [100, 10, 5, 3, 1].into_iter().flat_map(|n| ways.map(|way| (n, way))) {
        let case = format!("{before} lines, packed: {packed}, down: {down}");
        let mut bed = Bed::new();
        bed.append("access.log", &lines(0, before));
        bed.read();
        fs::copy(bed.log(), bed.path("access.log.1")).unwrap();
        bed.append("access.log", &lines(before, before + 3));
        let copy = fs::read(bed.path("access.log.1")).unwrap();
        fs::remove_file(bed.path("access.log.1")).unwrap();
        bed.read();
        if down {
            bed.restart();
        }
        // The next look sees both at once.
        fs::write(bed.path("access.log.1"), copy).unwrap();
        bed.truncate();
        if packed {
            bed.gzip("access.log.1");
        }
        bed.append("access.log", &lines(before + 3, before + 5));
        bed.read();
        bed.restart();
        bed.append("access.log", &lines(before + 5, before + 6));
        bed.read();
        assert_eq!(bed.seen.lines.len(), before + 6, "{case}");
        let twice: Vec<_> = bed.seen.lines.iter().filter(|(_, n)| **n != 1).collect();
        assert!(twice.is_empty(), "{case}: {twice:?}");
        // The same few lines may be another file.
        assert_eq!(bed.events().lost + bed.told, u64::from(before < 4), "{case}");
    }
}

/// It exists before anything is in it.
#[test]
fn case_67_copy_that_has_nothing_yet_is_not_read_twice() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    bed.restart();
    bed.rename("access.log", "access.log.2");
    bed.append("access.log", "b\n");
    std::thread::sleep(Duration::from_millis(10));
    bed.append("access.log.1", "");
    bed.read();
    bed.append("access.log.1", "b\n");
    bed.read();
    bed.truncate();
    bed.append("access.log", "c\n");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1)]);
}

#[test]
fn case_67_copy_of_an_empty_log_holds_nothing_up() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    bed.restart();
    bed.rename("access.log", "access.log.2");
    bed.append("access.log", "");
    std::thread::sleep(Duration::from_millis(10));
    bed.copytruncate("access.log.1");
    let copied = std::time::SystemTime::now() - Duration::from_secs(3);
    bed.written_at(copied, "access.log.1");
    bed.append("access.log", "b\n");
    bed.expect(&[("a", 1), ("b", 1)]);
}

/// Its copy is as old as the truncation, to the kernel's tick, and it is no generation that came after it.
#[test]
fn case_67_copy_is_not_read_twice_when_the_truncated_log_is_packed_unread() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    bed.commit();
    bed.copytruncate("access.log.1");
    let truncated = fs::metadata(bed.log()).unwrap().modified().unwrap();
    bed.written_at(truncated, "access.log.1");
    bed.read();
    bed.read();
    bed.restart();
    std::thread::sleep(Duration::from_millis(10));
    bed.rename("access.log.1", "access.log.2");
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "");
    bed.gzip("access.log.1");
    bed.gzip("access.log.2");
    bed.append("access.log", "b\n");
    bed.expect(&[("a", 1), ("b", 1)]);
}

#[test]
fn case_67_copies_made_by_hand_are_not_counted() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    bed.restart();
    fs::copy(bed.log(), bed.path("access.log.bak")).unwrap();
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "b\n");
    fs::copy(bed.path("access.log.1"), bed.path("access.log.orig")).unwrap();
    bed.expect(&[("a", 1), ("b", 1)]);
}

#[test]
fn case_68_inode_used_again_is_another_file() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\nb\n");
    bed.read();
    bed.restart();
    let before = Identity::of(&fs::metadata(bed.log()).unwrap());
    fs::remove_file(bed.log()).unwrap();
    bed.append("access.log", "c\nd\n");
    let after = Identity::of(&fs::metadata(bed.log()).unwrap());
    assert!(!before.is(&after), "{before:?} {after:?}");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    assert_eq!(bed.events().lost, 1);
}

#[test]
fn case_69_identical_content_is_no_identity() {
    let line = "\"2026-11-20\",\"o%2Fr\"";
    let text = format!("{line}\n").repeat(100);
    let mut bed = Bed::new();
    bed.append("access.log", &text);
    bed.expect(&[(line, 100)]);
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", &text);
    bed.expect(&[(line, 200)]);
    bed.restart();
    bed.rename("access.log.1", "access.log.2");
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", &text);
    bed.expect(&[(line, 300)]);
    bed.read();
    bed.restart();
    bed.append("access.log", &text);
    // The newest rotated file is the one that was being read; the older ones have the same bytes.
    bed.append("access.log", &text);
    for name in ["access.log.2", "access.log.1", "access.log"] {
        let n: u32 = name.rsplit('.').next().unwrap().parse().unwrap_or(0);
        bed.rename(name, &format!("access.log.{}", n + 1));
        bed.gzip(&format!("access.log.{}", n + 1));
    }
    bed.append("access.log", &text);
    bed.expect(&[(line, 600)]);
}

#[test]
fn case_70_gzipped_while_down_is_finished_and_newer_ones_follow_in_order() {
    let mut bed = Bed::new();
    bed.append("access.log", &"old\n".repeat(500));
    bed.read();
    bed.restart();
    bed.append("access.log", "rest\n");
    bed.rename("access.log", "access.log.1");
    bed.gzip("access.log.1");
    bed.rename("access.log.1.gz", "access.log.2.gz");
    bed.append("access.log", "between\n");
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "new\n");
    bed.expect(&[("old", 500), ("rest", 1), ("between", 1), ("new", 1)]);
    bed.restart();
    bed.append("access.log", "newer\n");
    bed.expect(&[("old", 500), ("rest", 1), ("between", 1), ("new", 1), ("newer", 1)]);
}

#[test]
fn case_70_every_packing_is_read_on_and_one_that_cannot_be_is_told() {
    for packer in ["gzip", "xz", "bzip2", "zstd -q --rm"] {
        let mut bed = Bed::new();
        bed.append("access.log", "a\nb\n");
        bed.read();
        bed.restart();
        bed.append("access.log", "c\n");
        bed.rename("access.log", "access.log.1");
        let mut words = packer.split(' ');
        let mut command = Command::new(words.next().unwrap());
        assert!(command.args(words).arg(bed.path("access.log.1")).status().unwrap().success());
        bed.append("access.log", "d\n");
        for _ in 0..2 {
            bed.expect(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
            assert_eq!((bed.rejects(Reject::Partial), bed.events().lost), (0, 0), "{packer}");
            bed.restart();
        }
    }
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    bed.append("access.log", "b\n");
    bed.kill();
    fs::write(bed.path("access.log.1.gz"), b"PK\x03\x04zip").unwrap();
    fs::remove_file(bed.log()).unwrap();
    bed.append("access.log", "c\n");
    bed.expect(&[("c", 1)]);
}

/// Its web server has it open still, and it has no name any more.
#[test]
fn case_70_lines_behind_a_packing_count() {
    for late in [false, true] {
        let mut bed = Bed::new();
        bed.append("access.log", &numbered(0, 10));
        bed.read();
        bed.rename("access.log", "access.log.1");
        bed.append("access.log", &numbered(10, 20));
        bed.read();
        let mut open = OpenOptions::new().append(true).open(bed.path("access.log.1")).unwrap();
        // In time: it is in the packed file.
        open.write_all(b"line 98\n").unwrap();
        bed.gzip("access.log.1");
        if late {
            open.write_all(b"line 99\n").unwrap();
        }
        bed.read();
        bed.restart();
        bed.read();
        assert_eq!((bed.seen.lines.len() as u64, bed.told), (21 + u64::from(late), 0));
        assert!(bed.seen.lines.values().all(|&n| n == 1));
    }
}

/// It is no log, and stays none until it is another file.
#[test]
fn case_70_log_that_is_packed_in_an_unknown_way_is_told_once() {
    let mut bed = Bed::new();
    fs::write(bed.log(), b"PK\x03\x04 and more").unwrap();
    for _ in 0..5 {
        bed.read();
        let trouble = bed.follower().trouble().unwrap_or_default().to_owned();
        assert!(
            trouble.contains("compressed as zip, which is not supported") && trouble.contains("unzip -p"),
            "{trouble}"
        );
    }
    assert_eq!(bed.events().lost, 0);
    fs::write(bed.log(), "line\n").unwrap();
    bed.expect(&[("line", 1)]);
    assert_eq!(bed.follower().trouble(), None);
    // A damaged one is told once, too.
    fs::write(bed.path("sedXXXX"), b"\x1f\x8b\x08 no more").unwrap();
    bed.rename("sedXXXX", "access.log");
    (0..5).for_each(|_| bed.read());
    assert!(bed.events().lost <= 2, "{}", bed.events().lost);
}

#[test]
fn case_70_kill_within_a_gzip_goes_on_within_it() {
    let mut bed = Bed::new();
    bed.append("access.log", "first\n");
    bed.read();
    bed.restart();
    let lines: String = (0..5000).map(|n| format!("line {n}\n")).collect();
    bed.append("access.log", &lines);
    bed.rename("access.log", "access.log.1");
    bed.gzip("access.log.1");
    bed.append("access.log", "last\n");
    for _ in 0..3 {
        bed.step(700);
        bed.restart();
    }
    bed.read();
    assert_eq!(bed.seen.lines.len(), 5002);
    assert!(bed.seen.lines.values().all(|&n| n == 1));
}

#[test]
fn case_70_damaged_gzip_gives_what_it_has_and_is_reported() {
    let mut bed = Bed::new();
    bed.append("access.log", "first\n");
    bed.read();
    bed.restart();
    let lines: String = (0..50_000).map(|n| format!("line {}\n", n * 7919 % 50_000)).collect();
    bed.append("access.log", &lines);
    bed.rename("access.log", "access.log.1");
    bed.gzip("access.log.1");
    let packed = bed.path("access.log.1.gz");
    let length = fs::metadata(&packed).unwrap().len();
    let mtime = fs::metadata(&packed).unwrap().modified().unwrap();
    let file = File::options().write(true).open(&packed).unwrap();
    file.set_len(length / 2).unwrap();
    file.set_modified(mtime).unwrap();
    bed.append("access.log", "last\n");
    bed.read();
    assert!(bed.seen.lines.len() > 10_000 && bed.seen.lines.len() < 50_000, "{}", bed.seen.lines.len());
    assert_eq!(bed.seen.lines["last"], 1);
    assert_eq!((bed.rejects(Reject::Partial), bed.events().lost), (1, 1));
    // Damaged before the place where it was being read, it is not counted from its beginning.
    let mut bed = Bed::new();
    bed.append("access.log", &lines);
    bed.read();
    bed.restart();
    bed.rename("access.log", "access.log.1");
    bed.gzip("access.log.1");
    File::options().write(true).open(bed.path("access.log.1.gz")).unwrap().set_len(length / 2).unwrap();
    bed.append("access.log", "last\n");
    bed.read();
    assert_eq!(bed.seen.lines.values().sum::<u64>(), 50_001);
    assert_eq!(bed.events().lost, 1);
}

#[test]
fn case_70_gzip_bomb_is_one_long_line() {
    let mut bed = Bed::new();
    bed.append("access.log", "first\n");
    bed.read();
    bed.restart();
    bed.rename("access.log", "access.log.1");
    bed.append("access.log.1", "second\n");
    let packed = bed.path("access.log.1.gz");
    let mut out = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
    out.write_all(b"first\nsecond\n").unwrap();
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..3 {
        out.write_all(&zeros).unwrap();
    }
    out.finish().unwrap();
    fs::remove_file(bed.path("access.log.1")).unwrap();
    bed.append("access.log", "last\n");
    bed.expect(&[("first", 1), ("second", 1), ("last", 1)]);
    assert_eq!(bed.rejects(Reject::TooLong), 1);
}

#[test]
fn case_71_file_that_is_deleted_is_read_to_its_end_and_a_new_one_follows() {
    let mut bed = Bed::new();
    let mut writer = File::options().create(true).append(true).open(bed.log()).unwrap();
    writer.write_all(b"a\n").unwrap();
    bed.read();
    fs::remove_file(bed.log()).unwrap();
    writer.write_all(b"b\n").unwrap();
    bed.expect(&[("a", 1), ("b", 1)]);
    bed.append("access.log", "c\n");
    writer.write_all(b"d\n").unwrap();
    bed.expect(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
}

#[test]
fn case_71_missing_file_is_waited_for() {
    let mut bed = Bed::new();
    bed.start = Start::End;
    bed.expect(&[]);
    bed.restart();
    bed.append("access.log", "a\n");
    // It was not there at the start, so all of it came later.
    bed.expect(&[("a", 1)]);
    let mut bed = Bed::new();
    fs::remove_dir(bed.dir.path()).unwrap();
    bed.expect(&[]);
    fs::create_dir(bed.dir.path()).unwrap();
    bed.append("access.log", "a\n");
    bed.expect(&[("a", 1)]);
}

#[test]
fn case_71_directory_that_is_renamed_and_comes_back_changes_nothing() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    let away = bed.dir.path().with_extension("away");
    fs::rename(bed.dir.path(), &away).unwrap();
    let mut file = OpenOptions::new().append(true).open(away.join("access.log")).unwrap();
    file.write_all(b"b\n").unwrap();
    bed.expect(&[("a", 1), ("b", 1)]);
    fs::rename(&away, bed.dir.path()).unwrap();
    bed.append("access.log", "c\n");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1)]);
}

#[test]
fn case_71_what_is_no_regular_file_is_refused_and_never_waited_on() {
    let mut bed = Bed::new();
    let made = std::process::Command::new("mkfifo").arg(bed.log()).status().unwrap();
    assert!(made.success());
    bed.expect(&[]);
    fs::remove_file(bed.log()).unwrap();
    fs::create_dir(bed.log()).unwrap();
    bed.expect(&[]);
    fs::remove_dir(bed.log()).unwrap();
    std::os::unix::fs::symlink(bed.log(), bed.log()).unwrap();
    bed.expect(&[]);
    fs::remove_file(bed.log()).unwrap();
    // A link to a regular file is as good as the file.
    bed.append("elsewhere", "a\n");
    std::os::unix::fs::symlink(bed.path("elsewhere"), bed.log()).unwrap();
    bed.expect(&[("a", 1)]);
}

#[test]
fn case_71_lost_permission_is_waited_out() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    bed.restart();
    bed.append("access.log", "b\n");
    let mode = |mode| fs::set_permissions(bed.log(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o000);
    let denied = File::open(bed.log()).is_err();
    bed.read();
    // Root may read everything; then there is nothing to wait for.
    assert_eq!(bed.seen.lines.contains_key("b"), !denied);
    fs::set_permissions(bed.log(), fs::Permissions::from_mode(0o644)).unwrap();
    bed.expect(&[("a", 1), ("b", 1)]);
    assert_eq!(bed.events().lost, 0);
}

#[test]
fn case_72_partial_line_waits_and_counts_as_torn_once_its_file_is_done() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\nhal");
    bed.expect(&[("a", 1)]);
    bed.restart();
    bed.append("access.log", "f\nto");
    bed.expect(&[("a", 1), ("half", 1)]);
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "b\n");
    bed.expect(&[("a", 1), ("half", 1), ("b", 1)]);
    assert_eq!(bed.rejects(Reject::Partial), 0);
    // Its file may get the end of the line at any time, until it is gone.
    fs::remove_file(bed.path("access.log.1")).unwrap();
    bed.restart();
    bed.read();
    assert_eq!((bed.rejects(Reject::Partial), bed.events().lost), (1, 0));
    bed.restart();
    bed.expect(&[("a", 1), ("half", 1), ("b", 1)]);
}

#[test]
fn case_72_too_long_line_is_rejected_once_and_over_a_restart() {
    let mut bed = Bed::new();
    bed.append("access.log", &"x".repeat(3000));
    bed.read();
    assert_eq!(bed.rejects(Reject::TooLong), 1);
    bed.restart();
    bed.append("access.log", &format!("{}\nok\n", "x".repeat(3000)));
    bed.expect(&[("ok", 1)]);
    assert_eq!(bed.rejects(Reject::TooLong), 1);
}

#[test]
fn case_74_nuls_of_a_crash_or_of_a_writer_without_append_are_skipped() {
    let mut bed = Bed::new();
    bed.append("access.log", &format!("a\n{}b\n", "\0".repeat(600_000)));
    bed.expect(&[("a", 1), ("b", 1)]);
    assert_eq!(bed.rejects(Reject::Nul), 1);
    // copytruncate under a writer that keeps its place: the file is sparse up to there.
    let length = fs::metadata(bed.log()).unwrap().len();
    bed.copytruncate("access.log.1");
    let mut file = File::options().write(true).open(bed.log()).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(length)).unwrap();
    file.write_all(b"c\n").unwrap();
    bed.expect(&[("a", 1), ("b", 1), ("c", 1)]);
    assert_eq!(bed.rejects(Reject::Nul), 2);
}

#[test]
fn case_75_backlog_is_read_in_parts_that_fit_the_tally() {
    let mut bed = Bed::new();
    let lines: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
    bed.append("access.log", &lines);
    let mut steps = 0;
    loop {
        let before = bed.seen.lines.len();
        let step = bed.step(50);
        assert!(bed.seen.lines.len() - before <= 50);
        steps += 1;
        // Each part is committed, and a kill in between loses nothing.
        if steps % 7 == 0 {
            bed.restart()
        } else {
            bed.commit()
        }
        if step == Progress::Idle {
            break;
        }
    }
    assert_eq!(bed.seen.lines.len(), 20_000);
    assert!(bed.seen.lines.values().all(|&n| n == 1));
}

#[test]
fn start_at_the_end_is_behind_the_last_whole_line() {
    let mut bed = Bed::new();
    bed.start = Start::End;
    bed.append("access.log", "a\nb\nhal");
    bed.expect(&[]);
    bed.restart();
    bed.append("access.log", "f\nc\n");
    bed.expect(&[("half", 1), ("c", 1)]);
}

/// A kill -9 before anything that was read is committed, and rotations before the next start.
#[test]
fn rotated_away_before_the_first_line_is_committed_is_read_all_the_same() {
    for gzip in [false, true] {
        let mut bed = Bed::new();
        bed.append("access.log.1", "of an earlier life\n");
        std::thread::sleep(Duration::from_millis(10)); // the clock of files is a coarse one
        bed.append("access.log", "a\n");
        bed.begin();
        bed.commit();
        bed.read();
        bed.kill();
        bed.rename("access.log.1", "access.log.2");
        bed.rename("access.log", "access.log.1");
        bed.append("access.log", "b\n");
        bed.rename("access.log.2", "access.log.3");
        bed.rename("access.log.1", "access.log.2");
        bed.rename("access.log", "access.log.1");
        bed.append("access.log", "c\n");
        if gzip {
            bed.gzip("access.log.2");
            bed.gzip("access.log.1");
        }
        bed.expect(&[("a", 1), ("b", 1), ("c", 1)]);
        assert_eq!(bed.events().lost, 0, "{gzip}");
    }
}

#[test]
fn copied_and_truncated_before_the_first_line_is_committed_is_read_all_the_same() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.begin();
    bed.commit();
    bed.read();
    bed.kill();
    std::thread::sleep(Duration::from_millis(10));
    bed.append("access.log", "b\n");
    bed.copytruncate("access.log.1");
    bed.append("access.log", "c\n");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1)]);
}

/// The log was not there at the first look; it was made, written and rotated before the second.
#[test]
fn log_that_came_and_went_after_the_first_look_is_read() {
    let mut bed = Bed::new();
    bed.begin();
    bed.restart();
    for generation in ["a\n", "b\n"] {
        bed.append("access.log", generation);
        if bed.path("access.log.1").exists() {
            bed.rename("access.log.1", "access.log.2");
        }
        bed.rename("access.log", "access.log.1");
    }
    bed.expect(&[("a", 1), ("b", 1)]);
    bed.append("access.log", "c\n");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1)]);
    assert_eq!(bed.events().lost, 0);
    bed.restart();
    bed.expect(&[("a", 1), ("b", 1), ("c", 1)]);
}

/// Whether it was there at the first look or came later, and whether a look took some of it into its buffer or not.
#[test]
fn log_that_is_packed_before_anything_of_it_is_committed_is_read() {
    for (was_there, looks) in [(true, 1), (true, 3), (false, 1), (false, 3)] {
        let mut bed = Bed::new();
        if !was_there {
            bed.begin();
            bed.commit();
        }
        bed.append("access.log", "a\nb\n");
        // There is no room for any line.
        for _ in 0..looks {
            bed.step_without_room();
        }
        bed.commit();
        bed.restart();
        bed.step_without_room();
        bed.restart();
        bed.rename("access.log", "access.log.1");
        bed.gzip("access.log.1");
        bed.append("access.log", "c\n");
        bed.expect(&[("a", 1), ("b", 1), ("c", 1)]);
    }
}

#[test]
fn generations_after_a_lost_file_are_read() {
    let mut bed = Bed::new();
    bed.append("access.log", "a\n");
    bed.read();
    bed.restart();
    std::thread::sleep(Duration::from_millis(10));
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "b\n");
    fs::remove_file(bed.path("access.log.1")).unwrap();
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "c\n");
    bed.expect(&[("a", 1), ("b", 1), ("c", 1)]);
    assert_eq!(bed.events().lost, 1);
}

/// Each of these was counted wrongly once.
#[test]
fn late_line_into_a_file_that_is_packed_counts_once_over_any_number_of_restarts() {
    let mut bed = Bed::new();
    bed.append("access.log", &numbered(0, 100));
    bed.read();
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "");
    bed.read();
    bed.append("access.log.1", "late\n");
    bed.read();
    bed.gzip("access.log.1");
    for _ in 0..4 {
        bed.restart();
        bed.read();
        assert_eq!(bed.seen.lines.values().sum::<u64>(), 101);
    }
    assert_eq!(bed.told, 0);
}

#[test]
fn copytruncate_and_packed_while_down_counts_once_over_any_number_of_restarts() {
    let mut bed = Bed::new();
    bed.append("access.log", &numbered(0, 100));
    bed.read();
    bed.restart();
    bed.copytruncate("access.log.1");
    bed.gzip("access.log.1");
    for _ in 0..4 {
        bed.read();
        assert_eq!(bed.seen.lines.values().sum::<u64>(), 100);
        bed.restart();
    }
    assert_eq!(bed.told, 0);
}

/// nginx with `buffer=64k flush=2m` writes what it has when it is told to open the new file.
#[test]
fn buffer_that_is_written_into_the_old_file_is_read_whenever_that_is() {
    let mut bed = Bed::new();
    bed.append("access.log", &numbered(0, 100));
    bed.read();
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "new\n");
    bed.read();
    bed.restart();
    bed.read();
    bed.append("access.log.1", &numbered(100, 150));
    bed.read();
    assert_eq!(bed.seen.lines.len(), 151);
    bed.restart();
    bed.read();
    bed.append("access.log.1", &numbered(150, 160));
    bed.read();
    assert_eq!(bed.seen.lines.len(), 161);
}

#[test]
fn many_quick_rotations_and_kills_double_nothing() {
    let mut bed = Bed::new();
    for round in 0..40 {
        bed.append("access.log", &numbered(round * 20, round * 20 + 20));
        bed.read();
        for n in (1..40).rev().filter(|n| bed.path(&format!("access.log.{n}")).exists()).collect::<Vec<_>>() {
            bed.rename(&format!("access.log.{n}"), &format!("access.log.{}", n + 1));
        }
        bed.rename("access.log", "access.log.1");
        bed.append("access.log", "");
        match round % 8 {
            7 => bed.kill(),
            3 => bed.commit(),
            _ => {}
        }
    }
    bed.read();
    assert_eq!(bed.seen.lines.len(), 800);
    assert!(bed.seen.lines.values().all(|&n| n == 1));
}

#[test]
fn copytruncate_of_lines_that_are_all_alike_is_told_where_it_cannot_be_seen() {
    let mut bed = Bed::new();
    bed.append("access.log", &"x\n".repeat(100));
    bed.read();
    bed.restart();
    bed.copytruncate("access.log.1");
    bed.append("access.log", &"x\n".repeat(150));
    bed.expect(&[("x", 150)]);
    assert_eq!(bed.events().lost, 1);
    // The same with a shorter one is seen.
    let mut bed = Bed::new();
    bed.append("access.log", &"x\n".repeat(100));
    bed.read();
    bed.restart();
    bed.copytruncate("access.log.1");
    bed.append("access.log", &"x\n".repeat(50));
    bed.expect(&[("x", 150)]);
    assert_eq!(bed.events().lost, 0);
}

/// The copy is seen, and the truncation is not.
#[test]
fn log_of_lines_that_are_all_alike_and_was_filled_again_unseen_is_told() {
    let pause = || std::thread::sleep(Duration::from_millis(50));
    for (written, counted, told) in [(0, 100, 0), (60, 160, 0), (100, 100, 1), (150, 150, 1)] {
        let mut bed = Bed::new();
        bed.append("access.log", &"x\n".repeat(100));
        bed.read();
        pause();
        fs::copy(bed.log(), bed.path("access.log.1")).unwrap();
        bed.read();
        bed.truncate();
        bed.append("access.log", &"x\n".repeat(written));
        for _ in 0..3 {
            pause();
            bed.expect(&[("x", counted)]);
        }
        assert_eq!(bed.events().lost, told, "{written}");
        bed.append("access.log", "x\n");
        bed.expect(&[("x", counted + 1)]);
        bed.restart();
        bed.read();
        assert_eq!(bed.told, told, "{written}: it is said once");
    }
    // Without a copy, as by `: > log`, also between two looks.
    for is_down in [false, true] {
        let mut bed = Bed::new();
        bed.append("access.log", &"x\n".repeat(100));
        bed.read();
        if is_down {
            bed.restart();
        }
        pause();
        bed.truncate();
        bed.append("access.log", &"x\n".repeat(100));
        pause();
        bed.expect(&[("x", 100)]);
        assert_eq!(bed.events().lost, 1, "{is_down}");
    }
}

#[test]
fn directory_that_is_copied_and_put_back_is_the_same() {
    for running in [false, true] {
        let mut bed = Bed::new();
        bed.append("access.log", &numbered(0, 100));
        bed.read();
        if !running {
            bed.restart();
        }
        bed.copy_directory();
        bed.append("access.log", &numbered(100, 110));
        bed.read();
        assert_eq!((bed.seen.lines.values().sum::<u64>(), bed.seen.lines.len()), (110, 110), "{running}");
    }
}

#[test]
fn log_that_an_editor_writes_anew_is_the_same() {
    for running in [false, true] {
        for in_place in [false, true] {
            let mut bed = Bed::new();
            bed.append("access.log", &numbered(0, 100));
            bed.read();
            if !running {
                bed.restart();
            }
            let text = fs::read(bed.log()).unwrap();
            if !in_place {
                fs::remove_file(bed.log()).unwrap();
            }
            fs::write(bed.log(), text).unwrap();
            bed.read();
            assert_eq!(bed.seen.lines.values().sum::<u64>(), 100, "{running} {in_place}");
            bed.append("access.log", "more\n");
            bed.read();
            assert_eq!(bed.seen.lines.values().sum::<u64>(), 101);
            assert_eq!(bed.events().lost, 0);
        }
    }
}

#[test]
fn more_than_a_thousand_rotated_files_are_no_hindrance() {
    let mut bed = Bed::new();
    for n in 1..=1500 {
        bed.append(&format!("access.log.{n}"), &format!("old {n}\n"));
    }
    bed.append("access.log", &numbered(0, 100));
    bed.read();
    assert_eq!(bed.seen.lines.len(), 100);
    bed.restart();
    bed.read();
    bed.append("access.log.700", "late\n");
    for _ in 0..30 {
        bed.read();
    }
    assert_eq!(bed.seen.lines.len(), 101);
}

/// One line is no evidence, so such files are compared with each other.
#[test]
fn thousand_files_of_one_line_are_known_again_in_a_copy_of_their_directory() {
    for alike in [false, true] {
        let mut bed = Bed::new();
        bed.append("access.log", "");
        bed.read();
        for n in 1..=1000 {
            let line = if alike { "line\n".to_owned() } else { format!("line {n}\n") };
            bed.append(&format!("access.log-{}", 20_261_000 + n), &line);
        }
        bed.read();
        let counted = bed.seen.lines.clone();
        // Files that appear at once, all with the same line, may be copies of each other.
        assert!(alike || counted.len() == 1000);
        bed.restart();
        bed.copy_directory();
        bed.append("access.log", "new\n");
        bed.read();
        assert_eq!(bed.seen.lines.remove("new"), Some(1));
        assert_eq!(bed.seen.lines, counted);
    }
}

#[test]
fn survey_ends_with_a_stop_and_leaves_the_book_as_it_was() {
    let mut bed = Bed::new();
    bed.append("access.log", "");
    bed.read();
    for n in 1..=20 {
        bed.append(&format!("access.log.{n}"), &numbered(10 * n, 10 * n + 10));
    }
    bed.read();
    bed.restart();
    bed.copy_directory();
    let before = bed.follower().book().cloned();
    bed.stop.stop();
    assert_eq!(bed.step(0), Progress::Idle);
    assert_eq!(bed.follower().book().cloned(), before);
    assert_eq!(bed.follower().trouble(), None);
    bed.kill();
    bed.stop = Stop::new().unwrap();
    bed.append("access.log", "new\n");
    bed.read();
    assert_eq!((bed.seen.lines.len(), bed.seen.lines.values().sum::<u64>()), (201, 201));
}

#[test]
fn rest_behind_a_link_that_was_switched_is_read() {
    let mut bed = Bed::new();
    let link = |bed: &Bed, to: &str| {
        let _ = fs::remove_file(bed.log());
        std::os::unix::fs::symlink(bed.path(to), bed.log()).unwrap();
    };
    bed.append("web-20261127.txt", "a\n");
    link(&bed, "web-20261127.txt");
    bed.expect(&[("a", 1)]);
    bed.restart();
    bed.append("web-20261127.txt", &numbered(0, 7));
    // One that was never looked at lies between.
    bed.append("web-20261128.txt", "b\n");
    bed.append("web-20261129.txt", "c\n");
    link(&bed, "web-20261129.txt");
    bed.read();
    assert_eq!((bed.seen.lines.len(), bed.events().lost), (10, 0));
}

#[test]
fn directory_that_a_link_led_to_while_nobody_looked_is_told() {
    let mut bed = Bed::new();
    let link = |bed: &Bed, to: &str| {
        let _ = fs::remove_file(bed.log());
        std::os::unix::fs::symlink(bed.path(to), bed.log()).unwrap();
    };
    let release = |bed: &Bed, n: u32, text: &str| {
        fs::create_dir(bed.path(&format!("release-{n}"))).unwrap();
        bed.append(&format!("release-{n}/access.log"), text);
        link(bed, &format!("release-{n}/access.log"));
    };
    // Another application's, and one that is older than all.
    fs::create_dir(bed.path("other")).unwrap();
    bed.append("other/access.log", "x\n");
    release(&bed, 8, "old\n");
    std::thread::sleep(Duration::from_millis(10));
    release(&bed, 9, "a\n");
    bed.expect(&[("a", 1)]);
    bed.restart();
    bed.append("other/access.log", "x\n");
    release(&bed, 10, "b\n");
    // What is written to in the same moment as the last that was read is in doubt for longer.
    std::thread::sleep(Duration::from_millis(10));
    release(&bed, 11, "c\n");
    bed.expect(&[("a", 1), ("c", 1)]);
    assert_eq!(bed.events().lost, 1);
    bed.restart();
    bed.append("release-11/access.log", "d\n");
    bed.expect(&[("a", 1), ("c", 1), ("d", 1)]);
    assert_eq!(bed.events().lost, 0, "it is said once");
    // One that is looked at is read.
    release(&bed, 12, "e\n");
    bed.expect(&[("a", 1), ("c", 1), ("d", 1), ("e", 1)]);
    assert_eq!(bed.events().lost, 0);
    // One that it led to between two looks, and what was read was written to later.
    release(&bed, 13, "f\n");
    link(&bed, "release-12/access.log");
    std::thread::sleep(Duration::from_millis(10));
    bed.append("release-12/access.log", "g\n");
    bed.expect(&[("a", 1), ("c", 1), ("d", 1), ("e", 1), ("g", 1)]);
    assert_eq!(bed.events().lost, 1);
}

#[test]
fn file_of_any_name_that_a_link_led_to_while_nobody_looked_is_told() {
    for (back, running) in [(false, false), (true, false), (false, true)] {
        let mut bed = Bed::new();
        let link = |bed: &Bed, to: &str| {
            let _ = fs::remove_file(bed.log());
            std::os::unix::fs::symlink(bed.path(to), bed.log()).unwrap();
        };
        // Another log that was not written to meanwhile, and what is no log.
        bed.append("other.log", "x\n");
        std::thread::sleep(Duration::from_millis(10));
        bed.append("red.log", &numbered(0, 5));
        link(&bed, "red.log");
        bed.read();
        bed.append("amber.log", &numbered(5, 10));
        link(&bed, "amber.log");
        bed.read();
        assert_eq!((bed.seen.lines.len(), bed.events().lost), (10, 0), "{back} {running}");
        if !running {
            bed.restart();
        }
        std::thread::sleep(Duration::from_millis(10));
        bed.append("notes.txt", "x\n");
        bed.append("blue.log", &numbered(10, 20));
        link(&bed, "blue.log");
        std::thread::sleep(Duration::from_millis(10));
        let last = if back { "amber.log" } else { "green.log" };
        bed.append(last, &numbered(20, 30));
        link(&bed, last);
        bed.read();
        assert_eq!((bed.seen.lines.len(), bed.events().lost), (20, 1), "{back} {running}");
        bed.restart();
        bed.append(last, &numbered(30, 31));
        bed.read();
        assert_eq!((bed.seen.lines.len(), bed.events().lost), (21, 0), "it is said once");
    }
}

#[test]
fn empty_log_that_is_rotated_away_twice_while_down_is_told_if_it_is_gone() {
    for removed in [true, false] {
        let mut bed = Bed::new();
        bed.append("access.log", "");
        bed.read();
        bed.restart();
        bed.append("access.log", "a\n");
        bed.rename("access.log", "access.log.2");
        bed.append("access.log.1", "b\n");
        bed.append("access.log", "c\n");
        if removed {
            fs::remove_file(bed.path("access.log.2")).unwrap();
            bed.expect(&[("b", 1), ("c", 1)]);
        } else {
            bed.gzip("access.log.2");
            bed.expect(&[("a", 1), ("b", 1), ("c", 1)]);
        }
        assert_eq!(bed.events().lost, u64::from(removed));
    }
}

#[test]
fn files_that_were_joined_by_hand_while_down_count_once() {
    for appended in [true, false] {
        let mut bed = Bed::new();
        bed.append("access.log.3", &numbered(0, 5));
        bed.append("access.log", &numbered(10, 20));
        bed.read();
        bed.rename("access.log", "access.log.2");
        bed.append("access.log", &numbered(20, 30));
        bed.read();
        bed.rename("access.log", "access.log.1");
        bed.append("access.log", &numbered(30, 40));
        bed.read();
        assert_eq!(bed.seen.lines.len(), 30);
        bed.restart();
        let newer = fs::read_to_string(bed.path("access.log.1")).unwrap();
        fs::remove_file(bed.path("access.log.1")).unwrap();
        if appended {
            bed.append("access.log.2", &(newer + "more\n"));
        } else {
            let older = fs::read_to_string(bed.path("access.log.2")).unwrap();
            fs::remove_file(bed.path("access.log.2")).unwrap();
            bed.append("access.log.2", &(newer + &older + "more\n"));
        }
        bed.read();
        assert_eq!(bed.seen.lines.len(), 31);
        assert!(bed.seen.lines.values().all(|&counted| counted == 1), "{:?}", bed.seen.lines);
        bed.restart();
        bed.append("access.log.2", "late\n");
        bed.read();
        assert_eq!(bed.seen.lines.values().sum::<u64>(), 32);
    }
}

#[test]
fn log_whose_every_line_was_changed_is_counted_again_and_told() {
    for (in_place, running) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut bed = Bed::new();
        bed.append("access.log", &numbered(0, 10));
        bed.read();
        if !running {
            bed.restart();
        }
        let changed = fs::read_to_string(bed.log()).unwrap().replace("line", "LINE");
        assert_eq!(changed.lines().count(), 10);
        if in_place {
            fs::write(bed.log(), changed).unwrap();
        } else {
            fs::write(bed.path("sedXXXX"), changed).unwrap();
            bed.rename("sedXXXX", "access.log");
        }
        bed.read();
        assert_eq!((bed.seen.lines.len(), bed.events().lost), (20, 1), "{in_place} {running}");
    }
}

#[test]
fn empty_log_that_is_replaced_by_another_file_has_lost_nothing() {
    for how in ["removed", "moved away", "renamed", "written anew"] {
        for at in ["first", "restarted", "truncated", "next"] {
            for filled in [false, true] {
                let case = format!("{how}, {at}, filled: {filled}");
                let mut bed = Bed::new();
                let (mut before, mut told) = (0, 0);
                bed.append("access.log", "");
                match at {
                    "truncated" => {
                        bed.append("access.log", "before\n");
                        before = 1;
                        bed.read();
                        bed.copytruncate("access.log.1");
                    }
                    "next" => {
                        bed.append("access.log", "before\n");
                        before = 1;
                        bed.read();
                        bed.rename("access.log", "access.log.1");
                        bed.append("access.log", "");
                    }
                    _ => {}
                }
                bed.read();
                if at == "restarted" {
                    bed.restart();
                    bed.read();
                    told = bed.told;
                }
                match how {
                    "removed" => fs::remove_file(bed.log()).unwrap(),
                    "moved away" => bed.rename("access.log", "elsewhere"),
                    "renamed" => {
                        if bed.path("access.log.1").exists() {
                            bed.rename("access.log.1", "access.log.2");
                        }
                        bed.rename("access.log", "access.log.1");
                    }
                    _ => {
                        bed.append("new", if filled { "after\n" } else { "" });
                        bed.rename("new", "access.log");
                    }
                }
                if how != "written anew" {
                    bed.append("access.log", if filled { "after\n" } else { "" });
                }
                bed.read();
                let lines = [("after", u64::from(filled)), ("before", before)];
                bed.expect(&lines.into_iter().filter(|(_, n)| *n > 0).collect::<Vec<_>>());
                assert_eq!(bed.events().lost + bed.told, told, "{case}");
            }
        }
    }
}

#[test]
fn file_that_was_rotated_empty_and_packed_has_lost_nothing() {
    let mut bed = Bed::new();
    bed.append("access.log", "");
    bed.read();
    bed.restart();
    bed.rename("access.log", "access.log.1");
    bed.gzip("access.log.1");
    bed.append("access.log", "a\n");
    bed.expect(&[("a", 1)]);
    assert_eq!(bed.events().lost, 0);
}

#[test]
fn file_that_is_moved_away_and_back_is_not_new() {
    let mut bed = Bed::new();
    bed.append("access.log", &numbered(0, 10));
    bed.read();
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "");
    bed.read();
    let away = tempfile::tempdir_in(bed.dir.path()).unwrap();
    fs::copy(bed.path("access.log.1"), away.path().join("kept")).unwrap();
    fs::remove_file(bed.path("access.log.1")).unwrap();
    bed.read();
    bed.restart();
    bed.read();
    fs::copy(away.path().join("kept"), bed.path("access.log.1")).unwrap();
    bed.read();
    assert_eq!(bed.seen.lines.values().sum::<u64>(), 10);
}

/// Only some of them are open at a time; the others do not wait for the next second.
#[test]
fn many_small_files_are_read_without_a_pause() {
    let mut bed = Bed::new();
    bed.append("access.log", "");
    bed.begin();
    bed.commit();
    for n in 1..=100 {
        bed.append(&format!("access.log.{n}"), &format!("line {n}\n"));
    }
    let mut said = Vec::new();
    while bed.step(0) == Progress::More {
        said.extend(bed.follower().trouble().map(str::to_owned));
    }
    assert_eq!(bed.seen.lines.len(), 100);
    assert_eq!(bed.follower().trouble(), None);
    said.dedup();
    assert!(said.len() > 2 && said[0] == "reading its rotated files, 101 left", "{said:?}");
}

/// What logrotate's `extension`, `dateformat` and `olddir`, and others, make of a name between two looks.
#[test]
fn case_71_any_names_that_a_rotation_makes_are_found() {
    let ways = [
        "access.N.log",
        "access-N.log",
        "access_N.log",
        "access.log_oldN",
        "oldN.access.log",
        "access-D.log",
        "D-access.log",
        "access.wD.log",
        "access.log.D",
        "old/access.log.N",
        "old/access.log-D",
        "old/access.N.log",
        "old/access-D.log",
    ];
    for way in ways {
        let name = |n: usize| way.replace('N', &n.to_string()).replace('D', &(20_261_130 - n).to_string());
        for (packed, copied) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut bed = Bed::new();
            fs::create_dir(bed.path("old")).unwrap();
            let lines = |file: usize| (0..10).map(|n| format!("{file} line {n}\n")).collect::<String>();
            bed.append("access.log", &lines(0));
            bed.read();
            bed.restart();
            bed.append("access.log", "late\n");
            // Another log, and one that has nothing in common with this.
            bed.append("other-access.log", "other\nlog\n");
            bed.append("zzz", "other\n");
            for round in 1..=6 {
                for n in (1..round).rev() {
                    for end in ["", ".gz"] {
                        let from = format!("{}{end}", name(n));
                        if bed.path(&from).exists() {
                            bed.rename(&from, &format!("{}{end}", name(n + 1)));
                        }
                    }
                }
                if copied {
                    bed.copytruncate(&name(1));
                } else {
                    bed.rename("access.log", &name(1));
                }
                if packed {
                    bed.gzip(&name(1));
                }
                bed.append("access.log", &lines(round));
            }
            for _ in 0..2 {
                bed.read();
                let twice = bed.seen.lines.values().filter(|&&n| n != 1).count();
                assert_eq!(
                    (bed.seen.lines.len(), twice),
                    (71, 0),
                    "{way}, packed: {packed}, copied: {copied}"
                );
                bed.restart();
            }
            assert_eq!(bed.told, 0, "{way}, packed: {packed}, copied: {copied}");
        }
    }
}

#[test]
fn case_71_logs_that_are_only_named_alike_are_left_alone() {
    let mut bed = Bed::new();
    let lines = |file: &str| (0..10).map(|n| format!("{file} line {n}\n")).collect::<String>();
    bed.append("access.log", &lines("ours"));
    for other in ["access-1.log", "access-2.log", "access1.log", "web-access.log", "access.log2"] {
        bed.append(other, &lines(other));
    }
    bed.read();
    bed.rename("access.log", "access.log.1");
    bed.append("access.log", "new\n");
    bed.read();
    bed.restart();
    fs::remove_file(bed.path("access.log.1")).unwrap();
    bed.append("access-1.log", "more\n");
    bed.read();
    assert_eq!(bed.seen.lines.len(), 11);
}

#[test]
fn many_rotations_while_nobody_looked_are_counted_and_it_is_said_how_far_the_look_is() {
    let mut bed = Bed::new();
    bed.append("access.log", "0\n");
    bed.read();
    bed.restart();
    for n in 1..=120 {
        let name = format!("access.log-{}", 20_261_000 + n);
        bed.rename("access.log", &name);
        if n % 2 == 0 {
            bed.gzip(&name);
        }
        bed.append("access.log", &format!("{n}\n{n} again\n"));
    }
    bed.read();
    assert_eq!(bed.seen.lines.len(), 241);
    assert!(bed.seen.lines.values().all(|&n| n == 1));
    let said = bed.progress.lock().unwrap();
    assert_eq!(said[..2], ["looking at 120 rotated files, 0 done", "looking at 120 rotated files, 50 done"]);
}

/// Their lines have no time of day, so a run of them comes again by chance.
#[test]
fn rotated_log_of_few_names_loses_nothing() {
    for names in [4u64, 6, 20, 100] {
        for (is_down, is_packed) in [(true, false), (true, true), (false, false)] {
            for seed in 1..=10u64 {
                let mut bed = Bed::new();
                let mut dice = seed * 7919 + names;
                let mut lines = || -> String {
                    let mut line = || {
                        dice ^= dice << 13;
                        dice ^= dice >> 7;
                        dice ^= dice << 17;
                        format!("\"2026-11-20\",\"o%2Fr{}\"\n", dice % names)
                    };
                    (0..500).map(|_| line()).collect()
                };
                bed.append("access.log", &lines());
                bed.read();
                for round in 1..=2 {
                    if is_down {
                        bed.restart();
                    }
                    let ending = if is_packed { ".gz" } else { "" };
                    if round == 2 {
                        bed.rename(&format!("access.log.1{ending}"), &format!("access.log.2{ending}"));
                    }
                    bed.rename("access.log", "access.log.1");
                    if is_packed {
                        bed.gzip("access.log.1");
                    }
                    bed.append("access.log", &lines());
                    bed.read();
                    let all: u64 = bed.seen.lines.values().sum();
                    let what = format!("{names} names, seed {seed}, round {round}, {is_down}, {is_packed}");
                    assert_eq!(all, 500 * (round + 1), "{what}");
                }
            }
        }
    }
}
