//! Names that have a text in them, page by page. The store looks at a bounded number of names for each page.

use super::{asked::Asked, totals::grouped};
use crate::{app::App, name::event_page_path};
use minijinja::{Value, context};
use tallymark_core::Name;
use tallymark_store::{Class, Filter, NamePage, Result};

/// How many names a page has.
const MOST: usize = 50;

pub(super) async fn values(app: &App, asked: &Asked) -> Result<Value> {
    let text = asked.search.clone().unwrap_or_default();
    let filter = Filter { prefix: String::new(), contains: text.clone() };
    let mut found = match app.store.find(asked.event, &filter, asked.after.as_deref(), MOST).await {
        // Somebody made the address up.
        Err(error) if error.class() == Class::Request => NamePage { names: Vec::new(), next: None },
        found => found?,
    };
    found.names.sort_unstable();
    found.names.dedup();
    let totals = app.store.totals(asked.event, &found.names).await?;
    let row = |(name, total): (&Name, i64)| {
        let link = event_page_path(name.as_ref(), asked.event);
        context! { name => name.as_str(), link, total => grouped(total) }
    };
    Ok(context! {
        text,
        rows => found.names.iter().zip(totals).map(row).collect::<Vec<_>>(),
        next => found.next.map(|next| asked.looking_from(&next)),
        back => asked.with_period(asked.period),
    })
}
