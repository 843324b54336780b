//! `/api/traffic?username=&repo=`: the views and clones of one repository, from the archive in the store, which keeps
//! them longer than GitHub does.

use super::{CardSource, NoCard, repository::asked};
use tallymark_badge::card::TrafficCard;
use tallymark_core::{Day, Event, Name, Step, TRAFFIC_EVENTS};
use tallymark_store::{StoreError, StoreRead};

/// How many days are shown, up to the last one with a view or a clone.
const DAYS: i32 = 30;
/// How long ago that one may be.
const OLDEST: i32 = 400;

pub(super) async fn draw(source: &CardSource<'_>, store: &dyn StoreRead) -> Result<String, NoCard> {
    let login = &source.aged.stats.login;
    let spelt = format!("{login}/{}", asked(source)?.name);
    let nothing = || {
        NoCard::Nothing(source.say(
            &format!("No traffic of {spelt} is archived: tallymark help cards"),
            &format!("没有 {spelt} 的流量存档：tallymark help cards"),
        ))
    };
    let name = Name::new(&spelt).map_err(|_| nothing())?;
    let today = Day(i32::try_from(source.terms.now / 86_400).unwrap_or(i32::MAX - 1));
    let read = archived(store, &name, today).await;
    let unread = || {
        source.say(
            &format!("The traffic of {spelt} cannot be read now"),
            &format!("现在无法读取 {spelt} 的流量"),
        )
    };
    let days = read.map_err(|_| NoCard::NotYet(unread()))?;
    let last = days.iter().flatten().map(|(day, _)| *day).max().ok_or_else(nothing)?;
    let counts = days.map(|counts| {
        let mut row = vec![0; DAYS as usize];
        for (day, count) in counts {
            let at = usize::try_from(day.0 - (last.0 - DAYS + 1)).ok();
            if let Some(count_of_day) = at.and_then(|at| row.get_mut(at)) {
                *count_of_day = u64::try_from(count).unwrap_or(0);
            }
        }
        row
    });
    let [views, visitors, clones] = &counts;
    Ok(TrafficCard { repository: &spelt, last, views, visitors, clones }.render(source.look))
}

/// The days with views, visitors and clones.
async fn archived(
    store: &dyn StoreRead,
    name: &Name,
    today: Day,
) -> Result<[Vec<(Day, i64)>; 3], StoreError> {
    let mut all = [const { Vec::new() }; 3];
    for (word, days) in TRAFFIC_EVENTS.iter().zip(&mut all) {
        let Ok(event) = Event::new(word.as_bytes()) else { continue };
        let found = store.series(event, name, Step::Day, today.0 - OLDEST, today.0 + 1).await?;
        *days =
            found.into_iter().filter(|(_, count)| *count > 0).map(|(day, count)| (Day(day), count)).collect();
    }
    Ok(all)
}
