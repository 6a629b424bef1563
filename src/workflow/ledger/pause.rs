//! Nodes that wait: for a person, an event, a moment, and how they go on.
//!
//! A paused node that goes on becomes due again, in a round of its own, with what it was resumed with. A worker
//! then decides its edges. A second resume, or a timer of a pause that is over, finds that round settled.

use super::{Due, KeptEvent, Ledger, NodeState, Pause, Refusal, Resume, Transition};
use crate::ids::NodeId;
use crate::json::Json;

impl Ledger {
    pub(super) fn pause(
        &mut self,
        node: &NodeId,
        round: u32,
        pause: Pause,
        transition: &mut Transition,
    ) -> Result<(), Refusal> {
        let entry = self.settle(node, round, NodeState::Awaiting)?;
        entry.details = pause.details;
        entry.event.clone_from(&pause.event);
        entry.not_before = pause.until;
        // Its timer is published like a job: the row says until when, should the message be lost.
        entry.by = Some(node.clone());
        if entry.not_before.is_some() {
            transition.due.push(Due::of(node, entry));
        }
        // What it waits for may have happened before it came to wait.
        let kept = self.events.iter().position(|kept| pause.event.as_ref() == Some(&kept.name));
        if let Some(index) = kept {
            let KeptEvent { payload, .. } = self.events.remove(index);
            transition.due.clear();
            self.resume(node, Resume { action: None, output: payload }, transition)?;
        }
        Ok(())
    }

    pub(super) fn resume(
        &mut self,
        node: &NodeId,
        with: Resume,
        transition: &mut Transition,
    ) -> Result<(), Refusal> {
        if self.entry(node).is_none_or(|entry| entry.state != NodeState::Awaiting) {
            return Err(Refusal::NotAwaiting);
        }
        let entry = self.entry_or_new(node);
        entry.round += 1;
        entry.state = NodeState::Due;
        entry.by = Some(node.clone());
        (entry.details, entry.event, entry.not_before) = (None, None, None);
        entry.resumed = Some(with);
        transition.due.push(Due::of(node, entry));
        Ok(())
    }

    /// Everybody who waits for the event goes on; while nobody does, it is kept for the first who will. One that
    /// is meant for a single node is kept once, and not when that node is past it.
    pub(super) fn happen(
        &mut self,
        name: String,
        payload: Option<Json>,
        node: Option<&NodeId>,
        transition: &mut Transition,
    ) {
        let waiting: Vec<NodeId> = self
            .awaiting()
            .filter(|(_, entry)| entry.event.as_ref() == Some(&name))
            .map(|(id, _)| id.clone())
            .collect();
        if waiting.is_empty() {
            let past = |id: &NodeId| {
                let entry = self.entry(id);
                entry.is_some_and(|entry| {
                    matches!(entry.state, NodeState::Done | NodeState::Failed) || entry.resumed.is_some()
                })
            };
            let repeated = || self.events.iter().any(|kept| kept.name == name);
            if node.is_some_and(|node| past(node) || repeated()) {
                return;
            }
            self.events.push(KeptEvent { name, payload });
            return;
        }
        for node in waiting {
            let with = Resume { action: None, output: payload.clone() };
            // Each was found waiting a moment ago, and nobody else changes the ledger meanwhile.
            let _ = self.resume(&node, with, transition);
        }
    }
}
