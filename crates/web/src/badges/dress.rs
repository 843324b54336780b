//! The look of a badge, from the parameters of its address: shields.io's
//! `style label color labelColor logo logoColor logoSize`, `format` and `locale`, or image digits. Which number it
//! shows is up to `figures`.

use super::digits::DigitDress;
use crate::query::{Query, choice};
use tallymark_badge::{
    Badge, Color, ColorError, Format, Locale, Look,
    shields::{LogoFile, NotALogo, Style, logo_hint},
};

/// The parameters of a badge's look.
#[derive(Default)]
pub(crate) struct Dress {
    label: Option<String>,
    color: Option<Color>,
    label_color: Option<Color>,
    style: Option<Style>,
    logo: Option<LogoFile>,
    /// `logoSize=auto`.
    logo_wide: bool,
    format: Format,
    /// Ours is English.
    locale: Option<Locale>,
    /// Instead of a badge.
    digits: Option<DigitDress>,
}

impl Dress {
    /// Reads them. The logo has to be visible on what they and the configuration make.
    pub(crate) fn read(query: Query<'_>, look: &Look) -> Result<Dress, String> {
        let mut mistakes = Vec::new();
        let dress = Dress::read_noting(query, look, &mut mistakes);
        first_of(mistakes).map_or(Ok(dress), Err)
    }

    /// The same with every mistake, each of another parameter; what is wrong is as if it was not given.
    pub(crate) fn read_noting(query: Query<'_>, look: &Look, mistakes: &mut Vec<String>) -> Dress {
        let known = Style::EVERY.map(|style| (style.name(), style));
        let style = query
            .text("style")
            .filter(|word| !word.is_empty())
            .map(|word| of_chart(&word).map_or_else(|| choice("style", &word, &known), Err))
            .transpose();
        let style = noting(style, mistakes);
        let (own_color, label_color) =
            (noting(own_color(query), mistakes), noting(label_color(query), mistakes));
        let label = query.form_text("label");
        let has_left = label.as_deref() != Some("") || label_color.is_some();
        let in_box = match has_left {
            true => label_color.unwrap_or(look.label_color),
            false => own_color.unwrap_or(look.color),
        };
        let ground = style.or(look.style).unwrap_or_default().behind_logo(in_box);
        let logo_color = noting(color(query, "logoColor"), mistakes);
        let logo = query.text("logo").filter(|text| !text.is_empty());
        let logo = logo.map(|text| {
            LogoFile::read_with(&look.logos, &text, logo_color, ground).map_err(|why| match why {
                NotALogo::Unknown => format!("logo={}: {}", echo(&text), logo_hint(&text)),
                _ => format!("logo: {why}"),
            })
        });
        Dress {
            label,
            color: own_color,
            label_color,
            style,
            logo: noting(logo.transpose(), mistakes),
            logo_wide: query.text("logoSize").is_some_and(|size| size.eq_ignore_ascii_case("auto")),
            format: noting(format(query), mistakes),
            locale: noting(locale(query), mistakes),
            digits: noting(DigitDress::read(query, look), mistakes),
        }
    }

    /// The same for a badge with a line, which has its own style and no logo.
    pub(crate) fn of_spark(query: Query<'_>) -> Result<Dress, String> {
        let mut mistakes = Vec::new();
        let dress = Dress::of_spark_noting(query, &mut mistakes);
        first_of(mistakes).map_or(Ok(dress), Err)
    }

    /// The same with every mistake.
    pub(crate) fn of_spark_noting(query: Query<'_>, mistakes: &mut Vec<String>) -> Dress {
        Dress {
            label: query.form_text("label"),
            color: noting(own_color(query), mistakes),
            label_color: noting(label_color(query), mistakes),
            format: noting(format(query), mistakes),
            locale: noting(locale(query), mistakes),
            ..Dress::default()
        }
    }

    /// How numbers are written, for an answer without a picture.
    pub(crate) fn of_numbers(query: Query<'_>) -> Result<Dress, String> {
        Ok(Dress { format: format(query)?, locale: locale(query)?, ..Dress::default() })
    }

    /// The label of the address, if it has one.
    pub(crate) fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// How image digits are drawn, if it is to be these.
    pub(crate) fn digits(&self) -> Option<&DigitDress> {
        self.digits.as_ref()
    }

    /// Whether it asks for a picture that an operator's template does not draw.
    pub(super) fn is_special(&self) -> bool {
        self.style.is_some() || self.logo.is_some()
    }

    /// The number as it was asked for.
    pub(crate) fn format(&self, number: i64) -> String {
        match self.locale {
            None => self.format.apply(number).to_string(),
            Some(locale) => locale.write(self.format, number),
        }
    }

    /// Puts it on a badge whose usual label is given.
    pub(crate) fn put_on<'a>(&'a self, badge: &mut Badge<'a>, usual_label: &'a str) {
        badge.label = self.label.as_deref().unwrap_or(usual_label);
        badge.color = self.color.unwrap_or(badge.color);
        badge.label_color = self.label_color.unwrap_or(badge.label_color);
        badge.style = self.style.or(badge.style);
        badge.logo = self.logo.as_ref().map(|file| file.logo(self.logo_wide));
    }
}

/// Why a style is none of a badge: a chart has it, at an address of its own.
fn of_chart(word: &str) -> Option<String> {
    let of_charts = [("spark", "/graph/NAME.svg?style=spark"), ("chart", "/graph/NAME.svg")];
    let (word, place) = of_charts.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(word))?;
    Some(format!("style={word}: that is a chart: {place}"))
}

/// What was read. A mistake is noted, and the form of the badge maker has a place for each.
fn noting<T: Default>(read: Result<T, String>, mistakes: &mut Vec<String>) -> T {
    read.unwrap_or_else(|why| {
        mistakes.push(why);
        T::default()
    })
}

/// A picture has room for one.
fn first_of(mistakes: Vec<String>) -> Option<String> {
    mistakes.into_iter().next()
}

/// An empty colour is none, because forms send their empty fields. Also by shields.io's earlier name, which is still in
/// READMEs.
fn own_color(query: Query<'_>) -> Result<Option<Color>, String> {
    Ok(color(query, "color")?.or(color(query, "colorB")?))
}

/// The same for the left box.
fn label_color(query: Query<'_>) -> Result<Option<Color>, String> {
    Ok(color(query, "labelColor")?.or(color(query, "colorA")?))
}

fn color(query: Query<'_>, key: &str) -> Result<Option<Color>, String> {
    let text = query.text(key).filter(|text| !text.is_empty());
    text.map(|text| {
        Color::parse(&text).map_err(|why| match (why, Color::nearest_name(&text)) {
            (_, Some(near)) => format!("{key}={}: did you mean {near}?", echo(&text)),
            (ColorError::Unknown, None) => {
                format!("{key}={}: no such colour; use blue, 07c or #0077cc", echo(&text))
            }
            (_, None) => format!("{key}: {why}"),
        })
    })
    .transpose()
}

/// As much of a wrong word as an error picture has room for.
pub(crate) fn echo(text: &str) -> String {
    const MOST: usize = 12;
    let mut echoed: String = text.chars().take(MOST).collect();
    if echoed.len() < text.len() {
        echoed.push('…');
    }
    echoed
}

fn locale(query: Query<'_>) -> Result<Option<Locale>, String> {
    let tag = query.text("locale").filter(|tag| !tag.is_empty());
    tag.map(|tag| Locale::parse(&tag).map_err(|why| format!("locale: {why}"))).transpose()
}

/// Other counters' names of the parameter are taken, too, but two that disagree are not.
fn format(query: Query<'_>) -> Result<Format, String> {
    let mut chosen: Option<(&str, Option<Format>)> = None;
    for key in Format::KEYS {
        let Some(value) = query.text(key).filter(|value| !value.is_empty()) else { continue };
        let wanted =
            Format::from_query(key, &value).map_err(|why| format!("{key}={}: {why}", echo(&value)))?;
        match chosen {
            // `abbreviated=false` goes with every format but the short one.
            Some((other, known)) if known != wanted && (wanted.is_some() || known == Some(Format::Short)) => {
                return Err(format!("{other} and {key} disagree: leave one out"));
            }
            Some(_) => {}
            None => chosen = Some((key, wanted)),
        }
    }
    Ok(chosen.and_then(|(_, format)| format).unwrap_or_default())
}
