//! The pictures that have no statistics.

use super::{BannerType, LONGEST_NAME, fitting};
use crate::text::{XmlText, clean};

/// A longer text is cut: at most the longest name, and the message about it.
const LONGEST_TEXT: usize = 70;

/// For a banner that does not exist, in the size of the original's.
#[must_use]
pub fn not_created() -> String {
    let text = "No such banner. Create it with POST /banners.";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"200\" viewBox=\"0 0 800 200\" role=\"img\">\n\
         <title>{text}</title><rect width=\"800\" height=\"200\" fill=\"#0f172a\"/>\
         <text x=\"400\" y=\"106\" font-family=\"Verdana,'DejaVu Sans',sans-serif\" font-size=\"20\" fill=\"#e2e8f0\" \
         text-anchor=\"middle\">{text}</text></svg>\n"
    )
}

/// Before the first statistics of an account.
#[must_use]
pub fn coming(login: &str, theme: BannerType) -> String {
    let name: String = clean(login).take(LONGEST_NAME).collect();
    notice(&format!("statistics of {name} are on their way"), theme)
}

/// The same picture for every account, known or not.
#[must_use]
pub fn away(theme: BannerType) -> String {
    notice("statistics are on their way", theme)
}

/// A line of text in place of statistics.
#[must_use]
pub fn notice(text: &str, theme: BannerType) -> String {
    let palette = theme.palette();
    let text: String = clean(text).take(LONGEST_TEXT).collect();
    let size = fitting(14, u32::try_from(text.chars().count()).unwrap_or(1), 420);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"460\" height=\"215\" viewBox=\"0 0 460 215\" role=\"img\" \
         font-family=\"'Courier New',Courier,monospace\">\n<title>{text}</title>\
         <rect x=\".5\" y=\".5\" width=\"459\" height=\"214\" rx=\"13.5\" fill=\"{back}\" stroke=\"{muted}\" stroke-opacity=\".4\"/>\
         <text x=\"230\" y=\"112\" font-size=\"{size}\" fill=\"{fill}\" text-anchor=\"middle\">{text}</text></svg>\n",
        text = XmlText(&text),
        back = palette.background[0],
        muted = palette.muted,
        fill = palette.text,
    )
}
