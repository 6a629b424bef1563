//! Clients that die while they start a run: before or after its rows are committed, before or after its messages are published,
//! or before they are answered. Each such run ends once, or there is nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::broken::Broken;
use super::child;
use super::clients::tell_events;
use super::engines::SimulatedEngine;
use super::schedules::insist;
use super::world::{World, tables};
use crate::error::Result;
use crate::protocol::start::{OnConflict, StartRequest, Started};
use crate::worker::Client;

/// How long a start takes where servers answer soon. A client that dies within it may die at each of its steps.
const START_MICROS: u64 = 15_000;
/// How long a client lives that meets servers which are late, in milliseconds.
const LONG_LIFE: u64 = 30_000;

/// A start whose client may have died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DyingStart {
    /// The flow that the run follows.
    pub flow: String,
    /// A client was told that the run is there.
    pub is_answered: bool,
}

/// Starts a run, and may die meanwhile. Another client may ask for the same run later.
pub async fn die_starting(world: Arc<World>, number: usize, flow: String) {
    let mut random = Rng::with_seed(world.plan.seed ^ 0xd1e ^ (number as u64) << 32);
    tokio::time::sleep(Duration::from_millis(random.u64(..20_000))).await;
    let (run, seed) = (format!("d{number}"), random.u64(..));
    let life = match random.u8(..4) {
        0 => Duration::from_millis(random.u64(..LONG_LIFE)),
        _ => Duration::from_micros(random.u64(..START_MICROS)),
    };
    world.note_dying(&run, &flow, false);
    let is_answered = start_within(&world, (&run, &flow), (life, seed)).await;
    world.note_dying(&run, &flow, is_answered);
    if random.bool() {
        tokio::time::sleep(Duration::from_millis(random.u64(..60_000))).await;
        world.story.tell(format!("another client starts {run}"));
        let SimulatedEngine { engine, .. } = world.engine(&format!("second starter of {run}"), seed ^ 1);
        let client = engine.client();
        insist(|| start(&client, &run, &flow)).await;
        world.note_dying(&run, &flow, true);
    }
    tell_events(&world, &run, &flow).await;
}

/// Starts a run by a client that lives so long. Whether it was told that the run is there.
async fn start_within(world: &World, (run, flow): (&str, &str), (life, seed): (Duration, u64)) -> bool {
    let SimulatedEngine { engine, broker, tasks, .. } = world.engine(&format!("starter of {run}"), seed);
    world.story.tell(format!("a client starts {run}, a run of {flow}"));
    let client = engine.client();
    // What it was doing is dropped with it, wherever it stood.
    let answer = tokio::time::timeout(life, start(&client, run, flow)).await;
    match answer {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            world.story.tell(format!("{run} may not have been started: {error}"));
            false
        }
        Err(_) => {
            world.story.tell(format!("the client that starts {run} dies"));
            broker.cut();
            broker.set_reachable(false);
            tasks.kill();
            false
        }
    }
}

async fn start(client: &Client, run: &str, flow: &str) -> Result<Vec<Started>> {
    let runs = vec![child::run_to_start(run.to_owned(), flow)];
    client.start(StartRequest { runs, on_conflict: OnConflict::UseExisting }).await
}

/// What was told to be there is there, and of what is not there nothing was executed.
pub fn half_started(world: &World) -> Vec<Broken> {
    let there: BTreeSet<String> = world.server.runs(&tables()).into_iter().collect();
    let executed = world.executions.all().into_iter().map(|each| each.run).collect();
    missing(&world.dying(), &there, &executed)
}

fn missing(
    dying: &BTreeMap<String, DyingStart>,
    there: &BTreeSet<String>,
    executed: &BTreeSet<String>,
) -> Vec<Broken> {
    let missing = dying.iter().filter(|(run, _)| !there.contains(*run));
    let wrong = missing.filter(|(run, start)| start.is_answered || executed.contains(*run));
    wrong.map(|(run, _)| Broken::Vanished { run: run.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::plan::{Plan, Trouble};
    use crate::simulation::tests::simulate;

    #[test]
    fn only_a_run_that_was_neither_promised_nor_executed_may_be_missing() {
        for (is_answered, is_there, is_executed, is_wrong) in [
            (false, false, false, false),
            (false, false, true, true),
            (true, false, false, true),
            (true, true, true, false),
            (false, true, false, false),
        ] {
            let set = |is_in: bool| is_in.then(|| "d0".to_owned()).into_iter().collect::<BTreeSet<_>>();
            let dying = BTreeMap::from([("d0".to_owned(), DyingStart { flow: "f".into(), is_answered })]);
            assert_eq!(missing(&dying, &set(is_there), &set(is_executed)).len(), usize::from(is_wrong));
        }
    }

    /// Some of these clients die between the rows and the messages.
    #[test]
    fn without_recovery_a_run_whose_client_died_may_never_begin() {
        let plan = |seed, recovery| Plan {
            recovery,
            pauses: false,
            cancels: false,
            halts: false,
            schedules: 0,
            troubles: vec![Trouble::DyingClients],
            ..Plan::of(seed)
        };
        let is_unended = |seed: &u64| {
            let (broken, _) = simulate(&plan(*seed, false));
            broken.iter().any(|broken| matches!(broken, Broken::NotEnded { run, .. } if run.starts_with('d')))
        };
        let seed = (0..100).find(is_unended).expect("none of them died there");
        let (broken, story) = simulate(&plan(seed, true));
        assert!(broken.is_empty(), "{broken:?}\n{story}");
    }
}
