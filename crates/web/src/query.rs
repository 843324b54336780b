//! Query strings, read as nginx reads them: parameter names are case-insensitive, the first of several wins, and the
//! value is percent-decoded once. A `+` is a plus in names, and a space in labels and in our own forms.

use tallymark_core::{Event, decode_percent};
pub(crate) use tallymark_core::{choice, switch};

/// The parameters of one request.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(crate) fn of(uri: &'a axum::http::Uri) -> Query<'a> {
        Query(uri.query().unwrap_or_default())
    }

    /// The fields of a form that a browser has sent.
    pub(crate) fn in_form(body: &'a str) -> Query<'a> {
        Query(body)
    }

    /// Every parameter with its raw value.
    pub(crate) fn raw(self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone {
        self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    /// The decoded value of the first parameter of that name.
    pub(crate) fn get(self, name: &str) -> Option<Vec<u8>> {
        let (_, value) = self.raw().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(decoded(value))
    }

    /// The decoded values of all parameters of that name.
    pub(crate) fn all(self, name: &str) -> impl Iterator<Item = Vec<u8>> {
        self.raw().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| decoded(value))
    }

    /// The same for text that is shown and not counted: invalid UTF-8 is replaced.
    pub(crate) fn text(self, name: &str) -> Option<String> {
        self.get(name).map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    /// The same with `+` as a space, as in a form: for text that is not a name.
    pub(crate) fn form_text(self, name: &str) -> Option<String> {
        self.form(name).map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    /// The requested event; `hit` by default.
    pub(crate) fn event(self) -> Result<Event, String> {
        match self.get("event") {
            None => Ok(Event::HIT),
            Some(text) => Event::new(&text).map_err(|why| why.to_string()),
        }
    }

    /// The same for our own forms, in which `+` is a space.
    pub(crate) fn form(self, name: &str) -> Option<Vec<u8>> {
        self.all_of_form(name).next()
    }

    /// The same for all parameters of that name.
    pub(crate) fn all_of_form(self, name: &str) -> impl Iterator<Item = Vec<u8>> {
        let named = self.raw().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| decoded(&value.replace('+', " ")))
    }
}

pub(crate) fn decoded(value: &str) -> Vec<u8> {
    let mut scratch = Vec::new();
    decode_percent(value.as_bytes(), 1, &mut scratch).to_vec()
}

/// Whether the request is to count, as far as `count=` says.
pub(crate) fn count_wanted(query: Query<'_>) -> Result<bool, &'static str> {
    query.text("count").map_or(Ok(true), |value| switch(&value).ok_or("count is true or false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(query: &str, name: &str) -> Option<String> {
        Query(query).get(name).map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn values_are_decoded_once_and_the_first_wins() {
        assert_eq!(get("repo=a/b", "repo").as_deref(), Some("a/b"));
        assert_eq!(get("repo=a%2Fb", "repo").as_deref(), Some("a/b"));
        assert_eq!(get("repo=a%252Fb", "repo").as_deref(), Some("a%2Fb"));
        assert_eq!(get("repo=a+b", "repo").as_deref(), Some("a+b"));
        assert_eq!(get("REPO=x/y&repo=z/w", "repo").as_deref(), Some("x/y"));
        assert_eq!(get("t=1&repo=a=b&x", "repo").as_deref(), Some("a=b"));
        assert_eq!(get("repo", "repo").as_deref(), Some(""));
        assert_eq!(get("", "repo"), None);
        assert_eq!(get("xrepo=1", "repo"), None);
        assert_eq!(Query("name=a+b%2Bc").form("name").as_deref(), Some(&b"a b+c"[..]));
        assert_eq!(Query("label=Profile+views%2b").form_text("label").as_deref(), Some("Profile views+"));
    }
}
