//! `/api/top-langs?username=`: languages, by the size of their code where that is known.

use super::{
    CardAddress, CardNotes, CardSource, NoCard,
    look::{flag, list, number, word, words},
};
use tallymark_badge::card::{LanguageCard, LanguageLayout, LanguageMeasure, LanguageValues};

const MOST_LANGUAGES: u32 = 20;

/// By which powers bytes and repositories count. Without a word it is bytes, as far as they are known.
fn weights(address: &CardAddress) -> Result<Option<(f64, f64)>, String> {
    let weight = |key: &str| {
        let wrong = || format!("{key} is a number from 0 to 10");
        let read = |text: String| text.parse::<f64>().ok().filter(|weight| (0.0..=10.0).contains(weight));
        address.given(key).map(|text| read(text).ok_or_else(wrong)).transpose()
    };
    let (size, count) = (weight("size_weight")?, weight("count_weight")?);
    Ok(size.or(count).map(|_| (size.unwrap_or(1.0), count.unwrap_or(0.0))))
}

pub(super) fn draw(source: &CardSource<'_>, notes: &mut CardNotes) -> Result<String, NoCard> {
    let CardSource { address, aged, .. } = *source;
    let layout = words(address, "layout", &LanguageLayout::EVERY)?.first().copied();
    // The original's has neither percents nor bars.
    let hide_progress = flag(address, "hide_progress")?;
    let hide_values = flag(address, "hide_values")?;
    let layout = layout.unwrap_or(if hide_progress { LanguageLayout::Compact } else { LanguageLayout::Bars });
    let count = number(address, "langs_count", 1..=MOST_LANGUAGES, notes)?;
    let excluded = list(address, "exclude_repo");
    let stats = aged.stats.without(&excluded);
    let by_code = aged.work.code.as_ref();
    let (mut languages, measure) = match (weights(address)?, by_code) {
        (Some((0.0, 1.0)), _) | (None, None) => (stats.languages.clone(), LanguageMeasure::Repositories),
        (None | Some((1.0, 0.0)), Some(code)) => {
            (code.weighed(&excluded, (1.0, 0.0)), LanguageMeasure::Bytes)
        }
        (Some(weights), Some(code)) => (code.weighed(&excluded, weights), LanguageMeasure::Both),
        (Some(_), None) if source.terms.has_tokens => {
            return Err(NoCard::NotYet(format!(
                "the sizes of languages of {} are on their way",
                stats.login
            )));
        }
        // The card says what it is by.
        (Some(_), None) => {
            notes.add("size_weight and count_weight need a token, so languages are compared by repositories");
            (stats.languages.clone(), LanguageMeasure::Repositories)
        }
    };
    let hidden = list(address, "hide");
    languages.retain(|(name, _)| !hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(name)));
    let code_at = by_code.filter(|_| measure != LanguageMeasure::Repositories).map(|code| code.at);
    let shows_bytes = shows_bytes(address, measure, notes)?;
    let card = LanguageCard {
        login: &stats.login,
        languages: &languages,
        measure,
        has_repositories: stats.repositories() > 0,
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
fn shows_bytes(
    address: &CardAddress,
    measure: LanguageMeasure,
    notes: &mut CardNotes,
) -> Result<bool, String> {
    let asked = word(address, "stats_format", &FORMATS)?.unwrap_or_default();
    if asked && measure != LanguageMeasure::Bytes {
        notes.add("stats_format=bytes is for languages by the size of code, so percents are shown");
    }
    Ok(asked && measure == LanguageMeasure::Bytes)
}
