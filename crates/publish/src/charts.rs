//! Charts as files, if configured (`[badges] charts`): `.charts/KIND/NAME.svg` below the badges.
//!
//! A chart is due when its name has changed, and every midnight (UTC), when its days change. [`Gallery`] knows which are.

use crate::{
    PublishError,
    corrected::{self, Lower},
    cursor,
    files::{DirError, Lock},
    gallery::{Drawn, Gallery, GalleryPlan, Pace},
};
use tallymark_badge::{
    Look, Spark,
    chart::{AxisScale, Chart, DEFAULT_WIDTH, Series},
    number,
    panel::Lang,
};
use tallymark_core::{Event, Name, Now, Step, Window};
use tallymark_store::{Store, or_nothing};

/// Below the badges.
const DIR: &str = ".charts";
/// How many names a pass draws: changed ones, and those whose day is over.
const SLICE: usize = 50;

/// A picture of a name's counts over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// A badge with a sparkline of 30 days.
    Sparkline,
    /// Bars of 7 days.
    Days7,
    /// Bars of 30 days.
    Days30,
    /// Bars of 90 days.
    Days90,
}

impl ChartKind {
    /// All of them with their words, which are directories too.
    pub const EVERY: [(ChartKind, &'static str); 4] = [
        (ChartKind::Sparkline, "sparkline"),
        (ChartKind::Days7, "7d"),
        (ChartKind::Days30, "30d"),
        (ChartKind::Days90, "90d"),
    ];

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<ChartKind> {
        ChartKind::EVERY.into_iter().find(|(_, known)| *known == word).map(|(kind, _)| kind)
    }

    fn window(self) -> Window {
        match self {
            ChartKind::Days7 => Window::Days7,
            ChartKind::Sparkline | ChartKind::Days30 => Window::Days30,
            ChartKind::Days90 => Window::Days90,
        }
    }

    /// Draws the picture; `days` end with today.
    fn draw(self, look: &Look, name: &Name, total: i64, days: &[i64], now: Now, out: &mut String) {
        let buckets = self.window().buckets(now);
        let (counts, first) = (&days[days.len().saturating_sub(buckets.count())..], buckets.first);
        let series = [Series { name: name.as_str(), counts }];
        let chart = Chart {
            event: Event::HIT,
            step: Step::Day,
            first,
            series: &series,
            so_far: true,
            legend: true,
            lang: Lang::En,
            scale: AxisScale::Linear,
            width: DEFAULT_WIDTH,
        };
        if self != ChartKind::Sparkline {
            out.push_str(&chart.render());
            return;
        }
        let value = number::group(total).to_string();
        let mut badge = look.badge(&value);
        let title = format!("{}: {value}. {}", badge.label, chart.title());
        badge.title = Some(&title);
        out.push_str(&Spark { badge, counts }.render());
    }
}

/// The charts of one directory.
pub(crate) struct Charts {
    gallery: Gallery<ChartKind>,
    picture: String,
}

impl Charts {
    /// Creates the directories of these kinds, and removes those that are no longer configured.
    pub(crate) fn open(lock: &Lock, kinds: &[ChartKind], pace: Pace) -> Result<Option<Charts>, DirError> {
        let shown = ChartKind::EVERY.into_iter().filter(|(kind, _)| kinds.contains(kind));
        let kinds = shown.map(|(kind, word)| (kind, word.to_owned())).collect();
        let plan =
            GalleryPlan { dir: DIR, events: &[Event::HIT], changed_by: &[Event::HIT], slice: SLICE, pace };
        let gallery = Gallery::open(lock, kinds, plan)?;
        Ok(gallery.map(|gallery| Charts { gallery, picture: String::new() }))
    }

    pub(crate) fn gallery(&self) -> &Gallery<ChartKind> {
        &self.gallery
    }

    /// Every chart is due, and may do this.
    pub(crate) fn all(&mut self, lower: Lower) {
        self.gallery.all(lower);
    }

    /// Draws what is due, or some of it. On a new day, every chart is.
    pub(crate) async fn pass(
        &mut self,
        store: &dyn Store,
        look: &Look,
        now: Now,
    ) -> Result<Drawn, PublishError> {
        let kinds = self.gallery.words().join("+");
        let identity = format!("charts-{}-{kinds}-{}", now.day(), cursor::look_identity(look));
        self.gallery.follow(store, identity).await?;
        while let Some(names) = self.gallery.slice(store).await? {
            self.draw(store, look, now, &names).await?;
        }
        self.gallery.finish()
    }

    async fn draw(
        &mut self,
        store: &dyn Store,
        look: &Look,
        now: Now,
        names: &[Name],
    ) -> Result<(), PublishError> {
        let windows = self.gallery.kinds().map(|kind| kind.window().buckets(now));
        let Some(longest) = windows.max_by_key(|window| window.count()) else { return Ok(()) };
        let totals = store.totals(Event::HIT, names).await?;
        for (name, &total) in names.iter().zip(&totals) {
            if total == 0 && corrected::is_gone(store, name).await? {
                self.gallery.remove(name);
                continue;
            }
            let (first, last) = (longest.first, longest.last);
            let counted = or_nothing(store.series(Event::HIT, name, Step::Day, first, last + 1).await)?;
            let days = longest.fill(counted);
            self.gallery.put(
                name,
                |_| true,
                &mut self.picture,
                |kind, picture| {
                    kind.draw(look, name, total, &days, now, picture);
                    total
                },
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
