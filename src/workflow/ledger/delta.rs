//! What changed in a ledger between two moments. It is so much smaller than the ledger that a job of a run of a
//! thousand nodes costs no more than a job of a run of three.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::ordmap::DiffItem;
use serde::{Deserialize, Serialize};

use super::entry::{Arrival, NodeEntry};
use super::halt::Halt;
use super::state::{Added, KeptEvent, Ledger, NodeError};
use super::status::RunStatus;
use super::times::RunTimes;
use super::written::Written;
use crate::ids::NodeId;

/// The difference between two ledgers of a run. Nodes never leave a ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// The run's status now.
    pub status: RunStatus,
    /// The nodes that changed, as they are now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    nodes: BTreeMap<NodeId, Arc<NodeEntry>>,
    /// The new arrivals at nodes that changed in nothing else, by node and predecessor. A join may wait for hundreds.
    #[serde(rename = "marks", default, skip_serializing_if = "BTreeMap::is_empty")]
    arrivals: BTreeMap<NodeId, BTreeMap<NodeId, Arrival>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    added: BTreeMap<NodeId, Added>,
    /// Who writes live, and has written what, as it is now; none for those that do no more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    live: BTreeMap<NodeId, Option<Arc<Written>>>,
    /// What the times of nodes count by, where that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<Arc<RunTimes>>,
    /// The rest of the ledger, where any of it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rest: Option<Rest>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    errors: Vec<NodeError>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fallback_ran: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<KeptEvent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    heard: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancelled: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    halted: Option<Arc<Halt>>,
}

impl Ledger {
    /// What changed since `before`. The time it takes depends on the size of the change, not of the ledger.
    pub fn since(&self, before: &Self) -> Delta {
        let mut delta = Delta { status: self.status, ..Delta::default() };
        for item in before.nodes.diff(&self.nodes) {
            match item {
                DiffItem::Add(id, entry) => drop(delta.nodes.insert(id.clone(), entry.clone())),
                DiffItem::Update { old: (id, old), new: (_, new) } => match new.arrivals_since(old) {
                    Some(arrivals) => drop(delta.arrivals.insert(id.clone(), arrivals)),
                    None => drop(delta.nodes.insert(id.clone(), new.clone())),
                },
                DiffItem::Remove(..) => {}
            }
        }
        for item in before.added.diff(&self.added) {
            if let DiffItem::Add(id, added) | DiffItem::Update { new: (id, added), .. } = item {
                delta.added.insert(id.clone(), added.clone());
            }
        }
        for item in before.live.diff(&self.live) {
            let (id, written) = match item {
                DiffItem::Add(id, written) | DiffItem::Update { new: (id, written), .. } => {
                    (id, Some(written))
                }
                DiffItem::Remove(id, _) => (id, None),
            };
            delta.live.insert(id.clone(), written.cloned());
        }
        delta.times = self.times.clone().filter(|_| self.times != before.times);
        let same = self.errors == before.errors
            && self.fallback_ran == before.fallback_ran
            && self.events == before.events
            && self.heard == before.heard
            && self.cancelled == before.cancelled
            && self.halted == before.halted;
        delta.rest = (!same).then(|| Rest {
            errors: self.errors.clone(),
            fallback_ran: self.fallback_ran,
            events: self.events.clone(),
            heard: self.heard.clone(),
            cancelled: self.cancelled.clone(),
            halted: self.halted.clone(),
        });
        delta
    }

    /// Makes the changes of a delta.
    pub fn grow(&mut self, delta: Delta) {
        let Delta { status, nodes, arrivals, added, live, times, rest } = delta;
        self.status = status;
        self.nodes.extend(nodes);
        for (id, arrivals) in arrivals {
            self.entry_or_new(&id).arrived.extend(arrivals);
        }
        self.added.extend(added);
        for (id, written) in live {
            match written {
                Some(written) => drop(self.live.insert(id, written)),
                None => drop(self.live.remove(&id)),
            }
        }
        self.times = times.or_else(|| self.times.take());
        if let Some(Rest { errors, fallback_ran, events, heard, cancelled, halted }) = rest {
            (self.errors, self.fallback_ran) = (errors, fallback_ran);
            (self.events, self.heard) = (events, heard);
            (self.cancelled, self.halted) = (cancelled, halted);
        }
    }
}

impl NodeEntry {
    /// The arrivals since `before`, if nothing else changed.
    fn arrivals_since(&self, before: &Self) -> Option<BTreeMap<NodeId, Arrival>> {
        let mut arrivals = BTreeMap::new();
        for item in before.arrived.diff(&self.arrived) {
            match item {
                DiffItem::Add(id, arrival) | DiffItem::Update { new: (id, arrival), .. } => {
                    arrivals.insert(id.clone(), *arrival);
                }
                DiffItem::Remove(..) => return None,
            }
        }
        // The maps have been compared above; the rest is small.
        let rest = |entry: &Self| Self { arrived: imbl::OrdMap::new(), ..entry.clone() };
        (!arrivals.is_empty() && rest(self) == rest(before)).then_some(arrivals)
    }
}
