//! The run store: a record and the cache of its runs. The coordination store, which the worker calls `store`, is another thing.

use std::sync::Arc;

use tokio::time::Instant;

use super::aside::Aside;
use super::cache::RunCache;
use super::requests::{CommitRequest, LoadRequest, StatusRequest};
use crate::batcher::Batches;
use crate::error::Result;
use crate::ports::platform::Platform;
use crate::ports::record::Record;

/// The runs of one record. Clones share everything.
#[derive(Clone)]
pub struct RunStore {
    pub(super) record: Arc<dyn Record>,
    pub(super) platform: Platform,
    pub(super) loads: Arc<Batches<LoadRequest>>,
    pub(super) looks: Arc<Batches<StatusRequest>>,
    pub(super) commits: Arc<Batches<CommitRequest>>,
    /// Commits of runs that were found locked.
    pub(super) apart: Arc<Batches<CommitRequest>>,
    pub(super) aside: Arc<Aside>,
    pub(super) cache: Arc<RunCache>,
}

impl RunStore {
    /// Nothing is looked up yet.
    pub fn new(record: Arc<dyn Record>, platform: Platform) -> Self {
        Self {
            record,
            loads: Arc::new(Batches::new(platform.clone())),
            looks: Arc::new(Batches::new(platform.clone())),
            commits: Arc::new(Batches::new(platform.clone())),
            apart: Arc::new(Batches::new(platform.clone())),
            aside: Arc::default(),
            cache: Arc::default(),
            platform,
        }
    }

    /// Whether the database has said what its clock says.
    pub fn knows_the_time(&self) -> bool {
        self.platform.is_set()
    }

    /// Asks the database what its clock says.
    ///
    /// # Errors
    /// It is out of reach.
    pub async fn ask_the_time(&self) -> Result<()> {
        let asked = Instant::now();
        let now = self.record.time().await?;
        self.platform.heard(Some(now), asked);
        Ok(())
    }

    /// Now, by the database's clock as far as anything was heard of it: milliseconds since 1970.
    pub fn now(&self) -> u64 {
        self.platform.now()
    }

    /// The record itself, for what needs neither batches nor a cache.
    pub fn record(&self) -> &dyn Record {
        &*self.record
    }
}
