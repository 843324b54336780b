//! The texts of panels, in Chinese and English. The texts are snow-trace's.

use super::{Lang, Locality, Panel, Picture, Trace};
use crate::{number, text::Font};
use tallymark_core::{ClientClass, Event};

impl Lang {
    /// A text in this language, or both in one line.
    pub(super) fn say(self, zh: &str, en: &str) -> String {
        match self {
            Lang::Both => format!("{zh} · {en}"),
            Lang::Zh => zh.to_owned(),
            Lang::En => en.to_owned(),
        }
    }

    /// For fonts: a Chinese character has other forms in Japanese.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Lang::Both | Lang::Zh => "zh-Hans",
            Lang::En => "en",
        }
    }

    pub(super) fn heading(self, event: Event) -> String {
        match event {
            Event::LIKE => self.say("心动点赞", "Heartfelt"),
            _ => self.say("路过打卡", "Traces"),
        }
    }

    pub(super) fn latest(self) -> String {
        self.say("最近记录", "Recent records")
    }

    /// In the place of the records of so many.
    pub(super) fn nothing(self, total: i64) -> String {
        if total == 0 {
            self.say("还没有记录", "Nothing yet")
        } else {
            self.say("没有保留记录", "No records kept")
        }
    }

    /// In the place of a number that cannot be read at the moment.
    pub(super) fn counting(self) -> String {
        self.say("暂无数据", "No numbers now")
    }

    /// In the place of records that cannot be read at the moment.
    pub(super) fn later(self) -> String {
        self.say("暂时无法读取，请稍后刷新", "Not available now, reload later")
    }

    /// `1,234 次访问 · 1,234 visits`, as long as there is room for it.
    pub(super) fn count(self, event: Event, total: i64, font: Font, room: u32) -> String {
        let (zh, en) = (if event == Event::LIKE { "次点赞" } else { "次访问" }, event.noun(total));
        self.counted(("", zh), en, total, font, room)
    }

    /// `已有 1,234 人点赞 · 1,234 likes`, as long as there is room for it.
    pub(super) fn likers(self, total: i64, font: Font, room: u32) -> String {
        self.counted(("已有 ", "人点赞"), Event::LIKE.noun(total), total, font, room)
    }

    /// The first form that fits: with the number in both languages, with the number once, in one language, with a
    /// short number.
    fn counted(self, (before, zh): (&str, &str), en: &str, total: i64, font: Font, room: u32) -> String {
        let said = |lang: Lang, n: &str| lang.say(&format!("{before}{n} {zh}"), &format!("{n} {en}"));
        let n = number::group(total);
        let one = if self == Lang::Both { Lang::Zh } else { self };
        let fits = |form: &String| font.width(form) <= room;
        Some(said(self, &n))
            .filter(fits)
            .or_else(|| Some(self.say(&format!("{before}{n} {zh}"), en)).filter(fits))
            .or_else(|| Some(said(one, &n)).filter(fits))
            .unwrap_or_else(|| said(self, &number::short(total)))
    }

    pub(super) fn like(self) -> String {
        self.say("给我点赞", "Give a Like")
    }

    pub(super) fn click(self) -> String {
        format!("{} →", self.say("点击", "Click"))
    }

    /// In one language if there is no room for two: the line above it is English.
    pub(super) fn tagline(self, font: Font, room: u32) -> String {
        let in_lang = |lang: Lang| lang.say("轻量级访客统计徽章", "Lightweight visitor tracking");
        let whole = in_lang(self);
        if font.width(&whole) <= room { whole } else { in_lang(Lang::Zh) }
    }

    /// The credits, with the name that the original has in them, and no other. It has them in English alone, in whatever
    /// language the rest is.
    pub(super) fn powered_by(self) -> &'static str {
        match self {
            Lang::Zh => "由 Visitor Badge 驱动",
            Lang::Both | Lang::En => "Powered by Visitor Badge",
        }
    }

    pub(super) fn view(self) -> String {
        format!("{} →", self.say("查看项目", "View"))
    }

    /// Where a trace came from, or else the class of client. If there is no room for the whole place, the city is cut,
    /// and then left out: the country says more.
    pub(super) fn whence(self, trace: &Trace<'_>, font: Font, room: u32) -> String {
        let whole = match trace.locality {
            Locality { city: "", country: "" } => self.client(trace.class),
            // snow-trace's records have "localhost" as the city there.
            Locality { country: "LOCAL", .. } => "LOCAL".to_owned(),
            Locality { city, country: "" } => city.to_owned(),
            Locality { city: "", country } => country.to_owned(),
            Locality { city, country } => {
                let behind = format!(", {country}");
                let left = room.saturating_sub(font.width(&behind));
                let shown = font.fit(city, left);
                // Two letters and the ellipsis are still a hint.
                match font.width(&shown) <= left && (shown == city || shown.chars().count() > 2) {
                    true => shown + &behind,
                    false => country.to_owned(),
                }
            }
        };
        font.fit(&whole, room)
    }

    fn client(self, class: ClientClass) -> String {
        match class {
            ClientClass::GithubCamo => "GitHub".to_owned(),
            ClientClass::ImageProxy => self.say("图片代理", "proxy"),
            ClientClass::FeedReader => self.say("订阅", "feed"),
            ClientClass::Bot => self.say("机器人", "bot"),
            ClientClass::Program => self.say("程序", "program"),
            ClientClass::Browser => self.say("浏览器", "browser"),
            ClientClass::Unknown => String::new(),
        }
    }
}

/// The title of a picture, in one line.
pub(super) fn title(panel: &Panel<'_>, picture: Picture) -> String {
    let (lang, name) = (panel.options.lang, panel.name);
    let (font, room) = (Font::regular(11), u32::from(u16::MAX));
    let count = |event| lang.count(event, panel.tallied(event).total, font, room);
    let said = match picture {
        Picture::Promo => return format!("{}: {}", lang.powered_by(), lang.tagline(font, room)),
        _ if panel.is_away => lang.counting(),
        Picture::Both => format!("{}, {}", count(Event::VISIT), count(Event::LIKE)),
        Picture::Visits => count(Event::VISIT),
        Picture::Likes | Picture::Button => count(Event::LIKE),
    };
    let said = if !panel.name.is_aggregate() { format!("{name}: {said}") } else { said };
    if picture == Picture::Button { format!("{} ({said})", lang.like()) } else { said }
}
