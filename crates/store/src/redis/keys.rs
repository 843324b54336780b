//! The keys of the Redis store, as text. Nothing here talks to Redis.
//!
//! The event `hit` uses ghit.me's keys (`repo:`, `repos`), so that its scripts, and a rollback to it, keep working. The
//! keys of other events contain the event. Aggregates are never stored in ghit.me's keys.

use std::fmt::Write;
use tallymark_core::{Day, Event, Hour, Month, Name};

/// Hash: the identity of the store.
pub(super) const STORE: &str = "tallymark:store";
/// Hash: instance -> `nonce:seq`.
pub(super) const APPLIED: &str = "tallymark:applied";
/// Hash: instance and source, with a space between -> how far it has been read.
pub(super) const POSITIONS: &str = "tallymark:positions";
/// Hash: instance -> its last batch whose hours and minutes come later.
pub(super) const OWED: &str = "tallymark:owed";
/// Field of [`STORE`]: until when no daemon may hold them back, in seconds since 1970.
pub(super) const WHOLE: &str = "whole-until";
/// Set: every event that has had a name, because Redis cannot list keys by prefix.
pub(super) const EVENTS: &str = "tallymark:events";
/// String: the key of the day that follows. Expires.
pub(super) const DAY_KEY: &str = "tallymark:day-key:";
/// Sorted set: the keys of the shelf that follows, by the time when they expire.
const SHELF: &str = "tallymark:shelf:";
/// String: one thing of a shelf, behind its time in 8 bytes.
const KEPT: &str = "tallymark:kept:";
/// List: the parts of corrections, the latest first: the name of each and its record.
pub(super) const CORRECTIONS: &str = "tallymark:corrections";
/// Hash: name of a part -> what it has changed.
pub(super) const UNDO: &str = "tallymark:undo";
/// Stream: one entry per applied batch.
pub(super) const CHANGES: &str = "changes";

/// Keys that exist where something was counted by us, and only there.
pub(super) fn of_counts() -> [String; 2] {
    [total(Event::HIT, &Name::all()), EVENTS.to_owned()]
}

/// The key of the set of a shelf.
pub(super) fn shelf(shelf: &str) -> String {
    format!("{SHELF}{shelf}")
}

/// The key of one thing of a shelf.
pub(super) fn kept(shelf: &str, key: &str) -> String {
    format!("{KEPT}{shelf}:{key}")
}

/// The prefix of the escaped name in the key of a total.
pub(super) fn total_prefix(event: Event, aggregate: bool) -> String {
    if event == Event::HIT && !aggregate { "repo:".to_owned() } else { format!("count:{event}:") }
}

/// The prefix of the escaped name in the key of a day's count.
pub(super) fn day_prefix(event: Event, aggregate: bool, day: Day) -> String {
    format!("{}{day}:", total_prefix(event, aggregate))
}

/// The set of every name that has the event.
pub(super) fn set(event: Event) -> String {
    if event == Event::HIT { "repos".to_owned() } else { format!("names:{event}") }
}

/// The set of the names that had the event on a day.
pub(super) fn day_set(event: Event, day: Day) -> String {
    format!("{}:{day}", set(event))
}

/// What follows the escaped name in the key of a day's hash of hours. Bootic writes month and day without a leading
/// zero.
pub(super) fn track_suffix(event: Event, day: Day) -> String {
    let (year, month, day) = day.date();
    format!(":{event}:{year}:{month}:{day}")
}

/// The key of a total.
pub(super) fn total(event: Event, name: &Name) -> String {
    joined(total_prefix(event, name.is_aggregate()), name)
}

/// The key of a day's count.
pub(super) fn day(event: Event, name: &Name, day: Day) -> String {
    joined(day_prefix(event, name.is_aggregate(), day), name)
}

/// The key of the hash of a day's hours.
pub(super) fn hours(event: Event, name: &Name, day: Day) -> String {
    joined("track:".to_owned(), name) + &track_suffix(event, day)
}

/// The key of the hash of an hour's minutes.
pub(super) fn minutes(event: Event, name: &Name, hour: Hour) -> String {
    let mut key = hours(event, name, hour.day());
    // `write!` to a String cannot fail.
    let _ = write!(key, ":{}", hour.of_day());
    key
}

/// The key of the hash of a year's statuses.
pub(super) fn year_statuses(event: Event, name: &Name, year: i32) -> String {
    let mut key = joined("funnels:".to_owned(), name);
    let _ = write!(key, ":{event}:{year}");
    key
}

/// The key of the hash of a month's statuses. Bootic writes the month without a leading zero.
pub(super) fn month_statuses(event: Event, name: &Name, month: Month) -> String {
    let (year, month) = month.date();
    let mut key = year_statuses(event, name, year);
    let _ = write!(key, ":{month}");
    key
}

/// The prefix of the escaped name in the key of the list of its last visits.
pub(super) fn visits_prefix(event: Event) -> String {
    format!("recent:{event}:")
}

/// The key of the list of a name's last visits.
pub(super) fn visits(event: Event, name: &Name) -> String {
    joined(visits_prefix(event), name)
}

/// The prefix of the escaped name in the key of the visitors of a day: a HyperLogLog.
pub(super) fn visitors_prefix(event: Event, day: Day) -> String {
    format!("uniques:{event}:{day}:")
}

/// The key of the visitors of a day.
pub(super) fn visitors(event: Event, name: &Name, day: Day) -> String {
    joined(visitors_prefix(event, day), name)
}

fn joined(mut key: String, name: &Name) -> String {
    name.escaped().push_to(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_ghit_me_and_bootic() {
        let name = Name::new("benwilber/bashids").unwrap();
        let visit = Event::new(b"visit").unwrap();
        let at = Day::from_date(2015, 2, 5).unwrap();
        assert_eq!(total(Event::HIT, &name), "repo:benwilber%2Fbashids");
        assert_eq!(day(Event::HIT, &name, at), "repo:2015-02-05:benwilber%2Fbashids");
        assert_eq!((set(Event::HIT), day_set(Event::HIT, at)), ("repos".into(), "repos:2015-02-05".into()));
        assert_eq!(total(visit, &name), "count:visit:benwilber%2Fbashids");
        assert_eq!(day(visit, &name, at), "count:visit:2015-02-05:benwilber%2Fbashids");
        assert_eq!((set(visit), day_set(visit, at)), ("names:visit".into(), "names:visit:2015-02-05".into()));
        assert_eq!(hours(visit, &name, at), "track:benwilber%2Fbashids:visit:2015:2:5");
        assert_eq!(minutes(visit, &name, Hour::at(at, 7)), "track:benwilber%2Fbashids:visit:2015:2:5:7");
        assert_eq!(year_statuses(visit, &name, 2015), "funnels:benwilber%2Fbashids:visit:2015");
        assert_eq!(month_statuses(visit, &name, at.month()), "funnels:benwilber%2Fbashids:visit:2015:2");
        assert_eq!(visitors(visit, &name, at), "uniques:visit:2015-02-05:benwilber%2Fbashids");
        assert_eq!(visits(Event::HIT, &name), "recent:hit:benwilber%2Fbashids");
        assert_eq!(total(Event::HIT, &Name::all()), "count:hit:~all");
        assert_eq!(day(Event::HIT, &Name::overflow(), at), "count:hit:2015-02-05:~overflow");
    }
}
