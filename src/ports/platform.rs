//! What the engine needs of its process: time, randomness and tasks. A simulation replaces them, so that a seed decides
//! everything.
//!
//! Monotonic time is tokio's: a paused runtime moves it.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::AbortHandle;

use crate::time::milliseconds;

/// A wall clock.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now, in milliseconds since 1970.
    fn now(&self) -> u64;
}

/// The wall clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// Runs tasks.
pub trait Spawn: fmt::Debug + Send + Sync {
    /// Runs a task.
    fn spawn(&self, task: BoxFuture<'static, ()>) -> AbortHandle;
}

/// Time, randomness and tasks. Clones share them.
#[derive(Debug, Clone)]
pub struct Platform {
    clock: Arc<dyn Clock>,
    random: Arc<Mutex<fastrand::Rng>>,
    spawn: Option<Arc<dyn Spawn>>,
}

impl Default for Platform {
    /// This machine's clock, unpredictable random numbers, and tasks of the runtime.
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), random: Arc::new(Mutex::new(fastrand::Rng::new())), spawn: None }
    }
}

impl Platform {
    /// A platform with this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// A platform with random numbers from a seed, whose tasks `spawn` runs.
    #[must_use]
    pub fn seeded(self, seed: u64, spawn: Arc<dyn Spawn>) -> Self {
        let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
        Self { random, spawn: Some(spawn), ..self }
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// The moment `wait` from now, in milliseconds since 1970.
    pub fn after(&self, wait: Duration) -> u64 {
        self.now().saturating_add(milliseconds(wait))
    }

    /// The time until a moment; none if it has come.
    pub fn until(&self, moment: u64) -> Option<Duration> {
        moment.checked_sub(self.now()).filter(|wait| *wait > 0).map(Duration::from_millis)
    }

    /// Between half and all of `wait`, so that a fleet does not retry in step.
    pub fn jittered(&self, wait: Duration) -> Duration {
        let half = wait / 2;
        half + half.mul_f64(self.random(fastrand::Rng::f64))
    }

    /// Something drawn at random.
    pub fn random<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a task. Must be called within the shared runtime.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        match &self.spawn {
            None => tokio::spawn(task).abort_handle(),
            Some(spawn) => spawn.spawn(task.boxed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_shortened_by_at_most_a_half() {
        let platform = Platform::default();
        let wait = Duration::from_secs(1);
        let waits: Vec<Duration> = (0..1000).map(|_| platform.jittered(wait)).collect();
        assert!(waits.iter().all(|jittered| (wait / 2..=wait).contains(jittered)));
        assert!(waits.iter().any(|jittered| *jittered != waits[0]));
    }
}
