//! From the counts of a name to what its panel shows. The HTTP server and the publisher count the same way.

use super::{Locality, MOST_TRACES, Options, Panel, Tallied, Trace};
use tallymark_core::{Country, Latest, Minute, NameRef, Visit, left, standing};

/// What the pictures of a name show of visits and of likes: the numbers, and the latest of each with the number that it
/// made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    visits: (i64, Vec<NumberedVisit>),
    likes: (i64, Vec<NumberedVisit>),
}

/// A visit, and the number that it made, if that is known.
type NumberedVisit = (Option<i64>, Visit);

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

    /// Likes that were taken back are not shown, and the others are renumbered. Nothing is numbered if the lists, which are whole
    /// if they are shorter than what was asked for, are of fewer visits than were counted, or of more: those of clients that
    /// opt out, imports and corrections are in no list, and it is not known between which visits they were.
    #[must_use]
    pub fn new(visits: &Latest, likes: &Latest, taken_back: &Latest) -> Shown {
        let still = left(likes.total, taken_back.total);
        let liked = standing(&likes.visits, &taken_back.visits);
        let is_cut = likes.visits.len() >= Shown::likes_needed(taken_back);
        Shown {
            visits: (
                visits.total,
                numbered(visits.total, &visits.visits, visits.visits.len() >= MOST_TRACES),
            ),
            likes: (still, numbered(still, &liked, is_cut)),
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
fn numbered(total: i64, latest: &[Visit], is_cut: bool) -> Vec<NumberedVisit> {
    let is_known = is_cut || i64::try_from(latest.len()) == Ok(total);
    let numbers = (1..=total).rev().map(|number| is_known.then_some(number));
    numbers.zip(latest.iter().take(MOST_TRACES).cloned()).collect()
}

fn trace((number, visit): &NumberedVisit) -> Trace<'_> {
    let country = visit.asker.country.as_ref().map_or("", Country::as_str);
    let locality = Locality { city: visit.asker.city(), country };
    Trace { number: *number, minute: visit.minute, class: visit.class, locality }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::{ClientClass, Visit};

    fn of((_, rows): &(i64, Vec<NumberedVisit>)) -> Vec<(Option<i64>, i32)> {
        rows.iter().map(|(number, visit)| (*number, visit.minute.0)).collect()
    }

    fn rows(shown: &Shown) -> Vec<(i64, i32)> {
        of(&shown.likes).into_iter().map(|(number, minute)| (number.unwrap(), minute)).collect()
    }

    #[test]
    fn what_is_in_no_list_leaves_the_others_without_a_number() {
        let latest = |total, count: i32| Latest {
            total,
            visits: (0..count).rev().map(|minute| Visit::new(Minute(minute), ClientClass::Browser)).collect(),
        };
        let visits =
            |total, count| of(&Shown::new(&latest(total, count), &latest(0, 0), &latest(0, 0)).visits);
        assert_eq!(visits(2, 2), [(Some(2), 1), (Some(1), 0)]);
        // Three have opted out, or were imported; or a correction has taken some away.
        assert_eq!(visits(5, 2), [(None, 1), (None, 0)]);
        assert_eq!(visits(1, 2), [(None, 1)]);
        assert_eq!(visits(500, 10)[0], (Some(500), 9));
        let likes = of(&Shown::new(&latest(0, 0), &latest(3, 2), &latest(0, 0)).likes);
        assert_eq!(likes, [(None, 1), (None, 0)]);
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
        assert_eq!(of(&shown(&likes, &nothing_kept).likes), [(None, 9)]);
        assert_eq!(shown(&likes, &Latest { total: 9, visits: Vec::new() }).likes, (0, Vec::new()));

        let likes = Latest { total: 100, visits: (0..100).rev().map(browser).collect() };
        let taken_back = Latest { total: 50, visits: (50..100).rev().map(browser).collect() };
        assert_eq!(Shown::likes_needed(&taken_back), 60);
        let latest: Vec<(i64, i32)> = (0..10).map(|n| (50 - n, (49 - n) as i32)).collect();
        assert_eq!(rows(&shown(&likes, &taken_back)), latest);
    }
}
