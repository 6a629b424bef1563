//! What queues are declared with, by their type and by what they are for. A queue that exists is taken as it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The type of the queues that are declared here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueType {
    /// On one node of the broker.
    Classic,
    /// Replicated among its nodes, by Raft.
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

/// How often a quorum queue delivers a message before it drops it. From RabbitMQ 4 on it does so after 20 times unless
/// it is told otherwise; but a job that is handed back, by a worker that stops, has done nothing wrong, and a dead
/// letter is delivered to everybody who looks at it. There is no number for "never" that every version takes.
const DELIVERY_LIMIT: i64 = i32::MAX as i64;

/// Of a queue of jobs or dead letters; none where the type is left to the broker.
pub fn of_queue(queue_type: Option<QueueType>) -> Arguments {
    match queue_type {
        None => Vec::new(),
        Some(QueueType::Classic) => vec![text("x-queue-type", "classic")],
        // With a limit, what is handed back keeps its place in the queue; without one it goes to the end of it.
        Some(QueueType::Quorum) => {
            vec![text("x-queue-type", "quorum"), ("x-delivery-limit", Argument::Number(DELIVERY_LIMIT))]
        }
    }
}

/// Of a queue whose messages go on to `target` when their time is up.
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
        // A message leaves when the target has confirmed it: a timer is no less safe on its way than in its queue.
        // The broker demands that such a queue refuses rather than drops what does not fit into it.
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
