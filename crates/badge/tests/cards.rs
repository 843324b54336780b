//! What cards look like, byte for byte.
//!
//! A change of a picture must be reviewed and accepted (`cargo insta review`); a missing snapshot fails.

use tallymark_badge::card::{
    CardLang, CardLook, CardRank, CardTheme, CardTime, CommitYears, LanguageCard, LanguageLayout,
    LanguageMeasure, LanguageValues, NoLanguages, RepositoryCard, StatsCard, StatsRow, Streak, StreakCard,
    StreakUnit, TrafficCard, notice,
};
use tallymark_core::{Day, Minute};

/// 2026-11-20T12:00Z.
const TIME: CardTime = CardTime { at: Minute(29_919_600), is_old: false };
const ROWS: [(StatsRow, u64); 4] = [
    (StatsRow::Stars, 1_234),
    (StatsRow::Repositories, 49),
    (StatsRow::Forks, 56),
    (StatsRow::Followers, 789),
];

#[test]
fn stats_card_follows_the_reader_or_has_a_theme() {
    let card = StatsCard { login: "octo-cat", rows: &ROWS, split: (42, 7), rank: None, time: TIME };
    insta::assert_snapshot!("card_stats", card.render(&CardLook::default()));
    let theme = CardTheme::named("dracula").unwrap_or_default();
    let look = CardLook { theme, icons: true, lang: CardLang::Zh, ..CardLook::default() };
    insta::assert_snapshot!("card_stats_dracula_zh", card.render(&look));
}

#[test]
fn work_is_ranked_and_days_in_a_row_are_told() {
    let rows = [
        (StatsRow::Stars, 1_234),
        (StatsRow::Commits(CommitYears::Last), 2_345),
        (StatsRow::PullRequests, 345),
        (StatsRow::MergedShare, 8_695),
        (StatsRow::ContributedTo, 7),
    ];
    let rank =
        Some(CardRank { level: "A+", top: 83, shows_top: false, parts: &[(StatsRow::Stars, 1_234, 50)] });
    let card = StatsCard { login: "octo-cat", rows: &rows, split: (42, 7), rank, time: TIME };
    insta::assert_snapshot!("card_rank", card.render(&CardLook { icons: true, ..CardLook::default() }));
    let run = |first: i32, last: i32| Some(Streak { first: Day(first), last: Day(last) });
    let card = StreakCard {
        login: "octo-cat",
        total: 12_345,
        since: Some(Day(16_801)),
        current: run(20_766, 20_777),
        longest: run(19_700, 19_761),
        today: (Day(20_777), "Europe/Berlin"),
        unit: StreakUnit::Days,
        days_off: &[],
        hidden: [false; 3],
        time: TIME,
    };
    insta::assert_snapshot!("card_streak", card.render(&CardLook::default()));
    let none = StreakCard { total: 0, since: None, current: None, longest: None, ..card };
    insta::assert_snapshot!(
        "card_streak_none_zh",
        none.render(&CardLook { lang: CardLang::Zh, ..CardLook::default() })
    );
}

#[test]
fn languages_are_drawn_in_every_layout() {
    let languages =
        [("Rust", 20), ("C++", 12), ("Shell", 6), ("Python", 4), ("Lua", 2), ("Zig", 2), ("C", 1)];
    let languages = languages.map(|(name, count)| (name.to_owned(), count));
    for (word, layout) in LanguageLayout::EVERY {
        let card = LanguageCard {
            login: "octo-cat",
            languages: &languages,
            measure: LanguageMeasure::Repositories,
            nothing: NoLanguages::Unknown,
            count: layout.usual_count(),
            layout,
            values: LanguageValues::Percents,
            time: TIME,
        };
        insta::assert_snapshot!(format!("card_languages_{word}"), card.render(&CardLook::default()));
    }
}

#[test]
fn repository_card_has_what_its_owner_says() {
    let card = RepositoryCard {
        owner: Some("octo-cat"),
        name: "hello",
        description: Some("Says hello to whoever asks, and counts how often it did so. It has no other use."),
        language: Some("Rust"),
        stars: 12_345,
        forks: 67,
        is_fork: true,
        is_archived: true,
        lines: None,
        time: CardTime { is_old: true, ..TIME },
    };
    insta::assert_snapshot!("card_repository", card.render(&CardLook { icons: true, ..CardLook::default() }));
}

#[test]
fn traffic_has_a_bar_for_each_day() {
    let views: Vec<u64> = (0..30).map(|day| 40 + day * (day % 7) * 3).collect();
    let visitors: Vec<u64> = views.iter().map(|views| views / 3).collect();
    let clones: Vec<u64> = views.iter().map(|views| views % 5).collect();
    let card = TrafficCard {
        repository: "octo-cat/hello",
        last: Day(20_775),
        views: &views,
        visitors: &visitors,
        clones: &clones,
    };
    insta::assert_snapshot!("card_traffic", card.render(&CardLook::default()));
    let look = CardLook { lang: CardLang::Zh, width: Some(280), ..CardLook::default() };
    insta::assert_snapshot!("card_traffic_narrow_zh", card.render(&look));
}

#[test]
fn what_is_wrong_is_said() {
    insta::assert_snapshot!(
        "card_notice",
        notice("This address is wrong", "theme=dracla: did you mean dracula?", &CardLook::default())
    );
}
