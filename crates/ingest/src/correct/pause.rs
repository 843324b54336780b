//! Pausing names, and ending a pause. It changes no count, but is in the log of corrections too.

use super::{CorrectionCourse, Corrector, not_corrected, unread};
use crate::{clock::now, pauses, refusals::PausedNames};
use tallymark_core::{Correction, CorrectionRecord, Glob, NotCorrected, Now, PAUSE, RESUME};
use tallymark_store::passing_instance;
use uuid::Uuid;

impl Corrector {
    /// Does not count names until then; or counts them again, without a time.
    ///
    /// # Errors
    ///
    /// The store does not answer; or nothing is paused that could be ended.
    pub async fn pause(
        &self,
        names: &Glob,
        until: Option<Now>,
        by: String,
        reason: Option<String>,
    ) -> Result<CorrectionRecord, NotCorrected> {
        match until {
            Some(until) => {
                let pause = PausedNames { names: names.clone(), until };
                pauses::begin(&*self.store, &pause).await.map_err(unread)?;
            }
            None if pauses::end(&*self.store, names).await.map_err(unread)? => {}
            None => {
                let why =
                    format!("nothing is paused as {}: `tallymark corrections` lists pauses", names.as_str());
                return Err(NotCorrected::Missing(why));
            }
        }
        let course = CorrectionCourse { id: passing_instance(*Uuid::new_v4().as_bytes()), now: now() };
        let record = CorrectionRecord {
            id: course.id,
            part: 1,
            at: course.now.to_rfc3339(),
            by,
            action: if until.is_some() { PAUSE } else { RESUME }.to_owned(),
            name: names.as_str().to_owned(),
            event: None,
            to: None,
            count: None,
            stretch: None,
            until: until.map(Now::to_rfc3339),
            reason,
            undoes: None,
            changed: Vec::new(),
            remembered: Vec::new(),
        };
        let correction = Correction { record: Some(record.clone()), ..Correction::arriving(Vec::new()) };
        let mut errand = self.errand(course.id);
        let done = self.apply(&mut errand, 1, &correction).await;
        done.map_err(|error| not_corrected(&errand, &error))?;
        Ok(record)
    }
}
