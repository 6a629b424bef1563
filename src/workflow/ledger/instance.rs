//! An instance: one execution of a container's subflow.
//!
//! Its nodes are nodes of the run ([`path`](crate::workflow::path)). What else there is to know of it stands in an entry of
//! its own, under the id of the instance: in fields that earlier versions keep whenever they write the row.
//!
//! ```text
//!    the container's job opens it            a node settles, and it was the last      the container's job decides its edges,
//!   ───────────────────────────────▶ open ──────────────────────────────────────▶ over  or answers for the failure
//!    its start nodes are due           │                                            ▲
//!                                      └────── the container's time is up ──────────┘
//! ```
//!
//! While it is open, the container awaits. The commit that ends it makes the container due in a new round: resumed with the
//! output, or told why there is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::state::NodeError;
use crate::ids::NodeId;
use crate::json::Json;

/// What is kept of an instance beside its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// The blueprint it follows.
    pub blueprint: Arc<str>,
    /// The version that had when the instance began; JSON `null` for none.
    #[serde(default)]
    pub version: Value,
    /// The keys that it gives its container's context, each with the key of its own that it takes the value from; none where its
    /// output is that of its terminal nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<BTreeMap<String, String>>,
    /// Its terminal nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terminals: Vec<NodeId>,
    /// For how long it may be open: milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Every failure of its nodes, in the order of the commits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<NodeError>,
    /// A fallback took over from some node.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fallback_ran: bool,
    /// Its nodes that paused, in the order in which they did; some have gone on since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<NodeId>,
    /// It is over, and its container has yet to answer for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<SubflowFailure>,
}

/// Why an instance did not complete, and which job of its container answers for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubflowFailure {
    /// Why.
    pub message: String,
    /// The container's time was up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The round of that job.
    pub round: u32,
    /// Its attempt, from 1.
    pub attempt: u32,
}

impl Instance {
    /// As it stands in the details of its entry.
    pub(super) fn read(details: &Json) -> Option<Self> {
        serde_json::from_str(details.get()).ok()
    }

    /// Whether its nodes go on.
    pub fn is_open(&self) -> bool {
        self.failure.is_none()
    }

    /// Why it failed: the first of its errors, as core's subflow node has it.
    pub fn reason(&self) -> String {
        self.errors.first().map_or_else(|| "Unknown error".to_owned(), |error| error.message.clone())
    }
}
