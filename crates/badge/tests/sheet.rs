//! One picture of every picture: each style, theme and kind, on a light page and on a dark one. It is written to
//! `target/tmp/contact-sheet.png` for people to look at.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

mod drawn;

use resvg::tiny_skia::{Color as Paint, Pixmap, PixmapPaint, Transform};
use tallymark_badge::{
    Badge, Color, Spark,
    banner::{Banner, BannerType},
    card::{
        CardLang, CardLook, CardRank, CardTheme, CardTime, CommitYears, LanguageCard, LanguageLayout,
        LanguageMeasure, LanguageValues, NoLanguages, RepositoryCard, StatsCard, StatsRow, Streak,
        StreakCard, StreakUnit, TrafficCard,
    },
    chart::{AxisScale, Chart, Series},
    digits::{DigitPicture, DigitThemes},
    panel::{Lang, Locality, Options, Panel, Picture, Tallied, Theme, Trace},
    render,
    shields::{LogoFile, OwnLogos, Shield, Style},
};
use tallymark_core::{ClientClass, Day, Event, Minute, NameRef, Step};

/// 2026-11-20T12:00Z.
const NOW: Minute = Minute(29_919_600);
const TIME: CardTime = CardTime { at: NOW, is_old: false };
/// A page's width, and the room between pictures.
const WIDTH: u32 = 1_640;
const GAP: u32 = 14;

#[derive(Clone, Copy, PartialEq)]
enum Page {
    Light,
    Dark,
}

fn badges() -> Vec<String> {
    let mut all = vec![
        render(&Badge::hits("1,234,567")),
        render(&Badge::new("点击次数", "12k")),
        render(&Badge { color: Color::parse("gold").unwrap(), ..Badge::hits("999") }),
        render(&Badge::error("style=flt: did you mean flat?")),
    ];
    let counts: Vec<i64> = (0..40).map(|at| 30 + at * (at % 7) % 90).collect();
    all.push(Spark { badge: Badge::hits("4,321"), counts: &counts }.render());
    let own = OwnLogos::default();
    for style in Style::EVERY {
        for (label, message, color, logo) in [
            ("hits", "1,234", "#4c1", None),
            ("visits / likes", "12k / 34", "blue", Some("github")),
            ("Привет", "7", "ff69b4", Some("rust")),
            ("", "88,888", "yellow", None),
        ] {
            let ground = style.behind_logo(Color::rgb(0x55, 0x55, 0x55));
            let file = logo.map(|name| LogoFile::read_with(&own, name, None, ground).unwrap());
            let logo = file.as_ref().map(|file| file.logo(false));
            let color = Color::parse(color).unwrap();
            all.push(Shield { color, logo, ..Shield::new(style, label, message) }.render());
        }
    }
    all
}

fn digits() -> Vec<String> {
    let themes = DigitThemes::default();
    let draw = |name: &str, number, size| {
        let theme = themes.find(name).unwrap();
        DigitPicture { padding: 7, size, ..DigitPicture::new(&theme, number, "hits") }.render()
    };
    let names: Vec<&str> = themes.names().collect();
    names.into_iter().flat_map(|name| [draw(name, 1_234_567_890, 1.0), draw(name, 42, 0.5)]).collect()
}

fn charts() -> Vec<String> {
    let a: Vec<i64> = (0..30).map(|at| 400 + at * 13 % 170 - 150 * i64::from(at % 7 > 4)).collect();
    let b: Vec<i64> = a.iter().map(|count| count / 2 + 40).collect();
    let one = [Series { name: "you/repo", counts: &a }];
    let two = [one[0], Series { name: "日本/語", counts: &b }];
    [(&one[..], AxisScale::Linear), (&two[..], AxisScale::Linear), (&two[..], AxisScale::Log)]
        .map(|(series, scale)| {
            Chart {
                event: Event::HIT,
                step: Step::Day,
                first: 20_748,
                series,
                so_far: true,
                legend: true,
                lang: Lang::En,
                scale,
                width: 780,
            }
            .render()
        })
        .into()
}

fn panels(page: Page) -> Vec<String> {
    let trace = |number: i64, age: i32, city, country, class| Trace {
        number: Some(number),
        minute: Minute(NOW.0 - age),
        class,
        locality: Locality { city, country },
    };
    let visits = [
        trace(12_345, 0, "Berlin", "DE", ClientClass::Browser),
        trace(12_344, 7, "", "", ClientClass::GithubCamo),
        trace(12_343, 90, "上海", "CN", ClientClass::Browser),
    ];
    let likes = [trace(67, 5, "Lima", "PE", ClientClass::Browser)];
    let theme = if page == Page::Dark { Theme::Dark } else { Theme::Light };
    let panel = Panel {
        name: NameRef::new(b"octo-cat/hello").unwrap(),
        avatar: None,
        visits: Tallied { total: 12_345, traces: &visits },
        likes: Tallied { total: 67, traces: &likes },
        now: NOW,
        options: Options { theme, ..Options::default() },
        is_away: false,
    };
    Picture::EVERY.map(|picture| panel.render(picture)).into()
}

fn cards(page: Page) -> Vec<String> {
    let rows = [(StatsRow::Stars, 1_234), (StatsRow::Repositories, 49), (StatsRow::Followers, 789)];
    let languages = [("Rust", 20), ("C++", 12), ("Shell", 6), ("Python", 4)];
    let languages = languages.map(|(name, count)| (name.to_owned(), count));
    let repository = RepositoryCard {
        owner: Some("octo-cat"),
        name: "hello",
        description: Some("Says hello to whoever asks, and counts how often it did so."),
        language: Some("Rust"),
        stars: 12_345,
        forks: 67,
        is_fork: false,
        is_archived: false,
        lines: None,
        time: TIME,
    };
    let stats = StatsCard { login: "octo-cat", rows: &rows, split: (42, 7), rank: None, time: TIME };
    let views: Vec<u64> = (0..30).map(|day| 40 + day * (day % 7) * 3).collect();
    let visitors: Vec<u64> = views.iter().map(|views| views / 3).collect();
    let traffic = TrafficCard {
        repository: "octo-cat/hello",
        last: Day(20_775),
        views: &views,
        visitors: &visitors,
        clones: &visitors,
    };
    let mut all = vec![repository.render(&CardLook::default()), traffic.render(&CardLook::default())];
    for theme in CardTheme::every().iter().copied().take(10) {
        all.push(stats.render(&CardLook { theme, icons: true, ..CardLook::default() }));
    }
    for (_, layout) in LanguageLayout::EVERY {
        let card = LanguageCard {
            login: "octo-cat",
            languages: &languages,
            measure: LanguageMeasure::Bytes,
            nothing: NoLanguages::Unknown,
            count: layout.usual_count(),
            layout,
            values: LanguageValues::Percents,
            time: TIME,
        };
        all.push(card.render(&CardLook::default()));
    }
    all.extend(work_cards());
    let banner = Banner {
        login: "octo-cat",
        is_organization: false,
        originals: 42,
        forked: 7,
        stars: 1_234,
        forks: 56,
        followers: 789,
        languages: &languages,
        at: NOW,
        is_old: false,
    };
    all.push(banner.render(if page == Page::Dark { BannerType::Dark } else { BannerType::Default }));
    all
}

/// What an account has done, with names and numbers that are as long as they get.
fn work_cards() -> Vec<String> {
    let rows = [
        (StatsRow::Stars, 1_234),
        (StatsRow::Commits(CommitYears::Last), 2_345),
        (StatsRow::PullRequests, 345),
        (StatsRow::Issues, 56),
        (StatsRow::ContributedTo, 7),
    ];
    let every = [
        (StatsRow::Stars, 9_999_999_999),
        (StatsRow::Commits(CommitYears::All), 1_234_567),
        (StatsRow::Commits(CommitYears::One(2024)), 12),
        (StatsRow::PullRequests, 345),
        (StatsRow::Merged, 300),
        (StatsRow::MergedShare, 8_695),
        (StatsRow::Reviews, 12),
        (StatsRow::Issues, 56),
        (StatsRow::Discussions, 3),
        (StatsRow::Answers, 2),
        (StatsRow::ContributedTo, 7),
        (StatsRow::Repositories, 49),
        (StatsRow::Forks, 56),
        (StatsRow::Followers, 789),
    ];
    let long = "W".repeat(39);
    let rank = |level, top, shows_top| Some(CardRank { level, top, shows_top, parts: &[] });
    let stats =
        StatsCard { login: "octo-cat", rows: &rows, split: (42, 7), rank: rank("A+", 83, false), time: TIME };
    let icons = CardLook { icons: true, ..CardLook::default() };
    let zh = CardLook { lang: CardLang::Zh, ..icons.clone() };
    let narrow = CardLook { width: Some(1), ..icons.clone() };
    let mut all = vec![
        stats.render(&CardLook::default()),
        stats.render(&zh),
        StatsCard { rows: &rows[..1], rank: rank("C", 1000, true), ..stats }.render(&CardLook::default()),
        StatsCard { login: &long, rows: &every, ..stats }.render(&narrow),
        StatsCard { rows: &every, rank: rank("S", 4, true), ..stats }.render(&zh),
    ];
    let run = |first: i32, last: i32| Some(Streak { first: Day(first), last: Day(last) });
    let today = NOW.day();
    let streak = StreakCard {
        login: "octo-cat",
        total: 12_345,
        since: Some(Day(16_801)),
        current: run(today.0 - 11, today.0),
        longest: run(19_700, 19_761),
        today: (today, "Europe/Berlin"),
        unit: StreakUnit::Days,
        days_off: &[],
        hidden: [false; 3],
        time: TIME,
    };
    let none = StreakCard { total: 0, since: None, current: None, longest: None, ..streak };
    let huge = StreakCard {
        login: &long,
        total: 9_999_999_999,
        current: run(16_801, today.0 - 1),
        longest: run(16_801, today.0 - 1),
        ..streak
    };
    for look in [CardLook::default(), zh, narrow] {
        all.extend([streak, none, huge].map(|card| card.render(&look)));
    }
    let many: Vec<(String, u64)> = (0..40).map(|n| (format!("<script>{n}</script>"), 41 - n)).collect();
    let chinese = [("易语言易语言易语言易语言易语言".to_owned(), 900), ("Visual Basic .NET".to_owned(), 30)];
    for (languages, count, layout) in [
        (&many[..], 20, LanguageLayout::Compact),
        (&many, 8, LanguageLayout::Donut),
        (&chinese, 6, LanguageLayout::Bars),
        (&[], 6, LanguageLayout::Pie),
    ] {
        let card = LanguageCard {
            login: "octo-cat",
            languages,
            measure: LanguageMeasure::Bytes,
            nothing: NoLanguages::NoRepositories,
            count,
            layout,
            values: LanguageValues::Percents,
            time: TIME,
        };
        all.push(card.render(&CardLook::default()));
    }
    all
}

/// What a reader sees whose system is dark: the renderer knows no such reader.
fn in_dark(svg: &str) -> String {
    let Some(at) = svg.find("@media").filter(|&at| svg[at..].contains("dark")) else { return svg.to_owned() };
    let open = at + svg[at..].find('{').unwrap();
    let mut depth = 0;
    let close = svg[open..].char_indices().find(|(_, c)| {
        depth += i32::from(*c == '{') - i32::from(*c == '}');
        depth == 0
    });
    let close = open + close.unwrap().0;
    format!("{}{}{}", &svg[..at], &svg[open + 1..close], &svg[close + 1..])
}

/// Pictures from left to right, in rows.
fn page(page: Page) -> Pixmap {
    let groups = [badges(), digits(), charts(), panels(page), cards(page)];
    let mut sheet = Pixmap::new(WIDTH, 8_000).unwrap();
    sheet.fill(match page {
        Page::Light => Paint::WHITE,
        Page::Dark => Paint::from_rgba8(0x0d, 0x11, 0x17, 0xff),
    });
    let (mut x, mut y, mut row) = (GAP, GAP, 0);
    for group in groups {
        for svg in group {
            let svg = if page == Page::Dark { in_dark(&svg) } else { svg };
            let picture = drawn::pixels(&svg, 1.0);
            assert!(picture.width() + 2 * GAP <= WIDTH, "{} px wide: {svg}", picture.width());
            assert!(picture.pixels().iter().any(|pixel| pixel.alpha() > 0), "nothing is drawn: {svg}");
            if x + picture.width() + GAP > WIDTH {
                (x, y, row) = (GAP, y + row + GAP, 0);
            }
            let place = (x as i32, y as i32);
            let paint = PixmapPaint::default();
            sheet.draw_pixmap(place.0, place.1, picture.as_ref(), &paint, Transform::identity(), None);
            (x, row) = (x + picture.width() + GAP, row.max(picture.height()));
        }
        (x, y, row) = (GAP, y + row + 2 * GAP, 0);
    }
    cut(&sheet, y)
}

fn cut(sheet: &Pixmap, height: u32) -> Pixmap {
    let mut cut = Pixmap::new(sheet.width(), height).unwrap();
    cut.draw_pixmap(0, 0, sheet.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
    cut
}

#[test]
fn every_picture_is_on_the_contact_sheet() {
    let (light, dark) = (page(Page::Light), page(Page::Dark));
    assert_ne!(light.data(), dark.data());
    let mut both = Pixmap::new(WIDTH, light.height() + dark.height()).unwrap();
    for (at, part) in [(0, &light), (light.height() as i32, &dark)] {
        both.draw_pixmap(0, at, part.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
    }
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("contact-sheet.png");
    both.save_png(&path).unwrap();
}
