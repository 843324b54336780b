//! Whether the lines of a log fit its format. A log of which no line does is one of another kind, and that is a trouble, not a
//! matter of single lines.

use super::book::Book;

/// So many lines in a row are no accident in a log of which others fit.
const MANY: u64 = 100;

/// What became of the lines of a log.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// Some line was understood.
    fits: bool,
    /// How many were not, since the last that was.
    misfits: u64,
    /// What helps, by the first of them.
    advice: Option<String>,
}

impl Fit {
    /// Of a log that is known: some of its lines may have counted before.
    pub(super) fn of(book: Option<&Book>) -> Fit {
        let has_counted = |book: &Book| {
            let mut records = book.iter();
            records.any(|(_, record)| record.mark.offset > record.from && record.refused_by.is_none())
        };
        Fit { fits: book.is_some_and(has_counted), ..Fit::default() }
    }

    /// A line that was read.
    pub(super) fn understood(&mut self) {
        *self = Fit { fits: true, ..Fit::default() };
    }

    /// A line that was not.
    pub(super) fn refused(&mut self, advice: impl FnOnce() -> String) {
        self.misfits += 1;
        self.advice.get_or_insert_with(advice);
    }

    /// What is wrong, if most lines do not fit.
    pub(super) fn trouble(&self) -> Option<&str> {
        let enough = if self.fits { MANY } else { 1 };
        self.advice.as_deref().filter(|_| self.misfits >= enough)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_that_fits_is_a_trouble_and_so_are_many_in_a_row() {
        let advice = || "set format".to_owned();
        let mut fit = Fit::of(None);
        assert_eq!(fit.trouble(), None);
        fit.refused(advice);
        assert_eq!(fit.trouble(), Some("set format"));
        fit.understood();
        (1..MANY).for_each(|_| fit.refused(advice));
        assert_eq!(fit.trouble(), None);
        fit.refused(advice);
        assert_eq!(fit.trouble(), Some("set format"));
        fit.understood();
        assert_eq!(fit.trouble(), None);
    }
}
