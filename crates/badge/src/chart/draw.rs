//! A chart as SVG. Lengths are tenths of a pixel.

use super::{
    Chart, Series, axis,
    scale::{AxisScale, Scale},
    style::{ChartTheme, Sheet},
};
use crate::{
    number::{group, short, short_size},
    px::Px,
    text::{Font, XmlText, has_joined_letters},
};
use std::cmp::Reverse;
use std::{
    fmt::{self, Display, Formatter},
    ops::Range,
};

/// Padding on every side, in pixels.
const MARGIN: u32 = 20;
/// Height of the area for bars and lines.
const PLOT: u32 = 170;
/// Height of a row of the legend.
const ROW: u32 = 20;
/// Baseline of the first row of the legend, or where the plot begins without one.
const BELOW_HEAD: u32 = 78;
/// Space under the plot, for dates.
const FOOT: u32 = 36;
/// Widest bar.
const WIDEST_BAR: u32 = 440;
/// Below this distance, bars look like a fence: one area is calmer.
const NARROWEST_SLOT: u32 = 40;
/// The same for the dots of a line.
const NARROWEST_DOTTED: u32 = 100;
/// The class of the bar or line of the bucket in progress.
const PART: &str = " tm-part";
/// Room for the words over a logarithmic axis.
const BELOW_WORD: u32 = 14;
/// The mark that ends a run of letters to the left.
const LEFT_TO_RIGHT: &str = "&#8206;";
/// Where a bar or line is broken that goes beyond the plot, below its top, and how far the mark reaches to its sides.
const BREAK: u32 = 140;
const BESIDE: u32 = 30;
/// Widest name in a tooltip.
const TOOLTIP_NAME: u32 = 100;
/// Maximum number of tooltip lines in a chart of several series, so that no name makes the picture large.
const MOST_TOOLTIPS: usize = 400;

/// Width of a text at 11 px, in pixels.
fn width(text: &str) -> u32 {
    SMALL.width(text)
}

/// The name of a chart, and its total.
const TITLE: Font = Font::bold(14);
/// Everything else.
const SMALL: Font = Font::regular(11);

/// One name of the legend and its position.
struct LegendEntry {
    x: u32,
    y: u32,
    name: String,
    total: String,
}

/// A chart with everything in its place.
pub(super) struct Drawing<'a> {
    chart: &'a Chart<'a>,
    theme: ChartTheme,
    series: &'a [Series<'a>],
    buckets: usize,
    scale: Option<Scale>,
    legend: Vec<LegendEntry>,
    width: u32,
    height: u32,
    /// The plot, in tenths.
    left: u32,
    top: u32,
    wide: u32,
}

impl<'a> Drawing<'a> {
    pub(super) fn of(chart: &'a Chart<'a>) -> Drawing<'a> {
        let width = chart.width.clamp(*super::WIDTHS.start(), *super::WIDTHS.end());
        let (series, buckets) = (chart.series(), chart.buckets());
        let counts = series.iter().flat_map(|series| (0..buckets).map(|at| series.count(at)));
        let scale = Scale::of(chart.scale, counts);
        let legend = if chart.legend && series.len() > 1 { legend(series, width) } else { Vec::new() };
        let is_told = scale.is_some() && chart.scale == AxisScale::Log;
        let top = legend.last().map_or(BELOW_HEAD, |last| last.y + 26) + if is_told { BELOW_WORD } else { 0 };
        let labels = scale.into_iter().flat_map(Scale::lines).map(|line| self::width(&short_size(line)));
        // Room for a wider font than the one that was measured.
        let left = MARGIN + labels.max().map_or(0, |widest| widest * 6 / 5 + 9);
        let wide = (width - MARGIN - left) * 10;
        let height = top + PLOT + FOOT;
        Drawing {
            chart,
            theme: ChartTheme::Auto,
            series,
            buckets,
            scale,
            legend,
            width,
            height,
            left: left * 10,
            top: top * 10,
            wide,
        }
    }

    /// The same in the colours of a theme.
    pub(super) fn themed(self, theme: ChartTheme) -> Drawing<'a> {
        Drawing { theme, ..self }
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub(super) fn plot(&self) -> [u32; 4] {
        [self.left / 10, self.top / 10, self.wide / 10, PLOT]
    }

    /// Left edge of a bucket, and of the one after the last.
    fn edge(&self, at: usize) -> u32 {
        self.left + (u64::from(self.wide) * at as u64 / self.buckets.max(1) as u64) as u32
    }

    fn middle(&self, at: usize) -> u32 {
        (self.edge(at) + self.edge(at + 1)) / 2
    }

    fn bottom(&self) -> u32 {
        self.top + PLOT * 10
    }

    fn y(&self, scale: Scale, count: i64) -> u32 {
        self.bottom() - scale.height(count, PLOT * 10)
    }

    fn head(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Drawing { width, height, .. } = self;
        // Half a pixel in, so that the frame is one sharp line.
        write!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
             <title>{}</title>\n<desc>{}</desc>\n<style>{}</style>\n\
             <rect class=\"tm-ground\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n\
             <g font-family=\"DejaVu Sans,Verdana,Geneva,sans-serif\" font-size=\"11\" \
             text-rendering=\"geometricPrecision\">\n",
            XmlText(&self.chart.title()),
            XmlText(&self.chart.description()),
            Sheet(self.theme),
            width - 1,
            height - 1,
        )
    }

    /// Two lines: the name and the total; the period and the largest count.
    fn caption(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let right = self.width - MARGIN;
        let (name, total) = match self.series {
            [one] => (one.name.to_owned(), self.total(one.total(), (right - MARGIN) / 2)),
            _ => (self.chart.per_step(), String::new()),
        };
        let room = (right - MARGIN).saturating_sub(TITLE.width(&total) + 16);
        write!(
            f,
            "<g class=\"tm-text\" font-size=\"14\" font-weight=\"bold\">\n<text x=\"{MARGIN}\" y=\"34\">{}</text>\n",
            XmlText(&TITLE.fit_name(&name, room))
        )?;
        if !total.is_empty() {
            writeln!(f, "<text x=\"{right}\" y=\"34\" text-anchor=\"end\">{total}</text>")?;
        }
        f.write_str("</g>\n<g class=\"tm-soft\">\n")?;
        let when = self.chart.when();
        let when = when + self.chart.words().utc();
        if self.buckets > 0 {
            writeln!(f, "<text x=\"{MARGIN}\" y=\"54\">{when}</text>")?;
        }
        if let ([one], true) = (self.series, self.buckets > 1) {
            self.most(f, one, (right - MARGIN).saturating_sub(self::width(&when) * 6 / 5))?;
        }
        f.write_str("</g>\n")
    }

    /// The total with its noun; in short if it would leave too little room for the name.
    fn total(&self, total: i64, room: u32) -> String {
        let whole = self.chart.counted(total);
        if TITLE.width(&whole) <= room {
            return whole;
        }
        self.chart.words().counted(short(total).as_ref(), self.chart.event, total)
    }

    /// The largest count, if there is room for it next to the dates.
    fn most(&self, f: &mut Formatter<'_>, one: &Series<'_>, room: u32) -> fmt::Result {
        let Some((at, most)) = self.chart.peak(one) else { return Ok(()) };
        let text = self.chart.words().peak(self.chart.step, self.chart.bucket(at), most);
        if self::width(&text) * 6 / 5 + 16 > room {
            return Ok(());
        }
        writeln!(f, "<text x=\"{}\" y=\"54\" text-anchor=\"end\">{text}</text>", self.width - MARGIN)
    }

    fn names(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, entry) in self.legend.iter().enumerate() {
            let LegendEntry { x, y, name, total } = entry;
            let (line, start) = (x + 1, x + 22);
            // A number would join letters that run to the left, and be drawn over them.
            let end = if has_joined_letters(name) { LEFT_TO_RIGHT } else { "" };
            writeln!(
                f,
                "<path class=\"tm-line tm-{i}\" d=\"M{line} {}h14\"/>\n<text class=\"tm-text\" x=\"{start}\" y=\"{y}\">{}{end}\
                 <tspan class=\"tm-soft\" dx=\"6\">{total}</tspan></text>",
                y - 4,
                XmlText(name),
            )?;
        }
        Ok(())
    }

    fn grid(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lines = self.scale.map_or_else(|| vec![0], Scale::lines);
        if self.scale.is_some() && self.chart.scale == AxisScale::Log {
            writeln!(
                f,
                "<text class=\"tm-soft\" x=\"{MARGIN}\" y=\"{}\">{}</text>",
                self.top / 10 - 16,
                self.chart.words().logarithmic()
            )?;
        }
        f.write_str("<g class=\"tm-soft\" text-anchor=\"end\">\n")?;
        for line in lines {
            // On the half pixel, or a thin line becomes two grey ones.
            let high = self.scale.map_or(0, |scale| scale.height_of(line, PLOT * 10));
            let y = (self.bottom() - high) / 10;
            let axis = if line == 0 { " tm-axis" } else { "" };
            writeln!(f, "<path class=\"tm-grid{axis}\" d=\"M{} {y}.5h{}\"/>", Px(self.left), Px(self.wide))?;
            if self.scale.is_some() {
                writeln!(
                    f,
                    "<text x=\"{}\" y=\"{}\">{}</text>",
                    self.left / 10 - 8,
                    y + 4,
                    short_size(line)
                )?;
            }
        }
        f.write_str("</g>\n")
    }

    fn dates(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let step = self.chart.step;
        let words = self.chart.words();
        let room = u64::from(words.between_dates(step)) * 10 * self.buckets as u64;
        let fits = |stride: i32| u64::from(self.wide) * stride as u64 >= room;
        let Some(&stride) = axis::strides(step).iter().find(|&&stride| fits(stride)) else { return Ok(()) };
        let last = self.chart.bucket(self.buckets.saturating_sub(1));
        f.write_str("<g class=\"tm-soft\" text-anchor=\"middle\">\n")?;
        for at in 0..self.buckets {
            let bucket = self.chart.bucket(at);
            if !axis::is_labelled(step, bucket, last, stride) {
                continue;
            }
            let text = words.axis(step, bucket);
            // With a wide font, a date at the edge would not fit in the picture, so it is moved inwards a little.
            let room = self::width(&text) * 6 + 100;
            // The last one also ends with the axis.
            let end = (self.left + self.wide).saturating_sub(self::width(&text) * 5);
            let middle = self.middle(at).min(end).clamp(room, self.width * 10 - room);
            writeln!(f, "<text x=\"{}\" y=\"{}\">{text}</text>", Px(middle), self.height - 15)?;
        }
        f.write_str("</g>\n")
    }

    /// Above the bar or the lines of the bucket in progress, that it is; and above its neighbours, where the text is wider.
    /// It ends with the plot, and is above it if they are as high.
    fn so_far(&self, f: &mut Formatter<'_>, scale: Scale) -> fmt::Result {
        let Some(last) = self.buckets.checked_sub(1).filter(|_| self.chart.so_far) else { return Ok(()) };
        let so_far = self.chart.words().so_far();
        let half = width(so_far) * 5;
        let reached =
            |x: u32| (0..last).rev().take_while(move |&at| self.edge(at + 1) > x.saturating_sub(half + 10));
        let passes = |at: usize| scale.is_passed_by(self.most_at(at));
        let end = self.middle(last).min(self.left + self.wide - half);
        // Beside a broken neighbour, as far from it as the picture is wide.
        let x = if reached(end).any(passes) { self.within(last, so_far) } else { end };
        let height = |at: usize| scale.height(self.most_at(at), PLOT * 10);
        let high = reached(x).filter(|&at| !passes(at)).map(height).fold(height(last), u32::max);
        // Where the count of a break is, below the break.
        let y = if passes(last) { self.top + BREAK + 170 } else { self.bottom() - high - 80 };
        self.word(f, (x, y), so_far)
    }

    /// The largest count of a bucket.
    fn most_at(&self, at: usize) -> i64 {
        self.series.iter().map(|series| series.count(at)).max().unwrap_or(0)
    }

    /// A text over a bucket.
    fn word(&self, f: &mut Formatter<'_>, (middle, y): (u32, u32), text: &str) -> fmt::Result {
        let (x, y) = (Px(middle), Px(y));
        writeln!(
            f,
            "<text class=\"tm-soft tm-halo\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{text}</text>"
        )
    }

    /// The middle of a text above a bucket, moved inwards if the text would leave the picture.
    fn within(&self, at: usize, text: &str) -> u32 {
        let room = width(text) * 6 + MARGIN * 5;
        self.middle(at).clamp(room, self.width * 10 - room)
    }

    /// What goes beyond the plot is broken below its top, with its count above. Neighbours on a line have one mark. Answers
    /// whether it said that the last one is in progress.
    fn broken(&self, f: &mut Formatter<'_>, scale: Scale, bars: bool) -> Result<bool, fmt::Error> {
        let passes = |at: usize| scale.is_passed_by(self.most_at(at));
        let (mut at, mut peaks) = (0, Vec::new());
        while at < self.buckets {
            let first = at;
            at += 1;
            if !passes(first) {
                continue;
            }
            while !bars && at < self.buckets && passes(at) {
                at += 1;
            }
            let slot = self.edge(first + 1) - self.edge(first);
            let half = BESIDE + if bars { (slot * 7 / 10).min(WIDEST_BAR) / 2 } else { slot / 5 };
            let (left, right, y) = (self.middle(first) - half, self.middle(at - 1) + half, self.top + BREAK);
            let (low, high) = (Px(y + 30), Px(y - 30));
            let (left, right) = (Px(left), Px(right));
            writeln!(
                f,
                "<path class=\"tm-break\" d=\"M{left} {low}L{right} {high}v4L{left} {}z\"/>",
                Px(y + 70)
            )?;
            // The first of the largest.
            peaks.push((first..at).rev().max_by_key(|&at| self.most_at(at)).unwrap_or(first));
        }
        self.counts_of_breaks(f, peaks)
    }

    /// The counts above breaks, the largest first: one that would be drawn over another is in its tooltip. Answers whether
    /// it said that the last one is in progress.
    fn counts_of_breaks(&self, f: &mut Formatter<'_>, mut peaks: Vec<usize>) -> Result<bool, fmt::Error> {
        peaks.sort_by_key(|&at| Reverse(self.most_at(at)));
        let (mut told, mut taken): (bool, Vec<(u32, u32)>) = (false, Vec::new());
        for peak in peaks {
            let count = self.most_at(peak);
            let text = if count < 1_000_000 { group(count) } else { short(count) };
            let is_last = self.chart.is_part(peak);
            let text =
                if is_last { format!("{text} {}", self.chart.words().so_far()) } else { text.to_string() };
            let (middle, half) = (self.within(peak, &text), width(&text) * 6);
            let end = (self.left + self.wide).saturating_sub(half);
            let middle = if is_last { middle.min(end) } else { middle };
            let (from, to) = (middle.saturating_sub(half), middle + half);
            if taken.iter().all(|&(left, right)| to + 40 <= left || right + 40 <= from) {
                taken.push((from, to));
                self.word(f, (middle, self.top - 50), &text)?;
                told |= is_last;
            }
        }
        Ok(told)
    }

    /// Bars, an area, or lines; first the areas for tooltips.
    fn counts(&self, f: &mut Formatter<'_>, scale: Scale) -> fmt::Result {
        let has_room = |slot: u32| self.wide >= slot * self.buckets as u32;
        // Of a bar and an area the size is read, which says nothing there: a line.
        let log = self.chart.scale == AxisScale::Log;
        let bars = self.series.len() == 1 && has_room(NARROWEST_SLOT) && !log;
        match self.series {
            [one] if bars => self.bars(f, one, scale)?,
            [one] => {
                self.spots(f)?;
                match log {
                    true => self.line(f, 0, one, scale)?,
                    false => self.area(f, one, scale)?,
                }
                if log && has_room(NARROWEST_DOTTED) {
                    self.dots(f, one, scale)?;
                }
            }
            several => {
                if several.len() * self.buckets <= MOST_TOOLTIPS {
                    self.spots(f)?;
                }
                // The first is drawn last, on top: it is the main one.
                let mut lines = several.iter().enumerate().rev();
                lines.try_for_each(|(i, series)| self.line(f, i, series, scale))?;
            }
        }
        match self.broken(f, scale, bars)? {
            true => Ok(()),
            false => self.so_far(f, scale),
        }
    }

    fn spot(&self, f: &mut Formatter<'_>, at: usize) -> fmt::Result {
        write!(f, "<g><title>{}", self.chart.bucket_name(at))?;
        match self.series {
            [one] => write!(f, "{}{}", self.chart.words().colon(), self.chart.counted(one.count(at)))?,
            several => {
                for series in several {
                    write!(
                        f,
                        "\n{}: {}",
                        XmlText(&SMALL.fit_name(series.name, TOOLTIP_NAME)),
                        group(series.count(at))
                    )?;
                }
            }
        }
        let (left, right) = (self.edge(at), self.edge(at + 1));
        write!(
            f,
            "</title><path class=\"tm-spot\" d=\"M{} {}h{}v{PLOT}H{}z\"/>",
            Px(left),
            Px(self.top),
            Px(right - left),
            Px(left)
        )
    }

    fn spots(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (0..self.buckets).try_for_each(|at| {
            self.spot(f, at)?;
            f.write_str("</g>\n")
        })
    }

    fn bars(&self, f: &mut Formatter<'_>, one: &Series<'_>, scale: Scale) -> fmt::Result {
        for at in 0..self.buckets {
            self.spot(f, at)?;
            let count = one.count(at);
            if count > 0 {
                let slot = self.edge(at + 1) - self.edge(at);
                let wide = (slot * 7 / 10).min(WIDEST_BAR);
                // One hit next to a million is still visible.
                let high = scale.height(count, PLOT * 10).max(10);
                let (left, bottom) = (self.middle(at) - wide / 2, self.bottom());
                let round = (wide / 4).min(high).min(20);
                let (flat, r) = (wide - 2 * round, Px(round));
                write!(
                    f,
                    "<path class=\"tm-bar{}\" d=\"M{} {}V{}q0-{r} {r}-{r}h{}q{r} 0 {r} {r}V{}z\"/>",
                    if self.chart.is_part(at) { PART } else { "" },
                    Px(left),
                    Px(bottom),
                    Px(bottom - high + round),
                    Px(flat),
                    Px(bottom),
                )?;
            }
            f.write_str("</g>\n")?;
        }
        Ok(())
    }

    fn area(&self, f: &mut Formatter<'_>, one: &Series<'_>, scale: Scale) -> fmt::Result {
        let (first, last) = (self.middle(0), self.middle(self.buckets - 1));
        write!(f, "<path class=\"tm-bar tm-area\" d=\"M{} {}", Px(first), Px(self.bottom()))?;
        self.points(f, one, scale, 'L', 0..self.buckets)?;
        writeln!(f, "V{}H{}z\"/>", Px(self.bottom()), Px(last.min(first)))?;
        self.line(f, 0, one, scale)
    }

    fn line(&self, f: &mut Formatter<'_>, i: usize, series: &Series<'_>, scale: Scale) -> fmt::Result {
        let Some(last) = self.buckets.checked_sub(1) else { return Ok(()) };
        // What leads to a part of a count is no trend: it is dashed.
        let whole = if self.chart.so_far { last } else { self.buckets };
        for (class, points) in [("", 0..whole), (PART, whole.saturating_sub(1)..self.buckets)] {
            if points.len() > 1 {
                write!(f, "<path class=\"tm-line tm-{i}{class}\" d=\"")?;
                self.points(f, series, scale, 'M', points)?;
                f.write_str("\"/>\n")?;
            }
        }
        let (x, y) = (self.middle(last), self.y(scale, series.count(last)));
        writeln!(f, "<circle class=\"tm-dot tm-{i}\" cx=\"{}\" cy=\"{}\" r=\"3.5\"/>", Px(x), Px(y))
    }

    /// The counts of a line of few buckets.
    fn dots(&self, f: &mut Formatter<'_>, one: &Series<'_>, scale: Scale) -> fmt::Result {
        for at in 0..self.buckets.saturating_sub(1) {
            let (x, y) = (self.middle(at), self.y(scale, one.count(at)));
            writeln!(f, "<circle class=\"tm-dot tm-0\" cx=\"{}\" cy=\"{}\" r=\"2\"/>", Px(x), Px(y))?;
        }
        Ok(())
    }

    fn points(
        &self,
        f: &mut Formatter<'_>,
        series: &Series<'_>,
        scale: Scale,
        start: char,
        points: Range<usize>,
    ) -> fmt::Result {
        for at in points.clone() {
            let command = if at == points.start { start } else { 'L' };
            write!(f, "{command}{} {}", Px(self.middle(at)), Px(self.y(scale, series.count(at))))?;
        }
        Ok(())
    }
}

impl Display for Drawing<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.caption(f)?;
        self.names(f)?;
        self.grid(f)?;
        self.dates(f)?;
        match self.scale {
            Some(scale) => self.counts(f, scale)?,
            None => writeln!(
                f,
                "<text class=\"tm-soft\" x=\"{}\" y=\"{}\" font-size=\"13\" text-anchor=\"middle\">{}</text>",
                self.width / 2,
                self.top / 10 + PLOT / 2,
                self.chart.nothing(),
            )?,
        }
        f.write_str("</g>\n</svg>\n")
    }
}

/// Names side by side as far as they fit, then in the next row.
fn legend(series: &[Series<'_>], width: u32) -> Vec<LegendEntry> {
    let (mut x, mut y) = (MARGIN, BELOW_HEAD);
    let mut entries = Vec::with_capacity(series.len());
    for series in series {
        let total = short(series.total()).to_string();
        // A row of its own, if it must be.
        let room = (width - 2 * MARGIN - 28) * 5 / 6;
        let name = SMALL.fit_name(series.name, room.saturating_sub(self::width(&total)));
        let wide = 22 + (self::width(&name) + self::width(&total)) * 6 / 5 + 6;
        if x > MARGIN && x + wide > width - MARGIN {
            (x, y) = (MARGIN, y + ROW);
        }
        entries.push(LegendEntry { x, y, name, total });
        x += wide + 18;
    }
    entries
}
