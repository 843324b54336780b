//! What banners look like, byte for byte.
//!
//! A change of a picture must be reviewed and accepted (`cargo insta review`); a missing snapshot fails.

use tallymark_badge::banner::{Banner, BannerType, coming, not_created};
use tallymark_core::Minute;

/// 2026-11-20T12:00Z.
const AT: Minute = Minute(29_919_600);

fn usual(languages: &[(String, u64)]) -> Banner<'_> {
    Banner {
        login: "octo-cat",
        is_organization: false,
        originals: 42,
        forked: 7,
        stars: 1_234,
        forks: 56,
        followers: 789,
        languages,
        at: AT,
        is_old: false,
    }
}

fn languages(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    names.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

#[test]
fn banner_is_light_or_dark() {
    let languages = languages(&[("Rust", 20), ("C++", 12), ("Shell", 6), ("Python", 4)]);
    for theme in BannerType::EVERY {
        insta::assert_snapshot!(format!("banner_{}", theme.word()), usual(&languages).render(theme));
    }
}

#[test]
fn account_without_repositories_has_words_for_it() {
    let banner = Banner { originals: 0, forked: 0, stars: 0, forks: 0, followers: 0, ..usual(&[]) };
    insta::assert_snapshot!("banner_empty", banner.render(BannerType::Default));
}

#[test]
fn extremes_fit() {
    let many: Vec<(String, u64)> = (0..40).map(|n| (format!("<script>{n}"), 40 - n)).collect();
    let login = "an-organisation-with-thirty-nine-letter";
    let stars = 9_999_999_999;
    let banner = Banner {
        login,
        is_organization: true,
        originals: stars,
        forked: stars,
        stars,
        forks: stars,
        followers: stars,
        is_old: true,
        ..usual(&many)
    };
    insta::assert_snapshot!("banner_extreme", banner.render(BannerType::Dark));
}

#[test]
fn what_is_not_known_is_said() {
    insta::assert_snapshot!("banner_coming", coming("octo-cat", BannerType::Default));
    insta::assert_snapshot!("banner_not_created", not_created());
}
