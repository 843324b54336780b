//! Which counts have to be read at all, when only those above a floor are wanted.
//!
//! A count in a span is at most the total, in an hour at most that of its day, and in a minute at most that of its
//! hour. So a rare name needs only a look at its total. Both stores read through this.

use crate::Span;

/// What is known about the counts of some names.
pub(crate) struct Narrow {
    /// The total, the last day, and the last hour that was read of each name: no part of it can have more.
    bounds: Vec<[(Span, i64); 3]>,
    rows: Vec<Vec<i64>>,
}

impl Narrow {
    /// Begins with totals.
    pub(crate) fn new(totals: &[i64], spans: usize) -> Narrow {
        let all = |&total: &i64| [(Span::All, total); 3];
        Narrow { bounds: totals.iter().map(all).collect(), rows: vec![vec![0; spans]; totals.len()] }
    }

    /// The indexes of the names that may have more than `floor` in a span.
    pub(crate) fn above(&self, span: Span, floor: i64) -> Vec<usize> {
        let most = |bounds: &[(Span, i64); 3]| {
            let bounds = bounds.iter().filter(|(wider, _)| wider.holds(span));
            bounds.map(|&(_, count)| count).min().unwrap_or(i64::MAX)
        };
        (0..self.bounds.len()).filter(|&at| most(&self.bounds[at]) > floor.max(0)).collect()
    }

    /// A count that was read.
    pub(crate) fn read(&mut self, at: usize, column: usize, span: Span, count: i64) {
        self.rows[at][column] = count;
        match span {
            Span::Days(from, to) if from == to => self.bounds[at][1] = (span, count),
            Span::Hour(_) => self.bounds[at][2] = (span, count),
            _ => {}
        }
    }

    pub(crate) fn into_rows(self) -> Vec<Vec<i64>> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::{Day, Hour, Minute};

    #[test]
    fn what_is_bounded_by_a_wider_span_is_not_read() {
        let (day, hour, minute) =
            (Span::Days(Day(1), Day(1)), Span::Hour(Hour(25)), Span::last_minutes(Minute(1501), 1));
        let mut narrow = Narrow::new(&[9, 5, 9], 4);
        assert_eq!(narrow.above(day, 5), [0, 2]);
        narrow.read(0, 1, day, 7);
        narrow.read(2, 1, day, 2);
        assert_eq!(narrow.above(hour, 4), [0, 1], "of the second the day was not read");
        narrow.read(0, 2, hour, 3);
        assert_eq!(narrow.above(minute, 3), [1], "the hour of the first is not above");
        assert_eq!(narrow.above(minute, -7), [0, 1, 2]);
        // Another day's count says nothing about this one.
        assert_eq!(narrow.above(Span::Hour(Hour(49)), 4), [0, 1, 2]);
        assert_eq!(narrow.into_rows(), [[0, 7, 3, 0], [0, 0, 0, 0], [0, 2, 0, 0]]);
    }
}
