//! The distinct visitors of a name by UTC day, for the API and the page of the name.
//!
//! They belong to the event `visit`, and are shown for hits too, because visits are derived from hits. It is not known
//! whether the visitors of two days are the same, so a sum over days is always labelled as a sum.

use tallymark_core::{Day, Event, Name};
use tallymark_store::{Result, StoreRead};

/// Whether visitors are shown with the counts of an event.
pub(crate) fn belong_to(event: Event) -> bool {
    event == Event::VISIT || event == Event::HIT
}

/// The visitors of each day from one to another, without a gap.
pub(crate) async fn read(
    store: &dyn StoreRead,
    name: &Name,
    first: Day,
    last: Day,
) -> Result<Vec<(Day, i64)>> {
    let mut found = store.visitors(Event::VISIT, name, first, Day(last.0 + 1)).await?.into_iter().peekable();
    let of_day = |day| found.next_if(|(of, _)| *of == day).map_or((day, 0), |found| found);
    Ok((first.0..=last.0).map(Day).map(of_day).collect())
}

/// The sum over days.
pub(crate) fn sum(days: &[(Day, i64)]) -> i64 {
    days.iter().fold(0, |sum, (_, visitors)| sum.saturating_add(*visitors))
}
