//! Examines a file whose inode no record knows: whose content it has, and whether that is proof.

use super::super::{
    input::{Input, beginning, is_damage, is_packed, packed_print},
    names::{SeenFile, as_exact_as, open_regular},
    record::{Beginning, FileRecord, Mark, Print, repeats_one_line},
};
use super::{MANY, Survey};
use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    io,
};
use tracing::info;

/// How many records a file's content is held against, unless all its lines are alike: hardly more begin like it.
const MOST_CANDIDATES: usize = 64;

/// A file that no record knows by its inode.
#[derive(Default)]
pub(super) struct Stranger {
    /// The records whose content it has.
    pub(super) ids: Vec<u64>,
    /// Those of them that have read all of it, in order.
    pub(super) whole: Vec<u64>,
    /// How it begins, for comparisons that need not open it.
    pub(super) first: Vec<u8>,
    pub(super) begins: Option<Beginning>,
    /// Its beginning repeats one line.
    pub(super) alike: bool,
    pub(super) empty: bool,
    pub(super) damaged: bool,
    /// It is packed in a format that is not read: which, and what unpacks it.
    pub(super) unread: Option<String>,
    pub(super) packed: Option<Print>,
}

impl Stranger {
    pub(super) fn has(&self, id: u64) -> bool {
        self.ids.binary_search(&id).is_ok()
    }

    /// Whether what a record has read may begin with all of it.
    pub(super) fn may_begin(&self, record: &FileRecord) -> bool {
        self.begins.as_ref().is_some_and(|begins| record.mark.begins_with(begins))
    }
}

/// Records by what they have read: by length and print of its beginning, and of the packed bytes.
pub(super) struct Contents {
    prefixes: BTreeMap<usize, HashMap<Print, Vec<u64>>>,
    packed: BTreeMap<Print, Vec<u64>>,
}

impl Survey<'_> {
    pub(super) fn look_into_strangers(&mut self) -> io::Result<()> {
        let unowned: Vec<usize> = (0..self.owner.len()).filter(|&at| self.owner[at].is_none()).collect();
        if unowned.is_empty() {
            return Ok(());
        }
        let contents = self.contents();
        let all = unowned.len();
        if all >= MANY {
            info!(files = all, "checking new rotated files before anything is counted");
        }
        for (done, at) in unowned.into_iter().enumerate() {
            self.question.stop.check()?;
            self.question.tell("looking at", done, all);
            let mut stranger = match self.look_into(at, &contents) {
                Ok(stranger) => stranger,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !self.is_needed(at) => {
                    self.found.pending.push(self.file(at).clone());
                    continue;
                }
                Err(error) => {
                    let path = self.file(at).path.display();
                    return Err(io::Error::new(error.kind(), format!("opening {path}: {error}")));
                }
            };
            self.beginnings[at] = Some(std::mem::take(&mut stranger.first));
            self.strangers.insert(at, stranger);
        }
        Ok(())
    }

    /// What the records have read, so that a file is held only against those that begin like it.
    pub(super) fn contents(&self) -> Contents {
        let mut prefixes: BTreeMap<usize, HashMap<Print, Vec<u64>>> = BTreeMap::new();
        let mut packed: BTreeMap<Print, Vec<u64>> = BTreeMap::new();
        for (id, record) in self.book.iter().rev() {
            if record.mark.offset > 0 {
                let of_length = prefixes.entry(record.mark.prefix_len()).or_default();
                of_length.entry(record.mark.prefix).or_default().push(id);
            }
            // Where all lines are alike, two generations may be packed into the same bytes.
            if let Some(print) = record.packed.filter(|_| !self.home.contains_key(&id)) {
                packed.entry(print).or_default().push(id);
            }
        }
        Contents { prefixes, packed }
    }

    /// Whether nothing can be said as long as this file cannot be opened.
    fn is_needed(&self, at: usize) -> bool {
        let missing = |(id, record): (u64, &FileRecord)| !record.gone && !self.home.contains_key(&id);
        self.file(at).is_live() || self.book.iter().any(missing)
    }

    /// Whether a record has no file yet. One that was gone before comes back as it was.
    fn is_looked_for(&self, id: u64, file: &SeenFile) -> bool {
        let back = |record: &FileRecord| file.mtime == as_exact_as(file.mtime, record.mtime);
        let record = self.book.get(id).filter(|_| !self.home.contains_key(&id));
        record.is_some_and(|record| !record.gone || self.truncated.contains(&id) || back(record))
    }

    pub(super) fn look_into(&self, at: usize, contents: &Contents) -> io::Result<Stranger> {
        let path = &self.file(at).path;
        let mut stranger = Stranger::default();
        let file = open_regular(path)?;
        stranger.packed = is_packed(&file)?.then(|| packed_print(&file)).transpose()?;
        let first = match beginning(file) {
            Ok(first) => first,
            Err(error) if is_damage(&error) => {
                let unread = (error.kind() == io::ErrorKind::Unsupported).then(|| error.to_string());
                return Ok(Stranger { damaged: true, unread, ..stranger });
            }
            Err(error) => return Err(error),
        };
        stranger.begins = Some(Beginning::of(&first));
        stranger.empty = first.is_empty();
        stranger.alike = repeats_one_line(&first);
        stranger.first.clone_from(&first);
        if let Some(ids) = stranger.packed.and_then(|print| contents.packed.get(&print)) {
            stranger.ids.extend(ids);
            stranger.ids.sort_unstable();
            // Where all lines are alike, the file of another record may have been packed into these bytes.
            if !stranger.alike {
                return Ok(stranger);
            }
        }
        let mut candidates = Vec::new();
        for (&length, of_length) in contents.prefixes.range(..=first.len()) {
            candidates.extend(of_length.get(&Print::of(&first[..length])).into_iter().flatten().copied());
        }
        if stranger.alike {
            // Each of them may be it, so none is left out that may count; see `alike`.
            candidates.retain(|&id| self.is_looked_for(id, self.file(at)));
        } else {
            // Those that are there, and the newest, before others.
            candidates.sort_by_key(|&id| (self.book.get(id).is_none_or(|record| record.gone), u64::MAX - id));
            candidates.truncate(MOST_CANDIDATES);
        }
        // Where all lines are alike, many records may be behind the same bytes.
        let mut found: HashMap<_, Option<bool>> = HashMap::new();
        for id in candidates {
            let Some(Mark { offset, prefix, tail, .. }) = self.book.get(id).map(|record| &record.mark) else {
                continue;
            };
            let whole = match found.entry((*offset, *prefix, *tail)) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => *unknown.insert(self.ends(at, id, &mut stranger.damaged)?),
            };
            stranger.ids.extend(whole.map(|_| id));
            stranger.whole.extend(whole.filter(|whole| *whole).map(|_| id));
        }
        for ids in [&mut stranger.ids, &mut stranger.whole] {
            ids.sort_unstable();
            ids.dedup();
        }
        Ok(stranger)
    }

    /// Whether a file has what a record has read, and if so, whether that is all of it.
    fn ends(&self, at: usize, id: u64, damaged: &mut bool) -> io::Result<Option<bool>> {
        let Some(record) = self.book.get(id) else { return Ok(None) };
        match Input::resume(open_regular(&self.file(at).path)?, &record.mark, self.question.stop) {
            Ok(found) => Ok(found.map(|mut input| input.is_at_end().unwrap_or(false))),
            Err(error) if is_damage(&error) => {
                *damaged = true;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
