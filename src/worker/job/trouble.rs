//! How long a run may be in trouble by itself: its row is locked, or its statement takes too long.

use std::time::Duration;

use super::context::JobContext;
use crate::error::{Code, Error, Kind};
use crate::worker::services::Services;

/// Whether it is the trouble of one run, for the moment.
pub fn is_passing_trouble(error: &Error) -> bool {
    error.may_be_of_one_run() && error.kind() != Kind::Data
}

/// Since when a run is in trouble that is found to be now; none until the worker knows the database's time.
pub fn now_if_known(services: &Services) -> Option<u64> {
    services.runs.knows_the_time().then(|| services.platform.now())
}

/// Whether a run has been in trouble for as long as the user lets it be.
pub fn is_over(context: &JobContext<'_>, since: u64) -> bool {
    let waited = Duration::from_millis(context.services.platform.now().saturating_sub(since));
    waited >= context.services.settings.write_timeout
}

/// The error of a run that has been in trouble for too long.
pub fn write_timed_out(context: &JobContext<'_>, error: Error) -> Error {
    let limit = context.services.settings.write_timeout.as_millis();
    let message = format!("{}; it was tried again for {limit} ms (option writeTimeout)", error.message);
    Error { code: Code::WriteRefused, message, ..error }
}
