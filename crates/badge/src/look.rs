//! How the badges of one installation look: label, colours, or the operator's own template.
//!
//! The publisher and the HTTP server draw with the same [`Look`], so a file and a response are the same picture.

use crate::{
    Badge, Color, DEFAULT_LABEL, DEFAULT_LABEL_COLOR, DEFAULT_VALUE_COLOR, Template, TemplateError, Values,
    digits::DigitThemes,
    number, render_into,
    shields::{OwnLogos, Style},
};

/// The default label, colours and template of badges.
#[derive(Debug)]
pub struct Look {
    /// Left of the number. Default `hits`.
    pub label: String,
    /// Background of the number. Default `#13B28A`, ghit.me's green.
    pub color: Color,
    /// Background of the label. Default `#555`.
    pub label_color: Color,
    /// A style of shields.io; `None` is our own look.
    pub style: Option<Style>,
    /// Logos by name, besides those of simple-icons.
    pub logos: OwnLogos,
    /// Themes of image digits by name, besides our own.
    pub digits: DigitThemes,
    /// Replaces the built-in badge.
    pub template: Option<Template>,
}

impl Default for Look {
    fn default() -> Look {
        Look {
            label: DEFAULT_LABEL.to_owned(),
            color: DEFAULT_VALUE_COLOR,
            label_color: DEFAULT_LABEL_COLOR,
            style: None,
            logos: OwnLogos::default(),
            digits: DigitThemes::default(),
            template: None,
        }
    }
}

impl Look {
    /// The badge with this value, before a template or a request changes it.
    pub fn badge<'a>(&'a self, value: &'a str) -> Badge<'a> {
        Badge {
            color: self.color,
            label_color: self.label_color,
            style: self.style,
            ..Badge::new(&self.label, value)
        }
    }

    /// Appends the picture of a name's total to `out`. Only templates use `today`.
    ///
    /// # Errors
    ///
    /// When the template fails on these values; the built-in badge never does.
    pub fn draw(&self, name: &str, total: i64, today: i64, out: &mut String) -> Result<(), TemplateError> {
        let count = number::group(total);
        self.draw_badge(&self.badge(&count), name, total, today, out)
    }

    /// The same without the template, for a name on which it fails.
    pub fn draw_built_in(&self, total: i64, out: &mut String) {
        render_into(&self.badge(&number::group(total)), out);
    }

    /// The same for a badge whose label or colours a request has changed.
    ///
    /// # Errors
    ///
    /// As [`Look::draw`].
    pub fn draw_badge(
        &self,
        badge: &Badge<'_>,
        name: &str,
        total: i64,
        today: i64,
        out: &mut String,
    ) -> Result<(), TemplateError> {
        match &self.template {
            None => render_into(badge, out),
            Some(template) => {
                out.push_str(&template.render(&Values { name, badge: *badge, total, today })?)
            }
        }
        Ok(())
    }
}
