//! Panels as files, if configured (`[badges] panels`): `.panels/VARIANT/NAME.svg` below the badges.
//!
//! A name that has visits or likes has a panel. It is due when one of these numbers changes, and when a time on it
//! does: "5m ago" is a different text a minute later. [`PanelAges`] knows when. Panels that are not files are drawn by
//! the HTTP server.

mod ages;

use crate::{
    PublishError,
    corrected::Lower,
    cursor,
    files::{DirError, Lock},
    gallery::{Drawn, Gallery, GalleryPlan, MOST_WAITING, Pace},
};
use ages::{Over, PanelAges};
use std::{collections::BTreeMap, sync::Arc};
use tallymark_badge::panel::{Avatar, MOST_TRACES, Panel, Picture, Shown, Variant};
use tallymark_core::{ClientClass, Event, Latest, MOST_TAKEN_BACK, Minute, Name, Now, Visit};
use tallymark_github::Avatars;
use tallymark_store::{Store, StoreError, or_nothing};

/// Below the badges.
const DIR: &str = ".panels";
/// How many names a pass draws in one go while badges wait.
const SLICE: usize = 500;
/// The name of the one picture that is of no name, as a file.
const OF_NO_NAME: &str = "promo";

/// The panels of one directory.
pub(crate) struct Panels {
    gallery: Gallery<Variant>,
    ages: PanelAges,
    picture: String,
    /// What the variants look like, as the identity of what is on disk.
    identity: String,
    /// The faces of the owners, where they are known.
    faces: Option<Arc<Avatars>>,
}

impl Panels {
    /// Creates the directories of these variants, and removes all others.
    pub(crate) fn open(lock: &Lock, variants: &[Variant], pace: Pace) -> Result<Option<Panels>, DirError> {
        let mut kinds: Vec<(Variant, String)> = Vec::new();
        for &variant in variants {
            let word = variant.word();
            if kinds.iter().all(|(_, known)| *known != word) {
                kinds.push((variant, word));
            }
        }
        let plan = GalleryPlan {
            dir: DIR,
            events: &[Event::VISIT, Event::LIKE],
            changed_by: &[Event::VISIT, Event::LIKE, Event::UNLIKE],
            slice: SLICE,
            pace,
        };
        let Some(gallery) = Gallery::open(lock, kinds, plan)? else { return Ok(None) };
        let ages = PanelAges::open(gallery.dir())?;
        let looks: String = gallery.kinds().map(|&variant| sample(variant)).collect();
        let identity = format!("panels-{}-{:016x}", gallery.words().join("+"), cursor::fingerprint(&looks));
        Ok(Some(Panels { gallery, ages, picture: String::new(), identity, faces: None }))
    }

    /// Shows these faces, and initials where none is known.
    pub(crate) fn show(&mut self, faces: Arc<Avatars>) {
        self.faces = Some(faces);
    }

    pub(crate) fn gallery(&self) -> &Gallery<Variant> {
        &self.gallery
    }

    /// Every panel is due, and may do this.
    pub(crate) fn all(&mut self, lower: Lower) {
        self.gallery.all(lower);
    }

    /// Draws what is due, or some of it.
    pub(crate) async fn pass(&mut self, store: &dyn Store, now: Now) -> Result<Drawn, PublishError> {
        self.gallery.follow(store, self.identity.clone()).await?;
        let failed = |panels: &Panels, error| panels.gallery.error("reading which panels age", error);
        match self.ages.over(now.minute(), MOST_WAITING).map_err(|error| failed(self, error))? {
            Over::Names(names) => names.into_iter().for_each(|name| self.gallery.wait(name)),
            Over::Everything => self.gallery.all(Lower::Never),
        }
        self.draw_of_no_name(now);
        while let Some(names) = self.gallery.slice(store).await? {
            self.draw(store, now.minute(), &names).await?;
        }
        if self.gallery.is_drawn() {
            self.ages.drawn(now.minute()).map_err(|error| failed(self, error))?;
        }
        self.gallery.finish()
    }

    /// The promo is of no name, and never changes: it is there, or it is written.
    fn draw_of_no_name(&mut self, now: Now) {
        let Ok(name) = Name::new(OF_NO_NAME) else { return };
        let is_promo = |variant: &Variant| variant.picture == Picture::Promo;
        self.gallery.put(&name, is_promo, &mut self.picture, |variant, picture| {
            let shown = Shown::default();
            let rows = shown.rows();
            picture
                .push_str(&rows.panel(name.as_ref(), now.minute(), variant.options).render(variant.picture));
            0
        });
    }

    async fn draw(&mut self, store: &dyn Store, now: Minute, names: &[Name]) -> Result<(), PublishError> {
        let (shown, counted): (Vec<Option<Shown>>, Vec<EverCounted>) =
            read(store, names).await?.into_iter().unzip();
        let faces = self.faces(names, &shown).await;
        // First the times at which they age, then the files: a file that is never redrawn is worse than a needless
        // check.
        let mut due: BTreeMap<Minute, Vec<&Name>> = BTreeMap::new();
        for (name, shown) in
            names.iter().zip(&shown).filter_map(|(name, shown)| Some((name, shown.as_ref()?)))
        {
            let rows = shown.rows();
            let changes = self
                .gallery
                .kinds()
                .filter_map(|variant| rows.panel(name.as_ref(), now, variant.options).due(variant.picture));
            // A face that is being looked for is another picture, soon.
            let face = self.awaits_a_face(name).then_some(Minute(now.0 + 1));
            if let Some(minute) = changes.chain(face).min() {
                due.entry(minute).or_default().push(name);
            }
        }
        for (minute, names) in due {
            if let Err(error) = self.ages.note(minute, &names) {
                names.iter().for_each(|name| self.gallery.fail(name, &error));
            }
        }
        let is_named = |variant: &Variant| variant.picture != Picture::Promo;
        for (((name, shown), counted), face) in names.iter().zip(&shown).zip(counted).zip(&faces) {
            let Some(shown) = shown else {
                // It may have had some, before a correction or in a store that has lost them.
                self.gallery.remove(name);
                continue;
            };
            let rows = shown.rows();
            // What is no picture leaves the initials.
            let avatar = face.as_deref().and_then(|uri| Avatar::new(uri).ok());
            self.gallery.put(name, is_named, &mut self.picture, |variant, picture| {
                let panel = Panel { avatar, ..rows.panel(name.as_ref(), now, variant.options) };
                picture.push_str(&panel.render(variant.picture));
                match variant.picture {
                    Picture::Visits => counted.visits,
                    Picture::Likes | Picture::Button => counted.likes,
                    Picture::Both => counted.visits.saturating_add(counted.likes),
                    Picture::Promo => 0,
                }
            });
        }
        Ok(())
    }

    /// What is known of the faces of these names' owners. Asks for those that are missing.
    async fn faces(&self, names: &[Name], shown: &[Option<Shown>]) -> Vec<Option<Arc<str>>> {
        let mut known = vec![None; names.len()];
        if let Some(faces) = self.faces.as_ref().filter(|_| self.has_faces()) {
            for (at, name) in names.iter().enumerate().filter(|&(at, _)| shown[at].is_some()) {
                known[at] = faces.of(name.as_ref()).await;
            }
        }
        known
    }

    fn awaits_a_face(&self, name: &Name) -> bool {
        self.has_faces() && self.faces.as_ref().is_some_and(|faces| faces.is_looking_for(name.as_ref()))
    }

    fn has_faces(&self) -> bool {
        self.gallery.kinds().any(|variant| variant.picture.has_face())
    }
}

/// All that was ever counted of a name. Clicks that took a like back are counted with the likes, so neither goes down.
#[derive(Clone, Copy)]
struct EverCounted {
    visits: i64,
    likes: i64,
}

/// What is shown of each name, and counted; nothing is shown of one that has neither visits nor likes, and therefore no
/// panel.
async fn read(store: &dyn Store, names: &[Name]) -> Result<Vec<(Option<Shown>, EverCounted)>, StoreError> {
    let visits = store.totals(Event::VISIT, names).await?;
    let likes = store.totals(Event::LIKE, names).await?;
    let taken_back = store.totals(Event::UNLIKE, names).await?;
    let mut all = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let total = |of: &[i64]| of.get(at).copied().unwrap_or(0);
        let counted =
            EverCounted { visits: total(&visits), likes: total(&likes).saturating_add(total(&taken_back)) };
        if total(&visits) == 0 && total(&likes) == 0 {
            all.push((None, counted));
            continue;
        }
        let visits = latest(store, Event::VISIT, name, total(&visits), MOST_TRACES).await?;
        // A correction may have set their number to 0, and their list still says which likes are gone.
        let mut gone = Latest { total: total(&taken_back), visits: Vec::new() };
        if total(&likes) > 0 {
            gone.visits = or_nothing(store.visits(Event::UNLIKE, name, MOST_TAKEN_BACK).await)?;
        }
        let likes = latest(store, Event::LIKE, name, total(&likes), Shown::likes_needed(&gone)).await?;
        all.push((Some(Shown::new(&visits, &likes, &gone)), counted));
    }
    Ok(all)
}

async fn latest(
    store: &dyn Store,
    event: Event,
    name: &Name,
    total: i64,
    most: usize,
) -> Result<Latest, StoreError> {
    let visits = match total {
        0 => Vec::new(),
        _ => or_nothing(store.visits(event, name, most).await)?,
    };
    Ok(Latest { total, visits })
}

/// Changes whenever panels would be drawn differently.
fn sample(variant: Variant) -> String {
    let Ok(name) = Name::new("tallymark/look") else { return String::new() };
    let visit = Visit::new(Minute(0), ClientClass::Browser);
    let visits = Latest { total: 1_234_567, visits: vec![visit] };
    let likes = Latest { total: 1, visits: visits.visits.clone() };
    let shown = Shown::new(&visits, &likes, &Latest::default());
    let rows = shown.rows();
    rows.panel(name.as_ref(), Minute(5), variant.options).render(variant.picture)
}

#[cfg(test)]
mod tests;
