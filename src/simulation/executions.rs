//! Which nodes were executed, when, and how often.

use std::collections::BTreeMap;
use std::time::Duration;

use super::broken::Broken;
use super::excuses::Excuse;
use super::flow_set::POISON;
use super::flows::Behaviour;
use super::history::Expected;
use super::host::{Blamed, ExecutedNode};
use super::plan::Trouble;
use super::world::World;

/// An execution is followed by another of the same job only if its worker died, stood still, stopped, or lost its lease.
pub fn twice(executions: &[ExecutedNode], excuses: &[Excuse]) -> Vec<Broken> {
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

/// A worker that has stopped executes nothing.
pub fn after_stop(executions: &[ExecutedNode], stopped: &BTreeMap<String, Duration>) -> Vec<Broken> {
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

/// A node that sleeps goes on when it has slept, whatever its worker's clock says.
pub fn sleeps(world: &World) -> Vec<Broken> {
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

/// The nodes that kill nobody, and failed because workers died.
pub fn unfairly_blamed(world: &World) -> Vec<Blamed> {
    let is_poison = |blamed: &Blamed| {
        blamed.run == "p" && world.flows[POISON].behaviour(&blamed.node) == Behaviour::Poison
    };
    world.executions.blamed().into_iter().filter(|blamed| !is_poison(blamed)).collect()
}

/// Who kills nobody is blamed only where something else killed its workers often enough.
pub fn blamed(world: &World) -> Vec<Broken> {
    match world.unfair_deaths() < world.plan.max_deaths as usize {
        true => unfairly_blamed(world).into_iter().map(Broken::Blamed).collect(),
        false => Vec::new(),
    }
}

/// Who kills is executed so often at most, where nothing that is counted is lost.
pub fn kills(world: &World) -> Vec<Broken> {
    let loses =
        [Trouble::Flush, Trouble::Partition, Trouble::Absence, Trouble::Coordination, Trouble::Silence];
    if !world.plan.has(Trouble::Poison) || world.plan.has_any(&loses) {
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
