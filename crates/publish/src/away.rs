//! Pictures for nginx to show while the daemon is down and there is no file, below the badges: panels as
//! `.away/VARIANT.svg`, one for every picture in every language, theme and layout; banners as `.away/banner-TYPE.svg`;
//! and cards as `.away/card-KIND.svg`, and `-zh.svg`. They have the size of each picture, and neither name nor numbers.
//!
//! The publisher writes them when it starts; the configuration that `nginx-conf` prints refers to them.

use crate::files::{DirError, Files, Lock, PlainFile, TMP, create_dir};
use tallymark_badge::{
    banner::{self, BannerType},
    card::{self, CardLang, CardLook},
    panel::{Panel, Variant},
};
use tallymark_core::Name;
use tallymark_github::CardKind;

/// Below the badges.
const DIR: &str = ".away";

/// Writes those that are missing, or look otherwise.
pub(crate) fn write(lock: &Lock) -> Result<(), DirError> {
    let dir = lock.dir.join(DIR);
    create_dir(&dir).map_err(|error| DirError::new("creating", &dir, error))?;
    let mut files = Files::at(dir.clone(), lock.dir.join(TMP).join("away"));
    for (word, mut svg) in panels().chain(banners()).chain(cards()) {
        let name = PlainFile(&word);
        let old = files.read(&name);
        let written = old.and_then(|old| files.replace(&name, &mut svg, 0, old));
        written.map_err(|error| DirError::new("writing the pictures of an outage to", &dir, error))?;
    }
    Ok(())
}

fn panels() -> impl Iterator<Item = (String, String)> {
    let nobody = Name::all();
    Variant::every().map(move |variant| {
        let panel = Panel::away(nobody.as_ref(), variant.options);
        (variant.word(), panel.render(variant.picture))
    })
}

fn banners() -> impl Iterator<Item = (String, String)> {
    BannerType::EVERY.into_iter().map(|kind| (format!("banner-{}", kind.word()), banner::away(kind)))
}

fn cards() -> impl Iterator<Item = (String, String)> {
    [("", CardLang::En), ("-zh", CardLang::Zh)].into_iter().flat_map(|(tag, lang)| {
        let look = CardLook { lang, ..CardLook::default() };
        CardKind::every()
            .map(move |(word, kind)| (format!("card-{word}{tag}"), card::away(kind.size(), &look)))
    })
}
