//! The texts of cards, in English and Chinese.

use super::{CardTime, StatsRow};
use crate::number::Format;

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
    /// As an address has it.
    pub const EVERY: [(&str, CardLang); 4] =
        [("en", CardLang::En), ("cn", CardLang::Zh), ("zh", CardLang::Zh), ("zh-cn", CardLang::Zh)];

    fn say(self, en: &str, zh: &str) -> String {
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

    pub(super) fn row(self, row: StatsRow) -> String {
        match row {
            StatsRow::Stars => self.say("Total Stars Earned", "获得的星标总数"),
            StatsRow::Repositories => self.say("Repositories", "仓库"),
            StatsRow::Forks => self.say("Times Forked", "被复刻次数"),
            StatsRow::Followers => self.say("Followers", "关注者"),
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
    pub(super) fn no_languages(self, has_repositories: bool) -> String {
        match has_repositories {
            false => self.say("No public repositories", "没有公开的仓库"),
            true => self.say("No language is known", "没有已知的语言"),
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
            true => self.say(&format!("the last that is known, from {en}"), &format!("最后已知，{zh} UTC")),
        }
    }
}

/// A count as it is shown.
pub(super) fn written(count: u64, numbers: Format) -> String {
    numbers.apply(i64::try_from(count).unwrap_or(i64::MAX)).as_str().to_owned()
}
