//! How the rank on an account's card is computed, on the page of the account's name: six numbers, what each earns, and
//! the levels.
//!
//! It shows the numbers that the card shows, from the store. GitHub is not asked: the first view of a card does that.

use super::language::of_request;
use crate::state::App;
use minijinja::{Value, context};
use tallymark_badge::{card::CardLang, number::group, panel::Lang};
use tallymark_github::{AccountName, AccountRank, Contributions, RANK_LEVELS, RankPart, Stats};

/// What the page says; `None` where the name cannot be an account, or if there are no cards.
pub(super) async fn values(app: &App, name: &str) -> Option<Value> {
    let statistics = &app.github.as_ref()?.statistics;
    let login = AccountName::new(name).ok()?;
    let known = statistics.stored(&login).await;
    let work = known.as_ref().and_then(|known| known.work.contributions.as_ref().map(|work| (known, work)));
    let Some((known, work)) = work else {
        // The rule is the same for everyone.
        let rule = AccountRank::of(&Stats::default(), &Contributions::default(), false);
        let is_organization = known.is_some_and(|known| known.stats.is_organization);
        return Some(context! {
            is_known => false,
            why => missing(is_organization, statistics.has_tokens()),
            ..table(&rule, false)
        });
    };
    let rank = AccountRank::of(&known.stats, work, false);
    let (at, _) = known.with(Some(work.at));
    Some(context! {
        is_known => true,
        login => &known.stats.login,
        level => rank.level,
        top => percent(rank.top),
        at => at.readable(),
        ..table(&rank, true)
    })
}

/// Why there are no numbers.
fn missing(is_organization: bool, has_tokens: bool) -> &'static str {
    match (is_organization, has_tokens) {
        (true, _) => "This is an organisation on GitHub, and organisations have no rank.",
        (false, true) => "Its numbers are not known yet: they are fetched when a card of it is shown.",
        (false, false) => "This server has no token of GitHub, and without one these numbers are not known.",
    }
}

fn table(rank: &AccountRank, is_known: bool) -> Value {
    let lang = if of_request() == Lang::Zh { CardLang::Zh } else { CardLang::En };
    let row = |part: &RankPart| {
        context! {
            what => lang.row(part.what),
            count => is_known.then(|| grouped(part.count)),
            median => grouped(part.median),
            weight => part.weight,
            points => format!("{:.2}", part.points()),
        }
    };
    let levels = RANK_LEVELS.map(|(level, most)| {
        context! { level, most => percent(most), current => is_known && level == rank.level }
    });
    context! {
        rows => rank.parts.iter().map(row).collect::<Vec<_>>(),
        points => format!("{:.2}", rank.points()),
        all_points => rank.all_points() as u32,
        levels => levels.to_vec(),
    }
}

/// One digit behind the point, if there is one. A number below 100 is never rounded up to 100.
fn percent(number: f64) -> String {
    let number = if number < 100.0 { number.min(99.9) } else { number };
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

fn grouped(count: u64) -> String {
    group(i64::try_from(count).unwrap_or(i64::MAX)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_as_short_as_it_can_be() {
        for (number, text) in [(0.0, "0"), (12.5, "12.5"), (20.841, "20.8"), (99.97, "99.9"), (100.0, "100")]
        {
            assert_eq!(percent(number), text);
        }
    }
}
