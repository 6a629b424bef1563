//! What changed in a ledger between two moments: so much smaller than the ledger that a run of a thousand nodes costs
//! no more a job than one of three.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::ordmap::DiffItem;
use serde::{Deserialize, Serialize};

use super::{Added, KeptEvent, Ledger, Mark, NodeEntry, NodeError, RunStatus};
use crate::ids::NodeId;

/// What has to be done to one ledger to get another. Nodes never leave a ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Where the run stands now.
    pub status: RunStatus,
    /// The nodes that changed, as they are now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    nodes: BTreeMap<NodeId, Arc<NodeEntry>>,
    /// Where nothing but marks came to a node: those, by node and predecessor. A join may wait for hundreds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    marks: BTreeMap<NodeId, BTreeMap<NodeId, Mark>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    added: BTreeMap<NodeId, Added>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancelled: Option<String>,
}

impl Ledger {
    /// What changed since `before`. Takes time for what changed, not for what is there.
    pub fn since(&self, before: &Self) -> Delta {
        let mut delta = Delta { status: self.status, ..Delta::default() };
        for item in before.nodes.diff(&self.nodes) {
            match item {
                DiffItem::Add(id, entry) => drop(delta.nodes.insert(id.clone(), entry.clone())),
                DiffItem::Update { old: (id, old), new: (_, new) } => match new.marks_since(old) {
                    Some(marks) => drop(delta.marks.insert(id.clone(), marks)),
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
        let same = self.errors == before.errors
            && self.fallback_ran == before.fallback_ran
            && self.events == before.events
            && self.cancelled == before.cancelled;
        delta.rest = (!same).then(|| Rest {
            errors: self.errors.clone(),
            fallback_ran: self.fallback_ran,
            events: self.events.clone(),
            cancelled: self.cancelled.clone(),
        });
        delta
    }

    /// The ledger with a change made to it.
    pub fn grow(&mut self, delta: Delta) {
        let Delta { status, nodes, marks, added, rest } = delta;
        self.status = status;
        self.nodes.extend(nodes);
        for (id, marks) in marks {
            self.entry_or_new(&id).arrived.extend(marks);
        }
        self.added.extend(added);
        if let Some(Rest { errors, fallback_ran, events, cancelled }) = rest {
            (self.errors, self.fallback_ran) = (errors, fallback_ran);
            (self.events, self.cancelled) = (events, cancelled);
        }
    }
}

impl NodeEntry {
    /// The marks that came since, if nothing else changed.
    fn marks_since(&self, before: &Self) -> Option<BTreeMap<NodeId, Mark>> {
        let mut marks = BTreeMap::new();
        for item in before.arrived.diff(&self.arrived) {
            match item {
                DiffItem::Add(id, mark) | DiffItem::Update { new: (id, mark), .. } => {
                    marks.insert(id.clone(), *mark);
                }
                DiffItem::Remove(..) => return None,
            }
        }
        // The maps are compared already; what is left is small.
        let rest = |entry: &Self| Self { arrived: imbl::OrdMap::new(), ..entry.clone() };
        (!marks.is_empty() && rest(self) == rest(before)).then_some(marks)
    }
}
