//! Runs that a client pauses for a while: no node of them starts meanwhile, and they go on to their ends.

use std::sync::Arc;
use std::time::Duration;

use super::broken::Broken;
use super::engines::SimulatedEngine;
use super::world::World;
use crate::error::{Code, Error};

/// How long a node may be on its way to its start when its run is paused: its worker may stand still, and servers are late.
const ON_ITS_WAY: Duration = Duration::from_secs(180);

/// A time in which a run was paused, for sure.
#[derive(Debug, Clone)]
pub struct Pause {
    pub run: String,
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
    world.note_pause(Pause { run, from, to });
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

/// No node of a paused run starts.
pub fn executed_while_paused(world: &World) -> Vec<Broken> {
    let executions = world.executions.all();
    let mut broken = Vec::new();
    for Pause { run, from, to } in world.pauses() {
        let meanwhile = executions.iter().filter(|execution| {
            execution.run == run && execution.begun > from + ON_ITS_WAY && execution.begun < to
        });
        broken.extend(
            meanwhile.map(|execution| Broken::WhilePaused { run: run.clone(), node: execution.node.clone() }),
        );
    }
    broken
}
