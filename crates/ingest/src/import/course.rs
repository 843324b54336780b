//! Whether what another counter has written down was imported before, and under which instance it is.
//!
//! The first batch of an import has a position that says what it has begun, and the last one that says that it is done.
//! If a source has changed since, it still includes the counts that were imported. How many these are cannot be read from
//! the store, because other hits were added there. So a source with other content is refused, unless the operator wants
//! all of it added.

use super::{domain, instance};
use sha2::Digest;
use tallymark_core::Position;
use uuid::Uuid;

const VERSION: &str = "1";

/// What is to be done with a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCourse {
    /// To be counted under this instance, or counted to its end.
    Count(Uuid),
    /// All of it was counted, under this instance.
    Counted(Uuid),
}

/// The position of an import of `content`.
pub(super) fn content_position(source: &str, content: Uuid, done: bool) -> Position {
    let state = format!("{VERSION} content={} done={}", content.simple(), u8::from(done));
    Position { source: source.to_owned(), state }
}

/// Decides by the positions of all instances; `None` if another content of this source was imported before.
pub(super) fn content_course(
    source: &str,
    content: Uuid,
    positions: &[(Uuid, Position)],
    again: bool,
) -> Option<ContentCourse> {
    let ours = || positions.iter().filter(|(_, position)| position.source == source);
    let (begun, done) =
        (content_position(source, content, false).state, content_position(source, content, true).state);
    if let Some((instance, _)) = ours().find(|(_, position)| position.state == begun) {
        return Some(ContentCourse::Count(*instance));
    }
    let same: Vec<Uuid> = ours().filter(|(_, position)| position.state == done).map(|(of, _)| *of).collect();
    match same.first() {
        Some(instance) if !again => Some(ContentCourse::Counted(*instance)),
        None if !again && ours().next().is_some() => None,
        _ => Some(ContentCourse::Count(instance_of(source, content, same.len()))),
    }
}

/// Always the same value, so that an import that was killed continues, also one that counts once more.
fn instance_of(source: &str, content: Uuid, before: usize) -> Uuid {
    let mut digest = domain(source);
    digest.update(content);
    digest.update(before.to_string());
    instance(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "snow-trace";

    fn course(content: Uuid, positions: &[(Uuid, Position)], again: bool) -> Option<ContentCourse> {
        content_course(SOURCE, content, positions, again)
    }

    fn position(content: Uuid, done: bool) -> Position {
        content_position(SOURCE, content, done)
    }

    #[test]
    fn same_content_is_counted_once_and_another_is_refused() {
        let (content, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut positions = vec![(Uuid::nil(), Position { source: "file:x#1".into(), state: "1".into() })];
        let Some(ContentCourse::Count(first)) = course(content, &positions, false) else { panic!() };
        // It was killed.
        positions.push((first, position(content, false)));
        for again in [false, true] {
            assert_eq!(course(content, &positions, again), Some(ContentCourse::Count(first)));
        }
        assert_eq!(course(other, &positions, false), None);
        positions[1].1 = position(content, true);
        assert_eq!(course(content, &positions, false), Some(ContentCourse::Counted(first)));
        assert_eq!(course(other, &positions, false), None);
        let Some(ContentCourse::Count(second)) = course(content, &positions, true) else { panic!() };
        assert_ne!(second, first);
        let Some(ContentCourse::Count(third)) = course(other, &positions, true) else { panic!() };
        positions.push((third, position(other, false)));
        assert_eq!(course(other, &positions, false), Some(ContentCourse::Count(third)));
        // A newer version wrote it.
        positions.truncate(1);
        positions.push((first, Position { source: SOURCE.into(), state: "2".into() }));
        assert_eq!(course(content, &positions, false), None);
    }
}
