//! Live writes: what an execution has written before its answer.
//!
//! They are on record under their plain keys, for the run's other nodes to read, and still count once: an attempt that dies
//! takes them back when its node runs again. So the ledger keeps, for each attempt that has not answered, its token, and for
//! each key that it wrote what the key had before. A key's value is the last write that was not taken back; nothing else is
//! restored, so what another node wrote later stands. From the first live write of an attempt on, writes and the result of any
//! other attempt at that execution are refused.
//!
//! ```text
//!     key k:   1 ──▶ 2 (by a) ──▶ 3 (by b)
//!              a is taken back: k stays 3, and below b's write lies 1
//!              b is taken back: k is 2 again
//!              a answers:       what lay below its write is forgotten
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::NodeState;
use super::state::Ledger;
use super::written::{Layer, Written, digest};
use crate::ids::NodeId;
use crate::json::Json;

/// An attempt at an execution.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The node.
    pub node: &'a NodeId,
    /// Its round.
    pub round: u32,
    /// Tells the attempt apart.
    pub token: &'a str,
}

/// Why nothing is written live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotLive {
    /// The node is not due in that round.
    Over,
    /// Another attempt writes for it, or its own token has vanished.
    Superseded,
}

/// Keys and what they are to have; none removes the key.
pub type Restored = Vec<(String, Option<Json>)>;

impl Ledger {
    /// The attempt that has written for a node and not answered.
    pub fn writer(&self, node: &str) -> Option<&str> {
        self.live.get(node).map(|written| written.token.as_str())
    }

    /// Whether anybody has written and not answered.
    pub fn has_writers(&self) -> bool {
        !self.live.is_empty()
    }

    /// Notes live writes of an attempt. `is_first`: it may be the first attempt, and has written nothing yet. `value` is what a
    /// key has.
    ///
    /// # Errors
    /// The ledger is unchanged, and nothing may be written.
    pub fn write_live<'a>(
        &mut self,
        attempt: Attempt<'_>,
        is_first: bool,
        writes: impl Iterator<Item = (&'a str, Option<&'a Json>)>,
        value: impl Fn(&str) -> Option<Json>,
    ) -> Result<(), NotLive> {
        self.require_due(attempt)?;
        match self.writer(attempt.node) {
            Some(token) if token == attempt.token => {}
            None if is_first => {}
            _ => return Err(NotLive::Superseded),
        }
        for (key, written) in writes {
            self.lay(attempt, key, written, &value);
        }
        Ok(())
    }

    /// Has an attempt that may not be the first write for its node: what an earlier one wrote is taken back.
    ///
    /// # Errors
    /// The execution is over: the ledger is unchanged.
    pub fn take_over(
        &mut self,
        attempt: Attempt<'_>,
        value: impl Fn(&str) -> Option<Json>,
    ) -> Result<Restored, NotLive> {
        self.require_due(attempt)?;
        if self.writer(attempt.node) == Some(attempt.token) {
            return Ok(Restored::new());
        }
        let restored = self.take_back(attempt.node, value);
        let written = Written { token: attempt.token.to_owned(), ..Written::default() };
        self.live.insert(attempt.node.clone(), Arc::new(written));
        Ok(restored)
    }

    /// Takes back what a node has written without an answer.
    pub fn take_back(&mut self, node: &str, value: impl Fn(&str) -> Option<Json>) -> Restored {
        let Some(written) = self.live.remove(node) else { return Restored::new() };
        let mut restored = Restored::new();
        for (key, layer) in &written.keys {
            let is_last = self.lift(key, layer);
            if is_last && value(key).as_ref().map(digest) == layer.left {
                restored.push((key.clone(), layer.below.clone()));
            }
        }
        restored
    }

    /// Takes back what all nodes have written without an answer: the run is over.
    pub fn take_all_back(&mut self, value: impl Fn(&str) -> Option<Json>) -> Restored {
        let mut restored: BTreeMap<String, Option<Json>> = BTreeMap::new();
        while let Some((node, _)) = self.live.get_min().cloned() {
            let now = |key: &str| restored.get(key).cloned().unwrap_or_else(|| value(key));
            let taken_back = self.take_back(&node, now);
            restored.extend(taken_back);
        }
        restored.into_iter().collect()
    }

    /// The answer of a node counts, and so does what it wrote. `writes` are the keys that its commit writes, over all others.
    pub fn settle_writes<'a>(&mut self, node: &str, writes: impl Iterator<Item = &'a str>) {
        if let Some(written) = self.live.remove(node) {
            for (key, layer) in &written.keys {
                self.forget_below(key, layer.at);
            }
        }
        if !self.live.is_empty() {
            writes.for_each(|key| self.forget_below(key, u32::MAX));
        }
    }

    /// Forgets who wrote for executions that are over.
    pub fn forget_writers(&mut self) {
        if self.live.is_empty() {
            return;
        }
        let is_due = |node: &NodeId| self.entry(node).is_some_and(|entry| entry.state == NodeState::Due);
        let over: Vec<NodeId> =
            self.live.keys().filter(|node| self.status.is_end() || !is_due(node)).cloned().collect();
        for node in over {
            self.live.remove(&node);
        }
    }

    fn require_due(&self, Attempt { node, round, .. }: Attempt<'_>) -> Result<(), NotLive> {
        let is_due = |entry: &super::NodeEntry| entry.state == NodeState::Due && entry.round == round;
        match !self.status.is_end() && self.entry(node).is_some_and(is_due) {
            true => Ok(()),
            false => Err(NotLive::Over),
        }
    }

    /// Lays a write of an attempt over the others of its key.
    fn lay(
        &mut self,
        Attempt { node, token, .. }: Attempt<'_>,
        key: &str,
        written: Option<&Json>,
        value: impl Fn(&str) -> Option<Json>,
    ) {
        let own = self.live.get(node).and_then(|written| written.keys.get(key)).cloned();
        let last = self.layers(key).map(|(other, layer)| (layer.at, other == node)).max();
        let left = written.map(digest);
        let layer = match (own, last) {
            // Nobody wrote it since.
            (Some(own), Some((_, true))) => Layer { left, ..own },
            (own, last) => {
                if let Some(own) = own {
                    self.written_mut(node, token).keys.remove(key);
                    self.lift(key, &own);
                }
                Layer { at: last.map_or(1, |(at, _)| at + 1), below: value(key), left }
            }
        };
        self.written_mut(node, token).keys.insert(key.to_owned(), layer);
    }

    /// Takes a write out from under those that lie over it. Whether none does.
    fn lift(&mut self, key: &str, layer: &Layer) -> bool {
        let above =
            self.layers(key).filter(|(_, other)| other.at > layer.at).min_by_key(|(_, other)| other.at);
        let Some(node) = above.map(|(node, _)| node.clone()) else { return true };
        if let Some(above) =
            self.live.get_mut(&node).and_then(|written| Arc::make_mut(written).keys.get_mut(key))
        {
            above.below.clone_from(&layer.below);
        }
        false
    }

    /// Forgets the writes of a key that lie below a place.
    fn forget_below(&mut self, key: &str, at: u32) {
        let below: Vec<NodeId> =
            self.layers(key).filter(|(_, layer)| layer.at < at).map(|(node, _)| node.clone()).collect();
        for node in below {
            if let Some(written) = self.live.get_mut(&node) {
                Arc::make_mut(written).keys.remove(key);
            }
        }
    }

    fn layers<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (&'a NodeId, &'a Layer)> {
        self.live.iter().filter_map(move |(node, written)| Some((node, written.keys.get(key)?)))
    }

    fn written_mut(&mut self, node: &NodeId, token: &str) -> &mut Written {
        let first = || Arc::new(Written { token: token.to_owned(), ..Written::default() });
        Arc::make_mut(self.live.entry(node.clone()).or_insert_with(first))
    }
}

#[cfg(test)]
mod tests;
