//! Notes about a card, sent in a header of the answer: parameters and values that were requested and are ignored. One
//! that would change a number is not a note but an error.

use super::CardKind;

/// So many characters of a value are said again, and only plain ones.
const LONGEST: usize = 24;
/// So many notes are kept, and the last one says that there are more.
const MOST: usize = 8;
const MORE: &str = "more is ignored";

/// Notes, in plain ASCII.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardNotes(Vec<String>);

impl CardNotes {
    /// Each of them.
    pub fn each(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(super) fn add(&mut self, note: &str) {
        match self.0.len() {
            MOST => {}
            length if length + 1 == MOST => self.0.push(MORE.to_owned()),
            _ => self.0.push(note.to_owned()),
        }
    }

    /// Something else is taken than what was asked for.
    pub(super) fn instead(&mut self, key: &str, asked: &str, what: &str) {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        match asked.len() <= LONGEST && asked.bytes().all(is_plain) {
            true => self.add(&format!("{key}={asked} {what}")),
            false => self.add(&format!("{key} {what}")),
        }
    }

    /// Parameters that other cards have, and that change nothing here.
    pub(super) fn unsupported(&mut self, kind: CardKind, is_given: impl Fn(&str) -> bool) {
        for (key, why) in IGNORED {
            if is_given(key) {
                self.add(&format!("{key} is ignored: {why}"));
            }
        }
        if kind == CardKind::Stats && is_given("count_private") {
            self.add("count_private is ignored: only public work is known");
        }
    }
}

/// None of them changes a number.
const IGNORED: [(&str, &str); 6] = [
    ("number_precision", "short numbers have one digit behind the point at most"),
    ("date_format", "dates are written out"),
    ("card_height", "a card is as high as its contents"),
    ("excludedayslabel", "days off have the colour of the foot"),
    ("line_height", "rows have one height"),
    ("text_bold", "numbers alone are bold"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_values_are_said_again_and_not_too_many() {
        let mut notes = CardNotes::default();
        notes.instead("theme", "no-such_1", "is unknown");
        notes.instead("theme", "a\r\nb", "is unknown");
        notes.instead("theme", &"x".repeat(25), "is unknown");
        assert_eq!(
            notes.each().collect::<Vec<_>>(),
            ["theme=no-such_1 is unknown", "theme is unknown", "theme is unknown"]
        );
        (0..100).for_each(|_| notes.add("more"));
        assert_eq!((notes.each().count(), notes.each().last()), (MOST, Some(MORE)));
    }
}
