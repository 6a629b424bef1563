//! A started worker: what runs until it stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::ports::about::About;
use crate::worker::answering::answer;
use crate::worker::consumer::{consume, dispatch};
use crate::worker::engine::Engine;
use crate::worker::halts::keeping::keep_halts;
use crate::worker::health::watching::watch as watch_health;
use crate::worker::job::delivery::Lifetime;
use crate::worker::job::looking::Looking;
use crate::worker::readiness::{make_ready, once_ready};
use crate::worker::recovery::tick::recover;
use crate::worker::registry::heartbeat::keep_registered;
use crate::worker::retention::{Retained, retain};
use crate::worker::retry::Retry;
use crate::worker::schedules::beat::keep_schedules;
use crate::worker::services::Services;
use crate::worker::shutdown::Shutdown;

/// How long messages may take to go back to their queues once the worker aborts.
const LAST_STEPS: Duration = Duration::from_secs(1);
const DIRECT: &str = "PostgreSQL is reached directly: statements are prepared, once for each connection";
const POOLED: &str =
    "PostgreSQL is reached through a pooler: no statement is prepared, and nothing is set on a connection";

/// Says once how the database is reached, when it is.
async fn tell_way(services: Arc<Services>, stop: CancellationToken) {
    let told = async {
        let mut backoff = Backoff::new(&services.platform);
        loop {
            match services.runs.is_pooled().await {
                Ok(Some(true)) => return services.notices.info(About::default(), POOLED.to_owned()),
                Ok(Some(false)) => return services.notices.info(About::default(), DIRECT.to_owned()),
                Ok(None) => return,
                // Whoever needs it says so.
                Err(_) => backoff.wait().await,
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = told => {}
    }
}

/// A started worker. Dropping it does not stop it: [`Worker::stop`] does.
pub struct Worker {
    services: Arc<Services>,
    shutdown: Shutdown,
    tasks: TaskTracker,
}

impl Worker {
    /// Starts consuming. Must be called within the shared runtime. Without user code the worker cannot go on: once that is
    /// `gone`, it ends and closes what was opened.
    pub fn start(engine: &Engine, gone: CancellationToken) -> Self {
        let services = engine.services().clone();
        let worker =
            Self { services: services.clone(), shutdown: Shutdown::default(), tasks: TaskTracker::new() };
        let shutdown = &worker.shutdown;
        services.liveness.beat();
        services.own_health.starts(services.settings.queues.consumed());
        worker.watch();
        let (sender, receiver) = mpsc::channel(usize::from(services.settings.concurrency));
        let (ready, stop) = (CancellationToken::new(), || shutdown.stop_consuming.clone());
        worker.run(make_ready(services.clone(), ready.clone(), stop()));
        for queue in services.settings.queues.consumed() {
            let recovering = recover(services.clone(), queue.clone(), stop());
            worker.run(once_ready(ready.clone(), stop(), recovering));
            let consuming = consume(services.clone(), queue.clone(), sender.clone(), stop());
            worker.run(once_ready(ready.clone(), stop(), consuming));
        }
        worker.run(once_ready(ready.clone(), stop(), keep_halts(services.clone(), stop())));
        worker.run(watch_health(services.clone(), stop()));
        let schedules = keep_schedules(services.clone(), stop());
        worker.run(once_ready(ready.clone(), stop(), schedules));
        for retained in Retained::of(&services.settings) {
            let retaining = retain(services.clone(), retained, stop());
            worker.run(once_ready(ready.clone(), stop(), retaining));
        }
        worker.run(tell_way(services.clone(), shutdown.stop_consuming.clone()));
        worker.run(keep_registered(services.clone(), shutdown.stop_consuming.clone()));
        drop(sender);
        let retry = Retry::new(services.notices.clone(), services.platform.clone(), shutdown.abort.clone());
        let live = Arc::new(Looking { retry: retry.clone(), services: services.clone() });
        let lifetime = Lifetime { retry, live, shutdown: shutdown.clone() };
        worker.run(dispatch(services.clone(), receiver, lifetime));
        worker.end_without_user_code(engine.clone(), gone);
        worker
    }

    /// Keeps leases and runs alive, and hears of cancellations and questions, until the worker aborts.
    fn watch(&self) {
        let (watcher, stop) = (self.services.clone(), self.shutdown.abort.clone());
        self.services.platform.spawn(async move {
            let Services { active_nodes, runs, liveness, .. } = &*watcher;
            active_nodes.watch(runs, || liveness.is_responsive(), stop).await;
        });
        let (keeper, stop) = (self.services.clone(), self.shutdown.abort.clone());
        self.services.platform.spawn(async move {
            // In tasks of their own: the next renewals do not wait for the record.
            let claim = |executions| {
                let runs = keeper.runs.clone();
                keeper.platform.spawn(async move { runs.claim_all(executions).await });
            };
            keeper.leases.keep(|| keeper.liveness.is_responsive(), claim, stop).await;
        });
        let (keeper, stop) = (self.services.clone(), self.shutdown.abort.clone());
        if keeper.key_limits.are_kept() {
            self.services.platform.spawn(async move {
                keeper.key_limits.keep(|| keeper.liveness.is_responsive(), stop).await;
            });
        }
        let (answerer, stop) = (self.services.clone(), self.shutdown.abort.clone());
        self.services.platform.spawn(async move { answer(&answerer, stop).await });
    }

    /// Runs a task that the worker waits for when it stops.
    fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.services.platform.spawn(self.tasks.track_future(task));
    }

    /// Ends the worker once user code is `gone`: its thread may be terminated without a stop, in a process that lives on.
    fn end_without_user_code(&self, engine: Engine, gone: CancellationToken) {
        let (shutdown, tasks) = (self.shutdown.clone(), self.tasks.clone());
        self.services.platform.spawn(async move {
            tokio::select! {
                biased;
                () = shutdown.abort.cancelled() => return,
                () = gone.cancelled() => {}
            }
            engine.services().leases.desert();
            engine.services().own_health.stops();
            shutdown.now();
            tasks.close();
            let _ = tokio::time::timeout(LAST_STEPS, tasks.wait()).await;
            engine.close().await;
            engine.services().own_health.is_over();
        });
    }

    /// Takes no more jobs from this call on, also none that a carried chain would go on with.
    pub fn take_no_more(&self) {
        self.services.own_health.stops();
        self.services.intake.close();
        self.shutdown.stop_consuming.cancel();
        self.tasks.close();
    }

    /// Takes no more jobs, lets those that are executing finish within `patience`, requeues what was not started.
    pub async fn stop(&self, patience: Duration) {
        self.take_no_more();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            let words = format!(
                "The worker stops: jobs that still run after {} ms go back to their queues, and their late results will be \
                 refused (option stopTimeout)",
                patience.as_millis()
            );
            self.services.notices.warn(About::default(), words);
        }
        self.shutdown.abort.cancel();
        let _ = tokio::time::timeout(LAST_STEPS, self.tasks.wait()).await;
        self.services.own_health.is_over();
    }
}
