//! Which nodes of a run wait, subflows included: a container waits for the nodes inside it.

use super::entry::{NodeEntry, NodeState};
use super::state::Ledger;
use crate::ids::NodeId;
use crate::json::Json;
use crate::workflow::path::{self, directly_inside, instance_of};

impl Ledger {
    /// Who waits inside a container to be resumed, however deep: the first that waits for a word, or else for a moment.
    pub fn who_waits_inside(&self, container: &str) -> Option<NodeId> {
        let waits_for_a_word = |id: &NodeId| self.entry(id).is_some_and(|entry| entry.not_before.is_none());
        self.paused_inside(container)
            .into_iter()
            .find(waits_for_a_word)
            .or_else(|| self.who_sleeps_inside(container))
    }

    /// The same for a resume that says nothing: whose time comes first goes on.
    pub fn who_sleeps_inside(&self, container: &str) -> Option<NodeId> {
        let moment = |id: &NodeId| self.entry(id).and_then(|entry| entry.not_before);
        self.paused_inside(container).into_iter().filter(|id| moment(id).is_some()).min_by_key(moment)
    }

    /// The nodes that are paused inside a container, however deep, in the order in which they paused.
    fn paused_inside(&self, container: &str) -> Vec<NodeId> {
        let Some(instance) = self.open_instance(container) else { return Vec::new() };
        let id = instance_of(container);
        let mut awaiting: Vec<(usize, NodeId)> = self
            .within(&id)
            .filter(|(_, entry)| entry.state == NodeState::Awaiting)
            .filter_map(|(full, _)| Some((directly_inside(&id, full)?, full)))
            .map(|(node, full)| (position(&instance.paused, &node), full.clone()))
            .collect();
        awaiting.sort_by_key(|(position, _)| *position);
        let deeper = |(_, id): (usize, NodeId)| match self.open_instance(&id) {
            Some(_) => self.paused_inside(&id),
            None => vec![id],
        };
        awaiting.into_iter().flat_map(deeper).collect()
    }

    /// Whether a container waits as a whole: something inside waits, and nothing inside is due.
    pub fn waits_inside(&self, container: &str) -> bool {
        let is_due = |entry: &NodeEntry| entry.state == NodeState::Due;
        !self.within(&instance_of(container)).any(|(_, entry)| is_due(entry))
            && self.who_waits_inside(container).is_some()
    }

    /// The nodes of the run's own blueprint that wait to be resumed; a container, if it waits as a whole.
    pub fn awaiting_outside(&self) -> impl Iterator<Item = (&NodeId, &NodeEntry)> {
        self.awaiting().filter(|(id, _)| {
            !id.starts_with(path::INNER) && (self.open_instance(id).is_none() || self.waits_inside(id))
        })
    }

    /// The node that people mean by a name: the run's own of that name, or the one that a path leads to.
    pub fn named(&self, name: &str) -> NodeId {
        match self.entry(name) {
            Some(_) => name.into(),
            None => path::named(name).unwrap_or_else(|| name.into()),
        }
    }

    /// The event that is meant by one of this name for a node of that name: itself, where anybody waits for it; that of whoever
    /// waits inside the node; or that of a node of that name inside a subflow, whose path whoever sends it does not know.
    pub fn event_for(&self, node: &str, name: &str) -> Option<String> {
        let awaited = || self.awaiting().filter_map(|(_, entry)| entry.event.as_deref());
        if awaited().any(|event| event == name) {
            return None;
        }
        if let Some(event) = self.event_inside(node) {
            return Some(event);
        }
        let (kind, last) = (name.strip_suffix(node)?, path::escaped(node));
        let is_meant = |event: &&str| {
            event
                .strip_prefix(kind)
                .and_then(|path| path.rsplit_once('/'))
                .is_some_and(|(_, own)| own == last)
        };
        awaited().find(is_meant).map(str::to_owned)
    }

    /// The event that somebody inside a container waits for.
    fn event_inside(&self, container: &str) -> Option<String> {
        self.open_instance(container)?;
        let instance = instance_of(container);
        let waits = |entry: &NodeEntry| entry.state == NodeState::Awaiting;
        self.within(&instance).filter(|(_, entry)| waits(entry)).find_map(|(_, entry)| entry.event.clone())
    }

    /// What a node waits for, in core's words; a container, for whoever wakes first inside, or for a word.
    pub fn details_of(&self, id: &str) -> Option<Json> {
        if self.open_instance(id).is_none() {
            return self.entry(id)?.details.clone();
        }
        match self.who_sleeps_inside(id) {
            Some(sleeper) => self.entry(&sleeper)?.details.clone(),
            None => Json::parse(r#"{"reason":"external_event"}"#.to_owned()).ok(),
        }
    }
}

fn position(paused: &[NodeId], node: &NodeId) -> usize {
    paused.iter().position(|each| each == node).unwrap_or(paused.len())
}
