//! Nodes that wait for a person, an event or a moment, and how they resume.
//!
//! A paused node that is resumed becomes due again, in a new round, with what it was resumed with. A worker then
//! decides its edges. A second resume, or the timer of a pause that is over, finds that round done.

use super::due::DueJob;
use super::entry::{NodeEntry, NodeState, Resume};
use super::event::{Pause, Refusal, Transition};
use super::state::{KeptEvent, Ledger};
use crate::ids::NodeId;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::path::{self, Inside};

/// So many keys of events are kept.
const KEYS_KEPT: usize = 1_000;

/// How the name begins of the event that the end of a child run is: `lib/client/children.ts`.
const CHILD_EVENT: &str = "flowcraft.child:";

impl Ledger {
    pub(super) fn pause(
        &mut self,
        node: &NodeId,
        round: u32,
        pause: Pause,
        transition: &mut Transition,
    ) -> Result<(), Refusal> {
        let entry = self.count(node, round, NodeState::Awaiting)?;
        entry.details = pause.details;
        entry.event.clone_from(&pause.event);
        entry.not_before = pause.until;
        // The worker publishes its timer like a job. The row keeps the moment in case the message is lost.
        entry.by = Some(node.clone());
        if entry.not_before.is_some() {
            transition.due.push(DueJob::of(node, entry));
        }
        // The event may have happened before the node waited for it.
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
        transition.due.push(DueJob::of(node, entry));
        Ok(())
    }

    /// Resumes every node that waits for the event. If none does, the ledger keeps the event for the first that will.
    /// It keeps an event meant for a single node only once, and not if whoever was to wait for it is past its wait.
    pub(super) fn happen(
        &mut self,
        blueprint: &Blueprint,
        event: KeptEvent,
        node: Option<&NodeId>,
        transition: &mut Transition,
    ) {
        let waiting: Vec<NodeId> = self
            .awaiting()
            .filter(|(_, entry)| entry.event.as_ref() == Some(&event.name))
            .map(|(id, _)| id.clone())
            .collect();
        if waiting.is_empty() {
            let repeated = || self.events.iter().any(|kept| kept.name == event.name);
            if node.is_some_and(|node| self.nobody_will_wait(blueprint, &event.name, node) || repeated()) {
                return;
            }
            self.events.push(event);
            return;
        }
        for node in waiting {
            let with = Resume { action: None, output: event.payload.clone() };
            // Never refused: the loop above just found each of them awaiting.
            let _ = self.resume(&node, with, transition);
        }
    }

    /// Nodes that wait for a child are due once more, in their round: the child may have ended while nobody could be told. They find
    /// the child that is there.
    pub(super) fn reopen_waits_for_children(&mut self) {
        let is_for_child = |entry: &NodeEntry| {
            let event = entry.event.as_deref();
            entry.state == NodeState::Awaiting && event.is_some_and(|event| event.starts_with(CHILD_EVENT))
        };
        let waiting = self.nodes.iter().filter(|(_, entry)| is_for_child(entry));
        for id in waiting.map(|(id, _)| id.clone()).collect::<Vec<NodeId>>() {
            let Some(entry) = self.entry_mut(&id) else { continue };
            entry.state = NodeState::Due;
            entry.by = Some(id.clone());
            (entry.details, entry.event, entry.not_before) = (None, None, None);
        }
    }

    /// Hears of an event by its key; whether it is the first time. Of very many the oldest are forgotten.
    pub fn hears(&mut self, key: &str) -> bool {
        if self.heard.iter().any(|heard| heard == key) {
            return false;
        }
        let too_many = (self.heard.len() + 1).saturating_sub(KEYS_KEPT);
        self.heard.drain(..too_many);
        self.heard.push(key.to_owned());
        true
    }

    /// Whether all are past their wait that wait for an event of this node: the nodes of the blueprint that name it, else
    /// the node itself. Without the blueprint nobody knows.
    fn nobody_will_wait(&self, blueprint: &Blueprint, event: &str, node: &NodeId) -> bool {
        let past = |id: &NodeId| {
            self.entry(id).is_some_and(|entry| {
                matches!(entry.state, NodeState::Done | NodeState::Failed) || entry.resumed.is_some()
            })
        };
        // Inside a subflow the event is named by the path of its node, and the blueprint is that of the subflow.
        let inside = Inside::of(node);
        let own = inside.as_ref().and_then(|inside| {
            event.strip_suffix(path::shown(node)).map(|kind| format!("{kind}{}", inside.node))
        });
        let full = |id: &NodeId| match &inside {
            Some(inside) => path::inside(&inside.container, id),
            None => id.clone(),
        };
        let mut named = blueprint.waiting_for(own.as_deref().unwrap_or(event)).map(full).peekable();
        match named.peek() {
            Some(_) => named.all(|id| past(&id)),
            None => !blueprint.is_unknown() && past(node),
        }
    }
}
