//! Which likes of a list are still valid. A store keeps likes and those taken back as two lists, and nothing that
//! identifies a visitor. So they are paired by the data that is kept: an unlike has the minute of its like, and comes
//! from the same network.

use crate::{AskerDetails, Visit};

/// How many of the likes that were taken back are read for a list. Beyond that, old ones may stay in it.
pub const MOST_TAKEN_BACK: usize = 200;

/// The likes that were not taken back, the latest first, as both lists are. Of several likes of one minute, the most
/// similar goes.
#[must_use]
pub fn standing(likes: &[Visit], taken_back: &[Visit]) -> Vec<Visit> {
    let mut left: Vec<&Visit> = likes.iter().collect();
    for unlike in taken_back {
        let candidates = left.iter().enumerate().rev().filter(|(_, like)| like.minute == unlike.minute);
        // Of equals the last, which is the latest.
        if let Some((at, _)) = candidates.max_by_key(|(_, like)| likeness(like, unlike)) {
            left.remove(at);
        }
    }
    left.into_iter().cloned().collect()
}

/// A visitor is a network, so the address may differ. The place may too, if the file of places was replaced in between.
fn likeness(like: &Visit, unlike: &Visit) -> (bool, bool, bool, bool) {
    let is_same = |of: fn(&AskerDetails) -> &Option<Box<str>>| detail(like, of) == detail(unlike, of);
    let is_near = like.asker.country == unlike.asker.country
        && is_same(|details| &details.region)
        && is_same(|details| &details.city);
    let (address, agent) = (is_same(|details| &details.address), is_same(|details| &details.user_agent));
    (is_near, address, agent, like.class == unlike.class)
}

fn detail(visit: &Visit, of: fn(&AskerDetails) -> &Option<Box<str>>) -> Option<&str> {
    visit.asker.details.as_deref().and_then(|details| of(details).as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Asker, ClientClass, Country, Minute};

    fn visit(minute: i32, country: &str, class: ClientClass) -> Visit {
        let asker = Asker::new(Country::parse(country), AskerDetails::default());
        Visit { asker, ..Visit::new(Minute(minute), class) }
    }

    fn minutes(likes: &[Visit], taken_back: &[Visit]) -> Vec<i32> {
        standing(likes, taken_back).iter().map(|like| like.minute.0).collect()
    }

    #[test]
    fn a_like_is_told_from_others_by_its_minute_place_and_client() {
        use ClientClass::{Browser, Unknown};
        let likes = [visit(40, "DE", Browser), visit(30, "FR", Browser), visit(30, "DE", Unknown)];
        for (unlike, left) in [
            (visit(40, "DE", Browser), vec![30, 30]),
            // The file of places is another one now.
            (visit(40, "CN", Unknown), vec![30, 30]),
            // Of a like that is not in the list any more.
            (visit(20, "DE", Browser), vec![40, 30, 30]),
        ] {
            assert_eq!(minutes(&likes, std::slice::from_ref(&unlike)), left, "{unlike:?}");
        }
        for (unlike, left) in [(visit(30, "FR", Unknown), &likes[2]), (visit(30, "DE", Browser), &likes[1])] {
            assert_eq!(standing(&likes, &[unlike])[1], *left);
        }
        let both = [visit(30, "DE", Unknown), visit(30, "FR", Browser)];
        assert_eq!(minutes(&likes, &both), [40]);
    }
}
