//! Reading TOML so that every mistake is found at once, each with its line.
//!
//! serde stops at the first mistake. Here each value is taken from its table by name and checked. A mistake is
//! recorded, the default is used, and reading continues. Keys that are left in a table at the end are unknown.

use super::units;
use crate::secret;
use std::{
    cell::RefCell,
    fmt,
    ops::{Range, RangeInclusive},
};
use tallymark_core::nearest;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Line of the file, from 1; `None` when it came from a flag or concerns the whole.
    pub(crate) line: Option<usize>,
    /// The key, for programs: `http.listen`, `source[0].allow`.
    pub(crate) key: Option<String>,
    /// What is wrong, and what is allowed.
    pub(crate) what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// The mistakes of one file, as they are found.
pub(crate) struct Mistakes<'a> {
    text: &'a str,
    found: RefCell<Vec<Mistake>>,
    /// The keys of the tables that were read, and where each belongs.
    keys: RefCell<Vec<(&'static str, String)>>,
    /// Where the keys are that were taken, as programs name them.
    taken: RefCell<Vec<(String, Range<usize>)>>,
}

impl<'a> Mistakes<'a> {
    pub(crate) fn of(text: &'a str) -> Mistakes<'a> {
        Mistakes { text, found: RefCell::default(), keys: RefCell::default(), taken: RefCell::default() }
    }

    /// Records a mistake that does not belong to a key.
    pub(crate) fn add(&self, at: Option<Range<usize>>, what: String) {
        self.add_of(at, None, what);
    }

    fn add_of(&self, at: Option<Range<usize>>, key: Option<String>, what: String) {
        let line = at.map(|span| self.line_of(&span));
        self.found.borrow_mut().push(Mistake { line, key, what });
    }

    fn line_of(&self, span: &Range<usize>) -> usize {
        1 + self.text.bytes().take(span.start).filter(|&b| b == b'\n').count()
    }

    /// The lines of those of these keys that are there.
    pub(crate) fn lines_of(&self, keys: &[&'static str]) -> Vec<(&'static str, usize)> {
        let taken = self.taken.borrow();
        let line = |key: &&'static str| {
            let (_, span) = taken.iter().find(|(of, _)| of == key)?;
            Some((*key, self.line_of(span)))
        };
        keys.iter().filter_map(line).collect()
    }

    /// Where a key belongs that was met elsewhere; `badges-dir` is the flag for a key of another name.
    fn place_of(&self, key: &str) -> Option<String> {
        if key == "badges-dir" {
            return Some("[badges], as dir".to_owned());
        }
        let keys = self.keys.borrow();
        keys.iter().find(|(known, _)| *known == key).map(|(_, place)| place.clone())
    }

    /// All of them, in the order of the file.
    pub(crate) fn into_vec(self) -> Vec<Mistake> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|mistake| mistake.line);
        found
    }
}

/// One table of the file, from which keys are taken.
pub(crate) struct ConfigTable<'a> {
    /// For programs: `http`, `source[0]`.
    path: String,
    /// For people: `http`, `the 1st [[source]]`.
    name: String,
    /// Where it begins; `None` if the file does not have it.
    header: Option<Range<usize>>,
    /// The places of the keys that were taken.
    taken: Vec<(&'static str, Range<usize>)>,
    left: Left<'a>,
    known: Vec<&'static str>,
    mistakes: &'a Mistakes<'a>,
}

impl<'a> ConfigTable<'a> {
    /// The whole file.
    pub(crate) fn whole(table: &'a DeTable<'a>, mistakes: &'a Mistakes<'a>) -> ConfigTable<'a> {
        ConfigTable { left: left(table), ..ConfigTable::absent("", mistakes) }
    }

    /// An empty table, for a section that the file does not have.
    fn absent(name: &str, mistakes: &'a Mistakes<'a>) -> ConfigTable<'a> {
        ConfigTable {
            path: name.to_owned(),
            name: name.to_owned(),
            header: None,
            taken: Vec::new(),
            left: Vec::new(),
            known: Vec::new(),
            mistakes,
        }
    }

    /// What should be a table.
    fn of(
        value: &'a Spanned<DeValue<'a>>,
        path: String,
        name: String,
        mistakes: &'a Mistakes<'a>,
    ) -> ConfigTable<'a> {
        let table =
            ConfigTable { path, name, header: Some(value.span()), ..ConfigTable::absent("", mistakes) };
        match value.get_ref().as_table() {
            Some(inner) => ConfigTable { left: left(inner), ..table },
            None => {
                let what = format!("{}: {}", table.name, wanted("a table", value.get_ref()));
                mistakes.add_of(Some(value.span()), Some(table.path.clone()), what);
                table
            }
        }
    }

    /// Where it begins.
    pub(crate) fn header(&self) -> Option<Range<usize>> {
        self.header.clone()
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the key is there and was not taken yet.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.left.iter().any(|(left, ..)| *left == key)
    }

    /// Whether the key was there.
    pub(crate) fn was_taken(&self, key: &str) -> bool {
        self.taken.iter().any(|(taken, _)| *taken == key)
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        let at = self.left.iter().position(|(left, ..)| *left == key)?;
        let (_, span, value) = self.left.swap_remove(at);
        self.mistakes.taken.borrow_mut().push((self.path_of(key), span.clone()));
        self.taken.push((key, span));
        Some(value)
    }

    /// A value that `read` converts, or refuses with a reason.
    pub(crate) fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'a>) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(key)?;
        match read(value.get_ref()) {
            Ok(value) => Some(value),
            Err(why) => {
                let joint = if self.path == self.name { "." } else { ": " };
                let why = secret::without_refused(&why, texts_in(value.get_ref()));
                let what = format!("{}{joint}{key}: {why}", self.name);
                self.mistakes.add_of(Some(value.span()), Some(self.path_of(key)), what);
                None
            }
        }
    }

    /// A text that `parse` accepts.
    pub(crate) fn text<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.read(key, |value| parse(text(value)?))
    }

    /// A list of texts, each of which `parse` accepts. The first one that it refuses is the mistake.
    pub(crate) fn texts<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        self.read(key, |value| {
            let list = value.as_array().ok_or_else(|| wanted("a list", value))?;
            list.iter().map(|item| parse(text(item.get_ref())?)).collect()
        })
    }

    /// `true` or `false`.
    pub(crate) fn switch(&mut self, key: &'static str) -> Option<bool> {
        self.read(key, |value| value.as_bool().ok_or_else(|| wanted("true or false", value)))
    }

    /// A whole number.
    pub(crate) fn number(&mut self, key: &'static str, allowed: Range<u64>) -> Option<u64> {
        self.read(key, |value| {
            let number = whole(value).ok_or_else(|| wanted("a whole number", value))?;
            let number = number.filter(|number| allowed.contains(number));
            number.ok_or_else(|| format!("must be {} to {}", allowed.start, allowed.end - 1))
        })
    }

    /// A number of bytes: a whole number, or a text with a unit.
    pub(crate) fn size(&mut self, key: &'static str, allowed: RangeInclusive<u64>) -> Option<u64> {
        self.read(key, |value| {
            let size = match whole(value) {
                Some(size) => size,
                None => Some(units::bytes(
                    value.as_str().ok_or_else(|| wanted("a size, like \"8MiB\" or 65536", value))?,
                )?),
            };
            let (least, most) = (units::shown_bytes(*allowed.start()), units::shown_bytes(*allowed.end()));
            size.filter(|size| allowed.contains(size)).ok_or_else(|| format!("must be {least} to {most}"))
        })
    }

    /// A table within this one.
    pub(crate) fn table(&mut self, key: &'static str) -> ConfigTable<'a> {
        match self.take(key) {
            None => ConfigTable::absent(key, self.mistakes),
            Some(value) => ConfigTable::of(value, key.to_owned(), key.to_owned(), self.mistakes),
        }
    }

    /// The tables of `[[key]]`; `None` if there are none.
    pub(crate) fn tables(&mut self, key: &'static str) -> Option<Vec<ConfigTable<'a>>> {
        let value = self.take(key)?;
        let Some(list) = value.get_ref().as_array() else {
            self.mistakes.add(Some(value.span()), format!("{key}: write [[{key}]], one block for each"));
            return None;
        };
        let table = |(at, item): (usize, &'a Spanned<DeValue<'a>>)| {
            let name = format!("the {} [[{key}]]", ordinal(at + 1));
            ConfigTable::of(item, format!("{key}[{at}]"), name, self.mistakes)
        };
        Some(list.iter().enumerate().map(table).collect())
    }

    /// Records a mistake of the table as a whole.
    pub(crate) fn mistake(&self, what: impl fmt::Display) {
        self.mistakes.add_of(self.header(), Some(self.path.clone()), format!("{}: {what}", self.name));
    }

    /// Records a mistake of a key that was taken, or is missing.
    pub(crate) fn mistake_of(&self, key: &str, what: impl fmt::Display) {
        let at = self.taken.iter().find(|(taken, _)| *taken == key).map(|(_, span)| span.clone());
        let what = format!("{}: {key}: {what}", self.name);
        self.mistakes.add_of(at.or(self.header()), Some(self.path_of(key)), what);
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Keys that were not taken are unknown. The table of the whole file comes last: it knows where the keys of the
    /// others belong.
    pub(crate) fn finish(self) {
        let name = self.path.trim_end_matches(|c: char| c.is_ascii_digit() || "[]".contains(c));
        let place = if name == self.path { format!("[{name}]") } else { format!("[[{name}]]") };
        self.mistakes.keys.borrow_mut().extend(self.known.iter().map(|&key| (key, place.clone())));
        for (key, span, _) in &self.left {
            let mut known = self.known.clone();
            known.sort_unstable();
            known.dedup();
            let ours = OTHER_WORDS.iter().find(|(of, word, _)| *of == name && word == key);
            let hint = match (self.mistakes.place_of(key), nearest(key, &known)) {
                _ if ours.is_some() => ours.map_or_else(String::new, |(.., hint)| (*hint).to_owned()),
                (Some(place), _) if !known.contains(key) => format!("it belongs under {place}"),
                (_, Some(near)) => format!("did you mean {near}?"),
                (_, None) => format!("known here: {}", known.join(", ")),
            };
            let place = if self.name.is_empty() { String::new() } else { format!(" in {}", self.name) };
            let shown = secret::shown_key(key);
            let quoted = if shown == *key { format!("{key:?}") } else { shown.to_owned() };
            let what = format!("unknown key {quoted}{place}; {hint}");
            self.mistakes.add_of(Some(span.clone()), Some(self.path_of(shown)), what);
        }
    }
}

/// Keys that people expect, and what does the same here: the table, the key, the hint.
const OTHER_WORDS: [(&str, &str, &str); 4] = [
    (
        "badges",
        "variants",
        "use charts and panels, which list the pictures that become files, and banners and cards",
    ),
    ("group", "names", "use members"),
    (
        "route",
        "cooldown",
        "use cooldown under [visits]: it tells visits from hits, for every route that says who asked",
    ),
    (
        "visits",
        "languages",
        "use lang= in the address of a panel, or in panels under [badges]: \"badge?lang=en\"",
    ),
];

type Left<'a> = Vec<(&'a str, Range<usize>, &'a Spanned<DeValue<'a>>)>;

fn left<'a>(table: &'a DeTable<'a>) -> Left<'a> {
    table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect()
}

/// 1st, 2nd, 3rd, 4th, ... 11th, ... 21st.
fn ordinal(number: usize) -> String {
    let end = match (number % 10, number % 100) {
        (1, not) if not != 11 => "st",
        (2, not) if not != 12 => "nd",
        (3, not) if not != 13 => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| wanted("a text in quotes", value))
}

/// The texts that a message about this value may quote.
fn texts_in<'v>(value: &'v DeValue<'_>) -> Vec<&'v str> {
    match value.as_array() {
        Some(list) => list.iter().flat_map(|item| texts_in(item.get_ref())).collect(),
        None => value.as_str().into_iter().collect(),
    }
}

/// The value of an integer: `Some(None)` if it is negative or does not fit in 64 bits.
fn whole(value: &DeValue<'_>) -> Option<Option<u64>> {
    let number = value.as_integer()?;
    Some(u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok())
}

fn wanted(what: &str, value: &DeValue<'_>) -> String {
    format!("must be {what}, and is {} {}", article(value.type_str()), value.type_str())
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_order_end_as_they_should() {
        assert_eq!(
            [1, 2, 3, 4, 11, 12, 13, 21].map(ordinal).join(" "),
            "1st 2nd 3rd 4th 11th 12th 13th 21st"
        );
    }
}
