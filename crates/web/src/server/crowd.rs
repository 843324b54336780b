//! The limit on connections, and which one is closed when it is reached.
//!
//! Otherwise silent clients could keep out all others for as long as a client is allowed to be silent, and by
//! reconnecting, forever (`silent_clients_keep_nobody_out_and_who_waits_for_us_stays`).

use super::activity::Activity;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often to look again for a connection to close.
const LOOK: Duration = Duration::from_millis(100);

/// All open connections.
pub(crate) struct Crowd {
    places: Arc<Semaphore>,
    /// A connection that is silent for this long may be closed.
    silence: Duration,
    here: Mutex<Here>,
}

#[derive(Default)]
struct Here {
    number: u64,
    connections: HashMap<u64, Arc<Activity>>,
}

/// One slot, while it is held.
pub(crate) struct Seat {
    crowd: Arc<Crowd>,
    number: u64,
    pub(crate) activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
}

impl Crowd {
    pub(crate) fn new(places: usize, silence: Duration) -> Crowd {
        Crowd { places: Arc::new(Semaphore::new(places)), silence, here: Mutex::default() }
    }

    /// A slot for a waiting client. If there is none, the connection that has been silent longest is closed.
    pub(crate) async fn place(self: &Arc<Crowd>) -> Option<Seat> {
        let permit = loop {
            let free = self.places.clone().acquire_owned();
            match tokio::time::timeout(if self.is_full() { LOOK } else { Duration::MAX }, free).await {
                Ok(permit) => break permit.ok()?,
                Err(_) => self.send_one_away(),
            }
        };
        let activity = Arc::new(Activity::new());
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.number += 1;
        let number = here.number;
        here.connections.insert(number, activity.clone());
        Some(Seat { crowd: self.clone(), number, activity, _permit: permit })
    }

    fn is_full(&self) -> bool {
        self.places.available_permits() == 0
    }

    fn send_one_away(&self) {
        let here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = here.connections.values().filter_map(|activity| Some((activity.silence()?, activity)));
        if let Some((silence, activity)) = silent.max_by_key(|(silence, _)| *silence)
            && silence >= self.silence
        {
            activity.send_away();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut here = self.crowd.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.connections.remove(&self.number);
    }
}
