//! Searching the names of an event.

use crate::{NamePage, Result, StoreRead};
use tallymark_core::{Event, Name};

/// How many names one call examines: a search that finds nothing ends after a few milliseconds, and continues with the
/// next page.
pub(crate) const MOST_LOOKED_AT: usize = 25_000;
/// The same for names that come over the network, a few thousand at a time.
const MOST_LISTED: usize = 10_000;
/// How many names are requested at once if the store cannot search by itself.
const STRIDE: usize = 1000;
/// Up to this many names are sorted for each page. If there are more, they come in the store's order.
const MOST_SORTED: u64 = 10_000;
/// The store's first page.
const FIRST: &str = "-";
/// The names after the last one, in order.
const BY_NAME: &str = "=";

/// What a name has to match. The default matches every name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// It begins with this, exactly.
    pub prefix: String,
    /// It contains this; the case of ASCII letters does not matter.
    pub contains: String,
}

impl Filter {
    /// Whether a name matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        name.starts_with(&self.prefix) && contains(name.as_bytes(), self.contains.as_bytes())
    }
}

/// Makes no copy, because it runs on tens of thousands of names for one page.
fn contains(name: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first().map(u8::to_ascii_lowercase) else { return true };
    name.windows(text.len())
        .any(|part| part[0].to_ascii_lowercase() == first && part.eq_ignore_ascii_case(text))
}

/// [`StoreRead::find`] by listing: for a store whose names have no order, and whose pages may be longer than requested.
///
/// A few thousand names are sorted. If there are more, a page that ends inside one of the store's pages continues
/// there, after its last name. (If the store's page has changed in the meantime, a name may occur twice; one is missed
/// only if its table became much smaller in between.)
pub(crate) async fn scan(
    store: &(impl StoreRead + ?Sized),
    event: Event,
    filter: &Filter,
    start: Option<&str>,
    limit: usize,
) -> Result<NamePage> {
    let limit = limit.max(1);
    let last = start.map(|start| start.strip_prefix(BY_NAME).and_then(|rest| rest.strip_prefix(' ')));
    let start = match last {
        None if store.name_count(event).await? <= MOST_SORTED => {
            return by_name(store, event, filter, "", limit).await;
        }
        // Some names may have been added since the first page.
        Some(Some(last)) if store.name_count(event).await? <= 2 * MOST_SORTED => {
            return by_name(store, event, filter, last, limit).await;
        }
        // Very many have, so all names are listed again in the store's order.
        Some(Some(_)) => None,
        None | Some(None) => start,
    };
    let (mut at, mut behind) = match start.map(|start| start.split_once(' ').unwrap_or((start, ""))) {
        Some((at, behind)) => (Some(at).filter(|at| *at != FIRST).map(str::to_owned), behind.to_owned()),
        None => (None, String::new()),
    };
    let (mut found, mut looked_at) = (Vec::<Name>::new(), 0);
    loop {
        let page = store.names(event, at.as_deref(), STRIDE).await?;
        // Redis may answer nothing and still have more, so an empty piece counts as one too.
        looked_at += page.names.len().max(STRIDE);
        let mut names: Vec<Name> =
            page.names.into_iter().filter(|name| filter.matches(name.as_str())).collect();
        names.sort_unstable();
        names.dedup();
        let known = names.partition_point(|name| name.as_str() <= &*behind);
        let room = limit - found.len();
        let rest = names.len().saturating_sub(known + room);
        found.extend(names.into_iter().skip(known).take(room));
        if let Some(last) = found.last().filter(|_| rest > 0) {
            let next = format!("{} {last}", at.as_deref().unwrap_or(FIRST));
            return Ok(sorted(found, Some(next)));
        }
        (at, behind) = (page.next, String::new());
        if at.is_none() || found.len() >= limit || looked_at >= MOST_LISTED {
            return Ok(sorted(found, at));
        }
    }
}

/// The same for so few names that all of them can be examined for each page.
async fn by_name(
    store: &(impl StoreRead + ?Sized),
    event: Event,
    filter: &Filter,
    last: &str,
    limit: usize,
) -> Result<NamePage> {
    let (mut names, mut at) = (Vec::new(), None::<String>);
    loop {
        let page = store.names(event, at.as_deref(), STRIDE).await?;
        let looked_for = |name: &Name| name.as_str() > last && filter.matches(name.as_str());
        names.extend(page.names.into_iter().filter(looked_for));
        at = page.next;
        if at.is_none() {
            break;
        }
    }
    let NamePage { mut names, .. } = sorted(names, None);
    let more = names.len() > limit;
    names.truncate(limit);
    let next = names.last().filter(|_| more).map(|last| format!("{BY_NAME} {last}"));
    Ok(NamePage { names, next })
}

fn sorted(mut names: Vec<Name>, next: Option<String>) -> NamePage {
    names.sort_unstable();
    names.dedup();
    NamePage { names, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_its_beginning_and_by_any_part_of_it() {
        let filter =
            |prefix: &str, contains: &str| Filter { prefix: prefix.into(), contains: contains.into() };
        for (prefix, contains, fits) in [
            ("", "", true),
            ("Own", "", true),
            ("own", "", false),
            ("", "oWNER/re", true),
            ("", "\u{e9}", true),
            ("", "\u{c9}", false),
            ("", "Owner/Repo-\u{e9}!", false),
            ("Owner/", "x", false),
        ] {
            assert_eq!(
                filter(prefix, contains).matches("Owner/Repo-\u{e9}"),
                fits,
                "{prefix:?} {contains:?}"
            );
        }
    }
}
