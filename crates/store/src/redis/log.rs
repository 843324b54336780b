//! The change log: the stream `changes`, and whether everything after a cursor is still there.
//!
//! A full pass over all names is always right and a missed change never is, so any doubt means [`Changes::Lost`].

use super::{
    explain::explain,
    keys,
    read::Reader,
    script::{Script, as_text},
};
use crate::{Changes, Class, Cursor, Result, Shelf, StoreError, StoreSight, names};
use redis::{RedisError, Value};
use std::{fmt, str::FromStr};
use tallymark_core::Event;

/// Entries per read; each has up to 1,000 names.
const ENTRIES: usize = 50;
const ATTEMPT: &str = "reading the log of changes";

/// The number of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Id(u64, u64);

/// The state of the stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stream {
    /// The last entry ever written, even if it is gone.
    last: Id,
    /// The first entry that is still there.
    first: Option<Id>,
    /// The last entry that was deleted by hand. Redis 7 only.
    deleted: Id,
    /// Every entry ever written is still there. Redis 7 only; unknown before.
    whole: bool,
}

impl Stream {
    /// Reads XINFO STREAM.
    fn read(info: &[Value]) -> Option<Stream> {
        let field =
            |name: &str| info.chunks_exact(2).find(|pair| as_text(&pair[0]) == name).map(|pair| &pair[1]);
        let id = |name: &str| field(name).and_then(|value| as_text(value).parse().ok());
        let first = match field("first-entry") {
            Some(Value::Array(entry)) => Some(as_text(entry.first()?).parse().ok()?),
            _ => None,
        };
        let added = field("entries-added");
        Some(Stream {
            last: id("last-generated-id")?,
            first,
            deleted: id("max-deleted-entry-id").unwrap_or_default(),
            whole: added.is_some() && added == field("length"),
        })
    }

    /// Whether every entry after `after` is still there.
    fn has_all_behind(&self, after: Id) -> bool {
        let begins_before = self.first.is_some_and(|first| first <= after);
        after == self.last
            || (after < self.last
                && self.deleted <= after
                && (begins_before || (after == Id(0, 0) && self.whole)))
    }
}

impl Reader {
    pub(super) async fn head(&self, script: &Script) -> Result<Cursor> {
        // The end is read last: what is written in between is found by the next read.
        let store = super::read::identity(&self.link, script).await?;
        let live = self.link.live(ATTEMPT).await?;
        let run = live.run.to_string();
        let mut pipeline = redis::pipe();
        pipeline.cmd("XINFO").arg("STREAM").arg(keys::CHANGES);
        let answers = self.link.pipe(live, ATTEMPT, &mut pipeline).await?;
        let stream = self.stream(answers.first())?;
        Ok(Cursor { store, run, entry: stream.last.to_string() })
    }

    /// One round trip, also after an idle time.
    pub(super) async fn sight(&self, shelf: Shelf) -> Result<StoreSight> {
        let live = self.link.unchecked(ATTEMPT).await?;
        let run = live.run.to_string();
        let mut pipeline = redis::pipe();
        pipeline.cmd("XINFO").arg("STREAM").arg(keys::CHANGES);
        pipeline.cmd("HGET").arg(keys::STORE).arg("uuid");
        pipeline.cmd("ZRANGE").arg(keys::shelf(shelf.name)).arg(0).arg(-1).arg("WITHSCORES");
        let answers = self.link.pipe(live, ATTEMPT, &mut pipeline).await?;
        let [info, store, kept] = answers.as_slice() else { return Err(self.garbled(&answers)) };
        let entry = self.stream(Some(info))?.last.to_string();
        // A store that has none yet was never claimed.
        let store = as_text(store).parse().unwrap_or_default();
        let kept = self.array(kept)?.chunks_exact(2);
        let kept = kept.map(|pair| (as_text(&pair[0]), as_text(&pair[1]).parse().ok())).collect();
        Ok(StoreSight { head: Cursor { store, run, entry }, kept })
    }

    pub(super) async fn changes(&self, after: &Cursor, limit: usize) -> Result<Changes> {
        let Ok(from) = after.entry.parse::<Id>() else { return Ok(Changes::Lost) };
        let (mut at, mut found) = (from, Vec::new());
        loop {
            let live = self.link.live(ATTEMPT).await?;
            if after.run != *live.run {
                return Ok(Changes::Lost);
            }
            let mut pipeline = redis::pipe();
            pipeline
                .cmd("XRANGE")
                .arg(keys::CHANGES)
                .arg(at.next().to_string())
                .arg("+")
                .arg("COUNT")
                .arg(ENTRIES);
            // After the read, so that what they say about the stream and the store was true when it was read.
            pipeline.cmd("XINFO").arg("STREAM").arg(keys::CHANGES);
            pipeline.cmd("HGET").arg(keys::STORE).arg("uuid");
            let answers = self.link.pipe(live, ATTEMPT, &mut pipeline).await?;
            let [entries, info, store] = answers.as_slice() else { return Err(self.garbled(&answers)) };
            let entries = self.array(entries)?;
            if as_text(store) != after.store.to_string() || !self.stream(Some(info))?.has_all_behind(at) {
                return Ok(Changes::Lost);
            }
            for entry in entries {
                let Some((id, fields)) = parse_entry(entry) else { return Err(self.garbled(entry)) };
                at = id;
                for pair in fields.chunks_exact(2) {
                    if let Ok(event) = Event::new(as_text(&pair[0]).as_bytes()) {
                        found.extend(names::parse(event, &as_text(&pair[1])));
                    }
                }
            }
            let more = entries.len() == ENTRIES;
            if !more || found.len() >= limit.max(1) {
                let cursor = Cursor { entry: at.to_string(), ..after.clone() };
                return Ok(Changes::Since { names: found, cursor, more });
            }
        }
    }

    /// The state of the stream. There is none before the first batch.
    fn stream(&self, info: Option<&Value>) -> Result<Stream> {
        match info {
            Some(Value::ServerError(err))
                if err.details().is_some_and(|text| text.contains("no such key")) =>
            {
                Ok(Stream::default())
            }
            Some(info) => Stream::read(self.array(info)?).ok_or_else(|| self.garbled(info)),
            None => Err(self.garbled(&info)),
        }
    }

    fn array<'a>(&self, value: &'a Value) -> Result<&'a [Value]> {
        match value {
            Value::Array(values) => Ok(values),
            Value::ServerError(err) => {
                Err(explain(&RedisError::from(err.clone()), self.link.attempt(ATTEMPT)))
            }
            _ => Err(self.garbled(value)),
        }
    }

    fn garbled(&self, answer: &dyn fmt::Debug) -> StoreError {
        StoreError::new(
            Class::Data,
            self.link.attempt(ATTEMPT),
            format!("{} answered {answer:?}", keys::CHANGES),
        )
    }
}

fn parse_entry(entry: &Value) -> Option<(Id, &[Value])> {
    match entry {
        Value::Array(parts) => match parts.as_slice() {
            [id, Value::Array(fields)] => Some((as_text(id).parse().ok()?, fields)),
            _ => None,
        },
        _ => None,
    }
}

impl Id {
    /// The next number after this one. (XRANGE has exclusive ranges only since 6.2.)
    fn next(self) -> Id {
        if self.1 == u64::MAX { Id(self.0.saturating_add(1), 0) } else { Id(self.0, self.1 + 1) }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl FromStr for Id {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Id, ()> {
        let (ms, n) = text.split_once('-').ok_or(())?;
        Ok(Id(ms.parse().map_err(|_| ())?, n.parse().map_err(|_| ())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_only_while_nothing_behind_it_is_gone() {
        let stream = Stream { last: Id(9, 0), first: Some(Id(5, 0)), deleted: Id(0, 0), whole: false };
        for (after, good) in
            [(Id(9, 0), true), (Id(5, 0), true), (Id(6, 1), true), (Id(4, 9), false), (Id(9, 1), false)]
        {
            assert_eq!(stream.has_all_behind(after), good, "{after}");
        }
        assert!(!stream.has_all_behind(Id(0, 0)));
        assert!(Stream { whole: true, ..stream }.has_all_behind(Id(0, 0)));
        assert!(Stream::default().has_all_behind(Id(0, 0)));
        let deleted = Stream { last: Id(9, 0), first: Some(Id(5, 0)), deleted: Id(7, 0), whole: false };
        assert!(!deleted.has_all_behind(Id(6, 0)) && deleted.has_all_behind(Id(7, 0)));
        let emptied = Stream { last: Id(9, 0), ..Stream::default() };
        assert!(emptied.has_all_behind(Id(9, 0)) && !emptied.has_all_behind(Id(8, 0)));
    }
}
