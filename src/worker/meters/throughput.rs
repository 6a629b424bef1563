//! What happened when, stored for people to see, also once the runs are purged.
//!
//! Each engine counts for itself and stores its own rows every few seconds, one statement for all of them. A job costs no
//! statement more, no engine waits for another's row, and none leads: a count that a leader drew from status rows would have
//! to read the table whole, again and again, and would miss what is purged in between.
//!
//! A row says all that its engine has counted of a minute, and replaces what it said before: a statement whose answer was
//! lost is given again and counts once. What is lost is what a process that dies has counted since it last stored, of
//! [`BEAT`] at most, and what nobody could store for five minutes.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::debug;

use super::kinds::Of;
use super::tally::Tally;
use crate::ports::platform::Platform;
use crate::ports::record::Record;
use crate::ports::throughput::WRITTEN_FOR;

/// How long counts wait until they are stored.
const BEAT: Duration = Duration::from_secs(5);
/// The same where there is no table for them: a migration may make it.
const IDLE_BEAT: Duration = Duration::from_secs(60);
/// How often old rows become fewer, by each engine: the table is read for that.
const FOLDS: Duration = Duration::from_secs(3_600);
const MINUTE: u64 = 60_000;

/// Counts what happens, and stores it.
pub struct Throughput {
    record: Arc<dyn Record>,
    platform: Platform,
    /// Whose rows these are: no other engine has the name. None before it counts.
    writer: OnceLock<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tally: Tally,
    /// What stores the counts; none while nothing is to be stored.
    task: Option<AbortHandle>,
    /// When old rows become fewer next; none before the first count is stored.
    folds: Option<Instant>,
}

impl Throughput {
    /// Counts nothing before [`begin`](Self::begin).
    pub fn new(record: Arc<dyn Record>, platform: Platform) -> Self {
        Self { record, platform, writer: OnceLock::new(), state: Mutex::default() }
    }

    /// Counts and stores from now on.
    pub fn begin(&self) {
        self.writer.get_or_init(|| self.platform.mark());
    }

    /// Something happened so many times; `of` has it as its word. Must be called within the shared runtime.
    pub fn count(self: &Arc<Self>, of: Of<'_>, times: u64) {
        if self.writer.get().is_none() {
            return;
        }
        let minute = self.platform.now() / MINUTE;
        self.with(|state| {
            state.tally.add(minute, of, times);
            if state.task.is_none() {
                let this = self.clone();
                state.task = Some(self.platform.spawn(async move { this.keep().await }));
            }
        });
    }

    /// Stores what is left, once, before connections are closed.
    pub async fn close(&self) {
        if let Some(task) = self.with(|state| state.task.take()) {
            task.abort();
            self.store().await;
        }
    }

    /// Stores what was counted until nothing is left.
    async fn keep(&self) {
        let mut wait = BEAT;
        loop {
            tokio::time::sleep(wait).await;
            wait = if self.store().await { BEAT } else { IDLE_BEAT };
            let is_over = self.with(|state| {
                let is_over = state.tally.unstored().is_empty();
                if is_over {
                    state.task = None;
                }
                is_over
            });
            if is_over {
                return;
            }
        }
    }

    /// Stores what was counted; whether there is a table for it, as far as is known.
    async fn store(&self) -> bool {
        let oldest = (self.platform.now() / MINUTE).saturating_sub(WRITTEN_FOR);
        let counts = self.with(|state| {
            state.tally.forget_before(oldest);
            state.tally.unstored()
        });
        let Some(writer) = self.writer.get().filter(|_| !counts.is_empty()) else { return true };
        let folds = self.is_to_fold();
        match self.record.store_throughput(writer, &counts, folds).await {
            Ok(is_there) => {
                self.with(|state| {
                    if is_there {
                        state.tally.note_stored(&counts);
                    }
                });
                is_there
            }
            Err(error) => {
                debug!(%error, "what happened is not stored yet");
                true
            }
        }
    }

    /// Whether it is time to have old rows become fewer. One that fails is not tried again before the next time. The first time is
    /// drawn: engines that start together do not fold together, and one that soon ends seldom does.
    fn is_to_fold(&self) -> bool {
        let now = Instant::now();
        let first = || now + FOLDS.mul_f64(self.platform.random(fastrand::Rng::f64));
        self.with(|state| {
            let is_due = *state.folds.get_or_insert_with(first) <= now;
            if is_due {
                state.folds = Some(now + FOLDS);
            }
            is_due
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
