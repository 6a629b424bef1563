//! Runs that have paused or ended: workers tell of them through the coordination store, and clients that wait for one of them
//! look again at once. A lost notice costs a moment: each waiter also polls the run itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::debug;

use crate::backoff::Backoff;
use crate::ports::coordination::{CoordinationStore, Told};
use crate::ports::platform::Platform;

/// How often the listener checks for followers; without one it closes the connection.
const ROUND: Duration = Duration::from_secs(2);

/// Publishes and receives changes of runs. Clones share it.
#[derive(Clone)]
pub struct Changes {
    store: Arc<dyn CoordinationStore>,
    platform: Platform,
    followed: Arc<Mutex<Followed>>,
}

/// The runs that somebody follows.
#[derive(Default)]
struct Followed {
    runs: HashMap<String, Vec<Arc<Notify>>>,
    /// A task listens, or has found that this store tells nobody.
    is_heard: bool,
}

impl Changes {
    /// Over this store. Nothing is opened before somebody follows a run.
    pub fn new(store: Arc<dyn CoordinationStore>, platform: Platform) -> Self {
        Self { store, platform, followed: Arc::default() }
    }

    /// Tells that a run has paused or ended. Never waits; must be called within the shared runtime.
    pub fn tell(&self, run: &str) {
        let (store, run) = (self.store.clone(), run.to_owned());
        self.platform.spawn(async move {
            if let Err(error) = store.tell(&run).await {
                debug!(%error, run, "the notice that the run paused or ended was not sent; waiters poll instead");
            }
        });
    }

    /// Follows a run from now on.
    pub fn follow(&self, run: &str) -> Following {
        let changed = Arc::<Notify>::default();
        self.followed().runs.entry(run.to_owned()).or_default().push(changed.clone());
        Following { of: self.clone(), run: run.to_owned(), changed }
    }

    fn followed(&self) -> std::sync::MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) {
        if !std::mem::replace(&mut self.followed().is_heard, true) {
            let this = self.clone();
            self.platform.spawn(async move { this.listen().await });
        }
    }

    /// Listens until nobody follows a run.
    async fn listen(&self) {
        let mut backoff = Backoff::new(&self.platform);
        loop {
            match self.store.listen().await {
                Ok(Some(told)) => {
                    backoff.reset();
                    self.pass_on(told).await;
                }
                Ok(None) => return,
                Err(error) => debug!(%error, "notices of paused and ended runs do not arrive at the moment"),
            }
            if self.is_left() {
                return;
            }
            backoff.wait().await;
        }
    }

    /// Until the connection is lost, or nobody follows a run.
    async fn pass_on(&self, mut told: Told) {
        let mut round = tokio::time::interval(ROUND);
        round.reset();
        loop {
            tokio::select! {
                run = told.recv() => {
                    let Some(run) = run else { return };
                    for changed in self.followed().runs.get(&run).into_iter().flatten() {
                        changed.notify_one();
                    }
                }
                // However busy the channel is.
                _ = round.tick() => if self.followed().runs.is_empty() { return },
            }
        }
    }

    /// Whether no run is followed. The next follower starts the listener again.
    fn is_left(&self) -> bool {
        let mut followed = self.followed();
        let is_left = followed.runs.is_empty();
        followed.is_heard = !is_left;
        is_left
    }
}

/// One who follows a run, until this is dropped.
pub struct Following {
    of: Changes,
    run: String,
    changed: Arc<Notify>,
}

impl Following {
    /// Waits until the run has paused or ended since the last call, or for `at_most`.
    pub async fn change(&self, at_most: Duration) {
        self.of.open();
        let _ = tokio::time::timeout(at_most, self.changed.notified()).await;
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut followed = self.of.followed();
        if let Some(all) = followed.runs.get_mut(&self.run) {
            all.retain(|other| !Arc::ptr_eq(other, &self.changed));
            if all.is_empty() {
                followed.runs.remove(&self.run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryServer;
    use crate::ports::absent::AbsentStore;

    const LONG: Duration = Duration::from_secs(3600);

    fn over(server: &Arc<MemoryServer>) -> Changes {
        Changes::new(Arc::new(server.coordination("client")), Platform::default())
    }

    async fn waited(following: &Following) -> Duration {
        let begun = tokio::time::Instant::now();
        following.change(LONG).await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_follows_a_run_hears_of_it_and_of_no_other() {
        let server = MemoryServer::starting_at(1);
        let (worker, client) = (over(&server), over(&server));
        let (one, other) = (client.follow("one"), client.follow("other"));
        one.change(Duration::from_millis(1)).await;
        worker.tell("one");
        assert!(waited(&one).await < ROUND);
        assert_eq!(waited(&other).await, LONG);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_between_two_waits_is_not_missed() {
        let server = MemoryServer::starting_at(1);
        let (worker, client) = (over(&server), over(&server));
        let following = client.follow("r");
        following.change(Duration::from_millis(1)).await;
        worker.tell("r");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(waited(&following).await, Duration::ZERO);
        assert_eq!(waited(&following).await, LONG);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_everybody_left_hears_again() {
        let server = MemoryServer::starting_at(1);
        let (worker, client) = (over(&server), over(&server));
        client.follow("r").change(Duration::from_millis(1)).await;
        tokio::time::sleep(ROUND * 3).await;
        assert!(!client.followed().is_heard && client.followed().runs.is_empty());
        let following = client.follow("r");
        following.change(Duration::from_millis(1)).await;
        worker.tell("r");
        assert!(waited(&following).await < ROUND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_channel_is_left_too() {
        let server = MemoryServer::starting_at(1);
        let (worker, client) = (over(&server), over(&server));
        client.follow("r").change(Duration::from_millis(1)).await;
        for _ in 0..100 {
            worker.tell("other");
            tokio::time::sleep(ROUND / 20).await;
        }
        assert!(!client.followed().is_heard);
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_is_told_the_wait_is_a_wait() {
        let client = Changes::new(Arc::new(AbsentStore), Platform::default());
        assert_eq!(waited(&client.follow("r")).await, LONG);
    }
}
