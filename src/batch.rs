//! Requests that wait go to the server together: one statement for many, and none of them waits for company.
//!
//! A request that finds a free lane leaves at once, alone. While every lane is under way, requests gather, and the
//! next lane that is free takes them all, up to [`LARGEST`].

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;

/// Requests in one batch.
const LARGEST: usize = 64;
/// Batches under way at a time: one on the way there, one on the way back.
const LANES: usize = 2;

/// A request that a batch is made of.
pub(crate) trait Request: Send + 'static {
    /// What no two batches may touch at a time, if there is such a thing: a run that is being changed.
    fn exclusive(&self) -> Option<&str>;
}

/// A queue of requests, each with a way to answer it.
#[derive(Debug)]
pub(crate) struct Batches<R> {
    state: Mutex<State<R>>,
}

#[derive(Debug)]
struct State<R> {
    waiting: VecDeque<R>,
    /// What batches under way touch.
    busy: HashSet<String>,
    lanes: usize,
}

impl<R> Default for Batches<R> {
    fn default() -> Self {
        Self { state: Mutex::new(State { waiting: VecDeque::new(), busy: HashSet::new(), lanes: 0 }) }
    }
}

impl<R: Request> Batches<R> {
    /// Adds a request. `carry` takes a batch to the server and answers every request of it. Who finds a free lane goes
    /// along with the first batch, which saves a lone request the way to another task and back; what gathers meanwhile
    /// is carried by a task of its own. Must be called within the shared runtime.
    pub async fn submit<C, F>(self: &Arc<Self>, request: R, carry: C)
    where
        C: Fn(Vec<R>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let opened = self.with(|state| {
            state.waiting.push_back(request);
            let opened = state.lanes < LANES;
            state.lanes += usize::from(opened);
            opened
        });
        if !opened {
            return;
        }
        let mut lane = Lane { of: self.clone(), open: true, touched: Vec::new() };
        let Some(batch) = lane.next() else { return };
        // A batch that panics is lost to those who wait for it, and is nobody's panic.
        let _ = AssertUnwindSafe(carry(batch)).catch_unwind().await;
        if let Some(gathered) = lane.next() {
            tokio::spawn(async move {
                carry(gathered).await;
                while let Some(batch) = lane.next() {
                    carry(batch).await;
                }
            });
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State<R>) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<R: Request> State<R> {
    fn take(&mut self) -> (Vec<R>, Vec<String>) {
        let (mut batch, mut left) = (Vec::new(), VecDeque::new());
        let mut touched: Vec<String> = Vec::new();
        for request in self.waiting.drain(..) {
            let busy = request.exclusive().is_some_and(|key| self.busy.contains(key));
            if busy || batch.len() == LARGEST {
                left.push_back(request);
                continue;
            }
            touched.extend(request.exclusive().map(str::to_owned));
            batch.push(request);
        }
        self.waiting = left;
        self.busy.extend(touched.iter().cloned());
        (batch, touched)
    }
}

/// A lane under way; free again when it is dropped, or has found nothing to take.
struct Lane<R: Request> {
    of: Arc<Batches<R>>,
    open: bool,
    touched: Vec<String>,
}

impl<R: Request> Lane<R> {
    fn next(&mut self) -> Option<Vec<R>> {
        let arrived = std::mem::take(&mut self.touched);
        let (batch, touched) = self.of.with(|state| {
            state.busy.retain(|key| !arrived.contains(key));
            let taken = state.take();
            // In one step with looking: a request that comes now must not rely on a lane that leaves.
            state.lanes -= usize::from(taken.0.is_empty());
            taken
        });
        self.touched = touched;
        self.open = !batch.is_empty();
        self.open.then_some(batch)
    }
}

impl<R: Request> Drop for Lane<R> {
    fn drop(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        self.of.with(|state| {
            state.busy.retain(|key| !touched.contains(key));
            state.lanes -= usize::from(self.open);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::{mpsc, oneshot};

    use super::*;

    struct Ask(&'static str, oneshot::Sender<usize>);

    impl Request for Ask {
        fn exclusive(&self) -> Option<&str> {
            Some(self.0)
        }
    }

    /// Answers each request with the size of its batch, after a while.
    fn ask(
        batches: &Arc<Batches<Ask>>,
        key: &'static str,
        seen: &mpsc::UnboundedSender<Vec<&'static str>>,
    ) -> oneshot::Receiver<usize> {
        let (answer, answered) = oneshot::channel();
        let (batches, seen) = (batches.clone(), seen.clone());
        let carry = move |batch: Vec<Ask>| {
            let seen = seen.clone();
            async move {
                seen.send(batch.iter().map(|ask| ask.0).collect()).unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
                let size = batch.len();
                batch.into_iter().for_each(|ask| ask.1.send(size).unwrap());
            }
        };
        tokio::spawn(async move { batches.submit(Ask(key, answer), carry).await });
        answered
    }

    #[tokio::test]
    async fn who_comes_first_leaves_alone_and_who_waits_leaves_together() {
        let (seen, _batches_seen) = mpsc::unbounded_channel();
        let batches = Arc::default();
        let first: Vec<_> = ["a", "b"].map(|key| ask(&batches, key, &seen)).into_iter().collect();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let later: Vec<_> = ["c", "d", "e"].map(|key| ask(&batches, key, &seen)).into_iter().collect();
        for answer in first {
            assert!(answer.await.unwrap() <= 2);
        }
        for answer in later {
            assert_eq!(answer.await.unwrap(), 3);
        }
    }

    #[tokio::test]
    async fn two_batches_never_touch_one_run_at_a_time() {
        let (seen, mut batches_seen) = mpsc::unbounded_channel();
        let batches = Arc::default();
        let answers: Vec<_> = ["a", "x"].map(|key| ask(&batches, key, &seen)).into_iter().collect();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let more: Vec<_> = ["a", "a", "b"].map(|key| ask(&batches, key, &seen)).into_iter().collect();
        for answer in answers.into_iter().chain(more) {
            answer.await.unwrap();
        }
        drop(seen);
        let mut all = Vec::new();
        while let Ok(batch) = batches_seen.try_recv() {
            all.extend(batch);
        }
        assert_eq!(all.len(), 5);
    }

    #[tokio::test]
    async fn a_batch_that_panics_takes_nothing_else_down() {
        let batches = Arc::default();
        let (answer, lost) = oneshot::channel();
        Batches::submit(&batches, Ask("a", answer), |_| async { std::panic::panic_any("planned") }).await;
        assert!(lost.await.is_err());
        let (seen, _batches_seen) = mpsc::unbounded_channel();
        assert_eq!(ask(&batches, "a", &seen).await.unwrap(), 1);
    }
}
