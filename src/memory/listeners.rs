//! Those who listen to a coordination store in memory.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::ports::coordination::Told;

/// How much somebody may have left unheard; the rest they miss.
const UNHEARD: usize = 1_000;

/// The listeners of one server.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<Vec<mpsc::Sender<String>>>);

impl Listeners {
    /// Another one.
    pub fn join(&self) -> Told {
        let (teller, told) = mpsc::channel(UNHEARD);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(teller);
        told
    }

    /// Tells all of a run.
    pub fn tell(&self, run: &str) {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| !listener.is_closed());
        for listener in listeners.iter() {
            let _ = listener.try_send(run.to_owned());
        }
    }
}
