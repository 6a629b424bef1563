//! Patience for a caller from outside of any job: a run whose row others have locked is asked for again, without holding a
//! connection meanwhile.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::error::{Code, Result};
use crate::ports::platform::Platform;

/// How long a call is patient.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long PostgreSQL is asked again: an answer that was lost leaves in doubt what has happened.
const OUTAGE: Duration = Duration::from_secs(5);
/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_millis(500);

/// Makes a call until it succeeds, fails otherwise, or the run was busy for too long.
///
/// # Errors
/// Those of the call.
pub async fn patiently<T, F>(platform: &Platform, attempt: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let begun = Instant::now();
    let mut backoff = Backoff::up_to(LONGEST, platform);
    loop {
        match attempt().await {
            Err(error) if error.code == Code::RunBusy && begun.elapsed() < PATIENCE => backoff.wait().await,
            answer => return answer,
        }
    }
}

/// Makes a call that changes something until PostgreSQL answers, for a while. An attempt is told whether an earlier one, whose
/// answer was lost, may have counted.
///
/// # Errors
/// Those of the call.
pub async fn until_certain<T, F>(platform: &Platform, attempt: impl Fn(bool) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let (begun, mut is_in_doubt) = (Instant::now(), false);
    let mut backoff = Backoff::up_to(LONGEST, platform);
    loop {
        let error = match attempt(is_in_doubt).await {
            Err(error) if error.is_transient() => error,
            answer => return answer,
        };
        let is_busy = error.code == Code::RunBusy;
        if begun.elapsed() >= if is_busy { PATIENCE } else { OUTAGE } {
            return Err(error);
        }
        is_in_doubt |= !is_busy;
        backoff.wait().await;
    }
}
