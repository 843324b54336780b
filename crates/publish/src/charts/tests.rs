use super::*;
use crate::{Pass, PublishMeters, Publisher};
use std::{fs, path::PathBuf, sync::Arc};
use tallymark_core::{Batch, Day, Entry, When};
use tallymark_store::{Claim, Retention, StoreUrl};

struct Site {
    dir: tempfile::TempDir,
    store: Arc<dyn Store>,
    claim: Claim,
    seq: u64,
}

const TODAY: i32 = 20_777;

fn at(day: i32) -> Now {
    Now { unix_ms: i64::from(day) * 86_400_000 + 1 }
}

impl Site {
    async fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let claim = store.claim(uuid::Uuid::new_v4()).await.unwrap();
        Site { dir, store, claim, seq: 0 }
    }

    async fn count(&mut self, names: &[&str], day: i32) {
        let entry = |name: &&str| Entry {
            event: Event::HIT,
            name: Name::new(name).unwrap(),
            when: When::Day(Day(day)),
            count: 3,
        };
        let mut entries: Vec<Entry> = names.iter().map(entry).collect();
        entries.sort();
        self.seq += 1;
        let batch = Batch::of(self.claim.instance, self.seq, entries);
        self.store.apply(&self.claim, &[batch]).await.unwrap();
    }

    fn badges(&self) -> PathBuf {
        self.dir.path().join("badges")
    }

    fn publisher(&self, kinds: &[ChartKind], pace: Pace) -> Publisher {
        let publisher = Publisher::open(&self.badges(), self.store.clone(), PublishMeters::default());
        publisher.unwrap().unwrap().with_charts(kinds, pace).unwrap()
    }

    async fn publish(&self, kinds: &[ChartKind], day: i32) {
        let mut publisher = self.publisher(kinds, Pace::Whole);
        publisher.pass(&Look::default(), Pass::Changed, at(day), |_| {}).await.unwrap();
    }

    fn chart(&self, kind: &str, name: &str) -> Option<String> {
        let file =
            self.badges().join(DIR).join(kind).join(format!("{}.svg", Name::new(name).unwrap().escaped()));
        fs::read_to_string(file).ok()
    }
}

#[tokio::test]
async fn charts_follow_changes_and_age_at_midnight_without_a_hit() {
    let mut site = Site::new().await;
    site.count(&["a/b", ".charts", "<b>"], TODAY).await;
    let kinds = [ChartKind::Days30, ChartKind::Sparkline];
    site.publish(&kinds, TODAY).await;
    let first = site.chart("30d", "a/b").unwrap();
    assert!(first.contains("a/b: 3 hits") && first.contains("20 Nov 2026"), "{first}");
    assert!(site.chart("sparkline", "a/b").unwrap().contains("hits: 3."));
    assert!(site.chart("30d", "<b>").unwrap().contains("&lt;b&gt;: 3 hits"));
    // A name that equals the name of the directory still has its badge and its charts.
    assert!(site.badges().join(".charts.svg").is_file() && site.chart("30d", ".charts").is_some());
    let dir = site.badges().join(DIR).join("30d");
    let made = |name| fs::metadata(dir.join(name)).unwrap().modified().unwrap();
    let (before, other) = (made("a%2Fb.svg"), made("%3Cb%3E.svg"));
    // The cursor is trusted: nothing is due, and only what changes is drawn.
    site.publish(&kinds, TODAY).await;
    assert_eq!((made("a%2Fb.svg"), made("%3Cb%3E.svg")), (before, other));
    site.count(&["a/b"], TODAY).await;
    site.publish(&kinds, TODAY).await;
    assert!(site.chart("30d", "a/b").unwrap().contains("a/b: 6 hits"));
    assert_eq!(made("%3Cb%3E.svg"), other);
    site.publish(&kinds, TODAY + 1).await;
    assert!(site.chart("30d", "<b>").unwrap().contains("21 Nov 2026"), "midnight has passed");
    site.publish(&kinds, TODAY + 30).await;
    assert!(site.chart("30d", "a/b").unwrap().contains("No hits in this period"));
}

#[tokio::test]
async fn charts_that_are_not_asked_for_any_more_go_away() {
    let mut site = Site::new().await;
    site.count(&["a"], TODAY).await;
    site.publish(&[ChartKind::Days7, ChartKind::Days90], TODAY).await;
    assert!(site.chart("7d", "a").is_some() && site.chart("90d", "a").is_some());
    site.publish(&[ChartKind::Days90], TODAY).await;
    assert!(site.chart("7d", "a").is_none() && site.chart("90d", "a").is_some());
    site.publish(&[], TODAY).await;
    assert!(!site.badges().join(DIR).exists() && site.badges().join("a.svg").is_file());
}

#[tokio::test]
async fn many_charts_are_drawn_over_several_passes() {
    let mut site = Site::new().await;
    let names: Vec<String> = (0..300).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    site.count(&names, TODAY).await;
    let mut publisher = site.publisher(&[ChartKind::Days7], Pace::Slices);
    let charts = |site: &Site| fs::read_dir(site.badges().join(DIR).join("7d")).unwrap().count();
    let mut passes = 0;
    while charts(&site) < 300 {
        publisher.pass(&Look::default(), Pass::Changed, at(TODAY), |_| {}).await.unwrap();
        passes += 1;
        assert!(charts(&site) <= passes * 2 * SLICE && passes < 10);
    }
    // Changed names come in between, without a scan of the others.
    site.count(&["n7"], TODAY).await;
    publisher.pass(&Look::default(), Pass::Changed, at(TODAY), |_| {}).await.unwrap();
    assert!(site.chart("7d", "n7").unwrap().contains("n7: 6 hits"));
}

#[tokio::test]
async fn a_chart_that_cannot_be_written_waits_for_the_next_pass_and_asks_for_none() {
    let mut site = Site::new().await;
    site.count(&["a", "b"], TODAY).await;
    let mut publisher = site.publisher(&[ChartKind::Days7], Pace::Slices);
    let in_its_place = site.badges().join(DIR).join("7d").join("a.svg");
    fs::create_dir(&in_its_place).unwrap();
    for _ in 0..2 {
        let report = publisher.pass(&Look::default(), Pass::Changed, at(TODAY), |_| {}).await.unwrap();
        assert_eq!((report.failed, publisher.is_through()), (1, true));
        assert!(site.chart("7d", "b").is_some());
    }
    // Nor does the cursor cover it, after a restart.
    drop(publisher);
    let mut publisher = site.publisher(&[ChartKind::Days7], Pace::Slices);
    let report = publisher.pass(&Look::default(), Pass::Changed, at(TODAY), |_| {}).await.unwrap();
    assert_eq!(report.failed, 1);
    fs::remove_dir(&in_its_place).unwrap();
    publisher.pass(&Look::default(), Pass::Changed, at(TODAY), |_| {}).await.unwrap();
    assert!(site.chart("7d", "a").is_some());
}
