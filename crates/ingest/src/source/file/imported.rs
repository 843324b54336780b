//! How much of a file an import has counted: positions in the import's own instance, one for each group of batches, so
//! that an older copy of a file that has grown is recognised too. A later import continues after it, and so does a
//! source that begins to read such a file.

use super::{
    input::{Input, Portion, beginning, portion},
    ladder::{Ladder, LastLines},
    names::open_regular,
    record::{
        Beginning, FileRecord, Identity, Mark, PREFIX, Print, are_distinct, escaped, has_enough, lines,
        repeats_one_line, unescaped,
    },
    runs::Runs,
};
use crate::source::Stop;
use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
};
use tallymark_core::Position;
use uuid::Uuid;

/// The source under which an import commits it; the number of the group's first batch follows.
const IMPORT: &str = "import#";
const VERSION: &str = "1";

/// What an import has counted, or is about to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportMark {
    pub(crate) identity: Identity,
    /// What lies before it is counted, by whatever way.
    pub(crate) from: u64,
    /// What lies before it is counted once `done`.
    pub(crate) to: u64,
    /// The batches `first..next` are of what lies between.
    pub(crate) first: u64,
    pub(crate) next: u64,
    pub(crate) done: bool,
    /// The last line had no end; what is left of it belongs to it.
    pub(crate) torn: bool,
    /// Of the first bytes, at most [`PREFIX`], and of all up to `to`.
    pub(crate) prefix: Print,
    pub(crate) content: Print,
    /// Of the lines within the first bytes.
    pub(crate) lines: Ladder,
    /// Of each line up to `to`, if they are few. Older versions wrote none.
    pub(crate) few: LastLines,
    /// Of the runs of lines up to `to`.
    pub(crate) runs: Runs,
    /// How many hits there are up to `to`, as it was read then. Older versions wrote none.
    pub(crate) hits: Option<u64>,
    /// What the file was called.
    pub(crate) path: PathBuf,
}

impl ImportMark {
    pub(crate) fn position(&self) -> Position {
        Position { source: format!("{IMPORT}{}", self.first), state: self.to_string() }
    }

    /// How many bytes its prefix is of.
    pub(crate) fn prefix_len(&self) -> usize {
        self.to.min(PREFIX as u64) as usize
    }

    /// Whether a text that begins so is as far as it goes what was imported.
    pub(crate) fn begins_with(&self, first: &Beginning) -> bool {
        first.is_of(self.to, self.prefix, &self.lines)
    }
}

impl fmt::Display for ImportMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportMark { identity, from, to, first, next, done, torn, prefix, content, .. } = self;
        let ImportMark { lines, few, runs, hits, path, .. } = self;
        let Identity { dev, ino, born } = identity;
        write!(f, "{VERSION} dev={dev} ino={ino} born={born} from={from} to={to} first={first} next={next}")?;
        write!(f, " done={} torn={}", u8::from(*done), u8::from(*torn))?;
        write!(f, " prefix={:032x} content={:032x}", prefix.0, content.0)?;
        if !lines.is_empty() {
            write!(f, " lines={lines}")?;
        }
        if !few.is_empty() {
            write!(f, " few={few}")?;
        }
        if !runs.is_empty() {
            write!(f, " runs={runs}")?;
        }
        if let Some(hits) = hits {
            write!(f, " hits={hits}")?;
        }
        // Last, because a path may have blanks.
        write!(f, " path={}", escaped(path))
    }
}

impl FromStr for ImportMark {
    type Err = ();

    fn from_str(text: &str) -> Result<ImportMark, ()> {
        // Older versions wrote no path.
        let (fields, path) = text.split_once(" path=").unwrap_or((text, ""));
        let mut words = fields.split(' ');
        if words.next() != Some(VERSION) {
            return Err(());
        }
        let mut word = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=');
        let mut number = |key: &str| word(key).and_then(|text| text.parse::<u64>().ok()).ok_or(());
        let identity = Identity { dev: number("dev")?, ino: number("ino")?, born: number("born")? };
        let (from, to) = (number("from")?, number("to")?);
        let (first, next) = (number("first")?, number("next")?);
        let (done, torn) = (number("done")? == 1, number("torn")? == 1);
        let mut print = |key: &str| {
            let text = word(key).filter(|text| text.len() == 32).ok_or(())?;
            u128::from_str_radix(text, 16).map(Print).map_err(|_| ())
        };
        let (prefix, content) = (print("prefix")?, print("content")?);
        let mut words = words.peekable();
        let lines = lines(words.next_if(|word| word.starts_with("lines=")))?;
        let few = match words.next_if(|word| word.starts_with("few=")) {
            Some(word) => word["few=".len()..].parse()?,
            None => LastLines::default(),
        };
        let runs = match words.next_if(|word| word.starts_with("runs=")) {
            Some(word) => word["runs=".len()..].parse()?,
            None => Runs::default(),
        };
        let hits =
            words.next().map(|word| word.strip_prefix("hits=").and_then(|hits| hits.parse().ok()).ok_or(()));
        let hits = hits.transpose()?;
        let path = unescaped(path).filter(|_| words.next().is_none()).ok_or(())?;
        Ok(ImportMark {
            identity,
            from,
            to,
            first,
            next,
            done,
            torn,
            prefix,
            content,
            lines,
            few,
            runs,
            hits,
            path,
        })
    }
}

/// What positions say of imports.
pub(crate) fn imports(positions: &[(Uuid, Position)]) -> Vec<(Uuid, ImportMark)> {
    let marks = positions.iter().filter(|(_, position)| position.source.starts_with(IMPORT));
    marks.filter_map(|(instance, position)| Some((*instance, position.state.parse().ok()?))).collect()
}

/// What positions say of files that sources have read: under which instance, of which log, and the record.
pub(crate) fn records(positions: &[(Uuid, Position)]) -> Vec<(Uuid, PathBuf, FileRecord)> {
    let of_file = |(instance, position): &(Uuid, Position)| {
        let (log, id) = position.source.strip_prefix("file:")?.rsplit_once('#')?;
        id.parse::<u64>().ok()?;
        Some((*instance, PathBuf::from(log), position.state.parse().ok()?))
    };
    positions.iter().filter_map(of_file).collect()
}

/// How far imports have counted a file that no source has read yet.
pub(super) struct Counted {
    pub(super) mark: Mark,
    /// Why it may be another file than the one that was imported.
    pub(super) doubt: Option<&'static str>,
}

/// Finds out how far a file is counted. What an import has begun is left to it.
pub(super) fn counted(
    path: &Path,
    identity: &Identity,
    imports: &[ImportMark],
    stop: &Stop,
) -> io::Result<Option<Counted>> {
    if imports.is_empty() {
        return Ok(None);
    }
    let first = beginning(open_regular(path)?)?;
    let first_is_distinct = are_distinct(&first);
    let mut likely: Vec<&ImportMark> = imports
        .iter()
        .filter(|import| {
            first.get(..import.prefix_len()).is_some_and(|first| Print::of(first) == import.prefix)
        })
        .collect();
    likely.sort_by_key(|import| std::cmp::Reverse(import.to));
    for import in likely.into_iter().filter(|import| import.to > 0) {
        let Some(Portion { prefix, tail, print: content }) = portion(open_regular(path)?, import.to, stop)?
        else {
            continue;
        };
        if content == import.content {
            let is_it = import.identity.is(identity);
            let doubt = if is_it {
                None
            } else if repeats_one_line(&first) {
                Some("it begins like a file that was imported, but all lines are identical")
            } else if !has_enough(&first[..import.prefix_len()]) {
                Some("it begins with the same few lines as a file that was imported")
            } else {
                None
            };
            return Ok(Some(Counted { mark: Mark::of(import.to, import.torn, &prefix, &tail), doubt }));
        }
    }
    let (mut input, begins) = (Input::new(open_regular(path)?)?, Beginning::of(&first));
    let is_older = |import: &ImportMark| first_is_distinct && import.begins_with(&begins);
    if !input.is_packed() && imports.iter().any(is_older) {
        input.skip_to_end()?;
        let mark = input.mark();
        if imports.iter().any(|import| is_older(import) && import.to > mark.offset) {
            let doubt = Some(
                "it begins like a file that was imported and is shorter: its lines are treated as counted",
            );
            return Ok(Some(Counted { mark, doubt }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_and_others_are_refused() {
        let identity = Identity { dev: 1, ino: 2, born: 3 };
        let (prefix, content) = (Print(4), Print(u128::MAX));
        let mark = ImportMark {
            identity,
            from: 5,
            to: 6,
            first: 7,
            next: 8,
            done: true,
            torn: true,
            prefix,
            content,
            lines: Ladder::of(b"a\nb\n"),
            few: LastLines::made_up(vec![1, 2]),
            runs: Runs::made_up(vec![2, u64::MAX]),
            hits: Some(9),
            path: "a b\n".into(),
        };
        let text = mark.to_string();
        assert_eq!(text.parse(), Ok(mark.clone()));
        let (older, _) = text.split_once(" lines=").unwrap();
        let (lines, few, runs, hits, path) = Default::default();
        assert_eq!(older.parse(), Ok(ImportMark { lines, few, runs, hits, path, ..mark.clone() }));
        let (older, _) = text.split_once(" few=").unwrap();
        let (few, runs, hits, path) = Default::default();
        assert_eq!(older.parse(), Ok(ImportMark { few, runs, hits, path, ..mark.clone() }));
        let (older, _) = text.split_once(" runs=").unwrap();
        let (runs, hits, path) = Default::default();
        assert_eq!(older.parse(), Ok(ImportMark { runs, hits, path, ..mark }));
        for text in ["", "1", "2 dev=1", &text[..80], &format!("{older} lines=")] {
            assert_eq!(text.parse::<ImportMark>(), Err(()), "{text}");
        }
    }
}
