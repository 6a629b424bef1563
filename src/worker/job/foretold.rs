//! What the first decision of a commit makes due, said before the commit is answered.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::workflow::ledger::DueJob;

/// Where the first decision of a commit says which job it makes due, if that is one alone.
#[derive(Clone, Default)]
pub struct Foretold(Arc<Mutex<Option<oneshot::Sender<DueJob>>>>);

impl Foretold {
    /// With the place where it is heard. That hears nothing where several jobs are due, or none.
    pub fn heard() -> (Self, oneshot::Receiver<DueJob>) {
        let (tell, heard) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(tell)))), heard)
    }

    /// Says what a decision made due. Only the first one counts.
    pub fn say(&self, due: &[DueJob]) {
        let tell = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(tell), [only]) = (tell, due) {
            let _ = tell.send(only.clone());
        }
    }
}
