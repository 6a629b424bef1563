//! Patience for a caller from outside of any job: a run whose row others have locked is asked for again, without holding a
//! connection meanwhile.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::error::{Code, Result};
use crate::ports::platform::Platform;

/// How long a call is patient.
const PATIENCE: Duration = Duration::from_secs(10);
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
