//! The distinct visitors of a name on a UTC day, as keyed hashes.
//!
//! A visitor is remembered as a hash of the event, the name and the network of its address, with a key that the store
//! makes for each day and deletes afterwards. After that, the visitor cannot be identified. One visitor has different
//! hashes under two names, so visits to both cannot be linked. `tallymark-ingest` makes the hashes; they travel in
//! batches. Each of them counts once however often it arrives, so a batch that is sent again changes nothing.

use crate::{Day, Event, Name, NameRef, Visitor};
use siphasher::sip::SipHasher24;
use std::{collections::BTreeMap, hash::Hasher};
use uuid::Uuid;

/// How many days a key outlives its day: as late as a line may be and still count on its own day.
pub const KEY_DAYS: i32 = 2;

/// Who visited a name on a day. Says nothing to those who do not have the key of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitorHash(pub u64);

/// Who visited a name on a day, in one batch. More than fit into one are several of the same day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayVisitors {
    /// What happened.
    pub event: Event,
    /// What it happened to.
    pub name: Name,
    /// The day.
    pub day: Day,
    /// Sorted; no two alike. Never empty.
    pub hashes: Vec<VisitorHash>,
}

/// The keys of the days on which something may be counted now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayKeys(BTreeMap<Day, Uuid>);

impl DayKeys {
    /// The days that have a key while it is `today`: this one, the next, for clocks that are a little ahead, and those
    /// before it on which a late line may count.
    pub fn days(today: Day) -> impl Iterator<Item = Day> + Clone {
        (-KEY_DAYS..=1).map(move |days| Day(today.0.saturating_add(days)))
    }

    /// These keys.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = (Day, Uuid)>) -> DayKeys {
        DayKeys(keys.into_iter().collect())
    }

    /// The key of a day, if it has one.
    #[must_use]
    pub fn of(&self, day: Day) -> Option<Uuid> {
        self.0.get(&day).copied()
    }

    /// The keys, by day.
    pub fn iter(&self) -> impl Iterator<Item = (Day, Uuid)> + '_ {
        self.0.iter().map(|(&day, &key)| (day, key))
    }

    /// Forgets the keys of days that have none any more.
    pub fn forget(&mut self, today: Day) {
        self.0.retain(|&day, _| DayKeys::days(today).any(|kept| kept == day));
    }
}

impl VisitorHash {
    /// The hash of a visitor with the key of a day.
    #[must_use]
    pub fn of(key: Uuid, event: Event, name: NameRef<'_>, visitor: &Visitor) -> VisitorHash {
        let mut hasher = SipHasher24::new_with_key(key.as_bytes());
        visitor.hash_with(&mut hasher, event, name);
        VisitorHash(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Now;

    fn hash(key: u128, event: Event, name: &str, address: &str) -> VisitorHash {
        let visitor = Visitor::new(address.parse().unwrap(), b"", Now { unix_ms: 0 });
        VisitorHash::of(Uuid::from_u128(key), event, NameRef::new(name.as_bytes()).unwrap(), &visitor)
    }

    #[test]
    fn visitor_is_one_by_day_event_name_and_network() {
        let one = hash(1, Event::VISIT, "o/r", "192.0.2.7");
        assert_eq!(one, hash(1, Event::VISIT, "o/r", "::ffff:192.0.2.7"));
        for other in [
            hash(2, Event::VISIT, "o/r", "192.0.2.7"),
            hash(1, Event::HIT, "o/r", "192.0.2.7"),
            hash(1, Event::VISIT, "o/s", "192.0.2.7"),
            hash(1, Event::VISIT, "o/r", "192.0.2.8"),
        ] {
            assert_ne!(one, other);
        }
        let house = |address| hash(1, Event::VISIT, "o/r", address);
        assert_eq!(house("2001:db8::1"), house("2001:db8::2"));
        assert_ne!(house("2001:db8::1"), house("2001:db8:0:1::1"));
    }

    #[test]
    fn keys_are_there_for_the_days_on_which_a_line_may_count() {
        assert_eq!(DayKeys::days(Day(10)).collect::<Vec<_>>(), [8, 9, 10, 11].map(Day));
        let mut keys = DayKeys::new((1..=20).map(|day| (Day(day), Uuid::from_u128(day as u128))));
        keys.forget(Day(10));
        assert_eq!(keys.iter().map(|(day, _)| day.0).collect::<Vec<_>>(), [8, 9, 10, 11]);
        assert_eq!((keys.of(Day(10)), keys.of(Day(7))), (Some(Uuid::from_u128(10)), None));
    }
}
