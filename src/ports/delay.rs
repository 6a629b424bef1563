//! Messages for later: queues whose messages go on to another queue when their time is up.
//!
//! Such a queue delays every message by the same time, so that none waits behind a longer one. A message for an
//! arbitrary moment goes through a few of them, the longest first, and arrives at most [`SHORTEST`] late. They
//! are durable like any other: a timer survives a restart of everything.

use std::time::Duration;

/// The shortest delay there is a queue for; each longer one is twice as long.
pub const SHORTEST: Duration = Duration::from_millis(100);
/// Doublings up to the longest delay, about nineteen days; longer ones go round again.
const DOUBLINGS: u32 = 24;

/// The delay to take next on the way to a moment that far off.
pub fn next_delay(remaining: Duration) -> Duration {
    (0..=DOUBLINGS)
        .rev()
        .map(|step| SHORTEST * 2u32.pow(step))
        .find(|delay| *delay <= remaining)
        .unwrap_or(SHORTEST)
}

/// The queue that delays messages for `target`.
pub fn queue_name(target: &str, delay: Duration) -> String {
    format!("{target}.delay.{}", delay.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_is_reached_in_few_steps_and_hardly_late() {
        for target in [0, 1, 99, 100, 250, 1_000, 86_400_000, 6 * 7 * 86_400_000_u64] {
            let (mut waited, mut steps) = (0, 0);
            while waited < target {
                waited +=
                    u64::try_from(next_delay(Duration::from_millis(target - waited)).as_millis()).unwrap();
                steps += 1;
            }
            assert!(waited - target < 100, "{target} ms: {waited} ms");
            assert!(steps <= 28, "{target} ms in {steps} steps");
        }
    }
}
