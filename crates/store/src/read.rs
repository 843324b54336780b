//! Reading: totals, series, lists of names, and counts for rankings. Badges, pages and the API call this. Nothing here
//! writes, so every call can be repeated.

use crate::{Filter, Result, Span, Step, filter};
use async_trait::async_trait;
use tallymark_core::{Day, Event, Latest, Month, Name, Visit};

/// Some of the names of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePage {
    /// Names, never an aggregate. Redis may return one twice.
    pub names: Vec<Name>,
    /// Where the next page starts, in the store's own form; `None` after the last.
    pub next: Option<String>,
}

/// A part of what was counted in a [`Span`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Names, never an aggregate, and their counts in the span. One may occur twice, with counts from different
    /// moments.
    pub counts: Vec<(Name, i64)>,
    /// Where the next slice starts, in the store's own form; `None` after the last.
    pub next: Option<String>,
}

/// The interface of a store for readers.
#[async_trait]
pub trait StoreRead: Send + Sync {
    /// The total of each name, 0 for one that was never counted. Aggregates are allowed too.
    async fn totals(&self, event: Event, names: &[Name]) -> Result<Vec<i64>>;

    /// The total of one name. If another program stores something else under its key, that is an error
    /// ([`Class::Key`](crate::Class::Key)); [`StoreRead::totals`] returns 0 instead, because one bad name must not fail
    /// all of them.
    async fn total(&self, event: Event, name: &Name) -> Result<i64> {
        Ok(self.totals(event, std::slice::from_ref(name)).await?.first().copied().unwrap_or(0))
    }

    /// The counts of one name in the buckets `from..to`, ascending; buckets without a hit are left out. Days are kept
    /// forever, hours and minutes for as long as [`Retention`](crate::Retention) says, and a month is the sum of its
    /// days. The caller must bound the range: Redis reads every day of it, or every hour.
    /// [`Class::Key`](crate::Class::Key) as in [`StoreRead::total`]; the same is true for statuses.
    async fn series(
        &self,
        event: Event,
        name: &Name,
        step: Step,
        from: i32,
        to: i32,
    ) -> Result<Vec<(i32, i64)>>;

    /// The statuses of one name in a year, or in one month of it (1 to 12), sorted by their text. At most about
    /// [`tallymark_core::MAX_STATUSES`] of a month; those over the limit are under [`tallymark_core::OVERFLOW`].
    /// Another program's statuses are returned as they are, so not every one is a [`tallymark_core::Status`].
    async fn statuses(
        &self,
        event: Event,
        name: &Name,
        year: i32,
        month: Option<u32>,
    ) -> Result<Vec<(String, i64)>>;

    /// The months in which one name has statuses, ascending.
    async fn status_months(&self, event: Event, name: &Name) -> Result<Vec<Month>>;

    /// The last visits of one name, the latest first, at most `limit`. A [key](crate::Class::Key) that is not a list is
    /// an error.
    async fn visits(&self, event: Event, name: &Name, limit: usize) -> Result<Vec<Visit>>;

    /// The total of one name and its last visits, from the same moment: [`StoreRead::total`] and [`StoreRead::visits`].
    async fn latest(&self, event: Event, name: &Name, limit: usize) -> Result<Latest> {
        Ok(Latest { total: self.total(event, name).await?, visits: self.visits(event, name, limit).await? })
    }

    /// How many distinct visitors one name had on each of the days `from..to`, ascending; days without one are left
    /// out. Exact in SQLite, and within 1 % or so in Redis. Kept as long as hours are. Who visits on two days counts on
    /// both, and nothing tells that it is the same one. The caller must bound the range: Redis reads every day of it.
    /// [`Class::Key`](crate::Class::Key) as in [`StoreRead::total`].
    async fn visitors(&self, event: Event, name: &Name, from: Day, to: Day) -> Result<Vec<(Day, i64)>>;

    /// A page of the names that have the event, from `start` (a [`NamePage::next`]) or from the beginning.
    async fn names(&self, event: Event, start: Option<&str>, limit: usize) -> Result<NamePage>;

    /// A page of the names of an event that match a filter, from `start` (a [`NamePage::next`] of the same filter) or
    /// from the beginning. It examines a bounded number of names, so a page may be short, even empty, and still have a
    /// next one. SQLite lists names in byte order; Redis has no order, and a few thousand at a time are sorted.
    async fn find(
        &self,
        event: Event,
        filter: &Filter,
        start: Option<&str>,
        limit: usize,
    ) -> Result<NamePage> {
        filter::scan(self, event, filter, start, limit).await
    }

    /// How many names have the event.
    async fn name_count(&self, event: Event) -> Result<u64>;

    /// The events that have a name, in no order.
    async fn events(&self) -> Result<Vec<Event>>;

    /// A slice of what was counted in a span, from `start` (a [`Slice::next`] of the same event and span) or from the
    /// beginning. Names with `floor` or less may be left out. A slice does not block other calls: it examines a bounded
    /// number of counts, in one short read. The number of slices grows with the number of names, not of hits.
    async fn slice(&self, event: Event, span: Span, floor: i64, start: Option<&str>) -> Result<Slice>;

    /// How many of these spans are best computed from the [slices](StoreRead::slice) of the first, which contains all
    /// the others, with [`StoreRead::counts`] for the others; 1 if each is best sliced by itself.
    fn in_one_slice(&self, spans: &[Span]) -> usize;

    /// What was counted for each of some names in each of some spans: a row for each name. Each span comes with its
    /// floor: for a count that is not above it, 0 may be returned, which costs less. Spans shorter than a day are best
    /// requested together with their day.
    async fn counts(&self, event: Event, names: &[Name], spans: &[(Span, i64)]) -> Result<Vec<Vec<i64>>>;
}
