//! Several sources whose paths lead to one log: which source owns the log, and which of its files.
//!
//! One source owns the place to which the paths lead, and reads new files there. The others read the files that they
//! have to their end, and nothing new. A source that owned the place before may have read a file that has another name,
//! another inode or fewer lines by now. So it is asked before a file is treated as new: it checks the file by its own
//! rules, and claims it or does not.

use super::{
    book::Book,
    claims::OtherReader,
    follow::LogFollower,
    names::{SeenFile, real_path},
    record::{Identity, Key},
};
use std::{collections::BTreeSet, fs};
use tracing::info;

impl LogFollower {
    /// Another source that reads what is at its path.
    pub(super) fn other_reader(&self) -> Option<OtherReader> {
        let (log, claims) = (&self.following.path, &self.following.claims);
        if claims.is_alone() {
            return None;
        }
        let of_place = claims.owner_of_place(log, &real_path(log));
        let of_file = || claims.owner(log, &Identity::of(&fs::metadata(log).ok()?));
        let has_place = of_place.is_some();
        of_place.or_else(of_file).map(|log| OtherReader { log, has_place })
    }

    /// Whether what appears at its place is its own.
    pub(super) fn has_place(&self) -> bool {
        self.reader.as_ref().is_none_or(|reader| !reader.has_place)
    }

    /// Goes on with what is known of this place from sources that are not in the configuration any more.
    pub(super) fn take_over(&mut self) {
        let (log, claims) = (&self.following.path, &self.following.claims);
        for before in claims.hand_over(log, &real_path(log), &mut self.book) {
            info!(
                path = %log.display(),
                before = %before.display(),
                "this log was counted under another path; reading continues where that ended"
            );
        }
    }

    /// Asks others for the files that this log does not know. Answers what it waits for, if
    /// one of them has not answered yet.
    pub(super) fn ask_others(&mut self, files: &[SeenFile]) -> Option<String> {
        let (log, claims) = (&self.following.path, &self.following.claims);
        if claims.is_alone() {
            return None;
        }
        let there = self.book.iter().flat_map(Book::iter).filter(|(_, record)| !record.gone);
        let known: BTreeSet<Key> = there.map(|(_, record)| record.identity.key()).collect();
        let strangers: Vec<&SeenFile> =
            files.iter().filter(|file| !known.contains(&file.identity.key())).collect();
        // What is in an empty one is not known yet.
        let question = |file: &SeenFile| (file.identity.key(), file.length == 0, file.path.clone());
        let new =
            strangers.iter().filter(|file| !self.asked.contains(&question(file))).map(|file| &file.path);
        let all = strangers.iter().map(|file| file.path.clone()).collect();
        let reader = self.reader.as_ref().map(|reader| &*reader.log);
        let awaited = claims.ask((log, &real_path(log)), reader, new, &all);
        self.asked = strangers.iter().map(|file| question(file)).collect();
        awaited.map(|log| format!("waiting until the source of {} has checked its new files", log.display()))
    }
}
