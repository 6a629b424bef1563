//! The arguments of queues, by their type and purpose. An existing queue keeps its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The type of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueType {
    /// On one host of the broker.
    Classic,
    /// Replicated among its hosts, by Raft.
    Quorum,
}

/// The arguments of a queue, by name.
pub type Arguments = Vec<(&'static str, Argument)>;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Argument {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// How often a quorum queue delivers a message before it drops it. From RabbitMQ 4 on the default is 20. That is too low: a
/// worker that stops requeues its jobs, and every look at a dead letter is a delivery. No number means "never" in every
/// version.
const DELIVERY_LIMIT: i64 = i32::MAX as i64;

/// The arguments of a queue of jobs or dead letters; none if the broker chooses the type.
pub fn of_queue(queue_type: Option<QueueType>) -> Arguments {
    match queue_type {
        None => Vec::new(),
        Some(QueueType::Classic) => vec![text("x-queue-type", "classic")],
        // With a limit, a requeued message keeps its place in the queue; without one it goes to the end.
        Some(QueueType::Quorum) => {
            vec![text("x-queue-type", "quorum"), ("x-delivery-limit", Argument::Number(DELIVERY_LIMIT))]
        }
    }
}

/// The arguments of a delay queue, whose messages go to `target` when they expire.
pub fn of_delay(queue_type: Option<QueueType>, target: &str, delay: Duration) -> Arguments {
    let milliseconds = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    let mut arguments = vec![
        ("x-message-ttl", Argument::Number(milliseconds)),
        text("x-dead-letter-exchange", ""),
        text("x-dead-letter-routing-key", target),
    ];
    match queue_type {
        None => {}
        Some(QueueType::Classic) => arguments.push(text("x-queue-type", "classic")),
        // A message leaves once the target has confirmed it: a timer is as safe on its way as in its queue. The broker requires
        // that such a queue rejects what does not fit instead of dropping it.
        Some(QueueType::Quorum) => arguments.extend([
            text("x-queue-type", "quorum"),
            text("x-dead-letter-strategy", "at-least-once"),
            text("x-overflow", "reject-publish"),
        ]),
    }
    arguments
}

fn text(name: &'static str, value: &str) -> (&'static str, Argument) {
    (name, Argument::Text(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_default_is_left_alone() {
        assert!(of_queue(None).is_empty());
        assert_eq!(of_delay(None, "jobs", Duration::from_millis(100)).len(), 3);
    }

    #[test]
    fn a_quorum_queue_drops_nothing_that_was_handed_back() {
        assert!(
            of_queue(Some(QueueType::Quorum))
                .contains(&("x-delivery-limit", Argument::Number(i64::from(i32::MAX))))
        );
    }
}
