//! Sends news to webhooks: signed, one message at a time to each, in their order, until each is received.
//!
//! What is to be sent is kept in the store until it was received, so a restart forgets none. A receiver may get one
//! twice, and knows it by its id. One that does not answer is asked less and less often; what it has not received after
//! three days is given up, with a line in the log.

use crate::{
    DAY, DUE, NotTold, finder::rest, item::NewsItem, meters::NewsMeters, rule::Webhook, turn::seconds,
};
use hmac::{Hmac, KeyInit, Mac};
use hyper::{
    StatusCode,
    body::Bytes,
    header::{self, HeaderName, HeaderValue},
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tallymark_core::{Event, Name, Now, with_causes};
use tallymark_github::{Ask, FetchError, Outgoing, Redirects};
use tallymark_store::{Shelved, Store};
use tokio::sync::watch;
use tracing::{error, info, warn};
use uuid::Uuid;

const SIGNATURE: HeaderName = HeaderName::from_static("x-tallymark-signature");
const ID: HeaderName = HeaderName::from_static("x-tallymark-id");
/// How long a receiver may take, and how much it may answer.
const WITHIN: Duration = Duration::from_secs(10);
const ANSWER: usize = 1 << 20;
/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The pause after a store that does not answer.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// After this long without success a message is given up, in seconds.
const GIVEN_UP: u64 = 3 * DAY;

/// Why a message was not received.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// No answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An answer that does not take it.
    #[error("it answers {0}")]
    Refused(StatusCode),
    /// The operator's secret cannot sign, which no secret of any length does.
    #[error("the message could not be signed")]
    Unsigned,
}

/// How webhooks are reached, and where pages are.
pub(crate) struct Sender {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) outgoing: Outgoing,
    pub(crate) page: crate::PageAddress,
    pub(crate) meters: NewsMeters,
    pub(crate) now: fn() -> Now,
}

/// The key of a message: those of one webhook sort in their order. The address is hashed, because it may be a secret.
fn key(hook: &Webhook, item: &NewsItem) -> String {
    format!("{}-{:010}-{}", prefix(hook), item.at, item.id)
}

fn prefix(hook: &Webhook) -> String {
    let digest = Sha256::digest(hook.url.as_str().as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Sender {
    /// Keeps a message for a webhook until it was received.
    pub(crate) async fn owe(&self, hook: &Webhook, item: &NewsItem) -> Result<(), NotTold> {
        let thing = Shelved { at: item.at, value: item.to_bytes() };
        // A day longer than it is tried, so that the log can say that it was given up.
        let until = item.at + GIVEN_UP + DAY;
        self.store.keep(DUE, &key(hook, item), thing, Some(until)).await?;
        self.meter().await
    }

    /// Removes what is for webhooks that are configured no more.
    pub(crate) async fn sweep(&self, hooks: &[Webhook]) -> Result<(), NotTold> {
        let ours: BTreeSet<String> = hooks.iter().map(prefix).collect();
        let mut gone = 0;
        for key in self.store.kept_keys(DUE).await? {
            if !key.split_once('-').is_some_and(|(hook, _)| ours.contains(hook)) {
                self.store.discard(DUE, &key).await?;
                gone += 1;
            }
        }
        if gone > 0 {
            warn!(messages = gone, "news for webhooks that are no longer configured are not sent");
        }
        self.meter().await
    }

    async fn meter(&self) -> Result<(), NotTold> {
        let waiting = self.store.kept_count(DUE).await?;
        self.meters.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Sends to one webhook, whenever it is our turn. `bell` tells of new messages.
    pub(crate) async fn serve(
        &self,
        hook: &Webhook,
        mut turn: watch::Receiver<bool>,
        mut bell: watch::Receiver<()>,
    ) {
        let mut failures = 0;
        loop {
            if !*turn.borrow_and_update() {
                if turn.changed().await.is_err() {
                    return;
                }
                continue;
            }
            bell.mark_unchanged();
            match self.round(hook, &turn, &mut failures).await {
                Ok(true) => {
                    tokio::select! {
                        _ = bell.changed() => {}
                        _ = turn.changed() => {}
                    }
                }
                Ok(false) => tokio::time::sleep(pause(failures)).await,
                Err(error) => {
                    tracing::debug!(%error, "reading what webhooks are to be sent");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    /// Sends what waits. Returns whether all of it was received, or given up.
    async fn round(
        &self,
        hook: &Webhook,
        turn: &watch::Receiver<bool>,
        failures: &mut u32,
    ) -> Result<bool, NotTold> {
        let prefix = prefix(hook);
        let mut keys = self.store.kept_keys(DUE).await?;
        keys.retain(|key| key.split_once('-').is_some_and(|(of, _)| of == prefix));
        keys.sort_unstable();
        let mut given_up: Vec<NewsItem> = Vec::new();
        let mut through = true;
        for key in keys {
            if !*turn.borrow() {
                break;
            }
            let began = Instant::now();
            let kept = self.store.kept(DUE, &key).await?;
            let Some(item) = kept.and_then(|kept| NewsItem::from_bytes(&kept.value)) else {
                self.store.discard(DUE, &key).await?;
                continue;
            };
            rest(began).await;
            let page = (self.page)(item.event, &item.name);
            match post(&self.outgoing, hook, item.id, item.body(&page), self.now).await {
                Ok(()) => {
                    self.meters.sent("delivered", 1);
                    if std::mem::take(failures) > 0 {
                        info!(host = hook.host(), "the webhook answers again");
                    }
                }
                Err(why) => {
                    self.meters.sent("failed", 1);
                    *failures += 1;
                    // Once in an outage: each further failure is a number in the metrics.
                    if *failures == 1 {
                        let host = hook.host();
                        warn!(host, error = %with_causes(&why), "a webhook has not taken a message; it is sent again later");
                    }
                    // Who answers so wants none of it, ever.
                    let is_unwanted = matches!(why, HookError::Refused(StatusCode::GONE));
                    if !is_unwanted && item.at.saturating_add(GIVEN_UP) > seconds((self.now)()) {
                        through = false;
                        break;
                    }
                    given_up.push(item);
                }
            }
            self.store.discard(DUE, &key).await?;
            self.meter().await?;
        }
        if let Some(first) = given_up.first() {
            self.meters.sent("given_up", given_up.len() as u64);
            error!(
                host = hook.host(),
                messages = given_up.len(),
                first = first.text(),
                id = %first.id,
                "a webhook has not taken these messages, and they are given up; the feed has them"
            );
        }
        Ok(through)
    }
}

fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(20));
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}

/// Sends a message that says nothing, to try a webhook.
///
/// # Errors
///
/// It was not received.
pub async fn send_test(
    outgoing: &Outgoing,
    hook: &Webhook,
    page: &str,
    now: fn() -> Now,
) -> Result<(), HookError> {
    let (id, at) = (Uuid::new_v4(), now().to_rfc3339());
    let text = "a test of this webhook, by tallymark doctor";
    let body = serde_json::json!({ "id": id, "at": at, "kind": "test", "text": text, "page": page });
    post(outgoing, hook, id, body.to_string(), now).await
}

async fn post(
    outgoing: &Outgoing,
    hook: &Webhook,
    id: Uuid,
    body: String,
    now: fn() -> Now,
) -> Result<(), HookError> {
    let value = |text: String| HeaderValue::from_str(&text).map_err(|_| HookError::Unsigned);
    let signature = sign(&hook.secret, seconds(now()), &body).ok_or(HookError::Unsigned)?;
    let headers = vec![
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ID, value(id.to_string())?),
        (SIGNATURE, value(signature)?),
    ];
    let ask = Ask {
        url: hook.url.clone(),
        headers,
        post: Some(Bytes::from(body)),
        most: ANSWER,
        within: WITHIN,
        redirects: Redirects::Here(2),
    };
    let status = outgoing.fetch(&ask).await?.status;
    if status.is_success() { Ok(()) } else { Err(HookError::Refused(status)) }
}

/// `t=SECONDS,v1=HEX`: the HMAC-SHA256 of the seconds, a dot and the body.
fn sign(secret: &str, at: u64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{at}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("t={at},v1={hex}"))
}

/// Where the page of a name is.
pub(crate) type Page = dyn Fn(Event, &Name) -> String + Send + Sync;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds: Vec<u64> = [1, 2, 3, 12, 13, 1000].map(|n| pause(n).as_secs()).into();
        assert_eq!(seconds, [1, 2, 4, 2048, 3600, 3600]);
    }

    #[test]
    fn the_signature_is_the_one_that_openssl_makes() {
        // printf '1780000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let expect = "t=1780000000,v1=2c48252c6a47fdb9b333f61ba8d2f35f0f966922f9eeba7a6fc8d7e3e5ba2b4b";
        assert_eq!(sign("0123456789abcdef", 1_780_000_000, "{}").unwrap(), expect);
    }
}
