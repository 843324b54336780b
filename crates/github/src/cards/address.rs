//! The address of a card: the account, the kind, and the parameters in a fixed order, whatever order they were written
//! in. In that order they are also the name of its file, which nginx builds from its own variables.

use super::CardKind;
use crate::AccountName;
use tallymark_badge::card::CardLang;
use tallymark_core::decode_percent;

/// Every parameter that changes a picture, as the file's name has them, in lower case. nginx/cards.conf has the same ones.
pub(super) const KEYS: [&str; 50] = [
    "theme",
    "title_color",
    "text_color",
    "icon_color",
    "ring_color",
    "ring",
    "border_color",
    "border",
    "bg_color",
    "background",
    "hide_border",
    "hide_title",
    "custom_title",
    "card_width",
    "border_radius",
    "show_icons",
    "number_format",
    "short_numbers",
    "locale",
    "exclude_repo",
    "hide",
    "show",
    "hide_rank",
    "rank_icon",
    "include_all_commits",
    "commits_year",
    "layout",
    "langs_count",
    "hide_progress",
    "hide_values",
    "stats_format",
    "size_weight",
    "count_weight",
    "repo",
    "show_owner",
    "description_lines_count",
    "timezone",
    "mode",
    "exclude_days",
    "starting_year",
    "stroke",
    "fire",
    "currstreaknum",
    "sidenums",
    "currstreaklabel",
    "sidelabels",
    "dates",
    "hide_total_contributions",
    "hide_current_streak",
    "hide_longest_streak",
];
/// Between the parts of a file's name; no part has it.
const SEPARATOR: char = '~';
/// With more than so many bytes after its kind, a name is no file.
const LONGEST: usize = 200;

/// The address of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardAddress {
    pub(super) kind: CardKind,
    /// As it is written there.
    name: String,
    /// In the order of [`KEYS`]; empty where there is none.
    values: Vec<String>,
}

impl CardAddress {
    /// Of a kind, from the raw values of the parameters in a query, whose names are in any case.
    pub fn read<'a>(kind: CardKind, raw: impl Fn(&str) -> Option<&'a str>) -> CardAddress {
        let text = |key: &str| raw(key).unwrap_or_default().to_owned();
        // Streak cards elsewhere call it so. An empty one is as none, as nginx has it.
        let name = raw("username").filter(|name| !name.is_empty()).or_else(|| raw("user"));
        let name = name.unwrap_or_default().to_owned();
        CardAddress { kind, name, values: KEYS.map(text).into() }
    }

    /// Which required parameter is missing from the address, if any.
    #[must_use]
    pub fn lacks(&self, lang: CardLang) -> Option<String> {
        let is_of_repository = matches!(self.kind, CardKind::Repository | CardKind::Traffic);
        if self.name.is_empty() {
            return Some(
                lang.say(
                    "username is missing: add username=ACCOUNT",
                    "缺少 username：请加上 username=ACCOUNT",
                ),
            );
        }
        let repo = self.text("repo").unwrap_or_default();
        (is_of_repository && repo.is_empty())
            .then(|| lang.say("repo is missing: add &repo=REPOSITORY", "缺少 repo：请加上 &repo=REPOSITORY"))
    }

    /// Whose card it is, as it is written in the address.
    #[must_use]
    pub fn name(&self) -> String {
        decoded(&self.name, true)
    }

    /// The name of its file, without the ending; `None` if it has none, because it has other characters than nginx lets through.
    #[must_use]
    pub fn file(&self) -> Option<String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._,%+-".contains(&b);
        let mut asked = self.name.clone();
        for value in &self.values {
            asked.push(SEPARATOR);
            asked.push_str(value);
        }
        let right = AccountName::new(&self.name).is_ok()
            && self.values.iter().all(|value| value.bytes().all(plain))
            && asked.len() <= LONGEST;
        right.then(|| format!("{}{SEPARATOR}{asked}", self.kind.word()))
    }

    /// The address whose file has this name.
    #[must_use]
    pub fn of_file(file: &str) -> Option<CardAddress> {
        let mut parts = file.split(SEPARATOR);
        let (kind, name) = (CardKind::from_word(parts.next()?)?, parts.next()?.to_owned());
        let values: Vec<String> = parts.map(str::to_owned).collect();
        (values.len() == KEYS.len()).then_some(CardAddress { kind, name, values })
    }

    fn raw(&self, key: &str) -> Option<&str> {
        let at = KEYS.iter().position(|known| *known == key)?;
        // An empty one is as none.
        Some(self.values[at].as_str()).filter(|value| !value.is_empty())
    }

    /// A parameter.
    pub(super) fn given(&self, key: &str) -> Option<String> {
        self.raw(key).map(|raw| decoded(raw, false)).filter(|text| !text.is_empty())
    }

    /// A parameter that is text, in which `+` is a space.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.raw(key).map(|raw| decoded(raw, true))
    }
}

fn decoded(raw: &str, is_form: bool) -> String {
    let raw = if is_form { raw.replace('+', " ") } else { raw.to_owned() };
    let mut scratch = Vec::new();
    String::from_utf8_lossy(decode_percent(raw.as_bytes(), 1, &mut scratch)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(query: &str) -> CardAddress {
        let pairs: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        CardAddress::read(CardKind::Stats, |key| {
            pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
        })
    }

    #[test]
    fn parameters_have_one_order_and_files_lead_back_to_them() {
        let one = address("theme=dark&username=Octo&hide=stars,prs&unheard_of=1&custom_title=a+b%2Fc");
        assert_eq!(one, address("custom_title=a+b%2Fc&hide=stars,prs&username=Octo&theme=dark"));
        let file = one.file().unwrap();
        assert!(file.starts_with("stats~Octo~dark~~~~~") && file.contains("~stars,prs~"), "{file}");
        assert_eq!(CardAddress::of_file(&file), Some(one.clone()));
        assert_eq!((one.text("custom_title").as_deref(), one.given("locale")), (Some("a b/c"), None));
        for none in [
            "username=a&theme=../x",
            "username=a/b",
            "username=a&theme=a~b",
            "username=a&hide=ü",
            "username=a&theme=\0",
        ] {
            assert_eq!(address(none).file(), None, "{none}");
        }
        // nginx takes the other name where the first one is empty, too.
        assert_eq!(address("username=&user=a").file(), address("username=a").file());
        assert_eq!(address(&format!("username=a&hide={}", "x".repeat(200))).file(), None);
        for none in ["", "stats", "stats~a", "other~a~dark", &format!("{file}~x")] {
            assert_eq!(CardAddress::of_file(none), None, "{none}");
        }
    }

    #[test]
    fn nginx_has_the_same_parameters_in_the_same_order() {
        let conf = include_str!("../../../../nginx/cards.conf");
        let variables: String = KEYS.iter().map(|key| format!("~$arg_{key}")).collect();
        assert!(conf.contains(&variables), "{variables}");
        for (kind, _) in CardKind::EVERY {
            let file = format!("/.cards/{kind}~$tallymark_card_{kind}.svg");
            assert!(
                conf.lines()
                    .any(|line| line.contains(&file) && line.contains(&format!("){{{}}})$\"", KEYS.len())))
            );
        }
        assert!(conf.contains(&format!("(?=.{{1,{LONGEST}}}$)")));
    }
}
