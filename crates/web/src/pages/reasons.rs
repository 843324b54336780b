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
];

/// A reason in the language of the request. One that is not in the list stays English.
pub(super) fn reason(text: &str) -> String {
    if of_request() == Lang::Zh { in_chinese(text) } else { text.to_owned() }
}

pub(crate) fn in_chinese(text: &str) -> String {
    let said = REASONS.iter().find_map(|(english, chinese)| Some((*chinese, values(english, text)?)));
    let Some((chinese, values)) = said else { return text.to_owned() };
    put_in(chinese, values.into_iter().map(in_chinese))
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
    use tallymark_core::NotAName;

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
