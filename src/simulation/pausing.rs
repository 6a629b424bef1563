//! What a client pauses for a while: a run, the queue, a blueprint. No node of it starts meanwhile, and all goes on to its end.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::broken::Broken;
use super::engines::SimulatedEngine;
use super::history::Expected;
use super::world::{QUEUE, World};
use crate::error::{Code, Error};
use crate::ports::halting::Haltable;

/// How long a node may be on its way to its start where nothing goes wrong: a worker looks every two seconds what is paused.
const ON_ITS_WAY_IN_PEACE: Duration = Duration::from_secs(3);

/// What was paused.
#[derive(Debug, Clone)]
pub enum Paused {
    Run(String),
    ForAll(Haltable),
}

/// A time in which something was paused, for sure.
#[derive(Debug, Clone)]
pub struct Pause {
    pub what: Paused,
    pub from: Duration,
    pub to: Duration,
}

/// Pauses a run for a while.
pub async fn pause_for_a_while(world: Arc<World>, run: String) {
    let draw = |from: u64, to: u64| {
        Duration::from_millis(world.random(|random| random.u64(from * 1_000..to * 1_000)))
    };
    let (begin, length) = (draw(0, 40), draw(1, 500));
    let SimulatedEngine { engine, .. } = world.engine(&format!("operator of {run}"), world.plan.seed);
    let client = engine.client();
    tokio::time::sleep(begin).await;
    let is_paused = until_answered(|| client.pause_run(&run, Some("for a while".into()))).await;
    if is_paused.is_none() {
        return;
    }
    let from = world.story.elapsed();
    world.story.tell(format!("{run} is paused"));
    tokio::time::sleep(length).await;
    let to = world.story.elapsed();
    world.story.tell(format!("{run} is to go on"));
    // Where the answer is lost it goes on all the same, and the next call finds that it does.
    until_answered(|| client.unpause_run(&run)).await;
    world.note_pause(Pause { what: Paused::Run(run), from, to });
}

/// Pauses the queue, or a blueprint, for a while.
pub async fn halt_for_a_while(world: Arc<World>) {
    let mut random = Rng::with_seed(world.plan.seed ^ 0x4a17ed);
    let names: Vec<&String> = world.flows.keys().collect();
    let what = match random.bool() {
        true => Haltable::Queue(QUEUE.to_owned()),
        false => Haltable::Blueprint(names[random.usize(..names.len())].clone()),
    };
    let mut draw = |from: u64, to: u64| Duration::from_millis(random.u64(from * 1_000..to * 1_000));
    let (begin, length) = (draw(0, 40), draw(1, 500));
    let SimulatedEngine { engine, .. } = world.engine("operator of all", world.plan.seed);
    let client = engine.client();
    tokio::time::sleep(begin).await;
    until_answered(|| client.pause(what.clone(), Some("for a while".into()))).await;
    let from = world.story.elapsed();
    world.story.tell(format!("{} {} is paused", what.kind(), what.name()));
    tokio::time::sleep(length).await;
    let to = world.story.elapsed();
    world.story.tell(format!("{} {} is to go on", what.kind(), what.name()));
    until_answered(|| client.unpause(what.clone())).await;
    world.note_pause(Pause { what: Paused::ForAll(what), from, to });
}

/// Calls until it is answered; none where the run is over, or is not there.
pub async fn until_answered<F: Future<Output = Result<bool, Error>>>(call: impl Fn() -> F) -> Option<bool> {
    loop {
        match call().await {
            Ok(answer) => return Some(answer),
            Err(error) if matches!(error.code, Code::RunEnded | Code::RunNotFound) => return None,
            Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_millis(500)).await,
            Err(error) => panic!("the call is refused: {error}"),
        }
    }
}

/// No node of what is paused starts.
pub fn executed_while_paused(world: &World) -> Vec<Broken> {
    let (expected, executions) = (world.expected(), world.executions.all());
    let of_flow =
        |run: &str, name: &str| matches!(expected.get(run), Some(Expected::Follows(flow)) if flow == name);
    let mut broken = Vec::new();
    for Pause { what, from, to } in world.pauses() {
        let is_of_it = |run: &str| match &what {
            Paused::Run(paused) => run == paused,
            Paused::ForAll(Haltable::Queue(_)) => true,
            Paused::ForAll(Haltable::Blueprint(name)) => of_flow(run, name),
        };
        let from = from + world.plan.grace(ON_ITS_WAY_IN_PEACE);
        let meanwhile =
            executions.iter().filter(|each| each.begun > from && each.begun < to && is_of_it(&each.run));
        broken.extend(
            meanwhile.map(|each| Broken::WhilePaused { run: each.run.clone(), node: each.node.clone() }),
        );
    }
    broken
}
