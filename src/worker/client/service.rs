//! The client's side of an engine.

use std::sync::Arc;

use crate::worker::changes::Following;
use crate::worker::services::Services;

/// Starts runs, watches them and removes them. Clones share the engine.
#[derive(Clone)]
pub struct Client {
    pub(super) services: Arc<Services>,
}

impl Client {
    /// Follows a run from now on.
    pub fn follow(&self, run: &str) -> Following {
        self.services.changes.follow(run)
    }

    /// Over the services of an engine.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services }
    }
}
