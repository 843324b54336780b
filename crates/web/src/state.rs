//! What handlers share: the store, the counter, the access rules and the look of badges. The binary fills it in.

use crate::{
    auth::{Access, ClientLimit, Peer, Signatures},
    cors::Origins,
    host::BaseUrl,
    stats_prefix::StatsPrefix,
};
use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderValue, header};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use tallymark_badge::Look;
use tallymark_core::{
    ClientClass, ClientWords, Corrections, Counter, Event, Hit, KeptVisits, Ledger, NameGroup, NameRef, Now,
    OtherCounters, Requester, Unavailable, Visitor, When, calendar::Zone, left, opts_out,
};
use tallymark_github::{Avatars, DayZone, Statistics};
use tallymark_news::RecentNews;
use tallymark_rankings::Rankings;
use tallymark_store::StoreRead;

/// Returns what is wrong; nothing if all is well.
pub type Reasons = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// What every request can reach.
pub struct App {
    /// Counts badge requests.
    pub counter: Arc<dyn Counter>,
    /// Commits the counts that clients send.
    pub ledger: Arc<dyn Ledger>,
    /// Corrects what was counted.
    pub corrections: Arc<dyn Corrections>,
    /// Reads what pages show.
    pub store: Arc<dyn StoreRead>,
    /// The busiest names.
    pub rankings: Arc<Rankings>,
    /// How badges look; replaced when the configuration is reloaded.
    pub look: Arc<ArcSwap<Look>>,
    /// The public address.
    pub base_url: BaseUrl,
    /// Who may see pages, and who may write.
    pub access: Access,
    /// The largest body of a request.
    pub body_bytes: usize,
    /// Which visits of a name are kept.
    pub visits: KeptVisits,
    /// The faces of panels; initials without it.
    pub avatars: Option<Arc<Avatars>>,
    /// What banners show; there are none without it.
    pub github: Option<GithubFront>,
    /// The zone of HitMe's calendar.
    pub hitme_zone: Zone,
    /// The path of Bootic's API.
    pub stats_prefix: StatsPrefix,
    /// The other counters whose addresses are served.
    pub others: OtherCounters,
    /// Events that the configuration names: they may be asked for before the first one was counted.
    pub events: Vec<Event>,
    /// Names that are summed up together.
    pub groups: Vec<NameGroup>,
    /// Milestones and spikes; `None` if the operator does not have them looked for.
    pub news: Option<RecentNews>,
    /// The clock.
    pub now: fn() -> Now,
}

/// GitHub's statistics, and who may ask for them.
#[derive(Clone)]
pub struct GithubFront {
    /// The statistics.
    pub statistics: Arc<Statistics>,
    /// How often a client may ask.
    pub limit: Arc<ClientLimit>,
    /// Where days end in streaks, unless an address says it.
    pub zone: DayZone,
    /// Cards of tracked accounts become files.
    pub card_files: bool,
    /// Who may create banners; without it, clients on this machine.
    pub signatures: Option<Arc<Signatures>>,
    /// Whose pages may have such a client's browser create one.
    pub origins: Origins,
}

/// The state behind health and metrics.
pub struct Health {
    /// Why hits do not reach the store at the moment.
    pub waiting: Reasons,
    /// Which sources cannot read their lines, while the others continue.
    pub degraded: Reasons,
    /// For `/metrics`.
    pub registry: Arc<Registry>,
}

impl App {
    /// The total of an event on a name, with what is not in the store yet. Of likes, those that were taken back are no
    /// part, as in [`App::store`].
    pub(crate) async fn shown_total(&self, event: Event, name: NameRef<'_>) -> Result<i64, Unavailable> {
        let total = self.counter.total(event, name).get().await?;
        match event {
            Event::LIKE => Ok(left(total, self.counter.total(Event::UNLIKE, name).get().await?)),
            _ => Ok(total),
        }
    }

    /// One occurrence at this moment, with all that a request says of who asked.
    pub(crate) fn hit<'a>(
        &self,
        event: Event,
        name: NameRef<'a>,
        now: Now,
        (peer, sent): (Peer, &'a HeaderMap),
    ) -> Hit<'a> {
        let requester = self.requester((peer, sent));
        let visitor = requester.address.map(|address| Visitor::new(address, user_agent(sent), now));
        let header = |name| sent.get(name).map_or(&b""[..], HeaderValue::as_bytes);
        let words = ClientWords { user_agent: user_agent(sent), referer: header(header::REFERER) };
        let hit = Hit::one(event, name, When::Minute(now.minute()));
        Hit { client: self.client(sent), visitor, words, requester, ..hit }
    }

    /// Who sends a request.
    pub(crate) fn requester<'a>(&self, (peer, sent): (Peer, &'a HeaderMap)) -> Requester<'a> {
        let address = peer.behind(sent, &self.access.proxies).0;
        let header = |name| sent.get(name).map(HeaderValue::as_bytes);
        let opts_out = opts_out(header("sec-gpc"), header("dnt"));
        Requester { address, user_agent: Some(user_agent(sent)), opts_out }
    }

    /// The class of client that a request claims, if visits are kept.
    pub(crate) fn client(&self, sent: &HeaderMap) -> Option<ClientClass> {
        (self.visits.last > 0).then(|| ClientClass::of(user_agent(sent)))
    }
}

pub(crate) fn user_agent(sent: &HeaderMap) -> &[u8] {
    sent.get(header::USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes)
}
