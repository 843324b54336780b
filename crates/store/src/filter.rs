//! Which names of an event somebody looks for.

use crate::{NamePage, Result, Store};
use tallymark_core::{Event, Name};

/// How many names one call looks at: a search that finds nothing ends after some milliseconds, and goes on with the
/// next page.
pub(crate) const MOST_LOOKED_AT: usize = 50_000;
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
        name.starts_with(&self.prefix)
            && (self.contains.is_empty()
                || name.to_ascii_lowercase().contains(&self.contains.to_ascii_lowercase()))
    }
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
    while found.len() < limit && looked_at < MOST_LOOKED_AT {
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
