//! `/api/streak?username=`: the streaks of an account, days in a row with contributions.
//!
//! The days are those of GitHub's calendar, which cannot be shifted to another zone. The zone decides which day is
//! today: a streak lasts until the day after its last one has ended there.

use super::{
    CardNotes, CardSource, NoCard,
    values::{deciding_word, flag, list, year},
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
    let (rule, unit) = rule(source, notes)?;
    let mut hidden = [false; 3];
    for (hidden, key) in hidden.iter_mut().zip(COLUMNS) {
        *hidden = flag(address, key, notes);
    }
    if hidden == [true; 3] {
        return Err(source.say("All three numbers are hidden", "三个数字都隐藏了").into());
    }
    let zone = address.given("timezone").map(|name| name.parse::<DayZone>()).transpose();
    let wrong = |why| source.say(&format!("timezone: {why}"), "timezone 不是已知的时区，例如 Asia/Shanghai");
    let zone = zone.map_err(wrong)?.unwrap_or(terms.zone);
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

/// How days are counted, and what streaks are counted in. Numbers depend on all of it.
fn rule(source: &CardSource<'_>, notes: &mut CardNotes) -> Result<(StreakRule, StreakUnit), String> {
    let (address, lang) = (source.address, source.look.lang);
    let unit = address.given("mode").map(|word| deciding_word("mode", &word, &MODES, lang)).transpose()?;
    let unit = unit.unwrap_or_default();
    let is_weekly = unit == StreakUnit::Weeks;
    // A whole name is its beginning.
    let short = |word: &String| word.get(..3).filter(|_| word.len() > 3).unwrap_or(word).to_owned();
    let days = list(address, "exclude_days").iter().map(short).collect::<Vec<_>>();
    let days = days.iter().map(|word| deciding_word("exclude_days", word, &WEEKDAYS, lang));
    let mut days_off = days.collect::<Result<Vec<u8>, String>>()?;
    days_off.sort_unstable();
    days_off.dedup();
    if days_off.len() == WEEKDAYS.len() {
        return Err(source.say("exclude_days leaves no day of the week", "exclude_days 排除了一周的每一天"));
    }
    if is_weekly && !days_off.is_empty() {
        notes.add("exclude_days changes nothing with mode=weekly");
        days_off.clear();
    }
    Ok((StreakRule { is_weekly, days_off, since: year(address, "starting_year", lang)? }, unit))
}

fn unknown(source: &CardSource<'_>) -> NoCard {
    let name = &source.aged.stats.login;
    if source.aged.stats.is_organization {
        return NoCard::Nothing(source.say(
            &format!("{name} is an organization, and has no contributions of its own"),
            &format!("{name} 是组织，没有自己的贡献"),
        ));
    }
    if !source.terms.has_tokens {
        return NoCard::Nothing(source.say(
            "What an account has done is known only with a token for GitHub, and none is set: tallymark help cards",
            "只有设置了 GitHub 令牌才能知道账号的贡献，而这里没有设置：tallymark help cards",
        ));
    }
    if source.aged.work.no_contributions {
        return NoCard::NotYet(source.say(
            &format!("GitHub's answer about the contributions of {name} cannot be used"),
            &format!("GitHub 返回的 {name} 的贡献数据无法使用"),
        ));
    }
    coming(source)
}

/// A broken image stays in Camo; this is replaced by the next view.
fn coming(source: &CardSource<'_>) -> NoCard {
    let name = &source.aged.stats.login;
    NoCard::NotYet(
        source
            .say(&format!("The contributions of {name} are on their way"), &format!("{name} 的贡献稍后显示")),
    )
}
