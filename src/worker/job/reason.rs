//! Why a message cannot run here, as data. Only a person reads the sentence.

use std::fmt;

use serde_json::Value;

use crate::error::Error;
use crate::ids::NodeId;
use crate::workflow::path::shown;

/// Why a message cannot run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// This worker's runtime has no such blueprint.
    BlueprintMissing {
        /// The blueprint.
        blueprint: String,
    },
    /// JavaScript refuses to describe the blueprint, or the description cannot be run.
    BlueprintUnusable(Error),
    /// The run was started under another version of the blueprint.
    OtherVersion {
        /// The blueprint.
        blueprint: String,
        /// The version it was started under.
        started: Value,
        /// The version this worker has.
        here: Value,
    },
    /// The run follows another blueprint than the message says.
    OtherBlueprint {
        /// The run.
        run: String,
        /// The blueprint it follows.
        follows: String,
        /// The blueprint the message names.
        named: String,
    },
    /// The run waits for this node, and the blueprint does not have it here.
    NodeMissing {
        /// The blueprint.
        blueprint: String,
        /// The node.
        node: NodeId,
    },
    /// The node runs another blueprint as a subflow, and this worker's runtime has no such blueprint.
    InnerBlueprintMissing {
        /// The blueprint that is missing.
        inner: String,
        /// The blueprint of the node.
        blueprint: String,
        /// The node.
        node: NodeId,
    },
    /// Nothing of the run has happened, and the blueprint does not begin at this node here.
    NoStart {
        /// The blueprint.
        blueprint: String,
        /// The node.
        node: NodeId,
    },
    /// The blueprint has no such node, and none was added to the run.
    UnknownNode {
        /// The blueprint.
        blueprint: String,
        /// The node.
        node: NodeId,
    },
    /// There is no such run, and the node is no start node.
    UnknownRun {
        /// The run.
        run: String,
        /// The node.
        node: NodeId,
    },
    /// Nothing in the run led to the node.
    NotReached {
        /// The run.
        run: String,
        /// The node.
        node: NodeId,
    },
}

impl Reason {
    /// Whether another revision of the blueprint may be of use.
    pub fn depends_on_revision(&self) -> bool {
        matches!(self, Self::NodeMissing { .. } | Self::NoStart { .. })
    }

    /// The blueprint that a worker needs beside the run's own.
    pub fn inner(&self) -> Option<&str> {
        match self {
            Self::InnerBlueprintMissing { inner, .. } => Some(inner),
            _ => None,
        }
    }

    /// The blueprint that a worker needs, if that is not the run's own.
    pub fn blueprint(&self) -> Option<&str> {
        match self {
            Self::NodeMissing { blueprint, .. } => Some(blueprint),
            _ => None,
        }
    }

    /// What the run says of it when it fails because of it.
    pub fn of_run(&self) -> String {
        match self {
            Self::BlueprintUnusable(error) => error.message.clone(),
            reason => reason.to_string(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlueprintMissing { blueprint } => {
                write!(f, "Blueprint '{blueprint}' is not in this worker's runtime")
            }
            Self::BlueprintUnusable(error) => error.fmt(f),
            Self::OtherVersion { blueprint, started, here } => write!(
                f,
                "The run was started under version {started} of blueprint '{blueprint}'; this worker has {here}"
            ),
            Self::OtherBlueprint { run, follows, named } => {
                write!(f, "Run '{run}' follows blueprint '{follows}', not '{named}'")
            }
            Self::NodeMissing { blueprint, node } => {
                write!(f, "Node '{node}' is not in blueprint '{blueprint}' of this worker's runtime")
            }
            Self::InnerBlueprintMissing { inner, blueprint, node } => write!(
                f,
                "Blueprint '{inner}', which node '{node}' of blueprint '{blueprint}' runs, is not in this worker's runtime"
            ),
            Self::NoStart { blueprint, node } => {
                write!(
                    f,
                    "The run has not begun, and blueprint '{blueprint}' does not begin at node '{node}'"
                )
            }
            Self::UnknownNode { blueprint, node } => {
                write!(f, "Node '{node}' is not in blueprint '{blueprint}'")
            }
            Self::UnknownRun { run, node } => {
                write!(f, "There is no run '{run}': it has no context row, and node '{node}' begins none")
            }
            Self::NotReached { run, node } => {
                write!(f, "Nothing led to node '{}' in run '{run}'", shown(node))
            }
        }
    }
}
