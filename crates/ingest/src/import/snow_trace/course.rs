//! Whether a data directory was imported before, and under which instance it is.
//!
//! The first batch of an import has a position that says what it has begun, and the last one that says that it is done.
//! If a directory has changed since, its totals still include the counts that were imported. How many these are cannot
//! be read from the store, because other hits were added there. So a directory with other content is refused, unless
//! the operator wants all of it added.

use super::{super::domain, SnowTraceError};
use sha2::Digest;
use tallymark_core::Position;
use uuid::Uuid;

const SOURCE: &str = "snow-trace";
const VERSION: &str = "1";

/// What is to be done with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceCourse {
    /// To be counted under this instance, or counted to its end.
    Count(Uuid),
    /// All of it was counted, under this instance.
    Counted(Uuid),
}

/// The position of an import of `content`.
pub(super) fn position(content: Uuid, done: bool) -> Position {
    let state = format!("{VERSION} content={} done={}", content.simple(), u8::from(done));
    Position { source: SOURCE.to_owned(), state }
}

/// Decides by the positions of all instances.
pub(super) fn course(
    content: Uuid,
    positions: &[(Uuid, Position)],
    again: bool,
) -> Result<TraceCourse, SnowTraceError> {
    let ours = || positions.iter().filter(|(_, position)| position.source == SOURCE);
    let (begun, done) = (position(content, false).state, position(content, true).state);
    if let Some((instance, _)) = ours().find(|(_, position)| position.state == begun) {
        return Ok(TraceCourse::Count(*instance));
    }
    let same: Vec<Uuid> = ours().filter(|(_, position)| position.state == done).map(|(of, _)| *of).collect();
    match same.first() {
        Some(instance) if !again => Ok(TraceCourse::Counted(*instance)),
        None if !again && ours().next().is_some() => Err(SnowTraceError::OtherContent),
        _ => Ok(TraceCourse::Count(instance(content, same.len()))),
    }
}

/// The same whenever it is asked for, so that an import which was killed goes on, also one that counts once more.
fn instance(content: Uuid, before: usize) -> Uuid {
    let mut digest = domain("snow-trace");
    digest.update(content);
    digest.update(before.to_string());
    super::super::instance(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_content_is_counted_once_and_another_is_refused() {
        let (content, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut positions = vec![(Uuid::nil(), Position { source: "file:x#1".into(), state: "1".into() })];
        let Ok(TraceCourse::Count(first)) = course(content, &positions, false) else { panic!() };
        // It was killed.
        positions.push((first, position(content, false)));
        for again in [false, true] {
            assert_eq!(course(content, &positions, again).unwrap(), TraceCourse::Count(first));
        }
        assert!(matches!(course(other, &positions, false), Err(SnowTraceError::OtherContent)));
        positions[1].1 = position(content, true);
        assert_eq!(course(content, &positions, false).unwrap(), TraceCourse::Counted(first));
        assert!(matches!(course(other, &positions, false), Err(SnowTraceError::OtherContent)));
        let Ok(TraceCourse::Count(second)) = course(content, &positions, true) else { panic!() };
        assert_ne!(second, first);
        let Ok(TraceCourse::Count(third)) = course(other, &positions, true) else { panic!() };
        positions.push((third, position(other, false)));
        assert_eq!(course(other, &positions, false).unwrap(), TraceCourse::Count(third));
        // A newer version wrote it.
        positions.truncate(1);
        positions.push((first, Position { source: SOURCE.into(), state: "2".into() }));
        assert!(matches!(course(content, &positions, false), Err(SnowTraceError::OtherContent)));
    }
}
