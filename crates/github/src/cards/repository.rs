//! `/api/pin?username=&repo=`: one repository.

use super::{
    CardNotes, CardSource, NoCard,
    values::{flag, number},
};
use crate::{KnownRepository, stats::KNOWN};
use tallymark_badge::card::RepositoryCard;

pub(super) fn draw(source: &CardSource<'_>, notes: &mut CardNotes) -> Result<String, NoCard> {
    let address = source.address;
    let found = asked(source)?;
    let (shows_owner, lines) =
        (flag(address, "show_owner", notes), number(address, "description_lines_count", 1..=3, notes));
    let stats = &*source.aged.stats;
    let card = RepositoryCard {
        owner: shows_owner.then_some(stats.login.as_str()),
        name: &found.name,
        description: found.description.as_deref(),
        language: found.language.as_deref(),
        stars: found.stars,
        forks: found.forks,
        is_fork: found.is_fork,
        is_archived: found.is_archived,
        lines: lines.map(|lines| lines as usize),
        time: source.time(None),
    };
    Ok(card.render(source.look))
}

/// The repository that an address asks for.
pub(super) fn asked<'a>(source: &CardSource<'a>) -> Result<&'a KnownRepository, NoCard> {
    let name = source.address.text("repo").unwrap_or_default();
    if let Some(what) = source.address.lacks(source.look.lang) {
        return Err(what.into());
    }
    let stats = &*source.aged.stats;
    stats.known.iter().find(|known| known.name.eq_ignore_ascii_case(&name)).ok_or_else(|| {
        let login = &stats.login;
        NoCard::Nothing(match stats.knows_all() {
            true => source.say(
                &format!("{login} has no public repository “{name}”"),
                &format!("{login} 没有名为“{name}”的公开仓库"),
            ),
            false => source.say(
                &format!("“{name}” is not among the {KNOWN} repositories of {login} with the most stars"),
                &format!("“{name}”不在 {login} 星标最多的 {KNOWN} 个仓库之中"),
            ),
        })
    })
}
