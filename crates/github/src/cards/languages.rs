//! `/api/top-langs?username=`: languages, by the size of their code where that is known.

use super::{
    CardAddress, CardNotes, CardSource, NoCard,
    values::{flag, list, number, word, words},
};
use tallymark_badge::card::{
    CardLang, LanguageCard, LanguageLayout, LanguageMeasure, LanguageValues, NoLanguages,
};

const MOST_LANGUAGES: u32 = 20;

/// By which powers bytes and repositories count. Without a word it is bytes, as far as they are known.
fn weights(address: &CardAddress, lang: CardLang) -> Result<Option<(f64, f64)>, String> {
    let weight = |key: &str| {
        let wrong =
            || lang.say(&format!("{key} is a number from 0 to 10"), &format!("{key} 是 0 到 10 的数字"));
        let read = |text: String| text.parse::<f64>().ok().filter(|weight| (0.0..=10.0).contains(weight));
        address.given(key).map(|text| read(text).ok_or_else(wrong)).transpose()
    };
    let (size, count) = (weight("size_weight")?, weight("count_weight")?);
    Ok(size.or(count).map(|_| (size.unwrap_or(1.0), count.unwrap_or(0.0))))
}

pub(super) fn draw(source: &CardSource<'_>, notes: &mut CardNotes) -> Result<String, NoCard> {
    let CardSource { address, aged, .. } = *source;
    let layout = words(address, "layout", &LanguageLayout::EVERY, notes).first().copied();
    // The original's has neither percents nor bars.
    let hide_progress = flag(address, "hide_progress", notes);
    let hide_values = flag(address, "hide_values", notes);
    let layout = layout.unwrap_or(if hide_progress { LanguageLayout::Compact } else { LanguageLayout::Bars });
    let count = number(address, "langs_count", 1..=MOST_LANGUAGES, notes);
    let excluded = source.excluded(notes);
    let stats = aged.stats.without(&excluded);
    let by_code = aged.work.code.as_ref();
    let (mut languages, measure) = match (weights(address, source.look.lang)?, by_code) {
        (Some((0.0, 1.0)), _) | (None, None) => (stats.languages.clone(), LanguageMeasure::Repositories),
        (None | Some((1.0, 0.0)), Some(code)) => {
            (code.weighed(&excluded, (1.0, 0.0)), LanguageMeasure::Bytes)
        }
        (Some(weights), Some(code)) => (code.weighed(&excluded, weights), LanguageMeasure::Both),
        (Some(_), None) if source.terms.has_tokens => {
            let login = &stats.login;
            if aged.work.no_code {
                return Err(NoCard::NotYet(source.say(
                    &format!("GitHub's answer about the languages of {login} cannot be used"),
                    &format!("GitHub 返回的 {login} 的语言数据无法使用"),
                )));
            }
            return Err(NoCard::NotYet(source.say(
                &format!("The sizes of the languages of {login} are on their way"),
                &format!("{login} 的语言代码量稍后显示"),
            )));
        }
        // The card says what it is by.
        (Some(_), None) => {
            notes.add("size_weight and count_weight need a token, so languages are compared by repositories");
            (stats.languages.clone(), LanguageMeasure::Repositories)
        }
    };
    let (hidden, had_any) = (list(address, "hide"), !languages.is_empty());
    languages.retain(|(name, _)| !hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(name)));
    let code_at = by_code.filter(|_| measure != LanguageMeasure::Repositories).map(|code| code.at);
    let shows_bytes = shows_bytes(address, measure, notes);
    let card = LanguageCard {
        login: &stats.login,
        languages: &languages,
        measure,
        nothing: match () {
            () if had_any => NoLanguages::Hidden,
            () if stats.repositories() > 0 => NoLanguages::Unknown,
            () => NoLanguages::NoRepositories,
        },
        count: count.map_or(layout.usual_count(), |count| count as usize),
        layout,
        values: match () {
            () if hide_progress || hide_values => LanguageValues::Hidden,
            () if shows_bytes => LanguageValues::Bytes,
            () => LanguageValues::Percents,
        },
        time: source.time(code_at),
    };
    Ok(card.render(source.look))
}

/// What is behind each language.
const FORMATS: [(&str, bool); 2] = [("percentages", false), ("bytes", true)];

/// Whether bytes are, which have to be known.
fn shows_bytes(address: &CardAddress, measure: LanguageMeasure, notes: &mut CardNotes) -> bool {
    let asked = word(address, "stats_format", &FORMATS, notes).unwrap_or_default();
    if asked && measure != LanguageMeasure::Bytes {
        notes.add("stats_format=bytes is for languages by the size of code, so percents are shown");
    }
    asked && measure == LanguageMeasure::Bytes
}
