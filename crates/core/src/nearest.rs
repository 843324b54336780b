//! Finds the word that was probably meant. Used wherever a name from a list is read: keys of the configuration,
//! environment variables, parameters of pictures.

/// Longer texts are not misspelt words, and take long to compare.
const LONGEST: usize = 64;

/// The known word that was probably meant: two edits away at most, or one edit or two swapped letters for words of four or
/// five letters. A short word is one only if letters are missing or too many: `es` is no slip of `en`, nor `zh-tw` of
/// `zh-cn`, but another code.
///
/// ```
/// assert_eq!(tallymark_core::nearest("flt", &["flat", "plastic"]), Some("flat"));
/// assert_eq!(tallymark_core::nearest("round", &["flat", "plastic"]), None);
/// assert_eq!(tallymark_core::nearest("es", &["en", "zh"]), None);
/// ```
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if word.len() > LONGEST {
        return None;
    }
    let (edits, near) = known.iter().map(|&known| (strsim::osa_distance(word, known), known)).min()?;
    let (here, there) = (word.chars().count(), near.chars().count());
    let is_near = match here.min(there) {
        _ if here <= 2 => false,
        0..=3 => edits <= 2 && edits == here.abs_diff(there),
        4..=5 => edits <= 1,
        _ => edits <= 2,
    };
    is_near.then_some(near)
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
    if name.len() > LONGEST {
        return None;
    }
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
        assert_eq!(nearest("bleu", &["blue", "black"]), Some("blue"));
        assert_eq!(nearest("hit", &["hits", "likes"]), Some("hits"));
    }

    #[test]
    fn codes_are_no_slips_of_each_other() {
        let codes = ["en", "cn", "zh", "zh-cn", "fr", "for", "all"];
        for word in ["es", "de", "ko", "n", "zh-tw", "zh-hk", "pt-br", "ast", "fir", "ill", "xx"] {
            assert_eq!(nearest(word, &codes), None, "{word}");
        }
        assert_eq!(nearest("fra", &codes), Some("fr"));
    }
}
