//! Pictures of the maker that are no badges: panels with visits and likes, and cards with GitHub's statistics. Each fits
//! only some names. Whether there is such an account, only the picture says.

use super::making::value_of;
use crate::{
    name::{encoded, encoded_text, has_odd_segment, page_path, push},
    pages::language::tr,
    panels::address::of_like,
};
use tallymark_badge::{Snippet, panel::Picture};
use tallymark_core::Name;
use tallymark_github::{AccountName, CardKind};

/// A picture that is no badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OtherPicture {
    Panel(Picture),
    Card(CardKind),
    Banner,
}

/// The style that makes the card of an account.
pub(in crate::pages) const CARD: &str = "card.stats";
const REPOSITORY_CARD: &str = "card.pin";

/// Each, with its word among the styles, and what the form calls it.
const PANELS: [(&str, &str, OtherPicture); 4] = [
    ("panel.badge", "visits and likes", OtherPicture::Panel(Picture::Both)),
    ("panel.visit", "the last visits", OtherPicture::Panel(Picture::Visits)),
    ("panel.like", "the last likes", OtherPicture::Panel(Picture::Likes)),
    ("panel.button", "like button", OtherPicture::Panel(Picture::Button)),
];
const CARDS: [(&str, &str, OtherPicture); 6] = [
    (CARD, "statistics and rank", OtherPicture::Card(CardKind::Stats)),
    ("card.langs", "languages", OtherPicture::Card(CardKind::Languages)),
    ("card.streak", "streak", OtherPicture::Card(CardKind::Streak)),
    (REPOSITORY_CARD, "repository", OtherPicture::Card(CardKind::Repository)),
    ("card.traffic", "traffic of the repository", OtherPicture::Card(CardKind::Traffic)),
    ("card.banner", "banner", OtherPicture::Banner),
];

impl OtherPicture {
    /// The groups of the form: what each is called, and the words and texts of its choices.
    pub(super) fn groups(with_cards: bool) -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
        let choices = |all: &[(&'static str, &'static str, OtherPicture)]| {
            all.iter().map(|&(word, text, _)| (word, text)).collect()
        };
        let cards = with_cards.then(|| ("GitHub card", choices(&CARDS)));
        [("Panel", choices(&PANELS))].into_iter().chain(cards).collect()
    }

    /// The one with a word, in lower case.
    pub(super) fn of(style: &str) -> Option<OtherPicture> {
        PANELS.iter().chain(&CARDS).find(|(word, ..)| *word == style).map(|(.., picture)| *picture)
    }

    /// The first panel and the first card that fit a name: their words, and what each is called.
    pub(super) fn of_name(name: &Name, with_cards: bool) -> Vec<(&'static str, &'static str)> {
        let panel = panel_name(name).map(|_| (PANELS[0].0, "a panel with visits, likes and a like button"));
        let card = match repository_of(name) {
            Some(_) => Some(REPOSITORY_CARD),
            None => account_of(name).map(|_| CARD),
        };
        let card = card.filter(|_| with_cards).map(|word| (word, "a card with GitHub’s statistics"));
        panel.into_iter().chain(card).collect()
    }

    pub(super) fn is_panel(self) -> bool {
        matches!(self, OtherPicture::Panel(_))
    }

    /// Which parameters of the form it has.
    pub(super) fn has(self, key: &str) -> bool {
        match self {
            OtherPicture::Banner => key == "theme",
            _ => matches!(key, "theme" | "words"),
        }
    }

    /// Whether it has a theme.
    pub(super) fn has_theme(self, theme: &str) -> bool {
        match self {
            OtherPicture::Card(_) => !theme.is_empty(),
            OtherPicture::Panel(_) | OtherPicture::Banner => matches!(theme, "light" | "dark"),
        }
    }

    /// Whether a view of it is a hit.
    pub(super) fn counts(self) -> bool {
        matches!(self, OtherPicture::Panel(Picture::Both | Picture::Visits))
    }

    /// As the page calls it, behind "not drawn".
    pub(super) fn place(self) -> &'static str {
        match self {
            OtherPicture::Panel(_) => "on a panel",
            OtherPicture::Card(_) => "on a card",
            OtherPicture::Banner => "on a banner",
        }
    }

    /// What a name would need that has no such picture.
    pub(super) fn needs(self) -> &'static str {
        tr(match self {
            OtherPicture::Panel(_) => "a panel needs a name of two parts, like owner/repo",
            OtherPicture::Card(CardKind::Repository | CardKind::Traffic) => {
                "this card needs the name of a repository on GitHub, like owner/repo"
            }
            OtherPicture::Card(_) | OtherPicture::Banner => {
                "this card needs a name that begins with an account on GitHub, like owner or owner/repo"
            }
        })
    }

    /// What the address says of the theme, light and dark.
    pub(super) fn themes(self) -> [&'static str; 2] {
        match self {
            OtherPicture::Banner => ["type=default", "type=dark"],
            OtherPicture::Panel(_) | OtherPicture::Card(_) => Snippet::THEMES,
        }
    }

    /// What it has in its address on a phone.
    pub(super) fn phone(self) -> Option<&'static str> {
        matches!(self, OtherPicture::Panel(Picture::Both | Picture::Button)).then_some("layout=stacked")
    }

    /// The path and query, with what was chosen; of a PNG in a scale. `None` where the name has no such picture.
    pub(super) fn path(self, name: &Name, chosen: &[(&str, String)], png: Option<u8>) -> Option<String> {
        let mut path = self.path_of_any_theme(name, chosen, png)?;
        let theme = Some(value_of(chosen, "theme")).filter(|theme| self.has_theme(theme));
        let [light, dark] = self.themes();
        match (self, theme) {
            // A banner is light or dark.
            (OtherPicture::Banner, Some("dark")) => push_pair(&mut path, dark),
            (OtherPicture::Banner, _) => push_pair(&mut path, light),
            (_, Some(theme)) => push(&mut path, "theme", &encoded_text(theme, true)),
            (_, None) => {}
        }
        Some(path)
    }

    /// The same without its theme.
    pub(super) fn path_of_any_theme(
        self,
        name: &Name,
        chosen: &[(&str, String)],
        png: Option<u8>,
    ) -> Option<String> {
        let ending = if png.is_some() { ".png" } else { "" };
        let mut path = match self {
            OtherPicture::Panel(picture) => {
                let panel = format!("/v1/{}/{}", picture.word(), panel_name(name)?);
                // What follows the name of a panel means nothing else.
                panel + if png.is_some() { "/card.png" } else { "" }
            }
            OtherPicture::Card(kind @ (CardKind::Repository | CardKind::Traffic)) => {
                let (owner, repository) = repository_of(name)?;
                format!("{}{ending}?username={owner}&repo={repository}", address(kind))
            }
            OtherPicture::Card(kind) => format!("{}{ending}?username={}", address(kind), account_of(name)?),
            OtherPicture::Banner => format!("/banners/preview{ending}?username={}", account_of(name)?),
        };
        let words = Some(value_of(chosen, "words")).filter(|words| !words.is_empty() && self.has("words"));
        if let Some(words) = words {
            let key = if self.is_panel() { "lang" } else { "locale" };
            push(&mut path, key, &encoded_text(words, true));
        }
        if let Some(scale) = png {
            push(&mut path, "scale", &scale.to_string());
        }
        Some(path)
    }

    /// Where a click on it leads: a path. `words` is the language that was chosen: the page of a like has that of its
    /// panel.
    pub(super) fn link(self, name: &Name, words: &str) -> String {
        match self {
            OtherPicture::Panel(Picture::Both | Picture::Likes | Picture::Button)
                if panel_name(name).is_some() =>
            {
                let mut path = of_like(name, "add");
                if !words.is_empty() {
                    push(&mut path, "lang", &encoded_text(words, true));
                }
                path
            }
            OtherPicture::Panel(_) | OtherPicture::Card(CardKind::Repository | CardKind::Traffic) => {
                page_path(name.as_ref())
            }
            // Its rank is explained there.
            OtherPicture::Card(_) | OtherPicture::Banner => {
                let account = account_of(name).and_then(|account| Name::new(account).ok());
                page_path(account.as_ref().unwrap_or(name).as_ref())
            }
        }
    }

    /// For those who do not see it.
    pub(super) fn alt(self, name: &Name) -> String {
        let account = account_of(name).unwrap_or_default();
        match self {
            OtherPicture::Panel(Picture::Both) => "visits and likes; a click gives a like".to_owned(),
            OtherPicture::Panel(Picture::Visits) => "visits".to_owned(),
            OtherPicture::Panel(Picture::Likes) => "likes; a click gives a like".to_owned(),
            OtherPicture::Panel(Picture::Button | Picture::Promo) => "a click gives a like".to_owned(),
            OtherPicture::Card(CardKind::Languages) => format!("languages of {account} on GitHub"),
            OtherPicture::Card(CardKind::Streak) => format!("contributions of {account} on GitHub"),
            OtherPicture::Card(CardKind::Repository) => format!("{name} on GitHub"),
            OtherPicture::Card(CardKind::Traffic) => format!("traffic of {name} on GitHub"),
            OtherPicture::Card(CardKind::Stats) | OtherPicture::Banner => {
                format!("GitHub statistics of {account}")
            }
        }
    }
}

/// Appends `KEY=VALUE`.
pub(super) fn push_pair(path: &mut String, pair: &str) {
    if let Some((key, value)) = pair.split_once('=') {
        push(path, key, value);
    }
}

fn address(kind: CardKind) -> &'static str {
    crate::cards::PATHS.iter().find(|(_, known)| *known == kind).map_or("", |(path, _)| path)
}

/// A name as a panel has it in its path. Only names of two parts have one.
pub(super) fn panel_name(name: &Name) -> Option<String> {
    let fits = name.as_str().split('/').count() == 2 && !has_odd_segment(name.as_str());
    fits.then(|| encoded(name.as_ref(), true))
}

/// The account that a name begins with. Nothing of it is escaped in an address.
fn account_of(name: &Name) -> Option<&str> {
    let mut parts = name.as_str().split('/');
    let owner = parts.next().filter(|owner| AccountName::new(owner).is_ok())?;
    match (parts.next(), parts.next()) {
        (None, _) => Some(owner),
        (Some(_), None) => repository_of(name).map(|(owner, _)| owner),
        _ => None,
    }
}

/// The account and what GitHub lets a repository be called.
fn repository_of(name: &Name) -> Option<(&str, &str)> {
    let (owner, repository) = name.as_str().split_once('/')?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_repository = !repository.is_empty()
        && repository.bytes().all(plain)
        && !has_odd_segment(repository)
        && AccountName::new(owner).is_ok();
    is_repository.then_some((owner, repository))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(style: &str, name: &str, chosen: &[(&str, &str)], png: Option<u8>) -> Option<String> {
        let chosen: Vec<_> = chosen.iter().map(|&(key, value)| (key, value.to_owned())).collect();
        OtherPicture::of(style).unwrap().path(&Name::new(name).unwrap(), &chosen, png)
    }

    #[test]
    fn each_has_its_address() {
        let zh_dark = [("words", "zh"), ("theme", "dark")];
        for (style, name, chosen, png, expect) in [
            ("panel.badge", "o/r", &[][..], None, "/v1/badge/o/r"),
            ("panel.visit", "日本/r", &zh_dark, None, "/v1/visit/%E6%97%A5%E6%9C%AC/r?lang=zh&theme=dark"),
            ("panel.like", "o/r", &[("theme", "dracula")], Some(2), "/v1/like/o/r/card.png?scale=2"),
            ("card.stats", "Octo", &zh_dark, None, "/api?username=Octo&locale=zh&theme=dark"),
            ("card.stats", "octo/r", &[], Some(1), "/api.png?username=octo&scale=1"),
            (
                "card.langs",
                "octo",
                &[("theme", "shadow_red")],
                None,
                "/api/top-langs?username=octo&theme=shadow_red",
            ),
            ("card.pin", "octo/hello.rs", &[], None, "/api/pin?username=octo&repo=hello.rs"),
            (
                "card.traffic",
                "octo/r",
                &zh_dark,
                None,
                "/api/traffic?username=octo&repo=r&locale=zh&theme=dark",
            ),
            ("card.banner", "octo", &zh_dark, None, "/banners/preview?username=octo&type=dark"),
            ("card.banner", "octo", &[], Some(1), "/banners/preview.png?username=octo&scale=1&type=default"),
        ] {
            assert_eq!(path(style, name, chosen, png).as_deref(), Some(expect), "{style} {name}");
        }
    }

    #[test]
    fn a_click_leads_to_what_the_picture_is_about() {
        for (style, name, words, expect) in [
            ("panel.badge", "o/r", "", "/v1/like/o/r/add"),
            ("panel.button", "o/r", "en", "/v1/like/o/r/add?lang=en"),
            ("panel.visit", "o/r", "en", "/repo/o/r"),
            ("card.pin", "octo/r", "", "/repo/octo/r"),
            ("card.traffic", "octo/r", "zh", "/repo/octo/r"),
            ("card.stats", "octo/r", "zh", "/name/octo"),
            ("card.langs", "octo", "", "/name/octo"),
            ("card.streak", "octo/r", "", "/name/octo"),
            ("card.banner", "octo/r", "", "/name/octo"),
        ] {
            let link = OtherPicture::of(style).unwrap().link(&Name::new(name).unwrap(), words);
            assert_eq!(link, expect, "{style} {name}");
        }
    }

    #[test]
    fn only_names_that_fit_have_one() {
        for (style, name) in [
            ("panel.badge", "octo"),
            ("panel.badge", "a/b/c"),
            ("panel.button", "a/.."),
            ("card.pin", "octo"),
            ("card.pin", "octo/a b"),
            ("card.pin", "octo/.."),
            ("card.traffic", "octo/"),
            ("card.stats", "example.org"),
            ("card.stats", "octo/a/b"),
            ("card.banner", "日本語"),
        ] {
            assert_eq!(path(style, name, &[], None), None, "{style} {name}");
        }
        let words = |name: &str, with_cards| -> Vec<&str> {
            let name = Name::new(name).unwrap();
            OtherPicture::of_name(&name, with_cards).into_iter().map(|(word, _)| word).collect()
        };
        assert_eq!(words("octo/r", true), ["panel.badge", "card.pin"]);
        assert_eq!((words("octo", true), words("octo", false)), (vec!["card.stats"], vec![]));
        assert_eq!(words("日本/r", true), ["panel.badge"]);
    }
}
