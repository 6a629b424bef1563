//! What the engine needs of its process: time, randomness and tasks. A simulation replaces them, so that a seed decides
//! everything.
//!
//! Monotonic time is tokio's: a paused runtime moves it. Wall time is the database's, since it is the same for all workers: each
//! answer that says when it was given sets this machine's clock right ([`Platform::heard`]).

use std::fmt;
use std::future::Future;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::company::Company;
use crate::mutants::{Mutant, makes};
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
    /// None where the clock is the database's own.
    heard: Option<Arc<Mutex<Option<ClockReading>>>>,
    random: Arc<Mutex<fastrand::Rng>>,
    spawn: Option<Arc<dyn Spawn>>,
    company: Arc<Company>,
}

/// All engines of this process, also those of its threads.
static COMPANY: LazyLock<Arc<Company>> = LazyLock::new(Arc::default);

/// What the database's clock said.
#[derive(Debug, Clone, Copy)]
struct ClockReading {
    /// Milliseconds since 1970.
    said: u64,
    /// When that was heard.
    at: Instant,
    /// How long the question had taken.
    doubt: Duration,
}

/// For how long a word counts, however exact it was.
const STAYS: Duration = Duration::from_secs(60);
/// A difference that is not worth speaking of: that of two answers of one clock.
const NEGLIGIBLE: i64 = 200;

impl ClockReading {
    /// What the database's clock says now.
    fn now(&self) -> u64 {
        self.said.saturating_add(milliseconds(self.at.elapsed()))
    }

    /// Whether a newer word counts more: it is as exact, this one is old, or the two cannot both be true.
    fn gives_way_to(&self, newer: &Self) -> bool {
        let apart = Duration::from_millis(self.now().abs_diff(newer.said));
        let doubts = self.doubt + newer.doubt + Duration::from_millis(1);
        newer.doubt <= self.doubt || self.at.elapsed() > STAYS || apart > doubts
    }
}

impl Default for Platform {
    /// This machine's clock, unpredictable random numbers, and tasks of the runtime.
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            heard: Some(Arc::default()),
            random: Arc::new(Mutex::new(fastrand::Rng::new())),
            spawn: None,
            company: COMPANY.clone(),
        }
    }
}

impl Platform {
    /// A platform with this clock, which is the database's.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, heard: None, ..self }
    }

    /// A platform of a machine with this clock, which goes by the database's.
    #[must_use]
    pub fn with_own_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, heard: Some(Arc::default()), ..self }
    }

    /// A platform with random numbers from a seed, whose tasks `spawn` runs: a process of its own.
    #[must_use]
    pub fn seeded(self, seed: u64, spawn: Arc<dyn Spawn>) -> Self {
        let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
        Self { random, spawn: Some(spawn), company: Arc::default(), ..self }
    }

    /// A platform of a process of its own within this one, whose tasks `spawn` runs.
    #[must_use]
    pub fn of_process(self, spawn: Arc<dyn Spawn>) -> Self {
        Self { spawn: Some(spawn), company: Arc::default(), ..self }
    }

    /// Now, in milliseconds since 1970: by the database's clock, as far as anything was heard of it.
    pub fn now(&self) -> u64 {
        self.word().map_or_else(|| self.clock.now(), |heard| heard.now())
    }

    /// Whether this machine's clock has been set right.
    pub fn is_set(&self) -> bool {
        self.heard.is_none() || self.word().is_some()
    }

    /// The database's clock said a moment, in milliseconds since 1970, in answer to what was `asked` then.
    pub fn heard(&self, moment: Option<u64>, asked: Instant) {
        let (Some(heard), Some(moment)) = (&self.heard, moment) else { return };
        let doubt = asked.elapsed();
        let newer = ClockReading { said: moment + milliseconds(doubt / 2), at: Instant::now(), doubt };
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.is_none_or(|older| older.gives_way_to(&newer)) {
            *heard = Some(newer);
        }
    }

    /// A moment of this machine's clock, as user code has it, by the database's; both in milliseconds since 1970.
    pub fn translated(&self, moment: u64) -> u64 {
        let signed = |moment: u64| i64::try_from(moment).unwrap_or(i64::MAX);
        let behind = signed(self.now()).saturating_sub(signed(self.clock.now()));
        if behind.abs() < NEGLIGIBLE { moment } else { moment.saturating_add_signed(behind) }
    }

    fn word(&self) -> Option<ClockReading> {
        let heard = self.heard.as_ref().filter(|_| !makes(Mutant::GoesByItsOwnClock))?;
        *heard.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// A text that no other call has.
    pub fn mark(&self) -> String {
        format!("{:016x}", self.random(|random| random.u64(..)))
    }

    /// Who executes nodes in this process.
    pub fn company(&self) -> &Arc<Company> {
        &self.company
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

    /// A clock that stands.
    #[derive(Debug)]
    struct Wrong;

    impl Clock for Wrong {
        fn now(&self) -> u64 {
            1_000
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_goes_by_the_databases_clock_once_it_has_heard_of_it() {
        let platform = Platform::default().with_own_clock(Arc::new(Wrong));
        assert_eq!((platform.is_set(), platform.now(), platform.translated(1_500)), (false, 1_000, 1_500));
        platform.heard(None, Instant::now());
        assert!(!platform.is_set());
        platform.heard(Some(3_600_000), Instant::now());
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!((platform.is_set(), platform.now()), (true, 3_605_000));
        assert_eq!(platform.until(3_606_000), Some(Duration::from_secs(1)));
        assert_eq!(platform.translated(1_500), 3_605_500);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_more_exactly_counts_until_it_is_old_or_cannot_be_true() {
        let second = Duration::from_secs(1);
        // Each row: seconds since the last answer, how long this one took, how many milliseconds it is apart, whether it counts.
        for (passed, doubt, apart, counts) in [
            (1, Duration::ZERO, 3, true),
            (1, second, 100, false),
            (1, second, 5_000, true),
            (61, second, 100, true),
        ] {
            let platform = Platform::default();
            platform.heard(Some(1_000_000), Instant::now());
            tokio::time::sleep(second * passed).await;
            let asked = Instant::now();
            tokio::time::sleep(doubt).await;
            let told = platform.now();
            platform.heard(Some(told + apart - milliseconds(doubt / 2)), asked);
            assert_eq!(
                platform.now(),
                if counts { told + apart } else { told },
                "{passed} {doubt:?} {apart}"
            );
        }
    }

    #[tokio::test]
    async fn where_the_clock_is_the_databases_own_nothing_is_heard() {
        let platform = Platform::default().with_clock(Arc::new(Wrong));
        platform.heard(Some(3_600_000), Instant::now());
        assert_eq!((platform.is_set(), platform.now(), platform.translated(7)), (true, 1_000, 7));
    }

    #[test]
    fn a_wait_is_shortened_by_at_most_a_half() {
        let platform = Platform::default();
        let wait = Duration::from_secs(1);
        let waits: Vec<Duration> = (0..1000).map(|_| platform.jittered(wait)).collect();
        assert!(waits.iter().all(|jittered| (wait / 2..=wait).contains(jittered)));
        assert!(waits.iter().any(|jittered| *jittered != waits[0]));
    }
}
