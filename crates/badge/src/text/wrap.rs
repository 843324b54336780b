//! A text in lines of one width.
//!
//! A line ends between two words, or between two Chinese, Japanese or Korean letters, but not before a closing mark or
//! behind an opening one. A word that is longer than a line goes on in the next one. What the last line has no room for
//! is cut, with an ellipsis. Cards and panels call this.

use super::{Font, clean};
use unicode_segmentation::UnicodeSegmentation;

/// No line begins with one of them.
const CLOSING: &str = "，。、；：！？）》」』】〕〉”’…—·～％ー,.;:!?)]}%";
/// No line ends in one of them.
const OPENING: &str = "（《「『【〔〈“‘([{";

impl Font {
    /// The lines of a text, at most so many. Not escaped.
    pub(crate) fn wrap(self, text: &str, room: u32, most: usize) -> Vec<String> {
        let text: String = clean(text).collect();
        let (mut rest, mut lines) = (text.as_str(), Vec::new());
        while !rest.is_empty() {
            if lines.len() + 1 >= most || self.width(rest) <= room {
                lines.push(self.fit(rest, room));
                break;
            }
            let end = self.line_end(rest, room);
            lines.push(rest[..end].trim_end().to_owned());
            rest = rest[end..].trim_start();
        }
        lines
    }

    /// Where the first line of a text ends that needs more than one.
    fn line_end(self, text: &str, room: u32) -> usize {
        let fits = |end: &usize| self.width(text[..*end].trim_end()) <= room;
        let whole_words = breaks(text).take_while(fits).last();
        let letters = || text.grapheme_indices(true).map(|(at, _)| at).skip(1);
        // One letter at least, so that there is an end to it.
        let first = || letters().next().unwrap_or(text.len());
        whole_words.or_else(|| letters().take_while(fits).last()).unwrap_or_else(first)
    }
}

/// Where a line may end, within a text.
fn breaks(text: &str) -> impl Iterator<Item = usize> {
    let mut before = None;
    text.grapheme_indices(true).filter_map(move |(at, letter)| {
        let next = letter.chars().next()?;
        let last = before.replace(next)?;
        let is_cjk = (needs_no_blank(last) || needs_no_blank(next)) && next != ' ';
        let is_between = is_cjk && !CLOSING.contains(next) && !OPENING.contains(last);
        (is_between || last == ' ' && !begins_with_mark(&text[at..])).then_some(at)
    })
}

/// Whether a text behind a blank begins with a closing mark that stays on its line. A word like `.NET` or `:emoji:` does not.
fn begins_with_mark(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or(text);
    let is_mark = |c| CLOSING.contains(c);
    word.chars().all(is_mark) || word.starts_with(|c: char| is_mark(c) && !c.is_ascii())
}

/// Letters and marks of the languages that are written without blanks.
fn needs_no_blank(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}'
        | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FONT: Font = Font::regular(14);

    #[test]
    fn text_is_wrapped_between_words_and_cut_at_the_end() {
        assert_eq!(FONT.wrap("one two", 300, 3), ["one two"]);
        assert_eq!(FONT.wrap(" \n", 300, 3), [""; 0]);
        let lines = FONT.wrap("the quick brown fox jumps over the lazy dog and goes on", 120, 3);
        assert_eq!(lines[..2], ["the quick brown", "fox jumps over"], "{lines:?}");
        assert!(lines.len() == 3 && lines[2].starts_with("the lazy") && lines[2].ends_with('…'), "{lines:?}");
        assert_eq!(FONT.wrap("one two", 20, 1).len(), 1);
        // A word may begin with a full stop or a colon; a mark by itself begins no line.
        assert_eq!(FONT.wrap("libraries .NET", FONT.width("libraries"), 3), ["libraries", ".NET"]);
        assert_eq!(
            FONT.wrap("we are happy :tada: now", FONT.width(":tada: now"), 3),
            ["we are", "happy", ":tada: now"]
        );
        assert_eq!(FONT.wrap("it is done !", FONT.width("it is done"), 3), ["it is", "done !"]);
    }

    #[test]
    fn chinese_goes_on_within_the_line() {
        let text =
            "一个自托管的访问计数器，它的徽章是静态文件，由 nginx 直接从磁盘提供（无需数据库），速度很快。";
        for room in 60..400 {
            let lines = FONT.wrap(text, room, 99);
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""), "{room}");
            for (line, next) in lines.iter().zip(&lines[1..]) {
                assert!(FONT.width(line) <= room, "{line} {room}");
                assert!(!next.starts_with(['，', '。', '）']) && !line.ends_with('（'), "{line} | {next}");
                // It would not have fitted: a mark may take a letter along, and a word goes along whole.
                assert!(FONT.width(line) + FONT.width("nginx，") + 14 > room, "{line} | {next}: {room}");
            }
        }
        let lines = FONT.wrap(text, 200, 2);
        assert!(lines.len() == 2 && lines[1].ends_with('…') && FONT.width(&lines[1]) > 150, "{lines:?}");
    }

    #[test]
    fn long_word_goes_on_in_the_next_line() {
        let url = format!("see https://example.org/{}", "x".repeat(60));
        let lines = FONT.wrap(&url, 150, 99);
        assert_eq!((lines[0].as_str(), lines[1..].concat()), ("see", url[4..].to_owned()));
        // Nothing fits, and it ends nevertheless.
        assert_eq!(FONT.wrap("👨\u{200d}👩\u{200d}👧易", 1, 9).len(), 2);
    }
}
