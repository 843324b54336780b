//! The current totals of one event.

use crate::state::App;
use minijinja::{Value, context};
use tallymark_badge::number::group;
use tallymark_core::{Event, Name, Now};
use tallymark_store::{Result, Step};

pub(super) async fn read(app: &App, event: Event) -> Result<Value> {
    let (store, now, all) = (&app.store, (app.now)(), Name::all());
    let (today, minute) = (now.day().0, now.minute().0);
    let (total, day, minutes) = tokio::try_join!(
        store.totals(event, std::slice::from_ref(&all)),
        store.series(event, &all, Step::Day, today, today + 1),
        store.series(event, &all, Step::Minute, minute - 59, minute + 1),
    )?;
    let sum = |counts: &[(i32, i64)]| counts.iter().fold(0i64, |sum, &(_, n)| sum.saturating_add(n));
    let total = total.first().copied().unwrap_or(0);
    // Those of a new event were not counted yet.
    let names = app.rankings.names(event).filter(|&names| names > 0 || total == 0);
    let exact = app.rankings.last_minute(event);
    Ok(context! {
        total => grouped(total),
        names => names.map(|names| grouped(i64::try_from(names).unwrap_or(i64::MAX))),
        today => grouped(sum(&day)),
        hour => grouped(sum(&minutes)),
        minute => grouped(exact.unwrap_or_else(|| estimated(&minutes, now))),
        about => exact.is_none(),
    })
}

pub(super) fn grouped(count: i64) -> String {
    group(count).to_string()
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
