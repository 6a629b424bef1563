//! What happened in a simulated run of the fleet: who did what, when.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A story, told line by line.
#[derive(Debug)]
pub struct Story {
    begun: Instant,
    lines: Mutex<Vec<(Duration, String)>>,
}

impl Story {
    /// One that begins now.
    pub fn new() -> Self {
        Self { begun: Instant::now(), lines: Mutex::default() }
    }

    /// Tells what somebody did.
    pub fn tell(&self, line: String) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push((self.begun.elapsed(), line));
    }

    /// How long it has been going on.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// All of it, a line each.
    pub fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().fold(String::new(), |mut text, (at, line)| {
            let _ = writeln!(text, "{:>10.3} s  {line}", at.as_secs_f64());
            text
        })
    }
}
