//! `/api/streak?username=`: the streaks of an account, days in a row with contributions.
//!
//! The days are those of GitHub's calendar, which cannot be shifted to another zone. The zone decides which day is
//! today: a streak lasts until the day after its last one has ended there.

use super::{
    CardAddress, CardNotes, CardSource, NoCard,
    look::{flag, list, word, year},
};
use crate::{DayRun, DayZone, streaks::StreakRule};
use tallymark_badge::card::{Streak, StreakCard, StreakUnit};

const MODES: [(&str, StreakUnit); 2] = [("daily", StreakUnit::Days), ("weekly", StreakUnit::Weeks)];
/// With their numbers.
const WEEKDAYS: [(&str, u8); 7] =
    [("Sun", 0), ("Mon", 1), ("Tue", 2), ("Wed", 3), ("Thu", 4), ("Fri", 5), ("Sat", 6)];
const COLUMNS: [&str; 3] = ["hide_total_contributions", "hide_current_streak", "hide_longest_streak"];

pub(super) fn draw(source: &CardSource<'_>, notes: &mut CardNotes) -> Result<String, NoCard> {
    let CardSource { address, aged, terms, .. } = *source;
    let (rule, unit) = rule(address, notes)?;
    let mut hidden = [false; 3];
    for (hidden, key) in hidden.iter_mut().zip(COLUMNS) {
        *hidden = flag(address, key)?;
    }
    if hidden == [true; 3] {
        return Err("one of the three numbers has to be left".to_owned().into());
    }
    let zone = address.given("timezone").map(|name| name.parse::<DayZone>()).transpose();
    let zone = zone.map_err(|why| format!("timezone: {why}"))?.unwrap_or(terms.zone);
    let stats = &aged.stats;
    let Some(done) = &aged.work.contributions else { return Err(unknown(source)) };
    let today = zone.today(terms.now);
    let sums = rule.sums(done, today).ok_or_else(|| coming(source))?;
    let streak = |run: DayRun| Streak { first: run.first(), last: run.last() };
    let card = StreakCard {
        login: &stats.login,
        total: sums.total,
        since: sums.first,
        current: sums.current.map(streak),
        longest: sums.longest.map(streak),
        today: (today, zone.name()),
        unit,
        days_off: &rule.days_off,
        hidden,
        time: source.time(Some(done.at)),
    };
    Ok(card.render(source.look))
}

/// How days are counted, and what streaks are counted in.
fn rule(address: &CardAddress, notes: &mut CardNotes) -> Result<(StreakRule, StreakUnit), String> {
    let unit = word(address, "mode", &MODES)?.unwrap_or_default();
    let is_weekly = unit == StreakUnit::Weeks;
    // A whole name is its beginning.
    let short = |word: &String| word.get(..3).filter(|_| word.len() > 3).unwrap_or(word).to_owned();
    let days = list(address, "exclude_days").iter().map(short).collect::<Vec<_>>();
    let days = days.iter().map(|word| tallymark_core::choice("exclude_days", word, &WEEKDAYS));
    let mut days_off = days.collect::<Result<Vec<u8>, String>>()?;
    days_off.sort_unstable();
    days_off.dedup();
    if days_off.len() == WEEKDAYS.len() {
        return Err("exclude_days: one day of the week has to be left".to_owned());
    }
    if is_weekly && !days_off.is_empty() {
        notes.add("exclude_days changes nothing with mode=weekly");
        days_off.clear();
    }
    Ok((StreakRule { is_weekly, days_off, since: year(address, "starting_year")? }, unit))
}

fn unknown(source: &CardSource<'_>) -> NoCard {
    let name = &source.aged.stats.login;
    if source.aged.stats.is_organization {
        return NoCard::Nothing(format!("{name} is an organization, and has no contributions of its own"));
    }
    if !source.terms.has_tokens {
        let what = "what an account has done is known only with a token for GitHub, and none is set: tallymark help cards";
        return NoCard::Nothing(what.to_owned());
    }
    coming(source)
}

/// A broken image stays in Camo; this is replaced by the next view.
fn coming(source: &CardSource<'_>) -> NoCard {
    NoCard::NotYet(format!("contributions of {} are on their way", source.aged.stats.login))
}
