//! From the counts of a name to what its panel shows. The HTTP server and the publisher count the same way.

use super::{Locality, MOST_TRACES, Options, Panel, Tallied, Trace};
use tallymark_core::{Country, Latest, Minute, NameRef, Visit, left, standing};

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
    /// How many likes are to be read, so that enough are left.
    #[must_use]
    pub fn likes_needed(taken_back: &Latest) -> usize {
        MOST_TRACES + taken_back.visits.len()
    }

    /// Likes that were taken back are not shown, and the others are renumbered.
    #[must_use]
    pub fn new(visits: &Latest, likes: &Latest, taken_back: &Latest) -> Shown {
        let still = left(likes.total, taken_back.total);
        let liked = standing(&likes.visits, &taken_back.visits);
        Shown {
            visits: (visits.total, numbered(visits.total, &visits.visits)),
            likes: (still, numbered(still, &liked)),
        }
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
            is_away: false,
        }
    }
}

/// The latest has the number of all, and no more are shown than there are.
fn numbered(total: i64, latest: &[Visit]) -> Vec<(i64, Visit)> {
    (1..=total).rev().zip(latest.iter().take(MOST_TRACES).cloned()).collect()
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

    fn rows(shown: &Shown) -> Vec<(i64, i32)> {
        shown.likes.1.iter().map(|(number, visit)| (*number, visit.minute.0)).collect()
    }

    #[test]
    fn likes_that_were_taken_back_are_in_neither_number_nor_rows() {
        let visit = |class: ClientClass| move |minute| Visit::new(Minute(minute), class);
        let (browser, unknown) = (visit(ClientClass::Browser), visit(ClientClass::Unknown));
        let likes = Latest { total: 2, visits: vec![unknown(9), browser(8)] };
        let taken_back = Latest { total: 1, visits: vec![unknown(9)] };
        let shown = |likes: &Latest, taken_back: &Latest| Shown::new(&Latest::default(), likes, taken_back);
        assert_eq!(rows(&shown(&likes, &taken_back)), [(1, 8)]);
        // What is kept of one may not tell of which like it was.
        let nothing_kept = Latest { total: 1, visits: Vec::new() };
        assert_eq!(rows(&shown(&likes, &nothing_kept)), [(1, 9)]);
        assert_eq!(shown(&likes, &Latest { total: 9, visits: Vec::new() }).likes, (0, Vec::new()));

        let likes = Latest { total: 100, visits: (0..100).rev().map(browser).collect() };
        let taken_back = Latest { total: 50, visits: (50..100).rev().map(browser).collect() };
        assert_eq!(Shown::likes_needed(&taken_back), 60);
        let latest: Vec<(i64, i32)> = (0..10).map(|n| (50 - n, (49 - n) as i32)).collect();
        assert_eq!(rows(&shown(&likes, &taken_back)), latest);
    }
}
