//! Patience for a caller from outside of any job: a run whose row others have locked is asked for again, without holding a
//! connection meanwhile.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::error::{Code, Error, Result};
use crate::ports::platform::Platform;

/// How long a call is patient.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long a call that PostgreSQL did not answer is made again: it leaves in doubt what has happened.
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
    let patience = |error: &Error| if error.code == Code::RunBusy { PATIENCE } else { Duration::ZERO };
    ask(platform, patience, |_| attempt()).await
}

/// Makes a call that changes something, and for a while makes it again where PostgreSQL does not answer: that attempt may have
/// counted. Each attempt is told whether an earlier one may have.
///
/// # Errors
/// Those of the call.
pub async fn until_certain<T, F>(platform: &Platform, attempt: impl Fn(bool) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let patience = |error: &Error| match error.code {
        Code::RunBusy => PATIENCE,
        _ if error.is_transient() => OUTAGE,
        _ => Duration::ZERO,
    };
    ask(platform, patience, attempt).await
}

async fn ask<T, F>(
    platform: &Platform,
    patience: impl Fn(&Error) -> Duration,
    attempt: impl Fn(bool) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let (begun, mut is_in_doubt) = (Instant::now(), false);
    let mut backoff = Backoff::up_to(LONGEST, platform);
    loop {
        let error = match attempt(is_in_doubt).await {
            Err(error) if begun.elapsed() < patience(&error) => error,
            answer => return answer,
        };
        is_in_doubt |= error.code != Code::RunBusy;
        backoff.wait().await;
    }
}
