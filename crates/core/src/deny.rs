//! What the operator does not want to count: names, networks and user agents.
//!
//! The configuration fills it in, and every source checks it before a hit is counted. A denied hit is a [`Reject`] like
//! any other, so nothing disappears unseen. It does not know the time: pauses are handled elsewhere.

use crate::{Glob, Hit, Reject};
use ipnet::IpNet;
use std::collections::HashSet;

/// Hits that are refused. None, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DenyRules {
    /// Names that are no patterns: a list of them may be long.
    names: HashSet<String>,
    patterns: Vec<Glob>,
    networks: Vec<IpNet>,
    /// In lower case.
    agents: Vec<Glob>,
}

impl DenyRules {
    /// These names or patterns, networks, and patterns of user agents. Those of user agents are in lower case.
    #[must_use]
    pub fn new(names: Vec<Glob>, networks: Vec<IpNet>, agents: Vec<Glob>) -> DenyRules {
        let (exact, patterns): (Vec<Glob>, Vec<Glob>) = names.into_iter().partition(Glob::is_exact);
        let names = exact.iter().map(|name| name.as_str().to_owned()).collect();
        DenyRules { names, patterns, networks, agents }
    }

    /// Whether anything depends on who asks, so that lines should say it.
    #[must_use]
    pub fn looks_at_requesters(&self) -> bool {
        !self.networks.is_empty() || !self.agents.is_empty()
    }

    /// Why a hit does not count, if it does not.
    #[must_use]
    pub fn refusal(&self, hit: &Hit<'_>) -> Option<Reject> {
        let name = hit.name.as_str();
        if self.names.contains(name) || self.patterns.iter().any(|glob| glob.matches(name)) {
            return Some(Reject::DeniedName);
        }
        if let Some(address) = hit.requester.address
            && !self.networks.is_empty()
        {
            let address = address.to_canonical();
            if self.networks.iter().any(|network| network.contains(&address)) {
                return Some(Reject::DeniedNetwork);
            }
        }
        if let Some(agent) = hit.requester.user_agent
            && !self.agents.is_empty()
        {
            let agent = String::from_utf8_lossy(agent).to_lowercase();
            if self.agents.iter().any(|glob| glob.matches(&agent)) {
                return Some(Reject::DeniedAgent);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Day, Event, NameRef, Requester, When};

    fn rules() -> DenyRules {
        let globs = |texts: &[&str]| texts.iter().map(|text| Glob::new(text).unwrap()).collect();
        let networks = vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        DenyRules::new(globs(&["spam/*", "octo/hello"]), networks, globs(&["*bot*", "curl/8.0"]))
    }

    #[test]
    fn first_reason_is_told() {
        let rules = rules();
        for (name, address, agent, refusal) in [
            ("octo/hello", None, None, Some(Reject::DeniedName)),
            ("octo/hello2", None, None, None),
            ("spam/", None, None, Some(Reject::DeniedName)),
            ("Spam/a", None, None, None),
            ("a", Some("192.0.2.7"), None, Some(Reject::DeniedNetwork)),
            ("a", Some("::ffff:192.0.2.7"), None, Some(Reject::DeniedNetwork)),
            ("a", Some("2001:db8::1"), Some("curl/8.0"), Some(Reject::DeniedNetwork)),
            ("a", Some("192.0.3.7"), Some("Mozilla (GoogleBot/2)"), Some(Reject::DeniedAgent)),
            ("a", Some("192.0.3.7"), Some("CURL/8.0"), Some(Reject::DeniedAgent)),
            ("a", Some("192.0.3.7"), Some("curl/8.0.1"), None),
            ("a", None, Some(""), None),
        ] {
            let address = address.map(|address| address.parse().unwrap());
            let requester =
                Requester { address, user_agent: agent.map(str::as_bytes), ..Requester::default() };
            let hit = Hit {
                requester,
                ..Hit::one(Event::HIT, NameRef::new(name.as_bytes()).unwrap(), When::Day(Day(1)))
            };
            assert_eq!(rules.refusal(&hit), refusal, "{name} {address:?} {agent:?}");
            assert_eq!(DenyRules::default().refusal(&hit), None);
        }
    }
}
