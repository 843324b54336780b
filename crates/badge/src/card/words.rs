//! The texts of cards, in English and Chinese.

use super::{CardTime, CommitYears, LanguageMeasure, NoLanguages, StatsRow, StreakUnit};
use crate::number::Format;
use tallymark_core::Day;

/// The language of a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CardLang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl CardLang {
    /// The language of a tag, as far as it says no more than which: `zh-tw` is Chinese.
    #[must_use]
    pub fn named(tag: &str) -> Option<CardLang> {
        let language = tag.split(['-', '_']).next().unwrap_or_default();
        match language.to_ascii_lowercase().as_str() {
            "en" => Some(CardLang::En),
            "zh" | "cn" => Some(CardLang::Zh),
            _ => None,
        }
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub fn say(self, en: &str, zh: &str) -> String {
        match self {
            CardLang::En => en.to_owned(),
            CardLang::Zh => zh.to_owned(),
        }
    }

    pub(super) fn stats_of(self, name: &str) -> String {
        let of = if name.ends_with(['s', 'S']) { "'" } else { "'s" };
        self.say(&format!("{name}{of} GitHub Stats"), &format!("{name} 的 GitHub 统计数据"))
    }

    pub(super) fn most_used_languages(self) -> String {
        self.say("Most Used Languages", "最常用的语言")
    }

    /// What a number is called.
    #[must_use]
    pub fn row(self, row: StatsRow) -> String {
        match row {
            StatsRow::Stars => self.say("Total Stars Earned", "获得的星标总数"),
            StatsRow::Repositories => self.say("Repositories", "仓库"),
            StatsRow::Forks => self.say("Times Forked", "被复刻次数"),
            StatsRow::Followers => self.say("Followers", "关注者"),
            StatsRow::Commits(CommitYears::Last) => {
                self.say("Total Commits (last year)", "提交总数（近一年）")
            }
            StatsRow::Commits(CommitYears::All) => self.say("Total Commits", "提交总数"),
            StatsRow::Commits(CommitYears::One(year)) => {
                self.say(&format!("Total Commits ({year})"), &format!("提交总数（{year}）"))
            }
            StatsRow::PullRequests => self.say("Total PRs", "PR 总数"),
            StatsRow::Merged => self.say("Total PRs Merged", "已合并的 PR 总数"),
            StatsRow::MergedShare => self.say("Merged PRs Percentage", "被合并的 PR 占比"),
            StatsRow::Reviews => self.say("Total PRs Reviewed", "审查的 PR 总数"),
            StatsRow::RecentReviews => self.say("PRs Reviewed (last year)", "审查的 PR（近一年）"),
            StatsRow::Issues => self.say("Total Issues", "Issue 总数"),
            StatsRow::Discussions => self.say("Total Discussions Started", "发起的讨论总数"),
            StatsRow::Answers => self.say("Total Discussions Answered", "回答的讨论总数"),
            StatsRow::ContributedTo => self.say("Contributed to (last year)", "参与贡献（近一年）"),
        }
    }

    pub(super) fn rank(self, level: &str, top: &str, parts: &str) -> String {
        let (made, zh_made) = match parts {
            "" => (String::new(), String::new()),
            _ => (format!(", made of {parts}"), format!("，由以下计算：{parts}")),
        };
        self.say(&format!("Rank: {level} (top {top}){made}"), &format!("等级：{level}（前 {top}）{zh_made}"))
    }

    pub(super) fn rank_part(self, row: StatsRow, count: &str, median: &str) -> String {
        let label = self.row(row);
        self.say(
            &format!("{label} {count} (median {median})"),
            &format!("{label} {count}（中位数 {median}）"),
        )
    }

    pub(super) fn top(self) -> String {
        self.say("Top", "前")
    }

    pub(super) fn streak_of(self, name: &str) -> String {
        let of = if name.ends_with(['s', 'S']) { "'" } else { "'s" };
        self.say(&format!("{name}{of} Contributions"), &format!("{name} 的贡献"))
    }

    /// The columns of the card of days in a row.
    pub(super) fn streak_columns(self, unit: StreakUnit) -> [String; 3] {
        let [current, longest] = match unit {
            StreakUnit::Days => [("Current Streak", "当前连续"), ("Longest Streak", "最长连续")],
            StreakUnit::Weeks => [("Week Streak", "当前连续周数"), ("Longest Week Streak", "最长连续周数")],
        };
        [("Total Contributions", "总贡献"), current, longest].map(|(en, zh)| self.say(en, zh))
    }

    /// So many days, or weeks.
    pub(super) fn streak(self, count: &str, unit: StreakUnit) -> String {
        let (en, zh) = match unit {
            StreakUnit::Days => ("day", "天"),
            StreakUnit::Weeks => ("week", "周"),
        };
        let plural = if count == "1" { "" } else { "s" };
        self.say(&format!("{count} {en}{plural}"), &format!("{count} {zh}"))
    }

    /// Days of the week that do not interrupt a streak.
    pub(super) fn days_off(self, days: &[u8]) -> String {
        const NAMES: [(&str, &str); 7] = [
            ("Sun", "周日"),
            ("Mon", "周一"),
            ("Tue", "周二"),
            ("Wed", "周三"),
            ("Thu", "周四"),
            ("Fri", "周五"),
            ("Sat", "周六"),
        ];
        let names = days.iter().filter_map(|day| NAMES.get(usize::from(*day)));
        let (en, zh): (Vec<&str>, Vec<&str>) = names.copied().unzip();
        self.say(&format!("days off: {}", en.join(", ")), &format!("休息日：{}", zh.join("、")))
    }

    pub(super) fn days_of_zone(self, zone: &str) -> String {
        self.say(&format!("days end in {zone}"), &format!("日期以 {zone} 为准"))
    }

    /// A day, with its year if that is needed.
    pub(super) fn date(self, day: Day, with_year: bool) -> String {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (year, month, day) = day.date();
        let name = MONTHS[month as usize - 1];
        match with_year {
            true => self.say(&format!("{day} {name} {year}"), &format!("{year}年{month}月{day}日")),
            false => self.say(&format!("{day} {name}"), &format!("{month}月{day}日")),
        }
    }

    pub(super) fn traffic_of(self, repository: &str) -> String {
        self.say(&format!("Traffic of {repository}"), &format!("{repository} 的流量"))
    }

    /// The columns of the card of a repository's visitors.
    pub(super) fn traffic_columns(self) -> [String; 3] {
        [("Views", "浏览"), ("Visitors", "访客"), ("Clones", "克隆")].map(|(en, zh)| self.say(en, zh))
    }

    pub(super) fn visitors_by_day(self) -> String {
        self.say("visitors are added up by day", "访客按天累加")
    }

    pub(super) fn coming(self) -> String {
        self.say("Statistics are on their way", "统计数据稍后显示")
    }

    pub(super) fn present(self) -> String {
        self.say("today", "今天")
    }

    pub(super) fn measured_by(self, measure: LanguageMeasure) -> String {
        match measure {
            LanguageMeasure::Repositories => self.say("by repositories", "按仓库数"),
            LanguageMeasure::Bytes => self.say("by size of code", "按代码量"),
            LanguageMeasure::Both => self.say("by code and repositories", "按代码量和仓库数"),
        }
    }

    pub(super) fn split(self, originals: u64, forked: u64, numbers: Format) -> String {
        let (originals, forked) = (written(originals, numbers), written(forked, numbers));
        self.say(
            &format!("{originals} original, {forked} forked"),
            &format!("{originals} 原创，{forked} 复刻"),
        )
    }

    pub(super) fn other(self) -> String {
        self.say("Other", "其他")
    }

    /// Why there are no languages.
    pub(super) fn no_languages(self, why: NoLanguages) -> String {
        match why {
            NoLanguages::NoRepositories => self.say("No public repositories", "没有公开的仓库"),
            NoLanguages::Unknown => self.say("No language is known", "没有已知的语言"),
            NoLanguages::Hidden => self.say("All languages are hidden", "所有语言都已隐藏"),
        }
    }

    pub(super) fn archived(self) -> String {
        self.say("Archived", "已归档")
    }

    pub(super) fn fork(self) -> String {
        self.say("Fork", "复刻")
    }

    pub(super) fn no_description(self) -> String {
        self.say("No description provided", "没有描述")
    }

    pub(super) fn time(self, CardTime { at, is_old }: CardTime) -> String {
        let (en, zh) = (at.spelled().to_string(), at.readable().to_string());
        match is_old {
            false => self.say(&format!("as of {en}"), &format!("截至 {zh} UTC")),
            true => self.say(&format!("last known on {en}"), &format!("最后已知，{zh} UTC")),
        }
    }
}

/// A count as it is shown where there is room for all of it; else it is short, which says more than one that is cut.
pub(super) fn written_within(count: u64, numbers: Format, fits: impl Fn(&str) -> bool) -> String {
    let whole = written(count, numbers);
    if fits(&whole) { whole } else { written(count, Format::Short) }
}

/// A count as it is shown.
pub(super) fn written(count: u64, numbers: Format) -> String {
    numbers.apply(i64::try_from(count).unwrap_or(i64::MAX)).as_str().to_owned()
}
