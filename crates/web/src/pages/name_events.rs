//! Parts of a name's page other than its counts: its other events, and the final statuses of its orders.

use super::{language::tr, trend::View};
use crate::state::App;
use minijinja::{Value, context};
use std::cmp::Reverse;
use tallymark_badge::number::group;
use tallymark_core::{Event, Name, OVERFLOW};
use tallymark_store::Result;

/// How many statuses are shown; the table says how many more there are.
const MOST_STATUSES: usize = 100;

/// The event at which the page of a name opens that has no hits; `None` where it opens at hits: they are what a badge
/// counts. What GitHub counts of a repository is no reason to open elsewhere: its badge is still to be made.
pub(crate) async fn instead_of_hits(app: &App, name: &Name) -> Option<Event> {
    let total = async |event| app.shown_total(event, name.as_ref()).await.ok();
    if total(Event::HIT).await? > 0 {
        return None;
    }
    let mut events = app.rankings.events();
    // The rankings do not know every event at first.
    events.extend([Event::VISIT, Event::LIKE]);
    let (mut most, mut found) = (0, None);
    events.retain(|event| !event.is_of_traffic() && name.as_str().len() <= event.longest_name());
    for event in events {
        let total = total(event).await?;
        if total > most {
            (most, found) = (total, Some(event));
        }
    }
    found
}

/// Links to every event of the name, including the shown one. None if there is no other.
pub(crate) async fn links(app: &App, view: &View, name: &Name) -> Result<Vec<Value>> {
    let shown = view.event;
    let mut events = app.rankings.events();
    // Readers of visits, likes or GitHub's traffic get a link to the page with the badge to copy.
    let of_badge = |event| event == Event::HIT && (shown.is_on_panels() || shown.is_of_traffic());
    for always in [shown, Event::HIT] {
        if !events.contains(&always) && (always == shown || of_badge(always)) {
            events.push(always);
        }
    }
    // As in the rankings, which do not know every event at first.
    events.sort_unstable_by_key(|&event| (event != Event::HIT, event));
    let mut links = Vec::new();
    for event in events {
        // A long address is not a valid name for the other events.
        if name.as_str().len() > event.longest_name() {
            continue;
        }
        let total = app.store.totals(event, std::slice::from_ref(name)).await?.first().copied().unwrap_or(0);
        if total != 0 || event == shown || of_badge(event) {
            let link = view.with_event(event, total == 0);
            links.push(context! { word => event.as_str(), link, total, current => event == shown });
        }
    }
    Ok(if links.len() > 1 { links } else { Vec::new() })
}

/// The statuses of the newest month and year, the most frequent first; `None` if there are none.
pub(crate) async fn statuses(app: &App, event: Event, name: &Name) -> Result<Option<Value>> {
    let store = &app.store;
    let Some(newest) = store.status_months(event, name).await?.pop() else { return Ok(None) };
    let (year, month) = newest.date();
    let of_month = store.statuses(event, name, year, Some(month)).await?;
    let mut of_year = store.statuses(event, name, year, None).await?;
    of_year.sort_by_key(|(status, count)| (Reverse(*count), status.clone()));
    let more = of_year.len().saturating_sub(MOST_STATUSES);
    let row = |(status, in_year): &(String, i64)| {
        let in_month = of_month.iter().find(|(other, _)| other == status).map_or(0, |&(_, count)| count);
        // Not a status, but those over the limit.
        let status = if status == OVERFLOW { tr("(all others)") } else { status };
        context! { status, in_month => group(in_month).to_string(), in_year => group(*in_year).to_string() }
    };
    let rows: Vec<Value> = of_year.iter().take(MOST_STATUSES).map(row).collect();
    Ok(Some(context! { year, month => format!("{year}-{month:02}"), rows, more }))
}
