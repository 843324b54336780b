//! What a pass reads and writes. One badge that cannot be drawn or written does not stop those after it, and does not cause
//! them to be redone.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

use std::{fs, path::Path, sync::Arc};
use tallymark_badge::{Look, Template};
use tallymark_core::{Day, Entry, Event, Name, Now, When, batches};
use tallymark_publish::{Pass, PassReport, PublishMeters, Publisher};
use tallymark_store::{Retention, Store, StoreUrl};
use uuid::Uuid;

struct Bed {
    dir: tempfile::TempDir,
    store: Arc<dyn Store>,
}

impl Bed {
    async fn new() -> Bed {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        Bed { dir, store }
    }

    fn badges(&self) -> std::path::PathBuf {
        self.dir.path().join("badges")
    }

    async fn count(&self, names: &[&str]) {
        let claim = self.store.claim(Uuid::new_v4()).await.unwrap();
        let entry = |name: &&str| {
            let name = Name::new(name).unwrap();
            Entry { event: Event::HIT, name, when: When::Day(Day(20_000)), count: 1 }
        };
        let batches = batches(claim.instance, 1, names.iter().map(entry).collect::<Vec<_>>());
        self.store.apply(&claim, &batches).await.unwrap();
    }

    fn publisher(&self) -> Publisher {
        Publisher::open(&self.badges(), self.store.clone(), PublishMeters::default()).unwrap().unwrap()
    }
}

async fn pass(publisher: &mut Publisher, look: &Look) -> PassReport {
    pass_of(publisher, look, Pass::Changed).await
}

async fn pass_of(publisher: &mut Publisher, look: &Look, which: Pass) -> PassReport {
    let now = Now { unix_ms: 20_000 * 86_400_000 };
    publisher.pass(look, which, now, |_| {}).await.unwrap()
}

fn shows(dir: &Path, file: &str, what: &str) -> bool {
    fs::read_to_string(dir.join(file)).is_ok_and(|svg| svg.contains(what))
}

#[tokio::test]
async fn a_name_on_which_the_template_fails_gets_the_built_in_badge() {
    let bed = Bed::new().await;
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\">{% set parts = name | split('/') %}{{ parts[1] }}: {{ count }}</svg>";
    let look = Look { template: Some(Template::parse(svg, "my.svg").unwrap()), ..Look::default() };
    bed.count(&["a/b", "mm", "z/z"]).await;
    let mut publisher = bed.publisher();
    let report = pass(&mut publisher, &look).await;
    assert_eq!((report.written, report.plain, report.failed), (3, 1, 0));
    assert!(shows(&bed.badges(), "z%2Fz.svg", "z: 1"));
    assert!(shows(&bed.badges(), "mm.svg", "hits: 1"));
    assert_eq!(pass(&mut publisher, &look).await.names, 0);
}

#[tokio::test]
async fn a_badge_that_cannot_be_written_is_tried_again_alone() {
    let bed = Bed::new().await;
    fs::create_dir_all(bed.badges().join("b.svg")).unwrap();
    bed.count(&["a", "b", "c"]).await;
    let mut publisher = bed.publisher();
    let report = pass(&mut publisher, &Look::default()).await;
    assert_eq!((report.names, report.written, report.failed), (3, 2, 1));
    bed.count(&["d"]).await;
    let report = pass(&mut publisher, &Look::default()).await;
    assert_eq!((report.names, report.written, report.failed), (2, 1, 1), "b and d");

    // Another process does not know that, so the cursor that it finds is before b.
    drop(publisher);
    let mut publisher = bed.publisher();
    let report = pass(&mut publisher, &Look::default()).await;
    assert_eq!((report.names, report.written, report.failed), (4, 0, 1));
    fs::remove_dir(bed.badges().join("b.svg")).unwrap();
    let report = pass(&mut publisher, &Look::default()).await;
    assert_eq!((report.names, report.written, report.failed), (1, 1, 0));
    assert!(shows(&bed.badges(), "b.svg", "hits: 1"));
    drop(publisher);
    assert_eq!(pass(&mut bed.publisher(), &Look::default()).await.names, 0);
}

/// An idle daemon makes such a pass every two seconds.
#[tokio::test]
async fn a_pass_after_which_nothing_has_changed_reads_no_log_but_a_new_publisher_does() {
    let bed = Bed::new().await;
    let look = Look::default();
    bed.count(&["a"]).await;
    let mut publisher = bed.publisher();
    assert_eq!(pass_of(&mut publisher, &look, Pass::Unchanged).await.names, 1, "the first of a directory");
    bed.count(&["b"]).await;
    assert_eq!(pass_of(&mut publisher, &look, Pass::Unchanged).await.names, 0);
    drop(publisher);
    let mut publisher = bed.publisher();
    assert_eq!(
        pass_of(&mut publisher, &look, Pass::Unchanged).await.names,
        1,
        "its first, from the cursor on disk"
    );
    bed.count(&["c"]).await;
    assert_eq!(pass_of(&mut publisher, &look, Pass::Unchanged).await.names, 0);
    let other = Look { template: Some(Template::parse(DRAWN, "my.svg").unwrap()), ..look };
    assert_eq!(pass_of(&mut publisher, &other, Pass::Unchanged).await.names, 3, "in another look");
}

const DRAWN: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\">{{ count }}</svg>";
