//! Runs that a client cancels: nothing of them starts any more, and the runs that their nodes wait for end with them.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::broken::Broken;
use super::child::is_descendant;
use super::engines::SimulatedEngine;
use super::pausing::until_answered;
use super::plan::{Plan, Trouble};
use super::world::{World, tables};

/// How long a node may be on its way to its start where nothing goes wrong.
const ON_ITS_WAY_IN_PEACE: Duration = Duration::from_secs(1);

/// With these, a worker may be gone before it has said which child its node has started: the cancelled run does not know of it.
const LEAVE_CHILDREN: [Trouble; 5] =
    [Trouble::Kill, Trouble::Freeze, Trouble::Stop, Trouble::Deploy, Trouble::Poison];

/// A client's call that cancels a run.
#[derive(Debug, Clone)]
pub struct Cancellation {
    pub run: String,
    /// When it was answered, and whether the run was still going on then; none while it is not answered.
    pub answer: Option<(Duration, bool)>,
}

/// When a run is cancelled after its start, by its seed; none if it is not.
fn moment_of(plan: &Plan, number: usize) -> Option<Duration> {
    let mut random = Rng::with_seed(plan.seed ^ 0xca9ce1 ^ (number as u64) << 32);
    (plan.cancels && random.bool()).then(|| Duration::from_millis(random.u64(..40_000)))
}

/// Cancels a run, if its seed says so.
pub async fn cancel_at_some_time(world: Arc<World>, run: String, number: usize) {
    let Some(moment) = moment_of(&world.plan, number) else { return };
    let SimulatedEngine { engine, .. } = world.engine(&format!("canceller of {run}"), world.plan.seed);
    tokio::time::sleep(moment).await;
    world.story.tell(format!("{run} is to be cancelled"));
    world.note_cancellation(Cancellation { run: run.clone(), answer: None });
    let was_going_on = until_answered(|| engine.cancel(&run, "it is not wanted any more")).await;
    let Some(was_going_on) = was_going_on else { return };
    world.story.tell(format!("{run} is cancelled: {was_going_on}"));
    let answer = Some((world.story.elapsed(), was_going_on));
    world.note_cancellation(Cancellation { run, answer });
}

/// Whether a run may have been cancelled: by a client, or with the run whose node started it.
pub fn may_be_cancelled(world: &World, run: &str) -> bool {
    let asked = world.cancellations();
    asked.iter().any(|each| each.run == run || is_descendant(run, &each.run))
}

/// A run that a client was told to have cancelled is cancelled, and nothing of it or of its children starts afterwards.
pub fn not_cancelled(world: &World) -> Vec<Broken> {
    let executions = world.executions.all();
    let on_its_way = world.plan.grace(ON_ITS_WAY_IN_PEACE);
    let leaves_children = world.plan.has_any(&LEAVE_CHILDREN);
    let mut broken = Vec::new();
    for Cancellation { run, answer } in world.cancellations() {
        let Some((answered, true)) = answer else { continue };
        let status = world.server.row(&tables(), &run).ok().and_then(|row| row.status);
        if status.as_deref() != Some("cancelled") {
            broken.push(Broken::Wrong { run: run.clone(), what: format!("it is {status:?}, not cancelled") });
        }
        let late = executions.iter().filter(|each| {
            (each.run == run || (!leaves_children && is_descendant(&each.run, &run)))
                && each.begun > answered + on_its_way
        });
        broken
            .extend(late.map(|each| Broken::AfterCancel { run: each.run.clone(), node: each.node.clone() }));
    }
    broken
}
