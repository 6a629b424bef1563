//! One count of a queue's workers for all jobs that ask within a second: thousands of messages may ask at the same moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::card::RegisteredWorker;

/// How long a count holds.
const HOLDS: Duration = Duration::from_secs(1);

/// The workers that say that they live, and how many consume the queue; none where a server did not answer.
pub type Count = Option<(Vec<RegisteredWorker>, u32)>;

/// The last count of each queue.
#[derive(Default)]
pub struct Census {
    counts: Mutex<BTreeMap<String, Taken>>,
}

/// A count that is being taken, or was.
struct Taken {
    at: Instant,
    count: Arc<OnceCell<Count>>,
}

impl Census {
    /// The count of a queue: one of the last second, or a new one. A job that asks while it is being taken waits for it. Where a
    /// server did not answer, those that waited are told; who asks then has it taken again.
    pub async fn of(&self, queue: &str, take: impl Future<Output = Count>) -> Count {
        let current = self.current(queue);
        let count = current.get_or_init(|| take).await.clone();
        if count.is_none() {
            self.forget(queue, &current);
        }
        count
    }

    fn current(&self, queue: &str) -> Arc<OnceCell<Count>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(taken) = counts.get(queue).filter(|taken| now.duration_since(taken.at) < HOLDS) {
            return taken.count.clone();
        }
        let count = Arc::<OnceCell<Count>>::default();
        counts.insert(queue.to_owned(), Taken { at: now, count: count.clone() });
        count
    }

    /// Keeps this count no longer.
    fn forget(&self, queue: &str, count: &Arc<OnceCell<Count>>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.get(queue).is_some_and(|taken| Arc::ptr_eq(&taken.count, count)) {
            counts.remove(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_asks_within_a_second_shares_a_count() {
        let (census, taken) = (Census::default(), AtomicU32::new(0));
        let count = async |queue: &str| {
            let take = async {
                sleep(Duration::from_millis(100)).await;
                Some((Vec::new(), taken.fetch_add(1, Ordering::Relaxed)))
            };
            census.of(queue, take).await.map(|(_, number)| number)
        };
        assert_eq!(join_all((0..50).map(|_| count("a"))).await, vec![Some(0); 50]);
        assert_eq!(count("b").await, Some(1), "another queue is counted by itself");
        sleep(HOLDS).await;
        assert_eq!(count("a").await, Some(2), "a count holds for a second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_count_without_an_answer_is_not_kept() {
        let census = Census::default();
        assert!(census.of("a", async { None }).await.is_none());
        assert!(census.of("a", async { Some((Vec::new(), 7)) }).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_the_count_to_the_next() {
        let census = Census::default();
        let silent = census.of("a", std::future::pending());
        assert!(tokio::time::timeout(Duration::from_millis(10), silent).await.is_err());
        assert!(census.of("a", async { Some((Vec::new(), 7)) }).await.is_some());
    }
}
