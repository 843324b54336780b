//! One picture with one set of parameters. Each variant is one file.

use super::{Arrangement, Lang, Options, Picture, Theme};

/// A picture with the viewer's choices. Written as in an address: `badge`, `badge?theme=dark&layout=stacked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Which picture.
    pub picture: Picture,
    /// In which look.
    pub options: Options,
}

impl Variant {
    /// Every picture in every look.
    pub fn every() -> impl Iterator<Item = Variant> {
        let looks = || {
            let themes = [Theme::Auto, Theme::Light, Theme::Dark].into_iter();
            let langs = |theme| [Lang::Both, Lang::Zh, Lang::En].map(|lang| (theme, lang));
            let both = |of| [Arrangement::Wide, Arrangement::Stacked].map(|arrangement| (of, arrangement));
            themes.flat_map(langs).flat_map(both)
        };
        let of = |((theme, lang), arrangement)| Options { theme, lang, arrangement };
        Picture::EVERY
            .into_iter()
            .flat_map(move |picture| looks().map(move |look| Variant { picture, options: of(look) }))
    }

    /// Reads the part after `/v1/` in an address, without a name.
    ///
    /// # Errors
    ///
    /// Says what is wrong, without repeating the text.
    pub fn parse(text: &str) -> Result<Variant, String> {
        let (word, parameters) = text.split_once('?').unwrap_or((text, ""));
        let picture = Picture::from_word(word)
            .ok_or_else(|| format!("a panel is one of {}", Picture::EVERY.map(Picture::word).join(", ")))?;
        let mut options = Options::default();
        for parameter in parameters.split('&').filter(|it| !it.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if !options.set(key, value).map_err(|why| why.to_string())? {
                return Err("a panel has the parameters lang, theme and layout".to_owned());
            }
        }
        Ok(Variant { picture, options })
    }

    /// Its word in paths: `badge`, `badge-zh-dark-stacked`. Choices that are the default are left out, so there is one
    /// word for each picture.
    #[must_use]
    pub fn word(self) -> String {
        let Options { theme, lang, arrangement } = self.options;
        let lang = match lang {
            Lang::Both => "",
            Lang::Zh => "-zh",
            Lang::En => "-en",
        };
        let theme = match theme {
            Theme::Auto => "",
            Theme::Light => "-light",
            Theme::Dark => "-dark",
        };
        let arrangement = match arrangement {
            Arrangement::Wide => "",
            Arrangement::Stacked => "-stacked",
        };
        format!("{}{lang}{theme}{arrangement}", self.picture.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<String> = Variant::every().map(Variant::word).collect();
        assert_eq!((Variant::every().count(), words.len()), (90, 90));
    }

    #[test]
    fn a_variant_is_written_as_in_an_address_and_has_one_word() {
        for (text, word) in [
            ("badge", "badge"),
            ("visit?", "visit"),
            ("promo", "promo"),
            ("badge?theme=auto&lang=both&layout=wide", "badge"),
            ("badge?layout=stacked&theme=dark", "badge-dark-stacked"),
            ("like?lang=zh&theme=light", "like-zh-light"),
            ("button?lang=en", "button-en"),
        ] {
            assert_eq!(Variant::parse(text).unwrap().word(), word, "{text}");
        }
        for (text, why) in [
            ("", "a panel is one of badge, visit, like, button, promo"),
            ("Badge", "a panel is one of badge, visit, like, button, promo"),
            ("badge?theme=blue", "theme is auto, light or dark"),
            ("badge?color=blue", "a panel has the parameters lang, theme and layout"),
        ] {
            assert_eq!(Variant::parse(text).unwrap_err(), why, "{text}");
        }
    }
}
