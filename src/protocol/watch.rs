//! What an application is told of runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::NodeId;
use crate::json::Json;

/// How a run stands, and its result once it is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunOutcome {
    /// The word of its status row.
    pub status: String,
    /// The payload of a completed run, in the shape of core's `WorkflowResult`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Json>,
    /// Why it did not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Every node that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<NodeFailure>,
}

/// A node that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFailure {
    /// The node.
    pub node_id: NodeId,
    /// Why.
    pub message: String,
}

/// What the status row holds once a run is over.
#[derive(Debug, Default, Deserialize)]
pub struct StoredResult {
    /// Of a completed run.
    #[serde(default)]
    pub payload: Option<Json>,
    /// Of any other.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What is known of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunDescription {
    /// The run.
    pub run_id: String,
    /// Its status.
    pub status: String,
    /// Why it failed, or was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The blueprint it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blueprint_id: Option<String>,
    /// The version it had when the run began; JSON `null` for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Value>,
    /// When a client of ours started it: milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<u64>,
    /// When it last changed: milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<u64>,
    /// What it is found by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When it fails if it is not over by then: milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
    /// How many of its nodes are executed at a time; none for any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Since when a person has paused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<PauseDescription>,
    /// The node that started it and waits for its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentDescription>,
    /// When it ended: milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<u64>,
    /// Every node that was ever reached, in the order of their ids.
    pub nodes: Vec<NodeDescription>,
}

/// Since when a run is paused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PauseDescription {
    /// Milliseconds since 1970.
    pub since: u64,
    /// Why, if the caller said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The node that started a run and waits for its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentDescription {
    /// Its run.
    pub run_id: String,
    /// The node.
    pub node_id: NodeId,
}

/// What is known of a node of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeDescription {
    /// The node.
    pub node_id: NodeId,
    /// `idle`, `due`, `done`, `failed` or `awaiting`.
    pub state: String,
    /// Which execution of it this is, from 1; 0 if it was never due.
    pub execution: u32,
    /// Which attempt of it is due, from 1.
    pub attempt: u32,
    /// When it is due, or wakes: milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<u64>,
    /// The action it decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsFor>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its fallback took its place.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
    /// When it became due: milliseconds since 1970, like the moments that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached_at: Option<u64>,
    /// When a worker began to execute it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<u64>,
    /// Since when it awaits, or awaited before it was resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub awaiting_since: Option<u64>,
    /// When it was resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<u64>,
    /// When its execution ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<u64>,
    /// The worker that executed it, by its name in the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// The attempts at it that failed, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_attempts: Vec<FailedAttempt>,
}

/// An attempt at a node that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedAttempt {
    /// Why.
    pub message: String,
    /// Where in the user's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// Of which execution of its node, from 1.
    pub execution: u32,
    /// Which attempt of that it was, from 1.
    pub attempt: u32,
    /// It only asked for a later time, and counts as none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub postponed: bool,
    /// When it ended: milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<u64>,
    /// The worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
}

/// What a paused node waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitsFor {
    /// The event, if it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// In core's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Json>,
}
