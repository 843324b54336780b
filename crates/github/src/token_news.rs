//! The log messages about a token: one when GitHub begins to refuse it or has no calls left for it, and one when it
//! works again. Between the two nothing is logged, however often it is tried.

use crate::token::{Budget, GithubToken};
use tallymark_core::Minute;
use tracing::{info, warn};

/// What has been said of one token.
#[derive(Debug, Default)]
pub(crate) struct TokenNews {
    revoked: bool,
    used_up: [bool; 2],
}

/// What an answer says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenAnswer {
    /// It is none.
    Revoked,
    /// It may ask again at a time, in seconds since 1970.
    UsedUp(u64),
    /// It may ask on.
    Taken,
}

impl TokenNews {
    /// Takes in an answer, and says what is new.
    pub(crate) fn hear(&mut self, token: Option<&GithubToken>, budget: Budget, answer: TokenAnswer) {
        if !self.is_new(budget, answer) {
            return;
        }
        let token = token.map_or_else(|| "no token".to_owned(), GithubToken::to_string);
        let api = match budget {
            Budget::Rest => "REST",
            Budget::Graph => "GraphQL",
        };
        match answer {
            TokenAnswer::Revoked => warn!(
                token,
                "GitHub refuses a token (401): write a new one into tokens under [github]; the last numbers stay"
            ),
            TokenAnswer::UsedUp(until) => {
                warn!(
                    token,
                    api,
                    until = readable(until),
                    "a GitHub token has no calls left for now; the last numbers stay"
                );
            }
            TokenAnswer::Taken => info!(token, api, "GitHub accepts a token again"),
        }
    }

    fn is_new(&mut self, budget: Budget, answer: TokenAnswer) -> bool {
        let used_up = &mut self.used_up[budget as usize];
        match answer {
            TokenAnswer::Revoked => !std::mem::replace(&mut self.revoked, true),
            TokenAnswer::UsedUp(_) => !std::mem::replace(used_up, true),
            TokenAnswer::Taken => std::mem::take(used_up) | std::mem::take(&mut self.revoked),
        }
    }
}

/// A time in seconds since 1970, for people.
pub(crate) fn readable(seconds: u64) -> String {
    let minute = Minute(i32::try_from(seconds.div_ceil(60)).unwrap_or(i32::MAX));
    format!("{} UTC", minute.readable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_said_once() {
        let mut news = TokenNews::default();
        for (budget, answer, is_new) in [
            (Budget::Rest, TokenAnswer::Taken, false),
            (Budget::Rest, TokenAnswer::Revoked, true),
            (Budget::Graph, TokenAnswer::Revoked, false),
            (Budget::Graph, TokenAnswer::Taken, true),
            (Budget::Rest, TokenAnswer::Taken, false),
            (Budget::Rest, TokenAnswer::UsedUp(60), true),
            (Budget::Rest, TokenAnswer::UsedUp(90), false),
            // What the other API has left says nothing of this one.
            (Budget::Graph, TokenAnswer::Taken, false),
            (Budget::Graph, TokenAnswer::UsedUp(60), true),
            (Budget::Rest, TokenAnswer::Taken, true),
            (Budget::Rest, TokenAnswer::UsedUp(60), true),
            (Budget::Rest, TokenAnswer::Revoked, true),
            (Budget::Rest, TokenAnswer::Taken, true),
            (Budget::Graph, TokenAnswer::Taken, true),
        ] {
            assert_eq!(news.is_new(budget, answer), is_new, "{budget:?} {answer:?}");
        }
        assert_eq!(readable(1_795_176_030), "2026-11-20 12:01 UTC");
    }
}
