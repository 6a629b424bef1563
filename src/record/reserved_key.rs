//! What the engine itself keeps of a run, under one key of its document.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::carried::Carried;
#[cfg(doc)]
use super::keys::RESERVED_KEY;
use super::untold::{Milestones, Untold};
use super::values::{Values, blueprint_named_in};
use crate::ids::NodeId;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{Ledger, Numbered, Onward, RunStatus};

/// The value of [`RESERVED_KEY`]: everything the engine itself keeps of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedKey {
    /// The run's ledger.
    pub ledger: Ledger,
    /// The blueprint it follows. The context's `blueprintId` and `blueprintVersion` may be the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blueprint: Option<Arc<FollowedBlueprint>>,
    /// The queue of its jobs: recovery of that queue finds the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Arc<str>>,
    /// Other queues in which jobs of it may wait: its client's, or those of an earlier deployment.
    #[serde(default, rename = "queues", skip_serializing_if = "Vec::is_empty")]
    pub other_queues: Vec<Arc<str>>,
    /// The run has ended, and the adapter has yet to publish its result.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpublished: bool,
    /// Who started it, where a client of ours did. Version 2.0.0 drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Arc<ClientStart>>,
    /// What goes along with its jobs where no message of it is at hand. Version 2.0.0 drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Arc<Carried>>,
    /// What nobody has told yet of the run. Version 2.0.0 drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<Arc<Untold>>,
}

/// How a run was started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientStart {
    /// The call that started it: where its answer was lost, the client finds out whether this run is its own.
    pub mark: String,
    /// When, by the database's clock as far as the client had heard of it: milliseconds since 1970.
    pub at: u64,
    /// What the run is found by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The node that waits for it, where a run started it as its child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// When it fails if it is not over by then: milliseconds since 1970, by the database's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
    /// How many of its nodes are executed at a time; none for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

/// A node that waits for the end of a run that it has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parent {
    /// Its run.
    #[serde(rename = "runId")]
    pub run: String,
    /// The node, by its place in the run.
    #[serde(rename = "nodeId")]
    pub node: NodeId,
    /// Its round.
    pub round: u32,
    /// The event that it waits for.
    pub event: String,
}

/// The blueprint a run follows, since a message first named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedBlueprint {
    /// Its id.
    pub id: Arc<str>,
    /// The version it had then; JSON `null` for none.
    #[serde(default)]
    pub version: Value,
}

impl FollowedBlueprint {
    /// Following this blueprint.
    pub fn new(blueprint: &Blueprint) -> Arc<Self> {
        Arc::new(Self { id: blueprint.id.as_str().into(), version: blueprint.version.clone() })
    }
}

impl ReservedKey {
    /// Jobs of it go through this queue from now on. Those that were published before may wait in the other.
    pub fn go_through(&mut self, queue: &str) {
        if self.queue.as_deref() == Some(queue) {
            return;
        }
        if let Some(other) = self.queue.replace(queue.into()) {
            self.may_wait_in(&other);
        }
        self.other_queues.retain(|other| **other != *queue);
    }

    /// Jobs of it may wait in this queue too.
    pub fn may_wait_in(&mut self, queue: &str) {
        let is_known = |known: &Arc<str>| **known == *queue;
        if !self.queue.as_ref().is_some_and(is_known) && !self.other_queues.iter().any(is_known) {
            self.other_queues.push(queue.into());
        }
    }

    /// Notes that the run goes on, for whoever tells it.
    pub fn note(&mut self, onward: &[Onward]) {
        if !onward.is_empty() {
            let noted = self.untold.take().unwrap_or_default();
            self.untold = Some(Arc::new(noted.noting(onward, &self.ledger)));
        }
    }

    /// All that there is to tell of the run as it stands: what was noted, and how it rests. The notes are taken away.
    pub fn milestones(&mut self) -> Milestones {
        let noted = self.untold.take();
        let mut all: Vec<Numbered> = noted.iter().flat_map(|noted| noted.milestones()).collect();
        all.extend(self.ledger.rest());
        let blueprint = self.blueprint.as_ref().map(|follows| follows.id.to_string());
        Milestones { blueprint: blueprint.unwrap_or_default(), all }
    }

    /// The node that waits for the run's end, if one does.
    pub fn parent(&self) -> Option<&Parent> {
        self.start.as_ref()?.parent.as_ref()
    }

    /// When it fails if it is not over by then; none where it has all the time.
    pub fn deadline(&self) -> Option<u64> {
        self.start.as_ref()?.deadline.filter(|_| !self.ledger.status.is_end())
    }

    /// How many of its nodes are executed at a time; none for any number.
    pub fn concurrency(&self) -> Option<u32> {
        self.start.as_ref()?.concurrency
    }

    /// Whether its time is over, and it is not.
    pub fn is_late(&self, now: u64) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// From now on it has all the time: whoever tries it again wants its end.
    pub fn forget_deadline(&mut self) {
        if self.start.as_ref().is_some_and(|start| start.deadline.is_some()) {
            self.start =
                self.start.take().map(|start| Arc::new(ClientStart { deadline: None, ..(*start).clone() }));
        }
    }

    /// Whether the status row says that the run has paused or ended.
    pub fn shows_rest(&self) -> bool {
        self.ledger.status != RunStatus::Running && !self.unpublished
    }

    /// The id of the blueprint that the run follows; none if no message has named one. `values` are its other keys.
    pub fn follows(&self, values: &Values) -> Option<Arc<str>> {
        match &self.blueprint {
            Some(follows) => Some(follows.id.clone()),
            // Version 2.0.0 keeps it in the context alone.
            None if !self.ledger.is_unbegun() => blueprint_named_in(values),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queues_that_jobs_may_wait_in_are_known_each_once() {
        let mut reserved = ReservedKey::default();
        let queues = |reserved: &ReservedKey| {
            let other: Vec<String> = reserved.other_queues.iter().map(ToString::to_string).collect();
            (reserved.queue.as_deref().unwrap_or_default().to_owned(), other.join(" "))
        };
        for (queue, also, expected) in [
            ("a", "a", ("a", "")),
            ("a", "c", ("a", "c")),
            ("b", "b", ("b", "c a")),
            ("b", "a", ("b", "c a")),
            ("c", "b", ("c", "a b")),
        ] {
            reserved.go_through(queue);
            reserved.may_wait_in(also);
            assert_eq!(queues(&reserved), (expected.0.to_owned(), expected.1.to_owned()), "{queue} {also}");
        }
    }
}
