//! The clock of a memory server: it runs with the process, and a test can move it ahead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::ports::platform::Clock;
use crate::time::milliseconds;

/// A wall clock that a test moves. In a paused runtime it stands still with it.
#[derive(Debug)]
pub struct MemoryClock {
    start: u64,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Milliseconds that were added.
    moved: u64,
    entered: u64,
    /// By moment, and for one moment in the order of arrival.
    sleepers: BTreeMap<(u64, u64), Arc<Notify>>,
}

impl MemoryClock {
    /// A clock that shows `start` now, in milliseconds since 1970.
    pub fn starting_at(start: u64) -> Self {
        Self { start, started: Instant::now(), state: Mutex::default() }
    }

    /// Moves the clock ahead. Wakes everything that waits for a moment up to then, the earliest first.
    pub fn advance(&self, by: Duration) {
        self.with(|state| {
            state.moved = state.moved.saturating_add(milliseconds(by));
            state.wake();
        });
    }

    /// Takes back what was added.
    pub(super) fn reset(&self) {
        self.with(|state| {
            state.moved = 0;
            state.wake();
        });
    }

    /// Waits until a moment, in milliseconds since 1970.
    pub async fn sleep_until(&self, moment: u64) {
        if moment <= self.now() {
            return;
        }
        let sleeper = Sleeper::enter(self, moment);
        loop {
            let wait = moment.saturating_sub(self.now());
            if wait == 0 {
                return;
            }
            tokio::select! {
                biased;
                () = sleeper.moved.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(wait)) => {}
            }
        }
    }

    /// Waits for a duration by this clock.
    pub async fn sleep(&self, wait: Duration) {
        self.sleep_until(self.now().saturating_add(milliseconds(wait))).await;
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Wakes all waiters, which then look at the clock again.
    fn wake(&self) {
        self.sleepers.values().for_each(|sleeper| sleeper.notify_one());
    }
}

impl Clock for MemoryClock {
    fn now(&self) -> u64 {
        let passed = milliseconds(self.started.elapsed());
        self.start.saturating_add(passed).saturating_add(self.with(|state| state.moved))
    }
}

/// A waiter for a moment; removed when it is dropped.
struct Sleeper<'a> {
    clock: &'a MemoryClock,
    key: (u64, u64),
    moved: Arc<Notify>,
}

impl<'a> Sleeper<'a> {
    fn enter(clock: &'a MemoryClock, moment: u64) -> Self {
        let moved = Arc::new(Notify::new());
        let key = clock.with(|state| {
            state.entered += 1;
            let key = (moment, state.entered);
            state.sleepers.insert(key, moved.clone());
            key
        });
        Self { clock, key, moved }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.with(|state| state.sleepers.remove(&self.key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000_000;

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_with_the_runtime_and_by_what_is_added() {
        let clock = MemoryClock::starting_at(START);
        assert_eq!(clock.now(), START);
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(clock.now(), START + 250);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(clock.now(), START + 3_600_250);
        clock.reset();
        assert_eq!(clock.now(), START + 250);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_wakes_when_time_gets_there() {
        let clock = MemoryClock::starting_at(START);
        let before = Instant::now();
        clock.sleep_until(START + 1_500).await;
        assert_eq!(before.elapsed(), Duration::from_millis(1_500));
        clock.sleep_until(START).await;
        assert_eq!(before.elapsed(), Duration::from_millis(1_500));
    }

    #[tokio::test(start_paused = true)]
    async fn moving_it_wakes_in_the_order_of_moments_and_shortens_what_is_left() {
        let clock = Arc::new(MemoryClock::starting_at(START));
        let woken = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for seconds in [9, 5, 7, 60] {
            let (clock, woken) = (clock.clone(), woken.clone());
            tasks.push(tokio::spawn(async move {
                clock.sleep_until(START + seconds * 1000).await;
                woken.lock().unwrap().push(seconds);
            }));
        }
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(10));
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*woken.lock().unwrap(), [5, 7, 9]);
        let before = Instant::now();
        tasks.pop().unwrap().await.unwrap();
        assert_eq!(before.elapsed(), Duration::from_secs(50));
        assert!(clock.with(|state| state.sleepers.is_empty()));
    }
}
