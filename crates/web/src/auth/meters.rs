//! Counts the tokens that came from the login page, by outcome, for `/metrics`.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// The outcome of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Login {
    Accepted,
    Refused,
    /// Not checked, because too many were refused before.
    Limited,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Counts logins.
#[derive(Clone, Default)]
pub struct LoginMeters(Family<OutcomeLabel, Counter>);

impl LoginMeters {
    /// Registers the counter. The registry adds the prefix `tallymark_`.
    pub fn register(registry: &mut Registry) -> LoginMeters {
        let meters = LoginMeters::default();
        registry.register("logins", "Tokens sent from the login page, by outcome", meters.0.clone());
        for login in [Login::Accepted, Login::Refused, Login::Limited] {
            // Present from the start, so that the first one shows as an increase.
            drop(meters.0.get_or_create(&login.label()));
        }
        meters
    }

    pub(crate) fn count(&self, login: Login) {
        self.0.get_or_create(&login.label()).inc();
    }
}

impl Login {
    fn label(self) -> OutcomeLabel {
        let outcome = match self {
            Login::Accepted => "accepted",
            Login::Refused => "refused",
            Login::Limited => "limited",
        };
        OutcomeLabel { outcome }
    }
}
