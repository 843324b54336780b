//! Whether a log whose lines are all identical was truncated and filled again between two looks.
//!
//! The bytes do not show it. The signs are a write that did not make the file longer, and a log that grows next to a
//! copy of itself, which copytruncate makes a moment before it truncates. The reader of a log calls this, and reports
//! lines that are in doubt.

use super::{
    book::Book,
    record::{FileRecord, Mark},
};

/// Why lines may be missing of a file that has nothing behind what was read, and this length and time of the last write.
pub(super) fn without_growth(
    record: &FileRecord,
    read: &Mark,
    (length, written): (u64, u64),
) -> Option<&'static str> {
    let is_same = read.offset > 0 && (record.mark.offset, record.length) == (read.offset, length);
    (is_same && record.mtime != written).then_some(
        "it was written to and did not grow: all its lines are identical, so it may have been truncated and \
         filled again",
    )
}

/// Why lines may be missing of the log, of which more was read now.
pub(super) fn beside_a_copy(book: &Book, id: u64, read: &Mark) -> Option<&'static str> {
    let before = book.get(id)?.mark.offset;
    (before > 0 && read.offset > before && copies(book, id).next().is_some()).then_some(
        "it was copied, and has grown since: all its lines are identical, so it may have been truncated and \
         filled again",
    )
}

/// Once that is reported, a copy of it is a separate file, and it is not reported again.
pub(super) fn give_up_copies(book: &mut Book, id: u64) {
    for copy in copies(book, id).collect::<Vec<_>>() {
        book.change(copy, |record| record.copy_of = Some(copy));
    }
}

/// The copies of all that was read of a file.
fn copies(book: &Book, id: u64) -> impl Iterator<Item = u64> {
    let read = book.get(id).map(|record| record.mark.offset);
    let is_whole = move |copy: &FileRecord| copy.packed.is_some() || Some(copy.mark.offset) == read;
    let is_copy = move |copy: &FileRecord| copy.copy_of == Some(id) && !copy.gone && is_whole(copy);
    book.iter().filter(move |(_, copy)| is_copy(copy)).map(|(copy, _)| copy)
}
