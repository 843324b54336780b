//! Which lines are accepted, and what their columns mean.

use crate::{Event, Reject, syslog::Message};

/// What one CSV column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// `YYYY-MM-DD`, UTC.
    Date,
    /// `$msec` or ISO 8601.
    Time,
    /// The name. Every route has exactly one, or [`Column::Request`].
    Name,
    /// The target of the request, as it was sent, for a badge of another counter: it gives the name.
    Request,
    /// The request method; only GET counts.
    Method,
    /// The status of the answer; only 200, 206 and 304 count.
    Status,
    /// The client's address.
    Address,
    /// The `User-Agent` header.
    UserAgent,
    /// The `Referer` header.
    Referer,
    /// How many occurrences the line represents.
    Weight,
    /// The event, in place of the route's.
    Event,
    /// `1` if the client asks not to be recorded. As the last column, it may be missing from a line: nginx logged it later
    /// than the others.
    OptOut,
    /// Not read.
    Skip,
}

impl Column {
    /// Every column with its word in the configuration.
    pub const WORDS: &'static [(&'static str, Column)] = &[
        ("date", Column::Date),
        ("time", Column::Time),
        ("name", Column::Name),
        ("request", Column::Request),
        ("method", Column::Method),
        ("status", Column::Status),
        ("address", Column::Address),
        ("user-agent", Column::UserAgent),
        ("referer", Column::Referer),
        ("weight", Column::Weight),
        ("event", Column::Event),
        ("opt-out", Column::OptOut),
        ("-", Column::Skip),
    ];

    /// Reads the configuration's word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Column> {
        Column::WORDS.iter().find(|(known, _)| *known == word).map(|&(_, column)| column)
    }
}

/// How nginx wrote the values: the `escape` parameter of its `log_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// `\xHH` for `"`, `\`, and bytes below 0x20 or above 0x7E.
    Default,
    /// JSON's `\"`, `\\`, `\n`, `\u00XX`; bytes of 0x80 and above are raw.
    Json,
}

/// Which names a route accepts, beyond the rules for every name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// Any canonical name.
    Any,
    /// GitHub's `owner/repo`.
    Github,
}

/// Whose date counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dating {
    /// Lines arrive as they happen: a date from more than 48 hours ago, or later than ten minutes past the next
    /// midnight, is a wrong clock, and the arrival day is used instead.
    Live,
    /// Files and imports: a past date is the line's own, however old; a future one is refused.
    Own,
}

/// How the lines of one tag are handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The syslog tag, exactly.
    pub tag: String,
    /// The syslog facility 0 to 23, or any.
    pub facility: Option<u8>,
    /// The syslog severity 0 to 7, or any.
    pub severity: Option<u8>,
    /// The event that its lines count.
    pub event: Event,
    /// What each column holds, 1 to 16 of them, [`Column::Name`] or [`Column::Request`] exactly once.
    pub columns: Vec<Column>,
    /// How values are escaped.
    pub escape: Escape,
    /// How many layers of percent-encoding the name has: 2 with `set_escape_uri`, 1 with a raw argument.
    pub decode: u8,
    /// Which names are accepted.
    pub names: NameRule,
}

impl Default for Route {
    /// ghit.me's own: tag `badge`, local3.info, columns date and name, escaped by `set_escape_uri`.
    fn default() -> Route {
        Route {
            tag: "badge".to_owned(),
            facility: Some(19),
            severity: Some(6),
            event: Event::HIT,
            columns: vec![Column::Date, Column::Name],
            escape: Escape::Default,
            decode: 2,
            names: NameRule::Any,
        }
    }
}

/// Where rsyslog's default forward format cuts a tag.
const RSYSLOG_CUTS: usize = 32;

impl Route {
    /// Whether a word is this route's tag, or the part that rsyslog leaves of it.
    fn has_tag(&self, word: &[u8]) -> bool {
        let tag = self.tag.as_bytes();
        word == tag || (word.len() == RSYSLOG_CUTS && tag.starts_with(word))
    }
}

/// All routes of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    routes: Vec<Route>,
    /// The path of the base URL, which requests in an access log may begin with.
    base: String,
}

impl Routes {
    /// Routes are tried in this order.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Routes {
        Routes { routes, base: String::new() }
    }

    /// The same for badges under a path, without a trailing slash.
    #[must_use]
    pub fn under(self, base: &str) -> Routes {
        Routes { base: base.to_owned(), ..self }
    }

    /// The path that badges are under, or nothing.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The events that their lines count.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.routes.iter().map(|route| route.event).collect()
    }

    /// Only the routes with this tag.
    #[must_use]
    pub fn only(&self, tag: &str) -> Routes {
        let of_tag = self.routes.iter().filter(|route| route.tag == tag);
        Routes { routes: of_tag.cloned().collect(), base: self.base.clone() }
    }

    /// The same routes, for messages of any facility and severity.
    pub(crate) fn of_any_priority(&self) -> Routes {
        let any = |route: &Route| Route { facility: None, severity: None, ..route.clone() };
        Routes { routes: self.routes.iter().map(any).collect(), base: self.base.clone() }
    }

    /// The first route of this tag, for a line that a syslog daemon wrote without its priority.
    ///
    /// # Errors
    ///
    /// [`Reject::Tag`] if no route has it.
    pub fn of_tag(&self, tag: &[u8]) -> Result<&Route, Reject> {
        self.routes.iter().find(|route| route.has_tag(tag)).ok_or(Reject::Tag)
    }

    /// The routes as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[Route] {
        &self.routes
    }

    /// Whether any route has this tag.
    pub(crate) fn has_tag(&self, tag: &[u8]) -> bool {
        self.routes.iter().any(|route| route.has_tag(tag))
    }

    /// The first route whose tag, facility and severity match the message.
    ///
    /// # Errors
    ///
    /// [`Reject::Tag`] if no route has the tag, [`Reject::Filter`] if the routes with the tag want another facility or
    /// severity.
    pub fn find(&self, message: &Message<'_>) -> Result<&Route, Reject> {
        let mut reject = Reject::Tag;
        for route in &self.routes {
            if !route.has_tag(message.tag) {
                continue;
            }
            let right = |wanted: Option<u8>, is: u8| wanted.is_none_or(|wanted| wanted == is);
            if right(route.facility, message.facility) && right(route.severity, message.severity) {
                return Ok(route);
            }
            reject = Reject::Filter;
        }
        Err(reject)
    }
}

impl Default for Routes {
    fn default() -> Routes {
        Routes::new(vec![Route::default()])
    }
}
