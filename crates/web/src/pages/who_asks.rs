//! The clients of a name: its last visits by class of client and by country, for its page. Unknown ones have a row too,
//! so that the shares are of all visits. [`name_page`](super::name_page) calls it.

use crate::{
    error::report,
    pages::{
        bar,
        language::{fill, of_request},
        percent,
    },
    state::App,
};
use minijinja::{Value, context};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};
use tallymark_badge::panel::Lang;
use tallymark_core::{ClientClass, Country, Event, Name, Visit};
use tallymark_store::{Class, StoreError};

/// How many countries have a row of their own.
const MOST_COUNTRIES: usize = 10;

/// Countries by their code, with their English and their Chinese name; codes are ISO 3166-1's, names Unicode's.
static COUNTRIES: LazyLock<HashMap<&str, (&str, &str)>> = LazyLock::new(|| {
    let country = |line: &'static str| {
        let (code, names) = line.split_once(' ')?;
        Some((code, names.split_once('|')?))
    };
    include_str!("countries.txt").lines().filter_map(country).collect()
});

/// What `who_asks.html` shows; nothing if no visits are kept.
pub(super) async fn values(app: &App, event: Event, name: &Name) -> Result<Option<Value>, StoreError> {
    let kept = app.visits.of(event);
    if kept == 0 {
        return Ok(None);
    }
    let visits = match app.store.visits(event, name, kept).await {
        // An error with them must not hide the counts.
        Err(error) if error.class() == Class::Key => {
            report::store("showing the last visits of a name", &error);
            return Ok(None);
        }
        visits => visits?,
    };
    // They are in the order in which they were counted, which may differ from the order of their times.
    let minutes = || visits.iter().map(|visit| visit.minute);
    let (Some(latest), Some(oldest)) = (minutes().max(), minutes().min()) else { return Ok(None) };
    let tables = [("Client", by_class(&visits)), ("Country", by_country(&visits))];
    let values = |rows: &[Row]| rows.iter().map(|row| row.values(visits.len())).collect::<Vec<_>>();
    let shown = tables.iter().filter(|(_, rows)| !rows.is_empty());
    Ok(Some(context! {
        event => event.as_str(),
        all => visits.len(),
        kept,
        latest => latest.readable(),
        oldest => oldest.readable(),
        tables => shown.map(|(head, rows)| context! { id => head.to_lowercase(), head => *head, rows => values(rows) }).collect::<Vec<_>>(),
        unknown => Unknown::of(&visits).values(),
    }))
}

/// One row of a table: how many visits are alike.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    label: String,
    what: &'static str,
    count: usize,
    /// It is not something of its own, but what is not known.
    is_rest: bool,
}

impl Row {
    fn known(label: &str, what: &'static str, count: usize) -> Row {
        Row { label: label.to_owned(), what, count, is_rest: false }
    }

    fn rest(label: &str, what: &'static str, count: usize) -> Row {
        Row { is_rest: true, ..Row::known(label, what, count) }
    }

    fn values(&self, all: usize) -> Value {
        let Row { label, what, is_rest, .. } = self;
        let (count, all) = (self.count as i64, all as i64);
        context! { label, what => *what, is_rest, count, bar => bar(count, all), percent => percent(count, all) }
    }
}

/// A row for each class that has visits, the largest first.
fn by_class(visits: &[Visit]) -> Vec<Row> {
    let row = |class| {
        let (label, what) = words(class);
        Row::known(label, what, visits.iter().filter(|visit| visit.class == class).count())
    };
    let mut rows: Vec<Row> = ClientClass::EVERY.map(row).into_iter().filter(|row| row.count > 0).collect();
    rows.sort_by_key(|row| Reverse(row.count));
    rows
}

/// A row for each of the most frequent countries, then the others together, and what is not known. Nothing if no country
/// is known.
fn by_country(visits: &[Visit]) -> Vec<Row> {
    let mut counts: BTreeMap<Country, usize> = BTreeMap::new();
    for country in visits.iter().filter_map(|visit| visit.asker.country) {
        *counts.entry(country).or_default() += 1;
    }
    if counts.is_empty() {
        return Vec::new();
    }
    let mut rows: Vec<Row> = counts.into_iter().map(|(country, count)| of_country(country, count)).collect();
    rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    // One that is left over may as well have its own row.
    if rows.len() > MOST_COUNTRIES + 1 {
        let others = rows.split_off(MOST_COUNTRIES);
        let label = fill("{} others", &[&others.len().to_string()]);
        rows.push(Row::known(&label, "", others.iter().map(|row| row.count).sum()));
    }
    let Unknown { by_github, without, .. } = Unknown::of(visits);
    let unknown = [("through GitHub’s proxy", by_github), ("no address, or one that is in no list", without)];
    rows.extend(
        unknown
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| Row::rest("Not known", what, count)),
    );
    rows
}

fn of_country(country: Country, count: usize) -> Row {
    match country {
        Country::Local => {
            Row::known("Local network", "private addresses, or a proxy in front of this counter", count)
        }
        Country::Code(_) => {
            let code = country.as_str();
            let (english, chinese) = COUNTRIES.get(code).copied().unwrap_or((code, code));
            Row::known(if of_request() == Lang::Zh { chinese } else { english }, "", count)
        }
    }
}

/// What is not known of some visits.
#[derive(Default)]
struct Unknown {
    /// Those without a country, from GitHub's proxy; a client that only claims to be it has one.
    by_github: usize,
    /// Others without a country.
    without: usize,
    /// Those whose country is that of another proxy.
    proxies: usize,
}

impl Unknown {
    fn of(visits: &[Visit]) -> Unknown {
        let mut unknown = Unknown::default();
        for visit in visits {
            match (visit.class, visit.asker.country) {
                (ClientClass::GithubCamo, None) => unknown.by_github += 1,
                (_, None) => unknown.without += 1,
                (ClientClass::ImageProxy, Some(_)) => unknown.proxies += 1,
                _ => {}
            }
        }
        unknown
    }

    fn values(&self) -> Value {
        let Unknown { by_github, proxies, .. } = self;
        context! { by_github, proxies }
    }
}

/// A class in words for people, and what it means.
fn words(class: ClientClass) -> (&'static str, &'static str) {
    match class {
        ClientClass::Browser => ("Browsers", "a person’s browser"),
        ClientClass::GithubCamo => ("GitHub", "its image proxy, for a reader"),
        ClientClass::ImageProxy => ("Other image proxies", "mail, chat and other sites, for a reader"),
        ClientClass::Bot => ("Bots", "search engines, link previews, monitors"),
        ClientClass::FeedReader => ("Feed readers", "readers of a feed that has the badge"),
        ClientClass::Program => ("Programs", "command-line tools and libraries"),
        ClientClass::Unknown => ("Unknown", "clients that do not say what they are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::{Asker, Minute};

    fn visits(of: &[(ClientClass, Option<&str>, usize)]) -> Vec<Visit> {
        let mut visits = Vec::new();
        for &(class, country, count) in of {
            let asker = Asker::new(country.and_then(Country::parse), Default::default());
            visits.extend((0..count).map(|_| Visit { asker: asker.clone(), ..Visit::new(Minute(1), class) }));
        }
        visits
    }

    #[test]
    fn every_visit_is_in_one_row() {
        let codes: Vec<String> = ('A'..='Z').map(|letter| format!("{letter}Z")).collect();
        let some = codes.iter().zip(1..).map(|(code, n)| (ClientClass::Browser, Some(code.as_str()), n));
        let mut of: Vec<_> = some.collect();
        of.extend([(ClientClass::GithubCamo, None, 7), (ClientClass::GithubCamo, Some("US"), 2)]);
        of.extend([(ClientClass::Program, None, 3), (ClientClass::ImageProxy, Some("LOCAL"), 50)]);
        let visits = visits(&of);
        for rows in [by_class(&visits), by_country(&visits)] {
            assert_eq!(rows.iter().map(|row| row.count).sum::<usize>(), visits.len(), "{rows:?}");
        }
        let rows = by_country(&visits);
        assert_eq!(rows.len(), MOST_COUNTRIES + 3);
        assert_eq!((rows[0].label.as_str(), rows[0].count), ("Local network", 50));
        assert_eq!(rows[1], Row::known("ZZ", "", 26));
        assert_eq!((rows[10].label.as_str(), rows[10].count), ("18 others", 155));
        assert_eq!((rows[11].count, rows[12].count), (7, 3));
    }

    #[test]
    fn countries_have_names() {
        assert_eq!(of_country(Country::Code(*b"DE"), 1).label, "Germany");
        assert_eq!(COUNTRIES.len(), include_str!("countries.txt").lines().count());
        assert!(COUNTRIES.keys().all(|code| Country::parse(code).is_some_and(|it| it.as_str() == *code)));
    }

    #[test]
    fn one_country_too_many_is_no_other() {
        let of: Vec<_> = ["AT", "BE", "CH", "DE", "ES", "FR", "GB", "HU", "IT", "JP", "KR"]
            .map(|code| (ClientClass::Browser, Some(code), 1))
            .into();
        assert_eq!(by_country(&visits(&of)).len(), 11);
        assert!(by_country(&visits(&[(ClientClass::Browser, None, 3)])).is_empty());
    }
}
