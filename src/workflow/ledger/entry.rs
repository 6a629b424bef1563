//! What the ledger keeps of one node.
//!
//! The states of a node:
//!
//! ```text
//!                    the edge that makes it due             a result
//!     idle ───────────────────────────────────────▶ due ───────────────▶ done
//!      ▲                                           │ ▲ ▲                  │
//!      │                                 it pauses │ │ │ another attempt, │ the next round
//!      │                                           ▼ │ │ a resume         │ of its cycle
//!      │                                     awaiting┘ └──────────────────┘
//!      │                                               (an error without a fallback: due ──▶ failed)
//!      └────── a loop controller starts its loop again: done and failed nodes of the loop become idle
//! ```

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use super::times::NodeTimes;
use super::tried::FailedTries;
use crate::ids::NodeId;
use crate::json::{self, Json};

/// The state of a node in its current round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// Not due: never reached, still waiting for predecessors, or reset by its loop.
    #[default]
    Idle,
    /// In flight: its job waits in the queue or is being executed.
    Due,
    /// Finished, or replaced by its fallback.
    Done,
    /// Failed for good.
    Failed,
    /// Paused until it is resumed.
    Awaiting,
}

/// What the ledger keeps of a node that was ever reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Its state.
    #[serde(default)]
    pub state: NodeState,
    /// Its round: counts its executions from 1; 0 if it was never due.
    #[serde(default)]
    pub round: u32,
    /// Its lap: how often its cycles had come round when it became due. A lap grows along every path, so the laps
    /// of nested loops agree. It tells an arrival of the next lap from a late one of this lap.
    #[serde(default, rename = "wave")]
    pub lap: u32,
    /// Its depth: how many steps lie between the start and the moment it became due. It equals core's iteration and
    /// does not depend on which worker is faster.
    #[serde(default, rename = "level")]
    pub depth: u32,
    /// The predecessors that are done for its next round.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub arrived: OrdMap<NodeId, Arrival>,
    /// The action it returned: the branch it decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// It failed, and its fallback took its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
    /// The node under whose message it was made due: the one whose result made it due, or, in a carried chain, the one whose
    /// message the worker held. If that worker died, whoever gets the message again publishes the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<NodeId>,
    /// The transform of an edge made its input, which takes precedence over the `inputs` of its definition.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fed: bool,
    /// It was done in an earlier round: its output in the row is the engine's own, not one of version 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done_before: bool,
    /// A worker of version 1 did it: the ledger adopted its output from the row.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// What it waits for, in core's words (`reason`, `wakeUpAt`); kept while it awaits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Json>,
    /// The event it waits for, if it waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What it was resumed with. Its next job decides its edges with this and does not run its code again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resume>,
    /// Tries of this round that another followed through the queue, the postponed ones included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// How many of them asked for a later time only, and count as no attempt. Version 2.0.0 drops it, and counts them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub postponed: u32,
    /// When the broker is to deliver its job or its timer: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// Which worker says that it executes it, or asks who does, where no lease can say so. Version 2.0.0 drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Box<Claim>>,
    /// When things happened to it. Version 2.0.0 drops them.
    #[serde(rename = "t", default, skip_serializing_if = "NodeTimes::are_unknown")]
    pub times: NodeTimes,
    /// The attempts at it that failed. Version 2.0.0 drops them.
    #[serde(default, skip_serializing_if = "FailedTries::are_unknown")]
    pub tried: FailedTries,
}

impl NodeEntry {
    /// Which attempt of its round is next, or under way, from 1: those that asked for a later time are not counted.
    pub fn attempt(&self) -> u32 {
        (self.failures + 1).saturating_sub(self.postponed)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A worker says that it executes a node, or asks who does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The worker.
    pub by: String,
    /// Until when it counts, by the record's clock: milliseconds since 1970.
    pub until: u64,
    /// It only asks: whoever executes the node claims it before then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
}

/// What a paused node is resumed with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The action that decides its edges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Its output, which may be `null`; none keeps the output it had.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::present")]
    pub output: Option<Json>,
}

/// What a predecessor that is done leaves at a join: its edge was taken or skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The predecessor's lap, one more if its edge closes a cycle.
    #[serde(rename = "wave")]
    pub lap: u32,
    /// The predecessor's depth.
    #[serde(rename = "level")]
    pub depth: u32,
    /// It did not take its edge.
    #[serde(rename = "passed", default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
}
