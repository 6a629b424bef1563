//! A worker: takes jobs from the queue and lives each of them through, in the order of [`job`].

mod begin;
mod dead_letters;
mod engine;
mod fleet;
mod in_flight;
mod job;
mod leases;
mod pulse;
mod queues;
mod repair;
mod results;
mod revival;
mod runs;
pub mod settle;
mod sweep;
mod unfit;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info_span};

use crate::backoff::Backoff;
use crate::ports::broker::Delivery;

pub use dead_letters::DeadLetter;
pub use engine::{Engine, Settings, WithoutLeases};
pub use queues::Queues;

/// A consumer that lasted this long was a working one: the next wait is a short one again.
const STEADY: Duration = Duration::from_secs(10);

/// A started worker. Dropping it does not stop it: [`Worker::stop`] does.
pub struct Worker {
    engine: Arc<Engine>,
    ending: Ending,
    tasks: TaskTracker,
}

/// The two steps of a worker's end.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// No more deliveries are asked for.
    pub(super) stop_consuming: CancellationToken,
    /// Nothing is waited for any more: nodes in flight get their signal, and messages go back to the queue.
    pub(super) give_up: CancellationToken,
}

impl Ending {
    /// Both steps at once: nobody is there any more to run user code.
    pub fn now(&self) {
        self.stop_consuming.cancel();
        self.give_up.cancel();
    }
}

impl Worker {
    /// Starts consuming. Must be called within the shared runtime.
    pub fn start(engine: Arc<Engine>) -> Self {
        let worker = Self { engine: engine.clone(), ending: Ending::default(), tasks: TaskTracker::new() };
        let concurrency = engine.settings.concurrency;
        let (sender, receiver) = mpsc::channel(usize::from(concurrency));
        let ending = worker.ending.clone();
        engine.pulse.beat();
        let (watcher, watch) = (engine.clone(), ending.give_up.clone());
        engine.platform.spawn(async move {
            let Engine { contexts, statuses, pulse, in_flight, .. } = &*watcher;
            in_flight.watch(contexts, statuses, || pulse.is_felt(), watch).await;
        });
        let (keeper, keep) = (engine.clone(), ending.give_up.clone());
        engine.platform.spawn(async move { keeper.leases.keep(|| keeper.pulse.is_felt(), keep).await });
        for queue in engine.settings.queues.consumed() {
            let stop = || ending.stop_consuming.clone();
            worker.run(repair::repair(engine.clone(), queue.clone(), stop()));
            worker.run(consume(engine.clone(), queue.clone(), sender.clone(), stop()));
        }
        drop(sender);
        worker.run(dispatch(engine, receiver, ending));
        worker
    }

    /// Runs a task that the worker waits for when it stops.
    fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.engine.platform.spawn(self.tasks.track_future(task));
    }

    /// How to end the worker from where it can not be waited for.
    pub fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// Takes no more jobs, lets those in flight finish within `patience`, hands back what was not started.
    pub async fn stop(&self, patience: Duration) {
        self.ending.stop_consuming.cancel();
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            self.engine.warn(format!(
                "Stopping: jobs still running after {} ms are handed back to the queue; their late results will be refused",
                patience.as_millis()
            ));
        }
        self.ending.give_up.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.tasks.wait()).await;
    }
}

/// Keeps a consumer going: whatever ends one, another is opened, and the user hears of it.
async fn consume(
    engine: Arc<Engine>,
    queue: String,
    sender: mpsc::Sender<Delivery>,
    stop: CancellationToken,
) {
    let concurrency = engine.settings.concurrency;
    let mut backoff = Backoff::new(&engine.platform);
    loop {
        let begun = Instant::now();
        match engine.broker.consume(&queue, concurrency, sender.clone(), stop.clone()).await {
            Ok(()) => return,
            Err(_) if stop.is_cancelled() => return,
            Err(error) if !error.is_transient() => return engine.consumer_lost(&queue, &error),
            Err(error) => {
                engine.warn(format!("No jobs are received for the moment. {error}; connecting again"))
            }
        }
        if begun.elapsed() > STEADY {
            backoff.reset();
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = backoff.wait() => {}
        }
    }
}

/// Hands each delivery to a task of its own; what arrives while stopping goes back.
async fn dispatch(engine: Arc<Engine>, mut deliveries: mpsc::Receiver<Delivery>, ending: Ending) {
    let jobs = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(usize::from(engine.settings.concurrency)));
    loop {
        let next = tokio::select! {
            biased;
            () = ending.stop_consuming.cancelled() => break,
            next = deliveries.recv() => next,
        };
        let Some(delivery) = next else { break };
        let Ok(slot) = slots.clone().acquire_owned().await else {
            break;
        };
        let (engine_of_job, ending) = (engine.clone(), ending.clone());
        let engine = engine.clone();
        let span = info_span!("job", run = tracing::field::Empty, node = tracing::field::Empty);
        // On the heap from the start: it is large, and would be copied each time it is handed on.
        let live = Box::pin(async move {
            job::steps::live(&engine, delivery, &ending).await;
            drop(slot);
        });
        engine_of_job.platform.spawn(jobs.track_future(live.instrument(span)));
    }
    jobs.close();
    while let Ok(delivery) = deliveries.try_recv() {
        delivery.receipt.requeue().await;
    }
    // Only when every receipt is used may the broker's side close its channel.
    jobs.wait().await;
    drop(deliveries);
}
