//! The clock that a job's moments are compared with: the database's.

use super::context::JobContext;
use crate::protocol::outcome::{Answer, Outcome};

/// An answer whose moments are by the database's clock. User code has this machine's.
pub fn by_the_databases_clock(context: &JobContext<'_>, mut answer: Answer) -> Answer {
    if let Outcome::Paused { pause, .. } = &mut answer.outcome {
        pause.until = pause.until.map(|moment| context.services.platform.translated(moment));
    }
    answer
}
