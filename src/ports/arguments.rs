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

/// How the queues of an adapter are declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueStyle {
    /// Their type; none if the broker chooses it.
    #[serde(default)]
    pub queue_type: Option<QueueType>,
    /// The greatest priority that queues of jobs tell apart; none where they know none.
    #[serde(default)]
    pub max_priority: Option<u8>,
}

impl From<Option<QueueType>> for QueueStyle {
    fn from(queue_type: Option<QueueType>) -> Self {
        Self { queue_type, max_priority: None }
    }
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
pub fn of_queue(QueueStyle { queue_type, max_priority }: QueueStyle) -> Arguments {
    let priorities = max_priority.map(|most| ("x-max-priority", Argument::Number(most.into())));
    match queue_type {
        None if max_priority.is_none() => Vec::new(),
        // Where the broker would choose another type, that one knows no priorities.
        None | Some(QueueType::Classic) => {
            std::iter::once(text("x-queue-type", "classic")).chain(priorities).collect()
        }
        // It has two of its own: 0 to 4, and those above.
        // With a limit, a requeued message keeps its place in the queue; without one it goes to the end.
        Some(QueueType::Quorum) => {
            vec![text("x-queue-type", "quorum"), ("x-delivery-limit", Argument::Number(DELIVERY_LIMIT))]
        }
    }
}

/// The arguments of a delay queue, whose messages go to `target` when they expire.
pub fn of_delay(
    QueueStyle { queue_type, max_priority }: QueueStyle,
    target: &str,
    delay: Duration,
) -> Arguments {
    let milliseconds = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    let mut arguments = vec![
        ("x-message-ttl", Argument::Number(milliseconds)),
        text("x-dead-letter-exchange", ""),
        text("x-dead-letter-routing-key", target),
    ];
    match queue_type {
        None if max_priority.is_none() => {}
        None | Some(QueueType::Classic) => arguments.push(text("x-queue-type", "classic")),
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
        assert!(of_queue(None.into()).is_empty());
        assert_eq!(of_delay(None.into(), "jobs", Duration::from_millis(100)).len(), 3);
    }

    #[test]
    fn only_queues_of_jobs_tell_priorities_apart_and_those_are_classic() {
        let style = |queue_type| QueueStyle { queue_type, max_priority: Some(9) };
        let (classic, most) = (text("x-queue-type", "classic"), ("x-max-priority", Argument::Number(9)));
        for queue_type in [None, Some(QueueType::Classic)] {
            assert_eq!(of_queue(style(queue_type)), [classic.clone(), most.clone()]);
            let delay = of_delay(style(queue_type), "jobs", Duration::from_millis(100));
            assert!(delay.contains(&classic) && !delay.contains(&most));
        }
        assert!(!of_queue(style(Some(QueueType::Quorum))).contains(&most));
    }

    #[test]
    fn a_quorum_queue_drops_nothing_that_was_handed_back() {
        assert!(
            of_queue(Some(QueueType::Quorum).into())
                .contains(&("x-delivery-limit", Argument::Number(i64::from(i32::MAX))))
        );
    }
}
