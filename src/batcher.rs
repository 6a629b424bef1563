//! Requests that wait go to the server together: one statement for many, and none of them waits for company.
//!
//! A request that finds nothing to wait for leaves at once, alone. While a batch is under way, requests gather, and leave
//! together when it is back: the fewer batches, the less each request costs, on both sides. A batch that takes long
//! (a lock that somebody holds, a large document, a server far away) is not waited for: another leaves beside it.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::ports::platform::Platform;

/// Requests in one batch.
const LARGEST: usize = 64;
/// A batch that is under way for longer is not waited for.
const PATIENCE: Duration = Duration::from_millis(20);
/// Batches under way at a time, however long they take. A batch of commits may need two connections of a pool's eight, and
/// must leave some to others.
const LANES: usize = 3;

/// A request that a batch is made of.
pub(crate) trait Request: Send + 'static {
    /// What no two batches may touch at a time, if there is such a thing: a run that is being changed.
    fn exclusive(&self) -> Option<&str>;
}

/// A queue of requests, each with a way to answer it.
#[derive(Debug)]
pub(crate) struct Batches<R> {
    state: Mutex<State<R>>,
    platform: Platform,
}

#[derive(Debug)]
struct State<R> {
    waiting: VecDeque<R>,
    /// What batches under way touch.
    busy: HashSet<String>,
    /// Batches under way.
    lanes: usize,
    /// One of them is waited for.
    awaited: bool,
}

impl<R> Batches<R> {
    /// None waits yet.
    pub fn new(platform: Platform) -> Self {
        let state = State { waiting: VecDeque::new(), busy: HashSet::new(), lanes: 0, awaited: false };
        Self { state: Mutex::new(state), platform }
    }
}

impl<R: Request> Batches<R> {
    /// Adds a request. `carry` takes a batch to the server and answers every request of it. Who finds nothing to wait
    /// for goes along with the first batch, which saves a lone request the way to another task and back; what gathers
    /// meanwhile is carried by a task of its own. Must be called within the shared runtime.
    pub async fn submit<C, F>(self: &Arc<Self>, request: R, carry: C)
    where
        C: Fn(Vec<R>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.with(|state| state.waiting.push_back(request));
        let Some(mut lane) = Lane::open(self) else { return };
        let Some(batch) = lane.next() else { return };
        // Boxed: whoever only waits, as most do under load, need not have room for this.
        Box::pin(async move {
            lane.carry(batch, &carry).await;
            if let Some(gathered) = lane.next() {
                let platform = lane.of.platform.clone();
                platform.spawn(lane.carry_on(gathered, carry));
            }
        })
        .await;
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

/// A way to the server, for one batch after the other; gone when it is dropped, or has found nothing to take.
struct Lane<R: Request> {
    of: Arc<Batches<R>>,
    open: bool,
    /// Others gather while its batch is under way.
    awaited: bool,
    touched: Vec<String>,
}

impl<R: Request> Lane<R> {
    /// None while a batch is waited for, or too many are under way.
    fn open(of: &Arc<Batches<R>>) -> Option<Self> {
        let opened = of.with(|state| {
            let opened = !state.awaited && state.lanes < LANES;
            state.lanes += usize::from(opened);
            state.awaited |= opened;
            opened
        });
        opened.then(|| Self { of: of.clone(), open: true, awaited: true, touched: Vec::new() })
    }

    /// The next batch. A lane that took long ends where another is waited for by now.
    fn next(&mut self) -> Option<Vec<R>> {
        let arrived = std::mem::take(&mut self.touched);
        let is_awaited = self.awaited;
        let (batch, touched) = self.of.with(|state| {
            state.busy.retain(|key| !arrived.contains(key));
            if state.awaited && !is_awaited {
                state.lanes -= 1;
                return Default::default();
            }
            let (batch, touched) = state.take();
            // In one step with looking: a request that comes now must not rely on a lane that leaves.
            state.lanes -= usize::from(batch.is_empty());
            state.awaited = !batch.is_empty();
            (batch, touched)
        });
        self.touched = touched;
        self.open = !batch.is_empty();
        self.awaited = self.open;
        self.open.then_some(batch)
    }

    /// Takes a batch to the server. One that panics is lost to those who wait for it, and is nobody's panic.
    async fn carry<C, F>(&mut self, batch: Vec<R>, carry: &C)
    where
        C: Fn(Vec<R>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut carried = pin!(AssertUnwindSafe(carry(batch)).catch_unwind());
        if tokio::time::timeout(PATIENCE, carried.as_mut()).await.is_ok() {
            return;
        }
        self.awaited = false;
        self.of.with(|state| state.awaited = false);
        if let Some(mut beside) = Self::open(&self.of)
            && let Some(gathered) = beside.next()
        {
            self.of.platform.spawn(beside.carry_on(gathered, carry.clone()));
        }
        let _ = carried.await;
    }

    /// Takes one batch after the other, until none waits. Boxed: a lane that takes long opens another.
    fn carry_on<C, F>(mut self, batch: Vec<R>, carry: C) -> BoxFuture<'static, ()>
    where
        C: Fn(Vec<R>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let all = async move {
            let mut next = Some(batch);
            while let Some(batch) = next {
                self.carry(batch, &carry).await;
                next = self.next();
            }
        };
        all.boxed()
    }
}

impl<R: Request> Drop for Lane<R> {
    fn drop(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        let (open, awaited) = (self.open, self.awaited);
        self.of.with(|state| {
            state.busy.retain(|key| !touched.contains(key));
            state.lanes -= usize::from(open);
            state.awaited &= !awaited;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::{Semaphore, mpsc, oneshot};

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
                tokio::time::sleep(Duration::from_millis(10)).await;
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
        let batches = Arc::new(Batches::new(Platform::default()));
        let first = ask(&batches, "a", &seen);
        tokio::time::sleep(Duration::from_millis(2)).await;
        let later: Vec<_> = ["b", "c", "d"].map(|key| ask(&batches, key, &seen)).into_iter().collect();
        assert_eq!(first.await.unwrap(), 1);
        for answer in later {
            assert_eq!(answer.await.unwrap(), 3);
        }
        // The way is free again.
        assert_eq!(ask(&batches, "e", &seen).await.unwrap(), 1);
    }

    /// Answers each request with the size of its batch, once the gate of its key is open.
    fn ask_behind(
        batches: &Arc<Batches<Ask>>,
        key: &'static str,
        gate: &Arc<Semaphore>,
    ) -> oneshot::Receiver<usize> {
        let (answer, answered) = oneshot::channel();
        let (batches, gate) = (batches.clone(), gate.clone());
        let carry = move |batch: Vec<Ask>| {
            let gate = gate.clone();
            async move {
                if batch.iter().any(|ask| ask.0.starts_with("locked")) {
                    let _ = gate.acquire().await;
                }
                let size = batch.len();
                batch.into_iter().for_each(|ask| ask.1.send(size).unwrap());
            }
        };
        tokio::spawn(async move { batches.submit(Ask(key, answer), carry).await });
        answered
    }

    #[tokio::test]
    async fn a_batch_that_is_held_up_holds_up_nobody_else_but_its_own_run() {
        let (gate, batches) = (Arc::new(Semaphore::new(0)), Arc::new(Batches::new(Platform::default())));
        let mut held = ask_behind(&batches, "locked", &gate);
        tokio::time::sleep(Duration::from_millis(2)).await;
        let gathered: Vec<_> = ["a", "b"].map(|key| ask_behind(&batches, key, &gate)).into_iter().collect();
        let mut same_run = ask_behind(&batches, "locked", &gate);
        for answer in gathered {
            assert_eq!(answer.await.unwrap(), 2);
        }
        assert_eq!(ask_behind(&batches, "c", &gate).await.unwrap(), 1);
        assert!(held.try_recv().is_err() && same_run.try_recv().is_err());
        gate.add_permits(1);
        assert_eq!((held.await.unwrap(), same_run.await.unwrap()), (1, 1));
        assert_eq!(ask_behind(&batches, "d", &gate).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn no_more_batches_are_held_up_than_there_are_lanes_and_all_of_them_end() {
        let (gate, batches) = (Arc::new(Semaphore::new(0)), Arc::new(Batches::new(Platform::default())));
        let mut held = Vec::new();
        for key in ["locked 1", "locked 2", "locked 3", "locked 4"] {
            held.push(ask_behind(&batches, key, &gate));
            tokio::time::sleep(2 * PATIENCE).await;
        }
        assert_eq!((held.len(), batches.with(|state| state.lanes)), (LANES + 1, LANES));
        gate.add_permits(held.len());
        for answer in held {
            answer.await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(batches.with(|state| state.lanes == 0 && !state.awaited && state.busy.is_empty()));
    }

    #[tokio::test]
    async fn two_batches_never_touch_one_run_at_a_time() {
        let (batches, touched) =
            (Arc::new(Batches::new(Platform::default())), Arc::new(Mutex::new(HashSet::new())));
        let mut answers = Vec::new();
        for round in 0..20 {
            for key in ["a", "b", "c"] {
                let (answer, answered) = oneshot::channel();
                let (batches, touched) = (Arc::<Batches<Ask>>::clone(&batches), Arc::clone(&touched));
                let carry = move |batch: Vec<Ask>| {
                    let touched = touched.clone();
                    async move {
                        let own: HashSet<&str> = batch.iter().map(|ask| ask.0).collect();
                        own.iter().for_each(|key| assert!(touched.lock().unwrap().insert(*key), "{key}"));
                        tokio::time::sleep(PATIENCE * (1 + round % 3)).await;
                        touched.lock().unwrap().retain(|key| !own.contains(key));
                        batch.into_iter().for_each(|ask| ask.1.send(0).unwrap());
                    }
                };
                tokio::spawn(async move { batches.submit(Ask(key, answer), carry).await });
                answers.push(answered);
            }
            tokio::time::sleep(PATIENCE / 4).await;
        }
        for answer in answers {
            // Lost where its batch met another.
            answer.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_batch_that_panics_takes_nothing_else_down() {
        let batches = Arc::new(Batches::new(Platform::default()));
        let (answer, lost) = oneshot::channel();
        Batches::submit(&batches, Ask("a", answer), |_| async { std::panic::panic_any("planned") }).await;
        assert!(lost.await.is_err());
        let (seen, _batches_seen) = mpsc::unbounded_channel();
        assert_eq!(ask(&batches, "a", &seen).await.unwrap(), 1);
    }
}
