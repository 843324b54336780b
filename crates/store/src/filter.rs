//! Which names of an event somebody looks for.

use crate::{NamePage, Result, Store};
use tallymark_core::{Event, Name};

/// How many names one call looks at: a search that finds nothing ends after some milliseconds, and goes on with the
/// next page.
pub(crate) const MOST_LOOKED_AT: usize = 25_000;
/// The same where names come over the network, some thousand at a time.
const MOST_LISTED: usize = 10_000;
/// How many names are asked for at once where the store cannot search by itself.
const STRIDE: usize = 1000;

/// What a name has to be like. The default lets every name through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// It begins with this, exactly.
    pub prefix: String,
    /// It has this in it; the case of ASCII letters does not matter.
    pub contains: String,
}

impl Filter {
    /// Whether a name is looked for.
    pub fn matches(&self, name: &str) -> bool {
        name.starts_with(&self.prefix) && contains(name.as_bytes(), self.contains.as_bytes())
    }
}

/// Without a copy: it is asked of tens of thousands of names for one page.
fn contains(name: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first().map(u8::to_ascii_lowercase) else { return true };
    name.windows(text.len())
        .any(|part| part[0].to_ascii_lowercase() == first && part.eq_ignore_ascii_case(text))
}

/// [`Store::find`] by listing: for a store whose names have no order.
pub(crate) async fn scan(
    store: &(impl Store + ?Sized),
    event: Event,
    filter: &Filter,
    start: Option<&str>,
    limit: usize,
) -> Result<NamePage> {
    if *filter == Filter::default() {
        return store.names(event, start, limit).await;
    }
    let (mut found, mut next) = (Vec::<Name>::new(), start.map(str::to_owned));
    let mut looked_at = 0;
    while found.len() < limit && looked_at < MOST_LISTED {
        let page = store.names(event, next.as_deref(), STRIDE).await?;
        // Redis may answer nothing and still have more, so an empty piece counts as one too.
        looked_at += page.names.len().max(STRIDE);
        found.extend(page.names.into_iter().filter(|name| filter.matches(name.as_str())));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(NamePage { names: found, next })
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
