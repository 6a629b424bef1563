//! How long to wait before trying a server again.

use std::time::Duration;

use crate::ports::platform::Platform;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Doubling waits from 50 ms to 5 s, each shortened by up to a half so that a fleet does not return in step.
#[derive(Debug)]
pub struct Backoff<'a> {
    platform: &'a Platform,
    next: Duration,
    longest: Duration,
}

impl<'a> Backoff<'a> {
    /// Waits of at most five seconds.
    pub fn new(platform: &'a Platform) -> Self {
        Self::up_to(LONGEST, platform)
    }

    /// Waits no longer than that, each time.
    pub fn up_to(longest: Duration, platform: &'a Platform) -> Self {
        Self { platform, next: FIRST, longest }
    }

    /// Waits, longer each time.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.platform.jittered(self.next)).await;
        self.next = (self.next * 2).min(self.longest);
    }

    /// Starts again from the shortest wait: the server answered.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}
