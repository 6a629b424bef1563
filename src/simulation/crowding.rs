//! Runs that a client starts with a concurrency: so many of their nodes are executed at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;

use super::broken::Broken;
use super::host::ExecutedNode;
use super::plan::{Plan, Trouble};
use super::world::World;

/// With these, places are lost or given up while a node is still executed; or a dead worker's node is, for all that is known.
const LOSE_PLACES: [Trouble; 10] = [
    Trouble::Deploy,
    Trouble::Kill,
    Trouble::Freeze,
    Trouble::Stop,
    Trouble::Coordination,
    Trouble::Flush,
    Trouble::Partition,
    Trouble::Absence,
    Trouble::Silence,
    Trouble::Poison,
];

/// How many nodes of a run may be executed at a time, by its seed; none for any number. A run with a number waits for the store.
pub fn concurrency_of(plan: &Plan, number: usize) -> Option<u32> {
    if plan.has(Trouble::Absence) {
        return None;
    }
    let mut random = Rng::with_seed(plan.seed ^ 0xc0c0 ^ (number as u64) << 32);
    (plan.crowds && random.bool()).then(|| random.u32(1..4))
}

/// Never more than a run may have, where no place can be lost.
pub fn crowded(world: &World) -> Vec<Broken> {
    if world.plan.has_any(&LOSE_PLACES) {
        return Vec::new();
    }
    let (executions, runs) = (world.executions.all(), world.concurrencies());
    let crowd = |(run, most): (String, u32)| {
        let times = most_at_a_time(&executions, &run);
        (times > most as usize).then_some(Broken::Crowded { run, times, most })
    };
    runs.into_iter().filter_map(crowd).collect()
}

/// How many nodes of a run were executed at a time at most. One that goes on after a pause only decides its edges.
fn most_at_a_time(executions: &[ExecutedNode], run: &str) -> usize {
    let of_run = |each: &&ExecutedNode| each.run == run && !each.resumed;
    let spans: Vec<(Duration, Duration)> = executions
        .iter()
        .filter(of_run)
        .map(|each| (each.begun, each.ended.or(each.broke_off).unwrap_or(Duration::MAX)))
        .collect();
    let begins: BTreeSet<Duration> = spans.iter().map(|(begun, _)| *begun).collect();
    let at = |moment: &Duration| {
        spans.iter().filter(|(begun, ended)| begun <= moment && (ended > moment || begun == ended)).count()
    };
    begins.iter().map(at).max().unwrap_or_default()
}
