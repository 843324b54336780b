//! Histories of the model that once went wrong.

use super::{
    any::{Happens, survives},
    bed::{Bed, Pauses},
};
use std::{fs, time::UNIX_EPOCH};

#[test]
fn known_histories_count_what_was_written() {
    use Happens::*;
    for (what, alike) in [
        // A live log with half a line was surveyed again and again.
        (vec![Append(1), Rename, Read, Half, Read], false),
        // Two open files without a name, one of them empty.
        (vec![Append(10), Rename, ReadSome, Append(1), CopyTruncate, ReadSome, CopyDirectory], false),
        // A generation that was found late.
        (
            vec![
                Append(1),
                Rename,
                Rename,
                Append(1),
                Read,
                Late(1),
                Rename,
                Read,
                Late(1),
                Pack { newest: true },
            ],
            true,
        ),
        (
            vec![
                Append(1),
                Rename,
                Rename,
                Read,
                Pack { newest: true },
                Append(1),
                Read,
                Append(1),
                CopyDirectory,
            ],
            true,
        ),
        (
            vec![
                Append(1),
                Rename,
                Rename,
                Append(2),
                Late(2),
                Rename,
                Read,
                Read,
                Pack { newest: true },
                Pack { newest: false },
                Read,
                CopyDirectory,
            ],
            true,
        ),
        // The file that was read is gone, and the one that was not has another inode.
        (vec![Append(1), Rename, Read, Append(2), DeleteOldest, CopyDirectory], true),
        // An open file that was truncated is not the one that was read.
        (vec![Append(3), Read, CopyTruncate, Append(1), CopyDirectory, Rename], false),
        // Two generations are packed into the same bytes.
        (
            vec![
                Append(3),
                Rename,
                Append(25),
                Rename,
                Append(22),
                Pack { newest: true },
                Rename,
                Late(3),
                ReadSome,
                Commit,
                Rename,
                Kill,
                Pack { newest: false },
            ],
            true,
        ),
        (
            vec![
                Append(38),
                Rename,
                Rename,
                Pack { newest: false },
                Append(38),
                Rename,
                Read,
                Commit,
                Kill,
                Pack { newest: true },
            ],
            true,
        ),
        // A copy that was found late is no later generation.
        (
            vec![
                Append(1),
                Read,
                CopyTruncate,
                Append(15),
                Read,
                Restart,
                Rename,
                Append(1),
                Read,
                Late(1),
                Pack { newest: true },
                Rewrite,
            ],
            true,
        ),
        // A file that was read and is gone, and one that is open and was packed.
        (
            vec![
                Append(10),
                Rename,
                Append(1),
                Read,
                DeleteOldest,
                Append(10),
                Rename,
                Rename,
                Pack { newest: false },
                Read,
            ],
            true,
        ),
        (
            vec![
                Append(5),
                Rename,
                Read,
                Append(6),
                Rename,
                ReadSome,
                Rename,
                DeleteOldest,
                Pack { newest: false },
            ],
            true,
        ),
        // An empty copy got as many lines as the log.
        (vec![Append(1), Rename, CopyTruncate, Append(3), Read, Late(3), Read], true),
        // As much was written into the truncated file as the copy has.
        (vec![Append(37), CopyTruncate, Append(37), Read], true),
        (vec![Append(35), CopyTruncate, Append(37), Late(2)], true),
        // Behind a link that was switched: written anew, packed, or truncated before anything of it was read.
        (vec![Switch { back: false }, Rewrite, Switch { back: false }, Late(1)], false),
        (vec![Switch { back: false }, Append(1), Rename, Pack { newest: true }, Kill], false),
        (vec![Switch { back: false }, Append(1), Read, CopyTruncate, Switch { back: false }, Late(1)], false),
        (
            vec![
                Switch { back: false },
                Append(1),
                Read,
                CopyTruncate,
                Append(1),
                Rewrite,
                Restart,
                Switch { back: false },
            ],
            false,
        ),
        (
            vec![
                Switch { back: false },
                Append(8),
                ReadSome,
                Switch { back: false },
                Append(5),
                Kill,
                CopyTruncate,
                Pack { newest: true },
            ],
            true,
        ),
        (
            vec![
                Append(7),
                Rename,
                Pack { newest: true },
                Switch { back: false },
                Read,
                Append(7),
                Rename,
                Kill,
                Pack { newest: true },
            ],
            true,
        ),
        // The same, and that file is the older one.
        (
            vec![
                Append(27),
                Rename,
                Append(29),
                Rename,
                Pack { newest: true },
                Late(1),
                Read,
                CopyDirectory,
                Late(1),
                Pack { newest: true },
            ],
            true,
        ),
        // A file that grew after it was copied is packed into the same bytes as one that is still there.
        (
            vec![
                Append(29),
                Rename,
                Switch { back: false },
                Append(12),
                Pack { newest: false },
                Append(15),
                Rename,
                Read,
                CopyDirectory,
                Late(2),
                Pack { newest: true },
            ],
            true,
        ),
        // A file that was rotated twice, and one that was written late, packed at once.
        (
            vec![
                Append(1),
                CopyTruncate,
                CopyTruncate,
                Append(1),
                Read,
                DeleteOldest,
                Rename,
                Append(1),
                Append(1),
                Append(2),
                Rename,
                DeleteOldest,
                Append(1),
                Rename,
                Pack { newest: false },
                Pack { newest: true },
                Late(1),
                Read,
                DeleteOldest,
            ],
            true,
        ),
        // A copy is not one of the file that the link leads back to.
        (
            vec![
                Switch { back: false },
                Append(32),
                Append(6),
                Read,
                Rename,
                Append(38),
                CopyTruncate,
                Switch { back: true },
            ],
            true,
        ),
        (
            vec![
                Switch { back: false },
                Rename,
                Late(3),
                Switch { back: true },
                CopyDirectory,
                Read,
                Late(3),
            ],
            true,
        ),
        // What was passed over as a copy is truncated.
        (
            vec![
                Append(13),
                Switch { back: false },
                Append(1),
                Rename,
                Read,
                Append(1),
                Rename,
                Pack { newest: true },
                Switch { back: true },
                CopyTruncate,
                Read,
                Append(1),
                Read,
            ],
            true,
        ),
        // What was passed over as a copy is the file of another record than that of the log.
        (
            vec![
                Switch { back: false },
                Append(5),
                Switch { back: false },
                ReadSome,
                Restart,
                Append(6),
                Pack { newest: true },
                ReadSome,
                CopyTruncate,
            ],
            true,
        ),
        // A packed file of which nothing was read is copied, and still open.
        (
            vec![
                Append(1),
                Rename,
                Read,
                Append(1),
                Switch { back: false },
                Pack { newest: true },
                Rename,
                CopyDirectory,
            ],
            true,
        ),
        // A copy that lacks what was written before the truncation, beside a file that is gone.
        (
            vec![
                Append(1),
                Switch { back: false },
                Append(2),
                LateTruncate { lines: 1, hidden: true },
                DeleteOldest,
                Read,
                Append(1),
            ],
            true,
        ),
        // Such a copy, of a log that was copied and has another inode now.
        (vec![Append(2), Read, CopyDirectory, LateTruncate { lines: 1, hidden: false }], false),
        // A copy that waits for the log, and an open file without a name that has as much.
        (
            vec![Append(1), Rename, Read, Append(2), CopyDirectory, LateTruncate { lines: 1, hidden: false }],
            false,
        ),
        // A file of which some was read is gone, and so is the link that led to another.
        (
            vec![
                Append(6),
                Rename,
                Read,
                Append(7),
                Rename,
                Switch { back: false },
                Pack { newest: false },
                ReadSome,
                CopyDirectory,
                DeleteOldest,
            ],
            true,
        ),
    ] {
        for dated in [false, true] {
            survives(what.clone(), alike, dated, Pauses::default()).unwrap();
        }
    }
}

/// Two rotated files have the same lines and the same time, and one of them is packed. As long as the other is open, it has
/// the content of the packed one, too. If its record took that file, the record of the packed one would have none, and
/// the record of the log, which was truncated, would take the plain one: its last lines would count again.
#[test]
fn a_packed_file_is_that_of_its_record_whatever_is_open() {
    let mut bed = Bed::new();
    let line = "\"2026-11-20\",\"o%2Fr\"";
    bed.begin();
    for name in ["access.log-20261001", "access.log-20261002"] {
        bed.append("access.log", &format!("{line}\n").repeat(40));
        bed.written_at(UNIX_EPOCH, "access.log");
        bed.read();
        bed.rename("access.log", name);
        bed.append("access.log", "");
        bed.read();
    }
    bed.gzip("access.log-20261001");
    bed.append("access.log", &format!("{line}\n").repeat(4));
    bed.read();
    bed.truncate();
    bed.copy_directory();
    bed.expect(&[(line, 84)]);
}

/// Both rotated files are copies with new times, so only their lines are left to go by, and those are identical. The record
/// of the plain file may take the packed one, but not the other way round.
#[test]
fn a_plain_file_is_exchanged_for_a_packed_one() {
    let mut bed = Bed::new();
    let line = "\"2026-11-20\",\"o%2Fr\"";
    let lines = format!("{line}\n").repeat(40);
    bed.begin();
    for name in ["access.log-20261001", "access.log-20261002"] {
        bed.append("access.log", &lines);
        bed.read();
        bed.rename("access.log", name);
        bed.append("access.log", "");
        bed.read();
    }
    bed.gzip("access.log-20261001");
    bed.read();
    bed.restart();
    for name in ["access.log-20261001.gz", "access.log-20261002"] {
        fs::copy(bed.path(name), bed.path("copy")).unwrap();
        bed.rename("copy", name);
    }
    bed.expect(&[(line, 80)]);
}
