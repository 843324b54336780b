//! Which likes of a list still stand. A store keeps likes and those taken back as two lists, and nothing that names a
//! visitor. So they are paired by what is kept: a like is taken back on its own day, later, and from the same place.

use crate::{AskerDetails, Visit};

/// How many of the likes that were taken back are read for a list. Beyond that, old ones may stay in it.
pub const MOST_TAKEN_BACK: usize = 200;

/// The likes that were not taken back, the latest first, as both lists are. Where several could be the one, they differ
/// in little more than their time; the latest of the most similar goes.
#[must_use]
pub fn standing(likes: &[Visit], taken_back: &[Visit]) -> Vec<Visit> {
    let mut left: Vec<&Visit> = likes.iter().collect();
    // The oldest first: what was taken back then cannot be a like that came later.
    for unlike in taken_back.iter().rev() {
        let candidates = left.iter().enumerate().rev().filter(|(_, like)| may_be_its_like(like, unlike));
        // Of equals the last, which is the latest.
        if let Some((at, _)) = candidates.max_by_key(|(_, like)| likeness(like, unlike)) {
            left.remove(at);
        }
    }
    left.into_iter().cloned().collect()
}

fn may_be_its_like(like: &Visit, unlike: &Visit) -> bool {
    like.minute <= unlike.minute
        && like.minute.day() == unlike.minute.day()
        && like.asker.country == unlike.asker.country
        && detail(like, |details| &details.region) == detail(unlike, |details| &details.region)
        && detail(like, |details| &details.city) == detail(unlike, |details| &details.city)
}

/// A visitor is a network, so the rest may differ. The page that leads to a like is another one than that of the button.
fn likeness(like: &Visit, unlike: &Visit) -> (bool, bool, bool) {
    let is_same = |of: fn(&AskerDetails) -> &Option<Box<str>>| detail(like, of) == detail(unlike, of);
    let (address, agent) = (is_same(|details| &details.address), is_same(|details| &details.user_agent));
    (address, agent, like.class == unlike.class)
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
    fn a_like_is_told_from_others_by_day_time_place_and_client() {
        use ClientClass::{Browser, Unknown};
        let likes = [visit(1450, "DE", Browser), visit(30, "FR", Browser), visit(20, "DE", Unknown)];
        for (unlike, left) in [
            (visit(40, "FR", Browser), vec![1450, 20]),
            (visit(40, "DE", Browser), vec![1450, 30]),
            (visit(25, "FR", Browser), vec![1450, 30, 20]),
            (visit(1500, "DE", Unknown), vec![30, 20]),
            (visit(40, "CN", Browser), vec![1450, 30, 20]),
        ] {
            assert_eq!(minutes(&likes, std::slice::from_ref(&unlike)), left, "{unlike:?}");
        }
        let two = [visit(9, "DE", Browser), visit(8, "DE", Unknown)];
        assert_eq!(minutes(&two, &[visit(10, "DE", Unknown)]), [9]);
        assert_eq!(minutes(&two, &[visit(10, "DE", Browser), visit(8, "DE", Browser)]), Vec::<i32>::new());
    }
}
