//! The kind of thing that is counted: `hit`, `visit`, `like`, or any `[a-z0-9_-]{1,32}`.
//!
//! An [`Event`] takes 32 bytes and is `Copy`, so that a hit can carry it without an allocation.

use crate::name::{MAX_LONG_NAME, MAX_NAME};
use std::fmt;

const MAX: usize = 32;

/// What happened to a name. Always `[a-z0-9_-]{1,32}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Event {
    /// Padded with zeros, so it compares as its text does.
    text: [u8; MAX],
}

/// The text is not an event: it is empty, longer than 32 bytes, or has a byte outside `[a-z0-9_-]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnEvent;

/// The events of the archive of GitHub's traffic: views, visitors of each day, and clones. They are counts of the
/// repository's name.
pub const TRAFFIC_EVENTS: [&str; 3] = ["gh-views", "gh-uniques", "gh-clones"];

/// What people call an event.
struct EventWords {
    event: &'static str,
    one: &'static str,
    many: &'static str,
    chinese: &'static str,
}

const fn words(
    event: &'static str,
    one: &'static str,
    many: &'static str,
    chinese: &'static str,
) -> EventWords {
    EventWords { event, one, many, chinese }
}

/// Every event that has words of its own.
const WORDS: [EventWords; 9] = [
    words("hit", "hit", "hits", "浏览"),
    words("visit", "visit", "visits", "访问"),
    words("like", "like", "likes", "点赞"),
    words("unlike", "unlike", "unlikes", "取消点赞"),
    words("order", "order", "orders", "订单"),
    words("pageview", "pageview", "pageviews", "页面浏览"),
    words("gh-views", "view on GitHub", "views on GitHub", "浏览（GitHub）"),
    words("gh-uniques", "visitor on GitHub", "visitors on GitHub", "访客（GitHub）"),
    words("gh-clones", "clone on GitHub", "clones on GitHub", "克隆（GitHub）"),
];

impl Event {
    /// A badge was shown. The only event that ghit.me knows, and the only one published as `<name>.svg`.
    pub const HIT: Event = Event::literal(b"hit");

    /// Hits of one visitor within a cooldown: what the panels count.
    pub const VISIT: Event = Event::literal(b"visit");

    /// A click on a like button.
    pub const LIKE: Event = Event::literal(b"like");

    /// One of them was taken back: what is left is the difference.
    pub const UNLIKE: Event = Event::literal(b"unlike");

    /// An address was visited, as HitMe counted them. Its names are never files, so they may be long.
    pub const URL: Event = Event::literal(b"url");

    /// Counts the events that are over the limit, if a log has too many different ones.
    pub const OVERFLOW: Event = Event::literal(b"overflow");

    pub(crate) const fn literal(text: &[u8]) -> Event {
        let mut event = Event { text: [0; MAX] };
        let mut at = 0;
        while at < text.len() {
            event.text[at] = text[at];
            at += 1;
        }
        event
    }

    /// Reads an event from text.
    ///
    /// # Errors
    ///
    /// Why the text is not an event: see [`NotAnEvent`].
    pub fn new(text: &[u8]) -> Result<Event, NotAnEvent> {
        let plain = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if text.is_empty() || text.len() > MAX || !text.iter().all(plain) {
            return Err(NotAnEvent);
        }
        Ok(Event::literal(text))
    }

    /// The maximum length of a name of this event, in bytes.
    #[must_use]
    pub fn longest_name(self) -> usize {
        if self == Event::URL { MAX_LONG_NAME } else { MAX_NAME }
    }

    /// Whether panels show it, so that its last visits are kept without being asked for.
    #[must_use]
    pub fn is_on_panels(self) -> bool {
        matches!(self, Event::VISIT | Event::LIKE | Event::UNLIKE)
    }

    /// A count with its unit: `1 hit`, `2 hits`; `2 signup` for an event that the operator has defined.
    #[must_use]
    pub fn noun(&self, count: i64) -> &str {
        self.words().map_or(self.as_str(), |words| if count == 1 { words.one } else { words.many })
    }

    /// The same in Chinese, which has one word for any number. `None` for an event that the operator has defined.
    #[must_use]
    pub fn chinese_noun(self) -> Option<&'static str> {
        self.words().map(|words| words.chinese)
    }

    fn words(self) -> Option<&'static EventWords> {
        WORDS.iter().find(|words| words.event == self.as_str())
    }

    /// Whether it is of the archive of GitHub's traffic.
    #[must_use]
    pub fn is_of_traffic(self) -> bool {
        TRAFFIC_EVENTS.contains(&self.as_str())
    }

    /// The event as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.text.iter().position(|&b| b == 0).unwrap_or(MAX);
        // The text is ASCII, so this cannot fail.
        std::str::from_utf8(&self.text[..length]).unwrap_or_default()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({})", self.as_str())
    }
}

impl fmt::Display for NotAnEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event is 1 to 32 of a-z, 0-9, _ and -")
    }
}

impl std::error::Error for NotAnEvent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_keeps_its_text() {
        for text in ["hit", "a", "order_2-x", &"z".repeat(32)] {
            assert_eq!(Event::new(text.as_bytes()).unwrap().as_str(), text);
        }
        assert_eq!(Event::new(b"hit"), Ok(Event::HIT));
    }

    #[test]
    fn events_have_words_for_one_and_for_many() {
        let noun = |text: &str, count| Event::new(text.as_bytes()).unwrap().noun(count).to_owned();
        assert_eq!(
            (noun("hit", 0), noun("hit", 1), noun("hit", -1)),
            ("hits".into(), "hit".into(), "hits".into())
        );
        assert_eq!((noun("pageview", 2), noun("signup", 2)), ("pageviews".into(), "signup".into()));
        assert_eq!((noun("unlike", 2), noun("unlike", 1)), ("unlikes".into(), "unlike".into()));
        for text in TRAFFIC_EVENTS {
            let event = Event::new(text.as_bytes()).unwrap();
            assert!(event.is_of_traffic() && noun(text, 2).ends_with("s on GitHub"), "{text}");
            assert!(event.chinese_noun().is_some_and(|word| word.ends_with("（GitHub）")), "{text}");
        }
        assert_eq!(Event::HIT.chinese_noun(), Some("浏览"));
        assert_eq!(Event::new(b"signup").unwrap().chinese_noun(), None);
    }

    #[test]
    fn event_outside_its_alphabet_is_refused() {
        for text in ["", "Hit", "a b", "a:b", "é", "a\0", &"z".repeat(33)] {
            assert_eq!(Event::new(text.as_bytes()), Err(NotAnEvent), "{text:?}");
        }
    }
}
