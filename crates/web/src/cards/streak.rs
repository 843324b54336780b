//! `/api/streak?username=`: the days in a row on which an account has done something.
//!
//! GitHub says which days those are, and nobody can cut them anew. The zone decides which day is today: a streak is alive
//! until the day after its last one is over there.

use super::{
    CardAsked, NoCard,
    look::{given, word},
};
use axum::http::StatusCode;
use tallymark_badge::card::{Streak, StreakCard};
use tallymark_github::{DayRun, DayZone};

/// Other cards count weeks, or leave out some days of a week. A number that means something else must not be shown.
const MODES: [(&str, ()); 1] = [("daily", ())];
const REFUSED: [&str; 2] = ["exclude_days", "starting_year"];

pub(super) fn draw(asked: &CardAsked<'_>) -> Result<String, NoCard> {
    let query = asked.query;
    word(query, "mode", &MODES)?;
    if let Some(key) = REFUSED.iter().find(|key| given(query, key).is_some()) {
        return Err(format!("{key} is not known here: every day counts").into());
    }
    let zone = given(query, "timezone").map(|name| name.parse::<DayZone>()).transpose();
    let zone = zone.map_err(|why| format!("timezone: {why}"))?.unwrap_or(asked.zone);
    let stats = &asked.aged.stats;
    let Some(done) = &asked.aged.work.contributions else { return Err(unknown(asked)) };
    let today = zone.today(asked.now);
    let streak = |run: DayRun| Streak { first: run.first(), last: run.last() };
    let card = StreakCard {
        login: &stats.login,
        total: done.total,
        since: done.days.first(),
        current: done.days.current(today).map(streak),
        longest: done.days.longest().map(streak),
        today: (today, zone.name()),
        time: asked.time(Some(done.at)),
    };
    Ok(card.render(&asked.look))
}

fn unknown(asked: &CardAsked<'_>) -> NoCard {
    let name = &asked.aged.stats.login;
    if asked.aged.stats.is_organization {
        return NoCard(
            StatusCode::NOT_FOUND,
            format!("{name} is an organization, and has no contributions of its own"),
        );
    }
    if !asked.has_tokens {
        let what = "contributions need a token for GitHub: tallymark help cards";
        return NoCard(StatusCode::NOT_FOUND, what.to_owned());
    }
    // A broken image stays in Camo; this is replaced by the next view.
    NoCard(StatusCode::OK, format!("contributions of {name} are on their way"))
}
