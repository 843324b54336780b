//! A network that fails after Redis has done the work and before we know it.

use crate::bed::{Bed, at, noon};
use std::time::Duration;
use tallymark_core::{Batch, Event};
use tallymark_store::{Class, Outcome, Retention, StoreUrl};
use tallymark_testbed::{Fault, FaultProxy};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_counts_once() {
    let bed = Bed::redis();
    let proxy = FaultProxy::start(bed.server().addr());
    let url = StoreUrl::Redis(format!("redis://{}", proxy.addr()));
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    let batch = |seq| [Batch::of(claim.instance, seq, vec![at("a", noon(), 1)])];
    store.apply(&claim, &batch(1)).await.unwrap();

    proxy.set(Fault::CutReplies { after: 0 });
    let err = store.apply(&claim, &batch(2)).await.unwrap_err();
    assert_eq!(err.class(), Class::Unavailable, "{err}");
    proxy.set(Fault::Pass);
    assert_eq!(store.apply(&claim, &batch(2)).await.unwrap(), [Outcome::Duplicate]);

    // A connection that no longer answers is dropped, and the next call opens a new one.
    proxy.set(Fault::DropReplies { after: 0 });
    let before = tokio::time::Instant::now();
    let err = store.apply(&claim, &batch(3)).await.unwrap_err();
    assert_eq!(err.class(), Class::Unavailable, "{err}");
    assert!(
        err.to_string().contains("no answer in time") && before.elapsed() < Duration::from_secs(8),
        "{err}"
    );
    proxy.set(Fault::Pass);
    assert_eq!(store.apply(&claim, &batch(3)).await.unwrap(), [Outcome::Duplicate]);
    assert_eq!(store.totals(Event::HIT, &[crate::bed::named("a")]).await.unwrap(), [3]);
}
