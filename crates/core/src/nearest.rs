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
