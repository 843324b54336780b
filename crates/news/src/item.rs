//! One piece of news: as it is kept, as a webhook gets it, and in words.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use tallymark_badge::number::group;
use tallymark_core::{Day, Event, Name, Now};
use uuid::{Builder, Uuid};

/// What has happened to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewsItem {
    /// The same for the same news, whichever daemon finds it: so a receiver can drop what it has had.
    pub id: Uuid,
    /// When it was found, in seconds since 1970.
    pub at: u64,
    /// The event.
    pub event: Event,
    /// The name.
    pub name: Name,
    /// What it is.
    pub kind: NewsKind,
    /// The total at that moment.
    pub total: i64,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewsKind {
    /// The total has reached this.
    Milestone(i64),
    /// There were many more in an hour than usual.
    Spike {
        /// In the last 60 minutes.
        hour: i64,
        /// Ten times the mean of an hour in the last seven days.
        usual_tenths: i64,
    },
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct KeptNews {
    id: Uuid,
    at: u64,
    event: String,
    name: String,
    total: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    milestone: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hour: Option<i64>,
    #[serde(default)]
    usual_tenths: i64,
}

impl NewsItem {
    /// The id of a milestone: a name has each only once.
    pub(crate) fn id_of_milestone(event: Event, name: &Name, count: i64) -> Uuid {
        id(&format!("milestone\0{event}\0{count}\0{name}"))
    }

    /// The id of a spike: a name has at most one in a day.
    pub(crate) fn id_of_spike(event: Event, name: &Name, day: Day) -> Uuid {
        id(&format!("spike\0{event}\0{}\0{name}", day.0))
    }

    /// When it was found, as RFC 3339 writes it.
    #[must_use]
    pub fn time(&self) -> String {
        Now { unix_ms: i64::try_from(self.at).unwrap_or(0).saturating_mul(1000) }.to_rfc3339()
    }

    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        let NewsItem { name, event, .. } = self;
        match self.kind {
            NewsKind::Milestone(count) => {
                format!("{name} has reached {} {}", group(count), event.noun(count))
            }
            NewsKind::Spike { hour, usual_tenths } => {
                let usual = match (usual_tenths + 5) / 10 {
                    0 => "usually there is hardly any".to_owned(),
                    usual => format!("usually there are about {}", group(usual)),
                };
                format!("{name} had {} {} within an hour; {usual}", group(hour), event.noun(hour))
            }
        }
    }

    /// What a webhook gets. `page` is the address of the page of the name.
    pub(crate) fn body(&self, page: &str) -> String {
        let mut body = json!({
            "id": self.id,
            "at": self.time(),
            "kind": self.word(),
            "event": self.event.as_str(),
            "name": self.name.as_str(),
            "total": self.total,
            "text": self.text(),
            "page": page,
        });
        match self.kind {
            NewsKind::Milestone(count) => body["milestone"] = count.into(),
            NewsKind::Spike { hour, usual_tenths } => {
                body["last_60_minutes"] = hour.into();
                body["usual_per_hour"] = (usual_tenths as f64 / 10.0).into();
            }
        }
        body.to_string()
    }

    /// The word for its kind.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.kind {
            NewsKind::Milestone(_) => "milestone",
            NewsKind::Spike { .. } => "spike",
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let (milestone, hour, usual_tenths) = match self.kind {
            NewsKind::Milestone(count) => (Some(count), None, 0),
            NewsKind::Spike { hour, usual_tenths } => (None, Some(hour), usual_tenths),
        };
        let NewsItem { id, at, total, .. } = *self;
        let (event, name) = (self.event.to_string(), self.name.to_string());
        let kept = KeptNews { id, at, event, name, total, milestone, hour, usual_tenths };
        // A struct of texts and numbers always serializes.
        serde_json::to_vec(&kept).unwrap_or_default()
    }

    /// `None` if another version wrote it.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<NewsItem> {
        let kept: KeptNews = serde_json::from_slice(bytes).ok()?;
        let event = Event::new(kept.event.as_bytes()).ok()?;
        let name = Name::of(event, &kept.name).ok()?;
        let kind = match (kept.milestone, kept.hour) {
            (Some(count), _) => NewsKind::Milestone(count),
            (None, Some(hour)) => NewsKind::Spike { hour, usual_tenths: kept.usual_tenths },
            (None, None) => return None,
        };
        Some(NewsItem { id: kept.id, at: kept.at, event, name, kind, total: kept.total })
    }
}

fn id(text: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(half).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: NewsKind) -> NewsItem {
        let name = Name::new("octo/hello").unwrap();
        let id = NewsItem::id_of_milestone(Event::HIT, &name, 1000);
        NewsItem { id, at: 1_780_000_000, event: Event::HIT, name, kind, total: 1003 }
    }

    #[test]
    fn what_is_kept_comes_back() {
        for kind in [NewsKind::Milestone(1000), NewsKind::Spike { hour: 640, usual_tenths: 125 }] {
            assert_eq!(NewsItem::from_bytes(&item(kind).to_bytes()), Some(item(kind)));
        }
        assert_eq!(NewsItem::from_bytes(b"{}"), None);
    }

    #[test]
    fn news_are_told_in_words_and_numbers() {
        assert_eq!(item(NewsKind::Milestone(1000)).text(), "octo/hello has reached 1,000 hits");
        for (tenths, text) in [
            (3, "octo/hello had 640 hits within an hour; usually there is hardly any"),
            (125, "octo/hello had 640 hits within an hour; usually there are about 13"),
        ] {
            assert_eq!(item(NewsKind::Spike { hour: 640, usual_tenths: tenths }).text(), text);
        }
        let body = item(NewsKind::Milestone(1000)).body("https://x/repo/octo/hello");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&body["kind"], &body["milestone"]), (&"milestone".into(), &1000.into()));
        assert_eq!(body["at"], "2026-05-28T20:26:40Z");
    }

    #[test]
    fn an_id_belongs_to_one_piece_of_news() {
        let (a, b) = (Name::new("a").unwrap(), Name::new("b").unwrap());
        let ids = [
            NewsItem::id_of_milestone(Event::HIT, &a, 100),
            NewsItem::id_of_milestone(Event::HIT, &a, 1000),
            NewsItem::id_of_milestone(Event::LIKE, &a, 100),
            NewsItem::id_of_milestone(Event::HIT, &b, 100),
            NewsItem::id_of_spike(Event::HIT, &a, Day(20_000)),
            NewsItem::id_of_spike(Event::HIT, &a, Day(20_001)),
        ];
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert_eq!(ids[0], NewsItem::id_of_milestone(Event::HIT, &a, 100));
    }
}
