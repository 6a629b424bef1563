//! What is inside a container: its instance, as a ledger of its own, and how it begins and ends. The rules of a ledger know
//! nothing of this: they see the instance as if it were a run.

use std::ops::Bound;
use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::due::DueJob;
use super::entry::{NodeEntry, NodeState, Resume};
use super::event::{Event, Refusal};
use super::instance::{Instance, SubflowFailure};
use super::state::{Added, Ledger};
use super::times::NodeTimes;
use crate::ids::NodeId;
use crate::json::Json;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::path::{self, Inside, directly_inside, inside, instance_of};

/// An instance that is to begin.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// The container, by its id in the run.
    pub container: &'a NodeId,
    /// The round in which it is due.
    pub round: u32,
    /// The instance.
    pub instance: &'a Instance,
    /// Its blueprint.
    pub blueprint: &'a Blueprint,
    /// When its time is up: milliseconds since 1970; none for never.
    pub until: Option<u64>,
}

/// How an instance ended.
#[derive(Debug, Clone)]
pub enum InstanceEnd {
    /// It completed, with this output.
    Completed(Option<Json>),
    /// It did not, and why.
    Failed {
        /// Why.
        message: String,
        /// The container's time was up.
        late: bool,
    },
}

impl Ledger {
    /// The instance of a container, as it was left; none where it has none, or where it ended well.
    pub fn instance(&self, container: &str) -> Option<Instance> {
        // Most runs have none, and are asked at every job.
        if !self.has_inside() {
            return None;
        }
        Instance::read(self.entry(&instance_of(container))?.details.as_ref()?)
    }

    /// The instance of a container, if its nodes go on.
    pub fn open_instance(&self, container: &str) -> Option<Instance> {
        self.instance(container).filter(Instance::is_open)
    }

    /// What the job of a container that is due has to answer for: its instance failed.
    pub fn failed_inside(&self, container: &str) -> Option<SubflowFailure> {
        let entry = self.entry(container).filter(|entry| entry.state == NodeState::Due)?;
        let failure = self.instance(container)?.failure?;
        (failure.round == entry.round && failure.attempt == entry.failures + 1).then_some(failure)
    }

    /// The instance of a container as a ledger of its own: its nodes by the ids that they have in its blueprint.
    pub fn inside(&self, container: &str, instance: &Instance) -> Self {
        let id = instance_of(container);
        let plain = |full: &NodeId| directly_inside(&id, full);
        let added = self.added.iter().filter_map(|(full, added)| {
            let gather = added.gather.as_ref().and_then(plain);
            Some((plain(full)?, Added { definition: added.definition.clone(), gather }))
        });
        let nodes = self.within(&id).filter_map(|(full, entry)| Some((plain(full)?, entry.clone())));
        Self {
            nodes: nodes.collect(),
            added: added.collect(),
            errors: instance.errors.clone(),
            fallback_ran: instance.fallback_ran,
            events: self.events.clone(),
            ..Self::default()
        }
    }

    /// Takes over what changed inside a container, between two states of its instance.
    pub fn embed(&mut self, container: &str, instance: &Instance, before: &Self, after: &Self) {
        for item in before.nodes.diff(&after.nodes) {
            if let DiffItem::Add(node, entry) | DiffItem::Update { new: (node, entry), .. } = item {
                self.nodes.insert(inside(container, node), entry.clone());
            }
        }
        for item in before.added.diff(&after.added) {
            if let DiffItem::Add(node, added) | DiffItem::Update { new: (node, added), .. } = item {
                let gather = added.gather.as_ref().map(|gather| inside(container, gather));
                let added = Added { definition: added.definition.clone(), gather };
                self.added.insert(inside(container, node), added);
            }
        }
        self.events.clone_from(&after.events);
        let paused = paused(&instance.paused, before, after);
        let is_same = after.errors == instance.errors
            && after.fallback_ran == instance.fallback_ran
            && paused == instance.paused;
        if !is_same {
            let (errors, fallback_ran) = (after.errors.clone(), after.fallback_ran);
            self.keep_instance(container, &Instance { errors, fallback_ran, paused, ..instance.clone() });
        }
    }

    /// Begins an instance: the container awaits, and the start nodes of its blueprint are due. Rounds go on counting from the
    /// instance before: what comes late of that finds its round over.
    ///
    /// # Errors
    /// The container is not due in that round, or the run is over.
    pub fn open(&mut self, opening: &Opening<'_>) -> Result<Vec<DueJob>, Refusal> {
        let Opening { container, round, instance, blueprint, until } = *opening;
        if self.status.is_end() {
            return Err(Refusal::Ended);
        }
        let entry = self.count(container, round, NodeState::Awaiting)?;
        // Another attempt was to wait for a moment: it does not sleep until then.
        (entry.details, entry.event, entry.not_before) = (None, None, None);
        self.forget_inside(container, NodeState::Idle);
        let mut due = Vec::with_capacity(blueprint.starts.len() + 1);
        for start in &blueprint.starts {
            let id = inside(container, start);
            let entry = self.entry_or_new(&id);
            *entry = NodeEntry {
                state: NodeState::Due,
                round: entry.round + 1,
                lap: 1,
                depth: 1,
                by: Some(container.clone()),
                ..NodeEntry::default()
            };
            due.push(DueJob::of(&id, entry));
        }
        let id = instance_of(container);
        let own = self.entry_or_new(&id);
        *own = NodeEntry {
            state: NodeState::Awaiting,
            round: own.round + 1,
            not_before: until,
            by: Some(container.clone()),
            ..NodeEntry::default()
        };
        if until.is_some() {
            due.push(DueJob::of(&id, own));
        }
        self.keep_instance(container, instance);
        self.update_status();
        Ok(due)
    }

    /// Ends an instance: nothing inside counts any more, and the container is due. None where it is not open.
    pub fn close(&mut self, container: &NodeId, end: InstanceEnd) -> Option<DueJob> {
        let instance = self.open_instance(container)?;
        // Due, if an older client resumed it meanwhile: the subflow is over all the same.
        self.entry(container).filter(|entry| matches!(entry.state, NodeState::Awaiting | NodeState::Due))?;
        self.forget_inside(container, NodeState::Done);
        let own = self.entry_or_new(&instance_of(container));
        *own = NodeEntry { state: NodeState::Done, round: own.round, ..NodeEntry::default() };
        let entry = self.entry_or_new(container);
        entry.state = NodeState::Due;
        entry.round += 1;
        entry.by = Some(container.clone());
        (entry.details, entry.event, entry.not_before) = (None, None, None);
        (entry.resumed, entry.claim) = (None, None);
        let due = DueJob::of(container, entry);
        match end {
            InstanceEnd::Completed(output) => entry.resumed = Some(Resume { action: None, output }),
            InstanceEnd::Failed { message, late } => {
                let failure = SubflowFailure { message, late, round: due.round, attempt: due.attempt };
                self.keep_instance(container, &Instance { failure: Some(failure), ..instance });
            }
        }
        self.update_status();
        Some(due)
    }

    /// A container, or its instance, is due although the instance is open: an older client resumed it, or an older reconciler
    /// took it for lost. Both await again, and what the container was resumed with goes to whoever waits inside. The jobs that
    /// follow.
    pub fn await_again(&mut self, container: &NodeId) -> Vec<DueJob> {
        if self.open_instance(container).is_none() {
            return Vec::new();
        }
        let resumed = self.entry(container).and_then(|entry| entry.resumed.clone());
        for id in [container.clone(), instance_of(container)] {
            if let Some(entry) = self.entry_mut(&id).filter(|entry| entry.state == NodeState::Due) {
                (entry.state, entry.resumed, entry.claim) = (NodeState::Awaiting, None, None);
            }
        }
        let mut due = Vec::new();
        if let (Some(with), Some(node)) = (resumed, self.who_waits_inside(container)) {
            let event = Event::Resumed { node, with };
            due = self.apply(&Blueprint::unknown(""), event).map(|done| done.due).unwrap_or_default();
        }
        self.update_status();
        due
    }

    /// The definitions of the nodes that were added where a node stands: to the run, or to its instance.
    pub fn added_beside<'a>(&'a self, node: &str) -> impl Iterator<Item = &'a Json> {
        let instance = Inside::of(node).map(|inside| instance_of(&inside.container));
        let stands_there = move |id: &NodeId| match &instance {
            Some(instance) => directly_inside(instance, id).is_some(),
            None => !id.starts_with(path::INNER),
        };
        self.added.iter().filter(move |(id, _)| stands_there(id)).map(|(_, added)| &added.definition)
    }

    fn has_inside(&self) -> bool {
        let first = self.nodes.range::<_, str>((Bound::Included(path::INNER), Bound::Unbounded)).next();
        first.is_some_and(|(id, _)| id.starts_with(path::INNER))
    }

    /// Everything inside an instance, its own entry included.
    pub(super) fn within<'a>(
        &'a self,
        instance: &'a NodeId,
    ) -> impl Iterator<Item = (&'a NodeId, &'a Arc<NodeEntry>)> {
        self.nodes
            .range::<_, str>((Bound::Included(instance.as_str()), Bound::Unbounded))
            .take_while(|(id, _)| id.starts_with(instance.as_str()))
    }

    /// Leaves of everything inside a container its round alone, and of what is over its times.
    fn forget_inside(&mut self, container: &str, state: NodeState) {
        let instance = instance_of(container);
        let all: Vec<(NodeId, u32, NodeTimes)> =
            self.within(&instance).map(|(id, entry)| (id.clone(), entry.round, entry.times)).collect();
        for (id, round, times) in all {
            let state = if round == 0 { NodeState::Idle } else { state };
            let times = if state == NodeState::Done { times } else { NodeTimes::default() };
            self.nodes.insert(id, Arc::new(NodeEntry { state, round, times, ..NodeEntry::default() }));
        }
        let gathered =
            self.added.iter().filter(|(id, added)| added.gather.is_some() && id.starts_with(&*instance));
        for id in gathered.map(|(id, _)| id.clone()).collect::<Vec<NodeId>>() {
            if let Some(added) = self.added.get_mut(&id) {
                added.gather = None;
            }
        }
    }

    pub(super) fn keep_instance(&mut self, container: &str, instance: &Instance) {
        let text = serde_json::to_string(instance).unwrap_or_default();
        self.entry_or_new(&instance_of(container)).details = Json::parse(text).ok();
    }
}

/// The nodes that paused, once those that did between two states are added.
fn paused(known: &[NodeId], before: &Ledger, after: &Ledger) -> Vec<NodeId> {
    let awaits =
        |ledger: &Ledger, id: &str| ledger.entry(id).is_some_and(|entry| entry.state == NodeState::Awaiting);
    let new = after.awaiting().map(|(id, _)| id).filter(|id| !awaits(before, id));
    let new: Vec<NodeId> = new.cloned().collect();
    known
        .iter()
        .filter(|id| !new.contains(id) && awaits(after, id))
        .cloned()
        .chain(new.iter().cloned())
        .collect()
}

#[cfg(test)]
mod tests;
