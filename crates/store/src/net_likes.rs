//! Reading with likes as people see them: numbers do not include likes that were taken back.
//!
//! Stores count an unlike as an event of its own, because counts only grow and a batch is applied once. It is counted
//! in the minute of its like, so the difference is right for every span, and buckets add up to their total. Everything
//! that shows numbers to people reads through this: pages, badges, the API, rankings, `show` and `top`. Code that
//! writes, corrects, copies or backs up reads the store itself.

use crate::{Filter, NamePage, Result, Slice, Span, Step, Store, StoreRead};
use async_trait::async_trait;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tallymark_core::{Day, Event, MOST_TAKEN_BACK, Month, Name, Visit, left, standing};

/// A store, read without the likes that were taken back.
pub struct NetLikes(Arc<dyn Store>);

impl NetLikes {
    /// Reads this store.
    #[must_use]
    pub fn over(store: Arc<dyn Store>) -> NetLikes {
        NetLikes(store)
    }

    /// The names of a page, without those whose likes were all taken back. So a page may become short, or empty.
    async fn with_likes(&self, event: Event, mut page: NamePage) -> Result<NamePage> {
        if event == Event::LIKE {
            let gone = self.without_likes(&page.names).await?;
            page.names.retain(|name| !gone.contains(name));
        }
        Ok(page)
    }

    /// Those of some names whose likes were all taken back.
    async fn without_likes(&self, names: &[Name]) -> Result<BTreeSet<Name>> {
        let gone = self.0.totals(Event::UNLIKE, names).await?;
        let (names, gone): (Vec<Name>, Vec<i64>) =
            names.iter().cloned().zip(gone).filter(|(_, gone)| *gone > 0).unzip();
        let likes = match names.is_empty() {
            true => Vec::new(),
            false => self.0.totals(Event::LIKE, &names).await?,
        };
        let counts = names.into_iter().zip(likes.into_iter().zip(gone));
        Ok(counts
            .filter(|&(_, (likes, gone))| likes > 0 && left(likes, gone) == 0)
            .map(|(name, _)| name)
            .collect())
    }
}

/// How many names with an unlike are looked at in one call.
const NAMES: usize = 1000;

#[async_trait]
impl StoreRead for NetLikes {
    async fn totals(&self, event: Event, names: &[Name]) -> Result<Vec<i64>> {
        let totals = self.0.totals(event, names).await?;
        if event != Event::LIKE {
            return Ok(totals);
        }
        let gone = self.0.totals(Event::UNLIKE, names).await?;
        Ok(totals.into_iter().zip(gone).map(|(likes, gone)| left(likes, gone)).collect())
    }

    async fn total(&self, event: Event, name: &Name) -> Result<i64> {
        let total = self.0.total(event, name).await?;
        if event != Event::LIKE || total == 0 {
            return Ok(total);
        }
        Ok(left(total, self.0.total(Event::UNLIKE, name).await?))
    }

    async fn series(
        &self,
        event: Event,
        name: &Name,
        step: Step,
        from: i32,
        to: i32,
    ) -> Result<Vec<(i32, i64)>> {
        let counts = self.0.series(event, name, step, from, to).await?;
        if event != Event::LIKE || counts.is_empty() {
            return Ok(counts);
        }
        Ok(net(counts, self.0.series(Event::UNLIKE, name, step, from, to).await?))
    }

    async fn statuses(
        &self,
        event: Event,
        name: &Name,
        year: i32,
        month: Option<u32>,
    ) -> Result<Vec<(String, i64)>> {
        self.0.statuses(event, name, year, month).await
    }

    async fn status_months(&self, event: Event, name: &Name) -> Result<Vec<Month>> {
        self.0.status_months(event, name).await
    }

    async fn visits(&self, event: Event, name: &Name, limit: usize) -> Result<Vec<Visit>> {
        if event != Event::LIKE {
            return self.0.visits(event, name, limit).await;
        }
        let gone = self.0.visits(Event::UNLIKE, name, MOST_TAKEN_BACK).await?;
        let likes = self.0.visits(event, name, limit.saturating_add(gone.len())).await?;
        let mut likes = standing(&likes, &gone);
        likes.truncate(limit);
        Ok(likes)
    }

    async fn visitors(&self, event: Event, name: &Name, from: Day, to: Day) -> Result<Vec<(Day, i64)>> {
        self.0.visitors(event, name, from, to).await
    }

    async fn names(&self, event: Event, start: Option<&str>, limit: usize) -> Result<NamePage> {
        self.with_likes(event, self.0.names(event, start, limit).await?).await
    }

    async fn find(
        &self,
        event: Event,
        filter: &Filter,
        start: Option<&str>,
        limit: usize,
    ) -> Result<NamePage> {
        self.with_likes(event, self.0.find(event, filter, start, limit).await?).await
    }

    async fn name_count(&self, event: Event) -> Result<u64> {
        let count = self.0.name_count(event).await?;
        if event != Event::LIKE || count == 0 {
            return Ok(count);
        }
        let (mut gone, mut start) = (BTreeSet::new(), None);
        loop {
            let page = self.0.names(Event::UNLIKE, start.as_deref(), NAMES).await?;
            gone.append(&mut self.without_likes(&page.names).await?);
            start = page.next;
            if start.is_none() {
                return Ok(count.saturating_sub(gone.len() as u64));
            }
        }
    }

    /// Unlikes are subtracted from likes, and not shown separately.
    async fn events(&self) -> Result<Vec<Event>> {
        let mut events = self.0.events().await?;
        events.retain(|event| *event != Event::UNLIKE);
        Ok(events)
    }

    async fn slice(&self, event: Event, span: Span, floor: i64, start: Option<&str>) -> Result<Slice> {
        let mut slice = self.0.slice(event, span, floor, start).await?;
        if event == Event::LIKE && !slice.counts.is_empty() {
            let names: Vec<Name> = slice.counts.iter().map(|(name, _)| name.clone()).collect();
            let gone = self.0.counts(Event::UNLIKE, &names, &[(span, 0)]).await?;
            for ((_, likes), gone) in slice.counts.iter_mut().zip(gone) {
                *likes = left(*likes, gone.first().copied().unwrap_or(0));
            }
            slice.counts.retain(|(_, likes)| *likes > 0);
        }
        Ok(slice)
    }

    fn in_one_slice(&self, spans: &[Span]) -> usize {
        self.0.in_one_slice(spans)
    }

    async fn counts(&self, event: Event, names: &[Name], spans: &[(Span, i64)]) -> Result<Vec<Vec<i64>>> {
        let mut rows = self.0.counts(event, names, spans).await?;
        if event == Event::LIKE {
            let spans: Vec<(Span, i64)> = spans.iter().map(|&(span, _)| (span, 0)).collect();
            let gone = self.0.counts(Event::UNLIKE, names, &spans).await?;
            for (likes, gone) in rows.iter_mut().flatten().zip(gone.into_iter().flatten()) {
                *likes = left(*likes, gone);
            }
        }
        Ok(rows)
    }
}

/// Takes the unlikes of a series away from the likes. Buckets with none left are left out.
fn net(likes: Vec<(i32, i64)>, unlikes: Vec<(i32, i64)>) -> Vec<(i32, i64)> {
    let gone: BTreeMap<i32, i64> = unlikes.into_iter().collect();
    let net = likes.into_iter().map(|(bucket, likes)| {
        let gone = gone.get(&bucket).copied().unwrap_or(0);
        (bucket, left(likes, gone))
    });
    net.filter(|&(_, likes)| likes > 0).collect()
}
