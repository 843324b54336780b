//! The HTML that shows a picture in a README: with a link, dark where the page is dark, and narrow on a phone.

use crate::text::XmlText;
use std::fmt;

/// A picture in somebody's page.
///
/// GitHub and others have a theme of their own, which a picture cannot see: it only sees the theme of the reader's
/// system. A page chooses among the sources of `<picture>` by its own theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snippet<'a> {
    /// Its address.
    pub url: &'a str,
    /// Where a click leads.
    pub link: Option<&'a str>,
    /// What is in its place where it cannot be shown.
    pub alt: &'a str,
    /// What its address has in addition on a light page and on a dark one, such as `theme=light`. None if it is the same
    /// on both.
    pub themes: Option<[&'a str; 2]>,
    /// What its address has in addition on a phone. None if it is the same there.
    pub phone: Option<&'a str>,
    /// Attributes that say how large it is.
    pub size: &'a str,
}

impl<'a> Snippet<'a> {
    /// The pages that get the narrow picture.
    pub const PHONE: &'static str = "(max-width: 600px)";

    /// The light and the dark look of nearly every picture.
    pub const THEMES: [&'static str; 2] = ["theme=light", "theme=dark"];

    /// The same picture on every page.
    #[must_use]
    pub fn plain(url: &'a str, alt: &'a str) -> Snippet<'a> {
        Snippet { url, link: None, alt, themes: None, phone: None, size: "" }
    }

    fn url(&self, more: [Option<&str>; 2]) -> String {
        more.into_iter().flatten().fold(self.url.to_owned(), |url, parameter| {
            let join = if url.contains('?') { '&' } else { '?' };
            format!("{url}{join}{parameter}")
        })
    }
}

impl fmt::Display for Snippet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DARK: &str = "(prefers-color-scheme: dark)";
        if let Some(link) = self.link {
            write!(f, "<a href=\"{}\">", XmlText(link))?;
        }
        let (light, dark) = self.themes.map(|[light, dark]| (light, dark)).unzip();
        let on_phones = format!("{} and {DARK}", Self::PHONE);
        let sources = [
            dark.zip(self.phone).map(|(dark, phone)| (&*on_phones, [Some(phone), Some(dark)])),
            self.phone.map(|phone| (Self::PHONE, [Some(phone), light])),
            dark.map(|dark| (DARK, [None, Some(dark)])),
        ];
        let has_sources = sources.iter().any(Option::is_some);
        if has_sources {
            f.write_str("<picture>")?;
        }
        for (media, more) in sources.into_iter().flatten() {
            write!(f, "<source media=\"{media}\" srcset=\"{}\">", XmlText(&self.url(more)))?;
        }
        let gap = if self.size.is_empty() { "" } else { " " };
        let url = self.url([None, light]);
        write!(f, "<img src=\"{}\"{gap}{} alt=\"{}\">", XmlText(&url), self.size, XmlText(self.alt))?;
        f.write_str(if has_sources { "</picture>" } else { "" })?;
        f.write_str(if self.link.is_some() { "</a>" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_and_dark_pages_have_pictures_of_their_own() {
        let panel = Snippet {
            link: Some("https://h/v1/like/octo/hello/add"),
            themes: Some(Snippet::THEMES),
            phone: Some("layout=stacked"),
            ..Snippet::plain("https://h/v1/octo/hello", "visits")
        };
        assert_eq!(
            panel.to_string(),
            "<a href=\"https://h/v1/like/octo/hello/add\"><picture>\
             <source media=\"(max-width: 600px) and (prefers-color-scheme: dark)\" \
             srcset=\"https://h/v1/octo/hello?layout=stacked&amp;theme=dark\">\
             <source media=\"(max-width: 600px)\" srcset=\"https://h/v1/octo/hello?layout=stacked&amp;theme=light\">\
             <source media=\"(prefers-color-scheme: dark)\" srcset=\"https://h/v1/octo/hello?theme=dark\">\
             <img src=\"https://h/v1/octo/hello?theme=light\" alt=\"visits\"></picture></a>"
        );
    }

    #[test]
    fn only_what_differs_has_a_source() {
        let same = Snippet::plain("/api?username=a", "a");
        for (snippet, html) in [
            (same, "<img src=\"/api?username=a\" alt=\"a\">"),
            (
                Snippet { size: "height=\"20\"", ..same },
                "<img src=\"/api?username=a\" height=\"20\" alt=\"a\">",
            ),
            (
                Snippet { themes: Some(Snippet::THEMES), ..same },
                "<picture><source media=\"(prefers-color-scheme: dark)\" srcset=\"/api?username=a&amp;theme=dark\">\
                 <img src=\"/api?username=a&amp;theme=light\" alt=\"a\"></picture>",
            ),
            (
                Snippet { phone: Some("width=400"), ..same },
                "<picture><source media=\"(max-width: 600px)\" srcset=\"/api?username=a&amp;width=400\">\
                 <img src=\"/api?username=a\" alt=\"a\"></picture>",
            ),
        ] {
            assert_eq!(snippet.to_string(), html);
        }
    }

    #[test]
    fn whatever_is_in_an_address_stays_in_it() {
        let themes = Some(Snippet::THEMES);
        let html = Snippet { themes, ..Snippet::plain("/v1/a?lang=zh\"><script>", "<b>\"") }.to_string();
        assert!(html.contains("/v1/a?lang=zh&quot;&gt;&lt;script&gt;&amp;theme=light"), "{html}");
        assert!(html.contains("alt=\"&lt;b&gt;&quot;\""), "{html}");
    }
}
