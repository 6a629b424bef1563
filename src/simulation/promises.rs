//! The promises, checked when the simulation is over.

use std::collections::BTreeMap;
use std::time::Duration;

use super::flows::Behaviour;
use super::history::Expected;
use super::host::{Blamed, ExecutedNode, Outdated};
use super::oracle::{End, end_of};
use super::plan::Trouble;
use super::schedules::{are_over, due_times};
use super::world::{Excuse, POISON, QUEUE, World, since_the_beginning, tables};
use crate::workflow::ledger::RunStatus;
use crate::workflow::path::INNER;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A run has not ended.
    NotEnded { run: String, status: Option<String> },
    /// A run has another result than its rules say.
    Wrong { run: String, what: String },
    /// A node was executed twice without a death, a standstill or a lost lease.
    Twice { run: String, node: String, round: u32, attempt: u32 },
    /// A worker that had stopped started a node.
    AfterStop { worker: String, run: String, node: String },
    /// Messages are left in the queue.
    Left { queue: String, messages: usize },
    /// A message went to the dead letters.
    DeadLetter { body: String },
    /// A run failed for what its worker lacks, although another had it, or for what nobody lacks.
    Missed { run: String, reason: String },
    /// A node went on before it had slept.
    Overslept { run: String, node: String, slept: Duration, of: Duration },
    /// The user's own keys are not the user's.
    Keys { run: String, context: String },
    /// A node that kills nobody failed because workers died.
    Blamed(Blamed),
    /// A node was shown less of its run than there was.
    Outdated(Outdated),
    /// A due time of a schedule came to something else than one run.
    Schedule { schedule: String, what: String },
    /// Something of a run was not told, or was told twice.
    Untold { run: String, what: &'static str },
    /// A node that kills its worker was executed more often than it may be.
    Kills { run: String, node: String, times: usize },
}

impl Broken {
    /// Of which kind it is: a shrunk plan must break the same promise.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotEnded { .. } => "a run has not ended",
            Self::Wrong { .. } => "a run came to something else",
            Self::Twice { .. } => "a node was executed twice",
            Self::AfterStop { .. } => "a stopped worker started a node",
            Self::Left { .. } => "messages are left",
            Self::DeadLetter { .. } => "a message went to the dead letters",
            Self::Missed { .. } => "a run failed for what another worker had",
            Self::Overslept { .. } => "a node did not sleep",
            Self::Keys { .. } => "a user's keys are changed",
            Self::Blamed(_) => "a node was blamed for deaths of others",
            Self::Outdated(_) => "a node did not see its run as it was",
            Self::Schedule { .. } => "a due time came to something else than one run",
            Self::Untold { .. } => "something was not told as it was",
            Self::Kills { .. } => "a node killed too many workers",
        }
    }
}

/// Waits until every run has ended, as long as the plan allows; answers with the promises that were broken.
pub async fn check(world: &World) -> Vec<Broken> {
    let mut waited = Duration::ZERO;
    while waited < world.plan.calm && !(are_over(world) && unended(world).is_empty()) {
        tokio::time::sleep(Duration::from_secs(5)).await;
        waited += Duration::from_secs(5);
    }
    // Gives the workers time to consume late copies of jobs that are done.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut broken = unended(world);
    broken.extend(ends(world));
    broken.extend(keys(world));
    broken.extend(sleeps(world));
    broken.extend(twice(&world.executions.all(), &world.excuses()));
    broken.extend(after_stop(&world.executions.all(), &world.stopped()));
    broken.extend(left(world));
    broken.extend(due_times(world));
    broken.extend(blamed(world));
    broken.extend(kills(world));
    broken.extend(untold(world));
    broken.extend(world.executions.outdated().into_iter().map(Broken::Outdated));
    broken
}

/// The nodes that kill nobody, and failed because workers died.
fn unfairly_blamed(world: &World) -> Vec<Blamed> {
    let is_poison = |blamed: &Blamed| {
        blamed.run == "p" && world.flows[POISON].behaviour(&blamed.node) == Behaviour::Poison
    };
    world.executions.blamed().into_iter().filter(|blamed| !is_poison(blamed)).collect()
}

/// Who kills nobody is blamed only where something else killed its workers often enough.
fn blamed(world: &World) -> Vec<Broken> {
    match world.unfair_deaths() < world.plan.max_deaths as usize {
        true => unfairly_blamed(world).into_iter().map(Broken::Blamed).collect(),
        false => Vec::new(),
    }
}

/// Who kills is executed so often at most, where nothing that is counted is lost.
fn kills(world: &World) -> Vec<Broken> {
    let loses =
        [Trouble::Flush, Trouble::Partition, Trouble::Absence, Trouble::Coordination, Trouble::Silence];
    if !world.plan.has(Trouble::Poison) || loses.into_iter().any(|trouble| world.plan.has(trouble)) {
        return Vec::new();
    }
    let mut times: BTreeMap<(String, u32), usize> = BTreeMap::new();
    let executions = world.executions.all();
    // A worker that stops hands back what still runs, and gives its leases up: whom that kills afterwards nobody counts.
    let kills =
        executions.into_iter().filter(|execution| execution.kills && !world.was_stopping(&execution.worker));
    kills.for_each(|execution| *times.entry((execution.node, execution.round)).or_default() += 1);
    let too_often = times.into_iter().filter(|(_, times)| *times > world.plan.max_deaths as usize);
    too_often.map(|((node, _), times)| Broken::Kills { run: "p".into(), node, times }).collect()
}

fn unended(world: &World) -> Vec<Broken> {
    let unended = world.expected().into_keys().filter_map(|run| {
        let status = world.server.row(&tables(), &run).ok()?.status;
        let ended = matches!(status.as_deref(), Some("completed" | "failed" | "cancelled"));
        (!ended).then_some(Broken::NotEnded { run, status })
    });
    unended.collect()
}

/// Each result counts once: a run has the result that its rules say, and its status row says so.
fn ends(world: &World) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (run, expected) in world.expected() {
        let Ok(row) = world.server.row(&tables(), &run) else { continue };
        let result = row.result.as_ref().map(|result| result.get().to_owned()).unwrap_or_default();
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
        if unfairly_blamed(world).iter().any(|blamed| blamed.run == run) {
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

/// Whether a deployment changed a flow. Its runs came to what either says, or to something in between.
fn is_changed(world: &World, flow: &str) -> bool {
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

/// Whatever the engine keeps under the same names, the user's keys are the user's.
fn keys(world: &World) -> Vec<Broken> {
    let mut broken = Vec::new();
    for run in world.expected().into_keys() {
        let Some(context) = world.server.row(&tables(), &run).ok().and_then(|row| row.context) else {
            continue;
        };
        let own = world.inserted(&run);
        let has = |text: &str| {
            serde_json::from_str::<BTreeMap<String, serde_json::Value>>(text).unwrap_or_default()
        };
        let (before, after) = (has(&own), has(&context));
        if before.iter().any(|(key, value)| after.get(key) != Some(value)) {
            broken.push(Broken::Keys { run, context });
        }
    }
    broken
}

/// Every run that followed its flow to its end was told to begin, and to end as it did.
fn untold(world: &World) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (run, expected) in world.expected() {
        let status = world.server.row(&tables(), &run).ok().and_then(|row| row.status);
        let Some(status) = status.filter(|_| world.plan.listens && expected != Expected::Fails) else {
            continue;
        };
        let wrong = world.tellings.wrong_of(&run, &status, world.plan.troubles.is_empty());
        broken.extend(wrong.into_iter().map(|what| Broken::Untold { run: run.clone(), what }));
    }
    broken
}

/// A node that sleeps goes on when it has slept, whatever its worker's clock says.
fn sleeps(world: &World) -> Vec<Broken> {
    let executions = world.executions.all();
    let mut broken = Vec::new();
    for (run, expected) in world.expected() {
        let Expected::Follows(flow) = expected else { continue };
        for woken in executions.iter().filter(|execution| execution.run == run && execution.resumed) {
            let Some(of) = world.flows[&flow].sleep_of(&woken.node) else { continue };
            let slept_from = executions.iter().filter(|earlier| {
                earlier.run == run
                    && earlier.node == woken.node
                    && !earlier.resumed
                    && earlier.ended.is_some_and(|ended| ended <= woken.begun)
            });
            // Of several executions, the first that ended may be the one that counted.
            let Some(from) = slept_from.filter_map(|earlier| earlier.ended).min() else { continue };
            let slept = woken.begun - from;
            if slept + Duration::from_secs(2) < of && !world.plan.has(Trouble::Reconcile) {
                broken.push(Broken::Overslept { run: run.clone(), node: woken.node.clone(), slept, of });
            }
        }
    }
    broken
}

/// The outputs in a context, by node.
pub fn outputs_of(context: &str) -> BTreeMap<String, String> {
    let values: BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(context).unwrap_or_default();
    let output = |(key, value): (String, Box<serde_json::value::RawValue>)| {
        Some((key.strip_prefix(crate::record::OUTPUTS)?.to_owned(), value.get().to_owned()))
    };
    values.into_iter().filter_map(output).collect()
}

fn is_result_of(result: &str, expected: &End) -> bool {
    let Ok(result) = serde_json::from_str::<serde_json::Value>(result) else { return false };
    let context = &result["payload"]["context"];
    let completed = expected.status == RunStatus::Completed;
    result["status"] == expected.status.as_str()
        && (!completed || outputs_of(&context.to_string()) == expected.outputs)
}

/// An execution is followed by another of the same job only if its worker died, stood still, stopped, or lost its lease.
fn twice(executions: &[ExecutedNode], excuses: &[Excuse]) -> Vec<Broken> {
    let mut last: BTreeMap<(&str, &str, u32, u32), &ExecutedNode> = BTreeMap::new();
    let mut broken = Vec::new();
    for execution in executions {
        let ExecutedNode { run, node, round, attempt, .. } = execution;
        let Some(earlier) = last.insert((run, node, *round, *attempt), execution) else { continue };
        let excused = |excuse: &Excuse| {
            excuse.worker.as_ref().is_none_or(|worker| *worker == earlier.worker)
                && excuse.from <= execution.begun
                && excuse.to >= earlier.begun
        };
        if !excuses.iter().any(excused) {
            let (run, node) = (run.clone(), node.clone());
            broken.push(Broken::Twice { run, node, round: *round, attempt: *attempt });
        }
    }
    broken
}

fn after_stop(executions: &[ExecutedNode], stopped: &BTreeMap<String, Duration>) -> Vec<Broken> {
    let late = executions
        .iter()
        .filter(|execution| stopped.get(&execution.worker).is_some_and(|stopped| execution.begun > *stopped));
    let broken = |ExecutedNode { worker, run, node, .. }: &ExecutedNode| Broken::AfterStop {
        worker: worker.clone(),
        run: run.clone(),
        node: node.clone(),
    };
    late.map(broken).collect()
}

/// Dead letters that nothing explains. Whoever asks for what there is not gets one; a run whose nodes are gone, one for each of
/// them, which fails it.
fn unexpected(world: &World, letters: Vec<String>) -> Vec<String> {
    let expected = world.expected();
    let mut counted: BTreeMap<(String, String), usize> = BTreeMap::new();
    let is_unexpected = |body: &String| {
        let named = expected.iter().find(|(run, _)| body.contains(&format!(r#""runId":"{run}""#)));
        let Some((run, expected)) = named else { return true };
        let (allowed, node) = match expected {
            // A confirm may be lost, and its message come twice.
            Expected::Fails => (20, None),
            Expected::Follows(flow) if is_changed(world, flow) => {
                let nodes = world.flows[flow].description.nodes.iter().map(|node| node.id.to_string());
                let named = nodes.into_iter().find(|node| body.contains(&format!(r#""nodeId":"{node}""#)));
                (if is_buried_once(world) { 1 } else { 10 }, named)
            }
            Expected::Follows(_) => (0, None),
        };
        let count = counted.entry((run.clone(), node.unwrap_or_default())).or_default();
        *count += 1;
        *count > allowed
    };
    letters.into_iter().filter(is_unexpected).collect()
}

/// Whether nothing keeps a worker from failing a run once its message is among the dead letters, nor has that come twice.
fn is_buried_once(world: &World) -> bool {
    let harmless = [
        Trouble::Deploy,
        Trouble::Locks,
        Trouble::Reconcile,
        Trouble::NoJobs,
        Trouble::Unnamed,
        Trouble::Clocks,
        Trouble::Alarm,
        Trouble::Journal,
        Trouble::LostTimers,
    ];
    world.plan.troubles.iter().all(|trouble| harmless.contains(trouble))
}

fn left(world: &World) -> Vec<Broken> {
    let mut broken = Vec::new();
    for queue in world.server.queues() {
        let Some(view) = world.server.queue(&queue) else { continue };
        let messages: Vec<String> = view
            .ready
            .iter()
            .chain(&view.held)
            .map(|message| String::from_utf8_lossy(&message.body).into_owned())
            .collect();
        if queue == format!("{QUEUE}.dead") {
            broken.extend(unexpected(world, messages).into_iter().map(|body| Broken::DeadLetter { body }));
        } else if !messages.is_empty() {
            broken.push(Broken::Left { queue, messages: messages.len() });
        }
    }
    broken
}
