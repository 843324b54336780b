//! Limits how often one client can request pictures of GitHub accounts, each of which may cost a call to GitHub.
//!
//! GitHub's image proxy is not limited: it asks for all readers of a README.

use super::{Peer, patience::Patience};
use crate::state::user_agent;
use axum::http::HeaderMap;
use std::time::Duration;
use tallymark_core::{CamoNetworks, Now, Visitor};

/// The fewest requests that may come at once.
const ROW: f64 = 5.0;

/// The requests that each client may make.
pub struct ClientLimit {
    /// `None`: any number.
    patience: Option<Patience>,
    camo: CamoNetworks,
}

impl ClientLimit {
    /// One request in this time on average, and those of two seconds at once; `None`: no limit.
    #[must_use]
    pub fn new(each: Option<Duration>, camo: CamoNetworks) -> ClientLimit {
        let patience = each.map(|each| {
            let row = (2.0 / each.as_secs_f64().max(1e-6)).clamp(ROW, 1e6);
            Patience::new(row as u32, each)
        });
        ClientLimit { patience, camo }
    }

    /// Counts a request; if it is one too many, how long to wait.
    pub(crate) fn take(&self, client: Peer, sent: &HeaderMap) -> Result<(), Duration> {
        let Some(patience) = &self.patience else { return Ok(()) };
        // Only the address and the agent are looked at.
        let visitor = |address| Visitor::new(address, user_agent(sent), Now { unix_ms: 0 });
        if client.0.is_some_and(|address| self.camo.has(&visitor(address))) {
            return Ok(());
        }
        patience.take(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most(limit: &ClientLimit, address: &str, agent: &str) -> usize {
        let mut sent = HeaderMap::new();
        sent.insert("user-agent", agent.parse().unwrap());
        let client = Peer(Some(address.parse().unwrap()));
        (0..1000).take_while(|_| limit.take(client, &sent).is_ok()).count()
    }

    #[test]
    fn each_client_has_its_own_number_and_camo_any() {
        let hour = Duration::from_secs(3600);
        let limit = ClientLimit::new(Some(hour), CamoNetworks::default());
        assert_eq!(most(&limit, "192.0.2.1", "curl"), 5);
        assert_eq!(most(&limit, "192.0.2.1", "other"), 0, "the agent is no client");
        assert_eq!(most(&limit, "140.82.115.1", "github-camo (876de43e)"), 1000);
        assert_eq!(most(&limit, "203.0.113.9", "github-camo (876de43e)"), 5, "anybody can say so");
        assert_eq!(most(&ClientLimit::new(None, CamoNetworks::default()), "192.0.2.1", "curl"), 1000);
    }

    #[test]
    fn two_seconds_of_requests_come_at_once() {
        let limit = ClientLimit::new(Some(Duration::from_millis(10)), CamoNetworks::default());
        assert!((200..=300).contains(&most(&limit, "192.0.2.1", "curl")));
    }
}
