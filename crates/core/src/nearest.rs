//! The word that was probably meant. Called wherever a name out of a list is read: keys of the configuration, variables,
//! parameters of pictures.

/// The known word that is at most two edits away, and shares a letter at least.
///
/// ```
/// assert_eq!(tallymark_core::nearest("flt", &["flat", "plastic"]), Some("flat"));
/// assert_eq!(tallymark_core::nearest("round", &["flat", "plastic"]), None);
/// ```
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|&known| (strsim::levenshtein(word, known), known)).min()?;
    (near.0 <= 2 && near.0 < word.chars().count()).then_some(near.1)
}

/// The known word that a name was probably meant to be: one edit or two swapped letters away, or two edits for names of
/// five letters or more. Nothing for a known name, whatever its case, and for names that are merely other words.
///
/// ```
/// assert_eq!(tallymark_core::misspelt("stlye", &["style", "base"]), Some("style"));
/// assert_eq!(tallymark_core::misspelt("Style", &["style"]), None);
/// assert_eq!(tallymark_core::misspelt("date", &["base"]), None);
/// ```
#[must_use]
pub fn misspelt<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = name.to_ascii_lowercase();
    let edits = |known: &&'k str| (strsim::osa_distance(&name, &known.to_ascii_lowercase()), *known);
    let (edits, near) = known.iter().map(edits).min()?;
    let shorter = name.len().min(near.len());
    let most = if shorter >= 5 { 2 } else { usize::from(shorter >= 3) };
    (1..=most).contains(&edits).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_is_close() {
        assert_eq!(nearest("lisen", &["listen", "url"]), Some("listen"));
        assert_eq!(nearest("colour", &["color", "label"]), Some("color"));
        assert_eq!(nearest("banana", &["color", "label"]), None);
        assert_eq!(nearest("x", &["7d"]), None);
        assert_eq!(nearest("", &["7d"]), None);
    }
}
