//! The current totals of one event, and how they compare with the period before.

use super::change::Compared;
use crate::{state::App, windows};
use minijinja::{Value, context};
use tallymark_core::{Event, Name, Now, Period};
use tallymark_store::{Result, Step};

pub(super) async fn read(app: &App, event: Event, period: Period) -> Result<Value> {
    let (store, now, all) = (&app.store, (app.now)(), Name::all());
    let (today, minute) = (now.day().0, now.minute().0);
    let of = |period| Compared::of(period, now);
    // The cards of today and of the hour are always there; the period has one if it is neither.
    let (longer, day, hour) = (of(period).filter(|_| has_days(period)), of(Period::Day), of(Period::Hour));
    let from = |compared: &Option<Compared>, at: i32| compared.as_ref().map_or(at, Compared::first);
    let this_hour = Step::Hour.bucket(now.minute());
    let (total, days, hours, minutes) = tokio::try_join!(
        store.totals(event, std::slice::from_ref(&all)),
        store.series(event, &all, Step::Day, from(&longer, today), today + 1),
        store.series(event, &all, Step::Hour, from(&day, this_hour), this_hour + 1),
        store.series(event, &all, Step::Minute, from(&hour, minute - 59), minute + 1),
    )?;
    let change = |compared: &Option<Compared>, counts| compared.as_ref().and_then(|it| it.change(counts));
    let total = total.first().copied().unwrap_or(0);
    // Those of a new event were not counted yet.
    let names = app.rankings.names(event).filter(|&names| names > 0 || total == 0);
    let exact = app.rankings.last_minute(event);
    let longer = period.buckets(now).filter(|_| longer.is_some()).map(|buckets| {
        let count = within(&days, buckets.first, buckets.last + 1);
        context! { label => super::label(period), count, change => change(&longer, &days) }
    });
    Ok(context! {
        total,
        names => names.map(|names| i64::try_from(names).unwrap_or(i64::MAX)),
        longer,
        today => within(&days, today, today + 1),
        today_change => change(&day, &hours),
        hour => within(&minutes, minute - 59, minute + 1),
        hour_change => change(&hour, &minutes),
        // No change: so short a time is compared with chance, and what came before it is only known by whole minutes.
        minute => exact.unwrap_or_else(|| estimated(&minutes, now)),
        about => exact.is_none(),
    })
}

/// Whether a period consists of days, more than today.
fn has_days(period: Period) -> bool {
    matches!(period, Period::Month | Period::Week)
}

/// The sum of the buckets from `first` to before `end`.
pub(super) fn within(counts: &[(i32, i64)], first: i32, end: i32) -> i64 {
    windows::sum(counts.iter().filter(|(at, _)| (first..end).contains(at)))
}

/// The current minute, and the part of the previous one that belongs to the last 60 seconds.
fn estimated(minutes: &[(i32, i64)], now: Now) -> i64 {
    let minute = now.minute().0;
    let count = |at: i32| minutes.iter().find(|&&(bucket, _)| bucket == at).map_or(0, |&(_, count)| count);
    let gone = i128::from(now.unix_ms.rem_euclid(60_000));
    let before = i128::from(count(minute - 1)) * (60_000 - gone) / 60_000;
    count(minute).saturating_add(i64::try_from(before).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_of_the_first_minute_is_made_of_two_buckets() {
        let at = |ms: i64| Now { unix_ms: 600_000 + ms };
        assert_eq!(estimated(&[(9, 60), (10, 7)], at(0)), 67);
        assert_eq!(estimated(&[(9, 60), (10, 7)], at(45_000)), 22);
        assert_eq!(estimated(&[(9, i64::MAX), (10, i64::MAX)], at(30_000)), i64::MAX);
        assert_eq!(estimated(&[], at(1)), 0);
    }
}
