//! The tasks of one worker, as if it were a process of its own: they can die together.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::task::AbortHandle;

use crate::ports::platform::Spawn;

/// The tasks of one worker. What is spawned after a death belongs to a new life.
#[derive(Debug, Default)]
pub struct Process {
    life: Mutex<Life>,
}

#[derive(Debug, Default)]
struct Life {
    running: Vec<AbortHandle>,
    is_dead: Arc<RwLock<bool>>,
}

impl Process {
    /// Ends all tasks where they stand, as a signal that kills does: what they hold is dropped. `last` happens when none of
    /// them does anything any more, and before anybody notices.
    pub fn kill(&self, last: impl FnOnce()) {
        let life = self.with(std::mem::take);
        // Waits for those that do something at this moment: what they do happens before.
        *life.is_dead.write().unwrap_or_else(PoisonError::into_inner) = true;
        last();
        life.running.iter().for_each(AbortHandle::abort);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Life) -> T) -> T {
        act(&mut self.life.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Spawn for Process {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> AbortHandle {
        let is_dead = self.with(|life| life.is_dead.clone());
        let handle = tokio::spawn(Mortal { is_dead, task }).abort_handle();
        self.with(|life| {
            life.running.retain(|task| !task.is_finished());
            life.running.push(handle.clone());
        });
        handle
    }
}

/// A task that goes on for as long as its process lives.
struct Mortal {
    is_dead: Arc<RwLock<bool>>,
    task: BoxFuture<'static, ()>,
}

impl Future for Mortal {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let is_dead = self.is_dead.clone();
        let is_dead = is_dead.read().unwrap_or_else(PoisonError::into_inner);
        if *is_dead { Poll::Ready(()) } else { self.task.as_mut().poll(context) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn all_tasks_die_and_drop_what_they_hold() {
        let process = Process::default();
        let (held, dropped) = oneshot::channel::<()>();
        let task = async move {
            let _held = held;
            std::future::pending().await
        };
        let handle = process.spawn(task.boxed());
        tokio::task::yield_now().await;
        let mut order = Vec::new();
        process.kill(|| order.push("last"));
        assert!(dropped.await.is_err());
        assert_eq!(order, ["last"]);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(handle.is_finished());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_a_task_does_at_that_moment_happens_before() {
        let process = Arc::new(Process::default());
        let (begins, begun) = oneshot::channel();
        let done = Arc::new(Mutex::new(Vec::new()));
        let doing = done.clone();
        process.spawn(
            async move {
                begins.send(()).unwrap();
                loop {
                    doing.lock().unwrap().push("task");
                    tokio::task::yield_now().await;
                }
            }
            .boxed(),
        );
        begun.await.unwrap();
        process.kill(|| done.lock().unwrap().push("last"));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(done.lock().unwrap().last(), Some(&"last"));
    }

    #[tokio::test]
    async fn what_is_spawned_afterwards_lives() {
        let process = Process::default();
        process.kill(|| {});
        let (sender, receiver) = oneshot::channel();
        process.spawn(async move { sender.send(7).unwrap() }.boxed());
        assert_eq!(receiver.await.unwrap(), 7);
    }
}
