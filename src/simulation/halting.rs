//! A queue, or a blueprint, that a client pauses for a while: no node starts meanwhile, and all goes on afterwards.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::broken::Broken;
use super::engines::SimulatedEngine;
use super::history::Expected;
use super::pausing::until_answered;
use super::world::{QUEUE, World};
use crate::ports::halting::Haltable;

/// How long a node may be on its way to its start: its worker may stand still, or cannot look what is paused.
const ON_ITS_WAY: Duration = Duration::from_secs(180);
/// The same where nothing goes wrong: a worker looks every two seconds.
const ON_ITS_WAY_IN_PEACE: Duration = Duration::from_secs(3);

/// A time in which something was paused, for sure.
#[derive(Debug, Clone)]
pub struct Halted {
    pub what: Haltable,
    pub from: Duration,
    pub to: Duration,
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
    world.note_halted(Halted { what, from, to });
}

/// No node starts of what is paused.
pub fn executed_while_halted(world: &World) -> Vec<Broken> {
    let on_its_way = if world.plan.troubles.is_empty() { ON_ITS_WAY_IN_PEACE } else { ON_ITS_WAY };
    let (expected, executions) = (world.expected(), world.executions.all());
    let mut broken = Vec::new();
    for Halted { what, from, to } in world.halted() {
        let is_of_it = |run: &str| match &what {
            Haltable::Queue(_) => true,
            Haltable::Blueprint(name) => {
                matches!(expected.get(run), Some(Expected::Follows(flow)) if flow == name)
            }
        };
        let meanwhile = executions
            .iter()
            .filter(|each| each.begun > from + on_its_way && each.begun < to && is_of_it(&each.run));
        broken.extend(
            meanwhile.map(|each| Broken::WhilePaused { run: each.run.clone(), node: each.node.clone() }),
        );
    }
    broken
}
