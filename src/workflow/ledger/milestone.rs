//! What is told of a run as a whole: that it goes on, and that it rests. Each such milestone has a number, which grows with the
//! run: two pauses have two numbers, and whoever tells of one again finds the same number.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::{NodeEntry, NodeState};
use super::state::{Ledger, NodeError};
use super::status::RunStatus;
use crate::ids::NodeId;
use crate::workflow::path::{Inside, instance_of};

/// That a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Onward {
    /// It begins.
    Start,
    /// Something of it is in flight: also said when it begins, as core does.
    Resume,
}

/// One thing that is told of a run as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Milestone {
    /// It goes on.
    Onward(Onward),
    /// It cannot go on: so many of its nodes are left.
    Stall {
        /// The nodes that were in flight.
        remaining: usize,
    },
    /// Nothing of it is in flight, and something may go on.
    Pause,
    /// It is over.
    Finish {
        /// How it ended.
        status: RunStatus,
        /// Every failure.
        errors: Vec<NodeError>,
    },
}

/// A milestone and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// What it is.
    pub milestone: Milestone,
    /// Its number.
    pub number: u64,
}

impl Ledger {
    /// How far the run has come: the rounds of all nodes. It grows whenever a node becomes due, and is never less.
    pub fn progress(&self) -> u64 {
        self.nodes.values().map(|entry| u64::from(entry.round)).sum()
    }

    /// That the run went on, where it did not before: it may have begun and ended at once.
    pub fn goes_on_since(&self, before: &Self) -> &'static [Onward] {
        match before.status {
            RunStatus::Running if before.is_unbegun() && !self.is_unbegun() => {
                &[Onward::Start, Onward::Resume]
            }
            RunStatus::Running => &[],
            _ if self.status == RunStatus::Running => &[Onward::Resume],
            _ => &[],
        }
    }

    /// What is told of the run now that it rests, in order; nothing while something of it is in flight.
    pub fn rest(&self) -> Vec<Numbered> {
        let finish = |errors| Milestone::Finish { status: self.status, errors };
        let remaining = self.nodes.values().filter(|entry| lives(entry)).count();
        let milestones = match self.status {
            RunStatus::Running => Vec::new(),
            RunStatus::Awaiting => vec![Milestone::Pause],
            // As core tells of what cannot go on.
            RunStatus::Failed if remaining > 0 || self.nodes.is_empty() => {
                self.stopping(Some(Milestone::Stall { remaining }), finish(self.errors.clone()))
            }
            RunStatus::Completed | RunStatus::Failed => vec![finish(self.errors.clone())],
            RunStatus::Cancelled => {
                let error = NodeError { node: NodeId::default(), message: self.reason() };
                self.stopping(None, finish(vec![error]))
            }
        };
        let number = self.progress();
        milestones.into_iter().map(|milestone| Numbered { milestone, number }).collect()
    }

    /// The end of a run that was stopped: it pauses first, if it had not.
    fn stopping(&self, stall: Option<Milestone>, finish: Milestone) -> Vec<Milestone> {
        let is_due = |entry: &Arc<NodeEntry>| entry.state == NodeState::Due;
        let was_going_on = self.nodes.is_empty() || self.nodes.values().any(is_due);
        let pause = was_going_on.then_some(Milestone::Pause);
        stall.into_iter().chain(pause).chain([finish]).collect()
    }

    /// Whether nothing but this node is in flight or awaits; the subflows that it stands in do not count.
    pub fn is_only_one(&self, node: &str) -> bool {
        let holds = |id: &NodeId| {
            node.starts_with(&*instance_of(id))
                || Inside::of(id).is_some_and(|inside| inside.is_instance() && node.starts_with(id.as_str()))
        };
        self.nodes.iter().all(|(id, entry)| id.as_str() == node || !lives(entry) || holds(id))
    }
}

fn lives(entry: &NodeEntry) -> bool {
    matches!(entry.state, NodeState::Due | NodeState::Awaiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::blueprint::Blueprint;
    use crate::workflow::ledger::tests::support::graph;
    use crate::workflow::ledger::{Event, Pause, Resume};

    fn begun(edges: &str) -> (Blueprint, Ledger) {
        let blueprint = Blueprint::new(graph(edges));
        let ledger = Ledger::begin(&blueprint);
        (blueprint, ledger)
    }

    fn paused(node: &str, round: u32) -> Event {
        Event::Paused { node: node.into(), round, pause: Pause::default() }
    }

    fn resumed(node: &str) -> Event {
        Event::Resumed { node: node.into(), with: Resume::default() }
    }

    fn failed(node: &str, round: u32) -> Event {
        Event::Failed { node: node.into(), round, why: "no".into(), recoverable: false }
    }

    fn words(ledger: &Ledger) -> Vec<String> {
        ledger.rest().into_iter().map(|each| format!("{:?}", each.milestone)).collect()
    }

    #[test]
    fn a_run_goes_on_when_it_begins_and_when_the_first_of_what_awaits_is_resumed() {
        let (blueprint, mut ledger) = begun("a -> c, b -> c");
        assert_eq!(ledger.goes_on_since(&Ledger::default()), [Onward::Start, Onward::Resume]);
        for node in ["a", "b"] {
            ledger.apply(&blueprint, paused(node, 1)).unwrap();
        }
        let resting = ledger.clone();
        ledger.apply(&blueprint, resumed("a")).unwrap();
        assert_eq!(ledger.goes_on_since(&resting), [Onward::Resume]);
        let one = ledger.clone();
        ledger.apply(&blueprint, resumed("b")).unwrap();
        assert_eq!(ledger.goes_on_since(&one), []);
    }

    #[test]
    fn two_pauses_have_two_numbers_and_a_repetition_has_the_same() {
        let (blueprint, mut ledger) = begun("a -> b");
        let mut numbers = Vec::new();
        for round in 1..=3 {
            ledger.apply(&blueprint, paused("a", round)).unwrap();
            assert_eq!(ledger.rest(), ledger.clone().rest());
            numbers.push(ledger.rest()[0].number);
            ledger.apply(&blueprint, resumed("a")).unwrap();
        }
        assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
    }

    #[test]
    fn the_rest_of_a_run_says_how_it_came_to_it() {
        let (blueprint, running) = begun("a -> b");
        let after = |event: Event| {
            let mut ledger = running.clone();
            ledger.apply(&blueprint, event).unwrap();
            words(&ledger)
        };
        let error = |node: &str, message: &str| NodeError { node: node.into(), message: message.into() };
        let finish = |status, error| format!("{:?}", Milestone::Finish { status, errors: vec![error] });
        assert_eq!(words(&running), Vec::<String>::new());
        assert_eq!(after(paused("a", 1)), ["Pause"]);
        assert_eq!(after(failed("a", 1)), [finish(RunStatus::Failed, error("a", "no"))]);
        assert_eq!(
            after(Event::Cancelled { reason: "enough".into() }),
            ["Pause".to_owned(), finish(RunStatus::Cancelled, error("", "enough"))]
        );
        assert_eq!(
            after(Event::Abandoned { error: error("a", "lost") }),
            [
                "Stall { remaining: 1 }".to_owned(),
                "Pause".to_owned(),
                finish(RunStatus::Failed, error("a", "lost"))
            ]
        );
    }

    #[test]
    fn a_run_that_is_stopped_while_it_pauses_does_not_pause_again() {
        let (blueprint, mut ledger) = begun("a -> b");
        ledger.apply(&blueprint, paused("a", 1)).unwrap();
        ledger.apply(&blueprint, Event::Cancelled { reason: "enough".into() }).unwrap();
        assert!(matches!(&ledger.rest()[..], [Numbered { milestone: Milestone::Finish { .. }, .. }]));
    }

    #[test]
    fn what_a_node_stands_in_goes_on_with_it() {
        let mut ledger = Ledger::default();
        let entry = |state| Arc::new(NodeEntry { state, round: 1, ..NodeEntry::default() });
        ledger.nodes.insert("s".into(), entry(NodeState::Awaiting));
        ledger.nodes.insert("_flowcraft/s/".into(), entry(NodeState::Awaiting));
        ledger.nodes.insert("_flowcraft/s/a".into(), entry(NodeState::Due));
        ledger.nodes.insert("z".into(), entry(NodeState::Done));
        assert!(ledger.is_only_one("_flowcraft/s/a"));
        assert!(!ledger.is_only_one("z"));
        ledger.nodes.insert("w".into(), entry(NodeState::Awaiting));
        assert!(!ledger.is_only_one("_flowcraft/s/a"));
    }
}
