//! What charts look like, byte for byte; and that no name, count or width makes anything else of them.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

use proptest::prelude::*;
use roxmltree::{Document, Node};
use tallymark_badge::chart::{AxisScale, Chart, DEFAULT_WIDTH, Series};
use tallymark_badge::panel::Lang;
use tallymark_badge::{Badge, Color, Spark, text};
use tallymark_core::Event;
use tallymark_core::Step;

/// 2026-11-20.
const TODAY: i32 = 20_777;

const KNOWN: [(&str, &[&str]); 10] = [
    ("svg", &["width", "height", "viewBox", "role"]),
    ("title", &[]),
    ("desc", &[]),
    ("style", &[]),
    ("g", &["class", "font-family", "font-size", "font-weight", "text-anchor", "text-rendering"]),
    ("rect", &["class", "x", "y", "width", "height", "rx"]),
    ("path", &["class", "d"]),
    ("circle", &["class", "cx", "cy", "r"]),
    ("text", &["class", "x", "y", "font-size", "text-anchor"]),
    ("tspan", &["class", "dx"]),
];

#[track_caller]
fn check(golden: &str, step: Step, last: i32, series: &[Series<'_>], width: u32) {
    let buckets = series.iter().map(|series| series.counts.len()).max().unwrap_or(0) as i32;
    let chart = Chart {
        event: Event::HIT,
        step,
        first: last - buckets + 1,
        series,
        so_far: false,
        legend: true,
        lang: Lang::En,
        scale: AxisScale::Linear,
        width,
    };
    let svg = chart.render();
    well_made(&svg);
    insta::assert_snapshot!(golden, svg);
}

/// Counts that look like a README's: a weekly rhythm, noise, and one good day.
fn usual(n: usize, seed: u64, size: i64) -> Vec<i64> {
    let mut state = seed;
    (0..n)
        .map(|at| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 33) as i64 % 40;
            let week = if at % 7 >= 5 { 45 } else { 100 };
            let good = if at == n * 2 / 3 { 260 } else { 100 };
            size * (week + noise) * good / 10_000
        })
        .collect()
}

fn one(counts: &[i64]) -> [Series<'_>; 1] {
    [Series { name: "you/repo", counts }]
}

#[test]
fn a_chart_in_chinese_has_no_english_and_its_dates_have_room() {
    let (days, hours, months) = (usual(30, 1, 1300), usual(24, 2, 90), usual(12, 3, 90));
    let two = [Series { name: "a", counts: &days }, Series { name: "b", counts: &days }];
    for (golden, step, last, series, scale, width) in [
        ("chinese_days", Step::Day, TODAY, &one(&days)[..], AxisScale::Linear, 340),
        ("chinese_hours", Step::Hour, TODAY * 24 + 9, &one(&hours), AxisScale::Linear, 672),
        ("chinese_months", Step::Month, 682, &one(&months), AxisScale::Linear, 520),
        ("chinese_lines", Step::Day, TODAY, &two, AxisScale::Log, 928),
        ("chinese_nothing", Step::Day, TODAY, &one(&[0; 7]), AxisScale::Linear, 340),
    ] {
        let first = last - series[0].counts.len() as i32 + 1;
        let (event, so_far, legend, lang) = (Event::HIT, true, true, Lang::Zh);
        let svg = Chart { event, step, first, series, so_far, legend, lang, scale, width }.render();
        well_made(&svg);
        // The dates are the texts on the lowest line.
        let height: u32 = svg.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        let low = format!("y=\"{}\">", height - 15);
        let dates = svg.split("<text x=\"").skip(1).filter(|part| part.contains(&low));
        let mut end = 0.0;
        for part in dates {
            let (x, text) = (part.split('"').next().unwrap(), part.split(['>', '<']).nth(1).unwrap());
            let (x, half): (f64, f64) = (x.parse().unwrap(), text::width(text, 11.0) / 2.0);
            assert!(x - half >= end + 4.0, "{golden}: {text} is too near to the one before");
            end = x + half;
        }
        assert!(end > 0.0, "{golden}: no dates");
        insta::assert_snapshot!(golden, svg);
    }
}

#[test]
fn another_event_is_called_by_its_own_name() {
    let titled = |event: &[u8], counts: &[i64]| {
        let (event, series) = (Event::new(event).unwrap(), one(counts));
        Chart {
            event,
            step: Step::Day,
            first: TODAY - 2,
            series: &series,
            so_far: false,
            legend: true,
            lang: Lang::En,
            scale: AxisScale::Linear,
            width: 720,
        }
        .render()
    };
    let likes = titled(b"like", &[0, 1, 3]);
    assert!(
        likes.contains("4 likes") && likes.contains(": 1 like<") && likes.contains("Likes per day"),
        "{likes}"
    );
    for svg in [likes, titled(b"like", &[0, 0, 0]), titled(b"signup", &[1, 2, 3])] {
        assert!(!svg.to_lowercase().contains("hits"), "{svg}");
    }
}

#[test]
fn thirty_days_are_bars() {
    check("days", Step::Day, TODAY, &one(&usual(30, 1, 1300)), DEFAULT_WIDTH);
}

#[test]
fn a_bucket_in_progress_is_marked_and_told() {
    let (days, year, other) = (usual(7, 2, 90), usual(200, 3, 90), usual(7, 4, 90));
    let two = [Series { name: "a", counts: &days }, Series { name: "b", counts: &other }];
    let (mut new, mut spike, mut calm) = (vec![0; 30], usual(30, 5, 40), usual(30, 5, 40));
    (new[29], spike[29], calm[28], calm[29]) = (20, 4_321, 4_321, 5);
    for (golden, series) in [
        ("so_far_bars", &one(&days)[..]),
        ("so_far_area", &one(&year)),
        ("so_far_lines", &two),
        ("so_far_first_day", &one(&[3])),
        ("so_far_new_name", &one(&new)),
        ("so_far_spike", &one(&spike)),
        ("so_far_beside_a_spike", &one(&calm)),
    ] {
        let buckets = series[0].counts.len() as i32;
        let first = TODAY - buckets + 1;
        let chart = Chart {
            event: Event::HIT,
            step: Step::Day,
            first,
            series,
            so_far: true,
            legend: true,
            lang: Lang::En,
            scale: AxisScale::Linear,
            width: 520,
        };
        let svg = chart.render();
        well_made(&svg);
        assert!(chart.description().contains("20 Nov 2026, so far"), "{}", chart.description());
        assert_eq!(svg.matches("so far</text>").count(), 1, "{golden}");
        insta::assert_snapshot!(golden, svg);
    }
}

#[test]
fn powers_of_ten_are_equally_far_on_a_logarithmic_scale() {
    let mut month = usual(30, 7, 40);
    (month[8], month[12], month[20]) = (0, 0, 61_000);
    let (long, large) = (usual(200, 3, 90), usual(200, 9, 400_000));
    let two = [Series { name: "a", counts: &large }, Series { name: "b", counts: &long }];
    let few = [12, 40, 0, 31, 90, 77, 18];
    for (golden, series) in [
        ("log_days", &one(&month)[..]),
        ("log_few_powers", &one(&few)),
        ("log_long", &one(&long)),
        ("log_lines", &two),
        ("log_nothing", &one(&[0, 0])),
    ] {
        let first = TODAY + 1 - series[0].counts.len() as i32;
        let chart = Chart {
            event: Event::HIT,
            step: Step::Day,
            first,
            series,
            so_far: true,
            scale: AxisScale::Log,
            legend: true,
            lang: Lang::En,
            width: 520,
        };
        let svg = chart.render();
        well_made(&svg);
        // Sizes say nothing there, and nothing is cut off.
        assert!(!svg.contains("class=\"tm-bar") && !svg.contains("class=\"tm-break"), "{svg}");
        assert_eq!(svg.contains(">logarithmic scale<"), golden != "log_nothing");
        assert_eq!(chart.description().ends_with(" The scale is logarithmic."), golden != "log_nothing");
        insta::assert_snapshot!(golden, svg);
    }
}

#[test]
fn what_hides_something_at_equal_distances_is_uneven() {
    let (usual, large) = (usual(30, 1, 1300), [90_000; 30]);
    let mut spike = usual.clone();
    spike[11] = 90_000;
    let uneven = |series: &[Series<'_>]| {
        let scale = AxisScale::Log;
        let (event, step, first) = (Event::HIT, Step::Day, TODAY - 29);
        Chart { event, step, first, series, so_far: true, scale, legend: true, lang: Lang::En, width: 720 }
            .is_uneven()
    };
    assert!(!uneven(&one(&usual)) && !uneven(&one(&large)) && !uneven(&one(&[0, 0])) && !uneven(&[]));
    assert!(uneven(&one(&spike)) && uneven(&one(&[0, 100, 1234, 50_000])));
    assert!(uneven(&[Series { name: "a", counts: &usual }, Series { name: "b", counts: &large }]));
}

#[test]
fn seven_days_are_wide_bars() {
    check("week", Step::Day, TODAY, &one(&usual(7, 2, 90)), DEFAULT_WIDTH);
}

#[test]
fn hours_have_midnight_by_its_date() {
    check("hours", Step::Hour, TODAY * 24 + 12, &one(&usual(24, 3, 8)), DEFAULT_WIDTH);
}

#[test]
fn months_have_january_by_its_year() {
    check("months", Step::Month, 682, &one(&usual(12, 4, 41_000)), DEFAULT_WIDTH);
}

#[test]
fn twenty_years_are_an_area() {
    check("years", Step::Month, 682, &one(&usual(240, 5, 900_000)), DEFAULT_WIDTH);
}

#[test]
fn telephone_has_a_narrow_chart() {
    check("narrow", Step::Day, TODAY, &one(&usual(30, 1, 1300)), 360);
}

#[test]
fn several_names_are_lines() {
    let counts: Vec<_> = (0..6).map(|i| usual(30, 10 + i, 2000 / (i as i64 + 1))).collect();
    let names =
        ["you/repo", "octo/cat", "blog.example.org/a-long-story-about-counting", "日本/時計", "d", "e/f"];
    let series: Vec<_> = names.iter().zip(&counts).map(|(&name, counts)| Series { name, counts }).collect();
    check("two", Step::Day, TODAY, &series[..2], DEFAULT_WIDTH);
    check("six", Step::Day, TODAY, &series, DEFAULT_WIDTH);
    check("six_narrow", Step::Day, TODAY, &series, 360);
}

#[test]
fn nothing_counted_is_a_calm_chart() {
    check("empty", Step::Day, TODAY, &one(&[0; 30]), DEFAULT_WIDTH);
    check("no_bucket", Step::Day, TODAY, &one(&[]), DEFAULT_WIDTH);
    check("no_series", Step::Day, TODAY, &[], DEFAULT_WIDTH);
}

#[test]
fn one_bucket_is_one_bar_or_one_dot() {
    check("one_bar", Step::Day, TODAY, &one(&[7]), DEFAULT_WIDTH);
    let series = [Series { name: "a", counts: &[7] }, Series { name: "b", counts: &[3] }];
    check("one_dot", Step::Day, TODAY, &series, DEFAULT_WIDTH);
}

#[test]
fn a_spike_is_broken_and_has_its_count_and_the_rest_is_seen() {
    let mut days = usual(30, 1, 100);
    (days[10], days[11], days[24]) = (51_200, 300, 1_234_567);
    let mut year = usual(200, 3, 90);
    (year[50], year[51], year[150]) = (7_000, 9_000, 8_000);
    let other = usual(30, 4, 60);
    let two = [Series { name: "عربي/مستودع", counts: &days }, Series { name: "b", counts: &other }];
    for (golden, series) in
        [("spike_bars", &one(&days)[..]), ("spike_area", &one(&year)), ("spike_lines", &two)]
    {
        check(golden, Step::Day, TODAY, series, 520);
    }
    check("spike_today", Step::Day, TODAY, &one(&[&days[..9], &[9_000]].concat()), 340);
}

#[test]
fn the_largest_total_leaves_a_name_its_room() {
    for (width, total) in
        [(320, ">9.2E hits<"), (340, ">9.2E hits<"), (720, ">9,223,372,036,854,775,807 hits<")]
    {
        let series = &one(&[i64::MAX]);
        let svg = Chart {
            event: Event::HIT,
            step: Step::Day,
            first: TODAY,
            series,
            so_far: true,
            legend: true,
            lang: Lang::En,
            scale: AxisScale::Linear,
            width,
        }
        .render();
        assert!(svg.contains(">you/repo<") && svg.contains(total), "{svg}");
        assert!(svg.contains("<title>you/repo: 9,223,372,036,854,775,807 hits"), "{svg}");
    }
}

#[test]
fn equal_counts_are_bars_of_one_height() {
    check("equal", Step::Day, TODAY, &one(&[42; 30]), DEFAULT_WIDTH);
}

#[test]
fn largest_counts_do_not_overflow() {
    check("largest", Step::Day, TODAY, &one(&[i64::MAX, 1, i64::MIN, i64::MAX / 2]), DEFAULT_WIDTH);
}

#[test]
fn markup_in_a_name_is_text() {
    check("chart_markup", Step::Day, TODAY, &one_named("</text><script>alert('1')</script>]]>"), 480);
}

fn one_named(name: &str) -> [Series<'_>; 1] {
    [Series { name, counts: &[1, 2, 3] }]
}

#[test]
fn title_and_description_say_what_is_seen() {
    let chart = Chart {
        event: Event::HIT,
        step: Step::Day,
        first: TODAY - 2,
        series: &one(&[5, 1000, 1]),
        so_far: false,
        legend: true,
        lang: Lang::En,
        scale: AxisScale::Linear,
        width: 720,
    };
    assert_eq!(chart.title(), "you/repo: 1,006 hits, 18 Nov to 20 Nov 2026");
    assert_eq!(chart.description(), "Hits per day (UTC). Most: 1,000, 19 Nov 2026. Last: 1, 20 Nov 2026.");
}

#[test]
fn badge_with_a_line_looks_like_a_badge() {
    let days = usual(30, 1, 1300);
    for (golden, label, counts) in
        [("spark", "hits", &days[..]), ("spark_empty", "hits", &[]), ("spark_one", "hits", &[3])]
    {
        insta::assert_snapshot!(golden, Spark { badge: Badge::new(label, "51,334"), counts }.render());
    }
    let bright = Badge { label_color: Color::WHITE, ..Badge::new("", "51,334") };
    insta::assert_snapshot!("spark_bright", Spark { badge: bright, counts: &days }.render());
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

/// Known elements and attributes, no address, and everything inside of the picture.
fn well_made(svg: &str) {
    assert!(svg.len() < 64 * 1024, "{} bytes", svg.len());
    let document = Document::parse(svg).unwrap();
    let root = document.root_element();
    let size = ["width", "height"].map(|side| number(root.attribute(side).unwrap()));
    assert_eq!(root.attribute("viewBox").unwrap(), format!("0 0 {} {}", size[0], size[1]));
    for element in document.descendants().filter(Node::is_element) {
        let tag = element.tag_name().name();
        let (_, attributes) = KNOWN.iter().find(|(known, _)| *known == tag).unwrap();
        for attribute in element.attributes() {
            assert!(attributes.contains(&attribute.name()), "{tag} {}", attribute.name());
        }
        match tag {
            "path" => path_is_inside(element.attribute("d").unwrap(), size),
            "text" => text_is_inside(element, size),
            "circle" => {
                let [x, y, r] = ["cx", "cy", "r"].map(|name| number(element.attribute(name).unwrap()));
                assert!(x - r >= 0.0 && x + r <= size[0] && y - r >= 0.0 && y + r <= size[1], "{svg}");
            }
            "style" => {
                let sheet = element.text().unwrap();
                assert!(!sheet.contains("url") && !sheet.contains('@') || sheet.matches('@').count() == 1);
            }
            _ => {}
        }
    }
}

fn path_is_inside(d: &str, size: [f64; 2]) {
    let (mut at, mut rest) = ([0.0; 2], d);
    while let Some(command) = rest.chars().next() {
        let end = rest[1..].find(|c: char| c.is_ascii_alphabetic()).map_or(rest.len(), |end| end + 1);
        // A minus may follow a number without a space.
        let arguments = rest[1..end].replace('-', " -");
        let arguments: Vec<f64> = arguments.split_whitespace().map(number).collect();
        match command {
            'M' | 'L' => at = [arguments[0], arguments[1]],
            'V' => at[1] = arguments[0],
            'H' => at[0] = arguments[0],
            'v' => at[1] += arguments[0],
            'h' => at[0] += arguments[0],
            'q' => at = [at[0] + arguments[2], at[1] + arguments[3]],
            'z' => {}
            _ => panic!("{command} in {d}"),
        }
        assert!((0.0..=size[0]).contains(&at[0]) && (0.0..=size[1]).contains(&at[1]), "{at:?} in {d}");
        rest = &rest[end..];
    }
}

fn text_is_inside(element: Node<'_, '_>, size: [f64; 2]) {
    let inherited = |name| element.ancestors().find_map(|node| node.attribute(name));
    let words: String = element.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect();
    let bold = if inherited("font-weight").is_some() { 1.15 } else { 1.0 };
    let long = text::width(&words, number(inherited("font-size").unwrap())) * bold;
    let x = number(element.attribute("x").unwrap());
    let (left, right) = match inherited("text-anchor") {
        Some("end") => (x - long, x),
        Some("middle") => (x - long / 2.0, x + long / 2.0),
        _ => (x, x + long),
    };
    assert!(left >= 0.0 && right <= size[0], "{words:?} from {left} to {right}");
    assert!((11.0..=size[1]).contains(&number(element.attribute("y").unwrap())));
}

fn any_count() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 0..100i64, any::<i64>(), Just(i64::MAX)]
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,200}",
        "[a-zA-Z0-9/._-]{1,200}",
        "[\u{300}-\u{36f}\u{200b}-\u{200f}\u{4e00}-\u{4fff}\u{1f300}-\u{1f6ff}<>&\"']{1,60}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_names_and_counts_make_a_chart(
        step in prop::sample::select(Step::EVERY.to_vec()),
        first: i32,
        width in prop_oneof![any::<u32>(), 300..2000u32],
        scale in prop::sample::select(AxisScale::EVERY.map(|(_, scale)| scale).to_vec()),
        series in prop::collection::vec((any_name(), prop::collection::vec(any_count(), 0..450)), 0..8),
    ) {
        let series: Vec<_> = series.iter().map(|(name, counts)| Series { name, counts }).collect();
        well_made(&Chart { event: Event::HIT, step, first, series: &series, so_far: false, scale, legend: true, lang: Lang::En, width }.render());
    }

    #[test]
    fn any_counts_make_a_line_inside_the_badge(counts in prop::collection::vec(any_count(), 0..450), label in any_name()) {
        let badge = Badge::new(&label, "1,234");
        let svg = Spark { badge, counts: &counts }.render();
        let document = Document::parse(&svg).unwrap();
        let width = number(document.root_element().attribute("width").unwrap());
        for path in document.descendants().filter(|node| node.has_tag_name("path")).rev().take(2) {
            path_is_inside(path.attribute("d").unwrap(), [width, 20.0]);
        }
    }
}
