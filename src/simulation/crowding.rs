//! How many nodes are executed at a time: of a run that a client starts with a concurrency, and under a key, where nodes have a
//! limit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;

use super::broken::Broken;
use super::host::ExecutedNode;
use super::plan::{Plan, Trouble};
use super::world::World;

/// With these, places are lost while a node is still executed: its worker stands still longer than its leases last, or cannot
/// renew them, or the store forgets them. A worker that dies or stops keeps its places as long as it executes nodes.
const LOSE_PLACES: [Trouble; 6] = [
    Trouble::Freeze,
    Trouble::Coordination,
    Trouble::Flush,
    Trouble::Partition,
    Trouble::Absence,
    Trouble::Silence,
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
    let ends = world.code_ends();
    let crowd = |(run, most): (String, u32)| {
        let times = most_at_a_time(executions.iter().filter(|each| each.run == run), &ends);
        (times > most as usize).then_some(Broken::Crowded { run, times, most })
    };
    runs.into_iter().filter_map(crowd).collect()
}

/// Never more under a key than its rules say, where no place can be lost.
pub fn over_limit(world: &World) -> Option<Broken> {
    let most = world.plan.limit.filter(|_| !world.plan.has_any(&LOSE_PLACES))?;
    let executions = world.executions.all();
    let times = most_at_a_time(executions.iter().filter(|each| each.limited), &world.code_ends());
    (times > most as usize).then_some(Broken::OverLimit { times, most })
}

/// How many of these nodes were executed at a time at most. One that goes on after a pause only decides its edges, and the code of a
/// worker ends with it.
fn most_at_a_time<'a>(
    executions: impl Iterator<Item = &'a ExecutedNode>,
    ends: &BTreeMap<String, Duration>,
) -> usize {
    let end = |each: &ExecutedNode| {
        let of_worker = ends.get(&each.worker).copied();
        each.ended.or(each.broke_off).or(of_worker).unwrap_or(Duration::MAX)
    };
    let spans: Vec<(Duration, Duration)> =
        executions.filter(|each| !each.resumed).map(|each| (each.begun, end(each))).collect();
    let begins: BTreeSet<Duration> = spans.iter().map(|(begun, _)| *begun).collect();
    let at = |moment: &Duration| {
        spans.iter().filter(|(begun, ended)| begun <= moment && (ended > moment || begun == ended)).count()
    };
    begins.iter().map(at).max().unwrap_or_default()
}
