//! `tallymark show NAME`: what the store has counted for one name.

use super::{CommonFlags, block_on, out};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};
use tallymark_core::{Day, Event, Name};
use tallymark_ingest::source::now;
use tallymark_store::{NetLikes, Step, StoreRead};
use thousands::Separable;

/// The counts of one name: in total, today, and day by day.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The name, decoded: owner/repo.
    #[arg(value_parser = name)]
    name: Name,
    /// What happened to it.
    #[arg(long, default_value = "hit", value_parser = event)]
    event: Event,
    /// How many days back.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3660))]
    days: u16,
}

fn name(text: &str) -> Result<Name, String> {
    // The aggregates are allowed as well.
    match text {
        tallymark_core::ALL => Ok(Name::all()),
        tallymark_core::OVERFLOW => Ok(Name::overflow()),
        _ => Name::new(text).map_err(|error| error.to_string()),
    }
}

pub(super) fn event(text: &str) -> Result<Event, String> {
    Event::new(text.as_bytes()).map_err(|error| error.to_string())
}

/// An event to count something of: the plural of a known one is a slip that would make a new event.
pub(super) fn event_to_write(text: &str) -> Result<Event, String> {
    let known = [Event::HIT, Event::VISIT, Event::LIKE];
    match known.into_iter().find(|event| event.noun(0) == text) {
        Some(meant) => Err(format!("did you mean {meant}?")),
        None => event(text),
    }
}

#[derive(Serialize)]
struct NameCounts<'a> {
    name: &'a str,
    event: &'a str,
    total: i64,
    today: i64,
    /// Of today and of each day, of the events that have them; the sum of days is no number of visitors.
    #[serde(skip_serializing_if = "Option::is_none")]
    visitors_today: Option<i64>,
    days: Vec<DayCount>,
}

#[derive(Serialize)]
struct DayCount {
    date: String,
    count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    visitors: Option<i64>,
}

impl Show {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        block_on(async {
            let store = NetLikes::over(common.existing_store(&config).await?);
            let today = now().day().0;
            let total = store.total(self.event, &self.name).await?;
            let from = today - i32::from(self.days) + 1;
            let days = store.series(self.event, &self.name, Step::Day, from, today + 1).await?;
            let of_today = days.iter().find(|&&(day, _)| day == today).map_or(0, |&(_, count)| count);
            let visitors: Option<BTreeMap<Day, i64>> =
                match self.event == Event::VISIT || self.event == Event::HIT {
                    true => {
                        let (from, to) = (Day(from), Day(today + 1));
                        Some(store.visitors(Event::VISIT, &self.name, from, to).await?.into_iter().collect())
                    }
                    false => None,
                };
            // If clients are not known, there are none, and a 0 would be a wrong number.
            let visitors = visitors.filter(|days| !days.is_empty());
            let visitors = |day| visitors.as_ref().map(|days| days.get(&Day(day)).copied().unwrap_or(0));
            let row = |(day, count)| DayCount { date: Day(day).to_string(), count, visitors: visitors(day) };
            let days = days.into_iter().map(row).collect();
            if total == 0 && !self.name.is_aggregate() {
                let why = match no_such_event(&store, self.event).await? {
                    Some(why) => why,
                    None => match counted_otherwise(&store, &self.name, self.event).await? {
                        Some(why) => why,
                        None => never_counted(self.name.as_str(), self.event),
                    },
                };
                tracing::warn!("{why}");
            }
            let (name, event) = (self.name.as_str(), self.event.as_str());
            let visitors_today = visitors(today);
            let counts = NameCounts { name, event, total, today: of_today, visitors_today, days };
            if common.json { out::json(&counts) } else { people(&counts, self.event.noun(total)) }
        })
    }
}

/// For an event that no name has, and that may be misspelt.
pub(super) async fn no_such_event(store: &dyn StoreRead, event: Event) -> Result<Option<String>> {
    let mut known = store.events().await?;
    if known.contains(&event) || event == Event::HIT {
        return Ok(None);
    }
    known.sort_unstable_by_key(|event| event.to_string());
    let known: Vec<String> = known.iter().map(Event::to_string).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Ok(Some(format!("no event {event} was ever counted; the events of this store: {known}")))
}

/// For a name that has counts of other events only.
async fn counted_otherwise(store: &dyn StoreRead, name: &Name, event: Event) -> Result<Option<String>> {
    let (name_shown, none) = (out::plain(name.as_str()), event.noun(0));
    let others = other_totals(store, name, event).await?;
    Ok(others.map(|(list, most)| format!("{name_shown} has {list}, and no {none}: add --event {most}")))
}

/// The totals of the other events of a name as a list, the largest first, and the event that has it.
pub(super) async fn other_totals(
    store: &dyn StoreRead,
    name: &Name,
    event: Event,
) -> Result<Option<(String, Event)>> {
    let mut counted = Vec::new();
    for other in store.events().await?.into_iter().filter(|other| *other != event) {
        let total = store.total(other, name).await?;
        if total > 0 {
            counted.push((total, other));
        }
    }
    counted.sort_unstable_by_key(|&(total, other)| (Reverse(total), other));
    let Some(&(_, most)) = counted.first() else { return Ok(None) };
    let each = counted
        .iter()
        .map(|&(total, other)| format!("{} {}", total.separate_with_commas(), other.noun(total)));
    Ok(Some((each.collect::<Vec<_>>().join(", "), most)))
}

/// For a name without a total, which may be no name but an address.
fn never_counted(name: &str, event: Event) -> String {
    let plain = out::plain(name);
    let path =
        name.split_once("://").map_or(name, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = path.strip_prefix("badge/").unwrap_or(path).trim_end_matches(".svg").trim_end_matches('/');
    let hint = match path {
        "" => "`tallymark top` lists the busiest names".to_owned(),
        path if path == name => "`tallymark top` lists the busiest names".to_owned(),
        path => format!("did you mean `tallymark show {}`?", out::plain(path)),
    };
    format!("no {event} of {plain} is counted; {hint}")
}

fn people(counts: &NameCounts<'_>, noun: &str) -> Result<()> {
    let NameCounts { name, total, today, visitors_today, days, .. } = counts;
    let mut text = format!("{}: {} {noun}", out::plain(name), total.separate_with_commas());
    text += &format!(", {} today (UTC)\n", today.separate_with_commas());
    if let Some(visitors) = visitors_today.filter(|visitors| *visitors > 0) {
        let noun = if visitors == 1 { "visitor" } else { "visitors" };
        text += &format!("{} distinct {noun} today\n", visitors.separate_with_commas());
    }
    let has_visitors = days.iter().any(|day| day.visitors.is_some_and(|visitors| visitors > 0));
    if !days.is_empty() {
        let mut table = match has_visitors {
            true => out::table(&["day", "count", "visitors"]),
            false => out::table(&["day", "count"]),
        };
        for day in days {
            let visitors = day.visitors.filter(|_| has_visitors).map(|n| n.separate_with_commas());
            let row = [day.date.clone(), day.count.separate_with_commas()];
            table.add_row(row.into_iter().chain(visitors));
        }
        text += &out::drawn(table, out::terminal_width());
    }
    out::print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_in_place_of_a_name_is_answered_with_the_name() {
        for (asked, told) in [
            ("https://hits.example.org/badge/o/r.svg?style=flat", "did you mean `tallymark show o/r`?"),
            ("https://github.com/o/r", "did you mean `tallymark show o/r`?"),
            ("o/r?x=1", "did you mean `tallymark show o/r`?"),
            ("o/r.svg", "did you mean `tallymark show o/r`?"),
            ("o/r", "`tallymark top` lists"),
            ("https://github.com", "`tallymark top` lists"),
        ] {
            let said = never_counted(asked, Event::HIT);
            assert!(said.contains(told) && said.starts_with("no hit of "), "{said}");
        }
    }
}
