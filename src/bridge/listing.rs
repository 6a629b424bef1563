//! Lists of runs as they cross: JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ports::limits::{LimitUse, Rate};
use crate::ports::watching::{By, EndCount, EndSearch, RunCount, RunSearch, RunSummary};
use crate::time::milliseconds;

/// Which runs to list.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListRequest {
    #[serde(default)]
    statuses: Vec<String>,
    blueprint_id: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    waiting_at: Option<String>,
    error: Option<String>,
    paused: Option<bool>,
    id_prefix: Option<String>,
    created_before: Option<u64>,
    updated_before: Option<u64>,
    after: Option<String>,
    #[serde(default)]
    is_descending: bool,
    limit: u32,
}

impl From<ListRequest> for RunSearch {
    fn from(request: ListRequest) -> Self {
        Self {
            statuses: request.statuses,
            blueprint: request.blueprint_id,
            tags: request.tags,
            waiting_at: request.waiting_at,
            error: request.error,
            paused: request.paused,
            prefix: request.id_prefix,
            created_before: request.created_before,
            updated_before: request.updated_before,
            after: request.after,
            is_descending: request.is_descending,
            limit: request.limit.into(),
        }
    }
}

/// A run in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedRun {
    run_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blueprint_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

impl From<RunSummary> for ListedRun {
    fn from(RunSummary { run, status, blueprint, created_at, updated_at, tags }: RunSummary) -> Self {
        Self { run_id: run, status, blueprint_id: blueprint, created_at, updated_at, tags }
    }
}

/// How many runs of a blueprint are of a status.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountedRuns {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blueprint_id: Option<String>,
    count: i64,
}

impl From<RunCount> for CountedRuns {
    fn from(RunCount { status, blueprint, count }: RunCount) -> Self {
        Self { status, blueprint_id: blueprint, count }
    }
}

/// Which ends of runs to count, in milliseconds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndsRequest {
    within_ms: u64,
    step_ms: u64,
    by_queue: bool,
    outcomes: Vec<String>,
}

impl From<EndsRequest> for EndSearch {
    fn from(EndsRequest { within_ms, step_ms, by_queue, outcomes }: EndsRequest) -> Self {
        Self {
            within: Duration::from_millis(within_ms),
            step: Duration::from_millis(step_ms),
            by: if by_queue { By::Queue } else { By::Blueprint },
            outcomes,
        }
    }
}

/// How many runs of a blueprint ended alike within a step of time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountedEnds {
    /// Milliseconds since 1970.
    from: u64,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    blueprint_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    count: i64,
}

impl From<EndCount> for CountedEnds {
    fn from(EndCount { from, status, blueprint, queue, count }: EndCount) -> Self {
        Self { from, status, blueprint_id: blueprint, queue, count }
    }
}

/// How a key of a limit stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownLimit {
    key: String,
    in_use: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<UsedRate>,
    waiting: u64,
    /// In milliseconds.
    paused_for: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UsedRate {
    used: u64,
    count: u32,
    per_ms: u64,
}

impl From<LimitUse> for ShownLimit {
    fn from(LimitUse { key, rules, in_use, used, waiting, paused }: LimitUse) -> Self {
        let rate = |Rate { count, per }: Rate| UsedRate { used, count, per_ms: milliseconds(per) };
        Self {
            key,
            in_use,
            concurrency: rules.concurrency,
            rate: rules.rate.map(rate),
            waiting,
            paused_for: milliseconds(paused),
        }
    }
}
