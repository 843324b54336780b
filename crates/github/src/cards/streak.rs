//! `/api/streak?username=`: the days in a row on which an account has done something.
//!
//! GitHub says which days those are, and nobody can cut them anew. The zone decides which day is today: a streak is alive
//! until the day after its last one is over there.

use super::{CardSource, NoCard, look::word};
use crate::{DayRun, DayZone};
use tallymark_badge::card::{Streak, StreakCard};

/// Other cards count weeks, or leave out some days of a week. A number that means something else must not be shown.
const MODES: [(&str, ()); 1] = [("daily", ())];
const REFUSED: [&str; 2] = ["exclude_days", "starting_year"];

pub(super) fn draw(source: &CardSource<'_>) -> Result<String, NoCard> {
    let CardSource { address, aged, terms, .. } = *source;
    word(address, "mode", &MODES)?;
    if let Some(key) = REFUSED.iter().find(|key| address.given(key).is_some()) {
        return Err(format!("{key} is not known here: every day counts").into());
    }
    let zone = address.given("timezone").map(|name| name.parse::<DayZone>()).transpose();
    let zone = zone.map_err(|why| format!("timezone: {why}"))?.unwrap_or(terms.zone);
    let stats = &aged.stats;
    let Some(done) = &aged.work.contributions else { return Err(unknown(source)) };
    let today = zone.today(terms.now);
    let streak = |run: DayRun| Streak { first: run.first(), last: run.last() };
    let card = StreakCard {
        login: &stats.login,
        total: done.total,
        since: done.days.first(),
        current: done.days.current(today).map(streak),
        longest: done.days.longest().map(streak),
        today: (today, zone.name()),
        time: source.time(Some(done.at)),
    };
    Ok(card.render(source.look))
}

fn unknown(source: &CardSource<'_>) -> NoCard {
    let name = &source.aged.stats.login;
    if source.aged.stats.is_organization {
        return NoCard::Nothing(format!("{name} is an organization, and has no contributions of its own"));
    }
    if !source.terms.has_tokens {
        let what = "contributions need a token for GitHub: tallymark help cards";
        return NoCard::Nothing(what.to_owned());
    }
    // A broken image stays in Camo; this is replaced by the next view.
    NoCard::NotYet(format!("contributions of {name} are on their way"))
}
