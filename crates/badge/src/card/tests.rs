use super::*;
use crate::text::Font;
use roxmltree::Document;
use tallymark_core::Day;

const SVG: &str = "http://www.w3.org/2000/svg";
const TIME: CardTime = CardTime { at: Minute(29_700_321), is_old: false };

/// Well-formed, with nothing that loads, runs or moves.
#[track_caller]
fn checked(svg: &str) -> Document<'_> {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let tag = node.tag_name().name();
        assert!(!["script", "image", "use", "a", "foreignObject", "animate"].contains(&tag), "{tag}");
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(!name.starts_with("on") && !name.ends_with("href"), "{attribute:?}");
        }
    }
    assert!(!svg.replace(SVG, "").contains("://") && !svg.contains("animation"));
    document
}

/// Every text lies within the picture.
#[track_caller]
fn all_fits(svg: &str) {
    let document = checked(svg);
    let number =
        |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).unwrap().parse::<u32>().unwrap();
    let root = document.root_element();
    let (width, height) = (number(root, "width"), number(root, "height"));
    for text in document.descendants().filter(|node| node.has_tag_name((SVG, "text"))) {
        let size = number(text, "font-size");
        let bold = text.attribute("font-weight").is_some();
        let (x, y, wide) =
            (number(text, "x"), number(text, "y"), Font { size, bold }.width(text.text().unwrap_or("")));
        let (from, to) = match text.attribute("text-anchor") {
            Some("end") => (x.checked_sub(wide), x),
            Some(_) => (x.checked_sub(wide / 2), x + wide / 2),
            None => (Some(x), x + wide),
        };
        assert!(
            from.is_some_and(|from| from >= 20) && to <= width - 20,
            "{x} and {wide} of {width}: {:?}",
            text.text()
        );
        assert!(y <= height - 10, "{y} of {height}: {:?}", text.text());
    }
}

fn languages(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    names.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

fn stats<'a>(login: &'a str, rows: &'a [(StatsRow, u64)]) -> StatsCard<'a> {
    StatsCard { login, rows, split: (35, 7), rank: None, time: TIME }
}

fn language_card<'a>(languages: &'a [(String, u64)], layout: LanguageLayout) -> LanguageCard<'a> {
    let count = layout.usual_count();
    LanguageCard {
        login: "octo",
        languages,
        measure: LanguageMeasure::Bytes,
        nothing: NoLanguages::Unknown,
        count,
        layout,
        values: LanguageValues::Percents,
        time: TIME,
    }
}

fn repository<'a>() -> RepositoryCard<'a> {
    RepositoryCard {
        owner: None,
        name: "hello",
        description: Some("Says hello to whoever asks, and counts how often it did"),
        language: Some("Rust"),
        stars: 12_345,
        forks: 67,
        is_fork: false,
        is_archived: false,
        lines: None,
        time: TIME,
    }
}

#[test]
fn title_keeps_the_repository_and_cuts_its_owner() {
    let owner = "an-organisation-with-a-long-name-indeed";
    let svg = RepositoryCard { owner: Some(owner), ..repository() }.render(&CardLook::default());
    assert!(svg.contains("…/hello</text>") && svg.contains(&format!("<title>{owner}/hello;")), "{svg}");
    let traffic = |lang| {
        let card = TrafficCard {
            repository: &format!("{owner}/hello"),
            views: &[1],
            visitors: &[1],
            clones: &[1],
            last: Day(20_000),
        };
        card.render(&CardLook { lang, ..CardLook::default() })
    };
    for (lang, end) in [(CardLang::En, "…/hello</text>"), (CardLang::Zh, "…/hello 的流量</text>")] {
        let svg = traffic(lang);
        checked(&svg);
        assert!(svg.contains(end), "{svg}");
    }
}

#[test]
fn cards_say_what_is_known_and_when_it_was() {
    let rows = [(StatsRow::Stars, 12_345), (StatsRow::Repositories, 42)];
    let svg = stats("octo", &rows).render(&CardLook::default());
    let document = checked(&svg);
    let texts = |tag: &str| {
        document.descendants().find(|node| node.tag_name().name() == tag).unwrap().text().unwrap()
    };
    assert_eq!(texts("title"), "octo's GitHub Stats; as of 21 Jun 2026 · 05:21 UTC");
    assert_eq!(texts("desc"), "Total Stars Earned: 12,345, Repositories: 42 (35 original, 7 forked)");
    assert!(
        svg.contains(">12,345<") && svg.contains(">35 original, 7 forked<") && !svg.contains("Followers")
    );
    assert!(svg.contains("prefers-color-scheme:dark"), "it follows the reader");
    let short = CardLook { numbers: Format::Short, lang: CardLang::Zh, ..CardLook::default() };
    let svg = stats("octo", &rows).render(&short);
    assert!(
        svg.contains(">12k<")
            && svg.contains("octo 的 GitHub 统计数据")
            && svg.contains("截至 2026-06-21 05:21 UTC"),
        "{svg}"
    );
    let old = StatsCard { time: CardTime { is_old: true, ..TIME }, ..stats("octo", &rows) };
    assert!(old.render(&CardLook::default()).contains("last known on 21 Jun 2026"));
    let known = languages(&[("Rust", 2), ("C++", 1)]);
    for (_, layout) in LanguageLayout::EVERY {
        let svg = language_card(&known, layout).render(&CardLook::default());
        assert!(svg.contains("66.7%") && svg.contains("33.3%"), "{layout:?}");
        let hidden = LanguageCard { values: LanguageValues::Hidden, ..language_card(&known, layout) }
            .render(&CardLook::default());
        assert!(!hidden.split("</desc>").nth(1).unwrap().contains("66.7%"), "{layout:?}");
        for (nothing, says) in [
            (NoLanguages::Unknown, "No language is known"),
            (NoLanguages::NoRepositories, "No public repositories"),
            (NoLanguages::Hidden, "All languages are hidden"),
        ] {
            let empty = LanguageCard { nothing, ..language_card(&[], layout) };
            assert!(empty.render(&CardLook::default()).contains(says));
        }
    }
    let archived = RepositoryCard { is_archived: true, owner: Some("octo"), ..repository() };
    let svg = archived.render(&CardLook::default());
    assert!(svg.contains(">octo/hello<") && svg.contains(">Archived<") && svg.contains(">12,345<"), "{svg}");
}

#[test]
fn whatever_is_drawn_fits_and_is_harmless() {
    let many: Vec<(String, u64)> =
        (0..40).map(|n| (format!("<script>alert({n})</script>&\"'"), 40 - n)).collect();
    let chinese = languages(&[("易语言易语言易语言易语言易语言易语言易语言", 9), ("W", 1)]);
    let long = "W".repeat(39);
    let hostile = "</title><script>alert(1)</script>\0";
    let wide = "易语言".repeat(60);
    let most = [
        StatsRow::Stars,
        StatsRow::Repositories,
        StatsRow::Forks,
        StatsRow::Followers,
        StatsRow::Commits(CommitYears::Last),
        StatsRow::MergedShare,
        StatsRow::Discussions,
    ]
    .map(|row| (row, u64::MAX));
    let streak = Streak { first: Day(11_229), last: Day(20_777) };
    for (lang, width) in [(CardLang::En, None), (CardLang::Zh, Some(1)), (CardLang::En, Some(9999))] {
        for (icons, title) in [(true, None), (false, Some(hostile.repeat(9)))] {
            let look = CardLook { lang, width, icons, title, ..CardLook::default() };
            for login in [&long, hostile, "a"] {
                let card = StatsCard { split: (u64::MAX, u64::MAX), ..stats(login, &most) };
                all_fits(&card.render(&look));
                let parts = most.map(|(row, count)| (row, count, 50));
                for shows_top in [true, false] {
                    let rank = Some(CardRank { level: "A+", top: 1000, shows_top, parts: &parts });
                    all_fits(&StatsCard { rank, ..card }.render(&look));
                    all_fits(&StatsCard { rank, rows: &most[..1], ..card }.render(&look));
                }
                for (total, streak) in [(0, None), (u64::MAX, Some(streak))] {
                    let card = StreakCard {
                        login,
                        total,
                        since: streak.map(|streak| streak.first),
                        current: streak,
                        longest: streak,
                        today: (Day(20_778), "America/Argentina/ComodRivadavia"),
                        unit: StreakUnit::Days,
                        days_off: &[],
                        hidden: [false; 3],
                        time: TIME,
                    };
                    all_fits(&card.render(&look));
                }
                all_fits(&notice(login, &wide, &look));
                all_fits(&notice(login, &"word ".repeat(200), &look));
            }
            for (_, layout) in LanguageLayout::EVERY {
                for (languages, count) in [(&many, 20), (&many, 1), (&chinese, 20)] {
                    all_fits(&LanguageCard { count, ..language_card(languages, layout) }.render(&look));
                }
            }
            for description in [None, Some(hostile), Some(wide.as_str()), Some("")] {
                let card = RepositoryCard {
                    owner: Some(&long),
                    name: &long,
                    description,
                    language: Some(&wide),
                    stars: 9_999_999_999,
                    forks: u64::MAX,
                    is_fork: true,
                    is_archived: true,
                    ..repository()
                };
                all_fits(&card.render(&look));
            }
        }
    }
}

#[test]
fn traffic_fits_whatever_it_is() {
    let long = format!("{}/{}", "W".repeat(39), "w".repeat(100));
    let few = [0, 3, 1];
    for (lang, width) in [(CardLang::En, None), (CardLang::Zh, Some(1)), (CardLang::En, Some(9999))] {
        let look = CardLook { lang, width, ..CardLook::default() };
        for (views, visitors) in [(&few[..], &few[..]), (&[u64::MAX; 400], &[u64::MAX; 400]), (&[], &[])] {
            let card =
                TrafficCard { repository: &long, last: Day(20_777), views, visitors, clones: visitors };
            all_fits(&card.render(&look));
        }
    }
    let card = TrafficCard {
        repository: "octo/hello",
        last: Day(20_454),
        views: &[9, 0, 1_234],
        visitors: &[2, 0, 50],
        clones: &[0, 0, 7],
    };
    let svg = card.render(&CardLook::default());
    let desc = svg.split("</desc>").next().unwrap();
    assert!(
        desc.ends_with(
            "30 Dec 2025 – 1 Jan 2026: Views: 1,243; Visitors: 52; Clones: 7; visitors are added up by day"
        ),
        "{desc}"
    );
    assert!(svg.contains("<title>Traffic of octo/hello</title>"), "{svg}");
}

#[test]
fn own_colours_are_in_the_sheet_and_nothing_else_of_them() {
    let paint = |text| Some(CardPaint::parse(text).unwrap());
    let look = CardLook {
        title_color: paint("f00"),
        border_color: paint("00000000"),
        ground: Some(CardGround::parse("30,e96443,904e95").unwrap()),
        ..CardLook::default()
    };
    let svg = repository().render(&look);
    for part in [
        ".tc-title{fill:#f00}",
        "stroke:#0000}",
        "fill:url(#tc-ground)",
        "rotate(30 .5 .5)",
        "offset=\"100%\" stop-color=\"#904e95\"",
    ] {
        assert!(svg.contains(part), "{part} is missing in {svg}");
    }
    let bare = CardLook {
        hide_border: true,
        hide_title: true,
        theme: CardTheme::named("dark").unwrap(),
        ..CardLook::default()
    };
    let svg = repository().render(&bare);
    assert!(svg.contains("stroke:none") && !svg.contains(">hello</text>") && svg.contains("<title>hello;"));
    assert!(!svg.contains("prefers-color-scheme"));
}

#[test]
fn days_in_a_row_have_their_years_where_they_need_them() {
    let day = |text: &str| Day::parse(text.as_bytes()).unwrap();
    let card = |first: &str, last: &str| StreakCard {
        login: "octo",
        total: 5,
        since: Some(day(first)),
        current: None,
        longest: Some(Streak { first: day(first), last: day(last) }),
        today: (day("2026-11-20"), "UTC"),
        unit: StreakUnit::Days,
        days_off: &[],
        hidden: [false; 3],
        time: TIME,
    };
    for (first, last, says) in [
        ("2026-11-20", "2026-11-20", "(today)"),
        ("2026-11-01", "2026-11-20", "(1 Nov – today)"),
        ("2026-11-01", "2026-11-03", "(1 Nov – 3 Nov)"),
        ("2024-11-01", "2024-11-03", "(1 Nov – 3 Nov 2024)"),
        ("2024-12-31", "2025-01-03", "(31 Dec 2024 – 3 Jan 2025)"),
        ("2025-12-31", "2026-01-03", "(31 Dec 2025 – 3 Jan)"),
        ("2024-12-31", "2024-12-31", "(31 Dec 2024)"),
    ] {
        let look = CardLook { width: Some(1000), ..CardLook::default() };
        let svg = card(first, last).render(&look);
        let desc = svg.split("</desc>").next().unwrap();
        let (_, longest) = desc.split_once("Longest Streak: ").unwrap();
        assert!(longest.contains(says), "{says}: {longest}");
    }
    let svg = card("2024-12-31", "2025-01-03").render(&CardLook::default());
    assert!(svg.contains("Current Streak: 0 days;") && svg.contains("days end in UTC"), "{svg}");
}

/// Whichever colours an address sets, the others have the same background for everyone.
#[test]
fn colours_that_are_written_out_have_the_others_that_fit() {
    let of = |look: &CardLook| {
        let (one, dark) = look.palettes();
        match (one.text.to_string().as_str(), dark.is_some()) {
            (_, true) => "follows",
            ("#1f2328", false) => "light",
            _ => "dark",
        }
    };
    let look = CardLook::default;
    let ground = |text: &str| Some(CardGround::parse(text).unwrap());
    let paint = |text: &str| Some(CardPaint::parse(text).unwrap());
    let transparent = CardTheme::named("transparent").unwrap();
    for (look, expect) in [
        (look(), "follows"),
        (CardLook { border_color: paint("f00"), hide_border: true, ..look() }, "follows"),
        (CardLook { ground: ground("fff"), ..look() }, "light"),
        (CardLook { ground: ground("151515"), ..look() }, "dark"),
        (CardLook { ground: ground("ffffffcc"), ..look() }, "light"),
        (CardLook { ground: ground("30,e96443,904e95"), ..look() }, "dark"),
        (CardLook { ground: ground("90,fff,ffe0b0"), ..look() }, "light"),
        (CardLook { ground: ground("fff"), theme: transparent, ..look() }, "light"),
        (CardLook { ground: ground("00000000"), ..look() }, "follows"),
        (CardLook { ground: ground("transparent"), title_color: paint("fff"), ..look() }, "follows"),
        (CardLook { title_color: paint("fff"), ..look() }, "light"),
        (CardLook { text_color: paint("123"), ..look() }, "light"),
        (CardLook { icon_color: paint("123"), ..look() }, "light"),
        (CardLook { ring_color: paint("123"), ..look() }, "light"),
        (
            CardLook { streak: StreakPaints { dates: paint("123"), ..StreakPaints::default() }, ..look() },
            "light",
        ),
        (CardLook { title_color: paint("fff"), ground: ground("000"), ..look() }, "dark"),
        (CardLook { theme: transparent, title_color: paint("fff"), ..look() }, "follows"),
        (CardLook { theme: CardTheme::named("dracula").unwrap(), ground: ground("fff"), ..look() }, "dark"),
    ] {
        assert_eq!(of(&look), expect, "{look:?}");
        let svg = stats("octo", &[(StatsRow::Stars, 1)]).render(&look);
        assert_eq!(
            checked(&svg).input_text().contains("prefers-color-scheme"),
            expect == "follows",
            "{look:?}"
        );
    }
}

#[test]
fn a_card_of_days_in_a_row_has_its_parts_counted_and_coloured_as_asked() {
    let run = Some(Streak { first: Day(20_762), last: Day(20_782) });
    let card = StreakCard {
        login: "octo",
        total: 9_876_543_210,
        since: run.map(|run| run.first),
        current: run,
        longest: run,
        today: (Day(20_780), "UTC"),
        unit: StreakUnit::Weeks,
        days_off: &[0, 6],
        hidden: [false, false, true],
        time: TIME,
    };
    let streak = StreakPaints {
        stroke: CardPaint::parse("0f0").ok(),
        side_numbers: CardPaint::parse("f00").ok(),
        dates: CardPaint::parse("00f").ok(),
        ..StreakPaints::default()
    };
    let svg = card.render(&CardLook { streak, ..CardLook::default() });
    let text = checked(&svg).input_text();
    for part in [
        "Week Streak: 3 weeks",
        "days off: Sun, Sat",
        ".tc-sides{fill:#f00}",
        ".tc-stroke{stroke:#0f0;stroke-opacity:1}",
        "class=\"tc-dates\"",
        "class=\"tc-edge tc-stroke\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Longest") && !text.contains("tc-current\""));
    all_fits(&svg);
}

/// A number that is cut would be another one.
#[test]
fn long_numbers_are_short_and_their_labels_whole() {
    let rows = [(StatsRow::Commits(CommitYears::Last), 9_876_543_210), (StatsRow::Stars, 12)];
    let rank = Some(CardRank { level: "S", top: 1, shows_top: false, parts: &[] });
    let look = CardLook { icons: true, ..CardLook::default() };
    let svg = StatsCard { rank, ..stats("octo", &rows) }.render(&look);
    assert!(
        svg.contains(">9.9G<") && svg.contains(">Total Commits (last year)<") && svg.contains(">12<"),
        "{svg}"
    );
    let card = RepositoryCard {
        stars: 9_876_543_210,
        forks: 9_876_543_210,
        language: Some("Jupyter Notebook"),
        ..repository()
    };
    let svg = card.render(&CardLook { width: Some(280), ..CardLook::default() });
    assert_eq!(svg.matches(">9.9G<").count(), 1, "{svg}");
}

#[test]
fn one_language_has_the_width_of_two_and_a_number_stays_behind_its_name() {
    let one = languages(&[("Jupyter Notebook", 1)]);
    let svg = language_card(&one, LanguageLayout::Compact).render(&CardLook::default());
    assert!(svg.contains(">Jupyter Notebook 100.0%<"), "{svg}");
    let two = languages(&[("Jupyter Notebook", 5), ("C", 1)]);
    let svg = language_card(&two, LanguageLayout::Compact).render(&CardLook::default());
    assert!(svg.contains(">Jupyter Notebook 83.3%<"), "{svg}");
    let right_to_left = languages(&[("قلب", 1)]);
    for layout in [LanguageLayout::Compact, LanguageLayout::Donut, LanguageLayout::Pie] {
        let svg = language_card(&right_to_left, layout).render(&CardLook::default());
        assert!(svg.contains("قلب\u{200e} 100.0%"), "{svg}");
    }
}
