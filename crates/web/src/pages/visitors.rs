//! The last visits of a name by class of client, for its page.

use crate::{error::report, pages::percent, state::App};
use minijinja::{Value, context};
use tallymark_core::{ClientClass, Event, Name};
use tallymark_store::{Class, StoreError};

/// One row for each class with visits, as a bar and as a number; nothing if no visits are kept.
pub(crate) async fn values(app: &App, event: Event, name: &Name) -> Result<Option<Value>, StoreError> {
    let kept = app.visits.of(event);
    if kept == 0 {
        return Ok(None);
    }
    let visits = match app.store.visits(event, name, kept).await {
        // An error with them must not hide the counts.
        Err(error) if error.class() == Class::Key => {
            report::store("showing the last visits of a name", &error);
            return Ok(None);
        }
        visits => visits?,
    };
    // They are in the order in which they were counted, which may differ from the order of their times.
    let minutes = || visits.iter().map(|visit| visit.minute);
    let (Some(latest), Some(oldest)) = (minutes().max(), minutes().min()) else { return Ok(None) };
    let all = visits.len();
    let counts =
        ClientClass::EVERY.map(|class| (class, visits.iter().filter(|one| one.class == class).count()));
    let row = |&(class, count): &(ClientClass, usize)| {
        let (label, what) = words(class);
        let tenths = (count * 1000 / all).max(5);
        let share = format!("{}.{}", tenths / 10, tenths % 10);
        context! { label, what, count, share, percent => percent(count as i64, all as i64) }
    };
    let mut shown: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
    shown.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rows: Vec<Value> = shown.into_iter().map(row).collect();
    let (noun, column) = (event.noun(0).to_owned(), capitalized(event.noun(0)));
    Ok(Some(context! { all, noun, column, rows, latest => latest.readable(), oldest => oldest.readable() }))
}

/// With a capital letter, for the head of a column.
fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// A class in words for people, and what it means.
fn words(class: ClientClass) -> (&'static str, &'static str) {
    match class {
        ClientClass::Browser => ("Browsers", "a person's browser"),
        ClientClass::GithubCamo => ("GitHub", "its image proxy, for a reader"),
        ClientClass::ImageProxy => ("Other image proxies", "mail, chat and other sites, for a reader"),
        ClientClass::Bot => ("Bots", "search engines, link previews, monitors"),
        ClientClass::FeedReader => ("Feed readers", "readers of a feed that has the badge"),
        ClientClass::Program => ("Programs", "command lines and libraries"),
        ClientClass::Unknown => ("Unknown", "clients that do not say what they are"),
    }
}
