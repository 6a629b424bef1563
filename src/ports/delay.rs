//! Delay queues: their messages go to another queue when they expire.
//!
//! A delay queue delays every message by the same time, so none waits behind a longer one. A message for an arbitrary
//! moment passes through a few of them, the longest first, and arrives at most [`SHORTEST`] late. They are durable: a timer
//! survives a restart of all servers.

use std::time::Duration;

/// The shortest delay. Each longer one is twice the one before it.
pub const SHORTEST: Duration = Duration::from_millis(100);
/// Doublings up to the longest delay, about nineteen days. A message for later passes through that queue several times.
const DOUBLINGS: u32 = 24;

/// The next delay for a message that is due after `remaining`.
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
