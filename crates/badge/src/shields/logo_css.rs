//! The rules of a logo's `<style>`, as drawing programs write them: `.cls-1,.cls-2{fill:#fc0}`.
//!
//! A badge has no room for a style sheet of a logo, so `logo_svg` writes what a rule says to the elements that it is
//! for. Selectors are a tag, a class, an id, or a tag with a class. Others are not resolved, and that is told. It is no
//! CSS parser: one that strangers' files reach must not fail on anything, and drawing programs write no more than this.

use roxmltree::Node;

/// A logo has a dozen rules.
const MOST_RULES: usize = 500;

/// The rules in the order in which they hold: later ones win.
#[derive(Default)]
pub(super) struct LogoCss<'a> {
    rules: Vec<Rule<'a>>,
    /// Whether there was something else than rules of this form.
    pub(super) is_partial: bool,
}

#[derive(Clone)]
struct Rule<'a> {
    selector: Selector<'a>,
    declarations: Vec<(&'a str, &'a str)>,
}

#[derive(Clone, Copy)]
enum Selector<'a> {
    Any,
    Tag(&'a str),
    Class(&'a str),
    TagWithClass(&'a str, &'a str),
    Id(&'a str),
}

impl<'a> LogoCss<'a> {
    /// Reads style sheets without comments.
    pub(super) fn parse(sheets: &'a [String]) -> LogoCss<'a> {
        let mut css = LogoCss::default();
        for sheet in sheets {
            css.sheet(sheet);
        }
        css.rules.sort_by_key(|rule| rule.selector.weight());
        css
    }

    fn sheet(&mut self, mut text: &'a str) {
        while !text.trim().is_empty() {
            let Some((selectors, rest)) = text.split_once('{') else { break };
            let Some((body, rest)) = rest.split_once('}') else { break };
            // A rule with rules in it, or one too many.
            if selectors.contains('@') || body.contains('{') || self.rules.len() >= MOST_RULES {
                break;
            }
            let declarations: Vec<_> = body.split(';').filter_map(declaration).collect();
            for selector in selectors.split(',') {
                match Selector::parse(selector.trim()) {
                    Some(selector) => self.rules.push(Rule { selector, declarations: declarations.clone() }),
                    None => self.is_partial = true,
                }
            }
            text = rest;
        }
        self.is_partial |= !text.trim().is_empty();
    }

    /// What the rules say about an element: the last of each name holds.
    pub(super) fn of(&self, element: Node<'_, '_>) -> Vec<(&'a str, &'a str)> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.selector.is_for(element)) {
            for &(name, value) in &rule.declarations {
                found.retain(|(known, _)| *known != name);
                found.push((name, value));
            }
        }
        found
    }
}

fn declaration(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once(':')?;
    let value = value.trim();
    Some((name.trim(), value.strip_suffix("!important").unwrap_or(value).trim_end()))
}

impl<'a> Selector<'a> {
    fn parse(text: &'a str) -> Option<Selector<'a>> {
        let word = |word: &'a str| {
            let is_word =
                !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
            is_word.then_some(word)
        };
        if text == "*" {
            return Some(Selector::Any);
        }
        if let Some(id) = text.strip_prefix('#') {
            return word(id).map(Selector::Id);
        }
        match text.split_once('.') {
            Some(("", class)) => word(class).map(Selector::Class),
            Some((tag, class)) => Some(Selector::TagWithClass(word(tag)?, word(class)?)),
            None => word(text).map(Selector::Tag),
        }
    }

    /// Selectors of one weight hold in the order in which they are written.
    fn weight(self) -> u8 {
        match self {
            Selector::Any => 0,
            Selector::Tag(_) => 1,
            Selector::Class(_) => 2,
            Selector::TagWithClass(..) => 3,
            Selector::Id(_) => 4,
        }
    }

    fn is_for(self, element: Node<'_, '_>) -> bool {
        let has_class = |class: &str| {
            element.attribute("class").is_some_and(|all| all.split_whitespace().any(|one| one == class))
        };
        let has_tag = |tag: &str| element.tag_name().name() == tag;
        match self {
            Selector::Any => true,
            Selector::Tag(tag) => has_tag(tag),
            Selector::Class(class) => has_class(class),
            Selector::TagWithClass(tag, class) => has_tag(tag) && has_class(class),
            Selector::Id(id) => element.attribute("id") == Some(id),
        }
    }
}

/// A style sheet without its comments.
pub(super) fn without_comments(mut text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    while let Some((before, rest)) = text.split_once("/*") {
        out.push_str(before);
        text = rest.split_once("*/").map_or("", |(_, rest)| rest);
    }
    out.push_str(text);
    out
}
