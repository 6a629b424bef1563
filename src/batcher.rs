//! Coalesces requests: those that wait share one statement, and a lone request does not wait for others.
//!
//! A request that finds no batch under way leaves at once, alone. While a batch is under way, further requests gather and
//! leave together when it returns: the fewer batches, the less each request costs, on both sides. A slow batch (a
//! locked row, a large document, a distant server) holds nobody up: another batch leaves beside it.
//!
//! A batch occupies a *slot*. The states of a slot:
//!
//! ```text
//!              a request finds no batch that blocks            answered
//!     free ───────────────────────────────────────▶ blocking ───────────▶ next batch, or free
//!                                                      │
//!                                                      │ under way for 20 ms
//!                                                      ▼        answered
//!                                                     slow ───────────────▶ next batch if none blocks, or free
//! ```
//!
//! At most one slot blocks: requests gather until it returns. Slow slots only keep their own runs from others.

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
/// A batch that is under way for longer is slow: another one leaves beside it.
const SLOW_AFTER: Duration = Duration::from_millis(20);
/// Batches under way at a time, slow ones included. A batch of commits may need two of a pool's eight connections and
/// must leave some for other work.
const SLOTS: usize = 3;

/// A request that can be coalesced with others.
pub(crate) trait Request: Send + 'static {
    /// What no two batches may touch at a time: the run that the request changes, if it changes one.
    fn exclusive(&self) -> Option<&str>;
}

/// The requests that wait, each with a way to answer it.
#[derive(Debug)]
pub(crate) struct Batches<R> {
    state: Mutex<State<R>>,
    platform: Platform,
}

#[derive(Debug)]
struct State<R> {
    waiting: VecDeque<R>,
    /// What the batches under way touch.
    busy: HashSet<String>,
    /// Batches under way.
    slots: usize,
    /// One of them blocks: requests gather until it returns or becomes slow.
    blocks: bool,
}

impl<R> Batches<R> {
    /// None waits yet.
    pub fn new(platform: Platform) -> Self {
        let state = State { waiting: VecDeque::new(), busy: HashSet::new(), slots: 0, blocks: false };
        Self { state: Mutex::new(state), platform }
    }
}

impl<R: Request> Batches<R> {
    /// Adds a request. `send` takes a batch to the server and answers each of its requests. A caller that finds a free
    /// slot drives the first batch itself, which saves a lone request the way to another task and back. A task of its
    /// own drives the batches that gather meanwhile. Must be called within the shared runtime.
    pub async fn submit<C, F>(self: &Arc<Self>, request: R, send: C)
    where
        C: Fn(Vec<R>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.with(|state| state.waiting.push_back(request));
        let Some(mut slot) = Slot::open(self) else { return };
        let Some(batch) = slot.next() else { return };
        // Boxed: most callers only wait under load and need no room for this.
        Box::pin(async move {
            slot.send(batch, &send).await;
            if let Some(gathered) = slot.next() {
                let platform = slot.of.platform.clone();
                platform.spawn(slot.drive_all(gathered, send));
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

/// A slot: drives one batch after the other, and is free once it is dropped or finds no request.
struct Slot<R: Request> {
    of: Arc<Batches<R>>,
    open: bool,
    /// Requests gather until its batch returns.
    blocks: bool,
    touched: Vec<String>,
}

impl<R: Request> Slot<R> {
    /// A free slot; none while another one blocks, or all are in use.
    fn open(of: &Arc<Batches<R>>) -> Option<Self> {
        let opened = of.with(|state| {
            let opened = !state.blocks && state.slots < SLOTS;
            state.slots += usize::from(opened);
            state.blocks |= opened;
            opened
        });
        opened.then(|| Self { of: of.clone(), open: true, blocks: true, touched: Vec::new() })
    }

    /// The next batch. A slow slot ends if another one blocks by now.
    fn next(&mut self) -> Option<Vec<R>> {
        let arrived = std::mem::take(&mut self.touched);
        let blocked = self.blocks;
        let (batch, touched) = self.of.with(|state| {
            state.busy.retain(|key| !arrived.contains(key));
            if state.blocks && !blocked {
                state.slots -= 1;
                return Default::default();
            }
            let (batch, touched) = state.take();
            // In the same step as the look at the queue: a request that comes now must not rely on a slot that ends.
            state.slots -= usize::from(batch.is_empty());
            state.blocks = !batch.is_empty();
            (batch, touched)
        });
        self.touched = touched;
        self.open = !batch.is_empty();
        self.blocks = self.open;
        self.open.then_some(batch)
    }

    /// Sends a batch. If it panics, its callers get no answer, and the panic goes no further.
    async fn send<C, F>(&mut self, batch: Vec<R>, send: &C)
    where
        C: Fn(Vec<R>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut sent = pin!(AssertUnwindSafe(send(batch)).catch_unwind());
        if tokio::time::timeout(SLOW_AFTER, sent.as_mut()).await.is_ok() {
            return;
        }
        self.blocks = false;
        self.of.with(|state| state.blocks = false);
        if let Some(mut beside) = Self::open(&self.of)
            && let Some(gathered) = beside.next()
        {
            self.of.platform.spawn(beside.drive_all(gathered, send.clone()));
        }
        let _ = sent.await;
    }

    /// Drives one batch after the other until no request waits. Boxed: a slow slot opens another one.
    fn drive_all<C, F>(mut self, batch: Vec<R>, send: C) -> BoxFuture<'static, ()>
    where
        C: Fn(Vec<R>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let all = async move {
            let mut next = Some(batch);
            while let Some(batch) = next {
                self.send(batch, &send).await;
                next = self.next();
            }
        };
        all.boxed()
    }
}

impl<R: Request> Drop for Slot<R> {
    fn drop(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        let (open, blocks) = (self.open, self.blocks);
        self.of.with(|state| {
            state.busy.retain(|key| !touched.contains(key));
            state.slots -= usize::from(open);
            state.blocks &= !blocks;
        });
    }
}

#[cfg(test)]
mod tests;
