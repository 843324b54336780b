//! The text to copy: a picture with a link to its page, in six notations.
//!
//! Each has to give exactly the address and the text, whatever name and label are. The test of the snippets asks
//! Asciidoctor.

use minijinja::{Value, context};
use tallymark_badge::{Snippet, text::clean};

/// A picture, and where it leads.
pub(super) struct LinkedPicture<'a> {
    pub(super) url: &'a str,
    pub(super) page: &'a str,
    /// For those who do not see it.
    pub(super) alt: &'a str,
    /// HTML can say how large a picture is shown, and which one on which page. The text and the link are those above.
    pub(super) html: Snippet<'a>,
}

/// Most forums show no SVG.
pub(super) const BBCODE: &str = "bbcode";

impl LinkedPicture<'_> {
    /// Each notation; without its text where the picture shows a mistake, which belongs into no page.
    pub(super) fn texts(&self, is_right: bool) -> Vec<Value> {
        let LinkedPicture { url, page, .. } = *self;
        // These would end the text in one of the notations.
        let alt: String = clean(self.alt).filter(|c| !"[]()<>\"'\\`*_{}|".contains(*c)).collect();
        let all = [
            ("markdown", "Markdown", 2, format!("[![{}]({url})]({page})", in_markdown(&alt))),
            ("html", "HTML", 2, self.html(&alt)),
            ("url", "URL", 1, url.to_owned()),
            ("rst", "reStructuredText", 3, format!(".. image:: {url}\n   :target: {page}\n   :alt: {alt}")),
            ("asciidoc", "AsciiDoc", 2, asciidoc(url, page, &alt)),
            (BBCODE, "BBCode", 2, format!("[url={page}][img]{url}[/img][/url]")),
        ];
        let shown = |text| if is_right { text } else { String::new() };
        all.into_iter()
            .map(|(id, label, rows, text)| context! { id, label, rows, text => shown(text) })
            .collect()
    }

    fn html(&self, alt: &str) -> String {
        Snippet { link: Some(self.page), alt, ..self.html }.to_string()
    }
}

/// GitHub reads references to characters, struck out text and formulas in the text of a picture, too.
fn in_markdown(alt: &str) -> String {
    let escaped = |c: char| match c {
        '~' => true,
        // Each ends with a mark of its own.
        '&' => alt.contains(';'),
        '$' => alt.matches('$').count() > 1,
        _ => false,
    };
    alt.chars().flat_map(|c| escaped(c).then_some('\\').into_iter().chain([c])).collect()
}

/// Asciidoctor replaces and marks up in the whole line before it reads the macro: `--`, `...`, `_x_`, `a@b.c`. Only
/// passthroughs keep it off. What needs none is easier to read without.
fn asciidoc(url: &str, page: &str, alt: &str) -> String {
    let as_it_is = |url: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:?=&.%-,".contains(c);
        let replaced = url.contains("--") || url.contains("..") || url.matches(':').count() > 2;
        // A passthrough ends at the next `++`, and in our addresses a plus is always escaped.
        if url.chars().all(is_plain) && !replaced {
            url.to_owned()
        } else {
            format!("++{}++", url.replace('+', "%2B"))
        }
    };
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '/' | '.');
    let alt = match alt.chars().all(is_plain) && !alt.contains("..") && alt.trim() == alt && !alt.is_empty() {
        true => alt.to_owned(),
        false => format!("\"pass:c[{alt}]\""),
    };
    let page = as_it_is(page);
    let page = if page.contains(',') { format!("\"{page}\"") } else { page };
    format!("image:{}[{alt},link={page}]", as_it_is(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(url: &str, page: &str, alt: &str) -> Vec<String> {
        let texts = LinkedPicture { url, page, alt, html: Snippet::plain(url, alt) }.texts(true);
        texts.iter().map(|text| text.get_attr("text").unwrap().to_string()).collect()
    }

    #[test]
    fn text_of_a_picture_ends_no_notation() {
        for text in texts("https://h/b", "https://h/p", "a](x) \"<b>`|") {
            assert!(!text.contains("a]") && !text.contains("<b>") && !text.contains('`'), "{text}");
        }
    }

    #[test]
    fn markdown_has_the_text_as_it_is() {
        for (alt, text) in [("a & b $5", "a & b $5"), ("&copy; ~~c~~ $x$", r"\&copy; \~\~c\~\~ \$x\$")] {
            let markdown = texts("https://h/b", "https://h/p", alt).remove(0);
            assert_eq!(markdown, format!("[![{text}](https://h/b)](https://h/p)"));
        }
    }

    #[test]
    fn asciidoc_is_plain_where_it_can_be() {
        for (url, page, alt, text) in [
            (
                "https://h/badge.svg?repo=o/r&show=today,total",
                "https://h/repo/o/r",
                "hits",
                "image:https://h/badge.svg?repo=o/r&show=today,total[hits,link=https://h/repo/o/r]",
            ),
            (
                "http://h:8080/badge.svg?repo=my--repo",
                "http://h:8080/name/my--repo",
                "a, b=c",
                "image:++http://h:8080/badge.svg?repo=my--repo++[\"pass:c[a, b=c]\",link=++http://h:8080/name/my--repo++]",
            ),
            ("https://h/b", "https://h/p", "", "image:https://h/b[\"pass:c[]\",link=https://h/p]"),
        ] {
            assert_eq!(asciidoc(url, page, alt), text);
        }
    }
}
