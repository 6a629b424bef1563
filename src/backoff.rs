//! How long to wait before trying a server again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Doubling waits from 50 ms to 5 s, each shortened by up to a half so that a fleet does not return in step.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::up_to(LONGEST)
    }
}

impl Backoff {
    /// Waits no longer than that, each time.
    pub fn up_to(longest: Duration) -> Self {
        Self { next: FIRST, longest }
    }

    /// Waits, longer each time.
    pub async fn wait(&mut self) {
        tokio::time::sleep(jittered(self.next)).await;
        self.next = (self.next * 2).min(self.longest);
    }

    /// Starts again from the shortest wait: the server answered.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}

/// Between a half and the whole of `wait`.
pub fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher};
    // The standard library's hasher is seeded at random for every instance: enough to spread a fleet.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let half = wait / 2;
    half + half.mul_f64((random % 1000) as f64 / 1000.0)
}
