//! What the operator wants to be told: of which names, on which occasions, and where to.

use crate::{NewsItem, NewsKind};
use tallymark_core::{Event, Glob};
use url::Url;

/// The first milestone. Below it, nearly every new name would have one.
const FIRST_MILESTONE: i64 = 100;

/// A `[[notify]]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewsRule {
    /// Whose news.
    pub names: Vec<Glob>,
    /// Which news.
    pub on: Vec<Occasion>,
    /// Who is told. Without it, the news are in the feed only.
    pub hook: Option<Webhook>,
}

/// A receiver of news.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where it is. Many receivers know their senders by it alone, so only its host is ever shown.
    pub url: Url,
    /// What each message is signed with.
    pub secret: String,
}

/// What is told of a name, and of which event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    pub(crate) what: OccasionKind,
    /// The event.
    pub event: Event,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OccasionKind {
    /// Powers of ten.
    Milestones,
    /// Multiples of a number.
    Every(i64),
    Spikes,
}

/// A text is no occasion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnOccasion {
    /// Another word.
    #[error(
        "{0:?} is not one of milestones, spikes and \"every NUMBER\", with \" of EVENT\" behind it if need be"
    )]
    Unknown(String),
    /// A step that would tell of nearly every hit, or no number.
    #[error("\"every\" needs a whole number from 10 on, like \"every 5000\"")]
    Step,
    /// No event.
    #[error("{0:?} is not an event: small letters, digits, _ and -")]
    Event(String),
}

impl Occasion {
    /// The occasions of a rule that names none.
    pub const USUAL: [Occasion; 2] = [
        Occasion { what: OccasionKind::Milestones, event: Event::HIT },
        Occasion { what: OccasionKind::Spikes, event: Event::HIT },
    ];

    /// Reads `milestones`, `spikes` or `every 5000`, each with ` of EVENT` behind it if it is not about hits.
    ///
    /// # Errors
    ///
    /// See [`NotAnOccasion`].
    pub fn parse(text: &str) -> Result<Occasion, NotAnOccasion> {
        let (what, event) = text.split_once(" of ").unwrap_or((text, "hit"));
        let event = event.trim();
        let event = Event::new(event.as_bytes()).map_err(|_| NotAnOccasion::Event(event.to_owned()))?;
        let what = match what.trim() {
            "milestones" => OccasionKind::Milestones,
            "spikes" => OccasionKind::Spikes,
            what => {
                let step =
                    what.strip_prefix("every ").ok_or_else(|| NotAnOccasion::Unknown(text.to_owned()))?;
                let step = step.trim().replace(['_', ','], "").parse().ok().filter(|step| *step >= 10);
                OccasionKind::Every(step.ok_or(NotAnOccasion::Step)?)
            }
        };
        Ok(Occasion { what, event })
    }

    /// The highest milestone that a total has reached.
    pub(crate) fn reached(self, total: i64) -> Option<i64> {
        match self.what {
            OccasionKind::Milestones => {
                let power = |exponent| 10_i64.checked_pow(exponent);
                let powers = (2..).map_while(power).take_while(|power| *power <= total);
                powers.last().filter(|power| *power >= FIRST_MILESTONE)
            }
            OccasionKind::Every(step) => Some(total / step * step).filter(|reached| *reached >= step),
            OccasionKind::Spikes => None,
        }
    }

    /// Whether a piece of news is on this occasion.
    fn is_of(self, item: &NewsItem) -> bool {
        let fits = match item.kind {
            NewsKind::Milestone(count) => self.reached(count) == Some(count),
            NewsKind::Spike { .. } => self.what == OccasionKind::Spikes,
        };
        fits && self.event == item.event
    }
}

impl NewsRule {
    /// Whether it is about a name.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|glob| glob.matches(name))
    }

    /// Whether it asks for this piece of news.
    pub(crate) fn wants(&self, item: &NewsItem) -> bool {
        self.covers(item.name.as_str()) && self.on.iter().any(|occasion| occasion.is_of(item))
    }
}

impl Webhook {
    /// All that is shown of its address.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Webhook({})", self.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn occasions_are_read_and_refused_with_a_reason() {
        let read = |text| Occasion::parse(text);
        let like = Event::LIKE;
        assert_eq!(read("milestones"), Ok(Occasion::USUAL[0]));
        assert_eq!(read("spikes of like"), Ok(Occasion { what: OccasionKind::Spikes, event: like }));
        let every = Ok(Occasion { what: OccasionKind::Every(5000), event: Event::HIT });
        assert_eq!((read("every 5000"), read("every 5,000")), (every.clone(), every));
        assert_eq!((read("every 0"), read("every x")), (Err(NotAnOccasion::Step), Err(NotAnOccasion::Step)));
        assert!(matches!(read("milestone"), Err(NotAnOccasion::Unknown(_))));
        assert!(matches!(read("spikes of A"), Err(NotAnOccasion::Event(_))));
    }

    #[test]
    fn the_highest_milestone_counts() {
        let reached = |text, total| Occasion::parse(text).unwrap().reached(total);
        for (text, total, expect) in [
            ("milestones", 0, None),
            ("milestones", -1, None),
            ("milestones", 99, None),
            ("milestones", 100, Some(100)),
            ("milestones", 99_999, Some(10_000)),
            ("milestones", i64::MAX, Some(1_000_000_000_000_000_000)),
            ("every 250", 249, None),
            ("every 250", 1100, Some(1000)),
            ("spikes", 1000, None),
        ] {
            assert_eq!(reached(text, total), expect, "{text} {total}");
        }
    }
}
