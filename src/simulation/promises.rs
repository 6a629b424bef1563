//! The promises, checked when the simulation is over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::broken::Broken;
use super::cancelling::{may_be_cancelled, not_cancelled};
use super::crowding::{crowded, over_limit};
use super::dying::half_started;
use super::executions::{after_stop, blamed, kills, sleeps, twice};
use super::history::Expected;
use super::messages::left;
use super::pausing::executed_while_paused;
use super::results::{ends, unended};
use super::schedules::{are_over, due_times};
use super::telling::{UNTOLD_BEGINNING, UNTOLD_END};
use super::world::{World, tables};
use super::written::written;

/// Nothing is executed for so long: nothing will be.
const STANDSTILL: Duration = Duration::from_secs(10 * 60);
/// So many times what the plan allows, if something is executed all the while.
const LONGEST: u32 = 8;

/// Waits until every run has ended, as long as the plan allows, and longer while nodes are executed; answers with the promises that were broken.
pub async fn check(world: &World) -> Vec<Broken> {
    let mut waited = Duration::ZERO;
    let mut executed = 0;
    while !(are_over(world) && unended(world).is_empty()) && waited < world.plan.calm * LONGEST {
        // A worker of one slot has much to do where subflows are nested: it is late once nothing moves any more.
        let pause = if waited < world.plan.calm { Duration::from_secs(5) } else { STANDSTILL };
        tokio::time::sleep(pause).await;
        waited += pause;
        if waited < world.plan.calm {
            continue;
        }
        let now = world.executions.all().len();
        if std::mem::replace(&mut executed, now) == now {
            break;
        }
    }
    // Gives the workers time to consume late copies of jobs that are done, and the messages that come when a run's time is over.
    let limited = world.plan.cancels || world.expected().into_keys().any(|run| world.limit(&run).is_some());
    tokio::time::sleep(Duration::from_secs(if limited { 180 } else { 60 })).await;
    let mut broken = unended(world);
    broken.extend(ends(world));
    broken.extend(keys(world));
    broken.extend(written(world));
    broken.extend(sleeps(world));
    broken.extend(twice(&world.executions.all(), &world.excuses()));
    broken.extend(after_stop(&world.executions.all(), &world.stopped()));
    broken.extend(executed_while_paused(world));
    broken.extend(not_cancelled(world));
    broken.extend(crowded(world));
    broken.extend(over_limit(world));
    broken.extend(half_started(world));
    broken.extend(left(world));
    broken.extend(due_times(world));
    broken.extend(blamed(world));
    broken.extend(kills(world));
    broken.extend(untold(world));
    broken.extend(world.executions.outdated().into_iter().map(Broken::Outdated));
    broken
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
    let executed: BTreeSet<String> = world.executions.all().into_iter().map(|each| each.run).collect();
    for (run, expected) in world.expected() {
        let status = world.server.row(&tables(), &run).ok().and_then(|row| row.status);
        let Some(status) = status.filter(|_| world.plan.listens && expected != Expected::Fails) else {
            continue;
        };
        // One that is cut short, or cancelled, may end while it pauses. One that goes on after a pause may have two messages of a
        // job, and the later of them tells again how it ended.
        let is_calm = world.plan.troubles.is_empty()
            && !world.plan.halts
            && !world.plan.pauses
            && world.limit(&run).is_none()
            && !may_be_cancelled(world, &run);
        let mut wrong = world.tellings.wrong_of(&run, &status, is_calm);
        if !executed.contains(&run) {
            // Its time was over, or it was cancelled, before a node began. A worker tells again how it ended, and not that it began.
            wrong.retain(|what| *what != UNTOLD_BEGINNING);
        }
        if world.faults.lost_telling(&run) {
            // Two faults at once: the worker that was to tell it died, and the broker lost the message that would have.
            wrong.retain(|what| *what != UNTOLD_END);
        }
        broken.extend(wrong.into_iter().map(|what| Broken::Untold { run: run.clone(), what }));
    }
    broken
}
