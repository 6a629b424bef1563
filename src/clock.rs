//! Wall-clock time, for what has to outlive this process: timers and delays.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Now, in milliseconds since 1970.
pub fn now() -> u64 {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The moment `wait` from now, in milliseconds since 1970.
pub fn after(wait: Duration) -> u64 {
    now().saturating_add(milliseconds(wait))
}

/// How far off a moment is; none when it has come.
pub fn until(moment: u64) -> Option<Duration> {
    moment.checked_sub(now()).filter(|wait| *wait > 0).map(Duration::from_millis)
}

/// Milliseconds of a duration.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A moment, in milliseconds since 1970, as ISO 8601 in UTC.
pub fn iso(moment: u64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(moment) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}
