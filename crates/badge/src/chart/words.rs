//! What a chart says in each language: nouns, dates and the texts in the picture. The pages say the same words.

use crate::{number::group, panel::Lang};
use tallymark_core::{Buckets, Event, Minute, Month, Step};

/// Chinese, and English for any other language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChartWords(pub Lang);

impl ChartWords {
    fn is_chinese(self) -> bool {
        self.0 == Lang::Zh
    }

    fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        if self.is_chinese() { chinese } else { english }
    }

    /// The word for so many of an event.
    #[must_use]
    pub fn noun(self, event: Event, count: i64) -> String {
        let chinese = event.chinese_noun().filter(|_| self.is_chinese());
        chinese.unwrap_or(event.noun(count)).to_owned()
    }

    /// A bucket with its year.
    #[must_use]
    pub fn bucket(self, step: Step, bucket: i32) -> String {
        if !self.is_chinese() {
            return step.name(bucket);
        }
        let (year, month, _) = step.begin(bucket).day().date();
        match step {
            Step::Month => format!("{year}年{month}月"),
            _ => format!("{year}年{}", self.short(step, bucket)),
        }
    }

    /// A bucket where the year is known.
    pub(super) fn short(self, step: Step, bucket: i32) -> String {
        if !self.is_chinese() {
            return step.short_name(bucket);
        }
        let begin = step.begin(bucket);
        let (year, month, day) = begin.day().date();
        match step {
            Step::Month => format!("{year}年{month}月"),
            Step::Day => format!("{month}月{day}日"),
            Step::Minute | Step::Hour => format!("{month}月{day}日 {}", of_day(begin)),
        }
    }

    /// A bucket under the axis.
    pub(super) fn axis(self, step: Step, bucket: i32) -> String {
        let begin = step.begin(bucket);
        let (year, month, day) = begin.day().date();
        match step {
            _ if !self.is_chinese() => step.axis_name(bucket),
            Step::Minute => of_day(begin),
            Step::Hour if begin.0.rem_euclid(1440) != 0 => of_day(begin),
            Step::Hour | Step::Day => format!("{month}月{day}日"),
            Step::Month if Month(bucket).date().1 == 1 => format!("{year}年"),
            Step::Month => format!("{month}月"),
        }
    }

    /// The least distance between the middles of two texts under the axis, in pixels.
    pub(super) fn between_dates(self, step: Step) -> u32 {
        if self.is_chinese() && matches!(step, Step::Hour | Step::Day) { 88 } else { 62 }
    }

    /// Behind dates and times.
    pub(super) fn utc(self) -> &'static str {
        self.pick(" (UTC)", "（UTC）")
    }

    /// From the first bucket to the last.
    #[must_use]
    pub fn range(self, buckets: Buckets) -> String {
        let Buckets { step, first, last } = buckets;
        if !self.is_chinese() {
            return buckets.name();
        }
        if first >= last {
            return self.bucket(step, last);
        }
        let year = |bucket| step.begin(bucket).day().date().0;
        let to = match step {
            Step::Month if year(first) == year(last) => format!("{}月", Month(last).date().1),
            _ if year(first) == year(last) => self.short(step, last),
            _ => self.bucket(step, last),
        };
        format!("{}至{to}", self.bucket(step, first))
    }

    /// `1,234 hits`
    pub(super) fn counted(self, number: &str, event: Event, count: i64) -> String {
        let noun = self.noun(event, count);
        if self.is_chinese() { format!("{noun} {number}") } else { format!("{number} {noun}") }
    }

    /// `Hits per day`
    pub(super) fn per_step(self, event: Event, step: Step) -> String {
        let mut noun = self.noun(event, 0);
        if !self.is_chinese() {
            noun[..1].make_ascii_uppercase();
            return format!("{noun} per {}", step.word());
        }
        let each = match step {
            Step::Minute => "每分钟",
            Step::Hour => "每小时",
            Step::Day => "每日",
            Step::Month => "每月",
        };
        // A word of the site's own stays as it is.
        format!("{each}{}{noun}", if noun.is_ascii() { " " } else { "" })
    }

    /// In place of bars and lines.
    pub(super) fn nothing(self, event: Event) -> String {
        let noun = self.noun(event, 0);
        match self.is_chinese() {
            true => format!("此期间没有{}{noun}", if noun.is_ascii() { " " } else { "" }),
            false => format!("No {noun} in this period"),
        }
    }

    pub(super) fn nothing_to_show(self) -> &'static str {
        self.pick("Nothing to show", "没有可显示的内容")
    }

    /// The largest count, and when that was.
    pub(super) fn peak(self, step: Step, bucket: i32, most: i64) -> String {
        let at = self.short(step, bucket);
        match self.is_chinese() {
            true => format!("峰值：{}（{at}）", group(most)),
            false => format!("peak: {} {} {at}", group(most), if step == Step::Month { "in" } else { "on" }),
        }
    }

    /// What is written over the bucket in progress.
    pub(super) fn so_far(self) -> &'static str {
        self.pick("so far", "至今")
    }

    /// Its name.
    pub(super) fn part(self, name: &str) -> String {
        if self.is_chinese() { format!("{name}，截至目前") } else { format!("{name}, so far") }
    }

    /// What is written over an axis that is one.
    pub(super) fn logarithmic(self) -> &'static str {
        self.pick("logarithmic scale", "对数刻度")
    }

    /// The same as a sentence.
    pub(super) fn is_logarithmic(self) -> &'static str {
        self.pick(" The scale is logarithmic.", "刻度为对数。")
    }

    /// Between a name and what is said of it.
    pub(super) fn colon(self) -> &'static str {
        self.pick(": ", "：")
    }

    /// Between two of a list.
    pub(super) fn comma(self) -> &'static str {
        self.pick(", ", "，")
    }

    /// At the end of a sentence.
    #[must_use]
    pub fn stop(self) -> &'static str {
        self.pick(".", "。")
    }

    /// Names with their numbers.
    pub(super) fn of(self, what: &str, names: &str) -> String {
        if self.is_chinese() { format!("{names}：{what}") } else { format!("{what} of {names}") }
    }

    /// What one name has, for people who do not see the picture.
    pub(super) fn described(self, per_step: &str, most: (i64, &str), last: (i64, &str)) -> String {
        let [(most, at), (last, when)] = [most, last];
        let (most, last) = (group(most), group(last));
        match self.is_chinese() {
            true => format!("{per_step}（UTC）。最多：{most}，{at}。最近：{last}，{when}。"),
            false => format!("{per_step} (UTC). Most: {most}, {at}. Last: {last}, {when}."),
        }
    }

    /// What several names have.
    pub(super) fn totals(self, totals: &[(String, i64)], last: Option<&str>) -> String {
        let (blank, colon, stop) = (self.pick(" ", ""), self.colon(), self.stop());
        let one = |what: &str, said: &str| format!("{blank}{what}{colon}{said}{stop}");
        let each = totals.iter().map(|(name, total)| one(name, &group(*total)));
        let each: String = each.chain(last.map(|last| one(self.pick("Last", "最近"), last))).collect();
        format!("{}{each}", self.pick("Totals:", "合计："))
    }
}

fn of_day(minute: Minute) -> String {
    let of_day = minute.0.rem_euclid(1440);
    format!("{:02}:{:02}", of_day / 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZH: ChartWords = ChartWords(Lang::Zh);

    #[test]
    fn a_range_names_the_year_once() {
        let range = |step, first, last| ZH.range(Buckets { step, first, last });
        assert_eq!(range(Step::Day, 20_748, 20_777), "2026年10月22日至11月20日");
        assert_eq!(range(Step::Day, 20_452, 20_455), "2025年12月30日至2026年1月2日");
        assert_eq!(range(Step::Month, 0, 3), "1970年1月至4月");
        assert_eq!(range(Step::Hour, 0, 25), "1970年1月1日 00:00至1月2日 01:00");
        assert_eq!(range(Step::Day, 5, 5), "1970年1月6日");
    }

    #[test]
    fn texts_under_the_axis_are_short() {
        assert_eq!([0, 1, 24].map(|hour| ZH.axis(Step::Hour, hour)), ["1月1日", "01:00", "1月2日"]);
        assert_eq!([0, 1, 12].map(|month| ZH.axis(Step::Month, month)), ["1970年", "2月", "1971年"]);
    }

    #[test]
    fn a_word_of_the_site_stays_as_it_is() {
        let own = Event::new(b"download").unwrap();
        assert_eq!(ZH.per_step(own, Step::Day), "每日 download");
        assert_eq!(ZH.per_step(Event::HIT, Step::Hour), "每小时浏览");
        assert_eq!(ZH.counted("1,234", Event::HIT, 1234), "浏览 1,234");
    }
}
