use super::*;
use crate::{ChartKind, Pass, PublishMeters, Publisher};
use std::{fs, path::PathBuf, sync::Arc};
use tallymark_badge::Look;
use tallymark_core::{Batch, Counts, Entry, Visits, When};
use tallymark_github::{AvatarMeters, AvatarSource, Outgoing};
use tallymark_store::{Claim, Retention, StoreUrl};
use tokio_util::sync::CancellationToken;

struct Site {
    dir: tempfile::TempDir,
    store: Arc<dyn Store>,
    claim: Claim,
    seq: u64,
}

/// 2026-11-20T12:00Z
const NOON: i32 = 29_919_600;

fn at(minute: i32) -> Now {
    Now { unix_ms: i64::from(minute) * 60_000 + 1 }
}

fn variants(texts: &[&str]) -> Vec<Variant> {
    texts.iter().map(|text| Variant::parse(text).unwrap()).collect()
}

impl Site {
    async fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store =
            tallymark_store::open(&url, Retention { visits: 100, ..Retention::default() }).await.unwrap();
        let claim = store.claim(uuid::Uuid::new_v4()).await.unwrap();
        Site { dir, store, claim, seq: 0 }
    }

    /// One of an event on each of some names, in ascending order.
    async fn count(&mut self, event: Event, names: &[&str], minute: i32) {
        let minute = Minute(minute);
        let names = names.iter().map(|name| Name::new(name).unwrap());
        let entry = |name| Entry { event, name, when: When::Minute(minute), count: 1 };
        let last = vec![Visit::new(minute, ClientClass::Browser)];
        let visits = match event {
            Event::VISIT | Event::LIKE => {
                names.clone().map(|name| Visits { event, name, last: last.clone() }).collect()
            }
            _ => Vec::new(),
        };
        let counts = Counts { entries: names.map(entry).collect(), visits, ..Counts::default() };
        self.seq += 1;
        let batch = Batch::of(self.claim.instance, self.seq, counts);
        self.store.apply(&self.claim, &[batch]).await.unwrap();
    }

    fn panels(&self) -> PathBuf {
        self.dir.path().join("badges").join(DIR)
    }

    fn publisher(&self, texts: &[&str], pace: Pace) -> Publisher {
        let badges = self.dir.path().join("badges");
        let publisher = Publisher::open(&badges, self.store.clone(), PublishMeters::default());
        publisher.unwrap().unwrap().with_panels(&variants(texts), pace).unwrap()
    }

    /// As the timer does it: a process of its own for each pass. Returns how many files it wrote.
    async fn publish(&self, texts: &[&str], minute: i32) -> u64 {
        let mut publisher = self.publisher(texts, Pace::Whole);
        pass(&mut publisher, minute).await;
        publisher.panels_written()
    }

    fn panel(&self, variant: &str, name: &str) -> Option<String> {
        let file = format!("{}.svg", Name::new(name).unwrap().escaped());
        fs::read_to_string(self.panels().join(variant).join(file)).ok()
    }

    fn shows(&self, name: &str, what: &str) -> bool {
        self.panel("badge", name).is_some_and(|svg| svg.contains(what))
    }

    fn ages(&self) -> usize {
        fs::read_dir(self.panels().join(".ages")).unwrap().count()
    }
}

async fn pass(publisher: &mut Publisher, minute: i32) {
    publisher.pass(&Look::default(), Pass::Changed, at(minute), |_| {}).await.unwrap();
}

const BOTH: &[&str] = &["badge"];

#[tokio::test]
async fn panels_follow_visits_and_likes_and_only_names_that_have_them() {
    let mut site = Site::new().await;
    site.count(Event::HIT, &["a/b", "only/hits"], NOON).await;
    site.count(Event::VISIT, &["<b>/.tmp", "a/b"], NOON).await;
    let texts =
        &["badge", "visit", "like", "button", "promo", "badge?theme=dark&layout=stacked", "badge?lang=both"];
    site.publish(texts, NOON).await;
    assert!(site.shows("a/b", "1 visit<") && site.shows("a/b", "0 likes<"));
    assert!(site.panel("visit", "a/b").unwrap().contains("1 visit<"));
    assert!(site.panel("badge-dark-stacked", "<b>/.tmp").unwrap().contains("&lt;b&gt;/.tmp"));
    assert!(site.panel("promo", "promo").is_some() && site.panel("promo", "a/b").is_none());
    assert_eq!(site.panel("badge", "only/hits"), None);
    site.count(Event::LIKE, &["a/b", "liked"], NOON).await;
    site.publish(texts, NOON).await;
    assert!(site.shows("a/b", "1 like<") && site.shows("liked", "1 like<"));
    assert!(site.panel("button", "a/b").unwrap().contains("1 like<"));
    site.count(Event::UNLIKE, &["a/b"], NOON).await;
    site.publish(texts, NOON).await;
    assert!(site.shows("a/b", "0 likes<"));
    // The other variants go away, and panels do with the last.
    site.publish(BOTH, NOON).await;
    assert!(site.panel("badge", "a/b").is_some() && site.panel("visit", "a/b").is_none());
    site.publish(&[], NOON).await;
    assert!(!site.panels().exists());
}

#[tokio::test]
async fn times_are_redrawn_when_they_change_and_nothing_else_is() {
    let mut site = Site::new().await;
    site.count(Event::VISIT, &["new"], NOON - 3).await;
    site.count(Event::VISIT, &["old"], NOON - 90).await;
    site.count(Event::VISIT, &["older"], NOON - 3 * 1440).await;
    site.count(Event::VISIT, &["oldest"], NOON - 8 * 1440).await;
    assert_eq!(site.publish(BOTH, NOON).await, 4);
    assert!(site.shows("new", "3m ago") && site.shows("old", "1h ago") && site.shows("older", "3d ago"));
    assert!(site.shows("oldest", "2026-11-12"));
    assert_eq!(site.publish(BOTH, NOON).await, 0, "nothing is due");
    assert_eq!(site.publish(BOTH, NOON + 1).await, 1);
    assert!(site.shows("new", "4m ago"));
    // A publisher that was away for long draws each once.
    assert_eq!(site.publish(BOTH, NOON + 45).await, 2);
    assert!(site.shows("new", "48m ago") && site.shows("old", "2h ago"));
    assert_eq!(site.publish(BOTH, NOON + 9 * 1440).await, 3);
    for name in ["new", "old", "older"] {
        assert!(site.shows(name, "2026-11-"), "{name}");
    }
    assert_eq!(site.ages(), 1, "dates never change again");
    // A visit, and a change of the clock.
    site.count(Event::VISIT, &["new"], NOON + 9 * 1440).await;
    assert_eq!(site.publish(BOTH, NOON + 9 * 1440 + 5).await, 1);
    assert!(site.shows("new", "5m ago"));
    site.publish(BOTH, NOON + 2 * 1440).await;
    assert!(site.shows("old", "2d ago") && site.shows("older", "5d ago"), "the clock was set back");
}

#[tokio::test]
async fn what_is_due_is_drawn_over_several_passes_and_is_not_forgotten_by_a_kill() {
    let mut site = Site::new().await;
    let names: Vec<String> = (0..600).map(|n| format!("n{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    site.count(Event::VISIT, &names, NOON).await;
    site.publish(BOTH, NOON).await;
    let mut publisher = site.publisher(BOTH, Pace::Slices);
    pass(&mut publisher, NOON + 1).await;
    assert!(!publisher.is_through());
    assert!(site.shows("n0000", "1m ago") && site.shows("n0599", "just now"));
    // Killed here; the next one draws the rest, and a change of the clock does not make it begin again and again.
    drop(publisher);
    let mut publisher = site.publisher(BOTH, Pace::Slices);
    for minute in [NOON + 1, NOON + 1] {
        pass(&mut publisher, minute).await;
    }
    assert!(publisher.is_through() && names.iter().all(|name| site.shows(name, "1m ago")));
    for _ in 0..4 {
        pass(&mut publisher, NOON).await;
    }
    assert!(publisher.is_through() && names.iter().all(|name| site.shows(name, "just now")));
}

/// A pass that stops half way, as when the store does not answer, leaves its names to the next.
#[tokio::test]
async fn names_of_a_pass_that_stopped_are_drawn_by_the_next() {
    let mut site = Site::new().await;
    let names: Vec<String> = (0..600).map(|n| format!("n{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    site.count(Event::VISIT, &names, NOON).await;
    let mut publisher = site.publisher(BOTH, Pace::Whole);
    let panels = publisher.panels().unwrap();
    let (identity, store) = (panels.identity.clone(), site.store.clone());
    for _ in 0..2 {
        panels.gallery.follow(&*store, identity.clone()).await.unwrap();
        assert_eq!(panels.gallery.slice(&*store).await.unwrap().unwrap().len(), SLICE);
    }
    site.count(Event::VISIT, &["n0000"], NOON).await;
    panels.gallery.follow(&*store, identity).await.unwrap();
    assert!(panels.gallery.slice(&*store).await.unwrap().is_some());
    // Neither the rest of the sweep nor a changed name is lost.
    pass(&mut publisher, NOON).await;
    assert!(site.shows("n0000", "2 visits") && names.iter().all(|name| site.panel("badge", name).is_some()));
}

/// As badges do: a store that lost its counts may get them back.
#[tokio::test]
async fn panels_and_charts_do_not_go_down_with_a_store_that_was_emptied() {
    let mut site = Site::new().await;
    for event in [Event::HIT, Event::VISIT, Event::LIKE] {
        for _ in 0..2 {
            site.count(event, &["a/b", "c/d"], NOON).await;
        }
    }
    let open = |site: &Site| {
        site.publisher(&["badge", "like"], Pace::Whole).with_charts(&[ChartKind::Days7], Pace::Whole).unwrap()
    };
    let files = |site: &Site| {
        let chart = site.dir.path().join("badges/.charts/7d/a%2Fb.svg");
        let panel = |variant, name| site.panel(variant, name).unwrap();
        [
            fs::read_to_string(chart).unwrap(),
            panel("badge", "a/b"),
            panel("like", "a/b"),
            panel("badge", "c/d"),
        ]
    };
    let mut publisher = open(&site);
    pass(&mut publisher, NOON).await;
    let before = files(&site);
    drop(publisher);
    let other = Site::new().await;
    (site.store, site.claim, site.seq) = (other.store, other.claim, 0);
    let mut publisher = open(&site);
    let report = publisher.pass(&Look::default(), Pass::Changed, at(NOON + 1), |_| {}).await.unwrap();
    assert_eq!((report.held, files(&site)), (4, before.clone()), "the times on them are due");
    for event in [Event::HIT, Event::VISIT, Event::LIKE] {
        site.count(event, &["a/b"], NOON + 1).await;
    }
    let report = publisher.pass(&Look::default(), Pass::Changed, at(NOON + 1), |_| {}).await.unwrap();
    assert_eq!((report.held, files(&site)), (4, before), "the badge, the chart and both panels");
    let lower = Pass::All { allow_lower: true };
    publisher.pass(&Look::default(), lower, at(NOON + 1), |_| {}).await.unwrap();
    assert!(site.shows("a/b", "1 visit<") && site.shows("a/b", "1 like<") && site.shows("c/d", "2 visits<"));
    // A like that is taken back lowers what is shown, and not what was counted.
    site.count(Event::UNLIKE, &["a/b"], NOON + 1).await;
    pass(&mut publisher, NOON + 1).await;
    assert!(site.shows("a/b", "0 likes<") && site.panel("like", "a/b").unwrap().contains("0 likes<"));
}

/// `render --all --allow-lower`, after the store was replaced: the process finds out in the same pass.
#[tokio::test]
async fn first_pass_of_a_process_may_go_down_where_that_is_allowed() {
    let mut site = Site::new().await;
    for _ in 0..2 {
        site.count(Event::VISIT, &["a/b"], NOON).await;
    }
    site.publish(&["badge"], NOON).await;
    assert!(site.shows("a/b", "2 visits<"));
    let other = Site::new().await;
    (site.store, site.claim, site.seq) = (other.store, other.claim, 0);
    site.count(Event::VISIT, &["a/b"], NOON + 1).await;
    let mut publisher = site.publisher(&["badge"], Pace::Whole);
    let lower = Pass::All { allow_lower: true };
    publisher.pass(&Look::default(), lower, at(NOON + 1), |_| {}).await.unwrap();
    assert!(site.shows("a/b", "1 visit<"));
}

#[tokio::test]
async fn a_panel_that_cannot_be_written_stays_due() {
    let mut site = Site::new().await;
    site.count(Event::VISIT, &["a", "b"], NOON).await;
    let in_its_place = site.dir.path().join("badges").join(DIR).join("badge").join("a.svg");
    site.publish(BOTH, NOON - 1).await;
    fs::remove_file(&in_its_place).unwrap();
    fs::create_dir(&in_its_place).unwrap();
    let mut publisher = site.publisher(BOTH, Pace::Whole);
    let report = publisher.pass(&Look::default(), Pass::Changed, at(NOON + 1), |_| {}).await.unwrap();
    assert_eq!((report.failed, site.shows("b", "1m ago")), (1, true));
    drop(publisher);
    fs::remove_dir(&in_its_place).unwrap();
    site.publish(BOTH, NOON + 1).await;
    assert!(site.shows("a", "1m ago"));
}

#[tokio::test]
async fn face_that_is_looked_for_is_on_the_panel_a_minute_later() {
    let mut site = Site::new().await;
    let faces = site.dir.path().join("faces");
    fs::create_dir(&faces).unwrap();
    fs::write(faces.join("octo.png"), include_bytes!("../../../tallymark/tests/pictures/octo.png")).unwrap();
    let (dir, outgoing) = (Some(faces), Outgoing::new(Vec::new()));
    let source = AvatarSource { dir, pattern: None, outgoing };
    let now = || at(NOON);
    let avatars = Arc::new(Avatars::new(source, site.store.clone(), AvatarMeters::default(), now));
    site.count(Event::VISIT, &["no owner/x", "octo/hello"], NOON - 100).await;
    let publish = async |site: &Site, minute| {
        let mut publisher = site.publisher(BOTH, Pace::Whole).showing(Some(avatars.clone()));
        pass(&mut publisher, minute).await;
    };
    publish(&site, NOON).await;
    assert!(!site.shows("octo/hello", "data:image/png") && site.shows("octo/hello", "1 visit<"));
    assert!(avatars.is_looking_for(Name::new("octo/hello").unwrap().as_ref()));
    // Found before the next minute.
    let looking = tokio::spawn(avatars.clone().run(CancellationToken::new()));
    while avatars.of(Name::new("octo/hello").unwrap().as_ref()).await.is_none() {
        tokio::task::yield_now().await;
    }
    publish(&site, NOON).await;
    assert!(!site.shows("octo/hello", "data:image/png"), "nothing was due");
    publish(&site, NOON + 1).await;
    assert!(site.shows("octo/hello", "data:image/png") && !site.shows("no owner/x", "data:image/png"));
    looking.abort();
}
