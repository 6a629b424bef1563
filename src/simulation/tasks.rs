//! The tasks of one worker, which can be killed or frozen together.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use tokio::task::AbortHandle;

use crate::ports::platform::Spawn;

/// A worker's tasks.
#[derive(Debug, Default)]
pub struct Tasks {
    running: Mutex<Vec<AbortHandle>>,
    gate: Arc<TaskGate>,
}

/// While it is shut, nothing behind it is polled.
#[derive(Debug, Default)]
struct TaskGate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    shut: bool,
    waiting: Vec<Waker>,
}

impl Tasks {
    /// Ends all of them where they stand: what they hold is dropped.
    pub fn kill(&self) {
        self.thaw();
        self.with_running(|running| running.drain(..).for_each(|task| task.abort()));
    }

    /// Stops polling all of them until [`thaw`](Self::thaw). Clocks and timers go on.
    pub fn freeze(&self) {
        self.gate.with(|state| state.shut = true);
    }

    /// They go on.
    pub fn thaw(&self) {
        let waiting = self.gate.with(|state| {
            state.shut = false;
            std::mem::take(&mut state.waiting)
        });
        waiting.into_iter().for_each(Waker::wake);
    }

    fn with_running<T>(&self, act: impl FnOnce(&mut Vec<AbortHandle>) -> T) -> T {
        act(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TaskGate {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Spawn for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> AbortHandle {
        let handle = tokio::spawn(Gated { gate: self.gate.clone(), task }).abort_handle();
        self.with_running(|running| {
            running.retain(|task| !task.is_finished());
            running.push(handle.clone());
        });
        handle
    }
}

/// A task behind a gate.
struct Gated {
    gate: Arc<TaskGate>,
    task: BoxFuture<'static, ()>,
}

impl Future for Gated {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shut = self.gate.with(|state| {
            if state.shut {
                state.waiting.push(context.waker().clone());
            }
            state.shut
        });
        if shut { Poll::Pending } else { self.task.as_mut().poll(context) }
    }
}
