//! The loop that follows the change log, keeps what is found, and has webhooks told.

use crate::{
    DAY, NEWS, NotTold,
    finder::{Finder, rest},
    hooks::{Page, Sender},
    item::NewsItem,
    meters::NewsMeters,
    rule::{NewsRule, Webhook},
    turn::Turn,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tallymark_core::Now;
use tallymark_github::Outgoing;
use tallymark_store::{Changes, Shelved, Store, Written};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use uuid::Uuid;

/// About how many changes are read at once.
const CHANGES: usize = 2000;
/// The shortest pause between two looks at the log.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a daemon whose turn it is not looks whether it is.
const NOT_OURS: Duration = Duration::from_secs(10);
/// How long news are kept for feeds, in seconds.
const KEPT: u64 = 400 * DAY;

/// Where the page of a name is, for the messages.
pub type PageAddress = Box<Page>;

/// Finds news and has them told, as one of the daemons of a store.
pub struct NewsTeller {
    store: Arc<dyn Store>,
    rules: Arc<[NewsRule]>,
    /// The data directory of this daemon: after a restart it is the same one.
    owner: Uuid,
    sender: Arc<Sender>,
    hooks: Vec<Webhook>,
    meters: NewsMeters,
    now: fn() -> Now,
}

impl NewsTeller {
    /// For the daemon `owner`, with the operator's rules.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        rules: Arc<[NewsRule]>,
        owner: Uuid,
        (outgoing, page): (Outgoing, PageAddress),
        meters: NewsMeters,
        now: fn() -> Now,
    ) -> NewsTeller {
        let mut hooks: Vec<Webhook> = Vec::new();
        for hook in rules.iter().filter_map(|rule| rule.hook.as_ref()) {
            if !hooks.contains(hook) {
                hooks.push(hook.clone());
            }
        }
        let sender = Sender { store: store.clone(), outgoing, page, meters: meters.clone(), now };
        NewsTeller { store, rules, owner, sender: Arc::new(sender), hooks, meters, now }
    }

    /// Until `stop`. The log is only read after `written` has told of a write. What was begun then is begun again by
    /// the next daemon, which gets the turn at once.
    pub async fn run(self, written: Written, stop: CancellationToken) {
        let (has_turn, turns) = watch::channel(false);
        let (bell, rings) = watch::channel(());
        let mut sending = JoinSet::new();
        for hook in self.hooks.clone() {
            let (sender, turns, rings) = (self.sender.clone(), turns.clone(), rings.clone());
            sending.spawn(async move { sender.serve(&hook, turns, rings).await });
        }
        let mut turn = None;
        stop.run_until_cancelled(self.tell(written, &mut turn, &has_turn, &bell)).await;
        sending.shutdown().await;
        if let Some(turn) = turn
            && let Err(error) = turn.leave().await
        {
            debug!(%error, "leaving the news to another daemon");
        }
    }

    async fn tell(
        &self,
        mut written: Written,
        ours: &mut Option<Turn>,
        has_turn: &watch::Sender<bool>,
        bell: &watch::Sender<()>,
    ) {
        let mut finder = Finder::new(self.store.clone(), self.rules.clone(), self.meters.clone(), self.now);
        loop {
            match Turn::take(&self.store, self.owner, self.now).await {
                Ok(Some(taken)) => {
                    let turn = ours.insert(taken);
                    let lost = self.tell_in(turn, &mut finder, (&mut written, has_turn, bell)).await;
                    *ours = None;
                    has_turn.send_replace(false);
                    match lost {
                        NotTold::AnotherTells => info!("another daemon on this store tells the news now"),
                        NotTold::Store(error) => debug!(%error, "looking for news"),
                    }
                }
                Ok(None) => {}
                Err(error) => debug!(%error, "looking whose turn it is to tell news"),
            }
            tokio::time::sleep(NOT_OURS).await;
        }
    }

    /// As long as it is our turn, and the store answers.
    async fn tell_in(
        &self,
        turn: &mut Turn,
        finder: &mut Finder,
        (written, has_turn, bell): (&mut Written, &watch::Sender<bool>, &watch::Sender<()>),
    ) -> NotTold {
        if let Err(error) = self.sender.sweep(&self.hooks).await {
            return error;
        }
        has_turn.send_replace(true);
        let mut unread = true;
        loop {
            let looked = match unread {
                true => self.look(turn, finder, bell).await,
                false => turn.hold().await,
            };
            let spikes = match looked {
                Ok(()) => finder.spikes(turn).await,
                Err(error) => return error,
            };
            let kept = match spikes {
                Ok(spikes) => self.keep(spikes, finder, bell).await,
                Err(error) => return error,
            };
            if let Err(error) = kept {
                return error;
            }
            tokio::time::sleep(PAUSE).await;
            unread = written.hear_or_look().await;
        }
    }

    /// Reads the log to its end, or every name if it does not reach back.
    async fn look(
        &self,
        turn: &mut Turn,
        finder: &mut Finder,
        bell: &watch::Sender<()>,
    ) -> Result<(), NotTold> {
        loop {
            let Some(cursor) = turn.cursor.clone() else {
                self.look_at_all(turn, finder, bell).await?;
                continue;
            };
            let began = Instant::now();
            let Changes::Since { names, cursor, more } = self.store.changes(&cursor, CHANGES).await? else {
                turn.cursor = None;
                continue;
            };
            if !names.is_empty() {
                rest(began).await;
                let found = finder.among(names, turn).await?;
                self.keep(found, finder, bell).await?;
            }
            turn.cursor = Some(cursor);
            turn.hold().await?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Looks at every name, so that nothing is missed that the log does not have any more.
    async fn look_at_all(
        &self,
        turn: &mut Turn,
        finder: &mut Finder,
        bell: &watch::Sender<()>,
    ) -> Result<(), NotTold> {
        let head = self.store.head().await?;
        for event in finder.events() {
            let mut at = None;
            loop {
                let (found, next) = finder.on_page(event, at.as_deref(), turn).await?;
                self.keep(found, finder, bell).await?;
                at = next;
                if at.is_none() {
                    break;
                }
            }
        }
        turn.cursor = Some(head);
        Ok(())
    }

    /// Keeps what was found: first for webhooks, then for the feed, and at last that it was told. So what is interrupted
    /// is found again, and has the same id.
    async fn keep(
        &self,
        found: Vec<NewsItem>,
        finder: &mut Finder,
        bell: &watch::Sender<()>,
    ) -> Result<(), NotTold> {
        for item in found {
            let began = Instant::now();
            for hook in &self.hooks {
                let tells = |rule: &&NewsRule| rule.hook.as_ref() == Some(hook);
                if self.rules.iter().filter(tells).any(|rule| rule.wants(&item)) {
                    self.sender.owe(hook, &item).await?;
                }
            }
            let thing = Shelved { at: item.at, value: item.to_bytes() };
            self.store.keep(NEWS, &item.id.to_string(), thing, Some(item.at + KEPT)).await?;
            finder.note(item.id).await?;
            self.meters.found(item.word());
            bell.send_replace(());
            rest(began).await;
        }
        Ok(())
    }
}
