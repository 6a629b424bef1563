//! A blueprint as JavaScript describes it.

use serde::Deserialize;
use serde_json::Value;

use crate::ids::NodeId;

/// The name of core's node that decides whether a loop goes round again.
const LOOP_CONTROLLER: &str = "loop-controller";

/// A blueprint as JavaScript describes it: core's own fields, and the start nodes core would choose.
#[derive(Debug, Clone, Deserialize)]
pub struct Description {
    /// The blueprint's id.
    pub id: String,
    /// `metadata.version`; JSON `null` for none.
    #[serde(default)]
    pub version: Value,
    /// The nodes, in the blueprint's order.
    pub nodes: Vec<DescribedNode>,
    /// The edges, in the blueprint's order.
    #[serde(default)]
    pub edges: Vec<DescribedEdge>,
    /// Where a run begins. Core's own traverser chose them, so that the engine and core cannot differ.
    pub starts: Vec<NodeId>,
}

/// One node of a [`Description`].
#[derive(Debug, Clone, Deserialize)]
pub struct DescribedNode {
    /// The node's id.
    pub id: NodeId,
    /// The key of its implementation.
    #[serde(default)]
    pub uses: String,
    /// `config.joinStrategy === 'any'`.
    #[serde(default)]
    pub any: bool,
    /// `config.fallback`: the node to run when this one fails for good.
    #[serde(default)]
    pub fallback: Option<NodeId>,
    /// `params.eventName`: the event it waits for.
    #[serde(default)]
    pub event: Option<String>,
    /// `config.limit`: what its executions count under.
    #[serde(default)]
    pub limit: Option<String>,
}

/// One edge of a [`Description`].
#[derive(Debug, Clone, Deserialize)]
pub struct DescribedEdge {
    /// Where the edge starts.
    pub source: NodeId,
    /// Where it ends.
    pub target: NodeId,
    /// The action it is bound to, if any.
    #[serde(default)]
    pub action: Option<String>,
    /// Whether it has a condition.
    #[serde(default)]
    pub conditional: bool,
}

impl DescribedNode {
    /// Whether it decides if a loop goes round again.
    pub(super) fn is_loop_controller(&self) -> bool {
        self.uses == LOOP_CONTROLLER
    }
}
