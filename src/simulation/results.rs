//! What runs came to: each ended, with the result that its rules say.

use std::time::Duration;

use super::broken::Broken;
use super::cancelling::may_be_cancelled;
use super::child::is_descendant;
use super::executions::unfairly_blamed;
use super::history::Expected;
use super::oracle::{End, end_of};
use super::outputs::outputs_of;
use super::plan::{Plan, Trouble};
use super::world::{World, since_the_beginning, tables};
use crate::workflow::ledger::RunStatus;
use crate::workflow::path::INNER;

/// The runs that have not ended.
pub fn unended(world: &World) -> Vec<Broken> {
    let unended = world.expected().into_keys().filter_map(|run| {
        let status = world.server.row(&tables(), &run).ok()?.status;
        let ended = matches!(status.as_deref(), Some("completed" | "failed" | "cancelled"));
        (!ended).then_some(Broken::NotEnded { run, status })
    });
    unended.collect()
}

/// Each result counts once: a run has the result that its rules say, and its status row says so.
pub fn ends(world: &World) -> Vec<Broken> {
    let mut broken = Vec::new();
    let cancelled = RunStatus::Cancelled.as_str();
    for (run, expected) in world.expected() {
        let Ok(row) = world.server.row(&tables(), &run) else { continue };
        let result = row.result.as_ref().map(|result| result.get().to_owned()).unwrap_or_default();
        if row.status.as_deref() == Some(cancelled) && may_be_cancelled(world, &run) {
            if !result.contains(cancelled) {
                broken.push(Broken::Wrong { run, what: format!("it is cancelled with {result}") });
            }
            continue;
        }
        let flow = match expected {
            Expected::Fails if row.status.as_deref() == Some("failed") && result.contains("reason\":\"") => {
                continue;
            }
            Expected::Fails => {
                broken.push(Broken::Wrong { run, what: format!("it is {:?} with {result}", row.status) });
                continue;
            }
            Expected::Follows(flow) => flow,
        };
        if is_changed(world, &flow) {
            broken.extend(missed(world, &run, &flow, &result));
            continue;
        }
        if unfairly_blamed(world).iter().any(|blamed| blamed.run == run || is_descendant(&blamed.run, &run)) {
            continue;
        }
        if let Some(limit) = world.limit(&run).filter(|_| is_cut_short(&result)) {
            broken.extend(cut_short(world, &run, limit));
            continue;
        }
        let expected = end_of(&world.flows[&flow], &world.flows);
        let mut wrong = |what: String| broken.push(Broken::Wrong { run: run.clone(), what });
        if row.status.as_deref() != Some(expected.status.as_str()) {
            wrong(format!("it is {:?}, not {}", row.status, expected.status.as_str()));
            continue;
        }
        let outputs = outputs_of(row.context.as_deref().unwrap_or("{}"));
        if outputs != expected.outputs {
            wrong(format!("it has {outputs:?}, not {:?}", expected.outputs));
        }
        if expected.status == RunStatus::Completed
            && row.context.is_some_and(|context| context.contains(INNER))
        {
            wrong("keys of its subflows are left".to_owned());
        }
        if !is_result_of(&result, &expected) {
            wrong(format!("its result is {result}"));
        }
    }
    broken
}

/// Whether a run failed because it took too long.
fn is_cut_short(result: &str) -> bool {
    result.contains("timeoutMs")
}

/// A run fails for taking too long only once it has; soon afterwards where nothing goes wrong and a worker has a place free for the
/// message that says so, which waits in a paused queue as any other.
fn cut_short(world: &World, run: &str, (called, limit): (Duration, Duration)) -> Option<Broken> {
    let failed = since_the_beginning(world.server.row(&tables(), run).ok()?.updated_at?);
    let (earliest, latest) = (called + limit, called + limit + Duration::from_secs(10));
    let Plan { ref troubles, concurrency, halts, .. } = world.plan;
    let may_be_late = !troubles.is_empty() || concurrency < 10 || halts;
    let is_right = earliest <= failed && (failed <= latest || may_be_late);
    let what = || format!("it was cut short at {failed:?}, and not at {earliest:?}");
    (!is_right).then(|| Broken::Wrong { run: run.to_owned(), what: what() })
}

/// Whether a deployment changed a flow. Its runs came to what either says, or to something in between.
pub fn is_changed(world: &World, flow: &str) -> bool {
    world.deployment().is_some_and(|deployment| deployment.flows[flow].graph != world.flows[flow].graph)
}

/// A run fails for a missing node only if it is missing in the end, and no worker has had it for a while.
fn missed(world: &World, run: &str, flow: &str, result: &str) -> Option<Broken> {
    let named = result.split_once("Node '")?.1.split_once("' is not in blueprint")?.0;
    let reason = result.to_owned();
    let broken = Some(Broken::Missed { run: run.to_owned(), reason });
    let deployment = world.deployment()?;
    if deployment.flows[flow].has(named) || !world.flows[flow].has(named) {
        return broken;
    }
    // It was looked for among those that said that they live, a heartbeat ago.
    let failed = world.server.row(&tables(), run).ok()?.updated_at.map(since_the_beginning)?;
    let lived_on = |(since, until): &(Duration, Option<Duration>)| {
        let settled = Duration::from_secs(12);
        *since + settled < failed && until.is_none_or(|until| until > failed)
    };
    broken.filter(|_| world.old_workers().iter().any(lived_on) && is_calm(world))
}

/// Whether nothing else keeps a worker from saying that it lives, or from taking a job.
fn is_calm(world: &World) -> bool {
    let calm = [Trouble::Deploy, Trouble::NoJobs, Trouble::Unnamed, Trouble::Clocks, Trouble::Journal];
    world.plan.troubles.iter().all(|trouble| calm.contains(trouble))
}

fn is_result_of(result: &str, expected: &End) -> bool {
    let Ok(result) = serde_json::from_str::<serde_json::Value>(result) else { return false };
    let context = &result["payload"]["context"];
    let completed = expected.status == RunStatus::Completed;
    result["status"] == expected.status.as_str()
        && (!completed || outputs_of(&context.to_string()) == expected.outputs)
}
