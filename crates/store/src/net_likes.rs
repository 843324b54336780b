//! Reading with likes as people see them: those that were taken back are no part of any number.
//!
//! Stores count an unlike as an event of its own, because counts only grow and a batch is applied once. Everything that
//! shows numbers to people reads through this: pages, badges, the API, rankings, `show` and `top`. What writes, corrects,
//! copies or backs up reads the store itself.

use crate::{Filter, NamePage, Result, Slice, Span, Step, Store, StoreRead};
use async_trait::async_trait;
use std::{collections::BTreeMap, sync::Arc};
use tallymark_core::{Day, Event, MOST_TAKEN_BACK, Month, Name, Visit, left, standing};

/// A store, read without the likes that were taken back.
pub struct NetLikes(Arc<dyn Store>);

impl NetLikes {
    /// Reads this store.
    #[must_use]
    pub fn over(store: Arc<dyn Store>) -> NetLikes {
        NetLikes(store)
    }
}

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
        // A like is taken back on its own day, so the unlikes of the rest of the last one count too: a bucket has the same
        // number, wherever the series ends.
        let last_day = step.begin(to - 1).day();
        let rest = if step == Step::Month { to } else { step.bucket(Day(last_day.0 + 1).first_minute()) };
        Ok(net(counts, self.0.series(Event::UNLIKE, name, step, from, rest.max(to)).await?))
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
        self.0.names(event, start, limit).await
    }

    async fn find(
        &self,
        event: Event,
        filter: &Filter,
        start: Option<&str>,
        limit: usize,
    ) -> Result<NamePage> {
        self.0.find(event, filter, start, limit).await
    }

    async fn name_count(&self, event: Event) -> Result<u64> {
        self.0.name_count(event).await
    }

    /// Unlikes are in the number of likes, and not beside it.
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

/// Takes the unlikes of a series away from the likes: each from the newest that are not newer than itself, because a like
/// is taken back after it was given. So no count is below 0.
fn net(likes: Vec<(i32, i64)>, unlikes: Vec<(i32, i64)>) -> Vec<(i32, i64)> {
    let mut buckets: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
    for (bucket, count) in likes {
        let cell = &mut buckets.entry(bucket).or_default().0;
        *cell = cell.saturating_add(count);
    }
    for (bucket, count) in unlikes {
        let cell = &mut buckets.entry(bucket).or_default().1;
        *cell = cell.saturating_add(count);
    }
    let mut gone = 0_i64;
    let mut left = Vec::with_capacity(buckets.len());
    for (bucket, (likes, unlikes)) in buckets.into_iter().rev() {
        gone = gone.saturating_add(unlikes);
        let taken = gone.min(likes).max(0);
        gone -= taken;
        if likes > taken {
            left.push((bucket, likes - taken));
        }
    }
    left.reverse();
    left
}

#[cfg(test)]
mod tests {
    use super::net;

    #[test]
    fn an_unlike_takes_the_newest_like_that_is_not_newer_than_itself() {
        assert_eq!(net(vec![(1, 3), (2, 1), (4, 5)], vec![(2, 2), (5, 1)]), [(1, 2), (4, 4)]);
        assert_eq!(net(vec![(1, 1)], vec![(1, 1)]), []);
        // The like is older than the series.
        assert_eq!(net(vec![(7, 2)], vec![(6, 1)]), [(7, 2)]);
        assert_eq!(net(vec![], vec![(6, 1)]), []);
    }
}
