//! What is asked of a run store: a run to load, a decision to commit.

use tokio::sync::oneshot;

use crate::batcher::Request;
use crate::error::Result;
use crate::ports::watching::StatusView;
use crate::record::{Decide, Document};

/// A request for a run.
#[derive(Debug)]
pub(super) struct LoadRequest {
    pub run: String,
    /// What the caller has seen of it; none if nothing.
    pub known: Option<Document>,
    pub answer: oneshot::Sender<Result<Document>>,
}

/// A request for what the status row of a run says.
#[derive(Debug)]
pub(super) struct StatusRequest {
    pub run: String,
    pub answer: oneshot::Sender<Result<Option<StatusView>>>,
}

impl Request for StatusRequest {
    fn exclusive(&self) -> Option<&str> {
        None
    }
}

impl Request for LoadRequest {
    fn exclusive(&self) -> Option<&str> {
        None
    }
}

/// The outcome of a commit.
#[derive(Debug, Clone, Default)]
pub struct CommitOutcome {
    /// Whether the commit changed anything.
    pub changed: bool,
    /// When it was committed, by the database's clock: milliseconds since 1970.
    pub at: Option<u64>,
    /// The run after the commit, if this worker knows it.
    pub document: Option<Document>,
}

/// A commit that waits.
pub(super) struct CommitRequest {
    pub run: String,
    pub base: Document,
    pub decide: Decide,
    pub answer: oneshot::Sender<Result<CommitOutcome>>,
}

impl Request for CommitRequest {
    fn exclusive(&self) -> Option<&str> {
        Some(&self.run)
    }
}
