//! The words the stories are told in.
//!
//! A story names a graph in one line and then says what happens, in order. Every step is also held to what
//! is true of any step: an event that counts answers one job, and `due()` is what was handed out and not yet
//! answered; one that is refused changes not a byte; the ledger survives being stored.

use std::collections::BTreeSet;

use crate::json::Json;

use super::super::{
    DueJob, DynamicNode, Event, Ledger, NodeError, Pause, Refusal, Resume, RunStatus, Standing, Transition,
};
use crate::workflow::blueprint::{Blueprint, Description};
pub use crate::workflow::notation::{graph, matched, taken_edge};

pub fn raw(json: &str) -> Json {
    Json::parse(json.into()).unwrap()
}

pub fn due(node: &str, round: u32) -> DueJob {
    DueJob { node: node.into(), round, attempt: 1, ..DueJob::default() }
}

pub fn stored(ledger: &Ledger) -> String {
    serde_json::to_string(ledger).unwrap()
}

/// What a node that finishes did: which edges it takes, what it adds to the run.
#[derive(Default)]
pub struct Result<'a> {
    pub action: Option<&'a str>,
    /// Exactly these edges, rather than those core would match.
    pub only: Option<&'a [&'a str]>,
    pub adds: &'a [&'a str],
    pub gather: Option<&'a str>,
}

pub struct Story {
    pub graph: Description,
    pub blueprint: Blueprint,
    pub ledger: Ledger,
    /// What the last event that counted led to.
    pub last: Transition,
    /// Every job that was ever handed out and not answered yet.
    in_flight: BTreeSet<DueJob>,
}

impl Story {
    /// A run of this graph that has just begun.
    pub fn of(text: &str) -> Self {
        Self::of_description(graph(text))
    }

    /// The same, with start nodes core would choose by other rules (the entry of a cycle).
    pub fn starting_at(starts: &[&str], text: &str) -> Self {
        let mut graph = graph(text);
        graph.starts = starts.iter().map(|&id| id.into()).collect();
        Self::of_description(graph)
    }

    pub fn of_description(graph: Description) -> Self {
        let blueprint = Blueprint::new(graph.clone());
        let ledger = Ledger::begin(&blueprint);
        let in_flight = ledger.due().into_iter().collect();
        Self { graph, blueprint, ledger, last: Transition::default(), in_flight }
    }

    // --- what happens ---

    #[track_caller]
    pub fn finishes(self, id: &str) -> Self {
        self.finishes_with(id, Result::default())
    }

    /// It decides on an action.
    #[track_caller]
    pub fn decides(self, id: &str, action: &str) -> Self {
        self.finishes_with(id, Result { action: Some(action), ..Result::default() })
    }

    /// It takes exactly its edges to these nodes, whatever their conditions.
    #[track_caller]
    pub fn takes(self, id: &str, only: &[&str]) -> Self {
        self.finishes_with(id, Result { only: Some(only), ..Result::default() })
    }

    #[track_caller]
    pub fn adds(self, id: &str, adds: &[&str], gather: &str) -> Self {
        self.finishes_with(id, Result { adds, gather: Some(gather), ..Result::default() })
    }

    #[track_caller]
    pub fn finishes_with(self, id: &str, result: Result<'_>) -> Self {
        let round = self.round(id);
        let event = self.finished(id, round, result);
        self.counts(event)
    }

    #[track_caller]
    pub fn fails(self, id: &str) -> Self {
        let event = self.failed(id, true);
        self.counts(event)
    }

    /// No fallback may take over.
    #[track_caller]
    pub fn fails_fatally(self, id: &str) -> Self {
        let event = self.failed(id, false);
        self.counts(event)
    }

    #[track_caller]
    pub fn pauses(self, id: &str) -> Self {
        let event = self.paused(id);
        self.counts(event)
    }

    #[track_caller]
    pub fn resumes(self, id: &str) -> Self {
        self.counts(Event::Resumed { node: id.into(), with: Resume::default() })
    }

    /// Another blueprint takes the place of the graph.
    pub fn deploys(self, text: &str) -> Self {
        let graph = graph(text);
        Self { blueprint: Blueprint::new(graph.clone()), graph, ..self }
    }

    #[track_caller]
    pub fn abandons(self, reason: &str) -> Self {
        let error = NodeError { node: "somewhere".into(), message: reason.into() };
        self.counts(Event::Abandoned { error })
    }

    /// Outputs that another worker wrote are found in the row.
    #[track_caller]
    pub fn finds_outputs(mut self, of: &[&str]) -> Self {
        let due = self.ledger.adopt(&self.blueprint, of.iter().copied());
        // A job whose node is among the outputs was answered, unless the ledger knew the output already.
        let still: BTreeSet<DueJob> = self.ledger.due().into_iter().collect();
        self.in_flight.retain(|due| still.contains(due) || !of.contains(&due.node.as_str()));
        self.in_flight.extend(due.iter().cloned());
        self.last = Transition { due, ..Transition::default() };
        self.holds_together();
        self
    }

    /// A message of another worker names a node.
    #[track_caller]
    pub fn calls(mut self, id: &str, round: Option<u32>) -> Self {
        assert_eq!(
            self.ledger.call(&self.blueprint, id),
            round,
            "a call for '{id}' in {}",
            stored(&self.ledger)
        );
        self.in_flight.extend(round.map(|round| due(id, round)));
        self.holds_together();
        self
    }

    // --- what is promised ---

    /// These jobs, and no others, follow from what just happened.
    #[track_caller]
    pub fn makes_due(self, expected: &[&str]) -> Self {
        let due: BTreeSet<&str> = self.last.due.iter().map(|due| due.node.as_str()).collect();
        assert_eq!(due, expected.iter().copied().collect(), "due by this event; {}", stored(&self.ledger));
        self
    }

    /// These jobs, and no others, are in flight.
    #[track_caller]
    pub fn has_due(self, expected: &[&str]) -> Self {
        let due: Vec<_> = self.ledger.due().into_iter().map(|due| due.node).collect();
        assert_eq!(due, expected, "in flight; {}", stored(&self.ledger));
        self
    }

    #[track_caller]
    pub fn has_due_in_round(self, id: &str, round: u32) -> Self {
        assert_eq!(self.ledger.standing(id, None), Standing::Due(round), "{}", stored(&self.ledger));
        self
    }

    #[track_caller]
    pub fn is(self, status: RunStatus) -> Self {
        assert_eq!(self.ledger.status, status, "{}", stored(&self.ledger));
        self
    }

    /// The run is over, and this is why.
    #[track_caller]
    pub fn failed_because(self, reason: &str) -> Self {
        let story = self.is(RunStatus::Failed);
        assert_eq!(story.ledger.reason(), reason);
        story
    }

    #[track_caller]
    pub fn stands(self, id: &str, round: Option<u32>, expected: Standing) -> Self {
        assert_eq!(self.ledger.standing(id, round), expected, "'{id}' {round:?}; {}", stored(&self.ledger));
        self
    }

    /// The event changes nothing, down to the last byte.
    #[track_caller]
    pub fn refuses(mut self, event: Event, refusal: Refusal) -> Self {
        let before = stored(&self.ledger);
        assert_eq!(self.ledger.apply(&self.blueprint, event.clone()), Err(refusal), "{event:?}");
        assert_eq!(stored(&self.ledger), before, "a refused event left a trace");
        self
    }

    // --- events, to be told twice or late ---

    pub fn finished(&self, id: &str, round: u32, result: Result<'_>) -> Event {
        let taken = match result.only {
            Some(only) => only.iter().map(|target| taken_edge(id, target)).collect(),
            None => matched(&self.graph, id, result.action),
        };
        let added = result.adds.iter().map(|&id| DynamicNode {
            id: id.into(),
            definition: raw(&format!(r#"{{"id":"{id}"}}"#)),
            gather: result.gather.map(Into::into),
        });
        Event::Finished {
            node: id.into(),
            round,
            action: result.action.map(Into::into),
            taken,
            added: added.collect(),
            again: None,
        }
    }

    pub fn failed(&self, id: &str, recoverable: bool) -> Event {
        Event::Failed {
            node: id.into(),
            round: self.round(id),
            why: format!("{id} is broken").into(),
            recoverable,
        }
    }

    pub fn paused(&self, id: &str) -> Event {
        let pause = Pause { details: Some(raw(r#"{"reason":"a person"}"#)), ..Pause::default() };
        Event::Paused { node: id.into(), round: self.round(id), pause }
    }

    /// The round a node is in.
    pub fn round(&self, id: &str) -> u32 {
        self.ledger.nodes.get(id).map_or(0, |entry| entry.round)
    }

    /// Applies an event that must count.
    #[track_caller]
    pub fn counts(mut self, event: Event) -> Self {
        let answered = match &event {
            Event::Finished { node, round, .. }
            | Event::Failed { node, round, .. }
            | Event::Paused { node, round, .. } => Some(due(node, *round)),
            _ => None,
        };
        let before = self.ledger.clone();
        let applied = self.ledger.apply(&self.blueprint, event.clone());
        grows_by_what_changed(&before, &self.ledger);
        self.last = match applied {
            Ok(transition) => transition,
            Err(refusal) => panic!("{refusal:?}: {event:?} in {}", stored(&self.ledger)),
        };
        if let Some(answered) = answered {
            assert!(self.in_flight.remove(&answered), "{answered:?} was never handed out");
        }
        self.in_flight.extend(self.last.due.iter().cloned());
        self.holds_together();
        self
    }

    #[track_caller]
    fn holds_together(&self) {
        let text = stored(&self.ledger);
        let read: Ledger = serde_json::from_str(&text).unwrap();
        assert_eq!(stored(&read), text, "the ledger is another one once stored");
        if !self.ledger.status.is_end() {
            let due: BTreeSet<DueJob> = self.ledger.due().into_iter().collect();
            assert_eq!(
                due, self.in_flight,
                "what is due is not what was handed out and not answered; {text}"
            );
        }
    }
}

/// What changed, written down and read again, makes the later ledger out of the earlier one.
#[track_caller]
pub fn grows_by_what_changed(before: &Ledger, after: &Ledger) {
    let delta = serde_json::to_string(&after.since(before)).unwrap();
    let mut grown = before.clone();
    grown.grow(serde_json::from_str(&delta).unwrap());
    assert_eq!(stored(&grown), stored(after), "{delta}");
}
