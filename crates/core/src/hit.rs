//! One counted occurrence, borrowed from the buffer it arrived in.

use crate::{
    Asker, ClientClass, Event, NameRef, Reject, StatusRef, Visit, Visitor, When, record::MAX_WEIGHT,
};
use std::{fmt, net::IpAddr};

/// One counted occurrence of an event.
///
/// It borrows from the buffer it arrived in, so it can never cross a task; a [`crate::Batch`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// What happened.
    pub event: Event,
    /// What it happened to.
    pub name: NameRef<'a>,
    /// When: a minute, or only a day.
    pub when: When,
    /// How many occurrences this line represents, 1 to 1,000,000.
    pub weight: u32,
    /// The line's own date lay outside the window for live lines, and the arrival day took its place.
    pub redated: bool,
    /// The final status, for events that have one. It is counted in addition to the hit.
    pub status: Option<StatusRef<'a>>,
    /// What asked, where visits are kept and the line says so.
    pub client: Option<ClientClass>,
    /// The client, if visits are counted. No tally keeps it.
    pub visitor: Option<Visitor>,
    /// The words of the client, where its class is known; for those who are to keep them.
    pub words: ClientWords<'a>,
    /// Who sent the request, for [`crate::DenyRules`]. No tally keeps it.
    pub requester: Requester<'a>,
}

/// Who sent a request, as far as the line or the request says.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Requester<'a> {
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// It asks not to be recorded: [`opts_out`]. It counts, but no record of it is kept.
    pub opts_out: bool,
}

/// Whether a request asks not to be recorded, with `Sec-GPC: 1` or `DNT: 1`. Only this value of either does.
#[must_use]
pub fn opts_out(sec_gpc: Option<&[u8]>, dnt: Option<&[u8]>) -> bool {
    [sec_gpc, dnt].contains(&Some(b"1"))
}

/// An address is in no message, not even in that of a test that failed.
impl fmt::Debug for Requester<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester").finish_non_exhaustive()
    }
}

/// What a client says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientWords<'a> {
    /// `User-Agent`; empty if it says none.
    pub user_agent: &'a [u8],
    /// `Referer`; empty if it says none.
    pub referer: &'a [u8],
}

impl<'a> Hit<'a> {
    /// One occurrence of `event` on `name` at `when`.
    #[must_use]
    pub fn one(event: Event, name: NameRef<'a>, when: When) -> Hit<'a> {
        Hit {
            event,
            name,
            when,
            weight: 1,
            redated: false,
            status: None,
            client: None,
            visitor: None,
            words: ClientWords::default(),
            requester: Requester::default(),
        }
    }

    /// What is remembered of it as a visit. A hit of which only the day is known is none, nor is one without a client, nor
    /// one whose client opts out.
    #[must_use]
    pub fn visit(&self, asker: &Asker) -> Option<Visit> {
        match (self.client, self.when) {
            (Some(class), When::Minute(minute)) if !self.requester.opts_out => {
                Some(Visit { minute, class, asker: asker.clone() })
            }
            _ => None,
        }
    }

    /// The same so many times over, as a relay folds repeats.
    ///
    /// # Errors
    ///
    /// [`Reject::Repeated`] if it is more often than one line may count.
    pub fn times(self, times: u32) -> Result<Hit<'a>, Reject> {
        let weight = self.weight.checked_mul(times).filter(|weight| (1..=MAX_WEIGHT).contains(weight));
        Ok(Hit { weight: weight.ok_or(Reject::Repeated)?, ..self })
    }
}
