//! From the counts of a name to what its panel shows. The HTTP server and the publisher count the same way.

use super::{Locality, Options, Panel, Tallied, Trace};
use tallymark_core::{Country, Latest, Minute, NameRef, Visit, left};

/// What the pictures of a name show of visits and of likes: the numbers, and the latest of each with the number that it
/// made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    visits: (i64, Vec<(i64, Visit)>),
    likes: (i64, Vec<(i64, Visit)>),
}

/// The lines of [`Shown`].
#[derive(Debug, Clone)]
pub struct PanelRows<'a> {
    visits: (i64, Vec<Trace<'a>>),
    likes: (i64, Vec<Trace<'a>>),
}

impl Shown {
    /// Likes that were taken back are not shown.
    #[must_use]
    pub fn new(visits: &Latest, likes: &Latest, taken_back: i64) -> Shown {
        let still = left(likes.total, taken_back);
        let mut liked = numbered(likes);
        liked.truncate(usize::try_from(still).unwrap_or(usize::MAX));
        Shown { visits: (visits.total, numbered(visits)), likes: (still, liked) }
    }

    /// The lines, from which panels are made.
    #[must_use]
    pub fn rows(&self) -> PanelRows<'_> {
        PanelRows {
            visits: (self.visits.0, self.visits.1.iter().map(trace).collect()),
            likes: (self.likes.0, self.likes.1.iter().map(trace).collect()),
        }
    }
}

impl<'a> PanelRows<'a> {
    /// The panel at a moment.
    #[must_use]
    pub fn panel(&'a self, name: NameRef<'a>, now: Minute, options: Options) -> Panel<'a> {
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
fn numbered(latest: &Latest) -> Vec<(i64, Visit)> {
    (1..=latest.total).rev().zip(latest.visits.iter().cloned()).collect()
}

fn trace((number, visit): &(i64, Visit)) -> Trace<'_> {
    let country = visit.asker.country.as_ref().map_or("", Country::as_str);
    let locality = Locality { city: visit.asker.city(), country };
    Trace { number: *number, minute: visit.minute, class: visit.class, locality }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::{ClientClass, Visit};

    #[test]
    fn likes_that_were_taken_back_are_in_neither_number_nor_rows() {
        let visit = |minute| Visit::new(Minute(minute), ClientClass::Browser);
        let likes = Latest { total: 7, visits: vec![visit(9), visit(8), visit(7)] };
        let shown = Shown::new(&Latest::default(), &likes, 5);
        assert_eq!(shown.likes.0, 2);
        let rows: Vec<(i64, i32)> =
            shown.likes.1.iter().map(|(number, visit)| (*number, visit.minute.0)).collect();
        assert_eq!(rows, [(7, 9), (6, 8)]);
        assert_eq!(Shown::new(&Latest::default(), &likes, 9).likes, (0, Vec::new()));
    }
}
