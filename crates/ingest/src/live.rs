//! The HTTP source: hits that arrive as badge requests, and the totals that their pictures show.
//!
//! A picture shows the total that includes its own hit, so this source knows two numbers of a name: what the store had
//! when it was last asked or written (`base`), and what this process has counted since (`pending`). Their sum is exact
//! for this process, and at most one tick behind other processes. The web server calls it through
//! [`tallymark_core::Counter`]; the writer reports to it what the store has applied.

use crate::{
    clock::now,
    meters::{Delta, SourceMeters},
    on_the_way::OnTheWay,
    refusals::Refusals,
    sealed::Sealed,
    visiting::{ToldApart, VisitGate},
    watch::Watch,
};
use hashbrown::{HashMap, hash_map};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tallymark_core::{
    Added, Asker, Batch, CountedHit, Counter, Entry, Event, Hit, KeptVisits, Latest, LatestAnswer, Name,
    NameRef, Reject, Tally, Total, Unavailable, Uncounted, Visit, Waiting,
};
use tallymark_store::{StoreRead, Written};
use tokio::sync::{Notify, mpsc};

/// How many names' totals are remembered between ticks.
const REMEMBERED: usize = 100_000;
/// How many names' last visits, as read from the store, are remembered within a tick. Each may have a kilobyte.
const READ: usize = 1_000;
/// How many names may wait for the store. While it takes nothing, made-up ones come without an end; what is beyond this
/// counts under `~overflow`.
const WAITING: usize = 1_000_000;
/// How many of the last visits of a name are remembered until the store has them: as many as a picture shows.
const SHOWN: usize = 10;
/// How long a request waits for the store before it is answered without it; nginx waits for two seconds.
const PATIENCE: Duration = Duration::from_millis(1500);
/// The same while the store is known to fail, which after so many attempts it is: about half a second.
const IMPATIENCE: Duration = Duration::from_millis(50);
const KNOWN_TO_FAIL: u32 = 3;

/// Counts badge requests.
pub struct Live {
    state: Mutex<LiveState>,
    store: Arc<dyn StoreRead>,
    meters: SourceMeters,
    tick: Duration,
    /// How many cells the tally may have.
    limit: usize,
    /// How many names may be known at a time.
    waiting: usize,
    /// Odd while batches are being applied: a total read from the store meanwhile may or may not include them.
    epoch: AtomicU64,
    settled: Notify,
    /// The first hit since the last tick has come.
    begun: Notify,
    /// The writer has tried in vain for a while.
    failing: AtomicBool,
    /// When an attempt of the writer last succeeded.
    worked: Mutex<Option<Instant>>,
    written: Written,
    gate: Option<Arc<VisitGate>>,
    refusals: Arc<Refusals>,
    /// Until when new names of an event have no room.
    crowded: Mutex<BTreeMap<Event, Instant>>,
}

struct LiveState {
    tally: Tally,
    names: HashMap<(Event, Name), LiveCount>,
    /// Of names that panels show and that wait for the store.
    visits: HashMap<(Event, Name), LiveVisits>,
    read: ReadVisits,
    /// Of event `url`, whose readers want counts of every width and not only the total.
    on_the_way: OnTheWay,
    delta: Delta,
    watch: Watch,
    /// How many batches came into the store from outside the writer, and how many had when it began to send. Totals
    /// that are read while one is applied may not include it.
    beside: u64,
    beside_at_sending: u64,
}

/// The two parts of what a name shows.
#[derive(Clone, Copy, Debug)]
struct LiveCount {
    base: i64,
    /// When `base` was true of the store.
    as_of: Option<Instant>,
    pending: i64,
    /// Hits of this process so far: the ticket of the latest.
    counted: i64,
    /// There was no room for this name, the last time.
    over: bool,
}

/// A cache of reads for panels. It is valid as long as nothing is applied, and is cleared then: a popular name costs
/// one read per tick, not one per view.
#[derive(Debug, Default)]
struct ReadVisits {
    /// The epoch, and the number of batches from outside the writer.
    at: (u64, u64),
    names: HashMap<(Event, Name), ReadLatest>,
}

#[derive(Debug)]
struct ReadLatest {
    as_of: Instant,
    /// How many visits were asked for.
    most: usize,
    latest: Latest,
}

/// The last visits of a name that were counted here, and the ticket of each, the oldest first.
#[derive(Debug, Default)]
struct LiveVisits(VecDeque<(i64, Visit)>);

impl Live {
    /// A counter with an empty tally of at most `limit` cells.
    pub fn new(store: Arc<dyn StoreRead>, meters: SourceMeters, tick: Duration, limit: usize) -> Live {
        let state = LiveState {
            tally: Tally::new(limit),
            names: HashMap::new(),
            visits: HashMap::new(),
            read: ReadVisits::default(),
            on_the_way: OnTheWay::default(),
            delta: Delta::default(),
            watch: Watch::new(meters.source(), meters.tail().clone(), Arc::default()),
            beside: 0,
            beside_at_sending: 0,
        };
        Live {
            state: Mutex::new(state),
            store,
            meters,
            tick,
            limit,
            waiting: WAITING,
            epoch: AtomicU64::new(0),
            settled: Notify::new(),
            begun: Notify::new(),
            failing: AtomicBool::new(false),
            worked: Mutex::new(None),
            written: Written::default(),
            gate: None,
            refusals: Arc::default(),
            crowded: Mutex::default(),
        }
    }

    /// Hears of every batch that this process has applied.
    pub fn written(&self) -> Written {
        self.written.clone()
    }

    /// Keeps the last visits of each name.
    pub fn keeping_visits(mut self, kept: KeptVisits) -> Live {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.tally = Tally::new(self.limit).keeping_visits(kept);
        self
    }

    /// Counts the visits too, where a hit says who asked.
    pub fn telling_visits(self, gate: Arc<VisitGate>) -> Live {
        Live { gate: Some(gate), ..self }
    }

    /// Counts nothing that is refused.
    pub fn refusing(self, refusals: Arc<Refusals>) -> Live {
        Live { refusals, ..self }
    }

    /// Seals the tally on every tick and sends it on, until `stop` resolves; then once more, for the last hits. Without
    /// hits it sleeps; the first one after such a sleep is sent on at once.
    pub async fn run(&self, out: mpsc::Sender<Sealed>, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut idle = true;
        loop {
            let next = async {
                if idle { self.begun.notified().await } else { tokio::time::sleep(self.tick).await }
            };
            let stopped = tokio::select! {
                () = next => false,
                () = &mut stop => true,
            };
            // The slot in the channel first: while the channel is full, the tally continues folding.
            let Ok(place) = out.reserve().await else { return };
            let sealed = self.seal();
            // Idle from a tick without hits on: that one sets the gauges to what an idle daemon has.
            idle = sealed.is_none();
            if let Some(sealed) = sealed {
                place.send(sealed);
            }
            if stopped {
                return;
            }
        }
    }

    fn seal(&self) -> Option<Sealed> {
        let mut state = self.lock();
        let state = &mut *state;
        self.meters.add(&mut state.delta);
        self.meters.tally_entries.set(i64::try_from(state.tally.len()).unwrap_or(i64::MAX));
        if state.names.len() > REMEMBERED {
            state.names.retain(|_, running| running.pending > 0);
        }
        let names = &state.names;
        state.visits.retain(|of, _| names.get(of).is_some_and(|running| running.pending > 0));
        if state.tally.is_empty() {
            return None;
        }
        let counts = state.tally.seal();
        state.on_the_way.sealed(&counts.entries);
        self.meters.hits(&counts.entries);
        Some(Sealed::of_live(counts))
    }

    /// The writer is about to send batches to the store.
    pub(crate) fn applying(&self) {
        // A failed attempt may have been applied nevertheless, so the epoch stays odd until it is settled.
        self.epoch.fetch_or(1, Ordering::AcqRel);
        let mut state = self.lock();
        state.beside_at_sending = state.beside;
    }

    /// The store has this batch. `totals` are its new ones, unless it had it before, or it came from outside the
    /// writer.
    pub(crate) fn applied(&self, batch: &Batch, totals: Option<&[i64]>, own: bool) {
        self.written.tell();
        let mut state = self.lock();
        state.beside += u64::from(totals.is_none());
        let totals = totals.filter(|_| state.beside == state.beside_at_sending);
        if !own && state.names.is_empty() {
            return;
        }
        for (event, name) in batch.correction.iter().flat_map(|correction| correction.changed()) {
            if let Some(running) = state.names.get_mut(&(event, name.clone())) {
                running.as_of = None;
            }
        }
        let current = Instant::now();
        let of_names = batch.entries.chunk_by(|a, b| a.event == b.event && a.name == b.name);
        for (at, entries) in of_names.enumerate() {
            let Some(first) = entries.first() else { continue };
            if own {
                state.on_the_way.arrived(entries);
            }
            let Some(running) = state.names.get_mut(&(first.event, first.name.clone())) else { continue };
            if own {
                let count = entries.iter().fold(0i64, |sum, e| sum.saturating_add_unsigned(e.count));
                running.pending = running.pending.saturating_sub(count);
            }
            match totals.and_then(|totals| totals.get(at)) {
                Some(&total) => (running.base, running.as_of) = (total, Some(current)),
                // What the store had before is unknown now.
                None => running.as_of = None,
            }
        }
    }

    /// There was no room for this name: its hits count under `~overflow`, and are no part of what it shows.
    pub(crate) fn refused(&self, entry: &Entry) {
        let mut state = self.lock();
        state.on_the_way.arrived(std::slice::from_ref(entry));
        if let Some(running) = state.names.get_mut(&(entry.event, entry.name.clone())) {
            running.pending = running.pending.saturating_sub_unsigned(entry.count);
            running.over = true;
        }
    }

    /// New names of an event have no room until then.
    pub(crate) fn crowded(&self, event: Event, until: Option<Instant>) {
        let mut crowded = self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
        match until {
            Some(until) => _ = crowded.insert(event, until),
            None => _ = crowded.remove(&event),
        }
    }

    fn is_crowded(&self, event: Event) -> bool {
        let crowded = self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
        crowded.get(&event).is_some_and(|until| Instant::now() < *until)
    }

    /// What was read may be of another store than ours, which was emptied or exchanged.
    pub(crate) fn forget_totals(&self) {
        let mut state = self.lock();
        // Reads in progress are repeated.
        state.beside += 1;
        for running in state.names.values_mut() {
            running.as_of = None;
        }
    }

    /// An attempt of the writer has failed, the n-th in a row.
    pub(crate) fn store_fails(&self, failures: u32) {
        if failures >= KNOWN_TO_FAIL {
            self.failing.store(true, Ordering::Relaxed);
        }
    }

    /// An attempt of the writer has succeeded.
    pub(crate) fn store_works(&self) {
        self.failing.store(false, Ordering::Relaxed);
        *self.worked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether an attempt of the writer has succeeded lately.
    pub(crate) fn has_worked_within(&self, lately: Duration) -> bool {
        let worked = *self.worked.lock().unwrap_or_else(PoisonError::into_inner);
        worked.is_some_and(|at| at.elapsed() <= lately)
    }

    /// How long a request waits for the store.
    fn patience(&self) -> Duration {
        if self.failing.load(Ordering::Relaxed) { IMPATIENCE } else { PATIENCE }
    }

    /// Nothing is on its way to the store any more.
    pub(crate) fn settle(&self) {
        if self.epoch.load(Ordering::Acquire) % 2 == 1 {
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
        self.settled.notify_waiters();
    }

    /// Why a hit does not count, if the operator excluded it. It is then in the meters, and shown by
    /// `tallymark tail`.
    fn refuses(&self, hit: &Hit<'_>) -> Option<Reject> {
        let now = now();
        let refusal = self.refusals.refusal(hit, now)?;
        let mut state = self.lock();
        state.delta.received += 1;
        state.delta.reject(refusal);
        self.begin(&state);
        state.watch.rejected(refusal, hit.name.as_str().as_bytes(), now);
        Some(refusal)
    }

    /// Wakes the task that seals, with the first hit.
    fn begin(&self, state: &LiveState) {
        if state.delta.received == 1 {
            self.begun.notify_one();
        }
    }

    /// Adds a hit to the meters, and shows it in `tallymark tail`.
    fn received(&self, state: &mut LiveState, hit: &Hit<'_>) {
        state.delta.received += 1;
        state.delta.accepted += 1;
        self.begin(state);
        if state.watch.is_watched() {
            state.watch.accepted(hit, now());
        }
    }

    /// Counts a hit, and answers what its name shows from now on; `None` if it is counted under `~overflow`, and so no part
    /// of what the name shows.
    fn add(&self, state: &mut LiveState, hit: &Hit<'_>, told: &ToldApart<'_>) -> Option<LiveCount> {
        let full = state.names.len() >= self.waiting;
        let (added, running) = match state.names.get_mut(&Probe(hit.event, hit.name.as_str())) {
            Some(running) => (state.tally.add_from(hit, &told.asker), Some(running)),
            None if full => (state.tally.add_overflow(hit), None),
            None => match state.tally.add_from(hit, &told.asker) {
                Added::Overflow => (Added::Overflow, None),
                added => {
                    let new = state.names.entry((hit.event, hit.name.into()));
                    (added, Some(new.or_insert(LiveCount::unknown())))
                }
            },
        };
        if let Some(gate) = &self.gate {
            gate.note(&mut state.tally, added, hit, told.visitor);
        }
        if added == Added::Overflow {
            state.delta.overflowed += u64::from(hit.weight);
        }
        let running = running?;
        if added != Added::Overflow {
            let weight = i64::from(hit.weight);
            running.pending = running.pending.saturating_add(weight);
            running.counted = running.counted.saturating_add(weight);
            if let Some(visit) = hit.visit(&told.asker).filter(|_| hit.event.is_on_panels()) {
                let visits = state.visits.entry((hit.event, hit.name.into())).or_default();
                visits.add(running.counted, visit);
            }
        }
        Some(*running)
    }

    /// What counts of a hit. Asked before the lock of the tally is taken, because the gate has one of its own.
    fn tell<'a>(&self, hit: &Hit<'a>) -> ToldApart<'a> {
        match &self.gate {
            Some(gate) => gate.tell(hit),
            None => ToldApart::unknown(*hit),
        }
    }

    fn lock(&self) -> MutexGuard<'_, LiveState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a name shows, if that is known without asking.
    fn known(&self, running: &LiveCount) -> Option<i64> {
        let fresh = running.as_of.is_some_and(|as_of| as_of.elapsed() <= self.tick);
        fresh.then(|| running.base.saturating_add(running.pending))
    }

    fn ask(&self, event: Event, name: Name, at_least: i64, ticket: Option<i64>) -> Total<'_> {
        Total::Asked(Box::pin(async move {
            let answer = tokio::time::timeout(self.patience(), self.read(event, &name, ticket)).await;
            if let Ok(Some(total)) = answer {
                return Ok(total.max(at_least));
            }
            // A total that was right a while ago is better than none.
            let state = self.lock();
            let running = state.names.get(&(event, name)).filter(|running| running.as_of.is_some());
            running.map(|running| running.as_of_ticket(ticket)).ok_or(Unavailable)
        }))
    }

    /// Whether every hit of a name that was counted here has been applied.
    fn is_settled(&self, event: Event, name: &Name) -> bool {
        let state = self.lock();
        let running = state.names.get(&Probe(event, name.as_str()));
        running.is_none_or(|running| running.pending == 0)
    }

    /// Reads the base and the last visits from the store, in a moment when nothing was on its way there.
    async fn read_latest(&self, event: Event, name: &Name, most: usize) -> Option<Latest> {
        loop {
            let settled = self.settled.notified();
            let epoch = self.epoch.load(Ordering::Acquire);
            if epoch % 2 == 1 {
                settled.await;
                continue;
            }
            let beside = {
                let state = self.lock();
                let known = state.read.find(event, name, most, (epoch, state.beside), self.tick);
                // Under the lock: if a batch had been applied since, some of what waits would be missing in both.
                match known.filter(|_| self.epoch.load(Ordering::Acquire) == epoch) {
                    Some(known) => return Some(state.with_waiting(event, name, most, known)),
                    None => state.beside,
                }
            };
            let as_of = Instant::now();
            let latest = self.store.latest(event, name, most).await.ok()?;
            let mut state = self.lock();
            if (self.epoch.load(Ordering::Acquire), state.beside) == (epoch, beside) {
                let read = ReadLatest { as_of, most, latest };
                let answer = state.with_waiting(event, name, most, &read.latest);
                state.read.keep(event, name, (epoch, beside), read);
                return Some(answer);
            }
        }
    }

    /// What the store has of an address, and what waits for it here. What is only noted has no base.
    async fn read_noted(&self, name: &Name) -> Option<i64> {
        loop {
            let settled = self.settled.notified();
            let Some(before) = self.waiting(name.as_ref()) else {
                settled.await;
                continue;
            };
            let total = self.store.total(Event::URL, name).await.ok()?;
            if let Some(after) = self.waiting(name.as_ref())
                && after.epoch == before.epoch
            {
                return Some(
                    after.cells.iter().fold(total, |sum, (_, count)| sum.saturating_add_unsigned(*count)),
                );
            }
        }
    }

    /// Reads the base from the store, in a moment when nothing was on its way there.
    async fn read(&self, event: Event, name: &Name, ticket: Option<i64>) -> Option<i64> {
        // A read of a name that was not requested here since the last tick does not have to wait for such a moment,
        // which can take long under load and with a slow disk.
        if ticket.is_none() && self.is_settled(event, name) {
            return self.store.totals(event, std::slice::from_ref(name)).await.ok()?.first().copied();
        }
        loop {
            let settled = self.settled.notified();
            let epoch = self.epoch.load(Ordering::Acquire);
            if epoch % 2 == 1 {
                settled.await;
                continue;
            }
            let (as_of, beside) = (Instant::now(), self.lock().beside);
            let totals = self.store.totals(event, std::slice::from_ref(name)).await;
            let total = totals.ok()?.first().copied()?;
            let mut state = self.lock();
            // Under the lock, so that what is applied from here on comes after.
            if (self.epoch.load(Ordering::Acquire), state.beside) == (epoch, beside) {
                let full = state.names.len() >= self.waiting;
                let known = match state.names.entry((event, name.clone())) {
                    hash_map::Entry::Vacant(_) if full => return Some(total),
                    entry => entry.or_insert(LiveCount::unknown()),
                };
                (known.base, known.as_of) = (total, Some(as_of));
                return Some(known.as_of_ticket(ticket));
            }
        }
    }
}

impl LiveState {
    /// What the store has of a name, and what waits for it here.
    fn with_waiting(&self, event: Event, name: &Name, most: usize, stored: &Latest) -> Latest {
        let Some(running) = self.names.get(&Probe(event, name.as_str())) else {
            return Latest {
                total: stored.total,
                visits: stored.visits.iter().take(most).cloned().collect(),
            };
        };
        let waiting = self.visits.get(&Probe(event, name.as_str()));
        let waiting = waiting.into_iter().flat_map(|visits| visits.waiting(running));
        let visits = waiting.chain(stored.visits.iter().cloned()).take(most).collect();
        Latest { total: stored.total.saturating_add(running.pending), visits }
    }
}

impl ReadVisits {
    fn find(
        &self,
        event: Event,
        name: &Name,
        most: usize,
        at: (u64, u64),
        tick: Duration,
    ) -> Option<&Latest> {
        let read = self.names.get(&Probe(event, name.as_str())).filter(|_| self.at == at)?;
        // Other processes write too.
        (read.most >= most && read.as_of.elapsed() <= tick).then_some(&read.latest)
    }

    fn keep(&mut self, event: Event, name: &Name, at: (u64, u64), read: ReadLatest) {
        if self.at != at || self.names.len() >= READ {
            self.names.clear();
        }
        self.at = at;
        self.names.insert((event, name.clone()), read);
    }
}

impl LiveCount {
    /// The total up to the hit with this ticket: later hits are shown by other requests.
    fn as_of_ticket(&self, ticket: Option<i64>) -> i64 {
        let later = ticket.map_or(0, |ticket| self.counted.saturating_sub(ticket).max(0));
        self.base.saturating_add(self.pending).saturating_sub(later)
    }

    const fn unknown() -> LiveCount {
        LiveCount { base: 0, as_of: None, pending: 0, counted: 0, over: false }
    }
}

impl LiveVisits {
    fn add(&mut self, ticket: i64, visit: Visit) {
        if self.0.len() == SHOWN {
            self.0.pop_front();
        }
        self.0.push_back((ticket, visit));
    }

    /// Those that the store does not have yet, the latest first.
    fn waiting(&self, running: &LiveCount) -> impl Iterator<Item = Visit> {
        let stored = running.counted.saturating_sub(running.pending);
        self.0.iter().rev().filter(move |(ticket, _)| *ticket > stored).map(|(_, visit)| visit.clone())
    }
}

impl Counter for Live {
    fn refusal(&self, hit: &Hit<'_>) -> Option<Reject> {
        self.refusals.refusal(hit, now())
    }

    fn count<'a>(&'a self, hit: &Hit<'_>) -> CountedHit<'a> {
        if let Some(refusal) = self.refuses(hit) {
            let uncounted = Some(Uncounted::Refused(refusal));
            let total = self.total(hit.event, hit.name);
            return CountedHit { total, uncounted, is_crowded: false };
        }
        let counted = self.tell(hit);
        let mut state = self.lock();
        let state = &mut *state;
        self.received(state, hit);
        if let Some(visit) = counted.visit {
            self.add(state, &visit, &counted);
        }
        let shown = match &counted.hit {
            Some(hit) => self.add(state, hit, &counted),
            None => state.names.get(&Probe(hit.event, hit.name.as_str())).copied(),
        };
        let is_over = shown.is_none() && counted.hit.is_some();
        let total = match (shown, shown.and_then(|running| self.known(&running))) {
            (_, Some(total)) => Total::Known(total),
            (Some(running), None) => {
                self.ask(hit.event, hit.name.into(), running.pending, Some(running.counted))
            }
            (None, None) => self.ask(hit.event, hit.name.into(), 0, None),
        };
        CountedHit {
            total,
            uncounted: is_over.then_some(Uncounted::Overflow),
            is_crowded: self.is_crowded(hit.event),
        }
    }

    fn is_over(&self, event: Event, name: NameRef<'_>) -> bool {
        let state = self.lock();
        let running = state.names.get(&Probe(event, name.as_str()));
        running.is_some_and(|running| {
            let is_new = running.as_of.is_some() && running.base == 0;
            // What came a moment ago may just have got the last place.
            is_new && (running.over || running.counted == 1)
        })
    }

    fn note(&self, hit: &Hit<'_>) {
        if self.refuses(hit).is_some() {
            return;
        }
        let counted = self.tell(hit);
        let mut state = self.lock();
        let state = &mut *state;
        self.received(state, hit);
        for hit in [counted.hit, counted.visit].into_iter().flatten() {
            if hit.event != Event::URL {
                self.add(state, &hit, &counted);
            // What is only noted, however long its name, is not remembered; `read_noted` finds it in the tally.
            } else if state.tally.add(&hit) == Added::Overflow {
                state.delta.overflowed += u64::from(hit.weight);
            }
        }
    }

    fn asker(&self, hit: &Hit<'_>) -> Asker {
        self.gate.as_ref().map(|gate| gate.asker(hit)).unwrap_or_default()
    }

    fn waiting(&self, name: NameRef<'_>) -> Option<Waiting> {
        let state = self.lock();
        let epoch = self.epoch.load(Ordering::Acquire);
        let mut cells = state.tally.cells_of(Event::URL, name.as_str());
        cells.extend(state.on_the_way.of(name));
        epoch.is_multiple_of(2).then_some(Waiting { epoch, cells })
    }

    fn total<'a>(&'a self, event: Event, name: NameRef<'_>) -> Total<'a> {
        if event == Event::URL {
            let name = Name::from(name);
            return Total::Asked(Box::pin(async move {
                let answer = tokio::time::timeout(self.patience(), self.read_noted(&name)).await;
                answer.ok().flatten().ok_or(Unavailable)
            }));
        }
        let state = self.lock();
        let running = state.names.get(&Probe(event, name.as_str()));
        match running.and_then(|running| self.known(running)) {
            Some(total) => Total::Known(total),
            None => self.ask(event, name.into(), 0, None),
        }
    }

    fn latest<'a>(&'a self, event: Event, name: NameRef<'_>, most: usize) -> LatestAnswer<'a> {
        let name = Name::from(name);
        Box::pin(async move {
            let answer = tokio::time::timeout(self.patience(), self.read_latest(event, &name, most)).await;
            answer.ok().flatten().ok_or(Unavailable)
        })
    }
}

/// Looks a name up without copying it.
#[derive(Hash)]
struct Probe<'a>(Event, &'a str);

impl hashbrown::Equivalent<(Event, Name)> for Probe<'_> {
    fn equivalent(&self, key: &(Event, Name)) -> bool {
        self.0 == key.0 && self.1 == key.1.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::registry::Registry;
    use tallymark_core::{ClientClass, Day, Minute, When};
    use tallymark_store::{Retention, StoreUrl};

    #[tokio::test]
    async fn whoever_only_looks_does_not_wait_for_a_tick_unless_it_has_hits_of_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let meters = crate::IngestMeters::register(&mut Registry::default());
        let live = Live::new(store, meters.source("http"), Duration::from_secs(1), 1000);
        let (quiet, hit) = (NameRef::new(b"quiet").unwrap(), NameRef::new(b"hit").unwrap());
        assert_eq!(live.count(&Hit::one(Event::HIT, hit, When::Day(Day(1)))).total.get().await, Ok(1));
        live.lock().names.get_mut(&Probe(Event::HIT, "hit")).unwrap().as_of = None;
        live.applying();
        assert_eq!(live.total(Event::HIT, quiet).get().await, Ok(0));
        let mut waits = std::pin::pin!(live.total(Event::HIT, hit).get());
        tokio::select! {
            biased;
            answer = &mut waits => panic!("{answer:?}"),
            _ = live.total(Event::HIT, quiet).get() => {}
        }
        live.settle();
        assert_eq!(waits.await, Ok(1));
    }

    /// The answer to the writer's batch was on its way while another batch of that name was applied and answered.
    #[tokio::test]
    async fn total_that_is_older_than_what_came_beside_the_writer_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let meters = crate::IngestMeters::register(&mut Registry::default());
        let live = Live::new(store.clone(), meters.source("http"), Duration::from_secs(86_400), 1000);
        let name = NameRef::new(b"a").unwrap();
        let batch = |instance, count| {
            let (event, name, when) = (Event::HIT, name.into(), When::Day(Day(1)));
            tallymark_core::batches(instance, 1, vec![Entry { event, name, when, count }]).remove(0)
        };
        assert_eq!(live.count(&Hit::one(Event::HIT, name, When::Day(Day(1)))).total.get().await, Ok(1));
        let (own, beside) = (batch(uuid::Uuid::from_u128(1), 1), batch(uuid::Uuid::from_u128(2), 11));
        live.applying();
        for batch in [&own, &beside] {
            let claim = store.claim(batch.instance).await.unwrap();
            store.apply(&claim, std::slice::from_ref(batch)).await.unwrap();
        }
        live.applied(&beside, None, false);
        live.applied(&own, Some(&[1]), true);
        live.settle();
        assert_eq!(live.total(Event::HIT, name).get().await, Ok(12));
    }

    /// Within a tick, and while nothing is applied, what was read is right with what waits; not any longer.
    #[tokio::test]
    async fn last_visits_are_read_once_until_something_is_applied() {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store =
            tallymark_store::open(&url, Retention { visits: 100, ..Retention::default() }).await.unwrap();
        let meters = crate::IngestMeters::register(&mut Registry::default());
        let live = Live::new(store.clone(), meters.source("http"), Duration::from_secs(86_400), 1000)
            .keeping_visits(KeptVisits::of_every_event(10));
        let name = NameRef::new(b"a").unwrap();
        let visit = async || {
            let hit = Hit {
                client: Some(ClientClass::Browser),
                ..Hit::one(Event::VISIT, name, When::Minute(Minute(7)))
            };
            live.count(&hit).total.get().await.unwrap();
        };
        let latest = async || {
            let Latest { total, visits } = live.latest(Event::VISIT, name, 10).await.unwrap();
            (total, visits.len())
        };
        visit().await;
        assert_eq!(latest().await, (1, 1));
        // Another process writes; it is seen with the next read.
        let entry = Entry { event: Event::VISIT, name: name.into(), when: When::Minute(Minute(7)), count: 5 };
        let beside = tallymark_core::batches(uuid::Uuid::from_u128(2), 1, vec![entry]).remove(0);
        let claim = store.claim(beside.instance).await.unwrap();
        store.apply(&claim, std::slice::from_ref(&beside)).await.unwrap();
        visit().await;
        assert_eq!(latest().await, (2, 2));
        assert_eq!(live.latest(Event::VISIT, name, 1).await.unwrap().visits.len(), 1);
        let sealed = live.seal().unwrap();
        let own = Batch::of(uuid::Uuid::from_u128(1), 1, sealed.counts);
        live.applying();
        let claim = store.claim(own.instance).await.unwrap();
        store.apply(&claim, std::slice::from_ref(&own)).await.unwrap();
        live.applied(&own, Some(&[7]), true);
        live.settle();
        visit().await;
        assert_eq!(latest().await, (8, 3));
    }

    #[tokio::test]
    async fn the_first_hit_is_sealed_at_once_and_the_next_ones_with_the_tick() {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let meters = crate::IngestMeters::register(&mut Registry::default());
        // No tick passes in this test.
        let live = Live::new(store, meters.source("http"), Duration::from_secs(86_400), 1000);
        let (out, mut sealed) = mpsc::channel::<Sealed>(9);
        let stop = Notify::new();
        let note = || live.note(&Hit::one(Event::HIT, NameRef::new(b"a").unwrap(), When::Day(Day(1))));
        let hits = async {
            note();
            assert_eq!(sealed.recv().await.map(|sealed| sealed.hits()), Some(1));
            note();
            note();
            stop.notify_one();
            assert_eq!(sealed.recv().await.map(|sealed| sealed.hits()), Some(2));
        };
        tokio::join!(live.run(out, stop.notified()), hits);
    }

    /// It has no entry among the running totals, and waits in the tally, then in the channel.
    #[tokio::test]
    async fn an_address_that_was_only_noted_shows_its_hits_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let meters = crate::IngestMeters::register(&mut Registry::default());
        let live = Live::new(store, meters.source("http"), Duration::from_secs(86_400), 1000);
        let name = NameRef::of(Event::URL, b"http://a/").unwrap();
        let note = |day| live.note(&Hit::one(Event::URL, name, When::Day(Day(day))));
        note(1);
        assert_eq!(live.total(Event::URL, name).get().await, Ok(1));
        live.lock().on_the_way.sealed(&[Entry {
            event: Event::URL,
            name: name.into(),
            when: When::Day(Day(1)),
            count: 4,
        }]);
        note(2);
        assert_eq!(live.total(Event::URL, name).get().await, Ok(6));
    }

    /// Nothing reaches the store here, as in an outage; it can still be read.
    #[tokio::test]
    async fn names_that_wait_for_the_store_are_bounded_and_the_rest_counts_under_overflow() {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let meters = crate::IngestMeters::register(&mut Registry::default());
        let mut live = Live::new(store, meters.source("http"), Duration::from_secs(1), 1000);
        live.waiting = 3;
        let names = ["a", "b", "a", "c", "d", "e", "d", "a"];
        let mut shown = Vec::new();
        for name in names {
            let name = NameRef::new(name.as_bytes()).unwrap();
            shown.push(live.count(&Hit::one(Event::HIT, name, When::Day(Day(1)))).total.get().await.unwrap());
        }
        assert_eq!(shown, [1, 1, 2, 1, 0, 0, 0, 3]);
        let unknown = live.total(Event::HIT, NameRef::new(b"x").unwrap()).get().await;
        assert_eq!((unknown, live.lock().names.len()), (Ok(0), 3));
        let sealed: Vec<_> = live
            .lock()
            .tally
            .seal()
            .entries
            .into_iter()
            .map(|entry| (entry.name.to_string(), entry.count))
            .collect();
        let expect = [("a", 3), ("b", 1), ("c", 1), ("~overflow", 3)];
        assert_eq!(sealed, expect.map(|(name, count)| (name.to_owned(), count)));
    }
}
