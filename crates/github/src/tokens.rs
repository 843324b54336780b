//! The tokens, and which of them is used next.
//!
//! How many calls a token has left is known only from the headers of answers. An account is fetched with the same token
//! as before while that has enough left, because an ETag belongs to the token that got it; otherwise with the one that
//! has the most. A refused token is not used until the time that GitHub gave. Nothing here is stored, and a token is
//! shown by its last four characters.

use crate::{
    AccountName,
    ahead::rests,
    token::{Budget, GithubToken},
    token_news::{TokenAnswer, TokenNews},
};
use hyper::{HeaderMap, StatusCode};
use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// With less than this, another token is taken if it has more.
const ENOUGH: u64 = 100;
/// What a token has of which nothing is known: GitHub's own numbers.
const WITH_TOKEN: u64 = 5000;
const WITHOUT: u64 = 60;
/// Of the calls of an hour, one in so many is kept for tracked accounts.
const RESERVE: u64 = 4;
/// Whatever GitHub says, a rest is no shorter and no longer, in seconds.
const SHORTEST: u64 = 1;
const LONGEST: u64 = 3600;
/// More than any account has: a larger number is meaningless, and would reserve everything, or nothing.
const MOST_CALLS: u64 = 1_000_000;
/// The rest after a refusal that says nothing of how long.
const UNSAID: u64 = 60;

/// What is left of one budget.
#[derive(Clone, Copy, Debug, Default)]
struct Quota {
    /// How many calls are left until `resets`, in seconds since 1970; nothing is known afterwards.
    left: Option<u64>,
    resets: u64,
    /// How many there are in an hour, if GitHub has said.
    most: Option<u64>,
}

/// What is known of one token, or of asking without one.
#[derive(Debug)]
struct Purse {
    token: Option<GithubToken>,
    /// Whose token it is: tokens of one account share its calls. `None` until GitHub was asked, or if it does not say.
    account: Option<Box<str>>,
    asked_account: bool,
    quotas: [Quota; 2],
    /// For both budgets: GitHub counts requests in a short time together.
    rests_until: u64,
    revoked: bool,
    /// What the log says of it.
    news: TokenNews,
}

impl Quota {
    /// Learns what an answer says is left.
    fn learn(&mut self, left: u64, resets: u64, now: u64) {
        // Answers overtake each other; within one hour the lowest number is the latest.
        let same_hour = now < self.resets && resets <= self.resets + SHORTEST;
        self.left = Some(match self.left.filter(|_| same_hour) {
            Some(before) => before.min(left),
            None => left,
        });
        self.resets = resets;
    }
}

impl Purse {
    fn quota(&self, budget: Budget) -> &Quota {
        &self.quotas[budget as usize]
    }

    fn left(&self, budget: Budget, now: u64) -> u64 {
        match *self.quota(budget) {
            Quota { left: Some(left), resets, .. } if rests(resets, LONGEST, now) => left,
            _ => self.most(budget),
        }
    }

    fn most(&self, budget: Budget) -> u64 {
        self.quota(budget).most.unwrap_or(match (&self.token, budget) {
            (Some(_), _) => WITH_TOKEN,
            (None, Budget::Rest) => WITHOUT,
            (None, Budget::Graph) => 0,
        })
    }

    /// When it can be asked with.
    fn ready_at(&self, budget: Budget, now: u64) -> u64 {
        let refilled = if self.left(budget, now) == 0 { until(self.quota(budget).resets, now) } else { 0 };
        until(self.rests_until, now).max(refilled)
    }
}

/// The end of a rest; 0 if it is over, or a clock that was ahead has set it: no rest is longer than [`LONGEST`].
fn until(end: u64, now: u64) -> u64 {
    if rests(end, LONGEST, now) { end } else { 0 }
}

/// One token, chosen for one call.
#[derive(Debug)]
pub(crate) struct TokenChoice {
    at: usize,
    budget: Budget,
    pub(crate) token: Option<GithubToken>,
    /// Its owner is not known yet, and matters.
    pub(crate) is_anybodys: bool,
}

/// Every token.
#[derive(Debug)]
pub(crate) struct Tokens(Mutex<Vec<Purse>>);

/// How many tokens can do what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenStates {
    pub(crate) ready: usize,
    pub(crate) resting: usize,
    pub(crate) revoked: usize,
}

impl Tokens {
    /// Without any, calls are made without a token.
    pub(crate) fn new(tokens: Vec<GithubToken>) -> Tokens {
        let mut tokens: Vec<Option<GithubToken>> = tokens.into_iter().map(Some).collect();
        tokens.dedup();
        if tokens.is_empty() {
            tokens.push(None);
        }
        let purse = |token| Purse {
            token,
            account: None,
            asked_account: false,
            quotas: [Quota::default(); 2],
            rests_until: 0,
            revoked: false,
            news: TokenNews::default(),
        };
        Tokens(Mutex::new(tokens.into_iter().map(purse).collect()))
    }

    pub(crate) fn len(&self) -> usize {
        self.purses().len()
    }

    /// Whether there is any.
    pub(crate) fn has_any(&self) -> bool {
        self.purses().iter().any(|purse| purse.token.is_some())
    }

    pub(crate) fn states(&self, now: u64) -> TokenStates {
        let mut states = TokenStates::default();
        for purse in self.purses().iter() {
            match () {
                () if purse.revoked => states.revoked += 1,
                () if purse.ready_at(Budget::Rest, now) > now => states.resting += 1,
                () => states.ready += 1,
            }
        }
        states
    }

    /// Whether more than a [`RESERVE`]th of all calls is left.
    pub(crate) fn has_plenty(&self, budget: Budget, now: u64) -> bool {
        let purses = self.purses();
        let ready = |purse: &&Purse| purse.ready_at(budget, now) <= now;
        let left: u64 = purses.iter().filter(ready).map(|purse| purse.left(budget, now)).sum();
        let most: u64 = purses.iter().filter(|purse| !purse.revoked).map(|purse| purse.most(budget)).sum();
        left.saturating_mul(RESERVE) > most
    }

    /// Each of them.
    pub(crate) fn choices(&self) -> Vec<TokenChoice> {
        let purses = self.purses();
        let choice = |(at, purse): (usize, &Purse)| TokenChoice {
            at,
            budget: Budget::Rest,
            token: purse.token.clone(),
            is_anybodys: false,
        };
        purses.iter().enumerate().map(choice).collect()
    }

    /// The token for a user. An error is when one can be asked with again.
    pub(crate) fn choose(&self, login: &AccountName, budget: Budget, now: u64) -> Result<TokenChoice, u64> {
        let mut purses = self.purses();
        let is_one_of_many = purses.len() > 1;
        let ready = |(_, purse): &(usize, &Purse)| purse.ready_at(budget, now) <= now;
        let usual = |(at, _): &(usize, &Purse)| mixed(login, *at);
        let enough = |(_, purse): &(usize, &Purse)| purse.left(budget, now) >= ENOUGH;
        let enumerated = || purses.iter().enumerate().filter(ready);
        let found = enumerated().filter(enough).max_by_key(usual);
        let found = found.or_else(|| enumerated().max_by_key(|(_, purse)| purse.left(budget, now)));
        let Some((at, _)) = found else {
            return Err(purses.iter().map(|purse| purse.ready_at(budget, now)).min().unwrap_or(now + UNSAID));
        };
        let purse = &mut purses[at];
        // Others ask at the same moment, and there is no answer yet.
        let quota = &mut purse.quotas[budget as usize];
        quota.left = (now < quota.resets).then_some(quota.left).flatten().map(|left| left.saturating_sub(1));
        let is_anybodys = is_one_of_many && !purse.asked_account && purse.token.is_some();
        Ok(TokenChoice { at, budget, token: purse.token.clone(), is_anybodys })
    }

    /// Learns whose token it is; what is known of another one of the same account holds for it too.
    pub(crate) fn belongs(&self, choice: &TokenChoice, account: Option<&str>) {
        let mut purses = self.purses();
        let of_account = |purse: &&Purse| account.is_some() && purse.account.as_deref() == account;
        let known = purses.iter().find(of_account).map(|known| (known.quotas, known.rests_until));
        if let Some(purse) = purses.get_mut(choice.at) {
            purse.asked_account = true;
            purse.account = account.map(Into::into);
            if let Some(known) = known {
                (purse.quotas, purse.rests_until) = known;
            }
        }
    }

    /// Learns from an answer; whether the token was refused, and another one may do better.
    pub(crate) fn learn(
        &self,
        choice: &TokenChoice,
        status: StatusCode,
        headers: &HeaderMap,
        now: u64,
    ) -> bool {
        let mut purses = self.purses();
        let Some(account) = purses.get(choice.at).map(|purse| purse.account.clone()) else { return false };
        if status == StatusCode::UNAUTHORIZED {
            // Nothing about a quota: a wrong token belongs to no account.
            let purse = &mut purses[choice.at];
            purse.revoked = purse.token.is_some();
            purse.rests_until = now + LONGEST;
            purse.news.hear(purse.token.as_ref(), choice.budget, TokenAnswer::Revoked);
            return true;
        }
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let left = number("x-ratelimit-remaining").filter(|left| *left <= MOST_CALLS);
        let resets = number("x-ratelimit-reset").map(|resets| resets.clamp(now + SHORTEST, now + LONGEST));
        let most = number("x-ratelimit-limit").filter(|most| (1..=MOST_CALLS).contains(most));
        let refused = matches!(status.as_u16(), 403 | 429);
        let rest = match (refused, retry_after(headers), left, resets) {
            (false, ..) => None,
            (true, Some(seconds), ..) => Some(seconds),
            // This budget is used up, and the other one may not be.
            (true, None, Some(0), Some(_)) => None,
            (true, None, ..) => Some(UNSAID),
        };
        for (at, purse) in purses.iter_mut().enumerate() {
            if at != choice.at && (account.is_none() || purse.account != account) {
                continue;
            }
            if at == choice.at {
                purse.revoked = false;
            }
            let quota = &mut purse.quotas[choice.budget as usize];
            quota.most = most.or(quota.most);
            if let (Some(left), Some(resets)) = (left, resets) {
                quota.learn(left, resets, now);
            }
            if let Some(rest) = rest {
                purse.rests_until = now + rest.clamp(SHORTEST, LONGEST);
            }
            if at == choice.at && !status.is_server_error() {
                let until = purse.ready_at(choice.budget, now);
                let answer = if until > now { TokenAnswer::UsedUp(until) } else { TokenAnswer::Taken };
                purse.news.hear(purse.token.as_ref(), choice.budget, answer);
            }
        }
        refused
    }

    /// A token that GitHub does not know any more, if none of them may ask for that reason alone.
    pub(crate) fn revoked(&self) -> Option<GithubToken> {
        let purses = self.purses();
        let all = purses.iter().all(|purse| purse.revoked);
        purses.first().filter(|_| all).and_then(|purse| purse.token.clone())
    }

    fn purses(&self) -> MutexGuard<'_, Vec<Purse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait: seconds. A date is for people; GitHub sends none.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()
}

/// The same for the same user and token, and the highest is another token for another user.
fn mixed(login: &AccountName, at: usize) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one((login, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::NotAGithubToken;
    use hyper::header::HeaderValue;

    const NOW: u64 = 1_800_000_000;

    fn login(text: &str) -> AccountName {
        AccountName::new(text).unwrap()
    }

    fn token(n: usize) -> GithubToken {
        GithubToken::new(&format!("canary-token-{n:04}")).unwrap()
    }

    fn of(count: usize) -> Tokens {
        Tokens::new((0..count).map(token).collect())
    }

    fn headers(pairs: &[(&'static str, u64)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from(*value))).collect()
    }

    fn quota(left: u64, resets: u64) -> HeaderMap {
        headers(&[("x-ratelimit-remaining", left), ("x-ratelimit-reset", resets)])
    }

    #[test]
    fn a_token_is_shown_by_its_end() {
        let token = GithubToken::new("github_pat_secret9876").unwrap();
        assert_eq!(
            (token.to_string(), format!("{token:?}")),
            ("...9876".to_owned(), "GithubToken(...9876)".to_owned())
        );
        for text in ["", "short", "with space in it", "line\nline-line", "üüüüüüüü", "*"] {
            assert_eq!(GithubToken::new(text), Err(NotAGithubToken), "{text:?}");
        }
        assert!(format!("{:?}", of(3)).contains("...0001") && !format!("{:?}", of(3)).contains("canary"));
    }

    #[test]
    fn no_rest_lasts_until_a_time_from_a_clock_that_was_ahead() {
        let (tokens, ahead) = (of(1), NOW + 5 * 86_400);
        let choose = |now| tokens.choose(&login("u"), Budget::Rest, now);
        let choice = choose(ahead).unwrap();
        tokens.learn(&choice, StatusCode::OK, &quota(0, ahead + 3000), ahead);
        assert_eq!(choose(ahead).unwrap_err(), ahead + 3000);
        assert!(choose(NOW).is_ok() && tokens.has_plenty(Budget::Rest, NOW));
        let choice = choose(ahead + 3000).unwrap();
        tokens.learn(&choice, StatusCode::TOO_MANY_REQUESTS, &headers(&[("retry-after", 600)]), ahead + 3000);
        assert_eq!(choose(ahead + 3000).unwrap_err(), ahead + 3600);
        assert!(choose(NOW).is_ok());
    }

    #[test]
    fn a_user_keeps_the_token_while_it_lasts_and_users_are_spread() {
        let tokens = of(4);
        let of_user = |n: usize| tokens.choose(&login(&format!("u{n}")), Budget::Rest, NOW).unwrap().at;
        let first: Vec<usize> = (0..100).map(of_user).collect();
        assert_eq!(first, (0..100).map(of_user).collect::<Vec<_>>());
        assert!((0..4).all(|at| first.iter().filter(|&&one| one == at).count() > 10), "{first:?}");
        let choice = tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap();
        assert!(!tokens.learn(&choice, StatusCode::OK, &quota(99, NOW + 600), NOW));
        let other = tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap();
        assert_ne!(other.at, choice.at, "less than enough is left");
        assert_eq!(
            tokens.choose(&login("octo"), Budget::Rest, NOW + 601).unwrap().at,
            choice.at,
            "and it has all again"
        );
    }

    #[test]
    fn a_refused_token_rests_as_long_as_it_was_told_and_no_longer_than_an_hour() {
        for (status, sent, rest) in [
            (403, quota(0, NOW + 300), 300),
            (429, quota(0, NOW + 300), 300),
            (403, headers(&[("retry-after", 30)]), 30),
            (429, headers(&[("retry-after", 30), ("x-ratelimit-remaining", 4000)]), 30),
            (403, HeaderMap::new(), UNSAID),
            (403, quota(4000, NOW + 300), UNSAID),
            (401, HeaderMap::new(), LONGEST),
            (403, quota(0, NOW - 5), 1),
            (403, quota(0, NOW + 365 * 86_400), LONGEST),
            (403, headers(&[("retry-after", 0)]), 1),
            (403, headers(&[("retry-after", u64::MAX)]), LONGEST),
        ] {
            let tokens = of(1);
            let choice = tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap();
            let status = StatusCode::from_u16(status).unwrap();
            assert!(tokens.learn(&choice, status, &sent, NOW));
            assert_eq!(
                tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap_err(),
                NOW + rest,
                "{status} {sent:?}"
            );
            assert!(tokens.choose(&login("octo"), Budget::Rest, NOW + rest).is_ok());
        }
    }

    #[test]
    fn another_token_takes_over_and_a_401_says_nothing_of_quota() {
        let tokens = of(2);
        let first = tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap();
        assert!(tokens.learn(&first, StatusCode::UNAUTHORIZED, &quota(59, NOW + 60), NOW));
        let second = tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap();
        assert_ne!(first.at, second.at);
        assert_eq!(tokens.states(NOW), TokenStates { ready: 1, resting: 0, revoked: 1 });
        // It was restored: an hour later it is tried, with everything that it has.
        let again = tokens.choose(&login("octo"), Budget::Rest, NOW + LONGEST).unwrap();
        assert_eq!(again.at, first.at);
        tokens.learn(&again, StatusCode::OK, &HeaderMap::new(), NOW + LONGEST);
        assert_eq!(tokens.states(NOW + LONGEST), TokenStates { ready: 2, resting: 0, revoked: 0 });
    }

    #[test]
    fn answers_that_overtake_each_other_raise_nothing() {
        let tokens = of(1);
        let choice = tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap();
        for left in [40, 0, 41] {
            tokens.learn(&choice, StatusCode::OK, &quota(left, NOW + 600), NOW);
        }
        assert_eq!(tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap_err(), NOW + 600);
        tokens.learn(&choice, StatusCode::OK, &quota(5000, NOW + 4200), NOW + 601);
        assert!(tokens.choose(&login("octo"), Budget::Rest, NOW + 601).is_ok());
    }

    #[test]
    fn tokens_of_one_account_share_what_is_left() {
        let tokens = of(3);
        let choices: Vec<TokenChoice> = (0..3)
            .map(|at| TokenChoice { at, budget: Budget::Rest, token: None, is_anybodys: true })
            .collect();
        tokens.belongs(&choices[0], Some("octo"));
        tokens.learn(&choices[0], StatusCode::OK, &quota(0, NOW + 600), NOW);
        tokens.belongs(&choices[1], Some("octo"));
        tokens.belongs(&choices[2], Some("other"));
        let of_user = |n: usize| tokens.choose(&login(&format!("u{n}")), Budget::Rest, NOW).unwrap().at;
        assert!((0..50).all(|n| of_user(n) == 2));
        tokens.learn(&choices[2], StatusCode::FORBIDDEN, &headers(&[("retry-after", 9)]), NOW);
        assert_eq!(tokens.choose(&login("u1"), Budget::Rest, NOW).unwrap_err(), NOW + 9);
    }

    #[test]
    fn a_quarter_is_kept() {
        let tokens = of(2);
        assert!(tokens.has_plenty(Budget::Rest, NOW), "nothing is known yet");
        let choices = tokens.choices();
        let left = |at: usize, left| {
            let sent = headers(&[
                ("x-ratelimit-remaining", left),
                ("x-ratelimit-reset", NOW + 600),
                ("x-ratelimit-limit", 1000),
            ]);
            tokens.learn(&choices[at], StatusCode::OK, &sent, NOW)
        };
        left(0, 500);
        left(1, 1);
        assert!(tokens.has_plenty(Budget::Rest, NOW), "501 of 2000");
        left(0, 499);
        assert!(!tokens.has_plenty(Budget::Rest, NOW), "500 of 2000");
        assert!(tokens.has_plenty(Budget::Rest, NOW + 601));
        // A revoked one has none, and is none.
        tokens.learn(&choices[1], StatusCode::UNAUTHORIZED, &HeaderMap::new(), NOW);
        assert!(tokens.has_plenty(Budget::Rest, NOW), "499 of 1000");
    }

    #[test]
    fn numbers_that_cannot_be_true_say_nothing() {
        for absurd in [MOST_CALLS + 1, u64::MAX / 4, u64::MAX] {
            let tokens = of(3);
            for choice in tokens.choices() {
                let sent = headers(&[
                    ("x-ratelimit-remaining", absurd),
                    ("x-ratelimit-reset", absurd),
                    ("x-ratelimit-limit", absurd),
                ]);
                assert!(!tokens.learn(&choice, StatusCode::OK, &sent, NOW));
                assert!(tokens.learn(&choice, StatusCode::FORBIDDEN, &sent, NOW));
                tokens.learn(&choice, StatusCode::OK, &quota(MOST_CALLS, absurd), NOW + UNSAID);
            }
            assert!(tokens.has_plenty(Budget::Rest, NOW + UNSAID));
            assert!(tokens.choose(&login("octo"), Budget::Rest, NOW + UNSAID).is_ok());
        }
    }

    #[test]
    fn the_two_apis_are_paid_from_budgets_of_their_own() {
        let tokens = of(1);
        let graph = tokens.choose(&login("octo"), Budget::Graph, NOW).unwrap();
        assert!(tokens.learn(&graph, StatusCode::FORBIDDEN, &quota(0, NOW + 600), NOW));
        assert_eq!(tokens.choose(&login("octo"), Budget::Graph, NOW).unwrap_err(), NOW + 600);
        assert!(!tokens.has_plenty(Budget::Graph, NOW) && tokens.has_plenty(Budget::Rest, NOW));
        let rest = tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap();
        assert!(tokens.choose(&login("octo"), Budget::Graph, NOW + 601).is_ok());
        // Too much in a short time is counted together.
        assert!(tokens.learn(&rest, StatusCode::FORBIDDEN, &headers(&[("retry-after", 30)]), NOW + 601));
        assert_eq!(tokens.choose(&login("octo"), Budget::Graph, NOW + 601).unwrap_err(), NOW + 631);
        let none = Tokens::new(Vec::new());
        assert!(tokens.has_any() && !none.has_any() && !none.has_plenty(Budget::Graph, NOW));
    }

    #[test]
    fn without_a_token_there_are_sixty() {
        let tokens = Tokens::new(Vec::new());
        let choice = tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap();
        assert!(choice.token.is_none() && !choice.is_anybodys);
        tokens.learn(&choice, StatusCode::OK, &quota(1, NOW + 600), NOW);
        assert!(tokens.choose(&login("octo"), Budget::Rest, NOW).is_ok());
        assert_eq!(tokens.choose(&login("octo"), Budget::Rest, NOW).unwrap_err(), NOW + 600);
    }
}
