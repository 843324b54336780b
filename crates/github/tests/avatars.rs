//! Avatars grow old: what is shown then, and when they are looked for.

use prometheus_client::{encoding::text::encode, registry::Registry};
use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};
use std::time::Duration;
use tallymark_core::{Day, Entry, Event, Name, Now, When, batches};
use tallymark_github::{AccountName, AvatarMeters, AvatarSource, Avatars, Outgoing, TrackedAccounts};
use tallymark_store::{Retention, StoreUrl};
use tallymark_testbed::{FakeWeb, WebReply};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const OCTO: &[u8] = include_bytes!("../../tallymark/tests/pictures/octo.png");
const OTHER: &[u8] = include_bytes!("../../tallymark/tests/pictures/other.png");

static CLOCK: AtomicI64 = AtomicI64::new(1_800_000_000_000);

fn now() -> Now {
    Now { unix_ms: CLOCK.load(Ordering::Relaxed) }
}

fn later(minutes: i64) {
    CLOCK.fetch_add(minutes * 60_000, Ordering::Relaxed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_picture_stays_until_there_is_another() {
    let (dir, round) = (tempfile::tempdir().unwrap(), Arc::new(AtomicUsize::new(0)));
    let at = Arc::clone(&round);
    let server = FakeWeb::start(move |_| match at.load(Ordering::Relaxed) {
        0 => WebReply::of("image/png", OCTO),
        1 => WebReply::status(404, "text/plain", ""),
        2 => WebReply::of("image/png", OCTO).header("Content-Length", "9999"),
        3 => WebReply::of("image/png", "<svg/>"),
        _ => WebReply::of("image/png", OTHER),
    });
    let url = StoreUrl::Sqlite(dir.path().join("t.db"));
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let source = || AvatarSource {
        dir: None,
        pattern: format!("{}/{{owner}}.png", server.url()).parse().ok(),
        outgoing: Outgoing::default(),
    };
    let avatars = Arc::new(Avatars::new(source(), store.clone(), AvatarMeters::default(), now));
    tokio::spawn(avatars.clone().run(CancellationToken::new()));
    let name = Name::new("octo/hello").unwrap();
    let asked = async |count: usize| {
        for _ in 0..3000 {
            if server.requests().len() >= count {
                // What it answered is drawn a moment later.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} requests expected, {} were made", server.requests().len());
    };
    assert_eq!(avatars.of(name.as_ref()).await, None);
    asked(1).await;
    let mut first = avatars.of(name.as_ref()).await;
    for _ in 0..3000 {
        if first.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        first = avatars.of(name.as_ref()).await;
    }
    assert!(first.is_some());
    later(23 * 60);
    assert_eq!(avatars.of(name.as_ref()).await, first);
    assert_eq!(server.requests().len(), 1, "it is fresh");
    // It is old, and the server has nothing better: nobody, half an answer, no picture.
    for (failure, wait) in [(1, 2 * 60), (2, 25 * 60), (3, 20)] {
        round.store(failure, Ordering::Relaxed);
        later(wait);
        assert_eq!(avatars.of(name.as_ref()).await, first);
        asked(failure + 1).await;
        assert_eq!(avatars.of(name.as_ref()).await, first, "failure {failure}");
        assert_eq!(server.requests().len(), failure + 1, "it is not asked again at once");
    }
    // Another process reads it from the store, old as it is.
    let other = Avatars::new(source(), store, AvatarMeters::default(), now);
    assert_eq!(other.of(name.as_ref()).await, first);
    round.store(4, Ordering::Relaxed);
    later(25 * 60);
    assert_eq!(avatars.of(name.as_ref()).await, first);
    asked(5).await;
    for _ in 0..3000 {
        if avatars.of(name.as_ref()).await != first {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the new picture never came");
}

/// What is in no directory is looked for there every minute, and fetched once a day; an owner whose server fails keeps
/// nobody waiting, and neither does one that answers nothing at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_does_not_wait_for_servers_and_fetches_no_more_often() {
    static CLOCK: AtomicI64 = AtomicI64::new(1_800_000_000_000);
    fn now() -> Now {
        Now { unix_ms: CLOCK.load(Ordering::Relaxed) }
    }
    let dir = tempfile::tempdir().unwrap();
    let (answers, hold) = std::sync::mpsc::channel::<()>();
    let hold = std::sync::Mutex::new(hold);
    let server = FakeWeb::start(move |asked| {
        if asked.target.contains("fails") {
            return WebReply::status(502, "text/plain", "");
        }
        if asked.target.contains("slow") {
            let _ = hold.lock().unwrap().recv();
        }
        WebReply::of("image/png", OCTO)
    });
    let faces = dir.path().join("faces");
    std::fs::create_dir(&faces).unwrap();
    std::fs::write(faces.join("here.png"), OTHER).unwrap();
    let url = StoreUrl::Sqlite(dir.path().join("t.db"));
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let source = AvatarSource {
        dir: Some(faces),
        pattern: format!("{}/{{owner}}.png", server.url()).parse().ok(),
        outgoing: Outgoing::default(),
    };
    let avatars = Arc::new(Avatars::new(source, store, AvatarMeters::default(), now));
    tokio::spawn(avatars.clone().run(CancellationToken::new()));
    let face = async |owner: &str| avatars.of(Name::new(&format!("{owner}/x")).unwrap().as_ref()).await;
    let comes = async |owner: &str| {
        for _ in 0..3000 {
            if face(owner).await.is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no picture of {owner}");
    };
    let settled = async |owner: &str| {
        let name = Name::new(&format!("{owner}/x")).unwrap();
        while avatars.is_looking_for(name.as_ref()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert_eq!(face("fails").await, None);
    settled("fails").await;
    comes("there").await;
    for _ in 0..5 {
        CLOCK.fetch_add(61_000, Ordering::Relaxed);
        assert!(face("there").await.is_some());
        settled("there").await;
        assert_eq!(face("fails").await, None);
        settled("fails").await;
    }
    assert_eq!(server.requests().len(), 2, "each was asked for once");
    assert_eq!(face("slow").await, None);
    comes("here").await;
    answers.send(()).unwrap();
    comes("slow").await;
}

/// Anybody can make up owners. What that costs a server is bounded, and those whose names were counted before wait for none
/// of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_owners_are_asked_for_slowly_and_delay_nobody_who_is_known() {
    const MADE_UP: usize = 300;
    fn now() -> Now {
        Now { unix_ms: 1_800_000_000_000 }
    }
    let dir = tempfile::tempdir().unwrap();
    let server = FakeWeb::start(|_| WebReply::of("image/png", OCTO));
    let url = StoreUrl::Sqlite(dir.path().join("t.db"));
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    let yesterday = When::Day(Day(now().day().0 - 1));
    let name = Name::new("before/x").unwrap();
    let before = Entry { event: Event::VISIT, name, when: yesterday, count: 1 };
    store.apply(&claim, &batches(claim.instance, 1, vec![before])).await.unwrap();
    let tracked = AccountName::new("tracked").unwrap();
    TrackedAccounts::new(store.clone()).add(&tracked).await.unwrap();
    let source = AvatarSource {
        dir: None,
        pattern: format!("{}/{{owner}}", server.url()).parse().ok(),
        outgoing: Outgoing::default(),
    };
    let meters = &mut Registry::default();
    let avatars = Arc::new(Avatars::new(source, store, AvatarMeters::register(meters), now));
    tokio::spawn(avatars.clone().run(CancellationToken::new()));
    // Whether there is a picture, once no task looks for one any more.
    let face = async |owner: &str| {
        let name = Name::new(&format!("{owner}/x")).unwrap();
        avatars.of(name.as_ref()).await;
        while avatars.is_looking_for(name.as_ref()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        avatars.of(name.as_ref()).await.is_some()
    };
    let mut faces = 0;
    for owner in 0..MADE_UP {
        faces += usize::from(face(&format!("made-up-{owner}")).await);
    }
    assert!((20..MADE_UP).contains(&faces), "{faces}");
    assert_eq!(server.requests().len(), faces);
    let mut text = String::new();
    encode(&mut text, meters).unwrap();
    assert!(text.contains("avatars_total{result=\"later\"}"), "{text}");
    for known in ["before", "tracked"] {
        assert!(face(known).await, "{known}");
    }
}
