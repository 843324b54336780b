//! Charts: counts over time as a picture. Bars for one name, lines for several.
//!
//! A [`Chart`] becomes SVG text. Every date in it is computed from the number of a bucket, so the same counts give the
//! same bytes at any time. The viewer chooses light or dark (`prefers-color-scheme`), and the picture has its own
//! background, so that it is legible on any page. The HTTP server and the publisher call it.

mod axis;
mod draw;
mod scale;
mod style;
mod words;

pub use scale::AxisScale;
pub use style::ChartTheme;
pub use words::ChartWords;

use crate::{number::group, panel::Lang, text::Fitted};
use std::ops::RangeInclusive;
use tallymark_core::{Buckets, Event, Step};

/// The maximum number of series in a chart.
pub const MOST_SERIES: usize = style::SERIES;

/// The maximum number of buckets in a chart: more than a year of days.
pub const MOST_BUCKETS: usize = 400;

/// The default width, in pixels.
pub const DEFAULT_WIDTH: u32 = 720;

/// Widths at which a chart is legible: from a phone's to a large screen's.
pub const WIDTHS: RangeInclusive<u32> = 320..=1600;

/// What stays below this part of the height is flat, in percent.
const FLAT: u32 = 5;

/// Longest name in a title, in pixels of 11 px text: all of nearly every one.
const TITLE_NAME: u32 = 1200;

/// The counts of one name, one for each bucket. Negative counts are drawn as zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series<'a> {
    /// Whose counts.
    pub name: &'a str,
    /// From the oldest bucket to the newest.
    pub counts: &'a [i64],
}

impl Series<'_> {
    /// The sum of the counts.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.counts.iter().fold(0, |sum: i64, &count| sum.saturating_add(count.max(0)))
    }

    fn count(&self, at: usize) -> i64 {
        self.counts.get(at).copied().unwrap_or(0).max(0)
    }

    fn shown_name(&self, limit: u32) -> String {
        Fitted::new(self.name, limit).shown().into_owned()
    }
}

/// Counts over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chart<'a> {
    /// What is counted.
    pub event: Event,
    /// The width of a bucket.
    pub step: Step,
    /// The number of the oldest bucket.
    pub first: i32,
    /// One is drawn as bars, several as lines; only the first [`MOST_SERIES`]. All have as many buckets as the longest
    /// of them, and at most [`MOST_BUCKETS`].
    pub series: &'a [Series<'a>],
    /// Whether the newest bucket is still in progress: its count is a part, and is drawn and told as one.
    pub so_far: bool,
    /// How counts are spread over the axis.
    pub scale: AxisScale,
    /// Whether several names have a legend. A page has a table with the same swatches instead.
    pub legend: bool,
    /// The language of its texts: Chinese, or else English.
    pub lang: Lang,
    /// Width in pixels; the nearest of [`WIDTHS`] is taken.
    pub width: u32,
}

/// The style sheet of every chart, for a page that draws swatches of its lines.
#[must_use]
pub fn style_sheet() -> String {
    style::Sheet(ChartTheme::Auto).to_string()
}

impl<'a> Chart<'a> {
    /// Draws the chart. Less than 64 KiB, whatever the names and counts are.
    #[must_use]
    pub fn render(&self) -> String {
        self.render_in(ChartTheme::Auto)
    }

    /// The same in the colours of a theme.
    #[must_use]
    pub fn render_in(&self, theme: ChartTheme) -> String {
        draw::Drawing::of(self).themed(theme).to_string()
    }

    /// Width and height of the picture, in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        draw::Drawing::of(self).size()
    }

    /// Where the buckets are in the picture: left, top, width and height of all, in pixels.
    #[must_use]
    pub fn plot(&self) -> [u32; 4] {
        draw::Drawing::of(self).plot()
    }

    /// The title of the chart, in one line: `o/r: 1,234 hits, 22 Oct to 20 Nov 2026`. Not escaped.
    #[must_use]
    pub fn title(&self) -> String {
        let (when, words) = (self.when(), self.words());
        let when = if when.is_empty() { when } else { format!("{}{when}", words.comma()) };
        match self.series() {
            [] => words.nothing_to_show().to_owned(),
            [one] => {
                let (name, counted) = (one.shown_name(TITLE_NAME), self.counted(one.total()));
                format!("{name}{}{counted}{when}", words.colon())
            }
            several => {
                let names: Vec<String> =
                    several.iter().map(|series| series.shown_name(TITLE_NAME / 3)).collect();
                format!("{}{when}", words.of(&self.per_step(), &names.join(words.comma())))
            }
        }
    }

    /// A description of the chart, for people who do not see it. Not escaped.
    #[must_use]
    pub fn description(&self) -> String {
        let has_counts = self.series().iter().any(|series| series.total() > 0);
        match self.scale {
            AxisScale::Log if has_counts => self.counts_described() + self.words().is_logarithmic(),
            _ => self.counts_described(),
        }
    }

    /// Whether an axis of equal distances hides something: a count is broken off, or most of a name's stay near zero.
    #[must_use]
    pub fn is_uneven(&self) -> bool {
        let counts = self.series().iter().flat_map(|series| self.counts_of(series));
        let Some(scale) = scale::Scale::of(AxisScale::Linear, counts) else { return false };
        self.series().iter().any(|series| {
            let mut counts: Vec<i64> = self.counts_of(series).filter(|&count| count > 0).collect();
            counts.sort_unstable();
            let median = counts.get(counts.len() / 2).copied().unwrap_or(i64::MAX);
            counts.last().is_some_and(|&most| scale.is_passed_by(most)) || scale.height(median, 100) < FLAT
        })
    }

    fn counts_of(&self, series: &'a Series<'a>) -> impl Iterator<Item = i64> + Clone + use<'a> {
        (0..self.buckets()).map(|at| series.count(at))
    }

    fn counts_described(&self) -> String {
        match self.series() {
            [] => self.nothing(),
            [one] => match self.peak(one) {
                None => self.nothing() + self.words().stop(),
                Some((at, most)) => {
                    let last = self.buckets().saturating_sub(1);
                    let (at, when) = (self.bucket_name(at), self.bucket_name(last));
                    self.words().described(&self.per_step(), (most, &at), (one.count(last), &when))
                }
            },
            several => {
                let totals = several.iter().map(|series| (series.shown_name(TITLE_NAME / 3), series.total()));
                let last = self.so_far.then(|| self.bucket_name(self.buckets().saturating_sub(1)));
                self.words().totals(&totals.collect::<Vec<_>>(), last.as_deref())
            }
        }
    }

    /// `1 hit`, `1,234 hits`.
    fn counted(&self, count: i64) -> String {
        self.words().counted(group(count).as_ref(), self.event, count)
    }

    /// `Hits per day`.
    fn per_step(&self) -> String {
        self.words().per_step(self.event, self.step)
    }

    /// Instead of bars and lines, when all counts are zero.
    fn nothing(&self) -> String {
        self.words().nothing(self.event)
    }

    fn words(&self) -> ChartWords {
        ChartWords(self.lang)
    }

    fn when(&self) -> String {
        match self.buckets() {
            0 => String::new(),
            n => {
                let (step, first, last) = (self.step, self.first, self.bucket(n - 1));
                self.words().range(Buckets { step, first, last })
            }
        }
    }

    fn series(&self) -> &'a [Series<'a>] {
        &self.series[..self.series.len().min(MOST_SERIES)]
    }

    fn buckets(&self) -> usize {
        self.series().iter().map(|series| series.counts.len()).max().unwrap_or(0).min(MOST_BUCKETS)
    }

    /// The number of the bucket at an index.
    fn bucket(&self, at: usize) -> i32 {
        self.first.saturating_add(at as i32)
    }

    /// For people: `29 Nov 2026`, or `29 Nov 2026, so far` of the one in progress.
    #[must_use]
    pub fn bucket_name(&self, at: usize) -> String {
        let name = self.words().bucket(self.step, self.bucket(at));
        if self.is_part(at) { self.words().part(&name) } else { name }
    }

    /// Whether the bucket at an index is still in progress.
    fn is_part(&self, at: usize) -> bool {
        self.so_far && at + 1 == self.buckets()
    }

    /// The first of the largest counts, unless all are zero.
    fn peak(&self, series: &Series<'_>) -> Option<(usize, i64)> {
        let most = (0..self.buckets()).map(|at| series.count(at)).max().filter(|&most| most > 0)?;
        (0..self.buckets()).map(|at| (at, series.count(at))).find(|&(_, count)| count == most)
    }
}
