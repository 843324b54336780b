//! What every picture must be, whoever draws or serves it, and the names that try to make something else of it.

use roxmltree::Document;
use tallymark_testbed::http;

pub(crate) const NO_CACHE: &str = "private, no-cache, no-store, must-revalidate, max-age=0, s-maxage=0";

/// The text of a picture that is well-formed and loads nothing.
#[track_caller]
pub(crate) fn picture(answer: &http::Response) -> String {
    assert_eq!(answer.header("content-type"), Some("image/svg+xml; charset=utf-8"), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some(NO_CACHE));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let document = Document::parse(answer.text()).expect("a picture is well-formed");
    for node in document.descendants().filter(|node| node.is_element()) {
        assert!(!["script", "foreignObject", "iframe", "use", "a"].contains(&node.tag_name().name()));
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{attribute:?}");
            assert!(!attribute.name().ends_with("href"), "{attribute:?}");
        }
    }
    answer.text().to_owned()
}

/// Names as they stand in an address.
pub(crate) fn hostile_names() -> Vec<&'static str> {
    let names: Vec<&str> = include_str!("../hostile_names.txt").lines().collect();
    assert!(names.len() >= 40, "{}", names.len());
    names
}
