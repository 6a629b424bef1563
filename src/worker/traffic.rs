//! What a worker learns from the messages it gets: how far a queue has come, and whether version 1 shares it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::message::JobMessage;

/// Deliveries this soon after a tick may have left the queue before it.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// From this priority on a quorum queue takes messages for urgent.
const URGENT: u8 = 5;
/// How long a worker remembers that it met one.
const URGENT_STAYS: Duration = Duration::from_secs(3600);

/// What was seen of the queues so far.
#[derive(Debug, Default)]
pub struct Traffic {
    seen: Mutex<SeenTraffic>,
}

#[derive(Debug, Default)]
struct SeenTraffic {
    /// By queue.
    queues: HashMap<String, QueueTraffic>,
    version_1: Option<Instant>,
}

/// What passes through a queue.
#[derive(Debug, Default)]
struct QueueTraffic {
    /// When the last tick was.
    ticked: Option<Instant>,
    /// The youngest message delivered since then, by the moment it was made due: milliseconds since 1970.
    youngest: Option<u64>,
    /// When a message was delivered that quorum queues take for urgent.
    urgent: Option<Instant>,
}

impl Traffic {
    /// A message was delivered.
    pub fn delivered(&self, queue: &str, job: &JobMessage, redelivered: bool) {
        if job.priority() >= URGENT {
            self.queue(queue, |queue| queue.urgent = Some(Instant::now()));
        }
        // One of a greater priority has overtaken others.
        let is_in_order = !redelivered && !job.repeated && job.not_before.is_none() && job.priority() == 0;
        let Some(at) = job.at.filter(|_| is_in_order) else {
            return;
        };
        self.queue(queue, |queue| {
            // A quorum queue lets others pass urgent messages, so that those do not wait for ever.
            let is_fifo = queue.urgent.is_none_or(|urgent| urgent.elapsed() > URGENT_STAYS);
            if is_fifo && queue.ticked.is_none_or(|ticked| ticked.elapsed() > UNDER_WAY) {
                queue.youngest = queue.youngest.max(Some(at));
            }
        });
    }

    /// A message is of a worker of version 1.
    pub fn met_version_1(&self) {
        self.with(|seen| seen.version_1 = Some(Instant::now()));
    }

    /// How long ago that was last; none if never.
    pub fn since_version_1(&self) -> Option<Duration> {
        self.with(|seen| seen.version_1.map(|met| met.elapsed()))
    }

    /// Ends the time since the last tick, and answers with the youngest message delivered in it.
    pub fn tick(&self, queue: &str) -> Option<u64> {
        self.queue(queue, |queue| {
            queue.ticked = Some(Instant::now());
            queue.youngest.take()
        })
    }

    /// The youngest message delivered since the last tick. Unlike [`tick`](Self::tick), this leaves the time running.
    pub fn youngest(&self, queue: &str) -> Option<u64> {
        self.with(|seen| seen.queues.get(queue)?.youngest)
    }

    fn queue<T>(&self, queue: &str, act: impl FnOnce(&mut QueueTraffic) -> T) -> T {
        self.with(|seen| match seen.queues.get_mut(queue) {
            Some(queue) => act(queue),
            None => act(seen.queues.entry(queue.to_owned()).or_default()),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut SeenTraffic) -> T) -> T {
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Carried;

    fn job(at: u64) -> JobMessage {
        JobMessage {
            at: Some(at),
            ..JobMessage::parse(br#"{"runId":"r","blueprintId":"b","nodeId":"n"}"#).unwrap()
        }
    }

    #[test]
    fn a_tick_hears_of_the_youngest_message_delivered_since_the_last_one() {
        let traffic = Traffic::default();
        traffic.delivered("q", &job(5_000), false);
        traffic.delivered("q", &job(4_000), false);
        assert_eq!((traffic.tick("q"), traffic.tick("q")), (Some(5_000), None));
    }

    #[test]
    fn a_message_that_may_have_left_the_queue_before_the_tick_proves_nothing() {
        let traffic = Traffic::default();
        traffic.tick("q");
        traffic.delivered("q", &job(5_000), false);
        assert_eq!(traffic.tick("q"), None);
    }

    #[test]
    fn who_only_looks_takes_nothing_from_the_tick() {
        let traffic = Traffic::default();
        traffic.delivered("q", &job(5_000), false);
        assert_eq!((traffic.youngest("q"), traffic.youngest("p")), (Some(5_000), None));
        assert_eq!((traffic.tick("q"), traffic.youngest("q")), (Some(5_000), None));
    }

    #[test]
    fn a_redelivered_or_delayed_message_proves_nothing() {
        let traffic = Traffic::default();
        traffic.delivered("q", &job(5_000), true);
        traffic.delivered("q", &JobMessage { repeated: true, ..job(5_000) }, false);
        traffic.delivered("q", &JobMessage { not_before: Some(1), ..job(5_000) }, false);
        assert_eq!(traffic.tick("q"), None);
    }

    #[test]
    fn a_message_that_overtakes_others_proves_nothing() {
        let traffic = Traffic::default();
        let of_priority = |priority| {
            let carried = Carried { priority: Some(priority), ..Carried::default() };
            JobMessage { carried: Some(carried.into()), ..job(5_000) }
        };
        traffic.delivered("q", &of_priority(1), false);
        assert_eq!(traffic.tick("q"), None);
        let traffic = Traffic::default();
        traffic.delivered("q", &of_priority(0), false);
        assert_eq!(traffic.tick("q"), Some(5_000));
        let traffic = Traffic::default();
        traffic.delivered("q", &of_priority(URGENT), false);
        traffic.delivered("q", &of_priority(0), false);
        assert_eq!(traffic.tick("q"), None, "a quorum queue may have let it pass");
    }

    #[test]
    fn what_passes_through_one_queue_proves_nothing_about_another() {
        let traffic = Traffic::default();
        traffic.delivered("q", &job(5_000), false);
        assert_eq!((traffic.tick("p"), traffic.tick("q")), (None, Some(5_000)));
    }

    #[test]
    fn version_1_is_met_by_a_message() {
        let traffic = Traffic::default();
        assert_eq!(traffic.since_version_1(), None);
        traffic.met_version_1();
        assert!(traffic.since_version_1().is_some());
    }
}
