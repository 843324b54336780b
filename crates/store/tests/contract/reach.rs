//! What is said when a Redis cannot be reached over TLS or through Sentinels, and that an open connection moves to a
//! new master.

use crate::bed::{Bed, Desk, at, noon};
use tallymark_store::{Class, Retention, StoreError, StoreUrl};
use tallymark_testbed::{Certificates, PATIENCE, Sentinels, free_tcp_port};
use uuid::Uuid;

async fn claim_error(url: &str) -> StoreError {
    let store = tallymark_store::open(&StoreUrl::Redis(url.to_owned()), Retention::default()).await.unwrap();
    store.claim(Uuid::new_v4()).await.unwrap_err()
}

async fn refused(url: &str, class: Class, words: &[&str]) {
    let err = claim_error(url).await;
    assert_eq!(err.class(), class, "{url}: {err}");
    for word in words {
        assert!(err.to_string().contains(word), "{url}: {word:?} is not in: {err}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_tls_is_told() {
    let bed = Bed::secure();
    let url = bed.url();
    let (server, files) = url.split_once("/0?").unwrap();
    let part = |name: &str| files.split('&').find(|part| part.starts_with(name)).unwrap().to_owned();
    let own = format!("{}&{}", part("cert="), part("key="));
    let foreign = Certificates::make();
    let foreign_ca = foreign.file("ca.pem").display().to_string();
    refused(&format!("{server}?{own}"), Class::Refused, &["invalid peer certificate", "?ca=FILE"]).await;
    refused(&format!("{server}?ca={foreign_ca}&{own}"), Class::Refused, &["invalid peer certificate"]).await;
    refused(&format!("{server}?{}", part("ca=")), Class::Refused, &["?cert=FILE&key=FILE"]).await;
    let ip = server.replace("localhost", "127.0.0.2");
    refused(&format!("{ip}?{files}"), Class::Refused, &["invalid peer certificate", "a name that is in"])
        .await;
    let plain = format!("rediss://localhost:{}?{files}", bed.server().port());
    refused(&plain, Class::Unavailable, &["does not speak TLS"]).await;
    let missing = "rediss://localhost:1?ca=/no/such/file";
    refused(missing, Class::Refused, &["cannot read /no/such/file", "Check the files"]).await;
    let not_pem = format!("{server}?ca=/dev/null&{own}");
    refused(&not_pem, Class::Refused, &[]).await;
    // The other way round: in the clear to a port that speaks TLS.
    let clear = server.replace("rediss", "redis");
    refused(&clear, Class::Unavailable, &["TLS"]).await;
}

#[tokio::test]
async fn what_is_wrong_with_sentinels_is_told() {
    let set = Sentinels::start(0, &[]);
    let url = set.url();
    let none = format!("redis+sentinel://127.0.0.1:{}/main", free_tcp_port());
    refused(&none, Class::Unavailable, &["asking the Sentinel 127.0.0.1", "redis-cli -h 127.0.0.1"]).await;
    let other = url.replace("/main", "/other");
    refused(&other, Class::Refused, &["knows no master with the name \"other\"", "sentinel masters"]).await;
    let no_sentinel = format!("redis+sentinel://127.0.0.1:{}/main", set.servers[0].port());
    refused(&no_sentinel, Class::Data, &["Is this a Sentinel?"]).await;
    let direct = format!("redis://127.0.0.1:{}", set.sentinels[0].port());
    refused(&direct, Class::Refused, &["it is a Sentinel: write redis+sentinel://"]).await;
    for sentinel in &set.sentinels {
        sentinel.cli(&["ACL", "SETUSER", "default", "resetpass", ">s3cret"]);
    }
    refused(&url, Class::Refused, &["sentinel-user=USER"]).await;
    let store = format!("{url}?sentinel-password=s3cret").parse().unwrap();
    let store = tallymark_store::open(&store, Retention::default()).await.unwrap();
    store.claim(Uuid::new_v4()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_connection_moves_to_the_new_master() {
    let bed = Bed::sentinels();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    let set = bed.set();
    let old = set.master();
    set.servers[old].cli(&["WAIT", "1", "5000"]);
    set.sentinels[0].cli(&["SENTINEL", "FAILOVER", "main"]);
    let new = tokio::task::block_in_place(|| set.wait_other(old));
    let end = std::time::Instant::now() + PATIENCE;
    // The old one may have applied it before it was demoted, and then has forgotten it: a batch may be sent again.
    while set.servers[new].cli(&["GET", "repo:a"]) != "2" {
        assert!(std::time::Instant::now() < end, "nothing is written to the new master");
        let _ = desk.store.apply(&desk.claim, &[desk.batch(2, &[at("a", noon(), 1)])]).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(desk.total("a").await, 2);
}
