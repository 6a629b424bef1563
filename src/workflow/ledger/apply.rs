//! How a ledger changes: one event at a time.

use super::due::DueJob;
use super::entry::{NodeEntry, NodeState};
use super::event::{Event, Refusal, Transition};
use super::join::{Course, Position};
use super::state::{KeptEvent, Ledger, MAX_DEPTH, NodeError};
use super::status::RunStatus;
use super::tried::Why;
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::path::shown;

impl Ledger {
    /// Applies an event, or says why the event changes nothing.
    ///
    /// # Errors
    /// A [`Refusal`]: the ledger is unchanged.
    pub fn apply(&mut self, blueprint: &Blueprint, event: Event) -> Result<Transition, Refusal> {
        if self.status.is_end() && !matches!(event, Event::TriedAgain) {
            return Err(Refusal::Ended);
        }
        let mut transition = Transition::default();
        let done = done_by(&event).cloned();
        match event {
            Event::Finished { node, round, action, taken, added, again } => {
                let resumed = self.entry(&node).is_some_and(|entry| entry.resumed.is_some());
                self.count(&node, round, NodeState::Done)?.action = action;
                let course = &mut Course { blueprint, by: &node, resumed, transition: &mut transition };
                self.add(course, added);
                self.go_on(course, &taken, again.as_ref());
            }
            Event::Failed { node, round, why, recoverable } => {
                let fallback = blueprint.fallback_of(&node).filter(|_| recoverable);
                let course = &mut Course::of(blueprint, &node, &mut transition);
                self.fail_or_replace(course, round, fallback, why)?;
            }
            Event::Retried { node, round, not_before, postponed, why } => {
                let attempt = self.entry(&node).map_or(1, NodeEntry::attempt);
                transition.due.push(self.retry(&node, round, not_before, postponed)?);
                if let (Some(entry), Some(why)) = (self.entry_mut(&node), why) {
                    match postponed {
                        true => entry.tried.add_postponed(&why, round, attempt),
                        false => entry.tried.add(&why, round, attempt),
                    }
                }
            }
            Event::Paused { node, round, pause } => self.pause(&node, round, pause, &mut transition)?,
            Event::Resumed { node, with } => self.resume(&node, with, &mut transition)?,
            Event::Happened { name, payload, node } => {
                let kept = KeptEvent { name, payload };
                self.happen(blueprint, kept, node.as_ref(), &mut transition);
            }
            Event::TriedAgain => self.try_again(&mut transition)?,
            Event::Cancelled { reason } => {
                self.cancelled = Some(reason);
                return Ok(self.end_as(RunStatus::Cancelled));
            }
            Event::Abandoned { error } => {
                self.errors.push(error);
                return Ok(self.end_as(RunStatus::Failed));
            }
        }
        if let Some(node) = done.filter(|_| self.is_stuck()) {
            self.fire_what_is_left(&mut Course::of(blueprint, &node, &mut transition));
        }
        self.update_status();
        Ok(transition)
    }

    /// Ends the run at once, whatever of it is in flight. Nothing follows.
    fn end_as(&mut self, status: RunStatus) -> Transition {
        self.status = status;
        Transition::default()
    }

    /// Counts an execution. Nothing else does. The node must be in flight in exactly this round.
    pub(super) fn count(
        &mut self,
        node: &str,
        round: u32,
        state: NodeState,
    ) -> Result<&mut NodeEntry, Refusal> {
        let entry = self.entry_mut(node).ok_or(Refusal::NotDue)?;
        let is_due = entry.state == NodeState::Due || makes(Mutant::CountsLateResults);
        let is_its_round = entry.round == round || makes(Mutant::IgnoresRounds);
        if !is_due || !is_its_round {
            return Err(Refusal::NotDue);
        }
        entry.state = state;
        entry.resumed = None;
        entry.claim = None;
        Ok(entry)
    }

    /// Makes the node due for its next attempt, in the same round.
    pub(super) fn retry(
        &mut self,
        node: &NodeId,
        round: u32,
        not_before: u64,
        postponed: bool,
    ) -> Result<DueJob, Refusal> {
        let resumed = self.entry(node).and_then(|entry| entry.resumed.clone());
        let entry = self.count(node, round, NodeState::Due)?;
        entry.resumed = resumed;
        entry.failures += 1;
        entry.by = Some(node.clone());
        entry.not_before = Some(not_before);
        entry.postponed += u32::from(postponed);
        Ok(DueJob::of(node, entry))
    }

    /// Counts a failure: the node's fallback takes its place, or the node has failed.
    fn fail_or_replace(
        &mut self,
        course: &mut Course<'_>,
        round: u32,
        fallback: Option<&NodeId>,
        why: Why,
    ) -> Result<(), Refusal> {
        match fallback {
            Some(fallback) => self.replace(course, round, (fallback, &why))?,
            None => self.fail(course.by, round, why)?,
        }
        self.come_round_again(course);
        Ok(())
    }

    fn fail(&mut self, node: &NodeId, round: u32, why: Why) -> Result<(), Refusal> {
        let entry = self.count(node, round, NodeState::Failed)?;
        let attempt = entry.attempt();
        entry.tried.add(&why, round, attempt);
        self.errors.push(NodeError { node: node.clone(), message: why.message });
        Ok(())
    }

    /// Counts a failure as done, and makes the node's fallback due in its place.
    fn replace(
        &mut self,
        course: &mut Course<'_>,
        round: u32,
        (fallback, why): (&NodeId, &Why),
    ) -> Result<(), Refusal> {
        let entry = self.count(course.by, round, NodeState::Done)?;
        entry.replaced = true;
        let attempt = entry.attempt();
        entry.tried.add(why, round, attempt);
        self.fallback_ran = true;
        course.transition.replaced = true;
        self.fall_back(course, fallback);
        Ok(())
    }

    /// Restarts a failed run from the nodes that failed. Nodes that are done stay done.
    fn try_again(&mut self, transition: &mut Transition) -> Result<(), Refusal> {
        if self.status != RunStatus::Failed {
            return Err(Refusal::NotFailed);
        }
        let errors = std::mem::take(&mut self.errors);
        self.status = RunStatus::Running;
        self.halted = None;
        let failed = self.nodes.iter().filter(|(_, entry)| entry.state == NodeState::Failed);
        for id in failed.map(|(id, _)| id.clone()).collect::<Vec<NodeId>>() {
            let Some(entry) = self.entry_mut(&id) else { continue };
            let (round, attempt) = (entry.round, entry.attempt());
            // Version 2.0.0 kept its error, and not the attempt.
            if let Some(error) =
                errors.iter().rev().find(|error| error.node == id && entry.tried.are_unknown())
            {
                entry.tried.add(&error.message.as_str().into(), round, attempt);
            }
            entry.state = NodeState::Due;
            entry.round += 1;
            entry.failures = 0;
            entry.postponed = 0;
            entry.not_before = None;
        }
        self.reopen_waits_for_children();
        // An abandoned run may have no failed node: it goes on with what was in flight.
        transition.due = self.due();
        Ok(())
    }

    pub(super) fn is_replaced(&self, id: &str) -> bool {
        self.entry(id).is_some_and(|entry| entry.replaced)
    }

    /// Makes the fallback due. A fallback that is in flight for another primary takes this one's edges too. A fallback
    /// that is done for another primary runs again: which primary failed first must not matter.
    fn fall_back(&mut self, course: &mut Course<'_>, fallback: &NodeId) {
        let at = self.position(course.by);
        // Nodes may name each other as fallbacks: one that was itself replaced does not run again.
        let closed = |entry: &NodeEntry| match entry.state {
            NodeState::Due | NodeState::Awaiting => true,
            _ => entry.replaced && entry.lap >= at.lap,
        };
        if !self.entry(fallback).is_some_and(closed) {
            self.make_due(course, fallback, at.next());
        }
    }

    pub(super) fn position(&self, node: &str) -> Position {
        self.entry(node)
            .map_or(Position { lap: 0, depth: 0 }, |entry| Position { lap: entry.lap, depth: entry.depth })
    }

    /// Finds the run's status. A run ends when nothing of it is in flight, not when every terminal node has run.
    pub fn update_status(&mut self) {
        if let Some((node, _)) = self.nodes.iter().find(|(_, entry)| entry.depth > MAX_DEPTH) {
            let message = format!(
                "Traversal exceeded {} steps at node '{}': the run was ended as a possible infinite loop",
                MAX_DEPTH,
                shown(node)
            );
            self.errors.push(NodeError { node: node.clone(), message });
            self.status = RunStatus::Failed;
            return;
        }
        if self.is_unbegun() {
            return;
        }
        let any = |state| self.nodes.values().any(|entry| entry.state == state);
        self.status = if any(NodeState::Due) {
            RunStatus::Running
        } else if any(NodeState::Awaiting) {
            RunStatus::Awaiting
        } else if self.errors.is_empty() || self.fallback_ran {
            RunStatus::Completed
        } else {
            RunStatus::Failed
        };
    }
}

/// The node that an event is the end of.
fn done_by(event: &Event) -> Option<&NodeId> {
    match event {
        Event::Finished { node, .. } | Event::Failed { node, .. } => Some(node),
        _ => None,
    }
}
