//! How long ago something was, in two languages, and when that text changes.

use super::Lang;
use tallymark_core::Minute;

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
/// After this a date is shown, which never changes again.
const DATED: i64 = 7 * DAY;

/// `5 分钟前 · 5m ago`; after a week, the UTC date. The future is shown as now: the clocks of two machines differ.
pub(super) fn text(then: Minute, now: Minute, lang: Lang) -> String {
    let age = age(then, now);
    let (n, zh, en) = match age {
        ..1 => return lang.say("刚刚", "just now"),
        1..HOUR => (age, "分钟", 'm'),
        HOUR..DAY => (age / HOUR, "小时", 'h'),
        DAY..DATED => (age / DAY, "天", 'd'),
        _ => return then.day().to_string(),
    };
    lang.say(&format!("{n} {zh}前"), &format!("{n}{en} ago"))
}

/// The first minute in which the text changes.
pub(super) fn changes(then: Minute, now: Minute) -> Option<Minute> {
    let age = age(then, now);
    let unit = match age {
        ..HOUR => 1,
        HOUR..DAY => HOUR,
        DAY..DATED => DAY,
        _ => return None,
    };
    let lasts = (age.max(0) / unit + 1) * unit;
    i32::try_from(i64::from(then.0) + lasts).ok().map(Minute)
}

fn age(then: Minute, now: Minute) -> i64 {
    i64::from(now.0) - i64::from(then.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Minute = Minute(29_919_600); // 2026-11-20T12:00Z

    fn at(age: i32) -> Minute {
        Minute(THEN.0 + age)
    }

    #[test]
    fn times_are_told_in_both_languages() {
        for (age, zh, en) in [
            (-5, "刚刚", "just now"),
            (0, "刚刚", "just now"),
            (1, "1 分钟前", "1m ago"),
            (59, "59 分钟前", "59m ago"),
            (60, "1 小时前", "1h ago"),
            (1439, "23 小时前", "23h ago"),
            (1440, "1 天前", "1d ago"),
            (10_079, "6 天前", "6d ago"),
        ] {
            assert_eq!(text(THEN, at(age), Lang::Zh), zh);
            assert_eq!(text(THEN, at(age), Lang::En), en);
            assert_eq!(text(THEN, at(age), Lang::Both), format!("{zh} · {en}"));
        }
        for lang in [Lang::Both, Lang::Zh, Lang::En] {
            assert_eq!(text(THEN, at(10_080), lang), "2026-11-20");
        }
    }

    #[test]
    fn text_changes_exactly_when_it_is_said_to() {
        for age in -3..11_000 {
            let shown = text(THEN, at(age), Lang::Both);
            let Some(due) = changes(THEN, at(age)) else {
                assert_eq!(shown, "2026-11-20");
                continue;
            };
            assert!(due > at(age));
            assert_ne!(text(THEN, due, Lang::Both), shown, "{age}");
            assert_eq!(text(THEN, Minute(due.0 - 1), Lang::Both), shown, "{age}");
        }
    }

    #[test]
    fn ends_of_time_are_no_trouble() {
        for (then, now) in [(i32::MIN, i32::MAX), (i32::MAX, i32::MIN), (i32::MAX, i32::MAX)] {
            text(Minute(then), Minute(now), Lang::Both);
            assert_eq!(changes(Minute(then), Minute(now)), None);
        }
    }
}
