//! Consuming: a consumer for each queue, and a task for each delivery.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info_span};

use crate::backoff::Backoff;
use crate::error::{Code, Result};
use crate::ports::about::About;
use crate::ports::broker::{Delivery, Subscriber};
use crate::worker::job::delivery::{Lifetime, handle};
use crate::worker::meters::kinds::{Measure, Of};
use crate::worker::services::Services;

/// A consumer that lasted this long was a working one: the next wait is a short one again.
const STEADY: Duration = Duration::from_secs(10);

/// Keeps a consumer going, but while its queue is paused: whatever ends one, another is opened, and the user hears of it.
pub async fn consume(
    services: Arc<Services>,
    queue: String,
    sender: mpsc::Sender<Delivery>,
    stop: CancellationToken,
) {
    let own = Consuming { services, queue, sender, stop, settling: TaskTracker::new() };
    tokio::select! {
        biased;
        () = own.stop.cancelled() => {}
        () = own.services.halts.until_known() => own.go_on().await,
    }
    // A channel stays open until what came over it is settled.
    own.settling.close();
    own.settling.wait().await;
}

/// The consumers of one queue, one after the other.
struct Consuming {
    services: Arc<Services>,
    queue: String,
    sender: mpsc::Sender<Delivery>,
    stop: CancellationToken,
    /// Consumers that deliver nothing more, while what they delivered is being executed.
    settling: TaskTracker,
}

impl Consuming {
    async fn go_on(&self) {
        let Self { services, queue, stop, .. } = self;
        let mut backoff = Backoff::new(&services.platform);
        loop {
            if services.halts.holds_queue(queue) {
                services.own_health.pauses(queue);
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = services.halts.until_going(queue) => services.own_health.goes_on(queue),
                }
            }
            let begun = Instant::now();
            match self.consume_until_paused().await {
                None => continue,
                Some(Ok(())) => return,
                Some(Err(_)) if stop.is_cancelled() => return,
                Some(Err(error)) if error.code == Code::BrokerLost => {
                    services.own_health.has_lost(queue, &error);
                    return services.notices.consumer_lost(queue, &error);
                }
                Some(Err(error)) => {
                    services.own_health.reopens(queue, &error);
                    let words = format!(
                        "No jobs are received from '{queue}' for the moment. {error}; connecting again"
                    );
                    services.notices.warn(About::queue(queue).error(&error), words);
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

    /// Consumes until the worker stops, or the consumer is lost; none where the queue was paused.
    async fn consume_until_paused(&self) -> Option<Result<()>> {
        let Self { services, queue, sender, stop, settling } = self;
        let (until, cancelled) = (stop.child_token(), CancellationToken::new());
        let subscriber = subscriber(services, queue, sender.clone(), cancelled.clone());
        let (own, name, wanted) = (services.clone(), queue.clone(), until.clone());
        let mut consuming =
            Box::pin(
                async move { own.broker.consume(&name, own.settings.concurrency, subscriber, wanted).await },
            );
        tokio::select! {
            biased;
            ended = &mut consuming => return Some(ended),
            () = services.halts.until_halted(queue) => until.cancel(),
        }
        tokio::select! {
            biased;
            // A connection that is lost for good does not come back because the queue goes on.
            ended = &mut consuming => match ended {
                Err(error) if error.code == Code::BrokerLost => return Some(Err(error)),
                _ => {}
            },
            () = cancelled.cancelled() => {
                services.platform.spawn(settling.track_future(async move { drop(consuming.await) }));
            }
        }
        None
    }
}

/// Who takes what a queue delivers, and notes that it does.
fn subscriber(
    services: &Arc<Services>,
    queue: &str,
    deliveries: mpsc::Sender<Delivery>,
    cancelled: CancellationToken,
) -> Subscriber {
    let (services, queue) = (services.clone(), queue.to_owned());
    Subscriber {
        deliveries,
        opened: Arc::new(move || services.own_health.consumes(&queue)),
        cancelled: Arc::new(move || cancelled.cancel()),
    }
}

/// Hands each delivery to a task of its own; what arrives while stopping goes back.
pub async fn dispatch(services: Arc<Services>, mut deliveries: mpsc::Receiver<Delivery>, lifetime: Lifetime) {
    let jobs = TaskTracker::new();
    services.intake.open();
    loop {
        let next = tokio::select! {
            biased;
            () = lifetime.shutdown.stop_consuming.cancelled() => break,
            next = deliveries.recv() => next,
        };
        let Some(delivery) = next else { break };
        let Ok(slot) = services.intake.slots().clone().acquire_owned().await else { break };
        let span = info_span!("job", run = tracing::field::Empty, node = tracing::field::Empty);
        let (own, lifetime) = (services.clone(), lifetime.clone());
        // On the heap from the start: it is large, and would be copied each time it is handed on.
        let job = Box::pin(async move {
            let (queue, begun) = (delivery.queue.clone(), Instant::now());
            handle(&own, delivery, slot, &lifetime).await;
            own.meters.measure(Measure::Process, Of::queue(&queue), begun.elapsed());
        });
        services.platform.spawn(jobs.track_future(job.instrument(span)));
    }
    services.intake.close();
    jobs.close();
    while let Ok(delivery) = deliveries.try_recv() {
        delivery.receipt.requeue().await;
    }
    // Only when every receipt is used may the broker's side close its channel.
    jobs.wait().await;
    drop(deliveries);
}
