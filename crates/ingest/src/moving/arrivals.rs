//! Writes records into a store as numbered batches, the same ones for the same records. So an interrupted import
//! continues where it was, and records that are written twice count once.

use super::ArrivingName;
use crate::errand::{Errand, ErrandError};
use std::sync::Arc;
use tallymark_core::{
    Batch, Correction, Counts, Difference, MAX_CORRECTED_NAMES, MAX_DIFFERENCES, Position, Visits,
};
use tallymark_store::Store;
use uuid::Uuid;

/// How many batches are applied in one call.
const AT_ONCE: usize = 8;

/// What brings them.
pub struct Arrivals {
    errand: Errand,
    instance: Uuid,
    /// The number of the last batch that was made.
    made: u64,
    names: usize,
    differences: Vec<Difference>,
    visits: Vec<Visits>,
    waiting: Vec<Batch>,
}

impl Arrivals {
    /// Under an instance that is the same whenever the same records are brought.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, instance: Uuid) -> Arrivals {
        let (differences, visits, waiting) = Default::default();
        let errand = Errand::new(store, instance);
        Arrivals { errand, instance, made: 0, names: 0, differences, visits, waiting }
    }

    /// Says in a position what is begun. How many batches the store has of it already is the answer.
    ///
    /// # Errors
    ///
    /// The store does not answer, or refuses.
    pub async fn begin(&mut self, begun: Position) -> Result<u64, ErrandError> {
        let before = self.errand.claim().await?.marker;
        self.position(begun);
        self.flush().await?;
        Ok(before)
    }

    /// Brings a name.
    ///
    /// # Errors
    ///
    /// The store does not answer, or refuses.
    pub async fn bring(&mut self, name: ArrivingName) -> Result<(), ErrandError> {
        self.names += 1;
        self.differences.extend(name.differences);
        self.visits.extend(name.visits);
        if self.names < MAX_CORRECTED_NAMES && self.differences.len() < MAX_DIFFERENCES {
            return Ok(());
        }
        self.seal();
        if self.waiting.len() < AT_ONCE { Ok(()) } else { self.flush().await }
    }

    /// Brings the rest, and says in a position that all is done. How many batches this has written is the answer.
    ///
    /// # Errors
    ///
    /// The store does not answer, or refuses.
    pub async fn finish(&mut self, done: Position) -> Result<u64, ErrandError> {
        self.seal();
        self.position(done);
        self.flush().await?;
        Ok(self.errand.applied())
    }

    fn seal(&mut self) {
        if self.names == 0 {
            return;
        }
        self.names = 0;
        let correction = Correction::arriving(std::mem::take(&mut self.differences));
        self.made += 1;
        self.waiting.push(Batch::correcting(self.instance, self.made, correction));
        let visits = std::mem::take(&mut self.visits);
        if !visits.is_empty() {
            self.made += 1;
            let mut counts = Counts { visits, ..Counts::default() };
            counts.visits.sort();
            self.waiting.push(Batch::of(self.instance, self.made, counts));
        }
    }

    fn position(&mut self, position: Position) {
        self.made += 1;
        let counts = Counts { positions: vec![position], ..Counts::default() };
        self.waiting.push(Batch::of(self.instance, self.made, counts));
    }

    async fn flush(&mut self) -> Result<(), ErrandError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.errand.apply(&waiting).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moving::NameRecord;
    use std::collections::BTreeMap;
    use tallymark_core::{Event, Name};
    use tallymark_store::{Retention, StoreUrl};

    fn name(n: i64) -> ArrivingName {
        let record = NameRecord {
            event: "visit".to_owned(),
            name: format!("many/{n:04}"),
            total: n + 1,
            days: BTreeMap::from([("2026-11-20".to_owned(), n + 1)]),
            visits: vec![serde_json::json!({"time": "2026-11-20T12:00:00Z", "class": "bot"})],
            ..NameRecord::default()
        };
        record.arriving().unwrap()
    }

    fn mark(state: &str) -> Position {
        Position { source: "test".to_owned(), state: state.to_owned() }
    }

    /// Wherever it is interrupted, it continues there, and records that are written again count once.
    #[tokio::test]
    async fn what_was_interrupted_goes_on() {
        const NAMES: i64 = 2_500;
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let retention = Retention { visits: 9, ..Retention::default() };
        let store = tallymark_store::open(&url, retention).await.unwrap();
        let instance = Uuid::from_u128(18);
        let mut before = Vec::new();
        for until in [0, 199, 1_700, NAMES, NAMES] {
            let mut arrivals = Arrivals::new(store.clone(), instance);
            before.push(arrivals.begin(mark("begun")).await.unwrap());
            for n in 0..until {
                arrivals.bring(name(n)).await.unwrap();
            }
            if until == NAMES {
                arrivals.finish(mark("done")).await.unwrap();
            }
        }
        // A batch of counts and one of visits for every 200 names, eight at a time, and two positions.
        assert_eq!(before, [0, 1, 1, 17, 28]);
        let names: Vec<Name> = (0..NAMES).map(|n| Name::new(&format!("many/{n:04}")).unwrap()).collect();
        let totals = store.totals(Event::VISIT, &names).await.unwrap();
        assert_eq!(totals, (1..=NAMES).collect::<Vec<_>>());
        assert_eq!(store.visits(Event::VISIT, &names[7], 9).await.unwrap().len(), 1);
        let positions = store.positions(Some(instance)).await.unwrap();
        assert_eq!(positions, [(instance, mark("done"))]);
    }
}
