//! A due node that does not start before a moment, since its limit does not let it in earlier.

use std::time::Duration;

use super::service::Runs;
use super::state::{Decision, RunState};
use crate::error::Result;
use crate::ports::record::Projection;
use crate::time::milliseconds;
use crate::worker::leases::held::LeasedExecution;
use crate::workflow::ledger::DueJob;

/// A node that was put off: its job, and when that was recorded, by the record's clock.
#[derive(Debug)]
pub struct PutOff {
    /// Its job.
    pub due: DueJob,
    /// The moment, in milliseconds since 1970.
    pub at: Option<u64>,
}

impl Runs {
    /// Puts an execution off for so long; none if it is over.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn put_off(
        &self,
        LeasedExecution { run, node, round }: &LeasedExecution,
        wait: Duration,
    ) -> Result<Option<PutOff>> {
        let put_off = |state: &mut RunState| {
            let Some(now) = state.document.at else { return Ok(Decision::Leave(None)) };
            let not_before = now.saturating_add(milliseconds(wait));
            Ok(match state.ledger().put_off(node, *round, not_before) {
                Ok(due) => Decision::Write(Some(PutOff { due, at: Some(now) })),
                Err(_) => Decision::Leave(None),
            })
        };
        self.update(run, Projection::Ledger, put_off).await.map(|committed| committed.answer)
    }
}
