//! What the front page shows, and the addresses of its other views.

use crate::{
    name::{encoded_text, push, push_choices},
    pages::{NOT_A_PERIOD, maker},
    query::Query,
};
use tallymark_core::{Event, Name, NotAName, Period};

/// The numbers of rows to choose from; the first is the default.
pub(super) const SIZES: [usize; 3] = [25, 100, 1000];

/// The sort order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Hits,
    Name,
}

/// The parameters of the front page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DashboardQuery {
    pub(super) event: Event,
    /// The default event: `hit`, unless only another event was counted.
    pub(super) usual: Event,
    /// Whether the event was given.
    named: bool,
    pub(super) period: Period,
    pub(super) order: Order,
    pub(super) ascending: bool,
    /// One of [`SIZES`].
    pub(super) rows: usize,
    /// A text that names contain.
    pub(super) search: Option<String>,
    /// Where the search continues, as the store has said.
    pub(super) after: Option<String>,
    /// What the address says of the badge maker on the page, which every link of it keeps.
    pub(super) kept: Vec<(&'static str, String)>,
}

impl DashboardQuery {
    /// Whether there is such an event is up to the caller.
    pub(super) fn read(query: Query<'_>) -> Result<DashboardQuery, String> {
        let period = match query.text("period") {
            None => Period::All,
            Some(word) => Period::read(&word).ok_or(NOT_A_PERIOD)?,
        };
        let order = match query.text("sort").as_deref() {
            None | Some("hits") => Order::Hits,
            Some("name") => Order::Name,
            Some(_) => return Err("sort is hits or name".to_owned()),
        };
        let ascending = match query.text("dir").as_deref() {
            None => order.usual(),
            Some("asc") => true,
            Some("desc") => false,
            Some(_) => return Err("dir is asc or desc".to_owned()),
        };
        let rows = match query.text("rows") {
            None => Some(SIZES[0]),
            Some(text) => text.parse().ok().filter(|size| SIZES.contains(size)),
        };
        let form = |name: &str| {
            let text = query.form(name).map(|value| String::from_utf8_lossy(&value).into_owned());
            text.filter(|text| !text.is_empty())
        };
        let event = query.event()?;
        let search = form("search").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(text) = &search {
            may_be_in_a_name(event, text).map_err(|why| why.to_string())?;
        }
        Ok(DashboardQuery {
            event,
            usual: Event::HIT,
            named: query.get("event").is_some(),
            period,
            order,
            ascending,
            rows: rows.ok_or("rows is 25, 100 or 1000")?,
            search,
            after: form("after"),
            kept: maker::kept(query),
        })
    }

    /// The same with another default event.
    pub(super) fn where_usual_is(self, usual: Event) -> DashboardQuery {
        DashboardQuery { event: if self.named { self.event } else { usual }, usual, ..self }
    }

    pub(super) fn with_event(&self, event: Event) -> String {
        DashboardQuery { event, search: None, after: None, ..self.clone() }.address()
    }

    pub(super) fn with_period(&self, period: Period) -> String {
        DashboardQuery { period, search: None, after: None, ..self.clone() }.address()
    }

    pub(super) fn with_rows(&self, rows: usize) -> String {
        DashboardQuery { rows, ..self.clone() }.address()
    }

    /// Reversed, if it is already sorted by this.
    pub(super) fn sorted_by(&self, order: Order) -> String {
        let ascending = if order == self.order { !self.ascending } else { order.usual() };
        DashboardQuery { order, ascending, ..self.clone() }.address()
    }

    pub(super) fn looking_from(&self, after: &str) -> String {
        DashboardQuery { after: Some(after.to_owned()), ..self.clone() }.address()
    }

    /// The address of this ranking as CSV, with all ranked names.
    pub(super) fn as_csv(&self) -> String {
        let (event, period) = (self.event, self.period.word());
        format!("/api/v1/counters.csv?event={event}&sort=count&period={period}&limit=1000")
    }

    /// The shortest address of this view.
    fn address(&self) -> String {
        let mut path = "/".to_owned();
        if self.event != self.usual {
            push(&mut path, "event", self.event.as_str());
        }
        if self.period != Period::All {
            push(&mut path, "period", self.period.word());
        }
        if self.order == Order::Name {
            push(&mut path, "sort", "name");
        }
        if self.ascending != self.order.usual() {
            push(&mut path, "dir", if self.ascending { "asc" } else { "desc" });
        }
        if self.rows != SIZES[0] {
            push(&mut path, "rows", &self.rows.to_string());
        }
        for (key, text) in [("search", &self.search), ("after", &self.after)] {
            if let Some(text) = text {
                push(&mut path, key, &encoded_text(text, true));
            }
        }
        push_choices(&mut path, &self.kept);
        path
    }
}

/// A part of a name may begin with what no name begins with.
fn may_be_in_a_name(event: Event, text: &str) -> Result<(), NotAName> {
    match Name::of(event, text) {
        Ok(_) | Err(NotAName::Reserved) => Ok(()),
        Err(why) => Err(why),
    }
}

impl Order {
    /// Whether the natural order is ascending.
    fn usual(self) -> bool {
        self == Order::Name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Uri;

    fn read(address: &str) -> Result<DashboardQuery, String> {
        let uri: Uri = address.parse().unwrap();
        DashboardQuery::read(Query::of(&uri))
    }

    #[test]
    fn every_address_asks_for_what_it_was_made_of() {
        for address in [
            "/",
            "/?event=like&period=week",
            "/?period=minute&sort=name&dir=desc&rows=100",
            "/?dir=asc",
            "/?search=a%20b%26%3C&after=x%2By",
            "/?period=week&style=flat&label=a%20b",
        ] {
            let asked = read(address).unwrap();
            assert_eq!(asked.address(), address);
            for other in [
                asked.with_event(Event::HIT),
                asked.with_period(Period::Hour),
                asked.with_rows(1000),
                asked.sorted_by(Order::Name),
                asked.sorted_by(Order::Hits),
            ] {
                assert_eq!(read(&other).unwrap().address(), other);
            }
        }
        let usual = Event::new(b"url").unwrap();
        let there = |address: &str| read(address).unwrap().where_usual_is(usual);
        assert_eq!((there("/").event, there("/?event=hit").event), (usual, Event::HIT));
        for address in ["/", "/?event=hit", "/?event=like&period=week"] {
            assert_eq!(there(address).address(), address);
        }
        assert_eq!(there("/?event=url&dir=asc").address(), "/?dir=asc");
        assert_eq!(there("/").with_event(Event::HIT), "/?event=hit");
        assert_eq!(read("/?search=+a+b+&period=DAY").unwrap().search.as_deref(), Some("a b"));
        assert_eq!(read("/?search=+").unwrap(), read("/").unwrap());
    }

    #[test]
    fn a_search_that_no_name_can_have_in_it_is_refused_with_the_rule_and_its_length() {
        let cjk = |count: usize| "%E7%82%B9".repeat(count);
        for (query, says) in [
            (format!("search={}", "a".repeat(201)), "201 bytes, and 200 are allowed"),
            (format!("search={}", cjk(27)), "243 bytes in escaped form"),
            (format!("search={}&event=url", "a".repeat(2049)), "2049 bytes, and 2048 are allowed"),
            ("search=a%00b".to_owned(), "control character"),
        ] {
            let why = read(&format!("/?{query}")).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
        for query in [
            "~a".to_owned(),
            "-".to_owned(),
            "a".repeat(200),
            cjk(26),
            format!("{}&event=url", "a".repeat(201)),
        ] {
            assert!(read(&format!("/?search={query}")).is_ok(), "{query}");
        }
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for query in ["period=year", "sort=x", "dir=up", "rows=26", "rows=-1", "event=%00", "period="] {
            assert!(read(&format!("/?{query}")).is_err(), "{query}");
        }
    }
}
