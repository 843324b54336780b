//! Names of parameters that are probably misspelt: `stlye=flat` is a mistake that the badge explains, and `?v=2`, which
//! makes a new address for a cache, is not.

use crate::query::Query;
use tallymark_core::misspelt;

/// Every parameter of a badge. shields.io's that change nothing here are in it, too.
const KNOWN: [&str; 24] = [
    "abbreviated",
    "base",
    "cacheSeconds",
    "color",
    "colorA",
    "colorB",
    "count",
    "digits",
    "event",
    "format",
    "label",
    "labelColor",
    "link",
    "locale",
    "logo",
    "logoColor",
    "logoSize",
    "logoWidth",
    "number_format",
    "period",
    "scale",
    "short_numbers",
    "show",
    "style",
];

/// They say what is counted, which nginx decides without asking, and it knows them only as they are written.
const COUNTED_BY: [&str; 2] = ["count", "event"];

/// Refuses the first parameter that looks like a misspelt one of those that change the picture.
pub(super) fn check(query: Query<'_>) -> Result<(), String> {
    for (key, _) in query.raw() {
        // A key that is escaped is no slip of the hand.
        let is_word = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let meant = Some(key).filter(|_| is_word).and_then(|key| misspelt(key, &KNOWN));
        if let Some(meant) = meant.filter(|meant| !COUNTED_BY.contains(meant)) {
            return Err(format!("{key}: did you mean {meant}?"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_explained_and_other_parameters_are_not() {
        for (key, meant) in [
            ("stlye", "style"),
            ("styl", "style"),
            ("lable", "label"),
            ("colour", "color"),
            ("clor", "color"),
            ("label_color", "labelColor"),
            ("label-color", "labelColor"),
            ("digit", "digits"),
            ("diigts", "digits"),
            ("shwo", "show"),
            ("fromat", "format"),
            ("perod", "period"),
            ("bases", "base"),
            ("local", "locale"),
        ] {
            let said = check(Query::in_form(&format!("repo=a&{key}=1"))).unwrap_err();
            assert_eq!(said, format!("{key}: did you mean {meant}?"));
        }
        for key in [
            "evnet",
            "counts",
            "t",
            "v",
            "_",
            "ts",
            "cb",
            "cache",
            "nocache",
            "cachebust",
            "cacheBuster",
            "r",
            "rand",
            "random",
            "time",
            "timestamp",
            "date",
            "hash",
            "ver",
            "version",
            "id",
            "ref",
            "utm_source",
            "type",
            "site",
            "name",
            "repo",
            "STYLE",
            "colorA",
            "refresh",
            "token",
            "page",
            "user",
            "",
            "%73tlye",
        ] {
            assert_eq!(check(Query::in_form(&format!("{key}=1"))), Ok(()), "{key}");
        }
    }
}
