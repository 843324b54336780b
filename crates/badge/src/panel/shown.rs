//! From the counts of a name to what its panel shows. The HTTP server and the publisher count the same way.

use super::{Locality, Options, Panel, Tallied, Trace};
use tallymark_core::{Latest, Minute, NameRef, left};

/// What the pictures of a name show of visits and of likes: the numbers, and the latest of each with the number that it
/// made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    visits: (i64, Vec<Trace<'static>>),
    likes: (i64, Vec<Trace<'static>>),
}

impl Shown {
    /// Likes that were taken back are not shown.
    #[must_use]
    pub fn new(visits: &Latest, likes: &Latest, taken_back: i64) -> Shown {
        let still = left(likes.total, taken_back);
        let mut liked = traces(likes);
        liked.truncate(usize::try_from(still).unwrap_or(usize::MAX));
        Shown { visits: (visits.total, traces(visits)), likes: (still, liked) }
    }

    /// The panel at a moment.
    #[must_use]
    pub fn panel<'a>(&'a self, name: NameRef<'a>, now: Minute, options: Options) -> Panel<'a> {
        Panel {
            name,
            avatar: None,
            visits: Tallied { total: self.visits.0, traces: &self.visits.1 },
            likes: Tallied { total: self.likes.0, traces: &self.likes.1 },
            now,
            options,
        }
    }
}

/// The number of each is what the counter said with it.
fn traces(latest: &Latest) -> Vec<Trace<'static>> {
    let numbered = (1..=latest.total).rev().zip(&latest.visits);
    numbered.map(|(number, &visit)| Trace { number, visit, locality: Locality::default() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::{ClientClass, Visit};

    #[test]
    fn likes_that_were_taken_back_are_in_neither_number_nor_rows() {
        let visit = |minute| Visit { minute: Minute(minute), class: ClientClass::Browser };
        let likes = Latest { total: 7, visits: vec![visit(9), visit(8), visit(7)] };
        let shown = Shown::new(&Latest::default(), &likes, 5);
        assert_eq!(shown.likes.0, 2);
        let rows: Vec<(i64, i32)> =
            shown.likes.1.iter().map(|trace| (trace.number, trace.visit.minute.0)).collect();
        assert_eq!(rows, [(7, 9), (6, 8)]);
        assert_eq!(Shown::new(&Latest::default(), &likes, 9).likes, (0, Vec::new()));
    }
}
