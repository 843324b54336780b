//! Corrections: an operator's request becomes signed differences, which are applied as an [`Errand`].
//!
//! First, daemons have to write the hours and minutes that they hold back. Then everything is read. A store refuses a
//! correction that would subtract more than it has; then everything is read again. So hits that arrive meanwhile are
//! added to the result. Each name is one part, which is applied as a whole. The commands and the API call this; the
//! [`rules`] say which counts change.

mod base;
mod brought;
mod draft;
mod ledger;
mod memory;
mod pause;
mod propose;
mod rules;
mod undo;

use crate::{
    books::{Books, WriterState},
    clock::now,
    errand::{Errand, ErrandError},
    gather::gather_held_back,
    live::Live,
    meters::IngestMeters,
};
pub use base::{OldBadgeBrought, OldBadgeNumber};
use draft::Draft;
pub(crate) use ledger::{NameLedger, values};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};
use tallymark_core::{
    Asking, Batch, Corrected, Correcting, Correction, CorrectionRecord, CorrectionRequest, Corrections,
    CountCell, Difference, Event, MAX_CORRECTIONS, Name, NotCorrected, Now, Once,
};
use tallymark_store::{Class, Store, StoreError, passing_instance};
use tracing::warn;
use undo::short;
use uuid::Uuid;

/// How often counts are read again that were less than what was to be taken away.
const ATTEMPTS: u32 = 5;
/// The pause before another attempt, if another process writes under the same key.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a request waits for the store.
const PATIENCE: Duration = Duration::from_secs(30);

/// Corrects the counts of a store.
pub struct Corrector {
    store: Arc<dyn Store>,
    /// Of the daemon whose requests these are.
    daemon: Option<(Books, WriterState)>,
}

/// What is the same for all parts of a correction.
#[derive(Clone, Debug)]
struct CorrectionCourse {
    id: Uuid,
    now: Now,
}

impl Corrector {
    /// For a command, with or without a running daemon.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Corrector {
        Corrector { store, daemon: None }
    }

    /// For requests to a daemon.
    #[must_use]
    pub fn of_daemon(
        store: Arc<dyn Store>,
        live: Arc<Live>,
        state: WriterState,
        meters: IngestMeters,
    ) -> Corrector {
        Corrector { store, daemon: Some((Books { live, meters }, state)) }
    }

    /// Corrects names, in as many parts as they need. `done` is called after each part with how many names it had.
    ///
    /// # Errors
    ///
    /// Why it cannot be done, or may be done in part.
    pub async fn correct_all(
        &self,
        request: &CorrectionRequest,
        names: &[Name],
        mut done: impl FnMut(usize),
    ) -> Result<Vec<CorrectionRecord>, NotCorrected> {
        let course = CorrectionCourse { id: passing_instance(*Uuid::new_v4().as_bytes()), now: now() };
        let mut errand = self.errand(course.id);
        let (mut records, mut left) = (Vec::new(), names);
        while !left.is_empty() {
            let part = records.len() as u64 + 1;
            let taken = self.part(&course, part, request, left, &mut errand).await;
            let (taken, record) = taken.map_err(|error| in_part(error, names.len() - left.len(), "names"))?;
            records.extend(record);
            left = &left[taken..];
            done(taken);
        }
        Ok(records)
    }

    /// What [`Corrector::correct_all`] would do.
    ///
    /// # Errors
    ///
    /// Why it cannot be done.
    pub async fn plan(
        &self,
        request: &CorrectionRequest,
        names: &[Name],
    ) -> Result<Vec<CorrectionRecord>, NotCorrected> {
        let course = CorrectionCourse { id: Uuid::nil(), now: now() };
        let (mut records, mut left) = (Vec::new(), names);
        while !left.is_empty() {
            let (taken, draft) = self.draft(&course, request, left).await?;
            left = &left[taken..];
            if !draft.is_empty() {
                let record = record(&course, records.len() as u64 + 1, request);
                let correction = draft.finish(&*self.store, record).await.map_err(unread)?;
                records.extend(correction.record);
            }
        }
        Ok(records)
    }

    fn errand(&self, instance: Uuid) -> Errand {
        match &self.daemon {
            Some((books, _)) => Errand::quick(self.store.clone(), instance, books.clone()),
            None => Errand::new(self.store.clone(), instance),
        }
    }

    /// Whether no total becomes larger than a count can be. Reading again would not help there.
    async fn fits(&self, correction: &Correction) -> Result<(), NotCorrected> {
        let grows = |of: &&Difference| of.cell == CountCell::Total && of.by > 0;
        for Difference { event, name, by, .. } in correction.differences.iter().filter(grows) {
            let total = self.store.total(*event, name).await.map_err(unread)?;
            if total.checked_add(*by).is_none() {
                let whose = if name.is_aggregate() { "the sum over all names" } else { "its total" };
                return Err(NotCorrected::Refused(format!(
                    "this is too much: {whose} ({event}) is {total} and would become larger than {}; nothing was changed",
                    i64::MAX
                )));
            }
        }
        Ok(())
    }

    /// One part, from the first of these names on. Answers how many names it took, and what it did.
    async fn part(
        &self,
        course: &CorrectionCourse,
        part: u64,
        request: &CorrectionRequest,
        names: &[Name],
        errand: &mut Errand,
    ) -> Result<(usize, Option<CorrectionRecord>), NotCorrected> {
        let mut short = String::new();
        for _ in 0..ATTEMPTS {
            self.gather(errand).await?;
            let (taken, draft) = self.draft(course, request, names).await?;
            if draft.is_empty() {
                return Ok((taken, None));
            }
            let record = record(course, part, request);
            let correction = draft.finish(&*self.store, record).await.map_err(unread)?;
            match self.apply(errand, part, &correction).await {
                Ok(()) => return Ok((taken, correction.record)),
                Err(ErrandError::Short { what }) => {
                    self.fits(&correction).await?;
                    short = what;
                }
                Err(error) => return Err(not_corrected(errand, &error)),
            }
        }
        Err(NotCorrected::Changing(short))
    }

    /// Waits until the store has every hour and minute of the hits that it has: what is written later would stay of a name
    /// that is gone, or belong to another.
    async fn gather(&self, errand: &mut Errand) -> Result<(), NotCorrected> {
        self.claim(errand).await?;
        let call = || {
            if let Some((_, state)) = &self.daemon {
                state.call();
            }
        };
        let owing = gather_held_back(&*self.store, &call).await.map_err(unread)?;
        if owing.is_empty() {
            return Ok(());
        }
        warn!(
            daemons = ?owing,
            "a daemon holds back hours and minutes of its last hits and does not answer, so they are not \
             corrected: start it, and then make this correction again"
        );
        self.store.wait_no_more(&owing).await.map_err(unread)
    }

    async fn draft(
        &self,
        course: &CorrectionCourse,
        request: &CorrectionRequest,
        names: &[Name],
    ) -> Result<(usize, Draft), NotCorrected> {
        let (mut draft, mut taken) = (Draft::default(), 0);
        let events = self.events(request).await?;
        for name in names {
            if taken > 0 && draft.is_full() {
                break;
            }
            propose::propose(&*self.store, (request, name), &events, course.now.day(), &mut draft).await?;
            taken += 1;
        }
        Ok((taken, draft))
    }

    /// The events that may be meant.
    async fn events(&self, request: &CorrectionRequest) -> Result<Vec<Event>, NotCorrected> {
        match request.event.or(request.action.usual_event()) {
            // Readers see the difference.
            Some(Event::LIKE) => return Ok(vec![Event::LIKE, Event::UNLIKE]),
            Some(event) => return Ok(vec![event]),
            None => {}
        }
        let mut events = self.store.events().await.map_err(unread)?;
        // Another program may have counted hits, and nothing of ours.
        events.push(Event::HIT);
        events.sort_unstable();
        events.dedup();
        Ok(events)
    }

    async fn apply(
        &self,
        errand: &mut Errand,
        part: u64,
        correction: &Correction,
    ) -> Result<(), ErrandError> {
        let batch = Batch::correcting(errand.instance(), part, correction.clone());
        errand.apply(&[batch]).await
    }

    /// The writer knows whether this is the right store.
    fn check(&self) -> Result<(), NotCorrected> {
        let trouble = self.daemon.as_ref().and_then(|(_, state)| state.store_trouble());
        trouble.map_or(Ok(()), |trouble| Err(NotCorrected::Unavailable(trouble)))
    }

    /// A Redis that was emptied answers a claim like the right one.
    async fn claim(&self, errand: &mut Errand) -> Result<tallymark_store::Claim, NotCorrected> {
        let claim = errand.claim().await.map_err(|error| not_corrected(errand, &error))?;
        match self.daemon.as_ref().map(|(_, state)| state.claimed()) {
            None => Ok(claim),
            Some(Some(store)) if store == claim.store => Ok(claim),
            Some(Some(_)) => Err(NotCorrected::Unavailable(ErrandError::Foreign.to_string())),
            Some(None) => Err(NotCorrected::Unavailable("the store has not been reached yet".to_owned())),
        }
    }

    async fn correct_once(
        &self,
        once: Option<Once<'_>>,
        request: CorrectionRequest,
    ) -> Result<Corrected, NotCorrected> {
        self.check()?;
        let instance =
            once.map_or_else(|| *Uuid::new_v4().as_bytes(), |once| half(b"key", once.key.as_bytes()));
        let course = CorrectionCourse { id: passing_instance(instance), now: now() };
        let body = once.map(|once| Uuid::from_bytes(half(b"body", once.body)));
        let mut last = NotCorrected::Unavailable("others use the same key all the time".to_owned());
        for _ in 0..ATTEMPTS {
            let mut errand = self.errand(course.id);
            let claim = self.claim(&mut errand).await?;
            if claim.marker > 0 {
                if claim.body.is_some_and(|before| Some(before) != body) {
                    return Err(NotCorrected::OtherBody);
                }
                let records = self.store.corrections(MAX_CORRECTIONS).await.map_err(unread)?;
                let records = records.into_iter().filter(|record| record.id == course.id).collect();
                return Ok(Corrected { records, before: true, notes: Vec::new() });
            }
            if let Some(body) = body {
                errand.is_made_of(body);
            }
            let names = std::slice::from_ref(&request.name);
            match self.part(&course, 1, &request, names, &mut errand).await {
                Ok((_, record)) => {
                    let records = record.into_iter().collect();
                    return Ok(Corrected { records, before: false, notes: Vec::new() });
                }
                // Another request has the same key.
                Err(NotCorrected::Changing(why)) if why == FENCED => {
                    last = NotCorrected::Changing(why);
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }
}

impl Corrections for Corrector {
    fn correct<'a>(&'a self, once: Option<Once<'a>>, request: CorrectionRequest) -> Correcting<'a> {
        Box::pin(within(self.correct_once(once, request)))
    }

    fn undo(&self, id: Uuid, by: String, reason: Option<String>) -> Correcting<'_> {
        Box::pin(within(async move {
            self.check()?;
            self.undo_one(id, by, reason).await
        }))
    }

    fn list(&self, most: usize) -> Asking<'_> {
        Box::pin(async move { self.store.corrections(most).await.map_err(unread) })
    }
}

async fn within(
    work: impl Future<Output = Result<Corrected, NotCorrected>>,
) -> Result<Corrected, NotCorrected> {
    let late = |_| Err(NotCorrected::Unknown(format!("no answer within {PATIENCE:?}")));
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(late)
}

/// Said where another process has taken over.
const FENCED: &str = "another process does the same";

fn record(course: &CorrectionCourse, part: u64, request: &CorrectionRequest) -> CorrectionRecord {
    use tallymark_core::CorrectionAction::{Add, Delete, Merge, Rename, Reset, Set};
    let (to, count, stretch) = match &request.action {
        Set(count) | Add(count) => (None, Some(*count), None),
        Rename(to) | Merge(to) => (Some(to.as_str().to_owned()), None, None),
        Reset(stretch) => (None, None, stretch.as_ref().map(ToString::to_string)),
        Delete => (None, None, None),
    };
    CorrectionRecord {
        id: course.id,
        part,
        at: course.now.to_rfc3339(),
        by: request.by.clone(),
        action: request.action.word().to_owned(),
        name: request.asked.clone(),
        event: request.event.or(request.action.usual_event()).map(|event| event.to_string()),
        to,
        count,
        stretch,
        until: None,
        reason: request.reason.clone(),
        undoes: None,
        changed: Vec::new(),
        remembered: Vec::new(),
    }
}

/// Nothing has been sent yet.
fn unread(error: StoreError) -> NotCorrected {
    match error.class() {
        Class::Unavailable | Class::Refused => NotCorrected::Unavailable(error.to_string()),
        Class::Data | Class::Key | Class::Schema | Class::Request => NotCorrected::Refused(error.to_string()),
    }
}

fn not_corrected(errand: &Errand, error: &ErrandError) -> NotCorrected {
    match error {
        ErrandError::Store(cause) if !cause.is_transient() => NotCorrected::Refused(cause.to_string()),
        ErrandError::Fenced => NotCorrected::Changing(FENCED.to_owned()),
        ErrandError::Short { what } => NotCorrected::Changing(what.clone()),
        error if errand.has_failed() => NotCorrected::Unknown(error.to_string()),
        error => NotCorrected::Unavailable(error.to_string()),
    }
}

/// What comes before is applied.
fn in_part(error: NotCorrected, done: usize, what: &str) -> NotCorrected {
    if done == 0 {
        return error;
    }
    NotCorrected::InPart(format!("{done} {what}"), Box::new(error))
}

/// Half of a hash, which is enough to tell keys and bodies apart.
fn half(what: &[u8], of: &[u8]) -> [u8; 16] {
    let hash = Sha256::new().chain_update(b"tallymark correction ").chain_update(what).chain_update(b"\0");
    let hash: [u8; 32] = hash.chain_update(of).finalize().into();
    hash.first_chunk().copied().unwrap_or_default()
}
