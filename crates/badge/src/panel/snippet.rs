//! The HTML that shows a panel in a README: on a phone the stacked one, and dark where the page is dark.

use crate::text::XmlText;
use std::fmt::Write;

/// Widest page, in pixels, that gets the stacked picture.
const PHONE: u32 = 600;

/// `<picture>` for a picture at `url`, with `alt` in its place where it cannot be shown, and leading to `link`.
///
/// GitHub and others have a theme of their own, which a picture cannot see; they choose among the sources by it.
#[must_use]
pub fn snippet(url: &str, alt: &str, link: Option<&str>) -> String {
    let join = if url.contains('?') { '&' } else { '?' };
    let mut out = String::new();
    // A String does not fail to grow in a way that could be reported.
    let mut source = |media: &str, parameters: &str| {
        let url = format!("{url}{join}{parameters}");
        let _ = write!(out, "<source media=\"{media}\" srcset=\"{}\">", XmlText(&url));
    };
    let (phone, dark) = (format!("(max-width: {PHONE}px)"), "(prefers-color-scheme: dark)");
    source(&format!("{phone} and {dark}"), "layout=stacked&theme=dark");
    source(&phone, "layout=stacked&theme=light");
    source(dark, "theme=dark");
    let picture = format!(
        "<picture>{out}<img src=\"{}\" alt=\"{}\"></picture>",
        XmlText(&format!("{url}{join}theme=light")),
        XmlText(alt),
    );
    match link {
        Some(link) => format!("<a href=\"{}\">{picture}</a>\n", XmlText(link)),
        None => format!("{picture}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_and_dark_pages_have_pictures_of_their_own() {
        assert_eq!(
            snippet(
                "https://hits.example.org/v1/octo/hello",
                "visits",
                Some("https://hits.example.org/v1/like/octo/hello/add")
            ),
            "<a href=\"https://hits.example.org/v1/like/octo/hello/add\"><picture>\
             <source media=\"(max-width: 600px) and (prefers-color-scheme: dark)\" \
             srcset=\"https://hits.example.org/v1/octo/hello?layout=stacked&amp;theme=dark\">\
             <source media=\"(max-width: 600px)\" srcset=\"https://hits.example.org/v1/octo/hello?layout=stacked&amp;theme=light\">\
             <source media=\"(prefers-color-scheme: dark)\" srcset=\"https://hits.example.org/v1/octo/hello?theme=dark\">\
             <img src=\"https://hits.example.org/v1/octo/hello?theme=light\" alt=\"visits\"></picture></a>\n"
        );
    }

    #[test]
    fn whatever_is_in_an_address_stays_in_it() {
        let html = snippet("/v1/a?lang=zh\"><script>", "<b>\"", None);
        assert!(html.contains("/v1/a?lang=zh&quot;&gt;&lt;script&gt;&amp;theme=light"), "{html}");
        assert!(html.contains("alt=\"&lt;b&gt;&quot;\""), "{html}");
    }
}
