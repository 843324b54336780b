//! Why something cannot be shown, in Chinese. Reasons come from where values are read, also from other crates, and are
//! told to programs too; so they are English texts until a page shows one. A reason may have another in it.

use super::language::{of_request, put_in};
use tallymark_badge::panel::Lang;

/// English, where each `{}` is any text, and Chinese.
#[rustfmt::skip]
pub(super) const REASONS: &[(&str, &str)] = &[
    ("This cannot be shown: {}.", "无法显示：{}。"),
    ("This cannot be counted: {}.", "无法统计：{}。"),
    ("There is nothing at this address. {}.", "此地址没有内容。{}。"),
    ("Badges are at `/badge.svg?repo=OWNER/REPO` and `/badge/NAME.svg`", "徽章位于 `/badge.svg?repo=OWNER/REPO` 和 `/badge/NAME.svg`"),
    ("Badges are at `/badge/NAME.svg`, and counts at `/badge/NAME.json`", "徽章位于 `/badge/NAME.svg`，数字位于 `/badge/NAME.json`"),
    ("Charts are at `/graph/NAME.svg`", "图表位于 `/graph/NAME.svg`"),
    ("Feeds are at `/feed.atom` and `/feed/NAME.atom`", "订阅源位于 `/feed.atom` 和 `/feed/NAME.atom`"),
    ("Milestones and spikes are not looked for here: `[[notify]]` in the configuration turns that on, `tallymark help notify`", "此处未启用里程碑与激增检测：在配置中添加 `[[notify]]` 即可启用，见 `tallymark help notify`"),
    ("No `[[notify]]` of the configuration is about this name: `tallymark help notify`", "配置中没有涉及此名称的 `[[notify]]`：见 `tallymark help notify`"),
    ("This is how {} names badges. To serve this address, set `{} = true` under `[compat]`: `tallymark help moving`", "这是 {} 的徽章地址。要提供此地址，请在 `[compat]` 下设置 `{} = true`：见 `tallymark help moving`"),
    ("There is no login here: `visibility` under [http] is not \"token\".", "此处无需登录：[http] 下的 `visibility` 不是 \"token\"。"),
    ("the name is empty", "名称为空"),
    ("the name is too long: it has {} bytes in escaped form (%XX for each byte that is not plain ASCII), and {} are allowed", "名称过长：转义后有 {} 字节（非 ASCII 字节每个写作 %XX），最多允许 {} 字节"),
    ("the name is too long: it has {} bytes, and {} are allowed", "名称过长：有 {} 字节，最多允许 {} 字节"),
    ("the name is not UTF-8", "名称不是 UTF-8"),
    ("the name has a control character", "名称含有控制字符"),
    ("a name cannot begin with ~ or be a lone -", "名称不能以 ~ 开头，也不能只是一个 -"),
    ("a name with an empty part, . or .. has no panel: use /badge.svg?repo=NAME", "含有空的部分、. 或 .. 的名称没有面板：请使用 /badge.svg?repo=NAME"),
    ("an event is 1 to 32 of a-z, 0-9, _ and -", "事件由 1 到 32 个 a-z、0-9、_ 和 - 组成"),
    ("event={} was never counted: use {}", "event={} 从未统计过：可用 {}"),
    ("period is 24h, 7d, 30d, 90d, 12mo or all", "period 可为 24h、7d、30d、90d、12mo 或 all"),
    ("period is all, month, week, day, hour or minute", "period 可为 all、month、week、day、hour 或 minute"),
    ("sort is hits or name", "sort 可为 hits 或 name"),
    ("dir is asc or desc", "dir 可为 asc 或 desc"),
    ("rows is 25, 100 or 1000", "rows 可为 25、100 或 1000"),
    ("count is true or false", "count 可为 true 或 false"),
    ("lang is zh, en or both", "lang 可为 zh、en 或 both"),
    ("theme is auto, light or dark", "theme 可为 auto、light 或 dark"),
    ("layout is wide or stacked", "layout 可为 wide 或 stacked"),
    ("scale is linear or log, of a PNG also {} to {}: scale=log,2", "scale 可为 linear 或 log，PNG 还可为 {} 到 {}：scale=log,2"),
    ("one chart compares at most {} names", "一张图表最多对比 {} 个名称"),
    ("a name to compare with: {}", "要对比的名称：{}"),
    ("lists and counts are switched off here", "此处已关闭列表和计数"),
    ("the store does not answer; try again", "存储没有响应，请重试"),
    ("user={}: {}", "user={}：{}"),
    ("{}={}: did you mean {}?", "{}={}：您是指 {} 吗？"),
    ("{}={}: no such colour; use blue, 07c or #0077cc", "{}={}：没有这种颜色，可用 blue、07c 或 #0077cc"),
    ("the body took more than {}", "请求正文的传输时间超过 {}"),
    ("the colour is empty", "颜色为空"),
    ("a colour after # has three or six hexadecimal digits, or four or eight with its opacity", "# 后的颜色为 3 位或 6 位十六进制数字，带不透明度时为 4 位或 8 位"),
    ("rgb() has three numbers from 0 to 255, or three percentages, and perhaps an opacity from 0 to 1", "rgb() 含三个 0 到 255 的数字或三个百分比，还可加 0 到 1 的不透明度"),
    ("hsl() has an angle up to 360 and two percentages, and perhaps an opacity from 0 to 1: hsl(120, 50%, 50%)", "hsl() 含一个不超过 360 的角度和两个百分比，还可加 0 到 1 的不透明度：hsl(120, 50%, 50%)"),
    (
        "the colour is neither a known name, nor three or six hexadecimal digits (with an opacity: # and four or eight), nor rgb(R, G, B), nor hsl(H, S%, L%)",
        "不是已知的颜色名称，也不是 3 位或 6 位十六进制数字（带不透明度时为 # 加 4 位或 8 位）、rgb(R, G, B) 或 hsl(H, S%, L%)",
    ),
    ("use a language like en, de, fr, es, pt, ru, zh, ja or hi, or a region like de-CH", "请使用语言，例如 en、de、fr、es、pt、ru、zh、ja 或 hi，或地区，例如 de-CH"),
    ("a number format is comma, plain, short or padded", "数字格式可为 comma、plain、short 或 padded"),
    ("did you mean {}?", "您是指 {} 吗？"),
    ("it is true or false", "可为 true 或 false"),
    ("use a data: URI of an SVG, PNG, JPEG, GIF or WebP of at most {} KiB, in base64", "请使用 base64 的 data: URI，图片为 SVG、PNG、JPEG、GIF 或 WebP，最大 {} KiB"),
    ("the SVG cannot be read", "无法读取此 SVG"),
    ("its <{}> is not drawn in badges: {}", "徽章中不会绘制其中的 <{}>：{}"),
    ("use rules for a class, a tag or an id alone, or attributes", "请使用只针对一个类、标签或 ID 的规则，或使用属性"),
    ("convert it to paths", "请转换为路径"),
    ("put the shapes where they are used", "请把图形放到使用它的位置"),
    ("take its shapes out of the link", "请把图形移出链接"),
    ("draw it with paths", "请用路径绘制"),
    ("the SVG has no shape that can be drawn", "此 SVG 中没有可绘制的图形"),
    ("it is not an SVG, PNG, JPEG, GIF or WebP of at most {} KiB", "不是最大 {} KiB 的 SVG、PNG、JPEG、GIF 或 WebP"),
    ("its name is not 1 to 64 letters, digits, - _ and .", "其名称不是由 1 到 64 个字母、数字、- _ 和 . 组成"),
    ("another logo has this name", "已有同名的图标"),
    ("there are more than {} logos", "图标超过 {} 个"),
    ("the file of this logo on the server is broken: tallymark check-config says why", "服务器上此图标的文件已损坏：原因见 tallymark check-config"),
    ("unknown icon; the names are at simpleicons.org", "未知图标，名称见 simpleicons.org"),
    ("unknown icon; names are at simpleicons.org", "未知图标，名称见 simpleicons.org"),
    ("addresses are not fetched: use a data: URI", "不会获取网址：请使用 data: URI"),
    ("removed by its owner: use {} or a data: URI", "此图标已被其所有者撤下：请使用 {} 或 data: URI"),
    ("removed by its owner: use a data: URI", "此图标已被其所有者撤下：请使用 data: URI"),
    ("send a token: Authorization: Bearer TOKEN", "请发送令牌：Authorization: Bearer TOKEN"),
    ("that is not one of the tokens under [http] of this server", "这不是此服务器 [http] 下的令牌"),
    ("an image of this theme on the server is broken: tallymark check-config says why", "服务器上此主题的图片已损坏：原因见 tallymark check-config"),
    ("there is no such theme", "没有这样的主题"),
    ("image digits show the whole number: leave out {} or digits", "图片数字显示完整的数字：请去掉 {} 或 digits"),
    ("image digits show one number, and show has two", "图片数字只显示一个数字，而 show 有两个"),
    ("that is a chart: {}", "这是图表：{}"),
    ("{} and {} disagree: leave one out", "{} 与 {} 矛盾：请去掉一个"),
    ("a line is of one event: use event={}", "折线只显示一种事件：请使用 event={}"),
    ("show has at most {} numbers", "show 最多有 {} 个数字"),
    ("show has the same number twice: leave one out", "show 中有两个相同的数字：请去掉一个"),
    ("base is added to a total, and none is shown", "base 会加到总计上，而这里没有显示总计"),
    ("base is added to one total, and two are shown: leave one out", "base 会加到一个总计上，而这里显示了两个：请去掉一个"),
    ("base is a whole number from 0 to {}", "base 为 0 到 {} 的整数"),
    ("visitors are counted by the day: use period=today", "访客按天统计：请使用 period=today"),
    ("{}: did you mean {}?", "{}：您是指 {} 吗？"),
    ("{} is given twice: leave one out", "{} 出现了两次：请去掉一个"),
    ("write &{} in place of &amp;{}", "请写 &{}，而不是 &amp;{}"),
    ("{}: write {} without escapes", "{}：请不要转义，直接写 {}"),
    ("a sum shows totals only: leave out {}", "合计只显示总数：请去掉 {}"),
    ("this JSON always has the total and today: leave out {}", "此 JSON 总是包含总计和今天：请去掉 {}"),
    ("this JSON has only what was counted: leave out base", "此 JSON 只含统计到的数字：请去掉 base"),
    ("a sparkline badge has no {}: leave it out", "带折线的徽章没有 {}：请去掉"),
    ("a chart has no {}: add style=spark", "图表没有 {}：请加上 style=spark"),
    ("a chart has no {}: leave it out", "图表没有 {}：请去掉"),
    ("{} is for image digits: add digits=THEME", "{} 用于图片数字：请加上 digits=THEME"),
];

/// What is around many reasons, tried after them.
const FRAMES: [(&str, &str); 4] = [
    ("{} is one of {}", "{} 可为 {}"),
    ("{} is {} to {}", "{} 为 {} 到 {}"),
    ("{}={}: {}", "{}={}：{}"),
    ("{}: {}", "{}：{}"),
];
/// How many reasons may be one in another. A request can have any number of colons.
const DEPTH: u8 = 4;

/// A reason in the language of the request. One that is not in the list stays English.
pub(super) fn reason(text: &str) -> String {
    if of_request() == Lang::Zh { in_chinese(text) } else { text.to_owned() }
}

pub(crate) fn in_chinese(text: &str) -> String {
    within(text, DEPTH)
}

fn within(text: &str, depth: u8) -> String {
    let mut known = REASONS.iter().chain(&FRAMES);
    let said = known.find_map(|(english, chinese)| Some((*chinese, values(english, text)?)));
    match said.filter(|_| depth > 0) {
        Some((chinese, values)) => put_in(chinese, values.into_iter().map(|value| within(value, depth - 1))),
        None => text.to_owned(),
    }
}

/// What a text has in the place of each `{}`; `None` if it is another text.
fn values<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut values = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let (value, after) = match parts.peek() {
            Some(_) => rest.split_once(part)?,
            None => (rest.strip_suffix(part)?, ""),
        };
        values.push(value);
        rest = after;
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::language::in_language;
    use std::path::Path;
    use tallymark_core::NotAName;

    /// Where reasons are made that a page shows, from the directory of the crates.
    const MADE_IN: [&str; 20] = [
        "badge/src/color/mod.rs",
        "badge/src/locale.rs",
        "badge/src/number.rs",
        "badge/src/shields/logo.rs",
        "badge/src/shields/logo_hint.rs",
        "core/src/choice.rs",
        "core/src/event.rs",
        "core/src/name.rs",
        "web/src/auth/access.rs",
        "web/src/badges/digits.rs",
        "web/src/badges/dress.rs",
        "web/src/badges/figures.rs",
        "web/src/badges/parameters.rs",
        "web/src/event.rs",
        "web/src/history.rs",
        "web/src/pages/dashboard/query.rs",
        "web/src/pages/trend.rs",
        "web/src/panels/address.rs",
        "web/src/query.rs",
        "web/src/scale.rs",
    ];

    /// What these files have between quotes and is no reason on a page.
    #[rustfmt::skip]
    const NO_REASONS: &[&str] = &[
        // Words of events and labels, and what a log says.
        "All names", "clone on GitHub", "clones on GitHub", "reading the counts of a badge", "view on GitHub", "views on GitHub",
        "visitor on GitHub", "visitors on GitHub", "{}{} {}",
        // Markup.
        "<image x=”{}” y=”{}” width=”{}” height=”{}” href=”{}”/>\\n",
    ];

    /// The sentences of a source between quotes, without those of its tests, with `{}` for each value.
    fn sentences(source: &str) -> Vec<String> {
        let shipped = source.split("#[cfg(test)]").next().unwrap_or_default();
        let code: Vec<&str> = shipped.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
        // A quote in a text, or alone, ends no text.
        let code = code.join("\n").replace("\\\n", "").replace("\\\"", "”").replace("'\"'", "");
        let quoted = code.split('"').skip(1).step_by(2);
        let is_sentence = |text: &&str| {
            text.is_ascii()
                && text.contains(' ')
                && text.contains(|c: char| c.is_ascii_alphabetic())
                && !text.starts_with(char::is_whitespace)
        };
        let with_gaps = |text: &str| {
            let mut parts = text.split('{');
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |all, part| all + "{}" + part.split_once('}').map_or("", |(_, rest)| rest))
        };
        quoted.filter(is_sentence).map(with_gaps).collect()
    }

    /// Whether a text is a reason, or is one behind a key.
    fn is_known(text: &str) -> bool {
        let is_value = |value: &&str| !value.contains(' ') || is_known(value);
        REASONS.iter().any(|(known, _)| values(known, text).is_some())
            || FRAMES.iter().any(|(frame, _)| values(frame, text).is_some_and(|of| of.iter().all(is_value)))
    }

    #[test]
    fn every_reason_that_a_page_shows_has_chinese() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut missing = Vec::new();
        for file in MADE_IN {
            let source = std::fs::read_to_string(crates.join(file)).unwrap();
            for english in sentences(&source) {
                let said = english.replace("{}", "0");
                let is_label = in_language(Lang::Zh, &english) != english;
                if !is_known(&said) && !is_label && !NO_REASONS.contains(&&*english) {
                    missing.push(format!("{file}: {english}"));
                }
            }
        }
        assert!(missing.is_empty(), "without Chinese: {missing:#?}");
    }

    #[test]
    fn any_number_of_colons_has_an_end() {
        for text in [": ".repeat(30_000), "a=b: ".repeat(30_000)] {
            assert!(in_chinese(&text).len() >= text.len());
        }
    }

    #[test]
    fn a_reason_in_a_reason_is_told_too_and_values_stay() {
        for (english, chinese) in [
            ("This cannot be shown: dir is asc or desc.", "无法显示：dir 可为 asc 或 desc。"),
            (
                "This cannot be shown: event=hits: did you mean hit?.",
                "无法显示：event=hits：您是指 hit 吗？。",
            ),
            (
                "This cannot be shown: a name to compare with: the name is empty.",
                "无法显示：要对比的名称：名称为空。",
            ),
            ("one chart compares at most 6 names", "一张图表最多对比 6 个名称"),
            ("color={}: did you mean blue?", "color={}：您是指 blue 吗？"),
            ("something new", "something new"),
            ("style is one of flat, plastic", "style 可为 flat, plastic"),
            ("digits is one of nixie, odometer", "digits 可为 nixie, odometer"),
            ("base is a whole number from 0 to 1,000", "base 为 0 到 1,000 的整数"),
            (
                "format=roman: a number format is comma, plain, short or padded",
                "format=roman：数字格式可为 comma、plain、short 或 padded",
            ),
            (
                "logo=zzz: unknown icon; names are at simpleicons.org",
                "logo=zzz：未知图标，名称见 simpleicons.org",
            ),
            (
                "logo=https://x/a.png: addresses are not fetched: use a data: URI",
                "logo=https://x/a.png：不会获取网址：请使用 data: URI",
            ),
        ] {
            assert_eq!(in_chinese(english), chinese);
        }
        for why in [
            NotAName::Empty,
            NotAName::TooLong(201),
            NotAName::TooLongEscaped(300),
            NotAName::TooLongForAny(2049),
            NotAName::NotUtf8,
            NotAName::Control,
            NotAName::Reserved,
        ] {
            let said = in_chinese(&why.to_string());
            assert!(said.starts_with("名称"), "{said}");
        }
    }
}
